// The real-time class: fixed priorities, first in, first out (FIFO) or in turns (RR).
//
// Idea: one list per priority, the donor among them. A preempted task is not moved and so resumes
// first; a yield goes to the tail; an RR task goes there when its quantum of ticks is used up and
// it is not alone. A task made weaker goes to the head of its new list, one made stronger to the
// tail. Origin: Linux 7.2 kernel/sched/rt.c (function names at the code), syscalls.c:
// __sched_setscheduler() for head and tail; classes.md 5. What differs: no push, no pull and no CPU
// choice of its own yet (MODEL-16); no RT groups, hence no throttling. Cost: every hook O(1); the
// equal-priority check at a wake-up O(CPUs). Tested by tests/unit/policies/sched_class/rt_test.cc
// and scenarios/classes/C22-fifo-order.json to C26, C37.
#include <algorithm>
#include <vector>

#include "policies.h"
#include "rqsim/check.h"
#include "sched_class/prio_lists.h"

namespace rqsim {
namespace {

class Rt final : public SchedClass {
 public:
  Rt(int64_t quantum_ticks, const Limits& limits)
      : quantum_ticks_(quantum_ticks),
        entities_(static_cast<std::size_t>(limits.num_tasks)),
        queues_(static_cast<std::size_t>(limits.num_cpus)) {
    for (std::size_t i = 0; i < entities_.size(); ++i) {
      entities_[i].task = TaskId(static_cast<int32_t>(i));
      entities_[i].ticks_left = quantum_ticks;
    }
  }

  HookMask Hooks() const override {
    return Hook::kYield | Hook::kPrioChanged | Hook::kForked | Hook::kNextTick | Hook::kNeedsTick;
  }

  // rt.c: enqueue_task_rt().
  void Enqueue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    Queue& queue = Of(cpu);
    Entity& entity = entities_[task.index()];
    const int rank = RankOf(kernel, task);
    if (reason == QueueReason::kChange) {
      // Dequeue left it in place (DEQUEUE_SAVE without DEQUEUE_MOVE): an equal priority keeps it.
      queue.num_rr -= entity.is_rr ? 1 : 0;
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
    entity.is_rr = kernel.task(task).eff.policy == SchedPolicy::kRr;
    queue.num_rr += entity.is_rr ? 1 : 0;
  }

  // rt.c: dequeue_task_rt().
  DequeueResult Dequeue(Kernel&, CpuId cpu, TaskId task, QueueReason reason) override {
    if (reason == QueueReason::kChange) return DequeueResult::kGone;
    Queue& queue = Of(cpu);
    Entity& entity = entities_[task.index()];
    queue.lists.Remove(entity);
    queue.num_rr -= entity.is_rr ? 1 : 0;
    return DequeueResult::kGone;
  }

  PickResult Pick(Kernel&, CpuId cpu) override {
    const Queue& queue = Of(cpu);
    if (queue.lists.empty()) return PickResult::Nothing();
    return PickResult::Run(queue.lists.Best().task);
  }

  void PutPrev(Kernel&, CpuId cpu, TaskId) override { Of(cpu).donor = TaskId(); }
  void SetNext(Kernel&, CpuId cpu, TaskId task, SetNextReason) override { Of(cpu).donor = task; }
  void Charge(Kernel&, CpuId, TaskId, TaskId, Cycles) override {}

  // rt.c: wakeup_preempt_rt().
  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId woken, WakeFlags) override {
    Queue& queue = Of(cpu);
    // Without a donor of this class a reschedule is on its way already.
    if (!queue.donor.valid() || queue.donor == woken) return;
    if (kernel.task(woken).sched_class != kernel.task(queue.donor).sched_class) return;
    const int rank = RankOf(kernel, woken);
    const int donor_rank = RankOf(kernel, queue.donor);
    if (rank < donor_rank) {
      kernel.Resched(cpu, ReschedKind::kFull);
    } else if (rank == donor_rank && !kernel.cpu(cpu).need_resched &&
               CanOnlyDonorMove(kernel, cpu, queue.donor, woken)) {
      // rt.c: check_preempt_equal_prio(). The donor has somewhere else to go and the woken task has
      // not.
      queue.lists.MoveToHead(entities_[woken.index()]);
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  // rt.c: task_tick_rt(). A high-resolution tick counts like any other.
  void Tick(Kernel& kernel, CpuId cpu, TaskId donor, TickKind) override {
    if (kernel.task(donor).eff.policy != SchedPolicy::kRr) return;
    Entity& entity = entities_[donor.index()];
    if (--entity.ticks_left > 0) return;
    entity.ticks_left = quantum_ticks_;
    Queue& queue = Of(cpu);
    if (!entity.is_linked() || queue.lists.IsAlone(entity)) return;
    queue.lists.MoveToTail(entity);
    kernel.Resched(cpu, ReschedKind::kFull);
  }

  // rt.c: yield_task_rt().
  void Yield(Kernel&, CpuId cpu, TaskId donor) override {
    Of(cpu).lists.MoveToTail(entities_[donor.index()]);
  }

  // rt.c: prio_changed_rt(), without the pull.
  void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr& old) override {
    if (!kernel.task(task).on_rq) return;
    const Queue& queue = Of(cpu);
    const int rank = RankOf(kernel, task);
    if (queue.donor == task) {
      if (rank > RankOf(old) && queue.lists.BestRank() < rank) {
        kernel.Resched(cpu, ReschedKind::kFull);
      }
    } else if (kernel.task(task).eff.prio < kernel.task(kernel.cpu(cpu).donor).eff.prio) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  // A child starts with a full quantum (core.c: sched_fork()).
  void Forked(Kernel&, TaskId, TaskId child) override {
    entities_[child.index()].ticks_left = quantum_ticks_;
  }

  // core.c: sched_can_stop_tick(): turns need ticks.
  bool NeedsTick(Kernel&, CpuId cpu) override { return Of(cpu).num_rr > 1; }

  // The tick that ends the donor's turn; only an RR task that is not alone has one.
  Time NextTickOfInterest(Kernel& kernel, CpuId cpu) override {
    const Queue& queue = Of(cpu);
    if (!queue.donor.valid()) return kNever;
    const Entity& entity = entities_[queue.donor.index()];
    if (!entity.is_rr || !entity.is_linked() || queue.lists.IsAlone(entity)) return kNever;
    return kernel.now() + Cycles((entity.ticks_left - 1) * kernel.facts().tick.count() + 1);
  }

  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    writer.Field("priority", kernel.task(task).eff.priority);
    writer.Field("ticks_left", entities_[task.index()].ticks_left);
  }

 private:
  struct Entity : RankedEntity {
    int64_t ticks_left = 0;
    bool is_rr = false;  // as of its enqueue
  };
  struct Queue {
    PrioLists lists;  // the donor among them
    TaskId donor;     // invalid: the donor of this CPU is of another class
    int num_rr = 0;
  };

  // The kernel's prio, which is what the lists are indexed by.
  static int RankOf(const SchedAttr& attr) { return std::clamp<int>(attr.prio, 0, kNumRanks - 1); }
  static int RankOf(const Kernel& kernel, TaskId task) { return RankOf(kernel.task(task).eff); }

  Queue& Of(CpuId cpu) { return queues_[cpu.index()]; }

  // Whether `task` could run on another CPU whose best real-time task is weaker (cpupri.c:
  // cpupri_find()).
  bool HasLowerCpu(const Kernel& kernel, CpuId cpu, TaskId task) const {
    const Task& t = kernel.task(task);
    if (t.nr_cpus_allowed == 1 || t.migration_disabled > 0) return false;
    const int rank = RankOf(kernel, task);
    const CpuSet candidates = t.cpus_allowed & kernel.active();
    for (CpuId c = candidates.First(); c.valid(); c = candidates.After(c)) {
      if (c != cpu && queues_[c.index()].lists.BestRank() > rank) return true;
    }
    return false;
  }
  bool CanOnlyDonorMove(const Kernel& kernel, CpuId cpu, TaskId donor, TaskId woken) const {
    return HasLowerCpu(kernel, cpu, donor) && !HasLowerCpu(kernel, cpu, woken);
  }

  int64_t quantum_ticks_;
  std::vector<Entity> entities_;  // by task; declared before the lists that link them
  std::vector<Queue> queues_;     // by CPU
};

constexpr ParamInfo kRtParams[] = {
    {.name = "rr_timeslice_ticks",
     .kind = ParamKind::kInteger,
     .max = int64_t{1} << 31,
     .summary = "quantum of an RR task in ticks; 0 = 100 ms"},
};

constexpr uint32_t Bit(SchedPolicy policy) { return 1u << static_cast<unsigned>(policy); }

// 100 * HZ / 1000 ticks (Linux 7.2 include/linux/sched/rt.h: RR_TIMESLICE), HZ from the length of a
// tick.
int64_t DefaultQuantumTicks(const Limits& limits) {
  const int64_t tick = std::max<int64_t>(limits.tick.count(), 1);
  const int64_t hz = (limits.clock_hz + tick / 2) / tick;
  return std::max<int64_t>(hz / 10, 1);
}

}  // namespace

constinit const PolicyInfo kRtClassInfo = {
    .name = "rt",
    .seam = Seam::kSchedClass,
    .summary = "fixed priorities: FIFO and RR",
    .source = "Linux 7.2 kernel/sched/rt.c",
    .params = kRtParams,
    .sched_policies = Bit(SchedPolicy::kFifo) | Bit(SchedPolicy::kRr),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeRtClass(const PolicyParams& params,
                                                        const Limits& limits) {
  const int64_t given = params.Integer("rr_timeslice_ticks");
  return std::make_unique<Rt>(given > 0 ? given : DefaultQuantumTicks(limits), limits);
}

}  // namespace rqsim
