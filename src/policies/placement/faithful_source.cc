// Where a pass takes tasks from, as the kernel finds it: how busy the groups of the domain are, by
// their load averages (machine.md 7.4).
//
// Origin: Linux 7.2 kernel/sched/fair.c: update_sd_lb_stats(), update_sg_lb_stats(),
// update_sd_pick_busiest(), sched_balance_find_src_group(), calculate_imbalance(),
// sched_balance_find_src_rq(). What differs: no energy model, no asymmetric packing, no cache-aware
// balancing, no NUMA balancing; the capacity of a group is the sum of what is known of its CPUs
// (MODEL-81).
// Tested by scenarios/placement/.
#include <algorithm>

#include "placement/affine_wake.h"
#include "placement/balancer.h"
#include "placement/group_stats.h"

namespace rqsim {
namespace {

// fair.c: struct sd_lb_stats.
struct DomainStats {
  const SchedGroup* local_group = nullptr;
  const SchedGroup* busiest_group = nullptr;
  GroupStats local, busiest;
  int64_t load = 0, capacity = 0, util = 0;
  int64_t avg_load = 0;
};

class FaithfulSource final : public SourceFinder {
 public:
  FaithfulSource(BalanceState& state, PlacementShared& shared, int64_t hz, int64_t tick)
      : state_(state), shared_(shared), hz_(hz), tick_(tick) {}

  bool tracks_load() const override { return true; }

  BalanceResult Find(Kernel& kernel, Pass& pass) override {
    const SchedDomain& domain = kernel.topology().domain(pass.dst, pass.level);
    DomainStats stats = Gather(kernel, pass, domain);
    pass.src = CpuId();
    pass.amount = 0;
    if (IsBalanced(pass, domain, stats)) return BalanceResult::kNoBusyGroup;
    SetAmount(pass, domain, stats);
    if (pass.amount == 0) return BalanceResult::kNoBusyGroup;
    FindQueue(kernel, pass, domain, *stats.busiest_group);
    return pass.src.valid() ? BalanceResult::kMoved : BalanceResult::kNoBusyQueue;
  }

 private:
  int64_t CapacityOf(CpuId cpu) const { return shared_.capacity[cpu.index()]; }

  // fair.c: update_cpu_capacity(), scale_rt_capacity().
  void UpdateCapacity(const Kernel& kernel, const Pass& pass) {
    LevelState& level = state_.Of(pass.dst, pass.level);
    const int64_t now = kernel.now().cycles() / tick_;
    if (pass.idle == IdleKind::kNewlyIdle && now < level.next_capacity) return;
    const int64_t longest = std::max<int64_t>(1, hz_ * kernel.online().Count() / 10);
    level.next_capacity =
        now + std::clamp<int64_t>((level.interval_ms * hz_ + 999) / 1000, 1, longest);
    if (pass.level > 0) return;
    const RunqueueLoad& load = kernel.load(pass.dst);
    const int64_t full = kernel.cpu(pass.dst).capacity;
    const int64_t used = load.rt.util_avg + load.dl.util_avg;
    shared_.capacity[pass.dst.index()] = used >= full ? 1 : full - used;
  }

  // fair.c: check_cpu_capacity().
  bool IsReduced(const Kernel& kernel, CpuId cpu, int pct) const {
    return CapacityOf(cpu) * pct < int64_t{kernel.cpu(cpu).capacity} * 100;
  }

  // fair.c: update_sd_lb_stats(). Groups in ring order, the local one first.
  DomainStats Gather(Kernel& kernel, const Pass& pass, const SchedDomain& domain) {
    DomainStats stats;
    const auto count = static_cast<int32_t>(domain.groups.size());
    const int32_t first = domain.group_of[pass.dst.index()];
    const bool is_root = pass.level + 1 == kernel.topology().num_domains(pass.dst);
    bool overloaded = false;
    for (int32_t i = 0; i < count; ++i) {
      const SchedGroup& group = domain.groups[static_cast<std::size_t>((first + i) % count)];
      const bool is_local = i == 0;
      if (is_local) UpdateCapacity(kernel, pass);
      const GroupStats sums = Sum(kernel, pass, domain, group, is_local, overloaded);
      stats.load += sums.load;
      stats.capacity += sums.capacity;
      stats.util += sums.util;
      if (is_local) {
        stats.local_group = &group;
        stats.local = sums;
      } else if (IsBusier(kernel, pass, domain, stats, group, sums)) {
        stats.busiest_group = &group;
        stats.busiest = sums;
      }
    }
    if (is_root) kernel.SetOverloaded(overloaded);
    if (pass.idle != IdleKind::kNewlyIdle && domain.shares_cache &&
        domain.span == (kernel.topology().llc(pass.dst) & kernel.active())) {
      UpdateIdleScan(kernel, pass, domain, stats.util);
    }
    return stats;
  }

  // fair.c: update_idle_cpu_scan().
  void UpdateIdleScan(const Kernel& kernel, const Pass& pass, const SchedDomain& domain,
                      int64_t util) {
    const int64_t x = util / domain.weight;
    const int64_t pct = domain.imbalance_pct;
    const int64_t busy = std::min<int64_t>(1024, x * x * pct * pct / (int64_t{10000} * 1024));
    shared_.IdleScan(kernel, pass.dst) = (1024 - busy) * domain.weight / 1024;
  }

  // fair.c: update_sg_lb_stats().
  GroupStats Sum(const Kernel& kernel, const Pass& pass, const SchedDomain& domain,
                 const SchedGroup& group, bool is_local, bool& overloaded) {
    GroupStats sums;
    sums.weight = group.weight;
    const CpuSet cpus = group.cpus & pass.cpus;
    for (CpuId cpu = group.cpus.First(); cpu.valid(); cpu = group.cpus.After(cpu)) {
      sums.capacity += CapacityOf(cpu);
    }
    for (CpuId cpu = cpus.First(); cpu.valid(); cpu = cpus.After(cpu)) {
      const LoadAvg& load = kernel.load(cpu).fair;
      const LeftOut left_out = LeftOutOf(kernel, cpu, shared_.blocked_load, true);
      sums.load += std::max<int64_t>(0, load.load_avg - left_out.load);
      sums.util += UtilOf(kernel, cpu);
      sums.runnable += std::max<int64_t>(0, load.runnable_avg - left_out.runnable);
      sums.h_nr_running += RunnableFair(kernel, cpu) - left_out.tasks;
      const int64_t nr_running = kernel.cpu(cpu).nr_running - left_out.tasks;
      sums.nr_running += nr_running;
      if (nr_running == 0 && kernel.IsIdle(cpu)) {
        ++sums.idle_cpus;
        continue;
      }
      overloaded = overloaded || nr_running > 1;
      if (is_local) continue;
      if (domain.asym_capacity) {
        const int64_t misfit = state_.MisfitLoad(kernel, cpu);
        sums.misfit_load = std::max(sums.misfit_load, misfit);
        overloaded = overloaded || misfit > 0;
      } else if (pass.dst_is_idle() && RunnableFair(kernel, cpu) == 1 &&
                 IsReduced(kernel, cpu, domain.imbalance_pct)) {
        sums.misfit_load = std::max(sums.misfit_load, load.load_avg);
      }
    }
    sums.imbalanced = pass.level > 0 && state_.Imbalanced(pass.level, group.cpus) != 0;
    sums.smt_balance =
        !is_local && pass.dst_is_idle() && group.shares_capacity && sums.h_nr_running > 1;
    Classify(sums, domain.imbalance_pct);
    if (sums.type == GroupType::kOverloaded) sums.avg_load = AvgLoad(sums.load, sums.capacity);
    return sums;
  }

  int64_t Extreme(const SchedGroup& group, bool largest) const {
    int64_t found = CapacityOf(group.cpus.First());
    for (CpuId cpu = group.cpus.First(); cpu.valid(); cpu = group.cpus.After(cpu)) {
      found = largest ? std::max(found, CapacityOf(cpu)) : std::min(found, CapacityOf(cpu));
    }
    return found;
  }

  // fair.c: update_sd_pick_busiest().
  bool IsBusier(const Kernel& kernel, const Pass& pass, const SchedDomain& domain,
                const DomainStats& stats, const SchedGroup& group, const GroupStats& sums) const {
    if (sums.h_nr_running == 0) return false;
    if (domain.asym_capacity) {
      const int64_t own = CapacityOf(pass.dst);
      const bool core_idle = !kernel.topology().has_smt() || IsCoreIdle(kernel, pass.dst);
      if (sums.type == GroupType::kMisfit &&
          (!core_idle || !IsCapacityGreater(own, Extreme(group, true)) ||
           stats.local.type != GroupType::kHasSpare)) {
        return false;
      }
      if (sums.type <= GroupType::kFullyBusy && IsCapacityGreater(Extreme(group, false), own)) {
        return false;
      }
    }
    if (stats.busiest_group == nullptr) return true;
    const GroupStats& busiest = stats.busiest;
    if (sums.type != busiest.type) return sums.type > busiest.type;
    switch (sums.type) {
      case GroupType::kOverloaded:
        return sums.avg_load > busiest.avg_load;
      case GroupType::kImbalanced:
        return false;
      case GroupType::kMisfit:
        return sums.misfit_load > busiest.misfit_load;
      case GroupType::kSmtBalance:
        if (sums.idle_cpus != 0 || busiest.idle_cpus != 0) return HasLessSpare(sums, busiest);
        return !stats.busiest_group->shares_capacity;
      case GroupType::kFullyBusy:
        // No average is known of either; the later one wins, except over a core.
        return !stats.busiest_group->shares_capacity;
      case GroupType::kHasSpare:
        if (stats.busiest_group->shares_capacity != group.shares_capacity) {
          return !(group.shares_capacity && sums.h_nr_running <= 1);
        }
        return HasLessSpare(sums, busiest);
    }
    return false;
  }
  static bool HasLessSpare(const GroupStats& a, const GroupStats& b) {
    if (a.idle_cpus != b.idle_cpus) return a.idle_cpus < b.idle_cpus;
    return a.nr_running > b.nr_running;
  }

  // fair.c: sibling_imbalance().
  static int64_t SiblingImbalance(const Pass& pass, const DomainStats& stats) {
    if (!pass.dst_is_idle() || stats.busiest.nr_running == 0) return 0;
    const int64_t busiest_cores = stats.busiest_group->cores;
    const int64_t local_cores = stats.local_group->cores;
    const int64_t busiest = stats.busiest.nr_running;
    const int64_t local = stats.local.nr_running;
    if (busiest_cores == local_cores) return std::max<int64_t>(0, busiest - local);
    const int64_t cores = local_cores + busiest_cores;
    const int64_t over = std::max<int64_t>(0, local_cores * busiest - busiest_cores * local);
    const int64_t imbalance = (2 * over + cores) / cores;
    return imbalance <= 1 && local == 0 && busiest > 1 ? 2 : imbalance;
  }

  // fair.c: sched_balance_find_src_group().
  static bool IsBalanced(const Pass& pass, const SchedDomain& domain, DomainStats& stats) {
    if (stats.busiest_group == nullptr) return true;
    const GroupStats& busiest = stats.busiest;
    const GroupStats& local = stats.local;
    if (busiest.type == GroupType::kMisfit || busiest.type == GroupType::kImbalanced) return false;
    if (local.type > busiest.type) return true;
    if (local.type == GroupType::kOverloaded) {
      if (local.avg_load >= busiest.avg_load) return true;
      stats.avg_load = AvgLoad(stats.load, stats.capacity);
      if (local.avg_load >= stats.avg_load) return true;
      if (100 * busiest.avg_load <= domain.imbalance_pct * local.avg_load) return true;
    }
    if (stats.busiest_group->prefer_sibling && local.type == GroupType::kHasSpare &&
        SiblingImbalance(pass, stats) > 1) {
      return false;
    }
    if (busiest.type == GroupType::kOverloaded) return false;
    if (!pass.dst_is_idle()) return true;
    if (busiest.type == GroupType::kSmtBalance &&
        stats.local_group->shares_capacity != stats.busiest_group->shares_capacity) {
      return false;
    }
    if (busiest.weight > 1 && local.idle_cpus <= busiest.idle_cpus + 1) return true;
    return busiest.h_nr_running == 1;
  }

  // fair.c: calculate_imbalance().
  static void SetAmount(Pass& pass, const SchedDomain& domain, DomainStats& stats) {
    const GroupStats& busiest = stats.busiest;
    GroupStats& local = stats.local;
    pass.unit = BalanceUnit::kTask;
    pass.amount = 1;
    if (busiest.type == GroupType::kMisfit) {
      pass.unit = domain.asym_capacity ? BalanceUnit::kMisfit : BalanceUnit::kLoad;
      if (!domain.asym_capacity) pass.amount = busiest.misfit_load;
      return;
    }
    if (busiest.type == GroupType::kSmtBalance || busiest.type == GroupType::kImbalanced) return;
    if (local.type == GroupType::kHasSpare) {
      if (busiest.type > GroupType::kFullyBusy && !domain.shares_cache) {
        pass.unit = BalanceUnit::kUtil;
        pass.amount = std::max(local.capacity, local.util) - local.util;
        if (pass.dst_is_idle() && pass.amount == 0) {
          pass.unit = BalanceUnit::kTask;
          pass.amount = 1;
        }
        return;
      }
      pass.amount = busiest.weight == 1 || stats.busiest_group->prefer_sibling
                        ? SiblingImbalance(pass, stats)
                        : std::max<int64_t>(0, local.idle_cpus - busiest.idle_cpus);
      // A pair of tasks that talk to each other may stay on one node.
      if (domain.level == DomainLevel::kNuma && pass.amount <= 2 &&
          local.nr_running + 1 <= domain.imb_numa_nr) {
        pass.amount = 0;
      }
      pass.amount /= 2;
      return;
    }
    if (local.type < GroupType::kOverloaded) {
      local.avg_load = AvgLoad(local.load, local.capacity);
      stats.avg_load = AvgLoad(stats.load, stats.capacity);
      pass.amount = 0;
      if (local.avg_load >= busiest.avg_load || local.avg_load >= stats.avg_load) return;
    }
    pass.unit = BalanceUnit::kLoad;
    pass.amount = std::min((busiest.avg_load - stats.avg_load) * busiest.capacity,
                           (stats.avg_load - local.avg_load) * local.capacity) /
                  1024;
  }

  // fair.c: sched_balance_find_src_rq().
  void FindQueue(const Kernel& kernel, Pass& pass, const SchedDomain& domain,
                 const SchedGroup& group) const {
    const CpuSet cpus = group.cpus & pass.cpus;
    int64_t best = 0, best_capacity = 1;
    for (CpuId cpu = cpus.First(); cpu.valid(); cpu = cpus.After(cpu)) {
      const LeftOut left_out = LeftOutOf(kernel, cpu, shared_.blocked_load, true);
      const int64_t running = RunnableFair(kernel, cpu) - left_out.tasks;
      if (running == 0) continue;
      const int64_t capacity = CapacityOf(cpu);
      if (domain.asym_capacity && running == 1 &&
          !IsCapacityGreater(CapacityOf(pass.dst), capacity)) {
        continue;
      }
      int64_t value = 0;
      switch (pass.unit) {
        case BalanceUnit::kLoad:
          value = std::max<int64_t>(0, kernel.load(cpu).fair.load_avg - left_out.load);
          if (running == 1 && value > pass.amount &&
              !IsReduced(kernel, cpu, domain.imbalance_pct)) {
            continue;
          }
          break;
        case BalanceUnit::kUtil:
          if (running <= 1) continue;
          // fair.c: cpu_util_cfs_boost().
          value = std::min<int64_t>(
              std::max(kernel.load(cpu).fair.util_avg, kernel.load(cpu).fair.runnable_avg),
              kernel.cpu(cpu).capacity);
          break;
        case BalanceUnit::kTask:
          value = running;
          break;
        case BalanceUnit::kMisfit:
          value = state_.MisfitLoad(kernel, cpu);
          break;
      }
      // Only load is weighed by capacity.
      const bool weighs = pass.unit == BalanceUnit::kLoad;
      if (value * (weighs ? best_capacity : 1) <= best * (weighs ? capacity : 1)) continue;
      best = value;
      best_capacity = capacity;
      pass.src = cpu;
    }
  }

  BalanceState& state_;
  PlacementShared& shared_;
  int64_t hz_;
  int64_t tick_;
};

}  // namespace

std::unique_ptr<SourceFinder> MakeFaithfulSource(BalanceState& state, PlacementShared& shared,
                                                 int64_t hz, int64_t tick) {
  return std::make_unique<FaithfulSource>(state, shared, hz, tick);
}

}  // namespace rqsim
