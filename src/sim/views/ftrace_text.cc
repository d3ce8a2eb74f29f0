#include "sim/views/ftrace_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "sim/views/cpuhp_functions.h"
#include "sim/views/event_text.h"
#include "sim/views/wall_time.h"

namespace rqsim {
namespace {

constexpr std::string_view kHeader =
    "# tracer: nop\n"
    "#\n"
    "#                                _-----=> irqs-off/BH-disabled\n"
    "#                               / _----=> need-resched\n"
    "#                              | / _---=> hardirq/softirq\n"
    "#                              || / _--=> preempt-depth\n"
    "#                              ||| / _-=> migrate-disable\n"
    "#                              |||| /     delay\n"
    "#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n"
    "#              | |         |   |||||     |         |\n";

struct ContentionFlag {
  int32_t bit;
  std::string_view name;
};
// In the kernel's order.
constexpr std::array kContentionFlags = {ContentionFlag{kContentionSpin, "SPIN"},
                                         ContentionFlag{kContentionRt, "RT"},
                                         ContentionFlag{kContentionMutex, "MUTEX"}};

std::string ContentionFlags(int32_t flags) {
  std::string text;
  for (const ContentionFlag& flag : kContentionFlags) {
    if ((flags & flag.bit) == 0) continue;
    if (!text.empty()) text += '|';
    text += flag.name;
  }
  return text.empty() ? fmt::format("{:#x}", flags) : text;
}

std::string_view IpiName(IpiReason reason) {
  switch (reason) {
    case IpiReason::kResched:
      return "Rescheduling interrupts";
    case IpiReason::kWakeList:
      return "Rescheduling interrupts, wake list";
    case IpiReason::kCall:
      return "Function call interrupts";
  }
  return {};
}

std::string_view IpiSender(IpiReason reason) {
  switch (reason) {
    case IpiReason::kResched:
      return "resched_curr";
    case IpiReason::kWakeList:
      return "ttwu_queue_wakelist";
    case IpiReason::kCall:
      return "smp_call_function_single";
  }
  return {};
}

// A name that no reader of the format takes apart.
std::string OneWord(std::string_view name) {
  std::string word(name);
  for (char& c : word) {
    if (c <= ' ' || c > '~' || c == '|') c = '_';
  }
  return word;
}

}  // namespace

EventMask FtraceText::Wants() const {
  return EventMask::Of(EventKind::kSchedWaking, EventKind::kSchedWakeup, EventKind::kSchedWakeupNew,
                       EventKind::kSchedSwitch, EventKind::kSchedMigrateTask,
                       EventKind::kSchedStatRuntime, EventKind::kSchedProcessFork,
                       EventKind::kSchedProcessExec, EventKind::kSchedProcessExit,
                       EventKind::kSchedPiSetprio, EventKind::kSchedWakeIdleWithoutIpi,
                       EventKind::kIpiSendCpu, EventKind::kIpiEntry, EventKind::kIpiExit,
                       EventKind::kContentionBegin, EventKind::kContentionEnd,
                       EventKind::kSignalGenerate, EventKind::kSignalDeliver,
                       EventKind::kMutexAcquire, EventKind::kMutexRelease, EventKind::kProxyDonor,
                       EventKind::kCpuhpEnter, EventKind::kCpuhpMultiEnter, EventKind::kCpuhpExit)
      .AddPolicyEvents();
}

void FtraceText::OnStart(const RunInfo& info, ViolationSink& /*sink*/) {
  info_ = &info;
  clock_hz_ = info.scenario().machine.clock_hz;
  declared_.OnStart(info);
  curr_.assign(static_cast<std::size_t>(info.num_cpus()), kIdleTask);
  sink_.Write(kHeader);
}

std::string FtraceText::Comm(TaskId task, CpuId cpu) const {
  if (task == kIdleTask) return fmt::format("swapper/{}", cpu.valid() ? cpu.value() : 0);
  return OneWord(NameOrNone(*info_, task));
}

// The part before the event's own fields. What happens on no CPU is written down on the first.
void FtraceText::Begin(const TraceEvent& event, std::string_view name) {
  const CpuId cpu = event.cpu().valid() ? event.cpu() : CpuId(0);
  const TaskId curr = curr_[cpu.index()];
  const WallTime time = ToWallTime(event.t.cycles(), clock_hz_);
  line_.clear();
  fmt::format_to(std::back_inserter(line_), "{:>16}-{:<7} [{:03}] ..... {:>5}.{:09}: {}: ",
                 curr == kIdleTask ? std::string("<idle>") : OneWord(info_->task_name(curr)),
                 curr.value(), cpu.value(), time.seconds, time.nanoseconds, name);
}

void FtraceText::OnEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSchedSwitch:
      OnSwitch(event);
      return;
    case EventKind::kContentionBegin:
    case EventKind::kContentionEnd:
    case EventKind::kMutexAcquire:
    case EventKind::kMutexRelease:
      OnLockEvent(event);
      return;
    case EventKind::kProxyDonor: {
      const ProxyDonor change = event.As<ProxyDonor>();
      Mark(event,
           fmt::format("I|{}|donor {}", change.curr.value(), Comm(change.donor, event.cpu())));
      return;
    }
    case EventKind::kCpuhpEnter:
    case EventKind::kCpuhpMultiEnter:
    case EventKind::kCpuhpExit:
      OnCpuhp(event);
      return;
    default:
      break;
  }
  if (static_cast<int>(event.kind()) >= kFirstPolicyEvent) {
    OnDeclared(event);
  } else {
    OnSchedEvent(event);
  }
}

void FtraceText::Mark(const TraceEvent& event, std::string_view text) {
  Begin(event, "tracing_mark_write");
  line_ += text;
  line_ += '\n';
  sink_.Write(line_);
}

void FtraceText::OnSwitch(const TraceEvent& event) {
  const SchedSwitch change = event.As<SchedSwitch>();
  Begin(event, "sched_switch");
  const auto to = std::back_inserter(line_);
  fmt::format_to(to, "prev_comm={} prev_pid={} prev_prio={} prev_state=",
                 Comm(change.prev_pid, event.cpu()), change.prev_pid.value(), change.prev_prio);
  AppendState(change.prev_state.letter | change.prev_state.preempted_in_kernel << 8, line_);
  fmt::format_to(to, " ==> next_comm={} next_pid={} next_prio={}\n",
                 Comm(change.next_pid, event.cpu()), change.next_pid.value(), change.next_prio);
  sink_.Write(line_);
  curr_[event.cpu().index()] = change.next_pid;
  if (change.donor.valid() && change.donor != change.next_pid && change.next_pid != kIdleTask) {
    Mark(event,
         fmt::format("I|{}|donor {}", change.next_pid.value(), Comm(change.donor, event.cpu())));
  }
}

void FtraceText::OnSchedEvent(const TraceEvent& event) {
  Begin(event, EventName(event.kind()));
  const auto to = std::back_inserter(line_);
  const auto comm = [&](TaskId task) { return Comm(task, event.cpu()); };
  const auto wake = [&](const WakePayload& p) {
    fmt::format_to(to, "comm={} pid={} prio={} target_cpu={:03}", comm(p.pid), p.pid.value(),
                   p.prio, p.target_cpu.value());
  };
  switch (event.kind()) {
    case EventKind::kSchedWaking:
      wake(event.As<SchedWaking>());
      break;
    case EventKind::kSchedWakeup:
      wake(event.As<SchedWakeup>());
      break;
    case EventKind::kSchedWakeupNew:
      wake(event.As<SchedWakeupNew>());
      break;
    case EventKind::kSchedMigrateTask: {
      const auto p = event.As<SchedMigrateTask>();
      fmt::format_to(to, "comm={} pid={} prio={} orig_cpu={} dest_cpu={}", comm(p.pid),
                     p.pid.value(), p.prio, p.orig_cpu.value(), p.dest_cpu.value());
      break;
    }
    case EventKind::kSchedStatRuntime: {
      const auto p = event.As<SchedStatRuntime>();
      const WallTime length = ToWallTime(p.runtime.count(), clock_hz_);
      fmt::format_to(to, "comm={} pid={} runtime={} [ns]", comm(p.pid), p.pid.value(),
                     length.seconds * 1'000'000'000 + length.nanoseconds);
      break;
    }
    case EventKind::kSchedProcessFork: {
      const auto p = event.As<SchedProcessFork>();
      const TaskId parent = p.parent_pid.valid() ? p.parent_pid : kIdleTask;
      fmt::format_to(to, "comm={} pid={} child_comm={} child_pid={}", comm(parent), parent.value(),
                     comm(p.child_pid), p.child_pid.value());
      break;
    }
    case EventKind::kSchedProcessExec: {
      const auto p = event.As<SchedProcessExec>();
      fmt::format_to(to, "filename={} pid={} old_pid={}", comm(p.pid), p.pid.value(),
                     p.pid.value());
      break;
    }
    case EventKind::kSchedProcessExit: {
      const auto p = event.As<SchedProcessExit>();
      fmt::format_to(to, "comm={} pid={} prio={} group_dead=true", comm(p.pid), p.pid.value(),
                     p.prio);
      break;
    }
    case EventKind::kSchedPiSetprio: {
      const auto p = event.As<SchedPiSetprio>();
      fmt::format_to(to, "comm={} pid={} oldprio={} newprio={}", comm(p.pid), p.pid.value(),
                     p.oldprio, p.newprio);
      break;
    }
    default:
      AppendIpiOrSignal(event);
      break;
  }
  line_ += '\n';
  sink_.Write(line_);
}

void FtraceText::AppendIpiOrSignal(const TraceEvent& event) {
  const auto to = std::back_inserter(line_);
  switch (event.kind()) {
    case EventKind::kSchedWakeIdleWithoutIpi:
      fmt::format_to(to, "cpu={}", event.As<SchedWakeIdleWithoutIpi>().target.value());
      break;
    case EventKind::kIpiSendCpu: {
      const auto p = event.As<IpiSendCpu>();
      fmt::format_to(to, "cpu={} callsite={} callback=0x0", p.target.value(), IpiSender(p.reason));
      break;
    }
    case EventKind::kIpiEntry:
      fmt::format_to(to, "({})", IpiName(event.As<IpiEntry>().reason));
      break;
    case EventKind::kIpiExit:
      fmt::format_to(to, "({})", IpiName(event.As<IpiExit>().reason));
      break;
    case EventKind::kSignalGenerate: {
      const auto p = event.As<SignalGenerate>();
      fmt::format_to(to, "sig={} errno=0 code=0 comm={} pid={} grp=0 res=0", p.sig,
                     Comm(p.pid, event.cpu()), p.pid.value());
      break;
    }
    case EventKind::kSignalDeliver:
      fmt::format_to(to, "sig={} errno=0 code=0 sa_handler=0 sa_flags=0",
                     event.As<SignalDeliver>().sig);
      break;
    default:
      break;
  }
}

// The kernel's tracepoints that services declare; what else they say has no counterpart there. A
// work is embedded in its task, so the number of that is its address.
void FtraceText::OnDeclared(const TraceEvent& event) {
  const int which = declared_.Which(event.kind());
  if (which < 0) return;
  FieldValue fields[kMaxEventFields];
  FieldsIn(*info_, event, fields);
  Begin(event, EventNameIn(*info_, event.kind()));
  const auto to = std::back_inserter(line_);
  const auto address = [&fields](int field) { return fmt::format("{:016x}", fields[field].value); };
  std::string function;
  if (fields[1].text != nullptr) fields[1].text(fields[1].value, function);
  switch (static_cast<Declared>(which)) {
    case Declared::kWorkQueued:
      fmt::format_to(to, "work struct={} function={} worker={}\n", address(0), function,
                     address(2));
      break;
    case Declared::kWorkStart:
    case Declared::kWorkEnd:
      fmt::format_to(to, "work struct {}: function {}\n", address(0), function);
      break;
    case Declared::kRseqUpdate:
      fmt::format_to(to, "cpu_id={} node_id={} mm_cid={}\n", fields[0].value, fields[1].value,
                     fields[3].value);
      break;
  }
  sink_.Write(line_);
}

// The CPU in the fields is the one that comes or goes; who runs its callback may be elsewhere.
void FtraceText::OnCpuhp(const TraceEvent& event) {
  Begin(event, EventName(event.kind()));
  const auto to = std::back_inserter(line_);
  const auto enter = [&](CpuId cpu, int target, int state, int up) {
    fmt::format_to(to, "cpu: {:04} target: {:3} step: {:3} ({})\n", cpu.value(), target, state,
                   CpuhpFunction(state, up));
  };
  if (event.kind() == EventKind::kCpuhpEnter) {
    const auto p = event.As<CpuhpEnter>();
    enter(p.cpu, p.target, p.idx, p.up);
  } else if (event.kind() == EventKind::kCpuhpMultiEnter) {
    const auto p = event.As<CpuhpMultiEnter>();
    enter(p.cpu, p.target, p.idx, p.up);
  } else {
    const auto p = event.As<CpuhpExit>();
    fmt::format_to(to, " cpu: {:04}  state: {:3} step: {:3} ret: {}\n", p.cpu.value(), p.state,
                   p.idx, p.ret);
  }
  sink_.Write(line_);
}

void FtraceText::OnLockEvent(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kContentionBegin: {
      const auto p = event.As<ContentionBegin>();
      Begin(event, "contention_begin");
      fmt::format_to(std::back_inserter(line_), "{:016x} (flags={})\n", p.lock.value() + 1,
                     ContentionFlags(p.flags));
      sink_.Write(line_);
      return;
    }
    case EventKind::kContentionEnd: {
      const auto p = event.As<ContentionEnd>();
      Begin(event, "contention_end");
      fmt::format_to(std::back_inserter(line_), "{:016x} (ret={})\n", p.lock.value() + 1, p.ret);
      sink_.Write(line_);
      return;
    }
    case EventKind::kMutexAcquire: {
      const auto p = event.As<MutexAcquire>();
      Mark(event, fmt::format("S|{}|lock {}|{}", p.pid.value(), OneWord(info_->lock_name(p.lock)),
                              p.lock.value() + 1));
      return;
    }
    case EventKind::kMutexRelease: {
      const auto p = event.As<MutexRelease>();
      Mark(event, fmt::format("F|{}|lock {}|{}", p.pid.value(), OneWord(info_->lock_name(p.lock)),
                              p.lock.value() + 1));
      return;
    }
    default:
      return;
  }
}

}  // namespace rqsim
