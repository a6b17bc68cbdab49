# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab mutants`: can the tests fail? Each tests/mutants/NAME.patch is one small mutation of the source. It begins with
#
#   Kind: one of MUTANTS_KINDS, what was taken away or mixed up
#   Test: PROGRAM TESTNAME     the test that kills it: a unit test program, or one of the guest's
#   Why: one line
#
# Its component follows from the first file it changes. A mutant that the named test does not kill is run
# against the other test programs of its component before it counts as a survivor. One that no test can kill,
# because it behaves as the source does, stands in tests/mutants/equivalent with the reason.
#
# Verdicts are kept in the cache under the hash of everything that decides them, so that a run that was cut
# off goes on where it was. This file chooses and reports; mutants_build.sh builds, mutants_run.sh runs.

# Those that `lab test` runs without --long, one name a line.
MUTANTS_CI=$LAB_TOP/tests/mutants/ci
MUTANTS_EQUIVALENT=$LAB_TOP/tests/mutants/equivalent
MUTANTS_COMPONENTS="pci rdma library plugin tools"
MUTANTS_KINDS="access acquire bounds data errno event flush index interface lock memtype namespace"
MUTANTS_KINDS+=" reference relaxed report rights state tag validation wait zap"

parse_mutants() {
	MUTANTS_LIST="" MUTANTS_FRESH="" MUTANTS_COMPONENT="" MUTANTS_KIND="" MUTANTS=()
	while (($#)); do
		case $1 in
		--list) MUTANTS_LIST=1 ;;
		--fresh) MUTANTS_FRESH=1 ;;
		--component | --kind)
			take_value "$@"
			parse_mutants_value "$1" "$2"
			shift
			;;
		--component=* | --kind=*) parse_mutants_value "${1%%=*}" "${1#*=}" ;;
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

parse_mutants_value() {
	local known=$MUTANTS_KINDS
	[[ $1 != --component ]] || known=$MUTANTS_COMPONENTS
	[[ " $known " == *" $2 "* ]] || usage_error "$1 is one of: $known; not '$2'"
	if [[ $1 == --component ]]; then
		MUTANTS_COMPONENT=$2
	else
		MUTANTS_KIND=$2
	fi
}

# mutants_load: fills M_COMPONENT, M_KIND, M_TEST and M_WHY, by name, and M_NAMES, sorted.
mutants_load() {
	local name component kind program test why
	declare -gA M_COMPONENT=() M_KIND=() M_TEST=() M_WHY=() M_EQUIVALENT=()
	M_NAMES=()
	while IFS='|' read -r name component kind test why; do
		M_NAMES+=("$name")
		M_COMPONENT[$name]=$component M_KIND[$name]=$kind M_TEST[$name]=$test M_WHY[$name]=$why
	done < <(awk -f "$LAB_LIB/mutants.awk" "$LAB_TOP"/tests/mutants/*.patch)
	while IFS= read -r name; do
		[[ ! $name || $name == '#'* ]] || M_EQUIVALENT[${name%%: *}]=${name#*: }
	done <"$MUTANTS_EQUIVALENT"
}

# mutants_choose NAME...: sets MUTANTS to those of them that the options want.
mutants_choose() {
	local name
	MUTANTS=()
	for name; do
		[[ ! $MUTANTS_COMPONENT || ${M_COMPONENT[$name]} == "$MUTANTS_COMPONENT" ]] || continue
		[[ ! $MUTANTS_KIND || ${M_KIND[$name]} == "$MUTANTS_KIND" ]] || continue
		MUTANTS+=("$name")
	done
	((${#MUTANTS[@]})) || die "no mutant is of this component and kind"
}

cmd_mutants() {
	local name
	mutants_load
	((${#MUTANTS[@]})) || MUTANTS=("${M_NAMES[@]}")
	mutants_choose "${MUTANTS[@]}"
	if [[ $MUTANTS_LIST ]]; then
		for name in "${MUTANTS[@]}"; do
			printf '%-8s %-10s %-44s %-44s %s\n' "${M_COMPONENT[$name]}" "${M_KIND[$name]}" "$name" \
				"${M_TEST[$name]}" "${M_WHY[$name]}"
		done
		json_result "$(json_object ok true mutants "$(json_array "${MUTANTS[@]}")")"
		return
	fi
	TEST_FILTER=""
	: >"$LAB_RUN/results"
	prepare
	mutants_run "${MUTANTS[@]}"
	mutants_summary
}

# The part of `lab test`.
mutants_suite() {
	local names=() name
	suite_wanted mutant || return 0
	mutants_load
	MUTANTS_FRESH=1
	if [[ $TEST_LONG ]]; then
		names=("${M_NAMES[@]}")
		MUTANTS_FRESH=""
	else
		mapfile -t names < <(sed 's/#.*//; /^ *$/d' "$MUTANTS_CI")
	fi
	MUTANTS=()
	for name in "${names[@]}"; do
		wanted "mutant/$name" && MUTANTS+=("$name")
	done
	((${#MUTANTS[@]} == 0)) || mutants_run "${MUTANTS[@]}"
	[[ $TEST_FILTER ]] || mutants_tests_there
}

# Many names of tests are made by macros, so that only a run of all programs tells whether each that a patch names
# exists: with a name that does not, the mutant would be tried against nothing.
mutants_tests_there() {
	local missing
	missing=$(mutants_tests_missing)
	if [[ $missing ]]; then
		record fail mutant/every_named_test_is_there 0 "no such test: ${missing//$'\n'/, }"
	else
		record pass mutant/every_named_test_is_there 0 ""
	fi
}

# The tests named that are not among the results. Those of long_* run with --long only; no_object_is_left is a
# result where it fails only.
mutants_tests_missing() {
	local name test
	for name in "${M_NAMES[@]}"; do
		test=${M_TEST[$name]/ /.}
		[[ $test == *.no_object_is_left || ($test == long_* && ! $TEST_LONG) ]] || echo "$test"
	done | sort -u | grep -vxFf <(sed -nE 's,^[a-z]*\t(guest|unit-gcc)/([^\t]*)\t.*,\2,p' "$LAB_RUN/results") || true
}

# mutants_summary: the object or the last line; fails when there is a survivor, or a mutant that could not be tried.
mutants_summary() {
	local name killer seconds killed=0 equivalent=0 failed=0 sep="" list="" reason
	for name in "${MUTANTS[@]}"; do
		killer="" seconds=0
		[[ ! -s $MUTANTS_CACHE/$name ]] || IFS=$'\t' read -r killer seconds <"$MUTANTS_CACHE/$name"
		reason=${M_EQUIVALENT[$name]:-}
		if [[ $killer && $killer != - ]]; then
			((++killed))
		elif [[ $killer && $reason ]]; then
			((++equivalent))
		else
			((++failed))
		fi
		[[ ! ${LAB_JSON:-} ]] || list+=$sep$(json_object name "$(json_string "$name")" \
			component "\"${M_COMPONENT[$name]}\"" kind "\"${M_KIND[$name]}\"" \
			killed_by "$(json_or_null "${killer#-}")" equivalent "$(json_or_null "$reason")")
		sep=', '
	done
	if grep -q ^fail "$LAB_RUN/results"; then
		printf '\nFailed:\n'
		sed -nE 's,^fail\tmutant/([^\t]*)\t[^\t]*\t(.*),  \1: \2,p' "$LAB_RUN/results"
	fi
	json_result "$(json_object ok "$( ((failed)) && echo false || echo true)" mutants "[$list]" \
		killed "$killed" equivalent "$equivalent" total "${#MUTANTS[@]}")"
	printf '%d of %d killed, %d equivalent, %d left\n' "$killed" "${#MUTANTS[@]}" "$equivalent" "$failed"
	((failed == 0)) || exit 1
}

json_or_null() {
	if [[ $1 ]]; then
		json_string "$1"
	else
		printf null
	fi
}

# mutants_key: the hash of what decides a verdict, but for the patch itself.
mutants_key() {
	{
		echo "${ROOT_DIR##*/}"
		cd "$LAB_TOP" || return
		static_files '^(kernel|kernel-headers|libibverbs|providers|tools|examples|tests/(unit|guest))/' |
			sort | tr '\n' '\0' | xargs -0 sha256sum
	} | hash_text
}

# mutant_verdict NAME KILLER SECONDS: keeps it and records it. KILLER is "-" when nothing killed it.
mutant_verdict() {
	printf '%s\t%s\n' "$2" "$3" >"$MUTANTS_CACHE/$1.new"
	mv "$MUTANTS_CACHE/$1.new" "$MUTANTS_CACHE/$1"
	mutant_record "$@"
}

mutant_record() {
	local reason=${M_EQUIVALENT[$1]:-} by=$2 named=${M_TEST[$1]/ /.}
	if [[ $by == - && $reason ]]; then
		record pass "mutant/$1" "$3" "equivalent: $reason"
	elif [[ $by == - ]]; then
		record fail "mutant/$1" "$3" "survived every test of its component"
	elif [[ $reason ]]; then
		record fail "mutant/$1" "$3" "$by kills it, so that it is not equivalent"
	else
		[[ $by == "$named" ]] || by+=", not by $named"
		record pass "mutant/$1" "$3" "killed by $by"
	fi
}

# Patches that do the same as another one, and for the same test: they would count twice.
mutants_twice() {
	awk 'function flush() {
			if (change in first)
				print name " is " first[change] " once more"
			first[change] = name
		}
		FNR == 1 { if (name) flush(); name = FILENAME; change = "" }
		!/^(@@|Kind: |Why: )/ { change = change "\n" $0 }
		END { flush() }' "$LAB_TOP"/tests/mutants/*.patch | sed "s,$LAB_TOP/,,g"
}

# Do all patches have their headers, do they apply where they were made for, and is everything that is listed
# there? A static check.
mutants_check() {
	local name bad=0
	mutants_load
	for name in "${M_NAMES[@]}"; do
		if [[ " $MUTANTS_COMPONENTS " != *" ${M_COMPONENT[$name]} "* ]]; then
			echo "tests/mutants/$name.patch changes no component that is known"
			bad=1
		fi
		if [[ ! ${M_KIND[$name]} || " $MUTANTS_KINDS " != *" ${M_KIND[$name]} "* ]]; then
			echo "tests/mutants/$name.patch: 'Kind: ${M_KIND[$name]}' is none of: $MUTANTS_KINDS"
			bad=1
		fi
		if [[ ! ${M_TEST[$name]} || ! ${M_WHY[$name]} ]]; then
			echo "tests/mutants/$name.patch lacks 'Test:' or 'Why:'"
			bad=1
		fi
	done
	while read -r name; do
		if [[ ! ${M_KIND[$name]:-} ]]; then
			echo "there is no tests/mutants/$name.patch, though it is listed"
			bad=1
		fi
	done < <(sed 's/#.*//; /^ *$/d' "$MUTANTS_CI"; printf '%s\n' "${!M_EQUIVALENT[@]}" | sed '/^$/d')
	name=$(mutants_twice)
	if [[ $name ]]; then
		echo "$name"
		bad=1
	fi
	in_view bash -c 'cd /lab/src; for patch in tests/mutants/*.patch; do
		patch --dry-run --force --fuzz=0 --strip=1 <"$patch" >/tmp/out 2>&1 && continue
		echo "$patch does not apply:"; cat /tmp/out; bad=1
		done; exit ${bad:-0}' || bad=1
	return $bad
}
