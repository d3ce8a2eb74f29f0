#include "sim/views/proxy_books.h"

#include <algorithm>

namespace rqsim {
namespace {

// Fair tasks have 100 and more.
constexpr int32_t kFirstFairPrio = 100;
constexpr int kWaitLinksMax = 4096;

}  // namespace

EventMask ProxyBooks::Wants() {
  return EventMask::Of(EventKind::kTaskAttr, EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                       EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask,
                       EventKind::kSegment, EventKind::kMutexBlockedOn, EventKind::kMutexWord,
                       EventKind::kMutexWait, EventKind::kProxyDonor, EventKind::kProxyDeactivate,
                       EventKind::kProxyPark, EventKind::kProxyReturn, EventKind::kProxyWalk,
                       EventKind::kSchedMoveRefused, EventKind::kSchedDlThrottle,
                       EventKind::kSchedDlReplenish, EventKind::kSchedDlUpdate);
}

void ProxyBooks::OnStart(const RunInfo& info) {
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskBook());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuBook());
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
  waited_for_.Start(info.num_tasks(), info.num_locks());
}

void ProxyBooks::OnEvent(const TraceEvent& event) {
  if (event.kind() == EventKind::kSegment) {
    const Segment segment = event.As<Segment>();
    if (segment.curr != kIdleTask && segment.curr != segment.donor) {
      donated_ += event.t - segment.start;
    }
    return;
  }
  if (event.t > now_) PassTo(event.t);
  switch (event.kind()) {
    case EventKind::kTaskAttr:
      OnAttr(event.As<TaskAttr>());
      return;
    case EventKind::kSchedSwitch: {
      const SchedSwitch change = event.As<SchedSwitch>();
      SetCpu(event.cpu(), change.next_pid, change.donor);
      if (change.next_pid != kIdleTask) At(change.next_pid).home = event.cpu();
      if (change.kept_queued != 0) At(change.prev_pid).kept_queued = true;
      Touch(change.prev_pid);
      Touch(change.next_pid);
      return;
    }
    case EventKind::kProxyDonor:
      SetCpu(event.cpu(), event.As<ProxyDonor>().curr, event.As<ProxyDonor>().donor);
      return;
    case EventKind::kMutexBlockedOn:
      At(event.As<MutexBlockedOn>().pid).blocked_on = event.As<MutexBlockedOn>().lock;
      is_stale_ = true;
      return;
    case EventKind::kMutexWord:
      owners_[event.As<MutexWord>().lock.index()] = event.As<MutexWord>().owner;
      waited_for_.SetOwner(event.As<MutexWord>().lock, event.As<MutexWord>().owner);
      is_stale_ = true;
      return;
    case EventKind::kMutexWait:
      OnWait(event.As<MutexWait>());
      return;
    case EventKind::kSchedWakeup:
      OnWakeup(event.As<SchedWakeup>());
      return;
    case EventKind::kSchedMigrateTask:
      At(event.As<SchedMigrateTask>().pid).home = event.As<SchedMigrateTask>().dest_cpu;
      Touch(event.As<SchedMigrateTask>().pid);
      return;
    case EventKind::kSchedDlThrottle:
      Touch(event.As<SchedDlThrottle>().pid);
      return;
    case EventKind::kSchedDlReplenish:
      Touch(event.As<SchedDlReplenish>().pid);
      return;
    case EventKind::kSchedDlUpdate:
      Touch(event.As<SchedDlUpdate>().pid);
      return;
    case EventKind::kProxyDeactivate:
      ++deactivations_;
      At(event.As<ProxyDeactivate>().pid).kept_queued = false;
      return;
    case EventKind::kProxyPark: {
      const ProxyPark park = event.As<ProxyPark>();
      parks_ += park.parked;
      At(park.pid).kept_queued = park.parked == 0;
      return;
    }
    case EventKind::kProxyReturn:
      ++returns_;
      At(event.As<ProxyReturn>().pid).kept_queued = false;
      return;
    case EventKind::kProxyWalk:
      OnWalk(event.As<ProxyWalk>());
      return;
    case EventKind::kSchedMoveRefused:
      moves_refused_ += At(event.As<SchedMoveRefused>().pid).kept_queued ? 1 : 0;
      return;
    default:
      return;
  }
}

void ProxyBooks::SetCpu(CpuId id, TaskId curr, TaskId donor) {
  CpuBook& cpu = cpus_[id.index()];
  num_proxied_ -= cpu.curr != cpu.donor ? 1 : 0;
  --At(cpu.donor).num_donor_of;
  cpu.curr = curr;
  cpu.donor = curr == kIdleTask || !donor.valid() ? curr : donor;
  ++At(cpu.donor).num_donor_of;
  num_proxied_ += curr != cpu.donor ? 1 : 0;
  curr != cpu.donor ? proxied_.Add(id) : proxied_.Remove(id);
  // Else it inverts nothing, whoever executes.
  if (cpu.is_inverted || !cpu.waited_for.empty()) Touch(id);
  is_stale_ = true;
}

void ProxyBooks::OnAttr(const TaskAttr& attr) {
  TaskBook& task = At(attr.pid);
  task.prio = attr.prio;
  Touch(attr.pid);
  for (std::size_t i = 0; task.num_donor_of > 0 && i < cpus_.size(); ++i) {
    if (cpus_[i].donor == attr.pid) Touch(CpuId(static_cast<int32_t>(i)));
  }
}

void ProxyBooks::OnWait(const MutexWait& wait) {
  if (wait.queue != MutexQueue::kWaitList) return;
  Touch(wait.pid);
  At(wait.pid).waits_for = wait.joined != 0 ? wait.lock : LockId();
  Touch(wait.pid);
}

void ProxyBooks::OnWalk(const ProxyWalk& walk) {
  switch (walk.outcome) {
    case WalkOutcome::kRun:
      longest_ = std::max<int64_t>(longest_, walk.hops);
      if (walk.hops > 0) ++chains_[std::min(walk.hops, 4) - 1];
      break;
    case WalkOutcome::kIdle:
      ++idle_retries_;
      break;
    case WalkOutcome::kAgain:
      ++pick_agains_;
      break;
    case WalkOutcome::kEnds:
      break;
  }
}

// In place, and not where it was placed: it runs on the CPU it was lent to.
void ProxyBooks::OnWakeup(const SchedWakeup& wake) {
  TaskBook& task = At(wake.pid);
  if (task.kept_queued && task.home.valid() && task.home != wake.target_cpu) ++misplaced_;
  task.kept_queued = false;
  task.home = wake.target_cpu;
  Touch(wake.pid);
}

void ProxyBooks::Touch(CpuId id) {
  CpuBook& cpu = cpus_[id.index()];
  if (cpu.dirty) return;
  cpu.dirty = true;
  dirty_cpus_.push_back(id);
}

void ProxyBooks::Settle() {
  for (std::size_t i = 0; i < dirty_tasks_.size(); ++i) {
    At(dirty_tasks_[i]).dirty = false;
    SettleTask(dirty_tasks_[i]);
  }
  dirty_tasks_.clear();
  for (std::size_t i = 0; i < waited_for_.changed().size(); ++i) {
    SettleTask(waited_for_.changed()[i]);
  }
  waited_for_.ClearChanged();
  for (const CpuId cpu : dirty_cpus_) SettleCpu(cpu);
  dirty_cpus_.clear();
}

void ProxyBooks::SettleTask(TaskId id) {
  TaskBook& task = At(id);
  const TaskAccount& account = accountant_.task(id);
  const bool waits = task.waits_for.valid() && account.IsAsleep();
  waited_for_.SetOwn(id, waits && task.prio < kFirstFairPrio ? task.prio : kNoPrio);
  waited_for_.SetWait(id, waits ? task.waits_for : LockId());

  const int32_t prio = account.phase == TaskPhase::kRunnable ? waited_for_.Of(id) : kNoPrio;
  const CpuId cpu = prio != kNoPrio ? account.cpu : CpuId();
  if (prio == task.counts_as && cpu == task.counts_on) return;
  for (const CpuId changed : {task.counts_on, cpu}) {
    if (changed.valid()) Touch(changed);
  }
  if (task.counts_on.valid()) cpus_[task.counts_on.index()].waited_for.Remove(task.counts_as);
  if (cpu.valid()) cpus_[cpu.index()].waited_for.Add(prio);
  task.counts_as = prio;
  task.counts_on = cpu;
}

void ProxyBooks::SettleCpu(CpuId id) {
  CpuBook& cpu = cpus_[id.index()];
  cpu.dirty = false;
  inverted_ -= cpu.is_inverted ? 1 : 0;
  cpu.is_inverted = cpu.curr != kIdleTask && cpu.waited_for.First() < At(cpu.donor).prio;
  inverted_ += cpu.is_inverted ? 1 : 0;
}

// Time passes from now_ to `t` in the state that the events so far have made.
void ProxyBooks::PassTo(Time t) {
  if (!dirty_tasks_.empty() || !dirty_cpus_.empty() || !waited_for_.changed().empty()) Settle();
  if (is_stale_) {
    is_stale_ = false;
    overrunning_ = 0;
    for (CpuId cpu = num_proxied_ > 0 ? proxied_.First() : CpuId(); cpu.valid();
         cpu = proxied_.After(cpu)) {
      overrunning_ += Overruns(cpus_[cpu.index()]) ? 1 : 0;
    }
  }
  const Cycles length = t - now_;
  now_ = t;
  overrun_ += length * overrunning_;
  inversion_ += length * inverted_;
}

bool ProxyBooks::Overruns(const CpuBook& cpu) const {
  if (cpu.curr == cpu.donor) return false;
  TaskId end = cpu.donor;
  for (int i = 0; i < kWaitLinksMax && end.valid(); ++i) {
    const LockId lock = tasks_[end.index()].blocked_on;
    if (!lock.valid()) break;
    end = owners_[lock.index()];
  }
  return end != cpu.curr;
}

void ProxyBooks::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  const std::pair<std::string, int64_t> own[] = {
      {"chains_of_1", chains_[0]},
      {"chains_of_2", chains_[1]},
      {"chains_of_3", chains_[2]},
      {"chains_of_4_or_more", chains_[3]},
      {"donor_cycles", donated_.count()},
      {"donor_moves_refused", moves_refused_},
      {"idle_retries", idle_retries_},
      {"inversion_cycles", inversion_.count()},
      {"longest_chain", longest_},
      {"misplaced_wakeups", misplaced_},
      {"overrun_cycles", overrun_.count()},
      {"pick_agains", pick_agains_},
      {"proxy_deactivations", deactivations_},
      {"proxy_parks", parks_},
      {"return_migrations", returns_},
  };
  metrics.insert(metrics.end(), std::begin(own), std::end(own));
}

}  // namespace rqsim
