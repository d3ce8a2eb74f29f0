// The machine on a fixed-priority load: sixteen periodic tasks on one CPU, their mutexes dropped
// and with them.
//
// Reported per scheduling event (a job's release, its end, a dispatch): `ns`, and `floor_ns`, the
// run's own pushes and pops replayed through the queue alone; `ratio` is what the machine costs
// over that floor in the same run. The load is w3_n16 of ../shared/data/bench where that is
// present, else sixteen tasks of our own with the same shape. Instructions: tools/bench
// --instructions.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rqsim/simulation.h"
#include "sim/engine/event_queue.h"

namespace rqsim {
namespace {

struct Periodic {
  std::string name;
  int64_t period = 0, phase = 0, wcet = 0, pre = 0, cs = 0, post = 0;
  int mutex = 0, prio = 0;
};

std::vector<Periodic> Load() {
  std::vector<Periodic> tasks;
  std::ifstream file("../shared/data/bench/w3_n16.json");
  if (file) {
    const nlohmann::json document = nlohmann::json::parse(file);
    for (const auto& task : document["tasks"]) {
      tasks.push_back({task["name"], task["period_us"], task["phase_us"], task["wcet_us"],
                       task["pre_us"], task["cs_us"], task["post_us"], task["mutex"],
                       task["prio"]});
    }
    return tasks;
  }
  for (int i = 0; i < 16; ++i) {
    const int64_t period = 13000 + 17000 * i;
    const int64_t wcet = period * 9 / 10 / 16;
    tasks.push_back({"t" + std::to_string(i), period, 977 * i, wcet, wcet * 35 / 100,
                     wcet * 30 / 100, wcet * 35 / 100, i % 4, i});
  }
  return tasks;
}

OpSpec Op(OpKind kind, int64_t cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

Scenario MakeScenario(bool mutexes) {
  Scenario scenario;
  scenario.machine.clock_hz = 1'000'000;
  scenario.machine.tick = false;
  scenario.until = Time(200'000'000);  // 200 s
  for (int i = 0; i < 4; ++i) scenario.mutexes.push_back("m" + std::to_string(i));
  for (const Periodic& load : Load()) {
    TaskSpec task;
    task.name = load.name;
    task.start = Time(load.phase);
    task.sched.policy = SchedPolicy::kFifo;
    task.sched.priority = 99 - load.prio;
    task.loop = -1;
    if (mutexes) {
      OpSpec lock = Op(OpKind::kLock, 0);
      lock.name = "m" + std::to_string(load.mutex);
      OpSpec unlock = lock;
      unlock.kind = OpKind::kUnlock;
      task.ops = {Op(OpKind::kRun, load.pre), lock, Op(OpKind::kRun, load.cs), unlock,
                  Op(OpKind::kRun, load.post)};
    } else {
      task.ops = {Op(OpKind::kRun, load.wcet)};
    }
    OpSpec timer = Op(OpKind::kTimer, load.period);
    timer.unique = true;
    timer.timer_mode = TimerMode::kAbsolute;
    task.ops.push_back(timer);
    scenario.tasks.push_back(task);
  }
  return scenario;
}

// What the run did with the queue, rebuilt from its segments and sleeps.
struct QueueOp {
  int64_t t;      // when
  int64_t until;  // push: for when; -1: take the first
};
class Recorder final : public Listener {
 public:
  int64_t events = 0;
  std::vector<QueueOp> ops;
  EventMask Wants() const override {
    return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                         EventKind::kSchedWakeupNew, EventKind::kSegment);
  }
  void OnEvent(const TraceEvent& event) override {
    switch (event.kind()) {
      case EventKind::kSchedWakeup:
      case EventKind::kSchedWakeupNew:
        ++events;  // a release
        // The timer that released it had been pushed when the task went to sleep.
        ops.push_back({std::max<int64_t>(0, event.t.cycles() - 1000), event.t.cycles()});
        ops.push_back({event.t.cycles(), -1});
        break;
      case EventKind::kSchedSwitch: {
        const auto e = event.As<SchedSwitch>();
        if (e.voluntary == 1) ++events;         // an end
        if (e.next_pid != kIdleTask) ++events;  // a dispatch
        break;
      }
      case EventKind::kSegment: {
        const auto e = event.As<Segment>();
        if (e.progress == 0) break;
        ops.push_back({e.start.cycles(), event.t.cycles()});
        ops.push_back({event.t.cycles(), -1});
        break;
      }
      default:
        break;
    }
  }
};

// Functions of their own, so that tools/bench --instructions can count what happens inside them.
[[gnu::noinline]] void MeasuredRun(Simulation& simulation) { simulation.Run(); }

[[gnu::noinline]] void Replay(const std::vector<QueueOp>& ops, EventQueue& queue) {
  for (const QueueOp& op : ops) {
    if (op.until >= 0) {
      queue.Push(Time(op.until), Phase::kTimer, CpuId(0), 0);
    } else if (!queue.empty()) {
      queue.Pop();
    }
  }
}

double Nanoseconds(std::chrono::steady_clock::duration d) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

void Machine(benchmark::State& state, bool mutexes, const char* sched_class,
             bool default_listeners) {
  const Scenario scenario = MakeScenario(mutexes);
  PolicySet set;
  set.name = "bench";
  PolicyChoice choice;
  choice.name = sched_class;
  set.sched_class = choice;
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
  std::stable_sort(recorder.ops.begin(), recorder.ops.end(),
                   [](const QueueOp& a, const QueueOp& b) { return a.t < b.t; });
  double run_ns = 0, floor_ns = 0;
  for (auto _ : state) {
    const auto t0 = std::chrono::steady_clock::now();
    if (default_listeners) {
      benchmark::DoNotOptimize(RunScenario(scenario, set, {}));
    } else {
      auto simulation = Simulation::Create(scenario, set);
      MeasuredRun(**simulation);
      benchmark::DoNotOptimize((*simulation)->end().digest);
    }
    const auto t1 = std::chrono::steady_clock::now();
    EventQueue queue(32);
    Replay(recorder.ops, queue);
    benchmark::DoNotOptimize(queue.size());
    const auto t2 = std::chrono::steady_clock::now();
    run_ns += Nanoseconds(t1 - t0);
    floor_ns += Nanoseconds(t2 - t1);
  }
  const double events =
      static_cast<double>(recorder.events) * static_cast<double>(state.iterations());
  state.counters["events"] = static_cast<double>(recorder.events);
  state.counters["ns"] = run_ns / events;
  state.counters["floor_ns"] = floor_ns / events;
  state.counters["ratio"] = run_ns / floor_ns;
}

BENCHMARK_CAPTURE(Machine, fifo_no_locks, false, "fifo", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Machine, fifo_mutex, true, "fifo", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Machine, rt_mutex, true, "default", false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(Machine, rt_mutex_default_listeners, true, "default", true)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace rqsim

BENCHMARK_MAIN();
