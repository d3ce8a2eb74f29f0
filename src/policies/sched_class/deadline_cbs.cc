// The constant bandwidth server: see deadline_cbs.h.
//
// Idea: a task has a budget for each period. What it has left when it wakes up is worth as much as
// its share of the time to its deadline; if it is more, it gets a new period or, with a constrained
// deadline, less. Origin: Linux 7.2 kernel/sched/deadline.c: dl_entity_overflow(),
// update_dl_revised_wakeup(), replenish_dl_entity(); Abeni and Buttazzo, 1998. Cost: O(1).
// Tested by tests/unit/policies/sched_class/deadline_cbs_test.cc.
#include "sched_class/deadline_cbs.h"

#include "rqsim/check.h"
#include "wide.h"

namespace rqsim {

int64_t DlRatio(int64_t period, int64_t runtime) {
  if (period == 0) return 0;
  return static_cast<int64_t>((static_cast<Wide>(runtime) << kBwShift) / period);
}

void Cbs::SetParams(DlEntity& entity, int64_t runtime, int64_t deadline, int64_t period) const {
  entity.dl_runtime = runtime;
  entity.dl_deadline = deadline;
  entity.dl_period = period;
  entity.bw = DlRatio(period, runtime);
  entity.density = DlRatio(deadline, runtime);
}

bool Cbs::Overflows(const DlEntity& entity, int64_t now) const {
  const Wide left = static_cast<Wide>(entity.dl_deadline >> scale_) * (entity.runtime >> scale_);
  const Wide right =
      static_cast<Wide>((entity.deadline - now) >> scale_) * (entity.dl_runtime >> scale_);
  return right < left;
}

void Cbs::NewPeriod(DlEntity& entity, int64_t now) {
  entity.deadline = now + entity.dl_deadline;
  entity.runtime = entity.dl_runtime;
}

void Cbs::Replenish(DlEntity& entity, int64_t now) {
  RQSIM_CHECK(entity.dl_runtime > 0);
  if (entity.is_yielded && entity.runtime > 0) entity.runtime = 0;
  if (entity.runtime <= 0) {
    // As many periods as it takes until there is something to spend.
    const int64_t periods = -entity.runtime / entity.dl_runtime + 1;
    entity.deadline += periods * entity.dl_period;
    entity.runtime += periods * entity.dl_runtime;
  }
  if (entity.deadline < now) NewPeriod(entity, now);
  entity.is_yielded = false;
  entity.is_throttled = false;
}

Cbs::Wakeup Cbs::AtWakeup(DlEntity& entity, int64_t now) const {
  if (entity.deadline >= now && !Overflows(entity, now)) return Wakeup::kKept;
  if (!entity.is_implicit() && entity.deadline >= now) {
    Revise(entity, now);
    return Wakeup::kRevised;
  }
  NewPeriod(entity, now);
  return Wakeup::kNewPeriod;
}

void Cbs::Revise(DlEntity& entity, int64_t now) {
  entity.runtime = static_cast<int64_t>(
      (static_cast<Wide>(entity.density) * (entity.deadline - now)) >> kBwShift);
}

}  // namespace rqsim
