// Ticks that decide nothing are no events. After a tick the machine asks the classes for the first
// instant at which one could change a decision, and lets the tick stand there; whatever touches the
// CPU before has the ticks in between taken first, one after another, each with its charge, its
// class's tick and its cost. So every rounding is the same, and so is every record: who wants to
// hear of each tick (Tick, SchedStatRuntime, segments of ticks that cost something) gets them all
// as events.
//
// A tick of this instant counts as taken once something that comes after it has been handled
// (`passed_`). Tested by tests/property/elision_test.cc, which compares runs with and without.
#include <algorithm>

#include "sim/machine/machine.h"

namespace rqsim {

// Whether ticks may be left out in this run (MODEL-96).
bool Machine::MayElideTicks() const {
  const MachineSpec& machine = plan_.scenario.machine;
  if (!machine.tick_elision || !facts_.tick_runs) return false;
  if (trace_.Wanted(EventKind::kTick) || trace_.Wanted(EventKind::kSchedStatRuntime)) return false;
  // A server that counts down tells of it at every charge.
  if (trace_.Wanted(EventKind::kSchedDlUpdate)) return false;
  for (std::size_t k = 0; k + 1 < policies_.classes.size(); ++k) {
    if (!HasHook(policies_.class_ids[k], Hook::kNextTick)) return false;
  }
  if (balances_on_tick_ && !HasHook(policies_.placement_id, Hook::kNextTick)) return false;
  if (!runqueue_loads_.empty()) return false;
  // Donors that wait to be looked at again count the events of an instant.
  if (lock_hook_resolves_) return false;
  // Among the timers it shares their interrupt and what that costs.
  if (timers_first_ && costs().c_timer > kZeroCycles) return false;
  if (costs().c_tick == kZeroCycles) return true;
  // A tick with a cost cuts segments, and may end in a way back to user mode that services see.
  return !timers_first_ && !trace_.Wanted(EventKind::kSegment) && !machine.irq_time_accounting &&
         user_return_services_.empty();
}

// Something of `phase` on `cpu` is being handled at this instant.
void Machine::NotePassed(Phase phase, CpuId cpu) {
  passed_ = std::max(passed_, PassKey(phase, cpu));
}

// The first instant at which a tick of this CPU could change a decision.
Time Machine::NextTickOfInterest(CpuId c) {
  const Time now = now_;
  now_ = State(c).charge_start;  // what the classes have booked
  Time next = kNever;
  for (std::size_t k = 0; k + 1 < policies_.classes.size(); ++k) {
    next = std::min(next, policies_.classes[k]->NextTickOfInterest(*this, c));
  }
  if (balances_on_tick_ && cpu_store_[c.index()].active) {
    next = std::min(next, policies_.placement->NextTickOfInterest(*this, c));
  }
  now_ = now;
  return next;
}

// The next tick is armed, and the CPU goes on with what it was doing: lets the tick stand at the
// first one that matters.
void Machine::TryElide(CpuId c) {
  CpuState& s = State(c);
  if (s.mode == Mode::kOverhead) return;  // when its cost has been spent
  s.wants_elision = false;
  const Cpu& cpu = cpu_store_[c.index()];
  const bool goes_on = s.mode == Mode::kRun && cpu.curr != kIdleTask &&
                       s.tick_event != EventQueue::kNone && !cpu.need_resched &&
                       !cpu.need_resched_lazy && !seg_end_due_.Test(c) && !resched_due_.Test(c);
  if (!goes_on || CurrMode(c) == RunMode::kIrqsOff) return;
  if (spinning_.Test(c) && (SpinOf(c).watch.interrupt || costs().c_tick > kZeroCycles)) return;
  if (task_store_[cpu.curr.index()].pending_signals != 0) return;
  const Time armed = queue_.TimeOf(s.tick_event);
  const Time interest = NextTickOfInterest(c);
  if (interest <= armed) return;
  s.elides = true;
  s.next_tick = armed;
  queue_.Cancel(s.tick_event);
  s.tick_event = EventQueue::kNone;
  --ticks_pending_;
  if (interest == kNever) return;
  const int64_t tick = facts_.tick.count();
  const int64_t ticks = ((interest - armed).count() + tick - 1) / tick;
  PushTick(c, armed + Cycles(ticks * tick));
}

// Takes the ticks of this CPU that have gone by, and arms the next one. This may be in the middle
// of a hook that has asked for something already: that waits for its own time.
void Machine::TakeElidedTicks(CpuId c) {
  CpuState& s = State(c);
  s.elides = false;
  const int32_t drained = drained_;
  drained_ = num_requests_;
  const Time now = now_;
  const auto is_over = [&](Time tick) {
    return tick < now || (tick == now && passed_ > PassKey(order_.tick, c));
  };
  bool any = false;
  bool in_handler = false;
  while (!in_handler && is_over(s.next_tick)) {
    any = true;
    const Time end = s.next_tick + costs().c_tick;
    in_handler = end > now || (end == now && passed_ <= PassKey(Phase::kCostEnd, c));
    in_handler ? TickInHandler(c) : TakeTick(c);
  }
  drained_ = drained;
  if (in_handler) return;
  if (s.tick_event != EventQueue::kNone && queue_.TimeOf(s.tick_event) > s.next_tick) StopTick(c);
  if (s.tick_event == EventQueue::kNone) PushTick(c, s.next_tick);
  if (any && costs().c_tick > kZeroCycles) RestartSegment(c);
}

// What a tick that decides nothing does, at its own instant; the next one follows.
void Machine::TickQuietly(CpuId c) {
  CpuState& s = State(c);
  s.next_tick += facts_.tick;
  Charge(c);
  const TaskId donor = cpu_store_[c.index()].donor;
  ClassOf(donor).Tick(*this, c, donor, TickKind::kPeriodic);
  Drain();
  RQSIM_CHECK(!cpu_store_[c.index()].need_resched);
  RQSIM_CHECK(!cpu_store_[c.index()].need_resched_lazy);
  ++s.sums.ticks;
  ++elided_ticks_;
}

// One tick that decides nothing, with its handler.
void Machine::TakeTick(CpuId c) {
  CpuState& s = State(c);
  const Time now = now_;
  now_ = s.next_tick;
  TickQuietly(c);
  const Cycles cost = costs().c_tick;
  if (cost > kZeroCycles) {
    WorkOff(c);
    CloseSpan(c, now_);
    s.sums.overhead[static_cast<std::size_t>(CostId::kTick)] += cost;
    s.seg_start = s.span_start = now_ + cost;
  }
  last_event_ = std::max(last_event_, now_ + cost);
  now_ = now;
}

// The last tick that was left out is still in its handler: from its end on it is as if it had been
// an event all along. It decided nothing, also for what has changed since.
void Machine::TickInHandler(CpuId c) {
  CpuState& s = State(c);
  const Time now = now_;
  const CpuId actor = actor_;
  now_ = s.next_tick;
  actor_ = c;
  last_event_ = std::max(last_event_, now_);
  if (s.tick_event != EventQueue::kNone) StopTick(c);
  TickQuietly(c);
  PushTick(c, s.next_tick);
  AddCost(c, CostId::kTick, costs().c_tick);
  BeginOverhead(c, After::kNothing);
  now_ = now;
  actor_ = actor;
}

// Ticks that cost something have pushed the end of the segment back.
void Machine::RestartSegment(CpuId c) {
  CpuState& s = State(c);
  const Level& level = Top(Ctx(c));
  if (level.resume != Resume::kSegment || s.end_event == EventQueue::kNone) return;
  queue_.Cancel(s.end_event);
  PushSegmentEnd(c, s.seg_start, level.remaining);
}

// The CPU joins or leaves those that idle without ticks: a reason for others to kick it, or none.
void Machine::SetTickless(CpuId c, bool tickless) {
  if (tickless_.Contains(c) == tickless) return;
  if (balances_on_tick_ && may_elide_) {
    for (int i = 0; i < Kernel::num_cpus(); ++i) TakeTicks(CpuId(i));
  }
  tickless ? tickless_.Add(c) : tickless_.Remove(c);
}

// Everything up to and including `t` has happened: also the ticks that were left out.
void Machine::TakeAllTicks(Time t) {
  now_ = t;
  passed_ = ~uint32_t{0};
  for (int i = 0; i < Kernel::num_cpus(); ++i) TakeTicks(CpuId(i));
  // The instant at which the run would stand if they had been events.
  now_ = last_event_;
}

}  // namespace rqsim
