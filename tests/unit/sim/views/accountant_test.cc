#include "sim/views/accountant.h"

#include <fmt/format.h>

#include <string>

#include "support/catch.h"
#include "support/events.h"
#include "support/mx04.h"

namespace rqsim {
namespace {

std::string Waits(const Accountant& books, const EventFeed& feed, std::string_view task) {
  std::string text;
  for (const auto& [cause, length] : books.task(feed.Task(task)).waits) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", CauseText(cause, feed), length.count());
  }
  return text;
}

int64_t In(const Accountant& books, const EventFeed& feed, std::string_view task, TaskPhase phase) {
  return books.task(feed.Task(task)).In(phase).count();
}

TEST_CASE("The books of MX-04 close and agree with the machine's", "[views][accountant]") {
  EventFeed feed(Mx04Run());
  Accountant books;
  feed.To(books);
  FeedMx04(feed);
  feed.end() = Mx04End();
  feed.End();
  CHECK(feed.messages() == "");

  const TaskAccount& h = books.task(feed.Task("H"));
  CHECK(h.exec == Cycles(5));
  CHECK(h.work == Cycles(3));
  CHECK(In(books, feed, "H", TaskPhase::kRunning) == 5);
  CHECK(In(books, feed, "H", TaskPhase::kBlocked) == 6);
  CHECK(h.Lifetime() == Cycles(11));
  // [2,5) L owns A; then the wake-up is on its way until H is queued at 8.
  CHECK(Waits(books, feed, "H") == "lock A owner L 3, wake-up 3");
  CHECK(books.task(feed.Task("L")).finish == Time(9));
  CHECK(books.cpu(CpuId(1)).idle == Cycles(5));
  CHECK(books.cpu(CpuId(0)).overhead[static_cast<std::size_t>(CostId::kWake)] == Cycles(2));
}

TEST_CASE("Every sum that differs from the machine's is reported", "[views][accountant]") {
  EventFeed feed(Mx04Run());
  Accountant books;
  feed.To(books);
  FeedMx04(feed);
  feed.end() = Mx04End();
  feed.end().tasks[1].exec = Cycles(8);
  feed.end().tasks[2].nr_migrations = 1;
  feed.end().cpus[1].idle = Cycles(4);
  feed.end().cpus[1].overhead[static_cast<std::size_t>(CostId::kCtx)] = Cycles(4);
  feed.End();
  CHECK(feed.reported() == "AC-6@11 AC-6@11 AC-6@11 AC-6@11");
  CHECK(feed.messages() ==
        "idle of CPU 1 is 5 by events, 4 by the machine\n"
        "c_ctx of CPU 1 is 3 by events, 4 by the machine\n"
        "exec of L is 9 by events, 8 by the machine\n"
        "nr_migrations of H is 0 by events, 1 by the machine\n");
}

TEST_CASE("A gap, an overlap and an early end of a CPU's segments are reported",
          "[views][accountant]") {
  EventFeed feed({.cpus = 3});
  Accountant books;
  feed.To(books);
  feed.Spent(0, 4, 0, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Spent(5, 9, 0, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Spent(0, 4, 1, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Spent(3, 9, 1, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.Spent(0, 8, 2, SegmentKind::kIdle, kIdleTask, kIdleTask, 0);
  feed.End(9);
  CHECK(feed.reported() == "AC-1@9 AC-1@9 AC-1@9");
  CHECK(feed.messages() ==
        "CPU 0: a segment [5, 9) follows one that ended at 4\n"
        "CPU 1: a segment [3, 9) follows one that ended at 4\n"
        "CPU 2: the segments end at 8, the run at 9\n");
}

TEST_CASE("Switches and segments that tell different stories are reported", "[views][accountant]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}});
  Accountant books;
  feed.To(books);
  const TaskId l = feed.Task("L"), h = feed.Task("H");
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Wake<SchedWakeupNew>(0, 0, "H", 0);
  SECTION("another task's segment") {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Spent(0, 5, 0, SegmentKind::kUser, h, h, 1);
    feed.End(5);
    CHECK(feed.reported() == "AC-5@5 AC-3@5 AC-3@5");
  }
  SECTION("a switch away from what does not run") {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Spent(0, 2, 0, SegmentKind::kUser, l, l, 1);
    feed.Switch(2, 0, "H", 'R', "L");
    CHECK(feed.reported() == "AC-5@2 AC-5@2");
  }
  SECTION("a switch to what sleeps") {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Switch(2, 0, "L", 'S', "idle");
    feed.Switch(4, 0, "idle", 'R', "L");
    CHECK(feed.reported() == "AC-5@4");
  }
  SECTION("a wake-up of the dead") {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Switch(2, 0, "L", 'X', "idle");
    feed.Wake<SchedWakeup>(3, 0, "L", 0);
    CHECK(feed.reported() == "AC-5@3");
  }
  SECTION("cycles charged to nobody") {
    feed.Switch(0, 0, "idle", 'R', "L");
    feed.Spent(0, 5, 0, SegmentKind::kUser, l, kIdleTask, 1);
    feed.End(5);
    CHECK(feed.reported() == "AC-4@5");
  }
}

TEST_CASE("A runnable task waits for what its CPU runs meanwhile", "[views][accountant]") {
  EventFeed feed({.cpus = 2, .tasks = {"L", "H", "M"}});
  Accountant books;
  feed.To(books);
  // M is queued on CPU 0 at 1, moves to CPU 1 at 6 and runs at 9.
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Wake<SchedWakeupNew>(0, 0, "H", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.Wake<SchedWakeupNew>(1, 0, "M", 0);
  feed.Switch(4, 0, "L", 'R', "H");
  feed.At(6, 0,
          SchedMigrateTask{.pid = feed.Task("M"), .orig_cpu = CpuId(0), .dest_cpu = CpuId(1)});
  feed.Switch(9, 1, "idle", 'R', "M");
  feed.Switch(10, 1, "M", 'S', "idle");
  feed.End(12);
  // [1,4) L ran, [4,6) H; on CPU 1 nobody did from 6 to 9; asleep [10,12), in no operation.
  CHECK(Waits(books, feed, "M") == "ran L 3, ran H 2, reschedule 3, no work 2");
  CHECK(In(books, feed, "M", TaskPhase::kRunnable) == 8);
  CHECK(In(books, feed, "M", TaskPhase::kSleeping) == 2);
  CHECK(books.task(feed.Task("M")).nr_migrations == 1);
  // L was preempted at 4 and waits for H to the end.
  CHECK(Waits(books, feed, "L") == "ran H 8");
}

TEST_CASE("A lock's wait is divided among its owners", "[views][accountant]") {
  EventFeed feed({.cpus = 2, .tasks = {"L", "H", "M"}, .locks = {"A"}});
  Accountant books;
  feed.To(books);
  const LockId a = feed.Lock("A");
  feed.At(0, 0, MutexWord{.lock = a, .owner = feed.Task("L")});
  feed.Wake<SchedWakeupNew>(0, 1, "H", 1);
  feed.Switch(0, 1, "idle", 'R', "H");
  feed.At(1, 1, MutexBlockedOn{.pid = feed.Task("H"), .lock = a});
  feed.Switch(1, 1, "H", 'D', "idle");
  // L until 4, nobody until 5, M until 7; then it is given to H, whose wake-up begins at 8.
  feed.At(4, 0, MutexWord{.lock = a, .owner = TaskId()});
  feed.At(5, 0, MutexWord{.lock = a, .owner = feed.Task("M")});
  feed.At(7, 0, MutexWord{.lock = a, .owner = feed.Task("H"), .flags = 4});
  feed.Wake<SchedWaking>(8, 0, "H", 1);
  feed.Wake<SchedWakeup>(10, 1, "H", 1);
  feed.Switch(10, 1, "idle", 'R', "H");
  feed.End(10);
  CHECK(Waits(books, feed, "H") ==
        "lock A owner L 3, lock A owner M 2, lock A free 1, lock A handed over 1, wake-up 2");
}

TEST_CASE("A donor that stays queued is neither runnable nor blocked", "[views][accountant]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H"}, .locks = {"A"}});
  Accountant books;
  feed.To(books);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Wake<SchedWakeupNew>(0, 0, "H", 0);
  feed.Switch(0, 0, "idle", 'R', "H");
  feed.At(1, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("L")});
  feed.At(1, 0, MutexBlockedOn{.pid = feed.Task("H"), .lock = feed.Lock("A")});
  SchedSwitch change;
  change.prev_pid = feed.Task("H");
  change.prev_state.letter = 'D';
  change.kept_queued = 1;
  change.next_pid = feed.Task("L");
  change.donor = feed.Task("H");
  feed.At(1, 0, change);
  feed.At(4, 0, ProxyDeactivate{.pid = feed.Task("H")});
  feed.End(6);
  CHECK(In(books, feed, "H", TaskPhase::kBlockedQueued) == 3);
  CHECK(In(books, feed, "H", TaskPhase::kBlocked) == 2);
  CHECK(Waits(books, feed, "H") == "lock A owner L 5");
}

TEST_CASE("What lies further back than the books remember is booked to others",
          "[views][accountant]") {
  EventFeed feed({.cpus = 1, .tasks = {"L", "H", "M"}});
  Accountant books;
  feed.To(books);
  for (const char* task : {"L", "H", "M"}) feed.Wake<SchedWakeupNew>(0, 0, task, 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  // L and H take turns of one cycle, 100 of them; the last 64 turns are remembered.
  for (int64_t t = 1; t < 100; ++t) {
    const bool to_h = t % 2 == 1;
    feed.Switch(t, 0, to_h ? "L" : "H", 'R', to_h ? "H" : "L");
  }
  feed.Switch(100, 0, "H", 'R', "M");
  feed.End(100);
  // The switch to M at 100 is among the 64 as well, so 63 turns are known, [37,100): H has the odd
  // cycles 37 … 99, which are 32, and L the 31 even ones.
  CHECK(Waits(books, feed, "M") == "ran L 31, ran H 32, others 37");
  CHECK(In(books, feed, "M", TaskPhase::kRunnable) == 100);
}

}  // namespace
}  // namespace rqsim
