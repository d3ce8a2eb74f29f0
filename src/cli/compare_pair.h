// What a comparison of ways to update the data of other CPUs comes down to (pairing.md 9): a line
// for each policy set, under the heads of the review. Every number is a metric, and so from events.
//
//   Updates of the data of CPUs
//   SET          SAFETY               LIVENESS              DISTURBANCE                COST TO
//   OTHERS unprotected  2 lost, S1 17        6 committed           none                       none
//   pair-v2      kept                 6 committed, 3 abort  wait 31, 4 IPIs, soak 120  hooks 0 …
//
//   SAFETY          lost updates, cycles of overlap by property; "kept" if there are none
//   LIVENESS        updates that were committed, sections started anew, longest SET to commit
//   DISTURBANCE     of those who share CPUs with users: longest wait behind a worker, function-call
//                   IPIs, cycles that workers kept CPUs busy, moves of tasks
//   COST TO OTHERS  of those who never use it: hook cycles, hotplug operations refused and how long
//                   the longest took
#ifndef RQSIM_CLI_COMPARE_PAIR_H_
#define RQSIM_CLI_COMPARE_PAIR_H_

#include <cstddef>
#include <string>

#include "rqsim/compare.h"

namespace rqsim {

// Empty if no run updated the data of a CPU.
std::string PairTable(const Comparison& comparison, std::size_t width);

}  // namespace rqsim

#endif  // RQSIM_CLI_COMPARE_PAIR_H_
