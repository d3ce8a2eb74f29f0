// The fallback of every placement: the task's node, then its affinity, then its cpuset, then the
// housekeeping CPUs.
//
// Origin: Linux 7.2 kernel/sched/core.c: select_fallback_rq() and is_cpu_allowed(); hotplug.md 5.6
// has the order. Cost: O(CPUs). Tested by
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

Fallback SelectFallbackCpu(Kernel& kernel, CpuId from, TaskId id, const FallbackRules& rules) {
  const Task& task = kernel.task(id);
  const int node = kernel.cpu(from).node;
  for (int i = 0; i < kernel.num_cpus(); ++i) {
    const CpuId cpu(i);
    if (kernel.cpu(cpu).node == node && IsCpuUsable(kernel, id, cpu)) return {cpu, false};
  }
  for (CpuId cpu = task.cpus_allowed.First(); cpu.valid(); cpu = task.cpus_allowed.After(cpu)) {
    if (IsCpuUsable(kernel, id, cpu)) return {cpu, false};
  }
  // What the mask becomes takes effect when this answer is carried out.
  const CpuSet& candidates = task.is_kthread ? kernel.online() : kernel.active();
  const auto first_of = [&](const CpuSet& mask) {
    for (CpuId cpu = mask.First(); cpu.valid(); cpu = mask.After(cpu)) {
      if (candidates.Contains(cpu) && !(task.is_kthread && kernel.cpu(cpu).dying)) return cpu;
    }
    return CpuId();
  };
  if (rules.mode == CpusetMode::kV2) {
    const CpuId cpu = first_of(kernel.cpuset(id));
    if (cpu.valid()) {
      kernel.ForceAffinity(id, kernel.cpuset(id));
      return {cpu, true};
    }
  }
  const CpuSet& last = rules.last_is_possible ? kernel.facts().possible : kernel.housekeeping();
  kernel.ForceAffinity(id, last);
  const CpuId cpu = first_of(last);
  if (cpu.valid()) return {cpu, true};
  // Not one housekeeping CPU can be used: Linux 7.2 stops with BUG(). Here the task may run
  // anywhere then, as 6.12 lets it (MODEL-240).
  const CpuSet& possible = kernel.facts().possible;
  kernel.ForceAffinity(id, possible);
  const CpuId any = first_of(possible);
  return {any.valid() ? any : from, true};
}

}  // namespace rqsim
