/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
#ifndef VFIOWC_TOOL_INUSE_H
#define VFIOWC_TOOL_INUSE_H

#include <stddef.h>

/**
 * inuse_check() - would taking the driver away from a PCI function pull it from under somebody?
 * @bdf: the function
 * @why: receives who uses it, for an error message
 * @len: bytes at @why
 *
 * In use means: a network interface of it is up, a block device of it is mounted (in any mount
 * namespace, by any file system), swapped to, held by another block device or otherwise held
 * exclusively, a process has one of its device nodes open, or its VFIO group is open. The head of an NVMe disk
 * with several paths is a block device of each. Needs root to see other users' processes, and to open block devices.
 *
 * Return: 0 when free, EBUSY when in use, another errno when it cannot be told.
 */
int inuse_check(const char *bdf, char *why, size_t len);

#endif
