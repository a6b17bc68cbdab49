# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab defects`: can the tests fail? Each tests/defects/NAME.patch switches one defect on. Its first lines:
#
#   Component: kernel | userspace
#   Test: PROGRAM TESTNAME     a unit test program, or one of the guest's
#   Why: one line
#
# A defect's build is an overlay over the checkout and its build directory, at the same paths: only what the
# patch touches is compiled again, and nothing of the real ones changes. All defects share one boot: the
# guest swaps the files in, reloads the modules, runs the program, and puts the undamaged files back.

# Those that `lab test` runs without --long, one name a line.
DEFECTS_CI=$LAB_TOP/tests/defects/ci
# The guest's bound for one of them; the test program alone has 120 s.
DEFECTS_SECONDS=150

parse_defects() {
	DEFECTS_LIST="" DEFECTS=()
	while (($#)); do
		case $1 in
		--list) DEFECTS_LIST=1 ;;
		-*) usage_error "defects does not know '$1'" ;;
		*)
			[[ -e $LAB_TOP/tests/defects/${1%.patch}.patch ]] ||
				usage_error "there is no defect '$1'; './lab defects --list' shows them"
			DEFECTS+=("$(basename "${1%.patch}")")
			;;
		esac
		shift
	done
}

defects_all() {
	local file
	for file in "$LAB_TOP"/tests/defects/*.patch; do
		[[ ! -e $file ]] || basename "$file" .patch
	done
}

# defect_header NAME FIELD
defect_header() {
	sed -nE "/^(---|diff)/q; s/^$2: *//p" "$LAB_TOP/tests/defects/$1.patch"
}

cmd_defects() {
	local name
	((${#DEFECTS[@]})) || mapfile -t DEFECTS < <(defects_all)
	if [[ $DEFECTS_LIST ]]; then
		for name in "${DEFECTS[@]}"; do
			printf '%-44s %-44s %s\n' "$name" "$(defect_header "$name" Test)" "$(defect_header "$name" Why)"
		done
		json_result "$(json_object ok true defects "$(json_array "${DEFECTS[@]}")")"
		return
	fi
	TEST_FILTER=""
	: >"$LAB_RUN/results"
	prepare
	touch "$LAB_RUN/defects-base"
	defects_run "${DEFECTS[@]}"
	test_summary
}

# The part of `lab test`.
defects_suite() {
	local names=() name
	suite_wanted defect || return 0
	if [[ $TEST_LONG ]]; then
		mapfile -t names < <(defects_all)
	else
		mapfile -t names < <(sed 's/#.*//; /^ *$/d' "$DEFECTS_CI")
	fi
	DEFECTS=()
	for name in "${names[@]}"; do
		wanted "defect/$name" && DEFECTS+=("$name")
	done
	((${#DEFECTS[@]} == 0)) || defects_run "${DEFECTS[@]}"
}

# defects_run NAME...: one result each: pass when the named test failed with the defect.
defects_run() {
	local name guest=() start
	for name; do
		start=$EPOCHREALTIME
		say "defect $name: building"
		mkdir -p "$LAB_RUN/defects/$name/base"
		[[ ! -e $LAB_RUN/defects-base ]] || try "defect-base-$name" defect_base_unit "$name"
		defect_mount "$name"
		try "defect-$name" defect_build "$name"
		defect_unmount
		if ((STATUS)); then
			record fail "defect/$name" "$(since "$start")" "cannot be built: the patch or the code is out of date"
			show_tail "$LAB_LOG" 20
		elif [[ -e $LAB_RUN/defects/$name/results ]]; then
			defect_judge "$name" "$(since "$start")" "$LAB_RUN/defects/$name"
		else
			guest+=("$name")
		fi
	done
	((${#guest[@]} == 0)) || defects_guest "${guest[@]}"
}

# defect_base_unit NAME: the results of its unit test without the defect, if it is a unit test.
defect_base_unit() {
	local program
	read -r program _ < <(defect_header "$1" Test)
	if defect_is_unit "$program"; then
		defect_run_unit "$LAB_RUN/defects/$1/base" "$program"
	fi
}

defect_is_unit() {
	in_view ctest --test-dir /lab/build/release -N | grep -E "^ *Test +#[0-9]+: $1\$"
}

# The overlays: writes go to src/ and out/ of the defect's directory, which then hold what has changed.
defect_mount() {
	local dir=$LAB_RUN/defects/$1
	mkdir -p "$dir"/{files,src,srcwork,out,outwork}
	take_lock "$TREE_LOCK" exclusive "it builds this checkout"
	mount -t overlay -o "userxattr,lowerdir=$LAB_TOP,upperdir=$dir/src,workdir=$dir/srcwork" src "$VIEW/lab/src"
	mount -t overlay -o "userxattr,lowerdir=$TREE_DIR,upperdir=$dir/out,workdir=$dir/outwork" out "$VIEW/lab/build"
}

defect_unmount() {
	umount "$VIEW/lab/src" "$VIEW/lab/build"
	drop_lock "$LAB_LOCK"
}

# defect_build NAME: leaves in the defect's directory either files/, laid over the guest's, or the results and
# the log of a unit test.
defect_build() {
	local dir=$LAB_RUN/defects/$1 program
	read -r program _ < <(defect_header "$1" Test)
	[[ $program ]]
	defect_header "$1" Test >"$dir/test"
	in_view patch --directory=/lab/src --strip=1 --no-backup-if-mismatch <"$LAB_TOP/tests/defects/$1.patch"
	case $(defect_header "$1" Component) in
	kernel)
		build_modules /lab/src /lab/build
		defect_take_modules "$dir"
		;;
	userspace)
		build_userspace /lab/src /lab/build/release release
		if defect_is_unit "$program"; then
			defect_run_unit "$dir" "$program"
		else
			defect_take_files "$dir" "/lab/run/defects/$1/stage"
		fi
		;;
	*)
		echo "Component: is neither kernel nor userspace"
		return 1
		;;
	esac
}

# All of them: two modules that share a changed header must stay a pair.
defect_take_modules() {
	local updates=$1/files/usr/lib/modules/$KERNEL/updates/vfiowc
	[[ $(find "$1/out" -name "*.ko" -print -quit) ]] || { echo "the patch changes no module"; return 1; }
	mkdir -p "$updates"
	find "$VIEW/lab/build/kernel" "$VIEW/lab/build/test-modules" -name '*.ko' -exec cp -t "$updates" {} +
}

defect_run_unit() {
	local status=0
	mkdir -p "$1/logs"
	unit_run /lab/build/release "$2" >"$1/logs/$2.log" 2>&1 || status=$?
	awk -v program="$2" -v status="$status" -f "$LAB_TOP/tests/guest/tap.awk" "$1/logs/$2.log" >"$1/results"
}

# What an installation of the defective build has that differs from the real one.
defect_take_files() {
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

# defects_guest NAME...: as guest_programs: a defect that kills the guest has failed, the rest goes on.
defects_guest() {
	local left=("$@") name dir
	while ((${#left[@]})); do
		say "defects: booting for ${#left[@]} of them"
		rm -f "$LAB_RUN/current"
		cp "$LAB_LIB/guest/defects" "$LAB_RUN/job"
		printf '%s\n' "${left[@]}" >"$LAB_RUN/defect-list"
		boot_job $((60 + ${#left[@]} * DEFECTS_SECONDS))
		for name in "${left[@]}"; do
			dir=$LAB_RUN/defects/$name
			[[ ! -e $dir/results ]] || defect_judge "$name" "$(<"$dir/seconds")" "$dir"
		done
		[[ $STATUS != 0 ]] || break
		name=$(cat "$LAB_RUN/current" 2>/dev/null) || true
		[[ $name ]] || boot_failed "the guest died between two defects"
		record fail "defect/$name" 0 "the guest died or hung of it; a defect must leave the guest alive"
		show_tail "$LAB_RUN/console" 40
		guest_after "$name" "${left[@]}"
	done
}

# defect_judge NAME SECONDS DIR: was it the named test that failed, and only with the defect?
defect_judge() {
	local program test
	read -r program test < <(defect_header "$1" Test)
	if [[ -e $3/base/results ]] && ! grep -q "^pass	$program\(\.$test\)\?	" "$3/base/results"; then
		record fail "defect/$1" "$2" "$program ${test:-} does not pass without it"
		show_tail "$3/base/logs/$program.log" 20
	elif grep -q "^fail	$program\(\.$test\)\?	" "$3/results"; then
		record pass "defect/$1" "$2" ""
	else
		record fail "defect/$1" "$2" "survived: $program ${test:-} did not fail with it"
		show_tail "$3/logs/$program.log" 20
	fi
}
