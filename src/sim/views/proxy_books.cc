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
                       EventKind::kSchedMigrateTask, EventKind::kSegment,
                       EventKind::kMutexBlockedOn, EventKind::kMutexWord, EventKind::kMutexWait,
                       EventKind::kProxyDonor, EventKind::kProxyDeactivate, EventKind::kProxyPark,
                       EventKind::kProxyReturn, EventKind::kProxyWalk,
                       EventKind::kSchedMoveRefused);
}

void ProxyBooks::OnStart(const RunInfo& info) {
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskBook());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuBook());
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
}

ProxyBooks::TaskBook& ProxyBooks::At(TaskId task) {
  if (task.index() >= tasks_.size()) tasks_.resize(task.index() + 1);
  return tasks_[task.index()];
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
      At(event.As<TaskAttr>().pid).prio = event.As<TaskAttr>().prio;
      return;
    case EventKind::kSchedSwitch: {
      const SchedSwitch change = event.As<SchedSwitch>();
      SetCpu(event.cpu(), change.next_pid, change.donor);
      if (change.next_pid != kIdleTask) At(change.next_pid).home = event.cpu();
      if (change.kept_queued != 0) At(change.prev_pid).kept_queued = true;
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
      is_stale_ = true;
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
  cpu.curr = curr;
  cpu.donor = curr == kIdleTask ? kIdleTask : donor;
  num_proxied_ += cpu.curr != cpu.donor ? 1 : 0;
  is_stale_ = true;
}

void ProxyBooks::OnWait(const MutexWait& wait) {
  if (wait.queue != MutexQueue::kWaitList) return;
  TaskBook& task = At(wait.pid);
  task.waits_for = wait.joined != 0 ? wait.lock : LockId();
  is_stale_ = true;
  if (task.prio >= kFirstFairPrio) return;
  const auto at = std::find(waiters_.begin(), waiters_.end(), wait.pid);
  if (wait.joined != 0 && at == waiters_.end()) waiters_.push_back(wait.pid);
  if (wait.joined == 0 && at != waiters_.end()) {
    *at = waiters_.back();
    waiters_.pop_back();
  }
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
  is_stale_ = true;
}

// Time passes from now_ to `t` in the state that the events so far have made.
void ProxyBooks::PassTo(Time t) {
  if (is_stale_) {
    is_stale_ = false;
    overrunning_ = inverted_ = 0;
    if (num_proxied_ > 0) {
      for (const CpuBook& cpu : cpus_) overrunning_ += Overruns(cpu) ? 1 : 0;
    }
    for (std::size_t i = 0; i < cpus_.size() && !waiters_.empty(); ++i) {
      inverted_ += IsInverted(CpuId(static_cast<int32_t>(i)), cpus_[i]) ? 1 : 0;
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

bool ProxyBooks::IsInverted(CpuId id, const CpuBook& cpu) const {
  if (cpu.curr == kIdleTask) return false;
  const int32_t prio = tasks_[cpu.donor.index()].prio;
  for (const TaskId waiter : waiters_) {
    if (tasks_[waiter.index()].prio >= prio || !accountant_.task(waiter).IsAsleep()) continue;
    const TaskId end = EndOfWait(waiter);
    if (!end.valid()) continue;
    const TaskAccount& account = accountant_.task(end);
    if (account.phase == TaskPhase::kRunnable && account.cpu == id) return true;
  }
  return false;
}

TaskId ProxyBooks::EndOfWait(TaskId waiter) const {
  TaskId end = waiter;
  for (int i = 0; i < kWaitLinksMax; ++i) {
    const LockId lock = tasks_[end.index()].waits_for;
    if (!lock.valid() || !accountant_.task(end).IsAsleep()) return end;
    end = owners_[lock.index()];
    if (!end.valid() || end == waiter) return TaskId();
  }
  return TaskId();
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
