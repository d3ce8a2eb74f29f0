// What the simulation tells its listeners: one fixed-size record per event, with ids instead of
// names.
//
// Kernel tracepoints keep the kernel's names and field names (Linux 7.2
// include/trace/events/{sched,ipi,lock,signal, cpuhp}.h; formats in machine.md 11.1). What the
// kernel has no tracepoint for is marked "model". A struct below is the typed view of a record's
// payload: `event.As<SchedSwitch>()`. Policies declare further kinds in their PolicyInfo and emit
// them as PolicyEventPayload.
#ifndef RQSIM_TRACE_EVENT_H_
#define RQSIM_TRACE_EVENT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "rqsim/ids.h"
#include "rqsim/time.h"

namespace rqsim {

// Kinds up to kFirstPolicyEvent are fixed; the rest are given to policies' declared events, in the
// order of the run's policies.
enum class EventKind : uint16_t {
  kSchedWaking,
  kSchedWakeup,
  kSchedWakeupNew,
  kSchedSwitch,
  kSchedMigrateTask,
  kSchedStatRuntime,
  kSchedProcessFork,
  kSchedProcessExec,
  kSchedProcessExit,
  kSchedPiSetprio,
  kSchedSetNeedResched,
  kSchedWakeIdleWithoutIpi,
  kIpiSendCpu,
  kIpiEntry,
  kIpiExit,
  kContentionBegin,
  kContentionEnd,
  kSignalGenerate,
  kSignalDeliver,
  // Model only, from here on.
  kSchedUndelay,    // a delayed dequeue was completed
  kTick,            // a periodic tick was handled
  kSegment,         // a stretch of a CPU's time ended: what the accountant tiles
  kOpBegin,         // a task began an operation of its program
  kOpEnd,           // … and finished it, with its result
  kTaskAttr,        // a task's scheduling attributes or affinity as they are now (also once at its
                    // creation)
  kMutexWord,       // a mutex's owner or flags changed
  kMutexBlockedOn,  // a task's blocked_on changed
  kMutexWait,       // a task joined or left a wait list or spin queue
  kMutexAcquire,
  kMutexRelease,
  kMutexHandoff,
  kMutexSteal,
  kMutexSpin,           // a task stopped spinning
  kProxyDonor,          // the donor of a CPU changed while the same task goes on executing
  kProxyMigrate,        // a blocked donor was moved to its owner's CPU
  kProxyDeactivate,     // a blocked donor was dequeued and waits as an ordinary sleeper
  kProxyPark,           // … or parked on a sleeping owner
  kStepBegin,           // a path began a named step
  kPolicyViolation,     // a policy asked for what it may not
  kProxyReturn,         // a donor that was moved is refused in place and placed anew
  kProxyWalk,           // the chain of a blocked donor was followed
  kTtwuStat,            // a wake-up was placed: who woke whom where
  kSchedWakeAffine,     // … and whether the waker's CPU was tried and taken
  kSchedBalance,        // a balancing pass of one level is over
  kSchedActiveBalance,  // a stop task looked for one task to push
  kSchedMoveRefused,    // a balancer passed a task over
  kSchedEntry,          // schedule() begins; also the kernel's
  kSchedDelay,          // a task that sleeps keeps its place in the queue for now
  // Raw tracepoints of the kernel, which have no text format there.
  kSchedDlThrottle,
  kSchedDlReplenish,
  kSchedDlUpdate,
  kSchedDlServerStart,
  kSchedDlServerStop,
  // Model only again.
  kSchedQueue,     // a task came onto or left a runqueue
  kSchedSetDonor,  // schedule() chose a donor, or gave one up: it may change it once more
  kProxyLink,      // the waiter that donates to a task changed
  kTaskCpus,       // a part of a task's affinity as it is now
  kWindowHold,     // a window fault holds, or lets go
  kWwContext,      // an acquire context of a ww lock was opened, changed or closed
  kSchedCallback,  // a class put balancing off until the runqueue is consistent, or that was done
  // Tracepoints of the kernel again: callbacks of hotplug states.
  kCpuhpEnter,
  kCpuhpMultiEnter,
  kCpuhpExit,
  // Model only.
  kHotplugMask,  // a CPU came into or left one of the masks
  kHotplugOp,    // a hotplug operation was asked for, has its locks, is over
  kCount,
};
inline constexpr int kFirstPolicyEvent = 96;
static_assert(static_cast<int>(EventKind::kCount) <= kFirstPolicyEvent);

// The record. `seq` is its index in the trace (counted over all records that anybody wanted or the
// digest covers).
struct TraceEvent {
  static constexpr uint64_t kNoCpu = 0xfff;

  Time t;
  uint64_t seq : 40;
  uint64_t cpu_bits : 12;
  uint64_t kind_bits : 12;
  int64_t a[4];

  EventKind kind() const { return static_cast<EventKind>(kind_bits); }
  CpuId cpu() const { return cpu_bits == kNoCpu ? CpuId() : CpuId(static_cast<int32_t>(cpu_bits)); }
  // The payload as the struct of this record's kind. Precondition: T::kKind == kind().
  template <class T>
  T As() const {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(a));
    T payload;
    std::memcpy(static_cast<void*>(&payload), a, sizeof(T));
    return payload;
  }
  // A record with `payload`; time, cpu and seq are the emitter's to fill in. Bytes that T does not
  // have are 0.
  template <class T>
  static TraceEvent Of(const T& payload) {
    static_assert(std::has_unique_object_representations_v<T>, "padding would reach the digest");
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(TraceEvent::a));
    TraceEvent event{};
    event.kind_bits = static_cast<uint64_t>(T::kKind) & 0xfff;
    event.cpu_bits = kNoCpu;
    std::memcpy(event.a, static_cast<const void*>(&payload), sizeof(T));
    return event;
  }
};
static_assert(sizeof(TraceEvent) == 48 && std::is_trivially_copyable_v<TraceEvent>);

// A task's state as traces print it: one of the letters of machine.md 9, and whether sched_switch
// prints `R+`.
struct StateCode {
  uint8_t letter = 'R';
  uint8_t preempted_in_kernel = 0;  // 0 or 1
};

// What a payload member is, for text, JSON and schemas.
enum class FieldKind : uint8_t {
  kInteger,
  kTask,
  kCpu,
  kLock,
  kCycles,
  kTime,
  kState,   // StateCode in 16 bits
  kSymbol,  // an index into the declared event's symbols
};

// --- scheduler ---------------------------------------------------------------------------------

// The three wake-up tracepoints have the same fields.
struct WakePayload {
  TaskId pid;
  int32_t prio = 0;
  CpuId target_cpu;
};
struct SchedWaking : WakePayload {
  static constexpr EventKind kKind = EventKind::kSchedWaking;
};
struct SchedWakeup : WakePayload {
  static constexpr EventKind kKind = EventKind::kSchedWakeup;
};
struct SchedWakeupNew : WakePayload {
  static constexpr EventKind kKind = EventKind::kSchedWakeupNew;
};

// `donor` is the scheduling context that was picked (equal to next_pid unless proxying); the
// kernel's tracepoint has no such field, text writers leave it out when equal. `kept_queued`: prev
// tried to sleep in prev_state and stays on the runqueue as a donor.
struct SchedSwitch {
  static constexpr EventKind kKind = EventKind::kSchedSwitch;
  TaskId prev_pid;
  TaskId next_pid;
  int32_t prev_prio = 0;
  int32_t next_prio = 0;
  StateCode prev_state;
  uint8_t voluntary = 0;    // 1: counted in nvcsw, 0: in nivcsw
  uint8_t kept_queued = 0;  // 0 or 1
  TaskId donor;
};

struct SchedMigrateTask {
  static constexpr EventKind kKind = EventKind::kSchedMigrateTask;
  TaskId pid;
  int32_t prio = 0;
  CpuId orig_cpu;
  CpuId dest_cpu;
};

// At every charge: `runtime` cycles executed by pid, booked to donor.
struct SchedStatRuntime {
  static constexpr EventKind kKind = EventKind::kSchedStatRuntime;
  Cycles runtime;
  TaskId pid;
  TaskId donor;
};

struct SchedProcessFork {
  static constexpr EventKind kKind = EventKind::kSchedProcessFork;
  TaskId parent_pid;  // invalid: spawned by the scenario
  TaskId child_pid;
};
struct SchedProcessExec {
  static constexpr EventKind kKind = EventKind::kSchedProcessExec;
  TaskId pid;
};
struct SchedProcessExit {
  static constexpr EventKind kKind = EventKind::kSchedProcessExit;
  TaskId pid;
  int32_t prio = 0;
};

// Priority inheritance changed the effective priority of pid; pi_task is the top waiter, invalid at
// a deboost to none.
struct SchedPiSetprio {
  static constexpr EventKind kKind = EventKind::kSchedPiSetprio;
  TaskId pid;
  int32_t oldprio = 0;
  int32_t newprio = 0;
  TaskId pi_task;
};

// A reschedule request was set on the record's cpu. lazy: 1 = TIF_NEED_RESCHED_LAZY.
struct SchedSetNeedResched {
  static constexpr EventKind kKind = EventKind::kSchedSetNeedResched;
  TaskId pid;  // curr of that CPU
  int32_t lazy = 0;
};
// A deadline entity of the record's cpu, as it is then: that of a task, or a server.
struct DlPayload {
  Time deadline;
  Cycles runtime;
  TaskId pid;           // invalid: a server
  int16_t server = 0;   // 1: the fair server
  int16_t overrun = 0;  // throttle, 1: it used up its budget and asked to know (dl_overrun)
};
// Its budget is used up, or it woke between its deadline and its next period.
struct SchedDlThrottle : DlPayload {
  static constexpr EventKind kKind = EventKind::kSchedDlThrottle;
};
struct SchedDlReplenish : DlPayload {
  static constexpr EventKind kKind = EventKind::kSchedDlReplenish;
};
// It was charged and has budget left.
struct SchedDlUpdate : DlPayload {
  static constexpr EventKind kKind = EventKind::kSchedDlUpdate;
};
struct SchedDlServerStart : DlPayload {
  static constexpr EventKind kKind = EventKind::kSchedDlServerStart;
};
struct SchedDlServerStop : DlPayload {
  static constexpr EventKind kKind = EventKind::kSchedDlServerStop;
};
struct SchedWakeIdleWithoutIpi {
  static constexpr EventKind kKind = EventKind::kSchedWakeIdleWithoutIpi;
  CpuId target;
};

enum class IpiReason : int32_t { kResched, kWakeList, kCall };
struct IpiSendCpu {
  static constexpr EventKind kKind = EventKind::kIpiSendCpu;
  CpuId target;
  IpiReason reason = IpiReason::kResched;
};
struct IpiEntry {
  static constexpr EventKind kKind = EventKind::kIpiEntry;
  IpiReason reason = IpiReason::kResched;
};
struct IpiExit {
  static constexpr EventKind kKind = EventKind::kIpiExit;
  IpiReason reason = IpiReason::kResched;
};

// --- locks -------------------------------------------------------------------------------------

inline constexpr int32_t kContentionSpin = 1;    // LCB_F_SPIN
inline constexpr int32_t kContentionMutex = 32;  // LCB_F_MUTEX; rt_mutex waits have kContentionRt
inline constexpr int32_t kContentionRt = 8;      // LCB_F_RT

struct ContentionBegin {
  static constexpr EventKind kKind = EventKind::kContentionBegin;
  LockId lock;
  TaskId pid;
  int32_t flags = 0;
};
struct ContentionEnd {
  static constexpr EventKind kKind = EventKind::kContentionEnd;
  LockId lock;
  TaskId pid;
  int32_t ret = 0;  // 0 or a negative errno
};

// The lock word after a change. flags: kWaitersFlag | kHandoffFlag | kPickupFlag of kernel.h.
struct MutexWord {
  static constexpr EventKind kKind = EventKind::kMutexWord;
  LockId lock;
  TaskId owner;  // invalid: none
  int32_t flags = 0;
};
struct MutexBlockedOn {
  static constexpr EventKind kKind = EventKind::kMutexBlockedOn;
  TaskId pid;
  LockId lock;  // invalid: none
};
enum class MutexQueue : int16_t { kWaitList, kOsq };
struct MutexWait {
  static constexpr EventKind kKind = EventKind::kMutexWait;
  LockId lock;
  TaskId pid;
  MutexQueue queue = MutexQueue::kWaitList;
  int16_t joined = 0;    // 1 joined, 0 left
  int32_t position = 0;  // where it was inserted, 0 = head; -1 when it left
};
// How a lock was got: by which path of lock() (mutex.md 6).
enum class AcquirePath : int32_t { kFast, kTry, kOsqSpin, kWaiterSpin, kSlow };
struct MutexAcquire {
  static constexpr EventKind kKind = EventKind::kMutexAcquire;
  LockId lock;
  TaskId pid;
  AcquirePath path = AcquirePath::kFast;
};
struct MutexRelease {
  static constexpr EventKind kKind = EventKind::kMutexRelease;
  LockId lock;
  TaskId pid;
};
enum class HandoffReason : int32_t { kFlag, kDonor, kAlways };
struct MutexHandoff {
  static constexpr EventKind kKind = EventKind::kMutexHandoff;
  LockId lock;
  TaskId pid;  // the unlocker
  TaskId to;
  HandoffReason reason = HandoffReason::kFlag;
};
// pid took a free lock although others were waiting and it was not the first of them.
struct MutexSteal {
  static constexpr EventKind kKind = EventKind::kMutexSteal;
  LockId lock;
  TaskId pid;
  TaskId first_waiter;
};
struct MutexSpin {
  static constexpr EventKind kKind = EventKind::kMutexSpin;
  Cycles cycles;  // how long it spun on its CPU
  LockId lock;
  TaskId pid;
};

// --- proxy execution ---------------------------------------------------------------------------

struct ProxyDonor {
  static constexpr EventKind kKind = EventKind::kProxyDonor;
  TaskId donor;
  TaskId curr;
};
struct ProxyMigrate {
  static constexpr EventKind kKind = EventKind::kProxyMigrate;
  TaskId pid;
  CpuId orig_cpu;
  CpuId dest_cpu;
};
struct ProxyDeactivate {
  static constexpr EventKind kKind = EventKind::kProxyDeactivate;
  TaskId pid;
};
struct ProxyPark {
  static constexpr EventKind kKind = EventKind::kProxyPark;
  TaskId pid;
  TaskId owner;
  int32_t parked = 0;  // 1 parked, 0 activated again
};

// pid executes, or would, for donor; invalid: for nobody.
struct ProxyLink {
  static constexpr EventKind kKind = EventKind::kProxyLink;
  TaskId pid;
  TaskId donor;
};
// Its wake-up takes `pid` off the runqueue of `cpu`; where it goes, sched_migrate_task says.
struct ProxyReturn {
  static constexpr EventKind kKind = EventKind::kProxyReturn;
  TaskId pid;
  CpuId cpu;
};
// How a walk ended: the rows of proxy-exec.md 5, and its limits.
enum class WalkEnd : int16_t {
  kRun,         // row 0: the task at the end executes
  kNoEdge,      // row 1: its wait is over, its wake-up is not
  kNoOwner,     // row 3
  kAsleep,      // row 4: the owner is on no runqueue
  kElsewhere,   // row 5: the owner is on another CPU
  kMigrating,   // row 6: the owner is on its way here
  kOwnsItself,  // row 8: handed over, the wake-up to come
  kDeadlock,    // the walk came back to a task
  kTooLong,     // max_chain
};
enum class WalkOutcome : int16_t { kRun, kIdle, kAgain, kEnds };
struct ProxyWalk {
  static constexpr EventKind kKind = EventKind::kProxyWalk;
  TaskId donor;
  TaskId end;        // the task at which the walk ended
  int32_t hops = 0;  // links between the two
  WalkEnd why = WalkEnd::kRun;
  WalkOutcome outcome = WalkOutcome::kRun;
};

// --- signals -----------------------------------------------------------------------------------

struct SignalGenerate {
  static constexpr EventKind kKind = EventKind::kSignalGenerate;
  TaskId pid;
  int32_t sig = 0;  // 9 = SIGKILL, 10 = an ordinary one
};
struct SignalDeliver {
  static constexpr EventKind kKind = EventKind::kSignalDeliver;
  TaskId pid;
  int32_t sig = 0;
};

// --- model -------------------------------------------------------------------------------------

struct SchedUndelay {
  static constexpr EventKind kKind = EventKind::kSchedUndelay;
  TaskId pid;
};
struct SchedDelay {
  static constexpr EventKind kKind = EventKind::kSchedDelay;
  TaskId pid;
};
// A raw tracepoint of the kernel: it has no text format there.
struct SchedEntry {
  static constexpr EventKind kKind = EventKind::kSchedEntry;
  int32_t preempt = 0;  // 0 or 1
};
struct Tick {
  static constexpr EventKind kKind = EventKind::kTick;
  TaskId curr;
  TaskId donor;
};

// What a CPU did. Values from kOverheadFirst on are overheads, one per machine cost (CostId of
// kernel.h).
enum class SegmentKind : int32_t { kIdle, kOffline, kUser, kKernel, kOverheadFirst };
// [start, event.t) on event.cpu. Emitted at the end of the stretch; the stretches of a CPU tile the
// run.
struct Segment {
  static constexpr EventKind kKind = EventKind::kSegment;
  Time start;
  TaskId curr;  // kIdleTask in idle; in an overhead the task it is charged to
  TaskId donor;
  SegmentKind kind = SegmentKind::kIdle;
  int32_t progress =
      0;  // 1: cycles of the task's own program or path, 0: overhead, spinning counts as 1
};

// `object` of a service's operation: which policy of the run, which of its operations.
inline constexpr int kServiceOpBits = 8;
constexpr int32_t ServiceOpObject(int policy, int op) { return policy << kServiceOpBits | op; }

struct OpBegin {
  static constexpr EventKind kKind = EventKind::kOpBegin;
  TaskId pid;
  int32_t op = 0;       // OpKind
  int32_t object = -1;  // lock, condvar … of the operation; -1: none
  int32_t index = 0;    // position in the flattened program
};
struct OpEnd {
  static constexpr EventKind kKind = EventKind::kOpEnd;
  int64_t result = 0;
  TaskId pid;
  int32_t op = 0;
  int32_t object = -1;
  int32_t index = 0;
};

// attribute: which of them changed; value by attribute.
enum class TaskAttrKind : int32_t { kCreated, kSched, kAffinity, kKthread, kCpu };
struct TaskAttr {
  static constexpr EventKind kKind = EventKind::kTaskAttr;
  TaskId pid;
  TaskAttrKind attribute = TaskAttrKind::kCreated;
  int32_t policy = 0;    // SchedPolicy
  int32_t priority = 0;  // the scenario's 0..99
  int32_t nice = 0;
  int32_t prio = 0;  // the kernel's, from the base attributes (not boosted)
};

struct StepBegin {
  static constexpr EventKind kKind = EventKind::kStepBegin;
  TaskId pid;
  int32_t policy = 0;
  int32_t path = 0;
  int32_t step = 0;
};

// queued: 1 on the runqueue of `queue` from now on, 0 no longer. wake_cpu is that of its last full
// placement.
struct SchedQueue {
  static constexpr EventKind kKind = EventKind::kSchedQueue;
  TaskId pid;
  CpuId queue;
  int32_t queued = 0;
  CpuId wake_cpu;
};
// The scheduling context of the record's cpu. Inside schedule() it changes before the switch, and
// several times if the pick is discarded.
struct SchedSetDonor {
  static constexpr EventKind kKind = EventKind::kSchedSetDonor;
  TaskId donor;
  TaskId curr;  // who executes at that moment
};
// CPUs first … first + 127 of the affinity of pid; a record for each part that the machine has.
struct TaskCpus {
  static constexpr EventKind kKind = EventKind::kTaskCpus;
  uint64_t mask[2] = {0, 0};  // bit k of mask[0] is CPU first + k
  TaskId pid;
  int32_t first = 0;
  bool Contains(CpuId cpu) const {
    const int32_t bit = cpu.value() - first;
    return bit >= 0 && bit < 128 && (mask[bit / 64] >> (bit % 64) & 1) != 0;
  }
};
// held: 1 the record's cpu is held from now on, 0 it goes on. window: the number in W1 … W5, 0 for
// a step of a policy.
struct WindowHold {
  static constexpr EventKind kKind = EventKind::kWindowHold;
  TaskId pid;
  int32_t window = 0;
  int32_t held = 0;
};
// acquired: locks held with the context; -1: it is closed. wait_die: 1 wait-die, 0 wound-wait.
struct WwContext {
  static constexpr EventKind kKind = EventKind::kWwContext;
  int64_t stamp = 0;  // larger is younger
  TaskId pid;
  int32_t acquired = 0;
  int32_t wounded = 0;
  int32_t wait_die = 0;
};

// Linux 7.2 kernel/sched/core.c: queue_balance_callback(), do_balance_callbacks(),
// zap_balance_callbacks(), on the record's cpu. `what` is the class's number for that work.
enum class CallbackChange : int32_t { kPutOff, kDone, kDropped };
struct SchedCallback {
  static constexpr EventKind kKind = EventKind::kSchedCallback;
  int32_t policy = 0;  // of the class
  int32_t what = 0;
  CallbackChange change = CallbackChange::kPutOff;
};

enum class ViolationCode : int32_t {
  kTooManyRequests,
  kTooManyFrames,
  kBadRequest,
  kNotOwner,
  kPickAgainLimit
};
struct PolicyViolation {
  static constexpr EventKind kKind = EventKind::kPolicyViolation;
  int32_t policy = 0;
  ViolationCode code = ViolationCode::kBadRequest;
  TaskId pid;
  int32_t detail = 0;
};

// --- wake-ups and balancing, for the counters of /proc/schedstat and /proc/PID/sched
// ---------------

// Linux 7.2 kernel/sched/core.c: ttwu_stat(). waker_cpu invalid: from outside.
struct TtwuStat {
  static constexpr EventKind kKind = EventKind::kTtwuStat;
  TaskId pid;
  CpuId waker_cpu;
  CpuId target_cpu;
  int16_t migrated = 0;  // 1: not the CPU it was on
  int16_t sync = 0;
};
struct SchedWakeAffine {
  static constexpr EventKind kKind = EventKind::kSchedWakeAffine;
  TaskId pid;
  CpuId this_cpu;
  CpuId prev_cpu;
  int32_t affine = 0;  // 1: this_cpu became the target
};

// cpu_idle_type.
enum class IdleKind : int16_t { kBusy, kIdle, kNewlyIdle };
// How a pass ended: the counter of /proc/schedstat that it raises besides lb_count.
enum class BalanceResult : int16_t {
  kNotHere,      // lb_balanced: another CPU of the group does it
  kNoBusyGroup,  // lb_balanced, lb_nobusyg
  kNoBusyQueue,  // lb_balanced, lb_nobusyq
  kPinned,       // lb_balanced: nothing there may come here
  kFailed,       // lb_failed
  kMoved,        // lb_gained
};
// What the imbalance of a pass counts.
enum class BalanceUnit : int16_t { kLoad, kUtil, kTask, kMisfit };
struct SchedBalance {
  static constexpr EventKind kKind = EventKind::kSchedBalance;
  int64_t imbalance = 0;
  CpuId dst_cpu;
  CpuId src_cpu;      // invalid: none was found
  int32_t level = 0;  // number of the domain of dst_cpu, from the lowest
  IdleKind idle = IdleKind::kBusy;
  BalanceResult result = BalanceResult::kFailed;
  BalanceUnit unit = BalanceUnit::kTask;
  int16_t active = 0;  // 1: it asked for an active balance
  int16_t gained = 0;
  int16_t hot_gained = 0;
};
struct SchedActiveBalance {
  static constexpr EventKind kKind = EventKind::kSchedActiveBalance;
  CpuId src_cpu;
  CpuId dst_cpu;
  int32_t level = 0;  // of dst_cpu
  TaskId pid;         // pushed; invalid: alb_failed
};
enum class MoveRefusal : int32_t { kAffine, kRunning, kHot, kOther };
struct SchedMoveRefused {
  static constexpr EventKind kKind = EventKind::kSchedMoveRefused;
  TaskId pid;
  CpuId dst_cpu;
  MoveRefusal reason = MoveRefusal::kOther;
};

// Linux 7.2 include/trace/events/cpuhp.h. The callback itself has no address here; its name is that
// of the step `idx`.
struct CpuhpEnter {
  static constexpr EventKind kKind = EventKind::kCpuhpEnter;
  CpuId cpu;
  int32_t target = 0;
  int32_t idx = 0;
  int32_t up = 0;  // 1 the startup, 0 the teardown callback; or kCpuhpKick
};
struct CpuhpMultiEnter {
  static constexpr EventKind kKind = EventKind::kCpuhpMultiEnter;
  CpuId cpu;
  int32_t target = 0;
  int32_t idx = 0;
  int32_t up = 0;
  int32_t instance = 0;  // the number of the instance, in the order in which they were added
};
struct CpuhpExit {
  static constexpr EventKind kKind = EventKind::kCpuhpExit;
  CpuId cpu;
  int32_t state = 0;
  int32_t idx = 0;
  int32_t ret = 0;
};
enum class HotplugMaskKind : int32_t {
  kOnline,
  kActive,
  kDying,  // an operation takes it down
  kPush,   // what is picked there is pushed away
  kQueue,  // its runqueue takes part in pushing and pulling
};
struct HotplugMask {
  static constexpr EventKind kKind = EventKind::kHotplugMask;
  CpuId cpu;
  HotplugMaskKind mask = HotplugMaskKind::kOnline;
  int32_t on = 0;
  int32_t reserved = 0;
};
enum class HotplugPhase : int32_t {
  kRequested,
  kLocked,  // the controller has the lock
  kDone,    // both locks are released, `result` is what the caller gets
};
struct HotplugOp {
  static constexpr EventKind kKind = EventKind::kHotplugOp;
  int64_t result = 0;
  CpuId cpu;           // whose state changes; invalid: all of them (freeze, thaw)
  int32_t target = 0;  // state that it is brought to; 0 offline
  HotplugPhase phase = HotplugPhase::kRequested;
  int32_t id = 0;  // operations of a run, from 1
};

// --- declared by policies ----------------------------------------------------------------------

// Up to six integers; the first two are 64 bits wide, the others 32. EventInfo in policy.h names
// them.
struct PolicyEventPayload {
  int64_t wide[2] = {0, 0};
  int32_t narrow[4] = {0, 0, 0, 0};
};
static_assert(sizeof(PolicyEventPayload) == 32);

// The name of a fixed kind as traces and `list events` print it; "" for kinds of policies.
std::string_view EventName(EventKind kind);

// One member of a payload as generic writers see it.
struct FieldValue {
  std::string_view name;
  FieldKind kind;
  int64_t value;
  void (*text)(int64_t value, std::string& out) = nullptr;  // kSymbol: what it means
};
// Takes a record apart into at most kMaxEventFields values, in the order in which they are printed;
// returns how many. For kinds of policies use EventInfo (policy.h).
inline constexpr int kMaxEventFields = 10;
int FieldsOf(const TraceEvent& event, FieldValue out[kMaxEventFields]);

}  // namespace rqsim

#endif  // RQSIM_TRACE_EVENT_H_
