// Pairing and its alternatives in random worlds (pairing.md 4): users of the data of one CPU,
// preempters of three levels, wake-ups out of the blue, signals, a CPU that goes away and comes
// back. With faults off no property of safety breaks, whatever answers, and where nothing holds an
// answer up for good every update is made. Each fault is caught in some world.
//
// What is left out, and why: that pair-v2 makes every update, because others may keep its workers
// and its tasks out for as long as they like, and with a signal pending its loop as posted turns
// round and round; slices shorter than a section, because rseq itself gets nowhere with them.
#include <fmt/core.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "rqsim/metrics.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  int Below(int n) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<int>(state_ >> 33) % n;
  }
  int Between(int low, int high) { return low + Below(high - low + 1); }
  bool OneIn(int n) { return Below(n) == 0; }
  // One number a statement: compilers order the arguments of a call as they like.

 private:
  uint64_t state_;
};

struct WorldText {
  std::string text;
  int updates = 0;  // that its users make
};

// Signals and wake-ups out of the blue.
std::string Storm(Random& random, int users) {
  std::string actions;
  for (int i = random.Below(5); i > 0; --i) {
    const int at = random.Below(200);
    const int user = random.Below(users);
    if (!actions.empty()) actions += ", ";
    actions += random.OneIn(2)
                   ? fmt::format(R"({{"at": {}, "signal": {{"task": "U{}"}}}})", at, user)
                   : fmt::format(R"({{"at": {}, "wake": "U{}"}})", at, user);
  }
  return actions;
}

// `service` is the entry of `services`; HOST in it becomes a CPU for workers of offline CPUs.
WorldText World(uint64_t seed, std::string service, const std::string& faults, bool storms) {
  Random random(seed);
  WorldText world;
  const int cpus = random.Between(2, 4);
  const int data = random.Below(cpus);
  const int host = (data + 1 + random.Below(cpus - 1)) % cpus;
  if (const auto at = service.find("HOST"); at != std::string::npos) {
    service.replace(at, 4, std::to_string(host));
  }
  std::vector<std::string> tasks;
  const int users = random.Between(1, 3);
  for (int i = 0; i < users; ++i) {
    const int loop = random.Between(1, 4);
    const int cpu = random.Below(cpus);
    const int start = random.Below(30);
    const int section = random.Between(1, 30);
    const int rest = random.Below(20);
    world.updates += loop;
    tasks.push_back(fmt::format(
        R"({{"name": "U{}", "sched": {{"priority": 5}}, "start_cpu": {}, "start": {}, "loop": {},
             "ops": [{{"percpu": {{"cpu": {}, "run": {}}}}}, {{"run": {}}}]}})",
        i, cpu, start, loop, data, section, rest));
  }
  if (random.OneIn(4)) {
    const int cpu = random.Below(cpus);
    const int start = random.Below(60);
    tasks.push_back(fmt::format(
        R"({{"name": "E", "sched": {{"priority": 5}}, "start_cpu": {}, "start": {},
             "ops": [{{"pair": {}}}, {{"run": 9}}, {{"exec": {{}}}}, {{"run": 5}}]}})",
        cpu, start, data));
  }
  constexpr int kPriorities[] = {1, 5, 9};
  for (int i = random.Below(4); i > 0; --i) {
    const int priority = kPriorities[random.Below(3)];
    const int cpu = random.Below(cpus);
    const int start = random.Below(60);
    const int loop = random.Between(1, 4);
    const int busy = random.Between(1, 20);
    const int idle = random.Between(1, 40);
    tasks.push_back(fmt::format(
        R"({{"name": "P{}", "sched": {{"priority": {}}}, "cpus": "{}", "start": {}, "loop": {},
             "ops": [{{"run": {}}}, {{"sleep": {}}}]}})",
        i, priority, cpu, start, loop, busy, idle));
  }
  const std::string actions = storms ? Storm(random, users) : "";
  std::string hotplug;
  if (cpus > 2 && random.OneIn(2)) {
    const int down = random.Below(100);
    const int up = down + random.Between(30, 150);
    hotplug = fmt::format(
        R"({{"at": {}, "cpu": {}, "to": "offline"}}, {{"at": {}, "cpu": {}, "to": "online"}})",
        down, data, up, data);
  }
  const char* const preempt = random.OneIn(2) ? "none" : "full";
  const int slice = random.OneIn(2) ? 0 : 100;
  std::string all;
  for (const std::string& task : tasks) all += (all.empty() ? "" : ",\n") + task;
  world.text = fmt::format(
      R"({{"version": 1, "name": "world-{}", "until": 20000,
           "machine": {{"cpus": [{{"ids": "0-{}"}}], "costs": {{"preset": "pair"}}}},
           "tasks": [{}], "actions": [{}], "hotplug": [{}],
           "common": {{"preset": "PA", "class": {{"name": "fifo", "preempt": "{}", "slice": {}}}}},
           "policies": {{"set": {{"services": [{{"name": "cpuhp", "table": "toy"}}, {}],
                                 "faults": [{}]}}}}}})",
      seed, cpus - 1, all, actions, hotplug, preempt, slice, service, faults);
  return world;
}

struct Found {
  std::string violations;  // their ids
  Outcome outcome = Outcome::kDone;
  int64_t commits = 0, aborts = 0, lost = 0, timeouts = 0, moves = 0, calls = 0, waits = 0;
};

Found Run(const WorldText& world) {
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenario(world.text, "world.json", diagnostics);
  std::string problems;
  for (const Diagnostic& diagnostic : diagnostics) problems += FormatDiagnostic(diagnostic);
  INFO(world.text << problems);
  REQUIRE(scenario.has_value());
  const auto result = RunScenario(*scenario, scenario->policies.front(), {});
  REQUIRE(result.ok());
  Found found;
  found.outcome = result->outcome;
  for (const Violation& violation : result->violations) found.violations += violation.id + " ";
  const auto metric = [&](const char* name) { return MetricValue(*result, name).value_or(0); };
  found.commits = metric("rseq_commits");
  found.aborts = metric("rseq_aborts");
  found.lost = metric("lost_updates");
  found.timeouts = metric("timeouts");
  found.moves = metric("task_moves");
  found.calls = metric("pair_ipis");
  found.waits = metric("bystander_wait_max");
  return found;
}

int NumWorlds(int usual) {
  const char* const more = std::getenv("RQSIM_WORLDS");
  return more == nullptr ? usual : std::atoi(more);
}

struct Variant {
  const char* service;
  bool gets_on;  // makes every update in the end
};
constexpr Variant kVariants[] = {
    {R"({"name": "pair-v2", "pair_timeout": 150, "startup_ipi": "task_cpu", "worker_host": HOST})",
     false},
    {R"({"name": "pair-v2", "pair_timeout": 150, "startup_ipi": "task_cpu", "worker_host": HOST,
         "cancel_mode": "keep", "c_hook": 2})",
     false},
    {R"({"name": "pair-spin", "worker_host": HOST, "spin_exit_gap": 3})", true},
    {R"({"name": "pin-online", "pin_mode": "wait"})", true},
    {R"({"name": "hotplug-signal"})", true},
    {R"({"name": "affinity2"})", true},
};

TEST_CASE("Safety holds in every world, whatever answers; updates are made, each once",
          "[property][pairing]") {
  Found sum;
  int with_hotplug = 0;
  for (const Variant& variant : kVariants) {
    for (int seed = 1; seed <= NumWorlds(60); ++seed) {
      const WorldText stormy = World(static_cast<uint64_t>(seed), variant.service, "", true);
      const Found any = Run(stormy);
      INFO(variant.service << "\n" << stormy.text << "\n" << any.violations);
      CHECK(any.violations.find("PA-S") == std::string::npos);
      CHECK(any.violations.find("PA-LU") == std::string::npos);
      CHECK(any.violations.find("PA-I") == std::string::npos);
      if (variant.gets_on) {
        CHECK(any.violations.empty());
        CHECK(any.outcome == Outcome::kDone);
        CHECK(any.commits == stormy.updates);
      }
      CHECK(any.lost == 0);
      sum.aborts += any.aborts;
      sum.timeouts += any.timeouts;
      sum.moves += any.moves;
      sum.calls += any.calls;
      sum.waits += any.waits;
      if (stormy.text.find("\"offline\"") != std::string::npos) ++with_hotplug;
    }
  }
  fmt::print("aborts {}, timeouts {}, moves {}, IPIs {}, bystanders' waits {}, hotplug {}\n",
             sum.aborts, sum.timeouts, sum.moves, sum.calls, sum.waits, with_hotplug);
  CHECK(sum.aborts > 0);
  CHECK(sum.moves > 0);
  CHECK(sum.calls > 0);
  CHECK(sum.waits > 0);
  CHECK(with_hotplug > 0);
}

struct Fault {
  const char* service;
  const char* fault;    // "": the service's parameters are the mistake
  const char* catches;  // the id, or "stuck": the run does not end
};
constexpr const char* kV2 =
    R"({"name": "pair-v2", "startup_ipi": "task_cpu", "worker_host": HOST})";
// Not here: the startup IPI as posted, which wants somebody to start on the CPU within the rest of
// a section. These worlds have caught only the worker's next work instead, which MODEL-198 repairs;
// PA-12 shows it.
constexpr Fault kFaults[] = {
    {kV2, "pair.ipi_no_resched", "PA-S2"},
    {kV2, "pair.no_worker_hook", "PA-S2"},
    {kV2, "pair.naked_schedule", "PA-S2"},
    {kV2, "pair.v1_current_not_prev", "PA-I2"},
    {kV2, "pair.exec_leak", "PA-I2"},
    {kV2, "pair.leak_ref", "PA-I3"},
    {kV2, "pair.skip_store.w1.running", "PA-I2"},
    {kV2, "pair.skip_store.w1.worker_active", "PA-I2"},
    {kV2, "pair.skip_store.w4.running", "PA-I2"},
    {kV2, "pair.skip_store.w4.worker_active", "PA-I2"},
    {kV2, "pair.skip_store.hook_worker.running", "PA-I2"},
    {kV2, "pair.skip_store.hook_worker.worker_active", "PA-I2"},
    {kV2, "pair.skip_store.hook_worker.worker_preempted", "stuck"},
    {kV2, "pair.skip_store.hook_task.need_worker", "PA-I2"},
    {kV2, "pair.skip_store.clear.need_worker", "stuck"},
    {R"({"name": "pair-spin", "worker_host": HOST, "spin_exit": "literal", "spin_exit_gap": 6})",
     "", "PA-S2"},
    {R"({"name": "pair-spin", "worker_host": HOST, "spin_phase_a": "literal"})", "", "stuck"},
    {R"({"name": "pin-online", "pin_mode": "wait"})", "pair.no_off_lock", "PA-S1"},
    {R"({"name": "hotplug-signal"})", "pair.no_off_lock", "PA-S1"},
    {R"({"name": "hotplug-signal", "sig_wait": "sent"})", "", "PA-S1"},
    {R"({"name": "setaffinity"})", "rseq.no_abort", "PA-LU"},
};

TEST_CASE("Each fault of pairing is caught in some world", "[property][pairing]") {
  for (const Fault& fault : kFaults) {
    const std::string faults = *fault.fault == '\0' ? "" : fmt::format("\"{}\"", fault.fault);
    const std::string catches = fault.catches;
    bool is_caught = false;
    for (int seed = 1; seed <= 2000 && !is_caught; ++seed) {
      const Found found =
          Run(World(static_cast<uint64_t>(seed), fault.service, faults, seed % 2 == 0));
      is_caught = catches == "stuck" ? found.outcome != Outcome::kDone
                                     : found.violations.find(catches) != std::string::npos;
    }
    INFO(fault.service << " " << fault.fault << " is to be caught by " << catches);
    CHECK(is_caught);
  }
}

}  // namespace
}  // namespace rqsim
