// GRUB: what a cycle costs a task that may reclaim what others leave over.
//
// Idea: see deadline_bandwidth.h. Of a CPU's limit, what others have been promised and use is not
// to be had; what they have been promised but do not use, and what nobody has been promised, is.
// Origin: Linux 7.2 kernel/sched/deadline.c: grub_reclaim(). Cost: O(1).
// Tested by tests/unit/policies/sched_class/deadline_cbs_test.cc and
// scenarios/classes/C36-grub-alone.json.
#include "sched_class/deadline_bandwidth.h"

#include "wide.h"

namespace rqsim {

int64_t Bandwidth::Reclaimed(const DlEntity& entity, CpuId cpu, int64_t length) const {
  const OfCpu& of = cpus_[cpu.index()];
  const int64_t inactive = of.assigned - of.running;
  const bool leaves_less = inactive + extra_ > limit_ - entity.bw;
  const int64_t active = leaves_less ? entity.bw : limit_ - inactive - extra_;
  const int64_t scaled = (active * ratio_) >> kRatioShift;
  return static_cast<int64_t>((static_cast<Wide>(length) * scaled) >> kBwShift);
}

}  // namespace rqsim
