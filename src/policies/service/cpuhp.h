// The state machine of Linux 7.2's CPU hotplug as a class; what it is about stands in cpuhp.cc.
//
//   cpuhp.cc         the table of the service, locks, operations of tasks
//   cpuhp_request.cc  requests of the scenario, the controller's main loop
//   cpuhp_op.cc      one operation, as its controller executes it
//   cpuhp_states.cc  the callbacks of a range of states, one after another, whoever runs them
//   cpuhp_effect.cc  what the states that the core itself has do
//   cpuhp_register.cc  states and instances that come and go while CPUs are online
//   cpuhp_cpu.cc     what the CPU itself does: its hotplug thread, its stopper, its idle loop
#ifndef RQSIM_POLICIES_SERVICE_CPUHP_H_
#define RQSIM_POLICIES_SERVICE_CPUHP_H_

#include <vector>

#include "rqsim/seams.h"
#include "service/cpuhp_table.h"
#include "service/hotplug_requests.h"
#include "service/stop_machine.h"

namespace rqsim::cpuhp {

// Paths, in the order of the PolicyInfo.
using hotplug::Ask;
using hotplug::Asked;
using hotplug::kControllerPath;
using hotplug::kOfflineOp;
using hotplug::kOnlineOp;
using hotplug::kReadLockOp;
using hotplug::kReadUnlockOp;
inline constexpr PathId kOpPath{5};
inline constexpr PathId kStatesPath{6};
inline constexpr PathId kThreadPath{7};
inline constexpr PathId kSmpbootPath{8};
inline constexpr PathId kApPath{9};
inline constexpr PathId kIdleDeadPath{10};
inline constexpr PathId kTakeDownPath{11};
inline constexpr PathId kToyUpPath{12};
inline constexpr PathId kToyDownPath{13};
inline constexpr PathId kRequestPath{14};
// 15 to 17 are those of hotplug_ops.h.
inline constexpr PathId kSetupStateOp{18};
inline constexpr PathId kRemoveStateOp{19};
inline constexpr PathId kAddInstanceOp{20};
inline constexpr PathId kRemoveInstanceOp{21};

// Declared events, by index; the first ones are those of hotplug_ops.h.
inline constexpr int kNotVacatedEvent = 3;
inline constexpr int kDeadFailedEvent = 4;
inline constexpr int kTimeoutEvent = 5;
inline constexpr int kRemovalFailedEvent = 6;

enum class Sync : uint8_t { kDead, kKicked, kShouldDie, kAlive, kShouldOnline, kIsOnline };

// One callback for a CPU that is past its state: of an instance, or 0 of the state itself.
struct Single {
  int state = -1;  // -1: nothing of that kind
  int instance = 0;
  bool up = false;
};

// hotplug.md 5.2.
struct PerCpu {
  int state = kOffline, target = kOffline;
  int fail = -1;
  int last = -1;  // instance at which a state with several failed: where its undoing stops
  bool should_run = false, rollback = false, bringup = false;
  Single single;         // what the thread is to run by itself
  bool leaves = false;   // it is to go idle for the last time …
  bool is_dead = false;  // … and has (done_down)
  bool booted_once = false;
  bool toy_leaves = false;  // table toy: it goes offline when nothing is left on it
  Sync sync = Sync::kDead;
  int64_t result = 0;  // of the hotplug thread
  int64_t takedown_result = 0;
  TaskId thread;                // cpuhp/N
  std::vector<TaskId> smpboot;  // in the order in which they were registered
  TaskId parker;                // sleeps until a thread of the CPU has parked
  TaskId controller;            // sleeps until the thread, or the CPU, has done its part
};

class Cpuhp final : public hotplug::RequestedService {
 public:
  Cpuhp(const PolicyParams& params, const Limits& limits, Table table);

  HookMask Hooks() const override { return Hook::kOnStart | Hook::kSwitchedPath; }
  void OnStart(Kernel& kernel) override;
  bool Hotplug(Kernel& kernel, const HotplugSpec& request) override;
  PathCall SwitchedPath(Kernel& kernel, CpuId cpu, TaskId prev, TaskId next) override;
  void OnCall(Kernel& kernel, CpuId cpu, const Message& message) override;
  Next Step(Kernel& kernel, Frame& frame) override;
  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override;

 private:
  PerCpu& At(CpuId cpu) { return cpus_[cpu.index()]; }
  PerCpu& At(int64_t cpu) { return cpus_[static_cast<std::size_t>(cpu)]; }

  // --- cpuhp.cc
  // An operation that waits keeps new readers out.
  bool KeepsReadersOut() const { return is_locked() || !waiters().empty(); }
  Next ReaderStep(Kernel& kernel, Frame& frame);
  void Set(Kernel& kernel, int event, int64_t a, int64_t b, int64_t c = 0);

  // --- cpuhp_request.cc
  Next CarryOut(Kernel& kernel, Frame& frame, const Asked& asked) override;
  Next TaskOp(Kernel& kernel, Frame& frame, CpuId cpu, bool up) override;
  bool WaitsForReaders(const Waiter&) const override { return true; }
  bool BeginByItself(Kernel& kernel, const Asked& asked) override;
  CpuId ControllerCpu(const Kernel& kernel, const Asked& asked) const override;
  Next RequestStep(Kernel& kernel, Frame& frame);
  Next NextOfRequest(Kernel& kernel, Frame& frame);
  static CpuId PrimaryCpu(const Kernel& kernel);
  int64_t SetFail(CpuId cpu, int state);
  int64_t Check(Kernel& kernel, CpuId cpu, int target);
  bool IsSecondary(const Kernel& kernel, CpuId cpu) const;
  bool HasSecondary(const Kernel& kernel, const CpuSet& cpus) const;
  bool IsBootable(const Kernel& kernel, CpuId cpu) const;

  // --- cpuhp_op.cc
  Next OpStep(Kernel& kernel, Frame& frame);
  Next BeginDown(Kernel& kernel, Frame& frame);
  Next BeginUp(Kernel& kernel, Frame& frame);
  Next ThreadDone(Kernel& kernel, Frame& frame);
  Next DownRest(Kernel& kernel, Frame& frame);
  Next EndOp(Frame& frame, int64_t result);
  int SetState(Kernel& kernel, CpuId cpu, int target);
  void ResetState(Kernel& kernel, CpuId cpu, int old);
  void Kick(Kernel& kernel, CpuId cpu, TaskId controller);
  void EmitKick(Kernel& kernel, CpuId cpu, int old);
  void EmitKickOver(Kernel& kernel, const Frame& frame);
  Next RunStates(StepId then, CpuId cpu, int limit, bool up, bool atomic);

  // --- cpuhp_states.cc
  Next StatesStep(Kernel& kernel, Frame& frame);
  Next NextState(Kernel& kernel, Frame& frame);
  Next BeginCallback(Kernel& kernel, Frame& frame);
  Next NextInstance(Kernel& kernel, Frame& frame);
  Next InstanceDone(Kernel& kernel, Frame& frame);
  Next NextDeclared(Kernel& kernel, Frame& frame, int position);
  Next EndCallback(Kernel& kernel, Frame& frame, int64_t result);

  // --- cpuhp_effect.cc
  Next Effect(Kernel& kernel, Frame& frame);
  Next EffectStep(Kernel& kernel, Frame& frame);
  Next Activate(Kernel& kernel, Frame& frame);
  Next Deactivate(Kernel& kernel, Frame& frame);
  Next WaitEmpty(Kernel& kernel, Frame& frame);
  void AddThreads(const Kernel& kernel, CpuId cpu);
  void ReportNotVacated(Kernel& kernel, CpuId cpu);
  Next Park(Kernel& kernel, Frame& frame);
  Next Unpark(Kernel& kernel, Frame& frame);
  Next Bringup(Kernel& kernel, Frame& frame);
  Next BringupStep(Kernel& kernel, Frame& frame);
  Next Takedown(Kernel& kernel, Frame& frame);
  Next TakedownStep(Kernel& kernel, Frame& frame);
  void StartAp(Kernel& kernel, CpuId cpu, Cycles after);
  CpuId TimersTo(const Kernel& kernel, CpuId from) const;

  // --- cpuhp_register.cc
  Next RegisterStep(Kernel& kernel, Frame& frame);
  Next NextServed(Kernel& kernel, Frame& frame);
  Next IssueCall(Kernel& kernel, Frame& frame, CpuId cpu);
  Next CallDone(Kernel& kernel, Frame& frame, int64_t result);
  Next EndRegister(Kernel& kernel, Frame& frame);
  void EnterSingle(Kernel& kernel, CpuId cpu, const Single& single);
  int64_t ExitSingle(Kernel& kernel, CpuId cpu, const Single& single);

  // --- cpuhp_cpu.cc
  Next ThreadStep(Kernel& kernel, Frame& frame);
  Next SmpbootStep(Kernel& kernel, Frame& frame);
  Next ApStep(Kernel& kernel, Frame& frame);
  Next IdleDeadStep(Kernel& kernel, Frame& frame);
  Next TakeDownStep(Kernel& kernel, Frame& frame);
  Next ToyStep(Kernel& kernel, Frame& frame);
  void ToyBegin(Kernel& kernel, CpuId cpu, bool up, TaskId waiter);
  void ToyDone(Kernel& kernel, CpuId cpu, int64_t result);
  Next NextToyCallback(Kernel& kernel, Frame& frame);
  RunMode ModeOf(const Frame& frame) const;

  Table table_;
  StopMachine stop_;
  bool is_toy_ = false, is_parallel_ = false, is_split_ = false, has_smt_ = true;
  bool blocks_offline_ = true, needs_other_hk_ = false, can_offline_ = true;
  bool has_state_control_ = true;
  Cycles c_lock_, c_unlock_, c_sync_, c_park_, c_unpark_, c_stage_, c_boot_, c_disable_,
      c_idle_dead_, c_die_, c_rcu_mig_;
  bool disable_fails_ = false, boot_hangs_ = false, die_hangs_ = false;
  bool waits_empty_ = true;
  bool parks_ = true;
  Cycles sync_limit_;  // how long somebody waits for a CPU to be alive, or dead
  std::vector<PerCpu> cpus_;
  int disabled_ = 0;
  bool is_frozen_ = false;  // tasks_frozen
  bool is_wakeup_pending_ = false;
  CpuSet frozen_;
  CpuSet stop_cpus_;
  int op_id_ = 0;
  TaskId toy_waiter_;
  int64_t toy_result_ = 0;
};

}  // namespace rqsim::cpuhp

#endif  // RQSIM_POLICIES_SERVICE_CPUHP_H_
