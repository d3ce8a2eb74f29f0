// One operation: the locks, the checks, and who runs which part (kernel/cpu.c: _cpu_up(),
// _cpu_down()).
// Tested by scenarios/hotplug/.
#include "rqsim/cpuhp_kick.h"
#include "service/cpuhp.h"

namespace rqsim::cpuhp {
namespace {

constexpr StepId kLock{0};
constexpr StepId kLocked{1};
constexpr StepId kThread{2};  // the hotplug thread has run its part …
constexpr StepId kBack{3};    // … and has undone it
constexpr StepId kStates{4};  // the controller's part is done …
constexpr StepId kUndone{5};  // … and undone
constexpr StepId kAgain{6};   // the thread has brought up what was down before a failed takedown
constexpr StepId kUnlocked{7};

// Registers: CPU, target, number, whether tasks are frozen; state before, result.
constexpr int kOld = 4, kResult = 5;

CpuId CpuOf(const Frame& frame) { return CpuId(static_cast<int32_t>(frame.r[0])); }
int TargetOf(const Frame& frame) { return static_cast<int>(frame.r[1]); }

}  // namespace

// cpuhp_set_state(). Returns the state before.
int Cpuhp::SetState(Kernel& kernel, CpuId cpu, int target) {
  PerCpu& c = At(cpu);
  c.rollback = false;
  c.last = -1;
  c.target = target;
  c.bringup = c.state < target;
  if (kernel.cpu(cpu).dying == c.bringup) kernel.SetDying(cpu, !c.bringup);
  return c.state;
}

// cpuhp_reset_state(): the other way round from here on. The state that failed is not undone
// itself, but for those of its instances that were done.
void Cpuhp::ResetState(Kernel& kernel, CpuId cpu, int old) {
  PerCpu& c = At(cpu);
  c.target = old;
  if (c.rollback) return;
  c.rollback = true;
  if (c.last < 0) c.state += c.bringup ? -1 : 1;
  c.bringup = !c.bringup;
  kernel.SetDying(cpu, !c.bringup);
}

// The hotplug thread of `cpu` goes to its target; `controller` sleeps meanwhile.
void Cpuhp::Kick(Kernel& kernel, CpuId cpu, TaskId controller) {
  PerCpu& c = At(cpu);
  c.result = 0;
  c.should_run = true;
  c.controller = controller;
  kernel.Wake(c.thread);
}

// cpuhp_kick_ap_work() has the tracepoints of a callback around all that the thread does, undoing
// included.
void Cpuhp::EmitKick(Kernel& kernel, CpuId cpu, int old) {
  CpuhpEnter enter;
  enter.cpu = cpu;
  enter.target = At(cpu).target;
  enter.idx = old;
  enter.up = kCpuhpKick;
  kernel.Emit(enter);
}

void Cpuhp::EmitKickOver(Kernel& kernel, const Frame& frame) {
  CpuhpExit exit;
  exit.cpu = CpuOf(frame);
  exit.state = At(exit.cpu).state;
  exit.idx = static_cast<int32_t>(frame.r[kOld]);
  exit.ret = static_cast<int32_t>(frame.r[kResult]);
  kernel.Emit(exit);
}

Next Cpuhp::RunStates(StepId then, CpuId cpu, int limit, bool up, bool atomic) {
  const int64_t args[6] = {cpu.value(), limit, (up ? 1 : 0) | (atomic ? 2 : 0), 0, 0, 0};
  return Next::Call(then, self_, kStatesPath, args);
}

Next Cpuhp::EndOp(Frame& frame, int64_t result) {
  frame.r[kResult] = result;
  return Next::Run(kUnlocked, c_unlock_, RunMode::kKernel);
}

// What an operation is refused for before anything has changed.
int64_t Cpuhp::Check(Kernel& kernel, CpuId cpu, int target) {
  const PerCpu& c = At(cpu);
  const bool up = target > c.state;
  const int64_t admitted = kernel.AdmitHotplug(cpu, up);
  if (admitted < 0) return admitted;
  if (up) return IsBootable(kernel, cpu) ? 0 : kEPERM;
  if (!can_offline_) return kEOPNOTSUPP;
  if (target < kTeardown && kernel.cpu(cpu).online && kernel.online().Count() == 1) return kEBUSY;
  CpuSet housekeeping = kernel.housekeeping() & kernel.online();
  if (needs_other_hk_) housekeeping.Remove(cpu);
  return housekeeping.empty() ? kEBUSY : 0;
}

Next Cpuhp::OpStep(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  if (frame.step == kLock) return Next::Run(kLocked, c_lock_, RunMode::kKernel);
  if (frame.step == kLocked) {
    const int target = TargetOf(frame);
    // Nobody was in the way when it was its turn; the locks have taken their time.
    const bool waits = kernel.AdmitHotplug(cpu, target > c.state) == kHotplugWait;
    held_up_ = waits ? frame.task : TaskId();
    if (waits) return Next::Block(kLocked, TaskState::kUninterruptible);
    EmitOp(kernel, cpu, target, HotplugPhase::kLocked, 0, static_cast<int>(frame.r[2]));
    if (disabled_ > 0 && frame.r[3] == 0) return EndOp(frame, kEBUSY);
    if (c.state == target) return EndOp(frame, 0);
    const int64_t refused = Check(kernel, cpu, target);
    if (refused != 0) return EndOp(frame, refused);
    return target < c.state ? BeginDown(kernel, frame) : BeginUp(kernel, frame);
  }
  if (frame.step == kThread) return ThreadDone(kernel, frame);
  if (frame.step == kBack || frame.step == kUndone || frame.step == kAgain) {
    if (frame.step != kUndone && c.should_run) {
      return Next::Block(frame.step, TaskState::kUninterruptible);
    }
    if (frame.step == kBack) EmitKickOver(kernel, frame);
    return EndOp(frame, frame.r[kResult]);
  }
  if (frame.step == kStates) return DownRest(kernel, frame);
  EmitOp(kernel, cpu, TargetOf(frame), HotplugPhase::kDone, frame.r[kResult],
         static_cast<int>(frame.r[2]));
  return Next::Return(frame.r[kResult]);
}

Next Cpuhp::BeginDown(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  const int target = TargetOf(frame);
  frame.r[kOld] = SetState(kernel, cpu, target);
  if (c.state <= kTeardown) return RunStates(kStates, cpu, target, false, false);
  c.target = std::max(target, kTeardown);
  EmitKick(kernel, cpu, c.state);
  Kick(kernel, cpu, frame.task);
  return Next::Block(kThread, TaskState::kUninterruptible);
}

Next Cpuhp::BeginUp(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  const int target = TargetOf(frame);
  frame.r[kOld] = SetState(kernel, cpu, target);
  if (c.state > kBringup) {
    EmitKick(kernel, cpu, c.state);
    Kick(kernel, cpu, frame.task);
    return Next::Block(kThread, TaskState::kUninterruptible);
  }
  return RunStates(kStates, cpu, std::min(target, kBringup), true, false);
}

// cpuhp_kick_ap(): what the thread could not do it undoes itself.
Next Cpuhp::ThreadDone(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  if (c.should_run) return Next::Block(kThread, TaskState::kUninterruptible);
  const int old = static_cast<int>(frame.r[kOld]);
  if (c.result != 0) {
    frame.r[kResult] = c.result;
    ResetState(kernel, cpu, old);
    Kick(kernel, cpu, frame.task);
    return Next::Block(kBack, TaskState::kUninterruptible);
  }
  EmitKickOver(kernel, frame);
  if (c.bringup || c.state > kTeardown) return EndOp(frame, 0);
  c.target = TargetOf(frame);
  return RunStates(kStates, cpu, c.target, false, false);
}

// The controller's own states are done, or one of them has failed.
Next Cpuhp::DownRest(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  const int old = static_cast<int>(frame.r[kOld]);
  frame.r[kResult] = frame.result;
  if (frame.result == 0) return EndOp(frame, 0);
  const bool was_up = TargetOf(frame) > old;
  if (!was_up && c.state < kBringup) {
    Set(kernel, kDeadFailedEvent, cpu.value(), c.state + 1, frame.result);
  }
  ResetState(kernel, cpu, old);
  if (was_up) return RunStates(kUndone, cpu, old, false, false);
  // A takedown that failed: the thread brings back what it had taken down. Below, an error is a bug
  // of the callback: the CPU stays where it is (MODEL-302).
  if (c.state != kTeardown || old <= kTeardown) return EndOp(frame, frame.result);
  Kick(kernel, cpu, frame.task);
  return Next::Block(kAgain, TaskState::kUninterruptible);
}

}  // namespace rqsim::cpuhp
