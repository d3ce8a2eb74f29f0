// The shortest embedding: a scenario file, every one of its policy sets, one number of each.
#include <cstdio>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"

int main(int argc, char** argv) {
  std::vector<rqsim::Diagnostic> diagnostics;
  const char* path = argc > 1 ? argv[1] : "scenarios/pathfinder.json";
  const auto scenario = rqsim::ReadScenarioFile(path, diagnostics);
  for (const auto& d : diagnostics) std::fputs(rqsim::FormatDiagnostic(d).c_str(), stderr);
  if (!scenario) return 2;
  for (const rqsim::PolicySet& set : scenario->policies) {
    const auto result = rqsim::RunScenario(*scenario, set, {});
    if (!result.ok()) return 1;
    for (const rqsim::TaskResult& task : result->tasks) {
      std::printf("%s %s: worst response %lld cycles\n", set.name.c_str(), task.name.c_str(),
                  static_cast<long long>(task.response.max.count()));
    }
  }
}
