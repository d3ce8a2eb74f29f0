// How long tasks waited for a CPU, worst average first: the columns of `perf sched latency`.
//
//    -----------------------------------------------------------------------------------------…
//     Task                  |   Runtime ms  |  Count   | Avg delay ms    | Max delay ms    | …
//    -----------------------------------------------------------------------------------------…
//     comm:3                |    400.000 ms |       12 | avg:   3.250 ms | max:  14.000 ms | …
//    -----------------------------------------------------------------------------------------…
//     TOTAL:                |    520.000 ms |       40 |
//    ---------------------------------------------------
//
// Count is how often the task got a CPU; a delay runs from the wake-up, or from losing the CPU
// while runnable, to getting one. Tasks that never got one are left out.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <vector>

#include "sim/views/report_text.h"

namespace rqsim {
namespace {

constexpr std::size_t kLineWidth = 139, kTotalWidth = 113, kEndWidth = 51, kNameWidth = 24;

}  // namespace

Cycles AverageDelay(const TaskResult& task) {
  return task.pcount == 0 ? kZeroCycles : Cycles(task.run_delay.count() / task.pcount);
}

std::vector<const TaskResult*> LatencyRows(const Result& result) {
  std::vector<const TaskResult*> tasks;
  for (const TaskResult& task : result.tasks) {
    if (task.pcount > 0) tasks.push_back(&task);
  }
  const auto key = [](const TaskResult* task) {
    return std::tuple(-AverageDelay(*task).count(), -task->run_delay_max.count(), -task->pcount,
                      -task->exec.count(), task->id);
  };
  // total order: ids differ.
  std::sort(tasks.begin(), tasks.end(),
            [&](const TaskResult* a, const TaskResult* b) { return key(a) < key(b); });
  return tasks;
}

std::string LatencyText(const Result& result) {
  const int64_t hz = result.clock_hz;
  const auto ms = [hz](Cycles cycles) { return MillisecondsText(cycles, hz, Rounding::kNearest); };
  std::string out;
  const auto rule = [&out](std::size_t width) { out += ' ' + std::string(width, '-') + '\n'; };
  rule(kLineWidth);
  out +=
      "  Task                  |   Runtime ms  |  Count   | Avg delay ms    | Max delay ms    | "
      "Max delay start           | Max delay end          |\n";
  rule(kLineWidth);
  Cycles runtime;
  int64_t count = 0;
  for (const TaskResult* task : LatencyRows(result)) {
    std::string name = fmt::format("  {}:{} ", task->name, task->id.value());
    if (name.size() < kNameWidth) name.resize(kNameWidth, ' ');
    fmt::format_to(std::back_inserter(out),
                   "{}|{:>11} ms |{:>9} | avg:{:>8} ms | max:{:>8} ms | max start: {:>12} s | max "
                   "end: {:>12} s\n",
                   name, ms(task->exec), task->pcount, ms(AverageDelay(*task)),
                   ms(task->run_delay_max), SecondsText(task->run_delay_max_start, hz),
                   SecondsText(task->run_delay_max_end, hz));
    runtime += task->exec;
    count += task->pcount;
  }
  rule(kTotalWidth);
  fmt::format_to(std::back_inserter(out), "  TOTAL:                |{:>11} ms |{:>9} |\n",
                 ms(runtime), count);
  rule(kEndWidth);
  return out;
}

}  // namespace rqsim
