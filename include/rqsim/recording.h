// Keeps the events of a run together with the names that they need, so that a test, a comparison or
// an embedder can look at them when the simulation is gone. As text an event is one line:
//
//   3 0 sched_switch prev_comm=H prev_pid=2 prev_prio=89 prev_state=D next_comm=idle next_pid=0
//   │ └ CPU, "-" if the event belongs to none
//   └ instant in cycles
#ifndef RQSIM_RECORDING_H_
#define RQSIM_RECORDING_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/listener.h"
#include "rqsim/policy.h"
#include "rqsim/trace_event.h"

namespace rqsim {

// The names and sizes of a run, kept: what a RunInfo said when it was taken.
class RunNames final : public RunInfo {
 public:
  RunNames() = default;
  explicit RunNames(const RunInfo& info);

  const Scenario& scenario() const override { return scenario_; }
  std::string_view policy_set() const override { return policy_set_; }
  int num_cpus() const override { return num_cpus_; }
  int num_locks() const override { return static_cast<int>(locks_.size()); }
  int num_tasks() const override { return static_cast<int>(tasks_.size()); }
  std::string_view task_name(TaskId task) const override { return tasks_[task.index()]; }
  bool is_kthread(TaskId task) const override { return is_kthread_[task.index()]; }
  std::string_view lock_name(LockId lock) const override { return locks_[lock.index()]; }
  Cycles tick() const override { return tick_; }
  const std::vector<const PolicyInfo*>& policies() const override { return policies_; }
  EventKind first_event_kind(PolicyId policy) const override {
    return first_kinds_[policy.index()];
  }

  // "none" for an id that names nothing.
  std::string Task(TaskId task) const;
  std::string Lock(LockId lock) const;
  // Invalid if there is none of that name.
  TaskId FindTask(std::string_view name) const;
  LockId FindLock(std::string_view name) const;

 private:
  Scenario scenario_;
  std::string policy_set_;
  int num_cpus_ = 0;
  Cycles tick_;
  std::vector<std::string> tasks_, locks_;
  std::vector<bool> is_kthread_;
  std::vector<const PolicyInfo*> policies_;
  std::vector<EventKind> first_kinds_;
};

// The line of `event`, without a newline.
std::string EventText(const RunInfo& info, const TraceEvent& event);

// An operation as scenarios write it: "lock A", "sleep". `op` and `object` as in OpEnd.
std::string OpText(const RunInfo& info, int32_t op, int32_t object);

class Recording final : public Listener {
 public:
  // 48 bytes each. A run with more keeps the first of them and is not `complete`.
  static constexpr std::size_t kDefaultLimit = std::size_t{1} << 22;

  explicit Recording(const EventMask& wants, std::size_t limit = kDefaultLimit)
      : wants_(wants), limit_(limit) {}

  EventMask Wants() const override { return wants_; }
  void OnStart(const RunInfo& info, ViolationSink& sink) override;
  void OnEvent(const TraceEvent& event) override;
  void OnEnd(const RunEnd& end) override;

  const std::vector<TraceEvent>& events() const { return events_; }
  const RunNames& names() const { return names_; }
  bool complete() const { return complete_; }
  std::string Text(const TraceEvent& event) const { return EventText(names_, event); }
  // For a run that is looked at before its end: takes the names as they are now.
  void TakeNames();

 private:
  EventMask wants_;
  std::size_t limit_;
  bool complete_ = true;
  const RunInfo* info_ = nullptr;
  RunNames names_;
  std::vector<TraceEvent> events_;
};

}  // namespace rqsim

#endif  // RQSIM_RECORDING_H_
