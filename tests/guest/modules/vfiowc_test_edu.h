/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ioctl of /dev/vfiowc_test_edu: one transfer of QEMU's edu device, whose DMA
 * engine reaches whatever its IOMMU domain translates.  Root's, in a guest.
 */
#ifndef VFIOWC_TEST_EDU_H
#define VFIOWC_TEST_EDU_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define EDU_BYTES_MAX	4096

/* data: the caller's bytes; dma: a device address as a scatter list has it */
struct edu_dma {
	__u64 dma;
	__u64 data;
	__u32 bytes;
	__u32 pad;
};

/* Caller to device memory to dma, and the other way. */
#define EDU_WRITE	_IOW('V', 0xf0, struct edu_dma)
#define EDU_READ	_IOW('V', 0xf1, struct edu_dma)

#endif
