// The pages of `rqsim report` with the columns of `perf sched latency`, `timehist` and `map` (Linux
// tools/perf/builtin-sched.c; MODEL-105): what stands in their rows, and the pages as text. A page
// is made of a result document alone.
//
// Times are the run's, milliseconds and seconds at its clock; where a digit has to go, latency
// rounds to the nearest and the others cut off, as perf does. Task ids take the place of thread
// ids.
#ifndef RQSIM_SIM_VIEWS_REPORT_TEXT_H_
#define RQSIM_SIM_VIEWS_REPORT_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/result.h"

namespace rqsim {

// Tasks that got a CPU in perf's default order: average delay, longest, count and runtime, each
// from the largest down.
std::vector<const TaskResult*> LatencyRows(const Result& result);
Cycles AverageDelay(const TaskResult& task);
std::string LatencyText(const Result& result);

// A stay that ended. Wait: since the task was last switched out; delay: since its wake-up.
struct TimehistRow {
  const Dispatch* stay;
  Cycles wait, delay, run;
};
std::vector<TimehistRow> TimehistRows(const Result& result);
// The others for whom the task of `stay` executed in it, in the order in which they came.
std::vector<TaskId> DonorsOf(const Result& result, const Dispatch& stay);
std::string TimehistText(const Result& result);

// A CPU changes to a task, or to idle.
struct MapRow {
  Time at;
  CpuId cpu;
  TaskId next;
  TaskId donor;  // for whom it begins to execute; invalid: itself
};
// By instant, CPUs in their order, on one CPU in the order in which it happened.
std::vector<MapRow> MapRows(const Result& result);
// "swapper" for the idle task.
std::string_view CommOf(const Result& result, TaskId task);
std::string MapText(const Result& result);

// All waits of one task for one lock of one owner.
struct LockWaitSum {
  TaskId task, owner;  // owner invalid: the lock was free, on its way to another waiter
  LockId lock;
  int64_t times = 0;
  Cycles cycles, longest;  // those that the end of the run cuts off up to there
};
// The most cycles first.
std::vector<LockWaitSum> LockWaitSums(const Result& result);
std::string LockNameOf(const Result& result, LockId lock);
// "H -A-> K -B-> L": L executes for H.
std::string ChainText(const Result& result, const ProxyChain& chain);
Cycles OverrunCycles(const Result& result);
std::string LocksText(const Result& result);

std::string HotplugText(const Result& result);

std::string PairText(const Result& result);

// "12.345": milliseconds of a length, cut off or rounded to the nearest microsecond.
enum class Rounding : uint8_t { kDown, kNearest };
std::string MillisecondsText(Cycles cycles, int64_t clock_hz, Rounding rounding);
// "0.012345": seconds of an instant, cut off at microseconds.
std::string SecondsText(Time time, int64_t clock_hz);

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_REPORT_TEXT_H_
