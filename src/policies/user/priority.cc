// Highest number first, first in first out within. Where somebody preempts (the service's
// preempt.source), a worker that runs is looked at every `slice`: it goes if a more important one
// waits.
//
// Origin: umcg.md 13. What differs: a higher arrival preempts at the next look, as no user code
// runs at the arrival itself (MODEL-155). Cost: O(waiting workers) per decision. Tested by
// scenarios/umcg/priority.json and tests/unit/policies/user/user_test.cc.
#include <array>
#include <memory>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

const std::array kParams = {
    kQueueParam, LengthParam("slice", 1'000'000, "how often a running worker is looked at")};

class Priority final : public QueueScheduler {
 public:
  Priority(bool per_server, Cycles slice) : QueueScheduler(per_server), slice_(slice) {}

  TaskId Pick(Kernel& kernel, TaskId server, const WorkerQueues& queues) override {
    TaskId best;
    for (int i = 0; i < queues.Count(server); ++i) {
      const TaskId worker = queues.At(server, i);
      if (!best.valid() || Of(kernel, worker) > Of(kernel, best)) best = worker;
    }
    return best;
  }
  Cycles Slice(Kernel&, TaskId) override { return slice_; }
  bool Preempts(Kernel& kernel, TaskId worker, const WorkerQueues& queues) override {
    const TaskId best = Pick(kernel, worker, queues);
    return best.valid() && Of(kernel, best) > Of(kernel, worker);
  }

 private:
  static int Of(const Kernel& kernel, TaskId worker) { return kernel.task(worker).base.priority; }
  Cycles slice_;
};

}  // namespace

const PolicyInfo kUserPriorityInfo = {
    .name = "priority",
    .seam = Seam::kUserScheduler,
    .summary = "the most important worker first, the oldest among equals",
    .source = "umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserPriority(const PolicyParams& params,
                                                                const Limits&) {
  return std::make_unique<Priority>(params.Text("queue") == "per-server", params.Length("slice"));
}

}  // namespace rqsim
