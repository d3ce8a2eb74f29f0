#include "sim/views/hotplug_books.h"

#include <string>
#include <utility>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// CPU 1 of two is taken offline in [10,20); T is queued on it at 5.
struct World {
  EventFeed feed;
  HotplugBooks books;

  World()
      : feed({.cpus = 2, .tasks = {"T", "stop/0", "stop/1"}, .scenario = TwoCpus()}), books(true) {
    feed.To(books);
    Queue(5, true);
    Op(10, HotplugPhase::kRequested);
    Op(11, HotplugPhase::kLocked);
  }
  static Scenario TwoCpus() {
    Scenario scenario;
    scenario.machine.cpus.resize(2);
    return scenario;
  }
  void Queue(int64_t t, bool queued) {
    feed.At(t, 1,
            SchedQueue{.pid = feed.Task("T"),
                       .queue = CpuId(1),
                       .queued = queued ? 1 : 0,
                       .wake_cpu = CpuId(1)});
  }
  void Op(int64_t t, HotplugPhase phase) {
    HotplugOp op;
    op.cpu = CpuId(1);
    op.phase = phase;
    op.id = 1;
    feed.At(t, 0, op);
  }
  void Goes() {
    feed.At(12, 1, HotplugMask{CpuId(1), HotplugMaskKind::kActive, 0, 0});
    feed.At(15, 1, HotplugMask{CpuId(1), HotplugMaskKind::kOnline, 0, 0});
  }
};

TEST_CASE("HP-K1: nobody is queued on a CPU that is gone when the operation ends",
          "[views][hotplug]") {
  World world;
  world.Goes();
  world.Op(20, HotplugPhase::kDone);
  CHECK(world.feed.reported() == "HP-K1@20");
}

TEST_CASE("HP-K1: who left in time is not", "[views][hotplug]") {
  World world;
  world.Queue(14, false);
  world.Goes();
  world.Op(20, HotplugPhase::kDone);
  CHECK(world.feed.reported() == "");
}

TEST_CASE("An operation has its latency, and how long its CPU was online but not active",
          "[views][hotplug]") {
  World world;
  world.Queue(14, false);
  world.Goes();
  world.Op(20, HotplugPhase::kDone);
  std::vector<std::pair<std::string, int64_t>> metrics;
  world.books.AddTo(metrics);
  for (const auto& [name, value] : metrics) {
    if (name == "hotplug_latency_max") CHECK(value == 10);
    if (name == "hotplug_inactive_cycles") CHECK(value == 3);
    if (name == "hotplug_ops") CHECK(value == 1);
  }
}

// The first operation of a scenario's set that had the lock: to make a state fail takes none.
HotplugOpResult FirstOp(const std::string& name, const std::string& set) {
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenarioFile("scenarios/hotplug/" + name + ".json", diagnostics);
  CAPTURE(name, set);
  REQUIRE(scenario);
  const PolicySet* const policies = FindPolicySet(*scenario, set);
  REQUIRE(policies != nullptr);
  const auto result = RunScenario(*scenario, *policies, {}, Registry::BuiltIn());
  REQUIRE(result.ok());
  for (const HotplugOpResult& op : result->hotplug) {
    if (op.locked) return op;
  }
  FAIL("no operation had the lock");
  return {};
}

// hotplug.md 5.9 and 4.9.
TEST_CASE("What operations cost: grace periods, inactive CPUs, pushes, threads, undoing",
          "[views][hotplug]") {
  const HotplugOpResult down = FirstOp("HP-10-cpuhp-down", "cpuhp");
  CHECK(down.grace == Cycles(20));     // [4,24)
  CHECK(down.inactive == Cycles(48));  // [4,52)
  CHECK(down.pushed == 0);
  CHECK_FALSE(down.is_rolled_back);

  const HotplugOpResult undone = FirstOp("HP-11-cpuhp-down-rollback", "cpuhp");
  CHECK(undone.inactive == Cycles(30));  // [4,34)
  CHECK(undone.is_rolled_back);

  const HotplugOpResult up = FirstOp("HP-12-cpuhp-up", "cpuhp");
  CHECK(up.inactive == Cycles(11));  // [36,47)
  CHECK_FALSE(up.is_rolled_back);
  CHECK(FirstOp("HP-13-cpuhp-up-rollback", "cpuhp").is_rolled_back);

  // Two tasks, two switches and one cycle each.
  const HotplugOpResult pushes = FirstOp("HP-16-push-order", "cpuhp");
  CHECK(pushes.pushed == 2);
  CHECK(pushes.push == Cycles(10));

  const HotplugOpResult veto = FirstOp("HP-17-dl-veto", "cpuhp");
  CHECK(veto.grace == kZeroCycles);
  CHECK(veto.inactive == kZeroCycles);
  CHECK(veto.is_rolled_back);

  CHECK(FirstOp("HP-02-n2012-idle-flag", "idle-loop").grace == Cycles(20));  // [9,29)
  CHECK(FirstOp("HP-03-n2012-objection", "teardown").is_rolled_back);
  CHECK(FirstOp("HP-14-kthread-cost", "teardown").kthreads == Cycles(3015));

  const HotplugOpResult tick = FirstOp("tick-duty", "cpuhp");
  REQUIRE(tick.duties.size() == 1);
  CHECK(tick.duties[0].at == Time(53));
  CHECK(tick.duties[0].to == CpuId(1));
}

}  // namespace
}  // namespace rqsim
