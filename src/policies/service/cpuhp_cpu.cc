// What the CPU itself does: its threads, its stop task, its idle loop.
// Tested by scenarios/hotplug/.
#include <algorithm>

#include "service/cpuhp.h"
#include "service/cpuhp_steps.h"

namespace rqsim::cpuhp {

// cpuhp/N: sleeps until it is kicked, runs states up or down to the target, tells whoever waits.
Next Cpuhp::ThreadStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  PerCpu& c = At(cpu);
  constexpr StepId kIdleStep{0}, kRan{1}, kSingleRan{3};
  const bool is_asked = frame.step == kIdleStep && !kernel.task(frame.task).should_park &&
                        c.should_run && c.single.state >= 0;
  if (is_asked && c.fail != c.single.state) {
    EnterSingle(kernel, cpu, c.single);
    const State& state = table_.at(c.single.state);
    return Next::Run(kSingleRan, (c.single.up ? state.up : state.down).cost, RunMode::kKernel);
  }
  if (frame.step == kRan || frame.step == kSingleRan || is_asked) {
    c.result = frame.result;
    if (frame.step == kSingleRan) c.result = ExitSingle(kernel, cpu, c.single);
    if (is_asked) {
      // Made to fail: it is not called.
      c.fail = -1;
      c.result = kEAGAIN;
    }
    c.single = Single();
    c.should_run = false;
    kernel.Wake(c.controller);
    return Next::Run(kIdleStep, kZeroCycles, RunMode::kKernel);
  }
  if (frame.step == kIdleStep && !kernel.task(frame.task).should_park && c.should_run) {
    return RunStates(kRan, cpu, c.target, c.bringup, false);
  }
  return SmpbootStep(kernel, frame);
}

// Parks when it is asked to: one cycle of its own, the two switches are the machine's (hotplug.md
// 1: c_park is the handshake in total).
Next Cpuhp::SmpbootStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kIdleStep{0}, kParkStep{2};
  if (!kernel.task(frame.task).should_park) {
    return Next::Block(kIdleStep, TaskState::kInterruptible);
  }
  if (frame.step == kParkStep) {
    kernel.Wake(At(frame.r[0]).parker);
    return Next::Block(kIdleStep, TaskState::kParked);
  }
  const Cycles switches = (kernel.facts().c_ctx + kernel.facts().c_sched) * 2;
  return Next::Run(kParkStep, std::max(kZeroCycles, c_park_ - switches), RunMode::kKernel);
}

// The CPU has been started: alive. When the controller lets it go on it runs its STARTING
// callbacks, is online, and tells the controller from its idle loop (cpuhp_online_idle()).
Next Cpuhp::ApStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  PerCpu& c = At(cpu);
  if (frame.step == StepId(0)) {
    if (c.sync == Sync::kKicked) c.sync = Sync::kAlive;
    if (c.sync == Sync::kAlive) return Next::Return(0);
    return RunStates(StepId(1), cpu, std::min(c.target, kApOnline), true, true);
  }
  kernel.SetOnline(cpu, true);
  c.sync = Sync::kIsOnline;
  c.booted_once = true;
  c.state = kOnlineIdle;
  kernel.Wake(c.controller);
  return Next::Return(0);
}

// The last thing an idle loop does: cpuhp_report_idle_dead().
Next Cpuhp::IdleDeadStep(Kernel& kernel, Frame& frame) {
  PerCpu& c = At(frame.r[0]);
  if (frame.step == StepId(0)) {
    c.leaves = false;
    return Next::Run(StepId(2), c_idle_dead_, RunMode::kIrqsOff);
  }
  c.state = kIdleDead;
  c.is_dead = true;
  Message message;
  message.policy = self_;
  message.arg[0] = frame.r[0];
  kernel.SendCall(kernel.online().First(), message);
  return Next::Return(0);
}

// take_cpu_down(), in the stop task of every CPU; what comes between the stages is for one of them.
Next Cpuhp::TakeDownStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kGone{7}, kDying{8};
  const CpuId cpu = frame.cpu;
  PerCpu& c = At(cpu);
  const Next done = Next::Run(StopMachine::kRan, kZeroCycles, RunMode::kIrqsOff);
  if (frame.step == StopMachine::kRun) return Next::Run(kGone, c_disable_, RunMode::kIrqsOff);
  if (frame.step == kDying) return done;
  if (frame.step != kGone) return stop_.Step(kernel, frame);
  if (disable_fails_) {
    c.takedown_result = kEBUSY;
    return done;
  }
  kernel.SetOnline(cpu, false);
  c.leaves = true;
  return RunStates(kDying, cpu, std::max(c.target, kApOffline), false, true);
}

// ------------------------------------------------------------------------------------ table toy

// An operation without threads: the idle loop of the CPU does everything (MODEL-172). The lock is
// held.
void Cpuhp::ToyBegin(Kernel& kernel, CpuId cpu, bool up, TaskId waiter) {
  PerCpu& c = At(cpu);
  const int target = up ? kOnline : kOffline;
  toy_waiter_ = waiter;
  EmitOp(kernel, cpu, target, HotplugPhase::kLocked, 0, op_id_);
  int64_t result = disabled_ > 0 ? kEBUSY : 0;
  const bool is_there = c.state == target;
  if (result == 0 && !is_there) result = Check(kernel, cpu, target);
  if (result == 0 && !is_there && !up) result = kernel.AdmitOffline(cpu);
  if (result != 0 || is_there) {
    ToyDone(kernel, cpu, result);
    return;
  }
  SetState(kernel, cpu, target);
  if (up) {
    kernel.RunInIdle(cpu, self_, kToyUpPath, kZeroCycles);
    return;
  }
  kernel.SetActive(cpu, false);
  kernel.SetPush(cpu, true);
  kernel.UpdateCpusets();
  c.toy_leaves = true;
  // Also from its idle task: the end of that schedule() finds nothing left.
  kernel.RunInIdle(cpu, self_, kToyDownPath, kZeroCycles);
  kernel.Resched(cpu, ReschedKind::kFull);
}

void Cpuhp::ToyDone(Kernel& kernel, CpuId cpu, int64_t result) {
  EmitOp(kernel, cpu, At(cpu).target, HotplugPhase::kDone, result, op_id_);
  toy_result_ = result;
  if (toy_waiter_.valid()) kernel.Wake(toy_waiter_);
  Release(kernel);
}

// The callbacks that policies have declared, by state; r[1] is the position of the next.
Next Cpuhp::NextToyCallback(Kernel& kernel, Frame& frame) {
  const bool up = frame.path == kToyUpPath;
  const auto callbacks = kernel.hotplug_callbacks();
  const auto count = static_cast<int64_t>(callbacks.size());
  while (frame.r[1] < count) {
    const int64_t k = frame.r[1]++;
    const HotplugCallback& row = callbacks[static_cast<std::size_t>(up ? k : count - 1 - k)];
    const PathId path = up ? row.startup : row.teardown;
    if (!path.valid()) continue;
    const int64_t args[1] = {frame.r[0]};
    return Next::Call(StepId(1), row.policy, path, args);
  }
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  PerCpu& c = At(cpu);
  if (up) {
    kernel.SetActive(cpu, true);
    kernel.UpdateCpusets();
    kernel.SetQueueOnline(cpu, true);
    c.state = kOnline;
    c.booted_once = true;
  } else {
    kernel.SetQueueOnline(cpu, false);
    kernel.SetOnline(cpu, false);
    HandOverTick(kernel, cpu);
    kernel.MoveTimers(cpu, TimersTo(kernel, cpu));
    kernel.SetPush(cpu, false);
    c.state = kOffline;
  }
  ToyDone(kernel, cpu, 0);
  return Next::Return(0);
}

Next Cpuhp::ToyStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  PerCpu& c = At(cpu);
  if (frame.step == StepId(0)) {
    frame.r[1] = 0;
    if (frame.path == kToyUpPath) {
      kernel.SetOnline(cpu, true);
    } else {
      // Somebody who may not be pushed sleeps here: at his last switch it is looked at again.
      if (kernel.cpu(cpu).nr_pinned > 0 || kernel.cpu(cpu).nr_running > 0) return Next::Return(0);
      c.toy_leaves = false;
    }
  }
  return NextToyCallback(kernel, frame);
}

}  // namespace rqsim::cpuhp
