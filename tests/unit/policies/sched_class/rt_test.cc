// The real-time class, driven hook by hook. Ticks at multiples of 1000.
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

SchedAttr Rr(int priority) { return FixedPriority(priority, SchedPolicy::kRr); }

std::unique_ptr<SchedClass> MakeRt(const ClassBenchSizes& sizes, int64_t ticks = 0) {
  return MakeClass(kRtClassInfo, MakeRtClass, sizes, {{"rr_timeslice_ticks", ticks}});
}

TEST_CASE("A preempted task resumes before others of its priority", "[sched_class][rt]") {
  // C22.
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes);
  ClassBench bench(*rt, sizes);
  bench.Spawn(1, FixedPriority(10));
  bench.To(200);
  bench.Spawn(2, FixedPriority(10));
  bench.To(500);
  bench.Spawn(3, FixedPriority(20));
  bench.To(1500);
  bench.Exit(3);
  bench.To(4000);
  bench.Exit(1);
  bench.To(5000);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n500 >3\n1500 >1\n4000 >2\n5000 >0\n");
}

TEST_CASE("RR tasks of one priority take turns of a quantum", "[sched_class][rt]") {
  // C23: a quantum of 2 ticks.
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes, 2);
  ClassBench bench(*rt, sizes);
  bench.Spawn(1, Rr(10));
  bench.Spawn(2, Rr(10));
  bench.To(9000);
  bench.Exit(1);
  bench.To(10000);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n2000 >2\n4000 >1\n6000 >2\n8000 >1\n9000 >2\n10000 >0\n");
}

TEST_CASE("What is left of a quantum survives preemption", "[sched_class][rt]") {
  // C24: a quantum of 3 ticks; the stronger task runs over the tick of 2000.
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes, 3);
  ClassBench bench(*rt, sizes);
  bench.Spawn(1, Rr(10));
  bench.Spawn(2, Rr(10));
  bench.To(1500);
  bench.Spawn(3, FixedPriority(50));
  bench.To(3000);
  bench.Exit(3);
  bench.To(13000);
  bench.Exit(2);
  bench.To(13500);
  bench.Exit(1);
  CHECK(bench.TakeLog() ==
        "0 >1\n1500 >3\n3000 >1\n4000 >2\n7000 >1\n10000 >2\n13000 >1\n13500 >0\n");
}

TEST_CASE("An RR task alone keeps the CPU, FIFO has no quantum", "[sched_class][rt]") {
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes, 2);
  ClassBench bench(*rt, sizes);
  SECTION("RR alone in its list") {
    bench.Spawn(1, Rr(10));
    bench.Spawn(2, Rr(9));
    bench.To(9000);
    CHECK(bench.TakeLog() == "0 >1\n");
    // Tick 8 has given it a new quantum.
    CHECK(bench.Field(1, "ticks_left") == 2);
  }
  SECTION("FIFO") {
    bench.Spawn(1, FixedPriority(10));
    bench.Spawn(2, FixedPriority(10));
    bench.To(9000);
    CHECK(bench.TakeLog() == "0 >1\n");
  }
}

TEST_CASE("Yield goes behind tasks of the same priority", "[sched_class][rt]") {
  // C25.
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes);
  ClassBench bench(*rt, sizes);
  bench.Spawn(1, FixedPriority(10));
  bench.Spawn(2, FixedPriority(10));
  bench.To(500);
  bench.Yield(1);
  bench.To(1200);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n500 >2\n1200 >1\n");
}

TEST_CASE("Made weaker goes to the head of its new list, stronger to the tail, equal stays",
          "[sched_class][rt]") {
  // C37: 1 to 3 wait behind 4.
  const ClassBenchSizes sizes;
  const auto rt = MakeRt(sizes);
  ClassBench bench(*rt, sizes);
  bench.Spawn(4, FixedPriority(30));
  bench.Settle();
  for (int task : {1, 2, 3}) bench.Spawn(task, FixedPriority(20));
  SECTION("weaker") {
    bench.SetAttr(3, FixedPriority(10));
    bench.SetAttr(1, FixedPriority(10));
    bench.Exit(4);
    bench.Exit(2);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >4\n0 >2\n0 >1\n0 >3\n");
  }
  SECTION("stronger") {
    bench.SetAttr(3, FixedPriority(25));
    bench.SetAttr(1, FixedPriority(25));
    bench.Exit(4);
    bench.Exit(3);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >4\n0 >3\n0 >1\n0 >2\n");
  }
  SECTION("equal, FIFO to RR") {
    bench.SetAttr(1, Rr(20));
    bench.Exit(4);
    CHECK(bench.TakeLog() == "0 >4\n0 >1\n");
  }
  SECTION("a waiting task made stronger than the running one preempts") {
    bench.SetAttr(2, FixedPriority(31));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >4\n0 >2\n");
  }
  SECTION("a running task made weaker than a waiting one gives way") {
    bench.SetAttr(4, FixedPriority(20));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >4\n");
    bench.SetAttr(4, FixedPriority(19));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n");
  }
}

TEST_CASE("A woken task of equal priority goes first if only the running one could go elsewhere",
          "[sched_class][rt]") {
  // CPU 1 runs nothing, so whoever may go there could.
  const ClassBenchSizes sizes{.cpus = 2};
  const auto rt = MakeRt(sizes);
  ClassBench bench(*rt, sizes);
  const CpuSet here = CpuSet::Of(CpuId(0));
  SECTION("the woken one is bound: it goes first, and the other is pushed away") {
    bench.SetAllowed(2, here);
    bench.Spawn(1, FixedPriority(10));
    bench.To(100);
    bench.Spawn(2, FixedPriority(10));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n100 >2\n100 1:0-1\n100 1 >1\n");
  }
  SECTION("both are free: it is pushed itself") {
    bench.Spawn(1, FixedPriority(10));
    bench.To(100);
    bench.Spawn(2, FixedPriority(10));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n100 2:0-1\n100 1 >2\n");
  }
  SECTION("both are bound: it waits") {
    bench.SetAllowed(1, here);
    bench.SetAllowed(2, here);
    bench.Spawn(1, FixedPriority(10));
    bench.To(100);
    bench.Spawn(2, FixedPriority(10));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n");
  }
  SECTION("CPU 1 runs something as strong: there is nowhere to go") {
    bench.SetAllowed(2, here);
    bench.Spawn(3, FixedPriority(10), 1);
    bench.Spawn(1, FixedPriority(10));
    bench.To(100);
    bench.Spawn(2, FixedPriority(10));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >1\n0 1 >3\n");
  }
}

TEST_CASE("The default quantum is 100 ms", "[sched_class][rt]") {
  // 100 * HZ / 1000 ticks: 25 with a tick of 4 ms, 100 with 1 ms.
  const auto [tick, ticks] = GENERATE(std::pair{4'000'000, 25}, std::pair{1'000'000, 100});
  const ClassBenchSizes sizes{.tick = tick};
  const auto rt = MakeRt(sizes);
  ClassBench bench(*rt, sizes);
  CHECK(bench.Field(1, "ticks_left") == ticks);
}

}  // namespace
}  // namespace rqsim
