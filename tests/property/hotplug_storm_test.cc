// Storms of hotplug operations over every scenario of the tree: CPUs go and come at random, and
// nobody may be lost, run where no CPU is, or be left behind; the books must close, and no storm
// may stop a scenario that comes to its end without one.
//
// Which scenarios and how many storms: each scenario in turn, with the seeds 1, 2, 3 … until
// RQSIM_WORLDS storms have run (300 when nobody says; CI runs 10000).
//
//   RQSIM_WORLDS=10000 build/release/bin/property_hotplug_storm '[slow]'
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "rqsim/generate.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

constexpr int64_t kLongest = 100'000'000;

int64_t StormsWanted() {
  const char* const text = std::getenv("RQSIM_WORLDS");
  return text == nullptr ? 300 : std::max<int64_t>(1, std::atoll(text));
}

// Scenarios that a storm can be laid over: no hotplug of their own, no mistakes made on purpose,
// and not so long that a run takes seconds.
std::vector<Scenario> TheTree() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(RQSIM_SCENARIOS)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path().string());
  }
  // total order: paths differ.
  std::sort(paths.begin(), paths.end());
  std::vector<Scenario> scenarios;
  for (const std::string& path : paths) {
    std::vector<Diagnostic> diagnostics;
    const auto scenario = ReadScenarioFile(path, diagnostics);
    if (!scenario || !scenario->faults.empty() || !scenario->hotplug.empty()) continue;
    if (scenario->until && *scenario->until > Time(kLongest)) continue;
    const bool on_purpose = std::any_of(scenario->policies.begin(), scenario->policies.end(),
                                        [](const PolicySet& set) { return !set.faults.empty(); });
    if (!on_purpose) scenarios.push_back(*scenario);
  }
  return scenarios;
}

bool EndsWell(Outcome outcome) { return outcome == Outcome::kDone || outcome == Outcome::kUntil; }

TEST_CASE("A storm of hotplug operations over any scenario breaks nothing", "[property][slow]") {
  const std::vector<Scenario> tree = TheTree();
  REQUIRE(tree.size() > 100);
  const GenKind& storm = *FindGenKind("hotplug-storm");
  std::map<std::string, int64_t> seen;
  int64_t left = StormsWanted();
  for (uint64_t seed = 1; left > 0; ++seed) {
    for (std::size_t i = 0; i < tree.size() && left > 0; ++i) {
      GenOptions options;
      options.over = &tree[i];
      options.seed = seed;
      options.operations = 4 + static_cast<int>(seed % 13);
      const auto scenario = storm.make(options);
      REQUIRE(scenario.ok());
      const std::size_t sets = std::max<std::size_t>(1, scenario->policies.size());
      const PolicySet* set = scenario->policies.empty() ? FindPolicySet(*scenario, "default")
                                                        : &scenario->policies[(seed + i) % sets];
      const auto calm = RunScenario(tree[i], *set, {}, Registry::BuiltIn());
      const auto result = RunScenario(*scenario, *set, {}, Registry::BuiltIn());
      --left;
      CAPTURE(scenario->name, set->name, seed);
      REQUIRE(result.ok() == calm.ok());
      if (!result.ok()) continue;
      for (const Violation& violation : result->violations) UNSCOPED_INFO(violation.message);
      if (calm->violations.empty()) CHECK(result->violations.empty());
      INFO(result->message);
      if (EndsWell(calm->outcome)) CHECK(EndsWell(result->outcome));
      for (const auto& [name, value] : result->metrics) {
        if (name.starts_with("hotplug_")) seen[name] += value;
      }
    }
  }
  for (const char* name : {"hotplug_ops", "hotplug_failed", "hotplug_moved",
                           "hotplug_stop_window_sum", "hotplug_inactive_cycles"}) {
    fmt::print("{} {}\n", name, seen[name]);
    CHECK(seen[name] > 0);
  }
}

}  // namespace
}  // namespace rqsim
