// What proxy execution did in a run, from events: migrations, returns, donors that gave up or were
// parked, walks and how long chains were, and three costs in cycles.
//
//   overrun_cycles    a CPU executes for a donor whose chain does not end in the executing task
//   (any
//                     more): the former owner runs on at the donor's expense.
//   inversion_cycles  a CPU executes for somebody less important than a real-time task that waits
//                     for a mutex, while the task at the end of that wait is runnable on this CPU.
//                     Boost that was lost counts too. Fair tasks are not ordered, so they invert
//                     nothing.
//   donor_cycles      executed by one task and charged to another
//
// Fed by ResultBuilder before the accountant, whose phases it looks at when time has passed. What
// an event costs does not depend on how many wait.
#ifndef RQSIM_SIM_VIEWS_PROXY_BOOKS_H_
#define RQSIM_SIM_VIEWS_PROXY_BOOKS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "rqsim/listener.h"
#include "rqsim/time.h"
#include "rqsim/trace_event.h"
#include "sim/views/accountant.h"
#include "sim/views/inherited_prio.h"
#include "sim/views/per_task.h"
#include "sim/views/prio_counts.h"

namespace rqsim {

class ProxyBooks {
 public:
  // `accountant` outlives this and is told every event afterwards.
  explicit ProxyBooks(const Accountant& accountant) : accountant_(accountant) {}

  static EventMask Wants();
  void OnStart(const RunInfo& info);
  void OnEvent(const TraceEvent& event);
  void OnEnd(Time end) { PassTo(end); }
  // Adds its metrics to `metrics`, which is sorted afterwards by whoever owns it.
  void AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const;

 private:
  struct TaskBook {
    LockId blocked_on;
    LockId waits_for;  // on whose wait list it stands
    int32_t prio = 0;
    CpuId home;                // of its last placement
    bool kept_queued = false;  // blocked, and on a runqueue
    bool dirty = false;
    int32_t num_donor_of = 0;  // CPUs
    // Where it counts as runnable while a real-time task waits for it, and that task's prio.
    CpuId counts_on;
    int32_t counts_as = kNoPrio;
  };
  struct CpuBook {
    TaskId curr = kIdleTask, donor = kIdleTask;
    PrioCounts waited_for;  // runnable here: the prios of those that wait
    bool is_inverted = false;
    bool dirty = false;
  };

  TaskBook& At(TaskId task) { return EntryOf(tasks_, task); }
  void PassTo(Time t);
  void SetCpu(CpuId id, TaskId curr, TaskId donor);
  void OnAttr(const TaskAttr& attr);
  void OnWait(const MutexWait& wait);
  void OnWalk(const ProxyWalk& walk);
  void OnWakeup(const SchedWakeup& wake);
  // A task that waits for nothing, and for which nobody waits, counts for nothing. One for which
  // somebody begins to wait is looked at because of that.
  void Touch(TaskId task) {
    if (!task.valid() || task == kIdleTask) return;
    TaskBook& book = At(task);
    if (book.dirty || (!book.waits_for.valid() && waited_for_.Of(task) == kNoPrio)) return;
    book.dirty = true;
    dirty_tasks_.push_back(task);
  }
  void Touch(CpuId cpu);
  void Settle();
  void SettleTask(TaskId task);
  void SettleCpu(CpuId cpu);
  bool Overruns(const CpuBook& cpu) const;

  const Accountant& accountant_;
  std::vector<TaskBook> tasks_;
  std::vector<CpuBook> cpus_;
  std::vector<TaskId> owners_;  // by lock
  InheritedPrio waited_for_;    // by real-time tasks that sleep
  std::vector<TaskId> dirty_tasks_;
  std::vector<CpuId> dirty_cpus_;
  CpuSet proxied_;  // whose donor is not their current task
  int num_proxied_ = 0;
  Time now_;
  bool is_stale_ = true;  // overrunning_ is to be worked out anew
  int64_t overrunning_ = 0, inverted_ = 0;
  Cycles overrun_, inversion_, donated_;
  int64_t returns_ = 0, deactivations_ = 0, parks_ = 0, idle_retries_ = 0, pick_agains_ = 0,
          misplaced_ = 0, moves_refused_ = 0;
  int64_t chains_[4] = {0, 0, 0, 0};  // executed ones of 1, 2, 3 and more links
  int64_t longest_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PROXY_BOOKS_H_
