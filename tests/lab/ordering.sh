#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# ./lab ordering: its object, its diagrams, and that a broken model or a broken rule is not accepted.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
MIRROR=(${LAB_TEST_MIRROR:+--mirror "$LAB_TEST_MIRROR"})

json_is_one_object_of_the_specified_form() {
	lab "${MIRROR[@]}" ordering O2 O4 O5t O8 O13 O15 --json
	check "status" equal "$CODE" 0
	check "fields" equal "$(python3 "$HERE/ordering_result_check.py" O2 O4 O5t O8 O13 O15 <"$WORK/out")" ""
}

list_with_json_is_one_object_and_covers_every_rule() {
	lab "${MIRROR[@]}" ordering --list --json
	check "object" one_object "$OUT" "{c['id'] for c in o['checks']} == {f'O{n}' for n in range(1, 18) if n != 5} | {'O5i', 'O5t'}"
	check "architectures" one_object "$OUT" "{(c['id'], a) for c in o['checks'] for a in ('x86-64', 'arm64')} == {(c['id'], c['arch']) for c in o['checks']}"
}

counterexample_is_a_diagram_of_lanes() {
	lab "${MIRROR[@]}" ordering O4 --arch x86-64
	check "status" equal "$CODE" 0
	check "what was deleted" contains "$OUT" "diff: -vfiowc_deliver();"
	check "lanes" grep -qE '^ +C0 +\| N +\| D$' "$WORK/out"
	check "C's lane comes first" grep -qE '^ +load B_WORD|^ +store B_DATA=1 \(WC\) +\|' "$WORK/out"
	check "N's and D's are indented" grep -qE '^ +\| +\| read of B_DATA answered: 0' "$WORK/out"
	check "what failed" contains "$OUT" "=> assertion violated (value==1)"
	check "what was late" contains "$OUT" "still under way: B_DATA"
}

# broken FILE SED-SCRIPT: sets up $WORK/tree, this checkout with one file of the model changed.
broken() {
	rm -rf "$WORK/tree"
	mkdir "$WORK/tree"
	(cd "$HERE/../.." && tar -cf - lab buildlib tests/ordering libibverbs) | tar -xf - -C "$WORK/tree"
	sed -i "$2" "$WORK/tree/tests/ordering/$1"
	check "the change to $1 applies" eval '! cmp -s "$HERE/../ordering/$1" "$WORK/tree/tests/ordering/$1"'
}

# rejected RULE WHY: ./lab ordering of the broken tree fails for that reason.
rejected() {
	LAB=$WORK/tree/lab lab "${MIRROR[@]}" ordering "$1" --arch x86-64
	check "status" equal "$CODE" 1
	check "reason" contains "$OUT" "$2"
}

call_without_its_instruction_is_not_accepted() {
	broken machine/calls_x86.pml '/inline vfiowc_wc_flush/,/}/ s/sfence()/skip/'
	rejected O2 "does not hold as it stands: assertion violated"
	check "it shows how" grep -qE '^ +C0 +\| D$' "$WORK/out"
}

machine_that_hides_outcomes_is_not_accepted() {
	broken machine/cpu_x86.pml '/^inline st_wc/,/^}/ s/issue_combining(place, value)/issue(NC, place, value)/'
	rejected O2 "no counterexample without it"
}

observer_that_sees_nothing_is_not_accepted() {
	broken rules/o2.pml 's/mem\[B_BELL\] == 1;/mem[B_BELL] == 9;/'
	rejected O2 "invalid end state"
}

deletion_of_nothing_is_not_accepted() {
	broken rules/o4.pml 's/ifndef DELETE_deliver$/ifndef DELETE_delivery/'
	rejected O4 "changes nothing in the model"
}

claim_that_a_needed_call_is_a_no_op_is_not_accepted() {
	broken rules/o17.pml 's/call arm64 "C loads from H" | DELETE_done_reading refuted/call arm64 "C loads from H" | DELETE_done_reading no-op "so it says"/'
	LAB=$WORK/tree/lab lab "${MIRROR[@]}" ordering O17 --arch arm64 --json
	check "status" equal "$CODE" 1
	check "object" one_object "$OUT" "o['ok'] is False and o['failed'] == 1"
	check "reason" contains "$ERR" "said to be a no-op, but"
}

run_tests json_is_one_object_of_the_specified_form list_with_json_is_one_object_and_covers_every_rule \
	counterexample_is_a_diagram_of_lanes call_without_its_instruction_is_not_accepted \
	machine_that_hides_outcomes_is_not_accepted observer_that_sees_nothing_is_not_accepted \
	deletion_of_nothing_is_not_accepted claim_that_a_needed_call_is_a_no_op_is_not_accepted
