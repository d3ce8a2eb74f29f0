// The kernel's choice of a CPU for a waking fair task: near the waker or near where it was, and
// there an idle CPU (machine.md 6.2; numbers of rules in the code are those of that section).
#ifndef RQSIM_POLICIES_PLACEMENT_AFFINE_WAKE_H_
#define RQSIM_POLICIES_PLACEMENT_AFFINE_WAKE_H_

#include <memory>

#include "placement/parts.h"

namespace rqsim {

// The replacements of machine.md 6.3; without any of them this is the placement `simple`.
struct WakeRules {
  bool wake_wide = false;
  bool affine_domain = false;
  bool weight = false;
  bool idle_scan = false;
  bool kthread_stack = false;
  bool idlest_group = false;
};

// `shared` must outlive what is made.
std::unique_ptr<WakeChoice> MakeAffineWake(const WakeRules& rules, PlacementShared& shared,
                                           const Limits& limits);

// The slow path of fork and exec (fair.c: sched_balance_find_dst_cpu()): the idlest CPU of the
// idlest group, level by level. `current`: where the task, or its parent, runs.
CpuId FindIdlestCpu(const Kernel& kernel, const PlacementShared& shared, TaskId task, CpuId current,
                    bool is_fork);

// Idle, or with nothing but tasks of policy idle where `task` is not one itself
// (choose_idle_cpu()).
inline bool IsFree(const Kernel& kernel, CpuId cpu, TaskId task) {
  if (kernel.IsIdle(cpu)) return true;
  const Cpu& c = kernel.cpu(cpu);
  return kernel.task(task).eff.policy != SchedPolicy::kIdle && c.nr_running > 0 &&
         c.nr_running == c.nr_idle_policy;
}

inline bool IsCoreIdle(const Kernel& kernel, CpuId cpu) {
  const CpuSet& core = kernel.topology().core(cpu);
  for (CpuId c = core.First(); c.valid(); c = core.After(c)) {
    if (!kernel.IsIdle(c)) return false;
  }
  return true;
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_AFFINE_WAKE_H_
