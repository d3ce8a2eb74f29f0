// What rt-app's words do when they run, and the real files to their end.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "rqsim/import.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

Result RunImported(std::string_view text, const RtAppOptions& options,
                   const std::string& lock = "mutex") {
  std::vector<Diagnostic> diagnostics;
  std::optional<Scenario> scenario = ImportRtApp(text, "test.json", options, diagnostics, nullptr);
  REQUIRE(scenario);
  PolicySet set;
  set.name = lock;
  set.lock = PolicyChoice{lock, {}, {}};
  absl::StatusOr<Result> result =
      RunScenario(*scenario, set, {.check = true, .timeline = true, .listeners = {}});
  INFO(result.status().message());
  REQUIRE(result.ok());
  return *std::move(result);
}

// Who runs when on a CPU, in microseconds: "0-10 a, 20-30 b".
std::string Lane(const Result& result, int cpu = 0) {
  std::string lane;
  for (const TimelineCell& cell : result.timeline) {
    if (cell.cpu != CpuId(cpu) || cell.kind != TimelineCell::Kind::kTask ||
        cell.start == cell.end) {
      continue;
    }
    if (!lane.empty()) lane += ", ";
    lane += std::to_string(cell.start.cycles() / 1000) + "-" +
            std::to_string(cell.end.cycles() / 1000) + " " +
            result.task_names.at(cell.curr.index());
  }
  return lane;
}

TEST_CASE("A relative timer that is late counts on from now", "[rtapp]") {
  // Due at 20 and 40. The third activation runs from 40 to 70, past 60; the timer then stands at
  // 70, next at 90.
  const Result result = RunImported(R"({"tasks": {"t": {"loop": 1,
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 30, "timer": {"ref": "unique", "period": 20},
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 10}}})",
                                    {});
  CHECK(Lane(result) == "0-10 t, 20-30 t, 40-80 t, 90-100 t");
  CHECK(result.end == Time(100'000));
}

TEST_CASE("An absolute timer that is late keeps its grid", "[rtapp]") {
  // The same: late for 60 at 70 and, with nothing to spare, for 80 at 80; next at 100.
  const Result result = RunImported(R"({"tasks": {"t": {"loop": 1,
    "run": 10, "timer": {"ref": "unique", "period": 20, "mode": "absolute"},
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 30, "timer": {"ref": "unique", "period": 20},
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 10, "timer": {"ref": "unique", "period": 20},
    "run": 10}}})",
                                    {});
  CHECK(Lane(result) == "0-10 t, 20-30 t, 40-90 t, 100-110 t");
}

TEST_CASE("A shared timer goes on for whoever uses it", "[rtapp]") {
  // a moves the timer to 20 at 5 and sleeps; b moves it to 40 at 8 and sleeps. Each on a CPU of its
  // own.
  const Result result = RunImported(R"({"tasks": {
    "a": {"loop": 1, "cpus": [0], "run": 5, "timer": {"ref": "tick", "period": 20}, "run": 1},
    "b": {"loop": 1, "cpus": [1], "run": 8, "timer": {"ref": "tick", "period": 20}, "run": 1}}})",
                                    {});
  CHECK(Lane(result, 0) == "0-5 a, 20-21 a");
  CHECK(Lane(result, 1) == "0-8 b, 40-41 b");
}

TEST_CASE("A resume without a sleeper is lost", "[rtapp]") {
  // The resume at 5 finds nobody, since b suspends at 10; the one at 25 wakes it.
  const Result result = RunImported(R"({"tasks": {
    "a": {"loop": 1, "cpus": [0], "run": 5, "resume": "b", "run": 20, "resume": "b"},
    "b": {"loop": 1, "cpus": [1], "run": 10, "suspend", "run": 3}}})",
                                    {});
  CHECK(Lane(result, 1) == "0-10 b, 25-28 b");
}

TEST_CASE("runtime looks at the clock, run at the work", "[rtapp]") {
  // Both are kept from the CPU from 5 to 15. The work of 10 ends at 20, the time of 10 is over
  // at 15... after 10.
  const char* const kRival =
      R"("rival": {"loop": 1, "policy": "SCHED_FIFO", "delay": 5, "run": 10})";
  const auto lane = [&](const std::string& word) {
    return Lane(RunImported(
        "{\"tasks\": {\"t\": {\"loop\": 1, \"" + word + "\": 12}, " + kRival + "}}", {}));
  };
  CHECK(lane("run") == "0-5 t, 5-15 rival, 15-22 t");
  // 12 were over while the rival had the CPU: nothing is left to do at 15.
  CHECK(lane("runtime") == "0-5 t, 5-15 rival");
}

TEST_CASE("wait gives the mutex up and comes back with it", "[rtapp]") {
  // b gets m at 2, when a waits; it signals at 6 and keeps m until 9, so a goes on at 9.
  const Result result = RunImported(R"({"tasks": {
    "a": {"loop": 1, "cpus": [0], "lock": "m", "run": 2, "wait": {"ref": "c", "mutex": "m"},
          "run": 4, "unlock": "m"},
    "b": {"loop": 1, "cpus": [1], "run": 1, "lock": "m", "run": 4, "signal": "c", "run": 3,
          "unlock": "m"}}})",
                                    {}, "pi");
  CHECK(Lane(result, 0) == "0-2 a, 9-13 a");
  CHECK(Lane(result, 1) == "0-1 b, 2-9 b");
}

TEST_CASE("A barrier lets go when the last instance has come", "[rtapp]") {
  // Three instances sleep on one CPU after 1, 2 and 3; the other thread comes at 10.
  const Result result = RunImported(R"({"tasks": {
    "t": {"loop": 1, "instance": 3, "cpus": [0], "policy": "SCHED_FIFO", "run": 1, "barrier": "b", "run": 1},
    "u": {"loop": 1, "cpus": [1], "run": 10, "barrier": "b", "run": 5}}})",
                                    {});
  CHECK(Lane(result, 0) == "0-1 t-0, 1-2 t-1, 2-3 t-2, 10-11 t-0, 11-12 t-1, 12-13 t-2");
  CHECK(Lane(result, 1) == "0-15 u");
}

TEST_CASE("fork makes a task of a template, and a further one of a thread that is there",
          "[rtapp]") {
  const Result result = RunImported(R"({"tasks": {
    "child": {"loop": 1, "instance": 0, "cpus": [1], "run": 4},
    "peer": {"loop": 1, "cpus": [2], "run": 2},
    "parent": {"loop": 1, "cpus": [0], "run": 5, "fork": "child", "fork": "peer", "run": 1}}})",
                                    {});
  CHECK(Lane(result, 0) == "0-6 parent");
  REQUIRE(result.outcome == Outcome::kDone);
  int64_t num_children = 0;
  for (const TaskResult& task : result.tasks) {
    if (task.name.starts_with("child-")) {
      ++num_children;
      CHECK(task.start == Time(5'000));
      CHECK(task.finish == Time(9'000));
    }
    if (task.name == "peer") CHECK(task.finish == Time(2'000));
    if (task.name.starts_with("peer-")) {
      ++num_children;
      CHECK(task.finish == Time(7'000));
    }
  }
  CHECK(num_children == 2);
}

TEST_CASE("rt-app's own barrier example takes its published times", "[rtapp]") {
  // R7: task1 waits from 2000 to 3000 at FIRST, task0 from 5000 to 6000 at SECOND.
  const Result result = RunImported(R"({"tasks": {
    "task0": {"loop": 1, "cpus": [0], "runtime1": 1000, "sleep1": 2000, "barrier1": "FIRST", "runtime2": 2000, "barrier2": "SECOND"},
    "task1": {"loop": 1, "cpus": [1], "runtime1": 2000, "barrier1": "FIRST", "runtime2": 1000, "sleep2": 2000, "barrier2": "SECOND"}}})",
                                    {});
  CHECK(Lane(result, 0) == "0-1000 task0, 3000-5000 task0");
  CHECK(Lane(result, 1) == "0-2000 task1, 3000-4000 task1");
  CHECK(result.end == Time(6'000'000));
}

}  // namespace
}  // namespace rqsim
