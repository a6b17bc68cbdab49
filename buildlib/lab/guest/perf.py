# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""The guest's part of `lab perf`: perftest on host memory and on a slice of a BAR, over the software device
and over rxe, beside the bare copy. Of a slice is the server's buffer, as of a device that a NIC reaches; the
client's is host memory: that is also what the bare copy moves between. One round measures everything once, in an
order of its own, so that what disturbs a moment disturbs all; a ratio is made within a round, and rounds give its
confidence interval."""
import argparse
import glob
import json
import math
import os
import random
import subprocess
import sys
import time

import perf_ratios

COPY_LIMIT = "/usr/libexec/vfiowc/copy-limit"
PORT = 18515
BANDWIDTH_BYTES = 65536
SMALL_BYTES = 8
MIB = 1 << 20
# Student's t, two-sided 95 % and 90 %, by degrees of freedom; the last is good for more.
T95 = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145]
T90 = [6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761]
NULL_MARGIN = 0.10
# The null test asks for a narrow interval. Runs of perftest scatter by a fifth, as each finds its memory elsewhere:
# pairs within one process, into the same slice, do not.
NULL_PAIRS = 150
NOTES = [
    "rxe runs a network stack (packets, checksums, acknowledgements) between its ends; the software device is "
    "a local copy. A ratio to rxe says what a user of rxe gains, not that one design is faster at the same work.",
    "The headline is the ratio to the copy limit: the same bytes, moved by plain 8-byte moves and nothing else.",
    "Steering tags change nothing in software: tags on against tags off is a null test.",
    "CPU-directed tags (DMAH) are not measured: they need libibverbs 59 (--suite sid), and this kernel looks up no "
    "tag for a processor (CONFIG_PCIE_TPH is off).",
]

# Measure: program, options, iterations (software device, rxe), column of perftest's table, factor to the unit.
MEASURES = {
    "write_bw_64k": ("ib_write_bw", ["-s", str(BANDWIDTH_BYTES)], (5000, 300), 3, MIB, "bytes/s"),
    "read_bw_64k": ("ib_read_bw", ["-s", str(BANDWIDTH_BYTES)], (5000, 300), 3, MIB, "bytes/s"),
    "write_lat_8": ("ib_write_lat", ["-s", str(SMALL_BYTES)], (20000, 2000), 4, 1e-6, "s"),
    "rate_8": ("ib_write_bw", ["-s", str(SMALL_BYTES), "-l", "16", "-t", "128"], (48000, 4800), 4, 1e6,
               "messages/s"),
}


def fail(what):
    sys.exit("perf: " + what)


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        fail(f"{' '.join(command)}: status {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def wait_until(condition, seconds):
    """Whether the condition came true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def has_address(device):
    """An address is tentative for a while, and has no GID until then."""
    addresses = run("ip", "-6", "-oneline", "address", "show", "dev", device, "scope", "link")
    return addresses.strip() and "tentative" not in addresses


def listening():
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table, encoding="ascii") as file:
            for line in file:
                fields = line.split()
                if fields[1].endswith(f":{PORT:04X}") and fields[3] == "0A":
                    return True
    return False


def table_figure(out, column):
    """The figure of perftest's one table row."""
    for line in out.splitlines():
        fields = line.split()
        if line.startswith(" ") and len(fields) > column and fields[0].isdigit() and fields[1].isdigit():
            return float(fields[column])
    return fail(f"no table in the output of perftest: {out[-500:]}")


def run_pair(server_command, client_command):
    """The output of the client."""
    server = subprocess.Popen(server_command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if not wait_until(lambda: listening() or server.poll() is not None, 60) or server.poll() is not None:
        server.kill()  # else reading what it says would wait for its end
        fail(f"{' '.join(server_command)}: the server does not listen: {server.stderr.read()}")
    out = run("timeout", "120", *client_command, "localhost")
    if server.wait(timeout=60):
        fail(f"{' '.join(server_command)}: the server failed: {server.stderr.read()}")
    return out


class Bench:
    """The guest as it is set up, and everything measured so far."""

    def __init__(self, bdf, bar):
        self.bdf, self.bar = bdf, bar
        self.raw = []

    def measure(self, name, where, number):
        program, options, iterations, column, factor, unit = MEASURES[name]
        device = ["-d", "rxe0"] if where == "rxe" else ["-d", "vfiowc0", "-x", "0"]
        command = [program, *device, "-F", *options, "-n", str(iterations[where == "rxe"])]
        server = command
        if where == "slice":
            server = ["vfiowc", "run", "--memattr", "wc", "--target", f"{self.bdf}:{self.bar}:16M", "--",
                      *command, "--mmap=vfiowc:0"]
        value = table_figure(run_pair(server, command), column) * factor
        self.raw.append({"round": number, "measure": name, "where": where, "value": value, "unit": unit})
        return value

    def copy(self, name, where, number):
        """The bare copy, in the unit of the measure."""
        size = BANDWIDTH_BYTES if name.endswith("64k") else SMALL_BYTES
        device = [self.bdf, str(self.bar)] if where == "slice" else []
        to, back = (float(word) * 1e-9 for word in run(COPY_LIMIT, str(size), *device).split())
        seconds = back if name.startswith("read") else to
        value = {"bytes/s": size / seconds, "messages/s": 1 / seconds, "s": seconds}[MEASURES[name][5]]
        self.raw.append({"round": number, "measure": name, "where": f"copy_{where}", "value": value,
                         "unit": MEASURES[name][5]})
        return value

    def round(self, number):
        """Everything once; the values by (measure, where)."""
        jobs = [(name, where) for name in MEASURES
                for where in ("host", "slice", "rxe", "copy_host", "copy_slice")]
        random.Random(number).shuffle(jobs)
        values = {}
        for name, where in jobs:
            if where.startswith("copy_"):
                values[name, where] = self.copy(name, where[5:], number)
            else:
                values[name, where] = self.measure(name, where, number)
        return values


def interval(ratios, quantiles):
    """Geometric mean and its confidence interval: ratios vary by factors, so their logarithms are averaged."""
    logs = [math.log(ratio) for ratio in ratios]
    n = len(logs)
    mean = sum(logs) / n
    error = math.sqrt(sum((x - mean) ** 2 for x in logs) / (n - 1) / n)
    t = quantiles[min(n - 2, len(quantiles) - 1)]
    return {"value": math.exp(mean), "low": math.exp(mean - t * error), "high": math.exp(mean + t * error)}


def ratios_of(rounds):
    ratios = {}
    for name in MEASURES:
        for over, under in (("host", "copy_host"), ("slice", "copy_slice"), ("host", "rxe"), ("slice", "rxe"),
                            ("slice", "host")):
            ratios[f"{name}.{over}/{under}"] = interval([r[name, over] / r[name, under] for r in rounds], T95)
    return ratios


def null_test(on_off):
    """Ratios of tags on to off. Equivalent: the 90 % interval (two one-sided tests at 5 %) lies within the margin."""
    result = interval(on_off, T90)
    result["pairs"] = len(on_off)
    result["equivalent"] = 1 - NULL_MARGIN <= result["low"] and result["high"] <= 1 + NULL_MARGIN
    return result


def null_tests(measure):
    """One repeat is allowed; both are reported."""
    attempts = [null_test(measure())]
    if not attempts[0]["equivalent"]:
        attempts.append(null_test(measure()))
    return {"margin": NULL_MARGIN, "equivalent": attempts[-1]["equivalent"], "attempts": attempts}


def set_up(bdf, big):
    run("modprobe", "-a", "vfiowc_pci", "vfiowc_rdma", "rdma_rxe", "veth", "vfiowc_test_copy")
    for address in (bdf, big):
        run("vfiowc", "bind", address)
    with open("/sys/module/vfiowc_pci/parameters/tph_override", "w", encoding="ascii") as file:
        file.write("3")
    netdev = os.path.basename(glob.glob("/sys/bus/pci/devices/0000:04:00.0/net/*")[0])
    # Jumbo frames: the largest MTU of RoCE is rxe's best case.
    run("ip", "link", "add", "perf0", "mtu", "9000", "type", "veth", "peer", "name", "perf1", "mtu", "9000")
    for device in (netdev, "perf0", "perf1"):
        run("ip", "link", "set", device, "up")
    run("ip", "address", "add", "10.77.0.1/24", "dev", "perf0")
    for device in (netdev, "perf0", "perf1"):
        if not wait_until(lambda device=device: has_address(device), 30):
            fail(f"{device}: no usable link-local address within 30 s")
    run("rdma", "link", "add", "vfiowc0", "type", "vfiowc", "netdev", netdev)
    run("rdma", "link", "add", "rxe0", "type", "rxe", "netdev", "perf0")


def is_headline(name):
    """A ratio to the copy limit."""
    return "/copy_" in name


def show(result):
    perf_ratios.show(result)
    for title, wanted in (("to the copy limit", True), ("other ratios", False)):
        print(f"{title:32} {'value':>9}   95 % confidence interval")
        for name, ratio in result["ratios"].items():
            if is_headline(name) == wanted and name not in result["goals"]:
                print(f"{name:32} {ratio['value']:9.3f}   {ratio['low']:.3f} to {ratio['high']:.3f}")
    for attempt in result["tph_null"]["attempts"]:
        print(f"tags on/off, WRITE of 64 KiB: {attempt['value']:.3f}, 90 % interval {attempt['low']:.3f} to "
              f"{attempt['high']:.3f}: {'' if attempt['equivalent'] else 'not '}within ±{NULL_MARGIN:.0%}")
    for note in result["notes"]:
        print(f"- {note}")


def main():
    parser = argparse.ArgumentParser()
    for name in ("exporter", "bar", "big", "big-bar", "rounds", "kernel-package", "accel", "out"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    start = time.monotonic()
    set_up(args.exporter, args.big)
    bench = Bench(args.exporter, int(args.bar))
    bench.round(-1)  # caches, page tables, first-use module loads
    bench.raw.clear()
    rounds = [bench.round(number) for number in range(int(args.rounds))]
    null = null_tests(lambda: perf_ratios.tags_on_off((args.exporter, args.bar), NULL_PAIRS))
    pairs = perf_ratios.measure((args.exporter, args.bar), (args.big, args.big_bar))
    ratios = {**pairs.pop("ratios"), **ratios_of(rounds)}
    result = {
        "ok": null["equivalent"], "kernel": os.uname().release, "kernel_package": args.kernel_package,
        "accel": args.accel, "cpus": os.cpu_count(), "memory_type": "wc", "rounds": len(rounds),
        "headline": [name for name in ratios if is_headline(name)],
        "seconds": round(time.monotonic() - start, 1), "ratios": ratios, "tph_null": null, **pairs,
        "notes": NOTES, "raw": bench.raw,
    }
    with open(args.out, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=2)
    show(result)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
