// What the steps of a mutex cost, and the parameters that set it (mutex.md 3.6). Shared by every
// lock protocol.
#ifndef RQSIM_POLICIES_LOCK_LOCK_COSTS_H_
#define RQSIM_POLICIES_LOCK_LOCK_COSTS_H_

#include <array>
#include <cstddef>
#include <string_view>

#include "rqsim/policy.h"
#include "rqsim/time.h"

namespace rqsim {

struct LockCosts {
  Cycles lock_fast, trylock, osq_enq, osq_pass, spin_poll, slow_enter, block, recheck, acquire_slow;
  Cycles unlock_fast, unlock_slow, unlock_slow_rest;
  Cycles cacheline_xfer;
};

constexpr ParamInfo LockCostParam(std::string_view name, std::string_view summary) {
  return {.name = name, .kind = ParamKind::kCycles, .summary = summary};
}

inline constexpr std::array kLockCostParams = {
    ParamInfo{.name = "preset",
              .kind = ParamKind::kEnum,
              .default_text = "zero",
              .allowed = "zero realistic",
              .summary = "costs that are not stated: all 0, or in proportion to real ones"},
    LockCostParam("c_lock_fast", "L1, the compare-exchange on a free lock"),
    LockCostParam("c_trylock", "L2, and trylock"),
    LockCostParam("c_slow_enter", "L4, up to joining the wait list"),
    LockCostParam("c_block", "L5, up to schedule()"),
    LockCostParam("c_recheck", "L6, from running again up to the next try"),
    LockCostParam("c_acquire_slow", "L8, leaving the wait list"),
    LockCostParam("c_unlock_fast", "unlock, the compare-exchange"),
    LockCostParam("c_unlock_slow", "slow unlock, up to freeing the lock"),
    LockCostParam("c_unlock_slow_rest", "slow unlock, from freeing the lock to the wake-up"),
    LockCostParam("c_cacheline_xfer", "added to a CPU's first try after another CPU's write"),
};

// For protocols that spin.
inline constexpr std::array kSpinParams = {
    ParamInfo{.name = "spin",
              .kind = ParamKind::kBool,
              .default_value = 1,
              .summary = "optimistic spinning on a running owner (CONFIG_MUTEX_SPIN_ON_OWNER)"},
    LockCostParam("c_osq_enq", "L3, joining the spin queue"),
    LockCostParam("c_osq_pass", "L3, passing the head of the spin queue on"),
    LockCostParam("c_spin_poll", "granularity of spinning: changes are noticed at multiples of it"),
};

// What proxy execution spends (proxy-exec.md 11). The plain mutex takes them too and spends none,
// so that one set of costs can stand in a scenario for all protocols.
inline constexpr std::array kProxyCostParams = {
    LockCostParam("c_pick", "each pick of one schedule() after the first"),
    LockCostParam("c_chain_hop", "each link of a chain"),
    LockCostParam("c_proxy_migrate", "a donor is moved to its owner's CPU"),
    LockCostParam("c_return_migrate", "a moved donor is placed anew; on top of its waker's c_wake"),
    LockCostParam("c_idle_retry", "until an idle CPU looks again whether a chain can run; 0 = 1"),
    LockCostParam("c_park", "a donor is parked on a sleeping owner"),
    LockCostParam("c_park_activate", "… and queued again; on top of the owner's waker's c_wake"),
    LockCostParam("c_bo_lock", "the blocked-on state of a waiter that is woken; on top of c_wake"),
};

// `params` with other words allowed for the parameter `name`.
template <std::size_t N>
constexpr std::array<ParamInfo, N> WithAllowed(std::array<ParamInfo, N> params,
                                               std::string_view name, std::string_view allowed,
                                               std::string_view summary) {
  for (ParamInfo& param : params) {
    if (param.name != name) continue;
    param.allowed = allowed;
    param.summary = summary;
  }
  return params;
}

// The costs in effect: what the policy set states, else what its preset says. `spins`: the protocol
// declares kSpinParams too.
LockCosts ReadLockCosts(const PolicyParams& params, bool spins);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_LOCK_COSTS_H_
