// The kinds of workloads that can be generated. A further one is a factory here and a row in
// kinds.cc.
#ifndef RQSIM_SIM_SCENARIO_GEN_KINDS_H_
#define RQSIM_SIM_SCENARIO_GEN_KINDS_H_

#include <absl/status/statusor.h>

#include <cstdint>
#include <string_view>

#include "rqsim/generate.h"

namespace rqsim::gen {

// What is drawn has a stream of the seed of its own, so that an option that adds one thing leaves
// the others as they were.
enum Stream : uint64_t { kUtilisations = 1, kPeriods, kPhases, kGaps, kSections, kStorm };

absl::StatusOr<Scenario> MakeUUniFast(const GenOptions& options);
absl::StatusOr<Scenario> MakeRandFixedSum(const GenOptions& options);
absl::StatusOr<Scenario> MakeLockChain(const GenOptions& options);
absl::StatusOr<Scenario> MakeHotplugStorm(const GenOptions& options);

// What holds for every kind: name, CPUs, end. Errors: options that no kind can do with.
absl::StatusOr<Scenario> BaseScenario(std::string_view kind, const GenOptions& options);
// A policy set for each lock protocol that differs, where the scenario has mutexes.
void AddLockSets(Scenario& scenario);

}  // namespace rqsim::gen

#endif  // RQSIM_SIM_SCENARIO_GEN_KINDS_H_
