// What locks cost the simulator: a contended lock() and unlock() under each protocol, a link of a
// chain, and a protocol that is not in use.
//
// LockContended/PROTOCOL: two tasks of one CPU contend for a mutex a thousand times over; `ns` is
// per contention, with the wake-up and the switches that belong to it, `over_free` the ratio to the
// same run in which each task has a mutex of its own. LockChain/PROTOCOL/N: N tasks wait in a row,
// and the chain is followed each time that a more important task has come and gone. `ns` is per
// walk, that task's switches included; `ns_per_hop` per link, what a walk of one link costs taken
// off: it must not grow with N. LockIdle/PROTOCOL: nobody shares a lock; `over_mutex` is the ratio
// to the plain mutex, in pairs of runs that alternate. tools/bench says how instructions are
// counted instead.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/simulation.h"

namespace rqsim {
namespace {

using Clock = std::chrono::steady_clock;

double Nanoseconds(Clock::duration d) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

OpSpec Run(int64_t cycles) {
  OpSpec op;
  op.kind = OpKind::kRun;
  op.cycles = Cycles(cycles);
  return op;
}
OpSpec Named(OpKind kind, std::string name) {
  OpSpec op;
  op.kind = kind;
  op.name = std::move(name);
  return op;
}
OpSpec Sleep(int64_t cycles) {
  OpSpec op;
  op.kind = OpKind::kSleep;
  op.cycles = Cycles(cycles);
  return op;
}

TaskSpec Fifo(std::string name, int priority, std::vector<OpSpec> ops) {
  TaskSpec task;
  task.name = std::move(name);
  task.sched.policy = SchedPolicy::kFifo;
  task.sched.priority = priority;
  task.ops = std::move(ops);
  return task;
}

PolicySet SetOf(const std::string& lock) {
  PolicySet set;
  set.name = lock;
  set.sched_class = PolicyChoice{"fifo", {}, {}};
  set.placement = PolicyChoice{"prev", {}, {}};
  set.lock = PolicyChoice{lock, {}, {}};
  return set;
}

Scenario Bare() {
  Scenario scenario;
  scenario.machine.tick = false;
  return scenario;
}

// Lo holds the mutex most of the time; Hi wakes in the middle of that and wants it.
Scenario Contended(bool shared) {
  constexpr int kTimes = 1000;
  Scenario scenario = Bare();
  scenario.mutexes = {"A", "B"};
  TaskSpec lo =
      Fifo("lo", 1, {Named(OpKind::kLock, "A"), Run(90), Named(OpKind::kUnlock, "A"), Run(10)});
  TaskSpec hi = Fifo("hi", 2,
                     {Sleep(50), Named(OpKind::kLock, shared ? "A" : "B"), Run(10),
                      Named(OpKind::kUnlock, shared ? "A" : "B")});
  lo.loop = hi.loop = kTimes;
  scenario.tasks = {lo, hi};
  return scenario;
}

// Task i wants the mutex of task i - 1; the first one executes, for the last. All are equally
// important, so nobody preempts: the first one yields until everybody waits, on behalf of whoever
// came last. `poke` then preempts them `pokes` times, and after each time the whole chain is
// followed anew.
constexpr int kPokes = 200;
Scenario Chain(int links, int pokes) {
  Scenario scenario = Bare();
  // All of them begin to wait at one instant.
  scenario.machine.limit_instant_passes = kMaxLivelockLimit;
  for (int i = 0; i <= links; ++i) scenario.mutexes.push_back("m" + std::to_string(i));
  for (int i = 0; i <= links; ++i) {
    const std::string own = "m" + std::to_string(i);
    std::vector<OpSpec> ops = {Named(OpKind::kLock, own)};
    if (i == 0) {
      OpSpec yields = Named(OpKind::kLoop, "");
      yields.count = links;
      yields.ops = {Named(OpKind::kYield, "")};
      ops.push_back(yields);
      ops.push_back(Run(1'000'000));
    } else {
      ops.push_back(Named(OpKind::kLock, "m" + std::to_string(i - 1)));
    }
    scenario.tasks.push_back(Fifo("t" + std::to_string(i), 1, std::move(ops)));
  }
  if (pokes > 0) {
    TaskSpec poke = Fifo("poke", 99, {Sleep(1000), Run(1)});
    poke.start = Time(1);
    poke.loop = pokes;
    scenario.tasks.push_back(std::move(poke));
  }
  scenario.until = Time(900'000);
  return scenario;
}

// Functions of their own, so that instructions can be counted inside them: of what is measured, and
// of the run it is held against. The second is not the first's code folded into one.
[[gnu::noinline]] void MeasuredLockRun(Simulation& simulation) { simulation.Run(); }
[[gnu::noinline]] void ReferenceLockRun(Simulation& simulation) {
  simulation.Run();
  benchmark::ClobberMemory();
}
[[gnu::noinline]] void OtherLockRun(Simulation& simulation) {
  benchmark::ClobberMemory();
  simulation.Run();
}
using RunFunction = void (*)(Simulation& simulation);

double TimeOf(const Scenario& scenario, const PolicySet& set, RunFunction run) {
  auto simulation = Simulation::Create(scenario, set);
  if (!simulation.ok()) return 0;
  const auto before = Clock::now();
  run(**simulation);
  benchmark::DoNotOptimize((*simulation)->end().digest);
  return Nanoseconds(Clock::now() - before);
}

void LockContended(benchmark::State& state, const char* lock) {
  const Scenario contended = Contended(true), free = Contended(false);
  const PolicySet set = SetOf(lock);
  double contended_ns = 0, free_ns = 0;
  for (auto _ : state) {
    contended_ns += TimeOf(contended, set, MeasuredLockRun);
    free_ns += TimeOf(free, set, ReferenceLockRun);
  }
  state.counters["events"] = 1000;
  state.counters["ns"] = contended_ns / 1000 / static_cast<double>(state.iterations());
  state.counters["over_free"] = contended_ns / free_ns;
}

void LockChain(benchmark::State& state, const char* lock) {
  const auto links = static_cast<int>(state.range(0));
  const PolicySet set = SetOf(lock);
  // With and without walks, for this chain and for the shortest one.
  const Scenario runs[] = {Chain(links, kPokes), Chain(links, 0), Chain(1, kPokes), Chain(1, 0)};
  const RunFunction functions[] = {MeasuredLockRun, ReferenceLockRun, OtherLockRun, OtherLockRun};
  double ns[4] = {0, 0, 0, 0};
  for (auto _ : state) {
    for (int i = 0; i < 4; ++i) ns[i] += TimeOf(runs[i], set, functions[i]);
  }
  const double walks = kPokes * static_cast<double>(state.iterations());
  const double walk = (ns[0] - ns[1]) / walks, shortest = (ns[2] - ns[3]) / walks;
  state.counters["events"] = kPokes;
  state.counters["ns"] = walk;
  state.counters["ns_per_hop"] = links > 1 ? (walk - shortest) / (links - 1) : 0;
}

void LockIdle(benchmark::State& state, const char* lock) {
  const Scenario free = Contended(false);
  const PolicySet set = SetOf(lock), plain = SetOf("mutex");
  double set_ns = 0, plain_ns = 0;
  bool plain_first = false;
  for (auto _ : state) {
    plain_first = !plain_first;
    if (plain_first) plain_ns += TimeOf(free, plain, ReferenceLockRun);
    set_ns += TimeOf(free, set, MeasuredLockRun);
    if (!plain_first) plain_ns += TimeOf(free, plain, ReferenceLockRun);
  }
  state.counters["events"] = 1000;
  state.counters["over_mutex"] = set_ns / plain_ns;
}

BENCHMARK_CAPTURE(LockContended, mutex, "mutex");
BENCHMARK_CAPTURE(LockContended, pi, "pi");
BENCHMARK_CAPTURE(LockContended, proxy_v9, "proxy-v9");
BENCHMARK_CAPTURE(LockContended, proxy_7_2, "proxy-7.2");
BENCHMARK_CAPTURE(LockChain, proxy_v9, "proxy-v9")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(LockChain, proxy_7_2, "proxy-7.2")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(LockIdle, pi, "pi");
BENCHMARK_CAPTURE(LockIdle, proxy_local, "proxy-local");
BENCHMARK_CAPTURE(LockIdle, proxy_v9, "proxy-v9");
BENCHMARK_CAPTURE(LockIdle, proxy_7_2, "proxy-7.2");

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
