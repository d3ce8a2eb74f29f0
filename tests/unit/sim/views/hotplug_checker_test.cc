#include "sim/views/hotplug_checker.h"

#include <string>
#include <string_view>

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Two CPUs with a stop task each; U is a user task, K a kernel thread.
struct World {
  EventFeed feed;
  HotplugChecker checker;

  World()
      : feed({.cpus = 2,
              .tasks = {"U", "K", "stop/0", "stop/1"},
              .kthreads = {"K", "stop/0", "stop/1"},
              .scenario = TwoCpus()}),
        checker(true) {
    feed.To(checker);
  }
  static Scenario TwoCpus() {
    Scenario scenario;
    scenario.machine.cpus.resize(2);
    return scenario;
  }
  void Mask(int64_t t, int cpu, HotplugMaskKind mask, bool on) {
    feed.At(t, 0, HotplugMask{CpuId(cpu), mask, on ? 1 : 0, 0});
  }
  void Op(int64_t t, int cpu, OpKind op, bool begins) {
    if (begins) {
      feed.At(t, cpu, OpBegin{feed.Task("U"), static_cast<int32_t>(op), -1, 0});
    } else {
      feed.At(t, cpu, OpEnd{0, feed.Task("U"), static_cast<int32_t>(op), -1, 0});
    }
  }
  // From 4 on CPU 1 pushes; `task` is picked there at 10 and executes until 12.
  std::string_view Picks(std::string_view task) {
    Mask(4, 1, HotplugMaskKind::kActive, false);
    Mask(4, 1, HotplugMaskKind::kPush, true);
    feed.Switch(10, 1, "idle", 'R', task);
    feed.Spent(10, 12, 1, SegmentKind::kUser, feed.Task(task), feed.Task(task), 1);
    reported_ = feed.reported();
    return reported_;
  }
  std::string reported_;
};

TEST_CASE("HP-T3: a user task that is picked on a CPU that pushes does not execute there",
          "[views][hotplug]") {
  CHECK(World().Picks("U") == "HP-T3@12");
  CHECK(World().Picks("K") == "");
}

TEST_CASE("HP-T3: … unless it has migration disabled", "[views][hotplug]") {
  World world;
  world.Op(1, 1, OpKind::kMigrateDisable, true);
  world.Op(1, 1, OpKind::kMigrateDisable, false);
  CHECK(world.Picks("U") == "");
}

TEST_CASE("HP-T3: who was there before may go on until it is switched out", "[views][hotplug]") {
  World world;
  world.feed.Switch(0, 1, "idle", 'R', "U");
  world.Mask(4, 1, HotplugMaskKind::kActive, false);
  world.Mask(4, 1, HotplugMaskKind::kPush, true);
  world.feed.Spent(0, 6, 1, SegmentKind::kUser, world.feed.Task("U"), world.feed.Task("U"), 1);
  CHECK(world.feed.reported() == "");
}

TEST_CASE("HP-T3: nobody but the stop task is switched in on a CPU that is offline",
          "[views][hotplug]") {
  World world;
  world.Mask(4, 1, HotplugMaskKind::kActive, false);
  world.Mask(5, 1, HotplugMaskKind::kOnline, false);
  world.feed.Switch(6, 1, "idle", 'R', "stop/1");
  CHECK(world.feed.reported() == "");
  world.feed.Switch(7, 1, "stop/1", 'R', "K");
  CHECK(world.feed.reported() == "HP-T3@7");
}

TEST_CASE("HP-H0: a CPU that goes offline is not active", "[views][hotplug]") {
  World world;
  world.Mask(5, 1, HotplugMaskKind::kOnline, false);
  CHECK(world.feed.reported() == "HP-H0@5");
}

TEST_CASE("HP-R1: only what was online when the section began has to stay", "[views][hotplug]") {
  World world;
  world.Mask(1, 1, HotplugMaskKind::kActive, false);
  world.Mask(2, 1, HotplugMaskKind::kOnline, false);
  world.Op(5, 0, OpKind::kIrqsOff, true);
  world.Mask(6, 1, HotplugMaskKind::kOnline, true);
  world.Mask(7, 1, HotplugMaskKind::kOnline, false);
  CHECK(world.feed.reported() == "");
  world.Op(9, 0, OpKind::kIrqsOff, false);
  world.Mask(10, 1, HotplugMaskKind::kOnline, true);
  world.Op(11, 0, OpKind::kPreemptOff, true);
  world.Mask(12, 1, HotplugMaskKind::kOnline, false);
  CHECK(world.feed.reported() == "HP-R1@12");
}

TEST_CASE("HP-T1: a CPU that runs a DYING callback takes no interrupt", "[views][hotplug]") {
  World world;
  CpuhpEnter enter;
  enter.cpu = CpuId(1);
  enter.idx = 139;
  world.feed.At(10, 1, enter);
  world.feed.Spent(10, 12, 1, SegmentKind::kOverheadFirst, kIdleTask, kIdleTask, 0);
  CHECK(world.feed.reported() == "HP-T1@12");
  CpuhpExit exit;
  exit.cpu = CpuId(1);
  exit.idx = 139;
  world.feed.At(13, 1, exit);
  world.feed.Spent(13, 14, 1, SegmentKind::kOverheadFirst, kIdleTask, kIdleTask, 0);
  CHECK(world.feed.reported() == "HP-T1@12");
}

}  // namespace
}  // namespace rqsim
