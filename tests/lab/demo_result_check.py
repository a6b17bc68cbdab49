# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Checks the object of `lab demo --json` field by field and against itself: every transfer has its trace
row, the tags that were published are those the importer read, nothing is claimed that was not observed.
Prints TAP."""
import json
import re
import sys

INT, STR, BOOL = int, str, bool
OPS = {"write", "write_imm", "read", "send", "send_imm"}
NAMESPACES = {"none", "st", "st_ext"}

FIELDS = {
    "kernel": STR, "kernel_package": STR, "modules": [STR], "accel": STR, "seed": INT,
    "exporter": {"bdf": STR, "driver": STR, "bar": INT, "bytes": INT, "devcap2_tph": INT,
                 "tph_override": INT},
    "slices": [{"name": STR, "bytes": INT, "memattr_requested": STR, "pte_type": STR,
                "tph": {"st": INT, "st_ext": INT, "ph": INT}}],
    "mr": [{"slice": STR, "tph": {"valid": object, "namespace": STR, "st": INT, "ph": INT}}],
    "transfers": [{"op": STR, "slice": STR, "bytes": INT, "wr_id": INT, "verified": BOOL}],
    "trace": [{"wr_id": INT, "op": STR, "address": INT, "bytes": INT, "namespace": STR, "st": INT,
               "ph": INT}],
    "doorbell": {"cpu_rung": object, "rdma_rung": object, "value": INT},
    "reset": {"nic_status": STR, "recovered": BOOL},
    "revoke": {"cpu": STR, "nic_status": STR},
    "witness": {"file_sha256": STR, "expected_sha256": STR},
    "ok": BOOL,
}


def mismatches(value, shape, path):
    """Yields what of value differs from shape; booleans are no integers."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield f"{path} is no object"
            return
        for key in sorted(shape.keys() ^ value.keys()):
            yield f"{path}.{key} is {'missing' if key in shape else 'not in the specification'}"
        for key in shape.keys() & value.keys():
            yield from mismatches(value[key], shape[key], f"{path}.{key}")
    elif isinstance(shape, list):
        if not isinstance(value, list) or not value:
            yield f"{path} is no array with elements"
            return
        for index, element in enumerate(value):
            yield from mismatches(element, shape[0], f"{path}[{index}]")
    elif shape is not object and (not isinstance(value, shape) or (shape is int and isinstance(value, bool))):
        yield f"{path} is {value!r}, expected {shape.__name__}"


def fields(result):
    yield from mismatches(result, FIELDS, "")


def slices(result):
    by_type = {s["memattr_requested"].upper(): s for s in result["slices"]}
    if len(result["slices"]) != 2 or set(by_type) != {"WC", "NC"}:
        yield f"slices are {result['slices']}, expected one WC and one NC"
        return
    if by_type["WC"]["pte_type"] != "WC":
        yield f"the WC slice is mapped {by_type['WC']['pte_type']}"
    if by_type["NC"]["pte_type"] != "UC-":
        yield f"the NC slice is mapped {by_type['NC']['pte_type']}"


def tags(result):
    published = {s["name"]: s["tph"] for s in result["slices"]}
    for mr in result["mr"]:
        tph = mr["tph"]
        if not tph["valid"] or mr["slice"] not in published:
            yield f"MR {mr} has no valid tags or no slice"
            continue
        if tph["namespace"] not in ("st", "st_ext"):
            yield f"MR {mr} has namespace {tph['namespace']}"
        elif tph["st"] != published[mr["slice"]][tph["namespace"]] or tph["ph"] != published[mr["slice"]]["ph"]:
            yield f"MR {mr} read other tags than {published[mr['slice']]}"
    if {mr["slice"] for mr in result["mr"]} != set(published) or len(result["mr"]) != 2:
        yield "mr[] does not list the MRs of the two slices"


def transfers(result):
    for transfer in result["transfers"]:
        if transfer["op"] not in OPS or not transfer["verified"]:
            yield f"transfer {transfer}"
    if {"write", "read"} - {t["op"] for t in result["transfers"]}:
        yield "no write or no read"


def trace(result):
    rows = {}
    for row in result["trace"]:
        if row["wr_id"] in rows:
            yield f"two rows for WR {row['wr_id']}"
        rows[row["wr_id"]] = row
        if row["op"] not in OPS or row["namespace"] not in NAMESPACES:
            yield f"row {row}"
    for transfer in result["transfers"]:
        row = rows.pop(transfer["wr_id"], None)
        if not row or row["op"] != transfer["op"] or row["bytes"] != transfer["bytes"]:
            yield f"transfer {transfer} has the row {row}"
    if rows:
        yield f"rows without a transfer: {list(rows.values())}"


def ending(result):
    if result["revoke"]["cpu"] != "SIGBUS":
        yield f"the CPU saw {result['revoke']['cpu']} after the revoke"
    for when in ("reset", "revoke"):
        if result[when]["nic_status"].lower() in ("", "success", "ibv_wc_success"):
            yield f"the NIC saw {result[when]['nic_status']!r} after the {when}"
    if result["reset"]["recovered"] is not True or result["ok"] is not True:
        yield "not recovered, or not ok"
    if not result["doorbell"]["cpu_rung"] or not result["doorbell"]["rdma_rung"]:
        yield "the doorbell was not rung both ways"


def witness(result):
    sums = list(result["witness"].values())
    if sums[0] != sums[1] or not re.fullmatch("[0-9a-f]{64}", str(sums[0])):
        yield f"sums {sums}"


CHECKS = {"fields": fields, "slices_have_the_types_they_asked_for": slices,
          "importer_read_the_published_tags": tags, "every_transfer_was_verified": transfers,
          "every_transfer_has_one_trace_row": trace, "reset_and_revoke_were_seen_from_both_sides": ending,
          "witness_agrees": witness}


def main(file_name):
    with open(file_name, encoding="utf-8") as file:
        result = json.load(file)
    failed = False
    print(f"1..{len(CHECKS)}")
    for number, (name, check) in enumerate(CHECKS.items(), 1):
        try:
            problems = list(check(result))
        except (KeyError, TypeError, AttributeError) as error:
            problems = [f"cannot be checked: {error!r}"]
        print(f"{'not ok' if problems else 'ok'} {number} - {name}")
        for problem in problems:
            print("#", problem)
        failed = failed or bool(problems)
    return 1 if failed else 0


sys.exit(main(sys.argv[1]))
