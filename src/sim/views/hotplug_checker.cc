#include "sim/views/hotplug_checker.h"

#include <fmt/format.h>

#include <algorithm>

#include "rqsim/policy.h"

namespace rqsim {
namespace {

// Numbers of hotplug.md 4.1 and 5.1.
constexpr int64_t kDyingRound = 8, kDeadRound = 7;
constexpr int64_t kFrozenBit = 16;
constexpr int kFirstAtomic = 84, kFirstOnline = 142;

enum Which {
  kRelies,
  kSection,
  kView,
  kNotify,
  kFlag,
  kDepWindow,
  kRaWindow,
  kKthread,
  kRcuCore,
  kNotVacated,
  kDeadFailed,
  kWriterRetry,
  kTimeout,
  kUnaudited,
  kRcuCallbacks,
  kDeadlock,
  kRemovalFailed,
};
constexpr std::array<std::string_view, 17> kNames = {"hotplug_relies",
                                                     "hotplug_section",
                                                     "hotplug_view",
                                                     "hotplug_notify",
                                                     "hotplug_flag",
                                                     "hotplug_dep_window",
                                                     "hotplug_ra_window",
                                                     "hotplug_kthread",
                                                     "hotplug_rcu_core",
                                                     "hotplug_not_vacated",
                                                     "hotplug_dead_callback_failed",
                                                     "hotplug_writer_retry",
                                                     "hotplug_sync_timeout",
                                                     "hotplug_unaudited",
                                                     "hotplug_rcu_callbacks",
                                                     "hotplug_deadlock",
                                                     "hotplug_removal_failed"};

CpuId CpuAt(int64_t number) { return CpuId(static_cast<int32_t>(number)); }

}  // namespace

HotplugChecker::HotplugChecker(bool checks) : checks_(checks), declared_(kNames) {}

EventMask HotplugChecker::Wants() const {
  return EventMask::Of(EventKind::kHotplugMask, EventKind::kSegment, EventKind::kOpBegin,
                       EventKind::kOpEnd, EventKind::kSchedSwitch, EventKind::kCpuhpEnter,
                       EventKind::kCpuhpExit)
      .AddPolicyEvents();
}

void HotplugChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  declared_.OnStart(info);
  cpus_.resize(static_cast<std::size_t>(info.num_cpus()));
  const auto& specs = info.scenario().machine.cpus;
  for (std::size_t i = 0; i < cpus_.size(); ++i) {
    cpus_[i].online = cpus_[i].active = specs[i].online;
    cpus_[i].online_since = specs[i].online ? Time(0) : kNever;
  }
  for (int id = 1; id < info.num_tasks(); ++id) {
    const std::string_view name = info.task_name(TaskId(id));
    if (!info.is_kthread(TaskId(id)) || !name.starts_with("stop/")) continue;
    for (std::size_t c = 0; c < cpus_.size(); ++c) {
      if (name == fmt::format("stop/{}", c)) cpus_[c].stop = TaskId(id);
    }
  }
}

void HotplugChecker::Break(const char* id, Time at, CpuId cpu, TaskId task, std::string message) {
  if (!checks_) return;
  sink_->Report({id, at, cpu, task, LockId(), std::move(message)},
                ViolationSink::Severity::kContinue);
}

void HotplugChecker::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kHotplugMask:
      return OnMask(event);
    case EventKind::kSegment:
      return OnSegment(event);
    case EventKind::kOpBegin: {
      const auto begin = event.As<OpBegin>();
      return OnOp(event, static_cast<OpKind>(begin.op), begin.pid, true);
    }
    case EventKind::kOpEnd: {
      const auto end = event.As<OpEnd>();
      return OnOp(event, static_cast<OpKind>(end.op), end.pid, false);
    }
    case EventKind::kSchedSwitch:
      return OnSwitch(event);
    case EventKind::kCpuhpEnter: {
      const auto enter = event.As<CpuhpEnter>();
      const bool is_atomic = enter.idx >= kFirstAtomic && enter.idx < kFirstOnline;
      if (is_atomic && enter.up == 0) At(enter.cpu).is_dying = true;
      return;
    }
    case EventKind::kCpuhpExit: {
      const auto exit = event.As<CpuhpExit>();
      if (exit.idx >= kFirstAtomic && exit.idx < kFirstOnline) At(exit.cpu).is_dying = false;
      return;
    }
    default:
      return OnDeclared(event);
  }
}

void HotplugChecker::OnMask(const TraceEvent& event) {
  const auto mask = event.As<HotplugMask>();
  OfCpu& cpu = At(mask.cpu);
  const bool on = mask.on != 0;
  if (mask.mask == HotplugMaskKind::kActive) cpu.active = on;
  if (mask.mask == HotplugMaskKind::kPush) {
    cpu.pushes = on;
    cpu.pushed = TaskId();
  }
  if (mask.mask == HotplugMaskKind::kOnline) OnOnline(event.t, mask.cpu, on);
  if (cpu.active && !cpu.online) {
    Break("HP-H0", event.t, mask.cpu, TaskId(),
          fmt::format("CPU {} is active and not online", mask.cpu.value()));
  }
}

void HotplugChecker::OnOnline(Time at, CpuId cpu, bool on) {
  const Time since = At(cpu).online_since;
  At(cpu).online = on;
  At(cpu).online_since = on ? at : kNever;
  for (std::size_t c = 0; c < cpus_.size(); ++c) {
    const OfCpu& other = cpus_[c];
    if (other.section_since == kNever || c == cpu.index()) continue;
    if (on) ++appeared_;
    // One that came inside the section may go again.
    if (on || since > other.section_since) continue;
    Break("HP-R1", at, cpu, other.section_of,
          fmt::format("CPU {} goes offline inside a section with preemption off on CPU {} that "
                      "began at {}",
                      cpu.value(), c, other.section_since.cycles()));
  }
  for (const Reliance& reliance : reliances_) {
    if (reliance.is_covered || (reliance.cpu.valid() && reliance.cpu != cpu)) continue;
    const std::string_view name = info_->task_name(reliance.task);
    if (!reliance.cpu.valid()) {
      ++missed_;
      Break("HP-R3", at, cpu, reliance.task,
            fmt::format("missed_cpu: CPU {} {} while {} relies on the set of those that are "
                        "online, since {}, without the reader lock and without callbacks",
                        cpu.value(), on ? "comes online" : "goes offline", name,
                        reliance.since.cycles()));
    } else if (on && !reliance.answer) {
      ++missed_;
      Break("HP-R3", at, cpu, reliance.task,
            fmt::format("missed_cpu: CPU {} comes online while {} relies on it being offline, "
                        "since {}, without the reader lock and without callbacks",
                        cpu.value(), name, reliance.since.cycles()));
    } else if (!on && reliance.answer) {
      Break("HP-R2", at, cpu, reliance.task,
            fmt::format("CPU {} goes offline, but {} was told at {} that it is online, and is in "
                        "the same section still",
                        cpu.value(), name, reliance.since.cycles()));
    }
  }
}

void HotplugChecker::OnSection(CpuId cpu, TaskId task, Time at, bool begins) {
  At(cpu).section_since = begins ? at : kNever;
  At(cpu).section_of = begins ? task : TaskId();
}

void HotplugChecker::OnOp(const TraceEvent& event, OpKind op, TaskId task, bool begins) {
  if (op == OpKind::kPreemptOff || op == OpKind::kIrqsOff) {
    OnSection(event.cpu(), task, event.t, begins);
    return;
  }
  if (op != OpKind::kMigrateDisable && op != OpKind::kMigrateEnable) return;
  if (pinned_.size() <= task.index()) pinned_.resize(task.index() + 1);
  if (op == OpKind::kMigrateDisable && !begins) ++pinned_[task.index()];
  if (op == OpKind::kMigrateEnable && begins) --pinned_[task.index()];
}

void HotplugChecker::OnRelies(const TraceEvent& event, const PolicyEventPayload& payload) {
  const TaskId task(payload.narrow[0]);
  if (payload.wide[1] == 0) {
    std::erase_if(reliances_, [task](const Reliance& r) { return r.task == task; });
    return;
  }
  reliances_.push_back({task, payload.wide[0] < 0 ? CpuId() : CpuAt(payload.wide[0]),
                        payload.narrow[1] != 0, payload.narrow[2] != 0, event.t});
}

void HotplugChecker::OnSwitch(const TraceEvent& event) {
  const auto change = event.As<SchedSwitch>();
  OfCpu& cpu = At(event.cpu());
  const TaskId next = change.next_pid;
  const bool is_task = next != kIdleTask && next != cpu.stop;
  cpu.pushed = TaskId();
  cpu.is_dying = false;
  if (!is_task) return;
  if (!cpu.online) {
    Break("HP-T3", event.t, event.cpu(), next,
          fmt::format("{} executes on CPU {}, which is offline", info_->task_name(next),
                      event.cpu().value()));
  }
  const bool is_pinned = pinned_.size() > next.index() && pinned_[next.index()] > 0;
  if (cpu.pushes && !cpu.active && !is_pinned && !info_->is_kthread(next)) cpu.pushed = next;
}

void HotplugChecker::OnSegment(const TraceEvent& event) {
  const auto segment = event.As<Segment>();
  const OfCpu& cpu = At(event.cpu());
  if (segment.start == event.t) return;
  if (segment.kind == SegmentKind::kUser && segment.curr == cpu.pushed) {
    Break("HP-T3", event.t, event.cpu(), segment.curr,
          fmt::format("{} executes on CPU {}, which pushes its tasks away",
                      info_->task_name(segment.curr), event.cpu().value()));
  }
  if (cpu.is_dying && segment.kind >= SegmentKind::kOverheadFirst) {
    Break("HP-T1", event.t, event.cpu(), TaskId(),
          fmt::format("CPU {} takes an interrupt among its DYING callbacks", event.cpu().value()));
  }
}

// HP-C1: hotplug.md 4.8.
void HotplugChecker::CheckRcu(Time at, CpuId cpu) {
  if (!At(cpu).rcu_in_kthread || !At(cpu).rcu_thread_away) return;
  Break("HP-C1", at, cpu, TaskId(),
        fmt::format("RCU's core of CPU {} is in a thread that cannot run", cpu.value()));
}

void HotplugChecker::OnDeclared(const TraceEvent& event) {
  const int which = declared_.Which(event.kind());
  if (which < 0) return;
  const PolicyEventPayload payload = DeclaredPayload(event);
  const int64_t a = payload.wide[0], b = payload.wide[1];
  switch (static_cast<Which>(which)) {
    case kRelies:
      return OnRelies(event, payload);
    case kSection:
      return OnSection(CpuAt(b), TaskId(payload.narrow[0]), event.t, a != 0);
    case kView:
      for (std::size_t c = 0; c < cpus_.size() && payload.narrow[0] == 0; ++c) {
        const bool counts = cpus_[c].section_since != kNever && c != static_cast<std::size_t>(a);
        if (counts && At(CpuAt(a)).online) ++withdrawn_;
      }
      return;
    case kNotify: {
      const CpuId cpu = CpuAt(payload.narrow[0] >> 8);
      if ((a & ~kFrozenBit) == kDyingRound) At(cpu).is_dying = true;
      if ((a & ~kFrozenBit) == kDeadRound) At(cpu).is_dying = false;
      return;
    }
    case kFlag:
      if (b != 0) At(CpuAt(a)).is_dying = false;
      return;
    case kDepWindow:
      dep_window_ = std::max(dep_window_, a);
      if (a > 0 && payload.narrow[1] != 0) {
        Break("HP-D1", event.t, CpuId(), TaskId(),
              fmt::format("for {} cycles a subsystem was on and one that it uses off, although "
                          "the order is mirrored",
                          a));
      }
      return;
    case kRaWindow:
      ra_window_ = std::max(ra_window_, a);
      return;
    case kKthread: {
      const CpuId cpu = CpuAt(a);
      const bool is_away = b != 0;
      if (b == 2) ++away_;
      if (!info_->task_name(TaskId(payload.narrow[0])).starts_with("rcuc/")) return;
      At(cpu).rcu_thread_away = is_away;
      return CheckRcu(event.t, cpu);
    }
    case kRcuCore:
      At(CpuAt(a)).rcu_in_kthread = b != 0;
      return CheckRcu(event.t, CpuAt(a));
    case kNotVacated:
      ++not_vacated_;
      return Break("HP-V1", event.t, CpuAt(a), TaskId(),
                   fmt::format("not_vacated: {} tasks are left on CPU {}, and {} may not leave", b,
                               a, payload.narrow[0]));
    case kDeadFailed:
      ++dead_failed_;
      return Break("HP-V2", event.t, CpuAt(a), TaskId(),
                   fmt::format("dead_callback_failed: state {} of CPU {}, which is dead, cannot be "
                               "undone",
                               b, a));
    case kWriterRetry:
      ++retries_;
      return;
    case kTimeout:
      ++timeouts_;
      return;
    case kUnaudited:
      ++unaudited_;
      return;
    case kRcuCallbacks:
      lost_ += payload.narrow[1];
      return;
    case kDeadlock:
      return Break("HP-DL", event.t, CpuAt(a), TaskId(payload.narrow[0]),
                   fmt::format("deadlock: {} reads and waits for the lock of {}, which waits until "
                               "nobody reads",
                               info_->task_name(TaskId(payload.narrow[0])),
                               info_->task_name(TaskId(static_cast<int32_t>(b)))));
    case kRemovalFailed:
      return Break("HP-V3", event.t, CpuAt(a), TaskId(),
                   fmt::format("the teardown of state {} failed on CPU {} outside an operation: "
                               "BUG() in Linux 7.2",
                               b, a));
  }
}

void HotplugChecker::AddTo(std::vector<std::pair<std::string, int64_t>>& metrics) const {
  const std::pair<const char*, int64_t> rows[] = {{"hotplug_appeared_in_section", appeared_},
                                                  {"hotplug_dead_callback_failed", dead_failed_},
                                                  {"hotplug_dep_window_max", dep_window_},
                                                  {"hotplug_dying_unaudited", unaudited_},
                                                  {"hotplug_missed_cpu", missed_},
                                                  {"hotplug_not_vacated", not_vacated_},
                                                  {"hotplug_percpu_kthread_away", away_},
                                                  {"hotplug_ra_window_max", ra_window_},
                                                  {"hotplug_rcu_callbacks_lost", lost_},
                                                  {"hotplug_sync_timeouts", timeouts_},
                                                  {"hotplug_withdrawn_in_section", withdrawn_},
                                                  {"hotplug_writer_retries", retries_}};
  for (const auto& [name, value] : rows) metrics.emplace_back(name, value);
}

}  // namespace rqsim
