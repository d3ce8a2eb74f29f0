// The reference class, driven hook by hook (classes.md 5.6).
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

SchedAttr Level(int priority) {
  SchedAttr attr = FixedPriority(priority);
  if (priority == 0) attr = Normal();
  return attr;
}

std::unique_ptr<SchedClass> MakeFifo(const ClassBenchSizes& sizes, int64_t slice = 0) {
  return MakeClass(kFifoClassInfo, MakeFifoClass, sizes, {{"slice", slice}});
}

TEST_CASE("Of one level, the first that came runs until it sleeps", "[sched_class][fifo]") {
  const ClassBenchSizes sizes;
  const auto fifo = MakeFifo(sizes);
  ClassBench bench(*fifo, sizes);
  bench.Spawn(1, Level(0));
  bench.Spawn(2, Level(0));
  bench.To(5000);
  bench.Block(1);
  bench.To(5100);
  bench.Wake(1);
  bench.To(9000);
  bench.Exit(2);
  CHECK(bench.TakeLog() == "0 >1\n5000 >2\n9000 >1\n");
}

TEST_CASE("Only a strictly more important task preempts, and the preempted one resumes first",
          "[sched_class][fifo]") {
  const ClassBenchSizes sizes;
  const auto fifo = MakeFifo(sizes);
  ClassBench bench(*fifo, sizes);
  bench.Spawn(1, Level(5));
  bench.To(10);
  bench.Spawn(2, Level(5));
  bench.To(20);
  bench.Spawn(3, Level(6));
  bench.To(30);
  bench.Exit(3);
  bench.To(40);
  bench.Exit(1);
  CHECK(bench.TakeLog() == "0 >1\n20 >3\n30 >1\n40 >2\n");
}

TEST_CASE("Yield goes to the tail of its level", "[sched_class][fifo]") {
  const ClassBenchSizes sizes;
  const auto fifo = MakeFifo(sizes);
  ClassBench bench(*fifo, sizes);
  bench.Spawn(1, Level(5));
  bench.Spawn(2, Level(5));
  bench.Spawn(3, Level(4));
  bench.To(10);
  bench.Yield(1);
  bench.To(20);
  bench.Yield(2);
  CHECK(bench.TakeLog() == "0 >1\n10 >2\n20 >1\n");
}

TEST_CASE("A turn lasts a slice from its beginning, while somebody of at least the level waits",
          "[sched_class][fifo]") {
  const ClassBenchSizes sizes;
  const auto fifo = MakeFifo(sizes, 100);
  ClassBench bench(*fifo, sizes);
  bench.Spawn(1, Level(5));
  bench.Settle();
  SECTION("company from the start: turns of 100") {
    bench.Spawn(2, Level(5));
    bench.To(350);
    CHECK(bench.TakeLog() == "0 >1\n100 >2\n200 >1\n300 >2\n");
  }
  SECTION("company in the middle of the turn: the turn ends at 100") {
    bench.To(30);
    bench.Spawn(2, Level(5));
    bench.To(150);
    CHECK(bench.TakeLog() == "0 >1\n100 >2\n");
  }
  SECTION("company after the turn is over: at once") {
    bench.To(130);
    bench.Spawn(2, Level(5));
    bench.To(240);
    CHECK(bench.TakeLog() == "0 >1\n130 >2\n230 >1\n");
  }
  SECTION("company that leaves before the end takes the limit with it") {
    bench.To(30);
    bench.Spawn(2, Level(5));
    bench.SetAttr(2, Level(4));
    bench.To(500);
    CHECK(bench.TakeLog() == "0 >1\n");
  }
  SECTION("weaker company does not count") {
    bench.Spawn(2, Level(4));
    bench.To(500);
    CHECK(bench.TakeLog() == "0 >1\n");
  }
}

TEST_CASE("A changed level goes by the rule of the real-time class", "[sched_class][fifo]") {
  const ClassBenchSizes sizes;
  const auto fifo = MakeFifo(sizes);
  ClassBench bench(*fifo, sizes);
  bench.Spawn(4, Level(30));
  bench.Settle();
  for (int task : {1, 2, 3}) bench.Spawn(task, Level(20));
  SECTION("weaker: head") {
    bench.SetAttr(3, Level(10));
    bench.SetAttr(1, Level(10));
    bench.Exit(4);
    bench.Exit(2);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >4\n0 >2\n0 >1\n0 >3\n");
  }
  SECTION("stronger: tail") {
    bench.SetAttr(3, Level(25));
    bench.SetAttr(1, Level(25));
    bench.Exit(4);
    bench.Exit(3);
    bench.Exit(1);
    CHECK(bench.TakeLog() == "0 >4\n0 >3\n0 >1\n0 >2\n");
  }
  SECTION("the donor back to the level of those who wait: it keeps the CPU") {
    bench.SetAttr(4, Level(20));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >4\n");
  }
  SECTION("the donor below them: it gives way, and comes first of its new level") {
    bench.SetAttr(4, Level(19));
    bench.Settle();
    CHECK(bench.TakeLog() == "0 >4\n0 >1\n");
  }
}

}  // namespace
}  // namespace rqsim
