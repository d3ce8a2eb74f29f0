// Scheduling attributes of threads and phases: rt-app's policy, priority and dl-* keys to a
// SchedSpec.
#ifndef RQSIM_SIM_SCENARIO_RTAPP_SCHED_H_
#define RQSIM_SIM_SCENARIO_RTAPP_SCHED_H_

#include <optional>
#include <string>

#include "rqsim/scenario.h"
#include "sim/scenario/json_tree.h"
#include "sim/scenario/rtapp/reporter.h"

namespace rqsim::rtapp {

// The policy of that name ("SCHED_FIFO"); reports it otherwise.
std::optional<SchedPolicy> PolicyOf(const JsonMember& member, const std::string& path,
                                    Reporter& reporter);

// The keys of one object that say how it is scheduled; null where it does not have the key.
struct SchedKeys {
  const JsonMember* policy = nullptr;
  const JsonMember* priority = nullptr;
  const JsonMember* runtime = nullptr;
  const JsonMember* period = nullptr;
  const JsonMember* deadline = nullptr;

  bool any() const {
    return policy != nullptr || priority != nullptr || runtime != nullptr || period != nullptr ||
           deadline != nullptr;
  }
};

// What `keys` makes of a task that had `before`. A policy that is given brings its own default
// priority; without one the policy stays, and so does what is not given. Mistakes are reported at
// their keys, those of the whole at `offset`.
SchedSpec ApplySched(const SchedKeys& keys, const SchedSpec& before, std::size_t offset,
                     const std::string& path, Reporter& reporter);

// Microseconds to cycles of the imported scenario's clock (1 GHz). Reports what is no integer from
// 0 up.
std::optional<Cycles> Microseconds(const JsonValue& node, const std::string& path,
                                   Reporter& reporter);

inline constexpr int64_t kCyclesPerMicrosecond = 1000;
// SCHED_FIFO and SCHED_RR where no priority is given.
inline constexpr int kDefaultRtPriority = 10;

// The attributes of a task of which nothing is said but the policy.
SchedSpec DefaultSched(SchedPolicy policy);

}  // namespace rqsim::rtapp

#endif  // RQSIM_SIM_SCENARIO_RTAPP_SCHED_H_
