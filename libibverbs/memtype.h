/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The memory type that the kernel has on record for a part of a BAR. x86 keeps one list for all kernel
 * mappings and for those that drivers make in the ordinary way: vfio-pci's of the device fd follow it,
 * vfiowc_pci's do not. Also compiled into libvfiowc-preload and the tool.
 */
#ifndef VFIOWC_MEMTYPE_H
#define VFIOWC_MEMTYPE_H

#include <stdbool.h>
#include <stdint.h>
#include "vfiowc.h"

/**
 * vfiowc_bar_memtype() - type of [offset, offset + length) of a BAR in the kernel's list
 * @bdf: "0000:01:00.0"
 * @bar: 0 to 5
 * @type: receives it; VFIOWC_EFFECTIVE_OTHER when the parts differ, or some are not in the list
 *
 * Return: 0; EOPNOTSUPP there is no such list (not x86, or debugfs is not mounted); EACCES or EPERM it is
 * root's; EINVAL not inside the BAR; what open and read say.
 */
int vfiowc_bar_memtype(const char *bdf, uint32_t bar, uint64_t offset, uint64_t length,
		       enum vfiowc_effective_type *type);

/**
 * vfiowc_bar_any_wc() - has the kernel some part of a BAR on record as write-combined?
 * @root: "", or the directory in which a test has its sysfs
 * @any: receives the answer
 *
 * Return: as vfiowc_bar_memtype().
 */
int vfiowc_bar_any_wc(const char *root, const char *bdf, uint32_t bar, bool *any);

#endif
