/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* A thread that would like to have the dma-buf which core makes for each export, the inner one. */
#ifndef VFIOWC_TESTS_EXPORTER_THIEF_H
#define VFIOWC_TESTS_EXPORTER_THIEF_H

#include "exporter.h"

/**
 * exporter_thief_run() - export @tries times while a thief looks at the descriptor that a new dma-buf gets
 * @stock: by core's feature alone, for vfio-pci as the driver; else by both features in turn
 *
 * The thief looks from before each export until it has caught a dma-buf, and the export's own is kept open for it:
 * no try is in vain. Says how far it is on stdout; fails the test when the thief catches nothing.
 *
 * Return: how many of the dma-bufs caught were core's.
 */
unsigned int exporter_thief_run(const struct exporter *exp, bool stock, unsigned int tries);

#endif
