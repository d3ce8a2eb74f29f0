// The same numbers from a seed everywhere: splitmix64 (Steele, Lea, Flood 2014), integers only.
#ifndef RQSIM_SIM_SCENARIO_GEN_RANDOM_H_
#define RQSIM_SIM_SCENARIO_GEN_RANDOM_H_

#include <cstdint>
#include <utility>
#include <vector>

#include "sim/scenario/gen/fixed_math.h"

namespace rqsim::gen {

class Random {
 public:
  // Streams of one seed are independent: what one thing draws does not change another.
  Random(uint64_t seed, uint64_t stream) : state_(seed) {
    state_ = Next() ^ (stream * 0xd1342543de82ef95u);
  }

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // 0 … bound - 1, each as likely but for bound / 2^64. Precondition: bound > 0.
  int64_t Below(int64_t bound) {
    return static_cast<int64_t>(MulHigh(Next(), static_cast<uint64_t>(bound)));
  }
  // min … max.
  int64_t Between(int64_t min, int64_t max) { return min + Below(max - min + 1); }

  template <class T>
  void Shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) {
      std::swap(items[i - 1], items[static_cast<std::size_t>(Below(static_cast<int64_t>(i)))]);
    }
  }

 private:
  uint64_t state_;
};

}  // namespace rqsim::gen

#endif  // RQSIM_SIM_SCENARIO_GEN_RANDOM_H_
