#include "sim/engine/event_queue.h"

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

#include "sim/engine/cpu_bitmap.h"
#include "sim/engine/digest.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// A small generator of our own, so that every run tries the same worlds.
class Dice {
 public:
  explicit Dice(uint64_t seed) : state_(seed * 2654435761u + 1) {}
  int64_t Below(int64_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(n));
  }

 private:
  uint64_t state_;
};

TEST_CASE("Events come by time, then phase, then CPU, then in the order in which they were made",
          "[engine]") {
  EventQueue queue;
  queue.Push(Time(5), Phase::kTick, CpuId(0), 0);
  queue.Push(Time(5), Phase::kCostEnd, CpuId(3), 1);
  queue.Push(Time(5), Phase::kSegEnd, CpuId(2), 2);
  queue.Push(Time(5), Phase::kSegEnd, CpuId(1), 3);
  queue.Push(Time(4), Phase::kResched, CpuId(7), 4);
  queue.Push(Time(5), Phase::kTimer, CpuId(1), 5);
  queue.Push(Time(5), Phase::kTimer, CpuId(1), 6);
  std::vector<uint32_t> order;
  while (!queue.empty()) {
    order.push_back(queue.TopPayload());
    queue.Pop();
  }
  CHECK(order == std::vector<uint32_t>{4, 1, 3, 2, 5, 6, 0});
}

TEST_CASE("A cancelled event never comes, and its handle is used again", "[engine]") {
  EventQueue queue;
  const EventQueue::Handle first = queue.Push(Time(1), Phase::kTimer, CpuId(0), 1);
  queue.Push(Time(2), Phase::kTimer, CpuId(0), 2);
  CHECK(queue.TimeOf(first) == Time(1));
  queue.Cancel(first);
  REQUIRE(queue.size() == 1);
  CHECK(queue.TopPayload() == 2);
  CHECK(queue.Push(Time(9), Phase::kTimer, CpuId(0), 3) == first);
}

TEST_CASE("What is to be first comes before its equals, in the order in which it was made",
          "[engine]") {
  EventQueue queue;
  queue.Push(Time(5), Phase::kTimer, CpuId(1), 0);
  queue.PushFirst(Time(5), Phase::kTimer, CpuId(1), 1);
  queue.PushFirst(Time(5), Phase::kTimer, CpuId(1), 2);
  queue.Push(Time(5), Phase::kTimer, CpuId(0), 3);
  queue.Push(Time(5), Phase::kIpi, CpuId(2), 4);
  std::vector<uint32_t> order;
  while (!queue.empty()) {
    order.push_back(queue.TopPayload());
    queue.Pop();
  }
  CHECK(order == std::vector<uint32_t>{4, 3, 1, 2, 0});
}

TEST_CASE("The next event of the same phase and CPU is found", "[engine]") {
  EventQueue queue;
  const EventQueue::Handle first = queue.Push(Time(3), Phase::kTimer, CpuId(1), 0);
  queue.Push(Time(9), Phase::kTimer, CpuId(1), 1);
  const EventQueue::Handle second = queue.Push(Time(7), Phase::kTimer, CpuId(1), 2);
  queue.Push(Time(4), Phase::kTimer, CpuId(0), 3);
  queue.Push(Time(4), Phase::kTick, CpuId(1), 4);
  CHECK(queue.TimeOfNext(first) == Time(7));
  CHECK(queue.TimeOfNext(second) == Time(9));
  queue.Cancel(second);
  CHECK(queue.TimeOfNext(first) == Time(9));
}

TEST_CASE("The queue agrees with a sorted list over random pushes, pops and cancellations",
          "[engine]") {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Dice dice(seed);
    EventQueue queue;
    struct Pending {
      int64_t t;
      int phase, cpu;
      uint64_t made;
      EventQueue::Handle handle;
      uint32_t payload;
      bool operator<(const Pending& o) const {
        return std::tie(t, phase, cpu, made) < std::tie(o.t, o.phase, o.cpu, o.made);
      }
    };
    std::vector<Pending> oracle;
    uint64_t made = 0;
    int64_t now = 0;
    for (int step = 0; step < 2000; ++step) {
      // Up to some 300 events: the tree grows several times.
      const int64_t what = dice.Below(oracle.size() > 300 ? 2 : 5);
      if (what >= 2 || oracle.empty()) {
        Pending event{now + dice.Below(20),
                      static_cast<int>(1 + dice.Below(7)),
                      static_cast<int>(dice.Below(4)),
                      ++made,
                      0,
                      static_cast<uint32_t>(made)};
        event.handle = queue.Push(Time(event.t), static_cast<Phase>(event.phase), CpuId(event.cpu),
                                  event.payload);
        oracle.push_back(event);
      } else if (what == 1) {
        const auto victim = oracle.begin() + dice.Below(static_cast<int64_t>(oracle.size()));
        queue.Cancel(victim->handle);
        oracle.erase(victim);
      } else {
        const auto first = std::min_element(oracle.begin(), oracle.end());
        REQUIRE(queue.TopPayload() == first->payload);
        REQUIRE(queue.TopKey().t() == Time(first->t));
        REQUIRE(queue.TopKey().phase() == static_cast<Phase>(first->phase));
        REQUIRE(queue.TopKey().cpu() == CpuId(first->cpu));
        now = first->t;
        queue.Pop();
        oracle.erase(first);
      }
      REQUIRE(queue.size() == static_cast<int>(oracle.size()));
    }
  }
}

TEST_CASE("A bitmap of CPUs gives the lowest first and walks upwards", "[engine]") {
  CpuBitmap due;
  CHECK(due.empty());
  for (int cpu : {700, 3, 64, 1023}) due.Set(CpuId(cpu));
  CHECK(due.First() == CpuId(3));
  CHECK(due.After(CpuId(3)) == CpuId(64));
  CHECK(due.After(CpuId(64)) == CpuId(700));
  CHECK(due.After(CpuId(700)) == CpuId(1023));
  CHECK(!due.After(CpuId(1023)).valid());
  due.Clear(CpuId(3));
  CHECK(due.First() == CpuId(64));
  CHECK(!due.Test(CpuId(3)));
}

TEST_CASE("A digest tells the order of words apart", "[engine]") {
  Digest ab, ba, again;
  ab.Add(1);
  ab.Add(2);
  ba.Add(2);
  ba.Add(1);
  again.Add(1);
  again.Add(2);
  CHECK(ab.value() == again.value());
  CHECK(ab.value() != ba.value());
}

}  // namespace
}  // namespace rqsim
