// What balancing and the slow path of fork and exec sum up over the CPUs of a group, and how busy
// that makes the group (fair.c: struct sg_lb_stats, group_classify(); machine.md 7.4).
#ifndef RQSIM_POLICIES_PLACEMENT_GROUP_STATS_H_
#define RQSIM_POLICIES_PLACEMENT_GROUP_STATS_H_

#include <cstdint>

#include "placement/parts.h"

namespace rqsim {

// Weakest first. Not here: energy, cache-aware balancing, asymmetric packing.
enum class GroupType : uint8_t {
  kHasSpare,
  kFullyBusy,
  kMisfit,
  kSmtBalance,
  kImbalanced,
  kOverloaded,
};

struct GroupStats {
  int64_t load = 0, util = 0, runnable = 0, capacity = 0;
  int64_t avg_load = 0;  // load for the capacity; computed where it is needed
  int64_t misfit_load = 0;
  int64_t nr_running = 0;    // tasks of all classes
  int64_t h_nr_running = 0;  // runnable fair tasks
  int64_t idle_cpus = 0;
  int64_t weight = 0;
  bool smt_balance = false;
  bool imbalanced = false;
  GroupType type = GroupType::kHasSpare;
};

// Runnable tasks of the balanced class on `cpu`.
inline int64_t RunnableFair(const Kernel& kernel, CpuId cpu) {
  const uint8_t k = kernel.facts().balanced_class;
  return k < kMaxClasses ? kernel.cpu(cpu).nr_queued[k] - kernel.cpu(cpu).nr_delayed : 0;
}
inline int64_t QueuedFair(const Kernel& kernel, CpuId cpu) {
  const uint8_t k = kernel.facts().balanced_class;
  return k < kMaxClasses ? kernel.cpu(cpu).nr_queued[k] : 0;
}
// Donors on the queue of `cpu` that `mode` leaves out: how many, and, if load is tracked, what they
// add to the queue's averages.
struct LeftOut {
  int64_t tasks = 0, load = 0, runnable = 0;
};
LeftOut LeftOutOf(const Kernel& kernel, CpuId cpu, BlockedLoad mode, bool tracks_load);

// fair.c: cpu_util_cfs().
int64_t UtilOf(const Kernel& kernel, CpuId cpu);

// Sets `type` from the sums.
void Classify(GroupStats& stats, int imbalance_pct);
inline int64_t AvgLoad(int64_t load, int64_t capacity) { return load * 1024 / capacity; }

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_GROUP_STATS_H_
