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
  // Kept from the CPU from 5 to 15: 7 of the work of 12 are left then, the time of 12 has passed.
  const char* const kRival =
      R"("rival": {"loop": 1, "policy": "SCHED_FIFO", "delay": 5, "run": 10})";
  const auto lane = [&](const std::string& word) {
    return Lane(RunImported(
        "{\"tasks\": {\"t\": {\"loop\": 1, \"" + word + "\": 12}, " + kRival + "}}", {}));
  };
  CHECK(lane("run") == "0-5 t, 5-15 rival, 15-22 t");
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

// ------------------------------------------------------------------------------ the real files

const std::filesystem::path kFolder = "../shared/data/real/rtapp";

bool IsAbsent() {
  if (std::filesystem::is_directory(kFolder)) return false;
  WARN("SKIPPED: " << kFolder.string() << " is not there");
  return true;
}

std::string TextOf(const std::string& file) {
  std::ifstream stream(kFolder / file, std::ios::binary);
  REQUIRE(stream.good());
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

// When a task runs before `end`, in microseconds, wherever it is: "0-10, 20-30".
std::string WhenRuns(const Result& result, std::string_view name, int64_t end) {
  std::string runs;
  for (const TimelineCell& cell : result.timeline) {
    if (cell.kind != TimelineCell::Kind::kTask || cell.start == cell.end ||
        cell.start >= Time(end * 1000) || result.task_names.at(cell.curr.index()) != name) {
      continue;
    }
    if (!runs.empty()) runs += ", ";
    runs +=
        std::to_string(cell.start.cycles() / 1000) + "-" + std::to_string(cell.end.cycles() / 1000);
  }
  return runs;
}

TEST_CASE("The real files run to their end under both protocols", "[rtapp][shared]") {
  if (IsAbsent()) return;
  struct Row {
    const char* file;
    Outcome outcome;
    int64_t end_ms;  // their duration; example 5 has none, see below
  };
  const std::vector<Row> rows = {
      {"rtapp-template.json", Outcome::kUntil, 6'000},
      {"rtapp-tutorial-example1.json", Outcome::kUntil, 2'000},
      {"rtapp-tutorial-example2.json", Outcome::kUntil, 2'000},
      {"rtapp-tutorial-example5.json", Outcome::kDone, 1'600},
      {"rtapp-tutorial-example7.json", Outcome::kUntil, 5'000},
      {"rtapp-tutorial-example8.json", Outcome::kUntil, 2'000},
      {"rtapp-tutorial-example9.json", Outcome::kUntil, 2'000},
      {"wa-browser-short.json", Outcome::kUntil, 6'000},
      {"wa-camera-short.json", Outcome::kUntil, 6'000},
      {"wa-mp3-long.json", Outcome::kUntil, 600'000},
      {"wa-spreading-tasks.json", Outcome::kUntil, 60'000},
      {"wa-video-short.json", Outcome::kUntil, 6'000},
  };
  for (const Row& row : rows) {
    for (const char* lock : {"mutex", "pi"}) {
      INFO(row.file << " under " << lock);
      const Result result = RunImported(TextOf(row.file), {}, lock);
      CHECK(result.outcome == row.outcome);
      CHECK(result.end == Time(row.end_ms * 1'000'000));
      CHECK(result.violations.empty());
    }
  }
}

TEST_CASE("The real file with a deadline thread runs", "[rtapp][shared]") {
  if (IsAbsent()) return;
  std::vector<Diagnostic> diagnostics;
  const auto scenario =
      ImportRtApp(TextOf("rtapp-custom-slice.json"), "slice.json", {}, diagnostics, nullptr);
  REQUIRE(scenario);
  const auto result = RunScenario(*scenario, PolicySet{}, {});
  REQUIRE(result.ok());
  CHECK(result->outcome == Outcome::kUntil);
}

TEST_CASE("Tutorial example 5 goes its way, spinning or sleeping for its mutex",
          "[rtapp][shared]") {
  if (IsAbsent()) return;
  // thread0 sleeps 10 ms, then does 8 rounds of 120 ms on the grid of its timer, 200 ms from its
  // start: the first from 10, round k from 200 (k - 1), the last one's timer is over at 1600. In
  // each round it locks, signals after 10, unlocks after 20, resumes thread1 after 120. thread1
  // waits for the signal of round 1, is resumed in rounds 1 and 2, and so on for three loops and
  // six rounds; the signals of rounds 2, 4 and 6 come while it is suspended and are lost. Each time
  // it runs 10.
  const std::string text = TextOf("rtapp-tutorial-example5.json");
  const Result pi = RunImported(text, {}, "pi");
  CHECK(WhenRuns(pi, "thread0", 500'000) == "10000-130000, 200000-320000, 400000-520000");
  CHECK(WhenRuns(pi, "thread1", 2'000'000) ==
        "30000-40000, 130000-140000, 320000-330000, 420000-430000, 520000-530000, 720000-730000, "
        "820000-830000, 920000-930000, 1120000-1130000");
  // Woken by the signal, thread1 wants the mutex that thread0 keeps for another 10 ms on another
  // CPU: it spins.
  const Result mutex = RunImported(text, {}, "mutex");
  CHECK(WhenRuns(mutex, "thread1", 2'000'000) ==
        "20000-40000, 130000-140000, 320000-330000, 410000-430000, 520000-530000, 720000-730000, "
        "810000-830000, 920000-930000, 1120000-1130000");
}

TEST_CASE("Tutorial example 7 takes the times of its own comment", "[rtapp][shared]") {
  if (IsAbsent()) return;
  const Result result =
      RunImported(TextOf("rtapp-tutorial-example7.json"), {.cpus = 2, .name = ""});
  // After SECOND at 6000: task0 runs 1000 and sleeps 2000, task1 runs 2000 and waits at THIRD until
  // 9000.
  CHECK(WhenRuns(result, "task0", 9'000) == "0-1000, 3000-5000, 6000-7000");
  CHECK(WhenRuns(result, "task1", 9'000) == "0-2000, 3000-4000, 6000-8000");
}

}  // namespace
}  // namespace rqsim
