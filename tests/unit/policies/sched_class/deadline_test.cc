// The deadline class, driven hook by hook. Ticks at multiples of 1000 where there are any.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/class_bench.h"

namespace rqsim {
namespace {

std::unique_ptr<SchedClass> MakeDeadline(const ClassBenchSizes& sizes, bool hrtick = false) {
  return MakeClass(kDeadlineClassInfo, MakeDeadlineClass, sizes,
                   {{"dl_scale", int64_t{0}},
                    {"dl_limits", false},
                    {"hrtick", hrtick},
                    {"hrtick_min", int64_t{0}},
                    {"hrtick_slop", int64_t{0}}});
}

TEST_CASE("A used up budget throttles until the next period", "[sched_class][deadline]") {
  const ClassBenchSizes sizes;
  SECTION("at once with the slice timer (C27)") {
    const auto deadline = MakeDeadline(sizes, true);
    ClassBench bench(*deadline, sizes);
    bench.Spawn(1, DeadlineOf(2000, 10000));
    bench.To(12001);
    CHECK(bench.TakeLog() == "0 >1\n2000 >0\n10000 >1\n12000 >0\n");
  }
  SECTION("at the tick without, and the debt is kept (C28)") {
    const auto deadline = MakeDeadline(sizes);
    ClassBench bench(*deadline, sizes);
    bench.Spawn(1, DeadlineOf(2500, 10000));
    bench.To(3500);
    CHECK(bench.Field(1, "dl.runtime") == -500);
    bench.To(10001);
    CHECK(bench.Field(1, "dl.runtime") == 2000);
    CHECK(bench.Field(1, "dl.deadline") == 20000);
    CHECK(bench.TakeLog() == "0 >1\n3000 >0\n10000 >1\n");
  }
}

TEST_CASE("The earlier deadline runs", "[sched_class][deadline]") {
  const ClassBenchSizes sizes;
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  bench.Spawn(1, DeadlineOf(3000, 10000));
  bench.To(500);
  bench.Spawn(2, DeadlineOf(2000, 5000));
  bench.To(600);
  bench.Spawn(3, DeadlineOf(1000, 4900));  // 5500 too: who runs keeps the CPU
  bench.To(1500);
  bench.Exit(2);
  bench.To(1800);
  bench.Exit(3);
  CHECK(bench.TakeLog() == "0 >1\n500 >2\n1500 >3\n1800 >1\n");
}

TEST_CASE("A yield gives the rest of the budget away", "[sched_class][deadline]") {
  const ClassBenchSizes sizes;
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  bench.Spawn(1, DeadlineOf(4000, 10000));
  bench.Spawn(2, DeadlineOf(5000, 20000));
  bench.To(1000);
  bench.Yield(1);
  bench.To(10001);
  CHECK(bench.Field(1, "dl.runtime") == 4000);
  CHECK(bench.Field(1, "dl.deadline") == 20000);
  // 2 has the same deadline, 20000, and was throttled at 6000; 1 is back first.
  CHECK(bench.TakeLog() == "0 >1\n1000 >2\n6000 >0\n10000 >1\n");
}

TEST_CASE("A preempted task goes to a CPU without deadline work", "[sched_class][deadline]") {
  const ClassBenchSizes sizes{.cpus = 2, .ticks = false};
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  bench.Spawn(1, DeadlineOf(5000, 10000));
  bench.To(1000);
  bench.Spawn(2, DeadlineOf(2000, 5000));
  bench.Settle();
  CHECK(bench.TakeLog() == "0 >1\n1000 >2\n1000 1:0-1\n1000 1 >1\n");
}

TEST_CASE("A replenished task moves on at once, the running one stays", "[sched_class][deadline]") {
  // 1 is throttled at 1000 on CPU 0. 2, bound there, runs when 1 comes back at 10000 with the
  // deadline 20000, which is earlier than 2's 30000: CPU 0 would reschedule, but 2 cannot go
  // elsewhere, so 1 is pushed to CPU 1.
  const ClassBenchSizes sizes{.cpus = 2};
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  bench.SetAllowed(2, CpuSet::Of(CpuId(0)));
  bench.Spawn(1, DeadlineOf(1000, 10000));
  bench.Spawn(2, DeadlineOf(20000, 30000));
  bench.To(10001);
  CHECK(bench.TakeLog() == "0 >1\n1000 >2\n10000 1:0-1\n10000 1 >1\n");
}

TEST_CASE("A throttled task makes its CPU pull", "[sched_class][deadline]") {
  const ClassBenchSizes sizes{.cpus = 2};
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  bench.SetAllowed(1, CpuSet::Of(CpuId(0)));
  bench.SetAllowed(2, CpuSet::Of(CpuId(1)));
  bench.Spawn(1, DeadlineOf(1000, 10000));
  bench.Spawn(2, DeadlineOf(9000, 10000), 1);
  bench.Settle();
  bench.Spawn(3, DeadlineOf(4000, 15000), 1);
  bench.To(1001);
  CHECK(bench.TakeLog() == "0 >1\n0 1 >2\n1000 3:1-0\n1000 >3\n");
}

TEST_CASE("What may be promised is limited", "[sched_class][deadline]") {
  const ClassBenchSizes sizes{.cpus = 2};
  const auto deadline = MakeDeadline(sizes);
  ClassBench bench(*deadline, sizes);
  CHECK(deadline->Admit(bench, TaskId(1), DeadlineOf(10, 5)) == kEINVAL);
  CHECK(deadline->Admit(bench, TaskId(1), DeadlineOf(6, 10)) == 0);
  CHECK(deadline->Admit(bench, TaskId(2), DeadlineOf(10, 10)) == 0);
  CHECK(deadline->Admit(bench, TaskId(3), DeadlineOf(5, 10)) == kEBUSY);
  CHECK(deadline->Admit(bench, TaskId(1), DeadlineOf(5, 10)) == 0);
  CHECK(deadline->Admit(bench, TaskId(3), DeadlineOf(5, 10)) == 0);
  bench.SetAllowed(4, CpuSet::Of(CpuId(0)));
  CHECK(deadline->Admit(bench, TaskId(4), DeadlineOf(1, 1000)) == kEPERM);
  CHECK(deadline->AdmitAffinity(bench, TaskId(3), CpuSet::Of(CpuId(0))) == kEBUSY);
  CHECK(deadline->AdmitAffinity(bench, TaskId(3), CpuSet::FirstN(2)) == 0);
}

}  // namespace
}  // namespace rqsim
