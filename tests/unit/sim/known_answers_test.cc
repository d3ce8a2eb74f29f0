// Answers that others published, found by running the simulator: Liu and Layland's bound for
// rate-monotonic priorities (R1 of data/real/README.md section 5), and EDF against a loop that does
// nothing but EDF.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "rqsim/scenario.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

struct Periodic {
  int64_t run = 0;
  int64_t period = 0;
  int64_t phase = 0;
};

// Job k of each task is released at phase + k * period; by rate-monotonic priorities or EDF.
Scenario ScenarioOf(const std::vector<Periodic>& tasks, bool is_edf, int64_t until) {
  Scenario scenario;
  scenario.machine.tick = false;
  scenario.until = Time(until);
  int number = 0;
  for (const Periodic& periodic : tasks) {
    TaskSpec task;
    task.name = "t" + std::to_string(number);
    task.start = Time(periodic.phase);
    task.loop = -1;
    task.deadline = Cycles(periodic.period);
    if (is_edf) {
      task.sched.policy = SchedPolicy::kDeadline;
      task.sched.dl_runtime = Cycles(std::min(periodic.run + 2048, periodic.period));
      task.sched.dl_deadline = Cycles(periodic.period);
    } else {
      task.sched.policy = SchedPolicy::kFifo;
      task.sched.priority = 50 - number;
    }
    OpSpec run;
    run.cycles = Cycles(periodic.run);
    OpSpec timer;
    timer.kind = OpKind::kTimer;
    timer.name = task.name;
    timer.cycles = Cycles(periodic.period);
    timer.timer_mode = TimerMode::kAbsolute;
    task.ops = {run, timer};
    scenario.tasks.push_back(task);
    ++number;
  }
  return scenario;
}

Result Run(const Scenario& scenario) {
  PolicySet set;
  set.sched_class = PolicyChoice{"default", {{"rt_runtime", int64_t{-1}}}, {}};
  absl::StatusOr<Result> result = RunScenario(scenario, set, {});
  INFO(result.status().message());
  REQUIRE(result.ok());
  CHECK(result->violations.empty());
  return *std::move(result);
}

int64_t Misses(const Result& result) {
  int64_t misses = 0;
  for (const TaskResult& task : result.tasks) misses += task.deadline_misses;
  return misses;
}

TEST_CASE("R1: up to n(2^(1/n) - 1) rate-monotonic tasks meet their deadlines, at worst no more",
          "[known]") {
  // The worst set of each size: T(i+1) / T(i) = 2^(1/n), C(i) = T(i+1) - T(i), C(n) = 2 T(1) -
  // T(n). The sum of all C is T(1): the last job ends exactly where the first task comes again.
  struct Row {
    std::vector<int64_t> periods;
    int64_t bound;  // in ten-thousandths
  };
  const std::vector<Row> rows = {
      {{1000000}, 10000},
      {{1000000, 1414214}, 8284},
      {{1000000, 1259921, 1587401}, 7798},
      {{1000000, 1189207, 1414214, 1681793}, 7568},
      {{1000000, 1148698, 1319508, 1515717, 1741101}, 7435},
  };
  for (const Row& row : rows) {
    INFO(row.periods.size() << " tasks");
    std::vector<Periodic> tasks;
    int64_t utilisation = 0;  // in millionths
    for (std::size_t i = 0; i < row.periods.size(); ++i) {
      const int64_t next = i + 1 < row.periods.size() ? row.periods[i + 1] : 2 * row.periods[0];
      tasks.push_back({next - row.periods[i], row.periods[i], 0});
      utilisation += tasks.back().run * 1'000'000 / tasks.back().period;
    }
    CHECK((utilisation + 50) / 100 == row.bound);
    const int64_t until = 2 * row.periods[0];
    CHECK(Misses(Run(ScenarioOf(tasks, false, until))) == 0);
    // A cycle more, and the last one is interrupted by all others' second jobs.
    ++tasks.back().run;
    CHECK(Misses(Run(ScenarioOf(tasks, false, until))) > 0);
    // EDF has no such bound.
    --tasks.back().run;
    CHECK(Misses(Run(ScenarioOf(tasks, true, until))) == 0);
  }
}

struct Counts {
  int64_t jobs = 0;
  int64_t dispatches = 0;
};

// EDF on one CPU, and nothing else: completions first, then releases; a running job is preempted by
// a strictly earlier deadline only, equal deadlines run in the order of their release.
Counts LeastWorkEdf(const std::vector<Periodic>& tasks, int64_t until) {
  struct Job {
    int64_t deadline = 0, left = 0;
    std::size_t task = 0;
  };
  std::vector<int64_t> releases;
  for (const Periodic& task : tasks) releases.push_back(task.phase);
  std::vector<Job> ready;  // by deadline, then release; the first may run
  bool runs = false;
  Counts counts;
  for (int64_t now = 0;;) {
    const int64_t release = *std::min_element(releases.begin(), releases.end());
    const int64_t end = runs ? now + ready.front().left : until + 1;
    const int64_t next = std::min(release, end);
    if (next > until) return counts;
    if (runs) ready.front().left -= next - now;
    now = next;
    if (runs && ready.front().left == 0) {
      ++counts.jobs;
      ready.erase(ready.begin());
      runs = false;
    }
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (releases[i] != now) continue;
      releases[i] += tasks[i].period;
      const Job job{now + tasks[i].period, tasks[i].run, i};
      const auto later = std::find_if(ready.begin(), ready.end(), [&job](const Job& other) {
        return job.deadline < other.deadline;
      });
      if (later == ready.begin()) runs = false;
      ready.insert(later, job);
    }
    if (!runs && !ready.empty()) {
      runs = true;
      ++counts.dispatches;
    }
  }
}

TEST_CASE("The deadline class dispatches what a loop that only does EDF dispatches", "[known]") {
  // No job ends at the instant of a release: there the kernel switches to what it has and then, for
  // the release, once more.
  const std::vector<Periodic> tasks = {
      {700'001, 5'000'011, 300'007},      {1'000'003, 7'000'003, 0},
      {2'100'011, 11'000'017, 2'000'029}, {1'900'007, 13'000'027, 1'000'003},
      {5'000'021, 31'000'003, 7'000'013}, {3'000'017, 101'000'009, 11'000'031}};
  const int64_t until = 2'000'000'000;
  const Counts expected = LeastWorkEdf(tasks, until);
  const Result result = Run(ScenarioOf(tasks, true, until));
  Counts counts;
  for (const TaskResult& task : result.tasks) {
    counts.jobs += task.response.n;
    counts.dispatches += task.nr_switches;
  }
  // A task that runs at the end has been switched in, but not out.
  CHECK(counts.jobs == expected.jobs);
  CHECK(counts.dispatches <= expected.dispatches);
  CHECK(counts.dispatches + 1 >= expected.dispatches);
  CHECK(Misses(result) == 0);
}

}  // namespace
}  // namespace rqsim
