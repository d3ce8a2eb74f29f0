// The mutex, step by step. Expected instants are worked out from mutex.md 3 in the comments: a step
// that costs c and begins at t has its effect at t + c.
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "rqsim/registry.h"
#include "support/catch.h"
#include "support/lock_bench.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;

Given EveryCostOne() {
  Given given;
  for (const ParamInfo& param : kMutexInfo.params) {
    if (param.kind == ParamKind::kCycles) given.emplace_back(std::string(param.name), int64_t{1});
  }
  return given;
}

Given With(Given given, std::string name, ParamValue value) {
  for (auto& [key, old] : given) {
    if (key == name) {
      old = std::move(value);
      return given;
    }
  }
  given.emplace_back(std::move(name), std::move(value));
  return given;
}

struct World {
  explicit World(LockBenchSizes sizes, const Given& given = {})
      : protocol(*MakeMutex(PolicyParams(kMutexInfo, given, 1'000'000'000),
                            LockBench::LimitsFor(sizes))),
        bench(*protocol, sizes) {}
  std::unique_ptr<LockProtocol> protocol;
  LockBench bench;
};

const Given kNoSpin = {{"spin", false}};

}  // namespace

TEST_CASE("An uncontended lock and unlock are one instant each when nothing costs",
          "[lock][mutex]") {
  World world({.tasks = 1});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  CHECK(bench.doing(1) == "done");
  CHECK(bench.word(0) == "1");
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "-");
  CHECK(bench.TakeLog() == "0 acquire 1 fast\n0 release 1\n");
}

TEST_CASE("The fast paths spend their cost before their effect", "[lock][mutex]") {
  // mutex.md 7.7: c_lock_fast 20, c_unlock_fast 15: acquired at 20, released at 20 + 100 + 15.
  World world({.tasks = 1}, {{"c_lock_fast", int64_t{20}}, {"c_unlock_fast", int64_t{15}}});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RunTo(19);
  CHECK(bench.word(0) == "-");
  bench.RunTo(20);
  CHECK(bench.word(0) == "1");
  bench.RunTo(120);
  bench.Unlock(1, 0);
  bench.RunTo(134);
  CHECK(bench.word(0) == "1");
  bench.RunTo(135);
  CHECK(bench.word(0) == "-");
  CHECK(bench.TakeLog() == "20 acquire 1 fast\n135 release 1\n");
}

TEST_CASE("A waiter's way to sleep and back is seen cycle by cycle", "[lock][mutex][costs]") {
  // Every cost 1, c_wake 1 too. Task 1 owns the lock from 1. Task 2 begins at 1:
  //   L1 2, L2 3, L4 4 (on the list, WAITERS), L5 5 (blocked_on, asleep).
  // Task 1 unlocks at 6: U1 7, U2 8 (free, WAITERS kept), U3 9 (blocked_on cleared, wake-up, which
  // costs it until 10). Task 2 runs at 9: L6 10 (acquires), L8 11 (off the list).
  World world({.tasks = 2, .c_wake = 1},
              With(With(EveryCostOne(), "spin", false), "c_cacheline_xfer", int64_t{0}));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RunTo(1);
  bench.Lock(2, 0);
  const auto at = [&](int64_t t) {
    bench.RunTo(t);
    return bench.word(0) + " " + std::to_string(bench.blocked_on(2)) + " " +
           std::string(bench.doing(2)) + " " + std::string(bench.doing(1));
  };
  CHECK(at(1) == "1 -1 run done");
  CHECK(at(2) == "1 -1 run done");
  CHECK(at(3) == "1 -1 run done");
  CHECK(at(4) == "1W -1 run done");
  CHECK(at(5) == "1W 0 sleep done");
  bench.RunTo(6);
  bench.Unlock(1, 0);
  CHECK(at(7) == "1W 0 sleep run");
  CHECK(at(8) == "-W 0 sleep run");
  CHECK(at(9) == "-W -1 run run");
  CHECK(at(10) == "2W 0 run done");
  CHECK(at(11) == "2 -1 done done");
  CHECK(bench.result(2) == 0);
  CHECK(bench.TakeLog() ==
        "1 acquire 1 fast\n"
        "2 begin 2 33\n"
        "4 join 2 list 0\n"
        "5 begin 2 32\n"
        "8 release 1\n"
        "9 wake 2\n"
        "10 acquire 2 slow\n"
        "11 leave 2 list\n"
        "11 end 2 0\n");
}

TEST_CASE("A spinner's way into and out of the spin queue is seen cycle by cycle",
          "[lock][mutex][costs]") {
  // Every cost 1 but the line transfer; looks at every cycle. Task 1 owns the lock from 1. Tasks 2
  // and 3 begin at 1 and 2: L1 2, 3; L2 3, 4; L3 4, 5 (in the queue). Task 1 unlocks at 7, free at
  // 8. Task 2 acquires at 8 and passes the head until 9. Task 3 looks at the multiples of 1 since
  // 5: at 9, finds the owner running, spins. Task 2 unlocks at 10, free at 11: task 3 acquires at
  // 11 and has nobody to pass the head to.
  World world({.tasks = 3}, With(EveryCostOne(), "c_cacheline_xfer", int64_t{0}));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RunTo(1);
  bench.Lock(2, 0);
  bench.RunTo(2);
  bench.Lock(3, 0);
  bench.RunTo(3);
  CHECK(bench.Described(2, "queued_on") == -1);
  bench.RunTo(5);
  CHECK(bench.Described(2, "queue_position") == 0);
  CHECK(bench.Described(3, "queue_position") == 1);
  bench.RunTo(7);
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "1");
  bench.RunTo(8);
  CHECK(bench.word(0) == "2");
  CHECK(bench.doing(2) == "run");
  CHECK(bench.Described(3, "queue_position") == 1);
  bench.RunTo(9);
  CHECK(bench.doing(2) == "done");
  CHECK(bench.Described(3, "queue_position") == 0);
  bench.RunTo(10);
  bench.Unlock(2, 0);
  bench.RunTo(11);
  CHECK(bench.doing(3) == "done");
  CHECK(bench.TakeLog() ==
        "1 acquire 1 fast\n"
        "2 begin 2 33\n"
        "3 begin 3 33\n"
        "4 join 2 osq 0\n"
        "5 join 3 osq 1\n"
        "8 release 1\n"
        "8 acquire 2 osq\n"
        "8 spun 2 4\n"
        "9 leave 2 osq\n"
        "9 end 2 0\n"
        "11 release 2\n"
        "11 acquire 3 osq\n"
        "11 spun 3 6\n"
        "11 leave 3 osq\n"
        "11 end 3 0\n");
}

TEST_CASE("A spinner with a poll cost notices at the next multiple since it began",
          "[lock][mutex][spin]") {
  // Spinning since 2, poll 4: looks at 6, 10, 14. Freed at 7, so acquired at 10.
  World world({.tasks = 2}, {{"c_spin_poll", int64_t{4}}});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RunTo(2);
  bench.Lock(2, 0);
  bench.RunTo(7);
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "-");
  bench.RunTo(20);
  CHECK(bench.TakeLog() ==
        "0 acquire 1 fast\n2 begin 2 33\n2 join 2 osq 0\n7 release 1\n"
        "10 acquire 2 osq\n10 spun 2 8\n10 leave 2 osq\n10 end 2 0\n");
}

TEST_CASE("A spinner whose owner leaves its CPU passes the head on and goes to sleep",
          "[lock][mutex][spin]") {
  World world({.tasks = 3});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Lock(3, 0);
  bench.RunTo(3);
  bench.TakeLog();
  bench.TakeOffCpu(1);
  // Both at 3: task 2 as head, then task 3, which has become the head and finds the same.
  CHECK(bench.doing(2) == "sleep");
  CHECK(bench.doing(3) == "sleep");
  CHECK(bench.word(0) == "1W");
  CHECK(bench.TakeLog() ==
        "3 spun 2 3\n3 leave 2 osq\n3 join 2 list 0\n3 begin 2 32\n"
        "3 spun 3 3\n3 leave 3 osq\n3 join 3 list 1\n3 begin 3 32\n");
}

TEST_CASE("A spinner that is asked to reschedule leaves the queue and runs schedule() first",
          "[lock][mutex][spin]") {
  World world({.tasks = 3});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Lock(3, 0);
  bench.TakeLog();
  SECTION("at the head") {
    bench.RunTo(2);
    bench.RequestResched(2);
    CHECK(bench.doing(2) == "off");
    CHECK(bench.doing(3) == "spin");
    CHECK(bench.Described(3, "queue_position") == 0);
    CHECK(bench.word(0) == "1");
    bench.RunTo(5);
    bench.Resume(2);
    // Straight to the slow path, although the owner runs.
    CHECK(bench.doing(2) == "sleep");
    CHECK(bench.TakeLog() == "2 spun 2 2\n2 leave 2 osq\n5 join 2 list 0\n5 begin 2 32\n");
  }
  SECTION("behind it") {
    bench.RunTo(2);
    bench.RequestResched(3);
    CHECK(bench.doing(3) == "off");
    CHECK(bench.doing(2) == "spin");
    CHECK(bench.TakeLog() == "2 spun 3 2\n2 leave 3 osq\n");
  }
}

TEST_CASE("A task that is to be rescheduled does not begin to spin", "[lock][mutex][spin]") {
  World world({.tasks = 2});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RequestResched(2);
  bench.TakeLog();
  bench.Lock(2, 0);
  CHECK(bench.doing(2) == "off");
  bench.Resume(2);
  CHECK(bench.doing(2) == "sleep");
  CHECK(bench.TakeLog() == "0 begin 2 33\n0 join 2 list 0\n0 begin 2 32\n");
}

TEST_CASE("Between the unlock and the waiter's recheck anybody may steal; then the waiter asks",
          "[lock][mutex][handoff]") {
  // Task 2 waits; c_recheck 2. Task 1 unlocks at 2, task 3 comes at 3 and takes the lock with its
  // second try, because WAITERS keeps the word from being all zero. Task 2 fails at 4.
  World world({.tasks = 3}, With(kNoSpin, "c_recheck", int64_t{2}));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.RunTo(2);
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "-W");
  bench.TakeLog();
  bench.RunTo(3);
  bench.Lock(3, 0);
  CHECK(bench.word(0) == "3W");
  bench.RunTo(4);
  CHECK(bench.word(0) == "3WH");
  CHECK(bench.doing(2) == "sleep");
  CHECK(bench.TakeLog() == "3 begin 3 33\n3 steal 3 from 2\n3 acquire 3 try\n3 end 3 0\n");
  bench.RunTo(5);
  bench.Unlock(3, 0);
  // Handed over at once: nobody else can have it, not even the one that just had it.
  CHECK(bench.word(0) == "2WP");
  bench.Trylock(3, 0);
  CHECK(bench.result(3) == 0);
  bench.RunTo(7);
  CHECK(bench.word(0) == "2");
  CHECK(bench.TakeLog() ==
        "5 release 3\n5 handoff 3 2 flag\n5 wake 2\n7 acquire 2 slow\n7 leave 2 list\n"
        "7 end 2 0\n");
}

TEST_CASE("With handoff=never a first waiter that lost cannot ask", "[lock][mutex][handoff]") {
  World world({.tasks = 3},
              With(With(kNoSpin, "c_recheck", int64_t{2}), "handoff", std::string("never")));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Unlock(1, 0);
  bench.RunTo(1);
  bench.Lock(3, 0);
  bench.RunTo(2);
  CHECK(bench.word(0) == "3W");
  bench.Unlock(3, 0);
  CHECK(bench.word(0) == "-W");
}

TEST_CASE("With handoff=always every slow unlock gives the lock to the first waiter",
          "[lock][mutex][handoff]") {
  World world({.tasks = 3},
              With(With(kNoSpin, "c_recheck", int64_t{1}), "handoff", std::string("always")));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Lock(3, 0);
  bench.TakeLog();
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "2WP");
  bench.RunTo(1);
  // The list is not empty yet: task 3 waits still.
  CHECK(bench.word(0) == "2W");
  CHECK(bench.TakeLog() ==
        "0 release 1\n0 handoff 1 2 always\n0 wake 2\n1 acquire 2 slow\n1 leave 2 list\n"
        "1 end 2 0\n");
}

TEST_CASE("A first waiter that failed spins without joining the spin queue",
          "[lock][mutex][spin]") {
  // c_recheck 2 leaves task 3 the time to steal at 1; task 2 fails at 2, asks, and sees that the
  // owner runs: it spins until the hand-off at 6. The wake-up is a step of its own, and here a
  // spinner looks between two steps.
  World world({.tasks = 3}, {{"c_recheck", int64_t{2}}});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.TakeOffCpu(1);
  bench.Lock(2, 0);
  CHECK(bench.doing(2) == "sleep");
  bench.Unlock(1, 0);
  bench.RunTo(1);
  bench.Lock(3, 0);
  bench.TakeLog();
  bench.RunTo(2);
  CHECK(bench.doing(2) == "spin");
  CHECK(bench.blocked_on(2) == -1);
  CHECK(bench.word(0) == "3WH");
  bench.RunTo(6);
  bench.Unlock(3, 0);
  CHECK(bench.word(0) == "2");
  CHECK(bench.TakeLog() ==
        "2 begin 2 33\n6 release 3\n6 handoff 3 2 flag\n6 acquire 2 waiter\n"
        "6 spun 2 4\n6 leave 2 list\n6 end 2 0\n6 wake 2\n");
}

TEST_CASE("A waiter that stops spinning sleeps again, blocked on the lock", "[lock][mutex][spin]") {
  World world({.tasks = 3}, {{"c_recheck", int64_t{2}}});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.TakeOffCpu(1);
  bench.Lock(2, 0);
  bench.Unlock(1, 0);
  bench.RunTo(1);
  bench.Lock(3, 0);
  bench.RunTo(3);
  bench.TakeLog();
  SECTION("because the owner left its CPU") {
    bench.TakeOffCpu(3);
    CHECK(bench.TakeLog() == "3 spun 2 1\n3 begin 2 32\n");
  }
  SECTION("because it has to reschedule, which comes first") {
    bench.RequestResched(2);
    CHECK(bench.doing(2) == "off");
    CHECK(bench.blocked_on(2) == -1);
    bench.Resume(2);
    CHECK(bench.TakeLog() == "3 spun 2 1\n3 begin 2 32\n");
  }
  CHECK(bench.doing(2) == "sleep");
  CHECK(bench.blocked_on(2) == 0);
  CHECK(bench.Described(2, "queue_position") == 0);
}

TEST_CASE("A signal ends an interruptible wait and clears every flag with the last waiter",
          "[lock][mutex][signal]") {
  World world({.tasks = 2}, kNoSpin);
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0, LockWait::kInterruptible);
  bench.RunTo(4);
  bench.TakeLog();
  bench.Signal(2, SignalKind::kOrdinary);
  CHECK(bench.result(2) == kEINTR);
  CHECK(bench.word(0) == "1");
  CHECK(bench.blocked_on(2) == -1);
  CHECK(bench.TakeLog() == "4 leave 2 list\n4 end 2 -4\n");
}

TEST_CASE("A killable wait is ended by a kill only, an uninterruptible one by none",
          "[lock][mutex][signal]") {
  World world({.tasks = 3}, kNoSpin);
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0, LockWait::kKillable);
  bench.Lock(3, 0);
  bench.Signal(2, SignalKind::kOrdinary);
  bench.Signal(3, SignalKind::kKill);
  CHECK(bench.doing(2) == "sleep");
  CHECK(bench.doing(3) == "sleep");
  bench.Signal(2, SignalKind::kKill);
  CHECK(bench.result(2) == kEINTR);
  // It was first, and asked for a hand-off with its last try: that now goes to task 3.
  CHECK(bench.word(0) == "1WH");
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "3");
}

TEST_CASE("A lock that was handed over wins over a pending signal", "[lock][mutex][signal]") {
  World world({.tasks = 2},
              With(With(kNoSpin, "handoff", std::string("always")), "c_recheck", int64_t{1}));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0, LockWait::kInterruptible);
  bench.RunTo(4);
  bench.Unlock(1, 0);
  bench.Signal(2, SignalKind::kOrdinary);
  bench.RunTo(5);
  CHECK(bench.result(2) == 0);
  CHECK(bench.word(0) == "2");
}

TEST_CASE("trylock takes a free lock over the heads of waiters", "[lock][mutex]") {
  World world({.tasks = 3}, With(With(kNoSpin, "c_recheck", int64_t{1}), "c_trylock", int64_t{2}));
  LockBench& bench = world.bench;
  bench.Trylock(1, 0);
  bench.RunTo(1);
  CHECK(bench.word(0) == "-");
  bench.RunTo(2);
  CHECK(bench.result(1) == 1);
  CHECK(bench.word(0) == "1");
  bench.Lock(2, 0);
  bench.RunTo(10);
  bench.Trylock(3, 0);
  bench.RunTo(11);
  bench.Unlock(1, 0);
  bench.TakeLog();
  bench.RunTo(12);
  // Task 2 was woken at 11 and rechecks at 12, before task 3 in the order of CPUs.
  CHECK(bench.word(0) == "2");
  CHECK(bench.result(3) == 0);
  bench.Unlock(2, 0);
  bench.Trylock(3, 0);
  bench.RunTo(14);
  CHECK(bench.result(3) == 1);
}

TEST_CASE("An unlock by a task that does not own the lock changes nothing", "[lock][mutex]") {
  World world({.tasks = 2}, kNoSpin);
  LockBench& bench = world.bench;
  bench.Unlock(2, 0);
  CHECK(bench.result(2) == kEINVAL);
  bench.Lock(1, 0);
  bench.TakeLog();
  bench.Unlock(2, 0);
  CHECK(bench.result(2) == kEINVAL);
  CHECK(bench.word(0) == "1");
  CHECK(bench.TakeLog() == "");
}

TEST_CASE("A task that locks what it owns waits for ever", "[lock][mutex]") {
  World world({.tasks = 1}, kNoSpin);
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(1, 0);
  CHECK(bench.doing(1) == "sleep");
  CHECK(bench.word(0) == "1W");
}

TEST_CASE("With handoff=donor the unlocker's blocked donor comes before the list",
          "[lock][mutex][donor]") {
  World world({.tasks = 3, .locks = 2}, With(kNoSpin, "handoff", std::string("donor")));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Lock(3, 0);
  bench.TakeLog();
  SECTION("blocked on this lock: it is next") {
    bench.SetBlockedDonorOf(1, 3);
    bench.Unlock(1, 0);
    CHECK(bench.word(0) == "3W");
    CHECK_FALSE(bench.task(TaskId(1)).blocked_donor.valid());
    CHECK(bench.TakeLog() ==
          "0 release 1\n0 handoff 1 3 donor\n0 wake 3\n0 acquire 3 slow\n0 leave 3 list\n"
          "0 end 3 0\n");
  }
  SECTION("blocked on another lock: the first waiter is next, by hand-off all the same") {
    bench.SetBlockedDonorOf(1, 3);
    bench.SetBlockedOnOf(3, 1);
    bench.Unlock(1, 0);
    CHECK(bench.word(0) == "2W");
    CHECK(bench.task(TaskId(1)).blocked_donor == TaskId(3));
    CHECK(bench.TakeLog() ==
          "0 release 1\n0 handoff 1 2 donor\n0 wake 2\n0 acquire 2 slow\n0 leave 2 list\n"
          "0 end 2 0\n");
  }
  SECTION("no donor: as always") {
    bench.Unlock(1, 0);
    CHECK(bench.TakeLog() ==
          "0 release 1\n0 wake 2\n0 acquire 2 slow\n0 leave 2 list\n0 end 2 0\n");
  }
}

TEST_CASE("The first try after another CPU's write pays for the line once",
          "[lock][mutex][costs]") {
  // c_cacheline_xfer 3 and c_trylock 1. Task 1 pays nothing at 0: nobody wrote the word yet. Task 2
  // pays at its fast attempt (10 to 13) and no more at L2 (14), then sleeps.
  World world({.tasks = 2},
              With(With(kNoSpin, "c_cacheline_xfer", int64_t{3}), "c_trylock", int64_t{1}));
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  CHECK(bench.word(0) == "1");
  bench.RunTo(10);
  bench.Lock(2, 0);
  bench.RunTo(13);
  CHECK(bench.word(0) == "1");
  bench.RunTo(14);
  CHECK(bench.word(0) == "1W");
  CHECK(bench.doing(2) == "sleep");
  // Freed by CPU 0 at 20: the recheck of task 2 pays again.
  bench.RunTo(20);
  bench.Unlock(1, 0);
  bench.RunTo(22);
  CHECK(bench.word(0) == "-W");
  bench.RunTo(23);
  CHECK(bench.word(0) == "2");
}

TEST_CASE("The preset realistic sets what is not stated", "[lock][mutex][costs]") {
  // mutex.md 3.6: c_lock_fast 20; c_unlock_fast stated as 7.
  World world({.tasks = 1}, {{"preset", std::string("realistic")}, {"c_unlock_fast", int64_t{7}}});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.RunTo(20);
  CHECK(bench.doing(1) == "done");
  bench.Unlock(1, 0);
  bench.RunTo(26);
  CHECK(bench.word(0) == "1");
  bench.RunTo(27);
  CHECK(bench.TakeLog() == "20 acquire 1 fast\n27 release 1\n");
}

TEST_CASE("The table offers the mutex under its name", "[lock][mutex]") {
  const RegistryEntry* entry = Registry::BuiltIn().Find(Seam::kLockProtocol, "mutex");
  REQUIRE(entry != nullptr);
  CHECK(entry->make_lock != nullptr);
  REQUIRE(entry->info->paths.size() == 5);
  CHECK(entry->info->paths[kLockPath.index()].name == "lock");
  CHECK(entry->info->paths[kUnlockPath.index()].name == "unlock");
  CHECK(entry->info->paths[kTrylockPath.index()].name == "trylock");
  for (const ServiceOpInfo& op : entry->info->ops) {
    CHECK(entry->info->paths[op.path.index()].name == op.name);
  }
}

}  // namespace rqsim
