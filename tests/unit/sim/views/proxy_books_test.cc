// The books of proxy execution, fed by hand with the events of runs that proxy-exec.md works out.
#include "sim/views/proxy_books.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/views/accountant.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// Both books in the order in which ResultBuilder feeds them.
class Books final : public Listener {
 public:
  EventMask Wants() const override { return accountant_.Wants() | ProxyBooks::Wants(); }
  void OnStart(const RunInfo& info, ViolationSink& sink) override {
    accountant_.OnStart(info, sink);
    proxies_.OnStart(info);
  }
  void OnEvent(const TraceEvent& event) override {
    proxies_.OnEvent(event);
    accountant_.OnEvent(event);
  }
  void OnEnd(const RunEnd& end) override { proxies_.OnEnd(end.end); }

  int64_t operator[](std::string_view name) const {
    std::vector<std::pair<std::string, int64_t>> metrics;
    proxies_.AddTo(metrics);
    for (const auto& [metric, value] : metrics) {
      if (metric == name) return value;
    }
    return -1;
  }

 private:
  Accountant accountant_{Accountant::Reports::kNone};
  ProxyBooks proxies_{accountant_};
};

void Priority(EventFeed& feed, std::string_view task, int priority) {
  feed.At(0, -1, TaskAttr{.pid = feed.Task(task), .priority = priority, .prio = 99 - priority});
}

// `prev`, which wants A of L, sleeps; `kept_queued`: as a donor that L runs for.
void Blocks(EventFeed& feed, int64_t t, std::string_view prev, std::string_view next,
            std::string_view donor, bool kept_queued) {
  const LockId a = feed.Lock("A");
  feed.At(t, 0, MutexWait{.lock = a, .pid = feed.Task(prev), .joined = 1});
  feed.At(t, 0, MutexBlockedOn{.pid = feed.Task(prev), .lock = a});
  SchedSwitch change;
  change.prev_pid = feed.Task(prev);
  change.next_pid = feed.Task(next);
  change.prev_state.letter = 'D';
  change.voluntary = 1;
  change.kept_queued = kept_queued ? 1 : 0;
  change.donor = feed.Task(donor);
  feed.At(t, 0, change);
}

}  // namespace

TEST_CASE("A former owner that runs on for its donor overruns", "[views][proxy]") {
  // PX-01 under 7.2: L unlocks A for H at 4 and runs for it until 5.
  EventFeed feed({.tasks = {"L", "H"}, .locks = {"A"}});
  Books books;
  feed.To(books);
  Priority(feed, "L", 1);
  Priority(feed, "H", 3);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.At(0, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("L")});
  feed.Wake<SchedWakeupNew>(1, 0, "H", 0);
  feed.Switch(1, 0, "L", 'R', "H");
  Blocks(feed, 1, "H", "L", "H", true);
  feed.At(1, 0, ProxyWalk{.donor = feed.Task("H"), .end = feed.Task("L"), .hops = 1});
  feed.At(4, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("H")});
  feed.At(4, 0, MutexBlockedOn{.pid = feed.Task("H"), .lock = LockId()});
  feed.Wake<SchedWakeup>(4, 0, "H", 0);
  feed.Spent(1, 5, 0, SegmentKind::kUser, feed.Task("L"), feed.Task("H"), 1);
  feed.Switch(5, 0, "L", 'X', "H");
  feed.End(7);
  CHECK(books["overrun_cycles"] == 1);
  CHECK(books["inversion_cycles"] == 0);
  CHECK(books["donor_cycles"] == 4);
  CHECK(books["chains_of_1"] == 1);
  CHECK(books["longest_chain"] == 1);
  CHECK(books["misplaced_wakeups"] == 0);
}

TEST_CASE("Who is less important than a waiter inverts while the owner is runnable",
          "[views][proxy]") {
  // PX-01 with the plain mutex: M runs [2,7) while H waits for L; L itself, [1,2), is no inversion.
  EventFeed feed({.tasks = {"L", "H", "M"}, .locks = {"A"}});
  Books books;
  feed.To(books);
  Priority(feed, "L", 1);
  Priority(feed, "H", 3);
  Priority(feed, "M", 2);
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.At(0, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("L")});
  feed.Wake<SchedWakeupNew>(1, 0, "H", 0);
  feed.Switch(1, 0, "L", 'R', "H");
  Blocks(feed, 1, "H", "L", "L", false);
  feed.Wake<SchedWakeupNew>(2, 0, "M", 0);
  feed.Switch(2, 0, "L", 'R', "M");
  feed.Switch(7, 0, "M", 'X', "L");
  feed.End(9);
  CHECK(books["inversion_cycles"] == 5);
  CHECK(books["overrun_cycles"] == 0);
}

TEST_CASE("Inversions follow priorities, and who is runnable where", "[views][proxy]") {
  // L holds A and is runnable on CPU 0, where M (2) runs; H (3) waits from 1 on, G (4) from 2 on.
  // At 4 H becomes less important than M: G still waits. At 6 G gives up: nobody is inverted. At 8
  // H is what it was; at 9 L is moved to CPU 1, which idles.
  EventFeed feed({.cpus = 2, .tasks = {"L", "H", "M", "G"}, .locks = {"A"}});
  Books books;
  feed.To(books);
  Priority(feed, "L", 1);
  Priority(feed, "H", 3);
  Priority(feed, "M", 2);
  Priority(feed, "G", 4);
  const auto attr = [&](int64_t t, const char* task, int priority) {
    feed.At(t, -1, TaskAttr{.pid = feed.Task(task), .priority = priority, .prio = 99 - priority});
  };
  feed.Wake<SchedWakeupNew>(0, 0, "L", 0);
  feed.Switch(0, 0, "idle", 'R', "L");
  feed.At(0, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("L")});
  for (const char* task : {"H", "M", "G"}) feed.Wake<SchedWakeupNew>(0, 0, task, 0);
  feed.Switch(1, 0, "L", 'R', "H");
  Blocks(feed, 1, "H", "M", "M", false);
  feed.Switch(2, 0, "M", 'R', "G");
  Blocks(feed, 2, "G", "M", "M", false);
  attr(4, "H", 1);
  feed.At(6, 0, MutexWait{.lock = feed.Lock("A"), .pid = feed.Task("G"), .joined = 0});
  attr(8, "H", 3);
  feed.At(9, 0, SchedMigrateTask{feed.Task("L"), 98, CpuId(0), CpuId(1)});
  feed.End(12);
  CHECK(books["inversion_cycles"] == 5 + 1);
}

TEST_CASE("A chain of waits inverts for the most important in it", "[views][proxy]") {
  // L (1) holds B, K (2) holds A and waits for B, H (4) waits for A from 2 on; M (3) runs on the
  // CPU of the runnable L. Before H came, M was the more important.
  EventFeed feed({.tasks = {"L", "K", "H", "M"}, .locks = {"A", "B"}});
  Books books;
  feed.To(books);
  Priority(feed, "L", 1);
  Priority(feed, "K", 2);
  Priority(feed, "H", 4);
  Priority(feed, "M", 3);
  feed.At(0, 0, MutexWord{.lock = feed.Lock("B"), .owner = feed.Task("L")});
  feed.At(0, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("K")});
  for (const char* task : {"L", "K", "H", "M"}) feed.Wake<SchedWakeupNew>(0, 0, task, 0);
  feed.Switch(0, 0, "idle", 'R', "K");
  const LockId b = feed.Lock("B");
  feed.At(0, 0, MutexWait{.lock = b, .pid = feed.Task("K"), .joined = 1});
  feed.Switch(0, 0, "K", 'D', "M");
  feed.Switch(2, 0, "M", 'R', "H");
  Blocks(feed, 2, "H", "M", "M", false);
  feed.Switch(7, 0, "M", 'X', "L");
  feed.End(9);
  CHECK(books["inversion_cycles"] == 5);
}

TEST_CASE("A donor that wakes where it was lent to is misplaced, one that is returned is not",
          "[views][proxy]") {
  for (const bool returned : {false, true}) {
    EventFeed feed({.cpus = 2, .tasks = {"L", "H"}, .locks = {"A"}});
    Books books;
    feed.To(books);
    feed.Wake<SchedWakeupNew>(0, 0, "H", 0);
    feed.Switch(0, 0, "idle", 'R', "H");
    Blocks(feed, 1, "H", "idle", "idle", true);
    feed.At(1, 0, ProxyMigrate{feed.Task("H"), CpuId(0), CpuId(1)});
    if (returned) {
      feed.At(5, 1, ProxyReturn{feed.Task("H"), CpuId(1)});
      feed.At(5, 1, SchedMigrateTask{feed.Task("H"), 0, CpuId(1), CpuId(0)});
    }
    feed.Wake<SchedWakeup>(5, 1, "H", returned ? 0 : 1);
    feed.End(6);
    CHECK(books["misplaced_wakeups"] == (returned ? 0 : 1));
    CHECK(books["return_migrations"] == (returned ? 1 : 0));
  }
}

TEST_CASE("Walks are counted by how they end", "[views][proxy]") {
  EventFeed feed({.tasks = {"L", "H"}, .locks = {"A"}});
  Books books;
  feed.To(books);
  ProxyWalk walk;
  walk.donor = feed.Task("H");
  walk.end = feed.Task("L");
  for (const int hops : {1, 1, 2, 3, 4, 98}) {
    walk.hops = hops;
    feed.At(0, 0, walk);
  }
  walk.outcome = WalkOutcome::kIdle;
  feed.At(1, 0, walk);
  walk.outcome = WalkOutcome::kAgain;
  feed.At(1, 0, walk);
  feed.At(1, 0, ProxyDeactivate{feed.Task("H")});
  feed.At(2, 0, ProxyPark{feed.Task("H"), feed.Task("L"), 1});
  feed.At(3, 0, ProxyPark{feed.Task("H"), feed.Task("L"), 0});
  feed.End(4);
  CHECK(books["chains_of_1"] == 2);
  CHECK(books["chains_of_2"] == 1);
  CHECK(books["chains_of_3"] == 1);
  CHECK(books["chains_of_4_or_more"] == 2);
  CHECK(books["longest_chain"] == 98);
  CHECK(books["idle_retries"] == 1);
  CHECK(books["pick_agains"] == 1);
  CHECK(books["proxy_deactivations"] == 1);
  CHECK(books["proxy_parks"] == 1);
}

}  // namespace rqsim
