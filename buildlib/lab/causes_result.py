# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""Makes the table of `lab causes` out of the list of causes and the result lines of their tests: prints it,
and writes the object of --json."""
import json
import sys

VERDICT = {"pass": "pass", "fail": "fail", "skip": "not-testable"}


def read_results(file_name):
    """{test: (verdict, reason)}; a program that died has a line without a test, which is everybody's reason."""
    results, died = {}, []
    with open(file_name, encoding="utf-8", errors="replace") as file:
        for line in file:
            status, name, _, reason = line.rstrip("\n").split("\t", 3)
            program, _, test = name.partition(".")
            results[test] = (VERDICT[status], reason)
            if status == "fail" and test in ("", "kernel_log"):
                died.append(f"{program}: {reason}")
    return results, died


def row(cause, kind, results, died):
    missing = ("fail", "; ".join(died) or "was not run")
    idle = results.get(f"{cause}_idle", missing)
    traffic = results.get(f"{cause}_traffic", missing)
    notes = list(dict.fromkeys(reason for _, reason in (idle, traffic) if reason))
    return {"cause": cause, "kind": kind, "idle": idle[0], "traffic": traffic[0], "note": "; ".join(notes)}


def main(causes_file, results_file, json_file):
    results, died = read_results(results_file)
    with open(causes_file, encoding="utf-8") as file:
        rows = [row(*line.split(), results, died) for line in file]
    if not rows:
        sys.exit("no causes")
    for line in [dict(cause="cause", kind="kind", idle="idle", traffic="traffic", note="note")] + rows:
        print(f"{line['cause']:<22}{line['kind']:<12}{line['idle']:<14}{line['traffic']:<14}{line['note']}".rstrip())
    with open(json_file, "w", encoding="utf-8") as file:
        json.dump({"causes": rows}, file, indent=2)


main(*sys.argv[1:])
