#include "sim/views/report_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "sim/views/report_text.h"
#include "sim/views/report_umcg.h"
#include "sim/views/result_json.h"
#include "sim/views/summary.h"

namespace rqsim {
namespace {

using Json = nlohmann::ordered_json;

Json Page(const Result& result, std::string_view view, const char* key, Json rows) {
  return Json{{"view", view},
              {"policy", result.policy},
              {"clock_hz", result.clock_hz},
              {key, std::move(rows)}};
}

Json Latency(const Result& result) {
  Json tasks = Json::array();
  for (const TaskResult* task : LatencyRows(result)) {
    tasks.push_back(Json{{"name", task->name},
                         {"id", task->id.value()},
                         {"runtime", task->exec.count()},
                         {"count", task->pcount},
                         {"avg_delay", AverageDelay(*task).count()},
                         {"max_delay", task->run_delay_max.count()},
                         {"max_delay_start", task->run_delay_max_start.cycles()},
                         {"max_delay_end", task->run_delay_max_end.cycles()}});
  }
  return Page(result, "latency", "tasks", std::move(tasks));
}

Json Timehist(const Result& result) {
  Json stays = Json::array();
  for (const TimehistRow& row : TimehistRows(result)) {
    stays.push_back(Json{{"time", row.stay->end->cycles()},
                         {"cpu", row.stay->cpu.value()},
                         {"task", CommOf(result, row.stay->task)},
                         {"id", row.stay->task.value()},
                         {"wait_time", row.wait.count()},
                         {"sch_delay", row.delay.count()},
                         {"run_time", row.run.count()},
                         {"state", std::string(1, row.stay->state)}});
    for (const TaskId donor : DonorsOf(result, *row.stay)) {
      stays.back()["donors"].push_back(CommOf(result, donor));
    }
  }
  return Page(result, "timehist", "stays", std::move(stays));
}

Json Map(const Result& result) {
  Json switches = Json::array();
  for (const MapRow& row : MapRows(result)) {
    switches.push_back(Json{{"time", row.at.cycles()},
                            {"cpu", row.cpu.value()},
                            {"task", CommOf(result, row.next)},
                            {"id", row.next.value()}});
    if (row.donor.valid()) switches.back()["donor"] = CommOf(result, row.donor);
  }
  return Page(result, "map", "switches", std::move(switches));
}

Json Locks(const Result& result) {
  const auto name = [&result](TaskId task) {
    return task.valid() ? Json(CommOf(result, task)) : Json(nullptr);
  };
  // The lists are those of the result document.
  Json document = ResultToJson(result);
  Json page = Page(result, "locks", "locks", std::move(document["locks"]));
  Json sums = Json::array();
  for (const LockWaitSum& sum : LockWaitSums(result)) {
    sums.push_back(Json{{"task", name(sum.task)},
                        {"owner", name(sum.owner)},
                        {"lock", LockNameOf(result, sum.lock)},
                        {"times", sum.times},
                        {"cycles", sum.cycles.count()},
                        {"longest", sum.longest.count()}});
  }
  page["who_waited"] = std::move(sums);
  for (const char* key : {"lock_waits", "lock_passings", "chains"}) {
    page[key] = document.contains(key) ? std::move(document[key]) : Json::array();
  }
  page["overrun_cycles"] = OverrunCycles(result).count();
  return page;
}

Json Umcg(const Result& result) {
  const auto list = [document = ResultToJson(result)](const char* key) {
    return document.contains(key) ? document[key] : Json::array();
  };
  Json page = Page(result, "umcg", "spans", list("umcg_spans"));
  page["handoffs"] = list("umcg_handoffs");
  return page;
}

Json Hotplug(const Result& result) {
  Json document = ResultToJson(result);
  Json page = Page(result, "hotplug", "operations",
                   document.contains("hotplug") ? std::move(document["hotplug"]) : Json::array());
  if (document.contains("kthread_masks")) {
    page["kthread_masks"] = std::move(document["kthread_masks"]);
  }
  return page;
}

Json Pairs(const Result& result) {
  Json document = ResultToJson(result);
  return Page(result, "pair", "pairings",
              document.contains("pairings") ? std::move(document["pairings"]) : Json::array());
}

std::string Summary(const Result& result) { return SummaryText(result, kSummaryWidth); }

constexpr ReportView kViews[] = {
    {"summary", "what `run` prints", false, Summary, ResultToJson},
    {"latency", "how long tasks waited for a CPU (perf sched latency)", false, LatencyText,
     Latency},
    {"timehist", "each stay on a CPU and the waits before it (perf sched timehist)", true,
     TimehistText, Timehist},
    {"map", "who ran where, a line for each switch (perf sched map)", true, MapText, Map},
    {"locks", "how mutexes changed hands, who waited for whom, who executed for whom", true,
     LocksText, Locks},
    {"umcg", "state words, lists and hand-offs of UMCG", true, UmcgText, Umcg},
    {"hotplug", "CPUs that went and came: step by step, who was disturbed, who moved where", false,
     HotplugText, Hotplug},
    {"pair", "who had the data of which CPU when, and what that took", false, PairText, Pairs},
};

}  // namespace

std::span<const ReportView> ReportViews() { return kViews; }

const ReportView* FindReportView(std::string_view name) {
  for (const ReportView& view : kViews) {
    if (view.name == name) return &view;
  }
  return nullptr;
}

}  // namespace rqsim
