// The least work that a correct simulation of periodic tasks under global EDF can do: three
// tournaments (next release by task, earliest ready deadline, next completion by CPU) and one for
// the latest running deadline. What a general simulator is measured against.
//
// Rules, those of the golden counts in ../shared/data/bench/README.md: ties go to the lower task; a
// running task is preempted by a strictly earlier deadline only; at one instant completions come
// before releases; a released task takes the lowest idle CPU, else preempts the latest deadline.
#ifndef RQSIM_BENCH_EDF_FLOOR_H_
#define RQSIM_BENCH_EDF_FLOOR_H_

#include <cstdint>
#include <vector>

namespace rqsim {

struct EdfTask {
  int64_t phase = 0, period = 0, wcet = 0;  // deadline = next release
};

struct EdfCounts {
  int64_t releases = 0, jobs = 0, dispatches = 0, migrations = 0;
  int64_t events() const { return releases + jobs + dispatches; }
};

// The smallest of a fixed number of keys, ties to the lower number. Each node holds its winner's
// key.
class Tournament {
 public:
  static constexpr int64_t kAbsent = INT64_MAX;
  explicit Tournament(int leaves) {
    while (width_ < leaves) width_ *= 2;
    nodes_.resize(static_cast<std::size_t>(2 * width_));
    for (int i = 0; i < width_; ++i) nodes_[static_cast<std::size_t>(width_ + i)].who = i;
    for (int i = width_ - 1; i >= 1; --i)
      nodes_[static_cast<std::size_t>(i)].who = nodes_[static_cast<std::size_t>(2 * i)].who;
  }
  int64_t key() const { return nodes_[1].key; }
  int who() const { return nodes_[1].who; }
  void Set(int leaf, int64_t key) {
    auto i = static_cast<std::size_t>(width_ + leaf);
    nodes_[i].key = key;
    for (i >>= 1; i >= 1; i >>= 1) {
      const std::size_t left = 2 * i;
      nodes_[i] = nodes_[left + static_cast<std::size_t>(nodes_[left + 1].key < nodes_[left].key)];
    }
  }

 private:
  struct Node {
    int64_t key = kAbsent;
    int who = 0;
  };
  int width_ = 1;
  std::vector<Node> nodes_;
};

// Runs the tasks on `num_cpus` (1 to 64) up to and including `until`.
EdfCounts RunEdfFloor(const std::vector<EdfTask>& tasks, int num_cpus, int64_t until);

}  // namespace rqsim

#endif  // RQSIM_BENCH_EDF_FLOOR_H_
