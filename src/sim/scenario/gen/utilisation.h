// Utilisations of the tasks of a set, drawn so that they add up to a given sum and every such
// vector is as likely as every other.
#ifndef RQSIM_SIM_SCENARIO_GEN_UTILISATION_H_
#define RQSIM_SIM_SCENARIO_GEN_UTILISATION_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/scenario/gen/random.h"

namespace rqsim::gen {

// A utilisation is an integer over 2^48: the whole of one CPU is kWholeCpu.
inline constexpr int kUtilisationBits = 48;
inline constexpr uint64_t kWholeCpu = uint64_t{1} << kUtilisationBits;
// The sum of a set is below 2^60.
inline constexpr int kMaxTasksOfSet = 4096;

// UUniFast (Bini, Buttazzo 2005) with discard (Davis, Burns 2009): sets in which a task needs more
// than a CPU are drawn again. Nothing if kMaxDraws of them were of no use: the sum is too close to
// the number of tasks. Adds up to `sum` exactly. Preconditions: 0 < n <= kMaxTasksOfSet,
// sum <= n * kWholeCpu.
inline constexpr int kMaxDraws = 10'000;
std::optional<std::vector<uint64_t>> UUniFast(int n, uint64_t sum, Random& random);

// Randfixedsum (Stafford 2006; Emberson, Stafford, Davis 2010): no task above a whole CPU, whatever
// the sum. Adds up to `sum` but for
// n^2 * 2^-48: each task is cut off by the sum of the cut-offs before it. Preconditions as above.
// O(n^2).
std::vector<uint64_t> RandFixedSum(int n, uint64_t sum, Random& random);

}  // namespace rqsim::gen

#endif  // RQSIM_SIM_SCENARIO_GEN_UTILISATION_H_
