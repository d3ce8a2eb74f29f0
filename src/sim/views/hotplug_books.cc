#include "sim/views/hotplug_books.h"

#include <fmt/format.h>

#include <algorithm>

#include "rqsim/policy.h"

namespace rqsim {
namespace {

// hotplug.md 3, Rn1: an operation is fine up to 10 ms and bad from 1 s on.
constexpr int64_t kOkPerSecond = 100;

}  // namespace

EventMask HotplugBooks::Wants() const {
  return EventMask::Of(EventKind::kHotplugMask, EventKind::kHotplugOp, EventKind::kSegment,
                       EventKind::kSchedMigrateTask, EventKind::kSchedQueue, EventKind::kCpuhpEnter,
                       EventKind::kCpuhpMultiEnter, EventKind::kCpuhpExit,
                       EventKind::kSchedDlThrottle, EventKind::kSchedDlReplenish)
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
    if (!info.is_kthread(TaskId(id)) || !name.starts_with("stop/")) continue;
    for (std::size_t c = 0; c < cpus_.size(); ++c) {
      if (name == fmt::format("stop/{}", c)) cpus_[c].stop = TaskId(id);
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
    case EventKind::kSchedMigrateTask: {
      const auto move = event.As<SchedMigrateTask>();
      if (!in_operation_ || move.orig_cpu != meant_) return;
      ++moved_;
      if (HotplugOpResult* op = Present()) {
        op->moves.push_back({move.pid, move.orig_cpu, move.dest_cpu, event.t});
      }
      return;
    }
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
  if (mask.mask == HotplugMaskKind::kActive) {
    cpu.active = on;
    if (!on && cpu.online) cpu.inactive_since = event.t;
  }
  if (mask.mask == HotplugMaskKind::kOnline) {
    cpu.online = on;
    if (!on) offline_since_ = event.t;
    if (on && !cpu.active) cpu.inactive_since = event.t;
  }
  const bool is_between = cpu.online && !cpu.active;
  if (!is_between && cpu.inactive_since != kNever) {
    inactive_ += (event.t - cpu.inactive_since).count();
    cpu.inactive_since = kNever;
  }
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
  if (HotplugOpResult* record = Present()) {
    record->done = event.t;
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
    if (latency > hz / kOkPerSecond) ++(latency >= hz ? bad_ : slow_);
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

void HotplugBooks::OnCallback(const TraceEvent& event) {
  HotplugOpResult* const op = Present();
  if (event.kind() == EventKind::kCpuhpExit) {
    ++callbacks_;
    const auto exit = event.As<CpuhpExit>();
    if (op == nullptr) return;
    // The last one of that state that is open: callbacks of other CPUs come inside that of 83 and
    // 143.
    for (auto step = op->steps.rbegin(); step != op->steps.rend(); ++step) {
      if (step->end != kNever || !step->what.starts_with(fmt::format("{} ", exit.idx))) continue;
      step->end = event.t;
      step->result = exit.ret;
      return;
    }
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
  if (open >= 0) op.steps[static_cast<std::size_t>(open)].end = at;
  open = -1;
}

// Notifiers of one round are one step.
void HotplugBooks::OnNotify(const TraceEvent& event, const PolicyEventPayload& payload) {
  static constexpr const char* kRounds[] = {
      "",     "",      "ONLINE",    "UP_PREPARE", "UP_CANCELED", "DOWN_PREPARE", "DOWN_FAILED",
      "DEAD", "DYING", "POST_DEAD", "STARTING",   "DOWN"};
  HotplugOpResult* const op = Present();
  // Those of suspend and resume (CPU_TASKS_FROZEN) are the same rounds.
  const int64_t number = payload.wide[0] & ~int64_t{16};
  if (op == nullptr || number < 2 || number > 11) return;
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
    if (name == "hotplug_kthreads") kthread_cycles_ += payload.wide[0];
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
