#!/usr/bin/env python3
"""The tables of docs/PROXY_EXECUTION.md about mistakes, windows and invariants are true and complete.

  proxy_tables.py PROGRAM

A row whose first cell is

  F1 … F15          has the fault, a scenario, what reports it and when: `rqsim list faults` names the same invariant, a set of the
                    scenario has the fault, and its expectation has that violation at that cycle (or that metric, not zero); a set
                    without the fault expects no violation.
  W1 … W7           has scenarios that hold somebody at that window.
  PX-I1 …, MX-I1 …  has what trips the invariant: scenarios that expect it at the cycle given, or tests that name it.
"""

import json
import os
import re
import subprocess
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGE = os.path.join(ROOT, "docs", "PROXY_EXECUTION.md")
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)
EXPECTED = ([f"F{i}" for i in range(1, 16)] + [f"W{i}" for i in range(1, 8)] + [f"PX-I{i}" for i in range(1, 17)]
            + [f"MX-I{i}" for i in range(1, 13)])


def scenario(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as handle:
        return json.load(handle)


def faults_of(tree, name):
    """Faults of a policy set, with those of `common`, as the pairs of a name and the whole fault."""
    own = tree["policies"].get(name) or {}
    listed = tree.get("common", {}).get("faults", []) + own.get("faults", [])
    return [(fault, {}) if isinstance(fault, str) else (fault["name"], fault) for fault in listed]


def sets_of(tree, expectation):
    named = expectation.get("policy", list(tree["policies"]))
    return [named] if isinstance(named, str) else named


def expects(tree, identity, at, fault=None):
    """Whether an expectation (of sets with `fault`) has that violation at that cycle."""
    for expectation in tree["expect"]:
        if fault and not all(any(f == fault for f, _ in faults_of(tree, s)) for s in sets_of(tree, expectation)):
            continue
        if {"id": identity, "at": at} in expectation.get("violations", []):
            return True
        if at is None and expectation.get("metrics", {}).get(identity, 0) != 0:
            return True
    return False


def is_clean_without(tree, fault):
    return any(expectation.get("violations") == []
               and not any(f == fault for s in sets_of(tree, expectation) for f, _ in faults_of(tree, s))
               for expectation in tree["expect"])


def fault_row(cells, listed):
    fault, path, identity = (cell.strip("` ") for cell in cells[1:4])
    at = int(cells[4]) if cells[4].strip().isdigit() else None
    if listed.get(fault) != identity:
        return f"rqsim list faults says {listed.get(fault)} for {fault}, not {identity}"
    tree = scenario(path)
    if not expects(tree, identity, at, fault):
        return f"{path} does not expect {identity} at {at} of a set with {fault}"
    if not is_clean_without(tree, fault):
        return f"{path} has no set without {fault} that expects no violation"
    return None


def window_row(cells):
    for path in re.findall(r"`(scenarios/[^`]+)`", cells[-1]):
        tree = scenario(path)
        held = [fault.get("at", "") for name in tree["policies"] for _, fault in faults_of(tree, name)]
        if cells[0] not in held:
            return f"{path} holds nobody there"
    return None


def invariant_row(cells):
    trips = re.findall(r"`((?:scenarios|tests)/[^`]+)`(?: at (\d+))?", cells[-1])
    if not trips:
        return "nothing trips it"
    for path, at in trips:
        if path.startswith("scenarios/"):
            if not expects(scenario(path), cells[0], int(at) if at else -1):
                return f"{path} does not expect it at {at}"
            continue
        with open(os.path.join(ROOT, path), encoding="utf-8") as handle:
            if not re.search(rf"\b{cells[0]}\b", handle.read()):
                return f"{path} does not name it"
    return None


def main():
    listed = {row["name"]: row.get("caught_by") for row in
              json.loads(subprocess.run([sys.argv[1], "list", "faults", "--json"], capture_output=True, check=True).stdout)}
    with open(PAGE, encoding="utf-8") as handle:
        rows = [[cell.strip() for cell in row.split("|")] for row in ROW.findall(handle.read())]
    seen, problems = [], []
    for cells in rows:
        if cells[0] not in EXPECTED:
            continue
        seen.append(cells[0])
        kind = {"F": lambda c: fault_row(c, listed), "W": window_row}.get(cells[0][0], invariant_row)
        problem = kind(cells)
        if problem:
            problems.append(f"{cells[0]}: {problem}")
    problems += [f"{name}: {seen.count(name)} rows" for name in EXPECTED if seen.count(name) != 1]
    proxied = [name for name in listed if name.startswith("proxy.")]
    told = [cells[1].strip("` ") for cells in rows if re.fullmatch(r"F\d+", cells[0])]
    problems += [f"{name}: no row" for name in proxied if name not in told]
    for problem in problems:
        print(problem)
    print(f"proxy tables: {len(seen)} rows, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
