// The list of kernel threads with a preference, and its update: what `preferred` and
// `preferred-rfc` share. They differ in their rules only.
//
// Idea: kernel/kthread.c of Linux 7.2 keeps all threads that are not bound on one list. When a CPU
// comes up the list is gone through, and each thread gets the CPUs it prefers again. The draft does
// the same on the way down.
// Cost: O(threads) for an update; a list of plain indices, so that a second append does to it what
// it does to a list of pointers (kthread-affinity.md 8, F3).
#ifndef RQSIM_POLICIES_PLACEMENT_KTHREAD_LIST_H_
#define RQSIM_POLICIES_PLACEMENT_KTHREAD_LIST_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "placement/kthread_part.h"

namespace rqsim {

enum class SecondCall : uint8_t { kCorrupt, kHardened, kEexist };
enum class NodePolicy : uint8_t { kNode, kSnapshot, kCallback };

// In what the variants differ, and the knobs. F-numbers are those of kthread-affinity.md 8.
struct KthreadRules {
  bool is_draft = false;        // preferred-rfc: own online mask, callback on the way down
  bool enomem_zero = false;     // F1
  bool raw_mask = false;        // F2
  bool offline_enomem = false;  // F4
  bool online_enomem = false;   // F5
  bool breaks = false;          // F6
  bool takes_late = false;      // fault kthread.late_call
  bool is_silent = false;       // fault kthread.silent_loss
  SecondCall second_call = SecondCall::kCorrupt;
  bool refuses_bind = false;
  bool respects_cpuset = false;
  bool last_resort_online = false;
  bool has_update = false;
  NodePolicy node_policy = NodePolicy::kNode;
  KthreadHousekeeping housekeeping = KthreadHousekeeping::kDomain;
  int64_t fail_alloc = 0;  // which allocation fails, from 1; 0 none
  Cycles c_alloc, c_fetch, c_setaff;
};
// What the parameters and faults say, for either variant.
KthreadRules KthreadRulesOf(const PolicyParams& params, bool is_draft);

std::unique_ptr<KthreadPart> MakeKthreadList(const KthreadRules& rules, const Limits& limits);

}  // namespace rqsim

#endif  // RQSIM_POLICIES_PLACEMENT_KTHREAD_LIST_H_
