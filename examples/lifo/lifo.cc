// Last in, first out: whoever came last has the CPU. Not a good idea, and a short one.
//
// Each CPU has a stack of its queued tasks, the donor among them. A wake-up always preempts,
// because the woken task is now on top. Tested by examples/lifo/main.cc.
#include "lifo.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace {

using namespace rqsim;  // NOLINT(google-build-using-namespace): a source file of its own

class Lifo final : public SchedClass {
 public:
  explicit Lifo(const Limits& limits) : stacks_(static_cast<std::size_t>(limits.num_cpus)) {
    // Everything is allocated here: no hook may run out of memory in the middle of a run.
    for (Stack& stack : stacks_) stack.reserve(static_cast<std::size_t>(limits.num_tasks));
  }

  void Enqueue(Kernel&, CpuId cpu, TaskId task, QueueReason) override { Of(cpu).push_back(task); }

  DequeueResult Dequeue(Kernel&, CpuId cpu, TaskId task, QueueReason) override {
    Stack& stack = Of(cpu);
    stack.erase(std::find(stack.begin(), stack.end(), task));
    return DequeueResult::kGone;
  }

  PickResult Pick(Kernel&, CpuId cpu) override {
    return Of(cpu).empty() ? PickResult::Nothing() : PickResult::Run(Of(cpu).back());
  }

  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId, WakeFlags) override {
    kernel.Resched(cpu, ReschedKind::kFull);
  }

  // Nothing is counted and no turn ends.
  void PutPrev(Kernel&, CpuId, TaskId) override {}
  void SetNext(Kernel&, CpuId, TaskId, SetNextReason) override {}
  void Charge(Kernel&, CpuId, TaskId, TaskId, Cycles) override {}
  void Tick(Kernel&, CpuId, TaskId, TickKind) override {}

 private:
  using Stack = std::vector<TaskId>;
  Stack& Of(CpuId cpu) { return stacks_[cpu.index()]; }

  std::vector<Stack> stacks_;  // by CPU
};

}  // namespace

const PolicyInfo kLifoInfo = {
    .name = "lifo",
    .seam = Seam::kSchedClass,
    .summary = "last in, first out",
    .source = "nobody's",
    .sched_policies = 1u << static_cast<unsigned>(SchedPolicy::kNormal),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeLifo(const PolicyParams&, const Limits& limits) {
  return std::make_unique<Lifo>(limits);
}
