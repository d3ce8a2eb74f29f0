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
      : feed({.cpus = 2,
              .tasks = {"a", "b", "c", "f"},
              .locks = {"A", "B"},
              .scenario = With(strict)}) {
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

TEST_CASE("PX-I9: a waiter without a priority passes on who waits for it", "[views][proxy]") {
  // One CPU. b (94) executes. f, an ordinary task, waits for A of c (98); from 3 on a (90) waits
  // for B of f: c should execute. At 6 f is awake and should itself; from 8 on it does.
  Top run;
  run.feed.At(0, 1, HotplugMask{.cpu = CpuId(1), .mask = HotplugMaskKind::kActive, .on = 0});
  run.feed.At(0, 0, MutexWord{.lock = LockId(0), .owner = run.feed.Task("c"), .flags = 0});
  run.feed.At(0, 0, MutexWord{.lock = LockId(1), .owner = run.feed.Task("f"), .flags = 0});
  const auto waits = [&](int64_t t, const char* waiter, int lock, const char* next) {
    run.Queue(t, 0, waiter);
    run.Switch(t, 0, "idle", waiter, waiter);
    run.feed.At(t, 0, MutexBlockedOn{.pid = run.feed.Task(waiter), .lock = LockId(lock)});
    run.Switch(t, 0, waiter, next, next, true);
  };
  run.Queue(0, 0, "c");
  waits(0, "f", 0, "idle");
  run.Queue(0, 0, "b");
  run.Switch(0, 0, "idle", "b", "b");
  run.Switch(3, 0, "b", "idle", "idle");
  waits(3, "a", 1, "b");
  run.feed.At(6, 0, MutexBlockedOn{.pid = run.feed.Task("f"), .lock = LockId()});
  run.feed.Wake<SchedWakeup>(6, 0, "f", 0);
  run.Switch(8, 0, "b", "f", "a");
  run.feed.End(10);
  CHECK(run.feed.reported() == "PX-I9@3");
  CHECK(run.top.violated() == Cycles(5));
}

TEST_CASE("PX-I9: who may not run anywhere else does not keep the next from its CPU",
          "[views][proxy]") {
  // a executes on CPU 0, where b, as important, may run too, and nowhere else. CPU 1 is for c.
  Top run;
  run.Prio("b", 90);
  run.Cpus("a", 1);
  run.Cpus("b", 1);
  run.Queue(0, 0, "a");
  run.Switch(0, 0, "idle", "a", "a");
  run.Queue(0, 0, "b");
  run.Queue(2, 0, "c");
  // At 5 it may run on CPU 0 only, as they.
  run.feed.At(5, 0, SchedEntry{});
  TaskCpus cpus;
  cpus.pid = run.feed.Task("c");
  cpus.mask[0] = 1;
  run.feed.At(5, 0, cpus);
  run.feed.End(10);
  CHECK(run.feed.reported() == "PX-I9@2");
  CHECK(run.top.violated() == Cycles(3));
}

TEST_CASE("PX-I9: who executes where it may not takes nobody's place", "[views][proxy]") {
  // a executes on CPU 1 but may run on CPU 0 only; b (94) executes there; c may run anywhere. The
  // most important choice is a on CPU 0 and b on CPU 1: both execute. At 4 b may not go there: then
  // it is a and c, and c does not execute.
  Top run;
  run.Cpus("a", 1);
  run.Queue(0, 1, "a");
  run.Switch(0, 1, "idle", "a", "a");
  run.Queue(0, 0, "b");
  run.Switch(0, 0, "idle", "b", "b");
  run.Queue(0, 0, "c");
  TaskCpus cpus;
  cpus.pid = run.feed.Task("b");
  cpus.mask[0] = 1;
  run.feed.At(4, 0, cpus);
  run.feed.End(10);
  CHECK(run.feed.reported() == "PX-I9@4");
  CHECK(run.top.violated() == Cycles(6));
}

}  // namespace
}  // namespace rqsim
