#include "sim/views/pi_checker.h"

#include <string_view>

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Kernel prios: fixed priority p is prio 99 - p, so the scenario's 2 is 97; a fair task of nice 0
// is 120.
struct Inheritance {
  EventFeed feed{{.cpus = 1, .tasks = {"O", "P", "Q"}, .locks = {"A", "B"}}};
  PiChecker checker;

  Inheritance() {
    feed.To(checker);
    Base(0, "O", 98);
    Base(0, "P", 97);
    Base(0, "Q", 96);
  }
  void Base(int64_t t, std::string_view task, int prio) {
    TaskAttr attr;
    attr.pid = feed.Task(task);
    attr.prio = prio;
    feed.At(t, 0, attr);
  }
  void Boost(int64_t t, std::string_view task, int prio) {
    SchedPiSetprio change;
    change.pid = feed.Task(task);
    change.newprio = prio;
    feed.At(t, 0, change);
  }
  void Own(int64_t t, std::string_view lock, std::string_view task) {
    feed.At(t, 0, MutexWord{.lock = feed.Lock(lock), .owner = feed.Task(task)});
  }
  // `task` blocks on `lock`: contention, wait list, sleep.
  void BeginWait(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(
        t, 0,
        ContentionBegin{.lock = feed.Lock(lock), .pid = feed.Task(task), .flags = kContentionRt});
    feed.At(t, 0, MutexWait{.lock = feed.Lock(lock), .pid = feed.Task(task), .joined = 1});
  }
  void Sleep(int64_t t, std::string_view task, std::string_view next) {
    feed.Switch(t, 0, task, 'D', next);
  }
  void EndWait(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexWait{.lock = feed.Lock(lock), .pid = feed.Task(task), .joined = 0});
    feed.At(t, 0, ContentionEnd{.lock = feed.Lock(lock), .pid = feed.Task(task)});
  }
};

TEST_CASE("MX-I10: an owner boosted to its strongest waiter keeps the rule",
          "[views][pi_checker]") {
  Inheritance run;
  run.Own(0, "A", "O");
  run.BeginWait(1, "P", "A");
  run.Boost(1, "O", 97);
  run.Sleep(1, "P", "O");
  run.BeginWait(2, "Q", "A");
  run.Boost(2, "O", 96);
  run.Sleep(2, "Q", "O");
  run.Boost(4, "O", 98);
  run.Own(4, "A", "");
  run.feed.Switch(4, 0, "O", 'R', "Q");
  run.Own(4, "A", "Q");
  run.EndWait(4, "Q", "A");
  run.feed.End(5);
  CHECK(run.feed.reported() == "");
}

TEST_CASE("MX-I10: an owner that was not boosted is reported when its waiter sleeps",
          "[views][pi_checker]") {
  Inheritance run;
  run.Own(0, "A", "O");
  // From 1 to 3 P is on its way into the wait and may still be walking.
  run.BeginWait(1, "P", "A");
  run.Sleep(3, "P", "O");
  run.feed.End(5);
  CHECK(run.feed.reported() == "MX-I10@3");
  CHECK(run.feed.messages() == "O runs at prio 98, by its waiters it should be 97\n");
}

TEST_CASE("MX-I10: a boost that outlives its waiter is reported", "[views][pi_checker]") {
  Inheritance run;
  run.Own(0, "A", "O");
  run.BeginWait(1, "P", "A");
  run.Boost(1, "O", 97);
  run.Sleep(1, "P", "O");
  run.feed.Switch(4, 0, "O", 'R', "P");
  run.EndWait(4, "P", "A");
  run.feed.End(5);
  CHECK(run.feed.reported() == "MX-I10@4");
}

TEST_CASE("MX-I10: a boost is passed along the chain of owners", "[views][pi_checker]") {
  Inheritance run;
  run.Own(0, "B", "O");
  run.Own(0, "A", "P");
  run.BeginWait(1, "P", "B");
  run.Boost(1, "O", 97);
  run.Sleep(1, "P", "O");
  run.BeginWait(2, "Q", "A");
  run.Boost(2, "P", 96);
  SECTION("to its end") {
    run.Boost(2, "O", 96);
    run.Sleep(2, "Q", "O");
    run.feed.End(5);
    CHECK(run.feed.reported() == "");
  }
  SECTION("one that stops after the first owner is reported") {
    run.Sleep(2, "Q", "O");
    run.feed.End(5);
    CHECK(run.feed.reported() == "MX-I10@2");
  }
}

TEST_CASE("MX-I10: fair tasks are one level, whatever their nice value", "[views][pi_checker]") {
  Inheritance run;
  run.Base(0, "O", 130);
  run.Base(0, "P", 110);
  run.Own(0, "A", "O");
  run.BeginWait(1, "P", "A");
  run.Sleep(1, "P", "O");
  run.feed.End(5);
  CHECK(run.feed.reported() == "");
}

}  // namespace
}  // namespace rqsim
