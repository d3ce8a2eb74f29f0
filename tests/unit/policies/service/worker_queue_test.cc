// The queues of servers, against a plain vector.
#include "service/umcg/worker_queue.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "support/catch.h"
#include "support/random.h"

namespace rqsim {
namespace {

using umcg::WorkerQueue;

std::vector<TaskId> ContentsOf(const WorkerQueue& queue) {
  std::vector<TaskId> contents;
  for (std::size_t i = 0; i < queue.size(); ++i) contents.push_back(queue[i]);
  return contents;
}

TEST_CASE("A queue of workers keeps the order of a vector, whatever joins and leaves where",
          "[service][umcg]") {
  constexpr int kWorkers = 6;
  int fronts = 0, backs = 0, middles = 0, absent = 0, twice = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    WorkerQueue queue;
    queue.Reserve(kWorkers);
    std::vector<TaskId> model;
    for (int step = 0; step < 200; ++step) {
      const TaskId worker(1 + random.Below(kWorkers));
      const auto found = std::find(model.begin(), model.end(), worker);
      REQUIRE(queue.Contains(worker) == (found != model.end()));
      if (random.OneIn(2) && model.size() < 2 * kWorkers) {
        if (found != model.end()) ++twice;
        const auto place =
            static_cast<std::size_t>(random.Below(static_cast<int>(model.size()) + 1));
        if (random.OneIn(2)) {
          queue.PushBack(worker);
          model.push_back(worker);
        } else {
          queue.Insert(place, worker);
          model.insert(model.begin() + static_cast<std::ptrdiff_t>(place), worker);
        }
      } else if (random.OneIn(2)) {
        // What servers do: of the first or the last one.
        if (model.empty()) continue;
        const bool front = random.OneIn(2);
        const TaskId end = front ? model.front() : model.back();
        REQUIRE(queue.Remove(end));
        // Both ends may have the same worker: it leaves the first place then.
        if (model.front() == end) {
          model.erase(model.begin());
          ++fronts;
        } else {
          model.pop_back();
          ++backs;
        }
      } else {
        const bool is_end = !model.empty() && (model.front() == worker || model.back() == worker);
        if (is_end) continue;
        REQUIRE(queue.Remove(worker) == (found != model.end()));
        if (found == model.end()) ++absent;
        if (found == model.end()) continue;
        model.erase(found);
        ++middles;
      }
      REQUIRE(ContentsOf(queue) == model);
      REQUIRE(queue.empty() == model.empty());
    }
  }
  CHECK(fronts > 1000);
  CHECK(backs > 1000);
  CHECK(middles > 1000);
  CHECK(absent > 1000);
  CHECK(twice > 1000);
}

}  // namespace
}  // namespace rqsim
