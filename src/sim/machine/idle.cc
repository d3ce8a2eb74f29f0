// Idle states (machine.md 8): which one a CPU enters, and what leaving it takes. Entering costs
// nothing. Leaving delays whatever comes first, an interrupt's handler or schedule(), by the exit
// latency, as an overhead with interrupts off (MODEL-92).
#include "sim/machine/machine.h"

namespace rqsim {

// The oracle takes the deepest state that pays for itself until the CPU's own next timer, and the
// shallowest if there is none (Linux's governors predict instead).
int Machine::IdleStateFor(CpuId c) const {
  const MachineSpec& machine = plan_.scenario.machine;
  if (machine.idle_governor == IdleGovernor::kFixed) return machine.idle_fixed;
  Time next = kNever;
  queue_.ForEach([&](const EventKey& key) {
    const bool is_timer = key.phase() == Phase::kTimer || key.phase() == Phase::kTick;
    if (is_timer && key.cpu() == c && key.t() < next) next = key.t();
  });
  int state = 0;
  if (next == kNever) return state;
  for (std::size_t k = 1; k < machine.idle_states.size(); ++k) {
    if (machine.idle_states[k].target_residency <= next - now_) state = static_cast<int>(k);
  }
  return state;
}

// The CPU has nothing to do from now on. The very first spell, before time begins, is in no state.
void Machine::EnterIdle(CpuId c) {
  CpuState& s = State(c);
  s.mode = Mode::kIdle;
  if (s.idle_call_waits) {
    s.idle_call_waits = false;
    queue_.Push(now_, Phase::kIpi, c, Payload(Ev::kIdlePath, c.value()));
  }
  const MachineSpec& machine = plan_.scenario.machine;
  if (machine.idle_states.empty() || !cpu_store_[c.index()].online) return;
  s.idle_state = IdleStateFor(c);
  MutableCpu(c).idle_exit_latency =
      machine.idle_states[static_cast<std::size_t>(s.idle_state)].exit_latency;
}

// Leaves the idle state, if the CPU is in one. Returns whether that takes time, which begins now.
bool Machine::LeaveIdle(CpuId c) {
  CpuState& s = State(c);
  if (s.idle_state < 0 || s.mode != Mode::kIdle) return false;
  s.idle_state = -1;
  const Cycles latency = MutableCpu(c).idle_exit_latency;
  MutableCpu(c).idle_exit_latency = kZeroCycles;
  if (latency == kZeroCycles) return false;
  AddCost(c, CostId::kIdleExit, latency);
  BeginOverhead(c, After::kNothing);
  return true;
}

// Whether an idle CPU watches its need_resched flag, so that nobody has to send it an IPI.
bool Machine::PollsIdle(CpuId c) const {
  const CpuState& s = cpu_states_[c.index()];
  if (s.mode != Mode::kIdle) return false;
  const MachineSpec& machine = plan_.scenario.machine;
  return machine.idle_poll ||
         (s.idle_state >= 0 && machine.idle_states[static_cast<std::size_t>(s.idle_state)].polling);
}

}  // namespace rqsim
