// The stop class: one task per CPU, above everything. It migrates running tasks, takes CPUs down,
// stops the machine.
//
// Origin: Linux 7.2 kernel/sched/stop_task.c; classes.md 8.
// What differs: nothing. It has no accounting of its own and is never preempted.
// Cost: every hook O(1).
// Tested by tests/unit/policies/sched_class/stop_idle_test.cc.
#include <vector>

#include "policies.h"
#include "rqsim/check.h"

namespace rqsim {
namespace {

class Stop final : public SchedClass {
 public:
  explicit Stop(const Limits& limits) : queued_(static_cast<std::size_t>(limits.num_cpus)) {}

  HookMask Hooks() const override { return Hook::kNextTick; }

  void Enqueue(Kernel&, CpuId cpu, TaskId task, QueueReason) override {
    RQSIM_CHECK(!queued_[cpu.index()].valid());
    queued_[cpu.index()] = task;
  }
  DequeueResult Dequeue(Kernel&, CpuId cpu, TaskId task, QueueReason) override {
    RQSIM_CHECK(queued_[cpu.index()] == task);
    queued_[cpu.index()] = TaskId();
    return DequeueResult::kGone;
  }
  PickResult Pick(Kernel&, CpuId cpu) override {
    const TaskId task = queued_[cpu.index()];
    return task.valid() ? PickResult::Run(task) : PickResult::Nothing();
  }
  void PutPrev(Kernel&, CpuId, TaskId) override {}
  void SetNext(Kernel&, CpuId, TaskId, SetNextReason) override {}
  void Charge(Kernel&, CpuId, TaskId, TaskId, Cycles) override {}
  void WakeupPreempt(Kernel&, CpuId, TaskId, WakeFlags) override {}
  void Tick(Kernel&, CpuId, TaskId, TickKind) override {}
  Time NextTickOfInterest(Kernel&, CpuId) override { return kNever; }

 private:
  std::vector<TaskId> queued_;  // by CPU; invalid: its stop task has no work
};

}  // namespace

constinit const PolicyInfo kStopClassInfo = {
    .name = "stop",
    .seam = Seam::kSchedClass,
    .summary = "the stop task of each CPU, above every other task",
    .source = "Linux 7.2 kernel/sched/stop_task.c",
    .sched_policies = 1u << static_cast<unsigned>(SchedPolicy::kStop),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeStopClass(const PolicyParams&,
                                                          const Limits& limits) {
  return std::make_unique<Stop>(limits);
}

}  // namespace rqsim
