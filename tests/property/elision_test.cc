// Random worlds with and without tick elision: whoever does not ask for the ticks themselves must
// not be able to tell the two apart. Compared are all records, the digests, every task's and CPU's
// sums, and, at instants in the middle of the run, what the classes say of each task.
//
// The worlds are made to be hard: three or more runnable tasks per CPU half of the time, mixed nice
// values and slices, RR, FIFO and DEADLINE, wake-ups within a cycle of a tick, costs, lazy
// preemption, both kernels, and both orders of ties. A failure prints the seed and the smallest
// world that still shows it, as a scenario; the test prints how often what occurred and fails if
// something never did.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "property/class_worlds.h"
#include "property/shrink.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// Every record but those of single ticks.
class Records final : public Listener {
 public:
  explicit Records(bool segments) : segments_(segments) {}
  EventMask Wants() const override {
    EventMask wants;
    for (int k = 0; k < kMaxEventKinds; ++k) {
      const auto kind = static_cast<EventKind>(k);
      if (kind == EventKind::kTick || kind == EventKind::kSchedStatRuntime ||
          kind == EventKind::kSchedDlUpdate) {
        continue;
      }
      if (kind != EventKind::kSegment || segments_) wants.Add(kind);
    }
    return wants;
  }
  void OnEvent(const TraceEvent& event) override { events.push_back(event); }
  void OnEnd(const RunEnd& run_end) override { end = run_end; }
  std::vector<TraceEvent> events;
  RunEnd end;

 private:
  bool segments_;
};

class Fields final : public StateWriter {
 public:
  void Field(std::string_view name, int64_t value) override {
    text += fmt::format(" {}={}", name, value);
  }
  std::string text;
};

// How often what happened, over all worlds.
struct Seen {
  int64_t ticks = 0, elided = 0, elided_at_a_cost = 0, costs = 0, segments = 0, switches = 0,
          samples = 0, crowded = 0, rr = 0, deadline = 0, throttles = 0, near_tick = 0, lazy = 0,
          nohz_full = 0, balancing = 0, old_kernel = 0;
};

struct Run {
  Records records;
  std::vector<std::string> states;
  int64_t ticks = 0;
};

// Nothing if the world cannot be run.
std::optional<Run> RunWorld(Scenario scenario, bool elides, bool segments, Seen& seen) {
  scenario.machine.tick_elision = elides;
  Run run{Records(segments), {}, 0};
  PolicySet set;
  set.name = "set";
  auto simulation = Simulation::Create(scenario, set);
  if (!simulation.ok()) return std::nullopt;
  (*simulation)->AddListener(run.records);
  const int64_t until = scenario.until->cycles();
  for (int64_t part = 1; part <= 4; ++part) {
    const bool goes_on = (*simulation)->RunUntil(Time(until * part / 4 - part % 2));
    std::string text = fmt::format("now {}:", (*simulation)->now().cycles());
    for (int id = 1; id < (*simulation)->info().num_tasks(); ++id) {
      Fields fields;
      (*simulation)->Describe(TaskId(id), fields);
      text += fields.text + ";";
    }
    run.states.push_back(text);
    if (!elides && goes_on) {
      for (int c = 0; c < (*simulation)->info().num_cpus(); ++c) {
        ++seen.samples;
        seen.crowded += (*simulation)->kernel().cpu(CpuId(c)).nr_running >= 3 ? 1 : 0;
      }
    }
  }
  (*simulation)->Run();
  run.records.end = (*simulation)->end();
  for (const CpuSums& cpu : run.records.end.cpus) run.ticks += cpu.ticks;
  return run;
}

bool Same(const TraceEvent& a, const TraceEvent& b) {
  return a.t == b.t && a.seq == b.seq && a.cpu_bits == b.cpu_bits && a.kind_bits == b.kind_bits &&
         std::equal(std::begin(a.a), std::end(a.a), std::begin(b.a));
}

bool Same(const TaskSums& a, const TaskSums& b) {
  return a.exec == b.exec && a.charged == b.charged && a.work == b.work &&
         a.nr_switches == b.nr_switches;
}

bool Same(const CpuSums& a, const CpuSums& b) {
  return a.user == b.user && a.kernel == b.kernel && a.idle == b.idle && a.overhead == b.overhead &&
         a.ticks == b.ticks;
}

// What differs between a run with all ticks and one without; "" if nothing does.
std::string Difference(const Run& a, const Run& b) {
  const std::vector<TraceEvent>& all = a.records.events;
  const std::vector<TraceEvent>& fewer = b.records.events;
  const std::size_t count = std::min(all.size(), fewer.size());
  std::size_t first = 0;
  while (first < count && Same(all[first], fewer[first])) ++first;
  if (first < count) {
    return fmt::format("record {}: kind {} at {} without elision, kind {} at {} with", first,
                       uint64_t{all[first].kind_bits}, all[first].t.cycles(),
                       uint64_t{fewer[first].kind_bits}, fewer[first].t.cycles());
  }
  if (all.size() != fewer.size()) {
    return fmt::format("{} records without elision, {} with", all.size(), fewer.size());
  }
  for (std::size_t i = 0; i < a.states.size(); ++i) {
    if (a.states[i] != b.states[i]) {
      return fmt::format("without: {}\nwith: {}", a.states[i], b.states[i]);
    }
  }
  const RunEnd& x = a.records.end;
  const RunEnd& y = b.records.end;
  if (x.outcome != y.outcome || x.end != y.end) return "the end of the run";
  if (x.digest != y.digest || x.schedule_digest != y.schedule_digest) return "the digests";
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    if (!Same(x.tasks[i], y.tasks[i])) return fmt::format("the sums of task {}", i);
  }
  for (std::size_t i = 0; i < x.cpus.size(); ++i) {
    if (!Same(x.cpus[i], y.cpus[i])) return fmt::format("the sums of CPU {}", i);
  }
  return "";
}

std::string DifferenceIn(const Scenario& scenario, bool segments) {
  Seen seen;
  const std::optional<Run> with = RunWorld(scenario, true, segments, seen);
  const std::optional<Run> without = RunWorld(scenario, false, segments, seen);
  return with && without ? Difference(*without, *with) : "";
}

void Count(const Scenario& scenario, const Run& run, bool segments, Seen& seen) {
  seen.ticks += run.ticks;
  for (const auto& [name, value] : scenario.common.placement->params) {
    seen.balancing += name == "balance" && std::get<std::string>(value) != "off" ? 1 : 0;
  }
  seen.costs += scenario.machine.costs.c_tick > kZeroCycles ? 1 : 0;
  seen.segments += segments ? 1 : 0;
  seen.nohz_full += scenario.machine.nohz_full.empty() ? 0 : 1;
  seen.old_kernel += scenario.kernel == "6.12" ? 1 : 0;
  for (const TaskSpec& task : scenario.tasks) {
    seen.rr += task.sched.policy == SchedPolicy::kRr ? 1 : 0;
    seen.deadline += task.sched.policy == SchedPolicy::kDeadline ? 1 : 0;
  }
  for (const TraceEvent& event : run.records.events) {
    if (event.kind() == EventKind::kSchedSwitch) ++seen.switches;
    if (event.kind() == EventKind::kSchedDlThrottle) ++seen.throttles;
    if (event.kind() == EventKind::kSchedWakeup) {
      const int64_t off = (event.t.cycles() + 1) % kWorldTick;
      seen.near_tick += off <= 2 ? 1 : 0;
    }
    if (event.kind() == EventKind::kSchedSetNeedResched) {
      seen.lazy += event.As<SchedSetNeedResched>().lazy;
    }
  }
}

void CheckWorlds(uint64_t first, uint64_t count, Ties ties) {
  Seen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Scenario world = ClassWorld(seed, {ties, true});
    // Who wants the segments of ticks that cost something gets every tick as an event.
    const bool segments = seed % 2 == 0;
    const std::optional<Run> with = RunWorld(world, true, segments, seen);
    const std::optional<Run> without = RunWorld(world, false, segments, seen);
    INFO("seed " << seed << ", segments " << segments);
    REQUIRE(with);
    REQUIRE(without);
    const std::string difference = Difference(*without, *with);
    if (!difference.empty()) {
      const Scenario least = ShrinkScenario(
          world, [&](const Scenario& s) { return !DifferenceIn(s, segments).empty(); });
      FAIL(difference << "\nshrunk: " << DifferenceIn(least, segments) << "\n"
                      << WriteScenario(least));
    }
    Count(world, *without, segments, seen);
    seen.elided += with->records.end.elided_ticks;
    if (world.machine.costs.c_tick > kZeroCycles) {
      seen.elided_at_a_cost += with->records.end.elided_ticks;
    }
    REQUIRE(without->records.end.elided_ticks == 0);
  }
  const std::string histogram = fmt::format(
      "ticks {}, of them elided {}, at a cost {}, switches {}, crowded CPUs {} of {}, RR tasks {}, "
      "DEADLINE tasks {}, throttles {}, wake-ups near a tick {}, lazy requests {}, worlds with "
      "costs {}, segments {}, nohz_full {}, 6.12 {}, balancing {}",
      seen.ticks, seen.elided, seen.elided_at_a_cost, seen.switches, seen.crowded, seen.samples,
      seen.rr, seen.deadline, seen.throttles, seen.near_tick, seen.lazy, seen.costs, seen.segments,
      seen.nohz_full, seen.old_kernel, seen.balancing);
  INFO(histogram);
  const bool has_costs = ties == Ties::kCompletionFirst;
  CHECK(seen.elided > 0);
  CHECK((seen.elided_at_a_cost > 0 || !has_costs));
  CHECK((seen.costs > 0 || !has_costs));
  CHECK(seen.switches > 0);
  CHECK(2 * seen.crowded >= seen.samples);
  CHECK(seen.rr > 0);
  CHECK(seen.throttles > 0);
  CHECK(seen.near_tick > 0);
  CHECK(seen.lazy > 0);
  CHECK(seen.segments > 0);
  CHECK(seen.nohz_full > 0);
  CHECK(seen.old_kernel > 0);
  CHECK(seen.balancing > 0);
  WARN(histogram);
}

}  // namespace

TEST_CASE("Ticks that are left out cannot be told from ticks that are taken", "[tick][property]") {
  CheckWorlds(1, 400, Ties::kCompletionFirst);
}

TEST_CASE("Nor where timers come first", "[tick][property]") {
  CheckWorlds(1, 400, Ties::kTimersFirst);
}

TEST_CASE("Nor in many worlds", "[tick][property][slow]") {
  CheckWorlds(1'000'001, 6'000, Ties::kCompletionFirst);
  CheckWorlds(1'000'001, 6'000, Ties::kTimersFirst);
}

}  // namespace rqsim
