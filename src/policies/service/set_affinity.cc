// The baseline that pairing is to replace: go to the CPU whose data is to be updated, by
// sched_setaffinity(), and use an ordinary critical section there (pairing.md 9.5).
//
// A CPU that is not active cannot be asked for (-EINVAL), and one that goes away takes the affinity
// with it: the task is moved by the kernel's fallback, its mask is overwritten and nobody moves it
// back. The guard of the section then keeps the data safe, and the task from getting anywhere.
// Cost: every hook O(1). Tested by scenarios/pairing.
#include <vector>

#include "policies.h"
#include "rqsim/seams.h"

namespace rqsim {
namespace {

constexpr PathId kEnter{0};
constexpr PathId kLeave{1};
constexpr StepInfo kEnterSteps[] = {{"pin"}};
constexpr StepInfo kLeaveSteps[] = {{"unpin"}};
constexpr PathInfo kPaths[] = {{"affinity_pin", kEnterSteps}, {"affinity_unpin", kLeaveSteps}};
constexpr ServiceOpInfo kOps[] = {
    {.name = "affinity_pin",
     .path = kEnter,
     .args = "cpu",
     .summary = "sched_setaffinity() to that CPU alone: 0, or -EINVAL if it is not active."},
    {.name = "affinity_unpin",
     .path = kLeave,
     .summary = "sched_setaffinity() to what it was before affinity_pin."},
};

class SetAffinityOnly final : public KernelService {
 public:
  explicit SetAffinityOnly(const Limits& limits)
      : tasks_(static_cast<std::size_t>(limits.num_tasks)) {}

  Next Step(Kernel& kernel, Frame& frame) override {
    TaskPart& task = tasks_[frame.task.index()];
    if (frame.path == kLeave) {
      if (task.is_pinned) kernel.SetAffinity(frame.task, task.before);
      task.is_pinned = false;
      return Next::Return(0);
    }
    const CpuId cpu(static_cast<int32_t>(frame.r[0]));
    const bool exists = cpu.value() >= 0 && cpu.value() < kernel.num_cpus();
    if (!exists || !kernel.active().Contains(cpu)) return Next::Return(kEINVAL);
    if (!kernel.cpuset(frame.task).Contains(cpu)) return Next::Return(kEINVAL);
    if (!task.is_pinned) task.before = kernel.task(frame.task).cpus_allowed;
    task.is_pinned = true;
    kernel.SetAffinity(frame.task, CpuSet::Of(cpu));
    return Next::Return(0);
  }

 private:
  struct TaskPart {
    bool is_pinned = false;
    CpuSet before;
  };
  std::vector<TaskPart> tasks_;
};

}  // namespace

constinit const PolicyInfo kSetAffinityInfo = {
    .name = "setaffinity",
    .seam = Seam::kKernelService,
    .summary = "per-CPU data by sched_setaffinity() and a guarded critical section",
    .source = "pairing.md 9.5; Linux 7.2 kernel/sched/core.c: __set_cpus_allowed_ptr_locked()",
    .paths = kPaths,
    .ops = kOps,
    .percpu = {.enter = "affinity_pin", .leave = "affinity_unpin", .guard = 1},
};

absl::StatusOr<std::unique_ptr<KernelService>> MakeSetAffinity(const PolicyParams&,
                                                               const Limits& limits) {
  return std::unique_ptr<KernelService>(std::make_unique<SetAffinityOnly>(limits));
}

}  // namespace rqsim
