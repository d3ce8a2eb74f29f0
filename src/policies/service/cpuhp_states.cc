// The callbacks of a range of states, one after another (kernel/cpu.c:
// cpuhp_invoke_callback_range(), cpuhp_thread_fun()): the same path for the controller, the hotplug
// thread, the idle loop and the stop task.
// Tested by scenarios/hotplug/.
#include "service/cpuhp.h"
#include "service/cpuhp_steps.h"

namespace rqsim::cpuhp {

// The number changes before the callback runs, so a failing state is not the one that is undone
// first.
Next Cpuhp::NextState(Kernel& kernel, Frame& frame) {
  PerCpu& c = At(frame.r[kCpu]);
  const int limit = static_cast<int>(frame.r[kLimit]);
  const bool up = IsUp(frame);
  for (;;) {
    if (up ? c.state >= limit : c.state <= limit) return Next::Return(0);
    const int number = up ? ++c.state : c.state--;
    if (!table_.HasCallback(number, up)) continue;
    frame.r[kNumber] = number;
    return BeginCallback(kernel, frame);
  }
}

Next Cpuhp::BeginCallback(Kernel& kernel, Frame& frame) {
  const CpuId cpu = CpuOf(frame);
  PerCpu& c = At(cpu);
  const int number = static_cast<int>(frame.r[kNumber]);
  const bool up = IsUp(frame);
  if (c.fail == number) {
    // As if it had failed at once: it is not called, and takes no time.
    c.fail = -1;
    return IsAtomic(frame) ? NextState(kernel, frame) : Next::Return(kEAGAIN);
  }
  State& state = table_.at(number);
  if (state.is_multi) {
    frame.r[kSub] = -1;
    return NextInstance(kernel, frame);
  }
  CpuhpEnter enter;
  enter.cpu = cpu;
  enter.target = c.target;
  enter.idx = number;
  enter.up = up ? 1 : 0;
  kernel.Emit(enter);
  const Callback& callback = up ? state.up : state.down;
  return Next::Run(kCost, callback.exists ? callback.cost : kZeroCycles, ModeOf(frame));
}

// Instances come in the order of their list. Undoing stops before the one that failed.
Next Cpuhp::NextInstance(Kernel& kernel, Frame& frame) {
  PerCpu& c = At(frame.r[kCpu]);
  const int number = static_cast<int>(frame.r[kNumber]);
  const State& state = table_.at(number);
  const auto count = static_cast<int64_t>(state.instances.size());
  ++frame.r[kSub];
  if (frame.r[kSub] == count || frame.r[kSub] == c.last) {
    c.last = -1;
    return NextState(kernel, frame);
  }
  CpuhpMultiEnter enter;
  enter.cpu = CpuOf(frame);
  enter.target = c.target;
  enter.idx = number;
  enter.up = IsUp(frame) ? 1 : 0;
  enter.instance = state.instances[static_cast<std::size_t>(frame.r[kSub])].number;
  kernel.Emit(enter);
  return Next::Run(kInstance, (IsUp(frame) ? state.up : state.down).cost, ModeOf(frame));
}

Next Cpuhp::InstanceDone(Kernel& kernel, Frame& frame) {
  PerCpu& c = At(frame.r[kCpu]);
  const int number = static_cast<int>(frame.r[kNumber]);
  const State& state = table_.at(number);
  const bool undoes = frame.step == kInstanceUndone;
  const Instance& instance = state.instances[static_cast<std::size_t>(frame.r[kSub])];
  const bool fails = !undoes && (IsUp(frame) ? instance.fails_up : instance.fails_down);
  CpuhpExit exit;
  exit.cpu = CpuOf(frame);
  exit.state = c.state;
  exit.idx = number;
  exit.ret = fails ? static_cast<int32_t>(kEAGAIN) : 0;
  kernel.Emit(exit);
  if (!undoes && !fails) return NextInstance(kernel, frame);
  if (fails && number >= kOnlineIdle) {
    // The thread undoes them when it is kicked again.
    c.last = static_cast<int>(frame.r[kSub]);
    return Next::Return(kEAGAIN);
  }
  // The controller undoes at once those that were done.
  if (fails) {
    frame.r[kSubEnd] = frame.r[kSub];
    frame.r[kSub] = -1;
  }
  if (++frame.r[kSub] >= frame.r[kSubEnd]) return Next::Return(kEAGAIN);
  CpuhpMultiEnter enter;
  enter.cpu = CpuOf(frame);
  enter.target = c.target;
  enter.idx = number;
  enter.up = IsUp(frame) ? 0 : 1;
  enter.instance = state.instances[static_cast<std::size_t>(frame.r[kSub])].number;
  kernel.Emit(enter);
  return Next::Run(kInstanceUndone, (IsUp(frame) ? state.down : state.up).cost, ModeOf(frame));
}

// What the policies of the run have declared for this state comes after what the core does.
Next Cpuhp::NextDeclared(Kernel& kernel, Frame& frame, int position) {
  const State& state = table_.at(static_cast<int>(frame.r[kNumber]));
  const auto callbacks = kernel.hotplug_callbacks();
  for (int k = position; k < static_cast<int>(state.declared.size()); ++k) {
    const HotplugCallback& row =
        callbacks[static_cast<std::size_t>(state.declared[static_cast<std::size_t>(k)])];
    const PathId path = IsUp(frame) ? row.startup : row.teardown;
    if (!path.valid()) continue;
    frame.r[kSub] = k;
    const int64_t args[1] = {frame.r[kCpu]};
    return Next::Call(kDeclared, row.policy, path, args);
  }
  return EndCallback(kernel, frame, 0);
}

Next Cpuhp::EndCallback(Kernel& kernel, Frame& frame, int64_t result) {
  const PerCpu& c = At(frame.r[kCpu]);
  CpuhpExit exit;
  exit.cpu = CpuOf(frame);
  exit.state = c.state;
  exit.idx = static_cast<int32_t>(frame.r[kNumber]);
  exit.ret = static_cast<int32_t>(result);
  kernel.Emit(exit);
  if (result != 0 && !IsAtomic(frame)) return Next::Return(result);
  return NextState(kernel, frame);
}

RunMode Cpuhp::ModeOf(const Frame& frame) const {
  return IsAtomic(frame) ? RunMode::kIrqsOff : RunMode::kKernel;
}

Next Cpuhp::StatesStep(Kernel& kernel, Frame& frame) {
  if (frame.step == kNext) return NextState(kernel, frame);
  if (frame.step == kInstance || frame.step == kInstanceUndone) return InstanceDone(kernel, frame);
  if (frame.step == kDeclared) {
    if (frame.result != 0) return EndCallback(kernel, frame, frame.result);
    return NextDeclared(kernel, frame, static_cast<int>(frame.r[kSub]) + 1);
  }
  if (frame.step != kCost) return EffectStep(kernel, frame);
  const State& state = table_.at(static_cast<int>(frame.r[kNumber]));
  if (IsUp(frame) ? state.fails_up : state.fails_down) return EndCallback(kernel, frame, kEAGAIN);
  return Effect(kernel, frame);
}

}  // namespace rqsim::cpuhp
