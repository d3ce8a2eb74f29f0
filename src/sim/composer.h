// Puts a run together: the machine's plan and the policies of a set, from a scenario. One use: make
// it, Compose(), move `plan`, `policies` and `owned` out.
#ifndef RQSIM_SIM_COMPOSER_H_
#define RQSIM_SIM_COMPOSER_H_

#include <absl/status/status.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rqsim/registry.h"
#include "rqsim/scenario.h"
#include "rqsim/simulation.h"
#include "sim/machine/machine.h"
#include "sim/scenario/user_space.h"

namespace rqsim {

class Composer {
 public:
  Composer(const Scenario& scenario, const PolicySet& set, const Registry& registry)
      : scenario_(scenario), set_(ResolvePolicySet(scenario, set)), registry_(registry) {
    AddHotplugService();
  }

  absl::Status Compose();

  MachinePlan plan;
  MachinePolicies policies;
  std::vector<std::unique_ptr<Policy>> owned;

 private:
  // composer.cc: which policies the run has.
  void AddHotplugService();
  absl::Status CheckMachine() const;
  absl::Status ChoosePreemption();
  absl::Status ChooseClasses();
  absl::Status ChooseOthers();
  absl::Status AddImplicitServices();
  absl::Status ChooseUserSchedulers();
  const RegistryEntry* Find(Seam seam, const PolicyChoice& choice, absl::Status& status) const;
  absl::Status AddRow(const RegistryEntry& entry,
                      const std::vector<std::pair<std::string, ParamValue>>& params);
  Limits LimitsFor(PolicyId self) const;

  // composer_tasks.cc: which tasks it has, and their programs.
  bool UsesOperationsOf(const PolicyInfo& info) const;
  absl::Status PlanTasks();
  void PlanKthread(const TaskSpec& spec, TaskPlan& task);
  absl::Status PlanServers();
  bool HasServers() const;
  bool HasWatchdogs() const;
  int NumPolicyTasks() const;
  void StartInPaths();
  absl::Status CompileAll();

  // composer_faults.cc: what is to go wrong in it.
  void CollectFaults();
  void CallFaults();
  absl::Status ApplyFaults();
  bool ApplyFault(const FaultSpec& fault, absl::Status& status);
  bool FindHeldStep(std::string_view at, HoldPlan& hold) const;
  void PlaceFaults();

  int sched_class_ = -1;  // place of the class that is being made, and of the one it serves
  int served_class_ = -1;
  const Scenario& scenario_;
  PolicySet set_;
  const Registry& registry_;
  std::vector<std::string> faults_on_;  // by name; windows are not among them
  UserWorld user_;
  std::vector<const TaskSpec*> specs_;  // by planned task; null: a server
};

}  // namespace rqsim

#endif  // RQSIM_SIM_COMPOSER_H_
