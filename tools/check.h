/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* `vfiowc check --probe`: a real transfer each way, verified through the VFIO device fd. */
#ifndef VFIOWC_TOOL_CHECK_H
#define VFIOWC_TOOL_CHECK_H

#include <stdbool.h>

#define CHECK_PROBE_BYTES 64

struct check_probe {
	int bar; /* asked for, -1: the largest that is prefetchable; then the one that was used */
	bool write; /* bytes that the RDMA device wrote were found there */
	bool read; /* it read what was there */
	char why[200]; /* what did not work first, "" */
};

/**
 * check_probe() - write and read the first bytes of a BAR through an RDMA device
 * @bdf: the exporter, bound to a VFIO driver that nobody has open
 * @rdma: the RDMA device
 * @probe: bar is filled in
 *
 * What was there is put back.
 */
void check_probe(const char *bdf, const char *rdma, struct check_probe *probe);

#endif
