#include "sim/views/pair_checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "rqsim/policy.h"
#include "sim/views/per_task.h"

namespace rqsim {
namespace {

enum Which {
  kBegin,
  kCommit,
  kAbort,
  kGuardFail,
  kSet,
  kClear,
  kPairQueue,
  kPublish,
  kRun,
  kCancel,
  kWorkEnd,
  kTimeout,
  kTaskState,
  kCpuState,
  kHook,
  kCall,
  kRef,
};
constexpr std::array<std::string_view, 17> kNames = {
    "rseq_begin", "rseq_commit",  "rseq_abort", "rseq_guard_fail", "pair_set",      "pair_clear",
    "pair_queue", "pair_publish", "pair_run",   "pair_cancel",     "pair_work_end", "pair_timeout",
    "pair_task",  "pair_cpu",     "pair_hook",  "pair_call",       "pair_ref"};

}  // namespace

bool PairChecker::AppliesTo(const RunInfo& info) {
  return std::any_of(info.policies().begin(), info.policies().end(), [](const PolicyInfo* policy) {
    return policy->name == "rseq" || !policy->percpu.enter.empty();
  });
}

PairChecker::PairChecker(Cycles poll) : events_(kNames), poll_(poll) {}

EventMask PairChecker::Wants() const {
  return EventMask::Of(EventKind::kSegment, EventKind::kSchedSwitch, EventKind::kSchedQueue,
                       EventKind::kHotplugMask, EventKind::kHotplugOp, EventKind::kSchedMigrateTask)
      .AddPolicyEvents();
}

void PairChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  events_.OnStart(info);
  overlaps_.SetUp(info.num_cpus());
  cpus_.resize(static_cast<std::size_t>(info.num_cpus()));
  workers_.resize(cpus_.size());
  for (std::size_t c = 0; c < cpus_.size(); ++c) {
    cpus_[c].is_online = info.scenario().machine.cpus[c].online;
  }
  tasks_.resize(static_cast<std::size_t>(info.num_tasks()));
  for (const PolicyInfo* policy : info.policies()) {
    if (policy->name == "pair-v2") has_worker_state_ = true;
    if (policy->name == "pair-v2" || policy->name == "pair-spin") is_pairing_ = true;
  }
  for (int i = 0; i < info.num_tasks(); ++i) {
    const TaskId id(i);
    At(id).is_kthread = id != kIdleTask && info.is_kthread(id);
    if (!is_pairing_ || !At(id).is_kthread) continue;
    for (int c = 0; c < info.num_cpus(); ++c) {
      if (info.task_name(id) != fmt::format("pair/{}", c)) continue;
      workers_[static_cast<std::size_t>(c)] = id;
      At(id).is_worker = true;
      At(id).works_for = CpuId(c);
    }
  }
}

PairChecker::TaskBook& PairChecker::At(TaskId task) { return EntryOf(tasks_, task); }

Pairing* PairChecker::PairingOf(TaskId task) {
  const int at = At(task).pairing;
  return at < 0 ? nullptr : &pairings_[static_cast<std::size_t>(at)];
}

void PairChecker::Report(const char* id, Time at, TaskId task, CpuId cpu, std::string message) {
  Violation violation;
  violation.id = id;
  violation.at = at;
  violation.cpu = cpu;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

void PairChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  switch (event.kind()) {
    case EventKind::kSegment:
      OnSegment(event);
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kSchedQueue:
      OnQueue(event.As<SchedQueue>());
      return;
    case EventKind::kSchedMigrateTask:
      if (!At(event.As<SchedMigrateTask>().pid).is_kthread) ++moves_;
      return;
    case EventKind::kHotplugMask: {
      const HotplugMask mask = event.As<HotplugMask>();
      if (mask.mask == HotplugMaskKind::kOnline) At(mask.cpu).is_online = mask.on != 0;
      return;
    }
    case EventKind::kHotplugOp: {
      const HotplugOp op = event.As<HotplugOp>();
      if (op.phase == HotplugPhase::kRequested) asked_at_ = event.t;
      if (op.phase != HotplugPhase::kDone) return;
      if (op.result < 0) ++hotplug_refused_;
      hotplug_max_ = std::max(hotplug_max_, event.t - asked_at_);
      return;
    }
    default:
      break;
  }
  const int which = events_.Which(event.kind());
  if (which < 0) return;
  if (which <= kGuardFail) {
    OnRseq(event, which);
  } else {
    OnPair(event, which);
  }
}

// ----------------------------------------------------------------------------------- what executes

void PairChecker::OnSegment(const TraceEvent& event) {
  const Segment segment = event.As<Segment>();
  const CpuId cpu = event.cpu();
  const bool is_user = segment.kind == SegmentKind::kUser;
  const bool works = is_user || segment.kind == SegmentKind::kKernel;
  if (works && segment.curr != kIdleTask && event.t > segment.start) {
    TaskBook& task = At(segment.curr);
    if (task.waits) EndWait(task, segment.start);
    if (task.is_worker) {
      CpuBook& book = At(task.works_for);
      // The hook of the switch to it comes first, and does not look.
      const Cycles hook = std::min(book.hook, event.t - segment.start);
      book.hook -= hook;
      const Time start = std::max(segment.start + hook, book.open_since);
      if (book.is_open && event.t > start) book.executed_since += event.t - start;
    }
    if (!is_user && task.pair_cpu.valid()) users_kernel_ += event.t - segment.start;
    if (is_user) {
      CpuBook& here = At(cpu);
      if (here.is_open && !here.reported && here.open_since < segment.start) {
        here.reported = true;
        Report("PA-I2", segment.start, segment.curr, cpu, here.problem);
      }
      found_.clear();
      overlaps_.AddUser(cpu, segment.curr, segment.start, event.t, found_);
      for (const UserOverlaps::Overlap& overlap : found_) {
        if (overlap.goes_on) continue;
        const std::string first = Name(overlap.first);
        const std::string second = Name(overlap.second);
        const int data = overlap.data.value();
        switch (overlap.kind) {
          case UserOverlaps::Kind::kSameData:
            Report("PA-S1", overlap.start, overlap.first, overlap.data,
                   fmt::format("{} and {} are in critical sections on the data of CPU {}", first,
                               second, data));
            break;
          case UserOverlaps::Kind::kOnPairedCpu:
            Report("PA-S2", overlap.start, overlap.first, overlap.data,
                   fmt::format("{} runs user code paired with CPU {} while {} does there", first,
                               data, second));
            break;
          case UserOverlaps::Kind::kSamePair:
            Report("PA-S3", overlap.start, overlap.first, overlap.data,
                   fmt::format("{} and {} run user code paired with CPU {}", first, second, data));
            break;
        }
      }
    }
  }
  overlaps_.PassTo(cpu, event.t);
  if (has_worker_state_) is_dirty_ = true;
}

void PairChecker::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  const CpuId cpu = event.cpu();
  CpuBook& book = At(cpu);
  book.curr = change.next_pid;
  if (!book.is_online && change.next_pid != kIdleTask && !At(change.next_pid).is_kthread) {
    Report("PA-I1", event.t, change.next_pid, cpu,
           fmt::format("{} is switched in on CPU {}, which is offline", Name(change.next_pid),
                       cpu.value()));
  }
  const auto uses = [this](TaskId id) { return At(id).is_worker || At(id).pair_cpu.valid(); };
  if (!uses(change.prev_pid) && !uses(change.next_pid)) ++switches_others_;
  if (!is_pairing_) return;
  const bool to_worker = At(change.next_pid).is_worker;
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    TaskBook& task = tasks_[i];
    if (!task.is_queued || task.queue != cpu || task.is_kthread) continue;
    const TaskId id(static_cast<int32_t>(i));
    if (to_worker && !task.waits && id != change.prev_pid) {
      task.waits = true;
      task.waits_since = event.t;
    } else if (to_worker && id == change.prev_pid && change.prev_state.letter == 'R') {
      task.waits = true;
      task.waits_since = event.t;
    } else if (!to_worker && task.waits && id != change.next_pid) {
      EndWait(task, event.t);
    }
  }
}

void PairChecker::OnQueue(const SchedQueue& queue) {
  TaskBook& task = At(queue.pid);
  task.is_queued = queue.queued != 0;
  task.queue = queue.queue;
  if (!task.is_queued) {
    // One that leaves its CPU waited until its first stretch, which is told of only now.
    if (task.waits && At(queue.queue).curr != queue.pid) EndWait(task, now_);
    return;
  }
  if (!task.is_kthread && At(At(queue.queue).curr).is_worker) {
    task.waits = true;
    task.waits_since = now_;
  }
}

void PairChecker::EndWait(TaskBook& task, Time at) {
  const Cycles waited = at - task.waits_since;
  task.waits = false;
  wait_max_ = std::max(wait_max_, waited);
  wait_sum_ += waited;
}

// ------------------------------------------------------------------------------- what services say

// Who updates the data of a CPU without being paired with it has it from the begin of the section
// that is tried first to the commit.
void PairChecker::OpenUpdate(TaskId id, CpuId data, Time at) {
  TaskBook& task = At(id);
  if (task.pair_cpu.valid()) return;
  Pairing* const open = PairingOf(id);
  if (open != nullptr && open->cpu == data) {
    ++open->times;
    open->cleared = kNever;
    return;
  }
  task.pairing = static_cast<int>(pairings_.size());
  Pairing update;
  update.task = id;
  update.cpu = data;
  update.set = update.let_in = at;
  update.times = 1;
  pairings_.push_back(update);
}

void PairChecker::OnRseq(const TraceEvent& event, int which) {
  const PolicyEventPayload payload = DeclaredPayload(event);
  const TaskId id(payload.narrow[0]);
  const CpuId data(payload.narrow[1]);
  TaskBook& task = At(id);
  if (which == kBegin) {
    overlaps_.SetData(id, data, event.t);
    OpenUpdate(id, data, event.t);
  }
  if (which == kGuardFail) ++guard_fails_;
  if (which == kAbort) {
    overlaps_.SetData(id, CpuId(), event.t);
    ++aborts_;
    ++task.aborts;
    if (Pairing* const pairing = PairingOf(id)) {
      ++pairing->aborts;
      // Unless its section is tried anew.
      if (!task.pair_cpu.valid()) pairing->cleared = event.t;
    }
  }
  if (which != kCommit) return;
  overlaps_.SetData(id, CpuId(), event.t);
  ++commits_;
  if (Pairing* const pairing = PairingOf(id)) {
    ++pairing->commits;
    if (!task.pair_cpu.valid()) {
      pairing->cleared = event.t;
      task.pairing = -1;
    }
  }
  if (payload.wide[1] != 0) {
    lost_ += payload.wide[1];
    Report("PA-LU", event.t, id, data,
           fmt::format("{} overwrites {} updates of the data of CPU {}", Name(id), payload.wide[1],
                       data.value()));
  }
  if (task.set_at != kNever) latency_max_ = std::max(latency_max_, event.t - task.set_at);
  task.set_at = kNever;
  task.entries = task.aborts = 0;
}

void PairChecker::OnPair(const TraceEvent& event, int which) {
  const PolicyEventPayload payload = DeclaredPayload(event);
  const TaskId id(payload.narrow[0]);
  const CpuId cpu(static_cast<int32_t>(payload.wide[0]));
  const int64_t value = payload.wide[1];
  is_dirty_ = true;
  switch (static_cast<Which>(which)) {
    case kSet:
      if (value != 0) return;
      ++num_pairings_;
      At(id).pairing = At(id).last_pairing = static_cast<int>(pairings_.size());
      pairings_.emplace_back();
      pairings_.back().task = id;
      pairings_.back().cpu = cpu;
      pairings_.back().set = event.t;
      At(id).set_at = event.t;
      At(id).entries = At(id).aborts = 0;
      return;
    case kClear:
      if (Pairing* const pairing = PairingOf(id)) pairing->cleared = event.t;
      At(id).pairing = -1;
      At(id).set_at = kNever;
      if (value != 0) {
        Report("PA-S4", event.t, id, cpu,
               fmt::format("{} is not paired any more, and a worker is active for it", Name(id)));
      }
      return;
    case kPairQueue:
      if (value == 0) return;
      ++At(id).work;
      touched_.push_back(id);
      return;
    case kPublish:
      ++At(id).entries;
      if (Pairing* const pairing = PairingOf(id)) {
        if (pairing->times++ == 0) pairing->let_in = event.t;
      }
      return;
    case kRun:
      At(cpu).serves = At(id).last_pairing;
      if (!At(id).pair_cpu.valid()) {
        Report("PA-I3", event.t, id, cpu,
               fmt::format("the worker of CPU {} works for {}, which is not paired", cpu.value(),
                           Name(id)));
      }
      return;
    case kCancel:
      if (value == 0) return;
      ++cancels_;
      --At(id).work;
      touched_.push_back(id);
      return;
    case kWorkEnd:
      soak_ += Cycles(value);
      if (At(cpu).serves >= 0) {
        pairings_[static_cast<std::size_t>(At(cpu).serves)].soak += Cycles(value);
      }
      --At(id).work;
      touched_.push_back(id);
      return;
    case kTimeout:
      ++timeouts_;
      return;
    case kTaskState: {
      TaskBook& task = At(id);
      if (task.pair_cpu != cpu) overlaps_.SetPair(id, cpu, event.t);
      if (cpu.valid() && At(cpu).running == id && task.worker_active) {
        At(cpu).by_itself = payload.narrow[2] == 0 && At(event.cpu()).curr == id;
      }
      task.pair_cpu = cpu;
      task.worker_active = payload.narrow[2] != 0;
      return;
    }
    case kCpuState:
      At(cpu).running = id;
      At(cpu).current = TaskId(payload.narrow[1]);
      return;
    case kHook: {
      hook_cycles_ += payload.wide[0];
      const TaskBook& next = At(TaskId(payload.narrow[1]));
      if (next.is_worker) At(next.works_for).hook = Cycles(payload.wide[0]);
      if (payload.narrow[2] != 0) return;
      hook_cycles_others_ += payload.wide[0];
      hook_lines_others_ += payload.wide[1];
      return;
    }
    case kCall:
      if (!cpu.valid()) {
        ++dead_branch_;
        Report("PA-I1", event.t, id, cpu, fmt::format("{} is on no CPU at all", Name(id)));
      } else if (value != 0) {
        ++ipi_failed_;
      } else {
        ++ipis_;
        // The last of its pairings, as the IPI may come after its end.
        if (At(id).last_pairing >= 0) {
          ++pairings_[static_cast<std::size_t>(At(id).last_pairing)].ipis;
        }
      }
      return;
    case kRef:
      At(id).refs = value;
      touched_.push_back(id);
      return;
    case kBegin:
    case kCommit:
    case kAbort:
    case kGuardFail:
      return;
  }
}

// ------------------------------------------------------------------------------ what must hold now

// The instant now_ is over.
void PairChecker::Settle() {
  for (const TaskId id : touched_) CheckRefs(id);
  touched_.clear();
  if (!is_dirty_ || !has_worker_state_) return;
  is_dirty_ = false;
  for (std::size_t c = 0; c < cpus_.size(); ++c) CheckCpu(CpuId(static_cast<int32_t>(c)));
}

void PairChecker::CheckRefs(TaskId id) {
  TaskBook& task = At(id);
  if (!has_worker_state_ || task.refs == task.work) return;
  Report("PA-I3", now_, id, CpuId(),
         fmt::format("{} has {} references for {} pieces of work", Name(id), task.refs, task.work));
  task.refs = task.work;
}

// PA-I2: running = T exactly while a worker is active for T and T is paired with the CPU.
void PairChecker::CheckCpu(CpuId id) {
  CpuBook& cpu = At(id);
  std::string problem;
  bool may_wait = false;
  if (cpu.running.valid()) {
    const TaskBook& task = At(cpu.running);
    if (!task.worker_active || task.pair_cpu != id) {
      problem = fmt::format("CPU {} runs for {}, for whom no worker is active", id.value(),
                            Name(cpu.running));
      may_wait = cpu.current == cpu.running && !cpu.by_itself;
    }
  }
  for (std::size_t i = 1; i < tasks_.size() && problem.empty(); ++i) {
    const TaskId task(static_cast<int32_t>(i));
    if (!tasks_[i].worker_active || tasks_[i].pair_cpu != id || cpu.running == task) continue;
    problem = fmt::format("a worker is active for {}, for whom CPU {} does not run", Name(task),
                          id.value());
  }
  if (problem.empty()) {
    // Put right, but too late.
    if (cpu.is_open && !cpu.reported && cpu.executed_since > poll_ * 2) {
      Report("PA-I2", now_, TaskId(), id, std::move(cpu.problem));
    }
    cpu.is_open = cpu.reported = false;
    return;
  }
  cpu.problem = problem;
  if (!cpu.is_open) {
    cpu.is_open = true;
    cpu.open_since = now_;
    cpu.executed_since = kZeroCycles;
  }
  if (may_wait && cpu.executed_since <= poll_ * 2) return;
  if (cpu.reported) return;
  cpu.reported = true;
  Report("PA-I2", now_, TaskId(), id, std::move(problem));
}

void PairChecker::OnEnd(const RunEnd& end) {
  Settle();
  now_ = end.end;
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    TaskBook& task = tasks_[i];
    const TaskId id(static_cast<int32_t>(i));
    if (task.waits) EndWait(task, end.end);
    if (task.pair_cpu.valid() && task.set_at != kNever && task.entries >= kMaxVainEntries) {
      Report("PA-L1", end.end, id, task.pair_cpu,
             fmt::format("{} was let in {} times since it was paired and has committed nothing",
                         Name(id), task.entries));
    }
    if (!task.pair_cpu.valid() && task.work > 0) {
      Report("PA-I3", end.end, id, CpuId(),
             fmt::format("{} is not paired, and has {} pieces of work", Name(id), task.work));
    }
  }
}

void PairChecker::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  using Kind = UserOverlaps::Kind;
  metrics.insert(metrics.end(), {{"rseq_commits", commits_},
                                 {"rseq_aborts", aborts_},
                                 {"rseq_guard_fails", guard_fails_},
                                 {"lost_updates", lost_},
                                 {"s1_overlap_cycles", overlaps_.cycles(Kind::kSameData).count()},
                                 {"task_moves", moves_},
                                 {"hotplug_refused", hotplug_refused_},
                                 {"hotplug_latency_max", hotplug_max_.count()}});
  if (!is_pairing_) return;
  const int64_t inside = soak_.count() + users_kernel_.count();
  metrics.insert(metrics.end(),
                 {{"s2_overlap_cycles", overlaps_.cycles(Kind::kOnPairedCpu).count()},
                  {"s3_overlap_cycles", overlaps_.cycles(Kind::kSamePair).count()},
                  {"pairings", num_pairings_},
                  {"soak_cycles", soak_.count()},
                  {"pair_ipis", ipis_},
                  {"ipi_failed", ipi_failed_},
                  {"cancels", cancels_},
                  {"timeouts", timeouts_},
                  {"cs_latency_max", latency_max_.count()},
                  {"bystander_wait_max", wait_max_.count()},
                  {"bystander_wait_cycles", wait_sum_.count()},
                  {"hook_cycles", hook_cycles_},
                  {"hook_cycles_others", hook_cycles_others_},
                  {"hot_tax_permille", inside > 0 ? hook_cycles_others_ * 1000 / inside : 0},
                  {"o1", switches_others_ > 0 ? hook_cycles_others_ / switches_others_ : 0},
                  {"o1_lines", switches_others_ > 0 ? hook_lines_others_ / switches_others_ : 0},
                  {"dead_branch", dead_branch_}});
}

}  // namespace rqsim
