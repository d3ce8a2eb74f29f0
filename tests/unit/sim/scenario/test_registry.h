// A registry that stays the same whatever policies the tree has: the reader's tests say what it
// does with names, parameters, operations and faults, not which there are.
#ifndef RQSIM_TESTS_UNIT_SIM_SCENARIO_TEST_REGISTRY_H_
#define RQSIM_TESTS_UNIT_SIM_SCENARIO_TEST_REGISTRY_H_

#include "rqsim/registry.h"

namespace rqsim {

// Stacks `default` (fair with base_slice and features; normal, batch, idle) and `fifo` (normal,
// fifo), locks `mutex` (spin, handoff, c_lock_fast) and `pi` (max_lock_depth), placement `default`
// (wake), service `pair` (alias `pairing`; operation `pair_with`, kthread pair/N, fault
// pair.no_resched), user `rr` (slice).
const Registry& TestRegistry();

}  // namespace rqsim

#endif  // RQSIM_TESTS_UNIT_SIM_SCENARIO_TEST_REGISTRY_H_
