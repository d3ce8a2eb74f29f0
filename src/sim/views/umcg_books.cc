#include "sim/views/umcg_books.h"

#include <algorithm>

#include "rqsim/policy.h"

namespace rqsim {
namespace {

constexpr std::array<std::string_view, UmcgEvents::kCount> kNames = {"umcg_state",
                                                                     "umcg_list_push",
                                                                     "umcg_list_take",
                                                                     "umcg_idle_server_take",
                                                                     "umcg_block_ignored",
                                                                     "umcg_block_silent",
                                                                     "umcg_retry",
                                                                     "umcg_die",
                                                                     "umcg_pin",
                                                                     "umcg_enter",
                                                                     "umcg_exit",
                                                                     "umcg_handoff",
                                                                     "umcg_queue",
                                                                     "umcg_server_idle",
                                                                     "umcg_signal_discarded",
                                                                     "umcg_spurious",
                                                                     "umcg_preempt",
                                                                     "umcg_spin",
                                                                     "umcg_lookup",
                                                                     "umcg_register",
                                                                     "umcg_gone",
                                                                     "umcg_stamp"};
constexpr std::array<std::string_view, 5> kKindNames = {"dispatch", "yield", "swap", "block",
                                                        "preempt"};
constexpr std::array<std::string_view, 12> kReasonNames = {
    "no-server", "locked", "not-running", "no-next",     "server-not-idle", "word-changed",
    "efault",    "pin",    "enqueue",     "idle-server", "no-such-server",  "wait"};

// Bits of a state word that all variants have in common.
constexpr int64_t kStateBits = 0x3f;
constexpr int64_t kRunning = 1;
constexpr int64_t kBlocked = 3;
constexpr int kYieldKind = 1;

}  // namespace

bool UmcgEvents::Bind(const RunInfo& info) {
  for (std::size_t p = 0; p < info.policies().size(); ++p) {
    const PolicyInfo& policy = *info.policies()[p];
    const bool has = std::any_of(policy.events.begin(), policy.events.end(),
                                 [](const EventInfo& e) { return e.name == "umcg_handoff"; });
    if (!has) continue;
    first_ = static_cast<int>(info.first_event_kind(PolicyId(static_cast<int32_t>(p))));
    kinds_.clear();
    for (const EventInfo& event : policy.events) {
      const auto found = std::find(kNames.begin(), kNames.end(), event.name);
      kinds_.push_back(static_cast<int>(found - kNames.begin()));
    }
    return true;
  }
  return false;
}

EventMask UmcgBooks::Wants() const {
  EventMask mask =
      EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWaking, EventKind::kSegment,
                    EventKind::kTtwuStat, EventKind::kSchedProcessExit);
  return mask.AddPolicyEvents();
}

void UmcgBooks::OnStart(const RunInfo& info, ViolationSink&) {
  info_ = &info;
  is_on_ = events_.Bind(info);
  for (const PolicyInfo* policy : info.policies()) {
    for (const EventInfo& event : policy->events) {
      if (event.name == "umcg_state") word_text_ = event.fields.front().text;
    }
  }
  const MachineSpec& machine = info.scenario().machine;
  switch_cost_ = machine.costs.c_sched + machine.costs.c_ctx;
  idle_from_.assign(machine.cpus.size(), Time(0));
  for (const UmcgGroupSpec& spec : info.scenario().groups) {
    Group group;
    group.servers = static_cast<int>(spec.servers.size());
    servers_ += group.servers;
    for (const UmcgServerSpec& server : spec.servers) {
      group.cpus =
          group.cpus | server.cpus.value_or(CpuSet::FirstN(static_cast<int>(machine.cpus.size())));
    }
    groups_.push_back(std::move(group));
  }
}

UmcgBooks::Worker& UmcgBooks::Of(TaskId task) {
  if (task.index() >= workers_.size()) workers_.resize(task.index() + 1);
  return workers_[task.index()];
}

// Books the stretch since the last event. Within it whoever waits does so from its beginning.
void UmcgBooks::Accumulate(Time t) {
  if (t <= last_) return;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    Time idle = kNever;
    for (std::size_t c = 0; c < idle_from_.size(); ++c) {
      if (idle_from_[c] == kNever) continue;
      if (!groups_[g].cpus.Contains(CpuId(static_cast<int32_t>(c)))) continue;
      idle = std::min(idle, std::max(last_, idle_from_[c]));
    }
    if (idle >= t) continue;
    bool parked = false;
    Time waits = last_;
    for (const Worker& worker : workers_) {
      if (worker.group != static_cast<int>(g) || worker.is_server) continue;
      parked = parked || Parked(worker);
      if (worker.is_waiting) waits = std::max(waits, std::min(t, worker.waits_until));
    }
    if (parked) {
      groups_[g].parked_gap += (t - idle).count();
    } else if (waits > idle) {
      groups_[g].unparked_gap += (waits - idle).count();
    }
  }
  last_ = t;
}

void UmcgBooks::OnEvent(const TraceEvent& event) {
  if (!is_on_) return;
  switch (event.kind()) {
    case EventKind::kSegment:
      OnSegment(event.As<Segment>(), event.t);
      return;
    case EventKind::kSchedSwitch:
      Accumulate(event.t);
      OnSwitch(event);
      return;
    case EventKind::kSchedWaking: {
      Accumulate(event.t);
      Worker& worker = Of(event.As<SchedWaking>().pid);
      if (worker.group < 0 || worker.is_server || !worker.blocked) return;
      worker.woken = event.t;
      worker.is_woken = worker.is_waiting = true;
      worker.waits_until = kNever;
      return;
    }
    case EventKind::kTtwuStat: {
      const auto stat = event.As<TtwuStat>();
      if (Of(stat.pid).group >= 0 && stat.waker_cpu.valid() && stat.waker_cpu != stat.target_cpu) {
        ++cross_wakes_;
      }
      return;
    }
    case EventKind::kSchedProcessExit: {
      Accumulate(event.t);
      Worker& worker = Of(event.As<SchedProcessExit>().pid);
      worker.is_waiting = worker.is_woken = worker.in_queue = worker.on_list = false;
      return;
    }
    default:
      break;
  }
  const int kind = events_.Find(event.kind());
  if (kind == UmcgEvents::kCount) return;
  Accumulate(event.t);
  OnUmcg(kind, event);
}

void UmcgBooks::OnSwitch(const TraceEvent& event) {
  const auto change = event.As<SchedSwitch>();
  const std::size_t cpu = event.cpu().index();
  idle_from_[cpu] = change.next_pid == kIdleTask ? event.t + switch_cost_ : kNever;
  Worker& prev = Of(change.prev_pid);
  if (prev.asked != kNever && prev.group >= 0) {
    preempt_.push_back((event.t - prev.asked).count());
    prev.asked = kNever;
  }
  Worker& next = Of(change.next_pid);
  if (next.is_waiting) next.waits_until = event.t + switch_cost_;
}

// A stretch of user code: hand-offs to it have arrived. Of the kernel's: it may be nobody's.
void UmcgBooks::OnSegment(const Segment& segment, Time end) {
  if (segment.kind == SegmentKind::kIdle || segment.kind == SegmentKind::kOffline) return;
  const int64_t length = (end - segment.start).count();
  busy_ += length;
  if (segment.curr == kIdleTask) return;
  Worker& task = Of(segment.curr);
  if (segment.kind == SegmentKind::kKernel && task.is_woken) unmanaged_ += length;
  if (segment.kind != SegmentKind::kUser) return;
  const auto take = [&](Time& since, std::vector<int64_t>& samples) {
    if (since == kNever || since > segment.start) return;
    samples.push_back((segment.start - since).count());
    since = kNever;
  };
  const Time begun = task.handoff;
  take(task.handoff, handoffs_[static_cast<std::size_t>(task.handoff_kind)]);
  if (spans_wanted_ && begun != kNever && task.handoff == kNever) {
    arrived_.push_back({begun, segment.start,
                        std::string(kKindNames[static_cast<std::size_t>(task.handoff_kind)]),
                        task.giver, segment.curr});
  }
  take(task.blocked_at, block_notify_);
  take(task.pushed, sched_latency_);
  take(task.woken, wake_to_run_);
  if (task.group < 0) return;
  if (!task.is_server) attached_user_ += length;
  Group& group = groups_[static_cast<std::size_t>(task.group)];
  if (static_cast<int>(idle_from_.size()) > group.servers) {
    group.user.emplace_back(segment.start, end);
  }
}

// The word of `task` says something else from now on.
void UmcgBooks::NoteWord(TaskId task, const PolicyEventPayload& p, Time t) {
  if (!spans_wanted_ || word_text_ == nullptr) return;
  Worker& worker = Of(task);
  if (worker.word.empty()) word_text_(p.wide[0], worker.word);
  if (t > worker.word_since) {
    spans_.push_back({UmcgSpan::Kind::kWord, task, worker.word_since, t, worker.word});
  }
  worker.word.clear();
  word_text_(p.wide[1], worker.word);
  worker.word_since = t;
}

// `task` is about to join or leave a list.
void UmcgBooks::NoteList(TaskId task, Time t) {
  if (!spans_wanted_) return;
  Worker& worker = Of(task);
  if (Parked(worker) && t > worker.list_since) {
    spans_.push_back(
        {UmcgSpan::Kind::kList, task, worker.list_since, t, worker.in_queue ? "queue" : "list"});
  }
  worker.list_since = t;
}

std::vector<UmcgSpan> UmcgBooks::TakeSpans() {
  // total order: of one kind a task has one span at a time.
  std::sort(spans_.begin(), spans_.end(), [](const UmcgSpan& a, const UmcgSpan& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.task != b.task) return a.task < b.task;
    return a.start < b.start;
  });
  return std::move(spans_);
}

// The worker can wake its server no more.
void UmcgBooks::Lost(TaskId worker) {
  for (Worker& server : workers_) {
    if (server.is_server && server.runs == worker) server.is_lost = true;
  }
}

void UmcgBooks::OnState(const PolicyEventPayload& p, Time t) {
  const TaskId task(p.narrow[0]);
  const int64_t to = p.wide[1] & kStateBits;
  Worker& worker = Of(task);
  worker.blocked = to == kBlocked;
  if (worker.is_server && to == kRunning) {
    worker.is_lost = false;
    worker.runs = TaskId();
  }
  if (to == kBlocked) {
    const TaskId server = worker.gives;
    if (server.valid()) Of(server).blocked_at = t;
  }
  if (to != kBlocked && worker.is_waiting && worker.waits_until <= t) worker.is_waiting = false;
}

void UmcgBooks::OnUmcg(int kind, const TraceEvent& event) {
  PolicyEventPayload p;
  std::memcpy(&p, event.a, sizeof(p));
  const TaskId task(p.narrow[0]);
  Worker& worker = Of(task);
  switch (kind) {
    case UmcgEvents::kState:
      NoteWord(task, p, event.t);
      OnState(p, event.t);
      return;
    case UmcgEvents::kPush:
      NoteList(task, event.t);
      worker.on_list = true;
      worker.is_woken = worker.is_waiting = false;
      worker.pushed = event.t;
      if (worker.woken != kNever) wake_notify_.push_back((event.t - worker.woken).count());
      return;
    case UmcgEvents::kQueue:
      NoteList(task, event.t);
      worker.in_queue = p.wide[0] == 1;
      worker.on_list = false;
      return;
    case UmcgEvents::kSilent:
      ++silent_;
      Lost(task);
      [[fallthrough]];
    case UmcgEvents::kIgnored:
      if (worker.gives.valid()) {
        Of(worker.gives).handoff = Of(worker.gives).blocked_at = kNever;
        worker.gives = TaskId();
      }
      return;
    case UmcgEvents::kDie:
      ++killed_[static_cast<std::size_t>(p.wide[0]) % kReasons];
      if (worker.gives.valid()) Of(worker.gives).handoff = kNever;
      return;
    case UmcgEvents::kPin:
      pins_max_ = std::max(pins_max_, p.wide[0]);
      return;
    case UmcgEvents::kExit:
      if (worker.is_lost && p.wide[0] == kETIMEDOUT) {
        ++lost_;
        worker.is_lost = false;
      }
      return;
    case UmcgEvents::kHandoff: {
      worker.gives = TaskId(p.narrow[1]);
      if (!worker.gives.valid()) return;
      Worker& to = Of(worker.gives);
      to.handoff = event.t;
      to.giver = task;
      to.handoff_kind = static_cast<int>(p.wide[0]);
      if (worker.is_server) worker.runs = worker.gives;
      if (p.wide[0] == kYieldKind) to.runs = TaskId();
      for (Worker& server : workers_) {
        if (!worker.is_server && !to.is_server && server.is_server && server.runs == task) {
          server.runs = TaskId(p.narrow[1]);
        }
      }
      return;
    }
    case UmcgEvents::kServerIdle:
      futile_ += p.wide[0];
      worker.runs = TaskId();
      return;
    case UmcgEvents::kDiscard:
      ++discarded_;
      return;
    case UmcgEvents::kSpurious:
      ++spurious_;
      return;
    case UmcgEvents::kPreempt:
      if (p.wide[0] == 1) worker.asked = event.t;
      if (p.wide[0] < 0) {
        ++missed_;
        worker.asked = kNever;
      }
      return;
    case UmcgEvents::kSpin:
      (p.wide[0] == 1 ? kernel_spin_ : consumer_spin_) += p.wide[1];
      return;
    case UmcgEvents::kLookup:
      ++lookups_;
      return;
    case UmcgEvents::kRegister:
      if (p.wide[0] == 0) {
        worker.on_list = worker.in_queue = worker.is_woken = worker.is_waiting = false;
        worker.is_lost = false;  // it waits for nobody any more
        worker.runs = TaskId();
        if (p.wide[1] == 1) Lost(task);
        if (p.wide[1] == 0) worker.group = -1;
        return;
      }
      worker.group = static_cast<int>(p.wide[1]);
      worker.is_server = p.wide[0] == 1;
      return;
    default:
      return;
  }
}

void UmcgBooks::OnEnd(const RunEnd& end) {
  if (!is_on_) return;
  Accumulate(end.end);
  end_ = end.end;
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const TaskId task(static_cast<int32_t>(i));
    Worker& worker = workers_[i];
    lost_ += worker.is_lost ? 1 : 0;
    NoteList(task, end.end);
    if (worker.word.empty() || end.end <= worker.word_since) continue;
    spans_.push_back({UmcgSpan::Kind::kWord, task, worker.word_since, end.end, worker.word});
  }
  for (Group& group : groups_) {
    // Begins and ends in order of time; ends first.
    std::vector<std::pair<Time, int>> changes;
    for (const auto& [start, stop] : group.user) {
      changes.emplace_back(start, 1);
      changes.emplace_back(stop, -1);
    }
    // total order: equal pairs are the same change.
    std::sort(changes.begin(), changes.end());
    int running = 0;
    Time since;
    for (const auto& [t, change] : changes) {
      if (running > group.servers) group.excess += (t - since).count();
      since = t;
      running += change;
    }
  }
}

void UmcgBooks::Add(std::vector<std::pair<std::string, int64_t>>& metrics, const std::string& name,
                    std::vector<int64_t> samples) {
  // total order: equal integers are the same.
  std::sort(samples.begin(), samples.end());
  const auto n = static_cast<int64_t>(samples.size());
  int64_t sum = 0;
  for (int64_t sample : samples) sum += sample;
  const auto rank = [&](int64_t percent) {
    return n == 0 ? 0 : samples[static_cast<std::size_t>((percent * n + 99) / 100 - 1)];
  };
  metrics.emplace_back(name + ".n", n);
  metrics.emplace_back(name + ".min", n == 0 ? 0 : samples.front());
  metrics.emplace_back(name + ".mean", n == 0 ? 0 : sum / n);
  metrics.emplace_back(name + ".p50", rank(50));
  metrics.emplace_back(name + ".p99", rank(99));
  metrics.emplace_back(name + ".max", n == 0 ? 0 : samples.back());
}

void UmcgBooks::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  if (!is_on_) return;
  std::vector<int64_t> all;
  for (std::size_t k = 0; k < handoffs_.size(); ++k) {
    all.insert(all.end(), handoffs_[k].begin(), handoffs_[k].end());
    Add(metrics, "handoff_" + std::string(kKindNames[k]), handoffs_[k]);
  }
  Add(metrics, "handoff_latency", all);
  Add(metrics, "block_notify_latency", block_notify_);
  Add(metrics, "wake_notify_latency", wake_notify_);
  Add(metrics, "worker_sched_latency", sched_latency_);
  Add(metrics, "wake_to_run", wake_to_run_);
  Add(metrics, "preempt_latency", preempt_);
  int64_t parked = 0, unparked = 0, excess = 0, killed = 0;
  for (const Group& group : groups_) {
    parked += group.parked_gap;
    unparked += group.unparked_gap;
    excess += group.excess;
  }
  for (std::size_t r = 0; r < killed_.size(); ++r) {
    killed += killed_[r];
    metrics.emplace_back("killed_workers." + std::string(kReasonNames[r]), killed_[r]);
  }
  const int64_t capacity = end_.cycles() * servers_;
  const auto put = [&metrics](const char* name, int64_t value) {
    metrics.emplace_back(name, value);
  };
  put("killed_workers", killed);
  put("runnable_idle_gap.parked", parked);
  put("runnable_idle_gap.unparked", unparked);
  put("concurrency_excess", excess);
  put("unmanaged_cycles", unmanaged_);
  put("attached_user_cycles", attached_user_);
  put("server_utilisation", capacity == 0 ? 0 : attached_user_ * 1000 / capacity);
  put("lost_wakeups", lost_);
  put("silent_blocks", silent_);
  put("futile_wakes", futile_);
  put("spurious_wakes", spurious_);
  put("missed_preemptions", missed_);
  put("consumer_spin", consumer_spin_);
  put("kernel_spin", kernel_spin_);
  put("discarded_signals", discarded_);
  put("pinned_pages_max", pins_max_);
  put("vpid_lookups", lookups_);
  put("cross_cpu_wakes", cross_wakes_);
}

}  // namespace rqsim
