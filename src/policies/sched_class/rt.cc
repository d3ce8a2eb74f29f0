// The real-time class: fixed priorities, first in, first out (FIFO) or in turns (RR).
//
// Idea: one list per priority, the donor among them. A preempted task is not moved and so resumes
// first; a yield goes to the tail; an RR task goes there when its quantum of ticks is used up and
// it is not alone. A task made weaker goes to the head of its new list, one made stronger to the
// tail. Tasks that wait behind a stronger one are pushable: they are pushed to the CPU that runs
// the weakest work, when something stronger comes here, and pulled by a CPU that is about to run
// something weaker. Origin: Linux 7.2 kernel/sched/rt.c (function names at the code), cpupri.c,
// syscalls.c: __sched_setscheduler() for head and tail; classes.md 5. What differs: no RT groups,
// hence no throttling; RT_PUSH_IPI is off; a CPU with a deadline task counts as the strongest as
// long as it has one (MODEL-70); `chain_balance` is of a series that was not merged (MODEL-143).
// Cost: every hook O(1), but a search for a CPU takes O(levels) and
// a pull O(overloaded CPUs). Tested by tests/unit/policies/sched_class/rt_test.cc,
// rt_push_pull_test.cc and scenarios/classes/C22-fifo-order.json to C26, C37, C38, rt-*.json.
#include <algorithm>
#include <cstddef>
#include <vector>

#include "policies.h"
#include "rqsim/check.h"
#include "sched_class/chains.h"
#include "sched_class/cpu_levels.h"
#include "sched_class/domains.h"
#include "sched_class/prio_lists.h"

namespace rqsim {
namespace {

class Rt final : public SchedClass {
 public:
  Rt(int64_t quantum_ticks, bool balances_chains, const Limits& limits)
      : quantum_ticks_(quantum_ticks),
        balances_chains_(balances_chains),
        self_(limits.self),
        sched_class_(limits.sched_class),
        levels_(limits.num_cpus),
        entities_(static_cast<std::size_t>(limits.num_tasks)),
        queues_(static_cast<std::size_t>(limits.num_cpus)) {
    for (std::size_t i = 0; i < entities_.size(); ++i) {
      entities_[i].task = entities_[i].pushable.task = TaskId(static_cast<int32_t>(i));
      entities_[i].ticks_left = quantum_ticks;
    }
  }

  HookMask Hooks() const override {
    return Hook::kYield | Hook::kPrioChanged | Hook::kForked | Hook::kNextTick | Hook::kNeedsTick |
           Hook::kSelectCpu | Hook::kTaskWoken | Hook::kBalance | Hook::kBalanceCallback |
           Hook::kSwitchedFrom | Hook::kSwitchedTo | Hook::kOnTask;
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
    UpdateLevel(cpu);
    if (kernel.cpu(cpu).curr != task) MakePushable(kernel, cpu, task);
  }

  // rt.c: dequeue_task_rt().
  DequeueResult Dequeue(Kernel&, CpuId cpu, TaskId task, QueueReason reason) override {
    MakeUnpushable(cpu, task);
    if (reason == QueueReason::kChange) return DequeueResult::kGone;
    Queue& queue = Of(cpu);
    Entity& entity = entities_[task.index()];
    queue.lists.Remove(entity);
    queue.num_rr -= entity.is_rr ? 1 : 0;
    UpdateLevel(cpu);
    return DequeueResult::kGone;
  }

  PickResult Pick(Kernel&, CpuId cpu) override {
    const Queue& queue = Of(cpu);
    if (queue.lists.empty()) return PickResult::Nothing();
    return PickResult::Run(queue.lists.Best().task);
  }

  void PutPrev(Kernel& kernel, CpuId cpu, TaskId task) override {
    Of(cpu).donor = TaskId();
    if (kernel.task(task).on_rq) MakePushable(kernel, cpu, task);
  }
  // rt.c: set_next_task_rt().
  void SetNext(Kernel& kernel, CpuId cpu, TaskId task, SetNextReason reason) override {
    Of(cpu).donor = task;
    MakeUnpushable(cpu, task);
    if (reason == SetNextReason::kPicked && !Of(cpu).pushable.empty()) {
      kernel.BalanceLater(self_, cpu, kPush);
    }
  }
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
               CanOnlyCurrMove(kernel, cpu, queue.donor, woken)) {
      // rt.c: check_preempt_equal_prio(). The running task has somewhere else to go and the woken
      // one has not: it goes first, and then the other is pushed away.
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

  // rt.c: prio_changed_rt().
  void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr& old) override {
    if (!kernel.task(task).on_rq || kernel.task(task).eff.prio == old.prio) return;
    const Queue& queue = Of(cpu);
    const int rank = RankOf(kernel, task);
    if (queue.donor == task) {
      if (rank > RankOf(old)) kernel.BalanceLater(self_, cpu, kPull);
      if (queue.lists.BestRank() < rank) kernel.Resched(cpu, ReschedKind::kFull);
    } else if (kernel.task(task).eff.prio < kernel.task(kernel.cpu(cpu).donor).eff.prio) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  // rt.c: switched_from_rt(). The last one leaves: others may come from elsewhere.
  void SwitchedFrom(Kernel& kernel, CpuId cpu, TaskId task) override {
    const Task& t = kernel.task(task);
    const bool is_queued = t.state == TaskState::kRunning || t.is_blocked;
    if (is_queued && Of(cpu).lists.empty()) kernel.BalanceLater(self_, cpu, kPull);
  }

  // rt.c: switched_to_rt().
  void SwitchedTo(Kernel& kernel, CpuId cpu, TaskId task) override {
    const Task& t = kernel.task(task);
    if (!t.on_rq || kernel.cpu(cpu).curr == task) return;
    if (t.nr_cpus_allowed > 1 && !Of(cpu).pushable.empty()) {
      kernel.BalanceLater(self_, cpu, kPush);
    }
    if (t.eff.prio < kernel.task(kernel.cpu(cpu).donor).eff.prio) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  // An affinity may make a waiting task pushable, or no longer so (core.c: do_set_cpus_allowed()).
  void OnTask(Kernel& kernel, TaskId task, TaskChange change) override {
    const Task& t = kernel.task(task);
    if (change != TaskChange::kAffinity || !entities_[task.index()].is_linked()) return;
    MakeUnpushable(t.cpu, task);
    if (kernel.cpu(t.cpu).curr != task && Of(t.cpu).donor != task) {
      MakePushable(kernel, t.cpu, task);
    }
  }

  // rt.c: select_task_rq_rt(). Where a task is that it would have to wait for, or one that cannot
  // go away, another CPU is looked for; preempted tasks that can are pushed later.
  CpuId SelectCpu(Kernel& kernel, TaskId task, CpuId, WakeFlags flags) override {
    const Task& t = kernel.task(task);
    const CpuId prev = t.wake_cpu;
    if (Has(flags, WakeFlags::kExec)) return prev;
    const Cpu& cpu = kernel.cpu(prev);
    const int donor_prio = kernel.task(cpu.donor).eff.prio;
    const bool looks =
        IsRealTime(donor_prio) && (IsPinned(kernel.task(cpu.curr)) || donor_prio <= t.eff.prio);
    if (!looks) return prev;
    const CpuId found = FindLowest(kernel, task);
    return found.valid() && RankOf(kernel, task) < BestRankOf(found) ? found : prev;
  }

  // rt.c: task_woken_rt().
  void TaskWoken(Kernel& kernel, CpuId cpu, TaskId task) override {
    const Task& t = kernel.task(task);
    const Cpu& c = kernel.cpu(cpu);
    if (t.on_cpu || c.need_resched || t.nr_cpus_allowed <= 1) return;
    const Task& donor = kernel.task(c.donor);
    if (donor.eff.prio >= kNumRanks) return;  // neither real-time nor deadline
    if (IsPinned(kernel.task(c.curr)) || donor.eff.prio <= t.eff.prio) {
      kernel.BalanceLater(self_, cpu, kPush);
    }
  }

  // rt.c: balance_rt().
  void Balance(Kernel& kernel, CpuId cpu, TaskId prev) override {
    if (entities_[prev.index()].is_linked() || !kernel.cpu(cpu).queue_online) return;
    if (BestRankOf(cpu) > kernel.task(prev).eff.prio) Pull(kernel, cpu);
  }

  bool BalanceCallback(Kernel& kernel, CpuId cpu, int what) override {
    if (what == kPush) return Push(kernel, cpu);
    Pull(kernel, cpu);
    return false;
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
  static constexpr int16_t kPush = 0;
  static constexpr int16_t kPull = 1;

  struct Entity : RankedEntity {
    RankedEntity pushable;  // its place among those that wait and may go elsewhere
    int64_t ticks_left = 0;
    bool is_rr = false;  // as of its enqueue
  };
  struct Queue {
    PrioLists lists;     // the donor among them
    PrioLists pushable;  // those of them that may be moved; never what executes
    TaskId donor;        // invalid: the donor of this CPU is of another class
    int num_rr = 0;
  };

  // The kernel's prio, which is what the lists are indexed by.
  static int RankOf(const SchedAttr& attr) { return std::clamp<int>(attr.prio, 0, kNumRanks - 1); }
  static int RankOf(const Kernel& kernel, TaskId task) { return RankOf(kernel.task(task).eff); }

  Queue& Of(CpuId cpu) { return queues_[cpu.index()]; }

  int BestRankOf(CpuId cpu) const { return queues_[cpu.index()].lists.BestRank(); }
  static bool IsRealTime(int prio) { return prio >= 0 && prio < kNumRanks; }
  static bool IsPinned(const Task& task) { return task.nr_cpus_allowed < 2; }

  // cpupri.c: convert_prio().
  static int LevelOf(int rank) { return std::max(kNumRanks - 1 - rank, 0); }
  void UpdateLevel(CpuId cpu) { levels_.Set(cpu, LevelOf(BestRankOf(cpu))); }

  void MakePushable(const Kernel& kernel, CpuId cpu, TaskId task) {
    const Task& t = kernel.task(task);
    Entity& entity = entities_[task.index()];
    if (entity.pushable.is_linked()) return;
    // Where chains are balanced the affinity that counts is that of who would execute: Push() asks.
    if (t.is_blocked ? !balances_chains_ : t.nr_cpus_allowed <= 1) return;
    Of(cpu).pushable.AddTail(entity.pushable, entity.rank);
    overloaded_.Add(cpu);
  }
  void MakeUnpushable(CpuId cpu, TaskId task) {
    Entity& entity = entities_[task.index()];
    if (!entity.pushable.is_linked()) return;
    Of(cpu).pushable.Remove(entity.pushable);
    if (Of(cpu).pushable.empty()) overloaded_.Remove(cpu);
  }

  // The CPUs of `usable` that run the weakest work, weaker than `task` (cpupri.c: cpupri_find()).
  CpuSet LowestCpus(const Kernel& kernel, TaskId task, CpuSet usable) const {
    // Class 0 is the stop class, which does not count; what is between it and this one does.
    for (int k = 1; k < sched_class_; ++k) usable = usable - kernel.cpus_with(k);
    return levels_.Lowest(LevelOf(RankOf(kernel, task)), usable);
  }
  // rt.c: find_lowest_rq(), for `task` where `exec` would execute for it. Invalid: nowhere to go.
  CpuId FindLowest(Kernel& kernel, TaskId task, TaskId exec) {
    const Task& e = kernel.task(exec);
    if (e.nr_cpus_allowed == 1 || e.migration_disabled > 0) return CpuId();
    const CpuSet lowest = LowestCpus(kernel, task, e.cpus_allowed & kernel.active());
    return lowest.empty() ? CpuId() : domains_.Closest(kernel, e.cpu, lowest);
  }
  CpuId FindLowest(Kernel& kernel, TaskId task) { return FindLowest(kernel, task, task); }

  // rt.c: check_preempt_equal_prio(), which only asks whether there is a CPU, and so chooses none.
  bool CanOnlyCurrMove(const Kernel& kernel, CpuId cpu, TaskId donor, TaskId woken) const {
    const auto could_go = [&](TaskId task) {
      return !LowestCpus(kernel, task, kernel.task(task).cpus_allowed & kernel.online()).empty();
    };
    if (IsPinned(kernel.task(kernel.cpu(cpu).curr)) || !could_go(donor)) return false;
    return IsPinned(kernel.task(woken)) || !could_go(woken);
  }

  // rt.c: push_rt_task(). Returns whether it moved one.
  bool Push(Kernel& kernel, CpuId cpu) {
    const RankedEntity* const next = Of(cpu).pushable.FirstWhere(
        [&kernel](const RankedEntity& e) { return CanMove(kernel, e.task); });
    if (next == nullptr) return false;
    const TaskId task = next->task;
    const TaskId exec = ExecOf(kernel, task);
    if (kernel.task(task).eff.prio < kernel.task(kernel.cpu(cpu).donor).eff.prio) {
      kernel.Resched(cpu, ReschedKind::kFull);
      return false;
    }
    const CpuId to = FindLowest(kernel, task, exec);
    if (!to.valid() || to == cpu || BestRankOf(to) <= RankOf(kernel, task)) return false;
    MoveChain(kernel, task, exec, to);
    kernel.Resched(to, ReschedKind::kFull);
    return true;
  }

  // rt.c: pull_rt_task(). One from each overloaded CPU, if it is stronger than all before.
  void Pull(Kernel& kernel, CpuId cpu) {
    int best = BestRankOf(cpu);
    bool has_pulled = false;
    for (CpuId source = overloaded_.First(); source.valid(); source = overloaded_.After(source)) {
      if (source == cpu || Of(source).pushable.BestRank() >= best) continue;
      const RankedEntity* const next =
          Of(source).pushable.FirstWhere([&kernel, cpu](const RankedEntity& e) {
            const TaskId exec = ExecOf(kernel, e.task);
            return exec.valid() && !kernel.task(exec).on_cpu &&
                   kernel.task(exec).cpus_allowed.Contains(cpu);
          });
      if (next == nullptr) continue;
      const Task& t = kernel.task(next->task);
      const TaskId exec = ExecOf(kernel, next->task);
      const int rank = RankOf(t.eff);
      // What is stronger than the donor there is about to run there.
      if (rank >= best || t.eff.prio < kernel.task(kernel.cpu(source).donor).eff.prio) continue;
      if (kernel.task(exec).migration_disabled > 0) continue;
      MoveChain(kernel, next->task, exec, cpu);
      best = rank;
      has_pulled = true;
    }
    if (has_pulled) kernel.Resched(cpu, ReschedKind::kFull);
  }

  int64_t quantum_ticks_;
  bool balances_chains_;
  PolicyId self_;
  int sched_class_;
  CpuLevels levels_;
  Domains domains_;
  CpuSet overloaded_;             // CPUs with pushable tasks (rto_mask)
  std::vector<Entity> entities_;  // by task; declared before the lists that link them
  std::vector<Queue> queues_;     // by CPU
};

constexpr ParamInfo kRtParams[] = {
    {.name = "rr_timeslice_ticks",
     .kind = ParamKind::kInteger,
     .max = int64_t{1} << 31,
     .summary = "quantum of an RR task in ticks; 0 = 100 ms"},
    kChainBalanceParam,
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
  return std::make_unique<Rt>(given > 0 ? given : DefaultQuantumTicks(limits),
                              params.Flag("chain_balance"), limits);
}

}  // namespace rqsim
