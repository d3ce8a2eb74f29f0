// Pairing as it was posted in "[RFC PATCH v2] sched_pair_cpu: Introduce scheduler task pairing
// system call" (Mathieu Desnoyers, 19 June 2020; pairing.md 6): a task that is paired with a CPU
// queues work for that CPU's worker thread on its way to user code and sleeps; the worker occupies
// the CPU, wakes the task and spins until the task is done, preempted, or has taken too long.
//
// Whoever is switched out under it is told by hooks at the end of every context switch of every
// task, which is what the review objects to (Peter Zijlstra, 24 June 2020): a worker that loses its
// CPU throws its task out of user code by an IPI before the next task may go on (H-worker), a task
// that loses its CPU has its worker released behind a barrier on that CPU (H-task). The knobs of
// pairing.md 8 are the parameters and faults below.
//
// What differs from the patch: the IPI sets the whole request to reschedule, which at the way to
// user code is the same (fault pair.ipi_tif_only is the flag alone); on the way up a worker is
// bound back when its work has ended, not before (MODEL-198).
// Cost: every hook O(1).
// Tested by scenarios/pairing and tests/property/pairing_test.cc.
#include "service/pair_v2.h"

#include "join_tables.h"
#include "policies.h"

namespace rqsim {
namespace {

constexpr StepId kEntry{0};
// kPairV2Resume
constexpr StepId kHandle{1};
constexpr StepId kCancel{2};
constexpr StepId kCanceled{3};
constexpr StepId kQueueStep{4};
constexpr StepId kWoken{5};
// kPairClearPath
constexpr StepId kClearCancel{1};
constexpr StepId kCleared{2};

constexpr StepInfo kSetSteps[] = {{"set"}};
constexpr StepInfo kClearSteps[] = {{"clear"}, {"clear_cancel"}, {"cleared"}};
constexpr StepInfo kCallSteps[] = {{"call"}, {"done"}};
constexpr StepInfo kResumeSteps[] = {{"resume"},   {"handle"}, {"cancel"},
                                     {"canceled"}, {"queue"},  {"woken"}};
constexpr StepInfo kWorkSteps[] = {{"W0"}, {"W1"}, {"W3"}, {"W5"}, {"W6"}, {"W6_barrier"}};
constexpr StepInfo kSwitchedSteps[] = {{"hook"},   {"H_worker"},    {"H_worker_done"},
                                       {"H_task"}, {"H_task_done"}, {"H_task_clear"}};
constexpr StepInfo kStartupSteps[] = {{"startup"}, {"startup_ipi"}, {"bind"}};
constexpr StepInfo kTeardownSteps[] = {{"teardown"}};
constexpr StepInfo kExitSteps[] = {{"exit"}, {"rescheduled"}};
constexpr PathInfo kPaths[] = {
    {"pair", kSetSteps},        {"unpair", kClearSteps},      {"sched_pair_cpu", kCallSteps},
    {"resume", kResumeSteps},   {"work", kWorkSteps},         {"switched", kSwitchedSteps},
    {"startup", kStartupSteps}, {"teardown", kTeardownSteps}, {"exit", kExitSteps}};

constexpr KthreadInfo kKthreads[] = {PairWorker(kPairV2Work)};
// A dynamic state below sched:active (pairing.md 6.7).
constexpr HotplugCallbackInfo kHotplug[] = {
    {"sched/pair:online", 192, kPairV2Startup, kPairV2Teardown}};

constexpr std::array kOwnParams = {
    PairWorkerKthread("bound"),
    ParamInfo{.name = "c_queue",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "queueing work"},
    ParamInfo{.name = "c_cancel",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "taking work back"},
    ParamInfo{.name = "c_hook",
              .kind = ParamKind::kCycles,
              .summary = "the hooks of a switch, as a lump"},
    ParamInfo{.name = "c_miss",
              .kind = ParamKind::kCycles,
              .default_value = 1,
              .summary = "a cache line not touched before, with hook_cost lines"},
    ParamInfo{.name = "c_layout",
              .kind = ParamKind::kCycles,
              .summary = "what fields that displace others cost each switch, with layout hot"},
    ParamInfo{.name = "c_mb", .kind = ParamKind::kCycles, .summary = "a memory barrier"},
    ParamInfo{.name = "pair_timeout",
              .kind = ParamKind::kCycles,
              .summary = "after so long the worker gives up (the RFC: 4 ms); 0 = never"},
    ParamInfo{.name = "hook_cost",
              .kind = ParamKind::kEnum,
              .default_text = "lump",
              .allowed = "lump lines",
              .summary = "hooks cost c_hook, or c_miss for each line they touch"},
    ParamInfo{
        .name = "layout",
        .kind = ParamKind::kEnum,
        .default_text = "posted",
        .allowed = "posted hot cold",
        .summary =
            "where the fields of tasks are: a line of their own at every switch, among those of "
            "the scheduler (c_layout), or only touched for paired tasks"},
    ParamInfo{.name = "percpu_home",
              .kind = ParamKind::kEnum,
              .default_text = "separate",
              .allowed = "separate rq",
              .summary = "the fields of CPUs: a line of their own, or in the runqueue"},
    ParamInfo{
        .name = "hot_flag",
        .kind = ParamKind::kBool,
        .summary =
            "one flag in a hot line guards both hooks: tasks that do not use pairing pay nothing"},
    ParamInfo{
        .name = "mb",
        .kind = ParamKind::kEnum,
        .default_text = "redundant",
        .allowed = "redundant acqrel",
        .summary =
            "memory barriers as posted, or acquire and release but for the one the author keeps"},
    ParamInfo{.name = "cancel_mode",
              .kind = ParamKind::kEnum,
              .default_text = "cancel",
              .allowed = "cancel keep",
              .summary = "work that is queued still is taken back and queued anew, or stays"},
    ParamInfo{
        .name = "defer",
        .kind = ParamKind::kEnum,
        .default_text = "notify_resume",
        .allowed = "notify_resume task_work",
        .summary =
            "who calls the handler: every pass of schedule(), or work that the task queued, with "
            "the wait as a loop in it"},
    ParamInfo{
        .name = "signals",
        .kind = ParamKind::kEnum,
        .default_text = "after",
        .allowed = "after before",
        .summary =
            "when a pending signal is delivered: after the handler, whose schedule() returns at "
            "once with one pending, or before it, as exit_to_usermode_loop() does"},
    ParamInfo{
        .name = "startup_ipi",
        .kind = ParamKind::kEnum,
        .default_text = "as_posted",
        .allowed = "as_posted task_cpu",
        .summary =
            "whom a CPU that comes up throws out: itself (a slip), or the task that uses its data"},
};
constexpr auto kParams = JoinTables(kPairParams, kOwnParams);

// The tracepoints of kthread_work (Linux 7.2 include/trace/events/sched.h), after the events that
// both services have. Names stand where the kernel prints addresses: a work is called by the task
// it belongs to, a worker by its thread. The flush item that cancel_sync waits for is one, too
// (MODEL-261).
void AppendWorkFunction(int64_t value, std::string& out) {
  out += value == 0 ? "pair_cpu_work_func" : "kthread_flush_work_fn";
}
constexpr EventFieldInfo kWorkFields[] = {{"work", FieldKind::kTask},
                                          {"function", FieldKind::kSymbol, AppendWorkFunction},
                                          {"worker", FieldKind::kTask}};
constexpr std::array kWorkEvents = {
    EventInfo{"sched_kthread_work_queue_work", kWorkFields, "work is put on a worker's list"},
    EventInfo{"sched_kthread_work_execute_start", std::span(kWorkFields).first(2),
              "the worker calls its function"},
    EventInfo{"sched_kthread_work_execute_end", std::span(kWorkFields).first(2),
              "… which has returned"},
};
constexpr auto kEvents = JoinTables(kPairEvents, kWorkEvents);

constexpr FaultInfo kFaults[] = {
    {"pair.ipi_no_resched", "the IPI does not ask for a reschedule", "PA-S2"},
    {"pair.ipi_tif_only", "the IPI sets the flag without the preempt count's part (as posted)",
     "run_delay"},
    {"pair.no_worker_hook", "nobody notices that a worker lost its CPU", "PA-S2"},
    {"pair.naked_schedule", "a wake-up of any kind lets the task go to user code", "PA-S2"},
    {"pair.no_cond_resched", "the worker's loop gives the CPU to nobody", "bystander_wait_max"},
    {"pair.ipi_offline_hang", "an IPI to an offline CPU waits for ever", "outcome livelock"},
    {"pair.v1_current_not_prev", "the task hook looks at the next task instead (v1)", "PA-I2"},
    {"pair.exec_leak", "execve() forgets the queued work (v1)", "PA-I2"},
    {"pair.leak_ref", "work that ended keeps its reference", "PA-I3"},
    {"pair.skip_store.w1.running", "publishing does not say for whom", "PA-I2"},
    {"pair.skip_store.w1.worker_active", "publishing does not tell the task", "PA-I2"},
    {"pair.skip_store.w4.running", "the end of work leaves the CPU's half", "PA-I2"},
    {"pair.skip_store.w4.worker_active", "the end of work leaves the task's half", "PA-I2"},
    {"pair.skip_store.hook_worker.worker_preempted", "a preempted worker is not told",
     "outcome livelock"},
    {"pair.skip_store.hook_worker.running", "a preempted worker keeps the CPU's half", "PA-I2"},
    {"pair.skip_store.hook_worker.worker_active", "a preempted worker keeps the task's half",
     "PA-I2"},
    {"pair.skip_store.hook_task.need_worker", "a preempted task still wants its worker", "PA-I2"},
    {"pair.skip_store.clear.need_worker", "unpair still wants the worker", "pair_ipis"},
};
// In the order of Site.
constexpr std::string_view kSiteFaults[] = {"",
                                            "pair.skip_store.w1.running",
                                            "pair.skip_store.w1.worker_active",
                                            "pair.skip_store.w4.running",
                                            "pair.skip_store.w4.worker_active",
                                            "pair.skip_store.hook_worker.worker_preempted",
                                            "pair.skip_store.hook_worker.running",
                                            "pair.skip_store.hook_worker.worker_active",
                                            "pair.skip_store.hook_task.need_worker",
                                            "pair.skip_store.clear.need_worker"};

}  // namespace

PairV2::PairV2(const PolicyParams& params, const Limits& limits)
    : PairService(params, limits),
      c_queue_(params.Length("c_queue")),
      c_cancel_(params.Length("c_cancel")),
      c_hook_(params.Length("c_hook")),
      c_miss_(params.Length("c_miss")),
      c_layout_(params.Length("c_layout")),
      c_mb_(params.Text("mb") == "redundant" ? params.Length("c_mb") : kZeroCycles),
      c_mb_remote_(params.Length("c_mb")),
      timeout_(params.Length("pair_timeout")),
      by_lines_(params.Text("hook_cost") == "lines"),
      layout_hot_(params.Text("layout") == "hot"),
      layout_cold_(params.Text("layout") == "cold"),
      home_is_rq_(params.Text("percpu_home") == "rq"),
      hot_flag_(params.Flag("hot_flag")),
      keeps_work_(params.Text("cancel_mode") == "keep"),
      by_task_work_(params.Text("defer") == "task_work"),
      startup_to_task_(params.Text("startup_ipi") == "task_cpu"),
      signals_first_(params.Text("signals") == "before"),
      tasks_(static_cast<std::size_t>(limits.num_tasks)),
      cpus_(static_cast<std::size_t>(limits.num_cpus)) {
  faults_.ipi_no_resched = params.Fault("pair.ipi_no_resched");
  faults_.ipi_tif_only = params.Fault("pair.ipi_tif_only");
  faults_.no_worker_hook = params.Fault("pair.no_worker_hook");
  faults_.naked_schedule = params.Fault("pair.naked_schedule");
  faults_.no_cond_resched = params.Fault("pair.no_cond_resched");
  faults_.ipi_offline_hang = params.Fault("pair.ipi_offline_hang");
  faults_.v1_current_not_prev = params.Fault("pair.v1_current_not_prev");
  faults_.exec_leak = params.Fault("pair.exec_leak");
  faults_.leak_ref = params.Fault("pair.leak_ref");
  for (std::size_t i = 1; i < std::size(kSiteFaults); ++i) {
    if (params.Fault(kSiteFaults[i])) skipped_ = static_cast<Site>(i);
  }
}

HookMask PairV2::Hooks() const {
  return Hook::kOnStart | Hook::kScheduled | Hook::kUserReturnPath | Hook::kSwitchedPath |
         Hook::kOnTask;
}

// Every pass through schedule() by a paired task, also when it is picked again.
void PairV2::Scheduled(Kernel&, CpuId, TaskId prev) {
  TaskPart& task = Of(prev);
  if (task.pair_cpu.valid()) task.notify_resume = true;
}

PathCall PairV2::UserReturnPath(Kernel& kernel, TaskId id) {
  TaskPart& task = Of(id);
  if (task.resched_at_exit) return PathCall::To(kPairV2Exit);
  if (task.clears_at_exit) return PathCall::To(kPairClearPath);
  if (signals_first_ && kernel.task(id).pending_signals != 0) return PathCall::None();
  return task.notify_resume ? PathCall::To(kPairV2Resume) : PathCall::None();
}

void PairV2::OnTask(Kernel& kernel, TaskId id, TaskChange change) {
  TaskPart& task = Of(id);
  if (!task.pair_cpu.valid() && task.refs == 0) return;
  if (change == TaskChange::kDead) {
    LookAgain(kernel, task.queued_on);
    return;
  }
  if (change != TaskChange::kExec || !task.pair_cpu.valid()) return;
  if (!faults_.exec_leak) {
    task.clears_at_exit = true;
    return;
  }
  const CpuId cpu = task.pair_cpu;
  task.pair_cpu = CpuId();
  task.notify_resume = false;
  EmitTask(kernel, id);
  Emit(kernel, PairEvent::kClear, id, cpu, 0);
}

void PairV2::OnCall(Kernel& kernel, CpuId cpu, const Message& message) {
  kernel.SpendInCall(message.what == kPairBarrier ? c_mb_remote_ : c_mb_);
  if (message.what == kPairBarrier || faults_.ipi_no_resched) return;
  const TaskId curr = kernel.cpu(cpu).curr;
  if (faults_.ipi_tif_only && curr != kIdleTask) {
    Of(curr).resched_at_exit = true;
    return;
  }
  kernel.Resched(cpu, ReschedKind::kFull);
}

Next PairV2::Step(Kernel& kernel, Frame& frame) {
  if (frame.path == kPairSetPath) return Next::Return(Set(kernel, frame.task, frame.r[0]));
  if (frame.path == kPairClearPath) return Clear(kernel, frame);
  if (frame.path == kPairCallPath) return Call(kernel, frame);
  if (frame.path == kPairV2Resume) return Resume(kernel, frame);
  if (frame.path == kPairV2Work) return Work(kernel, frame);
  if (frame.path == kPairV2Switched) return Switched(kernel, frame);
  if (frame.path == kPairV2Startup) return Startup(kernel, frame);
  if (frame.path == kPairV2Teardown) {
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    Of(cpu).comes_up = false;
    LetGo(kernel, cpu);
    return Next::Return(0);
  }
  // kPairV2Exit: what a flag that only the way to user code sees asks for.
  if (frame.step != kEntry) return Next::Return(0);
  Of(frame.task).resched_at_exit = false;
  return Next::Schedule(StepId(1));
}

// -------------------------------------------------------------------------------- the system call

void PairV2::Pair(Kernel& kernel, TaskId id, CpuId cpu) {
  Of(id).pair_cpu = cpu;
  Of(id).notify_resume = true;
  EmitTask(kernel, id);
}

// pairing.md 6.6.
Next PairV2::Clear(Kernel& kernel, Frame& frame) {
  TaskPart& task = Of(frame.task);
  if (frame.step == kEntry) {
    task.clears_at_exit = false;
    if (!task.pair_cpu.valid()) return Next::Return(0);
    if (task.need_worker) {
      Store(Site::kClearNeed, task.need_worker, false);
      EmitTask(kernel, frame.task);
      LookAgain(kernel, task.pair_cpu);
    }
    return Next::Run(kClearCancel, task.queued_work ? c_cancel_ + c_mb_ : c_mb_, RunMode::kKernel);
  }
  if (frame.step == kClearCancel && task.queued_work) CancelWork(kernel, frame.task);
  if (WaitsForWork(frame.task)) return Next::Block(kCleared, TaskState::kUninterruptible);
  task.is_canceling = false;
  task.queued_work = false;
  const CpuId cpu = task.pair_cpu;
  task.pair_cpu = CpuId();
  task.notify_resume = false;
  EmitTask(kernel, frame.task);
  Emit(kernel, PairEvent::kClear, frame.task, cpu, task.worker_active ? 1 : 0);
  return Next::Return(0);
}

// --------------------------------------------------------------------------- the way to user code

// pairing.md 6.4.
Next PairV2::Resume(Kernel& kernel, Frame& frame) {
  TaskPart& task = Of(frame.task);
  if (frame.step == kEntry) {
    task.notify_resume = false;
    return Next::Run(kHandle, c_nr_ + c_mb_, RunMode::kKernel);
  }
  if (!task.pair_cpu.valid()) return Next::Return(0);
  if (frame.step == kHandle) return Handle(kernel, frame);
  if (frame.step == kCancel) CancelWork(kernel, frame.task);
  if (frame.step == kCancel || frame.step == kCanceled) {
    if (WaitsForWork(frame.task)) return Next::Block(kCanceled, TaskState::kUninterruptible);
    task.is_canceling = false;
    task.queued_work = false;
    EmitTask(kernel, frame.task);
    if (frame.r[0] != 0) return Next::Return(0);
    return Next::Run(kQueueStep, c_queue_, RunMode::kKernel);
  }
  if (frame.step == kQueueStep) return Queue(kernel, frame);
  // schedule() has returned, whatever the reason. On the way on the handler is called again.
  if (faults_.naked_schedule) task.notify_resume = false;
  if (by_task_work_ && !faults_.naked_schedule) {
    task.notify_resume = false;
    return Handle(kernel, frame);
  }
  return Next::Return(0);
}

Next PairV2::Handle(Kernel& kernel, Frame& frame) {
  TaskPart& task = Of(frame.task);
  frame.r[0] = 0;
  if (task.pair_cpu == frame.cpu) {
    task.need_worker = false;
    LookAgain(kernel, task.pair_cpu);
    EmitTask(kernel, frame.task);
    Emit(kernel, PairEvent::kSameCpu, frame.task, task.pair_cpu, 0);
    if (!task.queued_work) return Next::Return(0);
    frame.r[0] = 1;
    return Next::Run(kCancel, c_cancel_, RunMode::kKernel);
  }
  if (task.worker_active) return Next::Return(0);
  if (task.queued_work && !keeps_work_) return Next::Run(kCancel, c_cancel_, RunMode::kKernel);
  return Next::Run(kQueueStep, c_queue_, RunMode::kKernel);
}

Next PairV2::Queue(Kernel& kernel, Frame& frame) {
  TaskPart& task = Of(frame.task);
  task.need_worker = true;
  const bool is_new = QueueWork(kernel, frame.task, task.pair_cpu);
  task.queued_work = true;
  EmitTask(kernel, frame.task);
  Emit(kernel, PairEvent::kQueue, frame.task, task.pair_cpu, is_new ? 1 : 0);
  // The loop of task_work does not leave for a signal: it would turn round and round (MODEL-199).
  const bool loops_on = by_task_work_ && kernel.task(frame.task).pending_signals != 0;
  return Next::Block(kWoken, loops_on ? TaskState::kUninterruptible : TaskState::kInterruptible);
}

// ------------------------------------------------------------------------------------------- work

// kthread_queue_work(): false if it is queued already, or being cancelled.
bool PairV2::QueueWork(Kernel& kernel, TaskId id, CpuId on) {
  TaskPart& task = Of(id);
  if (task.is_pending || task.is_canceling) return false;
  CpuPart& cpu = Of(on);
  task.is_pending = true;
  task.queued_on = on;
  Append(on, id);
  EmitWork(kernel, WorkEvent::kQueued, id, WorkFunction::kPair, on);
  ++task.refs;
  Emit(kernel, PairEvent::kRef, id, on, task.refs);
  if (!cpu.current.valid()) kernel.Wake(WorkerOf(on));
  return true;
}

// kthread_cancel_work_sync(). Work that executes goes on; the task must sleep until it has ended.
void PairV2::CancelWork(Kernel& kernel, TaskId id) {
  TaskPart& task = Of(id);
  const CpuId on = task.queued_on;
  if (!on.valid()) return;
  CpuPart& cpu = Of(on);
  const bool was_pending = task.is_pending;
  if (was_pending) {
    task.is_pending = false;
    Unlink(on, id);
    Drop(kernel, id);
  }
  Emit(kernel, PairEvent::kCancel, id, on, was_pending ? 1 : 0);
  if (cpu.current != id) return;
  task.is_canceling = true;
  cpu.flush_waiter = id;
  EmitWork(kernel, WorkEvent::kQueued, id, WorkFunction::kFlush, on);
}

// wait_for_completion() on the end of the work: whatever wakes the task before that, it sleeps on
// (MODEL-251).
bool PairV2::WaitsForWork(TaskId id) const {
  const CpuId on = tasks_[id.index()].queued_on;
  return on.valid() && cpus_[on.index()].flush_waiter == id;
}

void PairV2::Drop(Kernel& kernel, TaskId id) {
  TaskPart& task = Of(id);
  if (faults_.leak_ref) return;
  --task.refs;
  Emit(kernel, PairEvent::kRef, id, task.queued_on, task.refs);
}

// ----------------------------------------------------------------------------------------- events

void PairV2::EmitWork(Kernel& kernel, WorkEvent which, TaskId work, WorkFunction function,
                      CpuId cpu) {
  PolicyEventPayload payload;
  payload.wide[0] = work.value();
  payload.wide[1] = static_cast<int64_t>(function);
  payload.narrow[0] = WorkerOf(cpu).value();
  kernel.EmitDeclared(self_, static_cast<int>(kPairEvents.size()) + static_cast<int>(which),
                      payload);
}

void PairV2::EmitTask(Kernel& kernel, TaskId id) {
  const TaskPart& task = Of(id);
  PolicyEventPayload payload;
  payload.wide[0] = task.pair_cpu.value();
  payload.wide[1] = task.queued_work ? 1 : 0;
  payload.narrow[0] = id.value();
  payload.narrow[1] = task.need_worker ? 1 : 0;
  payload.narrow[2] = task.worker_active ? 1 : 0;
  kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kTask), payload);
}

void PairV2::EmitCpu(Kernel& kernel, CpuId id) {
  const CpuPart& cpu = Of(id);
  PolicyEventPayload payload;
  payload.wide[0] = id.value();
  payload.wide[1] = cpu.worker_preempted ? 1 : 0;
  payload.narrow[0] = cpu.running.value();
  payload.narrow[1] = cpu.current.value();
  kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kCpu), payload);
}

void PairV2::Describe(const Kernel&, TaskId id, StateWriter& writer) const {
  const TaskPart& task = tasks_[id.index()];
  writer.Field("pair_cpu", task.pair_cpu.value());
  writer.Field("need_worker", task.need_worker ? 1 : 0);
  writer.Field("worker_active", task.worker_active ? 1 : 0);
  writer.Field("queued_work", task.queued_work ? 1 : 0);
  writer.Field("pair_refs", task.refs);
}

constinit const PolicyInfo kPairV2Info = {
    .name = "pair-v2",
    .seam = Seam::kKernelService,
    .summary = "task/CPU pairing as posted: a worker occupies the CPU, hooks at every switch",
    .source = "pairing.md 6; [RFC PATCH v2] sched_pair_cpu, Mathieu Desnoyers, 19 June 2020",
    .params = kParams,
    .paths = kPaths,
    .events = kEvents,
    .ops = kPairOps,
    .kthreads = kKthreads,
    .hotplug = kHotplug,
    .faults = kFaults,
    .metrics = kPairMetrics,
    .percpu = kPairPercpu,
};

absl::StatusOr<std::unique_ptr<KernelService>> MakePairV2(const PolicyParams& params,
                                                          const Limits& limits) {
  return MakePairService<PairV2>(params, limits);
}

}  // namespace rqsim
