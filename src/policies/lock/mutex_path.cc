// The steps of the kernel mutex.
//
// Idea: step names are those of mutex.md 3.2 and 3.3. Each step's cost is spent before its effect;
// between two steps other CPUs look at the lock. The lock word is the machine's (owner, WAITERS,
// HANDOFF, PICKUP), wait list and spin queue are state of this policy alone.
// Origin: Linux 7.2 kernel/locking/mutex.c (__mutex_lock_common, __mutex_trylock_common,
// mutex_optimistic_spin, mutex_spin_on_owner, __mutex_unlock_slowpath), osq_lock.c, mutex.h.
// What differs: wait_lock is no resource of its own unless that is asked for (MODEL-30); an unlock
// by a task that does not own the lock changes nothing (MODEL-31); from L2 on preemption is off as
// in the kernel, except in the window W7 (MODEL-32). Cost: every step O(1). Tested by
// tests/unit/policies/lock/mutex_test.cc and scenarios/mutex.
#include "lock/mutex_path.h"

#include <string>

namespace rqsim {
namespace {

// Registers of the lock path beside the lock and the kind of wait.
constexpr int kSpinSince = 2;
constexpr int kIsFirst = 3;
// Registers of the unlock path.
constexpr int kHandsOff = 2;   // 0, or 1 + HandoffReason
constexpr int kNextOwner = 3;  // whom to wake
constexpr int kForced = 4;     // the unlocker has a donor
// Of both: the step that has to wait for wait_lock.
constexpr int kThen = 5;

using L = MutexLockStep;
using U = MutexUnlockStep;
using T = MutexTrylockStep;
template <class Enum>
constexpr StepId At(Enum step) {
  return StepId(static_cast<int32_t>(step));
}

LockId LockOf(const Frame& frame) { return LockId(static_cast<int32_t>(frame.r[0])); }
LockWait WaitOf(const Frame& frame) { return static_cast<LockWait>(frame.r[1]); }

}  // namespace

MutexOptions ReadMutexOptions(const PolicyParams& params) {
  MutexOptions options;
  options.spin = params.Flag("spin");
  options.model_wait_lock = params.Flag("model_wait_lock");
  options.costs = ReadLockCosts(params, true);
  const std::string_view handoff = params.Text("handoff");
  if (handoff == "donor") options.handoff = HandoffMode::kDonor;
  if (handoff == "always") options.handoff = HandoffMode::kAlways;
  if (handoff == "never") options.handoff = HandoffMode::kNone;
  options.faults.unlock_preemptible = params.Fault("proxy.unlock_preemptible");
  options.faults.donor_link_stale = params.Fault("proxy.donor_link_stale");
  options.faults.ww_keep_edge = params.Fault("proxy.ww_keep_edge");
  return options;
}

MutexPath::MutexPath(const MutexOptions& options, const Limits& limits)
    : options_(options),
      lines_(options.costs.cacheline_xfer, limits),
      waiters_(static_cast<std::size_t>(limits.num_tasks)),
      wait_lists_(MutexQueue::kWaitList, limits.num_locks),
      osqs_(MutexQueue::kOsq, limits.num_locks),
      wait_locks_(options.model_wait_lock, limits),
      ww_(limits, options.faults.ww_keep_edge) {
  for (std::size_t i = 0; i < waiters_.size(); ++i) {
    waiters_[i].task = TaskId(static_cast<int32_t>(i));
  }
}

Next MutexPath::Step(Kernel& kernel, Frame& frame) {
  if (frame.path == kLockPath) return LockStep(kernel, frame);
  if (frame.path == kUnlockPath) return UnlockStep(kernel, frame);
  if (frame.path == kWwBeginPath) {
    return Next::Return(ww_.Begin(kernel, frame.task, frame.r[0] != 0));
  }
  if (frame.path == kWwEndPath) return Next::Return(ww_.End(kernel, frame.task));
  return TrylockStep(kernel, frame);
}

// --- lock ----------------------------------------------------------------------------------------

Next MutexPath::LockStep(Kernel& kernel, Frame& frame) {
  switch (static_cast<L>(frame.step.value())) {
    case L::kEnter:
      return Next::Run(At(L::kL1),
                       options_.costs.lock_fast + lines_.TryCost(LockOf(frame), frame.cpu),
                       RunMode::kKernel);
    case L::kL1:
      return LockFast(kernel, frame);
    case L::kL2:
      return LockTry(kernel, frame);
    case L::kL3:
      return OsqJoin(kernel, frame);
    case L::kL3Look:
      return OsqLook(kernel, frame);
    case L::kL3Try:
      return OsqTry(kernel, frame);
    case L::kL3Acquired:
      return OsqLeave(kernel, frame, true);
    case L::kL3Stop:
      return OsqLeave(kernel, frame, false);
    case L::kL4Enter:
      return EnterSlow(kernel, frame);
    case L::kL4:
      return SlowJoin(kernel, frame);
    case L::kL5:
      return SlowBlock(kernel, frame);
    case L::kW7:
      // Whoever wakes a waiter takes its edge away first. Woken while it was held here, it does not
      // sleep; it calls schedule() all the same (MODEL-121).
      if (kernel.task(frame.task).blocked_on != LockOf(frame)) {
        return Next::Schedule(At(L::kL6First));
      }
      return Next::Block(At(L::kL6First), SleepStateOf(WaitOf(frame)));
    case L::kL6First:
      // Sampled before wait_lock is taken again, so before the cost of the recheck.
      WaiterOf(frame).phase = MutexPhase::kRecheck;
      frame.r[kIsFirst] = wait_lists_.IsHead(WaiterOf(frame), LockOf(frame)) ? 1 : 0;
      return TakeWaitLock(frame, At(L::kL6));
    case L::kL6:
      return Recheck(kernel, frame);
    case L::kL7Look:
      return WaiterSpinLook(kernel, frame);
    case L::kL7Try:
      return WaiterSpinTry(kernel, frame);
    case L::kL7Stop:
      return WaiterSpinStop(kernel, frame);
    case L::kL8:
      return SlowAcquired(kernel, frame);
    case L::kWaitLock:
      return HasWaitLock(frame);
  }
  return Next::Return(kEINVAL);
}

// Succeeds on an all-zero word only (__mutex_trylock_fast()).
Next MutexPath::LockFast(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const Lock& word = kernel.lock(id);
  lines_.Tried(id, frame.cpu);
  ww_.Enter(kernel, frame.task);
  if (!word.owner.valid() && word.flags == 0) {
    SetWord(kernel, frame, frame.task, 0);
    EmitAcquire(kernel, id, frame.task, AcquirePath::kFast);
    AcquiredFast(kernel, frame);
    return Next::Return(0);
  }
  kernel.Emit(
      ContentionBegin{.lock = id, .pid = frame.task, .flags = kContentionMutex | kContentionSpin});
  return RunOff(At(L::kL2), options_.costs.trylock + lines_.TryCost(id, frame.cpu));
}

Next MutexPath::LockTry(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  if (Try(kernel, frame, AcquirePath::kTry, false)) {
    AcquiredFast(kernel, frame);
    kernel.Emit(ContentionEnd{.lock = id, .pid = frame.task, .ret = 0});
    return Next::Return(0);
  }
  if (!options_.spin) return EnterSlow(kernel, frame);
  // mutex_can_spin_on_owner(). A task that is to be preempted goes before it joins any queue, as
  // one that had to stop spinning does.
  if (NeedResched(kernel, frame)) return Next::Schedule(At(L::kL4Enter));
  const TaskId owner = kernel.lock(id).owner;
  if (owner.valid() && !kernel.task(owner).on_cpu) return EnterSlow(kernel, frame);
  return RunOff(At(L::kL3), options_.costs.osq_enq);
}

Next MutexPath::OsqJoin(Kernel& kernel, Frame& frame) {
  LockWaiter& self = WaiterOf(frame);
  osqs_.Join(kernel, self, LockOf(frame));
  self.phase = MutexPhase::kSpin;
  frame.r[kSpinSince] = kernel.now().cycles();
  return OsqLook(kernel, frame);
}

Next MutexPath::OsqLook(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  if (!osqs_.IsHead(WaiterOf(frame), id)) {
    if (!NeedResched(kernel, frame)) return Spin(kernel, frame, At(L::kL3Look), false);
    EndSpin(kernel, frame);
    return OsqLeave(kernel, frame, false);
  }
  const Cycles transfer = lines_.TryCost(id, frame.cpu);
  if (transfer > kZeroCycles) return RunOff(At(L::kL3Try), transfer);
  return OsqTry(kernel, frame);
}

Next MutexPath::OsqTry(Kernel& kernel, Frame& frame) {
  const bool acquired = Try(kernel, frame, AcquirePath::kOsqSpin, false);
  if (!acquired && !MustStopSpinning(kernel, frame)) {
    return Spin(kernel, frame, At(L::kL3Look), true);
  }
  EndSpin(kernel, frame);
  const bool has_next = osqs_.size(LockOf(frame)) > 1;
  const Cycles pass = has_next ? options_.costs.osq_pass : kZeroCycles;
  if (pass > kZeroCycles) return RunOff(At(acquired ? L::kL3Acquired : L::kL3Stop), pass);
  return OsqLeave(kernel, frame, acquired);
}

Next MutexPath::OsqLeave(Kernel& kernel, Frame& frame, bool acquired) {
  const LockId id = LockOf(frame);
  LockWaiter& self = WaiterOf(frame);
  const bool was_head = osqs_.IsHead(self, id);
  osqs_.Leave(kernel, self);
  self.phase = MutexPhase::kNone;
  if (was_head && !osqs_.empty(id)) kernel.LookAgain(osqs_.Head(id));
  if (acquired) {
    AcquiredFast(kernel, frame);
    kernel.Emit(ContentionEnd{.lock = id, .pid = frame.task, .ret = 0});
    return Next::Return(0);
  }
  if (NeedResched(kernel, frame)) return Next::Schedule(At(L::kL4Enter));
  return EnterSlow(kernel, frame);
}

Next MutexPath::EnterSlow(Kernel&, Frame& frame) { return TakeWaitLock(frame, At(L::kL4)); }

Next MutexPath::SlowJoin(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  if (Try(kernel, frame, AcquirePath::kSlow, false)) {
    ww_.Acquired(kernel, wait_lists_, id, frame.task, true);
    LeaveWaitLock(kernel, frame);
    kernel.Emit(ContentionEnd{.lock = id, .pid = frame.task, .ret = 0});
    return Next::Return(0);
  }
  const bool is_first = wait_lists_.empty(id);
  if (ww_.Join(kernel, wait_lists_, WaiterOf(frame), id) != 0) {
    LeaveWaitLock(kernel, frame);
    kernel.Emit(
        ContentionEnd{.lock = id, .pid = frame.task, .ret = static_cast<int32_t>(kEDEADLK)});
    return Next::Return(kEDEADLK);
  }
  if (is_first) {
    const Lock& word = kernel.lock(id);
    SetWord(kernel, frame, word.owner, static_cast<uint8_t>(word.flags | kWaitersFlag));
  }
  return RunUnderWaitLock(At(L::kL5), options_.costs.block + lines_.TryCost(id, frame.cpu));
}

// L5, and what L6 and L7 fall back to: blocked_on, one more try, signals, sleep.
Next MutexPath::SlowBlock(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const bool spun =
      frame.step == At(L::kL7Stop) || frame.step == At(L::kL7Look) || frame.step == At(L::kL7Try);
  kernel.SetBlockedOn(frame.task, id);
  if (frame.step == At(L::kL5) || spun) {
    kernel.Emit(ContentionBegin{.lock = id, .pid = frame.task, .flags = kContentionMutex});
  }
  WaiterOf(frame).phase = MutexPhase::kWait;
  if (Try(kernel, frame, AcquirePath::kSlow, false)) {
    return RunUnderWaitLock(At(L::kL8), options_.costs.acquire_slow);
  }
  if (SignalEndsWait(kernel.task(frame.task), WaitOf(frame))) return GiveUp(kernel, frame, kEINTR);
  if (ww_.MustGiveUp(wait_lists_, WaiterOf(frame), id)) return GiveUp(kernel, frame, kEDEADLK);
  LeaveWaitLock(kernel, frame);
  return Next::Run(At(L::kW7), kZeroCycles, RunMode::kKernel);
}

Next MutexPath::GiveUp(Kernel& kernel, Frame& frame, int64_t error) {
  kernel.SetBlockedOn(frame.task, LockId());
  LeaveWaitList(kernel, frame);
  LeaveWaitLock(kernel, frame);
  kernel.Emit(
      ContentionEnd{.lock = LockOf(frame), .pid = frame.task, .ret = static_cast<int32_t>(error)});
  return Next::Return(error);
}

Next MutexPath::Recheck(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const bool is_first = frame.r[kIsFirst] != 0;
  kernel.SetBlockedOn(frame.task, id);
  if (Try(kernel, frame, AcquirePath::kSlow, is_first)) {
    return RunUnderWaitLock(At(L::kL8), options_.costs.acquire_slow);
  }
  if (!is_first || !options_.spin) return SlowBlock(kernel, frame);
  kernel.SetBlockedOn(frame.task, LockId());
  LeaveWaitLock(kernel, frame);
  kernel.Emit(
      ContentionBegin{.lock = id, .pid = frame.task, .flags = kContentionMutex | kContentionSpin});
  WaiterOf(frame).phase = MutexPhase::kWaiterSpin;
  frame.r[kSpinSince] = kernel.now().cycles();
  frame.step = At(L::kL7Look);
  return WaiterSpinLook(kernel, frame);
}

Next MutexPath::WaiterSpinLook(Kernel& kernel, Frame& frame) {
  const Cycles transfer = lines_.TryCost(LockOf(frame), frame.cpu);
  if (transfer > kZeroCycles) return RunOff(At(L::kL7Try), transfer);
  return WaiterSpinTry(kernel, frame);
}

Next MutexPath::WaiterSpinTry(Kernel& kernel, Frame& frame) {
  if (Try(kernel, frame, AcquirePath::kWaiterSpin, false)) {
    EndSpin(kernel, frame);
    return TakeWaitLock(frame, At(L::kL8));
  }
  if (!MustStopSpinning(kernel, frame)) return Spin(kernel, frame, At(L::kL7Look), true);
  EndSpin(kernel, frame);
  if (NeedResched(kernel, frame)) return Next::Schedule(At(L::kL7Stop));
  return WaiterSpinStop(kernel, frame);
}

// Back to the sleep of L5.
Next MutexPath::WaiterSpinStop(Kernel& kernel, Frame& frame) {
  if (wait_locks_.is_modelled() && !wait_locks_.IsHeldBy(frame.task, LockOf(frame))) {
    return TakeWaitLock(frame, At(L::kL7Stop));
  }
  return SlowBlock(kernel, frame);
}

Next MutexPath::SlowAcquired(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  kernel.SetBlockedOn(frame.task, LockId());
  // One that took the lock past an older one may be told to give up (wound-wait).
  ww_.Acquired(kernel, wait_lists_, id, frame.task, !wait_lists_.IsHead(WaiterOf(frame), id));
  LeaveWaitList(kernel, frame);
  LeaveWaitLock(kernel, frame);
  kernel.Emit(ContentionEnd{.lock = id, .pid = frame.task, .ret = 0});
  return Next::Return(0);
}

void MutexPath::AcquiredFast(Kernel& kernel, const Frame& frame) {
  if (!ww_.IsOpen(frame.task)) return;
  const LockId id = LockOf(frame);
  ww_.Acquired(kernel, wait_lists_, id, frame.task, (kernel.lock(id).flags & kWaitersFlag) != 0);
  if (!osqs_.empty(id)) kernel.LookAgain(osqs_.Head(id));
}

// --- unlock --------------------------------------------------------------------------------------

Next MutexPath::UnlockStep(Kernel& kernel, Frame& frame) {
  switch (static_cast<U>(frame.step.value())) {
    case U::kEnter:
      return Next::Run(At(U::kU1), options_.costs.unlock_fast, RunMode::kKernel);
    case U::kU1:
      return UnlockFast(kernel, frame);
    case U::kU2:
      frame.r[kForced] = kernel.task(frame.task).blocked_donor.valid() ? 1 : 0;
      return Next::Run(
          At(U::kW6), kZeroCycles,
          options_.faults.unlock_preemptible ? RunMode::kKernel : RunMode::kKernelNoPreempt);
    case U::kW6:
      return UnlockSlow(kernel, frame);
    case U::kU3:
      return UnlockHandOver(kernel, frame);
    case U::kU4:
      return UnlockWake(kernel, frame);
    case U::kU5:
      return Next::Return(0);
    case U::kWaitLock:
      return HasWaitLock(frame);
  }
  return Next::Return(kEINVAL);
}

Next MutexPath::UnlockFast(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const Lock& word = kernel.lock(id);
  if (word.owner != frame.task || (word.flags & kPickupFlag) != 0) return Next::Return(kEINVAL);
  ww_.Released(kernel, id);
  if (word.flags != 0) return RunOff(At(U::kU2), options_.costs.unlock_slow);
  SetWord(kernel, frame, TaskId(), 0);
  EmitRelease(kernel, id, frame.task);
  return Next::Return(0);
}

// Decides between handing the lock off and freeing it; freed, it can be stolen from here on.
Next MutexPath::UnlockSlow(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const Lock& word = kernel.lock(id);
  const bool forced = options_.handoff == HandoffMode::kDonor && frame.r[kForced] != 0;
  frame.r[kHandsOff] = 0;
  if (forced) {
    frame.r[kHandsOff] = 1 + static_cast<int64_t>(HandoffReason::kDonor);
  } else if ((word.flags & kHandoffFlag) != 0) {
    frame.r[kHandsOff] = 1 + static_cast<int64_t>(HandoffReason::kFlag);
  } else if (options_.handoff == HandoffMode::kAlways && (word.flags & kWaitersFlag) != 0) {
    frame.r[kHandsOff] = 1 + static_cast<int64_t>(HandoffReason::kAlways);
  } else {
    const bool has_waiters = (word.flags & kWaitersFlag) != 0;
    SetWord(kernel, frame, TaskId(), word.flags);
    EmitRelease(kernel, id, frame.task);
    if (!has_waiters) return Next::Return(0);
  }
  return TakeWaitLock(frame, At(U::kU3));
}

Next MutexPath::UnlockHandOver(Kernel& kernel, Frame& frame) {
  const LockId id = LockOf(frame);
  const Lock& word = kernel.lock(id);
  TaskId next = wait_lists_.Head(id);
  const TaskId donor = kernel.task(frame.task).blocked_donor;
  if (options_.handoff == HandoffMode::kDonor && donor.valid() &&
      (options_.faults.donor_link_stale || kernel.task(donor).blocked_on == id)) {
    next = donor;
    kernel.SetBlockedDonor(frame.task, TaskId());
  }
  if (next.valid()) kernel.SetBlockedOn(next, LockId());
  if (frame.r[kHandsOff] != 0) {
    const auto kept = static_cast<uint8_t>(word.flags & kWaitersFlag);
    SetWord(kernel, frame, next, next.valid() ? static_cast<uint8_t>(kept | kPickupFlag) : kept);
    EmitRelease(kernel, id, frame.task);
    if (next.valid()) {
      kernel.Emit(MutexHandoff{.lock = id,
                               .pid = frame.task,
                               .to = next,
                               .reason = static_cast<HandoffReason>(frame.r[kHandsOff] - 1)});
    }
  }
  frame.r[kNextOwner] = next.value();
  LeaveWaitLock(kernel, frame);
  return RunOff(At(U::kU4), kZeroCycles);
}

// Outside the internal lock, preemption still off.
Next MutexPath::UnlockWake(Kernel& kernel, Frame& frame) {
  const TaskId next(static_cast<int32_t>(frame.r[kNextOwner]));
  if (next.valid()) {
    WakesWaiter(kernel, next);
    kernel.Wake(next);
  }
  return RunOff(At(U::kU5), kZeroCycles);
}

// --- trylock -------------------------------------------------------------------------------------

Next MutexPath::TrylockStep(Kernel& kernel, Frame& frame) {
  if (frame.step == At(T::kEnter)) {
    return Next::Run(At(T::kT1), options_.costs.trylock + lines_.TryCost(LockOf(frame), frame.cpu),
                     RunMode::kKernel);
  }
  ww_.Enter(kernel, frame.task);
  if (!Try(kernel, frame, AcquirePath::kTry, false)) return Next::Return(0);
  AcquiredFast(kernel, frame);
  return Next::Return(1);
}

// --- what the steps share ------------------------------------------------------------------------

bool MutexPath::Try(Kernel& kernel, const Frame& frame, AcquirePath path, bool ask_handoff) {
  const LockId id = LockOf(frame);
  const Lock& word = kernel.lock(id);
  lines_.Tried(id, frame.cpu);
  if (!word.owner.valid()) {
    const TaskId first = wait_lists_.Head(id);
    SetWord(kernel, frame, frame.task, word.flags);
    if (first.valid() && first != frame.task) {
      kernel.Emit(MutexSteal{.lock = id, .pid = frame.task, .first_waiter = first});
    }
    EmitAcquire(kernel, id, frame.task, path);
    return true;
  }
  if (word.owner == frame.task && (word.flags & kPickupFlag) != 0) {
    SetWord(kernel, frame, frame.task, static_cast<uint8_t>(word.flags & ~kPickupFlag));
    EmitAcquire(kernel, id, frame.task, path);
    return true;
  }
  if (ask_handoff && options_.handoff != HandoffMode::kNone &&
      (word.flags & (kPickupFlag | kHandoffFlag)) == 0) {
    SetWord(kernel, frame, word.owner, static_cast<uint8_t>(word.flags | kHandoffFlag));
  }
  return false;
}

void MutexPath::SetWord(Kernel& kernel, const Frame& frame, TaskId owner, uint8_t flags) {
  const LockId id = LockOf(frame);
  lines_.Wrote(id, frame.cpu);
  kernel.SetLockOwner(id, owner, flags);
}

void MutexPath::LeaveWaitList(Kernel& kernel, const Frame& frame) {
  const LockId id = LockOf(frame);
  LockWaiter& self = WaiterOf(frame);
  wait_lists_.Leave(kernel, self);
  self.phase = MutexPhase::kNone;
  const Lock& word = kernel.lock(id);
  if (wait_lists_.empty(id) && word.flags != 0) SetWord(kernel, frame, word.owner, 0);
}

// --- wait_lock, as far as it is modelled ---------------------------------------------------------

Next MutexPath::TakeWaitLock(Frame& frame, StepId step) {
  if (!wait_locks_.is_modelled()) return RunOff(step, CostUnderWaitLock(frame, step));
  frame.r[kThen] = step.value();
  if (wait_locks_.Take(LockOf(frame), frame.task)) return HasWaitLock(frame);
  return SpinForWaitLock(frame);
}

Next MutexPath::HasWaitLock(const Frame& frame) {
  if (!wait_locks_.IsHeldBy(frame.task, LockOf(frame))) return SpinForWaitLock(frame);
  const StepId step(static_cast<int32_t>(frame.r[kThen]));
  return RunUnderWaitLock(step, CostUnderWaitLock(frame, step));
}

// Interrupts are off, and whose turn it is is told (raw_spin_lock_irqsave()).
Next MutexPath::SpinForWaitLock(const Frame& frame) const {
  const StepId step = frame.path == kLockPath ? At(L::kWaitLock) : At(U::kWaitLock);
  Watch watch;
  watch.need_resched = false;
  Next next = Next::Spin(step, watch, kZeroCycles, Time());
  next.mode = RunMode::kIrqsOff;
  return next;
}

Cycles MutexPath::CostUnderWaitLock(const Frame& frame, StepId step) const {
  const LockCosts& costs = options_.costs;
  if (frame.path == kUnlockPath) return costs.unlock_slow_rest;
  if (step == At(L::kL4)) return costs.slow_enter + lines_.TryCost(LockOf(frame), frame.cpu);
  if (step == At(L::kL6)) return costs.recheck + lines_.TryCost(LockOf(frame), frame.cpu);
  return step == At(L::kL8) ? costs.acquire_slow : kZeroCycles;
}

void MutexPath::LeaveWaitLock(Kernel& kernel, const Frame& frame) {
  wait_locks_.Leave(kernel, LockOf(frame), frame.task);
}

Next MutexPath::Spin(const Kernel& kernel, const Frame& frame, StepId step, bool is_head) const {
  Watch watch;
  if (is_head) {
    watch.lock = LockOf(frame);
    watch.task = kernel.lock(watch.lock).owner;
  }
  return Next::Spin(step, watch, options_.costs.spin_poll, Time(frame.r[kSpinSince]));
}

void MutexPath::EndSpin(Kernel& kernel, const Frame& frame) {
  const Cycles spun = kernel.now() - Time(frame.r[kSpinSince]);
  if (spun == kZeroCycles) return;
  kernel.Emit(MutexSpin{.cycles = spun, .lock = LockOf(frame), .pid = frame.task});
}

// mutex_spin_on_owner(), after a try that failed: there is an owner.
bool MutexPath::MustStopSpinning(const Kernel& kernel, const Frame& frame) const {
  const TaskId owner = kernel.lock(LockOf(frame)).owner;
  return !kernel.task(owner).on_cpu || NeedResched(kernel, frame) ||
         !ww_.MaySpin(kernel, wait_lists_, waiters_[frame.task.index()], LockOf(frame));
}

void MutexPath::Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const {
  if (task.valid()) {
    const LockWaiter& waiter = waiters_[task.index()];
    writer.Field("mutex_phase", static_cast<int64_t>(waiter.phase));
    writer.Field("queued_on", waiter.lock.value());
    if (wait_locks_.is_modelled()) {
      writer.Field("wait_lock_before", wait_locks_.behind(task).value());
    }
    if (!waiter.lock.valid()) return;
    const bool spins = waiter.phase == MutexPhase::kSpin;
    writer.Field("queue_position", (spins ? osqs_ : wait_lists_).PositionOf(waiter));
    return;
  }
  for (int i = 0; i < kernel.num_locks(); ++i) {
    const LockId id(i);
    const std::string prefix = "lock" + std::to_string(i) + ".";
    writer.Field(prefix + "waiters", wait_lists_.size(id));
    writer.Field(prefix + "spinners", osqs_.size(id));
    if (wait_locks_.is_modelled()) {
      writer.Field(prefix + "wait_lock", wait_locks_.holder(id).value());
    }
  }
}

}  // namespace rqsim
