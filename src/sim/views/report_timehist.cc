// Each stay of a task on a CPU when it ends, with the waits before it: the columns of `perf sched
// timehist --state`.
//
//              time    cpu  task name                       wait time  sch delay   run time  state
//                           [tid/pid]                          (msec)     (msec)     (msec)
//   --------------- ------  ------------------------------  ---------  ---------  ---------  -----
//          0.002000 [0000]  L[1]                                0.000      0.000      2.000      R
//
// Wait time: since the task was last switched out, or made; sch delay: since its wake-up, 0 if none
// came between; run time: the stay. `L/H,K[1]` is L, first for H and then for K (or for itself in
// between). Stays that the end of the run cuts off are not shown.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <vector>

#include "sim/views/report_text.h"

namespace rqsim {
namespace {

constexpr std::size_t kNameWidth = 30;

}  // namespace

std::vector<TimehistRow> TimehistRows(const Result& result) {
  std::vector<TimehistRow> rows;
  std::vector<std::optional<Time>> last(result.task_names.size());  // switched out, by task
  for (const Dispatch& stay : result.dispatches) {
    if (!stay.end || stay.task.index() >= last.size()) continue;
    std::optional<Time>& out = last[stay.task.index()];
    rows.push_back({&stay, stay.start - out.value_or(stay.start),
                    stay.start - stay.woken.value_or(stay.start), *stay.end - stay.start});
    out = stay.end;
  }
  return rows;
}

std::vector<TaskId> DonorsOf(const Result& result, const Dispatch& stay) {
  std::vector<TaskId> donors;
  const auto before = [&stay](const TimelineCell& cell) {
    return cell.cpu < stay.cpu || (cell.cpu == stay.cpu && cell.end <= stay.start);
  };
  for (auto cell = std::partition_point(result.timeline.begin(), result.timeline.end(), before);
       cell != result.timeline.end() && cell->cpu == stay.cpu &&
       cell->start < stay.end.value_or(result.end);
       ++cell) {
    if (cell->curr != stay.task || cell->donor == stay.task) continue;
    if (std::find(donors.begin(), donors.end(), cell->donor) == donors.end()) {
      donors.push_back(cell->donor);
    }
  }
  return donors;
}

std::string TimehistText(const Result& result) {
  const std::vector<TimehistRow> rows = TimehistRows(result);
  const auto name_of = [&](const TimehistRow& row) {
    std::string name = result.task_names[row.stay->task.index()];
    char separator = '/';
    for (const TaskId donor : DonorsOf(result, *row.stay)) {
      name += separator;
      name += result.task_names[donor.index()];
      separator = ',';
    }
    return fmt::format("{}[{}]", name, row.stay->task.value());
  };
  std::size_t width = kNameWidth;
  for (const TimehistRow& row : rows) width = std::max(width, name_of(row).size());
  const auto ms = [&](Cycles cycles) {
    return MillisecondsText(cycles, result.clock_hz, Rounding::kDown);
  };
  std::string out = fmt::format("{:>15} {:>6}  {:<{}}  {:>9}  {:>9}  {:>9}  {}\n", "time", "cpu",
                                "task name", width, "wait time", "sch delay", "run time", "state");
  fmt::format_to(std::back_inserter(out), "{:>15} {:<6}  {:<{}}  {:>9}  {:>9}  {:>9}\n", "", "",
                 "[tid/pid]", width, "(msec)", "(msec)", "(msec)");
  fmt::format_to(std::back_inserter(out),
                 "{0:->15} {0:->6}  {0:->{1}}  {0:->9}  {0:->9}  {0:->9}  {0:->5}\n", "", width);
  for (const TimehistRow& row : rows) {
    fmt::format_to(std::back_inserter(out), "{:>15} [{:04}]  {:<{}}  {:>9}  {:>9}  {:>9}  {:>5}\n",
                   SecondsText(*row.stay->end, result.clock_hz), row.stay->cpu.value(),
                   name_of(row), width, ms(row.wait), ms(row.delay), ms(row.run), row.stay->state);
  }
  return out;
}

}  // namespace rqsim
