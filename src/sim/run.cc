// One run from scenario to result document: a simulation with the default listeners.

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "sim/views/dispatches.h"
#include "sim/views/extra_invariants.h"
#include "sim/views/hotplug_books.h"
#include "sim/views/hotplug_checker.h"
#include "sim/views/kthread_checker.h"
#include "sim/views/lock_history.h"
#include "sim/views/mutex_checker.h"
#include "sim/views/pair_checker.h"
#include "sim/views/pi_checker.h"
#include "sim/views/proxy_checker.h"
#include "sim/views/proxy_progress_checker.h"
#include "sim/views/result_builder.h"
#include "sim/views/rt_top.h"
#include "sim/views/timeline.h"
#include "sim/views/umcg_books.h"
#include "sim/views/umcg_checker.h"

namespace rqsim {
namespace {

// What the lock protocol of a set promises to do with donors; nothing if it has none.
std::optional<ProxyProgressChecker::Promises> PromisesOf(const PolicySet& set, int64_t clock_hz,
                                                         const Registry& registry) {
  if (!set.lock) return std::nullopt;
  const RegistryEntry* const entry = registry.Find(Seam::kLockProtocol, set.lock->name);
  if (entry == nullptr || !entry->info->has_donors) return std::nullopt;
  const PolicyParams params(*entry->info, set.lock->params, clock_hz);
  ProxyProgressChecker::Promises promises;
  bool is_free_of_cost = true;
  for (const ParamInfo& param : entry->info->params) {
    if (param.name == "preset") is_free_of_cost = params.Text(param.name) != "realistic";
  }
  for (const ParamInfo& param : entry->info->params) {
    if (param.name == "handoff") promises.hands_to_donor = params.Text(param.name) == "donor";
    // With costs, a wake-up lies between two donors.
    is_free_of_cost =
        is_free_of_cost && (param.kind != ParamKind::kCycles || params.Integer(param.name) == 0);
    if (param.name == "donor_wake_resched") {
      promises.rescheds = params.Text(param.name) == "always";
    }
  }
  // Whoever is woken in the donor's place need not ask for a reschedule (MODEL-124).
  promises.rescheds = promises.rescheds && promises.hands_to_donor && is_free_of_cost;
  return promises;
}

// How long a worker of the set's pairing service looks.
Cycles PollOf(const PolicySet& set, int64_t clock_hz, const Registry& registry) {
  for (const PolicyChoice& choice : *set.services) {
    const RegistryEntry* const entry = registry.Find(Seam::kKernelService, choice.name);
    if (entry == nullptr) continue;
    for (const ParamInfo& param : entry->info->params) {
      if (param.name != "c_poll") continue;
      return PolicyParams(*entry->info, choice.params, clock_hz).Length("c_poll");
    }
  }
  return Cycles(1);
}

// What the placement of a set promises about kernel threads; nothing if there are none.
std::optional<KthreadChecker::Promises> KthreadPromisesOf(const Scenario& scenario,
                                                          const PolicySet& set,
                                                          const Registry& registry) {
  if (scenario.kthreads.empty() || !set.placement) return std::nullopt;
  const RegistryEntry* const entry = registry.Find(Seam::kPlacement, set.placement->name);
  if (entry == nullptr) return std::nullopt;
  const PolicyParams params(*entry->info, set.placement->params, scenario.machine.clock_hz);
  KthreadChecker::Promises promises;
  for (const ParamInfo& param : entry->info->params) {
    if (param.name == "kthread") promises.is_draft = params.Text(param.name) == "preferred-rfc";
    if (param.name == "cpuset_respect") promises.respects_cpuset = params.Flag(param.name);
    if (param.name == "last_resort") {
      promises.last_resort_online = params.Text(param.name) == "hk_online";
    }
  }
  return promises;
}

}  // namespace

absl::StatusOr<Result> RunScenario(const Scenario& scenario, const PolicySet& set,
                                   const RunOptions& options, const Registry& registry) {
  absl::StatusOr<std::unique_ptr<Simulation>> created = Simulation::Create(scenario, set, registry);
  if (!created.ok()) return created.status();

  // Listeners outlive the simulation that calls them.
  ResultBuilder builder(options.check ? Accountant::Reports::kAll : Accountant::Reports::kNone);
  MutexChecker mutex_checker;
  PiChecker pi_checker;
  const PolicySet resolved = ResolvePolicySet(scenario, set);
  const auto promises = PromisesOf(resolved, scenario.machine.clock_hz, registry);
  ProxyChecker proxy_checker;
  ProxyProgressChecker proxy_progress_checker(promises.value_or(ProxyProgressChecker::Promises()));
  RtTop rt_top;
  PairChecker pair_checker(PollOf(resolved, scenario.machine.clock_hz, registry));
  const auto kthread_promises = KthreadPromisesOf(scenario, resolved, registry);
  KthreadChecker kthreads(kthread_promises.value_or(KthreadChecker::Promises()), options.check,
                          options.timeline || !scenario.hotplug.empty());
  UmcgBooks umcg_books(options.timeline);
  UmcgChecker umcg_checker;
  Timeline timeline;
  Dispatches dispatches;
  LockHistory lock_history;
  HotplugBooks hotplug_books(options.check);
  HotplugChecker hotplug_checker(options.check);
  ExtraInvariants extra_invariants;
  const std::unique_ptr<Simulation> simulation = *std::move(created);
  simulation->AddListener(builder);
  const auto& policies = simulation->info().policies();
  const bool has_hotplug = std::any_of(policies.begin(), policies.end(),
                                       [](const PolicyInfo* info) { return info->runs_hotplug; });
  if (has_hotplug) {
    simulation->AddListener(hotplug_books);
    simulation->AddListener(hotplug_checker);
  }
  if (options.check && !scenario.check.extra_invariants.empty()) {
    simulation->AddListener(extra_invariants);
  }
  if (options.check && !scenario.mutexes.empty()) {
    simulation->AddListener(mutex_checker);
    simulation->AddListener(rt_top);
    if (resolved.lock && resolved.lock->name == "pi") simulation->AddListener(pi_checker);
    if (promises) {
      simulation->AddListener(proxy_checker);
      simulation->AddListener(proxy_progress_checker);
    }
  }
  const bool checks_pairs = options.check && PairChecker::AppliesTo(simulation->info());
  if (checks_pairs) simulation->AddListener(pair_checker);
  if (kthread_promises) simulation->AddListener(kthreads);
  const bool has_umcg = UmcgEvents().Bind(simulation->info());
  if (has_umcg || !scenario.groups.empty()) simulation->AddListener(umcg_books);
  if (has_umcg && options.check) simulation->AddListener(umcg_checker);
  if (options.timeline) {
    simulation->AddListener(timeline);
    simulation->AddListener(dispatches);
    if (!scenario.mutexes.empty()) simulation->AddListener(lock_history);
  }
  for (Listener* listener : options.listeners) simulation->AddListener(*listener);
  simulation->Run();

  Result result = builder.Take();
  if (kthread_promises) {
    kthreads.AddTo(result.metrics);
    // total order: names differ.
    std::sort(result.metrics.begin(), result.metrics.end());
    result.kthread_masks = kthreads.TakeMasks();
  }
  result.scenario_hash = ScenarioHash(scenario);
  umcg_books.AddTo(result);
  // total order: names differ.
  std::sort(result.metrics.begin(), result.metrics.end());
  result.violations = simulation->violations();
  if (options.check && !scenario.mutexes.empty()) {
    result.metrics.emplace_back("rt_violation_cycles", rt_top.violated().count());
  }
  if (checks_pairs) {
    pair_checker.AddTo(result.metrics);
    result.pairings = pair_checker.TakePairings();
  }
  if (options.check) {
    // total order: names differ.
    std::sort(result.metrics.begin(), result.metrics.end());
  }
  if (has_hotplug) {
    result.hotplug = hotplug_books.Take();
    hotplug_books.AddTo(result.metrics);
    hotplug_checker.AddTo(result.metrics);
    // total order: names differ.
    std::sort(result.metrics.begin(), result.metrics.end());
  }
  if (options.timeline) {
    result.timeline = timeline.cells();
    result.dispatches = dispatches.Take();
    result.umcg_spans = umcg_books.TakeSpans();
    result.umcg_handoffs = umcg_books.TakeHandoffs();
    result.chains = lock_history.TakeChains();
    result.lock_waits = lock_history.TakeWaits();
    result.lock_passings = lock_history.TakePassings();
  }
  return result;
}

}  // namespace rqsim
