#include "rqsim/recording.h"

#include <fmt/core.h>

#include "rqsim/ops.h"
#include "sim/views/event_text.h"

namespace rqsim {
namespace {

// How a record's `object` is to be read, by operation.
enum class ObjectKind : uint8_t { kNone, kLock, kCondvar, kSemaphore, kTask };

ObjectKind ObjectOf(OpKind kind) {
  switch (kind) {
    case OpKind::kLock:
    case OpKind::kUnlock:
    case OpKind::kTrylock:
      return ObjectKind::kLock;
    case OpKind::kWait:
    case OpKind::kSignal:
    case OpKind::kBroad:
    case OpKind::kSync:
      return ObjectKind::kCondvar;
    case OpKind::kSemPost:
    case OpKind::kSemWait:
      return ObjectKind::kSemaphore;
    case OpKind::kWake:
    case OpKind::kKill:
      return ObjectKind::kTask;
    case OpKind::kRun:
    case OpKind::kRuntime:
    case OpKind::kSleep:
    case OpKind::kTimer:
    case OpKind::kBarrier:
    case OpKind::kSuspend:
    case OpKind::kResume:
    case OpKind::kYield:
    case OpKind::kBlock:
    case OpKind::kSetSched:
    case OpKind::kSetAffinity:
    case OpKind::kFork:
    case OpKind::kExec:
    case OpKind::kExit:
    case OpKind::kPreemptOff:
    case OpKind::kIrqsOff:
    case OpKind::kMigrateDisable:
    case OpKind::kMigrateEnable:
    case OpKind::kLoop:
    case OpKind::kService:
      return ObjectKind::kNone;
  }
  return ObjectKind::kNone;
}

}  // namespace

RunNames::RunNames(const RunInfo& info)
    : scenario_(info.scenario()),
      policy_set_(info.policy_set()),
      num_cpus_(info.num_cpus()),
      tick_(info.tick()),
      policies_(info.policies()) {
  for (int i = 0; i < info.num_tasks(); ++i) {
    tasks_.emplace_back(info.task_name(TaskId(i)));
    is_kthread_.push_back(info.is_kthread(TaskId(i)));
  }
  for (int i = 0; i < info.num_locks(); ++i) locks_.emplace_back(info.lock_name(LockId(i)));
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    first_kinds_.push_back(info.first_event_kind(PolicyId(static_cast<int32_t>(i))));
  }
}

std::string RunNames::Task(TaskId task) const {
  return task.valid() && task.value() < num_tasks() ? tasks_[task.index()] : "none";
}

std::string RunNames::Lock(LockId lock) const {
  return lock.valid() && lock.value() < num_locks() ? locks_[lock.index()] : "none";
}

TaskId RunNames::FindTask(std::string_view name) const {
  for (int i = 0; i < num_tasks(); ++i) {
    if (tasks_[static_cast<std::size_t>(i)] == name) return TaskId(i);
  }
  return TaskId();
}

LockId RunNames::FindLock(std::string_view name) const {
  for (int i = 0; i < num_locks(); ++i) {
    if (locks_[static_cast<std::size_t>(i)] == name) return LockId(i);
  }
  return LockId();
}

std::string EventText(const RunInfo& info, const TraceEvent& event) {
  std::string line;
  AppendEventText(info, event, line);
  return line;
}

std::string OpText(const RunInfo& info, int32_t op, int32_t object) {
  const auto kind = static_cast<OpKind>(op);
  if (kind == OpKind::kService) {
    const int policy = object >> kServiceOpBits;
    const int which = object & ((1 << kServiceOpBits) - 1);
    const auto& policies = info.policies();
    if (object < 0 || policy >= static_cast<int>(policies.size())) return "service";
    const auto& ops = policies[static_cast<std::size_t>(policy)]->ops;
    if (which >= static_cast<int>(ops.size())) return "service";
    return std::string(ops[static_cast<std::size_t>(which)].name);
  }
  std::string text(OpInfoOf(kind).name);
  if (object < 0) return text;
  const auto index = static_cast<std::size_t>(object);
  const Scenario& scenario = info.scenario();
  std::string_view name;
  switch (ObjectOf(kind)) {
    case ObjectKind::kNone:
      return text;
    case ObjectKind::kLock:
      if (object < info.num_locks()) name = info.lock_name(LockId(object));
      break;
    case ObjectKind::kCondvar:
      if (index < scenario.condvars.size()) name = scenario.condvars[index];
      break;
    case ObjectKind::kSemaphore:
      if (index < scenario.semaphores.size()) name = scenario.semaphores[index].first;
      break;
    case ObjectKind::kTask:
      if (object < info.num_tasks()) name = info.task_name(TaskId(object));
      break;
  }
  return name.empty() ? text : fmt::format("{} {}", text, name);
}

void Recording::OnStart(const RunInfo& info, ViolationSink& /*sink*/) { info_ = &info; }

void Recording::OnEvent(const TraceEvent& event) {
  if (events_.size() >= limit_) {
    complete_ = false;
    return;
  }
  events_.push_back(event);
}

void Recording::OnEnd(const RunEnd& /*end*/) {
  TakeNames();
  info_ = nullptr;
}

void Recording::TakeNames() {
  if (info_ != nullptr) names_ = RunNames(*info_);
}

}  // namespace rqsim
