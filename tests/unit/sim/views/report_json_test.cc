#include "sim/views/report_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "sim/views/dispatches.h"
#include "sim/views/report_text.h"
#include "sim/views/result_builder.h"
#include "sim/views/result_json.h"
#include "sim/views/result_json_reader.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Two CPUs at 1 MHz, so that a cycle is a microsecond.
//   CPU 0   idle → L 0, L → H 2000 (L preempted), H → L 5000 (H sleeps), L → idle 9000 (exit)
//   CPU 1   idle → H 7500 (woken at 7000), there to the end at 10000
Result Small() {
  FakeRun run{.cpus = 2, .tasks = {"L", "H"}};
  run.scenario.name = "small";
  run.scenario.machine.clock_hz = 1'000'000;
  EventFeed feed(run);
  ResultBuilder builder(Accountant::Reports::kNone);
  Dispatches dispatches;
  feed.To(builder);
  feed.To(dispatches);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Spent(0, 2000, 0, SegmentKind::kUser, feed.Task("L"), feed.Task("L"), 1);
  feed.Wake<SchedWakeupNew>(1500, 0, "H", 0);
  feed.Switch(2000, 0, "L", 'R', "H");
  feed.Spent(2000, 5000, 0, SegmentKind::kUser, feed.Task("H"), feed.Task("H"), 1);
  feed.Switch(5000, 0, "H", 'S', "L");
  feed.Wake<SchedWaking>(7000, 0, "H", 0);
  feed.At(7000, 0, SchedMigrateTask{feed.Task("H"), 120, CpuId(0), CpuId(1)});
  feed.Wake<SchedWakeup>(7000, 0, "H", 1);
  feed.Switch(7500, 1, "idle", 'R', "H");
  feed.Spent(5000, 9000, 0, SegmentKind::kUser, feed.Task("L"), feed.Task("L"), 1);
  feed.Switch(9000, 0, "L", 'X', "idle");
  feed.Spent(7500, 10000, 1, SegmentKind::kUser, feed.Task("H"), feed.Task("H"), 1);
  feed.End(10000);
  Result result = builder.Take();
  result.dispatches = dispatches.Take();
  return result;
}

TEST_CASE("latency has perf's columns, the worst average first", "[views][report]") {
  // L: runtime 6 ms, 2 arrivals, waits 0 and [2000,5000). H: 5.5 ms, 2 arrivals, waits
  // [1500,2000) and [7000,7500). Averages 1.5 and 0.5 ms.
  CHECK(LatencyText(Small()) == " " + std::string(139, '-') +
                                    "\n"
                                    "  Task                  |   Runtime ms  |  Count   | Avg "
                                    "delay ms    | Max delay ms    | "
                                    "Max delay start           | Max delay end          |\n"
                                    " " +
                                    std::string(139, '-') +
                                    "\n"
                                    "  L:1                   |      6.000 ms |        2 | avg:   "
                                    "1.500 ms | max:   3.000 ms | "
                                    "max start:     0.002000 s | max end:     0.005000 s\n"
                                    "  H:2                   |      5.500 ms |        2 | avg:   "
                                    "0.500 ms | max:   0.500 ms | "
                                    "max start:     0.001500 s | max end:     0.002000 s\n"
                                    " " +
                                    std::string(113, '-') +
                                    "\n"
                                    "  TOTAL:                |     11.500 ms |        4 |\n"
                                    " " +
                                    std::string(51, '-') + "\n");
  const auto page = FindReportView("latency")->json(Small());
  CHECK(page["tasks"][1].dump() ==
        R"({"name":"H","id":2,"runtime":5500,"count":2,"avg_delay":500,"max_delay":500,)"
        R"("max_delay_start":1500,"max_delay_end":2000})");
}

TEST_CASE("timehist has a line for each stay that ended", "[views][report]") {
  // H waits [1500,2000) since its making, then runs 3 ms. L was switched out at 2000, runs again
  // from 5000 to 9000; no wake-up lies between.
  const std::string name = std::string(30, '-');
  CHECK(TimehistText(Small()) ==
        "           time    cpu  task name                       wait time  sch delay   run time  "
        "state\n"
        "                        [tid/pid]                          (msec)     (msec)     (msec)\n"
        "--------------- ------  " +
            name +
            "  ---------  ---------  ---------  -----\n"
            "       0.002000 [0000]  L[1]                                0.000      0.000      "
            "2.000  "
            "    R\n"
            "       0.005000 [0000]  H[2]                                0.000      0.500      "
            "3.000  "
            "    S\n"
            "       0.009000 [0000]  L[1]                                3.000      0.000      "
            "4.000  "
            "    X\n");
  CHECK(FindReportView("timehist")->json(Small())["stays"][2].dump() ==
        R"({"time":9000,"cpu":0,"task":"L","id":1,"wait_time":3000,"sch_delay":0,)"
        R"("run_time":4000,"state":"X"})");
}

TEST_CASE("map has a line for each switch and a column for each CPU", "[views][report]") {
  CHECK(MapText(Small()) ==
        "  *A0           0.000000 secs A0 => L:1\n"
        "  *B0           0.002000 secs B0 => H:2\n"
        "  *A0           0.005000 secs\n"
        "   A0 *B0       0.007500 secs\n"
        "  *.   B0       0.009000 secs .  => swapper:0\n");
  const auto switches = FindReportView("map")->json(Small())["switches"];
  CHECK(switches.size() == 5);
  CHECK(switches[4].dump() == R"({"time":9000,"cpu":0,"task":"swapper","id":0})");
}

TEST_CASE("Who executes for somebody else is shown with that, in timehist and map",
          "[views][report]") {
  // L runs [5000,9000) on CPU 0, from 6000 on for H; H begins to run for L.
  Result result = Small();
  const auto cell = [&result](int cpu, int64_t start, int64_t end, int curr, int donor) {
    TimelineCell out;
    out.cpu = CpuId(cpu);
    out.start = Time(start);
    out.end = Time(end);
    out.kind = TimelineCell::Kind::kTask;
    out.curr = TaskId(curr);
    out.donor = TaskId(donor);
    result.timeline.push_back(out);
  };
  cell(0, 0, 2000, 1, 1);
  cell(0, 2000, 5000, 2, 1);
  cell(0, 5000, 6000, 1, 1);
  cell(0, 6000, 9000, 1, 2);
  cell(1, 7500, 10000, 2, 2);
  const std::string timehist = TimehistText(result);
  CHECK(timehist.find("  H/L[2]  ") != std::string::npos);
  CHECK(timehist.find("  L/H[1]  ") != std::string::npos);
  CHECK(timehist.find("  L[1]  ") != std::string::npos);
  CHECK(MapText(result) ==
        "  *A0           0.000000 secs A0 => L:1\n"
        "  *B0           0.002000 secs B0 => H:2 for L:1\n"
        "  *A0           0.005000 secs\n"
        "   A0 *B0       0.007500 secs\n"
        "  *.   B0       0.009000 secs .  => swapper:0\n");
  CHECK(FindReportView("timehist")->json(result)["stays"][2]["donors"].dump() == R"(["H"])");
  CHECK(FindReportView("map")->json(result)["switches"][1]["donor"] == "L");
}

TEST_CASE("Every view has a name of its own, and is found by it", "[views][report]") {
  for (const ReportView& view : ReportViews()) {
    CHECK(FindReportView(view.name) == &view);
    CHECK_FALSE(view.text(Small()).empty());
    CHECK(view.json(Small()).is_object());
  }
  CHECK(FindReportView("nonsense") == nullptr);
}

TEST_CASE("Times are cut off or rounded at microseconds, whatever the clock", "[views][report]") {
  CHECK(MillisecondsText(Cycles(1'499), 1'000'000'000, Rounding::kNearest) == "0.001");
  CHECK(MillisecondsText(Cycles(1'500), 1'000'000'000, Rounding::kNearest) == "0.002");
  CHECK(MillisecondsText(Cycles(1'999), 1'000'000'000, Rounding::kDown) == "0.001");
  CHECK(MillisecondsText(Cycles(999'999'999), 1'000'000'000, Rounding::kNearest) == "1000.000");
  CHECK(MillisecondsText(Cycles(1'234'567'890), 1'000'000'000, Rounding::kDown) == "1234.567");
  // A third of a second.
  CHECK(SecondsText(Time(1), 3) == "0.333333");
  CHECK(SecondsText(Time(int64_t{1} << 60), 1) == "1152921504606846976.000000");
  CHECK(MillisecondsText(Cycles(int64_t{1} << 60), 1, Rounding::kNearest) ==
        "1152921504606846976000.000");
}

TEST_CASE("A result document comes back as it was", "[views][json]") {
  Result result = Small();
  result.digest = 0x0123456789abcdef;
  result.message = "why";
  Violation violation;
  violation.id = "MX-I9";
  violation.at = Time(5);
  violation.task = TaskId(1);
  result.violations.push_back(violation);
  result.timeline = {
      {CpuId(0), Time(0), Time(2000), TimelineCell::Kind::kTask, TaskId(1), TaskId(1)}};
  const std::string text = ResultJsonText(result);
  CHECK(LooksLikeResult(text));
  const auto read = ReadResults(text);
  REQUIRE(read.ok());
  REQUIRE(read->size() == 1);
  CHECK(ResultJsonText(read->front()) == text);
  for (const ReportView& view : ReportViews()) CHECK(view.text(read->front()) == view.text(result));

  const auto list = ReadResults("[" + text + "," + text + "]");
  REQUIRE(list.ok());
  CHECK(list->size() == 2);
}

TEST_CASE("What is no result document is refused, and the place is named", "[views][json]") {
  CHECK_FALSE(LooksLikeResult(R"({"version": 1, "name": "a scenario"})"));
  CHECK_FALSE(LooksLikeResult("{"));
  const nlohmann::json good = ResultToJson(Small());
  const auto error_of = [](const nlohmann::json& document) {
    const auto read = ReadResults(document.dump());
    return read.ok() ? std::string("none") : std::string(read.status().message());
  };
  CHECK(error_of(good) == "none");
  nlohmann::json bad = good;
  bad["schema_version"] = 99;
  CHECK(error_of(bad) == "schema_version: this program reads version 1, not 99");
  bad = good;
  bad["tasks"][1]["exec"] = "much";
  CHECK(error_of(bad) == "tasks[1].exec: a whole number wanted");
  CHECK(error_of(nlohmann::json::array({good, bad})) == "[1].tasks[1].exec: a whole number wanted");
  bad = good;
  bad["dispatches"][0]["task"] = "nobody";
  CHECK(error_of(bad) == "dispatches[0].task: there is no task \"nobody\"");
  bad = good;
  bad["end_cycles"] = uint64_t{1} << 63;
  CHECK(error_of(bad) == "end_cycles: the number is out of range");
  bad = good;
  bad["cpus"][0]["id"] = -1;
  CHECK(error_of(bad) == "cpus[0].id: no such CPU");
  CHECK(ReadResults("{").status().message() == "it is not JSON");
  CHECK(ReadResults("[]").status().message() == "it is an empty list");
  CHECK_FALSE(ReadResults("[1]").ok());
  // Every member taken away in turn: an error, never a crash. Two may be missing.
  for (const auto& [key, value] : good.items()) {
    bad = good;
    bad.erase(key);
    const bool may_be_missing = key == "timeline" || key == "dispatches";
    CHECK((error_of(bad) == "none") == may_be_missing);
  }
}

}  // namespace
}  // namespace rqsim
