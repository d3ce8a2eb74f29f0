#include "sim/views/rt_top.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

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
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
  seats_.assign(cpus, 0);
  tried_in_.assign(cpus, 0);
  queued_.clear();
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

RtTop::TaskBook& RtTop::At(TaskId task) {
  if (task.index() >= tasks_.size()) tasks_.resize(task.index() + 1);
  return tasks_[task.index()];
}

void RtTop::OnEvent(const TraceEvent& event) {
  if (event.t > now_) PassTo(event.t);
  is_stale_ = true;
  switch (event.kind()) {
    case EventKind::kTaskAttr:
      At(event.As<TaskAttr>().pid).prio = event.As<TaskAttr>().prio;
      return;
    case EventKind::kSchedPiSetprio:
      At(event.As<SchedPiSetprio>().pid).prio = event.As<SchedPiSetprio>().newprio;
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>(), event.cpu());
      return;
    case EventKind::kSchedWakeup:
      At(event.As<SchedWakeup>().pid).gated = false;
      return;
    case EventKind::kSchedQueue:
      OnQueue(event.As<SchedQueue>());
      return;
    case EventKind::kTaskCpus:
      OnCpus(event.As<TaskCpus>());
      return;
    case EventKind::kMutexBlockedOn:
      At(event.As<MutexBlockedOn>().pid).blocked_on = event.As<MutexBlockedOn>().lock;
      return;
    case EventKind::kMutexWord:
      owners_[event.As<MutexWord>().lock.index()] = event.As<MutexWord>().owner;
      return;
    case EventKind::kProxyWalk: {
      // A walk that finds a wait over lets the task go on without a wake-up.
      const auto walk = event.As<ProxyWalk>();
      if (walk.outcome == WalkOutcome::kRun && walk.why != WalkEnd::kRun) {
        At(walk.end).gated = false;
      }
      return;
    }
    case EventKind::kHotplugMask: {
      const auto change = event.As<HotplugMask>();
      if (change.mask != HotplugMaskKind::kActive) return;
      change.on != 0 ? active_.Add(change.cpu) : active_.Remove(change.cpu);
      num_active_ = active_.Count();
      return;
    }
    case EventKind::kSchedDlThrottle:
      if (event.As<SchedDlThrottle>().pid.valid()) {
        At(event.As<SchedDlThrottle>().pid).throttled = true;
      }
      return;
    case EventKind::kSchedDlReplenish:
      if (event.As<SchedDlReplenish>().pid.valid()) {
        At(event.As<SchedDlReplenish>().pid).throttled = false;
      }
      return;
    case EventKind::kSchedDlUpdate:
      if (event.As<SchedDlUpdate>().pid.valid()) {
        At(event.As<SchedDlUpdate>().pid).throttled = false;
      }
      return;
    default:
      return;
  }
}

void RtTop::OnSwitch(const SchedSwitch& change, CpuId cpu) {
  if (change.prev_pid != kIdleTask) {
    TaskBook& prev = At(change.prev_pid);
    prev.runs_on = CpuId();
    if (change.kept_queued != 0) prev.gated = true;
  }
  if (change.next_pid != kIdleTask) At(change.next_pid).runs_on = cpu;
}

void RtTop::OnQueue(const SchedQueue& change) {
  TaskBook& task = At(change.pid);
  task.queued_on = change.queued != 0 ? change.queue : CpuId();
  // Its class may change while it is queued; who leaves the queue is forgotten when looked at.
  if (change.queued == 0 || task.listed) return;
  task.listed = true;
  queued_.push_back(change.pid);
}

void RtTop::OnCpus(const TaskCpus& cpus) {
  CpuSet& set = At(cpus.pid).cpus;
  for (int32_t c = cpus.first; c < cpus.first + 128 && c < info_->num_cpus(); ++c) {
    const CpuId cpu(c);
    cpus.Contains(cpu) ? set.Add(cpu) : set.Remove(cpu);
  }
}

TaskId RtTop::EndOf(TaskId task) {
  TaskId at = task;
  for (std::size_t hops = 0; hops <= tasks_.size(); ++hops) {
    const TaskBook& book = At(at);
    if (!book.gated) return at;
    if (!book.blocked_on.valid()) return TaskId();
    at = owners_[book.blocked_on.index()];
    if (!at.valid() || !At(at).queued_on.valid()) return TaskId();
  }
  return TaskId();
}

void RtTop::CollectContexts() {
  contexts_.clear();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < queued_.size(); ++i) {
    const TaskId task = queued_[i];
    if (!At(task).queued_on.valid()) {
      At(task).listed = false;
      continue;
    }
    queued_[kept++] = task;
    if (At(task).prio >= kFirstFairPrio || At(task).throttled) continue;
    const TaskId end = EndOf(task);
    if (end.valid()) contexts_.push_back({end, std::max(At(task).prio, -1)});
  }
  queued_.resize(kept);
  // total order: what is equal in both is one context.
  std::sort(contexts_.begin(), contexts_.end(), [](const Context& a, const Context& b) {
    return std::tuple(a.task, a.prio) < std::tuple(b.task, b.prio);
  });
  const auto same = [](const Context& a, const Context& b) { return a.task == b.task; };
  contexts_.erase(std::unique(contexts_.begin(), contexts_.end(), same), contexts_.end());
  // total order: each task is there once.
  std::sort(contexts_.begin(), contexts_.end(), [](const Context& a, const Context& b) {
    return std::tuple(a.prio, a.task) < std::tuple(b.prio, b.task);
  });
}

// Finds a CPU for the context, others moving if that makes room (an augmenting path).
bool RtTop::Seat(std::size_t context, uint64_t round) {
  const CpuSet allowed = At(contexts_[context].task).cpus & active_;
  for (CpuId cpu = allowed.First(); cpu.valid(); cpu = allowed.After(cpu)) {
    if (tried_in_[cpu.index()] == round) continue;
    tried_in_[cpu.index()] = round;
    if (seats_[cpu.index()] != 0 && !Seat(seats_[cpu.index()] - 1, round)) continue;
    seats_[cpu.index()] = context + 1;
    return true;
  }
  return false;
}

int64_t RtTop::Missing(TaskId& missing) {
  CollectContexts();
  const auto executes = [this](const Context& context) { return At(context.task).runs_on.valid(); };
  if (std::all_of(contexts_.begin(), contexts_.end(), executes)) return 0;
  // The greedy choice is the best one: the sets that can be seated at once are a matroid.
  std::fill(seats_.begin(), seats_.end(), std::size_t{0});
  wanted_.clear();
  executing_.clear();
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    if (executes(contexts_[i])) executing_.push_back(contexts_[i].prio);
    if (static_cast<int>(wanted_.size()) < num_active_ && Seat(i, ++round_)) {
      wanted_.push_back(contexts_[i].prio);
    }
  }
  // Among equals it does not matter who executes.
  int64_t count = 0;
  std::size_t at = 0;
  for (const int32_t prio : wanted_) {
    while (at < executing_.size() && executing_[at] < prio) ++at;
    if (at < executing_.size() && executing_[at] == prio) {
      ++at;
      continue;
    }
    ++count;
    for (const Context& context : contexts_) {
      if (!missing.valid() && context.prio == prio && !executes(context)) missing = context.task;
    }
  }
  return count;
}

// Time passes from now_ to `t` in the state that the events so far have made.
void RtTop::PassTo(Time t) {
  if (is_stale_) {
    is_stale_ = false;
    TaskId first;
    const int64_t missing = Missing(first);
    if (missing > 0 && missing_ == 0 && info_->scenario().check.rt_topn_strict) {
      Violation violation;
      violation.id = "PX-I9";
      violation.at = now_;
      violation.task = first;
      violation.message = fmt::format("{} should execute and does not", info_->task_name(first));
      sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
    }
    missing_ = missing;
  }
  violated_ += (t - now_) * missing_;
  now_ = t;
}

}  // namespace rqsim
