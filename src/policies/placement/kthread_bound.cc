// Kernel threads are bound to what they want, and nobody looks after their masks again.
//
// Idea: patterns P1 and P2 of kthread-affinity.md 2 for everybody. The control in comparisons: what
// the fallback overwrites stays overwritten.
// Origin: Linux 7.2 kernel/kthread.c: kthread_bind_mask(). A thread that prefers CPUs, or a node,
// is bound to them; one with neither may run anywhere, isolated CPUs included.
// Cost: none.
// Tested by tests/unit/policies/placement/kthread_test.cc and scenarios/kthread/.
#include "placement/kthread_part.h"

namespace rqsim {
namespace {

class Bound final : public KthreadVoice {
 public:
  using KthreadVoice::KthreadVoice;

  void Call(Kernel& kernel, const KthreadCall& call) override {
    if (call.kind != KthreadCall::Kind::kCreate) return CallWithoutPreference(kernel, call);
    const KthreadAffinity& affinity = *kernel.kthread_affinity(call.task);
    if (affinity.kind == KthreadKind::kPreferred) {
      kernel.BindKthread(call.task, affinity.cpus & kernel.facts().possible);
    }
    if (affinity.kind == KthreadKind::kNode) {
      kernel.BindKthread(call.task, PossibleCpusOf(kernel, affinity.node));
    }
  }
};

}  // namespace

std::unique_ptr<KthreadPart> MakeKthreadBound(const PolicyParams& params, const Limits& limits) {
  return std::make_unique<Bound>(limits.self, params.Fault("kthread.silent_loss"));
}

}  // namespace rqsim
