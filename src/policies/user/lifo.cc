// Newest first: a server runs the worker that became runnable last, whose data may still be in the
// cache; it runs until it blocks, yields or is preempted.
//
// Origin: umcg.md 13. What differs: nothing; caches are not modelled, so what shows is who starves.
// Cost O(1). Tested by scenarios/umcg/lifo-edf.json and tests/unit/policies/user/user_test.cc.
#include <array>
#include <memory>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

constexpr std::array kParams = {kQueueParam};

class Lifo final : public QueueScheduler {
 public:
  using QueueScheduler::QueueScheduler;

  TaskId Pick(Kernel&, TaskId server, const WorkerQueues& queues) override {
    const int count = queues.Count(server);
    return count == 0 ? TaskId() : queues.At(server, count - 1);
  }
};

}  // namespace

const PolicyInfo kUserLifoInfo = {
    .name = "lifo",
    .seam = Seam::kUserScheduler,
    .summary = "a server runs the newest worker until it blocks, yields or is preempted",
    .source = "umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserLifo(const PolicyParams& params,
                                                            const Limits&) {
  return std::make_unique<Lifo>(params.Text("queue") == "per-server");
}

}  // namespace rqsim
