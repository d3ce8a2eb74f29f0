// User code of a server under umcg-pz (umcg.md 10, last paragraphs): announce the wait first, then
// take the list, choose, call umcg_wait. Whatever arrives in between makes the call return -EAGAIN.
// Tested by scenarios/umcg.
#include <algorithm>

#include "service/umcg/engine.h"
#include "service/umcg/server_steps.h"

namespace rqsim::umcg {
namespace {

constexpr int kWorker = 1;
constexpr int kResult = 4;

}  // namespace

Next Engine::PzServer(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kLook:
      return Userly(kOwnIdle, costs_.u_cas);
    case kOwnIdle: {
      const int64_t own = LoadState(kernel, frame.task);
      ChangeState(kernel, frame.task, own, (own & layout_.user) | kIdle | layout_.cond_wait,
                  frame.task, false);
      return Userly(kTakeList, costs_.u_cas);
    }
    case kTakeList:
      return ServerTake(kernel, frame, -1);
    case kPickOne:
      return PzServerPick(kernel, frame);
    case kCallWait: {
      Emit(kernel, kEvEnter, static_cast<int64_t>(Call::kWait), 0, frame.task.value());
      const Time timeout = Of(frame.task).choice.valid() ? WaitTimeout(kernel, frame.task) : kNever;
      return CallPath(kRan, kPzWait, 0, timeout == kNever ? -1 : timeout.cycles());
    }
    default:
      return PzServerRan(kernel, frame);
  }
}

Next Engine::PzServerPick(Kernel& kernel, Frame& frame) {
  UserScheduler* scheduler = SchedulerOf(frame.task);
  TaskId worker;
  if (scheduler != nullptr) {
    worker = scheduler->Pick(kernel, frame.task, *this);
    if (!worker.valid()) {
      const TaskId victim = scheduler->Steal(kernel, frame.task, *this);
      if (victim.valid() && Count(victim) > 0) worker = At(victim, 0);
    }
  } else if (Count(frame.task) > 0) {
    worker = At(frame.task, 0);
  }
  frame.r[kWorker] = worker.value();
  Of(frame.task).choice = worker;
  if (worker.valid()) {
    LeaveQueue(kernel, worker, frame.task);
    Of(frame.task).was_woken_idle = false;
    Of(frame.task).attached = worker;
    Announce(kernel, Handoff::kDispatch, frame.task, worker);
    kernel.Store(Word(kernel, worker, kServerTid), TidOf(frame.task));
    kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(worker));
  } else {
    Emit(kernel, kEvServerIdle, Of(frame.task).was_woken_idle ? 1 : 0, 0, frame.task.value());
    Of(frame.task).was_woken_idle = false;
    Of(frame.task).attached = TaskId();
    kernel.Store(Word(kernel, frame.task, kNextTid), 0);
  }
  return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
}

Next Engine::PzServerRan(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = thread.attached;
  switch (frame.step.value()) {
    case kRan:
      frame.r[kResult] = frame.result;
      return Next::ToUser(StepId(kAfter));
    case kAfter: {
      Emit(kernel, kEvExit, frame.r[kResult], 0, frame.task.value());
      thread.was_woken_idle = !thread.choice.valid() && frame.r[kResult] == 0;
      // Not consumed: it is queued again, and the loop begins anew.
      const int64_t next = kernel.Load(Word(kernel, frame.task, kNextTid)).old;
      const bool consumed = (next & kTidRunning) != 0;
      if (worker.valid() && frame.r[kResult] != 0 && !consumed) {
        std::vector<TaskId>& queue = QueueOf(frame.task);
        queue.insert(queue.begin(), worker);
        Emit(kernel, kEvQueue, 1, 0, worker.value(), frame.task.value());
        thread.attached = TaskId();
      } else if (frame.r[kResult] == kETIMEDOUT && worker.valid()) {
        return Userly(kPreemptIt, costs_.u_cas);
      }
      return Userly(kLook, kZeroCycles);
    }
    case kPreemptIt: {
      const int64_t word = LoadState(kernel, worker);
      const bool runs = StateOf(word) == kRunning && !IsPreempted(word);
      Emit(kernel, kEvPreempt, runs ? 0 : kEAGAIN, 0, worker.value(), frame.task.value());
      if (!runs) return Userly(kLook, kZeroCycles);
      ChangeState(kernel, worker, word, word | layout_.preempted, frame.task, false);
      return Next::Run(StepId(kSignalIt), kernel.facts().c_syscall + costs_.vpid, RunMode::kKernel);
    }
    case kSignalIt:
      // A reschedule interrupt: the task passes the return to user mode, no handler runs.
      if (kernel.task(worker).on_cpu) kernel.Resched(kernel.task(worker).cpu, ReschedKind::kFull);
      return Next::ToUser(StepId(kAgain));
    default:
      return Userly(kLook, kZeroCycles);
  }
}

}  // namespace rqsim::umcg
