// Kernel threads prefer CPUs, as the draft of July 2024 had it.
//
// Idea: as `preferred`, with an online mask of its own and a callback on the way down too, so that
// masks hold no CPU that is gone. Nodes are unknown to it: whoever wants one takes a snapshot of
// its CPUs. Origin: RFC PATCH 12/20 of 26 July 2024, kthread-affinity.md 4 and 8, with its bugs F1
// to F6; `fixes: all` repairs them and refuses a second call, the faults `kthread.*` bring them
// back one by one. What differs from the draft: its housekeeping CPUs are those without nohz_full,
// as 6.12 had it, unless hk_kthread says otherwise. Cost: O(threads) for an update. Tested by
// tests/unit/policies/placement/kthread_test.cc and scenarios/kthread/.
#include "placement/kthread_list.h"

namespace rqsim {

std::unique_ptr<KthreadPart> MakeKthreadPreferredRfc(const PolicyParams& params,
                                                     const Limits& limits) {
  return MakeKthreadList(KthreadRulesOf(params, true), limits);
}

}  // namespace rqsim
