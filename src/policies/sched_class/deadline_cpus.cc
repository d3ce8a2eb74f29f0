// Global EDF by push and pull: see deadline_cpus.h.
//
// Idea: a task that cannot run here because of an earlier deadline goes to a CPU without deadline
// work, else to the one whose earliest deadline is the latest; a CPU about to run something later
// takes such tasks from others. Origin: Linux 7.2 kernel/sched/deadline.c, cpudeadline.c. Cost: a
// search O(CPUs / 64), a push O(log n), a pull O(overloaded CPUs).
// Tested by tests/unit/policies/sched_class/deadline_test.cc.
#include "sched_class/deadline_cpus.h"

#include <algorithm>

#include "sched_class/chains.h"
#include "wide.h"

namespace rqsim {

bool DeadlineCpus::Fits(const Kernel& kernel, CpuId cpu, const DlEntity& entity) {
  const int capacity = kernel.cpu(cpu).capacity;
  return capacity == 1024 ||
         static_cast<int64_t>((static_cast<Wide>(entity.dl_deadline) * capacity) >> 10) >=
             entity.dl_runtime;
}

// cpudeadline.c: cpudl_find(), with a mask: CPUs without deadline work whose runqueue is online,
// else the one whose earliest deadline is the latest.
CpuSet DeadlineCpus::LaterCpus(const Kernel& kernel, TaskId task, TaskId exec) const {
  const CpuSet free = (queues_.online() - queues_.busy()) & kernel.task(exec).cpus_allowed;
  if (free.empty()) {
    return HasLater(kernel, task, exec) ? CpuSet::Of(queues_.latest().cpu()) : CpuSet();
  }
  if (!is_asymmetric_) return free;
  const DlEntity& entity = entities_[task.index()];
  CpuSet fitting = free;
  CpuId largest;
  for (CpuId c = free.First(); c.valid(); c = free.After(c)) {
    if (Fits(kernel, c, entity)) continue;
    fitting.Remove(c);
    const int capacity = kernel.cpu(c).capacity;
    if (!largest.valid() || capacity > kernel.cpu(largest).capacity ||
        (c == kernel.task(task).cpu && capacity == kernel.cpu(largest).capacity)) {
      largest = c;
    }
  }
  return fitting.empty() ? CpuSet::Of(largest) : fitting;
}
bool DeadlineCpus::HasLater(const Kernel& kernel, TaskId task, TaskId exec) const {
  const LatestDeadlines& latest = queues_.latest();
  return !latest.empty() && kernel.task(exec).cpus_allowed.Contains(latest.cpu()) &&
         entities_[task.index()].deadline < latest.deadline();
}

CpuId DeadlineCpus::FindLater(Kernel& kernel, TaskId task, TaskId exec) {
  if (kernel.task(exec).nr_cpus_allowed == 1) return CpuId();
  if (!knows_capacities_) {
    knows_capacities_ = true;
    for (int i = 1; i < kernel.num_cpus(); ++i) {
      if (kernel.cpu(CpuId(i)).capacity != kernel.cpu(CpuId(0)).capacity) is_asymmetric_ = true;
    }
  }
  const CpuSet later = LaterCpus(kernel, task, exec);
  return later.empty() ? CpuId() : domains_.Closest(kernel, kernel.task(task).cpu, later);
}

// deadline.c: check_preempt_equal_dl(), which asks cpudl_find() without a mask and so does not
// see free CPUs.
bool DeadlineCpus::CanOnlyCurrMove(const Kernel& kernel, CpuId cpu, TaskId donor,
                                   TaskId woken) const {
  if (kernel.task(kernel.cpu(cpu).curr).nr_cpus_allowed == 1 || !HasLater(kernel, donor, donor)) {
    return false;
  }
  return kernel.task(woken).nr_cpus_allowed == 1 || !HasLater(kernel, woken, woken);
}

bool DeadlineCpus::Push(Kernel& kernel, CpuId cpu) {
  const DlQueue& queue = queues_.Of(cpu);
  const auto next =
      std::find_if(queue.pushable.begin(), queue.pushable.end(),
                   [&kernel](const DlEntity& entity) { return CanMove(kernel, entity.task); });
  if (next == queue.pushable.end()) return false;
  const Cpu& c = kernel.cpu(cpu);
  if (IsDeadline(kernel.task(c.donor)) && next->deadline < entities_[c.donor.index()].deadline &&
      kernel.task(c.curr).nr_cpus_allowed > 1) {
    kernel.Resched(cpu, ReschedKind::kFull);
    return false;
  }
  const TaskId task = next->task;
  const TaskId exec = ExecOf(kernel, task);
  const CpuId to = FindLater(kernel, task, exec);
  if (!to.valid() || to == cpu || !queues_.Of(to).WouldBeFirst(*next)) return false;
  MoveChain(kernel, task, exec, to);
  kernel.Resched(to, ReschedKind::kFull);
  return true;
}

void DeadlineCpus::Pull(Kernel& kernel, CpuId cpu) const {
  const DlQueue& here = queues_.Of(cpu);
  bool has_any = !here.tree.empty();
  int64_t earliest = has_any ? here.tree.begin()->deadline : 0;
  bool has_pulled = false;
  const CpuSet& sources = queues_.overloaded();
  for (CpuId source = sources.First(); source.valid(); source = sources.After(source)) {
    if (source == cpu) continue;
    const DlQueue& queue = queues_.Of(source);
    if (has_any && earliest < queue.pushable.begin()->deadline) continue;
    if (queue.count <= 1) continue;
    const auto next = std::find_if(queue.pushable.begin(), queue.pushable.end(),
                                   [&kernel, cpu](const DlEntity& entity) {
                                     const TaskId exec = ExecOf(kernel, entity.task);
                                     return exec.valid() && !kernel.task(exec).on_cpu &&
                                            kernel.task(exec).cpus_allowed.Contains(cpu);
                                   });
    if (next == queue.pushable.end() || (has_any && next->deadline >= earliest)) continue;
    // What is earlier than the donor there is about to run there.
    if (next->deadline < entities_[kernel.cpu(source).donor.index()].deadline) continue;
    const TaskId exec = ExecOf(kernel, next->task);
    if (kernel.task(exec).migration_disabled > 0) continue;
    has_any = has_pulled = true;
    earliest = next->deadline;
    MoveChain(kernel, next->task, exec, cpu);
  }
  if (has_pulled) kernel.Resched(cpu, ReschedKind::kFull);
}

}  // namespace rqsim
