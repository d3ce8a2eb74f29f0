#include "rqsim/recording.h"

#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

FakeRun TwoTasks() {
  FakeRun fake;
  fake.tasks = {"L", "H"};
  fake.locks = {"A"};
  fake.scenario.condvars = {"data"};
  return fake;
}

TEST_CASE("A recording keeps events and names when the run is gone", "[expect][recording]") {
  Recording recording(EventMask::Of(EventKind::kSchedSwitch));
  {
    EventFeed feed(TwoTasks());
    feed.To(recording);
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.At(1, 0, MutexRelease{LockId(0), TaskId(1)});
    feed.Switch(3, 0, "L", 'D', "idle");
    feed.End(5);
  }
  REQUIRE(recording.events().size() == 2);
  CHECK(recording.complete());
  CHECK(recording.names().Task(TaskId(2)) == "H");
  CHECK(recording.names().Task(TaskId()) == "none");
  CHECK(recording.names().FindTask("H") == TaskId(2));
  CHECK_FALSE(recording.names().FindTask("X").valid());
  CHECK_THAT(recording.Text(recording.events()[1]),
             Catch::Matchers::ContainsSubstring("3 0 sched_switch prev_comm=L prev_pid=1"));
}

TEST_CASE("A recording that is full says so and keeps what it has", "[expect][recording]") {
  EventFeed feed(TwoTasks());
  Recording recording(EventMask::All(), 2);
  feed.To(recording);
  for (int64_t t = 0; t < 3; ++t) feed.Switch(t, 0, "L", 'R', "H");
  feed.End(3);
  CHECK(recording.events().size() == 2);
  CHECK_FALSE(recording.complete());
}

TEST_CASE("An operation reads as in its scenario", "[expect][recording]") {
  const EventFeed feed(TwoTasks());
  CHECK(OpText(feed, static_cast<int32_t>(OpKind::kLock), 0) == "lock A");
  CHECK(OpText(feed, static_cast<int32_t>(OpKind::kSignal), 0) == "signal data");
  CHECK(OpText(feed, static_cast<int32_t>(OpKind::kWake), 2) == "wake H");
  CHECK(OpText(feed, static_cast<int32_t>(OpKind::kRun), -1) == "run");
}

}  // namespace
}  // namespace rqsim
