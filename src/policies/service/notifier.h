// CPU hotplug as it was in 2012: chains of notifiers, as a class; what it is about stands in
// notifier.cc.
//
//   notifier.cc        the table of the service, locks, registration
//   notifier_request.cc  requests of the scenario and who carries them out, freeze and thaw
//   notifier_chain.cc  the notifiers: their order, their attributes, what a call of one does
//   notifier_op.cc     one operation step by step, as its controller executes it
//   notifier_cpu.cc    what the CPU itself does: stop task, idle loop, its threads
//   notifier_rcu.cc    what RCU is asked in particular: its core, its callbacks
#ifndef RQSIM_POLICIES_SERVICE_NOTIFIER_H_
#define RQSIM_POLICIES_SERVICE_NOTIFIER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/seams.h"
#include "service/hotplug_requests.h"
#include "service/param_texts.h"
#include "service/stop_machine.h"

namespace rqsim::notifier {

using hotplug::Ask;
using hotplug::Asked;
using hotplug::kControllerPath;
using hotplug::kOfflineOp;
using hotplug::kOnlineOp;
using hotplug::kReadLockOp;
using hotplug::kReadUnlockOp;
inline constexpr PathId kRegisterOp{5};
inline constexpr PathId kInitOp{6};
inline constexpr PathId kTouchOp{7};
inline constexpr PathId kDownPath{8};
inline constexpr PathId kUpPath{9};
inline constexpr PathId kChainPath{10};
inline constexpr PathId kThreadPath{11};
inline constexpr PathId kStopPath{12};
inline constexpr PathId kIdlePath{13};
inline constexpr PathId kStartPath{14};
// 15 to 17 are those of hotplug_ops.h.
inline constexpr PathId kUnregisterOp{18};
inline constexpr PathId kRegisterHotcpuOp{19};
inline constexpr PathId kUnregisterHotcpuOp{20};
inline constexpr PathId kCallRcuOp{21};
inline constexpr PathId kFreezePath{22};

// hotplug.md 4.1.
enum class Event : int {
  kOnline = 2,
  kUpPrepare = 3,
  kUpCanceled = 4,
  kDownPrepare = 5,
  kDownFailed = 6,
  kDead = 7,
  kDying = 8,
  kPostDead = 9,
  kStarting = 10,
  // The extra round of `help_idle: notifiers`; the kernel never had it.
  kDown = 11,
};
// Added to an event of suspend and resume (CPU_TASKS_FROZEN).
inline constexpr int64_t kTasksFrozen = 0x10;

enum class Access : uint8_t { kPercpu, kLocked, kAtomic, kNonatomicRmw, kUnknown };
// What the DYING notifier of a subsystem touches, as the thread of April 2012 found them in 3.2
// (hotplug.md 4.5); percpu for all others.
Access AccessByDefault(std::string_view name);

struct Notifier {
  std::string name;
  int64_t priority = 0;
  Cycles cost, dying_cost;
  uint32_t bad = 0;  // events at which it returns BAD, a bit each
  Access access = Access::kPercpu;
  bool is_registered = true;
  // Its own view of each CPU is that of `online`, but changed by its own callbacks only.
  std::vector<bool> sees;
  std::vector<Time> off_since;  // when it withdrew its service
  std::vector<int> setups;      // times it was set up for a CPU
};

// "scheduler rcu": the first uses the second.
struct Dependency {
  int user = 0, used = 0;
};

// The notifiers of a run, and in which order each event reaches them.
class Chain {
 public:
  // `texts`: "name priority=10 cost=3 bad=dying,dead access=nonatomic_rmw registered=0"; empty: the
  // eight of a kernel of 2012. Appends what is wrong with them.
  void Build(const std::vector<std::string>& texts, Cycles c_cb, int num_cpus,
             std::vector<ParamProblem>& problems);
  std::vector<Dependency> DependenciesOf(const std::vector<std::string>& texts,
                                         std::vector<ParamProblem>& problems) const;
  // By position in the chain. With `mirrored` events of the way down come in reverse.
  int OrderOf(int position, bool down) const;
  int size() const { return static_cast<int>(order_.size()); }
  Notifier& at(int index) { return notifiers_[static_cast<std::size_t>(index)]; }
  const Notifier& at(int index) const { return notifiers_[static_cast<std::size_t>(index)]; }
  int num_notifiers() const { return static_cast<int>(notifiers_.size()); }
  int Find(std::string_view name) const;
  void SetMirrored(bool mirrored);
  void Register(int index);
  void Unregister(int index);

 private:
  void Sort();

  std::vector<Notifier> notifiers_;  // in the order in which they were registered
  std::vector<int> order_;           // those registered, as the chain has them
  bool is_mirrored_ = false;
};

// One CPU that goes or comes.
struct Operation {
  CpuId cpu;
  bool up = false;
  bool is_frozen = false;  // a step of freeze or thaw
  int id = 0;
};
// Where a thread is that is bound to a CPU.
enum class Place : uint8_t { kHere, kParked, kElsewhere, kStopped };

inline constexpr int kMaxThreads = 3;

class Notifier2012 final : public hotplug::RequestedService {
 public:
  Notifier2012(const PolicyParams& params, const Limits& limits, Chain chain);
  void SetDependencies(std::vector<Dependency> dependencies) {
    dependencies_ = std::move(dependencies);
  }

  HookMask Hooks() const override { return Hook::kOnStart | Hook::kSwitchedPath; }
  void OnStart(Kernel& kernel) override;
  bool Hotplug(Kernel& kernel, const HotplugSpec& request) override;
  PathCall SwitchedPath(Kernel& kernel, CpuId cpu, TaskId prev, TaskId next) override;
  Next Step(Kernel& kernel, Frame& frame) override;

 private:
  enum class KthreadMode : uint8_t { kTeardown, kMigrate, kPark, kFreeze };
  enum class HelpIdle : uint8_t { kNone, kIpi, kNotifiers };

  // --- notifier_request.cc
  void EmitNow(Kernel& kernel, HotplugPhase phase, int64_t result);
  bool AskGlobal(Kernel& kernel, std::string_view what);
  Next CarryOut(Kernel& kernel, Frame& frame, const Asked& asked) override;
  Next TaskOp(Kernel& kernel, Frame& frame, CpuId cpu, bool up) override;
  // A task has add_remove while there are readers, and waits for them then.
  bool WaitsForReaders(const Waiter& waiter) const override { return waiter.request >= 0; }
  void BeforeRelease(Kernel& kernel) override;
  void ReleaseHotplug(Kernel& kernel);
  Next FreezeStep(Kernel& kernel, Frame& frame);

  // --- notifier.cc
  Next ReaderStep(Kernel& kernel, Frame& frame);
  Next RegistrationStep(Kernel& kernel, Frame& frame);
  Next TouchStep(Kernel& kernel, Frame& frame);
  void CountSetups(Kernel& kernel, const Notifier& notifier);
  void CheckDeadlock(Kernel& kernel);
  void Set(Kernel& kernel, int event, int64_t a, int64_t b, int64_t c, int64_t d = 0);

  // --- notifier_chain.cc
  Next ChainStep(Kernel& kernel, Frame& frame);
  Next NextNotifier(Kernel& kernel, Frame& frame);
  void Called(Kernel& kernel, const Frame& frame, Event event, Notifier& notifier, int index);
  void EndDyingAccess(Kernel& kernel, Notifier& notifier, CpuId cpu);
  Next CallChain(StepId then, Event event, CpuId cpu, int limit, bool atomic);
  void ReportWindows(Kernel& kernel, CpuId cpu);

  // --- notifier_op.cc
  int64_t Check(Kernel& kernel, const Operation& operation);
  Next DownStep(Kernel& kernel, Frame& frame);
  Next AfterDownPrepare(Kernel& kernel, Frame& frame);
  Next Park(Kernel& kernel, Frame& frame, StepId again);
  Next Remove(Kernel& kernel, Frame& frame);
  Next NotDisabled(Kernel& kernel, Frame& frame);
  void ClearOnline(Kernel& kernel, CpuId cpu);
  Next IdleLoopStep(Kernel& kernel, Frame& frame);
  Next AfterDeath(Kernel& kernel, Frame& frame);
  Next UpStep(Kernel& kernel, Frame& frame);
  Next PrepareThreads(Kernel& kernel, Frame& frame);
  Next StartCpu(Kernel& kernel, Frame& frame);
  TaskId ThreadAt(CpuId cpu, int64_t k) const {
    return threads_[cpu.index() * kMaxThreads + static_cast<std::size_t>(k)];
  }
  void ThreadsAre(Kernel& kernel, CpuId cpu, Place place);
  Next Unlock(Frame& frame, int64_t result, StepId step);
  int Stragglers(const Kernel& kernel, CpuId cpu) const;

  // --- notifier_rcu.cc
  bool HasRcuThreads() const;
  void SwitchRcuCore(Kernel& kernel, CpuId cpu, const Notifier& called, bool to_thread);
  Next CallRcuStep(Kernel& kernel, Frame& frame);
  void BeginRcuDying(Kernel& kernel, CpuId cpu);
  void EndRcuDying(Kernel& kernel, CpuId cpu);
  void AdoptOrphans(Kernel& kernel, CpuId to);

  // --- notifier_cpu.cc
  Next ThreadStep(Kernel& kernel, Frame& frame);
  Next StopStep(Kernel& kernel, Frame& frame);
  Next IdleStep(Kernel& kernel, Frame& frame);
  Next StartStep(Kernel& kernel, Frame& frame);

  Chain chain_;
  StopMachine stop_;
  KthreadMode kthread_mode_ = KthreadMode::kTeardown;
  HelpIdle help_idle_ = HelpIdle::kIpi;
  bool is_idle_loop_ = false, pushes_ = true, blocks_offline_ = true, clone_nodelay_ = false;
  bool boot_fails_ = false, is_atomic_ = false, rcu_waits_jiffy_ = false, has_hotplug_ = true;
  bool disable_fails_ = false, is_mirrored_ = false;
  bool rcu_in_thread_ = true, rcu_by_sched_ = false, rcu_orphans_ = false;
  bool rcu_core_stays_ = false, dying_irqs_on_ = false;  // faults
  int num_threads_ = 0;
  Cycles c_lock_, c_unlock_, c_sync_, c_park_, c_unpark_, c_freeze_, c_thaw_, c_create_, c_bash_,
      c_stop_thr_, c_stage_, c_boot_, c_disable_, c_die_, c_check_, c_poll_, jiffy_;
  std::vector<Dependency> dependencies_;

  std::vector<TaskId> threads_;  // by CPU, num_threads_ each
  TaskId parker_;                // sleeps until a thread has parked
  bool is_active_ = false;       // an operation has the hotplug lock
  int disabled_ = 0;
  int64_t writer_retries_ = 0;
  Operation now_;  // the one that is carried out
  CpuSet frozen_;
  CpuSet stop_cpus_;

  // The present operation.
  CpuId leaving_;            // goes offline when its idle loop sees the flag (idle-loop)
  bool is_stopped_ = false;  // … or has been taken down by its stop task
  Time ready_at_ = kNever;   // when its idle loop was ready
  bool came_online_ = false;
  Time ra_since_ = kNever;
  TaskId caller_;
  // The object that a DYING notifier and tasks share.
  int64_t object_ = 0, object_read_ = 0;
  bool object_is_read_ = false, object_race_ = false;
  // RCU callbacks by CPU, those that nobody has for now, and what was read of a list that gets
  // more.
  std::vector<int64_t> rcu_callbacks_;
  int64_t rcu_orphaned_ = 0, rcu_read_ = 0;
};

}  // namespace rqsim::notifier

#endif  // RQSIM_POLICIES_SERVICE_NOTIFIER_H_
