#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The arithmetic of `lab perf`: ratios, their intervals, and when tags on and off count as equally fast.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"

# python EXPRESSION: true when it holds, with the functions of perf.py and perf_ratios.py.
python() {
	python3 - "$LAB_LIB/guest" "$1" <<'END'
import math, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import perf, perf_ratios

def attempts(*runs):
    """The null test of these runs of ratios, one after the other."""
    left = list(runs)
    return perf.null_tests(lambda: left.pop(0))

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
	check "passed" python "attempts([1, 1.01, .99, 1] * 3)['equivalent']"
	check "one attempt" python "len(attempts([1, 1.01, .99, 1] * 3)['attempts']) == 1"
}

other_speeds_fail_after_one_repeat() {
	check "slower" python "not attempts([.8, .81, .79] * 4, [.8, .81, .79] * 4)['equivalent']"
	check "faster" python "not attempts([1.2, 1.21, 1.19] * 4, [1.2, 1.21, 1.19] * 4)['equivalent']"
	check "two attempts" python "len(attempts([.8, .81, .79] * 4, [.8, .81, .79] * 4)['attempts']) == 2"
}

# No difference on the average, but nothing that could have been told from one either.
wide_intervals_are_no_equivalence() {
	check "failed" python "not attempts([.5, 2] * 6, [.5, 2] * 6)['equivalent']"
}

second_attempt_may_pass() {
	check "passed" python "attempts([.6] * 11 + [.61], [1, 1.01] * 6)['equivalent']"
}

headline_is_the_ratio_to_the_copy_limit() {
	check "headline" python "perf.is_headline('write_bw_64k.slice/copy_slice') and not perf.is_headline('write_bw_64k.slice/rxe')"
}

# 15 pairs: with the 4th and the 12th the median lies between them in 96.5 % of all cases, with the 5th and the 11th
# in 88.2 %. Fewer than 6 have no such interval.
interval_of_the_median_is_by_rank() {
	check "15 pairs" python "perf_ratios.interval(range(1, 16)) == {'value': 8, 'low': 4, 'high': 12}"
	check "6 pairs" python "perf_ratios.interval(range(6)) == {'value': 2.5, 'low': 0, 'high': 5}"
	check "5 pairs" python "perf_ratios.rank(5) is None"
}

pairs_of_times_become_ratios_of_speeds_or_times() {
	local line='write_bw_64k_vs_rxe 2 20'
	check "speeds" python "perf_ratios.ratios_of(perf_ratios.parse('$line\n' * 6)[0])['write_bw_64k_vs_rxe']['low'] == 10"
	line='write_lat_8b_vs_rxe 2 20'
	check "times" python "perf_ratios.ratios_of(perf_ratios.parse('$line\n' * 6)[0])['write_lat_8b_vs_rxe']['high'] == 0.1"
}

figure_is_the_median_or_what_the_first_process_said() {
	local lines='doorbell_empty_ns 1\ndoorbell_empty_ns 9\ndoorbell_empty_ns 2\nidle_qp_bytes 30\nidle_qp_bytes 0\n'
	check "figures" python "perf_ratios.parse('$lines')[1] == {'doorbell_empty_ns': 2, 'idle_qp_bytes': 30}"
}

unfavourable_end_counts() {
	check "lower bound" python "not perf_ratios.goals_of({'write_bw_64k_vs_rxe': {'value': 12, 'low': 9, 'high': 13}})['write_bw_64k_vs_rxe']['met']"
	check "upper bound" python "not perf_ratios.goals_of({'reg_1g_vs_4k': {'value': 1.4, 'low': 1.2, 'high': 1.6}})['reg_1g_vs_4k']['met']"
	check "met" python "perf_ratios.goals_of({'reg_1g_vs_4k': {'value': 1.4, 'low': 1.2, 'high': 1.5}})['reg_1g_vs_4k']['met']"
}

run_tests value_is_the_geometric_mean interval_is_students_of_the_logarithms row_of_perftest_is_read \
	equal_speeds_pass_at_the_first_attempt other_speeds_fail_after_one_repeat \
	wide_intervals_are_no_equivalence second_attempt_may_pass headline_is_the_ratio_to_the_copy_limit \
	interval_of_the_median_is_by_rank pairs_of_times_become_ratios_of_speeds_or_times \
	figure_is_the_median_or_what_the_first_process_said unfavourable_end_counts
