// Donors: who executes for a blocked task that was picked, what becomes of one that cannot stay on
// this runqueue, and looking again later when somebody else has to finish something first
// (proxy-exec.md 3, 5 and 7.1; Linux 7.2 kernel/sched/core.c: find_proxy_task() and what it calls).
#include <algorithm>

#include <fmt/format.h>

#include "sim/machine/machine.h"

namespace rqsim {

// Makes `donor` the donor of `c`.
void Machine::SetDonor(CpuId c, TaskId donor) {
  Cpu& cpu = MutableCpu(c);
  // A wake-up may have raised it for a task that is not here any more, or the donor has changed its
  // class: every pick sets it, also one that keeps the donor.
  cpu.next_class = task_store_[donor.index()].sched_class;
  if (cpu.donor != donor) ExchangeDonor(c, donor);
}

// Puts the donor of `c` and sets another, or the same one anew.
void Machine::ExchangeDonor(CpuId c, TaskId donor) {
  Cpu& cpu = MutableCpu(c);
  if (cpu.donor != kIdleTask) {
    Task& old = MutableTask(cpu.donor);
    if (old.on_rq && old.sched_class == facts_.balanced_class) TrackLoad(c, cpu.donor);
    ClassOf(cpu.donor).PutPrev(*this, c, cpu.donor);
    Drain();
    old.last_ran = now_;
  } else {
    Charge(c);  // idling is booked when it ends
  }
  TrackStrongLoad(c, donor);
  cpu.donor = kIdleTask;  // nobody runs between the two
  if (donor != kIdleTask && task_store_[donor.index()].sched_class == facts_.balanced_class) {
    TrackLoad(c, donor);
    if (IsBalanced(donor)) NewestRun(c, donor);
  }
  cpu.donor = donor;
  Emit(c, SchedSetDonor{donor, cpu.curr});
  if (donor != kIdleTask) {
    ClassOf(donor).SetNext(*this, c, donor, SetNextReason::kPicked);
    Drain();
  }
}

// Ends the span, or what has passed of the overhead: from now on it is for another donor.
void Machine::CutSpan(CpuId c) {
  CpuState& s = State(c);
  const bool is_paying = s.mode == Mode::kOverhead && s.num_parts > 0;
  if (is_paying && (!s.in_schedule || s.hold_pending)) {
    BookOverhead(c, now_);
    Cycles gone = now_ - s.overhead_start;
    for (int p = 0; p < s.num_parts; ++p) {
      Cycles& length = s.parts[static_cast<std::size_t>(p)].length;
      const Cycles part = std::min(gone, length);
      length -= part;
      gone -= part;
    }
    s.overhead_start = now_;
    return;
  }
  CloseSpan(c, now_);
}

// The donor is about to be taken away by its wake-up: whoever executes goes on for itself until
// the reschedule (core.c: proxy_reset_donor()).
void Machine::ResetDonor(CpuId c) {
  const TaskId curr = cpu_store_[c.index()].curr;
  Charge(c);
  CutSpan(c);
  ExchangeDonor(c, curr);
  DropCallbacks(c);
  State(c).span_donor = curr;
  Emit(c, ProxyDonor{curr, curr});
  ReschedCpu(c, ReschedKind::kFull);
}

// The picked donor is blocked: asks the lock protocol who executes for it. Returns false to pick
// again.
bool Machine::Resolve(CpuId c, TaskId& exec, bool& keep_resched) {
  const TaskId donor = cpu_store_[c.index()].donor;
  const DonorAnswer answer = policies_.lock->ResolveDonor(*this, c, donor);
  Drain();
  AddCost(c, CostId::kPolicy, answer.overhead);
  if (answer.kind == DonorAnswer::Kind::kHeld) {
    State(c).walk_held = donor;
    HoldCpu(c, hold_length_);
    return false;
  }
  if (answer.num_actions > 0 && !plan_.faults.deactivate_before_idle) IdleAsDonor(c);
  for (int i = 0; i < answer.num_actions; ++i) {
    ApplyDonorAction(c, answer.actions[static_cast<std::size_t>(i)]);
  }
  // The pick is discarded, and with it what its class put off.
  if (answer.kind != DonorAnswer::Kind::kRunTask) DropCallbacks(c);
  switch (answer.kind) {
    case DonorAnswer::Kind::kRunTask:
      exec = answer.task;
      return true;
    case DonorAnswer::Kind::kRunIdleKeepResched:
      IdleAsDonor(c);
      keep_resched = true;
      State(c).retry_after = answer.retry_after;
      exec = kIdleTask;
      return true;
    case DonorAnswer::Kind::kRunIdle:
      SetDonor(c, kIdleTask);
      exec = kIdleTask;
      return true;
    case DonorAnswer::Kind::kPickAgain:
    case DonorAnswer::Kind::kHeld:
      return false;
    case DonorAnswer::Kind::kDeadlock:
      stop_requested_ = true;
      stop_outcome_ = Outcome::kDeadlock;
      stop_message_ = DescribeBlocked();
      exec = kIdleTask;
      SetDonor(c, kIdleTask);
      return true;
    case DonorAnswer::Kind::kStuck:
      GetStuck(c);
      return true;
  }
  return true;
}

// core.c: proxy_resched_idle(). It flags the idle task, which need not be the one that runs next:
// then the flag lies there until the CPU idles.
void Machine::IdleAsDonor(CpuId c) {
  CpuState& s = State(c);
  SetDonor(c, kIdleTask);
  if (s.idle_flagged) return;
  s.idle_flagged = true;
  Emit(c, SchedSetNeedResched{kIdleTask, 0});
}

void Machine::ApplyDonorAction(CpuId c, const DonorAction& action) {
  Task& t = MutableTask(action.task);
  switch (action.kind) {
    case DonorAction::Kind::kDeactivate:
      t.is_blocked = false;
      DequeueTask(c, action.task, QueueReason::kSleep);
      Emit(c, ProxyDeactivate{action.task});
      break;
    case DonorAction::Kind::kPark:
      DequeueTask(c, action.task, QueueReason::kSpecialSleep);
      t.parked_on = action.owner;
      Emit(c, ProxyPark{action.task, action.owner, 1});
      break;
    case DonorAction::Kind::kMove:
      SendDonor(c, action.task, action.cpu);
      break;
    case DonorAction::Kind::kMoveChain:
      for (TaskId task = action.task; task.valid();
           task = task_store_[task.index()].blocked_donor) {
        SendDonor(c, task, action.cpu);
      }
      break;
    case DonorAction::Kind::kReturn:
      Emit(c, SchedWaking{{action.task, t.eff.prio, c}});
      Emit(c, ProxyReturn{action.task, c});
      t.is_blocked = false;
      DequeueTask(c, action.task, QueueReason::kSpecialSleep);
      t.state = TaskState::kWaking;
      State(c).arrivals.push_back({action.task, CpuId()});
      break;
  }
}

// On the way to the owner: it arrives at the end of this schedule()'s overhead.
void Machine::SendDonor(CpuId c, TaskId task, CpuId to) {
  Task& t = MutableTask(task);
  DequeueTask(c, task, QueueReason::kMigrate);
  t.cpu = to;
  t.migrating = true;
  Emit(c, ProxyMigrate{task, c, to});
  State(c).arrivals.push_back({task, to});
  if (HoldsAt(Window::kW4, task)) HoldCpu(c, hold_length_);
}

void Machine::DeliverArrivals(CpuId c) {
  CpuState& s = State(c);
  for (std::size_t i = 0; i < s.arrivals.size(); ++i) {
    const Arrival arrival = s.arrivals[i];
    if (!arrival.cpu.valid()) {
      PlaceAndEnqueue(arrival.task, WakeFlags::kNone, c, false);
      continue;
    }
    Task& t = MutableTask(arrival.task);
    t.migrating = false;
    EnqueueTask(arrival.cpu, arrival.task, QueueReason::kMigrate);
    if (arrival.is_woken) {
      WakeQueuedTask(arrival.task, arrival.flags);
    } else {
      WakeupPreempt(arrival.cpu, arrival.task, WakeFlags::kNone);
    }
  }
  s.arrivals.clear();
}

// A walk without end, with the runqueue locked: this CPU does nothing any more.
void Machine::GetStuck(CpuId c) {
  CpuState& s = State(c);
  if (cpu_store_[c.index()].curr == kIdleTask) SetDonor(c, kIdleTask);
  s.after_switch_timers.clear();
  s.is_stuck = true;
  s.in_schedule = false;
  CloseSpan(c, now_);
  s.mode = Mode::kOverhead;
  s.after = After::kNothing;
  s.overhead_start = now_;
  s.num_parts = 1;
  s.parts[0] = {CostId::kPolicy, kNever - now_};
}

// ------------------------------------------------------------------------------------------
// looking again

// It idled already and idles again: it looks once more when everything else of this instant has
// happened, and then after a while (MODEL-114).
void Machine::WaitToRetry(CpuId c) {
  CpuState& s = State(c);
  s.waits_since = now_;
  s.events_at_wait = events_this_instant_;
  waiting_to_retry_.Set(c);
  if (s.retry_event != EventQueue::kNone) return;
  const Cycles after = std::max(Cycles(1), s.retry_after);
  s.retry_event = queue_.Push(now_ + after, Phase::kResched, c, Payload(Ev::kIdleRetry, c.value()));
  ++retries_pending_;
}

void Machine::StopWaitingToRetry(CpuId c) {
  CpuState& s = State(c);
  s.waits_to_retry = false;
  waiting_to_retry_.Clear(c);
  if (s.retry_event == EventQueue::kNone) return;
  queue_.Cancel(s.retry_event);
  s.retry_event = EventQueue::kNone;
  --retries_pending_;
}

// Nothing else happens at this instant. Whether a CPU that waits to retry has reason to look now.
bool Machine::LookAgainBeforeTimePasses() {
  bool any = false;
  for (CpuId c = waiting_to_retry_.First(); c.valid();) {
    const CpuId next = waiting_to_retry_.After(c);
    CpuState& s = State(c);
    if (s.waits_since == now_ && s.last_retry != now_ && events_this_instant_ > s.events_at_wait) {
      s.last_retry = now_;
      StopWaitingToRetry(c);
      resched_due_.Set(c);
      any = true;
    }
    c = next;
  }
  return any;
}

}  // namespace rqsim
