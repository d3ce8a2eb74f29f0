// What the scheduling classes promise, in random worlds:
//
//   work conservation  no CPU idles while a task waits in its queue; of real-time tasks that may
//   run
//                      anywhere, none waits while a weaker task runs or a CPU idles
//   no starvation      fair tasks behind real-time hogs get their server's budget in each period
//   lag bounds         of always runnable fair tasks none is further from its share than the
//   largest
//                      slice and a tick, either way
//   isolation          a deadline task that keeps to its budget meets every deadline, whatever the
//                      others do
//   affinity           nobody runs where he may not
//   closure            the accountant finds nothing to report
//
// A failure prints the seed and the smallest world that still shows it, as a scenario; each test
// prints how often what occurred and fails if something never did.
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "property/class_worlds.h"
#include "property/shrink.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"
#include "support/random.h"

namespace rqsim {
namespace {

constexpr const char* kCannotRun = "cannot be run";

PolicySet PlainSet() {
  PolicySet set;
  set.name = "set";
  return set;
}

// `breaks` says what is wrong with a scenario; "" if nothing is.
using Breaks = std::function<std::string(const Scenario&)>;

void CheckWorld(uint64_t seed, const Scenario& world, const Breaks& breaks) {
  const std::string broken = breaks(world);
  if (broken.empty()) return;
  INFO("seed " << seed << ": " << broken);
  REQUIRE(broken != kCannotRun);
  const Scenario least = ShrinkScenario(world, [&](const Scenario& scenario) {
    const std::string still = breaks(scenario);
    return !still.empty() && still != kCannotRun;
  });
  FAIL("shrunk: " << breaks(least) << "\n" << WriteScenario(least));
}

// When something happened.
class Instants final : public Listener {
 public:
  EventMask Wants() const override {
    return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                         EventKind::kSchedWakeupNew, EventKind::kSchedMigrateTask,
                         EventKind::kSchedDlThrottle, EventKind::kSchedDlReplenish);
  }
  void OnEvent(const TraceEvent& event) override {
    if (times.empty() || times.back() != event.t) times.push_back(event.t);
  }
  std::vector<Time> times;
};

// Looks at the machine after each instant at which something happened.
using Look = std::function<std::string(const Simulation&)>;
std::string LookAtInstants(const Scenario& scenario, const Look& look) {
  Instants instants;
  auto first = Simulation::Create(scenario, PlainSet());
  if (!first.ok()) return kCannotRun;
  (*first)->AddListener(instants);
  (*first)->Run();
  auto second = Simulation::Create(scenario, PlainSet());
  for (const Time t : instants.times) {
    const bool goes_on = (*second)->RunUntil(t);
    if (!goes_on) return "";
    const std::string broken = look(**second);
    if (!broken.empty()) return fmt::format("at {}: {}", t.cycles(), broken);
  }
  return "";
}

// ----------------------------------------------------------------------------------------------
// work conservation

// How often what was seen.
struct Looked {
  int64_t idle_cpus = 0, busy_cpus = 0, waiting = 0;
};

std::string IdlesBesideWork(const Simulation& simulation, Looked& looked) {
  const Kernel& kernel = simulation.kernel();
  for (int c = 0; c < kernel.num_cpus(); ++c) {
    const Cpu& cpu = kernel.cpu(CpuId(c));
    ++(cpu.curr == kIdleTask ? looked.idle_cpus : looked.busy_cpus);
    if (cpu.curr != kIdleTask || cpu.nr_running <= cpu.nr_delayed) continue;
    return fmt::format("CPU {} idles, {} tasks wait in its queue", c,
                       cpu.nr_running - cpu.nr_delayed);
  }
  return "";
}

// Of tasks that are all real-time and may run anywhere.
std::string RunsTheWeaker(const Simulation& simulation, Looked& looked) {
  const Kernel& kernel = simulation.kernel();
  for (int id = 1; id < simulation.info().num_tasks(); ++id) {
    const Task& task = kernel.task(TaskId(id));
    if (task.is_kthread || !task.on_rq || task.on_cpu) continue;
    ++looked.waiting;
    for (int c = 0; c < kernel.num_cpus(); ++c) {
      const TaskId curr = kernel.cpu(CpuId(c)).curr;
      if (curr != kIdleTask && kernel.task(curr).eff.prio <= task.eff.prio) continue;
      return fmt::format("{} (prio {}) waits, CPU {} runs {}",
                         simulation.info().task_name(TaskId(id)), task.eff.prio, c,
                         simulation.info().task_name(curr));
    }
  }
  return "";
}

OpSpec Timed(OpKind kind, int cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

OpSpec Hog() {
  OpSpec op = Timed(OpKind::kRun, 0);
  op.forever = true;
  return op;
}

Scenario EmptyWorld(uint64_t seed, int cpus) {
  Scenario scenario;
  scenario.name = fmt::format("world-{}", seed);
  scenario.machine.hz = scenario.machine.clock_hz / kWorldTick;
  scenario.machine.cpus.resize(static_cast<std::size_t>(cpus));
  PolicyChoice sched_class;
  sched_class.name = "default";
  sched_class.params.emplace_back("slice_limits", false);
  sched_class.params.emplace_back("dl_limits", false);
  sched_class.params.emplace_back("dl_scale", int64_t{0});
  sched_class.params.emplace_back("hrtick_min", int64_t{0});
  sched_class.params.emplace_back("hrtick_slop", int64_t{0});
  scenario.common.sched_class = sched_class;
  return scenario;
}

void SetParam(Scenario& scenario, const char* name, ParamValue value) {
  scenario.common.sched_class->params.emplace_back(name, std::move(value));
}

Scenario RealTimeWorld(uint64_t seed) {
  Random random(seed);
  Scenario scenario = EmptyWorld(seed, 1 + random.Below(4));
  if (random.OneIn(3)) scenario.kernel = "6.12";
  SetParam(scenario, "rr_timeslice_ticks", int64_t{1 + random.Below(3)});
  scenario.common.placement = PolicyChoice{random.OneIn(2) ? "prev" : "simple", {}, {}};
  const int tasks = 2 + random.Below(3 * static_cast<int>(scenario.machine.cpus.size()));
  for (int i = 0; i < tasks; ++i) {
    TaskSpec task;
    task.name = fmt::format("t{}", i);
    task.start = Time(random.Below(6 * kWorldTick));
    task.sched.policy = random.OneIn(3) ? SchedPolicy::kRr : SchedPolicy::kFifo;
    task.sched.priority = 1 + random.Below(12);
    task.loop = 1 + random.Below(4);
    for (int k = 1 + random.Below(3); k > 0; --k) {
      task.ops.push_back(Timed(OpKind::kRun, 1 + random.Below(4 * kWorldTick)));
      if (random.OneIn(4)) task.ops.push_back(Timed(OpKind::kYield, 0));
      task.ops.push_back(Timed(OpKind::kSleep, 1 + random.Below(4 * kWorldTick)));
    }
    scenario.tasks.push_back(task);
  }
  scenario.until = Time(40 * kWorldTick);
  return scenario;
}

// ----------------------------------------------------------------------------------------------
// affinity

class Places final : public Listener {
 public:
  explicit Places(const Kernel& kernel) : kernel_(kernel) {}
  EventMask Wants() const override { return EventMask::Of(EventKind::kSchedSwitch); }
  void OnEvent(const TraceEvent& event) override {
    const TaskId next = event.As<SchedSwitch>().next_pid;
    if (next == kIdleTask) return;
    const Task& task = kernel_.task(next);
    bound_switches += task.nr_cpus_allowed < kernel_.num_cpus() && !task.is_kthread ? 1 : 0;
    if (task.cpus_allowed.Contains(event.cpu()) || !broken.empty()) return;
    broken = fmt::format("task {} runs on CPU {} from {} on", next.value(), event.cpu().value(),
                         event.t.cycles());
  }
  std::string broken;
  int64_t bound_switches = 0;

 private:
  const Kernel& kernel_;
};

// Random changes of affinity on top of a world's own.
void AddMoves(Scenario& world, uint64_t seed) {
  Random random(seed);
  const auto cpus = static_cast<int>(world.machine.cpus.size());
  for (int i = random.Below(4); i > 0; --i) {
    ActionSpec action;
    action.at = Time(random.Below(20 * kWorldTick));
    action.kind = ActionKind::kSetAffinity;
    action.task =
        world.tasks[static_cast<std::size_t>(random.Below(static_cast<int>(world.tasks.size())))]
            .name;
    action.cpus = CpuSet::Of(CpuId(random.Below(cpus)));
    world.actions.push_back(action);
  }
}

// ----------------------------------------------------------------------------------------------
// lag bounds

class Weights final : public StateWriter {
 public:
  void Field(std::string_view name, int64_t value) override {
    if (name == "weight") weight = value;
  }
  int64_t weight = 0;
};

// Compares what each of the tasks has executed with its share of all time.
class Lags final : public Listener {
 public:
  Lags(std::vector<int64_t> weights, int64_t slice_max) : weights_(std::move(weights)) {
    for (const int64_t weight : weights_) sum_ += weight;
    executed_.resize(weights_.size());
    bound_ = slice_max + kWorldTick;
  }
  EventMask Wants() const override { return EventMask::Of(EventKind::kSchedSwitch); }
  void OnEvent(const TraceEvent& event) override {
    const auto change = event.As<SchedSwitch>();
    if (change.prev_pid.index() < executed_.size()) {
      executed_[change.prev_pid.index()] += (event.t - since_).count();
    }
    since_ = event.t;
    ++switches;
    for (std::size_t i = 1; i < executed_.size() && broken.empty(); ++i) Look(i, event.t);
  }
  std::string broken;
  int64_t switches = 0, lag_max = 0;

 private:
  void Look(std::size_t task, Time t) {
    const int64_t off = (sum_ * executed_[task] - weights_[task] * t.cycles()) / sum_;
    lag_max = std::max(lag_max, std::abs(off));
    // A charge rounds virtual time down, by less than weight / 1024 cycles; there is one at each
    // tick and switch.
    const int64_t rounding = (t.cycles() / kWorldTick + switches) * 4;
    if (std::abs(off) <= bound_ + rounding) return;
    broken = fmt::format("task {} is {} off its share at {}, allowed are {}", task, off, t.cycles(),
                         bound_ + rounding);
  }

  std::vector<int64_t> weights_, executed_;
  int64_t sum_ = 0, bound_ = 0;
  Time since_;
};

Scenario FairWorld(uint64_t seed) {
  Random random(seed);
  Scenario scenario = EmptyWorld(seed, 1);
  if (random.OneIn(3)) scenario.kernel = "6.12";
  SetParam(scenario, "hrtick", random.OneIn(2));
  SetParam(scenario, "preempt", std::string("full"));
  SetParam(scenario, "base_slice", int64_t{500 + random.Below(4000)});
  for (int i = 2 + random.Below(7); i > 0; --i) {
    TaskSpec task;
    task.name = fmt::format("t{}", i);
    // Weights of 110 to 3121.
    task.sched.nice = random.OneIn(3) ? 0 : random.Below(16) - 5;
    if (random.OneIn(2)) task.sched.slice = Cycles(300 + random.Below(6000));
    task.ops = {Hog()};
    scenario.tasks.push_back(task);
  }
  scenario.until = Time((40 + random.Below(160)) * kWorldTick);
  return scenario;
}

struct FairSeen {
  int64_t switches = 0, lag_max = 0, old_kernel = 0;
};

std::string OutOfBounds(const Scenario& scenario, FairSeen& seen) {
  int64_t slice_max = 0;
  for (const auto& [name, value] : scenario.common.sched_class->params) {
    if (name == "base_slice") slice_max = std::get<int64_t>(value);
  }
  for (const TaskSpec& task : scenario.tasks) {
    slice_max = std::max(slice_max, task.sched.slice.count());
  }
  std::vector<int64_t> weights = {0};
  {
    auto simulation = Simulation::Create(scenario, PlainSet());
    if (!simulation.ok() || slice_max == 0) return kCannotRun;
    (*simulation)->RunUntil(Time());
    for (std::size_t i = 1; i <= scenario.tasks.size(); ++i) {
      Weights writer;
      (*simulation)->Describe(TaskId(static_cast<int32_t>(i)), writer);
      weights.push_back(writer.weight);
    }
  }
  Lags lags(weights, slice_max);
  auto simulation = Simulation::Create(scenario, PlainSet());
  (*simulation)->AddListener(lags);
  (*simulation)->Run();
  seen.switches += lags.switches;
  seen.lag_max = std::max(seen.lag_max, lags.lag_max);
  seen.old_kernel += scenario.kernel == "6.12" ? 1 : 0;
  return lags.broken;
}

// ----------------------------------------------------------------------------------------------
// no starvation, isolation

// Fair tasks behind hogs of a stronger class.
Scenario StarvedWorld(uint64_t seed) {
  Random random(seed);
  Scenario scenario = EmptyWorld(seed, 1);
  if (random.OneIn(3)) scenario.kernel = "6.12";
  const int period = (5 + random.Below(30)) * kWorldTick;
  SetParam(scenario, "server_period", int64_t{period});
  SetParam(scenario, "server_runtime", int64_t{period / 20 + random.Below(period / 4)});
  SetParam(scenario, "server_resolution", int64_t{1 + random.Below(kWorldTick)});
  for (int i = 1 + random.Below(3); i > 0; --i) {
    TaskSpec hog;
    hog.name = fmt::format("hog{}", i);
    hog.sched.policy = random.OneIn(2) ? SchedPolicy::kFifo : SchedPolicy::kRr;
    hog.sched.priority = 1 + random.Below(50);
    hog.ops = {Hog()};
    scenario.tasks.push_back(hog);
  }
  for (int i = 1 + random.Below(3); i > 0; --i) {
    TaskSpec task;
    task.name = fmt::format("fair{}", i);
    task.sched.nice = random.Below(20) - 10;
    task.ops = {Hog()};
    scenario.tasks.push_back(task);
  }
  scenario.until = Time(int64_t{period} * (3 + random.Below(6)));
  return scenario;
}

int64_t LengthOf(const Scenario& scenario, std::string_view param) {
  for (const auto& [name, value] : scenario.common.sched_class->params) {
    if (name == param) return std::get<int64_t>(value);
  }
  return 0;
}

// In k periods fair tasks get k budgets; one may be owed for an overrun before.
std::string Starves(const Scenario& scenario, int64_t& served) {
  const int64_t period = LengthOf(scenario, "server_period");
  const int64_t budget = LengthOf(scenario, "server_runtime");
  auto result = RunScenario(scenario, PlainSet(), {});
  if (!result.ok() || period == 0 || budget == 0) return kCannotRun;
  int64_t got = 0, fair_tasks = 0, hogs = 0;
  for (std::size_t i = 0; i < scenario.tasks.size(); ++i) {
    const bool is_fair = scenario.tasks[i].sched.policy == SchedPolicy::kNormal;
    fair_tasks += is_fair ? 1 : 0;
    hogs += is_fair ? 0 : 1;
    if (is_fair) got += result->tasks[i].exec.count();
  }
  if (fair_tasks == 0 || hogs == 0) return "";
  served += got;
  const int64_t wanted = (scenario.until->cycles() / period - 1) * budget;
  if (got >= wanted) return "";
  return fmt::format("fair tasks got {} in all, {} are promised", got, wanted);
}

// Well-behaved deadline tasks, named good, beside hogs of all classes.
Scenario IsolatedWorld(uint64_t seed) {
  Random random(seed);
  Scenario scenario = EmptyWorld(seed, 1);
  if (random.OneIn(3)) scenario.kernel = "6.12";
  SetParam(scenario, "fair_server", false);
  SetParam(scenario, "hrtick", true);
  int left = 900;  // of a thousand
  for (int i = 2 + random.Below(4); i > 0 && left > 20; --i) {
    TaskSpec task;
    const bool is_good = random.OneIn(2);
    task.name = fmt::format("{}{}", is_good ? "good" : "hog", i);
    const int period = 2000 + random.Below(20 * kWorldTick);
    const int share = 10 + random.Below(std::min(left, 500) - 10);
    left -= share;
    task.sched.policy = SchedPolicy::kDeadline;
    task.sched.dl_period = task.sched.dl_deadline = Cycles(period);
    task.sched.dl_runtime = Cycles(std::max(2, period * share / 1000));
    if (is_good) {
      const auto budget = static_cast<int>(task.sched.dl_runtime.count());
      OpSpec timer = Timed(OpKind::kTimer, period);
      timer.name = "timer";
      timer.unique = true;
      task.ops = {Timed(OpKind::kRun, 1 + random.Below(budget - 1)), timer};
      task.loop = -1;
      task.deadline = Cycles(period);
      task.start = Time(random.Below(period));
    } else if (random.OneIn(2)) {
      task.ops = {Hog()};
    } else {
      task.ops = {Timed(OpKind::kRun, 1 + random.Below(2 * period)),
                  Timed(OpKind::kSleep, 1 + random.Below(period))};
      task.loop = -1;
    }
    scenario.tasks.push_back(task);
  }
  for (int i = random.Below(3); i > 0; --i) {
    TaskSpec hog;
    hog.name = fmt::format("other{}", i);
    hog.sched.policy = random.OneIn(2) ? SchedPolicy::kFifo : SchedPolicy::kNormal;
    hog.sched.priority = hog.sched.policy == SchedPolicy::kFifo ? 1 : 0;
    hog.ops = {Hog()};
    scenario.tasks.push_back(hog);
  }
  scenario.until = Time(200 * kWorldTick);
  return scenario;
}

struct IsolationSeen {
  int64_t jobs = 0, throttled = 0;
};

std::string Misses(const Scenario& scenario, IsolationSeen& seen) {
  auto result = RunScenario(scenario, PlainSet(), {});
  if (!result.ok()) return kCannotRun;
  for (std::size_t i = 0; i < scenario.tasks.size(); ++i) {
    const TaskResult& task = result->tasks[i];
    seen.throttled += task.throttled.count();
    if (!task.name.starts_with("good")) continue;
    seen.jobs += task.response.n;
    if (task.deadline_misses > 0) {
      return fmt::format("{} misses {} deadlines, its longest response is {}", task.name,
                         task.deadline_misses, task.response.max.count());
    }
  }
  return "";
}

// ----------------------------------------------------------------------------------------------
// closure

std::string DoesNotClose(const Scenario& scenario, int64_t& overhead) {
  auto result = RunScenario(scenario, PlainSet(), {});
  if (!result.ok()) return kCannotRun;
  for (const CpuResult& cpu : result->cpus) {
    for (const auto& [cost, cycles] : cpu.overhead) overhead += cycles.count();
  }
  for (const Violation& violation : result->violations) {
    if (violation.id.starts_with("AC-")) return violation.id + ": " + violation.message;
  }
  return "";
}

constexpr uint64_t kMany = 1'000'001;  // where the many worlds begin

void CheckConservation(uint64_t first, uint64_t count) {
  Looked all, real_time;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    for (const Ties ties : {Ties::kCompletionFirst, Ties::kTimersFirst}) {
      CheckWorld(seed, ClassWorld(seed, {ties, false}), [&](const Scenario& s) {
        return LookAtInstants(s, [&](const Simulation& now) { return IdlesBesideWork(now, all); });
      });
    }
    CheckWorld(seed, RealTimeWorld(seed), [&](const Scenario& s) {
      for (const TaskSpec& task : s.tasks) {
        if (task.sched.priority == 0) return std::string();  // shrunk to another class
      }
      return LookAtInstants(s,
                            [&](const Simulation& now) { return RunsTheWeaker(now, real_time); });
    });
  }
  WARN("idle CPUs " << all.idle_cpus << ", busy ones " << all.busy_cpus
                    << ", waiting real-time tasks " << real_time.waiting);
  CHECK(all.idle_cpus > 0);
  CHECK(all.busy_cpus > 0);
  CHECK(real_time.waiting > 0);
}

void CheckAffinity(uint64_t first, uint64_t count) {
  int64_t bound_switches = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Scenario world = ClassWorld(seed, {Ties::kCompletionFirst, true});
    AddMoves(world, seed);
    CheckWorld(seed, world, [&](const Scenario& s) -> std::string {
      auto simulation = Simulation::Create(s, PlainSet());
      if (!simulation.ok()) return kCannotRun;
      Places places((*simulation)->kernel());
      (*simulation)->AddListener(places);
      (*simulation)->Run();
      bound_switches += places.bound_switches;
      return places.broken;
    });
  }
  WARN("switches to tasks that may not run everywhere: " << bound_switches);
  CHECK(bound_switches > 0);
}

void CheckLags(uint64_t first, uint64_t count) {
  FairSeen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CheckWorld(seed, FairWorld(seed), [&](const Scenario& s) { return OutOfBounds(s, seen); });
  }
  WARN("switches " << seen.switches << ", largest lag " << seen.lag_max << ", worlds of 6.12 "
                   << seen.old_kernel);
  CHECK(seen.switches > 0);
  CHECK(seen.lag_max > kWorldTick);
  CHECK(seen.old_kernel > 0);
}

void CheckStarvation(uint64_t first, uint64_t count) {
  int64_t served = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CheckWorld(seed, StarvedWorld(seed), [&](const Scenario& s) { return Starves(s, served); });
  }
  WARN("cycles that fair tasks got: " << served);
  CHECK(served > 0);
}

void CheckIsolation(uint64_t first, uint64_t count) {
  IsolationSeen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CheckWorld(seed, IsolatedWorld(seed), [&](const Scenario& s) { return Misses(s, seen); });
  }
  WARN("jobs " << seen.jobs << ", cycles throttled " << seen.throttled);
  CHECK(seen.jobs > 0);
  CHECK(seen.throttled > 0);
}

void CheckClosure(uint64_t first, uint64_t count) {
  int64_t overhead = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    for (const Ties ties : {Ties::kCompletionFirst, Ties::kTimersFirst}) {
      Scenario world = ClassWorld(seed, {ties, true});
      AddMoves(world, seed);
      CheckWorld(seed, world, [&](const Scenario& s) { return DoesNotClose(s, overhead); });
    }
  }
  WARN("cycles of overhead: " << overhead);
  CHECK(overhead > 0);
}

}  // namespace

TEST_CASE("No CPU idles while a task waits for it, no real-time task waits for a weaker one",
          "[sched_class][property]") {
  CheckConservation(1, 150);
}

TEST_CASE("Nobody runs where he may not", "[sched_class][property]") { CheckAffinity(1, 300); }

TEST_CASE("No fair task is further from its share than the largest slice and a tick",
          "[sched_class][fair][property]") {
  CheckLags(1, 300);
}

TEST_CASE("Fair tasks behind real-time hogs get their server's budget",
          "[sched_class][deadline][property]") {
  CheckStarvation(1, 200);
}

TEST_CASE("A deadline task that keeps to its budget meets every deadline",
          "[sched_class][deadline][property]") {
  CheckIsolation(1, 300);
}

TEST_CASE("The accounts of any world close", "[sched_class][property]") { CheckClosure(1, 150); }

TEST_CASE("All this holds in many worlds", "[sched_class][property][slow]") {
  CheckConservation(kMany, 1'000);
  CheckAffinity(kMany, 2'000);
  CheckLags(kMany, 3'000);
  CheckStarvation(kMany, 2'000);
  CheckIsolation(kMany, 3'000);
  CheckClosure(kMany, 1'000);
}

}  // namespace rqsim
