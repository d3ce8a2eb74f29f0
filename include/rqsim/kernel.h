// The simulated kernel as a policy sees it: looks, words and requests.
//
//   Looks     inline reads of plain arrays: task(id), cpu(id), lock(id), now().
//   Words     lock words and user memory: read and changed at once, by whoever executes.
//   Requests  everything else. They are written down and carried out by the machine, in order, when
//   the hook or step
//             that made them returns; so a hook is never entered from inside a hook.
//
// A policy reads Task, Cpu and Lock through const references only: shared state changes in the
// machine.
#ifndef RQSIM_KERNEL_H_
#define RQSIM_KERNEL_H_

#include <array>
#include <cstdint>
#include <span>

#include "rqsim/check.h"
#include "rqsim/cpu_set.h"
#include "rqsim/ids.h"
#include "rqsim/limits.h"
#include "rqsim/pelt.h"
#include "rqsim/scenario.h"
#include "rqsim/time.h"
#include "rqsim/topology.h"
#include "rqsim/trace_event.h"

namespace rqsim {

// --- what there is to look at --------------------------------------------------------------------

// machine.md 9. kNew and kWaking are never printed by sched_switch.
enum class TaskState : uint8_t {
  kRunning,          // R: running or runnable
  kInterruptible,    // S
  kUninterruptible,  // D
  kKillable,         // D, ended by a fatal signal
  kIdle,             // I: idle kthread
  kParked,           // P
  kDead,             // X
  kNew,
  kWaking,
};

// Scheduling attributes as far as classes look at them. `base` of a task is what the scenario set,
// `eff` what counts: they differ only while priority inheritance boosts the task.
struct SchedAttr {
  SchedPolicy policy = SchedPolicy::kNormal;
  int8_t nice = 0;
  int16_t priority = 0;  // 0..99, larger is more important
  int16_t prio = 120;  // the kernel's: deadline -1, fifo/rr 99 - priority, fair 120 + nice; smaller
                       // is stronger
  Cycles slice;        // fair: custom request length; 0 = base slice
  Cycles dl_runtime, dl_deadline, dl_period;
  uint8_t dl_flags = 0;  // kDlReclaim | kDlOverrun
  friend bool operator==(const SchedAttr&, const SchedAttr&) = default;
};

// Flags of a deadline task (SCHED_FLAG_RECLAIM, SCHED_FLAG_DL_OVERRUN).
inline constexpr uint8_t kDlReclaim = 1;  // may use what others leave over (GRUB)
inline constexpr uint8_t kDlOverrun = 2;  // wants to know of overruns

struct Task {
  TaskState state = TaskState::kNew;
  bool on_rq = false;          // queued on a runqueue, delayed and blocked-queued ones included
  bool migrating = false;      // left a runqueue, on its way to that of `cpu`
                               // (TASK_ON_RQ_MIGRATING)
  bool on_cpu = false;         // executing, or being switched out
  bool sched_delayed = false;  // asleep, its dequeue put off by its class
  bool throttled = false;      // its budget is used up: runnable, but its class keeps it off the
                               // queue (dl_throttled)
  bool is_blocked = false;     // tried to sleep and was kept queued: the gate of proxy execution
  bool is_kthread = false;
  bool per_cpu_kthread = false;  // bound to one CPU for good (stopper, hotplug thread)
  bool boosted = false;          // eff differs from base by inheritance
  bool should_park = false;      // kthread: asked to park
  bool no_setaffinity = false;   // kthread: bound, sched_setaffinity() is refused
  bool in_syscall = false;  // on its way out of a system call or page fault, not of an interrupt
  uint8_t sched_class = 0;  // index into the run's classes, strongest first
  int16_t migration_disabled = 0;
  CpuId cpu;       // runqueue it is on, or was last on
  CpuId wake_cpu;  // CPU of its last full placement
  LockId blocked_on;
  TaskId blocked_donor;  // the waiter that donates to it
  TaskId parked_on;      // the sleeping owner it is parked on (proxy-v9)
  int32_t nr_cpus_allowed = 0;
  uint32_t pending_signals = 0;  // bit per SignalKind
  SchedAttr base, eff;
  CpuSet cpus_allowed;
  // When it last gave up being the donor of the CPU whose queue it is on; negative: it has not run
  // there since it came.
  Time last_ran = Time(-1);
};

struct Cpu {
  TaskId curr = kIdleTask;   // executes
  TaskId donor = kIdleTask;  // its scheduling context is used; equal to curr unless proxying
  TaskId stop;               // its stop task
  bool online = true;
  bool active = true;
  bool dying = false;        // a hotplug operation takes it down (cpu_dying())
  bool push = false;         // what is picked here is pushed away (balance_push)
  bool queue_online = true;  // its runqueue takes part in pushing and pulling (rq->online)
  bool need_resched = false;
  bool need_resched_lazy = false;
  bool ttwu_pending = false;
  bool hrtick_queued = false;  // the slice timer runs (hrtick_active())
  uint8_t next_class = 0;      // class of the last pick, raised by wake-ups (classes.md 3.4)
  uint8_t num_classes_queued = 0;
  int32_t nr_running = 0;      // queued tasks: delayed and blocked-queued ones count, throttled
                               // ones, servers and idle do not
  int32_t nr_delayed = 0;      // those of them that are asleep (sched_delayed)
  int32_t nr_pinned = 0;       // tasks of this CPU that have migration disabled, sleeping ones too
  int32_t nr_idle_policy = 0;  // those of them of policy idle: all of them makes the CPU `sidle`
  std::array<int32_t, kMaxClasses> nr_queued{};  // by class, and queued servers with their class
  Time switch_end;  // when the last switch was or will be over: what slices are counted from
  Time idle_since;  // start of the last idle spell; the present one while curr is the idle task
  Time idle_until;  // end of the last idle spell that is over
  Cycles idle_exit_latency;  // of the idle state it is in; 0 if it is in none
  int capacity = 1024;
  int node = 0, llc = 0, core = 0;  // topology() has the rest
};

// Flags of a mutex word (Linux 7.2 kernel/locking/mutex.h).
inline constexpr uint8_t kWaitersFlag = 1;
inline constexpr uint8_t kHandoffFlag = 2;
inline constexpr uint8_t kPickupFlag = 4;

struct Lock {
  TaskId owner;  // invalid: none
  uint8_t flags = 0;
  CpuId last_writer;  // CPU that last changed the word; invalid at first
};

// The machine's own windows (proxy-exec.md 9): points of an otherwise atomic path at which a fault
// can hold the CPU. W6 and W7 are steps of lock protocols.
enum class Window : uint8_t {
  kW1 = 1,  // wake-up: claimed, its CPU not yet chosen
  kW2,      // wake-up: its CPU chosen, not yet enqueued there
  kW3,      // chain walk: the owner's CPU has been read, nothing done about it yet
  kW4,      // proxy move: dequeued here, not yet enqueued there
  kW5,      // a parked task has been taken from its owner's list, not yet enqueued
};

// kVoluntary is kNone with more points at which kernel code asks; the model's kernel code has none
// of them (MODEL-91).
enum class PreemptMode : uint8_t { kFull, kLazy, kNone, kVoluntary };

// Which Linux's rules a run follows where the two differ (classes.md 11).
enum class KernelVersion : uint8_t { k7_2, k6_12 };

// Facts about the machine that do not change during a run.
struct MachineFacts {
  int64_t clock_hz = 1'000'000'000;
  Cycles tick;  // length of a tick, also where no tick runs
  bool tick_runs = true;
  PreemptMode preempt = PreemptMode::kFull;
  KernelVersion kernel = KernelVersion::k7_2;
  Cycles c_sched, c_ctx, c_lb, c_lb_cpu, c_stop;
  Cycles c_syscall, c_sysret, c_exc, c_wake, l_ipi;
  bool keeps_blocked_queued =
      false;  // the lock protocol may keep a task queued that waits for a lock
  uint8_t balanced_class = kMaxClasses;  // the class whose tasks a balancer moves; that value: none
  // `housekeeping` is what the boot parameters left over (HK_TYPE_DOMAIN_BOOT); Kernel has the
  // present one.
  CpuSet possible, housekeeping, nohz_full;
};

// The named costs of the machine, and so the kinds of overhead (machine.md 3.2).
enum class CostId : uint8_t {
  kSyscall,
  kSysret,
  kExc,
  kExit,
  kSched,
  kCtx,
  kCtxMm,
  kTick,
  kTimer,
  kTimerEach,
  kWake,
  kIpiSend,
  kIpiRecv,
  kTtwuEach,
  kCall,
  kIdlePoll,
  kMigrate,
  kStop,
  kLb,
  kLockRemote,
  kPolicy,  // overhead that a policy asked for inside schedule() (chain walk, proxy migration)
  kHold,    // a window fault held this CPU
  kIdleExit,
  kCount,
};
inline constexpr int kNumCosts = static_cast<int>(CostId::kCount);

// --- requests ------------------------------------------------------------------------------------

enum class WakeFlags : uint8_t {
  kNone = 0,
  kSync = 1,
  kCurrentCpu = 2,
  kFork = 4,
  kExec = 8,
  kInTask = 16,      // asked for by a task, not by an interrupt handler; the machine says so
  kFreeSwitch = 32,  // its first dispatch costs no switch if it is on an idle CPU (hotplug.md 1)
};
constexpr WakeFlags operator|(WakeFlags a, WakeFlags b) {
  return static_cast<WakeFlags>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
constexpr bool Has(WakeFlags flags, WakeFlags flag) {
  return (static_cast<uint8_t>(flags) & static_cast<uint8_t>(flag)) != 0;
}

enum class ReschedKind : uint8_t {
  kLazy,  // NRL when the machine preempts lazily, NR otherwise; on an idle CPU always NR
  kFull,  // NR
};

// A timer that a policy declared (PolicyInfo): `which` of them, and whose: a CPU's or a task's
// number.
struct TimerRef {
  PolicyId policy;
  int16_t which = 0;
  int32_t owner = 0;
  friend bool operator==(const TimerRef&, const TimerRef&) = default;
};

// A function-call IPI: what the handler on the other CPU is told.
struct Message {
  PolicyId policy;
  int32_t what = 0;
  int64_t arg[2] = {0, 0};
};

struct Request {
  enum class Kind : uint8_t {
    kWake,
    kResched,
    kArmTimer,
    kCancelTimer,
    kStartHrtick,
    kSignal,
    kMoveTask,
    kEnqueueOn,
    kFinishDequeue,
    kSetSched,
    kSetEffective,
    kSetAffinity,
    kForceAffinity,
    kBindKthread,
    kSetHousekeeping,
    kSetBlockedOn,
    kClearBlockedGate,
    kSetBlockedDonor,
    kAddWakeCost,
    kSetOnline,
    kSetActive,
    kSetDying,
    kSetPush,
    kSetQueueOnline,
    kUpdateCpusets,
    kWhenVacated,
    kMoveTimers,
    kMoveTasks,
    kRunInIdle,
    kRetryHotplug,
    kPark,
    kUnpark,
    kSendCall,
    kKickBalance,
    kDetachTask,
    kAttachDetached,
    kPassOver,
    kSetOverloaded,
    kRefreshLoad,
    kSpend,
    kStopWork,
    kLookAgain,
    kBalanceLater,
    kThrottle,
    kUnthrottle,
    kQueueServer,
    kClearSignals,
    kSwitchAtSleep,
    kSetAbort,
    kAbortProgram,
    kEmit,
    kSetPerCpuKthread,
  };
  Kind kind = Kind::kWake;
  WakeFlags wake_flags = WakeFlags::kNone;
  ReschedKind resched = ReschedKind::kFull;
  SignalKind signal = SignalKind::kOrdinary;
  bool flag = false;
  TaskId task, other;
  CpuId cpu;
  LockId lock;
  TimerRef timer;
  Time at;
  Cycles slop;
  Message message;
  SchedAttr attr;
  CpuSet cpus;
  TraceEvent event{};
};

struct HotplugCallbackInfo;  // policy.h

// A row of the hotplug callback table: a state that a policy of this run declared, with the
// callbacks that it has with its parameters (Policy::HasHotplugCallback).
struct HotplugCallback {
  PolicyId policy;
  const HotplugCallbackInfo* info = nullptr;
  PathId startup;   // invalid: none
  PathId teardown;  // invalid: none
};

// What an atomic operation on a word of user memory did.
struct WordResult {
  bool ok = false;     // the access was possible, and a compare-exchange matched
  bool fault = false;  // the page is not present
  int64_t old = 0;     // the value before
};

class Kernel {
 public:
  // --- looks: no cost, no effect ---
  Time now() const { return now_; }
  int num_cpus() const { return static_cast<int>(cpus_.size()); }
  int num_tasks() const { return static_cast<int>(tasks_.size()); }
  int num_locks() const { return static_cast<int>(locks_.size()); }
  const Task& task(TaskId id) const { return tasks_[id.index()]; }
  const Cpu& cpu(CpuId id) const { return cpus_[id.index()]; }
  const Lock& lock(LockId id) const { return locks_[id.index()]; }
  const CpuSet& online() const { return online_; }
  const CpuSet& active() const { return active_; }
  const MachineFacts& facts() const { return facts_; }
  const Topology& topology() const { return topology_; }
  // The CPUs that are not isolated: those of the boot parameters less the isolated partitions
  // (HK_TYPE_DOMAIN).
  const CpuSet& housekeeping() const { return housekeeping_; }
  // The online CPUs of a node.
  CpuSet node_cpus(int node) const {
    CpuSet cpus;
    for (CpuId c = online_.First(); c.valid(); c = online_.After(c)) {
      if (cpu(c).node == node) cpus.Add(c);
    }
    return cpus;
  }
  // What the scenario says of a kernel thread's affinity; null: it is none of the scenario's, or
  // one that is to be left alone.
  const KthreadAffinity* kthread_affinity(TaskId id) const {
    if (affinity_of_.empty() || affinity_of_[id.index()] < 0) return nullptr;
    return &affinities_[static_cast<std::size_t>(affinity_of_[id.index()])];
  }
  // The mask that sched_setaffinity() asked for last (user_cpus_ptr); null: none.
  const CpuSet* user_cpus(TaskId id) const {
    if (user_cpus_.empty() || user_cpus_[id.index()].empty()) return nullptr;
    return &user_cpus_[id.index()];
  }
  // The cpuset of a task: what its affinity falls back to where cpusets are in v2 mode. The root
  // one is all possible CPUs, and where tasks are of which nothing else is said.
  const CpuSet& cpuset(TaskId id) const {
    return IsInRootCpuset(id) ? facts_.possible : cpusets_[id.index()].cpus;
  }
  bool IsInRootCpuset(TaskId id) const {
    return cpusets_.empty() || !cpusets_[id.index()].is_child;
  }
  // Whether a change of affinity to `cpus` takes `id` off the CPU it runs on: only the stop task
  // can do that, and whoever asked waits for it.
  bool NeedsStopper(TaskId id, const CpuSet& cpus) const {
    const Task& t = task(id);
    return t.on_rq && t.on_cpu && !t.is_blocked && t.migration_disabled == 0 &&
           !cpus.Contains(t.cpu);
  }
  // The hotplug callbacks of all policies of the run, by state; equal states in the order of the
  // policies. Whoever implements hotplug runs them with Next::Call.
  std::span<const HotplugCallback> hotplug_callbacks() const { return hotplug_callbacks_; }
  // The CPUs on which something of that class is queued (Cpu::nr_queued is not 0).
  const CpuSet& cpus_with(int sched_class) const {
    return cpus_with_[static_cast<std::size_t>(sched_class)];
  }
  // Stronger classes have smaller numbers. Whether `a` is of a stronger class than `b`.
  bool ClassAbove(TaskId a, TaskId b) const { return task(a).sched_class < task(b).sched_class; }
  // The idle state of wake-up selection (machine.md 6): curr is the idle task, nothing queued, no
  // wake-up under way.
  // The tasks of the balanced class on the queue of `id`, least recently run first (Linux 7.2:
  // rq->cfs_tasks): an invalid id after the last. Kept only if the placement balances.
  TaskId LeastRecentlyRun(CpuId id) const {
    return run_orders_.empty() ? TaskId() : run_orders_[id.index()].oldest;
  }
  TaskId MoreRecentlyRun(TaskId id) const { return run_links_[id.index()].newer; }
  // The CPUs that idle with their tick stopped (machine.md 4.1).
  const CpuSet& tickless() const { return tickless_; }
  // Some runqueue has had more than one task since a balancer last cleared this.
  bool is_overloaded() const { return is_overloaded_; }
  // Averages of a task and of a runqueue as of their last update; only with Hook::kTracksLoad.
  const LoadAvg& load(TaskId id) const { return task_loads_[id.index()]; }
  const RunqueueLoad& load(CpuId id) const { return runqueue_loads_[id.index()]; }
  // A sleeping task's average as it would be if it were brought up to now.
  virtual LoadAvg LoadNow(TaskId id) const = 0;
  // Asks the class of `id`, a queued task that does not run, whether a balancer may take it
  // (SchedClass::MayMove).
  virtual bool MayMove(TaskId id) = 0;
  // Whether `id` is a kernel thread that `policy` declared (PolicyInfo::kthreads) and that has not
  // left its main loop: which path that is, and its CPU if there is one for each.
  virtual bool KthreadOf(TaskId, PolicyId, PathId&, CpuId&) const { return false; }
  // Asks the classes whether `id` may go offline: 0, or the errno of the one that objects
  // (SchedClass::AdmitOffline).
  virtual int64_t AdmitOffline(CpuId) { return 0; }
  // … and the services whether an operation on it may begin (KernelService::AdmitHotplug).
  virtual int64_t AdmitHotplug(CpuId, bool) { return 0; }
  // Whether what executes on `id` has preemption off.
  virtual bool PreemptionOff(CpuId) const { return false; }
  bool IsIdle(CpuId id) const {
    const Cpu& c = cpu(id);
    return c.curr == kIdleTask && c.nr_running == 0 && !c.ttwu_pending;
  }

  // The CPU that executes this hook (smp_processor_id()); invalid for what comes from outside.
  CpuId executing_cpu() const { return actor_; }

  // Any CPU of `set`, as machine.cpu_choice says (Linux 7.2 lib/cpumask.c:
  // cpumask_any_and_distribute()): the lowest, or the next one, cyclically, after what the
  // executing CPU chose last. That memory is the machine's, one for all classes, and changes at
  // once; what comes from outside uses that of CPU 0. Invalid if the set is empty.
  CpuId AnyCpu(const CpuSet& set) {
    if (choice_memory_.empty()) return set.First();
    CpuId& last = choice_memory_[actor_.valid() ? actor_.index() : 0];
    const CpuId next = set.FirstFromWrapping(last.value() + 1);
    if (next.valid()) last = next;
    return next;
  }

  // Whether a fault of this run holds the CPU here. Asked where a policy is in a window of the
  // machine (W3, about the donor that is being looked at); each question counts as reaching it.
  bool HoldsAt(Window window, TaskId task) { return has_holds_ && ReachWindow(window, task); }

  // --- words: at once, by whoever executes; watchers of the word look again at this instant ---
  // Virtual, so that a policy's own test can stand in for the machine; looks are not.
  virtual void SetLockOwner(LockId id, TaskId owner, uint8_t flags) = 0;
  // User memory. `id` as WordOf gives it; a page that is not present makes the access fault and
  // change nothing.
  virtual WordResult Load(WordId id) const = 0;
  virtual WordResult Store(WordId id, int64_t value) = 0;
  virtual WordResult Exchange(WordId id, int64_t value) = 0;
  virtual WordResult CompareExchange(WordId id, int64_t expected, int64_t value) = 0;
  // Whether the page with the words that `policy` declared for `task` is there.
  virtual void SetWordsPresent(PolicyId, TaskId, bool) {}
  // The k-th word that `policy` declared per task (PolicyInfo::words_per_task). Precondition: 0 <=
  // k < that number.
  virtual WordId WordOf(PolicyId policy, TaskId task, int k) const = 0;
  // The task that a number in user memory means; invalid if there is none alive.
  TaskId LookUpTid(int64_t tid) const {
    if (tid <= 0 || tid >= num_tasks()) return TaskId();
    const TaskId id(static_cast<int32_t>(tid));
    return task(id).state == TaskState::kDead || task(id).state == TaskState::kNew ? TaskId() : id;
  }

  // --- requests: carried out in order when the present hook or step returns ---
  // try_to_wake_up(). Asked by a step it costs the executing task c_wake before its next step; by
  // OnTimer or OnCall nothing.
  void Wake(TaskId id, WakeFlags flags = WakeFlags::kNone) {
    Request& r = Add(Request::Kind::kWake);
    r.task = id;
    r.wake_flags = flags;
  }
  // A spinning task looks again at this instant (or at its next poll), although none of what its
  // Watch names changed: what it waits for is the policy's own state, such as its place in a spin
  // queue. Nothing if it does not spin.
  void LookAgain(TaskId id) { Add(Request::Kind::kLookAgain).task = id; }
  // resched_curr() / resched_curr_lazy() of that CPU's runqueue.
  void Resched(CpuId id, ReschedKind kind) {
    Request& r = Add(Request::Kind::kResched);
    r.cpu = id;
    r.resched = kind;
  }
  // Starts a declared timer on `on`, to expire at `at` (cycles, not before now). Restarts it if it
  // is queued.
  void ArmTimer(TimerRef timer, CpuId on, Time at) {
    Request& r = Add(Request::Kind::kArmTimer);
    r.timer = timer;
    r.cpu = on;
    r.at = at;
    r.flag = false;
  }
  // The same, `after` cycles from the end of the switch that is being decided (SetNext), or from
  // now outside schedule().
  void ArmTimerAfterSwitch(TimerRef timer, CpuId on, Cycles after) {
    Request& r = Add(Request::Kind::kArmTimer);
    r.timer = timer;
    r.cpu = on;
    r.at = Time(after.count());
    r.flag = true;
  }
  // For classes: the turn of the donor of `on` is over in `after` cycles, counted from the end of
  // the switch that is being decided, or from now outside schedule(). That is the one slice timer
  // of the CPU (core.c: hrtick_start()): when it expires, the class of whoever is the donor then
  // gets Tick(kSlice). A timer that runs is left alone if this would move it by no more than
  // `slop`. The machine stops it when the CPU goes idle.
  void StartHrtick(CpuId on, Cycles after, Cycles slop) {
    Request& r = Add(Request::Kind::kStartHrtick);
    r.cpu = on;
    r.at = Time(after.count());
    r.slop = slop;
  }
  void CancelTimer(TimerRef timer) { Add(Request::Kind::kCancelTimer).timer = timer; }
  void Signal(TaskId id, SignalKind kind) {
    Request& r = Add(Request::Kind::kSignal);
    r.task = id;
    r.signal = kind;
  }
  // Ordinary pending signals of `id` are gone; `delivered`: its handler has them.
  void ClearSignals(TaskId id, bool delivered) {
    Request& r = Add(Request::Kind::kClearSignals);
    r.task = id;
    r.flag = delivered;
  }
  // When the task that asks goes to sleep next, its CPU is handed directly to `id`, which costs
  // `length` instead of a wake-up and a switch; the class is told, not asked. If by then `id` is
  // not asleep or may not run there, or somebody of a stronger class waits, it is an ordinary
  // wake-up that has been paid for.
  void SwitchAtSleep(TaskId id, Cycles length) {
    Request& r = Add(Request::Kind::kSwitchAtSleep);
    r.task = id;
    r.at = Time(length.count());
  }
  // Moves a queued task that does not execute to another CPU's runqueue (dequeue without sleep,
  // enqueue, check there).
  void MoveTask(TaskId id, CpuId to) {
    Request& r = Add(Request::Kind::kMoveTask);
    r.task = id;
    r.cpu = to;
  }
  // Puts a blocked task that is on no runqueue on one, keeping its wake_cpu (a parked donor follows
  // its owner).
  void EnqueueOn(TaskId id, CpuId to) {
    Request& r = Add(Request::Kind::kEnqueueOn);
    r.task = id;
    r.cpu = to;
  }
  // Balancing, in the hooks that do it. A pass detaches tasks one by one, each from its queue to be
  // put on that of `to`; they arrive together, the last detached first, when AttachDetached is
  // carried out, at the latest when the balancing is over.
  void DetachTask(TaskId id, CpuId to) {
    Request& r = Add(Request::Kind::kDetachTask);
    r.task = id;
    r.cpu = to;
  }
  void AttachDetached() { Add(Request::Kind::kAttachDetached); }
  // A candidate that may not be moved goes to the most recent end of its queue's order of runs.
  void PassOver(TaskId id) { Add(Request::Kind::kPassOver).task = id; }
  // Brings the averages of the queue of `id` up to now.
  void RefreshLoad(CpuId id) { Add(Request::Kind::kRefreshLoad).cpu = id; }
  void SetOverloaded(bool overloaded) { Add(Request::Kind::kSetOverloaded).flag = overloaded; }
  // Overhead of kind c_lb on the CPU that balances.
  void Spend(Cycles cycles) { Add(Request::Kind::kSpend).at = Time(cycles.count()); }
  // In OnCall: the handler takes so much longer.
  void SpendInCall(Cycles cycles) {
    Request& r = Add(Request::Kind::kSpend);
    r.at = Time(cycles.count());
    r.flag = true;
  }
  // An IPI that makes an idle CPU balance for all idle CPUs (Placement::KickedBalance). It leaves
  // after the sender's own schedule() of this instant.
  void KickBalance(CpuId id) { Add(Request::Kind::kKickBalance).cpu = id; }
  // The stop task of `id` runs `path` of `policy` with r[0] = `id` and r[1] = `arg`; nobody waits.
  void QueueStopWork(CpuId id, PolicyId policy, PathId path, int64_t arg) {
    Request& r = Add(Request::Kind::kStopWork);
    r.cpu = id;
    r.message.policy = policy;
    r.message.what = path.value();
    r.message.arg[0] = arg;
  }
  // For classes: a delayed dequeue is complete, the task has left the class's queue.
  void FinishDequeue(TaskId id) { Add(Request::Kind::kFinishDequeue).task = id; }
  // For classes: BalanceCallback(cpu, what) of the class whose id is `self`, as soon as the
  // runqueue of `cpu` is consistent again. Asked for twice, it is called once.
  void BalanceLater(PolicyId self, CpuId cpu, int16_t what) {
    Request& r = Add(Request::Kind::kBalanceLater);
    r.timer.policy = self;
    r.timer.which = what;
    r.cpu = cpu;
  }
  // For classes: the budget of a queued or running task is used up; it stays runnable, but the
  // class has it on no queue and it does not count in nr_running. Kept while it sleeps or migrates.
  void Throttle(TaskId id) { Add(Request::Kind::kThrottle).task = id; }
  // … and the class has it again.
  void Unthrottle(TaskId id) { Add(Request::Kind::kUnthrottle).task = id; }
  // For a class with servers: that of `id` has come onto the class's queue, or left it. A queued
  // server makes the machine ask for Pick also when no task of the class is queued.
  void QueueServer(CpuId id, bool queued) {
    Request& r = Add(Request::Kind::kQueueServer);
    r.cpu = id;
    r.flag = queued;
  }
  // sched_setattr() on the base attributes.
  void SetSched(TaskId id, const SchedAttr& base) {
    Request& r = Add(Request::Kind::kSetSched);
    r.task = id;
    r.attr = base;
  }
  // rt_mutex_setprio(): the effective attributes, because of `pi_task` (invalid: nobody boosts any
  // more).
  void SetEffective(TaskId id, const SchedAttr& effective, TaskId pi_task) {
    Request& r = Add(Request::Kind::kSetEffective);
    r.task = id;
    r.attr = effective;
    r.other = pi_task;
  }
  // set_cpus_allowed_ptr() by the machine or a service; user tasks' own calls are the operation
  // set_affinity. With a `waiter`, which then must Block, that one is woken when the stop task has
  // moved `id`. Precondition then: NeedsStopper.
  void SetAffinity(TaskId id, const CpuSet& cpus, TaskId waiter = TaskId()) {
    Request& r = Add(Request::Kind::kSetAffinity);
    r.task = id;
    r.cpus = cpus;
    r.other = waiter;
  }
  // set_cpus_allowed_force(): no checks, nobody is moved, what the user asked for is forgotten.
  void ForceAffinity(TaskId id, const CpuSet& cpus) {
    Request& r = Add(Request::Kind::kForceAffinity);
    r.task = id;
    r.cpus = cpus;
  }
  // kthread_bind_mask(): the same, and sched_setaffinity() is refused from now on.
  void BindKthread(TaskId id, const CpuSet& cpus) {
    Request& r = Add(Request::Kind::kBindKthread);
    r.task = id;
    r.cpus = cpus;
  }
  // kthread_set_per_cpu(): whether it is a per-CPU kernel thread, which may run on its CPU as long
  // as that is online. Its mask stays as it is.
  void SetPerCpuKthread(TaskId id, bool per_cpu) {
    Request& r = Add(Request::Kind::kSetPerCpuKthread);
    r.task = id;
    r.flag = per_cpu;
  }
  // Which CPUs are not isolated from now on.
  void SetHousekeeping(const CpuSet& cpus) { Add(Request::Kind::kSetHousekeeping).cpus = cpus; }
  // The cpusets take the active CPUs into account, and those that changed put their mask on their
  // tasks, kernel threads too (cpuset_update_active_cpus()). For whoever implements hotplug, at the
  // end of the state that makes a CPU active or inactive.
  void UpdateCpusets() { Add(Request::Kind::kUpdateCpusets); }
  void SetBlockedOn(TaskId id, LockId on) {
    Request& r = Add(Request::Kind::kSetBlockedOn);
    r.task = id;
    r.lock = on;
  }
  // Clears the gate `is_blocked` of a task that was kept queued: it is runnable as it is, without a
  // wake-up.
  void ClearBlockedGate(TaskId id) { Add(Request::Kind::kClearBlockedGate).task = id; }
  void SetBlockedDonor(TaskId id, TaskId donor) {
    Request& r = Add(Request::Kind::kSetBlockedDonor);
    r.task = id;
    r.other = donor;
  }
  // What this wake-up costs on top of c_wake. Only a waking task pays: nothing when an interrupt or
  // the outside wakes.
  void AddWakeCost(Cycles length) { Add(Request::Kind::kAddWakeCost).at = Time(length.count()); }
  void SetOnline(CpuId id, bool online) {
    Request& r = Add(Request::Kind::kSetOnline);
    r.cpu = id;
    r.flag = online;
  }
  void SetActive(CpuId id, bool active) {
    Request& r = Add(Request::Kind::kSetActive);
    r.cpu = id;
    r.flag = active;
  }
  // The other masks of hotplug: `dying`, balance_push, and whether the runqueue takes part in
  // pushing and pulling (the classes hear of that: SchedClass::RqChanged).
  void SetDying(CpuId id, bool dying) {
    Request& r = Add(Request::Kind::kSetDying);
    r.cpu = id;
    r.flag = dying;
  }
  void SetPush(CpuId id, bool push) {
    Request& r = Add(Request::Kind::kSetPush);
    r.cpu = id;
    r.flag = push;
  }
  void SetQueueOnline(CpuId id, bool online) {
    Request& r = Add(Request::Kind::kSetQueueOnline);
    r.cpu = id;
    r.flag = online;
  }
  // Wakes `waiter` at the end of a schedule() of `id` that leaves nothing but per-CPU kernel
  // threads and idle, with nobody pinned there; only while it pushes (balance_hotplug_wait()).
  void WhenVacated(CpuId id, TaskId waiter) {
    Request& r = Add(Request::Kind::kWhenVacated);
    r.cpu = id;
    r.task = waiter;
  }
  // Timers of `from`, the held ones too, go to `to`. Those that are over expire there at once.
  void MoveTimers(CpuId from, CpuId to) {
    Request& r = Add(Request::Kind::kMoveTimers);
    r.cpu = from;
    r.at = Time(to.value());
  }
  // Every task queued on `from`, strongest class first in pick order, goes to its fallback CPU; not
  // those bound to it for good (migrate_tasks() of 2012).
  void MoveTasks(CpuId from) { Add(Request::Kind::kMoveTasks).cpu = from; }
  // The idle loop of `id` runs `path` of `policy`, interrupts off, with r[0] = `id` and r[1] =
  // `arg`, in `after` cycles; nothing happens if it is not idle then, but that one that is offline
  // ends its last switch first. Less than 0: after `l_call`, as a kick by an IPI does whose handler
  // costs nothing (hotplug.md 4.5, step v).
  void RunInIdle(CpuId id, PolicyId policy, PathId path, Cycles after, int32_t arg = 0) {
    Request& r = Add(Request::Kind::kRunInIdle);
    r.cpu = id;
    r.message.policy = policy;
    r.message.what = path.value();
    r.message.arg[0] = arg;
    r.slop = after;
  }
  // Hotplug requests that a service made wait are looked at again.
  void RetryHotplug() { Add(Request::Kind::kRetryHotplug); }
  // Asks a kthread to park; it does when its path next calls Block with state kParked. One that has
  // a program parks between two operations, and wakes `waiter` then.
  void ParkKthread(TaskId id, TaskId waiter = TaskId()) {
    Request& r = Add(Request::Kind::kPark);
    r.task = id;
    r.other = waiter;
  }
  void UnparkKthread(TaskId id) { Add(Request::Kind::kUnpark).task = id; }
  // A function-call IPI without waiting; Next::CallCpu waits. To an offline CPU nothing is sent.
  void SendCall(CpuId to, const Message& message) {
    Request& r = Add(Request::Kind::kSendCall);
    r.cpu = to;
    r.message = message;
  }
  // For the service whose operation `id` performs: where its program goes on if it is aborted, as
  // its compiler said (the abort address of an rseq critical section).
  void SetAbort(TaskId id) { Add(Request::Kind::kSetAbort).task = id; }
  // The program of `id`, which is in user mode or performs that operation, gives up what it does
  // and goes on at its abort address.
  void AbortProgram(TaskId id) { Add(Request::Kind::kAbortProgram).task = id; }
  // A record: one of the structs of trace_event.h, as an event of the executing CPU …
  template <class T>
  void Emit(const T& payload) {
    EmitOn(actor_, payload);
  }
  // … the same as an event of another CPU than the executing one.
  template <class T>
  void EmitOn(CpuId cpu, const T& payload) {
    if (!emit_wanted_[static_cast<std::size_t>(T::kKind)]) return;
    Request& r = Add(Request::Kind::kEmit);
    r.event = TraceEvent::Of(payload);
    r.cpu = cpu;
  }
  // … or the index-th event that `policy` declared.
  virtual void EmitDeclared(PolicyId policy, int index, const PolicyEventPayload& payload) = 0;
  // Whether anybody wants that event: what is costly to put together need not be otherwise. Does
  // not change during a run.
  virtual bool WantsDeclared(PolicyId, int) const { return false; }

 protected:
  Kernel() = default;
  ~Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // The next request slot; when a hook asks for more than kMaxRequests the last slot is reused and
  // the machine ends the run with a policy violation.
  Request& Add(Request::Kind kind) {
    if (num_requests_ == kMaxRequests) {
      too_many_requests_ = true;
      --num_requests_;
    }
    Request& r = requests_[static_cast<std::size_t>(num_requests_++)];
    r.kind = kind;
    r.flag = false;
    return r;
  }

  virtual bool ReachWindow(Window, TaskId) { return false; }

  // The cpuset of a task.
  struct Cpuset {
    CpuSet cpus;       // as configured
    CpuSet effective;  // those of them that were active when it was last brought up to date
    bool is_child = false;
  };
  // Who ran before whom on a queue.
  struct RunLink {
    TaskId newer, older;
  };
  struct RunOrder {
    TaskId oldest, newest;
  };

  Time now_;
  std::span<RunLink> run_links_;    // by task
  std::span<RunOrder> run_orders_;  // by CPU; empty: not kept
  std::span<LoadAvg> task_loads_;   // empty: not kept
  std::span<RunqueueLoad> runqueue_loads_;
  CpuSet tickless_;
  bool is_overloaded_ = false;
  CpuId actor_;                     // CPU whose event is being handled; invalid: the outside
  std::span<CpuId> choice_memory_;  // by executing CPU; empty: the lowest CPU is chosen
  bool has_holds_ = false;          // this run has window faults
  std::span<Task> tasks_;
  std::span<Cpu> cpus_;
  std::span<Lock> locks_;
  CpuSet online_, active_, housekeeping_;
  std::span<const KthreadAffinity> affinities_;
  std::span<const int32_t> affinity_of_;         // by task: index into affinities_; -1 none
  std::span<CpuSet> user_cpus_;                  // by task; an empty set: none
  std::span<Cpuset> cpusets_;                    // by task; empty: all in the root
  std::array<CpuSet, kMaxClasses> cpus_with_{};  // by class
  MachineFacts facts_;
  Topology topology_;
  std::span<Request> requests_;
  std::span<const HotplugCallback> hotplug_callbacks_;
  int num_requests_ = 0;
  bool too_many_requests_ = false;
  std::array<bool, kMaxEventKinds> emit_wanted_{};
};

}  // namespace rqsim

#endif  // RQSIM_KERNEL_H_
