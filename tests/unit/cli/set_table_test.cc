#include "cli/set_table.h"

#include <string>

#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE("Heads of a table of sets are broken at the parts of a name", "[cli][set-table]") {
  SetTable table("Run", {"mutex", "proxy-v9"});
  CHECK(table.empty());
  table.AddColumn("proxy_migrations", {"-", "4"});
  table.AddColumn("wait.max", {"120", "90"});
  table.AddColumn("end", {"1", "2"});
  CHECK_FALSE(table.empty());
  // "migrations" has ten columns, "wait." five; "wait." and "max" do not fit in those.
  CHECK(table.Text(100) ==
        "              proxy_  wait.\n"
        "Run       migrations    max  end\n"
        "mutex              -    120    1\n"
        "proxy-v9           4     90    2\n");
}

TEST_CASE("A head stays whole where the numbers leave room for it", "[cli][set-table]") {
  SetTable table("Locks: A", {"a"});
  table.AddColumn("wait.max", {"12345678"});
  CHECK(table.Text(100) ==
        "Locks: A  wait.max\n"
        "a         12345678\n");
}

TEST_CASE("What does not fit stands below, with the names again", "[cli][set-table]") {
  SetTable table("", {"a", "b"});
  table.AddColumn("one", {"1", "2"});
  table.AddColumn("two", {"3", "4"});
  const std::string below =
      "   one\na    1\nb    2\n"
      "   two\na    3\nb    4\n";
  // Name, gap and column take 6 columns, both columns 11.
  CHECK(table.Text(10) == below);
  CHECK(table.Text(11) == "   one  two\na    1    3\nb    2    4\n");
  CHECK(table.Text(2) == below);
}

}  // namespace
}  // namespace rqsim
