#include "rqsim/expect.h"
#include "rqsim/simulation.h"
#include "sim/expect/states.h"

namespace rqsim {

absl::StatusOr<ExpectReport> CheckExpectations(const Scenario& scenario, const PolicySet& set,
                                               const ExpectOptions& options,
                                               const Registry& registry) {
  Recording recording(EventMask::All());
  RunOptions run;
  run.timeline = true;
  run.listeners = options.listeners;
  run.listeners.push_back(&recording);
  auto result = RunScenario(scenario, set, run, registry);
  if (!result.ok()) return result.status();
  ExpectReport report;
  report.policy = set.name;
  report.result = *std::move(result);
  CheckResult(scenario, report.result, recording, report);
  const absl::Status states = CheckStates(scenario, set, registry, report);
  if (!states.ok()) return states;
  return report;
}

}  // namespace rqsim
