// User code under umcg-ev: the loop of a server and the operations of workers and basic tasks. No
// words, so no exchanges: what a server knows it has been told by events.
// Tested by scenarios/umcg (umcg-ev-*).
#include "service/umcg/engine.h"
#include "service/umcg/server_steps.h"

namespace rqsim::umcg {
namespace {

constexpr int kWorker = 1;
constexpr int kIdles = 2;  // whether the call was made for want of work
// Steps O1 … of an operation.
enum : int { kBegin, kEnter, kCalled, kBack, kCallAgain };
constexpr int kMayName = 5;

}  // namespace

// The events of a call, the oldest first: those of the list in the order of their pushes, then that
// of the worker that ran.
void Engine::EvHandle(Kernel& kernel, TaskId server) {
  std::vector<Told>& told = told_[server.index()];
  for (auto it = told.rbegin(); it != told.rend(); ++it) {
    if (HasBuffer(it->worker)) continue;  // its id as a worker is 0, which names nobody
    Thread& worker = Of(it->worker);
    // It leaves the kernel's list, whether or not it joins a queue.
    if (it->event == WorkerEvent::kWait && !it->requeue) {
      Emit(kernel, kEvQueue, 0, 0, it->worker.value(), server.value());
    }
    const bool runnable = it->event == WorkerEvent::kWake || it->event == WorkerEvent::kPreempt ||
                          it->event == WorkerEvent::kTimeout ||
                          (it->event == WorkerEvent::kWait && it->requeue);
    const bool is_there = IsQueued(it->worker) && QueueOf(server).Contains(it->worker);
    if (!runnable || is_there) continue;
    worker.requeue = worker.waits_swap = false;
    QueueWorker(kernel, server, it->worker, true);
  }
  told.clear();
}

Next Engine::EvServer(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case kLook:
      return Userly(kPickOne, costs_.pick);
    case kPickOne:
      return EvPick(kernel, frame);
    case kChainCall:
      EvWakeIdle(kernel, frame.task, true);
      return Next::ToUser(StepId(kChainBack));
    case kChainBack:
      return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
    case kCallWait:
    case kEnterIdle:
    case kRecall: {
      Enters(kernel, frame.task, Call::kWait);
      const TaskId worker(static_cast<int32_t>(frame.r[kWorker]));
      if (frame.step == StepId(kRecall)) return CallPath(kRan, kEvServerWait, -1, 1);
      if (frame.step == StepId(kEnterIdle)) return CallPath(kRan, kEvServerWait, -1);
      return CallPath(kRan, kEvSwitch, TidOf(worker), -1);
    }
    case kRan:
      return BackToUser(frame, kAfter);
    default: {  // kAfter
      Exits(kernel, frame);
      if (frame.r[kResult] == kEINTR) {
        return Next::Run(StepId(kRecall), kernel.facts().c_syscall, RunMode::kKernel);
      }
      thread.attached = TaskId();
      thread.was_woken_idle = frame.r[kIdles] != 0 && frame.r[kResult] == 0;
      const bool refused = frame.r[kResult] == kESRCH || frame.r[kResult] == kEPERM;
      if (refused) thread.choice = TaskId();
      EvHandle(kernel, frame.task);
      return Userly(kLook, kZeroCycles);
    }
  }
}

Next Engine::EvPick(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = Choose(kernel, frame.task);
  frame.r[kWorker] = worker.value();
  frame.r[kIdles] = worker.valid() ? 0 : 1;
  thread.choice = thread.attached = worker;
  if (!worker.valid()) {
    Emit(kernel, kEvServerIdle, thread.was_woken_idle ? 1 : 0, 0, frame.task.value());
    thread.was_woken_idle = false;
    return Next::Run(StepId(kEnterIdle), kernel.facts().c_syscall, RunMode::kKernel);
  }
  LeaveQueue(kernel, worker, frame.task);
  thread.was_woken_idle = false;
  Announce(kernel, Handoff::kDispatch, frame.task, worker);
  const bool chains = knobs_.chain && Count(frame.task) > 0;
  return Next::Run(StepId(chains ? kChainCall : kCallWait), kernel.facts().c_syscall,
                   RunMode::kKernel);
}

// What the operation asks for, in the kernel.
Next Engine::EvCommand(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId self = frame.task;
  const auto done = [&](int64_t result) {
    frame.r[kResult] = result;
    return Next::ToUser(StepId(kBack));
  };
  switch (static_cast<Path>(frame.path.value())) {
    case kOpYield:
    case kOpWait: {
      if (!thread.is_worker || HasBuffer(self)) {
        return CallPath(kCalled, kEvServerWait, TimeoutOf(frame));
      }
      if (LoadState(kernel, self) != kRunning) {  // with a mutex that it has waited for
        Die(kernel, self, Reason::kNotRunning);
        return done(kEINVAL);
      }
      const TaskId server = EvLeaveServer(kernel, self, kRunnable);
      EvTell(kernel, self, server, WorkerEvent::kWait);
      return CallPath(kCalled, kEvWorkerCall, TimeoutOf(frame));
    }
    case kOpSwap: {
      const TaskId other(static_cast<int32_t>(frame.r[0]));
      if (thread.is_worker && !HasBuffer(self)) {
        if (frame.r[kMayName] == 0 || !MayBeSwappedTo(kernel, other)) return done(kEAGAIN);
        LeaveQueue(kernel, other, self);
      }
      return CallPath(kCalled, kEvSwitch, TidOf(other), -1);
    }
    case kOpWaitWorker:
      if (thread.is_worker) return done(kEINVAL);
      if (LoadState(kernel, self) != kRunning) {
        Die(kernel, self, Reason::kWait);
        return done(kEINVAL);
      }
      return CallPath(kCalled, kEvWaitWorker, TidOf(TaskId(static_cast<int32_t>(frame.r[0]))));
    case kOpWake:
      return done(EvWakeIdle(kernel, self, true) ? 0 : kEAGAIN);
    case kOpUnregister:
      return done(EvUnregister(kernel, self, 0));
    case kOpRegister:
      return done(EvRegister(kernel, self, true));
    case kOpCtl:
      if (frame.r[0] == kCtlUnregister) return done(EvUnregister(kernel, self, 0));
      if ((frame.r[0] & ~(kCtlRegister | kCtlWorker)) != 0 || (frame.r[0] & kCtlRegister) == 0) {
        return done(kEINVAL);
      }
      return done(EvRegister(kernel, self, (frame.r[0] & kCtlWorker) != 0));
    default:
      return done(kEINVAL);
  }
}

int64_t Engine::EvRegister(Kernel& kernel, TaskId task, bool worker) {
  Thread& thread = Of(task);
  if (thread.registered || UserOf(task) == nullptr) return kEINVAL;
  EvSet(kernel, task, worker ? kBlocked : kRunning, task);
  Enroll(kernel, task, worker);
  return 0;
}

// Operations: there is no user code before the call, nor after it. Those on words and flags mean
// nothing here, and nobody can ask for a preemption.
Next Engine::EvOp(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  switch (frame.step.value()) {
    case kBegin: {
      if (frame.path == PathId(kOpPreempt)) return Next::Return(kENOSYS);
      const bool nothing = frame.path == PathId(kOpLock) || frame.path == PathId(kOpUnlock) ||
                           frame.path == PathId(kOpBits) || frame.path == PathId(kOpClearBits) ||
                           frame.path == PathId(kOpSetNext) || frame.path == PathId(kOpPoke);
      if (nothing) return Next::Return(0);
      // What it has waited for may have been its last operation, without user code since
      // (MODEL-159): the way out of that comes first.
      if (thread.is_worker && LoadState(kernel, frame.task) == kBlocked &&
          !HoldsMutex(kernel, frame.task) && !FatalPending(kernel, frame.task)) {
        return CallPath(kBegin, kEvResume);
      }
      const bool swaps = frame.path == PathId(kOpSwap);
      const bool waits = frame.path == PathId(kOpYield) || frame.path == PathId(kOpWait);
      const TaskId other = swaps ? TaskId(static_cast<int32_t>(frame.r[0])) : TaskId();
      if (swaps && !other.valid()) return Next::Return(kESRCH);
      const bool yields = thread.is_worker && !HasBuffer(frame.task);
      frame.r[kMayName] = !swaps || (yields && MayBeSwappedTo(kernel, other)) ? 1 : 0;
      if (yields && (waits || swaps)) {
        thread.requeue = (frame.path == PathId(kOpYield) ? frame.r[0] : frame.r[1]) == 1;
        const bool timed = frame.path == PathId(kOpWait) && frame.r[0] > 0;
        thread.waits_swap = !thread.requeue && !timed && frame.r[kMayName] != 0;
        if (frame.r[kMayName] != 0) {
          Announce(kernel, swaps ? Handoff::kSwap : Handoff::kYield, frame.task,
                   swaps ? other : thread.server);
        }
      }
      return Next::Run(StepId(kEnter), kernel.facts().c_syscall, RunMode::kKernel);
    }
    case kEnter: {
      const bool ctl = frame.path == PathId(kOpUnregister) || frame.path == PathId(kOpRegister) ||
                       frame.path == PathId(kOpCtl);
      Enters(kernel, frame.task, ctl ? Call::kCtl : Call::kWait);
      return EvCommand(kernel, frame);
    }
    case kCalled:
      return BackToUser(frame, kBack);
    case kCallAgain:
      if (frame.path == PathId(kOpWaitWorker)) {
        return CallPath(kCalled, kEvWaitWorker, TidOf(TaskId(static_cast<int32_t>(frame.r[0]))));
      }
      if (!thread.is_worker || HasBuffer(frame.task)) {
        return CallPath(kCalled, kEvServerWait, TimeoutOf(frame), 1);
      }
      return CallPath(kCalled, kEvWorkerCall, TimeoutOf(frame));
    default:  // kBack
      // A signal has been delivered; the call is made again with the flag that says so.
      if (frame.r[kResult] == kEINTR) {
        return Next::Run(StepId(kCallAgain), kernel.facts().c_syscall, RunMode::kKernel);
      }
      if (!thread.is_worker || HasBuffer(frame.task)) told_[frame.task.index()].clear();
      if (frame.r[kResult] == kEAGAIN) thread.requeue = thread.waits_swap = false;
      return EndOp(kernel, frame);
  }
}

}  // namespace rqsim::umcg
