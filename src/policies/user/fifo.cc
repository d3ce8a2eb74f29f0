// Run to block: a server runs the oldest worker of its queue until it blocks, yields or is
// preempted.
//
// Origin: the simplest policy of libumcg (umcg.md 13). What differs: nothing. Cost O(1).
// Tested by scenarios/umcg/UM-02-run-block-run.json and tests/unit/policies/user/user_test.cc.
#include <array>
#include <memory>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

constexpr std::array kParams = {kQueueParam};

}  // namespace

const PolicyInfo kUserFifoInfo = {
    .name = "fifo",
    .seam = Seam::kUserScheduler,
    .summary = "a server runs the oldest worker until it blocks, yields or is preempted",
    .source = "libumcg; umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserFifo(const PolicyParams& params,
                                                            const Limits&) {
  return std::make_unique<QueueScheduler>(params.Text("queue") == "per-server");
}

}  // namespace rqsim
