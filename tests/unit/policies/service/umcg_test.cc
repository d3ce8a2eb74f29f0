// What scenario files cannot say of UMCG: that a run is the same whatever the order in which its
// tasks are declared, that a parameter stands in its object or as it is written, and that I16 is
// reported when a cycle is nobody's.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "rqsim/policy.h"
#include "rqsim/simulation.h"
#include "sim/views/accountant.h"
#include "support/catch.h"

namespace rqsim {
namespace {

OpSpec Run(int64_t cycles) {
  OpSpec op;
  op.kind = OpKind::kRun;
  op.cycles = Cycles(cycles);
  return op;
}
OpSpec Block(int64_t cycles) {
  OpSpec op;
  op.kind = OpKind::kBlock;
  op.cycles = Cycles(cycles);
  return op;
}
OpSpec Service(const char* name) {
  OpSpec op;
  op.kind = OpKind::kService;
  op.name = name;
  return op;
}

// S34 of umcg.md: eight workers on two servers, the tasks declared in one order or the other.
Scenario ManyWorkers(bool reversed) {
  Scenario scenario;
  scenario.machine.cpus.resize(2);
  scenario.machine.tick = false;
  MachineCosts& costs = scenario.machine.costs;
  costs.c_syscall = costs.c_sysret = costs.c_exc = costs.c_sched = Cycles(1);
  costs.c_exit = Cycles(0);
  costs.c_ctx = costs.c_wake = Cycles(2);
  costs.l_ipi = Cycles(4);
  UmcgGroupSpec group;
  group.name = "g";
  for (int s = 1; s <= 2; ++s) {
    UmcgServerSpec server;
    server.name = fmt::format("S{}", s);
    server.tid = s;
    server.cpus = CpuSet::Of(CpuId(s - 1));
    group.servers.push_back(server);
  }
  for (int w = 1; w <= 8; ++w) {
    TaskSpec task;
    task.name = fmt::format("W{}", w);
    task.tid = 10 + w;
    task.worker_start = WorkerStart::kParked;
    task.ops = {Run(50), Block(10), Run(50), Block(10), Run(50), Service("umcg_unregister")};
    group.workers.push_back(task.name);
    scenario.tasks.push_back(task);
  }
  if (reversed) std::reverse(scenario.tasks.begin(), scenario.tasks.end());
  scenario.groups.push_back(group);
  scenario.common.preset = "UM";
  PolicyChoice service;
  service.name = "umcg-v0.6";
  service.params = {{"costs.preset", std::string("EX")}};
  scenario.common.services = std::vector<PolicyChoice>{service};
  return scenario;
}

// Switches with names, and the digest.
class Switches final : public Listener {
 public:
  std::vector<std::string> lines;
  uint64_t digest = 0;
  EventMask Wants() const override { return EventMask::Of(EventKind::kSchedSwitch); }
  void OnStart(const RunInfo& info, ViolationSink&) override { info_ = &info; }
  void OnEvent(const TraceEvent& event) override {
    const auto change = event.As<SchedSwitch>();
    lines.push_back(fmt::format("{} {} {} {}", event.t.cycles(), event.cpu().value(),
                                info_->task_name(change.prev_pid),
                                info_->task_name(change.next_pid)));
  }
  void OnEnd(const RunEnd& end) override { digest = end.digest; }

 private:
  const RunInfo* info_ = nullptr;
};

void RunIt(const Scenario& scenario, Switches& log) {
  PolicySet set;
  set.name = "posted";
  auto simulation = Simulation::Create(scenario, set);
  REQUIRE(simulation.ok());
  (*simulation)->AddListener(log);
  (*simulation)->Run();
  CHECK((*simulation)->end().outcome == Outcome::kDone);
  CHECK((*simulation)->violations().empty());
}

TEST_CASE("UM-37 a run of many workers is the same twice, and in whatever order they are declared",
          "[umcg]") {
  Switches first;
  Switches second;
  Switches reversed;
  RunIt(ManyWorkers(false), first);
  RunIt(ManyWorkers(false), second);
  RunIt(ManyWorkers(true), reversed);
  CHECK(first.lines == second.lines);
  CHECK(first.digest == second.digest);
  CHECK(first.lines == reversed.lines);
  CHECK(first.lines.size() > 50);
}

// Hands a run on to an accountant, but for the first segment of one kind in one task.
class Leak final : public Listener, private ViolationSink {
 public:
  Leak(SegmentKind kind, std::string task) : kind_(kind), task_(std::move(task)) {}
  bool has_leaked() const { return has_leaked_; }
  const std::vector<std::string>& reported() const { return reported_; }
  EventMask Wants() const override { return books_.Wants(); }
  void OnStart(const RunInfo& info, ViolationSink&) override {
    info_ = &info;
    books_.OnStart(info, *this);
  }
  void OnEvent(const TraceEvent& event) override {
    if (event.kind() == EventKind::kSegment) {
      const auto segment = event.As<Segment>();
      const bool is_its = segment.curr != kIdleTask && info_->task_name(segment.curr) == task_;
      if (!has_leaked_ && segment.kind == kind_ && (task_.empty() || is_its)) {
        has_leaked_ = true;
        return;
      }
    }
    books_.OnEvent(event);
  }
  void OnEnd(const RunEnd& end) override { books_.OnEnd(end); }

 private:
  void Report(Violation violation, Severity) override { reported_.push_back(violation.id); }

  SegmentKind kind_;
  std::string task_;
  bool has_leaked_ = false;
  const RunInfo* info_ = nullptr;
  Accountant books_;
  std::vector<std::string> reported_;
};

TEST_CASE("I16: cycles of a worker, a server, a kernel step or an idle CPU that are nobody's",
          "[umcg]") {
  struct Row {
    SegmentKind kind;
    std::string task;
  };
  const std::vector<Row> rows = {{SegmentKind::kUser, "W3"},
                                 {SegmentKind::kUser, "S1"},
                                 {SegmentKind::kKernel, "W3"},
                                 {SegmentKind::kKernel, "S2"},
                                 {SegmentKind::kIdle, ""}};
  Scenario scenario = ManyWorkers(false);
  scenario.machine.cpus.resize(3);  // one for nobody
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.kind), row.task);
    PolicySet set;
    set.name = "posted";
    auto simulation = Simulation::Create(scenario, set);
    REQUIRE(simulation.ok());
    Leak leak(row.kind, row.task);
    (*simulation)->AddListener(leak);
    (*simulation)->Run();
    REQUIRE(leak.has_leaked());
    CHECK(std::count(leak.reported().begin(), leak.reported().end(), "AC-1") > 0);
    CHECK((*simulation)->violations().empty());
  }
}

TEST_CASE("Corrections are chosen one by one or all together", "[umcg]") {
  Scenario scenario = ManyWorkers(false);
  for (const char* fix : {"all", "userbits_in_server", "list_push", "signals", "retry_rule"}) {
    (*scenario.common.services)[0].params = {{"costs.preset", std::string("EX")},
                                             {"fixes", std::vector<std::string>{fix}}};
    Switches log;
    RunIt(scenario, log);
    CHECK(!log.lines.empty());
  }
}

}  // namespace
}  // namespace rqsim
