// The kernel's choice of a CPU for a waking fair task; affine_wake.h says what it is made of.
//
// Origin: Linux 7.2 kernel/sched/fair.c: select_task_rq_fair() and the functions named below.
// Cost: O(CPUs of the cache); O(CPUs) for a fork or an exec.
// Tested by tests/unit/policies/placement/placement_test.cc and scenarios/placement/.
#include "placement/affine_wake.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace rqsim {
namespace {

// The first CPU of `set` with `fits`, from `start` upwards and around; invalid if there is none.
template <class Fits>
CpuId FirstFrom(const CpuSet& set, int start, const Fits& fits) {
  const CpuId first = set.FirstFromWrapping(start);
  for (CpuId cpu = first; cpu.valid();) {
    if (fits(cpu)) return cpu;
    cpu = set.FirstFromWrapping(cpu.value() + 1);
    if (cpu == first) break;
  }
  return CpuId();
}

class AffineWake final : public WakeChoice {
 public:
  AffineWake(const WakeRules& rules, PlacementShared& shared, const Limits& limits)
      : rules_(rules),
        shared_(shared),
        recent_used_(static_cast<std::size_t>(limits.num_tasks), FirstRecent(limits)),
        wakees_(static_cast<std::size_t>(limits.num_tasks + limits.num_cpus)),
        num_tasks_(limits.num_tasks) {}

  bool tracks_load() const override { return rules_.weight || rules_.idlest_group; }

  CpuId Select(Kernel& kernel, TaskId id, CpuId waker, WakeFlags flags) override {
    const Task& task = kernel.task(id);
    if (Has(flags, WakeFlags::kFork) || Has(flags, WakeFlags::kExec)) {
      const CpuId current = waker.valid() ? waker : task.cpu;
      const bool is_fork = Has(flags, WakeFlags::kFork);
      if (is_fork) recent_used_[id.index()] = task.cpu;
      if (rules_.idlest_group) return FindIdlestCpu(kernel, shared_, id, current, is_fork);
      return SelectForkOrExec(kernel, id, current, is_fork);
    }
    if (waker.valid() && rules_.wake_wide) RecordWakee(kernel, waker, id);
    if (Has(flags, WakeFlags::kCurrentCpu) && task.cpus_allowed.Contains(waker)) return waker;
    const CpuId target = AffineTarget(kernel, id, waker, Has(flags, WakeFlags::kSync));
    return IdleSibling(kernel, id, Has(flags, WakeFlags::kInTask) ? waker : CpuId(), target);
  }

  void Describe(TaskId task, StateWriter& writer) const override {
    writer.Field("recent_used", recent_used_[task.index()].value());
    writer.Field("wakee_flips", wakees_[task.index()].flips);
  }

 private:
  // Tasks that are there before the run were made on CPU 0.
  static CpuId FirstRecent(const Limits& limits) {
    return limits.idle_before > kZeroCycles ? CpuId(0) : CpuId();
  }

  struct Wakees {
    TaskId last;
    int64_t flips = 0;
    Time decayed;
  };

  // The idle tasks of the CPUs wake too, out of interrupts; each has a record of its own.
  Wakees& WakeesOf(const Kernel& kernel, CpuId waker) {
    const TaskId curr = kernel.cpu(waker).curr;
    if (curr != kIdleTask) return wakees_[curr.index()];
    return wakees_[static_cast<std::size_t>(num_tasks_) + waker.index()];
  }

  // fair.c: record_wakee().
  void RecordWakee(const Kernel& kernel, CpuId waker, TaskId id) {
    Wakees& wakees = WakeesOf(kernel, waker);
    if ((kernel.now() - wakees.decayed).count() > kernel.facts().clock_hz) {
      wakees.flips /= 2;
      wakees.decayed = kernel.now();
    }
    if (wakees.last == id) return;
    wakees.last = id;
    ++wakees.flips;
  }

  // fair.c: wake_wide().
  bool IsWide(const Kernel& kernel, CpuId waker, TaskId id) {
    const int64_t a = WakeesOf(kernel, waker).flips;
    const int64_t b = wakees_[id.index()].flips;
    const int64_t factor = kernel.topology().llc(waker).Count();
    const int64_t slave = std::min(a, b);
    return slave >= factor && std::max(a, b) >= slave * factor;
  }

  // Rule 1.
  CpuId AffineTarget(Kernel& kernel, TaskId id, CpuId waker, bool sync) {
    const Task& task = kernel.task(id);
    const CpuId prev = task.wake_cpu;
    if (!waker.valid() || waker == prev || !task.cpus_allowed.Contains(waker)) return prev;
    if (rules_.wake_wide && IsWide(kernel, waker, id)) return prev;
    if (rules_.affine_domain && !HasAffineDomain(kernel, waker, prev)) return prev;
    const CpuId target = WakeAffine(kernel, id, waker, prev, sync);
    kernel.Emit(SchedWakeAffine{id, waker, prev, target == waker ? 1 : 0});
    return target;
  }

  static bool HasAffineDomain(const Kernel& kernel, CpuId waker, CpuId prev) {
    const Topology& topology = kernel.topology();
    for (int k = 0; k < topology.num_domains(waker); ++k) {
      const SchedDomain& domain = topology.domain(waker, k);
      if (domain.wake_affine && domain.span.Contains(prev)) return true;
    }
    return false;
  }

  // fair.c: wake_affine_idle(), wake_affine_weight().
  CpuId WakeAffine(const Kernel& kernel, TaskId id, CpuId waker, CpuId prev, bool sync) const {
    if (kernel.IsIdle(waker) && kernel.topology().SharesCache(waker, prev)) {
      return kernel.IsIdle(prev) ? prev : waker;
    }
    const Cpu& w = kernel.cpu(waker);
    if (sync && w.nr_running - w.nr_delayed == 1) return waker;
    if (!rules_.weight || kernel.IsIdle(prev)) return prev;
    const SchedDomain* domain = kernel.topology().Common(waker, prev);
    if (domain == nullptr) return prev;
    int64_t here = kernel.load(waker).fair.load_avg;
    if (sync) {
      const int64_t current = w.curr == kIdleTask ? 0 : kernel.load(w.curr).load_avg;
      if (current > here) return waker;
      here -= current;
    }
    const int64_t own = kernel.load(id).load_avg;
    here = (here + own) * 100 * shared_.capacity[prev.index()];
    int64_t there = kernel.load(prev).fair.load_avg - own;
    there *= (100 + (domain->imbalance_pct - 100) / 2) * shared_.capacity[waker.index()];
    if (sync) ++there;
    return here < there ? waker : prev;
  }

  // Whether `cpu` is large enough for the task, where CPUs differ (fair.c: asym_fits_cpu()).
  bool Fits(const Kernel& kernel, TaskId id, CpuId cpu) const {
    if (!kernel.topology().has_asym_capacity()) return true;
    return (!kernel.topology().has_smt() || IsCoreIdle(kernel, cpu)) &&
           FitsCapacity(kernel.LoadNow(id).util_avg, shared_.capacity[cpu.index()]);
  }

  // Rules 2 to 7 (fair.c: select_idle_sibling()). `waker`: invalid if no task asks.
  CpuId IdleSibling(const Kernel& kernel, TaskId id, CpuId waker, CpuId target) {
    const Task& task = kernel.task(id);
    const Topology& topology = kernel.topology();
    const CpuId prev = task.wake_cpu;
    const CpuSet allowed = task.cpus_allowed & kernel.active();
    const auto takes = [&](CpuId cpu) {
      return allowed.Contains(cpu) && IsFree(kernel, cpu, id) && Fits(kernel, id, cpu);
    };
    if (takes(target)) return target;
    const bool near_prev = topology.SharesCache(prev, target);
    if (prev != target && near_prev && takes(prev)) return prev;
    // What a kernel thread bound to this CPU wakes is as good as a synchronous wake-up.
    if (rules_.kthread_stack && waker.valid() && waker == prev && allowed.Contains(prev) &&
        kernel.task(kernel.cpu(waker).curr).per_cpu_kthread && kernel.cpu(waker).nr_running <= 1 &&
        Fits(kernel, id, prev)) {
      return prev;
    }
    // A task that was never placed has its previous CPU as its most recent one.
    CpuId& remembered = recent_used_[id.index()];
    const CpuId recent = remembered.valid() ? remembered : prev;
    remembered = prev;
    if (recent != prev && recent != target && topology.SharesCache(recent, target) &&
        takes(recent)) {
      return recent;
    }
    if (topology.has_asym_capacity()) {
      if (const SchedDomain* domain = topology.AsymDomain(target)) {
        return IdleCapacity(kernel, id, target, domain->span & allowed);
      }
    }
    const CpuSet candidates = topology.llc(target) & allowed;
    bool idle_core = false;
    if (topology.has_smt()) {
      idle_core = HasIdleCore(kernel, target);
      if (!idle_core && near_prev) {
        const CpuId found = IdleThread(kernel, id, prev, candidates);
        if (found.valid()) return found;
      }
    }
    return ScanCache(kernel, id, target, candidates, idle_core);
  }

  // Rules 5 and 6 (fair.c: select_idle_cpu()).
  CpuId ScanCache(const Kernel& kernel, TaskId id, CpuId target, const CpuSet& candidates,
                  bool idle_core) const {
    int64_t left = rules_.idle_scan ? shared_.IdleScan(kernel, target) : -1;
    if (left == 0) return target;
    if (idle_core) {
      const CpuId found = FirstFrom(candidates, target.value() + 1,
                                    [&](CpuId cpu) { return IsCoreIdle(kernel, cpu); });
      if (found.valid()) return found;
    }
    CpuId best = target;
    FirstFrom(candidates, target.value() + 1, [&](CpuId cpu) {
      if (!idle_core && left-- == 0) return true;
      if (!IsFree(kernel, cpu, id)) return false;
      best = cpu;
      return true;
    });
    return best;
  }

  static bool HasIdleCore(const Kernel& kernel, CpuId target) {
    const CpuSet& llc = kernel.topology().llc(target);
    for (CpuId cpu = llc.First(); cpu.valid(); cpu = llc.After(cpu)) {
      if (IsCoreIdle(kernel, cpu)) return true;
    }
    return false;
  }

  // fair.c: select_idle_smt().
  static CpuId IdleThread(const Kernel& kernel, TaskId id, CpuId prev, const CpuSet& candidates) {
    const CpuSet siblings = kernel.topology().core(prev) & candidates;
    for (CpuId cpu = siblings.First(); cpu.valid(); cpu = siblings.After(cpu)) {
      if (cpu != prev && IsFree(kernel, cpu, id)) return cpu;
    }
    return CpuId();
  }

  // machine.md 7.7 (fair.c: select_idle_capacity()). A CPU of an idle core is better than one that
  // fits but shares its core with somebody.
  CpuId IdleCapacity(const Kernel& kernel, TaskId id, CpuId target,
                     const CpuSet& candidates) const {
    const bool idle_core = kernel.topology().has_smt() && HasIdleCore(kernel, target);
    const int64_t util = kernel.LoadNow(id).util_avg;
    int64_t left = rules_.idle_scan ? shared_.IdleScan(kernel, target) : -1;
    if (left == 0) return target;
    CpuId best = target;
    int best_rank = 4;
    int64_t best_capacity = 0;
    const CpuId perfect = FirstFrom(candidates, target.value(), [&](CpuId cpu) {
      if (!idle_core && left-- == 0) return true;
      if (!IsFree(kernel, cpu, id)) return false;
      const bool quiet = !idle_core || IsCoreIdle(kernel, cpu);
      const int64_t capacity = shared_.capacity[cpu.index()];
      const bool fits = FitsCapacity(util, capacity);
      const int rank = quiet ? (fits ? 0 : 1) : (fits ? 2 : 3);
      if (rank < best_rank || (rank == best_rank && capacity > best_capacity)) {
        best = cpu;
        best_rank = rank;
        best_capacity = capacity;
      }
      return rank == 0;
    });
    return perfect.valid() && best_rank == 0 ? perfect : best;
  }

  static CpuId SelectForkOrExec(const Kernel& kernel, TaskId id, CpuId current, bool is_fork) {
    const CpuSet allowed = kernel.task(id).cpus_allowed & kernel.active();
    // The parent of a fork runs on the current CPU; a task that executes anew may be alone there.
    if (!is_fork && kernel.cpu(current).nr_running <= 1 && allowed.Contains(current))
      return current;
    const CpuSet near = allowed & kernel.topology().llc(current);
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

  WakeRules rules_;
  PlacementShared& shared_;
  std::vector<CpuId> recent_used_;  // by task; invalid: never selected
  std::vector<Wakees> wakees_;      // by task, then by CPU for the idle tasks
  int num_tasks_;
};

}  // namespace

std::unique_ptr<WakeChoice> MakeAffineWake(const WakeRules& rules, PlacementShared& shared,
                                           const Limits& limits) {
  return std::make_unique<AffineWake>(rules, shared, limits);
}

}  // namespace rqsim
