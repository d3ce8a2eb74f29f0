#include <string>
#include <vector>

#include "rqsim/import.h"
#include "support/catch.h"

namespace rqsim {
namespace {

struct Imported {
  std::optional<Scenario> scenario;
  std::vector<Diagnostic> diagnostics;
};

Imported Import(std::string_view text) {
  Imported imported;
  imported.scenario = ImportBench(text, "dir/w.json", {Time(4'000'000'000)}, imported.diagnostics);
  return imported;
}

std::string Set(const std::string& policy, const std::string& tasks, int cpus = 1) {
  return R"({"name": "w", "cpus": )" + std::to_string(cpus) + R"(, "policy": ")" + policy +
         R"(", "mutexes": 2, "jobs_per_simulated_second": 1.5, "tasks": [)" + tasks + "]}";
}

constexpr const char* kPlain =
    R"({"name": "a", "period_us": 10, "deadline_us": 9, "wcet_us": 2, "phase_us": 3, "prio": 7})";
constexpr const char* kLocking =
    R"({"name": "b", "period_us": 20, "deadline_us": 20, "wcet_us": 6, "phase_us": 0, "prio": 2,
        "mutex": 1, "pre_us": 1, "cs_us": 2, "post_us": 3})";

TEST_CASE("A job runs its time and waits for the next point of its grid", "[scenario][bench]") {
  const Imported imported = Import(Set("edf", kPlain));
  REQUIRE(imported.scenario);
  CHECK(imported.diagnostics.empty());
  const Scenario& scenario = *imported.scenario;
  CHECK(scenario.name == "w");
  CHECK(scenario.until == Time(4'000'000'000));
  CHECK_FALSE(scenario.machine.tick);
  REQUIRE(scenario.tasks.size() == 1);
  const TaskSpec& task = scenario.tasks.front();
  CHECK(task.start == Time(3000));
  CHECK(task.loop == -1);
  REQUIRE(task.ops.size() == 2);
  CHECK(task.ops[0].kind == OpKind::kRun);
  CHECK(task.ops[0].cycles == Cycles(2000));
  CHECK(task.ops[1].kind == OpKind::kTimer);
  CHECK(task.ops[1].cycles == Cycles(10000));
  CHECK(task.ops[1].timer_mode == TimerMode::kAbsolute);
  CHECK(task.ops[1].unique);
}

TEST_CASE("Under EDF the budget of a task is a little more than a job", "[scenario][bench]") {
  const Imported imported = Import(Set("global-edf", kPlain, 4));
  REQUIRE(imported.scenario);
  CHECK(imported.scenario->machine.cpus.size() == 4);
  const SchedSpec& sched = imported.scenario->tasks.front().sched;
  CHECK(sched.policy == SchedPolicy::kDeadline);
  CHECK(sched.dl_runtime == Cycles(4000));
  CHECK(sched.dl_deadline == Cycles(9000));
  CHECK(sched.dl_period == Cycles(10000));
}

TEST_CASE("Under EDF nothing else bounds or interrupts a task", "[scenario][bench]") {
  const Imported imported = Import(Set("edf", kPlain));
  REQUIRE(imported.scenario);
  const std::optional<PolicyChoice>& classes = imported.scenario->common.sched_class;
  REQUIRE(classes);
  CHECK(classes->name == "default");
  CHECK(classes->params ==
        std::vector<std::pair<std::string, ParamValue>>{{"dl_limits", false},
                                                        {"rt_runtime", int64_t{-1}},
                                                        {"fair_server", false},
                                                        {"hrtick_dl", false}});
  CHECK_FALSE(Import(Set("fixed-priority", kPlain)).scenario->common.sched_class);
}

TEST_CASE("The most important of fixed priorities is 99", "[scenario][bench]") {
  const Imported imported =
      Import(Set("fixed-priority+mutex", std::string(kPlain) + "," + kLocking));
  REQUIRE(imported.scenario);
  const Scenario& scenario = *imported.scenario;
  CHECK(scenario.tasks[0].sched.policy == SchedPolicy::kFifo);
  CHECK(scenario.tasks[0].sched.priority == 98);
  CHECK(scenario.tasks[0].deadline == Cycles(9000));
  CHECK(scenario.tasks[1].sched.priority == 99);
  CHECK(scenario.mutexes == std::vector<std::string>{"m0", "m1"});
  REQUIRE(scenario.policies.size() == 2);
  CHECK(scenario.policies[1].name == "pi");
}

TEST_CASE("A critical section lies in the middle of each job", "[scenario][bench]") {
  const Imported imported = Import(Set("fixed-priority+mutex", kLocking));
  REQUIRE(imported.scenario);
  const std::vector<OpSpec>& ops = imported.scenario->tasks.front().ops;
  REQUIRE(ops.size() == 6);
  CHECK(ops[0].cycles == Cycles(1000));
  CHECK(ops[1].kind == OpKind::kLock);
  CHECK(ops[1].name == "m1");
  CHECK(ops[2].cycles == Cycles(2000));
  CHECK(ops[3].kind == OpKind::kUnlock);
  CHECK(ops[4].cycles == Cycles(3000));
}

TEST_CASE("What is written can be read and is the same", "[scenario][bench]") {
  const Imported imported = Import(Set("fixed-priority+mutex", kLocking));
  REQUIRE(imported.scenario);
  const std::string text = WriteScenario(*imported.scenario);
  std::vector<Diagnostic> diagnostics;
  const auto again = ReadScenario(text, "s.json", diagnostics);
  REQUIRE(again);
  CHECK(diagnostics.empty());
  CHECK(WriteScenario(*again) == text);
}

TEST_CASE("Every mistake of a task set is reported at once", "[scenario][bench]") {
  struct Case {
    std::string tasks;
    std::string message;
  };
  const std::string common = R"("name": "b", "phase_us": 0, "prio": 1, )";
  const Case cases[] = {
      {"{" + common + R"("period_us": 4, "deadline_us": 5, "wcet_us": 1})",
       "5 must not be larger than period_us, 4"},
      {"{" + common + R"("period_us": 5, "deadline_us": 5, "wcet_us": 6})",
       "6 must not be larger than deadline_us, 5"},
      {"{" + common + R"("period_us": 5, "deadline_us": 5, "wcet_us": 3, "mutex": 1})",
       "a critical section needs \"pre_us\" too"},
      {"{" + common + R"("period_us": 5, "deadline_us": 5, "wcet_us": 3, "mutex": 2, "pre_us": 1,
         "cs_us": 1, "post_us": 1})",
       "no mutex 2: \"mutexes\" is 2"},
      {"{" + common + R"("period_us": 5, "deadline_us": 5, "wcet_us": 3, "mutex": 1, "pre_us": 1,
         "cs_us": 1, "post_us": 2})",
       "pre_us + cs_us + post_us is 4, not 3"},
      {kPlain, "a second task named \"a\""},
      {R"({"name": "idle", "period_us": 5, "deadline_us": 5, "wcet_us": 3, "phase_us": 0, "prio": 1})",
       "\"idle\" means something else"},
  };
  std::string all = kPlain;
  for (const Case& one : cases) all += "," + one.tasks;
  const Imported imported = Import(Set("fixed-priority+mutex", all));
  CHECK_FALSE(imported.scenario);
  std::string messages;
  for (const Diagnostic& diagnostic : imported.diagnostics) messages += diagnostic.message + "\n";
  for (const Case& one : cases) {
    INFO(one.message << "\nin\n" << messages);
    CHECK(messages.find(one.message) != std::string::npos);
  }
}

TEST_CASE("A broken text or a wrong shape is refused with its place", "[scenario][bench]") {
  for (const char* text : {"", "{", "[]", R"({"name": 1})", R"({"name": "w", "tasks": []})",
                           R"({"name": "w", "cpus": 0, "policy": "edf", "tasks": []})"}) {
    const Imported imported = Import(text);
    INFO(text);
    CHECK_FALSE(imported.scenario);
    REQUIRE_FALSE(imported.diagnostics.empty());
    CHECK(imported.diagnostics.front().file == "dir/w.json");
  }
  CHECK_FALSE(Import(Set("edf", kPlain, 2)).scenario);
  CHECK_FALSE(Import(Set("rate-monotonic", kPlain)).scenario);
}

}  // namespace
}  // namespace rqsim
