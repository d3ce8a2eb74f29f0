// The third of the alternatives that the review of pairing offers: an affinity that outlives the
// CPU it names (Peter Zijlstra, 24 June 2020; "[RFC PATCH] pin_on_cpu", Mathieu Desnoyers, 21
// January 2020; pairing.md 9.3).
//
// A task that is affine to an offline CPU runs on the offload CPU, the lowest that is online, like
// all others that are affine to an offline CPU: they share one runqueue, so preemption and rseq
// serialise them. A CPU that comes up pulls its tasks before user code may run on it, and moving
// aborts a critical section. The price is a walk of all tasks whenever a CPU comes or goes.
//
// So each task has a home: the CPU it asked for as long as that is active, else the offload CPU.
// Two rules keep sections on the same data apart (MODEL-270). Nobody enters user code away from
// home: the way there looks, because the stop task that should have carried a task may find that it
// may not go there any more, and select_fallback_rq() knows of no home. And a home changes only
// while nobody executes on it: a CPU that leaves is executed by its hotplug thread then, one that
// comes has the offload CPU executed by its stop task, which sends all of them at once. The
// callbacks are the neighbours of sched:active, so that no other state can fail in between and turn
// back.
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
constexpr PathId kPull{6};
constexpr PathId kGoHome{7};
constexpr PathId kArrived{8};
constexpr StepInfo kOneStep[] = {{"effect"}};
constexpr StepInfo kStartupSteps[] = {{"walk"}, {"wait"}};
constexpr StepInfo kStopSteps[] = {{"stop"}, {"move"}};
constexpr StepInfo kGoHomeSteps[] = {{"look"}};
constexpr PathInfo kPaths[] = {
    {"affinity2", kOneStep}, {"affinity2_clear", kOneStep}, {"startup", kStartupSteps},
    {"teardown", kOneStep},  {"move", kStopSteps},          {"pin_on_cpu", kOneStep},
    {"pull", kStopSteps},    {"go_home", kGoHomeSteps},     {"arrived", kStartupSteps}};
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
constexpr HotplugCallbackInfo kHotplug[] = {{"sched/affinity2:online", 234, kStartup, kTeardown},
                                            {"sched/affinity2:active", 235, kArrived, PathId()}};

class Affinity2 final : public KernelService {
 public:
  Affinity2(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        cpusets_win_(params.Text("cpuset_conflict") == "break"),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {}

  HookMask Hooks() const override { return Hook::kOnTask | Hook::kUserReturnPath; }

  // Also at home a task may have another mask by now, one that select_fallback_rq() gave it.
  PathCall UserReturnPath(Kernel& kernel, TaskId id) override {
    const CpuId wanted = tasks_[id.index()].wanted;
    const Task& task = kernel.task(id);
    if (!wanted.valid() || task.migration_disabled > 0) return PathCall::None();
    const CpuId home = Home(kernel, wanted);
    const bool is_held = task.nr_cpus_allowed == 1 && task.cpus_allowed.Contains(home);
    return is_held && task.cpu == home ? PathCall::None() : PathCall::To(kGoHome);
  }

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
    if (frame.path == kGoHome) return GoHome(kernel, frame);
    if (frame.path == kMove || frame.path == kPull) {
      // In a stop task.
      if (frame.step == StepId(0)) {
        return Next::Run(StepId(1), kernel.facts().c_stop, RunMode::kKernelNoPreempt);
      }
      const auto arg = static_cast<int32_t>(frame.r[1]);
      frame.path == kMove ? Move(kernel, TaskId(arg), frame.cpu) : Pull(kernel, CpuId(arg));
      return Next::Return(0);
    }
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    return frame.path == kTeardown ? Teardown(kernel) : Startup(kernel, frame, cpu);
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
    Send(kernel, id);
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

  bool IsThere(const Kernel& kernel, CpuId cpu) const {
    return cpu == comes_ || kernel.active().Contains(cpu);
  }
  // The lowest CPU that is there, other than `but`.
  CpuId Offload(const Kernel& kernel, CpuId but) const {
    CpuId lowest = kernel.active().First();
    if (lowest.valid() && lowest == but) lowest = kernel.active().After(but);
    if (comes_.valid() && (!lowest.valid() || comes_ < lowest)) return comes_;
    return lowest.valid() ? lowest : kernel.online().First();
  }
  CpuId Home(const Kernel& kernel, CpuId wanted) const {
    return IsThere(kernel, wanted) ? wanted : Offload(kernel, CpuId());
  }

  // Home, by set_cpus_allowed_ptr(); the way to user code looks whether it has come to that.
  void Send(Kernel& kernel, TaskId id) const {
    const CpuId home = Home(kernel, tasks_[id.index()].wanted);
    if (home != comes_) kernel.SetAffinity(id, CpuSet::Of(home));
  }

  // It is about to enter user code, and is not where it belongs or may be sent elsewhere.
  Next GoHome(Kernel& kernel, const Frame& frame) {
    const CpuId wanted = tasks_[frame.task.index()].wanted;
    if (!wanted.valid()) return Next::Return(0);
    const CpuId home = Home(kernel, wanted);
    kernel.ForceAffinity(frame.task, CpuSet::Of(home));
    if (frame.cpu == home) return Next::Return(0);
    kernel.QueueStopWork(frame.cpu, self_, kMove, frame.task.value());
    return Next::Schedule(StepId(0));
  }

  // What may have been pushed off the CPU meanwhile looks for itself.
  void Move(Kernel& kernel, TaskId id, CpuId from) {
    const CpuId wanted = tasks_[id.index()].wanted;
    if (wanted.valid() && kernel.task(id).cpu == from) {
      kernel.MoveTask(id, Home(kernel, wanted));
    }
  }

  // Its users leave, and those of other offline CPUs if it was the offload CPU.
  Next Teardown(Kernel& kernel) {
    comes_ = CpuId();
    for (std::size_t i = 1; i < tasks_.size(); ++i) {
      const CpuId wanted = tasks_[i].wanted;
      const TaskId id(static_cast<int32_t>(i));
      if (!wanted.valid()) continue;
      if (kernel.task(id).cpus_allowed != CpuSet::Of(Home(kernel, wanted))) Send(kernel, id);
    }
    return Next::Return(0);
  }

  // The CPU comes up, and no user code runs there yet: its users come to it, and those of other
  // offline CPUs if it is the lowest now. They are all on the offload CPU, so nobody executes a
  // section while its stop task does. When the CPU is active nothing is left to do, but for one
  // that was never taken down to here.
  Next Startup(Kernel& kernel, Frame& frame, CpuId cpu) {
    const bool is_active = frame.path == kArrived;
    const bool is_done = comes_ == cpu;
    if (is_done && is_active) comes_ = CpuId();
    if (is_done) return Next::Return(0);
    if (frame.step == StepId(0)) {
      const CpuId offload = Offload(kernel, cpu);
      bool executes = false;
      for (std::size_t i = 1; i < tasks_.size(); ++i) {
        if (!Comes(kernel, tasks_[i].wanted, cpu)) continue;
        const Task& task = kernel.task(TaskId(static_cast<int32_t>(i)));
        executes = executes || (task.on_cpu && task.cpu == offload);
      }
      if (!executes) {
        Pull(kernel, cpu);
        if (is_active) comes_ = CpuId();
        return Next::Return(0);
      }
      kernel.QueueStopWork(offload, self_, kPull, cpu.value());
    }
    Watch watch;
    watch.word = kernel.WordOf(self_, kIdleTask, 0);
    watch.need_resched = false;
    return Next::Spin(StepId(1), watch, kZeroCycles, kernel.now());
  }

  // Will `cpu` be the home of those who want `wanted`?
  bool Comes(const Kernel& kernel, CpuId wanted, CpuId cpu) const {
    if (!wanted.valid() || wanted == cpu) return wanted.valid();
    return !IsThere(kernel, wanted) && cpu < Offload(kernel, cpu);
  }

  // From now on `cpu` is the home of those who want it.
  void Pull(Kernel& kernel, CpuId cpu) {
    comes_ = cpu;
    for (std::size_t i = 1; i < tasks_.size(); ++i) {
      if (!tasks_[i].wanted.valid() || Home(kernel, tasks_[i].wanted) != cpu) continue;
      const TaskId id(static_cast<int32_t>(i));
      const Task& task = kernel.task(id);
      // Not active yet: nobody is asked.
      kernel.ForceAffinity(id, CpuSet::Of(cpu));
      // A blocked donor stays with its owner, and goes home when it wakes.
      const bool executes = task.on_cpu && kernel.cpu(task.cpu).curr == id;
      if (task.on_rq && task.cpu != cpu && !executes && !task.is_blocked) kernel.MoveTask(id, cpu);
    }
    const WordId word = kernel.WordOf(self_, kIdleTask, 0);
    kernel.Store(word, kernel.Load(word).old + 1);
  }

  PolicyId self_;
  bool cpusets_win_;
  CpuId comes_;  // it has pulled its users and is not active yet
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
