// Random groups of servers and workers: with corrections on every invariant holds and all work is
// done; as posted, programs that keep the contract do no worse, and what is known to be broken is
// found and has its name; with user memory poked at random the simulator does not fall over,
// whatever it reports.
//
//   RQSIM_WORLDS=10000 RQSIM_FIRST_WORLD=2000001 build/release/bin/property_umcg '[slow]'
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "property/shrink.h"
#include "property/umcg_worlds.h"
#include "rqsim/result.h"
#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "support/catch.h"
#include "support/random.h"

namespace rqsim {
namespace {

constexpr const char* kServices[] = {"umcg-v0.6", "umcg-v0.9", "umcg-pz", "umcg-ev", "switch-to"};
const std::string kCannotRun = "cannot run";

int64_t Metric(const Result& result, const std::string& name) {
  for (const auto& [metric, value] : result.metrics) {
    if (metric == name) return value;
  }
  return 0;
}

absl::StatusOr<Result> RunWorld(const Scenario& world) {
  PolicySet set;
  set.name = "default";
  return RunScenario(world, set, {});
}

// As a file would have it: what has been made smaller may be no scenario any more.
absl::StatusOr<Result> RunAsFile(const Scenario& world) {
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenario(WriteScenario(world), "world", diagnostics);
  if (!scenario) return absl::InvalidArgumentError(diagnostics.front().message);
  return RunScenario(*scenario, *FindPolicySet(*scenario, "default"), {});
}

// What is wrong with a world whose programs keep the contract; "" if nothing is.
std::string Breach(const absl::StatusOr<Result>& result) {
  if (!result.ok()) return kCannotRun;
  if (!result->violations.empty()) {
    const Violation& first = result->violations.front();
    return fmt::format("{} at {}: {}", first.id, first.at.cycles(), first.message);
  }
  for (const char* metric : {"killed_workers", "lost_wakeups"}) {
    if (Metric(*result, metric) != 0) return metric;
  }
  if (result->outcome != Outcome::kDone) {
    return fmt::format("outcome {}: {}", static_cast<int>(result->outcome), result->message);
  }
  return "";
}

// By that a smaller world shows the same.
std::string NameOf(const std::string& breach) {
  return breach.substr(0, breach.find_first_of(breach.starts_with("outcome") ? ":" : " :"));
}

void AddParam(Scenario& world, const char* name, ParamValue value) {
  auto& params = world.common.services->front().params;
  std::erase_if(params, [&](const auto& param) { return param.first == name; });
  params.emplace_back(name, std::move(value));
}

bool HoldsWith(Scenario world, const char* name, ParamValue value) {
  AddParam(world, name, std::move(value));
  return Breach(RunWorld(world)).empty();
}

// What happens to programs that keep the contract, too, and has a name and a cure in docs/UMCG.md:
// as posted a server polls for the link of a worker that waits behind it for the CPU (list_push);
// with hook_in_wait a worker that has just been made RUNNING becomes BLOCKED; v0.6 makes a server
// that has timed out RUNNING before the list has its worker.
bool IsNamed(const UmcgWorldKind& kind, const Scenario& world, const std::string& broken) {
  if (kind.service == "umcg-pz" || kind.service == "umcg-ev") return false;
  const auto& params = world.common.services->front().params;
  const bool asks = std::any_of(params.begin(), params.end(),
                                [](const auto& param) { return param.first == "hook_in_wait"; });
  if (asks && HoldsWith(world, "hook_in_wait", false)) return true;
  if (kind.service != "umcg-v0.9" && NameOf(broken) == "UM-I5") {
    Scenario later = world;
    later.common.services->front().name = "umcg-v0.9";
    if (HoldsWith(later, "hook_in_wait", false)) return true;
  }
  return !kind.fixes && broken.find(" spins") != std::string::npos &&
         HoldsWith(world, "fixes", std::vector<std::string>{"list_push"});
}

void FailWith(uint64_t seed, const Scenario& world, const absl::StatusOr<Result>& result) {
  const std::string broken = Breach(result);
  INFO("seed " << seed << ": " << broken << " " << result.status().message());
  REQUIRE(broken != kCannotRun);
  const Scenario least = ShrinkScenario(world, [&](const Scenario& scenario) {
    // A run that is cut short is no run that does not end.
    return scenario.until == world.until && !scenario.tasks.empty() &&
           NameOf(Breach(RunAsFile(scenario))) == NameOf(broken);
  });
  FAIL("shrunk: " << Breach(RunAsFile(least)) << "\n" << WriteScenario(least));
}

void CheckThatAllHolds(uint64_t first, uint64_t count) {
  std::map<std::string, int64_t> seen;
  uint64_t named = 0;
  for (const bool fixes : {true, false}) {
    for (const char* service : kServices) {
      for (uint64_t seed = first; seed < first + count; ++seed) {
        UmcgWorldKind kind;
        kind.service = service;
        kind.fixes = fixes;
        kind.ticks = seed % 3 == 0;
        kind.multi = seed % 4 == 1 && kind.service == "umcg-pz";
        const Scenario world = RandomUmcgWorld(seed, kind);
        const auto result = RunWorld(world);
        INFO(service << (fixes ? " fixed" : " as posted"));
        const std::string broken = Breach(result);
        if (!broken.empty() && !IsNamed(kind, world, broken)) FailWith(seed, world, result);
        named += broken.empty() ? 0 : 1;
        for (const char* metric :
             {"handoff_block.n", "handoff_preempt.n", "handoff_swap.n", "worker_sched_latency.n",
              "spurious_wakes", "missed_preemptions", "hotplug_ops", "cross_cpu_wakes"}) {
          seen[metric] += Metric(*result, metric);
        }
        seen["groups"] += world.groups.size() > 1 ? 1 : 0;
      }
    }
  }
  // Worlds so tame that nothing happens would prove nothing.
  if (count < 100) return;
  CHECK(named <= count / 100);
  for (const auto& [metric, times] : seen) {
    CAPTURE(metric);
    CHECK(times > static_cast<int64_t>(count) / 4);
  }
}

uint64_t Wanted(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise
                         : static_cast<uint64_t>(std::max<int64_t>(1, std::atoll(text)));
}
uint64_t FirstWorld() { return Wanted("RQSIM_FIRST_WORLD", 1'000'001); }
uint64_t WorldsWanted(uint64_t otherwise) { return Wanted("RQSIM_WORLDS", otherwise); }

TEST_CASE("Groups that keep the contract keep every invariant", "[property][umcg]") {
  CheckThatAllHolds(1, 150);
}

TEST_CASE("Many groups keep every invariant", "[property][umcg][slow]") {
  CheckThatAllHolds(FirstWorld(), WorldsWanted(1000));
}

// ------------------------------------------------------------------------------------------------
// what is known to be broken

OpSpec Call(const char* name) {
  OpSpec op;
  op.kind = OpKind::kService;
  op.name = name;
  return op;
}
OpSpec Plain(OpKind kind, int64_t cycles) {
  OpSpec op;
  op.kind = kind;
  op.cycles = Cycles(cycles);
  return op;
}
OpSpec Bits(const char* name, int64_t bits) {
  OpSpec op = Call(name);
  op.args.emplace_back("bits", bits);
  op.args.emplace_back("task", std::string("W00"));
  return op;
}
// A thread that sets and clears user bits of a worker, as it may at any time.
void AddUserBits(Random& random, Scenario& world) {
  TaskSpec task;
  task.name = "U";
  task.loop = 30;
  task.ops = {Plain(OpKind::kSleep, 20 + random.Below(9)), Bits("umcg_set_bits", 1),
              Plain(OpKind::kSleep, 20 + random.Below(9)), Bits("umcg_clear_bits", 1)};
  world.tasks.push_back(task);
  // The windows of block detection: the exchange takes a while.
  AddParam(world, "costs.k_cas", int64_t{4});
}
void AddServerBits(Random&, Scenario& world) { AddParam(world, "server.user_bits", int64_t{1}); }
void AddStalePreempted(Random&, Scenario& world) {
  AddParam(world, "server.keeps_preempted", true);
}
void AddLibumcgTimeout(Random&, Scenario& world) {
  AddParam(world, "server.timeout_protocol", std::string("libumcg"));
}
void AddWideWindow(Random&, Scenario& world) { AddParam(world, "costs.push_window", int64_t{40}); }
// A worker that pushes loses its CPU to threads that come first, and is moved to that of a server.
void AddPushBehind(Random& random, Scenario& world) {
  AddWideWindow(random, world);
  const int last = static_cast<int>(world.machine.cpus.size()) - 1;
  TaskSpec first;
  first.name = "X";
  first.cpus = CpuSet::Of(CpuId(last));
  first.sched.priority = 9;
  first.loop = 10;
  first.ops = {Plain(OpKind::kSleep, 10 + random.Below(30)), Plain(OpKind::kRun, 40)};
  for (TaskSpec& task : world.tasks) {
    if (task.name == "W00") task.cpus = CpuSet::Of(CpuId(last));
  }
  world.tasks.push_back(first);
  ActionSpec move;
  move.kind = ActionKind::kSetAffinity;
  move.at = Time(50 + random.Below(300));
  move.task = "W00";
  move.cpus = CpuSet::Of(CpuId(0));
  world.actions.push_back(move);
}
void AddMarkFirst(Random&, Scenario& world) {
  AddParam(world, "preempt.source", std::string("server-timeout"));
  AddParam(world, "costs.k_cas", int64_t{4});
  world.common.user = PolicyChoice{"rr", {{"slice", int64_t{350}}}, {}};
  world.machine.costs.c_syscall = Cycles(7);
  world.machine.costs.l_ipi = Cycles(1);
}
void AddHookInWait(Random&, Scenario& world) {
  AddParam(world, "hook_in_wait", true);
  AddParam(world, "costs.k_get", int64_t{5});
}
void AddNothing(Random&, Scenario&) {}
void AddShortTimeout(Random&, Scenario& world) {
  AddParam(world, "preempt.source", std::string("server-timeout"));
  world.common.user = PolicyChoice{"rr", {{"slice", int64_t{20}}}, {}};
}

// A server exits while a worker that has looked it up is on its way to look at it.
void AddServerExit(Random& random, Scenario& world) {
  for (int nth = 1; nth <= 3; ++nth) {
    FaultSpec stall;
    stall.name = "umcg.stall";
    stall.args = {{"task", std::string("W00")},
                  {"step", std::string("M3")},
                  {"nth", int64_t{nth}},
                  {"for", int64_t{60}}};
    world.faults.push_back(stall);
  }
  FaultSpec exit;
  exit.name = "umcg.exit";
  exit.args = {
      {"at", int64_t{20 + random.Below(300)}}, {"cpu", int64_t{0}}, {"task", std::string("S00")}};
  world.faults.push_back(exit);
}

// Somewhere in the program of a worker.
void Insert(Random& random, Scenario& world, const std::vector<OpSpec>& ops) {
  for (TaskSpec& task : world.tasks) {
    if (task.name != "W00") continue;
    const int at = random.Below(static_cast<int>(task.ops.size()));
    task.ops.insert(task.ops.begin() + at, ops.begin(), ops.end());
  }
}
void AddBareUnregister(Random& random, Scenario& world) {
  OpSpec ctl = Call("umcg_ctl");
  ctl.args = {{"flags", int64_t{2}},
              {"self", int64_t{0}},
              {"word", int64_t{-1}},
              {"next_tid", int64_t{-1}}};
  Insert(random, world, {ctl});
}
void AddUnknownNext(Random& random, Scenario& world) {
  OpSpec next = Call("umcg_set_next");
  next.args.emplace_back("tid", int64_t{9999});
  Insert(random, world, {next, Call("umcg_yield"), Plain(OpKind::kRun, 10)});
}
void AddExec(Random& random, Scenario& world) { Insert(random, world, {Plain(OpKind::kExec, 0)}); }
void AddYieldInSection(Random& random, Scenario& world) {
  OpSpec lock = Plain(OpKind::kLock, 0);
  OpSpec unlock = Plain(OpKind::kUnlock, 0);
  lock.name = unlock.name = "A";
  Insert(random, world, {lock, Call("umcg_yield"), unlock});
}
void AddBasicSwap(Random& random, Scenario& world) {
  for (const char* name : {"B0", "B1"}) {
    TaskSpec task;
    task.name = name;
    task.basic = true;
    OpSpec swap = Call("umcg_swap");
    swap.args.emplace_back("task", std::string(name == std::string("B0") ? "B1" : "B0"));
    task.ops = {Plain(OpKind::kRun, 1 + random.Below(300)), swap, Plain(OpKind::kSleep, 20)};
    world.tasks.push_back(task);
  }
}
// A server waits for a worker, and on its CPU somebody else is busy.
void AddWaitWorker(Random& random, Scenario& world) {
  TaskSpec server;
  server.name = "B";
  server.basic = true;
  server.loop = 20;
  OpSpec wait = Call("umcg_wait_worker");
  wait.args.emplace_back("task", std::string("W00"));
  OpSpec wake = Call("umcg_wake");
  wake.args.emplace_back("task", std::string("W00"));
  server.ops = {wait, wake, Plain(OpKind::kSleep, 1 + random.Below(20))};
  TaskSpec busy;
  busy.name = "X";
  busy.loop = 10;
  busy.ops = {Plain(OpKind::kSleep, 10 + random.Below(30)), Plain(OpKind::kRun, 60)};
  world.tasks.push_back(server);
  world.tasks.push_back(busy);
}
// A task of another process sleeps in umcg_wait, and one of this process names it.
void AddForeignNext(Random& random, Scenario& world) {
  TaskSpec sleeper;
  sleeper.name = "F";
  sleeper.tid = 900;
  sleeper.process = "far";
  sleeper.basic = true;
  OpSpec wait = Call("umcg_wait");
  wait.args.emplace_back("until", int64_t{1000});
  sleeper.ops = {wait};
  TaskSpec namer;
  namer.name = "N";
  namer.basic = true;
  OpSpec next = Call("umcg_set_next");
  next.args.emplace_back("tid", int64_t{900});
  OpSpec until = Call("umcg_wait");
  until.args.emplace_back("until", int64_t{1500});
  namer.ops = {Plain(OpKind::kRun, 1 + random.Below(300)), next, until};
  world.tasks.push_back(sleeper);
  world.tasks.push_back(namer);
}

struct Known {
  const char* name;  // of the knob, or what user space does wrong
  const char* service;
  std::vector<std::string> fixes;  // what else is corrected meanwhile
  bool preempts;
  void (*add)(Random&, Scenario&);
  const char* reported_as;  // a violation's id, a metric that is not 0, or the outcome
  bool has_cure = false;    // `fixes` has it
  bool is_plain = false;    // nothing else from outside
};

bool Reports(const Result& result, const std::string& what) {
  if (what == "deadlock") return result.outcome == Outcome::kDeadlock;
  if (what == "livelock") return result.outcome == Outcome::kLivelock;
  if (Metric(result, what) != 0) return true;
  return std::any_of(result.violations.begin(), result.violations.end(),
                     [&](const Violation& violation) { return violation.id == what; });
}

// Seeds are tried one after the other; returns the first one whose world shows it, 0: none does.
uint64_t FirstSeed(const Known& known, uint64_t budget) {
  for (uint64_t seed = 1; seed <= budget; ++seed) {
    UmcgWorldKind kind;
    kind.service = known.service;
    kind.fixes = false;
    kind.preempts = known.preempts;
    kind.is_plain = known.is_plain;
    Scenario world = RandomUmcgWorld(seed, kind);
    world.until = Time(5000);
    if (!known.fixes.empty()) AddParam(world, "fixes", known.fixes);
    Random random(seed);
    known.add(random, world);
    const auto result = RunWorld(world);
    INFO(result.status().message());
    REQUIRE(result.ok());
    if (!Reports(*result, known.reported_as)) continue;
    if (known.has_cure) {
      AddParam(world, "fixes", std::vector<std::string>{"all"});
      const auto cured = RunWorld(world);
      REQUIRE(cured.ok());
      CHECK_FALSE(Reports(*cured, known.reported_as));
    }
    return seed;
  }
  return 0;
}

TEST_CASE("What is broken as posted is found in random groups and has its name",
          "[property][umcg]") {
  const std::vector<Known> all = {
      {"userbits_in_retry",
       "umcg-v0.6",
       {},
       false,
       AddUserBits,
       "killed_workers.word-changed",
       true},
      {"retry_rule",
       "umcg-v0.6",
       {"userbits_in_retry"},
       true,
       AddUserBits,
       "killed_workers.word-changed"},
      {"userbits_in_server, of a block",
       "umcg-v0.6",
       {},
       true,
       AddServerBits,
       "silent_blocks",
       true},
      {"userbits_in_server, of a wake-up", "umcg-v0.6", {}, true, AddServerBits, "UM-I5", true},
      {"lookup_atomic", "umcg-v0.6", {}, true, AddServerExit, "use-after-free", true},
      {"validate_next", "umcg-v0.6", {}, false, AddForeignNext, "spurious_wakes", true, true},
      {"wake_on_unregister", "umcg-v0.6", {}, true, AddBareUnregister, "deadlock", true},
      {"hook_in_wait", "umcg-v0.6", {}, true, AddHookInWait, "deadlock"},
      {"B4 marks the server first", "umcg-v0.6", {}, true, AddMarkFirst, "UM-I5"},
      {"signals", "umcg-v0.6", {}, true, AddNothing, "discarded_signals", true},
      {"signals", "umcg-v0.9", {}, true, AddNothing, "discarded_signals", true},
      {"list_push", "umcg-v0.6", {}, true, AddWideWindow, "consumer_spin", true},
      {"list_push", "umcg-v0.9", {}, true, AddWideWindow, "consumer_spin", true},
      {"list_push, for ever", "umcg-v0.6", {}, true, AddPushBehind, "livelock", true, true},
      {"list_push, for ever", "umcg-v0.9", {}, true, AddPushBehind, "livelock", true, true},
      {"a call that fails leaves IDLE", "umcg-v0.6", {}, true, AddUnknownNext, "UM-I1"},
      {"a call that fails leaves IDLE", "umcg-v0.9", {}, true, AddUnknownNext, "UM-I1"},
      {"PREEMPTED is not cleared", "umcg-v0.6", {}, true, AddStalePreempted, "UM-livelock"},
      {"PREEMPTED is not cleared", "umcg-v0.9", {}, true, AddStalePreempted, "UM-livelock"},
      {"server.timeout_protocol",
       "umcg-v0.6",
       {},
       true,
       AddLibumcgTimeout,
       "killed_workers.server-not-idle"},
      {"a server's timeout counts from the dispatch",
       "umcg-v0.6",
       {},
       true,
       AddShortTimeout,
       "UM-livelock"},
      {"exec leaves pins", "umcg-v0.6", {}, true, AddExec, "UM-I9"},
      {"a switch to a basic task", "umcg-ev", {}, true, AddBasicSwap, "UM-I12"},
      {"a switch to a basic task", "umcg-ev", {}, true, AddBasicSwap, "killed_workers.not-running"},
      {"WAIT with a tid", "umcg-ev", {}, true, AddWaitWorker, "killed_workers.no-server"},
      {"a yield in a critical section", "umcg-pz", {}, true, AddYieldInSection, "UM-I10"},
  };
  for (const Known& known : all) {
    const uint64_t seed = FirstSeed(known, 400);
    UNSCOPED_INFO(known.service << ", " << known.name << ": " << known.reported_as);
    CHECK(seed != 0);
  }
}

// Each mistake of the engine that a fault makes is caught by the invariant it breaks.
TEST_CASE("Mistakes of the kernel's half are found in random groups", "[property][umcg]") {
  struct Mistake {
    const char* fault;
    const char* service;
    void (*add)(Random&, Scenario&);
    const char* id;
  };
  const auto mark_foreign = [](Random&, Scenario& world) {
    TaskSpec idle;
    idle.name = "F";
    idle.tid = 900;
    idle.process = "far";
    idle.basic = true;
    idle.ops = {Call("umcg_wait")};
    world.tasks.push_back(idle);
    for (int at = 30; at < 300; at += 30) {
      FaultSpec poke;
      poke.name = "umcg.poke";
      poke.args = {{"at", int64_t{at}},
                   {"cpu", int64_t{0}},
                   {"task", std::string("W00")},
                   {"field", std::string("next_tid")},
                   {"set", int64_t{900}}};
      world.faults.push_back(poke);
    }
  };
  const auto use_bits = [](Random&, Scenario& world) {
    for (TaskSpec& task : world.tasks) {
      if (task.name == "W00") task.ops.insert(task.ops.begin(), Bits("umcg_set_bits", 3));
    }
  };
  const std::vector<Mistake> all = {
      {"umcg.any_space", "umcg-v0.6", mark_foreign, "UM-I11"},
      {"umcg.wrong_change", "umcg-v0.6", AddNothing, "UM-I12"},
      {"umcg.wrong_change", "umcg-v0.9", AddNothing, "UM-I12"},
      {"umcg.wrong_change", "umcg-pz", AddNothing, "UM-I12"},
      {"umcg.erases_bits", "umcg-v0.6", use_bits, "UM-I13"},
      {"umcg.erases_bits", "umcg-v0.9", use_bits, "UM-I13"},
      {"umcg.survives", "umcg-v0.9", AddUnknownNext, "UM-I14"},
      {"umcg.same_time", "umcg-v0.9", AddNothing, "UM-I15"},
      {"umcg.same_time", "umcg-pz", AddNothing, "UM-I15"},
  };
  for (const Mistake& mistake : all) {
    bool found = false;
    for (uint64_t seed = 1; seed <= 100 && !found; ++seed) {
      UmcgWorldKind kind;
      kind.service = mistake.service;
      Scenario world = RandomUmcgWorld(seed, kind);
      world.until = Time(5000);
      Random random(seed);
      mistake.add(random, world);
      FaultSpec fault;
      fault.name = mistake.fault;
      world.faults.push_back(fault);
      const auto result = RunWorld(world);
      INFO(result.status().message());
      REQUIRE(result.ok());
      found = Reports(*result, mistake.id);
    }
    UNSCOPED_INFO(mistake.fault << " under " << mistake.service << ": " << mistake.id);
    CHECK(found);
  }
}

void AddPoke(Scenario& scenario, Random& random) {
  static constexpr const char* kFields[] = {"state", "next_tid", "idle_workers_ptr",
                                            "idle_server_tid_ptr", "server_tid"};
  FaultSpec poke;
  poke.name = "umcg.poke";
  poke.args.emplace_back("at", int64_t{random.Below(300)});
  poke.args.emplace_back("cpu", int64_t{0});
  const bool worker = random.Below(3) > 0;
  poke.args.emplace_back("task", std::string(worker ? "W00" : "S00"));
  poke.args.emplace_back("field", std::string(kFields[random.Below(5)]));
  const bool small = random.OneIn(2);
  int64_t value = random.Below(1024);
  if (!small) value = (value << 30) + random.Below(1 << 30);
  poke.args.emplace_back("set", value);
  scenario.faults.push_back(poke);
}

// The same by a thread of the process, in a program.
void AddPoker(Scenario& world, Random& random) {
  static constexpr const char* kFields[] = {"state",      "next_tid",        "idle_workers_ptr",
                                            "server_tid", "idle_server_tid", "idle_workers"};
  TaskSpec task;
  task.name = "H";
  for (int i = 0; i < 6; ++i) {
    task.ops.push_back(Plain(OpKind::kSleep, 1 + random.Below(80)));
    OpSpec poke = Call("poke");
    const bool worker = random.OneIn(2);
    poke.args.emplace_back("task", std::string(worker ? "W00" : "S00"));
    const int field = random.OneIn(2) ? 0 : random.Below(6);
    poke.args.emplace_back("field", std::string(kFields[field]));
    poke.args.emplace_back("clear", int64_t{0xff});
    poke.args.emplace_back("set", int64_t{random.Below(field == 0 ? 5 : 1024)});
    task.ops.push_back(poke);
  }
  world.tasks.push_back(task);
}

// What user memory alone can break, and what it cannot: the kernel's own part of the contract.
bool MayBeBroken(const std::string& id) {
  static constexpr const char* kNever[] = {"UM-I7",  "UM-I9",  "UM-I11", "UM-I12",
                                           "UM-I13", "UM-I14", "UM-I15"};
  // MX-I9: whoever is killed in user code inside a critical section exits with its mutex.
  if (id == "MX-I9" || id == "use-after-free") return true;
  // A server may look for ever at a word that nobody will change any more, as UM-livelock says
  // where it is the kernel that looks.
  if (id == "PX-I12") return true;
  return id.starts_with("UM-") && std::none_of(std::begin(kNever), std::end(kNever),
                                               [&](const char* never) { return id == never; });
}

void CheckThatHostileWorldsEnd(uint64_t first, uint64_t count) {
  int64_t killed = 0;
  std::map<std::string, int64_t> reported;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    Random random(seed * 77);
    for (const char* service : kServices) {
      UmcgWorldKind kind;
      kind.service = service;
      kind.fixes = random.OneIn(2);
      Scenario world = RandomUmcgWorld(seed, kind);
      world.until = Time(3000);
      for (int i = 0; i < 4; ++i) AddPoke(world, random);
      if (random.OneIn(2)) AddPoker(world, random);
      INFO(service << " " << seed);
      const auto result = RunWorld(world);
      REQUIRE(result.ok());
      killed += Metric(*result, "killed_workers");
      for (const Violation& violation : result->violations) {
        ++reported[violation.id];
        if (MayBeBroken(violation.id)) continue;
        const Scenario least = ShrinkScenario(world, [&](const Scenario& scenario) {
          const auto smaller = RunAsFile(scenario);
          return smaller.ok() && Reports(*smaller, violation.id);
        });
        INFO(violation.id << " at " << violation.at.cycles() << ": " << violation.message);
        FAIL("shrunk:\n" << WriteScenario(least));
      }
    }
  }
  if (count < 100) return;
  CHECK(killed > 50);
  for (const char* id : {"UM-I1", "UM-I2", "UM-I3", "UM-I4", "UM-I5", "UM-I6", "UM-I8"}) {
    CAPTURE(id);
    CHECK(reported[id] > 0);
  }
}

TEST_CASE("Whatever stands in user memory, a run comes to an end", "[property][umcg]") {
  CheckThatHostileWorldsEnd(1, 150);
}

TEST_CASE("Many runs with anything in user memory come to an end", "[property][umcg][slow]") {
  CheckThatHostileWorldsEnd(FirstWorld(), WorldsWanted(1000));
}

}  // namespace
}  // namespace rqsim
