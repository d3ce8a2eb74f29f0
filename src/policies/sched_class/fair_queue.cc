// EEVDF on one runqueue: earliest eligible virtual deadline first.
//
// Idea: every task has a weight and asks for slices of time. Virtual time passes for it at 1/weight
// of real time; the weighted average of all vruntimes is the point at which everybody has had
// exactly its share. Whoever is not ahead of it is eligible, and of those the one whose request
// should be done first, by virtual deadline, runs. Origin: Linux 7.2 kernel/sched/fair.c:
// avg_vruntime(), vruntime_eligible(), pick_eevdf(), place_entity(), update_entity_lag(),
// set_protect_slice(); the idea is Stoica and Abdel-Wahab's, 1995. What differs: exact wide
// arithmetic where the kernel relies on small numbers; the reference point starts at 0 (MODEL-14).
// Cost: O(log n) for a pick, an insertion or a removal, O(1) for the rest.
// Tested by tests/unit/policies/sched_class/fair_queue_test.cc.
#include "sched_class/fair_queue.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "rqsim/check.h"

namespace rqsim {
namespace {

int64_t FloorDivide(Wide a, int64_t b) {
  const Wide quotient = a / b;
  return static_cast<int64_t>(a % b < 0 ? quotient - 1 : quotient);
}

}  // namespace

FairQueue::Sums FairQueue::Total() const {
  Sums sums{moment_, weight_};
  if (IsCurrQueued()) {
    const FairEntity& curr = Entity(curr_);
    sums.moment += static_cast<Wide>(VirtualDiff(curr.vruntime, zero_)) * curr.weight;
    sums.weight += curr.weight;
  }
  return sums;
}

int64_t FairQueue::Average() {
  const Sums sums = Total();
  if (sums.weight > 0) {
    const int64_t moved = FloorDivide(sums.moment, sums.weight);
    moment_ -= static_cast<Wide>(weight_) * moved;
    zero_ = VirtualAdd(zero_, moved);
  }
  return zero_;
}

bool FairQueue::IsEligible(int64_t vruntime) const {
  const Sums sums = Total();
  return sums.moment >= static_cast<Wide>(VirtualDiff(vruntime, zero_)) * sums.weight;
}

TaskId FairQueue::Pick(bool protect) {
  if (nr_queued_ > 1 && features_->pick_buddy && protect && buddy_.valid() &&
      IsEligible(Entity(buddy_).vruntime)) {
    return buddy_;
  }
  return PickByDeadline(protect);
}

TaskId FairQueue::PickByDeadline(bool protect) {
  if (nr_queued_ == 0) return TaskId();
  if (nr_queued_ == 1) return IsCurrQueued() ? curr_ : tree_.First(*all_);
  const Sums sums = Total();
  const auto is_eligible = [&](int64_t vruntime) {
    return sums.moment >= static_cast<Wide>(VirtualDiff(vruntime, zero_)) * sums.weight;
  };
  // 6.12 has no protection at all without the feature, 7.2 has a short one.
  if (rules_->protection == FairRules::Protection::kRequest && !features_->run_to_parity) {
    protect = false;
  }
  const bool is_curr_in = IsCurrQueued() && is_eligible(Entity(curr_).vruntime);
  if (is_curr_in && protect && IsProtected(curr_)) return curr_;
  const TaskId best = tree_.FirstEligible(*all_, is_eligible);
  if (!best.valid()) {
    if (is_curr_in) return curr_;
    // Somebody is always at or behind the average; only virtual times that have overflowed can say
    // otherwise.
    return tree_.empty() ? curr_ : tree_.First(*all_);
  }
  // An equal deadline favours the one that waits.
  if (is_curr_in && VirtualBefore(Entity(curr_).deadline, Entity(best).deadline)) return curr_;
  return best;
}

int64_t FairQueue::MaxSlice() const {
  const int64_t of_curr = IsCurrQueued() ? Entity(curr_).slice : 0;
  return tree_.empty() ? of_curr : std::max(of_curr, tree_.max_slice(*all_));
}

int64_t FairQueue::MinSlice() const {
  const int64_t of_curr =
      IsCurrQueued() ? Entity(curr_).slice : std::numeric_limits<int64_t>::max();
  return tree_.empty() ? of_curr : std::min(of_curr, tree_.min_slice(*all_));
}

int64_t FairQueue::LagLimit(const FairEntity& entity, int64_t tick) const {
  switch (rules_->lag_limit) {
    case FairRules::LagLimit::kLargestSlice:
      return VirtualDelta(MaxSlice() + tick, entity);
    case FairRules::LagLimit::kOwnSlice:
      break;
  }
  return VirtualDelta(std::max(2 * entity.slice, tick), entity);
}

bool FairQueue::UpdateLag(TaskId task, int64_t tick) {
  FairEntity& entity = Entity(task);
  const int64_t average = Average();
  const int64_t limit = LagLimit(entity, tick);
  int64_t lag = std::clamp(VirtualDiff(average, entity.vruntime), -limit, limit);
  if (entity.is_delayed && rules_->delayed_lag == FairRules::DelayedLag::kKeptAndClipped) {
    // Time asleep works a debt off, but earns nothing.
    lag = std::max(lag, entity.vlag);
    if (features_->delay_zero) lag = std::min<int64_t>(lag, 0);
  }
  entity.vlag = lag;
  return VirtualAdd(average, -lag) != entity.vruntime;
}

void FairQueue::Place(TaskId task, bool initial) {
  FairEntity& entity = Entity(task);
  RQSIM_CHECK(!entity.is_in_tree);
  const int64_t average = Average();
  int64_t length = VirtualDelta(entity.slice, entity);
  int64_t lag = 0;
  if (features_->place_lag && nr_queued_ > 0 && entity.vlag != 0) {
    // Joining moves the average, so the lag is made larger for the task to have the one it left
    // with.
    const int64_t load = Total().weight;
    if (load > 0) {
      lag = static_cast<int64_t>(static_cast<Wide>(entity.vlag) * (load + entity.weight) / load);
    }
  }
  entity.vruntime = VirtualAdd(average, -lag);
  if (features_->place_rel_deadline && entity.has_rel_deadline) {
    entity.deadline = VirtualAdd(entity.deadline, entity.vruntime);
    entity.has_rel_deadline = false;
    return;
  }
  if (features_->place_deadline_initial && initial) length /= 2;
  entity.deadline = VirtualAdd(entity.vruntime, length);
}

void FairQueue::InsertIntoTree(TaskId task, uint64_t insertion) {
  const FairEntity& entity = Entity(task);
  moment_ += static_cast<Wide>(VirtualDiff(entity.vruntime, zero_)) * entity.weight;
  weight_ += entity.weight;
  tree_.Insert(*all_, task, insertion);
}

void FairQueue::RemoveFromTree(TaskId task) {
  tree_.Remove(*all_, task);
  const FairEntity& entity = Entity(task);
  moment_ -= static_cast<Wide>(VirtualDiff(entity.vruntime, zero_)) * entity.weight;
  weight_ -= entity.weight;
}

void FairQueue::Add(TaskId task, uint64_t insertion) {
  FairEntity& entity = Entity(task);
  RQSIM_CHECK(!entity.is_queued);
  entity.is_queued = true;
  ++nr_queued_;
  if (task != curr_) InsertIntoTree(task, insertion);
}

void FairQueue::Remove(TaskId task) {
  FairEntity& entity = Entity(task);
  RQSIM_CHECK(entity.is_queued);
  if (buddy_ == task) buddy_ = TaskId();
  if (task != curr_) RemoveFromTree(task);
  entity.is_queued = false;
  --nr_queued_;
}

void FairQueue::Replace(TaskId task, uint64_t insertion) {
  if (task != curr_) RemoveFromTree(task);
  // Placed as if it were not there: neither counted nor in the average.
  Entity(task).is_queued = false;
  --nr_queued_;
  Place(task, false);
  Add(task, insertion);
}

void FairQueue::PutPrev(uint64_t insertion) {
  const TaskId prev = curr_;
  curr_ = TaskId();
  if (Entity(prev).is_queued) InsertIntoTree(prev, insertion);
}

void FairQueue::SetNext(TaskId task, bool first, int64_t min_quantum) {
  RQSIM_CHECK(!curr_.valid());
  if (buddy_ == task) buddy_ = TaskId();
  RemoveFromTree(task);
  FairEntity& entity = Entity(task);
  if (rules_->protection == FairRules::Protection::kRequest) {
    entity.vprot = entity.deadline;
  } else if (first) {
    const int64_t quantum = features_->run_to_parity ? MinSlice() : min_quantum;
    entity.vprot = entity.deadline;
    if (quantum < entity.slice) {
      const int64_t end = VirtualAdd(entity.vruntime, VirtualDelta(quantum, entity));
      if (VirtualBefore(end, entity.vprot)) entity.vprot = end;
    }
  }
  curr_ = task;
}

void FairQueue::TightenProtection() {
  FairEntity& entity = Entity(curr_);
  const int64_t end = VirtualAdd(entity.vruntime, VirtualDelta(MinSlice(), entity));
  if (VirtualBefore(end, entity.vprot)) entity.vprot = end;
}

void FairQueue::CancelProtection() {
  if (!IsProtected(curr_)) return;
  FairEntity& entity = Entity(curr_);
  entity.vprot = rules_->protection == FairRules::Protection::kRequest
                     ? VirtualAdd(entity.deadline, 1)
                     : entity.vruntime;
}

}  // namespace rqsim
