// Wake-up placement without load averages: the previous CPU, the waker's, an idle one that shares
// the cache.
//
// Idea: the structure of the kernel's selection with every test that needs an average taken out, so
// that the result can be worked out by hand. Rule numbers in the code are those of machine.md 6.2.
// Origin: Linux 7.2 kernel/sched/fair.c: select_task_rq_fair(), wake_affine_idle(),
// select_idle_sibling(), select_idle_core(), select_idle_smt(), select_idle_cpu(). What differs:
// machine.md 6.3 lists what only `faithful` has. CPU capacities are not looked at (MODEL-11). Cost:
// O(CPUs of the cache); O(CPUs) for a fork. Tested by
// tests/unit/policies/placement/placement_test.cc (M14, M15, M16).
#include <absl/status/status.h>

#include <vector>

#include "placement/fallback.h"
#include "placement/params.h"
#include "policies.h"

namespace rqsim {
namespace {

class Simple final : public Placement {
 public:
  explicit Simple(const Limits& limits)
      : llc_(static_cast<std::size_t>(limits.num_cpus)),
        core_(static_cast<std::size_t>(limits.num_cpus)),
        recent_used_(static_cast<std::size_t>(limits.num_tasks)) {}

  CpuId SelectCpu(Kernel& kernel, TaskId id, CpuId waker, WakeFlags flags) override {
    if (!has_topology_) ReadTopology(kernel);
    const Task& task = kernel.task(id);
    if (Has(flags, WakeFlags::kFork) || Has(flags, WakeFlags::kExec)) {
      const CpuId current = waker.valid() ? waker : task.cpu;
      if (Has(flags, WakeFlags::kFork)) recent_used_[id.index()] = task.cpu;
      return SelectForkOrExec(kernel, id, current, Has(flags, WakeFlags::kFork));
    }
    if (Has(flags, WakeFlags::kCurrentCpu) && task.cpus_allowed.Contains(waker)) return waker;
    const CpuId target = AffineTarget(kernel, id, waker, Has(flags, WakeFlags::kSync));
    return IdleSibling(kernel, id, target);
  }

  CpuId FallbackCpu(Kernel& kernel, CpuId from, TaskId task) override {
    return SelectFallbackCpu(kernel, from, task);
  }

  void Describe(const Kernel&, TaskId task, StateWriter& writer) const override {
    writer.Field("recent_used", recent_used_[task.index()].value());
  }

 private:
  // The topology never changes, but is known only once the machine is there.
  void ReadTopology(const Kernel& kernel) {
    for (int i = 0; i < kernel.num_cpus(); ++i) {
      for (int j = 0; j < kernel.num_cpus(); ++j) {
        const Cpu& a = kernel.cpu(CpuId(i));
        const Cpu& b = kernel.cpu(CpuId(j));
        if (a.llc == b.llc) llc_[CpuId(i).index()].Add(CpuId(j));
        if (i == j || (a.core >= 0 && a.core == b.core)) core_[CpuId(i).index()].Add(CpuId(j));
        has_smt_ = has_smt_ || (i != j && a.core >= 0 && a.core == b.core);
      }
    }
    has_topology_ = true;
  }

  bool SharesCache(CpuId a, CpuId b) const { return llc_[a.index()].Contains(b); }

  // Idle, or with nothing but tasks of policy idle where `id` is not one itself.
  static bool IsFree(const Kernel& kernel, CpuId cpu, TaskId id) {
    if (kernel.IsIdle(cpu)) return true;
    const Cpu& c = kernel.cpu(cpu);
    return kernel.task(id).eff.policy != SchedPolicy::kIdle && c.nr_running > 0 &&
           c.nr_running == c.nr_idle_policy;
  }

  bool IsCoreIdle(const Kernel& kernel, CpuId cpu) const {
    const CpuSet& core = core_[cpu.index()];
    for (CpuId c = core.First(); c.valid(); c = core.After(c)) {
      if (!kernel.IsIdle(c)) return false;
    }
    return true;
  }

  // Rule 1.
  CpuId AffineTarget(const Kernel& kernel, TaskId id, CpuId waker, bool sync) const {
    const Task& task = kernel.task(id);
    const CpuId prev = task.wake_cpu;
    if (!waker.valid() || waker == prev || !task.cpus_allowed.Contains(waker)) return prev;
    if (kernel.IsIdle(waker) && SharesCache(waker, prev)) {
      return kernel.IsIdle(prev) ? prev : waker;
    }
    const Cpu& w = kernel.cpu(waker);
    if (sync && w.nr_running - w.nr_delayed == 1) return waker;
    return prev;
  }

  // Rules 2 to 7.
  CpuId IdleSibling(const Kernel& kernel, TaskId id, CpuId target) {
    const Task& task = kernel.task(id);
    const CpuId prev = task.wake_cpu;
    const CpuSet allowed = task.cpus_allowed & kernel.active();
    if (IsFree(kernel, target, id) && allowed.Contains(target)) return target;
    if (prev != target && SharesCache(prev, target) && IsFree(kernel, prev, id) &&
        allowed.Contains(prev)) {
      return prev;
    }
    // Rule 4. A task that was never placed has its previous CPU as its most recent one.
    CpuId& remembered = recent_used_[id.index()];
    const CpuId recent = remembered.valid() ? remembered : prev;
    remembered = prev;
    if (recent != prev && recent != target && SharesCache(recent, target) &&
        IsFree(kernel, recent, id) && allowed.Contains(recent)) {
      return recent;
    }
    const CpuSet candidates = llc_[target.index()] & allowed;
    if (has_smt_) {
      const CpuId found = IdleCoreOrSibling(kernel, id, target, candidates);
      if (found.valid()) return found;
    }
    return FirstFrom(
        candidates, target, [&](CpuId cpu) { return IsFree(kernel, cpu, id); }, target);
  }

  // Rule 5; invalid if it finds nothing.
  CpuId IdleCoreOrSibling(const Kernel& kernel, TaskId id, CpuId target,
                          const CpuSet& candidates) const {
    const CpuSet& llc = llc_[target.index()];
    bool some_core_is_idle = false;
    for (CpuId cpu = llc.First(); cpu.valid() && !some_core_is_idle; cpu = llc.After(cpu)) {
      some_core_is_idle = IsCoreIdle(kernel, cpu);
    }
    if (some_core_is_idle) {
      return FirstFrom(
          candidates, target, [&](CpuId cpu) { return IsCoreIdle(kernel, cpu); }, CpuId());
    }
    const CpuId prev = kernel.task(id).wake_cpu;
    if (!SharesCache(prev, target)) return CpuId();
    const CpuSet siblings = core_[prev.index()] & candidates;
    for (CpuId cpu = siblings.First(); cpu.valid(); cpu = siblings.After(cpu)) {
      if (cpu != prev && IsFree(kernel, cpu, id)) return cpu;
    }
    return CpuId();
  }

  // The first CPU of `set` with `fits`, going up from the one after `start` and wrapping around;
  // `otherwise` if none.
  template <class Fits>
  static CpuId FirstFrom(const CpuSet& set, CpuId start, const Fits& fits, CpuId otherwise) {
    const CpuId first = set.FirstFromWrapping(start.value() + 1);
    for (CpuId cpu = first; cpu.valid();) {
      if (fits(cpu)) return cpu;
      cpu = set.FirstFromWrapping(cpu.value() + 1);
      if (cpu == first) break;
    }
    return otherwise;
  }

  CpuId SelectForkOrExec(const Kernel& kernel, TaskId id, CpuId current, bool is_fork) const {
    const CpuSet allowed = kernel.task(id).cpus_allowed & kernel.active();
    // The parent of a fork runs on the current CPU; a task that executes anew may be alone there.
    if (!is_fork && kernel.cpu(current).nr_running <= 1 && allowed.Contains(current))
      return current;
    const CpuSet near = allowed & llc_[current.index()];
    for (const CpuSet* set : {&near, &allowed}) {
      for (CpuId cpu = set->First(); cpu.valid(); cpu = set->After(cpu)) {
        if (kernel.IsIdle(cpu)) return cpu;
      }
    }
    CpuId best = allowed.First();
    for (CpuId cpu = best; cpu.valid(); cpu = allowed.After(cpu)) {
      if (kernel.cpu(cpu).nr_running < kernel.cpu(best).nr_running) best = cpu;
    }
    return best.valid() ? best : current;
  }

  bool has_topology_ = false;
  bool has_smt_ = false;
  std::vector<CpuSet> llc_, core_;  // by CPU: who shares its cache, its core
  std::vector<CpuId> recent_used_;  // by task; invalid: never selected
};

}  // namespace

constinit const PolicyInfo kSimplePlacementInfo = {
    .name = "simple",
    .seam = Seam::kPlacement,
    .summary = "previous CPU, the waker's, or an idle one that shares the cache",
    .source = "Linux 7.2 kernel/sched/fair.c: select_task_rq_fair(), without load averages",
    .params = kPlacementParams,
};

absl::StatusOr<std::unique_ptr<Placement>> MakeSimplePlacement(const PolicyParams& params,
                                                               const Limits& limits) {
  const absl::Status status = CheckPlacementParams(params);
  if (!status.ok()) return status;
  return std::make_unique<Simple>(limits);
}

}  // namespace rqsim
