#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The command line of ./lab: help, wrong usage, one JSON object. Nothing here builds or boots.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
export VFIOWC_CACHE=$WORK/cache

help_of_every_command_succeeds() {
	local command
	for command in '' demo causes test ordering perf run shell mutants build clean; do
		# shellcheck disable=SC2086
		lab $command --help
		check "help of '$command' succeeds" equal "$CODE" 0
		check "help of '$command' goes to stdout" contains "$OUT" "Usage: ./lab"
	done
}

options_may_stand_before_and_after_the_command() {
	lab --json --help run
	check "before" one_object "$OUT" "o['ok'] and 'run' in o['help']"
	lab run --json --help
	check "after" one_object "$OUT" "o['ok'] and 'run' in o['help']"
}

wrong_usage_says_what_and_ends_with_status_2() {
	local case
	while read -r case; do
		# shellcheck disable=SC2086
		lab $case
		check "status of 'lab $case'" equal "$CODE" 2
		check "message of 'lab $case'" contains "$ERR" "--help"
		check "stdout of 'lab $case'" equal "$OUT" ""
	done <<'END'

fly
--nonsense demo
demo extra
causes extra
demo --seed
demo --seed -1
demo --seed 1x
demo --seed 18446744073709551616
test --filter (
test --filter
ordering O18
ordering rules
ordering --arch mips
ordering --arch
ordering --loudly
run
run true
run --
run --package
run --package ../evil -- true
run --timeout soon -- true
shell now
build it
clean --everything
mutants no_such_mutant
mutants --nonsense
mutants --kind nonsense
mutants --component kernel
--mirror nowhere demo
--suite buster demo
--kernel latest demo
--accel warp demo
--debug-kernel=ksan test
--debug-kernel= run -- true
END
	lab fly
	check "an unknown command points to the help of all" contains "$ERR" "try './lab --help'"
}

wrong_usage_with_json_is_one_object_too() {
	lab demo --seed x --json
	check "status" equal "$CODE" 2
	check "object" one_object "$OUT" "o['ok'] is False and 'seed' in o['error']"
}

largest_seed_is_accepted() {
	check "seed" equal "$(LAB_LIB=$LAB_LIB bash -c '. "$LAB_LIB/common.sh"; . "$LAB_LIB/demo.sh"
		parse_demo --seed=18446744073709551615; echo "$DEMO_SEED"')" 18446744073709551615
}

clean_of_an_empty_cache_succeeds() {
	lab clean --json
	check "status" equal "$CODE" 0
	check "object" one_object "$OUT" "o == {'ok': True, 'removed': [], 'kept': []}"
}

cache_that_cannot_be_written_is_named() {
	touch "$WORK/file"
	lab --cache "$WORK/file/cache" build
	check "status" equal "$CODE" 1
	check "message" contains "$ERR" "$WORK/file/cache cannot be written"
}

lab_works_through_a_symbolic_link() {
	ln -s "$(realpath "$LAB")" "$WORK/link"
	check "help" contains "$("$WORK/link" --help)" "Usage: ./lab"
}

run_tests help_of_every_command_succeeds options_may_stand_before_and_after_the_command \
	wrong_usage_says_what_and_ends_with_status_2 wrong_usage_with_json_is_one_object_too \
	largest_seed_is_accepted clean_of_an_empty_cache_succeeds cache_that_cannot_be_written_is_named \
	lab_works_through_a_symbolic_link
