#!/usr/bin/env python3
"""Shows tools/tidy, for each of its rules, a tree that breaks it in one place, and a tree that breaks none."""

import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TIDY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "tidy")
loader = importlib.machinery.SourceFileLoader("tidy", TIDY)
tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("tidy", loader))
loader.exec_module(tidy)


def header(guard, body):
    return f"// What this is for.\n\n#ifndef {guard}\n#define {guard}\n\n{body}\n\n#endif  // {guard}\n"


HOOK = """class SchedClass {
 public:
  virtual ~SchedClass() = default;

  // Says whether `woken` should run.
  // When:    end of a wakeup.
  // State:   `woken` is queued.
  // May:     Kernel::Resched(cpu).
  // Returns: true if so.
  // Default: no.
  virtual bool WakeupPreempt(Kernel& kernel, CpuId cpu,
                             TaskId woken);
};"""

# A tree in which everything is as it should be. Each case below adds or replaces one file.
CLEAN = {
    "include/rqsim/CMakeLists.txt": "target_sources(rqsim PUBLIC FILE_SET HEADERS FILES\n  ids.h\n  policy.h)\n",
    "include/rqsim/ids.h": header("RQSIM_IDS_H_", "#include <cstdint>"),
    "include/rqsim/policy.h": header("RQSIM_POLICY_H_", '#include "rqsim/ids.h"\n\n' + HOOK),
    "src/sim/engine/CMakeLists.txt": "target_sources(rqsim_engine PRIVATE event_queue.cc)\n",
    "src/sim/engine/event_queue.h": header("RQSIM_SIM_ENGINE_EVENT_QUEUE_H_", '#include "rqsim/ids.h"'),
    "src/sim/engine/event_queue.cc": '#include "sim/engine/event_queue.h"\n\n// As the kernel does, but once (MODEL-01).\n',
    "src/sim/machine/CMakeLists.txt": "target_sources(rqsim_machine PRIVATE machine.cc)\n",
    "src/sim/machine/machine.cc": '#include "sim/engine/event_queue.h"\n\nint Rest(int time) { return time; }\n',
    "src/sim/views/CMakeLists.txt": "target_sources(rqsim_views PRIVATE text.cc json.cc)\n",
    "src/sim/views/json.cc": "#include <nlohmann/json.hpp>\n",
    "src/sim/views/text.cc": 'const char* kText = "double time(0) std::thread";  // tidy: allow(talk) nothing here does\n',
    "src/policies/CMakeLists.txt": "target_sources(rqsim_policies PRIVATE lock/mutex.cc)\n",
    "src/policies/policies.h": header("RQSIM_POLICIES_POLICIES_H_", '#include "rqsim/policy.h"'),
    "src/policies/lock/mutex.cc": '// A lock.\n// Tested by tests/unit/mutex_test.cc.\n#include "policies.h"\n',
    "tests/unit/CMakeLists.txt": "rqsim_test(unit SLOW SOURCES a_test.cc)\n",
    "tests/unit/a_test.cc": 'TEST_CASE("A fact", "[a][slow]") {}\n',
    "docs/MODEL.md": "# Model\n\n## MODEL-01 Once is enough\n",
}

ENGINE = "src/sim/engine/event_queue.cc"
MACHINE = "src/sim/machine/machine.cc"
POLICY = "src/policies/lock/mutex.cc"
ESSAY = "// A lock.\n// Tested by a test.\n"

# Rule, file, its text.
CASES = [
    ("floor", ENGINE, '#include "sim/machine/machine.h"\n// MODEL-01\n'),
    ("floor", ENGINE, '#include <rqsim/ids.h>\n// MODEL-01\n'),
    ("floor", ENGINE, '#include "../views/text.h"\n// MODEL-01\n'),
    ("floor", "src/sim/views/text.cc", '#include "sim/scenario/reader.h"\n'),
    ("floor", POLICY, ESSAY + '#include "sim/engine/prng.h"\n'),
    ("floor", "include/rqsim/ids.h", header("RQSIM_IDS_H_", '#include "rqsim/policy.h"')),
    ("floor", "include/rqsim/ids.h", header("RQSIM_IDS_H_", "#include <boost/intrusive/list.hpp>")),
    ("json", "src/sim/views/text.cc", "#include <nlohmann/json.hpp>\n"),
    ("random", MACHINE, "#include <random>\n"),
    ("random", MACHINE, "void F() { std::shuffle(a, b, c); }\n"),
    ("random", MACHINE, "int F() { return rand(); }\n"),
    ("clock", MACHINE, "#include <chrono>\n"),
    ("clock", MACHINE, "long F() { return time(nullptr); }\n"),
    ("clock", MACHINE, "std::thread t;\n"),
    ("clock", MACHINE, "const char* kBuilt = __DATE__;\n"),
    ("environment", MACHINE, 'const char* F() { return std::getenv("TZ"); }\n'),
    ("environment", MACHINE, 'void F() { setlocale(LC_ALL, ""); }\n'),
    ("hash-order", MACHINE, "absl::flat_hash_map<int, std::vector<int>> seen_;\nvoid F() {\n  for (auto& [a, b] : seen_) {\n  }\n}\n"),
    ("hash-order", MACHINE, "std::unordered_set<int> seen;\nauto F() { return seen.begin(); }\n"),
    ("hash-value", MACHINE, "auto F(int a) { return absl::HashOf(a); }\n"),
    ("hash-value", MACHINE, "auto F(int a) { return std::hash<int>()(a); }\n"),
    ("pointer-order", MACHINE, "std::map<const Task*, int> tasks;\n"),
    ("pointer-order", MACHINE, "absl::flat_hash_set<rqsim::Task*> tasks;\n"),
    ("pointer-order", MACHINE, "auto F(int* a) { return reinterpret_cast<std::uintptr_t>(a); }\n"),
    ("pointer-order", MACHINE, 'void F(char* b, int* a) { std::snprintf(b, 9, "%p", a); }\n'),
    ("sort", MACHINE, "void F() { std::sort(a, b); }\n"),
    ("float", MACHINE, "double load = 0;\n"),
    ("float", POLICY, ESSAY + "float load = 0;\n"),
    ("std-function", MACHINE, "std::function<void()> done;\n"),
    ("shared-ptr", MACHINE, "std::shared_ptr<int> task;\n"),
    ("talk", MACHINE, 'void F() { std::cout << "hello"; }\n'),
    ("talk", MACHINE, "void F() { throw 1; }\n"),
    ("talk", MACHINE, "void F() { std::abort(); }\n"),
    ("talk", MACHINE, "void F() { try { G(); } catch (...) { } }\n"),
    ("guard", "src/sim/engine/event_queue.h", header("EVENT_QUEUE_H", "")),
    ("opening", "src/sim/engine/event_queue.h", header("RQSIM_SIM_ENGINE_EVENT_QUEUE_H_", "")[len("// What this is for.\n"):]),
    ("opening", POLICY, "// A lock.\n"),
    ("name", "src/sim/common/CMakeLists.txt", "# nothing\n"),
    ("name", "src/sim/engine/event_queue.h", header("RQSIM_SIM_ENGINE_EVENT_QUEUE_H_", "class Scheduler {};")),
    ("hook", "include/rqsim/policy.h", header("RQSIM_POLICY_H_", HOOK.replace("// May:", "//"))),
    ("hook", "include/rqsim/policy.h", header("RQSIM_POLICY_H_", HOOK.replace("// Returns:", "//"))),
    ("model", MACHINE, "// As the kernel does, but twice (MODEL-02).\n"),
    ("model", "docs/MODEL.md", "## MODEL-01 Once\n\n## MODEL-03 Thrice\n"),
    ("listed", "src/sim/engine/prng.cc", "// Numbers.\n"),
    ("listed", "include/rqsim/time.h", header("RQSIM_TIME_H_", "")),
    ("listed", "src/sim/views/CMakeLists.txt", "file(GLOB sources *.cc)\n# text.cc json.cc\n"),
    ("tag", "tests/unit/a_test.cc", 'TEST_CASE("A fact", "[a][shared]") {}\n'),
    ("layout", MACHINE, "int a; \n"),
    ("layout", MACHINE, "int a;\r\n"),
    ("layout", MACHINE, "int F() {\n\treturn 1;\n}\n"),
    ("layout", MACHINE, "int a;"),
    ("place", "docs/NOTES.md", "See /" + "home/me/notes.\n"),
]


def run(tree):
    with tempfile.TemporaryDirectory() as root:
        for path, text in tree.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8", newline="") as handle:
                handle.write(text)
        checked = tidy.Tidy(root)
        checked.run()
        return checked


class TidyTest(unittest.TestCase):
    def test_a_clean_tree_passes(self):
        self.assertEqual(run(CLEAN).problems, [])

    def test_each_rule_catches_its_violation_and_nothing_else(self):
        for rule, path, text in CASES:
            with self.subTest(rule=rule, text=text):
                problems = run({**CLEAN, path: text}).problems
                self.assertEqual({problem[2] for problem in problems}, {rule}, problems)

    def test_every_rule_has_a_case(self):
        self.assertEqual(set(tidy.RULES), {rule for rule, _, _ in CASES})

    def test_a_reason_excuses_and_a_bare_tag_does_not(self):
        excused = "// tidy: allow(float) a ratio, printed only\ndouble load = 0;\n"
        self.assertEqual(run({**CLEAN, MACHINE: excused}).problems, [])
        for text in (excused.replace(" a ratio, printed only", ""), excused.replace("float", "clock")):
            self.assertEqual([problem[2] for problem in run({**CLEAN, MACHINE: text}).problems], ["float"])

    def test_a_sort_with_a_total_order_passes(self):
        text = "// total order: id breaks ties.\nvoid F() { std::sort(a, b); }\n"
        self.assertEqual(run({**CLEAN, MACHINE: text}).problems, [])

    def test_lengths_are_remarks(self):
        checked = run({**CLEAN, MACHINE: "void F() {\n" + "  G();\n" * 80 + "}\n" + "// x\n" * 600})
        self.assertEqual(checked.problems, [])
        self.assertEqual([text.split(" (")[0] for _, _, text in sorted(checked.remarks)],
                         ["682 lines", "a function of 82 lines"])


if __name__ == "__main__":
    unittest.main()
