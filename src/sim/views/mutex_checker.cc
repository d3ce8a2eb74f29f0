#include "sim/views/mutex_checker.h"

#include <fmt/format.h>

#include <utility>

#include "rqsim/kernel.h"

namespace rqsim {
namespace {

constexpr uint32_t kBitOwner = 1, kBitWaiters = 2, kBitLostWakeup = 4, kBitBypass = 8,
                   kBitDeath = 16;                      // of locks
constexpr uint32_t kBitSpinner = 1, kBitBlockedOn = 2;  // of tasks

}  // namespace

EventMask MutexChecker::Wants() const {
  return EventMask::Of(EventKind::kMutexWord, EventKind::kMutexBlockedOn, EventKind::kMutexWait,
                       EventKind::kMutexAcquire, EventKind::kMutexRelease, EventKind::kMutexHandoff,
                       EventKind::kSchedSwitch, EventKind::kSchedWaking, EventKind::kSchedWakeup,
                       EventKind::kSchedProcessExit, EventKind::kOpBegin, EventKind::kOpEnd,
                       EventKind::kWwContext);
}

void MutexChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  now_ = Time();
  locks_.assign(static_cast<std::size_t>(info.num_locks()), LockState());
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskState());
  links_.assign(tasks_.size(), WaitList::Links());
  spinners_.assign(static_cast<std::size_t>(info.num_cpus()), TaskId());
  dirty_locks_.clear();
  dirty_tasks_.clear();
}

void MutexChecker::Grow(TaskId id) {
  tasks_.resize(id.index() + 1);
  links_.resize(id.index() + 1);
}

void MutexChecker::Touch(LockId id) {
  if (At(id).dirty) return;
  At(id).dirty = true;
  dirty_locks_.push_back(id);
}

void MutexChecker::Touch(TaskId id) {
  if (At(id).dirty) return;
  At(id).dirty = true;
  dirty_tasks_.push_back(id);
}

void MutexChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  cpu_ = event.cpu();
  switch (event.kind()) {
    case EventKind::kMutexWord:
      OnWord(event.As<MutexWord>());
      return;
    case EventKind::kMutexBlockedOn: {
      const MutexBlockedOn change = event.As<MutexBlockedOn>();
      At(change.pid).blocked_on = change.lock;
      Touch(change.pid);
      return;
    }
    case EventKind::kMutexWait: {
      const MutexWait wait = event.As<MutexWait>();
      if (wait.queue == MutexQueue::kOsq) {
        OnSpinQueue(wait, event.cpu());
      } else {
        OnWait(wait);
      }
      return;
    }
    case EventKind::kMutexAcquire:
      OnAcquire(event.As<MutexAcquire>());
      return;
    case EventKind::kMutexRelease:
      OnRelease(event.As<MutexRelease>());
      return;
    case EventKind::kMutexHandoff:
      OnHandoff(event.As<MutexHandoff>());
      return;
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>());
      return;
    case EventKind::kSchedWaking:
      SetAsleep(event.As<SchedWaking>().pid, false);
      return;
    case EventKind::kSchedWakeup:
      SetAsleep(event.As<SchedWakeup>().pid, false);
      return;
    case EventKind::kSchedProcessExit:
      OnExit(event.As<SchedProcessExit>().pid);
      return;
    case EventKind::kOpBegin:
      OnOpBegin(event.As<OpBegin>());
      return;
    case EventKind::kOpEnd:
      EndUnlock(event.As<OpEnd>().pid);
      return;
    case EventKind::kWwContext: {
      const WwContext context = event.As<WwContext>();
      At(context.pid).wait_die = context.acquired >= 0 && context.wait_die != 0;
      At(context.pid).ww_acquired = context.acquired;
      CountMortal(At(context.pid));
      return;
    }
    default:
      return;
  }
}

void MutexChecker::OnWord(const MutexWord& word) {
  LockState& lock = At(word.lock);
  const bool is_new_handoff = (word.flags & kHandoffFlag) != 0 && (lock.flags & kHandoffFlag) == 0;
  if (lock.owner != word.owner) {
    if (lock.owner.valid()) --At(lock.owner).owned;
    if (word.owner.valid()) ++At(word.owner).owned;
  }
  if (lock.owner.valid() && !word.owner.valid()) {
    lock.unlocker = lock.owner;
    At(lock.owner).unlocking = word.lock;
  }
  lock.owner = word.owner;
  lock.flags = word.flags;
  Touch(word.lock);

  const bool handoff = (word.flags & kHandoffFlag) != 0, pickup = (word.flags & kPickupFlag) != 0;
  const std::string_view name = info_->lock_name(word.lock);
  if (handoff && pickup) {
    Report(4, word.owner, word.lock, fmt::format("{} has HANDOFF and PICKUP at once", name));
  } else if ((handoff || pickup) && !word.owner.valid()) {
    Report(4, TaskId(), word.lock,
           fmt::format("{} has {} but no owner", name, handoff ? "HANDOFF" : "PICKUP"));
  } else if (pickup && At(word.owner).waits_on != word.lock) {
    Report(4, word.owner, word.lock,
           fmt::format("{} was given to {}, which is not on its wait list", name,
                       info_->task_name(word.owner)));
  }
  if (pickup && word.owner.valid()) lock.handed_to = word.owner;
  if (is_new_handoff) {
    lock.handoff_for = lock.waiters.front();
    lock.unlocks = 0;
  }
  if (lock.handoff_for.valid() && word.owner == lock.handoff_for) lock.handoff_for = TaskId();
}

void MutexChecker::OnWait(const MutexWait& wait) {
  LockState& lock = At(wait.lock);
  TaskState& task = At(wait.pid);
  Touch(wait.lock);
  Touch(wait.pid);
  const auto name = [&] { return info_->task_name(wait.pid); };
  if (wait.joined != 0) {
    if (task.spins_on.valid()) {
      Report(5, wait.pid, wait.lock,
             fmt::format("{} joins the wait list of {} while on the spin queue of {}", name(),
                         info_->lock_name(wait.lock), info_->lock_name(task.spins_on)));
    }
    if (task.waits_on.valid()) {
      Report(5, wait.pid, wait.lock,
             fmt::format("{} joins the wait list of {} while on that of {}", name(),
                         info_->lock_name(wait.lock), info_->lock_name(task.waits_on)));
      return;
    }
    task.waits_on = wait.lock;
    lock.waiters.Join(links_, wait.pid, wait.position);
    // An older one (ww) comes before whoever asked for the lock.
    if (wait.position == 0 && lock.handoff_for.valid()) lock.handoff_for = TaskId();
    if (!task.asleep) ++lock.awake_waiters;
    CountMortal(task);
    return;
  }
  if (task.waits_on != wait.lock) {
    Report(5, wait.pid, wait.lock,
           fmt::format("{} leaves the wait list of {}, on which it is not", name(),
                       info_->lock_name(wait.lock)));
    return;
  }
  lock.waiters.Leave(links_, wait.pid);
  if (task.is_mortal) --lock.mortal_waiters;
  task.is_mortal = false;
  task.waits_on = LockId();
  if (!task.asleep) --lock.awake_waiters;
  if (lock.handoff_for == wait.pid) lock.handoff_for = TaskId();
}

void MutexChecker::OnSpinQueue(const MutexWait& wait, CpuId cpu) {
  TaskState& task = At(wait.pid);
  Touch(wait.pid);
  if (wait.joined == 0) {
    if (task.spin_cpu.valid() && spinners_[task.spin_cpu.index()] == wait.pid) {
      spinners_[task.spin_cpu.index()] = TaskId();
    }
    task.spins_on = LockId();
    task.spin_cpu = CpuId();
    return;
  }
  if (task.waits_on.valid()) {
    Report(5, wait.pid, wait.lock,
           fmt::format("{} joins the spin queue of {} while on the wait list of {}",
                       info_->task_name(wait.pid), info_->lock_name(wait.lock),
                       info_->lock_name(task.waits_on)));
  }
  task.spins_on = wait.lock;
  task.spin_cpu = cpu;
  if (!cpu.valid()) return;
  const TaskId other = spinners_[cpu.index()];
  if (other.valid() && other != wait.pid) {
    Report(5, wait.pid, wait.lock,
           fmt::format("CPU {} has two spinners: {} and {}", cpu.value(), info_->task_name(other),
                       info_->task_name(wait.pid)));
  }
  spinners_[cpu.index()] = wait.pid;
}

void MutexChecker::OnAcquire(const MutexAcquire& acquire) {
  LockState& lock = At(acquire.lock);
  Touch(acquire.lock);
  const bool by_handoff = lock.handed_to == acquire.pid;
  if (lock.holder.valid()) {
    Report(2, acquire.pid, acquire.lock,
           fmt::format("{} acquires {} inside the critical section of {}",
                       info_->task_name(acquire.pid), info_->lock_name(acquire.lock),
                       info_->task_name(lock.holder)));
    if (by_handoff) {
      Report(12, acquire.pid, acquire.lock,
             fmt::format("{} picks {} up before {} has unlocked it", info_->task_name(acquire.pid),
                         info_->lock_name(acquire.lock), info_->task_name(lock.holder)));
    }
  }
  if (by_handoff) lock.handed_to = TaskId();
  lock.holder = acquire.pid;
}

void MutexChecker::OnRelease(const MutexRelease& release) {
  LockState& lock = At(release.lock);
  Touch(release.lock);
  if (lock.holder != release.pid && lock.stranger_at != now_) {
    Report(1, release.pid, release.lock,
           fmt::format("{} unlocks {}, which {} holds", info_->task_name(release.pid),
                       info_->lock_name(release.lock),
                       lock.holder.valid() ? info_->task_name(lock.holder) : "nobody"));
  }
  lock.holder = TaskId();
  if (lock.handoff_for.valid()) ++lock.unlocks;
}

void MutexChecker::OnHandoff(const MutexHandoff& handoff) {
  LockState& lock = At(handoff.lock);
  lock.handed_to = handoff.to;
  if (handoff.reason == HandoffReason::kDonor) lock.handoff_for = TaskId();
}

void MutexChecker::OnSwitch(const SchedSwitch& change) {
  if (change.prev_pid != kIdleTask) {
    TaskState& prev = At(change.prev_pid);
    prev.on_cpu = false;
    if (prev.spins_on.valid()) Touch(change.prev_pid);
    const uint8_t letter = change.prev_state.letter;
    if (letter == 'X' || letter == 'Z') {
      OnExit(change.prev_pid);
    } else if (letter != 'R') {
      EndUnlock(change.prev_pid);
      // A waiter that stays queued as a donor will be looked at by the next pick.
      if (change.kept_queued == 0) SetAsleep(change.prev_pid, true);
    }
  }
  if (change.next_pid != kIdleTask) {
    At(change.next_pid).on_cpu = true;
    SetAsleep(change.next_pid, false);
  }
}

void MutexChecker::OnOpBegin(const OpBegin& begin) {
  const OpKind op = static_cast<OpKind>(begin.op);
  if ((op != OpKind::kLock && op != OpKind::kUnlock) || begin.object < 0) return;
  const LockId id(begin.object);
  LockState& lock = At(id);
  if (op == OpKind::kLock && lock.holder == begin.pid) {
    Report(1, begin.pid, id,
           fmt::format("recursive lock: {} locks {}, which it holds", info_->task_name(begin.pid),
                       info_->lock_name(id)),
           ViolationSink::Severity::kFatal);
  }
  if (op == OpKind::kUnlock && lock.holder != begin.pid) {
    Report(1, begin.pid, id,
           fmt::format("{} unlocks {}, which {} holds", info_->task_name(begin.pid),
                       info_->lock_name(id),
                       lock.holder.valid() ? info_->task_name(lock.holder) : "nobody"));
    lock.stranger_at = now_;
  }
}

void MutexChecker::OnExit(TaskId id) {
  TaskState& task = At(id);
  if (task.has_exited) return;
  task.has_exited = true;
  for (std::size_t i = 0; task.owned > 0 && i < locks_.size(); ++i) {
    if (locks_[i].owner != id) continue;
    const LockId lock(static_cast<int32_t>(i));
    Report(9, id, lock,
           fmt::format("{} exits holding {}", info_->task_name(id), info_->lock_name(lock)));
  }
  if (task.waits_on.valid()) {
    Report(9, id, task.waits_on,
           fmt::format("{} exits on the wait list of {}", info_->task_name(id),
                       info_->lock_name(task.waits_on)));
  }
}

void MutexChecker::SetAsleep(TaskId id, bool asleep) {
  TaskState& task = At(id);
  if (task.asleep == asleep) return;
  task.asleep = asleep;
  if (!task.waits_on.valid()) return;
  At(task.waits_on).awake_waiters += asleep ? -1 : 1;
  CountMortal(task);
  Touch(task.waits_on);
}

void MutexChecker::EndUnlock(TaskId id) {
  TaskState& task = At(id);
  if (!task.unlocking.valid()) return;
  LockState& lock = At(task.unlocking);
  if (lock.unlocker == id) lock.unlocker = TaskId();
  Touch(task.unlocking);
  task.unlocking = LockId();
}

void MutexChecker::OnEnd(const RunEnd& /*end*/) { Settle(); }

void MutexChecker::Settle() {
  if (dirty_locks_.empty() && dirty_tasks_.empty()) return;
  cpu_ = CpuId();
  for (std::size_t i = 0; i < dirty_locks_.size(); ++i) SettleLock(dirty_locks_[i]);
  for (std::size_t i = 0; i < dirty_tasks_.size(); ++i) SettleTask(dirty_tasks_[i]);
  dirty_locks_.clear();
  dirty_tasks_.clear();
}

bool MutexChecker::Breaks(uint32_t& broken, uint32_t bit, bool holds) {
  const bool was_broken = (broken & bit) != 0;
  broken = holds ? broken & ~bit : broken | bit;
  return !holds && !was_broken;
}

void MutexChecker::SettleLock(LockId id) {
  LockState& lock = At(id);
  lock.dirty = false;
  const std::string_view name = info_->lock_name(id);
  if (Breaks(lock.broken, kBitOwner, !lock.holder.valid() || lock.owner == lock.holder)) {
    Report(1, lock.holder, id,
           fmt::format("{} holds {}, but its word names {}", info_->task_name(lock.holder), name,
                       lock.owner.valid() ? info_->task_name(lock.owner) : "nobody"));
  }
  const bool has_flag = (lock.flags & kWaitersFlag) != 0;
  if (Breaks(lock.broken, kBitWaiters, has_flag == !lock.waiters.empty())) {
    Report(3, TaskId(), id,
           fmt::format("WAITERS of {} is {} but {} wait", name, has_flag ? "set" : "clear",
                       lock.waiters.size()));
  }
  const bool is_lost = !lock.owner.valid() && !lock.waiters.empty() && lock.awake_waiters == 0 &&
                       !lock.unlocker.valid();
  if (Breaks(lock.broken, kBitLostWakeup, !is_lost)) {
    Report(7, lock.waiters.front(), id,
           fmt::format("{} is free, {} waits first and nobody is awake to take it", name,
                       info_->task_name(lock.waiters.front())));
  }
  if (!lock.handoff_for.valid()) lock.unlocks = 0;
  if (Breaks(lock.broken, kBitBypass, lock.unlocks < 2)) {
    Report(8, lock.handoff_for, id,
           fmt::format("{} was unlocked twice since {} asked for it, first in line", name,
                       info_->task_name(lock.handoff_for)));
  }
  const TaskId late = MustHaveDied(lock);
  if (Breaks(lock.broken, kBitDeath, !late.valid())) {
    Report(11, late, id,
           fmt::format("{} sleeps holding locks behind an older waiter for {}",
                       info_->task_name(late), name));
  }
}

// One that holds locks and sleeps may have to die, if an older one waits too.
void MutexChecker::CountMortal(TaskState& task) {
  const bool is_mortal =
      task.waits_on.valid() && task.wait_die && task.ww_acquired > 0 && task.asleep;
  if (is_mortal == task.is_mortal) return;
  task.is_mortal = is_mortal;
  At(task.waits_on).mortal_waiters += is_mortal ? 1 : -1;
  Touch(task.waits_on);
}

// A waiter that sleeps holding locks behind another with a context (wait-die); invalid: none.
TaskId MutexChecker::MustHaveDied(const LockState& lock) {
  int32_t mortals = lock.mortal_waiters;
  bool is_first = true;
  for (TaskId id = lock.waiters.front(); id.valid() && mortals > 0; id = links_[id.index()].next) {
    const TaskState& task = At(id);
    if (!task.wait_die) continue;
    if (!is_first && task.is_mortal) return id;
    is_first = false;
    mortals -= task.is_mortal ? 1 : 0;
  }
  return TaskId();
}

void MutexChecker::SettleTask(TaskId id) {
  TaskState& task = At(id);
  task.dirty = false;
  if (Breaks(task.broken, kBitSpinner, !task.spins_on.valid() || task.on_cpu)) {
    Report(5, id, task.spins_on,
           fmt::format("{} is on the spin queue of {} but on no CPU", info_->task_name(id),
                       info_->lock_name(task.spins_on)));
  }
  if (Breaks(task.broken, kBitBlockedOn,
             !task.blocked_on.valid() || task.waits_on == task.blocked_on)) {
    Report(6, id, task.blocked_on,
           fmt::format("{} is blocked on {} but not on its wait list", info_->task_name(id),
                       info_->lock_name(task.blocked_on)));
  }
}

void MutexChecker::Report(int number, TaskId task, LockId lock, std::string message,
                          ViolationSink::Severity severity) {
  Violation violation;
  violation.id = fmt::format("MX-I{}", number);
  violation.at = now_;
  violation.cpu = cpu_;
  violation.task = task;
  violation.lock = lock;
  violation.message = std::move(message);
  sink_->Report(std::move(violation), severity);
}

}  // namespace rqsim
