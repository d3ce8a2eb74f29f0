// The fair class, driven hook by hook. Expected instants and virtual times are those that
// classes.md 14 works out; the same rows are scenario files, which say how the machine gets there.
// Ticks at multiples of 1000, base slice 3000.
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/class_bench.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;
using Words = std::vector<std::string>;

// The set-up of classes.md 14.
Given SetUp(Given more = {}) {
  Given given = {{"base_slice", int64_t{3000}}, {"hrtick", false},
                 {"hrtick_min", int64_t{0}},    {"hrtick_slop", int64_t{0}},
                 {"slice_limits", false},       {"min_quantum", int64_t{700}}};
  for (auto& param : more) {
    for (auto& old : given) {
      if (old.first == param.first) old.first.clear();
    }
    given.push_back(std::move(param));
  }
  return given;
}

std::unique_ptr<SchedClass> MakeFair(const ClassBenchSizes& sizes, const Given& given) {
  return MakeClass(kFairClassInfo, MakeFairClass, sizes, given);
}

TEST_CASE("Two equal tasks take turns of a slice, ended by ticks", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(17000);
  bench.Exit(1);
  bench.To(18000);
  // Both have had 9000.
  CHECK(bench.Field(1, "vruntime") == 9000);
  bench.Exit(2);
  CHECK(bench.Field(2, "vruntime") == 9000);
  CHECK(bench.TakeLog() ==
        "0 >1\n2000 >2\n4000 >1\n7000 >2\n10000 >1\n13000 >2\n16000 >1\n17000 >2\n18000 >0\n");
}

TEST_CASE("The slice timer ends slices where they end", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp({{"hrtick", true}}));
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(16500);
  bench.Exit(1);
  // Half a slice each, then whole ones: C02.
  CHECK(bench.TakeLog() ==
        "0 >1\n1500 >2\n3000 >1\n6000 >2\n9000 >1\n12000 >2\n15000 >1\n16500 >2\n");
}

TEST_CASE("Slices of one cycle still let everybody get on", "[sched_class][fair]") {
  // Half of the first request is nothing, and the timer is armed for a cycle all the same: at 1
  // task 1 is ahead (1 of 0.5), at 2 both are at 1 with deadline 2 and the one that waits wins, and
  // so on.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp({{"hrtick", true}, {"base_slice", int64_t{1}}}));
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(5);
  CHECK(bench.TakeLog() == "0 >1\n1 >2\n2 >1\n3 >2\n4 >1\n");
}

TEST_CASE("Each charge is rounded down by itself", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal(0));
  bench.Spawn(2, Normal(5));
  bench.To(24000);
  bench.Settle();
  CHECK(bench.TakeLog() == "0 >1\n2000 >2\n4000 >1\n9000 >2\n13000 >1\n");
  CHECK(bench.Field(1, "vruntime") == 18000);
  // Six times floor(1000 * 1024 / 335) = 3056.
  CHECK(bench.Field(2, "vruntime") == 18336);
}

TEST_CASE("A sleeper keeps the lag it left with", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(2500);
  bench.Block(2);
  CHECK(bench.Field(2, "vlag") == 750);
  CHECK(bench.Field(1, "vprot") == 5000);
  bench.To(4800);
  bench.Wake(2);
  // 750 * (1024 + 1024) / 1024 = 1500 behind the average 4300.
  CHECK(bench.Field(2, "vruntime") == 2800);
  CHECK(bench.Field(2, "deadline") == 5800);
  bench.To(5300);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n2000 >2\n2500 >1\n4800 >2\n5300 >1\n");
}

TEST_CASE("A task of policy batch does not preempt when it wakes", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, FairOf(SchedPolicy::kBatch));
  bench.To(2500);
  bench.Block(2);
  bench.To(4800);
  bench.Wake(2);
  bench.To(6500);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n2000 >2\n2500 >1\n6000 >2\n6500 >1\n");
}

TEST_CASE("A shorter slice breaks through protection, without the feature it only shortens it",
          "[sched_class][fair]") {
  // C08: task 1 is S with slice 500, 2 is A, 3 is B.
  const bool on = GENERATE(true, false);
  const ClassBenchSizes sizes;
  const auto fair =
      MakeFair(sizes, on ? SetUp() : SetUp({{"features", Words{"NO_PREEMPT_SHORT"}}}));
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal(0, 500));
  bench.Spawn(2, Normal());
  bench.Spawn(3, Normal());
  bench.To(100);
  bench.Block(1);
  CHECK(bench.is_delayed(1));
  CHECK(bench.Field(1, "vlag") == -67);
  bench.To(1500);
  CHECK_FALSE(bench.is_delayed(1));
  bench.Block(3);
  bench.To(3800);
  bench.Wake(3);
  bench.To(4200);
  bench.Wake(1);
  bench.Settle();
  if (on) {
    bench.To(4300);
    bench.Exit(1);
    bench.To(8600);
    bench.Exit(3);
    CHECK(bench.TakeLog() ==
          "0 >1\n100 >2\n1000 >3\n1500 >2\n3800 >3\n4200 >1\n4300 >2\n7000 >3\n8600 >2\n");
  } else {
    CHECK(bench.Field(3, "vprot") == 3700);
    bench.To(5100);
    bench.Exit(1);
    bench.To(8800);
    bench.Exit(3);
    CHECK(bench.TakeLog() ==
          "0 >1\n100 >2\n1000 >3\n1500 >2\n3800 >3\n5000 >1\n5100 >2\n8000 >3\n8800 >2\n");
  }
}

TEST_CASE("A sleeper in debt stays queued until it is picked", "[sched_class][fair]") {
  // C09, C10.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(1500);
  bench.Block(1);
  CHECK(bench.is_delayed(1));
  CHECK(bench.Field(1, "vlag") == -750);
  SECTION("It leaves when its debt is worked off, and comes back without lag") {
    bench.To(11500);
    CHECK_FALSE(bench.is_delayed(1));
    bench.Wake(1);
    CHECK(bench.Field(1, "vruntime") == 10000);
    CHECK(bench.Field(1, "deadline") == 13000);
    bench.To(12100);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >1\n1500 >2\n12000 >1\n12100 >2\n");
  }
  SECTION("Woken before, it goes on from where it was") {
    bench.To(1800);
    bench.Wake(1);
    CHECK_FALSE(bench.is_delayed(1));
    CHECK(bench.Field(1, "vlag") == -600);
    CHECK(bench.Field(1, "vruntime") == 1500);
    CHECK(bench.Field(1, "deadline") == 4500);
    bench.To(3100);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >1\n1500 >2\n3000 >1\n3100 >2\n");
  }
}

TEST_CASE("Without delayed dequeue a sleeper takes its debt along", "[sched_class][fair]") {
  // C11.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp({{"features", Words{"NO_DELAY_DEQUEUE"}}}));
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(1500);
  bench.Block(1);
  CHECK_FALSE(bench.is_delayed(1));
  bench.To(1800);
  bench.Wake(1);
  CHECK(bench.Field(1, "vruntime") == 1800);
  CHECK(bench.Field(1, "deadline") == 4800);
  bench.To(4100);
  bench.Exit(1);
  CHECK(bench.TakeLog() == "0 >1\n1500 >2\n4000 >1\n4100 >2\n");
}

TEST_CASE("Policy idle gives way to any other task", "[sched_class][fair]") {
  // C12.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, FairOf(SchedPolicy::kIdle));
  bench.To(1300);
  bench.Spawn(2, Normal());
  CHECK(bench.Field(1, "deadline") == 512000);
  CHECK(bench.Field(1, "vruntime") == 341333 + 102400);
  CHECK(bench.Field(2, "vruntime") == 443733);
  bench.To(2300);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n1300 >2\n2300 >1\n");
}

TEST_CASE("A new task does not preempt", "[sched_class][fair]") {
  // C13.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.To(400);
  bench.Spawn(2, Normal());
  CHECK(bench.Field(2, "deadline") == 1900);
  bench.To(3000);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n2000 >2\n3000 >1\n");
}

TEST_CASE("Yield gives up the rest of a slice, but only of an eligible task with company",
          "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  SECTION("ineligible: C14") {
    bench.Spawn(1, Normal());
    bench.Spawn(2, Normal());
    bench.To(300);
    bench.Yield(1);
    CHECK(bench.Field(1, "vruntime") == 300);
    bench.To(10000);
    CHECK(bench.TakeLog() == "0 >1\n300 >2\n2000 >1\n4000 >2\n7000 >1\n");
  }
  SECTION("eligible: C15") {
    bench.Spawn(1, Normal());
    bench.Spawn(2, Normal());
    bench.To(2300);
    bench.Yield(2);
    CHECK(bench.Field(2, "vruntime") == 1500);
    CHECK(bench.Field(2, "deadline") == 4500);
    bench.To(6000);
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n2000 >2\n3000 >1\n6000 >2\n");
  }
  SECTION("alone: C16") {
    bench.Spawn(1, Normal());
    bench.To(300);
    bench.Yield(1);
    bench.To(1000);
    bench.Exit(1);
    CHECK(bench.Field(1, "vruntime") == 1000);
    CHECK(bench.TakeLog() == "0 >1\n1000 >0\n");
  }
}

TEST_CASE("A change of nice rescales lag and the rest of the slice", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(700);
  SECTION("of the running task: C17") {
    bench.SetAttr(1, Normal(5));
    CHECK(bench.Field(1, "vlag") == -1069);
    CHECK(bench.Field(1, "vruntime") == 1418);
    CHECK(bench.Field(1, "deadline") == 3863);
    bench.To(4000);
    bench.Settle();
    CHECK(bench.Field(1, "vruntime") == 4474);
    CHECK(bench.Field(1, "deadline") == 13644);
    bench.To(7000);
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n700 >2\n3000 >1\n4000 >2\n7000 >1\n");
  }
  SECTION("of a waiting one: C18") {
    bench.SetAttr(2, Normal(-5));
    CHECK(bench.Field(2, "vlag") == 114);
    CHECK(bench.Field(2, "vruntime") == 239);
    CHECK(bench.Field(2, "deadline") == 731);
    bench.To(7000);
    CHECK(bench.TakeLog() == "0 >1\n700 >2\n3000 >1\n4000 >2\n");
  }
}

TEST_CASE("A long slice is protected only for the shortest one queued", "[sched_class][fair]") {
  // C19.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal(0, 6000));
  bench.Spawn(2, Normal());
  bench.To(14000);
  CHECK(bench.TakeLog() == "0 >2\n2000 >1\n5000 >2\n8000 >1\n11000 >2\n");
}

TEST_CASE("Without run to parity the minimum quantum is what is protected", "[sched_class][fair]") {
  // C20.
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, SetUp({{"features", Words{"NO_RUN_TO_PARITY"}}}));
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  bench.Spawn(2, Normal());
  bench.To(4000);
  CHECK(bench.TakeLog() == "0 >1\n1000 >2\n2000 >1\n3000 >2\n");
}

TEST_CASE("A task that is moved takes its lag and the rest of its slice along",
          "[sched_class][fair]") {
  // C21.
  const ClassBenchSizes sizes{.cpus = 2, .ticks = false};
  const auto fair = MakeFair(sizes, SetUp());
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal(), 0);
  bench.Spawn(2, Normal(), 0);
  bench.Spawn(3, Normal(), 1);
  bench.To(1000);
  bench.Move(2, 1);
  CHECK(bench.Field(2, "vlag") == 500);
  CHECK(bench.Field(2, "vruntime") == 0);
  CHECK(bench.Field(2, "deadline") == 1500);
  bench.Settle();
  CHECK(bench.TakeLog() == "0 >1\n0 1 >3\n1000 1 >2\n");
}

TEST_CASE("The default slice grows with the CPUs online", "[sched_class][fair]") {
  // classes.md 4.4: 0.7, 1.4, 2.1 and 2.8 ms on 1, 2-3, 4-7 and 8 or more CPUs.
  const auto [cpus, slice] =
      GENERATE(std::pair{1, 700'000}, std::pair{2, 1'400'000}, std::pair{3, 1'400'000},
               std::pair{4, 2'100'000}, std::pair{7, 2'100'000}, std::pair{8, 2'800'000},
               std::pair{64, 2'800'000});
  const ClassBenchSizes sizes{.cpus = cpus};
  const auto fair = MakeFair(sizes, {});
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal());
  CHECK(bench.Field(1, "slice") == slice);
}

TEST_CASE("A custom slice is held within the limits of sched_setattr", "[sched_class][fair]") {
  const ClassBenchSizes sizes;
  const auto fair = MakeFair(sizes, {});
  ClassBench bench(*fair, sizes);
  bench.Spawn(1, Normal(0, 500));
  bench.Spawn(2, Normal(0, 200'000'000));
  CHECK(bench.Field(1, "slice") == 100'000);
  CHECK(bench.Field(2, "slice") == 100'000'000);
}

TEST_CASE("Each feature switched off or on changes what it is about", "[sched_class][fair]") {
  const auto with = [](const char* feature) { return SetUp({{"features", Words{feature}}}); };
  SECTION("PLACE_DEADLINE_INITIAL: without it the first request is a whole one") {
    const ClassBenchSizes sizes;
    const auto fair = MakeFair(sizes, with("NO_PLACE_DEADLINE_INITIAL"));
    ClassBench bench(*fair, sizes);
    bench.Spawn(1, Normal());
    bench.Spawn(2, Normal());
    bench.To(7000);
    CHECK(bench.TakeLog() == "0 >1\n3000 >2\n6000 >1\n");
  }
  SECTION("PLACE_REL_DEADLINE: without it a moved task asks for a whole slice anew") {
    const ClassBenchSizes sizes{.cpus = 2, .ticks = false};
    const auto fair = MakeFair(sizes, with("NO_PLACE_REL_DEADLINE"));
    ClassBench bench(*fair, sizes);
    bench.Spawn(1, Normal(), 0);
    bench.Spawn(2, Normal(), 0);
    bench.Spawn(3, Normal(), 1);
    bench.To(1000);
    bench.Move(2, 1);
    // As in C21 at v = 0, with 3000 instead of the 1500 that were left.
    CHECK(bench.Field(2, "vruntime") == 0);
    CHECK(bench.Field(2, "deadline") == 3000);
  }
  SECTION("PLACE_LAG: without it C05's sleeper is owed nothing") {
    const ClassBenchSizes sizes;
    const auto fair = MakeFair(sizes, with("NO_PLACE_LAG"));
    ClassBench bench(*fair, sizes);
    bench.Spawn(1, Normal());
    bench.Spawn(2, Normal());
    bench.To(2500);
    bench.Block(2);
    bench.To(4800);
    bench.Wake(2);
    CHECK(bench.Field(2, "vruntime") == 4300);
    bench.To(6500);
    // Task 1 is protected until 5000; the tick of 6000 finds it at 5500.
    CHECK(bench.TakeLog() == "0 >1\n2000 >2\n2500 >1\n6000 >2\n");
  }
  SECTION("WAKEUP_PREEMPTION: without it C05's sleeper waits for the end of the slice") {
    const ClassBenchSizes sizes;
    const auto fair = MakeFair(sizes, with("NO_WAKEUP_PREEMPTION"));
    ClassBench bench(*fair, sizes);
    bench.Spawn(1, Normal());
    bench.Spawn(2, Normal());
    bench.To(2500);
    bench.Block(2);
    bench.To(4800);
    bench.Wake(2);
    bench.To(6500);
    CHECK(bench.TakeLog() == "0 >1\n2000 >2\n2500 >1\n6000 >2\n");
  }
  SECTION("NEXT_BUDDY: with it an eligible task that wakes beats protection") {
    // C07, where task 2 is protected until v = 1600 and both are at 1500.
    const bool pick = GENERATE(true, false);
    const ClassBenchSizes sizes;
    const auto fair = MakeFair(
        sizes,
        SetUp({{"features", pick ? Words{"NEXT_BUDDY"} : Words{"NEXT_BUDDY", "NO_PICK_BUDDY"}}}));
    ClassBench bench(*fair, sizes);
    bench.Spawn(1, Normal());
    bench.To(100);
    bench.Block(1);
    bench.To(200);
    bench.Spawn(2, Normal());
    bench.To(1600);
    bench.Wake(1);
    bench.To(2500);
    CHECK(bench.TakeLog() ==
          (pick ? "0 >1\n100 >0\n200 >2\n1600 >1\n" : "0 >1\n100 >0\n200 >2\n2000 >1\n"));
  }
}

// xorshift: the same numbers everywhere.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}
  int Below(int limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<int>(state_ % static_cast<uint64_t>(limit));
  }

 private:
  uint64_t state_;
};

// What happened to the tasks of a random world; a test that saw nothing has proven nothing.
struct Seen {
  int blocks = 0, delays = 0, wakes = 0, wakes_delayed = 0;
  int renices_running = 0, renices_queued = 0, renices_delayed = 0, moves = 0, yields = 0;
};

void RandomStep(ClassBench& bench, Numbers& numbers, int num_tasks, Seen& seen) {
  const int task = 1 + numbers.Below(num_tasks);
  const Task& t = bench.task(TaskId(task));
  const bool runs = bench.curr(t.cpu.value()) == task;
  const bool sleeps = t.state == TaskState::kInterruptible;
  switch (numbers.Below(5)) {
    case 0:
      if (!runs) break;
      bench.Block(task);
      ++seen.blocks;
      seen.delays += t.sched_delayed;
      break;
    case 1:
      if (!sleeps) break;
      (t.sched_delayed ? seen.wakes_delayed : seen.wakes) += 1;
      bench.Wake(task);
      break;
    case 2: {
      (runs              ? seen.renices_running
       : t.sched_delayed ? seen.renices_delayed
                         : seen.renices_queued) += t.on_rq;
      constexpr int64_t kSlices[] = {0, 0, 500, 6000};
      // One after the other: arguments are evaluated in no particular order.
      const auto nice = numbers.Below(40) - 20;
      bench.SetAttr(task, Normal(nice, kSlices[numbers.Below(4)]));
      break;
    }
    case 3:
      if (runs || !t.on_rq || t.sched_delayed) break;
      bench.Move(task, 1 - t.cpu.value());
      ++seen.moves;
      break;
    case 4:
      if (!runs) break;
      bench.Yield(task);
      ++seen.yields;
      break;
  }
}

TEST_CASE("In a random world no CPU idles while a task is awake, and nobody is forgotten",
          "[sched_class][fair][property]") {
  Seen seen;
  for (int seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    const int num_tasks = 2 + seed % 7;
    const ClassBenchSizes sizes{.cpus = 2, .tasks = num_tasks};
    const auto fair = MakeFair(sizes, SetUp({{"hrtick", seed % 2 == 0}}));
    ClassBench bench(*fair, sizes);
    Numbers numbers(static_cast<uint64_t>(seed));
    for (int task = 1; task <= num_tasks; ++task) bench.Spawn(task, Normal(), task % 2);
    int64_t now = 0;
    for (int step = 0; step < 400; ++step) {
      RandomStep(bench, numbers, num_tasks, seen);
      now += numbers.Below(900);
      bench.To(now);
      for (int c = 0; c < 2; ++c) {
        bool awake = false;
        for (int task = 1; task <= num_tasks; ++task) {
          const Task& t = bench.task(TaskId(task));
          awake = awake || (t.cpu == CpuId(c) && t.on_rq && !t.sched_delayed);
        }
        REQUIRE((bench.curr(c) != 0) == awake);
      }
    }
    // Left alone with equal weights, everybody who is awake gets on.
    for (int task = 1; task <= num_tasks; ++task) bench.SetAttr(task, Normal());
    std::vector<int64_t> before;
    for (int task = 1; task <= num_tasks; ++task) before.push_back(bench.Field(task, "vruntime"));
    bench.To(now + 2'000'000);
    for (int task = 1; task <= num_tasks; ++task) {
      const Task& t = bench.task(TaskId(task));
      if (t.state != TaskState::kRunning) continue;
      CHECK(bench.Field(task, "vruntime") - before[static_cast<std::size_t>(task) - 1] > 9000);
    }
  }
  CHECK(seen.blocks > 100);
  CHECK(seen.delays > 100);
  CHECK(seen.wakes > 100);
  CHECK(seen.wakes_delayed > 10);
  CHECK(seen.renices_running > 100);
  CHECK(seen.renices_queued > 100);
  CHECK(seen.renices_delayed > 10);
  CHECK(seen.moves > 100);
  CHECK(seen.yields > 100);
}

}  // namespace
}  // namespace rqsim
