# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Joins what the guest observed (demo.json) with what only the host knows: the kernel's package, the
acceleration, and the witness. Prints the object of `lab demo --json`."""
import json
import sys


def main(demo_file, witness_file, kernel_package, accel):
    with open(demo_file, encoding="utf-8") as file:
        demo = json.load(file)
    try:
        with open(witness_file, encoding="utf-8") as file:
            said = json.load(file)
    except ValueError:
        said = {}
    witness = {key: said.get(key) for key in ("file_sha256", "expected_sha256")}
    result = {"kernel": demo.pop("kernel"), "kernel_package": kernel_package,
              "modules": demo.pop("modules"), "accel": accel}
    guest_ok = demo.pop("ok")
    # The guest does not know these; its object has them empty.
    for key in ("kernel_package", "accel", "witness"):
        demo.pop(key, None)
    result.update(demo)
    result["witness"] = witness
    result["ok"] = bool(guest_ok and witness["file_sha256"]
                        and witness["file_sha256"] == witness["expected_sha256"])
    json.dump(result, sys.stdout, indent=2)
    print()


main(*sys.argv[1:])
