// `machine.ties: timers_first`, the order of the recordings of the kernel (machine.md 2.5): at one
// instant all clock events come before the runs that end then, so that a tick or a wake-up still
// finds the task running. Meant for costs and latencies of 0; what the recordings lack is placed as
// the end of that section says.
//
// The queue does most of it: ticks are timers among timers there, and ends of segments come after
// them (TieOrder). What is left is what a clock event or a finished run causes on any CPU; it comes
// to its end first.
#include "sim/machine/machine.h"

namespace rqsim {

// Handles the first event of the present instant. False if there is none left at it.
bool Machine::StepTimersFirst() {
  const bool queued = !queue_.empty() && queue_.TopKey().t() == now_;
  const Phase phase = queued ? queue_.TopKey().phase() : Phase::kResched;
  // What the last step has caused: IPIs arrive at once, and whoever is not inside a `run` goes on
  // until it is.
  // None of this makes a tick of this instant one that has been.
  if (!cost_end_due_.empty()) return StepOn(Phase::kCostEnd, cost_end_due_.First());
  if (phase <= Phase::kIpi) return StepOnTop();
  if (const CpuId c = FirstInKernel(); c.valid()) return StepOn(Phase::kSegEnd, c);
  if (!resched_due_.empty()) return StepOn(Phase::kResched, resched_due_.First());
  // All expired timers of the lowest CPU that has one: one interrupt (TimerInterrupt).
  if (phase == Phase::kTimer) {
    NotePassed(phase, queue_.TopKey().cpu());
    return StepOnTop();
  }
  // The lowest CPU whose task has finished its run.
  const CpuId c = seg_end_due_.empty() ? CpuId() : seg_end_due_.First();
  if (c.valid() && (phase != Phase::kFinishedRun || c < queue_.TopKey().cpu())) {
    NotePassed(Phase::kFinishedRun, c);
    return StepOn(Phase::kSegEnd, c);
  }
  if (!queued) return !waiting_to_retry_.empty() && LookAgainBeforeTimePasses();
  NotePassed(phase, queue_.TopKey().cpu());
  return StepOnTop();
}

// Handles what is due on `c` without being in the queue.
bool Machine::StepOn(Phase phase, CpuId c) {
  TakeTicks(c);
  HandleDue(phase, c);
  return true;
}

// Handles the first event in the queue, unless a tick that comes before it was left out.
bool Machine::StepOnTop() {
  const EventKey key = queue_.TopKey();
  TakeTicks(key.cpu());
  if (!queue_.empty() && queue_.TopKey().order == key.order) HandleTop();
  return true;
}

// The lowest CPU whose task goes on at this instant without having been found at the end of a run.
CpuId Machine::FirstInKernel() {
  if (seg_end_due_.empty()) return CpuId();
  for (CpuId c = seg_end_due_.First(); c.valid(); c = seg_end_due_.After(c)) {
    if (Top(Ctx(c)).resume != Resume::kSegment) return c;
  }
  return CpuId();
}

// Whether a timer that is started again while it is queued comes before the others of its new
// expiry, though they were armed earlier: its place in the CPU's queue still fits, just before the
// next one (Linux 7.2 kernel/time/hrtimer.c: hrtimer_can_update_in_place()).
bool Machine::KeepsPlace(EventQueue::Handle timer, Time at) const {
  return timer >= 0 && at > queue_.TimeOf(timer) && queue_.TimeOfNext(timer) == at;
}

}  // namespace rqsim
