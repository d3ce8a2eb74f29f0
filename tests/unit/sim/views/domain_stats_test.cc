#include "sim/views/domain_stats.h"

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// The counters as a listener of their own.
class Listening final : public Listener {
 public:
  EventMask Wants() const override { return DomainStats::Wants(); }
  void OnStart(const RunInfo& info, ViolationSink&) override { stats_.OnStart(info); }
  void OnEvent(const TraceEvent& event) override { stats_.OnEvent(event); }

  std::vector<DomainResult> Of(int cpu) const {
    CpuResult out;
    stats_.Fill(CpuId(cpu), out);
    return out.domains;
  }

 private:
  DomainStats stats_;
};

// Two caches of two CPUs each.
FakeRun FourCpus() {
  FakeRun run{.cpus = 4, .tasks = {"T"}};
  run.scenario.machine.cpus.resize(4);
  run.scenario.machine.cpus[2].llc = run.scenario.machine.cpus[3].llc = 1;
  return run;
}

SchedBalance PassOf(int dst, int src, int level, IdleKind idle, BalanceResult result) {
  SchedBalance pass;
  pass.dst_cpu = CpuId(dst);
  pass.src_cpu = src < 0 ? CpuId() : CpuId(src);
  pass.level = level;
  pass.idle = idle;
  pass.result = result;
  return pass;
}

TEST_CASE("Each CPU has the domains of its place", "[views][domain_stats]") {
  EventFeed feed(FourCpus());
  Listening stats;
  feed.To(stats);
  const std::vector<DomainResult> domains = stats.Of(3);
  REQUIRE(domains.size() == 2);
  CHECK(domains[0].name == "MC");
  CHECK(domains[1].name == "PKG");
}

TEST_CASE("A pass counts in its domain, for what the CPU was, by how it ended",
          "[views][domain_stats]") {
  EventFeed feed(FourCpus());
  Listening stats;
  feed.To(stats);
  SchedBalance moved = PassOf(0, 1, 0, IdleKind::kNewlyIdle, BalanceResult::kMoved);
  moved.imbalance = 3;
  moved.gained = 2;
  moved.hot_gained = 1;
  feed.At(1, 0, moved);
  SchedBalance failed = PassOf(0, 2, 1, IdleKind::kBusy, BalanceResult::kFailed);
  failed.unit = BalanceUnit::kLoad;
  failed.imbalance = 500;
  feed.At(2, 0, failed);
  feed.At(3, 0, PassOf(0, -1, 1, IdleKind::kIdle, BalanceResult::kNoBusyGroup));
  feed.At(4, 0, PassOf(0, -1, 1, IdleKind::kIdle, BalanceResult::kNoBusyQueue));
  feed.At(5, 0, PassOf(0, -1, 1, IdleKind::kIdle, BalanceResult::kNotHere));
  feed.At(6, 0, PassOf(0, 3, 1, IdleKind::kIdle, BalanceResult::kPinned));
  // A level that there was not at the start.
  feed.At(7, 0, PassOf(0, 3, 2, IdleKind::kIdle, BalanceResult::kMoved));
  const std::vector<DomainResult> domains = stats.Of(0);
  CHECK(domains[0].newly_idle.lb_count == 1);
  CHECK(domains[0].newly_idle.lb_gained == 2);
  CHECK(domains[0].newly_idle.lb_hot_gained == 1);
  CHECK(domains[0].newly_idle.lb_imbalance_task == 3);
  CHECK(domains[0].newly_idle.lb_balanced == 0);
  CHECK(domains[0].busy.lb_count == 0);
  CHECK(domains[1].busy.lb_count == 1);
  CHECK(domains[1].busy.lb_failed == 1);
  CHECK(domains[1].busy.lb_imbalance_load == 500);
  CHECK(domains[1].idle.lb_count == 4);
  CHECK(domains[1].idle.lb_balanced == 4);
  CHECK(domains[1].idle.lb_nobusyg == 1);
  CHECK(domains[1].idle.lb_nobusyq == 1);
  CHECK(stats.Of(1)[0].newly_idle.lb_count == 0);
}

TEST_CASE("Pushes count where the task went, wake-ups in the lowest domain of both CPUs",
          "[views][domain_stats]") {
  EventFeed feed(FourCpus());
  Listening stats;
  feed.To(stats);
  feed.At(1, 1, SchedActiveBalance{CpuId(1), CpuId(2), 1, feed.Task("T")});
  feed.At(2, 1, SchedActiveBalance{CpuId(1), CpuId(2), 1, TaskId()});
  feed.At(3, 0, TtwuStat{feed.Task("T"), CpuId(0), CpuId(1), 1, 0});
  feed.At(4, 0, TtwuStat{feed.Task("T"), CpuId(0), CpuId(3), 1, 0});
  feed.At(5, 0, TtwuStat{feed.Task("T"), CpuId(0), CpuId(0), 0, 0});
  // From outside.
  feed.At(6, -1, TtwuStat{feed.Task("T"), CpuId(), CpuId(3), 0, 0});
  feed.At(7, 0, SchedWakeAffine{feed.Task("T"), CpuId(0), CpuId(1), 1});
  feed.At(8, 0, SchedWakeAffine{feed.Task("T"), CpuId(0), CpuId(2), 1});
  feed.At(9, 0, SchedWakeAffine{feed.Task("T"), CpuId(0), CpuId(2), 0});
  CHECK(stats.Of(2)[1].alb_count == 2);
  CHECK(stats.Of(2)[1].alb_pushed == 1);
  CHECK(stats.Of(2)[1].alb_failed == 1);
  CHECK(stats.Of(0)[0].ttwu_wake_remote == 1);
  CHECK(stats.Of(0)[1].ttwu_wake_remote == 1);
  CHECK(stats.Of(0)[0].ttwu_move_affine == 1);
  CHECK(stats.Of(0)[1].ttwu_move_affine == 1);
}

}  // namespace
}  // namespace rqsim
