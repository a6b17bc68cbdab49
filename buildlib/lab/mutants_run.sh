# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# Running mutants. A unit test runs at once. For the guest's tests many mutants share one boot: the guest swaps
# the files in, reloads the modules, runs the program and puts the unchanged files back. While it is at that,
# the next ones are built.

# A boot takes as many as this; the first one less, so that the guest need not wait.
MUTANTS_CHUNK=40
MUTANTS_FIRST_CHUNK=12
# The guest's bound for one of them; a test program alone has 120 s.
MUTANTS_SECONDS=150

# The test programs that may kill a mutant of a component, the named one apart.
declare -A MUTANTS_PROGRAMS=(
	[pci]='^(exporter|lib|demo)_' [rdma]='^(rdma|lib|perf)_' [library]='^(unit|lib)_'
	[plugin]='^(unit_provider|unit_(arm64_)?ring_|rdma_)' [tools]='^(demo|perf|run|tlp|preload)'
)

# mutants_run NAME...: a verdict and a result each.
mutants_run() {
	local name todo=() survivors=()
	mutants_prepare
	for name; do
		if [[ ! $MUTANTS_FRESH && -s $MUTANTS_CACHE/$name ]]; then
			IFS=$'\t' read -r killer seconds <"$MUTANTS_CACHE/$name"
			mutant_record "$name" "$killer" "$seconds"
		else
			rm -f "$MUTANTS_CACHE/$name"
			todo+=("$name")
		fi
	done
	((${#todo[@]})) || return 0
	mutants_base "${todo[@]}"
	mutants_named "${todo[@]}"
	mapfile -t survivors <"$LAB_RUN/mutants.survivors"
	((${#survivors[@]} == 0)) || mutants_others "${survivors[@]}"
}

mutants_prepare() {
	local names
	MUTANTS_UNITS=$(mutants_units | tr '\n' ' ')
	names=$(cd "$LAB_RUN/stage/usr/libexec/vfiowc/tests" && printf '%s\n' * | grep -vE '^(run-tests|(long|boot)_.*)$|\.(awk|inc)$')
	MUTANTS_GUEST=$(tr '\n' ' ' <<<"$names")
	MUTANTS_CACHE=$LAB_CACHE/mutants/$(mutants_key)
	mkdir -p "$MUTANTS_CACHE" "$LAB_RUN/mutants"
	find "$LAB_CACHE/mutants" -mindepth 1 -maxdepth 1 -mtime +14 -exec rm -rf {} +
	: >"$LAB_RUN/mutants.survivors"
	: >"$LAB_RUN/mutants.base"
}

# mutants_base NAME...: what the tests they name do without them, for what fails then proves nothing. Of a program
# that few of them name only those tests are run.
mutants_base() {
	local name names program programs tests BASE_ENTRIES=()
	tests=$(for name; do echo "${M_TEST[$name]}"; done | sort -u)
	mapfile -t programs < <(cut -d' ' -f1 <<<"$tests" | sort -u)
	for program in "${programs[@]}"; do
		if (($(grep -c "^$program\( \|\$\)" <<<"$tests") <= 3)); then
			mapfile -t names < <(sed -nE "s/^$program( |$)//p" <<<"$tests")
			mutants_base_of "$program" "${names[@]}"
		else
			mutants_base_of "$program"
		fi
	done
	mutants_base_run
}

# mutants_base_of PROGRAM [TEST...]: takes what is known already, runs a unit test, notes what the guest has to run.
mutants_base_of() {
	local program=$1 test
	shift
	if grep -qE "^(pass|fail)	(guest|unit-gcc)/${program}[.	]" "$LAB_RUN/results"; then
		sed -nE "s,^(pass|fail)\t(guest|unit-gcc)/(${program}[.\t]),\1\t\3,p" "$LAB_RUN/results" >>"$LAB_RUN/mutants.base"
	elif [[ ! $MUTANTS_FRESH && -s $MUTANTS_CACHE/base/$program ]]; then
		cat "$MUTANTS_CACHE/base/$program" >>"$LAB_RUN/mutants.base"
	elif mutant_is_unit "$program"; then
		try "mutants-base-$program" mutant_unit "$LAB_RUN/mutants/base-$program" "$program"
		mutant_base_take "base-$program"
	elif (($# == 0)); then
		mutant_entry "base-$program" "$program"
		BASE_ENTRIES+=("base-$program")
	else
		for test; do
			mutant_entry "base-$program-$test" "$program" "$test"
			BASE_ENTRIES+=("base-$program-$test")
		done
	fi
}

mutants_base_run() {
	((${#BASE_ENTRIES[@]} == 0)) || mutants_guest "${BASE_ENTRIES[@]}"
	sed -nE 's/^fail\t([^\t]*).*/\1/p' "$LAB_RUN/mutants.base" >"$LAB_RUN/mutants.base-failed"
}

# mutant_base_take ENTRY: results of the tree itself; those of whole programs are kept.
mutant_base_take() {
	local results=$LAB_RUN/mutants/$1/results
	cat "$results" >>"$LAB_RUN/mutants.base"
	if [[ ! -s $LAB_RUN/mutants/$1/entry || $(<"$LAB_RUN/mutants/$1/entry") != *" "* ]]; then
		mkdir -p "$MUTANTS_CACHE/base"
		cp "$results" "$MUTANTS_CACHE/base/${1#base-}"
	fi
}

# mutant_entry NAME PROGRAMS [TEST]: what the guest is to run for it; PROGRAMS are separated by commas.
mutant_entry() {
	mkdir -p "$LAB_RUN/mutants/$1"
	echo "${*:2}" >"$LAB_RUN/mutants/$1/entry"
}

# The first round: each against the test that its patch names. The guest's first, so that it has work while
# the others are built.
mutants_named() {
	local name program test chunk=() size=$MUTANTS_FIRST_CHUNK unit=() booted=""
	for name; do
		read -r program test <<<"${M_TEST[$name]}"
		if mutant_is_unit "$program"; then
			unit+=("$name")
			continue
		fi
		mutant_entry "$name" "$program" "$test"
		mutant_make "$name" "$program"
		((STATUS == 0)) || continue
		chunk+=("$name")
		if ((${#chunk[@]} >= size)); then
			mutants_wait "$booted"
			mutants_guest "${chunk[@]}" & booted=$!
			chunk=() size=$MUTANTS_CHUNK
		fi
	done
	mutants_wait "$booted"
	booted=""
	if ((${#chunk[@]})); then
		mutants_guest "${chunk[@]}" & booted=$!
	fi
	for name in "${unit[@]}"; do
		read -r program test <<<"${M_TEST[$name]}"
		mutant_make "$name" "$program"
		((STATUS)) || mutant_judge "$name"
	done
	mutants_wait "$booted"
}

mutants_wait() {
	[[ ! $1 ]] || wait "$1" || die "a boot for mutants failed"
}

# mutant_make NAME PROGRAM...: STATUS tells whether there is something to be run in the guest or to be judged.
mutant_make() {
	local name=$1 start=$EPOCHREALTIME
	say "mutant $name: building"
	mkdir -p "$LAB_RUN/mutants/$name"
	rm -f "$LAB_RUN/mutants/$name/results"
	mutant_mount "$name"
	try "mutant-$name" mutant_build "$@"
	mutant_unmount "$name"
	since "$start" >"$LAB_RUN/mutants/$name/seconds"
	if ((STATUS)); then
		record fail "mutant/$name" "$(since "$start")" "cannot be built: the patch or the code is out of date"
		show_tail "$LAB_LOG" 20
	fi
}

# The second round: those that the named test let live, against all programs that may know their component.
mutants_others() {
	local name program programs guest=() entry BASE_ENTRIES=()
	say "mutants: ${#} survived the tests they name; trying the others"
	for name; do
		programs=""
		touch "$LAB_RUN/mutants/$name/all"
		for program in $MUTANTS_UNITS $MUTANTS_GUEST; do
			[[ $program =~ ${MUTANTS_PROGRAMS[${M_COMPONENT[$name]}]} ]] || continue
			[[ ${M_COMPONENT[$name]} != @(pci|rdma) ]] || ! mutant_is_unit "$program" || continue
			programs+=" $program"
		done
		# shellcheck disable=SC2086
		mutant_make "$name" $programs
		((STATUS == 0)) || continue
		if [[ $(mutant_killer "$LAB_RUN/mutants/$name" "") ]]; then
			mutant_judge "$name"
			continue
		fi
		entry=""
		for program in $programs; do
			mutant_is_unit "$program" && continue
			entry+=${entry:+,}$program
			grep -qE "^base-$program\$" <<<"$(printf '%s\n' "${BASE_ENTRIES[@]}")" ||
				[[ -s $MUTANTS_CACHE/base/$program ]] || mutants_base_of "$program"
		done
		mutant_entry "$name" "$entry"
		guest+=("$name")
	done
	mutants_base_run
	((${#guest[@]} == 0)) || mutants_guest "${guest[@]}"
}

# mutants_guest NAME...: the entries of these in as many boots as it takes. What kills the guest is tried once
# more, and when the guest dies again, it was killed: by the program at which that happened.
mutants_guest() {
	local left=("$@") name lines reader programs=0
	for name; do
		programs=$((programs + $(tr -cd , <"$LAB_RUN/mutants/$name/entry" | wc -c) + 1))
	done
	while ((${#left[@]})); do
		say "mutants: booting for ${#left[@]} of them"
		rm -f "$LAB_RUN/current"
		cp "$LAB_LIB/guest/mutants" "$LAB_RUN/job"
		for name in "${left[@]}"; do
			echo "$name $(<"$LAB_RUN/mutants/$name/entry")"
		done >"$LAB_RUN/mutant-list"
		exec {lines}> >(while read -r name; do mutant_back "$name"; done)
		reader=$!
		BOOT_CMDLINE=$TEST_CMDLINE boot_job $(((120 + programs * MUTANTS_SECONDS) * BOOT_SLOWNESS)) >&"$lines"
		exec {lines}>&-
		wait "$reader" || true
		[[ $STATUS != 0 ]] || break
		name=$(cat "$LAB_RUN/current" 2>/dev/null) || true
		[[ $name ]] || boot_failed "the guest died between two mutants"
		guest_after "$name" "${left[@]}"
		# 3: it has been judged, but something of it cannot be unloaded or killed. 4: its turn has not come.
		if [[ $STATUS == 4 ]]; then
			left+=("$name")
		elif [[ $STATUS == 3 ]]; then
			continue
		elif [[ -e $LAB_RUN/mutants/$name/died ]]; then
			printf 'fail\t%s\n' "the guest died in ${M_TEST[$name]:-$name}" >"$LAB_RUN/mutants/$name/results"
			mutant_back "$name"
		else
			touch "$LAB_RUN/mutants/$name/died"
			left+=("$name")
		fi
	done
}

# mutant_back NAME: the guest is through with it.
mutant_back() {
	if [[ $1 == base-* ]]; then
		mutant_base_take "$1"
	else
		mutant_judge "$1"
	fi
}

# mutant_killer DIR NAMED: the test that failed with the mutant and not without it, the named one if it is among them.
mutant_killer() {
	[[ -e $1/results ]] || return 0
	awk -F'\t' -v named="$2" -v base="$LAB_RUN/mutants.base-failed" '
		BEGIN { while ((getline line <base) > 0) bad[line] = 1 }
		$1 == "fail" && !($2 in bad) { if (killer == "" || $2 == named) killer = $2 }
		END { print killer }' "$1/results"
}

# mutant_judge NAME: a verdict, or another round.
mutant_judge() {
	local name=$1 dir=$LAB_RUN/mutants/$1 killer
	killer=$(mutant_killer "$dir" "${M_TEST[$1]/ /.}")
	if [[ -e $dir/broken ]]; then
		record fail "mutant/$name" 0 "its module cannot be loaded: it says nothing about the tests"
	elif [[ $killer ]]; then
		mutant_verdict "$name" "$killer" "$(<"$dir/seconds")"
	elif [[ -e $dir/all || ${M_EQUIVALENT[$name]:-} ]]; then
		mutant_verdict "$name" - "$(<"$dir/seconds")"
	else
		echo "$name" >>"$LAB_RUN/mutants.survivors"
		return 0
	fi
	rm -rf "$dir/files"
}
