#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Debian's perftest programs on the software device, on every service they know. A run counts when both sides
# ended well and the client printed a row of its table; each figure must be positive.
dir=$(dirname -- "$(readlink -f -- "$0")")/../conformance
# shellcheck source=tests/guest/conformance/device.bash
. "$dir/device.bash"
# shellcheck source=tests/guest/conformance/pair.bash
. "$dir/pair.bash"
device_up || exit
trap device_down EXIT

# measured PROGRAM SERVICE BYTES
measured() {
	local name
	name=$1_$(tr '[:upper:]' '[:lower:]' <<<"$2")
	# shellcheck disable=SC2086
	run_pair 18515 "$1" -d "$DEVICE" -x 0 -F -n 200 ${3:+-s $3} -c "$2"
	if ((status == 0)) && awk '$1 ~ /^[0-9]+$/ && $2 ~ /^[0-9]+$/ && $3 > 0 { found = 1 } END { exit !found }' \
		"$out.client"; then
		passed "$name"
	else
		failed "$name" "$out".*
	fi
}

plan 14
for program in ib_write_bw ib_write_lat; do
	measured $program RC 4096
	measured $program UC 4096
done
for program in ib_send_bw ib_send_lat; do
	measured $program RC 2048
	measured $program UC 2048
	measured $program UD 2048
done
for program in ib_read_bw ib_read_lat; do
	measured $program RC 4096
done
for program in ib_atomic_bw ib_atomic_lat; do
	measured $program RC ""
done
finish
