// Lanes of cells: what a CPU did from when to when, as `expect` writes it.
#ifndef RQSIM_SIM_EXPECT_LANES_H_
#define RQSIM_SIM_EXPECT_LANES_H_

#include <optional>
#include <string>
#include <vector>

#include "rqsim/recording.h"
#include "rqsim/result.h"
#include "rqsim/scenario.h"

namespace rqsim {

// Without cells of length zero, equal neighbours merged; donor filled in where it was left out.
std::vector<ExpectCell> Normalized(const std::vector<ExpectCell>& cells);

std::string CellText(const ExpectCell& cell);

// The stretches of `cpu` that made progress (`user_only`: that were in user mode), from the
// segments of the run.
std::vector<ExpectCell> WorkOf(const Recording& recording, CpuId cpu, bool user_only);

// Where two lanes differ first. `at` is the earliest instant at which they say different things.
struct LaneDifference {
  std::size_t index = 0;                       // of the first cell that is not the same
  std::optional<ExpectCell> expected, actual;  // none: that lane has no such cell
  Time at;
};
// An open expected end is the end of the run. Precondition: both are normalized.
std::optional<LaneDifference> FirstDifference(const std::vector<ExpectCell>& expected,
                                              const std::vector<ExpectCell>& actual, Time end);

}  // namespace rqsim

#endif  // RQSIM_SIM_EXPECT_LANES_H_
