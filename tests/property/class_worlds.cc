#include "property/class_worlds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "support/random.h"

namespace rqsim {
namespace {

OpSpec Timed(OpKind kind, int cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}

class Maker {
 public:
  Maker(uint64_t seed, const ClassWorldKind& kind) : random_(seed) {
    scenario_.name = fmt::format("world-{}", seed);
    MachineSpec& machine = scenario_.machine;
    machine.hz = machine.clock_hz / kWorldTick;
    machine.ties = kind.ties;
    cpus_ = 1 + random_.Below(3);
    machine.cpus.resize(static_cast<std::size_t>(cpus_));
    for (CpuSpec& cpu : machine.cpus) {
      if (random_.OneIn(4)) cpu.llc = 1;
      if (random_.OneIn(6)) cpu.capacity = 300 + random_.Below(700);
    }
    machine.skew_tick = random_.OneIn(5);
    if (random_.OneIn(5)) machine.idle_tick = IdleTick::kStopAtOnce;
    if (random_.OneIn(8)) machine.nohz = Nohz::kOff;
    if (random_.OneIn(6)) machine.nohz_full = CpuSet::Of(CpuId(random_.Below(cpus_)));
    if (kind.costs && kind.ties == Ties::kCompletionFirst) Costs();
    scenario_.mutexes = {"m"};
    is_crowded_ = random_.Below(4) > 0;
    const int tasks = is_crowded_ ? 5 * cpus_ + random_.Below(4) : 1 + random_.Below(2 * cpus_);
    for (int i = 0; i < tasks; ++i) scenario_.tasks.push_back(Task(i));
    Actions();
    Policies();
    scenario_.until = Time(20 * kWorldTick + random_.Below(40 * kWorldTick));
  }
  Scenario Take() { return std::move(scenario_); }

 private:
  // At a tick, or within a cycle of one, half of the time.
  int Length(int most) {
    if (!random_.OneIn(2)) return 1 + random_.Below(most);
    const int ticks = 1 + random_.Below(std::max(1, most / kWorldTick));
    return std::max(1, kWorldTick * ticks + random_.Below(3) - 1);
  }

  TaskSpec Task(int number) {
    TaskSpec task;
    task.name = fmt::format("t{}", number);
    task.start = Time(random_.OneIn(is_crowded_ ? 4 : 2) ? Length(8 * kWorldTick) : 0);
    const bool pinned = random_.OneIn(2);
    task.sched = Sched();
    // Affinity is refused to deadline tasks.
    if (pinned && task.sched.policy != SchedPolicy::kDeadline) {
      task.cpus = CpuSet::Of(CpuId(random_.Below(cpus_)));
    }
    task.loop = 1 + random_.Below(6);
    for (int i = 1 + random_.Below(3); i > 0; --i) {
      OpSpec run = Timed(OpKind::kRun, Length(12 * kWorldTick));
      if (random_.OneIn(4)) run.mode = RunMode::kKernel;
      if (random_.OneIn(12)) run.mode = RunMode::kIrqsOff;
      task.ops.push_back(run);
      AfterRun(task.ops);
    }
    if (random_.OneIn(is_crowded_ ? 2 : 3)) {
      OpSpec hog = Timed(OpKind::kRun, 0);
      hog.forever = true;
      task.ops.push_back(hog);
    }
    return task;
  }

  void AfterRun(std::vector<OpSpec>& ops) {
    switch (random_.Below(7)) {
      case 0:
      case 1:
        ops.push_back(Timed(OpKind::kSleep, Length(5 * kWorldTick)));
        // To an instant of the grid, or next to one.
        if (random_.OneIn(2)) ops.back().until = Time(Length(30 * kWorldTick));
        break;
      case 2:
        ops.push_back(Timed(OpKind::kYield, 0));
        break;
      case 3: {
        OpSpec lock = Timed(OpKind::kLock, 0);
        lock.name = "m";
        OpSpec unlock = lock;
        unlock.kind = OpKind::kUnlock;
        ops.push_back(lock);
        ops.push_back(Timed(OpKind::kRun, Length(3 * kWorldTick)));
        ops.push_back(unlock);
        break;
      }
      default:
        break;
    }
  }

  SchedSpec Sched() {
    SchedSpec sched;
    switch (random_.Below(10)) {
      case 0:
        sched.policy = SchedPolicy::kRr;
        sched.priority = 1 + random_.Below(2);
        break;
      case 1:
        sched.policy = SchedPolicy::kFifo;
        sched.priority = 1 + random_.Below(2);
        break;
      case 2:
        sched.policy = random_.OneIn(2) ? SchedPolicy::kBatch : SchedPolicy::kIdle;
        break;
      case 3: {
        sched.policy = SchedPolicy::kDeadline;
        const int period = Length(12 * kWorldTick) + 2;
        const int deadline = random_.OneIn(2) ? period : period / 2 + 1;
        sched.dl_period = Cycles(period);
        sched.dl_deadline = Cycles(deadline);
        sched.dl_runtime = Cycles(1 + random_.Below(std::max(1, deadline / 2)));
        sched.dl_reclaim = random_.OneIn(4);
        break;
      }
      default:
        sched.nice = random_.OneIn(2) ? 0 : random_.Below(40) - 20;
        if (random_.OneIn(3)) sched.slice = Cycles(200 + random_.Below(9000));
        break;
    }
    return sched;
  }

  void Actions() {
    const int tasks = static_cast<int>(scenario_.tasks.size());
    for (int i = random_.Below(4); i > 0; --i) {
      ActionSpec action;
      action.at = Time(Length(20 * kWorldTick));
      action.task = scenario_.tasks[static_cast<std::size_t>(random_.Below(tasks))].name;
      if (random_.OneIn(3)) {
        action.kind = ActionKind::kWake;
      } else {
        action.kind = ActionKind::kSetSched;
        action.sched = Sched();
      }
      scenario_.actions.push_back(action);
    }
  }

  void Costs() {
    if (random_.OneIn(2)) return;
    MachineCosts& costs = scenario_.machine.costs;
    costs.c_tick = Cycles(1 + random_.Below(40));
    for (Cycles* cost : {&costs.c_sched, &costs.c_ctx, &costs.c_timer, &costs.c_wake, &costs.l_ipi,
                         &costs.c_ipi_send, &costs.c_ipi_recv, &costs.c_syscall}) {
      if (random_.OneIn(2)) *cost = Cycles(random_.Below(60));
    }
  }

  void Policies() {
    PolicyChoice sched_class;
    sched_class.name = "default";
    const bool is_old = random_.OneIn(3);
    if (is_old) scenario_.kernel = "6.12";
    constexpr std::array<const char*, 3> kModes = {"full", "lazy", "none"};
    const char* const mode = kModes[static_cast<std::size_t>(random_.Below(3))];
    if (!is_old || std::string(mode) != "lazy") {
      sched_class.params.emplace_back("preempt", std::string(mode));
    }
    sched_class.params.emplace_back("hrtick", random_.OneIn(3));
    sched_class.params.emplace_back("base_slice", int64_t{500 + random_.Below(6000)});
    sched_class.params.emplace_back("slice_limits", false);
    sched_class.params.emplace_back("dl_limits", false);
    sched_class.params.emplace_back("dl_scale", int64_t{0});
    sched_class.params.emplace_back("rr_timeslice_ticks", int64_t{1 + random_.Below(4)});
    scenario_.common.sched_class = sched_class;
    PolicyChoice placement{random_.OneIn(2) ? "prev" : "simple", {}, {}};
    placement.params.emplace_back("balance", std::string(random_.OneIn(2) ? "simple" : "off"));
    if (random_.OneIn(2)) placement.params.emplace_back("busy_pull", true);
    placement.params.emplace_back("migration_cost", int64_t{random_.Below(3000)});
    scenario_.common.placement = placement;
  }

  Random random_;
  Scenario scenario_;
  int cpus_ = 1;
  bool is_crowded_ = false;
};

}  // namespace

Scenario ClassWorld(uint64_t seed, const ClassWorldKind& kind) { return Maker(seed, kind).Take(); }

}  // namespace rqsim
