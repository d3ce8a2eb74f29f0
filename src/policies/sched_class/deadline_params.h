// The parameters of the deadline class.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_PARAMS_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_PARAMS_H_

#include <absl/status/statusor.h>

#include <cstdint>

#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "sched_class/deadline_server.h"

namespace rqsim {

struct DeadlineParams {
  int scale = 10;
  bool has_limits = true;
  int64_t runtime_min = 0, period_min = 0, period_max = 0;
  bool hrtick = true;
  int64_t hrtick_min = 0, hrtick_slop = 0;
  int64_t rt_runtime = 0;  // of a million; negative: no limit
  bool balances_chains = false;
  bool has_server = true;
  ServerParams server;

  // Whether a task may have this budget (deadline.c: __checkparam_dl()).
  bool Allow(const SchedAttr& attr) const;
};

// Errors: InvalidArgument, a server's budget is longer than its period.
absl::StatusOr<DeadlineParams> ReadDeadlineParams(const PolicyParams& params, const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_PARAMS_H_
