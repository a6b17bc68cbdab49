# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""A counterexample as a lane diagram: one column per agent, time runs down."""
import re
from pathlib import Path

MACHINE = Path(__file__).resolve().parent.parent / "machine"
LANES = ("C0", "C1", "Ni", "N", "Nt", "D", "H")
PATH_NAMES = ("C's path to D", "C's path to N", "N's path to D", "N's path to H",
              "N's other path to D", "Ni's path to its H")


def place_names():
    text = (MACHINE / "places.pml").read_text()
    return {int(n): name for name, n in re.findall(r"#define ([BHN]_(?!TO_)\w+)\s+(\d+)\s*$", text, re.M)}


def with_names(text, names):
    """`#3` in a printed line, and an index in an assertion, are places."""
    text = re.sub(r"#(\d+)", lambda m: names.get(int(m[1]), m[0]), text)
    return re.sub(r"(mem|was_posted)\[(\d+)\]", lambda m: f"{m[1]}[{names[int(m[2])]}]", text)


def steps(trail):
    """[(lane, event)] of a replay."""
    names = place_names()
    found = (re.match(r"\s*@(\w+) (.*)$", line) for line in trail)
    return [(m[1], with_names(m[2].rstrip(), names)) for m in found if m]


def under_way(trail):
    """What had been stored but not delivered when the assertion failed."""
    names, found = place_names(), []
    for line in trail:
        buffered = re.match(r"\s*buffered\[(\d)\] = (-?\d+)$", line)
        if buffered and int(buffered[2]):
            places = [n for p, n in names.items() if int(buffered[2]) >> p & 1]
            found.append(f"{', '.join(places)} in C{buffered[1]}'s combining buffers")
        queue = re.match(r"\s*queue \d+ \((path|sb)\[(\d)\]\): (.*)$", line)
        if queue:
            where = (f"on {PATH_NAMES[int(queue[2])]}" if queue[1] == "path"
                     else f"in C{queue[2]}'s store buffer")
            writes = re.findall(r"\[(?:WR|WB|NC|WC),(\d+),", queue[3])
            if writes:
                found.append(f"{', '.join(names[int(p)] for p in writes)} {where}")
    return found


def diagram(trail, error):
    events = steps(trail)
    lanes = [lane for lane in LANES if any(l == lane for l, _ in events)]
    width = {lane: max(len(lane), *(len(e) for l, e in events if l == lane)) for lane in lanes}
    def row(cells):
        return "  | ".join(cells.get(lane, "").ljust(width[lane]) for lane in lanes).rstrip(" ")
    lines = [row({lane: lane for lane in lanes}), "--+-".join("-" * width[lane] for lane in lanes)]
    lines += [row({lane: event}) for lane, event in events]
    lines.append(f"=> {with_names(error, place_names())}")
    lines += [f"   still under way: {what}" for what in under_way(trail)]
    return lines
