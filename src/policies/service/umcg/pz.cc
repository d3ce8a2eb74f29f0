// The kernel's half of umcg-pz (umcg.md 10): pins at every kernel entry, a list in each server, and
// words that the kernel moves from one state to the next.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"

namespace rqsim::umcg {
namespace {

// Steps of the block.
enum : int { kZBegin, kZPin, kZState, kZList, kZNext, kZWake, kZEnd };

}  // namespace

// A page that this step needs is missing: it comes in, and the step is done again. Pins and the way
// back to user mode may sleep. r[5] is the task whose page has just come in.
std::optional<Next> Engine::PzPage(Kernel& kernel, Frame& frame, bool also_server) {
  if (frame.r[5] != 0) {
    kernel.SetWordsPresent(self_, TaskId(static_cast<int32_t>(frame.r[5])), true);
    frame.r[5] = 0;
  }
  const auto missing = [&](TaskId task) {
    return task.valid() && !Of(task).mapping_gone && kernel.Load(Word(kernel, task, kState)).fault;
  };
  TaskId owner = frame.task;
  if (!missing(owner)) {
    const WordResult tid = kernel.Load(Word(kernel, frame.task, kServerTid));
    owner = also_server && !tid.fault ? ByTid(tid.old & kTidMask) : TaskId();
    if (!missing(owner) || !Of(owner).registered || !FitsServer(owner, frame.task)) return {};
  }
  frame.r[5] = owner.value();
  return Kernelly(frame.step.value(), costs_.fault_in);
}

// Own page, the server that server_tid names, its page; the cost has been spent. 0 or an errno.
int64_t Engine::PzPin(Kernel& kernel, TaskId task) {
  const WordResult tid = kernel.Load(Word(kernel, task, kServerTid));
  if (tid.fault) return kEFAULT;
  const TaskId server = LookUp(kernel, tid.old & kTidMask, task);
  if (!server.valid() || !Of(server).registered || !FitsServer(server, task)) return kESRCH;
  if (kernel.Load(Word(kernel, server, kState)).fault) return kEFAULT;
  Pin(kernel, task, true, true);
  Of(task).server = server;
  return 0;
}

// Keeps user bits, clears PREEMPT and COND_WAIT, writes the time of the new state. False: -EAGAIN.
bool Engine::PzUpdate(Kernel& kernel, TaskId task, int64_t from, int64_t to, TaskId by) {
  const WordResult word = kernel.Load(Word(kernel, task, kState));
  if (word.fault || StateOf(word.old) != from) return false;
  if (from == kBlocked && knobs_.mistakes.wrong_change) to = kRunning;
  ChangeState(kernel, task, word.old, (word.old & layout_.user) | to, by, true);
  const Field stamp = to == kBlocked ? kBlockedTs : kRunnableTs;
  const bool stamps = to == kBlocked || (to == kIdle && !knobs_.mistakes.same_time);
  if (stamps) kernel.Store(Word(kernel, task, stamp), kernel.now().cycles());
  if (from == kBlocked) {
    Emit(kernel, kEvStamp, kernel.Load(Word(kernel, task, kBlockedTs)).old,
         kernel.Load(Word(kernel, task, kRunnableTs)).old, task.value());
  }
  return true;
}

// False: it was awake already, which is fine.
bool Engine::PzWakeServer(Kernel& kernel, TaskId task) {
  const TaskId server = Of(task).server;
  if (!server.valid() || !PzUpdate(kernel, server, kIdle, kRunning, task)) return false;
  WakeOrSwitch(kernel, task, server);
  return true;
}

// Onto a list of its server. A compare-exchange loop; its tries are free of cost (umcg.md 10).
void Engine::PzPush(Kernel& kernel, TaskId task, Field head_field, Field link_field) {
  const WordId head = Word(kernel, Of(task).server, head_field);
  const WordId link = Word(kernel, task, link_field);
  kernel.Store(link, kernel.Load(head).old);
  kernel.Store(head, AddressOf(link));
  Emit(kernel, head_field == kHead ? kEvPush : kEvBlockedPush, AddressOf(head), 0, task.value());
}

// MODEL-159: who has waited for a mutex and has had no user code since comes out of that wait
// first.
Next Engine::PzEntry(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(0) && Of(frame.task).parked_pz) return CallPath(2, kPzExit);
  if (frame.step == StepId(2) && FatalPending(kernel, frame.task)) return Next::Return(0);
  if (frame.step != StepId(1)) return Kernelly(1, Cycles(2 * costs_.pin.count()) + costs_.vpid);
  if (const auto page = PzPage(kernel, frame, true)) return *page;
  if (PzPin(kernel, frame.task) != 0) {
    Die(kernel, frame.task, Reason::kPin);
  } else {
    Of(frame.task).hooks = true;
  }
  return Next::Return(0);
}

// Kernel exit, and what is checked at every return to user mode.
Next Engine::PzExit(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0:  // X1
      if (thread.pinned_self) return Kernelly(1, Cycles(2 * costs_.unpin.count()));
      if (thread.parked_pz) return CallPath(2, kPzPark, kBlocked);
      return Kernelly(3, costs_.k_get);
    case 1:
      Unpin(kernel, frame.task);
      return Kernelly(3, kZeroCycles);
    case 2:
      thread.parked_pz = false;
      return frame.result < 0 ? Next::Return(0) : Kernelly(3, kZeroCycles);
    case 3: {
      if (const auto page = PzPage(kernel, frame, false)) return *page;
      const WordResult word = kernel.Load(Word(kernel, frame.task, kState));
      if (word.fault) {
        Die(kernel, frame.task, Reason::kEfault);
        return Next::Return(0);
      }
      const int64_t flags = word.old & layout_.flags();
      if (StateOf(word.old) == kRunning && (IsPreempted(word.old) || thread.tick_preempts)) {
        Announce(kernel, Handoff::kPreempt, frame.task, thread.attached);
        return CallPath(4, kPzPark, kRunning);
      }
      const bool goes = (StateOf(word.old) == kRunning && flags == 0) ||
                        (StateOf(word.old) == kIdle && flags == layout_.cond_wait);
      thread.tick_preempts = false;
      if (goes) return Next::Return(0);
      return CallPath(4, kIdleLoop, -1);
    }
    default: {
      if (frame.step == StepId(4)) StartSlice(kernel, frame.task);
      // MODEL-212: neither may it go, nor does its wait last.
      const int64_t word = LoadState(kernel, frame.task);
      const bool turns = StateOf(word) == kRunning && (word & layout_.flags()) == layout_.cond_wait;
      if (!turns || FatalPending(kernel, frame.task)) return Next::Return(0);
      Watch watch;
      watch.word = Word(kernel, frame.task, kState);
      return Next::Spin(StepId(5), watch, costs_.spin_poll, kernel.now(), true);
    }
  }
}

// What parking and umcg_wait end with, from step `first` on: onto the server's list, wake it,
// unpin, sleep.
Next Engine::PzGiveUp(Kernel& kernel, const Frame& frame, int first, int64_t timeout) {
  switch (frame.step.value() - first) {
    case 0:
      PzPush(kernel, frame.task, kHead, kWorkersPtr);
      return Kernelly(first + 1, costs_.k_cas);
    case 1:
      PzWakeServer(kernel, frame.task);
      return Kernelly(first + 2, Cycles(2 * costs_.unpin.count()));
    default:
      Unpin(kernel, frame.task);
      return CallPath(first + 3, kIdleLoop, timeout);
  }
}

// unblock-and-wait, from the state r[0].
Next Engine::PzPark(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, Cycles(2 * costs_.pin.count()) + costs_.vpid);
    case 1:
      if (const auto page = PzPage(kernel, frame, true)) return *page;
      if (PzPin(kernel, frame.task) != 0) {
        Die(kernel, frame.task, Reason::kPin);
        return Next::Return(kESRCH);
      }
      return Kernelly(2, costs_.k_cas);
    case 2:
      if (!PzUpdate(kernel, frame.task, frame.r[0], kIdle, frame.task)) {
        Die(kernel, frame.task, Reason::kWordChanged);
        return Next::Return(kEAGAIN);
      }
      thread.preempt_sent = thread.tick_preempts = false;
      return Kernelly(3, costs_.k_cas);
    case 3:
    case 4:
    case 5:
      return PzGiveUp(kernel, frame, 3, -1);
    default:
      StartSlice(kernel, frame.task);
      return Next::Return(frame.result);
  }
}

Next Engine::PzBlock(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const Next done = Kernelly(kZEnd, Cycles(2 * costs_.unpin.count()));
  switch (frame.step.value()) {
    case kZBegin:
      // MODEL-159: the operations on mutexes are no system calls, so nothing is pinned yet.
      if (!thread.pinned_self && kernel.task(frame.task).blocked_on.valid() &&
          StateOf(LoadState(kernel, frame.task)) == kRunning) {
        return Kernelly(kZPin, Cycles(2 * costs_.pin.count()) + costs_.vpid);
      }
      if (!thread.pinned_self) {
        Emit(kernel, kEvIgnored, static_cast<int64_t>(Reason::kNoServer), 0, frame.task.value());
        return Next::Return(0);
      }
      Announce(kernel, Handoff::kBlock, frame.task, thread.server);
      return Kernelly(kZState, costs_.k_cas);
    case kZPin:
      if (const auto page = PzPage(kernel, frame, true)) return *page;
      if (PzPin(kernel, frame.task) != 0) {
        Die(kernel, frame.task, Reason::kPin);
        return done;
      }
      Announce(kernel, Handoff::kBlock, frame.task, thread.server);
      return Kernelly(kZState, costs_.k_cas);
    case kZState: {
      // A task that announced a wait may block before it.
      const bool blocked = PzUpdate(kernel, frame.task, kRunning, kBlocked, frame.task) ||
                           PzUpdate(kernel, frame.task, kIdle, kBlocked, frame.task);
      if (!blocked) {
        Die(kernel, frame.task, Reason::kWordChanged);
        return done;
      }
      thread.parked_pz = true;
      if (knobs_.blocked_list == BlockedList::kMulti) return Kernelly(kZList, costs_.k_cas);
      if (knobs_.blocked_list == BlockedList::kSingle) {
        return Kernelly(kZNext, costs_.k_get + costs_.vpid);
      }
      return Kernelly(kZWake, costs_.k_cas);
    }
    case kZList:
    case kZNext:
      return PzBlockList(kernel, frame);
    case kZWake:
      PzWakeServer(kernel, frame.task);
      return done;
    default:
      thread.hands_to = TaskId();  // it sleeps
      Unpin(kernel, frame.task);
      return Next::Return(0);
  }
}

// Onto the list of blocked workers, or a look whether the server runs this worker and no other one
// ("sched: UMCG: add a blocked worker list", 13 and 27 January 2022; MODEL-292).
Next Engine::PzBlockList(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(kZList)) {
    PzPush(kernel, frame.task, kIdleServer, kServerPtr);
    return Kernelly(kZWake, costs_.k_cas);
  }
  const WordResult next = kernel.Load(Word(kernel, Of(frame.task).server, kNextTid));
  if (!next.fault && LookUp(kernel, next.old & kTidMask, frame.task) == frame.task) {
    return Kernelly(kZWake, costs_.k_cas);
  }
  Die(kernel, frame.task, Reason::kEnqueue);
  return Kernelly(kZEnd, Cycles(2 * costs_.unpin.count()));
}

// Every error puts the own word back to RUNNING.
Next Engine::PzWaitFail(Kernel&, Frame& frame, int64_t error) {
  frame.r[4] = error;
  return Kernelly(10, costs_.k_cas);
}

// r[0] flags, r[1] timeout; r[2] next_tid, r[3] the task it names.
Next Engine::PzWait(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0:
      if (!thread.registered || frame.r[0] != 0) return Next::Return(kEINVAL);
      if (thread.is_worker && frame.r[1] >= 0) {
        thread.hooks = false;  // as posted: until its next kernel entry
        return Next::Return(kERANGE);
      }
      return Kernelly(1, Cycles(2 * costs_.pin.count()) + costs_.vpid);
    case 1:
      if (const auto page = PzPage(kernel, frame, true)) return *page;
      if (const int64_t error = PzPin(kernel, frame.task); error != 0) {
        return PzWaitFail(kernel, frame, error);
      }
      return Kernelly(2, costs_.k_cas);
    case 2: {
      if (!PzUpdate(kernel, frame.task, kIdle, kIdle, frame.task)) {
        return PzWaitFail(kernel, frame, kEAGAIN);
      }
      frame.r[2] = kernel.Load(Word(kernel, frame.task, kNextTid)).old;
      if (frame.r[2] == 0) return Kernelly(5, kZeroCycles);
      return Kernelly(3, costs_.vpid);
    }
    case 3: {
      const TaskId next = LookUp(kernel, frame.r[2] & kTidMask, frame.task);
      if (!next.valid() || !Of(next).registered || !SameSpace(next, frame.task)) {
        return PzWaitFail(kernel, frame, kESRCH);
      }
      frame.r[3] = next.value();
      if ((frame.r[2] & kTidRunning) != 0) {
        if (StateOf(LoadState(kernel, next)) != kRunning) {
          return PzWaitFail(kernel, frame, kEAGAIN);
        }
        return Kernelly(5, kZeroCycles);
      }
      return Kernelly(4, costs_.k_cas);
    }
    case 4: {
      const TaskId next(static_cast<int32_t>(frame.r[3]));
      if (!PzUpdate(kernel, next, kIdle, kRunning, frame.task)) {
        return PzWaitFail(kernel, frame, kEAGAIN);
      }
      kernel.Store(Word(kernel, frame.task, kNextTid), frame.r[2] | kTidRunning);
      Of(next).attached = thread.is_worker ? thread.attached : frame.task;
      // A worker wakes its server after that, which may get the CPU directly.
      if (thread.is_worker) {
        kernel.Wake(next, WakeFlags::kCurrentCpu);
      } else {
        WakeOrSwitch(kernel, frame.task, next);
      }
      return Kernelly(5, costs_.k_put);
    }
    case 5:
      if (thread.is_worker) return Kernelly(6, costs_.k_cas);
      return Kernelly(8, Cycles(2 * costs_.unpin.count()));
    case 6:
    case 7:
    case 8:
      return PzGiveUp(kernel, frame, 6, frame.r[1]);
    case 9:
      thread.hooks = thread.is_worker;
      if (frame.result == 0) {
        StartSlice(kernel, frame.task);
        return Next::Return(0);
      }
      return PzWaitFail(kernel, frame, frame.result);
    default:
      PzUpdate(kernel, frame.task, kIdle, kRunning, frame.task);
      Unpin(kernel, frame.task);
      return Next::Return(frame.r[4]);
  }
}

// r[0] flags, r[1] self.
Next Engine::PzCtl(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  if (frame.step == StepId(0)) {
    if ((frame.r[0] & kCtlUnregister) != 0) {
      frame.r[0] &= ~kCtlUnregister;
      return CallPath(2, kPzUnregister, frame.r[0], frame.r[1]);
    }
    const bool ok = (frame.r[0] & ~(kCtlRegister | kCtlWorker)) == 0 &&
                    (frame.r[0] & kCtlRegister) != 0 && !thread.registered && frame.r[1] != 0;
    if (!ok) return Next::Return(kEINVAL);
    return Kernelly(1, costs_.k_get);
  }
  if (frame.step == StepId(2)) return Next::Return(frame.result);
  const bool is_worker = (frame.r[0] & kCtlWorker) != 0;
  const WordResult own = kernel.Load(Word(kernel, frame.task, kState));
  if (own.fault) return Next::Return(kEFAULT);
  if (kernel.Load(Word(kernel, frame.task, kNextTid)).old != 0) return Next::Return(kEINVAL);
  const int64_t tid = kernel.Load(Word(kernel, frame.task, kServerTid)).old & kTidMask;
  const TaskId server = ByTid(tid);
  const bool names_server = is_worker ? server.valid() && SameSpace(server, frame.task) &&
                                            Of(server).registered && !Of(server).is_worker
                                      : server == frame.task;
  if (!names_server) return Next::Return(kESRCH);
  if ((own.old & (layout_.state | layout_.flags())) != (is_worker ? kBlocked : kRunning)) {
    return Next::Return(kEINVAL);
  }
  Enroll(kernel, frame.task, is_worker);
  if (!is_worker) return Next::Return(0);
  frame.result = 0;
  return CallPath(2, kPzPark, kBlocked);
}

// r[0] flags without UNREGISTER, r[1] self.
Next Engine::PzUnregister(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case 0: {
      const bool as_worker = (frame.r[0] & kCtlWorker) != 0;
      if (!thread.registered || as_worker != thread.is_worker || frame.r[1] == 0) {
        return Next::Return(kEINVAL);
      }
      return Kernelly(1, Cycles(2 * costs_.pin.count()) + costs_.vpid);
    }
    case 1:
      if (const auto page = PzPage(kernel, frame, true)) return *page;
      if (const int64_t error = PzPin(kernel, frame.task); error != 0) return Next::Return(error);
      return Kernelly(2, costs_.k_cas);
    case 2: {
      const int64_t word = LoadState(kernel, frame.task);
      if (StateOf(word) != kRunning) {
        Unpin(kernel, frame.task);
        return Next::Return(kEAGAIN);
      }
      PzUpdate(kernel, frame.task, kRunning, kNone, frame.task);
      return Kernelly(3, thread.is_worker ? costs_.k_cas : kZeroCycles);
    }
    case 3:
      // It does not go to sleep, so there is nobody's CPU to hand over.
      if (thread.is_worker && thread.server.valid() &&
          PzUpdate(kernel, thread.server, kIdle, kRunning, frame.task)) {
        kernel.Wake(thread.server, WakeFlags::kCurrentCpu);
      }
      return Kernelly(4, Cycles(2 * costs_.unpin.count()));
    default:
      Unpin(kernel, frame.task);
      Forget(kernel, frame.task, 0);
      return Next::Return(0);
  }
}

}  // namespace rqsim::umcg
