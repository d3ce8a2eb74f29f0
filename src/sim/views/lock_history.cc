#include "sim/views/lock_history.h"

#include "sim/views/per_task.h"

namespace rqsim {

EventMask LockHistory::Wants() const {
  return EventMask::Of(EventKind::kSchedSwitch, EventKind::kProxyDonor, EventKind::kMutexBlockedOn,
                       EventKind::kMutexWord, EventKind::kContentionBegin,
                       EventKind::kContentionEnd, EventKind::kMutexHandoff, EventKind::kMutexSteal);
}

void LockHistory::OnStart(const RunInfo& info, ViolationSink& /*sink*/) {
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), CpuBook());
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskBook());
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
  now_ = Time();
  is_stale_ = false;
  chains_.clear();
  waits_.clear();
  passings_.clear();
}

LockHistory::TaskBook& LockHistory::Of(TaskId task) { return EntryOf(tasks_, task); }

void LockHistory::OnEvent(const TraceEvent& event) {
  if (event.t > now_) PassTo(event.t);
  switch (event.kind()) {
    case EventKind::kSchedSwitch:
      SetCpu(event.cpu(), event.As<SchedSwitch>().next_pid, event.As<SchedSwitch>().donor);
      return;
    case EventKind::kProxyDonor:
      SetCpu(event.cpu(), event.As<ProxyDonor>().curr, event.As<ProxyDonor>().donor);
      return;
    case EventKind::kMutexBlockedOn:
      Of(event.As<MutexBlockedOn>().pid).blocked_on = event.As<MutexBlockedOn>().lock;
      is_stale_ = true;
      return;
    case EventKind::kMutexWord:
      owners_[event.As<MutexWord>().lock.index()] = event.As<MutexWord>().owner;
      is_stale_ = true;
      return;
    case EventKind::kContentionBegin: {
      const auto begin = event.As<ContentionBegin>();
      std::optional<LockWaitSpan>& wait = Of(begin.pid).wait;
      // Spinning that turns into sleeping begins a second time; the wait is one.
      if (wait && wait->lock == begin.lock) return;
      wait.emplace();
      wait->lock = begin.lock;
      wait->task = begin.pid;
      wait->owner = owners_[begin.lock.index()];
      wait->start = event.t;
      return;
    }
    case EventKind::kContentionEnd: {
      const auto end = event.As<ContentionEnd>();
      std::optional<LockWaitSpan>& wait = Of(end.pid).wait;
      if (!wait) return;
      wait->end = event.t;
      wait->result = end.ret;
      waits_.push_back(*wait);
      wait.reset();
      return;
    }
    case EventKind::kMutexHandoff:
      OnHandoff(event.As<MutexHandoff>(), event.t);
      return;
    case EventKind::kMutexSteal: {
      const auto steal = event.As<MutexSteal>();
      passings_.push_back(
          {event.t, steal.lock, LockPassing::Kind::kSteal, steal.first_waiter, steal.pid});
      return;
    }
    default:
      return;
  }
}

void LockHistory::OnHandoff(const MutexHandoff& handoff, Time t) {
  LockPassing passing{t, handoff.lock, LockPassing::Kind::kFlag, handoff.pid, handoff.to};
  if (handoff.reason == HandoffReason::kDonor) passing.kind = LockPassing::Kind::kDonor;
  if (handoff.reason == HandoffReason::kAlways) passing.kind = LockPassing::Kind::kAlways;
  passings_.push_back(passing);
}

void LockHistory::SetCpu(CpuId id, TaskId curr, TaskId donor) {
  CpuBook& cpu = cpus_[id.index()];
  cpu.curr = curr;
  cpu.donor = curr == kIdleTask ? kIdleTask : donor;
  is_stale_ = true;
}

// Time passes from now_ to `t` in the state that the events so far have made.
void LockHistory::PassTo(Time t) {
  if (is_stale_) {
    is_stale_ = false;
    for (std::size_t i = 0; i < cpus_.size(); ++i) {
      CpuBook& cpu = cpus_[i];
      if (cpu.curr == cpu.donor) {
        Close(cpu);
        continue;
      }
      ProxyChain chain = ChainOf(CpuId(static_cast<int32_t>(i)));
      if (cpu.open && cpu.open->tasks == chain.tasks && cpu.open->locks == chain.locks) continue;
      Close(cpu);
      cpu.open = std::move(chain);
    }
  }
  now_ = t;
}

ProxyChain LockHistory::ChainOf(CpuId id) const {
  const CpuBook& cpu = cpus_[id.index()];
  ProxyChain chain;
  chain.cpu = id;
  chain.start = now_;
  TaskId at = cpu.donor;
  while (at.valid() && at != cpu.curr && chain.tasks.size() < tasks_.size()) {
    chain.tasks.push_back(at);
    const LockId lock = tasks_[at.index()].blocked_on;
    if (!lock.valid()) break;
    chain.locks.push_back(lock);
    at = owners_[lock.index()];
  }
  if (at == cpu.curr) {
    chain.tasks.push_back(at);
    return chain;
  }
  chain.is_overrun = true;
  chain.tasks = {cpu.donor, cpu.curr};
  chain.locks.clear();
  return chain;
}

void LockHistory::Close(CpuBook& cpu) {
  if (!cpu.open) return;
  cpu.open->end = now_;
  chains_.push_back(*std::move(cpu.open));
  cpu.open.reset();
}

void LockHistory::OnEnd(const RunEnd& end) {
  PassTo(end.end);
  for (CpuBook& cpu : cpus_) Close(cpu);
  for (TaskBook& task : tasks_) {
    if (task.wait) waits_.push_back(*task.wait);
    task.wait.reset();
  }
}

}  // namespace rqsim
