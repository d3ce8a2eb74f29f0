// Requests of the scenario and operations of tasks, in line for the lock of hotplug (MODEL-170).
//
// Idea: who has waited longest gets the lock as soon as it is free; a request is then carried out
// by the kernel thread `hotplug`, an operation by the task that has it. Origin: Linux 7.2
// kernel/cpu.c: cpu_maps_update_begin(), cpus_write_lock(); 3.4 kernel/cpu.c: cpu_hotplug_begin().
// Cost: O(1). Tested by scenarios/hotplug/.
#include "service/hotplug_requests.h"

namespace rqsim::hotplug {

RequestedService::RequestedService(const Limits& limits)
    : self_(limits.self), readers_(limits.num_tasks), controller_(limits.first_kthread) {
  waiters_.reserve(16);
  requests_.reserve(64);
}

bool RequestedService::BeginByItself(Kernel&, const Asked&) { return false; }
void RequestedService::BeforeRelease(Kernel&) {}

void RequestedService::EmitOp(Kernel& kernel, CpuId cpu, int target, HotplugPhase phase,
                              int64_t result, int id) {
  HotplugOp op;
  op.result = result;
  op.cpu = cpu;
  op.target = target;
  op.phase = phase;
  op.id = id;
  kernel.Emit(op);
}

CpuId RequestedService::ControllerCpu(const Kernel& kernel, const Asked& asked) const {
  const CpuSet others = kernel.online() - asked.cpus;
  return others.empty() ? kernel.online().First() : others.First();
}

CpuId RequestedService::PlaceOf(const Kernel& kernel, const Asked& asked) const {
  if (asked.on.valid() && kernel.online().Contains(asked.on)) return asked.on;
  return ControllerCpu(kernel, asked);
}

void RequestedService::Add(const Asked& asked) {
  waiters_.push_back({TaskId(), static_cast<int>(requests_.size())});
  requests_.push_back(asked);
}

bool RequestedService::IsHeldUp(Kernel& kernel, const Waiter& waiter) const {
  if (!readers_.empty() && WaitsForReaders(waiter)) return true;
  if (waiter.request < 0) return false;
  const Asked& asked = request(waiter.request);
  if (asked.what != Ask::kTarget || asked.cpus.Count() != 1) return false;
  const bool up = asked.target == kToOnline;
  return kernel.AdmitHotplug(asked.cpus.First(), up) == kHotplugWait;
}

void RequestedService::Dispatch(Kernel& kernel) {
  while (!is_locked_ && !waiters_.empty()) {
    const Waiter first = waiters_.front();
    if (IsHeldUp(kernel, first)) return;
    waiters_.erase(waiters_.begin());
    is_locked_ = true;
    if (first.task.valid()) {
      owner_ = first.task;
      kernel.Wake(first.task);
      return;
    }
    const Asked& asked = request(first.request);
    if (BeginByItself(kernel, asked)) continue;
    running_ = first.request;
    owner_ = controller_;
    const Task& task = kernel.task(controller_);
    if (task.on_cpu && task.state == TaskState::kRunning) return;  // it looks before it sleeps
    kernel.SetAffinity(controller_, CpuSet::Of(PlaceOf(kernel, asked)));
    kernel.Wake(controller_, WakeFlags::kFreeSwitch);
    return;
  }
  if (!is_locked_ && waiters_.empty()) readers_.AdmitWaiting(kernel);
}

void RequestedService::Release(Kernel& kernel) {
  BeforeRelease(kernel);
  is_locked_ = false;
  owner_ = TaskId();
  running_ = -1;
  Dispatch(kernel);
}

void RequestedService::StartTick(const Kernel& kernel) {
  const CpuSet ticking = kernel.online() - kernel.facts().nohz_full;
  tick_cpu_ = ticking.empty() ? kernel.online().First() : ticking.First();
}

// tick_cpu_dying(): any CPU that is online will do, all of them are in their stop tasks.
void RequestedService::HandOverTick(Kernel& kernel, CpuId from) {
  if (tick_cpu_ != from) return;
  CpuSet others = kernel.online();
  others.Remove(from);
  tick_cpu_ = others.First();
  PolicyEventPayload payload;
  payload.wide[0] = from.value();
  payload.wide[1] = tick_cpu_.value();
  kernel.EmitDeclared(self_, kTickDutyEvent, payload);
}

Next RequestedService::ControllerStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kIdle{0};
  if (frame.step == kCarriedOut) {
    Release(kernel);
    frame.step = kIdle;
  }
  if (running_ < 0) return Next::Block(kIdle, TaskState::kInterruptible);
  const Asked& asked = request(running_);
  const CpuId where = PlaceOf(kernel, asked);
  if (where == frame.cpu) return CarryOut(kernel, frame, asked);
  // The next request has to be carried out elsewhere: it takes itself there.
  kernel.SetAffinity(frame.task, CpuSet::Of(where));
  Next point = Next::Run(kIdle, kZeroCycles, RunMode::kUser);
  point.cond_resched = true;
  return point;
}

Next RequestedService::TaskOpStep(Kernel& kernel, Frame& frame) {
  constexpr StepId kEnter{0}, kOwner{1};
  const bool up = frame.path == kOnlineOp;
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  if (frame.step == kEnter) {
    if (!cpu.valid() || cpu.value() >= kernel.num_cpus()) return Next::Return(kEINVAL);
    const int id = NewId();
    frame.r[1] = id;
    EmitOp(kernel, cpu, up ? kToOnline : kToOffline, HotplugPhase::kRequested, 0, id);
    const bool is_free =
        !is_locked_ && waiters_.empty() && (readers_.empty() || !WaitsForReaders({frame.task, -1}));
    if (is_free) {
      is_locked_ = true;
      owner_ = frame.task;
    } else {
      AddWaiter(frame.task);
    }
    frame.step = kOwner;
  }
  if (frame.step == kOwner) {
    if (owner_ != frame.task) return Next::Block(kOwner, TaskState::kUninterruptible);
    if (kernel.AdmitHotplug(cpu, up) != kHotplugWait) return TaskOp(kernel, frame, cpu, up);
    is_locked_ = false;
    owner_ = TaskId();
    AddWaiter(frame.task);
    return Next::Block(kOwner, TaskState::kUninterruptible);
  }
  Release(kernel);
  return Next::Return(frame.result);
}

}  // namespace rqsim::hotplug
