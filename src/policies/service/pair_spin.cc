// Pairing in the shape the review asked for ("a task instead of a kthread_work", "Nothing more,
// nothing less", Peter Zijlstra, 24 June 2020; pairing.md 7): each CPU has one kernel thread that
// takes the first of those who wait for the CPU, tells it so, and spins with preemption off while
// that task is on its CPU and paired. There is no hook at a switch: a task that loses its CPU ends
// the spinning by that, and nothing preempts the spinner, so nobody who does not use pairing pays,
// except those who wait for the CPU meanwhile, as long as the task likes.
//
// The wait loop of the task tests what it waits for after every wake-up. The spinner looks once
// more whether its task is on a CPU after it has said that it stops, and begins again then; without
// that (`spin_exit: literal`) a task that comes back in between takes the word of a spinner that is
// about to leave. With `spin_phase_a: literal` it does not wait for its task to get a CPU at all.
// Where it waits with preemption off, stop_machine() may hold the CPU of its task until it has the
// spinner's: neither gets on, unless the spinner makes way (`spin_phase_a: yield`, MODEL-284).
//
// What differs from the mail, which says nothing of these: what happens with CPU hotplug
// (pairing.md 7.5), and that a task with a signal pending waits uninterruptibly rather than round
// and round (MODEL-199).
// Cost: every hook O(1).
// Tested by scenarios/pairing and tests/property/pairing_test.cc.
#include <vector>

#include "join_tables.h"
#include "policies.h"
#include "rqsim/seams.h"
#include "service/pair.h"

namespace rqsim {
namespace {

constexpr PathId kResumePath{3};
constexpr PathId kSpinPath{4};
constexpr PathId kStartupPath{5};
constexpr PathId kTeardownPath{6};

constexpr StepId kEntry{0};
constexpr StepId kTest{1};
constexpr StepId kWoken{2};
// kSpinPath; r[0] CPU, r[1] when it took the task, r[2] the task.
constexpr StepId kNextWaiter{0};
constexpr StepId kPublish{1};
constexpr StepId kPhaseA{2};
constexpr StepId kPhaseB{3};
constexpr StepId kStop{4};

constexpr StepInfo kSetSteps[] = {{"set"}};
constexpr StepInfo kClearSteps[] = {{"clear"}};
constexpr StepInfo kCallSteps[] = {{"call"}, {"done"}};
constexpr StepInfo kResumeSteps[] = {{"resume"}, {"test"}, {"woken"}};
constexpr StepInfo kSpinSteps[] = {{"next"}, {"publish"}, {"phase_a"}, {"phase_b"}, {"stop"}};
constexpr StepInfo kStartupSteps[] = {{"startup"}, {"bind"}};
constexpr StepInfo kTeardownSteps[] = {{"teardown"}};
constexpr PathInfo kPaths[] = {
    {"pair", kSetSteps},         {"unpair", kClearSteps}, {"sched_pair_cpu", kCallSteps},
    {"resume", kResumeSteps},    {"spin", kSpinSteps},    {"startup", kStartupSteps},
    {"teardown", kTeardownSteps}};
constexpr KthreadInfo kKthreads[] = {PairWorker(kSpinPath)};
constexpr HotplugCallbackInfo kHotplug[] = {
    {"sched/pair:online", 192, kStartupPath, kTeardownPath}};

constexpr std::array kOwnParams = {
    PairWorkerKthread("percpu"),
    ParamInfo{.name = "c_flag",
              .kind = ParamKind::kCycles,
              .summary = "the test of a flag in a hot line when a task is switched out"},
    ParamInfo{.name = "spin_phase_a",
              .kind = ParamKind::kEnum,
              .default_text = "soak",
              .allowed = "soak literal yield",
              .summary =
                  "whether the spinner waits for its task to get a CPU first; yield: as long "
                  "as nobody else wants its own"},
    ParamInfo{.name = "spin_exit",
              .kind = ParamKind::kEnum,
              .default_text = "recheck",
              .allowed = "recheck literal",
              .summary = "whether it looks once more after it has said that it stops"},
    ParamInfo{.name = "spin_exit_gap",
              .kind = ParamKind::kCycles,
              .summary = "time between its last look and saying that it stops"},
};
constexpr auto kParams = JoinTables(kPairParams, kOwnParams);

class PairSpin final : public PairService {
 public:
  PairSpin(const PolicyParams& params, const Limits& limits)
      : PairService(params, limits),
        c_flag_(params.Length("c_flag")),
        gap_(params.Length("spin_exit_gap")),
        skips_phase_a_(params.Text("spin_phase_a") == "literal"),
        yields_(params.Text("spin_phase_a") == "yield"),
        rechecks_(params.Text("spin_exit") == "recheck"),
        tasks_(static_cast<std::size_t>(limits.num_tasks)),
        cpus_(static_cast<std::size_t>(limits.num_cpus)) {}

  HookMask Hooks() const override {
    const HookMask hooks =
        Hook::kOnStart | Hook::kScheduled | Hook::kUserReturnPath | Hook::kOnTask;
    return c_flag_ > kZeroCycles ? hooks | HookMask(Hook::kSwitchedPath) : hooks;
  }

  // Only a task that was switched out has lost what it had.
  void Scheduled(Kernel& kernel, CpuId cpu, TaskId prev) override {
    TaskPart& task = Of(prev);
    if (task.pair_cpu.valid() && kernel.cpu(cpu).curr != prev) task.notify_resume = true;
  }

  PathCall UserReturnPath(Kernel&, TaskId id) override {
    return Of(id).notify_resume ? PathCall::To(kResumePath) : PathCall::None();
  }

  // The test of the flag, which every task pays if it costs anything.
  PathCall SwitchedPath(Kernel&, CpuId, TaskId prev, TaskId) override {
    return PathCall::To(kStartupPath, -1, prev.value());
  }

  void OnTask(Kernel& kernel, TaskId id, TaskChange change) override {
    TaskPart& task = Of(id);
    if (!task.pair_cpu.valid()) return;
    if (change == TaskChange::kDead) GoOn(kernel, task.pair_cpu);
    if (change == TaskChange::kExec) Release(kernel, id);
  }

  void OnCall(Kernel& kernel, CpuId cpu, const Message&) override {
    kernel.Resched(cpu, ReschedKind::kFull);
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kPairSetPath) return Next::Return(Set(kernel, frame.task, frame.r[0]));
    if (frame.path == kPairClearPath) {
      Release(kernel, frame.task);
      return Next::Return(0);
    }
    if (frame.path == kPairCallPath) return Call(kernel, frame);
    if (frame.path == kResumePath) return Resume(kernel, frame);
    if (frame.path == kSpinPath) return Spin(kernel, frame);
    if (frame.path == kStartupPath) return Startup(kernel, frame);
    const CpuId leaving(static_cast<int32_t>(frame.r[0]));
    Of(leaving).comes_up = false;
    LetGo(kernel, leaving);
    return Next::Return(0);
  }

  void Describe(const Kernel&, TaskId id, StateWriter& writer) const override {
    const TaskPart& task = tasks_[id.index()];
    writer.Field("pair_cpu", task.pair_cpu.value());
    writer.Field("worker_active", task.worker_active ? 1 : 0);
    writer.Field("queued_work", task.is_waiting ? 1 : 0);
  }

 private:
  struct TaskPart {
    CpuId pair_cpu;
    bool worker_active = false;
    bool notify_resume = false;
    bool is_waiting = false;  // in line for its CPU
  };
  struct CpuPart {
    TaskId serves;
    bool must_stop = false;  // the CPU comes up: whoever is served elsewhere is not any more
    bool comes_up = false;   // … and nobody else is until its spinner is back (MODEL-198)
  };

  TaskPart& Of(TaskId id) { return tasks_[id.index()]; }
  CpuPart& Of(CpuId id) { return cpus_[id.index()]; }

  void Pair(Kernel& kernel, TaskId id, CpuId cpu) override {
    Of(id).pair_cpu = cpu;
    Of(id).notify_resume = true;
    EmitTask(kernel, id);
  }
  CpuId PairedWith(TaskId id) const override { return tasks_[id.index()].pair_cpu; }

  // pairing.md 7.4: the spinner leaves at its next look, nobody waits for it.
  void Release(Kernel& kernel, TaskId id) {
    TaskPart& task = Of(id);
    if (!task.pair_cpu.valid()) return;
    const CpuId cpu = task.pair_cpu;
    task.worker_active = false;
    task.notify_resume = false;
    task.pair_cpu = CpuId();
    EmitTask(kernel, id);
    Emit(kernel, PairEvent::kClear, id, cpu, 0);
    GoOn(kernel, cpu);
  }

  // The spinner of that CPU reads again what it waits for, spinning or asleep.
  void GoOn(Kernel& kernel, CpuId cpu) {
    const TaskId spinner = WorkerOf(cpu);
    kernel.LookAgain(spinner);
    if (Of(cpu).serves.valid() && kernel.task(spinner).state == TaskState::kInterruptible) {
      kernel.Wake(spinner);
    }
  }

  // pairing.md 7.2.
  Next Resume(Kernel& kernel, Frame& frame) {
    TaskPart& task = Of(frame.task);
    if (frame.step != kTest) {
      task.notify_resume = false;
      return Next::Run(kTest, c_nr_, RunMode::kKernel);
    }
    task.notify_resume = false;
    if (!task.pair_cpu.valid()) return Next::Return(0);
    if (task.pair_cpu == frame.cpu) {
      if (task.is_waiting) TakeBack(kernel, task.pair_cpu, frame.task);
      EmitTask(kernel, frame.task);
      Emit(kernel, PairEvent::kSameCpu, frame.task, task.pair_cpu, 0);
      kernel.LookAgain(WorkerOf(task.pair_cpu));
      return Next::Return(0);
    }
    if (task.worker_active) return Next::Return(0);
    if (!task.is_waiting) {
      task.is_waiting = true;
      Append(task.pair_cpu, frame.task);
      EmitTask(kernel, frame.task);
      Emit(kernel, PairEvent::kQueue, frame.task, task.pair_cpu, 1);
      kernel.Wake(WorkerOf(task.pair_cpu));
    }
    const bool is_signalled = kernel.task(frame.task).pending_signals != 0;
    return Next::Block(kWoken,
                       is_signalled ? TaskState::kUninterruptible : TaskState::kInterruptible);
  }

  // pairing.md 7.3.
  Next Spin(Kernel& kernel, Frame& frame) {
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    CpuPart& part = Of(cpu);
    if (frame.step == kNextWaiter) return TakeWaiter(kernel, frame, cpu);
    const TaskId id(static_cast<int32_t>(frame.r[2]));
    TaskPart& task = Of(id);
    const bool on_cpu = kernel.task(id).on_cpu;
    const bool is_dead = kernel.task(id).state == TaskState::kDead;
    const bool is_paired = task.pair_cpu == cpu && !is_dead && !part.must_stop;
    if (frame.step == kPublish && part.comes_up) {
      // Taken on the host, and the CPU comes up: its task waits anew.
      kernel.Wake(id);
      return Next::Run(kStop, kZeroCycles, RunMode::kKernelNoPreempt);
    }
    if (frame.step == kPublish) {
      task.worker_active = true;
      EmitCpu(kernel, cpu);
      EmitTask(kernel, id);
      Emit(kernel, PairEvent::kPublish, id, cpu, 0);
      kernel.Wake(id);
      return Next::Run(skips_phase_a_ ? kPhaseB : kPhaseA, kZeroCycles, RunMode::kKernelNoPreempt);
    }
    const bool shares_cpu = kernel.task(id).cpu == frame.cpu;
    // Woken on the CPU it is paired with, the task needs nobody.
    if (frame.step == kPhaseA && shares_cpu && frame.cpu == cpu) {
      return Next::Run(kStop, kZeroCycles, RunMode::kKernelNoPreempt);
    }
    if ((frame.step == kPhaseA || frame.step == kPhaseB) && shares_cpu && frame.cpu != cpu) {
      // The CPU is offline, and its spinner sits on that of its task: nobody is to be kept off, and
      // spinning would keep off the task (MODEL-201). It holds the others back by waiting.
      if (is_paired && task.worker_active) {
        return Next::Block(kPhaseB, TaskState::kInterruptible);
      }
    }
    if (frame.step == kPhaseA) {
      const bool makes_way = yields_ && kernel.cpu(frame.cpu).need_resched;
      if (!on_cpu && makes_way) return Next::Run(kStop, kZeroCycles, RunMode::kKernelNoPreempt);
      if (!on_cpu && is_paired && task.worker_active) return Poll(kernel, kPhaseA, id, yields_);
      return Next::Run(kPhaseB, kZeroCycles, RunMode::kKernelNoPreempt);
    }
    if (frame.step == kPhaseB) {
      if (on_cpu && is_paired) return Poll(kernel, kPhaseB, id, false);
      return Next::Run(kStop, gap_, RunMode::kKernelNoPreempt);
    }
    // It says that it stops, and looks once more.
    task.worker_active = rechecks_ && on_cpu && is_paired;
    EmitTask(kernel, id);
    if (task.worker_active) return Next::Run(kPhaseB, kZeroCycles, RunMode::kKernelNoPreempt);
    part.serves = TaskId();
    part.must_stop = false;
    EmitCpu(kernel, cpu);
    Emit(kernel, PairEvent::kWorkEnd, id, cpu, kernel.now().cycles() - frame.r[1]);
    if (kernel.cpu(frame.cpu).need_resched) return Next::Schedule(kNextWaiter);
    return Next::Run(kNextWaiter, kZeroCycles, RunMode::kKernel);
  }

  Next Poll(Kernel& kernel, StepId step, TaskId id, bool or_resched) const {
    Watch watch;
    watch.task = id;
    watch.need_resched = or_resched;
    return Next::Spin(step, watch, c_poll_, kernel.now());
  }

  Next TakeWaiter(Kernel& kernel, Frame& frame, CpuId cpu) {
    CpuPart& part = Of(cpu);
    if (part.comes_up && frame.cpu == cpu) part.comes_up = false;
    if (part.comes_up) {
      const bool is_bound = kernel.task(WorkerOf(cpu)).cpus_allowed == CpuSet::Of(cpu);
      return is_bound ? Next::Schedule(kNextWaiter)
                      : Next::Block(kNextWaiter, TaskState::kInterruptible);
    }
    while (FirstFor(cpu).valid()) {
      const TaskId id = FirstFor(cpu);
      LeaveLine(cpu, id);
      const bool is_dead = kernel.task(id).state == TaskState::kDead;
      if (Of(id).pair_cpu != cpu || is_dead) {
        Emit(kernel, PairEvent::kCancel, id, cpu, 1);
        continue;
      }
      part.serves = id;
      frame.r[1] = kernel.now().cycles();
      frame.r[2] = id.value();
      Emit(kernel, PairEvent::kRun, id, cpu, 0);
      return Next::Run(kPublish, c_pub_, RunMode::kKernelNoPreempt);
    }
    return Next::Block(kNextWaiter, TaskState::kInterruptible);
  }

  // The CPU comes up: pairing.md 7.5. With r[0] = -1 it is the test of the flag at a switch.
  Next Startup(Kernel& kernel, Frame& frame) {
    if (frame.r[0] < 0) {
      if (frame.step == kEntry) return Next::Run(StepId(1), c_flag_, RunMode::kKernelNoPreempt);
      EmitHook(kernel, TaskId(static_cast<int32_t>(frame.r[1])), frame.task);
      return Next::Return(0);
    }
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    CpuPart& part = Of(cpu);
    if (frame.step == kEntry) part.comes_up = true;
    if (frame.step == kEntry && part.serves.valid()) {
      const TaskId id = part.serves;
      part.must_stop = true;
      Of(id).worker_active = false;
      Of(id).notify_resume = Of(id).pair_cpu.valid();
      EmitTask(kernel, id);
      GoOn(kernel, cpu);
      return CallAndWait(kernel, StepId(1), kernel.task(id).cpu, id, kPairPreempt);
    }
    BringBack(kernel, cpu);
    if (kernel.task(WorkerOf(cpu)).state == TaskState::kInterruptible) {
      part.comes_up = false;
      if (FirstFor(cpu).valid()) kernel.Wake(WorkerOf(cpu));
    }
    return Next::Return(0);
  }

  void LeaveLine(CpuId cpu, TaskId id) {
    Unlink(cpu, id);
    Of(id).is_waiting = false;
  }

  // A waiter that needs its CPU no more leaves the list.
  void TakeBack(Kernel& kernel, CpuId cpu, TaskId id) {
    LeaveLine(cpu, id);
    Emit(kernel, PairEvent::kCancel, id, cpu, 1);
  }

  void EmitTask(Kernel& kernel, TaskId id) {
    const TaskPart& task = Of(id);
    PolicyEventPayload payload;
    payload.wide[0] = task.pair_cpu.value();
    payload.wide[1] = task.is_waiting ? 1 : 0;
    payload.narrow[0] = id.value();
    payload.narrow[1] = task.pair_cpu.valid() ? 1 : 0;
    payload.narrow[2] = task.worker_active ? 1 : 0;
    kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kTask), payload);
  }

  void EmitCpu(Kernel& kernel, CpuId id) {
    PolicyEventPayload payload;
    payload.wide[0] = id.value();
    payload.narrow[0] = Of(id).serves.value();
    payload.narrow[1] = Of(id).serves.value();
    kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kCpu), payload);
  }

  void EmitHook(Kernel& kernel, TaskId prev, TaskId next) {
    PolicyEventPayload payload;
    payload.wide[0] = c_flag_.count();
    payload.narrow[0] = prev.value();
    payload.narrow[1] = next.value();
    payload.narrow[2] = UsesPairing(prev) || UsesPairing(next) ? 1 : 0;
    kernel.EmitDeclared(self_, static_cast<int>(PairEvent::kHook), payload);
  }

  Cycles c_flag_, gap_;
  bool skips_phase_a_, yields_, rechecks_;
  std::vector<TaskPart> tasks_;
  std::vector<CpuPart> cpus_;
};

}  // namespace

constinit const PolicyInfo kPairSpinInfo = {
    .name = "pair-spin",
    .seam = Seam::kKernelService,
    .summary = "task/CPU pairing as its review wants it: a thread that spins, nothing at a switch",
    .source = "pairing.md 7; Peter Zijlstra on [RFC PATCH v2] sched_pair_cpu, 24 June 2020",
    .params = kParams,
    .paths = kPaths,
    .events = kPairEvents,
    .ops = kPairOps,
    .kthreads = kKthreads,
    .hotplug = kHotplug,
    .metrics = kPairMetrics,
    .percpu = kPairPercpu,
};

absl::StatusOr<std::unique_ptr<KernelService>> MakePairSpin(const PolicyParams& params,
                                                            const Limits& limits) {
  return MakePairService<PairSpin>(params, limits);
}

}  // namespace rqsim
