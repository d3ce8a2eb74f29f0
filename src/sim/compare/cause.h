// The sentence that says why two runs part: what each did, and the lock or policy decision behind.
//
//   bc_dist raised asi_met to priority 80 under pi; under mutex nobody was raised
//   CPU 1 switched from H to idle under mutex, H waits for A asleep; under spin H kept CPU 1,
//   spinning for A
#ifndef RQSIM_SIM_COMPARE_CAUSE_H_
#define RQSIM_SIM_COMPARE_CAUSE_H_

#include <string>

#include "rqsim/recording.h"

namespace rqsim {

struct CauseSide {
  const Recording* recording = nullptr;
  std::string name;                   // of the policy set
  std::size_t from = 0;               // index of the first event that is not common
  const TraceEvent* event = nullptr;  // its first compared event that is not common; null: none
};
struct CauseInput {
  Time at;
  CpuId cpu;
  CauseSide baseline, other;
};

// `other_first`: the parting event is the other's, else the baseline's.
std::string CauseOf(const CauseInput& input, bool other_first);

}  // namespace rqsim

#endif  // RQSIM_SIM_COMPARE_CAUSE_H_
