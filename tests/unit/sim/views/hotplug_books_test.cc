#include "sim/views/hotplug_books.h"

#include <string>
#include <utility>
#include <vector>

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

}  // namespace
}  // namespace rqsim
