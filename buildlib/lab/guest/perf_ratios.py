# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
"""The guest's part of `lab perf` that measures by pairs: the software device against rxe, against the bare copy and
against itself. rdma-ratios measures; here pairs become ratios, and ratios are held against what is aimed at."""
import subprocess
import sys

PROGRAM = "/usr/libexec/vfiowc/rdma-ratios"
PAIRS = 31
PROCESSES = 8  # for short messages: where queues and memory lie differs from process to process
PLACES = 3  # times as many where each pair is at a place of its own in memory, which matters
SECONDS = 180  # of one part; some need ten on a quiet host
CONFIDENCE = 0.95

# What counts is the end of the interval that lies on the wrong side. (bound, whether it is a lower one, whether
# the ratio is one of speeds: then it is the inverse of that of the measured times)
GOALS = {
    "write_bw_1m_vs_kernel_copy": (0.8, True, True),
    "p2p_write_bw_1m_vs_cpu_copy": (0.85, True, True),
    "write_bw_64k_vs_rxe": (10, True, True),
    "write_lat_8b_vs_rxe": (0.2, False, False),
    "msg_rate_8b_list16_vs_rxe": (10, True, True),
    "msg_rate_8b_vs_rxe": (2, True, True),
    "reg_1g_vs_4k": (1.5, False, False),
    "op_1000_qps_2000_mrs_vs_1": (1.3, False, False),
}


def rank(pairs):
    """The order statistic (counted from 0) that begins an interval of the median: the number of pairs below the
    median is binomial, whatever the ratios are like. None: too few pairs."""
    below, ways, found = 0, 1, None
    for k in range(pairs // 2 + 1):
        below += ways
        if 1 - 2 * below / 2 ** pairs < CONFIDENCE:
            break
        found, ways = k, ways * (pairs - k) // (k + 1)
    return found


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def interval(ratios):
    """Median and its confidence interval."""
    ordered, first = sorted(ratios), rank(len(ratios))
    if first is None:
        sys.exit(f"perf: {len(ratios)} pairs are too few for an interval")
    return {"value": median(ordered), "low": ordered[first], "high": ordered[-1 - first]}


def parse(out):
    """What rdma-ratios printed: pairs of times by key, and single figures. What an object keeps of the machine's
    memory is what the first process said: later ones get what that one gave back."""
    pairs, figures = {}, {}
    for line in out.splitlines():
        key, *words = line.split()
        values = [float(word) for word in words]
        if len(values) == 2:
            pairs.setdefault(key, []).append(tuple(values))
        else:
            figures.setdefault(key, []).append(values[0])
    return pairs, {key: values[0] if key.startswith("idle_") else median(values) for key, values in figures.items()}


def ratios_of(pairs):
    ratios = {}
    for key, times in pairs.items():
        speeds = GOALS[key][2]
        ratios[key] = interval([second / first if speeds else first / second for first, second in times])
    return ratios


def goals_of(ratios):
    goals = {}
    for key, ratio in ratios.items():
        bound, is_lower, _ = GOALS[key]
        met = ratio["low"] >= bound if is_lower else ratio["high"] <= bound
        goals[key] = {"bound": bound, "at_least": is_lower, "met": met}
    return goals


def run(pairs, *arguments):
    try:
        done = subprocess.run([PROGRAM, str(pairs), *arguments], capture_output=True, text=True, check=False,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        sys.exit(f"perf: rdma-ratios {' '.join(arguments)}: not through in {SECONDS} s: is this host busy?")
    if done.returncode:
        sys.exit(f"perf: rdma-ratios {' '.join(arguments)}: status {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def tags_on_off(exporter, pairs):
    """Ratios of the speed with tags to that without."""
    times, _ = parse(run(pairs, "tags", *exporter))
    return [off / on for on, off in times["tags_on_off"]]


def measure(exporter, big, pairs=PAIRS):
    """All of it. exporter, big: (address, BAR) of the device that is written to, and of one of 1 GiB."""
    few = pairs // PROCESSES + 1
    parts = ((PLACES * pairs, "copies", *exporter), *((few, "rxe"),) * PROCESSES, (pairs, "reg", *big),
             *((few, "scale"),) * PROCESSES)
    times, figures = parse("".join(run(*part) for part in parts))
    ratios = ratios_of(times)
    return {"pairs": {key: len(values) for key, values in times.items()}, "ratios": ratios,
            "goals": goals_of(ratios), "figures": figures,
            "times_ns": {key: [median(side) for side in zip(*values)] for key, values in times.items()}}


def show(result):
    print(f"{'by pairs':32} {'median':>9}   95 % confidence interval")
    for key, goal in result["goals"].items():
        ratio = result["ratios"][key]
        print(f"{key:32} {ratio['value']:9.3f}   {ratio['low']:.3f} to {ratio['high']:.3f} "
              f"({result['pairs'][key]} pairs)   "
              f"{'at least' if goal['at_least'] else 'at most'} {goal['bound']}: {'yes' if goal['met'] else 'no'}")
    for key, value in result["figures"].items():
        print(f"{key:32} {value:9.0f}")
