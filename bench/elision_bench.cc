// Long runs with and without tick elision, in pairs: what a tick that decides nothing costs as an
// event, and what is left of it when it is none.
//
// Loads, each on 1 and on 16 CPUs, 100 s of 1000 ticks a second: `alone`, one fair task per CPU;
// `fifo`, two real-time tasks per CPU; `slices`, four fair tasks of mixed nice values per CPU whose
// slices are 20 ticks; `rr`, two RR tasks per CPU with turns of 100 ticks; `costs`, as `slices`
// with a tick that costs 2 us. Reported: `ticks`, `ns_event` and `ns_elided` per tick, and `ratio`,
// the run with every tick as an event over the run with elision.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "rqsim/simulation.h"

namespace rqsim {
namespace {

enum class Load : uint8_t { kAlone, kFifo, kSlices, kRr, kCosts };

Scenario MakeScenario(Load load, int cpus) {
  Scenario scenario;
  scenario.machine.hz = 1000;
  scenario.machine.cpus.resize(static_cast<std::size_t>(cpus));
  if (load == Load::kCosts) scenario.machine.costs.c_tick = Cycles(2000);
  scenario.until = Time(100'000'000'000);
  const int per_cpu = load == Load::kAlone ? 1 : load == Load::kFifo || load == Load::kRr ? 2 : 4;
  for (int c = 0; c < cpus; ++c) {
    for (int i = 0; i < per_cpu; ++i) {
      TaskSpec task;
      task.name = "t" + std::to_string(c) + "." + std::to_string(i);
      task.cpus = CpuSet::Of(CpuId(c));
      OpSpec run;
      run.forever = true;
      task.ops = {run};
      if (load == Load::kFifo) task.sched.policy = SchedPolicy::kFifo;
      if (load == Load::kRr) task.sched.policy = SchedPolicy::kRr;
      if (load == Load::kFifo || load == Load::kRr) task.sched.priority = 10;
      if (load == Load::kSlices || load == Load::kCosts) task.sched.nice = 2 * i;
      scenario.tasks.push_back(task);
    }
  }
  PolicyChoice classes;
  classes.name = "default";
  classes.params = {{"hrtick", false}, {"base_slice", int64_t{20'000'000}}};
  scenario.common.sched_class = classes;
  return scenario;
}

double RunOnce(Scenario& scenario, bool elides, int64_t& ticks, uint64_t& digest) {
  scenario.machine.tick_elision = elides;
  PolicySet set;
  set.name = "bench";
  const auto start = std::chrono::steady_clock::now();
  auto simulation = Simulation::Create(scenario, set);
  if (!simulation.ok()) return 0;
  (*simulation)->Run();
  const auto end = std::chrono::steady_clock::now();
  ticks = 0;
  for (const CpuSums& cpu : (*simulation)->end().cpus) ticks += cpu.ticks;
  digest = (*simulation)->end().digest;
  return static_cast<double>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(end - start).count());
}

void Elision(benchmark::State& state, Load load) {
  Scenario scenario = MakeScenario(load, static_cast<int>(state.range(0)));
  double with = 0, without = 0;
  int64_t ticks = 0;
  for (auto _ : state) {
    uint64_t digest_with = 0, digest_without = 0;
    with += RunOnce(scenario, true, ticks, digest_with);
    without += RunOnce(scenario, false, ticks, digest_without);
    if (ticks == 0 || digest_with != digest_without) {
      state.SkipWithError("the two runs differ");
      return;
    }
  }
  const double all = static_cast<double>(ticks) * static_cast<double>(state.iterations());
  state.counters["ticks"] = static_cast<double>(ticks);
  state.counters["ns_event"] = without / all;
  state.counters["ns_elided"] = with / all;
  state.counters["ratio"] = without / with;
}

BENCHMARK_CAPTURE(Elision, alone, Load::kAlone)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Elision, fifo, Load::kFifo)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Elision, slices, Load::kSlices)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Elision, rr, Load::kRr)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Elision, costs, Load::kCosts)->Arg(1)->Arg(16)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
