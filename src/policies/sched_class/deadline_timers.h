// The two timers of a deadline task: the one that gives it a new budget, and the one that ends the
// time for which it counts as active after it has blocked (classes.md 6.3, 6.6).
//
// Origin: Linux 7.2 kernel/sched/deadline.c, the functions named at the members. What differs:
// MODEL-76. Tested by tests/unit/policies/sched_class/deadline_test.cc.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_TIMERS_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_TIMERS_H_

#include <cstdint>
#include <vector>

#include "rqsim/kernel.h"
#include "sched_class/deadline_bandwidth.h"
#include "sched_class/deadline_queue.h"

namespace rqsim {

class DeadlineTimers {
 public:
  // In the order of the policy's table of timers; the last two are the servers'.
  static constexpr int16_t kReplenish = 0;
  static constexpr int16_t kInactive = 1;
  static constexpr int16_t kServer = 2;
  static constexpr int16_t kServerInactive = 3;

  // `entities`, by task, and `bandwidth` belong to the class.
  DeadlineTimers(PolicyId self, std::vector<DlEntity>& entities, Bandwidth& bandwidth)
      : self_(self), entities_(entities), bandwidth_(bandwidth) {}

  // --- replenishment ---
  // start_dl_timer(). False: the next period has begun already.
  bool StartReplenish(Kernel& kernel, CpuId cpu, DlEntity& entity) const;
  void StopReplenish(Kernel& kernel, DlEntity& entity) const;

  // --- activity ---
  // Who is active counts from the first task on that may reclaim; until then nobody asks
  // (MODEL-76).
  void TrackUse(Kernel& kernel);
  // task_non_contending(), when a task blocks or ends.
  void StopContending(Kernel& kernel, CpuId cpu, TaskId task);
  // Its bandwidth counts as used until its zero-lag time. False: that has passed.
  bool ArmInactive(Kernel& kernel, CpuId cpu, TaskId task);
  void StopInactive(Kernel& kernel, DlEntity& entity) const;
  // inactive_task_timer().
  void OnInactive(Kernel& kernel, TaskId task);
  // It is no deadline task any more, and its parameters are forgotten (__dl_clear_params()).
  void GiveBack(Kernel& kernel, DlEntity& entity);

 private:
  TimerRef TimerOf(int16_t which, TaskId task) const { return {self_, which, task.value()}; }

  PolicyId self_;
  std::vector<DlEntity>& entities_;
  Bandwidth& bandwidth_;
  bool tracks_use_ = false;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_TIMERS_H_
