// What the CPU itself does in an operation of 2012: its stop task, its idle loop, its threads.
// Tested by scenarios/hotplug/.
#include <algorithm>

#include "service/notifier.h"
#include "service/notifier_events.h"

namespace rqsim::notifier {
namespace {

// hotplug.md 4.5, vi.
constexpr int kStepOfIdleLoop = 6;

}  // namespace

// A thread that is bound to its CPU: sleeps, and parks when it is asked to.
Next Notifier2012::ThreadStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kIdleStep{0}, kParkStep{2};
  if (!kernel.task(frame.task).should_park) {
    return Next::Block(kIdleStep, TaskState::kInterruptible);
  }
  if (frame.step == kParkStep) {
    if (parker_.valid()) kernel.Wake(parker_);
    return Next::Block(kIdleStep, TaskState::kParked);
  }
  const Cycles switches = (kernel.facts().c_ctx + kernel.facts().c_sched) * 2;
  return Next::Run(kParkStep, std::max(kZeroCycles, c_park_ - switches), RunMode::kKernel);
}

// take_cpu_down() in the stop tasks; what comes between the stages is for the CPU that goes.
Next Notifier2012::StopStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kGone{7}, kDying{8};
  const CpuId cpu = frame.cpu;
  if (frame.step == StopMachine::kRun) return Next::Run(kGone, c_disable_, RunMode::kIrqsOff);
  if (frame.step == kDying) {
    HandOverTick(kernel, cpu);
    is_stopped_ = true;
    return Next::Run(StopMachine::kRan, kZeroCycles, RunMode::kIrqsOff);
  }
  if (frame.step != kGone) return stop_.Step(kernel, frame);
  if (disable_fails_) return Next::Run(StopMachine::kRan, kZeroCycles, RunMode::kIrqsOff);
  ClearOnline(kernel, cpu);
  return CallChain(kDying, Event::kDying, cpu, INT32_MAX, !dying_irqs_on_);
}

// The idle loop has seen the flag: it takes its CPU down while all others run on.
Next Notifier2012::IdleStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  if (frame.step == StepId(0)) {
    if (cpu != leaving_) return Next::Return(0);
    leaving_ = CpuId();
    Set(kernel, kStepEvent, cpu.value(), kStepOfIdleLoop, 0);
    return CallChain(StepId(1), Event::kDying, cpu, INT32_MAX, !dying_irqs_on_);
  }
  HandOverTick(kernel, cpu);
  ready_at_ = kernel.now();
  Set(kernel, kFlagEvent, cpu.value(), 1, 0);
  kernel.LookAgain(caller_);
  return Next::Return(0);
}

// A CPU that has been started: its STARTING notifiers, then it is online.
Next Notifier2012::StartStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  if (frame.step == StepId(0)) return CallChain(StepId(1), Event::kStarting, cpu, INT32_MAX, true);
  kernel.SetOnline(cpu, true);
  came_online_ = true;
  kernel.LookAgain(caller_);
  return Next::Return(0);
}

}  // namespace rqsim::notifier
