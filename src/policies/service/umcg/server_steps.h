// The steps of a server's user code, for both of its protocols, in the order of their names in
// paths.h. Tested by scenarios/umcg.
#ifndef RQSIM_POLICIES_SERVICE_UMCG_SERVER_STEPS_H_
#define RQSIM_POLICIES_SERVICE_UMCG_SERVER_STEPS_H_

#include <iterator>

#include "service/umcg/paths.h"

namespace rqsim::umcg {

enum ServerStep : int {
  kLook,
  kTakeList,
  kPickOne,
  kOwnIdle,
  kPublish,
  kRetake,
  kGoBack,
  kEnterIdle,
  kWaited,
  kWoken,
  kClear,
  kOwn,
  kLockWorker,
  kUnlockWorker,
  kCallWait,
  kRan,
  kAfter,
  kRestore,
  kPreOwn,
  kPreemptIt,
  kSignalIt,
  kAgain,
  kRecall,
  kGone,
  kChain,
  kChainMark,
  kChainCall,
  kChained,
  kWatch,
  kWatchCas,
  kWatchSignal,
  kWatchDone,
  kChainBack,
  kStill,
  kTakeBlocked,
  kNap,
  kNapped,
  kNapOver,
  kNumServerSteps
};
static_assert(std::size(steps::kServer) == kNumServerSteps);

}  // namespace rqsim::umcg

#endif  // RQSIM_POLICIES_SERVICE_UMCG_SERVER_STEPS_H_
