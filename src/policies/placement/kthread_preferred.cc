// Kernel threads prefer CPUs or a node, as in Linux 7.2.
//
// Idea: a thread that is not bound is on one list from its first wake-up, with a mask of its own
// (kthread_affine_preferred()), a node, or neither. Its mask is what it prefers, less the isolated
// CPUs; all housekeeping CPUs if nothing is left. A CPU that comes up (state 190) and a change of
// isolation bring masks up to date. Nothing is done on the way down: the fallback of the scheduler
// acts when a thread has to move.
// Origin: Linux 7.2 kernel/kthread.c: kthread_affine_preferred(), kthread_affine_node(),
// kthreads_update_affinity(), kthreads_online_cpu(); kthread-affinity.md 4. The list's mutex is not
// modelled (MODEL-186).
// What differs from the draft: kthread_preferred_rfc.cc.
// Cost: O(threads) for an update.
// Tested by tests/unit/policies/placement/kthread_test.cc and scenarios/kthread/.
#include "placement/kthread_list.h"

namespace rqsim {

std::unique_ptr<KthreadPart> MakeKthreadPreferred(const PolicyParams& params,
                                                  const Limits& limits) {
  return MakeKthreadList(KthreadRulesOf(params, false), limits);
}

}  // namespace rqsim
