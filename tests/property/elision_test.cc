// Random worlds with and without tick elision: whoever does not ask for the ticks themselves must
// not be able to tell the two apart. Compared are all records, the digests, every task's and CPU's
// sums, and, at instants in the middle of the run, what the classes say of each task.
//
// The worlds are made to be hard: three or more runnable tasks per CPU half of the time, mixed nice
// values and slices, RR and FIFO, wake-ups within a cycle of a tick, costs, lazy preemption, both
// kernels, and both orders of ties. A failure prints the seed; the test prints how often what
// occurred and fails if something never did.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// splitmix64: the same numbers everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  int Below(int n) {
    state_ += 0x9e3779b97f4a7c15u;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return static_cast<int>(z % static_cast<uint64_t>(n));
  }
  bool OneIn(int n) { return Below(n) == 0; }

 private:
  uint64_t state_;
};

constexpr int kTick = 1000;

OpSpec Timed(OpKind kind, int cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

class World {
 public:
  World(uint64_t seed, Ties ties) : random_(seed) {
    scenario_.name = fmt::format("world-{}", seed);
    MachineSpec& machine = scenario_.machine;
    machine.hz = 1'000'000;  // a tick of 1000 cycles
    machine.ties = ties;
    const int cpus = 1 + random_.Below(3);
    machine.cpus.resize(static_cast<std::size_t>(cpus));
    for (CpuSpec& cpu : machine.cpus) {
      if (random_.OneIn(4)) cpu.llc = 1;
      if (random_.OneIn(6)) cpu.capacity = 300 + random_.Below(700);
    }
    machine.skew_tick = random_.OneIn(5);
    if (random_.OneIn(5)) machine.idle_tick = IdleTick::kStopAtOnce;
    if (random_.OneIn(8)) machine.nohz = Nohz::kOff;
    if (random_.OneIn(6)) machine.nohz_full = CpuSet::Of(CpuId(random_.Below(cpus)));
    if (ties == Ties::kCompletionFirst) RandomCosts();
    scenario_.mutexes = {"m"};
    const int tasks = random_.OneIn(2) ? 4 * cpus + random_.Below(3) : 1 + random_.Below(2 * cpus);
    for (int i = 0; i < tasks; ++i) scenario_.tasks.push_back(RandomTask(i));
    RandomActions();
    RandomPolicies();
    scenario_.until = Time(20 * kTick + random_.Below(40 * kTick));
  }
  const Scenario& scenario() const { return scenario_; }
  bool balances() const { return balances_; }
  PolicySet set() const {
    PolicySet set;
    set.name = "set";
    return set;
  }

 private:
  // At a tick, or within a cycle of one, half of the time.
  int Length(int most) {
    if (!random_.OneIn(2)) return 1 + random_.Below(most);
    return std::max(1,
                    kTick * (1 + random_.Below(std::max(1, most / kTick))) + random_.Below(3) - 1);
  }

  TaskSpec RandomTask(int number) {
    TaskSpec task;
    task.name = fmt::format("t{}", number);
    task.start = Time(random_.OneIn(2) ? 0 : Length(8 * kTick));
    const int cpus = static_cast<int>(scenario_.machine.cpus.size());
    if (random_.OneIn(2)) task.cpus = CpuSet::Of(CpuId(random_.Below(cpus)));
    task.sched = RandomSched();
    task.loop = 1 + random_.Below(6);
    for (int i = 1 + random_.Below(3); i > 0; --i) {
      OpSpec run = Timed(OpKind::kRun, Length(12 * kTick));
      if (random_.OneIn(4)) run.mode = RunMode::kKernel;
      if (random_.OneIn(12)) run.mode = RunMode::kIrqsOff;
      task.ops.push_back(run);
      switch (random_.Below(7)) {
        case 0:
        case 1:
          task.ops.push_back(Timed(OpKind::kSleep, Length(5 * kTick)));
          // To an instant of the grid, or next to one.
          if (random_.OneIn(2)) task.ops.back().until = Time(Length(30 * kTick));
          break;
        case 2:
          task.ops.push_back(Timed(OpKind::kYield, 0));
          break;
        case 3: {
          OpSpec lock = Timed(OpKind::kLock, 0);
          lock.name = "m";
          OpSpec unlock = lock;
          unlock.kind = OpKind::kUnlock;
          task.ops.push_back(lock);
          task.ops.push_back(Timed(OpKind::kRun, Length(3 * kTick)));
          task.ops.push_back(unlock);
          break;
        }
        default:
          break;
      }
    }
    if (random_.OneIn(3)) {
      OpSpec hog = Timed(OpKind::kRun, 0);
      hog.forever = true;
      task.ops.push_back(hog);
    }
    return task;
  }

  SchedSpec RandomSched() {
    SchedSpec sched;
    switch (random_.Below(8)) {
      case 0:
        sched.policy = SchedPolicy::kRr;
        sched.priority = 1 + random_.Below(2);
        break;
      case 1:
        sched.policy = SchedPolicy::kFifo;
        sched.priority = 1 + random_.Below(2);
        break;
      case 2:
        sched.policy = random_.OneIn(2) ? SchedPolicy::kBatch : SchedPolicy::kIdle;
        break;
      default:
        sched.nice = random_.OneIn(2) ? 0 : random_.Below(40) - 20;
        if (random_.OneIn(3)) sched.slice = Cycles(200 + random_.Below(9000));
        break;
    }
    return sched;
  }

  void RandomActions() {
    const int tasks = static_cast<int>(scenario_.tasks.size());
    for (int i = random_.Below(4); i > 0; --i) {
      ActionSpec action;
      action.at = Time(Length(20 * kTick));
      action.task = scenario_.tasks[static_cast<std::size_t>(random_.Below(tasks))].name;
      if (random_.OneIn(3)) {
        action.kind = ActionKind::kWake;
      } else {
        action.kind = ActionKind::kSetSched;
        action.sched = RandomSched();
      }
      scenario_.actions.push_back(action);
    }
  }

  void RandomCosts() {
    if (random_.OneIn(2)) return;
    MachineCosts& costs = scenario_.machine.costs;
    costs.c_tick = Cycles(1 + random_.Below(40));
    for (Cycles* cost : {&costs.c_sched, &costs.c_ctx, &costs.c_timer, &costs.c_wake, &costs.l_ipi,
                         &costs.c_ipi_send, &costs.c_ipi_recv, &costs.c_syscall}) {
      if (random_.OneIn(2)) *cost = Cycles(random_.Below(60));
    }
  }

  void RandomPolicies() {
    PolicyChoice sched_class;
    sched_class.name = "default";
    const bool is_old = random_.OneIn(3);
    if (is_old) scenario_.kernel = "6.12";
    constexpr std::array<const char*, 3> kModes = {"full", "lazy", "none"};
    const char* const mode = kModes[static_cast<std::size_t>(random_.Below(3))];
    if (!is_old || std::string(mode) != "lazy") {
      sched_class.params.emplace_back("preempt", std::string(mode));
    }
    sched_class.params.emplace_back("hrtick", random_.OneIn(3));
    sched_class.params.emplace_back("base_slice", int64_t{500 + random_.Below(6000)});
    sched_class.params.emplace_back("slice_limits", false);
    sched_class.params.emplace_back("rr_timeslice_ticks", int64_t{1 + random_.Below(4)});
    scenario_.common.sched_class = sched_class;
    PolicyChoice placement{random_.OneIn(2) ? "prev" : "simple", {}, {}};
    balances_ = random_.OneIn(2);
    placement.params.emplace_back("balance", std::string(balances_ ? "simple" : "off"));
    if (random_.OneIn(2)) placement.params.emplace_back("busy_pull", true);
    placement.params.emplace_back("migration_cost", int64_t{random_.Below(3000)});
    scenario_.common.placement = placement;
  }

  Random random_;
  Scenario scenario_;
  bool balances_ = false;
};

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
  int64_t ticks = 0, elided = 0, costs = 0, segments = 0, switches = 0, crowded = 0, rr = 0,
          near_tick = 0, lazy = 0, nohz_full = 0, balancing = 0, old_kernel = 0;
};

struct Run {
  Records records;
  std::vector<std::string> states;
  int64_t ticks = 0;
};

Run RunWorld(const World& world, bool elides, bool segments, Seen& seen) {
  Scenario scenario = world.scenario();
  scenario.machine.tick_elision = elides;
  Run run{Records(segments), {}, 0};
  auto simulation = Simulation::Create(scenario, world.set());
  INFO(simulation.status());
  REQUIRE(simulation.ok());
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

void Compare(const Run& a, const Run& b) {
  const std::size_t count = std::min(a.records.events.size(), b.records.events.size());
  std::size_t first = 0;
  while (first < count && Same(a.records.events[first], b.records.events[first])) ++first;
  if (first < count) {
    INFO("record " << first << ": kind " << a.records.events[first].kind_bits << " at "
                   << a.records.events[first].t.cycles() << " without elision, kind "
                   << b.records.events[first].kind_bits << " at "
                   << b.records.events[first].t.cycles() << " with");
    REQUIRE(first == count);
  }
  REQUIRE(a.records.events.size() == b.records.events.size());
  REQUIRE(a.states.size() == b.states.size());
  for (std::size_t i = 0; i < a.states.size(); ++i) REQUIRE(a.states[i] == b.states[i]);
  const RunEnd& x = a.records.end;
  const RunEnd& y = b.records.end;
  REQUIRE(x.outcome == y.outcome);
  REQUIRE(x.end == y.end);
  REQUIRE(x.digest == y.digest);
  REQUIRE(x.schedule_digest == y.schedule_digest);
  REQUIRE(a.ticks == b.ticks);
  for (std::size_t i = 0; i < x.tasks.size(); ++i) {
    REQUIRE(x.tasks[i].exec == y.tasks[i].exec);
    REQUIRE(x.tasks[i].charged == y.tasks[i].charged);
    REQUIRE(x.tasks[i].work == y.tasks[i].work);
    REQUIRE(x.tasks[i].nr_switches == y.tasks[i].nr_switches);
  }
  for (std::size_t i = 0; i < x.cpus.size(); ++i) {
    REQUIRE(x.cpus[i].user == y.cpus[i].user);
    REQUIRE(x.cpus[i].kernel == y.cpus[i].kernel);
    REQUIRE(x.cpus[i].idle == y.cpus[i].idle);
    REQUIRE(x.cpus[i].overhead == y.cpus[i].overhead);
  }
}

void Count(const World& world, const Run& run, bool segments, Seen& seen) {
  const Scenario& scenario = world.scenario();
  seen.ticks += run.ticks;
  seen.balancing += world.balances() ? 1 : 0;
  seen.costs += scenario.machine.costs.c_tick > kZeroCycles ? 1 : 0;
  seen.segments += segments ? 1 : 0;
  seen.nohz_full += scenario.machine.nohz_full.empty() ? 0 : 1;
  seen.old_kernel += scenario.kernel == "6.12" ? 1 : 0;
  for (const TaskSpec& task : scenario.tasks) {
    seen.rr += task.sched.policy == SchedPolicy::kRr ? 1 : 0;
  }
  for (const TraceEvent& event : run.records.events) {
    if (event.kind() == EventKind::kSchedSwitch) ++seen.switches;
    if (event.kind() == EventKind::kSchedWakeup) {
      const int64_t off = (event.t.cycles() + 1) % kTick;
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
    const World world(seed, ties);
    // Who wants the segments of ticks that cost something gets every tick as an event.
    const bool segments = seed % 2 == 0;
    INFO("seed " << seed << ", segments " << segments);
    const Run with = RunWorld(world, true, segments, seen);
    const Run without = RunWorld(world, false, segments, seen);
    Compare(without, with);
    Count(world, without, segments, seen);
    seen.elided += with.records.end.elided_ticks;
    REQUIRE(without.records.end.elided_ticks == 0);
  }
  const std::string histogram = fmt::format(
      "ticks {}, of them elided {}, switches {}, crowded CPUs {}, RR tasks {}, wake-ups near a "
      "tick "
      "{}, lazy requests {}, worlds with costs {}, segments {}, nohz_full {}, 6.12 {}, balancing "
      "{}",
      seen.ticks, seen.elided, seen.switches, seen.crowded, seen.rr, seen.near_tick, seen.lazy,
      seen.costs, seen.segments, seen.nohz_full, seen.old_kernel, seen.balancing);
  INFO(histogram);
  // Where a tick is one of the timers all are events.
  CHECK((seen.elided > 0 || ties == Ties::kTimersFirst));
  CHECK(seen.switches > 0);
  CHECK(seen.crowded > 0);
  CHECK(seen.rr > 0);
  CHECK(seen.near_tick > 0);
  CHECK(seen.lazy > 0);
  CHECK((seen.costs > 0 || ties == Ties::kTimersFirst));
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
