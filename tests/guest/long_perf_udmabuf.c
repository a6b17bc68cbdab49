// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* All of Debian's perftest in all its ways on dma-bufs of ordinary pages. */
#include "perf_modes.h"

int main(void)
{
	return perf_modes_run(perf_udmabuf, PERF_BANDWIDTH | PERF_LATENCY, PERF_ALL);
}
