# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab perf`: perftest on host memory and on slices, over the software device and rxe, as ratios.

# A guest that is emulated on a loaded host is slow; the measuring itself is meant to end within eight minutes.
PERF_SECONDS=1200

parse_perf() {
	PERF_ROUNDS=7
	while (($#)); do
		case $1 in
		--rounds)
			take_value "$@"
			PERF_ROUNDS=$2
			shift
			;;
		--rounds=*) PERF_ROUNDS=${1#*=} ;;
		*) usage_error "perf does not know '$1'" ;;
		esac
		shift
	done
	# One round has no spread, and without a spread there is no interval.
	if [[ ! $PERF_ROUNDS =~ ^[0-9]{1,3}$ ]] || ((10#$PERF_ROUNDS < 2)); then
		usage_error "--rounds wants an integer from 2 to 999, not '$PERF_ROUNDS'"
	fi
}

cmd_perf() {
	prepare
	cp "$LAB_LIB"/guest/perf{,_ratios}.py "$LAB_RUN"
	cat >"$LAB_RUN/job" <<END
exec python3 /lab/run/perf.py --exporter $DEVICES_EXPORTER --bar $DEVICES_EXPORTER_BAR \
	--big $DEVICES_BIG --big-bar $DEVICES_BIG_BAR --rounds $PERF_ROUNDS \
	--kernel-package $(printf %q "$KERNEL_PACKAGE") --accel $ACCEL --out /lab/run/perf.json
END
	say "booting the guest; keep this host quiet, what disturbs it widens the intervals"
	boot_job $((PERF_SECONDS * BOOT_SLOWNESS))
	[[ $STATUS ]] || boot_failed "the guest died, or its time was up, before all was measured"
	[[ -s $LAB_RUN/perf.json ]] || die "measuring ended with status $STATUS before there was a result"
	json_result "$(<"$LAB_RUN/perf.json")"
	((STATUS == 0)) || die "runs with tags and without could not be shown to be equally fast within the margin; software ignores tags, so measure again on a quiet host"
	say "measured"
}
