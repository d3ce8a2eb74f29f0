// The fair class: NORMAL, BATCH and IDLE tasks share the CPU by weight, earliest eligible virtual
// deadline first.
//
// Idea: fair_queue.h has the arithmetic. This file connects it to the machine: when time is
// charged, what asks for a reschedule, what happens at a wake-up, when a sleeper that is in debt
// stays queued until the debt is worked off (delayed dequeue), and the high-resolution timer that
// ends slices between ticks. Origin: Linux 7.2 kernel/sched/fair.c (function names at the code) and
// core.c: hrtick_start(); classes.md 4 has the rules in words and the numbers worked out by hand.
// `features` are those of kernel/sched/features.h. Linux 6.12 is the other preset: fair_rules.h has
// what it does differently. What differs from both: one flat queue per CPU, no groups, no bandwidth
// (MODEL-15); the fair server is the deadline class's; cycles are booked by the machine, so
// update_curr() is Charge().
// Cost: O(log n) to enqueue, dequeue and pick, O(1) to charge.
// Tested by tests/unit/policies/sched_class/fair_test.cc, fair_queue_test.cc and
// scenarios/classes/.
#include <absl/status/status.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "policies.h"
#include "rqsim/check.h"
#include "sched_class/fair_queue.h"

namespace rqsim {
namespace {

constexpr int kPickEvent = 0;

// Linux 6.12 kernel/sched/core.c: sched_prio_to_wmult, nice -20 to 19; 2^32 / weight, some of them
// rounded down and some to the nearest.
constexpr uint32_t kInverses[40] = {
    48388,    59856,    76040,    92818,     118348,    147320,    184698,    229616,
    287308,   360437,   449829,   563644,    704093,    875809,    1099582,   1376151,
    1717300,  2157191,  2708050,  3363326,   4194304,   5237765,   6557202,   8165337,
    10153587, 12820798, 15790321, 19976592,  24970740,  31350126,  39045157,  49367440,
    61356676, 76695844, 95443717, 119304647, 148102320, 186737708, 238609294, 286331153};
constexpr uint32_t kIdlePolicyInverse = 1431655765;

uint32_t InverseOf(const SchedAttr& attr) {
  if (attr.policy == SchedPolicy::kIdle) return kIdlePolicyInverse;
  return kInverses[std::clamp<int>(attr.nice, -20, 19) + 20];
}

int64_t WeightOf(const SchedAttr& attr) {
  if (attr.policy == SchedPolicy::kIdle) return kIdlePolicyWeight << 10;
  return kPrioToWeight[std::clamp<int>(attr.nice, -20, 19) + 20] << 10;
}

struct FairParams {
  FairFeatures features;
  FairRules rules;
  int64_t base_slice = 0;  // 0: scaled_slice times the factor of the CPUs that are online
  int64_t scaled_slice = 0;
  std::string scaling;
  bool hrtick = true;
  int64_t hrtick_min = 0;
  int64_t hrtick_slop = 0;
  bool limits_slices = true;
  int64_t slice_min = 0;  // of a custom slice
  int64_t slice_max = 0;
};

class Fair final : public SchedClass {
 public:
  Fair(const FairParams& params, const Limits& limits)
      : params_(params),
        self_(limits.self),
        tick_(limits.tick.count()),
        entities_(static_cast<std::size_t>(limits.num_tasks)),
        runqueues_(static_cast<std::size_t>(limits.num_cpus),
                   Runqueue(entities_, params_.features, params_.rules)) {}

  HookMask Hooks() const override {
    return Hook::kOnStart | Hook::kYield | Hook::kPrioChanged | Hook::kRqOnline | Hook::kNextTick |
           Hook::kNeedsTick | Hook::kMayMove;
  }

  void OnStart(Kernel& kernel) override { tells_picks_ = kernel.WantsDeclared(self_, kPickEvent); }

  void Enqueue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    FairQueue& queue = Of(cpu).queue;
    FairEntity& entity = entities_[task.index()];
    if (entity.is_delayed && !StaysAsleep(reason)) {
      Requeue(cpu, task);
      return;
    }
    Reweight(kernel, task);
    entity.slice = SliceOf(kernel, task);
    entity.is_new = reason == QueueReason::kNew;
    queue.Place(task, entity.is_new);
    queue.Add(task, ++insertions_);
    // fair.c: hrtick_update().
    const TaskId donor = kernel.cpu(cpu).donor;
    if (donor != kIdleTask && kernel.task(donor).sched_class == kernel.task(task).sched_class &&
        !kernel.cpu(cpu).hrtick_queued) {
      StartHrtick(kernel, cpu, donor);
    }
  }

  DequeueResult Dequeue(Kernel&, CpuId cpu, TaskId task, QueueReason reason) override {
    FairQueue& queue = Of(cpu).queue;
    FairEntity& entity = entities_[task.index()];
    if (entity.is_delayed && !StaysAsleep(reason)) {
      CompleteDequeue(cpu, task);
      return DequeueResult::kGone;
    }
    if (queue.buddy() == task) queue.set_buddy(TaskId());
    const bool sleeps = reason == QueueReason::kSleep || reason == QueueReason::kSpecialSleep;
    if (reason == QueueReason::kSleep && params_.features.delay_dequeue &&
        !queue.IsEligible(entity.vruntime)) {
      if (params_.rules.delayed_lag == FairRules::DelayedLag::kKeptAndClipped) {
        queue.UpdateLag(task, tick_);
      }
      entity.is_delayed = true;
      return DequeueResult::kDelayed;
    }
    queue.UpdateLag(task, tick_);
    queue.Remove(task);
    // After it has left the tree, which finds it by its deadline.
    if (!sleeps && params_.features.place_rel_deadline) {
      entity.deadline = VirtualDiff(entity.deadline, entity.vruntime);
      entity.has_rel_deadline = true;
    }
    return DequeueResult::kGone;
  }

  PickResult Pick(Kernel& kernel, CpuId cpu) override {
    const TaskId task = PickAwake(kernel, cpu, true);
    return task.valid() ? PickResult::Run(task) : PickResult::Nothing();
  }

  void PutPrev(Kernel&, CpuId cpu, TaskId) override { Of(cpu).queue.PutPrev(++insertions_); }

  void SetNext(Kernel& kernel, CpuId cpu, TaskId task, SetNextReason reason) override {
    const bool first = reason == SetNextReason::kPicked;
    Of(cpu).queue.SetNext(task, first, params_.scaled_slice);
    if (first) StartHrtick(kernel, cpu, task);
    if (tells_picks_) TellPick(kernel, cpu, task);
  }

  // fair.c: update_curr().
  void Charge(Kernel& kernel, CpuId cpu, TaskId donor, TaskId, Cycles length) override {
    FairQueue& queue = Of(cpu).queue;
    FairEntity& entity = entities_[donor.index()];
    entity.vruntime = VirtualAdd(entity.vruntime, VirtualDelta(length.count(), entity));
    const bool renewed = RenewDeadline(kernel, donor);
    if (queue.nr_queued() == 1 || queue.curr() != donor) return;
    if (renewed || HasLostProtection(queue, donor)) {
      kernel.Resched(cpu, ReschedKind::kLazy);
      if (queue.buddy() == donor) queue.set_buddy(TaskId());
    }
  }

  // fair.c: wakeup_preempt_fair(). The numbers are those of classes.md 4.10, which are 7.2's.
  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId woken, WakeFlags flags) override {
    FairQueue& queue = Of(cpu).queue;
    const TaskId curr = queue.curr();
    if (!curr.valid() || curr == woken) return;
    const Task& p = kernel.task(woken);
    const Task& c = kernel.task(curr);
    if (p.sched_class != c.sched_class) return;
    const bool is_simple = params_.rules.wakeup == FairRules::Wakeup::kSimple;
    if (is_simple && params_.features.next_buddy && !IsFork(woken, flags) &&
        !entities_[woken.index()].is_delayed && p.eff.policy != SchedPolicy::kIdle) {
      queue.set_buddy(woken);
    }
    if (kernel.cpu(cpu).need_resched || !params_.features.wakeup_preemption) return;  // 1
    const bool is_p_idle = p.eff.policy == SchedPolicy::kIdle;
    const bool is_c_idle = c.eff.policy == SchedPolicy::kIdle;
    if (is_c_idle && !is_p_idle) {  // 2
      queue.CancelProtection();
      kernel.Resched(cpu, ReschedKind::kLazy);
      return;
    }
    if (is_c_idle != is_p_idle || p.eff.policy != SchedPolicy::kNormal) return;  // 3, 4
    if (is_simple) {
      CheckSimply(kernel, cpu, woken);
      return;
    }
    const FairEntity& pe = entities_[woken.index()];
    const FairEntity& ce = entities_[curr.index()];
    const bool is_short = params_.features.preempt_short && pe.slice < ce.slice;  // 5
    if (!is_short) {
      if (IsFork(woken, flags) || pe.is_delayed) return;  // 6
      if (params_.features.next_buddy && SetBuddy(queue, woken) && Has(flags, WakeFlags::kSync)) {
        // The kernel asks whether the donor has run for a while since it was last charged, which
        // was just now: the answer is no, and the waker's wish to sleep soon is taken at its word.
        return;
      }
    }
    if (PickAwake(kernel, cpu, !is_short) == woken) {  // 7, 8
      if (is_short) queue.CancelProtection();
      kernel.Resched(cpu, ReschedKind::kLazy);
    } else if (params_.features.run_to_parity) {
      queue.TightenProtection();
    }
  }

  // fair.c: task_tick_fair(). What a tick changes, the charge before it has done.
  void Tick(Kernel& kernel, CpuId cpu, TaskId, TickKind kind) override {
    if (kind == TickKind::kSlice) kernel.Resched(cpu, ReschedKind::kFull);
  }

  // fair.c: yield_task_fair().
  void Yield(Kernel& kernel, CpuId cpu, TaskId donor) override {
    FairQueue& queue = Of(cpu).queue;
    FairEntity& entity = entities_[donor.index()];
    if (kernel.cpu(cpu).nr_running == 1) return;
    if (queue.buddy() == donor) queue.set_buddy(TaskId());
    if (!queue.IsEligible(entity.vruntime)) return;
    entity.vruntime = entity.deadline;
    RenewDeadline(kernel, donor);
  }

  // fair.c: prio_changed_fair().
  void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr& old) override {
    const Task& t = kernel.task(task);
    if (!t.on_rq) {
      Reweight(kernel, task);
      return;
    }
    const FairQueue& queue = Of(cpu).queue;
    if (t.eff.prio == old.prio || queue.nr_queued() == 1) return;
    if (queue.curr() == task) {
      if (t.eff.prio > old.prio) kernel.Resched(cpu, ReschedKind::kFull);
    } else if (kernel.cpu(cpu).next_class == t.sched_class) {
      WakeupPreempt(kernel, cpu, task, WakeFlags::kNone);
    }
  }

  // update_sysctl(): the CPUs that are online now count, and one that is to go is still online.
  void RqChanged(Kernel& kernel, CpuId, bool) override { ScaleBaseSlice(kernel); }

  // fair.c: task_is_ineligible_on_dst_cpu(). The donor's time may not be booked up to now; the
  // kernel does not bring it up to date either.
  bool MayMove(Kernel& kernel, TaskId task) override {
    return !params_.features.place_lag ||
           Of(kernel.task(task).cpu).queue.IsEligible(entities_[task.index()].vruntime);
  }

  bool NeedsTick(Kernel&, CpuId cpu) override { return Of(cpu).queue.nr_queued() > 1; }

  // Charge() asks for nothing while the donor is in its request and protected.
  Time NextTickOfInterest(Kernel& kernel, CpuId cpu) override {
    const FairQueue& queue = Of(cpu).queue;
    const TaskId curr = queue.curr();
    if (!curr.valid() || queue.nr_queued() == 1) return kNever;
    if (!queue.IsProtected(curr)) return kernel.now();
    const FairEntity& entity = entities_[curr.index()];
    int64_t end = entity.deadline;
    if (params_.rules.protection == FairRules::Protection::kWindow &&
        VirtualBefore(entity.vprot, end)) {
      end = entity.vprot;
    }
    return kernel.now() + Cycles(LengthFor(VirtualDiff(end, entity.vruntime), entity));
  }

  void Describe(const Kernel&, TaskId task, StateWriter& writer) const override {
    const FairEntity& entity = entities_[task.index()];
    writer.Field("vruntime", entity.vruntime);
    writer.Field("deadline", entity.deadline);
    writer.Field("vlag", entity.vlag);
    writer.Field("vprot", entity.vprot);
    writer.Field("slice", entity.slice);
    writer.Field("weight", entity.weight);
    writer.Field("delayed", entity.is_delayed ? 1 : 0);
    writer.Field("rel_deadline", entity.has_rel_deadline ? 1 : 0);
  }

 private:
  struct Runqueue {
    Runqueue(std::vector<FairEntity>& entities, const FairFeatures& features,
             const FairRules& rules)
        : queue(entities, features, rules) {}
    FairQueue queue;
  };

  // A sleeper whose dequeue is put off is no less asleep for a change of its attributes or for
  // being carried to another queue by a balancer.
  static bool StaysAsleep(QueueReason reason) {
    return reason == QueueReason::kChange || reason == QueueReason::kMigrate;
  }

  Runqueue& Of(CpuId cpu) { return runqueues_[cpu.index()]; }

  bool IsFork(TaskId woken, WakeFlags flags) const {
    return entities_[woken.index()].is_new || Has(flags, WakeFlags::kFork);
  }

  // Besides a request that is done: whether the donor's progress asks for a reschedule.
  bool HasLostProtection(const FairQueue& queue, TaskId donor) const {
    if (queue.IsProtected(donor)) return false;
    switch (params_.rules.progress) {
      case FairRules::Progress::kUnprotected:
        return true;
      case FairRules::Progress::kRequestDone:
        break;
    }
    return params_.features.preempt_short && !queue.IsEligible(entities_[donor.index()].vruntime);
  }

  // Linux 6.12 fair.c: check_preempt_wakeup_fair(), do_preempt_short().
  void CheckSimply(Kernel& kernel, CpuId cpu, TaskId woken) {
    FairQueue& queue = Of(cpu).queue;
    const FairEntity& p = entities_[woken.index()];
    const FairEntity& c = entities_[queue.curr().index()];
    const bool is_short = params_.features.preempt_short && p.slice < c.slice &&
                          queue.IsEligible(p.vruntime) &&
                          (VirtualBefore(p.deadline, c.deadline) || !queue.IsEligible(c.vruntime));
    if (is_short) queue.CancelProtection();
    if (queue.PickByDeadline(true) == woken) kernel.Resched(cpu, ReschedKind::kLazy);
  }

  // Completes the dequeue of delayed tasks that it meets until the answer is awake.
  TaskId PickAwake(Kernel& kernel, CpuId cpu, bool protect) {
    FairQueue& queue = Of(cpu).queue;
    for (;;) {
      const TaskId task = queue.Pick(protect);
      if (!task.valid() || !entities_[task.index()].is_delayed) return task;
      CompleteDequeue(cpu, task);
      kernel.FinishDequeue(task);
    }
  }

  // fair.c: dequeue_entity() with DEQUEUE_DELAYED.
  void CompleteDequeue(CpuId cpu, TaskId task) {
    FairQueue& queue = Of(cpu).queue;
    queue.UpdateLag(task, tick_);
    queue.Remove(task);
    TakeCredit(entities_[task.index()]);
    entities_[task.index()].is_delayed = false;
  }

  // Time asleep earns nothing (Linux 6.12 fair.c: finish_delayed_dequeue_entity()); 7.2 has seen to
  // it before. Returns whether there was a credit.
  bool TakeCredit(FairEntity& entity) const {
    if (params_.rules.delayed_lag == FairRules::DelayedLag::kKeptAndClipped) return false;
    if (!params_.features.delay_zero || entity.vlag <= 0) return false;
    entity.vlag = 0;
    return true;
  }

  // fair.c: requeue_delayed_entity(). Where neither its lag nor its place has changed (6.12: where
  // it has no credit), it keeps its deadline too.
  void Requeue(CpuId cpu, TaskId task) {
    FairQueue& queue = Of(cpu).queue;
    const bool would_move = queue.UpdateLag(task, tick_);
    const bool moves = params_.rules.delayed_lag == FairRules::DelayedLag::kKeptAndClipped
                           ? would_move
                           : TakeCredit(entities_[task.index()]);
    if (moves) queue.Replace(task, ++insertions_);
    entities_[task.index()].is_delayed = false;
  }

  // fair.c: set_preempt_buddy().
  bool SetBuddy(FairQueue& queue, TaskId woken) {
    const TaskId buddy = queue.buddy();
    if (buddy.valid() &&
        VirtualBefore(entities_[buddy.index()].deadline, entities_[woken.index()].deadline)) {
      return false;
    }
    queue.set_buddy(woken);
    return true;
  }

  // fair.c: rescale_entity(). Lag and a kept distance to the deadline are virtual times of the old
  // weight.
  void Reweight(const Kernel& kernel, TaskId task) {
    FairEntity& entity = entities_[task.index()];
    const int64_t weight = WeightOf(kernel.task(task).eff);
    if (weight == entity.weight) return;
    if (entity.weight != 0) {
      entity.vlag = Rescaled(entity.vlag, entity.weight, weight);
      if (entity.has_rel_deadline && params_.rules.rescales_rel_deadline) {
        entity.deadline = Rescaled(entity.deadline, entity.weight, weight);
      }
    }
    entity.weight = weight;
    if (params_.rules.virtual_time == FairRules::VirtualTime::kInverse) {
      entity.inverse = InverseOf(kernel.task(task).eff);
    }
  }
  static int64_t Rescaled(int64_t length, int64_t from, int64_t to) {
    return static_cast<int64_t>(static_cast<Wide>(length) * from / to);
  }

  // fair.c: update_deadline(). Exactly one renewal, even after a long overrun.
  bool RenewDeadline(const Kernel& kernel, TaskId task) {
    FairEntity& entity = entities_[task.index()];
    if (VirtualBefore(entity.vruntime, entity.deadline)) return false;
    entity.slice = SliceOf(kernel, task);
    entity.deadline = VirtualAdd(entity.vruntime, VirtualDelta(entity.slice, entity));
    return true;
  }

  // Custom or base slice. fair.c: __setparam_fair(), get_update_sysctl_factor().
  int64_t SliceOf(const Kernel& kernel, TaskId task) {
    const int64_t custom = kernel.task(task).eff.slice.count();
    if (custom > 0) {
      return params_.limits_slices ? std::clamp(custom, params_.slice_min, params_.slice_max)
                                   : custom;
    }
    if (params_.base_slice > 0) return params_.base_slice;
    if (base_slice_ == 0) ScaleBaseSlice(kernel);
    return base_slice_;
  }
  void ScaleBaseSlice(const Kernel& kernel) {
    const auto cpus = static_cast<unsigned>(std::clamp(kernel.online().Count(), 1, 8));
    int64_t factor = 1;
    if (params_.scaling == "log") factor = std::bit_width(cpus);
    if (params_.scaling == "linear") factor = static_cast<int64_t>(cpus);
    base_slice_ = params_.scaled_slice * factor;
  }

  // fair.c: hrtick_start_fair(). The slice timer ends the slice of `donor`.
  void StartHrtick(Kernel& kernel, CpuId cpu, TaskId donor) {
    const FairQueue& queue = Of(cpu).queue;
    if (!params_.hrtick || queue.nr_queued() <= 1) return;
    const FairEntity& entity = entities_[donor.index()];
    const int64_t left = VirtualDiff(entity.deadline, entity.vruntime);
    if (left < 0) {
      if (queue.curr() == donor) kernel.Resched(cpu, ReschedKind::kFull);
      return;
    }
    // At least one cycle, so that whoever is switched in gets on: half a slice of 1 is 0.
    const Cycles delay(std::max<int64_t>(
        {static_cast<int64_t>(static_cast<Wide>(left) * entity.weight / kNice0Weight),
         params_.hrtick_min, 1}));
    kernel.StartHrtick(cpu, delay, Cycles(params_.hrtick_slop));
  }

  // What recordings of the kernel say of a fair donor at the switch.
  void TellPick(Kernel& kernel, CpuId cpu, TaskId task) {
    FairQueue& queue = Of(cpu).queue;
    const FairEntity& entity = entities_[task.index()];
    PolicyEventPayload payload;
    payload.wide[0] = VirtualDiff(queue.Average(), entity.vruntime);
    payload.wide[1] = VirtualDiff(entity.deadline, entity.vruntime);
    payload.narrow[0] = task.value();
    payload.narrow[1] = queue.nr_queued();
    payload.narrow[2] = static_cast<int32_t>(std::min<int64_t>(entity.slice, INT32_MAX));
    kernel.EmitDeclared(self_, kPickEvent, payload);
  }

  FairParams params_;
  PolicyId self_;
  int64_t tick_;
  bool tells_picks_ = false;
  int64_t base_slice_ = 0;  // 0: to be worked out anew
  uint64_t insertions_ = 0;
  std::vector<FairEntity> entities_;  // by task; the runqueues link them
  std::vector<Runqueue> runqueues_;   // by CPU
};

constexpr int64_t kSliceParamMax = int64_t{1} << 44;

constexpr ParamInfo kFairParams[] = {
    {.name = "base_slice",
     .kind = ParamKind::kCycles,
     .max = kSliceParamMax,
     .summary = "request length of a task without its own; 0 = 0.7 ms scaled by the CPUs online"},
    {.name = "scaling",
     .kind = ParamKind::kEnum,
     .default_text = "log",
     .allowed = "none log linear",
     .summary = "how the default base slice grows with the CPUs online (tunable_scaling)"},
    {.name = "min_quantum",
     .kind = ParamKind::kCycles,
     .default_value = 700'000,
     .max = kSliceParamMax,
     .summary = "unscaled base slice; without RUN_TO_PARITY what a task is protected for",
     .ns = true},
    {.name = "slice_limits",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "hold a custom slice within 100 us and 100 ms, as sched_setattr() does (MODEL-17)"},
    {.name = "hrtick",
     .kind = ParamKind::kBool,
     .default_value = 1,
     .summary = "end slices by a high-resolution timer, between ticks (the same as HRTICK); off by "
                "default on 6.12"},
    {.name = "hrtick_min",
     .kind = ParamKind::kCycles,
     .default_value = 10'000,
     .max = kSliceParamMax,
     .summary = "that timer is never armed for less",
     .ns = true},
    {.name = "hrtick_slop",
     .kind = ParamKind::kCycles,
     .default_value = 5'000,
     .max = kSliceParamMax,
     .summary = "that timer is not rearmed for a difference of at most this",
     .ns = true},
    {.name = "features",
     .kind = ParamKind::kStringList,
     .default_text = "",
     .allowed = "PLACE_LAG NO_PLACE_LAG PLACE_DEADLINE_INITIAL NO_PLACE_DEADLINE_INITIAL "
                "PLACE_REL_DEADLINE NO_PLACE_REL_DEADLINE RUN_TO_PARITY NO_RUN_TO_PARITY "
                "PREEMPT_SHORT NO_PREEMPT_SHORT DELAY_DEQUEUE NO_DELAY_DEQUEUE DELAY_ZERO "
                "NO_DELAY_ZERO WAKEUP_PREEMPTION NO_WAKEUP_PREEMPTION PICK_BUDDY NO_PICK_BUDDY "
                "NEXT_BUDDY NO_NEXT_BUDDY HRTICK NO_HRTICK",
     .summary = "scheduler features to switch on, or off with NO_ (kernel/sched/features.h)"},
};
constexpr EventFieldInfo kPickFields[] = {{"lag", FieldKind::kCycles},
                                          {"dl", FieldKind::kCycles},
                                          {"pid", FieldKind::kTask},
                                          {"h_nr", FieldKind::kInteger},
                                          {"slice", FieldKind::kInteger}};
constexpr EventInfo kFairEvents[] = {
    {.name = "fair_pick",
     .fields = kPickFields,
     .summary = "a fair task becomes donor: how far it is behind the average, virtual time to its "
                "deadline, tasks queued, its slice",
     .in_digest = false}};

// The list has the last word over the default; NO_X beats X.
bool Feature(const PolicyParams& params, const std::string& name, bool by_default) {
  if (params.Lists("features", "NO_" + name)) return false;
  return by_default || params.Lists("features", name);
}

constexpr uint32_t Bit(SchedPolicy policy) { return 1u << static_cast<unsigned>(policy); }

int64_t CyclesOfNs(int64_t ns, int64_t clock_hz) {
  return std::max<int64_t>(static_cast<int64_t>(static_cast<Wide>(ns) * clock_hz / 1'000'000'000),
                           1);
}

}  // namespace

constinit const PolicyInfo kFairClassInfo = {
    .name = "fair",
    .seam = Seam::kSchedClass,
    .summary = "EEVDF: earliest eligible virtual deadline first, by weight",
    .source = "Linux 7.2 kernel/sched/fair.c",
    .params = kFairParams,
    .events = kFairEvents,
    .sched_policies =
        Bit(SchedPolicy::kNormal) | Bit(SchedPolicy::kBatch) | Bit(SchedPolicy::kIdle),
};

absl::StatusOr<std::unique_ptr<SchedClass>> MakeFairClass(const PolicyParams& params,
                                                          const Limits& limits) {
  FairParams fair;
  fair.features.place_lag = Feature(params, "PLACE_LAG", true);
  fair.features.place_deadline_initial = Feature(params, "PLACE_DEADLINE_INITIAL", true);
  fair.features.place_rel_deadline = Feature(params, "PLACE_REL_DEADLINE", true);
  fair.features.run_to_parity = Feature(params, "RUN_TO_PARITY", true);
  fair.features.preempt_short = Feature(params, "PREEMPT_SHORT", true);
  fair.features.delay_dequeue = Feature(params, "DELAY_DEQUEUE", true);
  fair.features.delay_zero = Feature(params, "DELAY_ZERO", true);
  fair.features.wakeup_preemption = Feature(params, "WAKEUP_PREEMPTION", true);
  fair.features.pick_buddy = Feature(params, "PICK_BUDDY", true);
  fair.features.next_buddy = Feature(params, "NEXT_BUDDY", false);
  fair.rules = FairRulesOf(limits.kernel);
  fair.hrtick =
      Feature(params, "HRTICK", params.Given("hrtick") ? params.Flag("hrtick") : fair.rules.hrtick);
  fair.base_slice = params.Integer("base_slice");
  fair.scaled_slice = params.Integer("min_quantum");
  fair.scaling = params.Text("scaling");
  fair.hrtick_min = params.Integer("hrtick_min");
  fair.hrtick_slop = params.Integer("hrtick_slop");
  fair.limits_slices = params.Flag("slice_limits");
  fair.slice_min = CyclesOfNs(100'000, limits.clock_hz);
  fair.slice_max = CyclesOfNs(100'000'000, limits.clock_hz);
  return std::make_unique<Fair>(fair, limits);
}

}  // namespace rqsim
