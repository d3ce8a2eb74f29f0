// The wake-up path in its steps W1 … W5 (machine.md 5, proxy-exec.md 7.1 and 9), requests for a
// reschedule, and what crosses from one CPU to another.
#include "sim/machine/machine.h"

namespace rqsim {

// ------------------------------------------------------------------------------------------
// wake-up

// try_to_wake_up(): claims the task (up to W1). Returns whether it was asleep.
bool Machine::WakeTask(TaskId task, WakeFlags flags) {
  Task& t = MutableTask(task);
  // Asked for by the task itself before it sleeps: for its next wake-up.
  if (Has(flags, WakeFlags::kFreeSwitch)) contexts_[task.index()].free_switch = true;
  switch (t.state) {
    case TaskState::kRunning:
    case TaskState::kDead:
    case TaskState::kNew:
    case TaskState::kWaking:
      return false;
    case TaskState::kInterruptible:
    case TaskState::kUninterruptible:
    case TaskState::kKillable:
    case TaskState::kIdle:
    case TaskState::kParked:
      break;
  }
  Context& ctx = contexts_[task.index()];
  if (ctx.sleep_timer != EventQueue::kNone) {
    CancelTimerEvent(ctx.sleep_timer, Payload(Ev::kSleep, task.value()));
  }
  Emit(actor_, SchedWaking{{task, t.eff.prio, t.cpu}});
  if (actor_is_task_ && actor_.valid()) {
    AddCost(actor_, CostId::kWake, costs().c_wake);
    flags = flags | WakeFlags::kInTask;
  }
  if (t.on_cpu && cpu_store_[t.cpu.index()].curr == task) {
    // It has announced its sleep but still executes.
    t.state = TaskState::kRunning;
    Emit(actor_, SchedWakeup{{task, t.eff.prio, t.cpu}});
    EmitTtwu(task, actor_, t.cpu, flags);
    return true;
  }
  if (t.on_rq) return WakeQueuedTask(task, flags);
  if (t.migrating) {
    WakeInFlight(task, flags);
    return true;
  }
  if (t.parked_on.valid()) {
    Emit(actor_, ProxyPark{task, t.parked_on, 0});
    t.parked_on = TaskId();
  }
  t.is_blocked = false;
  t.state = TaskState::kWaking;
  PlaceWoken(task, flags, actor_);
  return true;
}

// W1: the task is claimed and on no runqueue.
void Machine::PlaceWoken(TaskId task, WakeFlags flags, CpuId waker) {
  if (has_holds_) {
    Held held;
    held.kind = Held::Kind::kPlace;
    held.task = task;
    held.flags = flags;
    held.waker = waker;
    if (HoldWork(Window::kW1, held)) return;
  }
  const Task& t = task_store_[task.index()];
  if (!t.on_cpu) {
    PlaceAndEnqueue(task, flags, waker, false);
  } else if (actor_.valid() && actor_ != t.cpu && UsesWakeList(task, actor_, t.cpu)) {
    AppendToWakeList(t.cpu, task);  // still being switched out there
    EmitTtwu(task, actor_, t.cpu, flags);
  } else {
    State(t.cpu).deferred = {task, flags, waker};
  }
}

// Between two runqueues: it wakes when it is on the second one (MODEL-116).
void Machine::WakeInFlight(TaskId task, WakeFlags flags) {
  MutableTask(task).state = TaskState::kWaking;
  for (CpuState& s : cpu_states_) {
    for (Arrival& arrival : s.arrivals) {
      if (arrival.task != task) continue;
      arrival.is_woken = true;
      arrival.flags = flags;
    }
  }
}

// A task that never left its runqueue: delayed, or kept queued as a donor.
bool Machine::WakeQueuedTask(TaskId task, WakeFlags flags) {
  Task& t = MutableTask(task);
  const CpuId c = t.cpu;
  const bool was_delayed = t.sched_delayed;
  if (was_delayed) {
    ChargeIfClass(c, task);
    if (t.sched_class == facts_.balanced_class) TrackLoad(c, task);
    ClassOf(task).Enqueue(*this, c, task, QueueReason::kWakeup);
    SetDelayed(task, false);
    Drain();
  }
  WakeAnswer answer = WakeAnswer::kInPlace;
  if (lock_hook_wake_ && (t.is_blocked || t.cpu != t.wake_cpu)) {
    answer = policies_.lock->WakeQueued(*this, task);
    Drain();
  }
  t.is_blocked = false;
  if (answer == WakeAnswer::kReturn || answer == WakeAnswer::kReturnResched) {
    // Refused in place: it leaves this runqueue and is placed anew.
    Emit(actor_, ProxyReturn{task, c});
    if (cpu_store_[c.index()].donor == task) {
      ResetDonor(c);
    } else if (answer == WakeAnswer::kReturnResched) {
      ReschedCpu(c, ReschedKind::kFull);
    }
    t.state = TaskState::kWaking;
    DequeueTask(c, task, QueueReason::kSpecialSleep);
    PlaceWoken(task, flags, actor_);
    return true;
  }
  if (!t.on_cpu) t.wake_cpu = c;  // this is its place from now on
  t.state = TaskState::kRunning;
  // The donor of this CPU would be held against itself: no class does that, or as much as books
  // time for it (fair.c: wakeup_preempt_fair() returns before update_curr()).
  if (!t.on_cpu && cpu_store_[c.index()].donor != task) WakeupPreempt(c, task, flags);
  if (answer == WakeAnswer::kInPlaceResched) ReschedCpu(c, ReschedKind::kFull);
  Emit(actor_, SchedWakeup{{task, t.eff.prio, c}});
  EmitTtwu(task, actor_, c, flags);
  if (was_delayed && lock_hook_enqueued_) {
    policies_.lock->Enqueued(*this, task, c);
    Drain();
  }
  return true;
}

// W2: chooses the CPU; then the task is enqueued there by us, or by that CPU itself.
void Machine::PlaceAndEnqueue(TaskId task, WakeFlags flags, CpuId waker, bool is_new) {
  const CpuId before = task_store_[task.index()].cpu;
  const CpuId target = ChooseCpu(task, waker, flags);
  SetTaskCpu(task, target, true);
  if (has_holds_ && !is_new) {
    Held held;
    held.kind = Held::Kind::kEnqueue;
    held.task = task;
    held.flags = flags;
    held.waker = waker;
    held.cpu = target;
    held.before = before;
    if (HoldWork(Window::kW2, held)) return;
  }
  EnqueueWoken(target, task, flags, waker, is_new);
  if (!is_new) EmitTtwu(task, waker, before, flags);
}

void Machine::EnqueueWoken(CpuId target, TaskId task, WakeFlags flags, CpuId waker, bool is_new) {
  if (!is_new && waker.valid() && UsesWakeList(task, waker, target)) {
    AppendToWakeList(target, task);
  } else {
    ActivateWoken(target, task, flags, is_new);
  }
}

// ttwu_stat(). `before` is the CPU it was on.
void Machine::EmitTtwu(TaskId task, CpuId waker, CpuId before, WakeFlags flags) {
  const CpuId target = task_store_[task.index()].cpu;
  Emit(actor_, TtwuStat{task, waker, target, static_cast<int16_t>(target != before ? 1 : 0),
                        static_cast<int16_t>(Has(flags, WakeFlags::kSync) ? 1 : 0)});
}

// The enqueue and what follows it, in the order of machine.md 5 rule 7.
void Machine::ActivateWoken(CpuId c, TaskId task, WakeFlags flags, bool is_new) {
  Task& t = MutableTask(task);
  // Traced where the waker runs; what comes from outside counts as having happened on the target.
  const CpuId where = actor_.valid() ? actor_ : c;
  t.state = TaskState::kRunning;
  EnqueueTask(c, task, is_new ? QueueReason::kNew : QueueReason::kWakeup);
  if (is_new) {
    Emit(where, SchedWakeupNew{{task, t.eff.prio, c}});
    WakeupPreempt(c, task, flags);
  } else {
    WakeupPreempt(c, task, flags);
    Emit(where, SchedWakeup{{task, t.eff.prio, c}});
  }
  if (policies_.rows[policies_.class_ids[t.sched_class].index()].hooks.Has(Hook::kTaskWoken)) {
    ClassOf(task).TaskWoken(*this, c, task);
    Drain();
    RunCallbacks();
  }
  if (lock_hook_enqueued_) {
    policies_.lock->Enqueued(*this, task, c);  // W5: who is parked on it follows
    Drain();
  }
}

CpuId Machine::ChooseCpu(TaskId task, CpuId waker, WakeFlags flags) {
  const Task& t = task_store_[task.index()];
  CpuId target = t.wake_cpu;
  if (t.migration_disabled > 0) {
    target = t.cpu;
  } else if (t.nr_cpus_allowed == 1) {
    target = t.cpus_allowed.First();
  } else if (Has(flags, WakeFlags::kCurrentCpu) && waker.valid() &&
             t.cpus_allowed.Contains(waker)) {
    target = waker;
  } else if (policies_.rows[policies_.class_ids[t.sched_class].index()].hooks.Has(
                 Hook::kSelectCpu)) {
    target = ClassOf(task).SelectCpu(*this, task, waker, flags);
    Drain();
  } else {
    target = policies_.placement->SelectCpu(*this, task, waker, flags);
    Drain();
  }
  if (MayRunOn(task, target)) return target;
  target = policies_.placement->FallbackCpu(*this, target.valid() ? target : t.cpu, task);
  Drain();
  return target;
}

void Machine::SetTaskCpu(TaskId task, CpuId to, bool full_placement) {
  RQSIM_CHECK(to.valid());  // task_cpu() is never negative (MODEL-264)
  Task& t = MutableTask(task);
  if (t.cpu != to) {
    Emit(actor_, SchedMigrateTask{task, t.eff.prio, t.cpu, to});
    ++contexts_[task.index()].sums.nr_migrations;
    t.last_ran = Time(-1);
  }
  const bool stays = t.cpu == to && plan_.faults.stale_wake_cpu;
  t.cpu = to;
  if (full_placement && !stays) t.wake_cpu = to;
}

// classes.md 3.4: the dispatch of a wake-up among classes. 7.2 remembers a pending upgrade, 6.12
// compares with what runs.
void Machine::WakeupPreempt(CpuId c, TaskId woken, WakeFlags flags) {
  Cpu& cpu = MutableCpu(c);
  const uint8_t woken_class = task_store_[woken.index()].sched_class;
  if (facts_.kernel == KernelVersion::k6_12) {
    cpu.next_class = task_store_[cpu.donor.index()].sched_class;
  }
  if (woken_class > cpu.next_class) return;
  SchedClass& asked = *policies_.classes[cpu.next_class];
  if (cpu.donor != kIdleTask && task_store_[cpu.donor.index()].sched_class == cpu.next_class)
    Charge(c);
  asked.WakeupPreempt(*this, c, woken, flags);
  Drain();
  if (woken_class < cpu.next_class) {
    ReschedCpu(c, ReschedKind::kFull);
    if (facts_.kernel == KernelVersion::k7_2) cpu.next_class = woken_class;
  }
}

// machine.md 5 rule 6: does the target enqueue the task itself, when the IPI has reached it?
bool Machine::UsesWakeList(TaskId task, CpuId waker, CpuId target) const {
  const Task& t = task_store_[task.index()];
  const Cpu& to = cpu_store_[target.index()];
  if (!to.active || !t.cpus_allowed.Contains(target) || t.eff.policy == SchedPolicy::kStop)
    return false;
  if (cpu_store_[waker.index()].llc != to.llc) return true;
  return target != waker && to.nr_running == 0;
}

bool Machine::IsOnWakeList(TaskId task) const {
  const Task& t = task_store_[task.index()];
  if (t.state != TaskState::kWaking) return false;
  TaskId at = cpu_states_[t.cpu.index()].wake_list_head;
  while (at.valid() && at != task) at = contexts_[at.index()].wake_next;
  return at.valid();
}

void Machine::AppendToWakeList(CpuId target, TaskId task) {
  CpuState& s = State(target);
  contexts_[task.index()].wake_next = TaskId();
  if (s.wake_list_tail.valid()) {
    contexts_[s.wake_list_tail.index()].wake_next = task;
  } else {
    s.wake_list_head = task;
  }
  s.wake_list_tail = task;
  MutableCpu(target).ttwu_pending = true;
  if (s.wake_list_ipi) return;  // MODEL-53: the one under way will find it
  s.wake_list_ipi = true;
  SendIpi(actor_, {IpiKind::kWakeList, target, -1});
}

// ------------------------------------------------------------------------------------------
// requests

// resched_curr(): sets a flag of `target`; another CPU learns of the full one by an IPI.
void Machine::ReschedCpu(CpuId target, ReschedKind kind) {
  Cpu& cpu = MutableCpu(target);
  if (State(target).waits_to_retry) {
    StopWaitingToRetry(target);
    cpu.need_resched = false;
  }
  if (!cpu.online || cpu.need_resched) return;
  TakeTicks(target);
  const bool lazy =
      kind == ReschedKind::kLazy && facts_.preempt == PreemptMode::kLazy && cpu.curr != kIdleTask;
  if (lazy) {
    if (cpu.need_resched_lazy) return;
    cpu.need_resched_lazy = true;
    Emit(target, SchedSetNeedResched{cpu.curr, 1});
    return;
  }
  cpu.need_resched = true;
  Emit(target, SchedSetNeedResched{cpu.curr, 0});
  if (spinning_.Test(target) && SpinOf(target).watch.need_resched) Look(target);
  if (!actor_.valid()) {
    MarkResched(target);
  } else if (target != actor_) {
    SendIpi(actor_, {IpiKind::kResched, target, -1});
  }
}

// The CPU reschedules at the end of this instant, if it is at a preemption point now.
void Machine::MarkResched(CpuId c) {
  if (State(c).mode != Mode::kOverhead && PreemptionPoint(c)) resched_due_.Set(c);
}

// ------------------------------------------------------------------------------------------ IPIs

// Leaves at the end of the sender's overhead. An idle CPU that polls needs none.
void Machine::SendIpi(CpuId from, const OutgoingIpi& ipi) {
  const bool polls = ipi.kind != IpiKind::kCall && ipi.kind != IpiKind::kKick &&
                     ipi.kind != IpiKind::kBalance && PollsIdle(ipi.target);
  if (polls) {
    Emit(from, SchedWakeIdleWithoutIpi{ipi.target});
    PushIpi(costs().l_idle_poll, ipi.target, Payload(Ev::kPollNotice, ipi.target.value()));
    return;
  }
  const bool calls = ipi.kind == IpiKind::kCall || ipi.kind == IpiKind::kBalance;
  const IpiReason reason = calls                            ? IpiReason::kCall
                           : ipi.kind == IpiKind::kWakeList ? IpiReason::kWakeList
                                                            : IpiReason::kResched;
  Emit(from, IpiSendCpu{ipi.target, reason});
  // MODEL-51: an interrupt handler pays for sending too; only c_wake is covered by its own cost.
  AddCost(from, CostId::kIpiSend, costs().c_ipi_send);
  State(from).outbox.push_back(ipi);
}

// On its way to `target` from now on. Before the timers there, where they are of one phase.
void Machine::PushIpi(Cycles latency, CpuId target, uint32_t payload) {
  queue_.PushFirst(now_ + latency, latency == kZeroCycles ? Phase::kIpi : order_.late_ipi, target,
                   payload);
}

// The sender's cost is paid: what it sent is on its way. A wake-up list without latency waits for
// the sender's own schedule() of this instant (machine.md 2.2).
void Machine::FlushOutbox(CpuId c) {
  CpuState& s = State(c);
  for (const OutgoingIpi& ipi : s.outbox) {
    switch (ipi.kind) {
      case IpiKind::kResched:
        PushIpi(costs().l_ipi, ipi.target, Payload(Ev::kResched, ipi.target.value()));
        break;
      case IpiKind::kKick:
        PushIpi(costs().l_ipi, ipi.target, Payload(Ev::kKick, ipi.target.value()));
        break;
      case IpiKind::kCall:
        PushIpi(costs().l_call, ipi.target, Payload(Ev::kCall, ipi.call));
        break;
      case IpiKind::kWakeList:
        if (costs().l_ipi == kZeroCycles) {
          s.held_ipis.push_back(ipi);
        } else {
          PushIpi(costs().l_ipi, ipi.target, Payload(Ev::kWakeList, ipi.target.value()));
        }
        break;
      case IpiKind::kBalance:
        if (costs().l_call == kZeroCycles) {
          s.held_ipis.push_back(ipi);
        } else {
          PushIpi(costs().l_call, ipi.target, Payload(Ev::kBalance, ipi.target.value()));
        }
        break;
    }
  }
  s.outbox.clear();
}

// The end of an event of `c`: nothing that it caused is left lying about.
void Machine::EndOfEvent(CpuId c) {
  CpuState& s = State(c);
  if (s.wants_elision) TryElide(c);
  if (s.mode != Mode::kOverhead) {
    if (s.num_parts > 0) BeginOverhead(c, After::kNothing);
    if (s.mode != Mode::kOverhead && !s.outbox.empty()) FlushOutbox(c);
  }
  if (s.held_ipis.empty() || resched_due_.Test(c)) return;
  for (const OutgoingIpi& ipi : s.held_ipis) {
    const Ev kind = ipi.kind == IpiKind::kWakeList ? Ev::kWakeList : Ev::kBalance;
    PushIpi(kZeroCycles, ipi.target, Payload(kind, ipi.target.value()));
  }
  s.held_ipis.clear();
}

// ------------------------------------------------------------------------------------------ others

void Machine::SignalTask(TaskId task, SignalKind kind) {
  Task& t = MutableTask(task);
  if (t.state == TaskState::kDead || t.state == TaskState::kNew || task == kIdleTask) return;
  TakeTicks(t.cpu);
  t.pending_signals |= 1u << static_cast<unsigned>(kind);
  Emit(actor_, SignalGenerate{task, kind == SignalKind::kKill ? 9 : 10});
  Context& ctx = contexts_[task.index()];
  // To itself, on its way to sleep: the sleep sees it and does not happen.
  const bool itself =
      actor_is_task_ && t.on_cpu && t.cpu == actor_ && cpu_store_[t.cpu.index()].curr == task;
  const bool through = !itself && (t.state == TaskState::kInterruptible ||
                                   (t.state == TaskState::kKillable && kind == SignalKind::kKill));
  if (through) {
    if (lock_hook_signalled_ && t.blocked_on.valid()) {
      policies_.lock->Signalled(*this, task);
      Drain();
    }
    Top(ctx).frame.result = kEINTR;
    LeaveWaitable(task);
    if (t.on_rq && t.is_blocked && plan_.faults.signal_in_place) {
      t.state = TaskState::kRunning;
      return;
    }
    WakeTask(task, WakeFlags::kNone);
    return;
  }
  // Executing user code elsewhere: made to pass the kernel's exit (kick_process()).
  if (!t.on_cpu || cpu_store_[t.cpu.index()].curr != task || t.cpu == actor_) return;
  if (actor_.valid()) {
    SendIpi(actor_, {IpiKind::kKick, t.cpu, -1});
  } else {
    PushIpi(kZeroCycles, t.cpu, Payload(Ev::kKick, t.cpu.value()));
  }
}

// Moves a queued task that does not execute (classes.md 4.11).
void Machine::MoveQueuedTask(TaskId task, CpuId to) {
  Task& t = MutableTask(task);
  if (t.cpu == to || !t.on_rq || (t.on_cpu && cpu_store_[t.cpu.index()].curr == task)) return;
  const CpuId from = t.cpu;
  DequeueTask(from, task, t.sched_delayed ? QueueReason::kSpecialSleep : QueueReason::kMigrate);
  const bool asleep = t.state != TaskState::kRunning && !t.is_blocked;
  SetTaskCpu(task, to, !t.is_blocked);
  if (asleep) return;  // its delayed dequeue is complete: it sleeps, and wakes elsewhere
  EnqueueTask(to, task, QueueReason::kMigrate);
  WakeupPreempt(to, task, WakeFlags::kNone);
}

// The first wake-up of a new task (wake_up_new_task()): never over the wake-up list.
void Machine::SpawnTask(TaskId task, CpuId waker, WakeFlags flags) {
  Task& t = MutableTask(task);
  Context& ctx = contexts_[task.index()];
  ctx.started = now_;
  CreateKthread(task);
  CallAboutKthread(KthreadCall::Kind::kFirstWake, task, CpuSet());
  const bool forked = Has(flags, WakeFlags::kFork);
  CpuId target = t.cpu;
  if (forked) {
    target = ChooseCpu(task, waker, flags);
  } else if (!MayRunOn(task, target)) {
    target = policies_.placement->FallbackCpu(*this, target, task);
    Drain();
  }
  t.cpu = t.wake_cpu = target;
  AdmitNew(task);
  NotifyTask(task, TaskChange::kNew);
  ActivateWoken(target, task, flags, true);
}

}  // namespace rqsim
