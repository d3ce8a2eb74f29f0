#include "sim/scenario/gen/utilisation.h"

#include <algorithm>

#include "rqsim/check.h"

namespace rqsim::gen {
namespace {

using Row = std::vector<uint64_t>;

// Where the walk through the simplices of the unit cube goes: the share of the volume of the slice
// that lies on one side, by dimension and position. `w` is the volume of each, up to a factor.
std::vector<Row> Transitions(std::size_t n, uint64_t sum, std::size_t k) {
  // Stafford's s1 and s2. As k <= sum <= k + 1, neither is below 0.
  const auto below = [&](std::size_t i) {
    return i <= k ? sum - (k - i) * kWholeCpu : sum + (i - k) * kWholeCpu;
  };
  const auto above = [&](std::size_t i) { return (k + n - i) * kWholeCpu - sum; };
  std::vector<Row> transitions;
  std::vector<Scaled> w(n + 1), next(n + 1);
  w[1] = Scaled(1);
  for (std::size_t i = 2; i <= n; ++i) {
    Row& row = transitions.emplace_back(i);
    std::fill(next.begin(), next.end(), Scaled());
    for (std::size_t j = 0; j < i; ++j) {
      const uint64_t s1 = below(j), s2 = above(n - i + j);
      const Scaled first = w[j + 1] * Scaled(s1) / i;
      const Scaled second = w[j] * Scaled(s2) / i;
      const Scaled whole = first + second;
      next[j + 1] = whole;
      if (whole.is_zero()) {
        row[j] = s2 > s1 ? 0 : UINT64_MAX;
        continue;
      }
      // The smaller part is the one that is known better.
      row[j] = s2 > s1 ? Scaled::Share(second, whole) : UINT64_MAX - Scaled::Share(first, whole);
    }
    std::swap(w, next);
  }
  return transitions;
}

}  // namespace

std::optional<std::vector<uint64_t>> UUniFast(int n, uint64_t sum, Random& random) {
  RQSIM_CHECK(n > 0 && n <= kMaxTasksOfSet);
  RQSIM_CHECK(sum <= static_cast<uint64_t>(n) * kWholeCpu);
  std::vector<uint64_t> out(static_cast<std::size_t>(n));
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    uint64_t rest = sum;
    for (std::size_t i = 0; i + 1 < out.size(); ++i) {
      const uint64_t next = MulHigh(rest, Root(random.Next(), out.size() - 1 - i));
      out[i] = rest - next;
      rest = next;
    }
    out.back() = rest;
    if (*std::max_element(out.begin(), out.end()) <= kWholeCpu) return out;
  }
  return std::nullopt;
}

std::vector<uint64_t> RandFixedSum(int n, uint64_t sum, Random& random) {
  RQSIM_CHECK(n > 0 && n <= kMaxTasksOfSet);
  RQSIM_CHECK(sum <= static_cast<uint64_t>(n) * kWholeCpu);
  const std::size_t size = static_cast<std::size_t>(n);
  if (n == 1) return {sum};
  const std::size_t k = std::min(static_cast<std::size_t>(sum >> kUtilisationBits), size - 1);
  const std::vector<Row> transitions = Transitions(size, sum, k);
  std::vector<uint64_t> out(size);
  uint64_t rest = sum;          // of the dimensions to come
  uint64_t done = 0;            // what every later one has at least
  uint64_t share = UINT64_MAX;  // product of the roots so far, a fraction
  std::size_t j = k;
  for (std::size_t i = size - 1; i >= 1; --i) {
    const uint64_t drawn = random.Next(), transition = transitions[i - 1][j];
    // At the rim there is one way only.
    const bool goes_down = transition == UINT64_MAX || drawn < transition;
    const uint64_t root = Root(random.Next(), i);
    done += MulHigh(MulHigh(UINT64_MAX - root, share), rest) / (i + 1);
    share = MulHigh(root, share);
    uint64_t value = done;
    if (goes_down) {
      value += share >> (64 - kUtilisationBits);
      rest -= kWholeCpu;
      --j;
    }
    out[size - 1 - i] = std::min(value, kWholeCpu);
  }
  out.back() = std::min(done + MulHigh(share, rest), kWholeCpu);
  random.Shuffle(out);
  return out;
}

}  // namespace rqsim::gen
