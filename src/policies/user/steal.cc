// One queue per server; a server that finds nothing takes the oldest worker of the server whose
// queue is longest, of equals that with the lowest id.
//
// Origin: umcg.md 13. What differs: nothing. Cost: O(servers) for a theft. Tested by
// scenarios/umcg/UM-35-steal.json and tests/unit/policies/user/user_test.cc.
#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "policies.h"
#include "user/queue.h"

namespace rqsim {
namespace {

constexpr std::array kParams = {ParamInfo{.name = "steal",
                                          .kind = ParamKind::kBool,
                                          .default_value = 1,
                                          .summary = "off: servers keep to their own queues"}};

class StealScheduler final : public QueueScheduler {
 public:
  StealScheduler(const Limits& limits, bool steals) : QueueScheduler(true), steals_(steals) {
    if (limits.user == nullptr) return;
    for (const UserGroup& group : limits.user->groups) groups_.push_back(group.servers);
  }

  TaskId Steal(Kernel&, TaskId server, const WorkerQueues& queues) override {
    TaskId victim;
    if (!steals_) return victim;
    for (const std::vector<TaskId>& servers : groups_) {
      if (std::find(servers.begin(), servers.end(), server) == servers.end()) continue;
      for (TaskId other : servers) {
        const int longest = victim.valid() ? queues.Count(victim) : 0;
        if (queues.Count(other) > longest) victim = other;
      }
    }
    return victim;
  }

 private:
  bool steals_;
  std::vector<std::vector<TaskId>> groups_;
};

}  // namespace

const PolicyInfo kUserStealInfo = {
    .name = "steal",
    .seam = Seam::kUserScheduler,
    .summary = "a queue per server; an idle server takes from the longest one",
    .source = "umcg.md 13",
    .params = kParams,
};

absl::StatusOr<std::unique_ptr<UserScheduler>> MakeUserSteal(const PolicyParams& params,
                                                             const Limits& limits) {
  return std::make_unique<StealScheduler>(limits, params.Flag("steal"));
}

}  // namespace rqsim
