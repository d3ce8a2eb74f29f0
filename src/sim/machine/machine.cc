#include "sim/machine/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rqsim/machine_places.h"

namespace rqsim {
namespace {

// Room for events that are no task's sleep: ends, ticks, IPIs, actions.
int QueueCapacity(int num_cpus, int num_tasks, int num_timers) {
  return 4 * num_cpus + std::min(num_tasks, 4096) + std::min(num_timers, 4096) + 16;
}

}  // namespace

Machine::Machine(MachinePlan plan, MachinePolicies policies)
    : plan_(std::move(plan)),
      policies_(std::move(policies)),
      queue_(QueueCapacity(static_cast<int>(plan_.scenario.machine.cpus.size()),
                           plan_.task_capacity, 0)) {
  const MachineSpec& machine = plan_.scenario.machine;
  if (machine.ties == Ties::kTimersFirst) {
    timers_first_ = true;
    order_ = {Phase::kFinishedRun, Phase::kTimer, Phase::kTimer};
  }
  facts_.clock_hz = machine.clock_hz;
  facts_.tick = TickLength(machine);
  facts_.tick_runs = machine.tick;
  facts_.preempt = plan_.preempt;
  facts_.kernel = plan_.kernel;
  facts_.c_sched = machine.costs.c_sched;
  facts_.c_ctx = machine.costs.c_ctx;
  facts_.c_lb = machine.costs.c_lb;
  facts_.c_lb_cpu = machine.costs.c_lb_cpu;
  facts_.c_stop = machine.costs.c_stop;
  facts_.c_syscall = machine.costs.c_syscall;
  facts_.c_sysret = machine.costs.c_sysret;
  facts_.c_exc = machine.costs.c_exc;
  facts_.c_wake = machine.costs.c_wake;
  facts_.l_ipi = machine.costs.l_ipi;
  facts_.possible = CpuSet::FirstN(static_cast<int>(machine.cpus.size()));
  facts_.housekeeping = machine.housekeeping.value_or(facts_.possible);

  cpu_store_.resize(machine.cpus.size());
  cpu_states_.resize(machine.cpus.size());
  for (std::size_t i = 0; i < machine.cpus.size(); ++i) {
    const CpuSpec& spec = machine.cpus[i];
    Cpu& cpu = cpu_store_[i];
    cpu.online = cpu.active = cpu.queue_online = spec.online;
    cpu.capacity = spec.capacity;
    cpu.node = spec.node;
    cpu.llc = spec.llc;
    cpu.core = spec.core >= 0 ? spec.core : kMaxCpus + static_cast<int>(i);
    cpu.next_class = static_cast<uint8_t>(policies_.classes.size() - 1);
    CpuState& state = cpu_states_[i];
    state.sums.overhead.resize(kNumCosts);
    state.outbox.reserve(16);
    state.held_ipis.reserve(8);
    state.arrivals.reserve(8);
    state.after_switch_timers.reserve(8);
    state.balance_work.reserve(8);
    state.irqs.reserve(64);
    state.stop_work.reserve(8);
    state.span_kind = spec.online ? SegmentKind::kIdle : SegmentKind::kOffline;
    if (spec.online) {
      online_.Add(CpuId(static_cast<int32_t>(i)));
      active_.Add(CpuId(static_cast<int32_t>(i)));
    }
  }
  BuildTopology();
  if (machine.cpu_choice == CpuChoice::kRotate) {
    choice_store_ = machine.cpu_choice_start;
    choice_store_.resize(machine.cpus.size(), CpuId(0));
    choice_memory_ = choice_store_;
  }
  lock_store_.resize(plan_.scenario.mutexes.size());
  request_store_.resize(kMaxRequests);
  task_store_.resize(static_cast<std::size_t>(plan_.task_capacity));
  contexts_.resize(task_store_.size());
  names_.resize(task_store_.size());
  cpus_ = cpu_store_;
  locks_ = lock_store_;
  tasks_ = task_store_;
  requests_ = request_store_;

  for (std::size_t i = 0; i < policies_.rows.size(); ++i) {
    PolicyRow& row = policies_.rows[i];
    infos_.push_back(row.info);
    row.first_timer = static_cast<int>(timers_.size());
    row.first_word = static_cast<int>(words_.size());
    for (std::size_t which = 0; which < row.info->timers.size(); ++which) {
      const std::size_t count =
          row.info->timers[which].per_cpu ? cpu_store_.size() : task_store_.size();
      for (std::size_t owner = 0; owner < count; ++owner) {
        PolicyTimer timer;
        timer.is_background = row.info->timers[which].is_background;
        timer.ref = {PolicyId(static_cast<int32_t>(i)), static_cast<int16_t>(which),
                     static_cast<int32_t>(owner)};
        timers_.push_back(timer);
      }
    }
    words_.resize(words_.size() +
                  static_cast<std::size_t>(row.info->words_per_task) * task_store_.size());
    for (std::size_t e = 0; e < row.info->events.size(); ++e) {
      const auto kind = static_cast<EventKind>(static_cast<std::size_t>(row.first_event) + e);
      if (row.info->events[e].in_digest) trace_.AddToDigest(kind);
    }
  }
  word_present_.assign(words_.size(), true);
  for (std::size_t i = 0; i < policies_.rows.size(); ++i) {
    const Policy* const policy = policies_.rows[i].policy;
    for (const HotplugCallbackInfo& info : policies_.rows[i].info->hotplug) {
      HotplugCallback callback;
      callback.policy = PolicyId(static_cast<int32_t>(i));
      callback.info = &info;
      if (policy->HasHotplugCallback(info, true)) callback.startup = info.startup;
      if (policy->HasHotplugCallback(info, false)) callback.teardown = info.teardown;
      if (callback.startup.valid() || callback.teardown.valid()) hotplug_store_.push_back(callback);
    }
  }
  std::stable_sort(hotplug_store_.begin(), hotplug_store_.end(),
                   [](const HotplugCallback& a, const HotplugCallback& b) {
                     return a.info->state < b.info->state;
                   });
  hotplug_callbacks_ = hotplug_store_;
  if (policies_.lock != nullptr) {
    const HookMask hooks = policies_.lock->Hooks();
    lock_hook_keeps_ = hooks.Has(Hook::kKeepsQueued);
    facts_.keeps_blocked_queued = lock_hook_keeps_;
    lock_hook_resolves_ = hooks.Has(Hook::kResolveDonor);
    lock_hook_wake_ = hooks.Has(Hook::kWakeQueued);
    lock_hook_enqueued_ = hooks.Has(Hook::kEnqueued);
    lock_hook_signalled_ = hooks.Has(Hook::kSignalled);
  }
  for (std::size_t i = 0; i < policies_.services.size(); ++i) {
    const HookMask hooks = policies_.services[i]->Hooks();
    if (hooks.Has(Hook::kBlockPath)) block_path_services_.push_back(i);
    if (hooks.Has(Hook::kSwitchedPath)) switched_services_.push_back(i);
    if (hooks.Has(Hook::kUserReturnPath)) user_return_services_.push_back(i);
    if (hooks.Has(Hook::kScheduled)) scheduled_services_.push_back(i);
    if (hooks.Has(Hook::kKernelEntryPath)) entry_services_.push_back(i);
  }
  const Programs& programs = plan_.programs;
  loop_counters_.resize(static_cast<std::size_t>(programs.max_counters) * task_store_.size());
  for (const WaitableInfo& info : programs.waitables)
    waitables_.push_back({info.kind, info.initial, 0, {}, {}});
  shared_timers_.resize(programs.timers.size());
  shared_timer_set_.assign(programs.timers.size(), false);
  own_timers_.resize(static_cast<std::size_t>(programs.num_unique_timers) * task_store_.size());
  own_timer_set_.assign(own_timers_.size(), false);
  levels_.reserve(64);
  SetUpBalancing();
  SetUpAffinity();
  FindServer();
  has_holds_ = !plan_.holds.empty();
  CreateTasks();
}

Machine::~Machine() = default;

void Machine::AddListener(Listener& listener) {
  RQSIM_CHECK(!started_);
  trace_.AddListener(listener);
}

// ------------------------------------------------------------------------------------------
// creation

// The domains span the active CPUs (topology.c: partition_sched_domains()).
void Machine::BuildTopology() {
  const MachineSpec& machine = plan_.scenario.machine;
  topology_.Build(PlacesOf(machine), active_, machine.distances);
}

void Machine::CreateTasks() {
  Task& idle = task_store_[0];
  idle.state = TaskState::kRunning;
  idle.sched_class = static_cast<uint8_t>(policies_.classes.size() - 1);
  idle.base.policy = idle.eff.policy = SchedPolicy::kSwapper;
  idle.cpus_allowed = facts_.possible;
  names_[0] = "idle";
  num_tasks_made_ = 1;
  for (CpuState& state : cpu_states_) {
    state.idle.base.frame.task = kIdleTask;
  }
  for (const TaskPlan& plan : plan_.tasks) {
    CreateTask(TaskId(num_tasks_made_++), plan);
    if (plan.spawned_at_start && !plan.kthread && !plan.is_daemon) ++user_tasks_;
  }
  live_user_tasks_ = user_tasks_;
  const bool are_new = plan_.scenario.machine.start_state == StartState::kBoot;
  // MODEL-152: servers are there before those whom they serve.
  for (const bool daemons : {true, false}) {
    for (std::size_t i = 0; i < plan_.tasks.size() && are_new; ++i) {
      const TaskPlan& plan = plan_.tasks[i];
      if (!plan.spawned_at_start || plan.starts_asleep || plan.is_daemon != daemons) continue;
      const TaskId id(static_cast<int32_t>(i) + 1);
      actions_.push_back({plan.start, id, -1, -1});
      // Its creation was one thing, its first wake-up is another.
      if (IsCreatedBeforeWake(id)) actions_.push_back({*plan.first_wake, id, -1, -1});
    }
  }
  CreatePolicyTasks();
  for (std::size_t i = 0; i < plan_.scenario.actions.size(); ++i) {
    actions_.push_back({plan_.scenario.actions[i].at, TaskId(), static_cast<int32_t>(i), -1});
  }
  for (std::size_t i = 0; i < plan_.scenario.hotplug.size(); ++i) {
    actions_.push_back({plan_.scenario.hotplug[i].at, TaskId(), -1, static_cast<int32_t>(i)});
  }
  // One pending entry stands for all; equal times keep this order: spawns as written, then
  // kthreads, then actions.
  std::stable_sort(actions_.begin(), actions_.end(),
                   [](const ExtAction& a, const ExtAction& b) { return a.at < b.at; });
}

void Machine::CreateTask(TaskId id, const TaskPlan& plan) {
  Task& task = MutableTask(id);
  Context& ctx = contexts_[id.index()];
  task.is_kthread = plan.kthread;
  task.base = task.eff = AttrOf(plan.sched);
  task.sched_class = ClassIndexFor(task.eff.policy);
  task.cpus_allowed = plan.cpus;
  task.nr_cpus_allowed = plan.cpus.Count();
  task.cpu = task.wake_cpu = plan.start_cpu;
  task.state = TaskState::kNew;
  ctx.program = plan.program;
  ctx.base.frame.task = id;
  names_[id.index()] = plan.name;
  PlanAffinity(id, plan);
  if (!plan.path.valid()) return;
  const int64_t args[1] = {plan.argument};
  PushFrame(plan.start_cpu, ctx, plan.policy, plan.path, args, 1);
  // Its program begins when the path is over, as if it came back from the kernel.
  Top(ctx).hook = true;
  if (plan.starts_asleep) {
    ctx.exit_phase = ExitPhase::kSyscallExit;
    task.in_syscall = true;
  }
}

// Stop tasks for every possible CPU, then the kthreads that services declare, in the order of the
// services and CPUs.
void Machine::CreatePolicyTasks() {
  for (int c = 0; c < Kernel::num_cpus(); ++c) {
    const TaskId id(num_tasks_made_++);
    TaskPlan plan;
    plan.name = fmt::format("stop/{}", c);
    plan.kthread = true;
    plan.cpus = CpuSet::Of(CpuId(c));
    plan.start_cpu = CpuId(c);
    plan.sched.policy = SchedPolicy::kStop;
    CreateTask(id, plan);
    Task& task = MutableTask(id);
    task.per_cpu_kthread = true;
    task.state = TaskState::kInterruptible;  // waits for work; was never on a runqueue
    task.base.prio = task.eff.prio = 0;
    Context& ctx = contexts_[id.index()];
    MutableCpu(CpuId(c)).stop = id;
    PushFrame(CpuId(c), ctx, PolicyId(0), PathId(0), nullptr, 0);
  }
  for (std::size_t r = 1; r < policies_.rows.size(); ++r) {
    const PolicyRow& row = policies_.rows[r];
    for (const KthreadInfo& info : row.info->kthreads) {
      const int count = info.per_cpu ? Kernel::num_cpus() : 1;
      for (int c = 0; c < count; ++c) {
        const TaskId id(num_tasks_made_++);
        TaskPlan plan;
        plan.name = info.per_cpu ? fmt::format("{}/{}", info.name, c) : std::string(info.name);
        plan.kthread = true;
        plan.cpus = info.per_cpu ? CpuSet::Of(CpuId(c)) : facts_.possible;
        plan.start_cpu = CpuId(c);
        plan.sched.policy = info.policy;
        plan.sched.priority = info.priority;
        CreateTask(id, plan);
        Task& task = MutableTask(id);
        task.per_cpu_kthread = info.per_cpu && !info.may_leave;
        task.should_park = info.starts_parked;
        const int64_t args[1] = {c};
        PushFrame(CpuId(c), contexts_[id.index()], PolicyId(static_cast<int32_t>(r)), info.path,
                  args, 1);
        if (info.starts_asleep) {
          const bool parked =
              info.per_cpu && !info.may_leave && !cpu_store_[static_cast<std::size_t>(c)].online;
          task.should_park = parked;
          task.state = parked ? TaskState::kParked : TaskState::kInterruptible;
          continue;
        }
        actions_.push_back({Time(0), id, -1, -1});
      }
    }
  }
}

void Machine::ArmExt() {
  if (next_action_ == actions_.size()) return;
  queue_.Push(actions_[next_action_].at, Phase::kExt, CpuId(0),
              Payload(Ev::kExt, static_cast<int32_t>(next_action_)));
}

// ------------------------------------------------------------------------------------------
// main loop

bool Machine::RunUntil(Time t) {
  if (ended_) return false;
  const CheckContext* const outer = CheckContext::Set(this);
  if (!started_) Start();
  const Time until = plan_.scenario.until.value_or(kNever);
  while (!ended_) {
    if (stop_requested_) {
      End(stop_outcome_, stop_message_);
      break;
    }
    if (timers_first_ ? StepTimersFirst() : Step()) continue;
    if (AtRest()) break;
    const Time next = queue_.empty() ? kNever : queue_.TopKey().t();
    if (next > until || next == kNever) {
      if (plan_.scenario.until) {
        if (until > t) {
          TakeAllTicks(t);
          break;
        }
        now_ = until;
        passed_ = ~uint32_t{0};
        End(Outcome::kUntil, "");
      } else {
        End(Outcome::kLimit,
            "tasks run for ever and nothing else can happen: give the scenario an `until`");
      }
      break;
    }
    if (next > t) {
      TakeAllTicks(t);
      break;
    }
    now_ = next;
    passed_ = 0;
    events_this_instant_ = 0;
  }
  CheckContext::Set(outer);
  return !ended_;
}

// Ends the run if every CPU idles, or spins, and nothing is left that could change that; true if it
// did.
bool Machine::AtRest() {
  bool any_spins = false;
  for (std::size_t i = 0; i < cpu_states_.size(); ++i) {
    if (cpu_states_[i].mode == Mode::kIdle || cpu_states_[i].is_stuck) continue;
    // A tick ends no spin unless somebody else waits for the CPU, and it looks whether one does.
    const CpuId c(static_cast<int32_t>(i));
    const bool spins = spinning_.Test(c) && cpu_states_[i].end_event == EventQueue::kNone &&
                       (cpu_store_[i].nr_running == 1 ||
                        (!SpinOf(c).watch.need_resched && !SpinOf(c).watch.interrupt));
    if (!spins) return false;
    any_spins = true;
  }
  // A CPU that only looks whether something changed changes nothing, nor does a timer that nobody
  // waits for.
  const bool only_ticks = queue_.size() == ticks_pending_ + retries_pending_ + background_pending_;
  if (live_user_tasks_ > 0) {
    if (!only_ticks) return false;
    End(any_spins ? Outcome::kLivelock : Outcome::kDeadlock, DescribeBlocked());
    return true;
  }
  if (any_spins) return false;
  // A hotplug operation comes to its end first, if it can.
  if (in_hotplug_ && !only_ticks) return false;
  // Kernel threads that sleep and timers of classes keep nobody waiting; actions that are still to
  // come do.
  if (next_action_ < actions_.size()) return false;
  if (user_tasks_ == 0 && !only_ticks) return false;
  if (user_tasks_ == 0 && plan_.scenario.until) return false;
  End(Outcome::kDone, "");
  return true;
}

// Handles the first event of the present instant. False if there is none left at it. What is due
// now without being in the queue comes by its phase, then by its CPU, like the queue's.
bool Machine::Step() {
  Phase phase = Phase::kResched;
  const CpuBitmap* due = &resched_due_;
  if (!cost_end_due_.empty()) {
    phase = Phase::kCostEnd;
    due = &cost_end_due_;
  } else if (!seg_end_due_.empty()) {
    phase = Phase::kSegEnd;
    due = &seg_end_due_;
  }
  const CpuId c = due->empty() ? CpuId() : due->First();
  if (!queue_.empty() && queue_.TopKey().t() == now_) {
    const EventKey key = queue_.TopKey();
    if (!c.valid() || key.phase() < phase || (key.phase() == phase && key.cpu() < c)) {
      NotePassed(key.phase(), key.cpu());
      TakeTicks(key.cpu());
      // The ticks may have pushed the end of a segment back.
      if (!queue_.empty() && queue_.TopKey().order == key.order) HandleTop();
      return true;
    }
  }
  if (!c.valid()) return !waiting_to_retry_.empty() && LookAgainBeforeTimePasses();
  NotePassed(phase, c);
  TakeTicks(c);
  HandleDue(phase, c);
  return true;
}

// One more event at this instant; false if there were too many, and the run is over.
bool Machine::CountEvent() {
  last_event_ = now_;
  if (++events_this_instant_ <= kMaxEventsPerInstant) return true;
  End(Outcome::kLivelock,
      fmt::format("more than {} events at t = {}", kMaxEventsPerInstant, now_.cycles()));
  return false;
}

// Takes the first event from the queue.
uint32_t Machine::PopTop() {
  const uint32_t payload = queue_.TopPayload();
  if (static_cast<Ev>(payload >> 24) == Ev::kTick) {
    --ticks_pending_;
    State(queue_.TopKey().cpu()).tick_event = EventQueue::kNone;
  }
  queue_.Pop();
  NotePopped(payload);
  return payload;
}

void Machine::HandleTop() {
  if (!CountEvent()) return;
  const CpuId c = queue_.TopKey().cpu();
  actor_ = c;
  actor_is_task_ = false;
  const uint32_t payload = PopTop();
  const auto kind = static_cast<Ev>(payload >> 24);
  switch (kind) {
    case Ev::kEnd:
      State(c).end_event = EventQueue::kNone;
      if (State(c).mode == Mode::kOverhead) {
        EndOverhead(c);
      } else {
        SegmentEnd(c);
      }
      break;
    case Ev::kIdleRetry:
      State(c).retry_event = EventQueue::kNone;
      --retries_pending_;
      StopWaitingToRetry(c);
      if (State(c).mode != Mode::kOverhead) Schedule(c, true);  // else at the end of that
      break;
    case Ev::kExt:
      actor_ = CpuId();
      DoExt(static_cast<int32_t>(payload & 0xffffff));
      return;
    case Ev::kFault: {
      const FaultAt& fault = plan_.faults_at[payload & 0xffffff];
      policies_.rows[fault.policy.index()].policy->OnFault(*this, fault.index);
      Drain();
      // What it asks of its own CPU comes like an interrupt there.
      if (PreemptionPoint(c)) {
        MarkResched(c);
      } else if (task_store_[cpu_store_[c.index()].curr.index()].pending_signals != 0) {
        Kick(c);
      }
      break;
    }
    case Ev::kIdlePath:
      StartIdlePath(c);
      break;
    case Ev::kHeld:
      actor_ = CpuId();
      GoOn(CpuId(), outside_held_[payload & 0xffffff]);
      return;
    case Ev::kTick:
    case Ev::kResched:
    case Ev::kKick:
    case Ev::kWakeList:
    case Ev::kCall:
    case Ev::kBalance:
    case Ev::kPollNotice:
    case Ev::kSleep:
    case Ev::kTimer:
    case Ev::kHrtick:
    case Ev::kGrace:
      Interrupt(c, payload);
      break;
  }
  EndOfEvent(c);
}

// What is due on `c` without being in the queue.
void Machine::HandleDue(Phase phase, CpuId c) {
  if (!CountEvent()) return;
  actor_ = c;
  actor_is_task_ = false;
  switch (phase) {
    case Phase::kCostEnd:
      cost_end_due_.Clear(c);
      EndOverhead(c);
      break;
    case Phase::kSegEnd:
      seg_end_due_.Clear(c);
      SegmentEnd(c);
      break;
    default:
      resched_due_.Clear(c);
      if (State(c).mode != Mode::kOverhead && !LeaveIdle(c)) {
        if (PreemptionPoint(c)) {
          Schedule(c, true);
        } else if (State(c).mode == Mode::kPaused) {
          ResumeCpu(c);
        }
      }
      break;
  }
  EndOfEvent(c);
}

}  // namespace rqsim
