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
#include <utility>

#include "placement/composed.h"
#include "placement/params.h"
#include "policies.h"

namespace rqsim {
namespace {

class Prev final : public WakeChoice {
 public:
  CpuId Select(Kernel& kernel, TaskId id, CpuId waker, WakeFlags flags) override {
    const Task& task = kernel.task(id);
    if (Has(flags, WakeFlags::kExec)) return task.cpu;
    if (Has(flags, WakeFlags::kCurrentCpu) && task.cpus_allowed.Contains(waker)) return waker;
    if (task.cpus_allowed.Contains(task.wake_cpu)) return task.wake_cpu;
    return task.cpus_allowed.First();
  }
};

}  // namespace

constinit const PolicyInfo kPrevPlacementInfo = {
    .name = "prev",
    .seam = Seam::kPlacement,
    .summary = "a woken task returns to its last CPU",
    .source = "machine.md 6.1",
    .params = kPlacementParams,
    .paths = kPlacementPaths,
    .events = kKthreadEvents,
    .hotplug = kKthreadCallbacks,
    .faults = kKthreadFaults,
    .metrics = kKthreadMetrics,
};

absl::StatusOr<std::unique_ptr<Placement>> MakePrevPlacement(const PolicyParams& params,
                                                             const Limits& limits) {
  return ComposePlacement(std::make_unique<PlacementShared>(), std::make_unique<Prev>(), params,
                          limits);
}

}  // namespace rqsim
