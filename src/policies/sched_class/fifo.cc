// First in, first out, per CPU and level. The smallest useful class: a reference for others, the
// control in comparisons, and what the acceptance scenarios of locks and services run on.
//
// Idea: 100 levels, the task's `priority`, larger is more important. Woken and new tasks go to the
// tail of their level; a preempted one keeps its place at the head, because the donor never leaves
// its list. A wake-up preempts if it is strictly more important. With `slice` the donor goes to the
// tail when it has had its turn and somebody of at least its level waits. It schedules every
// policy: beside it there are only stop and idle. Origin: classes.md 5.6; the lists are those of
// Linux 7.2 kernel/sched/rt.c, and so is the rule for a change of priority (weaker: head of the new
// list, stronger: tail, equal: place kept), which 5.6 leaves open (MODEL-12). What differs from
// SCHED_FIFO: level 0 exists, no push, no pull, no CPU choice of its own. Cost: every hook O(1).
// Tested by tests/unit/policies/sched_class/fifo_test.cc.
#include <algorithm>
#include <vector>

#include "policies.h"
#include "rqsim/check.h"
#include "sched_class/prio_lists.h"

namespace rqsim {
namespace {

constexpr int kSliceTimer = 0;

class Fifo final : public SchedClass {
 public:
  Fifo(const PolicyParams& params, const Limits& limits)
      : self_(limits.self),
        slice_(params.Length("slice")),
        entities_(static_cast<std::size_t>(limits.num_tasks)),
        queues_(static_cast<std::size_t>(limits.num_cpus)) {
    for (std::size_t i = 0; i < entities_.size(); ++i) {
      entities_[i].task = TaskId(static_cast<int32_t>(i));
    }
  }

  HookMask Hooks() const override { return Hook::kYield | Hook::kPrioChanged | Hook::kNextTick; }
  // Its slices are timers.
  Time NextTickOfInterest(Kernel&, CpuId) override { return kNever; }

  void Enqueue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    Queue& queue = Of(cpu);
    RankedEntity& entity = entities_[task.index()];
    const int rank = RankOf(kernel, task);
    if (reason == QueueReason::kChange) {
      // Dequeue left it in place: the old rank decides where it goes.
      const int old_rank = entity.rank;
      if (rank != old_rank) {
        queue.lists.Remove(entity);
        if (rank > old_rank) {
          queue.lists.AddHead(entity, rank);
        } else {
          queue.lists.AddTail(entity, rank);
        }
      }
    } else {
      queue.lists.AddTail(entity, rank);
    }
    UpdateSliceTimer(kernel, cpu);
  }

  DequeueResult Dequeue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    if (reason == QueueReason::kChange) return DequeueResult::kGone;
    Of(cpu).lists.Remove(entities_[task.index()]);
    UpdateSliceTimer(kernel, cpu);
    return DequeueResult::kGone;
  }

  PickResult Pick(Kernel&, CpuId cpu) override {
    Queue& queue = Of(cpu);
    if (queue.lists.empty()) return PickResult::Nothing();
    const TaskId best = queue.lists.Best().task;
    // Whoever waited when the slice ended is gone: the donor keeps the CPU, and its slice counts
    // again from where it was.
    if (best == queue.donor) queue.is_turn_over = false;
    return PickResult::Run(best);
  }

  void PutPrev(Kernel& kernel, CpuId cpu, TaskId) override {
    Of(cpu).donor = TaskId();
    UpdateSliceTimer(kernel, cpu);
  }

  void SetNext(Kernel& kernel, CpuId cpu, TaskId task, SetNextReason reason) override {
    Queue& queue = Of(cpu);
    queue.donor = task;
    if (reason == SetNextReason::kRestored) {
      UpdateSliceTimer(kernel, cpu);
      return;
    }
    queue.is_turn_over = false;
    // A direct hand-off may bring a task that was not the first of its level; it is, while it runs.
    queue.lists.MoveToHead(entities_[task.index()]);
    if (slice_ > kZeroCycles && HasCompetitor(queue)) {
      queue.is_timer_armed = true;
      kernel.ArmTimerAfterSwitch(SliceTimer(cpu), cpu, slice_);
    }
  }

  void Charge(Kernel&, CpuId, TaskId, TaskId, Cycles) override {}

  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId woken, WakeFlags) override {
    const Queue& queue = Of(cpu);
    // Without a donor of this class a reschedule is on its way already.
    if (!queue.donor.valid()) return;
    if (kernel.task(woken).sched_class != kernel.task(queue.donor).sched_class) return;
    if (RankOf(kernel, woken) < RankOf(kernel, queue.donor)) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  void Tick(Kernel&, CpuId, TaskId, TickKind) override {}

  void Yield(Kernel&, CpuId cpu, TaskId donor) override {
    Of(cpu).lists.MoveToTail(entities_[donor.index()]);
  }

  void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr& old) override {
    if (!kernel.task(task).on_rq) return;
    const Queue& queue = Of(cpu);
    const int rank = RankOf(kernel, task);
    if (queue.donor == task) {
      if (rank > RankOf(old) && queue.lists.BestRank() < rank) {
        kernel.Resched(cpu, ReschedKind::kFull);
      }
    } else if (queue.donor.valid() && rank < RankOf(kernel, queue.donor)) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  void OnTimer(Kernel& kernel, TimerRef timer, CpuId) override {
    const CpuId cpu(timer.owner);
    Queue& queue = Of(cpu);
    if (!queue.is_timer_armed) return;  // stopped during the switch that was to start it
    queue.is_timer_armed = false;
    if (!queue.donor.valid() || !HasCompetitor(queue)) return;
    queue.is_turn_over = true;
    queue.lists.MoveToTail(entities_[queue.donor.index()]);
    kernel.Resched(cpu, ReschedKind::kFull);
  }

  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    writer.Field("priority", kernel.task(task).eff.priority);
  }

 private:
  struct Queue {
    PrioLists lists;  // the donor among them
    TaskId donor;     // invalid: the donor of this CPU is of another class
    bool is_timer_armed = false;
    bool is_turn_over = false;  // the slice ended, and the reschedule it asked for is still to come
  };

  static int RankOf(const SchedAttr& attr) {
    return kNumRanks - 1 - std::clamp<int>(attr.priority, 0, kNumRanks - 1);
  }
  static int RankOf(const Kernel& kernel, TaskId task) { return RankOf(kernel.task(task).eff); }

  Queue& Of(CpuId cpu) { return queues_[cpu.index()]; }
  TimerRef SliceTimer(CpuId cpu) const { return {self_, kSliceTimer, cpu.value()}; }

  // Whether somebody else of at least the donor's level is queued. Precondition: there is a donor.
  bool HasCompetitor(const Queue& queue) const {
    if (queue.lists.empty()) return false;
    const RankedEntity& donor = entities_[queue.donor.index()];
    if (queue.lists.BestRank() < donor.rank) return true;
    // A donor that has just left its list (it blocks) competes with nobody.
    return donor.is_linked() && !queue.lists.IsAlone(donor);
  }

  // Keeps the timer armed exactly while there is a donor, with its turn not over, and a competitor.
  void UpdateSliceTimer(Kernel& kernel, CpuId cpu) {
    if (slice_ == kZeroCycles) return;
    Queue& queue = Of(cpu);
    const bool wanted = queue.donor.valid() && !queue.is_turn_over && HasCompetitor(queue);
    if (wanted == queue.is_timer_armed) return;
    queue.is_timer_armed = wanted;
    if (wanted) {
      const Time end = kernel.cpu(cpu).switch_end + slice_;
      kernel.ArmTimer(SliceTimer(cpu), cpu, std::max(kernel.now(), end));
    } else {
      kernel.CancelTimer(SliceTimer(cpu));
    }
  }

  PolicyId self_;
  Cycles slice_;
  std::vector<RankedEntity> entities_;  // by task; declared before the lists that link them
  std::vector<Queue> queues_;           // by CPU
};

constexpr ParamInfo kFifoParams[] = {
    {.name = "slice",
     .kind = ParamKind::kCycles,
     .summary = "turn of a task while another of at least its level waits; 0 = no limit"},
};
constexpr TimerInfo kFifoTimers[] = {{.name = "slice", .per_cpu = true}};

constexpr uint32_t Bit(SchedPolicy policy) { return 1u << static_cast<unsigned>(policy); }

}  // namespace

constinit const PolicyInfo kFifoClassInfo = {
    .name = "fifo",
    .seam = Seam::kSchedClass,
    .summary = "the reference class: fixed levels, first in, first out, an optional slice",
    .source = "classes.md 5.6",
    .params = kFifoParams,
    .timers = kFifoTimers,
    .sched_policies = Bit(SchedPolicy::kNormal) | Bit(SchedPolicy::kBatch) |
                      Bit(SchedPolicy::kIdle) | Bit(SchedPolicy::kFifo) | Bit(SchedPolicy::kRr) |
                      Bit(SchedPolicy::kDeadline),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeFifoClass(const PolicyParams& params,
                                                          const Limits& limits) {
  return std::make_unique<Fifo>(params, limits);
}

}  // namespace rqsim
