// The arithmetic of the fair class against a sorted list that is looked through from the start.
#include "sched_class/fair_queue.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "support/catch.h"

namespace rqsim {
namespace {

// xorshift: the same numbers everywhere.
class Numbers {
 public:
  explicit Numbers(uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}
  int64_t Below(int64_t limit) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<int64_t>(state_ % static_cast<uint64_t>(limit));
  }

 private:
  uint64_t state_;
};

// What classes.md 4.2 to 4.7 says, without sums that are carried along and without a tree.
struct Oracle {
  const std::vector<FairEntity>& all;
  std::vector<std::pair<uint64_t, int>>
      queued;                  // insertion, task; the running one is not among them
  bool keeps_request = false;  // the rules of 6.12: protected until the request is renewed
  int curr = 0;                // 0: none
  bool curr_queued = false;

  const FairEntity& At(int task) const { return all[static_cast<std::size_t>(task)]; }
  std::vector<int> Everybody() const {
    std::vector<int> tasks;
    for (const auto& [insertion, task] : queued) tasks.push_back(task);
    if (curr_queued) tasks.push_back(curr);
    return tasks;
  }
  // sum w (V' - v) >= 0 for V' = v of the candidate, multiplied out.
  bool IsEligible(int64_t vruntime) const {
    Wide behind = 0;
    for (int task : Everybody()) {
      behind += static_cast<Wide>(At(task).vruntime - vruntime) * At(task).weight;
    }
    return behind >= 0;
  }
  bool IsProtected(const FairEntity& entity) const {
    return keeps_request ? entity.vprot == entity.deadline : entity.vruntime < entity.vprot;
  }
  int Pick(bool protect) const {
    const std::vector<int> everybody = Everybody();
    if (everybody.size() == 1) return everybody.front();
    const bool curr_in = curr_queued && IsEligible(At(curr).vruntime);
    if (curr_in && protect && IsProtected(At(curr))) return curr;
    auto order = queued;
    // total order: insertions are distinct
    std::sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
      if (At(a.second).deadline != At(b.second).deadline) {
        return At(a.second).deadline < At(b.second).deadline;
      }
      return a.first < b.first;
    });
    for (const auto& [insertion, task] : order) {
      if (!IsEligible(At(task).vruntime)) continue;
      return curr_in && At(curr).deadline < At(task).deadline ? curr : task;
    }
    return curr_in ? curr : 0;
  }
  void Erase(int task) {
    queued.erase(std::find_if(queued.begin(), queued.end(),
                              [&](const auto& entry) { return entry.second == task; }));
  }
};

int64_t FloorDivide(Wide a, int64_t b) { return static_cast<int64_t>(a / b - (a % b < 0 ? 1 : 0)); }

TEST_CASE("The queue answers as a list that is looked through", "[sched_class][fair][property]") {
  const int seed = GENERATE(range(1, 41));
  const KernelVersion kernel = GENERATE(KernelVersion::k7_2, KernelVersion::k6_12);
  const bool is_old = kernel == KernelVersion::k6_12;
  INFO("seed " << seed << (is_old ? ", 6.12" : ", 7.2"));
  struct Load {
    int64_t weight;
    uint32_t inverse;
  };
  constexpr Load kLoads[] = {{15, 286331153}, {110, 39045157}, {335, 12820798},
                             {1024, 4194304}, {1024, 4194304}, {1024, 4194304},
                             {3121, 1376151}, {88761, 48388},  {3, 1431655765}};
  constexpr int64_t kSlices[] = {100, 500, 3000, 3000, 7000};
  const int num_tasks = seed % 5 == 0 ? 120 : 2 + seed % 9;
  Numbers numbers(static_cast<uint64_t>(seed));
  std::vector<FairEntity> all(static_cast<std::size_t>(num_tasks) + 1);
  const auto change_weight = [&](FairEntity& entity) {
    const Load& load = kLoads[numbers.Below(9)];
    entity.weight = load.weight << 10;
    entity.inverse = is_old ? load.inverse : 0;
  };
  for (FairEntity& entity : all) {
    change_weight(entity);
    entity.slice = kSlices[numbers.Below(5)];
  }
  const FairFeatures features;
  const FairRules rules = FairRulesOf(kernel);
  FairQueue queue(all, features, rules);
  Oracle oracle{all, {}, is_old};
  uint64_t insertions = 0;
  std::map<std::string, int> seen;

  const auto check = [&] {
    const std::vector<int> everybody = oracle.Everybody();
    REQUIRE(queue.nr_queued() == static_cast<int>(everybody.size()));
    if (everybody.empty()) return;
    bool anybody = false;
    Wide moment = 0;
    int64_t weight = 0;
    for (int task : everybody) {
      const bool eligible = oracle.IsEligible(oracle.At(task).vruntime);
      REQUIRE(queue.IsEligible(oracle.At(task).vruntime) == eligible);
      anybody = anybody || eligible;
      moment += static_cast<Wide>(oracle.At(task).vruntime) * oracle.At(task).weight;
      weight += oracle.At(task).weight;
    }
    REQUIRE(anybody);
    REQUIRE(queue.Average() == FloorDivide(moment, weight));
    for (bool protect : {true, false}) {
      const int expected = oracle.Pick(protect);
      REQUIRE(queue.Pick(protect).value() == expected);
      REQUIRE(queue.PickByDeadline(protect).value() == expected);
      ++seen[expected == oracle.curr ? "stays" : "switches"];
    }
  };

  for (int step = 0; step < 600; ++step) {
    const int task = 1 + static_cast<int>(numbers.Below(num_tasks));
    FairEntity& entity = all[static_cast<std::size_t>(task)];
    switch (numbers.Below(5)) {
      case 0:
        if (entity.is_queued || task == oracle.curr) break;
        if (numbers.Below(4) == 0) {
          change_weight(entity);
          ++seen["reweighted"];
        }
        entity.slice = kSlices[numbers.Below(5)];
        queue.Place(TaskId(task), numbers.Below(4) == 0);
        queue.Add(TaskId(task), ++insertions);
        oracle.queued.emplace_back(insertions, task);
        ++seen["joins"];
        break;
      case 1: {
        if (!entity.is_queued || numbers.Below(3) != 0) break;
        // Lag is within its limit, and placing with it comes back to the same distance.
        const int64_t average = queue.Average();
        queue.UpdateLag(TaskId(task), 1000);
        const int64_t limit =
            VirtualDelta(is_old ? std::max<int64_t>(2 * entity.slice, 1000) : 7000 + 1000, entity);
        REQUIRE(entity.vlag <= limit);
        REQUIRE(entity.vlag >= -limit);
        if (entity.vlag != average - entity.vruntime) ++seen["lag limited"];
        queue.Remove(TaskId(task));
        if (task == oracle.curr) {
          oracle.curr_queued = false;
          queue.PutPrev(++insertions);
          oracle.curr = 0;
        } else {
          oracle.Erase(task);
        }
        ++seen["leaves"];
        break;
      }
      case 2:
        if (oracle.curr == 0) break;
        entity = all[static_cast<std::size_t>(task)];
        {
          FairEntity& curr = all[static_cast<std::size_t>(oracle.curr)];
          curr.vruntime += VirtualDelta(1 + numbers.Below(1500), curr);
          if (curr.vruntime >= curr.deadline) {
            curr.deadline = curr.vruntime + VirtualDelta(curr.slice, curr);
            ++seen["renews"];
          }
        }
        break;
      case 3: {
        if (queue.nr_queued() == 0) break;
        const int next = queue.Pick(true).value();
        if (next == oracle.curr) break;
        if (oracle.curr != 0) {
          queue.PutPrev(++insertions);
          if (oracle.curr_queued) oracle.queued.emplace_back(insertions, oracle.curr);
        }
        queue.SetNext(TaskId(next), true, 700);
        oracle.Erase(next);
        oracle.curr = next;
        oracle.curr_queued = true;
        break;
      }
      case 4:
        // A sleeper in debt wakes up: placed anew with what it has now.
        if (!entity.is_queued || numbers.Below(3) != 0) break;
        queue.UpdateLag(TaskId(task), 1000);
        queue.Replace(TaskId(task), ++insertions);
        if (task != oracle.curr) {
          oracle.Erase(task);
          oracle.queued.emplace_back(insertions, task);
        }
        if (task == oracle.curr && numbers.Below(2) == 0) {
          queue.CancelProtection();
          REQUIRE(!oracle.IsProtected(entity));
          ++seen["unprotected"];
        }
        ++seen["placed anew"];
        break;
    }
    check();
  }
  // Nothing is proven by a world in which nothing happens.
  for (const char* what :
       {"joins", "leaves", "renews", "stays", "switches", "reweighted", "placed anew"}) {
    INFO(what);
    CHECK(seen[what] > 0);
  }
}

TEST_CASE("Virtual time is exact and rounds down", "[sched_class][fair]") {
  CHECK(VirtualDelta(1000, int64_t{335} << 10) == 3056);  // 1024000 / 335 = 3056.7
  CHECK(VirtualDelta(1000, int64_t{3} << 10) == 341333);  // 1024000 / 3
  CHECK(VirtualDelta(1000, int64_t{88761} << 10) == 11);  // 1024000 / 88761 = 11.5
  CHECK(VirtualDelta(1000, kNice0Weight) == 1000);
}

// Linux 6.12 kernel/sched/fair.c: __calc_delta(), worked out by hand.
TEST_CASE("Virtual time by a reciprocal is what the shifts leave", "[sched_class][fair]") {
  // 1024 * 119304647 >> 5 = 3817748704; 9000 * that >> 27 = 255999.9998.
  CHECK(VirtualDeltaByInverse(9000, 119304647) == 255999);
  CHECK(VirtualDelta(9000, int64_t{36} << 10) == 256000);
  // 1024 * 48388 = 49549312 needs no shift; * 10^6 >> 32 = 11536.6.
  CHECK(VirtualDeltaByInverse(1'000'000, 48388) == 11536);
  // 1024 * 1431655765 >> 9 = 2863311530; 3000 * that >> 23 = 1023999.9996.
  CHECK(VirtualDeltaByInverse(3000, 1431655765) == 1023999);
}

TEST_CASE("Virtual times may wrap around", "[sched_class][fair]") {
  constexpr int64_t kEnd = INT64_MAX - 10;
  CHECK(VirtualBefore(kEnd, VirtualAdd(kEnd, 100)));
  CHECK(VirtualDiff(VirtualAdd(kEnd, 100), kEnd) == 100);
}

}  // namespace
}  // namespace rqsim
