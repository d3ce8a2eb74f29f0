// What locks cost the simulator: a contended lock() and unlock() under each protocol, a link of a
// chain, and a protocol that is not in use.
//
// LockContended/PROTOCOL: two tasks of one CPU contend for a mutex a thousand times over; `ns` is
// per contention, with the wake-up and the switches that belong to it, `over_free` the ratio to the
// same run in which each task has a mutex of its own. LockChain/PROTOCOL/N: N tasks wait in a row,
// and the chain is followed each time that a more important task has come and gone. `ns` is per
// walk, that task's switches included; `ns_per_hop` per link, what a walk of one link costs taken
// off: it must not grow with N. LockIdle/PROTOCOL: nobody shares a lock, and LockFree/PROTOCOL:
// nobody locks; `over_mutex` is the ratio to the plain mutex, the median of pairs of runs that
// alternate, and must be within 1.01; `over_mutex` of mutex itself says how much of that is noise.
// `over_queue` is the ratio to the run's pushes and pops through the event queue alone.
// LockWaiters/PROTOCOL/N: N real-time tasks wait for one mutex, with the default metrics and all
// checkers; `ns` is per waiter, from its coming to its end, and must grow like the queues, log N.
//
//   build/release/bin/bench_locks --benchmark_filter='Lock(Idle|Free)' --benchmark_min_time=5
//
// tools/bench says how instructions are counted instead.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/simulation.h"
#include "sim/engine/event_queue.h"

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

// Lo holds the mutex most of the time; Hi wakes in the middle of that and wants it. Or each has one
// of its own, or there are none.
enum class Sharing : uint8_t { kShared, kOwn, kNone };
constexpr int kRounds = 1000;

std::vector<OpSpec> Section(Sharing sharing, const char* own, int64_t cycles) {
  if (sharing == Sharing::kNone) return {Run(cycles)};
  const std::string name = sharing == Sharing::kShared ? "A" : own;
  return {Named(OpKind::kLock, name), Run(cycles), Named(OpKind::kUnlock, name)};
}
Scenario Contended(Sharing sharing) {
  Scenario scenario = Bare();
  if (sharing != Sharing::kNone) scenario.mutexes = {"A", "B"};
  TaskSpec lo = Fifo("lo", 1, Section(sharing, "A", 90));
  lo.ops.push_back(Run(10));
  TaskSpec hi = Fifo("hi", 2, Section(sharing, "B", 10));
  hi.ops.insert(hi.ops.begin(), Sleep(50));
  lo.loop = hi.loop = kRounds;
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
  const Scenario contended = Contended(Sharing::kShared), free = Contended(Sharing::kOwn);
  const PolicySet set = SetOf(lock);
  double contended_ns = 0, free_ns = 0;
  for (auto _ : state) {
    contended_ns += TimeOf(contended, set, MeasuredLockRun);
    free_ns += TimeOf(free, set, ReferenceLockRun);
  }
  state.counters["events"] = kRounds;
  state.counters["ns"] = contended_ns / kRounds / static_cast<double>(state.iterations());
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

// Lo takes the mutex and sleeps until everybody has come and waits; then it goes round.
Scenario Waiters(int count) {
  Scenario scenario = Bare();
  scenario.mutexes = {"A"};
  TaskSpec lo =
      Fifo("lo", 1, {Named(OpKind::kLock, "A"), Sleep(count + 10), Named(OpKind::kUnlock, "A")});
  scenario.tasks.push_back(std::move(lo));
  for (int i = 0; i < count; ++i) {
    TaskSpec waiter =
        Fifo("w" + std::to_string(i), 1 + i * 37 % 98,
             {Named(OpKind::kLock, "A"), Run(10), Named(OpKind::kUnlock, "A"), Run(10)});
    waiter.start = Time(1 + i);
    scenario.tasks.push_back(std::move(waiter));
  }
  return scenario;
}

void LockWaiters(benchmark::State& state, const char* lock) {
  const auto count = static_cast<int>(state.range(0));
  const Scenario scenario = Waiters(count);
  const PolicySet set = SetOf(lock);
  double ns = 0;
  for (auto _ : state) {
    const auto before = Clock::now();
    benchmark::DoNotOptimize(RunScenario(scenario, set, {}));
    ns += Nanoseconds(Clock::now() - before);
  }
  state.counters["events"] = count;
  state.counters["ns"] = ns / count / static_cast<double>(state.iterations());
}

// What a round of Contended() pushes and pops without its locks: the ends of three stretches of
// work, one of which is cut off and pushed anew, and of a sleep.
double QueueAlone() {
  constexpr int kPairs = kRounds * 5;
  EventQueue queue(8);
  const auto before = Clock::now();
  for (int i = 0; i < kPairs; ++i) {
    queue.Push(Time(i), Phase::kTimer, CpuId(0), 0);
    queue.Pop();
    benchmark::DoNotOptimize(queue.size());
  }
  return Nanoseconds(Clock::now() - before);
}

// A protocol that nobody needs, against the plain mutex.
void Unused(benchmark::State& state, const char* lock, Sharing sharing) {
  const Scenario scenario = Contended(sharing);
  const PolicySet set = SetOf(lock), plain = SetOf("mutex");
  std::vector<double> ratios;
  double set_ns = 0, queue_ns = 0;
  bool plain_first = false;
  for (auto _ : state) {
    plain_first = !plain_first;
    double plain_ns = 0;
    if (plain_first) plain_ns = TimeOf(scenario, plain, ReferenceLockRun);
    const double ns = TimeOf(scenario, set, MeasuredLockRun);
    if (!plain_first) plain_ns = TimeOf(scenario, plain, ReferenceLockRun);
    ratios.push_back(ns / plain_ns);
    set_ns += ns;
    queue_ns += QueueAlone();
  }
  const auto middle = ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2);
  std::nth_element(ratios.begin(), middle, ratios.end());
  state.counters["events"] = kRounds;
  state.counters["over_mutex"] = *middle;
  state.counters["over_queue"] = set_ns / queue_ns;
}
void LockIdle(benchmark::State& state, const char* lock) { Unused(state, lock, Sharing::kOwn); }
void LockFree(benchmark::State& state, const char* lock) { Unused(state, lock, Sharing::kNone); }

BENCHMARK_CAPTURE(LockContended, mutex, "mutex");
BENCHMARK_CAPTURE(LockContended, pi, "pi");
BENCHMARK_CAPTURE(LockContended, proxy_v9, "proxy-v9");
BENCHMARK_CAPTURE(LockContended, proxy_7_2, "proxy-7.2");
BENCHMARK_CAPTURE(LockChain, proxy_v9, "proxy-v9")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(LockChain, proxy_7_2, "proxy-7.2")->Arg(1)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK_CAPTURE(LockWaiters, mutex, "mutex")->Arg(100)->Arg(1000)->Arg(4000);
BENCHMARK_CAPTURE(LockWaiters, pi, "pi")->Arg(100)->Arg(1000)->Arg(4000);
BENCHMARK_CAPTURE(LockWaiters, proxy_7_2, "proxy-7.2")->Arg(100)->Arg(1000)->Arg(4000);
BENCHMARK_CAPTURE(LockIdle, mutex, "mutex");
BENCHMARK_CAPTURE(LockIdle, pi, "pi");
BENCHMARK_CAPTURE(LockIdle, proxy_local, "proxy-local");
BENCHMARK_CAPTURE(LockIdle, proxy_v9, "proxy-v9");
BENCHMARK_CAPTURE(LockIdle, proxy_7_2, "proxy-7.2");
BENCHMARK_CAPTURE(LockFree, mutex, "mutex");
BENCHMARK_CAPTURE(LockFree, pi, "pi");
BENCHMARK_CAPTURE(LockFree, proxy_local, "proxy-local");
BENCHMARK_CAPTURE(LockFree, proxy_v9, "proxy-v9");
BENCHMARK_CAPTURE(LockFree, proxy_7_2, "proxy-7.2");

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
