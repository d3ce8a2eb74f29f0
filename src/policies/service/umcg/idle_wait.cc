// umcg_wait with its idle loop, and umcg_ctl, of v0.6 and v0.9 (umcg.md 6.1 to 6.4, N2 to N5).
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

namespace rqsim::umcg {

// r[0] flags, r[1] timeout; r[2] next_tid, r[3] a word.
Next Engine::Wait(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0:  // A1
      if (!thread.registered) return Next::Return(kEINVAL);
      return Kernelly(1, costs_.k_get);
    case 1: {  // A2
      const WordResult next = kernel.Load(Word(kernel, frame.task, kNextTid));
      if (next.fault) return Next::Return(kEFAULT);
      frame.r[2] = next.old & kTidMask;
      if ((frame.r[0] & kWakeOnly) != 0) {
        const int64_t rest = frame.r[0] & ~(kWakeOnly | kCurrentCpu);
        if (frame.r[2] == 0 || frame.r[1] >= 0 || rest != 0) return Next::Return(kEINVAL);
        return Kernelly(2, costs_.vpid);
      }
      if (thread.is_worker) return Kernelly(3, costs_.k_get);
      return frame.r[2] != 0 ? Kernelly(6, costs_.vpid) : Kernelly(7, kZeroCycles);
    }
    case 2:  // A3
      return WaitWake(kernel, frame);
    case 3: {  // A4: reads the own word
      const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
      if (own.fault) return Next::Return(kEFAULT);
      frame.r[3] = own.old;
      if (IsLocked(own.old)) return Kernelly(4, costs_.k_cas);
      return frame.r[2] != 0 ? Kernelly(6, costs_.vpid) : Kernelly(7, kZeroCycles);
    }
    case 4: {  // A5
      const WordResult unlocked = ChangeState(kernel, frame.task, frame.r[3],
                                              frame.r[3] & ~layout_.locked, frame.task, true);
      // Also when it only lost a race.
      if (!unlocked.ok) return Next::Return(kEFAULT);
      return frame.r[2] != 0 ? Kernelly(6, costs_.vpid) : Kernelly(7, kZeroCycles);
    }
    case 6:  // A6
      return WaitWake(kernel, frame);
    case 7:  // A7
      return CallPath(8, kIdleLoop, frame.r[1]);
    default:
      return WaitBack(kernel, frame);
  }
}

// A3 and A6: wakes the task that next_tid names.
Next Engine::WaitWake(Kernel& kernel, Frame& frame) {
  const bool wake_only = frame.step == StepId(2);
  const TaskId target = LookUp(kernel, frame.r[2], frame.task);
  // As v0.6 was posted, a switch wakes any task that exists (A6), a wake-up one that is registered.
  const bool must_register = wake_only || knobs_.validate_next;
  const bool refused = !target.valid() || (must_register && !Of(target).registered) ||
                       (knobs_.validate_next && !SameSpace(target, frame.task));
  if (refused) return Next::Return(kESRCH);
  if (wake_only) {
    const bool here = (frame.r[0] & kCurrentCpu) != 0;
    kernel.Wake(target, here ? WakeFlags::kCurrentCpu : WakeFlags::kNone);
    return Next::Return(0);
  }
  WakeOrSwitch(kernel, frame.task, target);
  return Kernelly(7, kZeroCycles);
}

// A7 is over: how it goes on for a worker.
Next Engine::WaitBack(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 8: {  // A8
      frame.r[4] = frame.result;
      if (!thread.is_worker) return Next::Return(frame.r[4]);
      if (frame.r[4] == kETIMEDOUT) {
        const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
        if (own.fault) return Next::Return(kEFAULT);
        frame.r[3] = own.old;
        if (StateOf(own.old) == kIdle) return Kernelly(9, costs_.k_cas);
        frame.r[4] = 0;
      }
      break;
    }
    case 9:  // A8a
      if (!ChangeState(kernel, frame.task, frame.r[3], WithState(frame.r[3], kBlocked), frame.task,
                       true)
               .ok) {
        frame.r[4] = kEAGAIN;
      }
      break;
    default:  // A9
      return Next::Return(frame.r[4]);
  }
  thread.hooks = true;
  if (variant_ == Variant::kV09) {
    thread.resume = true;
    return Next::Return(frame.r[4]);
  }
  return Next::Schedule(StepId(10));
}

// r[0] timeout; r[1]: the one retry of v0.9 for a missing page has been used.
Next Engine::IdleLoop(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const WordId own = Word(kernel, frame.task, kState);
  switch (frame.step.value()) {
    case 0:  // I1: what is pending already waits for its handler (MODEL-151)
      thread.hooks = false;
      thread.in_idle_loop = true;
      if (OrdinaryPending(kernel, frame.task)) {
        thread.handler_due = true;
        kernel.ClearSignals(frame.task, false);
      }
      return Kernelly(1, costs_.k_get);
    case 1: {  // I2
      const WordResult word = kernel.Load(own);
      if (word.fault && !thread.mapping_gone && frame.r[1]++ == 0) {
        return Kernelly(4, variant_ == Variant::kV09 ? costs_.pin : costs_.fault_in);
      }
      int64_t result = 0;
      if (word.fault) {
        result = kEFAULT;
      } else if (!IsAwake(word.old)) {
        if (FatalPending(kernel, frame.task)) {
          result = kEINTR;
        } else if (frame.r[0] >= 0 && kernel.now() >= Time(frame.r[0])) {
          result = kETIMEDOUT;
        } else {
          thread.hands_to = TaskId();
          return Next::Block(StepId(2), TaskState::kInterruptible,
                             frame.r[0] >= 0 ? Time(frame.r[0]) : kNever);
        }
      }
      thread.in_idle_loop = false;
      StaysAwake(kernel, frame.task);
      return Next::Return(result);
    }
    case 2:  // I5
      if (frame.result == kETIMEDOUT) {
        thread.in_idle_loop = false;
        return Next::Return(kETIMEDOUT);
      }
      return Kernelly(3, costs_.k_get);
    case 3: {  // I5a
      const WordResult word = kernel.Load(own);
      int64_t result = 0;
      if (word.fault) {
        result = kEFAULT;
      } else if (!IsAwake(word.old)) {
        if (FatalPending(kernel, frame.task)) {
          result = kEINTR;
        } else {
          if (OrdinaryPending(kernel, frame.task)) {
            if (knobs_.signals_delivered) {
              thread.handler_due = true;
            } else {
              Emit(kernel, kEvDiscard, 0, 0, frame.task.value());
            }
            kernel.ClearSignals(frame.task, false);
          }
          Emit(kernel, kEvSpurious, 0, 0, frame.task.value());
          return Next::Block(StepId(2), TaskState::kInterruptible,
                             frame.r[0] >= 0 ? Time(frame.r[0]) : kNever);
        }
      }
      thread.in_idle_loop = false;
      return Next::Return(result);
    }
    default:  // I_pin
      if (!thread.mapping_gone) kernel.SetWordsPresent(self_, frame.task, true);
      return Kernelly(1, costs_.k_get);
  }
}

// C2, after its checks. As posted nobody is woken; corrected a worker that still has a server makes
// it RUNNING and wakes it (umcg.md 12, wake_on_unregister).
Next Engine::CtlUnregister(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case 0:
      if (knobs_.wake_on_unregister && Of(frame.task).is_worker) return Kernelly(3, costs_.k_get);
      return Kernelly(5, UnpinCost(frame.task));
    case 3:
      frame.r[2] = kernel.Load(Word(kernel, frame.task, kNextTid)).old & kTidMask;
      return Kernelly(5, UnpinCost(frame.task));
    case 5:
      // First it is no worker any more: a RUNNING one and its server exclude each other (I3).
      Unpin(kernel, frame.task);
      Forget(kernel, frame.task, 0);
      if (frame.r[2] == 0) return Next::Return(0);
      return CallPath(4, kMark, frame.r[2], kMayFault);
    default:
      // v0.9 wakes whom it marks; it does not sleep itself, so no CPU is handed over.
      if (frame.result == 0 && variant_ == Variant::kV06) {
        kernel.Wake(Of(frame.task).marked, WakeFlags::kCurrentCpu);
      }
      StaysAwake(kernel, frame.task);
      return Next::Return(0);
  }
}

// r[0] flags, r[1] self: 0 null, 1 given.
Next Engine::Ctl(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  if (frame.step >= StepId(3)) return CtlUnregister(kernel, frame);
  if (frame.step == StepId(0)) {  // C1 … C5
    if (frame.r[0] == kCtlUnregister) {
      if (frame.r[1] != 0 || !thread.registered) return Next::Return(kEINVAL);
      return CtlUnregister(kernel, frame);
    }
    const int64_t rest = frame.r[0] & ~(kCtlRegister | kCtlWorker);
    const bool ok =
        (frame.r[0] & kCtlRegister) != 0 && rest == 0 && !thread.registered && frame.r[1] != 0;
    if (!ok) return Next::Return(kEINVAL);
    return Kernelly(1, costs_.k_get);
  }
  if (frame.step == StepId(2)) return Next::Return(0);
  // C6 … C9
  const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
  if (own.fault) return Next::Return(kEFAULT);
  if (kernel.Load(Word(kernel, frame.task, kNextTid)).old != 0) return Next::Return(kEINVAL);
  const bool is_worker = (frame.r[0] & kCtlWorker) != 0;
  // N2: state, flags, reserved and user bits, not the time.
  if ((own.old & layout_.value()) != (is_worker ? kBlocked : kRunning)) {
    return Next::Return(kEINVAL);
  }
  Enroll(kernel, frame.task, is_worker);
  if (!is_worker) return Next::Return(0);
  if (variant_ == Variant::kV09) {
    thread.resume = true;
    return Next::Return(0);
  }
  return Next::Schedule(StepId(2));
}

}  // namespace rqsim::umcg
