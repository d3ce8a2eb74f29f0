// wait_lock of every mutex as a resource: one task holds it, the others spin for it in order of
// arrival, as the kernel's queued spinlocks have it. Unless that is asked for (`model_wait_lock`)
// nobody ever waits for one, and nothing is kept.
#ifndef RQSIM_POLICIES_LOCK_WAIT_LOCKS_H_
#define RQSIM_POLICIES_LOCK_WAIT_LOCKS_H_

#include <cstddef>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/limits.h"

namespace rqsim {

class WaitLocks {
 public:
  WaitLocks(bool is_modelled, const Limits& limits) {
    if (!is_modelled) return;
    locks_.resize(static_cast<std::size_t>(limits.num_locks));
    behind_.resize(static_cast<std::size_t>(limits.num_tasks));
  }

  bool is_modelled() const { return !locks_.empty(); }
  // Also the task whose turn it is now.
  bool IsHeldBy(TaskId task, LockId lock) const { return locks_[lock.index()].holder == task; }
  // False: `task` stands in line. It has its turn when the tasks before it have left, and is then
  // asked to look.
  bool Take(LockId lock, TaskId task) {
    State& state = locks_[lock.index()];
    const TaskId before = state.last;
    state.last = task;
    if (!before.valid()) {
      state.holder = task;
      return true;
    }
    behind_[before.index()] = task;
    return false;
  }
  void Leave(Kernel& kernel, LockId lock, TaskId task) {
    if (!is_modelled()) return;
    State& state = locks_[lock.index()];
    RQSIM_CHECK(state.holder == task);
    state.holder = behind_[task.index()];
    behind_[task.index()] = TaskId();
    if (!state.holder.valid()) {
      state.last = TaskId();
    } else {
      kernel.LookAgain(state.holder);
    }
  }

  TaskId holder(LockId lock) const { return locks_[lock.index()].holder; }
  // Who stands in line behind `task`; invalid: nobody.
  TaskId behind(TaskId task) const { return behind_[task.index()]; }

 private:
  struct State {
    TaskId holder, last;
  };
  std::vector<State> locks_;    // by lock; empty: not modelled
  std::vector<TaskId> behind_;  // by task
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_WAIT_LOCKS_H_
