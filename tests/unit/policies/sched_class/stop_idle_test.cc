// The strongest and the weakest class.
#include <absl/status/statusor.h>

#include <memory>
#include <string>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/class_bench.h"

namespace rqsim {
namespace {

TEST_CASE("A stop task runs while it has work", "[sched_class][stop]") {
  const ClassBenchSizes sizes{.cpus = 2};
  const auto stop = MakeClass(kStopClassInfo, MakeStopClass, sizes);
  ClassBench bench(*stop, sizes);
  SchedAttr attr;
  attr.policy = SchedPolicy::kStop;
  bench.Spawn(1, attr, 0);
  bench.Spawn(2, attr, 1);
  bench.To(100);
  bench.Block(1);
  bench.To(5000);
  CHECK(bench.curr(1) == 2);
  bench.Wake(1);
  bench.Settle();
  CHECK(bench.TakeLog() == "0 >1\n0 1 >2\n100 >0\n5000 >1\n");
}

TEST_CASE("The idle class always has its task, and asks for a reschedule when anything wakes",
          "[sched_class][idle]") {
  const ClassBenchSizes sizes;
  const auto idle = MakeClass(kIdleClassInfo, MakeIdleClass, sizes);
  const auto stop = MakeClass(kStopClassInfo, MakeStopClass, sizes);
  ClassBench bench(*stop, sizes);
  const PickResult pick = idle->Pick(bench, CpuId(0));
  CHECK(pick.kind == PickResult::Kind::kRunTask);
  CHECK(pick.task == kIdleTask);
}

}  // namespace
}  // namespace rqsim
