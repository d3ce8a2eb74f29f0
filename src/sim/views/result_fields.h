// The plain numbers of a result's parts by name, in the order of the result document: one table for
// the document's writer and reader, its schema, and the metrics.
#ifndef RQSIM_SIM_VIEWS_RESULT_FIELDS_H_
#define RQSIM_SIM_VIEWS_RESULT_FIELDS_H_

#include <cstdint>
#include <string_view>

#include "rqsim/result.h"

namespace rqsim {

// A member of `Thing`: a length, an instant or a count.
template <class Thing>
class ResultField {
 public:
  constexpr ResultField(std::string_view name, Cycles Thing::*cycles)
      : name_(name), cycles_(cycles) {}
  constexpr ResultField(std::string_view name, Time Thing::*time) : name_(name), time_(time) {}
  constexpr ResultField(std::string_view name, int64_t Thing::*count)
      : name_(name), count_(count) {}

  constexpr std::string_view name() const { return name_; }
  int64_t Get(const Thing& thing) const {
    if (cycles_ != nullptr) return (thing.*cycles_).count();
    return time_ != nullptr ? (thing.*time_).cycles() : thing.*count_;
  }
  void Set(Thing& thing, int64_t value) const {
    if (cycles_ != nullptr) {
      thing.*cycles_ = Cycles(value);
    } else if (time_ != nullptr) {
      thing.*time_ = Time(value);
    } else {
      thing.*count_ = value;
    }
  }

 private:
  std::string_view name_;
  Cycles Thing::*cycles_ = nullptr;
  Time Thing::*time_ = nullptr;
  int64_t Thing::*count_ = nullptr;
};

inline constexpr ResultField<Distribution> kDistributionFields[] = {
    {"n", &Distribution::n},     {"p50", &Distribution::p50}, {"p90", &Distribution::p90},
    {"p95", &Distribution::p95}, {"p99", &Distribution::p99}, {"p999", &Distribution::p999},
    {"max", &Distribution::max}, {"sum", &Distribution::sum}};

inline constexpr ResultField<TaskResult> kTaskFields[] = {
    {"exec", &TaskResult::exec},
    {"charged", &TaskResult::charged},
    {"run_delay", &TaskResult::run_delay},
    {"blocked", &TaskResult::blocked},
    {"sleeping", &TaskResult::sleeping},
    {"nr_switches", &TaskResult::nr_switches},
    {"nr_voluntary_switches", &TaskResult::nr_voluntary_switches},
    {"nr_involuntary_switches", &TaskResult::nr_involuntary_switches},
    {"nr_migrations", &TaskResult::nr_migrations},
    {"start", &TaskResult::start},
    {"lifetime", &TaskResult::lifetime},
    {"work", &TaskResult::work},
    {"donor_cycles", &TaskResult::donor_cycles},
    {"boosted_cycles", &TaskResult::boosted_cycles},
    {"run", &TaskResult::run},
    {"runnable", &TaskResult::runnable},
    {"blocked_queued", &TaskResult::blocked_queued},
    {"parked", &TaskResult::parked},
    {"frozen", &TaskResult::frozen},
    {"throttled", &TaskResult::throttled},
    {"migrating", &TaskResult::migrating},
    {"deadline_misses", &TaskResult::deadline_misses},
    {"dl_overruns", &TaskResult::dl_overruns},
    {"pcount", &TaskResult::pcount},
    {"run_delay_max", &TaskResult::run_delay_max},
    {"run_delay_max_start", &TaskResult::run_delay_max_start},
    {"run_delay_max_end", &TaskResult::run_delay_max_end},
    {"wait_sum", &TaskResult::wait_sum},
    {"wait_max", &TaskResult::wait_max},
    {"wait_count", &TaskResult::wait_count},
    {"sum_sleep_runtime", &TaskResult::sum_sleep_runtime},
    {"sum_block_runtime", &TaskResult::sum_block_runtime},
    {"nr_wakeups", &TaskResult::nr_wakeups},
    {"nr_wakeups_local", &TaskResult::nr_wakeups_local},
    {"nr_wakeups_remote", &TaskResult::nr_wakeups_remote},
    {"nr_wakeups_sync", &TaskResult::nr_wakeups_sync},
    {"nr_wakeups_migrate", &TaskResult::nr_wakeups_migrate},
    {"nr_wakeups_affine", &TaskResult::nr_wakeups_affine},
    {"nr_wakeups_affine_attempts", &TaskResult::nr_wakeups_affine_attempts},
    {"nr_failed_migrations_affine", &TaskResult::nr_failed_migrations_affine},
    {"nr_failed_migrations_running", &TaskResult::nr_failed_migrations_running},
    {"nr_failed_migrations_hot", &TaskResult::nr_failed_migrations_hot}};

inline constexpr ResultField<CpuResult> kCpuFields[] = {{"user", &CpuResult::user},
                                                        {"kernel", &CpuResult::kernel},
                                                        {"idle", &CpuResult::idle},
                                                        {"offline", &CpuResult::offline},
                                                        {"yld_count", &CpuResult::yld_count},
                                                        {"sched_count", &CpuResult::sched_count},
                                                        {"sched_goidle", &CpuResult::sched_goidle},
                                                        {"ttwu_count", &CpuResult::ttwu_count},
                                                        {"ttwu_local", &CpuResult::ttwu_local},
                                                        {"rq_cpu_time", &CpuResult::rq_cpu_time},
                                                        {"run_delay", &CpuResult::run_delay},
                                                        {"pcount", &CpuResult::pcount}};

inline constexpr ResultField<BalanceCounts> kBalanceFields[] = {
    {"lb_count", &BalanceCounts::lb_count},
    {"lb_balanced", &BalanceCounts::lb_balanced},
    {"lb_failed", &BalanceCounts::lb_failed},
    {"lb_imbalance_load", &BalanceCounts::lb_imbalance_load},
    {"lb_imbalance_util", &BalanceCounts::lb_imbalance_util},
    {"lb_imbalance_task", &BalanceCounts::lb_imbalance_task},
    {"lb_imbalance_misfit", &BalanceCounts::lb_imbalance_misfit},
    {"lb_gained", &BalanceCounts::lb_gained},
    {"lb_hot_gained", &BalanceCounts::lb_hot_gained},
    {"lb_nobusyq", &BalanceCounts::lb_nobusyq},
    {"lb_nobusyg", &BalanceCounts::lb_nobusyg}};

inline constexpr ResultField<DomainResult> kDomainFields[] = {
    {"alb_count", &DomainResult::alb_count},
    {"alb_failed", &DomainResult::alb_failed},
    {"alb_pushed", &DomainResult::alb_pushed},
    {"ttwu_wake_remote", &DomainResult::ttwu_wake_remote},
    {"ttwu_move_affine", &DomainResult::ttwu_move_affine}};

// What a CPU was when balancing was done for it, in the order of /proc/schedstat.
struct BalanceKind {
  std::string_view name;
  BalanceCounts DomainResult::*counts;
};
inline constexpr BalanceKind kBalanceKinds[] = {{"busy", &DomainResult::busy},
                                                {"idle", &DomainResult::idle},
                                                {"newly_idle", &DomainResult::newly_idle}};

inline constexpr ResultField<LockResult> kLockFields[] = {
    {"acquisitions", &LockResult::acquisitions},
    {"fast", &LockResult::fast},
    {"trylock", &LockResult::trylock},
    {"osq_spin", &LockResult::osq_spin},
    {"waiter_spin", &LockResult::waiter_spin},
    {"slow", &LockResult::slow},
    {"steals", &LockResult::steals},
    {"handoffs", &LockResult::handoffs},
    {"handoffs_flag", &LockResult::handoffs_flag},
    {"handoffs_donor", &LockResult::handoffs_donor},
    {"handoffs_always", &LockResult::handoffs_always},
    {"fifo_bypass_by_donor", &LockResult::fifo_bypass_by_donor},
    {"wakeups", &LockResult::wakeups},
    {"spin_cycles", &LockResult::spin_cycles}};

// By LockPassing::Kind.
inline constexpr std::string_view kPassingNames[] = {"steal", "flag", "donor", "always"};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_RESULT_FIELDS_H_
