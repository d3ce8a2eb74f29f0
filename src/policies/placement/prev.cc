// Sticky wake-up placement: a task returns to the CPU of its last full placement. The control in
// comparisons, and what the acceptance scenarios of locks use, because it never adds a decision of
// its own.
//
// Origin: machine.md 6.1 (`wake_policy=prev`); the kernel has no such mode, its nearest relative is
// a wake-up whose affine test fails and whose previous CPU is idle (Linux 7.2 kernel/sched/fair.c:
// select_task_rq_fair()). A wake-up with the flag current_cpu goes to the waker's CPU, as there.
// What differs: a forked task starts where its parent is, nothing is spread.
// Cost: O(1).
// Tested by tests/unit/policies/placement/placement_test.cc.
#include <absl/status/status.h>

#include "placement/fallback.h"
#include "placement/params.h"
#include "policies.h"

namespace rqsim {
namespace {

class Prev final : public Placement {
 public:
  CpuId SelectCpu(Kernel& kernel, TaskId id, CpuId waker, WakeFlags flags) override {
    const Task& task = kernel.task(id);
    if (Has(flags, WakeFlags::kExec)) return task.cpu;
    if (Has(flags, WakeFlags::kCurrentCpu) && task.cpus_allowed.Contains(waker)) return waker;
    if (task.cpus_allowed.Contains(task.wake_cpu)) return task.wake_cpu;
    return task.cpus_allowed.First();
  }
  CpuId FallbackCpu(Kernel& kernel, CpuId from, TaskId task) override {
    return SelectFallbackCpu(kernel, from, task);
  }
};

}  // namespace

constinit const PolicyInfo kPrevPlacementInfo = {
    .name = "prev",
    .seam = Seam::kPlacement,
    .summary = "a woken task returns to its last CPU",
    .source = "machine.md 6.1",
    .params = kPlacementParams,
};

absl::StatusOr<std::unique_ptr<Placement>> MakePrevPlacement(const PolicyParams& params,
                                                             const Limits&) {
  const absl::Status status = CheckPlacementParams(params);
  if (!status.ok()) return status;
  return std::make_unique<Prev>();
}

}  // namespace rqsim
