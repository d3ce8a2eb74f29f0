// Proxy execution as Linux 7.2 has it.
//
// Idea: a donor whose owner is on another CPU goes there, one task of the chain per look; one whose
// owner sleeps gives up and sleeps too. An unlock gives the lock to the donor that boosted its
// owner through it. A donor that was moved is refused in place when it is woken and placed anew.
// One that was not moved is woken in place and its class is asked whether it should preempt the
// donor, which is itself: so the former owner runs on at the donor's expense until something else
// reschedules. Origin: Linux 7.2 kernel/sched/core.c (find_proxy_task and what it calls,
// proxy_needs_return), kernel/locking/mutex.c; recorded schedules hold it to the cycle. What
// differs: see proxy_path.cc. Cost: as proxy_path.cc. Tested by
// tests/unit/policies/lock/proxy_path_test.cc and scenarios/proxy.
#include "lock/proxy_path.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr std::array kKnobs = {HandoffParam("donor"), CheckOrderParam("on_rq_first"),
                               SleepingOwnerParam("deactivate"), DonorWakeParam("class")};
constexpr auto kParams = JoinTables(kKnobs, kProxyMoveParams, kProxySharedParams);

}  // namespace

const PolicyInfo kProxy72Info = {
    .name = "proxy-7.2",
    .seam = Seam::kLockProtocol,
    .summary = "proxy execution of Linux 7.2: donors follow owners across CPUs, not into sleep",
    .source = "Linux 7.2 kernel/sched/core.c: find_proxy_task(), kernel/locking/mutex.c",
    .params = kParams,
    .paths = kMutexPaths,
    .events = kProxyEvents,
    .ops = kMutexOps,
    .faults = kProxyFaults,
    .has_donors = true,
};

absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxy72(const PolicyParams& params,
                                                          const Limits& limits) {
  ProxyOptions options;
  options.remote_owner = RemoteOwner::kMove;
  options.released = Released::kDeactivate;
  ReadProxyOptions(params, kProxy72Info, options);
  return std::make_unique<ProxyPath>(ReadMutexOptions(params), options, limits);
}

}  // namespace rqsim
