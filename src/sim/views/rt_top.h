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
//
// What an event costs does not depend on how many wait. The choice is worked out anew where it may
// not be what executes, for prios and affinities instead of for each context.
#ifndef RQSIM_SIM_VIEWS_RT_TOP_H_
#define RQSIM_SIM_VIEWS_RT_TOP_H_

#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/listener.h"
#include "rqsim/time.h"
#include "rqsim/trace_event.h"
#include "sim/views/inherited_prio.h"
#include "sim/views/per_task.h"
#include "sim/views/prio_counts.h"

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
  // What a context is in the sums below.
  struct Counted {
    int32_t prio = kNoPrio;  // kNoPrio: it is none
    std::size_t group = 0;
    bool executes = false;
    bool is_astray = false;  // executes where it may not, or on a CPU that is not active
    friend bool operator==(const Counted&, const Counted&) = default;
  };
  struct TaskBook {
    int32_t prio = kNoPrio;  // in effect
    CpuId queued_on, runs_on;
    LockId blocked_on;
    CpuSet cpus;
    std::size_t group = 0;     // of `cpus`
    bool has_no_group = true;  // … which has changed since
    bool gated = false;        // stayed queued when it went to sleep
    bool throttled = false;
    bool dirty = false;

    Counted counted;
  };
  // Contexts that may execute on the same CPUs: for the choice they are all alike.
  struct Group {
    CpuSet cpus;
    PrioCounts contexts;
    bool is_full = false;  // in the choice at hand: no seat can be made for one more
  };
  struct Candidates {
    int32_t prio = kNoPrio;
    std::size_t group = 0;
    int32_t count = 0;
  };
  // Fair tasks have 100 and more.
  static constexpr int32_t kFirstFairPrio = 100;

  TaskBook& At(TaskId task) { return EntryOf(tasks_, task); }
  // Ordinary tasks for which nobody waits count for nothing, whatever they do. One for which
  // somebody begins to wait is looked at because of that.
  void Touch(TaskId task) {
    TaskBook& book = At(task);
    if (book.dirty || (book.prio >= kFirstFairPrio && important_.Of(task) == kNoPrio)) return;
    book.dirty = true;
    dirty_.push_back(task);
  }
  void OnSwitch(const SchedSwitch& change, CpuId cpu);
  void OnQueue(const SchedQueue& change);
  void OnCpus(const TaskCpus& cpus);
  void OnActive(CpuId cpu, bool is_active);
  void OnThrottle(TaskId task, bool throttled);
  void PassTo(Time t);
  void Settle();
  void SettleTask(TaskId task);
  void Count(TaskId task);
  std::size_t GroupOf(TaskBook& book);
  // How many of the contexts that should execute do not, and the prio of the first of them.
  int64_t Missing(int32_t& prio);
  void Choose();
  bool Seat(std::size_t group, uint64_t round);
  void Report(int32_t prio);

  const RunInfo* info_ = nullptr;
  ViolationSink* sink_ = nullptr;
  std::vector<TaskBook> tasks_;
  std::vector<TaskId> currs_;  // by CPU
  std::vector<TaskId> dirty_;
  // Real-time tasks by themselves, waiters that stay queued for the owner they are blocked on.
  InheritedPrio important_;
  std::vector<Group> groups_;
  std::vector<std::vector<std::size_t>> groups_from_;  // by the first CPU of the group
  // The contexts that execute, and the others.
  PrioCounts executing_, waiting_;
  int num_executing_ = 0, num_astray_ = 0;
  std::vector<Candidates> candidates_;
  PrioCounts wanted_;               // what should execute
  std::vector<std::size_t> seats_;  // by CPU: 1 + the group of what would run there; 0: nothing
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
