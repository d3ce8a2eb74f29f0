// Restartable sequences: critical sections of user code on the data of one CPU, which the kernel
// sends to their abort address when it takes the CPU away in the middle.
//
// Idea: each CPU has data, a counter. A section reads it when it begins and writes what it read
// plus one when it commits, so an update that came between the two is lost, and is seen to be lost
// (pairing.md 3). A task that was switched out, moved or signalled between begin and commit goes on
// at its abort address before its next cycle of user code; an interrupt alone aborts nothing. With
// a guard the section compares the number of the CPU it runs on with that of the data first and
// takes the abort branch if they differ, which is worth a cycle where it is tried again at once
// (MODEL-196).
//
// Origin: Linux 7.2 kernel/rseq.c, include/linux/rseq.h: rseq_sched_switch_event(),
// include/linux/rseq_entry.h: rseq_update_user_cs(). Part of every run whose programs use it,
// whatever its services, and asked after them on the way to user code (MODEL-195); what it costs
// stands with it (`{"name": "rseq", "c_abort": 50}`).
// Cost: every hook O(1). Tested by scenarios/pairing and tests/property/pairing_test.cc.
#include <vector>

#include "policies.h"

namespace rqsim {
namespace {

constexpr PathId kBeginPath{0};
constexpr PathId kCommitPath{1};
constexpr PathId kReturnPath{2};
constexpr StepInfo kBeginSteps[] = {{"begin"}, {"branch"}};
constexpr StepInfo kCommitSteps[] = {{"commit"}};
constexpr StepInfo kReturnSteps[] = {{"look"}, {"update"}, {"fixup"}};
constexpr PathInfo kPaths[] = {
    {"rseq_begin", kBeginSteps}, {"rseq_commit", kCommitSteps}, {"rseq_return", kReturnSteps}};

constexpr ServiceOpInfo kOps[] = {
    {.name = "rseq_begin",
     .path = kBeginPath,
     .pays_syscall = false,
     .args = "data guard:none|cpu_id|if_online on_abort:retry|fail",
     .role = OpRole::kSectionBegin,
     .summary = "A critical section on the data of that CPU begins: what follows up to rseq_commit "
                "is started anew (or given up) if it is preempted, moved or signalled."},
    {.name = "rseq_commit",
     .path = kCommitPath,
     .pays_syscall = false,
     .role = OpRole::kSectionEnd,
     .summary = "The critical section writes what it read plus one."},
    {.name = "percpu",
     .path = PathId(),  // its role says what it does
     .pays_syscall = false,
     .args = "cpu run",
     .role = OpRole::kPercpu,
     .summary = "Updates the data of that CPU, which takes so long, by the rules of the services: "
                "a critical section, and what they want done before and after it."},
};

enum EventIndex { kBegun, kCommitted, kAborted, kGuardFailed, kUpdated, kFixedUp };
constexpr EventFieldInfo kSectionFields[] = {
    {"value"}, {"lost"}, {"pid", FieldKind::kTask}, {"data", FieldKind::kCpu}};
constexpr EventFieldInfo kUpdateFields[] = {
    {"cpu_id"}, {"node_id"}, {"pid", FieldKind::kTask}, {"mm_cid"}};
constexpr EventFieldInfo kFixupFields[] = {
    {"value"}, {"signalled"}, {"pid", FieldKind::kTask}, {"data", FieldKind::kCpu}};
constexpr EventInfo kEvents[] = {
    {"rseq_begin", kSectionFields, "a critical section read the data of a CPU"},
    {"rseq_commit", kSectionFields,
     "… and wrote it; lost: updates in between that are overwritten"},
    {"rseq_abort", kSectionFields, "… or was sent to its abort address"},
    {"rseq_guard_fail", kSectionFields, "… or found itself on another CPU"},
    {"rseq_update", kUpdateFields, "the kernel wrote the ids of the CPU into user memory"},
    {"rseq_ip_fixup", kFixupFields, "the kernel moved a task to the abort address"},
};
constexpr MetricInfo kMetrics[] = {
    {"rseq_commits", "critical sections that wrote their data"},
    {"rseq_aborts", "critical sections that were started anew or given up"},
    {"rseq_guard_fails", "critical sections that found themselves on another CPU"},
    {"lost_updates", "updates of a CPU's data that another one overwrote"},
    {"task_moves", "changes of the CPU of a user task"},
    {"hotplug_refused", "hotplug operations that ended with an errno"},
    {"hotplug_latency_max", "longest time from a hotplug request to its end"},
    {"s1_overlap_cycles", "cycles in which two tasks were in critical sections on the same data"},
};
constexpr ParamInfo kParams[] = {
    {.name = "c_abort", .kind = ParamKind::kCycles, .summary = "an abort"},
    {.name = "c_rseq_update", .kind = ParamKind::kCycles, .summary = "the ids are rewritten"},
    {.name = "rseq_abi",
     .kind = ParamKind::kEnum,
     .default_text = "2",
     .allowed = "1 2",
     .summary = "1: the ids are rewritten after every switch; 2: only where they may have changed"},
};
constexpr FaultInfo kFaults[] = {
    {"rseq.no_abort", "the way to user code forgets critical sections", "PA-LU"},
};

class Rseq final : public KernelService {
 public:
  Rseq(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        c_abort_(params.Length("c_abort")),
        c_update_(params.Length("c_rseq_update")),
        updates_always_(params.Text("rseq_abi") == "1"),
        forgets_(params.Fault("rseq.no_abort")),
        data_(static_cast<std::size_t>(limits.num_cpus)),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {}

  HookMask Hooks() const override {
    return Hook::kScheduled | Hook::kUserReturnPath | Hook::kOnTask;
  }

  void Scheduled(Kernel& kernel, CpuId cpu, TaskId prev) override {
    if (kernel.cpu(cpu).curr != prev) tasks_[prev.index()].was_out = true;
  }

  void OnTask(Kernel&, TaskId id, TaskChange change) override {
    if (change == TaskChange::kExec || change == TaskChange::kDead) tasks_[id.index()] = TaskPart();
  }

  PathCall UserReturnPath(Kernel& kernel, TaskId id) override {
    TaskPart& task = tasks_[id.index()];
    if (!task.is_registered) return PathCall::None();
    const bool is_signalled = task.is_inside && kernel.task(id).pending_signals != 0;
    if (!task.was_out && !is_signalled) return PathCall::None();
    return PathCall::To(kReturnPath, is_signalled ? 1 : 0);
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kBeginPath) return Begin(kernel, frame);
    if (frame.path == kCommitPath) return Commit(kernel, frame);
    return WayBack(kernel, frame);
  }

  void Describe(const Kernel&, TaskId id, StateWriter& writer) const override {
    const TaskPart& task = tasks_[id.index()];
    writer.Field("rseq_data", task.is_inside ? task.data.value() : -1);
  }

 private:
  struct TaskPart {
    bool is_registered = false;  // has used rseq, so the kernel keeps its ids
    bool is_inside = false;      // between begin and commit
    bool was_out = false;        // switched out since it last returned to user code
    CpuId data;
    CpuId known_cpu;  // as its memory says
    int64_t read = 0;
  };

  // r[0] the CPU whose data it is, r[1] its guard (2: only if that CPU is active), r[2] whether an
  // abort gives up.
  Next Begin(Kernel& kernel, Frame& frame) {
    TaskPart& task = tasks_[frame.task.index()];
    if (frame.step == StepId(1)) {
      kernel.AbortProgram(frame.task);
      return Next::Return(kEAGAIN);
    }
    const CpuId data(static_cast<int32_t>(frame.r[0]));
    if (data.value() < 0 || data.index() >= data_.size()) return Next::Return(kEINVAL);
    task.is_registered = true;
    task.known_cpu = frame.cpu;
    task.data = data;
    kernel.SetAbort(frame.task);
    const bool is_guarded = frame.r[1] == 1 || (frame.r[1] == 2 && kernel.active().Contains(data));
    if (is_guarded && data != frame.cpu) {
      Emit(kernel, kGuardFailed, frame.task, data, data_[data.index()], 0);
      const bool gives_up = frame.r[2] != 0;
      if (!gives_up) return Next::Run(StepId(1), Cycles(1), RunMode::kUser);
      kernel.AbortProgram(frame.task);
      return Next::Return(kEAGAIN);
    }
    task.is_inside = true;
    task.was_out = false;
    task.read = data_[data.index()];
    Emit(kernel, kBegun, frame.task, data, task.read, 0);
    return Next::Return(0);
  }

  Next Commit(Kernel& kernel, Frame& frame) {
    TaskPart& task = tasks_[frame.task.index()];
    if (!task.is_inside) return Next::Return(kEINVAL);
    task.is_inside = false;
    int64_t& data = data_[task.data.index()];
    const int64_t lost = data - task.read;
    data = task.read + 1;
    Emit(kernel, kCommitted, frame.task, task.data, data, lost);
    return Next::Return(0);
  }

  // On the way to user code, after a switch or with a signal pending.
  Next WayBack(Kernel& kernel, Frame& frame) {
    TaskPart& task = tasks_[frame.task.index()];
    if (frame.step == StepId(0)) {
      task.was_out = false;
      // MODEL-197
      frame.r[1] = updates_always_ || task.known_cpu != frame.cpu || task.is_inside ? 1 : 0;
      return Next::Run(StepId(1), frame.r[1] != 0 ? c_update_ : kZeroCycles, RunMode::kKernel);
    }
    if (frame.step == StepId(1)) {
      if (frame.r[1] != 0) {
        task.known_cpu = frame.cpu;
        PolicyEventPayload payload;
        payload.wide[0] = frame.cpu.value();
        payload.wide[1] = kernel.cpu(frame.cpu).node;
        payload.narrow[0] = frame.task.value();
        payload.narrow[1] = frame.cpu.value();
        kernel.EmitDeclared(self_, kUpdated, payload);
      }
      if (!task.is_inside || forgets_) return Next::Return(0);
      return Next::Run(StepId(2), c_abort_, RunMode::kKernel);
    }
    task.is_inside = false;
    Emit(kernel, kFixedUp, frame.task, task.data, task.read, frame.r[0]);
    Emit(kernel, kAborted, frame.task, task.data, task.read, 0);
    kernel.AbortProgram(frame.task);
    return Next::Return(0);
  }

  void Emit(Kernel& kernel, EventIndex which, TaskId task, CpuId data, int64_t value,
            int64_t second) {
    PolicyEventPayload payload;
    payload.wide[0] = value;
    payload.wide[1] = second;
    payload.narrow[0] = task.value();
    payload.narrow[1] = data.value();
    kernel.EmitDeclared(self_, which, payload);
  }

  PolicyId self_;
  Cycles c_abort_, c_update_;
  bool updates_always_;
  bool forgets_;
  std::vector<int64_t> data_;  // by CPU
  std::vector<TaskPart> tasks_;
};

}  // namespace

constinit const PolicyInfo kRseqInfo = {
    .name = "rseq",
    .seam = Seam::kKernelService,
    .summary = "restartable sequences and the per-CPU data they update",
    .source = "pairing.md 3; Linux 7.2 kernel/rseq.c",
    .params = kParams,
    .paths = kPaths,
    .events = kEvents,
    .ops = kOps,
    .faults = kFaults,
    .metrics = kMetrics,
    .implicit = true,
};

absl::StatusOr<std::unique_ptr<KernelService>> MakeRseq(const PolicyParams& params,
                                                        const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<Rseq>(params, limits));
}

}  // namespace rqsim
