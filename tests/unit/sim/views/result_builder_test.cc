#include "sim/views/result_builder.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/events.h"
#include "support/mx04.h"

namespace rqsim {
namespace {

int64_t Metric(const Result& result, std::string_view name) {
  for (const auto& [key, value] : result.metrics) {
    if (key == name) return value;
  }
  FAIL("no metric " << name);
  return 0;
}

TEST_CASE("Percentiles are nearest rank", "[views][result]") {
  // machine.md 13, M25: of {3, 5, 7, 100} p50 is the 2nd, p90 and p99 the 4th.
  std::vector<int64_t> samples = {100, 3, 7, 5};
  const Distribution four = Summarise(samples);
  CHECK(four.n == 4);
  CHECK(four.p50 == Cycles(5));
  CHECK(four.p90 == Cycles(100));
  CHECK(four.p99 == Cycles(100));
  CHECK(four.sum == Cycles(115));

  std::vector<int64_t> thousand;
  for (int64_t i = 1000; i >= 1; --i) thousand.push_back(i);
  const Distribution many = Summarise(thousand);
  CHECK(many.p50 == Cycles(500));
  CHECK(many.p90 == Cycles(900));
  CHECK(many.p95 == Cycles(950));
  CHECK(many.p99 == Cycles(990));
  CHECK(many.p999 == Cycles(999));
  CHECK(many.max == Cycles(1000));

  std::vector<int64_t> none;
  CHECK(Summarise(none).n == 0);
}

TEST_CASE("The result of MX-04", "[views][result]") {
  EventFeed feed(Mx04Run());
  ResultBuilder builder;
  feed.To(builder);
  FeedMx04(feed);
  feed.end() = Mx04End();
  feed.End();
  CHECK(feed.messages() == "");
  const Result result = builder.Take();

  REQUIRE(result.tasks.size() == 2);
  const TaskResult& l = result.tasks[0];
  const TaskResult& h = result.tasks[1];
  CHECK(l.name == "L");
  CHECK(l.exec == Cycles(9));
  CHECK(l.work == Cycles(6));
  CHECK(l.finish == Time(9));
  // Spawned at 0, one job each, to the exit: waiting for A is part of it.
  CHECK(l.response.max == Cycles(9));
  CHECK(h.response.n == 1);
  CHECK(h.response.max == Cycles(11));
  CHECK(h.blocked == Cycles(6));
  CHECK(h.run_delay == Cycles(0));
  // Queued at 8 and switched to at 8.
  CHECK(h.wakeup_latency.n == 1);
  CHECK(h.wakeup_latency.max == Cycles(0));
  CHECK(h.nr_voluntary_switches == 2);
  REQUIRE(h.waits.size() == 2);
  CHECK(h.waits[0].cause == "lock A owner L");
  CHECK(h.waits[1].cause == "wake-up");

  REQUIRE(result.locks.size() == 1);
  const LockResult& a = result.locks[0];
  CHECK(a.acquisitions == 2);
  CHECK(a.fast == 1);
  CHECK(a.slow == 1);
  CHECK(a.steals == 0);
  CHECK(a.wakeups == 1);
  // H waits from 2 to 9; L holds [1,5), H [9,11).
  CHECK(a.wait.n == 1);
  CHECK(a.wait.max == Cycles(7));
  CHECK(a.hold.n == 2);
  CHECK(a.hold.max == Cycles(4));
  CHECK(a.hold.sum == Cycles(6));
  CHECK(a.acquired == std::vector<std::pair<Time, std::string>>{{Time(1), "L"}, {Time(9), "H"}});

  REQUIRE(result.cpus.size() == 2);
  CHECK(result.cpus[0].overhead ==
        std::vector<std::pair<std::string, Cycles>>{{"c_ctx", Cycles(2)}, {"c_wake", Cycles(2)}});
  // Switches: two at 0, one at 2, 8, 9 and 11.
  CHECK(Metric(result, "switches") == 6);
  CHECK(Metric(result, "wakeups") == 1);
  CHECK(Metric(result, "ipis") == 1);
  CHECK(Metric(result, "idle_cycles") == 6);
  CHECK(Metric(result, "overhead_cycles") == 7);
  CHECK(result.task_names == std::vector<std::string>{"idle", "L", "H"});
}

TEST_CASE("A job ends at a voluntary wait, not at a mutex, and is released by the wake-up",
          "[views][result]") {
  FakeRun fake{.cpus = 1, .tasks = {"T", "O"}, .locks = {"A"}};
  TaskSpec spec;
  spec.name = "T";
  spec.deadline = Cycles(5);
  fake.scenario.tasks = {spec};
  EventFeed feed(fake);
  ResultBuilder builder;
  feed.To(builder);
  const TaskId t = feed.Task("T");
  const auto begin = [&](int64_t at, OpKind op) {
    feed.At(at, 0, OpBegin{.pid = t, .op = static_cast<int32_t>(op), .object = 0});
  };
  feed.Wake<SchedWakeupNew>(2, 0, "T", 0);
  feed.Switch(3, 0, "idle", 'R', "T");
  // Job 1: [2, 4), then it sleeps.
  begin(4, OpKind::kSleep);
  feed.Switch(4, 0, "T", 'S', "idle");
  feed.Wake<SchedWaking>(10, 0, "T", 0);
  feed.Wake<SchedWakeup>(11, 0, "T", 0);
  feed.Switch(13, 0, "idle", 'R', "T");
  // Job 2: released at 10. It waits for a mutex from 14 to 18 and ends when it suspends at 20.
  begin(14, OpKind::kLock);
  feed.At(14, 0, MutexBlockedOn{.pid = t, .lock = feed.Lock("A")});
  feed.Switch(14, 0, "T", 'D', "idle");
  feed.Wake<SchedWaking>(18, 0, "T", 0);
  feed.Wake<SchedWakeup>(18, 0, "T", 0);
  feed.Switch(18, 0, "idle", 'R', "T");
  feed.At(18, 0, MutexBlockedOn{.pid = t, .lock = LockId()});
  begin(20, OpKind::kSuspend);
  feed.Switch(20, 0, "T", 'S', "idle");
  // Job 3: released at 30, cut off by the end of the run at 36, late by then.
  feed.Wake<SchedWaking>(30, 0, "T", 0);
  feed.Wake<SchedWakeup>(30, 0, "T", 0);
  feed.Switch(30, 0, "idle", 'R', "T");
  feed.End(36);
  const Result result = builder.Take();
  const TaskResult& task = result.tasks[0];
  // Responses 4 - 2 = 2 and 20 - 10 = 10; the deadline of 5 is missed by job 2 and by job 3.
  CHECK(task.response.n == 2);
  CHECK(task.response.p50 == Cycles(2));
  CHECK(task.response.max == Cycles(10));
  CHECK(task.deadline_misses == 2);
  // Wake-ups at 11, 18 and 30, switched to at 13, 18 and 30.
  CHECK(task.wakeup_latency.n == 3);
  CHECK(task.wakeup_latency.max == Cycles(2));
  CHECK(task.wakeup_latency.sum == Cycles(2));
}

TEST_CASE("A timer that is late ends a job without a sleep", "[views][result]") {
  FakeRun fake{.cpus = 1, .tasks = {"T"}, .locks = {}};
  EventFeed feed(fake);
  ResultBuilder builder;
  feed.To(builder);
  const OpBegin begin{.pid = feed.Task("T"), .op = static_cast<int32_t>(OpKind::kTimer)};
  const OpEnd end{.pid = feed.Task("T"), .op = static_cast<int32_t>(OpKind::kTimer)};
  feed.Wake<SchedWakeupNew>(0, 0, "T", 0);
  feed.Switch(0, 0, "idle", 'R', "T");
  // Late at 7: job 1 ends, job 2 begins.
  feed.At(7, 0, begin);
  feed.At(7, 0, end);
  // In time at 9: job 2 ends with the sleep, job 3 begins with the wake-up and is cut off.
  feed.At(9, 0, begin);
  feed.Switch(9, 0, "T", 'S', "idle");
  feed.Wake<SchedWaking>(12, 0, "T", 0);
  feed.Wake<SchedWakeup>(12, 0, "T", 0);
  feed.Switch(12, 0, "idle", 'R', "T");
  feed.At(12, 0, end);
  feed.End(15);
  const Result result = builder.Take();
  CHECK(result.tasks[0].response.n == 2);
  CHECK(result.tasks[0].response.max == Cycles(7));
  CHECK(result.tasks[0].response.sum == Cycles(9));
}

TEST_CASE("Spinning that turns into sleeping is one wait, a signal's wake-up is not the lock's",
          "[views][result]") {
  EventFeed feed({.cpus = 1, .tasks = {"W", "L"}, .locks = {"A"}});
  ResultBuilder builder(Accountant::Reports::kNone);
  feed.To(builder);
  const LockId a = feed.Lock("A");
  const TaskId w = feed.Task("W");
  feed.Wake<SchedWakeupNew>(0, 0, "W", 0);
  feed.Switch(0, 0, "idle", 'R', "W");
  feed.At(1, 0, ContentionBegin{.lock = a, .pid = w, .flags = kContentionMutex | kContentionSpin});
  feed.At(3, 0, MutexSpin{.cycles = Cycles(2), .lock = a, .pid = w});
  feed.At(3, 0, ContentionBegin{.lock = a, .pid = w, .flags = kContentionMutex});
  feed.At(3, 0, MutexWait{.lock = a, .pid = w, .joined = 1});
  feed.Switch(3, 0, "W", 'S', "idle");
  SECTION("acquired in the end") {
    feed.Wake<SchedWaking>(6, 0, "W", 0);
    feed.At(8, 0, MutexAcquire{.lock = a, .pid = w, .path = AcquirePath::kSlow});
    feed.At(8, 0, ContentionEnd{.lock = a, .pid = w});
    feed.End(9);
    const Result result = builder.Take();
    CHECK(result.locks[0].wait.n == 1);
    CHECK(result.locks[0].wait.max == Cycles(7));
    CHECK(result.locks[0].wakeups == 1);
    CHECK(result.locks[0].spin_cycles == Cycles(2));
  }
  SECTION("interrupted") {
    feed.At(6, 0, SignalGenerate{.pid = w, .sig = 10});
    feed.Wake<SchedWaking>(6, 0, "W", 0);
    feed.At(6, 0, MutexWait{.lock = a, .pid = w, .joined = 0, .position = -1});
    feed.At(6, 0, ContentionEnd{.lock = a, .pid = w, .ret = -4});
    feed.End(9);
    const Result result = builder.Take();
    CHECK(result.locks[0].wait.n == 0);
    CHECK(result.locks[0].wakeups == 0);
    CHECK(result.locks[0].acquisitions == 0);
  }
}

TEST_CASE("Handoffs by reason, steals, and a donor that passes the first waiter by",
          "[views][result]") {
  EventFeed feed({.cpus = 1, .tasks = {"P", "Q", "S"}, .locks = {"A"}});
  ResultBuilder builder(Accountant::Reports::kNone);
  feed.To(builder);
  const LockId a = feed.Lock("A");
  const auto join = [&](int64_t t, std::string_view task, int32_t position) {
    feed.At(t, 0, MutexWait{.lock = a, .pid = feed.Task(task), .joined = 1, .position = position});
  };
  const auto handoff = [&](int64_t t, std::string_view to, HandoffReason reason) {
    feed.At(t, 0, MutexHandoff{.lock = a, .pid = TaskId(), .to = feed.Task(to), .reason = reason});
    feed.At(t, 0, MutexWait{.lock = a, .pid = feed.Task(to), .joined = 0, .position = -1});
  };
  join(1, "P", 0);
  join(2, "Q", 1);
  join(3, "S", 2);
  handoff(4, "S", HandoffReason::kDonor);  // P is first
  handoff(5, "P", HandoffReason::kDonor);  // P is first
  handoff(6, "Q", HandoffReason::kFlag);
  feed.At(7, 0, MutexSteal{.lock = a, .pid = feed.Task("P"), .first_waiter = feed.Task("Q")});
  feed.End(8);
  const Result result = builder.Take();
  CHECK(result.locks[0].handoffs == 3);
  CHECK(result.locks[0].handoffs_donor == 2);
  CHECK(result.locks[0].handoffs_flag == 1);
  CHECK(result.locks[0].handoffs_always == 0);
  CHECK(result.locks[0].fifo_bypass_by_donor == 1);
  CHECK(result.locks[0].steals == 1);
  CHECK(Metric(result, "fifo_bypass_by_donor") == 1);
}

TEST_CASE("Kernel threads of policies that never ran are left out", "[views][result]") {
  FakeRun fake{.cpus = 1, .tasks = {"T", "stop/0", "pair/0"}, .kthreads = {"stop/0", "pair/0"}};
  TaskSpec spec;
  spec.name = "T";
  fake.scenario.tasks = {spec};
  EventFeed feed(fake);
  ResultBuilder builder;
  feed.To(builder);
  feed.Wake<SchedWaking>(3, 0, "pair/0", 0);
  feed.Wake<SchedWakeup>(3, 0, "pair/0", 0);
  feed.Switch(3, 0, "idle", 'R', "pair/0");
  feed.End(5);
  const Result result = builder.Take();
  // T never started but is the scenario's own.
  REQUIRE(result.tasks.size() == 2);
  CHECK(result.tasks[0].name == "T");
  CHECK(result.tasks[0].lifetime == Cycles(0));
  CHECK(result.tasks[1].name == "pair/0");
  CHECK(result.tasks[1].kthread);
  CHECK(result.tasks[1].sleeping == Cycles(3));
  CHECK(result.tasks[1].run == Cycles(2));
}

TEST_CASE("Waiters are kept in their order wherever they join and leave", "[views][wait_list]") {
  std::vector<WaitList::Links> links(8);
  WaitList list;
  list.Join(links, TaskId(1), 0);
  list.Join(links, TaskId(2), 1);
  list.Join(links, TaskId(3), 0);
  list.Join(links, TaskId(4), 2);
  list.Join(links, TaskId(5), 1);
  // 3 1 2, then 4 at place 2: 3 1 4 2, then 5 at place 1: 3 5 1 4 2.
  std::vector<int32_t> order;
  while (!list.empty()) {
    order.push_back(list.front().value());
    list.Leave(links, list.front());
  }
  CHECK(order == std::vector<int32_t>{3, 5, 1, 4, 2});
}

}  // namespace
}  // namespace rqsim
