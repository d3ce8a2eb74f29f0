#include "rqsim/compare.h"

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// The shape of Pathfinder on one CPU: L (priority 10) takes A at 0, H (30) wants it at 2, M (20)
// arrives at 3 and needs 4, L still needs 2 of A at 2. Worked by hand:
//   mutex  [0,2)L  [2,3)L  [3,7)M  [7,8)L  [8,9)H      H switches in at 2 and out again at once
//   pi     [0,2)L  [2,4)L  [4,5)H  [5,9)M
// They part at 2, when H raises L; what the CPU does parts at 3.
FakeRun Fake() {
  FakeRun fake;
  fake.tasks = {"L", "M", "H"};
  fake.locks = {"A"};
  return fake;
}

struct Run {
  explicit Run(const char* policy) : recording(ComparedEvents()), feed(Fake()) {
    result.policy = policy;
    result.task_names = {"idle", "L", "M", "H"};
    result.cpus.resize(1);
    result.cpus[0].id = CpuId(0);
    for (const char* name : {"L", "M", "H"}) {
      result.tasks.emplace_back();
      result.tasks.back().name = name;
    }
    feed.To(recording);
  }
  void Cell(int64_t start, int64_t end, const char* task) {
    TimelineCell cell;
    cell.cpu = CpuId(0);
    cell.start = Time(start);
    cell.end = Time(end);
    cell.curr = cell.donor = feed.Task(task);
    cell.kind = cell.curr == kIdleTask ? TimelineCell::Kind::kIdle : TimelineCell::Kind::kTask;
    result.timeline.push_back(cell);
  }
  void Until2() {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.At(0, 0, MutexAcquire{LockId(0), feed.Task("L"), AcquirePath::kFast});
    feed.Switch(2, 0, "L", 'R', "H");
    feed.At(2, 0, MutexWait{LockId(0), feed.Task("H"), MutexQueue::kWaitList, 1, 0});
  }
  void End(int64_t t, int64_t finish_of_h) {
    result.end = Time(t);
    result.tasks[2].finish = Time(finish_of_h);
    feed.End(t);
  }

  Result result;
  Recording recording;
  EventFeed feed;
};

struct Mutex : Run {
  Mutex() : Run("mutex") {
    Until2();
    feed.Switch(2, 0, "H", 'D', "L");
    feed.Switch(3, 0, "L", 'R', "M");
    feed.Switch(7, 0, "M", 'X', "L");
    feed.Switch(8, 0, "L", 'X', "H");
    for (const auto& [start, end, task] :
         {std::tuple{0, 3, "L"}, {3, 7, "M"}, {7, 8, "L"}, {8, 9, "H"}}) {
      Cell(start, end, task);
    }
    result.tasks[2].deadline_misses = 1;
    End(9, 9);
  }
};

struct Pi : Run {
  Pi() : Run("pi") {
    Until2();
    SchedPiSetprio boost;
    boost.pid = feed.Task("L");
    boost.pi_task = feed.Task("H");
    boost.oldprio = 89;
    boost.newprio = 69;
    feed.At(2, 0, boost);
    feed.Switch(2, 0, "H", 'D', "L");
    feed.Switch(4, 0, "L", 'R', "H");
    feed.Switch(5, 0, "H", 'X', "M");
    for (const auto& [start, end, task] : {std::tuple{0, 4, "L"}, {4, 5, "H"}, {5, 9, "M"}}) {
      Cell(start, end, task);
    }
    End(9, 5);
  }
};

const ComparedMetric& Metric(const ComparedThing& thing, std::string_view name) {
  for (const ComparedMetric& metric : thing.metrics) {
    if (metric.name == name) return metric;
  }
  FAIL("no metric " << name);
  return thing.metrics.front();
}

TEST_CASE("Two runs part at the decision that only one of them made", "[compare]") {
  Mutex mutex;
  Pi pi;
  const Comparison comparison =
      CompareRuns({}, {mutex.result, pi.result}, {&mutex.recording, &pi.recording});
  REQUIRE(comparison.against.size() == 1);
  const SetComparison& set = comparison.against[0];
  CHECK(set.policy == "pi");
  CHECK(comparison.differs());
  REQUIRE(set.divergence);
  CHECK(set.divergence->at == Time(2));
  CHECK(set.divergence->cause ==
        "H raised L to priority 30 under pi; under mutex nobody was raised");
  CHECK(set.divergence->common.size() == 3);
}

TEST_CASE("The cycles in which a CPU did something else are counted", "[compare]") {
  Mutex mutex;
  Pi pi;
  const Comparison comparison =
      CompareRuns({}, {mutex.result, pi.result}, {&mutex.recording, &pi.recording});
  const SetComparison& set = comparison.against[0];
  CHECK_FALSE(set.same_schedule);
  REQUIRE(set.cpus.size() == 1);
  // mutex L L L M M M M L H against pi L L L L H M M M M: 3, 4, 7 and 8 differ.
  CHECK(set.cpus[0].cycles == Cycles(4));
  CHECK(set.cpus[0].spans == std::vector<TimeSpan>{{Time(3), Time(5)}, {Time(7), Time(9)}});
  CHECK(set.differing == TimeSpan{Time(3), Time(9)});
}

TEST_CASE("Metrics stand side by side, a deadline missed is a remark", "[compare]") {
  Mutex mutex;
  Pi pi;
  const Comparison comparison =
      CompareRuns({}, {mutex.result, pi.result}, {&mutex.recording, &pi.recording});
  REQUIRE(comparison.tasks.size() == 3);
  CHECK(comparison.tasks[2].name == "H");
  CHECK(comparison.tasks[2].differs);
  const ComparedMetric& finish = Metric(comparison.tasks[2], "finish");
  CHECK(finish.values == std::vector<std::optional<int64_t>>{9, 5});
  CHECK(finish.differs);
  CHECK_FALSE(Metric(comparison.tasks[2], "exec").differs);
  CHECK_FALSE(comparison.tasks[0].differs);
  REQUIRE(comparison.remarks.size() == 1);
  CHECK(comparison.remarks[0].policy == "mutex");
  CHECK(comparison.remarks[0].text == "H missed its deadline once");
}

TEST_CASE("A run compared with itself differs nowhere and says why", "[compare]") {
  Mutex one;
  Mutex two;
  const Comparison comparison =
      CompareRuns({}, {one.result, two.result}, {&one.recording, &two.recording});
  CHECK_FALSE(comparison.differs());
  CHECK(comparison.against[0].same_schedule);
  CHECK_FALSE(comparison.against[0].divergence);
  CHECK(comparison.why_same == "no lock was ever taken, so the lock protocol decided nothing");
}

TEST_CASE("After its end a run is idle", "[compare]") {
  Mutex one;
  Run longer("longer");
  for (const auto& [start, end, task] :
       {std::tuple{0, 3, "L"}, {3, 7, "M"}, {7, 8, "L"}, {8, 12, "H"}}) {
    longer.Cell(start, end, task);
  }
  longer.End(12, 12);
  const Comparison comparison =
      CompareRuns({}, {one.result, longer.result}, {&one.recording, &longer.recording});
  CHECK(comparison.against[0].cpus[0].spans == std::vector<TimeSpan>{{Time(9), Time(12)}});
}

// H spins for A under one set and sleeps under the other (mutex.md 7.1).
TEST_CASE("A waiter that spins in one run and sleeps in the other is named", "[compare][cause]") {
  FakeRun fake = Fake();
  fake.cpus = 2;
  Recording spin(ComparedEvents());
  Recording sleep(ComparedEvents());
  Result spin_result, sleep_result;
  spin_result.policy = "spin";
  sleep_result.policy = "sleep";
  spin_result.task_names = sleep_result.task_names = {"idle", "L", "M", "H"};
  for (const bool spins : {true, false}) {
    EventFeed feed(fake);
    feed.To(spins ? spin : sleep);
    feed.Switch(0, 1, "idle", 'R', "H");
    feed.At(1, 1,
            MutexWait{LockId(0), feed.Task("H"), spins ? MutexQueue::kOsq : MutexQueue::kWaitList,
                      1, 0});
    if (!spins) feed.Switch(1, 1, "H", 'D', "idle");
    feed.At(4, 1, MutexAcquire{LockId(0), feed.Task("H"), AcquirePath::kOsqSpin});
    feed.End(6);
  }
  const Comparison comparison = CompareRuns({}, {spin_result, sleep_result}, {&spin, &sleep});
  REQUIRE(comparison.against[0].divergence);
  CHECK(comparison.against[0].divergence->cause ==
        "CPU 1 switched from H to idle under sleep, H waits for A asleep; under spin H kept CPU 1, "
        "spinning for A");
}

}  // namespace
}  // namespace rqsim
