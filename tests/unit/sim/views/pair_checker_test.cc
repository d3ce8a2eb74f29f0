// Each property of pairing.md 4, kept and broken by a few hand-made events. Runs that break them
// with the real services are in scenarios/pairing (docs/PAIRING.md says which).
#include "sim/views/pair_checker.h"

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/policies.h"
#include "support/catch.h"
#include "support/events.h"

namespace rqsim {
namespace {

// What an event of a policy says: fields 1 and 2, then 3 to 5.
struct Said {
  int64_t first = 0;
  int64_t second = 0;
  int32_t third = 0;
  int32_t fourth = 0;
  int32_t fifth = 0;
};

// T is on CPU0, X on CPU1 with the worker of that CPU, U on CPU2.
class Pairings {
 public:
  EventFeed feed{Run()};
  PairChecker checker{Cycles(1)};

  Pairings() { feed.To(checker); }

  void Say(int64_t t, int cpu, std::string_view name, const Said& said) {
    const auto& policies = feed.policies();
    for (std::size_t p = 0; p < policies.size(); ++p) {
      const auto first = feed.first_event_kind(PolicyId(static_cast<int32_t>(p)));
      for (std::size_t e = 0; e < policies[p]->events.size(); ++e) {
        if (policies[p]->events[e].name != name) continue;
        PolicyEventPayload payload;
        payload.wide[0] = said.first;
        payload.wide[1] = said.second;
        payload.narrow[0] = said.third;
        payload.narrow[1] = said.fourth;
        payload.narrow[2] = said.fifth;
        TraceEvent event{};
        event.kind_bits = (static_cast<uint64_t>(first) + e) & 0xfff;
        event.cpu_bits = static_cast<uint64_t>(cpu) & 0xfff;
        std::memcpy(event.a, &payload, sizeof(payload));
        feed.Send(t, event);
        return;
      }
    }
    FAIL("no policy declares " << name);
  }
  int32_t Id(std::string_view task) const { return feed.Task(task).value(); }

  // A critical section on the data of CPU1.
  void Begin(int64_t t, int cpu, std::string_view task) {
    Say(t, cpu, "rseq_begin", {0, 0, Id(task), 1});
  }
  void Commit(int64_t t, int cpu, std::string_view task, int64_t lost) {
    Say(t, cpu, "rseq_commit", {1, lost, Id(task), 1});
  }
  void User(int64_t from, int64_t to, int cpu, std::string_view task) {
    feed.Spent(from, to, cpu, SegmentKind::kUser, feed.Task(task), feed.Task(task), 1);
  }
  // What pair-v2 keeps of a task and of CPU1.
  void Task(int64_t t, std::string_view task, int pair_cpu, bool worker_active) {
    Say(t, 0, "pair_task", {pair_cpu, 1, Id(task), 1, worker_active ? 1 : 0});
  }
  void Cpu(int64_t t, std::string_view running, std::string_view current) {
    Say(t, 1, "pair_cpu",
        {1, 0, running.empty() ? -1 : Id(running), current.empty() ? -1 : Id(current)});
  }
  // `task` is paired with CPU1, queued for it and let in.
  void LetIn(int64_t t, std::string_view task) {
    Say(t, 0, "pair_set", {1, 0, Id(task)});
    Task(t, task, 1, false);
    Say(t, 0, "pair_queue", {1, 1, Id(task)});
    Say(t, 0, "pair_ref", {1, 1, Id(task)});
    Say(t, 1, "pair_run", {1, 0, Id(task)});
    Cpu(t, task, task);
    Task(t, task, 1, true);
    Say(t, 1, "pair_publish", {1, 0, Id(task)});
  }
  // The work for it ends, and so does its pairing.
  void LetOut(int64_t t, std::string_view task) {
    Cpu(t, "", "");
    Task(t, task, 1, false);
    Say(t, 1, "pair_ref", {1, 0, Id(task)});
    Say(t, 1, "pair_work_end", {1, 5, Id(task)});
    Task(t, task, -1, false);
    Say(t, 0, "pair_clear", {1, 0, Id(task)});
  }
  int64_t Metric(std::string_view name) const {
    std::vector<std::pair<std::string, int64_t>> metrics;
    checker.AddTo(metrics);
    for (const auto& [metric, value] : metrics) {
      if (metric == name) return value;
    }
    return -1;
  }

 private:
  static FakeRun Run() {
    FakeRun run;
    run.cpus = 3;
    run.tasks = {"T", "U", "X", "pair/0", "pair/1"};
    run.kthreads = {"pair/0", "pair/1"};
    run.scenario.machine.cpus.resize(3);
    run.policies = {&kRseqInfo, &kPairV2Info};
    return run;
  }
};

TEST_CASE("PA-S1: sections on one CPU's data do not overlap", "[views][pair_checker]") {
  Pairings apart;
  apart.Begin(0, 0, "T");
  apart.User(0, 5, 0, "T");
  apart.Commit(5, 0, "T", 0);
  apart.Begin(5, 1, "X");
  apart.User(5, 9, 1, "X");
  apart.Commit(9, 1, "X", 0);
  apart.feed.End(9);
  CHECK(apart.feed.reported() == "");
  CHECK(apart.Metric("s1_overlap_cycles") == 0);
  CHECK(apart.Metric("rseq_commits") == 2);

  // T [0,5) and X [3,9): two cycles.
  Pairings together;
  together.Begin(0, 0, "T");
  together.Begin(3, 1, "X");
  together.User(0, 5, 0, "T");
  together.Commit(5, 0, "T", 0);
  together.User(3, 9, 1, "X");
  together.feed.End(9);
  CHECK(together.feed.reported() == "PA-S1@3");
  CHECK(together.Metric("s1_overlap_cycles") == 2);
}

TEST_CASE("PA-LU: an update that another one overwrites is lost", "[views][pair_checker]") {
  Pairings run;
  run.Begin(0, 0, "T");
  run.Commit(5, 0, "T", 0);
  run.Begin(6, 0, "T");
  run.Commit(9, 0, "T", 2);
  run.feed.End(9);
  CHECK(run.feed.reported() == "PA-LU@9");
  CHECK(run.Metric("lost_updates") == 2);
}

TEST_CASE("PA-S2: nobody else is in user code on the CPU of a paired task",
          "[views][pair_checker]") {
  Pairings run;
  run.LetIn(0, "T");
  // The worker is kernel code, and no violation.
  run.feed.Spent(0, 6, 1, SegmentKind::kKernel, run.feed.Task("pair/1"), run.feed.Task("pair/1"),
                 1);
  run.User(0, 10, 0, "T");
  CHECK(run.feed.reported() == "");
  run.User(6, 10, 1, "X");
  CHECK(run.feed.reported() == "PA-S2@6");
  run.LetOut(10, "T");
  run.User(10, 20, 0, "T");
  run.User(10, 20, 1, "X");
  run.feed.End(20);
  CHECK(run.feed.reported() == "PA-S2@6");
  CHECK(run.Metric("s2_overlap_cycles") == 4);
}

TEST_CASE("PA-S3: only one task paired with a CPU is in user code", "[views][pair_checker]") {
  Pairings run;
  run.Task(0, "T", 1, false);
  run.Task(0, "U", 1, false);
  run.User(0, 4, 0, "T");
  run.User(0, 4, 2, "U");
  run.feed.End(4);
  CHECK(run.feed.reported() == "PA-S3@0");
  CHECK(run.Metric("s3_overlap_cycles") == 4);
}

TEST_CASE("PA-S4: no worker is active when a pairing is over", "[views][pair_checker]") {
  Pairings run;
  run.LetIn(0, "T");
  run.LetOut(5, "T");
  CHECK(run.feed.reported() == "");
  run.LetIn(6, "T");
  run.Cpu(9, "", "");
  run.Task(9, "T", 1, false);
  run.Say(9, 1, "pair_ref", {1, 0, run.Id("T")});
  run.Say(9, 1, "pair_work_end", {1, 3, run.Id("T")});
  run.Task(9, "T", -1, false);
  run.Say(9, 0, "pair_clear", {1, 1, run.Id("T")});
  run.feed.End(10);
  CHECK(run.feed.reported() == "PA-S4@9");
}

TEST_CASE("PA-L1: a task that is let in again and again commits in the end",
          "[views][pair_checker]") {
  for (const bool commits : {true, false}) {
    Pairings run;
    run.LetIn(0, "T");
    // Twice more: kMaxVainEntries in all.
    for (const int64_t t : {10, 20}) {
      run.Begin(t - 5, 0, "T");
      run.Say(t - 1, 0, "rseq_abort", {0, 0, run.Id("T"), 1});
      run.Say(t, 1, "pair_publish", {1, 0, run.Id("T")});
    }
    run.Begin(25, 0, "T");
    if (commits) run.Commit(28, 0, "T", 0);
    run.feed.End(30);
    CHECK(run.feed.reported() == (commits ? "" : "PA-L1@30"));
    CHECK(run.Metric("rseq_aborts") == 2);
    CHECK(run.Metric("cs_latency_max") == (commits ? 28 : 0));
  }
}

TEST_CASE("PA-I1: tasks are on CPUs that are online, and on one at all", "[views][pair_checker]") {
  Pairings run;
  run.feed.At(3, 1, HotplugMask{.cpu = CpuId(1), .mask = HotplugMaskKind::kOnline, .on = 0});
  run.feed.Switch(4, 1, "idle", 'R', "pair/1");
  CHECK(run.feed.reported() == "");
  run.feed.Switch(5, 1, "pair/1", 'R', "X");
  CHECK(run.feed.reported() == "PA-I1@5");
  // task_cpu() of T was negative: the branch that the review calls dead.
  CHECK(run.Metric("dead_branch") == 0);
  run.Say(6, 0, "pair_call", {-1, kENXIO, run.Id("T"), 0});
  CHECK(run.feed.reported() == "PA-I1@5 PA-I1@6");
  CHECK(run.Metric("dead_branch") == 1);
  CHECK(run.Metric("pair_ipis") == 0);
  // An IPI that is sent, and one to a CPU that has gone.
  run.Say(7, 0, "pair_call", {0, 0, run.Id("T"), 0});
  run.Say(8, 0, "pair_call", {1, kENXIO, run.Id("T"), 0});
  CHECK(run.Metric("pair_ipis") == 1);
  CHECK(run.Metric("ipi_failed") == 1);
}

TEST_CASE("PA-I2: a CPU runs for a task exactly while a worker is active for it",
          "[views][pair_checker]") {
  Pairings run;
  run.LetIn(0, "T");
  run.LetOut(5, "T");
  run.Task(6, "T", 1, false);
  CHECK(run.feed.reported() == "");
  // A worker is active for T, says the task; the CPU knows nothing of it.
  run.Task(7, "T", 1, true);
  run.feed.End(9);
  CHECK(run.feed.reported() == "PA-I2@7");
}

TEST_CASE("PA-I2 leaves a worker two looks to notice that its task has gone",
          "[views][pair_checker]") {
  for (const int64_t looks : {2, 3}) {
    Pairings run;
    run.LetIn(0, "T");
    // The hook of the task that lost its CPU has taken the task's half.
    run.Task(4, "T", 1, false);
    run.feed.Spent(4, 4 + looks, 1, SegmentKind::kKernel, run.feed.Task("pair/1"),
                   run.feed.Task("pair/1"), 1);
    run.LetOut(4 + looks, "T");
    run.feed.End(20);
    CHECK(run.feed.reported() == (looks == 2 ? "" : "PA-I2@7"));
  }
}

TEST_CASE("PA-I2 leaves no time where a task with a CPU has cleared its own half",
          "[views][pair_checker]") {
  Pairings run;
  run.LetIn(0, "T");
  run.feed.Switch(2, 0, "idle", 'R', "T");
  run.Task(4, "T", 1, false);
  run.LetOut(5, "T");
  run.feed.End(20);
  CHECK(run.feed.reported() == "PA-I2@4");
}

TEST_CASE("Work and IPIs are those of the pairing they are about, also after its end",
          "[views][pair_checker]") {
  Pairings run;
  run.LetIn(0, "T");
  run.Say(2, 1, "pair_call", {0, 0, run.Id("T"), 0});
  run.LetOut(5, "T");
  run.Say(6, 1, "pair_call", {0, 0, run.Id("T"), 0});
  run.Say(6, 1, "pair_call", {0, kENXIO, run.Id("T"), 0});
  run.LetIn(10, "T");
  run.LetOut(15, "T");
  run.feed.End(20);
  const std::vector<Pairing> pairings = run.checker.TakePairings();
  REQUIRE(pairings.size() == 2);
  CHECK(pairings[0].ipis == 2);
  CHECK(pairings[0].soak == Cycles(5));
  CHECK(pairings[1].ipis == 0);
  CHECK(pairings[1].soak == Cycles(5));
}

TEST_CASE("PA-I3: work holds one reference to its task, and unpaired tasks have none",
          "[views][pair_checker]") {
  Pairings leak;
  leak.LetIn(0, "T");
  leak.Cpu(5, "", "");
  leak.Task(5, "T", 1, false);
  leak.Say(5, 1, "pair_work_end", {1, 5, leak.Id("T")});
  leak.Task(5, "T", -1, false);
  leak.Say(5, 0, "pair_clear", {1, 0, leak.Id("T")});
  leak.feed.End(6);
  CHECK(leak.feed.reported() == "PA-I3@5");

  Pairings forgotten;
  forgotten.Say(0, 0, "pair_queue", {1, 1, forgotten.Id("U")});
  forgotten.Say(0, 0, "pair_ref", {1, 1, forgotten.Id("U")});
  forgotten.Say(3, 1, "pair_run", {1, 0, forgotten.Id("U")});
  forgotten.feed.End(5);
  CHECK(forgotten.feed.reported() == "PA-I3@3 PA-I3@5");
}

TEST_CASE("Hooks of switches are counted by who pays for them", "[views][pair_checker]") {
  Pairings run;
  run.feed.Switch(0, 0, "idle", 'R', "U");
  run.Say(0, 0, "pair_hook", {3, 3, run.Id("idle"), run.Id("U"), 0});
  run.feed.Switch(5, 0, "U", 'R', "T");
  run.Say(5, 0, "pair_hook", {3, 3, run.Id("U"), run.Id("T"), 0});
  run.Task(6, "T", 1, false);
  run.feed.Switch(9, 0, "T", 'R', "U");
  run.Say(9, 0, "pair_hook", {8, 3, run.Id("T"), run.Id("U"), 1});
  run.feed.End(10);
  CHECK(run.Metric("hook_cycles") == 14);
  CHECK(run.Metric("hook_cycles_others") == 6);
  CHECK(run.Metric("o1") == 3);
  CHECK(run.Metric("o1_lines") == 3);
}

TEST_CASE("The wait behind a worker counts from the switch to it to the waiter's first cycle",
          "[views][pair_checker]") {
  Pairings run;
  run.feed.Switch(2, 1, "idle", 'R', "X");
  run.feed.At(
      2, 1,
      SchedQueue{.pid = run.feed.Task("X"), .queue = CpuId(1), .queued = 1, .wake_cpu = CpuId(1)});
  run.feed.Switch(10, 1, "X", 'R', "pair/1");
  run.feed.Switch(25, 1, "pair/1", 'S', "X");
  run.User(27, 30, 1, "X");
  run.feed.End(30);
  CHECK(run.Metric("bystander_wait_max") == 17);
  CHECK(run.Metric("bystander_wait_cycles") == 17);
}

}  // namespace
}  // namespace rqsim
