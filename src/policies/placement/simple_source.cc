// Where a pass takes tasks from without load averages: the CPU with the most tasks
// (machine.md 7.3).
//
// Origin: what Linux 7.2 kernel/sched/fair.c: sched_balance_find_src_group() and
// sched_balance_find_src_rq() come to when groups are single CPUs and no average decides.
// Tested by scenarios/placement/ and scenarios/machine/M17-newidle-pull.json and its neighbours.
#include "placement/balancer.h"
#include "placement/group_stats.h"

namespace rqsim {
namespace {

class SimpleSource final : public SourceFinder {
 public:
  SimpleSource(BalanceState& state, const PlacementShared& shared, bool busy_pull)
      : state_(state), shared_(shared), busy_pull_(busy_pull) {}

  bool tracks_load() const override { return false; }

  BalanceResult Find(Kernel& kernel, Pass& pass) override {
    const Topology& topology = kernel.topology();
    const SchedDomain& domain = topology.domain(pass.dst, pass.level);
    NoteOverload(kernel);
    const CpuSet& local =
        domain.groups[static_cast<std::size_t>(domain.group_of[pass.dst.index()])].cpus;
    const CpuSet others = pass.cpus - local;
    if (domain.asym_capacity && FindMisfit(kernel, pass, others)) return BalanceResult::kMoved;
    pass.unit = BalanceUnit::kTask;
    pass.src = CpuId();
    // In ring order from the next CPU on.
    CpuId cpu = others.FirstFromWrapping(pass.dst.value() + 1);
    int64_t most = 0, most_fair = 0;
    for (int i = others.Count(); i > 0; --i) {
      const int64_t left_out = LeftOutOf(kernel, cpu, shared_.blocked_load, false).tasks;
      const int64_t fair = RunnableFair(kernel, cpu) - left_out;
      const int64_t running = kernel.cpu(cpu).nr_running - left_out;
      if (fair > 0 && (!pass.src.valid() || running > most)) {
        pass.src = cpu;
        most = running;
        most_fair = fair;
      }
      cpu = others.FirstFromWrapping(cpu.value() + 1);
    }
    if (!pass.src.valid()) return BalanceResult::kNoBusyGroup;
    if (!pass.dst_is_idle() && !busy_pull_) return BalanceResult::kNoBusyGroup;
    if (most_fair == 1) return BalanceResult::kNoBusyGroup;
    const int64_t here = kernel.cpu(pass.dst).nr_running -
                         LeftOutOf(kernel, pass.dst, shared_.blocked_load, false).tasks;
    pass.amount = (most - here) / 2;
    return pass.amount > 0 ? BalanceResult::kMoved : BalanceResult::kNoBusyGroup;
  }

 private:
  static void NoteOverload(Kernel& kernel) {
    bool overloaded = false;
    const CpuSet& active = kernel.active();
    for (CpuId cpu = active.First(); cpu.valid() && !overloaded; cpu = active.After(cpu)) {
      overloaded = kernel.cpu(cpu).nr_running > 1;
    }
    kernel.SetOverloaded(overloaded);
  }

  // machine.md 7.7: a free CPU pulls a task that is too large for where it runs.
  bool FindMisfit(const Kernel& kernel, Pass& pass, const CpuSet& others) const {
    if (!pass.dst_is_idle()) return false;
    int64_t largest = 0;
    for (CpuId cpu = others.First(); cpu.valid(); cpu = others.After(cpu)) {
      const int64_t load = state_.MisfitLoad(kernel, cpu);
      if (load <= largest ||
          !IsCapacityGreater(kernel.cpu(pass.dst).capacity, kernel.cpu(cpu).capacity)) {
        continue;
      }
      largest = load;
      pass.src = cpu;
      pass.unit = BalanceUnit::kMisfit;
      pass.amount = 1;
    }
    return largest > 0;
  }

  BalanceState& state_;
  const PlacementShared& shared_;
  bool busy_pull_;
};

}  // namespace

std::unique_ptr<SourceFinder> MakeSimpleSource(BalanceState& state, const PlacementShared& shared,
                                               bool busy_pull) {
  return std::make_unique<SimpleSource>(state, shared, busy_pull);
}

}  // namespace rqsim
