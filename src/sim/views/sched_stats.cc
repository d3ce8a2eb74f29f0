#include "sim/views/sched_stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rqsim {

EventMask SchedStats::Wants() {
  return EventMask::Of(
      EventKind::kSchedEntry, EventKind::kSchedSwitch, EventKind::kTtwuStat,
      EventKind::kSchedWakeup, EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask,
      EventKind::kSchedDelay, EventKind::kSchedUndelay, EventKind::kProxyDonor,
      EventKind::kProxyDeactivate, EventKind::kProxyPark, EventKind::kOpEnd,
      EventKind::kSchedWakeAffine, EventKind::kSchedMoveRefused, EventKind::kSchedDlThrottle);
}

void SchedStats::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), Book());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuBook());
}

void SchedStats::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSchedEntry:
      ++cpus_[event.cpu().index()].schedules;
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kTtwuStat:
      OnTtwu(event.As<TtwuStat>());
      return;
    case EventKind::kSchedWakeAffine: {
      const auto choice = event.As<SchedWakeAffine>();
      Book& book = At(choice.pid);
      ++book.affine_attempts;
      if (choice.affine != 0) ++book.affine;
      return;
    }
    case EventKind::kSchedMoveRefused:
      OnRefused(event.As<SchedMoveRefused>());
      return;
    case EventKind::kSchedWakeup:
      OnWakeup(event.As<SchedWakeup>(), event.t);
      return;
    case EventKind::kSchedWakeupNew:
      OnWakeup(event.As<SchedWakeupNew>(), event.t);
      return;
    case EventKind::kSchedMigrateTask:
      OnMigrate(event.As<SchedMigrateTask>(), event.t);
      return;
    case EventKind::kSchedDelay:
      At(event.As<SchedDelay>().pid).is_delayed = true;
      return;
    case EventKind::kSchedUndelay: {
      Book& book = At(event.As<SchedUndelay>().pid);
      book.is_delayed = false;
      LeaveTree(book, event.t);
      return;
    }
    case EventKind::kSchedDlThrottle: {
      const auto throttle = event.As<SchedDlThrottle>();
      if (throttle.pid.valid()) At(throttle.pid).overruns += throttle.overrun;
      return;
    }
    case EventKind::kProxyDonor:
      ReturnDonor(cpus_[event.cpu().index()], event.As<ProxyDonor>().donor, event.t);
      ChangeDonor(cpus_[event.cpu().index()], event.As<ProxyDonor>().donor, event.t);
      return;
    case EventKind::kProxyDeactivate: {
      Book& book = At(event.As<ProxyDeactivate>().pid);
      LeaveTree(book, event.t);
      BeginSleep(book, event.t, 'D');
      return;
    }
    case EventKind::kProxyPark: {
      const ProxyPark park = event.As<ProxyPark>();
      if (park.parked != 0) LeaveTree(At(park.pid), event.t);
      return;
    }
    case EventKind::kOpEnd:
      if (static_cast<OpKind>(event.As<OpEnd>().op) == OpKind::kYield && event.cpu().valid()) {
        ++cpus_[event.cpu().index()].yields;
      }
      return;
    default:
      return;
  }
}

void SchedStats::LeaveTree(Book& book, Time t) {
  if (!book.in_tree) return;
  const Cycles wait = t - *book.in_tree;
  book.in_tree.reset();
  ++book.wait_count;
  book.wait_sum += wait;
  book.wait_max = std::max(book.wait_max, wait);
}

void SchedStats::BeginSleep(Book& book, Time t, char letter) {
  book.asleep = t;
  book.is_blocked = letter == 'D' || letter == 'I';
}

void SchedStats::Queue(Book& book, Time t, CpuId cpu) {
  book.queued = t;
  book.queued_here = t;
  book.cpu = cpu;
}

void SchedStats::EndQueuedPart(Book& book, Time t) {
  const Cycles part = t - book.queued_here;
  book.run_delay += part;
  if (book.cpu.valid()) cpus_[book.cpu.index()].run_delay += part;
  book.queued_here = t;
}

void SchedStats::Arrive(Book& book, Time t, CpuId cpu) {
  ++book.pcount;
  ++cpus_[cpu.index()].pcount;
  if (book.queued) {
    EndQueuedPart(book, t);
    const Cycles wait = t - *book.queued;
    if (wait > book.run_delay_max) {
      book.run_delay_max = wait;
      book.run_delay_max_start = *book.queued;
      book.run_delay_max_end = t;
    }
    book.queued.reset();
  }
  book.cpu = cpu;
  book.is_running = true;
}

void SchedStats::EndSpan(CpuBook& cpu, Time t) {
  (cpu.curr == kIdleTask ? cpu.idle : cpu.busy) += t - cpu.since;
  cpu.since = t;
}

void SchedStats::ChangeDonor(CpuBook& cpu, TaskId donor, Time t) {
  cpu.donor = donor.valid() ? donor : kIdleTask;
  if (cpu.donor != kIdleTask) LeaveTree(At(cpu.donor), t);
}

// A donor that is not picked again goes back to its tree, unless it left the queue.
void SchedStats::ReturnDonor(const CpuBook& cpu, TaskId next, Time t) {
  if (cpu.donor == kIdleTask || cpu.donor == next) return;
  Book& donor = At(cpu.donor);
  if (!donor.asleep) JoinTree(donor, t);
}

void SchedStats::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  const Time t = event.t;
  CpuBook& cpu = cpus_[event.cpu().index()];
  ++cpu.switches;
  EndSpan(cpu, t);
  if (cpu.donor != change.prev_pid) ReturnDonor(cpu, change.donor, t);
  if (change.prev_pid == kIdleTask) {
    ++cpu.from_idle;
  } else {
    Book& prev = At(change.prev_pid);
    ++prev.switches;
    prev.is_running = false;
    const char letter = static_cast<char>(change.prev_state.letter);
    const bool stays = letter == 'R' || change.kept_queued != 0 || prev.is_delayed;
    if (letter == 'R') {
      Queue(prev, t, event.cpu());
    } else if (change.kept_queued == 0 && letter != 'X' && letter != 'Z') {
      BeginSleep(prev, t, letter);
    }
    if (stays) {
      JoinTree(prev, t);
    } else {
      LeaveTree(prev, t);
    }
  }
  cpu.curr = change.next_pid;
  if (change.next_pid == kIdleTask) {
    ++cpu.to_idle;
  } else {
    Arrive(At(change.next_pid), t, event.cpu());
  }
  ChangeDonor(cpu, change.donor, t);
}

void SchedStats::OnTtwu(const TtwuStat& stat) {
  Book& book = At(stat.pid);
  ++book.wakeups;
  if (stat.sync != 0) ++book.sync;
  if (stat.migrated != 0) ++book.migrate;
  if (!stat.waker_cpu.valid()) return;
  CpuBook& waker = cpus_[stat.waker_cpu.index()];
  ++waker.wakeups;
  const bool is_local = stat.waker_cpu == stat.target_cpu;
  ++(is_local ? book.local : book.remote);
  if (is_local) ++waker.local;
}

void SchedStats::OnRefused(const SchedMoveRefused& refused) {
  Book& book = At(refused.pid);
  switch (refused.reason) {
    case MoveRefusal::kAffine:
      ++book.failed_affine;
      return;
    case MoveRefusal::kRunning:
      ++book.failed_running;
      return;
    case MoveRefusal::kHot:
      ++book.failed_hot;
      return;
    case MoveRefusal::kOther:
      return;
  }
}

void SchedStats::OnWakeup(const WakePayload& wake, Time t) {
  Book& book = At(wake.pid);
  book.is_delayed = false;
  if (book.asleep) {
    const Cycles length = t - *book.asleep;
    book.sum_sleep += length;
    if (book.is_blocked) book.sum_block += length;
    book.asleep.reset();
  }
  // It had not gone to sleep yet.
  if (book.is_running) return;
  Queue(book, t, wake.target_cpu);
  // A donor that is woken while another executes for it stays picked.
  if (cpus_[wake.target_cpu.index()].donor != wake.pid) JoinTree(book, t);
}

void SchedStats::OnMigrate(const SchedMigrateTask& migrate, Time t) {
  Book& book = At(migrate.pid);
  if (book.queued) EndQueuedPart(book, t);
  if (!book.is_running) book.cpu = migrate.dest_cpu;
}

void SchedStats::OnEnd(const RunEnd& end) {
  for (CpuBook& cpu : cpus_) EndSpan(cpu, end.end);
  for (Book& book : tasks_) {
    if (book.queued) EndQueuedPart(book, end.end);
    if (book.in_tree) book.wait_sum += end.end - *book.in_tree;
  }
}

void SchedStats::Check(const Accountant& accountant, const RunEnd& end) {
  Cycles cpu_delay, task_delay;
  int64_t cpu_pcount = 0, task_pcount = 0, cpu_switches = 0, task_switches = 0;
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    const CpuBook& book = cpus_[i];
    const CpuAccount& account = accountant.cpu(CpuId(static_cast<int32_t>(i)));
    const Cycles idled = account.idle + account.offline;
    if (book.idle < idled || Time() + book.busy + book.idle != end.end) {
      Report(CpuId(static_cast<int32_t>(i)), TaskId(), end.end,
             fmt::format("CPU {}: by its switches it idled {} and ran {} cycles, by its segments "
                         "it idled {}",
                         i, book.idle.count(), book.busy.count(), idled.count()));
    }
    cpu_delay += book.run_delay;
    cpu_pcount += book.pcount;
    cpu_switches += book.switches - book.from_idle;
  }
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    const Book& book = tasks_[i];
    const TaskId id(static_cast<int32_t>(i));
    // The kernel's stamps know nothing of throttling.
    const Cycles runnable = accountant.task(id).In(TaskPhase::kRunnable) +
                            accountant.task(id).In(TaskPhase::kThrottled);
    if (book.run_delay != runnable) {
      Report(CpuId(), id, end.end,
             fmt::format("{} has run_delay {}, but was runnable for {}", info_->task_name(id),
                         book.run_delay.count(), runnable.count()));
    }
    task_delay += book.run_delay;
    task_pcount += book.pcount;
    task_switches += book.switches;
  }
  if (cpu_delay == task_delay && cpu_pcount == task_pcount && cpu_switches == task_switches) return;
  Report(CpuId(), TaskId(), end.end,
         fmt::format("run_delay, pcount and switches of all tasks are {}, {}, {}, of all CPUs {}, "
                     "{}, {}",
                     task_delay.count(), task_pcount, task_switches, cpu_delay.count(), cpu_pcount,
                     cpu_switches));
}

void SchedStats::Report(CpuId cpu, TaskId task, Time at, std::string message) {
  Violation violation;
  violation.id = "AC-7";
  violation.at = at;
  violation.cpu = cpu;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

void SchedStats::Fill(TaskId task, TaskResult& out) const {
  if (task.index() >= tasks_.size()) return;
  const Book& book = tasks_[task.index()];
  out.run_delay = book.run_delay;
  out.pcount = book.pcount;
  out.run_delay_max = book.run_delay_max;
  out.run_delay_max_start = book.run_delay_max_start;
  out.run_delay_max_end = book.run_delay_max_end;
  out.wait_sum = book.wait_sum;
  out.wait_max = book.wait_max;
  out.wait_count = book.wait_count;
  out.sum_sleep_runtime = book.sum_sleep;
  out.sum_block_runtime = book.sum_block;
  out.nr_wakeups = book.wakeups;
  out.nr_wakeups_local = book.local;
  out.nr_wakeups_remote = book.remote;
  out.nr_wakeups_sync = book.sync;
  out.nr_wakeups_migrate = book.migrate;
  out.nr_wakeups_affine = book.affine;
  out.nr_wakeups_affine_attempts = book.affine_attempts;
  out.nr_failed_migrations_affine = book.failed_affine;
  out.nr_failed_migrations_running = book.failed_running;
  out.nr_failed_migrations_hot = book.failed_hot;
  out.dl_overruns = book.overruns;
}

void SchedStats::Fill(CpuId cpu, CpuResult& out) const {
  const CpuBook& book = cpus_[cpu.index()];
  out.yld_count = book.yields;
  out.sched_count = book.schedules;
  out.sched_goidle = book.to_idle;
  out.ttwu_count = book.wakeups;
  out.ttwu_local = book.local;
  out.rq_cpu_time = book.busy;
  out.run_delay = book.run_delay;
  out.pcount = book.pcount;
}

}  // namespace rqsim
