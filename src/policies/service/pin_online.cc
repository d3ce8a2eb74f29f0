// The first of the alternatives that the review of pairing offers: whoever has the file
// cpuN/online open keeps the CPU as it is (Peter Zijlstra, 24 June 2020; pairing.md 9.1).
//
// While a CPU has pins an operation on it is refused, or waits until the last one is gone
// (pin_mode). A task that wants the data of a CPU opens the file; if the CPU is online it goes
// there and needs nothing but rseq, if not it takes a user mutex that all users of that CPU's data
// take, and updates it from wherever it is. Nothing can change meanwhile, because who opens the
// file in the middle of an operation sleeps until that is over, and an operation that has begun
// finds out whether somebody has come between its admission and its first state (MODEL-272).
// Opening may need privilege (pin_cap root), and a cpuset without the CPU ends the matter. Whoever
// opens the file twice has to close it twice (MODEL-263). Cost: every hook O(1) in the number of
// tasks. Tested by scenarios/pairing and tests/unit/policies/service/pairing_test.cc.
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
constexpr PathId kBegins{4};
constexpr PathId kEnds{5};
constexpr StepId kFirst{0};  // also when what was waited for is over
constexpr StepId kLocked{1};
constexpr StepInfo kOneStep[] = {{"effect"}};
constexpr StepInfo kEnterSteps[] = {{"open"}, {"locked"}};
constexpr PathInfo kPaths[] = {{"pin_online", kOneStep},   {"unpin_online", kOneStep},
                               {"pin_enter", kEnterSteps}, {"pin_leave", kOneStep},
                               {"begins", kOneStep},       {"ends", kOneStep}};
constexpr HotplugCallbackInfo kHotplug[] = {{"pin:prepare", 1, kBegins, kEnds},
                                            {"pin:active", 235, kEnds, PathId()}};
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
        cpus_(static_cast<std::size_t>(limits.num_cpus)),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {
    for (CpuPart& cpu : cpus_) cpu.sleepers.reserve(static_cast<std::size_t>(limits.num_tasks));
    for (TaskPart& task : tasks_) task.files.reserve(1);
  }

  HookMask Hooks() const override { return Hook::kOnTask; }

  int64_t AdmitHotplug(Kernel&, CpuId cpu, bool) override {
    if (cpus_[cpu.index()].pins == 0) return 0;
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
    if (frame.path == kBegins) return Begins(kernel, frame, cpu);
    if (frame.path == kEnds) {
      Ends(kernel, cpu);
      return Next::Return(0);
    }
    if (frame.path == kClose) return Next::Return(Close(kernel, frame.task, cpu));
    if (frame.path == kLeave) {
      locks_.Leave(kernel, cpu, frame.task);
      if (task.is_moved) kernel.SetAffinity(frame.task, task.before);
      task.is_moved = false;
      Close(kernel, frame.task, cpu);
      return Next::Return(0);
    }
    if (frame.step == kFirst) {
      if (needs_root_) return Next::Return(kEACCES);
      if (Changes(kernel, cpu)) return Sleep(kernel, frame.task, cpu);
      Open(kernel, frame.task, cpu);
      if (frame.path == kOpen) return Next::Return(0);
      if (kernel.active().Contains(cpu)) {
        if (!kernel.cpuset(frame.task).Contains(cpu)) return Next::Return(kEINVAL);
        task.before = kernel.task(frame.task).cpus_allowed;
        task.is_moved = true;
        kernel.SetAffinity(frame.task, CpuSet::Of(cpu));
        return Next::Return(0);
      }
    }
    if (no_off_lock_ || locks_.Take(cpu, frame.task)) return Next::Return(0);
    return Next::Block(kLocked, TaskState::kUninterruptible);
  }

 private:
  struct CpuPart {
    int32_t pins = 0;
    bool comes = false;            // an operation brings it up
    TaskId waits;                  // that operation's controller, for the last pin to go
    std::vector<TaskId> sleepers;  // who want to open the file, in the order in which they came
  };

  struct TaskPart {
    std::vector<CpuId> files;  // those that it has open; one may be there twice
    bool is_moved = false;
    CpuSet before;
  };

  // Is there an operation that may still end with the CPU active? One that takes it down may turn
  // back as long as it is online.
  bool Changes(const Kernel& kernel, CpuId id) const {
    const Cpu& cpu = kernel.cpu(id);
    return cpus_[id.index()].comes || (cpu.online && (cpu.dying || !cpu.active));
  }

  // As long as the CPU is active the way down may be refused, of which no callback learns: then it
  // looks again.
  Next Sleep(Kernel& kernel, TaskId id, CpuId cpu) {
    std::vector<TaskId>& sleepers = cpus_[cpu.index()].sleepers;
    if (std::find(sleepers.begin(), sleepers.end(), id) == sleepers.end()) sleepers.push_back(id);
    const bool may_be_refused = kernel.active().Contains(cpu);
    return Next::Block(kFirst, TaskState::kUninterruptible,
                       may_be_refused ? kernel.now() + Cycles(1) : kNever);
  }

  // The CPU is to come up. The idle loop of table toy cannot wait, and need not: nobody has come in
  // between.
  Next Begins(Kernel& kernel, const Frame& frame, CpuId id) {
    CpuPart& cpu = cpus_[id.index()];
    cpu.comes = true;
    cpu.waits = TaskId();
    if (cpu.pins == 0 || frame.task == kIdleTask) return Next::Return(0);
    if (!waits_) {
      Ends(kernel, id);
      return Next::Return(kEBUSY);
    }
    cpu.waits = frame.task;
    return Next::Block(kFirst, TaskState::kUninterruptible);
  }

  void Ends(Kernel& kernel, CpuId id) {
    CpuPart& cpu = cpus_[id.index()];
    cpu.comes = false;
    for (const TaskId sleeper : cpu.sleepers) kernel.Wake(sleeper);
    cpu.sleepers.clear();
  }

  void Open(Kernel& kernel, TaskId id, CpuId cpu) {
    std::erase(cpus_[cpu.index()].sleepers, id);
    tasks_[id.index()].files.push_back(cpu);
    ++cpus_[cpu.index()].pins;
    Emit(kernel, id, cpu);
  }

  int64_t Close(Kernel& kernel, TaskId id, CpuId cpu) {
    std::vector<CpuId>& files = tasks_[id.index()].files;
    const auto file = std::find(files.begin(), files.end(), cpu);
    if (file == files.end()) return kEINVAL;
    files.erase(file);
    CpuPart& part = cpus_[cpu.index()];
    --part.pins;
    Emit(kernel, id, cpu);
    if (part.pins > 0) return 0;
    if (part.waits.valid()) kernel.Wake(part.waits);
    kernel.RetryHotplug();
    return 0;
  }

  void Emit(Kernel& kernel, TaskId id, CpuId cpu) {
    PolicyEventPayload payload;
    payload.wide[0] = cpu.value();
    payload.wide[1] = cpus_[cpu.index()].pins;
    payload.narrow[0] = id.value();
    kernel.EmitDeclared(self_, 0, payload);
  }

  PolicyId self_;
  bool waits_, needs_root_, no_off_lock_;
  OffLocks locks_;
  std::vector<CpuPart> cpus_;
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
    .hotplug = kHotplug,
    .faults = kFaults,
    .percpu = {.enter = "pin_enter", .leave = "pin_leave", .guard = 2},
};

absl::StatusOr<std::unique_ptr<KernelService>> MakePinOnline(const PolicyParams& params,
                                                             const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<PinOnline>(params, limits));
}

}  // namespace rqsim
