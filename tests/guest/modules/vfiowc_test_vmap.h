/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ioctl of /dev/vfiowc_test_vmap, which exports the beginning of a BAR as graphics
 * drivers do: the exporter maps it, by dma_buf_ops.vmap, and chooses the memory type.
 */
#ifndef VFIOWC_TEST_VMAP_H
#define VFIOWC_TEST_VMAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct vmap_export - what to export; the ioctl returns the dma-buf's fd
 * @bdf: domain << 16 | bus << 8 | devfn, of a function without a driver
 * @bar: number of the BAR
 * @bytes: from its beginning on, whole pages
 * @wc: map it write-combined; 0: uncached
 */
struct vmap_export {
	__u32 bdf;
	__u32 bar;
	__u32 bytes;
	__u32 wc;
};

#define VMAP_EXPORT	_IOW('V', 0xf0, struct vmap_export)

#endif /* VFIOWC_TEST_VMAP_H */
