// A pass of load balancing at one level: where it finds tasks, which of them may move, and what it
// leaves behind. balancer.cc says when there is one.
//
// Origin: Linux 7.2 kernel/sched/fair.c, the functions named below.
// Cost: O(CPUs of the domain) for a pass, and O(nr_migrate) for the tasks it looks at.
// Tested by tests/unit/policies/placement/, scenarios/placement/ and scenarios/machine/M17 to M19.
#include <algorithm>

#include "placement/affine_wake.h"
#include "placement/balancer.h"
#include "placement/composed.h"
#include "placement/group_stats.h"

namespace rqsim {
namespace {

constexpr int64_t kMaxPinnedIntervalMs = 512;

}  // namespace

// ----------------------------------------------------------------------------------------------
// a pass: fair.c: sched_balance_rq()

void Balancer::StartPass(Kernel& kernel) {
  pass_.dst = cpu_;
  pass_.failed = state_->Of(cpu_, pass_.level).failed;
  pass_.cpus = Domain(kernel).span & kernel.active();
  pass_.src = CpuId();
  pass_.amount = 0;
  new_dst_ = CpuId();
  all_pinned_ = some_pinned_ = asked_active_ = false;
  moved_ = moved_now_ = hot_moved_ = found_amount_ = 0;
  spent_before_ = spent_;
  Charge(kernel, 0);
}

void Balancer::Charge(Kernel& kernel, int64_t cpus) {
  const MachineFacts& facts = kernel.facts();
  const Cycles cost = cpus == 0 ? facts.c_lb : Cycles(cpus * facts.c_lb_cpu.count());
  spent_ += cost.count();
  if (cost > kZeroCycles) kernel.Spend(cost);
}

// fair.c: should_we_balance().
bool Balancer::BalancesHere(const Kernel& kernel) const {
  if (!pass_.cpus.Contains(pass_.dst)) return false;
  const Cpu& dst = kernel.cpu(pass_.dst);
  if (pass_.idle == IdleKind::kNewlyIdle) return dst.nr_running == 0 && !dst.ttwu_pending;
  const SchedDomain& domain = Domain(kernel);
  const SchedGroup& group = domain.groups[static_cast<std::size_t>(domain.group_of[cpu_.index()])];
  CpuSet cpus = group.cpus & pass_.cpus;
  CpuId idle_thread;
  for (CpuId cpu = cpus.First(); cpu.valid(); cpu = cpus.After(cpu)) {
    if (!kernel.IsIdle(cpu)) continue;
    if (kernel.topology().has_smt() && !domain.shares_capacity && !IsCoreIdle(kernel, cpu)) {
      if (!idle_thread.valid()) idle_thread = cpu;
      continue;
    }
    return cpu == pass_.dst;
  }
  if (idle_thread.valid()) return idle_thread == pass_.dst;
  return group.cpus.First() == pass_.dst;
}

Balancer::Stage Balancer::Find(Kernel& kernel) {
  if (!BalancesHere(kernel)) {
    goes_on_ = false;
    Balanced(kernel);
    return EndPass(kernel, BalanceResult::kNotHere);
  }
  Charge(kernel, pass_.cpus.Count());
  const BalanceResult result = finder_->Find(kernel, pass_);
  if (result != BalanceResult::kMoved) {
    Balanced(kernel);
    return EndPass(kernel, result);
  }
  found_amount_ = pass_.amount;
  all_pinned_ = true;
  looked_ = 0;
  moved_now_ = 0;
  const Cpu& src = kernel.cpu(pass_.src);
  look_max_ = std::min<int64_t>(params_.nr_migrate, src.nr_running);
  if (src.nr_running > 1) return Stage::kDetach;
  all_pinned_ = false;
  Failed(kernel);
  return EndPass(kernel, BalanceResult::kFailed);
}

// One task of detach_tasks(); true: it was asked for.
bool Balancer::DetachOne(Kernel& kernel) {
  const Cpu& src = kernel.cpu(pass_.src);
  if (src.nr_running <= 1 && looked_ == 0) all_pinned_ = false;
  // NEWIDLE balancing stops after the first task, and nobody takes more than was asked for.
  if (moved_now_ > 0 && (pass_.idle == IdleKind::kNewlyIdle || pass_.amount <= 0)) return false;
  if (pass_.amount <= 0 || looked_ >= look_max_) return false;
  if (pass_.dst_is_idle() && src.nr_running <= 1) return false;
  const TaskId task = kernel.LeastRecentlyRun(pass_.src);
  if (!task.valid()) return false;
  ++looked_;
  if (CanMove(kernel, task, false) && TakesFromAmount(kernel, task)) {
    ++moved_now_;
    ++moved_;
    if (hot_) ++hot_moved_;
    kernel.DetachTask(task, pass_.dst);
  } else {
    kernel.PassOver(task);
  }
  return true;
}

// fair.c: can_migrate_task().
bool Balancer::CanMove(Kernel& kernel, TaskId id, bool active) {
  const Task& task = kernel.task(id);
  hot_ = false;
  const auto refuse = [&](MoveRefusal reason) {
    kernel.Emit(SchedMoveRefused{id, pass_.dst, reason});
    return false;
  };
  if (task.sched_delayed && pass_.unit != BalanceUnit::kLoad) return refuse(MoveRefusal::kOther);
  // Linux 6.12 does not ask.
  if (kernel.facts().kernel == KernelVersion::k7_2 && pass_.failed == 0 &&
      QueuedFair(kernel, pass_.dst) > 0 && !kernel.MayMove(id)) {
    return refuse(MoveRefusal::kOther);
  }
  if (task.per_cpu_kthread || task.is_blocked) return refuse(MoveRefusal::kOther);
  if (!task.cpus_allowed.Contains(pass_.dst) || task.migration_disabled > 0) {
    some_pinned_ = true;
    if (pass_.idle != IdleKind::kNewlyIdle && !new_dst_.valid() && !active &&
        task.migration_disabled == 0) {
      const SchedDomain& domain = Domain(kernel);
      const CpuSet& group =
          domain.groups[static_cast<std::size_t>(domain.group_of[cpu_.index()])].cpus;
      new_dst_ = (group & pass_.cpus & task.cpus_allowed).First();
    }
    return refuse(MoveRefusal::kAffine);
  }
  all_pinned_ = false;
  const Cpu& src = kernel.cpu(pass_.src);
  if (src.curr == id || src.donor == id || task.on_cpu) return refuse(MoveRefusal::kRunning);
  if (active) return true;
  const SchedDomain& domain = Domain(kernel);
  hot_ = task.eff.policy != SchedPolicy::kIdle && !domain.shares_capacity &&
         task.last_ran.cycles() >= 0 &&
         (kernel.now() - task.last_ran).count() < params_.migration_cost;
  if (!hot_ || pass_.failed > domain.cache_nice_tries) return true;
  return refuse(MoveRefusal::kHot);
}

// The units of detach_tasks(). False: too much for what is left of the amount.
bool Balancer::TakesFromAmount(const Kernel& kernel, TaskId task) {
  const auto shift = std::min<int64_t>(pass_.failed, 63);
  switch (pass_.unit) {
    case BalanceUnit::kLoad: {
      const int64_t load = std::max<int64_t>(1, kernel.load(task).load_avg);
      if (load >> shift > pass_.amount) return false;
      pass_.amount -= load;
      return true;
    }
    case BalanceUnit::kUtil: {
      const int64_t util = kernel.load(task).util_avg;
      if (util >> shift > pass_.amount) return false;
      pass_.amount -= util;
      return true;
    }
    case BalanceUnit::kTask:
      --pass_.amount;
      return true;
    case BalanceUnit::kMisfit:
      if (FitsCapacity(kernel.load(task).util_avg, shared_.capacity[pass_.src.index()])) {
        return false;
      }
      pass_.amount = 0;
      return true;
  }
  return true;
}

// All that could be detached is: it arrives, and what affinity kept back is tried elsewhere.
Balancer::Stage Balancer::AfterDetach(Kernel& kernel) {
  if (moved_now_ > 0) kernel.AttachDetached();
  const SchedDomain& domain = Domain(kernel);
  if (new_dst_.valid() && pass_.amount > 0) {
    pass_.cpus.Remove(pass_.dst);
    pass_.dst = new_dst_;
    new_dst_ = CpuId();
    looked_ = 0;
    moved_now_ = 0;
    return Stage::kDetach;
  }
  const CpuSet& group = domain.groups[static_cast<std::size_t>(domain.group_of[cpu_.index()])].cpus;
  if (pass_.level + 1 < kernel.topology().num_domains(cpu_) && some_pinned_ && pass_.amount > 0) {
    state_->Imbalanced(pass_.level + 1, domain.span) = 1;
  }
  if (all_pinned_ && moved_ == 0) {
    pass_.cpus.Remove(pass_.src);
    if (!(pass_.cpus - group).empty()) return Stage::kFind;
    Balanced(kernel);
    return EndPass(kernel, BalanceResult::kPinned);
  }
  if (moved_ > 0) {
    LevelState& level = state_->Of(cpu_, pass_.level);
    level.failed = 0;
    level.interval_ms = domain.min_interval_ms;
    return Stage::kMoved;
  }
  Failed(kernel);
  return EndPass(kernel, BalanceResult::kFailed);
}

// fair.c: need_active_balance().
bool Balancer::WantsActive(const Kernel& kernel) const {
  const SchedDomain& domain = Domain(kernel);
  if (pass_.unit == BalanceUnit::kTask &&
      state_->Of(cpu_, pass_.level).failed > domain.cache_nice_tries + 2) {
    return true;
  }
  if (pass_.unit == BalanceUnit::kMisfit) return true;
  const int64_t capacity = shared_.capacity[pass_.src.index()];
  return finder_->tracks_load() && pass_.dst_is_idle() && RunnableFair(kernel, pass_.src) == 1 &&
         capacity * domain.imbalance_pct < int64_t{kernel.cpu(pass_.src).capacity} * 100 &&
         capacity * domain.imbalance_pct < shared_.capacity[pass_.dst.index()] * 100;
}

// Nothing was moved although it should have been.
void Balancer::Failed(Kernel& kernel) {
  LevelState& level = state_->Of(cpu_, pass_.level);
  if (pass_.idle != IdleKind::kNewlyIdle && pass_.unit != BalanceUnit::kMisfit) ++level.failed;
  const TaskId curr = kernel.cpu(pass_.src).curr;
  if (WantsActive(kernel)) {
    if (!kernel.task(curr).cpus_allowed.Contains(cpu_)) {
      // out_one_pinned: the interval grows as if it were balanced.
      const SchedDomain& domain = Domain(kernel);
      if (pass_.idle != IdleKind::kNewlyIdle && pass_.unit != BalanceUnit::kMisfit &&
          level.interval_ms < domain.max_interval_ms) {
        level.interval_ms *= 2;
      }
      return;
    }
    PerCpu& src = per_cpu_[pass_.src.index()];
    if (!src.active) {
      src.active = true;
      src.push_to = cpu_;
      asked_active_ = true;
      kernel.QueueStopWork(pass_.src, self_, kActiveBalancePath, cpu_.value());
    }
  }
  level.interval_ms = Domain(kernel).min_interval_ms;
}

// There is nothing to do: the next passes may wait longer.
void Balancer::Balanced(const Kernel& kernel) {
  LevelState& level = state_->Of(cpu_, pass_.level);
  const SchedDomain& domain = Domain(kernel);
  const bool has_parent = pass_.level + 1 < kernel.topology().num_domains(cpu_);
  if (has_parent && !all_pinned_) state_->Imbalanced(pass_.level + 1, domain.span) = 0;
  level.failed = 0;
  if (pass_.idle != IdleKind::kNewlyIdle && pass_.unit != BalanceUnit::kMisfit &&
      ((all_pinned_ && level.interval_ms < kMaxPinnedIntervalMs) ||
       level.interval_ms < domain.max_interval_ms)) {
    level.interval_ms *= 2;
  }
}

Balancer::Stage Balancer::EndPass(Kernel& kernel, BalanceResult result) {
  LevelState& level = state_->Of(cpu_, pass_.level);
  SchedBalance event;
  event.imbalance = found_amount_;
  event.dst_cpu = cpu_;
  event.src_cpu = pass_.src;
  event.level = pass_.level;
  event.idle = pass_.idle;
  event.result = result;
  event.unit = pass_.unit;
  event.active = asked_active_ ? 1 : 0;
  event.gained = static_cast<int16_t>(std::min<int64_t>(moved_, INT16_MAX));
  event.hot_gained = static_cast<int16_t>(std::min<int64_t>(hot_moved_, INT16_MAX));
  kernel.Emit(event);
  if (mode_ == Mode::kNewIdle) {
    pulled_ = moved_ > 0;
    CountNewIdle(kernel, level, spent_ - spent_before_);
    return Stage::kNextLevel;
  }
  if (moved_ > 0) pass_.idle = kernel.IsIdle(cpu_) ? IdleKind::kIdle : IdleKind::kBusy;
  level.last = Jiffies(kernel);
  next_ = std::min(next_, level.last + IntervalTicks(kernel, level, IsBusy(kernel)));
  next_found_ = true;
  return Stage::kNextLevel;
}

// ----------------------------------------------------------------------------------------------
// active balance: fair.c: active_load_balance_cpu_stop(), detach_one_task()

Next Balancer::ActiveStep(Kernel& kernel, Frame& frame) {
  const CpuId src(static_cast<int32_t>(frame.r[0]));
  if (frame.step == StepId(0)) {
    return Next::Run(StepId(1), kernel.facts().c_stop, RunMode::kKernelNoPreempt);
  }
  Prepare(kernel);
  PerCpu& own = per_cpu_[src.index()];
  own.active = false;
  const CpuId dst = own.push_to;
  const Topology& topology = kernel.topology();
  int level = 0;
  while (level < topology.num_domains(dst) && !topology.domain(dst, level).span.Contains(src)) {
    ++level;
  }
  // The stop task itself is one of those that run here.
  if (!kernel.cpu(src).active || !kernel.cpu(dst).active || kernel.cpu(src).nr_running <= 1 ||
      level == topology.num_domains(dst)) {
    return Next::Return(0);
  }
  const Pass kept = pass_;
  const CpuId kept_cpu = cpu_;
  cpu_ = dst;
  pass_ = Pass();
  pass_.dst = dst;
  pass_.src = src;
  pass_.level = level;
  pass_.idle = IdleKind::kIdle;
  pass_.failed = state_->Of(dst, level).failed;
  TaskId pushed;
  for (TaskId task = kernel.LeastRecentlyRun(src); task.valid() && !pushed.valid();
       task = kernel.MoreRecentlyRun(task)) {
    if (CanMove(kernel, task, true)) pushed = task;
  }
  if (pushed.valid()) {
    state_->Of(dst, level).failed = 0;
    kernel.DetachTask(pushed, dst);
    kernel.AttachDetached();
  }
  kernel.Emit(SchedActiveBalance{src, dst, level, pushed});
  pass_ = kept;
  cpu_ = kept_cpu;
  return Next::Return(0);
}

}  // namespace rqsim
