// PX-29: what the lock protocols cost where nobody needs their help, as the ratio of makespans.
#include <fmt/core.h>

#include <optional>
#include <string>
#include <vector>

#include "rqsim/compare.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "sim/views/result_json.h"
#include "support/catch.h"

namespace rqsim {
namespace {

TEST_CASE(
    "PX-29 A thousand contentions report a ratio of makespans per policy, twice the same bytes",
    "[lock][proxy]") {
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenarioFile("scenarios/proxy/PX-29-overhead.json", diagnostics);
  REQUIRE(scenario);
  // Each protocol with and without spinning, on two CPUs, at costs in proportion to real ones.
  CHECK(scenario->machine.cpus.size() == 2);
  CHECK(scenario->policies.size() == 8);
  const auto comparison = CompareSets(*scenario, scenario->policies);
  REQUIRE(comparison.ok());
  const std::vector<Result>& first = comparison->results;
  std::string report;
  for (std::size_t i = 0; i < first.size(); ++i) {
    INFO(first[i].policy);
    int64_t contended = 0;
    for (const LockResult& lock : first[i].locks) contended += lock.wait.n;
    // The first finds the mutex free, and so does the last if the other task has ended by then.
    CHECK(contended >= 998);
    RunOptions options;
    options.timeline = true;
    const auto again = RunScenario(*scenario, scenario->policies[i], options);
    REQUIRE(again.ok());
    CHECK(ResultJsonText(*again) == ResultJsonText(first[i]));
    report += fmt::format("{} {} of {}\n", first[i].policy, first[i].end.cycles(),
                          first.front().end.cycles());
  }
  // `compare` has the makespans side by side; its text says by how much each differs.
  const auto& metrics = comparison->run.metrics;
  std::optional<std::size_t> end;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    if (metrics[i].name == "end") end = i;
  }
  REQUIRE(end);
  for (std::size_t i = 0; i < first.size(); ++i) {
    CHECK(metrics[*end].values[i] == first[i].end.cycles());
  }
  WARN(report);
}

}  // namespace
}  // namespace rqsim
