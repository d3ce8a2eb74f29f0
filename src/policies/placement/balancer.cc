// Load balancing of the fair class; balancer.h says how it is driven.
//
// Origin: Linux 7.2 kernel/sched/fair.c, the functions named below. Here is when a pass is made,
// for which CPU and at which levels; balancer_pass.cc has the pass. Tested by
// tests/unit/policies/placement/, scenarios/placement/ and scenarios/machine/M17 to M19.
#include "placement/balancer.h"

#include <algorithm>
#include <utility>

#include "placement/affine_wake.h"
#include "placement/composed.h"
#include "placement/group_stats.h"
#include "placement/params.h"

namespace rqsim {
namespace {

constexpr int64_t kLongestWait = 60;  // seconds

// SplitMix64: the dice of NI_RANDOM.
uint64_t NextRandom(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

bool IsLargest(const Kernel& kernel, const CpuSet& allowed, CpuId cpu) {
  for (CpuId c = allowed.First(); c.valid(); c = allowed.After(c)) {
    if (c.value() < kernel.num_cpus() && kernel.cpu(c).capacity > kernel.cpu(cpu).capacity) {
      return false;
    }
  }
  return true;
}

}  // namespace

int64_t BalanceState::MisfitLoad(const Kernel& kernel, CpuId cpu) const {
  const TaskId task = misfit[cpu.index()];
  if (!task.valid() || kernel.cpu(cpu).donor != task) return 0;
  return std::max<int64_t>(1, kernel.load(task).load_avg);
}

Balancer::Balancer(const BalanceParams& params, PlacementShared& shared,
                   std::unique_ptr<BalanceState> state, std::unique_ptr<SourceFinder> finder,
                   const Limits& limits)
    : params_(params),
      shared_(shared),
      state_(std::move(state)),
      finder_(std::move(finder)),
      self_(limits.self),
      tick_(std::max<int64_t>(1, limits.tick.count())),
      hz_(std::max<int64_t>(1, limits.clock_hz / tick_)),
      random_(limits.seed),
      per_cpu_(static_cast<std::size_t>(limits.num_cpus)) {
  for (PerCpu& cpu : per_cpu_) {
    cpu.next = params_.last;
    cpu.avg_idle = 2 * params_.migration_cost;
    cpu.max_idle_cost = params_.migration_cost;
  }
  next_kick_ = params_.last;
}

// The levels of a CPU begin anew when the domains are built (topology.c: sd_init()).
void Balancer::Prepare(const Kernel& kernel) {
  const Topology& topology = kernel.topology();
  if (generation_ == topology.generation()) return;
  const bool first = generation_ < 0;
  generation_ = topology.generation();
  const auto cpus = static_cast<std::size_t>(kernel.num_cpus());
  state_->max_levels = topology.max_domains();
  const auto levels = static_cast<std::size_t>(state_->max_levels);
  state_->levels.assign(cpus * levels, LevelState());
  state_->imbalanced.assign(cpus * (levels + 1), 0);
  state_->misfit.resize(cpus);
  for (int i = 0; i < kernel.num_cpus(); ++i) {
    for (int k = 0; k < topology.num_domains(CpuId(i)); ++k) {
      LevelState& level = state_->Of(CpuId(i), k);
      level.last = first ? params_.last : Jiffies(kernel);
      level.interval_ms = topology.domain(CpuId(i), k).min_interval_ms;
      level.newidle_stamp = kernel.now();
    }
  }
}

// ----------------------------------------------------------------------------------------------
// when

// fair.c: get_sd_balance_interval().
int64_t Balancer::IntervalTicks(const Kernel& kernel, const LevelState& level, bool busy) const {
  if (params_.period > 0) return (params_.period + tick_ - 1) / tick_;
  int64_t ticks = Ticks(level.interval_ms * (busy ? kBusyFactor : 1));
  if (busy) --ticks;
  const int64_t longest = std::max<int64_t>(1, hz_ * kernel.online().Count() / 10);
  return std::clamp<int64_t>(ticks, 1, longest);
}

// A CPU with nothing but policy idle counts as idle here.
bool Balancer::IsBusy(const Kernel& kernel) const {
  const Cpu& cpu = kernel.cpu(cpu_);
  return pass_.idle != IdleKind::kIdle &&
         !(cpu.nr_running > 0 && cpu.nr_running == cpu.nr_idle_policy);
}

// fair.c: update_misfit_status().
void Balancer::NoteMisfit(const Kernel& kernel, CpuId cpu) {
  TaskId& misfit = state_->misfit[cpu.index()];
  misfit = TaskId();
  if (!kernel.topology().has_asym_capacity()) return;
  const TaskId donor = kernel.cpu(cpu).donor;
  const Task& task = kernel.task(donor);
  if (donor == kIdleTask || task.sched_class != kernel.facts().balanced_class ||
      task.nr_cpus_allowed == 1 || IsLargest(kernel, task.cpus_allowed, cpu) ||
      FitsCapacity(kernel.load(donor).util_avg, shared_.capacity[cpu.index()])) {
    return;
  }
  misfit = donor;
}

// fair.c: sched_balance_trigger(), nohz_balancer_kick().
bool Balancer::Tick(Kernel& kernel, CpuId cpu, IdleKind idle) {
  Prepare(kernel);
  NoteMisfit(kernel, cpu);
  if (kernel.topology().num_domains(cpu) == 0) return false;
  if (idle == IdleKind::kBusy && Kicks(kernel, cpu)) {
    const CpuSet& tickless = kernel.tickless();
    for (CpuId c = tickless.First(); c.valid(); c = tickless.After(c)) {
      if (c == cpu || !kernel.IsIdle(c)) continue;
      next_kick_ = Jiffies(kernel) + 1;
      kernel.KickBalance(c);
      break;
    }
  }
  return Jiffies(kernel) >= per_cpu_[cpu.index()].next;
}

// Other CPUs bring the next kick forward, so with a reason for one every tick may kick.
Time Balancer::NextTickOfInterest(Kernel& kernel, CpuId cpu) {
  Prepare(kernel);
  if (kernel.topology().num_domains(cpu) == 0) return kNever;
  if (HasReasonToKick(kernel, cpu)) return kernel.now();
  return Time(per_cpu_[cpu.index()].next * tick_);
}

bool Balancer::Kicks(const Kernel& kernel, CpuId cpu) const {
  return Jiffies(kernel) >= next_kick_ && HasReasonToKick(kernel, cpu);
}

bool Balancer::HasReasonToKick(const Kernel& kernel, CpuId cpu) const {
  const CpuSet& tickless = kernel.tickless();
  if (tickless.empty()) return false;
  if (kernel.cpu(cpu).nr_running >= 2) return true;
  const Topology& topology = kernel.topology();
  if (finder_->tracks_load() && RunnableFair(kernel, cpu) >= 1 &&
      shared_.capacity[cpu.index()] * topology.domain(cpu, 0).imbalance_pct <
          int64_t{kernel.cpu(cpu).capacity} * 100) {
    return true;
  }
  if (topology.AsymDomain(cpu) != nullptr) return state_->misfit[cpu.index()].valid();
  return ((topology.llc(cpu) & kernel.active()) - tickless).Count() > 1;
}

BalanceAnswer Balancer::Periodic(Kernel& kernel, CpuId cpu, IdleKind idle) {
  Prepare(kernel);
  mode_ = Mode::kPeriodic;
  StartCpu(kernel, cpu, idle);
  return Go(kernel);
}

BalanceAnswer Balancer::Kicked(Kernel& kernel, CpuId cpu) {
  Prepare(kernel);
  if (!kernel.IsIdle(cpu)) return BalanceAnswer::kDone;
  mode_ = Mode::kKicked;
  kicked_ = cpu;
  ring_ = 0;
  kick_next_ = Jiffies(kernel) + kLongestWait * hz_;
  stage_ = Stage::kNextCpu;
  return Go(kernel);
}

BalanceAnswer Balancer::NewIdle(Kernel& kernel, CpuId cpu) {
  Prepare(kernel);
  if (kernel.cpu(cpu).ttwu_pending || !kernel.cpu(cpu).active) return BalanceAnswer::kDone;
  if (kernel.topology().num_domains(cpu) == 0) return BalanceAnswer::kDone;
  state_->misfit[cpu.index()] = TaskId();
  mode_ = Mode::kNewIdle;
  cpu_ = cpu;
  if (SkipsNewIdle(kernel, cpu)) return BalanceAnswer::kDone;
  StartCpu(kernel, cpu, IdleKind::kNewlyIdle);
  return Go(kernel);
}

// fair.c: update_rq_avg_idle(): the last idle spell, if there was one since.
void Balancer::SampleIdle(const Kernel& kernel, CpuId id) {
  PerCpu& own = per_cpu_[id.index()];
  const Cpu& cpu = kernel.cpu(id);
  if (cpu.idle_until <= own.idle_counted) return;
  own.idle_counted = cpu.idle_until;
  const int64_t sample = (cpu.idle_until - cpu.idle_since).count();
  own.avg_idle += (sample - own.avg_idle) / 8;
  own.avg_idle = std::min(own.avg_idle, 2 * own.max_idle_cost);
}

bool Balancer::SkipsNewIdle(Kernel& kernel, CpuId cpu) {
  SampleIdle(kernel, cpu);
  PerCpu& own = per_cpu_[cpu.index()];
  const LevelState& lowest = state_->Of(cpu, 0);
  const bool skips =
      !kernel.is_overloaded() || (params_.estimates_idle && own.avg_idle < lowest.max_newidle_cost);
  if (skips) {
    own.next = std::min(own.next, lowest.last + IntervalTicks(kernel, lowest, false));
  }
  return skips;
}

// ----------------------------------------------------------------------------------------------
// the state machine

BalanceAnswer Balancer::Go(Kernel& kernel) {
  for (;;) {
    if (std::exchange(refresh_, false)) return BalanceAnswer::kAgain;
    switch (stage_) {
      case Stage::kNextCpu:
        stage_ = NextCpu(kernel);
        break;
      case Stage::kNextLevel:
        stage_ = NextLevel(kernel);
        break;
      case Stage::kFind:
        stage_ = Find(kernel);
        break;
      case Stage::kDetach:
        if (DetachOne(kernel)) return BalanceAnswer::kAgain;
        stage_ = AfterDetach(kernel);
        // What was detached has to arrive before the next look.
        if (moved_now_ > 0) return BalanceAnswer::kAgain;
        break;
      case Stage::kMoved:
        stage_ = EndPass(kernel, BalanceResult::kMoved);
        break;
      case Stage::kDone:
        return BalanceAnswer::kDone;
    }
  }
}

// The idle CPUs in ring order, the kicked one last (fair.c: _nohz_idle_balance()).
Balancer::Stage Balancer::NextCpu(Kernel& kernel) {
  while (ring_++ < kernel.num_cpus()) {
    const CpuId next((kicked_.value() + ring_) % kernel.num_cpus());
    if (!kernel.tickless().Contains(next) || !kernel.IsIdle(next)) continue;
    // It has got work itself: somebody else may do the rest.
    if (!kernel.IsIdle(kicked_)) return Stage::kDone;
    const PerCpu& own = per_cpu_[next.index()];
    if (Jiffies(kernel) >= own.next && kernel.topology().num_domains(next) > 0) {
      StartCpu(kernel, next, IdleKind::kIdle);
      return Stage::kNextLevel;
    }
    kick_next_ = std::min(kick_next_, own.next);
  }
  next_kick_ = kick_next_;
  return Stage::kDone;
}

void Balancer::StartCpu(Kernel& kernel, CpuId cpu, IdleKind idle) {
  cpu_ = cpu;
  pass_ = Pass();
  pass_.idle = idle;
  pass_.level = -1;
  next_ = Jiffies(kernel) + (idle == IdleKind::kNewlyIdle ? hz_ : kLongestWait * hz_);
  next_found_ = false;
  goes_on_ = true;
  pulled_ = false;
  spent_ = 0;
  stage_ = Stage::kNextLevel;
  if (finder_->tracks_load()) {
    kernel.RefreshLoad(cpu);
    refresh_ = true;
  }
}

Balancer::Stage Balancer::NextLevel(Kernel& kernel) {
  const Topology& topology = kernel.topology();
  PerCpu& own = per_cpu_[cpu_.index()];
  while (++pass_.level < topology.num_domains(cpu_)) {
    LevelState& level = state_->Of(cpu_, pass_.level);
    if (mode_ == Mode::kNewIdle) {
      if (pulled_ || !goes_on_) break;
      next_ = std::min(next_, level.last + IntervalTicks(kernel, level, false));
      if (params_.estimates_idle && own.avg_idle < spent_ + level.max_newidle_cost) break;
      if (!Domain(kernel).balance_newidle || ThrowsNewIdle(kernel, level)) continue;
      StartPass(kernel);
      return Stage::kFind;
    }
    if (!goes_on_) break;
    if (Jiffies(kernel) >= level.last + IntervalTicks(kernel, level, IsBusy(kernel))) {
      StartPass(kernel);
      return Stage::kFind;
    }
    next_ = std::min(next_, level.last + IntervalTicks(kernel, level, IsBusy(kernel)));
    next_found_ = true;
  }
  return EndOfLevels();
}

Balancer::Stage Balancer::EndOfLevels() {
  PerCpu& own = per_cpu_[cpu_.index()];
  if (mode_ == Mode::kNewIdle) {
    own.next = std::min(own.next, next_);
    own.max_idle_cost = std::max(own.max_idle_cost, spent_);
    return Stage::kDone;
  }
  if (next_found_) own.next = next_;
  if (mode_ == Mode::kPeriodic) return Stage::kDone;
  kick_next_ = std::min(kick_next_, own.next);
  return Stage::kNextCpu;
}

// NI_RANDOM: a level whose newidle passes seldom succeed is seldom tried (fair.c:
// update_newidle_stats()). True: not this time.
bool Balancer::ThrowsNewIdle(const Kernel& kernel, LevelState& level) {
  weight_ = 1;
  if (!params_.ni_random || level.newidle_ratio >= 1024) return false;
  const auto dice = static_cast<int64_t>(NextRandom(random_) % 1024);
  weight_ = 1 + level.newidle_ratio;
  if (dice > weight_) {
    weight_ = 0;
    CountNewIdle(kernel, level, -1);
    return true;
  }
  weight_ = (1024 + weight_ / 2) / weight_;
  return false;
}

// `cost` -1: the pass was not made.
void Balancer::CountNewIdle(const Kernel& kernel, LevelState& level, int64_t cost) {
  if (cost != 0) {
    level.newidle_calls += 1;
    level.newidle_successes += cost > 0 && moved_ > 0 ? weight_ : 0;
    if (level.newidle_calls >= 1024) {
      // NI_RATE, which 6.12 lacks: how many of them there were in a second counts too.
      const bool has_rate = kernel.facts().kernel == KernelVersion::k7_2;
      const int64_t us = (kernel.now() - level.newidle_stamp).count() /
                         std::max<int64_t>(1, kernel.facts().clock_hz / 1'000'000);
      level.newidle_stamp = kernel.now();
      level.newidle_ratio =
          std::min<int64_t>(1024, (has_rate ? us * 1000 / (1 << 22) : 0) + level.newidle_successes);
      level.newidle_calls /= 2;
      level.newidle_successes /= 2;
    }
  }
  if (cost < 0) return;
  if (cost > level.max_newidle_cost) {
    level.max_newidle_cost = cost;
    level.last_decay = Jiffies(kernel);
  } else if (Jiffies(kernel) > level.last_decay + hz_) {
    level.max_newidle_cost = level.max_newidle_cost * 253 / 256;
    level.last_decay = Jiffies(kernel);
  }
}

// ----------------------------------------------------------------------------------------------

std::unique_ptr<Balancer> MakeBalancer(PlacementShared& shared, const PolicyParams& params,
                                       const Limits& limits) {
  const std::string_view kind = params.Text("balance");
  if (kind == "off") return nullptr;
  const bool is_faithful = kind == "faithful";
  BalanceParams values;
  values.period = params.Length("balance_period").count();
  values.migration_cost = params.Length("migration_cost").count();
  values.nr_migrate = params.Integer("nr_migrate");
  values.last = params.Integer("balance_last");
  values.ni_random = is_faithful && params.Flag("ni_random");
  values.estimates_idle = is_faithful;
  auto state = std::make_unique<BalanceState>();
  const int64_t tick = std::max<int64_t>(1, limits.tick.count());
  std::unique_ptr<SourceFinder> finder =
      is_faithful
          ? MakeFaithfulSource(*state, shared, std::max<int64_t>(1, limits.clock_hz / tick), tick)
          : MakeSimpleSource(*state, shared, params.Flag("busy_pull"));
  return std::make_unique<Balancer>(values, shared, std::move(state), std::move(finder), limits);
}

}  // namespace rqsim
