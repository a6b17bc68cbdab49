/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Is I/O memory mapped as ioremap() promises?
 *
 * x86 gives each physical range one memory type: where a program had mapped a
 * BAR's write-combining file in sysfs before vfio-pci-core mapped that BAR, all
 * of the kernel's mappings of it are write-combined, too.  Loads through one
 * may be answered early (O4), stores may be merged, and wait (O2).
 */
#ifndef _VFIOWC_IO_H
#define _VFIOWC_IO_H

#include <linux/pgtable.h>
#include <linux/types.h>

/**
 * vfiowc_io_uncached - are accesses through this mapping what they look like?
 * @io: of ioremap(); its first page is looked at, a mapping has one type
 */
static inline bool vfiowc_io_uncached(const void __iomem *io)
{
#ifdef CONFIG_X86
	unsigned int level;
	pte_t *pte = lookup_address((__force unsigned long)io, &level);

	/* In pages of every size; of what ioremap() gives, UC and UC- have it. */
	return pte && pte_flags(*pte) & _PAGE_PCD;
#else
	return true;
#endif
}

#endif /* _VFIOWC_IO_H */
