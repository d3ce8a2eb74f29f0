// A placement from a wake choice and what the parameters say of balancing and kernel threads.
#ifndef RQSIM_POLICIES_PLACEMENT_COMPOSED_H_
#define RQSIM_POLICIES_PLACEMENT_COMPOSED_H_

#include <absl/status/statusor.h>

#include <memory>

#include "placement/kthread_part.h"
#include "placement/parts.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

// Paths of every placement: what the stop task does for a balancer, and the hotplug callbacks of
// kernel threads.
inline constexpr PathId kActiveBalancePath{0};
inline constexpr StepInfo kActiveBalanceSteps[] = {{"enter"}, {"push"}};
inline constexpr PathInfo kPlacementPaths[] = {
    {"active_balance", kActiveBalanceSteps},   {"kthreads_online", kKthreadUpdateSteps},
    {"kthreads_offline", kKthreadUpdateSteps}, {"rcutree_online", kKthreadUpdateSteps},
    {"rcutree_offline", kKthreadUpdateSteps},  {"kcompactd_online", kKthreadUpdateSteps}};

// `shared` is what `wake` was made with.
absl::StatusOr<std::unique_ptr<Placement>> ComposePlacement(std::unique_ptr<PlacementShared> shared,
                                                            std::unique_ptr<WakeChoice> wake,
                                                            const PolicyParams& params,
                                                            const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_COMPOSED_H_
