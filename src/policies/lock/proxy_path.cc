// The walk along a chain of waiters and owners, and how a donor wakes.
//
// Idea: the rows of proxy-exec.md 5 in their order, for the picked donor and then for each owner
// in turn. Every row is a test of state that only the machine changes; where the chain cannot be
// executed here and now, the row says what becomes of the task it stopped at. A walk changes
// nothing itself: it answers, and asks.
// Origin: Linux 7.2 kernel/sched/core.c (find_proxy_task, proxy_deactivate, proxy_migrate_task,
// proxy_resched_idle, proxy_needs_return); for parking, John Stultz's series up to v9, as
// proxy-exec.md 6 gives it.
// What differs: a cycle is found instead of walked for ever (MODEL-110), parked donors are queued
// again by a list of things to do, not by recursion (MODEL-111), an ownerless lock's waiter that
// is at home is left to its waker (MODEL-112).
// Cost: a walk O(links); waking a donor O(1); waking an owner O(donors parked on it and on them).
// Tested by tests/unit/policies/lock/proxy_path_test.cc and scenarios/proxy.
#include "lock/proxy_path.h"

#include <string>

namespace rqsim {
namespace {

bool Declares(const PolicyInfo& info, std::string_view name) {
  for (const ParamInfo& param : info.params) {
    if (param.name == name) return true;
  }
  return false;
}

// Whether its affinity lets it execute where it is queued.
bool MayRunHere(const Task& task) {
  return task.cpu == task.wake_cpu ||
         (task.migration_disabled == 0 && task.cpus_allowed.Contains(task.cpu));
}

ProxyCosts ReadProxyCosts(const PolicyParams& params) {
  ProxyCosts costs;
  costs.pick = params.Length("c_pick");
  costs.chain_hop = params.Length("c_chain_hop");
  costs.migrate = params.Length("c_proxy_migrate");
  costs.return_migrate = params.Length("c_return_migrate");
  costs.idle_retry = params.Length("c_idle_retry");
  costs.park = params.Length("c_park");
  costs.park_activate = params.Length("c_park_activate");
  costs.bo_lock = params.Length("c_bo_lock");
  return costs;
}

}  // namespace

void ReadProxyOptions(const PolicyParams& params, const PolicyInfo& info, ProxyOptions& options) {
  options.costs = ReadProxyCosts(params);
  options.max_chain = params.Integer("max_chain");
  const std::string_view deadlock = params.Text("deadlock_action");
  if (deadlock == "abort") options.deadlock = DeadlockAction::kAbort;
  if (deadlock == "hang") options.deadlock = DeadlockAction::kHang;
  if (Declares(info, "check_order")) {
    options.check_order =
        params.Text("check_order") == "cpu_first" ? CheckOrder::kCpuFirst : CheckOrder::kOnRqFirst;
  }
  if (Declares(info, "sleeping_owner")) {
    const std::string_view sleeping = params.Text("sleeping_owner");
    options.sleeping_owner = SleepingOwner::kDeactivate;
    if (sleeping == "park") options.sleeping_owner = SleepingOwner::kPark;
    if (sleeping == "none") options.sleeping_owner = SleepingOwner::kStays;
  }
  if (Declares(info, "donor_wake_resched")) {
    options.always_reschedules = params.Text("donor_wake_resched") == "always";
  }
  ProxyFaults& faults = options.faults;
  faults.skip_owner_recheck = params.Fault("proxy.skip_owner_recheck");
  faults.keep_curr_ref_on_unlock = params.Fault("proxy.keep_curr_ref_on_unlock");
  faults.runnable_without_return = params.Fault("proxy.runnable_without_return");
  faults.livelock_park = params.Fault("proxy.livelock_park");
  faults.migrate_donor_not_tail = params.Fault("proxy.migrate_donor_not_tail");
  if (params.Fault("proxy.return_affinity_only")) options.returns = ReturnMode::kAffinityOnly;
  if (Declares(info, "return") && params.Given("return")) {
    const std::string_view returns = params.Text("return");
    if (returns == "affinity_only") options.returns = ReturnMode::kAffinityOnly;
    if (returns == "never") options.returns = ReturnMode::kNeverReturns;
  }
}

ProxyPath::ProxyPath(const MutexOptions& mutex, const ProxyOptions& proxy, const Limits& limits)
    : MutexPath(mutex, limits),
      self_(limits.self),
      proxy_(proxy),
      visited_in_(static_cast<std::size_t>(limits.num_tasks)),
      is_doomed_(static_cast<std::size_t>(limits.num_tasks)),
      held_at_(static_cast<std::size_t>(limits.num_cpus)),
      parked_(proxy.sleeping_owner == SleepingOwner::kPark
                  ? static_cast<std::size_t>(limits.num_tasks)
                  : 0) {
  if (proxy.sleeping_owner == SleepingOwner::kPark) waking_.reserve(visited_in_.size());
  if (proxy.faults.livelock_park) activated_at_.assign(visited_in_.size(), Time(-1));
}

HookMask ProxyPath::Hooks() const {
  HookMask hooks = Hook::kKeepsQueued | Hook::kResolveDonor | Hook::kWakeQueued;
  if (proxy_.sleeping_owner == SleepingOwner::kPark) hooks = hooks | Hook::kEnqueued;
  return hooks;
}

bool ProxyPath::KeepsQueued(Kernel&, TaskId prev) {
  is_doomed_[prev.index()] = false;
  return true;
}

// --- the walk ------------------------------------------------------------------------------------

DonorAnswer ProxyPath::ResolveDonor(Kernel& kernel, CpuId cpu, TaskId picked) {
  Walk walk;
  walk.cpu = cpu;
  walk.donor = walk.task = picked;
  if (held_at_[cpu.index()].valid()) return GoOn(kernel, walk);
  ++walks_;
  for (;;) {
    const Task& task = kernel.task(walk.task);
    if (!task.is_blocked) return RunsAt(kernel, walk, WalkEnd::kRun);
    if (is_doomed_[walk.task.index()]) {
      return DeactivateAt(kernel, walk, WalkEnd::kDeadlock, false);
    }
    if (VisitedBefore(walk.task)) return DeadlockAt(kernel, walk);
    if (!task.blocked_on.valid()) return ReleasedAt(kernel, walk, WalkEnd::kNoEdge);
    const bool is_curr = IsCurr(kernel, walk) && !proxy_.faults.keep_curr_ref_on_unlock;
    walk.met_curr = walk.met_curr || is_curr;
    const TaskId owner = kernel.lock(task.blocked_on).owner;
    if (!owner.valid()) return ReleasedAt(kernel, walk, WalkEnd::kNoOwner);
    if (IsHeld(kernel, walk, owner)) {
      held_at_[cpu.index()] = owner;
      return DonorAnswer::Of(DonorAnswer::Kind::kHeld);
    }
    const WalkEnd why = LookAtOwner(kernel, walk, owner);
    if (why != WalkEnd::kRun) return EndAt(kernel, walk, why);
    if (walk.hops == proxy_.max_chain) {
      return DeactivateAt(kernel, walk, WalkEnd::kTooLong, proxy_.forgets_edge);
    }
    if (kernel.task(owner).blocked_donor != walk.task) kernel.SetBlockedDonor(owner, walk.task);
    walk.task = owner;
    ++walk.hops;
  }
}

// W3: the owner's CPU has been read and is this one; what was asked before that has been answered.
bool ProxyPath::IsHeld(Kernel& kernel, const Walk& walk, TaskId owner) {
  const Task& o = kernel.task(owner);
  if (o.cpu != walk.cpu) return false;
  if (proxy_.check_order == CheckOrder::kOnRqFirst && (!o.on_rq || o.sched_delayed)) return false;
  return kernel.HoldsAt(Window::kW3, walk.task);
}

// After W3. What was read before it may have changed: the walk is made anew (row 7).
DonorAnswer ProxyPath::GoOn(Kernel& kernel, const Walk& walk) {
  const TaskId owner = held_at_[walk.cpu.index()];
  held_at_[walk.cpu.index()] = TaskId();
  if (!proxy_.faults.skip_owner_recheck) return DonorAnswer::Of(DonorAnswer::Kind::kPickAgain);
  Walk to_owner = walk;
  to_owner.task = owner;
  to_owner.hops = 1;
  return Finish(kernel, to_owner, WalkEnd::kRun, DonorAnswer::Run(owner), WalkOutcome::kRun);
}

bool ProxyPath::VisitedBefore(TaskId task) {
  uint64_t& visited = visited_in_[task.index()];
  if (visited == walks_) return true;
  visited = walks_;
  return false;
}

// Rows 4 to 8; kRun: the walk goes on to the owner. A task between two runqueues counts as queued
// on the second one.
WalkEnd ProxyPath::LookAtOwner(const Kernel& kernel, const Walk& walk, TaskId owner) const {
  const Task& o = kernel.task(owner);
  const bool is_asleep = (!o.on_rq && !o.migrating) || o.sched_delayed;
  const bool is_elsewhere = o.cpu != walk.cpu;
  if (proxy_.check_order == CheckOrder::kCpuFirst && is_elsewhere) return WalkEnd::kElsewhere;
  if (is_asleep) return WalkEnd::kAsleep;
  if (is_elsewhere) return WalkEnd::kElsewhere;
  if (o.migrating) return WalkEnd::kMigrating;
  if (owner == walk.task) return WalkEnd::kOwnsItself;
  return WalkEnd::kRun;
}

DonorAnswer ProxyPath::EndAt(Kernel& kernel, const Walk& walk, WalkEnd why) {
  if (why == WalkEnd::kAsleep) return AsleepAt(kernel, walk);
  if (why == WalkEnd::kElsewhere) return ElsewhereAt(kernel, walk);
  return Idle(kernel, walk, why);
}

DonorAnswer ProxyPath::RunsAt(Kernel& kernel, const Walk& walk, WalkEnd why) {
  if (why != WalkEnd::kRun) {
    if (kernel.task(walk.task).blocked_on.valid()) kernel.SetBlockedOn(walk.task, LockId());
    kernel.ClearBlockedGate(walk.task);
  }
  return Finish(kernel, walk, why, DonorAnswer::Run(walk.task), WalkOutcome::kRun);
}

// Its wait is over, or the lock is free for it to try. If it executes now it simply goes on.
DonorAnswer ProxyPath::ReleasedAt(Kernel& kernel, const Walk& walk, WalkEnd why) {
  if (IsCurr(kernel, walk)) return RunsAt(kernel, walk, why);
  if (proxy_.faults.runnable_without_return) return RunsAt(kernel, walk, why);
  const Task& task = kernel.task(walk.task);
  switch (proxy_.released) {
    case Released::kRun:
      // Balancing of chains may have taken it away from home (MODEL-340).
      if (!MayRunHere(task)) return DeactivateAt(kernel, walk, why, true);
      break;
    case Released::kDeactivate:
      return DeactivateAt(kernel, walk, why, true);
    case Released::kReturn: {
      if (why == WalkEnd::kNoEdge) return Idle(kernel, walk, why);
      if (task.cpu == task.wake_cpu) return DeactivateAt(kernel, walk, why, true);
      kernel.SetBlockedOn(walk.task, LockId());
      DonorAction action;
      action.kind = DonorAction::Kind::kReturn;
      return Again(kernel, walk, why, action, proxy_.costs.return_migrate);
    }
  }
  return RunsAt(kernel, walk, why);
}

// A chain that the executing task is part of cannot leave before the CPU has switched away from
// it: idle first, the next look does it. Without moves it leaves like any task that blocks.
DonorAnswer ProxyPath::AsleepAt(Kernel& kernel, const Walk& walk) {
  const bool idles_first = walk.met_curr && proxy_.remote_owner != RemoteOwner::kDeactivate;
  if (idles_first || proxy_.sleeping_owner == SleepingOwner::kStays) {
    return Idle(kernel, walk, WalkEnd::kAsleep);
  }
  if (proxy_.sleeping_owner == SleepingOwner::kDeactivate) {
    return DeactivateAt(kernel, walk, WalkEnd::kAsleep, proxy_.forgets_edge);
  }
  DonorAction action;
  action.kind = DonorAction::Kind::kPark;
  action.owner = kernel.lock(kernel.task(walk.task).blocked_on).owner;
  if (proxy_.faults.livelock_park && activated_at_[action.owner.index()] == kernel.now()) {
    // Whoever works off the owner's list finds this task on it again, and queues it again.
    return DonorAnswer::Of(DonorAnswer::Kind::kPickAgain);
  }
  parked_.Park(walk.task, action.owner);
  return Again(kernel, walk, WalkEnd::kAsleep, action, proxy_.costs.park);
}

DonorAnswer ProxyPath::ElsewhereAt(Kernel& kernel, const Walk& walk) {
  if (proxy_.remote_owner == RemoteOwner::kDeactivate) {
    return DeactivateAt(kernel, walk, WalkEnd::kElsewhere, proxy_.forgets_edge);
  }
  if (walk.met_curr) return Idle(kernel, walk, WalkEnd::kElsewhere);
  const bool whole = proxy_.remote_owner == RemoteOwner::kMoveChain;
  DonorAction action;
  if (proxy_.faults.migrate_donor_not_tail) action.task = walk.donor;
  action.kind = whole ? DonorAction::Kind::kMoveChain : DonorAction::Kind::kMove;
  action.cpu = kernel.task(kernel.lock(kernel.task(walk.task).blocked_on).owner).cpu;
  const int64_t moved = whole ? walk.hops + 1 : 1;
  return Again(kernel, walk, WalkEnd::kElsewhere, action, proxy_.costs.migrate * moved);
}

// The walk came back to `walk.task`: everybody from there on waits for everybody else.
DonorAnswer ProxyPath::DeadlockAt(Kernel& kernel, const Walk& walk) {
  TaskId member = walk.task;
  do {
    const LockId lock = kernel.task(member).blocked_on;
    const TaskId owner = kernel.lock(lock).owner;
    is_doomed_[member.index()] = true;
    PolicyEventPayload record;
    record.wide[0] = member.value();
    record.wide[1] = lock.value();
    record.narrow[0] = owner.value();
    kernel.EmitDeclared(self_, 0, record);
    member = owner;
  } while (member != walk.task);
  switch (proxy_.deadlock) {
    case DeadlockAction::kReport:
      break;
    case DeadlockAction::kAbort:
      return Finish(kernel, walk, WalkEnd::kDeadlock, DonorAnswer::Of(DonorAnswer::Kind::kDeadlock),
                    WalkOutcome::kEnds);
    case DeadlockAction::kHang:
      return Finish(kernel, walk, WalkEnd::kDeadlock, DonorAnswer::Of(DonorAnswer::Kind::kStuck),
                    WalkOutcome::kEnds);
  }
  return DeactivateAt(kernel, walk, WalkEnd::kDeadlock, false);
}

DonorAnswer ProxyPath::DeactivateAt(Kernel& kernel, const Walk& walk, WalkEnd why,
                                    bool forgets_edge) {
  if (forgets_edge && kernel.task(walk.task).blocked_on.valid()) {
    kernel.SetBlockedOn(walk.task, LockId());
  }
  return Again(kernel, walk, why, DonorAction(), kZeroCycles);
}

// --- answers -------------------------------------------------------------------------------------

DonorAnswer ProxyPath::Finish(Kernel& kernel, const Walk& walk, WalkEnd why, DonorAnswer answer,
                              WalkOutcome outcome) const {
  answer.overhead += proxy_.costs.chain_hop * walk.hops;
  kernel.Emit(ProxyWalk{
      .donor = walk.donor, .end = walk.task, .hops = walk.hops, .why = why, .outcome = outcome});
  return answer;
}

DonorAnswer ProxyPath::Idle(Kernel& kernel, const Walk& walk, WalkEnd why) const {
  DonorAnswer answer = DonorAnswer::Of(DonorAnswer::Kind::kRunIdleKeepResched);
  answer.retry_after = proxy_.costs.idle_retry;
  return Finish(kernel, walk, why, answer, WalkOutcome::kIdle);
}

// `action` on the task the walk stopped at, then another pick.
DonorAnswer ProxyPath::Again(Kernel& kernel, const Walk& walk, WalkEnd why,
                             const DonorAction& action, Cycles cost) const {
  DonorAnswer answer = DonorAnswer::Of(DonorAnswer::Kind::kPickAgain);
  answer.overhead = cost + proxy_.costs.pick;
  DonorAction on_task = action;
  if (!on_task.task.valid()) on_task.task = walk.task;
  answer.Then(on_task);
  return Finish(kernel, walk, why, answer, WalkOutcome::kAgain);
}

// --- waking --------------------------------------------------------------------------------------

void ProxyPath::WakesWaiter(Kernel& kernel, TaskId) {
  if (proxy_.costs.bo_lock > kZeroCycles) kernel.AddWakeCost(proxy_.costs.bo_lock);
}

WakeAnswer ProxyPath::WakeQueued(Kernel& kernel, TaskId task) {
  const Task& t = kernel.task(task);
  const WakeAnswer in_place =
      proxy_.always_reschedules ? WakeAnswer::kInPlaceResched : WakeAnswer::kInPlace;
  if (t.cpu == t.wake_cpu) return in_place;
  if (t.blocked_on.valid()) kernel.SetBlockedOn(task, LockId());
  if (kernel.cpu(t.cpu).curr == task) return in_place;
  if (proxy_.returns == ReturnMode::kNeverReturns ||
      (proxy_.returns == ReturnMode::kAffinityOnly && MayRunHere(t))) {
    return in_place;
  }
  if (proxy_.costs.return_migrate > kZeroCycles) kernel.AddWakeCost(proxy_.costs.return_migrate);
  return proxy_.always_reschedules ? WakeAnswer::kReturnResched : WakeAnswer::kReturn;
}

// Whoever is parked on `task` follows it, depth first. What is parked on them from now on waits for
// their next wake-up: the lists are taken as they are.
void ProxyPath::Enqueued(Kernel& kernel, TaskId task, CpuId cpu) {
  if (parked_.empty(task)) return;
  int64_t activated = 0;
  waking_.push_back(task);
  while (!waking_.empty()) {
    const TaskId owner = waking_.back();
    const TaskId parked = parked_.TakeFirst(owner);
    if (!parked.valid()) {
      waking_.pop_back();
    } else if (kernel.task(parked).parked_on == owner) {
      kernel.EnqueueOn(parked, cpu);
      waking_.push_back(parked);
      ++activated;
    }
  }
  if (activated == 0) return;
  if (!activated_at_.empty()) activated_at_[task.index()] = kernel.now();
  kernel.Resched(cpu, ReschedKind::kFull);
  if (proxy_.costs.park_activate > kZeroCycles) {
    kernel.AddWakeCost(proxy_.costs.park_activate * activated);
  }
}

void ProxyPath::Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const {
  MutexPath::Describe(kernel, task, writer);
  if (task.valid()) writer.Field("doomed", is_doomed_[task.index()] ? 1 : 0);
}

}  // namespace rqsim
