// How real-time tasks spread over CPUs, driven hook by hook. No ticks.
#include <memory>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/class_bench.h"

namespace rqsim {
namespace {

const ClassBenchSizes kTwo{.cpus = 2, .tasks = 5, .ticks = false};
const ClassBenchSizes kFour{.cpus = 4, .tasks = 8, .ticks = false};

std::unique_ptr<SchedClass> MakeRt(const ClassBenchSizes& sizes) {
  return MakeClass(kRtClassInfo, MakeRtClass, sizes);
}

TEST_CASE("A preempted task is pushed to the CPU with the weakest work", "[sched_class][rt]") {
  // The beginning of the recording smp-rt-push: 10, 20, 30 and 40 come to CPU 0 one after another.
  const auto rt = MakeRt(kTwo);
  ClassBench bench(*rt, kTwo);
  bench.Spawn(1, FixedPriority(10));
  bench.To(300);
  bench.Spawn(2, FixedPriority(20));
  bench.To(600);
  bench.Spawn(3, FixedPriority(30));
  bench.To(900);
  bench.Spawn(4, FixedPriority(40));
  bench.Settle();
  CHECK(bench.TakeLog() ==
        "0 >1\n300 >2\n300 1:0-1\n300 1 >1\n600 >3\n600 2:0-1\n600 1 >2\n900 >4\n900 3:0-1\n"
        "900 1 >3\n");
  // 30 sleeps: 20 goes on; 40 sleeps: CPU 0 pulls 10.
  bench.To(3600);
  bench.Block(3);
  bench.To(3900);
  bench.Block(4);
  CHECK(bench.TakeLog() == "3600 1 >2\n3900 1:1-0\n3900 >1\n");
}

TEST_CASE("A woken task that would wait is placed where the weakest work is", "[sched_class][rt]") {
  // C38.
  const auto rt = MakeRt(kTwo);
  ClassBench bench(*rt, kTwo);
  bench.Spawn(3, FixedPriority(40));
  bench.Settle();
  bench.Block(3);
  bench.Spawn(1, FixedPriority(50));
  bench.Spawn(2, FixedPriority(10), 1);
  bench.Settle();
  bench.TakeLog();
  bench.To(100);
  SECTION("CPU 1 runs 10, weaker than 40") {
    bench.Wake(3);
    bench.Settle();
    CHECK(bench.TakeLog() == "100 1 >3\n");
  }
  SECTION("a stronger one stays, and preempts") {
    bench.SetAttr(3, FixedPriority(60));
    bench.Wake(3);
    bench.Settle();
    // 50 is then pushed to CPU 1, where 10 runs.
    CHECK(bench.TakeLog() == "100 >3\n100 1:0-1\n100 1 >1\n");
  }
  SECTION("bound to CPU 0, it waits") {
    bench.SetAllowed(3, CpuSet::Of(CpuId(0)));
    bench.Wake(3);
    bench.Settle();
    CHECK(bench.TakeLog().empty());
  }
}

TEST_CASE("Of the weakest CPUs the task's own comes first, then the executing, then any",
          "[sched_class][rt]") {
  // CPUs 2 and 3 are free; 0 runs 50, 1 runs 40.
  const auto rt = MakeRt(kFour);
  ClassBench bench(*rt, kFour);
  bench.Spawn(1, FixedPriority(50));
  bench.Spawn(2, FixedPriority(40), 1);
  bench.Settle();
  bench.TakeLog();
  SECTION("pushed from CPU 0: the lowest of the two") {
    bench.Spawn(3, FixedPriority(30));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 3:0-2\n0 2 >3\n");
  }
  SECTION("what may not go there goes to the other") {
    CpuSet cpus = CpuSet::Of(CpuId(0));
    cpus.Add(CpuId(3));
    bench.SetAllowed(3, cpus);
    bench.Spawn(3, FixedPriority(30));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 3:0-3\n0 3 >3\n");
  }
}

TEST_CASE("A CPU that runs out of work pulls the strongest waiting tasks", "[sched_class][rt]") {
  // All CPUs run 50; 10 waits on CPU 1, 30 on 2, 20 on 3.
  const auto rt = MakeRt(kFour);
  ClassBench bench(*rt, kFour);
  for (int cpu = 0; cpu < 4; ++cpu) bench.Spawn(cpu + 1, FixedPriority(50), cpu);
  bench.Settle();
  bench.Spawn(5, FixedPriority(10), 1);
  bench.Spawn(6, FixedPriority(30), 2);
  bench.Spawn(7, FixedPriority(20), 3);
  bench.Settle();
  bench.TakeLog();
  bench.To(100);
  bench.Block(1);
  // From CPU 1 first 10, then from 2 the stronger 30; 20 is weaker than that.
  CHECK(bench.TakeLog() == "100 5:1-0\n100 6:2-0\n100 >6\n");
}

TEST_CASE("A running task made weaker lets a stronger one in from elsewhere", "[sched_class][rt]") {
  const auto rt = MakeRt(kTwo);
  ClassBench bench(*rt, kTwo);
  bench.Spawn(1, FixedPriority(30));
  bench.Spawn(2, FixedPriority(25), 1);
  bench.Settle();
  bench.Spawn(3, FixedPriority(20), 1);
  bench.Settle();
  bench.TakeLog();
  bench.To(200);
  bench.SetAttr(1, FixedPriority(10));
  bench.Settle();
  CHECK(bench.TakeLog() == "200 3:1-0\n200 >3\n");
}

TEST_CASE("A bound task of equal priority goes first and the running one is pushed away",
          "[sched_class][rt]") {
  const auto rt = MakeRt(kTwo);
  ClassBench bench(*rt, kTwo);
  bench.SetAllowed(2, CpuSet::Of(CpuId(0)));
  bench.Spawn(1, FixedPriority(10));
  bench.To(100);
  bench.Spawn(2, FixedPriority(10));
  bench.Settle();
  CHECK(bench.TakeLog() == "0 >1\n100 >2\n100 1:0-1\n100 1 >1\n");
}

}  // namespace
}  // namespace rqsim
