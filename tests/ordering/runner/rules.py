# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""What to check: the @check lines at the head of each rule file.

    @check KIND ARCH[,ARCH] "CASE" [OPTION,...] [variants] | SYMBOL[,...] EXPECT ["NOTE"]

KIND is call, invariant, usage, or mutation (of the hardware). The model compiled with the OPTIONs
must hold; compiled with the SYMBOLs too, EXPECT says what must happen: `refuted` (an assertion is
violated), `no-op` (it still holds: the call is a no-op in this cell, NOTE says why), `unreached` (it
holds, but something that must be observable no longer is). `variants`: show the stronger x86-64
machines as well.
"""
import re
import shlex
from dataclasses import dataclass

KINDS = ("call", "invariant", "usage", "mutation")
ARCHS = ("x86-64", "arm64")
EXPECTED = ("refuted", "no-op", "unreached")

# Weakest is the default; each of these makes the machine stronger.
VARIANTS = {
    "UC drains WC": ("UC_DRAINS_WC",),
    "sfence blocks": ("SFENCE_BLOCKS",),
    "WC stores in order": ("WC_IN_ORDER",),
    "all three": ("UC_DRAINS_WC", "SFENCE_BLOCKS", "WC_IN_ORDER"),
}


@dataclass(frozen=True)
class Check:
    rule: str
    path: str
    kind: str
    arch: str
    case: str
    options: tuple
    variants: bool
    symbols: tuple
    expect: str
    note: str


class BadDirective(Exception):
    pass


def parse_line(rule, path, line):
    """One @check line: one Check per architecture."""
    left, bar, right = line.partition("|")
    words, goal = shlex.split(left), shlex.split(right)
    if not bar or len(words) < 3 or len(goal) < 2:
        raise BadDirective(f"{path}: cannot read '@check {line}'")
    kind, archs, case, *rest = words
    variants = "variants" in rest
    options = tuple(o for word in rest if word != "variants" for o in word.split(","))
    if kind not in KINDS or goal[1] not in EXPECTED:
        raise BadDirective(f"{path}: unknown kind or expectation in '@check {line}'")
    if (goal[1] == "no-op") != (len(goal) == 3):
        raise BadDirective(f"{path}: a no-op, and nothing else, has a note: '@check {line}'")
    for arch in archs.split(","):
        if arch not in ARCHS:
            raise BadDirective(f"{path}: unknown architecture {arch}")
        yield Check(rule, str(path), kind, arch, case, options, variants and arch == "x86-64",
                    tuple(goal[0].split(",")), goal[1], goal[2] if len(goal) == 3 else "")


def rule_key(path):
    number, letter = re.fullmatch(r"o(\d+)([a-z]?)", path.stem).groups()
    return int(number), letter


def read_file(path, rule):
    lines = re.findall(r"^ \* @check (.*)$", path.read_text(), re.M)
    if not lines:
        raise BadDirective(f"{path}: no @check line")
    return [check for line in lines for check in parse_line(rule, path, line)]


def read_all(folder):
    checks = []
    for path in sorted(folder.glob("o*.pml"), key=rule_key):
        checks += read_file(path, "O" + path.stem[1:])
    return checks
