// The periodic tick (machine.md 4.1): when a CPU has one, and when it comes.
#include "sim/machine/machine.h"

namespace rqsim {

void Machine::ArmTick(CpuId c) {
  CpuState& s = State(c);
  if (!facts_.tick_runs || s.tick_event != EventQueue::kNone) return;
  if (!cpu_store_[c.index()].online) return;
  const int64_t tick = facts_.tick.count();
  int64_t offset = 0;
  if (plan_.scenario.machine.skew_tick) offset = c.value() * (tick / 2 / Kernel::num_cpus());
  const int64_t since = now_.cycles() - offset;
  const int64_t k = since < 0 ? 0 : since / tick;
  PushTick(c, Time((k + 1) * tick + offset));
}

void Machine::PushTick(CpuId c, Time at) {
  State(c).tick_event = queue_.Push(at, order_.tick, c, Payload(Ev::kTick, c.value()));
  ++ticks_pending_;
}

void Machine::StopTick(CpuId c) {
  CpuState& s = State(c);
  if (s.tick_event == EventQueue::kNone) return;
  queue_.Cancel(s.tick_event);
  s.tick_event = EventQueue::kNone;
  --ticks_pending_;
}

// Whether a CPU that has just had its tick wants another one. A CPU of nohz_full asks its classes,
// from the strongest down to the one that runs: what is weaker does not get to run anyway (Linux
// 7.2 kernel/sched/core.c: sched_can_stop_tick(); MODEL-93).
bool Machine::TickWanted(CpuId c) {
  const MachineSpec& machine = plan_.scenario.machine;
  const Cpu& cpu = cpu_store_[c.index()];
  if (cpu.curr == kIdleTask) return machine.nohz == Nohz::kOff;
  if (!machine.nohz_full.Contains(c)) return true;
  const std::size_t last = task_store_[cpu.donor.index()].sched_class;
  for (std::size_t k = 0; k <= last; ++k) {
    if (!policies_.rows[policies_.class_ids[k].index()].hooks.Has(Hook::kNeedsTick)) continue;
    if (policies_.classes[k]->NeedsTick(*this, c)) return true;
  }
  return false;
}

// A CPU of nohz_full ticks as long as what is on its runqueue needs it.
void Machine::UpdateTick(CpuId c) {
  if (!plan_.scenario.machine.nohz_full.Contains(c)) return;
  TakeTicks(c);
  if (cpu_store_[c.index()].curr == kIdleTask) return;
  if (TickWanted(c)) {
    ArmTick(c);
  } else {
    StopTick(c);
  }
}

// A busy CPU ticks; an idle one keeps its tick until one has arrived, or stops it at once.
void Machine::TickOnSwitch(CpuId c) {
  const MachineSpec& machine = plan_.scenario.machine;
  if (cpu_store_[c.index()].curr != kIdleTask) {
    ArmTick(c);
    UpdateTick(c);
    return;
  }
  if (!cpu_store_[c.index()].online) {
    StopTick(c);
    return;
  }
  if (machine.nohz == Nohz::kIdle && machine.idle_tick == IdleTick::kStopAtOnce) {
    StopTick(c);
    SetTickless(c, true);
  }
}

}  // namespace rqsim
