#include "sim/views/lock_history.h"

#include <string>
#include <string_view>

#include "sim/views/report_text.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// PX-02 under 7.2: K waits from 1 for B of L, H from 2 for A of K. L hands B to K at 3 and runs on
// until 4, K hands A to H at 6 and runs on until 7.
struct TwoLocks {
  EventFeed feed{{.tasks = {"L", "K", "H"}, .locks = {"A", "B"}}};
  LockHistory history;
  Result result;

  TwoLocks() {
    feed.To(history);
    Word(0, "B", "L");
    Runs(0, "L", "L");
    Word(1, "A", "K");
    Waits(1, "K", "B");
    Runs(1, "L", "K");
    Waits(2, "H", "A");
    Runs(2, "L", "H");
    HandsOver(3, "B", "L", "K");
    Runs(4, "K", "H");
    Got(4, "K", "B");
    HandsOver(6, "A", "K", "H");
    Runs(7, "H", "H");
    Got(7, "H", "A");
    feed.End(8);
    for (const char* task : {"idle", "L", "K", "H"}) result.task_names.emplace_back(task);
    for (const char* lock : {"A", "B"}) {
      result.locks.emplace_back();
      result.locks.back().name = lock;
      result.locks.back().acquisitions = 2;
    }
    result.chains = history.TakeChains();
    result.lock_waits = history.TakeWaits();
    result.lock_passings = history.TakePassings();
    result.end = Time(8);
  }

  void Word(int64_t t, std::string_view lock, std::string_view owner) {
    feed.At(t, 0, MutexWord{.lock = feed.Lock(lock), .owner = feed.Task(owner), .flags = 0});
  }
  void Edge(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, MutexBlockedOn{.pid = feed.Task(task), .lock = feed.Lock(lock)});
  }
  void Waits(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, ContentionBegin{.lock = feed.Lock(lock), .pid = feed.Task(task), .flags = 0});
    Edge(t, task, lock);
    // Spinning that turns into sleeping begins a second time.
    feed.At(t, 0, ContentionBegin{.lock = feed.Lock(lock), .pid = feed.Task(task), .flags = 0});
  }
  void Got(int64_t t, std::string_view task, std::string_view lock) {
    feed.At(t, 0, ContentionEnd{.lock = feed.Lock(lock), .pid = feed.Task(task), .ret = 0});
  }
  void HandsOver(int64_t t, std::string_view lock, std::string_view from, std::string_view to) {
    Word(t, lock, to);
    Edge(t, to, "");
    feed.At(t, 0,
            MutexHandoff{.lock = feed.Lock(lock),
                         .pid = feed.Task(from),
                         .to = feed.Task(to),
                         .reason = HandoffReason::kDonor});
  }
  void Runs(int64_t t, std::string_view curr, std::string_view donor) {
    SchedSwitch event;
    event.next_pid = feed.Task(curr);
    event.donor = feed.Task(donor);
    feed.At(t, 0, event);
  }
};

TEST_CASE("Chains are listed from the donor to who executes, overruns apart", "[views][locks]") {
  const TwoLocks run;
  std::string text;
  for (const ProxyChain& chain : run.result.chains) {
    text += std::to_string(chain.start.cycles()) + "-" + std::to_string(chain.end.cycles()) + " " +
            ChainText(run.result, chain) + "\n";
  }
  CHECK(text ==
        "1-2 K -B-> L\n"
        "2-3 H -A-> K -B-> L\n"
        "3-4 H .. L  overrun\n"
        "4-6 H -A-> K\n"
        "6-7 H .. K  overrun\n");
  CHECK(OverrunCycles(run.result) == Cycles(2));
}

TEST_CASE("Who waited for whom is summed up, the most cycles first", "[views][locks]") {
  const TwoLocks run;
  const auto sums = LockWaitSums(run.result);
  REQUIRE(sums.size() == 2);
  // H waits [2,7) for K, K [1,4) for L.
  CHECK(sums[0].task == run.feed.Task("H"));
  CHECK(sums[0].owner == run.feed.Task("K"));
  CHECK(sums[0].cycles == Cycles(5));
  CHECK(sums[1].cycles == Cycles(3));
  CHECK(sums[1].times == 1);
}

TEST_CASE("The page of locks is made of tables, empty ones left out", "[views][locks]") {
  const TwoLocks run;
  const std::string page = LocksText(run.result);
  for (const char* line :
       {"FROM  TO  TASK  WAITS FOR  OF\n   1   4  K     B          L\n   2   7  H     A          "
        "K\n",
        "AT  LOCK  PASSED  FROM  TO\n 3  B     donor   L     K\n 6  A     donor   K     H\n",
        "0       2   3  H -A-> K -B-> L\n0       3   4  H .. L  overrun\n",
        "\noverrun 2 cycles, inversion 0 cycles\n"}) {
    INFO(page);
    CHECK(page.find(line) != std::string::npos);
  }
  Result nothing;
  CHECK(LocksText(nothing).find("FROM") == std::string::npos);
}

TEST_CASE("A wait that the end of the run cuts off has no end; one that was given up has its errno",
          "[views][locks]") {
  EventFeed feed({.tasks = {"L", "H", "W"}, .locks = {"A"}});
  LockHistory history;
  feed.To(history);
  feed.At(0, 0, MutexWord{.lock = feed.Lock("A"), .owner = feed.Task("L"), .flags = 0});
  feed.At(1, 0, ContentionBegin{.lock = feed.Lock("A"), .pid = feed.Task("H"), .flags = 0});
  feed.At(2, 0, ContentionBegin{.lock = feed.Lock("A"), .pid = feed.Task("W"), .flags = 0});
  feed.At(5, 0, ContentionEnd{.lock = feed.Lock("A"), .pid = feed.Task("W"), .ret = -4});
  feed.End(9);
  const auto waits = history.TakeWaits();
  REQUIRE(waits.size() == 2);
  CHECK(waits[0].task == feed.Task("W"));
  CHECK(waits[0].result == -4);
  CHECK(waits[0].end == Time(5));
  CHECK(waits[1].task == feed.Task("H"));
  CHECK_FALSE(waits[1].end.has_value());
}

}  // namespace
}  // namespace rqsim
