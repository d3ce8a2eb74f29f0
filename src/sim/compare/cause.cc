#include "sim/compare/cause.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "sim/compare/divergence.h"

namespace rqsim {
namespace {

// A priority as scenarios write it where it has one, else the kernel's number.
std::string PriorityText(int32_t prio) {
  if (prio >= 0 && prio < 100) return fmt::format("priority {}", 99 - prio);
  return fmt::format("prio {}", prio);
}

std::string BoostText(const SchedPiSetprio& boost, const RunNames& names) {
  const std::string task = names.Task(boost.pid);
  if (boost.newprio > boost.oldprio) {
    return fmt::format("{} fell back to {}", task, PriorityText(boost.newprio));
  }
  if (!boost.pi_task.valid()) {
    return fmt::format("{} was raised to {}", task, PriorityText(boost.newprio));
  }
  return fmt::format("{} raised {} to {}", names.Task(boost.pi_task), task,
                     PriorityText(boost.newprio));
}

// What a compared event says, as a clause.
std::string Say(const TraceEvent& event, const RunNames& names) {
  switch (event.kind()) {
    case EventKind::kSchedSwitch: {
      const auto change = event.As<SchedSwitch>();
      std::string text = fmt::format("CPU {} switched from {} to {}", event.cpu().value(),
                                     names.Task(change.prev_pid), names.Task(change.next_pid));
      if (change.donor.valid() && change.donor != change.next_pid) {
        text += fmt::format(" on behalf of {}", names.Task(change.donor));
      }
      return text;
    }
    case EventKind::kSchedWakeup: {
      const auto wake = event.As<SchedWakeup>();
      return fmt::format("{} was woken on CPU {}", names.Task(wake.pid), wake.target_cpu.value());
    }
    case EventKind::kSchedWakeupNew: {
      const auto wake = event.As<SchedWakeupNew>();
      return fmt::format("{} began on CPU {}", names.Task(wake.pid), wake.target_cpu.value());
    }
    case EventKind::kSchedMigrateTask: {
      const auto move = event.As<SchedMigrateTask>();
      return fmt::format("{} was moved from CPU {} to CPU {}", names.Task(move.pid),
                         move.orig_cpu.value(), move.dest_cpu.value());
    }
    case EventKind::kSchedPiSetprio:
      return BoostText(event.As<SchedPiSetprio>(), names);
    case EventKind::kMutexAcquire: {
      const auto acquire = event.As<MutexAcquire>();
      return fmt::format("{} got {}", names.Task(acquire.pid), names.Lock(acquire.lock));
    }
    case EventKind::kProxyDonor: {
      const auto proxy = event.As<ProxyDonor>();
      return fmt::format("{} went on executing on behalf of {}", names.Task(proxy.curr),
                         names.Task(proxy.donor));
    }
    case EventKind::kProxyMigrate: {
      const auto move = event.As<ProxyMigrate>();
      return fmt::format("blocked {} was moved to its owner's CPU {}", names.Task(move.pid),
                         move.dest_cpu.value());
    }
    default:
      return EventText(names, event);
  }
}

// Who executed on `cpu` just before `at` or, if the run was over, at its end.
TaskId CurrAt(const Recording& recording, CpuId cpu, Time at, std::size_t from) {
  TaskId curr = kIdleTask;
  for (std::size_t i = 0; i < recording.events().size(); ++i) {
    const TraceEvent& event = recording.events()[i];
    if (event.t > at || (event.t == at && i >= from)) break;
    if (event.kind() == EventKind::kSchedSwitch && event.cpu() == cpu) {
      curr = event.As<SchedSwitch>().next_pid;
    }
  }
  return curr;
}

// The lock that `task` waits for in that run at `at`: on its wait list, or spinning for it.
LockId AwaitedLock(const Recording& recording, TaskId task, Time at, bool spinning) {
  LockId awaited;
  for (const TraceEvent& event : recording.events()) {
    if (event.t > at) break;
    if (event.kind() != EventKind::kMutexWait) continue;
    const auto wait = event.As<MutexWait>();
    if (wait.pid != task || (wait.queue == MutexQueue::kOsq) != spinning) continue;
    awaited = wait.joined != 0 ? wait.lock : LockId();
  }
  return awaited;
}

// Lock decisions from the last common event to `at` that the other side did not make.
std::vector<std::string> OwnReasons(const CauseSide& side, const CauseSide& against, Time at) {
  const auto reasons_of = [&](const CauseSide& one) {
    std::vector<std::string> out;
    const RunNames& names = one.recording->names();
    const auto& events = one.recording->events();
    for (std::size_t i = one.from; i < events.size() && events[i].t <= at; ++i) {
      if (&events[i] == one.event) continue;
      if (events[i].kind() == EventKind::kMutexHandoff) {
        const auto handoff = events[i].As<MutexHandoff>();
        out.push_back(fmt::format("{} handed {} to {}", names.Task(handoff.pid),
                                  names.Lock(handoff.lock), names.Task(handoff.to)));
      } else if (events[i].kind() == EventKind::kMutexSteal) {
        const auto steal = events[i].As<MutexSteal>();
        out.push_back(fmt::format("{} took {} past waiting {}", names.Task(steal.pid),
                                  names.Lock(steal.lock), names.Task(steal.first_waiter)));
      } else if (static_cast<int>(events[i].kind()) >= kFirstPolicyEvent) {
        out.push_back(EventText(names, events[i]));
      }
    }
    return out;
  };
  std::vector<std::string> own = reasons_of(side);
  for (const std::string& shared : reasons_of(against)) {
    own.erase(std::remove(own.begin(), own.end(), shared), own.end());
  }
  return own;
}

// " , because …" for what `side` did, or nothing.
std::string Because(const CauseSide& side, const CauseSide& against, Time at) {
  const std::vector<std::string> reasons = OwnReasons(side, against, at);
  return reasons.empty() ? std::string() : fmt::format(" ({})", reasons.front());
}

// What `side` did where the other one switched.
std::string InsteadOfSwitch(const CauseInput& input, const CauseSide& side, TaskId blocked) {
  const RunNames& names = side.recording->names();
  if (side.event != nullptr && side.event->t == input.at && side.event->cpu() == input.cpu &&
      side.event->kind() == EventKind::kSchedSwitch) {
    return fmt::format("it switched to {}", names.Task(side.event->As<SchedSwitch>().next_pid));
  }
  const TaskId curr = CurrAt(*side.recording, input.cpu, input.at, side.from);
  if (curr == kIdleTask) return fmt::format("CPU {} stayed idle", input.cpu.value());
  std::string text = fmt::format("{} kept CPU {}", names.Task(curr), input.cpu.value());
  if (curr == blocked) {
    const LockId lock = AwaitedLock(*side.recording, curr, input.at, true);
    if (lock.valid()) text += fmt::format(", spinning for {}", names.Lock(lock));
  }
  return text;
}

std::string Instead(const CauseInput& input, const CauseSide& first, const CauseSide& second) {
  const EventKind kind = first.event->kind();
  if (kind == EventKind::kSchedSwitch) {
    const TaskId prev = first.event->As<SchedSwitch>().prev_pid;
    return InsteadOfSwitch(input, second,
                           second.recording->names().FindTask(first.recording->names().Task(prev)));
  }
  const bool answers = second.event != nullptr && second.event->t == input.at;
  if (kind == EventKind::kSchedPiSetprio && !(answers && second.event->kind() == kind)) {
    // What the other run did at that instant is what this one did next.
    return "nobody was raised";
  }
  if (answers) return Say(*second.event, second.recording->names());
  if (second.event == nullptr) return "nothing more happened";
  return fmt::format("nothing happened until {}", second.event->t.cycles());
}

}  // namespace

std::string CauseOf(const CauseInput& input, bool other_first) {
  const CauseSide& first = other_first ? input.other : input.baseline;
  const CauseSide& second = other_first ? input.baseline : input.other;
  const RunNames& names = first.recording->names();
  std::string text = fmt::format("{} under {}", Say(*first.event, names), first.name);
  if (first.event->kind() == EventKind::kSchedSwitch) {
    const auto change = first.event->As<SchedSwitch>();
    const LockId lock = AwaitedLock(*first.recording, change.prev_pid, input.at, false);
    if (change.prev_state.letter == 'D' && lock.valid()) {
      text +=
          fmt::format(", {} waits for {} asleep", names.Task(change.prev_pid), names.Lock(lock));
    }
  }
  text += Because(first, second, input.at);
  text += fmt::format("; under {} {}", second.name, Instead(input, first, second));
  return text + Because(second, first, input.at);
}

}  // namespace rqsim
