// Are the most important real-time contexts the ones that execute (PX-I9, proxy-exec.md 8)? From
// events alone: the metric `rt_violation_cycles` of runs with mutexes that are checked, and a
// violation if the scenario's `check.rt_topn` is strict.
//
//   error PX-I9 at 2: M should execute and does not
//
// Each queued real-time or deadline task stands for the task at the end of its chain, which is as
// important as the most important that leads to it. As many as there are CPUs must execute,
// the most important first, as far as their affinities allow that at once. Deadline tasks count as
// equally important. Looked at when an instant is over (MODEL-144, MODEL-145).
#ifndef RQSIM_SIM_VIEWS_RT_TOP_H_
#define RQSIM_SIM_VIEWS_RT_TOP_H_

#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/listener.h"
#include "rqsim/time.h"
#include "rqsim/trace_event.h"

namespace rqsim {

class RtTop final : public Listener {
 public:
  EventMask Wants() const override;
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override { PassTo(end.end); }
  // One more for each such context that does not execute.
  Cycles violated() const { return violated_; }

 private:
  struct TaskBook {
    int32_t prio = kNone;  // in effect
    CpuId queued_on, runs_on;
    LockId blocked_on;
    CpuSet cpus;
    bool gated = false;  // stayed queued when it went to sleep
    bool throttled = false;
    bool listed = false;  // in queued_
  };
  struct Context {
    TaskId task;
    int32_t prio = 0;
  };
  // Fair tasks have 100 and more.
  static constexpr int32_t kFirstFairPrio = 100;
  static constexpr int32_t kNone = 1 << 20;

  TaskBook& At(TaskId task);
  void OnSwitch(const SchedSwitch& change, CpuId cpu);
  void OnQueue(const SchedQueue& change);
  void OnCpus(const TaskCpus& cpus);
  void PassTo(Time t);
  // Who executes for `task`; invalid: nobody who could run now.
  TaskId EndOf(TaskId task);
  void CollectContexts();
  // How many of the contexts that should execute do not; the first of them in `missing`.
  int64_t Missing(TaskId& missing);
  bool Seat(std::size_t context, uint64_t round);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<TaskBook> tasks_;
  std::vector<TaskId> owners_;     // by lock
  std::vector<TaskId> queued_;     // real-time tasks on runqueues, no particular order
  std::vector<Context> contexts_;  // the most important first
  std::vector<int32_t> wanted_,
      executing_;                   // priorities of those that should, and of those that do
  std::vector<std::size_t> seats_;  // by CPU: 1 + the context that would run there; 0: none
  std::vector<uint64_t> tried_in_;  // by CPU: the round in which a seat was tried
  uint64_t round_ = 0;
  CpuSet active_;
  int num_active_ = 0;
  Time now_;
  bool is_stale_ = false;
  int64_t missing_ = 0;
  Cycles violated_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_RT_TOP_H_
