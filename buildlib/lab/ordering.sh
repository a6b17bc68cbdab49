# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab ordering`: the ordering contract checked by its model (tests/ordering/run), alone: it needs the root,
# which has the model checker, but neither modules nor a guest. And the suite of that name of `lab test`.

ORDERING_RUN=tests/ordering/run

parse_ordering() {
	local file
	ORDERING_SHOW="" ORDERING_ARGS=()
	while (($#)); do
		case $1 in
		--show) ORDERING_SHOW=1 ;;
		--list) ORDERING_ARGS+=(--list) ;;
		--arch)
			take_value "$@"
			ordering_arch "$2"
			shift
			;;
		--arch=*) ordering_arch "${1#*=}" ;;
		-*) usage_error "ordering does not know '$1'" ;;
		*)
			# O5 is both halves of it.
			file=$(printf '%s\n' "$LAB_TOP/tests/ordering/rules/${1,,}"{,i,t}.pml | while read -r file; do
				[[ ! -e $file ]] || echo "$file"
			done)
			[[ $1 =~ ^[Oo][0-9]+[it]?$ && $file ]] || usage_error "the contract has no rule '$1'"
			ORDERING_ARGS+=(--rule "$1")
			ORDERING_SHOW=1
			;;
		esac
		shift
	done
	[[ $ORDERING_SHOW ]] || ORDERING_ARGS+=(--brief)
}

ordering_arch() {
	[[ $1 == x86-64 || $1 == arm64 ]] || usage_error "--arch is x86-64 or arm64, not '$1'"
	ORDERING_ARGS+=(--arch "$1")
}

cmd_ordering() {
	local status=0
	root_ensure
	# Nothing is built: the checkout needs no build directory.
	TREE_DIR=$LAB_RUN/unused
	view_mount
	say "checking the ordering contract's model"
	if [[ ${LAB_JSON:-} ]]; then
		in_view python3 "/lab/src/$ORDERING_RUN" "${ORDERING_ARGS[@]}" --json >"$LAB_RUN/ordering.json" || status=$?
		# Status 2: it did not start, and has said why.
		[[ ! -s $LAB_RUN/ordering.json ]] || json_result "$(<"$LAB_RUN/ordering.json")"
	else
		in_view python3 "/lab/src/$ORDERING_RUN" "${ORDERING_ARGS[@]}" || status=$?
	fi
	((status < 2)) || die "the model did not start (status $status); stderr says why"
	return $status
}

# The ordering contract, checked by a model (tests/ordering/README.md): one result per rule and case.
ordering_suite() {
	local run=/lab/src/$ORDERING_RUN start=$EPOCHREALTIME
	suite_wanted ordering || return 0
	[[ ! $TEST_FILTER ]] || in_view python3 "$run" --list | tr -s ' ' | sed 's,^,ordering/,' |
		grep -cE -- "$TEST_FILTER" >/dev/null || return 0
	say "ordering: checking the contract's model"
	try ordering in_view python3 "$run" --quiet
	((STATUS < 2)) || record fail ordering/run "$(since "$start")" "did not start: $(tail -n 1 "$LAB_LOG")"
	tr -s ' ' <"$LAB_LOG" | awk -v OFS='\t' -v seconds="$(since "$start")" '
		function flush() { if (kind != "") print kind, name, seconds, reason; kind = reason = "" }
		/^\[ ?[0-9]+\/[0-9]+\] (passed|failed|skipped) / {
			flush()
			sub(/^\[ ?[0-9]+\/[0-9]+\] /, "")
			kind = substr($1, 1, 4)
			name = substr($0, length($1) + 2)
			next
		}
		/^ / && kind != "" && kind != "pass" && reason == "" { reason = substr($0, 2) }
		END { flush() }' | record_lines ordering
}
