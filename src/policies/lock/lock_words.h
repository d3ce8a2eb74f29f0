// What lock protocols do with lock words: take and free them, say so, and know what a look at one
// costs.
#ifndef RQSIM_POLICIES_LOCK_LOCK_WORDS_H_
#define RQSIM_POLICIES_LOCK_LOCK_WORDS_H_

#include <cstdint>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/limits.h"
#include "rqsim/policy.h"
#include "rqsim/time.h"

namespace rqsim {

// Which CPUs have a copy of a lock word: the first try of a CPU after another CPU wrote it pays for
// the transfer of the line. Keeps nothing and costs nothing while the transfer is free.
class LockLines {
 public:
  LockLines(Cycles transfer, const Limits& limits) : transfer_(transfer) {
    if (transfer_ > kZeroCycles) {
      written_.resize(static_cast<std::size_t>(limits.num_locks));
      copies_.resize(static_cast<std::size_t>(limits.num_locks));
    }
  }
  // What a try of `cpu` on `lock` costs on top, if it comes now.
  Cycles TryCost(LockId lock, CpuId cpu) const {
    if (copies_.empty()) return kZeroCycles;
    return written_[lock.index()] && !copies_[lock.index()].Contains(cpu) ? transfer_ : kZeroCycles;
  }
  void Tried(LockId lock, CpuId cpu) {
    if (!copies_.empty()) copies_[lock.index()].Add(cpu);
  }
  void Wrote(LockId lock, CpuId cpu) {
    if (copies_.empty()) return;
    written_[lock.index()] = true;
    copies_[lock.index()] = CpuSet::Of(cpu);
  }

 private:
  Cycles transfer_;
  std::vector<bool> written_;   // by lock: nobody pays before the first write
  std::vector<CpuSet> copies_;  // by lock
};

// Whether a signal that ends a wait of kind `wait` is pending (signal_pending_state()).
inline bool SignalEndsWait(const Task& task, LockWait wait) {
  switch (wait) {
    case LockWait::kUninterruptible:
      return false;
    case LockWait::kInterruptible:
      return task.pending_signals != 0;
    case LockWait::kKillable:
      return (task.pending_signals & (1u << static_cast<unsigned>(SignalKind::kKill))) != 0;
  }
  return false;
}

inline TaskState SleepStateOf(LockWait wait) {
  switch (wait) {
    case LockWait::kUninterruptible:
      return TaskState::kUninterruptible;
    case LockWait::kInterruptible:
      return TaskState::kInterruptible;
    case LockWait::kKillable:
      return TaskState::kKillable;
  }
  return TaskState::kUninterruptible;
}

// --- what happened, at the transition ------------------------------------------------------------

inline void EmitAcquire(Kernel& kernel, LockId lock, TaskId task, AcquirePath path) {
  kernel.Emit(MutexAcquire{.lock = lock, .pid = task, .path = path});
}
inline void EmitRelease(Kernel& kernel, LockId lock, TaskId task) {
  kernel.Emit(MutexRelease{.lock = lock, .pid = task});
}
inline void EmitWait(Kernel& kernel, LockId lock, TaskId task, MutexQueue queue, int position) {
  kernel.Emit(MutexWait{.lock = lock,
                        .pid = task,
                        .queue = queue,
                        .joined = static_cast<int16_t>(position >= 0 ? 1 : 0),
                        .position = position});
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_LOCK_WORDS_H_
