// Who waits for which lock how urgently, who owns which lock, and what that makes of a task's
// attributes: the data structures of priority inheritance.
#ifndef RQSIM_POLICIES_LOCK_PI_WAITERS_H_
#define RQSIM_POLICIES_LOCK_PI_WAITERS_H_

#include <boost/intrusive/list.hpp>
#include <boost/intrusive/set.hpp>
#include <compare>
#include <cstdint>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/limits.h"
#include "rqsim/policy.h"

namespace rqsim {

// How important a task is to a lock: smaller is stronger. Fair tasks are one level.
struct Urgency {
  int level = kFairLevel;
  int64_t deadline = 0;  // among deadline tasks: their relative deadline (MODEL-33)

  static constexpr int kFairLevel = 120;
  static Urgency Of(const SchedAttr& attr) {
    Urgency urgency;
    if (attr.prio < 0) {
      urgency.level = attr.prio;
      urgency.deadline = attr.dl_deadline.count();
    } else if (attr.prio < 100) {
      urgency.level = attr.prio;
    }
    return urgency;
  }
  friend auto operator<=>(const Urgency&, const Urgency&) = default;
};

// A task's place among the waiters of one lock (struct rt_mutex_waiter).
struct PiWaiter : boost::intrusive::set_base_hook<> {
  TaskId task;
  LockId lock;       // invalid: it does not wait
  Urgency urgency;   // as of the last time it was put in order
  SchedAttr attr;    // what it would lend
  uint64_t seq = 0;  // first in, first out among equals

  friend bool operator<(const PiWaiter& a, const PiWaiter& b) {
    if (a.urgency != b.urgency) return a.urgency < b.urgency;
    return a.seq < b.seq;
  }
};

// A lock as something its owner holds.
struct HeldLock : boost::intrusive::list_base_hook<> {
  LockId lock;
  TaskId owner;
};

class PiWaiters {
 public:
  explicit PiWaiters(const Limits& limits);

  bool empty(LockId lock) const { return queues_[lock.index()].empty(); }
  // The strongest waiter, the first of equals; null if there is none.
  const PiWaiter* Top(LockId lock) const;
  bool IsTop(TaskId task) const;
  // The lock `task` waits for; invalid if none.
  LockId LockOf(TaskId task) const { return waiters_[task.index()].lock; }
  const PiWaiter& Of(TaskId task) const { return waiters_[task.index()]; }

  // The effective attributes of `task` now: its base ones, or what the strongest top waiter of its
  // locks lends; and who that is.
  struct Effective {
    SchedAttr attr;
    TaskId lender;  // invalid: nobody
  };
  Effective EffectiveOf(const Kernel& kernel, TaskId task) const;

  void Add(Kernel& kernel, TaskId task, LockId lock);
  void Remove(Kernel& kernel, TaskId task);
  // Puts a waiter in order again after its urgency changed: behind its new equals. Whether anything
  // changed.
  bool Reorder(Kernel& kernel, TaskId task);

  void Acquired(LockId lock, TaskId owner);
  void Released(LockId lock);

  int CountOf(LockId lock) const;
  int PositionOf(TaskId task) const;  // precondition: it waits
  int NumHeld(TaskId task) const { return static_cast<int>(held_[task.index()].size()); }

 private:
  // How many waiters of a lock are equally urgent.
  struct Level : boost::intrusive::list_base_hook<> {
    Urgency urgency;
    int count = 0;
  };
  using Levels = boost::intrusive::list<Level, boost::intrusive::constant_time_size<false>>;

  // Puts it in behind its equals; returns its position.
  int Insert(PiWaiter& waiter);
  void Erase(PiWaiter& waiter);

  using Queue = boost::intrusive::set<PiWaiter, boost::intrusive::constant_time_size<false>>;
  using Held = boost::intrusive::list<HeldLock, boost::intrusive::constant_time_size<false>>;

  std::vector<PiWaiter> waiters_;  // by task
  std::vector<HeldLock> locks_;    // by lock
  std::vector<Queue> queues_;      // by lock, over waiters_
  std::vector<Held> held_;         // by task, over locks_
  // By lock, the strongest first: tells a waiter's position without a walk over those before it. A
  // level has a waiter and a task waits for one lock, so there are never more levels than tasks.
  std::vector<Level> level_store_;
  std::vector<Levels> levels_;
  Levels free_levels_;
  uint64_t next_seq_ = 0;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_PI_WAITERS_H_
