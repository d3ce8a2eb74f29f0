#include "rqsim/expect.h"

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

using Catch::Matchers::ContainsSubstring;

ExpectCell Cell(int64_t start, int64_t end, const char* curr) {
  ExpectCell cell;
  cell.start = Time(start);
  cell.end = Time(end);
  cell.curr = curr;
  return cell;
}

// One CPU: L takes A at 0 and runs to 4, H waits for A from 1 and has it from 4 to 6.
struct Run {
  Run() : feed(Fake()), recording(EventMask::All()) {
    feed.To(recording);
    const TaskId l = feed.Task("L");
    const TaskId h = feed.Task("H");
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.At(0, 0, MutexAcquire{LockId(0), l, AcquirePath::kFast});
    feed.Switch(4, 0, "L", 'X', "H");
    feed.At(4, 0, MutexAcquire{LockId(0), h, AcquirePath::kSlow});
    OpEnd end;
    end.pid = h;
    end.op = static_cast<int32_t>(OpKind::kLock);
    end.object = 0;
    feed.At(4, 0, end);
    feed.Switch(6, 0, "H", 'X', "idle");
    feed.End(6);

    result.policy = "mutex";
    result.outcome = Outcome::kDone;
    result.end = Time(6);
    result.task_names = {"idle", "L", "H"};
    result.timeline = {Task(0, 4, l), Task(4, 6, h)};
    result.tasks.resize(2);
    result.tasks[0].name = "L";
    result.tasks[0].finish = Time(4);
    result.tasks[1].name = "H";
    result.tasks[1].finish = Time(6);
    result.tasks[1].exec = Cycles(2);
    result.locks.resize(1);
    result.locks[0].name = "A";
    result.locks[0].acquisitions = 2;
    result.locks[0].acquired = {{Time(0), "L"}, {Time(4), "H"}};
    result.metrics = {{"proxy_migrations", 0}};
    expect().policies = {"mutex"};
  }

  static FakeRun Fake() {
    FakeRun fake;
    fake.tasks = {"L", "H"};
    fake.locks = {"A"};
    return fake;
  }
  static TimelineCell Task(int64_t start, int64_t end, TaskId task) {
    TimelineCell cell;
    cell.cpu = CpuId(0);
    cell.start = Time(start);
    cell.end = Time(end);
    cell.kind = TimelineCell::Kind::kTask;
    cell.curr = cell.donor = task;
    return cell;
  }

  ExpectSpec& expect() {
    if (scenario.expects.empty()) scenario.expects.emplace_back();
    return scenario.expects.front();
  }
  ExpectReport Check() {
    ExpectReport report;
    CheckResult(scenario, result, recording, report);
    return report;
  }
  // The sentences of all mismatches.
  std::string Mismatches() {
    std::string out;
    for (const Mismatch& mismatch : Check().mismatches) out += mismatch.what + "\n";
    return out;
  }

  Scenario scenario;
  Result result;
  EventFeed feed;
  Recording recording;
};

TEST_CASE("A run that does what is stated has no mismatch", "[expect]") {
  Run run;
  ExpectSpec& expect = run.expect();
  expect.outcome = Outcome::kDone;
  expect.end = Time(6);
  expect.timeline.push_back({CpuId(0), {Cell(0, 4, "L"), Cell(4, 6, "H")}, {}});
  expect.switches.push_back(
      {CpuId(0), {{Time(0), "idle", "L"}, {Time(4), "", "H"}, {Time(6), "H", "idle"}}, {}});
  ExpectNamed h;
  h.name = "H";
  h.values = {{"finish", 6}, {"exec", 2}};
  expect.tasks.push_back(h);
  ExpectNamed a;
  a.name = "A";
  a.values = {{"acquisitions", 2}};
  a.states_acquired = true;
  a.acquired = {{Time(0), "L"}, {Time(4), "H"}};
  expect.locks.push_back(a);
  expect.metrics = {{"proxy_migrations", 0}};
  expect.returns.push_back({"H", "lock A", Time(4), "0", {}});
  expect.events = {"0 0 sched_switch next_comm=L", "mutex_acquire comm=H"};
  expect.no_events = {"sched_switch next_comm=M"};
  const ExpectReport report = run.Check();
  CHECK(run.Mismatches() == "");
  // outcome, end, timeline, switches, H 2, A 1 + acquired, metric, return, 2 events, no event,
  // violations.
  CHECK(report.statements == 14);
}

TEST_CASE("A differing timeline names the first cell and what was decided before it", "[expect]") {
  Run run;
  run.expect().timeline.push_back({CpuId(0), {Cell(0, 5, "L"), Cell(5, 6, "H")}, {7, 3}});
  const ExpectReport report = run.Check();
  REQUIRE(report.mismatches.size() == 1);
  const Mismatch& mismatch = report.mismatches[0];
  CHECK(mismatch.what == "timeline of CPU 0: cell 1 is [0,4)L, not [0,5)L");
  CHECK(mismatch.expected == "[0,5)L [5,6)H");
  CHECK(mismatch.actual == "[0,4)L [4,6)H");
  CHECK(mismatch.pos.line == 7);
  REQUIRE_FALSE(mismatch.before.empty());
  CHECK_THAT(mismatch.before.back(), ContainsSubstring("4 0 mutex_acquire"));
}

TEST_CASE("Each kind of statement that is wrong is reported", "[expect]") {
  Run run;
  ExpectSpec& expect = run.expect();
  SECTION("outcome") {
    expect.outcome = Outcome::kDeadlock;
    CHECK(run.Mismatches() == "outcome is done, not deadlock\n");
  }
  SECTION("end") {
    expect.end = Time(7);
    CHECK(run.Mismatches() == "end of the run is 6, not 7\n");
  }
  SECTION("a switch") {
    expect.switches.push_back({CpuId(0), {{Time(0), "idle", "L"}, {Time(4), "L", "M"}}, {}});
    CHECK(run.Mismatches() == "switches of CPU 0: number 2 is 4 L→H, not 4 L→M\n");
  }
  SECTION("a task's metric") {
    ExpectNamed h;
    h.name = "H";
    h.values = {{"exec", 3}, {"response", 1}};
    expect.tasks.push_back(h);
    CHECK(run.Mismatches() ==
          "exec of task H is 2, not 3\nresponse of task H has no value, 1 was expected\n");
  }
  SECTION("a task that is not there") {
    ExpectNamed x;
    x.name = "X";
    expect.tasks.push_back(x);
    CHECK(run.Mismatches() == "there was no task X\n");
  }
  SECTION("acquisitions") {
    ExpectNamed a;
    a.name = "A";
    a.states_acquired = true;
    a.acquired = {{Time(0), "L"}, {Time(5), "H"}};
    expect.locks.push_back(a);
    CHECK(run.Mismatches() == "acquisitions of lock A: number 2 differs\n");
  }
  SECTION("a return value") {
    expect.returns.push_back({"H", "lock A", Time(4), "-EINTR", {}});
    CHECK(run.Mismatches() == "lock A of task H did not return -EINTR at 4\n");
  }
  SECTION("an event that is missing, or comes in another order") {
    expect.events = {"mutex_acquire comm=H", "mutex_acquire comm=L"};
    CHECK_THAT(run.Mismatches(), ContainsSubstring("no event `mutex_acquire comm=L` after `4 0"));
  }
  SECTION("an event that must not be") {
    expect.no_events = {"sched_switch next_comm=H"};
    CHECK_THAT(run.Mismatches(), ContainsSubstring("an event that must not be: 4 0 sched_switch"));
  }
}

TEST_CASE("Expectations of another set are not looked at", "[expect]") {
  Run run;
  run.expect().policies = {"pi"};
  run.expect().end = Time(99);
  CHECK(run.Mismatches() == "");
}

TEST_CASE("A violation fails unless it is the expected one", "[expect][violations]") {
  Run run;
  run.result.violations = {{"MX-I1", Time(3), CpuId(0), TaskId(1), LockId(0), "recursive lock"}};
  SECTION("none is expected") {
    CHECK(run.Mismatches() == "violation MX-I1 at 3: recursive lock\n");
  }
  SECTION("exactly this one is") {
    run.expect().violations = {{"MX-I1", Time(3), {}}};
    CHECK(run.Mismatches() == "");
  }
  SECTION("this one is, at any time") {
    run.expect().violations = {{"MX-I1", std::nullopt, {}}};
    CHECK(run.Mismatches() == "");
  }
  SECTION("another one is") {
    run.expect().violations = {{"MX-I9", std::nullopt, {}}};
    CHECK_THAT(run.Mismatches(), ContainsSubstring("is not the expected one"));
  }
  SECTION("two are") {
    run.expect().violations = {{"MX-I1", Time(3), {}}, {"MX-I9", Time(5), {}}};
    CHECK(run.Mismatches() == "violation MX-I9 was not reported\n");
  }
}

TEST_CASE("Assertions bound metrics of their set", "[expect][assert]") {
  Run run;
  AssertSpec bound;
  bound.policy = "mutex";
  bound.task = "H";
  bound.metric = "finish";
  bound.max = 6;
  SECTION("met at the bound") {
    run.scenario.asserts = {bound};
    CHECK(run.Mismatches() == "");
  }
  SECTION("missed") {
    bound.max = 5;
    run.scenario.asserts = {bound};
    CHECK(run.Mismatches() == "assert: finish of task H is 6, more than 5, by 1\n");
  }
  SECTION("of another set") {
    bound.policy = "pi";
    bound.max = 5;
    run.scenario.asserts = {bound};
    CHECK(run.Mismatches() == "");
  }
  SECTION("about nothing there is") {
    bound.metric = "response";
    run.scenario.asserts = {bound};
    CHECK(run.Mismatches() == "assert: response of task H has no value\n");
  }
}

TEST_CASE("A bad end is a mismatch unless it is stated", "[expect][outcome]") {
  Run run;
  run.result.outcome = Outcome::kDeadlock;
  run.result.message = "L waits for A";
  SECTION("not stated") { CHECK(run.Mismatches() == "outcome is deadlock: L waits for A\n"); }
  SECTION("stated") {
    run.expect().outcome = Outcome::kDeadlock;
    CHECK(run.Mismatches() == "");
  }
  SECTION("until needs no statement") {
    run.result.outcome = Outcome::kUntil;
    CHECK(run.Mismatches() == "");
  }
}

}  // namespace
}  // namespace rqsim
