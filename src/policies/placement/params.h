// Parameters that every placement has: what it does besides choosing the CPU of a wake-up.
#ifndef RQSIM_POLICIES_PLACEMENT_PARAMS_H_
#define RQSIM_POLICIES_PLACEMENT_PARAMS_H_

#include <absl/status/status.h>

#include "rqsim/policy.h"

namespace rqsim {

inline constexpr ParamInfo kBalanceParam = {
    .name = "balance",
    .kind = ParamKind::kEnum,
    .default_text = "off",
    .allowed = "off simple faithful",
    .summary = "load balancing of the fair class (machine.md 7)"};
inline constexpr ParamInfo kBusyPullParam = {
    .name = "busy_pull",
    .kind = ParamKind::kBool,
    .default_value = 0,
    .summary = "balance simple: a busy CPU pulls too, although nobody waits for it"};
inline constexpr ParamInfo kBalancePeriodParam = {
    .name = "balance_period",
    .kind = ParamKind::kCycles,
    .default_value = 0,
    .summary = "between two periodic passes of a CPU, rounded up to ticks; 0: as the kernel"};
inline constexpr ParamInfo kMigrationCostParam = {
    .name = "migration_cost",
    .kind = ParamKind::kCycles,
    .default_value = 500'000,
    .summary = "a task that ran less than this ago is cache hot (sysctl_sched_migration_cost)",
    .ns = true};
inline constexpr ParamInfo kNrMigrateParam = {
    .name = "nr_migrate",
    .kind = ParamKind::kInteger,
    .default_value = 32,
    .min = 1,
    .max = 1 << 20,
    .summary = "tasks a pass looks at, at most (sysctl_sched_nr_migrate; 8 with PREEMPT_RT)"};
inline constexpr ParamInfo kBalanceLastParam = {
    .name = "balance_last",
    .kind = ParamKind::kInteger,
    .default_value = 0,
    .min = -1'000'000,
    .max = 0,
    .summary = "number of the tick of the last pass before the start"};
inline constexpr ParamInfo kNiRandomParam = {
    .name = "ni_random",
    .kind = ParamKind::kBool,
    .default_value = 0,
    .summary = "balance faithful: feature NI_RANDOM, newidle passes by their success, seeded"};
inline constexpr ParamInfo kLoadTrackingParam = {
    .name = "load_tracking",
    .kind = ParamKind::kBool,
    .default_value = 0,
    .summary = "keep load averages (machine.md 10) although nothing of the placement reads them"};
inline constexpr ParamInfo kBlockedLoadParam = {
    .name = "blocked_load",
    .kind = ParamKind::kEnum,
    .default_text = "count",
    .allowed = "count exclude curr_only",
    .summary =
        "which donors of proxy execution balancing counts as load (lb.blocked_load): all, "
        "none, those that are executed for"};
inline constexpr ParamInfo kKthreadParam = {
    .name = "kthread",
    .kind = ParamKind::kEnum,
    .default_text = "bound",
    .allowed = "bound manual preferred-rfc preferred",
    .summary = "who keeps kernel threads near their CPUs (kthread-affinity.md 2)"};

inline constexpr ParamInfo kPlacementParams[] = {
    kBalanceParam,     kBusyPullParam, kBalancePeriodParam, kMigrationCostParam, kNrMigrateParam,
    kBalanceLastParam, kNiRandomParam, kLoadTrackingParam,  kBlockedLoadParam,   kKthreadParam,
};

// Says what of them this version does not model.
inline absl::Status CheckPlacementParams(const PolicyParams& params) {
  if (params.Text("kthread") != "bound") {
    return absl::UnimplementedError("placement.kthread: only `bound` is modelled");
  }
  return absl::OkStatus();
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_PARAMS_H_
