// Where two recordings part.
#ifndef RQSIM_SIM_COMPARE_DIVERGENCE_H_
#define RQSIM_SIM_COMPARE_DIVERGENCE_H_

#include <optional>
#include <string>

#include "rqsim/compare.h"

namespace rqsim {

// Whether events of this kind are held against each other: what the scheduler decided, not the
// small print of how (spinning, wait lists, flags of lock words).
bool IsCompared(EventKind kind);

// Whether they tell why a decision fell: boosts, handoffs, steals, what policies say.
bool Explains(EventKind kind);

// The two recordings as sets `baseline` and `other` see the same scenario.
std::optional<Divergence> FindDivergence(const Recording& baseline, const Recording& other,
                                         const std::string& baseline_name,
                                         const std::string& other_name);

}  // namespace rqsim

#endif  // RQSIM_SIM_COMPARE_DIVERGENCE_H_
