#include "sim/views/proxy_world.h"

#include <algorithm>

#include "rqsim/kernel.h"

namespace rqsim {

EventMask ProxyWorld::Wants() {
  return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedQueue, EventKind::kSchedSetDonor,
                       EventKind::kSchedWaking, EventKind::kSchedWakeup, EventKind::kSchedWakeupNew,
                       EventKind::kSchedProcessExit, EventKind::kMutexBlockedOn,
                       EventKind::kMutexWord, EventKind::kMutexWait, EventKind::kProxyLink,
                       EventKind::kProxyPark, EventKind::kProxyMigrate, EventKind::kProxyDeactivate,
                       EventKind::kProxyDonor, EventKind::kWindowHold, EventKind::kProxyWalk,
                       EventKind::kSegment);
}

void ProxyWorld::Start(const RunInfo& info) {
  const MachineCosts& costs = info.scenario().machine.costs;
  switch_cost_ = costs.c_sched + costs.c_ctx;
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), ProxyTask());
  cpus_.assign(static_cast<std::size_t>(info.num_cpus()), ProxyCpu());
  owners_.assign(static_cast<std::size_t>(info.num_locks()), TaskId());
  proxied_.Clear();
  num_proxied_ = 0;
}

TaskId ProxyWorld::EndOfChain(TaskId task) {
  TaskId at = task;
  for (int hops = 0; hops < num_tasks(); ++hops) {
    const LockId lock = At(at).blocked_on;
    if (!lock.valid() || !OwnerOf(lock).valid()) return at;
    at = OwnerOf(lock);
    if (at == task) return at;
  }
  return at;
}

TaskId ProxyWorld::BeforeInChain(TaskId donor, TaskId end) {
  TaskId at = donor;
  for (int hops = 0; hops < num_tasks(); ++hops) {
    const LockId lock = At(at).blocked_on;
    if (!lock.valid() || !OwnerOf(lock).valid()) return TaskId();
    if (OwnerOf(lock) == end) return at;
    at = OwnerOf(lock);
  }
  return TaskId();
}

void ProxyWorld::Apply(const TraceEvent& event) {
  switch (event.kind()) {
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>(), event.cpu(), event.t);
      OnScheduled(event.cpu(), event.As<SchedSwitch>().donor, event.As<SchedSwitch>().next_pid);
      return;
    case EventKind::kSegment:
      OnSegment(event.As<Segment>(), event.cpu(), event.t);
      return;
    case EventKind::kProxyDonor:
      OnScheduled(event.cpu(), event.As<ProxyDonor>().donor, event.As<ProxyDonor>().curr);
      return;
    case EventKind::kSchedQueue: {
      const auto change = event.As<SchedQueue>();
      ProxyTask& task = At(change.pid);
      task.queued_on = change.queued != 0 ? change.queue : CpuId();
      task.wake_cpu = change.wake_cpu;
      if (change.queued != 0) task.in_flight = false;
      return;
    }
    case EventKind::kSchedSetDonor:
      SetDonor(event.cpu(), event.As<SchedSetDonor>().donor);
      return;
    case EventKind::kSchedWaking: {
      ProxyTask& task = At(event.As<SchedWaking>().pid);
      task.is_waking = true;
      task.asleep = false;
      return;
    }
    case EventKind::kSchedWakeup: {
      ProxyTask& task = At(event.As<SchedWakeup>().pid);
      task.is_waking = task.asleep = task.gated = false;
      return;
    }
    case EventKind::kSchedWakeupNew:
      At(event.As<SchedWakeupNew>().pid).asleep = false;
      return;
    case EventKind::kSchedProcessExit:
      At(event.As<SchedProcessExit>().pid).has_exited = true;
      return;
    case EventKind::kMutexBlockedOn: {
      const auto change = event.As<MutexBlockedOn>();
      At(change.pid).blocked_on = change.lock;
      for (std::size_t c = 0; At(change.pid).num_walked_from > 0; ++c) {
        if (cpus_[c].walked_from == change.pid) SetWalkedFrom(cpus_[c], TaskId());
      }
      return;
    }
    case EventKind::kMutexWord: {
      const auto word = event.As<MutexWord>();
      owners_[word.lock.index()] = word.owner;
      return;
    }
    case EventKind::kMutexWait: {
      const auto wait = event.As<MutexWait>();
      if (wait.queue != MutexQueue::kWaitList) return;
      At(wait.pid).waits_on = wait.joined != 0 ? wait.lock : LockId();
      return;
    }
    case EventKind::kProxyLink: {
      const auto link = event.As<ProxyLink>();
      At(link.pid).link = link.donor;
      return;
    }
    case EventKind::kProxyPark:
      OnPark(event.As<ProxyPark>());
      return;
    case EventKind::kProxyMigrate:
      At(event.As<ProxyMigrate>().pid).in_flight = true;
      return;
    case EventKind::kProxyDeactivate: {
      ProxyTask& task = At(event.As<ProxyDeactivate>().pid);
      task.gated = false;
      task.asleep = true;
      return;
    }
    case EventKind::kProxyWalk: {
      // A walk that finds a wait over lets the task go on without a wake-up.
      const auto walk = event.As<ProxyWalk>();
      if (walk.outcome == WalkOutcome::kRun && walk.why != WalkEnd::kRun) {
        At(walk.end).gated = At(walk.end).asleep = false;
      }
      if (walk.outcome == WalkOutcome::kRun) OnScheduled(event.cpu(), walk.donor, walk.end);
      return;
    }
    case EventKind::kWindowHold:
      if (event.cpu().valid()) At(event.cpu()).is_held = event.As<WindowHold>().held != 0;
      return;
    default:
      return;
  }
}

void ProxyWorld::OnSwitch(const SchedSwitch& change, CpuId cpu, Time t) {
  if (change.prev_pid != kIdleTask) {
    ProxyTask& prev = At(change.prev_pid);
    prev.runs_on = CpuId();
    prev.left = cpu;
    prev.left_until = t + switch_cost_;
    prev.state = change.prev_state.letter;
    // A task that is preempted on its way to sleep is not asleep.
    if (change.voluntary != 0 && prev.state != 'R') {
      prev.gated = change.kept_queued != 0;
      if (!prev.is_waking) prev.asleep = true;
    }
  }
  if (change.next_pid != kIdleTask) At(change.next_pid).runs_on = cpu;
  SetCurr(cpu, change.next_pid);
  At(cpu).left_by = change.prev_pid;
  At(cpu).switched = t;
}

// A direct hand-off costs what its policy says instead of c_sched and c_ctx, and may take less.
void ProxyWorld::OnSegment(const Segment& segment, CpuId cpu, Time t) {
  constexpr auto kDirect = static_cast<SegmentKind>(static_cast<int>(SegmentKind::kOverheadFirst) +
                                                    static_cast<int>(CostId::kPolicy));
  ProxyCpu& place = At(cpu);
  const bool is_first = segment.start == place.switched;
  if (!is_first || segment.kind != kDirect || place.left_by == kIdleTask) return;
  ProxyTask& prev = At(place.left_by);
  if (prev.left == cpu) prev.left_until = std::min(prev.left_until, t);
}

void ProxyWorld::OnPark(const ProxyPark& park) {
  ProxyTask& task = At(park.pid);
  // Whoever is queued again while its owner runs is as gated as before; one that is woken has its
  // sched_wakeup to come. Who was not parked is not gated by that.
  if (park.parked != 0 || task.parked_on.valid()) task.gated = true;
  task.parked_on = park.parked != 0 ? park.owner : TaskId();
}

void ProxyWorld::OnScheduled(CpuId cpu, TaskId donor, TaskId curr) {
  if (!cpu.valid()) return;
  const bool proxies = curr != kIdleTask && donor != kIdleTask && donor != curr;
  SetWalkedFrom(At(cpu), proxies ? BeforeInChain(donor, curr) : TaskId());
}

void ProxyWorld::SetWalkedFrom(ProxyCpu& cpu, TaskId task) {
  if (cpu.walked_from == task) return;
  if (cpu.walked_from.valid()) --At(cpu.walked_from).num_walked_from;
  cpu.walked_from = task;
  if (task.valid()) ++At(task).num_walked_from;
}

void ProxyWorld::SetCurr(CpuId cpu, TaskId curr) {
  --At(At(cpu).curr).num_roles;
  At(cpu).curr = curr;
  ++At(curr).num_roles;
  NoteProxied(cpu);
}

void ProxyWorld::SetDonor(CpuId cpu, TaskId donor) {
  --At(At(cpu).donor).num_roles;
  At(cpu).donor = donor;
  ++At(donor).num_roles;
  NoteProxied(cpu);
}

void ProxyWorld::NoteProxied(CpuId id) {
  ProxyCpu& cpu = At(id);
  const bool proxies = cpu.curr != kIdleTask && cpu.donor != kIdleTask && cpu.donor != cpu.curr;
  if (proxies == cpu.is_proxied) return;
  cpu.is_proxied = proxies;
  num_proxied_ += proxies ? 1 : -1;
  proxies ? proxied_.Add(id) : proxied_.Remove(id);
}

bool ProxyWorld::HasRoleElsewhere(TaskId task, CpuId id) {
  if (!id.valid()) return At(task).num_roles > 0;
  const ProxyCpu& cpu = At(id);
  return At(task).num_roles > (cpu.curr == task ? 1 : 0) + (cpu.donor == task ? 1 : 0);
}

}  // namespace rqsim
