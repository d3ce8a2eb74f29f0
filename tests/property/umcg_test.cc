// Random groups of servers and workers: with corrections on every invariant holds and all work is
// done; as posted, programs that keep the contract do no worse; with user memory poked at random
// the simulator does not fall over, whatever it reports.
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rqsim/result.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// SplitMix64: the same worlds everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  int64_t Below(int64_t n) {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<int64_t>((z ^ (z >> 31)) % static_cast<uint64_t>(n));
  }

 private:
  uint64_t state_;
};

OpSpec Op(OpKind kind, int64_t cycles = 0, const char* name = "") {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  op.name = name;
  return op;
}

void AddOps(Random& random, std::vector<OpSpec>& ops) {
  switch (random.Below(6)) {
    case 0: {
      OpSpec block = Op(OpKind::kBlock, 1 + random.Below(60));
      block.page_fault = random.Below(2) == 0;
      block.sleep_state =
          random.Below(2) == 0 ? SleepState::kInterruptible : SleepState::kUninterruptible;
      block.kernel_tail = Cycles(random.Below(4));
      block.count = 1 + random.Below(2);
      ops.push_back(block);
      return;
    }
    case 1:
      ops.push_back(Op(OpKind::kLock, 0, "A"));
      ops.push_back(Op(OpKind::kRun, 1 + random.Below(20)));
      if (random.Below(2) == 0) ops.push_back(Op(OpKind::kBlock, 1 + random.Below(20)));
      ops.push_back(Op(OpKind::kUnlock, 0, "A"));
      return;
    case 2: {
      OpSpec yield = Op(OpKind::kService, 0, "umcg_yield");
      yield.args.emplace_back("requeue", int64_t{1});
      ops.push_back(yield);
      return;
    }
    default:
      ops.push_back(Op(OpKind::kRun, 1 + random.Below(60)));
      return;
  }
}

Scenario RandomGroup(uint64_t seed, const std::string& service, bool fixes) {
  Random random(seed);
  Scenario scenario;
  const int cpus = 1 + static_cast<int>(random.Below(3));
  scenario.machine.cpus.resize(static_cast<std::size_t>(cpus));
  scenario.machine.tick = false;
  MachineCosts& costs = scenario.machine.costs;
  costs.c_syscall = costs.c_sysret = costs.c_exc = costs.c_sched = Cycles(1);
  costs.c_exit = Cycles(0);
  costs.c_ctx = costs.c_wake = Cycles(2);
  costs.l_ipi = Cycles(4);
  scenario.until = Time(200'000);
  scenario.mutexes = {"A"};
  UmcgGroupSpec group;
  group.name = "g";
  const int servers = 1 + static_cast<int>(random.Below(cpus));
  for (int s = 0; s < servers; ++s) {
    UmcgServerSpec server;
    server.name = fmt::format("S{}", s);
    server.cpus = CpuSet::Of(CpuId(s));
    group.servers.push_back(server);
  }
  const int workers = 1 + static_cast<int>(random.Below(6));
  for (int w = 0; w < workers; ++w) {
    TaskSpec task;
    task.name = fmt::format("W{}", w);
    task.worker_start = random.Below(3) == 0 ? WorkerStart::kRegister : WorkerStart::kParked;
    const int64_t ops = 1 + random.Below(5);
    for (int64_t i = 0; i < ops; ++i) AddOps(random, task.ops);
    task.ops.push_back(Op(OpKind::kService, 0, "umcg_unregister"));
    group.workers.push_back(task.name);
    scenario.tasks.push_back(task);
  }
  scenario.groups.push_back(group);
  scenario.common.preset = "UM";
  PolicyChoice choice;
  choice.name = service;
  choice.params = {{"costs.preset", std::string("EX")}};
  if (fixes) choice.params.emplace_back("fixes", std::vector<std::string>{"all"});
  PolicyChoice user;
  user.name = "fifo";
  if (random.Below(2) == 0) {
    choice.params.emplace_back("preempt.source", std::string("watchdog"));
    user.name = "rr";
    user.params = {{"slice", int64_t{20 + random.Below(40)}}};
  } else if (random.Below(3) == 0) {
    user.name = "steal";
  }
  scenario.common.services = std::vector<PolicyChoice>{choice};
  scenario.common.user = user;
  return scenario;
}

int64_t Metric(const Result& result, const std::string& name) {
  for (const auto& [metric, value] : result.metrics) {
    if (metric == name) return value;
  }
  return -1;
}

std::string Told(uint64_t seed, const Result& result) {
  std::string text =
      fmt::format("seed {}: {} {}", seed, static_cast<int>(result.outcome), result.message);
  for (const Violation& violation : result.violations) {
    text += fmt::format("; {} at {}: {}", violation.id, violation.at.cycles(), violation.message);
  }
  return text;
}

TEST_CASE("Groups that keep the contract keep every invariant", "[property][umcg]") {
  int64_t blocks = 0, preempted = 0, parked = 0, many_servers = 0;
  for (const bool fixes : {true, false}) {
    for (const char* service : {"umcg-v0.6", "umcg-v0.9", "umcg-pz"}) {
      for (uint64_t seed = 1; seed <= 250; ++seed) {
        const Scenario scenario = RandomGroup(seed, service, fixes);
        PolicySet set;
        set.name = "random";
        const auto result = RunScenario(scenario, set, {});
        REQUIRE(result.ok());
        INFO(WriteScenario(scenario));
        INFO(service << (fixes ? " fixed, " : " as posted, ") << Told(seed, *result));
        CHECK(result->violations.empty());
        CHECK(result->outcome == Outcome::kDone);
        CHECK(Metric(*result, "killed_workers") == 0);
        CHECK(Metric(*result, "lost_wakeups") == 0);
        blocks += Metric(*result, "handoff_block.n");
        preempted += Metric(*result, "handoff_preempt.n");
        parked += Metric(*result, "worker_sched_latency.n");
        many_servers += scenario.groups[0].servers.size() > 1 ? 1 : 0;
      }
    }
  }
  // Worlds so tame that nothing happens would prove nothing.
  CHECK(blocks > 1000);
  CHECK(preempted > 100);
  CHECK(parked > 1000);
  CHECK(many_servers > 100);
}

TEST_CASE("Whatever stands in user memory, a run comes to an end", "[property][umcg]") {
  int64_t killed = 0, reported = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed * 77);
    for (const char* service : {"umcg-v0.6", "umcg-v0.9", "umcg-pz"}) {
      Scenario scenario = RandomGroup(seed, service, random.Below(2) == 0);
      scenario.until = Time(3000);
      static constexpr const char* kFields[] = {"state", "next_tid", "idle_workers_ptr",
                                                "idle_server_tid_ptr", "server_tid"};
      for (int i = 0; i < 4; ++i) {
        FaultSpec poke;
        poke.name = "umcg.poke";
        poke.args.emplace_back("at", random.Below(300));
        poke.args.emplace_back("cpu", random.Below(3));
        const bool worker = random.Below(3) > 0;
        poke.args.emplace_back("task", std::string(worker ? "W0" : "S0"));
        poke.args.emplace_back("field", std::string(kFields[random.Below(5)]));
        poke.args.emplace_back(
            "set", random.Below(2) == 0 ? random.Below(1024) : random.Below(int64_t{1} << 40));
        scenario.faults.push_back(poke);
      }
      PolicySet set;
      set.name = "hostile";
      const auto result = RunScenario(scenario, set, {});
      REQUIRE(result.ok());
      killed += Metric(*result, "killed_workers");
      reported += static_cast<int64_t>(result->violations.size());
    }
  }
  CHECK(killed > 50);
  CHECK(reported > 50);
}

}  // namespace
}  // namespace rqsim
