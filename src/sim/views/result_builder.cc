#include "sim/views/result_builder.h"

#include <fmt/format.h>

#include <algorithm>

namespace rqsim {
namespace {

// Whether a sleep in this operation is the task's own decision and so ends a job. Waiting for a
// mutex, for one's own migration or for exec's balancing is not.
bool IsVoluntary(int32_t op) {
  if (op < 0) return true;  // a kernel thread between its works
  switch (static_cast<OpKind>(op)) {
    case OpKind::kSleep:
    case OpKind::kTimer:
    case OpKind::kWait:
    case OpKind::kSync:
    case OpKind::kBarrier:
    case OpKind::kSuspend:
    case OpKind::kSemWait:
    case OpKind::kBlock:
    case OpKind::kService:
      return true;
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock:
    case OpKind::kSignal:
    case OpKind::kBroad:
    case OpKind::kResume:
    case OpKind::kSemPost:
    case OpKind::kYield:
    case OpKind::kWake:
    case OpKind::kSetSched:
    case OpKind::kSetAffinity:
    case OpKind::kFork:
    case OpKind::kExec:
    case OpKind::kExit:
    case OpKind::kKill:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
    case OpKind::kMigrateDisable:
    case OpKind::kMigrateEnable:
    case OpKind::kLoop:
      return false;
  }
  return false;
}

int32_t CountDeclared(const std::vector<TaskSpec>& specs) {
  int32_t count = 0;
  for (const TaskSpec& spec : specs) count += spec.instances;
  return count;
}

}  // namespace

Distribution Summarise(std::vector<int64_t>& samples) {
  Distribution out;
  out.n = static_cast<int64_t>(samples.size());
  if (samples.empty()) return out;
  // total order: plain integers.
  std::sort(samples.begin(), samples.end());
  const auto rank = [&](int64_t per_mille) {
    const int64_t position = (per_mille * out.n + 999) / 1000;
    return Cycles(samples[static_cast<std::size_t>(position - 1)]);
  };
  out.p50 = rank(500);
  out.p90 = rank(900);
  out.p95 = rank(950);
  out.p99 = rank(990);
  out.p999 = rank(999);
  out.max = Cycles(samples.back());
  for (int64_t sample : samples) out.sum += Cycles(sample);
  return out;
}

EventMask ResultBuilder::Wants() const {
  return accountant_.Wants() | ProxyBooks::Wants() | SchedStats::Wants() | DomainStats::Wants() |
         EventMask::Of(EventKind::kIpiSendCpu, EventKind::kSchedSetNeedResched,
                       EventKind::kSchedPiSetprio, EventKind::kSignalGenerate,
                       EventKind::kContentionBegin, EventKind::kContentionEnd,
                       EventKind::kMutexWait, EventKind::kMutexAcquire, EventKind::kMutexRelease,
                       EventKind::kMutexHandoff, EventKind::kMutexSteal, EventKind::kMutexSpin,
                       EventKind::kProxyMigrate);
}

void ResultBuilder::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  accountant_.OnStart(info, sink);
  proxies_.OnStart(info);
  stats_.OnStart(info, sink);
  domains_.OnStart(info);
  goes_to_.fill(0);
  // Without locks nobody waits for one or executes for another.
  if (info.num_locks() > 0) Send(ProxyBooks::Wants(), kToProxies);
  Send(accountant_.Wants(), kToAccountant);
  Send(SchedStats::Wants(), kToStats);
  Send(DomainStats::Wants(), kToDomains);
  const std::size_t tasks = static_cast<std::size_t>(info.num_tasks());
  jobs_.assign(tasks, Job());
  links_.assign(tasks, WaitList::Links());
  locks_.assign(static_cast<std::size_t>(info.num_locks()), LockBook());
  declared_tasks_ = CountDeclared(info.scenario().tasks) + CountDeclared(info.scenario().kthreads);
  ReadDeadlines();
}

void ResultBuilder::Send(const EventMask& wants, uint8_t book) {
  for (std::size_t kind = 0; kind < kMaxEventKinds; ++kind) {
    if (wants.Contains(static_cast<EventKind>(kind))) goes_to_[kind] |= book;
  }
}

void ResultBuilder::ReadDeadlines() {
  std::size_t id = 1;
  for (const std::vector<TaskSpec>* specs :
       {&info_->scenario().tasks, &info_->scenario().kthreads}) {
    for (const TaskSpec& spec : *specs) {
      std::optional<Cycles> deadline = spec.deadline;
      if (!deadline && spec.sched.policy == SchedPolicy::kDeadline)
        deadline = spec.sched.dl_deadline;
      for (int i = 0; i < spec.instances && id < jobs_.size(); ++i) jobs_[id++].deadline = deadline;
    }
  }
}

void ResultBuilder::Grow(TaskId task) {
  jobs_.resize(task.index() + 1);
  links_.resize(task.index() + 1);
}

void ResultBuilder::OnEvent(const TraceEvent& event) {
  const uint8_t books = goes_to_[event.kind_bits];
  if ((books & kToProxies) != 0) proxies_.OnEvent(event);
  if ((books & kToAccountant) != 0) accountant_.OnEvent(event);
  if ((books & kToStats) != 0) stats_.OnEvent(event);
  if ((books & kToDomains) != 0) domains_.OnEvent(event);
  switch (event.kind()) {
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kSchedWaking:
      OnWaking(event.As<SchedWaking>().pid, event.t);
      return;
    case EventKind::kSchedWakeup: {
      ++wakeups_;
      const TaskId id = event.As<SchedWakeup>().pid;
      Job& job = JobOf(id);
      if (accountant_.task(id).phase != TaskPhase::kRunnable) return;
      job.woken = event.t;
      job.wakeup_pending = true;
      return;
    }
    case EventKind::kSchedWakeupNew: {
      ++forks_;
      Job& job = JobOf(event.As<SchedWakeupNew>().pid);
      job.running = true;
      job.release = event.t;
      return;
    }
    case EventKind::kSchedMigrateTask:
      ++migrations_;
      return;
    case EventKind::kIpiSendCpu:
      ++ipis_;
      return;
    case EventKind::kSchedSetNeedResched:
      ++need_resched_;
      return;
    case EventKind::kSchedPiSetprio:
      ++pi_changes_;
      return;
    case EventKind::kProxyMigrate:
      ++proxy_migrations_;
      return;
    case EventKind::kSignalGenerate:
      ++signals_;
      JobOf(event.As<SignalGenerate>().pid).signalled = event.t;
      return;
    case EventKind::kOpBegin: {
      const auto begin = event.As<OpBegin>();
      if (static_cast<OpKind>(begin.op) == OpKind::kTimer) JobOf(begin.pid).at_timer = true;
      return;
    }
    case EventKind::kOpEnd:
      OnOpEnd(event.As<OpEnd>(), event.t);
      return;
    case EventKind::kSegment:
      return;
    default:
      OnLockEvent(event);
      return;
  }
}

void ResultBuilder::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  ++switches_;
  if (change.prev_pid != kIdleTask) {
    Job& job = JobOf(change.prev_pid);
    const TaskAccount& account = accountant_.task(change.prev_pid);
    if (account.phase == TaskPhase::kDead) {
      EndJob(job, event.t);
    } else if (account.IsAsleep()) {
      if (!account.wait_lock.valid() && IsVoluntary(account.op)) {
        EndJob(job, event.t);
        job.asleep = true;
        job.at_timer = false;
      }
    }
  }
  if (change.next_pid == kIdleTask) return;
  Job& job = JobOf(change.next_pid);
  if (!job.wakeup_pending) return;
  job.wakeup_pending = false;
  job.latencies.push_back((event.t - job.woken).count());
}

// A timer that is late does not sleep, but a period ends there all the same, and the next begins.
void ResultBuilder::OnOpEnd(const OpEnd& end, Time t) {
  if (static_cast<OpKind>(end.op) != OpKind::kTimer) return;
  Job& job = JobOf(end.pid);
  if (!job.at_timer) return;
  job.at_timer = false;
  EndJob(job, t);
  job.running = true;
  job.release = t;
}

void ResultBuilder::EndJob(Job& job, Time t) {
  if (!job.running) return;
  job.running = false;
  const Cycles response = t - job.release;
  job.responses.push_back(response.count());
  if (job.deadline && response > *job.deadline) ++job.misses;
}

void ResultBuilder::OnWaking(TaskId task, Time t) {
  Job& job = JobOf(task);
  if (job.waits_on.valid() && job.signalled != t) ++locks_[job.waits_on.index()].sums.wakeups;
  if (!job.asleep) return;
  job.asleep = false;
  job.running = true;
  job.release = t;
}

void ResultBuilder::OnLockEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kContentionBegin: {
      const ContentionBegin begin = event.As<ContentionBegin>();
      Job& job = JobOf(begin.pid);
      // Spinning that turns into sleeping begins a second time; the wait is one.
      if (job.contends == begin.lock) return;
      job.contends = begin.lock;
      job.contention_start = event.t;
      return;
    }
    case EventKind::kContentionEnd:
      JobOf(event.As<ContentionEnd>().pid).contends = LockId();
      return;
    case EventKind::kMutexWait: {
      const MutexWait wait = event.As<MutexWait>();
      if (wait.queue != MutexQueue::kWaitList) return;
      Job& job = JobOf(wait.pid);
      WaitList& waiters = locks_[wait.lock.index()].waiters;
      if (wait.joined != 0) {
        if (links_[wait.pid.index()].on_list) return;
        waiters.Join(links_, wait.pid, wait.position);
        job.waits_on = wait.lock;
      } else if (job.waits_on == wait.lock) {
        waiters.Leave(links_, wait.pid);
        job.waits_on = LockId();
      }
      return;
    }
    case EventKind::kMutexAcquire:
      OnAcquire(event.As<MutexAcquire>(), event.t);
      return;
    case EventKind::kMutexRelease: {
      LockBook& lock = locks_[event.As<MutexRelease>().lock.index()];
      lock.holds.push_back((event.t - lock.held_since).count());
      return;
    }
    case EventKind::kMutexHandoff:
      OnHandoff(event.As<MutexHandoff>());
      return;
    case EventKind::kMutexSteal:
      ++locks_[event.As<MutexSteal>().lock.index()].sums.steals;
      return;
    case EventKind::kMutexSpin: {
      const MutexSpin spin = event.As<MutexSpin>();
      locks_[spin.lock.index()].sums.spin_cycles += spin.cycles;
      return;
    }
    default:
      return;
  }
}

void ResultBuilder::OnAcquire(const MutexAcquire& acquire, Time t) {
  LockBook& lock = locks_[acquire.lock.index()];
  ++lock.sums.acquisitions;
  switch (acquire.path) {
    case AcquirePath::kFast:
      ++lock.sums.fast;
      break;
    case AcquirePath::kTry:
      ++lock.sums.trylock;
      break;
    case AcquirePath::kOsqSpin:
      ++lock.sums.osq_spin;
      break;
    case AcquirePath::kWaiterSpin:
      ++lock.sums.waiter_spin;
      break;
    case AcquirePath::kSlow:
      ++lock.sums.slow;
      break;
  }
  lock.held_since = t;
  lock.acquired.push_back({t, acquire.pid});
  const Job& job = JobOf(acquire.pid);
  if (job.contends == acquire.lock) lock.waits.push_back((t - job.contention_start).count());
}

void ResultBuilder::OnHandoff(const MutexHandoff& handoff) {
  LockBook& lock = locks_[handoff.lock.index()];
  ++lock.sums.handoffs;
  switch (handoff.reason) {
    case HandoffReason::kFlag:
      ++lock.sums.handoffs_flag;
      break;
    case HandoffReason::kDonor:
      ++lock.sums.handoffs_donor;
      if (!lock.waiters.empty() && lock.waiters.front() != handoff.to) {
        ++lock.sums.fifo_bypass_by_donor;
      }
      break;
    case HandoffReason::kAlways:
      ++lock.sums.handoffs_always;
      break;
  }
}

bool ResultBuilder::IsHidden(TaskId id) const {
  const TaskAccount& account = accountant_.task(id);
  return id.value() > declared_tasks_ && info_->is_kthread(id) && account.exec == kZeroCycles &&
         account.nr_voluntary_switches + account.nr_involuntary_switches == 0 &&
         account.phase != TaskPhase::kRunning;
}

void ResultBuilder::OnEnd(const RunEnd& end) {
  proxies_.OnEnd(end.end);
  accountant_.OnEnd(end);
  stats_.OnEnd(end);
  if (reports_ == Accountant::Reports::kAll) stats_.Check(accountant_, end);
  result_ = Result();
  ticks_ = 0;
  for (const CpuSums& cpu : end.cpus) ticks_ += cpu.ticks;
  result_.scenario = info_->scenario().name;
  result_.clock_hz = info_->scenario().machine.clock_hz;
  result_.policy = std::string(info_->policy_set());
  result_.outcome = end.outcome;
  result_.message = end.message;
  result_.end = end.end;
  result_.events = end.events;
  result_.digest = end.digest;
  result_.schedule_digest = end.schedule_digest;
  for (int32_t i = 0; i < info_->num_tasks(); ++i) {
    result_.task_names.emplace_back(info_->task_name(TaskId(i)));
    if (i > 0 && !IsHidden(TaskId(i))) TakeTask(TaskId(i), end);
  }
  TakeCpus();
  TakeLocks();
  TakeMetrics();
}

void ResultBuilder::TakeTask(TaskId id, const RunEnd& end) {
  const TaskAccount& account = accountant_.task(id);
  Job& job = JobOf(id);
  TaskResult task;
  task.name = std::string(info_->task_name(id));
  task.id = id;
  task.kthread = info_->is_kthread(id);
  task.exec = account.exec;
  task.charged = account.charged;
  task.work = account.work;
  task.donor_cycles = account.donated;
  task.boosted_cycles = account.boosted;
  task.run = account.In(TaskPhase::kRunning);
  task.runnable = account.In(TaskPhase::kRunnable);
  task.blocked_queued = account.In(TaskPhase::kBlockedQueued);
  task.blocked = account.In(TaskPhase::kBlocked);
  task.sleeping = account.In(TaskPhase::kSleeping);
  task.parked = account.In(TaskPhase::kParked);
  task.frozen = account.In(TaskPhase::kFrozen);
  task.throttled = account.In(TaskPhase::kThrottled);
  task.migrating = account.In(TaskPhase::kMigrating);
  task.lifetime = account.Lifetime();
  task.start = account.start.value_or(Time());
  task.finish = account.finish;
  task.nr_voluntary_switches = account.nr_voluntary_switches;
  task.nr_involuntary_switches = account.nr_involuntary_switches;
  task.nr_switches = task.nr_voluntary_switches + task.nr_involuntary_switches;
  task.nr_migrations = account.nr_migrations;
  stats_.Fill(id, task);
  task.deadline_misses = job.misses;
  if (job.running && job.deadline && end.end - job.release > *job.deadline) ++task.deadline_misses;
  task.response = Summarise(job.responses);
  task.wakeup_latency = Summarise(job.latencies);
  for (const auto& [key, length] : account.waits) {
    const bool voluntary = key.kind == CauseKey::Kind::kNoOp ||
                           (key.kind == CauseKey::Kind::kOp && IsVoluntary(key.what));
    task.waits.push_back({CauseText(key, *info_), length, voluntary});
  }
  // total order: the texts of two causes of one task differ.
  std::sort(task.waits.begin(), task.waits.end(), [](const WaitCause& a, const WaitCause& b) {
    return a.cycles != b.cycles ? a.cycles > b.cycles : a.cause < b.cause;
  });
  result_.tasks.push_back(std::move(task));
}

void ResultBuilder::TakeCpus() {
  for (int32_t i = 0; i < info_->num_cpus(); ++i) {
    const CpuAccount& account = accountant_.cpu(CpuId(i));
    CpuResult cpu;
    cpu.id = CpuId(i);
    cpu.user = account.user;
    cpu.kernel = account.kernel;
    cpu.idle = account.idle;
    cpu.offline = account.offline;
    stats_.Fill(cpu.id, cpu);
    domains_.Fill(cpu.id, cpu);
    for (std::size_t cost = 0; cost < account.overhead.size(); ++cost) {
      if (account.overhead[cost] == kZeroCycles) continue;
      cpu.overhead.push_back(
          {std::string(CostName(static_cast<CostId>(cost))), account.overhead[cost]});
    }
    result_.cpus.push_back(std::move(cpu));
  }
}

void ResultBuilder::TakeLocks() {
  for (std::size_t i = 0; i < locks_.size(); ++i) {
    LockBook& book = locks_[i];
    book.sums.name = std::string(info_->lock_name(LockId(static_cast<int32_t>(i))));
    book.sums.wait = Summarise(book.waits);
    book.sums.hold = Summarise(book.holds);
    for (const auto& [t, task] : book.acquired) {
      book.sums.acquired.push_back({t, std::string(info_->task_name(task))});
    }
    result_.locks.push_back(std::move(book.sums));
  }
}

void ResultBuilder::TakeMetrics() {
  int64_t idle = 0, overhead = 0, jobs = 0, dispatches = 0, steals = 0, handoffs = 0, bypasses = 0,
          spin = 0, misses = 0;
  for (const CpuResult& cpu : result_.cpus) {
    idle += cpu.idle.count();
    dispatches += cpu.pcount;
    for (const auto& [name, length] : cpu.overhead) overhead += length.count();
  }
  for (const LockResult& lock : result_.locks) {
    steals += lock.steals;
    handoffs += lock.handoffs;
    bypasses += lock.fifo_bypass_by_donor;
    spin += lock.spin_cycles.count();
  }
  for (const TaskResult& task : result_.tasks) {
    misses += task.deadline_misses;
    jobs += task.response.n;
  }
  result_.metrics = {{"deadline_misses", misses},
                     {"dispatches", dispatches},
                     {"fifo_bypass_by_donor", bypasses},
                     {"handoffs", handoffs},
                     {"idle_cycles", idle},
                     {"ipis", ipis_},
                     {"jobs", jobs},
                     {"migrations", migrations_},
                     {"need_resched", need_resched_},
                     {"overhead_cycles", overhead},
                     {"pi_setprio", pi_changes_},
                     {"proxy_migrations", proxy_migrations_},
                     {"signals", signals_},
                     {"spawns", forks_},
                     {"spin_cycles", spin},
                     {"steals", steals},
                     {"switches", switches_},
                     {"ticks", ticks_},
                     {"wakeups", wakeups_}};
  proxies_.AddTo(result_.metrics);
  // total order: names differ.
  std::sort(result_.metrics.begin(), result_.metrics.end());
}

}  // namespace rqsim
