// Every row of the table of faults: a scenario below scenarios/ switches it on in one policy set,
// there its invariant reports; with the same windows and the fault off nothing does.
#include "rqsim/faults.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rqsim/registry.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

std::vector<FaultInfo> AllFaults() {
  std::vector<FaultInfo> rows;
  for (const MachineFault& fault : MachineFaults()) rows.push_back(fault.info);
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    for (const FaultInfo& fault : entry.info->faults) {
      const auto same = [&](const FaultInfo& row) { return row.name == fault.name; };
      if (std::none_of(rows.begin(), rows.end(), same)) rows.push_back(fault);
    }
  }
  return rows;
}

struct Case {
  Scenario scenario;
  PolicySet set;
};

// By fault: where the scenarios switch it on.
std::multimap<std::string, Case> Cases() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator("scenarios")) {
    const std::string path = entry.path().string();
    if (path.ends_with(".json") && !path.ends_with(".golden.json")) files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  std::multimap<std::string, Case> cases;
  for (const std::string& file : files) {
    std::vector<Diagnostic> diagnostics;
    const auto scenario = ReadScenarioFile(file, diagnostics);
    if (!scenario) continue;
    for (const PolicySet& set : scenario->policies) {
      for (const FaultSpec& fault : set.faults) {
        if (fault.name != "window") cases.insert({fault.name, {*scenario, set}});
      }
    }
  }
  return cases;
}

std::set<std::string> Reports(const Case& one) {
  auto result = RunScenario(one.scenario, one.set, {});
  INFO(one.scenario.name << " under " << one.set.name << ": " << result.status().message());
  REQUIRE(result.ok());
  std::set<std::string> ids;
  for (const Violation& violation : result->violations) ids.insert(violation.id);
  return ids;
}

}  // namespace

TEST_CASE("Each fault is reported by its invariant, and nothing is without it", "[faults]") {
  const auto cases = Cases();
  const bool has_donors = Registry::BuiltIn().Find(Seam::kLockProtocol, "proxy-7.2") != nullptr;
  for (const FaultInfo& fault : AllFaults()) {
    const std::string name(fault.name), id(fault.caught_by);
    if (name.starts_with("proxy.") && !has_donors) continue;
    INFO(name);
    const auto [first, last] = cases.equal_range(name);
    CHECK(first != last);
    bool is_reported = !id.starts_with("PA-");
    for (auto one = first; one != last; ++one) {
      INFO(one->second.scenario.name << " under " << one->second.set.name);
      // What no invariant forbids shows in a metric, which the scenario states.
      if (id.starts_with("PX-") || id.starts_with("MX-") || id.starts_with("KA-")) {
        CHECK(Reports(one->second).count(id) == 1);
      }
      // Pairing's properties follow from each other: a scenario may be about another one.
      if (id.starts_with("PA-")) {
        const std::set<std::string> ids = Reports(one->second);
        CHECK_FALSE(ids.empty());
        is_reported = is_reported || ids.count(id) == 1;
      }
      Case off = one->second;
      std::erase_if(off.set.faults, [](const FaultSpec& spec) { return spec.name != "window"; });
      CHECK(Reports(off).empty());
    }
    CHECK(is_reported);
  }
}

TEST_CASE("Every fault says what it does and what catches it, and all are off", "[faults]") {
  const Faults faults;
  for (const MachineFault& fault : MachineFaults()) CHECK(!(faults.*fault.on));
  for (const FaultInfo& fault : AllFaults()) {
    INFO(std::string(fault.name));
    CHECK(fault.name.find('.') != std::string_view::npos);
    CHECK(!fault.summary.empty());
    CHECK(!fault.caught_by.empty());
  }
}

TEST_CASE("A policy set must have what its own faults are about", "[faults]") {
  Scenario scenario;
  scenario.mutexes = {"A"};
  PolicySet pi;
  pi.name = "pi";
  pi.lock = PolicyChoice{"pi", {}, {}};
  FaultSpec fault;
  fault.name = "proxy.unlock_preemptible";
  scenario.faults = {fault};
  // For every set of the scenario: no matter that this one does not have it.
  CHECK(Simulation::Create(scenario, pi).ok());
  scenario.faults.clear();
  pi.faults = {fault};
  CHECK(Simulation::Create(scenario, pi).status().message() ==
        "faults: no policy of set \"pi\" has proxy.unlock_preemptible");
  fault.name = "window";
  fault.at = "mutex.L4";
  fault.hold = Cycles(3);
  pi.faults = {fault};
  CHECK(Simulation::Create(scenario, pi).status().message() ==
        "faults: no policy of set \"pi\" has mutex.L4");
}

}  // namespace rqsim
