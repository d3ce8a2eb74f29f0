// Parameters that every placement has: what it does besides choosing the CPU of a wake-up.
#ifndef RQSIM_POLICIES_PLACEMENT_PARAMS_H_
#define RQSIM_POLICIES_PLACEMENT_PARAMS_H_

#include <array>

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
    .summary = "who keeps kernel threads near their CPUs (kthread-affinity.md)"};

inline constexpr ParamInfo kCpusetModeParam = {
    .name = "cpuset_mode",
    .kind = ParamKind::kEnum,
    .default_text = "none",
    .allowed = "none v1 v2",
    .summary = "v2: a task without a usable CPU gets those of its cpuset, else housekeeping CPUs"};

inline constexpr ParamInfo kFallbackLastParam = {
    .name = "fallback_last",
    .kind = ParamKind::kEnum,
    .default_text = "kernel",
    .allowed = "kernel housekeeping possible",
    .summary =
        "what a task without a usable CPU gets in the end: housekeeping (7.2), possible (6.12)"};

constexpr ParamInfo KthreadWord(std::string_view name, std::string_view usual,
                                std::string_view allowed, std::string_view summary) {
  ParamInfo info;
  info.name = name;
  info.kind = ParamKind::kEnum;
  info.default_text = usual;
  info.allowed = allowed;
  info.summary = summary;
  return info;
}
constexpr ParamInfo KthreadNumber(std::string_view name, ParamKind kind, int64_t usual,
                                  std::string_view summary) {
  ParamInfo info;
  info.name = name;
  info.kind = kind;
  info.default_value = usual;
  info.summary = summary;
  return info;
}

inline constexpr std::array kPlacementParams = {
    kBalanceParam,
    kBusyPullParam,
    kBalancePeriodParam,
    kMigrationCostParam,
    kNrMigrateParam,
    kBalanceLastParam,
    kNiRandomParam,
    kLoadTrackingParam,
    kBlockedLoadParam,
    kCpusetModeParam,
    kFallbackLastParam,
    kKthreadParam,
    KthreadWord("fixes", "none", "none all",
                "preferred-rfc: all = its bugs F1 to F6 are repaired (kthread-affinity.md 8)"),
    KthreadWord("second_call", "corrupt", "corrupt hardened eexist",
                "a second kthread_affine_preferred(): what it does to the list (F3)"),
    KthreadWord("bind_pref_policy", "as_7.2", "as_7.2 refuse",
                "kthread_bind_mask() of a thread with a preference (F7)"),
    KthreadWord(
        "node_policy", "node", "node snapshot callback",
        "threads of a node: its CPUs anew at each update, as of their creation, or asked for"),
    KthreadWord(
        "hk_kthread", "auto", "auto domain nohz_full",
        "which CPUs kernel threads are kept off: isolated ones (7.2), nohz_full ones (6.12)"),
    KthreadWord("last_resort", "hk", "hk hk_online",
                "without a preferred CPU: all housekeeping CPUs, or the online ones"),
    KthreadNumber("cpuset_respect", ParamKind::kBool, 0,
                  "updates stay within the thread's cpuset (7.2: no)"),
    KthreadNumber("ka_update", ParamKind::kBool, 0,
                  "there is a kthread_affine_preferred_update() (7.2: no)"),
    KthreadNumber("fail_alloc", ParamKind::kInteger, 0,
                  "which allocation of the affinity code fails, from 1; 0: none"),
    KthreadNumber("c_alloc", ParamKind::kCycles, 0,
                  "an update of the list, on top of what the hotplug state costs"),
    KthreadNumber("c_fetch", ParamKind::kCycles, 1, "… and for each thread, its mask worked out"),
    KthreadNumber("c_setaff", ParamKind::kCycles, 1, "… and set"),
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_PARAMS_H_
