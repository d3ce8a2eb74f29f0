// The kernel's half of umcg-ev ("UMCG - how should we proceed?", P. Oskolkov, 28 March 2023): every
// state is the kernel's own, one call has commands, and what happened to workers reaches a server
// as events when its call returns. Idle servers and idle workers are lists of the address space.
//
// States are numbers here that the other variants' listeners understand; they stand in the word of
// the task, which user space has not got (MODEL-295 says what the posting leaves open).
// Tested by scenarios/umcg (umcg-ev-*, UM-19).
#include <algorithm>
#include <utility>

#include "service/umcg/engine.h"

namespace rqsim::umcg {
namespace {

// Registers of the waits: the timeout, whether the call is made again after a signal.
constexpr int kTimeout = 0;
constexpr int kAgainAfterSignal = 1;
// … of a switch: the tid, the timeout, the task.
constexpr int kTid = 0;
constexpr int kSwitchTimeout = 1;
constexpr int kNextTask = 2;
constexpr int kWaited = 3;  // the result of the wait

}  // namespace

// Servers and basic tasks give their calls a buffer for events, whatever they have become.
bool Engine::HasBuffer(TaskId task) const {
  const UserRole role = UserOf(task)->role;
  return role == UserRole::kServer || role == UserRole::kBasic;
}

void Engine::EvSet(Kernel& kernel, TaskId task, int64_t state, TaskId by) {
  ChangeState(kernel, task, LoadState(kernel, task), state, by, true);
}

// An event of `worker` for its server, which runs on.
void Engine::EvTell(Kernel& kernel, TaskId worker, TaskId server, WorkerEvent event) {
  if (!server.valid()) {
    Die(kernel, worker, Reason::kNoServer);
    return;
  }
  Thread& its = Of(server);
  const int64_t state = LoadState(kernel, server);
  // A server that has gone is told nothing; one that is not attached cannot have had this worker.
  if (its.event != WorkerEvent::kNothing || (state != kAttached && state != kNone)) {
    Die(kernel, worker, Reason::kServerNotIdle);
    return;
  }
  its.event = event;
  its.event_worker = worker;
  its.event_requeue = Of(worker).requeue;
  if (state == kNone) return;
  EvSet(kernel, server, kRunning, worker);
  const bool here = event == WorkerEvent::kWait;
  kernel.Wake(server, here ? WakeFlags::kCurrentCpu : WakeFlags::kNone);
}

void Engine::EvPushIdle(Kernel& kernel, TaskId worker) {
  SpaceOf(worker).idle_workers.push_back(worker);
  Emit(kernel, kEvPush, 0, 0, worker.value());
}

// Wakes the idle server that came last. False: there is none.
bool Engine::EvWakeIdle(Kernel& kernel, TaskId by, bool by_user) {
  std::vector<TaskId>& idle = SpaceOf(by).idle_servers;
  TaskId server;
  while (!idle.empty() && !server.valid()) {
    server = idle.back();
    idle.pop_back();
    if (Of(server).registered) continue;
    // It died on the list, which nobody took it off.
    Emit(kernel, kEvGone, TidOf(server), 0, by.value(), server.value());
    server = TaskId();
  }
  Emit(kernel, kEvTakeServer, TidOf(server), by_user ? 1 : 0, by.value(), server.value());
  if (!server.valid()) return false;
  Of(server).is_worker = false;  // whatever it was made on the list
  EvSet(kernel, server, kRunning, by);
  kernel.Wake(server);
  return true;
}

// Makes a worker that the server or another worker has named RUNNING. False: it was not RUNNABLE,
// for which whoever named it is killed; a server that was named is a worker all the same from here
// on (MODEL-322).
bool Engine::EvRun(Kernel& kernel, TaskId worker, TaskId server, TaskId by) {
  const int64_t before = LoadState(kernel, worker);
  Thread& thread = Of(worker);
  thread.server = server;
  thread.attached = server;
  EvSet(kernel, worker, kRunning, by);
  if (before != kRunnable) {
    if (!thread.is_worker) thread.is_worker = thread.hooks = true;
    Die(kernel, by, Reason::kNotRunning);
    return false;
  }
  kernel.Wake(worker, WakeFlags::kCurrentCpu);
  return true;
}

// RUNNING → `state`; the server that it gives up.
TaskId Engine::EvLeaveServer(Kernel& kernel, TaskId worker, int64_t state) {
  const TaskId server = Of(worker).server;
  Of(worker).server = TaskId();
  EvSet(kernel, worker, state, worker);
  return server;
}

// Block detection: RUNNING → BLOCKED, the server learns of it. Nothing to fault, nothing to retry.
Next Engine::EvBlock(Kernel& kernel, Frame& frame) {
  if (frame.step == StepId(0)) {
    Announce(kernel, Handoff::kBlock, frame.task, Of(frame.task).server);
    const TaskId server = EvLeaveServer(kernel, frame.task, kBlocked);
    EvTell(kernel, frame.task, server, WorkerEvent::kBlock);
    return Kernelly(1, kZeroCycles);
  }
  return Next::Return(0);
}

// On the way to user mode: a worker whose wait is over, or whose time is.
Next Engine::EvResume(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  if (frame.step != StepId(0)) return Next::Return(0);
  thread.tick_preempts = false;
  if (LoadState(kernel, frame.task) == kRunning) {
    Announce(kernel, Handoff::kPreempt, frame.task, thread.server);
    const TaskId server = EvLeaveServer(kernel, frame.task, kRunnable);
    EvTell(kernel, frame.task, server, WorkerEvent::kPreempt);
    return CallPath(1, kEvParked);
  }
  EvSet(kernel, frame.task, kWaking, frame.task);
  EvPushIdle(kernel, frame.task);
  // A server that waits for it is all that is woken, whoever then takes it off the list.
  if (!thread.server.valid()) {
    EvWakeIdle(kernel, frame.task, false);
  } else if (LoadState(kernel, thread.server) == kWaiting) {
    EvSet(kernel, thread.server, kRunning, frame.task);
    kernel.Wake(thread.server, WakeFlags::kCurrentCpu);
  }
  return CallPath(1, kEvParked);
}

// Asleep until a server runs it. Signals that do not kill are no reason to leave: as posted the
// sleep ends at once with one pending, and the worker goes round in the kernel; corrected, none
// wakes it.
Next Engine::EvParked(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  thread.hooks = false;
  const bool runs = LoadState(kernel, frame.task) == kRunning;
  if (!runs && !FatalPending(kernel, frame.task)) {
    if (knobs_.signals_delivered) return Next::Block(StepId(0), TaskState::kKillable);
    if (!OrdinaryPending(kernel, frame.task)) {
      return Next::Block(StepId(0), TaskState::kInterruptible);
    }
    Watch watch;
    watch.word = Word(kernel, frame.task, kState);
    return Next::Spin(StepId(0), watch, costs_.spin_poll, kernel.now(), true);
  }
  thread.hooks = true;
  if (runs) StartSlice(kernel, frame.task);
  return Next::Return(0);
}

// The wait of a call: until RUNNING, a signal, or the timeout.
Next Engine::EvIdle(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  thread.hooks = false;
  thread.in_idle_loop = true;
  const bool runs = LoadState(kernel, frame.task) == kRunning;
  const bool timed_out = frame.step == StepId(1) && frame.result == kETIMEDOUT;
  const bool signalled = FatalPending(kernel, frame.task) || OrdinaryPending(kernel, frame.task);
  const bool late = frame.r[kTimeout] >= 0 && kernel.now() >= Time(frame.r[kTimeout]);
  if (!runs && !timed_out && !signalled && !late) {
    if (frame.step == StepId(1)) Emit(kernel, kEvSpurious, 0, 0, frame.task.value());
    return Next::Block(StepId(1), TaskState::kInterruptible,
                       frame.r[kTimeout] >= 0 ? Time(frame.r[kTimeout]) : kNever);
  }
  thread.in_idle_loop = false;
  thread.hooks = true;
  if (runs && thread.is_worker && !HasBuffer(frame.task)) StartSlice(kernel, frame.task);
  if (runs) return Next::Return(0);
  return Next::Return(timed_out || !signalled ? kETIMEDOUT : kEINTR);
}

// The wait of a worker, with what a timeout leaves: it comes onto the list, unless it stands there,
// and its call returns when a server runs it.
Next Engine::EvWorkerCall(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case 0:
      return CallPath(1, kEvIdle, frame.r[kTimeout]);
    case 1: {
      frame.r[kWaited] = frame.result;
      if (frame.result != kETIMEDOUT) return Next::Return(frame.result);
      const int64_t state = LoadState(kernel, frame.task);
      if (state != kRunnable && state != kSwapping) {
        Die(kernel, frame.task, Reason::kWait);
        return Next::Return(kEINVAL);
      }
      EvSet(kernel, frame.task, state | kTimedOut, frame.task);
      if (state == kRunnable) {
        EvPushIdle(kernel, frame.task);
        EvWakeIdle(kernel, frame.task, false);
      }
      return CallPath(2, kEvParked);
    }
    default:
      return Next::Return(kETIMEDOUT);
  }
}

// WAIT of a server: idle until it is woken, or at once if workers are on the list.
Next Engine::EvServerWait(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  // A worker's wait has no room for events.
  if (frame.step == StepId(0) && thread.is_worker) {
    return Next::Return(frame.r[kAgainAfterSignal] != 0 ? 0 : kEINVAL);
  }
  if (frame.step == StepId(0) && frame.r[kAgainAfterSignal] == 0) {
    if (LoadState(kernel, frame.task) != kRunning || thread.event != WorkerEvent::kNothing) {
      Die(kernel, frame.task, Reason::kWait);
      return Next::Return(kEINVAL);
    }
    EvSet(kernel, frame.task, kIdle, frame.task);
    Space& space = SpaceOf(frame.task);
    if (space.idle_workers.empty()) {
      space.idle_servers.push_back(frame.task);
    } else {
      EvSet(kernel, frame.task, kRunning, frame.task);
    }
  }
  if (frame.step == StepId(0)) return CallPath(1, kEvIdle, frame.r[kTimeout]);
  return EvCollect(kernel, frame, 1);
}

// CTX_SWITCH: to a worker, from a server or from another worker. r[kTid], r[kSwitchTimeout].
Next Engine::EvSwitch(Kernel& kernel, Frame& frame) {
  const TaskId self = frame.task;
  switch (frame.step.value()) {
    case 0:
      return Kernelly(1, costs_.vpid);
    case 1: {
      const TaskId next = LookUp(kernel, frame.r[kTid], self);
      if (!next.valid()) return Next::Return(kESRCH);
      if (!Of(next).registered || !SameSpace(next, self)) return Next::Return(kEPERM);
      frame.r[kNextTask] = next.value();
      if (LoadState(kernel, self) != kRunning) {
        Die(kernel, self, Reason::kNotRunning);
        return Next::Return(kEINVAL);
      }
      if (Of(self).is_worker) {
        if (HasBuffer(self)) return Next::Return(kEINVAL);  // likewise
        const TaskId server = EvLeaveServer(kernel, self, kSwapping);
        EvPushIdle(kernel, self);
        if (!EvRun(kernel, next, server, self)) return Next::Return(kEINVAL);
        EvWakeIdle(kernel, self, false);  // for the one that has come onto the list
        return CallPath(4, kEvWorkerCall, frame.r[kSwitchTimeout]);
      }
      EvSet(kernel, self, kAttached, self);
      if (!EvRun(kernel, next, self, self)) return Next::Return(kEINVAL);
      return CallPath(2, kEvIdle, -1);
    }
    case 4:
      return Next::Return(frame.result);
    default:
      return EvCollect(kernel, frame, 2);
  }
}

// WAIT of a server with a tid, r[kTid]: until that worker's wait is over, at once if it is in none.
// As posted the worker has no server when the call returns, whoever runs it by then (MODEL-323).
Next Engine::EvWaitWorker(Kernel& kernel, Frame& frame) {
  const TaskId self = frame.task;
  if (frame.step == StepId(0)) return Kernelly(1, costs_.vpid);
  if (frame.step == StepId(1)) {
    const TaskId worker = LookUp(kernel, frame.r[kTid], self);
    if (!worker.valid()) return Next::Return(kESRCH);
    if (!Of(worker).registered || !SameSpace(worker, self)) return Next::Return(kEPERM);
    frame.r[kNextTask] = worker.value();
    EvSet(kernel, self, kWaiting, self);
    if (LoadState(kernel, worker) != kBlocked) {
      EvSet(kernel, self, kRunning, self);
      return Next::Return(0);
    }
    if (std::exchange(Of(worker).server, self).valid()) {  // another server waits for it
      Die(kernel, self, Reason::kServerNotIdle);
      return Next::Return(kEINVAL);
    }
    return Kernelly(2, kZeroCycles);
  }
  const bool signalled = FatalPending(kernel, self) || OrdinaryPending(kernel, self);
  if (!signalled && LoadState(kernel, self) == kWaiting) {
    return Next::Block(StepId(2), TaskState::kInterruptible);
  }
  if (signalled) EvSet(kernel, self, kRunning, self);
  Of(TaskId(static_cast<int32_t>(frame.r[kNextTask]))).server = TaskId();
  return Next::Return(signalled ? kEINTR : 0);
}

// The end of a server's call: events go to its buffer, its worker's first, then those of the list,
// the last pushed first. Each takes a write, and so does the zero after them.
Next Engine::EvCollect(Kernel& kernel, Frame& frame, int step) {
  Thread& thread = Of(frame.task);
  Space& space = SpaceOf(frame.task);
  if (frame.step == StepId(step)) {
    frame.r[kWaited] = frame.result;
    if (frame.result == kEINTR) return Next::Return(kEINTR);
    if (frame.result == kETIMEDOUT) {
      std::erase(space.idle_servers, frame.task);
      EvSet(kernel, frame.task, kRunning, frame.task);
    }
    const auto own = static_cast<int64_t>(thread.event != WorkerEvent::kNothing ? 1 : 0);
    const int64_t events = own + static_cast<int64_t>(space.idle_workers.size());
    return Kernelly(step + 1, Cycles((events + 1) * costs_.k_put.count()));
  }
  std::vector<Told>& told = told_[frame.task.index()];
  if (thread.event != WorkerEvent::kNothing) {
    told.push_back({thread.event_worker, thread.event, thread.event_requeue});
  }
  thread.event = WorkerEvent::kNothing;
  if (!space.idle_workers.empty()) Emit(kernel, kEvTake, 0, 0, frame.task.value());
  while (!space.idle_workers.empty()) {
    const TaskId worker = space.idle_workers.back();
    space.idle_workers.pop_back();
    if (!Of(worker).registered) {
      Emit(kernel, kEvGone, TidOf(worker), 0, frame.task.value(), worker.value());
      continue;
    }
    const int64_t state = LoadState(kernel, worker);
    EvSet(kernel, worker, kRunnable, frame.task);
    if ((state & ~kTimedOut) == kSwapping) {
      told.push_back({worker, WorkerEvent::kWait, Of(worker).requeue});
    }
    if (state == kWaking) told.push_back({worker, WorkerEvent::kWake, false});
    if ((state & kTimedOut) != 0) told.push_back({worker, WorkerEvent::kTimeout, false});
  }
  return Next::Return(told.empty() ? frame.r[kWaited] : 0);
}

// Registration is over, by UNREGISTER (0) or an exit (1): a worker tells its server. With a fatal
// signal everything is dropped, and nobody is told.
int64_t Engine::EvUnregister(Kernel& kernel, TaskId task, int how) {
  Thread& thread = Of(task);
  if (!thread.registered) return kEINVAL;
  const bool tells = !FatalPending(kernel, task);
  const bool runs = LoadState(kernel, task) == kRunning;
  if (tells && !runs && how == 0) return kEINVAL;
  const bool is_worker = thread.is_worker;
  const TaskId server = thread.server;
  thread.server = TaskId();
  EvSet(kernel, task, kNone, task);
  Forget(kernel, task, how);
  if (tells && runs && is_worker) EvTell(kernel, task, server, WorkerEvent::kExit);
  return 0;
}

// A worker comes out of a wait, or has had its time.
PathCall Engine::EvReturnPath(Kernel& kernel, TaskId task) {
  Thread& thread = Of(task);
  const int64_t state = LoadState(kernel, task);
  if (state != kRunning) thread.tick_preempts = false;
  if (thread.is_worker && (state == kBlocked || thread.tick_preempts)) {
    return PathCall::To(PathId(kEvResume));
  }
  return OrdinaryPending(kernel, task) ? PathCall::To(PathId(kDeliver)) : PathCall::None();
}

Next Engine::EvStep(Kernel& kernel, Frame& frame) {
  switch (static_cast<Path>(frame.path.value())) {
    case kEvBlock:
      return EvBlock(kernel, frame);
    case kEvResume:
      return EvResume(kernel, frame);
    case kEvParked:
      return EvParked(kernel, frame);
    case kEvIdle:
      return EvIdle(kernel, frame);
    case kEvWorkerCall:
      return EvWorkerCall(kernel, frame);
    case kEvServerWait:
      return EvServerWait(kernel, frame);
    case kEvSwitch:
      return EvSwitch(kernel, frame);
    case kEvWaitWorker:
      return EvWaitWorker(kernel, frame);
    default:
      return EvOp(kernel, frame);
  }
}

}  // namespace rqsim::umcg
