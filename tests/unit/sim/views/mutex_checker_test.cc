#include "sim/views/mutex_checker.h"

#include <string_view>

#include "rqsim/kernel.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Says what happens to mutexes in the words of mutex.md 3, one event each.
struct Locks {
  EventFeed feed{{.cpus = 2, .tasks = {"L", "W", "V"}, .locks = {"A", "B"}}};
  MutexChecker checker;

  Locks() { feed.To(checker); }

  void Word(int64_t t, std::string_view lock, std::string_view owner, int flags) {
    feed.At(t, 0, MutexWord{.lock = feed.Lock(lock), .owner = feed.Task(owner), .flags = flags});
  }
  void Acquire(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexAcquire{.lock = feed.Lock(lock), .pid = feed.Task(task)});
  }
  void Release(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexRelease{.lock = feed.Lock(lock), .pid = feed.Task(task)});
  }
  void Join(int64_t t, int cpu, std::string_view task, std::string_view lock,
            MutexQueue queue = MutexQueue::kWaitList, int position = 0) {
    feed.At(t, cpu,
            MutexWait{.lock = feed.Lock(lock),
                      .pid = feed.Task(task),
                      .queue = queue,
                      .joined = 1,
                      .position = position});
  }
  void Leave(int64_t t, int cpu, std::string_view task, std::string_view lock,
             MutexQueue queue = MutexQueue::kWaitList) {
    feed.At(t, cpu,
            MutexWait{.lock = feed.Lock(lock),
                      .pid = feed.Task(task),
                      .queue = queue,
                      .joined = 0,
                      .position = -1});
  }
  void BlockedOn(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexBlockedOn{.pid = feed.Task(task), .lock = feed.Lock(lock)});
  }
  void Handoff(int64_t t, std::string_view from, std::string_view to, HandoffReason reason) {
    feed.At(
        t, 0,
        MutexHandoff{
            .lock = feed.Lock("A"), .pid = feed.Task(from), .to = feed.Task(to), .reason = reason});
  }
  void Begin(int64_t t, std::string_view task, OpKind op, std::string_view lock) {
    feed.At(t, 0,
            OpBegin{.pid = feed.Task(task),
                    .op = static_cast<int32_t>(op),
                    .object = feed.Lock(lock).value()});
  }
  void OpDone(int64_t t, std::string_view task) {
    OpEnd end;
    end.pid = feed.Task(task);
    feed.At(t, 0, end);
  }
  void Exit(int64_t t, std::string_view task) {
    feed.At(t, 0, SchedProcessExit{.pid = feed.Task(task)});
  }

  // The fast paths: lock() of a free mutex, unlock() without waiters.
  void Lock(int64_t t, std::string_view task, std::string_view lock) {
    Begin(t, task, OpKind::kLock, lock);
    Word(t, lock, task, 0);
    Acquire(t, task, lock);
    OpDone(t, task);
  }
  void Unlock(int64_t t, std::string_view task, std::string_view lock) {
    Begin(t, task, OpKind::kUnlock, lock);
    Word(t, lock, "", 0);
    Release(t, task, lock);
    OpDone(t, task);
  }
  // W, on CPU 1 since 0, goes to sleep on A, which `owner` holds.
  void Wait(int64_t t, std::string_view owner) {
    feed.Switch(0, 1, "idle", 'R', "W");
    Join(t, 1, "W", "A");
    Word(t, "A", owner, kWaitersFlag);
    BlockedOn(t, "W", "A");
    feed.Switch(t, 1, "W", 'D', "idle");
  }
};

TEST_CASE("Locking, waiting, waking and leaving by the rules reports nothing",
          "[views][mutex_checker]") {
  Locks run;
  run.feed.Switch(0, 0, "idle", 'R', "L");
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  // mutex.md 3.3: the word is freed, then blocked_on, then the wake-up; all within unlock.
  run.Begin(4, "L", OpKind::kUnlock, "A");
  run.Word(4, "A", "", kWaitersFlag);
  run.Release(4, "L", "A");
  run.BlockedOn(6, "W", "");
  run.feed.Wake<SchedWaking>(6, 0, "W", 1);
  run.OpDone(6, "L");
  run.feed.Wake<SchedWakeup>(8, 1, "W", 1);
  run.feed.Switch(8, 1, "idle", 'R', "W");
  run.BlockedOn(8, "W", "A");
  run.Word(8, "A", "W", kWaitersFlag);
  run.Acquire(8, "W", "A");
  run.BlockedOn(8, "W", "");
  run.Leave(8, 1, "W", "A");
  run.Word(8, "A", "W", 0);
  run.Unlock(9, "W", "A");
  run.Exit(9, "W");
  run.Exit(9, "L");
  run.feed.End(9);
  CHECK(run.feed.reported() == "");
}

TEST_CASE("MX-I1: a recursive lock is reported at the second lock and ends the run",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Begin(3, "L", OpKind::kLock, "A");
  CHECK(run.feed.reported() == "MX-I1@3!");
  CHECK(run.feed.messages() == "recursive lock: L locks A, which it holds\n");
}

TEST_CASE("MX-I1: locking again after an unlock, or another mutex, is no recursion",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Lock(1, "L", "B");
  run.Unlock(2, "L", "A");
  run.Lock(3, "L", "A");
  run.feed.End(4);
  CHECK(run.feed.reported() == "");
}

TEST_CASE("MX-I1: an unlock by a stranger is reported once, and the run goes on",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Begin(2, "W", OpKind::kUnlock, "A");
  run.Release(2, "W", "A");
  CHECK(run.feed.reported() == "MX-I1@2");
}

TEST_CASE("MX-I1: a word that names another task than the holder is reported",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Word(3, "A", "W", 0);
  run.feed.End(5);
  CHECK(run.feed.reported() == "MX-I1@3");
}

TEST_CASE("MX-I2: critical sections that overlap are reported at the second acquisition",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Word(2, "A", "", 0);
  run.Word(2, "A", "W", 0);
  run.Acquire(2, "W", "A");
  run.Release(3, "L", "A");
  CHECK(run.feed.reported() == "MX-I2@2 MX-I1@3");
}

TEST_CASE("MX-I3: WAITERS without a waiter is reported when the instant is over",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Word(2, "A", "L", kWaitersFlag);
  CHECK(run.feed.reported() == "");
  run.Exit(4, "V");
  CHECK(run.feed.reported() == "MX-I3@2");
}

TEST_CASE("MX-I3: a waiter without WAITERS is reported, and again only after it was put right",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.feed.Switch(0, 1, "idle", 'R', "W");
  run.Join(1, 1, "W", "A");
  run.BlockedOn(2, "W", "A");
  run.Word(3, "A", "L", 0);
  run.Word(4, "A", "L", kWaitersFlag);
  run.Word(5, "A", "L", 0);
  run.feed.End(6);
  CHECK(run.feed.reported() == "MX-I3@1 MX-I3@5");
}

TEST_CASE("MX-I3: list and flag may change in either order within an instant",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.feed.Switch(0, 1, "idle", 'R', "W");
  run.Word(1, "A", "L", kWaitersFlag);
  run.Join(1, 1, "W", "A");
  run.Leave(3, 1, "W", "A");
  run.Word(3, "A", "L", 0);
  run.feed.End(6);
  CHECK(run.feed.reported() == "");
}

TEST_CASE("MX-I4: HANDOFF needs an owner, PICKUP a waiter, and they exclude one another",
          "[views][mutex_checker]") {
  Locks run;
  run.feed.Switch(0, 1, "idle", 'R', "W");
  run.Word(1, "A", "", kHandoffFlag);
  run.Word(2, "A", "", 0);
  run.Word(3, "A", "W", kPickupFlag);
  run.Word(4, "A", "", 0);
  run.Join(5, 1, "W", "A");
  run.Word(5, "A", "L", kHandoffFlag | kPickupFlag | kWaitersFlag);
  run.Word(5, "A", "L", kWaitersFlag);
  run.Word(6, "A", "W", kPickupFlag | kWaitersFlag);
  run.feed.End(7);
  CHECK(run.feed.reported() == "MX-I4@1 MX-I4@3 MX-I4@5");
}

TEST_CASE("MX-I5: a task on both queues, off its CPU or beside another spinner is reported",
          "[views][mutex_checker]") {
  SECTION("a spinner that keeps to the rules") {
    Locks run;
    run.feed.Switch(0, 1, "idle", 'R', "W");
    run.Join(1, 1, "W", "A", MutexQueue::kOsq);
    run.Leave(3, 1, "W", "A", MutexQueue::kOsq);
    run.feed.Switch(3, 1, "W", 'R', "V");
    run.Join(4, 1, "V", "A", MutexQueue::kOsq);
    run.feed.End(5);
    CHECK(run.feed.reported() == "");
  }
  SECTION("joins the wait list before it has left the spin queue") {
    Locks run;
    run.feed.Switch(0, 1, "idle", 'R', "W");
    run.Join(1, 1, "W", "A", MutexQueue::kOsq);
    run.Join(2, 1, "W", "B");
    CHECK(run.feed.reported() == "MX-I5@2");
  }
  SECTION("is switched out and stays in the spin queue") {
    Locks run;
    run.feed.Switch(0, 1, "idle", 'R', "W");
    run.Join(1, 1, "W", "A", MutexQueue::kOsq);
    run.feed.Switch(3, 1, "W", 'R', "V");
    run.feed.End(5);
    CHECK(run.feed.reported() == "MX-I5@3");
  }
  SECTION("two spinners on one CPU") {
    Locks run;
    run.feed.Switch(0, 1, "idle", 'R', "W");
    run.Join(1, 1, "W", "A", MutexQueue::kOsq);
    run.Join(1, 1, "V", "A", MutexQueue::kOsq);
    CHECK(run.feed.reported() == "MX-I5@1");
  }
  SECTION("two wait lists") {
    Locks run;
    run.feed.Switch(0, 1, "idle", 'R', "W");
    run.Join(1, 1, "W", "A");
    run.Join(1, 1, "W", "B");
    CHECK(run.feed.reported() == "MX-I5@1");
  }
}

TEST_CASE("MX-I6: blocked_on a mutex on whose wait list the task is not",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Leave(4, 1, "W", "A");
  run.Word(4, "A", "L", 0);
  run.feed.End(6);
  CHECK(run.feed.reported() == "MX-I6@4");
}

TEST_CASE("MX-I7: a wake-up that never comes is reported when unlock is over",
          "[views][mutex_checker]") {
  Locks run;
  run.feed.Switch(0, 0, "idle", 'R', "L");
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Begin(4, "L", OpKind::kUnlock, "A");
  run.Word(4, "A", "", kWaitersFlag);
  run.Release(4, "L", "A");
  // From 4 to 6 the unlocker is on its way to the wake-up.
  run.OpDone(6, "L");
  run.feed.End(9);
  CHECK(run.feed.reported() == "MX-I7@6");
}

TEST_CASE("MX-I7: a waiter that wakes, loses and sleeps again while the mutex is free is lost",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Word(4, "A", "", kWaitersFlag);
  run.Release(4, "L", "A");
  run.feed.Wake<SchedWaking>(4, 0, "W", 1);
  run.OpDone(4, "L");
  run.feed.Wake<SchedWakeup>(5, 1, "W", 1);
  run.feed.Switch(6, 1, "idle", 'R', "W");
  run.feed.Switch(7, 1, "W", 'D', "idle");
  run.feed.End(9);
  CHECK(run.feed.reported() == "MX-I7@7");
}

TEST_CASE("MX-I8: the unlock after the one that ignored HANDOFF is reported",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Word(2, "A", "L", kWaitersFlag | kHandoffFlag);
  // One unlock may still pass the first waiter by …
  run.Word(3, "A", "", kWaitersFlag);
  run.Release(3, "L", "A");
  run.Word(3, "A", "V", kWaitersFlag);
  run.Acquire(3, "V", "A");
  // … a second may not.
  run.Word(5, "A", "", kWaitersFlag);
  run.Release(5, "V", "A");
  run.Word(5, "A", "L", kWaitersFlag);
  run.Acquire(5, "L", "A");
  run.feed.End(6);
  CHECK(run.feed.reported() == "MX-I8@5");
}

TEST_CASE("MX-I8: handing over to the one that asked, or to a donor, is no bypass",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  SECTION("to the one that asked") {
    run.Word(2, "A", "L", kWaitersFlag | kHandoffFlag);
    run.Word(3, "A", "W", kWaitersFlag | kPickupFlag);
    run.Release(3, "L", "A");
    run.Handoff(3, "L", "W", HandoffReason::kFlag);
    run.Word(4, "A", "W", kWaitersFlag);
    run.Acquire(4, "W", "A");
    run.Leave(4, 1, "W", "A");
    run.BlockedOn(4, "W", "");
    run.Word(4, "A", "W", 0);
    run.Unlock(5, "W", "A");
    run.Lock(6, "L", "A");
    run.Unlock(7, "L", "A");
  }
  SECTION("to a donor behind it") {
    run.feed.Switch(1, 0, "idle", 'R', "V");
    run.Join(1, 0, "V", "A", MutexQueue::kWaitList, 1);
    run.Word(2, "A", "L", kWaitersFlag | kHandoffFlag);
    run.Word(3, "A", "V", kWaitersFlag | kPickupFlag);
    run.Release(3, "L", "A");
    run.Handoff(3, "L", "V", HandoffReason::kDonor);
    run.Word(3, "A", "V", kWaitersFlag);
    run.Acquire(3, "V", "A");
    run.Leave(3, 0, "V", "A");
    run.Word(5, "A", "W", kWaitersFlag | kPickupFlag);
    run.Release(5, "V", "A");
  }
  run.feed.End(9);
  CHECK(run.feed.reported() == "");
}

TEST_CASE("MX-I9: a task that exits with a mutex or on a wait list is reported",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Exit(3, "L");
  run.Exit(4, "W");
  CHECK(run.feed.reported() == "MX-I9@3 MX-I9@4");
  CHECK(run.feed.messages() == "L exits holding A\nW exits on the wait list of A\n");
}

TEST_CASE("MX-I12: picking up what has not been unlocked yet is reported",
          "[views][mutex_checker]") {
  Locks run;
  run.Lock(0, "L", "A");
  run.Wait(1, "L");
  run.Handoff(3, "L", "W", HandoffReason::kAlways);
  run.Word(3, "A", "W", kWaitersFlag | kPickupFlag);
  run.Word(3, "A", "W", kWaitersFlag);
  run.Acquire(3, "W", "A");
  CHECK(run.feed.reported() == "MX-I2@3 MX-I12@3");
}

}  // namespace
TEST_CASE("MX-I11 is reported when a younger waiter that holds locks sleeps behind another",
          "[views][mutex]") {
  Locks locks;
  const auto context = [&](std::string_view task, int64_t stamp, int32_t acquired) {
    locks.feed.At(0, 0,
                  WwContext{.stamp = stamp,
                            .pid = locks.feed.Task(task),
                            .acquired = acquired,
                            .wounded = 0,
                            .wait_die = 1});
  };
  locks.Lock(0, "L", "A");
  context("W", 1, 1);
  context("V", 2, 1);
  locks.Word(1, "A", "L", kWaitersFlag);
  locks.Join(1, 0, "W", "A");
  locks.Join(1, 1, "V", "A", MutexQueue::kWaitList, 1);
  locks.feed.Switch(1, 0, "W", 'D', "idle");
  locks.feed.Switch(3, 1, "V", 'D', "idle");
  locks.feed.End(5);
  INFO(locks.feed.messages());
  CHECK(locks.feed.reported() == "MX-I11@3");
}

TEST_CASE("MX-I11 is not reported while the first waiter alone holds locks, or they are awake",
          "[views][mutex]") {
  // W, the older, holds a lock and waits first. V, behind it, holds none until 3; then it does, and
  // is woken at 4 to give up. It sleeps on: once at 3, and anew at 6.
  Locks locks;
  const auto context = [&](int64_t t, std::string_view task, int64_t stamp, int32_t acquired) {
    locks.feed.At(t, 0,
                  WwContext{.stamp = stamp,
                            .pid = locks.feed.Task(task),
                            .acquired = acquired,
                            .wounded = 0,
                            .wait_die = 1});
  };
  locks.Lock(0, "L", "A");
  context(0, "W", 1, 1);
  context(0, "V", 2, 0);
  locks.Word(1, "A", "L", kWaitersFlag);
  locks.Join(1, 0, "W", "A");
  locks.Join(1, 1, "V", "A", MutexQueue::kWaitList, 1);
  locks.feed.Switch(1, 0, "W", 'D', "idle");
  locks.feed.Switch(1, 1, "V", 'D', "idle");
  context(3, "V", 2, 1);
  locks.feed.Wake<SchedWaking>(4, 0, "V", 1);
  locks.feed.Switch(4, 1, "idle", 'R', "V");
  locks.feed.Switch(6, 1, "V", 'D', "idle");
  locks.feed.End(8);
  INFO(locks.feed.messages());
  CHECK(locks.feed.reported() == "MX-I11@3 MX-I11@6");
}

}  // namespace rqsim
