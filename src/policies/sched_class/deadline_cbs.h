// The arithmetic of the constant bandwidth server: when a budget may be kept, when a new period
// begins, what a replenishment gives (classes.md 6.2 to 6.4). Entities in, entities out; queues and
// timers are the class's.
//
// Origin: Linux 7.2 kernel/sched/deadline.c, function names at the code.
// Tested by tests/unit/policies/sched_class/deadline_cbs_test.cc.
#ifndef RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CBS_H_
#define RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CBS_H_

#include <cstdint>

#include "sched_class/deadline_queue.h"

namespace rqsim {

inline constexpr int kBwShift = 20;

// `runtime` of `period`, as a fraction of 2^20, rounded down (core.c: to_ratio()).
int64_t DlRatio(int64_t period, int64_t runtime);

class Cbs {
 public:
  // Products are of values without their `scale` lowest bits (DL_SCALE).
  explicit Cbs(int scale) : scale_(scale) {}

  void SetParams(DlEntity& entity, int64_t runtime, int64_t deadline, int64_t period) const;

  // Whether going on with the present budget and deadline at `now` would take more than the
  // entity's share (dl_entity_overflow()). A negative budget does not (MODEL-72).
  bool Overflows(const DlEntity& entity, int64_t now) const;

  // replenish_dl_new_period(), for what is not deferred.
  static void NewPeriod(DlEntity& entity, int64_t now);

  // The replenishment at the next period (replenish_dl_entity()).
  static void Replenish(DlEntity& entity, int64_t now);

  // A wake-up (update_dl_entity()): the budget is kept, cut down to what the time left allows (the
  // revised rule, for constrained deadlines), or a new period begins.
  enum class Wakeup : uint8_t { kKept, kRevised, kNewPeriod };
  Wakeup AtWakeup(DlEntity& entity, int64_t now) const;
  // … that cut (update_dl_revised_wakeup()).
  static void Revise(DlEntity& entity, int64_t now);

  // Whether a constrained entity wakes after its deadline and before its next period
  // (dl_check_constrained_dl()).
  static bool WakesBetween(const DlEntity& entity, int64_t now) {
    return !entity.is_implicit() && entity.deadline < now && now < entity.NextPeriod();
  }

 private:
  int scale_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_DEADLINE_CBS_H_
