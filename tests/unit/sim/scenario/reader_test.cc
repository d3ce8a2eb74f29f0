#include "rqsim/scenario_reader.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "unit/sim/scenario/test_registry.h"

namespace rqsim {
namespace {

std::string Printed(const std::vector<Diagnostic>& diagnostics) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) out += FormatDiagnostic(diagnostic);
  return out;
}

Scenario MustRead(std::string_view text) {
  std::vector<Diagnostic> diagnostics;
  std::optional<Scenario> scenario = ReadScenario(text, "s.json", diagnostics, TestRegistry());
  INFO(Printed(diagnostics));
  REQUIRE(scenario.has_value());
  return *scenario;
}

// DESIGN section 6, without what this version does not model.
constexpr std::string_view kExample = R"({
  "version": 1,
  "name": "pathfinder-inversion",
  "description": "What to look at, in a sentence.",
  "kernel": "7.2",
  "machine": {
    "clock_hz": 1000000000, "hz": 250,
    "cpus": [ {"ids": "0-3", "capacity": 1024, "node": 0, "llc": 0},
              {"ids": "4", "capacity": 512, "node": 1, "llc": 1, "online": false} ],
    "housekeeping": "0-3",
    "costs": {"preset": "zero", "c_ctx": 1200, "l_ipi": "800ns"}
  },
  "until": "200ms", "seed": 7,
  "mutexes": ["waitlist"], "condvars": ["data"],
  "tasks": [
    {"name": "bc_dist", "sched": {"policy": "fifo", "priority": 80}, "cpus": "0", "start": "30ms",
     "ops": [ {"lock": "waitlist"}, {"run": "3ms"}, {"unlock": "waitlist"}, {"run": "12ms"} ]},
    {"name": "audio", "instances": 2, "sched": {"policy": "normal", "nice": -6}, "loop": 10,
     "ops": [ {"timer": {"ref": "tick", "period": "20ms"}}, {"run": "1ms"} ]}
  ],
  "kthreads": [ {"name": "kswapd1", "loop": "forever", "ops": [ {"sleep": "1ms"}, {"run": 100} ]} ],
  "actions": [ {"at": "12ms", "wake": "audio"}, {"at": "20ms", "signal": {"task": "bc_dist"}} ],
  "policies": {
    "plain": {"lock": "mutex"},
    "pi":    {"lock": {"name": "pi", "max_lock_depth": 3}}
  },
  "assert": [ {"policy": "pi", "task": "bc_dist", "metric": "response", "max": "17ms"} ]
})";

TEST_CASE("A scenario of every common part is read as it says", "[scenario][reader]") {
  const Scenario s = MustRead(kExample);
  CHECK(s.name == "pathfinder-inversion");
  CHECK(s.seed == 7);
  CHECK(s.until == Time(200'000'000));
  REQUIRE(s.machine.cpus.size() == 5);
  CHECK(s.machine.cpus[3].online);
  CHECK(s.machine.cpus[4].capacity == 512);
  CHECK(s.machine.cpus[4].node == 1);
  CHECK_FALSE(s.machine.cpus[4].online);
  CHECK(s.machine.housekeeping == CpuSet::Parse("0-3"));
  CHECK(s.machine.costs.c_ctx == Cycles(1200));
  CHECK(s.machine.costs.l_ipi == Cycles(800));
  CHECK(s.mutexes == std::vector<std::string>{"waitlist"});
  CHECK(s.condvars == std::vector<std::string>{"data"});
  REQUIRE(s.tasks.size() == 2);
  const TaskSpec& bus = s.tasks[0];
  CHECK(bus.sched.policy == SchedPolicy::kFifo);
  CHECK(bus.sched.priority == 80);
  CHECK(bus.cpus == CpuSet::Of(CpuId(0)));
  CHECK(bus.start == Time(30'000'000));
  REQUIRE(bus.ops.size() == 4);
  CHECK(bus.ops[0].kind == OpKind::kLock);
  CHECK(bus.ops[0].name == "waitlist");
  CHECK(bus.ops[1].kind == OpKind::kRun);
  CHECK(bus.ops[1].cycles == Cycles(3'000'000));
  const TaskSpec& audio = s.tasks[1];
  CHECK(audio.instances == 2);
  CHECK(audio.sched.nice == -6);
  CHECK(audio.loop == 10);
  CHECK(audio.ops[0].kind == OpKind::kTimer);
  CHECK(audio.ops[0].name == "tick");
  CHECK(audio.ops[0].cycles == Cycles(20'000'000));
  REQUIRE(s.kthreads.size() == 1);
  CHECK(s.kthreads[0].kthread);
  CHECK(s.kthreads[0].loop == -1);
  REQUIRE(s.actions.size() == 2);
  CHECK(s.actions[0].kind == ActionKind::kWake);
  CHECK(s.actions[1].kind == ActionKind::kSignal);
  CHECK(s.actions[1].at == Time(20'000'000));
  REQUIRE(s.policies.size() == 2);
  CHECK(s.policies[0].lock->name == "mutex");
  CHECK(s.policies[1].lock->params.at(0).first == "max_lock_depth");
  CHECK(std::get<int64_t>(s.policies[1].lock->params.at(0).second) == 3);
  REQUIRE(s.asserts.size() == 1);
  CHECK(s.asserts[0].max == 17'000'000);
}

TEST_CASE("The least scenario has one CPU and nothing to do", "[scenario][reader]") {
  const Scenario s = MustRead(R"({"version": 1})");
  CHECK(s.machine.cpus.size() == 1);
  CHECK(s.machine.clock_hz == 1'000'000'000);
  CHECK(s.machine.hz == 250);
  CHECK_FALSE(s.until);
  CHECK(s.seed == 1);
  CHECK(s.kernel == "7.2");
  CHECK(s.policies.empty());
}

TEST_CASE("A placement is known by what it does at a wake-up", "[scenario][reader]") {
  const Scenario s = MustRead(R"({"version": 1, "policies": {
      "a": {"placement": {"wake": "prev", "balance": "off"}},
      "b": {"placement": {"balance": "off"}},
      "c": {"placement": "prev"}}})");
  CHECK(s.policies[0].placement->name == "prev");
  CHECK(s.policies[0].placement->params.at(0).first == "balance");
  CHECK(s.policies[1].placement->name == "simple");
  CHECK(s.policies[2].placement->name == "prev");
}

}  // namespace
}  // namespace rqsim
