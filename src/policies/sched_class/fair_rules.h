// Where Linux 6.12 and 7.2 differ in what the fair class works out (classes.md 11). Every member is
// one difference, and is asked at one place; a further kernel would be a further row of choices.
//
// Origin: kernel/sched/fair.c of 6.12.107 and of 7.2.13, the functions named at the members.
// Weights in sums are the same in both here (MODEL-94); what the table of classes.md 11 does not
// have, or has differently, is in MODEL-95.
#ifndef RQSIM_POLICIES_SCHED_CLASS_FAIR_RULES_H_
#define RQSIM_POLICIES_SCHED_CLASS_FAIR_RULES_H_

#include <cstdint>

#include "rqsim/kernel.h"

namespace rqsim {

struct FairRules {
  // How real time becomes virtual time (__calc_delta(), calc_delta_fair()).
  enum class VirtualTime : uint8_t {
    kDivision,  // 7.2: divided by the weight, rounded down
    kInverse,   // 6.12: multiplied by a 32-bit reciprocal of the weight and shifted
  };
  VirtualTime virtual_time = VirtualTime::kDivision;

  // What keeps the running entity from being replaced (set_protect_slice(), protect_slice()).
  enum class Protection : uint8_t {
    kWindow,   // 7.2: up to a virtual instant, no later than the shortest slice queued allows
    kRequest,  // 6.12: as long as its deadline is the one it was picked with; set at every set_next
  };
  Protection protection = Protection::kWindow;

  // When the running entity's own progress asks for a reschedule (update_curr()).
  enum class Progress : uint8_t {
    kUnprotected,  // 7.2: its request is done, or its protection is over
    kRequestDone,  // 6.12: its request is done, or a short slice took its protection and it is not
                   // eligible (did_preempt_short())
  };
  Progress progress = Progress::kUnprotected;

  // How far an entity's lag may go (entity_lag()).
  enum class LagLimit : uint8_t {
    kLargestSlice,  // 7.2: the largest slice queued, and a tick
    kOwnSlice,      // 6.12: twice its own slice, at least a tick
  };
  LagLimit lag_limit = LagLimit::kLargestSlice;

  // What sleeping in debt does to the lag (update_entity_lag(), requeue_delayed_entity()).
  enum class DelayedLag : uint8_t {
    kKeptAndClipped,  // 7.2: kept when it falls asleep, and since then between that and 0
    kClippedAtZero,   // 6.12: worked out anew; only a credit is taken away
  };
  DelayedLag delayed_lag = DelayedLag::kKeptAndClipped;

  // How a wake-up finds out whether it preempts (wakeup_preempt_fair(),
  // check_preempt_wakeup_fair()).
  enum class Wakeup : uint8_t {
    kPicked,  // 7.2: by a pick, for which a shorter slice ignores the protection; new and delayed
              // ones do not preempt
    kSimple,  // 6.12: a shorter slice that is ahead ends the protection first, then by a pick
              // without a buddy; new and delayed ones may preempt
  };
  Wakeup wakeup = Wakeup::kPicked;

  // Whether a change of weight also rescales a kept distance to the deadline (rescale_entity()).
  bool rescales_rel_deadline = true;
  bool hrtick = true;  // the default of the feature HRTICK
};

constexpr FairRules FairRulesOf(KernelVersion kernel) {
  FairRules rules;
  if (kernel == KernelVersion::k7_2) return rules;
  rules.virtual_time = FairRules::VirtualTime::kInverse;
  rules.protection = FairRules::Protection::kRequest;
  rules.progress = FairRules::Progress::kRequestDone;
  rules.lag_limit = FairRules::LagLimit::kOwnSlice;
  rules.delayed_lag = FairRules::DelayedLag::kClippedAtZero;
  rules.wakeup = FairRules::Wakeup::kSimple;
  rules.rescales_rel_deadline = false;
  rules.hrtick = false;
  return rules;
}

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_FAIR_RULES_H_
