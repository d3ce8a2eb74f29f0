#!/usr/bin/env python3
"""The periodic task sets with known counts, over the whole time their README gives.

  bench_counts.py PROGRAM FOLDER

Jobs are golden: three simulators agree on them. Dispatches and migrations are this model's; docs/MODEL.md
"Benchmark counts" holds them against the golden ones and names the kernel's rules behind each difference.
"""

import json
import os
import subprocess
import sys
import tempfile

# Name, simulated time, golden jobs, dispatches, migrations.
SETS = [
    ("w1_n10", "4000s", 981193, 1664515, 0),
    ("w1_n100", "600s", 956430, 1639366, 0),
    ("w2_c4", "200s", 198076, 404328, 231536),
    ("w2_c64", "4s", 54627, 93944, 48200),
]


def counts(program, folder, name, until):
    with tempfile.TemporaryDirectory() as scratch:
        scenario = os.path.join(scratch, name + ".json")
        workload = os.path.join(folder, name + ".json")
        subprocess.run([program, "import", "bench", workload, "--until", until, "-o", scenario], check=True)
        run = subprocess.run([program, "run", scenario, "--json", "--no-check"], check=True, capture_output=True)
    result = json.loads(run.stdout)
    migrations = sum(task["nr_migrations"] for task in result["tasks"])
    return result["metrics"]["jobs"], result["metrics"]["dispatches"], migrations


def main():
    program, folder = sys.argv[1:]
    wrong = 0
    for name, until, *expected in SETS:
        found = counts(program, folder, name, until)
        same = found == tuple(expected)
        wrong += not same
        print(f"{name}: {'as expected' if same else 'NOT as expected'}: jobs, dispatches, migrations {found}"
              + ("" if same else f" instead of {tuple(expected)}"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
