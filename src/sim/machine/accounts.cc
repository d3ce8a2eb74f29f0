// Where the cycles of a CPU go: to the task that executes, to the donor that pays, and, span by
// span, to what the CPU does.

#include "sim/machine/machine.h"

#include <algorithm>

namespace rqsim {

// Books the cycles since the last charge: executed by curr, charged to the donor.
void Machine::Charge(CpuId c) {
  TakeTicks(c);
  CpuState& s = State(c);
  Cycles length = now_ - s.charge_start;
  if (plan_.scenario.machine.irq_time_accounting) length -= IrqTime(s) - s.irq_at_mark;
  MarkCharged(s);
  const Cpu& cpu = cpu_store_[c.index()];
  if (length <= kZeroCycles) return;
  if (cpu.curr == kIdleTask) {
    if (server_class_ >= 0) {
      ChargeServer(c, length);
      Drain();
    }
    return;
  }
  // A schedule() that a window holds has no donor: who executes it pays.
  const TaskId donor = cpu.donor == kIdleTask ? cpu.curr : cpu.donor;
  contexts_[cpu.curr.index()].sums.exec += length;
  contexts_[donor.index()].sums.charged += length;
  if (server_class_ >= 0 && task_store_[donor.index()].sched_class == served_class_) {
    ChargeServer(c, length);
  }
  if (donor == cpu.donor) ClassOf(donor).Charge(*this, c, donor, cpu.curr, length);
  Emit(c, SchedStatRuntime{length, cpu.curr, donor});
  Drain();
}

// From now on time counts for the next charge.
void Machine::MarkCharged(CpuState& s) {
  s.charge_start = now_;
  if (plan_.scenario.machine.irq_time_accounting) s.irq_at_mark = IrqTime(s);
}

// What this CPU has spent in interrupt handlers, the present one up to now included (MODEL-90).
Cycles Machine::IrqTime(const CpuState& s) const {
  Cycles total = s.irq_time;
  if (s.mode != Mode::kOverhead) return total;
  Time at = s.overhead_start;
  for (int p = 0; p < s.num_parts && at < now_; ++p) {
    const OverheadPart& part = s.parts[static_cast<std::size_t>(p)];
    const Time end = std::min(now_, at + part.length);
    if (part.is_irq) total += end - at;
    at = end;
  }
  return total;
}

// From now on this CPU does `kind`.
void Machine::Span(CpuId c, SegmentKind kind, bool progress) {
  CpuState& s = State(c);
  const Cpu& cpu = cpu_store_[c.index()];
  if (s.span_kind == kind && s.span_progress == progress && s.span_curr == cpu.curr &&
      s.span_donor == cpu.donor) {
    return;
  }
  CloseSpan(c, now_);
  s.span_kind = kind;
  s.span_progress = progress;
  s.span_curr = cpu.curr;
  s.span_donor = cpu.donor;
}

void Machine::CloseSpan(CpuId c, Time end) {
  CpuState& s = State(c);
  const Cycles length = end - s.span_start;
  if (length > kZeroCycles) {
    switch (s.span_kind) {
      case SegmentKind::kIdle:
        s.sums.idle += length;
        break;
      case SegmentKind::kOffline:
        s.sums.offline += length;
        break;
      case SegmentKind::kUser:
        s.sums.user += length;
        break;
      case SegmentKind::kKernel:
        s.sums.kernel += length;
        break;
      default:
        s.sums.overhead[static_cast<std::size_t>(s.span_kind) -
                        static_cast<std::size_t>(SegmentKind::kOverheadFirst)] += length;
        break;
    }
    if (s.span_progress && s.span_curr != kIdleTask)
      contexts_[s.span_curr.index()].sums.work += length;
    trace_.Emit(
        end, c,
        Segment{s.span_start, s.span_curr, s.span_donor, s.span_kind, s.span_progress ? 1 : 0});
  }
  s.span_start = end;
}

// Books an overhead's parts one after another, up to `stop`.
void Machine::BookOverhead(CpuId c, Time stop) {
  CpuState& s = State(c);
  Time at = s.overhead_start;
  const Cpu& cpu = cpu_store_[c.index()];
  for (int p = 0; p < s.num_parts && at < stop; ++p) {
    const OverheadPart& part = s.parts[static_cast<std::size_t>(p)];
    const Time begin = at;
    at = std::min(stop, at + part.length);
    // With irq_time_accounting a handler's time is nobody's.
    const bool is_nobodys = part.is_irq && plan_.scenario.machine.irq_time_accounting;
    if (part.is_irq) s.irq_time += at - begin;
    s.span_kind = static_cast<SegmentKind>(static_cast<int32_t>(SegmentKind::kOverheadFirst) +
                                           static_cast<int32_t>(part.cost));
    s.span_progress = false;
    s.span_curr = is_nobodys ? kIdleTask : cpu.curr;
    // As Charge has it: a schedule() that a window holds has no donor.
    const TaskId payer = cpu.donor == kIdleTask ? cpu.curr : cpu.donor;
    s.span_donor = is_nobodys ? kIdleTask : payer;
    CloseSpan(c, at);
  }
}

}  // namespace rqsim
