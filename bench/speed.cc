// The table of the simulator's speed: what a scheduling event (a release, a job's end, a dispatch)
// costs, with the digest and without listeners.
//
//   bench_speed                 times every row, prints the table
//   bench_speed --row NAME      runs one row once, short, and prints the number of its events: for
//                               callgrind, which collects inside MeasuredRun or MeasuredFloor
//   bench_speed --rows          the names of the rows
//
//   row            events      ns  floor    x   target
//   w1_n10        3626907    41.2   10.1  4.1   50 ns, 3x floor
//
// w1, w2: the task sets of ../shared/data/bench under class deadline; their floor is a loop that
// does the least work (edf_floor.h), timed in the same run, its counts held against the golden
// ones. fair_C_N: periodic fair tasks on C CPUs. eevdf_N: N hogs on one CPU; an event is a
// dispatch. big: 100 000 tasks on 1024 CPUs, then four times as long: memory must not grow.
// `tools/bench
// --targets` runs all this, and the instructions.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "edf_floor.h"
#include "rqsim/import.h"
#include "rqsim/simulation.h"

namespace rqsim {
namespace {

constexpr const char* kFolder = "../shared/data/bench/";
constexpr int kRepeats = 5;

struct Row {
  std::string name;
  std::string target;
  bool is_set = false;  // a file of kFolder
  int cpus = 1, tasks = 1;
  int64_t until_ms = 0, short_ms = 0;  // timed; for callgrind
  EdfCounts golden{};                  // of the floor over until_ms; releases are not stated
};

const std::vector<Row>& Rows() {
  static const std::vector<Row> rows = {
      {"w1_n10",
       "50 ns, 500 instr, 3x floor",
       true,
       1,
       10,
       4'000'000,
       100'000,
       {0, 981193, 1664515, 0}},
      {"w1_n100",
       "50 ns, 500 instr, 3x floor",
       true,
       1,
       100,
       600'000,
       20'000,
       {0, 956430, 1639378, 0}},
      {"w2_c4", "3x floor", true, 4, 40, 200'000, 10'000, {0, 198076, 297107, 226403}},
      {"w2_c64",
       "100 ns, 1100 instr, 3x floor, 4x w1_n10",
       true,
       64,
       640,
       4'000,
       1'000,
       {0, 54627, 56878, 55255}},
      {"fair_1_10", "", false, 1, 10, 2'000'000, 50'000, {}},
      {"fair_64_640", "4x fair_1_10", false, 64, 640, 10'000, 1'000, {}},
      {"eevdf_10", "", false, 1, 10, 400'000, 20'000, {}},
      {"eevdf_100", "log n", false, 1, 100, 400'000, 20'000, {}},
      {"eevdf_1000", "log n", false, 1, 1'000, 400'000, 20'000, {}},
      {"eevdf_10000", "log n", false, 1, 10'000, 400'000, 60'000, {}},
      {"big", "runs, memory as before", false, 1024, 100'000, 400, 50, {}},
      {"big_x4", "runs, memory as big", false, 1024, 100'000, 1'600, 50, {}}};
  return rows;
}

OpSpec Timed(OpKind kind, int64_t cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

// A few periods that do not divide each other, each with 70 % of its share of a CPU.
TaskSpec Periodic(int number, int tasks_per_cpu) {
  const int64_t period = 7'000'000 + 1'300'000 * (number % 17);
  TaskSpec task;
  task.name = fmt::format("t{}", number);
  task.start = Time(period * (number % 101) / 101);
  task.loop = -1;
  OpSpec timer = Timed(OpKind::kTimer, period);
  timer.name = "timer";
  timer.unique = true;
  task.ops = {Timed(OpKind::kRun, period * 7 / 10 / tasks_per_cpu), timer};
  return task;
}

Scenario OwnScenario(const Row& row, int64_t until_ms) {
  Scenario scenario;
  scenario.name = row.name;
  scenario.until = Time(until_ms * 1'000'000);
  scenario.machine.cpus.resize(static_cast<std::size_t>(row.cpus));
  for (int c = 0; c < row.cpus; ++c) {
    scenario.machine.cpus[static_cast<std::size_t>(c)].llc = c / 16;
  }
  scenario.common.sched_class = PolicyChoice{"default", {}, {}};
  scenario.common.placement = PolicyChoice{"simple", {}, {}};
  const bool hogs = row.name.starts_with("eevdf");
  for (int i = 0; i < row.tasks; ++i) {
    TaskSpec task = Periodic(i, std::max(1, row.tasks / row.cpus));
    if (hogs) {
      task.start = Time();
      task.loop = 1;
      task.ops = {Timed(OpKind::kRun, 0)};
      task.ops[0].forever = true;
      task.sched.nice = i % 5;
    }
    scenario.tasks.push_back(task);
  }
  return scenario;
}

std::optional<std::string> FileOf(const Row& row) {
  std::ifstream file(kFolder + row.name + ".json");
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::optional<Scenario> ScenarioOf(const Row& row, int64_t until_ms) {
  if (!row.is_set) return OwnScenario(row, until_ms);
  const auto text = FileOf(row);
  if (!text) return std::nullopt;
  std::vector<Diagnostic> diagnostics;
  return ImportBench(*text, row.name, {Time(until_ms * 1'000'000)}, diagnostics);
}

std::vector<EdfTask> FloorTasks(const Row& row) {
  std::vector<EdfTask> tasks;
  const auto text = row.is_set ? FileOf(row) : std::nullopt;
  if (!text) return tasks;
  const nlohmann::json document = nlohmann::json::parse(*text);
  for (const auto& task : document["tasks"]) {
    tasks.push_back({task["phase_us"], task["period_us"], task["wcet_us"]});
  }
  return tasks;
}

class Counter final : public Listener {
 public:
  EventMask Wants() const override {
    return EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                         EventKind::kSchedWakeupNew);
  }
  void OnEvent(const TraceEvent& event) override {
    if (event.kind() != EventKind::kSchedSwitch) {
      ++events;  // a release
      return;
    }
    const auto change = event.As<SchedSwitch>();
    if (change.voluntary == 1) ++events;         // an end
    if (change.next_pid != kIdleTask) ++events;  // a dispatch
  }
  int64_t events = 0;
};

std::unique_ptr<Simulation> Make(const Scenario& scenario) {
  PolicySet set;
  set.name = "bench";
  auto simulation = Simulation::Create(scenario, set);
  if (!simulation.ok()) {
    fmt::print(stderr, "{}\n", std::string(simulation.status().message()));
    return nullptr;
  }
  return std::move(*simulation);
}

int64_t EventsOf(const Scenario& scenario) {
  Counter counter;
  const auto simulation = Make(scenario);
  if (simulation == nullptr) return 0;
  simulation->AddListener(counter);
  simulation->Run();
  return counter.events;
}

// Functions of their own, so that callgrind can count what happens inside them.
[[gnu::noinline]] void MeasuredRun(Simulation& simulation) { simulation.Run(); }
[[gnu::noinline]] EdfCounts MeasuredFloor(const std::vector<EdfTask>& tasks, int cpus,
                                          int64_t until_us) {
  return RunEdfFloor(tasks, cpus, until_us);
}

using Clock = std::chrono::steady_clock;
double Nanoseconds(Clock::duration d) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(d).count());
}

bool IsGolden(const Row& row, const EdfCounts& counts) {
  return counts.jobs == row.golden.jobs && counts.dispatches == row.golden.dispatches &&
         counts.migrations == row.golden.migrations;
}

int64_t PeakMiB() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss / 1024;
}

// The best of a few runs, as whatever else the machine does only adds to it.
bool PrintRow(const Row& row) {
  const auto scenario = ScenarioOf(row, row.until_ms);
  if (!scenario) {
    fmt::print("{:<12} (no {}{}.json)\n", row.name, kFolder, row.name);
    return true;
  }
  const int64_t events = EventsOf(*scenario);
  if (events == 0) return false;
  const std::vector<EdfTask> tasks = FloorTasks(row);
  double run_ns = 0, floor_ns = 0;
  EdfCounts floor;
  for (int i = 0; i < (row.cpus == 1024 ? 1 : kRepeats); ++i) {
    const auto simulation = Make(*scenario);
    const auto t0 = Clock::now();
    MeasuredRun(*simulation);
    const auto t1 = Clock::now();
    if (!tasks.empty()) floor = MeasuredFloor(tasks, row.cpus, row.until_ms * 1000);
    const auto t2 = Clock::now();
    run_ns = i == 0 ? Nanoseconds(t1 - t0) : std::min(run_ns, Nanoseconds(t1 - t0));
    floor_ns = i == 0 ? Nanoseconds(t2 - t1) : std::min(floor_ns, Nanoseconds(t2 - t1));
  }
  const double ns = run_ns / static_cast<double>(events);
  fmt::print("{:<12} {:>9} {:>8.1f}", row.name, events, ns);
  if (tasks.empty()) {
    fmt::print(" {:>7} {:>6}", "", "");
  } else {
    const double least = floor_ns / static_cast<double>(floor.events());
    fmt::print(" {:>7.1f} {:>6.1f}", least, ns / least);
  }
  fmt::print(" {:>6}   {}\n", PeakMiB(), row.target);
  if (tasks.empty() || IsGolden(row, floor)) return true;
  fmt::print("{}: the floor does not give the golden counts\n", row.name);
  return false;
}

int RunShort(std::string_view name) {
  for (const Row& row : Rows()) {
    if (row.name != name) continue;
    const auto scenario = ScenarioOf(row, row.short_ms);
    if (!scenario) return 1;
    const int64_t events = EventsOf(*scenario);
    const auto simulation = Make(*scenario);
    if (simulation == nullptr) return 1;
    MeasuredRun(*simulation);
    const std::vector<EdfTask> tasks = FloorTasks(row);
    EdfCounts floor;
    if (!tasks.empty()) floor = MeasuredFloor(tasks, row.cpus, row.short_ms * 1000);
    fmt::print("events {} floor_events {}\n", events, floor.events());
    return 0;
  }
  fmt::print(stderr, "no row {}\n", name);
  return 2;
}

int PrintTable() {
  fmt::print("{:<12} {:>9} {:>8} {:>7} {:>6} {:>6}   {}\n", "row", "events", "ns", "floor", "x",
             "MiB", "target");
  bool fine = true;
  for (const Row& row : Rows()) fine = PrintRow(row) && fine;
  return fine ? 0 : 1;
}

}  // namespace
}  // namespace rqsim

int main(int argc, char** argv) {
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "--row" && argc == 3) return rqsim::RunShort(argv[2]);
  if (mode == "--rows" && argc == 2) {
    for (const rqsim::Row& row : rqsim::Rows()) fmt::print("{}\n", row.name);
    return 0;
  }
  if (argc != 1) {
    fmt::print(stderr, "bench_speed [--rows | --row NAME]\n");
    return 2;
  }
  return rqsim::PrintTable();
}
