// What the scenario asks of notifier-2012, who carries it out, and the locks (MODEL-170); suspend,
// which takes all CPUs but one offline and brings them back (Linux 3.4 kernel/cpu.c:
// disable_nonboot_cpus(), enable_nonboot_cpus(); MODEL-230).
// Tested by scenarios/hotplug/.
#include <algorithm>

#include "service/notifier.h"

namespace rqsim::notifier {

void Notifier2012::EmitOp(Kernel& kernel, const Asked& asked, HotplugPhase phase, int64_t result) {
  HotplugOp op;
  op.result = result;
  op.cpu = asked.cpu;
  op.target = asked.up ? 236 : 0;
  op.phase = phase;
  op.id = asked.id;
  kernel.Emit(op);
}

bool Notifier2012::Hotplug(Kernel& kernel, const HotplugSpec& request) {
  if (request.cpus.empty()) return AskGlobal(kernel, request.to);
  Asked asked;
  asked.up = request.to == "online";
  asked.on = request.on.value_or(CpuId());
  for (CpuId c = request.cpus.First(); c.valid(); c = request.cpus.After(c)) {
    asked.cpu = c;
    asked.id = ++next_id_;
    EmitOp(kernel, asked, HotplugPhase::kRequested, 0);
    if (!asked.up && request.to != "offline") {
      EmitOp(kernel, asked, HotplugPhase::kDone, kEINVAL);
      continue;
    }
    waiters_.push_back({TaskId(), static_cast<int>(requests_.size())});
    requests_.push_back(asked);
  }
  Dispatch(kernel);
  return true;
}

// What is for no CPU in particular. SMT control and a wake-up that aborts a freeze came later.
bool Notifier2012::AskGlobal(Kernel& kernel, std::string_view what) {
  Asked asked;
  if (what == "disable" || what == "enable") {
    disabled_ += what == "disable" ? 1 : -1;
    Dispatch(kernel);
    return true;
  }
  asked.id = ++next_id_;
  EmitOp(kernel, asked, HotplugPhase::kRequested, 0);
  if (what != "freeze" && what != "thaw") {
    EmitOp(kernel, asked, HotplugPhase::kDone, kEINVAL);
    return true;
  }
  asked.what = what == "freeze" ? Ask::kFreeze : Ask::kThaw;
  waiters_.push_back({TaskId(), static_cast<int>(requests_.size())});
  requests_.push_back(asked);
  Dispatch(kernel);
  return true;
}

CpuId Notifier2012::ControllerCpu(const Kernel& kernel, const Asked& asked) const {
  if (asked.what != Ask::kCpu || asked.is_frozen) return kernel.online().First();
  if (asked.on.valid() && kernel.online().Contains(asked.on)) return asked.on;
  CpuSet others = kernel.online();
  others.Remove(asked.cpu);
  return others.empty() ? kernel.online().First() : others.First();
}

void Notifier2012::Dispatch(Kernel& kernel) {
  if (is_locked_ || waiters_.empty()) return;
  const Waiter first = waiters_.front();
  // With readers about, a request waits without a controller.
  if (first.request >= 0 && !readers_.empty()) return;
  if (first.request >= 0) {
    const Asked& asked = requests_[static_cast<std::size_t>(first.request)];
    if (asked.what == Ask::kCpu && kernel.AdmitHotplug(asked.cpu, asked.up) == kHotplugWait) return;
  }
  waiters_.erase(waiters_.begin());
  is_locked_ = true;
  if (first.task.valid()) {
    owner_ = first.task;
    kernel.Wake(first.task);
    return;
  }
  running_ = first.request;
  owner_ = controller_;
  now_ = requests_[static_cast<std::size_t>(running_)];
  const Task& task = kernel.task(controller_);
  if (task.on_cpu && task.state == TaskState::kRunning) return;  // it looks before it sleeps
  kernel.SetAffinity(controller_, CpuSet::Of(ControllerCpu(kernel, now_)));
  kernel.Wake(controller_, WakeFlags::kFreeSwitch);
}

// The hotplug lock: readers that came during the operation go on.
void Notifier2012::ReleaseHotplug(Kernel& kernel) {
  is_active_ = false;
  readers_.AdmitWaiting(kernel);
}

void Notifier2012::Release(Kernel& kernel) {
  if (is_active_) ReleaseHotplug(kernel);
  is_locked_ = false;
  owner_ = TaskId();
  running_ = -1;
  Dispatch(kernel);
}

Next Notifier2012::ControllerStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kIdleStep{0}, kDone{1};
  if (frame.step == kDone && now_.is_frozen) return NextOfFreeze(kernel, frame);
  if (frame.step == kDone) {
    Release(kernel);
    frame.step = kIdleStep;
  }
  if (running_ < 0) return Next::Block(kIdleStep, TaskState::kInterruptible);
  const CpuId where = ControllerCpu(kernel, now_);
  if (where != frame.cpu) {
    kernel.SetAffinity(frame.task, CpuSet::Of(where));
    Next point = Next::Run(kIdleStep, kZeroCycles, RunMode::kUser);
    point.cond_resched = true;
    return point;
  }
  if (now_.what != Ask::kCpu) return NextOfFreeze(kernel, frame);
  const int64_t args[1] = {now_.cpu.value()};
  return Next::Call(kDone, self_, now_.up ? kUpPath : kDownPath, args);
}

// One CPU after another, in ascending order both times. Freezing stops at the first error, thawing
// goes on. Whatever came of it, other operations are refused until the thaw.
Next Notifier2012::NextOfFreeze(Kernel& kernel, Frame& frame) {
  const Asked& asked = requests_[static_cast<std::size_t>(running_)];
  const bool freezes = asked.what == Ask::kFreeze;
  const int num = kernel.num_cpus();
  if (!now_.is_frozen) {
    disabled_ += freezes ? 1 : -1;
    if (freezes) frozen_ = CpuSet();
    freeze_at_ = 0;
    freeze_result_ = 0;
  } else {
    if (is_active_) ReleaseHotplug(kernel);
    if (frame.result == 0 && freezes) frozen_.Add(now_.cpu);
    if (frame.result < 0 && freezes) {
      freeze_result_ = frame.result;
      freeze_at_ = num;
    }
  }
  const CpuId primary = kernel.online().First();
  for (; freeze_at_ < num; ++freeze_at_) {
    const CpuId cpu(freeze_at_);
    const bool is_meant =
        freezes ? cpu != primary && kernel.cpu(cpu).online : frozen_.Contains(cpu);
    if (!is_meant) continue;
    ++freeze_at_;
    now_.cpu = cpu;
    now_.up = !freezes;
    now_.is_frozen = true;
    const int64_t args[1] = {cpu.value()};
    return Next::Call(StepId(1), self_, now_.up ? kUpPath : kDownPath, args);
  }
  EmitOp(kernel, asked, HotplugPhase::kDone, freeze_result_);
  Release(kernel);
  return Next::Run(StepId(0), kZeroCycles, RunMode::kKernel);
}

}  // namespace rqsim::notifier
