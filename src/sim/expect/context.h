// The events that led to an instant, as text: what a difference is printed with.
#ifndef RQSIM_SIM_EXPECT_CONTEXT_H_
#define RQSIM_SIM_EXPECT_CONTEXT_H_

#include <string>
#include <vector>

#include "rqsim/recording.h"

namespace rqsim {

// Whether the event says that something was decided or changed hands, rather than that time passed.
bool IsDecision(EventKind kind);

// The last `count` decisions up to and including `at`, oldest first: those on `cpu`, or on any CPU
// if it is invalid.
std::vector<std::string> DecisionsUpTo(const Recording& recording, CpuId cpu, Time at,
                                       std::size_t count = 6);

}  // namespace rqsim

#endif  // RQSIM_SIM_EXPECT_CONTEXT_H_
