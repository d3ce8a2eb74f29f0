// Small random worlds of tasks that fight for a few mutexes, under every option of the lock
// protocols, with all checkers on. Locks are taken in one order, so that nobody can wait in a
// circle: every world must come to its end, with every lock free and nothing reported.
//
// A failure prints the seed of its world; the test prints how often what occurred and fails if
// something never did.
#include <fmt/core.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/simulation.h"
#include "support/catch.h"
#include "support/random.h"

namespace rqsim {
namespace {

OpSpec Op(OpKind kind, std::string name = "") {
  OpSpec op;
  op.kind = kind;
  op.name = std::move(name);
  return op;
}
OpSpec Timed(OpKind kind, int cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

class World {
 public:
  // `rough`: with ticks every few cycles, other modes of preemption, and longer costs.
  explicit World(uint64_t seed, bool rough = false) : random_(seed) {
    scenario_.name = fmt::format("world-{}", seed);
    scenario_.machine.cpus.resize(static_cast<std::size_t>(1 + random_.Below(4)));
    const int locks = 1 + random_.Below(3);
    for (int i = 0; i < locks; ++i) scenario_.mutexes.push_back(fmt::format("m{}", i));
    has_signals_ = random_.OneIn(4);
    const int tasks = 2 + random_.Below(7);
    for (int i = 0; i < tasks; ++i) scenario_.tasks.push_back(RandomTask(i));
    AddActions();
    RandomCosts();
    scenario_.common.sched_class = PolicyChoice{random_.OneIn(3) ? "default" : "fifo", {}, {}};
    scenario_.common.placement = PolicyChoice{random_.OneIn(2) ? "prev" : "simple", {}, {}};
    // Far beyond the end of any world that does end.
    scenario_.until = Time(10'000'000);
    if (rough) Roughen();
  }

  const Scenario& scenario() const { return scenario_; }
  bool has_signals() const { return has_signals_; }

  // Lock costs are drawn once, so that all sets of a world share them.
  PolicySet Set(std::string name, std::string lock, bool spin, std::string handoff) const {
    PolicySet set;
    set.name = std::move(name);
    PolicyChoice choice;
    choice.name = std::move(lock);
    for (const auto& [cost, value] : lock_costs_) {
      const bool spins = cost == "c_osq_enq" || cost == "c_osq_pass" || cost == "c_spin_poll";
      if (choice.name == "pi" ? !spins : cost != "c_pi_step") {
        choice.params.emplace_back(cost, value);
      }
    }
    if (choice.name == "mutex") {
      choice.params.emplace_back("spin", spin);
      choice.params.emplace_back("handoff", std::move(handoff));
    }
    set.lock = std::move(choice);
    return set;
  }

 private:
  TaskSpec RandomTask(int number) {
    TaskSpec task;
    task.name = fmt::format("t{}", number);
    task.start = Time(random_.Below(20));
    task.loop = 1 + random_.Below(4);
    if (random_.OneIn(3)) {
      task.sched.nice = random_.Below(40) - 20;
    } else {
      task.sched.policy = SchedPolicy::kFifo;
      task.sched.priority = 1 + random_.Below(6);
    }
    const int cpus = static_cast<int>(scenario_.machine.cpus.size());
    if (random_.OneIn(2)) task.cpus = CpuSet::Of(CpuId(random_.Below(cpus)));
    task.ops = Section(0);
    if (random_.OneIn(2)) task.ops.push_back(Timed(OpKind::kSleep, 1 + random_.Below(8)));
    return task;
  }

  // Locks from `lowest` on, nested in order.
  std::vector<OpSpec> Section(int lowest) {
    std::vector<OpSpec> ops;
    const int locks = static_cast<int>(scenario_.mutexes.size());
    for (int lock = lowest; lock < locks; ++lock) {
      if (random_.OneIn(3)) continue;
      if (random_.OneIn(2)) ops.push_back(Timed(OpKind::kRun, random_.Below(6)));
      const std::string& name = scenario_.mutexes[static_cast<std::size_t>(lock)];
      std::vector<OpSpec> inner;
      inner.push_back(Timed(OpKind::kRun, random_.Below(8)));
      if (random_.OneIn(4)) inner.push_back(Timed(OpKind::kSleep, 1 + random_.Below(5)));
      if (random_.OneIn(6)) inner.push_back(Op(OpKind::kYield));
      if (random_.OneIn(2)) {
        for (OpSpec& op : Section(lock + 1)) inner.push_back(std::move(op));
      }
      inner.push_back(Op(OpKind::kUnlock, name));
      if (random_.OneIn(5)) {
        OpSpec attempt = Op(OpKind::kTrylock, name);
        attempt.ops = std::move(inner);
        attempt.otherwise.push_back(Timed(OpKind::kRun, 1));
        ops.push_back(std::move(attempt));
        continue;
      }
      OpSpec wait = Op(OpKind::kLock, name);
      if (has_signals_ && random_.OneIn(2)) {
        wait.lock_wait = random_.OneIn(2) ? LockWait::kKillable : LockWait::kInterruptible;
      }
      ops.push_back(std::move(wait));
      for (OpSpec& op : inner) ops.push_back(std::move(op));
    }
    return ops;
  }

  void AddActions() {
    const int tasks = static_cast<int>(scenario_.tasks.size());
    for (int i = random_.Below(4); i > 0; --i) {
      ActionSpec action;
      action.at = Time(random_.Below(60));
      action.task = scenario_.tasks[static_cast<std::size_t>(random_.Below(tasks))].name;
      if (has_signals_ && random_.OneIn(2)) {
        action.kind = ActionKind::kSignal;
      } else {
        action.kind = ActionKind::kSetSched;
        action.sched.policy = SchedPolicy::kFifo;
        action.sched.priority = 1 + random_.Below(9);
      }
      scenario_.actions.push_back(std::move(action));
    }
  }

  void RandomCosts() {
    if (random_.OneIn(3)) return;
    MachineCosts& costs = scenario_.machine.costs;
    for (Cycles* cost : {&costs.c_sched, &costs.c_ctx, &costs.c_wake, &costs.l_ipi,
                         &costs.c_ipi_send, &costs.c_ipi_recv, &costs.c_syscall}) {
      if (random_.OneIn(2)) *cost = Cycles(random_.Below(4));
    }
    for (const char* cost :
         {"c_lock_fast", "c_trylock", "c_osq_enq", "c_osq_pass", "c_spin_poll", "c_slow_enter",
          "c_block", "c_recheck", "c_acquire_slow", "c_unlock_fast", "c_unlock_slow",
          "c_unlock_slow_rest", "c_cacheline_xfer", "c_pi_step"}) {
      if (random_.OneIn(2)) lock_costs_.emplace_back(cost, int64_t{random_.Below(4)});
    }
  }

  void Roughen() {
    // A tick of 5 to 24 cycles.
    scenario_.machine.hz = 1'000'000'000 / (5 + random_.Below(20));
    static constexpr std::array<const char*, 3> kModes = {"full", "lazy", "none"};
    const char* mode = kModes[static_cast<std::size_t>(random_.Below(3))];
    scenario_.common.sched_class->params.emplace_back("preempt", std::string(mode));
    MachineCosts& costs = scenario_.machine.costs;
    for (Cycles* cost : {&costs.c_tick, &costs.c_timer, &costs.c_ctx, &costs.l_ipi}) {
      if (random_.OneIn(3)) *cost = Cycles(random_.Below(4));
    }
    for (auto& [name, value] : lock_costs_) value = int64_t{random_.Below(12)};
  }

  Random random_;
  Scenario scenario_;
  bool has_signals_ = false;
  std::vector<std::pair<std::string, ParamValue>> lock_costs_;
};

// How often what happened, over all worlds.
struct Seen {
  int64_t osq_spin = 0, waiter_spin = 0, slow = 0, steals = 0, handoffs_flag = 0,
          handoffs_always = 0, boosts = 0;
};

std::string ViolationsOf(const Result& result, bool has_signals) {
  std::string text;
  for (const Violation& violation : result.violations) {
    // An unlock after a wait that a signal ended is an unlock by a stranger.
    if (has_signals && violation.id == "MX-I1") continue;
    text += fmt::format("{} at {}: {}\n", violation.id, violation.at.cycles(), violation.message);
  }
  return text;
}

void Check(const World& world, const PolicySet& set, Seen& seen) {
  auto result = RunScenario(world.scenario(), set, {});
  REQUIRE(result.ok());
  INFO(world.scenario().name << " under " << set.name);
  CHECK(result->outcome == Outcome::kDone);
  CHECK(ViolationsOf(*result, world.has_signals()) == "");
  for (const LockResult& lock : result->locks) {
    CHECK(lock.acquisitions ==
          lock.fast + lock.trylock + lock.osq_spin + lock.waiter_spin + lock.slow);
    CHECK(lock.hold.n == lock.acquisitions);
    seen.osq_spin += lock.osq_spin;
    seen.waiter_spin += lock.waiter_spin;
    seen.slow += lock.slow;
    seen.steals += lock.steals;
    seen.handoffs_flag += lock.handoffs_flag;
    seen.handoffs_always += lock.handoffs_always;
  }
  for (const auto& [metric, value] : result->metrics) {
    if (metric == "pi_setprio") seen.boosts += value;
  }
  RunOptions unchecked;
  unchecked.check = false;
  auto again = RunScenario(world.scenario(), set, unchecked);
  REQUIRE(again.ok());
  CHECK(again->digest == result->digest);
}

std::vector<PolicySet> AllSets(const World& world) {
  return {world.Set("spin", "mutex", true, "normal"), world.Set("nospin", "mutex", false, "normal"),
          world.Set("always", "mutex", false, "always"), world.Set("never", "mutex", true, "never"),
          world.Set("pi", "pi", false, "")};
}

void CheckWorlds(uint64_t first, uint64_t count, bool rough) {
  Seen seen;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed, rough);
    for (const PolicySet& set : AllSets(world)) Check(world, set, seen);
  }
  const std::string histogram =
      fmt::format("osq spins {}, waiter spins {}, slow {}, steals {}, handoffs {} + {}, boosts {}",
                  seen.osq_spin, seen.waiter_spin, seen.slow, seen.steals, seen.handoffs_flag,
                  seen.handoffs_always, seen.boosts);
  INFO(histogram);
  CHECK(seen.osq_spin > 0);
  CHECK(seen.waiter_spin > 0);
  CHECK(seen.slow > 0);
  CHECK(seen.steals > 0);
  CHECK(seen.handoffs_flag > 0);
  CHECK(seen.handoffs_always > 0);
  CHECK(seen.boosts > 0);
  WARN(histogram);
}

}  // namespace

TEST_CASE("Random fights for mutexes end with every lock free and nothing reported",
          "[lock][property]") {
  CheckWorlds(1, 300, false);
}

TEST_CASE("So do random fights between ticks, under every mode of preemption", "[lock][property]") {
  CheckWorlds(1, 300, true);
}

TEST_CASE("Worlds that once broke the machine run to their end", "[lock][property]") {
  // A timer that was cancelled after it had expired, while its interrupt was held.
  Seen seen;
  for (uint64_t seed : {1'002'672u, 1'003'412u, 1'003'644u, 1'006'872u}) {
    World world(seed);
    for (const PolicySet& set : AllSets(world)) Check(world, set, seen);
  }
}

TEST_CASE("Many random fights for mutexes end with every lock free and nothing reported",
          "[lock][property][slow]") {
  CheckWorlds(1'000'001, 5'000, false);
  CheckWorlds(1'000'001, 5'000, true);
}

}  // namespace rqsim
