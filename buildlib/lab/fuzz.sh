# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The fuzzers of `lab test` (tests/fuzz): the corpus once, then new inputs made from it. A plain run makes the
# same inputs each time, as many as it gets to; --long makes others, for two minutes a fuzzer.

FUZZ_RUNS=30000
FUZZ_SECONDS=5
FUZZ_LONG_SECONDS=120

fuzz_suite() {
	local start=$EPOCHREALTIME program name
	suite_wanted fuzz || return 0
	say "fuzz: building"
	try fuzz-build fuzz_build
	if ((STATUS)); then
		record fail fuzz/build "$(since "$start")" "does not build without warnings"
		show_tail "$LAB_LOG" 30
		return
	fi
	record pass fuzz/build "$(since "$start")" ""
	for program in "$TREE_DIR"/fuzz/tests/fuzz/fuzz_*; do
		[[ -x $program && -f $program ]] || continue
		name=${program##*/fuzz_}
		fuzz_one "$name" corpus -runs=0
		if [[ $TEST_LONG ]]; then
			fuzz_one "$name" new_inputs -max_total_time=$FUZZ_LONG_SECONDS
		else
			fuzz_one "$name" new_inputs -runs=$FUZZ_RUNS -seed=1 -max_total_time=$FUZZ_SECONDS
		fi
	done
}

fuzz_build() {
	in_view bash -euc 'cd /lab/src
		export RDMA_CORE_SOURCE=$(echo /usr/src/rdma-core-*)
		[ -e /lab/build/fuzz/build.ninja ] || cmake --preset asan -B /lab/build/fuzz -DVFIOWC_WERROR=ON \
			-DVFIOWC_FUZZ=ON -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo
		ninja -C /lab/build/fuzz fuzzers'
}

# fuzz_one NAME TEST OPTION...: what it found stands in the log as Base64, to become a file of the corpus.
fuzz_one() {
	local name=$1 test=$2 start=$EPOCHREALTIME inputs
	wanted "fuzz/$1.$2" || return 0
	shift 2
	try "fuzz-$name-$test" in_view bash -euc '
		name=$1 test=$2; shift 2
		mkdir -p "/tmp/fuzz/$name-$test/new"
		cd "/tmp/fuzz/$name-$test"
		/lab/build/fuzz/tests/fuzz/fuzz_$name "$@" -max_len=2048 -timeout=20 -print_final_stats=1 \
			new "/lab/src/tests/fuzz/corpus/$name"' fuzz "$name" "$test" "$@"
	inputs=$(sed -nE 's/^stat::number_of_executed_units: *//p' "$LAB_LOG")
	if ((STATUS)); then
		record fail "fuzz/$name.$test" "$(since "$start")" "$(grep -m1 -E '^SUMMARY|ERROR' "$LAB_LOG" || echo "status $STATUS")"
		show_tail "$LAB_LOG" 40
	else
		record pass "fuzz/$name.$test" "$(since "$start")" ""
		say "fuzz/$name.$test: $inputs inputs"
	fi
}
