// Wake-up placement as the kernel does it, load averages and all.
//
// Idea: affine_wake.h with every replacement of machine.md 6.3 in force; each is a parameter of its
// own, so that a scenario can show what it changes.
// Origin: Linux 7.2 kernel/sched/fair.c: select_task_rq_fair(), machine.md 6.3. What differs: no
// energy model, no uclamp, no util_est, no NUMA balancing; an unlimited scan until the first
// periodic balance (machine.md 6.3), and MODEL-80.
// Cost: O(CPUs of the cache); O(CPUs) for a fork or an exec.
// Tested by tests/unit/policies/placement/placement_test.cc and scenarios/placement/.
#include <utility>

#include "join_tables.h"
#include "placement/affine_wake.h"
#include "placement/composed.h"
#include "placement/params.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr ParamInfo Switch(std::string_view name, std::string_view summary) {
  ParamInfo info;
  info.name = name;
  info.kind = ParamKind::kBool;
  info.default_value = 1;
  info.summary = summary;
  return info;
}

constexpr std::array kOwnParams = {
    Switch("wake_wide", "no affine wake-up among tasks that wake many others (wake_wide())"),
    Switch("affine_domain", "an affine wake-up needs a domain with both CPUs (SD_WAKE_AFFINE)"),
    Switch("wake_weight", "the less loaded of two CPUs is the target (wake_affine_weight())"),
    Switch("idle_scan", "a scan for an idle CPU is the shorter the busier the cache (SIS_UTIL)"),
    Switch("kthread_stack", "what a per-CPU kernel thread wakes may stay on its CPU"),
    Switch("idlest_group", "fork and exec look for the idlest group, then for its idlest CPU"),
};
constexpr auto kFaithfulParams = JoinTables(kPlacementParams, kOwnParams);

}  // namespace

constinit const PolicyInfo kFaithfulPlacementInfo = {
    .name = "faithful",
    .seam = Seam::kPlacement,
    .summary = "the kernel's wake-up placement, with load averages",
    .source = "Linux 7.2 kernel/sched/fair.c: select_task_rq_fair()",
    .params = kFaithfulParams,
    .paths = kPlacementPaths,
    .events = kKthreadEvents,
    .hotplug = kKthreadCallbacks,
    .faults = kKthreadFaults,
    .metrics = kKthreadMetrics,
};

absl::StatusOr<std::unique_ptr<Placement>> MakeFaithfulPlacement(const PolicyParams& params,
                                                                 const Limits& limits) {
  WakeRules rules;
  rules.wake_wide = params.Flag("wake_wide");
  rules.affine_domain = params.Flag("affine_domain");
  rules.weight = params.Flag("wake_weight");
  rules.idle_scan = params.Flag("idle_scan");
  rules.kthread_stack = params.Flag("kthread_stack");
  rules.idlest_group = params.Flag("idlest_group");
  auto shared = std::make_unique<PlacementShared>();
  auto wake = MakeAffineWake(rules, *shared, limits);
  return ComposePlacement(std::move(shared), std::move(wake), params, limits);
}

}  // namespace rqsim
