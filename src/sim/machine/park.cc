// Kernel threads of the scenario that are parked while their CPU is down (smpboot). A program parks
// between two operations; a `block` or `sleep` that the request ends begins anew when it goes on
// (MODEL-189).
#include "sim/machine/machine.h"

namespace rqsim {

// The path of the machine that parks; the machine's other paths are the stop task's and those of
// operations (ops.cc).
constexpr PathId kParkPath{2 + static_cast<int32_t>(OpKind::kService)};
constexpr StepId kParkEntry{0};
constexpr StepId kAnew{1};

PathCall Machine::ParkCall() { return PathCall::To(kParkPath); }

// kthread_park(), as far as the thread is concerned. `waiter` is woken when it is parked.
void Machine::AskToPark(TaskId task, TaskId waiter) {
  Context& ctx = contexts_[task.index()];
  MutableTask(task).should_park = true;
  ctx.park_waiter = waiter;
  if (ctx.program >= 0 && ctx.op_pc >= 0) {
    // Other waits end by themselves, and then it parks.
    const Instr& instr = plan_.programs.programs[static_cast<std::size_t>(ctx.program)]
                             .code[static_cast<std::size_t>(ctx.op_pc)];
    if (instr.kind != OpKind::kBlock && instr.kind != OpKind::kSleep) return;
  }
  WakeTask(task, WakeFlags::kNone);
}

// Between two operations of a program. Returns whether the task parks first.
bool Machine::ParksFirst(CpuId c, Context& ctx) {
  if (!task_store_[ctx.base.frame.task.index()].should_park) return false;
  PushHook(c, ctx, PolicyId(0), ParkCall());
  return true;
}

Next Machine::ParkStep(Frame& frame) {
  if (!task_store_[frame.task.index()].should_park) return Next::Return(0);
  TaskId& waiter = contexts_[frame.task.index()].park_waiter;
  if (waiter.valid()) WakeTask(waiter, WakeFlags::kNone);
  waiter = TaskId();
  return Next::Block(kParkEntry, TaskState::kParked);
}

// A wait of the operation is over because the thread is to park.
bool Machine::ParksInside(const Frame& frame, OpKind kind) const {
  return task_store_[frame.task.index()].should_park && frame.step != kAnew &&
         (kind == OpKind::kBlock || kind == OpKind::kSleep);
}

// A thread whose CPU is not there is made parked (kernel/smpboot.c: __smpboot_create_thread()), by
// kthreadd and not by who asked for it (MODEL-189).
bool Machine::StartsParked(TaskId task) {
  Task& t = MutableTask(task);
  const KthreadAffinity* const affinity = kthread_affinity(task);
  if (affinity == nullptr || affinity->kind != KthreadKind::kPerCpu) return false;
  const CpuId cpu = t.cpus_allowed.First();
  if (online_.Contains(cpu)) return false;
  CreateKthread(task);
  CallAboutKthread(KthreadCall::Kind::kFirstWake, task, CpuSet());
  contexts_[task.index()].started = now_;
  t.cpu = t.wake_cpu = cpu;
  t.state = TaskState::kParked;
  t.should_park = true;
  NotifyTask(task, TaskChange::kNew);
  return true;
}

}  // namespace rqsim
