#include "sim/views/proxy_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rqsim/kernel.h"

namespace rqsim {

EventMask ProxyChecker::Wants() const {
  return ProxyWorld::Wants() | EventMask::Of(EventKind::kTaskCpus, EventKind::kSchedCallback);
}

void ProxyChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  now_ = Time();
  world_.Start(info);
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), Known());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuNote());
  dirty_cpus_.clear();
  put_off_.assign(static_cast<std::size_t>(info.num_cpus()), PutOff());
  dirty_.clear();
  w5_holds_ = 0;
}

void ProxyChecker::Touch(TaskId id) {
  if (id == kIdleTask || Of(id).dirty) return;
  Of(id).dirty = true;
  dirty_.push_back(id);
}

void ProxyChecker::Touch(CpuId id) {
  if (!id.valid() || cpus_[id.index()].dirty) return;
  cpus_[id.index()].dirty = true;
  dirty_cpus_.push_back(id);
}

void ProxyChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  switch (event.kind()) {
    case EventKind::kTaskCpus:
      OnCpus(event.As<TaskCpus>());
      return;
    case EventKind::kSchedSwitch:
      OnPicked(event.cpu());
      OnSwitch(event.As<SchedSwitch>(), event.cpu());
      Touch(event.cpu());
      world_.Apply(event);
      OnScheduled(event.As<SchedSwitch>().next_pid, event.As<SchedSwitch>().donor, event.cpu());
      return;
    case EventKind::kProxyDonor:
      OnPicked(event.cpu());
      world_.Apply(event);
      OnScheduled(event.As<ProxyDonor>().curr, event.As<ProxyDonor>().donor, event.cpu());
      return;
    case EventKind::kSchedSetDonor:
      if (event.As<SchedSetDonor>().donor != kIdleTask) OnPicked(event.cpu());
      Touch(event.cpu());
      break;
    case EventKind::kSchedCallback:
      OnCallback(event.As<SchedCallback>(), event.cpu());
      return;
    case EventKind::kProxyWalk:
      // The pick that led here is discarded.
      if (event.As<ProxyWalk>().outcome != WalkOutcome::kRun && event.cpu().valid()) {
        PutOff& put_off = put_off_[event.cpu().index()];
        put_off.is_stale = put_off.count > 0;
      }
      break;
    case EventKind::kSchedQueue:
      OnQueue(event.As<SchedQueue>());
      break;
    case EventKind::kProxyMigrate:
      OnGone(event.As<ProxyMigrate>().pid, event.cpu());
      break;
    case EventKind::kProxyDeactivate:
      OnGone(event.As<ProxyDeactivate>().pid, event.cpu());
      break;
    case EventKind::kProxyPark:
      if (event.As<ProxyPark>().parked != 0) OnGone(event.As<ProxyPark>().pid, event.cpu());
      Touch(event.As<ProxyPark>().pid);
      break;
    case EventKind::kSchedWakeup:
      Touch(event.As<SchedWakeup>().pid);
      break;
    case EventKind::kSchedWaking:
      Touch(event.As<SchedWaking>().pid);
      break;
    case EventKind::kWindowHold: {
      const auto hold = event.As<WindowHold>();
      Touch(event.cpu());
      if (hold.window == static_cast<int32_t>(Window::kW5)) w5_holds_ += hold.held != 0 ? 1 : -1;
      break;
    }
    default:
      break;
  }
  world_.Apply(event);
}

void ProxyChecker::OnCpus(const TaskCpus& cpus) {
  std::vector<TaskCpus>& parts = Of(cpus.pid).cpus;
  const auto part = static_cast<std::size_t>(cpus.first) / 128;
  if (parts.size() <= part) parts.resize(part + 1);
  parts[part] = cpus;
}

void ProxyChecker::OnSwitch(const SchedSwitch& change, CpuId cpu) {
  Touch(change.prev_pid);
  Touch(change.next_pid);
  const TaskId next = change.next_pid;
  if (next == kIdleTask) return;
  const ProxyTask& task = world_.At(next);
  if (task.runs_on.valid() && task.runs_on != cpu) {
    Report(1, next, cpu,
           fmt::format("{} executes on CPU {} and on CPU {}", Name(next), task.runs_on.value(),
                       cpu.value()));
  } else if (task.left.valid() && task.left != cpu && now_ < task.left_until) {
    Report(1, next, cpu,
           fmt::format("{} executes on CPU {} before CPU {} has switched away from it", Name(next),
                       cpu.value(), task.left.value()));
  }
  const std::vector<TaskCpus>& parts = Of(next).cpus;
  const auto part = static_cast<std::size_t>(cpu.value()) / 128;
  if (part < parts.size() && !parts[part].Contains(cpu)) {
    Report(4, next, cpu,
           fmt::format("{} executes on CPU {}, where it may not", Name(next), cpu.value()));
  }
}

void ProxyChecker::OnQueue(const SchedQueue& change) {
  const TaskId id = change.pid;
  const ProxyTask& task = world_.At(id);
  Touch(id);
  Touch(change.queue);
  const bool has_role_elsewhere = world_.HasRoleElsewhere(id, change.queue);
  if (has_role_elsewhere) {
    for (int c = 0; c < world_.num_cpus(); ++c) Touch(CpuId(c));
  }
  if (change.queued == 0) return;
  if (task.queued_on.valid()) {
    Report(1, id, change.queue,
           fmt::format("{} is put on the runqueue of CPU {} while on that of CPU {}", Name(id),
                       change.queue.value(), task.queued_on.value()));
  }
  if (task.asleep && !task.gated && task.left.valid() && task.left != change.queue &&
      now_ < task.left_until) {
    Report(
        1, id, change.queue,
        fmt::format("{} is put on the runqueue of CPU {} before CPU {} has switched away from it",
                    Name(id), change.queue.value(), task.left.value()));
  }
  for (int c = 0; has_role_elsewhere && c < world_.num_cpus(); ++c) {
    const CpuId cpu(c);
    if (cpu == change.queue) continue;
    if (world_.At(cpu).donor == id) {
      Report(2, id, cpu,
             fmt::format("{} is put on the runqueue of CPU {} while it is the donor of CPU {}",
                         Name(id), change.queue.value(), c));
    } else if (world_.At(cpu).curr == id) {
      Report(2, id, cpu,
             fmt::format("{} is put on the runqueue of CPU {} while CPU {} has it as curr",
                         Name(id), change.queue.value(), c));
    }
  }
  if (task.is_waking && !task.gated && change.wake_cpu != change.queue) {
    Report(5, id, change.queue,
           fmt::format("{} was woken onto CPU {}, its wake_cpu is {}", Name(id),
                       change.queue.value(), change.wake_cpu.value()));
  }
}

void ProxyChecker::OnGone(TaskId id, CpuId cpu) {
  const ProxyTask& task = world_.At(id);
  Touch(id);
  if (!cpu.valid()) return;
  if (world_.At(cpu).donor == id) {
    Report(2, id, cpu,
           fmt::format("{} has left the runqueue of CPU {} and still is its donor", Name(id),
                       cpu.value()));
  }
  if (!task.gated && world_.At(cpu).curr != id) {
    Report(14, id, cpu,
           fmt::format("{} is taken off its runqueue, but it did not go to sleep", Name(id)));
  }
}

void ProxyChecker::OnCallback(const SchedCallback& change, CpuId cpu) {
  PutOff& put_off = put_off_[cpu.index()];
  if (change.change == CallbackChange::kPutOff) {
    ++put_off.count;
    return;
  }
  if (change.change == CallbackChange::kDone) OnPicked(cpu);
  if (put_off.count > 0) --put_off.count;
  if (put_off.count == 0) put_off.is_stale = false;
}

// schedule() of `cpu` has gone on, or its callbacks are done.
void ProxyChecker::OnPicked(CpuId cpu) {
  PutOff& put_off = put_off_[cpu.index()];
  if (!put_off.is_stale) return;
  put_off.is_stale = false;
  Report(
      11, TaskId(), cpu,
      fmt::format("balancing that was put off for a discarded pick of CPU {} is still to be done",
                  cpu.value()));
}

void ProxyChecker::OnScheduled(TaskId next, TaskId donor, CpuId cpu) {
  if (next == kIdleTask) return;
  if (world_.At(next).gated) {
    Report(6, next, cpu, fmt::format("{} executes although its wait is not over", Name(next)));
    return;
  }
  TaskId at = donor;
  for (int hops = 0; at != next && hops <= world_.num_tasks(); ++hops) {
    const LockId lock = world_.At(at).blocked_on;
    const TaskId owner = lock.valid() ? world_.OwnerOf(lock) : TaskId();
    if (!owner.valid() || world_.At(owner).queued_on != cpu) {
      Report(6, next, cpu,
             fmt::format("{} executes for {}, whose chain does not lead to it on CPU {}",
                         Name(next), Name(donor), cpu.value()));
      return;
    }
    at = owner;
  }
  if (donor == next) return;
  const TaskId link = world_.At(next).link;
  if (!link.valid()) return;
  const LockId lock = world_.At(link).blocked_on;
  if (lock.valid() && world_.OwnerOf(lock) == next) return;
  Report(7, next, cpu,
         fmt::format("{} executes for {}, which waits for no lock of it", Name(next), Name(link)));
}

void ProxyChecker::OnEnd(const RunEnd& /*end*/) { Settle(); }

void ProxyChecker::Settle() {
  for (std::size_t i = 0; i < dirty_.size(); ++i) SettleTask(dirty_[i]);
  dirty_.clear();
  // In CPU order, as they are reported. total order: each is there once.
  if (dirty_cpus_.size() > 1) std::sort(dirty_cpus_.begin(), dirty_cpus_.end());
  for (const CpuId cpu : dirty_cpus_) SettleCpu(cpu);
  dirty_cpus_.clear();
}

void ProxyChecker::SettleTask(TaskId id) {
  Known& known = Of(id);
  known.dirty = false;
  const ProxyTask& task = world_.At(id);
  const bool somewhere = task.runs_on.valid() || task.queued_on.valid() || task.asleep ||
                         task.is_waking || task.parked_on.valid() || task.in_flight ||
                         task.has_exited;
  if (!somewhere && !known.broken_place) {
    Report(13, id, CpuId(),
           fmt::format("{} is awake, but neither runs nor is on a runqueue", Name(id)));
  }
  known.broken_place = !somewhere;
  if (!task.parked_on.valid() || w5_holds_ > 0) return;
  // An owner whose dequeue is put off sleeps although it is queued.
  const ProxyTask& owner = world_.At(task.parked_on);
  const bool fine = !task.queued_on.valid() && (!owner.queued_on.valid() || owner.asleep);
  if (!fine && !known.broken_park) {
    Report(
        15, id, CpuId(),
        fmt::format("{} is parked on {}, but {} is on a runqueue", Name(id), Name(task.parked_on),
                    task.queued_on.valid() ? Name(id) : Name(task.parked_on)));
  }
  known.broken_park = !fine;
}

void ProxyChecker::SettleCpu(CpuId id) {
  const ProxyCpu& cpu = world_.At(id);
  const auto is_here = [&](TaskId task) {
    return task == kIdleTask || world_.At(task).queued_on == id;
  };
  CpuNote& note = cpus_[id.index()];
  note.dirty = false;
  const bool fine = cpu.is_held || (is_here(cpu.donor) && is_here(cpu.curr));
  if (!fine && !note.is_broken) {
    const TaskId task = is_here(cpu.donor) ? cpu.curr : cpu.donor;
    Report(2, task, id,
           fmt::format("{} is {} of CPU {}, but not on its runqueue", Name(task),
                       task == cpu.donor ? "the donor" : "curr", id.value()));
  }
  note.is_broken = !fine;
}

void ProxyChecker::Report(int number, TaskId task, CpuId cpu, std::string message) {
  Violation violation;
  violation.id = fmt::format("PX-I{}", number);
  violation.at = now_;
  violation.cpu = cpu;
  violation.task = task;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
