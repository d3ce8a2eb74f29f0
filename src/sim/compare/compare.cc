#include "rqsim/compare.h"

#include <fmt/core.h>

#include <algorithm>

#include "rqsim/expect.h"
#include "sim/compare/divergence.h"
#include "sim/compare/spans.h"
#include "sim/compare/tables.h"

namespace rqsim {
namespace {

void AddRemarks(const Scenario& scenario, const Result& result, std::vector<Remark>& remarks) {
  if (!OutcomeAccepted(scenario, result.policy, result.outcome)) {
    remarks.push_back({result.policy, fmt::format("ended badly, {}: {}",
                                                  OutcomeName(result.outcome), result.message)});
  }
  ExpectReport asserts;
  CheckAsserts(scenario, result, asserts);
  for (const Mismatch& mismatch : asserts.mismatches) {
    remarks.push_back({result.policy, mismatch.what});
  }
  for (const TaskResult& task : result.tasks) {
    if (task.deadline_misses == 0) continue;
    remarks.push_back(
        {result.policy,
         fmt::format("{} missed its deadline {}", task.name,
                     task.deadline_misses == 1 ? std::string("once")
                                               : fmt::format("{} times", task.deadline_misses))});
  }
  for (const Violation& violation : result.violations) {
    remarks.push_back({result.policy, fmt::format("violation {} at {}: {}", violation.id,
                                                  violation.at.cycles(), violation.message)});
  }
}

// How many tasks ever waited for one lock at the same time.
int MaxWaiters(const Recording& recording) {
  std::vector<int> waiting(static_cast<std::size_t>(recording.names().num_locks()));
  int most = 0;
  for (const TraceEvent& event : recording.events()) {
    if (event.kind() != EventKind::kMutexWait) continue;
    const auto wait = event.As<MutexWait>();
    int& count = waiting[wait.lock.index()];
    count += wait.joined != 0 ? 1 : -1;
    most = std::max(most, count);
  }
  return most;
}

std::string WhySame(const Comparison& comparison, const std::vector<const Recording*>& recordings) {
  int64_t acquisitions = 0;
  for (const LockResult& lock : comparison.results.front().locks) acquisitions += lock.acquisitions;
  int most = 0;
  for (const Recording* recording : recordings) most = std::max(most, MaxWaiters(*recording));
  if (acquisitions == 0) return "no lock was ever taken, so the lock protocol decided nothing";
  if (most == 0) {
    return fmt::format("{} acquisitions, none of them contended: max waiters 0", acquisitions);
  }
  return fmt::format(
      "locks were contended (max waiters {}), but whatever was decided, the same task came to run "
      "everywhere",
      most);
}

}  // namespace

bool Comparison::differs() const {
  const auto differ = [](const ComparedThing& thing) { return thing.differs; };
  return std::any_of(against.begin(), against.end(),
                     [](const SetComparison& set) {
                       return !set.same_schedule || set.divergence.has_value();
                     }) ||
         std::any_of(tasks.begin(), tasks.end(), differ) ||
         std::any_of(locks.begin(), locks.end(), differ);
}

Comparison CompareRuns(const Scenario& scenario, std::vector<Result> results,
                       const std::vector<const Recording*>& recordings) {
  Comparison comparison;
  comparison.scenario = scenario.name;
  comparison.clock_hz = scenario.machine.clock_hz;
  comparison.results = std::move(results);
  FillTables(comparison);
  const Result& baseline = comparison.results.front();
  bool all_same = true;
  for (std::size_t i = 0; i < comparison.results.size(); ++i) {
    const Result& result = comparison.results[i];
    AddRemarks(scenario, result, comparison.remarks);
    comparison.complete = comparison.complete && recordings[i]->complete();
    if (i == 0) continue;
    SetComparison set;
    set.policy = result.policy;
    set.cpus = DifferingSpans(baseline, result);
    set.differing = Hull(set.cpus);
    set.same_schedule = set.differing.start == set.differing.end;
    set.divergence = FindDivergence(*recordings[0], *recordings[i], baseline.policy, result.policy);
    all_same = all_same && set.same_schedule;
    comparison.against.push_back(std::move(set));
  }
  if (all_same && comparison.results.size() > 1) {
    comparison.why_same = WhySame(comparison, recordings);
  }
  return comparison;
}

}  // namespace rqsim
