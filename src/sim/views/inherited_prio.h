// How important every task is by who waits for it: its own prio, or that of the most important who
// cannot go on before it, along waits and owners, whatever a lock protocol makes of it. For
// listeners that ask this after every event.
//
//   H 96 waits for A of K 97, K waits for B of L 98   →   Of(L) = Of(K) = 96
//
// An event costs what it changes: who joins a thousand waiters that are no less important changes
// nothing but a count. Around a circle of waits all have the prio of the most important of them,
// which may outlast it leaving; when the circle is broken, what is left of it is right again.
#ifndef RQSIM_SIM_VIEWS_INHERITED_PRIO_H_
#define RQSIM_SIM_VIEWS_INHERITED_PRIO_H_

#include <cstdint>
#include <vector>

#include "rqsim/ids.h"
#include "sim/views/per_task.h"
#include "sim/views/prio_counts.h"

namespace rqsim {

class InheritedPrio {
 public:
  void Start(int num_tasks, int num_locks);

  // What `task` is by itself; kNoPrio: nothing, but others may wait for it.
  void SetOwn(TaskId task, int32_t prio);
  // The lock whose owner `task` stands for; invalid: none.
  void SetWait(TaskId task, LockId lock);
  // Invalid: nobody owns it.
  void SetOwner(LockId lock, TaskId owner);

  // kNoPrio: nobody who counts waits for it, and it does not count itself.
  int32_t Of(TaskId task) const {
    return task.index() < tasks_.size() ? tasks_[task.index()].prio : kNoPrio;
  }
  LockId WaitOf(TaskId task) const {
    return task.index() < tasks_.size() ? tasks_[task.index()].waits_for : LockId();
  }

  // Whose prio has changed since ClearChanged(), each at least once, in the order of the changes.
  const std::vector<TaskId>& changed() const { return changed_; }
  void ClearChanged() { changed_.clear(); }

 private:
  struct TaskNode {
    int32_t own = kNoPrio;
    int32_t prio = kNoPrio;  // the more important of own and lent
    PrioCounts lent;         // the most important waiter of each lock it owns
    LockId waits_for;
  };
  struct LockNode {
    TaskId owner;
    PrioCounts waiters;
  };

  TaskNode& At(TaskId task) { return EntryOf(tasks_, task); }
  // The prio of `task` anew, and of all for whom that makes a difference.
  void Refresh(TaskId task);
  // A waiter of `lock` has another prio; returns whose prio may have changed by that, if anybody's.
  TaskId MoveWaiter(LockId lock, int32_t from, int32_t to);

  std::vector<TaskNode> tasks_;
  std::vector<LockNode> locks_;
  std::vector<TaskId> changed_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_INHERITED_PRIO_H_
