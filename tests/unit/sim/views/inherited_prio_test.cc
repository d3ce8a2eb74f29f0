#include "sim/views/inherited_prio.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "support/catch.h"

namespace rqsim {
namespace {

constexpr LockId kA(0), kB(1);
constexpr TaskId kL(1), kK(2), kH(3), kM(4);

// L owns B and K waits for it; K owns A. Their own prios are 98 and 97.
InheritedPrio Chain() {
  InheritedPrio prios;
  prios.Start(5, 2);
  prios.SetOwn(kL, 98);
  prios.SetOwn(kK, 97);
  prios.SetOwner(kB, kL);
  prios.SetWait(kK, kB);
  prios.SetOwner(kA, kK);
  return prios;
}

TEST_CASE("PrioCounts knows the most important of many, however they come and go", "[views]") {
  PrioCounts counts;
  CHECK(counts.First() == kNoPrio);
  for (const int32_t prio : {95, 90, 95, 97}) counts.Add(prio);
  CHECK(counts.First() == 90);
  CHECK(counts.CountOf(95) == 2);
  counts.Move(90, 96);
  CHECK(counts.First() == 95);
  counts.Remove(95);
  CHECK(counts.First() == 95);
  counts.Move(95, kNoPrio);
  CHECK(counts.First() == 96);
  CHECK(counts.CountOf(95) == 0);
}

TEST_CASE("A waiter's prio goes along waits and owners to the end", "[views]") {
  InheritedPrio prios = Chain();
  prios.ClearChanged();
  prios.SetOwn(kH, 90);
  prios.SetWait(kH, kA);
  CHECK(prios.Of(kK) == 90);
  CHECK(prios.Of(kL) == 90);
  CHECK(prios.changed() == std::vector<TaskId>{kH, kK, kL});
  // Who is less important changes nothing.
  prios.ClearChanged();
  prios.SetOwn(kM, 95);
  prios.SetWait(kM, kA);
  CHECK(prios.changed() == std::vector<TaskId>{kM});
  // When H has gone, M is the first.
  prios.SetWait(kH, LockId());
  CHECK(prios.Of(kK) == 95);
  CHECK(prios.Of(kL) == 95);
  CHECK(prios.Of(kH) == 90);
}

TEST_CASE("A lock's waiters stand for whoever owns it", "[views]") {
  InheritedPrio prios = Chain();
  prios.SetOwn(kH, 90);
  prios.SetWait(kH, kA);
  prios.SetOwner(kA, TaskId());
  CHECK(prios.Of(kK) == 97);
  CHECK(prios.Of(kL) == 97);
  prios.SetOwner(kA, kM);
  CHECK(prios.Of(kM) == 90);
  CHECK(prios.Of(kL) == 97);
}

TEST_CASE("A task counts through others although it has no prio of its own", "[views]") {
  InheritedPrio prios = Chain();
  prios.SetOwn(kK, kNoPrio);
  CHECK(prios.Of(kL) == 98);
  prios.SetOwn(kH, 99);
  prios.SetWait(kH, kA);
  CHECK(prios.Of(kK) == 99);
  prios.SetOwn(kL, kNoPrio);
  CHECK(prios.Of(kL) == 99);
}

TEST_CASE("What a circle of waits leaves behind is right when it is broken", "[views]") {
  InheritedPrio prios = Chain();
  prios.SetWait(kL, kA);  // L waits for K, which waits for L
  CHECK(prios.Of(kL) == 97);
  prios.SetOwn(kH, 90);
  prios.SetWait(kH, kA);
  CHECK(prios.Of(kL) == 90);
  prios.SetWait(kH, LockId());
  prios.SetWait(kL, LockId());
  CHECK(prios.Of(kK) == 97);
  CHECK(prios.Of(kL) == 97);
}

// Everything anew, by the definition.
class Definition {
 public:
  Definition(int tasks, int locks)
      : own_(static_cast<std::size_t>(tasks), kNoPrio),
        waits_(own_.size()),
        owners_(static_cast<std::size_t>(locks)) {}

  std::vector<int32_t> own_;
  std::vector<LockId> waits_;
  std::vector<TaskId> owners_;

  TaskId Next(TaskId task) const {
    const LockId lock = waits_[task.index()];
    return lock.valid() ? owners_[lock.index()] : TaskId();
  }
  bool HasCircle() const {
    for (std::size_t i = 0; i < own_.size(); ++i) {
      TaskId at(static_cast<int32_t>(i));
      for (std::size_t hops = 0; at.valid() && hops <= own_.size(); ++hops) at = Next(at);
      if (at.valid()) return true;
    }
    return false;
  }
  int32_t Of(TaskId task) const {
    int32_t prio = own_[task.index()];
    for (std::size_t i = 0; i < own_.size(); ++i) {
      const TaskId other(static_cast<int32_t>(i));
      if (Next(other) == task) prio = std::min(prio, Of(other));
    }
    return prio;
  }
};

TEST_CASE("Whatever changes, the prios are those of the definition", "[views]") {
  constexpr int kTasks = 9, kLocks = 5;
  InheritedPrio prios;
  prios.Start(kTasks, kLocks);
  Definition definition(kTasks, kLocks);
  uint64_t state = 1;
  const auto draw = [&](int below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(below));
  };
  int compared = 0, circles = 0;
  for (int i = 0; i < 20'000; ++i) {
    const TaskId task(draw(kTasks));
    const LockId lock(draw(kLocks));
    switch (draw(4)) {
      case 0:
        definition.own_[task.index()] = draw(3) == 0 ? kNoPrio : 90 + draw(6);
        prios.SetOwn(task, definition.own_[task.index()]);
        break;
      case 1:
        definition.waits_[task.index()] = lock;
        prios.SetWait(task, lock);
        break;
      case 2:
        definition.waits_[task.index()] = LockId();
        prios.SetWait(task, LockId());
        break;
      default:
        definition.owners_[lock.index()] = draw(3) == 0 ? TaskId() : task;
        prios.SetOwner(lock, definition.owners_[lock.index()]);
        break;
    }
    if (definition.HasCircle()) {
      ++circles;
      continue;
    }
    ++compared;
    for (int t = 0; t < kTasks; ++t) {
      INFO("step " << i << " task " << t);
      REQUIRE(prios.Of(TaskId(t)) == definition.Of(TaskId(t)));
    }
  }
  CHECK(compared > 1000);
  CHECK(circles > 1000);
}

}  // namespace
}  // namespace rqsim
