// When a CPU did something else in one run than in another.
#ifndef RQSIM_SIM_COMPARE_SPANS_H_
#define RQSIM_SIM_COMPARE_SPANS_H_

#include <vector>

#include "rqsim/compare.h"

namespace rqsim {

// Every CPU of either run, by number.
std::vector<CpuDifference> DifferingSpans(const Result& baseline, const Result& other);

// From the first differing cycle to the last; nothing if there is none.
TimeSpan Hull(const std::vector<CpuDifference>& cpus);

}  // namespace rqsim

#endif  // RQSIM_SIM_COMPARE_SPANS_H_
