#include <string>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "support/catch.h"
#include "unit/sim/scenario/test_registry.h"

namespace rqsim {
namespace {

Scenario MustRead(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  std::optional<Scenario> scenario = ReadScenario(text, "s.json", diagnostics, TestRegistry());
  std::string printed;
  for (const Diagnostic& diagnostic : diagnostics) printed += FormatDiagnostic(diagnostic);
  INFO(printed);
  REQUIRE(scenario.has_value());
  return *scenario;
}

// Every key and every operation, with values that are not the defaults, as WriteScenario lays it
// out: reading and writing it must change nothing.
constexpr std::string_view kEverything = R"({
  "version": 1,
  "name": "everything",
  "description": "Every key once.",
  "kernel": "6.12",
  "machine": {
    "clock_hz": 2000000000,
    "hz": 1000,
    "tick": false,
    "cpus": [
      {"ids": "0-1", "capacity": 512, "llc": 3, "core": 7},
      {"ids": "2", "node": 1},
      {"ids": "3", "node": 1, "online": false}
    ],
    "housekeeping": "0,2",
    "costs": {"preset": "umcg-ex", "c_ctx": 9, "c_migrate_node": 4, "c_exit": 5},
    "nohz": "off",
    "idle_tick": "stop_at_once",
    "skew_tick": true,
    "start_state": "recorded",
    "idle_poll": true,
    "slack_policy": "late",
    "limits": {"tasks": 50}
  },
  "until": 1000,
  "seed": 9,
  "mutexes": ["A", "B"],
  "condvars": ["data"],
  "semaphores": {"items": 2},
  "tasks": [
    {
      "name": "a",
      "instances": 2,
      "sched": {"policy": "fifo", "priority": 80, "reset_on_fork": true},
      "cpus": "0-2",
      "start_cpu": 1,
      "start": 30,
      "deadline": 17,
      "loop": "forever",
      "ops": [
        {"run": 3},
        {"run": "forever"},
        {"run": {"for": 3, "mode": "kernel"}},
        {"runtime": 4},
        {"sleep": 5},
        {"sleep": {"until": 77}},
        {"sleep": {"for": 5, "state": "D"}},
        {"timer": {"ref": "tick", "period": 6}},
        {"timer": {"ref": "tock", "period": 6, "mode": "absolute", "unique": true}},
        {"lock": {"name": "A", "interruptible": true}},
        {"wait": {"ref": "data", "mutex": "A", "timeout": 8}},
        {"unlock": "A"},
        {"lock": {"name": "B", "killable": true}},
        {"sync": {"ref": "data", "mutex": "B"}},
        {"unlock": "B"},
        {"signal": "data"},
        {"broad": "data"},
        {"trylock": "A"},
        {"unlock": "A"},
        {"trylock": {"name": "A", "then": [{"run": 1}, {"unlock": "A"}], "else": [{"run": 2}]}},
        {"barrier": "start"},
        {"suspend": "me"},
        {"resume": "me"},
        {"sem_post": "items"},
        {"sem_wait": {"name": "items", "timeout": 9}},
        {"yield": {}},
        {"block": {"timeout": 4, "state": "D"}},
        {"wake": {"task": "b", "sync": true}},
        {"wake": "a-1"},
        {"set_sched": {"policy": "batch", "nice": 5, "slice": 100}},
        {"set_affinity": "0,2"},
        {"fork": "child"},
        {"exec": {}},
        {"kill": {"task": "b", "signal": "KILL"}},
        {"preempt_off": 10},
        {"irqs_off": 11},
        {"pair_with": {"cpu": 1, "partner": "b"}},
        {"loop": {"count": 3, "name": "warmup", "ops": [{"run": 1}]}},
        {"loop": {"count": "forever", "ops": [{"sleep": 1}]}},
        {"exit": {}}
      ]
    },
    {"name": "b", "sched": {"policy": "normal", "nice": -6}, "ops": []},
    {"name": "child", "instances": 0, "ops": [{"run": 1}]}
  ],
  "kthreads": [{"name": "kswapd1", "loop": 4, "ops": [{"run": 1}]}],
  "actions": [
    {"at": 1, "wake": "a"},
    {"at": 2, "signal": {"task": "b", "signal": "KILL"}},
    {"at": 3, "set_affinity": {"task": "b", "cpus": "0"}},
    {"at": 4, "set_sched": {"task": "b", "policy": "fifo", "priority": 3}}
  ],
  "common": {"preset": "MX", "class": "fifo", "placement": {"wake": "prev"}},
  "policies": {
    "one": {
      "class": {"name": "default", "base_slice": 3000, "features": ["NO_HRTICK"]},
      "lock": {"name": "mutex", "spin": false, "handoff": "always"},
      "services": ["pair"],
      "user": {"name": "rr", "slice": 5}
    },
    "two": {"lock": "pi", "placement": {"wake": "simple", "balance": "simple"}}
  },
  "assert": [
    {"policy": "one", "task": "b", "metric": "response.max", "min": -1, "max": 17},
    {"lock": "A", "metric": "steals", "equals": 0},
    {"cpu": 1, "metric": "idle", "max": 4},
    {"metric": "events", "min": 1}
  ],
  "expect": [
    {
      "policy": ["one", "two"],
      "source": "hand",
      "outcome": "until",
      "end": 1000,
      "timeline": {"0": "[0,3)a-0 [3,6)a-0/b [6,8)- [8,)off", "1": "[0,1)stop/1 [1,)pair/1/b"},
      "work": {"1": "[19,29)b"},
      "user": {"0": "[11,22)b"},
      "switches": {"0": "0 idle→b, 110 b→idle, 120 child-3"},
      "tasks": {"b": {"finish": 8, "exec": -3}},
      "locks": {"A": {"steals": 0, "acquired": "0 b, 6 a-0"}},
      "cpus": {"1": {"idle": 3}},
      "metrics": {"proxy_migrations": 1},
      "returns": [{"task": "b", "op": "lock B", "at": 3, "value": "-EDEADLK"}],
      "events": ["3 0 sched_switch prev_comm=H"],
      "no_events": ["sched_switch next_comm=Hb"],
      "states": [{"at": 24000, "task": "b", "vruntime": "18000"}],
      "violations": [{"id": "PX-I1", "at": 12}, {"id": "PX-I2"}]
    }
  ]
}
)";

TEST_CASE("Every key survives reading and writing", "[scenario][writer]") {
  CHECK(WriteScenario(MustRead(kEverything)) == kEverything);
}

TEST_CASE("Lengths are written in cycles and defaults left out", "[scenario][writer]") {
  const Scenario s = MustRead(
      R"({"version": 1, "machine": {"clock_hz": 1000000, "cpus": [{"ids": "0"}],
          "costs": {"preset": "zero", "c_ctx": "0us"}},
          "tasks": [{"name": "a", "sched": {"policy": "normal"}, "loop": 1,
                     "ops": [{"run": {"for": "3ms", "mode": "user"}}]}], "policies": {}})");
  CHECK(WriteScenario(s) == R"({
  "version": 1,
  "machine": {"clock_hz": 1000000},
  "tasks": [{"name": "a", "ops": [{"run": 3000}]}]
}
)");
}

// What the reader refuses as not modelled is written all the same: a scenario made in code.
TEST_CASE("Faults and machine options of later versions are written", "[scenario][writer]") {
  Scenario s;
  s.machine.nohz_full = *CpuSet::Parse("1");
  s.machine.ties = Ties::kTimersFirst;
  s.machine.cpu_choice = CpuChoice::kRotate;
  s.machine.cpu_choice_start = {CpuId(0)};
  s.machine.irq_time_accounting = true;
  FaultSpec window;
  window.name = "window";
  window.at = "W1";
  window.task = "b";
  window.nth = 2;
  window.hold = Cycles(3);
  FaultSpec until;
  until.name = "window";
  until.at = "L4";
  until.until = Time(11);
  FaultSpec plain;
  plain.name = "pair.no_resched";
  s.faults = {window, until};
  s.common.faults = {plain};
  CHECK(WriteScenario(s) == R"({
  "version": 1,
  "machine": {
    "nohz_full": "1",
    "ties": "timers_first",
    "cpu_choice": "rotate",
    "cpu_choice_start": [0],
    "irq_time_accounting": true
  },
  "common": {"faults": ["pair.no_resched"]},
  "faults": [
    {"name": "window", "at": "W1", "task": "b", "nth": 2, "hold": 3},
    {"name": "window", "at": "L4", "until": 11}
  ]
}
)");
}

TEST_CASE("Idle states, a set's kernel and ticks that are events come back as written",
          "[scenario][writer]") {
  const Scenario s = MustRead(R"({"version": 1,
    "machine": {"idle_states": [{"name": "POLL", "exit_latency": 0, "polling": true},
                                {"name": "C6", "exit_latency": 133, "target_residency": 600}],
                "idle_governor": "fixed:1", "tick_elision": false},
    "policies": {"old": {"kernel": "6.12"}}})");
  REQUIRE(s.machine.idle_states.size() == 2);
  CHECK(s.machine.idle_states[0].polling);
  CHECK(s.machine.idle_states[1].target_residency == Cycles(600));
  CHECK(s.machine.idle_governor == IdleGovernor::kFixed);
  CHECK(s.machine.idle_fixed == 1);
  CHECK_FALSE(s.machine.tick_elision);
  CHECK(s.policies[0].kernel == "6.12");
  const std::string text = WriteScenario(s);
  CHECK(WriteScenario(MustRead(text)) == text);
  CHECK(ScenarioHash(MustRead(text)) == ScenarioHash(s));
}

TEST_CASE("The hash is of what influences a run", "[scenario][writer]") {
  const Scenario s = MustRead(kEverything);
  Scenario other = s;
  other.name = "another";
  other.description.clear();
  other.expects.clear();
  other.asserts.clear();
  other.tasks[0].pos = SourcePos{99, 1};
  CHECK(ScenarioHash(other) == ScenarioHash(s));
  other.tasks[0].ops[0].cycles = Cycles(4);
  CHECK(ScenarioHash(other) != ScenarioHash(s));
  other = s;
  other.seed = 10;
  CHECK(ScenarioHash(other) != ScenarioHash(s));
}

}  // namespace
}  // namespace rqsim
