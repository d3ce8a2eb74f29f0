#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "sim/views/result_builder.h"
#include "sim/views/result_json.h"
#include "sim/views/summary.h"
#include "sim/views/text_table.h"
#include "sim/views/timeline.h"
#include "support/catch.h"
#include "support/events.h"
#include "support/mx04.h"

namespace rqsim {
namespace {

Result Mx04Result() {
  FakeRun run = Mx04Run();
  run.scenario.name = "MX-04";
  EventFeed feed(run);
  ResultBuilder builder;
  Timeline timeline;
  feed.To(builder);
  feed.To(timeline);
  FeedMx04(feed);
  feed.end() = Mx04End();
  feed.end().events = 52;
  feed.end().digest = 0x1f;
  feed.End();
  Result result = builder.Take();
  result.timeline = timeline.cells();
  return result;
}

TEST_CASE("The summary shows tasks, CPUs and locks of MX-04", "[views][summary]") {
  Result result = Mx04Result();
  Violation violation;
  violation.id = "MX-I9";
  violation.at = Time(5);
  violation.message = "L exits holding A";
  result.violations.push_back(violation);
  // The numbers are those of mutex.md 7.1 as mx04.h works them out.
  CHECK(SummaryText(result) ==
        "MX-04, policy fake: done at 11 cycles\n"
        "events 52, digest 000000000000001f, schedule digest 0000000000000000\n"
        "violation MX-I9 at 5: L exits holding A\n"
        "\n"
        "TASK  EXEC  BLOCKED  RESPONSE  SWITCHES  FINISH  WAITED FOR\n"
        "L        9        0         9         1       9\n"
        "H        5        6        11         2      11  lock A owner L 3, wake-up 3\n"
        "\n"
        "CPU  USER  OVERHEAD  IDLE  COSTS\n"
        "0       6         4     1  c_ctx 2, c_wake 2\n"
        "1       3         3     5  c_ctx 3\n"
        "\n"
        "LOCK  ACQUIRED  FAST  SLOW  WAIT  HOLD  WAKEUPS\n"
        "A            2     1     1     7     4        1\n");
}

TEST_CASE("No line of a summary is wider than asked, names and causes permitting",
          "[views][summary]") {
  Result result = Mx04Result();
  for (TaskResult& task : result.tasks) {
    task.name = "a-name-that-is-much-longer-than-any-terminal-likes";
    task.exec = task.blocked = task.run_delay = task.sleeping = Cycles(int64_t{1} << 60);
    task.waits = {{"lock waitlist owner bc_dist", Cycles(int64_t{1} << 60), false},
                  {"ran meteorology", Cycles(int64_t{1} << 50), false},
                  {"sleep", Cycles(7), true}};
  }
  const std::string text = SummaryText(result, 80);
  CHECK(text.find("sleep") == std::string::npos);
  CHECK(text.find("a-name-that-is-much-lo..") != std::string::npos);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line);
    CHECK(line.size() <= 80);
  }
}

TEST_CASE("A table leaves out the columns of least weight until it fits", "[views][text_table]") {
  TextTable table;
  table.AddColumn("NAME", TextTable::Align::kLeft, 0);
  table.AddColumn("AAAA", TextTable::Align::kRight, 2);
  table.AddColumn("BBBB", TextTable::Align::kRight, 1);
  table.AddColumn("ZERO", TextTable::Align::kRight, 9);
  table.AddRow({"x", "1", "22", "0"});
  table.AddRow({"yyyyyy", "333", "4", "-"});
  std::string wide, narrow, narrowest;
  table.AppendTo(wide, 18);
  table.AppendTo(narrow, 17);
  table.AppendTo(narrowest, 1);
  // NAME is 6 wide, the others 4, gaps of 2: 18 in all.
  CHECK(wide ==
        "NAME    AAAA  BBBB\n"
        "x          1    22\n"
        "yyyyyy   333     4\n");
  CHECK(narrow ==
        "NAME    AAAA\n"
        "x          1\n"
        "yyyyyy   333\n");
  CHECK(narrowest == "NAME\nx\nyyyyyy\n");
}

TEST_CASE("The result document has the keys of DESIGN 8 in a fixed order", "[views][json]") {
  const Result result = Mx04Result();
  const nlohmann::ordered_json document = ResultToJson(result);
  std::string keys;
  for (const auto& [key, value] : document.items()) keys += key + " ";
  CHECK(keys ==
        "schema_version model_version scenario clock_hz policy outcome end_cycles events digest "
        "schedule_digest message violations tasks cpus locks metrics timeline ");
  CHECK(document["outcome"] == "done");
  CHECK(document["end_cycles"] == 11);
  CHECK(document["digest"] == "000000000000001f");
  const auto& h = document["tasks"][1];
  CHECK(h["name"] == "H");
  CHECK(h["blocked"] == 6);
  CHECK(h["response"]["p99"] == 11);
  CHECK(h["waits"][0]["cause"] == "lock A owner L");
  CHECK(h["waits"][0]["cycles"] == 3);
  CHECK(document["cpus"][0]["overhead"].dump() == R"({"c_ctx":2,"c_wake":2})");
  CHECK(document["locks"][0]["acquired"].dump() == R"([[1,"L"],[9,"H"]])");
  CHECK(document["timeline"][0].dump() ==
        R"({"cpu":0,"start":0,"end":9,"kind":"task","curr":"L","donor":"L"})");
  CHECK(document["timeline"][1]["kind"] == "idle");
  CHECK(document["timeline"][1]["curr"].is_null());
}

TEST_CASE("A task that is alive at the end has no finish, and names may be any bytes",
          "[views][json]") {
  Result result;
  TaskResult task;
  task.name = "\xff";
  result.tasks.push_back(task);
  const auto document = nlohmann::json::parse(ResultJsonText(result));
  CHECK(document["tasks"][0]["finish"].is_null());
  CHECK_FALSE(document.contains("timeline"));
}

}  // namespace
}  // namespace rqsim
