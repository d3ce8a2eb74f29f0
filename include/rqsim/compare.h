// One scenario under several policy sets, held against the first of them: what differs, from when
// on, and which decision made it so. Plain data; `rqsim compare` prints it.
//
//   auto comparison = rqsim::CompareSets(scenario, {plain, pi}, {});
//   comparison->against[0].divergence->cause
//     "bc_dist raised asi_met to 80 (sched_pi_setprio)"
#ifndef RQSIM_COMPARE_H_
#define RQSIM_COMPARE_H_

#include <absl/status/statusor.h>

#include <optional>
#include <string>
#include <vector>

#include "rqsim/metrics.h"
#include "rqsim/recording.h"
#include "rqsim/registry.h"
#include "rqsim/result.h"
#include "rqsim/scenario.h"

namespace rqsim {

// One metric under every set, in the order of Comparison::results. No value: the task did not
// finish, nothing was measured.
struct ComparedMetric {
  std::string name;
  MetricUnit unit = MetricUnit::kCount;
  std::vector<std::optional<int64_t>> values;
  bool differs = false;
};
// A task, a lock, a CPU or (name "") the run.
struct ComparedThing {
  std::string name;
  std::vector<ComparedMetric> metrics;
  bool differs = false;
};

struct TimeSpan {
  Time start, end;
  friend bool operator==(const TimeSpan&, const TimeSpan&) = default;
};

// When a CPU did something else than under the baseline. After its end a run is taken as idle.
struct CpuDifference {
  CpuId cpu;
  Cycles cycles;                // all of them together
  std::vector<TimeSpan> spans;  // in order, neighbours merged
};

// Where two runs part: the first event of either that the other does not have.
struct Divergence {
  Time at;
  CpuId cpu;                    // invalid: no particular one
  std::string baseline, other;  // the event of each as text; empty: its run was over
  // What explains it: decisions at that instant that only one of the two made.
  std::string cause;                                   // a sentence
  std::vector<std::string> common;                     // what both did last, oldest first
  std::vector<std::string> baseline_next, other_next;  // what each did from there on
};

// A set against the baseline.
struct SetComparison {
  std::string policy;
  bool same_schedule = true;             // each CPU did the same at all times
  std::optional<Divergence> divergence;  // none: the same decisions throughout
  std::vector<CpuDifference> cpus;       // every CPU, by number
  // From the first cycle that differs to the last; equal ends: there is none.
  TimeSpan differing;
};

// Something that went wrong under a set: a missed assertion or deadline, a violation, a bad end.
struct Remark {
  std::string policy;
  std::string text;
};

struct Comparison {
  std::string scenario;
  int64_t clock_hz = 1'000'000'000;
  std::vector<Result> results;         // the baseline first; with timelines
  std::vector<SetComparison> against;  // results[1] …
  std::vector<ComparedThing> tasks, locks, cpus;
  ComparedThing run;
  std::vector<Remark> remarks;
  // Set when all schedules are the same: why that is so.
  std::string why_same;
  // A run had more events than were kept: divergences beyond them were not looked for.
  bool complete = true;

  bool differs() const;
};

struct CompareOptions {
  bool check = true;  // accountant and invariant checkers in every run
  std::size_t recorded_events_max = Recording::kDefaultLimit;
};

// Runs every set of `sets` and holds them against the first. Errors: as Simulation::Create; a
// message names the set. Precondition: `sets` is not empty.
absl::StatusOr<Comparison> CompareSets(const Scenario& scenario, const std::vector<PolicySet>& sets,
                                       const CompareOptions& options = {},
                                       const Registry& registry = Registry::BuiltIn());

// The kinds of events that are compared, and those that explain a difference.
EventMask ComparedEvents();

// The same for runs that have been made: `results` with timelines, `recordings` of
// ComparedEvents(), in the same order.
Comparison CompareRuns(const Scenario& scenario, std::vector<Result> results,
                       const std::vector<const Recording*>& recordings);

}  // namespace rqsim

#endif  // RQSIM_COMPARE_H_
