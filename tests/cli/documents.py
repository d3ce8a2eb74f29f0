#!/usr/bin/env python3
"""What the documents show is what happens.

  documents.py PROGRAM [--update] [FILE...]

In README.md and docs/*.md, fenced blocks are held against the tree:

  ```console       `$ command` is run, and what follows must be its output, byte for byte; a line `...` stands for any
                   lines. The exit status must be 0, or the command says otherwise: `$ rqsim check bad.json; echo $?`
  ```sh            every line is run, its output is not looked at
  <!-- PATH -->    above any block: the block stands in the file PATH exactly like that

`rqsim` and `tools/rqsim` are PROGRAM. Commands that other tests run or that build the tree are not run again. Everything
happens in an empty folder that has links to scenarios/, examples/ and, where there is one, ../shared. --update writes the
present output into the console blocks.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
RUN = {"rqsim", "tools/rqsim", "cat", "echo", "head", "python3"}
# CI runs these, or they are about getting the tree and building with it.
RUN_ELSEWHERE = {"tools/demo", "tools/test", "tools/check", "tools/setup", "tools/format", "tools/tidy", "tools/build",
                 "tools/bench", "tools/fidelity", "cmake", "ctest", "git", "cd", "sudo", "apt-get"}
BLOCK = re.compile(r"(?:^<!-- (?P<source>\S+) -->\n)?^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def matches(expected, actual):
    """Whether the lines agree; a line `...` of `expected` stands for any number of lines."""
    if not expected:
        return not actual
    if expected[0].strip() in ("...", "…"):
        return any(matches(expected[1:], actual[i:]) for i in range(len(actual) + 1))
    return bool(actual) and expected[0].rstrip() == actual[0].rstrip() and matches(expected[1:], actual[1:])


class Documents:
    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory()
        self.work = os.path.join(self.folder.name, "tree")
        os.makedirs(os.path.join(self.work, "tools"))
        os.makedirs(os.path.join(self.folder.name, "bin"))
        os.symlink(program, os.path.join(self.folder.name, "bin", "rqsim"))
        os.symlink(program, os.path.join(self.work, "tools", "rqsim"))
        for name in ("scenarios", "examples", "docs", "tests"):
            if os.path.isdir(os.path.join(ROOT, name)):
                os.symlink(os.path.join(ROOT, name), os.path.join(self.work, name))
        shared = os.path.join(ROOT, "..", "shared")
        self.has_shared = os.path.isdir(shared)
        if self.has_shared:
            os.symlink(os.path.abspath(shared), os.path.join(self.folder.name, "shared"))
        self.problems, self.ran, self.skipped = [], 0, 0

    def run(self, where, command):
        """Output of a command, or None when it is not run here."""
        words = [re.sub(r"^(?:\w+=\S+\s+)*", "", part.strip()).split() for part in re.split(r"\|\|?|&&|;", command)]
        first = [part[0] for part in words if part]
        if first and first[0] in RUN_ELSEWHERE:
            return None
        unknown = [word for word in first if word not in RUN]
        if unknown:
            self.problems.append(f"{where}: `{unknown[0]}`: no test runs this")
            return None
        if "../shared" in command and not self.has_shared:
            self.skipped += 1
            return None
        self.ran += 1
        environment = {"PATH": os.path.join(self.folder.name, "bin") + ":" + os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["bash", "-c", command], cwd=self.work, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120, check=False)
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            self.problems.append(f"{where}: `{command}` exits {done.returncode}\n{output}")
            return None
        return output

    def invariants(self, where, text):
        """A table of invariants names the scenario that trips each: `| UM-I4 | … | `file` |`."""
        for name, row in re.findall(r"^\| (UM-\w+|use-after-free) \|(.*)\|$", text, re.MULTILINE):
            file = re.findall(r"`([\w-]+)`", row)[-1]
            path = os.path.join(ROOT, "scenarios", "umcg", file + ".json")
            if not os.path.exists(path):
                self.problems.append(f"{where}: there is no {file}")
            elif f'"id": "{name}"' not in open(path, encoding="utf-8").read():
                self.problems.append(f"{where}: {file} does not expect {name}")

    def console(self, where, body, update):
        lines = body.split("\n")[:-1]
        out, i = [], 0
        while i < len(lines):
            if not lines[i].startswith("$ "):
                out.append(lines[i])
                i += 1
                continue
            command = lines[i][2:]
            out.append(lines[i])
            i += 1
            expected = []
            while i < len(lines) and not lines[i].startswith("$ "):
                expected.append(lines[i])
                i += 1
            output = self.run(where, command)
            if output is None:
                out += expected
                continue
            actual = output.split("\n")
            while actual and not actual[-1].strip():
                actual.pop()
            shown = expected[:]
            while shown and not shown[-1].strip():
                shown.pop()
            if matches(shown, actual):
                out += expected
            elif update:
                out += actual
            else:
                out += expected
                self.problems.append(f"{where}: `{command}` prints something else:\n" + "\n".join(actual)
                                     + "\n(tests/cli/documents.py PROGRAM --update writes it into the document)")
        return "\n".join(out) + "\n"

    def check(self, path, update):
        with open(path, encoding="utf-8") as handle:
            text = handle.read()

        def block(match):
            where = f"{os.path.relpath(path, ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
            body, source = match.group("body"), match.group("source")
            if source:
                try:
                    with open(os.path.join(ROOT, source), encoding="utf-8") as handle:
                        if body not in handle.read():
                            self.problems.append(f"{where}: the block does not stand in {source} like that")
                except FileNotFoundError:
                    self.problems.append(f"{where}: there is no {source}")
            if match.group("kind") == "sh":
                for line in body.replace("\\\n", " ").split("\n"):
                    if line.strip() and not line.lstrip().startswith("#"):
                        self.run(where, re.sub(r"\s+# .*$", "", line.strip()))
            if match.group("kind") == "console":
                body = self.console(where, body, update)
            return match.group(0).replace(match.group("body"), body) if body else match.group(0)

        self.invariants(os.path.relpath(path, ROOT), text)
        changed = BLOCK.sub(block, text)
        if update and changed != text:
            with open(path, "w", encoding="utf-8") as handle:
                handle.write(changed)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_intermixed_args()
    files = arguments.files
    if not files:
        candidates = [os.path.join(ROOT, "README.md")]
        if os.path.isdir(os.path.join(ROOT, "docs")):
            candidates += [os.path.join(ROOT, "docs", name) for name in sorted(os.listdir(os.path.join(ROOT, "docs")))]
        files = [path for path in candidates if path.endswith(".md") and os.path.isfile(path)]
    documents = Documents(os.path.abspath(arguments.program))
    for path in files:
        documents.check(path, arguments.update)
    for problem in documents.problems:
        print(problem)
    print(f"documents: {len(files)} files, {documents.ran} commands run, {documents.skipped} skipped (no ../shared), "
          f"{len(documents.problems)} problems")
    return 1 if documents.problems else 0


if __name__ == "__main__":
    sys.exit(main())
