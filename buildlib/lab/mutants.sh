# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab mutants`: can the tests fail? Each tests/mutants/NAME.patch switches one mutant on. Its first lines:
#
#   Component: kernel | userspace
#   Test: PROGRAM TESTNAME     a unit test program, or one of the guest's
#   Why: one line
#
# A mutant's build is an overlay over the checkout and its build directory, at the same paths: only what the
# patch touches is compiled again, and nothing of the real ones changes. All mutants share one boot: the
# guest swaps the files in, reloads the modules, runs the program, and puts the unchanged files back.

# Those that `lab test` runs without --long, one name a line.
MUTANTS_CI=$LAB_TOP/tests/mutants/ci
# The guest's bound for one of them; the test program alone has 120 s.
MUTANTS_SECONDS=150

parse_mutants() {
	MUTANTS_LIST="" MUTANTS=()
	while (($#)); do
		case $1 in
		--list) MUTANTS_LIST=1 ;;
		-*) usage_error "mutants does not know '$1'" ;;
		*)
			[[ -e $LAB_TOP/tests/mutants/${1%.patch}.patch ]] ||
				usage_error "there is no mutant '$1'; './lab mutants --list' shows them"
			MUTANTS+=("$(basename "${1%.patch}")")
			;;
		esac
		shift
	done
}

mutants_all() {
	local file
	for file in "$LAB_TOP"/tests/mutants/*.patch; do
		[[ ! -e $file ]] || basename "$file" .patch
	done
}

# mutant_header NAME FIELD
mutant_header() {
	sed -nE "/^(---|diff)/q; s/^$2: *//p" "$LAB_TOP/tests/mutants/$1.patch"
}

cmd_mutants() {
	local name
	((${#MUTANTS[@]})) || mapfile -t MUTANTS < <(mutants_all)
	if [[ $MUTANTS_LIST ]]; then
		for name in "${MUTANTS[@]}"; do
			printf '%-44s %-44s %s\n' "$name" "$(mutant_header "$name" Test)" "$(mutant_header "$name" Why)"
		done
		json_result "$(json_object ok true mutants "$(json_array "${MUTANTS[@]}")")"
		return
	fi
	TEST_FILTER=""
	: >"$LAB_RUN/results"
	prepare
	touch "$LAB_RUN/mutants-base"
	mutants_run "${MUTANTS[@]}"
	test_summary
}

# The part of `lab test`.
mutants_suite() {
	local names=() name
	suite_wanted mutant || return 0
	if [[ $TEST_LONG ]]; then
		mapfile -t names < <(mutants_all)
	else
		mapfile -t names < <(sed 's/#.*//; /^ *$/d' "$MUTANTS_CI")
	fi
	MUTANTS=()
	for name in "${names[@]}"; do
		wanted "mutant/$name" && MUTANTS+=("$name")
	done
	((${#MUTANTS[@]} == 0)) || mutants_run "${MUTANTS[@]}"
}

# mutants_run NAME...: one result each: pass when the named test failed with the mutant.
mutants_run() {
	local name guest=() start
	for name; do
		start=$EPOCHREALTIME
		say "mutant $name: building"
		mkdir -p "$LAB_RUN/mutants/$name/base"
		[[ ! -e $LAB_RUN/mutants-base ]] || try "mutant-base-$name" mutant_base_unit "$name"
		mutant_mount "$name"
		try "mutant-$name" mutant_build "$name"
		mutant_unmount
		if ((STATUS)); then
			record fail "mutant/$name" "$(since "$start")" "cannot be built: the patch or the code is out of date"
			show_tail "$LAB_LOG" 20
		elif [[ -e $LAB_RUN/mutants/$name/results ]]; then
			mutant_judge "$name" "$(since "$start")" "$LAB_RUN/mutants/$name"
		else
			guest+=("$name")
		fi
	done
	((${#guest[@]} == 0)) || mutants_guest "${guest[@]}"
}

# mutant_base_unit NAME: the results of its unit test without the mutant, if it is a unit test.
mutant_base_unit() {
	local program
	read -r program _ < <(mutant_header "$1" Test)
	if mutant_is_unit "$program"; then
		mutant_run_unit "$LAB_RUN/mutants/$1/base" "$program"
	fi
}

mutant_is_unit() {
	in_view ctest --test-dir /lab/build/release -N | grep -E "^ *Test +#[0-9]+: $1\$"
}

# The overlays: writes go to src/ and out/ of the mutant's directory, which then hold what has changed.
mutant_mount() {
	local dir=$LAB_RUN/mutants/$1
	mkdir -p "$dir"/{files,src,srcwork,out,outwork}
	take_lock "$TREE_LOCK" exclusive "it builds this checkout"
	mount -t overlay -o "userxattr,lowerdir=$LAB_TOP,upperdir=$dir/src,workdir=$dir/srcwork" src "$VIEW/lab/src"
	mount -t overlay -o "userxattr,lowerdir=$TREE_DIR,upperdir=$dir/out,workdir=$dir/outwork" out "$VIEW/lab/build"
}

mutant_unmount() {
	umount "$VIEW/lab/src" "$VIEW/lab/build"
	drop_lock "$LAB_LOCK"
}

# mutant_build NAME: leaves in the mutant's directory either files/, laid over the guest's, or the results and
# the log of a unit test.
mutant_build() {
	local dir=$LAB_RUN/mutants/$1 program
	read -r program _ < <(mutant_header "$1" Test)
	[[ $program ]]
	mutant_header "$1" Test >"$dir/test"
	in_view patch --directory=/lab/src --strip=1 --no-backup-if-mismatch <"$LAB_TOP/tests/mutants/$1.patch"
	case $(mutant_header "$1" Component) in
	kernel)
		build_modules /lab/src /lab/build
		mutant_take_modules "$dir"
		;;
	userspace)
		build_userspace /lab/src /lab/build/release release
		if mutant_is_unit "$program"; then
			mutant_run_unit "$dir" "$program"
		else
			mutant_take_files "$dir" "/lab/run/mutants/$1/stage"
		fi
		;;
	*)
		echo "Component: is neither kernel nor userspace"
		return 1
		;;
	esac
}

# All of them: two modules that share a changed header must stay a pair.
mutant_take_modules() {
	local updates=$1/files/usr/lib/modules/$KERNEL/updates/vfiowc
	[[ $(find "$1/out" -name "*.ko" -print -quit) ]] || { echo "the patch changes no module"; return 1; }
	mkdir -p "$updates"
	find "$VIEW/lab/build/kernel" "$VIEW/lab/build/test-modules" -name '*.ko' -exec cp -t "$updates" {} +
}

mutant_run_unit() {
	local status=0
	mkdir -p "$1/logs"
	unit_run /lab/build/release "$2" >"$1/logs/$2.log" 2>&1 || status=$?
	awk -v program="$2" -v status="$status" -f "$LAB_TOP/tests/guest/tap.awk" "$1/logs/$2.log" >"$1/results"
}

# What an installation of the build of a mutant has that differs from the real one.
mutant_take_files() {
	local file
	in_view env DESTDIR="$2" cmake --install /lab/build/release >/dev/null
	cd "$1/stage" || return
	find . -type f | while read -r file; do
		if ! cmp -s "$file" "$LAB_RUN/stage/$file"; then
			echo "$file"
		fi
	done | tar -cf - --files-from=- | tar -xf - -C "$1/files"
	rm -rf "$1/stage"
	find "$1/files" -type f | grep . || { echo "the patch changes no installed file"; return 1; }
}

# mutants_guest NAME...: as guest_programs: a mutant that kills the guest has failed, the rest goes on.
mutants_guest() {
	local left=("$@") name dir
	while ((${#left[@]})); do
		say "mutants: booting for ${#left[@]} of them"
		rm -f "$LAB_RUN/current"
		cp "$LAB_LIB/guest/mutants" "$LAB_RUN/job"
		printf '%s\n' "${left[@]}" >"$LAB_RUN/mutant-list"
		boot_job $((60 + ${#left[@]} * MUTANTS_SECONDS))
		for name in "${left[@]}"; do
			dir=$LAB_RUN/mutants/$name
			[[ ! -e $dir/results ]] || mutant_judge "$name" "$(<"$dir/seconds")" "$dir"
		done
		[[ $STATUS != 0 ]] || break
		name=$(cat "$LAB_RUN/current" 2>/dev/null) || true
		[[ $name ]] || boot_failed "the guest died between two mutants"
		record fail "mutant/$name" 0 "the guest died or hung of it; a mutant must leave the guest alive"
		show_tail "$LAB_RUN/console" 40
		guest_after "$name" "${left[@]}"
	done
}

# mutant_judge NAME SECONDS DIR: was it the named test that failed, and only with the mutant?
mutant_judge() {
	local program test
	read -r program test < <(mutant_header "$1" Test)
	if [[ -e $3/base/results ]] && ! grep -q "^pass	$program\(\.$test\)\?	" "$3/base/results"; then
		record fail "mutant/$1" "$2" "$program ${test:-} does not pass without it"
		show_tail "$3/base/logs/$program.log" 20
	elif grep -q "^fail	$program\(\.$test\)\?	" "$3/results"; then
		record pass "mutant/$1" "$2" ""
	else
		record fail "mutant/$1" "$2" "survived: $program ${test:-} did not fail with it"
		show_tail "$3/logs/$program.log" 20
	fi
}
