#include "sim/views/pi_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace rqsim {
namespace {

// All fair tasks are one level, below every fixed priority.
constexpr int32_t kFairLevel = 100;
int32_t LevelOf(int32_t prio) { return std::min(prio, kFairLevel); }

}  // namespace

EventMask PiChecker::Wants() const {
  return EventMask::Of(EventKind::kTaskAttr, EventKind::kSchedPiSetprio, EventKind::kMutexWord,
                       EventKind::kMutexWait, EventKind::kContentionBegin,
                       EventKind::kContentionEnd, EventKind::kSchedSwitch, EventKind::kOpBegin,
                       EventKind::kOpEnd);
}

void PiChecker::OnStart(const RunInfo& info, ViolationSink& sink) {
  info_ = &info;
  sink_ = &sink;
  now_ = Time();
  walkers_ = 0;
  tasks_.assign(static_cast<std::size_t>(info.num_tasks()), TaskState());
  locks_.assign(static_cast<std::size_t>(info.num_locks()), LockState());
  dirty_.clear();
}

void PiChecker::Touch(TaskId id) {
  TaskState& task = At(id);
  if (task.dirty) return;
  task.dirty = true;
  dirty_.push_back(id);
}

void PiChecker::OnEvent(const TraceEvent& event) {
  if (event.t != now_) {
    Settle();
    now_ = event.t;
  }
  switch (event.kind()) {
    case EventKind::kTaskAttr:
      OnAttr(event.As<TaskAttr>());
      return;
    case EventKind::kSchedPiSetprio:
      SetEff(event.As<SchedPiSetprio>().pid, event.As<SchedPiSetprio>().newprio);
      return;
    case EventKind::kMutexWord:
      OnWord(event.As<MutexWord>());
      return;
    case EventKind::kMutexWait:
      OnWait(event.As<MutexWait>());
      return;
    case EventKind::kContentionBegin: {
      TaskState& task = At(event.As<ContentionBegin>().pid);
      task.contends = event.As<ContentionBegin>().lock;
      task.is_awake = true;
      CountWalker(task);
      return;
    }
    case EventKind::kContentionEnd: {
      TaskState& task = At(event.As<ContentionEnd>().pid);
      task.contends = LockId();
      CountWalker(task);
      return;
    }
    case EventKind::kSchedSwitch:
      OnSwitch(event.As<SchedSwitch>());
      return;
    case EventKind::kOpBegin: {
      TaskState& task = At(event.As<OpBegin>().pid);
      task.is_unlocking = static_cast<OpKind>(event.As<OpBegin>().op) == OpKind::kUnlock;
      CountWalker(task);
      return;
    }
    case EventKind::kOpEnd: {
      TaskState& task = At(event.As<OpEnd>().pid);
      task.is_unlocking = false;
      CountWalker(task);
      return;
    }
    default:
      return;
  }
}

void PiChecker::CountWalker(TaskState& task) {
  const bool walks = task.is_unlocking || (task.contends.valid() && task.is_awake);
  if (walks == task.is_walking) return;
  task.is_walking = walks;
  walkers_ += walks ? 1 : -1;
}

void PiChecker::OnAttr(const TaskAttr& attr) {
  TaskState& task = At(attr.pid);
  const bool is_boosted = task.known && task.eff != task.base;
  task.base = attr.prio;
  task.known = true;
  SetEff(attr.pid, is_boosted ? task.eff : attr.prio);
}

void PiChecker::SetEff(TaskId id, int32_t eff) {
  TaskState& task = At(id);
  task.eff = eff;
  Touch(id);
  if (!task.waits_on.valid()) return;
  LockState& lock = locks_[task.waits_on.index()];
  lock.waiters.Move(task.waits_at, LevelOf(eff));
  task.waits_at = LevelOf(eff);
  if (lock.owner.valid()) Touch(lock.owner);
}

void PiChecker::OnWord(const MutexWord& word) {
  LockState& lock = locks_[word.lock.index()];
  if (lock.owner == word.owner) return;
  if (lock.owner.valid()) {
    std::erase(At(lock.owner).owned, word.lock);
    Touch(lock.owner);
  }
  lock.owner = word.owner;
  if (lock.owner.valid()) {
    At(lock.owner).owned.push_back(word.lock);
    Touch(lock.owner);
  }
}

void PiChecker::OnWait(const MutexWait& wait) {
  if (wait.queue != MutexQueue::kWaitList) return;
  TaskState& task = At(wait.pid);
  if (task.waits_on.valid()) locks_[task.waits_on.index()].waiters.Remove(task.waits_at);
  task.waits_on = wait.joined != 0 ? wait.lock : LockId();
  LockState& lock = locks_[wait.lock.index()];
  if (wait.joined != 0) {
    task.waits_at = LevelOf(task.eff);
    lock.waiters.Add(task.waits_at);
  }
  if (lock.owner.valid()) Touch(lock.owner);
}

void PiChecker::OnSwitch(const SchedSwitch& change) {
  if (change.prev_pid != kIdleTask && change.prev_state.letter != 'R') {
    TaskState& prev = At(change.prev_pid);
    prev.is_awake = false;
    prev.is_unlocking = false;
    CountWalker(prev);
  }
  if (change.next_pid != kIdleTask) {
    TaskState& next = At(change.next_pid);
    next.is_awake = true;
    CountWalker(next);
  }
}

void PiChecker::OnEnd(const RunEnd& /*end*/) { Settle(); }

void PiChecker::Settle() {
  if (walkers_ > 0) return;
  for (std::size_t i = 0; i < dirty_.size(); ++i) Check(dirty_[i]);
  dirty_.clear();
}

void PiChecker::Check(TaskId id) {
  TaskState& task = At(id);
  task.dirty = false;
  if (!task.known) return;
  int32_t wanted = LevelOf(task.base);
  for (const LockId lock : task.owned) {
    wanted = std::min(wanted, locks_[lock.index()].waiters.First());
  }
  const bool was_broken = std::exchange(task.is_broken, LevelOf(task.eff) != wanted);
  if (!task.is_broken || was_broken) return;
  Violation violation;
  violation.id = "MX-I10";
  violation.at = now_;
  violation.task = id;
  violation.message = fmt::format("{} runs at prio {}, by its waiters it should be {}",
                                  info_->task_name(id), LevelOf(task.eff), wanted);
  sink_->Report(std::move(violation), ViolationSink::Severity::kContinue);
}

}  // namespace rqsim
