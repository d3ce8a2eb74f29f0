// Where a task goes when no CPU that it may use can be used: shared by every placement.
#ifndef RQSIM_POLICIES_PLACEMENT_FALLBACK_H_
#define RQSIM_POLICIES_PLACEMENT_FALLBACK_H_

#include "rqsim/ids.h"
#include "rqsim/kernel.h"

namespace rqsim {

// May `task` be put on `cpu` now? (Linux 7.2 kernel/sched/core.c: is_cpu_allowed().)
bool IsCpuUsable(const Kernel& kernel, TaskId task, CpuId cpu);

// In v2 mode the mask of a cpuset is tried before the housekeeping CPUs.
enum class CpusetMode : uint8_t { kNone, kV1, kV2 };

struct FallbackRules {
  CpusetMode mode = CpusetMode::kNone;
  bool last_is_possible = false;  // else the housekeeping CPUs
};

struct Fallback {
  CpuId cpu;
  bool forced = false;  // the task gets a new mask
};

// Linux 7.2 kernel/sched/core.c: select_fallback_rq(). Forces a new affinity when none is left.
Fallback SelectFallbackCpu(Kernel& kernel, CpuId from, TaskId task, const FallbackRules& rules);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_FALLBACK_H_
