// The tables that the two hotplug services are made of: which states there are, in which order
// notifiers are called, and what is wrong with a text that describes one.
#include <string>
#include <vector>

#include "service/cpuhp_table.h"
#include "service/notifier.h"
#include "support/catch.h"

namespace rqsim {
namespace {

std::vector<ParamProblem> Build(cpuhp::Table& table, const char* which,
                                std::vector<std::string> states = {},
                                std::vector<std::string> costs = {}) {
  std::vector<ParamProblem> problems;
  table.Build(which, false, Cycles(1), Cycles(1), costs, states, problems);
  return problems;
}
std::vector<ParamProblem> Build(notifier::Chain& chain, const std::vector<std::string>& texts) {
  std::vector<ParamProblem> problems;
  chain.Build(texts, Cycles(1), 1, problems);
  return problems;
}

TEST_CASE("The short table has the states of the worked examples and no other", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini").empty());
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
  REQUIRE(Build(table, "full", {"name=a nr=193", "name=b nr=dyn", "name=c nr=dyn cost=7"}).empty());
  CHECK(table.at(193).name == "a");
  CHECK(table.at(192).name == "b");
  CHECK(table.at(194).name == "c");
  CHECK(table.at(194).up.cost == Cycles(7));
  cpuhp::Table full;
  std::vector<std::string> many;
  for (int k = 0; k < 42; ++k) many.push_back("nr=dyn name=x" + std::to_string(k));
  CHECK(Build(full, "full", many).size() == 1);
  cpuhp::Table taken;
  CHECK(Build(taken, "full", {"name=x nr=187"}).size() == 1);
}

TEST_CASE("Instances stand in their list with the newest first", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini", {"name=a nr=192 instances=I1,!I2,I3"}).empty());
  const std::vector<cpuhp::Instance>& list = table.at(192).instances;
  REQUIRE(list.size() == 3);
  CHECK(list[0].name == "I3");
  CHECK(list[1].name == "I2");
  CHECK(list[1].fails_up);
  CHECK(list[2].name == "I1");
}

TEST_CASE("Costs are those of a state, by number or name", "[service]") {
  cpuhp::Table table;
  REQUIRE(Build(table, "mini", {}, {"187=5", "RCU/tree:online=2"}).empty());
  CHECK(table.at(187).down.cost == Cycles(5));
  CHECK(table.at(189).up.cost == Cycles(2));
  cpuhp::Table bad;
  CHECK(Build(bad, "mini", {}, {"999=5"}).size() == 1);
}

TEST_CASE("Notifiers come by priority, and those of the same as they registered", "[service]") {
  notifier::Chain chain;
  REQUIRE(Build(chain, {"b", "a priority=5", "c", "d priority=-3"}).empty());
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
  REQUIRE(Build(chain, {"a", "late priority=1 registered=0"}).empty());
  CHECK(chain.size() == 1);
  chain.Register(chain.Find("late"));
  REQUIRE(chain.size() == 2);
  CHECK(chain.at(chain.OrderOf(0, false)).name == "late");
  notifier::Chain bad;
  CHECK(Build(bad, {"a bad=never"}).size() == 1);
  CHECK(Build(bad, {"b access=rude"}).size() == 1);
}

// Columns counted by hand, from 0.
TEST_CASE("Everything that is wrong with a text is found, each at its word", "[service]") {
  using Kind = ParamProblem::Kind;
  struct Wrong {
    Kind kind;
    int item;
    int64_t at;
  };
  const auto check = [](const std::vector<ParamProblem>& found, const std::vector<Wrong>& wanted) {
    REQUIRE(found.size() == wanted.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CAPTURE(i, found[i].message);
      CHECK(found[i].kind == wanted[i].kind);
      CHECK(found[i].item == wanted[i].item);
      CHECK(found[i].at == wanted[i].at);
      CHECK_FALSE(found[i].message.empty());
      CHECK_FALSE(found[i].hint.empty());
    }
  };
  cpuhp::Table table;
  check(Build(table, "full",
              {"name=a nr=300 up=2 colour=red", "nr=192 cost=x", "name=b nr=142", "name=b nr=dyn",
               "name=c fail=never instances=I1,,I1 name=d", "name=sched:active nr=200"},
              {"187", "nosuch=3 187=-1", ""}),
        {{Kind::kValue, 0, 10},
         {Kind::kValue, 0, 17},
         {Kind::kForm, 0, 19},
         {Kind::kValue, 1, 12},
         {Kind::kForm, 1, 0},
         {Kind::kName, 2, 10},
         {Kind::kValue, 4, 12},
         {Kind::kForm, 4, 31},
         {Kind::kName, 4, 32},
         {Kind::kForm, 4, 35},
         {Kind::kName, 5, 5},
         {Kind::kForm, 0, 0},
         {Kind::kName, 1, 0},
         {Kind::kValue, 1, 13},
         {Kind::kForm, 2, 0}});
  notifier::Chain chain;
  check(Build(chain, {"a priority=x bad=dead,never access=rude", "cost=3", "a", "b loud size=1"}),
        {{Kind::kValue, 0, 11},
         {Kind::kValue, 0, 22},
         {Kind::kValue, 0, 35},
         {Kind::kForm, 1, 0},
         {Kind::kName, 2, 0},
         {Kind::kForm, 3, 2},
         {Kind::kForm, 3, 7}});
  std::vector<ParamProblem> problems;
  CHECK(chain.DependenciesOf({"a b"}, problems).size() == 1);
  chain.DependenciesOf({"a", "a c"}, problems);
  check(problems, {{Kind::kForm, 0, 0}, {Kind::kName, 1, 2}});
}

}  // namespace
}  // namespace rqsim
