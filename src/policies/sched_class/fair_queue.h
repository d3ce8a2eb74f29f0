// One CPU's runqueue of the fair class as arithmetic: the zero-lag point, eligibility, the pick,
// placement and lag of classes.md 4.2 to 4.8. Knows nothing of the machine; fair.cc connects the
// two.
#ifndef RQSIM_POLICIES_SCHED_CLASS_FAIR_QUEUE_H_
#define RQSIM_POLICIES_SCHED_CLASS_FAIR_QUEUE_H_

#include <cstdint>
#include <vector>

#include "rqsim/ids.h"
#include "sched_class/fair_rules.h"
#include "sched_class/fair_tree.h"
#include "wide.h"

namespace rqsim {

// Weight of nice 0, with the ten bits that the kernel adds.
inline constexpr int64_t kNice0Weight = int64_t{1024} << 10;

// No virtual length is longer: sums of a few of them cannot overflow.
inline constexpr int64_t kVirtualMax = int64_t{1} << 60;

// Virtual time that `length` cycles are to an entity of `weight`, rounded down (fair.c:
// calc_delta_fair()). Precondition: length >= 0.
constexpr int64_t VirtualDelta(int64_t length, int64_t weight) {
  if (weight == kNice0Weight) return length;
  const Wide delta = static_cast<Wide>(length) * kNice0Weight / weight;
  return delta < kVirtualMax ? static_cast<int64_t>(delta) : kVirtualMax;
}

// The same by the reciprocal of the weight, which is not exact (Linux 6.12 fair.c: __calc_delta()).
constexpr int64_t VirtualDeltaByInverse(int64_t length, uint32_t inverse) {
  uint64_t factor = uint64_t{1024} * inverse;
  int shift = 32;
  while ((factor >> 32) != 0) {
    factor >>= 1;
    --shift;
  }
  const Wide delta = (static_cast<Wide>(length) * static_cast<Wide>(factor)) >> shift;
  return delta < kVirtualMax ? static_cast<int64_t>(delta) : kVirtualMax;
}

// Virtual time that `length` cycles are to `entity`.
constexpr int64_t VirtualDelta(int64_t length, const FairEntity& entity) {
  if (entity.inverse == 0 || entity.weight == kNice0Weight) {
    return VirtualDelta(length, entity.weight);
  }
  return VirtualDeltaByInverse(length, entity.inverse);
}

// No shorter length makes `delta` of virtual time for `entity`, however it is cut in pieces.
constexpr int64_t LengthFor(int64_t delta, const FairEntity& entity) {
  if (delta <= 0) return 0;
  if (entity.weight == kNice0Weight) return delta;
  const Wide length = static_cast<Wide>(delta) * entity.weight / kNice0Weight;
  // A reciprocal is rounded by less than 2^-15 of itself, to either side.
  const Wide slack = entity.inverse == 0 ? 0 : length / 4096 + 1;
  const Wide least = length - slack;
  return least <= 0 ? 0 : static_cast<int64_t>(least < kVirtualMax ? least : kVirtualMax);
}

// Scheduler features (Linux 7.2 kernel/sched/features.h) that the arithmetic depends on.
struct FairFeatures {
  bool place_lag = true;
  bool place_deadline_initial = true;
  bool place_rel_deadline = true;
  bool run_to_parity = true;
  bool preempt_short = true;
  bool delay_dequeue = true;
  bool delay_zero = true;
  bool wakeup_preemption = true;
  bool pick_buddy = true;
  bool next_buddy = false;
};

class FairQueue {
 public:
  // `all` has every task's entity; the queues of all CPUs share it, an entity is on one queue at
  // most.
  FairQueue(std::vector<FairEntity>& all, const FairFeatures& features, const FairRules& rules)
      : all_(&all), features_(&features), rules_(&rules) {}

  TaskId curr() const { return curr_; }
  TaskId buddy() const { return buddy_; }
  void set_buddy(TaskId task) { buddy_ = task; }
  int nr_queued() const { return nr_queued_; }

  FairEntity& Entity(TaskId task) { return (*all_)[task.index()]; }
  const FairEntity& Entity(TaskId task) const { return (*all_)[task.index()]; }

  // The zero-lag point: the weighted average of all vruntimes (fair.c: avg_vruntime()).
  int64_t Average();
  // Whether an entity with `vruntime` has not had more than its share (fair.c:
  // vruntime_eligible()).
  bool IsEligible(int64_t vruntime) const;
  bool IsProtected(TaskId task) const {
    const FairEntity& entity = Entity(task);
    if (rules_->protection == FairRules::Protection::kRequest) {
      return entity.vprot == entity.deadline;
    }
    return VirtualBefore(entity.vruntime, entity.vprot);
  }

  // The entity that should run (fair.c: pick_eevdf()); invalid if nothing is queued. It may be a
  // delayed one.
  TaskId Pick(bool protect);
  // The same without regard to the buddy.
  TaskId PickByDeadline(bool protect);

  // Gives a task that is not queued its vruntime and deadline (fair.c: place_entity()).
  // Precondition: slice is set.
  void Place(TaskId task, bool initial);
  // Counts it as queued; `insertion` grows with each call.
  void Add(TaskId task, uint64_t insertion);
  // The opposite; its lag has been kept with UpdateLag.
  void Remove(TaskId task);
  // Keeps how far it is from the zero-lag point. Returns whether placing it with that would move
  // it.
  bool UpdateLag(TaskId task, int64_t tick);
  // Out of the tree and back without being counted anew: a delayed task that wakes up.
  void Replace(TaskId task, uint64_t insertion);

  void PutPrev(uint64_t insertion);
  void SetNext(TaskId task, bool first, int64_t min_quantum);
  // Shortens the protection of the running entity to the shortest request queued (fair.c:
  // update_protect_slice()).
  void TightenProtection();
  void CancelProtection();

 private:
  // Load and its moment about zero_, the running entity included.
  struct Sums {
    Wide moment = 0;
    int64_t weight = 0;
  };
  Sums Total() const;
  bool IsCurrQueued() const { return curr_.valid() && Entity(curr_).is_queued; }
  void InsertIntoTree(TaskId task, uint64_t insertion);
  void RemoveFromTree(TaskId task);
  // Over everything queued. Precondition: something is.
  int64_t MaxSlice() const;
  // The running entity included if it is queued; INT64_MAX if nothing is.
  int64_t MinSlice() const;
  int64_t LagLimit(const FairEntity& entity, int64_t tick) const;

  std::vector<FairEntity>* all_;
  const FairFeatures* features_;
  const FairRules* rules_;
  FairTree tree_;       // all queued entities but curr_
  Wide moment_ = 0;     // sum over the tree of (vruntime - zero_) * weight
  int64_t weight_ = 0;  // sum over the tree of weight
  int64_t zero_ = 0;    // the reference point; MODEL-14: it starts at 0
  int nr_queued_ = 0;   // tree and curr_
  TaskId curr_;         // the entity of this CPU's donor; invalid if the donor is of another class
  TaskId buddy_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_FAIR_QUEUE_H_
