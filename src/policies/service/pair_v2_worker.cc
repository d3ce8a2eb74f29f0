// The service `pair-v2`, the half of the CPUs: workers, hooks at a switch, CPU hotplug (pairing.md
// 6.3, 6.5, 6.7). pair_v2.cc has the essay. Tested by scenarios/pairing.
#include "service/pair_v2.h"

namespace rqsim {
namespace {

// kPairV2Work; r[0] CPU, r[1] when the work began, r[2] whose it is, r[3] whether it timed out.
constexpr StepId kNextWork{0};
constexpr StepId kPublish{1};
constexpr StepId kSoak{2};
constexpr StepId kThrowOut{3};
constexpr StepId kWorkEnd{4};
constexpr StepId kBarrier{5};
// kPairV2Switched; r[0] the previous task.
constexpr StepId kEntry{0};
constexpr StepId kWorkerHook{1};
constexpr StepId kWorkerHookDone{2};
constexpr StepId kTaskHook{3};
constexpr StepId kTaskHookDone{4};
constexpr StepId kTaskHookClear{5};
// kPairV2Startup; r[0] CPU.
constexpr StepId kStartupCalled{1};
constexpr StepId kBind{2};

}  // namespace

// The worker of that CPU, if it spins, reads again what it waits for.
void PairV2::LookAgain(Kernel& kernel, CpuId cpu) {
  if (cpu.valid()) kernel.LookAgain(WorkerOf(cpu));
}

Next PairV2::Work(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  if (frame.step == kNextWork) return NextWork(kernel, frame, cpu);
  const TaskId task(static_cast<int32_t>(frame.r[2]));
  CpuPart& part = Of(cpu);
  if (frame.step == kPublish && part.comes_up) {
    // Taken on the host, and the CPU comes up: its task queues anew.
    kernel.Wake(task);
    return Next::Run(kWorkEnd, kZeroCycles, RunMode::kKernel);
  }
  if (frame.step == kPublish) {
    part.worker_preempted = false;
    Store(Site::kPublishRunning, part.running, task);
    Store(Site::kPublishActive, Of(task).worker_active, true);
    EmitCpu(kernel, cpu);
    EmitTask(kernel, task);
    Emit(kernel, PairEvent::kPublish, task, cpu, 0);
    kernel.Wake(task);
    return Next::Run(kSoak, kZeroCycles, RunMode::kKernel);
  }
  if (frame.step == kSoak) return Soak(kernel, frame, cpu);
  if (frame.step == kThrowOut) return Preempt(kernel, kBarrier, task);
  if (frame.step == kBarrier) return Next::Run(kWorkEnd, c_mb_, RunMode::kKernel);
  return EndWork(kernel, frame, cpu);
}

// kthread_worker_fn(): whoever waits for the end of the last work comes before further work.
Next PairV2::NextWork(Kernel& kernel, Frame& frame, CpuId cpu) {
  CpuPart& part = Of(cpu);
  if (part.flush_waiter.valid()) {
    EmitWork(kernel, WorkEvent::kStart, part.flush_waiter, WorkFunction::kFlush, cpu);
    EmitWork(kernel, WorkEvent::kEnd, part.flush_waiter, WorkFunction::kFlush, cpu);
    kernel.Wake(part.flush_waiter);
    part.flush_waiter = TaskId();
    return Next::Run(kNextWork, kZeroCycles, RunMode::kKernel);
  }
  if (part.comes_up && frame.cpu == cpu) part.comes_up = false;
  if (part.comes_up) {
    const bool is_bound = kernel.task(WorkerOf(cpu)).cpus_allowed == CpuSet::Of(cpu);
    return is_bound ? Next::Schedule(kNextWork) : Next::Block(kNextWork, TaskState::kInterruptible);
  }
  const TaskId task = FirstFor(cpu);
  if (!task.valid()) return Next::Block(kNextWork, TaskState::kInterruptible);
  Unlink(cpu, task);
  Of(task).is_pending = false;
  part.current = task;
  frame.r[1] = kernel.now().cycles();
  frame.r[2] = task.value();
  frame.r[3] = 0;
  Emit(kernel, PairEvent::kRun, task, cpu, 0);
  EmitWork(kernel, WorkEvent::kStart, task, WorkFunction::kPair, cpu);
  return Next::Run(kPublish, c_pub_ + c_mb_, RunMode::kKernelNoPreempt);
}

// W3: spins while its task wants it. The conditions are read at the start of a round.
Next PairV2::Soak(Kernel& kernel, Frame& frame, CpuId cpu) {
  CpuPart& part = Of(cpu);
  const TaskId id(static_cast<int32_t>(frame.r[2]));
  const TaskPart& task = Of(id);
  const bool goes_on = task.need_worker && !part.worker_preempted &&
                       kernel.task(id).state != TaskState::kDead &&
                       (!keeps_work_ || task.worker_active);
  const Time begin(frame.r[1]);
  if (goes_on && timeout_ > kZeroCycles && kernel.now() - begin > timeout_) {
    frame.r[3] = 1;
    Emit(kernel, PairEvent::kTimeout, id, cpu, (kernel.now() - begin).count());
  }
  if (goes_on && frame.r[3] == 0) {
    Watch watch;
    watch.task = id;
    watch.need_resched = !faults_.no_cond_resched;
    if (timeout_ > kZeroCycles) watch.until = begin + timeout_ + Cycles(1);
    return Next::Spin(kSoak, watch, c_poll_, kernel.now(), !faults_.no_cond_resched);
  }
  // W4
  Store(Site::kEndRunning, part.running, TaskId());
  Store(Site::kEndActive, Of(id).worker_active, false);
  EmitCpu(kernel, cpu);
  EmitTask(kernel, id);
  return Next::Run(frame.r[3] != 0 ? kThrowOut : kBarrier, kZeroCycles, RunMode::kKernel);
}

// W6
Next PairV2::EndWork(Kernel& kernel, Frame& frame, CpuId cpu) {
  CpuPart& part = Of(cpu);
  const TaskId task(static_cast<int32_t>(frame.r[2]));
  part.current = TaskId();
  Drop(kernel, task);
  EmitCpu(kernel, cpu);
  Emit(kernel, PairEvent::kWorkEnd, task, cpu, kernel.now().cycles() - frame.r[1]);
  EmitWork(kernel, WorkEvent::kEnd, task, WorkFunction::kPair, cpu);
  // cond_resched(), which the fault takes from the worker altogether: pairing.md 8 has it sleep at
  // once where nothing else is queued.
  if (!faults_.no_cond_resched && kernel.cpu(frame.cpu).need_resched) {
    return Next::Schedule(kNextWork);
  }
  return Next::Run(kNextWork, kZeroCycles, RunMode::kKernel);
}

// The IPI that throws a task out of user code.
Next PairV2::Preempt(Kernel& kernel, StepId step, TaskId task) {
  const CpuId target = kernel.task(task).cpu;
  if (faults_.ipi_offline_hang && !kernel.online().Contains(target)) {
    Watch watch;
    watch.need_resched = false;
    return Next::Spin(step, watch, kZeroCycles, kernel.now());
  }
  return CallAndWait(kernel, step, target, task, kPairPreempt);
}

// ------------------------------------------------------------------------------ hooks at a switch

bool PairV2::WantsWorkerHook(CpuId cpu, TaskId prev) const {
  const CpuPart& part = cpus_[cpu.index()];
  return WorkerOf(cpu) == prev && part.running.valid() && !faults_.no_worker_hook;
}

bool PairV2::WantsTaskHook(TaskId subject) const {
  const TaskPart& task = tasks_[subject.index()];
  return task.pair_cpu.valid() && task.need_worker && task.worker_active;
}

// Whose flags the task hook looks at. The fault of v1 takes the next task where a paired one is
// switched out (MODEL-200).
TaskId PairV2::HookSubject(TaskId prev, TaskId next) const {
  return faults_.v1_current_not_prev && tasks_[prev.index()].pair_cpu.valid() ? next : prev;
}

// The lines that a switch touches for pairing alone: one of current in schedule(), that of the CPU,
// that of prev.
int PairV2::HookLines(TaskId prev, TaskId next) const {
  if (hot_flag_ && !UsesPairing(prev) && !UsesPairing(next)) return 0;
  int lines = 1;
  if (!home_is_rq_) ++lines;
  if (!layout_hot_ && (!layout_cold_ || UsesPairing(prev))) ++lines;
  return lines;
}

Cycles PairV2::HookCost(TaskId prev, TaskId next) const {
  const int lines = HookLines(prev, next);
  const Cycles layout = layout_hot_ ? c_layout_ : kZeroCycles;
  if (by_lines_) return c_miss_ * lines + layout;
  return lines == 0 ? layout : c_hook_ + layout;
}

PathCall PairV2::SwitchedPath(Kernel& kernel, CpuId cpu, TaskId prev, TaskId next) {
  if (kernel.WantsDeclared(self_, static_cast<int>(PairEvent::kHook))) {
    PolicyEventPayload payload;
    payload.wide[0] = HookCost(prev, next).count();
    payload.wide[1] = HookLines(prev, next);
    payload.narrow[0] = prev.value();
    payload.narrow[1] = next.value();
    payload.narrow[2] = UsesPairing(prev) || UsesPairing(next) ? 1 : 0;
    kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kHook), payload);
  }
  if (!WantsWorkerHook(cpu, prev) && !WantsTaskHook(HookSubject(prev, next)) &&
      HookCost(prev, next) == kZeroCycles) {
    return PathCall::None();
  }
  return PathCall::To(kPairV2Switched, prev.value());
}

Next PairV2::Switched(Kernel& kernel, Frame& frame) {
  const TaskId prev(static_cast<int32_t>(frame.r[0]));
  if (frame.step == kEntry) {
    return Next::Run(kWorkerHook, HookCost(prev, frame.task), RunMode::kKernelNoPreempt);
  }
  if (frame.step == kWorkerHook) {
    if (!WantsWorkerHook(frame.cpu, prev)) {
      return Next::Run(kTaskHook, kZeroCycles, RunMode::kKernelNoPreempt);
    }
    CpuPart& part = Of(frame.cpu);
    const TaskId task = part.running;
    Store(Site::kHookWorkerPreempted, part.worker_preempted, true);
    Store(Site::kHookWorkerActive, Of(task).worker_active, false);
    Store(Site::kHookWorkerRunning, part.running, TaskId());
    EmitCpu(kernel, frame.cpu);
    EmitTask(kernel, task);
    return Preempt(kernel, kWorkerHookDone, task);
  }
  if (frame.step == kWorkerHookDone) {
    return Next::Run(kTaskHook, c_mb_, RunMode::kKernelNoPreempt);
  }
  const TaskId subject = HookSubject(prev, frame.task);
  if (frame.step == kTaskHook) {
    if (!WantsTaskHook(subject)) return Next::Return(0);
    return CallAndWait(kernel, kTaskHookDone, Of(subject).pair_cpu, subject, kPairBarrier);
  }
  if (frame.step == kTaskHookDone) {
    return Next::Run(kTaskHookClear, c_mb_, RunMode::kKernelNoPreempt);
  }
  TaskPart& task = Of(subject);
  task.worker_active = false;
  Store(Site::kHookTaskNeed, task.need_worker, false);
  EmitTask(kernel, subject);
  LookAgain(kernel, task.pair_cpu);
  return Next::Return(0);
}

// ---------------------------------------------------------------------------------------- hotplug

// The CPU comes up, before user tasks may run there: whoever used its data meanwhile is thrown out,
// and its worker comes back.
Next PairV2::Startup(Kernel& kernel, Frame& frame) {
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  CpuPart& part = Of(cpu);
  if (frame.step == kEntry) {
    const TaskId task = part.running;
    part.comes_up = true;
    if (!task.valid()) return Next::Run(kBind, kZeroCycles, RunMode::kKernel);
    part.worker_preempted = true;
    Of(task).worker_active = false;
    part.running = TaskId();
    EmitCpu(kernel, cpu);
    EmitTask(kernel, task);
    LookAgain(kernel, cpu);
    if (startup_to_task_) return Preempt(kernel, kStartupCalled, task);
    // As posted: computed the task's CPU, and interrupts the one that comes up.
    return CallAndWait(kernel, kStartupCalled, cpu, task, kPairPreempt);
  }
  if (frame.step == kStartupCalled) return Next::Run(kBind, c_mb_, RunMode::kKernel);
  // MODEL-198: bound when its work has ended, so that it need not be carried over while it spins.
  BringBack(kernel, cpu);
  if (kernel.task(WorkerOf(cpu)).state == TaskState::kInterruptible) {
    part.comes_up = false;
    if (FirstFor(cpu).valid()) kernel.Wake(WorkerOf(cpu));
  }
  return Next::Return(0);
}

}  // namespace rqsim
