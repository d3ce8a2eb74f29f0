#include "sim/views/accountant.h"

#include <fmt/format.h>

#include <algorithm>

namespace rqsim {
namespace {

constexpr int kReportsOfAKindMax = 16;
constexpr std::size_t kCausesMax = 128;

// How the rows of the table in the header begin; Report() takes the number.
constexpr int kTiling = 1, kStates = 2, kTwoPaths = 3, kCharge = 4, kContradiction = 5,
              kMachine = 6;

TaskPhase PhaseAfter(const SchedSwitch& change) {
  switch (change.prev_state.letter) {
    case 'R':
      return TaskPhase::kRunnable;
    case 'D':
      return change.kept_queued != 0 ? TaskPhase::kBlockedQueued : TaskPhase::kBlocked;
    case 'P':
      return TaskPhase::kParked;
    case 'X':
    case 'Z':
      return TaskPhase::kDead;
    default:
      return change.kept_queued != 0 ? TaskPhase::kBlockedQueued : TaskPhase::kSleeping;
  }
}

}  // namespace

Cycles TaskAccount::Lifetime() const {
  Cycles sum;
  for (std::size_t i = 1; i + 1 < kNumTaskPhases; ++i) sum += in[i];
  return sum;
}

void Accountant::Holders::Push(Time t, TaskId holder) {
  if (count > 0) {
    Entry& newest = ring[(count - 1) % kHoldersMax];
    if (newest.holder == holder) return;
    if (newest.since == t) {
      newest.holder = holder;
      return;
    }
  }
  if (ring.size() < kHoldersMax) {
    ring.push_back({t, holder});
  } else {
    ring[count % kHoldersMax] = {t, holder};
  }
  ++count;
}

EventMask Accountant::Wants() const {
  return EventMask::Of(EventKind::kSchedWaking, EventKind::kSchedWakeup, EventKind::kSchedWakeupNew,
                       EventKind::kSchedSwitch, EventKind::kSchedMigrateTask,
                       EventKind::kSchedProcessFork, EventKind::kSegment, EventKind::kOpBegin,
                       EventKind::kOpEnd, EventKind::kMutexWord, EventKind::kMutexBlockedOn,
                       EventKind::kProxyDeactivate, EventKind::kProxyPark,
                       EventKind::kSchedDlThrottle, EventKind::kSchedDlReplenish,
                       EventKind::kSchedDlUpdate, EventKind::kTaskAttr);
}

void Accountant::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskAccount());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuAccount());
  cpu_holders_.assign(cpus_.size(), Holders());
  lock_holders_.assign(static_cast<std::size_t>(info.num_locks()), Holders());
  for (Holders& holders : cpu_holders_) holders.Push(Time(), kIdleTask);
  for (Holders& holders : lock_holders_) holders.Push(Time(), TaskId());
  reported_.fill(0);
}

void Accountant::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSegment:
      OnSegment(event);
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kSchedWaking:
      OnWaking(event.As<SchedWaking>().pid, event.t);
      return;
    case EventKind::kSchedWakeup:
      OnWakeup(event.As<SchedWakeup>(), event.t, false);
      return;
    case EventKind::kSchedWakeupNew:
      OnWakeup(event.As<SchedWakeupNew>(), event.t, true);
      return;
    case EventKind::kSchedMigrateTask:
      OnMigrate(event.As<SchedMigrateTask>(), event.t);
      return;
    case EventKind::kSchedProcessFork: {
      TaskAccount& child = At(event.As<SchedProcessFork>().child_pid);
      if (child.phase == TaskPhase::kAbsent) Born(child, event.t, TaskPhase::kRunnable);
      return;
    }
    case EventKind::kOpBegin:
      At(event.As<OpBegin>().pid).op = event.As<OpBegin>().op;
      return;
    case EventKind::kOpEnd:
      At(event.As<OpEnd>().pid).op = -1;
      return;
    case EventKind::kMutexWord: {
      const MutexWord word = event.As<MutexWord>();
      lock_holders_[word.lock.index()].Push(event.t, word.owner);
      return;
    }
    case EventKind::kMutexBlockedOn: {
      const MutexBlockedOn change = event.As<MutexBlockedOn>();
      At(change.pid).blocked_on = change.lock;
      return;
    }
    case EventKind::kProxyDeactivate: {
      const TaskId id = event.As<ProxyDeactivate>().pid;
      TaskAccount& task = At(id);
      if (task.phase != TaskPhase::kBlockedQueued) return;
      CloseCause(task, id, event.t);
      Enter(task, event.t, TaskPhase::kBlocked);
      return;
    }
    case EventKind::kSchedDlThrottle:
      OnThrottle(event.As<SchedDlThrottle>().pid, event.t, true);
      return;
    case EventKind::kSchedDlReplenish:
      OnThrottle(event.As<SchedDlReplenish>().pid, event.t, false);
      return;
    case EventKind::kSchedDlUpdate:
      OnThrottle(event.As<SchedDlUpdate>().pid, event.t, false);
      return;
    case EventKind::kTaskAttr: {
      const TaskAttr attr = event.As<TaskAttr>();
      if (attr.policy != static_cast<int32_t>(SchedPolicy::kDeadline)) {
        OnThrottle(attr.pid, event.t, false);
      }
      return;
    }
    case EventKind::kProxyPark:
      OnPark(event.As<ProxyPark>(), event.t);
      return;
    default:
      return;
  }
}

void Accountant::Born(TaskAccount& task, Time t, TaskPhase phase) {
  task.start = t;
  task.since = t;
  task.cause_since = t;
  task.phase = phase;
}

// The part of the old phase that no cause has yet must have been closed before.
void Accountant::Enter(TaskAccount& task, Time t, TaskPhase phase) {
  task.in[static_cast<std::size_t>(task.phase)] += t - task.since;
  task.phase = phase;
  task.since = t;
  task.cause_since = t;
}

void Accountant::AddCause(TaskAccount& task, CauseKey key, Cycles length) {
  if (length == kZeroCycles) return;
  const auto less = [](const auto& a, const CauseKey& b) { return a.first < b; };
  auto at = std::lower_bound(task.waits.begin(), task.waits.end(), key, less);
  if (at == task.waits.end() || at->first != key) {
    // A task that waited for everybody else has a list as long as there are tasks.
    if (task.waits.size() >= kCausesMax) {
      key = CauseKey{CauseKey::Kind::kOthers, -1, TaskId()};
      at = std::lower_bound(task.waits.begin(), task.waits.end(), key, less);
    }
    if (at == task.waits.end() || at->first != key) at = task.waits.insert(at, {key, kZeroCycles});
  }
  at->second += length;
}

// Gives [cause_since, t) to what caused it.
void Accountant::CloseCause(TaskAccount& task, TaskId id, Time t) {
  const Cycles length = t - task.cause_since;
  if (task.phase == TaskPhase::kRunning || length == kZeroCycles) return;
  if (task.phase == TaskPhase::kRunnable) {
    CloseQueued(task, t);
  } else if (task.phase == TaskPhase::kThrottled) {
    AddCause(task, CauseKey{CauseKey::Kind::kThrottled, -1, TaskId()}, length);
  } else if (task.waking) {
    AddCause(task, CauseKey{CauseKey::Kind::kWakeUp, -1, TaskId()}, length);
  } else if (task.parked_on.valid()) {
    AddCause(task, CauseKey{CauseKey::Kind::kParkedOn, -1, task.parked_on}, length);
  } else if (task.wait_lock.valid()) {
    CloseLocked(task, id, t);
  } else if (task.op >= 0) {
    AddCause(task, CauseKey{CauseKey::Kind::kOp, task.op, TaskId()}, length);
  } else {
    AddCause(task, CauseKey{CauseKey::Kind::kNoOp, -1, TaskId()}, length);
  }
  task.cause_since = t;
}

void Accountant::CloseQueued(TaskAccount& task, Time t) {
  Time end = t;
  const Holders& holders = cpu_holders_[task.cpu.valid() ? task.cpu.index() : 0];
  for (std::size_t i = 0; i < holders.kept() && end > task.cause_since; ++i) {
    const Holders::Entry& entry = holders.FromNewest(i);
    const Time from = std::max(entry.since, task.cause_since);
    if (from >= end) continue;
    const bool is_idle = entry.holder == kIdleTask;
    AddCause(task,
             CauseKey{is_idle ? CauseKey::Kind::kIdleCpu : CauseKey::Kind::kRan, -1,
                      is_idle ? TaskId() : entry.holder},
             end - from);
    end = from;
  }
  AddCause(task, CauseKey{CauseKey::Kind::kOthers, -1, TaskId()}, end - task.cause_since);
}

void Accountant::CloseLocked(TaskAccount& task, TaskId id, Time t) {
  Time end = t;
  const Holders& holders = lock_holders_[task.wait_lock.index()];
  for (std::size_t i = 0; i < holders.kept() && end > task.cause_since; ++i) {
    const Holders::Entry& entry = holders.FromNewest(i);
    const Time from = std::max(entry.since, task.cause_since);
    if (from >= end) continue;
    CauseKey key{CauseKey::Kind::kLock, task.wait_lock.value(), entry.holder};
    if (!entry.holder.valid()) {
      key.kind = CauseKey::Kind::kLockFree;
    } else if (entry.holder == id) {
      key.kind = CauseKey::Kind::kLockGiven;
      key.who = TaskId();
    }
    AddCause(task, key, end - from);
    end = from;
  }
  AddCause(task, CauseKey{CauseKey::Kind::kOthers, -1, TaskId()}, end - task.cause_since);
}

// Queued, also as a donor. Whoever executes for a donor does not need a budget of its own; and a
// deadline donor whose budget ends in the schedule() that lets it execute is off its queue by then,
// and executes all the same (MODEL-146).
bool Accountant::MayBeSwitchedTo(const TaskAccount& task, const SchedSwitch& change, Time t) {
  switch (task.phase) {
    case TaskPhase::kRunnable:
    case TaskPhase::kBlockedQueued:
      return true;
    case TaskPhase::kThrottled:
      return change.donor != change.next_pid || task.since == t;
    default:
      return false;
  }
}

void Accountant::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  const Time t = event.t;
  CpuAccount& cpu = cpus_[event.cpu().index()];
  if (cpu.curr != change.prev_pid) {
    Report(kContradiction, t, event.cpu(), change.prev_pid,
           fmt::format("CPU {} switches away from {} but ran {}", event.cpu().value(),
                       info_->task_name(change.prev_pid), info_->task_name(cpu.curr)));
  }
  cpu.prev = cpu.curr;
  cpu.curr = change.next_pid;
  cpu.curr_since = t;
  cpu_holders_[event.cpu().index()].Push(t, change.next_pid);

  if (change.prev_pid != kIdleTask) {
    TaskAccount& prev = At(change.prev_pid);
    if (prev.phase == TaskPhase::kAbsent) Born(prev, t, TaskPhase::kRunning);
    ++(change.voluntary != 0 ? prev.nr_voluntary_switches : prev.nr_involuntary_switches);
    TaskPhase phase = PhaseAfter(change);
    if (phase == TaskPhase::kRunnable && prev.is_throttled) phase = TaskPhase::kThrottled;
    Enter(prev, t, phase);
    prev.cpu = event.cpu();
    prev.waking = false;
    prev.wait_lock = prev.IsAsleep() ? prev.blocked_on : LockId();
    if (phase == TaskPhase::kDead) prev.finish = t;
  }
  if (change.next_pid != kIdleTask) {
    TaskAccount& next = At(change.next_pid);
    if (next.phase == TaskPhase::kAbsent) Born(next, t, TaskPhase::kRunnable);
    if (!MayBeSwitchedTo(next, change, t)) {
      Report(kContradiction, t, event.cpu(), change.next_pid,
             fmt::format("CPU {} switches to {}, which is not queued", event.cpu().value(),
                         info_->task_name(change.next_pid)));
    }
    CloseCause(next, change.next_pid, t);
    Enter(next, t, TaskPhase::kRunning);
    next.cpu = event.cpu();
    next.waking = false;
    next.wait_lock = LockId();
    next.parked_on = TaskId();
  }
}

void Accountant::OnWaking(TaskId id, Time t) {
  TaskAccount& task = At(id);
  // A kernel thread that was there, asleep, before anything happened.
  if (task.phase == TaskPhase::kAbsent) Born(task, Time(), TaskPhase::kSleeping);
  if (!task.IsAsleep()) return;
  CloseCause(task, id, t);
  task.waking = true;
}

void Accountant::OnWakeup(const WakePayload& wake, Time t, bool is_new) {
  TaskAccount& task = At(wake.pid);
  if (task.phase == TaskPhase::kAbsent) {
    Born(task, is_new ? t : Time(), is_new ? TaskPhase::kRunnable : TaskPhase::kSleeping);
  }
  if (task.phase == TaskPhase::kDead) {
    Report(kContradiction, t, wake.target_cpu, wake.pid,
           fmt::format("{} is woken although it has exited", info_->task_name(wake.pid)));
    return;
  }
  // It had not gone to sleep yet.
  if (task.phase == TaskPhase::kRunning) return;
  CloseCause(task, wake.pid, t);
  Enter(task, t, task.is_throttled ? TaskPhase::kThrottled : TaskPhase::kRunnable);
  task.cpu = wake.target_cpu;
  task.waking = false;
  task.wait_lock = LockId();
  task.parked_on = TaskId();
}

void Accountant::OnMigrate(const SchedMigrateTask& migrate, Time t) {
  TaskAccount& task = At(migrate.pid);
  ++task.nr_migrations;
  if (task.phase == TaskPhase::kRunnable) CloseCause(task, migrate.pid, t);
  if (task.phase != TaskPhase::kRunning) task.cpu = migrate.dest_cpu;
}

// A throttled task that would be runnable waits for its next period. Servers have no account.
void Accountant::OnThrottle(TaskId id, Time t, bool is_throttled) {
  if (!id.valid()) return;
  TaskAccount& task = At(id);
  if (task.is_throttled == is_throttled) return;
  task.is_throttled = is_throttled;
  if (task.phase != TaskPhase::kRunnable && task.phase != TaskPhase::kThrottled) return;
  CloseCause(task, id, t);
  Enter(task, t, is_throttled ? TaskPhase::kThrottled : TaskPhase::kRunnable);
}

void Accountant::OnPark(const ProxyPark& park, Time t) {
  TaskAccount& task = At(park.pid);
  if (!task.IsAsleep()) return;
  CloseCause(task, park.pid, t);
  Enter(task, t, park.parked != 0 ? TaskPhase::kBlocked : TaskPhase::kBlockedQueued);
  task.parked_on = park.parked != 0 ? park.owner : TaskId();
}

void Accountant::OnSegment(const TraceEvent& event) {
  const Segment segment = event.As<Segment>();
  const CpuId id = event.cpu();
  CpuAccount& cpu = cpus_[id.index()];
  const Cycles length = event.t - segment.start;
  if (segment.start != cpu.tiled_to || length < kZeroCycles) {
    Report(kTiling, event.t, id, segment.curr,
           fmt::format("CPU {}: a segment [{}, {}) follows one that ended at {}", id.value(),
                       segment.start.cycles(), event.t.cycles(), cpu.tiled_to.cycles()));
  }
  cpu.tiled_to = event.t;
  if (length <= kZeroCycles) return;
  SumSegment(cpu, segment, length);

  // A segment may be told just after the switch that ended it.
  const TaskId curr = segment.start >= cpu.curr_since ? cpu.curr : cpu.prev;
  const bool is_overhead = segment.kind >= SegmentKind::kOverheadFirst;
  if (segment.curr != curr && !(is_overhead && segment.curr == kIdleTask)) {
    Report(kContradiction, event.t, id, segment.curr,
           fmt::format("CPU {}: the segment [{}, {}) is {}'s, but {} is current there", id.value(),
                       segment.start.cycles(), event.t.cycles(), info_->task_name(segment.curr),
                       info_->task_name(curr)));
  }
  if (segment.curr != kIdleTask) {
    TaskAccount& task = At(segment.curr);
    task.exec += length;
    if (segment.progress != 0) task.work += length;
  }
  if (!segment.donor.valid() || segment.donor == kIdleTask) return;
  At(segment.donor).charged += length;
  if (segment.donor == segment.curr || segment.curr == kIdleTask) return;
  At(segment.donor).donated += length;
  At(segment.curr).boosted += length;
}

void Accountant::SumSegment(CpuAccount& cpu, const Segment& segment, Cycles length) {
  switch (segment.kind) {
    case SegmentKind::kIdle:
      cpu.idle += length;
      return;
    case SegmentKind::kOffline:
      cpu.offline += length;
      return;
    case SegmentKind::kUser:
      cpu.user += length;
      return;
    case SegmentKind::kKernel:
      cpu.kernel += length;
      return;
    case SegmentKind::kOverheadFirst:
      break;
  }
  const int32_t cost =
      static_cast<int32_t>(segment.kind) - static_cast<int32_t>(SegmentKind::kOverheadFirst);
  if (cost >= 0 && cost < kNumCosts) cpu.overhead[static_cast<std::size_t>(cost)] += length;
}

void Accountant::OnEnd(const RunEnd& end) {
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    TaskAccount& task = tasks_[i];
    if (task.phase == TaskPhase::kAbsent || task.phase == TaskPhase::kDead) continue;
    CloseCause(task, TaskId(static_cast<int32_t>(i)), end.end);
    Enter(task, end.end, task.phase);
  }
  if (reports_ == Reports::kAll) CheckClosure(end);
}

void Accountant::CheckClosure(const RunEnd& end) {
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    const CpuId id(static_cast<int32_t>(i));
    if (cpus_[i].tiled_to != end.end) {
      Report(kTiling, end.end, id, TaskId(),
             fmt::format("CPU {}: the segments end at {}, the run at {}", i,
                         cpus_[i].tiled_to.cycles(), end.end.cycles()));
    }
    if (i < end.cpus.size()) CompareCpu(id, end.cpus[i], end.end);
  }
  Cycles exec, charged;
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    const TaskId id(static_cast<int32_t>(i));
    exec += tasks_[i].exec;
    charged += tasks_[i].charged;
    CheckTask(id, tasks_[i], end.end);
    if (i < end.tasks.size()) CompareTask(id, end.tasks[i], end.end);
  }
  if (exec != charged) {
    Report(kCharge, end.end, CpuId(), TaskId(),
           fmt::format("tasks executed {} cycles in all, but {} were charged", exec.count(),
                       charged.count()));
  }
}

void Accountant::CheckTask(TaskId id, const TaskAccount& task, Time end) {
  const std::string_view name = info_->task_name(id);
  if (!task.start) return;
  const Cycles lifetime = task.finish.value_or(end) - *task.start;
  Cycles waits;
  for (const auto& [key, length] : task.waits) waits += length;
  const Cycles run = task.In(TaskPhase::kRunning);
  if (task.Lifetime() != lifetime || waits != lifetime - run) {
    Report(kStates, end, CpuId(), id,
           fmt::format("{} lived {} cycles, its states add up to {}, run {} and waits {}", name,
                       lifetime.count(), task.Lifetime().count(), run.count(), waits.count()));
  }
  if (run != task.exec && !info_->scenario().machine.irq_time_accounting) {
    Report(kTwoPaths, end, CpuId(), id,
           fmt::format("{} ran {} cycles by its switches, {} by its segments", name, run.count(),
                       task.exec.count()));
  }
}

void Accountant::CompareTask(TaskId id, const TaskSums& machine, Time end) {
  const TaskAccount& ours = tasks_[id.index()];
  const std::string_view name = info_->task_name(id);
  const auto compare = [&](std::string_view what, int64_t a, int64_t b) {
    Compare(name, what, a, b, id, CpuId(), end);
  };
  compare("exec", ours.exec.count(), machine.exec.count());
  compare("charged", ours.charged.count(), machine.charged.count());
  compare("work", ours.work.count(), machine.work.count());
  compare("nr_switches", ours.nr_voluntary_switches + ours.nr_involuntary_switches,
          machine.nr_switches);
  compare("nr_voluntary_switches", ours.nr_voluntary_switches, machine.nr_voluntary_switches);
  compare("nr_involuntary_switches", ours.nr_involuntary_switches, machine.nr_involuntary_switches);
  compare("nr_migrations", ours.nr_migrations, machine.nr_migrations);
}

void Accountant::CompareCpu(CpuId id, const CpuSums& machine, Time end) {
  const CpuAccount& ours = cpus_[id.index()];
  const std::string name = fmt::format("CPU {}", id.value());
  const auto compare = [&](std::string_view what, Cycles a, Cycles b) {
    Compare(name, what, a.count(), b.count(), TaskId(), id, end);
  };
  compare("user", ours.user, machine.user);
  compare("kernel", ours.kernel, machine.kernel);
  compare("idle", ours.idle, machine.idle);
  compare("offline", ours.offline, machine.offline);
  for (std::size_t i = 0; i < machine.overhead.size() && i < ours.overhead.size(); ++i) {
    compare(CostName(static_cast<CostId>(i)), ours.overhead[i], machine.overhead[i]);
  }
}

void Accountant::Compare(std::string_view whose, std::string_view what, int64_t ours,
                         int64_t machines, TaskId task, CpuId cpu, Time end) {
  if (ours == machines) return;
  Report(kMachine, end, cpu, task,
         fmt::format("{} of {} is {} by events, {} by the machine", what, whose, ours, machines));
}

void Accountant::Report(int number, Time at, CpuId cpu, TaskId task, std::string message) {
  if (reports_ == Reports::kNone) return;
  if (++reported_[static_cast<std::size_t>(number)] > kReportsOfAKindMax) return;
  Violation violation;
  violation.id = fmt::format("AC-{}", number);
  violation.at = at;
  violation.cpu = cpu;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
