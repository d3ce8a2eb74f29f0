// CPU hotplug, the machine's half (hotplug.md 2 and 5.6; SEAMS.md 4): the masks, the push of what
// is picked on a CPU that leaves, what happens to its timers, wake-up list and tasks, cpusets, and
// paths that an idle loop runs. The step lists are those of services.
#include <algorithm>

#include "sim/machine/machine.h"

namespace rqsim {

// ------------------------------------------------------------------------------------------ masks

void Machine::SetMask(CpuId c, HotplugMaskKind mask, bool on) {
  Cpu& cpu = MutableCpu(c);
  bool* const bits[] = {&cpu.online, &cpu.active, &cpu.dying, &cpu.push, &cpu.queue_online};
  bool& bit = *bits[static_cast<std::size_t>(mask)];
  if (bit == on) return;
  // The base slice may depend on how many are online, and balancing on who is active.
  for (int i = 0; i < Kernel::num_cpus(); ++i) TakeTicks(CpuId(i));
  bit = on;
  switch (mask) {
    case HotplugMaskKind::kOnline:
      SetOnlineNow(c, on);
      break;
    case HotplugMaskKind::kActive:
      on ? active_.Add(c) : active_.Remove(c);
      BuildTopology();
      break;
    case HotplugMaskKind::kQueue:
      TellQueueChanged(c, on);
      break;
    case HotplugMaskKind::kDying:
    case HotplugMaskKind::kPush:
      break;
  }
  Emit(actor_.valid() ? actor_ : c, HotplugMask{c, mask, on ? 1 : 0, 0});
}

void Machine::SetOnlineNow(CpuId c, bool online) {
  online ? online_.Add(c) : online_.Remove(c);
  CpuState& s = State(c);
  if (!online) {
    FlushWakeList(c);
    SetTickless(c, false);
    StopHrtick(c);
  }
  if (s.mode == Mode::kIdle) {
    Span(c, online ? SegmentKind::kIdle : SegmentKind::kOffline, false);
    if (!online) StopTick(c);
    if (online && !s.irqs.empty()) ResumeCpu(c);
  }
  if (online && plan_.scenario.machine.nohz == Nohz::kOff) ArmTick(c);
}

void Machine::TellQueueChanged(CpuId c, bool online) {
  for (std::size_t k = 0; k < policies_.classes.size(); ++k) {
    if (!ClassHas(static_cast<int>(k), Hook::kRqOnline)) continue;
    policies_.classes[k]->RqChanged(*this, c, online);
    Drain();
  }
}

// core.c: is_cpu_allowed().
bool Machine::MayRunOn(TaskId task, CpuId cpu) const {
  const Task& t = task_store_[task.index()];
  if (!t.cpus_allowed.Contains(cpu)) return false;
  if (t.migration_disabled > 0) return online_.Contains(cpu);
  if (!t.is_kthread) return active_.Contains(cpu);
  if (t.per_cpu_kthread) return online_.Contains(cpu);
  return online_.Contains(cpu) && !cpu_store_[cpu.index()].dying;
}

bool Machine::KthreadOf(TaskId id, PolicyId policy, PathId& path, CpuId& cpu) const {
  if (id.index() >= static_cast<std::size_t>(num_tasks_made_)) return false;
  const Context& ctx = contexts_[id.index()];
  int32_t level = ctx.top;
  if (ctx.program >= 0 || level < 0) return false;
  while (levels_[static_cast<std::size_t>(level)].below >= 0) {
    level = levels_[static_cast<std::size_t>(level)].below;
  }
  const Frame& frame = levels_[static_cast<std::size_t>(level)].frame;
  if (frame.policy != policy) return false;
  path = frame.path;
  cpu = CpuId(static_cast<int32_t>(frame.r[0]));
  return true;
}

int64_t Machine::AdmitOffline(CpuId id) {
  for (std::size_t k = 0; k < policies_.classes.size(); ++k) {
    if (!ClassHas(static_cast<int>(k), Hook::kAdmit)) continue;
    const int64_t refused = policies_.classes[k]->AdmitOffline(*this, id);
    if (refused != 0) return refused;
  }
  return 0;
}

int64_t Machine::AdmitHotplug(CpuId id, bool up) {
  for (KernelService* service : policies_.services) {
    const int64_t answer = service->AdmitHotplug(*this, id, up);
    if (answer != 0) return answer;
  }
  return 0;
}

bool Machine::PreemptionOff(CpuId id) const {
  const CpuState& s = cpu_states_[id.index()];
  if (s.mode == Mode::kIdle || cpu_store_[id.index()].curr == kIdleTask) return false;
  const RunMode mode = CurrMode(id);
  return mode == RunMode::kKernelNoPreempt || mode == RunMode::kIrqsOff;
}

// ------------------------------------------------------------------------------------------ push

// The end of a schedule() on a CPU that pushes (core.c: balance_push()). What may stay is left
// alone, and if it is the idle task whoever waits for the CPU to be empty learns of it.
void Machine::PushAfterSchedule(CpuId c) {
  CpuState& s = State(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (!cpu.dying) return;
  const bool was_task = actor_is_task_;
  actor_is_task_ = false;
  const Task& curr = task_store_[cpu.curr.index()];
  if (cpu.curr == kIdleTask || curr.per_cpu_kthread || curr.migration_disabled > 0) {
    WakeIfVacated(c);
  } else if (!s.push_queued) {
    s.push_queued = true;
    StopWork work;
    work.kind = StopWork::Kind::kPush;
    work.task = cpu.curr;
    QueueStopWork(c, work);
  }
  actor_is_task_ = was_task;
}

void Machine::WakeIfVacated(CpuId c) {
  CpuState& s = State(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (!s.vacate_waiter.valid() || cpu.nr_running > 0 || cpu.nr_pinned > 0) return;
  const TaskId waiter = s.vacate_waiter;
  s.vacate_waiter = TaskId();
  WakeTask(waiter, WakeFlags::kNone);
}

// core.c: __balance_push_cpu_stop().
void Machine::PushNow(CpuId c, TaskId task) {
  State(c).push_queued = false;
  const Task& t = task_store_[task.index()];
  if (t.cpu != c || !t.on_rq || t.state == TaskState::kDead) return;
  const CpuId dest = policies_.placement->FallbackCpu(*this, c, task);
  Drain();
  MoveQueuedTask(task, dest);
}

// Everything that is queued here goes away at once, whatever may stay elsewhere: in the order in
// which it would be picked, then what its class keeps off the queue (2012: migrate_tasks()).
void Machine::MoveTasksNow(CpuId from) {
  const Cpu& cpu = cpu_store_[from.index()];
  const std::size_t idle_class = policies_.classes.size() - 1;
  const auto move = [&](TaskId task) {
    const CpuId dest = policies_.placement->FallbackCpu(*this, from, task);
    Drain();
    MoveQueuedTask(task, dest);
    return task_store_[task.index()].cpu != from;
  };
  for (std::size_t k = 1; k < idle_class; ++k) {
    while (cpu.nr_queued[k] > 0) {
      const PickResult pick = policies_.classes[k]->Pick(*this, from);
      Drain();
      if (pick.kind != PickResult::Kind::kRunTask || !move(pick.task)) break;
    }
  }
  for (int id = 1; id < num_tasks_made_; ++id) {
    const Task& t = task_store_[static_cast<std::size_t>(id)];
    if (t.on_rq && t.cpu == from && TaskId(id) != cpu.curr && TaskId(id) != cpu.stop) {
      move(TaskId(id));
    }
  }
}

// ------------------------------------------------------------------------------------------ others

// A deadline task that has its budget again, on a runqueue that went offline meanwhile (deadline.c:
// dl_task_offline_migration()): where its class would have it, else any active CPU of its affinity,
// else any.
void Machine::LeaveOfflineQueue(TaskId task) {
  const Task& t = task_store_[task.index()];
  CpuId dest;
  if (ClassHas(t.sched_class, Hook::kSelectCpu)) {
    dest = ClassOf(task).SelectCpu(*this, task, CpuId(), WakeFlags::kNone);
  }
  if (!dest.valid() || !MayRunOn(task, dest)) dest = AnyCpu(t.cpus_allowed & active_);
  if (!dest.valid()) dest = AnyCpu(active_);
  MoveQueuedTask(task, dest);
}

// Wake-ups on their way to a CPU that is gone are placed anew.
void Machine::FlushWakeList(CpuId c) {
  CpuState& s = State(c);
  TaskId task = s.wake_list_head;
  s.wake_list_head = s.wake_list_tail = TaskId();
  MutableCpu(c).ttwu_pending = false;
  while (task.valid()) {
    const TaskId next = contexts_[task.index()].wake_next;
    PlaceAndEnqueue(task, WakeFlags::kNone, CpuId(), false);
    task = next;
  }
}

// In the order of the tasks, then of the policies' timers.
void Machine::MoveTimersNow(CpuId from, CpuId to) {
  std::vector<uint32_t>& held = State(from).irqs;
  const auto move = [&](EventQueue::Handle& handle, uint32_t payload) {
    if (handle == EventQueue::kNone) return false;
    Time at = now_;
    if (handle == kHeld) {
      const auto found = std::find(held.begin(), held.end(), payload);
      if (found == held.end()) return false;
      held.erase(found);
    } else {
      if (queue_.CpuOf(handle) != from) return false;
      at = std::max(now_, queue_.TimeOf(handle));
      queue_.Cancel(handle);
    }
    handle = queue_.Push(at, Phase::kTimer, to, payload);
    return true;
  };
  for (int id = 1; id < num_tasks_made_; ++id) {
    move(contexts_[static_cast<std::size_t>(id)].sleep_timer, Payload(Ev::kSleep, id));
  }
  for (std::size_t i = 0; i < timers_.size(); ++i) {
    PolicyTimer& timer = timers_[i];
    const bool was_held = timer.handle == kHeld;
    if (!move(timer.handle, Payload(Ev::kTimer, static_cast<int32_t>(i)))) continue;
    timer.cpu = to;
    if (was_held && timer.is_background) ++background_pending_;
  }
}

// What RunInIdle asked for is due. The CPU may have found something better to do.
void Machine::StartIdlePath(CpuId c) {
  CpuState& s = State(c);
  if (!s.idle_call.path.valid()) return;
  if (s.mode != Mode::kIdle || s.idle.top >= 0) {
    // Nothing else will start a CPU that is offline: it has its last switch behind it first
    // (MODEL-282).
    s.idle_call_waits = !cpu_store_[c.index()].online;
    return;
  }
  const PathCall call = s.idle_call;
  s.idle_call = PathCall::None();
  PushHook(c, s.idle, s.idle_policy, call);
  Top(s.idle).mode = RunMode::kIrqsOff;
  s.mode = Mode::kRun;
  s.seg_start = now_;
  seg_end_due_.Set(c);
}

// Something reaches a CPU that is offline. Its timers wait until they are moved or it is back; a
// function call is carried out all the same (smpcfd_dying_cpu() flushes them); the rest is lost.
// False: the CPU still executes, and takes it like any other.
bool Machine::InterruptOffline(CpuId c, uint32_t payload) {
  CpuState& s = State(c);
  if (s.mode != Mode::kIdle) return false;
  const auto index = static_cast<std::size_t>(payload & 0xffffff);
  switch (static_cast<Ev>(payload >> 24)) {
    case Ev::kSleep:
      contexts_[index].sleep_timer = kHeld;
      s.irqs.push_back(payload);
      break;
    case Ev::kTimer:
      timers_[index].handle = kHeld;
      s.irqs.push_back(payload);
      break;
    case Ev::kGrace:
      Interrupt(online_.First(), payload);
      break;
    case Ev::kCall: {
      const Call call = calls_[index];
      actor_ = c;
      policies_.rows[call.message.policy.index()].policy->OnCall(*this, c, call.message);
      Drain();
      EndCall(static_cast<int32_t>(index));
      break;
    }
    case Ev::kWakeList:
      s.wake_list_ipi = false;
      FlushWakeList(c);
      break;
    default:
      break;
  }
  return true;
}

// An entry of the scenario's `hotplug`: the first service that takes it has it.
void Machine::AskHotplug(int32_t index) {
  const HotplugSpec& spec = plan_.scenario.hotplug[static_cast<std::size_t>(index)];
  for (KernelService* service : policies_.services) {
    const bool taken = service->Hotplug(*this, spec);
    Drain();
    if (taken) return;
  }
}

void Machine::CarryHotplug(Request& request) {
  switch (request.kind) {
    case Request::Kind::kSetOnline:
      SetMask(request.cpu, HotplugMaskKind::kOnline, request.flag);
      break;
    case Request::Kind::kSetActive:
      SetMask(request.cpu, HotplugMaskKind::kActive, request.flag);
      break;
    case Request::Kind::kSetDying:
      SetMask(request.cpu, HotplugMaskKind::kDying, request.flag);
      break;
    case Request::Kind::kSetPush:
      SetMask(request.cpu, HotplugMaskKind::kPush, request.flag);
      break;
    case Request::Kind::kSetQueueOnline:
      SetMask(request.cpu, HotplugMaskKind::kQueue, request.flag);
      break;
    case Request::Kind::kWhenVacated:
      State(request.cpu).vacate_waiter = request.task;
      break;
    case Request::Kind::kMoveTimers:
      MoveTimersNow(request.cpu, CpuId(static_cast<int32_t>(request.at.cycles())));
      break;
    case Request::Kind::kMoveTasks:
      MoveTasksNow(request.cpu);
      break;
    case Request::Kind::kRetryHotplug:
      for (KernelService* service : policies_.services) {
        service->HotplugRetry(*this);
        Drain();
      }
      break;
    case Request::Kind::kRunInIdle: {
      CpuState& s = State(request.cpu);
      s.idle_policy = request.message.policy;
      s.idle_call =
          PathCall::To(PathId(request.message.what), request.cpu.value(), request.message.arg[0]);
      // Less than nothing: as long as an IPI takes.
      const Cycles after = request.slop < kZeroCycles ? costs().l_call : request.slop;
      queue_.Push(now_ + after, Phase::kIpi, request.cpu,
                  Payload(Ev::kIdlePath, request.cpu.value()));
      break;
    }
    default:
      break;
  }
}

}  // namespace rqsim
