# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Filters `ninja -t compdb`: one entry for each C file that the host's compiler compiles, as it is installed.

Tests compile some of these files again, with calls of theirs below; other entries are links or for another machine.
"""
import json
import sys

entries = {}
for entry in json.load(sys.stdin):
    if not entry["file"].endswith(".c") or " -c " not in entry["command"] or " && " in entry["command"]:
        continue
    if entry["file"] not in entries or not entry.get("output", "").startswith("tests/"):
        entries[entry["file"]] = entry
json.dump(list(entries.values()), sys.stdout)
