// Where every task is and who waits for whom, rebuilt from events alone: what the checkers of proxy
// execution look at. It knows neither a lock protocol nor the machine.
#ifndef RQSIM_SIM_VIEWS_PROXY_WORLD_H_
#define RQSIM_SIM_VIEWS_PROXY_WORLD_H_

#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/listener.h"
#include "rqsim/trace_event.h"
#include "sim/views/per_task.h"

namespace rqsim {

struct ProxyTask {
  CpuId queued_on;  // runqueue; invalid: none
  CpuId wake_cpu;   // of its last full placement, as its last enqueue told it
  CpuId runs_on;    // it is curr there; invalid: nowhere
  CpuId left;       // CPU it was switched off last, and until when it is still being saved there
  Time left_until;
  LockId blocked_on, waits_on;  // its edge; whose wait list it is on
  TaskId link;                  // who donates to it
  TaskId parked_on;
  int32_t num_roles = 0;        // how many CPUs have it as curr, and as donor
  int32_t num_walked_from = 0;  // CPUs
  uint8_t state = 'R';          // letter of its last switch out
  bool gated = false;           // tried to sleep and stayed queued
  bool asleep = true;           // and not woken since; a task that was not started counts as asleep
  bool is_waking = false;       // between sched_waking and sched_wakeup
  bool in_flight = false;       // between two runqueues
  bool has_exited = false;
};

struct ProxyCpu {
  TaskId curr = kIdleTask;
  TaskId donor = kIdleTask;  // as of now, also in the middle of a schedule()
  bool is_held = false;      // a window holds it
  bool is_proxied = false;   // curr executes for another
  // The waiter right before curr in the chain along which the last schedule() came to curr;
  // invalid: curr executes for itself. A wait for curr that begins later, also a new one of the
  // same task, does not count until the next schedule().
  TaskId walked_from;
  TaskId left_by = kIdleTask;  // who went off it last, and when that switch began
  Time switched = kNever;
};

class ProxyWorld {
 public:
  static EventMask Wants();
  void Start(const RunInfo& info);
  // Call it before or after a look, as the look needs the state before or after the event.
  void Apply(const TraceEvent& event);

  ProxyTask& At(TaskId id) { return EntryOf(tasks_, id); }
  ProxyCpu& At(CpuId id) { return cpus_[id.index()]; }
  TaskId OwnerOf(LockId lock) const { return owners_[lock.index()]; }
  int num_cpus() const { return static_cast<int>(cpus_.size()); }
  int num_tasks() const { return static_cast<int>(tasks_.size()); }
  int num_locks() const { return static_cast<int>(owners_.size()); }

  // Who would execute for `task`: along blocked_on and owners, as far as that goes. A circle ends
  // where it began.
  TaskId EndOfChain(TaskId task);
  // CPUs whose current task executes for another.
  const CpuSet& proxied() const { return proxied_; }
  int num_proxied() const { return num_proxied_; }
  // Whether a CPU other than `cpu` has `task` as its donor or as curr.
  bool HasRoleElsewhere(TaskId task, CpuId cpu);
  // The task in front of `end` on the way from `donor`; invalid if the way does not lead there.
  TaskId BeforeInChain(TaskId donor, TaskId end);

 private:
  void OnSwitch(const SchedSwitch& change, CpuId cpu, Time t);
  void OnSegment(const Segment& segment, CpuId cpu, Time t);
  void OnPark(const ProxyPark& park);
  void OnScheduled(CpuId cpu, TaskId donor, TaskId curr);
  void SetCurr(CpuId cpu, TaskId curr);
  void SetDonor(CpuId cpu, TaskId donor);
  void NoteProxied(CpuId cpu);
  void SetWalkedFrom(ProxyCpu& cpu, TaskId task);

  Cycles switch_cost_;
  std::vector<ProxyTask> tasks_;
  std::vector<ProxyCpu> cpus_;
  std::vector<TaskId> owners_;
  CpuSet proxied_;
  int num_proxied_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PROXY_WORLD_H_
