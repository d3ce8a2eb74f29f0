// Running a scenario: the composition of a machine, the policies a set names, and listeners.
//
//   auto scenario = rqsim::ReadScenarioFile("inversion.json", diagnostics);
//   auto result = rqsim::RunScenario(*scenario, *rqsim::FindPolicySet(*scenario, "pi"), {});
//
// or, step by step, with listeners of one's own: Simulation.
#ifndef RQSIM_SIMULATION_H_
#define RQSIM_SIMULATION_H_

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <memory>
#include <string_view>
#include <vector>

#include "rqsim/kernel.h"
#include "rqsim/listener.h"
#include "rqsim/registry.h"
#include "rqsim/result.h"
#include "rqsim/scenario.h"

namespace rqsim {

// The set with everything filled in: what it leaves out comes from `scenario.common`, then from a
// named preset, then from the kernel preset. Never fails: names are checked when a simulation is
// created.
PolicySet ResolvePolicySet(const Scenario& scenario, const PolicySet& set);

// The set of that name; null if the scenario has none. A scenario without sets has one, "default".
const PolicySet* FindPolicySet(const Scenario& scenario, std::string_view name);

class Simulation {
 public:
  // Errors: InvalidArgument names the scenario's part that cannot be run; Unimplemented what this
  // version does not model.
  static absl::StatusOr<std::unique_ptr<Simulation>> Create(
      const Scenario& scenario, const PolicySet& set,
      const Registry& registry = Registry::BuiltIn());
  virtual ~Simulation() = default;

  // Adds a listener, which must outlive the simulation's last event. Precondition: nothing has run
  // yet.
  virtual void AddListener(Listener& listener) = 0;

  // Handles every event up to and including instant `t` (cycles). Returns whether anything can
  // still happen.
  virtual bool RunUntil(Time t) = 0;
  // To the end.
  virtual void Run() = 0;
  // How it ended. Precondition: Run has returned, or RunUntil has returned false.
  virtual const RunEnd& end() const = 0;

  // Looks into the state between events.
  virtual const Kernel& kernel() const = 0;
  virtual const RunInfo& info() const = 0;
  virtual const std::vector<Violation>& violations() const = 0;
  // What the policies can say about `task` (its virtual time, its queue place …).
  virtual void Describe(TaskId task, StateWriter& writer) const = 0;
  virtual Time now() const = 0;
};

struct RunOptions {
  bool check = true;                 // accountant and invariant checkers
  bool timeline = false;             // fill Result::timeline and dispatches
  std::vector<Listener*> listeners;  // further ones, after the default ones
};

// Runs one set with the default listeners and gives the result document. Errors: as
// Simulation::Create.
absl::StatusOr<Result> RunScenario(const Scenario& scenario, const PolicySet& set,
                                   const RunOptions& options,
                                   const Registry& registry = Registry::BuiltIn());

}  // namespace rqsim

#endif  // RQSIM_SIMULATION_H_
