/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What <linux/vfio.h> would define once the proposals are merged: names and payloads as in their
 * newest versions, numbers made up. The library is compiled once with it (unit_upstream).
 */
#ifndef VFIOWC_TESTS_UPSTREAM_NAMES_H
#define VFIOWC_TESTS_UPSTREAM_NAMES_H

#define FAKE_UPSTREAM_MEMATTR 0x7001
#define FAKE_UPSTREAM_TPH 0x7002
#define FAKE_UPSTREAM_REVOKE 0x7003

#ifdef WITH_UPSTREAM_NAMES
#include <linux/types.h>

#define VFIO_DEVICE_FEATURE_DMA_BUF_MEMATTR FAKE_UPSTREAM_MEMATTR
#define VFIO_DEVICE_FEATURE_DMA_BUF_TPH FAKE_UPSTREAM_TPH
#define VFIO_DEVICE_FEATURE_DMA_BUF_REVOKE FAKE_UPSTREAM_REVOKE

struct vfio_device_feature_dma_buf_memattr {
	__s32 dmabuf_fd;
	__u32 memattr;
};

struct vfio_device_feature_dma_buf_tph {
	__s32 dmabuf_fd;
	__u32 flags;
	__u16 steering_tag_ext;
	__u8 steering_tag;
	__u8 ph;
};

struct vfio_device_feature_dma_buf_revoke {
	__s32 dmabuf_fd;
};
#endif

#endif
