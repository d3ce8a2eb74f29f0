#include <string>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "support/catch.h"
#include "unit/sim/scenario/test_registry.h"

namespace rqsim {
namespace {

std::optional<PolicySet> Parse(std::string_view text, std::vector<Diagnostic>& diagnostics) {
  return ParsePolicySet(text, diagnostics, TestRegistry());
}

TEST_CASE("A policy set on the command line names implementations", "[scenario][policy_text]") {
  std::vector<Diagnostic> diagnostics;
  const auto set = Parse("lock=pi,services=pair,class=fifo,user=rr", diagnostics);
  REQUIRE(set);
  CHECK(diagnostics.empty());
  CHECK(set->name == "lock=pi,services=pair,class=fifo,user=rr");
  CHECK(set->lock->name == "pi");
  REQUIRE(set->services);
  REQUIRE(set->services->size() == 1);
  CHECK(set->services->at(0).name == "pair");
  CHECK(set->sched_class->name == "fifo");
  CHECK(set->user->name == "rr");
  CHECK_FALSE(set->placement);
}

TEST_CASE("Parameters follow a policy behind colons", "[scenario][policy_text]") {
  std::vector<Diagnostic> diagnostics;
  const auto set = Parse(
      "lock=mutex:spin=false:handoff=always:c_lock_fast=20,placement=wake=prev,"
      "class=default:features=NO_HRTICK+NEXT_BUDDY:base_slice=3us",
      diagnostics);
  REQUIRE(set);
  REQUIRE(set->lock->params.size() == 3);
  CHECK(set->lock->params[0] == std::pair<std::string, ParamValue>("spin", false));
  CHECK(set->lock->params[1] ==
        std::pair<std::string, ParamValue>("handoff", std::string("always")));
  CHECK(set->lock->params[2] == std::pair<std::string, ParamValue>("c_lock_fast", int64_t{20}));
  CHECK(set->placement->name == "prev");
  REQUIRE(set->sched_class->params.size() == 2);
  CHECK(std::get<std::vector<std::string>>(set->sched_class->params[0].second) ==
        std::vector<std::string>{"NO_HRTICK", "NEXT_BUDDY"});
  CHECK(std::get<int64_t>(set->sched_class->params[1].second) == 3000);
}

TEST_CASE("Mistakes of the command line are placed in it", "[scenario][policy_text]") {
  struct Row {
    const char* text;
    int code;
    int column;
  };
  for (const Row& row :
       {Row{"lokc=mutex", 101, 1}, Row{"lock=mutx", 104, 6},
        Row{"class=fifo,lock=mutex:spin=3", 103, 28}, Row{"lock=mutex:spni=true", 101, 12},
        Row{"lock=mutex,lock=pi", 108, 12}, Row{"services=pair+pair", 202, 15}, Row{"lock", 104, 5},
        Row{"lock=pi:max_lock_depth=0", 105, 24}}) {
    INFO(row.text);
    std::vector<Diagnostic> diagnostics;
    CHECK_FALSE(Parse(row.text, diagnostics));
    REQUIRE(diagnostics.size() == 1);
    CHECK(diagnostics[0].code == row.code);
    CHECK(diagnostics[0].pos.column == row.column);
    CHECK(diagnostics[0].line == row.text);
  }
}

}  // namespace
}  // namespace rqsim
