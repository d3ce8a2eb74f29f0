// User code of a server under umcg-pz (umcg.md 10, last paragraphs): announce the wait first, then
// take the list, choose, call umcg_wait. Whatever arrives in between makes the call return -EAGAIN.
// Tested by scenarios/umcg.
#include "service/umcg/engine.h"
#include "service/umcg/server_steps.h"

namespace rqsim::umcg {
namespace {

constexpr int kWorker = 1;

}  // namespace

Next Engine::PzServer(Kernel& kernel, Frame& frame) {
  switch (frame.step.value()) {
    case kLook:
      return Userly(kOwnIdle, costs_.u_cas);
    case kOwnIdle: {
      const int64_t own = LoadState(kernel, frame.task);
      ChangeState(kernel, frame.task, own, (own & layout_.user) | kIdle | layout_.cond_wait,
                  frame.task, false);
      const bool multi = knobs_.blocked_list == BlockedList::kMulti;
      return Userly(multi ? kTakeBlocked : kTakeList, costs_.u_cas);
    }
    case kTakeBlocked:
      PzTakeBlocked(kernel, frame.task);
      return Userly(kTakeList, costs_.u_cas);
    case kTakeList:
      return ServerTake(kernel, frame, -1);
    case kPickOne:
      return PzServerPick(kernel, frame);
    case kCallWait: {
      Enters(kernel, frame.task, Call::kWait);
      Thread& thread = Of(frame.task);
      // Waiting again for the worker that runs, it is to be woken when it meant to be.
      Time timeout = thread.waits_again ? thread.slice_end : kNever;
      if (thread.choice.valid()) timeout = thread.slice_end = WaitTimeout(kernel, frame.task);
      return CallPath(kRan, kPzWait, 0, timeout == kNever ? -1 : timeout.cycles());
    }
    default:
      return PzServerRan(kernel, frame);
  }
}

// The whole list of blocked workers: from now on the server knows that they do not run.
void Engine::PzTakeBlocked(Kernel& kernel, TaskId server) {
  const WordId head = Word(kernel, server, kIdleServer);
  int64_t address = kernel.Exchange(head, 0).old;
  Emit(kernel, kEvBlockedTake, address, 0, server.value());
  LeaveChain();
  while (address != 0) {
    const WordId word = WordAt(kernel, address, server);
    if (!word.valid()) break;  // user memory may hold anything
    const TaskId worker = OwnerOf(kernel, word);
    if (!JoinChain(worker)) break;
    RunsNoMore(worker);
    address = kernel.Load(word).old;
    kernel.Store(word, AddressOf(head));
  }
  LeaveChain();
}

void Engine::RunsNoMore(TaskId worker) {
  if (knobs_.blocked_list != BlockedList::kMulti) return;
  std::erase_if(GroupOf(worker).running, [&](const auto& pair) { return pair.second == worker; });
}

// Whom a server preempts when its wait has timed out: the worker that it has run last, or, where it
// knows, the first of those that run.
TaskId Engine::PzOverdue(const Kernel& kernel, TaskId server) const {
  if (knobs_.blocked_list != BlockedList::kMulti) return Of(server).attached;
  for (const auto& [owner, worker] : GroupOf(server).running) {
    const int64_t word = LoadState(kernel, worker);
    if (owner == server && StateOf(word) == kRunning && !IsPreempted(word)) return worker;
  }
  return TaskId();
}

Next Engine::PzServerPick(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  thread.choice = TaskId();
  // Without MULTI a server may have one worker only: as long as that one runs it waits on.
  thread.waits_again = knobs_.blocked_list == BlockedList::kSingle && thread.attached.valid() &&
                       StateOf(LoadState(kernel, thread.attached)) == kRunning;
  if (thread.waits_again) {
    kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(thread.attached) | kTidRunning);
    return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
  }
  const TaskId worker = Choose(kernel, frame.task);
  frame.r[kWorker] = worker.value();
  thread.choice = worker;
  thread.attached = worker;
  if (worker.valid()) {
    LeaveQueue(kernel, worker, frame.task);
    thread.was_woken_idle = false;
    if (knobs_.blocked_list == BlockedList::kMulti) {
      GroupOf(frame.task).running.emplace_back(frame.task, worker);
    }
    Announce(kernel, Handoff::kDispatch, frame.task, worker);
    kernel.Store(Word(kernel, worker, kServerTid), TidOf(frame.task));
    kernel.Store(Word(kernel, frame.task, kNextTid), TidOf(worker));
  } else {
    Emit(kernel, kEvServerIdle, thread.was_woken_idle ? 1 : 0, 0, frame.task.value());
    thread.was_woken_idle = false;
    kernel.Store(Word(kernel, frame.task, kNextTid), 0);
  }
  return Next::Run(StepId(kCallWait), kernel.facts().c_syscall, RunMode::kKernel);
}

Next Engine::PzServerRan(Kernel& kernel, Frame& frame) {
  Thread& thread = Of(frame.task);
  const TaskId worker = thread.attached;
  switch (frame.step.value()) {
    case kRan:
      return BackToUser(frame, kAfter);
    case kAfter: {
      Exits(kernel, frame);
      const bool for_work = !thread.choice.valid() && !thread.waits_again;
      thread.was_woken_idle = for_work && frame.r[kResult] == 0;
      // Not consumed: it is queued again, and the loop begins anew.
      const int64_t next = kernel.Load(Word(kernel, frame.task, kNextTid)).old;
      const bool consumed = (next & kTidRunning) != 0;
      if (worker.valid() && frame.r[kResult] != 0 && !consumed) {
        InsertWorker(kernel, frame.task, 0, worker);
        RunsNoMore(worker);
        thread.attached = TaskId();
        return Userly(kLook, kZeroCycles);
      }
      const bool over = frame.r[kResult] == kETIMEDOUT && worker.valid();
      const TaskId overdue = over ? PzOverdue(kernel, frame.task) : TaskId();
      if (!overdue.valid()) return Userly(kLook, kZeroCycles);
      frame.r[kWorker] = overdue.value();
      return Userly(kPreemptIt, costs_.u_cas);
    }
    default:
      return PzServerSent(kernel, frame);
  }
}

// PREEMPT and a kick. Without MULTI it has no time to run out of after that.
Next Engine::PzServerSent(Kernel& kernel, Frame& frame) {
  const TaskId worker(static_cast<int32_t>(frame.r[kWorker]));
  switch (frame.step.value()) {
    case kPreemptIt: {
      Of(frame.task).slice_end = kNever;
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
    default: {
      const bool multi = knobs_.blocked_list == BlockedList::kMulti;
      const TaskId more = multi ? PzOverdue(kernel, frame.task) : TaskId();
      if (!more.valid()) return Userly(kLook, kZeroCycles);
      frame.r[kWorker] = more.value();
      return Userly(kPreemptIt, costs_.u_cas);
    }
  }
}

}  // namespace rqsim::umcg
