#include "sim/views/umcg_books.h"

#include <algorithm>
#include <array>
#include <string_view>

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
// Bits of a state word that all variants have in common.
constexpr int64_t kStateBits = 0x3f;
constexpr int64_t kRunning = 1;
constexpr int64_t kBlocked = 3;
constexpr int kYieldKind = 1;
constexpr int kBlockKind = 3;

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
  EventMask mask = EventMask::Of(
      EventKind::kSchedSwitch, EventKind::kSchedWaking, EventKind::kSegment, EventKind::kTtwuStat,
      EventKind::kSchedProcessExit, EventKind::kStepBegin, EventKind::kOpBegin, EventKind::kOpEnd);
  return mask.AddPolicyEvents();
}

void UmcgBooks::OnStart(const RunInfo& info, ViolationSink&) {
  has_service_ = events_.Bind(info);
  is_on_ = has_service_ || !info.scenario().groups.empty();
  for (std::size_t p = 0; p < info.policies().size(); ++p) {
    const PolicyInfo& policy = *info.policies()[p];
    for (const EventInfo& event : policy.events) {
      if (event.name != "umcg_state") continue;
      word_text_ = event.fields.front().text;
      has_protocol_ = true;
      const bool has_lock = policy.name != "umcg-pz" && policy.name != "umcg-ev";
      locked_ = policy.name == "umcg-v0.9" ? 0x40 : has_lock ? 0x100 : 0;
      policy_ = PolicyId(static_cast<int32_t>(p));
    }
    if (policy_ != PolicyId(static_cast<int32_t>(p))) continue;
    for (const PathInfo& path : policy.paths) {
      const bool is_user = path.name == "server" || path.name.substr(0, 5) == "umcg_";
      const bool is_program = path.name == "syscall" || path.name == "oops";
      path_step_.push_back(is_program ? Step::kProgram
                           : is_user  ? Step::kUserPath
                                      : Step::kKernelPath);
    }
  }
  const MachineSpec& machine = info.scenario().machine;
  switch_cost_ = machine.costs.c_sched + machine.costs.c_ctx;
  idle_from_.assign(machine.cpus.size(), Time(0));
  nr_idle_ = static_cast<int>(idle_from_.size());
  for (const UmcgGroupSpec& spec : info.scenario().groups) {
    UmcgTotals::Group group;
    group.name = spec.name;
    group.servers = static_cast<int64_t>(spec.servers.size());
    totals_.groups().push_back(std::move(group));
    CpuSet cpus;
    for (const UmcgServerSpec& server : spec.servers) {
      cpus = cpus | server.cpus.value_or(CpuSet::FirstN(static_cast<int>(machine.cpus.size())));
    }
    group_cpus_.push_back(cpus);
  }
  waiting_.resize(group_cpus_.size());
  if (!has_protocol_) JoinByName(info);
}

// Nobody registers: the workers are those of the scenario.
void UmcgBooks::JoinByName(const RunInfo& info) {
  const auto& groups = info.scenario().groups;
  for (int t = 1; t < info.num_tasks(); ++t) {
    const TaskId task(t);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto& names = groups[g].workers;
      if (std::find(names.begin(), names.end(), info.task_name(task)) == names.end()) continue;
      Alter(task, [g](Worker& worker) { worker.group = static_cast<int>(g); });
      totals_.Join(task, static_cast<int>(g), UmcgTotals::Role::kWorker);
    }
  }
}

// Takes `task` out of what is known of its group, or puts it in.
void UmcgBooks::Count(TaskId task, int by) {
  const Worker& worker = Of(task);
  if (worker.group < 0 || worker.is_server) return;
  Waiting& waiting = waiting_[static_cast<std::size_t>(worker.group)];
  if (Parked(worker)) waiting.parked += by;
  if (!worker.is_waiting) return;
  if (worker.waits_until == kNever) {
    waiting.for_switch += by;
  } else if (by > 0) {
    waiting.switched.push_back(task);
  } else {
    std::erase(waiting.switched, task);
  }
}

void UmcgBooks::SetRuns(TaskId server, TaskId worker) {
  TaskId& runs = Of(server).runs;
  if (runs.valid()) std::erase(Of(runs).run_by, server);
  runs = worker;
  if (runs.valid()) Of(runs).run_by.push_back(server);
}

// Books the stretch since the last event. Within it whoever waits does so from its beginning.
void UmcgBooks::Accumulate(Time t) {
  if (t <= last_) return;
  for (std::size_t g = 0; nr_idle_ > 0 && g < group_cpus_.size(); ++g) {
    const Waiting& waiting = waiting_[g];
    const bool parked = waiting.parked > 0;
    Time waits = waiting.for_switch > 0 ? t : last_;
    for (TaskId worker : waiting.switched) {
      waits = std::max(waits, std::min(t, Of(worker).waits_until));
    }
    if (!parked && waits == last_) continue;
    Time idle = kNever;
    for (std::size_t c = 0; c < idle_from_.size(); ++c) {
      if (idle_from_[c] == kNever) continue;
      if (!group_cpus_[g].Contains(CpuId(static_cast<int32_t>(c)))) continue;
      idle = std::min(idle, std::max(last_, idle_from_[c]));
    }
    if (idle >= t) continue;
    if (parked) {
      totals_.groups()[g].parked_gap += (t - idle).count();
    } else if (waits > idle) {
      totals_.groups()[g].unparked_gap += (waits - idle).count();
    }
  }
  last_ = t;
}

void UmcgBooks::OnEvent(const TraceEvent& event) {
  if (!is_on_) return;
  switch (event.kind()) {
    case EventKind::kStepBegin: {
      const auto step = event.As<StepBegin>();
      const bool is_ours = has_protocol_ && PolicyId(step.policy) == policy_;
      Mark(step.pid, is_ours ? path_step_[static_cast<std::size_t>(step.path)] : Step::kProgram,
           event.t);
      return;
    }
    case EventKind::kOpBegin:
      Mark(event.As<OpBegin>().pid, Step::kProgram, event.t);
      return;
    case EventKind::kOpEnd:
      Mark(event.As<OpEnd>().pid, Step::kProgram, event.t);
      return;
    case EventKind::kSegment:
      OnSegment(event.As<Segment>(), event.t);
      return;
    case EventKind::kSchedSwitch:
      Accumulate(event.t);
      OnSwitch(event);
      return;
    case EventKind::kSchedWaking:
      Accumulate(event.t);
      OnWaking(event.As<SchedWaking>().pid, event.t);
      return;
    case EventKind::kTtwuStat: {
      const auto stat = event.As<TtwuStat>();
      if (Of(stat.pid).group >= 0 && stat.waker_cpu.valid() && stat.waker_cpu != stat.target_cpu) {
        totals_.Add(UmcgCount::kCrossWakes, stat.pid, 1);
      }
      return;
    }
    case EventKind::kSchedProcessExit: {
      Accumulate(event.t);
      Alter(event.As<SchedProcessExit>().pid, [](Worker& worker) {
        worker.is_waiting = worker.is_woken = worker.in_queue = worker.on_list = false;
      });
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

// The end of a wait of a worker: its word says that it is blocked, or nobody has words.
void UmcgBooks::OnWaking(TaskId task, Time t) {
  const Worker& worker = Of(task);
  if (worker.group < 0 || worker.is_server || (has_protocol_ && !worker.blocked)) return;
  Alter(task, [t](Worker& woken) {
    woken.woken = t;
    woken.is_woken = woken.is_waiting = true;
    woken.waits_until = kNever;
  });
}

void UmcgBooks::OnSwitch(const TraceEvent& event) {
  const auto change = event.As<SchedSwitch>();
  const std::size_t cpu = event.cpu().index();
  const bool was_idle = idle_from_[cpu] != kNever;
  idle_from_[cpu] = change.next_pid == kIdleTask ? event.t + switch_cost_ : kNever;
  nr_idle_ += (idle_from_[cpu] != kNever ? 1 : 0) - (was_idle ? 1 : 0);
  Worker& prev = Of(change.prev_pid);
  if (prev.asked != kNever && prev.group >= 0) {
    totals_.Sample(UmcgLatency::kPreempt, change.prev_pid, event.t - prev.asked);
    prev.asked = kNever;
  }
  // A path that slept begins a step when it goes on; a program does not.
  if (change.prev_state.letter != 'R') Mark(change.prev_pid, Step::kProgram, event.t);
  Worker& next = Of(change.next_pid);
  next.step_since = next.stretch_since = event.t;
  if (!next.is_waiting) return;
  Alter(change.next_pid, [&](Worker& its) { its.waits_until = event.t + switch_cost_; });
}

// What `task` does from `t` on is for `step`.
void UmcgBooks::Mark(TaskId task, Step step, Time t) {
  Worker& worker = Of(task);
  if (worker.step == Step::kKernelPath) worker.in_kernel_path += t - worker.step_since;
  if (worker.step == Step::kUserPath) worker.in_user_path += t - worker.step_since;
  worker.step = step;
  worker.step_since = t;
}

// The steps of UMCG in a stretch (MODEL-220). User code is never a kernel path's: that one is over
// when a program's code goes on.
void UmcgBooks::CountSteps(const Segment& segment, Time end) {
  Worker& task = Of(segment.curr);
  Mark(segment.curr, task.step, end);
  Cycles steps = kZeroCycles;
  if (segment.kind == SegmentKind::kUser) {
    steps = task.in_user_path;
    if (task.step == Step::kKernelPath) task.step = Step::kProgram;
  } else if (segment.kind == SegmentKind::kKernel) {
    steps = task.in_user_path + task.in_kernel_path;
  }
  task.in_user_path = task.in_kernel_path = kZeroCycles;
  task.stretch_since = end;
  if (steps > kZeroCycles) totals_.Add(UmcgCount::kUmcg, segment.curr, steps.count());
}

void UmcgBooks::OnSegment(const Segment& segment, Time end) {
  if (segment.kind == SegmentKind::kIdle || segment.kind == SegmentKind::kOffline) return;
  const Cycles length = end - segment.start;
  totals_.AddBusy(length);
  if (segment.curr == kIdleTask) return;
  CountSteps(segment, end);
  Worker& task = Of(segment.curr);
  totals_.Add(UmcgCount::kExec, segment.curr, length.count());
  const bool works = segment.kind == SegmentKind::kUser || segment.kind == SegmentKind::kKernel;
  if (!has_protocol_ && works && (task.is_waiting || task.is_woken)) {
    Alter(segment.curr, [](Worker& worker) { worker.is_waiting = worker.is_woken = false; });
  }
  if (segment.kind == SegmentKind::kKernel && task.is_woken) {
    totals_.Add(UmcgCount::kUnmanaged, segment.curr, length.count());
  }
  if (segment.kind == SegmentKind::kUser) OnUserCode(segment, end);
}

// A stretch of user code: hand-offs to it have arrived.
void UmcgBooks::OnUserCode(const Segment& segment, Time end) {
  Worker& task = Of(segment.curr);
  const auto take = [&](Time& since, UmcgLatency latency) {
    if (since == kNever || since > segment.start) return;
    totals_.Sample(latency, segment.curr, segment.start - since);
    since = kNever;
  };
  const Handoff arriving = task.pending;
  take(task.pending.begun, static_cast<UmcgLatency>(arriving.kind));
  if (spans_wanted_ && task.pending.begun != arriving.begun) {
    const std::string_view kind = kUmcgHandoffNames[static_cast<std::size_t>(arriving.kind)];
    arrived_.push_back(
        {arriving.begun, segment.start, std::string(kind), arriving.giver, segment.curr});
  }
  take(task.blocked_at, UmcgLatency::kBlockNotify);
  take(task.pushed, UmcgLatency::kWorkerSched);
  take(task.woken, UmcgLatency::kWakeToRun);
  if (task.group < 0) return;
  if (!task.is_server) {
    const int64_t length = (end - segment.start).count();
    totals_.Add(UmcgCount::kAttachedUser, segment.curr, length);
    if (task.serves.valid()) totals_.Add(UmcgCount::kServed, task.serves, length);
  }
  const UmcgTotals::Group& group = totals_.groups()[static_cast<std::size_t>(task.group)];
  if (static_cast<int64_t>(idle_from_.size()) > group.servers) {
    user_.push_back({task.group, segment.start, end});
  }
}

void UmcgBooks::AddSpan(UmcgSpan::Kind kind, TaskId task, Time start, Time end, std::string what,
                        int64_t order) {
  const int group = Of(task).group;
  std::string name =
      group < 0 ? std::string() : totals_.groups()[static_cast<std::size_t>(group)].name;
  spans_.push_back({kind, task, start, end, std::move(what), std::move(name), order});
}

// The word of `task` says something else from now on.
void UmcgBooks::NoteWord(TaskId task, const PolicyEventPayload& p, Time t) {
  if (!spans_wanted_ || word_text_ == nullptr) return;
  Worker& worker = Of(task);
  if (worker.word.empty()) word_text_(p.wide[0], worker.word);
  if (t > worker.word_since) {
    AddSpan(UmcgSpan::Kind::kWord, task, worker.word_since, t, worker.word, 0);
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
    AddSpan(UmcgSpan::Kind::kList, task, worker.list_since, t, worker.in_queue ? "queue" : "list",
            worker.list_order);
  }
  worker.list_since = t;
}

// A server takes the whole list, the last pushed first, and queues it the other way round.
void UmcgBooks::OnTake(TaskId server) {
  if (!spans_wanted_) return;
  const int group = Of(server).group;
  joins_ += std::count_if(workers_.begin(), workers_.end(), [group](const Worker& worker) {
    return worker.on_list && worker.group == group;
  });
  next_taken_ = joins_;
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
  for (TaskId server : Of(worker).run_by) Of(server).is_lost = true;
}

void UmcgBooks::OnState(const PolicyEventPayload& p, Time t) {
  const TaskId task(p.narrow[0]);
  const int64_t to = p.wide[1] & kStateBits;
  Worker& worker = Of(task);
  worker.blocked = to == kBlocked;
  if (worker.is_server && to == kRunning) {
    worker.is_lost = false;
    SetRuns(task, TaskId());
  }
  if (to == kBlocked) {
    const TaskId server = worker.gives;
    if (server.valid()) Of(server).blocked_at = t;
  }
  const TaskId by(p.narrow[1]);
  const bool is_swap = locked_ != 0 ? (p.wide[0] & ~p.wide[1] & locked_) != 0 : p.narrow[2] != 0;
  if (to == kRunning && !worker.is_server && by.valid() && by != task && is_swap) {
    if (Of(by).group >= 0 && !Of(by).is_server) OnSwapped(by, task);
  }
  if (to != kBlocked && worker.is_waiting && worker.waits_until <= t) {
    Alter(task, [](Worker& its) { its.is_waiting = false; });
  }
}

void UmcgBooks::OnHandoff(const PolicyEventPayload& p, Time t) {
  const TaskId task(p.narrow[0]);
  Worker& worker = Of(task);
  worker.gives = TaskId(p.narrow[1]);
  if (!worker.gives.valid()) return;
  Worker& to = Of(worker.gives);
  to.before = to.pending;
  to.pending = {t, static_cast<int>(p.wide[0]), task};
  if (worker.is_server) {
    // Basic tasks and servers wake each other by programs of their own: nobody is lost there.
    SetRuns(task, to.is_server ? TaskId() : worker.gives);
    to.serves = task;
  }
  if (p.wide[0] == kYieldKind) SetRuns(worker.gives, TaskId());
}

// A worker has made the one it swaps to RUNNING, which its server runs from here on; what it meant
// when the swap began, and whose it was itself, may have changed since.
void UmcgBooks::OnSwapped(TaskId by, TaskId task) {
  Of(task).serves = Of(by).serves;
  const std::vector<TaskId>& servers = Of(by).run_by;
  for (std::size_t i = servers.size(); i-- > 0;) SetRuns(servers[i], task);
}

// A block that its server does not learn of hands nothing over.
void UmcgBooks::TakeBack(TaskId giver) {
  const TaskId to = std::exchange(Of(giver).gives, TaskId());
  if (!to.valid()) return;
  Worker& receiver = Of(to);
  receiver.blocked_at = kNever;
  if (receiver.pending.giver != giver || receiver.pending.kind != kBlockKind) return;
  receiver.pending = std::exchange(receiver.before, Handoff());
}

void UmcgBooks::OnRegister(const PolicyEventPayload& p) {
  const TaskId task(p.narrow[0]);
  Worker& worker = Of(task);
  if (p.wide[0] == 0) {
    worker.is_lost = false;  // it waits for nobody any more
    SetRuns(task, TaskId());
    if (p.wide[1] == 1) Lost(task);
    Alter(task, [&](Worker& its) {
      its.on_list = its.in_queue = its.is_woken = its.is_waiting = false;
      if (p.wide[1] == 0) its.group = -1;
    });
    return;
  }
  Alter(task, [&](Worker& its) {
    its.group = static_cast<int>(p.wide[1]);
    its.is_server = p.wide[0] == 1;
  });
  if (worker.group >= 0) {
    totals_.Join(task, worker.group,
                 worker.is_server ? UmcgTotals::Role::kServer : UmcgTotals::Role::kWorker);
  }
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
      worker.list_order = ++joins_;
      if (worker.is_woken) {
        totals_.Add(UmcgCount::kUnmanaged, task, (event.t - worker.stretch_since).count());
      }
      Alter(task, [](Worker& its) {
        its.on_list = true;
        its.is_woken = its.is_waiting = false;
      });
      worker.pushed = event.t;
      if (worker.woken != kNever) {
        totals_.Sample(UmcgLatency::kWakeNotify, task, event.t - worker.woken);
      }
      return;
    case UmcgEvents::kTake:
      OnTake(task);
      return;
    case UmcgEvents::kQueue:
      NoteList(task, event.t);
      worker.list_order = worker.on_list ? next_taken_-- : ++joins_;
      Alter(task, [&](Worker& its) {
        its.in_queue = p.wide[0] == 1;
        its.on_list = false;
      });
      return;
    case UmcgEvents::kSilent:
      totals_.Add(UmcgCount::kSilent, task, 1);
      Lost(task);
      [[fallthrough]];
    case UmcgEvents::kIgnored:
      TakeBack(task);
      return;
    case UmcgEvents::kDie:
      totals_.Kill(task, p.wide[0]);
      if (worker.gives.valid()) Of(worker.gives).pending.begun = kNever;
      return;
    case UmcgEvents::kPin:
      totals_.Pins(task, p.narrow[1], p.wide[0], event.t);
      return;
    case UmcgEvents::kHandoff:
      OnHandoff(p, event.t);
      return;
    case UmcgEvents::kRegister:
      OnRegister(p);
      return;
    default:
      OnCounted(kind, p, event.t);
      return;
  }
}

// What is only counted.
void UmcgBooks::OnCounted(int kind, const PolicyEventPayload& p, Time t) {
  const TaskId task(p.narrow[0]);
  Worker& worker = Of(task);
  switch (kind) {
    case UmcgEvents::kExit:
      if (worker.is_lost && p.wide[0] == kETIMEDOUT) {
        totals_.Add(UmcgCount::kLost, task, 1);
        worker.is_lost = false;
      }
      return;
    case UmcgEvents::kServerIdle:
      totals_.Add(UmcgCount::kFutile, task, p.wide[0]);
      SetRuns(task, TaskId());
      return;
    case UmcgEvents::kDiscard:
      totals_.Add(UmcgCount::kDiscarded, task, 1);
      return;
    case UmcgEvents::kSpurious:
      totals_.Add(UmcgCount::kSpurious, task, 1);
      return;
    case UmcgEvents::kPreempt:
      if (p.wide[0] == 1) worker.asked = t;
      if (p.wide[0] < 0) {
        totals_.Add(UmcgCount::kMissed, task, 1);
        worker.asked = kNever;
      }
      return;
    case UmcgEvents::kSpin:
      totals_.Add(p.wide[0] == 1 ? UmcgCount::kKernelSpin : UmcgCount::kConsumerSpin, task,
                  p.wide[1]);
      return;
    case UmcgEvents::kLookup:
      totals_.Add(UmcgCount::kLookups, task, 1);
      return;
    default:
      return;
  }
}

void UmcgBooks::OnEnd(const RunEnd& end) {
  if (!is_on_) return;
  Accumulate(end.end);
  totals_.Finish(end.end);
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    const TaskId task(static_cast<int32_t>(i));
    Worker& worker = Of(task);
    if (worker.is_lost) totals_.Add(UmcgCount::kLost, task, 1);
    NoteList(task, end.end);
    if (worker.word.empty() || end.end <= worker.word_since) continue;
    AddSpan(UmcgSpan::Kind::kWord, task, worker.word_since, end.end, worker.word, 0);
  }
  for (std::size_t g = 0; g < group_cpus_.size(); ++g) {
    // Begins and ends in order of time; ends first.
    std::vector<std::pair<Time, int>> changes;
    for (const UserTime& user : user_) {
      if (user.group != static_cast<int>(g)) continue;
      changes.emplace_back(user.start, 1);
      changes.emplace_back(user.end, -1);
    }
    // total order: equal pairs are the same change.
    std::sort(changes.begin(), changes.end());
    UmcgTotals::Group& group = totals_.groups()[g];
    int64_t running = 0;
    Time since;
    for (const auto& [t, change] : changes) {
      if (running > group.servers) group.excess += (t - since).count();
      since = t;
      running += change;
    }
  }
}

void UmcgBooks::AddTo(Result& result) const {
  if (!is_on_) return;
  totals_.AddTo(result.metrics, !has_service_);
  if (has_protocol_) totals_.AddTo(result.tasks);
}

}  // namespace rqsim
