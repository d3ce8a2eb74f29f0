// Random worlds for the scheduling classes of the kernel: crowded runqueues, all policies, mixed
// nice values and slices, sleeps that end at a tick or within a cycle of one, costs, every mode of
// preemption, both kernels, balancing.
#ifndef RQSIM_TESTS_PROPERTY_CLASS_WORLDS_H_
#define RQSIM_TESTS_PROPERTY_CLASS_WORLDS_H_

#include <cstdint>

#include "rqsim/scenario.h"

namespace rqsim {

// Cycles from one tick to the next in these worlds.
inline constexpr int kWorldTick = 1000;

// What a world may have.
struct ClassWorldKind {
  Ties ties = Ties::kCompletionFirst;
  bool costs = true;  // in half of the worlds; never where timers come first
};

// The world of this seed. Its policies are in `common`; it has an `until`.
Scenario ClassWorld(uint64_t seed, const ClassWorldKind& kind);

}  // namespace rqsim

#endif  // RQSIM_TESTS_PROPERTY_CLASS_WORLDS_H_
