#!/usr/bin/env python3
"""The same bytes everywhere: runs every scenario under several programs and surroundings and compares the output.

  digests.py [--locales DIR] SCENARIO_FOLDER PROGRAM...

Each scenario is run under each of its policy sets by each PROGRAM (builds that differ in compiler, optimisation,
sanitizers): by the first in an ordinary surrounding and in an odd one, by the others in the odd one. Odd is another time
zone, a locale with a decimal comma, another working directory, a larger environment. Everything a run prints with --json
is compared, the digest included.
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

ODD = {
    "TZ": "Asia/Kathmandu",
    "LC_ALL": "de_DE.UTF-8",
    "LANG": "de_DE.UTF-8",
    "COLUMNS": "37",
    "X_FILLER": "x" * 4096,
}


def make_locale(folder):
    """A locale with a decimal comma, where the system can make one; odd surroundings use it through LOCPATH."""
    target = os.path.join(folder, "de_DE.UTF-8")
    if not os.path.isdir(target):
        os.makedirs(folder, exist_ok=True)
        try:
            subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", target], capture_output=True, check=False)
        except FileNotFoundError:
            pass
    return os.path.isdir(target)


def policy_sets(path):
    """Names of the policy sets of a scenario; None for a file that is not JSON as it stands."""
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return list(document.get("policies", {})) or [None]


def run(program, path, name, odd, locales):
    command = [program, "run", path, "--json"] + (["-p", name] if name else [])
    environment = {"PATH": os.environ.get("PATH", ""), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
    if odd:
        environment.update(ODD)
        if locales:
            environment["LOCPATH"] = locales
    done = subprocess.run(command, capture_output=True, env=environment, cwd="/" if odd else None, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--locales", help="folder for a locale made on the fly")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("folder")
    parser.add_argument("programs", nargs="+")
    arguments = parser.parse_args()
    programs = [os.path.abspath(program) for program in arguments.programs]
    has_locale = bool(arguments.locales) and make_locale(os.path.abspath(arguments.locales))
    locales = os.path.abspath(arguments.locales) if has_locale else None

    cases = []
    for folder, _, names in sorted(os.walk(os.path.abspath(arguments.folder))):
        for file in sorted(names):
            path = os.path.join(folder, file)
            for name in (policy_sets(path) or []) if file.endswith(".json") else []:
                cases.append((path, name))

    def compare(case):
        path, name = case
        surroundings = [(programs[0], False)] + [(program, True) for program in programs]
        outputs = [run(program, path, name, odd, locales) for program, odd in surroundings]
        where = os.path.relpath(path, arguments.folder) + (f" -p {name}" if name else "")
        # 0 and 4: the simulated system may end badly; 1: a checker may have reported. Anything else did not run.
        if outputs[0][0] not in (0, 1, 4) or not re.search(rb'"digest"', outputs[0][1]):
            message = outputs[0][2].decode("utf-8", "replace").strip()
            return f"{where}: did not run, exit status {outputs[0][0]}: {message[:300]}"
        for (program, odd), output in zip(surroundings[1:], outputs[1:]):
            if output[:2] != outputs[0][:2]:
                surrounding = "odd surroundings" if odd else "ordinary surroundings"
                return f"{where}: {program} in {surrounding} gives something else than {programs[0]}"
        return None

    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        problems = [problem for problem in pool.map(compare, cases) if problem]
    for problem in problems:
        print(problem)
    print(f"digests: {len(cases)} runs by {len(programs)} programs in 2 surroundings"
          f"{'' if locales else ' (no locale with a decimal comma here)'}, {len(problems)} differ")
    return 1 if problems or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
