// Tested by tests/unit/policies/lock/ww_test.cc and scenarios/mutex/MX-20, MX-21.
#include "lock/ww_contexts.h"

namespace rqsim {

int64_t WwContexts::Begin(Kernel& kernel, TaskId task, bool wait_die) {
  if (!in_use()) {
    contexts_.resize(static_cast<std::size_t>(limits_.num_tasks));
    holders_.resize(static_cast<std::size_t>(limits_.num_locks));
  }
  Context& context = Of(task);
  if (context.is_open) return kEBUSY;
  context = Context();
  context.stamp = ++last_stamp_;
  context.wait_die = wait_die;
  context.is_open = true;
  Emit(kernel, task);
  return 0;
}

int64_t WwContexts::End(Kernel& kernel, TaskId task) {
  if (!IsOpen(task)) return kEINVAL;
  Of(task).is_open = false;
  Emit(kernel, task);
  return 0;
}

void WwContexts::Enter(Kernel& kernel, TaskId task) {
  if (!IsOpen(task) || Of(task).acquired > 0 || !Of(task).wounded) return;
  Of(task).wounded = false;
  Emit(kernel, task);
}

int64_t WwContexts::Join(Kernel& kernel, LockQueues& waiters, LockWaiter& self, LockId lock) {
  if (!IsOpen(self.task)) {
    waiters.Join(kernel, self, lock);
    return 0;
  }
  const bool wait_die = Of(self.task).wait_die;
  // From the back to the front: in front of younger ones, those without a context passed over.
  const LockWaiter* next = nullptr;
  for (const LockWaiter* other = waiters.Last(lock); other; other = waiters.Before(*other)) {
    if (!IsOpen(other->task)) continue;
    if (IsYounger(self.task, other->task)) {
      if (wait_die && Of(self.task).acquired > 0) return kEDEADLK;
      break;
    }
    next = other;
    Die(kernel, other->task, self.task);
  }
  if (next != nullptr) {
    waiters.JoinBefore(kernel, self, lock, *next);
  } else {
    waiters.Join(kernel, self, lock);
  }
  if (!wait_die) Wound(kernel, lock, self.task, self.task);
  return 0;
}

bool WwContexts::MustGiveUp(const LockQueues& waiters, const LockWaiter& self, LockId lock) const {
  if (!IsOpen(self.task) || Of(self.task).acquired == 0) return false;
  if (!Of(self.task).wait_die) return Of(self.task).wounded;
  const TaskId holder = holders_[lock.index()];
  if (holder.valid() && IsYounger(self.task, holder)) return true;
  for (const LockWaiter* other = waiters.Before(self); other; other = waiters.Before(*other)) {
    if (IsOpen(other->task)) return true;
  }
  return false;
}

void WwContexts::Acquired(Kernel& kernel, const LockQueues& waiters, LockId lock, TaskId task,
                          bool looks) {
  if (!IsOpen(task)) return;
  ++Of(task).acquired;
  holders_[lock.index()] = task;
  Emit(kernel, task);
  if (!looks) return;
  for (const LockWaiter* other = waiters.First(lock); other; other = waiters.After(*other)) {
    if (!IsOpen(other->task)) continue;
    if (Die(kernel, other->task, task) || Wound(kernel, lock, other->task, task)) break;
  }
}

void WwContexts::Released(Kernel& kernel, LockId lock) {
  if (!in_use()) return;
  const TaskId holder = holders_[lock.index()];
  if (!holder.valid()) return;
  holders_[lock.index()] = TaskId();
  if (Of(holder).acquired > 0) --Of(holder).acquired;
  Emit(kernel, holder);
}

bool WwContexts::MaySpin(const Kernel& kernel, const LockQueues& waiters, const LockWaiter& self,
                         LockId lock) const {
  if (!IsOpen(self.task)) return true;
  if (Of(self.task).acquired > 0 && holders_[lock.index()].valid()) return false;
  if (self.phase == MutexPhase::kWaiterSpin) return waiters.IsHead(self, lock);
  return (kernel.lock(lock).flags & kWaitersFlag) == 0;
}

// Woken to find out that it must give up. Its edge goes first: a chain must not lead through it any
// more (Linux 7.2 kernel/locking/ww_mutex.h: clear_task_blocked_on()).
void WwContexts::Tell(Kernel& kernel, TaskId task) const {
  if (!keeps_edge_) kernel.SetBlockedOn(task, LockId());
  kernel.Wake(task);
}

bool WwContexts::Die(Kernel& kernel, TaskId waiter, TaskId for_whom) const {
  if (!Of(for_whom).wait_die) return false;
  if (Of(waiter).acquired > 0 && IsYounger(waiter, for_whom)) Tell(kernel, waiter);
  return true;
}

bool WwContexts::Wound(Kernel& kernel, LockId lock, TaskId for_whom, TaskId self) {
  const TaskId holder = holders_[lock.index()];
  if (Of(for_whom).wait_die || !holder.valid() || !kernel.lock(lock).owner.valid()) return false;
  if (Of(for_whom).acquired == 0 || !IsYounger(holder, for_whom)) return false;
  Of(holder).wounded = true;
  Emit(kernel, holder);
  if (holder != self) Tell(kernel, holder);
  return true;
}

void WwContexts::Emit(Kernel& kernel, TaskId task) const {
  const Context& context = Of(task);
  kernel.Emit(WwContext{.stamp = context.stamp,
                        .pid = task,
                        .acquired = context.is_open ? context.acquired : -1,
                        .wounded = context.wounded ? 1 : 0,
                        .wait_die = context.wait_die ? 1 : 0});
}

}  // namespace rqsim
