// Wake-up placement without load averages: the previous CPU, the waker's, an idle one that shares
// the cache.
//
// Idea: the structure of the kernel's selection with every test that needs an average taken out, so
// that the result can be worked out by hand. affine_wake.h has the rules; here none of the
// replacements of machine.md 6.3 is in force.
// Origin: Linux 7.2 kernel/sched/fair.c: select_task_rq_fair(), machine.md 6.2. What differs: what
// `faithful` has. On machines with CPUs of several sizes utilisation averages are used after all,
// because whether a CPU is large enough is a question of utilisation (machine.md 7.7).
// Cost: O(CPUs of the cache); O(CPUs) for a fork.
// Tested by tests/unit/policies/placement/placement_test.cc and scenarios/placement/.
#include <utility>

#include "placement/affine_wake.h"
#include "placement/composed.h"
#include "placement/params.h"
#include "policies.h"

namespace rqsim {

constinit const PolicyInfo kSimplePlacementInfo = {
    .name = "simple",
    .seam = Seam::kPlacement,
    .summary = "previous CPU, the waker's, or an idle one that shares the cache",
    .source = "Linux 7.2 kernel/sched/fair.c: select_task_rq_fair(), without load averages",
    .params = kPlacementParams,
    .paths = kPlacementPaths,
    .events = kKthreadEvents,
    .hotplug = kKthreadCallbacks,
    .faults = kKthreadFaults,
    .metrics = kKthreadMetrics,
};

absl::StatusOr<std::unique_ptr<Placement>> MakeSimplePlacement(const PolicyParams& params,
                                                               const Limits& limits) {
  auto shared = std::make_unique<PlacementShared>();
  auto wake = MakeAffineWake(WakeRules(), *shared, limits);
  return ComposePlacement(std::move(shared), std::move(wake), params, limits);
}

}  // namespace rqsim
