// Parameters that every placement has: what it does besides choosing the CPU of a wake-up.
#ifndef RQSIM_POLICIES_PLACEMENT_PARAMS_H_
#define RQSIM_POLICIES_PLACEMENT_PARAMS_H_

#include <absl/status/status.h>

#include "rqsim/policy.h"

namespace rqsim {

inline constexpr ParamInfo kPlacementParams[] = {
    {.name = "balance",
     .kind = ParamKind::kEnum,
     .default_text = "off",
     .allowed = "off simple faithful",
     .summary = "load balancing of the fair class (machine.md 7)"},
    {.name = "kthread",
     .kind = ParamKind::kEnum,
     .default_text = "bound",
     .allowed = "bound manual preferred-rfc preferred",
     .summary = "who keeps kernel threads near their CPUs (kthread-affinity.md 2)"},
};

// Says what of them this version does not model.
inline absl::Status CheckPlacementParams(const PolicyParams& params) {
  if (params.Text("balance") != "off") {
    return absl::UnimplementedError("placement.balance: only `off` is modelled");
  }
  if (params.Text("kthread") != "bound") {
    return absl::UnimplementedError("placement.kthread: only `bound` is modelled");
  }
  return absl::OkStatus();
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_PARAMS_H_
