/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* The software RDMA device: looking for it, adding it to a network interface, taking it away. */
#ifndef VFIOWC_TOOL_LINK_H
#define VFIOWC_TOOL_LINK_H

#include <stdbool.h>

#include "pci.h"

struct rdma_link {
	char name[PCI_NAME_LEN];
	char netdev[PCI_NAME_LEN]; /* it was added to, "": it was there already */
	bool added; /* link_restore() deletes it */
	bool raised; /* link_restore() sets netdev down */
};

/**
 * link_ensure() - the RDMA device @name, added if it is not there
 * @name: the device
 * @exporter: its network interface, if any, is not used
 * @link: receives what link_restore() has to undo
 *
 * A name that begins with "vfiowc" is added with `rdma link add NAME type vfiowc netdev IF`. IF is
 * the first interface, by name, that a PCI function other than @exporter has, and is set up.
 *
 * Return: 0 or a positive errno; then it has been said on stderr what is missing.
 */
int link_ensure(const char *name, const char *exporter, struct rdma_link *link);

/** link_restore() - undo what link_ensure() did; does nothing the second time. Errors as above. */
int link_restore(struct rdma_link *link);

#endif
