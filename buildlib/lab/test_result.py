# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Prints the result lines of `lab test` as a JSON array."""
import json
import sys

tests = []
with open(sys.argv[1], encoding="utf-8", errors="replace") as file:
    for line in file:
        status, name, seconds, reason = line.rstrip("\n").split("\t", 3)
        suite, _, name = name.partition("/")
        tests.append({"suite": suite, "name": name, "status": status,
                      "seconds": float(seconds), "reason": reason})
json.dump(tests, sys.stdout)
