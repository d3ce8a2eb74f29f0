// The second of the alternatives that the review of pairing offers, the one with "the best
// complexity:yuck ratio": a signal for whoever has asked for it whenever a CPU comes or goes (Peter
// Zijlstra, 24 June 2020; pairing.md 9.2).
//
// Nothing is done at a switch and nothing on behalf of those who do not ask. A CPU that comes up
// signals every registered task before user code may run on it, and waits until those that are in
// user code have been interrupted with the signal pending (sig_wait delivered; with sent it does
// not wait, and loses). A signal aborts a critical section, so its task reads the state anew: it
// goes to the CPU if that is online, and takes the mutex of its data if not, because knowing the
// state does not keep several users of an offline CPU apart (fault pair.no_off_lock). A CPU that
// comes is neither: its state has changed before the first signal is sent, but nobody can go there
// before the last one has arrived, so whoever looks in between looks again (MODEL-271). Who was
// sent to the CPU is in no section elsewhere: its sections compare the number of the CPU with that
// of the data, as native ones do, also while the CPU goes away and its signal is on the way
// (MODEL-202).
//
// Cost: a hotplug operation visits every registered task; other hooks O(1).
// Tested by scenarios/pairing.
#include <algorithm>
#include <vector>

#include "policies.h"
#include "rqsim/seams.h"
#include "service/off_locks.h"

namespace rqsim {
namespace {

constexpr PathId kRegister{0};
constexpr PathId kUnregister{1};
constexpr PathId kEnter{2};
constexpr PathId kLeave{3};
constexpr PathId kChange{4};
constexpr PathId kHandler{5};
constexpr PathId kGuard{6};
constexpr PathId kComes{7};
constexpr PathId kArrived{8};
constexpr StepInfo kOneStep[] = {{"effect"}};
constexpr StepInfo kEnterSteps[] = {{"look"}, {"locked"}, {"look_again"}};
constexpr StepInfo kChangeSteps[] = {{"signal"}, {"delivered"}};
constexpr StepInfo kHandlerSteps[] = {{"handler"}, {"handled"}};
constexpr PathInfo kPaths[] = {{"hotplug_register", kOneStep},
                               {"hotplug_unregister", kOneStep},
                               {"signal_enter", kEnterSteps},
                               {"signal_leave", kOneStep},
                               {"change", kChangeSteps},
                               {"handler", kHandlerSteps},
                               {"guard", kOneStep},
                               {"comes", kChangeSteps},
                               {"arrived", kChangeSteps}};
constexpr ServiceOpInfo kOps[] = {
    {.name = "hotplug_register",
     .path = kRegister,
     .args = "cpu",
     .summary = "Asks for a signal whenever that CPU comes or goes (fcntl F_SETOWN, F_SETSIG)."},
    {.name = "hotplug_unregister", .path = kUnregister, .args = "cpu", .summary = "… no longer."},
    {.name = "signal_enter",
     .path = kEnter,
     .args = "cpu",
     .summary = "Registers, looks, and goes to that CPU or takes the mutex of its data."},
    {.name = "signal_leave", .path = kLeave, .args = "cpu", .summary = "The way back."},
};
// The neighbours of sched:active: no other state can fail in between and turn back (MODEL-270).
constexpr HotplugCallbackInfo kHotplug[] = {{"sched/signal:online", 234, kComes, kChange},
                                            {"sched/signal:active", 235, kArrived, PathId()}};
constexpr ParamInfo kParams[] = {
    {.name = "sig_wait",
     .kind = ParamKind::kEnum,
     .default_text = "delivered",
     .allowed = "delivered sent",
     .summary = "whether the change waits until tasks in user code have been interrupted"},
    {.name = "c_sighand",
     .kind = ParamKind::kCycles,
     .default_value = 2,
     .summary = "the signal handler, in user mode"},
};
constexpr FaultInfo kFaults[] = {
    {"pair.no_off_lock", "users of an offline CPU's data do not exclude each other", "PA-S1"}};

class HotplugSignal final : public KernelService {
 public:
  HotplugSignal(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        waits_(params.Text("sig_wait") == "delivered"),
        c_sighand_(params.Length("c_sighand")),
        no_off_lock_(params.Fault("pair.no_off_lock")),
        locks_(limits.num_cpus, limits.num_tasks),
        registered_(static_cast<std::size_t>(limits.num_cpus)),
        tasks_(static_cast<std::size_t>(limits.num_tasks)) {
    for (Registered& of : registered_) {
      of.tasks.reserve(static_cast<std::size_t>(limits.num_tasks));
    }
  }

  HookMask Hooks() const override { return Hook::kUserReturnPath | Hook::kOnTask; }

  // The handler runs when the signal has been delivered.
  PathCall UserReturnPath(Kernel& kernel, TaskId id) override {
    const TaskPart& task = tasks_[id.index()];
    if (task.handler_due && kernel.task(id).pending_signals == 0) return PathCall::To(kHandler);
    const bool is_elsewhere = task.belongs_on.valid() && task.belongs_on != kernel.task(id).cpu;
    return is_elsewhere && !task.handler_due ? PathCall::To(kGuard) : PathCall::None();
  }

  void OnTask(Kernel& kernel, TaskId id, TaskChange change) override {
    if (change != TaskChange::kDead) return;
    for (std::size_t c = 0; c < registered_.size(); ++c) {
      const CpuId cpu(static_cast<int32_t>(c));
      if (Unregister(cpu, id)) locks_.Leave(kernel, cpu, id);
    }
    tasks_[id.index()] = TaskPart();
  }

  void OnCall(Kernel& kernel, CpuId, const Message& message) override {
    SendSignal(kernel, TaskId(message.what));
  }

  Next Step(Kernel& kernel, Frame& frame) override {
    if (frame.path == kHandler) {
      if (frame.step != StepId(0)) return Next::Return(0);
      TaskPart& task = tasks_[frame.task.index()];
      task.handler_due = false;
      // Its section has been aborted, if it had begun: the state is read anew in any case.
      if (task.has_entered) {
        task.belongs_on = CpuId();
        kernel.AbortProgram(frame.task);
      }
      return Next::Run(StepId(1), c_sighand_, RunMode::kUser);
    }
    if (frame.path == kGuard) {
      // Its cycle of user code comes with the next signal_enter: rseq, which is asked after this
      // service, has taken it out of its section by then (MODEL-253).
      TaskPart& task = tasks_[frame.task.index()];
      task.belongs_on = CpuId();
      task.was_elsewhere = true;
      kernel.AbortProgram(frame.task);
      return Next::Return(0);
    }
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    if (cpu.value() < 0 || cpu.value() >= kernel.num_cpus()) return Next::Return(kEINVAL);
    if (frame.path == kChange || frame.path == kComes || frame.path == kArrived) {
      return Change(kernel, frame, cpu);
    }
    if (frame.path == kRegister) {
      Register(cpu, frame.task);
      return Next::Return(0);
    }
    if (frame.path == kUnregister) {
      Unregister(cpu, frame.task);
      return Next::Return(0);
    }
    if (frame.path == kLeave) {
      tasks_[frame.task.index()].has_entered = false;
      tasks_[frame.task.index()].belongs_on = CpuId();
      locks_.Leave(kernel, cpu, frame.task);
      GoBack(kernel, frame.task);
      Unregister(cpu, frame.task);
      return Next::Return(0);
    }
    return Enter(kernel, frame, cpu);
  }

 private:
  struct TaskPart {
    bool handler_due = false;
    bool has_entered = false;  // between signal_enter and signal_leave
    bool is_moved = false;
    CpuSet before;
    CpuId belongs_on;            // where its sections must be, unless it has the mutex
    bool was_elsewhere = false;  // its guard has found so, which takes a cycle (MODEL-196)
  };

  struct Registered {
    std::vector<TaskId> tasks;  // in the order of registration
    std::size_t next = 0;       // the first that a change has not visited yet
    bool comes = false;         // they are told that the CPU is there before it is active
  };

  void Register(CpuId cpu, TaskId task) {
    std::vector<TaskId>& list = registered_[cpu.index()].tasks;
    if (std::find(list.begin(), list.end(), task) == list.end()) list.push_back(task);
  }

  // Also while a change waits for one of them: those behind it move up, and are not passed over.
  bool Unregister(CpuId cpu, TaskId task) {
    Registered& of = registered_[cpu.index()];
    const auto at = std::find(of.tasks.begin(), of.tasks.end(), task);
    if (at == of.tasks.end()) return false;
    if (static_cast<std::size_t>(at - of.tasks.begin()) < of.next) --of.next;
    of.tasks.erase(at);
    return true;
  }

  // The handler is due from now on: an IPI that is on the way has interrupted nobody.
  void SendSignal(Kernel& kernel, TaskId id) {
    tasks_[id.index()].handler_due = true;
    kernel.Signal(id, SignalKind::kOrdinary);
  }

  void GoBack(Kernel& kernel, TaskId id) {
    TaskPart& task = tasks_[id.index()];
    if (task.is_moved) kernel.SetAffinity(id, task.before);
    task.is_moved = false;
  }

  // Also after an abort: the state is read anew.
  Next Enter(Kernel& kernel, Frame& frame, CpuId cpu) {
    TaskPart& task = tasks_[frame.task.index()];
    if (task.was_elsewhere) {
      task.was_elsewhere = false;
      return Next::Run(StepId(2), Cycles(1), RunMode::kUser);
    }
    Register(cpu, frame.task);
    task.has_entered = true;
    task.belongs_on = cpu;
    kernel.SetAbort(frame.task);
    if (frame.step == StepId(1) && frame.result == kEINTR) {
      // The signal comes first. The section that follows finds out, and comes back here.
      if (!locks_.Has(cpu, frame.task)) locks_.Leave(kernel, cpu, frame.task);
      return Next::Return(kEINTR);
    }
    if (kernel.active().Contains(cpu)) {
      locks_.Leave(kernel, cpu, frame.task);
      if (!kernel.cpuset(frame.task).Contains(cpu)) {
        // Nothing stays behind, except that a section that follows all the same finds itself
        // elsewhere (MODEL-283).
        task.has_entered = false;
        GoBack(kernel, frame.task);
        Unregister(cpu, frame.task);
        return Next::Return(kEINVAL);
      }
      if (!task.is_moved) task.before = kernel.task(frame.task).cpus_allowed;
      task.is_moved = true;
      kernel.SetAffinity(frame.task, CpuSet::Of(cpu));
      return Next::Return(0);
    }
    if (registered_[cpu.index()].comes) {
      // sched_setaffinity() is -EINVAL yet.
      task.belongs_on = CpuId();
      return Next::Run(StepId(2), Cycles(1), RunMode::kUser);
    }
    if (no_off_lock_ || locks_.Take(cpu, frame.task)) {
      task.belongs_on = CpuId();
      return Next::Return(0);
    }
    return Next::Block(StepId(1), TaskState::kInterruptible);
  }

  // The CPU has come, or has gone. Who registers meanwhile is visited too.
  Next Change(Kernel& kernel, Frame& frame, CpuId cpu) {
    Registered& of = registered_[cpu.index()];
    if (frame.step == StepId(0)) {
      const bool were_told = frame.path == kArrived && of.comes;
      of.comes = frame.path == kComes;
      if (were_told) return Next::Return(0);
      of.next = 0;
    }
    while (of.next < of.tasks.size()) {
      const TaskId id = of.tasks[of.next++];
      const Task& task = kernel.task(id);
      const bool executes = task.on_cpu && kernel.cpu(task.cpu).curr == id && task.cpu != frame.cpu;
      if (!executes) {
        SendSignal(kernel, id);
        continue;
      }
      Message message;
      message.policy = self_;
      message.what = id.value();
      if (waits_) return Next::CallCpu(StepId(1), task.cpu, message, true);
      kernel.SendCall(task.cpu, message);
    }
    return Next::Return(0);
  }

  PolicyId self_;
  bool waits_;
  Cycles c_sighand_;
  bool no_off_lock_;
  OffLocks locks_;
  std::vector<Registered> registered_;  // by CPU
  std::vector<TaskPart> tasks_;
};

}  // namespace

constinit const PolicyInfo kHotplugSignalInfo = {
    .name = "hotplug-signal",
    .seam = Seam::kKernelService,
    .summary = "a signal when a CPU comes or goes, before user code runs on it",
    .source = "pairing.md 9.2; Peter Zijlstra on [RFC PATCH v2] sched_pair_cpu, 24 June 2020",
    .params = kParams,
    .paths = kPaths,
    .ops = kOps,
    .hotplug = kHotplug,
    .faults = kFaults,
    .percpu = {.enter = "signal_enter", .leave = "signal_leave", .guard = 2, .restarts = true},
};

absl::StatusOr<std::unique_ptr<KernelService>> MakeHotplugSignal(const PolicyParams& params,
                                                                 const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<HotplugSignal>(params, limits));
}

}  // namespace rqsim
