// What an embedder writes: a scenario in, a run, numbers out. Built against the installed package
// and as a subdirectory, so it includes public headers and nothing else.

#include <cstdio>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"

namespace {

// Two tasks on one CPU, first in, first out: 3 cycles, then 2. Both start at 0 and no switch costs
// anything.
constexpr char kScenario[] = R"({
  "version": 1,
  "name": "two-tasks",
  "machine": {"cpus": [{"ids": "0"}], "costs": {"preset": "zero"}},
  "tasks": [
    {"name": "A", "ops": [{"run": 3}]},
    {"name": "B", "ops": [{"run": 2}]}
  ],
  "policies": {"plain": {"class": "fifo"}}
})";

int Fail(const char* what) {
  std::fprintf(stderr, "consumer: %s\n", what);
  return 1;
}

}  // namespace

int main() {
  std::vector<rqsim::Diagnostic> diagnostics;
  const auto scenario = rqsim::ReadScenario(kScenario, "two-tasks.json", diagnostics);
  for (const rqsim::Diagnostic& diagnostic : diagnostics) {
    std::fputs(rqsim::FormatDiagnostic(diagnostic).c_str(), stderr);
  }
  if (!scenario) return Fail("the scenario was refused");

  const rqsim::PolicySet* set = rqsim::FindPolicySet(*scenario, "plain");
  if (set == nullptr) return Fail("the policy set is not there");

  const auto result = rqsim::RunScenario(*scenario, *set, {});
  if (!result.ok()) return Fail(result.status().ToString().c_str());
  if (result->end != rqsim::Time(5)) return Fail("3 and 2 cycles on one CPU did not end at 5");
  if (result->tasks.at(0).finish != rqsim::Time(3)) return Fail("A did not finish at 3");
  if (!result->violations.empty()) return Fail("a checker reported something");

  const auto again = rqsim::RunScenario(*scenario, *set, {});
  if (!again.ok() || again->digest != result->digest) return Fail("two runs differ");
  std::puts("consumer: fine");
  return 0;
}
