// What policies ask for, and the words they change at once.
#include "sim/machine/machine.h"

namespace rqsim {

// ------------------------------------------------------------------------------------------ words

void Machine::SetLockOwner(LockId id, TaskId owner, uint8_t flags) {
  Lock& lock = lock_store_[id.index()];
  if (actor_.valid()) lock.last_writer = actor_;
  if (lock.owner == owner && lock.flags == flags) return;
  lock.owner = owner;
  lock.flags = flags;
  Emit(actor_, MutexWord{id, owner, flags});
  Watchers(id, WordId(), TaskId());
}

WordResult Machine::Load(WordId id) const {
  if (!word_present_[id.index()]) return {false, true, 0};
  return {true, false, words_[id.index()]};
}

WordResult Machine::Store(WordId id, int64_t value) { return Exchange(id, value); }

WordResult Machine::Exchange(WordId id, int64_t value) {
  if (!word_present_[id.index()]) return {false, true, 0};
  const int64_t old = words_[id.index()];
  words_[id.index()] = value;
  if (old != value) Watchers(LockId(), id, TaskId());
  return {true, false, old};
}

WordResult Machine::CompareExchange(WordId id, int64_t expected, int64_t value) {
  const WordResult before = Load(id);
  if (before.fault) return before;
  if (before.old != expected) return {false, false, before.old};
  return Exchange(id, value);
}

void Machine::SetWordsPresent(PolicyId policy, TaskId task, bool present) {
  const int words = policies_.rows[policy.index()].info->words_per_task;
  for (int k = 0; k < words; ++k) word_present_[WordOf(policy, task, k).index()] = present;
}

WordId Machine::WordOf(PolicyId policy, TaskId task, int k) const {
  const PolicyRow& row = policies_.rows[policy.index()];
  RQSIM_CHECK(k >= 0 && k < row.info->words_per_task);
  return WordId(row.first_word + task.value() * row.info->words_per_task + k);
}

bool Machine::WantsDeclared(PolicyId policy, int index) const {
  return emit_wanted_[static_cast<std::size_t>(policies_.rows[policy.index()].first_event) +
                      static_cast<std::size_t>(index)];
}

void Machine::EmitDeclared(PolicyId policy, int index, const PolicyEventPayload& payload) {
  const auto kind = static_cast<std::size_t>(policies_.rows[policy.index()].first_event) +
                    static_cast<std::size_t>(index);
  if (!emit_wanted_[kind]) return;
  TraceEvent event{};
  event.kind_bits = kind & 0xfff;
  static_assert(sizeof(payload) == sizeof(event.a));
  std::memcpy(event.a, &payload, sizeof(payload));
  Request& request = Add(Request::Kind::kEmit);
  request.event = event;
  request.cpu = actor_;
}

// ------------------------------------------------------------------------------------------
// requests

// Carries out what the hook or step that just returned asked for. Carrying out may call further
// hooks, whose own requests come right after the one that caused them.
void Machine::DrainRequests() {
  const int first = drained_;
  const int last = num_requests_;
  drained_ = last;
  for (int i = first; i < last; ++i) {
    Request& request = request_store_[static_cast<std::size_t>(i)];
    if (num_held_ > 0 && actor_.valid() && !State(actor_).held.empty()) {
      // A window holds this CPU: the rest comes when it goes on.
      Held rest;
      rest.kind = Held::Kind::kRequest;
      rest.by_task = actor_is_task_;
      rest.request = request;
      State(actor_).held.push_back(rest);
      ++num_held_;
      continue;
    }
    Carry(request);
  }
  num_requests_ = first;
  drained_ = first;
  if (too_many_requests_) {
    too_many_requests_ = false;
    PolicyBroke(PolicyId(0), ViolationCode::kTooManyRequests, TaskId(), kMaxRequests);
  }
}

void Machine::Carry(Request& request) {
  switch (request.kind) {
    case Request::Kind::kWake:
      WakeTask(request.task, request.wake_flags);
      break;
    case Request::Kind::kResched:
      ReschedCpu(request.cpu, request.resched);
      break;
    case Request::Kind::kArmTimer: {
      const int32_t timer = TimerIndex(request.timer);
      if (request.flag) {
        CpuState& s = State(request.cpu);
        if (s.in_schedule) {
          s.after_switch_timers.push_back({timer, Cycles(request.at.cycles())});
          break;
        }
        ArmPolicyTimer(timer, request.cpu, now_ + Cycles(request.at.cycles()));
        break;
      }
      ArmPolicyTimer(timer, request.cpu, request.at);
      break;
    }
    case Request::Kind::kCancelTimer:
      CancelPolicyTimer(TimerIndex(request.timer));
      break;
    case Request::Kind::kStartHrtick: {
      CpuState& s = State(request.cpu);
      const Cycles after(request.at.cycles());
      if (s.in_schedule) {
        s.starts_hrtick = true;
        s.hrtick_after = after;
        s.hrtick_slop = request.slop;
      } else {
        ArmHrtick(request.cpu, now_ + after, request.slop);
      }
      break;
    }
    case Request::Kind::kSignal:
      SignalTask(request.task, request.signal);
      break;
    case Request::Kind::kMoveTask:
      MoveQueuedTask(request.task, request.cpu);
      break;
    case Request::Kind::kEnqueueOn: {
      if (has_holds_) {
        Held held;
        held.kind = Held::Kind::kActivate;
        held.task = request.task;
        held.owner = task_store_[request.task.index()].parked_on;
        held.cpu = request.cpu;
        if (HoldWork(Window::kW5, held)) break;
      }
      ActivateParked(request.task, task_store_[request.task.index()].parked_on, request.cpu);
      break;
    }
    case Request::Kind::kFinishDequeue:
      Emit(actor_, SchedUndelay{request.task});
      TrackLoad(task_store_[request.task.index()].cpu, request.task);
      TaskLeft(task_store_[request.task.index()].cpu, request.task);
      break;
    case Request::Kind::kSetSched:
      ChangeSched(request.task, request.attr);
      break;
    case Request::Kind::kSetEffective: {
      Task& t = MutableTask(request.task);
      if (t.eff == request.attr) break;
      Emit(actor_, SchedPiSetprio{request.task, t.eff.prio, request.attr.prio, request.other});
      ApplyEffective(request.task, request.attr);
      break;
    }
    case Request::Kind::kSetAffinity: {
      bool must_wait = false;
      ChangeAffinity(request.task, request.cpus, AffinityCall::kKernel, request.other, must_wait);
      break;
    }
    case Request::Kind::kForceAffinity:
      ForceCpus(request.task, request.cpus);
      break;
    case Request::Kind::kBindKthread:
      ForceCpus(request.task, request.cpus);
      MutableTask(request.task).no_setaffinity = true;
      break;
    case Request::Kind::kSetPerCpuKthread:
      MutableTask(request.task).per_cpu_kthread = request.flag;
      break;
    case Request::Kind::kSetHousekeeping:
      housekeeping_ = request.cpus & facts_.possible;
      break;
    case Request::Kind::kUpdateCpusets:
      UpdateCpusetsNow();
      break;
    case Request::Kind::kSetBlockedOn:
      SetBlockedOnNow(request.task, request.lock);
      break;
    case Request::Kind::kClearBlockedGate:
      MutableTask(request.task).is_blocked = false;
      MutableTask(request.task).state = TaskState::kRunning;  // MODEL-113
      break;
    case Request::Kind::kAddWakeCost:  // MODEL-115
      if (actor_is_task_ && actor_.valid()) {
        AddCost(actor_, CostId::kPolicy, Cycles(request.at.cycles()));
      }
      break;
    case Request::Kind::kSetBlockedDonor:
      SetLink(request.task, request.other);
      break;
    case Request::Kind::kSetOnline:
    case Request::Kind::kSetActive:
    case Request::Kind::kSetDying:
    case Request::Kind::kSetPush:
    case Request::Kind::kSetQueueOnline:
    case Request::Kind::kWhenVacated:
    case Request::Kind::kMoveTimers:
    case Request::Kind::kMoveTasks:
    case Request::Kind::kRunInIdle:
    case Request::Kind::kRetryHotplug:
      CarryHotplug(request);
      break;
    case Request::Kind::kPark:
      AskToPark(request.task, request.other);
      break;
    case Request::Kind::kUnpark:
      MutableTask(request.task).should_park = false;
      if (task_store_[request.task.index()].state == TaskState::kParked) {
        WakeTask(request.task, WakeFlags::kNone);
      }
      break;
    case Request::Kind::kSendCall: {
      if (!cpu_store_[request.cpu.index()].online) break;
      const int32_t call = NewCall(request.message, TaskId(), actor_, request.cpu, false);
      if (actor_.valid()) {
        SendIpi(actor_, {IpiKind::kCall, request.cpu, call});
      } else {
        PushIpi(costs().l_call, request.cpu, Payload(Ev::kCall, call));
      }
      break;
    }
    case Request::Kind::kKickBalance:
      if (actor_.valid()) SendIpi(actor_, {IpiKind::kBalance, request.cpu, -1});
      break;
    case Request::Kind::kDetachTask:
      DetachTaskNow(request.task, request.cpu);
      break;
    case Request::Kind::kAttachDetached:
      AttachDetachedNow();
      break;
    case Request::Kind::kPassOver: {
      const Task& t = task_store_[request.task.index()];
      if (t.on_rq && IsBalanced(request.task)) NewestRun(t.cpu, request.task);
      break;
    }
    case Request::Kind::kSetOverloaded:
      is_overloaded_ = request.flag;
      break;
    case Request::Kind::kRefreshLoad:
      TrackLoad(request.cpu, TaskId());
      TrackStrongLoad(request.cpu, TaskId());
      break;
    case Request::Kind::kSpend:
      if (actor_.valid()) {
        AddCost(actor_, request.flag ? CostId::kCall : CostId::kLb, Cycles(request.at.cycles()));
      }
      break;
    case Request::Kind::kStopWork: {
      StopWork work;
      work.kind = StopWork::Kind::kPath;
      work.policy = request.message.policy;
      work.path = PathId(request.message.what);
      work.arg = request.message.arg[0];
      QueueStopWork(request.cpu, work);
      break;
    }
    case Request::Kind::kLookAgain: {
      const Task& t = task_store_[request.task.index()];
      if (t.on_cpu && cpu_store_[t.cpu.index()].curr == request.task && spinning_.Test(t.cpu))
        Look(t.cpu);
      break;
    }
    case Request::Kind::kBalanceLater:
      AddCallback(request.cpu, {request.timer.policy, request.timer.which});
      break;
    case Request::Kind::kThrottle:
      SetThrottled(request.task, true);
      break;
    case Request::Kind::kUnthrottle:
      SetThrottled(request.task, false);
      break;
    case Request::Kind::kClearSignals: {
      constexpr uint32_t kOrdinary = 1u << static_cast<unsigned>(SignalKind::kOrdinary);
      Task& t = MutableTask(request.task);
      if (request.flag) Emit(actor_, SignalDeliver{request.task, 10});
      t.pending_signals &= ~kOrdinary;
      break;
    }
    case Request::Kind::kSwitchAtSleep:
      if (actor_.valid()) {
        Ctx(actor_).switch_to = request.task;
        Ctx(actor_).switch_cost = Cycles(request.at.cycles());
      }
      break;
    case Request::Kind::kQueueServer:
      CountQueued(request.cpu, server_class_, request.flag ? 1 : -1);
      break;
    case Request::Kind::kSetAbort: {
      Context& ctx = contexts_[request.task.index()];
      const Program& program = plan_.programs.programs[static_cast<std::size_t>(ctx.program)];
      ctx.abort_pc = program.code[static_cast<std::size_t>(ctx.op_pc)].target;
      break;
    }
    case Request::Kind::kAbortProgram:
      AbortProgramOf(request.task);
      break;
    case Request::Kind::kEmit:
      if (request.event.kind() == EventKind::kHotplugOp) {
        in_hotplug_ = request.event.As<HotplugOp>().phase == HotplugPhase::kLocked;
      }
      trace_.Record(now_, request.cpu, request.event);
      break;
  }
}

int32_t Machine::NewCall(const Message& message, TaskId waiter, CpuId from, CpuId to, bool waited) {
  int32_t index = free_call_;
  if (index >= 0) {
    free_call_ = calls_[static_cast<std::size_t>(index)].next_free;
  } else {
    index = static_cast<int32_t>(calls_.size());
    calls_.emplace_back();
  }
  calls_[static_cast<std::size_t>(index)] = {message, waiter, from, to, waited, false, -1};
  return index;
}

// ------------------------------------------------------------------------------------------ timers

int32_t Machine::TimerIndex(const TimerRef& ref) const {
  const PolicyRow& row = policies_.rows[ref.policy.index()];
  int32_t index = row.first_timer;
  for (int16_t which = 0; which < ref.which; ++which) {
    index += static_cast<int32_t>(row.info->timers[static_cast<std::size_t>(which)].per_cpu
                                      ? cpu_store_.size()
                                      : task_store_.size());
  }
  return index + ref.owner;
}

void Machine::ArmPolicyTimer(int32_t index, CpuId on, Time at) {
  TakeTicks(on);
  CancelPolicyTimer(index);
  PolicyTimer& timer = timers_[static_cast<std::size_t>(index)];
  timer.cpu = on;
  if (timer.is_background) ++background_pending_;
  timer.handle = queue_.Push(at < now_ ? now_ : at, Phase::kTimer, on, Payload(Ev::kTimer, index));
}

void Machine::CancelPolicyTimer(int32_t index) {
  PolicyTimer& timer = timers_[static_cast<std::size_t>(index)];
  if (timer.handle == EventQueue::kNone) return;
  if (timer.is_background && timer.handle != kHeld) --background_pending_;
  CancelTimerEvent(timer.handle, Payload(Ev::kTimer, index));
}

// ------------------------------------------------------------------------------------------
// attributes

SchedAttr Machine::AttrOf(const SchedSpec& spec) const {
  SchedAttr attr;
  attr.policy = spec.policy;
  attr.nice = static_cast<int8_t>(spec.nice);
  attr.priority = static_cast<int16_t>(spec.priority);
  attr.slice = spec.slice;
  attr.dl_runtime = spec.dl_runtime;
  attr.dl_deadline = spec.dl_deadline;
  attr.dl_period = spec.dl_period > kZeroCycles ? spec.dl_period : spec.dl_deadline;
  if (spec.dl_reclaim) attr.dl_flags |= kDlReclaim;
  if (spec.dl_overrun) attr.dl_flags |= kDlOverrun;
  switch (spec.policy) {
    case SchedPolicy::kDeadline:
      attr.prio = -1;
      break;
    case SchedPolicy::kFifo:
    case SchedPolicy::kRr:
      attr.prio = static_cast<int16_t>(99 - spec.priority);
      break;
    case SchedPolicy::kNormal:
    case SchedPolicy::kBatch:
    case SchedPolicy::kIdle:
      attr.prio = static_cast<int16_t>(120 + spec.nice);
      break;
    case SchedPolicy::kStop:
      attr.prio = 0;
      break;
    case SchedPolicy::kSwapper:
      break;
  }
  return attr;
}

// sched_setattr() on the base attributes: 0 or an errno. What counts follows, unless somebody
// boosts the task.
int64_t Machine::ChangeSched(TaskId task, const SchedAttr& base) {
  Task& t = MutableTask(task);
  if (t.state == TaskState::kDead || t.base == base) return 0;
  if (const int64_t refused = Admit(task, base); refused != 0) return refused;
  const bool boosted = t.boosted;
  t.base = base;
  if (!boosted) ApplyEffective(task, base);
  EmitAttr(task, TaskAttrKind::kSched);
  if (policies_.lock != nullptr &&
      policies_.rows[policies_.lock_id.index()].hooks.Has(Hook::kLockPrioChanged)) {
    policies_.lock->PrioChanged(*this, task);
    Drain();
  }
  t.boosted = !(t.eff == t.base);
  NotifyTask(task, TaskChange::kSched);
  return 0;
}

// The bracket around every change of attributes (Linux 7.2 kernel/sched/core.c:
// sched_change_begin(), _end()).
void Machine::ApplyEffective(TaskId task, const SchedAttr& eff) {
  Task& t = MutableTask(task);
  if (t.eff == eff) return;
  const CpuId c = t.cpu;
  Cpu& cpu = MutableCpu(c);
  const SchedAttr old = t.eff;
  const uint8_t old_class = t.sched_class;
  const uint8_t new_class = ClassIndexFor(eff.policy);
  const bool class_changes = old_class != new_class;
  TakeTicks(c);
  const bool running = cpu.donor == task;
  if (t.on_rq && t.sched_delayed && class_changes) DequeueTask(c, task, QueueReason::kSpecialSleep);
  const bool queued = t.on_rq;
  const bool delayed = t.sched_delayed;
  const QueueReason reason = class_changes ? QueueReason::kSwitch : QueueReason::kChange;
  if (queued) DequeueTask(c, task, reason);
  if (running) {
    Charge(c);
    ClassOf(task).PutPrev(*this, c, task);
    Drain();
  }
  if (class_changes && old_class == facts_.balanced_class) DetachLoad(c, task);
  t.eff = eff;
  t.boosted = !(eff == t.base);  // known to the enqueue (dl.pi_se)
  t.sched_class = new_class;
  if (class_changes && ClassHas(old_class, Hook::kSwitchedFrom)) {
    policies_.classes[old_class]->SwitchedFrom(*this, c, task);
    Drain();
  }
  if (queued) EnqueueTask(c, task, reason);
  // A sleeper whose dequeue is put off sleeps on after the change, and its class still knows it.
  if (queued && delayed) SetDelayed(task, true);
  if (running) {
    ClassOf(task).SetNext(*this, c, task, SetNextReason::kRestored);
    Drain();
  }
  if (!class_changes) {
    if (ClassHas(new_class, Hook::kPrioChanged)) {
      ClassOf(task).PrioChanged(*this, c, task, old);
      Drain();
      RunCallbacks();
    }
    return;
  }
  if (ClassHas(new_class, Hook::kSwitchedTo)) {
    ClassOf(task).SwitchedTo(*this, c, task);
    Drain();
  }
  if (queued && t.on_rq) WakeupPreempt(c, task, WakeFlags::kNone);
  if (running && new_class > old_class) ReschedCpu(c, ReschedKind::kFull);
  RunCallbacks();
}

void Machine::SetBlockedOnNow(TaskId task, LockId lock) {
  Task& t = MutableTask(task);
  if (t.blocked_on == lock) return;
  t.blocked_on = lock;
  Emit(actor_, MutexBlockedOn{task, lock});
}

// Who donates to `task`; also when schedule() picks it for itself.
void Machine::SetLink(TaskId task, TaskId donor) {
  Task& t = MutableTask(task);
  if (t.blocked_donor == donor) return;
  t.blocked_donor = donor;
  Emit(actor_, ProxyLink{task, donor});
}

// The affinity in parts of 128 CPUs, as many as the machine has.
void Machine::EmitCpus(TaskId task) {
  if (!trace_.Wanted(EventKind::kTaskCpus)) return;
  const CpuSet& allowed = task_store_[task.index()].cpus_allowed;
  constexpr int kPart = 128;
  for (int first = 0; first < Kernel::num_cpus(); first += kPart) {
    TaskCpus cpus;
    cpus.pid = task;
    cpus.first = first;
    for (int k = 0; k < kPart && first + k < Kernel::num_cpus(); ++k) {
      if (allowed.Contains(CpuId(first + k))) cpus.mask[k / 64] |= uint64_t{1} << (k % 64);
    }
    Emit(actor_, cpus);
  }
}

void Machine::EmitAttr(TaskId task, TaskAttrKind what) {
  const SchedAttr& base = task_store_[task.index()].base;
  Emit(actor_, TaskAttr{task, what, static_cast<int32_t>(base.policy), base.priority, base.nice,
                        base.prio});
}

void Machine::NotifyTask(TaskId task, TaskChange change) {
  for (const PolicyRow& row : policies_.rows) {
    if (row.policy == nullptr || !row.hooks.Has(Hook::kOnTask)) continue;
    row.policy->OnTask(*this, task, change);
    Drain();
  }
}

}  // namespace rqsim
