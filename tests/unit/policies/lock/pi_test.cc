// Priority inheritance, step by step. Priorities are the scenario's (larger is more important);
// what the bench prints after setprio is the kernel's, 99 - priority.
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

struct World {
  explicit World(LockBenchSizes sizes, const Given& given = {})
      : protocol(*MakePi(PolicyParams(kPiInfo, given, 1'000'000'000), LockBench::LimitsFor(sizes))),
        bench(*protocol, sizes) {}
  std::unique_ptr<LockProtocol> protocol;
  LockBench bench;
};

// Task i + 1 has priority priorities[i].
void SetPriorities(LockBench& bench, const std::vector<int>& priorities) {
  for (std::size_t i = 0; i < priorities.size(); ++i) {
    bench.SetPriority(static_cast<int>(i) + 1, priorities[i]);
  }
}

SchedAttr DeadlineAttr(int64_t runtime, int64_t deadline) {
  SchedAttr attr;
  attr.policy = SchedPolicy::kDeadline;
  attr.prio = -1;
  attr.dl_runtime = Cycles(runtime);
  attr.dl_deadline = attr.dl_period = Cycles(deadline);
  return attr;
}

}  // namespace

TEST_CASE("Waiters get the lock by importance, first come first served among equals",
          "[lock][pi]") {
  World world({.tasks = 5});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 3, 5, 3, 5});
  for (int i = 1; i <= 5; ++i) bench.Lock(i, 0);
  CHECK(bench.word(0) == "1W");
  std::string order;
  for (int i = 1; i != 0;) {
    bench.Unlock(i, 0);
    const char next = bench.word(0)[0];
    i = next == '-' ? 0 : next - '0';
    order += next;
  }
  CHECK(order == "3524-");
}

TEST_CASE("Fair tasks are one level whatever their nice value", "[lock][pi]") {
  World world({.tasks = 3});
  LockBench& bench = world.bench;
  SchedAttr strong;
  strong.nice = -20;
  strong.prio = 100;
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.SetBase(3, strong);
  bench.Lock(3, 0);
  CHECK(bench.Described(2, "queue_position") == 0);
  CHECK(bench.Described(3, "queue_position") == 1);
  CHECK(bench.prio(1) == 120);
}

TEST_CASE("A waiter's way through boost, sleep and acquisition is seen cycle by cycle",
          "[lock][pi][costs]") {
  // Every cost 1 (line transfer 0), c_wake 1. Task 1 (prio 1) owns A from 1. Task 2 (prio 5) begins
  // at 1: L1 2, L2 3, L4 4 (on the list, task 1 boosted; it is not blocked, so no walk), L5 5.
  // Task 1 unlocks at 6: U1 7, U2 8 (deboosted, free), U3 9 (wakes), back at 10. Task 2: L6 10,
  // L8 11.
  Given given;
  for (const ParamInfo& param : kPiInfo.params) {
    if (param.kind == ParamKind::kCycles && param.name != "c_cacheline_xfer") {
      given.emplace_back(std::string(param.name), int64_t{1});
    }
  }
  World world({.tasks = 2, .c_wake = 1}, given);
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 5});
  bench.Lock(1, 0);
  bench.RunTo(1);
  bench.Lock(2, 0);
  const auto at = [&](int64_t t) {
    bench.RunTo(t);
    return bench.word(0) + " " + std::to_string(bench.prio(1)) + " " +
           std::to_string(bench.blocked_on(2)) + " " + std::string(bench.doing(2));
  };
  CHECK(at(3) == "1 98 -1 run");
  CHECK(at(4) == "1W 94 -1 run");
  CHECK(at(5) == "1W 94 0 sleep");
  CHECK(at(6) == "1W 94 0 sleep");
  bench.Unlock(1, 0);
  CHECK(at(7) == "1W 94 0 sleep");
  CHECK(at(8) == "-W 98 0 sleep");
  CHECK(at(9) == "-W 98 0 run");
  CHECK(bench.doing(1) == "run");
  CHECK(at(10) == "2 98 -1 run");
  CHECK(bench.doing(1) == "done");
  CHECK(at(11) == "2 98 -1 done");
  CHECK(bench.TakeLog() ==
        "1 acquire 1 fast\n"
        "3 begin 2 8\n"
        "4 join 2 list 0\n"
        "4 setprio 1 94\n"
        "8 release 1\n"
        "8 setprio 1 98\n"
        "9 wake 2\n"
        "10 leave 2 list\n"
        "10 acquire 2 slow\n"
        "11 end 2 0\n");
}

TEST_CASE("The walk goes along the chain a step at a time, and others act in between",
          "[lock][pi][walk]") {
  // c_pi_step 2. Task 1 owns 0; task 2 owns 1, waits for 0; task 3 owns 2, waits for 1. Task 4
  // (prio 9) comes for 2 at 10: task 3 is boosted at once, task 2 at 12, task 1 at 14; asleep
  // at 14.
  World world({.tasks = 4, .locks = 3}, {{"c_pi_step", int64_t{2}}});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 2, 3, 9});
  for (int i = 1; i <= 3; ++i) bench.Lock(i, i - 1);
  bench.Lock(2, 0);
  bench.Lock(3, 1);
  bench.RunTo(10);
  const auto prios = [&] {
    return std::to_string(bench.prio(3)) + " " + std::to_string(bench.prio(2)) + " " +
           std::to_string(bench.prio(1));
  };
  CHECK(prios() == "96 96 96");
  bench.Lock(4, 2);
  CHECK(prios() == "90 96 96");
  bench.RunTo(11);
  CHECK(prios() == "90 96 96");
  SECTION("undisturbed") {
    bench.RunTo(12);
    CHECK(prios() == "90 90 96");
    bench.RunTo(13);
    CHECK(bench.doing(4) == "run");
    bench.RunTo(14);
    CHECK(prios() == "90 90 90");
    CHECK(bench.doing(4) == "sleep");
  }
  SECTION("the chain breaks at 11: the rest of it is left alone") {
    bench.Unlock(1, 0);
    CHECK(bench.prio(1) == 98);
    CHECK(bench.word(0) == "2");
    bench.RunTo(12);
    CHECK(prios() == "90 90 98");
    CHECK(bench.doing(4) == "sleep");
  }
}

TEST_CASE("A release gives back only what that lock's waiters lent", "[lock][pi]") {
  World world({.tasks = 3, .locks = 2});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 5, 7});
  bench.Lock(1, 0);
  bench.Lock(1, 1);
  bench.Lock(2, 0);
  bench.Lock(3, 1);
  CHECK(bench.prio(1) == 92);
  bench.TakeLog();
  bench.Unlock(1, 1);
  CHECK(bench.prio(1) == 94);
  bench.Unlock(1, 0);
  CHECK(bench.prio(1) == 98);
  CHECK(bench.TakeLog() ==
        "0 release 1\n0 setprio 1 94\n0 wake 3\n0 leave 3 list\n0 acquire 3 slow\n0 end 3 0\n"
        "0 release 1\n0 setprio 1 98\n0 wake 2\n0 leave 2 list\n0 acquire 2 slow\n0 end 2 0\n");
}

TEST_CASE("A free lock with waiters goes to others only if they are strictly more important",
          "[lock][pi][steal]") {
  World world({.tasks = 4}, {{"c_recheck", int64_t{5}}});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 4, 4, 5});
  bench.Lock(1, 0);
  bench.Lock(2, 0);
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "-W");
  bench.TakeLog();
  bench.Trylock(3, 0);
  CHECK(bench.result(3) == 0);
  bench.Trylock(4, 0);
  CHECK(bench.result(4) == 1);
  CHECK(bench.TakeLog() == "0 steal 4 from 2\n0 acquire 4 try\n");
  bench.RunTo(5);
  CHECK(bench.word(0) == "4W");
  CHECK(bench.doing(2) == "sleep");
}

TEST_CASE("A lock that closes a cycle returns -EDEADLK and lends nothing", "[lock][pi][deadlock]") {
  World world({.tasks = 2, .locks = 2});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 2});
  bench.Lock(1, 0);
  bench.Lock(2, 1);
  bench.Lock(2, 0);
  CHECK(bench.prio(1) == 97);
  bench.TakeLog();
  bench.Lock(1, 1);
  CHECK(bench.result(1) == kEDEADLK);
  CHECK(bench.word(1) == "2");
  CHECK(bench.prio(1) == 97);
  CHECK(bench.prio(2) == 97);
  CHECK(bench.blocked_on(1) == -1);
  CHECK(bench.TakeLog() == "0 begin 1 8\n0 join 1 list 0\n0 leave 1 list\n0 end 1 -35\n");
}

TEST_CASE("A task that locks what it owns gets -EDEADLK at once", "[lock][pi][deadlock]") {
  World world({.tasks = 1});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.Lock(1, 0);
  CHECK(bench.result(1) == kEDEADLK);
  CHECK(bench.word(0) == "1");
}

TEST_CASE("A walk longer than max_lock_depth gives up and takes its boosts back",
          "[lock][pi][deadlock]") {
  // MX-18: task i owns lock i - 1; tasks 2 to 5 (priority i) wait for the lock before theirs. Task
  // 6 (priority 6) wants task 5's: 4 boosts to 6 (prio 93), then -EDEADLK, then back to 5 (prio
  // 94).
  World world({.tasks = 6, .locks = 5}, {{"max_lock_depth", int64_t{3}}});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 2, 3, 4, 5, 6});
  for (int i = 1; i <= 5; ++i) bench.Lock(i, i - 1);
  for (int i = 2; i <= 5; ++i) bench.Lock(i, i - 2);
  CHECK(bench.prio(1) == 94);
  bench.TakeLog();
  bench.Lock(6, 4);
  CHECK(bench.result(6) == kEDEADLK);
  CHECK(bench.TakeLog() ==
        "0 begin 6 8\n0 join 6 list 0\n"
        "0 setprio 5 93\n0 setprio 4 93\n0 setprio 3 93\n0 setprio 2 93\n"
        "0 leave 6 list\n"
        "0 setprio 5 94\n0 setprio 4 94\n0 setprio 3 94\n0 setprio 2 94\n"
        "0 end 6 -35\n");
  CHECK(bench.prio(1) == 94);
}

TEST_CASE("A signal takes the waiter off the list and its boosts back along the chain",
          "[lock][pi][signal]") {
  World world({.tasks = 3, .locks = 2}, {{"c_pi_step", int64_t{1}}});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 2, 7});
  bench.Lock(1, 0);
  bench.Lock(2, 1);
  bench.Lock(2, 0);
  bench.Lock(3, 1, LockWait::kInterruptible);
  bench.RunTo(4);
  CHECK(bench.prio(1) == 92);
  bench.TakeLog();
  bench.Signal(3, SignalKind::kOrdinary);
  CHECK(bench.prio(2) == 97);
  CHECK(bench.prio(1) == 92);
  bench.RunTo(5);
  CHECK(bench.prio(1) == 97);
  CHECK(bench.result(3) == kEINTR);
  CHECK(bench.word(1) == "2");
  CHECK(bench.TakeLog() == "4 leave 3 list\n4 setprio 2 97\n5 setprio 1 97\n5 end 3 -4\n");
}

TEST_CASE("A change of a waiter's priority moves it and walks the chain anew", "[lock][pi][walk]") {
  World world({.tasks = 4, .locks = 2});
  LockBench& bench = world.bench;
  SetPriorities(bench, {1, 2, 3, 4});
  bench.Lock(1, 0);
  bench.Lock(2, 1);
  bench.Lock(2, 0);
  bench.Lock(3, 1);
  bench.Lock(4, 1);
  CHECK(bench.prio(1) == 95);
  bench.TakeLog();
  SECTION("up") {
    bench.ChangePriority(3, 8);
    CHECK(bench.Described(3, "queue_position") == 0);
    CHECK(bench.TakeLog() == "0 leave 3 list\n0 join 3 list 0\n0 setprio 2 91\n0 setprio 1 91\n");
  }
  SECTION("down") {
    bench.ChangePriority(4, 2);
    CHECK(bench.Described(4, "queue_position") == 1);
    CHECK(bench.TakeLog() == "0 leave 4 list\n0 join 4 list 1\n0 setprio 2 96\n0 setprio 1 96\n");
  }
  SECTION("of an owner that is boosted: nothing changes until it is above its waiters") {
    bench.ChangePriority(1, 3);
    CHECK(bench.TakeLog() == "");
    bench.ChangePriority(1, 6);
    CHECK(bench.prio(1) == 93);
  }
}

TEST_CASE("An owner inherits a deadline waiter's parameters, the shorter deadline first",
          "[lock][pi][deadline]") {
  World world({.tasks = 4});
  LockBench& bench = world.bench;
  bench.SetPriority(4, 99);
  bench.SetBase(2, DeadlineAttr(10, 100));
  bench.SetBase(3, DeadlineAttr(5, 50));
  bench.Lock(1, 0);
  bench.Lock(4, 0);
  CHECK(bench.prio(1) == 0);
  bench.Lock(2, 0);
  CHECK(bench.task(TaskId(1)).eff.policy == SchedPolicy::kDeadline);
  CHECK(bench.task(TaskId(1)).eff.dl_deadline == Cycles(100));
  bench.Lock(3, 0);
  CHECK(bench.task(TaskId(1)).eff.dl_deadline == Cycles(50));
  CHECK(bench.task(TaskId(1)).eff.dl_runtime == Cycles(5));
  bench.Unlock(1, 0);
  CHECK(bench.word(0) == "3W");
  CHECK(bench.task(TaskId(1)).eff == bench.task(TaskId(1)).base);
}

TEST_CASE("A boosted task keeps its nice value and takes turns only if it always did",
          "[lock][pi]") {
  World world({.tasks = 3, .locks = 2});
  LockBench& bench = world.bench;
  SchedAttr nice;
  nice.nice = 5;
  nice.prio = 125;
  SchedAttr turns;
  turns.policy = SchedPolicy::kRr;
  turns.priority = 2;
  turns.prio = 97;
  SchedAttr strong = turns;
  strong.priority = 9;
  strong.prio = 90;
  bench.SetBase(1, nice);
  bench.SetBase(2, turns);
  bench.SetBase(3, strong);
  bench.Lock(1, 0);
  bench.Lock(2, 1);
  bench.Lock(2, 0);
  CHECK(bench.task(TaskId(1)).eff.policy == SchedPolicy::kFifo);
  CHECK(bench.task(TaskId(1)).eff.nice == 5);
  CHECK(bench.prio(1) == 97);
  bench.Lock(3, 1);
  CHECK(bench.task(TaskId(2)).eff.policy == SchedPolicy::kRr);
  CHECK(bench.prio(2) == 90);
  CHECK(bench.prio(1) == 90);
}

TEST_CASE("With pi an unlock by a task that does not own the lock changes nothing", "[lock][pi]") {
  World world({.tasks = 2});
  LockBench& bench = world.bench;
  bench.Lock(1, 0);
  bench.TakeLog();
  bench.Unlock(2, 0);
  CHECK(bench.result(2) == kEINVAL);
  CHECK(bench.word(0) == "1");
  CHECK(bench.TakeLog() == "");
}

TEST_CASE("The table offers priority inheritance under its name", "[lock][pi]") {
  const RegistryEntry* entry = Registry::BuiltIn().Find(Seam::kLockProtocol, "pi");
  REQUIRE(entry != nullptr);
  CHECK(entry->make_lock != nullptr);
  CHECK(entry->info->paths.size() == 3);
}

}  // namespace rqsim
