// Where a woken, forked or stranded task goes. The tables are machine.md 13, M14 to M16.
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/wordless_kernel.h"

namespace rqsim {
namespace {

using Given = std::vector<std::pair<std::string, ParamValue>>;

// A machine that stands still: CPUs that are idle or run one task each, and the task to place,
// number 1.
class Still final : public WordlessKernel {
 public:
  explicit Still(int cpus)
      : task_store_(2), cpu_store_(static_cast<std::size_t>(cpus)), request_store_(kMaxRequests) {
    tasks_ = task_store_;
    cpus_ = cpu_store_;
    requests_ = request_store_;
    online_ = active_ = facts_.possible = facts_.housekeeping = CpuSet::FirstN(cpus);
    p().cpus_allowed = online_;
    p().nr_cpus_allowed = cpus;
    for (int i = 0; i < cpus; ++i) {
      at(i).core = i;
      Busy(i);
    }
  }
  Task& p() { return task_store_[1]; }
  Cpu& at(int cpu) { return cpu_store_[static_cast<std::size_t>(cpu)]; }
  void Busy(int cpu, int tasks = 1) {
    at(cpu).curr = TaskId(100 + cpu);
    at(cpu).nr_running = tasks;
  }
  void Idle(int cpu) {
    at(cpu).curr = kIdleTask;
    at(cpu).nr_running = 0;
  }
  void SetPrev(int cpu) { p().cpu = p().wake_cpu = CpuId(cpu); }
  void SetActive(int cpu, bool active) {
    active ? active_.Add(CpuId(cpu)) : active_.Remove(CpuId(cpu));
  }
  void SetOnline(int cpu, bool on) { on ? online_.Add(CpuId(cpu)) : online_.Remove(CpuId(cpu)); }
  void SetHousekeeping(const char* cpus) { facts_.housekeeping = *CpuSet::Parse(cpus); }
  // The affinity that was asked for; "" if none was.
  std::string TakeAffinity() {
    std::string asked;
    for (int i = 0; i < std::exchange(num_requests_, 0); ++i) {
      const Request& request = request_store_[static_cast<std::size_t>(i)];
      REQUIRE(request.kind == Request::Kind::kSetAffinity);
      asked = request.cpus.ToString();
    }
    return asked;
  }

 private:
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<Request> request_store_;
};

std::unique_ptr<Placement> Make(std::string_view name, int cpus, const Given& given = {}) {
  Limits limits;
  limits.num_cpus = cpus;
  limits.num_tasks = 2;
  const bool prev = name == "prev";
  const PolicyParams params(prev ? kPrevPlacementInfo : kSimplePlacementInfo, given,
                            limits.clock_hz);
  auto made = prev ? MakePrevPlacement(params, limits) : MakeSimplePlacement(params, limits);
  REQUIRE(made.ok());
  return std::move(*made);
}

int Select(Placement& placement, Still& still, int waker, WakeFlags flags = WakeFlags::kNone) {
  return placement.SelectCpu(still, TaskId(1), CpuId(waker), flags).value();
}

TEST_CASE("M14: selection of the placement simple", "[placement][M14]") {
  struct Row {
    int waker;
    bool waker_idle;  // an interrupt on an idle CPU
    int prev;
    bool sync;
    std::vector<int> idle;
    int result;
  };
  const Row row = GENERATE(Row{0, false, 1, false, {1}, 1},    // 1c, 2
                           Row{0, false, 1, true, {}, 0},      // 1b, 7
                           Row{0, false, 1, false, {}, 1},     // 1c, 7
                           Row{0, false, 3, false, {2}, 2},    // 1c, 6: scan from 3+1 wraps to 2
                           Row{0, true, 3, false, {0, 3}, 3},  // 1c: another cache, 2
                           Row{0, true, 1, false, {0}, 0},     // 1a, 2
                           Row{0, false, 3, true, {1}, 1},     // 1b, 6: scan of {0,1}
                           Row{0, false, 3, false, {1}, 3});   // 1c, 7
  Still still(4);
  for (int cpu : {2, 3}) still.at(cpu).llc = 1;
  for (int cpu : row.idle) still.Idle(cpu);
  still.SetPrev(row.prev);
  const auto simple = Make("simple", 4);
  CHECK(Select(*simple, still, row.waker, row.sync ? WakeFlags::kSync : WakeFlags::kNone) ==
        row.result);
}

TEST_CASE("M15: selection with SMT prefers an idle core, then a sibling", "[placement][M15]") {
  Still still(4);
  for (int cpu = 0; cpu < 4; ++cpu) still.at(cpu).core = cpu % 2;
  still.SetPrev(0);
  const auto simple = Make("simple", 4);
  SECTION("a whole core is idle: scanned from 1") {
    for (int cpu : {2, 1, 3}) still.Idle(cpu);
    CHECK(Select(*simple, still, 0) == 1);
  }
  SECTION("none is: the sibling of prev") {
    still.Idle(2);
    CHECK(Select(*simple, still, 0) == 2);
  }
  SECTION("that one is busy: scanned from 1") {
    still.Idle(3);
    CHECK(Select(*simple, still, 0) == 3);
  }
}

TEST_CASE("M16: forked tasks spread over idle CPUs, then the least loaded", "[placement][M16]") {
  Still still(4);
  for (int cpu : {1, 2, 3}) still.Idle(cpu);
  still.SetPrev(0);
  const auto simple = Make("simple", 4);
  for (int expected : {1, 2, 3, 0}) {
    CHECK(Select(*simple, still, 0, WakeFlags::kFork) == expected);
    still.Busy(expected, still.at(expected).nr_running + 1);
  }
}

TEST_CASE("A task that executes anew stays where it is alone", "[placement]") {
  Still still(2);
  still.Idle(1);
  still.SetPrev(0);
  const auto simple = Make("simple", 2);
  CHECK(Select(*simple, still, 0, WakeFlags::kExec) == 0);
  still.Busy(0, 2);
  CHECK(Select(*simple, still, 0, WakeFlags::kExec) == 1);
}

TEST_CASE("A CPU with nothing but policy idle is free for other policies", "[placement]") {
  Still still(2);
  still.at(1).nr_idle_policy = 1;
  still.SetPrev(0);
  const auto simple = Make("simple", 2);
  SECTION("for a normal task") { CHECK(Select(*simple, still, 0) == 1); }
  SECTION("not for one of policy idle") {
    still.p().eff.policy = SchedPolicy::kIdle;
    CHECK(Select(*simple, still, 0) == 0);
  }
}

TEST_CASE("A sync wake-up counts a waker that is alone but for sleepers", "[placement]") {
  Still still(2);
  still.SetPrev(1);
  const auto simple = Make("simple", 2);
  still.Busy(0, 2);
  CHECK(Select(*simple, still, 0, WakeFlags::kSync) == 1);
  still.at(0).nr_delayed = 1;
  CHECK(Select(*simple, still, 0, WakeFlags::kSync) == 0);
}

TEST_CASE("The CPU used before the previous one is tried, if it shares the cache", "[placement]") {
  Still still(4);
  const auto simple = Make("simple", 4);
  still.SetPrev(3);
  CHECK(Select(*simple, still, 0) == 3);  // all busy; from now on 3 is the recent one
  still.SetPrev(1);
  for (int cpu : {2, 3}) still.Idle(cpu);
  // Without the memory the scan from 1+1 would find 2.
  CHECK(Select(*simple, still, 0) == 3);
}

TEST_CASE("The placement prev returns to the CPU of the last placement", "[placement]") {
  Still still(4);
  for (int cpu : {0, 1, 2, 3}) still.Idle(cpu);
  const auto prev = Make("prev", 4);
  still.SetPrev(2);
  CHECK(Select(*prev, still, 0) == 2);
  CHECK(Select(*prev, still, 0, WakeFlags::kFork) == 2);
  CHECK(Select(*prev, still, 0, WakeFlags::kCurrentCpu) == 0);
  still.p().cpu = CpuId(3);  // its context was moved: the last placement counts
  CHECK(Select(*prev, still, 0) == 2);
  still.p().cpus_allowed = *CpuSet::Parse("1,3");
  CHECK(Select(*prev, still, 0) == 1);
}

TEST_CASE("Fallback goes by node, then affinity, then housekeeping", "[placement][fallback]") {
  Still still(4);
  for (int cpu : {2, 3}) still.at(cpu).node = 1;
  const auto prev = Make("prev", 4);
  const auto fallback = [&] { return prev->FallbackCpu(still, CpuId(3), TaskId(1)).value(); };
  SECTION("a CPU of the node") {
    still.SetActive(3, false);
    CHECK(fallback() == 2);
    CHECK(still.TakeAffinity().empty());
  }
  SECTION("one of another node") {
    still.SetActive(2, false);
    still.SetActive(3, false);
    CHECK(fallback() == 0);
    CHECK(still.TakeAffinity().empty());
  }
  SECTION("none allowed is left") {
    still.p().cpus_allowed = *CpuSet::Parse("3");
    still.SetActive(3, false);
    still.SetHousekeeping("1-2");
    CHECK(fallback() == 1);
    CHECK(still.TakeAffinity() == "1-2");
  }
  SECTION("a kernel thread may use a CPU that is online only, but not the one that goes down") {
    still.p().is_kthread = true;
    still.SetActive(2, false);
    still.SetActive(3, false);
    CHECK(fallback() == 2);
  }
  SECTION("a task that must not migrate stays while its CPU is online") {
    still.p().migration_disabled = 1;
    still.p().cpus_allowed = *CpuSet::Parse("3");
    still.SetActive(3, false);
    CHECK(fallback() == 3);
    CHECK(still.TakeAffinity().empty());
  }
}

TEST_CASE("What is not modelled is said", "[placement]") {
  Limits limits;
  limits.num_cpus = 1;
  limits.num_tasks = 2;
  const Given given = GENERATE(Given{{"balance", std::string("simple")}},
                               Given{{"kthread", std::string("preferred")}});
  const PolicyParams params(kPrevPlacementInfo, given, limits.clock_hz);
  CHECK(MakePrevPlacement(params, limits).status().code() == absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace rqsim
