// The queues of a mutex: waiters that sleep, and optimistic spinners, both in order of arrival. A
// task stands in at most one queue of one lock, so one node per task serves all of them.
#ifndef RQSIM_POLICIES_LOCK_WAIT_LIST_H_
#define RQSIM_POLICIES_LOCK_WAIT_LIST_H_

#include <boost/intrusive/list.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/trace_event.h"

#include "lock/lock_words.h"

namespace rqsim {

// mutex_phase of mutex.md 2; numbers are what Describe shows.
enum class MutexPhase : uint8_t { kNone, kSpin, kWait, kRecheck, kWaiterSpin };

struct LockWaiter : boost::intrusive::list_base_hook<> {
  TaskId task;
  LockId lock;  // of the queue it stands in; invalid: in none
  MutexPhase phase = MutexPhase::kNone;
};

// One kind of queue of all locks. Joining and leaving are traced.
class LockQueues {
 public:
  LockQueues(MutexQueue kind, int num_locks)
      : kind_(kind), queues_(static_cast<std::size_t>(num_locks)) {}

  bool empty(LockId lock) const { return queues_[lock.index()].empty(); }
  int size(LockId lock) const { return static_cast<int>(queues_[lock.index()].size()); }
  // The task that came first; invalid if there is none.
  TaskId Head(LockId lock) const {
    return empty(lock) ? TaskId() : queues_[lock.index()].front().task;
  }
  bool IsHead(const LockWaiter& waiter, LockId lock) const { return Head(lock) == waiter.task; }
  // 0 for the head. Precondition: `waiter` is in this queue of its lock. O(length).
  int PositionOf(const LockWaiter& waiter) const {
    int position = 0;
    for (const LockWaiter& other : queues_[waiter.lock.index()]) {
      if (other.task == waiter.task) break;
      ++position;
    }
    return position;
  }

  // In order; null: there is none, or none before or behind.
  const LockWaiter* First(LockId lock) const {
    return empty(lock) ? nullptr : &queues_[lock.index()].front();
  }
  const LockWaiter* Last(LockId lock) const {
    return empty(lock) ? nullptr : &queues_[lock.index()].back();
  }
  const LockWaiter* Before(const LockWaiter& waiter) const {
    const Queue& queue = queues_[waiter.lock.index()];
    auto at = queue.iterator_to(waiter);
    return at == queue.begin() ? nullptr : &*--at;
  }
  const LockWaiter* After(const LockWaiter& waiter) const {
    const Queue& queue = queues_[waiter.lock.index()];
    auto at = queue.iterator_to(waiter);
    return ++at == queue.end() ? nullptr : &*at;
  }

  void Join(Kernel& kernel, LockWaiter& waiter, LockId lock) {
    RQSIM_CHECK(!waiter.lock.valid());
    EmitWait(kernel, lock, waiter.task, kind_, size(lock));
    waiter.lock = lock;
    queues_[lock.index()].push_back(waiter);
  }
  // In front of `next`, which stands in this queue of `lock`. O(length).
  void JoinBefore(Kernel& kernel, LockWaiter& waiter, LockId lock, const LockWaiter& next) {
    RQSIM_CHECK(!waiter.lock.valid() && next.lock == lock);
    waiter.lock = lock;
    Queue& queue = queues_[lock.index()];
    queue.insert(queue.iterator_to(next), waiter);
    EmitWait(kernel, lock, waiter.task, kind_, PositionOf(waiter));
  }
  void Leave(Kernel& kernel, LockWaiter& waiter) {
    RQSIM_CHECK(waiter.lock.valid());
    Queue& queue = queues_[waiter.lock.index()];
    queue.erase(queue.iterator_to(waiter));
    EmitWait(kernel, waiter.lock, waiter.task, kind_, -1);
    waiter.lock = LockId();
  }

 private:
  using Queue = boost::intrusive::list<LockWaiter>;
  MutexQueue kind_;
  std::vector<Queue> queues_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_WAIT_LIST_H_
