// The queue of the fair class: waiting entities ordered by virtual deadline, equal deadlines by
// insertion, with the question "which is the first that is eligible?" answered in O(log n).
//
// The kernel uses a red-black tree that carries the smallest vruntime, and the smallest and largest
// slice, of each subtree (Linux 7.2 kernel/sched/fair.c: min_vruntime_update()). Boost.Intrusive's
// trees give no place to keep such sums up to date when they rotate, so this is a treap: a search
// tree by key that is a heap by a fixed pseudo-random rank of the task. It is balanced in
// expectation whatever the order of insertions, the same in every run, and links entities that live
// in an array. It allocates only when it is deeper than it ever was.
#ifndef RQSIM_POLICIES_SCHED_CLASS_FAIR_TREE_H_
#define RQSIM_POLICIES_SCHED_CLASS_FAIR_TREE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/ids.h"

namespace rqsim {

// Virtual times are compared by their signed difference, as in the kernel, so that they may wrap.
constexpr int64_t VirtualDiff(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}
constexpr int64_t VirtualAdd(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
constexpr bool VirtualBefore(int64_t a, int64_t b) { return VirtualDiff(a, b) < 0; }

// What the fair class knows of a task (the kernel's sched_entity). Times are virtual unless they
// say otherwise.
struct FairEntity {
  int64_t vruntime = 0;
  int64_t deadline = 0;
  int64_t vlag = 0;
  int64_t vprot = 0;     // protected until
  int64_t slice = 0;     // request length in cycles of real time
  int64_t weight = 0;    // 0: not seen yet
  uint32_t inverse = 0;  // 2^32 / (weight >> 10); 0: virtual time is made by division
  bool is_queued = false;
  bool is_delayed = false;
  bool has_rel_deadline = false;  // `deadline` is a distance
  bool is_new = false;            // its last enqueue was its first

  // The tree's. Children are indices of the array, -1 none; the sums are over the entity's subtree.
  int32_t left = -1;
  int32_t right = -1;
  uint32_t heap_rank = 0;
  bool is_in_tree = false;
  uint64_t insertion = 0;
  int64_t min_vruntime = 0;
  int64_t min_slice = 0;
  int64_t max_slice = 0;
};

class FairTree {
 public:
  bool empty() const { return root_ < 0; }

  void Insert(std::vector<FairEntity>& all, TaskId task, uint64_t insertion) {
    FairEntity& entity = At(all, task.value());
    RQSIM_CHECK(!entity.is_in_tree);
    entity.is_in_tree = true;
    entity.insertion = insertion;
    entity.heap_rank = HeapRank(task);
    // Down to where it is in rank; what is below there goes to its two sides.
    int32_t* link = &root_;
    while (*link >= 0 && At(all, *link).heap_rank >= entity.heap_rank) {
      FairEntity& above = At(all, *link);
      Include(above, entity);
      link = Before(entity, above) ? &above.left : &above.right;
    }
    const auto [low, high] = Split(all, *link, entity);
    entity.left = low;
    entity.right = high;
    Update(all, task.value());
    *link = task.value();
  }

  void Remove(std::vector<FairEntity>& all, TaskId task) {
    FairEntity& entity = At(all, task.value());
    RQSIM_CHECK(entity.is_in_tree);
    entity.is_in_tree = false;
    path_.clear();
    int32_t* link = &root_;
    while (*link != task.value()) {
      RQSIM_CHECK(*link >= 0);
      path_.push_back(*link);
      FairEntity& above = At(all, *link);
      link = Before(entity, above) ? &above.left : &above.right;
    }
    *link = Join(all, entity.left, entity.right);
    entity.left = entity.right = -1;
    // Where nothing changes, nothing does further up.
    while (!path_.empty() && Changes(all, path_.back())) path_.pop_back();
  }

  // The first in order whose vruntime satisfies `is_eligible`, which must hold for every vruntime
  // before one for which it holds; invalid if there is none.
  template <class IsEligible>
  TaskId FirstEligible(const std::vector<FairEntity>& all, const IsEligible& is_eligible) const {
    int32_t node = root_;
    while (node >= 0) {
      const FairEntity& entity = At(all, node);
      if (entity.left >= 0 && is_eligible(At(all, entity.left).min_vruntime)) {
        node = entity.left;
      } else if (is_eligible(entity.vruntime)) {
        return TaskId(node);
      } else {
        node = entity.right;
      }
    }
    return TaskId();
  }

  // The first in order; invalid if empty.
  TaskId First(const std::vector<FairEntity>& all) const {
    return FirstEligible(all, [](int64_t) { return true; });
  }

  // Smallest and largest slice. Precondition: not empty.
  int64_t min_slice(const std::vector<FairEntity>& all) const { return At(all, root_).min_slice; }
  int64_t max_slice(const std::vector<FairEntity>& all) const { return At(all, root_).max_slice; }

 private:
  static FairEntity& At(std::vector<FairEntity>& all, int32_t i) {
    return all[static_cast<std::size_t>(i)];
  }
  static const FairEntity& At(const std::vector<FairEntity>& all, int32_t i) {
    return all[static_cast<std::size_t>(i)];
  }

  static uint32_t HeapRank(TaskId task) {
    uint64_t x = static_cast<uint64_t>(task.value()) * 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    return static_cast<uint32_t>((x ^ (x >> 27)) >> 32);
  }

  static bool Before(const FairEntity& a, const FairEntity& b) {
    if (a.deadline != b.deadline) return VirtualBefore(a.deadline, b.deadline);
    return a.insertion < b.insertion;
  }

  // Recomputes the sums of `node` from its children.
  static void Update(std::vector<FairEntity>& all, int32_t node) {
    FairEntity& entity = At(all, node);
    entity.min_vruntime = entity.vruntime;
    entity.min_slice = entity.max_slice = entity.slice;
    for (int32_t child : {entity.left, entity.right}) {
      if (child < 0) continue;
      const FairEntity& below = At(all, child);
      if (VirtualBefore(below.min_vruntime, entity.min_vruntime)) {
        entity.min_vruntime = below.min_vruntime;
      }
      entity.min_slice = std::min(entity.min_slice, below.min_slice);
      entity.max_slice = std::max(entity.max_slice, below.max_slice);
    }
  }

  // Cuts the subtree of `node` into what comes before `pivot` and what comes after.
  static std::pair<int32_t, int32_t> Split(std::vector<FairEntity>& all, int32_t node,
                                           const FairEntity& pivot) {
    if (node < 0) return {-1, -1};
    FairEntity& entity = At(all, node);
    if (Before(entity, pivot)) {
      const auto [low, high] = Split(all, entity.right, pivot);
      entity.right = low;
      Update(all, node);
      return {node, high};
    }
    const auto [low, high] = Split(all, entity.left, pivot);
    entity.left = high;
    Update(all, node);
    return {low, node};
  }

  // Joins two subtrees, all of `low` before all of `high`.
  static int32_t Join(std::vector<FairEntity>& all, int32_t low, int32_t high) {
    if (low < 0) return high;
    if (high < 0) return low;
    if (At(all, low).heap_rank >= At(all, high).heap_rank) {
      At(all, low).right = Join(all, At(all, low).right, high);
      Update(all, low);
      return low;
    }
    At(all, high).left = Join(all, low, At(all, high).left);
    Update(all, high);
    return high;
  }

  // A subtree gets one more.
  static void Include(FairEntity& top, const FairEntity& entity) {
    if (VirtualBefore(entity.vruntime, top.min_vruntime)) top.min_vruntime = entity.vruntime;
    top.min_slice = std::min(top.min_slice, entity.slice);
    top.max_slice = std::max(top.max_slice, entity.slice);
  }

  // Recomputes the sums of `node`; false if they are what they were.
  static bool Changes(std::vector<FairEntity>& all, int32_t node) {
    const FairEntity& entity = At(all, node);
    const int64_t min_vruntime = entity.min_vruntime;
    const int64_t min_slice = entity.min_slice, max_slice = entity.max_slice;
    Update(all, node);
    return entity.min_vruntime != min_vruntime || entity.min_slice != min_slice ||
           entity.max_slice != max_slice;
  }

  int32_t root_ = -1;
  std::vector<int32_t> path_;  // of a removal: what stands above
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_SCHED_CLASS_FAIR_TREE_H_
