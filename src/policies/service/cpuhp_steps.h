// Steps and registers of the path `states`.
#ifndef RQSIM_POLICIES_SERVICE_CPUHP_STEPS_H_
#define RQSIM_POLICIES_SERVICE_CPUHP_STEPS_H_

#include "rqsim/policy.h"

namespace rqsim::cpuhp {

inline constexpr StepId kNext{0};
inline constexpr StepId kCost{1};
inline constexpr StepId kInstance{2};
inline constexpr StepId kInstanceUndone{3};
inline constexpr StepId kDeclared{4};
inline constexpr StepId kGrace{5};
inline constexpr StepId kVacate{6};
inline constexpr StepId kParked{7};
inline constexpr StepId kUnparked{8};
inline constexpr StepId kUp{9};
inline constexpr StepId kUpUnpark{10};
inline constexpr StepId kUpThread{11};
inline constexpr StepId kUpBack{12};
inline constexpr StepId kTdParked{13};
inline constexpr StepId kTdStopped{14};
inline constexpr StepId kTdDead{15};
inline constexpr StepId kTdDie{16};
inline constexpr StepId kTdRcu{17};

// Registers: CPU, last state, bit 0 up and bit 1 interrupts off, the state that is run, which of
// its parts, and where the undoing of parts ends or an error.
inline constexpr int kCpu = 0, kLimit = 1, kFlags = 2, kNumber = 3, kSub = 4, kSubEnd = 5;

inline CpuId CpuOf(const Frame& frame) { return CpuId(static_cast<int32_t>(frame.r[kCpu])); }
inline bool IsUp(const Frame& frame) { return (frame.r[kFlags] & 1) != 0; }
inline bool IsAtomic(const Frame& frame) { return (frame.r[kFlags] & 2) != 0; }

}  // namespace rqsim::cpuhp

#endif  // RQSIM_POLICIES_SERVICE_CPUHP_STEPS_H_
