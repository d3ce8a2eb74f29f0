#!/usr/bin/env python3
"""The published schema and the reader agree about the shape of scenarios.

  schema_test.py [--every N] PROGRAM SEED...

Takes each SEED apart (every value replaced, every key taken away, renamed or added) and asks both: the reader through
PROGRAM (shape_verdicts.cc), the schema through python3-jsonschema. Exits 77, which CTest shows as skipped, where that
package is not installed. With --every it takes each Nth of the documents only.
"""

import copy
import json
import subprocess
import sys

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed (tools/setup test)")
    sys.exit(77)

# What each value is replaced by: every type, and the edges of ranges and forms.
REPLACEMENTS = [
    None, True, 0, -1, 1.5, 1.0, 101, 2**31, 2**60, 2**60 + 1, 2**63 - 1, 2**63, "", "x", "a b", "3us", "1.5 ms",
    "0-3", "0-", "forever", "mutex", "-", [], [1], {}, {"name": "mutex"}, {"x-note": 1},
]


def places(value, path=()):
    """Every path of the document, the root included."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], path + (key,))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, path + (index,))


def at(document, path):
    for step in path:
        document = document[step]
    return document


def mutants(seed):
    yield "unchanged", seed
    for path in places(seed):
        name = ".".join(map(str, path)) or "(root)"
        if path:
            for replacement in REPLACEMENTS:
                mutant = copy.deepcopy(seed)
                at(mutant, path[:-1])[path[-1]] = replacement
                yield f"{name} = {json.dumps(replacement)}", mutant
            mutant = copy.deepcopy(seed)
            del at(mutant, path[:-1])[path[-1]]
            yield f"{name} taken away", mutant
        target = at(seed, path)
        if isinstance(target, dict):
            for key in ("zzz", "x-zzz", "// zzz", "name", "0"):
                mutant = copy.deepcopy(seed)
                at(mutant, path)[key] = 1
                yield f"{name}.{key} added", mutant
            for key in target:
                mutant = copy.deepcopy(seed)
                inner = at(mutant, path)
                inner[key + "z"] = inner.pop(key)
                yield f"{name}.{key} renamed", mutant
        elif isinstance(target, list) and target:
            mutant = copy.deepcopy(seed)
            at(mutant, path).append(copy.deepcopy(target[0]))
            yield f"{name} longer", mutant


def main():
    arguments = sys.argv[1:]
    every = 1
    if arguments[0] == "--every":
        every = int(arguments[1])
        arguments = arguments[2:]
    program, seeds = arguments[0], arguments[1:]
    schema = json.loads(subprocess.run([program, "--schema"], check=True, capture_output=True).stdout)
    jsonschema.Draft7Validator.check_schema(schema)
    judge = jsonschema.Draft7Validator(schema)

    cases = []
    for seed in seeds:
        with open(seed, encoding="utf-8") as file:
            cases += [(f"{seed}: {name}", mutant) for name, mutant in mutants(json.load(file))]
    cases = cases[::every]
    lines = "".join(json.dumps(mutant) + "\n" for _, mutant in cases)
    verdicts = subprocess.run(
        [program], input=lines, text=True, check=True, capture_output=True).stdout.splitlines()
    assert len(verdicts) == len(cases), (len(verdicts), len(cases))

    wrong = 0
    counts = {True: 0, False: 0}
    for (name, mutant), verdict in zip(cases, verdicts):
        schema_ok = judge.is_valid(mutant)
        counts[schema_ok] += 1
        if schema_ok == (verdict == "ok"):
            continue
        wrong += 1
        if wrong <= 20:
            print(f"{name}\n  reader: {verdict}\n  schema: {'ok' if schema_ok else 'bad'}")
            for error in list(judge.iter_errors(mutant))[:1]:
                print(f"  {error.message[:200]}")
    print(f"{len(cases)} documents, {counts[True]} of good shape, {counts[False]} not, {wrong} disagreements")
    # A corpus in which everything is good, or nothing, proves nothing.
    return 1 if wrong or counts[True] < 50 or counts[False] < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
