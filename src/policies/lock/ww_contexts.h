// Acquire contexts: how tasks that need several mutexes in no fixed order get them without waiting
// in a circle (the kernel's ww_mutex).
//
// A task opens a context (ww_begin), takes locks with it, gives them back, and closes it (ww_end).
// The context has a stamp, younger tasks have larger ones, and one of two rules: with wait-die a
// task that holds locks does not wait for an older one, it gives up (-EDEADLK); with wound-wait an
// older task that has to wait tells the younger owner to give up. Whoever gives up releases all
// its locks and begins again with the one it could not get; its stamp stays, so it grows old.
// Origin: Linux 7.2 kernel/locking/ww_mutex.h (__ww_mutex_add_waiter, _die, _wound, _kill,
// _check_kill, _check_waiters, ww_mutex_lock_acquired, __ww_mutex_unlock).
// What differs: every lock taken between ww_begin and ww_end is taken with the context, and all
// locks count as of one class (MODEL-122).
#ifndef RQSIM_POLICIES_LOCK_WW_CONTEXTS_H_
#define RQSIM_POLICIES_LOCK_WW_CONTEXTS_H_

#include <cstdint>
#include <vector>

#include "lock/wait_list.h"
#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/policy.h"

namespace rqsim {

class WwContexts {
 public:
  // `keeps_edge`: the fault proxy.ww_keep_edge.
  WwContexts(const Limits& limits, bool keeps_edge) : limits_(limits), keeps_edge_(keeps_edge) {}

  // ww_acquire_init(), ww_acquire_fini(). A context that is open already, or not open, stays as it
  // is: -EBUSY, -EINVAL.
  int64_t Begin(Kernel& kernel, TaskId task, bool wait_die);
  int64_t End(Kernel& kernel, TaskId task);

  bool IsOpen(TaskId task) const { return in_use() && contexts_[task.index()].is_open; }

  // The task begins to take a lock: without locks it cannot have been wounded.
  void Enter(Kernel& kernel, TaskId task);
  // Joins the wait list in the order of stamps, or -EDEADLK. Tasks that must give up are woken.
  int64_t Join(Kernel& kernel, LockQueues& waiters, LockWaiter& self, LockId lock);
  // Whether the waiter must give up rather than sleep.
  bool MustGiveUp(const LockQueues& waiters, const LockWaiter& self, LockId lock) const;
  // The task has the lock. `looks`: younger waiters may have to give up because of it, or it
  // because of older ones.
  void Acquired(Kernel& kernel, const LockQueues& waiters, LockId lock, TaskId task, bool looks);
  void Released(Kernel& kernel, LockId lock);
  // ww_mutex_spin_on_owner(): whether a task may spin on the owner.
  bool MaySpin(const Kernel& kernel, const LockQueues& waiters, const LockWaiter& self,
               LockId lock) const;

 private:
  struct Context {
    int64_t stamp = 0;
    int32_t acquired = 0;
    bool is_open = false, wounded = false, wait_die = false;
  };

  bool in_use() const { return !contexts_.empty(); }
  Context& Of(TaskId task) { return contexts_[task.index()]; }
  const Context& Of(TaskId task) const { return contexts_[task.index()]; }
  bool IsYounger(TaskId a, TaskId b) const { return Of(a).stamp > Of(b).stamp; }
  void Tell(Kernel& kernel, TaskId task) const;
  // Both say whether there is reason to look no further.
  bool Die(Kernel& kernel, TaskId waiter, TaskId for_whom) const;
  bool Wound(Kernel& kernel, LockId lock, TaskId for_whom, TaskId self);
  // What has become of the context.
  void Emit(Kernel& kernel, TaskId task) const;

  Limits limits_;
  bool keeps_edge_;
  int64_t last_stamp_ = 0;
  std::vector<Context> contexts_;  // by task; empty until the first context is opened
  std::vector<TaskId> holders_;    // by lock: whose context holds it
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_WW_CONTEXTS_H_
