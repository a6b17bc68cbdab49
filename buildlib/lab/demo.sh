# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab demo`: the walk-through in the guest, and the witness outside it.

DEMO_SEED_MAX=18446744073709551615

parse_demo() {
	DEMO_SEED=1
	while (($#)); do
		case $1 in
		--seed)
			take_value "$@"
			DEMO_SEED=$2
			shift
			;;
		--seed=*) DEMO_SEED=${1#*=} ;;
		*) usage_error "demo does not know '$1'" ;;
		esac
		shift
	done
	# Compared as text of equal length: the shell's integers are signed.
	# shellcheck disable=SC2071
	if [[ ! $DEMO_SEED =~ ^[0-9]{1,20}$ || (${#DEMO_SEED} -eq 20 && $DEMO_SEED > $DEMO_SEED_MAX) ]]; then
		usage_error "--seed wants an integer from 0 to $DEMO_SEED_MAX, not '$DEMO_SEED'"
	fi
}

cmd_demo() {
	local status
	prepare
	say "booting the guest"
	demo_guest "$DEMO_SEED"
	status=$STATUS
	[[ $status ]] || boot_failed "the guest died during the walk-through"
	[[ -s $LAB_RUN/demo.json ]] || die "the walk-through ended with status $status before it had a result"
	demo_witness "$DEMO_SEED"
	demo_print_witness
	json_result "$(<"$LAB_RUN/demo.result.json")"
	if ((status != 0 || DEMO_WITNESS != 0)); then
		die "the walk-through failed: $(demo_reason "$status")"
	fi
	say "the walk-through succeeded, seed $DEMO_SEED"
}

demo_reason() {
	if (($1 != 0)); then
		echo "a step in the guest (above)"
	else
		echo "the BAR's file does not hold what the steps say"
	fi
}

# demo_guest SEED: sets STATUS; the result is demo.json of this run, the BAR's file stays in bars/.
demo_guest() {
	cat >"$LAB_RUN/job" <<END
exec vfiowc demo --exporter $DEVICES_EXPORTER --bar $DEVICES_EXPORTER_BAR --rdma vfiowc0 \
	--seed $1 --json-file /lab/run/demo.json
END
	rm -f "$LAB_RUN"/demo*.json
	boot_job $((300 * BOOT_SLOWNESS))
}

# demo_witness SEED: sets DEMO_WITNESS, 0 when the file holds what it must; writes demo.result.json.
demo_witness() {
	local file=bars/$DEVICES_EXPORTER_FILE
	DEMO_WITNESS=0
	in_view python3 /lab/src/tools/witness/vfiowc-witness --json --seed "$1" --bar-file "/lab/run/$file" \
		--bytes "$(stat -c %s "$LAB_RUN/$file")" >"$LAB_RUN/witness.json" || DEMO_WITNESS=$?
	in_view python3 /lab/src/buildlib/lab/demo_result.py /lab/run/demo.json /lab/run/witness.json \
		"$KERNEL_PACKAGE" "$ACCEL" >"$LAB_RUN/demo.result.json"
}

demo_print_witness() {
	if ((DEMO_WITNESS == 0)); then
		printf 'Witness: after the guest ended, the file behind the BAR holds exactly what seed and steps say.\n'
	else
		printf 'Witness: the file behind the BAR does NOT hold what seed and steps say.\n'
	fi
	sed -nE 's/^ *"(file_sha256|expected_sha256)": "([0-9a-f]*)".*/  \1 \2/p' "$LAB_RUN/demo.result.json"
}
