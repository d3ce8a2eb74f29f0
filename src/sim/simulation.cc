#include "rqsim/simulation.h"

#include <utility>

#include "sim/composer.h"
#include "sim/machine/machine.h"

namespace rqsim {
namespace {

class SimulationImpl final : public Simulation {
 public:
  explicit SimulationImpl(Composer composer)
      : owned_(std::move(composer.owned)),
        machine_(std::move(composer.plan), std::move(composer.policies)) {}

  void AddListener(Listener& listener) override { machine_.AddListener(listener); }
  bool RunUntil(Time t) override { return machine_.RunUntil(t); }
  void Run() override { machine_.RunUntil(kNever); }
  const RunEnd& end() const override { return machine_.end(); }
  const Kernel& kernel() const override { return machine_; }
  const RunInfo& info() const override { return machine_; }
  const std::vector<Violation>& violations() const override { return machine_.violations(); }
  void Describe(TaskId task, StateWriter& writer) const override {
    machine_.Describe(task, writer);
  }
  Time now() const override { return machine_.now(); }

 private:
  std::vector<std::unique_ptr<Policy>> owned_;
  Machine machine_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Simulation>> Simulation::Create(const Scenario& scenario,
                                                               const PolicySet& set,
                                                               const Registry& registry) {
  Composer composer(scenario, set, registry);
  const absl::Status status = composer.Compose();
  if (!status.ok()) return status;
  return std::unique_ptr<Simulation>(std::make_unique<SimulationImpl>(std::move(composer)));
}

}  // namespace rqsim
