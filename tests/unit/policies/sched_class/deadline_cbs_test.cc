// The arithmetic of budgets and bandwidths, and the order of CPUs by deadline.
#include "policies/sched_class/deadline_cbs.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "policies/sched_class/deadline_bandwidth.h"
#include "policies/sched_class/deadline_queue.h"
#include "support/catch.h"

namespace rqsim {
namespace {

DlEntity EntityOf(const Cbs& cbs, int64_t runtime, int64_t deadline, int64_t period) {
  DlEntity entity;
  entity.task = TaskId(1);
  cbs.SetParams(entity, runtime, deadline, period);
  return entity;
}

TEST_CASE("A waking task keeps what its share allows", "[sched_class][deadline]") {
  const Cbs cbs(0);
  DlEntity entity = EntityOf(cbs, 4000, 10000, 10000);
  entity.deadline = 10000;
  SECTION("10000 * 3000 > 7000 * 4000: a new period (C30)") {
    entity.runtime = 3000;
    CHECK(cbs.AtWakeup(entity, 3000) == Cbs::Wakeup::kNewPeriod);
    CHECK(entity.deadline == 13000);
    CHECK(entity.runtime == 4000);
  }
  SECTION("10000 * 2800 = 7000 * 4000: kept") {
    entity.runtime = 2800;
    CHECK(cbs.AtWakeup(entity, 3000) == Cbs::Wakeup::kKept);
    CHECK(entity.deadline == 10000);
  }
  SECTION("the deadline has passed") {
    entity.runtime = 1;
    CHECK(cbs.AtWakeup(entity, 10001) == Cbs::Wakeup::kNewPeriod);
    CHECK(entity.deadline == 20001);
  }
  SECTION("a budget overdrawn is none to overflow with") {
    entity.runtime = -1;
    CHECK_FALSE(cbs.Overflows(entity, 3000));
  }
}

TEST_CASE("A constrained task is cut down to its density", "[sched_class][deadline]") {
  const Cbs cbs(0);
  DlEntity entity = EntityOf(cbs, 2000, 5000, 10000);
  CHECK(entity.density == 419430);
  CHECK(entity.bw == 209715);
  entity.deadline = 5000;
  entity.runtime = 1000;
  CHECK(cbs.AtWakeup(entity, 4000) == Cbs::Wakeup::kRevised);
  CHECK(entity.runtime == 399);  // C31
  CHECK(entity.deadline == 5000);
  CHECK_FALSE(Cbs::WakesBetween(entity, 5000));
  CHECK(Cbs::WakesBetween(entity, 5001));
  CHECK(Cbs::WakesBetween(entity, 9999));
  CHECK_FALSE(Cbs::WakesBetween(entity, 10000));
}

TEST_CASE("Low bits do not count in that test", "[sched_class][deadline]") {
  // (10000 >> 10) * (2999 >> 10) = 9 * 2 and (7000 >> 10) * (4000 >> 10) = 6 * 3: equal, so kept.
  DlEntity entity = EntityOf(Cbs(0), 4000, 10000, 10000);
  entity.deadline = 10000;
  entity.runtime = 2999;
  CHECK(Cbs(0).Overflows(entity, 3000));
  CHECK_FALSE(Cbs(10).Overflows(entity, 3000));
}

TEST_CASE("A replenishment moves on until there is something to spend", "[sched_class][deadline]") {
  const Cbs cbs(0);
  DlEntity entity = EntityOf(cbs, 2500, 10000, 10000);
  entity.deadline = 10000;
  entity.is_throttled = true;
  SECTION("a small debt") {
    entity.runtime = -500;
    Cbs::Replenish(entity, 10000);
    CHECK(entity.runtime == 2000);
    CHECK(entity.deadline == 20000);
    CHECK_FALSE(entity.is_throttled);
  }
  SECTION("exactly a budget in debt: two periods") {
    entity.runtime = -2500;
    Cbs::Replenish(entity, 10000);
    CHECK(entity.runtime == 2500);
    CHECK(entity.deadline == 30000);
  }
  SECTION("what a yield leaves is lost") {
    entity.runtime = 2000;
    entity.is_yielded = true;
    Cbs::Replenish(entity, 10000);
    CHECK(entity.runtime == 2500);
    CHECK_FALSE(entity.is_yielded);
  }
  SECTION("too late: from now") {
    entity.runtime = 0;
    Cbs::Replenish(entity, 20001);
    CHECK(entity.deadline == 30001);
    CHECK(entity.runtime == 2500);
  }
}

TEST_CASE("Bandwidth is admitted up to the limit", "[sched_class][deadline]") {
  // C34: 6 ms of 10 ms on two CPUs with a server each.
  const int64_t limit = GENERATE(1'000'000, 950'000);
  Bandwidth bandwidth(2, 1'000'000, limit);
  const Cbs cbs(0);
  std::vector<DlEntity> entities(6);
  for (int i = 0; i < 2; ++i) bandwidth.Promise(entities[static_cast<std::size_t>(i)], 52428, 2);
  CHECK(bandwidth.total() == 104856);
  const int64_t bw = DlRatio(10'000'000, 6'000'000);
  CHECK(bw == 629145);
  for (int i = 2; i < 5; ++i) {
    CHECK_FALSE(bandwidth.Overflows(2048, 0, bw));
    bandwidth.Promise(entities[static_cast<std::size_t>(i)], bw, 2);
  }
  CHECK(bandwidth.total() == 1992291);
  CHECK(bandwidth.Overflows(2048, 0, bw));
  CHECK_FALSE(bandwidth.Overflows(2048, bw, bw));
  CHECK_FALSE(Bandwidth(2, 1'000'000, -1).Overflows(2048, 0, int64_t{1} << 40));
}

TEST_CASE("A task that reclaims pays for what is in use only", "[sched_class][deadline]") {
  // C36.
  Bandwidth bandwidth(1, 1'000'000, 1'000'000);
  const Cbs cbs(0);
  DlEntity server = EntityOf(cbs, 50, 1000, 1000);
  DlEntity task = EntityOf(cbs, 2, 10, 10);
  for (DlEntity* entity : {&server, &task}) {
    bandwidth.Promise(*entity, entity->bw, 1);
    bandwidth.Assign(*entity, CpuId(0));
  }
  bandwidth.Activate(task);
  CHECK(bandwidth.extra() == 786433);
  CHECK(bandwidth.Reclaimed(task, CpuId(0), 1'000'000) == 199999);
  bandwidth.Activate(server);
  CHECK(bandwidth.Reclaimed(task, CpuId(0), 1'000'000) == 249999);
  bandwidth.Release(task);
  CHECK(bandwidth.running(CpuId(0)) == 52428);
  CHECK(bandwidth.assigned(CpuId(0)) == 52428);
}

TEST_CASE("The CPU with the latest earliest deadline is found", "[sched_class][deadline]") {
  LatestDeadlines latest(16);
  std::vector<int64_t> deadlines(16, -1);
  uint32_t seed = 1;
  for (int step = 0; step < 2000; ++step) {
    seed = seed * 1664525u + 1013904223u;
    const int cpu = static_cast<int>((seed >> 8) % 16u);
    auto& deadline = deadlines[static_cast<std::size_t>(cpu)];
    if ((seed >> 24) % 4u == 0) {
      latest.Clear(CpuId(cpu));
      deadline = -1;
    } else {
      deadline = static_cast<int64_t>((seed >> 4) % 1000u);
      latest.Set(CpuId(cpu), deadline);
    }
    const int64_t expected = *std::max_element(deadlines.begin(), deadlines.end());
    REQUIRE(latest.empty() == (expected < 0));
    if (latest.empty()) continue;
    REQUIRE(latest.deadline() == expected);
    REQUIRE(deadlines[latest.cpu().index()] == expected);
  }
}

}  // namespace
}  // namespace rqsim
