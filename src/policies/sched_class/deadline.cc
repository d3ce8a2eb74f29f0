// The deadline class: earliest deadline first, every task held to its own budget per period
// (constant bandwidth server).
//
// Idea: deadline_cbs.h has the arithmetic, deadline_queue.h the queues, deadline_bandwidth.h what
// is promised to whom, deadline_timers.h the two timers of a task, deadline_server.h the fair
// server. This file connects them to the machine: when a task is charged, throttled and
// replenished, who preempts whom, and how tasks are pushed to and pulled from other CPUs, so that
// the tasks with the earliest deadlines run somewhere. A charge is booked by the machine but acted
// on only where the kernel looks at the budget (tick, slice timer, dequeue, yield, put_prev): until
// then a task may overrun. A throttled task stays runnable for the machine and is on no queue of
// the class. Origin: Linux 7.2 kernel/sched/deadline.c (function names at the code), syscalls.c:
// __sched_setscheduler(); classes.md 6 and 7. What differs: one root domain, no cpusets; inherited
// parameters begin a period of their own (MODEL-33); MODEL-71 to 75, 143. Cost: O(log n) to
// enqueue, dequeue and pick, O(log CPUs) to find a CPU, O(overloaded CPUs) to pull. Tested by
// tests/unit/policies/sched_class/deadline_*_test.cc, scenarios/classes/C27-*.json to C36,
// dl-*.json and scenarios/known/R5, R6, R8.
#include <absl/status/status.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "policies.h"
#include "rqsim/check.h"
#include "sched_class/deadline_bandwidth.h"
#include "sched_class/deadline_cbs.h"
#include "sched_class/deadline_cpus.h"
#include "sched_class/deadline_params.h"
#include "sched_class/deadline_queue.h"
#include "sched_class/deadline_server.h"
#include "sched_class/deadline_timers.h"
#include "wide.h"

namespace rqsim {
namespace {

// What is put off, for BalanceCallback.
constexpr int16_t kPush = 0;
constexpr int16_t kPushOne = 1;
constexpr int16_t kPull = 2;

class Deadline final : public SchedClass {
 public:
  Deadline(const DeadlineParams& params, const Limits& limits)
      : params_(params),
        self_(limits.self),
        served_class_(limits.served_class),
        idle_before_(limits.idle_before),
        cbs_(params.scale),
        bandwidth_(limits.num_cpus, 1'000'000, params.rt_runtime),
        entities_(static_cast<std::size_t>(limits.num_tasks)),
        queues_(limits.num_cpus),
        where_(entities_, queues_),
        timers_(limits.self, entities_, bandwidth_) {
    for (std::size_t i = 0; i < entities_.size(); ++i) {
      entities_[i].task = TaskId(static_cast<int32_t>(i));
    }
    if (params.has_server && served_class_ >= 0) {
      const FairServers::Timers timers{{self_, DeadlineTimers::kServer, 0},
                                       {self_, DeadlineTimers::kServerInactive, 0}};
      servers_ = std::make_unique<FairServers>(params.server, timers, cbs_, queues_, bandwidth_,
                                               limits.num_cpus);
    }
  }

  HookMask Hooks() const override {
    const HookMask hooks = Hook::kYield | Hook::kSelectCpu | Hook::kTaskWoken | Hook::kBalance |
                           Hook::kBalanceCallback | Hook::kSwitchedFrom | Hook::kSwitchedTo |
                           Hook::kPrioChanged | Hook::kRqOnline | Hook::kNeedsTick |
                           Hook::kNextTick | Hook::kAdmit | Hook::kOnTask | Hook::kOnStart;
    return servers_ != nullptr ? hooks | Hook::kServer : hooks;
  }

  void OnStart(Kernel& kernel) override {
    for (int i = 0; i < kernel.num_cpus(); ++i) {
      if (!kernel.cpu(CpuId(i)).queue_online) queues_.SetOnline(CpuId(i), false);
    }
    if (servers_ != nullptr && idle_before_ > kZeroCycles) {
      servers_->StartRecorded(kernel, idle_before_);
    }
  }

  // ------------------------------------------------------------------------ queues

  // deadline.c: enqueue_task_dl(), enqueue_dl_entity().
  void Enqueue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    DlEntity& entity = entities_[task.index()];
    const Task& t = kernel.task(task);
    const int64_t now = kernel.now().cycles();
    const bool wakes = reason == QueueReason::kWakeup;
    LoadParams(kernel, task);
    if (t.boosted && entity.is_throttled) {
      // A boost overrides the throttle.
      timers_.StopReplenish(kernel, entity);
      Unthrottle(kernel, entity);
      kernel.EmitOn(cpu, SchedDlUpdate{PayloadOf(entity)});
    }
    if (!entity.is_throttled && reason != QueueReason::kNew && Cbs::WakesBetween(entity, now) &&
        !t.boosted && timers_.StartReplenish(kernel, cpu, entity)) {
      kernel.EmitOn(cpu, SchedDlThrottle{PayloadOf(entity)});
      entity.is_throttled = true;
      entity.runtime = std::min<int64_t>(entity.runtime, 0);
    }
    bandwidth_.Assign(entity, cpu);
    timers_.StopInactive(kernel, entity);
    bandwidth_.Activate(entity);
    if (entity.is_throttled) {
      kernel.Throttle(task);
      // Its timer may have passed while it was of another class (MODEL-73).
      if (!timers_.StartReplenish(kernel, cpu, entity)) EnqueueReplenished(kernel, cpu, task);
      return;
    }
    if (wakes) {
      if (cbs_.AtWakeup(entity, now) == Cbs::Wakeup::kNewPeriod) {
        kernel.EmitOn(cpu, SchedDlReplenish{PayloadOf(entity)});
      }
    } else if (reason == QueueReason::kChange && t.boosted && !IsBoostedIntoClass(t)) {
      // ENQUEUE_REPLENISH of rt_mutex_setprio(): an owner without a budget gets one of its donor's.
      Cbs::Replenish(entity, now);
      kernel.EmitOn(cpu, SchedDlReplenish{PayloadOf(entity)});
    } else if (reason == QueueReason::kNew || IsBoostedIntoClass(t) ||
               (reason != QueueReason::kMigrate && entity.deadline < now)) {
      Cbs::NewPeriod(entity, now);
      kernel.EmitOn(cpu, SchedDlReplenish{PayloadOf(entity)});
    }
    Insert(kernel, cpu, task);
  }

  // deadline.c: dequeue_task_dl().
  DequeueResult Dequeue(Kernel& kernel, CpuId cpu, TaskId task, QueueReason reason) override {
    UpdateDonor(kernel, cpu);
    DlEntity& entity = entities_[task.index()];
    entity.deadline_before = entity.deadline;
    queues_.Remove(cpu, entity);
    queues_.RemovePushable(cpu, entity);
    switch (reason) {
      case QueueReason::kSleep:
      case QueueReason::kSpecialSleep:
        timers_.StopContending(kernel, cpu, task);
        break;
      case QueueReason::kMigrate:
      case QueueReason::kChange:
        bandwidth_.Release(entity);
        break;
      case QueueReason::kSwitch:
      case QueueReason::kWakeup:
      case QueueReason::kNew:
      case QueueReason::kRestore:
        break;
    }
    return DequeueResult::kGone;
  }

  // deadline.c: __pick_task_dl().
  PickResult Pick(Kernel&, CpuId cpu) override {
    const DlQueue& queue = queues_.Of(cpu);
    if (queue.tree.empty()) return PickResult::Nothing();
    const DlEntity& first = *queue.tree.begin();
    if (!first.is_server()) return PickResult::Run(first.task);
    return PickResult::From(static_cast<uint8_t>(served_class_), cpu.value());
  }

  // deadline.c: put_prev_task_dl().
  void PutPrev(Kernel& kernel, CpuId cpu, TaskId task) override {
    UpdateDonor(kernel, cpu);
    queues_.Of(cpu).donor = TaskId();
    if (entities_[task.index()].is_queued()) MakePushable(kernel, cpu, task);
  }

  // deadline.c: set_next_task_dl().
  void SetNext(Kernel& kernel, CpuId cpu, TaskId task, SetNextReason reason) override {
    DlQueue& queue = queues_.Of(cpu);
    DlEntity& entity = entities_[task.index()];
    queue.donor = task;
    entity.unbooked = 0;
    queues_.RemovePushable(cpu, entity);
    if (reason != SetNextReason::kPicked) return;
    if (!queue.pushable.empty()) kernel.BalanceLater(self_, cpu, kPush);
    StartHrtick(kernel, cpu, entity.runtime);
  }

  // ------------------------------------------------------------------------ charging

  void Charge(Kernel&, CpuId, TaskId donor, TaskId, Cycles length) override {
    entities_[donor.index()].unbooked += length.count();
  }

  // deadline.c: task_tick_dl().
  void Tick(Kernel& kernel, CpuId cpu, TaskId donor, TickKind kind) override {
    UpdateDonor(kernel, cpu);
    const DlEntity& entity = entities_[donor.index()];
    if (kind == TickKind::kSlice && entity.runtime > 0 && queues_.Of(cpu).IsFirst(entity)) {
      StartHrtick(kernel, cpu, entity.runtime);
    }
  }

  // deadline.c: yield_task_dl().
  void Yield(Kernel& kernel, CpuId cpu, TaskId donor) override {
    entities_[donor.index()].is_yielded = true;
    UpdateDonor(kernel, cpu);
  }

  void OnTimer(Kernel& kernel, TimerRef timer, CpuId fired_on) override {
    switch (timer.which) {
      case DeadlineTimers::kReplenish:
        OnReplenishTimer(kernel, TaskId(timer.owner));
        return;
      case DeadlineTimers::kInactive:
        timers_.OnInactive(kernel, TaskId(timer.owner));
        return;
      case DeadlineTimers::kServer: {
        const CpuId cpu(timer.owner);
        if (!servers_->OnTimer(kernel, cpu, fired_on)) return;
        ReschedForServer(kernel, cpu);
        if (!queues_.Of(cpu).pushable.empty()) kernel.BalanceLater(self_, cpu, kPushOne);
        return;
      }
      case DeadlineTimers::kServerInactive:
        servers_->OnZeroLag(CpuId(timer.owner));
        return;
      default:
        CheckFailed("this timer is declared", __FILE__, __LINE__);
    }
  }

  // ------------------------------------------------------------------------ preemption

  // deadline.c: wakeup_preempt_dl().
  void WakeupPreempt(Kernel& kernel, CpuId cpu, TaskId woken, WakeFlags) override {
    const TaskId donor = queues_.Of(cpu).donor;
    if (!donor.valid() || !IsDeadline(kernel.task(woken))) return;
    const DlEntity& mine = entities_[woken.index()];
    const DlEntity& donors = entities_[donor.index()];
    if (mine.deadline < donors.deadline) {
      kernel.Resched(cpu, ReschedKind::kFull);
    } else if (mine.deadline == donors.deadline && donor != woken &&
               !kernel.cpu(cpu).need_resched && where_.CanOnlyCurrMove(kernel, cpu, donor, woken)) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  // deadline.c: switched_from_dl().
  void SwitchedFrom(Kernel& kernel, CpuId cpu, TaskId task) override {
    DlEntity& entity = entities_[task.index()];
    const Task& t = kernel.task(task);
    const bool is_queued = t.state == TaskState::kRunning || t.is_blocked;
    entity.unbooked = 0;
    kernel.Unthrottle(task);
    if (!IsDeadline(t.base)) {
      // Coming back before its zero-lag time, it goes on with the budget it has now.
      entity.is_leaving = entity.admitted_bw > 0;
      if (!entity.is_leaving) {
        timers_.GiveBack(kernel, entity);
      } else if (is_queued || !entity.is_inactive_timer_queued) {
        timers_.ArmInactive(kernel, cpu, task);
      }
    }
    bandwidth_.Release(entity);
    if (is_queued && queues_.Of(cpu).tree.empty()) kernel.BalanceLater(self_, cpu, kPull);
  }

  // deadline.c: switched_to_dl().
  void SwitchedTo(Kernel& kernel, CpuId cpu, TaskId task) override {
    DlEntity& entity = entities_[task.index()];
    timers_.StopInactive(kernel, entity);
    entity.is_leaving = false;
    const Task& t = kernel.task(task);
    if (!t.on_rq) {
      LoadParams(kernel, task);
      bandwidth_.Assign(entity, cpu);
      return;
    }
    if (kernel.cpu(cpu).donor == task) return;
    if (t.nr_cpus_allowed > 1 && !queues_.Of(cpu).pushable.empty()) {
      kernel.BalanceLater(self_, cpu, kPush);
    }
    PreemptFor(kernel, cpu, task);
  }

  // deadline.c: prio_changed_dl().
  void PrioChanged(Kernel& kernel, CpuId cpu, TaskId task, const SchedAttr&) override {
    const DlEntity& entity = entities_[task.index()];
    if (!kernel.task(task).on_rq || entity.deadline == entity.deadline_before) return;
    if (entity.deadline_before < entity.deadline) kernel.BalanceLater(self_, cpu, kPull);
    const DlQueue& queue = queues_.Of(cpu);
    const Cpu& c = kernel.cpu(cpu);
    const bool gives_way =
        c.donor == task ? !queue.tree.empty() && queue.tree.begin()->deadline < entity.deadline
                        : !IsDeadline(kernel.task(c.curr)) ||
                              entity.deadline < entities_[c.curr.index()].deadline;
    if (gives_way) kernel.Resched(cpu, ReschedKind::kFull);
  }

  // ------------------------------------------------------------------------ CPUs

  // deadline.c: select_task_rq_dl().
  CpuId SelectCpu(Kernel& kernel, TaskId task, CpuId, WakeFlags flags) override {
    const Task& t = kernel.task(task);
    const CpuId prev = t.wake_cpu;
    if (Has(flags, WakeFlags::kExec) || Has(flags, WakeFlags::kFork)) return prev;
    const Cpu& cpu = kernel.cpu(prev);
    const DlEntity& entity = entities_[task.index()];
    // Still queued: dl_task_offline_migration() asks, and its own CPU is no answer.
    if (t.on_rq && !kernel.cpu(t.cpu).queue_online) {
      const CpuId later = where_.FindLater(kernel, task, task);
      return later.valid() && queues_.Of(later).WouldBeFirst(entity) ? later : CpuId();
    }
    const bool must_wait = IsDeadline(kernel.task(cpu.donor)) && t.nr_cpus_allowed > 1 &&
                           (kernel.task(cpu.curr).nr_cpus_allowed < 2 ||
                            entity.deadline >= entities_[cpu.donor.index()].deadline);
    if (!must_wait && DeadlineCpus::Fits(kernel, prev, entity)) return prev;
    const CpuId found = where_.FindLater(kernel, task, task);
    return found.valid() && queues_.Of(found).WouldBeFirst(entity) ? found : prev;
  }

  // deadline.c: task_woken_dl().
  void TaskWoken(Kernel& kernel, CpuId cpu, TaskId task) override {
    const Task& t = kernel.task(task);
    const Cpu& c = kernel.cpu(cpu);
    if (t.on_cpu || c.need_resched || t.nr_cpus_allowed <= 1) return;
    if (!IsDeadline(kernel.task(c.donor))) return;
    if (kernel.task(c.curr).nr_cpus_allowed < 2 ||
        entities_[task.index()].deadline >= entities_[c.donor.index()].deadline) {
      kernel.BalanceLater(self_, cpu, kPush);
    }
  }

  // deadline.c: balance_dl(). Also when the old task is only throttled.
  void Balance(Kernel& kernel, CpuId cpu, TaskId prev) override {
    if (entities_[prev.index()].is_queued() || !kernel.cpu(cpu).queue_online) return;
    if (IsDeadline(kernel.task(prev))) where_.Pull(kernel, cpu);
  }

  bool BalanceCallback(Kernel& kernel, CpuId cpu, int what) override {
    if (what == kPull) {
      where_.Pull(kernel, cpu);
      return false;
    }
    return where_.Push(kernel, cpu) && what == kPush;
  }

  // An affinity may make a waiting task pushable, or no longer so (core.c: do_set_cpus_allowed()).
  void OnTask(Kernel& kernel, TaskId task, TaskChange change) override {
    DlEntity& entity = entities_[task.index()];
    if (change != TaskChange::kAffinity || !entity.is_queued()) return;
    const CpuId cpu = kernel.task(task).cpu;
    queues_.RemovePushable(cpu, entity);
    if (kernel.cpu(cpu).curr != task && queues_.Of(cpu).donor != task) {
      MakePushable(kernel, cpu, task);
    }
  }

  // deadline.c: rq_online_dl(), rq_offline_dl(); core.c: sched_cpu_dying() (MODEL-75).
  void RqChanged(Kernel& kernel, CpuId cpu, bool online) override {
    queues_.SetOnline(cpu, online);
    if (!online && servers_ != nullptr) servers_->Stop(kernel, cpu);
  }

  bool NeedsTick(Kernel&, CpuId cpu) override { return !queues_.Of(cpu).tree.empty(); }

  // A tick looks at the budget of a deadline task, and at that of the server once fair tasks may
  // have used it up.
  Time NextTickOfInterest(Kernel& kernel, CpuId cpu) override {
    if (queues_.Of(cpu).donor.valid()) return kernel.now();
    if (servers_ == nullptr) return kNever;
    return servers_->NextTickOfInterest(kernel.now(), cpu);
  }

  // ------------------------------------------------------------------------ servers

  void ServerStart(Kernel& kernel, CpuId cpu) override {
    if (servers_->Start(kernel, cpu)) ReschedForServer(kernel, cpu);
  }
  void ServerCharge(Kernel& kernel, CpuId cpu, Cycles length) override {
    servers_->Charge(kernel, cpu, length.count());
  }
  void ServerStop(Kernel& kernel, CpuId cpu) override { servers_->Stop(kernel, cpu); }

  // ------------------------------------------------------------------------ admission

  // deadline.c: __checkparam_dl(), sched_dl_overflow(); syscalls.c: __sched_setscheduler().
  int64_t Admit(Kernel& kernel, TaskId task, const SchedAttr& attr) override {
    if (!params_.Allow(attr)) return kEINVAL;
    const Task& t = kernel.task(task);
    if (bandwidth_.is_limited() && !(kernel.active() - t.cpus_allowed).empty()) return kEPERM;
    DlEntity& entity = entities_[task.index()];
    const int64_t bw = DlRatio(attr.dl_period.count(), attr.dl_runtime.count());
    const bool has_bw = entity.admitted_bw > 0 && !entity.is_leaving;
    if (has_bw && bw == entity.admitted_bw) return 0;
    int64_t capacity = 0;
    const CpuSet& cpus = kernel.active();
    for (CpuId c = cpus.First(); c.valid(); c = cpus.After(c)) capacity += kernel.cpu(c).capacity;
    const int64_t old = (has_bw ? entity.admitted_bw : 0) + PromisedOutside(cpus);
    if (bandwidth_.Overflows(capacity, old, bw)) return kEBUSY;
    bandwidth_.Promise(entity, bw, std::max(cpus.Count(), 1));
    entity.is_leaving = false;
    if ((attr.dl_flags & kDlReclaim) != 0) timers_.TrackUse(kernel);
    return 0;
  }

  // deadline.c: dl_bw_deactivate(): what the servers of the CPUs that stay and all tasks have been
  // promised must fit those CPUs.
  int64_t AdmitOffline(Kernel& kernel, CpuId cpu) override {
    if (!kernel.active().Contains(cpu)) return 0;
    CpuSet left = kernel.active();
    left.Remove(cpu);
    const int64_t outside = PromisedOutside(left);
    if (bandwidth_.total() == outside) return 0;
    int64_t capacity = 0;
    for (CpuId c = left.First(); c.valid(); c = left.After(c)) capacity += kernel.cpu(c).capacity;
    return left.empty() || bandwidth_.Overflows(capacity, outside, 0) ? kEBUSY : 0;
  }

  // syscalls.c: dl_task_check_affinity().
  int64_t AdmitAffinity(Kernel& kernel, TaskId, const CpuSet& cpus) override {
    return bandwidth_.is_limited() && !(kernel.active() - cpus).empty() ? kEBUSY : 0;
  }

  void Describe(const Kernel& kernel, TaskId task, StateWriter& writer) const override {
    const Task& t = kernel.task(task);
    if (servers_ != nullptr) servers_->Describe(t.cpu, writer);
    writer.Field("dl.total_bw", bandwidth_.total());
    writer.Field("dl.extra_bw", bandwidth_.extra());
    writer.Field("dl.this_bw", bandwidth_.assigned(t.cpu));
    writer.Field("dl.running_bw", bandwidth_.running(t.cpu));
    const DlEntity& entity = entities_[task.index()];
    if (entity.deadline == kNoDeadline) return;
    writer.Field("dl.runtime", entity.runtime);
    writer.Field("dl.deadline", entity.deadline);
    writer.Field("dl.throttled", entity.is_throttled ? 1 : 0);
    writer.Field("dl.overruns", entity.overruns);
  }

 private:
  static bool IsDeadline(const SchedAttr& attr) { return attr.policy == SchedPolicy::kDeadline; }
  int64_t PromisedOutside(const CpuSet& cpus) const {
    return servers_ == nullptr ? 0 : servers_->PromisedOutside(cpus);
  }
  static bool IsDeadline(const Task& task) { return IsDeadline(task.eff); }
  static bool IsBoostedIntoClass(const Task& task) {
    return task.boosted && !IsDeadline(task.base);
  }

  static DlPayload PayloadOf(const DlEntity& entity) {
    return {Time(entity.deadline), Cycles(entity.runtime), entity.task, 0, 0};
  }

  // What sched_setattr() or inheritance has set since the last time.
  void LoadParams(const Kernel& kernel, TaskId task) {
    DlEntity& entity = entities_[task.index()];
    const SchedAttr& attr = kernel.task(task).eff;
    entity.reclaims = (attr.dl_flags & kDlReclaim) != 0;
    entity.counts_overruns = (attr.dl_flags & kDlOverrun) != 0;
    const int64_t runtime = attr.dl_runtime.count(), deadline = attr.dl_deadline.count(),
                  period = attr.dl_period.count();
    if (entity.dl_runtime == runtime && entity.dl_deadline == deadline &&
        entity.dl_period == period) {
      return;
    }
    bandwidth_.Release(entity);
    cbs_.SetParams(entity, runtime, deadline, period);
  }

  void Insert(Kernel& kernel, CpuId cpu, TaskId task) {
    queues_.Insert(cpu, entities_[task.index()]);
    if (kernel.cpu(cpu).curr != task && queues_.Of(cpu).donor != task) {
      MakePushable(kernel, cpu, task);
    }
  }
  void MakePushable(const Kernel& kernel, CpuId cpu, TaskId task) {
    const Task& t = kernel.task(task);
    // Where chains are balanced the affinity that counts is that of who would execute.
    if (t.is_blocked ? params_.balances_chains : t.nr_cpus_allowed > 1) {
      queues_.InsertPushable(cpu, entities_[task.index()]);
    }
  }
  void Unthrottle(Kernel& kernel, DlEntity& entity) {
    entity.is_throttled = false;
    kernel.Unthrottle(entity.task);
  }

  // --- the budget ---

  // deadline.c: update_curr_dl(), update_curr_dl_se(). What the donor of `cpu` has executed is
  // taken from its budget; used up, it is throttled.
  void UpdateDonor(Kernel& kernel, CpuId cpu) {
    const TaskId donor = queues_.Of(cpu).donor;
    if (!donor.valid()) return;
    DlEntity& entity = entities_[donor.index()];
    if (!entity.is_queued()) return;
    const int64_t length = std::exchange(entity.unbooked, 0);
    if (length <= 0 && !entity.is_yielded) return;
    entity.runtime -= Scaled(kernel, cpu, entity, length);
    if (entity.runtime > 0 && !entity.is_yielded) {
      kernel.EmitOn(cpu, SchedDlUpdate{PayloadOf(entity)});
      return;
    }
    SchedDlThrottle throttle{PayloadOf(entity)};
    if (entity.runtime <= 0 && entity.counts_overruns) {
      ++entity.overruns;
      throttle.overrun = 1;
    }
    kernel.EmitOn(cpu, throttle);
    entity.is_throttled = true;
    queues_.Remove(cpu, entity);
    queues_.RemovePushable(cpu, entity);
    kernel.Throttle(donor);
    if (kernel.task(donor).boosted || !timers_.StartReplenish(kernel, cpu, entity)) {
      EnqueueReplenished(kernel, cpu, donor);
    }
    if (!queues_.Of(cpu).IsFirst(entity)) kernel.Resched(cpu, ReschedKind::kFull);
  }

  // deadline.c: dl_scaled_delta_exec(). The frequency never changes (machine.md 7.8).
  int64_t Scaled(const Kernel& kernel, CpuId cpu, const DlEntity& entity, int64_t length) const {
    if (entity.reclaims) return bandwidth_.Reclaimed(entity, cpu, length);
    return static_cast<int64_t>((static_cast<Wide>(length) * kernel.cpu(cpu).capacity) >> 10);
  }

  void EnqueueReplenished(Kernel& kernel, CpuId cpu, TaskId task) {
    DlEntity& entity = entities_[task.index()];
    Cbs::Replenish(entity, kernel.now().cycles());
    kernel.EmitOn(cpu, SchedDlReplenish{PayloadOf(entity)});
    kernel.Unthrottle(task);
    Insert(kernel, cpu, task);
  }

  // deadline.c: dl_task_timer().
  void OnReplenishTimer(Kernel& kernel, TaskId task) {
    DlEntity& entity = entities_[task.index()];
    entity.is_timer_queued = false;
    const Task& t = kernel.task(task);
    if (!IsDeadline(t) || t.boosted || !entity.is_throttled) return;
    const CpuId cpu = t.cpu;
    if (!t.on_rq) {
      // It sleeps; its wake-up will queue it.
      Cbs::Replenish(entity, kernel.now().cycles());
      kernel.EmitOn(cpu, SchedDlReplenish{PayloadOf(entity)});
      kernel.Unthrottle(task);
      return;
    }
    EnqueueReplenished(kernel, cpu, task);
    PreemptFor(kernel, cpu, task);
    if (!queues_.Of(cpu).pushable.empty()) kernel.BalanceLater(self_, cpu, kPushOne);
  }

  // core.c: hrtick_start() with what is left of the budget.
  void StartHrtick(Kernel& kernel, CpuId cpu, int64_t runtime) const {
    if (!params_.hrtick) return;
    kernel.StartHrtick(cpu, Cycles(std::max<int64_t>({runtime, params_.hrtick_min, 1})),
                       Cycles(params_.hrtick_slop));
  }

  // --- other CPUs ---

  // deadline.c: the end of dl_task_timer() and switched_to_dl().
  void PreemptFor(Kernel& kernel, CpuId cpu, TaskId task) {
    if (IsDeadline(kernel.task(kernel.cpu(cpu).donor))) {
      WakeupPreempt(kernel, cpu, task, WakeFlags::kNone);
    } else {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }
  void ReschedForServer(Kernel& kernel, CpuId cpu) {
    const TaskId curr = kernel.cpu(cpu).curr;
    if (!IsDeadline(kernel.task(curr)) ||
        servers_->deadline(cpu) < entities_[curr.index()].deadline) {
      kernel.Resched(cpu, ReschedKind::kFull);
    }
  }

  DeadlineParams params_;
  PolicyId self_;
  int served_class_;
  Cycles idle_before_;
  Cbs cbs_;
  Bandwidth bandwidth_;
  std::vector<DlEntity> entities_;  // by task; the queues link them
  DlQueues queues_;
  DeadlineCpus where_;
  DeadlineTimers timers_;
  std::unique_ptr<FairServers> servers_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<SchedClass>> MakeDeadlineClass(const PolicyParams& params,
                                                              const Limits& limits) {
  const absl::StatusOr<DeadlineParams> deadline = ReadDeadlineParams(params, limits);
  if (!deadline.ok()) return deadline.status();
  return std::make_unique<Deadline>(*deadline, limits);
}

}  // namespace rqsim
