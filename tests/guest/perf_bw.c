// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Debian's bandwidth programs, unmodified, both ends in slices of a BAR. */
#include "perf_modes.h"

int main(void)
{
	return perf_modes_run(perf_slices, PERF_BANDWIDTH, PERF_COUNTED);
}
