// The first of the alternatives that the review of pairing offers: whoever has the file
// cpuN/online open keeps the CPU as it is (Peter Zijlstra, 24 June 2020; pairing.md 9.1).
//
// While a CPU has pins an operation on it is refused, or waits until the last one is gone
// (pin_mode). A task that wants the data of a CPU opens the file; if the CPU is online it goes
// there and needs nothing but rseq, if not it takes a user mutex that all users of that CPU's data
// take, and updates it from wherever it is. Nothing can change meanwhile. Opening may need
// privilege (pin_cap root), and a cpuset without the CPU ends the matter. Whoever opens the file
// twice has to close it twice (MODEL-263).
// Cost: every hook O(1) in the number of tasks.
// Tested by scenarios/pairing and tests/unit/policies/service/pairing_test.cc.
#include <algorithm>
#include <vector>

#include "policies.h"
#include "rqsim/seams.h"
#include "service/off_locks.h"

namespace rqsim {
namespace {

constexpr PathId kOpen{0};
constexpr PathId kClose{1};
constexpr PathId kEnter{2};
constexpr PathId kLeave{3};
constexpr StepInfo kOneStep[] = {{"effect"}};
constexpr StepInfo kEnterSteps[] = {{"open"}, {"locked"}};
constexpr PathInfo kPaths[] = {{"pin_online", kOneStep},
                               {"unpin_online", kOneStep},
                               {"pin_enter", kEnterSteps},
                               {"pin_leave", kOneStep}};
constexpr ServiceOpInfo kOps[] = {
    {.name = "pin_online",
     .path = kOpen,
     .args = "cpu",
     .summary = "Opens the file cpuN/online: that CPU neither comes nor goes meanwhile."},
    {.name = "unpin_online", .path = kClose, .args = "cpu", .summary = "Closes it."},
    {.name = "pin_enter",
     .path = kEnter,
     .args = "cpu",
     .summary = "Opens the file, and goes to that CPU or takes the mutex of its data."},
    {.name = "pin_leave", .path = kLeave, .args = "cpu", .summary = "The way back."},
};
constexpr EventFieldInfo kFields[] = {
    {"cpu", FieldKind::kCpu}, {"pins"}, {"pid", FieldKind::kTask}};
constexpr EventInfo kEvents[] = {
    {"pair_pin", kFields, "a task keeps a CPU as it is, or no longer; pins: how many do"}};
constexpr ParamInfo kParams[] = {
    {.name = "pin_mode",
     .kind = ParamKind::kEnum,
     .default_text = "refuse",
     .allowed = "refuse wait",
     .summary = "what becomes of an operation on a pinned CPU: -EBUSY, or it waits"},
    {.name = "pin_cap",
     .kind = ParamKind::kEnum,
     .default_text = "any",
     .allowed = "any root",
     .summary = "who may pin; root: no task of a scenario (-EACCES)"},
};
constexpr FaultInfo kFaults[] = {
    {"pair.no_off_lock", "users of an offline CPU's data do not exclude each other", "PA-S1"}};

class PinOnline final : public KernelService {
 public:
  PinOnline(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        waits_(params.Text("pin_mode") == "wait"),
        needs_root_(params.Text("pin_cap") == "root"),
        no_off_lock_(params.Fault("pair.no_off_lock")),
        locks_(limits.num_cpus, limits.num_tasks),
        pins_(static_cast<std::size_t>(limits.num_cpus)),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {
    for (TaskPart& task : tasks_) task.files.reserve(1);
  }

  HookMask Hooks() const override { return Hook::kOnTask; }

  int64_t AdmitHotplug(Kernel&, CpuId cpu, bool) override {
    if (pins_[cpu.index()] == 0) return 0;
    return waits_ ? kHotplugWait : kEBUSY;
  }

  // A task that dies closes its files.
  void OnTask(Kernel& kernel, TaskId id, TaskChange change) override {
    if (change != TaskChange::kDead) return;
    TaskPart& task = tasks_[id.index()];
    while (!task.files.empty()) {
      const CpuId cpu = task.files.back();
      locks_.Leave(kernel, cpu, id);
      Close(kernel, id, cpu);
    }
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    TaskPart& task = tasks_[frame.task.index()];
    if (cpu.value() < 0 || cpu.value() >= kernel.num_cpus()) return Next::Return(kEINVAL);
    if (frame.path == kOpen) return Next::Return(Open(kernel, frame.task, cpu));
    if (frame.path == kClose) return Next::Return(Close(kernel, frame.task, cpu));
    if (frame.path == kLeave) {
      locks_.Leave(kernel, cpu, frame.task);
      if (task.is_moved) kernel.SetAffinity(frame.task, task.before);
      task.is_moved = false;
      Close(kernel, frame.task, cpu);
      return Next::Return(0);
    }
    if (frame.step == StepId(0)) {
      const int64_t opened = Open(kernel, frame.task, cpu);
      if (opened != 0) return Next::Return(opened);
      if (kernel.active().Contains(cpu)) {
        if (!kernel.cpuset(frame.task).Contains(cpu)) return Next::Return(kEINVAL);
        task.before = kernel.task(frame.task).cpus_allowed;
        task.is_moved = true;
        kernel.SetAffinity(frame.task, CpuSet::Of(cpu));
        return Next::Return(0);
      }
    }
    if (no_off_lock_ || locks_.Take(cpu, frame.task)) return Next::Return(0);
    return Next::Block(StepId(1), TaskState::kUninterruptible);
  }

 private:
  struct TaskPart {
    std::vector<CpuId> files;  // those that it has open; one may be there twice
    bool is_moved = false;
    CpuSet before;
  };

  int64_t Open(Kernel& kernel, TaskId id, CpuId cpu) {
    if (needs_root_) return kEACCES;
    tasks_[id.index()].files.push_back(cpu);
    ++pins_[cpu.index()];
    Emit(kernel, id, cpu);
    return 0;
  }

  int64_t Close(Kernel& kernel, TaskId id, CpuId cpu) {
    std::vector<CpuId>& files = tasks_[id.index()].files;
    const auto file = std::find(files.begin(), files.end(), cpu);
    if (file == files.end()) return kEINVAL;
    files.erase(file);
    --pins_[cpu.index()];
    Emit(kernel, id, cpu);
    if (pins_[cpu.index()] == 0) kernel.RetryHotplug();
    return 0;
  }

  void Emit(Kernel& kernel, TaskId id, CpuId cpu) {
    PolicyEventPayload payload;
    payload.wide[0] = cpu.value();
    payload.wide[1] = pins_[cpu.index()];
    payload.narrow[0] = id.value();
    kernel.EmitDeclared(self_, 0, payload);
  }

  PolicyId self_;
  bool waits_, needs_root_, no_off_lock_;
  OffLocks locks_;
  std::vector<int32_t> pins_;  // by CPU
  std::vector<TaskPart> tasks_;
};

}  // namespace

constinit const PolicyInfo kPinOnlineInfo = {
    .name = "pin-online",
    .seam = Seam::kKernelService,
    .summary = "an open file keeps a CPU online or offline while its data is updated",
    .source = "pairing.md 9.1; Peter Zijlstra on [RFC PATCH v2] sched_pair_cpu, 24 June 2020",
    .params = kParams,
    .paths = kPaths,
    .events = kEvents,
    .ops = kOps,
    .faults = kFaults,
    .percpu = {.enter = "pin_enter", .leave = "pin_leave", .guard = 2},
};

absl::StatusOr<std::unique_ptr<KernelService>> MakePinOnline(const PolicyParams& params,
                                                             const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<PinOnline>(params, limits));
}

}  // namespace rqsim
