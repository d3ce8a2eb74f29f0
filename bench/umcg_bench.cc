// A million hand-offs between two threads on one CPU, by each protocol: `ns_handoff`, with digest
// and without listeners, and `cycles`, which is what the closed form of umcg.md 13 says.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "rqsim/simulation.h"

namespace rqsim {
namespace {

constexpr int64_t kHandoffs = 1'000'000;
constexpr const char* kServices[] = {"futex", "futex-swap", "umcg-v0.6", "switch-to"};

Scenario MakeScenario(const char* service) {
  Scenario scenario;
  scenario.machine.tick = false;
  MachineCosts& costs = scenario.machine.costs;
  costs.c_syscall = costs.c_sysret = costs.c_exc = costs.c_sched = Cycles(1);
  costs.c_exit = Cycles(0);
  costs.c_ctx = costs.c_wake = Cycles(2);
  for (const char* name : {"A", "B"}) {
    TaskSpec task;
    task.name = name;
    task.basic = true;
    task.loop = kHandoffs / 2;
    OpSpec swap;
    swap.kind = OpKind::kService;
    swap.name = "umcg_swap";
    swap.args.emplace_back("task", std::string(name[0] == 'A' ? "B" : "A"));
    task.ops = {swap};
    scenario.tasks.push_back(task);
  }
  scenario.common.preset = "UM";
  PolicyChoice choice;
  choice.name = service;
  choice.params = {{"costs.preset", std::string("EX")}};
  scenario.common.services = std::vector<PolicyChoice>{choice};
  return scenario;
}

void Handoffs(benchmark::State& state) {
  const Scenario scenario = MakeScenario(kServices[state.range(0)]);
  PolicySet set;
  set.name = "bench";
  double seconds = 0;
  int64_t cycles = 0;
  int64_t runs = 0;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    auto simulation = Simulation::Create(scenario, set);
    if (!simulation.ok()) {
      state.SkipWithError("cannot be run");
      return;
    }
    (*simulation)->Run();
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    cycles = (*simulation)->now().cycles();
    ++runs;
  }
  state.SetLabel(kServices[state.range(0)]);
  state.counters["ns_handoff"] =
      seconds * 1e9 / static_cast<double>(runs) / static_cast<double>(kHandoffs);
  state.counters["cycles"] = static_cast<double>(cycles) / static_cast<double>(kHandoffs);
}
BENCHMARK(Handoffs)->DenseRange(0, 3)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
