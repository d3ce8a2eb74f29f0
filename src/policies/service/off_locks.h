// A user mutex for each CPU, by which those who use the data of one that is offline exclude each
// other (pairing.md 9.1, 9.2). It is handed over to the first who waits.
#ifndef RQSIM_POLICIES_SERVICE_OFF_LOCKS_H_
#define RQSIM_POLICIES_SERVICE_OFF_LOCKS_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "rqsim/kernel.h"

namespace rqsim {

class OffLocks {
 public:
  OffLocks(int num_cpus, int num_tasks) : locks_(static_cast<std::size_t>(num_cpus)) {
    for (Lock& lock : locks_) lock.waiters.reserve(static_cast<std::size_t>(num_tasks));
  }
  // True if `task` has it; else it waits in line and must sleep until it has.
  bool Take(CpuId cpu, TaskId task) {
    Lock& lock = locks_[cpu.index()];
    if (lock.owner == task) return true;
    if (!lock.owner.valid()) {
      lock.owner = task;
      return true;
    }
    const auto waits = std::find(lock.waiters.begin(), lock.waiters.end(), task);
    if (waits == lock.waiters.end()) lock.waiters.push_back(task);
    return false;
  }
  bool Has(CpuId cpu, TaskId task) const { return locks_[cpu.index()].owner == task; }
  // Gives it up, or its place in line.
  void Leave(Kernel& kernel, CpuId cpu, TaskId task) {
    Lock& lock = locks_[cpu.index()];
    std::erase(lock.waiters, task);
    if (lock.owner != task) return;
    lock.owner = TaskId();
    if (lock.waiters.empty()) return;
    lock.owner = lock.waiters.front();
    lock.waiters.erase(lock.waiters.begin());
    kernel.Wake(lock.owner);
  }

 private:
  struct Lock {
    TaskId owner;
    std::vector<TaskId> waiters;
  };
  std::vector<Lock> locks_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SERVICE_OFF_LOCKS_H_
