// What the states do that the core itself has (hotplug.md 5.1, 5.6): the scheduler's, parking, the
// start of a CPU and its removal.
// Tested by scenarios/hotplug/.
#include <algorithm>

#include "service/cpuhp.h"
#include "service/cpuhp_steps.h"

namespace rqsim::cpuhp {

// The cost of the callback has been spent.
Next Cpuhp::Effect(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  const bool up = IsUp(frame);
  switch (static_cast<int>(frame.r[kNumber])) {
    case kActive:
      return up ? Activate(kernel, frame) : Deactivate(kernel, frame);
    case kSmpboot:
      if (!up && !parks_) break;
      AddThreads(kernel, cpu);
      frame.r[kSub] = up ? -1 : static_cast<int64_t>(At(cpu).smpboot.size());
      return up ? Unpark(kernel, frame) : Park(kernel, frame);
    case kWaitEmpty:
      if (!up) return WaitEmpty(kernel, frame);
      break;
    case kTeardown:
      if (!up) return Takedown(kernel, frame);
      break;
    case kBringup:
      if (up) return Bringup(kernel, frame);
      break;
    case kKickAp:
      if (up) {
        At(cpu).sync = Sync::kKicked;
        kernel.RunInIdle(cpu, self_, kApPath, c_boot_);
      }
      break;
    case kSchedStarting:
      if (!up) ReportNotVacated(kernel, cpu);
      break;
    case kTickDying:
      if (!up) HandOverTick(kernel, cpu);
      break;
    case kHrtimersDying:
    case kTimersPrepare:
      if (!up) kernel.MoveTimers(cpu, TimersTo(kernel, cpu));
      break;
    default:
      break;
  }
  return NextDeclared(kernel, frame, 0);
}

// … and what came after it is over.
Next Cpuhp::EffectStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  if (frame.step == kGrace) {
    kernel.SetQueueOnline(cpu, false);
    if (!is_frozen_) kernel.UpdateCpusets();
    return NextDeclared(kernel, frame, 0);
  }
  if (frame.step == kVacate) return WaitEmpty(kernel, frame);
  if (frame.step == kParked) return Park(kernel, frame);
  if (frame.step == kUnparked) {
    kernel.UnparkKthread(At(cpu).smpboot[static_cast<std::size_t>(frame.r[kSub])]);
    return Unpark(kernel, frame);
  }
  if (frame.step <= kUpBack) return BringupStep(kernel, frame);
  return TakedownStep(kernel, frame);
}

// An active CPU with housekeeping duty, else any that is online.
CpuId Cpuhp::TimersTo(const Kernel& kernel, CpuId from) const {
  CpuSet candidates = kernel.active() & kernel.facts().housekeeping;
  candidates.Remove(from);
  if (candidates.empty()) candidates = kernel.online();
  candidates.Remove(from);
  return candidates.First();
}

// sched_cpu_activate().
Next Cpuhp::Activate(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  kernel.SetPush(cpu, false);
  kernel.SetActive(cpu, true);
  if (!is_frozen_) kernel.UpdateCpusets();
  kernel.SetQueueOnline(cpu, true);
  return NextDeclared(kernel, frame, 0);
}

// sched_cpu_deactivate(): from the start of the grace period on nobody is placed here, and what is
// here leaves as it is picked.
Next Cpuhp::Deactivate(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  const int64_t refused = kernel.AdmitOffline(cpu);
  if (refused != 0) return EndCallback(kernel, frame, refused);
  kernel.SetActive(cpu, false);
  kernel.SetPush(cpu, true);
  if (c_sync_ == kZeroCycles && !blocks_offline_)
    return Next::Run(kGrace, kZeroCycles, ModeOf(frame));
  if (!blocks_offline_) {
    return Next::Block(kGrace, TaskState::kUninterruptible, kernel.now() + c_sync_);
  }
  return Next::Grace(kGrace, c_sync_);
}

// balance_hotplug_wait(): nothing but this thread is left, and nobody may come back.
Next Cpuhp::WaitEmpty(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  const Cpu& c = kernel.cpu(cpu);
  if (!waits_empty_ || (c.nr_running <= 1 && c.nr_pinned == 0))
    return NextDeclared(kernel, frame, 0);
  kernel.WhenVacated(cpu, frame.task);
  return Next::Block(kVacate, TaskState::kUninterruptible);
}

// Per-CPU threads of the scenario register after the kernel's own, forked ones when they are there.
void Cpuhp::AddThreads(const Kernel& kernel, CpuId cpu) {
  std::vector<TaskId>& known = At(cpu).smpboot;
  for (int id = 1; id < kernel.num_tasks(); ++id) {
    const KthreadAffinity* const affinity = kernel.kthread_affinity(TaskId(id));
    if (affinity == nullptr || affinity->kind != KthreadKind::kPerCpu) continue;
    if (affinity->cpus.First() != cpu) continue;
    if (std::find(known.begin(), known.end(), TaskId(id)) == known.end()) {
      known.push_back(TaskId(id));
    }
  }
}

// sched_cpu_dying(): nobody but the stop task may be left.
void Cpuhp::ReportNotVacated(Kernel& kernel, CpuId cpu) {
  const Cpu& c = kernel.cpu(cpu);
  if (c.nr_running == 1 && c.nr_pinned == 0) return;
  Set(kernel, kNotVacatedEvent, cpu.value(), c.nr_running, c.nr_pinned);
}

// smpboot_park_threads(): the last registered first; each runs once more to park.
Next Cpuhp::Park(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  const auto thread_at = [&c](int64_t k) { return c.smpboot[static_cast<std::size_t>(k)]; };
  if (frame.step == kParked && kernel.task(thread_at(frame.r[kSub])).state != TaskState::kParked) {
    return Next::Block(kParked, TaskState::kUninterruptible);
  }
  while (--frame.r[kSub] >= 0) {
    const TaskId thread = thread_at(frame.r[kSub]);
    const TaskState state = kernel.task(thread).state;
    if (state == TaskState::kParked || state == TaskState::kDead || state == TaskState::kNew) {
      continue;
    }
    c.parker = frame.task;
    kernel.ParkKthread(thread, frame.task);
    return Next::Block(kParked, TaskState::kUninterruptible);
  }
  return NextDeclared(kernel, frame, 0);
}

Next Cpuhp::Unpark(Kernel& kernel, Frame& frame) {
  const PerCpu& c = At(frame.r[kCpu]);
  if (++frame.r[kSub] < static_cast<int64_t>(c.smpboot.size())) {
    return Next::Run(kUnparked, c_unpark_, ModeOf(frame));
  }
  return NextDeclared(kernel, frame, 0);
}

// bringup_cpu(): the CPU is started, or let go on if it was started before, and then finished by
// its own thread.
Next Cpuhp::Bringup(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  if (c.sync != Sync::kDead && c.sync != Sync::kKicked && c.sync != Sync::kAlive) {
    return EndCallback(kernel, frame, kEAGAIN);
  }
  c.controller = frame.task;
  if (boot_hangs_) {
    c.sync = Sync::kKicked;
    return Next::Block(kUp, TaskState::kUninterruptible, kernel.now() + sync_limit_);
  }
  if (c.sync == Sync::kDead) kernel.RunInIdle(cpu, self_, kApPath, c_boot_);
  if (c.sync == Sync::kAlive) kernel.RunInIdle(cpu, self_, kApPath, kZeroCycles);
  c.sync = Sync::kShouldOnline;
  return Next::Block(kUp, TaskState::kUninterruptible);
}

Next Cpuhp::BringupStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  if (frame.step == kUp && frame.result == kETIMEDOUT) {
    Set(kernel, kTimeoutEvent, cpu.value(), 1);
    return EndCallback(kernel, frame, kEIO);
  }
  if (frame.step == kUp) {
    if (c.sync != Sync::kIsOnline) return Next::Block(kUp, TaskState::kUninterruptible);
    return Next::Run(kUpUnpark, c_unpark_, RunMode::kKernel);
  }
  if (frame.step == kUpUnpark) {
    kernel.UnparkKthread(c.thread);
    if (!IsBootable(kernel, cpu)) return EndCallback(kernel, frame, kECANCELED);
    if (c.target <= kOnlineIdle) return NextDeclared(kernel, frame, 0);
    frame.r[kSub] = SetState(kernel, cpu, c.target);
    Kick(kernel, cpu, frame.task);
    return Next::Block(kUpThread, TaskState::kUninterruptible);
  }
  if (c.should_run) return Next::Block(frame.step, TaskState::kUninterruptible);
  if (frame.step == kUpBack) return EndCallback(kernel, frame, frame.r[kSubEnd]);
  if (c.result == 0) return NextDeclared(kernel, frame, 0);
  frame.r[kSubEnd] = c.result;
  ResetState(kernel, cpu, static_cast<int>(frame.r[kSub]));
  Kick(kernel, cpu, frame.task);
  return Next::Block(kUpBack, TaskState::kUninterruptible);
}

// takedown_cpu(): the hotplug thread is parked, all CPUs stop, and this one goes.
Next Cpuhp::Takedown(Kernel& kernel, Frame& frame) {
  PerCpu& c = At(frame.r[kCpu]);
  c.controller = c.parker = frame.task;
  if (kernel.task(c.thread).state == TaskState::kParked)
    return Next::Run(kTdParked, kZeroCycles, ModeOf(frame));
  kernel.ParkKthread(c.thread);
  return Next::Block(kTdParked, TaskState::kUninterruptible);
}

Next Cpuhp::TakedownStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  if (frame.step == kTdParked) {
    if (kernel.task(c.thread).state != TaskState::kParked) {
      return Next::Block(kTdParked, TaskState::kUninterruptible);
    }
    stop_cpus_ = kernel.online();
    for (int i = 0; i < kernel.num_cpus() && !blocks_offline_; ++i) {
      if (CpuId(i) != cpu && kernel.PreemptionOff(CpuId(i))) stop_cpus_.Remove(CpuId(i));
    }
    c.takedown_result = 0;
    c.is_dead = false;
    stop_.Begin(stop_cpus_, cpu, frame.task, c_stage_);
    return Next::Stop(kTdStopped, stop_cpus_, self_, kTakeDownPath);
  }
  if (frame.step == kTdStopped && c.takedown_result != 0) {
    kernel.UnparkKthread(c.thread);
    return EndCallback(kernel, frame, c.takedown_result);
  }
  if (frame.step == kTdStopped || frame.step == kTdDead) {
    if (!c.is_dead) return Next::Block(kTdDead, TaskState::kUninterruptible);
    if (!die_hangs_) return Next::Run(kTdDie, c_die_, RunMode::kKernel);
    return Next::Block(kTdDie, TaskState::kUninterruptible, kernel.now() + sync_limit_);
  }
  if (frame.step == kTdDie) {
    // Nothing can be done about a CPU that does not report: it is left where it is.
    if (die_hangs_) Set(kernel, kTimeoutEvent, cpu.value(), 0);
    c.sync = die_hangs_ ? Sync::kShouldDie : Sync::kDead;
    return Next::Run(kTdRcu, c_rcu_mig_, RunMode::kKernel);
  }
  return NextDeclared(kernel, frame, 0);
}

}  // namespace rqsim::cpuhp
