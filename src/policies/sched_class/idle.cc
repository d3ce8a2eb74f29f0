// The idle class: the idle task of each CPU, which is always runnable and weaker than everything.
//
// Origin: Linux 7.2 kernel/sched/idle.c, the scheduling class at its end; classes.md 8.
// What differs: the idle task is on no queue here, as in the kernel, so Enqueue and Dequeue are
// never asked for. Cost: every hook O(1). Tested by
// tests/unit/policies/sched_class/stop_idle_test.cc.
#include "policies.h"
#include "rqsim/check.h"

namespace rqsim {
namespace {

class Idle final : public SchedClass {
 public:
  void Enqueue(Kernel&, CpuId, TaskId, QueueReason) override {
    CheckFailed("the idle task is never enqueued", __FILE__, __LINE__);
  }
  DequeueResult Dequeue(Kernel&, CpuId, TaskId, QueueReason) override {
    CheckFailed("the idle task never sleeps", __FILE__, __LINE__);
  }
  PickResult Pick(Kernel&, CpuId) override { return PickResult::Run(kIdleTask); }
  void PutPrev(Kernel&, CpuId, TaskId) override {}
  void SetNext(Kernel&, CpuId, TaskId, SetNextReason) override {}
  void Charge(Kernel&, CpuId, TaskId, TaskId, Cycles) override {}
  // Whoever wakes is stronger; a request on an idle CPU is never lazy.
  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId, WakeFlags) override {
    kernel.Resched(cpu, ReschedKind::kFull);
  }
  void Tick(Kernel&, CpuId, TaskId, TickKind) override {}
};

}  // namespace

constinit const PolicyInfo kIdleClassInfo = {
    .name = "idle",
    .seam = Seam::kSchedClass,
    .summary = "the idle task of each CPU",
    .source = "Linux 7.2 kernel/sched/idle.c",
    .sched_policies = 1u << static_cast<unsigned>(SchedPolicy::kSwapper),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeIdleClass(const PolicyParams&, const Limits&) {
  return std::make_unique<Idle>();
}

}  // namespace rqsim
