#include "sim/views/umcg_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rqsim/policy.h"

namespace rqsim {
namespace {

constexpr int64_t kNone = 0;
constexpr int64_t kRunning = 1;
constexpr int64_t kIdle = 2;
constexpr int64_t kBlocked = 3;
// Of umcg-ev alone, with the flag of a wait that has timed out.
constexpr int64_t kAttached = 4;
constexpr int64_t kWaking = 5;
constexpr int64_t kSwapping = 6;
constexpr int64_t kRunnable = 7;
constexpr int64_t kWaiting = 8;
constexpr int64_t kTimedOut = 0x40;
// A worker that was run so often and never got to its user code will not.
constexpr int kLivelockRounds = 3;

const char* NameOfState(int64_t state) {
  switch (state) {
    case kNone:
      return "NONE";
    case kRunning:
      return "RUNNING";
    case kIdle:
      return "IDLE";
    case kBlocked:
      return "BLOCKED";
    case kAttached:
      return "ATTACHED";
    case kWaking:
      return "WAKING";
    case kSwapping:
      return "SWAPPING";
    case kRunnable:
      return "RUNNABLE";
    case kWaiting:
      return "WAIT";
    default:
      return "no state";
  }
}

// Changes of the state that the kernel makes (umcg.md 6.12, 10). What user space wrote there may be
// anything: the way back to user mode makes it IDLE.
bool IsKernelChange(int64_t from, int64_t to, bool is_pz) {
  if (is_pz) {
    return (from == kBlocked && to == kIdle) || (from == kIdle && to != kNone) ||
           (from == kRunning && to != kRunning);
  }
  switch (from) {
    case kRunning:
      return to == kBlocked || to == kIdle;
    case kIdle:
      return to == kRunning || to == kBlocked;
    default:
      return to == kIdle;
  }
}

// The same under umcg-ev (umcg.md 11), where no other change is possible.
bool IsChangeOfEv(int64_t from, int64_t to) {
  switch (from) {
    case kNone:
      return to == kRunning || to == kBlocked;
    case kRunning:
      return to != kRunning && to != kWaking;
    case kIdle:
    case kAttached:
    case kWaiting:
      return to == kRunning || to == kNone;
    case kBlocked:
      return to == kWaking || to == kNone;
    case kWaking:
    case kSwapping:
      return to == kRunnable || to == from || to == kNone;
    default:
      return from == kRunnable && (to == kRunning || to == kRunnable || to == kNone);
  }
}

}  // namespace

EventMask UmcgChecker::Wants() const {
  EventMask mask =
      EventMask::Of(EventKind::kSchedSwitch, EventKind::kSegment, EventKind::kSchedProcessExit,
                    EventKind::kMutexWord, EventKind::kStepBegin);
  return mask.AddPolicyEvents();
}

void UmcgChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  is_on_ = events_.Bind(info);
  for (std::size_t p = 0; p < info.policies().size(); ++p) {
    const std::string_view name = info.policies()[p]->name;
    const bool is_v06 = name == "umcg-v0.6" || name == "switch-to";
    if (!is_v06 && name != "umcg-v0.9" && name != "umcg-pz" && name != "umcg-ev") continue;
    policy_ = static_cast<int>(p);
    is_pz_ = name == "umcg-pz";
    is_ev_ = name == "umcg-ev";
    is_v09_ = name == "umcg-v0.9";
  }
  is_on_ = is_on_ && policy_ >= 0;
  if (!is_on_) return;
  for (const PathInfo& path : info.policies()[static_cast<std::size_t>(policy_)]->paths) {
    const bool is_block =
        path.name == "block" || path.name == "pz_block" || path.name == "ev_block";
    block_steps_.push_back(is_block ? static_cast<int>(path.steps.size()) : 0);
  }
  state_mask_ = is_v09_ || is_ev_ ? 0x3f : 0xff;
  locked_ = is_pz_ || is_ev_ ? 0 : is_v09_ ? 0x40 : 0x100;
  preempted_ = is_ev_ ? 0 : is_pz_ ? 0x100 : is_v09_ ? 0x80 : 0x200;
  cond_wait_ = is_pz_ ? 0x200 : 0;
  user_bits_ = is_ev_    ? 0
               : is_pz_  ? int64_t{0xffff} << 16
               : is_v09_ ? int64_t{0x1f} << 13
                         : int64_t{0xff} << 24;
  groups_.assign(info.scenario().groups.size(), Group());
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
  std::map<std::string, std::string, std::less<>> process_of;
  for (const TaskSpec& task : info.scenario().tasks) process_of[task.name] = task.process;
  for (const UmcgGroupSpec& group : info.scenario().groups) {
    for (const UmcgServerSpec& server : group.servers) process_of[server.name] = group.process;
    for (const std::string& worker : group.workers) {
      if (process_of[worker].empty()) process_of[worker] = group.process;
    }
  }
  for (int32_t i = 0; i < info.num_tasks(); ++i) {
    const auto found = process_of.find(info.task_name(TaskId(i)));
    const std::string process = found == process_of.end() ? "" : found->second;
    auto place = std::find(processes_.begin(), processes_.end(), process);
    if (place == processes_.end()) place = processes_.insert(place, process);
    Of(TaskId(i)).process = static_cast<int>(place - processes_.begin());
  }
  // Whoever names no process is in the first group's.
  if (!info.scenario().groups.empty()) {
    const std::string& first = info.scenario().groups.front().process;
    const auto index = [this](const std::string& name) {
      return static_cast<int>(std::find(processes_.begin(), processes_.end(), name) -
                              processes_.begin());
    };
    for (Seen& seen : seen_) {
      if (seen.process == index("")) seen.process = index(first);
    }
  }
}

// Takes `task` out of what is known of its group and of its server, or puts it in.
void UmcgChecker::Count(TaskId task, int by) {
  const Seen& seen = Of(task);
  const int64_t state = StateOf(seen.word);
  if (seen.group >= 0) {
    Group& group = groups_[static_cast<std::size_t>(seen.group)];
    if (seen.pushing) group.pushing += by;
    if (seen.is_server) group.servers += by;
    if (seen.is_server && seen.waits_idle && state == kIdle) group.idle_servers += by;
  }
  if (!seen.is_worker || !seen.runs_for.valid() || state != kRunning) return;
  std::vector<TaskId>& running = Of(seen.runs_for).running;
  const auto place = std::lower_bound(running.begin(), running.end(), task);
  if (by > 0) {
    running.insert(place, task);
  } else {
    running.erase(place);
  }
}

void UmcgChecker::Report(const char* id, Time at, CpuId cpu, TaskId task, std::string message) {
  Violation violation;
  violation.id = id;
  violation.at = at;
  violation.cpu = cpu;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

// I4: off a list, or there with a word that says so. Under ev it leaves the list as it becomes
// RUNNABLE. What user space queues of its own is none of the kernel's lists (MODEL-294).
bool UmcgChecker::MayStandOnList(int64_t word) const {
  if (!is_ev_) return StateOf(word) == kIdle;
  return StateOf(word) == kWaking || StateOf(word) == kSwapping || word == (kRunnable | kTimedOut);
}

// umcg_wait takes LOCKED away (A5) and asks for nothing else in the word (MODEL-320).
bool UmcgChecker::IsUnlock(int64_t from, int64_t to) const {
  const int64_t looked_at = state_mask_ | locked_ | preempted_ | user_bits_;
  return (from & locked_) != 0 && (to & looked_at) == (from & looked_at & ~locked_);
}

// I1: RUNNING with any flags, or in scheduling code.
bool UmcgChecker::MayRunUser(int64_t word) const {
  if (StateOf(word) == kRunning) return true;
  const int64_t code = is_pz_ ? cond_wait_ : locked_;
  return StateOf(word) == kIdle && (word & code) != 0;
}

void UmcgChecker::OnEvent(const TraceEvent& event) {
  if (!is_on_) return;
  switch (event.kind()) {
    case EventKind::kSegment:
      OnSegment(event.As<Segment>(), event);
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>(), event);
      return;
    case EventKind::kStepBegin:
      OnStep(event.As<StepBegin>());
      return;
    case EventKind::kMutexWord: {
      const auto word = event.As<MutexWord>();
      TaskId& owner = owners_[word.lock.index()];
      if (owner == word.owner) return;
      if (owner.valid()) {
        Of(owner).released = event.t;
        --Of(owner).mutexes;
      }
      if (word.owner.valid()) ++Of(word.owner).mutexes;
      owner = word.owner;
      return;
    }
    case EventKind::kSchedProcessExit: {
      const TaskId task = event.As<SchedProcessExit>().pid;
      Seen& seen = Of(task);
      if (seen.pages > 0) {
        Report("UM-I9", event.t, event.cpu(), task,
               fmt::format("{} has exited with {} pages pinned", Name(task), seen.pages));
      }
      seen.pages = 0;
      return;
    }
    default:
      break;
  }
  const int kind = events_.Find(event.kind());
  if (kind != UmcgEvents::kCount) OnUmcg(kind, event);
}

// User code of a worker: its word must have allowed it all the time.
void UmcgChecker::OnSegment(const Segment& segment, const TraceEvent& event) {
  if (segment.kind != SegmentKind::kUser || segment.curr == kIdleTask) return;
  Seen& seen = Of(segment.curr);
  if (seen.died != kNever && event.t > seen.died && segment.start >= seen.died) {
    Report("UM-I14", event.t, event.cpu(), segment.curr,
           fmt::format("{} executes user code after it was killed", Name(segment.curr)));
  }
  if (!seen.is_worker) return;
  seen.rounds = 0;
  // With a kernel mutex it is in the kernel, whatever its program says (MODEL-157).
  if (HeldMutex(segment.curr, event.t)) {
    seen.bad.clear();
    return;
  }
  if (seen.bad_since != kNever) seen.bad.emplace_back(seen.bad_since, event.t);
  for (const auto& [from, to] : seen.bad) {
    const Time start = std::max(from, segment.start);
    if (start >= std::min(to, event.t)) continue;
    Report("UM-I1", start, event.cpu(), segment.curr,
           fmt::format("{} executes user code although its word does not allow it",
                       Name(segment.curr)));
    break;
  }
  seen.bad.clear();
  if (seen.bad_since != kNever) seen.bad_since = event.t;
}

bool UmcgChecker::HeldMutex(TaskId task, Time t) const {
  const Seen& seen = seen_[task];
  return seen.released == t || seen.mutexes > 0;
}

void UmcgChecker::OnSwitch(const SchedSwitch& change, const TraceEvent& event) {
  Of(change.next_pid).is_asleep = false;
  if (change.prev_pid == kIdleTask || change.voluntary == 0) return;
  Seen& prev = Of(change.prev_pid);
  prev.is_asleep = true;
  // It has looked for an idle server, and whom it took it has marked, or could not.
  if (prev.pushing) {
    Alter(change.prev_pid, [](Seen& seen) { seen.pushing = false; });
    CheckIdle(event.t, event.cpu(), change.prev_pid);
  }
  if (prev.in_block_path) {
    Report("UM-I7", event.t, event.cpu(), change.prev_pid,
           fmt::format("{} sleeps inside block detection", Name(change.prev_pid)));
  }
  CheckPins(event.t, event.cpu(), change.prev_pid);
}

void UmcgChecker::CheckPins(Time at, CpuId cpu, TaskId task) {
  const Seen& seen = Of(task);
  if (!seen.is_worker || !seen.is_asleep || StateOf(seen.word) != kBlocked || seen.pages == 0) {
    return;
  }
  Report("UM-I8", at, cpu, task,
         fmt::format("{} sleeps BLOCKED with {} pages pinned", Name(task), seen.pages));
}

// Block detection begins with its first step and is over with its last.
void UmcgChecker::OnStep(const StepBegin& step) {
  if (step.policy != policy_) return;
  const int steps = block_steps_[static_cast<std::size_t>(step.path)];
  if (steps > 0) Of(step.pid).in_block_path = step.step + 1 < steps;
}

// Whose worker a task is after a change of its word: of the server that runs it, of the server of
// the worker that swaps to it. A swap has several steps, between which the worker may be preempted
// and run by another server; the one that unlocks the word of the other worker comes when its links
// are written and nobody can run the swapping one (umcg.md 6.13).
TaskId UmcgChecker::ServerAfter(const PolicyEventPayload& p) {
  const Seen& seen = Of(TaskId(p.narrow[0]));
  const TaskId by(p.narrow[1]);
  const bool by_kernel = p.narrow[2] != 0;
  if (!seen.is_worker || StateOf(p.wide[1]) != kRunning || !by.valid() || by_kernel != is_ev_) {
    return seen.runs_for;
  }
  const Seen& other = Of(by);
  const bool locks = is_ev_ || (p.wide[1] & ~p.wide[0] & locked_) != 0;
  const bool unlocks = is_ev_ || (p.wide[0] & ~p.wide[1] & locked_) != 0;
  if (other.is_server && locks) return by;
  return other.is_worker && unlocks ? other.runs_for : seen.runs_for;
}

void UmcgChecker::OnState(const TraceEvent& event, const PolicyEventPayload& p) {
  const TaskId task(p.narrow[0]);
  const bool by_kernel = p.narrow[2] != 0;
  const int64_t from = p.wide[0];
  const int64_t to = p.wide[1];
  Seen& seen = Of(task);
  const TaskId server = ServerAfter(p);
  // Under ev it leaves the list as it becomes RUNNABLE.
  const bool leaves_list = is_ev_ && to == kRunnable;
  Alter(task, [&](Seen& its) {
    its.word = to;
    its.runs_for = server;
    if (StateOf(to) == kRunning) its.waits_idle = false;
    if (leaves_list) its.on_list = its.pushing = false;
  });
  seen.was_running = StateOf(from) == kRunning;
  const auto report = [&](const char* id, std::string message) {
    Report(id, event.t, event.cpu(), task, std::move(message));
  };
  if (!by_kernel && StateOf(to) == kBlocked && StateOf(from) != kBlocked) {
    report("UM-I6", fmt::format("the word of {} became BLOCKED by user code", Name(task)));
  }
  const bool unregisters = by_kernel && (is_pz_ || is_ev_);
  if (StateOf(to) == kNone && StateOf(from) != kNone && !unregisters) {
    report("UM-I6", fmt::format("the word of {} became NONE without unregister", Name(task)));
  }
  if (by_kernel) CheckKernelChange(event, p);
  CheckPins(event.t, event.cpu(), task);
  if (is_v09_ && (from >> 18) == (to >> 18)) {
    report("UM-I15", fmt::format("the word of {} changed without a new time", Name(task)));
  }
  if (seen.on_list && !MayStandOnList(to)) {
    report("UM-I4", fmt::format("{} is on the list and its word is {}", Name(task),
                                NameOfState(StateOf(to))));
  }
  if (seen.is_worker) {
    const bool bad = !MayRunUser(to);
    if (bad && seen.bad_since == kNever) seen.bad_since = event.t;
    if (!bad && seen.bad_since != kNever) {
      seen.bad.emplace_back(seen.bad_since, event.t);
      seen.bad_since = kNever;
    }
  }
  if (StateOf(to) == kRunning && !is_pz_) CheckServers(event, task);
}

// I11, I12, I13.
void UmcgChecker::CheckKernelChange(const TraceEvent& event, const PolicyEventPayload& p) {
  const TaskId task(p.narrow[0]);
  const TaskId by(p.narrow[1]);
  const int64_t from = p.wide[0];
  const int64_t to = p.wide[1];
  const auto report = [&](const char* id, std::string message) {
    Report(id, event.t, event.cpu(), task, std::move(message));
  };
  if (by.valid() && Of(by).process != Of(task).process) {
    report("UM-I11",
           fmt::format("{} changed the word of {} of another process", Name(by), Name(task)));
  }
  const bool known = is_ev_
                         ? IsChangeOfEv(StateOf(from), StateOf(to))
                         : IsUnlock(from, to) || IsKernelChange(StateOf(from), StateOf(to), is_pz_);
  if (!known) {
    report("UM-I12", fmt::format("the kernel made the word of {} {} out of {}", Name(task),
                                 NameOfState(StateOf(to)), NameOfState(StateOf(from))));
  }
  if (((from ^ to) & user_bits_) != 0) {
    report("UM-I13", fmt::format("the kernel changed user bits of {}", Name(task)));
  }
}

// I2: two workers of one server are RUNNING. I3: a server is made RUNNING while its worker is. One
// that is awake is still on its way into umcg_wait and may be (MODEL-213).
void UmcgChecker::CheckServers(const TraceEvent& event, TaskId task) {
  const Seen& seen = Of(task);
  const TaskId server = seen.is_server ? task : seen.is_worker ? seen.runs_for : TaskId();
  if (!server.valid()) return;
  for (TaskId id : Of(server).running) {
    if (id == task) continue;
    const Seen& other = Of(id);
    const bool chosen_only = ((seen.word | other.word) & locked_) != 0;
    if (seen.is_worker && !chosen_only) {
      Report("UM-I2", event.t, event.cpu(), seen.runs_for,
             fmt::format("{} has two workers RUNNING, {} and {}", Name(seen.runs_for), Name(id),
                         Name(task)));
    }
    PolicyEventPayload p;
    std::memcpy(&p, event.a, sizeof(p));
    const bool itself = TaskId(p.narrow[1]) == task;
    const bool is_lawful = itself || !seen.is_asleep || (other.word & (preempted_ | locked_)) != 0;
    if (seen.is_server && !is_lawful) {
      Report("UM-I3", event.t, event.cpu(), task,
             fmt::format("{} is made RUNNING while its worker {} is", Name(task), Name(id)));
    }
  }
}

void UmcgChecker::OnPush(const TraceEvent& event, TaskId task) {
  Seen& seen = Of(task);
  if (seen.on_list) {
    Report("UM-I4", event.t, event.cpu(), task,
           fmt::format("{} is pushed on the list a second time", Name(task)));
  }
  if (!MayStandOnList(seen.word)) {
    Report("UM-I4", event.t, event.cpu(), task,
           fmt::format("{} is pushed on the list with its word {}", Name(task),
                       NameOfState(StateOf(seen.word))));
  }
  for (std::size_t lock = 0; seen.mutexes > 0 && lock < owners_.size(); ++lock) {
    if (owners_[lock] != task) continue;
    Report("UM-I10", event.t, event.cpu(), task,
           fmt::format("{} parks with the mutex {}", Name(task),
                       info_->lock_name(LockId(static_cast<int32_t>(lock)))));
  }
  // Not after a block: its next one may follow without user code in between.
  seen.rounds = seen.was_running ? seen.rounds + 1 : 0;
  if (seen.rounds == kLivelockRounds + 1) {
    Report("UM-livelock", event.t, event.cpu(), task,
           fmt::format("{} comes back to the list without executing user code", Name(task)));
  }
  Alter(task, [](Seen& its) { its.on_list = its.pushing = true; });
}

// I5: a worker is on the list, every server of its group waits idle, and nobody is about to look.
// Of v0.6 and v0.9: pz has no idle servers, and ev wakes one of the process, of whatever group.
void UmcgChecker::CheckIdle(Time at, CpuId cpu, TaskId task) {
  Seen& seen = Of(task);
  if (is_pz_ || is_ev_ || seen.group < 0 || !seen.on_list || seen.told_lost) return;
  const Group& group = groups_[static_cast<std::size_t>(seen.group)];
  if (group.pushing > 0 || group.servers == 0 || group.idle_servers < group.servers) return;
  seen.told_lost = true;
  Report("UM-I5", at, cpu, task,
         fmt::format("{} is on the list and every server of its group sleeps", Name(task)));
}

void UmcgChecker::OnUmcg(int kind, const TraceEvent& event) {
  PolicyEventPayload p;
  std::memcpy(&p, event.a, sizeof(p));
  const TaskId task(p.narrow[0]);
  switch (kind) {
    case UmcgEvents::kState:
      OnState(event, p);
      return;
    case UmcgEvents::kPush:
      OnPush(event, task);
      return;
    case UmcgEvents::kTakeServer:
      // One that took a server is about to mark it, until it parks.
      if (p.wide[0] != 0 || p.wide[1] != 0) return;
      Alter(task, [](Seen& seen) { seen.pushing = false; });
      CheckIdle(event.t, event.cpu(), task);
      return;
    case UmcgEvents::kQueue:
      Alter(task, [](Seen& seen) { seen.on_list = seen.pushing = seen.told_lost = false; });
      return;
    case UmcgEvents::kIgnored:
      Of(task).in_block_path = false;
      return;
    case UmcgEvents::kServerIdle:
      Alter(task, [](Seen& seen) { seen.waits_idle = true; });
      return;
    case UmcgEvents::kDie:
      Of(task).died = event.t;
      Alter(task, [](Seen& seen) { seen.pushing = false; });
      return;
    case UmcgEvents::kPin:
      Of(task).pages = p.narrow[1];
      return;
    case UmcgEvents::kRegister: {
      Alter(task, [&](Seen& seen) {
        seen.is_server = p.wide[0] == 1;
        seen.is_worker = p.wide[0] == 2;
        if (p.wide[0] == 0) {
          seen.on_list = seen.pushing = false;
          seen.bad.clear();
          seen.bad_since = kNever;
          return;
        }
        seen.group = static_cast<int>(p.wide[1]);
        if (seen.word == 0) seen.word = seen.is_server ? kRunning : kIdle;
      });
      return;
    }
    case UmcgEvents::kStamp:
      if (p.wide[0] <= p.wide[1]) return;
      Report("UM-I15", event.t, event.cpu(), task,
             fmt::format("{} has blocked at {} and is runnable since {}", Name(task), p.wide[0],
                         p.wide[1]));
      return;
    case UmcgEvents::kGone:
      Report("use-after-free", event.t, event.cpu(), task,
             fmt::format("{} uses {} after it has gone", Name(task), Name(TaskId(p.narrow[1]))));
      return;
    default:
      return;
  }
}

void UmcgChecker::OnEnd(const RunEnd& end) {
  if (!is_on_ || end.outcome == Outcome::kUntil) return;
  for (std::size_t i = 0; i < seen_.size(); ++i) {
    const TaskId task(static_cast<int32_t>(i));
    if (!Of(task).on_list) continue;
    CheckIdle(end.end, CpuId(), task);
    return;
  }
}

}  // namespace rqsim
