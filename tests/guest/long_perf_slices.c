// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The ways to run Debian's perftest on slices of a BAR that perf_bw, perf_lat and perf_ways leave out. */
#include "perf_modes.h"

int main(void)
{
	return perf_modes_run(perf_slices, PERF_BANDWIDTH | PERF_LATENCY, PERF_LONG);
}
