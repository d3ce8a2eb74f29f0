// The deadline class's parameters, timers and what they are called.
//
// Idea: lengths are the kernel's, in the scenario's clock; 6.12 differs in two defaults. Origin:
// Linux 7.2 kernel/sched/deadline.c: __checkparam_dl(), rt.c: sysctl_sched_rt_runtime. Cost: none
// in a run. Tested by tests/unit/policies/sched_class/deadline_test.cc and
// scenarios/kernel612/admission-limit.json.
#include "sched_class/deadline_params.h"

#include <absl/status/status.h>

#include <algorithm>

#include "policies.h"
#include "sched_class/chains.h"
#include "wide.h"

namespace rqsim {
namespace {

constexpr ParamInfo kDeadlineParams[] = {
    {.name = "dl_scale",
     .kind = ParamKind::kInteger,
     .default_value = 10,
     .max = 30,
     .summary = "bits dropped in the test whether a waking task may keep its budget (DL_SCALE)"},
    {.name = "dl_limits",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "refuse budgets below 1024 ns and periods outside 100 us to 4.2 s"},
    {.name = "rt_runtime",
     .kind = ParamKind::kInteger,
     .default_value = 1'000'000,
     .min = -1,
     .max = 1'000'000,
     .summary =
         "millionths of the CPUs that deadline tasks may be promised (6.12: 950000); -1 = no test"},
    {.name = "fair_server",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "a server on each CPU runs fair tasks that starve behind real-time ones"},
    {.name = "server_runtime",
     .kind = ParamKind::kCycles,
     .default_value = 50'000'000,
     .min = 1,
     .max = int64_t{1} << 40,
     .summary = "its budget",
     .ns = true},
    {.name = "server_period",
     .kind = ParamKind::kCycles,
     .default_value = 1'000'000'000,
     .min = 1,
     .max = int64_t{1} << 40,
     .summary = "… in each period of this length",
     .ns = true},
    {.name = "server_resolution",
     .kind = ParamKind::kCycles,
     .default_value = 1'000'000,
     .max = int64_t{1} << 40,
     .summary = "its timer is not put off for less",
     .ns = true},
    {.name = "hrtick",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "end slices by a high-resolution timer, between ticks (the same as HRTICK)"},
    {.name = "hrtick_dl",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "… and budgets of deadline tasks too (HRTICK_DL); only with hrtick"},
    {.name = "hrtick_min",
     .kind = ParamKind::kCycles,
     .default_value = 10'000,
     .max = int64_t{1} << 44,
     .summary = "that timer is never armed for less",
     .ns = true},
    {.name = "hrtick_slop",
     .kind = ParamKind::kCycles,
     .default_value = 5'000,
     .max = int64_t{1} << 44,
     .summary = "that timer is not rearmed for a difference of at most this",
     .ns = true},
    kChainBalanceParam,
};

// As DeadlineTimers numbers them.
constexpr TimerInfo kDeadlineTimers[] = {
    {.name = "replenish"},
    {.name = "inactive", .is_background = true},
    {.name = "server", .per_cpu = true, .charges_donor = true, .is_background = true},
    {.name = "server_inactive", .per_cpu = true, .is_background = true},
};

int64_t CyclesOfNs(int64_t ns, int64_t clock_hz) {
  return std::max<int64_t>(static_cast<int64_t>(static_cast<Wide>(ns) * clock_hz / 1'000'000'000),
                           1);
}

}  // namespace

constinit const PolicyInfo kDeadlineClassInfo = {
    .name = "deadline",
    .seam = Seam::kSchedClass,
    .summary = "earliest deadline first, each task within its budget; and the fair server",
    .source = "Linux 7.2 kernel/sched/deadline.c",
    .params = kDeadlineParams,
    .timers = kDeadlineTimers,
    .sched_policies = 1u << static_cast<unsigned>(SchedPolicy::kDeadline),
    .serves = "fair",
};

bool DeadlineParams::Allow(const SchedAttr& attr) const {
  const int64_t runtime = attr.dl_runtime.count(), deadline = attr.dl_deadline.count(),
                period = attr.dl_period.count();
  if (runtime <= 0 || runtime > deadline || deadline > period) return false;
  return !has_limits || (runtime >= runtime_min && period >= period_min && period <= period_max);
}

absl::StatusOr<DeadlineParams> ReadDeadlineParams(const PolicyParams& params,
                                                  const Limits& limits) {
  DeadlineParams deadline;
  deadline.scale = static_cast<int>(params.Integer("dl_scale"));
  deadline.has_limits = params.Flag("dl_limits");
  deadline.runtime_min = CyclesOfNs(1024, limits.clock_hz);
  deadline.period_min = CyclesOfNs(100'000, limits.clock_hz);
  deadline.period_max = CyclesOfNs(4'194'304'000, limits.clock_hz);
  // Linux 6.12 has the slice timer off and promises less.
  const bool is_6_12 = limits.kernel == KernelVersion::k6_12;
  deadline.hrtick =
      params.Flag("hrtick_dl") && params.Flag("hrtick") && (!is_6_12 || params.Given("hrtick"));
  deadline.hrtick_min = params.Integer("hrtick_min");
  deadline.hrtick_slop = params.Integer("hrtick_slop");
  deadline.rt_runtime =
      is_6_12 && !params.Given("rt_runtime") ? 950'000 : params.Integer("rt_runtime");
  deadline.balances_chains = params.Flag("chain_balance");
  deadline.has_server = params.Flag("fair_server");
  deadline.server = {params.Integer("server_runtime"), params.Integer("server_period"),
                     params.Integer("server_resolution")};
  if (deadline.server.runtime > deadline.server.period) {
    return absl::InvalidArgumentError("class: server_runtime is longer than server_period");
  }
  return deadline;
}

}  // namespace rqsim
