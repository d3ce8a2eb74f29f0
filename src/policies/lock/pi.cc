// Priority inheritance: the kernel's rt_mutex, applied to every mutex of the scenario.
//
// Idea: waiters stand in order of importance. While a task owns a lock, it counts as important as
// the most important of those that wait for its locks, and so on along the chain: when an owner is
// itself blocked, its owner inherits too. The walk along the chain is a step per lock, and other
// CPUs run between its steps when a step costs something. CPU time is charged to the owner, not to
// the waiter.
// Origin: Linux 7.2 kernel/locking/rtmutex.c (__rt_mutex_slowlock, task_blocks_on_rt_mutex,
// rt_mutex_adjust_prio_chain, try_to_take_rt_mutex, mark_wakeup_next_waiter, remove_waiter,
// rt_mutex_adjust_pi), kernel/sched/core.c: rt_mutex_setprio(). Step names follow mutex.md 3.2.
// What differs: deadline waiters are compared by relative deadlines (MODEL-33), a walk that a
// change of attributes starts is instant and limited (MODEL-34), the first waiter does not spin, a
// deadlock comes back as -EDEADLK from every lock() (MODEL-35), internal locks as in MODEL-30,
// unlock by a stranger as in MODEL-31. Cost: O(log waiters) to queue, O(locks held) to know a
// task's attributes, a step per link of a chain. Tested by tests/unit/policies/lock/pi_test.cc and
// scenarios/mutex.
#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "join_tables.h"
#include "lock/lock_costs.h"
#include "lock/lock_words.h"
#include "lock/pi_waiters.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr std::array kPiOwnParams = {
    LockCostParam("c_pi_step", "each step of a chain walk"),
    ParamInfo{.name = "max_lock_depth",
              .default_value = 1024,
              .min = 1,
              .summary = "steps of a chain walk before it gives up (kernel.max_lock_depth)"},
};
constexpr auto kParams = JoinTables(kPiOwnParams, kLockCostParams);

enum class L : int32_t { kEnter, kL1, kL2, kL4, kWalk, kL5, kW7, kL6Woken, kL6, kL8, kUndo };
constexpr StepInfo kLockSteps[] = {{"enter"}, {"L1"},       {"L2"}, {"L4"}, {"walk"}, {"L5"},
                                   {"W7"},    {"L6.woken"}, {"L6"}, {"L8"}, {"undo"}};
static_assert(std::size(kLockSteps) == static_cast<std::size_t>(L::kUndo) + 1);

enum class U : int32_t { kEnter, kU1, kU2, kU3, kU4 };
constexpr StepInfo kUnlockSteps[] = {{"enter"}, {"U1"}, {"U2"}, {"U3"}, {"U4"}};

enum class T : int32_t { kEnter, kT1 };
constexpr StepInfo kTrylockSteps[] = {{"enter"}, {"T1"}};

constexpr PathInfo kPaths[] = {
    {"lock", kLockSteps}, {"unlock", kUnlockSteps}, {"trylock", kTrylockSteps}};

template <class Enum>
constexpr StepId At(Enum step) {
  return StepId(static_cast<int32_t>(step));
}

// Registers of the lock path beside the lock and the kind of wait.
constexpr int kWalkTask = 2;
constexpr int kWalkDepth = 3;
constexpr int kWalkLock = 4;  // the lock that kWalkTask is expected to wait for
constexpr int kError = 5;     // what is returned when the boosts are undone
// Of the unlock path.
constexpr int kNextOwner = 2;

LockId LockOf(const Frame& frame) { return LockId(static_cast<int32_t>(frame.r[0])); }
LockWait WaitOf(const Frame& frame) { return static_cast<LockWait>(frame.r[1]); }

// A walk along a chain: the next link is `task`, which is expected to wait for `lock`.
struct Walk {
  TaskId task;
  LockId lock;
  LockId origin;      // the lock whose new waiter started it; invalid: none did
  TaskId initiator;   // met again, it is a deadlock
  bool full = false;  // to the end of the chain even when nothing changes, to find deadlocks
};
enum class WalkResult { kMore, kDone, kDeadlock };

// Requests that one link may make beside those of its start: set the owner's attributes, two
// records of a waiter's move.
constexpr int kInstantWalkMax = (kMaxRequests - 4) / 3;

class Pi final : public LockProtocol {
 public:
  Pi(const PolicyParams& params, const Limits& limits)
      : costs_(ReadLockCosts(params, false)),
        c_pi_step_(params.Length("c_pi_step")),
        max_lock_depth_(params.Integer("max_lock_depth")),
        lines_(costs_.cacheline_xfer, limits),
        waiters_(limits) {}

  HookMask Hooks() const override { return Hook::kLockPrioChanged; }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kLockPath) return LockStep(kernel, frame);
    if (frame.path == kUnlockPath) return UnlockStep(kernel, frame);
    return TrylockStep(kernel, frame);
  }

  void PrioChanged(Kernel& kernel, TaskId task) override {
    AdjustPrio(kernel, task);
    Walk walk{.task = task, .lock = waiters_.LockOf(task), .origin = LockId(), .initiator = task};
    const int64_t depth_max = std::min<int64_t>(max_lock_depth_, kInstantWalkMax);
    for (int64_t depth = 0; depth < depth_max && walk.lock.valid(); ++depth) {
      if (WalkOne(kernel, walk) != WalkResult::kMore) return;
    }
  }

  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    if (task.valid()) {
      const LockId lock = waiters_.LockOf(task);
      writer.Field("queued_on", lock.value());
      writer.Field("held", waiters_.NumHeld(task));
      writer.Field("eff", waiters_.EffectiveOf(kernel, task).attr.prio);
      if (lock.valid()) writer.Field("queue_position", waiters_.PositionOf(task));
      return;
    }
    for (int i = 0; i < kernel.num_locks(); ++i) {
      writer.Field("lock" + std::to_string(i) + ".waiters", waiters_.CountOf(LockId(i)));
    }
  }

 private:
  // --- lock ---

  Next LockStep(Kernel& kernel, Frame& frame) {
    const LockId id = LockOf(frame);
    switch (static_cast<L>(frame.step.value())) {
      case L::kEnter:
        return Spend(L::kL1, costs_.lock_fast + lines_.TryCost(id, frame.cpu));
      case L::kL1:
        return LockFast(kernel, frame);
      case L::kL2:
        if (TryTake(kernel, frame, AcquirePath::kTry)) return Next::Return(0);
        kernel.Emit(ContentionBegin{.lock = id, .pid = frame.task, .flags = kContentionRt});
        return Spend(L::kL4, costs_.slow_enter + lines_.TryCost(id, frame.cpu));
      case L::kL4:
        return Join(kernel, frame);
      case L::kWalk:
        return WalkOn(kernel, frame);
      case L::kL5:
        kernel.SetBlockedOn(frame.task, id);
        return TryOrBlock(kernel, frame);
      case L::kW7:
        // The lock was freed while this waiter was held here, and its wake-up found it awake
        // (MODEL-121).
        if (!kernel.lock(id).owner.valid() && waiters_.IsTop(frame.task)) {
          return Next::Schedule(At(L::kL6Woken));
        }
        return Next::Block(At(L::kL6Woken), SleepStateOf(WaitOf(frame)));
      case L::kL6Woken:
        return Spend(L::kL6, costs_.recheck + lines_.TryCost(id, frame.cpu));
      case L::kL6:
        return TryOrBlock(kernel, frame);
      case L::kL8:
        return End(kernel, frame, 0);
      case L::kUndo:
        return UndoOn(kernel, frame);
    }
    return Next::Return(kEINVAL);
  }

  Next LockFast(Kernel& kernel, Frame& frame) {
    const LockId id = LockOf(frame);
    const Lock& word = kernel.lock(id);
    if (!word.owner.valid() && word.flags == 0) {
      Take(kernel, frame, AcquirePath::kFast);
      return Next::Return(0);
    }
    lines_.Tried(id, frame.cpu);
    return Spend(L::kL2, costs_.trylock + lines_.TryCost(id, frame.cpu));
  }

  // task_blocks_on_rt_mutex(): onto the list, and the owner inherits.
  Next Join(Kernel& kernel, Frame& frame) {
    const LockId id = LockOf(frame);
    if (TryTake(kernel, frame, AcquirePath::kSlow)) return End(kernel, frame, 0);
    const TaskId owner = kernel.lock(id).owner;
    if (owner == frame.task) return End(kernel, frame, kEDEADLK);
    waiters_.Add(kernel, frame.task, id);
    SetWord(kernel, frame, owner, kWaitersFlag);
    if (owner.valid()) {
      if (waiters_.IsTop(frame.task)) AdjustPrio(kernel, owner);
      frame.r[kWalkTask] = owner.value();
      frame.r[kWalkLock] = waiters_.LockOf(owner).value();
      frame.r[kWalkDepth] = 0;
      if (frame.r[kWalkLock] >= 0) return NextLink(kernel, frame);
    }
    return Spend(L::kL5, costs_.block + lines_.TryCost(id, frame.cpu));
  }

  Next NextLink(Kernel& kernel, Frame& frame) {
    if (frame.r[kWalkDepth] >= max_lock_depth_) return Fail(kernel, frame, kEDEADLK);
    return Spend(L::kWalk, c_pi_step_);
  }

  Next WalkOn(Kernel& kernel, Frame& frame) {
    Walk walk = WalkOf(frame);
    walk.origin = LockOf(frame);
    walk.full = true;
    switch (StepWalk(kernel, frame, walk)) {
      case WalkResult::kMore:
        return NextLink(kernel, frame);
      case WalkResult::kDeadlock:
        return Fail(kernel, frame, kEDEADLK);
      case WalkResult::kDone:
        break;
    }
    return Spend(L::kL5, costs_.block + lines_.TryCost(LockOf(frame), frame.cpu));
  }

  Next TryOrBlock(Kernel& kernel, Frame& frame) {
    if (TryTake(kernel, frame, AcquirePath::kSlow)) return Spend(L::kL8, costs_.acquire_slow);
    if (SignalEndsWait(kernel.task(frame.task), WaitOf(frame))) return Fail(kernel, frame, kEINTR);
    return Next::Run(At(L::kW7), kZeroCycles, RunMode::kKernel);
  }

  // remove_waiter(): off the list, and what the owner inherited from this task goes, along the
  // chain.
  Next Fail(Kernel& kernel, Frame& frame, int64_t error) {
    const LockId id = LockOf(frame);
    const bool was_top = waiters_.IsTop(frame.task);
    kernel.SetBlockedOn(frame.task, LockId());
    waiters_.Remove(kernel, frame.task);
    const TaskId owner = kernel.lock(id).owner;
    if (waiters_.empty(id)) SetWord(kernel, frame, owner, 0);
    frame.r[kError] = error;
    if (was_top && owner.valid()) {
      AdjustPrio(kernel, owner);
      frame.r[kWalkTask] = owner.value();
      frame.r[kWalkLock] = waiters_.LockOf(owner).value();
      frame.r[kWalkDepth] = 0;
      if (frame.r[kWalkLock] >= 0) return Spend(L::kUndo, c_pi_step_);
    }
    return End(kernel, frame, error);
  }

  Next UndoOn(Kernel& kernel, Frame& frame) {
    Walk walk = WalkOf(frame);
    const bool more = StepWalk(kernel, frame, walk) == WalkResult::kMore;
    if (more && frame.r[kWalkDepth] < max_lock_depth_) return Spend(L::kUndo, c_pi_step_);
    return End(kernel, frame, frame.r[kError]);
  }

  Next End(Kernel& kernel, Frame& frame, int64_t result) {
    kernel.Emit(ContentionEnd{
        .lock = LockOf(frame), .pid = frame.task, .ret = static_cast<int32_t>(result)});
    return Next::Return(result);
  }

  // --- unlock ---

  Next UnlockStep(Kernel& kernel, Frame& frame) {
    switch (static_cast<U>(frame.step.value())) {
      case U::kEnter:
        return Next::Run(At(U::kU1), costs_.unlock_fast, RunMode::kKernel);
      case U::kU1:
        if (kernel.lock(LockOf(frame)).owner != frame.task) return Next::Return(kEINVAL);
        if (waiters_.empty(LockOf(frame))) {
          Free(kernel, frame);
          return Next::Return(0);
        }
        return Next::Run(At(U::kU2), costs_.unlock_slow, RunMode::kKernelNoPreempt);
      case U::kU2:
        return UnlockSlow(kernel, frame);
      case U::kU3: {
        // The waiter may have left meanwhile (a signal); whatever it does now is not to be
        // disturbed.
        const TaskId next(static_cast<int32_t>(frame.r[kNextOwner]));
        if (waiters_.LockOf(next) == LockOf(frame)) kernel.Wake(next);
        return Next::Run(At(U::kU4), kZeroCycles, RunMode::kKernelNoPreempt);
      }
      case U::kU4:
        return Next::Return(0);
    }
    return Next::Return(kEINVAL);
  }

  // mark_wakeup_next_waiter(): gives back what it inherited, frees the lock, then wakes; preemption
  // is off in between.
  Next UnlockSlow(Kernel& kernel, Frame& frame) {
    const PiWaiter* top = waiters_.Top(LockOf(frame));
    if (top != nullptr) frame.r[kNextOwner] = top->task.value();
    Free(kernel, frame);
    AdjustPrio(kernel, frame.task);
    if (top == nullptr) return Next::Return(0);
    return Next::Run(At(U::kU3), costs_.unlock_slow_rest, RunMode::kKernelNoPreempt);
  }

  // --- trylock ---

  Next TrylockStep(Kernel& kernel, Frame& frame) {
    if (static_cast<T>(frame.step.value()) == T::kEnter) {
      return Next::Run(At(T::kT1), costs_.trylock + lines_.TryCost(LockOf(frame), frame.cpu),
                       RunMode::kKernel);
    }
    return Next::Return(TryTake(kernel, frame, AcquirePath::kTry) ? 1 : 0);
  }

  // --- what the steps share ---

  Next Spend(L step, Cycles cycles) const { return Next::Run(At(step), cycles, RunMode::kKernel); }

  // try_to_take_rt_mutex(): the top waiter, or who is strictly more important than it.
  bool TryTake(Kernel& kernel, const Frame& frame, AcquirePath path) {
    const LockId id = LockOf(frame);
    lines_.Tried(id, frame.cpu);
    if (kernel.lock(id).owner.valid()) return false;
    const PiWaiter* top = waiters_.Top(id);
    if (top != nullptr && top->task != frame.task) {
      const Urgency own = Urgency::Of(waiters_.EffectiveOf(kernel, frame.task).attr);
      if (!(own < top->urgency)) return false;
    }
    Take(kernel, frame, path);
    return true;
  }

  void Take(Kernel& kernel, const Frame& frame, AcquirePath path) {
    const LockId id = LockOf(frame);
    const PiWaiter* top = waiters_.Top(id);
    const TaskId passed = top != nullptr && top->task != frame.task ? top->task : TaskId();
    if (waiters_.LockOf(frame.task) == id) {
      kernel.SetBlockedOn(frame.task, LockId());
      waiters_.Remove(kernel, frame.task);
    }
    SetWord(kernel, frame, frame.task, waiters_.empty(id) ? uint8_t{0} : kWaitersFlag);
    waiters_.Acquired(id, frame.task);
    if (passed.valid()) {
      kernel.Emit(MutexSteal{.lock = id, .pid = frame.task, .first_waiter = passed});
    }
    EmitAcquire(kernel, id, frame.task, path);
    AdjustPrio(kernel, frame.task);
  }

  void Free(Kernel& kernel, const Frame& frame) {
    const LockId id = LockOf(frame);
    waiters_.Released(id);
    SetWord(kernel, frame, TaskId(), waiters_.empty(id) ? uint8_t{0} : kWaitersFlag);
    EmitRelease(kernel, id, frame.task);
  }

  void SetWord(Kernel& kernel, const Frame& frame, TaskId owner, uint8_t flags) {
    const LockId id = LockOf(frame);
    lines_.Wrote(id, frame.cpu);
    const Lock& word = kernel.lock(id);
    if (word.owner != owner || word.flags != flags) kernel.SetLockOwner(id, owner, flags);
  }

  // Makes the effective attributes what the waiters of the task's locks make them.
  void AdjustPrio(Kernel& kernel, TaskId task) {
    const PiWaiters::Effective now = waiters_.EffectiveOf(kernel, task);
    if (now.attr != kernel.task(task).eff) kernel.SetEffective(task, now.attr, now.lender);
  }

  Walk WalkOf(const Frame& frame) const {
    return {.task = TaskId(static_cast<int32_t>(frame.r[kWalkTask])),
            .lock = LockId(static_cast<int32_t>(frame.r[kWalkLock])),
            .origin = LockId(),
            .initiator = frame.task};
  }
  WalkResult StepWalk(Kernel& kernel, Frame& frame, Walk& walk) {
    const WalkResult result = WalkOne(kernel, walk);
    ++frame.r[kWalkDepth];
    frame.r[kWalkTask] = walk.task.value();
    frame.r[kWalkLock] = walk.lock.value();
    return result;
  }

  // One link of rt_mutex_adjust_prio_chain(): puts walk.task in order among the waiters of its
  // lock, then makes the owner of that lock inherit; the owner is the next link.
  WalkResult WalkOne(Kernel& kernel, Walk& walk) {
    const LockId lock = walk.lock;
    // Time may have passed since the link was found.
    if (waiters_.LockOf(walk.task) != lock) return WalkResult::kDone;
    if (walk.origin.valid() && !kernel.lock(walk.origin).owner.valid()) return WalkResult::kDone;
    const TaskId owner = kernel.lock(lock).owner;
    if (lock == walk.origin || owner == walk.initiator) return WalkResult::kDeadlock;

    const TaskId old_top = waiters_.Top(lock)->task;
    const bool reordered = waiters_.Reorder(kernel, walk.task);
    if (!reordered && !walk.full) return WalkResult::kDone;
    const TaskId new_top = waiters_.Top(lock)->task;
    if (!owner.valid()) {
      // On its way to being taken by the top waiter, who is somebody else now.
      if (new_top != old_top) kernel.Wake(new_top);
      return WalkResult::kDone;
    }
    const bool matters = old_top == walk.task || new_top == walk.task;
    if (reordered && matters) AdjustPrio(kernel, owner);
    if (!walk.full && !matters) return WalkResult::kDone;
    walk.task = owner;
    walk.lock = waiters_.LockOf(owner);
    return walk.lock.valid() ? WalkResult::kMore : WalkResult::kDone;
  }

  LockCosts costs_;
  Cycles c_pi_step_;
  int64_t max_lock_depth_;
  LockLines lines_;
  PiWaiters waiters_;
};

}  // namespace

const PolicyInfo kPiInfo = {
    .name = "pi",
    .seam = Seam::kLockProtocol,
    .summary = "priority inheritance: rt_mutex with chain walk, for every mutex",
    .source = "Linux 7.2 kernel/locking/rtmutex.c",
    .params = kParams,
    .paths = kPaths,
};

absl::StatusOr<std::unique_ptr<LockProtocol>> MakePi(const PolicyParams& params,
                                                     const Limits& limits) {
  return std::make_unique<Pi>(params, limits);
}

}  // namespace rqsim
