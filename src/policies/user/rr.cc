// Round robin: run to block with a slice. Who preempts is the service's knob preempt.source; a
// preempted worker comes to the tail of the queue.
//
// Origin: umcg.md 13; the slice is the idiom of the servers of umcg-pz. What differs: nothing.
// Cost O(1). Tested by scenarios/umcg/rr-slices.json and tests/unit/policies/user/user_test.cc.
#include <array>
#include <memory>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

const std::array kParams = {
    kQueueParam, LengthParam("slice", 1'000'000, "how long a worker runs before it is preempted")};

class RoundRobin final : public QueueScheduler {
 public:
  RoundRobin(bool per_server, Cycles slice) : QueueScheduler(per_server), slice_(slice) {}
  Cycles Slice(Kernel&, TaskId) override { return slice_; }

 private:
  Cycles slice_;
};

}  // namespace

const PolicyInfo kUserRrInfo = {
    .name = "rr",
    .seam = Seam::kUserScheduler,
    .summary = "the oldest worker first, each for a slice",
    .source = "umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserRr(const PolicyParams& params,
                                                          const Limits&) {
  return std::make_unique<RoundRobin>(params.Text("queue") == "per-server", params.Length("slice"));
}

}  // namespace rqsim
