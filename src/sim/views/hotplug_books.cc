#include "sim/views/hotplug_books.h"

#include <fmt/format.h>

#include <algorithm>

#include "rqsim/cpuhp_kick.h"
#include "rqsim/policy.h"

namespace rqsim {
EventMask HotplugBooks::Wants() const {
  return EventMask::Of(EventKind::kHotplugMask, EventKind::kHotplugOp, EventKind::kSegment,
                       EventKind::kSchedMigrateTask, EventKind::kSchedQueue, EventKind::kCpuhpEnter,
                       EventKind::kCpuhpMultiEnter, EventKind::kCpuhpExit, EventKind::kSchedWaking,
                       EventKind::kSchedSwitch, EventKind::kSchedDlThrottle,
                       EventKind::kSchedDlReplenish)
      .AddPolicyEvents();
}

void HotplugBooks::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  cpus_.resize(static_cast<std::size_t>(info.num_cpus()));
  const auto& specs = info.scenario().machine.cpus;
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    cpus_[i].online = cpus_[i].active = specs[i].online;
  }
  for (int id = 1; id < info.num_tasks(); ++id) {
    const std::string_view name = info.task_name(TaskId(id));
    if (!info.is_kthread(TaskId(id))) continue;
    for (std::size_t c = 0; c < cpus_.size(); ++c) {
      if (name == fmt::format("stop/{}", c)) cpus_[c].stop = TaskId(id);
      if (name == fmt::format("cpuhp/{}", c)) cpus_[c].hotplug = TaskId(id);
    }
  }
  const auto& policies = info.policies();
  for (std::size_t p = 0; p < policies.size(); ++p) {
    const EventKind first = info.first_event_kind(PolicyId(static_cast<int32_t>(p)));
    for (std::size_t e = 0; e < policies[p]->events.size(); ++e) {
      if (!policies[p]->events[e].name.starts_with("hotplug_")) continue;
      declared_.emplace_back(static_cast<EventKind>(static_cast<std::size_t>(first) + e),
                             std::string(policies[p]->events[e].name));
    }
  }
}

void HotplugBooks::Break(const char* id, Time at, CpuId cpu, TaskId task, std::string message) {
  if (!checks_) return;
  sink_->Report({id, at, cpu, task, LockId(), std::move(message)},
                ViolationSink::Severity::kContinue);
}

void HotplugBooks::OnEvent(const TraceEvent& event) {
  last_ = event.t;
  switch (event.kind()) {
    case EventKind::kHotplugMask:
      return OnMask(event);
    case EventKind::kHotplugOp:
      return OnOp(event);
    case EventKind::kSegment:
      return OnSegment(event);
    case EventKind::kSchedMigrateTask:
      return OnMove(event);
    case EventKind::kSchedWaking:
      if (meant_.valid() && event.As<SchedWaking>().pid == cpus_[meant_.index()].hotplug) {
        EndGrace(event.t);
      }
      return;
    case EventKind::kSchedSwitch:
      cpus_[event.cpu().index()].curr = event.As<SchedSwitch>().next_pid;
      return;
    case EventKind::kSchedQueue: {
      const auto queue = event.As<SchedQueue>();
      if (queue_of_.size() <= queue.pid.index()) queue_of_.resize(queue.pid.index() + 1);
      queue_of_[queue.pid.index()] = queue.queued != 0 ? queue.queue : CpuId();
      return;
    }
    case EventKind::kSchedDlThrottle:
    case EventKind::kSchedDlReplenish:
      return OnBudget(event);
    case EventKind::kCpuhpEnter:
    case EventKind::kCpuhpMultiEnter:
    case EventKind::kCpuhpExit:
      return OnCallback(event);
    default:
      return OnDeclared(event);
  }
}

void HotplugBooks::OnMask(const TraceEvent& event) {
  const auto mask = event.As<HotplugMask>();
  OfCpu& cpu = cpus_[mask.cpu.index()];
  const bool on = mask.on != 0;
  HotplugOpResult* const op = in_operation_ && mask.cpu == meant_ ? Present() : nullptr;
  if (mask.mask == HotplugMaskKind::kPush) cpu.pushes = on;
  if (mask.mask == HotplugMaskKind::kDying && op != nullptr) OnDying(*op, on);
  if (mask.mask == HotplugMaskKind::kActive) {
    cpu.active = on;
    if (!on && cpu.online) cpu.inactive_since = event.t;
    // sched_cpu_deactivate() waits for a grace period then.
    const bool is_in_callback =
        op != nullptr && !op->steps.empty() && op->steps.back().what == "235 down";
    if (!on && is_in_callback) grace_since_ = event.t;
  }
  if (mask.mask == HotplugMaskKind::kOnline) {
    cpu.online = on;
    if (!on) offline_since_ = event.t;
    if (on && !cpu.active) cpu.inactive_since = event.t;
  }
  const bool is_between = cpu.online && !cpu.active;
  if (!is_between && cpu.inactive_since != kNever) {
    inactive_ += (event.t - cpu.inactive_since).count();
    if (op != nullptr) AddInactive(*op, cpu.inactive_since, event.t);
    cpu.inactive_since = kNever;
  }
}

// Who rolls back goes the other way from there on (kernel/cpu.c: cpuhp_reset_state()).
void HotplugBooks::OnDying(HotplugOpResult& op, bool on) {
  if (has_direction_ && is_up_ == on) op.is_rolled_back = true;
  if (!has_direction_) is_up_ = !on;
  has_direction_ = true;
}

void HotplugBooks::AddInactive(HotplugOpResult& op, Time since, Time until) {
  op.inactive += until - std::max(since, op.locked.value_or(until));
}

void HotplugBooks::EndGrace(Time at) {
  if (grace_since_ == kNever) return;
  if (HotplugOpResult* const op = Present()) op->grace += at - grace_since_;
  grace_since_ = kNever;
}

// A task leaves its CPU: pushed, if by the stop task of a CPU that pushes. All that this CPU did
// since somebody else was busy there was for that.
void HotplugBooks::OnMove(const TraceEvent& event) {
  const auto move = event.As<SchedMigrateTask>();
  if (!in_operation_ || move.orig_cpu != meant_) return;
  ++moved_;
  HotplugOpResult* const op = Present();
  if (op == nullptr) return;
  op->moves.push_back({move.pid, move.orig_cpu, move.dest_cpu, event.t});
  OfCpu& cpu = cpus_[meant_.index()];
  if (!cpu.pushes || event.cpu() != meant_ || cpu.curr != cpu.stop) return;
  ++op->pushed;
  op->push += event.t - cpu.busy_until;
  cpu.busy_until = event.t;
}

void HotplugBooks::OnOp(const TraceEvent& event) {
  const auto op = event.As<HotplugOp>();
  if (op.phase == HotplugPhase::kRequested) {
    open_.push_back({op.id, op.cpu, event.t, false});
    HotplugOpResult& record = records_.emplace_back();
    record.id = op.id;
    record.cpu = op.cpu;
    record.target = op.target;
    record.requested = event.t;
    return;
  }
  if (op.phase == HotplugPhase::kLocked) {
    in_operation_ = true;
    meant_ = op.cpu;
    present_ = op.id;
    constexpr int32_t kToOffline = 0, kToOnline = 236;
    has_direction_ = op.target == kToOffline || op.target == kToOnline;
    is_up_ = op.target == kToOnline;
    if (HotplugOpResult* record = Present(); record != nullptr && !record->locked) {
      record->locked = event.t;
      if (!locking_.what.empty()) {
        open_step_ = static_cast<int>(record->steps.size());
        record->steps.push_back(locking_);
      }
      locking_ = HotplugStep();
    }
    for (OfCpu& cpu : cpus_) cpu.window = kZeroCycles;
    return;
  }
  present_ = op.id;
  EndWindows();
  EndGrace(event.t);
  if (HotplugOpResult* record = Present()) {
    last_done_ = static_cast<std::size_t>(record - records_.data()) + 1;
    record->done = event.t;
    if (in_operation_ && meant_.valid() && cpus_[meant_.index()].inactive_since != kNever) {
      AddInactive(*record, cpus_[meant_.index()].inactive_since, event.t);
    }
    EndStep(*record, open_step_, event.t);
    EndStep(*record, idle_step_, event.t);
    if (record->result == 0) record->result = op.result;
  }
  present_ = 0;
  locking_ = HotplugStep();
  in_operation_ = false;
  ++ops_;
  if (op.result < 0) ++failed_;
  for (const Op& open : open_) {
    if (open.id != op.id) continue;
    const int64_t latency = (event.t - open.requested).count();
    latency_max_ = std::max(latency_max_, latency);
    latency_sum_ += latency;
    const int64_t hz = info_->scenario().machine.clock_hz;
    if (latency > hz / kQuickPerSecond) ++(latency >= hz ? bad_ : slow_);
  }
  // Requests for several CPUs end more than once.
  std::erase_if(open_, [&](const Op& open) { return open.id == op.id && open.cpu == op.cpu; });
  if (op.result != 0 || !op.cpu.valid() || cpus_[op.cpu.index()].online) return;
  for (std::size_t id = 1; id < queue_of_.size(); ++id) {
    if (queue_of_[id] != op.cpu) continue;
    // Without budget it waits there for its timer, and goes elsewhere then.
    if (id < throttled_.size() && throttled_[id]) continue;
    // A task that 2012 leaves behind is what HP-T2 reports.
    if (stragglers_ > 0) continue;
    const TaskId task(static_cast<int32_t>(id));
    Break("HP-K1", event.t, op.cpu, task,
          fmt::format("{} is queued on CPU {}, which is gone", info_->task_name(task),
                      op.cpu.value()));
  }
}

void HotplugBooks::EndWindows() {
  for (std::size_t c = 0; c < cpus_.size(); ++c) {
    if (meant_.valid() && c == meant_.index()) continue;
    window_max_ = std::max(window_max_, cpus_[c].window.count());
    window_sum_ += cpus_[c].window.count();
    HotplugOpResult* const record = Present();
    if (record != nullptr && cpus_[c].window > kZeroCycles) {
      record->windows.push_back({CpuId(static_cast<int32_t>(c)), cpus_[c].window});
    }
    cpus_[c].window = kZeroCycles;
  }
}

void HotplugBooks::OnBudget(const TraceEvent& event) {
  const auto payload = event.kind() == EventKind::kSchedDlThrottle
                           ? static_cast<DlPayload>(event.As<SchedDlThrottle>())
                           : static_cast<DlPayload>(event.As<SchedDlReplenish>());
  if (!payload.pid.valid()) return;
  const std::size_t id = payload.pid.index();
  if (throttled_.size() <= id) throttled_.resize(id + 1);
  throttled_[id] = event.kind() == EventKind::kSchedDlThrottle;
}

// The one that has the lock.
HotplugOpResult* HotplugBooks::Present() {
  for (auto record = records_.rbegin(); record != records_.rend() && present_ != 0; ++record) {
    if (record->id == present_) return &*record;
  }
  return nullptr;
}

// The last one of that state that is open: callbacks of other CPUs come inside that of 83 and 143.
HotplugStep* HotplugBooks::OpenStep(HotplugOpResult& op, int state) {
  const std::string what = fmt::format("{} ", state);
  for (auto step = op.steps.rbegin(); step != op.steps.rend(); ++step) {
    if (step->end == kNever && step->what.starts_with(what)) return &*step;
  }
  return nullptr;
}

void HotplugBooks::OnCallback(const TraceEvent& event) {
  HotplugOpResult* const op = Present();
  if (event.kind() == EventKind::kCpuhpEnter && event.As<CpuhpEnter>().up == kCpuhpKick) {
    // No callback: those of the hotplug thread come inside.
    kicked_ = event.As<CpuhpEnter>().idx;
    return;
  }
  if (event.kind() == EventKind::kCpuhpExit) {
    const auto exit = event.As<CpuhpExit>();
    HotplugStep* const step = op == nullptr ? nullptr : OpenStep(*op, exit.idx);
    if (step == nullptr && exit.idx == kicked_) {
      kicked_ = -1;
      return;
    }
    ++callbacks_;
    if (exit.cpu == meant_) EndGrace(event.t);
    if (step == nullptr) return;
    step->end = event.t;
    step->result = exit.ret;
    return;
  }
  if (op == nullptr) return;
  HotplugStep step;
  step.cpu = event.cpu();
  step.start = event.t;
  step.end = kNever;
  if (event.kind() == EventKind::kCpuhpEnter) {
    const auto enter = event.As<CpuhpEnter>();
    step.what = fmt::format("{} {}", enter.idx, enter.up != 0 ? "up" : "down");
  } else {
    const auto enter = event.As<CpuhpMultiEnter>();
    step.what = fmt::format("{} {} {}", enter.idx, enter.up != 0 ? "up" : "down", enter.instance);
  }
  op->steps.push_back(std::move(step));
}

// The steps of the outline of 2012, i to xi (hotplug.md 4.5): those of the controller end where its
// next one begins, that of the idle loop when the CPU is ready.
void HotplugBooks::OnStep(const TraceEvent& event, const PolicyEventPayload& payload) {
  static constexpr const char* kNumerals[] = {"",  "i",  "ii",   "iii",          "iv",
                                              "v", "vi", "vii",  "viii",         "ix",
                                              "x", "xi", "park", "stop_machine", "die"};
  constexpr int64_t kFirst = 1, kOfIdleLoop = 6, kLast = 14;
  const int64_t number = payload.wide[1];
  if (number < kFirst || number > kLast) return;
  HotplugStep step;
  step.cpu = event.cpu();
  step.start = event.t;
  step.end = kNever;
  step.what = kNumerals[number];
  HotplugOpResult* const op = Present();
  if (op == nullptr) {
    // The locks that it takes first make it the present operation.
    if (number == kFirst) locking_ = step;
    return;
  }
  if (number != kOfIdleLoop) EndStep(*op, open_step_, event.t);
  (number == kOfIdleLoop ? idle_step_ : open_step_) = static_cast<int>(op->steps.size());
  op->steps.push_back(std::move(step));
}

void HotplugBooks::EndStep(HotplugOpResult& op, int& open, Time at) {
  if (open < 0) return;
  HotplugStep& step = op.steps[static_cast<std::size_t>(open)];
  step.end = at;
  // The grace period of the outline of 2012.
  if (step.what == "iv") op.grace += at - step.start;
  open = -1;
}

// Notifiers of one round are one step.
void HotplugBooks::OnNotify(const TraceEvent& event, const PolicyEventPayload& payload) {
  static constexpr const char* kRounds[] = {
      "",     "",      "ONLINE",    "UP_PREPARE", "UP_CANCELED", "DOWN_PREPARE", "DOWN_FAILED",
      "DEAD", "DYING", "POST_DEAD", "STARTING",   "DOWN"};
  constexpr int64_t kUpCanceled = 4, kDownFailed = 6;
  HotplugOpResult* const op = Present();
  // Those of suspend and resume (CPU_TASKS_FROZEN) are the same rounds.
  const int64_t number = payload.wide[0] & ~int64_t{16};
  if (op == nullptr || number < 2 || number > 11) return;
  if (number == kUpCanceled || number == kDownFailed) op->is_rolled_back = true;
  const char* const round = kRounds[number];
  if (!op->steps.empty() && op->steps.back().what == round) {
    op->steps.back().end = event.t;
    op->steps.back().result = std::min(op->steps.back().result, payload.wide[1]);
    return;
  }
  Time since = op->locked.value_or(op->requested);
  if (!op->steps.empty()) {
    const HotplugStep& before = op->steps.back();
    since = before.end == kNever ? before.start : before.end;
  }
  // With stop_machine DYING comes behind the architecture's part.
  constexpr int64_t kDying = 8;
  if (number == kDying) since = std::max(since, offline_since_);
  op->steps.push_back({event.cpu(), since, event.t, round, payload.wide[1]});
}

// A stop task has its CPU to itself: nothing else can be done there.
void HotplugBooks::OnSegment(const TraceEvent& event) {
  const auto segment = event.As<Segment>();
  OfCpu& cpu = cpus_[event.cpu().index()];
  if (segment.curr != cpu.stop && segment.kind < SegmentKind::kOverheadFirst) {
    cpu.busy_until = event.t;
  }
  if (!in_operation_ || segment.curr != cpu.stop || segment.kind != SegmentKind::kKernel) return;
  cpu.window += event.t - segment.start;
}

void HotplugBooks::OnDeclared(const TraceEvent& event) {
  for (const auto& [kind, name] : declared_) {
    if (kind != event.kind()) continue;
    const auto payload = event.As<PolicyEventPayload>();
    if (name == "hotplug_notify") OnNotify(event, payload);
    if (name == "hotplug_step") OnStep(event, payload);
    HotplugOpResult* const op = Present();
    if (name == "hotplug_flag" && payload.wide[1] != 0 && op != nullptr) {
      EndStep(*op, idle_step_, event.t);
    }
    if (name == "hotplug_dying_race") ++races_;
    if (name == "hotplug_dying_bad") ++bads_;
    if (name == "hotplug_kthreads") {
      kthread_cycles_ += payload.wide[0];
      // It comes behind the end of the operation.
      if (last_done_ > 0) records_[last_done_ - 1].kthreads += Cycles(payload.wide[0]);
    }
    if (name == "hotplug_tick_duty" && op != nullptr) {
      op->duties.push_back({CpuId(static_cast<int32_t>(payload.wide[0])),
                            CpuId(static_cast<int32_t>(payload.wide[1])), event.t});
    }
    if (name == "hotplug_stragglers" && payload.wide[1] > 0) {
      stragglers_ += payload.wide[1];
      const CpuId cpu(static_cast<int32_t>(payload.wide[0]));
      Break("HP-T2", event.t, cpu, TaskId(),
            fmt::format("{} runnable tasks are left on CPU {}, which is dead", payload.wide[1],
                        cpu.value()));
    }
  }
}

void HotplugBooks::OnEnd(const RunEnd& end) {
  for (HotplugOpResult& op : records_) {
    for (HotplugStep& step : op.steps) step.end = std::min(step.end, end.end);
  }
  const int64_t hz = info_->scenario().machine.clock_hz;
  for (const Op& open : open_) {
    if ((end.end - open.requested).count() >= hz) ++bad_;
  }
}

void HotplugBooks::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  const std::pair<const char*, int64_t> rows[] = {{"hotplug_callbacks", callbacks_},
                                                  {"hotplug_dying_bad", bads_},
                                                  {"hotplug_dying_races", races_},
                                                  {"hotplug_failed", failed_},
                                                  {"hotplug_inactive_cycles", inactive_},
                                                  {"hotplug_kthread_cycles", kthread_cycles_},
                                                  {"hotplug_latency_max", latency_max_},
                                                  {"hotplug_latency_sum", latency_sum_},
                                                  {"hotplug_moved", moved_},
                                                  {"hotplug_ops", ops_},
                                                  {"hotplug_stop_window_max", window_max_},
                                                  {"hotplug_stop_window_sum", window_sum_},
                                                  {"hotplug_stragglers", stragglers_},
                                                  {"hotplug_verdict_bad", bad_},
                                                  {"hotplug_verdict_slow", slow_}};
  for (const auto& [name, value] : rows) metrics.emplace_back(name, value);
}

}  // namespace rqsim
