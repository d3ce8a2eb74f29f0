// What interrupts a CPU: IPIs, timers, the tick; and what comes from outside. A handler's effects
// happen at its start, its cost follows (machine.md 2.3). What arrives while interrupts are off
// waits, in arrival order.
#include "sim/machine/machine.h"

namespace rqsim {

void Machine::Interrupt(CpuId c, uint32_t payload) {
  CpuState& s = State(c);
  if (!cpu_store_[c.index()].online && InterruptOffline(c, payload)) return;
  LeaveIdle(c);
  const bool masked =
      s.mode == Mode::kOverhead ||
      ((s.mode == Mode::kRun || s.mode == Mode::kPaused) && CurrMode(c) == RunMode::kIrqsOff);
  if (masked) {
    const auto index = static_cast<std::size_t>(payload & 0xffffff);
    if (static_cast<Ev>(payload >> 24) == Ev::kSleep) contexts_[index].sleep_timer = kHeld;
    if (static_cast<Ev>(payload >> 24) == Ev::kTimer) timers_[index].handle = kHeld;
    if (static_cast<Ev>(payload >> 24) == Ev::kHrtick) s.hrtick_event = kHeld;
    s.irqs.push_back(payload);
    return;
  }
  const bool was_paused = s.mode == Mode::kPaused;
  HandleInterrupt(c, payload);
  if (s.num_parts > 0) {
    BeginOverhead(c, After::kNothing);
    return;
  }
  if (s.mode == Mode::kOverhead || was_paused) return;
  if (!s.outbox.empty()) FlushOutbox(c);
  if (PreemptionPoint(c)) {
    resched_due_.Set(c);
  } else if (static_cast<Ev>(payload >> 24) == Ev::kKick) {
    Kick(c);
  } else if (spinning_.Test(c) && SpinOf(c).watch.interrupt) {
    Look(c);
  }
}

// Stops a timer, also one that has expired and waits for its interrupt: whoever cancels it must not
// hear of it any more. Precondition: `handle` is not kNone.
void Machine::CancelTimerEvent(EventQueue::Handle& handle, uint32_t payload) {
  if (handle != kHeld) {
    queue_.Cancel(handle);
  } else {
    for (CpuState& s : cpu_states_) std::erase(s.irqs, payload);
  }
  handle = EventQueue::kNone;
}

// The handler's effects; its costs are added to the CPU's overhead.
void Machine::HandleInterrupt(CpuId c, uint32_t payload) {
  const auto index = static_cast<int32_t>(payload & 0xffffff);
  actor_ = c;
  actor_is_task_ = false;
  if (State(c).waits_to_retry) StopWaitingToRetry(c);
  switch (static_cast<Ev>(payload >> 24)) {
    case Ev::kResched:
      Emit(c, IpiEntry{IpiReason::kResched});
      AddCost(c, CostId::kIpiRecv, costs().c_ipi_recv);
      break;
    case Ev::kKick:
      Emit(c, IpiEntry{IpiReason::kResched});
      AddCost(c, CostId::kIpiRecv, costs().c_ipi_recv);
      break;
    case Ev::kBalance:
      Emit(c, IpiEntry{IpiReason::kCall});
      AddCost(c, CostId::kCall, costs().c_call);
      DriveBalance(c, policies_.placement->KickedBalance(*this, c));
      break;
    case Ev::kPollNotice:
      HandleWakeList(c);
      break;
    case Ev::kWakeList:
      Emit(c, IpiEntry{IpiReason::kWakeList});
      AddCost(c, CostId::kIpiRecv, costs().c_ipi_recv);
      HandleWakeList(c);
      break;
    case Ev::kCall:
      Emit(c, IpiEntry{IpiReason::kCall});
      HandleCall(c, index);
      break;
    case Ev::kSleep:
    case Ev::kTimer:
    case Ev::kHrtick:
    case Ev::kGrace:
      TimerInterrupt(c, payload);
      break;
    case Ev::kTick:
      // In the phase of timers it is one of them.
      if (order_.tick == Phase::kTimer) {
        TimerInterrupt(c, payload);
      } else {
        HandleTick(c);
      }
      break;
    case Ev::kEnd:
    case Ev::kExt:
    case Ev::kIdlePath:
    case Ev::kHeld:
    case Ev::kIdleRetry:
    case Ev::kFault:
      break;
  }
  if (State(c).ticked) EndOfTick(c);
}

// A tick is one where it stands among them.
bool Machine::IsTimer(Ev kind) const {
  return kind == Ev::kSleep || kind == Ev::kTimer || kind == Ev::kHrtick || kind == Ev::kGrace ||
         (kind == Ev::kTick && order_.tick == Phase::kTimer);
}

// One interrupt runs every timer of this CPU that has expired: those of this instant, or all that
// waited (MODEL-52).
void Machine::TimerInterrupt(CpuId c, uint32_t first) {
  CpuState& s = State(c);
  AddCost(c, CostId::kTimer, costs().c_timer);
  TimerEffect(c, first);
  while (!queue_.empty() && queue_.TopKey().t() == now_ &&
         queue_.TopKey().phase() == Phase::kTimer && queue_.TopKey().cpu() == c) {
    ++events_this_instant_;
    TimerEffect(c, PopTop());
  }
  while (!s.irqs.empty()) {
    const auto kind = static_cast<Ev>(s.irqs.front() >> 24);
    if (!IsTimer(kind)) break;
    const uint32_t payload = s.irqs.front();
    s.irqs.erase(s.irqs.begin());
    TimerEffect(c, payload);
  }
}

void Machine::TimerEffect(CpuId c, uint32_t payload) {
  const auto index = static_cast<int32_t>(payload & 0xffffff);
  if (static_cast<Ev>(payload >> 24) == Ev::kTick) {
    HandleTick(c);
    return;
  }
  AddCost(c, CostId::kTimerEach, costs().c_timer_each);
  switch (static_cast<Ev>(payload >> 24)) {
    case Ev::kSleep: {
      const TaskId task(index);
      Context& ctx = contexts_[task.index()];
      ctx.sleep_timer = EventQueue::kNone;
      Top(ctx).frame.result = kETIMEDOUT;
      LeaveWaitable(task);
      WakeTask(task, WakeFlags::kNone);
      break;
    }
    case Ev::kGrace:
      for (std::size_t i = 0; i < graces_.size(); ++i) {
        if (graces_[i].task.value() != index || !graces_[i].open.empty()) continue;
        graces_.erase(graces_.begin() + static_cast<std::ptrdiff_t>(i));
        WakeTask(TaskId(index), WakeFlags::kNone);
        break;
      }
      break;
    case Ev::kHrtick: {
      State(c).hrtick_event = EventQueue::kNone;
      MutableCpu(c).hrtick_queued = false;
      // core.c: hrtick(). Whoever is the donor by now, of whatever class.
      const TaskId donor = cpu_store_[c.index()].donor;
      if (donor == kIdleTask) break;
      Charge(c);
      ClassOf(donor).Tick(*this, c, donor, TickKind::kSlice);
      Drain();
      break;
    }
    default: {
      PolicyTimer& timer = timers_[static_cast<std::size_t>(index)];
      timer.handle = EventQueue::kNone;
      const PolicyRow& row = policies_.rows[timer.ref.policy.index()];
      const TimerInfo& info = row.info->timers[static_cast<std::size_t>(timer.ref.which)];
      const CpuId charged = info.per_cpu ? CpuId(timer.ref.owner) : c;
      const TaskId donor = cpu_store_[charged.index()].donor;
      if (info.charges_donor ||
          (donor != kIdleTask &&
           policies_.class_ids[task_store_[donor.index()].sched_class] == timer.ref.policy)) {
        Charge(charged);
      }
      row.policy->OnTimer(*this, timer.ref, c);
      Drain();
      RunCallbacks();
      break;
    }
  }
}

// machine.md 4.1, Linux 7.2 kernel/sched/core.c: sched_tick().
void Machine::HandleTick(CpuId c) {
  CpuState& s = State(c);
  Cpu& cpu = MutableCpu(c);
  ++s.sums.ticks;
  s.wants_elision = may_elide_;
  AddCost(c, CostId::kTick, costs().c_tick);
  if (cpu.need_resched_lazy) ReschedCpu(c, ReschedKind::kFull);
  Charge(c);
  if (cpu.donor != kIdleTask) {
    ClassOf(cpu.donor).Tick(*this, c, cpu.donor, TickKind::kPeriodic);
    Drain();
    if (task_store_[cpu.donor.index()].sched_class == facts_.balanced_class) {
      TrackLoad(c, cpu.donor);
    }
    TrackStrongLoad(c, cpu.donor);
  }
  Emit(c, Tick{cpu.curr, cpu.donor});
  if (cpu.curr != kIdleTask) SetTickless(c, false);
  if (balances_on_tick_ && cpu.active) {
    s.balance_idle = IsIdle(c) ? IdleKind::kIdle : IdleKind::kBusy;
    s.balance_due = policies_.placement->TickBalance(*this, c, s.balance_idle);
    Drain();
  }
  ArmTick(c);
  s.ticked = true;
}

// The end of an interrupt that had a tick: the balancing that the tick asked for, and a CPU that
// wants no more ticks stops them; an idle one that has had its tick does (kernel/sched/idle.c:
// do_idle()).
void Machine::EndOfTick(CpuId c) {
  State(c).ticked = false;
  RunBalance(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (cpu.need_resched || TickWanted(c)) return;
  StopTick(c);
  if (cpu.curr == kIdleTask) SetTickless(c, true);
}

// The tasks that other CPUs put on this CPU's wake-up list are enqueued here.
void Machine::HandleWakeList(CpuId c) {
  CpuState& s = State(c);
  TaskId task = s.wake_list_head;
  s.wake_list_head = s.wake_list_tail = TaskId();
  s.wake_list_ipi = false;
  MutableCpu(c).ttwu_pending = false;
  while (task.valid()) {
    const TaskId next = contexts_[task.index()].wake_next;
    AddCost(c, CostId::kTtwuEach, costs().c_ttwu_each);
    ActivateWoken(c, task, WakeFlags::kNone, false);
    task = next;
  }
}

// A function-call IPI: OnCall now; a sender that waits goes on when the handler has ended.
void Machine::HandleCall(CpuId c, int32_t index) {
  const Call call = calls_[static_cast<std::size_t>(index)];
  if (!call.done) {
    AddCost(c, CostId::kCall, costs().c_call);
    policies_.rows[call.message.policy.index()].policy->OnCall(*this, c, call.message);
    Drain();
    calls_[static_cast<std::size_t>(index)].done = true;
    if (costs().c_call > kZeroCycles) {
      // Its end is when the overhead that begins here is over; interrupts that wait come after it.
      State(c).ended_calls.push_back(index);
      return;
    }
  }
  EndCall(index);
}

void Machine::EndCall(int32_t index) {
  Call& call = calls_[static_cast<std::size_t>(index)];
  const CpuId from = call.from;
  const bool waited = call.waited;
  call.next_free = free_call_;
  free_call_ = index;
  if (!waited) return;
  TakeTicks(from);
  CpuState& s = State(from);
  Context& ctx = Ctx(from);
  Level& level = Top(ctx);
  level.resume = Resume::kAdvance;
  if (s.mode == Mode::kRun) {
    s.seg_start = now_;
    seg_end_due_.Set(from);
  }
}

// The kernel's exit is passed although nothing asked for a reschedule: signals are seen.
void Machine::Kick(CpuId c) {
  CpuState& s = State(c);
  if (s.mode != Mode::kRun || cpu_store_[c.index()].curr == kIdleTask) return;
  if (CurrMode(c) != RunMode::kUser) return;
  PauseSegment(c);
  s.mode = Mode::kPaused;
  AddCost(c, CostId::kExc, costs().c_exc);
  BeginOverhead(c, After::kNothing);
}

// Actions of the scenario. They act at once, also on a CPU in an overhead; what they ask for waits
// for the CPU.
void Machine::DoExt(int32_t index) {
  const ExtAction action = actions_[static_cast<std::size_t>(index)];
  ++next_action_;
  ArmExt();
  actor_is_task_ = false;
  if (action.spawn.valid()) {
    if (IsCreatedBeforeWake(action.spawn) && !contexts_[action.spawn.index()].created) {
      CreateKthread(action.spawn);
      return;
    }
    if (StartsParked(action.spawn)) return;
    Emit(CpuId(), SchedProcessFork{TaskId(), action.spawn});
    SpawnTask(action.spawn, CpuId(), WakeFlags::kNone);
    return;
  }
  if (action.hotplug >= 0) {
    AskHotplug(action.hotplug);
    return;
  }
  const ActionSpec& spec = plan_.scenario.actions[static_cast<std::size_t>(action.action)];
  TaskId task;
  for (int id = 1; id < num_tasks_made_; ++id) {
    if (names_[static_cast<std::size_t>(id)] == spec.task) task = TaskId(id);
  }
  if (!task.valid() && spec.kind != ActionKind::kIsolate) return;
  switch (spec.kind) {
    case ActionKind::kWake:
      LeaveWaitable(task);
      WakeTask(task, WakeFlags::kNone);
      break;
    case ActionKind::kSignal:
      SignalTask(task, spec.signal);
      break;
    case ActionKind::kSetSched: {
      ChangeSched(task, AttrOf(spec.sched));
      break;
    }
    case ActionKind::kSetAffinity: {
      bool must_wait = false;
      ChangeAffinity(task, spec.cpus, AffinityCall::kUser, TaskId(), must_wait);
      break;
    }
    case ActionKind::kAffinePreferred:
      CallAboutKthread(KthreadCall::Kind::kAffinePreferred, task, spec.cpus);
      break;
    case ActionKind::kAffinePreferredUpdate:
      CallAboutKthread(KthreadCall::Kind::kAffinePreferredUpdate, task, spec.cpus);
      break;
    case ActionKind::kBind:
      CallAboutKthread(KthreadCall::Kind::kBind, task, spec.cpus);
      break;
    case ActionKind::kIsolate:
      CallAboutKthread(KthreadCall::Kind::kIsolate, TaskId(), spec.cpus);
      break;
    case ActionKind::kMoveToCpuset:
      MoveToCpuset(task, spec.cpus);
      break;
  }
}

}  // namespace rqsim
