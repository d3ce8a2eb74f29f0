// Makes a scenario that breaks something smaller, for as long as it still does.
#ifndef RQSIM_TESTS_PROPERTY_SHRINK_H_
#define RQSIM_TESTS_PROPERTY_SHRINK_H_

#include <functional>

#include "rqsim/scenario.h"

namespace rqsim {

// The least scenario that `fails`, starting from one that does: fewer tasks, operations and
// actions, shorter lengths, no costs, plainer machine and policies. `fails` must say no to
// scenarios that cannot be run at all. Looks at `tries` candidates at most.
Scenario ShrinkScenario(Scenario scenario, const std::function<bool(const Scenario&)>& fails,
                        int tries = 3000);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_SHRINK_H_
