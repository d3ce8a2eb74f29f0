// The kernel mutex as paths: lock, unlock, trylock of Linux 7.2 kernel/locking/mutex.c, step by
// step. The plain protocol is these paths and nothing else; protocols with proxy execution derive
// from this class and add hooks, because in the kernel too they share every one of these steps: a
// donor is looked at in exactly two places of unlock, and only if a protocol made one.
#ifndef RQSIM_POLICIES_LOCK_MUTEX_PATH_H_
#define RQSIM_POLICIES_LOCK_MUTEX_PATH_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <vector>

#include "lock/lock_costs.h"
#include "lock/lock_words.h"
#include "lock/wait_list.h"
#include "lock/wait_locks.h"
#include "lock/ww_contexts.h"
#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

// Who a slow unlock gives the lock to (mutex.md 3.4).
enum class HandoffMode : uint8_t {
  kNormal,  // to the first waiter if it asked (HANDOFF), else to whoever comes
  kDonor,   // as kNormal, but the unlocker's blocked donor comes before everybody
  kAlways,  // to the first waiter
  kNone,    // to whoever comes: HANDOFF is never set
};

// What can be made wrong in these paths, all off. Rows: kMutexFaults.
struct MutexFaults {
  bool unlock_preemptible = false;
  bool donor_link_stale = false;
  bool ww_keep_edge = false;
};

struct MutexOptions {
  bool spin = true;
  bool model_wait_lock = false;
  HandoffMode handoff = HandoffMode::kNormal;
  LockCosts costs;
  MutexFaults faults;
};

// For PolicyInfo::faults of every protocol built on these paths.
inline constexpr std::array kMutexFaults = {
    FaultInfo{"proxy.unlock_preemptible",
              "F8: between deciding whom to hand the lock to and doing it unlock() is preemptible",
              "PX-I10"},
    FaultInfo{"proxy.ww_keep_edge",
              "F14: who is told to give up (ww) is woken with blocked_on still set", "PX-I12"},
    FaultInfo{"proxy.donor_link_stale",
              "F15: unlock() hands over to its donor without asking which lock that waits for",
              "MX-I4"},
};

// The parameter `handoff`, with the default of the protocol that declares it.
constexpr ParamInfo HandoffParam(std::string_view default_text) {
  return {.name = "handoff",
          .kind = ParamKind::kEnum,
          .default_text = default_text,
          .allowed = "normal donor always never",
          .summary = "whom a slow unlock gives the lock to"};
}

inline constexpr std::array kWaitLockParams = {
    ParamInfo{.name = "model_wait_lock",
              .kind = ParamKind::kBool,
              .summary = "wait_lock is held by one task at a time: the costs of L4 to L8 and of a "
                         "slow unlock are spent one after the other (MODEL-30)"},
};

// From a policy that declares kLockCostParams, kSpinParams, kWaitLockParams, HandoffParam and
// kMutexFaults.
MutexOptions ReadMutexOptions(const PolicyParams& params);

// Steps by the name of mutex.md 3.2 and 3.3; where a step there has parts, they have a suffix.
enum class MutexLockStep : int32_t {
  kEnter,
  kL1,
  kL2,
  kL3,
  kL3Look,
  kL3Try,
  kL3Acquired,
  kL3Stop,
  kL4Enter,
  kL4,
  kL5,
  kW7,
  kL6First,
  kL6,
  kL7Look,
  kL7Try,
  kL7Stop,
  kL8,
  kWaitLock,
};
inline constexpr StepInfo kMutexLockSteps[] = {
    {"enter"},   {"L1"},       {"L2"},      {"L3"}, {"L3.look"},   {"L3.try"},   {"L3.acquired"},
    {"L3.stop"}, {"L4.enter"}, {"L4"},      {"L5"}, {"W7"},        {"L6.first"}, {"L6"},
    {"L7.look"}, {"L7.try"},   {"L7.stop"}, {"L8"}, {"wait_lock"},
};
static_assert(std::size(kMutexLockSteps) == static_cast<std::size_t>(MutexLockStep::kWaitLock) + 1);

// U2 asks for a donor, then comes window W6, then the decision; U3 hands over, U4 wakes.
enum class MutexUnlockStep : int32_t { kEnter, kU1, kU2, kW6, kU3, kU4, kU5, kWaitLock };
inline constexpr StepInfo kMutexUnlockSteps[] = {{"enter"}, {"U1"}, {"U2"}, {"W6"},
                                                 {"U3"},    {"U4"}, {"U5"}, {"wait_lock"}};
static_assert(std::size(kMutexUnlockSteps) ==
              static_cast<std::size_t>(MutexUnlockStep::kWaitLock) + 1);

enum class MutexTrylockStep : int32_t { kEnter, kT1 };
inline constexpr StepInfo kMutexTrylockSteps[] = {{"enter"}, {"T1"}};

inline constexpr StepInfo kWwSteps[] = {{"enter"}};

// For PolicyInfo::paths of every protocol built on these.
inline constexpr PathInfo kMutexPaths[] = {{"lock", kMutexLockSteps},
                                           {"unlock", kMutexUnlockSteps},
                                           {"trylock", kMutexTrylockSteps},
                                           {"ww_begin", kWwSteps},
                                           {"ww_end", kWwSteps}};
inline constexpr PathId kWwBeginPath{3};
inline constexpr PathId kWwEndPath{4};

// For PolicyInfo::ops of every protocol built on these.
inline constexpr ServiceOpInfo kMutexOps[] = {
    {.name = "ww_begin",
     .path = kWwBeginPath,
     .pays_syscall = false,
     .args = "wait_die",
     .summary = "Opens an acquire context, with which locks are taken until ww_end: instead of "
                "waiting in a circle one of the tasks gets -EDEADLK. wait_die true: the younger "
                "does not wait; else (wound-wait) the older one tells the younger to give up."},
    {.name = "ww_end",
     .path = kWwEndPath,
     .pays_syscall = false,
     .summary = "Closes the acquire context."},
};

class MutexPath : public LockProtocol {
 public:
  MutexPath(const MutexOptions& options, const Limits& limits);

  Next Step(Kernel& kernel, Frame& frame) override;
  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override;

 protected:
  const MutexOptions& options() const { return options_; }
  // An unlock is about to wake `waiter`; what that costs on top is a derived protocol's to say.
  virtual void WakesWaiter(Kernel& /*kernel*/, TaskId /*waiter*/) {}

 private:
  Next LockStep(Kernel& kernel, Frame& frame);
  Next UnlockStep(Kernel& kernel, Frame& frame);
  Next TrylockStep(Kernel& kernel, Frame& frame);

  // lock(), by the step whose effect it is.
  Next LockFast(Kernel& kernel, Frame& frame);
  Next LockTry(Kernel& kernel, Frame& frame);
  Next OsqJoin(Kernel& kernel, Frame& frame);
  Next OsqLook(Kernel& kernel, Frame& frame);
  Next OsqTry(Kernel& kernel, Frame& frame);
  Next OsqLeave(Kernel& kernel, Frame& frame, bool acquired);
  Next EnterSlow(Kernel& kernel, Frame& frame);
  Next SlowJoin(Kernel& kernel, Frame& frame);
  Next SlowBlock(Kernel& kernel, Frame& frame);
  Next Recheck(Kernel& kernel, Frame& frame);
  Next WaiterSpinLook(Kernel& kernel, Frame& frame);
  Next WaiterSpinTry(Kernel& kernel, Frame& frame);
  Next WaiterSpinStop(Kernel& kernel, Frame& frame);
  Next SlowAcquired(Kernel& kernel, Frame& frame);

  Next UnlockFast(Kernel& kernel, Frame& frame);
  Next UnlockSlow(Kernel& kernel, Frame& frame);
  Next UnlockHandOver(Kernel& kernel, Frame& frame);
  Next UnlockWake(Kernel& kernel, Frame& frame);
  // Got the lock without waiting, or spinning: with the context, if there is one.
  void AcquiredFast(Kernel& kernel, const Frame& frame);
  Next GiveUp(Kernel& kernel, Frame& frame, int64_t error);

  // `try` of mutex.md 3.1, by frame.task.
  bool Try(Kernel& kernel, const Frame& frame, AcquirePath path, bool ask_handoff);
  void SetWord(Kernel& kernel, const Frame& frame, TaskId owner, uint8_t flags);
  // Leaves the wait list; with the last waiter every flag goes.
  void LeaveWaitList(Kernel& kernel, const Frame& frame);
  Next RunOff(StepId step, Cycles cycles) const {
    return Next::Run(step, cycles, RunMode::kKernelNoPreempt);
  }
  // With wait_lock taken, for which it spins if need be, spends what `step` costs and goes on
  // there.
  Next TakeWaitLock(Frame& frame, StepId step);
  Next HasWaitLock(const Frame& frame);
  Next SpinForWaitLock(const Frame& frame) const;
  Cycles CostUnderWaitLock(const Frame& frame, StepId step) const;
  // The same by a task that has it.
  Next RunUnderWaitLock(StepId step, Cycles cycles) const {
    return Next::Run(step, cycles,
                     wait_locks_.is_modelled() ? RunMode::kIrqsOff : RunMode::kKernelNoPreempt);
  }
  void LeaveWaitLock(Kernel& kernel, const Frame& frame);
  // Burns cycles until a word, the owner or a request changes; or, behind the head of the spin
  // queue, until its turn comes or a request.
  Next Spin(const Kernel& kernel, const Frame& frame, StepId step, bool is_head) const;
  void EndSpin(Kernel& kernel, const Frame& frame);
  bool MustStopSpinning(const Kernel& kernel, const Frame& frame) const;
  bool NeedResched(const Kernel& kernel, const Frame& frame) const {
    return kernel.cpu(frame.cpu).need_resched;
  }
  LockWaiter& WaiterOf(const Frame& frame) { return waiters_[frame.task.index()]; }

  MutexOptions options_;
  LockLines lines_;
  std::vector<LockWaiter> waiters_;  // by task
  LockQueues wait_lists_, osqs_;     // over waiters_
  WaitLocks wait_locks_;
  WwContexts ww_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_LOCK_MUTEX_PATH_H_
