#!/usr/bin/env python3
"""tools/fidelity on a case made by hand: fidelity_test.py PROGRAM

Two hogs of 1 ms on one CPU whose slices of 0.7 ms the slice timer ends (classes.md 4.4, 4.12): A 0-0.7, B 0.7-1.4, A 1.4-1.7, and B the
rest. At 0.7 ms A is 350 us ahead of the average, so B is 350 us behind; at 1.4 ms both are equal and A, which waits, is picked.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "fidelity")
PROGRAM = ""

WORKLOAD = {"name": "two", "about": "two hogs", "cpus": 1, "end_ns": 3000000,
            "kernel": {"hz": 1000, "preempt": "full", "sched_proxy_exec": False, "mutex_spin": False},
            "tasks": [{"name": "A", "ops": [["run", 1000000]]}, {"name": "B", "ops": [["run", 1000000]]}]}
FACTS = {"hz": 1000, "features": {"HRTICK": 1, "NI_RANDOM": 1}}
TRACE = """\
0 0 sched_waking task=A target_cpu=0 by=idle irq
0 0 need_resched on_cpu=0 curr=idle
0 0 sched_wakeup task=A target_cpu=0
0 0 sched_waking task=B target_cpu=0 by=idle irq
0 0 sched_wakeup task=B target_cpu=0
0 0 sched_switch prev=idle state=R next=A donor=A lag=0 dl=700000 slice=700000 h_nr=2
0 0 op_begin A run 1000000
700000 0 need_resched on_cpu=0 curr=A
700000 0 sched_switch prev=A state=R next=B donor=B lag=350000 dl=700000 slice=700000 h_nr=2
700000 0 op_begin B run 1000000
1400000 0 need_resched on_cpu=0 curr=B
1400000 0 sched_switch prev=B state=R next=A donor=A lag=0 dl=700000 slice=700000 h_nr=2
1700000 0 op_end A run 1000000
1700000 0 op_exit A
1700000 0 sched_switch prev=A state=X next=B donor=B lag=0 dl=700000 slice=700000 h_nr=1
2000000 0 op_end B run 1000000
2000000 0 op_exit B
2000000 0 sched_switch prev=B state=X next=idle donor=idle
"""


class FidelityTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def case(self, name="case", workload=None, trace=TRACE):
        path = os.path.join(self.folder.name, name)
        os.makedirs(path)
        for file, text in (("workload.json", json.dumps(workload or WORKLOAD)), ("facts.json", json.dumps(FACTS)),
                           ("trace.txt", trace)):
            with open(os.path.join(path, file), "w", encoding="utf-8") as out:
                out.write(text)
        return path

    def run_tool(self, *args):
        run = subprocess.run([sys.executable, TOOL, "--rqsim", PROGRAM, *args], capture_output=True, text=True, check=False)
        return run.returncode, run.stdout, run.stderr

    def test_an_equal_case_is_equal_also_strictly(self):
        path = self.case()
        self.assertEqual(self.run_tool(path), (0, "two: equal\n1 of 1 cases equal\n", ""))
        self.assertEqual(self.run_tool("--strict", path)[0], 0)

    def test_the_first_difference_is_shown_with_both_sides(self):
        late = TRACE.replace("1400000 0 sched_switch", "1400001 0 sched_switch")
        status, out, _ = self.run_tool(self.case(trace=late), self.case("other"))
        self.assertEqual(status, 1)
        self.assertIn("two: differs at 1400000 ns: schedule\n", out)
        self.assertIn("    > 1400001 0 sched_switch prev=B", out)
        self.assertIn("    > 1400000 0 sched_switch prev_comm=B", out)
        self.assertTrue(out.endswith("1 of 2 cases equal\n"))

    def test_lag_counts_only_when_asked_for(self):
        other = self.case(trace=TRACE.replace("lag=350000", "lag=350001"))
        self.assertEqual(self.run_tool(other)[0], 0)
        self.assertEqual(self.run_tool("--strict", other)[0], 1)

    def test_a_missing_exit_is_a_difference(self):
        status, out, _ = self.run_tool(self.case(trace=TRACE.replace("1700000 0 op_exit A\n", "")))
        self.assertEqual(status, 1)
        self.assertIn("differs at 1700000 ns: operations of A", out)

    def test_what_is_not_modelled_is_said_and_not_equal(self):
        other = dict(WORKLOAD, tasks=[{"name": "A", "ops": [["suspend", 1]]}])
        status, out, _ = self.run_tool(self.case(workload=other))
        self.assertEqual((status, out), (1, "two: not modelled: operation suspend\n0 of 1 cases equal\n"))

    def test_with_hotplug_what_counts_is_where_tasks_run_between_the_operations(self):
        # CPU 1 goes at 1 ms while A, which had it, is moved to CPU 0; instants do not count.
        workload = dict(WORKLOAD, name="hp", cpus=2, tasks=[
            {"name": "A", "ops": [["run", 2000000]], "start_cpu": 1},
            {"name": "adm", "ops": [["sleep_until", 1000000], ["offline", 1]], "policy": "fifo", "prio": 90, "affinity": [0]}])
        trace = ("0 1 sched_switch prev=idle state=R next=A donor=A\n"
                 "1000000 0 sched_switch prev=idle state=R next=adm donor=adm\n1000000 0 op_begin adm offline 1\n"
                 "1000000 1 sched_switch prev=A state=R next=idle donor=idle\n1000000 0 op_end adm offline 1\n"
                 "1000000 0 sched_switch prev=adm state=X next=A donor=A\n1900000 0 sched_switch prev=A state=X next=idle donor=idle\n")
        facts = dict(FACTS, features={"HRTICK": 1, "NI_RANDOM": 0})
        path = self.case(name="hp", workload=workload, trace=trace)
        with open(os.path.join(path, "facts.json"), "w", encoding="utf-8") as out:
            json.dump(facts, out)
        self.assertEqual(self.run_tool(path)[:2], (0, "hp: equal\n1 of 1 cases equal\n"))
        other = self.case(name="hp2", workload=workload, trace=trace.replace("1000000 0 sched_switch prev=adm state=X next=A",
                                                                          "1000000 0 sched_switch prev=adm state=X next=idle"))
        with open(os.path.join(other, "facts.json"), "w", encoding="utf-8") as out:
            json.dump(facts, out)
        self.assertIn("after 1 operations: A ran on CPUs [] in the recording, on [0] here", self.run_tool(other)[1])

    def test_a_folder_without_recording_is_wrong_use(self):
        status, _, err = self.run_tool(self.folder.name)
        self.assertEqual(status, 2)
        self.assertIn("workload.json", err)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
