// `states` of an expectation: what tasks and locks look like at an instant. Needs a run of its own,
// stopped at each of these instants.
#ifndef RQSIM_SIM_EXPECT_STATES_H_
#define RQSIM_SIM_EXPECT_STATES_H_

#include <absl/status/status.h>

#include "rqsim/expect.h"

namespace rqsim {

absl::Status CheckStates(const Scenario& scenario, const PolicySet& set, const Registry& registry,
                         ExpectReport& report);

}  // namespace rqsim

#endif  // RQSIM_SIM_EXPECT_STATES_H_
