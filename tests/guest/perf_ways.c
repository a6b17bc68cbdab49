// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Debian's perftest, unmodified, for a time, until it is told to stop, with inline data. */
#include "perf_modes.h"

int main(void)
{
	return perf_modes_run(perf_slices, PERF_BANDWIDTH | PERF_LATENCY, PERF_WAYS);
}
