# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# shellcheck shell=bash
# The software device for scripts: device_up makes vfiowc0 on the guest's network interface and waits until
# it has an address; device_down removes it again.

DEVICE=vfiowc0

device_up() {
	local netdev i
	modprobe e1000e && modprobe vfiowc_rdma || return
	for netdev in /sys/bus/pci/drivers/e1000e/*/net/*; do
		netdev=${netdev##*/}
		break
	done
	ip link set "$netdev" up || return
	rdma link show "$DEVICE" >/dev/null 2>&1 || rdma link add "$DEVICE" type vfiowc netdev "$netdev" || return
	for ((i = 0; i < 300; i++)); do
		# 40: tentative
		awk -v netdev="$netdev" '$6 == netdev && $5 !~ /[4-7c-f].$/ { found = 1 } END { exit !found }' \
			/proc/net/if_inet6 && return
		sleep 0.1
	done
	echo "$netdev has no address" >&2
	return 1
}

device_down() {
	rdma link delete "$DEVICE"
}
