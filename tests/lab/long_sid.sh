#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# The guest with the userspace of sid: the same source against another private ABI of libibverbs.
# shellcheck source=tests/lab/lib.bash
. "$(dirname -- "$0")/lib.bash"
MIRROR=(${LAB_TEST_MIRROR:+--mirror "$LAB_TEST_MIRROR"})

plug_in_is_of_the_private_abi_of_sid() {
	lab "${MIRROR[@]}" --suite sid run -- bash -c '. /etc/os-release; echo "$VERSION_CODENAME"
		cd /usr/lib/x86_64-linux-gnu; strings=$(grep -aoE "IBVERBS_PRIVATE_[0-9]+" libibverbs.so.1 | sort -u)
		echo "installed $strings"; ls libibverbs/libvfiowcdv-rdmav*.so
		modprobe vfiowc_rdma && rdma link add v0 type vfiowc netdev eth0 && ibv_devinfo -d v0'
	check "status" equal "$CODE" 0
	check "private ABI" contains "$OUT" "libvfiowcdv-rdmav$(grep -oE 'IBVERBS_PRIVATE_[0-9]+' <<<"$OUT" | grep -oE '[0-9]+$').so"
	check "not trixie's" eval '[[ $OUT != *rdmav34* ]]'
	check "ibv_devinfo" contains "$OUT" "hca_id:	v0"
}

stock_tools_dma_handles_and_perftest_pass_there() {
	lab "${MIRROR[@]}" --suite sid test --json --filter '^guest/(rdma_(dmah|tools|tph)|perf_(lat|preload))'
	check "status" equal "$CODE" 0
	check "tests" one_object "$OUT" "o['ok'] and o['failed'] == 0 and o['passed'] > 20"
	check "DMA handles" one_object "$OUT" "any('rdma_dmah' in t['name'] for t in o['tests'])"
	check "pingpong" one_object "$OUT" "any('pingpong' in t['name'] for t in o['tests'])"
}

run_tests plug_in_is_of_the_private_abi_of_sid stock_tools_dma_handles_and_perftest_pass_there
