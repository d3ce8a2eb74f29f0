// States and instances that come and go while CPUs are online (Linux 7.2 kernel/cpu.c:
// __cpuhp_setup_state(), __cpuhp_state_add_instance() and their opposites). All of it happens under
// the reader lock, so no CPU comes or goes meanwhile, and a CPU is served if and only if its state
// is past the one that is registered: there is no registration race (hotplug.md 5.7).
//
// Cost: O(CPUs). Tested by scenarios/hotplug/.
#include <algorithm>

#include "service/cpuhp.h"

namespace rqsim::cpuhp {
namespace {

constexpr StepId kEnter{0}, kInside{1}, kRanHere{2}, kRanThere{3};

// Registers: state, number of the instance; the CPU that is served, the result, and while those
// before a failure are undone the CPU that failed (else all of them are served).
constexpr int kState = 0, kInstance = 1, kAt = 2, kResult = 3, kUntil = 4, kUndoes = 5;

int StateOf(const Frame& frame) { return static_cast<int>(frame.r[kState]); }
bool IsAdding(const Frame& frame) {
  return frame.path == kSetupStateOp || frame.path == kAddInstanceOp;
}
bool IsOfInstance(const Frame& frame) {
  return frame.path == kAddInstanceOp || frame.path == kRemoveInstanceOp;
}
Single SingleOf(const Frame& frame) {
  const int instance = IsOfInstance(frame) ? static_cast<int>(frame.r[kInstance]) : 0;
  return {StateOf(frame), instance, IsAdding(frame) != (frame.r[kUndoes] != 0)};
}

auto Find(std::vector<Instance>& list, int number) {
  return std::find_if(list.begin(), list.end(),
                      [number](const Instance& instance) { return instance.number == number; });
}

}  // namespace

Next Cpuhp::RegisterStep(Kernel& kernel, Frame& frame) {
  if (frame.step == kRanHere) {
    const CpuId cpu(static_cast<int32_t>(frame.r[kAt]));
    return CallDone(kernel, frame, ExitSingle(kernel, cpu, SingleOf(frame)));
  }
  if (frame.step == kRanThere) {
    const PerCpu& c = At(frame.r[kAt]);
    if (c.should_run) return Next::Block(kRanThere, TaskState::kUninterruptible);
    return CallDone(kernel, frame, c.result);
  }
  if (frame.step == kEnter) {
    const int64_t number = frame.r[kState];
    if (number <= kOffline || number >= kOnline || IsAtomic(static_cast<int>(number))) {
      return Next::Return(kEINVAL);
    }
    State& state = table_.at(static_cast<int>(number));
    std::vector<Instance>& list = IsAdding(frame) ? state.later : state.instances;
    const bool is_there = IsOfInstance(frame)
                              ? Find(list, static_cast<int>(frame.r[kInstance])) != list.end()
                              : state.is_registered != IsAdding(frame);
    if (is_toy_ || state.name.empty() || !is_there) return Next::Return(kEINVAL);
    if (!readers_.Take(frame.task, KeepsReadersOut())) {
      return Next::Block(kInside, TaskState::kUninterruptible);
    }
  }
  frame.r[kAt] = -1;
  frame.r[kUntil] = kernel.num_cpus();
  return NextServed(kernel, frame);
}

Next Cpuhp::NextServed(Kernel& kernel, Frame& frame) {
  while (++frame.r[kAt] < frame.r[kUntil]) {
    if (At(frame.r[kAt]).state < StateOf(frame)) continue;
    return IssueCall(kernel, frame, CpuId(static_cast<int32_t>(frame.r[kAt])));
  }
  return EndRegister(kernel, frame);
}

// cpuhp_issue_call(): what belongs to the CPU is run by its thread, the rest here.
Next Cpuhp::IssueCall(Kernel& kernel, Frame& frame, CpuId cpu) {
  const Single single = SingleOf(frame);
  const State& state = table_.at(single.state);
  if (!(single.up ? state.up : state.down).exists) return CallDone(kernel, frame, 0);
  if (single.state >= kOnlineIdle) {
    At(cpu).single = single;
    Kick(kernel, cpu, frame.task);
    return Next::Block(kRanThere, TaskState::kUninterruptible);
  }
  if (At(cpu).fail == single.state) {
    At(cpu).fail = -1;
    return CallDone(kernel, frame, kEAGAIN);
  }
  EnterSingle(kernel, cpu, single);
  return Next::Run(kRanHere, (single.up ? state.up : state.down).cost, RunMode::kKernel);
}

// An error on the way up undoes the CPUs that were served. A teardown must not fail, here or when
// something is removed: that is BUG() in cpuhp_issue_call(), and taken for done here (MODEL-300).
Next Cpuhp::CallDone(Kernel& kernel, Frame& frame, int64_t result) {
  if (result < 0 && !SingleOf(frame).up) {
    Set(kernel, kRemovalFailedEvent, frame.r[kAt], StateOf(frame), result);
  }
  if (result < 0 && IsAdding(frame) && frame.r[kUndoes] == 0) {
    frame.r[kResult] = result;
    frame.r[kUndoes] = 1;
    frame.r[kUntil] = frame.r[kAt];
    frame.r[kAt] = -1;
  }
  return NextServed(kernel, frame);
}

Next Cpuhp::EndRegister(Kernel& kernel, Frame& frame) {
  State& state = table_.at(StateOf(frame));
  const int number = static_cast<int>(frame.r[kInstance]);
  if (frame.r[kResult] == 0 && !IsOfInstance(frame)) state.is_registered = IsAdding(frame);
  if (frame.r[kResult] == 0 && IsOfInstance(frame)) {
    std::vector<Instance>& from = IsAdding(frame) ? state.later : state.instances;
    std::vector<Instance>& to = IsAdding(frame) ? state.instances : state.later;
    const auto found = Find(from, number);
    // The newest stands first.
    if (found != from.end()) {
      to.insert(to.begin(), *found);
      from.erase(found);
    }
  }
  readers_.Leave(frame.task);
  if (readers_.empty()) Dispatch(kernel);
  return Next::Return(frame.r[kResult]);
}

void Cpuhp::EnterSingle(Kernel& kernel, CpuId cpu, const Single& single) {
  const PerCpu& c = At(cpu);
  if (single.instance > 0) {
    CpuhpMultiEnter enter;
    enter.cpu = cpu;
    enter.target = c.target;
    enter.idx = single.state;
    enter.up = single.up ? 1 : 0;
    enter.instance = single.instance;
    kernel.Emit(enter);
    return;
  }
  CpuhpEnter enter;
  enter.cpu = cpu;
  enter.target = c.target;
  enter.idx = single.state;
  enter.up = single.up ? 1 : 0;
  kernel.Emit(enter);
}

int64_t Cpuhp::ExitSingle(Kernel& kernel, CpuId cpu, const Single& single) {
  State& state = table_.at(single.state);
  bool fails = single.up ? state.fails_up : state.fails_down;
  for (std::vector<Instance>* list : {&state.instances, &state.later}) {
    const auto found = Find(*list, single.instance);
    if (found != list->end()) fails = single.up ? found->fails_up : found->fails_down;
  }
  CpuhpExit exit;
  exit.cpu = cpu;
  exit.state = At(cpu).state;
  exit.idx = single.state;
  exit.ret = fails ? static_cast<int32_t>(kEAGAIN) : 0;
  kernel.Emit(exit);
  return exit.ret;
}

}  // namespace rqsim::cpuhp
