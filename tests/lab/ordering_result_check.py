# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Checks the object of `lab ordering --json`, on stdin, field by field (tests/ordering/README.md) and against
itself. Prints what is wrong; exit status 1 then."""
import json
import sys

ARCHS, KINDS = {"x86-64", "arm64"}, {"call", "invariant", "usage"}
TOP = {"ok": bool, "rules": list, "mutations": list, "sequences": list, "passed": int, "failed": int,
       "skipped": int, "seconds": (int, float)}
ENTRY = {"id": str, "arch": str, "kind": str, "case": str, "with": dict, "without": dict, "expected": str,
         "seconds": (int, float)}
OPTIONAL = {"note": str, "variants": dict}
WITH = {"states": int, "violations": int}
WITHOUT = {"counterexample": (list, type(None)), "deleted": str, "symbols": list, "diff": list, "states": int,
           "violations": int}


def fields(value, shape, optional, path):
    for key in sorted((shape.keys() - value.keys()) | (value.keys() - shape.keys() - optional.keys())):
        yield f"{path}.{key} is {'missing' if key in shape else 'not in the specification'}"
    for key, kind in {**shape, **optional}.items():
        if key in value and (not isinstance(value[key], kind) or isinstance(value[key], bool) != (kind is bool)):
            yield f"{path}.{key} is {value[key]!r}"


def entry(e, path, kinds):
    yield from fields(e, ENTRY, OPTIONAL, path)
    yield from fields(e["with"], WITH, {}, f"{path}.with")
    yield from fields(e["without"], WITHOUT, {"unreached": list}, f"{path}.without")
    if e["arch"] not in ARCHS or e["kind"] not in kinds:
        yield f"{path}: arch {e['arch']}, kind {e['kind']}"
    if e["with"]["states"] < 2 or e["with"]["violations"]:
        yield f"{path}: {e['with']} is no proof"
    steps = e["without"]["counterexample"]
    if (e["expected"] == "refuted") != bool(steps):
        yield f"{path}: {e['expected']}, but the counterexample is {steps!r:.60}"
    for step in steps or ():
        if step.keys() != {"lane", "event"} or step["lane"] not in {"C0", "C1", "N", "Ni", "Nt", "D", "H"}:
            yield f"{path}: step {step}"
    if not e["without"]["diff"] or not e["without"]["deleted"]:
        yield f"{path}: nothing was deleted"
    if (e["expected"] == "no-op") != ("note" in e):
        yield f"{path}: a no-op, and nothing else, has a note"


def problems(o, rules):
    yield from fields(o, TOP, {}, "object")
    for i, e in enumerate(o["rules"]):
        yield from entry(e, f"rules[{i}]", KINDS)
    for i, e in enumerate(o["mutations"]):
        yield from entry(e, f"mutations[{i}]", {"mutation"})
    found = {e["id"] for e in o["rules"]}
    if found != rules:
        yield f"rules are {sorted(found)}, not {sorted(rules)}"
    if not o["ok"] or o["failed"] or o["skipped"] or o["passed"] < len(o["rules"]):
        yield f"passed {o['passed']}, failed {o['failed']}, skipped {o['skipped']}, ok {o['ok']}"


found = list(problems(json.load(sys.stdin), set(sys.argv[1:])))
print("\n".join(found))
sys.exit(bool(found))
