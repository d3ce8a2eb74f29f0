#include "sim/views/rt_top.h"

#include <string_view>

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Two CPUs; tasks a, b and c of priorities 9, 5 and 1 (the kernel's 90, 94 and 98), f an ordinary
// one; they may run anywhere unless it is said otherwise.
struct Top {
  EventFeed feed;
  RtTop top;

  explicit Top(bool strict = true)
      : feed({.cpus = 2, .tasks = {"a", "b", "c", "f"}, .locks = {"A"}, .scenario = With(strict)}) {
    feed.To(top);
    Prio("a", 90);
    Prio("b", 94);
    Prio("c", 98);
    Prio("f", 120);
    for (const char* task : {"a", "b", "c", "f"}) Cpus(task, 3);
  }
  static Scenario With(bool strict) {
    Scenario scenario;
    scenario.check.rt_topn_strict = strict;
    return scenario;
  }
  void Prio(std::string_view task, int32_t prio) {
    TaskAttr attr;
    attr.pid = feed.Task(task);
    attr.prio = prio;
    feed.At(0, 0, attr);
  }
  void Cpus(std::string_view task, uint64_t mask) {
    TaskCpus cpus;
    cpus.pid = feed.Task(task);
    cpus.mask[0] = mask;
    feed.At(0, 0, cpus);
  }
  void Queue(int64_t t, int cpu, std::string_view task, int queued = 1) {
    feed.At(
        t, cpu,
        SchedQueue{
            .pid = feed.Task(task), .queue = CpuId(cpu), .queued = queued, .wake_cpu = CpuId(cpu)});
  }
  void Switch(int64_t t, int cpu, std::string_view prev, std::string_view next,
              std::string_view donor, bool kept = false) {
    SchedSwitch event;
    event.prev_pid = feed.Task(prev);
    event.next_pid = feed.Task(next);
    event.donor = feed.Task(donor);
    event.kept_queued = kept ? 1 : 0;
    feed.At(t, cpu, event);
  }
};

TEST_CASE("PX-I9: the two most important of three execute, nothing is counted", "[views][proxy]") {
  Top run;
  run.Queue(0, 0, "a");
  run.Switch(0, 0, "idle", "a", "a");
  run.Queue(0, 1, "b");
  run.Switch(0, 1, "idle", "b", "b");
  run.Queue(0, 0, "c");
  run.Queue(0, 0, "f");
  run.feed.End(10);
  CHECK(run.top.violated() == kZeroCycles);
  CHECK(run.feed.reported() == "");
}

TEST_CASE(
    "PX-I9 is reported when one begins to wait beside an idle CPU, and its cycles are counted",
    "[views][proxy]") {
  for (const bool strict : {true, false}) {
    Top run(strict);
    run.Queue(0, 0, "a");
    run.Switch(0, 0, "idle", "a", "a");
    // What is put right at the same instant is none.
    run.Queue(3, 0, "b");
    run.Queue(7, 0, "b", 0);
    run.Queue(7, 1, "b");
    run.Switch(7, 1, "idle", "b", "b");
    run.feed.End(10);
    CHECK(run.top.violated() == Cycles(4));
    CHECK(run.feed.reported() == (strict ? "PX-I9@3" : ""));
  }
}

TEST_CASE("PX-I9 counts as far as affinities allow it at once", "[views][proxy]") {
  // Both may run on CPU 0 only.
  Top pinned;
  pinned.Cpus("a", 1);
  pinned.Cpus("b", 1);
  pinned.Queue(0, 0, "a");
  pinned.Switch(0, 0, "idle", "a", "a");
  pinned.Queue(0, 0, "b");
  pinned.feed.End(10);
  CHECK(pinned.top.violated() == kZeroCycles);
  // The more important one could make room.
  Top movable;
  movable.Cpus("b", 1);
  movable.Queue(0, 0, "a");
  movable.Switch(0, 0, "idle", "a", "a");
  movable.Queue(0, 0, "b");
  movable.feed.End(10);
  CHECK(movable.top.violated() == Cycles(10));
}

TEST_CASE("PX-I9: waiters stand for the end of their chain, once", "[views][proxy]") {
  // a and b wait for A of c, which executes for a. There is nobody else to execute on CPU 1.
  Top run;
  run.feed.At(0, 0, MutexWord{.lock = LockId(0), .owner = run.feed.Task("c"), .flags = 0});
  for (const char* waiter : {"a", "b"}) {
    run.Queue(0, 0, waiter);
    run.Switch(0, 0, "idle", waiter, waiter);
    run.feed.At(0, 0, MutexBlockedOn{.pid = run.feed.Task(waiter), .lock = LockId(0)});
    run.Switch(0, 0, waiter, "idle", "idle", true);
  }
  run.Queue(0, 0, "c");
  run.Switch(0, 0, "idle", "c", "a");
  run.feed.At(5, 0, SchedEntry{});
  CHECK(run.feed.reported() == "");
  // At 5 b is awake, and not yet elsewhere.
  run.feed.At(5, 0, MutexBlockedOn{.pid = run.feed.Task("b"), .lock = LockId()});
  run.feed.Wake<SchedWakeup>(5, 0, "b", 0);
  run.feed.End(8);
  CHECK(run.feed.reported() == "PX-I9@5");
  CHECK(run.top.violated() == Cycles(3));
}

TEST_CASE("PX-I9: a CPU that is not active counts for nobody", "[views][proxy]") {
  Top run;
  run.feed.At(0, 1, HotplugMask{.cpu = CpuId(1), .mask = HotplugMaskKind::kActive, .on = 0});
  run.Queue(0, 0, "a");
  run.Switch(0, 0, "idle", "a", "a");
  run.Queue(0, 0, "b");
  run.feed.At(6, 1, HotplugMask{.cpu = CpuId(1), .mask = HotplugMaskKind::kActive, .on = 1});
  run.feed.End(10);
  CHECK(run.feed.reported() == "PX-I9@6");
  CHECK(run.top.violated() == Cycles(4));
}

TEST_CASE("PX-I9: among equals it does not matter who executes", "[views][proxy]") {
  Top run;
  run.Prio("c", 94);
  run.Queue(0, 0, "a");
  run.Switch(0, 0, "idle", "a", "a");
  run.Queue(0, 1, "c");
  run.Switch(0, 1, "idle", "c", "c");
  run.Queue(0, 1, "b");
  run.feed.End(10);
  CHECK(run.top.violated() == kZeroCycles);
}

}  // namespace
}  // namespace rqsim
