# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""One verification: cpp, spin, the C compiler, pan; and the replay of a counterexample.

The whole state space is searched, breadth first (so a counterexample is a shortest one), without
partial-order reduction. A model that holds must not hold vacuously: every OBSERVED() statement
must have been executed, every process of the rule must be able to end, and no state may be stuck.
"""
import difflib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
MEMORY_LIMIT_MB = 1024
DEPTH = 200_000
PAN_FLAGS = ("-DBFS", "-DSAFETY", "-DNOREDUCE", "-DVECTORSZ=4096", f"-DMEMLIM={MEMORY_LIMIT_MB}")


class ToolFailed(Exception):
    pass


@dataclass
class Result:
    states: int = 0
    violations: int = 0
    error: str = ""                              # what pan reported, "" if nothing
    unreached: list = field(default_factory=list)  # what should have been reached and was not
    trail: list = field(default_factory=list)      # lines of the replay

    @property
    def refuted(self):
        """An assertion of the rule failed; a queue that ran full (NOT_FULL) is a fault of the model."""
        return self.error.startswith("assertion violated") and not re.search(r"nfull|q_full", self.error)

    @property
    def holds(self):
        return not self.violations and not self.unreached

    @property
    def why_not(self):
        if self.violations:
            return self.error
        return "never reached: " + "; ".join(self.unreached) if self.unreached else ""


def command(args, cwd=None):
    done = subprocess.run(args, cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise ToolFailed(f"{' '.join(map(str, args))}: exit status {done.returncode}\n"
                         f"{(done.stdout + done.stderr).strip()[-2000:]}")
    return done.stdout


def c_compiler():
    """The verifiers are small and compiled once each: tcc makes the whole run some times faster."""
    return os.environ.get("CC") or next((c for c in ("tcc", "cc", "gcc") if shutil.which(c)), None)


def preprocess(path, arch, symbols, line_markers=True):
    machine = ["-DARM64"] if arch == "arm64" else []
    flags = [] if line_markers else ["-P"]
    return command(["cpp", "-nostdinc", "-undef", "-w", *flags, f"-I{HERE / 'machine'}", *machine,
                    *(f"-D{s}" for s in symbols), str(path)])


def difference(path, arch, options, symbols):
    """The lines that the symbols remove (-) and add (+), ignoring white space and comments."""
    texts = [preprocess(path, arch, s, line_markers=False).splitlines()
             for s in (options + ("KEEP_NAMES",), options + symbols + ("KEEP_NAMES",))]
    before, after = ([" ".join(line.split()) for line in t if line.strip()] for t in texts)
    return [line for line in difflib.unified_diff(before, after, n=0, lineterm="")
            if line[0] in "+-" and not line.startswith(("+++", "---"))]


def expected_to_be_seen(path, source):
    """OBSERVED texts compiled into this configuration, and the rule's own proctypes."""
    rule = Path(path).read_text()
    texts = [t for t in re.findall(r'OBSERVED\("(.*?)\\n"\)', rule) if t in source]
    processes = [p for p in re.findall(r"^proctype (\w+)", rule, re.M)
                 if f"proctype {p}(" in source]
    return texts, processes


def unreached(path, source, output):
    texts, processes = expected_to_be_seen(path, source)
    missing = [] if texts else ["the model observes nothing"]
    for name, listing in re.findall(r"unreached in proctype (\S+)\n((?:\t.*\n)+)", output):
        missing += [t.split(" ", 1)[1] for t in texts if f"printf('{t}" in listing]
        if name in processes and '"-end-"' in listing:
            missing.append(f"the end of {name}")
    return missing


def replay(folder):
    """The trail's printed lines, then spin's dump of the final state."""
    done = subprocess.run(["spin", "-t", "-T", "m.pml"], cwd=folder, capture_output=True, text=True)
    return done.stdout.splitlines()


def verify(path, arch, symbols):
    source = preprocess(path, arch, symbols)
    with tempfile.TemporaryDirectory(prefix="ordering-") as folder:
        model = Path(folder) / "m.pml"
        model.write_text(source)
        command(["spin", "-a", "m.pml"], cwd=folder)
        command([c_compiler(), "-O0", "-w", *PAN_FLAGS, "-o", "pan", "pan.c"], cwd=folder)
        output = command(["./pan", "-w18", f"-m{DEPTH}"], cwd=folder)
        return read_output(path, source, output, folder)


def read_output(path, source, output, folder):
    states = re.search(r"^\s*(\d+) states, stored", output, re.M)
    errors = re.search(r"errors: (\d+)", output)
    if not states or not errors or "max search depth too small" in output:
        raise ToolFailed(f"{path}: pan did not search the whole state space\n{output[-2000:]}")
    result = Result(int(states[1]), int(errors[1]))
    if result.violations:
        message = re.search(r"^pan:\d+: (.*?)(?: \(at depth \d+\))?$", output, re.M)
        result.error = message[1] if message else "unknown error"
        result.trail = replay(folder)
    elif "error" in output.split("errors:")[0] or "out of memory" in output:
        raise ToolFailed(f"{path}: pan did not finish\n{output[-2000:]}")
    else:
        result.unreached = unreached(path, source, output)
    return result
