#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# rdma-core's own tests on the software device, part "traffic": see conformance/run_pyverbs.py.
dir=$(dirname -- "$(readlink -f -- "$0")")/../conformance
# shellcheck source=tests/guest/conformance/device.bash
. "$dir/device.bash"
device_up || exit
trap device_down EXIT
python3 -W ignore "$dir/run_pyverbs.py" "$dir/pyverbs.list" "$DEVICE" 0 test_atomic test_cq_events test_cqex test_qpex test_relaxed_ordering test_srq
