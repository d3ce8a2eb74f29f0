#include "sim/scenario/gen/kinds.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include <string>
#include <utility>

#include "rqsim/limits.h"

namespace rqsim {
namespace {

constexpr GenKind kKinds[] = {
    {"uunifast", "periodic or sporadic tasks, utilisations by UUniFast",
     "tasks utilisation min-period max-period arrivals spread locks section", gen::MakeUUniFast},
    {"randfixedsum", "the same by Randfixedsum: no task above one CPU, whatever the sum",
     "tasks utilisation min-period max-period arrivals spread locks section",
     gen::MakeRandFixedSum},
    {"lock-chain", "each task holds a mutex that the next more important one waits for",
     "depth hogs min-period section", gen::MakeLockChain},
    {"hotplug-storm", "CPUs go offline and come online at random over a scenario",
     "over operations tasks utilisation min-period max-period arrivals spread locks section",
     gen::MakeHotplugStorm},
};

}  // namespace

std::span<const GenKind> GenKinds() { return kKinds; }

const GenKind* FindGenKind(std::string_view name) {
  for (const GenKind& kind : kKinds) {
    if (kind.name == name) return &kind;
  }
  return nullptr;
}

namespace gen {

absl::StatusOr<Scenario> BaseScenario(std::string_view kind, const GenOptions& options) {
  if (options.cpus < 1 || options.cpus > kMaxCpus) {
    return absl::InvalidArgumentError(fmt::format("--cpus: from 1 to {}", kMaxCpus));
  }
  if (options.until <= Time() || options.until > Time() + kCyclesMax) {
    return absl::InvalidArgumentError("--until: a length above 0");
  }
  switch (options.policy) {
    case SchedPolicy::kNormal:
    case SchedPolicy::kBatch:
    case SchedPolicy::kFifo:
    case SchedPolicy::kRr:
    case SchedPolicy::kDeadline:
      break;
    case SchedPolicy::kIdle:
    case SchedPolicy::kStop:
    case SchedPolicy::kSwapper:
      return absl::InvalidArgumentError("--policy: normal, batch, fifo, rr or deadline");
  }
  Scenario scenario;
  scenario.name = fmt::format("{}-{}", kind, options.seed);
  scenario.machine.cpus.assign(static_cast<std::size_t>(options.cpus), CpuSpec());
  scenario.until = options.until;
  scenario.seed = options.seed;
  return scenario;
}

void AddLockSets(Scenario& scenario) {
  if (scenario.mutexes.empty()) return;
  for (const char* lock : {"mutex", "pi"}) {
    PolicySet set;
    set.name = lock;
    set.lock.emplace();
    set.lock->name = lock;
    scenario.policies.push_back(std::move(set));
  }
}

}  // namespace gen
}  // namespace rqsim
