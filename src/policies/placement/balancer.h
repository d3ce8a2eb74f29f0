// Load balancing of the fair class: when a CPU looks for work elsewhere, which tasks it takes, and
// what it remembers. Where it takes them from is the SourceFinder's business.
//
// Idea: a pass is a critical section in which every look sees the move before it. The hooks of
// Placement that balance are therefore one state machine, Go(): it makes a request, answers kAgain,
// and goes on when the machine has carried it out.
// Origin: Linux 7.2 kernel/sched/fair.c: sched_balance_rq(), detach_tasks(), can_migrate_task(),
// sched_balance_newidle(), sched_balance_domains(), nohz_balancer_kick(), _nohz_idle_balance(),
// active_load_balance_cpu_stop(); machine.md 7.3 and 7.4. What differs: MODEL-81,
// MODEL-82, MODEL-83, MODEL-84.
#ifndef RQSIM_POLICIES_PLACEMENT_BALANCER_H_
#define RQSIM_POLICIES_PLACEMENT_BALANCER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "placement/parts.h"
#include "rqsim/policy.h"
#include "rqsim/seams.h"

namespace rqsim {

struct BalanceParams {
  int64_t period = 0;  // cycles; 0: the kernel's intervals
  int64_t migration_cost = 0;
  int64_t nr_migrate = 32;
  int64_t last = 0;  // tick number
  bool ni_random = false;
  bool estimates_idle = false;  // newidle is skipped where idle spells are short (avg_idle)
};

// What a CPU remembers of one of its levels (fair.c: struct sched_domain), and of itself.
struct LevelState {
  int64_t last = 0;         // tick number of the last pass
  int64_t interval_ms = 0;  // between passes
  int64_t failed = 0;
  int64_t next_capacity = 0;  // tick number from which newidle passes look at the capacity again
  int64_t max_newidle_cost = 0;
  int64_t last_decay = 0;
  int64_t newidle_calls = 512, newidle_successes = 256, newidle_ratio = 512;
  Time newidle_stamp;
};
struct BalanceState {
  std::vector<LevelState> levels;   // by CPU and level
  std::vector<uint8_t> imbalanced;  // by level and lowest CPU of a group: affinity kept it uneven
  std::vector<TaskId> misfit;       // by CPU: too large for it at the last tick
  int max_levels = 0;

  LevelState& Of(CpuId cpu, int level) {
    return levels[cpu.index() * static_cast<std::size_t>(max_levels) +
                  static_cast<std::size_t>(level)];
  }
  uint8_t& Imbalanced(int level, const CpuSet& group) {
    const std::size_t cpus = misfit.size();
    return imbalanced[static_cast<std::size_t>(level) * cpus + group.First().index()];
  }
  // The load of the misfit task that `cpu` runs, 0 if there is none.
  int64_t MisfitLoad(const Kernel& kernel, CpuId cpu) const;
};

class Balancer final {
 public:
  Balancer(const BalanceParams& params, PlacementShared& shared,
           std::unique_ptr<BalanceState> state, std::unique_ptr<SourceFinder> finder,
           const Limits& limits);

  bool tracks_load() const { return finder_->tracks_load(); }
  bool Tick(Kernel& kernel, CpuId cpu, IdleKind idle);
  Time NextTickOfInterest(Kernel& kernel, CpuId cpu);
  BalanceAnswer Periodic(Kernel& kernel, CpuId cpu, IdleKind idle);
  BalanceAnswer Kicked(Kernel& kernel, CpuId cpu);
  BalanceAnswer NewIdle(Kernel& kernel, CpuId cpu);
  BalanceAnswer Go(Kernel& kernel);
  Next ActiveStep(Kernel& kernel, Frame& frame);

 private:
  // What Go() does next.
  enum class Stage : uint8_t {
    kNextCpu,  // of those a kicked CPU balances for
    kNextLevel,
    kFind,
    kDetach,
    kMoved,  // what was detached has arrived
    kDone,
  };
  enum class Mode : uint8_t { kNewIdle, kPeriodic, kKicked };
  struct PerCpu {
    int64_t next = 0;      // tick number of the next periodic balancing
    int64_t avg_idle = 0;  // cycles
    int64_t max_idle_cost = 0;
    Time idle_counted;    // start of the last idle spell that is in avg_idle
    bool active = false;  // its stop task is to push a task
    CpuId push_to;
  };

  void Prepare(const Kernel& kernel);
  int64_t Jiffies(const Kernel& kernel) const { return kernel.now().cycles() / tick_; }
  int64_t Ticks(int64_t ms) const { return (ms * hz_ + 999) / 1000; }
  int64_t IntervalTicks(const Kernel& kernel, const LevelState& level, bool busy) const;
  bool IsBusy(const Kernel& kernel) const;
  bool SkipsNewIdle(Kernel& kernel, CpuId cpu);
  void SampleIdle(const Kernel& kernel, CpuId cpu);
  bool Kicks(const Kernel& kernel, CpuId cpu) const;
  bool HasReasonToKick(const Kernel& kernel, CpuId cpu) const;
  void NoteMisfit(const Kernel& kernel, CpuId cpu);

  void StartCpu(Kernel& kernel, CpuId cpu, IdleKind idle);
  Stage NextCpu(Kernel& kernel);
  Stage NextLevel(Kernel& kernel);
  Stage EndOfLevels();
  void StartPass(Kernel& kernel);
  Stage Find(Kernel& kernel);
  bool BalancesHere(const Kernel& kernel) const;
  Stage AfterDetach(Kernel& kernel);
  bool DetachOne(Kernel& kernel);
  bool CanMove(Kernel& kernel, TaskId task, bool active);
  bool TakesFromAmount(const Kernel& kernel, TaskId task);
  void Failed(Kernel& kernel);
  bool WantsActive(const Kernel& kernel) const;
  void Balanced(const Kernel& kernel);
  Stage EndPass(Kernel& kernel, BalanceResult result);
  void Charge(Kernel& kernel, int64_t cpus);
  void CountNewIdle(const Kernel& kernel, LevelState& level, int64_t cost);
  bool ThrowsNewIdle(const Kernel& kernel, LevelState& level);
  const SchedDomain& Domain(const Kernel& kernel) const {
    return kernel.topology().domain(cpu_, pass_.level);
  }

  BalanceParams params_;
  PlacementShared& shared_;
  std::unique_ptr<BalanceState> state_;
  std::unique_ptr<SourceFinder> finder_;
  PolicyId self_;
  int64_t tick_;
  int64_t hz_;
  uint64_t random_;
  int generation_ = -1;
  std::vector<PerCpu> per_cpu_;
  int64_t next_kick_ = 0;

  // What is being done.
  Stage stage_ = Stage::kDone;
  Mode mode_ = Mode::kPeriodic;
  CpuId kicked_, cpu_;    // cpu_: for which it is done
  int ring_ = 0;          // kicked: how many CPUs of the ring are done
  bool refresh_ = false;  // averages have to be brought up to now before the first look
  int64_t next_ = 0;      // the smallest instant for cpu_ to balance again
  bool next_found_ = false;
  int64_t kick_next_ = 0;
  bool goes_on_ = true;  // to the levels above
  bool pulled_ = false;
  int64_t spent_ = 0;  // newidle, cycles
  int64_t spent_before_ = 0;
  int64_t weight_ = 1;  // of a success of a newidle pass
  Pass pass_;
  // … within the pass
  CpuId new_dst_;
  bool all_pinned_ = false, some_pinned_ = false;
  bool hot_ = false;
  bool asked_active_ = false;
  int64_t looked_ = 0, look_max_ = 0;
  int64_t moved_ = 0, moved_now_ = 0, hot_moved_ = 0;
  int64_t found_amount_ = 0;
};

std::unique_ptr<SourceFinder> MakeSimpleSource(BalanceState& state, const PlacementShared& shared,
                                               bool busy_pull);
std::unique_ptr<SourceFinder> MakeFaithfulSource(BalanceState& state, PlacementShared& shared,
                                                 int64_t hz, int64_t tick);
// Null for `balance: off`.
std::unique_ptr<Balancer> MakeBalancer(PlacementShared& shared, const PolicyParams& params,
                                       const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_BALANCER_H_
