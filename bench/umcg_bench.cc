// What a hand-off costs the simulator.
//
// Handoffs/SERVICE/CHECKED: a million swaps between two threads on one CPU, by each protocol.
// `cycles` is what the closed form of umcg.md 13 says. Workers/SERVICE_KIND/N/LOCKS/CHECKED: one
// server and N workers on one CPU, which hand the CPU over by yields, blocks or swaps; LOCKS
// mutexes are declared that nobody takes. `ns_handoff` must grow with neither N nor LOCKS.
// CHECKED 0: with digest and without listeners; 1: with the books and checkers that `run` has.
// `over_queue` is the ratio to the queue floor, timed in the same run: one push and one pop for
// each instant at which the run has something to do.
//
//   build/release/bin/bench_umcg --benchmark_filter='Workers/v06_yield'
#include <benchmark/benchmark.h>

#include <cstdint>
#include <ctime>
#include <string>
#include <vector>

#include "rqsim/simulation.h"
#include "sim/engine/event_queue.h"

namespace rqsim {
namespace {

constexpr int64_t kHandoffs = 1'000'000;
constexpr int64_t kWorkerHandoffs = 200'000;
constexpr const char* kServices[] = {"futex", "futex-swap", "umcg-v0.6", "umcg-v0.9", "switch-to"};

// Of this process, so that others on the machine count less.
double CpuNanoseconds() {
  return static_cast<double>(std::clock()) * (1e9 / static_cast<double>(CLOCKS_PER_SEC));
}

Scenario Bare(const char* service) {
  Scenario scenario;
  scenario.machine.tick = false;
  MachineCosts& costs = scenario.machine.costs;
  costs.c_syscall = costs.c_sysret = costs.c_exc = costs.c_sched = Cycles(1);
  costs.c_exit = Cycles(0);
  costs.c_ctx = costs.c_wake = Cycles(2);
  scenario.common.preset = "UM";
  PolicyChoice choice;
  choice.name = service;
  choice.params = {{"costs.preset", std::string("EX")}};
  scenario.common.services = std::vector<PolicyChoice>{choice};
  return scenario;
}

OpSpec Timed(OpKind kind, int64_t cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}
OpSpec Service(const char* name) {
  OpSpec op;
  op.kind = OpKind::kService;
  op.name = name;
  return op;
}
OpSpec SwapTo(const std::string& task) {
  OpSpec op = Service("umcg_swap");
  op.args.emplace_back("task", task);
  return op;
}

Scenario Pair(const char* service) {
  Scenario scenario = Bare(service);
  for (const char* name : {"A", "B"}) {
    TaskSpec task;
    task.name = name;
    task.basic = true;
    task.loop = kHandoffs / 2;
    task.ops = {SwapTo(name[0] == 'A' ? "B" : "A")};
    scenario.tasks.push_back(task);
  }
  return scenario;
}

enum class Kind : uint8_t { kYield, kBlock, kSwap };

std::string WorkerName(int64_t number) { return "W" + std::to_string(number); }

// A round of a worker is two hand-offs, to it and back to the server, or, of a swap, one.
Scenario Group(const char* service, Kind kind, int64_t workers, int64_t locks) {
  Scenario scenario = Bare(service);
  for (int64_t i = 0; i < locks; ++i) scenario.mutexes.push_back("m" + std::to_string(i));
  UmcgGroupSpec group;
  group.name = "g";
  UmcgServerSpec server;
  server.name = "S";
  server.tid = 1'000'000;
  group.servers.push_back(server);
  for (int64_t i = 0; i < workers; ++i) {
    TaskSpec task;
    task.name = WorkerName(i);
    task.tid = i + 1;
    task.worker_start = WorkerStart::kParked;
    OpSpec gives = Timed(OpKind::kBlock, 20);
    if (kind == Kind::kYield) {
      gives = Service("umcg_yield");
      gives.args.emplace_back("requeue", int64_t{1});
    }
    // Each names the next one, which stands on the queue.
    if (kind == Kind::kSwap) {
      gives = SwapTo(WorkerName((i + 1) % workers));
      gives.args.emplace_back("requeue", int64_t{1});
    }
    OpSpec rounds = Timed(OpKind::kLoop, 0);
    rounds.count = kWorkerHandoffs / workers / (kind == Kind::kSwap ? 1 : 2);
    rounds.ops = {Timed(OpKind::kRun, 10), gives};
    task.ops = {rounds, Service("umcg_unregister")};
    group.workers.push_back(task.name);
    scenario.tasks.push_back(task);
  }
  scenario.groups.push_back(group);
  return scenario;
}

// How many hand-offs there were, and when something happened.
class Recorder final : public Listener {
 public:
  std::vector<int64_t> instants;
  int64_t handoffs = 0;

  EventMask Wants() const override {
    EventMask mask =
        EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup, EventKind::kStepBegin,
                      EventKind::kOpBegin, EventKind::kOpEnd, EventKind::kSegment);
    return mask.AddPolicyEvents();
  }
  void OnStart(const RunInfo& info, ViolationSink&) override {
    for (std::size_t p = 0; p < info.policies().size(); ++p) {
      const auto& events = info.policies()[p]->events;
      for (std::size_t e = 0; e < events.size(); ++e) {
        if (events[e].name != "umcg_handoff") continue;
        const EventKind first = info.first_event_kind(PolicyId(static_cast<int32_t>(p)));
        handoff_ = static_cast<EventKind>(static_cast<std::size_t>(first) + e);
      }
    }
  }
  void OnEvent(const TraceEvent& event) override {
    if (event.kind() == handoff_) ++handoffs;
    if (instants.empty() || instants.back() != event.t.cycles()) {
      instants.push_back(event.t.cycles());
    }
  }

 private:
  EventKind handoff_{};
};

// Functions of their own, so that instructions can be counted inside them.
[[gnu::noinline]] void MeasuredHandoffs(Simulation& simulation) { simulation.Run(); }
[[gnu::noinline]] void MeasuredChecked(const Scenario& scenario, const PolicySet& set) {
  benchmark::DoNotOptimize(RunScenario(scenario, set, {}));
}
[[gnu::noinline]] void QueueAlone(const std::vector<int64_t>& instants, EventQueue& queue) {
  for (int64_t t : instants) {
    queue.Push(Time(t), Phase::kSegEnd, CpuId(0), 0);
    queue.Pop();
  }
}

void Measure(benchmark::State& state, const Scenario& scenario, bool checked) {
  PolicySet set;
  set.name = "bench";
  Recorder recorder;
  {
    auto simulation = Simulation::Create(scenario, set);
    if (!simulation.ok()) {
      state.SkipWithError(std::string(simulation.status().message()).c_str());
      return;
    }
    (*simulation)->AddListener(recorder);
    (*simulation)->Run();
  }
  double run_ns = 0, floor_ns = 0;
  int64_t cycles = 0;
  for (auto _ : state) {
    auto simulation = Simulation::Create(scenario, set);
    const double t0 = CpuNanoseconds();
    if (checked) {
      MeasuredChecked(scenario, set);
    } else {
      MeasuredHandoffs(**simulation);
      cycles = (*simulation)->now().cycles();
    }
    const double t1 = CpuNanoseconds();
    EventQueue queue(8);
    QueueAlone(recorder.instants, queue);
    benchmark::DoNotOptimize(queue.size());
    run_ns += t1 - t0;
    floor_ns += CpuNanoseconds() - t1;
  }
  const auto handoffs = static_cast<double>(recorder.handoffs);
  state.counters["handoffs"] = handoffs;
  state.counters["ns_handoff"] = run_ns / handoffs / static_cast<double>(state.iterations());
  state.counters["over_queue"] = run_ns / floor_ns;
  if (!checked) state.counters["cycles"] = static_cast<double>(cycles) / handoffs;
}

void Handoffs(benchmark::State& state) {
  const char* const service = kServices[state.range(0)];
  state.SetLabel(service);
  Measure(state, Pair(service), state.range(1) != 0);
}
BENCHMARK(Handoffs)->ArgsProduct({{0, 1, 2, 3, 4}, {0, 1}})->Unit(benchmark::kMillisecond);

void Workers(benchmark::State& state, const char* service, Kind kind) {
  Measure(state, Group(service, kind, state.range(0), state.range(1)), state.range(2) != 0);
}
void Sizes(benchmark::internal::Benchmark* bench) {
  bench->ArgsProduct({{10, 1000}, {0}, {0, 1}})->Args({10, 1000, 0})->Args({10, 1000, 1});
  bench->Unit(benchmark::kMillisecond);
}
BENCHMARK_CAPTURE(Workers, v06_yield, "umcg-v0.6", Kind::kYield)->Apply(Sizes);
BENCHMARK_CAPTURE(Workers, v06_block, "umcg-v0.6", Kind::kBlock)->Apply(Sizes);
BENCHMARK_CAPTURE(Workers, v06_swap, "umcg-v0.6", Kind::kSwap)->Apply(Sizes);
BENCHMARK_CAPTURE(Workers, v09_yield, "umcg-v0.9", Kind::kYield)->Apply(Sizes);
BENCHMARK_CAPTURE(Workers, pz_yield, "umcg-pz", Kind::kYield)->Apply(Sizes);
BENCHMARK_CAPTURE(Workers, ev_yield, "umcg-ev", Kind::kYield)->Apply(Sizes);

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
