#include "rqsim/trace_event.h"

#include <array>
#include <cstddef>
#include <cstring>

#include "sim/views/event_table.h"

namespace rqsim {
namespace {

constexpr EventField Field(std::string_view name, FieldKind kind, std::size_t offset,
                           std::size_t size) {
  return EventField{name, kind, static_cast<uint8_t>(offset), static_cast<uint8_t>(size)};
}

// A field of an event that is called as in its struct. A macro, as offsetof() and the name need the
// member's spelling.
#define RQSIM_FIELD(event, member, kind) \
  Field(#member, FieldKind::kind, offsetof(event, member), sizeof(event::member))

// Of the three wake-up tracepoints.
constexpr EventField kWakeFields[] = {
    RQSIM_FIELD(WakePayload, pid, kTask),
    RQSIM_FIELD(WakePayload, prio, kInteger),
    RQSIM_FIELD(WakePayload, target_cpu, kCpu),
};
constexpr EventField kSchedSwitchFields[] = {
    RQSIM_FIELD(SchedSwitch, prev_pid, kTask),     RQSIM_FIELD(SchedSwitch, prev_prio, kInteger),
    RQSIM_FIELD(SchedSwitch, prev_state, kState),  RQSIM_FIELD(SchedSwitch, next_pid, kTask),
    RQSIM_FIELD(SchedSwitch, next_prio, kInteger), RQSIM_FIELD(SchedSwitch, donor, kTask),
    RQSIM_FIELD(SchedSwitch, voluntary, kInteger), RQSIM_FIELD(SchedSwitch, kept_queued, kInteger),
};
constexpr EventField kSchedMigrateTaskFields[] = {
    RQSIM_FIELD(SchedMigrateTask, pid, kTask),
    RQSIM_FIELD(SchedMigrateTask, prio, kInteger),
    RQSIM_FIELD(SchedMigrateTask, orig_cpu, kCpu),
    RQSIM_FIELD(SchedMigrateTask, dest_cpu, kCpu),
};
constexpr EventField kSchedStatRuntimeFields[] = {
    RQSIM_FIELD(SchedStatRuntime, pid, kTask),
    RQSIM_FIELD(SchedStatRuntime, runtime, kCycles),
    RQSIM_FIELD(SchedStatRuntime, donor, kTask),
};
constexpr EventField kSchedProcessForkFields[] = {
    RQSIM_FIELD(SchedProcessFork, parent_pid, kTask),
    RQSIM_FIELD(SchedProcessFork, child_pid, kTask),
};
constexpr EventField kSchedProcessExecFields[] = {
    RQSIM_FIELD(SchedProcessExec, pid, kTask),
};
constexpr EventField kSchedProcessExitFields[] = {
    RQSIM_FIELD(SchedProcessExit, pid, kTask),
    RQSIM_FIELD(SchedProcessExit, prio, kInteger),
};
constexpr EventField kSchedPiSetprioFields[] = {
    RQSIM_FIELD(SchedPiSetprio, pid, kTask),
    RQSIM_FIELD(SchedPiSetprio, oldprio, kInteger),
    RQSIM_FIELD(SchedPiSetprio, newprio, kInteger),
    RQSIM_FIELD(SchedPiSetprio, pi_task, kTask),
};
constexpr EventField kSchedSetNeedReschedFields[] = {
    RQSIM_FIELD(SchedSetNeedResched, pid, kTask),
    RQSIM_FIELD(SchedSetNeedResched, lazy, kInteger),
};
constexpr EventField kSchedWakeIdleWithoutIpiFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(SchedWakeIdleWithoutIpi, target),
          sizeof(SchedWakeIdleWithoutIpi::target)),
};
constexpr EventField kIpiSendCpuFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(IpiSendCpu, target), sizeof(IpiSendCpu::target)),
    RQSIM_FIELD(IpiSendCpu, reason, kInteger),
};
constexpr EventField kIpiEntryFields[] = {
    RQSIM_FIELD(IpiEntry, reason, kInteger),
};
constexpr EventField kIpiExitFields[] = {
    RQSIM_FIELD(IpiExit, reason, kInteger),
};
constexpr EventField kContentionBeginFields[] = {
    Field("lock_addr", FieldKind::kLock, offsetof(ContentionBegin, lock),
          sizeof(ContentionBegin::lock)),
    RQSIM_FIELD(ContentionBegin, flags, kInteger),
    RQSIM_FIELD(ContentionBegin, pid, kTask),
};
constexpr EventField kContentionEndFields[] = {
    Field("lock_addr", FieldKind::kLock, offsetof(ContentionEnd, lock),
          sizeof(ContentionEnd::lock)),
    RQSIM_FIELD(ContentionEnd, ret, kInteger),
    RQSIM_FIELD(ContentionEnd, pid, kTask),
};
constexpr EventField kSignalGenerateFields[] = {
    RQSIM_FIELD(SignalGenerate, sig, kInteger),
    RQSIM_FIELD(SignalGenerate, pid, kTask),
};
constexpr EventField kSignalDeliverFields[] = {
    RQSIM_FIELD(SignalDeliver, sig, kInteger),
    RQSIM_FIELD(SignalDeliver, pid, kTask),
};
constexpr EventField kSchedUndelayFields[] = {
    RQSIM_FIELD(SchedUndelay, pid, kTask),
};
constexpr EventField kSchedDelayFields[] = {
    RQSIM_FIELD(SchedDelay, pid, kTask),
};
constexpr EventField kSchedEntryFields[] = {
    RQSIM_FIELD(SchedEntry, preempt, kInteger),
};
constexpr EventField kTickFields[] = {
    RQSIM_FIELD(Tick, curr, kTask),
    RQSIM_FIELD(Tick, donor, kTask),
};
constexpr EventField kSegmentFields[] = {
    RQSIM_FIELD(Segment, start, kTime),       RQSIM_FIELD(Segment, kind, kInteger),
    RQSIM_FIELD(Segment, curr, kTask),        RQSIM_FIELD(Segment, donor, kTask),
    RQSIM_FIELD(Segment, progress, kInteger),
};
constexpr EventField kOpBeginFields[] = {
    RQSIM_FIELD(OpBegin, pid, kTask),
    RQSIM_FIELD(OpBegin, op, kInteger),
    RQSIM_FIELD(OpBegin, object, kInteger),
    RQSIM_FIELD(OpBegin, index, kInteger),
};
constexpr EventField kOpEndFields[] = {
    RQSIM_FIELD(OpEnd, pid, kTask),       RQSIM_FIELD(OpEnd, op, kInteger),
    RQSIM_FIELD(OpEnd, object, kInteger), RQSIM_FIELD(OpEnd, index, kInteger),
    RQSIM_FIELD(OpEnd, result, kInteger),
};
constexpr EventField kTaskAttrFields[] = {
    RQSIM_FIELD(TaskAttr, pid, kTask),       RQSIM_FIELD(TaskAttr, attribute, kInteger),
    RQSIM_FIELD(TaskAttr, policy, kInteger), RQSIM_FIELD(TaskAttr, priority, kInteger),
    RQSIM_FIELD(TaskAttr, nice, kInteger),   RQSIM_FIELD(TaskAttr, prio, kInteger),
};
constexpr EventField kMutexWordFields[] = {
    RQSIM_FIELD(MutexWord, lock, kLock),
    RQSIM_FIELD(MutexWord, owner, kTask),
    RQSIM_FIELD(MutexWord, flags, kInteger),
};
constexpr EventField kMutexBlockedOnFields[] = {
    RQSIM_FIELD(MutexBlockedOn, pid, kTask),
    RQSIM_FIELD(MutexBlockedOn, lock, kLock),
};
constexpr EventField kMutexWaitFields[] = {
    RQSIM_FIELD(MutexWait, lock, kLock),        RQSIM_FIELD(MutexWait, pid, kTask),
    RQSIM_FIELD(MutexWait, queue, kInteger),    RQSIM_FIELD(MutexWait, joined, kInteger),
    RQSIM_FIELD(MutexWait, position, kInteger),
};
constexpr EventField kMutexAcquireFields[] = {
    RQSIM_FIELD(MutexAcquire, lock, kLock),
    RQSIM_FIELD(MutexAcquire, pid, kTask),
    RQSIM_FIELD(MutexAcquire, path, kInteger),
};
constexpr EventField kMutexReleaseFields[] = {
    RQSIM_FIELD(MutexRelease, lock, kLock),
    RQSIM_FIELD(MutexRelease, pid, kTask),
};
constexpr EventField kMutexHandoffFields[] = {
    RQSIM_FIELD(MutexHandoff, lock, kLock),
    RQSIM_FIELD(MutexHandoff, pid, kTask),
    RQSIM_FIELD(MutexHandoff, to, kTask),
    RQSIM_FIELD(MutexHandoff, reason, kInteger),
};
constexpr EventField kMutexStealFields[] = {
    RQSIM_FIELD(MutexSteal, lock, kLock),
    RQSIM_FIELD(MutexSteal, pid, kTask),
    RQSIM_FIELD(MutexSteal, first_waiter, kTask),
};
constexpr EventField kMutexSpinFields[] = {
    RQSIM_FIELD(MutexSpin, lock, kLock),
    RQSIM_FIELD(MutexSpin, pid, kTask),
    RQSIM_FIELD(MutexSpin, cycles, kCycles),
};
constexpr EventField kProxyDonorFields[] = {
    RQSIM_FIELD(ProxyDonor, curr, kTask),
    RQSIM_FIELD(ProxyDonor, donor, kTask),
};
constexpr EventField kProxyMigrateFields[] = {
    RQSIM_FIELD(ProxyMigrate, pid, kTask),
    RQSIM_FIELD(ProxyMigrate, orig_cpu, kCpu),
    RQSIM_FIELD(ProxyMigrate, dest_cpu, kCpu),
};
constexpr EventField kProxyDeactivateFields[] = {
    RQSIM_FIELD(ProxyDeactivate, pid, kTask),
};
constexpr EventField kProxyReturnFields[] = {
    RQSIM_FIELD(ProxyReturn, pid, kTask),
    RQSIM_FIELD(ProxyReturn, cpu, kCpu),
};
constexpr EventField kProxyWalkFields[] = {
    RQSIM_FIELD(ProxyWalk, donor, kTask),      RQSIM_FIELD(ProxyWalk, end, kTask),
    RQSIM_FIELD(ProxyWalk, hops, kInteger),    RQSIM_FIELD(ProxyWalk, why, kInteger),
    RQSIM_FIELD(ProxyWalk, outcome, kInteger),
};
constexpr EventField kProxyParkFields[] = {
    RQSIM_FIELD(ProxyPark, pid, kTask),
    RQSIM_FIELD(ProxyPark, owner, kTask),
    RQSIM_FIELD(ProxyPark, parked, kInteger),
};
constexpr EventField kStepBeginFields[] = {
    RQSIM_FIELD(StepBegin, pid, kTask),
    RQSIM_FIELD(StepBegin, policy, kInteger),
    RQSIM_FIELD(StepBegin, path, kInteger),
    RQSIM_FIELD(StepBegin, step, kInteger),
};
constexpr EventField kPolicyViolationFields[] = {
    RQSIM_FIELD(PolicyViolation, policy, kInteger),
    RQSIM_FIELD(PolicyViolation, code, kInteger),
    RQSIM_FIELD(PolicyViolation, pid, kTask),
    RQSIM_FIELD(PolicyViolation, detail, kInteger),
};
constexpr EventField kTtwuStatFields[] = {
    RQSIM_FIELD(TtwuStat, pid, kTask),       RQSIM_FIELD(TtwuStat, waker_cpu, kCpu),
    RQSIM_FIELD(TtwuStat, target_cpu, kCpu), RQSIM_FIELD(TtwuStat, migrated, kInteger),
    RQSIM_FIELD(TtwuStat, sync, kInteger),
};
constexpr EventField kSchedWakeAffineFields[] = {
    RQSIM_FIELD(SchedWakeAffine, pid, kTask),
    RQSIM_FIELD(SchedWakeAffine, this_cpu, kCpu),
    RQSIM_FIELD(SchedWakeAffine, prev_cpu, kCpu),
    RQSIM_FIELD(SchedWakeAffine, affine, kInteger),
};
constexpr EventField kSchedBalanceFields[] = {
    RQSIM_FIELD(SchedBalance, dst_cpu, kCpu),        RQSIM_FIELD(SchedBalance, src_cpu, kCpu),
    RQSIM_FIELD(SchedBalance, level, kInteger),      RQSIM_FIELD(SchedBalance, idle, kInteger),
    RQSIM_FIELD(SchedBalance, result, kInteger),     RQSIM_FIELD(SchedBalance, unit, kInteger),
    RQSIM_FIELD(SchedBalance, imbalance, kInteger),  RQSIM_FIELD(SchedBalance, gained, kInteger),
    RQSIM_FIELD(SchedBalance, hot_gained, kInteger), RQSIM_FIELD(SchedBalance, active, kInteger),
};
constexpr EventField kSchedActiveBalanceFields[] = {
    RQSIM_FIELD(SchedActiveBalance, src_cpu, kCpu),
    RQSIM_FIELD(SchedActiveBalance, dst_cpu, kCpu),
    RQSIM_FIELD(SchedActiveBalance, level, kInteger),
    RQSIM_FIELD(SchedActiveBalance, pid, kTask),
};
constexpr EventField kSchedMoveRefusedFields[] = {
    RQSIM_FIELD(SchedMoveRefused, pid, kTask),
    RQSIM_FIELD(SchedMoveRefused, dst_cpu, kCpu),
    RQSIM_FIELD(SchedMoveRefused, reason, kInteger),
};
constexpr EventField kSchedQueueFields[] = {
    RQSIM_FIELD(SchedQueue, pid, kTask),
    RQSIM_FIELD(SchedQueue, queue, kCpu),
    RQSIM_FIELD(SchedQueue, queued, kInteger),
    RQSIM_FIELD(SchedQueue, wake_cpu, kCpu),
};
constexpr EventField kSchedSetDonorFields[] = {
    RQSIM_FIELD(SchedSetDonor, donor, kTask),
    RQSIM_FIELD(SchedSetDonor, curr, kTask),
};
constexpr EventField kProxyLinkFields[] = {
    RQSIM_FIELD(ProxyLink, pid, kTask),
    RQSIM_FIELD(ProxyLink, donor, kTask),
};
constexpr EventField kTaskCpusFields[] = {
    RQSIM_FIELD(TaskCpus, pid, kTask),
    RQSIM_FIELD(TaskCpus, first, kInteger),
    Field("mask", FieldKind::kInteger, offsetof(TaskCpus, mask), sizeof(uint64_t)),
    Field("mask_high", FieldKind::kInteger, offsetof(TaskCpus, mask) + sizeof(uint64_t),
          sizeof(uint64_t)),
};
constexpr EventField kWindowHoldFields[] = {
    RQSIM_FIELD(WindowHold, pid, kTask),
    RQSIM_FIELD(WindowHold, window, kInteger),
    RQSIM_FIELD(WindowHold, held, kInteger),
};
constexpr EventField kWwContextFields[] = {
    RQSIM_FIELD(WwContext, pid, kTask),         RQSIM_FIELD(WwContext, stamp, kInteger),
    RQSIM_FIELD(WwContext, acquired, kInteger), RQSIM_FIELD(WwContext, wounded, kInteger),
    RQSIM_FIELD(WwContext, wait_die, kInteger),
};

constexpr EventField kSchedCallbackFields[] = {
    RQSIM_FIELD(SchedCallback, policy, kInteger),
    RQSIM_FIELD(SchedCallback, what, kInteger),
    RQSIM_FIELD(SchedCallback, change, kInteger),
};

constexpr EventField kDlFields[] = {
    RQSIM_FIELD(DlPayload, pid, kTask),        RQSIM_FIELD(DlPayload, runtime, kCycles),
    RQSIM_FIELD(DlPayload, deadline, kTime),   RQSIM_FIELD(DlPayload, server, kInteger),
    RQSIM_FIELD(DlPayload, overrun, kInteger),
};

constexpr EventField kCpuhpEnterFields[] = {
    RQSIM_FIELD(CpuhpEnter, cpu, kCpu),
    RQSIM_FIELD(CpuhpEnter, target, kInteger),
    RQSIM_FIELD(CpuhpEnter, idx, kInteger),
    RQSIM_FIELD(CpuhpEnter, up, kInteger),
};
constexpr EventField kCpuhpMultiEnterFields[] = {
    RQSIM_FIELD(CpuhpMultiEnter, cpu, kCpu),
    RQSIM_FIELD(CpuhpMultiEnter, target, kInteger),
    RQSIM_FIELD(CpuhpMultiEnter, idx, kInteger),
    RQSIM_FIELD(CpuhpMultiEnter, up, kInteger),
    RQSIM_FIELD(CpuhpMultiEnter, instance, kInteger),
};
constexpr EventField kCpuhpExitFields[] = {
    RQSIM_FIELD(CpuhpExit, cpu, kCpu),
    RQSIM_FIELD(CpuhpExit, state, kInteger),
    RQSIM_FIELD(CpuhpExit, idx, kInteger),
    RQSIM_FIELD(CpuhpExit, ret, kInteger),
};
constexpr EventField kHotplugMaskFields[] = {
    RQSIM_FIELD(HotplugMask, cpu, kCpu),
    RQSIM_FIELD(HotplugMask, mask, kInteger),
    RQSIM_FIELD(HotplugMask, on, kInteger),
};
constexpr EventField kHotplugOpFields[] = {
    RQSIM_FIELD(HotplugOp, cpu, kCpu),       RQSIM_FIELD(HotplugOp, target, kInteger),
    RQSIM_FIELD(HotplugOp, phase, kInteger), RQSIM_FIELD(HotplugOp, result, kInteger),
    RQSIM_FIELD(HotplugOp, id, kInteger),
};
#undef RQSIM_FIELD

constexpr EventRow kTable[] = {
    {EventKind::kSchedWaking, "sched_waking", true, kWakeFields,
     "a wake-up begins; the task is not queued yet"},
    {EventKind::kSchedWakeup, "sched_wakeup", true, kWakeFields,
     "a woken task is queued (or was still running)"},
    {EventKind::kSchedWakeupNew, "sched_wakeup_new", true, kWakeFields,
     "a new task is queued for the first time"},
    {EventKind::kSchedSwitch, "sched_switch", true, kSchedSwitchFields,
     "a CPU changes from prev to next; donor is the scheduling context that was picked"},
    {EventKind::kSchedMigrateTask, "sched_migrate_task", true, kSchedMigrateTaskFields,
     "a task changes its runqueue"},
    {EventKind::kSchedStatRuntime, "sched_stat_runtime", true, kSchedStatRuntimeFields,
     "cycles executed by pid, charged to donor"},
    {EventKind::kSchedProcessFork, "sched_process_fork", true, kSchedProcessForkFields,
     "a task was made; no parent: spawned by the scenario"},
    {EventKind::kSchedProcessExec, "sched_process_exec", true, kSchedProcessExecFields,
     "a task executes a new program"},
    {EventKind::kSchedProcessExit, "sched_process_exit", true, kSchedProcessExitFields,
     "a task begins to exit"},
    {EventKind::kSchedPiSetprio, "sched_pi_setprio", true, kSchedPiSetprioFields,
     "inheritance changed the priority that counts"},
    {EventKind::kSchedSetNeedResched, "sched_set_need_resched", true, kSchedSetNeedReschedFields,
     "a reschedule of this CPU is requested"},
    {EventKind::kSchedWakeIdleWithoutIpi, "sched_wake_idle_without_ipi", true,
     kSchedWakeIdleWithoutIpiFields, "an idle CPU that polls is told without an IPI"},
    {EventKind::kIpiSendCpu, "ipi_send_cpu", true, kIpiSendCpuFields,
     "an IPI is sent; reason 0 reschedule, 1 wake-up list, 2 function call"},
    {EventKind::kIpiEntry, "ipi_entry", true, kIpiEntryFields, "the handler of an IPI begins"},
    {EventKind::kIpiExit, "ipi_exit", true, kIpiExitFields, "the handler of an IPI ends"},
    {EventKind::kContentionBegin, "contention_begin", true, kContentionBeginFields,
     "a task begins to spin or wait for a lock; flags 1 spin, 8 rt, 32 mutex"},
    {EventKind::kContentionEnd, "contention_end", true, kContentionEndFields,
     "it stops: 0 with the lock, else an errno"},
    {EventKind::kSignalGenerate, "signal_generate", true, kSignalGenerateFields,
     "a signal is sent to pid"},
    {EventKind::kSignalDeliver, "signal_deliver", true, kSignalDeliverFields,
     "a signal ends a wait or a task"},
    {EventKind::kSchedUndelay, "sched_undelay", false, kSchedUndelayFields,
     "a delayed dequeue is completed"},
    {EventKind::kTick, "tick", false, kTickFields, "a periodic tick is handled"},
    {EventKind::kSegment, "segment", false, kSegmentFields,
     "a stretch of a CPU's time ends; kind 0 idle, 1 offline, 2 user, 3 kernel, 4 and more "
     "overhead by cost"},
    {EventKind::kOpBegin, "op_begin", false, kOpBeginFields,
     "a task begins an operation of its program"},
    {EventKind::kOpEnd, "op_end", false, kOpEndFields,
     "an operation is over, with its return value"},
    {EventKind::kTaskAttr, "task_attr", false, kTaskAttrFields,
     "scheduling attributes of a task; attribute 0 created, 1 sched, 2 affinity, 3 kthread, 4 cpu"},
    {EventKind::kMutexWord, "mutex_word", false, kMutexWordFields,
     "the word of a mutex after a change; flags 1 waiters, 2 handoff, 4 pickup"},
    {EventKind::kMutexBlockedOn, "mutex_blocked_on", false, kMutexBlockedOnFields,
     "blocked_on of a task changed"},
    {EventKind::kMutexWait, "mutex_wait", false, kMutexWaitFields,
     "a task joins (1) or leaves (0) the wait list (0) or the spin queue (1) of a mutex"},
    {EventKind::kMutexAcquire, "mutex_acquire", false, kMutexAcquireFields,
     "a mutex is got; path 0 fast, 1 try, 2 osq spin, 3 waiter spin, 4 slow"},
    {EventKind::kMutexRelease, "mutex_release", false, kMutexReleaseFields, "a mutex is given up"},
    {EventKind::kMutexHandoff, "mutex_handoff", false, kMutexHandoffFields,
     "an unlock gives the mutex to a waiter; reason 0 flag, 1 donor, 2 always"},
    {EventKind::kMutexSteal, "mutex_steal", false, kMutexStealFields,
     "a free mutex is taken past its first waiter"},
    {EventKind::kMutexSpin, "mutex_spin", false, kMutexSpinFields,
     "a task stops spinning, after so many cycles"},
    {EventKind::kProxyDonor, "proxy_donor", false, kProxyDonorFields,
     "curr goes on executing for another donor"},
    {EventKind::kProxyMigrate, "proxy_migrate", false, kProxyMigrateFields,
     "a blocked donor is moved to the CPU of its owner"},
    {EventKind::kProxyDeactivate, "proxy_deactivate", false, kProxyDeactivateFields,
     "a blocked donor is dequeued and waits like any sleeper"},
    {EventKind::kProxyPark, "proxy_park", false, kProxyParkFields,
     "a blocked donor is parked on a sleeping owner (1) or queued again (0)"},
    {EventKind::kStepBegin, "step_begin", false, kStepBeginFields,
     "a path of a policy begins a named step"},
    {EventKind::kPolicyViolation, "policy_violation", false, kPolicyViolationFields,
     "a policy asked for what it may not"},
    {EventKind::kProxyReturn, "proxy_return", false, kProxyReturnFields,
     "a moved donor is woken, refused in place and placed anew"},
    {EventKind::kProxyWalk, "proxy_walk", false, kProxyWalkFields,
     "a chain was followed; why 0 run, 1 no edge, 2 no owner, 3 owner asleep, 4 elsewhere, "
     "5 migrating, 6 its own owner, 7 deadlock, 8 too long; outcome 0 run, 1 idle, 2 again, 3 end"},
    {EventKind::kTtwuStat, "ttwu_stat", false, kTtwuStatFields,
     "a wake-up is placed; waker_cpu is where it was asked for"},
    {EventKind::kSchedWakeAffine, "sched_wake_affine", false, kSchedWakeAffineFields,
     "a wake-up chose between the CPU of the waker (affine 1) and that of before"},
    {EventKind::kSchedBalance, "sched_balance", false, kSchedBalanceFields,
     "a balancing pass is over; idle 0 busy, 1 idle, 2 newly idle; result 0 not here, 1 no busy "
     "group, 2 no busy queue, 3 pinned, 4 failed, 5 moved; unit 0 load, 1 util, 2 tasks, 3 misfit"},
    {EventKind::kSchedActiveBalance, "sched_active_balance", false, kSchedActiveBalanceFields,
     "a stop task pushed pid, or found nobody to push"},
    {EventKind::kSchedMoveRefused, "sched_move_refused", false, kSchedMoveRefusedFields,
     "a balancer passed a task over; reason 0 affinity, 1 it runs, 2 cache hot, 3 another"},
    {EventKind::kSchedEntry, "sched_entry", true, kSchedEntryFields,
     "schedule() begins; preempt 1: the task did not ask for it"},
    {EventKind::kSchedDelay, "sched_delay", false, kSchedDelayFields,
     "a task that sleeps keeps its place in the queue for now"},
    {EventKind::kSchedDlThrottle, "sched_dl_throttle", true, kDlFields,
     "a deadline task (pid) or the fair server (server 1) must wait for its next period"},
    {EventKind::kSchedDlReplenish, "sched_dl_replenish", true, kDlFields, "it has a new budget"},
    {EventKind::kSchedDlUpdate, "sched_dl_update", true, kDlFields,
     "it was charged and has budget left"},
    {EventKind::kSchedDlServerStart, "sched_dl_server_start", true, kDlFields,
     "the fair server of this CPU becomes active"},
    {EventKind::kSchedDlServerStop, "sched_dl_server_stop", true, kDlFields,
     "the fair server of this CPU becomes inactive"},
    {EventKind::kSchedQueue, "sched_queue", false, kSchedQueueFields,
     "a task comes onto (1) or leaves (0) a runqueue"},
    {EventKind::kSchedSetDonor, "sched_set_donor", false, kSchedSetDonorFields,
     "a CPU's scheduling context is chosen or given up, also when the pick is discarded later"},
    {EventKind::kProxyLink, "proxy_link", false, kProxyLinkFields,
     "the waiter for which pid executes changed"},
    {EventKind::kTaskCpus, "task_cpus", false, kTaskCpusFields,
     "affinity of a task, 128 CPUs a record from CPU first on"},
    {EventKind::kWindowHold, "window_hold", false, kWindowHoldFields,
     "a window fault holds this CPU (1) or lets go (0); window 1 to 5, 0 a step of a policy"},
    {EventKind::kWwContext, "ww_context", false, kWwContextFields,
     "an acquire context of ww locks as it is now; acquired -1: closed"},
    {EventKind::kSchedCallback, "sched_callback", false, kSchedCallbackFields,
     "a class put balancing off on this CPU (0), it was done (1) or dropped with the pick (2)"},
    {EventKind::kCpuhpEnter, "cpuhp_enter", true, kCpuhpEnterFields,
     "the callback of a hotplug state begins"},
    {EventKind::kCpuhpMultiEnter, "cpuhp_multi_enter", true, kCpuhpMultiEnterFields,
     "… of one instance of a state that has several"},
    {EventKind::kCpuhpExit, "cpuhp_exit", true, kCpuhpExitFields, "it has ended, with its result"},
    {EventKind::kHotplugMask, "hotplug_mask", false, kHotplugMaskFields,
     "a CPU comes into (1) or leaves (0) a mask: 0 online, 1 active, 2 dying, 3 push, 4 its queue"},
    {EventKind::kHotplugOp, "hotplug_op", false, kHotplugOpFields,
     "a hotplug operation: phase 0 asked for, 1 has the lock, 2 over with `result`"},
};
constexpr std::size_t kKinds = static_cast<std::size_t>(EventKind::kCount);
static_assert(std::size(kTable) == kKinds);

constexpr bool TableIsInOrder() {
  for (std::size_t i = 0; i < kKinds; ++i) {
    if (kTable[i].kind != static_cast<EventKind>(i) || kTable[i].fields.size() > kMaxEventFields)
      return false;
  }
  return true;
}
static_assert(TableIsInOrder());

template <class T>
T ReadAs(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

int64_t ReadField(const TraceEvent& event, const EventField& field) {
  char bytes[sizeof(event.a)];
  std::memcpy(bytes, event.a, sizeof(bytes));
  const char* const at = bytes + field.offset;
  if (field.kind == FieldKind::kState) {
    const StateCode code = ReadAs<StateCode>(at);
    return code.letter | code.preempted_in_kernel << 8;
  }
  switch (field.size) {
    case 1:
      return ReadAs<uint8_t>(at);
    case 2:
      return ReadAs<int16_t>(at);
    case 4:
      return ReadAs<int32_t>(at);
    default:
      return ReadAs<int64_t>(at);
  }
}

}  // namespace

std::span<const EventRow> EventTable() { return kTable; }

std::string_view EventName(EventKind kind) {
  const std::size_t row = static_cast<std::size_t>(kind);
  return row < kKinds ? kTable[row].name : std::string_view();
}

int FieldsOf(const TraceEvent& event, FieldValue out[kMaxEventFields]) {
  const std::size_t row = static_cast<std::size_t>(event.kind());
  if (row >= kKinds) return 0;
  int count = 0;
  for (const EventField& field : kTable[row].fields) {
    out[count++] = FieldValue{field.name, field.kind, ReadField(event, field)};
  }
  return count;
}

}  // namespace rqsim
