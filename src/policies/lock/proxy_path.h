// Proxy execution: a task that waits for a mutex stays queued, and when it is picked the CPU
// executes whoever owns what it waits for. One walk along the chain of waiters and owners serves
// every protocol of this kind; what they do where the chain does not end in a task that can run
// here differs, and is what ProxyOptions says.
//
//   donor H --waits for--> A --owner--> K --waits for--> B --owner--> L, runnable: L runs for H
#ifndef RQSIM_POLICIES_LOCK_PROXY_PATH_H_
#define RQSIM_POLICIES_LOCK_PROXY_PATH_H_

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "join_tables.h"
#include "lock/lock_costs.h"
#include "lock/mutex_path.h"
#include "lock/parked_lists.h"
#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

// Which of an owner's two questions comes first: is it awake, is it here (proxy-exec.md 5, rows 4
// and 5)?
enum class CheckOrder : uint8_t { kOnRqFirst, kCpuFirst };
// A donor whose owner is on another CPU.
enum class RemoteOwner : uint8_t {
  kDeactivate,  // waits as an ordinary sleeper
  kMove,        // goes there, the last of the chain that is here
  kMoveChain,   // … with every donor above it
};
// A donor whose owner sleeps.
enum class SleepingOwner : uint8_t {
  kDeactivate,
  kPark,   // follows the owner when that wakes
  kStays,  // stays queued, and the CPU idles on its behalf
};
// A donor that finds itself without a lock to wait for, or its lock without an owner, and does not
// execute now.
enum class Released : uint8_t {
  kDeactivate,  // its waker places it anew
  kReturn,      // left to its waker while it is at home, else placed anew by this CPU
  kRun,         // runs here
};
// When a donor that was moved is placed anew at its wake-up.
enum class ReturnMode : uint8_t { kWakeCpu, kAffinityOnly, kNeverReturns };
enum class DeadlockAction : uint8_t { kReport, kAbort, kHang };

struct ProxyCosts {
  Cycles pick, chain_hop, migrate, return_migrate, idle_retry, park, park_activate, bo_lock;
};

// What can be made wrong in the walk and the wake-up of donors, all off. Rows: kProxyFaults.
struct ProxyFaults {
  bool skip_owner_recheck = false;
  bool keep_curr_ref_on_unlock = false;
  bool runnable_without_return = false;
  bool livelock_park = false;
  bool migrate_donor_not_tail = false;
};

// For PolicyInfo::faults of every proxy protocol, those of the mutex paths among them.
inline constexpr auto kProxyFaults = JoinTables(
    kMutexFaults,
    std::array{
        FaultInfo{"proxy.skip_owner_recheck",
                  "F1: an owner found on this CPU is executed without looking whether it still is "
                  "here (W3)",
                  "PX-I1"},
        FaultInfo{"proxy.keep_curr_ref_on_unlock",
                  "F3: a donor that executes is moved or taken off without switching to idle first",
                  "PX-I2"},
        FaultInfo{"proxy.runnable_without_return",
                  "F4: a moved donor whose lock has no owner runs where it is", "PX-I4"},
        FaultInfo{"proxy.livelock_park",
                  "F5: who is parked while the owner's list is worked off is taken from it again",
                  "PX-I12"},
        FaultInfo{"proxy.migrate_donor_not_tail",
                  "F10: of a chain whose owner is elsewhere the picked donor is moved, not its end",
                  "PX-I12"},
        FaultInfo{"proxy.return_affinity_only",
                  "F11: a moved donor stays where its wait ended if it may run there",
                  "misplaced_wakeups"},
    });

struct ProxyOptions {
  CheckOrder check_order = CheckOrder::kOnRqFirst;
  RemoteOwner remote_owner = RemoteOwner::kMove;
  SleepingOwner sleeping_owner = SleepingOwner::kDeactivate;
  Released released = Released::kDeactivate;
  ReturnMode returns = ReturnMode::kWakeCpu;
  bool always_reschedules = false;  // after every wake-up of a donor, not only if its class asks
  bool forgets_edge = true;         // a deactivated donor counts as blocked on nothing
  DeadlockAction deadlock = DeadlockAction::kReport;
  int64_t max_chain = 1024;
  ProxyCosts costs;
  ProxyFaults faults;
};

// --- parameters ----------------------------------------------------------------------------------

// For protocols that move donors between CPUs.
inline constexpr std::array kProxyMoveParams = {
    ParamInfo{.name = "return",
              .kind = ParamKind::kEnum,
              .default_text = "wake_cpu",
              .allowed = "wake_cpu affinity_only never",
              .summary = "a moved donor is placed anew: always, if it may not run here, never"},
};

constexpr ParamInfo CheckOrderParam(std::string_view default_text) {
  return {.name = "check_order",
          .kind = ParamKind::kEnum,
          .default_text = default_text,
          .allowed = "on_rq_first cpu_first",
          .summary = "what is asked first about an owner: is it awake, is it on this CPU"};
}
constexpr ParamInfo SleepingOwnerParam(std::string_view default_text) {
  return {
      .name = "sleeping_owner",
      .kind = ParamKind::kEnum,
      .default_text = default_text,
      .allowed = "park deactivate none",
      .summary = "a donor whose owner sleeps: follows its wake-up, sleeps too, or stays queued"};
}
constexpr ParamInfo DonorWakeParam(std::string_view default_text) {
  return {.name = "donor_wake_resched",
          .kind = ParamKind::kEnum,
          .default_text = default_text,
          .allowed = "always class",
          .summary = "a woken donor's CPU reschedules always, or if the donor's class asks for it"};
}

inline constexpr std::array kProxyLimitParams = {
    ParamInfo{.name = "max_chain",
              .default_value = 1024,
              .min = 1,
              .max = int64_t{1} << 20,
              .summary = "links of a chain after which a walk gives up and deactivates"},
    ParamInfo{.name = "deadlock_action",
              .kind = ParamKind::kEnum,
              .default_text = "report",
              .allowed = "report abort hang",
              .summary = "a walk that comes back to a task: take the cycle off the queue, end the "
                         "run, or walk for ever as the kernel does"},
};

// What every proxy protocol declares beside the knobs that it has.
inline constexpr auto kProxySharedParams =
    JoinTables(kProxyLimitParams, kProxyCostParams, kSpinParams, kWaitLockParams, kLockCostParams);

// A member of a cycle that a walk found, one record each.
inline constexpr EventFieldInfo kProxyDeadlockFields[] = {
    {"pid", FieldKind::kTask}, {"lock", FieldKind::kLock}, {"owner", FieldKind::kTask}};
inline constexpr EventInfo kProxyEvents[] = {
    {.name = "proxy_deadlock",
     .fields = kProxyDeadlockFields,
     .summary = "a walk came back to pid, which waits for lock of owner"}};

// The shared parameters and those of the knobs above that are declared; what is not declared stays
// as it is in `options`.
void ReadProxyOptions(const PolicyParams& params, const PolicyInfo& info, ProxyOptions& options);

// --- the protocol --------------------------------------------------------------------------------

class ProxyPath : public MutexPath {
 public:
  ProxyPath(const MutexOptions& mutex, const ProxyOptions& proxy, const Limits& limits);

  HookMask Hooks() const override;
  bool KeepsQueued(Kernel& kernel, TaskId prev) override;
  DonorAnswer ResolveDonor(Kernel& kernel, CpuId cpu, TaskId picked) override;
  WakeAnswer WakeQueued(Kernel& kernel, TaskId task) override;
  void Enqueued(Kernel& kernel, TaskId task, CpuId cpu) override;
  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override;

 protected:
  void WakesWaiter(Kernel& kernel, TaskId waiter) override;

 private:
  // A walk from `donor` on `cpu`, which has come to `task` by `hops` links.
  struct Walk {
    CpuId cpu;
    TaskId donor, task;
    int32_t hops = 0;
    bool met_curr = false;  // the task that executes now is on the way
  };

  bool IsCurr(const Kernel& kernel, const Walk& walk) const {
    return kernel.cpu(walk.cpu).curr == walk.task;
  }
  bool VisitedBefore(TaskId task);
  bool IsHeld(Kernel& kernel, const Walk& walk, TaskId owner);
  DonorAnswer GoOn(Kernel& kernel, const Walk& walk);
  WalkEnd LookAtOwner(const Kernel& kernel, const Walk& walk, TaskId owner) const;

  // How a walk ends, by its row.
  DonorAnswer EndAt(Kernel& kernel, const Walk& walk, WalkEnd why);
  DonorAnswer RunsAt(Kernel& kernel, const Walk& walk, WalkEnd why);
  DonorAnswer ReleasedAt(Kernel& kernel, const Walk& walk, WalkEnd why);
  DonorAnswer AsleepAt(Kernel& kernel, const Walk& walk);
  DonorAnswer ElsewhereAt(Kernel& kernel, const Walk& walk);
  DonorAnswer DeadlockAt(Kernel& kernel, const Walk& walk);
  DonorAnswer DeactivateAt(Kernel& kernel, const Walk& walk, WalkEnd why, bool forgets_edge);

  DonorAnswer Finish(Kernel& kernel, const Walk& walk, WalkEnd why, DonorAnswer answer,
                     WalkOutcome outcome) const;
  DonorAnswer Idle(Kernel& kernel, const Walk& walk, WalkEnd why) const;
  DonorAnswer Again(Kernel& kernel, const Walk& walk, WalkEnd why, const DonorAction& action,
                    Cycles cost) const;

  PolicyId self_;
  ProxyOptions proxy_;
  uint64_t walks_ = 0;
  std::vector<uint64_t> visited_in_;  // by task: the last walk that came by
  std::vector<bool> is_doomed_;       // by task: part of a cycle that was reported
  std::vector<TaskId> held_at_;       // by CPU: the owner at which W3 holds the walk
  std::vector<Time> activated_at_;    // by owner, with the fault livelock_park
  ParkedLists parked_;
  std::vector<TaskId> waking_;  // owners whose parked donors are being queued, innermost last
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_PROXY_PATH_H_
