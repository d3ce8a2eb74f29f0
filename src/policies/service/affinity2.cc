// The third of the alternatives that the review of pairing offers: an affinity that outlives the
// CPU it names (Peter Zijlstra, 24 June 2020; "[RFC PATCH] pin_on_cpu", Mathieu Desnoyers, 21
// January 2020; pairing.md 9.3).
//
// A task that is affine to an offline CPU runs on the offload CPU, the lowest that is online, like
// all others that are affine to an offline CPU: they share one runqueue, so preemption and rseq
// serialise them. A CPU that comes up pulls its tasks before user code may run on it, running ones
// by the stop task, and moving aborts a critical section. The price is a walk of all tasks whenever
// a CPU comes or goes.
//
// Two ways to ask: affinity2, as the review has it, and pin_on_cpu with the commands of that patch.
// The CPU must be in the mask that the task has without all this, and a mask without it cannot be
// set as long as it is wanted (-EINVAL); one with it is kept for when it is wanted no more. Whether
// whoever moves the task to a cpuset without the CPU may is an open question of the thread:
// cpuset_conflict (MODEL-265).
// Cost: a hotplug operation visits every task; other hooks O(1).
// Tested by scenarios/pairing and tests/unit/policies/service/pairing_test.cc.
#include <vector>

#include "policies.h"
#include "rqsim/seams.h"
#include "service/pair.h"

namespace rqsim {
namespace {

constexpr PathId kSet{0};
constexpr PathId kClear{1};
constexpr PathId kStartup{2};
constexpr PathId kTeardown{3};
constexpr PathId kMove{4};
constexpr PathId kPinOnCpu{5};
constexpr StepInfo kOneStep[] = {{"effect"}};
constexpr StepInfo kStartupSteps[] = {{"walk"}, {"wait"}};
constexpr StepInfo kMoveSteps[] = {{"stop"}, {"move"}};
constexpr PathInfo kPaths[] = {{"affinity2", kOneStep},    {"affinity2_clear", kOneStep},
                               {"startup", kStartupSteps}, {"teardown", kOneStep},
                               {"move", kMoveSteps},       {"pin_on_cpu", kOneStep}};
constexpr ServiceOpInfo kOps[] = {
    {.name = "affinity2",
     .path = kSet,
     .args = "cpu",
     .summary = "sched_setaffinity2() to that CPU, online or not: 0, or -EINVAL if its mask has it "
                "not."},
    {.name = "affinity2_clear", .path = kClear, .summary = "… to the mask it had before."},
    {.name = "pin_on_cpu",
     .path = kPinOnCpu,
     .args = "cmd flags cpu",
     .summary = "The same as commands: 0 QUERY, 1 SET, 2 CLEAR; gives 3, 0 or -EINVAL."},
};
constexpr EventFieldInfo kMaskFields[] = {
    {"cpu", FieldKind::kCpu}, {"answer"}, {"pid", FieldKind::kTask}};
constexpr EventInfo kEvents[] = {
    {"affinity2_mask", kMaskFields,
     "another mask was asked for; answer: 0 it ends the affinity, 1 kept for later, 2 refused"}};
constexpr ParamInfo kParams[] = {
    {.name = "cpuset_conflict",
     .kind = ParamKind::kEnum,
     .default_text = "refuse",
     .allowed = "refuse break",
     .summary = "a move to a cpuset without the CPU: it fails, or ends the affinity"},
};
constexpr HotplugCallbackInfo kHotplug[] = {{"sched/affinity2:online", 194, kStartup, kTeardown}};

class Affinity2 final : public KernelService {
 public:
  Affinity2(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        cpusets_win_(params.Text("cpuset_conflict") == "break"),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {}

  HookMask Hooks() const override { return Hook::kOnTask; }
  void OnTask(Kernel&, TaskId id, TaskChange change) override {
    if (change == TaskChange::kDead) tasks_[id.index()] = TaskPart();
  }

  MaskAnswer AdmitMask(Kernel& kernel, TaskId id, const CpuSet& cpus, MaskChange by) override {
    TaskPart& task = tasks_[id.index()];
    if (!task.wanted.valid()) return MaskAnswer::kChange;
    if (by == MaskChange::kHotplug) return MaskAnswer::kKeep;
    const CpuId wanted = task.wanted;
    MaskAnswer answer = MaskAnswer::kRefuse;
    if (cpus.Contains(wanted)) {
      task.before = cpus;
      answer = MaskAnswer::kKeep;
    } else if (by == MaskChange::kCpuset && cpusets_win_) {
      task.wanted = CpuId();
      answer = MaskAnswer::kChange;
    }
    PolicyEventPayload payload;
    payload.wide[0] = wanted.value();
    payload.wide[1] = static_cast<int64_t>(answer);
    payload.narrow[0] = id.value();
    kernel.EmitDeclared(self_, 0, payload);
    return answer;
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kSet) return Next::Return(Set(kernel, frame.task, frame.r[0]));
    if (frame.path == kClear) return Next::Return(Clear(kernel, frame.task));
    if (frame.path == kPinOnCpu) return Next::Return(PinOnCpu(kernel, frame));
    if (frame.path == kMove) return Move(kernel, frame);
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    return frame.path == kStartup ? Startup(kernel, frame, cpu) : Teardown(kernel, cpu);
  }

 private:
  struct TaskPart {
    CpuId wanted;
    CpuSet before;
  };

  // The mask a task had before. If every CPU of it has gone meanwhile it is refused, and the task
  // would stay affine to the offload CPU for good; it gets what select_fallback_rq() would have
  // given it when its CPU went (MODEL-250).
  static void Restore(Kernel& kernel, TaskId id, const CpuSet& before) {
    if ((before & kernel.active()).empty()) {
      kernel.ForceAffinity(id, kernel.cpuset(id));
    } else {
      kernel.SetAffinity(id, before);
    }
  }

  int64_t Set(Kernel& kernel, TaskId id, int64_t asked) {
    if (asked < 0 || asked >= kernel.num_cpus()) return kEINVAL;
    const CpuId cpu(static_cast<int32_t>(asked));
    TaskPart& task = tasks_[id.index()];
    const CpuSet& mask = task.wanted.valid() ? task.before : kernel.task(id).cpus_allowed;
    if (!mask.Contains(cpu)) return kEINVAL;
    if (!task.wanted.valid()) task.before = mask;
    task.wanted = cpu;
    const bool is_there = kernel.active().Contains(cpu);
    kernel.SetAffinity(id, CpuSet::Of(is_there ? cpu : Offload(kernel, CpuId())));
    return 0;
  }

  int64_t Clear(Kernel& kernel, TaskId id) {
    TaskPart& task = tasks_[id.index()];
    if (task.wanted.valid()) Restore(kernel, id, task.before);
    task.wanted = CpuId();
    return 0;
  }

  // Its commands are those of sched_pair_cpu(), but for a SET of who is pinned already: it pins
  // anew.
  int64_t PinOnCpu(Kernel& kernel, const Frame& frame) {
    if (frame.r[1] != 0) return kEINVAL;
    if (frame.r[0] == kPairQuery) return kPairCommands;
    if (frame.r[0] == kPairSet) return Set(kernel, frame.task, frame.r[2]);
    return frame.r[0] == kPairClear ? Clear(kernel, frame.task) : kEINVAL;
  }

  // Its users leave, and those of other offline CPUs if it was the offload CPU.
  Next Teardown(Kernel& kernel, CpuId cpu) {
    for (std::size_t i = 1; i < tasks_.size(); ++i) {
      const CpuId wanted = tasks_[i].wanted;
      if (!wanted.valid() || (wanted != cpu && kernel.online().Contains(wanted))) continue;
      kernel.SetAffinity(TaskId(static_cast<int32_t>(i)), CpuSet::Of(Offload(kernel, cpu)));
    }
    return Next::Return(0);
  }

  // The lowest active CPU that is not `leaves`.
  static CpuId Offload(const Kernel& kernel, CpuId leaves) {
    for (CpuId c = kernel.active().First(); c.valid(); c = kernel.active().After(c)) {
      if (c != leaves) return c;
    }
    return kernel.online().First();
  }

  // The CPU comes up, and no user code runs there yet: its users come to it, and those of other
  // offline CPUs if it is the lowest now. Waits for the stop tasks that carry them.
  Next Startup(Kernel& kernel, Frame& frame, CpuId cpu) {
    if (frame.step == StepId(0)) {
      const bool is_lowest = kernel.active().empty() || cpu < kernel.active().First();
      for (std::size_t i = 1; i < tasks_.size(); ++i) {
        const CpuId wanted = tasks_[i].wanted;
        const bool is_offloaded = wanted.valid() && !kernel.online().Contains(wanted);
        if (!wanted.valid() || (wanted != cpu && !(is_lowest && is_offloaded))) continue;
        const TaskId id(static_cast<int32_t>(i));
        const Task& task = kernel.task(id);
        // Not active yet: nobody is asked.
        kernel.ForceAffinity(id, CpuSet::Of(cpu));
        // A blocked donor stays with its owner, and comes when it wakes.
        if (!task.on_rq || task.cpu == cpu || task.is_blocked) continue;
        if (task.on_cpu) {
          ++on_the_way_;
          kernel.QueueStopWork(task.cpu, self_, kMove, cpu.value() << 20 | id.value());
        } else {
          kernel.MoveTask(id, cpu);
        }
      }
    }
    if (on_the_way_ == 0) return Next::Return(0);
    Watch watch;
    watch.word = kernel.WordOf(self_, kIdleTask, 0);
    watch.need_resched = false;
    return Next::Spin(StepId(1), watch, kZeroCycles, kernel.now());
  }

  // In the stop task of the CPU where a user runs; r[1]: where it is to go, and who.
  Next Move(Kernel& kernel, Frame& frame) {
    if (frame.step == StepId(0)) {
      return Next::Run(StepId(1), kernel.facts().c_stop, RunMode::kKernelNoPreempt);
    }
    const TaskId id(static_cast<int32_t>(frame.r[1] & 0xfffff));
    const CpuId to(static_cast<int32_t>(frame.r[1] >> 20));
    if (kernel.task(id).cpu == frame.cpu) kernel.MoveTask(id, to);
    --on_the_way_;
    const WordId word = kernel.WordOf(self_, kIdleTask, 0);
    kernel.Store(word, kernel.Load(word).old + 1);
    return Next::Return(0);
  }

  PolicyId self_;
  bool cpusets_win_;
  int on_the_way_ = 0;
  std::vector<TaskPart> tasks_;
};

}  // namespace

constinit const PolicyInfo kAffinity2Info = {
    .name = "affinity2",
    .seam = Seam::kKernelService,
    .summary = "an affinity that may name an offline CPU: its users share the offload CPU",
    .source = "pairing.md 9.3; [RFC PATCH] pin_on_cpu, Mathieu Desnoyers, 21 January 2020",
    .params = kParams,
    .paths = kPaths,
    .events = kEvents,
    .ops = kOps,
    .hotplug = kHotplug,
    .words_per_task = 1,
    .percpu = {.enter = "affinity2", .leave = "affinity2_clear", .guard = 2},
};

absl::StatusOr<std::unique_ptr<KernelService>> MakeAffinity2(const PolicyParams& params,
                                                             const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<Affinity2>(params, limits));
}

}  // namespace rqsim
