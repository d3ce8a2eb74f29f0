// Earliest absolute deadline first, the oldest among equals; run to block. The deadline of a worker
// is the instant at which a server took it off the kernel's list plus its relative deadline: that
// of its `sched`, or the parameter.
//
// Origin: umcg.md 13. What differs: the document does not say where deadlines come from
// (MODEL-221). Cost: O(waiting workers) per decision. Tested by scenarios/umcg/lifo-edf.json and
// tests/unit/policies/user/user_test.cc.
#include <array>
#include <memory>
#include <vector>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

const std::array kParams = {
    kQueueParam,
    LengthParam("deadline", 1'000'000, "relative deadline of workers whose `sched` has none")};

class EarliestDeadline final : public QueueScheduler {
 public:
  EarliestDeadline(bool per_server, Cycles relative, std::size_t num_tasks)
      : QueueScheduler(per_server), relative_(relative), released_(num_tasks) {}

  void Queued(Kernel& kernel, TaskId, TaskId worker) override {
    released_[worker.index()] = kernel.now();
  }
  TaskId Pick(Kernel& kernel, TaskId server, const WorkerQueues& queues) override {
    TaskId best;
    for (int i = 0; i < queues.Count(server); ++i) {
      const TaskId worker = queues.At(server, i);
      if (!best.valid() || Deadline(kernel, worker) < Deadline(kernel, best)) best = worker;
    }
    return best;
  }

 private:
  Time Deadline(const Kernel& kernel, TaskId worker) const {
    const Cycles own = kernel.task(worker).base.dl_deadline;
    return released_[worker.index()] + (own > kZeroCycles ? own : relative_);
  }

  Cycles relative_;
  std::vector<Time> released_;  // who was parked when the run began: 0
};

}  // namespace

const PolicyInfo kUserEdfInfo = {
    .name = "edf",
    .seam = Seam::kUserScheduler,
    .summary = "the worker with the earliest deadline first, the oldest among equals",
    .source = "umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserEdf(const PolicyParams& params,
                                                           const Limits& limits) {
  return std::make_unique<EarliestDeadline>(params.Text("queue") == "per-server",
                                            params.Length("deadline"),
                                            static_cast<std::size_t>(limits.num_tasks));
}

}  // namespace rqsim
