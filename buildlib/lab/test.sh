# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab test`: runs the suites and counts. A result is one line of $LAB_RUN/results, tab-separated: status
# (pass, fail, skip), suite/name, seconds, reason. Static checks are in static.sh, mutants in mutants.sh.

# A whole boot's worth of guest tests; each program has a limit of its own (tests/guest/run-tests).
TEST_BOOT_SECONDS=1500
# With the programs long_*.
TEST_LONG_BOOT_SECONDS=5400
# Programs that need a boot of their own: what they want on the kernel's command line.
declare -A TEST_BOOTS=([boot_lockdown]=lockdown=integrity [boot_no_iommu]=intel_iommu=off)
# The stock kernel notes who allocated which object, so that run-tests can say what was left behind.
TEST_CMDLINE='slab_debug=U,kmalloc-*'

parse_test() {
	TEST_LONG="" TEST_FILTER=""
	while (($#)); do
		case $1 in
		--long) TEST_LONG=1 ;;
		--filter)
			take_value "$@"
			TEST_FILTER=$2
			shift
			;;
		--filter=*) TEST_FILTER=${1#*=} ;;
		*) usage_error "test does not know '$1'" ;;
		esac
		shift
	done
	local status=0
	grep -qE -- "$TEST_FILTER" <<<'' || status=$?
	((status < 2)) || usage_error "'$TEST_FILTER' is no extended regular expression"
}

cmd_test() {
	: >"$LAB_RUN/results"
	prepare
	if [[ ! ${LAB_DEBUG_KERNEL:-} ]]; then
		static_suite
		unit_suites
		fuzz_suite
		ordering_suite
		lab_suite
	fi
	guest_suite
	demo_suite
	[[ ${LAB_DEBUG_KERNEL:-} ]] || dkms_suite
	[[ ${LAB_DEBUG_KERNEL:-} ]] || kernels_suite
	[[ ${LAB_DEBUG_KERNEL:-} ]] || tree_suite
	[[ ${LAB_DEBUG_KERNEL:-} ]] || mutants_suite
	test_summary
}

# wanted NAME: does SUITE/NAME pass --filter?
wanted() {
	[[ ! $TEST_FILTER ]] || grep -qE -- "$TEST_FILTER" <<<"$1"
}

# record STATUS NAME SECONDS REASON: print and keep one result, if it is wanted.
record() {
	# An object that is left concerns whatever was run.
	if wanted "$2" || [[ $2 == guest/*.no_object_is_left ]]; then
		keep_result "$@"
	fi
}

keep_result() {
	printf '%s\t%s\t%s\t%s\n' "$@" >>"$LAB_RUN/results"
	case $1 in
	pass) printf 'ok    %s (%s s)%s\n' "$2" "$3" "${4:+: $4}" ;;
	skip) printf 'skip  %s: %s\n' "$2" "$4" ;;
	fail) printf 'FAIL  %s (%s s): %s\n' "$2" "$3" "$4" ;;
	esac
}

# record_lines SUITE: results as tests/guest/run-tests prints them, from stdin. Taken apart by hand: to `read`
# a tab is white space, and two of them in a row would hide an empty field.
record_lines() {
	local line fields
	while IFS= read -r line; do
		fields=()
		while [[ $line == *$'\t'* ]]; do
			fields+=("${line%%$'\t'*}")
			line=${line#*$'\t'}
		done
		# It was run, so one of its tests was wanted: the filter may not hide that the program as a whole died.
		if [[ ${fields[1]} == *.* ]]; then
			record "${fields[0]}" "$1/${fields[1]}" "${fields[2]}" "$line"
		else
			keep_result "${fields[0]}" "$1/${fields[1]}" "${fields[2]}" "$line"
		fi
	done
}

# record_tap SUITE PROGRAM STATUS SECONDS LOG: the results of one program's output.
record_tap() {
	awk -v program="$2" -v status="$3" -f "$LAB_TOP/tests/guest/tap.awk" "$5" |
		awk -F'\t' -v OFS='\t' -v seconds="$4" '{ print $1, $2, seconds, $3 }' | record_lines "$1"
	if grep -q "^fail	$1/$2[.	]" "$LAB_RUN/results"; then
		show_tail "$5" 30
	fi
}

test_summary() {
	local passed failed skipped tests
	passed=$(grep -c ^pass "$LAB_RUN/results") || true
	failed=$(grep -c ^fail "$LAB_RUN/results") || true
	skipped=$(grep -c ^skip "$LAB_RUN/results") || true
	((passed + failed + skipped)) || die "no test matches '$TEST_FILTER'"
	if ((failed)); then
		printf '\nFailed:\n'
		sed -nE 's/^fail\t([^\t]*)\t[^\t]*\t(.*)/  \1: \2/p' "$LAB_RUN/results"
	fi
	if ((skipped)); then
		printf '\nSkipped:\n'
		sed -nE 's/^skip\t([^\t]*)\t[^\t]*\t(.*)/  \1: \2/p' "$LAB_RUN/results"
	fi
	say "all suites done"
	if [[ ${LAB_JSON:-} ]]; then
		tests=$(in_view python3 /lab/src/buildlib/lab/test_result.py /lab/run/results)
		json_result "$(json_object ok "$( ((failed)) && echo false || echo true)" \
			passed "$passed" failed "$failed" skipped "$skipped" kernel "$(json_string "$KERNEL")" \
			kernel_package "$(json_string "$KERNEL_PACKAGE")" accel "$(json_string "$ACCEL")" tests "$tests")"
	fi
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	((failed == 0)) || exit 1
}

# suite_wanted SUITE: could --filter match anything of it? Only an anchored filter tells, by what it begins with.
suite_wanted() {
	local start
	[[ $TEST_FILTER == ^* ]] || return 0
	start=${TEST_FILTER#^}
	start=${start%%[!a-z_/-]*}
	[[ $1/ == "$start"* || $start == "$1/"* ]]
}

# Unit tests, once per compiler and once under the sanitizers. Warnings are errors in all three.
unit_suites() {
	unit_suite unit-gcc debug -DVFIOWC_WERROR=ON
	unit_suite unit-clang release -DVFIOWC_WERROR=ON -DCMAKE_C_COMPILER=clang
	unit_suite unit-asan asan -DVFIOWC_WERROR=ON
}

# unit_suite SUITE PRESET [CMAKE-ARG...]
unit_suite() {
	local suite=$1 preset=$2 start=$EPOCHSECONDS programs program
	shift 2
	suite_wanted "$suite" || return 0
	say "$suite: building"
	try "$suite-build" build_userspace /lab/src "/lab/build/$suite" "$preset" "$@"
	if ((STATUS)); then
		record fail "$suite/build" $((EPOCHSECONDS - start)) "does not build without warnings"
		show_tail "$LAB_LOG" 30
		return
	fi
	record pass "$suite/build" $((EPOCHSECONDS - start)) ""
	programs=$(in_view ctest --test-dir "/lab/build/$suite" -N | sed -nE 's/^ *Test +#[0-9]+: //p')
	for program in $programs; do
		unit_program "$suite" "$program"
	done
}

unit_program() {
	local start=$EPOCHREALTIME
	try "$1-$2" unit_run "/lab/build/$1" "$2"
	record_tap "$1" "$2" "$STATUS" "$(since "$start")" "$LAB_LOG"
}

# unit_run BUILD PROGRAM: through ctest, which knows how a test is started, without ctest's own words.
unit_run() {
	in_view env CMOCKA_MESSAGE_OUTPUT=TAP UBSAN_OPTIONS=print_stacktrace=1 \
		ctest --test-dir "$1" -R "^$2\$" -V --timeout 120 | sed -nE 's/^[0-9]+: //p'
}

# since START: seconds with one decimal since that EPOCHREALTIME.
since() {
	local us=$((${EPOCHREALTIME/./} - ${1/./}))
	printf '%d.%d' $((us / 1000000)) $((us / 100000 % 10))
}

# build_case SUITE NAME COMMAND...: one result of a suite whose cases stand on each other: all run. Status 77: it
# cannot run here, for the reason in its last line.
build_case() {
	local start=$EPOCHREALTIME
	say "$1: $2"
	try "$1-$2" "${@:3}"
	if ((STATUS == 77)); then
		record skip "$1/$2" "$(since "$start")" "$(tail -n 1 "$LAB_LOG")"
	elif ((STATUS)); then
		record fail "$1/$2" "$(since "$start")" "its output is shown"
		show_tail "$LAB_LOG" 40
	else
		record pass "$1/$2" "$(since "$start")" ""
	fi
}

# Tests of ./lab itself: bash scripts that print TAP. They start ./lab anew, with this cache.
lab_suite() {
	local script name start
	suite_wanted lab || return 0
	for script in "$LAB_TOP"/tests/lab/*.sh; do
		name=$(basename "$script" .sh)
		[[ $name != long_* || $TEST_LONG ]] || continue
		test_program_wanted lab "$name" "$script" || continue
		start=$EPOCHREALTIME
		try "lab-$name" env VFIOWC_CACHE="$LAB_CACHE" LAB="$LAB_TOP/lab" TMPDIR="$LAB_RUN" \
			${LAB_MIRROR:+LAB_TEST_MIRROR="$LAB_MIRROR"} bash "$script"
		record_tap lab "$name" "$STATUS" "$(since "$start")" "$LAB_LOG"
	done
}

# test_program_wanted SUITE NAME FILE: a program's test names are not known before it has run, but each of
# them stands in its file, or is of those that run-tests adds.
test_program_wanted() {
	[[ $TEST_FILTER ]] || return 0
	{
		echo "$1/$2"
		[[ $1 != guest ]] || printf '%s\n' "$1/$2".{kernel_log,leaves_nothing_behind,no_object_is_left}
		grep -aoE '[A-Za-z_][A-Za-z0-9_-]{3,}' "$3" | sed "s,^,$1/$2.,"
	} | grep -cE -- "$TEST_FILTER" >/dev/null
}

guest_suite() {
	local programs=() boots=() file name
	suite_wanted guest || return 0
	for file in "$LAB_RUN"/stage/usr/libexec/vfiowc/tests/*; do
		name=${file##*/}
		[[ $name != run-tests && $name != *.awk && $name != *.inc ]] || continue
		[[ $name != long_* || $TEST_LONG ]] || continue
		test_program_wanted guest "$name" "$file" || continue
		if [[ ${TEST_BOOTS[$name]:-} ]]; then
			boots+=("$name")
		else
			programs+=("$name")
		fi
	done
	for name in "${boots[@]}"; do
		TEST_CMDLINE="$TEST_CMDLINE ${TEST_BOOTS[$name]}" guest_programs "$name"
	done
	((${#programs[@]})) || return 0
	if [[ " ${programs[*]} " =~ " perf_"(backend|figures)" " ]]; then
		perftest_stage
	fi
	guest_programs "${programs[@]}"
}

# guest_programs PROGRAM...: one boot for all of them; when the guest dies, the program that killed it has
# failed and the rest gets a new boot.
guest_programs() {
	local left=("$@") died start results reader
	while ((${#left[@]})); do
		say "guest: booting for ${#left[@]} test programs"
		start=$EPOCHREALTIME
		printf 'exec /usr/libexec/vfiowc/tests/run-tests /lab/run' >"$LAB_RUN/job"
		printf ' %q' "${left[@]}" >>"$LAB_RUN/job"
		rm -f "$LAB_RUN/current"
		exec {results}> >(record_lines guest)
		reader=$!
		BOOT_CMDLINE=$TEST_CMDLINE boot_job $(((${TEST_LONG:-0} ? TEST_LONG_BOOT_SECONDS : TEST_BOOT_SECONDS) * BOOT_SLOWNESS)) >&"$results"
		exec {results}>&-
		wait "$reader" || true
		[[ $STATUS != 0 ]] || break
		died=$(cat "$LAB_RUN/current" 2>/dev/null) || true
		if [[ ! $died ]]; then
			record fail guest/boot "$(since "$start")" "the guest did not come up"
			show_tail "$LAB_RUN/console" 40
			break
		fi
		# Status 3: the runner has recorded it already.
		if [[ $STATUS != 3 ]]; then
			record fail "guest/$died" "$(since "$start")" "the guest died of it or its time was up"
			show_tail "$LAB_RUN/console" 40
		fi
		guest_after "$died" "${left[@]}"
	done
	guest_show_failed
}

# guest_after DIED PROGRAM...: sets the caller's `left` to what stands behind DIED.
guest_after() {
	local died=$1
	shift
	while (($#)) && [[ $1 != "$died" ]]; do
		shift
	done
	left=("${@:2}")
}

guest_show_failed() {
	local program
	while read -r program; do
		[[ ! -s $LAB_RUN/logs/$program.log ]] || show_tail "$LAB_RUN/logs/$program.log" 30
	done < <(sed -nE 's,^fail\tguest/([^.\t]*).*,\1,p' "$LAB_RUN/results" | sort -u)
}

# The walk-through as a newcomer runs it, its object checked field by field.
demo_suite() {
	local start=$EPOCHREALTIME
	suite_wanted demo || return 0
	wanted demo/walk_through || wanted demo/result.fields || wanted demo/witness || [[ $TEST_FILTER == demo* ]] || return 0
	say "demo: booting the guest"
	demo_guest 20261120 >"$LAB_RUN/log/demo" 2>&1
	if [[ $STATUS != 0 || ! -s $LAB_RUN/demo.json ]]; then
		record fail demo/walk_through "$(since "$start")" "ended with status ${STATUS:-none, the guest died}"
		show_tail "$LAB_RUN/log/demo" 30
		return
	fi
	record pass demo/walk_through "$(since "$start")" ""
	demo_witness 20261120
	if ((DEMO_WITNESS == 0)); then
		record pass demo/witness "$(since "$start")" ""
	else
		record fail demo/witness "$(since "$start")" "the BAR's file does not hold what the steps say"
	fi
	try demo-result in_view python3 /lab/src/tests/lab/demo_result_check.py /lab/run/demo.result.json
	record_tap demo result "$STATUS" "$(since "$start")" "$LAB_LOG"
}
