// What pairing, its alternatives and restartable sequences do step by step: what each cost delays,
// the states that the services keep, what a section survives and what not, and what becomes of what
// a task holds when it dies. Numbers are worked out by hand beside each row; the timelines of
// pairing.md are scenarios (scenarios/pairing).
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/scenario_reader.h"
#include "rqsim/simulation.h"
#include "sim/views/event_text.h"
#include "sim/views/ftrace_text.h"
#include "support/catch.h"

namespace rqsim {
namespace {

// The events of a run as text, "21 0 rseq_commit comm=T …".
class Log final : public Listener {
 public:
  EventMask Wants() const override {
    return EventMask::Of(EventKind::kSignalDeliver, EventKind::kHotplugOp, EventKind::kOpEnd)
        .AddPolicyEvents();
  }
  void OnStart(const RunInfo& info, ViolationSink&) override { info_ = &info; }
  void OnEvent(const TraceEvent& event) override {
    std::string line;
    AppendEventText(*info_, event, line);
    lines_.push_back(std::move(line));
    if (event.kind() == EventKind::kOpEnd) results_.push_back(event.As<OpEnd>().result);
  }

  // The instants of events that have all of `words`, in order: "21 64".
  std::string At(std::initializer_list<std::string_view> words) const {
    std::string out;
    for (const std::string& line : lines_) {
      const bool has_all = std::all_of(words.begin(), words.end(), [&line](std::string_view word) {
        return (line + ' ').find(fmt::format(" {} ", word)) != std::string::npos;
      });
      if (!has_all) continue;
      if (!out.empty()) out += ' ';
      out += line.substr(0, line.find(' '));
    }
    return out;
  }
  // What `name` said, a line each, without CPU and name.
  std::vector<std::string> Said(std::string_view name) const {
    std::vector<std::string> out;
    for (const std::string& line : lines_) {
      const std::size_t at = line.find(fmt::format(" {} ", name));
      if (at == std::string::npos) continue;
      out.push_back(line.substr(0, line.find(' ')) + line.substr(at + name.size() + 1));
    }
    return out;
  }
  // Of the operations that came to an end, in order.
  const std::vector<int64_t>& results() const { return results_; }

 private:
  const RunInfo* info_ = nullptr;
  std::vector<std::string> lines_;
  std::vector<int64_t> results_;
};

// Runs a scenario with the costs of pairing.md; `rest` is what it has beside them.
void Play(const std::string& rest, const std::string& services, Listener& log) {
  const std::string text = fmt::format(
      R"({{"version": 1, "name": "unit", {}, "common": {{"preset": "PA"}},
           "policies": {{"p": {{"services": [{{"name": "cpuhp", "table": "toy"}}{}{}]}}}}}})",
      rest, services.empty() ? "" : ", ", services);
  std::vector<Diagnostic> diagnostics;
  const auto scenario = ReadScenario(text, "unit.json", diagnostics);
  std::string problems;
  for (const Diagnostic& diagnostic : diagnostics) problems += FormatDiagnostic(diagnostic);
  INFO(text << problems);
  REQUIRE(scenario.has_value());
  auto simulation = Simulation::Create(*scenario, scenario->policies.front());
  REQUIRE(simulation.ok());
  (*simulation)->AddListener(log);
  (*simulation)->Run();
}

std::string Machine(std::string_view cpus) {
  return fmt::format(R"("machine": {{"cpus": [{}], "costs": {{"preset": "pair"}}}})", cpus);
}
std::string TwoCpus() { return Machine(R"({"ids": "0-1"})"); }
std::string FirstOfTwo() { return Machine(R"({"ids": "0"}, {"ids": "1", "online": false})"); }

std::string Task(std::string_view name, int priority, std::string_view more, std::string_view ops) {
  return fmt::format(R"({{"name": "{}", "sched": {{"priority": {}}}, {}, "ops": [{}]}})", name,
                     priority, more, ops);
}

constexpr std::string_view kSection = R"({"rseq_begin": 1}, {"run": 10}, {"rseq_commit": {}})";

// ------------------------------------------------------------------------------------------ costs

struct CostRow {
  const char* params;
  const char* commit;
  const char* clear;
  const char* work_end;
};

void CheckCosts(const char* service, const CostRow& row) {
  INFO(service << " " << row.params);
  Log log;
  const std::string ops = fmt::format(R"({{"pair": 1}}, {}, {{"unpair": {{}}}})", kSection);
  Play(TwoCpus() + R"(, "tasks": [)" + Task("T", 5, R"("cpus": "0")", ops) + "]",
       fmt::format(R"({{"name": "{}"{}}})", service, row.params), log);
  CHECK(log.At({"rseq_commit"}) == row.commit);
  CHECK(log.At({"pair_clear"}) == row.clear);
  CHECK(log.At({"pair_work_end"}) == row.work_end);
}

// pairing.md 6.8: SET 3, handler 4, queue 5, switch 7, publish 8, switch 10, handler 11, section
// [11,21), system call of CLEAR 22, cancel 23; the worker reads at 22.
TEST_CASE("Each cost of pair-v2 is spent where it belongs", "[service][pair-v2]") {
  for (const CostRow& row : {
           CostRow{"", "21", "23", "22"},
           // Two passes of the handler, 3 cycles more each.
           CostRow{R"(, "c_nr": 4)", "27", "29", "28"},
           CostRow{R"(, "c_queue": 4)", "24", "26", "25"},
           CostRow{R"(, "c_pub": 4)", "24", "26", "25"},
           CostRow{R"(, "c_cancel": 4)", "21", "26", "22"},
           // The worker reads at 8, 18 and 28; unpair finds it executing at 23, sleeps (switch
           // [23,25)), is woken at 28 and back at 30.
           CostRow{R"(, "c_poll": 10)", "21", "30", "28"},
           // Behind the switches to T, to the worker (T's CPU goes idle meanwhile) and back to T.
           CostRow{R"(, "c_hook": 3)", "30", "32", "31"},
           CostRow{R"(, "hook_cost": "lines")", "30", "32", "31"},
           CostRow{R"(, "hook_cost": "lines", "c_miss": 2)", "39", "41", "40"},
           CostRow{R"(, "layout": "hot", "c_layout": 2)", "27", "29", "28"},
           // Handler 6, queue 7, publish 12, handler 17, section [17,27); the worker's barrier
           // [28,30), that of unpair [28,31) with the cancel.
           CostRow{R"(, "c_mb": 2)", "27", "31", "30"},
           CostRow{R"(, "c_mb": 2, "mb": "acqrel")", "21", "23", "22"},
           // One pass of the handler.
           CostRow{R"(, "defer": "task_work")", "20", "22", "21"},
           CostRow{R"(, "defer": "task_work", "c_nr": 4)", "23", "25", "24"},
       }) {
    CheckCosts("pair-v2", row);
  }
}

// pairing.md 7.6: SET 3, queue 4, publish 7, switch 9, handler 10, section [10,20), CLEAR 21.
TEST_CASE("Each cost of pair-spin is spent where it belongs", "[service][pair-spin]") {
  for (const CostRow& row : {
           CostRow{"", "20", "21", "21"},
           CostRow{R"(, "c_nr": 4)", "26", "27", "27"},
           CostRow{R"(, "c_pub": 4)", "23", "24", "24"},
           // The spinner reads at 7, 17 and 27, and nobody waits for it.
           CostRow{R"(, "c_poll": 10)", "20", "21", "27"},
           CostRow{R"(, "spin_exit_gap": 6)", "20", "21", "27"},
           // Queue 6, switch 8, flag 10, publish 11, switch 13, flag 15, handler 16.
           CostRow{R"(, "c_flag": 2)", "26", "27", "27"},
       }) {
    CheckCosts("pair-spin", row);
  }
}

// ----------------------------------------------------------------------------------------- states

TEST_CASE("pair-v2 passes through the states of timeline P2", "[service][pair-v2]") {
  Log log;
  Play(TwoCpus() + R"(, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")",
                R"({"pair": 1}, {"rseq_begin": 1}, {"run": 20}, {"rseq_commit": {}},
                   {"unpair": {}})") +
           ", " + Task("X", 9, R"("cpus": "1", "start": 16)", R"({"run": 10})") + "]",
       R"("pair-v2")", log);
  const auto state = [](int t, int queued, int need, int active) {
    return fmt::format("{} cpu={} queued_work={} comm=T pid=1 need_worker={} worker_active={}", t,
                       t == 66 ? "none" : "1", queued, need, active);
  };
  const std::vector<std::string> task = {
      state(3, 0, 0, 0),   // SET
      state(5, 1, 1, 0),   // queued
      state(8, 1, 1, 1),   // published
      state(19, 1, 1, 0),  // the hook of the worker's switch to X
      state(35, 1, 1, 0),  // the work has ended
      state(37, 0, 1, 0),  // which T has waited for, and taken back
      state(38, 1, 1, 0), state(41, 1, 1, 1), state(65, 1, 0, 1),  // unpair needs no worker
      state(65, 1, 0, 0),                                          // which has noticed
      state(66, 0, 0, 0),
  };
  CHECK(log.Said("pair_task") == task);
  const std::vector<std::string> cpu = {
      "8 cpu=1 worker_preempted=0 running=T current=T",
      "19 cpu=1 worker_preempted=1 running=none current=T",
      "35 cpu=1 worker_preempted=1 running=none current=T",
      "35 cpu=1 worker_preempted=1 running=none current=none",
      "41 cpu=1 worker_preempted=0 running=T current=T",
      "65 cpu=1 worker_preempted=0 running=none current=T",
      "65 cpu=1 worker_preempted=0 running=none current=none",
  };
  CHECK(log.Said("pair_cpu") == cpu);
  CHECK(log.At({"pair_ref"}) == "5 35 38 65");
}

// Timeline P3': T loses its CPU at 16 (switch to 18, where the spinner reads), is back at 30.
TEST_CASE("pair-spin ends with its task's time on a CPU and takes it anew",
          "[service][pair-spin]") {
  Log log;
  Play(TwoCpus() + R"(, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")",
                R"({"pair": 1}, {"rseq_begin": 1}, {"run": 20}, {"rseq_commit": {}},
                   {"unpair": {}})") +
           ", " + Task("Y", 9, R"("cpus": "0", "start": 16)", R"({"run": 10})") + "]",
       R"("pair-spin")", log);
  CHECK(log.At({"pair_queue"}) == "4 31");
  CHECK(log.At({"pair_publish"}) == "7 34");
  CHECK(log.At({"pair_work_end"}) == "18 58");
  CHECK(log.At({"rseq_abort"}) == "37");
  CHECK(log.At({"rseq_commit"}) == "57");
}

// Timeline P1, as a kernel's trace would have it; the address of T's work is T's number.
TEST_CASE("The work of pair-v2 is in the ftrace text in the kernel's format",
          "[service][pair-v2][ftrace]") {
  StringSink sink;
  FtraceText trace(sink);
  Play(TwoCpus() + R"(, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")",
                fmt::format(R"({{"pair": 1}}, {}, {{"unpair": {{}}}})", kSection)) +
           "]",
       R"("pair-v2")", trace);
  for (const char* line :
       {"0.000000005: sched_kthread_work_queue_work: work struct=0000000000000001 "
        "function=pair_cpu_work_func worker=",
        "0.000000007: sched_kthread_work_execute_start: work struct 0000000000000001: function "
        "pair_cpu_work_func\n",
        "0.000000022: sched_kthread_work_execute_end: work struct 0000000000000001: function "
        "pair_cpu_work_func\n"}) {
    INFO(line);
    CHECK(sink.text().find(line) != std::string::npos);
  }
}

// In user code for ever, and killed at 20.
TEST_CASE("A task that dies while it is paired is let go", "[service][pair-v2][pair-spin]") {
  for (const char* service : {R"("pair-v2")", R"("pair-spin")"}) {
    INFO(service);
    Log log;
    Play(TwoCpus() + R"(, "until": 100, "tasks": [)" +
             Task("T", 5, R"("cpus": "0")", R"({"pair": 1}, {"run": "forever"})") + ", " +
             Task("X", 5, R"("cpus": "1", "start": 30)", R"({"run": 10})") +
             R"(], "actions": [{"at": 20, "signal": {"task": "T", "signal": "KILL"}}])",
         service, log);
    const std::string end = log.At({"pair_work_end"});
    REQUIRE_FALSE(end.empty());
    CHECK(std::stoi(end) >= 20);
    CHECK(std::stoi(end) <= 25);
  }
}

// -------------------------------------------------------------------------------------------- rseq

struct SectionRow {
  const char* what;
  std::string tasks;
  const char* more;
  const char* rseq;  // parameters of the service rseq
  const char* aborts;
  const char* commit;
};

void CheckSection(const SectionRow& row) {
  INFO(row.what);
  Log log;
  Play(TwoCpus() + R"(, "tasks": [)" + row.tasks + "]" + row.more,
       row.rseq[0] == '\0' ? "" : fmt::format(R"({{"name": "rseq", {}}})", row.rseq), log);
  CHECK(log.At({"rseq_abort"}) == row.aborts);
  CHECK(log.At({"rseq_ip_fixup"}) == row.aborts);
  CHECK(log.At({"rseq_commit", "comm=T"}) == row.commit);
}

// T is in at 2 and in its section of 10.
TEST_CASE("A section is started anew when it is preempted, moved or signalled", "[service][rseq]") {
  const std::string alone = Task("T", 5, R"("start_cpu": 0)", kSection);
  // Y: switch [5,7), [7,12), switch [12,14).
  const std::string preempted =
      alone + ", " + Task("Y", 9, R"("cpus": "0", "start": 5)", R"({"run": 5})");
  for (const SectionRow& row : {
           SectionRow{"nothing happens", alone, "", "", "", "12"},
           SectionRow{"preempted", preempted, "", "", "14", "24"},
           SectionRow{"… with what an abort costs", preempted, "", R"("c_abort": 7)", "21", "31"},
           SectionRow{"… and the ids rewritten", preempted, "", R"("c_rseq_update": 3)", "17",
                      "27"},
           // Stop task [5,7), moved 8, switched in on CPU1 at 10.
           SectionRow{"moved", alone,
                      R"(, "actions": [{"at": 5, "set_affinity": {"task": "T", "cpus": "1"}}])", "",
                      "10", "20"},
           SectionRow{"signalled", alone, R"(, "actions": [{"at": 5, "signal": {"task": "T"}}])",
                      "", "5", "15"},
           // A wake-up that preempts nobody: W waits, and so would an interrupt's end.
           SectionRow{"not preempted",
                      alone + ", " + Task("W", 1, R"("cpus": "0", "start": 5)", R"({"run": 5})"),
                      "", "", "", "12"},
       }) {
    CheckSection(row);
  }
}

TEST_CASE("Version 1 of the rseq ABI rewrites the ids after every switch", "[service][rseq]") {
  // The section is over at 12 and T in plain user code when Y takes the CPU: [15,17), [17,22), back
  // 24, on the same CPU as before.
  for (const char* abi : {"1", "2"}) {
    Log log;
    Play(TwoCpus() + R"(, "tasks": [)" +
             Task("T", 5, R"("cpus": "0")", std::string(kSection) + R"(, {"run": 10})") + ", " +
             Task("Y", 9, R"("cpus": "0", "start": 15)", R"({"run": 5})") + "]",
         fmt::format(R"({{"name": "rseq", "rseq_abi": "{}"}})", abi), log);
    CHECK(log.At({"rseq_update", "comm=T"}) == (std::string_view(abi) == "1" ? "24" : ""));
    CHECK(log.At({"rseq_abort"}) == "");
  }
}

TEST_CASE("A guard compares the CPU with that of the data", "[service][rseq]") {
  const auto section = [](std::string_view guard, std::string_view on_abort) {
    return fmt::format(
        R"({{"rseq_begin": {{"data": 1, "guard": "{}", "on_abort": "{}"}}}}, {{"run": 10}},
           {{"rseq_commit": {{}}}}, {{"run": 3}})",
        guard, on_abort);
  };
  struct Row {
    std::string machine;
    const char* guard;
    const char* on_abort;
    const char* fails;
    const char* commit;
  };
  for (const Row& row : {
           Row{TwoCpus(), "none", "retry", "", "12"},
           // Given up behind the end, at once.
           Row{TwoCpus(), "cpu_id", "fail", "2", ""},
           // A cycle of user code each time, until the end of the run at 6.
           Row{TwoCpus() + R"(, "until": 6)", "cpu_id", "retry", "2 3 4 5 6", ""},
           Row{TwoCpus() + R"(, "until": 4)", "if_online", "retry", "2 3 4", ""},
           Row{FirstOfTwo(), "if_online", "retry", "", "12"},
           Row{FirstOfTwo(), "cpu_id", "fail", "2", ""},
       }) {
    INFO(row.guard << " " << row.on_abort);
    Log log;
    Play(row.machine + R"(, "tasks": [)" +
             Task("T", 5, R"("start_cpu": 0)", section(row.guard, row.on_abort)) + "]",
         "", log);
    CHECK(log.At({"rseq_guard_fail"}) == row.fails);
    CHECK(log.At({"rseq_commit"}) == row.commit);
  }
}

// Three updates of data[1]: T reads 0 at 2, X commits at 7 and 12, T at 22: 1 instead of 3.
TEST_CASE("An update that was read before others is written over them", "[service][rseq]") {
  Log log;
  Play(
      TwoCpus() + R"(, "tasks": [)" +
          Task("T", 5, R"("cpus": "0")", R"({"rseq_begin": 1}, {"run": 20}, {"rseq_commit": {}})") +
          ", " +
          Task("X", 5, R"("cpus": "1", "loop": 2)",
               R"({"rseq_begin": 1}, {"run": 5}, {"rseq_commit": {}})") +
          "]",
      "", log);
  const std::vector<std::string> commits = {"7 value=1 lost=0 comm=X pid=2 data=1",
                                            "12 value=2 lost=0 comm=X pid=2 data=1",
                                            "22 value=1 lost=2 comm=T pid=1 data=1"};
  CHECK(log.Said("rseq_commit") == commits);
}

TEST_CASE("A section on no CPU's data does not begin, and none that has not begun ends",
          "[service][rseq]") {
  Log log;
  Play(TwoCpus() + R"(, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")",
                R"({"rseq_begin": 9}, {"run": 4}, {"rseq_commit": {}}, {"rseq_commit": {}})") +
           "]",
       "", log);
  CHECK(log.At({"rseq_begin"}) == "");
  CHECK(log.At({"rseq_commit"}) == "");
  CHECK(std::count(log.results().begin(), log.results().end(), kEINVAL) == 3);
}

// ------------------------------------------------------------------------------------ alternatives

// pairing.md 11.18: IPI 8→11, its handler to 12, the signal's own handler from 12.
TEST_CASE("The signal's handler runs before the section is tried anew",
          "[service][hotplug-signal]") {
  for (const int cost : {2, 5}) {
    Log log;
    Play(FirstOfTwo() + R"(, "tasks": [)" +
             Task("T", 5, R"("cpus": "0")",
                  std::string(R"({"hotplug_register": 1}, )") + std::string(kSection)) +
             R"(], "hotplug": [{"at": 8, "cpu": 1, "to": "online"}])",
         fmt::format(R"({{"name": "hotplug-signal", "c_sighand": {}}})", cost), log);
    CHECK(log.At({"rseq_abort"}) == "12");
    CHECK(log.At({"rseq_commit"}) == std::to_string(12 + cost + 10));
  }
}

// Three users of the data of CPU1, which stays offline, on a CPU each: system call, section, system
// call. The first is in at 3; the others wait for the mutex and are switched in again in 2 cycles:
// commit 13, leave 14, in 16, commit 26, leave 27, in 29, commit 39.
TEST_CASE("Users of an offline CPU's data take its mutex in turn",
          "[service][pin-online][hotplug-signal]") {
  for (const char* service : {"pin", "signal"}) {
    INFO(service);
    std::string tasks;
    for (int i = 0; i < 3; ++i) {
      tasks += (i == 0 ? "" : ", ") +
               Task(fmt::format("U{}", i), 5,
                    fmt::format(R"("cpus": "{}", "start": {})", i == 0 ? 0 : i + 1, i),
                    R"({"percpu": {"cpu": 1, "run": 10}})");
    }
    Log log;
    Play(Machine(R"({"ids": "0"}, {"ids": "1", "online": false}, {"ids": "2-3"})") +
             R"(, "tasks": [)" + tasks + "]",
         std::string_view(service) == "pin" ? R"("pin-online")" : R"("hotplug-signal")", log);
    CHECK(log.At({"rseq_commit", "comm=U0"}) == "13");
    CHECK(log.At({"rseq_commit", "comm=U1"}) == "26");
    CHECK(log.At({"rseq_commit", "comm=U2"}) == "39");
  }
}

// T dies at 10 with the file open twice, or in the middle of what it came for.
TEST_CASE("A task that dies closes its files and gives its mutex up", "[service][pin-online]") {
  Log files;
  Play(TwoCpus() + R"(, "until": 60, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")",
                R"({"pin_online": 1}, {"pin_online": 1}, {"run": "forever"})") +
           R"(], "actions": [{"at": 10, "signal": {"task": "T", "signal": "KILL"}}],
              "hotplug": [{"at": 8, "cpu": 1, "to": "offline"},
                          {"at": 30, "cpu": 1, "to": "offline"}])",
       R"("pin-online")", files);
  CHECK(files.At({"hotplug_op", "phase=2", "result=-16"}) == "8");
  CHECK(files.At({"hotplug_op", "phase=2", "result=0"}) == "30");

  Log mutex;
  Play(Machine(R"({"ids": "0"}, {"ids": "1", "online": false}, {"ids": "2"})") +
           R"(, "until": 60, "tasks": [)" +
           Task("T", 5, R"("cpus": "0")", R"({"percpu": {"cpu": 1, "run": 100}})") + ", " +
           Task("U", 5, R"("cpus": "2", "start": 4)", R"({"percpu": {"cpu": 1, "run": 10}})") +
           R"(], "actions": [{"at": 10, "signal": {"task": "T", "signal": "KILL"}}])",
       R"("pin-online")", mutex);
  CHECK(mutex.At({"rseq_commit", "comm=T"}) == "");
  CHECK_FALSE(mutex.At({"rseq_commit", "comm=U"}).empty());
}

// CPU1 is offline and CPU0 the offload CPU for both: U waits for its turn, no section overlaps.
// affinity2 3, T [3,13), gives way at its exit: its mask is its own again at 14; U has the CPU at
// 16, its call 17, section [17,27).
TEST_CASE("affinity2 lets users of an offline CPU run one after another", "[service][affinity2]") {
  Log log;
  Play(FirstOfTwo() + R"(, "tasks": [)" +
           Task("T", 5, R"("start_cpu": 0)", R"({"percpu": {"cpu": 1, "run": 10}})") + ", " +
           Task("U", 5, R"("start_cpu": 0, "start": 1)", R"({"percpu": {"cpu": 1, "run": 10}})") +
           "]",
       R"("affinity2")", log);
  CHECK(log.At({"rseq_commit", "comm=T"}) == "13");
  CHECK(log.At({"rseq_commit", "comm=U"}) == "27");
  CHECK(log.At({"rseq_abort"}) == "");
}

// The baseline goes to CPU1 (call 3, stop task [3,5), moved 6, in 8), updates, and goes back.
TEST_CASE("setaffinity moves there, updates natively and restores the mask",
          "[service][setaffinity]") {
  Log log;
  Play(TwoCpus() + R"(, "tasks": [)" +
           Task("T", 5, R"("start_cpu": 0)",
                R"({"percpu": {"cpu": 1, "run": 10}}, {"set_affinity": "0"}, {"run": 1})") +
           "]",
       R"("setaffinity")", log);
  CHECK(log.At({"rseq_begin"}) == "8");
  CHECK(log.At({"rseq_commit", "comm=T"}) == "18");
}

}  // namespace
}  // namespace rqsim
