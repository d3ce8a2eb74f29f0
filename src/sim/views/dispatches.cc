#include "sim/views/dispatches.h"

namespace rqsim {

EventMask Dispatches::Wants() const {
  return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                       EventKind::kSchedWakeupNew);
}

void Dispatches::OnStart(const RunInfo& info, ViolationSink& /*sink*/) {
  open_.assign(static_cast<std::size_t>(info.num_cpus()), std::nullopt);
  woken_.assign(static_cast<std::size_t>(info.num_tasks()), std::nullopt);
  done_.clear();
}

void Dispatches::OnEvent(const TraceEvent& event) {
  if (event.kind() != EventKind::kSchedSwitch) {
    const TaskId task = event.kind() == EventKind::kSchedWakeup ? event.As<SchedWakeup>().pid
                                                                : event.As<SchedWakeupNew>().pid;
    if (task.index() >= woken_.size()) woken_.resize(task.index() + 1);
    woken_[task.index()] = event.t;
    return;
  }
  const SchedSwitch change = event.As<SchedSwitch>();
  std::optional<Dispatch>& open = open_[event.cpu().index()];
  if (open) {
    // Woken while it was still there: no wait came of it.
    woken_[open->task.index()].reset();
    open->end = event.t;
    open->state = static_cast<char>(change.prev_state.letter);
    done_.push_back(*open);
    open.reset();
  }
  if (change.next_pid == kIdleTask) return;
  if (change.next_pid.index() >= woken_.size()) woken_.resize(change.next_pid.index() + 1);
  open.emplace();
  open->cpu = event.cpu();
  open->task = change.next_pid;
  open->woken = std::exchange(woken_[change.next_pid.index()], std::nullopt);
  open->start = event.t;
  open->state = '-';
}

void Dispatches::OnEnd(const RunEnd& /*end*/) {
  for (const std::optional<Dispatch>& open : open_) {
    if (open) done_.push_back(*open);
  }
}

}  // namespace rqsim
