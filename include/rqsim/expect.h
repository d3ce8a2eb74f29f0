// Holds a run against what its scenario says must happen: `expect`, which states it exactly, and
// `assert`, which bounds it. `rqsim test` prints what this finds:
//
//   timeline of CPU 1: cell 3 is [6,10)M, not [6,11)M
//     expected [0,2)L [2,3)M [3,6)L/H [6,11)M [11,12)L
//     actual   [0,2)L [2,3)M [3,6)L/H [6,10)M [10,12)L
//     before it, on that CPU:
//       6 1 sched_switch prev_comm=L …
#ifndef RQSIM_EXPECT_H_
#define RQSIM_EXPECT_H_

#include <absl/status/statusor.h>

#include <string>
#include <vector>

#include "rqsim/recording.h"
#include "rqsim/registry.h"
#include "rqsim/result.h"
#include "rqsim/scenario.h"

namespace rqsim {

// Something that did not happen as stated.
struct Mismatch {
  std::string what;                 // a sentence: where, and the first difference
  std::string expected, actual;     // both in full; empty when `what` says it all
  std::vector<std::string> before;  // the events that led there, oldest first
  SourcePos pos;                    // of the statement in its file
};

// What one policy set of a scenario did.
struct ExpectReport {
  std::string policy;
  int statements = 0;  // how many things were held against the run
  std::vector<Mismatch> mismatches;
  Result result;
};

// Runs `set` with what is needed to judge it. Errors: as Simulation::Create. Listeners in `options`
// take part in the run.
struct ExpectOptions {
  std::vector<Listener*> listeners;
};
absl::StatusOr<ExpectReport> CheckExpectations(const Scenario& scenario, const PolicySet& set,
                                               const ExpectOptions& options = {},
                                               const Registry& registry = Registry::BuiltIn());

// The same for a run that has been made: `result` with its timeline, `recording` with every kind of
// event. Statements about states at an instant need a run of their own and are left out.
void CheckResult(const Scenario& scenario, const Result& result, const Recording& recording,
                 ExpectReport& report);

// Only the scenario's assertions about the set that `result` is of.
void CheckAsserts(const Scenario& scenario, const Result& result, ExpectReport& report);

// Whether the scenario says, or leaves open, that its run under the set `policy` ends with
// `outcome`: done, until and killed are always accepted unless another one is stated.
bool OutcomeAccepted(const Scenario& scenario, const std::string& policy, Outcome outcome);

// Whether `expect` is about the set `policy`; one that names no set is about all of them.
bool AppliesTo(const ExpectSpec& expect, const std::string& policy);

std::string_view OutcomeName(Outcome outcome);  // "done"

// A line of cells: "[0,3)H [3,6)- [6,8)L/H", open at the end as "[8,".
std::string CellsText(const std::vector<ExpectCell>& cells);

// The cells of `cpu` in a timeline, equal neighbours merged and none of length zero.
std::vector<ExpectCell> TimelineOf(const Result& result, CpuId cpu);

}  // namespace rqsim

#endif  // RQSIM_EXPECT_H_
