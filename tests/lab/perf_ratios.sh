#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The arithmetic of `lab perf`: ratios, their intervals, and when tags on and off count as equally fast.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"

# python EXPRESSION: true when it holds, with the functions of perf.py.
python() {
	python3 - "$LAB_LIB/guest" "$1" <<'END'
import math, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import perf

class Runs:
    """A bench whose figures are given: tags off gives 100, tags on what stands in the list."""
    def __init__(self, on):
        self.on, self.asked = list(on), 0
    def measure(self, name, where, number, tags=False, longer=1):
        self.asked += tags
        return self.on[(self.asked - 1) % len(self.on)] if tags else 100.0

def near(a, b):
    return abs(a - b) < 1e-3 * abs(b)

sys.exit(not eval(sys.argv[2]))
END
}

value_is_the_geometric_mean() {
	check "mean" python "near(perf.interval([2, 8], perf.T95)['value'], 4)"
}

# Student's t for two runs is 12.706: with logarithms 0 and 2 d apart from their mean by d, the error is d.
interval_is_students_of_the_logarithms() {
	check "low" python "near(perf.interval([math.exp(-0.1), math.exp(0.1)], perf.T95)['low'], math.exp(-12.706 * 0.1))"
	check "high" python "near(perf.interval([math.exp(-0.1), math.exp(0.1)], perf.T95)['high'], math.exp(12.706 * 0.1))"
	check "more runs make it narrower" python "perf.interval([1, 1.1] * 4, perf.T95)['high'] < perf.interval([1, 1.1] * 2, perf.T95)['high']"
}

row_of_perftest_is_read() {
	check "bandwidth" python "perf.table_figure(' #bytes #iterations\n 65536      300     81.87     33.46     0.5\n', 3) == 33.46"
}

equal_speeds_pass_at_the_first_attempt() {
	check "passed" python "perf.null_tests(Runs([100, 101, 99, 100]), 12)['equivalent']"
	check "one attempt" python "len(perf.null_tests(Runs([100, 101, 99, 100]), 12)['attempts']) == 1"
}

other_speeds_fail_after_one_repeat() {
	check "slower" python "not perf.null_tests(Runs([80, 81, 79]), 12)['equivalent']"
	check "faster" python "not perf.null_tests(Runs([120, 121, 119]), 12)['equivalent']"
	check "two attempts" python "len(perf.null_tests(Runs([80, 81, 79]), 12)['attempts']) == 2"
}

# No difference on the average, but nothing that could have been told from one either.
wide_intervals_are_no_equivalence() {
	check "failed" python "not perf.null_tests(Runs([50, 200]), 12)['equivalent']"
}

second_attempt_may_pass() {
	check "passed" python "perf.null_tests(Runs([60] * 12 + [100, 101] * 6), 12)['equivalent']"
}

headline_is_the_ratio_to_the_copy_limit() {
	check "headline" python "perf.is_headline('write_bw_64k.slice/copy_slice') and not perf.is_headline('write_bw_64k.slice/rxe')"
}

run_tests value_is_the_geometric_mean interval_is_students_of_the_logarithms row_of_perftest_is_read \
	equal_speeds_pass_at_the_first_attempt other_speeds_fail_after_one_repeat \
	wide_intervals_are_no_equivalence second_attempt_may_pass headline_is_the_ratio_to_the_copy_limit
