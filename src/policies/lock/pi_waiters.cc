// The bookkeeping of priority inheritance: waiters in order of urgency, locks by owner.
//
// Tested by tests/unit/policies/lock/pi_test.cc.
#include "lock/pi_waiters.h"

#include <iterator>

#include "lock/lock_words.h"

namespace rqsim {
namespace {

// What `base` becomes while a waiter with attributes `lent` waits. The kernel changes prio (and,
// for a deadline waiter, the parameters), not the policy: a boosted task that is not SCHED_RR
// itself takes no turns.
SchedAttr Lend(const SchedAttr& base, const SchedAttr& lent) {
  SchedAttr attr = base;
  attr.prio = lent.prio;
  attr.priority = lent.priority;
  if (lent.policy == SchedPolicy::kDeadline) {
    attr.policy = SchedPolicy::kDeadline;
    attr.dl_runtime = lent.dl_runtime;
    attr.dl_deadline = lent.dl_deadline;
    attr.dl_period = lent.dl_period;
  } else if (base.policy != SchedPolicy::kRr) {
    attr.policy = SchedPolicy::kFifo;
  }
  return attr;
}

}  // namespace

PiWaiters::PiWaiters(const Limits& limits)
    : waiters_(static_cast<std::size_t>(limits.num_tasks)),
      locks_(static_cast<std::size_t>(limits.num_locks)),
      queues_(static_cast<std::size_t>(limits.num_locks)),
      held_(static_cast<std::size_t>(limits.num_tasks)),
      level_store_(static_cast<std::size_t>(limits.num_tasks)),
      levels_(static_cast<std::size_t>(limits.num_locks)) {
  for (Level& level : level_store_) free_levels_.push_back(level);
  for (std::size_t i = 0; i < waiters_.size(); ++i) {
    waiters_[i].task = TaskId(static_cast<int32_t>(i));
  }
  for (std::size_t i = 0; i < locks_.size(); ++i) locks_[i].lock = LockId(static_cast<int32_t>(i));
}

const PiWaiter* PiWaiters::Top(LockId lock) const {
  const Queue& queue = queues_[lock.index()];
  return queue.empty() ? nullptr : &*queue.begin();
}

bool PiWaiters::IsTop(TaskId task) const {
  const LockId lock = LockOf(task);
  return lock.valid() && Top(lock)->task == task;
}

PiWaiters::Effective PiWaiters::EffectiveOf(const Kernel& kernel, TaskId task) const {
  const SchedAttr& base = kernel.task(task).base;
  const PiWaiter* strongest = nullptr;
  for (const HeldLock& held : held_[task.index()]) {
    const PiWaiter* top = Top(held.lock);
    if (top != nullptr && (strongest == nullptr || *top < *strongest)) strongest = top;
  }
  if (strongest == nullptr || !(strongest->urgency < Urgency::Of(base))) return {base, TaskId()};
  return {Lend(base, strongest->attr), strongest->task};
}

int PiWaiters::Insert(PiWaiter& waiter) {
  waiter.seq = next_seq_++;
  queues_[waiter.lock.index()].insert(waiter);
  Levels& levels = levels_[waiter.lock.index()];
  auto own = levels.begin();
  int before = 0;
  for (; own != levels.end() && own->urgency < waiter.urgency; ++own) before += own->count;
  if (own == levels.end() || own->urgency != waiter.urgency) {
    Level& fresh = free_levels_.front();
    free_levels_.pop_front();
    fresh.urgency = waiter.urgency;
    fresh.count = 0;
    own = levels.insert(own, fresh);
  }
  return before + own->count++;
}

void PiWaiters::Erase(PiWaiter& waiter) {
  Queue& queue = queues_[waiter.lock.index()];
  queue.erase(queue.iterator_to(waiter));
  Levels& levels = levels_[waiter.lock.index()];
  auto own = levels.begin();
  while (own->urgency != waiter.urgency) ++own;
  if (--own->count > 0) return;
  Level& level = *own;
  levels.erase(own);
  free_levels_.push_front(level);
}

void PiWaiters::Add(Kernel& kernel, TaskId task, LockId lock) {
  PiWaiter& waiter = waiters_[task.index()];
  RQSIM_CHECK(!waiter.lock.valid());
  waiter.lock = lock;
  waiter.attr = EffectiveOf(kernel, task).attr;
  waiter.urgency = Urgency::Of(waiter.attr);
  EmitWait(kernel, lock, task, MutexQueue::kWaitList, Insert(waiter));
}

void PiWaiters::Remove(Kernel& kernel, TaskId task) {
  PiWaiter& waiter = waiters_[task.index()];
  RQSIM_CHECK(waiter.lock.valid());
  Erase(waiter);
  EmitWait(kernel, waiter.lock, task, MutexQueue::kWaitList, -1);
  waiter.lock = LockId();
}

bool PiWaiters::Reorder(Kernel& kernel, TaskId task) {
  PiWaiter& waiter = waiters_[task.index()];
  const SchedAttr attr = EffectiveOf(kernel, task).attr;
  if (attr == waiter.attr) return false;
  const bool moves = Urgency::Of(attr) != waiter.urgency;
  waiter.attr = attr;
  if (!moves) return false;
  const LockId lock = waiter.lock;
  Queue& queue = queues_[lock.index()];
  const auto next = std::next(queue.iterator_to(waiter));
  Erase(waiter);
  waiter.urgency = Urgency::Of(attr);
  const int position = Insert(waiter);
  // Between the same two it is where it was.
  if (std::next(queue.iterator_to(waiter)) != next) {
    EmitWait(kernel, lock, task, MutexQueue::kWaitList, -1);
    EmitWait(kernel, lock, task, MutexQueue::kWaitList, position);
  }
  return true;
}

void PiWaiters::Acquired(LockId lock, TaskId owner) {
  HeldLock& held = locks_[lock.index()];
  RQSIM_CHECK(!held.owner.valid());
  held.owner = owner;
  held_[owner.index()].push_back(held);
}

void PiWaiters::Released(LockId lock) {
  HeldLock& held = locks_[lock.index()];
  RQSIM_CHECK(held.owner.valid());
  Held& list = held_[held.owner.index()];
  list.erase(list.iterator_to(held));
  held.owner = TaskId();
}

int PiWaiters::CountOf(LockId lock) const { return static_cast<int>(queues_[lock.index()].size()); }

int PiWaiters::PositionOf(TaskId task) const {
  const PiWaiter& waiter = waiters_[task.index()];
  const Queue& queue = queues_[waiter.lock.index()];
  return static_cast<int>(std::distance(queue.begin(), queue.iterator_to(waiter)));
}

}  // namespace rqsim
