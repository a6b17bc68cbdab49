#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# Stock ibv_*_pingpong on the software device, each with -c, which compares the data it received. Some have
# variants: -e waits for events, -N posts by ibv_wr_*().
dir=$(dirname -- "$(readlink -f -- "$0")")/../conformance
# shellcheck source=tests/guest/conformance/device.bash
. "$dir/device.bash"
# shellcheck source=tests/guest/conformance/pair.bash
. "$dir/pair.bash"
device_up || exit
trap device_down EXIT

# checked NAME PROGRAM ARGUMENT...: both sides ended well and found nothing wrong.
checked() {
	local name=$1
	shift
	run_pair 18515 "$@" -c -d "$DEVICE" -g 0 -n 100
	if ((status == 0)) && ! grep -q "invalid data" "$out".*; then
		passed "$name"
	else
		failed "$name" "$out".*
	fi
}

plan 9
checked rc_pingpong ibv_rc_pingpong
checked rc_pingpong_with_events ibv_rc_pingpong -e
checked rc_pingpong_by_calls ibv_rc_pingpong -N
checked uc_pingpong ibv_uc_pingpong
checked uc_pingpong_with_events ibv_uc_pingpong -e
checked ud_pingpong ibv_ud_pingpong
checked ud_pingpong_with_events ibv_ud_pingpong -e
checked srq_pingpong ibv_srq_pingpong
checked srq_pingpong_with_events ibv_srq_pingpong -e
finish
