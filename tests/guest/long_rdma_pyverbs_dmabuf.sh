#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# rdma-core's own tests of dma-buf MRs on the software device: see conformance/run_pyverbs.py and drm_on_udmabuf.c.
dir=$(dirname -- "$(readlink -f -- "$0")")/../conformance
# shellcheck source=tests/guest/conformance/device.bash
. "$dir/device.bash"
device_up || exit
trap device_down EXIT
LD_PRELOAD=$dir/libdrm_on_udmabuf.so python3 -W ignore "$dir/run_pyverbs.py" --dmabuf "$dir/pyverbs.list" "$DEVICE" 0 test_mr
