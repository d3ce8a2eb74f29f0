#include "sim/views/chrome_json.h"

#include <fmt/format.h>

#include "sim/views/event_text.h"
#include "sim/views/wall_time.h"

namespace rqsim {
namespace {

constexpr int kCpus = 1, kLocks = 2;  // processes

}  // namespace

std::string QuotedJson(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c < ' ' || c > '~') {
      out += '?';
    } else {
      out += c;
    }
  }
  out += '"';
  return out;
}

EventMask ChromeJson::Wants() const {
  return EventMask::Of(EventKind::kSchedSwitch, EventKind::kProxyDonor, EventKind::kSchedWaking,
                       EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask,
                       EventKind::kSchedPiSetprio, EventKind::kSignalGenerate,
                       EventKind::kMutexAcquire, EventKind::kMutexRelease);
}

void ChromeJson::OnStart(const RunInfo& info, ViolationSink& /*sink*/) {
  info_ = &info;
  clock_hz_ = info.scenario().machine.clock_hz;
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), Open());
  locks_.assign(static_cast<std::size_t>(info.num_locks()), Open());
  arrow_of_.assign(static_cast<std::size_t>(info.num_tasks()), 0);
  sink_.Write("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
  Put(R"({"name":"process_name","ph":"M","pid":1,"args":{"name":"CPUs"}})");
  for (int i = 0; i < info.num_cpus(); ++i) NameTrack(kCpus, i, fmt::format("CPU {}", i));
  if (info.num_locks() == 0) return;
  Put(R"({"name":"process_name","ph":"M","pid":2,"args":{"name":"locks"}})");
  for (int i = 0; i < info.num_locks(); ++i) NameTrack(kLocks, i, info.lock_name(LockId(i)));
}

void ChromeJson::Put(std::string_view event) {
  if (!is_first_) sink_.Write(",\n");
  is_first_ = false;
  sink_.Write(event);
}

void ChromeJson::NameTrack(int process, int track, std::string_view name) {
  Put(fmt::format(R"({{"name":"thread_name","ph":"M","pid":{},"tid":{},"args":{{"name":{}}}}})",
                  process, track, QuotedJson(name)));
}

std::string ChromeJson::Quoted(TaskId task) const { return QuotedJson(NameOrNone(*info_, task)); }

std::string ChromeJson::Micro(int64_t cycles) const {
  const WallTime time = ToWallTime(cycles, clock_hz_);
  return fmt::format("{}.{:03}", time.seconds * 1'000'000 + time.nanoseconds / 1000,
                     time.nanoseconds % 1000);
}

void ChromeJson::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kProxyDonor: {
      const ProxyDonor change = event.As<ProxyDonor>();
      EndRun(event.cpu(), event.t);
      cpus_[event.cpu().index()] = Open{event.t, change.curr, change.donor};
      return;
    }
    case EventKind::kSchedWaking:
      OnWaking(event);
      return;
    case EventKind::kSchedWakeupNew: {
      const WakePayload wake = event.As<SchedWakeupNew>();
      Instant(wake.target_cpu, event.t, fmt::format("new {}", NameOrNone(*info_, wake.pid)));
      return;
    }
    case EventKind::kSchedMigrateTask: {
      const SchedMigrateTask move = event.As<SchedMigrateTask>();
      Instant(move.dest_cpu, event.t,
              fmt::format("migrate {} from CPU {}", NameOrNone(*info_, move.pid),
                          move.orig_cpu.value()));
      return;
    }
    case EventKind::kSchedPiSetprio: {
      const SchedPiSetprio change = event.As<SchedPiSetprio>();
      Instant(event.cpu(), event.t,
              fmt::format("prio of {} {} to {}", NameOrNone(*info_, change.pid), change.oldprio,
                          change.newprio));
      return;
    }
    case EventKind::kSignalGenerate: {
      const SignalGenerate signal = event.As<SignalGenerate>();
      Instant(event.cpu(), event.t,
              fmt::format("signal {} to {}", signal.sig, NameOrNone(*info_, signal.pid)));
      return;
    }
    case EventKind::kMutexAcquire: {
      const MutexAcquire acquire = event.As<MutexAcquire>();
      locks_[acquire.lock.index()] = Open{event.t, acquire.pid, acquire.pid};
      return;
    }
    case EventKind::kMutexRelease:
      EndHold(event.As<MutexRelease>().lock, event.t);
      return;
    default:
      return;
  }
}

void ChromeJson::Instant(CpuId cpu, Time t, std::string_view name) {
  Put(fmt::format(R"({{"name":{},"ph":"i","s":"t","ts":{},"pid":1,"tid":{}}})", QuotedJson(name),
                  Micro(t.cycles()), cpu.valid() ? cpu.value() : 0));
}

void ChromeJson::OnWaking(const TraceEvent& event) {
  const WakePayload wake = event.As<SchedWaking>();
  Instant(wake.target_cpu, event.t, fmt::format("wake {}", NameOrNone(*info_, wake.pid)));
  // An arrow begins in a slice: a timer that woke it on an idle CPU has none.
  if (!event.cpu().valid() || cpus_[event.cpu().index()].curr == kIdleTask) return;
  if (wake.pid.index() >= arrow_of_.size()) arrow_of_.resize(wake.pid.index() + 1, 0);
  arrow_of_[wake.pid.index()] = ++arrows_;
  Put(fmt::format(R"({{"name":"wake-up","cat":"wake","ph":"s","id":{},"ts":{},"pid":1,"tid":{}}})",
                  arrows_, Micro(event.t.cycles()), event.cpu().value()));
}

void ChromeJson::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  EndRun(event.cpu(), event.t);
  cpus_[event.cpu().index()] = Open{event.t, change.next_pid, change.donor};
  const std::size_t next = change.next_pid.index();
  if (next >= arrow_of_.size() || arrow_of_[next] == 0) return;
  Put(fmt::format(
      R"({{"name":"wake-up","cat":"wake","ph":"f","bp":"e","id":{},"ts":{},"pid":1,"tid":{}}})",
      arrow_of_[next], Micro(event.t.cycles()), event.cpu().value()));
  arrow_of_[next] = 0;
}

void ChromeJson::EndRun(CpuId cpu, Time t) {
  const Open& open = cpus_[cpu.index()];
  if (open.curr == kIdleTask || open.start == t) return;
  std::string name(NameOrNone(*info_, open.curr));
  if (open.donor.valid() && open.donor != open.curr) {
    name += '/';
    name += NameOrNone(*info_, open.donor);
  }
  Put(fmt::format(
      R"({{"name":{},"cat":"run","ph":"X","ts":{},"dur":{},"pid":1,"tid":{},"args":{{"curr":{},"donor":{}}}}})",
      QuotedJson(name), Micro(open.start.cycles()), Micro((t - open.start).count()), cpu.value(),
      Quoted(open.curr), Quoted(open.donor.valid() ? open.donor : open.curr)));
}

void ChromeJson::EndHold(LockId lock, Time t) {
  Open& open = locks_[lock.index()];
  if (open.curr == kIdleTask) return;
  Put(fmt::format(R"({{"name":{},"cat":"lock","ph":"X","ts":{},"dur":{},"pid":2,"tid":{}}})",
                  Quoted(open.curr), Micro(open.start.cycles()), Micro((t - open.start).count()),
                  lock.value()));
  open = Open();
}

void ChromeJson::OnEnd(const RunEnd& end) {
  for (int i = 0; i < info_->num_cpus(); ++i) EndRun(CpuId(i), end.end);
  for (int i = 0; i < info_->num_locks(); ++i) EndHold(LockId(i), end.end);
  sink_.Write("\n]}\n");
}

}  // namespace rqsim
