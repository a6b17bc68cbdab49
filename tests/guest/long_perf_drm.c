// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* All of Debian's perftest in all its ways on dumb buffers of a DRM device: vgem, which has no hardware. */
#include "perf_modes.h"

int main(void)
{
	int failed;

	if (guest_modprobe("vgem"))
		return 1;
	failed = perf_modes_run(perf_drm, PERF_BANDWIDTH | PERF_LATENCY, PERF_ALL);
	return guest_rmmod("vgem") || failed;
}
