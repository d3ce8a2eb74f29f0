#include "sim/scenario/gen/kinds.h"

#include <algorithm>
#include <string>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "support/catch.h"

namespace rqsim {
namespace {

Scenario Make(std::string_view kind, const GenOptions& options) {
  const GenKind* row = FindGenKind(kind);
  REQUIRE(row != nullptr);
  const auto scenario = row->make(options);
  REQUIRE(scenario.ok());
  return *scenario;
}

std::string ErrorOf(std::string_view kind, const GenOptions& options) {
  const auto scenario = FindGenKind(kind)->make(options);
  return scenario.ok() ? std::string("none") : std::string(scenario.status().message());
}

int64_t UtilisationPpm(const Scenario& scenario) {
  int64_t ppm = 0;
  for (const TaskSpec& task : scenario.tasks) {
    int64_t run = 0, period = 0;
    for (const OpSpec& op : task.ops) {
      if (op.kind == OpKind::kRun) run += op.cycles.count();
      if (op.kind == OpKind::kTimer) period += op.cycles.count();
    }
    ppm += run * 1'000'000 / period;
  }
  return ppm;
}

TEST_CASE("What is generated is a valid scenario without warnings, and comes back as it was",
          "[scenario][gen]") {
  for (const GenKind& kind : GenKinds()) {
    for (const SchedPolicy policy : {SchedPolicy::kNormal, SchedPolicy::kFifo, SchedPolicy::kRr}) {
      for (const int locks : {0, 3}) {
        GenOptions options;
        options.policy = policy;
        options.cpus = 2;
        options.locks = locks;
        const std::string text = WriteScenario(Make(kind.name, options));
        std::vector<Diagnostic> diagnostics;
        const auto read = ReadScenario(text, "s.json", diagnostics);
        CAPTURE(kind.name, locks);
        for (const Diagnostic& diagnostic : diagnostics) UNSCOPED_INFO(diagnostic.message);
        REQUIRE(read);
        CHECK(diagnostics.empty());
        CHECK(WriteScenario(*read) == text);
      }
    }
  }
}

TEST_CASE("The same options give the same bytes, another seed others", "[scenario][gen]") {
  for (const GenKind& kind : GenKinds()) {
    GenOptions options;
    const std::string first = WriteScenario(Make(kind.name, options));
    CHECK(WriteScenario(Make(kind.name, options)) == first);
    options.seed = 2;
    CHECK(WriteScenario(Make(kind.name, options)) != first);
  }
}

TEST_CASE("A task set has the utilisation that was asked for, but for whole microseconds",
          "[scenario][gen]") {
  for (const char* kind : {"uunifast", "randfixedsum"}) {
    for (const int64_t ppm : {100'000, 900'000, 3'200'000}) {
      GenOptions options;
      options.tasks = 20;
      options.cpus = 4;
      options.utilisation_ppm = ppm;
      // Twenty jobs of periods from 10 ms are cut off by less than a microsecond each: 20 * 10^-4.
      const int64_t found = UtilisationPpm(Make(kind, options));
      CHECK(found <= ppm + 20 * 100);
      CHECK(found >= ppm - 20 * 101);
    }
  }
}

TEST_CASE("Periods lie between the bounds, and shorter ones are more important",
          "[scenario][gen]") {
  GenOptions options;
  options.tasks = 200;
  options.min_period = Cycles(1'000'000);
  options.max_period = Cycles(100'000'000);
  const Scenario scenario = Make("uunifast", options);
  int below_ten = 0;
  for (const TaskSpec& a : scenario.tasks) {
    const Cycles period = a.ops.back().cycles;
    CHECK(period >= options.min_period);
    CHECK(period <= options.max_period);
    CHECK(a.start < Time() + period);
    CHECK(a.deadline == period);
    CHECK(a.sched.priority >= 1);
    CHECK(a.sched.priority <= 99);
    below_ten += period < Cycles(10'000'000) ? 1 : 0;
    for (const TaskSpec& b : scenario.tasks) {
      if (period < b.ops.back().cycles) CHECK(a.sched.priority >= b.sched.priority);
    }
  }
  // Log-uniform: as many in one decade as in the other; sigma is 7.
  CHECK(below_ten > 75);
  CHECK(below_ten < 125);
}

TEST_CASE("Sporadic releases are at least a period apart, at most the spread more",
          "[scenario][gen]") {
  GenOptions options;
  options.arrivals = Arrivals::kSporadic;
  options.min_period = options.max_period = Cycles(10'000'000);
  const Scenario scenario = Make("randfixedsum", options);
  for (const TaskSpec& task : scenario.tasks) {
    std::vector<Cycles> gaps;
    for (const OpSpec& op : task.ops) {
      if (op.kind == OpKind::kTimer) gaps.push_back(op.cycles);
    }
    CHECK(gaps.size() == 16);
    CHECK(*std::min_element(gaps.begin(), gaps.end()) >= Cycles(10'000'000));
    CHECK(*std::max_element(gaps.begin(), gaps.end()) <= Cycles(15'000'000));
    CHECK(gaps.front() != gaps.back());
  }
}

TEST_CASE("Options that add one thing leave the others as they were", "[scenario][gen]") {
  GenOptions options;
  const Scenario plain = Make("uunifast", options);
  options.locks = 2;
  options.arrivals = Arrivals::kSporadic;
  const Scenario more = Make("uunifast", options);
  CHECK(more.mutexes.size() == 2);
  CHECK(more.policies.size() == 2);
  for (std::size_t i = 0; i < plain.tasks.size(); ++i) {
    CHECK(more.tasks[i].start == plain.tasks[i].start);
    CHECK(more.tasks[i].sched == plain.tasks[i].sched);
    // The same job, with a critical section in its middle.
    CHECK(more.tasks[i].ops[0].cycles + more.tasks[i].ops[2].cycles + more.tasks[i].ops[4].cycles ==
          plain.tasks[i].ops[0].cycles);
  }
}

TEST_CASE("In a chain each member holds what the next more important one wants",
          "[scenario][gen]") {
  GenOptions options;
  options.depth = 4;
  options.hogs = 2;
  options.cpus = 2;
  const Scenario scenario = Make("lock-chain", options);
  REQUIRE(scenario.tasks.size() == 5 + 4);
  CHECK(scenario.mutexes == std::vector<std::string>{"m0", "m1", "m2", "m3"});
  // From the tail to the head: later, and more important.
  for (std::size_t i = 1; i < 5; ++i) {
    CHECK(scenario.tasks[i].start > scenario.tasks[i - 1].start);
    CHECK(scenario.tasks[i].sched.priority > scenario.tasks[i - 1].sched.priority);
  }
  CHECK(scenario.tasks[0].name == "tail");
  CHECK(scenario.tasks[4].name == "head");
  CHECK(scenario.tasks[5].name == "hog0_0");
  CHECK(scenario.tasks[5].sched.priority > scenario.tasks[3].sched.priority);
  CHECK(scenario.tasks[5].sched.priority < scenario.tasks[4].sched.priority);
}

TEST_CASE("Options that no workload can have are refused by name", "[scenario][gen]") {
  GenOptions options;
  options.utilisation_ppm = 1'500'000;
  CHECK(ErrorOf("uunifast", options).starts_with("--utilisation: "));
  options = {};
  options.tasks = 0;
  CHECK(ErrorOf("uunifast", options).starts_with("--tasks: "));
  options = {};
  options.cpus = 0;
  CHECK(ErrorOf("lock-chain", options).starts_with("--cpus: "));
  options = {};
  options.max_period = Cycles(1'000'000);
  CHECK(ErrorOf("randfixedsum", options).starts_with("--min-period, --max-period: "));
  options = {};
  options.tasks = 30;
  options.cpus = 30;
  options.utilisation_ppm = 29'000'000;
  CHECK(ErrorOf("uunifast", options).find("randfixedsum") != std::string::npos);
  CHECK(ErrorOf("randfixedsum", options) == "none");
  options = {};
  options.policy = SchedPolicy::kDeadline;
  CHECK(ErrorOf("lock-chain", options).starts_with("--policy: "));
}

}  // namespace
}  // namespace rqsim
