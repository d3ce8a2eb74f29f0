#include "sim/views/rt_top.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

namespace rqsim {

EventMask RtTop::Wants() const {
  return EventMask::Of(EventKind::kTaskAttr, EventKind::kSchedPiSetprio, EventKind::kSchedSwitch,
                       EventKind::kSchedWakeup, EventKind::kSchedQueue, EventKind::kTaskCpus,
                       EventKind::kMutexBlockedOn, EventKind::kMutexWord, EventKind::kProxyWalk,
                       EventKind::kSchedDlThrottle, EventKind::kSchedDlReplenish,
                       EventKind::kSchedDlUpdate, EventKind::kHotplugMask);
}

void RtTop::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  const auto cpus = static_cast<std::size_t>(info.num_cpus());
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskBook());
  currs_.assign(cpus, kIdleTask);
  dirty_.clear();
  important_.Start(info.num_tasks(), info.num_locks());
  groups_.clear();
  groups_from_.assign(cpus, {});
  executing_.Clear();
  waiting_.Clear();
  num_executing_ = num_astray_ = 0;
  seats_.assign(cpus, 0);
  tried_in_.assign(cpus, 0);
  active_.Clear();
  const std::vector<CpuSpec>& specs = info.scenario().machine.cpus;
  for (std::size_t c = 0; c < cpus; ++c) {
    if (c >= specs.size() || specs[c].online) active_.Add(CpuId(static_cast<int32_t>(c)));
  }
  num_active_ = active_.Count();
  round_ = 0;
  now_ = Time();
  is_stale_ = false;
  missing_ = 0;
  violated_ = kZeroCycles;
}

void RtTop::OnEvent(const TraceEvent& event) {
  if (event.t > now_) PassTo(event.t);
  switch (event.kind()) {
    case EventKind::kTaskAttr:
      At(event.As<TaskAttr>().pid).prio = event.As<TaskAttr>().prio;
      Touch(event.As<TaskAttr>().pid);
      return;
    case EventKind::kSchedPiSetprio:
      At(event.As<SchedPiSetprio>().pid).prio = event.As<SchedPiSetprio>().newprio;
      Touch(event.As<SchedPiSetprio>().pid);
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>(), event.cpu());
      return;
    case EventKind::kSchedWakeup:
      At(event.As<SchedWakeup>().pid).gated = false;
      Touch(event.As<SchedWakeup>().pid);
      return;
    case EventKind::kSchedQueue:
      OnQueue(event.As<SchedQueue>());
      return;
    case EventKind::kTaskCpus:
      OnCpus(event.As<TaskCpus>());
      return;
    case EventKind::kMutexBlockedOn:
      At(event.As<MutexBlockedOn>().pid).blocked_on = event.As<MutexBlockedOn>().lock;
      Touch(event.As<MutexBlockedOn>().pid);
      return;
    case EventKind::kMutexWord:
      important_.SetOwner(event.As<MutexWord>().lock, event.As<MutexWord>().owner);
      return;
    case EventKind::kProxyWalk: {
      // A walk that finds a wait over lets the task go on without a wake-up.
      const auto walk = event.As<ProxyWalk>();
      if (walk.outcome == WalkOutcome::kRun && walk.why != WalkEnd::kRun) {
        At(walk.end).gated = false;
        Touch(walk.end);
      }
      return;
    }
    case EventKind::kHotplugMask: {
      const auto change = event.As<HotplugMask>();
      if (change.mask == HotplugMaskKind::kActive) OnActive(change.cpu, change.on != 0);
      return;
    }
    case EventKind::kSchedDlThrottle:
      OnThrottle(event.As<SchedDlThrottle>().pid, true);
      return;
    case EventKind::kSchedDlReplenish:
      OnThrottle(event.As<SchedDlReplenish>().pid, false);
      return;
    case EventKind::kSchedDlUpdate:
      OnThrottle(event.As<SchedDlUpdate>().pid, false);
      return;
    default:
      return;
  }
}

// Servers have no task.
void RtTop::OnThrottle(TaskId task, bool throttled) {
  if (!task.valid()) return;
  At(task).throttled = throttled;
  Touch(task);
}

void RtTop::OnSwitch(const SchedSwitch& change, CpuId cpu) {
  if (change.prev_pid != kIdleTask) {
    TaskBook& prev = At(change.prev_pid);
    prev.runs_on = CpuId();
    if (change.kept_queued != 0) prev.gated = true;
    Touch(change.prev_pid);
  }
  if (change.next_pid != kIdleTask) {
    At(change.next_pid).runs_on = cpu;
    Touch(change.next_pid);
  }
  currs_[cpu.index()] = change.next_pid;
}

void RtTop::OnQueue(const SchedQueue& change) {
  At(change.pid).queued_on = change.queued != 0 ? change.queue : CpuId();
  Touch(change.pid);
}

void RtTop::OnCpus(const TaskCpus& cpus) {
  TaskBook& task = At(cpus.pid);
  for (int32_t c = cpus.first; c < cpus.first + 128 && c < info_->num_cpus(); ++c) {
    const CpuId cpu(c);
    cpus.Contains(cpu) ? task.cpus.Add(cpu) : task.cpus.Remove(cpu);
  }
  task.has_no_group = true;
  Touch(cpus.pid);
}

void RtTop::OnActive(CpuId cpu, bool is_active) {
  is_active ? active_.Add(cpu) : active_.Remove(cpu);
  num_active_ = active_.Count();
  if (currs_[cpu.index()] != kIdleTask) Touch(currs_[cpu.index()]);
  is_stale_ = true;
}

void RtTop::Settle() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) {
    At(dirty_[i]).dirty = false;
    SettleTask(dirty_[i]);
  }
  dirty_.clear();
  // Who waits for whom may be news to a task that gets a prio now, and so to others.
  for (std::size_t i = 0; i < important_.changed().size(); ++i) {
    SettleTask(important_.changed()[i]);
  }
  important_.ClearChanged();
}

// A waiter that stays queued stands for the owner of its lock; who is not queued stands for nobody.
void RtTop::SettleTask(TaskId id) {
  const TaskBook& book = At(id);
  const bool is_queued = book.queued_on.valid();
  const bool counts = is_queued && book.prio < kFirstFairPrio && !book.throttled;
  important_.SetOwn(id, counts ? std::max(book.prio, -1) : kNoPrio);
  important_.SetWait(id, is_queued && book.gated ? book.blocked_on : LockId());
  Count(id);
}

void RtTop::Count(TaskId id) {
  TaskBook& book = At(id);
  Counted now;
  // A waiter is no context, whether or not it stands for anybody.
  if (book.queued_on.valid() && !book.gated) now.prio = important_.Of(id);
  if (now.prio != kNoPrio) {
    now.group = GroupOf(book);
    now.executes = book.runs_on.valid();
    now.is_astray = now.executes && !(book.cpus & active_).Contains(book.runs_on);
  }
  const Counted before = std::exchange(book.counted, now);
  if (now == before) return;
  is_stale_ = true;
  if (before.prio != kNoPrio) {
    groups_[before.group].contexts.Remove(before.prio);
    (before.executes ? executing_ : waiting_).Remove(before.prio);
  }
  if (now.prio != kNoPrio) {
    groups_[now.group].contexts.Add(now.prio);
    (now.executes ? executing_ : waiting_).Add(now.prio);
  }
  num_executing_ += (now.executes ? 1 : 0) - (before.executes ? 1 : 0);
  num_astray_ += (now.is_astray ? 1 : 0) - (before.is_astray ? 1 : 0);
}

std::size_t RtTop::GroupOf(TaskBook& book) {
  if (!book.has_no_group) return book.group;
  book.has_no_group = false;
  const CpuId first = book.cpus.First();
  std::vector<std::size_t>& candidates = groups_from_[first.valid() ? first.index() : 0];
  for (const std::size_t group : candidates) {
    if (groups_[group].cpus == book.cpus) return book.group = group;
  }
  book.group = groups_.size();
  groups_.push_back({book.cpus, {}, false});
  candidates.push_back(book.group);
  return book.group;
}

int64_t RtTop::Missing(int32_t& first) {
  if (waiting_.empty()) return 0;
  // Every CPU executes one that may be there, and none that waits is more important than any.
  if (num_executing_ == num_active_ && num_astray_ == 0 &&
      executing_.entries().back().prio <= waiting_.First()) {
    return 0;
  }
  Choose();
  // Among equals it does not matter who executes.
  int64_t count = 0;
  for (const PrioCounts::Entry& wanted : wanted_.entries()) {
    const int32_t missing = wanted.count - executing_.CountOf(wanted.prio);
    if (missing <= 0) continue;
    if (count == 0) first = wanted.prio;
    count += missing;
  }
  return count;
}

// The greedy choice is the best one: the sets that can be seated at once are a matroid.
void RtTop::Choose() {
  candidates_.clear();
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    groups_[g].is_full = false;
    for (const PrioCounts::Entry& entry : groups_[g].contexts.entries()) {
      candidates_.push_back({entry.prio, g, entry.count});
    }
  }
  // total order: a group has a prio once.
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidates& a, const Candidates& b) {
    return std::tuple(a.prio, a.group) < std::tuple(b.prio, b.group);
  });
  std::fill(seats_.begin(), seats_.end(), std::size_t{0});
  wanted_.Clear();
  int seated = 0;
  for (const Candidates& candidates : candidates_) {
    Group& group = groups_[candidates.group];
    for (int32_t i = 0; i < candidates.count && !group.is_full; ++i) {
      if (seated == num_active_) return;
      group.is_full = !Seat(candidates.group, ++round_);
      if (group.is_full) break;
      wanted_.Add(candidates.prio);
      ++seated;
    }
  }
}

// Finds a CPU for one more context of `group`, others moving if that makes room (an augmenting
// path).
bool RtTop::Seat(std::size_t group, uint64_t round) {
  const CpuSet allowed = groups_[group].cpus & active_;
  for (CpuId cpu = allowed.First(); cpu.valid(); cpu = allowed.After(cpu)) {
    if (tried_in_[cpu.index()] == round) continue;
    tried_in_[cpu.index()] = round;
    if (seats_[cpu.index()] != 0 && !Seat(seats_[cpu.index()] - 1, round)) continue;
    seats_[cpu.index()] = group + 1;
    return true;
  }
  return false;
}

// Time passes from now_ to `t` in the state that the events so far have made.
void RtTop::PassTo(Time t) {
  if (!dirty_.empty() || !important_.changed().empty()) Settle();
  if (is_stale_) {
    is_stale_ = false;
    int32_t first = kNoPrio;
    const int64_t missing = Missing(first);
    if (missing > 0 && missing_ == 0 && info_->scenario().check.rt_topn_strict) Report(first);
    missing_ = missing;
  }
  violated_ += (t - now_) * missing_;
  now_ = t;
}

void RtTop::Report(int32_t prio) {
  TaskId task;
  for (std::size_t i = 1; i < tasks_.size() && !task.valid(); ++i) {
    const Counted& counted = tasks_[i].counted;
    if (counted.prio == prio && !counted.executes) task = TaskId(static_cast<int32_t>(i));
  }
  Violation violation;
  violation.id = "PX-I9";
  violation.at = now_;
  violation.task = task;
  violation.message = fmt::format("{} should execute and does not", info_->task_name(task));
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
