// The tables that the two hotplug services are made of: which states there are, in which order
// notifiers are called, and what is wrong with a text that describes one.
#include <string>
#include <vector>

#include "service/cpuhp_table.h"
#include "service/notifier.h"
#include "support/catch.h"

namespace rqsim {
namespace {

absl::Status Build(cpuhp::Table& table, const char* which, std::vector<std::string> states = {},
                   std::vector<std::string> costs = {}) {
  return table.Build(which, false, Cycles(1), Cycles(1), costs, states);
}

TEST_CASE("The short table has the states of the worked examples and no other", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini").ok());
  for (const int number : {40, 43, 58, 83, 87, 138, 148, 187, 189, 190, 235}) {
    CHECK(table.HasCallback(number, true));
  }
  for (const int number : {40, 43, 58, 83, 87, 88, 137, 138, 139, 143, 147, 148, 187, 189, 235}) {
    CHECK(table.HasCallback(number, false));
  }
  CHECK_FALSE(table.HasCallback(190, false));
  CHECK_FALSE(table.HasCallback(154, true));
  CHECK(table.Find("sched:active") == 235);
  CHECK(table.Find("235") == 235);
  CHECK(table.Find("no:such") == -1);
}

TEST_CASE("A dynamic state takes the lowest free slot, until none is left", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "full", {"name=a nr=193", "name=b nr=dyn", "name=c nr=dyn cost=7"}).ok());
  CHECK(table.at(193).name == "a");
  CHECK(table.at(192).name == "b");
  CHECK(table.at(194).name == "c");
  CHECK(table.at(194).up.cost == Cycles(7));
  cpuhp::Table full;
  const std::vector<std::string> many(42, "name=x nr=dyn");
  CHECK_FALSE(Build(full, "full", many).ok());
  cpuhp::Table taken;
  CHECK_FALSE(Build(taken, "full", {"name=x nr=187"}).ok());
}

TEST_CASE("Instances stand in their list with the newest first", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini", {"name=a nr=192 instances=I1,!I2,I3"}).ok());
  const std::vector<cpuhp::Instance>& list = table.at(192).instances;
  REQUIRE(list.size() == 3);
  CHECK(list[0].name == "I3");
  CHECK(list[1].name == "I2");
  CHECK(list[1].fails_up);
  CHECK(list[2].name == "I1");
}

TEST_CASE("Costs are those of a state, by number or name", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini", {}, {"187=5", "RCU/tree:online=2"}).ok());
  CHECK(table.at(187).down.cost == Cycles(5));
  CHECK(table.at(189).up.cost == Cycles(2));
  cpuhp::Table bad;
  CHECK_FALSE(Build(bad, "mini", {}, {"999=5"}).ok());
}

TEST_CASE("Notifiers come by priority, and those of the same as they registered", "[service]") {
  notifier::Chain chain;
  REQUIRE(chain.Build({"b", "a priority=5", "c", "d priority=-3"}, Cycles(1), 1).ok());
  const auto names = [&](bool down) {
    std::string text;
    for (int i = 0; i < chain.size(); ++i) text += chain.at(chain.OrderOf(i, down)).name;
    return text;
  };
  CHECK(names(false) == "abcd");
  CHECK(names(true) == "abcd");
  chain.SetMirrored(true);
  CHECK(names(false) == "bacd");
  CHECK(names(true) == "dcab");
}

TEST_CASE("A notifier that registers later comes in at its place", "[service]") {
  notifier::Chain chain;
  REQUIRE(chain.Build({"a", "late priority=1 registered=0"}, Cycles(1), 1).ok());
  CHECK(chain.size() == 1);
  chain.Register(chain.Find("late"));
  REQUIRE(chain.size() == 2);
  CHECK(chain.at(chain.OrderOf(0, false)).name == "late");
  notifier::Chain bad;
  CHECK_FALSE(bad.Build({"a bad=never"}, Cycles(1), 1).ok());
  CHECK_FALSE(bad.Build({"b access=rude"}, Cycles(1), 1).ok());
}

}  // namespace
}  // namespace rqsim
