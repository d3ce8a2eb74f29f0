// Acquire contexts in whole runs: every program is a JSON text, every instant worked out by hand.
#include <fmt/core.h>

#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// Operations that came back with an errno: "T2 -EDEADLK@3".
class Errnos final : public Listener {
 public:
  std::string text;

  EventMask Wants() const override { return EventMask::Of(EventKind::kOpEnd); }
  void OnStart(const RunInfo& info, ViolationSink&) override { info_ = &info; }
  void OnEvent(const TraceEvent& event) override {
    const auto end = event.As<OpEnd>();
    if (end.result >= 0) return;
    text += fmt::format("{}{} {}@{}", text.empty() ? "" : ", ", info_->task_name(end.pid),
                        ErrnoName(end.result), event.t.cycles());
  }

 private:
  const RunInfo* info_ = nullptr;
};

struct Run {
  Result result;
  std::string errnos;

  // "0 T1, 5 T2" of a lock.
  std::string Acquired(std::string_view name) const {
    std::string text;
    for (const LockResult& lock : result.locks) {
      if (lock.name != name) continue;
      for (const auto& [at, task] : lock.acquired) {
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", at.cycles(), task);
      }
    }
    return text;
  }
};

// `tasks`: the JSON of the key. One CPU per task, nobody spins, nothing costs anything.
Run RunTasks(int cpus, std::string_view tasks, bool spin = false) {
  const std::string text = fmt::format(
      R"({{"version": 1, "machine": {{"cpus": [{{"ids": "0-{}"}}]}}, "mutexes": ["A", "B", "C"],
         "common": {{"class": "fifo", "placement": {{"wake": "prev"}},
                     "lock": {{"name": "mutex", "spin": {}}}}},
         "tasks": [{}]}})",
      cpus - 1, spin, tasks);
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenario(text, "test.json", diagnostics);
  for (const Diagnostic& diagnostic : diagnostics) UNSCOPED_INFO(diagnostic.message);
  REQUIRE(scenario);
  Errnos errnos;
  RunOptions options;
  options.listeners = {&errnos};
  PolicySet set;
  set.name = "mutex";
  auto result = RunScenario(*scenario, set, options);
  REQUIRE(result.ok());
  for (const Violation& violation : result->violations) UNSCOPED_INFO(violation.message);
  CHECK(result->violations.empty());
  CHECK(result->outcome == Outcome::kDone);
  return {*std::move(result), errnos.text};
}

}  // namespace

TEST_CASE("Wait-die: waiters stand in the order of their stamps, whoever came first",
          "[lock][ww]") {
  // H holds A until 6. The youngest, T3, waits from 2, T2 from 3, T1 from 4: none holds a lock, so
  // none has to die, and each goes before the younger ones. N, without a context, came at 1.
  const Run run = RunTasks(5, R"(
    {"name": "H", "cpus": "0", "ops": [{"lock": "A"}, {"run": 6}, {"unlock": "A"}]},
    {"name": "T1", "cpus": "1", "ops": [{"ww_begin": {"wait_die": true}}, {"run": 4},
       {"lock": "A"}, {"run": 1}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T2", "cpus": "2", "ops": [{"ww_begin": {"wait_die": true}}, {"run": 3},
       {"lock": "A"}, {"run": 1}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T3", "cpus": "3", "ops": [{"ww_begin": {"wait_die": true}}, {"run": 2},
       {"lock": "A"}, {"run": 1}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "N", "cpus": "4", "ops": [{"run": 1}, {"lock": "A"}, {"run": 1}, {"unlock": "A"}]})");
  CHECK(run.errnos == "");
  CHECK(run.Acquired("A") == "0 H, 6 N, 7 T1, 8 T2, 9 T3");
}

TEST_CASE("Wait-die: an older waiter that comes makes a younger one that holds a lock give up",
          "[lock][ww]") {
  // H holds A until 6. T2 holds B and waits for A from 1; that is allowed, the holder has no
  // context. At 2 the older T1 joins in front of it: T2 dies at 2, gives B back, waits without it.
  const Run run = RunTasks(3, R"(
    {"name": "H", "cpus": "0", "ops": [{"lock": "A"}, {"run": 6}, {"unlock": "A"}]},
    {"name": "T1", "cpus": "1", "ops": [{"ww_begin": {"wait_die": true}}, {"run": 2},
       {"lock": "A"}, {"run": 1}, {"lock": "B"}, {"unlock": "B"}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T2", "cpus": "2", "ops": [{"ww_begin": {"wait_die": true}}, {"lock": "B"},
       {"run": 1}, {"lock": {"name": "A", "else": [{"unlock": "B"}, {"lock": "A"}, {"lock": "B"}]}},
       {"run": 1}, {"unlock": "B"}, {"unlock": "A"}, {"ww_end": {}}]})");
  CHECK(run.errnos == "T2 -EDEADLK@2");
  CHECK(run.Acquired("A") == "0 H, 6 T1, 7 T2");
  CHECK(run.Acquired("B") == "0 T2, 7 T1, 7 T2");
}

TEST_CASE("Wound-wait: a wounded owner that runs gives up at its next wait, not before",
          "[lock][ww]") {
  // T2 holds A and C and works until 5; T1 holds B and waits for A from 1: T2 is wounded but runs
  // on. At 5 it asks for B, fails, and may not wait: -EDEADLK. It gives A and C back; T1 has A
  // at 5.
  const Run run = RunTasks(2, R"(
    {"name": "T1", "cpus": "0", "ops": [{"ww_begin": {}}, {"lock": "B"}, {"run": 1}, {"lock": "A"},
       {"run": 2}, {"unlock": "A"}, {"unlock": "B"}, {"ww_end": {}}]},
    {"name": "T2", "cpus": "1", "ops": [{"ww_begin": {}}, {"lock": "A"}, {"lock": "C"}, {"run": 5},
       {"lock": {"name": "B", "then": [{"unlock": "B"}], "else": []}},
       {"unlock": "C"}, {"unlock": "A"}, {"ww_end": {}}]})");
  CHECK(run.errnos == "T2 -EDEADLK@5");
  CHECK(run.Acquired("A") == "0 T2, 5 T1");
  CHECK(run.Acquired("B") == "0 T1");
}

TEST_CASE("A wound is forgotten when no lock is held any more, and the stamp stays", "[lock][ww]") {
  // After MX-20: T2 begins again in its old context and meets T3, which is younger: T2 waits for A
  // holding nothing, then for C of T3, which it wounds at 7; T3 gives C up when it asks for A.
  const Run run = RunTasks(3, R"(
    {"name": "T1", "cpus": "0", "ops": [{"ww_begin": {}}, {"lock": "A"}, {"run": 3}, {"lock": "B"},
       {"run": 2}, {"unlock": "B"}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T2", "cpus": "1", "ops": [{"ww_begin": {}}, {"lock": "B"}, {"run": 1},
       {"lock": {"name": "A", "else": [{"unlock": "B"}, {"lock": "A"}]}},
       {"run": 2}, {"lock": "C"}, {"run": 1}, {"unlock": "C"}, {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T3", "cpus": "2", "start": 1, "ops": [{"ww_begin": {}}, {"run": 5}, {"lock": "C"},
       {"run": 3}, {"lock": {"name": "A", "else": []}}, {"unlock": "C"}, {"ww_end": {}}]})");
  CHECK(run.errnos == "T2 -EDEADLK@3, T3 -EDEADLK@9");
  CHECK(run.Acquired("A") == "0 T1, 5 T2");
  CHECK(run.Acquired("C") == "6 T3, 9 T2");
}

TEST_CASE("A context is opened once and closed once", "[lock][ww]") {
  const Run run = RunTasks(1, R"(
    {"name": "T", "cpus": "0", "ops": [{"ww_begin": {}}, {"run": 1}, {"ww_begin": {}}, {"run": 1},
       {"ww_end": {}}, {"run": 1}, {"ww_end": {}}]})");
  CHECK(run.errnos == "T -EBUSY@1, T -EINVAL@3");
}

TEST_CASE("A context that holds locks does not spin on a lock that has a context", "[lock][ww]") {
  // With spinning on: T2, holding B, would otherwise burn [1,4) of its CPU; it sleeps instead.
  const Run run = RunTasks(2, R"(
    {"name": "T1", "cpus": "0", "ops": [{"ww_begin": {}}, {"lock": "A"}, {"run": 4},
       {"unlock": "A"}, {"ww_end": {}}]},
    {"name": "T2", "cpus": "1", "ops": [{"ww_begin": {}}, {"lock": "B"}, {"run": 1}, {"lock": "A"},
       {"run": 1}, {"unlock": "A"}, {"unlock": "B"}, {"ww_end": {}}]})",
                           true);
  CHECK(run.errnos == "");
  CHECK(run.Acquired("A") == "0 T1, 4 T2");
  for (const TaskResult& task : run.result.tasks) {
    if (task.name == "T2") CHECK(task.exec == Cycles(2));
  }
}

}  // namespace rqsim
