#!/usr/bin/env python3
"""The program as its users meet it: every verb, every exit status, help, streams, and what happens to files.

  command_test.py PROGRAM [unittest options]
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

try:
    import jsonschema
except ImportError:
    jsonschema = None

PROGRAM = "rqsim"
VERBS = ["run", "compare", "check", "test", "report", "import", "gen", "list", "schema", "version"]

# One CPU. L takes A at 0 and needs it for 4; H wants it at 1, M comes at 2 and needs 3. By hand:
#   mutex  [0,1)L [1,2)L [2,5)M [5,8)L [8,9)H          H waits from 1 to 8
#   pi     [0,1)L [1,4)L [4,5)H [5,8)M [8,9)L          H raises L, so M has to wait
# (L has one more cycle of its own after the unlock, in both at the end or before M is done.)
INVERSION = {
    "version": 1,
    "name": "inversion",
    "machine": {"cpus": [{"ids": "0"}], "tick": False},
    "mutexes": ["A"],
    "tasks": [
        {"name": "L", "sched": {"priority": 1}, "ops": [{"lock": "A"}, {"run": 4}, {"unlock": "A"}, {"run": 1}]},
        {"name": "H", "sched": {"priority": 3}, "start": 1, "ops": [{"lock": "A"}, {"run": 1}, {"unlock": "A"}]},
        {"name": "M", "sched": {"priority": 2}, "start": 2, "ops": [{"run": 3}]},
    ],
    "common": {"class": "fifo", "placement": {"wake": "prev"}},
    "policies": {"mutex": {"lock": "mutex"}, "pi": {"lock": "pi"}},
}
# Two tasks that each hold what the other wants.
DEADLOCK = {
    "version": 1,
    "name": "abba",
    "machine": {"cpus": [{"ids": "0-1"}], "tick": False},
    "mutexes": ["A", "B"],
    "tasks": [
        {"name": "P", "sched": {"priority": 1}, "cpus": "0",
         "ops": [{"lock": "A"}, {"run": 2}, {"lock": "B"}, {"unlock": "B"}, {"unlock": "A"}]},
        {"name": "Q", "sched": {"priority": 1}, "cpus": "1",
         "ops": [{"lock": "B"}, {"run": 2}, {"lock": "A"}, {"unlock": "A"}, {"unlock": "B"}]},
    ],
    "common": {"class": "fifo", "placement": {"wake": "prev"}, "lock": {"name": "mutex", "spin": False}},
}
# One server, two workers on one CPU, costs of umcg.md's examples and no time for user code of workers but their own.
# Both parked, so queued from 0 on. S picks W1 at 4 and W2 when W1 has yielded.
GROUP = {
    "version": 1,
    "name": "group",
    "machine": {"cpus": [{"ids": "0"}], "costs": {"preset": "umcg-ex"}},
    "until": 60,
    "tasks": [
        {"name": "W1", "tid": 11, "start": "parked", "ops": [{"run": 10}, {"umcg_yield": {"requeue": 1}}, {"run": 5}]},
        {"name": "W2", "tid": 12, "start": "parked", "ops": [{"run": 30}, {"umcg_yield": {}}]},
    ],
    "umcg": [{"name": "g0", "servers": [{"name": "S", "tid": 1, "cpus": "0"}], "workers": ["W1", "W2"]}],
    "common": {"preset": "UM"},
    "policies": {"v0.6": {"services": [{"name": "umcg-v0.6", "costs": {"preset": "EX"}}]}, "kernel": {}},
}
RTAPP = '{"tasks": {"t0": {"loop": 2, "run": 100, "sleep": 50}}, "global": {"duration": 1}}\n'


def changed(scenario, **keys):
    return {**scenario, **keys}


class Command(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        with open(path, "wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
        return path

    def content(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as handle:
            return handle.read()

    def rqsim(self, *words, status=0, stdin="", **environment):
        clean = {"PATH": os.environ.get("PATH", ""), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        done = subprocess.run([PROGRAM, *words], input=stdin.encode(), capture_output=True, cwd=self.folder,
                              env={**clean, **environment}, timeout=60, check=False)
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        self.assertEqual(done.returncode, status, f"{' '.join(words)}\n{out}\n{err}")
        return out, err


class Help(Command):
    def test_every_verb_is_listed_and_has_help_with_examples(self):
        out, _ = self.rqsim("--help")
        for verb in VERBS:
            self.assertRegex(out, rf"\n  {verb} ")
            text, _ = self.rqsim(verb, "--help")
            self.assertIn("Examples:\n  rqsim " + verb, text)

    def test_help_fits_a_terminal(self):
        for verb in VERBS:
            for line in self.rqsim(verb, "--help")[0].splitlines():
                self.assertLessEqual(len(line), 110, line)

    def test_examples_name_options_that_exist(self):
        for verb in VERBS:
            text, _ = self.rqsim(verb, "--help")
            examples = re.sub(r" \| .*", "", text[text.index("Examples:"):])
            for option in re.findall(r" (--?[a-z][a-z-]*)", examples):
                self.assertIn(option, text[:text.index("Examples:")], f"{verb} {option}")

    def test_wrong_use_is_2_and_points_to_help(self):
        for words in [[], ["nonsense"], ["run"], ["run", "--nonsense", "x"], ["list", "nonsense"], ["schema"]]:
            out, err = self.rqsim(*words, status=2)
            self.assertEqual(out, "")
            self.assertIn("--help", err)

    def test_version_says_which_model(self):
        out, _ = self.rqsim("version")
        self.assertRegex(out, r"(?m)^rqsim \d+\.\d+\.\d+$")
        self.assertRegex(out, r"(?m)^model_version \d+$")
        self.assertEqual(set(json.loads(self.rqsim("version", "--json")[0])),
                         {"version", "model_version", "schema_version"})


class Run(Command):
    def test_a_summary_of_each_set(self):
        self.file("s.json", INVERSION)
        out, err = self.rqsim("run", "s.json")
        self.assertIn("policy mutex", out)
        self.assertIn("policy pi", out)
        self.assertEqual(err, "")

    def test_the_timeline_is_that_of_the_arithmetic(self):
        self.file("s.json", INVERSION)
        out, _ = self.rqsim("run", "s.json", "-p", "mutex", "--timeline")
        self.assertIn("CPU 0  [0,2)L [2,5)M [5,7)L [7,8)H [8,9)L", out)
        out, _ = self.rqsim("run", "s.json", "-p", "pi", "--timeline")
        self.assertIn("CPU 0  [0,4)L [4,5)H [5,8)M [8,9)L", out)

    def test_json_is_one_document_for_one_set_and_a_list_for_several(self):
        self.file("s.json", INVERSION)
        one = json.loads(self.rqsim("run", "s.json", "-p", "pi", "--json")[0])
        self.assertEqual((one["policy"], one["outcome"], one["end_cycles"]), ("pi", "done", 9))
        self.assertRegex(one["digest"], r"^[0-9a-f]{16}$")
        self.assertNotIn("timeline", one)
        both = json.loads(self.rqsim("run", "s.json", "--json", "--timeline")[0])
        self.assertEqual([result["policy"] for result in both], ["mutex", "pi"])
        self.assertTrue(both[0]["timeline"])

    def test_the_same_run_gives_the_same_bytes(self):
        self.file("s.json", INVERSION)
        first = self.rqsim("run", "s.json", "--json", "--timeline")
        self.assertEqual(first, self.rqsim("run", "s.json", "--json", "--timeline", TZ="Asia/Kathmandu", LANG="de_DE"))
        self.assertEqual(first, self.rqsim("run", "-", "--json", "--timeline", stdin=json.dumps(INVERSION)))

    def test_set_changes_the_scenario_first(self):
        self.file("s.json", INVERSION)
        # M needs 13 instead of 3: the end moves from 9 to 19.
        out, _ = self.rqsim("run", "s.json", "-p", "pi", "--json", "--set", "tasks.M.ops[0].run=13")
        self.assertEqual(json.loads(out)["end_cycles"], 19)
        out, _ = self.rqsim("run", "s.json", "-p", "pi", "--json", "--set", "machine.costs.c_ctx=1",
                            "--set", "name=other")
        self.assertEqual(json.loads(out)["scenario"]["name"], "other")
        self.assertGreater(json.loads(out)["end_cycles"], 9)
        for edit in ["nonsense", "tasks.X.start=1", "tasks.M.start.deeper=1", "machine.cots.c_ctx=1"]:
            out, err = self.rqsim("run", "s.json", "--set", edit, status=2)
            self.assertEqual(out, "")
            self.assertNotEqual(err, "")

    def test_a_set_is_picked_by_name_or_made_on_the_spot(self):
        self.file("s.json", INVERSION)
        named = json.loads(self.rqsim("run", "s.json", "-p", "pi", "--json")[0])
        made = json.loads(self.rqsim("run", "s.json", "-p", "lock=pi", "--json")[0])
        self.assertEqual(made["policy"], "lock=pi")
        self.assertEqual(made["digest"], named["digest"])
        _, err = self.rqsim("run", "s.json", "-p", "mutx", status=2)
        self.assertIn("Did you mean mutex?", err)
        self.rqsim("run", "s.json", "-p", "lock=nonsense", status=2)

    def test_rt_app_files_run_as_they_are(self):
        self.file("a.json", RTAPP)
        result = json.loads(self.rqsim("run", "a.json", "--json")[0])
        # Twice 100 us of running and 50 us of sleep at 1 GHz.
        self.assertEqual(result["tasks"][0]["work"], 200_000)
        self.assertEqual(result["end_cycles"], 300_000)

    def test_traces_in_three_formats(self):
        self.file("s.json", INVERSION)
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "t.txt")
        self.assertIn("\n4 0 mutex_acquire lock=A comm=H", self.content("t.txt"))
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "t.dat:ftrace")
        self.assertTrue(self.content("t.dat").startswith("# tracer: nop"))
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "t.json:chrome")
        self.assertTrue(json.loads(self.content("t.json"))["traceEvents"])
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "t.txt:nonsense", status=2)
        self.rqsim("run", "s.json", "--trace", "t.txt", status=2)


class ExitStatus(Command):
    def test_1_an_assertion_is_missed(self):
        bound = {"policy": "mutex", "task": "H", "metric": "response", "max": 4}
        self.file("s.json", changed(INVERSION, **{"assert": [bound]}))
        # H: released at 1; done at 8 under mutex, at 5 under pi.
        _, err = self.rqsim("run", "s.json", status=1)
        self.assertIn("response of task H is 7, more than 4, by 3", err)
        self.rqsim("run", "s.json", "-p", "pi")

    def test_1_an_invariant_is_broken(self):
        tasks = [{"name": "L", "sched": {"priority": 1}, "ops": [{"lock": "A"}, {"run": 1}]}]
        self.file("s.json", changed(INVERSION, tasks=tasks))
        _, err = self.rqsim("run", "s.json", "-p", "mutex", status=1)
        self.assertIn("violation MX-I9", err)
        self.rqsim("run", "s.json", "-p", "mutex", "--no-check")

    def test_2_the_input_is_wrong(self):
        self.file("s.json", changed(INVERSION, nonsense=1))
        for verb in ["run", "compare", "check", "test"]:
            out, err = self.rqsim(verb, "s.json", status=2)
            self.assertRegex(out + err, r"s\.json:\d+:\d+: error\[E\d+\]: ")

    def test_3_not_modelled_with_strict(self):
        self.file("a.json", '{"tasks": {"t0": {"loop": 1, "run": 10, "mem": 20}}}')
        _, err = self.rqsim("run", "a.json")
        self.assertIn("mem", err)
        self.rqsim("run", "a.json", "--strict", status=3)
        self.rqsim("import", "rt-app", "a.json", "--strict", "-o", "s.json", status=3)
        self.assertFalse(os.path.exists(os.path.join(self.folder, "s.json")))

    def test_4_deadlock_unless_it_is_expected(self):
        self.file("s.json", DEADLOCK)
        _, err = self.rqsim("run", "s.json", status=4)
        self.assertIn("deadlock at 2", err)
        out, _ = self.rqsim("compare", "s.json", "-p", "lock=mutex", "-p", "lock=pi", status=4)
        # Spinning, they wait for each other on their CPUs for ever.
        self.assertIn("! lock=mutex: ended badly, livelock", out)
        self.file("t.json", changed(DEADLOCK, policies={"mutex": {"lock": {"name": "mutex", "spin": False}}},
                                    expect=[{"policy": "mutex", "outcome": "deadlock", "end": 2}]))
        self.rqsim("run", "t.json")
        self.rqsim("test", "t.json")

    def test_5_a_file_cannot_be_read_or_written(self):
        for verb in ["run", "compare", "check", "test"]:
            _, err = self.rqsim(verb, "missing.json", status=5)
            self.assertIn("missing.json", err)
        self.rqsim("list", "scenarios", "missing", status=5)
        self.file("s.json", INVERSION)
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "missing/t.txt", status=5)
        self.rqsim("test", "s.json", "--junit", "missing/t.xml", status=5)
        self.file("a.json", RTAPP)
        self.rqsim("import", "rt-app", "a.json", "-o", "missing/s.json", status=5)
        if os.path.exists("/dev/full"):
            self.rqsim("import", "rt-app", "a.json", "-o", "/dev/full", status=5)
            with open("/dev/full", "wb") as full:
                done = subprocess.run([PROGRAM, "list", "ops"], stdout=full, stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 5)

    def test_70_a_bug_says_how_to_reproduce_it(self):
        # Nothing a scenario says can reach this; a signal stands in for a failed check.
        process = subprocess.Popen([PROGRAM, "run", "-", "--set", "a=b c"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            # It waits for its input when it has read the first byte.
            process.stdin.write(b"{")
            process.stdin.flush()
            os.set_blocking(process.stderr.fileno(), True)
            while not self.waits_for_input(process.pid):
                pass
            process.send_signal(signal.SIGABRT)
            err = process.stderr.read().decode()
        self.assertEqual(process.returncode, 70)
        self.assertIn("run - --set 'a=b c'", err)

    @staticmethod
    def waits_for_input(pid):
        try:
            with open(f"/proc/{pid}/wchan", encoding="ascii") as handle:
                place = handle.read()
            with open(f"/proc/{pid}/stat", encoding="ascii") as handle:
                state = handle.read().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        return state == "S" or "pipe" in place


class Files(Command):
    BROKEN = {
        "truncated": json.dumps(INVERSION)[:200],
        "empty": "",
        "NUL bytes": b"{\x00\x00}",
        "not UTF-8": b'{"version": 1, "name": "\xff\xfe"}',
        "wrong type": '{"version": "one"}',
        "deep": "[" * 10_000 + "]" * 10_000,
        "deep objects": '{"a":' * 10_000 + "1" + "}" * 10_000,
        "huge number": json.dumps(changed(INVERSION, until=2**63)),
        "huge length": json.dumps(changed(INVERSION, until="9999999999999999999s")),
        "twice": '{"version": 1, "version": 1}',
        "names twice": json.dumps(changed(INVERSION, tasks=INVERSION["tasks"] * 2)),
        "old rt-app": '{"tasks": {"t0": {"period": 1000, "exec": 5, "lock_order": ["m"]}}}',
    }

    def test_broken_input_is_said_and_overwrites_nothing(self):
        for name, content in self.BROKEN.items():
            with self.subTest(name):
                self.file("b.json", content)
                self.file("old", "old")
                for words in [["run", "b.json", "-p", "pi", "--trace", "old"], ["compare", "b.json"],
                              ["check", "b.json"], ["import", "rt-app", "b.json", "-o", "old"],
                              ["run", "b.json", "--json"], ["run", "b.json", "--set", "name=x"]]:
                    out, err = self.rqsim(*words, status=2)
                    self.assertEqual(out, "")
                    self.assertNotEqual(err, "")
                self.assertEqual(self.content("old"), "old")

    def test_an_output_that_cannot_be_finished_leaves_nothing_behind(self):
        self.file("s.json", INVERSION)
        before = sorted(os.listdir(self.folder))
        self.rqsim("run", "s.json", "-p", "pi", "--trace", "s.json/t", status=5)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_an_output_replaces_a_file_and_keeps_its_mode(self):
        self.file("a.json", RTAPP)
        path = self.file("s.json", "old")
        os.chmod(path, 0o640)
        self.rqsim("import", "rt-app", "a.json", "-o", "s.json")
        self.assertEqual(json.loads(self.content("s.json"))["version"], 1)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o640)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.json", "s.json"])

    def test_an_imported_file_runs_as_the_file_it_came_from(self):
        self.file("a.json", RTAPP)
        out, err = self.rqsim("import", "rt-app", "a.json")
        self.assertIn("operations in", err)
        self.file("s.json", out)
        direct = json.loads(self.rqsim("run", "a.json", "--json")[0])
        imported = json.loads(self.rqsim("run", "s.json", "--json")[0])
        self.assertEqual(direct["digest"], imported["digest"])


class Report(Command):
    # pi, by hand: L 0 to 4, H 4 to 5, M 5 to 8, L 8 to 9. H blocks at 1 and is woken at 4; M waits from 2 to 5.
    def test_latency_counts_waits_for_a_cpu(self):
        self.file("s.json", INVERSION)
        page = json.loads(self.rqsim("report", "s.json", "-p", "pi", "--view", "latency", "--json")[0])
        rows = {row["name"]: row for row in page["tasks"]}
        # M: one wait, [2,5). H: [1,1) and [4,4). L: [0,0), preempted at 1 by H for no time, and [4,8).
        self.assertEqual((rows["M"]["count"], rows["M"]["max_delay"], rows["M"]["max_delay_start"]), (1, 3, 2))
        self.assertEqual((rows["H"]["count"], rows["H"]["max_delay"]), (2, 0))
        self.assertEqual((rows["L"]["runtime"], rows["L"]["max_delay"], rows["L"]["max_delay_end"]), (5, 4, 8))
        out, _ = self.rqsim("report", "s.json", "-p", "pi", "--view", "latency")
        self.assertIn("  Task                  |   Runtime ms  |  Count   | Avg delay ms    | Max delay ms    |", out)
        self.assertIn("\n  M:3                   |", out)

    def test_a_stored_result_gives_the_same_pages_as_the_scenario(self):
        self.file("s.json", INVERSION)
        out, _ = self.rqsim("run", "s.json", "--json", "--timeline")
        self.file("r.json", out)
        for view in ["summary", "latency", "timehist", "map"]:
            for more in [[], ["--json"], ["-p", "pi"]]:
                if [view, *more] == ["summary", "--json"]:
                    continue  # the document itself, with whatever it stores
                words = ["--view", view, *more]
                self.assertEqual(self.rqsim("report", "r.json", *words), self.rqsim("report", "s.json", *words))
        self.assertEqual(self.rqsim("report", "-", "--view", "map", stdin=out),
                         self.rqsim("report", "s.json", "--view", "map"))

    # umcg.md 13: S picks W1 at 4, which is in user mode at 18, yields at 28 and has S in user mode at 39, 11 later; S
    # queues W1 again there, picks W2 at 40 and is off at 47, W2 is in user mode at 54.
    def test_umcg_tells_words_lists_and_hand_offs_from_a_stored_result_too(self):
        self.file("s.json", GROUP)
        self.file("r.json", self.rqsim("run", "s.json", "--json", "--timeline")[0])
        for more in [[], ["--json"], ["-p", "v0.6"]]:
            words = ["--view", "umcg", *more]
            self.assertEqual(self.rqsim("report", "r.json", *words), self.rqsim("report", "s.json", *words))
        page = json.loads(self.rqsim("report", "r.json", "-p", "v0.6", "--view", "umcg", "--json")[0])
        self.assertEqual([(h["at"], h["kind"], h["from"], h["to"], h["first_cycle"]) for h in page["handoffs"]],
                         [(4, "dispatch", "S", "W1", 18), (28, "yield", "W1", "S", 39), (40, "dispatch", "S", "W2", 54)])
        queued = [(s["task"], s["start"], s["end"], s["what"], s["group"]) for s in page["spans"] if s["kind"] == "list"]
        self.assertEqual(queued, [("W1", 0, 4, "queue", "g0"), ("W1", 39, 60, "queue", "g0"),
                                  ("W2", 0, 40, "queue", "g0")])
        text = self.rqsim("report", "r.json", "-p", "v0.6", "--view", "umcg")[0]
        self.assertIn("contents\nAT  LIST  QUEUE\n 0  -     W1 W2\n 4  -     W2\n39  -     W2 W1\n40  -     W1\n", text)
        bare = json.loads(self.rqsim("report", "s.json", "-p", "kernel", "--view", "umcg", "--json")[0])
        self.assertEqual((bare["spans"], bare["handoffs"]), ([], []))

    def test_map_and_timehist_tell_the_schedule(self):
        self.file("s.json", INVERSION)
        switches = json.loads(self.rqsim("report", "s.json", "-p", "pi", "--view", "map", "--json")[0])["switches"]
        self.assertEqual([(s["time"], s["task"]) for s in switches],
                         [(0, "L"), (1, "H"), (1, "L"), (4, "H"), (5, "M"), (8, "L"), (9, "swapper")])
        stays = json.loads(self.rqsim("report", "s.json", "-p", "pi", "--view", "timehist", "--json")[0])["stays"]
        self.assertEqual([(s["time"], s["task"], s["wait_time"], s["sch_delay"], s["run_time"], s["state"])
                          for s in stays],
                         [(1, "L", 0, 0, 1, "R"), (1, "H", 0, 0, 0, "D"), (4, "L", 0, 0, 3, "R"),
                          (5, "H", 3, 0, 1, "X"), (8, "M", 0, 3, 3, "X"), (9, "L", 4, 0, 1, "X")])

    def test_what_a_result_lacks_is_said_with_the_command_that_stores_it(self):
        self.file("s.json", INVERSION)
        self.file("r.json", self.rqsim("run", "s.json", "-p", "pi", "--json")[0])
        self.rqsim("report", "r.json", "--view", "latency")
        for view in ["timehist", "map"]:
            out, err = self.rqsim("report", "r.json", "--view", view, status=2)
            self.assertEqual(out, "")
            self.assertIn("rqsim run SCENARIO -p pi --json --timeline", err)

    def test_wrong_use_and_broken_results(self):
        self.file("s.json", INVERSION)
        good = self.rqsim("run", "s.json", "-p", "pi", "--json")[0]
        self.file("r.json", good)
        self.file("old.json", good.replace('"schema_version": 1', '"schema_version": 0'))
        self.file("cut.json", good[:300])
        for words, message in [(["r.json", "--view", "nonsense"], "--help"), (["r.json", "-p", "mutx"], "no policy set mutx"),
                               (["r.json", "--set", "name=x"], "--set"), (["old.json"], "version 1, not 0"),
                               (["s.json", "-p", "mutx"], "Did you mean mutex?"), (["cut.json"], "cut.json")]:
            out, err = self.rqsim("report", *words, status=2)
            self.assertEqual(out, "")
            self.assertIn(message, err)
        self.rqsim("report", "missing.json", status=5)


class Gen(Command):
    def test_every_kind_gives_a_scenario_that_check_has_nothing_to_say_of_and_that_runs(self):
        kinds = self.rqsim("gen", "--help")[0]
        for kind in ["uunifast", "randfixedsum", "lock-chain"]:
            self.assertIn(kind, kinds)
            for policy in ["fifo", "normal", "rr"]:
                self.rqsim("gen", kind, "--policy", policy, "--until", "100ms", "-o", "s.json")
                out, err = self.rqsim("check", "s.json")
                self.assertEqual((out, err), ("s.json: fine\n", ""))
                result = json.loads(self.rqsim("run", "s.json", "--set", "seed=1", "--json",
                                               *(["-p", "pi"] if kind == "lock-chain" else []))[0])
                self.assertEqual(result["outcome"], "until")

    def test_the_same_seed_gives_the_same_bytes(self):
        words = ["gen", "randfixedsum", "--tasks", "40", "--utilisation", "3.2", "--cpus", "4", "--locks", "3",
                 "--arrivals", "sporadic"]
        first = self.rqsim(*words, "--seed", "7")
        self.assertEqual(first, self.rqsim(*words, "--seed", "7", TZ="Asia/Kathmandu", LANG="de_DE"))
        self.assertNotEqual(first, self.rqsim(*words, "--seed", "8"))
        self.assertEqual(len(json.loads(first[0])["tasks"]), 40)

    def test_a_chain_is_an_inversion_that_inheritance_mends(self):
        self.rqsim("gen", "lock-chain", "--depth", "4", "--until", "10ms", "-o", "s.json")
        results = json.loads(self.rqsim("run", "s.json", "--json")[0])
        head = [next(t for t in r["tasks"] if t["name"] == "head")["response"]["max"] for r in results]
        self.assertGreater(head[0], head[1])

    def test_options_that_mean_nothing_or_cannot_be_are_refused(self):
        for words, message in [(["uunifast", "--depth", "3"], "--depth means nothing to uunifast, which has --tasks"),
                               (["lock-chain", "--tasks", "3"], "--tasks means nothing to lock-chain"),
                               (["uunifast", "--utilisation", "1.5"], "--utilisation: above 0, at most 1"),
                               (["uunifast", "--utilisation", "much"], "no number of CPUs"),
                               (["uunifast", "--min-period", "soon"], "no length"),
                               (["uunifast", "--policy", "idle"], "--help"), (["nonsense"], "--help"), ([], "--help")]:
            out, err = self.rqsim("gen", *words, status=2)
            self.assertEqual(out, "")
            self.assertIn(message, err)
        self.rqsim("gen", "uunifast", "-o", "missing/s.json", status=5)


class ImportBench(Command):
    # Both released at 0. a: 3 of every 10; b: 6 of every 20, so [3,9) and [23,29). Until 40: four jobs and two.
    SET = {
        "name": "two", "cpus": 1, "policy": "fixed-priority+mutex", "mutexes": 1, "jobs_per_simulated_second": 150000.0,
        "tasks": [
            {"name": "a", "period_us": 10, "deadline_us": 10, "wcet_us": 3, "phase_us": 0, "prio": 0,
             "mutex": 0, "pre_us": 1, "cs_us": 1, "post_us": 1},
            {"name": "b", "period_us": 20, "deadline_us": 20, "wcet_us": 6, "phase_us": 0, "prio": 1,
             "mutex": 0, "pre_us": 2, "cs_us": 2, "post_us": 2}],
    }

    def test_its_jobs_can_be_counted(self):
        self.file("w.json", self.SET)
        self.rqsim("import", "bench", "w.json", "--until", "40us", "-o", "s.json")
        self.rqsim("check", "s.json")
        for result in json.loads(self.rqsim("run", "s.json", "--json")[0]):
            self.assertEqual([task["response"]["n"] for task in result["tasks"]], [4, 2])
            self.assertEqual([task["response"]["max"] for task in result["tasks"]], [3000, 9000])
            # a at 0, 10, 20, 30 and, as the run ends, 40; b at 3 and 23.
            self.assertEqual((result["metrics"]["jobs"], result["metrics"]["dispatches"]), (6, 7))

    def test_options_belong_to_formats(self):
        self.file("w.json", self.SET)
        self.file("a.json", RTAPP)
        for words, message in [(["bench", "w.json"], "--until 200ms"), (["bench", "w.json", "--until", "3"], "no length"),
                               (["bench", "w.json", "--until", "1us", "--cpus", "2"], "--cpus"),
                               (["rt-app", "a.json", "--until", "1us"], "--until")]:
            out, err = self.rqsim("import", *words, status=2)
            self.assertEqual(out, "")
            self.assertIn(message, err)

    def test_every_mistake_is_reported_and_nothing_written(self):
        self.file("old", "old")
        self.file("w.json", json.dumps({**self.SET, "policy": "edff"}, indent=1).replace('"wcet_us": 3', '"wcet": 3'))
        out, err = self.rqsim("import", "bench", "w.json", "--until", "1us", "-o", "old", status=2)
        self.assertEqual(out, "")
        self.assertRegex(err, r"w\.json:4:12: error\[E104\]: policy: .*\n.*\n.*\n  hint: did you mean \"edf\"")
        self.assertIn("unknown key \"wcet\"", err)
        self.assertEqual(self.content("old"), "old")


class Compare(Command):
    def test_the_page_names_the_cause_and_fits_100_columns(self):
        self.file("s.json", changed(INVERSION, tasks=[
            {**task, "deadline": 5} if task["name"] == "H" else task for task in INVERSION["tasks"]]))
        out, err = self.rqsim("compare", "s.json")
        self.assertEqual(err, "")
        self.assertIn("! mutex: H missed its deadline once", out)
        self.assertIn("H raised L to priority 3 under pi; under mutex nobody was raised.", out)
        self.assertIn("From 2 CPU 0 runs L under pi, M under mutex.", out)
        # mutex L L M M M L L H L against pi L L L L H M M M L: 2, 3, 4, 5, 6, 7 differ.
        self.assertIn("CPU 0  6 in 1 spell: [2,8)", out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 100, line)
            self.assertEqual(line, line.rstrip())

    def test_numbers_that_are_0_under_every_set_are_not_shown(self):
        self.file("s.json", INVERSION)
        self.assertNotIn("steals", self.rqsim("compare", "s.json")[0])
        self.assertIn("steals", self.rqsim("compare", "s.json", "--all")[0])

    def test_many_sets_have_a_line_each(self):
        sets = {"mutex": {"lock": "mutex"}, "pi": {"lock": "pi"}}
        sets.update({f"again-{i}": {"lock": "mutex"} for i in range(3)})
        self.file("s.json", changed(INVERSION, policies=sets))
        out, _ = self.rqsim("compare", "s.json")
        self.assertIn("  pi       at 1: H raised L to priority 3 under pi", out)
        self.assertIn("  again-2  never\n", out)
        self.assertIn("not as mutex  CPU 0\npi                6\nagain-0           -\n", out)
        # Under mutex L is preempted by M for its 3 cycles before the unlock and by H for 1 behind it; under pi by
        # both behind it. H waits for the lock from 1 to 7, or to 4. M
        # under pi waits for the rest of L's section and for H.
        self.assertIn("Tasks: run_delay  L  H  M\nmutex             4  0  0\npi                4  0  3\n", out)
        self.assertIn("Tasks: blocked  L  H  M\nmutex           0  6  0\npi              0  3  0\n", out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 100, line)
            self.assertEqual(line, line.rstrip())

    def test_a_great_many_sets_are_held_against_each_other_in_brief(self):
        sets = {"mutex": {"lock": "mutex"}, "pi": {"lock": "pi"}}
        sets.update({f"again-{i}": {"lock": "mutex"} for i in range(19)})
        self.file("s.json", changed(INVERSION, policies=sets))
        out, _ = self.rqsim("compare", "s.json")
        self.assertIn("Tasks: blocked", out)
        self.assertNotIn("Timelines from", out)
        self.assertNotIn("inversion_", out)
        self.assertIn("with -p, or --all.", out)
        out, _ = self.rqsim("compare", "s.json", "--all")
        self.assertIn("Timelines from", out)
        self.assertIn("inversion_", out)

    def test_json_has_all_of_it(self):
        self.file("s.json", INVERSION)
        page = json.loads(self.rqsim("compare", "s.json", "--json")[0])
        self.assertEqual((page["baseline"], page["policies"], page["differs"]), ("mutex", ["mutex", "pi"], True))
        against = page["against"][0]
        self.assertEqual(against["divergence"]["at"], 1)
        self.assertEqual(against["cpus"], [{"cpu": 0, "cycles": 6, "spans": [[2, 8]]}])
        h = next(task for task in page["tasks"] if task["name"] == "H")
        self.assertEqual(h["metrics"]["response.max"], [7, 4])

    def test_the_baseline_can_be_chosen(self):
        self.file("s.json", INVERSION)
        page = json.loads(self.rqsim("compare", "s.json", "--baseline", "pi", "--json")[0])
        self.assertEqual(page["policies"], ["pi", "mutex"])
        self.rqsim("compare", "s.json", "--baseline", "nonsense", status=2)

    def test_no_difference_is_said_with_its_reason(self):
        self.file("s.json", changed(INVERSION, tasks=INVERSION["tasks"][:1]))
        out, _ = self.rqsim("compare", "s.json", "--fail-on-difference")
        self.assertIn("do the same in every cycle", out)
        self.assertIn("none of them contended: max waiters 0", out)

    def test_a_difference_fails_only_when_asked(self):
        self.file("s.json", INVERSION)
        self.rqsim("compare", "s.json")
        self.rqsim("compare", "s.json", "--fail-on-difference", status=1)

    def test_one_set_is_nothing_to_compare(self):
        self.file("s.json", INVERSION)
        _, err = self.rqsim("compare", "s.json", "-p", "pi", status=2)
        self.assertIn("-p", err)


class Test(Command):
    EXPECT = [{"policy": "pi", "outcome": "done", "end": 9, "timeline": {"0": "[0,4)L [4,5)H [5,8)M [8,9)L"}}]

    def test_a_folder_is_walked_in_order(self):
        self.file("b/two.json", changed(INVERSION, expect=self.EXPECT))
        self.file("b/one.jsonc", "// a note\n" + json.dumps(INVERSION))
        self.file("b/.hidden.json", "nonsense")
        out, _ = self.rqsim("test", "b")
        self.assertEqual([line.split()[1:] for line in out.splitlines()[:-1]],
                         [["b/one.jsonc", "mutex"], ["b/one.jsonc", "pi"],
                          ["b/two.json", "mutex"], ["b/two.json", "pi"]])
        self.assertEqual(out, self.rqsim("test", "b", "-j", "4")[0])
        out, _ = self.rqsim("test", "b", "-k", "two.json pi")
        self.assertEqual(len(out.splitlines()), 2)
        self.rqsim("test", "b", "-k", "nonsense", status=2)
        cases = json.loads(self.rqsim("test", "b", "--json")[0])
        self.assertEqual([(case["policy"], case["passed"]) for case in cases], [("mutex", True), ("pi", True)] * 2)

    def test_a_mismatch_shows_both_lines_and_the_decision(self):
        wrong = [{**self.EXPECT[0], "timeline": {"0": "[0,4)L [4,5)H [5,9)M"}}]
        self.file("s.json", changed(INVERSION, expect=wrong))
        out, _ = self.rqsim("test", "s.json", "--junit", "out.xml", status=1)
        self.assertIn("timeline of CPU 0: cell 3 is [5,8)M, not [5,9)M", out)
        self.assertIn("expected [0,4)L [4,5)H [5,9)M\n", out)
        self.assertIn("actual   [0,4)L [4,5)H [5,8)M [8,9)L\n", out)
        self.assertIn("8 0 sched_switch prev_comm=M", out)
        suites = xml.etree.ElementTree.parse(os.path.join(self.folder, "out.xml")).getroot()
        self.assertEqual((suites.get("tests"), suites.get("failures")), ("2", "1"))
        self.assertIn("cell 3", suites.find(".//failure").get("message"))

    def test_goldens_are_written_compared_and_approved(self):
        path = self.file("s.json", INVERSION)
        self.rqsim("test", "s.json", "--bless")
        golden = json.loads(self.content("s.golden.json"))
        self.assertEqual(list(golden["sets"]), ["mutex", "pi"])
        self.assertIn("events", golden["sets"]["pi"])
        out, _ = self.rqsim("test", "s.json")
        self.assertIn("none failed", out)
        self.file(os.path.basename(path), changed(INVERSION, tasks=[
            {**task, "start": 3} if task["name"] == "M" else task for task in INVERSION["tasks"]]))
        out, _ = self.rqsim("test", "s.json", status=1)
        self.assertRegex(out, r"golden: event \d+ differs")
        self.assertIn("to run it alone: rqsim run s.json -p mutex", out)
        self.assertIn("to approve it: rqsim test s.json --bless", out)
        before = self.content("s.golden.json")
        self.rqsim("test", "s.json", "--bless", status=2, CI="1")
        self.rqsim("test", "s.json", status=2, CI="true", RQSIM_UPDATE_GOLDEN="1")
        self.assertEqual(self.content("s.golden.json"), before)
        self.rqsim("test", "s.json", RQSIM_UPDATE_GOLDEN="1")
        self.assertNotEqual(self.content("s.golden.json"), before)
        self.rqsim("test", "s.json", CI="1")


class Lists(Command):
    def test_every_list_is_text_and_json(self):
        self.file("scenarios/s.json", INVERSION)
        for what in ["policies", "ops", "metrics", "events", "costs", "scenarios", "faults", "views"]:
            out, _ = self.rqsim("list", what)
            rows = json.loads(self.rqsim("list", what, "--json")[0])
            self.assertEqual(len(rows), len(out.splitlines()))
        names = {row["name"] for row in json.loads(self.rqsim("list", "policies", "--json")[0])}
        self.assertLessEqual({"mutex", "pi", "fifo", "default"}, names)

    def test_schemas_hold_what_they_describe(self):
        scenario = json.loads(self.rqsim("schema", "scenario")[0])
        result = json.loads(self.rqsim("schema", "result")[0])
        if jsonschema is None:
            self.skipTest("python3-jsonschema is not installed")
        self.file("s.json", INVERSION)
        jsonschema.Draft7Validator(scenario).validate(INVERSION)
        for one in json.loads(self.rqsim("run", "s.json", "--json", "--timeline")[0]):
            jsonschema.Draft7Validator(result).validate(one)

    def test_check_says_fine_or_what_is_wrong(self):
        self.file("good.json", INVERSION)
        self.file("bad.json", changed(INVERSION, mutex=["A"]))
        self.assertEqual(self.rqsim("check", "good.json"), ("good.json: fine\n", ""))
        out, err = self.rqsim("check", "good.json", "bad.json", status=2)
        self.assertEqual(out, "good.json: fine\n")
        self.assertIn("mutexes", err)
        files = json.loads(self.rqsim("check", "--json", "good.json", "bad.json", status=2)[0])
        self.assertEqual([entry["valid"] for entry in files], [True, False])
        self.assertTrue(files[1]["problems"][0]["message"])


class Streams(Command):
    def test_colour_only_where_it_is_asked_for(self):
        self.file("s.json", INVERSION)
        self.assertNotIn("\x1b", self.rqsim("compare", "s.json")[0])
        self.assertIn("\x1b", self.rqsim("compare", "s.json", "--color=always")[0])
        self.assertIn("\x1b", self.rqsim("--color=always", "compare", "s.json", NO_COLOR="1")[0])
        self.assertNotIn("\x1b", self.rqsim("compare", "s.json", "--color=never")[0])
        self.rqsim("compare", "s.json", "--color=pink", status=2)

    def test_quiet_keeps_answers_and_errors(self):
        self.file("a.json", '{"tasks": {"t0": {"loop": 1, "run": 10, "mem": 20}}}')
        out, err = self.rqsim("run", "a.json", "--json", "--quiet")
        self.assertEqual(err, "")
        json.loads(out)
        self.assertNotEqual(self.rqsim("run", "missing.json", "--quiet", status=5)[1], "")


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
