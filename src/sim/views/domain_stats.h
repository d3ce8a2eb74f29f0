// The counters that /proc/schedstat has for each scheduling domain of a CPU, from events alone
// (machine.md 11.2; Linux 7.2 kernel/sched/stats.c: show_schedstat()).
//
//   domain 0 MC  busy  lb_count 3  lb_balanced 3  …      newly_idle  lb_count 1  lb_gained 1  …
//                alb_count 0 …  ttwu_wake_remote 2  ttwu_move_affine 1
//
//   lb_*              passes for this CPU at this level, by what it was: busy, idle, newly idle;
//                     how they ended, what was out of balance by how much, how many tasks came.
//   alb_*             tasks that a stop task pushed here, or found none to push.
//   ttwu_wake_remote  wake-ups made here of tasks that went to another CPU: the lowest domain that
//                     holds both.
//   ttwu_move_affine  … of tasks that were brought to this CPU: the lowest domain that holds it and
//                     the one that the task was on.
//
// The domains are those of the CPUs that are online at the start; a level that the machine has only
// later is not counted (MODEL-130).
#ifndef RQSIM_SIM_VIEWS_DOMAIN_STATS_H_
#define RQSIM_SIM_VIEWS_DOMAIN_STATS_H_

#include <vector>

#include "rqsim/listener.h"
#include "rqsim/result.h"
#include "rqsim/topology.h"
#include "rqsim/trace_event.h"

namespace rqsim {

class DomainStats {
 public:
  static EventMask Wants();
  void OnStart(const RunInfo& info);
  void OnEvent(const TraceEvent& event);
  // The domains of `cpu`, lowest first.
  void Fill(CpuId cpu, CpuResult& out) const;

 private:
  // Null if the CPU has no such domain.
  DomainResult* Of(CpuId cpu, int level);
  // The lowest domain of `cpu` that holds `other`.
  DomainResult* Common(CpuId cpu, CpuId other);
  void OnBalance(const SchedBalance& pass);

  Topology topology_;
  std::vector<std::vector<DomainResult>> domains_;  // by CPU
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_DOMAIN_STATS_H_
