// The five seams: where a policy plugs in. Each hook sits where the kernel function sits, is told
// what that function knows, and decides what that function decides; the machine does the rest.
// Paths and tables: policy.h.
//
// Required answers are pure virtual. Optional hooks have a bit in the seam's Hook enumeration; a
// policy returns its bits from Hooks() once, and a hook whose bit is not set is never called and
// costs nothing.
#ifndef RQSIM_SEAMS_H_
#define RQSIM_SEAMS_H_

#include <array>
#include <cstdint>
#include <span>

#include "rqsim/ids.h"
#include "rqsim/kernel.h"
#include "rqsim/policy.h"
#include "rqsim/time.h"

namespace rqsim {

// The optional hooks of all seams.
enum class Hook : uint64_t {
  kOnTask = 1u << 0,
  // SchedClass
  kYield = 1u << 1,
  kSelectCpu = 1u << 2,
  kTaskWoken = 1u << 3,
  kBalance = 1u << 4,
  kSwitchedFrom = 1u << 5,
  kSwitchedTo = 1u << 6,
  kPrioChanged = 1u << 7,
  kForked = 1u << 8,
  kMayMove = 1u << 9,
  kRqOnline = 1u << 10,
  kNextTick = 1u << 11,
  kNeedsTick = 1u << 12,
  // LockProtocol
  kKeepsQueued = 1u << 13,
  kResolveDonor = 1u << 14,
  kWakeQueued = 1u << 15,
  kEnqueued = 1u << 16,
  kSignalled = 1u << 17,
  kLockPrioChanged = 1u << 18,
  // Placement
  kKthreadCall = 1u << 19,
  kTickBalance = 1u << 20,
  kNewIdle = 1u << 21,
  // Not a hook: the machine keeps load averages, and the placement reads them.
  kTracksLoad = 1u << 26,
  // KernelService
  kBlockPath = 1u << 22,
  kSwitchedPath = 1u << 23,
  kUserReturnPath = 1u << 24,
  kScheduled = 1u << 25,
  kKernelEntryPath = uint64_t{1} << 31,
  // Every seam
  kOnStart = 1u << 30,
  // SchedClass again
  kBalanceCallback = 1u << 27,
  kServer = 1u << 28,
  kAdmit = 1u << 29,
};

class HookMask {
 public:
  constexpr HookMask() = default;
  constexpr HookMask(Hook hook)
      : bits_(static_cast<uint64_t>(hook)) {}  // NOLINT: a hook is a mask of one
  friend constexpr HookMask operator|(HookMask a, HookMask b) {
    HookMask mask;
    mask.bits_ = a.bits_ | b.bits_;
    return mask;
  }
  constexpr bool Has(Hook hook) const { return (bits_ & static_cast<uint64_t>(hook)) != 0; }

 private:
  uint64_t bits_ = 0;
};
constexpr HookMask operator|(Hook a, Hook b) { return HookMask(a) | HookMask(b); }

// ================================================================================ SchedClass

// Why a task comes onto or leaves a runqueue (Linux 7.2 kernel/sched/sched.h: ENQUEUE_*,
// DEQUEUE_*).
enum class QueueReason : uint8_t {
  kWakeup,        // enqueue: after sleep; dequeue never
  kNew,           // enqueue: first wake-up after fork
  kSleep,         // dequeue: blocks; the class may answer Delayed
  kSpecialSleep,  // dequeue: a state that must not be delayed (dead, parked, stopped, frozen, a
                  // return migration)
  kMigrate,       // both: moves to another runqueue
  kChange,        // both: attributes change, comes back at once, same class
  kSwitch,        // both: changes class
  kRestore,       // enqueue: a parked donor, or a throttled task, comes back
};

enum class DequeueResult : uint8_t {
  kGone,     // off the queue
  kDelayed,  // asleep but still queued; the class calls Kernel::FinishDequeue when it really leaves
};

struct PickResult {
  enum class Kind : uint8_t { kNothing, kRunTask, kPickFrom };
  Kind kind = Kind::kNothing;
  TaskId task;             // kRunTask
  uint8_t from_class = 0;  // kPickFrom: ask that class, on behalf of `server`
  int32_t server = -1;
  static PickResult Nothing() { return PickResult(); }
  static PickResult Run(TaskId task) {
    PickResult result;
    result.kind = Kind::kRunTask;
    result.task = task;
    return result;
  }
  static PickResult From(uint8_t sched_class, int32_t server) {
    PickResult result;
    result.kind = Kind::kPickFrom;
    result.from_class = sched_class;
    result.server = server;
    return result;
  }
};

// How a task becomes the donor of its CPU.
enum class SetNextReason : uint8_t {
  kPicked,    // schedule() chose it ("first" in the kernel)
  kRestored,  // it was the donor before its attributes changed, and is again
};

enum class TickKind : uint8_t {
  kPeriodic,
  kSlice,  // the slice timer of the CPU expired (queued = 1 in the kernel)
};

// A scheduling class: which task has the CPU. Example: src/policies/sched_class/fifo.cc.
//
// The machine books time. Before it calls any hook below for a runqueue whose donor is of the same
// class it calls Charge() for the cycles since the last charge, if there are any; so a hook always
// sees time booked up to now().
class SchedClass : public Policy {
 public:
  // When:    once, at the creation of the run. State: nothing exists yet. May: nothing.
  // Returns: the optional hooks this class implements.
  // Default: none.
  virtual HookMask Hooks() const { return HookMask(); }

  // Puts `task` on the class's queue of `cpu`.
  // When:    wake-up, fork, migration, change of attributes (Linux 7.2 kernel/sched/core.c:
  //          enqueue_task()); also kWakeup of a delayed task, which is queued already: it is awake
  //          from now on.
  // State:   task.cpu is `cpu`; task.on_rq is still false, but for a delayed task. For kChange and
  //          kSwitch of the running task, it is the donor of the CPU, and SetNext(kRestored)
  //          follows. After kChange a delayed task is still delayed.
  // May:     ArmTimer, ArmTimerAfterSwitch, CancelTimer, StartHrtick, Resched.
  // Default: none, every class decides.
  virtual void Enqueue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) = 0;

  // Takes `task` off the queue, or keeps it as delayed.
  // When:    it blocks, migrates, changes (core.c: dequeue_task()); also to complete a delayed
  //          dequeue from outside (task.sched_delayed is true and the reason is not kChange).
  // State:   task.on_rq is true. It may be the donor.
  // May:     ArmTimer, CancelTimer, Resched.
  // Returns: kGone, or (kSleep of a task that is not delayed only) kDelayed.
  // Default: none, every class decides.
  virtual DequeueResult Dequeue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) = 0;

  // Chooses the next donor of `cpu` among the queued tasks of this class, the present donor among
  // them if it is still queued. Must not change who is the donor. When:    schedule(), if no
  // stronger class had one (core.c: __pick_next_task(), the class's pick_task()). State: nr_queued
  // of this class is not 0; the present donor has been charged. May:     FinishDequeue for delayed
  // tasks it meets (and then go on looking). Returns: RunTask, PickFrom another class on behalf of
  // a server, or Nothing (all queued ones are throttled). Default: none, every class decides.
  virtual PickResult Pick(Kernel& kernel, CpuId cpu) = 0;

  // `task` stops being the donor of `cpu`.
  // When:    schedule() chose another donor, or its attributes are about to change (core.c:
  // put_prev_task()). State:   charged up to now. task.on_rq tells whether it is still queued. May:
  // timers. Default: none, every class decides.
  virtual void PutPrev(Kernel& kernel, CpuId cpu, TaskId task) = 0;

  // `task` becomes the donor of `cpu`. Not called when the same donor is picked again.
  // When:    after PutPrev of the old donor (core.c: set_next_task()).
  // State:   task is queued on `cpu`. With kPicked a switch is being decided; its end is not known
  // yet:
  //          ArmTimerAfterSwitch and StartHrtick count from it.
  // May:     timers.
  // Default: none, every class decides.
  virtual void SetNext(Kernel& kernel, CpuId cpu, TaskId task, SetNextReason reason) = 0;

  // Books `length` > 0 cycles that `curr` executed to `donor`, the donor of `cpu`: virtual time,
  // budget, slice. When:    see the head of this class (Linux 7.2 kernel/sched/fair.c:
  // update_curr() and its like). State:   the machine has already added length to curr.exec and
  // donor.charged. May:     Resched of this CPU. Default: none, every class decides.
  virtual void Charge(Kernel& kernel, CpuId cpu, TaskId donor, TaskId curr, Cycles length) = 0;

  // Says whether `woken`, just enqueued on `cpu`, should run before the donor; requests Resched if
  // so. When:    end of a wake-up or migration on the target CPU (core.c: wakeup_preempt()). State:
  // woken is queued. This class is the runqueue's next_class; woken is of this class, or of a
  // stronger one
  //          (then the machine reschedules by itself and this call only lets the class take note).
  // May:     Resched of this CPU, timers, FinishDequeue.
  // Default: none, every class decides.
  virtual void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId woken, WakeFlags flags) = 0;

  // The tick, seen by the class of the donor.
  // When:    periodic tick or slice timer (core.c: sched_tick(), hrtick(), the class's
  // task_tick()),
  //          after the charge.
  // State:   `donor` is of this class. A lazy request that was pending has been made a full one.
  // May:     Resched of this CPU, timers.
  // Default: none, every class decides.
  virtual void Tick(Kernel& kernel, CpuId cpu, TaskId donor, TickKind kind) = 0;

  // The donor gives way (sched_yield()). schedule() follows.
  // When:    operation yield (Linux 7.2 kernel/sched/syscalls.c: do_sched_yield()). State: charged.
  // May:     timers. Default: nothing, the pick decides (bit kYield).
  virtual void Yield(Kernel& kernel, CpuId cpu, TaskId donor);

  // Chooses the CPU for a waking task of this class.
  // When:    wake-up, fork, exec, if the task may run on more than one CPU (core.c:
  // select_task_rq()). State:   task is on no runqueue; `waker` is the waking CPU, invalid for one
  // from outside. May:     nothing. Returns: a CPU; an impossible one is replaced by the fallback.
  // Default: the run's Placement chooses (bit kSelectCpu).
  virtual CpuId SelectCpu(Kernel& kernel, TaskId task, CpuId waker, WakeFlags flags);

  // A woken task of this class could not preempt: move somebody away?
  // When:    after WakeupPreempt of a wake-up (core.c: ttwu_do_activate(), the class's
  // task_woken()). State:   task is queued on `cpu`. May: BalanceLater, Resched; what is put off is
  // done right after. Default: nothing (bit kTaskWoken).
  virtual void TaskWoken(Kernel& kernel, CpuId cpu, TaskId task);

  // Before the pick: pull work here? (The class's balance(); for RT and deadline.)
  // When:    schedule(), from the class of the old donor downwards until one of these classes, or a
  // stronger one, has something runnable; not if only tasks of the weakest class are queued and the
  // old donor was of no stronger one. State:   prev may have left the queue. May: MoveTask to
  // `cpu`, Resched. Default: nothing (bit kBalance).
  virtual void Balance(Kernel& kernel, CpuId cpu, TaskId prev);

  // Work that this class put off with BalanceLater: push tasks away, pull some here.
  // When:    end of the switch, or of the wake-up, timer or change of attributes that asked for it;
  // what was asked for last comes first (core.c: __balance_callbacks()). State:   the runqueue is
  // consistent; after a switch, curr is the new task. May: MoveTask, Resched. Returns: whether to
  // be called again, when that has been done. Default: nothing more to do (bit kBalanceCallback).
  virtual bool BalanceCallback(Kernel& kernel, CpuId cpu, int what);

  // The first task of the class that this one serves (PolicyInfo::serves) is queued on `cpu`.
  // When:    enqueue that takes the count of that class from 0 to 1, delayed tasks included
  // (deadline.c: dl_server_start()). State:   the donor of `cpu` has been charged, the idle task
  // too. May: timers, QueueServer, Resched. Default: nothing (bit kServer).
  virtual void ServerStart(Kernel& kernel, CpuId cpu);

  // `length` > 0 cycles of `cpu` went to the class that this one serves, or to the idle task.
  // When:    a donor of that class is charged, before its own class hears of it (fair.c:
  // update_curr()); the idle task at the end of idling and at a tick (idle.c: update_curr_idle()).
  // State:   as Charge. May: as ServerStart. Default: nothing (bit kServer).
  virtual void ServerCharge(Kernel& kernel, CpuId cpu, Cycles length);

  // The server was picked, but there is nothing to run for it.
  // When:    after PickFrom (deadline.c: dl_server_stop()). State: the served class has nothing
  // queued that is awake. May: timers, QueueServer: it must leave the queue. Default: nothing (bit
  // kServer).
  virtual void ServerStop(Kernel& kernel, CpuId cpu);

  // May `task` have `attr`, whose policy is one of this class's?
  // When:    sched_setattr(), and before a task that has such a policy from the start runs
  // (deadline.c: sched_dl_overflow()). State:   nothing has been changed. May: change its own
  // state: with 0 the change follows. Returns: 0 or a negative errno. Default: it may (bit kAdmit).
  virtual int64_t Admit(Kernel& kernel, TaskId task, const SchedAttr& attr);
  // May `task`, which is of this class, have the affinity `cpus`?
  // When:    sched_setaffinity() (syscalls.c: dl_task_check_affinity()). State: not changed yet.
  // May: nothing. Returns: 0 or a negative errno. Default: it may (bit kAdmit).
  virtual int64_t AdmitAffinity(Kernel& kernel, TaskId task, const CpuSet& cpus);

  // May `cpu` go offline, as far as this class has promised something to its tasks?
  // When:    before `active` is cleared (deadline.c: dl_bw_deactivate()). State: cpu is active.
  // May: nothing. Returns: 0 or a negative errno. Default: it may (bit kAdmit).
  virtual int64_t AdmitOffline(Kernel& kernel, CpuId cpu);

  // `task` has left this class / has come to it, or its priority inside it changed from `old`.
  // When:    sched_setattr(), inheritance (core.c: sched_change_end()). State: queued or not, new
  // attributes in place; SwitchedFrom: off the old queue, not yet on the new one. May:     Resched,
  // BalanceLater, Throttle, Unthrottle, timers. Default: nothing (bits kSwitchedFrom,
  // kSwitchedTo, kPrioChanged).
  virtual void SwitchedFrom(Kernel& kernel, CpuId cpu, TaskId task);
  // When:    as SwitchedFrom. State: as SwitchedFrom. May: as SwitchedFrom. Default: nothing (bit
  // kSwitchedTo).
  virtual void SwitchedTo(Kernel& kernel, CpuId cpu, TaskId task);
  // When:    as SwitchedFrom, the class stayed. State: as SwitchedFrom. May: as SwitchedFrom.
  // Default: nothing (bit kPrioChanged).
  virtual void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr& old);

  // A child of this class was made; `parent` is invalid for a task that the scenario spawns.
  // When:    fork, before the first wake-up (the class's task_fork()). State: child has its
  // attributes, is on no queue. May:     nothing. Default: nothing (bit kForked).
  virtual void Forked(Kernel& kernel, TaskId parent, TaskId child);

  // May a balancer that has not failed yet take `task` from its queue?
  // When:    balancing, when the queue that it would come to is not empty (Linux 7.2
  //          kernel/sched/fair.c: task_is_ineligible_on_dst_cpu()).
  // State:   queued, not executing. The donor of its queue is not charged for this, as in the
  //          kernel.
  // May:     nothing.
  // Returns: whether it may.
  // Default: this class's tasks are not balanced (bit kMayMove); of several classes that have the
  //          bit the weakest is balanced.
  virtual bool MayMove(Kernel& kernel, TaskId task);

  // The runqueue goes online (`online`) or offline.
  // When:    CPU hotplug (the class's rq_online(), rq_offline()). State: mask already changed.
  // May:     timers. Default: nothing (bit kRqOnline).
  virtual void RqChanged(Kernel& kernel, CpuId cpu, bool online);

  // The earliest instant at which a tick could change a decision of this class on `cpu`: what lies
  // before it need not be an event (each such tick is charged and told to Tick() later, one by one,
  // before anything else happens to the CPU). When:    a tick has been taken. State: charged up to
  // now; what follows is charged at each tick, and nothing else changes. May: nothing. Returns: an
  // instant in cycles, not after the first tick that makes a request; kNever if none can.
  // Default: every tick may, and none is left out (bit kNextTick).
  virtual Time NextTickOfInterest(Kernel& kernel, CpuId cpu);

  // May this CPU run without ticks while only the present tasks are runnable (nohz_full)?
  // When:    a listed CPU is about to arm its tick (core.c: sched_can_stop_tick()). State: any.
  // May: nothing. Returns: whether this class needs the tick. Default: it does not (bit
  // kNeedsTick).
  virtual bool NeedsTick(Kernel& kernel, CpuId cpu);
};

// ============================================================================== LockProtocol

// The paths every lock protocol has, at these positions of PolicyInfo::paths. r[0] is the lock,
// r[1] a LockWait. lock returns 0 or a negative errno, unlock 0, trylock 1 or 0.
inline constexpr PathId kLockPath{0};
inline constexpr PathId kUnlockPath{1};
inline constexpr PathId kTrylockPath{2};

// What is to be done with a picked donor that is blocked.
struct DonorAction {
  enum class Kind : uint8_t {
    kDeactivate,  // off the queue, waits as an ordinary sleeper
    kMove,        // to the runqueue of `cpu`, whatever its affinity; wake_cpu is kept
    kMoveChain,   // the same for it and every donor above it, along blocked_donor
    kPark,        // off the queue until `owner` is queued again
    kReturn,      // off the queue, and woken by this CPU as if its wait were over
  };
  Kind kind = Kind::kDeactivate;
  TaskId task;
  CpuId cpu;     // kMove, kMoveChain
  TaskId owner;  // kPark
};
struct DonorAnswer {
  enum class Kind : uint8_t {
    kRunTask,
    kRunIdle,
    kRunIdleKeepResched,  // somebody else has to finish something first: look again soon
    kPickAgain,
    kDeadlock,  // the run ends: a cycle of owners and waiters
    kStuck,     // this CPU walks in a circle for ever, interrupts off
    kHeld,      // the walk is held at W3 (Kernel::HoldsAt said so); the hook is called again for
                // the same donor when that is over
  };
  Kind kind = Kind::kRunTask;
  TaskId task;            // kRunTask: what executes on behalf of the donor
  Cycles retry_after{1};  // kRunIdleKeepResched: … after this, if it ended so before and nothing
                          // else happens meanwhile
  Cycles overhead;        // chain walk, migration: part of this schedule()'s overhead
  int num_actions = 0;
  std::array<DonorAction, kMaxProxyActions> actions{};
  static DonorAnswer Run(TaskId task) {
    DonorAnswer answer;
    answer.task = task;
    return answer;
  }
  static DonorAnswer Of(Kind kind) {
    DonorAnswer answer;
    answer.kind = kind;
    return answer;
  }
  DonorAnswer& Then(const DonorAction& action) {
    if (num_actions < kMaxProxyActions) actions[static_cast<std::size_t>(num_actions++)] = action;
    return *this;
  }
};

// How a task that was kept queued wakes up.
enum class WakeAnswer : uint8_t {
  kInPlace,  // stays queued here and is runnable again; the class's check runs if it does not
             // execute
  kInPlaceResched,  // … and this CPU reschedules in any case
  kReturn,          // must be placed anew: dequeued here, full wake-up (return migration). A CPU
                    // that loses its donor reschedules
  kReturnResched,   // … and so does this CPU in any case
};

// A mutex protocol: who gets a lock, who waits how, and whose scheduling context an owner uses.
class LockProtocol : public Policy {
 public:
  // When:    once, at the creation of the run. State: nothing exists yet. May: nothing.
  // Returns: the optional hooks this protocol implements. Default: none.
  virtual HookMask Hooks() const { return HookMask(); }

  // Does `prev`, which is about to sleep in a wait of this protocol, stay on the runqueue as a
  // donor? When:    step 1 of schedule() (Linux 7.2 kernel/sched/core.c: __schedule(),
  // task_is_blocked()). State:   prev executes, its state is a sleep state, no signal ends the
  // sleep. May: nothing. Returns: true: not dequeued, gated by is_blocked. Default: no (bit
  // kKeepsQueued).
  virtual bool KeepsQueued(Kernel& kernel, TaskId prev);

  // Who executes on behalf of the picked donor?
  // When:    at every pick of a task whose gate is_blocked is set (core.c: find_proxy_task()).
  // State:   `picked` is the donor of `cpu`. May: SetBlockedOn, ClearBlockedGate, SetBlockedDonor,
  // Emit. Returns: what DonorAnswer says, with overhead in cycles and actions. Before the
  //          first action the machine puts the idle task in as donor; it applies them in order;
  //          what arrives on another CPU does so at the end of this schedule()'s overhead.
  // Default: run it (bit kResolveDonor).
  virtual DonorAnswer ResolveDonor(Kernel& kernel, CpuId cpu, TaskId picked);

  // How does a task wake up that was kept queued (gate set), or is not where it was placed last?
  // When:    step 3 of the wake-up path (core.c: ttwu_runnable(), proxy_needs_return()). State:
  // task is queued. May:     SetBlockedOn, SetBlockedDonor, AddWakeCost, Emit. Returns: see
  // WakeAnswer. Default: in place (bit kWakeQueued).
  virtual WakeAnswer WakeQueued(Kernel& kernel, TaskId task);

  // `task` has just been enqueued on `cpu`: do parked waiters follow it?
  // When:    after every enqueue of a wake-up, W5 (core.c: the sleeping-owner activation of v9).
  // State: task is queued. May:     EnqueueOn, Resched, SetBlockedOn, AddWakeCost, Emit. Default:
  // nothing follows (bit kEnqueued).
  virtual void Enqueued(Kernel& kernel, TaskId task, CpuId cpu);

  // A signal was sent to `task` while it waits in this protocol.
  // When:    signal delivery, before its wake-up. State: blocked_on is set.
  // May:     any request. Default: nothing, the wake-up decides (bit kSignalled).
  virtual void Signalled(Kernel& kernel, TaskId task);

  // The base attributes of `task` changed, so its place among waiters may (rt_mutex_adjust_pi()).
  // When:    sched_setattr(). State: new attributes in place. May: SetEffective, Emit.
  // Default: nothing (bit kLockPrioChanged).
  virtual void PrioChanged(Kernel& kernel, TaskId task);
};

// ================================================================================= Placement

// A balancing pass looks, moves something and looks again. So the hooks that balance make requests
// and answer whether they have more to do: the machine carries the requests out and asks again.
enum class BalanceAnswer : uint8_t {
  kDone,
  kAgain,  // carry out what was asked for, then call BalanceStep
};

// What OnKthreadCall is told.
struct KthreadCall {
  enum class Kind : uint8_t {
    kCreate,
    kFirstWake,
    kAffinePreferred,        // kthread_affine_preferred()
    kAffinePreferredUpdate,  // kthread_affine_preferred_update()
    kBind,                   // kthread_bind_mask()
    kIsolate,                // housekeeping_update(): `cpus` are isolated
  };
  Kind kind = Kind::kCreate;
  TaskId task;
  CpuSet cpus;
};

// Where tasks go: wake-up selection, fallback, balancing, the affinity of kernel threads.
class Placement : public Policy {
 public:
  // When:    once, at the creation of the run. State: nothing exists yet. May: nothing.
  // Returns: the optional hooks this placement implements. Default: none.
  virtual HookMask Hooks() const { return HookMask(); }

  // Chooses a CPU for a waking, new or executing-anew task.
  // When:    wake-up, fork, exec (Linux 7.2 kernel/sched/core.c: select_task_rq(), fair.c:
  // select_task_rq_fair()). State:   on no runqueue (exec: running). `waker` is the waking CPU;
  // invalid for a wake-up from outside. The machine
  //          has dealt with tasks that may run on one CPU only.
  // May:     nothing. Returns: a CPU; if it is not allowed or not active, FallbackCpu is asked.
  // Default: none, every placement decides.
  virtual CpuId SelectCpu(Kernel& kernel, TaskId task, CpuId waker, WakeFlags flags) = 0;

  // A CPU for a task whose selected CPU cannot be used (core.c: select_fallback_rq()).
  // When:    wake-up, hotplug. State: as SelectCpu. May: SetAffinity when no allowed CPU is left.
  // Returns: an active CPU (for kernel threads an online one).
  // Default: none, every placement decides.
  virtual CpuId FallbackCpu(Kernel& kernel, CpuId from, TaskId task) = 0;

  // Something is done about a kernel thread's affinity, or about who may be disturbed.
  // When:    kCreate: the thread was created and waits for its first wake-up (Linux 7.2
  //          kernel/kthread.c: kthread_create_on_node()). kFirstWake: it is about to be placed for
  //          the first time (kthread_affine_node()). The others: the functions of those names.
  // State:   `task` is a kernel thread that kernel.kthread_affinity() knows; kIsolate has none.
  // May:     SetAffinity, ForceAffinity, BindKthread, SetHousekeeping, Emit.
  // Default: nothing (bit kKthreadCall).
  virtual void OnKthreadCall(Kernel& kernel, const KthreadCall& call);

  // Is `cpu` to balance at the end of this interrupt, and is an idle CPU to be kicked (Linux 7.2
  // kernel/sched/fair.c: sched_balance_trigger())?
  // When:    a tick of `cpu`, after the class's.
  // State:   a busy CPU has left tickless(). `idle` is kBusy or kIdle.
  // May:     KickBalance.
  // Returns: whether PeriodicBalance is due.
  // Default: no (bit kTickBalance).
  virtual bool TickBalance(Kernel& kernel, CpuId cpu, IdleKind idle);

  // The earliest instant at which a tick of `cpu`, which is busy, could find that something is due.
  // When:    a tick has been taken; asked again when tickless() has changed.
  // State:   as for TickBalance.
  // May:     nothing.
  // Returns: an instant in cycles, kNever if none can.
  // Default: every tick may, and none is left out (bit kNextTick).
  virtual Time NextTickOfInterest(Kernel& kernel, CpuId cpu);

  // Periodic balancing (fair.c: sched_balance_domains()).
  // When:    the end of the timer interrupt whose tick asked for it.
  // State:   all timers of the instant have run; `idle` is what the CPU was at the tick.
  // May:     DetachTask, AttachDetached, PassOver, RefreshLoad, SetOverloaded, Spend,
  //          QueueStopWork, Emit.
  // Returns: see BalanceAnswer.
  // Default: nothing (bit kTickBalance).
  virtual BalanceAnswer PeriodicBalance(Kernel& kernel, CpuId cpu, IdleKind idle);

  // `cpu`, an idle CPU, was kicked: balances for the idle CPUs (fair.c: nohz_idle_balance()).
  // When:    the IPI of KickBalance has arrived.
  // State:   interrupts off.
  // May:     as PeriodicBalance.
  // Returns: see BalanceAnswer.
  // Default: nothing (bit kTickBalance).
  virtual BalanceAnswer KickedBalance(Kernel& kernel, CpuId cpu);

  // `cpu` found nothing to run (fair.c: sched_balance_newidle()).
  // When:    the pick, before idle is chosen.
  // State:   nothing is runnable; the old donor may still be the donor.
  // May:     as PeriodicBalance.
  // Returns: see BalanceAnswer. If something is runnable then, the pick begins again.
  // Default: nothing (bit kNewIdle).
  virtual BalanceAnswer NewIdle(Kernel& kernel, CpuId cpu);

  // The balancing that answered kAgain goes on.
  // When:    its requests have been carried out.
  // State:   as in the hook that began it.
  // May:     as PeriodicBalance.
  // Returns: see BalanceAnswer.
  // Default: it is done (bits kTickBalance, kNewIdle).
  virtual BalanceAnswer BalanceStep(Kernel& kernel, CpuId cpu);
};

inline constexpr int64_t kHotplugWait = 1;

// ============================================================================= KernelService

class UserScheduler;

// Who asks for another mask of a task, and what a service answers.
enum class MaskChange : uint8_t {
  kUser,     // sched_setaffinity()
  kCpuset,   // the task is moved to another cpuset
  kHotplug,  // its cpuset follows the active CPUs
};
enum class MaskAnswer : uint8_t {
  kChange,  // it is none of the service's business
  kKeep,    // granted, and the task stays where the service holds it
  kRefuse,  // -EINVAL
};

// Anything that adds operations, kthreads and hooks to the kernel: pairing, UMCG, CPU hotplug. It
// must give no answer; what it has stands in its PolicyInfo. Hooks return a path for the task in
// question to execute, or none.
class KernelService : public Policy {
 public:
  // When:    once, at the creation of the run. State: nothing exists yet. May: nothing.
  // Returns: the optional hooks this service implements. Default: none.
  virtual HookMask Hooks() const { return HookMask(); }

  // A path to execute before `task` goes to sleep.
  // When:    a voluntary sleep, before schedule() decides (Linux 7.2 kernel/sched/core.c:
  // sched_submit_work()). State:   task executes, is in kernel mode, has not set its sleep state.
  // Not called for sleeps inside such a path. May:     nothing. Returns: a path, or none. Default:
  // none (bit kBlockPath).
  virtual PathCall BlockPath(Kernel& kernel, TaskId task);

  // A path to execute at the end of a switch, in the new task's context (the idle task's too),
  // before its first step. When:    end of a switch, after interrupts that were held (core.c:
  // finish_task_switch()). State:   prev is off the CPU. May: nothing. Returns: a path, or none.
  // Default: none (bit kSwitchedPath).
  virtual PathCall SwitchedPath(Kernel& kernel, CpuId cpu, TaskId prev, TaskId next);

  // A path to execute before `task` returns to user mode.
  // When:    every return to user mode, after a pending reschedule (Linux 7.2
  // kernel/entry/common.c:
  //          __exit_to_user_mode_loop()), in the order of the set's services, again until none
  //          applies.
  // State:   task executes in kernel mode. May: nothing. Returns: a path, or none. Default: none
  // (bit kUserReturnPath).
  virtual PathCall UserReturnPath(Kernel& kernel, TaskId task);

  // A path to execute before an operation of the program does its work in the kernel.
  // When:    the entry of a system call, or of a page fault, has been paid for (Linux 7.2
  //          kernel/entry/common.c: syscall_trace_enter()). Not for operations of services that pay
  //          for their system call themselves, nor for what is no system call.
  // State:   task executes in kernel mode. May: nothing. Returns: a path, or none.
  // Default: none (bit kKernelEntryPath).
  virtual PathCall KernelEntryPath(Kernel& kernel, TaskId task);

  // The user schedulers of the scenario's groups, by group; they outlive the service.
  // When:    once, before the run, if the service has a path for servers.
  // State:   nothing has run. May: keep them.
  // Default: takes no notice.
  virtual void Bind(std::span<UserScheduler* const> by_group);

  // The scenario asks for a CPU to go offline or to come online, or for what belongs to that.
  // When:    an entry of the scenario's `hotplug`, phase EXT (kernel/cpu.c: cpu_device_up(),
  // cpu_device_down(), and the files of a CPU in sysfs).
  // State:   nobody executes this.
  // May:     any request, the wake-up of its controller (WakeFlags::kFreeSwitch) above all.
  // Returns: whether it has taken it; else the next service is asked.
  // Default: it is not for this service.
  virtual bool Hotplug(Kernel& kernel, const HotplugSpec& request);
  // A service that made a request wait (AdmitHotplug) has changed its mind.
  // When:    Kernel::RetryHotplug. State: any. May: as Hotplug. Default: nothing waits.
  virtual void HotplugRetry(Kernel& kernel);
  // May an operation on `cpu` begin?
  // When:    the service that runs hotplug has its lock and has changed nothing yet.
  // State:   any. May: nothing.
  // Returns: 0; a negative errno, with which the request ends; kHotplugWait, and it is asked again
  // after Kernel::RetryHotplug. Default: it may.
  virtual int64_t AdmitHotplug(Kernel& kernel, CpuId cpu, bool up);

  // May the CPUs on which `task` may run become `cpus`?
  // When:    somebody other than this service asks for it (Linux 7.2 kernel/sched/syscalls.c:
  //          __sched_setaffinity(), kernel/cgroup/cpuset.c: cpuset_attach()). `cpus` are those
  //          asked for, online or not.
  // State:   nothing has changed. May: change its own state, emit.
  // Returns: the first answer other than kChange decides. Default: it may.
  virtual MaskAnswer AdmitMask(Kernel& kernel, TaskId task, const CpuSet& cpus, MaskChange by);

  // A pass of schedule() is over for `prev`, also when it was picked again.
  // When:    end of schedule(). State: the switch is decided. May: change its own state. Default:
  // nothing (bit
  //          kScheduled).
  virtual void Scheduled(Kernel& kernel, CpuId cpu, TaskId prev);
};

// ============================================================================= UserScheduler

// What a UMCG server's user code may look at: the runnable workers of its group, in arrival order,
// and the others'.
class WorkerQueues {
 public:
  virtual ~WorkerQueues() = default;
  // When: inside a hook below. State: any. May: nothing. Returns: how many workers wait. Default:
  // none.
  virtual int Count(TaskId server) const = 0;
  // When: inside a hook below. State: 0 <= position < Count. May: nothing. Returns: a waiting
  // worker. Default: none.
  virtual TaskId At(TaskId server, int position) const = 0;
};

// Which worker a server runs next. A strategy of a UMCG service; the server's protocol is the
// service's path in user mode.
class UserScheduler : public Policy {
 public:
  // Chooses the next worker of `server`.
  // When:    the server's user code has collected the runnable workers. State: the server runs no
  // worker. May:     change its own state. Returns: a worker of the queues, or an invalid id to go
  // idle. Default: none, every scheduler decides.
  virtual TaskId Pick(Kernel& kernel, TaskId server, const WorkerQueues& queues) = 0;

  // A worker became runnable for `server`.
  // When:    the server takes it off the kernel's list. State: it is in the queues. May: its own
  // state. Default: nothing.
  virtual void Queued(Kernel& kernel, TaskId server, TaskId worker);

  // How long may `worker` run before the server preempts it?
  // When:    a worker is about to be run. State: picked. May: nothing.
  // Returns: cycles; 0 = no slice. Default: 0.
  virtual Cycles Slice(Kernel& kernel, TaskId worker);

  // The slice of `worker` is over.
  // When:    the server preempted it. State: it is runnable again. May: its own state. Default:
  // nothing.
  virtual void SliceOver(Kernel& kernel, TaskId worker);

  // Has each server a queue of its own, or the group one?
  // When:    any time. State: any. May: nothing. Returns: whether each has. Default: one queue.
  virtual bool PerServer() const;

  // Is `worker` to be preempted now?
  // When:    its slice is over. State: it runs. May: nothing. Returns: whether. Default: yes.
  virtual bool Preempts(Kernel& kernel, TaskId worker, const WorkerQueues& queues);

  // Whose worker does `server` take when it has none?
  // When:    the server found nothing. State: its queue is empty. May: nothing.
  // Returns: a server to take from, or an invalid id. Default: nobody's.
  virtual TaskId Steal(Kernel& kernel, TaskId server, const WorkerQueues& queues);
};

}  // namespace rqsim

#endif  // RQSIM_SEAMS_H_
