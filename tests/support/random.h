// The random numbers of tests: splitmix64, the same everywhere.
#ifndef RQSIM_TESTS_SUPPORT_RANDOM_H_
#define RQSIM_TESTS_SUPPORT_RANDOM_H_

#include <cstdint>

namespace rqsim {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  // 0 … n - 1. Precondition: n > 0.
  int Below(int n) {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return static_cast<int>(z % static_cast<uint64_t>(n));
  }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

}  // namespace rqsim

#endif  // RQSIM_TESTS_SUPPORT_RANDOM_H_
