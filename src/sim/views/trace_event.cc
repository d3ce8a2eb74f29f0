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

// Of the three wake-up tracepoints.
constexpr EventField kWakeFields[] = {
    Field("pid", FieldKind::kTask, offsetof(WakePayload, pid), sizeof(WakePayload::pid)),
    Field("prio", FieldKind::kInteger, offsetof(WakePayload, prio), sizeof(WakePayload::prio)),
    Field("target_cpu", FieldKind::kCpu, offsetof(WakePayload, target_cpu),
          sizeof(WakePayload::target_cpu)),
};
constexpr EventField kSchedSwitchFields[] = {
    Field("prev_pid", FieldKind::kTask, offsetof(SchedSwitch, prev_pid),
          sizeof(SchedSwitch::prev_pid)),
    Field("prev_prio", FieldKind::kInteger, offsetof(SchedSwitch, prev_prio),
          sizeof(SchedSwitch::prev_prio)),
    Field("prev_state", FieldKind::kState, offsetof(SchedSwitch, prev_state),
          sizeof(SchedSwitch::prev_state)),
    Field("next_pid", FieldKind::kTask, offsetof(SchedSwitch, next_pid),
          sizeof(SchedSwitch::next_pid)),
    Field("next_prio", FieldKind::kInteger, offsetof(SchedSwitch, next_prio),
          sizeof(SchedSwitch::next_prio)),
    Field("donor", FieldKind::kTask, offsetof(SchedSwitch, donor), sizeof(SchedSwitch::donor)),
    Field("voluntary", FieldKind::kInteger, offsetof(SchedSwitch, voluntary),
          sizeof(SchedSwitch::voluntary)),
    Field("kept_queued", FieldKind::kInteger, offsetof(SchedSwitch, kept_queued),
          sizeof(SchedSwitch::kept_queued)),
};
constexpr EventField kSchedMigrateTaskFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedMigrateTask, pid), sizeof(SchedMigrateTask::pid)),
    Field("prio", FieldKind::kInteger, offsetof(SchedMigrateTask, prio),
          sizeof(SchedMigrateTask::prio)),
    Field("orig_cpu", FieldKind::kCpu, offsetof(SchedMigrateTask, orig_cpu),
          sizeof(SchedMigrateTask::orig_cpu)),
    Field("dest_cpu", FieldKind::kCpu, offsetof(SchedMigrateTask, dest_cpu),
          sizeof(SchedMigrateTask::dest_cpu)),
};
constexpr EventField kSchedStatRuntimeFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedStatRuntime, pid), sizeof(SchedStatRuntime::pid)),
    Field("runtime", FieldKind::kCycles, offsetof(SchedStatRuntime, runtime),
          sizeof(SchedStatRuntime::runtime)),
    Field("donor", FieldKind::kTask, offsetof(SchedStatRuntime, donor),
          sizeof(SchedStatRuntime::donor)),
};
constexpr EventField kSchedProcessForkFields[] = {
    Field("parent_pid", FieldKind::kTask, offsetof(SchedProcessFork, parent_pid),
          sizeof(SchedProcessFork::parent_pid)),
    Field("child_pid", FieldKind::kTask, offsetof(SchedProcessFork, child_pid),
          sizeof(SchedProcessFork::child_pid)),
};
constexpr EventField kSchedProcessExecFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedProcessExec, pid), sizeof(SchedProcessExec::pid)),
};
constexpr EventField kSchedProcessExitFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedProcessExit, pid), sizeof(SchedProcessExit::pid)),
    Field("prio", FieldKind::kInteger, offsetof(SchedProcessExit, prio),
          sizeof(SchedProcessExit::prio)),
};
constexpr EventField kSchedPiSetprioFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedPiSetprio, pid), sizeof(SchedPiSetprio::pid)),
    Field("oldprio", FieldKind::kInteger, offsetof(SchedPiSetprio, oldprio),
          sizeof(SchedPiSetprio::oldprio)),
    Field("newprio", FieldKind::kInteger, offsetof(SchedPiSetprio, newprio),
          sizeof(SchedPiSetprio::newprio)),
    Field("pi_task", FieldKind::kTask, offsetof(SchedPiSetprio, pi_task),
          sizeof(SchedPiSetprio::pi_task)),
};
constexpr EventField kSchedSetNeedReschedFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedSetNeedResched, pid),
          sizeof(SchedSetNeedResched::pid)),
    Field("lazy", FieldKind::kInteger, offsetof(SchedSetNeedResched, lazy),
          sizeof(SchedSetNeedResched::lazy)),
};
constexpr EventField kSchedWakeIdleWithoutIpiFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(SchedWakeIdleWithoutIpi, target),
          sizeof(SchedWakeIdleWithoutIpi::target)),
};
constexpr EventField kIpiSendCpuFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(IpiSendCpu, target), sizeof(IpiSendCpu::target)),
    Field("reason", FieldKind::kInteger, offsetof(IpiSendCpu, reason), sizeof(IpiSendCpu::reason)),
};
constexpr EventField kIpiEntryFields[] = {
    Field("reason", FieldKind::kInteger, offsetof(IpiEntry, reason), sizeof(IpiEntry::reason)),
};
constexpr EventField kIpiExitFields[] = {
    Field("reason", FieldKind::kInteger, offsetof(IpiExit, reason), sizeof(IpiExit::reason)),
};
constexpr EventField kContentionBeginFields[] = {
    Field("lock_addr", FieldKind::kLock, offsetof(ContentionBegin, lock),
          sizeof(ContentionBegin::lock)),
    Field("flags", FieldKind::kInteger, offsetof(ContentionBegin, flags),
          sizeof(ContentionBegin::flags)),
    Field("pid", FieldKind::kTask, offsetof(ContentionBegin, pid), sizeof(ContentionBegin::pid)),
};
constexpr EventField kContentionEndFields[] = {
    Field("lock_addr", FieldKind::kLock, offsetof(ContentionEnd, lock),
          sizeof(ContentionEnd::lock)),
    Field("ret", FieldKind::kInteger, offsetof(ContentionEnd, ret), sizeof(ContentionEnd::ret)),
    Field("pid", FieldKind::kTask, offsetof(ContentionEnd, pid), sizeof(ContentionEnd::pid)),
};
constexpr EventField kSignalGenerateFields[] = {
    Field("sig", FieldKind::kInteger, offsetof(SignalGenerate, sig), sizeof(SignalGenerate::sig)),
    Field("pid", FieldKind::kTask, offsetof(SignalGenerate, pid), sizeof(SignalGenerate::pid)),
};
constexpr EventField kSignalDeliverFields[] = {
    Field("sig", FieldKind::kInteger, offsetof(SignalDeliver, sig), sizeof(SignalDeliver::sig)),
    Field("pid", FieldKind::kTask, offsetof(SignalDeliver, pid), sizeof(SignalDeliver::pid)),
};
constexpr EventField kSchedUndelayFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedUndelay, pid), sizeof(SchedUndelay::pid)),
};
constexpr EventField kSchedDelayFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedDelay, pid), sizeof(SchedDelay::pid)),
};
constexpr EventField kSchedEntryFields[] = {
    Field("preempt", FieldKind::kInteger, offsetof(SchedEntry, preempt),
          sizeof(SchedEntry::preempt)),
};
constexpr EventField kTickFields[] = {
    Field("curr", FieldKind::kTask, offsetof(Tick, curr), sizeof(Tick::curr)),
    Field("donor", FieldKind::kTask, offsetof(Tick, donor), sizeof(Tick::donor)),
};
constexpr EventField kSegmentFields[] = {
    Field("start", FieldKind::kTime, offsetof(Segment, start), sizeof(Segment::start)),
    Field("kind", FieldKind::kInteger, offsetof(Segment, kind), sizeof(Segment::kind)),
    Field("curr", FieldKind::kTask, offsetof(Segment, curr), sizeof(Segment::curr)),
    Field("donor", FieldKind::kTask, offsetof(Segment, donor), sizeof(Segment::donor)),
    Field("progress", FieldKind::kInteger, offsetof(Segment, progress), sizeof(Segment::progress)),
};
constexpr EventField kOpBeginFields[] = {
    Field("pid", FieldKind::kTask, offsetof(OpBegin, pid), sizeof(OpBegin::pid)),
    Field("op", FieldKind::kInteger, offsetof(OpBegin, op), sizeof(OpBegin::op)),
    Field("object", FieldKind::kInteger, offsetof(OpBegin, object), sizeof(OpBegin::object)),
    Field("index", FieldKind::kInteger, offsetof(OpBegin, index), sizeof(OpBegin::index)),
};
constexpr EventField kOpEndFields[] = {
    Field("pid", FieldKind::kTask, offsetof(OpEnd, pid), sizeof(OpEnd::pid)),
    Field("op", FieldKind::kInteger, offsetof(OpEnd, op), sizeof(OpEnd::op)),
    Field("object", FieldKind::kInteger, offsetof(OpEnd, object), sizeof(OpEnd::object)),
    Field("index", FieldKind::kInteger, offsetof(OpEnd, index), sizeof(OpEnd::index)),
    Field("result", FieldKind::kInteger, offsetof(OpEnd, result), sizeof(OpEnd::result)),
};
constexpr EventField kTaskAttrFields[] = {
    Field("pid", FieldKind::kTask, offsetof(TaskAttr, pid), sizeof(TaskAttr::pid)),
    Field("attribute", FieldKind::kInteger, offsetof(TaskAttr, attribute),
          sizeof(TaskAttr::attribute)),
    Field("policy", FieldKind::kInteger, offsetof(TaskAttr, policy), sizeof(TaskAttr::policy)),
    Field("priority", FieldKind::kInteger, offsetof(TaskAttr, priority),
          sizeof(TaskAttr::priority)),
    Field("nice", FieldKind::kInteger, offsetof(TaskAttr, nice), sizeof(TaskAttr::nice)),
    Field("prio", FieldKind::kInteger, offsetof(TaskAttr, prio), sizeof(TaskAttr::prio)),
};
constexpr EventField kMutexWordFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexWord, lock), sizeof(MutexWord::lock)),
    Field("owner", FieldKind::kTask, offsetof(MutexWord, owner), sizeof(MutexWord::owner)),
    Field("flags", FieldKind::kInteger, offsetof(MutexWord, flags), sizeof(MutexWord::flags)),
};
constexpr EventField kMutexBlockedOnFields[] = {
    Field("pid", FieldKind::kTask, offsetof(MutexBlockedOn, pid), sizeof(MutexBlockedOn::pid)),
    Field("lock", FieldKind::kLock, offsetof(MutexBlockedOn, lock), sizeof(MutexBlockedOn::lock)),
};
constexpr EventField kMutexWaitFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexWait, lock), sizeof(MutexWait::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexWait, pid), sizeof(MutexWait::pid)),
    Field("queue", FieldKind::kInteger, offsetof(MutexWait, queue), sizeof(MutexWait::queue)),
    Field("joined", FieldKind::kInteger, offsetof(MutexWait, joined), sizeof(MutexWait::joined)),
    Field("position", FieldKind::kInteger, offsetof(MutexWait, position),
          sizeof(MutexWait::position)),
};
constexpr EventField kMutexAcquireFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexAcquire, lock), sizeof(MutexAcquire::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexAcquire, pid), sizeof(MutexAcquire::pid)),
    Field("path", FieldKind::kInteger, offsetof(MutexAcquire, path), sizeof(MutexAcquire::path)),
};
constexpr EventField kMutexReleaseFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexRelease, lock), sizeof(MutexRelease::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexRelease, pid), sizeof(MutexRelease::pid)),
};
constexpr EventField kMutexHandoffFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexHandoff, lock), sizeof(MutexHandoff::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexHandoff, pid), sizeof(MutexHandoff::pid)),
    Field("to", FieldKind::kTask, offsetof(MutexHandoff, to), sizeof(MutexHandoff::to)),
    Field("reason", FieldKind::kInteger, offsetof(MutexHandoff, reason),
          sizeof(MutexHandoff::reason)),
};
constexpr EventField kMutexStealFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexSteal, lock), sizeof(MutexSteal::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexSteal, pid), sizeof(MutexSteal::pid)),
    Field("first_waiter", FieldKind::kTask, offsetof(MutexSteal, first_waiter),
          sizeof(MutexSteal::first_waiter)),
};
constexpr EventField kMutexSpinFields[] = {
    Field("lock", FieldKind::kLock, offsetof(MutexSpin, lock), sizeof(MutexSpin::lock)),
    Field("pid", FieldKind::kTask, offsetof(MutexSpin, pid), sizeof(MutexSpin::pid)),
    Field("cycles", FieldKind::kCycles, offsetof(MutexSpin, cycles), sizeof(MutexSpin::cycles)),
};
constexpr EventField kProxyDonorFields[] = {
    Field("curr", FieldKind::kTask, offsetof(ProxyDonor, curr), sizeof(ProxyDonor::curr)),
    Field("donor", FieldKind::kTask, offsetof(ProxyDonor, donor), sizeof(ProxyDonor::donor)),
};
constexpr EventField kProxyMigrateFields[] = {
    Field("pid", FieldKind::kTask, offsetof(ProxyMigrate, pid), sizeof(ProxyMigrate::pid)),
    Field("orig_cpu", FieldKind::kCpu, offsetof(ProxyMigrate, orig_cpu),
          sizeof(ProxyMigrate::orig_cpu)),
    Field("dest_cpu", FieldKind::kCpu, offsetof(ProxyMigrate, dest_cpu),
          sizeof(ProxyMigrate::dest_cpu)),
};
constexpr EventField kProxyDeactivateFields[] = {
    Field("pid", FieldKind::kTask, offsetof(ProxyDeactivate, pid), sizeof(ProxyDeactivate::pid)),
};
constexpr EventField kProxyReturnFields[] = {
    Field("pid", FieldKind::kTask, offsetof(ProxyReturn, pid), sizeof(ProxyReturn::pid)),
    Field("cpu", FieldKind::kCpu, offsetof(ProxyReturn, cpu), sizeof(ProxyReturn::cpu)),
};
constexpr EventField kProxyWalkFields[] = {
    Field("donor", FieldKind::kTask, offsetof(ProxyWalk, donor), sizeof(ProxyWalk::donor)),
    Field("end", FieldKind::kTask, offsetof(ProxyWalk, end), sizeof(ProxyWalk::end)),
    Field("hops", FieldKind::kInteger, offsetof(ProxyWalk, hops), sizeof(ProxyWalk::hops)),
    Field("why", FieldKind::kInteger, offsetof(ProxyWalk, why), sizeof(ProxyWalk::why)),
    Field("outcome", FieldKind::kInteger, offsetof(ProxyWalk, outcome), sizeof(ProxyWalk::outcome)),
};
constexpr EventField kProxyParkFields[] = {
    Field("pid", FieldKind::kTask, offsetof(ProxyPark, pid), sizeof(ProxyPark::pid)),
    Field("owner", FieldKind::kTask, offsetof(ProxyPark, owner), sizeof(ProxyPark::owner)),
    Field("parked", FieldKind::kInteger, offsetof(ProxyPark, parked), sizeof(ProxyPark::parked)),
};
constexpr EventField kStepBeginFields[] = {
    Field("pid", FieldKind::kTask, offsetof(StepBegin, pid), sizeof(StepBegin::pid)),
    Field("policy", FieldKind::kInteger, offsetof(StepBegin, policy), sizeof(StepBegin::policy)),
    Field("path", FieldKind::kInteger, offsetof(StepBegin, path), sizeof(StepBegin::path)),
    Field("step", FieldKind::kInteger, offsetof(StepBegin, step), sizeof(StepBegin::step)),
};
constexpr EventField kPolicyViolationFields[] = {
    Field("policy", FieldKind::kInteger, offsetof(PolicyViolation, policy),
          sizeof(PolicyViolation::policy)),
    Field("code", FieldKind::kInteger, offsetof(PolicyViolation, code),
          sizeof(PolicyViolation::code)),
    Field("pid", FieldKind::kTask, offsetof(PolicyViolation, pid), sizeof(PolicyViolation::pid)),
    Field("detail", FieldKind::kInteger, offsetof(PolicyViolation, detail),
          sizeof(PolicyViolation::detail)),
};
constexpr EventField kTtwuStatFields[] = {
    Field("pid", FieldKind::kTask, offsetof(TtwuStat, pid), sizeof(TtwuStat::pid)),
    Field("waker_cpu", FieldKind::kCpu, offsetof(TtwuStat, waker_cpu), sizeof(TtwuStat::waker_cpu)),
    Field("target_cpu", FieldKind::kCpu, offsetof(TtwuStat, target_cpu),
          sizeof(TtwuStat::target_cpu)),
    Field("migrated", FieldKind::kInteger, offsetof(TtwuStat, migrated),
          sizeof(TtwuStat::migrated)),
    Field("sync", FieldKind::kInteger, offsetof(TtwuStat, sync), sizeof(TtwuStat::sync)),
};
constexpr EventField kSchedWakeAffineFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedWakeAffine, pid), sizeof(SchedWakeAffine::pid)),
    Field("this_cpu", FieldKind::kCpu, offsetof(SchedWakeAffine, this_cpu),
          sizeof(SchedWakeAffine::this_cpu)),
    Field("prev_cpu", FieldKind::kCpu, offsetof(SchedWakeAffine, prev_cpu),
          sizeof(SchedWakeAffine::prev_cpu)),
    Field("affine", FieldKind::kInteger, offsetof(SchedWakeAffine, affine),
          sizeof(SchedWakeAffine::affine)),
};
constexpr EventField kSchedBalanceFields[] = {
    Field("dst_cpu", FieldKind::kCpu, offsetof(SchedBalance, dst_cpu),
          sizeof(SchedBalance::dst_cpu)),
    Field("src_cpu", FieldKind::kCpu, offsetof(SchedBalance, src_cpu),
          sizeof(SchedBalance::src_cpu)),
    Field("level", FieldKind::kInteger, offsetof(SchedBalance, level), sizeof(SchedBalance::level)),
    Field("idle", FieldKind::kInteger, offsetof(SchedBalance, idle), sizeof(SchedBalance::idle)),
    Field("result", FieldKind::kInteger, offsetof(SchedBalance, result),
          sizeof(SchedBalance::result)),
    Field("unit", FieldKind::kInteger, offsetof(SchedBalance, unit), sizeof(SchedBalance::unit)),
    Field("imbalance", FieldKind::kInteger, offsetof(SchedBalance, imbalance),
          sizeof(SchedBalance::imbalance)),
    Field("gained", FieldKind::kInteger, offsetof(SchedBalance, gained),
          sizeof(SchedBalance::gained)),
    Field("hot_gained", FieldKind::kInteger, offsetof(SchedBalance, hot_gained),
          sizeof(SchedBalance::hot_gained)),
    Field("active", FieldKind::kInteger, offsetof(SchedBalance, active),
          sizeof(SchedBalance::active)),
};
constexpr EventField kSchedActiveBalanceFields[] = {
    Field("src_cpu", FieldKind::kCpu, offsetof(SchedActiveBalance, src_cpu),
          sizeof(SchedActiveBalance::src_cpu)),
    Field("dst_cpu", FieldKind::kCpu, offsetof(SchedActiveBalance, dst_cpu),
          sizeof(SchedActiveBalance::dst_cpu)),
    Field("level", FieldKind::kInteger, offsetof(SchedActiveBalance, level),
          sizeof(SchedActiveBalance::level)),
    Field("pid", FieldKind::kTask, offsetof(SchedActiveBalance, pid),
          sizeof(SchedActiveBalance::pid)),
};
constexpr EventField kSchedMoveRefusedFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedMoveRefused, pid), sizeof(SchedMoveRefused::pid)),
    Field("dst_cpu", FieldKind::kCpu, offsetof(SchedMoveRefused, dst_cpu),
          sizeof(SchedMoveRefused::dst_cpu)),
    Field("reason", FieldKind::kInteger, offsetof(SchedMoveRefused, reason),
          sizeof(SchedMoveRefused::reason)),
};
constexpr EventField kSchedQueueFields[] = {
    Field("pid", FieldKind::kTask, offsetof(SchedQueue, pid), sizeof(SchedQueue::pid)),
    Field("queue", FieldKind::kCpu, offsetof(SchedQueue, queue), sizeof(SchedQueue::queue)),
    Field("queued", FieldKind::kInteger, offsetof(SchedQueue, queued), sizeof(SchedQueue::queued)),
    Field("wake_cpu", FieldKind::kCpu, offsetof(SchedQueue, wake_cpu),
          sizeof(SchedQueue::wake_cpu)),
};
constexpr EventField kSchedSetDonorFields[] = {
    Field("donor", FieldKind::kTask, offsetof(SchedSetDonor, donor), sizeof(SchedSetDonor::donor)),
    Field("curr", FieldKind::kTask, offsetof(SchedSetDonor, curr), sizeof(SchedSetDonor::curr)),
};
constexpr EventField kProxyLinkFields[] = {
    Field("pid", FieldKind::kTask, offsetof(ProxyLink, pid), sizeof(ProxyLink::pid)),
    Field("donor", FieldKind::kTask, offsetof(ProxyLink, donor), sizeof(ProxyLink::donor)),
};
constexpr EventField kTaskCpusFields[] = {
    Field("pid", FieldKind::kTask, offsetof(TaskCpus, pid), sizeof(TaskCpus::pid)),
    Field("first", FieldKind::kInteger, offsetof(TaskCpus, first), sizeof(TaskCpus::first)),
    Field("mask", FieldKind::kInteger, offsetof(TaskCpus, mask), sizeof(uint64_t)),
    Field("mask_high", FieldKind::kInteger, offsetof(TaskCpus, mask) + sizeof(uint64_t),
          sizeof(uint64_t)),
};
constexpr EventField kWindowHoldFields[] = {
    Field("pid", FieldKind::kTask, offsetof(WindowHold, pid), sizeof(WindowHold::pid)),
    Field("window", FieldKind::kInteger, offsetof(WindowHold, window), sizeof(WindowHold::window)),
    Field("held", FieldKind::kInteger, offsetof(WindowHold, held), sizeof(WindowHold::held)),
};
constexpr EventField kWwContextFields[] = {
    Field("pid", FieldKind::kTask, offsetof(WwContext, pid), sizeof(WwContext::pid)),
    Field("stamp", FieldKind::kInteger, offsetof(WwContext, stamp), sizeof(WwContext::stamp)),
    Field("acquired", FieldKind::kInteger, offsetof(WwContext, acquired),
          sizeof(WwContext::acquired)),
    Field("wounded", FieldKind::kInteger, offsetof(WwContext, wounded), sizeof(WwContext::wounded)),
    Field("wait_die", FieldKind::kInteger, offsetof(WwContext, wait_die),
          sizeof(WwContext::wait_die)),
};

constexpr EventField kSchedCallbackFields[] = {
    Field("policy", FieldKind::kInteger, offsetof(SchedCallback, policy),
          sizeof(SchedCallback::policy)),
    Field("what", FieldKind::kInteger, offsetof(SchedCallback, what), sizeof(SchedCallback::what)),
    Field("change", FieldKind::kInteger, offsetof(SchedCallback, change),
          sizeof(SchedCallback::change)),
};

constexpr EventField kDlFields[] = {
    Field("pid", FieldKind::kTask, offsetof(DlPayload, pid), sizeof(DlPayload::pid)),
    Field("runtime", FieldKind::kCycles, offsetof(DlPayload, runtime), sizeof(DlPayload::runtime)),
    Field("deadline", FieldKind::kTime, offsetof(DlPayload, deadline), sizeof(DlPayload::deadline)),
    Field("server", FieldKind::kInteger, offsetof(DlPayload, server), sizeof(DlPayload::server)),
    Field("overrun", FieldKind::kInteger, offsetof(DlPayload, overrun), sizeof(DlPayload::overrun)),
};

constexpr EventField kCpuhpEnterFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(CpuhpEnter, cpu), sizeof(CpuhpEnter::cpu)),
    Field("target", FieldKind::kInteger, offsetof(CpuhpEnter, target), sizeof(CpuhpEnter::target)),
    Field("idx", FieldKind::kInteger, offsetof(CpuhpEnter, idx), sizeof(CpuhpEnter::idx)),
    Field("up", FieldKind::kInteger, offsetof(CpuhpEnter, up), sizeof(CpuhpEnter::up)),
};
constexpr EventField kCpuhpMultiEnterFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(CpuhpMultiEnter, cpu), sizeof(CpuhpMultiEnter::cpu)),
    Field("target", FieldKind::kInteger, offsetof(CpuhpMultiEnter, target),
          sizeof(CpuhpMultiEnter::target)),
    Field("idx", FieldKind::kInteger, offsetof(CpuhpMultiEnter, idx), sizeof(CpuhpMultiEnter::idx)),
    Field("up", FieldKind::kInteger, offsetof(CpuhpMultiEnter, up), sizeof(CpuhpMultiEnter::up)),
    Field("instance", FieldKind::kInteger, offsetof(CpuhpMultiEnter, instance),
          sizeof(CpuhpMultiEnter::instance)),
};
constexpr EventField kCpuhpExitFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(CpuhpExit, cpu), sizeof(CpuhpExit::cpu)),
    Field("state", FieldKind::kInteger, offsetof(CpuhpExit, state), sizeof(CpuhpExit::state)),
    Field("idx", FieldKind::kInteger, offsetof(CpuhpExit, idx), sizeof(CpuhpExit::idx)),
    Field("ret", FieldKind::kInteger, offsetof(CpuhpExit, ret), sizeof(CpuhpExit::ret)),
};
constexpr EventField kHotplugMaskFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(HotplugMask, cpu), sizeof(HotplugMask::cpu)),
    Field("mask", FieldKind::kInteger, offsetof(HotplugMask, mask), sizeof(HotplugMask::mask)),
    Field("on", FieldKind::kInteger, offsetof(HotplugMask, on), sizeof(HotplugMask::on)),
};
constexpr EventField kHotplugOpFields[] = {
    Field("cpu", FieldKind::kCpu, offsetof(HotplugOp, cpu), sizeof(HotplugOp::cpu)),
    Field("target", FieldKind::kInteger, offsetof(HotplugOp, target), sizeof(HotplugOp::target)),
    Field("phase", FieldKind::kInteger, offsetof(HotplugOp, phase), sizeof(HotplugOp::phase)),
    Field("result", FieldKind::kInteger, offsetof(HotplugOp, result), sizeof(HotplugOp::result)),
    Field("id", FieldKind::kInteger, offsetof(HotplugOp, id), sizeof(HotplugOp::id)),
};
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
