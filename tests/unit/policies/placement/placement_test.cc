// Where a woken, forked or stranded task goes. The tables are machine.md 13, M14 to M16.
#include <absl/status/statusor.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/placement/parts.h"
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
      : task_store_(kTasks),
        cpu_store_(static_cast<std::size_t>(cpus)),
        request_store_(kMaxRequests),
        task_load_store_(kTasks),
        runqueue_load_store_(cpu_store_.size()) {
    task_loads_ = task_load_store_;
    runqueue_loads_ = runqueue_load_store_;
    tasks_ = task_store_;
    cpus_ = cpu_store_;
    requests_ = request_store_;
    online_ = active_ = facts_.possible = housekeeping_ = CpuSet::FirstN(cpus);
    for (Task& task : task_store_) {
      task.cpus_allowed = online_;
      task.nr_cpus_allowed = cpus;
      task.cpu = task.wake_cpu = CpuId(0);
    }
    for (int i = 0; i < cpus; ++i) {
      at(i).core = i;
      Busy(i);
    }
  }
  static constexpr int kTasks = 164;
  Task& p() { return task_store_[1]; }
  // What runs on that CPU when it is busy.
  Task& running(int cpu) { return task_store_[static_cast<std::size_t>(100 + cpu)]; }
  LoadAvg& load_of(int task) { return task_load_store_[static_cast<std::size_t>(task)]; }
  RunqueueLoad& load_on(int cpu) { return runqueue_load_store_[static_cast<std::size_t>(cpu)]; }
  void SetNow(int64_t t) { now_ = Time(t); }
  void SetDistances(std::vector<std::vector<int>> distances) { distances_ = std::move(distances); }
  // The domains of what the CPUs say of themselves.
  void BuildTopology() {
    std::vector<CpuPlace> places;
    for (const Cpu& cpu : cpu_store_) {
      places.push_back({cpu.core, 1000 + cpu.core, cpu.llc, cpu.node, cpu.capacity});
    }
    topology_.Build(places, active_, distances_);
  }
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
  void SetHousekeeping(const char* cpus) { housekeeping_ = *CpuSet::Parse(cpus); }
  // The affinity that was asked for; "" if none was.
  std::string TakeAffinity() {
    std::string asked;
    for (int i = 0; i < std::exchange(num_requests_, 0); ++i) {
      const Request& request = request_store_[static_cast<std::size_t>(i)];
      REQUIRE(request.kind == Request::Kind::kForceAffinity);
      asked = request.cpus.ToString();
    }
    return asked;
  }

 private:
  std::vector<Task> task_store_;
  std::vector<Cpu> cpu_store_;
  std::vector<Request> request_store_;
  std::vector<LoadAvg> task_load_store_;
  std::vector<RunqueueLoad> runqueue_load_store_;
  std::vector<std::vector<int>> distances_;
};

std::unique_ptr<Placement> Make(std::string_view name, int cpus, const Given& given = {}) {
  Limits limits;
  limits.num_cpus = cpus;
  limits.num_tasks = Still::kTasks;
  limits.tick = Cycles(1'000'000);
  const auto keep = [](absl::StatusOr<std::unique_ptr<Placement>> made) {
    REQUIRE(made.ok());
    return std::move(*made);
  };
  if (name == "prev") {
    return keep(MakePrevPlacement(PolicyParams(kPrevPlacementInfo, given, 1'000'000'000), limits));
  }
  if (name == "simple") {
    return keep(
        MakeSimplePlacement(PolicyParams(kSimplePlacementInfo, given, 1'000'000'000), limits));
  }
  return keep(
      MakeFaithfulPlacement(PolicyParams(kFaithfulPlacementInfo, given, 1'000'000'000), limits));
}

// The placement faithful with one replacement only.
std::unique_ptr<Placement> MakeWith(std::string_view replacement, int cpus) {
  Given given;
  for (const char* name : {"wake_wide", "affine_domain", "wake_weight", "idle_scan",
                           "kthread_stack", "idlest_group"}) {
    given.emplace_back(name, name == replacement);
  }
  return Make("faithful", cpus, given);
}

int Select(Placement& placement, Still& still, int waker, WakeFlags flags = WakeFlags::kNone) {
  still.BuildTopology();
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
    still.at(3).dying = true;
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

// --- machine.md 6.3: each replacement by itself; the same question without any -------------------

TEST_CASE("Wake-ups among tasks that wake many others are not affine", "[placement]") {
  // Two CPUs of one cache. On CPU 0 a task wakes p synchronously, which is affine.
  Still still(2);
  still.SetPrev(1);
  const auto simple = Make("simple", 2);
  const auto wide = MakeWith("wake_wide", 2);
  CHECK(Select(*simple, still, 0, WakeFlags::kSync) == 0);
  // p (task 1) runs on CPU 1 and wakes two others in turn: two flips.
  still.at(1).curr = TaskId(1);
  for (int other : {2, 3}) wide->SelectCpu(still, TaskId(other), CpuId(1), WakeFlags::kNone);
  // The waker has flips 1: min(1, 2) < 2 CPUs.
  CHECK(Select(*wide, still, 0, WakeFlags::kSync) == 0);
  // It wakes others too, up to four flips: min(4, 2) >= 2 and 4 >= 2 * 2.
  for (int other : {2, 3, 1}) {
    wide->SelectCpu(still, TaskId(other), CpuId(0), WakeFlags::kNone);
  }
  CHECK(Select(*wide, still, 0, WakeFlags::kSync) == 1);
  // Halved after a second, and the same wakee as before: 2 < 2 * 2.
  still.SetNow(1'000'000'001);
  CHECK(Select(*wide, still, 0, WakeFlags::kSync) == 0);
}

TEST_CASE("An affine wake-up needs a domain with both CPUs", "[placement]") {
  // Two nodes too far apart for it.
  Still still(2);
  still.at(1).node = still.at(1).llc = 1;
  still.SetDistances({{10, 40}, {40, 10}});
  still.SetPrev(1);
  CHECK(Select(*Make("simple", 2), still, 0, WakeFlags::kSync) == 0);
  CHECK(Select(*MakeWith("affine_domain", 2), still, 0, WakeFlags::kSync) == 1);
  still.SetDistances({{10, 20}, {20, 10}});
  CHECK(Select(*MakeWith("affine_domain", 2), still, 0, WakeFlags::kSync) == 0);
}

TEST_CASE("The less loaded of waker and previous CPU is the target", "[placement]") {
  // Both busy. T = (1000 + 200) * 100 * 1024, P = (load - 200) * (100 + 17 / 2) * 1024: the waker's
  // CPU wins if 120000 < (load - 200) * 108, that is from a load of 1312 on.
  Still still(2);
  still.SetPrev(1);
  still.load_of(1).load_avg = 200;
  still.load_on(0).fair.load_avg = 1000;
  const auto weighs = MakeWith("wake_weight", 2);
  still.load_on(1).fair.load_avg = 1311;
  CHECK(Select(*weighs, still, 0) == 1);
  still.load_on(1).fair.load_avg = 1312;
  CHECK(Select(*weighs, still, 0) == 0);
  CHECK(Select(*Make("simple", 2), still, 0) == 1);
  SECTION("a synchronous waker's own load does not count") {
    // Two tasks on CPU 0, so rule 1b is out. here = 1000 - 900 + 200 = 300: 30000 < 400 * 108.
    still.at(0).nr_running = 2;
    still.load_of(100).load_avg = 900;
    still.load_on(1).fair.load_avg = 600;
    CHECK(Select(*weighs, still, 0) == 1);
    CHECK(Select(*weighs, still, 0, WakeFlags::kSync) == 0);
  }
}

TEST_CASE("What a per-CPU kernel thread wakes may stay with it", "[placement]") {
  Still still(2);
  still.Idle(1);
  still.SetPrev(0);
  still.running(0).per_cpu_kthread = true;
  CHECK(Select(*Make("simple", 2), still, 0) == 1);
  const auto stacks = MakeWith("kthread_stack", 2);
  CHECK(Select(*stacks, still, 0, WakeFlags::kInTask) == 0);
  CHECK(Select(*stacks, still, 0) == 1);  // an interrupt that met the thread
  still.at(0).nr_running = 2;
  CHECK(Select(*stacks, still, 0, WakeFlags::kInTask) == 1);
}

TEST_CASE("A fork goes to the idlest group, then to its idlest CPU", "[placement]") {
  // Two caches of two CPUs. The parent is on CPU 0; CPU 1 is idle, and so is the whole other cache.
  Still still(4);
  for (int cpu : {2, 3}) still.at(cpu).llc = 1;
  for (int cpu : {1, 2, 3}) still.Idle(cpu);
  still.SetPrev(0);
  CHECK(Select(*Make("simple", 4), still, 0, WakeFlags::kFork) == 1);
  const auto idlest = MakeWith("idlest_group", 4);
  CHECK(Select(*idlest, still, 0, WakeFlags::kFork) == 2);
  SECTION("of equal ones that which fell idle last") {
    still.at(3).idle_since = Time(5);
    CHECK(Select(*idlest, still, 0, WakeFlags::kFork) == 3);
  }
  SECTION("it stays where as many are idle") {
    still.Busy(3);
    CHECK(Select(*idlest, still, 0, WakeFlags::kFork) == 1);
  }
}

TEST_CASE("M23: which capacities fit and which are noticeably greater", "[placement][M23]") {
  CHECK(FitsCapacity(409, 512));
  CHECK_FALSE(FitsCapacity(410, 512));
  CHECK_FALSE(IsCapacityGreater(1024, 973));
  CHECK(IsCapacityGreater(1024, 972));
}

TEST_CASE("Where CPUs differ in size the task must fit", "[placement]") {
  // CPUs 0 and 1 of 512, CPUs 2 and 3 of 1024, one cache.
  Still still(4);
  for (int cpu : {0, 1}) still.at(cpu).capacity = 512;
  for (int cpu : {1, 2, 3}) still.Idle(cpu);
  still.SetPrev(1);
  const auto simple = Make("simple", 4);
  still.load_of(1).util_avg = 409;
  CHECK(Select(*simple, still, 0) == 1);  // rule 2
  still.load_of(1).util_avg = 410;
  CHECK(Select(*simple, still, 0) == 2);  // the first from 1 on that fits
  for (int cpu : {2, 3}) still.Busy(cpu);
  CHECK(Select(*simple, still, 0) == 1);  // too small, but the largest that is idle
}

}  // namespace
}  // namespace rqsim
