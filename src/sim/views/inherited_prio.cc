#include "sim/views/inherited_prio.h"

#include <algorithm>
#include <utility>

namespace rqsim {

void InheritedPrio::Start(int num_tasks, int num_locks) {
  tasks_.assign(static_cast<std::size_t>(num_tasks), TaskNode());
  locks_.assign(static_cast<std::size_t>(num_locks), LockNode());
  changed_.clear();
}

void InheritedPrio::SetOwn(TaskId task, int32_t prio) {
  TaskNode& node = At(task);
  if (node.own == prio) return;
  node.own = prio;
  Refresh(task);
}

// In both, the old wait has ended before the new one begins, as either may lead back to where it
// comes from.
void InheritedPrio::SetWait(TaskId task, LockId lock) {
  TaskNode& node = At(task);
  if (node.waits_for == lock) return;
  const LockId before = std::exchange(node.waits_for, LockId());
  if (before.valid()) Refresh(MoveWaiter(before, node.prio, kNoPrio));
  node.waits_for = lock;
  if (lock.valid()) Refresh(MoveWaiter(lock, kNoPrio, node.prio));
}

void InheritedPrio::SetOwner(LockId lock, TaskId owner) {
  LockNode& node = locks_[lock.index()];
  if (node.owner == owner) return;
  if (node.waiters.empty()) {
    node.owner = owner;
    return;
  }
  const TaskId before = std::exchange(node.owner, TaskId());
  if (before.valid()) {
    At(before).lent.Move(node.waiters.First(), kNoPrio);
    Refresh(before);
  }
  node.owner = owner;
  if (owner.valid()) {
    At(owner).lent.Move(kNoPrio, node.waiters.First());
    Refresh(owner);
  }
}

void InheritedPrio::Refresh(TaskId task) {
  while (task.valid()) {
    TaskNode& node = At(task);
    const int32_t prio = std::min(node.own, node.lent.First());
    if (prio == node.prio) return;
    const int32_t before = std::exchange(node.prio, prio);
    changed_.push_back(task);
    if (!node.waits_for.valid()) return;
    task = MoveWaiter(node.waits_for, before, prio);
  }
}

TaskId InheritedPrio::MoveWaiter(LockId lock, int32_t from, int32_t to) {
  LockNode& node = locks_[lock.index()];
  const int32_t before = node.waiters.First();
  node.waiters.Move(from, to);
  if (node.waiters.First() == before || !node.owner.valid()) return TaskId();
  At(node.owner).lent.Move(before, node.waiters.First());
  return node.owner;
}

}  // namespace rqsim
