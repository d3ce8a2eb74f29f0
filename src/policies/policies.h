// The factories of this tree's policies and the tables beside them, by seam. registry.cc is the
// only reader.
#ifndef RQSIM_POLICIES_POLICIES_H_
#define RQSIM_POLICIES_POLICIES_H_

#include <absl/status/statusor.h>

#include <memory>
#include <vector>

#include "rqsim/policy.h"
#include "rqsim/registry.h"
#include "rqsim/seams.h"

namespace rqsim {

// --- scheduling classes ---
extern const PolicyInfo kStopClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeStopClass(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kDeadlineClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeDeadlineClass(const PolicyParams& params,
                                                              const Limits& limits);
extern const PolicyInfo kRtClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeRtClass(const PolicyParams& params,
                                                        const Limits& limits);
extern const PolicyInfo kFairClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeFairClass(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kFifoClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeFifoClass(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kIdleClassInfo;
absl::StatusOr<std::unique_ptr<SchedClass>> MakeIdleClass(const PolicyParams& params,
                                                          const Limits& limits);

// --- lock protocols ---
extern const PolicyInfo kMutexInfo;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakeMutex(const PolicyParams& params,
                                                        const Limits& limits);
extern const PolicyInfo kPiInfo;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakePi(const PolicyParams& params,
                                                     const Limits& limits);

extern const PolicyInfo kProxyLocalInfo;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxyLocal(const PolicyParams& params,
                                                             const Limits& limits);
extern const PolicyInfo kProxyV9Info;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxyV9(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kProxy72Info;
absl::StatusOr<std::unique_ptr<LockProtocol>> MakeProxy72(const PolicyParams& params,
                                                          const Limits& limits);

// --- placements ---
extern const PolicyInfo kPrevPlacementInfo;
absl::StatusOr<std::unique_ptr<Placement>> MakePrevPlacement(const PolicyParams& params,
                                                             const Limits& limits);
extern const PolicyInfo kFaithfulPlacementInfo;
absl::StatusOr<std::unique_ptr<Placement>> MakeFaithfulPlacement(const PolicyParams& params,
                                                                 const Limits& limits);
extern const PolicyInfo kSimplePlacementInfo;
absl::StatusOr<std::unique_ptr<Placement>> MakeSimplePlacement(const PolicyParams& params,
                                                               const Limits& limits);

// --- kernel services ---
extern const PolicyInfo kCpuhpInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeCpuhp(const PolicyParams& params,
                                                         const Limits& limits);
void CheckCpuhpTexts(const PolicyParams& params, std::vector<ParamProblem>& problems);
extern const PolicyInfo kRseqInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeRseq(const PolicyParams& params,
                                                        const Limits& limits);
extern const PolicyInfo kPairV2Info;
absl::StatusOr<std::unique_ptr<KernelService>> MakePairV2(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kSetAffinityInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeSetAffinity(const PolicyParams& params,
                                                               const Limits& limits);
extern const PolicyInfo kPinOnlineInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakePinOnline(const PolicyParams& params,
                                                             const Limits& limits);
extern const PolicyInfo kHotplugSignalInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeHotplugSignal(const PolicyParams& params,
                                                                 const Limits& limits);
extern const PolicyInfo kAffinity2Info;
absl::StatusOr<std::unique_ptr<KernelService>> MakeAffinity2(const PolicyParams& params,
                                                             const Limits& limits);
extern const PolicyInfo kPairSpinInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakePairSpin(const PolicyParams& params,
                                                            const Limits& limits);

extern const PolicyInfo kNotifier2012Info;
absl::StatusOr<std::unique_ptr<KernelService>> MakeNotifier2012(const PolicyParams& params,
                                                                const Limits& limits);
void CheckNotifier2012Texts(const PolicyParams& params, std::vector<ParamProblem>& problems);
extern const PolicyInfo kUmcgV06Info;
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgV06(const PolicyParams& params,
                                                           const Limits& limits);
extern const PolicyInfo kUmcgV09Info;
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgV09(const PolicyParams& params,
                                                           const Limits& limits);
extern const PolicyInfo kUmcgPzInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgPz(const PolicyParams& params,
                                                          const Limits& limits);

extern const PolicyInfo kUmcgEvInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeUmcgEv(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kSwitchToInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeSwitchTo(const PolicyParams& params,
                                                            const Limits& limits);
extern const PolicyInfo kFutexInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeFutex(const PolicyParams& params,
                                                         const Limits& limits);
extern const PolicyInfo kFutexSwapInfo;
absl::StatusOr<std::unique_ptr<KernelService>> MakeFutexSwap(const PolicyParams& params,
                                                             const Limits& limits);

// --- user schedulers ---
extern const PolicyInfo kUserFifoInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserFifo(const PolicyParams& params,
                                                            const Limits& limits);
extern const PolicyInfo kUserRrInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserRr(const PolicyParams& params,
                                                          const Limits& limits);
extern const PolicyInfo kUserPriorityInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserPriority(const PolicyParams& params,
                                                                const Limits& limits);
extern const PolicyInfo kUserStealInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserSteal(const PolicyParams& params,
                                                             const Limits& limits);
extern const PolicyInfo kUserLifoInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserLifo(const PolicyParams& params,
                                                            const Limits& limits);
extern const PolicyInfo kUserEdfInfo;
absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserEdf(const PolicyParams& params,
                                                           const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_POLICIES_H_
