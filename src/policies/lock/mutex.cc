// The kernel's mutex without proxy execution: the control in every comparison of lock protocols.
//
// Idea: a waiter first spins while the owner runs (in a queue, so that one spinner at a time
// tries), then sleeps in arrival order. A free lock belongs to whoever comes first, waiter or not;
// a first waiter that lost a race asks for a hand-off, so it can lose only once more. Origin:
// Linux 7.2 kernel/locking/mutex.c. What differs: nothing beyond what mutex_path.cc says. Cost:
// O(1) per step. Tested by tests/unit/policies/lock/mutex_test.cc and scenarios/mutex.
#include "policies.h"

#include <array>
#include <memory>

#include "join_tables.h"
#include "lock/lock_costs.h"
#include "lock/mutex_path.h"

namespace rqsim {
namespace {

constexpr std::array kHandoffParams = {HandoffParam("normal")};
constexpr auto kParams =
    JoinTables(kSpinParams, kHandoffParams, kWaitLockParams, kLockCostParams, kProxyCostParams);

class Mutex final : public MutexPath {
 public:
  using MutexPath::MutexPath;
};

}  // namespace

const PolicyInfo kMutexInfo = {
    .name = "mutex",
    .seam = Seam::kLockProtocol,
    .summary = "the kernel's mutex: optimistic spinning, FIFO wait list, hand-off on request",
    .source = "Linux 7.2 kernel/locking/mutex.c",
    .params = kParams,
    .paths = kMutexPaths,
    .ops = kMutexOps,
    .faults = kMutexFaults,
};

absl::StatusOr<std::unique_ptr<LockProtocol>> MakeMutex(const PolicyParams& params,
                                                        const Limits& limits) {
  return std::make_unique<Mutex>(ReadMutexOptions(params), limits);
}

}  // namespace rqsim
