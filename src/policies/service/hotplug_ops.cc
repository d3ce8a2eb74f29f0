// Subsystems that use the set of online CPUs (hotplug.md 3, R2 and R3; section 2 for what counts as
// a section; MODEL-232). Who is right is for the checkers to say: here somebody asks, works, and is
// done. Cost: O(1) a step. Tested by scenarios/hotplug/.
#include "service/hotplug_ops.h"

namespace rqsim::hotplug {
namespace {

constexpr StepId kEnter{0}, kOver{1};

struct Use {
  int64_t cpu = -1;  // -1: all that are online
  bool answer = true;
  bool is_covered = false;
};

void EmitRelies(Kernel& kernel, PolicyId self, TaskId task, const Use& use, bool begins) {
  PolicyEventPayload payload;
  payload.wide[0] = use.cpu;
  payload.wide[1] = begins ? 1 : 0;
  payload.narrow[0] = task.value();
  payload.narrow[1] = use.answer ? 1 : 0;
  payload.narrow[2] = use.is_covered ? 1 : 0;
  kernel.EmitDeclared(self, kReliesEvent, payload);
}

void EmitSection(Kernel& kernel, PolicyId self, const Frame& frame, bool begins) {
  PolicyEventPayload payload;
  payload.wide[0] = begins ? 1 : 0;
  payload.wide[1] = frame.cpu.value();
  payload.narrow[0] = frame.task.value();
  kernel.EmitDeclared(self, kSectionEvent, payload);
}

// Registers: CPU, cycles, role; the answer, whether it is covered.
Next TestStep(Kernel& kernel, PolicyId self, const Readers& readers, Frame& frame) {
  constexpr int kAnswer = 3, kCovered = 4;
  if (frame.r[0] < 0 || frame.r[0] >= kernel.num_cpus() || frame.r[1] < 0) {
    return Next::Return(kEINVAL);
  }
  const CpuId cpu(static_cast<int32_t>(frame.r[0]));
  if (frame.step == kEnter) {
    frame.r[kAnswer] = kernel.cpu(cpu).online ? 1 : 0;
    frame.r[kCovered] = frame.r[2] != 0 || readers.Has(frame.task) ? 1 : 0;
  }
  const Use use{frame.r[0], frame.r[kAnswer] != 0, frame.r[kCovered] != 0};
  if (frame.step == kEnter) {
    EmitSection(kernel, self, frame, true);
    EmitRelies(kernel, self, frame.task, use, true);
    return Next::Run(kOver, Cycles(frame.r[1]), RunMode::kKernelNoPreempt);
  }
  EmitRelies(kernel, self, frame.task, use, false);
  EmitSection(kernel, self, frame, false);
  return Next::Return(frame.r[kAnswer]);
}

// Registers: cycles, role; the CPU that it works for, how many there were, whether it is covered.
Next ForEachStep(Kernel& kernel, PolicyId self, const Readers& readers, Frame& frame) {
  constexpr int kAt = 2, kCount = 3, kCovered = 4;
  if (frame.r[0] < 0) return Next::Return(kEINVAL);
  CpuId next;
  if (frame.step == kEnter) {
    frame.r[kCovered] = frame.r[1] != 0 || readers.Has(frame.task) ? 1 : 0;
    EmitRelies(kernel, self, frame.task, {.is_covered = frame.r[kCovered] != 0}, true);
    next = kernel.online().First();
  } else {
    next = kernel.online().After(CpuId(static_cast<int32_t>(frame.r[kAt])));
  }
  if (next.valid()) {
    frame.r[kAt] = next.value();
    ++frame.r[kCount];
    return Next::Run(kOver, Cycles(frame.r[0]), RunMode::kKernel);
  }
  EmitRelies(kernel, self, frame.task, {.is_covered = frame.r[kCovered] != 0}, false);
  return Next::Return(frame.r[kCount]);
}

}  // namespace

Next UserStep(Kernel& kernel, PolicyId self, const Readers& readers, Frame& frame) {
  if (frame.path == kTestOp) return TestStep(kernel, self, readers, frame);
  if (frame.path == kForEachOp) return ForEachStep(kernel, self, readers, frame);
  if (frame.r[0] < 0) return Next::Return(kEINVAL);
  EmitSection(kernel, self, frame, frame.step == kEnter);
  if (frame.step == kOver) return Next::Return(0);
  return Next::Run(kOver, Cycles(frame.r[0]), RunMode::kKernelNoPreempt);
}

}  // namespace rqsim::hotplug
