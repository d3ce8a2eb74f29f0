// Chains of waiters and owners that are balanced as a whole (`chain_balance`): a task that waits
// for a mutex is pushed or pulled with everybody between it and who would execute for it. Where to
// is a question of its priority or deadline, and of the affinity of who executes.
//
// Origin: series v7 of proxy execution, patches 20 to 22 (find_exec_ctx()); proxy-exec.md 8; not in
// Linux 7.2. What differs: MODEL-143. Tested by scenarios/proxy/chain-balance*.json.
#ifndef RQSIM_POLICIES_SCHED_CLASS_CHAINS_H_
#define RQSIM_POLICIES_SCHED_CLASS_CHAINS_H_

#include <array>
#include <cstddef>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"

namespace rqsim {

// Links of the longest chain that is moved as a whole.
inline constexpr int kMaxChainMoved = 64;

// Of every class that balances chains; given once, it is every such class's.
inline constexpr ParamInfo kChainBalanceParam = {
    .name = "chain_balance",
    .kind = ParamKind::kBool,
    .default_value = 0,
    .summary =
        "a waiter whose whole chain waits on its runqueue is pushed and pulled, with that "
        "chain (rt.chain_balance, series v7 of proxy execution; not in 7.2)"};

// Who would execute for `task`, if all of its chain is on its runqueue and none of it is the
// donor there. Invalid: nobody. Itself, unless it waits.
inline TaskId ExecOf(const Kernel& kernel, TaskId task) {
  const CpuId cpu = kernel.task(task).cpu;
  TaskId at = task;
  for (int links = 0; kernel.task(at).is_blocked; ++links) {
    const LockId lock = kernel.task(at).blocked_on;
    if (!lock.valid() || links == kMaxChainMoved) return TaskId();
    at = kernel.lock(lock).owner;
    if (!at.valid() || !kernel.task(at).on_rq || kernel.task(at).cpu != cpu ||
        kernel.cpu(cpu).donor == at) {
      return TaskId();
    }
  }
  return at;
}

// Whether `task` has somebody who would execute for it and can be moved: not on a CPU, free to
// migrate. The affinity is the caller's to look at.
inline bool CanMove(const Kernel& kernel, TaskId task) {
  const TaskId exec = ExecOf(kernel, task);
  return exec.valid() && !kernel.task(exec).on_cpu && kernel.task(exec).migration_disabled == 0;
}

// Moves `task` and its chain, whose end is `exec`, so that each finds its owner there.
inline void MoveChain(Kernel& kernel, TaskId task, TaskId exec, CpuId to) {
  std::array<TaskId, kMaxChainMoved + 1> chain;
  std::size_t length = 0;
  for (TaskId at = task; at != exec; at = kernel.lock(kernel.task(at).blocked_on).owner) {
    chain[length++] = at;
  }
  chain[length++] = exec;
  while (length > 0) kernel.MoveTask(chain[--length], to);
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_CHAINS_H_
