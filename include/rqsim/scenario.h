// A scenario as plain data: what a file says, with every default filled in and every unit converted
// to cycles. The reader (scenario_reader.h) makes it from JSON; an embedder fills it in code. Names
// are still names here: the simulation resolves them to ids when it is created. Formats: DESIGN
// section 6, `rqsim schema scenario`.
#ifndef RQSIM_SCENARIO_H_
#define RQSIM_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "rqsim/limits.h"
#include "rqsim/time.h"

namespace rqsim {

// Where something stands in its file; 0 when it was made in code. Lines and columns count from 1.
struct SourcePos {
  int line = 0;
  int column = 0;
  friend bool operator==(const SourcePos&, const SourcePos&) = default;
};

// ----------------------------------------------------------------------------------------------
// tasks

// The kernel's scheduling policies. kStop is the stop task's, kSwapper the idle task's; scenarios
// use the others.
enum class SchedPolicy : uint8_t { kNormal, kBatch, kIdle, kFifo, kRr, kDeadline, kStop, kSwapper };

// What sched_setattr() takes. A key that its policy does not use keeps its default.
struct SchedSpec {
  SchedPolicy policy = SchedPolicy::kNormal;
  int nice = 0;        // -20..19; fair policies
  int priority = 0;    // 0..99, larger is more important; fifo and rr (1..99), class `fifo` (0..99)
  Cycles slice;        // fair: custom request length in cycles; 0 = base slice
  Cycles dl_runtime;   // deadline: cycles
  Cycles dl_deadline;  // deadline: cycles, relative
  Cycles dl_period;    // deadline: cycles; 0 = same as dl_deadline
  bool dl_reclaim = false;  // deadline: may use what others leave over
  bool dl_overrun = false;  // deadline: overruns are counted
  bool reset_on_fork = false;
  friend bool operator==(const SchedSpec&, const SchedSpec&) = default;
};

// How a `run` executes (machine.md 2.4 and 3.1).
enum class RunMode : uint8_t {
  kUser,
  kKernel,
  kKernelNoPreempt,  // interrupts are taken, a reschedule waits for the end
  kIrqsOff,          // interrupts wait for the end
};

// The operations that the machine itself brings. Those of services are kService with a name.
// `rqsim list ops` and rqsim/ops.h have the table: form, cost, effect.
enum class OpKind : uint8_t {
  kRun,
  kRuntime,
  kSleep,
  kTimer,
  kLock,
  kUnlock,
  kTrylock,
  kWait,
  kSignal,
  kBroad,
  kSync,
  kBarrier,
  kSuspend,
  kResume,
  kSemPost,
  kSemWait,
  kYield,
  kBlock,
  kWake,
  kSetSched,
  kSetAffinity,
  kFork,
  kExec,
  kExit,
  kKill,
  kPreemptOff,
  kIrqsOff,
  kMigrateDisable,
  kMigrateEnable,
  kLoop,
  kService,
};

enum class TimerMode : uint8_t { kRelative, kAbsolute };
enum class SleepState : uint8_t { kInterruptible, kUninterruptible, kKillable, kIdle };
enum class LockWait : uint8_t { kUninterruptible, kInterruptible, kKillable };

// POSIX signals that matter here: any ordinary one ends an interruptible wait, kKill also a
// killable one.
enum class SignalKind : uint8_t { kOrdinary, kKill };

// One operation of a program. Which members count depends on `kind`; the others keep their
// defaults.
struct OpSpec {
  OpKind kind = OpKind::kRun;
  std::string name;      // lock, condvar, task, barrier, semaphore, timer, template, resource;
                         // kService: the operation
  std::string second;    // wait, sync: the mutex
  Cycles cycles;         // run, runtime, sleep, timer (period), preempt_off, irqs_off; block: how
                         // long the device takes from the instant it is off its CPU, 0 = till woken
  bool forever = false;  // run
  RunMode mode = RunMode::kUser;                // run
  std::optional<Time> until;                    // sleep: absolute wake-up time instead of a length;
                                                // block: give up then
  std::optional<Cycles> timeout;                // block, wait, sem_wait: give up after
  TimerMode timer_mode = TimerMode::kRelative;  // timer
  bool unique = false;                          // timer: one of its own per task
  LockWait lock_wait = LockWait::kUninterruptible;
  SleepState sleep_state = SleepState::kInterruptible;  // block
  SignalKind signal = SignalKind::kOrdinary;            // kill
  bool sync = false;              // wake: the waker is about to sleep (WF_SYNC)
  bool page_fault = false;        // block: entered by an exception, not by a system call
  Cycles kernel_tail;             // block: kernel work after the wait, cycles
  int64_t count = 1;              // loop: times, -1 = forever; block: waits in one system call
  SchedSpec sched;                // set_sched
  CpuSet cpus;                    // set_affinity
  std::vector<OpSpec> ops;        // loop: body; trylock: what is done when it got the lock
  std::vector<OpSpec> otherwise;  // trylock: what is done when it did not
  std::vector<std::pair<std::string, std::variant<int64_t, bool, std::string>>> args;  // kService
  SourcePos pos;
};

// How a worker comes into its group, where there is a service with groups.
enum class WorkerStart : uint8_t {
  kPlain,     // not at all, or by its program
  kParked,    // it is there, known to the servers and asleep, when the run begins
  kRegister,  // it registers first thing
};

// Which of the patterns of kthread-affinity.md 2 a kernel thread follows.
enum class KthreadKind : uint8_t {
  kUnbound,    // no CPUs of its own and no node
  kPerCpu,     // P1: its function runs on one CPU only; parked while that CPU is down
  kBound,      // P2: must stay in a set (kthread_bind_mask())
  kPreferred,  // P3: prefers a set (kthread_affine_preferred())
  kNode,       // P3: prefers the CPUs of the node it was created for
};
// Whose thread it is: what placement.kthread `manual` does with it (kthread-affinity.md 6).
enum class KthreadOwner : uint8_t { kNobody, kKswapd, kKcompactd, kRcu };
struct KthreadAffinity {
  KthreadKind kind = KthreadKind::kUnbound;
  CpuSet cpus;    // kPerCpu, kBound, kPreferred
  int node = -1;  // node it was created for; -1: none
  KthreadOwner owner = KthreadOwner::kNobody;
};

// A task, or only a template for `fork` (instances = 0), which makes further tasks of any of these.
struct TaskSpec {
  std::string name;
  bool kthread = false;
  int instances = 1;  // n > 1: named name-0 … name-(n-1)
  SchedSpec sched;
  std::optional<CpuSet> cpus;      // affinity; none = all possible CPUs
  std::optional<CpuId> start_cpu;  // default: the lowest allowed CPU that is online
  Time start;                      // spawned at, cycles
  int64_t loop = 1;                // whole program, -1 = forever
  std::vector<OpSpec> ops;
  std::optional<Cycles> deadline;  // user deadline of a job (release to end), for `deadline_misses`
  int64_t tid = 0;                 // what user memory calls it; 0 = the lowest number left over
  std::string process;             // its address space; a kthread borrows it
  bool basic = false;              // a registered server that never runs a worker
  WorkerStart worker_start = WorkerStart::kPlain;
  // Kernel threads: the first wake-up, where it is not at `start`, when the thread is created.
  std::optional<Time> first_wake;
  // Kernel threads. None: unbound, or with `cpus` left alone by whoever looks after affinities.
  std::optional<KthreadAffinity> affinity;
  std::optional<CpuSet> cpuset;  // the CPUs of the cpuset it is in; none: the root
  SourcePos pos;
};

// A server of a UMCG group: a task that exists only if the policy set has a service with servers.
struct UmcgServerSpec {
  std::string name;
  int64_t tid = 0;
  std::optional<CpuSet> cpus;
  SchedSpec sched;
  SourcePos pos;
};
struct UmcgGroupSpec {
  std::string name;
  std::string process;
  std::vector<UmcgServerSpec> servers;
  std::vector<std::string> workers;
  std::string scheduler;  // a user scheduler; the policy set's `user` comes first
  SourcePos pos;
};

// Something done from outside at an instant (phase EXT).
enum class ActionKind : uint8_t {
  kWake,
  kSignal,
  kSetAffinity,
  kSetSched,
  kAffinePreferred,        // kthread_affine_preferred()
  kAffinePreferredUpdate,  // kthread_affine_preferred_update()
  kBind,                   // kthread_bind_mask()
  kIsolate,                // the CPUs of isolated partitions are these, from now on
  kMoveToCpuset,
};
struct ActionSpec {
  Time at;
  ActionKind kind = ActionKind::kWake;
  std::string task;
  SignalKind signal = SignalKind::kOrdinary;
  CpuSet cpus;  // kMoveToCpuset: those of the cpuset; none: the root
  SchedSpec sched;
  SourcePos pos;
};

// A request to the hotplug service (phase EXT).
struct HotplugSpec {
  Time at;
  CpuSet cpus;  // none for what concerns all of them
  // offline, online, freeze, thaw, wakeup, disable, enable, smt_off, smt_on, "fail:" and a state,
  // or a state of the service: its number or its name.
  std::string to;
  std::optional<CpuId> on;  // where the controller runs; none: the lowest online CPU not meant
  SourcePos pos;
};

// ----------------------------------------------------------------------------------------------
// machine

// machine.md 3.2, in cycles. Names in files are the members' names.
struct MachineCosts {
  Cycles c_syscall, c_sysret, c_exc;
  std::optional<Cycles> c_exit;  // not given: c_syscall
  Cycles c_sched, c_ctx, c_ctx_mm;
  Cycles c_tick, c_timer, c_timer_each;
  Cycles c_wake, c_ipi_send, l_ipi, c_ipi_recv, c_ttwu_each;
  Cycles l_call, c_call;
  Cycles l_idle_poll;
  Cycles c_lb, c_lb_cpu;
  Cycles c_migrate_smt, c_migrate_llc, c_migrate_node, c_migrate_remote;
  Cycles c_stop;
  Cycles c_lock_remote;
};

struct CpuSpec {
  int capacity = 1024;  // 1..1024
  int node = 0;
  int llc = 0;
  int core = -1;     // CPUs of one core are SMT siblings; -1 = a core of its own
  int cluster = -1;  // CPUs of one cluster share an L2 cache; -1 = none but the CPUs of its core
  bool online = true;
};

enum class Nohz : uint8_t { kIdle, kOff };

// An idle state of the CPUs (machine.md 8).
struct IdleState {
  std::string name;
  Cycles exit_latency;      // what leaving it takes, before anything else is done
  Cycles target_residency;  // how long a stay must be for the oracle to choose it
  bool polling = false;     // the CPU watches its need_resched flag: no IPI is needed
  friend bool operator==(const IdleState&, const IdleState&) = default;
};
// Who chooses the idle state: always the same one, or an oracle that knows the next timer.
enum class IdleGovernor : uint8_t { kFixed, kOracle };
enum class IdleTick : uint8_t { kKeepOne, kStopAtOnce };
enum class Ties : uint8_t { kCompletionFirst, kTimersFirst };
enum class CpuChoice : uint8_t { kLowest, kRotate };
enum class SlackPolicy : uint8_t { kExact, kLate };
// What was before instant 0. kBoot: nothing; the machine comes up and tasks are new at their start.
// kRecorded: as before a recording (machine.md 14): the machine has been up and idle for
// kIdleTicksBeforeStart, tasks exist and sleep, and at their start they wake up.
enum class StartState : uint8_t { kBoot, kRecorded };
inline constexpr int kIdleTicksBeforeStart = 20;

struct MachineSpec {
  int64_t clock_hz = 1'000'000'000;
  int64_t hz = 250;
  bool tick = true;  // false: no periodic tick; TICK still follows from hz (lag limits, RR slices)
  std::vector<CpuSpec> cpus{CpuSpec{}};     // index = CPU number
  std::vector<std::vector<int>> distances;  // between nodes, a row each; empty: 10 and 20
  std::optional<CpuSet> housekeeping;       // none = all
  std::string cost_preset = "zero";
  MachineCosts costs;
  Nohz nohz = Nohz::kIdle;
  CpuSet nohz_full;
  IdleTick idle_tick = IdleTick::kKeepOne;
  bool skew_tick = false;
  Ties ties = Ties::kCompletionFirst;
  CpuChoice cpu_choice = CpuChoice::kLowest;
  StartState start_state = StartState::kBoot;
  // By CPU: what a rotating choice made there took last, before the start; CPU 0 where not given.
  std::vector<CpuId> cpu_choice_start;
  bool idle_poll = false;
  std::vector<IdleState> idle_states;  // shallow to deep; none: leaving idle takes no time
  IdleGovernor idle_governor = IdleGovernor::kOracle;
  int idle_fixed = 0;  // kFixed: index into idle_states
  bool irq_time_accounting = false;
  bool tick_elision = true;  // false: every tick is an event; nothing else changes
  SlackPolicy slack_policy = SlackPolicy::kExact;
  std::optional<int> limit_tasks;  // none = declared + kDefaultSpareTasks
  // Livelock: schedule() calls of one CPU at one instant, picks of one schedule() that were
  // discarded, moves of a donor without anybody at the end of its chain executing.
  int limit_instant_passes = kMaxSchedulesPerInstant;
  int limit_pick_again = kMaxPickAgain;
  int limit_proxy_hops = kMaxProxyHops;
};

// Length of a tick in cycles: floor((clock_hz + hz/2) / hz) (Linux include/vdso/jiffies.h in the
// scenario's clock).
inline Cycles TickLength(const MachineSpec& machine) {
  return Cycles((machine.clock_hz + machine.hz / 2) / machine.hz);
}

// How long the machine has been up and idle before instant 0.
inline Cycles IdleBeforeStart(const MachineSpec& machine) {
  if (machine.start_state == StartState::kBoot) return kZeroCycles;
  return TickLength(machine) * kIdleTicksBeforeStart;
}

// ----------------------------------------------------------------------------------------------
// policies

using ParamValue = std::variant<int64_t, bool, std::string, std::vector<std::string>>;

// One implementation of a seam with its parameters, e.g. {"name": "mutex", "spin": false}. Values
// are already checked against the policy's PolicyInfo; lengths are in cycles.
struct PolicyChoice {
  std::string name;
  std::vector<std::pair<std::string, ParamValue>> params;
  SourcePos pos;
};

struct FaultSpec {
  std::string name;            // a row of `rqsim list faults`, or "window"
  std::string at;              // window: name of the window or step
  std::string task;            // window: which task; empty = any
  int64_t nth = 1;             // window: which time it is reached, from 1
  std::optional<Cycles> hold;  // window: how long
  std::optional<Time> until;   // window: or until when
  std::vector<std::pair<std::string, std::variant<int64_t, bool, std::string>>> args;
  SourcePos pos;
};

// A named choice for every seam: what `compare` puts side by side. Seams left out come from
// `common`, then from the kernel preset (ResolvePolicySet in simulation.h).
struct PolicySet {
  std::string name;
  std::string preset;  // "", or a set-up of model/README section 4: C M MX PX UM PA HP KA
  std::string kernel;  // "": the scenario's; a set can differ, to compare kernels
  std::optional<PolicyChoice> sched_class;
  std::optional<PolicyChoice> lock;
  std::optional<PolicyChoice> placement;
  std::optional<std::vector<PolicyChoice>> services;
  std::optional<PolicyChoice> user;
  std::vector<FaultSpec> faults;
  SourcePos pos;
};

// ----------------------------------------------------------------------------------------------
// expectations

// How a run ended.
enum class Outcome : uint8_t { kDone, kUntil, kDeadlock, kLivelock, kLimit, kViolation, kKilled };

// A bound on a metric.
struct AssertSpec {
  std::string policy;           // set name; empty = every set
  std::string task, lock, cpu;  // at most one; none = a metric of the run
  std::string metric;
  std::optional<int64_t> min, max, equals;
  SourcePos pos;
};

// A cell of an expected timeline: `[start,end)curr/donor`.
struct ExpectCell {
  Time start;
  Time end = kNever;  // kNever: open to the end of the run
  std::string curr;   // task name; "-" idle; "off" offline
  std::string donor;  // task name; equal to curr when the cell names one
  friend bool operator==(const ExpectCell&, const ExpectCell&) = default;
};
struct ExpectLane {
  CpuId cpu;
  std::vector<ExpectCell> cells;
  SourcePos pos;
};
struct ExpectSwitch {
  Time at;
  std::string prev, next;  // prev empty: not stated
};
struct ExpectSwitchLane {
  CpuId cpu;
  std::vector<ExpectSwitch> switches;
  SourcePos pos;
};
using MetricValues = std::vector<std::pair<std::string, int64_t>>;
struct ExpectNamed {  // a task or a lock
  std::string name;
  MetricValues values;
  std::vector<std::pair<Time, std::string>> acquired;  // locks: "0 L, 6 H"
  bool states_acquired = false;
  SourcePos pos;
};
struct ExpectReturn {
  std::string task, op;
  Time at;
  std::string value;  // "0", "-EINTR", …
  SourcePos pos;
};
struct ExpectState {
  Time at;
  std::string task, lock, word;                             // exactly one of these …
  CpuId rq;                                                 // … or the runqueue of a CPU
  std::vector<std::pair<std::string, std::string>> values;  // as text
  SourcePos pos;
};
struct ExpectViolation {
  std::string id;
  std::optional<Time> at;
  SourcePos pos;
};
struct ExpectSpec {
  std::vector<std::string> policies;
  std::string source;
  std::optional<Outcome> outcome;
  std::optional<Time> end;  // end of the run
  std::vector<ExpectLane> timeline, work, user;
  std::vector<ExpectSwitchLane> switches;
  std::vector<ExpectNamed> tasks, locks, cpus;
  MetricValues metrics;
  std::vector<ExpectReturn> returns;
  std::vector<std::string> events, no_events;
  std::vector<ExpectState> states;
  std::vector<ExpectViolation> violations;
  SourcePos pos;
};

// ----------------------------------------------------------------------------------------------
// the whole

// A predicate over the trace that a scenario adds to those of the checkers (hotplug.md 3, Rn).
// Texts are patterns of events as in an expectation's `events`.
struct ExtraInvariant {
  std::string name;
  // No event matches it, from an event that matches `after` on ("": from the start) until one that
  // matches `before` ("": to the end).
  std::string never;
  // … or: after each event that matches `after` one that matches this comes within so many cycles.
  std::string comes;
  Cycles within;
  std::string after, before;
  SourcePos pos;
};

// What checkers do beyond reporting what must never be.
struct CheckSpec {
  // The most important real-time contexts not executing (PX-I9) is a violation, not only counted
  // in rt_violation_cycles.
  bool rt_topn_strict = false;
  std::vector<ExtraInvariant> extra_invariants;
};

struct Scenario {
  std::string name;
  std::string description;
  std::string kernel = "7.2";  // whose rules the classes follow: "7.2" or "6.12"
  MachineSpec machine;
  std::optional<Time> until;  // none: until everything is done
  uint64_t seed = 1;
  std::vector<std::string> mutexes, condvars;
  std::vector<std::pair<std::string, int64_t>> semaphores;  // name, initial value
  std::vector<TaskSpec> tasks, kthreads;
  std::vector<UmcgGroupSpec> groups;
  std::vector<HotplugSpec> hotplug;
  std::vector<ActionSpec> actions;
  PolicySet common;
  std::vector<PolicySet> policies;
  std::vector<FaultSpec> faults;
  std::vector<AssertSpec> asserts;
  std::vector<ExpectSpec> expects;
  CheckSpec check;
};

}  // namespace rqsim

#endif  // RQSIM_SCENARIO_H_
