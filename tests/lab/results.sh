#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# What `./lab test` makes of a program's output under --filter. No guest is booted.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
export LAB_RUN=$WORK/run LAB_TOP=${LAB_LIB%/buildlib/lab}
mkdir -p "$LAB_RUN"
for file in common test; do
	# shellcheck source=/dev/null
	. "$LAB_LIB/$file.sh"
done

# report FILTER STATUS: sets OUT to what is said of a program that planned two tests, passed one, and ended.
report() {
	TEST_FILTER=$1
	: >"$LAB_RUN/results"
	printf '1..2\nok 1 - first\n' >"$WORK/log"
	# The log that is shown of a failure holds TAP, which is not ours.
	OUT=$(record_tap guest program "$2" 1.0 "$WORK/log" 2>/dev/null)
}

program_that_dies_is_seen_whatever_the_filter() {
	report '^guest/program\.' 139
	check "its test" contains "$OUT" "ok    guest/program.first (1.0 s)"
	check "its death" contains "$OUT" "FAIL  guest/program (1.0 s): died after 1 of 2 tests, exit status 139"
	check "kept" grep -q "^fail	guest/program	" "$LAB_RUN/results"
}

tests_that_are_not_wanted_are_not_told() {
	report '^guest/program\.second' 124
	check "its test" eval '[[ $OUT != *program.first* ]]'
	check "its end" contains "$OUT" "FAIL  guest/program (1.0 s): time was up after 1 of 2 tests"
}

run_tests program_that_dies_is_seen_whatever_the_filter tests_that_are_not_wanted_are_not_told
