#include <string>
#include <vector>

#include "rqsim/import.h"
#include "rqsim/ops.h"
#include "support/catch.h"

namespace rqsim {
namespace {

struct Imported {
  std::optional<Scenario> scenario;
  std::vector<Diagnostic> diagnostics;
  ImportReport report;

  // The first diagnostic whose message has `text`; null if there is none.
  const Diagnostic* Find(std::string_view text) const {
    for (const Diagnostic& diagnostic : diagnostics) {
      if (diagnostic.message.find(text) != std::string::npos) return &diagnostic;
    }
    return nullptr;
  }
};

Imported Import(std::string_view text, const RtAppOptions& options = {}) {
  Imported imported;
  imported.scenario =
      ImportRtApp(text, "dir/load.json", options, imported.diagnostics, &imported.report);
  // Whatever the input: what goes in comes out or is named.
  if (imported.scenario) {
    CHECK(imported.report.operations_in ==
          imported.report.operations_out + imported.report.operations_not_modelled);
  }
  return imported;
}

// Of a single thread "t" with these keys, which stand on line 2 from column 1.
Imported ImportThread(const std::string& keys, const RtAppOptions& options = {}) {
  return Import("{\"tasks\": {\"t\": {\n" + keys + "}}, \"global\": {\"duration\": 1}}", options);
}

bool IsErrorAt(const Imported& imported, std::string_view text, int line, int column) {
  const Diagnostic* found = imported.Find(text);
  if (imported.scenario || found == nullptr) return false;
  CHECK(found->pos == SourcePos{line, column});
  CHECK(found->file == "dir/load.json");
  return found->severity == Diagnostic::Severity::kError;
}

// Whether a thread with these keys is refused with `text` at the place where `place` stands in
// them.
bool IsThreadErrorAt(const std::string& keys, std::string_view text, std::string_view place,
                     const RtAppOptions& options = {}) {
  const int column = static_cast<int>(keys.find(place)) + 1;
  return IsErrorAt(ImportThread(keys, options), text, 2, column);
}

// "run sleep 4x(lock unlock)"
std::string Words(const std::vector<OpSpec>& ops) {
  std::string words;
  for (const OpSpec& op : ops) {
    if (!words.empty()) words += ' ';
    if (op.kind == OpKind::kLoop) {
      words += std::to_string(op.count) + "x(" + Words(op.ops) + ")";
    } else {
      words += OpInfoOf(op.kind).name;
    }
  }
  return words;
}

TEST_CASE("A thread becomes a task with the operations in their order", "[rtapp]") {
  const Imported imported = Import(
      "{ // two kinds of load\n"
      "  \"tasks\": {\n"
      "    \"a\": {\"loop\": 3, \"run\": 20, \"sleep\": 5, \"run\": 7,},\n"
      "    \"b\": {\"lock\": \"m\", \"runtime\": 4, \"unlock\": \"m\"}\n"
      "  },\n"
      "  \"global\": {\"duration\": 2}\n"
      "}\n");
  REQUIRE(imported.scenario);
  CHECK(imported.diagnostics.empty());
  const Scenario& scenario = *imported.scenario;
  CHECK(scenario.name == "load");
  REQUIRE(scenario.tasks.size() == 2);
  CHECK(scenario.tasks[0].name == "a");
  CHECK(scenario.tasks[0].loop == 3);
  REQUIRE(Words(scenario.tasks[0].ops) == "run sleep run");
  // A microsecond is 1000 cycles of the default clock of 1 GHz.
  CHECK(scenario.tasks[0].ops[0].cycles == Cycles(20'000));
  CHECK(scenario.tasks[0].ops[1].cycles == Cycles(5'000));
  CHECK(scenario.tasks[0].ops[2].cycles == Cycles(7'000));
  CHECK(scenario.tasks[0].ops[2].pos == SourcePos{3, 45});
  CHECK(Words(scenario.tasks[1].ops) == "lock runtime unlock");
  CHECK(scenario.tasks[1].loop == -1);
  CHECK(scenario.mutexes == std::vector<std::string>{"m"});
  CHECK(scenario.until == Time(2'000'000'000));
  CHECK(imported.report.operations_in == 6);
  CHECK(imported.report.operations_out == 6);
}

TEST_CASE("A key is the longest operation it begins with", "[rtapp]") {
  const Imported imported =
      ImportThread(R"("run0": 1, "runtime1": 2, "lock_a": "m", "unlock9": "m", "sleepy": 3)");
  REQUIRE(imported.scenario);
  CHECK(Words(imported.scenario->tasks[0].ops) == "run runtime lock unlock sleep");
}

TEST_CASE("A key without a value suspends on the thread's own name", "[rtapp]") {
  const Imported imported = Import(
      R"({"tasks": {"t": {"suspend", "run": 1, "suspend": ""}, "u": {"loop": 1, "resume": "t"}}})");
  REQUIRE(imported.scenario);
  const TaskSpec& task = imported.scenario->tasks[0];
  REQUIRE(Words(task.ops) == "suspend run suspend");
  CHECK(task.ops[0].name == "t");
  CHECK(task.ops[2].name == "t");
  CHECK(imported.scenario->tasks[1].ops[0].name == "t");
}

TEST_CASE("Positions behind a completed key are those of the file", "[rtapp]") {
  CHECK(IsThreadErrorAt(R"("suspend", "run": "x")", "tasks.t.run: microseconds wanted", R"("x")"));
}

TEST_CASE("Phases become loops, and a phase that is done once stands in line", "[rtapp]") {
  const Imported imported = ImportThread(
      R"("loop": 2, "phases": {"p": {"loop": 4, "run": 1, "sleep": 1}, "q": {"run": 2}})");
  REQUIRE(imported.scenario);
  CHECK(imported.scenario->tasks[0].loop == 2);
  CHECK(Words(imported.scenario->tasks[0].ops) == "4x(run sleep) run");
  CHECK(imported.scenario->tasks[0].ops[0].name == "p");
}

TEST_CASE("Phases of one name are all kept", "[rtapp]") {
  const Imported imported =
      ImportThread(R"("phases": {"p": {"run": 1}, "q": {"sleep": 1}, "p": {"yield": ""}})");
  REQUIRE(imported.scenario);
  CHECK(Words(imported.scenario->tasks[0].ops) == "run sleep yield");
}

TEST_CASE("Operations beside phases are named, as rt-app passes over them", "[rtapp]") {
  const Imported imported = ImportThread(R"("run": 5, "phases": {"p": {"run": 1}})");
  REQUIRE(imported.scenario);
  CHECK(imported.report.operations_in == 2);
  REQUIRE(imported.report.not_modelled.size() == 1);
  CHECK(imported.report.not_modelled[0].path == "tasks.t.run");
  CHECK(imported.report.not_modelled[0].is_operation);
  CHECK(imported.report.not_modelled[0].pos == SourcePos{2, 1});
}

TEST_CASE("A thread loops for ever unless it says how often", "[rtapp]") {
  CHECK(ImportThread(R"("run": 1)").scenario->tasks[0].loop == -1);
  CHECK(ImportThread(R"("phases": {"p": {"run": 1}})").scenario->tasks[0].loop == -1);
  CHECK(ImportThread(R"("run": 1, "loop": 1)").scenario->tasks[0].loop == 1);
  CHECK(IsThreadErrorAt(R"("run": 1, "loop": 0)", "tasks.t.loop: -1 (for ever) or 1", R"(0)"));
}

TEST_CASE("Instances and delay are the task's", "[rtapp]") {
  const Imported imported = ImportThread(R"("instance": 4, "delay": 250, "run": 1)");
  REQUIRE(imported.scenario);
  CHECK(imported.scenario->tasks[0].instances == 4);
  CHECK(imported.scenario->tasks[0].start == Time(250'000));
  CHECK(IsThreadErrorAt(R"("instance": -1, "run": 1)", "tasks.t.instance", R"(-1)"));
}

TEST_CASE("A timer belongs to the thread if its name begins with unique", "[rtapp]") {
  const Imported imported = ImportThread(
      R"("timer": {"ref": "uniqueA", "period": 100}, "timer": {"ref": "tick", "period": 40})");
  REQUIRE(imported.scenario);
  const std::vector<OpSpec>& ops = imported.scenario->tasks[0].ops;
  REQUIRE(Words(ops) == "timer timer");
  CHECK(ops[0].name == "uniqueA");
  CHECK(ops[0].unique);
  CHECK(ops[0].cycles == Cycles(100'000));
  CHECK(ops[0].timer_mode == TimerMode::kRelative);
  CHECK_FALSE(ops[1].unique);
}

TEST_CASE("The mode is the timer's, whichever use says it", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {
    "a": {"timer": {"ref": "tick", "period": 5}, "timer": {"ref": "unique", "period": 5}},
    "b": {"timer": {"ref": "tick", "period": 5, "mode": "absolute"},
          "timer": {"ref": "unique", "period": 5, "mode": "absolute"}}}})");
  REQUIRE(imported.scenario);
  const std::vector<OpSpec>& a = imported.scenario->tasks[0].ops;
  CHECK(a[0].timer_mode == TimerMode::kAbsolute);
  // "unique" of a is another timer than that of b.
  CHECK(a[1].timer_mode == TimerMode::kRelative);
  CHECK(imported.scenario->tasks[1].ops[1].timer_mode == TimerMode::kAbsolute);
}

TEST_CASE("wait and sync name a condition variable and a mutex, declared by their use", "[rtapp]") {
  const Imported imported = ImportThread(
      R"("lock": "m", "wait": {"ref": "c", "mutex": "m"}, "sync": {"ref": "d", "mutex": "n"},
         "signal": "e", "broad": "c", "unlock": "m")");
  REQUIRE(imported.scenario);
  const Scenario& scenario = *imported.scenario;
  REQUIRE(Words(scenario.tasks[0].ops) == "lock wait sync signal broad unlock");
  CHECK(scenario.tasks[0].ops[1].name == "c");
  CHECK(scenario.tasks[0].ops[1].second == "m");
  CHECK(scenario.mutexes == std::vector<std::string>{"m", "n"});
  CHECK(scenario.condvars == std::vector<std::string>{"c", "d", "e"});
}

TEST_CASE("suspend on a resource with other users is written out", "[rtapp]") {
  // The signal must be able to wake the suspended thread: in rt-app both use condition variable
  // "r".
  const Imported imported = Import(R"({"tasks": {
    "a": {"suspend": "r", "run": 1},
    "b": {"lock": "r", "signal": "r", "unlock": "r", "resume": "r"},
    "c": {"suspend": "other"}}})");
  REQUIRE(imported.scenario);
  const Scenario& scenario = *imported.scenario;
  CHECK(Words(scenario.tasks[0].ops) == "lock wait unlock run");
  CHECK(scenario.tasks[0].ops[1].name == "r");
  CHECK(scenario.tasks[0].ops[1].second == "r");
  CHECK(Words(scenario.tasks[1].ops) == "lock signal unlock lock broad unlock");
  CHECK(Words(scenario.tasks[2].ops) == "suspend");
  CHECK(imported.report.operations_out == 7);
  CHECK(imported.report.operations_added == 4);
}

TEST_CASE("priority is a nice value or a real-time priority, by the policy", "[rtapp]") {
  const SchedSpec other = ImportThread(R"("priority": -19, "run": 1)").scenario->tasks[0].sched;
  CHECK(other.policy == SchedPolicy::kNormal);
  CHECK(other.nice == -19);
  const SchedSpec fifo =
      ImportThread(R"("policy": "SCHED_FIFO", "priority": 42, "run": 1)").scenario->tasks[0].sched;
  CHECK(fifo.policy == SchedPolicy::kFifo);
  CHECK(fifo.priority == 42);
  const SchedSpec rr = ImportThread(R"("policy": "SCHED_RR", "run": 1)").scenario->tasks[0].sched;
  CHECK(rr.policy == SchedPolicy::kRr);
  CHECK(rr.priority == 10);
  CHECK(IsThreadErrorAt(R"("priority": -21, "run": 1)", "-21 is no nice value", R"(-21)"));
  CHECK(IsThreadErrorAt(R"("policy": "SCHED_FIFO", "priority": -1, "run": 1)",
                        "-1 is no real-time priority", R"(-1)"));
  CHECK(IsThreadErrorAt(R"("policy": "FIFO", "run": 1)", "\"FIFO\" found", R"("FIFO")"));
}

TEST_CASE("A deadline thread's period is its runtime and its deadline the period", "[rtapp]") {
  const SchedSpec all =
      ImportThread(
          R"("policy": "SCHED_DEADLINE", "dl-runtime": 20, "dl-deadline": 50, "dl-period": 60, "run": 1)")
          .scenario->tasks[0]
          .sched;
  CHECK(all.policy == SchedPolicy::kDeadline);
  CHECK(all.dl_runtime == Cycles(20'000));
  CHECK(all.dl_deadline == Cycles(50'000));
  CHECK(all.dl_period == Cycles(60'000));
  const SchedSpec runtime =
      ImportThread(R"("policy": "SCHED_DEADLINE", "dl-runtime": 20, "run": 1)")
          .scenario->tasks[0]
          .sched;
  CHECK(runtime.dl_period == Cycles(20'000));
  CHECK(runtime.dl_deadline == Cycles(20'000));
  CHECK(IsErrorAt(ImportThread(R"("policy": "SCHED_DEADLINE", "run": 1)"),
                  "SCHED_DEADLINE needs a dl-runtime", 1, 12));
  CHECK(IsThreadErrorAt(R"("policy": "SCHED_DEADLINE", "dl-runtime": 9, "dl-period": 8, "run": 1)",
                        "dl-runtime <= dl-deadline", R"(9,)"));
}

TEST_CASE("dl-runtime of a SCHED_OTHER thread is its slice", "[rtapp]") {
  const SchedSpec sched = ImportThread(R"("policy": "SCHED_OTHER", "dl-runtime": 100, "run": 1)")
                              .scenario->tasks[0]
                              .sched;
  CHECK(sched.policy == SchedPolicy::kNormal);
  CHECK(sched.slice == Cycles(100'000));
}

TEST_CASE("Phases change policy and priority where they say so", "[rtapp]") {
  const Imported imported = ImportThread(
      R"("priority": 3, "phases": {
           "a": {"run": 1},
           "b": {"policy": "SCHED_FIFO", "run": 1},
           "c": {"run": 1},
           "d": {"priority": 20, "run": 1}})");
  REQUIRE(imported.scenario);
  const TaskSpec& task = imported.scenario->tasks[0];
  CHECK(task.sched.nice == 3);
  REQUIRE(Words(task.ops) == "run set_sched run run set_sched run");
  CHECK(task.ops[1].sched.policy == SchedPolicy::kFifo);
  CHECK(task.ops[1].sched.priority == 10);
  // The policy stays, so this is a real-time priority.
  CHECK(task.ops[4].sched.policy == SchedPolicy::kFifo);
  CHECK(task.ops[4].sched.priority == 20);
  CHECK(imported.report.operations_added == 2);
}

TEST_CASE("Phases change the CPUs, and one that names none has the thread's", "[rtapp]") {
  const Imported imported = ImportThread(
      R"("cpus": [2], "phases": {"a": {"cpus": [0], "run": 1}, "b": {"cpus": [0, 1], "run": 1},
         "c": {"run": 1}})");
  REQUIRE(imported.scenario);
  const TaskSpec& task = imported.scenario->tasks[0];
  // Made on the CPUs of its first phase, to which it comes back when it starts over.
  CHECK(task.cpus->ToString() == "0");
  REQUIRE(Words(task.ops) == "set_affinity run set_affinity run set_affinity run");
  CHECK(task.ops[0].cpus.ToString() == "0");
  CHECK(task.ops[2].cpus.ToString() == "0-1");
  CHECK(task.ops[4].cpus.ToString() == "2");
  CHECK(imported.scenario->machine.cpus.size() == 3);
}

TEST_CASE("A thread that does not start over keeps its first phase's CPUs without an operation",
          "[rtapp]") {
  const Imported imported =
      ImportThread(R"("loop": 1, "phases": {"a": {"cpus": [1], "run": 1}, "b": {"run": 1}})");
  REQUIRE(imported.scenario);
  REQUIRE(Words(imported.scenario->tasks[0].ops) == "run set_affinity run");
  // Neither the phase nor the thread names any: all.
  CHECK(imported.scenario->tasks[0].ops[1].cpus.ToString() == "0-1");
}

TEST_CASE("There are as many CPUs as the file names, or as one asks for", "[rtapp]") {
  CHECK(ImportThread(R"("run": 1)").scenario->machine.cpus.size() == 1);
  CHECK(ImportThread(R"("cpus": [5], "run": 1)").scenario->machine.cpus.size() == 6);
  CHECK(ImportThread(R"("cpus": [1], "run": 1)", {.cpus = 8, .name = ""})
            .scenario->machine.cpus.size() == 8);
  CHECK(IsThreadErrorAt(R"("cpus": [0, 5], "run": 1)", "CPU 5 is not among the 4 of --cpus", R"(5)",
                        {.cpus = 4, .name = ""}));
  CHECK(IsThreadErrorAt(R"("cpus": [1024], "run": 1)", "a CPU number from 0 to 1023", R"(1024)"));
  CHECK(IsThreadErrorAt(R"("cpus": [], "run": 1)", "an empty one found", R"([])"));
}

TEST_CASE("Threads start where the fewest have started so far", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {
    "a": {"loop": 1, "run": 1}, "b": {"loop": 1, "cpus": [2], "run": 1},
    "c": {"loop": 1, "instance": 2, "run": 1}, "d": {"loop": 1, "instance": 0, "run": 1},
    "e": {"loop": 1, "cpus": [1, 2], "run": 1}, "f": {"loop": 1, "run": 1}}})");
  REQUIRE(imported.scenario);
  const std::vector<TaskSpec>& tasks = imported.scenario->tasks;
  // a on 0; b on 2; c, twice, on 1; e on 2, which has one; f on 0, which has one.
  CHECK_FALSE(tasks[0].start_cpu);
  CHECK_FALSE(tasks[1].start_cpu);
  CHECK(tasks[2].start_cpu == CpuId(1));
  CHECK_FALSE(tasks[3].start_cpu);
  CHECK(tasks[4].start_cpu == CpuId(2));
  CHECK_FALSE(tasks[5].start_cpu);
}

TEST_CASE("The section global sets the end, the policy and inheritance", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {"t": {"run": 1}},
    "global": {"duration": 3, "default_policy": "SCHED_FIFO", "pi_enabled": true}})");
  REQUIRE(imported.scenario);
  CHECK(imported.diagnostics.empty());
  CHECK(imported.scenario->until == Time(3'000'000'000));
  CHECK(imported.scenario->tasks[0].sched.policy == SchedPolicy::kFifo);
  CHECK(imported.scenario->tasks[0].sched.priority == 10);
  REQUIRE(imported.scenario->common.lock);
  CHECK(imported.scenario->common.lock->name == "pi");
  CHECK_FALSE(
      Import(R"({"tasks": {"t": {"run": 1}}, "global": {"duration": -1}})").scenario->until);
}

TEST_CASE("What is not modelled is named with its position", "[rtapp]") {
  const Imported imported = Import(
      "{\"tasks\": {\"t\": {\n"
      "  \"mem\": 100,\n"
      "  \"run\": 1,\n"
      "  \"iorun1\": 5,\n"
      "  \"util_min\": 5,\n"
      "  \"nodes_membind\": [0],\n"
      "  \"taskgroup\": \"/a\",\n"
      "  \"colour\": \"red\"}},\n"
      "\"global\": {\"io_device\": \"/dev/null\",\n"
      "  \"calibration\": \"CPU0\",\n"
      "  \"gnuplot\": true, \"duration\": 1}}\n");
  REQUIRE(imported.scenario);
  const std::vector<NotModelled>& items = imported.report.not_modelled;
  REQUIRE(items.size() == 9);
  CHECK(imported.diagnostics.size() == 9);
  const std::vector<std::string> paths = {
      "tasks.t.mem",           "tasks.t.iorun1",     "tasks.t.util_min",
      "tasks.t.nodes_membind", "tasks.t.taskgroup",  "tasks.t.colour",
      "global.io_device",      "global.calibration", "global.gnuplot"};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    CHECK(items[i].path == paths[i]);
    CHECK(items[i].is_operation == (i < 2));
    CHECK(items[i].is_harmless == (i == 8));
    CHECK(imported.diagnostics[i].severity == Diagnostic::Severity::kWarning);
    CHECK(imported.diagnostics[i].message.starts_with("not modelled: " + paths[i] + ": "));
  }
  CHECK(items[0].pos == SourcePos{2, 3});
  CHECK(items[6].pos == SourcePos{9, 12});
  CHECK(imported.report.operations_in == 3);
  CHECK(imported.report.operations_out == 1);
  CHECK(imported.report.operations_not_modelled == 2);
}

TEST_CASE("The old grammar is refused, each of its keys by name", "[rtapp]") {
  const Imported imported = Import(
      "{\"tasks\": {\"t\": {\n"
      "  \"exec\": 500,\n"
      "  \"period\": 1000,\n"
      "  \"lock_order\": [\"a\"],\n"
      "  \"resources\": {\"a\": {\"duration\": 5}}}}}\n");
  CHECK(imported.diagnostics.size() == 4);
  CHECK(IsErrorAt(imported, "tasks.t.exec: rt-app's old grammar", 2, 3));
  CHECK(IsErrorAt(imported, "tasks.t.period: rt-app's old grammar", 3, 3));
  CHECK(IsErrorAt(imported, "tasks.t.lock_order: rt-app's old grammar", 4, 3));
  CHECK(IsErrorAt(imported, "tasks.t.resources: rt-app's old grammar", 5, 3));
}

TEST_CASE("fork names a thread of the file", "[rtapp]") {
  const Imported imported = Import(
      R"({"tasks": {"parent": {"loop": 1, "fork": "child"}, "child": {"instance": 0, "loop": 1, "run": 1}}})");
  REQUIRE(imported.scenario);
  CHECK(imported.scenario->tasks[0].ops[0].kind == OpKind::kFork);
  CHECK(imported.scenario->tasks[0].ops[0].name == "child");
  CHECK(imported.scenario->tasks[1].instances == 0);
  CHECK(IsThreadErrorAt(R"("fork": "nobody")", "there is no thread \"nobody\"", R"("fork")"));
}

TEST_CASE("A thread that repeats for ever what takes no time is refused", "[rtapp]") {
  CHECK(IsErrorAt(ImportThread(R"("run": 0, "resume": "x")"), "\"t\" repeats for ever", 1, 12));
  CHECK(ImportThread(R"("run": 0, "resume": "x", "loop": 5)").scenario);
  CHECK(IsThreadErrorAt(R"("phases": {"p": {"loop": -1, "signal": "x"}, "q": {"run": 1}})",
                        "\"t\" repeats for ever", R"("p")"));
}

TEST_CASE("Threads that loop for ever without a duration are remarked upon", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {"t": {"run": 1}}})");
  REQUIRE(imported.scenario);
  CHECK_FALSE(imported.scenario->until);
  REQUIRE(imported.diagnostics.size() == 1);
  CHECK(imported.diagnostics[0].pos == SourcePos{1, 2});
  CHECK(Import(R"({"tasks": {"t": {"loop": 1, "run": 1}}})").diagnostics.empty());
}

TEST_CASE("A timer without a period never waits and is named", "[rtapp]") {
  const Imported imported = ImportThread(R"("run": 1, "timer": {"ref": "tick"})");
  REQUIRE(imported.scenario);
  CHECK(Words(imported.scenario->tasks[0].ops) == "run");
  CHECK(imported.report.operations_not_modelled == 1);
}

TEST_CASE("What cannot be a name in a scenario gets another, the same everywhere", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {
    "web content": {"loop": 1, "lock": "a b", "wait": {"ref": "a b", "mutex": "a b"}, "unlock": "a b"},
    "idle": {"loop": 1, "lock": "a_b", "fork": "web content", "unlock": "a_b"}}})");
  REQUIRE(imported.scenario);
  const Scenario& scenario = *imported.scenario;
  CHECK(scenario.tasks[0].name == "web_content");
  CHECK(scenario.tasks[1].name == "idle_1");
  // a_b is taken.
  CHECK(scenario.mutexes == std::vector<std::string>{"a_b_1", "a_b"});
  CHECK(scenario.condvars == std::vector<std::string>{"a_b_1"});
  CHECK(scenario.tasks[0].ops[1].second == "a_b_1");
  CHECK(scenario.tasks[1].ops[0].name == "a_b");
  CHECK(scenario.tasks[1].ops[1].name == "web_content");
  CHECK(imported.diagnostics.size() == 3);
}

TEST_CASE("A barrier used twice by one thread is remarked upon", "[rtapp]") {
  const Imported imported = ImportThread(R"("barrier": "b", "run": 1, "barrier": "b")");
  REQUIRE(imported.scenario);
  REQUIRE(imported.diagnostics.size() == 1);
  CHECK(imported.diagnostics[0].pos == SourcePos{2, 27});
}

TEST_CASE("Threads of one name get numbers, as rt-app's front end gives them", "[rtapp]") {
  const Imported imported =
      Import(R"({"tasks": {"t": {"run": 1}, "t1": {"run": 2}, "t": {"run": 3}}})");
  REQUIRE(imported.scenario);
  REQUIRE(imported.scenario->tasks.size() == 3);
  CHECK(imported.scenario->tasks[2].name == "t2");
  CHECK(imported.Find("comes again") != nullptr);
}

TEST_CASE("A thread may not have the name of another's instance", "[rtapp]") {
  const char* const kText =
      R"({"tasks": {"t": {"instance": 2, "run": 1}, "t-1": {"run": 1}, "t-2": {"run": 1}}})";
  const Imported imported = Import(kText);
  CHECK(imported.diagnostics.size() == 1);
  CHECK(IsErrorAt(imported, "\"t-1\" is also the name of an instance of \"t\"", 1, 44));
}

TEST_CASE("Every mistake is reported, in the order of the file", "[rtapp]") {
  const Imported imported = Import(
      "{\"tasks\": {\n"
      "  \"a\": {\"run\": -1, \"lock\": 5},\n"
      "  \"b\": {\"timer\": 7},\n"
      "  \"c\": {\"phases\": {\"p\": {\"loop\": 2}}},\n"
      "  \"d\": 1,\n"
      "  \"e\": {\"loop\": 1, \"loop\": 2, \"wait\": {\"ref\": 1}}}}\n");
  CHECK_FALSE(imported.scenario);
  std::vector<std::pair<int, int>> places;
  for (const Diagnostic& diagnostic : imported.diagnostics) {
    if (diagnostic.severity == Diagnostic::Severity::kError) {
      places.emplace_back(diagnostic.pos.line, diagnostic.pos.column);
    }
  }
  const std::vector<std::pair<int, int>> expected = {{2, 16}, {2, 28}, {3, 18}, {4, 25},
                                                     {5, 8},  {6, 20}, {6, 47}};
  CHECK(places == expected);
}

TEST_CASE("Sections that are missing or of the wrong kind are errors", "[rtapp]") {
  CHECK(IsErrorAt(Import("[]"), "an object with \"tasks\" wanted, an array found", 1, 1));
  CHECK(IsErrorAt(Import("{}"), "there is no section \"tasks\"", 1, 1));
  CHECK(IsErrorAt(Import("{\"tasks\": {}}"), "tasks: there is none", 1, 11));
  CHECK(IsErrorAt(Import("{\"tasks\": []}"), "tasks: an object wanted", 1, 11));
  CHECK(IsErrorAt(ImportThread(""), "tasks.t: no operation", 1, 17));
}

TEST_CASE("Text that is no JSON even in the dialect is an error where it goes wrong", "[rtapp]") {
  CHECK_FALSE(Import("").scenario);
  CHECK(IsErrorAt(Import("{\"tasks\": {\"t\": {\"suspend\", \"run\" 5}}}"), "", 1, 35));
  CHECK(
      IsErrorAt(Import("{\"tasks\": {} /* x\n"), "the comment that begins here has no end", 1, 14));
  const std::string deep = "{\"tasks\":" + std::string(100'000, '[');
  CHECK_FALSE(Import(deep).scenario);
  CHECK_FALSE(Import(std::string_view("{\"tasks\"\0:{}}", 13)).scenario);
}

TEST_CASE("Lengths beyond what a run can last are errors", "[rtapp]") {
  // 2^60 cycles are 1152921504606846 us.
  CHECK(ImportThread(R"("run": 1152921504606846)").scenario);
  CHECK(IsThreadErrorAt(R"("run": 1152921504606847)", "is not in 0 to", R"(115)"));
  CHECK(IsThreadErrorAt(R"("run": 9223372036854775808)", "microseconds wanted", R"(922)"));
  CHECK(IsErrorAt(Import(R"({"tasks": {"t": {"run": 1}}, "global": {"duration": 2305843010}})"),
                  "global.duration", 1, 53));
}

TEST_CASE("An imported scenario is written as a document that gives it back", "[rtapp]") {
  const Imported imported = Import(R"({"tasks": {
    "all of it": {"loop": 3, "instance": 2, "delay": 7, "priority": -4, "cpus": [0, 2], "phases": {
      "a": {"loop": 4, "run": 1, "runtime": 2, "sleep": 3, "yield": ""},
      "b": {"cpus": [1], "policy": "SCHED_RR", "lock": "m", "wait": {"ref": "c", "mutex": "m"},
            "sync": {"ref": "c", "mutex": "m"}, "signal": "c", "broad": "c", "unlock": "m"},
      "c": {"policy": "SCHED_DEADLINE", "dl-runtime": 5, "dl-deadline": 8, "dl-period": 9,
            "timer": {"ref": "unique", "period": 4}, "fork": "u"},
      "d": {"policy": "SCHED_OTHER", "dl-runtime": 300, "timer": {"ref": "t", "period": 4, "mode": "absolute"}}}},
    "u": {"instance": 0, "suspend", "resume": "c", "suspend": "r", "barrier": "b", "sem_post": "s", "sem_wait": "s"}},
    "global": {"duration": 2, "pi_enabled": true}})");
  REQUIRE(imported.scenario);
  const std::string document = WriteScenario(*imported.scenario);
  std::vector<Diagnostic> diagnostics;
  const std::optional<Scenario> read = ReadScenario(document, "written.json", diagnostics);
  for (const Diagnostic& diagnostic : diagnostics) UNSCOPED_INFO(FormatDiagnostic(diagnostic));
  REQUIRE(read);
  CHECK(ScenarioHash(*read) == ScenarioHash(*imported.scenario));
  CHECK(WriteScenario(*read) == document);
}

TEST_CASE("A file is for rt-app if its tasks are an object and it has no version", "[rtapp]") {
  CHECK(LooksLikeRtApp("/* c */ {\"tasks\": {\"t\": {\"suspend\",}}, }"));
  // Wrong further on, but meant for rt-app.
  CHECK(LooksLikeRtApp("{\"tasks\": {\"t\": {\"run\" 5}}}"));
  CHECK_FALSE(LooksLikeRtApp("{\"version\": 1, \"tasks\": []}"));
  CHECK_FALSE(LooksLikeRtApp("{\"version\": 1, \"tasks\": {}}"));
  CHECK_FALSE(LooksLikeRtApp("{\"tasks\": []}"));
  CHECK_FALSE(LooksLikeRtApp("[]"));
  CHECK_FALSE(LooksLikeRtApp(""));
}

}  // namespace
}  // namespace rqsim
