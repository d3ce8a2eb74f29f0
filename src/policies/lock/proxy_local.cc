// Proxy execution on one CPU: the smallest step of the series, and a control for what crossing CPUs
// and following sleeping owners bring.
//
// Idea: a donor boosts its owner as long as the whole chain is queued on its own CPU. If the owner
// sleeps or is elsewhere, the donor goes to sleep like a waiter of the plain mutex; a lock without
// an owner is tried by whoever is picked for it. An unlock wakes the first waiter, as ever.
// Origin: proxy-exec.md 10; Linux 6.17 kernel/sched/core.c: find_proxy_task(), the first release
// with proxy execution. What differs: that every wake-up of a donor reschedules is inferred.
// Cost: as proxy_path.cc. Tested by tests/unit/policies/lock/proxy_path_test.cc and
// scenarios/proxy.
#include "lock/proxy_path.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr std::array kKnobs = {HandoffParam("normal"), DonorWakeParam("always")};
constexpr auto kParams = JoinTables(kKnobs, kProxySharedParams);

}  // namespace

const PolicyInfo kProxyLocalInfo = {
    .name = "proxy-local",
    .seam = Seam::kLockProtocol,
    .summary = "proxy execution while owner and waiters are on one CPU, else the plain mutex",
    .source = "Linux 6.17 kernel/sched/core.c: find_proxy_task(); proxy-exec.md 10",
    .params = kParams,
    .paths = kMutexPaths,
    .events = kProxyEvents,
    .ops = kMutexOps,
    .faults = kProxyFaults,
    .has_donors = true,
};

absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxyLocal(const PolicyParams& params,
                                                             const Limits& limits) {
  ProxyOptions options;
  options.remote_owner = RemoteOwner::kDeactivate;
  options.sleeping_owner = SleepingOwner::kDeactivate;
  options.released = Released::kRun;
  options.forgets_edge = false;
  ReadProxyOptions(params, kProxyLocalInfo, options);
  return std::make_unique<ProxyPath>(ReadMutexOptions(params), options, limits);
}

}  // namespace rqsim
