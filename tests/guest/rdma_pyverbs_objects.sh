#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# rdma-core's own tests on the software device, part "objects": see conformance/run_pyverbs.py.
dir=$(dirname -- "$(readlink -f -- "$0")")/../conformance
# shellcheck source=tests/guest/conformance/device.bash
. "$dir/device.bash"
device_up || exit
trap device_down EXIT
python3 -W ignore "$dir/run_pyverbs.py" "$dir/pyverbs.list" "$DEVICE" 0 test_addr test_cq test_device test_fork test_mr test_pd test_qp
