/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Linux-OpenIB */
/*
 * The VFIO device features of the vfiowc_pci variant driver.
 *
 * They travel through the VFIO_DEVICE_FEATURE ioctl of the VFIO device fd; each
 * answers VFIO_DEVICE_FEATURE_PROBE.  The numbers are private (upstream's are
 * contested): ask for VFIOWC_FEATURE_ID first, it proves that vfiowc_pci drives
 * the device.  Payloads follow the newest upstream proposals, so that moving
 * over to them is a renumbering.
 *
 * Common errno: ENOTTY another driver, or a feature it lacks; EINVAL argsz,
 * flags, alignment, not a dma-buf; EFAULT; EBADF; ENODEV not exported by this
 * device, or the device is gone; EBADFD revoked for good; EINTR only before
 * anything changed; ENOMEM.
 */
#ifndef _UAPI_LINUX_VFIO_DMABUF_H
#define _UAPI_LINUX_VFIO_DMABUF_H

#include <linux/types.h>
#include <linux/vfio.h>

/* The stock export, VFIO_DEVICE_FEATURE_DMA_BUF, is served too: memory type NC. */
#define VFIOWC_FEATURE_ID		0x8000
#define VFIOWC_FEATURE_EXPORT		0x8001
#define VFIOWC_FEATURE_DMA_BUF_MEMATTR	0x8002
#define VFIOWC_FEATURE_DMA_BUF_TPH	0x8003
#define VFIOWC_FEATURE_DMA_BUF_REVOKE	0x8004
#define VFIOWC_FEATURE_DMA_BUF_QUERY	0x8005
#define VFIOWC_FEATURE_MAP_QUERY	0x8006
#define VFIOWC_FEATURE_REGION_MMAP	0x8007

/* Bit of feature @nr in vfiowc_feature_id.features. */
#define VFIOWC_FEATURE_BIT(nr)		(1ULL << ((nr) - VFIOWC_FEATURE_ID))

#define VFIOWC_MAGIC			0x43574656	/* "VFWC" */
#define VFIOWC_UAPI_MAJOR		1
#define VFIOWC_UAPI_MINOR		1

/**
 * enum vfiowc_tph_completer - PCIe DEVCAP2 bits 13:12 (PCIe 6.0, 7.5.3.15)
 *
 * The reserved encoding 2 is reported as NONE, as upstream does.
 */
enum vfiowc_tph_completer {
	VFIOWC_TPH_COMPLETER_NONE	= 0,
	VFIOWC_TPH_COMPLETER_TPH	= 1,
	VFIOWC_TPH_COMPLETER_EXT	= 3,
};

/**
 * struct vfiowc_feature_id - VFIOWC_FEATURE_ID, GET
 * @magic: VFIOWC_MAGIC
 * @major: changes when an existing payload changes
 * @minor: grows when something is added
 * @features: VFIOWC_FEATURE_BIT() of each feature this driver serves
 * @tph_completer: enum vfiowc_tph_completer, as read from the device
 * @tph_override: 0, or the value the module parameter tph_override puts in
 *	place of @tph_completer (devices that lie, tests)
 */
struct vfiowc_feature_id {
	__u32		magic;
	__u16		major;
	__u16		minor;
	__aligned_u64	features;
	__u32		tph_completer;
	__u32		tph_override;
};

/**
 * enum vfiowc_memattr - memory type *requested* for CPU mappings
 *
 * What a mapping really got is VFIOWC_FEATURE_MAP_QUERY's to say.  NATURAL is
 * the one that the device's driver gives where nobody asks for a type: for a BAR
 * of a PCI function that vfio-pci's way, NC; memory behind a coherent link would
 * be cached.  For callers that ask for no more than what is usual there.
 */
enum vfiowc_memattr {
	VFIOWC_MEMATTR_NC	= 0,
	VFIOWC_MEMATTR_WC	= 1,
	VFIOWC_MEMATTR_NATURAL	= 2,	/* since minor 1 */
};

/*
 * Importers must not let a client override the exporter's tags.  vfiowc_rdma lets
 * none, with the flag or without: it has no DMA handles (ibv_alloc_dmah()).
 */
#define VFIOWC_EXPORT_TPH_LOCKED	(1U << 0)

/**
 * struct vfiowc_feature_export - VFIOWC_FEATURE_EXPORT, GET
 * @memattr: enum vfiowc_memattr of future mmaps; unknown: EOPNOTSUPP
 * @flags: VFIOWC_EXPORT_*
 * @dma_buf: the stock request, its flags 0; errno as the stock feature's
 *
 * The ioctl returns the new dma-buf fd.
 */
struct vfiowc_feature_export {
	__u32	memattr;
	__u32	flags;
	struct vfio_device_feature_dma_buf dma_buf;
};

/**
 * struct vfiowc_feature_memattr - VFIOWC_FEATURE_DMA_BUF_MEMATTR, GET and SET
 * @dmabuf_fd: a dma-buf exported by this device
 * @memattr: enum vfiowc_memattr of *future* mmaps; unknown: EOPNOTSUPP
 */
struct vfiowc_feature_memattr {
	__s32	dmabuf_fd;
	__u32	memattr;
};

/* Which of the two tag namespaces are valid; they are never converted. */
#define VFIOWC_TPH_ST		(1U << 0)
#define VFIOWC_TPH_ST_EXT	(1U << 1)

/**
 * struct vfiowc_feature_tph - VFIOWC_FEATURE_DMA_BUF_TPH, GET and SET
 * @dmabuf_fd: a dma-buf exported by this device
 * @flags: VFIOWC_TPH_*; SET replaces everything, 0 clears
 * @steering_tag_ext: 16-bit extended ST, if VFIOWC_TPH_ST_EXT
 * @steering_tag: 8-bit ST, if VFIOWC_TPH_ST
 * @ph: processing hint, 0..3
 *
 * EOPNOTSUPP: the device is no TPH completer, or no extended one for ST_EXT.
 * Live MRs keep what they read until they register again or are invalidated.
 */
struct vfiowc_feature_tph {
	__s32	dmabuf_fd;
	__u32	flags;
	__u16	steering_tag_ext;
	__u8	steering_tag;
	__u8	ph;
};

/**
 * struct vfiowc_feature_revoke - VFIOWC_FEATURE_DMA_BUF_REVOKE, SET
 * @dmabuf_fd: a dma-buf exported by this device
 *
 * Permanent.  Returns when drained (rule O9); the wait is killable.  A repeat
 * waits for the drain, then gives EBADFD.  Of a device in recovery from an error
 * that AER has reported nothing is read back: repeat it when that is over.
 */
struct vfiowc_feature_revoke {
	__s32	dmabuf_fd;
};

enum vfiowc_dma_buf_state {
	VFIOWC_DMA_BUF_LIVE		= 0,
	VFIOWC_DMA_BUF_REVOKED_TEMP	= 1,	/* reset, D3, decode off: heals */
	VFIOWC_DMA_BUF_REVOKED		= 2,	/* by request, or device closed */
};

/**
 * struct vfiowc_feature_query - VFIOWC_FEATURE_DMA_BUF_QUERY, GET
 * @dmabuf_fd: in: a dma-buf exported by this device, revoked or not
 * @pad: in: 0
 * @size: bytes
 * @bar: region index it was exported from
 * @nr_ranges: ranges of that region
 * @memattr: enum vfiowc_memattr of future mmaps
 * @state: enum vfiowc_dma_buf_state
 * @nr_importers: attachments
 * @nr_mappings: CPU mappings (VMAs)
 */
struct vfiowc_feature_query {
	__s32		dmabuf_fd;
	__u32		pad;
	__aligned_u64	size;
	__u32		bar;
	__u32		nr_ranges;
	__u32		memattr;
	__u32		state;
	__u32		nr_importers;
	__u32		nr_mappings;
};

/**
 * enum vfiowc_pte_type - memory type found in a page table entry
 *
 * Names are x86's; arm64: UC_MINUS is Device-nGnRnE, WC is Normal-NC.  An MTRR
 * or a hypervisor may still override it.
 */
enum vfiowc_pte_type {
	VFIOWC_PTE_OTHER	= 0,
	VFIOWC_PTE_UC_MINUS	= 1,
	VFIOWC_PTE_WC		= 2,
	VFIOWC_PTE_UC		= 3,
	VFIOWC_PTE_WB		= 4,
};

/**
 * struct vfiowc_feature_map_query - VFIOWC_FEATURE_MAP_QUERY, GET
 * @address: in: an address in a mapping, by the caller, of this device's fd
 *	or of a dma-buf it exported; anything else: EINVAL
 * @requested: enum vfiowc_memattr the mapping was made with
 * @pte_type: enum vfiowc_pte_type, read back from the caller's page table
 * @page_bytes: size of the page that maps @address
 *
 * ENODATA: not touched yet, so there is no page table entry to read.
 */
struct vfiowc_feature_map_query {
	__aligned_u64	address;
	__u32		requested;
	__u32		pte_type;
	__aligned_u64	page_bytes;
};

/**
 * struct vfiowc_feature_region_mmap - VFIOWC_FEATURE_REGION_MMAP, GET
 * @region_index: in: a mappable BAR
 * @memattr: in: enum vfiowc_memattr
 * @offset: in: page-aligned, bytes into the region
 * @length: in: page-aligned, bytes
 * @mmap_offset: out: opaque offset at which mmap() of the *device fd* gives
 *	that part of the region with that type
 */
struct vfiowc_feature_region_mmap {
	__u32		region_index;
	__u32		memattr;
	__aligned_u64	offset;
	__aligned_u64	length;
	__aligned_u64	mmap_offset;
};

#endif /* _UAPI_LINUX_VFIO_DMABUF_H */
