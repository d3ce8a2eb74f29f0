// What the four seam proofs share: a two-CPU machine on which everything costs something, programs
// in code, and a log of what happened as lines `t cpu event`.
#ifndef RQSIM_TESTS_UNIT_SEAMS_SEAM_RUN_H_
#define RQSIM_TESTS_UNIT_SEAMS_SEAM_RUN_H_

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "rqsim/simulation.h"

namespace rqsim {

// Costs that no two proofs share a zero of: every step of the machine is visible in the numbers.
inline MachineCosts SeamCosts() {
  MachineCosts costs;
  costs.c_syscall = Cycles(2);
  costs.c_sysret = Cycles(1);
  costs.c_exit = Cycles(1);
  costs.c_sched = Cycles(1);
  costs.c_ctx = Cycles(2);
  costs.c_timer = Cycles(1);
  costs.c_timer_each = Cycles(1);
  costs.c_wake = Cycles(2);
  costs.c_ipi_send = Cycles(1);
  costs.l_ipi = Cycles(4);
  costs.c_ipi_recv = Cycles(1);
  costs.c_ttwu_each = Cycles(1);
  costs.l_call = Cycles(3);
  costs.c_call = Cycles(2);
  costs.c_stop = Cycles(1);
  return costs;
}

inline OpSpec Op(OpKind kind, int64_t cycles = 0) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}
inline OpSpec Run(int64_t cycles) { return Op(OpKind::kRun, cycles); }
inline OpSpec Sleep(int64_t cycles) { return Op(OpKind::kSleep, cycles); }
inline OpSpec LockOp(OpKind kind, std::string name) {
  OpSpec op = Op(kind);
  op.name = std::move(name);
  return op;
}
inline OpSpec ServiceCall(std::string name) {
  OpSpec op = Op(OpKind::kService);
  op.name = std::move(name);
  return op;
}
inline OpSpec ServiceCall(std::string name, std::string task) {
  OpSpec op = ServiceCall(std::move(name));
  op.args.emplace_back("task", std::move(task));
  return op;
}
inline TaskSpec OneTask(std::string name, int cpu, int priority, int64_t start,
                        std::vector<OpSpec> ops) {
  TaskSpec task;
  task.name = std::move(name);
  task.sched.priority = priority;
  task.sched.policy = SchedPolicy::kFifo;
  task.cpus = CpuSet::Of(CpuId(cpu));
  task.start = Time(start);
  task.ops = std::move(ops);
  return task;
}

// Two CPUs of one LLC, no tick, class `fifo`, placement `prev`.
inline Scenario SeamScenario() {
  Scenario scenario;
  scenario.machine.cpus.resize(2);
  scenario.machine.tick = false;
  scenario.machine.costs = SeamCosts();
  scenario.common.preset = "MX";
  return scenario;
}

// The registry of this tree and the policies of a proof.
inline Registry SeamRegistry(const std::vector<RegistryEntry>& entries) {
  Registry registry = Registry::BuiltIn();
  for (const RegistryEntry& entry : entries) registry.Add(entry);
  return registry;
}

// Switches, sleeps and wake-ups, migrations, lock ownership, proxy and declared events as text.
class SeamLog final : public Listener {
 public:
  std::vector<std::string> lines;
  std::vector<Violation> violations;
  RunEnd end;

  EventMask Wants() const override {
    EventMask mask =
        EventMask::Of(EventKind::kSchedSwitch, EventKind::kSchedWakeup,
                      EventKind::kSchedMigrateTask, EventKind::kProxyMigrate, EventKind::kProxyPark,
                      EventKind::kProxyDonor, EventKind::kMutexWord, EventKind::kOpEnd);
    return mask.AddPolicyEvents();
  }
  void OnStart(const RunInfo& info, ViolationSink&) override { info_ = &info; }
  void OnEvent(const TraceEvent& event) override {
    const int64_t t = event.t.cycles();
    const int cpu = event.cpu().value();
    switch (event.kind()) {
      case EventKind::kSchedSwitch: {
        const auto e = event.As<SchedSwitch>();
        Line("{} {} {}→{}{}", t, cpu, Name(e.prev_pid), Name(e.next_pid),
             e.donor == e.next_pid ? "" : fmt::format(" for {}", Name(e.donor)));
        break;
      }
      case EventKind::kSchedWakeup:
        Line("{} {} wakeup {}", t, cpu, Name(event.As<SchedWakeup>().pid));
        break;
      case EventKind::kSchedMigrateTask: {
        const auto e = event.As<SchedMigrateTask>();
        Line("{} {} migrate {} {}→{}", t, cpu, Name(e.pid), e.orig_cpu.value(), e.dest_cpu.value());
        break;
      }
      case EventKind::kProxyMigrate: {
        const auto e = event.As<ProxyMigrate>();
        Line("{} {} proxy {} {}→{}", t, cpu, Name(e.pid), e.orig_cpu.value(), e.dest_cpu.value());
        break;
      }
      case EventKind::kProxyPark: {
        const auto e = event.As<ProxyPark>();
        Line("{} {} {} {} on {}", t, cpu, e.parked == 1 ? "park" : "unpark", Name(e.pid),
             Name(e.owner));
        break;
      }
      case EventKind::kMutexWord: {
        const TaskId owner = event.As<MutexWord>().owner;
        Line("{} {} owner {}", t, cpu, owner.valid() ? Name(owner) : "none");
        break;
      }
      case EventKind::kOpEnd: {
        const auto e = event.As<OpEnd>();
        if (e.op == static_cast<int32_t>(OpKind::kService)) Line("{} {} op = {}", t, cpu, e.result);
        break;
      }
      default:
        if (static_cast<int>(event.kind()) >= kFirstPolicyEvent) Declared(event);
        break;
    }
  }
  void OnEnd(const RunEnd& run_end) override { end = run_end; }

  // exec and charged of a task, in cycles.
  std::pair<int64_t, int64_t> Sums(const std::string& name) const {
    for (std::size_t id = 1; id < end.tasks.size(); ++id) {
      if (names_at_end_[id] == name)
        return {end.tasks[id].exec.count(), end.tasks[id].charged.count()};
    }
    return {-1, -1};
  }
  void TakeNames() {
    for (int id = 0; id < info_->num_tasks(); ++id)
      names_at_end_.emplace_back(info_->task_name(TaskId(id)));
  }

 private:
  std::string Name(TaskId task) const { return std::string(info_->task_name(task)); }
  template <class... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    lines.push_back(fmt::format(format, std::forward<Args>(args)...));
  }
  void Declared(const TraceEvent& event) {
    for (std::size_t p = 0; p < info_->policies().size(); ++p) {
      const PolicyInfo& info = *info_->policies()[p];
      const int first =
          static_cast<int>(info_->first_event_kind(PolicyId(static_cast<int32_t>(p))));
      const int index = static_cast<int>(event.kind()) - first;
      if (index < 0 || index >= static_cast<int>(info.events.size())) continue;
      Line("{} {} {} {}", event.t.cycles(), event.cpu().value(),
           info.events[static_cast<std::size_t>(index)].name, event.a[0]);
      return;
    }
  }

  const RunInfo* info_ = nullptr;
  std::vector<std::string> names_at_end_;
};

// Runs to the end; the log stays with the caller. An empty text, or why it could not be run.
inline std::string RunSeam(const Scenario& scenario, const Registry& registry, SeamLog& log) {
  PolicySet set;
  set.name = "proof";
  auto simulation = Simulation::Create(scenario, set, registry);
  if (!simulation.ok()) return std::string(simulation.status().message());
  (*simulation)->AddListener(log);
  (*simulation)->Run();
  log.TakeNames();
  log.violations = (*simulation)->violations();
  return "";
}

}  // namespace rqsim

#endif  // RQSIM_TESTS_UNIT_SEAMS_SEAM_RUN_H_
