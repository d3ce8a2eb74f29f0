// How busy a group is.
//
// Origin: Linux 7.2 kernel/sched/fair.c: group_classify(), group_has_capacity(),
// group_is_overloaded().  Cost: O(1).
// Tested by tests/unit/policies/placement/placement_test.cc and scenarios/placement/.
#include "placement/group_stats.h"

#include <algorithm>

namespace rqsim {
namespace {

// fair.c: group_has_capacity().
bool HasSpare(const GroupStats& stats, int pct) {
  if (stats.nr_running < stats.weight) return true;
  if (stats.capacity * pct < stats.runnable * 100) return false;
  return stats.capacity * 100 > stats.util * pct;
}

// fair.c: group_is_overloaded().
bool IsOverloaded(const GroupStats& stats, int pct) {
  if (stats.nr_running <= stats.weight) return false;
  return stats.capacity * 100 < stats.util * pct || stats.capacity * pct < stats.runnable * 100;
}

}  // namespace

int64_t UtilOf(const Kernel& kernel, CpuId cpu) {
  return std::min<int64_t>(kernel.load(cpu).fair.util_avg, kernel.cpu(cpu).capacity);
}

LeftOut LeftOutOf(const Kernel& kernel, CpuId cpu, BlockedLoad mode, bool tracks_load) {
  LeftOut out;
  if (mode == BlockedLoad::kCount) return out;
  for (TaskId id = kernel.LeastRecentlyRun(cpu); id.valid(); id = kernel.MoreRecentlyRun(id)) {
    const Task& task = kernel.task(id);
    if (!task.is_blocked || task.sched_delayed) continue;
    if (mode == BlockedLoad::kCurrOnly && kernel.cpu(cpu).donor == id) continue;
    ++out.tasks;
    if (!tracks_load) continue;
    out.load += kernel.load(id).load_avg;
    out.runnable += kernel.load(id).runnable_avg;
  }
  return out;
}

void Classify(GroupStats& stats, int imbalance_pct) {
  if (IsOverloaded(stats, imbalance_pct)) {
    stats.type = GroupType::kOverloaded;
  } else if (stats.imbalanced) {
    stats.type = GroupType::kImbalanced;
  } else if (stats.smt_balance) {
    stats.type = GroupType::kSmtBalance;
  } else if (stats.misfit_load > 0) {
    stats.type = GroupType::kMisfit;
  } else if (!HasSpare(stats, imbalance_pct)) {
    stats.type = GroupType::kFullyBusy;
  } else {
    stats.type = GroupType::kHasSpare;
  }
}

}  // namespace rqsim
