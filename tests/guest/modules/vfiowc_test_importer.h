/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ioctls of /dev/vfiowc_test_importer, which imports a dma-buf as a kernel
 * driver would and shows what it got.  One attachment per open file.
 */
#ifndef VFIOWC_TEST_IMPORTER_H
#define VFIOWC_TEST_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum importer_kind {
	IMPORTER_DYNAMIC,	/* as mlx5: revocable, peer to peer */
	IMPORTER_NOT_REVOCABLE,	/* as efa: peer to peer, no invalidate */
	IMPORTER_NOT_P2P,	/* revocable, but not peer to peer */
	IMPORTER_STATIC,	/* no importer ops at all */
	IMPORTER_PINNED,	/* as irdma: pinned while attached, yet revocable */
};

enum importer_policy {
	IMPORTER_UNMAP_AT_ONCE,	/* in invalidate_mappings() */
	IMPORTER_UNMAP_LATER,	/* after delay_ms */
	IMPORTER_UNMAP_NEVER,	/* at IMPORTER_UNMAP */
};

/* bdf: domain << 16 | bus << 8 | devfn; 0: no PCI function, a bare device */
struct importer_attach {
	__s32 dmabuf_fd;
	__u32 kind;
	__u32 bdf;
	__u32 policy;
	__u32 delay_ms;
};

struct importer_info {
	__u32 mapped;
	__u32 nr_segments;
	__u32 nr_invalidates;
	__u32 pad;
};

/* phys: what the device's IOMMU makes of dma; 0 where it has no translation */
struct importer_segment {
	__u32 index;
	__u32 pad;
	__u64 dma;
	__u64 phys;
	__u64 length;
};

struct importer_tph {
	__u32 extended;
	__u16 st;
	__u8 ph;
	__u8 pad;
};

/*
 * One PTE of the caller, or of process pid if not 0, read without the
 * exporter's help; bits as in the hardware's PTE of a small page.
 */
struct importer_pte {
	__u64 address;
	__u64 bits;
	__u64 pfn;
	__u32 pid;
	__u32 pad;
};

#define IMPORTER_ATTACH		_IOW('V', 0xe0, struct importer_attach)
#define IMPORTER_DETACH		_IO('V', 0xe1)
#define IMPORTER_MAP		_IO('V', 0xe2)
#define IMPORTER_UNMAP		_IO('V', 0xe3)
#define IMPORTER_INFO		_IOR('V', 0xe4, struct importer_info)
#define IMPORTER_SEGMENT	_IOWR('V', 0xe5, struct importer_segment)
/* Borrow the physical ranges as vfiowc_rdma does, instead of MAP. */
#define IMPORTER_CPU_MAP	_IO('V', 0xe6)
#define IMPORTER_TPH		_IOWR('V', 0xe7, struct importer_tph)
/* Put a fence on the dma-buf that signals at FENCE_SIGNAL (or close). */
#define IMPORTER_FENCE		_IO('V', 0xe8)
#define IMPORTER_FENCE_SIGNAL	_IO('V', 0xe9)
#define IMPORTER_PTE		_IOWR('V', 0xea, struct importer_pte)
/*
 * Lets the unmap of a list of stock vfio-pci free it, as vfiowc_rdma does
 * (Documentation/upstream/scatter-list-leak.md).
 */
#define IMPORTER_MEND_LIST	_IO('V', 0xeb)
/* As IMPORTER_FENCE, one of the kernel's own: the memory is being moved. */
#define IMPORTER_FENCE_KERNEL	_IO('V', 0xec)

#endif
