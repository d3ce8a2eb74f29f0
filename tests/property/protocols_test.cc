// Every lock protocol against every other, in small random worlds of at most three CPUs, five tasks
// and three locks, with affinities, sleeps and signals; and in wilder ones, with deadline tasks,
// acquire contexts (ww) and wait_lock as a resource as well. Locks are taken in one order, so every
// world must come to its end; every checker is on and must report nothing; and nobody who is not
// contended may see which protocol it is.
//
// A failure prints the seed and the smallest world that still fails, as a scenario. The test prints
// how often what occurred, and fails if something never did.
//
//   RQSIM_WORLDS=1000000 build/release/bin/property_protocols '[slow]'
//   RQSIM_WORLDS=20000 RQSIM_FIRST_WORLD=5000001 build/release/bin/property_protocols
//   '[wild][slow]'
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "property/worlds.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "sim/views/proxy_world.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// Knobs that decide who gets a mutex and what becomes of a donor, but break nothing: the words of
// `return` that keep a donor where it may not execute and that of `sleeping_owner` that keeps a CPU
// idle are not among them.
struct Knob {
  std::string_view name;
  std::vector<std::string> words;
};
const std::vector<Knob> kKnobs = {{"handoff", {"normal", "donor", "always", "never"}},
                                  {"check_order", {"on_rq_first", "cpu_first"}},
                                  {"sleeping_owner", {"park", "deactivate"}},
                                  {"donor_wake_resched", {"always", "class"}},
                                  {"return", {"wake_cpu", "affinity_only"}}};

void Turn(const World& world, const ParamInfo& param, PolicyChoice& lock) {
  for (std::size_t i = 0; i < kKnobs.size() && i < world.knobs.size(); ++i) {
    const Knob& knob = kKnobs[i];
    if (param.name != knob.name) continue;
    const auto drawn = static_cast<std::size_t>(world.knobs[i]);
    lock.params.emplace_back(std::string(knob.name), knob.words[drawn % knob.words.size()]);
  }
}

// A set per protocol of this tree, those that spin with and without.
std::vector<PolicySet> SetsFor(const World& world) {
  std::vector<PolicySet> sets;
  for (const RegistryEntry& entry : Registry::BuiltIn().entries()) {
    if (entry.info->seam != Seam::kLockProtocol) continue;
    PolicySet set;
    set.name = std::string(entry.info->name);
    set.lock = PolicyChoice{set.name, {}, {}};
    bool spins = false;
    std::size_t next = 0;
    for (const ParamInfo& param : entry.info->params) {
      if (param.name == "spin") spins = true;
      if (param.name == "model_wait_lock" && world.model_wait_lock) {
        set.lock->params.emplace_back(std::string(param.name), true);
      }
      Turn(world, param, *set.lock);
      if (param.kind != ParamKind::kCycles || world.lock_costs.empty()) continue;
      // By the name of the cost, so that protocols share what they have in common.
      next = 0;
      for (const char c : param.name) next = next * 31 + static_cast<unsigned char>(c);
      const int64_t cost = world.lock_costs[next % world.lock_costs.size()];
      set.lock->params.emplace_back(std::string(param.name), std::max(cost, param.min));
    }
    sets.push_back(set);
    if (!spins) continue;
    set.name += "-nospin";
    set.lock->params.emplace_back("spin", false);
    sets.push_back(set);
  }
  return sets;
}

// What occurred, over all worlds and sets.
class Histogram final : public Listener {
 public:
  std::map<std::string, int64_t> counts;

  EventMask Wants() const override {
    return ProxyWorld::Wants() |
           EventMask::Of(
               EventKind::kContentionEnd, EventKind::kMutexAcquire, EventKind::kMutexSteal,
               EventKind::kMutexHandoff, EventKind::kSchedPiSetprio, EventKind::kSignalGenerate,
               EventKind::kSchedMigrateTask, EventKind::kProxyDonor, EventKind::kSchedDlThrottle);
  }
  void OnStart(const RunInfo& info, ViolationSink&) override { world_.Start(info); }
  void OnEvent(const TraceEvent& event) override {
    world_.Apply(event);
    switch (event.kind()) {
      case EventKind::kContentionEnd:
        ++counts[event.As<ContentionEnd>().ret == 0          ? "waited"
                 : event.As<ContentionEnd>().ret == kEDEADLK ? "told to give up"
                                                             : "interrupted"];
        break;
      case EventKind::kSchedDlThrottle:
        ++counts["budgets used up"];
        break;
      case EventKind::kMutexAcquire:
        Count(event.As<MutexAcquire>().path);
        break;
      case EventKind::kMutexSteal:
        ++counts["steals"];
        break;
      case EventKind::kMutexHandoff:
        ++counts[event.As<MutexHandoff>().reason == HandoffReason::kDonor ? "handed to a donor"
                                                                          : "handed off"];
        break;
      case EventKind::kSchedPiSetprio:
        ++counts["boosts"];
        break;
      case EventKind::kSignalGenerate:
        ++counts["signals"];
        break;
      case EventKind::kSchedSwitch:
        Chain(event.As<SchedSwitch>().donor, event.As<SchedSwitch>().next_pid);
        break;
      case EventKind::kProxyDonor:
        Chain(event.As<ProxyDonor>().donor, event.As<ProxyDonor>().curr);
        break;
      case EventKind::kProxyMigrate:
        ++counts["donors moved"];
        break;
      case EventKind::kProxyDeactivate:
        ++counts["donors deactivated"];
        break;
      case EventKind::kProxyPark:
        ++counts["donors parked"];
        break;
      default:
        break;
    }
  }

  std::string Text() const {
    std::string text;
    for (const auto& [what, count] : counts) {
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", what, count);
    }
    return text;
  }

 private:
  void Count(AcquirePath path) {
    switch (path) {
      case AcquirePath::kOsqSpin:
        ++counts["got spinning"];
        break;
      case AcquirePath::kWaiterSpin:
        ++counts["got spinning first in line"];
        break;
      case AcquirePath::kSlow:
        ++counts["got after a sleep"];
        break;
      case AcquirePath::kFast:
      case AcquirePath::kTry:
        ++counts["got at once"];
        break;
    }
  }
  void Chain(TaskId donor, TaskId curr) {
    int length = 1;
    for (TaskId at = donor; at != curr && length < 9; ++length) {
      const LockId lock = world_.At(at).blocked_on;
      if (!lock.valid() || !world_.OwnerOf(lock).valid()) return;
      at = world_.OwnerOf(lock);
    }
    if (length > 1) ++counts[length == 2 ? "chains of 2" : "chains of 3 and more"];
  }

  ProxyWorld world_;
};

std::string Broken(const Result& result) {
  std::string text;
  if (result.outcome != Outcome::kDone) text += "does not end: " + result.message + "\n";
  for (const Violation& violation : result.violations) {
    text += fmt::format("{} at {}: {}\n", violation.id, violation.at.cycles(), violation.message);
  }
  for (const LockResult& lock : result.locks) {
    if (lock.hold.n != lock.acquisitions) text += lock.name + " is not given back\n";
  }
  return text;
}

// What is wrong with a run of the world under the set; "" if nothing.
std::string WhatBreaks(const World& world, const std::string& set_name, Histogram* histogram) {
  for (const PolicySet& set : SetsFor(world)) {
    if (set.name != set_name) continue;
    RunOptions options;
    if (histogram != nullptr) options.listeners = {histogram};
    auto result = RunScenario(ScenarioOf(world, "world"), set, options);
    if (!result.ok()) return std::string(result.status().message());
    return Broken(*result);
  }
  return "no such set";
}

// A scenario to run by hand.
std::string Printed(const World& world, const std::string& set_name) {
  Scenario scenario = ScenarioOf(world, "shrunk");
  for (const PolicySet& set : SetsFor(world)) {
    if (set.name == set_name) scenario.policies.push_back(set);
  }
  return WriteScenario(scenario);
}

void CheckInvariants(uint64_t first, uint64_t count, const WorldKind& kind) {
  Histogram histogram;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const World world = RandomWorld(seed, kind);
    for (const PolicySet& set : SetsFor(world)) {
      const std::string broken = WhatBreaks(world, set.name, &histogram);
      if (broken.empty()) continue;
      const World least =
          Shrink(world, [&](const World& w) { return !WhatBreaks(w, set.name, nullptr).empty(); });
      FAIL_CHECK("world " << seed << " under " << set.name << ":\n"
                          << broken << "shrunk:\n"
                          << WhatBreaks(least, set.name, nullptr) << Printed(least, set.name));
      return;
    }
  }
  INFO(histogram.Text());
  std::vector<std::string> buckets = {
      "waited", "interrupted",       "got spinning", "got spinning first in line",
      "steals", "got after a sleep", "handed off",   "boosts",
      "signals"};
  if (kind.contexts) buckets.emplace_back("told to give up");
  if (kind.deadlines) buckets.emplace_back("budgets used up");
  if (Registry::BuiltIn().Find(Seam::kLockProtocol, "proxy-7.2") != nullptr) {
    for (const char* bucket : {"chains of 2", "chains of 3 and more", "donors moved",
                               "donors deactivated", "handed to a donor"}) {
      buckets.emplace_back(bucket);
    }
  }
  if (Registry::BuiltIn().Find(Seam::kLockProtocol, "proxy-v9") != nullptr) {
    buckets.emplace_back("donors parked");
  }
  for (const std::string& bucket : buckets) {
    INFO(bucket);
    CHECK(histogram.counts[bucket] > 0);
  }
  WARN(histogram.Text());
}

constexpr WorldKind kWild = {
    .deadlines = true, .contexts = true, .wait_locks = true, .knobs = true};

void CheckUncontended(uint64_t first, uint64_t count) {
  for (uint64_t seed = first; seed < first + count; ++seed) {
    World world = RandomWorld(seed, {.contention = false});
    world.lock_costs.clear();
    uint64_t digest = 0;
    for (const PolicySet& set : SetsFor(world)) {
      auto result = RunScenario(ScenarioOf(world, "world"), set, {});
      REQUIRE(result.ok());
      INFO("world " << seed << " under " << set.name << "\n" << Printed(world, set.name));
      CHECK(Broken(*result) == "");
      if (digest == 0) digest = result->schedule_digest;
      REQUIRE(result->schedule_digest == digest);
    }
  }
}

}  // namespace

TEST_CASE("Under every protocol small random worlds end, and no invariant breaks",
          "[lock][property]") {
  CheckInvariants(1, 250, {});
}

TEST_CASE("So do worlds with deadline tasks, acquire contexts and chains that are balanced",
          "[lock][property]") {
  CheckInvariants(1, 150, kWild);
}

TEST_CASE("Without contention every protocol gives the same schedule", "[lock][property]") {
  CheckUncontended(1, 150);
}

// RQSIM_WORLDS says how many in each of them.
TEST_CASE("Ten thousand worlds end, and no invariant breaks", "[lock][property][slow]") {
  CheckInvariants(FirstWorld(1'000'001), WorldsWanted(10'000), {});
}

TEST_CASE("A thousand of the wilder worlds end, and no invariant breaks",
          "[lock][property][slow][wild]") {
  CheckInvariants(FirstWorld(1'000'001), WorldsWanted(1'000), kWild);
}

TEST_CASE("In a thousand worlds without contention every protocol gives the same schedule",
          "[lock][property][slow][uncontended]") {
  CheckUncontended(FirstWorld(1'000'001), WorldsWanted(1'000));
}

}  // namespace rqsim
