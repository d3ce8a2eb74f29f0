// How many of something there are of each kernel prio (smaller is more important), and which is
// the most important: what listeners keep of a lock's waiters, which may be many.
//
//   98 98 90  →  First() 90
//
// Few prios occur (there are 101 real-time ones), so a change costs the same however many there
// are.
#ifndef RQSIM_SIM_VIEWS_PRIO_COUNTS_H_
#define RQSIM_SIM_VIEWS_PRIO_COUNTS_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "rqsim/check.h"

namespace rqsim {

// Less important than every prio.
inline constexpr int32_t kNoPrio = std::numeric_limits<int32_t>::max();

class PrioCounts {
 public:
  struct Entry {
    int32_t prio;
    int32_t count;
  };

  bool empty() const { return entries_.empty(); }
  // The most important; kNoPrio if there is none.
  int32_t First() const { return entries_.empty() ? kNoPrio : entries_.front().prio; }
  int32_t CountOf(int32_t prio) const {
    for (const Entry& entry : entries_) {
      if (entry.prio == prio) return entry.count;
    }
    return 0;
  }
  // The most important first.
  const std::vector<Entry>& entries() const { return entries_; }

  void Clear() { entries_.clear(); }
  void Add(int32_t prio) {
    const auto at = Find(prio);
    if (at != entries_.end() && at->prio == prio) {
      ++at->count;
    } else {
      entries_.insert(at, {prio, 1});
    }
  }
  // Precondition: there is one of it.
  void Remove(int32_t prio) {
    const auto at = Find(prio);
    RQSIM_CHECK(at != entries_.end() && at->prio == prio);
    if (--at->count == 0) entries_.erase(at);
  }
  // One is of another prio now. kNoPrio: there was none before, or there is none any more.
  void Move(int32_t from, int32_t to) {
    if (from == to) return;
    if (from != kNoPrio) Remove(from);
    if (to != kNoPrio) Add(to);
  }

 private:
  std::vector<Entry>::iterator Find(int32_t prio) {
    return std::lower_bound(entries_.begin(), entries_.end(), prio,
                            [](const Entry& entry, int32_t p) { return entry.prio < p; });
  }

  std::vector<Entry> entries_;
};

}  // namespace rqsim

#endif  // RQSIM_SIM_VIEWS_PRIO_COUNTS_H_
