// When a deadline task gets its next budget, and until when a blocked one counts as active.
//
// Idea: see deadline_timers.h. A task that blocks with budget left could still use it until its
// zero-lag time, deadline - budget * period / runtime; only then is its bandwidth free for others.
// Origin: Linux 7.2 kernel/sched/deadline.c, the functions named in the header. Cost: O(1),
// TrackUse once O(tasks). Tested by tests/unit/policies/sched_class/deadline_test.cc and
// scenarios/classes/C36-grub-alone.json.
#include "sched_class/deadline_timers.h"

#include <algorithm>

#include "wide.h"

namespace rqsim {

bool DeadlineTimers::StartReplenish(Kernel& kernel, CpuId cpu, DlEntity& entity) const {
  const Time at(entity.NextPeriod());
  if (at < kernel.now()) return false;
  if (entity.is_timer_queued) return true;
  entity.is_timer_queued = true;
  const CpuId here = kernel.executing_cpu();
  kernel.ArmTimer(TimerOf(kReplenish, entity.task), here.valid() ? here : cpu, at);
  return true;
}

void DeadlineTimers::StopReplenish(Kernel& kernel, DlEntity& entity) const {
  if (!entity.is_timer_queued) return;
  entity.is_timer_queued = false;
  kernel.CancelTimer(TimerOf(kReplenish, entity.task));
}

void DeadlineTimers::TrackUse(Kernel& kernel) {
  if (tracks_use_) return;
  tracks_use_ = true;
  for (DlEntity& entity : entities_) {
    if (!entity.is_active || entity.is_inactive_timer_queued) continue;
    const Task& t = kernel.task(entity.task);
    if (!t.on_rq && !ArmInactive(kernel, t.cpu, entity.task)) bandwidth_.Deactivate(entity);
  }
}

void DeadlineTimers::StopContending(Kernel& kernel, CpuId cpu, TaskId task) {
  DlEntity& entity = entities_[task.index()];
  if (entity.dl_runtime == 0) return;
  const bool ends = kernel.task(task).state == TaskState::kDead;
  if (!tracks_use_ && !ends) return;
  if (ArmInactive(kernel, cpu, task)) return;
  bandwidth_.Deactivate(entity);
  if (ends) GiveBack(kernel, entity);
}

bool DeadlineTimers::ArmInactive(Kernel& kernel, CpuId cpu, TaskId task) {
  DlEntity& entity = entities_[task.index()];
  const Time zero_lag(entity.deadline - static_cast<int64_t>(static_cast<Wide>(entity.runtime) *
                                                             entity.dl_period / entity.dl_runtime));
  if (zero_lag < kernel.now() || entity.is_inactive_timer_queued) {
    if (entity.is_leaving) GiveBack(kernel, entity);
    return false;
  }
  entity.is_inactive_timer_queued = true;
  const CpuId here = kernel.executing_cpu();
  kernel.ArmTimer(TimerOf(kInactive, task), here.valid() ? here : cpu, zero_lag);
  return true;
}

void DeadlineTimers::StopInactive(Kernel& kernel, DlEntity& entity) const {
  if (!entity.is_inactive_timer_queued) return;
  entity.is_inactive_timer_queued = false;
  kernel.CancelTimer(TimerOf(kInactive, entity.task));
}

void DeadlineTimers::OnInactive(Kernel& kernel, TaskId task) {
  DlEntity& entity = entities_[task.index()];
  entity.is_inactive_timer_queued = false;
  bandwidth_.Deactivate(entity);
  if (entity.is_leaving || kernel.task(task).state == TaskState::kDead) GiveBack(kernel, entity);
}

void DeadlineTimers::GiveBack(Kernel& kernel, DlEntity& entity) {
  bandwidth_.Release(entity);
  bandwidth_.Promise(entity, 0, std::max(kernel.active().Count(), 1));
  StopReplenish(kernel, entity);
  entity.dl_runtime = entity.dl_deadline = entity.dl_period = 0;
  entity.bw = entity.density = 0;
  entity.is_throttled = entity.is_yielded = entity.is_leaving = false;
}

}  // namespace rqsim
