// Runs a scenario under a class that rqsim does not know.
#include <cstdio>
#include <vector>

#include "lifo.h"
#include "rqsim/registry.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"

namespace {

// B comes one cycle after A and takes the CPU until it is done: A [0,1), B [1,3), A [3,5).
constexpr char kScenario[] = R"({
  "version": 1,
  "name": "last-in-first-out",
  "tasks": [
    {"name": "A", "ops": [{"run": 3}]},
    {"name": "B", "start": 1, "ops": [{"run": 2}]}
  ],
  "policies": {"lifo": {"class": "lifo"}}
})";

}  // namespace

int main() {
  rqsim::Registry registry = rqsim::Registry::BuiltIn();
  registry.Add(rqsim::RegistryEntry::Class(kLifoInfo, MakeLifo));
  registry.AddStack({"lifo", {"stop", "lifo", "idle"}, "last in, first out, for all tasks"});

  std::vector<rqsim::Diagnostic> diagnostics;
  const auto scenario = rqsim::ReadScenario(kScenario, "lifo.json", diagnostics, registry);
  for (const rqsim::Diagnostic& diagnostic : diagnostics) {
    std::fputs(rqsim::FormatDiagnostic(diagnostic).c_str(), stderr);
  }
  if (!scenario) return 1;

  const rqsim::PolicySet* set = rqsim::FindPolicySet(*scenario, "lifo");
  const auto result = rqsim::RunScenario(*scenario, *set, {}, registry);
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    return 1;
  }
  for (const rqsim::TaskResult& task : result->tasks) {
    const long long finish = task.finish ? static_cast<long long>(task.finish->cycles()) : -1;
    std::printf("%s finished at %lld\n", task.name.c_str(), finish);
  }
  const bool is_right =
      result->tasks.at(0).finish == rqsim::Time(5) && result->tasks.at(1).finish == rqsim::Time(3);
  return is_right ? 0 : 1;
}
