#include "sim/scenario/gen/utilisation.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

#include "support/catch.h"

namespace rqsim::gen {
namespace {

uint64_t SumOf(const std::vector<uint64_t>& values) {
  return std::accumulate(values.begin(), values.end(), uint64_t{0});
}

// Of `draws` sets, how many of a thousand have a first task above `bound`.
template <class Draw>
int64_t PerMilleAbove(uint64_t bound, int draws, Draw draw) {
  int64_t above = 0;
  for (int i = 0; i < draws; ++i) above += draw().front() > bound ? 1 : 0;
  return above * 1000 / draws;
}

bool IsNear(int64_t value, int64_t wanted, int64_t by) {
  CAPTURE(value, wanted);
  CHECK(value >= wanted - by);
  return value <= wanted + by;
}

TEST_CASE("UUniFast adds up exactly and no task is above a CPU", "[scenario][gen]") {
  Random random(1, 1);
  for (const int n : {1, 2, 10, 100, 1000}) {
    for (int i = 0; i < 20; ++i) {
      const uint64_t sum = static_cast<uint64_t>(random.Below(int64_t{1} << kUtilisationBits)) + 1;
      const auto set = UUniFast(n, sum, random);
      REQUIRE(set);
      CHECK(set->size() == static_cast<std::size_t>(n));
      CHECK(SumOf(*set) == sum);
    }
  }
  const auto crowded = UUniFast(5, 3 * kWholeCpu, random);
  REQUIRE(crowded);
  CHECK(*std::max_element(crowded->begin(), crowded->end()) <= kWholeCpu);
}

TEST_CASE("UUniFast gives up when nearly every draw has a task above a CPU", "[scenario][gen]") {
  Random random(1, 1);
  CHECK_FALSE(UUniFast(30, 29 * kWholeCpu, random));
}

// Uniform on the simplex: P(u > x U) = (1 - x)^(n - 1), for each of the tasks.
TEST_CASE("A task of UUniFast is distributed as on the simplex", "[scenario][gen]") {
  Random random(7, 1);
  const auto five = [&] { return *UUniFast(5, kWholeCpu, random); };
  // x = 1/5: (4/5)^4 = 0.4096; x = 1/2: (1/2)^4 = 0.0625. 8000 draws: sigma is 0.6 and 0.3 %.
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 5, 8000, five), 410, 20));
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 2, 8000, five), 62, 10));
  const auto last_first = [&] {
    std::vector<uint64_t> set = five();
    std::swap(set.front(), set.back());
    return set;
  };
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 5, 8000, last_first), 410, 20));
}

TEST_CASE("Randfixedsum adds up and every task lies between 0 and a CPU", "[scenario][gen]") {
  Random random(1, 1);
  for (const int n : {1, 2, 3, 10, 100, 300}) {
    for (int i = 0; i <= 8; ++i) {
      const uint64_t sum = static_cast<uint64_t>(n) * (kWholeCpu / 8) * static_cast<uint64_t>(i);
      const std::vector<uint64_t> set = RandFixedSum(n, sum, random);
      CAPTURE(n, i);
      CHECK(set.size() == static_cast<std::size_t>(n));
      CHECK(*std::max_element(set.begin(), set.end()) <= kWholeCpu);
      const uint64_t found = SumOf(set);
      const uint64_t off = found < sum ? sum - found : found - sum;
      CHECK(off <= static_cast<uint64_t>(n) * static_cast<uint64_t>(n));
    }
  }
}

TEST_CASE("Where no task can be above a CPU Randfixedsum is uniform on the simplex",
          "[scenario][gen]") {
  Random random(7, 1);
  const auto five = [&] { return RandFixedSum(5, kWholeCpu, random); };
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 5, 8000, five), 410, 20));
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 2, 8000, five), 62, 10));
}

// Two tasks: uniform on the segment. Three with sum 3/2: the slice of the cube is a regular
// hexagon, symmetric about 1/2, and P(u > 3/4): the strip beyond has the share worked out below.
TEST_CASE("Randfixedsum is uniform where the cube cuts the simplex", "[scenario][gen]") {
  Random random(7, 1);
  // Sum 5/4 of two: each uniform on [1/4, 1]. P(u > 5/8) = 1/2, P(u > 7/8) = 1/6.
  const auto two = [&] { return RandFixedSum(2, kWholeCpu / 4 * 5, random); };
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 8 * 5, 8000, two), 500, 20));
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 8 * 7, 8000, two), 167, 15));
  // The density of one of three at x is the length of {y, z in [0, 1], y + z = 3/2 - x}: 2 - s for
  // s = 3/2 - x >= 1, that is 1/2 + x for x <= 1/2, and s = 3/2 - x above. The whole is 3/4, beyond
  // 3/4 it is the integral of 3/2 - x from 3/4 to 1 = 3/8 - 7/32 = 5/32; the share is 5/24.
  const auto three = [&] { return RandFixedSum(3, kWholeCpu / 2 * 3, random); };
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 4 * 3, 8000, three), 208, 17));
  CHECK(IsNear(PerMilleAbove(kWholeCpu / 2, 8000, three), 500, 20));
}

TEST_CASE("The same seed gives the same set, another one another", "[scenario][gen]") {
  Random a(3, 1), b(3, 1), c(4, 1), d(3, 2);
  const auto first = *UUniFast(10, kWholeCpu, a);
  CHECK(first == *UUniFast(10, kWholeCpu, b));
  CHECK(first != *UUniFast(10, kWholeCpu, c));
  CHECK(first != *UUniFast(10, kWholeCpu, d));
}

}  // namespace
}  // namespace rqsim::gen
