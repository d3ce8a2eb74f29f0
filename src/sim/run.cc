// One run from scenario to result document: a simulation with the default listeners.

#include <memory>
#include <utility>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "sim/views/dispatches.h"
#include "sim/views/mutex_checker.h"
#include "sim/views/pi_checker.h"
#include "sim/views/result_builder.h"
#include "sim/views/timeline.h"

namespace rqsim {

absl::StatusOr<Result> RunScenario(const Scenario& scenario, const PolicySet& set,
                                   const RunOptions& options, const Registry& registry) {
  absl::StatusOr<std::unique_ptr<Simulation>> created = Simulation::Create(scenario, set, registry);
  if (!created.ok()) return created.status();

  // Listeners outlive the simulation that calls them.
  ResultBuilder builder(options.check ? Accountant::Reports::kAll : Accountant::Reports::kNone);
  MutexChecker mutex_checker;
  PiChecker pi_checker;
  Timeline timeline;
  Dispatches dispatches;
  const std::unique_ptr<Simulation> simulation = *std::move(created);
  simulation->AddListener(builder);
  if (options.check && !scenario.mutexes.empty()) {
    simulation->AddListener(mutex_checker);
    const PolicySet resolved = ResolvePolicySet(scenario, set);
    if (resolved.lock && resolved.lock->name == "pi") simulation->AddListener(pi_checker);
  }
  if (options.timeline) {
    simulation->AddListener(timeline);
    simulation->AddListener(dispatches);
  }
  for (Listener* listener : options.listeners) simulation->AddListener(*listener);
  simulation->Run();

  Result result = builder.Take();
  result.scenario_hash = ScenarioHash(scenario);
  result.violations = simulation->violations();
  if (options.timeline) {
    result.timeline = timeline.cells();
    result.dispatches = dispatches.Take();
  }
  return result;
}

}  // namespace rqsim
