// Storms of hotplug operations over every scenario of the tree: CPUs go and come at random, and
// nobody may be lost, run where no CPU is, or be left behind; the books must close, and no storm
// may stop a scenario that comes to its end without one.
//
// Which scenarios and how many storms: each scenario in turn, with the seeds 1, 2, 3 … until
// enough have run.
//
//   RQSIM_WORLDS=10000 build/release/bin/property_hotplug_storm '[slow]'
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/generate.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

constexpr int64_t kLongest = 100'000'000;
constexpr int64_t kWithoutEnd = 1'000'000;

int64_t StormsWanted(int64_t usual) {
  const char* const text = std::getenv("RQSIM_WORLDS");
  return text == nullptr ? usual : std::max<int64_t>(1, std::atoll(text));
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
    // What is isolated while the CPUs that remain are offline is refused, and the tasks stay.
    const bool isolates =
        std::any_of(scenario->actions.begin(), scenario->actions.end(),
                    [](const ActionSpec& action) { return action.kind == ActionKind::kIsolate; });
    if (!on_purpose && !isolates) scenarios.push_back(*scenario);
  }
  return scenarios;
}

bool EndsWell(Outcome outcome) { return outcome == Outcome::kDone || outcome == Outcome::kUntil; }

// A wake-up that comes before its block is lost, and a storm changes which comes first: such a
// workload may sleep for ever, and that is its own doing.
bool MayMissItsWakeUp(const std::vector<OpSpec>& ops) {
  return std::any_of(ops.begin(), ops.end(), [](const OpSpec& op) {
    const bool waits = op.kind == OpKind::kBlock || op.kind == OpKind::kWait ||
                       op.kind == OpKind::kSync || op.kind == OpKind::kSuspend ||
                       op.kind == OpKind::kService;
    return (waits && !op.timeout) || MayMissItsWakeUp(op.ops) || MayMissItsWakeUp(op.otherwise);
  });
}
bool MayMissItsWakeUp(const Scenario& scenario) {
  return std::any_of(scenario.tasks.begin(), scenario.tasks.end(),
                     [](const TaskSpec& task) { return MayMissItsWakeUp(task.ops); });
}

// Pairing promises progress while the CPUs it needs are there, and kernel threads keep off isolated
// CPUs while a housekeeping CPU is there: a storm can take any of them.
bool IsClean(const Result& result) {
  return std::all_of(result.violations.begin(), result.violations.end(),
                     [](const Violation& violation) {
                       return violation.id == "PA-L1" || violation.id == "KA-I4";
                     });
}

struct Calm {
  bool ok = false;
  bool is_clean = false, ends_well = false;
};

Calm RunCalm(const Scenario& scenario, const PolicySet& set) {
  const auto result = RunScenario(scenario, set, {}, Registry::BuiltIn());
  if (!result.ok()) return {};
  return {true, IsClean(*result), EndsWell(result->outcome) && !MayMissItsWakeUp(scenario)};
}

// Returns what occurred, by metric.
std::map<std::string, int64_t> RunStorms(int64_t left) {
  const std::vector<Scenario> tree = TheTree();
  REQUIRE(tree.size() > 100);
  const GenKind& storm = *FindGenKind("hotplug-storm");
  std::map<std::string, int64_t> seen;
  std::map<std::pair<std::size_t, std::string>, Calm> calms;
  for (uint64_t seed = 1; left > 0; ++seed) {
    for (std::size_t i = 0; i < tree.size() && left > 0; ++i, --left) {
      GenOptions options;
      options.over = &tree[i];
      options.seed = seed;
      options.operations = 4 + static_cast<int>(seed % 13);
      auto scenario = storm.make(options);
      REQUIRE(scenario.ok());
      // What spins until somebody comes who waits for it, as the model has it, goes on for ever.
      if (!scenario->until) scenario->until = Time(kWithoutEnd);
      const std::size_t sets = scenario->policies.size();
      const PolicySet* set =
          sets == 0 ? FindPolicySet(*scenario, "default") : &scenario->policies[(seed + i) % sets];
      const auto [calm, is_new] = calms.try_emplace({i, set->name});
      if (is_new) calm->second = RunCalm(tree[i], *set);
      const auto result = RunScenario(*scenario, *set, {}, Registry::BuiltIn());
      CAPTURE(scenario->name, set->name, seed);
      CHECK(result.ok() == calm->second.ok);
      if (!result.ok()) continue;
      for (const Violation& violation : result->violations) UNSCOPED_INFO(violation.message);
      if (calm->second.is_clean) CHECK(IsClean(*result));
      INFO(result->message);
      if (calm->second.ends_well) CHECK(EndsWell(result->outcome));
      for (const auto& [name, value] : result->metrics) {
        if (name.starts_with("hotplug_")) seen[name] += value;
      }
    }
  }
  return seen;
}

void CheckNotTame(const std::map<std::string, int64_t>& seen) {
  for (const char* name : {"hotplug_ops", "hotplug_failed", "hotplug_moved",
                           "hotplug_stop_window_sum", "hotplug_inactive_cycles"}) {
    const auto found = seen.find(name);
    fmt::print("{} {}\n", name, found == seen.end() ? 0 : found->second);
    CHECK((found != seen.end() && found->second > 0));
  }
}

TEST_CASE("A storm of hotplug operations over any scenario breaks nothing", "[property]") {
  CheckNotTame(RunStorms(300));
}

TEST_CASE("Ten thousand storms, or as many as RQSIM_WORLDS says, break nothing",
          "[property][slow]") {
  CheckNotTame(RunStorms(StormsWanted(10'000)));
}

}  // namespace
}  // namespace rqsim
