// The slow path of fork and exec: from the highest domain that takes part down to the lowest, the
// idlest group and in it the idlest CPU.
//
// Origin: Linux 7.2 kernel/sched/fair.c: sched_balance_find_dst_cpu(), _group(), _group_cpu().
// What differs: MODEL-80.
// Cost: O(CPUs) for each level.
// Tested by tests/unit/policies/placement/placement_test.cc and scenarios/placement/.
#include <algorithm>
#include <cstdlib>
#include <limits>

#include "placement/affine_wake.h"
#include "placement/group_stats.h"

namespace rqsim {
namespace {

struct Search {
  const Kernel& kernel;
  const PlacementShared& shared;
  TaskId task;
  CpuSet allowed;
  bool is_fork;
};

bool TakesPart(const SchedDomain& domain, bool is_fork) {
  return is_fork ? domain.balance_fork : domain.balance_exec;
}

int64_t LargestCapacity(const Search& search, const SchedGroup& group) {
  int64_t largest = 0;
  for (CpuId cpu = group.cpus.First(); cpu.valid(); cpu = group.cpus.After(cpu)) {
    largest = std::max(largest, search.shared.capacity[cpu.index()]);
  }
  return largest;
}

// fair.c: update_sg_wakeup_stats(). A task that executes anew is not counted where it runs.
GroupStats StatsOf(const Search& search, const SchedDomain& domain, const SchedGroup& group) {
  const Kernel& kernel = search.kernel;
  GroupStats stats;
  stats.weight = group.weight;
  if (domain.asym_capacity) stats.misfit_load = 1;
  const CpuSet cpus = group.cpus & search.allowed;
  for (CpuId cpu = group.cpus.First(); cpu.valid(); cpu = group.cpus.After(cpu)) {
    stats.capacity += search.shared.capacity[cpu.index()];
  }
  for (CpuId cpu = cpus.First(); cpu.valid(); cpu = cpus.After(cpu)) {
    const Cpu& c = kernel.cpu(cpu);
    const bool here = !search.is_fork && kernel.task(search.task).cpu == cpu;
    const LoadAvg own = here ? kernel.load(search.task) : LoadAvg();
    const LoadAvg& queue = kernel.load(cpu).fair;
    const bool counts = here && kernel.task(search.task).on_rq;
    stats.load += std::max<int64_t>(0, queue.load_avg - own.load_avg);
    stats.util +=
        std::min<int64_t>(std::max<int64_t>(0, queue.util_avg - own.util_avg), c.capacity);
    stats.runnable += std::max<int64_t>(0, queue.runnable_avg - own.runnable_avg);
    const int64_t others = c.nr_running - (counts ? 1 : 0);
    stats.nr_running += others;
    const bool idle_without =
        !c.ttwu_pending && (c.curr == kIdleTask || (here && c.curr == search.task));
    if (others == 0 && idle_without) ++stats.idle_cpus;
    if (stats.misfit_load != 0 &&
        FitsCapacity(kernel.load(search.task).util_avg, search.shared.capacity[cpu.index()])) {
      stats.misfit_load = 0;
    }
  }
  Classify(stats, domain.imbalance_pct);
  if (stats.type == GroupType::kFullyBusy || stats.type == GroupType::kOverloaded) {
    stats.avg_load = AvgLoad(stats.load, stats.capacity);
  }
  return stats;
}

// fair.c: update_pick_idlest(): whether `a` is idler than the idlest one so far.
bool IsIdler(const Search& search, const SchedGroup& group_a, const GroupStats& a,
             const SchedGroup* group_b, const GroupStats& b) {
  if (a.type != b.type) return a.type < b.type;
  switch (a.type) {
    case GroupType::kOverloaded:
    case GroupType::kFullyBusy:
      return a.avg_load < b.avg_load;
    case GroupType::kMisfit:
      return LargestCapacity(search, *group_b) < LargestCapacity(search, group_a);
    case GroupType::kHasSpare:
      if (a.idle_cpus != b.idle_cpus) return a.idle_cpus > b.idle_cpus;
      return a.util < b.util;
    case GroupType::kSmtBalance:
    case GroupType::kImbalanced:
      break;
  }
  return false;
}

// Whether the group of the current CPU is as good as the idlest other one.
bool StaysLocal(const Search& search, const SchedDomain& domain, const SchedGroup& local_group,
                const GroupStats& local, const SchedGroup& idlest_group, const GroupStats& idlest) {
  if (local.type != idlest.type) return local.type < idlest.type;
  const bool numa = domain.level == DomainLevel::kNuma;
  switch (local.type) {
    case GroupType::kOverloaded:
    case GroupType::kFullyBusy: {
      const int64_t imbalance = 1024 * (domain.imbalance_pct - 100) / 100;
      if (numa && idlest.avg_load + imbalance >= local.avg_load) return true;
      if (idlest.avg_load >= local.avg_load + imbalance) return true;
      return 100 * local.avg_load <= domain.imbalance_pct * idlest.avg_load;
    }
    case GroupType::kMisfit:
      return LargestCapacity(search, local_group) >= LargestCapacity(search, idlest_group);
    case GroupType::kHasSpare:
      if (numa) {
        const int64_t may_run =
            (search.kernel.task(search.task).cpus_allowed & local_group.cpus).Count();
        const int64_t limit = std::min<int64_t>(may_run, domain.imb_numa_nr);
        // fair.c: adjust_numa_imbalance().
        const int64_t imbalance = std::abs(local.idle_cpus - idlest.idle_cpus);
        if (local.nr_running + 1 <= limit && imbalance <= 2) return true;
      }
      return local.idle_cpus >= idlest.idle_cpus;
    case GroupType::kSmtBalance:
    case GroupType::kImbalanced:
      break;
  }
  return true;
}

// The idlest group of `domain` other than that of `current`; null: stay.
const SchedGroup* IdlestGroup(const Search& search, const SchedDomain& domain, CpuId current) {
  const auto count = static_cast<int32_t>(domain.groups.size());
  const int32_t first = domain.group_of[current.index()];
  const SchedGroup* local = nullptr;
  const SchedGroup* idlest = nullptr;
  GroupStats local_stats, idlest_stats;
  idlest_stats.type = GroupType::kOverloaded;
  idlest_stats.avg_load = std::numeric_limits<int64_t>::max();
  for (int32_t i = 0; i < count; ++i) {
    const SchedGroup& group = domain.groups[static_cast<std::size_t>((first + i) % count)];
    if ((group.cpus & search.allowed).empty()) continue;
    const GroupStats stats = StatsOf(search, domain, group);
    if (group.cpus.Contains(current)) {
      local = &group;
      local_stats = stats;
    } else if (IsIdler(search, group, stats, idlest, idlest_stats)) {
      idlest = &group;
      idlest_stats = stats;
    }
  }
  if (idlest == nullptr || local == nullptr) return idlest;
  return StaysLocal(search, domain, *local, local_stats, *idlest, idlest_stats) ? nullptr : idlest;
}

// fair.c: sched_balance_find_dst_group_cpu(): the one that leaves idle quickest, of equal ones that
// which fell idle last.
CpuId IdlestCpuOf(const Search& search, const SchedGroup& group, CpuId current) {
  const Kernel& kernel = search.kernel;
  if (group.weight == 1) return group.cpus.First();
  const CpuSet cpus = group.cpus & search.allowed;
  CpuId warmest, least = current;
  Time latest;
  Cycles shallowest;
  int64_t least_load = std::numeric_limits<int64_t>::max();
  for (CpuId cpu = cpus.First(); cpu.valid(); cpu = cpus.After(cpu)) {
    if (IsFree(kernel, cpu, search.task) && !kernel.IsIdle(cpu)) return cpu;
    if (kernel.IsIdle(cpu)) {
      const Cpu& c = kernel.cpu(cpu);
      if (!warmest.valid() || c.idle_exit_latency < shallowest ||
          (c.idle_exit_latency == shallowest && latest < c.idle_since)) {
        shallowest = c.idle_exit_latency;
        latest = c.idle_since;
        warmest = cpu;
      }
    } else if (!warmest.valid() && kernel.load(cpu).fair.load_avg < least_load) {
      least_load = kernel.load(cpu).fair.load_avg;
      least = cpu;
    }
  }
  return warmest.valid() ? warmest : least;
}

}  // namespace

CpuId FindIdlestCpu(const Kernel& kernel, const PlacementShared& shared, TaskId task, CpuId current,
                    bool is_fork) {
  const Topology& topology = kernel.topology();
  const Search search{kernel, shared, task, kernel.task(task).cpus_allowed & kernel.active(),
                      is_fork};
  const CpuId stay = kernel.task(task).wake_cpu;
  int level = -1;
  while (level + 1 < topology.num_domains(current) &&
         TakesPart(topology.domain(current, level + 1), is_fork)) {
    ++level;
  }
  if (level < 0) return stay;
  if ((topology.domain(current, level).span & search.allowed).empty()) return stay;
  CpuId found = current;
  while (level >= 0) {
    const SchedDomain& domain = topology.domain(found, level);
    const SchedGroup* const group =
        TakesPart(domain, is_fork) ? IdlestGroup(search, domain, found) : nullptr;
    const CpuId next = group != nullptr ? IdlestCpuOf(search, *group, found) : found;
    if (next == found) {
      --level;
      continue;
    }
    // Go on below this level, where the CPU found is.
    found = next;
    level = -1;
    for (int k = 0; k < topology.num_domains(found); ++k) {
      if (domain.weight <= topology.domain(found, k).weight) break;
      if (TakesPart(topology.domain(found, k), is_fork)) level = k;
    }
  }
  return found;
}

}  // namespace rqsim
