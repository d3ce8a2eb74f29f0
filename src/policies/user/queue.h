// What the schedulers of UMCG servers share: one queue for the group or one per server, the oldest
// first (umcg.md 13).
#ifndef RQSIM_POLICIES_USER_QUEUE_H_
#define RQSIM_POLICIES_USER_QUEUE_H_

#include "rqsim/seams.h"

namespace rqsim {

inline constexpr ParamInfo kQueueParam = {
    .name = "queue",
    .kind = ParamKind::kEnum,
    .default_text = "shared",
    .allowed = "shared per-server",
    .summary = "one queue of runnable workers for the group, or one for each server"};

inline ParamInfo LengthParam(std::string_view name, int64_t ns, std::string_view summary) {
  ParamInfo info;
  info.name = name;
  info.kind = ParamKind::kCycles;
  info.default_value = ns;
  info.ns = true;
  info.summary = summary;
  return info;
}

// Run to block: the oldest worker until it blocks, yields or is preempted.
class QueueScheduler : public UserScheduler {
 public:
  explicit QueueScheduler(bool per_server) : per_server_(per_server) {}

  TaskId Pick(Kernel&, TaskId server, const WorkerQueues& queues) override {
    return queues.Count(server) == 0 ? TaskId() : queues.At(server, 0);
  }
  bool PerServer() const override { return per_server_; }

 private:
  bool per_server_;
};

}  // namespace rqsim

#endif  // RQSIM_POLICIES_USER_QUEUE_H_
