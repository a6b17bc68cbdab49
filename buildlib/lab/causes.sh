# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# `lab causes`: what takes a device's memory away, as a table. The tests are those that `lab test` runs, too.

# Half a minute each on a quiet host.
CAUSES_SECONDS=400

parse_causes() {
	(($# == 0)) || usage_error "causes takes no argument '$1'"
}

cmd_causes() {
	prepare
	cat >"$LAB_RUN/job" <<'END'
tests=/usr/libexec/vfiowc/tests
$tests/causes_idle --list >/lab/run/causes
exec $tests/run-tests /lab/run causes_idle causes_traffic
END
	say "booting the guest"
	boot_job $((CAUSES_SECONDS * BOOT_SLOWNESS)) >"$LAB_RUN/results"
	sed -i $'s,\t,\tguest/,' "$LAB_RUN/results"
	[[ $STATUS ]] || boot_failed "the guest died of a cause, or its time was up"
	in_view python3 /lab/src/buildlib/lab/causes_result.py /lab/run/causes /lab/run/results \
		/lab/run/causes.json || die "the tests ended with status $STATUS before there was a result"
	json_result "$(<"$LAB_RUN/causes.json")"
	guest_show_failed
	! grep -q '"fail"' "$LAB_RUN/causes.json" || die "a cause was not handled as it must be"
}
