// The fallback of every placement: the task's node, then its affinity, then the housekeeping CPUs.
//
// Origin: Linux 7.2 kernel/sched/core.c: select_fallback_rq() and is_cpu_allowed(); hotplug.md 5.6
// has the order. There are no cpusets here, so a mask without a usable CPU goes straight to the
// housekeeping CPUs (MODEL-10). Cost: O(CPUs). Tested by
// tests/unit/policies/placement/placement_test.cc.
#include "placement/fallback.h"

namespace rqsim {

bool IsCpuUsable(const Kernel& kernel, TaskId id, CpuId cpu) {
  const Task& task = kernel.task(id);
  if (!task.cpus_allowed.Contains(cpu)) return false;
  if (task.migration_disabled > 0) return kernel.online().Contains(cpu);
  if (!task.is_kthread) return kernel.active().Contains(cpu);
  if (task.per_cpu_kthread) return kernel.online().Contains(cpu);
  return kernel.online().Contains(cpu) && !kernel.cpu(cpu).dying;
}

CpuId SelectFallbackCpu(Kernel& kernel, CpuId from, TaskId id) {
  const Task& task = kernel.task(id);
  // A CPU that is being taken down is online but no longer active: a kernel thread pushed off it
  // must not be sent back.
  const bool leaves = task.is_kthread && !task.per_cpu_kthread && task.migration_disabled == 0 &&
                      !kernel.active().Contains(from);
  const auto usable = [&](CpuId cpu) {
    return !(leaves && cpu == from) && IsCpuUsable(kernel, id, cpu);
  };
  const int node = kernel.cpu(from).node;
  for (int i = 0; i < kernel.num_cpus(); ++i) {
    const CpuId cpu(i);
    if (kernel.cpu(cpu).node == node && usable(cpu)) return cpu;
  }
  for (CpuId cpu = task.cpus_allowed.First(); cpu.valid(); cpu = task.cpus_allowed.After(cpu)) {
    if (usable(cpu)) return cpu;
  }
  const CpuSet& candidates = task.is_kthread ? kernel.online() : kernel.active();
  const CpuSet& housekeeping = kernel.facts().housekeeping;
  kernel.SetAffinity(id, housekeeping);
  for (CpuId cpu = housekeeping.First(); cpu.valid(); cpu = housekeeping.After(cpu)) {
    if (candidates.Contains(cpu) && !(leaves && cpu == from)) return cpu;
  }
  // Not one housekeeping CPU can be used, which the kernel calls fatal. Any CPU that can is better
  // than none.
  const CpuId any = candidates.First();
  return any.valid() ? any : from;
}

}  // namespace rqsim
