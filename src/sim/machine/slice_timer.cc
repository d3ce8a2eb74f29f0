// The slice timer of each CPU (Linux 7.2 kernel/sched/core.c: hrtick): one for all classes, so that
// one that a class has started counts for whoever is the donor when it expires.
#include "sim/machine/machine.h"

namespace rqsim {

// The end of a schedule(): what a class asked for meanwhile (core.c: hrtick_schedule_exit()).
void Machine::FinishHrtick(CpuId c) {
  CpuState& s = State(c);
  const Cpu& cpu = cpu_store_[c.index()];
  // A donor that nobody executes for has no slice that could end.
  const bool starts = s.starts_hrtick && cpu.curr != kIdleTask;
  s.starts_hrtick = false;
  if (starts) {
    ArmHrtick(c, cpu.switch_end + s.hrtick_after, s.hrtick_slop);
  } else if (s.hrtick_event != EventQueue::kNone && IsIdle(c)) {
    StopHrtick(c);
  }
}

void Machine::ArmHrtick(CpuId c, Time at, Cycles slop) {
  TakeTicks(c);
  CpuState& s = State(c);
  const bool queued = s.hrtick_event >= 0;
  if (queued) {
    const Time before = queue_.TimeOf(s.hrtick_event);
    if (at - before <= slop && before - at <= slop) return;
  }
  // MODEL-60: with completion_first a timer that is started again goes behind its equals.
  const bool first = timers_first_ && KeepsPlace(s.hrtick_event, at);
  StopHrtick(c);
  const uint32_t payload = Payload(Ev::kHrtick, c.value());
  s.hrtick_event = first ? queue_.PushFirst(at, Phase::kTimer, c, payload)
                         : queue_.Push(at, Phase::kTimer, c, payload);
  MutableCpu(c).hrtick_queued = true;
}

void Machine::StopHrtick(CpuId c) {
  CpuState& s = State(c);
  if (s.hrtick_event == EventQueue::kNone) return;
  CancelTimerEvent(s.hrtick_event, Payload(Ev::kHrtick, c.value()));
  MutableCpu(c).hrtick_queued = false;
}

}  // namespace rqsim
