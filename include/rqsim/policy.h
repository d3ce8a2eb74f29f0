// What a policy is: paths made of steps, and a table that says what it has. The five seams it can
// sit in are in seams.h.
//
// A path is a list of numbered steps that a task executes on the policy's behalf: a lock operation,
// a system call, a kthread's main loop, a hotplug callback. Each step is one atomic transition: its
// cost has been spent when Step() makes its effect, and other CPUs can look in between. A path can
// block, spin, send an IPI and wait, and go on from there.
#ifndef RQSIM_POLICY_H_
#define RQSIM_POLICY_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/scenario.h"
#include "rqsim/time.h"
#include "rqsim/user_world.h"

namespace rqsim {

// One activation of a path. Plain data on a short per-task stack that the machine owns: copyable,
// hashable.
struct Frame {
  PolicyId policy;
  PathId path;
  StepId step;
  TaskId task;         // who executes it; kIdleTask on an idle CPU
  CpuId cpu;           // where, as of the present step
  int64_t r[6] = {};   // the path's registers; arguments come in r[0] …
  int64_t result = 0;  // what the last Call, CallCpu, Spin or Block of this frame came back with
};

// Results in Frame::result and Return.
inline constexpr int64_t kEPERM = -1;
inline constexpr int64_t kESRCH = -3;
inline constexpr int64_t kEINTR = -4;
inline constexpr int64_t kEIO = -5;
inline constexpr int64_t kENXIO = -6;
inline constexpr int64_t kEAGAIN = -11;
inline constexpr int64_t kENOMEM = -12;
inline constexpr int64_t kEACCES = -13;
inline constexpr int64_t kEFAULT = -14;
inline constexpr int64_t kEBUSY = -16;
inline constexpr int64_t kEEXIST = -17;
inline constexpr int64_t kEINVAL = -22;
inline constexpr int64_t kENOSPC = -28;
inline constexpr int64_t kERANGE = -34;
inline constexpr int64_t kEDEADLK = -35;
inline constexpr int64_t kENOSYS = -38;
inline constexpr int64_t kEOPNOTSUPP = -95;
inline constexpr int64_t kETIMEDOUT = -110;
inline constexpr int64_t kECANCELED = -125;
std::string_view ErrnoName(int64_t result);  // "-EINTR"; "" if it is not one of these

// What a spinner watches. It looks again (Step) when one of these changes.
struct Watch {
  LockId lock;               // the lock word
  WordId word;               // a word of user memory
  TaskId task;               // on_cpu or state of that task
  bool need_resched = true;  // a reschedule request of its own CPU
  bool interrupt = false;    // the end of any interrupt handled on its own CPU
  Time until = kNever;       // and at this instant at the latest
};

// What a path does next; the machine does it. Made with the functions below. `step` is the step
// whose effect Step() is asked for when that is over.
struct Next {
  enum class Kind : uint8_t {
    kRun,
    kBlock,
    kSpin,
    kSchedule,
    kCallCpu,
    kSwitchTo,
    kCall,
    kGrace,
    kStop,
    kToUser,
    kReturn,
    kDie,
  };
  Kind kind = Kind::kReturn;
  RunMode mode = RunMode::kKernel;
  TaskState state = TaskState::kRunning;
  bool wait = true;
  bool cond_resched = false;
  StepId step;
  Cycles cycles;
  Time timeout = kNever;
  Watch watch;
  Time since;  // spin: looks happen at since + k * poll
  TaskId task;
  CpuId cpu;
  const CpuSet* cpus = nullptr;
  Message message;
  PolicyId policy;
  PathId path;
  int64_t args[6] = {};
  int64_t result = 0;

  // Spends `cycles` (>= 0) in `mode`. Zero cycles: Step() is called at once; with `cond_resched`
  // set in the answer even that is a preemption point.
  static Next Run(StepId step, Cycles cycles, RunMode mode) {
    Next n;
    n.kind = Kind::kRun;
    n.step = step;
    n.cycles = cycles;
    n.mode = mode;
    return n;
  }
  // schedule() now, as a sleeper of `state`. Step() when it runs again, with result 0, kEINTR (a
  // signal that `state` lets through) or kETIMEDOUT. A wake-up that comes between this answer and
  // the switch is not lost.
  static Next Block(StepId step, TaskState state, Time timeout = kNever) {
    Next n;
    n.kind = Kind::kBlock;
    n.step = step;
    n.state = state;
    n.timeout = timeout;
    return n;
  }
  // The same for `length` cycles (> 0) from the instant at which it goes off its CPU: what a device
  // takes that is started on the way to sleep.
  static Next BlockFor(StepId step, TaskState state, Cycles length) {
    Next n = Block(step, state);
    n.cycles = length;
    return n;
  }
  // Burns cycles with preemption off until something watched changes; then Step(). One segment
  // however long. `poll` > 0: changes are noticed at the next of since + poll, since + 2 * poll …;
  // 0: at the instant itself. With `cond_resched` it is preemptible whatever the preemption mode.
  static Next Spin(StepId step, const Watch& watch, Cycles poll, Time since,
                   bool cond_resched = false) {
    Next n;
    n.kind = Kind::kSpin;
    n.step = step;
    n.watch = watch;
    n.cycles = poll;
    n.since = since;
    n.cond_resched = cond_resched;
    n.mode = cond_resched ? RunMode::kKernel : RunMode::kKernelNoPreempt;
    return n;
  }
  // schedule() while runnable (state R: keeps its place as its class says).
  static Next Schedule(StepId step) {
    Next n;
    n.kind = Kind::kSchedule;
    n.step = step;
    return n;
  }
  // Sends `message` to OnCall of its policy on `cpu`; with `wait` spins until that handler has
  // ended. result: 0, or kENXIO at once if the CPU is offline.
  static Next CallCpu(StepId step, CpuId cpu, const Message& message, bool wait) {
    Next n;
    n.kind = Kind::kCallCpu;
    n.step = step;
    n.cpu = cpu;
    n.message = message;
    n.wait = wait;
    return n;
  }
  // Hands this CPU directly to `task` (which must be asleep and allowed here) and blocks in
  // `state`; the class is told, not asked. Costs `cycles` instead of wake-up and switch.
  static Next SwitchTo(StepId step, TaskId task, TaskState state, Cycles cycles) {
    Next n;
    n.kind = Kind::kSwitchTo;
    n.step = step;
    n.task = task;
    n.state = state;
    n.cycles = cycles;
    return n;
  }
  // Runs another path on top; its Return comes back in `result`.
  static Next Call(StepId step, PolicyId policy, PathId path, std::span<const int64_t> args = {}) {
    Next n;
    n.kind = Kind::kCall;
    n.step = step;
    n.policy = policy;
    n.path = path;
    for (std::size_t i = 0; i < args.size() && i < 6; ++i) n.args[i] = args[i];
    return n;
  }
  // Sleeps until a grace period is over: at least `at_least` cycles, and every section with
  // preemption off that is open now (synchronize_rcu()).
  static Next Grace(StepId step, Cycles at_least) {
    Next n;
    n.kind = Kind::kGrace;
    n.step = step;
    n.cycles = at_least;
    return n;
  }
  // stop_machine(): every CPU of `cpus` runs `path` of `policy` in its stop task; Step() when all
  // have ended. `cpus` must be the policy's own: the machine reads it after Step() has returned.
  static Next Stop(StepId step, const CpuSet& cpus, PolicyId policy, PathId path) {
    Next n;
    n.kind = Kind::kStop;
    n.step = step;
    n.cpus = &cpus;
    n.policy = policy;
    n.path = path;
    return n;
  }
  // Leaves the kernel: a pending reschedule, the services' paths and signals first, then c_sysret.
  // Step() in user mode.
  static Next ToUser(StepId step) {
    Next n;
    n.kind = Kind::kToUser;
    n.step = step;
    return n;
  }
  static Next Return(int64_t result) {
    Next n;
    n.kind = Kind::kReturn;
    n.result = result;
    return n;
  }
  // The task ends here (do_exit()).
  static Next Die() {
    Next n;
    n.kind = Kind::kDie;
    return n;
  }
};

// A path that a hook wants executed, or none.
struct PathCall {
  PathId path;  // invalid: none
  int64_t args[4] = {};
  static PathCall None() { return PathCall(); }
  static PathCall To(PathId path, int64_t arg0 = 0, int64_t arg1 = 0) {
    PathCall call;
    call.path = path;
    call.args[0] = arg0;
    call.args[1] = arg1;
    return call;
  }
};

// --- PolicyInfo: what a policy declares ----------------------------------------------------------

enum class Seam : uint8_t {
  kSchedClass,
  kLockProtocol,
  kPlacement,
  kKernelService,
  kUserScheduler
};
std::string_view SeamName(
    Seam seam);  // the key in a policy set: class lock placement services user

enum class ParamKind : uint8_t {
  kInteger,
  kCycles,
  kBool,
  kEnum,
  kStringList,
  kCpu,  // the number of a CPU of the machine, which a scenario is checked for; -1: none
};

// A parameter of a policy in a policy set. Costs are parameters of kind kCycles.
struct ParamInfo {
  std::string_view name;
  ParamKind kind = ParamKind::kInteger;
  int64_t default_value = 0;  // integer, cycles (at clock_hz 10^9 when `ns` is set), bool, CPU
  int64_t min = 0;
  int64_t max = INT64_MAX;
  std::string_view default_text = {};  // enum
  std::string_view allowed = {};       // enum, string list: words separated by spaces
  std::string_view summary = {};       // one line: what it does, where it comes from
  bool ns = false;                     // kCycles: default_value is in ns, converted with clock_hz
};

struct StepInfo {
  std::string_view name;  // "L4", "K5": appears in traces, and is what a window fault holds
};
struct PathInfo {
  std::string_view name;
  std::span<const StepInfo> steps = {};
};

// A tracepoint of the policy's own. Fields 1 and 2 are 64 bits wide, 3 to 6 32 bits.
struct EventFieldInfo {
  std::string_view name;
  FieldKind kind = FieldKind::kInteger;
  // kSymbol: appends what the value means. A plain function, so that tables stay constant.
  void (*text)(int64_t value, std::string& out) = nullptr;
};
struct EventInfo {
  std::string_view name;  // with the family's prefix: "umcg_block"
  std::span<const EventFieldInfo> fields = {};
  std::string_view summary = {};
  bool in_digest = true;
};

// What an operation is to the program that performs it.
enum class OpRole : uint8_t {
  kPlain,
  kSectionBegin,  // what follows, up to the next kSectionEnd, can be aborted (Kernel::SetAbort);
                  // its argument `on_abort` says where the program goes on: there, or behind the
                  // end
  kSectionEnd,
  kPercpu,  // stands for several operations: PercpuRule
};

// An operation for task programs that this policy brings.
struct ServiceOpInfo {
  std::string_view name;     // "umcg_wait"
  PathId path;               // executed by the task
  bool pays_syscall = true;  // c_syscall before, c_sysret after
  // Its arguments in the order of r[0] …, separated by spaces: names of integers, lengths, tasks or
  // flags ("cpu"), or of words with what they may be ("guard:none|cpu_id", passed as its position).
  // One that is not given is 0. The first may be given alone: {"pair": 1}.
  std::string_view args = {};
  OpKind without = OpKind::kRun;  // what it means when its service is absent; kRun = nothing
  OpRole role = OpRole::kPlain;
  std::string_view summary = {};
};

struct KthreadInfo {
  std::string_view name;  // with /N appended when per CPU
  PathId path;            // its main loop; r[0] = CPU
  bool per_cpu = false;   // one per possible CPU, bound to it
  bool starts_parked = false;
  // It exists before the run and sleeps at step 0 of its path; parked where its CPU is offline.
  // Else it is made at instant 0.
  bool starts_asleep = false;
  // Per CPU, and yet an ordinary kernel thread that is bound there at first: pushed off a CPU that
  // goes offline, and not parked where it is. Its service binds it anew.
  bool may_leave = false;
  SchedPolicy policy = SchedPolicy::kFifo;
  int priority = 99;
};

struct TimerInfo {
  std::string_view name;
  bool per_cpu = false;  // one per CPU; else one per task
  // The donor of the CPU is charged before OnTimer whatever its class, the idle task too. Else only
  // a donor of the timer's own class.
  bool charges_donor = false;
  // Nobody waits for it: where only such timers and ticks are left and every task sleeps, nothing
  // more will happen.
  bool is_background = false;
};

// A hotplug state of this policy: paths executed by whoever runs the hotplug steps; r[0] = CPU,
// result 0 or an errno.
struct HotplugCallbackInfo {
  std::string_view name;
  int state = 0;         // its number among the hotplug states
  PathId startup = {};   // invalid: none
  PathId teardown = {};  // invalid: none
};

// How a program updates the data of a CPU under this service (the operation `percpu`): operations
// of the service around an rseq critical section.
struct PercpuRule {
  std::string_view enter = {};  // its argument is the CPU; "": the service has no rule
  std::string_view leave = {};  // "": nothing
  bool tries_native = false;    // first a critical section as if on that CPU, without the service
  int8_t guard = 0;             // of rseq_begin: 0 none, 1 cpu_id, 2 if_online
  bool restarts = false;        // an aborted section goes back to `enter`
};

struct FaultInfo {
  std::string_view name;  // "proxy.skip_owner_recheck"
  std::string_view summary = {};
  std::string_view caught_by = {};  // the invariant that reports it, or the metric that shows it
  // Names of its arguments, separated by spaces. With `at` and `cpu` among them it happens at an
  // instant, as a completed step of that CPU: Policy::OnFault. `task` is a task; the others are
  // numbers, words or true and false.
  std::string_view args = {};
};

struct MetricInfo {
  std::string_view name;
  std::string_view summary = {};
};

// The constant table beside a policy's factory. The registry shows it, the reader validates by it,
// `rqsim list` and the schema print it, the machine allocates from it.
struct PolicyInfo {
  std::string_view name = {};
  Seam seam = Seam::kSchedClass;
  std::string_view summary = {};  // one line
  std::string_view source = {};   // mail thread, or Linux 7.2 file and function
  std::span<const ParamInfo> params = {};
  std::span<const PathInfo> paths = {};
  std::span<const EventInfo> events = {};
  std::span<const ServiceOpInfo> ops = {};
  std::span<const KthreadInfo> kthreads = {};
  std::span<const TimerInfo> timers = {};
  std::span<const HotplugCallbackInfo> hotplug = {};
  std::span<const FaultInfo> faults = {};
  std::span<const MetricInfo> metrics = {};
  // Services: takes the scenario's hotplug requests. A set without one gets `cpuhp` if it needs
  // one.
  bool runs_hotplug = false;
  int words_per_task = 0;       // words of user memory, one page per task
  uint32_t sched_policies = 0;  // classes: bit per SchedPolicy it schedules
  // Services with groups of servers and workers: what the user code of a server is, and where a
  // worker sleeps that starts parked; r[0] = its group.
  PathId server_path = {};
  PathId parked_path = {};
  std::string_view serves = {};  // classes: the weaker one it runs through a server if it starves
  // Lock protocols: a waiter may stay on its runqueue as a donor, and the checkers of proxy
  // execution (proxy-exec.md 11) hold the run to that.
  bool has_donors = false;
  PercpuRule percpu = {};
  bool implicit = false;  // services: part of a run, after the set's own, if programs use its
                          // operations
};

// Parameters of a policy in effect: every declared one has a value.
class PolicyParams {
 public:
  // `faults`: names of those that are on in this run, also of other policies.
  PolicyParams(const PolicyInfo& info, std::span<const std::pair<std::string, ParamValue>> given,
               int64_t clock_hz, std::span<const std::string> faults = {});
  // Precondition of all: `name` is declared with a fitting kind.
  int64_t Integer(std::string_view name) const;
  Cycles Length(std::string_view name) const { return Cycles(Integer(name)); }
  bool Flag(std::string_view name) const { return Integer(name) != 0; }
  std::string_view Text(std::string_view name) const;
  bool Lists(std::string_view name, std::string_view word) const;  // string list contains word
  const std::vector<std::string>& List(
      std::string_view name) const;  // string list, empty if not given
  // Whether a fault that this policy declares is on. A policy keeps the answer in a plain struct,
  // all off, and reads each of its members at exactly one place.
  bool Fault(std::string_view name) const;
  // Whether the policy set states it, rather than the default: a stated cost overrides a preset.
  bool Given(std::string_view name) const {
    for (const auto& [key, value] : given_) {
      if (key == name) return true;
    }
    return false;
  }

 private:
  const ParamInfo& Find(std::string_view name) const;
  const PolicyInfo* info_;
  std::vector<std::pair<std::string, ParamValue>> given_;
  int64_t clock_hz_;
  std::vector<std::string> faults_;
};

// Sizes a policy allocates its arrays from, once, and what it starts with.
struct Limits {
  PolicyId self;  // this policy's id in the run
  int num_cpus = 0;
  int num_tasks = 0;  // capacity: declared, policies' own and spare ones, and the idle task
  int num_locks = 0;
  int64_t clock_hz = 1'000'000'000;
  Cycles tick;
  uint64_t seed = 0;
  KernelVersion kernel = KernelVersion::k7_2;
  // How long the machine has been up and idle, without ticks, before instant 0 (machine.md 14);
  // zero: it comes up at 0. Cpu::idle_since says the same of each CPU.
  Cycles idle_before;
  int sched_class = -1;             // classes: its place among the run's classes, strongest first
  int served_class = -1;            // classes: that of the class it serves; -1: it is not there
  const UserWorld* user = nullptr;  // valid during the factory's call only; null: nobody cares
  // services: the first of the kthreads it declares; the others follow, per-CPU ones by CPU.
  TaskId first_kthread;
};

// For `explain`, failed checks and state expectations: a policy's own state as names and integers.
class StateWriter {
 public:
  virtual ~StateWriter() = default;
  virtual void Field(std::string_view name, int64_t value) = 0;
  // A word of the task's user memory as people read it: "state", "RUNNING|LOCKED".
  virtual void Word(std::string_view, std::string_view) {}
};

enum class TaskChange : uint8_t { kNew, kExec, kExiting, kDead, kAffinity, kSched };

// The base of every seam.
class Policy {
 public:
  virtual ~Policy() = default;

  // When:    a task (or an idle CPU) has spent what came before frame.step of one of this policy's
  // paths. State:   frame.task executes on frame.cpu; frame.result holds what the last Call, Block,
  // Spin or CallCpu gave. May:     change words and its own state, make requests. One atomic
  // transition: the effect of frame.step. Returns: what the path does next. Setting frame.step is
  // not needed, the answer names the next step. Default: none for a policy with paths; a policy
  // without paths is never asked (the default returns).
  virtual Next Step(Kernel& kernel, Frame& frame);

  // When:    once, at instant 0, before anything happens. State:   all CPUs idle; tasks that exist
  // have their attributes, none is queued. May:     timers. Default: nothing (mask bit kOnStart).
  virtual void OnStart(Kernel& kernel);

  // When:    a timer it armed expired, in the timer interrupt of the CPU it was armed on.
  // State:   the timer is not queued any more; kernel.now() is its expiry, or later if interrupts
  // were off. May:     any request; wake-ups cost nothing here. Default: nothing. Never called when
  // no timers are declared.
  virtual void OnTimer(Kernel& kernel, TimerRef timer, CpuId cpu);

  // When:    a function-call IPI for it is handled on `cpu`, interrupts off (Linux 7.2
  // kernel/smp.c). State:   whatever ran on `cpu` is interrupted. May:     any request; wake-ups
  // cost nothing here. Default: nothing. Never called when it sends none.
  virtual void OnCall(Kernel& kernel, CpuId cpu, const Message& message);

  // When:    the instant of a fault with arguments that this policy declares has come.
  // State:   between two events; it counts as a completed step of the CPU it names. May: change
  // words, any request. `index` is its place in UserWorld::faults. Default: nothing.
  virtual void OnFault(Kernel& kernel, int index);

  // When:    a task was made, executed a new program, begins to exit, is dead, or its attributes or
  // affinity changed. State:   the change has been made; a dead task is on no runqueue. May: any
  // request. Default: takes no notice (mask bit kOnTask).
  virtual void OnTask(Kernel& kernel, TaskId task, TaskChange change);

  // Whether a callback that it declares is there in this run.
  // When:    once, at the creation of the run. State: nothing exists yet. May: nothing.
  // Returns: false where its parameters leave the callback out. Default: it is there.
  virtual bool HasHotplugCallback(const HotplugCallbackInfo& info, bool startup) const;

  // When:    a check failed, `explain` asks, or a scenario expects a state at an instant; never on
  // the hot path. State:   any. May: read its own state only. Default: it has nothing to show.
  virtual void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const;
};

}  // namespace rqsim

#endif  // RQSIM_POLICY_H_
