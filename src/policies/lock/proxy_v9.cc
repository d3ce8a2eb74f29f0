// Proxy execution as version 9 of John Stultz's series proposed it.
//
// Idea: the whole chain above a remote owner goes to that owner's CPU, also when the owner sleeps
// there; a donor whose owner sleeps is parked on it and queued again when it wakes, with everybody
// parked on the donor in turn. An unlock gives the lock to the blocked donor. Every wake-up of a
// donor reschedules its CPU, and one that is not on the CPU of its last placement is placed anew.
// Origin: [PATCH v9 0/7] Preparatory changes for Proxy Execution, J. Stultz, 15 March 2024, and
// what proxy-exec.md infers from versions 7 and 18; the preset `v8` is the version before. What
// differs: beyond proxy_path.cc, parked donors keep their order of arrival.
// Cost: as proxy_path.cc. Tested by tests/unit/policies/lock/proxy_path_test.cc and
// scenarios/proxy.
#include "lock/proxy_path.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr std::array kKnobs = {HandoffParam("donor"), CheckOrderParam("cpu_first"),
                               SleepingOwnerParam("park"), DonorWakeParam("always")};
constexpr auto kParams = WithAllowed(
    JoinTables(kKnobs, kProxyMoveParams, kProxySharedParams), "preset", "zero realistic v8",
    "costs that are not stated: all 0, or in proportion to real ones; v8: what version 8 did");

// Version 8 handed every contended lock over, did not spin and returned donors only if they might
// not run where they were.
void BecomeV8(const PolicyParams& params, MutexOptions& mutex, ProxyOptions& proxy) {
  if (!params.Given("handoff")) mutex.handoff = HandoffMode::kAlways;
  if (!params.Given("spin")) mutex.spin = false;
  if (!params.Given("return")) proxy.returns = ReturnMode::kAffinityOnly;
  // What version 9 mended, as far as it lies in the protocol (MODEL-123).
  proxy.faults.skip_owner_recheck = true;
  proxy.faults.keep_curr_ref_on_unlock = true;
  proxy.faults.runnable_without_return = true;
  proxy.faults.livelock_park = true;
}

}  // namespace

const PolicyInfo kProxyV9Info = {
    .name = "proxy-v9",
    .seam = Seam::kLockProtocol,
    .summary = "proxy execution of series v9: chains follow owners across CPUs and into sleep",
    .source = "[PATCH v9 0/7] Preparatory changes for Proxy Execution, 2024",
    .params = kParams,
    .paths = kMutexPaths,
    .events = kProxyEvents,
    .ops = kMutexOps,
    .faults = kProxyFaults,
    .has_donors = true,
};

absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxyV9(const PolicyParams& params,
                                                          const Limits& limits) {
  ProxyOptions options;
  options.remote_owner = RemoteOwner::kMoveChain;
  options.released = Released::kReturn;
  ReadProxyOptions(params, kProxyV9Info, options);
  MutexOptions mutex = ReadMutexOptions(params);
  if (params.Text("preset") == "v8") BecomeV8(params, mutex, options);
  return std::make_unique<ProxyPath>(mutex, options, limits);
}

}  // namespace rqsim
