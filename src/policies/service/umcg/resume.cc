// The way of a worker back to user mode (umcg.md 6.5), the two lists (6.6), marking a server
// RUNNING (6.7), of v0.6 and v0.9, and the handler of a signal.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

namespace rqsim::umcg {
namespace {

// Steps of the resume path.
enum : int {
  kTop,
  kRead,
  kFaultIn,
  kB4,
  kB4Marked,
  kB6,
  kPushed,
  kTaken,
  kWakeServer,
  kSlept,
  kPinLookUp,
  kPinFaultIn,
  kPinned,
  kLeave,
  kDying
};

// Registers: the word that was read, the tid of the chosen server, what is left to do after B6.
constexpr int kWordRead = 0;
constexpr int kChosen = 1;
constexpr int kMarkAfter = 2;
constexpr int kPinTask = 2;  // whom the look-up of the pin has found; nothing is left to do then
constexpr int kPinTid = 3;
constexpr int kSpinSince = 4;  // + 1
constexpr int kAfterFault = 5;

// Steps of Push and Take in which a missing page comes in.
constexpr int kPushFaultIn = 5;
constexpr int kTakeFaultIn = 3;

}  // namespace

// A worker that was parked before the run: it wakes in the idle loop of 6.5.
Next Engine::Parked(Kernel& kernel, Frame& frame) {
  const bool is_ev = variant_ == Variant::kEv;
  if (frame.step == StepId(0)) return CallPath(is_ev ? 2 : 1, is_ev ? kEvParked : kIdleLoop, -1);
  if (variant_ != Variant::kPz && frame.step == StepId(1)) return CallPath(2, kResume);
  if (variant_ == Variant::kPz) StartSlice(kernel, frame.task);
  return Next::Return(0);
}

Next Engine::ResumeDie(Kernel& kernel, Frame& frame, Reason reason) {
  Die(kernel, frame.task, reason);
  Of(frame.task).resume = false;
  return Next::Return(0);
}

Next Engine::Resume(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case kTop:
      thread.hooks = false;
      if (OrdinaryPending(kernel, frame.task)) thread.signal_seen = true;
      if (FatalPending(kernel, frame.task)) return Kernelly(kDying, UnpinCost(frame.task));
      return Kernelly(kRead, costs_.k_get);
    case kRead: {
      const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
      return own.fault ? ResumeFault(kernel, frame) : ResumeOn(kernel, frame, own.old);
    }
    case kFaultIn:
      kernel.SetWordsPresent(self_, frame.task, true);
      return Kernelly(static_cast<int>(frame.r[kAfterFault]),
                      frame.r[kAfterFault] == kB6 ? costs_.k_cas : costs_.k_get);
    case kSlept:
      if (frame.result == kEFAULT) return ResumeDie(kernel, frame, Reason::kWait);
      frame.r[kChosen] = frame.r[kMarkAfter] = 0;
      return Kernelly(kTop, kZeroCycles);
    case kPinLookUp:
    case kPinFaultIn:
    case kPinned:
    case kLeave:
      return ResumeLeave(kernel, frame);
    case kDying:
      Unpin(kernel, frame.task);
      return Next::Return(0);
    default:
      return ResumeQueue(kernel, frame);
  }
}

// Its own page is missing. It comes back, and the step that needed it is done again (MODEL-290).
Next Engine::ResumeFault(Kernel& kernel, Frame& frame) {
  if (Of(frame.task).mapping_gone) return ResumeDie(kernel, frame, Reason::kEfault);
  frame.r[kAfterFault] = frame.step.value();
  return Kernelly(kFaultIn, costs_.fault_in);
}

// B1 … B5', by the word that was read.
Next Engine::ResumeOn(Kernel& kernel, Frame& frame, int64_t word) {
  frame.r[kWordRead] = word;
  const bool spins = StateOf(word) == kRunning && IsLocked(word);
  if (frame.r[kSpinSince] != 0 && !spins) {
    Emit(kernel, kEvSpin, 1, kernel.now().cycles() + 1 - frame.r[kSpinSince], frame.task.value());
    frame.r[kSpinSince] = 0;
  }
  const bool strict = variant_ == Variant::kV09;
  if (StateOf(word) == kRunning && IsLocked(word)) {
    if (strict) return CallPath(kSlept, kIdleLoop, -1);
    // B1: goes round in the kernel until user space unlocks it.
    Watch watch;
    watch.word = Word(kernel, frame.task, kState);
    if (frame.r[kSpinSince] == 0) frame.r[kSpinSince] = kernel.now().cycles() + 1;
    return Next::Spin(StepId(kTop), watch, costs_.spin_poll, kernel.now(), true);
  }
  if (StateOf(word) == kRunning) return Kernelly(kB4, costs_.k_get);
  if (StateOf(word) == kIdle) {
    if (IsLocked(word)) return Kernelly(kLeave, UnpinCost(frame.task));
    if (strict) return ResumeDie(kernel, frame, Reason::kNotRunning);
    return CallPath(kSlept, kIdleLoop, -1);
  }
  if (strict && StateOf(word) != kBlocked) return ResumeDie(kernel, frame, Reason::kNotRunning);
  return Kernelly(kB6, costs_.k_cas);
}

// B2 … B4 with next_tid, B6.
Next Engine::ResumeQueue(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kB4: {
      const WordResult next = kernel.Load(Word(kernel, frame.task, kNextTid));
      if (next.fault) return ResumeFault(kernel, frame);
      const int64_t server = next.old & kTidMask;
      if (!IsPreempted(frame.r[kWordRead]) && !Of(frame.task).tick_preempts) {
        if (server != 0) {  // B2
          frame.r[kPinTid] = server;
          return Kernelly(kPinLookUp, costs_.vpid);
        }
        if (variant_ == Variant::kV09) return ResumeDie(kernel, frame, Reason::kNoNext);
        return Kernelly(kB6, costs_.k_cas);  // B3
      }
      if (server == 0) return ResumeDie(kernel, frame, Reason::kNoNext);
      if (frame.r[kMarkAfter] == 0) {
        Announce(kernel, Handoff::kPreempt, frame.task, ByTid(server));
      }
      frame.r[kChosen] = server;
      if (variant_ == Variant::kV09 || Of(frame.task).tick_preempts) {
        // The own word and the list come first; the server may be awake already.
        frame.r[kMarkAfter] = 1;
        return Kernelly(kB6, costs_.k_cas);
      }
      return CallPath(kB4Marked, kMark, server, kMayFault);
    }
    case kB4Marked:
      if (frame.result != 0) {
        return ResumeDie(kernel, frame,
                         frame.result == kESRCH ? Reason::kNoSuchServer : Reason::kServerNotIdle);
      }
      return Kernelly(kB6, costs_.k_cas);
    case kB6: {
      const int64_t state = knobs_.mistakes.wrong_change ? kRunning : kIdle;
      const WordResult set = ChangeState(kernel, frame.task, frame.r[kWordRead],
                                         WithState(frame.r[kWordRead], state), frame.task, true);
      if (set.fault) return ResumeFault(kernel, frame);
      if (!set.ok) {
        // A RUNNING word is user space's to change; the tick looks at it again.
        if (Of(frame.task).tick_preempts) return Kernelly(kRead, costs_.k_get);
        return ResumeDie(kernel, frame, Reason::kWordChanged);
      }
      Of(frame.task).preempt_sent = Of(frame.task).tick_preempts = false;
      return CallPath(kPushed, kPush);
    }
    case kPushed:
      if (frame.result != 0) return ResumeDie(kernel, frame, Reason::kEnqueue);
      if (frame.r[kMarkAfter] != 0) {
        frame.r[kMarkAfter] = 0;
        return CallPath(kTaken, kMark, frame.r[kChosen], kMayFault);
      }
      if (frame.r[kChosen] != 0) return Kernelly(kWakeServer, costs_.vpid);
      return CallPath(kTaken, kTake);
    case kTaken:
      if (frame.r[kChosen] != 0) {  // B4 with the server last; marking wakes it under v0.9
        if (frame.result != 0 && frame.result != kEAGAIN) {
          return ResumeDie(kernel, frame, Reason::kNoSuchServer);
        }
        const bool is_marked = variant_ == Variant::kV06 && frame.result == 0;
        if (is_marked) return Kernelly(kWakeServer, costs_.vpid);
        return CallPath(kSlept, kIdleLoop, -1);
      }
      if (frame.result < 0) return ResumeDie(kernel, frame, Reason::kIdleServer);
      frame.r[kChosen] = frame.result;
      if (frame.r[kChosen] == 0 || variant_ == Variant::kV09) {
        return CallPath(kSlept, kIdleLoop, -1);
      }
      return Kernelly(kWakeServer, costs_.vpid);
    default: {  // kWakeServer
      const TaskId server = LookUp(kernel, frame.r[kChosen], frame.task);
      if (server.valid()) WakeOrSwitch(kernel, frame.task, server);
      return CallPath(kSlept, kIdleLoop, -1);
    }
  }
}

// The loop is left: with a server, pages are pinned (6.8).
Next Engine::ResumeLeave(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case kPinLookUp:
    case kPinFaultIn: {
      if (frame.step == StepId(kPinLookUp)) {
        const TaskId found = LookUp(kernel, frame.r[kPinTid], frame.task);
        if (!found.valid() || !Of(found).registered || !SameSpace(found, frame.task)) {
          return ResumeDie(kernel, frame, Reason::kPin);
        }
        frame.r[kPinTask] = found.value();
        if (kernel.Load(Word(kernel, found, kState)).fault) {
          if (Of(found).mapping_gone) return ResumeDie(kernel, frame, Reason::kPin);
          return Kernelly(kPinFaultIn, costs_.fault_in);
        }
      } else {
        kernel.SetWordsPresent(self_, TaskId(static_cast<int32_t>(frame.r[kPinTask])), true);
      }
      const int pages = thread.pinned_self ? 1 : 2;
      thread.pinned_server = false;
      if (pages == 1) --pinned_;
      return Kernelly(kPinned, Cycles(costs_.pin.count() * pages));
    }
    case kPinned:
      Pin(kernel, frame.task, true, true);
      thread.attached = TaskId(static_cast<int32_t>(frame.r[kPinTask]));
      break;
    default:  // without a server (B5)
      Unpin(kernel, frame.task);
      break;
  }
  thread.hooks = true;
  thread.resume = false;
  StartSlice(kernel, frame.task);
  return Next::Return(0);
}

// r[0] tid, r[1] whether it may fault. As v0.6 was posted the address space is read after the
// look-up's critical section. A missing page ends the attempt where faults are forbidden; elsewhere
// v0.6 brings it in and tries again, v0.9 begins a second attempt, which cannot be one critical
// section and so looks the server up once more to wake it (N8).
Next Engine::Mark(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, costs_.vpid);
    case 1:    // M2
    case 4: {  // M5: the second attempt of v0.9
      const TaskId server = LookUp(kernel, frame.r[0], frame.task);
      if (!server.valid() || !Of(server).registered) return Next::Return(kESRCH);
      if (knobs_.lookup_atomic && !FitsServer(server, frame.task)) return Next::Return(kESRCH);
      frame.r[2] = server.value();  // its tid may be another's before the path is over
      if (frame.step == StepId(4)) return Kernelly(5, costs_.fault_in);
      return Kernelly(2, kZeroCycles);
    }
    case 2: {
      const TaskId server(static_cast<int32_t>(frame.r[2]));
      if (!Of(server).registered || kernel.task(server).state == TaskState::kDead) {
        if (!knobs_.lookup_atomic) {
          Emit(kernel, kEvGone, frame.r[0], 0, frame.task.value(), server.value());
        }
        return Next::Return(kESRCH);
      }
      if (!FitsServer(server, frame.task)) return Next::Return(kESRCH);
      return Kernelly(3, costs_.k_cas);
    }
    case 3:    // M4
    case 6: {  // M7
      const TaskId server(static_cast<int32_t>(frame.r[2]));
      const bool second = frame.step == StepId(6);
      if (kernel.Load(Word(kernel, server, kState)).fault) {
        if (frame.r[1] != kMayFault || second || Of(server).mapping_gone) {
          return Next::Return(kEFAULT);
        }
        return variant_ == Variant::kV09 ? Kernelly(4, costs_.vpid) : Kernelly(5, costs_.fault_in);
      }
      if (!MarkWord(kernel, server, frame.task)) return Next::Return(kEAGAIN);
      Of(frame.task).marked = server;
      if (variant_ != Variant::kV09) return Next::Return(0);
      if (second) return Kernelly(7, costs_.vpid);
      WakeOrSwitch(kernel, frame.task, server);
      return Next::Return(0);
    }
    case 5:  // M6
      kernel.SetWordsPresent(self_, TaskId(static_cast<int32_t>(frame.r[2])), true);
      return Kernelly(variant_ == Variant::kV09 ? 6 : 3, costs_.k_cas);
    default: {  // M8: umcg_ttwu() of v0.9 refuses who is not of its kind
      const TaskId server = LookUp(kernel, frame.r[0], frame.task);
      if (!server.valid() || !Of(server).registered || !SameSpace(server, frame.task)) {
        return Next::Return(kESRCH);
      }
      WakeOrSwitch(kernel, frame.task, server);
      return Next::Return(0);
    }
  }
}

// The exchange itself. False: the server is not IDLE. Its page is there.
bool Engine::MarkWord(Kernel& kernel, TaskId server, TaskId by) {
  const int64_t own = LoadState(kernel, server);
  const bool state_only = knobs_.userbits_in_server || variant_ == Variant::kV09;
  const bool fits = state_only ? StateOf(own) == kIdle : (own & layout_.value()) == kIdle;
  if (!fits) return false;
  ChangeState(kernel, server, own, state_only ? WithState(own, kRunning) : kRunning, by, true);
  return true;
}

// A page that `frame` needs is missing; brought in, step `again` of it costs `cost` once more. The
// owner of the page goes into r[3], what comes then into r[4] and r[5].
Next Engine::FaultIn(Frame& frame, TaskId owner, int again, Cycles cost) {
  if (!owner.valid() || Of(owner).mapping_gone) return Next::Return(kEFAULT);
  frame.r[3] = owner.value();
  frame.r[4] = again;
  frame.r[5] = cost.count();
  return Kernelly(frame.path == PathId(kPush) ? kPushFaultIn : kTakeFaultIn, costs_.fault_in);
}
Next Engine::FaultedIn(Kernel& kernel, const Frame& frame) {
  kernel.SetWordsPresent(self_, TaskId(static_cast<int32_t>(frame.r[3])), true);
  return Next::Run(StepId(static_cast<int32_t>(frame.r[4])), Cycles(frame.r[5]), RunMode::kKernel);
}

// The list is a stack. As posted its head names the worker before the worker's link is there.
Next Engine::Push(Kernel& kernel, Frame& frame) {
  const WordId own = Word(kernel, frame.task, kWorkersPtr);
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, costs_.k_get);
    case 1: {
      const WordResult head = kernel.Load(own);
      if (head.fault) return FaultIn(frame, frame.task, 1, costs_.k_get);
      if (!WordAt(kernel, head.old, frame.task).valid()) return Next::Return(kEFAULT);
      frame.r[0] = head.old;
      if (knobs_.list_push_atomic) return Next::Run(StepId(3), costs_.k_cas, RunMode::kKernel);
      return Next::Run(StepId(2), costs_.k_put, RunMode::kKernel);
    }
    case 2:
      if (kernel.Store(own, kPending).fault) return FaultIn(frame, frame.task, 2, costs_.k_put);
      return Next::Run(StepId(3), costs_.k_cas, RunMode::kKernel);
    case 3: {
      const WordId head = WordAt(kernel, frame.r[0], frame.task);
      const WordResult old = kernel.Exchange(head, AddressOf(own));
      if (old.fault) return FaultIn(frame, OwnerOf(kernel, head), 3, costs_.k_cas);
      frame.r[1] = old.old;
      Emit(kernel, kEvPush, frame.r[0], 0, frame.task.value());
      if (knobs_.list_push_atomic) {
        kernel.Store(own, old.old);
        return Next::Return(0);
      }
      return Next::Run(StepId(4), costs_.push_window + costs_.k_put, RunMode::kKernel);
    }
    case kPushFaultIn:
      return FaultedIn(kernel, frame);
    default:
      if (kernel.Store(own, frame.r[1]).fault) return FaultIn(frame, frame.task, 4, costs_.k_put);
      return Next::Return(0);
  }
}

// The idle-server take: the tid of a server that has been made RUNNING, 0, or an errno.
Next Engine::Take(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, costs_.k_get + costs_.k_cas);
    case 1: {
      const WordResult pointer = kernel.Load(Word(kernel, frame.task, kServerPtr));
      if (pointer.fault) return FaultIn(frame, frame.task, 1, costs_.k_get + costs_.k_cas);
      const WordId word = WordAt(kernel, pointer.old, frame.task);
      if (!word.valid()) return Next::Return(kEFAULT);
      const WordResult tid = kernel.Exchange(word, 0);
      if (tid.fault) return FaultIn(frame, OwnerOf(kernel, word), 1, costs_.k_cas);
      frame.r[0] = tid.old & kTidMask;
      Emit(kernel, kEvTakeServer, frame.r[0], 0, frame.task.value(), ByTid(frame.r[0]).value());
      if (frame.r[0] == 0) return Next::Return(0);
      return CallPath(2, kMark, frame.r[0], kMayFault);
    }
    case kTakeFaultIn:
      return FaultedIn(kernel, frame);
    default:
      // A tid that could not be marked is dropped, and stays dropped.
      if (frame.result == 0) return Next::Return(frame.r[0]);
      if (variant_ == Variant::kV09 && frame.result != kEAGAIN) return Next::Return(kESRCH);
      return Next::Return(0);
  }
}

// A handler: its frame, itself, its return. Coming from an exception, the way out is paid here; the
// machine pays for that of a system call.
Next Engine::Deliver(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, costs_.sig_dlv);
    case 1:
      kernel.ClearSignals(frame.task, true);
      thread.handler_due = thread.signal_seen = false;
      if (kernel.task(frame.task).in_syscall) return Next::Return(0);
      return Kernelly(2, kernel.facts().c_sysret);
    default:
      return Next::Return(0);
  }
}

}  // namespace rqsim::umcg
