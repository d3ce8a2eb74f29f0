// schedule(): step by step as classes.md 2 and proxy-exec.md 3 number it, with the donor and the
// executing task apart.
#include <algorithm>

#include <fmt/format.h>

#include "sim/machine/machine.h"

namespace rqsim {
namespace {

uint8_t Letter(TaskState state) {
  switch (state) {
    case TaskState::kRunning:
    case TaskState::kWaking:
    case TaskState::kNew:
      return 'R';
    case TaskState::kInterruptible:
      return 'S';
    case TaskState::kUninterruptible:
    case TaskState::kKillable:
      return 'D';
    case TaskState::kIdle:
      return 'I';
    case TaskState::kParked:
      return 'P';
    case TaskState::kDead:
      return 'X';
  }
  return 'R';
}

bool MayBeDelayed(TaskState state) {
  return state == TaskState::kInterruptible || state == TaskState::kUninterruptible ||
         state == TaskState::kKillable || state == TaskState::kIdle;
}

// Costs that only interrupt handlers have.
bool IsHandlerCost(CostId cost) {
  return cost == CostId::kTick || cost == CostId::kTimer || cost == CostId::kTimerEach ||
         cost == CostId::kIpiRecv || cost == CostId::kTtwuEach || cost == CostId::kCall;
}

}  // namespace

// ------------------------------------------------------------------------------------------
// overhead

void Machine::AddCost(CpuId c, CostId cost, Cycles length) {
  if (length <= kZeroCycles) return;
  CpuState& s = State(c);
  const bool is_irq =
      IsHandlerCost(cost) || (cost == CostId::kIpiSend && !actor_is_task_ && !s.in_schedule);
  for (int i = 0; i < s.num_parts; ++i) {
    OverheadPart& part = s.parts[static_cast<std::size_t>(i)];
    if (part.cost == cost && part.is_irq == is_irq &&
        (i == s.num_parts - 1 || s.num_parts == kMaxOverheadParts)) {
      part.length += length;
      return;
    }
  }
  // More kinds of cost in one overhead than kMaxOverheadParts cannot be: there are not that many
  // causes.
  RQSIM_CHECK(s.num_parts < kMaxOverheadParts);
  s.parts[static_cast<std::size_t>(s.num_parts++)] = {cost, length, is_irq};
}

Cycles Machine::CostSum(const CpuState& s) const {
  Cycles sum;
  for (int i = 0; i < s.num_parts; ++i) sum += s.parts[static_cast<std::size_t>(i)].length;
  return sum;
}

// Spends the costs that have been added, interrupts off; what completes is `after`.
void Machine::BeginOverhead(CpuId c, After after) {
  CpuState& s = State(c);
  PauseSegment(c);
  const Cycles length = s.hold_pending ? s.parts[0].length : CostSum(s);
  s.after = after;
  if (length == kZeroCycles) {
    s.mode = Mode::kOverhead;
    EndOverhead(c);
    return;
  }
  CloseSpan(c, now_);
  s.mode = Mode::kOverhead;
  s.overhead_start = now_;
  s.end_event = queue_.Push(now_ + length, Phase::kCostEnd, c, Payload(Ev::kEnd, c.value()));
}

void Machine::EndOverhead(CpuId c) {
  CpuState& s = State(c);
  if (s.hold_pending) {
    EndHold(c);
    return;
  }
  if (s.num_parts > 0) BookOverhead(c, now_);
  s.num_parts = 0;
  s.mode = Mode::kPaused;
  if (s.after == After::kSwitch) {
    s.after = After::kNothing;
    FinishSwitch(c);
    if (s.num_parts > 0) {
      // What arrived elsewhere made this CPU send IPIs.
      BeginOverhead(c, After::kNothing);
      return;
    }
  }
  FlushOutbox(c);
  while (!s.ended_calls.empty()) {
    const int32_t call = s.ended_calls.back();
    s.ended_calls.pop_back();
    EndCall(call);
  }
  ResumeCpu(c);
}

// ------------------------------------------------------------------------------------------ queues

uint8_t Machine::ClassIndexFor(SchedPolicy policy) const {
  for (std::size_t i = 0; i < policies_.classes.size(); ++i) {
    const PolicyInfo& info = *policies_.rows[policies_.class_ids[i].index()].info;
    if ((info.sched_policies & (1u << static_cast<unsigned>(policy))) != 0)
      return static_cast<uint8_t>(i);
  }
  return static_cast<uint8_t>(policies_.classes.size() - 1);
}

// The donor's class sees time booked before it is asked anything about this runqueue.
void Machine::ChargeIfClass(CpuId c, TaskId task) {
  const TaskId donor = cpu_store_[c.index()].donor;
  if (donor == kIdleTask) return;
  if (task_store_[donor.index()].sched_class == task_store_[task.index()].sched_class) Charge(c);
}

void Machine::EnqueueTask(CpuId c, TaskId task, QueueReason reason) {
  Task& t = MutableTask(task);
  Cpu& cpu = MutableCpu(c);
  TakeTicks(c);
  ChargeIfClass(c, task);
  t.cpu = c;
  const bool balanced = t.sched_class == facts_.balanced_class;
  if (balanced) {
    TrackLoad(c, task);
    AttachLoad(c, task, reason == QueueReason::kNew);
  }
  ClassOf(task).Enqueue(*this, c, task, reason);
  if (!t.on_rq) {
    t.on_rq = true;
    if (balanced && !queued_weight_.empty())
      queued_weight_[c.index()] += load_weight_[task.index()];
    if (IsBalanced(task)) NewestRun(c, task);
    if (!t.throttled) {
      if (++cpu.nr_running == 2) is_overloaded_ = true;
      CountQueued(c, t.sched_class, 1);
    }
    if (t.eff.policy == SchedPolicy::kIdle) ++cpu.nr_idle_policy;
    Emit(c, SchedQueue{task, c, 1, t.wake_cpu});
    if (t.sched_class == served_class_ && cpu.nr_queued[t.sched_class] == 1) StartServer(c);
  }
  Drain();
  UpdateTick(c);
}

void Machine::TaskLeft(CpuId c, TaskId task) {
  Task& t = MutableTask(task);
  Cpu& cpu = MutableCpu(c);
  if (!t.on_rq) return;
  SetDelayed(task, false);
  if (IsBalanced(task)) LeaveRunOrder(c, task);
  if (t.sched_class == facts_.balanced_class && !queued_weight_.empty()) {
    queued_weight_[c.index()] -= load_weight_[task.index()];
  }
  t.on_rq = false;
  if (!t.throttled) {
    --cpu.nr_running;
    CountQueued(c, t.sched_class, -1);
  }
  if (t.eff.policy == SchedPolicy::kIdle) --cpu.nr_idle_policy;
  UpdateTick(c);
  Emit(c, SchedQueue{task, c, 0, t.wake_cpu});
}

void Machine::SetDelayed(TaskId task, bool delayed) {
  Task& t = MutableTask(task);
  if (t.sched_delayed == delayed) return;
  t.sched_delayed = delayed;
  MutableCpu(t.cpu).nr_delayed += delayed ? 1 : -1;
}

void Machine::DequeueTask(CpuId c, TaskId task, QueueReason reason) {
  TakeTicks(c);
  ChargeIfClass(c, task);
  const bool balanced = task_store_[task.index()].sched_class == facts_.balanced_class;
  if (balanced) {
    TrackLoad(c, task);
    if (reason == QueueReason::kMigrate || reason == QueueReason::kSwitch) DetachLoad(c, task);
  }
  const DequeueResult result = ClassOf(task).Dequeue(*this, c, task, reason);
  if (result == DequeueResult::kDelayed && reason == QueueReason::kSleep) {
    SetDelayed(task, true);
    Emit(c, SchedDelay{task});
  } else {
    TaskLeft(c, task);
  }
  Drain();
}

// ------------------------------------------------------------------------------------------ the
// pick

// Asks the classes from the strongest down. The old donor may still be queued. As in the kernel,
// the weakest class is asked alone if nothing else is queued and the old donor was not stronger.
TaskId Machine::PickTask(CpuId c, TaskId prev) {
  Cpu& cpu = MutableCpu(c);
  const std::size_t idle_class = policies_.classes.size() - 1;
  const std::size_t weakest = idle_class - 1;
  // On a CPU that has gone offline nothing runs but its stop task.
  if (!cpu.online) {
    const TaskId stopper = PickOf(c, 0);
    return stopper.valid() ? stopper : kIdleTask;
  }
  for (int rounds = 0;;) {
    const bool only_weakest = task_store_[prev.index()].sched_class >= weakest &&
                              cpu.nr_running == cpu.nr_queued[weakest];
    if (!only_weakest) BalanceBefore(c, prev);
    for (std::size_t k = only_weakest ? weakest : 0; k < idle_class; ++k) {
      const TaskId picked = PickOf(c, k);
      if (picked.valid()) return picked;
    }
    if (!balances_when_idle_ || !cpu.active || rounds++ > kMaxPickAgain) return kIdleTask;
    NewIdleBalance(c);
    // Something came, or a stronger class was woken meanwhile: from the strongest class again.
    if (cpu.nr_queued[facts_.balanced_class] == 0 && cpu.next_class >= facts_.balanced_class) {
      return kIdleTask;
    }
  }
}

// ------------------------------------------------------------------------------------------
// schedule()

void Machine::Schedule(CpuId c, bool preempt) {
  CpuState& s = State(c);
  Cpu& cpu = MutableCpu(c);
  if (s.schedules_at != now_) {
    s.schedules_at = now_;
    s.schedules = 0;
  }
  const int passes = plan_.scenario.machine.limit_instant_passes;
  if (++s.schedules > passes) {
    End(Outcome::kLivelock, fmt::format("more than {} schedule() calls on CPU {} at t = {}", passes,
                                        c.value(), now_.cycles()));
    return;
  }
  Emit(c, SchedEntry{preempt ? 1 : 0});
  PauseSegment(c);
  s.mode = Mode::kPaused;
  s.in_schedule = true;
  resched_due_.Clear(c);
  // Idling that goes on is booked when it ends.
  if (cpu.curr != kIdleTask) Charge(c);

  // 1, 2: what becomes of the task that executes now.
  const TaskId prev = cpu.curr;
  const TaskId old_donor = cpu.donor;
  Task& p = MutableTask(prev);
  StateCode prev_state;
  prev_state.letter = preempt ? uint8_t{'R'} : Letter(p.state);
  bool voluntary = false;
  if (prev == kIdleTask) {
    prev_state.letter = 'R';
  } else if (preempt) {
    const Context& ctx = contexts_[prev.index()];
    if (CurrMode(c) != RunMode::kUser && ctx.exit_phase != ExitPhase::kSyscallExit) {
      prev_state.preempted_in_kernel = 1;
    }
    if (plan_.faults.gate_on_blocked_on && p.blocked_on.valid()) p.is_blocked = true;
  } else if (p.state != TaskState::kRunning) {
    voluntary = true;
    if (p.state == TaskState::kDead) {
      DequeueTask(c, prev, QueueReason::kSpecialSleep);
    } else if (lock_hook_keeps_ && p.blocked_on.valid() &&
               policies_.lock->KeepsQueued(*this, prev)) {
      p.is_blocked = true;
    } else {
      DequeueTask(c, prev,
                  MayBeDelayed(p.state) ? QueueReason::kSleep : QueueReason::kSpecialSleep);
    }
  }
  AddCost(c, CostId::kSched, costs().c_sched);

  s.switch_plan = {prev,  kIdleTask, old_donor,     prev_state, voluntary,
                   false, false,     costs().c_ctx, old_donor};
  PickDonor(c);
}

// 3: the next donor, and who executes for it. A window may hold it in the middle (W3, W4); then it
// is called again.
void Machine::PickDonor(CpuId c) {
  CpuState& s = State(c);
  Cpu& cpu = MutableCpu(c);
  SwitchPlan& plan = s.switch_plan;
  TaskId& exec = plan.next;
  for (int rounds = 0;; ++rounds) {
    const bool goes_on = s.walk_held.valid() && s.walk_held == cpu.donor;
    s.walk_held = TaskId();
    if (!goes_on) plan.donor_before = cpu.donor;
    const TaskId picked = goes_on ? cpu.donor : PickTask(c, cpu.donor);
    SetDonor(c, picked);
    exec = picked;
    if (picked == kIdleTask) break;
    if (!goes_on) SetLink(picked, TaskId());
    if (!IsGated(picked) || !lock_hook_resolves_) break;
    const bool resolved = Resolve(c, exec, plan.keep_resched);
    if (s.hold_pending) {
      BeginOverhead(c, After::kPick);
      return;
    }
    if (resolved) break;
    if (rounds == plan_.scenario.machine.limit_pick_again) {
      PolicyBroke(policies_.lock_id, ViolationCode::kPickAgainLimit, picked, rounds);
      SetDonor(c, kIdleTask);
      exec = kIdleTask;
      break;
    }
  }
  if (s.is_stuck) return;
  // 4: the donor stays and another task executes for it: put and set anew, so that prev gets back
  // what it missed while it was on the CPU. A put may find that its budget is used up (MODEL-146).
  if (exec != plan.prev && cpu.donor == plan.donor_before && exec != kIdleTask) {
    ExchangeDonor(c, cpu.donor);
  }
  const Task& prev = task_store_[plan.prev.index()];
  plan.kept_queued = plan.voluntary && (prev.on_rq || prev.migrating) && prev.is_blocked;
  FinishSchedule(c, plan);
}

// 4, 5: flags, trace, the switch with its cost.
Cycles Machine::SwitchCost(const SwitchPlan& plan) {
  if (plan.next == kIdleTask || !contexts_[plan.next.index()].free_switch) return plan.c_ctx;
  contexts_[plan.next.index()].free_switch = false;
  return plan.prev == kIdleTask ? kZeroCycles : plan.c_ctx;
}

void Machine::FinishSchedule(CpuId c, const SwitchPlan& plan) {
  CpuState& s = State(c);
  Cpu& cpu = MutableCpu(c);
  const TaskId prev = plan.prev;
  const TaskId next = plan.next;
  cpu.need_resched = plan.keep_resched;
  if (!plan.keep_resched && (prev == kIdleTask || next == kIdleTask)) s.idle_flagged = false;
  s.waits_to_retry = plan.keep_resched && prev == kIdleTask;
  cpu.need_resched_lazy = false;
  if (prev != next) {
    // Also when nobody executes a cycle before the next switch.
    CloseSpan(c, now_);
    if (prev != kIdleTask) {
      TaskSums& sums = contexts_[prev.index()].sums;
      ++sums.nr_switches;
      ++(plan.voluntary ? sums.nr_voluntary_switches : sums.nr_involuntary_switches);
      s.switching_prev = prev;
    }
    s.switched_from = prev;
    s.hooks_due = !switched_services_.empty();
    Emit(c, SchedSwitch{prev, next, PrioOf(prev), PrioOf(next), plan.prev_state,
                        static_cast<uint8_t>(plan.voluntary ? 1 : 0),
                        static_cast<uint8_t>(plan.kept_queued ? 1 : 0), cpu.donor});
    if (!runqueue_loads_.empty()) LoadClock(c);  // it runs otherwise from here on
    cpu.curr = next;
    MarkCharged(s);
    if (prev == kIdleTask) cpu.idle_until = now_;
    if (next != kIdleTask) {
      MutableTask(next).on_cpu = true;
      Watchers(LockId(), WordId(), next);
    } else {
      cpu.idle_since = now_;
    }
    // MODEL-50: tasks of a scenario share one address space, so c_ctx_mm is never part of it.
    AddCost(c, CostId::kCtx, SwitchCost(plan));
  } else if (cpu.donor != plan.old_donor) {
    Emit(c, ProxyDonor{cpu.donor, next});
  }
  // The idle loop has restarted the tick before anybody's timer is armed for the new task.
  if (prev != next) TickOnSwitch(c);
  cpu.switch_end = now_ + CostSum(s);
  for (const AfterSwitchTimer& timer : s.after_switch_timers) {
    ArmPolicyTimer(timer.timer, c, cpu.switch_end + timer.after);
  }
  s.after_switch_timers.clear();
  FinishHrtick(c);
  for (std::size_t service : scheduled_services_) {
    policies_.services[service]->Scheduled(*this, c, prev);
    Drain();
  }
  s.in_schedule = false;
  if (s.waits_to_retry) WaitToRetry(c);
  BeginOverhead(c, After::kSwitch);
}

// The end of a switch: prev is off the CPU, what it did to other CPUs arrives there.
void Machine::FinishSwitch(CpuId c) {
  CpuState& s = State(c);
  const TaskId prev = s.switching_prev;
  s.switching_prev = TaskId();
  if (prev.valid()) {
    MutableTask(prev).on_cpu = false;
    Watchers(LockId(), WordId(), prev);
  }
  RunCallbacks();
  if (cpu_store_[c.index()].push) PushAfterSchedule(c);
  if (prev.valid() && s.deferred.task == prev) {
    const DeferredWake deferred = s.deferred;
    s.deferred = DeferredWake();
    PlaceAndEnqueue(deferred.task, deferred.flags, deferred.waker, false);
  }
  DeliverArrivals(c);
}

// Hands the CPU to `to` without asking anybody (Next::SwitchTo); the task that did it sleeps.
void Machine::SwitchDirect(CpuId c, TaskId to, Cycles cycles) {
  Cpu& cpu = MutableCpu(c);
  const TaskId prev = cpu.curr;
  Task& target = MutableTask(to);
  const bool possible = !target.on_rq && !target.on_cpu && target.cpus_allowed.Contains(c) &&
                        target.state != TaskState::kDead && target.state != TaskState::kNew &&
                        target.state != TaskState::kWaking;
  if (!possible) {
    PolicyBroke(PolicyId(0), ViolationCode::kBadRequest, to, 1);
    return;
  }
  CpuState& s = State(c);
  s.mode = Mode::kPaused;
  s.in_schedule = true;
  resched_due_.Clear(c);
  Charge(c);
  const TaskId old_donor = cpu.donor;
  Task& p = MutableTask(prev);
  StateCode prev_state;
  prev_state.letter = Letter(p.state);
  EventQueue::Handle& sleep_timer = contexts_[to.index()].sleep_timer;
  if (sleep_timer != EventQueue::kNone) {
    CancelTimerEvent(sleep_timer, Payload(Ev::kSleep, to.value()));
  }
  Emit(c, SchedWaking{{to, target.eff.prio, target.cpu}});
  SetTaskCpu(to, c, true);
  target.state = TaskState::kRunning;
  EnqueueTask(c, to, QueueReason::kWakeup);
  Emit(c, SchedWakeup{{to, target.eff.prio, c}});
  if (p.state != TaskState::kRunning) DequeueTask(c, prev, QueueReason::kSpecialSleep);
  SetDonor(c, to);
  AddCost(c, CostId::kPolicy, cycles);
  FinishSchedule(c, {prev, to, old_donor, prev_state, true, false, false, kZeroCycles});
}

}  // namespace rqsim
