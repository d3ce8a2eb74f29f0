#include <fmt/core.h>

#include <memory>

#include "rqsim/compare.h"
#include "rqsim/simulation.h"

namespace rqsim {

absl::StatusOr<Comparison> CompareSets(const Scenario& scenario, const std::vector<PolicySet>& sets,
                                       const CompareOptions& options, const Registry& registry) {
  std::vector<Result> results;
  std::vector<std::unique_ptr<Recording>> recordings;
  std::vector<const Recording*> looked_at;
  for (const PolicySet& set : sets) {
    recordings.push_back(
        std::make_unique<Recording>(ComparedEvents(), options.recorded_events_max));
    looked_at.push_back(recordings.back().get());
    RunOptions run;
    run.check = options.check;
    run.timeline = true;
    run.listeners = {recordings.back().get()};
    auto result = RunScenario(scenario, set, run, registry);
    if (!result.ok()) {
      return absl::Status(
          result.status().code(),
          fmt::format("policy set {}: {}", set.name, std::string(result.status().message())));
    }
    results.push_back(*std::move(result));
  }
  return CompareRuns(scenario, std::move(results), looked_at);
}

}  // namespace rqsim
