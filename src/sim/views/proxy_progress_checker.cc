#include "sim/views/proxy_progress_checker.h"

#include <fmt/format.h>

#include <utility>

#include "sim/views/per_task.h"

namespace rqsim {
namespace {

// Nothing that a lock, a wake-up or a switch does takes time.
bool IsFreeOfCost(const MachineCosts& c) {
  return c.c_sched + c.c_ctx + c.c_wake + c.c_ipi_send + c.l_ipi + c.c_ipi_recv + c.c_ttwu_each +
             c.c_syscall ==
         kZeroCycles;
}

}  // namespace

EventMask ProxyProgressChecker::Wants() const {
  return ProxyWorld::Wants() | EventMask::Of(EventKind::kSignalGenerate, EventKind::kSegment,
                                             EventKind::kSchedStatRuntime, EventKind::kWwContext);
}

void ProxyProgressChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  now_ = Time();
  world_.Start(info);
  is_free_of_cost_ = IsFreeOfCost(info.scenario().machine.costs);
  const auto tasks = static_cast<std::size_t>(info.num_tasks());
  moves_.assign(tasks, Moves());
  executed_.assign(tasks, kZeroCycles);
  contexts_.assign(tasks, WwContext());
  signalled_.clear();
  runtime_ = busy_ = kZeroCycles;
}

ProxyProgressChecker::Moves& ProxyProgressChecker::MovesOf(TaskId id) {
  return EntryOf(moves_, id);
}

void ProxyProgressChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  switch (event.kind()) {
    case EventKind::kSignalGenerate:
      OnSignal(event.As<SignalGenerate>());
      return;
    case EventKind::kSchedStatRuntime: {
      const auto stat = event.As<SchedStatRuntime>();
      runtime_ += stat.runtime;
      EntryOf(executed_, stat.pid) += stat.runtime;
      return;
    }
    case EventKind::kSegment:
      OnSegment(event.As<Segment>(), event.t);
      return;
    case EventKind::kWwContext:
      EntryOf(contexts_, event.As<WwContext>().pid) = event.As<WwContext>();
      return;
    case EventKind::kMutexWord:
      OnWord(event.As<MutexWord>(), event.cpu());
      break;
    case EventKind::kProxyMigrate:
      OnMigrate(event.As<ProxyMigrate>());
      break;
    case EventKind::kSchedWaking:
      std::erase(signalled_, event.As<SchedWaking>().pid);
      break;
    default:
      break;
  }
  world_.Apply(event);
}

void ProxyProgressChecker::OnSignal(const SignalGenerate& signal) {
  const ProxyTask& task = world_.At(signal.pid);
  const bool waits = task.waits_on.valid() && task.blocked_on.valid() && !task.is_waking &&
                     (task.gated || task.asleep || task.parked_on.valid());
  if (waits && task.state == 'S') signalled_.push_back(signal.pid);
}

void ProxyProgressChecker::OnWord(const MutexWord& word, CpuId cpu) {
  const TaskId before = world_.OwnerOf(word.lock);
  if (!promises_.hands_to_donor || !before.valid() || before == word.owner || !cpu.valid()) return;
  const ProxyCpu& here = world_.At(cpu);
  if (here.curr != before || here.donor == before || here.donor == kIdleTask) return;
  const TaskId donor = here.walked_from;
  if (!donor.valid() || world_.At(donor).blocked_on != word.lock || word.owner == donor) return;
  Report(10, before, word.lock,
         fmt::format(
             "{} unlocks {} while executing for {}, which waits for it, and does not hand it over",
             Name(before), info_->lock_name(word.lock), Name(donor)));
}

void ProxyProgressChecker::OnMigrate(const ProxyMigrate& move) {
  Moves& moves = MovesOf(move.pid);
  const TaskId end = world_.EndOfChain(move.pid);
  const Cycles executed = EntryOf(executed_, end);
  if (moves.end != end || moves.executed != executed) moves = {end, executed, 0};
  if (++moves.count != info_->scenario().machine.limit_proxy_hops + 1) return;
  Report(12, move.pid, world_.At(move.pid).blocked_on,
         fmt::format("{} was moved {} times, and {} at the end of its chain did not execute",
                     Name(move.pid), moves.count, Name(end)));
}

void ProxyProgressChecker::OnSegment(const Segment& segment, Time end) {
  if (segment.curr == kIdleTask) return;
  busy_ += end - segment.start;
}

void ProxyProgressChecker::Settle() {
  for (const TaskId id : signalled_) {
    Report(8, id, world_.At(id).blocked_on,
           fmt::format("a signal was sent to {}, which waits for {}, and does not wake it",
                       Name(id), info_->lock_name(world_.At(id).blocked_on)));
  }
  signalled_.clear();
  if (!promises_.rescheds || !is_free_of_cost_ || world_.num_proxied() == 0) return;
  for (CpuId c = world_.proxied().First(); c.valid(); c = world_.proxied().After(c)) {
    const ProxyCpu& cpu = world_.At(c);
    if (cpu.is_held || world_.EndOfChain(cpu.donor) == cpu.curr) continue;
    Report(6, cpu.curr, LockId(),
           fmt::format("{} executes for {}, whose chain does not lead to it any more",
                       Name(cpu.curr), Name(cpu.donor)));
  }
}

void ProxyProgressChecker::OnEnd(const RunEnd& end) {
  Settle();
  Cycles exec, charged;
  for (std::size_t i = 1; i < end.tasks.size(); ++i) {
    exec += end.tasks[i].exec;
    charged += end.tasks[i].charged;
  }
  if (exec != charged || exec != runtime_ || exec != busy_) {
    Report(3, TaskId(), LockId(),
           fmt::format("{} cycles were executed, {} charged, {} traced, {} spent by CPUs that did "
                       "not idle",
                       exec.count(), charged.count(), runtime_.count(), busy_.count()));
  }
  if (end.outcome == Outcome::kLivelock) {
    Report(12, TaskId(), LockId(), fmt::format("no progress: {}", end.message));
  }
  if (end.outcome != Outcome::kDeadlock) return;
  for (int i = 1; i < world_.num_tasks(); ++i) {
    const TaskId id(i);
    const ProxyTask& task = world_.At(id);
    if (task.blocked_on.valid() && EntryOf(contexts_, id).wounded != 0) {
      Report(12, id, task.blocked_on,
             fmt::format("{} was told to give up and waits on, in a circle", Name(id)));
    }
    if (task.waits_on.valid() && !world_.OwnerOf(task.waits_on).valid()) {
      Report(
          16, id, task.waits_on,
          fmt::format("{} waits for {}, which is free", Name(id), info_->lock_name(task.waits_on)));
    }
    if (task.parked_on.valid() && world_.At(task.parked_on).queued_on.valid()) {
      Report(16, id, LockId(),
             fmt::format("{} is parked on {}, which is awake", Name(id), Name(task.parked_on)));
    }
  }
}

void ProxyProgressChecker::Report(int number, TaskId task, LockId lock, std::string message) {
  Violation violation;
  violation.id = fmt::format("PX-I{}", number);
  violation.at = now_;
  violation.task = task;
  violation.lock = lock;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
