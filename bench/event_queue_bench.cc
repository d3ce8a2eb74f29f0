// The event queue by itself, hold model: take the earliest event, schedule the next. Beside it
// std::priority_queue and Boost.Intrusive's red-black tree on the same keys and times, so that the
// ratio can be quoted from one run.
#include <benchmark/benchmark.h>

#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <queue>
#include <vector>

#include "sim/engine/event_queue.h"

namespace rqsim {
namespace {

// Times to the next event: the same for every queue.
class Delays {
 public:
  int64_t Next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return 1 + static_cast<int64_t>((state_ >> 33) % 1000);
  }

 private:
  uint64_t state_ = 42;
};

void WinnerTree(benchmark::State& state) {
  EventQueue queue(static_cast<int>(state.range(0)));
  Delays delays;
  for (int64_t i = 0; i < state.range(0); ++i) {
    queue.Push(Time(delays.Next()), Phase::kTimer, CpuId(0), static_cast<uint32_t>(i));
  }
  for (auto _ : state) {
    const Time now = queue.TopKey().t();
    const uint32_t payload = queue.TopPayload();
    queue.Pop();
    queue.Push(now + Cycles(delays.Next()), Phase::kTimer, CpuId(0), payload);
  }
  state.SetItemsProcessed(state.iterations());
}

void StdPriorityQueue(benchmark::State& state) {
  struct Later {
    bool operator()(const EventKey& a, const EventKey& b) const { return b < a; }
  };
  std::priority_queue<EventKey, std::vector<EventKey>, Later> queue;
  Delays delays;
  uint64_t sequence = 0;
  const auto push = [&](uint64_t t) {
    EventKey key;
    key.time = t;
    key.order = (uint64_t{4} << 60) | ++sequence;
    queue.push(key);
  };
  for (int64_t i = 0; i < state.range(0); ++i) push(static_cast<uint64_t>(delays.Next()));
  for (auto _ : state) {
    const uint64_t now = queue.top().time;
    queue.pop();
    push(now + static_cast<uint64_t>(delays.Next()));
  }
  state.SetItemsProcessed(state.iterations());
}

struct TreeEvent : boost::intrusive::set_base_hook<> {
  EventKey key;
  friend bool operator<(const TreeEvent& a, const TreeEvent& b) { return a.key < b.key; }
};

void BoostRbTree(benchmark::State& state) {
  std::vector<TreeEvent> events(static_cast<std::size_t>(state.range(0)));
  boost::intrusive::set<TreeEvent> queue;
  Delays delays;
  uint64_t sequence = 0;
  for (TreeEvent& event : events) {
    event.key.time = static_cast<uint64_t>(delays.Next());
    event.key.order = ++sequence;
    queue.insert(event);
  }
  for (auto _ : state) {
    TreeEvent& first = *queue.begin();
    queue.erase(queue.begin());
    first.key.time += static_cast<uint64_t>(delays.Next());
    first.key.order = ++sequence;
    queue.insert(first);
  }
  state.SetItemsProcessed(state.iterations());
  queue.clear();
}

BENCHMARK(WinnerTree)->Arg(16)->Arg(256)->Arg(4096)->Arg(65536);
BENCHMARK(StdPriorityQueue)->Arg(16)->Arg(256)->Arg(4096)->Arg(65536);
BENCHMARK(BoostRbTree)->Arg(16)->Arg(256)->Arg(4096)->Arg(65536);

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
