// Any bytes as a scenario file, and a short run under each of its policy sets: a scenario can end
// badly, but it can never reach an abort. Corpus: tests/fuzz/corpus/run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "rqsim/check.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"

namespace {

// Beyond these a run tells nothing new and takes long.
constexpr std::size_t kMaxCpus = 16;
constexpr std::size_t kMaxTasks = 64;
constexpr std::size_t kMaxSets = 4;
constexpr rqsim::Time kUntil{20'000};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<rqsim::Diagnostic> diagnostics;
  std::optional<rqsim::Scenario> scenario = rqsim::ReadScenario(text, "fuzz.json", diagnostics);
  if (!scenario) return 0;

  std::size_t num_tasks = 0;
  for (const auto* list : {&scenario->tasks, &scenario->kthreads}) {
    for (const rqsim::TaskSpec& task : *list) {
      num_tasks += static_cast<std::size_t>(std::max(task.instances, 0));
    }
  }
  if (scenario->machine.cpus.size() > kMaxCpus || num_tasks > kMaxTasks) return 0;
  scenario->machine.limit_tasks = static_cast<int>(kMaxTasks) * 2;
  scenario->until = std::min(scenario->until.value_or(kUntil), kUntil);

  std::vector<rqsim::PolicySet> sets = scenario->policies;
  if (sets.empty()) sets.emplace_back();
  if (sets.size() > kMaxSets) sets.resize(kMaxSets);
  for (const rqsim::PolicySet& set : sets) {
    const auto first = rqsim::RunScenario(*scenario, set, {});
    if (!first.ok()) continue;
    RQSIM_CHECK(first->end <= kUntil);
    // Without checkers the run is the same run, unless it broke a rule: then a checker ended it.
    if (!first->violations.empty()) continue;
    rqsim::RunOptions bare;
    bare.check = false;
    const auto second = rqsim::RunScenario(*scenario, set, bare);
    RQSIM_CHECK(second.ok());
    RQSIM_CHECK(second->digest == first->digest);
  }
  return 0;
}
