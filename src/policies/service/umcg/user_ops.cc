// User code of workers and basic tasks: the operations umcg_* of task programs (umcg.md 6.13, 7,
// 19). What a call gave comes back as the result of the operation.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

namespace rqsim::umcg {
namespace {

// Steps O1 … of an operation: user code before the call, the call, user code after it.
enum : int { kBegin, kFirst, kSecond, kThird, kEnter, kCalled, kBack, kEnd };
constexpr int kMayName = 5;  // of a swap: whether the other worker sleeps for it

}  // namespace

// Hands its CPU back to its server: own word first, then the server's. Whether the server runs it
// again is the operation's `requeue` (MODEL-150).
Next Engine::YieldTo(Kernel& kernel, Frame& frame, TaskId server) {
  Thread& thread = Of(frame.task);
  const int64_t own = LoadState(kernel, frame.task);
  switch (frame.step.value()) {
    case kBegin:
      if (thread.is_worker) Announce(kernel, Handoff::kYield, frame.task, server);
      return Userly(kFirst, costs_.u_cas);
    case kFirst:
      // Said in user code: before its first cycle the worker may have had to park.
      thread.requeue = (frame.path == PathId(kOpYield) ? frame.r[0] : frame.r[1]) == 1;
      thread.waits_swap = thread.is_worker && !thread.requeue &&
                          (frame.path == PathId(kOpYield) || frame.r[0] == 0);
      // A request to preempt it is satisfied by the yield (umcg.md 7).
      ChangeState(
          kernel, frame.task, own,
          WithState(own & ~layout_.preempted, kIdle) | (thread.is_worker ? layout_.locked : 0),
          frame.task, false);
      if (!server.valid()) {
        if (!thread.raw_next) kernel.Store(Word(kernel, frame.task, kNextTid), 0);
        thread.raw_next = false;
        return Next::Run(StepId(kEnter), kernel.facts().c_syscall, RunMode::kKernel);
      }
      return Userly(kSecond, costs_.u_cas);
    case kSecond: {
      const int64_t word = LoadState(kernel, server);
      if (StateOf(word) == kIdle) {
        ChangeState(kernel, server, word, WithState(word, kRunning), frame.task, false);
      }
      if (kernel.Load(Word(kernel, frame.task, kNextTid)).old == 0) {
        kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(server));
      }
      return Next::Run(StepId(kEnter), costs_.u_store + kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kEnter: {
      Enters(kernel, frame.task, Call::kWait);
      return CallPath(kCalled, kWait, 0, TimeoutOf(frame));
    }
    case kCalled:
      return BackToUser(frame, kBack);
    case kBack:
      Exits(kernel, frame);
      // A timeout leaves the word of a server IDLE; so does an error any word.
      if (!thread.is_worker && StateOf(own) == kIdle) return Userly(kEnd, costs_.u_cas);
      return Next::Return(frame.r[kResult]);
    default:
      ChangeState(kernel, frame.task, own, WithState(own, kRunning), frame.task, false);
      return Next::Return(frame.r[kResult]);
  }
}

Next Engine::Yield(Kernel& kernel, Frame& frame) {
  if (variant_ == Variant::kPz) return PzYield(kernel, frame);
  return YieldTo(kernel, frame, Of(frame.task).attached);
}

Next Engine::WaitOp(Kernel& kernel, Frame& frame) {
  if (variant_ == Variant::kPz) return PzYield(kernel, frame);
  return YieldTo(kernel, frame, Of(frame.task).is_worker ? Of(frame.task).attached : TaskId());
}

// Whom a worker may name (MODEL-210): one that user space knows to sleep. Who is still on its way
// to sleep, on the kernel's list, or run by somebody else is left alone.
bool Engine::MayBeSwappedTo(const Kernel& kernel, TaskId worker) const {
  const int64_t word = LoadState(kernel, worker);
  const int64_t asleep = variant_ == Variant::kEv ? kRunnable : kIdle;
  if (UserOf(worker) == nullptr || UserOf(worker)->group < 0) return false;
  if (StateOf(word) != asleep || IsLocked(word)) return false;
  return Of(worker).waits_swap || IsQueued(worker);
}

// The words of the two tasks, then one call. A worker hands its server on to the other worker.
// r[0] task, r[1] whether the worker stands on its queue again meanwhile.
Next Engine::Swap(Kernel& kernel, Frame& frame) {
  if (variant_ == Variant::kPz) return PzYield(kernel, frame);
  Thread& thread = Of(frame.task);
  const TaskId other(static_cast<int32_t>(frame.r[0]));
  if (!other.valid()) return Next::Return(kESRCH);
  const int64_t own = LoadState(kernel, frame.task);
  const int64_t word = LoadState(kernel, other);
  switch (frame.step.value()) {
    case kBegin:
      // What it finds when it looks decides; that it may come too late is another matter.
      frame.r[kMayName] = !thread.is_worker || MayBeSwappedTo(kernel, other) ? 1 : 0;
      if (frame.r[kMayName] != 0) Announce(kernel, Handoff::kSwap, frame.task, other);
      return Userly(kFirst, costs_.u_cas);
    case kFirst:
      if (!thread.is_worker) {
        ChangeState(kernel, frame.task, own, WithState(own, kIdle), frame.task, false);
        return Userly(kThird, costs_.u_cas);
      }
      if (frame.r[kMayName] == 0 || !MayBeSwappedTo(kernel, other)) return Next::Return(kEAGAIN);
      LeaveQueue(kernel, other, frame.task);
      ChangeState(kernel, other, word,
                  WithState(word & ~layout_.preempted, kRunning) | layout_.locked, frame.task,
                  false);
      return Userly(kSecond, costs_.u_cas);
    case kSecond: {
      ChangeState(kernel, frame.task, own,
                  WithState(own & ~layout_.preempted, kIdle) | layout_.locked, frame.task, false);
      const TaskId server = thread.attached;
      if (server.valid()) {
        kernel.Store(Word(kernel, other, kNextTid), TidOf(server));
        Of(server).attached = other;
      }
      thread.waits_swap = frame.r[1] == 0;
      if (frame.r[1] != 0) {
        QueueWorker(kernel, server.valid() ? server : frame.task, frame.task, true);
      }
      return Userly(kThird, costs_.u_store + costs_.u_cas);
    }
    case kThird:
      if (thread.is_worker) {
        ChangeState(kernel, other, word, word & ~layout_.locked, frame.task, false);
      } else if (StateOf(word) == kIdle) {
        ChangeState(kernel, other, word, WithState(word, kRunning), frame.task, false);
      }
      kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(other));
      return Next::Run(StepId(kEnter), kernel.facts().c_syscall, RunMode::kKernel);
    case kEnter:
      Enters(kernel, frame.task, Call::kWait);
      return CallPath(kCalled, kWait, 0, -1);
    case kCalled:
      return BackToUser(frame, kBack);
    default:
      return EndOp(kernel, frame);
  }
}

// r[0] task, r[1] current_cpu, r[2] what its word becomes: 0 RUNNING, 1 nothing.
Next Engine::Wake(Kernel& kernel, Frame& frame) {
  const TaskId target(static_cast<int32_t>(frame.r[0]));
  if (!target.valid()) return Next::Return(kESRCH);
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case kBegin:
      return frame.r[2] == 0 ? Userly(kFirst, costs_.u_cas) : Userly(kSecond, kZeroCycles);
    case kFirst: {
      const int64_t word = LoadState(kernel, target);
      Of(target).waits_swap = false;
      // One under pz that has announced a wait and not begun it has COND_WAIT in its word, which
      // goes with the state (MODEL-321).
      if (StateOf(word) == kIdle) {
        ChangeState(kernel, target, word, WithState(word & ~layout_.cond_wait, kRunning),
                    frame.task, false);
      }
      return Userly(kSecond, kZeroCycles);
    }
    case kSecond: {
      // A worker keeps its server's tid: it is RUNNING, and its server is found by it.
      const WordId next = Word(kernel, frame.task, kNextTid);
      frame.r[3] = kernel.Load(next).old;
      kernel.Store(next, TidOf(target));
      return Next::Run(StepId(kEnter), costs_.u_store + kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kEnter: {
      Enters(kernel, frame.task, Call::kWait);
      // There is no wake-only call: the word has been changed, a plain wake-up is what is left.
      if (variant_ == Variant::kPz) {
        return Next::Run(StepId(kThird), costs_.vpid, RunMode::kKernel);
      }
      return CallPath(kCalled, kWait, kWakeOnly | (frame.r[1] != 0 ? kCurrentCpu : 0), -1);
    }
    case kThird: {
      const TaskId found = LookUp(kernel, TidOf(target), frame.task);
      const bool related = found.valid() && Of(found).registered && SameSpace(found, frame.task);
      frame.r[kResult] = !thread.registered ? kEINVAL : related ? 0 : kESRCH;
      if (frame.r[kResult] == 0) kernel.Wake(target);
      return Next::ToUser(StepId(kBack));
    }
    case kCalled:
      return BackToUser(frame, kBack);
    default:
      kernel.Store(Word(kernel, frame.task, kNextTid), frame.r[3]);
      return EndOp(kernel, frame);
  }
}

// r[0] task. Anybody in the process may ask.
Next Engine::Preempt(Kernel& kernel, Frame& frame) {
  const TaskId worker(static_cast<int32_t>(frame.r[0]));
  if (!worker.valid()) return Next::Return(kESRCH);
  switch (frame.step.value()) {
    case kBegin:
      Emit(kernel, kEvPreempt, 1, 0, worker.value(), frame.task.value());
      return Userly(kFirst, costs_.u_cas);
    case kFirst: {
      const int64_t word = LoadState(kernel, worker);
      const bool runs = (word & layout_.value() & ~layout_.user) == kRunning;
      Emit(kernel, kEvPreempt, runs ? 0 : kEAGAIN, 0, worker.value(), frame.task.value());
      if (!runs) return Next::Return(kEAGAIN);
      ChangeState(kernel, worker, word, word | layout_.preempted, frame.task, false);
      const Cycles send = variant_ == Variant::kPz ? costs_.vpid : costs_.sig_send;
      return Next::Run(StepId(kSecond), kernel.facts().c_syscall + send, RunMode::kKernel);
    }
    case kSecond:
      if (variant_ == Variant::kPz) {
        if (kernel.task(worker).on_cpu) kernel.Resched(kernel.task(worker).cpu, ReschedKind::kFull);
      } else {
        kernel.Signal(worker, SignalKind::kOrdinary);
      }
      return Next::ToUser(StepId(kThird));
    default:
      return Next::Return(0);
  }
}

// The flag LOCKED, user bits (of any task of the process), raw next_tid.
Next Engine::Bits(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(kBegin)) {
    return Userly(kFirst, frame.path == PathId(kOpSetNext) ? costs_.u_store : costs_.u_cas);
  }
  const bool bits = frame.path == PathId(kOpBits) || frame.path == PathId(kOpClearBits);
  const TaskId whose =
      bits && frame.r[1] != 0 ? TaskId(static_cast<int32_t>(frame.r[1])) : frame.task;
  if (!whose.valid() || !SameSpace(whose, frame.task)) return Next::Return(kEFAULT);
  const int64_t own = LoadState(kernel, whose);
  int64_t wanted = own;
  switch (static_cast<Path>(frame.path.value())) {
    case kOpLock:  // into scheduling code: IDLE|LOCKED
      wanted = WithState(own, kIdle) | layout_.locked;
      break;
    case kOpUnlock:
      wanted = WithState(own & ~layout_.locked, kRunning);
      break;
    case kOpBits:
      wanted = own | ((frame.r[0] << layout_.user_shift) & layout_.user);
      break;
    case kOpClearBits:
      wanted = own & ~((frame.r[0] << layout_.user_shift) & layout_.user);
      break;
    default:
      kernel.Store(Word(kernel, frame.task, kNextTid), frame.r[0]);
      Of(frame.task).raw_next = true;
      return Next::Return(0);
  }
  ChangeState(kernel, whose, own, wanted, frame.task, false);
  return Next::Return(0);
}

// One atomic change of a word of user memory, by anybody of the process (MODEL-211).
Next Engine::Poke(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(kBegin)) return Userly(kFirst, costs_.u_cas);
  const TaskId whose(static_cast<int32_t>(frame.r[0]));
  if (!whose.valid() || !SameSpace(whose, frame.task)) return Next::Return(kEFAULT);
  const auto field = static_cast<Field>(frame.r[1]);
  const WordId word = Word(kernel, whose, field);
  const int64_t old = kernel.Load(word).old;
  const int64_t wanted = (old & ~frame.r[2]) | frame.r[3];
  if (field == kState) {
    ChangeState(kernel, whose, old, wanted, frame.task, false);
  } else {
    kernel.Store(word, wanted);
  }
  return Next::Return(0);
}

Next Engine::Register(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kBegin:
      return Next::Run(StepId(kEnter), kernel.facts().c_syscall, RunMode::kKernel);
    case kEnter:
      Enters(kernel, frame.task, Call::kCtl);
      return CallPath(kCalled, variant_ == Variant::kPz ? kPzCtl : kCtl, kCtlRegister | kCtlWorker,
                      1);
    case kCalled:
      return BackToUser(frame, kBack);
    default:
      return EndOp(kernel, frame);
  }
}

// As the contract asks: lock, make the server RUNNING, wake it, unregister (6.13). Under pz the
// kernel wakes it.
Next Engine::Unregister(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  if (!thread.registered && frame.step == StepId(kBegin)) return Next::Return(kEINVAL);
  // MODEL-159
  if (thread.parked_pz && frame.step == StepId(kBegin)) return CallPath(kBegin, kPzExit);
  const TaskId server = thread.attached;
  const bool by_hand = variant_ != Variant::kPz && thread.is_worker && server.valid();
  switch (frame.step.value()) {
    case kBegin:
      if (!by_hand) return Next::Run(StepId(kCalled), kernel.facts().c_syscall, RunMode::kKernel);
      Announce(kernel, Handoff::kYield, frame.task, server);
      return Userly(kFirst, costs_.u_cas);
    case kFirst: {
      const int64_t own = LoadState(kernel, frame.task);
      ChangeState(kernel, frame.task, own,
                  WithState(own & ~layout_.preempted, kIdle) | layout_.locked, frame.task, false);
      return Userly(kSecond, costs_.u_store + costs_.u_cas);
    }
    case kSecond: {
      const int64_t word = LoadState(kernel, server);
      if (StateOf(word) == kIdle) {
        ChangeState(kernel, server, word, WithState(word, kRunning), frame.task, false);
      }
      kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(server));
      return Next::Run(StepId(kThird), kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kThird:
      Enters(kernel, frame.task, Call::kWait);
      return CallPath(kEnter, kWait, kWakeOnly, -1);
    case kEnter:
      return Next::ToUser(StepId(kEnd));
    case kEnd:
      kernel.Store(Word(kernel, frame.task, kNextTid), 0);
      return Next::Run(StepId(kCalled), kernel.facts().c_syscall, RunMode::kKernel);
    case kCalled: {
      Enters(kernel, frame.task, Call::kCtl);
      const int64_t worker = thread.is_worker ? kCtlWorker : 0;
      if (variant_ == Variant::kPz) {
        return CallPath(kBack, kPzCtl, kCtlUnregister | worker, 1);
      }
      return CallPath(kBack, kCtl, kCtlUnregister, 0);
    }
    default:
      if (frame.step == StepId(kBack)) {
        return BackToUser(frame, kEnd + 1);
      }
      return EndOp(kernel, frame);
  }
}

// One raw umcg_ctl, for what a contract forbids. r[0] flags, r[1] self (2: unreadable), r[2] the
// word and r[3] next_tid before it, -1: as they are.
Next Engine::RawCtl(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kBegin:
      if (frame.r[2] >= 0) kernel.Store(Word(kernel, frame.task, kState), frame.r[2]);
      if (frame.r[3] >= 0) kernel.Store(Word(kernel, frame.task, kNextTid), frame.r[3]);
      if (frame.r[1] == 2) kernel.SetWordsPresent(self_, frame.task, false);
      return Next::Run(StepId(kEnter), kernel.facts().c_syscall, RunMode::kKernel);
    case kEnter:
      Enters(kernel, frame.task, Call::kCtl);
      return CallPath(kCalled, variant_ == Variant::kPz ? kPzCtl : kCtl, frame.r[0],
                      frame.r[1] != 0 ? 1 : 0);
    case kCalled:
      frame.r[kResult] = frame.result;
      if (frame.r[1] == 2) kernel.SetWordsPresent(self_, frame.task, true);
      return Next::ToUser(StepId(kBack));
    default:
      return EndOp(kernel, frame);
  }
}

// Yield, wait and swap of pz: announce it, then one call, which queues the worker by itself.
Next Engine::PzYield(Kernel& kernel, Frame& frame) {
  const int64_t own = LoadState(kernel, frame.task);
  const bool swaps = frame.path == PathId(kOpSwap);
  const TaskId other = swaps ? TaskId(static_cast<int32_t>(frame.r[0])) : TaskId();
  if (swaps && !other.valid()) return Next::Return(kESRCH);
  const bool swaps_worker = swaps && Of(frame.task).is_worker;
  bool& raw_next = Of(frame.task).raw_next;
  switch (frame.step.value()) {
    case kBegin:
      frame.r[kMayName] = !swaps_worker || MayBeSwappedTo(kernel, other) ? 1 : 0;
      if (frame.r[kMayName] != 0) {
        Announce(kernel, swaps ? Handoff::kSwap : Handoff::kYield, frame.task,
                 swaps ? other : Of(frame.task).attached);
      }
      return Userly(kFirst, costs_.u_cas);
    case kFirst:
      if (swaps_worker) {
        if (frame.r[kMayName] == 0 || !MayBeSwappedTo(kernel, other)) return Next::Return(kEAGAIN);
        LeaveQueue(kernel, other, frame.task);
      }
      ChangeState(kernel, frame.task, own, (own & layout_.user) | kIdle | layout_.cond_wait,
                  frame.task, false);
      if (swaps || !raw_next) {
        kernel.Store(Word(kernel, frame.task, kNextTid), swaps ? TidOf(other) : 0);
      }
      raw_next = false;
      return Next::Run(StepId(kEnter), costs_.u_store + kernel.facts().c_syscall, RunMode::kKernel);
    case kEnter: {
      Enters(kernel, frame.task, Call::kWait);
      return CallPath(kCalled, kPzWait, 0, TimeoutOf(frame));
    }
    case kCalled:
      return BackToUser(frame, kBack);
    case kBack:
      Exits(kernel, frame);
      // It has not been run: it is where it was.
      if (swaps_worker && frame.r[kResult] != 0 && StateOf(LoadState(kernel, other)) == kIdle &&
          !IsQueued(other)) {
        QueueWorker(kernel, frame.task, other, true);
      }
      if (StateOf(own) == kIdle) return Userly(kEnd, costs_.u_cas);
      return Next::Return(frame.r[kResult]);
    default:
      ChangeState(kernel, frame.task, own, (own & layout_.user) | kRunning, frame.task, false);
      return Next::Return(frame.r[kResult]);
  }
}

}  // namespace rqsim::umcg
