#include "cli/edit.h"

#include <optional>
#include <string>

#include "support/catch.h"

namespace rqsim {
namespace {

// The edited document without blanks and newlines, or the error.
std::string Edited(const std::string& document, const std::string& edit) {
  std::string error;
  const std::optional<std::string> text = EditScenario(document, {edit}, error);
  if (!text) return error;
  std::string out;
  for (const char c : *text) {
    if (c != ' ' && c != '\n') out += c;
  }
  return out;
}

TEST_CASE("--set finds names that have dots in them, in objects and in lists", "[cli][edit]") {
  const std::string sets = R"({"policies":{"proxy-7.2":{"lock":{"spin":true}},"a.b.c":1}})";
  CHECK(Edited(sets, "policies.proxy-7.2.lock.spin=false") ==
        R"({"policies":{"proxy-7.2":{"lock":{"spin":false}},"a.b.c":1}})");
  CHECK(Edited(sets, "policies.a.b.c=2") ==
        R"({"policies":{"proxy-7.2":{"lock":{"spin":true}},"a.b.c":2}})");
  const std::string tasks = R"({"tasks":[{"name":"io.1","start":0},{"name":"io","start":0}]})";
  CHECK(Edited(tasks, "tasks.io.1.start=5") ==
        R"({"tasks":[{"name":"io.1","start":5},{"name":"io","start":0}]})");
}

TEST_CASE("What is not there yet is made, a part at each dot", "[cli][edit]") {
  CHECK(Edited("{}", "machine.costs.c_ctx=100") == R"({"machine":{"costs":{"c_ctx":100}}})");
  CHECK(Edited(R"({"tasks":[{"name":"a","ops":[{"run":1}]}]})", "tasks.a.ops[0].run=5ms") ==
        R"({"tasks":[{"name":"a","ops":[{"run":"5ms"}]}]})");
  CHECK(Edited(R"({"tasks":[]})", "tasks.b.start=1") ==
        "--set tasks.b.start=1: tasks has no element b");
}

}  // namespace
}  // namespace rqsim
