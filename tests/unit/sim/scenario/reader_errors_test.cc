// Every error code with its exact place. In the texts `@` stands before the character that the
// diagnostic must point at, and is taken out before the text is read.
#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "rqsim/limits.h"
#include "rqsim/scenario_reader.h"
#include "sim/scenario/error_codes.h"
#include "support/catch.h"
#include "unit/sim/scenario/test_registry.h"

namespace rqsim {
namespace {

struct Marked {
  std::string text;
  SourcePos pos;
};

// Takes the mark out and says where it was.
Marked TakeMark(std::string_view text) {
  Marked marked;
  marked.pos = {1, 1};
  bool found = false;
  for (const char c : text) {
    if (c == '@') {
      found = true;
      continue;
    }
    marked.text += c;
    if (found) continue;
    ++marked.pos.column;
    if (c == '\n') marked.pos = {marked.pos.line + 1, 1};
  }
  return marked;
}

struct Row {
  int code;
  std::string_view text;
  std::string_view hint = "";  // a part of it
};

void CheckRow(const Row& row, const Registry& registry = TestRegistry()) {
  const Marked marked = TakeMark(row.text);
  INFO(marked.text);
  std::vector<Diagnostic> diagnostics;
  const bool is_warning = row.code >= 300 && row.code < 400;
  const auto scenario = ReadScenario(marked.text, "s.json", diagnostics, registry);
  std::string printed;
  for (const Diagnostic& diagnostic : diagnostics) printed += FormatDiagnostic(diagnostic);
  INFO(printed);
  CHECK(scenario.has_value() == is_warning);
  REQUIRE(diagnostics.size() == 1);
  CHECK(diagnostics[0].code == row.code);
  CHECK(diagnostics[0].pos.line == marked.pos.line);
  CHECK(diagnostics[0].pos.column == marked.pos.column);
  CHECK(diagnostics[0].file == "s.json");
  CHECK((diagnostics[0].severity == Diagnostic::Severity::kWarning) == is_warning);
  CHECK(diagnostics[0].hint.find(row.hint) != std::string::npos);
}

TEST_CASE("A text that is no JSON has one error with its place", "[scenario][errors]") {
  for (const Row& row : {
           Row{2, "{\"version\": 1,@}"},
           Row{2, "{\"version\": 1@"},
           Row{2, "@"},
           Row{2, "{\"version\": 1} @{"},
           Row{2, "{\"version\": 0@1}"},
       }) {
    CheckRow(row);
  }
  CheckRow({3, std::string_view("{\"version\": 1, \"name\": \"@\0\"}", 28)});
  std::string deep = "{\"x-deep\": ";
  // The object itself is the first level.
  deep += std::string(static_cast<std::size_t>(4 * kMaxProgramDepth + 31), '[') + "@";
  CheckRow({4, deep + std::string(10'000, '[')});
}

TEST_CASE("Errors of shape point at the key or value", "[scenario][errors]") {
  for (const Row& row : {
           Row{101, R"({"version": 1, @"taks": []})", "did you mean \"tasks\"?"},
           Row{101, R"({"version": 1, "machine": {@"clock": 5}})", "did you mean \"clock_hz\"?"},
           Row{101, R"({"version": 1, "tasks": [{"name": "a", "ops": [{@"slepe": 5}]}]})",
               "did you mean \"sleep\"?"},
           Row{101, R"({"version": 1, "machine": {@"wobble": 5}})", "known here: clock_hz, hz"},
           Row{101,
               R"({"version": 1, "policies": {"p": {"lock": {"name": "mutex", @"spun": true}}}})",
               "did you mean \"spin\"?"},
           Row{102, R"(@{})"},
           Row{102, R"({"version": 1, "tasks": [@{"ops": []}]})"},
           Row{102, R"({"version": 1, "assert": [@{"metric": "end"}]})"},
           Row{102, R"({"version": 1, "policies": {"p": {"lock": @{"spin": false}}}})"},
           Row{103, R"({"version": 1, "tasks": @{}})"},
           Row{103, R"({"version": 1, "machine": {"hz": @1.5}})"},
           Row{103, R"({"version": 1, "machine": {"tick": @0}})"},
           Row{103, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"run": @true}]}]})"},
           Row{103, R"(@[])"},
           Row{103, R"({"version": 1, "until": @null})"},
           Row{104, R"({"version": 1, "kernel": @"6.6"})"},
           Row{104, R"({"version": 1, "machine": {"costs": {"preset": @"x86-lke"}}})",
               "did you mean \"x86-like\"?"},
           Row{104, R"({"version": 1, "policies": {"p": {"lock": @"mutx"}}})",
               "did you mean \"mutex\"?"},
           Row{104, R"({"version": 1, "policies": {"p": {"lock": {"name": @"mutx"}}}})",
               "did you mean \"mutex\"?"},
           Row{104, R"({"version": 1, "tasks": [{"name": "a", "sched": {"policy": @"fifos"},
                        "ops": []}]})",
               "did you mean \"fifo\"?"},
           Row{105, R"({"version": @2})"},
           Row{105, R"({"version": 1, "seed": @9223372036854775808})"},
           Row{105, R"({"version": 1, "until": @9223372036854775808})"},
           Row{105, R"({"version": 1, "until": @1152921504606846977})"},  // 2^60 + 1
           Row{105, R"({"version": 1, "until": @-1})"},
           Row{105, R"({"version": 1, "tasks": [{"name": "a", "sched": {"priority": @100},
                        "ops": []}]})"},
           Row{105, R"({"version": 1, "tasks": [{"name": "a", "instances": @1048577,
                        "ops": []}]})"},
           Row{106, R"({"version": 1, "until": @"5 ms"})"},
           Row{106, R"({"version": 1, "until": @"-5ms"})"},
           Row{106, R"({"version": 1, "until": @"5"})"},
           Row{106, R"({"version": 1, "mutexes": [@"a b"]})"},
           Row{106, R"({"version": 1, "machine": {"cpus": [{"ids": @"0-"}]}})"},
           Row{106, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"run": @"forevr"}]}]})",
               "did you mean \"forever\"?"},
           Row{106, R"({"version": 1, "expect": [{"timeline": {@"cpu0": ""}}]})"},
           Row{107, R"({"version": 1, "machine": {"cpus": @[]}})"},
           Row{107,
               R"({"version": 1, "tasks": [{"name": "a", "ops": [@{"run": 1, "sleep": 2}]}]})"},
           Row{107, R"({"version": 1, "tasks": [{"name": "a", "ops": [@{}]}]})"},
           Row{107, R"({"version": 1, "tasks": [{"name": "a", "ops": [
                        {"sleep": @{"for": 1, "until": 2}}]}]})"},
           Row{108, R"({"version": 1, "seed": 1, @"seed": 2})"},
           Row{108, R"({"version": 1, "policies": {"p": {}, @"p": {}}})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("Errors of meaning point at what means nothing", "[scenario][errors]") {
  for (const Row& row : {
           Row{201, R"({"version": 1, "mutexes": ["waitlist"], "tasks": [{"name": "a", "ops": [
                        {"lock": @"waitlst"}]}]})",
               "did you mean \"waitlist\"?"},
           Row{201, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"signal": @"data"}]}]})"},
           Row{201, R"({"version": 1, "tasks": [{"name": "abc", "ops": [{"wake": @"abd"}]}]})",
               "did you mean \"abc\"?"},
           Row{201, R"({"version": 1, "tasks": [{"name": "a", "instances": 2, "ops": []}],
                        "actions": [{"at": 1, "wake": @"a-2"}]})"},
           Row{201, R"({"version": 1, "actions": [{"at": 1, "signal": {"task": @"b"}}]})"},
           Row{202, R"({"version": 1, "mutexes": ["A", @"A"]})"},
           Row{202, R"({"version": 1, "tasks": [{"name": "a", "ops": []}],
                        "kthreads": [{"name": @"a", "ops": []}]})"},
           Row{202, R"({"version": 1, "tasks": [{"name": "a", "instances": 2, "ops": []},
                        {"name": @"a-1", "ops": []}]})"},
           Row{202, R"({"version": 1, "common": {"services": ["pair", @"pairing"]}})"},
           Row{203, R"({"version": 1, "until": @"1.5ns"})", "1 or 2 cycles"},
           Row{203, R"({"version": 1, "machine": {"clock_hz": 1000000}, "until": @"800ns"})"},
           Row{203, R"({"version": 1, "tasks": [{"name": "a", "deadline": @"0ns", "ops": []}]})"},
           Row{204, R"({"version": 1, "until": @"1152921505s"})"},
           Row{204, R"({"version": 1, "until": @"9999999999999999999s"})"},
           Row{205, R"({"version": 1, "tasks": [{"name": "a", "cpus": @"4-5", "ops": []}]})"},
           Row{205, R"({"version": 1, "tasks": [{"name": "a", "cpus": @"3-0", "ops": []}]})"},
           Row{205, R"({"version": 1, "machine": {"cpus": [{"ids": "0"}, {"ids": "1",
                        "online": false}]}, "tasks": [{"name": "a", "cpus": @"1", "ops": []}]})"},
           Row{205, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"set_affinity": @"7"}]}]})"},
           Row{205, R"({"version": 1, "machine": {"housekeeping": @"1"}})"},
           Row{206, R"({"version": 1, "tasks": [{"name": "a", "start_cpu": @1, "ops": []}]})"},
           Row{206, R"({"version": 1, "machine": {"cpus": [{"ids": "0-1"}]},
                        "tasks": [{"name": "a", "cpus": "1", "start_cpu": @0, "ops": []}]})"},
           Row{208, R"({"version": 1, "tasks": [{"name": "a", "sched": {"policy": "normal",
                        "priority": @5}, "ops": []}]})"},
           Row{208, R"({"version": 1, "tasks": [{"name": "a", "sched": @{"policy": "fifo"},
                        "ops": []}]})"},
           Row{208, R"({"version": 1, "tasks": [{"name": "a", "sched": {"nice": 1,
                        "runtime": @5}, "ops": []}]})"},
           Row{208, R"({"version": 1, "tasks": [{"name": "a", "sched": {"priority": 1,
                        "slice": @5}, "ops": []}]})"},
           Row{209, R"({"version": 1, "tasks": [{"name": "a", "loop": @"forever", "ops": []}]})"},
           Row{209, R"({"version": 1, "tasks": [{"name": "a", "ops": [
                        {"loop": @{"count": "forever", "ops": [{"run": 0}, {"sem_post": "s"}]}},
                        {"sem_wait": "s"}]}]})"},
           Row{210, R"({"version": 1, "machine": {"limits": {"tasks": @1}},
                        "tasks": [{"name": "a", "instances": 2, "ops": []}]})"},
           Row{210, R"({"version": 1, "tasks": [{"name": "a", "instances": 1048576, "ops": []},
                        @{"name": "b", "ops": []}]})"},
           Row{211,
               R"({"version": 1, "machine": {"idle_states": [{"name": "C1", "exit_latency": 2}],
                        "idle_governor": @"fixed:1"}})"},
           Row{211, R"({"version": 1, "machine": {"cpus": @[{"ids": "1"}]}})"},
           Row{211, R"({"version": 1, "machine": {"cpus": [{"ids": "0-1"}, {"ids": @"1"}]}})"},
           Row{211, R"({"version": 1, "machine": {"cpus": @[{"ids": "0", "online": false}]}})"},
           Row{211, R"({"version": 1, "machine": {"cpus": [{"ids": "0"},
                        @{"ids": "1", "node": 1, "llc": 0}]}})"},
           Row{211, R"({"version": 1, "machine": {"clock_hz": 100, "hz": @1000}})"},
           Row{214, R"({"version": 1, "tasks": [{"name": @"off", "ops": []}]})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("A fault or a place for a window that does not exist is an error", "[scenario][errors]") {
  for (const Row& row : {
           Row{104, R"({"version": 1, "faults": [@"proxy.skip"]})"},
           Row{104, R"({"version": 1, "policies": {"p": {"faults": [{"name": @"windw",
                        "at": "W1", "hold": 3}]}}})"},
           Row{201, R"({"version": 1, "faults": [{"name": "window", "at": @"W9", "hold": 3}]})"},
           Row{201, R"({"version": 1, "faults": [{"name": "window", "at": @"mutex.L44",
                        "hold": 3}]})"},
           Row{201, R"({"version": 1, "faults": [{"name": "window", "at": "W1", "task": @"x",
                        "hold": 3}]})"},
           Row{107, R"({"version": 1, "faults": [@{"name": "window", "at": "W1", "hold": 3,
                        "until": 7}]})"},
           Row{103, R"({"version": 1, "faults": [@3]})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("Expectations of what does not exist are errors", "[scenario][errors]") {
  for (const Row& row : {
           Row{212, R"({"version": 1, "policies": {"pi": {}}, "expect": [{"policy": @"p1"}]})",
               "did you mean \"pi\"?"},
           Row{212, R"({"version": 1, "expect": [{"policy": ["default", @"pi"]}]})"},
           Row{212, R"({"version": 1, "policies": {"pi": {}},
                        "assert": [{"policy": @"px", "metric": "end", "max": 1}]})"},
           Row{212, R"({"version": 1, "assert": [{"task": @"H", "metric": "exec", "max": 1}]})"},
           Row{212, R"({"version": 1, "assert": [{"cpu": @1, "metric": "idle", "max": 1}]})"},
           Row{215, R"({"version": 1, "assert": [{"metric": @"migration", "max": 1}]})",
               "did you mean \"migrations\"?"},
           Row{215,
               R"({"version": 1, "assert": [{"cpu": 0, "metric": @"overhead.c_tik", "max": 1}]})"},
           Row{215, R"({"version": 1, "expect": [{"metrics": {@"response.max": 1}}]})"},
           Row{215, R"({"version": 1, "tasks": [{"name": "H", "ops": []}],
                        "expect": [{"tasks": {"H": {@"exek": 1}}}]})",
               "did you mean \"exec\"?"},
           Row{212, R"({"version": 1, "expect": [{"timeline": {@"1": "[0,)-"}}]})"},
           Row{212, R"({"version": 1, "expect": [{"locks": {@"A": {"steals": 0}}}]})"},
           Row{212, R"({"version": 1, "expect": [{"tasks": {@"A": {"exec": 0}}}]})"},
           Row{212, R"({"version": 1, "expect": [{"returns": [{"task": @"A", "op": "lock A",
                        "at": 1, "value": 0}]}]})"},
           Row{213, R"({"version": 1, "tasks": [{"name": "H", "ops": []}],
                        "expect": [{"timeline": {"0": "[0,3)H [3,6)@L"}}]})"},
           Row{213, R"({"version": 1, "tasks": [{"name": "H", "ops": []}],
                        "expect": [{"timeline": {"0": "[0,3)H @[4,6)-"}}]})"},
           Row{213, R"({"version": 1, "tasks": [{"name": "H", "ops": []}],
                        "expect": [{"switches": {"0": "0 idle->H, 110 H->@A"}}]})"},
           Row{213, R"({"version": 1, "mutexes": ["A"], "expect": [{"locks": {"A":
                        {"acquired": "@L"}}}]})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("What a run would report is a warning", "[scenario][errors]") {
  for (const Row& row : {
           Row{301, R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [
                        {"lock": "A"}, {"lock": @"A"}, {"unlock": "A"}]}]})"},
           Row{301, R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "loop": "forever",
                        "ops": [{"run": 1}, {"lock": @"A"}]}]})"},
           Row{302, R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": @"a", "ops": [
                        {"lock": "A"}]}]})"},
           Row{302, R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [
                        {"lock": "A"}, {"exit": @{}}]}]})"},
           Row{303, R"({"version": 1, "mutexes": ["A", "B"], "tasks": [
                        {"name": "a", "ops": [{"lock": "A"}, {"lock": @"B"},
                                              {"unlock": "B"}, {"unlock": "A"}]},
                        {"name": "b", "ops": [{"lock": "B"}, {"lock": "A"},
                                              {"unlock": "A"}, {"unlock": "B"}]}]})"},
           Row{304, R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [
                        {"unlock": @"A"}]}]})"},
           Row{304, R"({"version": 1, "mutexes": ["A"], "condvars": ["c"], "tasks": [{"name": "a",
                        "ops": [{"sync": {"ref": "c", "mutex": @"A"}}]}]})"},
           Row{305, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"suspend": @"me"}]}]})"},
           Row{305, R"({"version": 1, "tasks": [{"name": "a", "ops": [{"sem_wait": @"s"}]}]})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("Programs that release what they take have no warning", "[scenario][errors]") {
  for (std::string_view text : {
           R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "loop": 3, "ops": [
               {"lock": "A"}, {"run": 1}, {"unlock": "A"}]}]})",
           R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [
               {"trylock": {"name": "A", "then": [{"run": 1}, {"unlock": "A"}]}}]}]})",
           R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [
               {"lock": {"name": "A", "interruptible": true}}, {"run": 1}]}]})",
           R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [{"lock": "A"},
               {"loop": {"count": 2, "ops": [{"unlock": "A"}, {"run": 1}, {"lock": "A"}]}},
               {"unlock": "A"}]}]})",
           R"({"version": 1, "semaphores": {"s": 1}, "tasks": [{"name": "a", "ops": [
               {"sem_wait": "s"}]}]})"}) {
    INFO(text);
    std::vector<Diagnostic> diagnostics;
    CHECK(ReadScenario(text, "s.json", diagnostics, TestRegistry()).has_value());
    CHECK(diagnostics.empty());
  }
}

TEST_CASE("A parameter that is a CPU's number names one of the machine", "[scenario][errors]") {
  for (const Row& row :
       {Row{205, R"({"version": 1, "machine": {"cpus": [{"ids": "0-2"}]},
                     "common": {"services": [{"name": "pair-v2", "worker_host": @3}]}})",
            "CPUs 0-2"},
        Row{205, R"({"version": 1, "policies": {"p": {"services": [{"name": "pair-spin",
                     "worker_host": @1}]}}})",
            "CPUs 0"}}) {
    CheckRow(row, Registry::BuiltIn());
  }
  // The last CPU and none; a command line is read without a machine.
  std::vector<Diagnostic> diagnostics;
  CHECK(ReadScenario(R"({"version": 1, "machine": {"cpus": [{"ids": "0-2"}]}, "policies":
                         {"a": {"services": [{"name": "pair-v2", "worker_host": 2}]},
                          "b": {"services": [{"name": "pair-v2", "worker_host": -1}]}}})",
                     "s.json", diagnostics, Registry::BuiltIn()));
  CHECK(ParsePolicySet("services=pair-v2:worker_host=9", diagnostics, Registry::BuiltIn()));
  CHECK(diagnostics.empty());
}

TEST_CASE("Texts of hotplug services are read word by word, with the built-in services",
          "[scenario][errors]") {
  for (const Row& row : {
           Row{560, R"({"version": 1, "common": {"services": [{"name": "cpuhp",
                        "states": ["name=a", "name=b @colour=red"]}]}})",
               "name=x nr=192"},
           Row{560, R"({"version": 1, "policies": {"p": {"services": [{"name": "notifier-2012",
                        "depends": ["@rcu"]}]}}})",
               "the first uses the second"},
           Row{561, R"({"version": 1, "common": {"services": [{"name": "cpuhp",
                        "states": ["name=a nr=@236"]}]}})",
               "1 to 235, or dyn"},
           Row{561, R"({"version": 1, "common": {"services": [{"name": "notifier-2012",
                        "notifiers": ["a", "b bad=dying,@never"]}]}})",
               "post_dead"},
           Row{562, R"({"version": 1, "common": {"services": [{"name": "cpuhp",
                        "costs": ["187=3 @no:such=4"]}]}})",
               "sched:active"},
           Row{562, R"({"version": 1, "common": {"services": [{"name": "notifier-2012",
                        "notifiers": ["a", "b"], "depends": ["a @c"]}]}})",
               "a, b"},
       }) {
    CheckRow(row, Registry::BuiltIn());
  }
  // All at once, in the order of the text.
  std::vector<Diagnostic> diagnostics;
  CHECK_FALSE(ReadScenario(R"({"version": 1, "common": {"services": [
      {"name": "cpuhp", "states": ["nr=192 cost=x", "name=b fail=no"], "costs": ["999=1"]}]}})",
                           "s.json", diagnostics, Registry::BuiltIn()));
  std::vector<int> codes;
  for (const Diagnostic& diagnostic : diagnostics) codes.push_back(diagnostic.code);
  CHECK(codes == std::vector<int>{560, 561, 561, 562});
}

TEST_CASE("The affinity of a kernel thread has what its kind needs", "[scenario][errors]") {
  for (const Row& row : {
           Row{570, R"({"version": 1, "kthreads": [{"name": "k", "affinity": @{"kind": "bound"},
                        "ops": []}]})"},
           Row{570, R"({"version": 1, "kthreads": [{"name": "k", "affinity": {"kind": "unbound",
                        "cpus": @"0"}, "ops": []}]})"},
           Row{570, R"({"version": 1, "kthreads": [{"name": "k", "affinity": @{"kind": "node"},
                        "ops": []}]})"},
           Row{570, R"({"version": 1, "kthreads": [{"name": "k", "affinity": {"kind": "node",
                        "node": @3}, "ops": []}]})"},
           Row{570, R"({"version": 1, "kthreads": [{"name": "k", "start": 5, "first_wake": @4,
                        "ops": []}]})"},
       }) {
    CheckRow(row);
  }
}

TEST_CASE("Workers have a server, and tasks of one instant each a tid of their own",
          "[scenario][errors]") {
  for (const Row& row : {
           Row{551, R"({"version": 1, "tasks": [{"name": "w", "ops": []}],
                        "umcg": [{"servers": [], "workers": @["w"]}]})"},
           Row{552, R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "ops": []},
                        {"name": "b", "tid": @5, "ops": []}]})"},
           Row{552, R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "start": 7, "ops": []},
                        {"name": "b", "tid": 5, "start": 8, "ops": []},
                        {"name": "c", "tid": @5, "start": 7, "ops": []}]})"},
           Row{552, R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "ops": []}],
                        "kthreads": [{"name": "k", "tid": @5, "ops": []}]})"},
           // Servers are there from the start.
           Row{552, R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "ops": []}],
                        "umcg": [{"servers": [{"name": "S", "tid": @5}], "workers": []}]})"},
       }) {
    CheckRow(row);
  }
  // A number may be used again later, by a task in place of a server, too (MODEL-291).
  for (const char* text :
       {R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "ops": []},
            {"name": "b", "tid": 5, "start": 1, "ops": []}]})",
        R"({"version": 1, "tasks": [{"name": "a", "tid": 5, "start": 1, "ops": []}],
            "umcg": [{"servers": [{"name": "S", "tid": 5}], "workers": []}]})"}) {
    INFO(text);
    std::vector<Diagnostic> diagnostics;
    CHECK(ReadScenario(text, "s.json", diagnostics, TestRegistry()).has_value());
    CHECK(diagnostics.empty());
  }
}

TEST_CASE("What this version does not model is said so", "[scenario][errors]") {
  for (const Row& row : {
           Row{403, R"({"version": 1, "tasks": [{"name": "a", "sched": {"policy": @"deadline",
                        "runtime": 5, "deadline": 10}, "ops": []}]})"},
           Row{403, R"({"version": 1, "common": {"class": "fifo"}, "policies": {"p": {}},
                        "tasks": [{"name": "a", "sched": {"policy": @"batch"}, "ops": []}]})"},
       }) {
    CheckRow(row);
  }
}

// Policy deadline is scheduled by nobody yet, so this mistake never comes alone.
TEST_CASE("Deadline parameters in the wrong order are an error", "[scenario][errors]") {
  const Marked marked = TakeMark(
      R"({"version": 1, "tasks": [{"name": "a", "sched": @{"policy": "deadline", "runtime": 20,
          "deadline": 10}, "ops": []}]})");
  std::vector<Diagnostic> diagnostics;
  CHECK_FALSE(ReadScenario(marked.text, "s.json", diagnostics, TestRegistry()));
  REQUIRE_FALSE(diagnostics.empty());
  CHECK(diagnostics[0].code == 207);
  CHECK(diagnostics[0].pos == marked.pos);
}

TEST_CASE("All mistakes come in one go, in the order of the file", "[scenario][errors]") {
  std::vector<Diagnostic> diagnostics;
  ReadScenario(
      "{\"version\": 1,\n \"until\": \"5 ms\",\n \"tasks\": [{\"name\": \"a\", \"ops\": "
      "[{\"lock\": \"A\"}, {\"rum\": 3}]}],\n \"seed\": -1}",
      "s.json", diagnostics, TestRegistry());
  REQUIRE(diagnostics.size() == 4);
  CHECK(diagnostics[0].code == 106);
  CHECK(diagnostics[0].pos == SourcePos{2, 11});
  CHECK(diagnostics[1].code == 201);
  CHECK(diagnostics[1].pos == SourcePos{3, 43});
  CHECK(diagnostics[2].code == 101);
  CHECK(diagnostics[2].pos == SourcePos{3, 50});
  CHECK(diagnostics[3].code == 105);
  CHECK(diagnostics[3].pos == SourcePos{4, 10});
}

TEST_CASE("A diagnostic shows path, line, caret and hint", "[scenario][errors]") {
  std::vector<Diagnostic> diagnostics;
  ReadScenario(
      "{\"version\": 1, \"mutexes\": [\"waitlist\"],\n\t\"tasks\": [{\"name\": \"a\", "
      "\"ops\": [{\"lock\": \"waitlst\"}]}]}",
      "s.json", diagnostics, TestRegistry());
  REQUIRE(diagnostics.size() == 1);
  CHECK(FormatDiagnostic(diagnostics[0]) ==
        "s.json:2:43: error[E201]: tasks[0].ops[0].lock: \"waitlst\" is not a declared mutex\n"
        "  \t\"tasks\": [{\"name\": \"a\", \"ops\": [{\"lock\": \"waitlst\"}]}]}\n"
        "  \t                                         ^\n"
        "  hint: did you mean \"waitlist\"?\n");
}

TEST_CASE("Of a long line the part around the place is shown", "[scenario][errors]") {
  const std::string text = "{\"version\": 1, \"x-note\": \"" + std::string(5000, 'x') +
                           "\", \"until\": true, \"x-more\": \"" + std::string(5000, 'y') + "\"}";
  std::vector<Diagnostic> diagnostics;
  ReadScenario(text, "s.json", diagnostics, TestRegistry());
  REQUIRE(diagnostics.size() == 1);
  CHECK(diagnostics[0].line.size() <= 130);
  const std::string printed = FormatDiagnostic(diagnostics[0]);
  // The caret stands under the t of true.
  const std::size_t line = printed.find("\n  ") + 3;
  const std::size_t caret = printed.find('^');
  const std::size_t caret_line = printed.rfind('\n', caret) + 3;
  CHECK(printed.substr(line + (caret - caret_line), 4) == "true");
}

// A program whose operations are `ops`, with a mutex A.
std::string WithOps(std::string_view ops, std::string_view more = "") {
  return R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a", "ops": [)" + std::string(ops) +
         "]" + std::string(more) + "}]}";
}

TEST_CASE("A critical section has no system call in it, and ends", "[scenario][errors][rseq]") {
  const std::string_view cs = R"({"cs_begin": 1}, )";
  const std::string_view end = R"(, {"cs_end": {}})";
  for (const std::string_view op :
       {R"({@"sleep": 5})", R"({@"block": {"kind": "io", "for": 5}})", R"({@"block": {"for": 5}})",
        R"({@"yield": {}})", R"({@"wake": "a"})", R"({@"exit": {}})", R"({@"set_affinity": "0"})",
        R"({@"pair_with": 1})"}) {
    CheckRow({580, WithOps(std::string(cs) + std::string(op) + std::string(end)),
              "put it before the section or behind its end"});
  }
  // On another level than its section.
  CheckRow({580, WithOps(R"({"cs_begin": 1}, {"loop": {"count": 2, "ops": [{@"yield": {}}]}},
                            {"cs_end": {}})")});
  CheckRow({580, WithOps(R"({"loop": {"count": 2, "ops": [{"cs_begin": 1}, {"run": 3}]}},
                            {@"yield": {}}, {"cs_end": {}})")});
  CheckRow({581, WithOps(R"({"cs_begin": 1}, {"run": 1}, {@"cs_begin": 0}, {"cs_end": {}})"),
            "\"cs_end\" ends one"});
  CheckRow({581, WithOps(R"({"cs_begin": 1}, {@"cs_whole": 1}, {"cs_end": {}})")});
  CheckRow({582, WithOps(R"({@"cs_begin": 1}, {"run": 1})")});
  CheckRow(
      {582, WithOps(R"({"cs_begin": 1}, {"cs_end": {}}, {@"cs_begin": 1})", R"(, "loop": 2)")});
}

TEST_CASE("Every system call of a critical section is reported", "[scenario][errors][rseq]") {
  std::vector<Diagnostic> diagnostics;
  CHECK_FALSE(ReadScenario(WithOps(R"({"cs_begin": 1}, {"lock": "A"}, {"unlock": "A"},
                 {"trylock": {"name": "A", "then": [{"yield": {}}]}}, {"cs_end": {}},
                 {"yield": {}}, {"slepe": 1})"),
                           "s.json", diagnostics, TestRegistry()));
  std::vector<int> codes;
  for (const Diagnostic& diagnostic : diagnostics) codes.push_back(diagnostic.code);
  CHECK(codes == std::vector{580, 580, 580, 580, 101});
}

TEST_CASE("User code, a page fault and kernel code of an exception may interrupt a section",
          "[scenario][errors][rseq]") {
  std::vector<Diagnostic> diagnostics;
  CHECK(ReadScenario(WithOps(R"({"pair_with": 1}, {"cs_begin": 1}, {"run": 3}, {"runtime": 2},
                                {"block": {"kind": "fault", "for": 5}}, {"preempt_off": 2},
                                {"run": {"for": 2, "mode": "kernel"}},
                                {"loop": {"count": 2, "ops": [{"run": 1}]}}, {"cs_end": {}},
                                {"yield": {}}, {"cs_whole": {"cpu": 1, "run": 3}})"),
                     "s.json", diagnostics, TestRegistry()));
  CHECK(diagnostics.empty());
}

TEST_CASE("A file that cannot be read is a diagnostic", "[scenario][errors]") {
  for (const char* path : {"/nonexistent/s.json", "/"}) {
    std::vector<Diagnostic> diagnostics;
    CHECK_FALSE(ReadScenarioFile(path, diagnostics, TestRegistry()));
    REQUIRE(diagnostics.size() == 1);
    CHECK(diagnostics[0].code == kCannotRead);
    CHECK(static_cast<int>(ErrorCode::kUnreadable) == kCannotRead);
  }
}

TEST_CASE("Notes may stand anywhere, twice too", "[scenario][errors]") {
  std::vector<Diagnostic> diagnostics;
  CHECK(ReadScenario(
      R"({"version": 1, "//": "a", "//": "b", "x-y": [{}], "machine": {"x-z": 1},
          "policies": {"// p": 3}, "tasks": [{"name": "a", "x-n": 1, "ops": [{"x-c": 0, "run": 1}]}],
          "expect": [{"timeline": {"// all": 0}}]})",
      "s.json", diagnostics, TestRegistry()));
  CHECK(diagnostics.empty());
}

TEST_CASE("Loops may be nested to the limit and no further", "[scenario][errors]") {
  for (const int depth : {kMaxProgramDepth, kMaxProgramDepth + 1}) {
    std::string text = R"({"version": 1, "tasks": [{"name": "a", "ops": [)";
    for (int i = 0; i < depth; ++i) text += R"({"loop": {"count": 2, "ops": [)";
    text += R"({"run": 1})";
    for (int i = 0; i < depth; ++i) text += "]}}";
    text += "]}]}";
    std::vector<Diagnostic> diagnostics;
    const bool is_fine = ReadScenario(text, "s.json", diagnostics, TestRegistry()).has_value();
    CHECK(is_fine == (depth <= kMaxProgramDepth));
    if (is_fine) continue;
    REQUIRE(diagnostics.size() == 1);
    CHECK(diagnostics[0].code == 210);
  }
}

TEST_CASE("A thousand mistakes are cut short, and counted", "[scenario][errors]") {
  std::string text = "{\"version\": 1";
  for (int i = 0; i < 1000; ++i) text += ",\n\"q" + std::to_string(i) + "\": 0";
  text += "}";
  std::vector<Diagnostic> diagnostics;
  CHECK_FALSE(ReadScenario(text, "s.json", diagnostics, TestRegistry()));
  CHECK(diagnostics.size() == 200);
  CHECK(diagnostics.back().hint.find("800 more problems") != std::string::npos);
}

TEST_CASE("A scenario cut off anywhere is an error and nothing worse", "[scenario][errors]") {
  const std::string text = R"({"version": 1, "mutexes": ["A"], "tasks": [{"name": "a",
      "ops": [{"lock": "A"}, {"run": "3ms"}, {"unlock": "A"}]}], "until": "1s"} )";
  for (std::size_t size = 0; size + 2 < text.size(); ++size) {
    std::vector<Diagnostic> diagnostics;
    CHECK_FALSE(ReadScenario(std::string_view(text).substr(0, size), "s.json", diagnostics,
                             TestRegistry()));
    CHECK_FALSE(diagnostics.empty());
  }
}

// Each level takes a lock that the next one gives back, so every round of every loop changes what
// is held: rounds at each level would multiply.
TEST_CASE("Warnings about nested loops take no time to speak of", "[scenario][errors]") {
  std::string names;
  for (int i = 0; i <= kMaxProgramDepth; ++i) {
    names += (i == 0 ? "\"L" : ", \"L") + std::to_string(i) + "\"";
  }
  std::string ops = R"({"lock": "L0"}, {"run": 1})";
  for (int i = 1; i <= kMaxProgramDepth; ++i) {
    ops = R"({"loop": {"count": 2, "ops": [)" + ops + R"(]}}, {"unlock": "L)" +
          std::to_string(i - 1) + R"("}, {"lock": "L)" + std::to_string(i) + R"("})";
  }
  const std::string text = R"({"version": 1, "mutexes": [)" + names +
                           R"(], "tasks": [{"name": "a", "ops": [)" + ops + "]}]}";
  std::vector<Diagnostic> diagnostics;
  CHECK(ReadScenario(text, "s.json", diagnostics, TestRegistry()).has_value());
}

// The numbers in `text` behind each `before`, sorted and once.
std::vector<int> NumbersBehind(const std::string& path, std::string_view before) {
  std::ifstream file(path);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<int> numbers;
  for (std::size_t at = text.find(before); at != std::string::npos;
       at = text.find(before, at + 1)) {
    numbers.push_back(std::atoi(text.c_str() + at + before.size()));
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

TEST_CASE("docs/ERRORS.md explains every code once, and no other", "[scenario][errors]") {
  std::vector<int> codes = NumbersBehind("src/sim/scenario/error_codes.h", " = ");
  for (const int code : NumbersBehind("src/sim/scenario/rtapp/codes.h", " = ")) {
    codes.push_back(code);
  }
  std::sort(codes.begin(), codes.end());
  REQUIRE(codes.size() > 30);
  CHECK(NumbersBehind("docs/ERRORS.md", "\n| E") == codes);
}

}  // namespace
}  // namespace rqsim
