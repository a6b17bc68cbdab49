/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * libvfiowc: slices of a VFIO device's BAR as dma-bufs that RDMA devices and the CPU reach.
 *
 * Three objects, each made from the one before and destroyed in the opposite order:
 *
 *	vfiowc_device	a PCI function owned through VFIO (the exporter)
 *	vfiowc_buf	one dma-buf: a slice exported from it, or one that another process handed over
 *	vfiowc_mapping	a CPU mapping of a part of a dma-buf
 *
 * Memory regions are ordinary struct ibv_mr of any RDMA device.
 *
 * Errors: int functions return 0 or a positive errno, pointer functions NULL with errno set. The
 * library prints nothing but the reports of checked maps that nobody takes, keeps no global state
 * but those maps, the routines that copy and the loopbacks of local delivery (libvfiowc(7)), and
 * never gives an fd to another owner silently.
 *
 * Threads: every function may be called on any object from any thread, at any time, except that a
 * destroy must not run beside another use of the same object.
 *
 * Extensible structs end where this version ends; the caller passes sizeof(its struct) as inlen.
 * Input structs: bits of comp_mask and bytes that this version does not know must be zero (else
 * EINVAL). Output structs: bytes it does not know come back as zero.
 *
 * Moving data between the CPU and the NIC needs the calls of <infiniband/vfiowc_order.h>.
 */
#ifndef INFINIBAND_VFIOWC_H
#define INFINIBAND_VFIOWC_H

#include <stddef.h>
#include <stdint.h>
#include <infiniband/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfiowc_device;
struct vfiowc_buf;
struct vfiowc_mapping;

/**
 * vfiowc_version - version of the library that is running, "major.minor.patch"
 */
const char *vfiowc_version(void);

/* ---- device ---------------------------------------------------------------------------------- */

/**
 * vfiowc_open_device - open a PCI function through VFIO
 * @pci_address: "dddd:bb:dd.f", or "bb:dd.f" in domain 0
 *
 * Opens a container (type1v2), the function's group and the device, and owns all three. The
 * function must be bound to a VFIO driver already; nothing is bound here. A group is opened by one
 * process at a time and needs all its functions bound to VFIO drivers or to none.
 *
 * Return: the device, or NULL with errno: EINVAL not a PCI address; ENODEV no such function, no
 * IOMMU group, or only other functions of its group are bound to VFIO drivers; ENOENT the group has
 * no VFIO character device: no function in it is bound to a VFIO driver; EACCES the caller may not
 * open it; EBUSY another process has the group open; EPERM the group is not viable, or the platform
 * has no interrupt remapping; ENOTSUP the kernel offers no type1v2 container; ENOMEM; what the driver says
 * when it cannot tell its features.
 */
struct vfiowc_device *vfiowc_open_device(const char *pci_address);

/**
 * vfiowc_open_device_fd - use a VFIO device fd that the application owns
 * @vfio_device_fd: from VFIO_GROUP_GET_DEVICE_FD or /dev/vfio/devices; borrowed: never duplicated
 *	(that would delay the "last close" that revokes everything) and never closed. It must stay
 *	open for as long as the vfiowc_device exists. 0 is a valid fd.
 * @pci_address: as in vfiowc_open_device(), only to name things in vfiowc_query_device(); or NULL
 *
 * Return: the device, or NULL with errno: EBADF; EINVAL @pci_address is no PCI address, or the fd
 * is a VFIO device but not a PCI one; ENOTTY not a VFIO device fd; ENOMEM; what the driver says when it
 * cannot tell its features.
 */
struct vfiowc_device *vfiowc_open_device_fd(int vfio_device_fd, const char *pci_address);

/**
 * vfiowc_open_device_wc - open a PCI function of stock vfio-pci with BARs that are write-combined as a whole
 * @pci_address: as in vfiowc_open_device()
 * @bars: bit N for BAR N; not 0
 *
 * Real write-combining without a module, for who knows the price: *all* of such a BAR is write-combined,
 * in every mapping of the device fd by any process, until the device is closed; so registers and doorbells in
 * it are, too, and a mapping of type NC of it is refused. vfiowc_map_region() then gives
 * VFIOWC_MEM_WC there, and fails when the kernel has not given it. Works on x86, for prefetchable BARs, and
 * needs root: the kernel is brought to it by a mapping of the BAR's file in sysfs, and its list of
 * types is read in debugfs, here and at each mapping.
 *
 * Return: the device, or NULL with errno as vfiowc_open_device(); EINVAL also @bars, or the device is
 * driven by vfiowc_pci, which gives each part of a BAR a type of its own; EOPNOTSUPP a BAR is not
 * prefetchable, or has not become write-combined, or the kernel has no list that says so; EACCES or
 * EPERM one of the files is not the caller's.
 */
struct vfiowc_device *vfiowc_open_device_wc(const char *pci_address, uint32_t bars);

/**
 * vfiowc_close_device - give up a device
 * @dev: the device
 *
 * With the last device fd the kernel revokes every dma-buf of the device for good (O9). A borrowed
 * fd stays open.
 *
 * Return: 0; EBUSY while a vfiowc_buf or a mapping of @dev exists (nothing changed).
 */
int vfiowc_close_device(struct vfiowc_device *dev);

/**
 * vfiowc_device_fd - the VFIO device fd, still owned by whom it was owned by before
 */
int vfiowc_device_fd(const struct vfiowc_device *dev);

/* Who serves the capabilities below on this device. */
enum vfiowc_source {
	VFIOWC_SOURCE_NONE	= 0, /* kernel before 6.19, or a VFIO driver without dma-bufs */
	VFIOWC_SOURCE_STOCK	= 1, /* vfio-pci of a released kernel: export and register, no more */
	VFIOWC_SOURCE_UPSTREAM	= 2, /* vfio-pci, features that have a name in <linux/vfio.h> */
	VFIOWC_SOURCE_VFIOWC_PCI = 3, /* our variant driver */
};

/* What can be done with slices of a device; bits of vfiowc_device_attr.caps. */
enum vfiowc_cap {
	VFIOWC_CAP_EXPORT	= 1 << 0, /* vfiowc_export(), and register what it gives */
	VFIOWC_CAP_MAP		= 1 << 1, /* vfiowc_map() */
	VFIOWC_CAP_MEM_TYPE	= 1 << 2, /* types other than NC: vfiowc_set_memattr(), export list */
	VFIOWC_CAP_TPH		= 1 << 3, /* vfiowc_set_tph(); the device may still be no completer */
	VFIOWC_CAP_REVOKE	= 1 << 4, /* vfiowc_revoke() */
	VFIOWC_CAP_QUERY	= 1 << 5, /* vfiowc_query_buf() answers from the kernel */
	VFIOWC_CAP_MAP_QUERY	= 1 << 6, /* vfiowc_query_map() tells the effective type */
	VFIOWC_CAP_REGION_TYPE	= 1 << 7, /* vfiowc_map_region() with a type for each part of a BAR */
};

/* TPH completer support of the PCI function: PCIe Device Capabilities 2, bits 13:12. */
enum vfiowc_completer {
	VFIOWC_COMPLETER_NONE	= 0,
	VFIOWC_COMPLETER_ST	= 1, /* 8-bit steering tags */
	VFIOWC_COMPLETER_ST_EXT	= 3, /* 8-bit and 16-bit extended steering tags */
};

enum vfiowc_bar_flags {
	VFIOWC_BAR_MAPPABLE	= 1 << 0, /* can be exported and mapped */
	VFIOWC_BAR_PREFETCHABLE	= 1 << 1, /* reads have no side effects: WC is safe by the PCI rules */
	VFIOWC_BAR_IO		= 1 << 2, /* I/O ports: neither */
	VFIOWC_BAR_64BIT	= 1 << 3,
};

#define VFIOWC_NUM_BARS 6

/**
 * struct vfiowc_bar - one base address register
 * @size_bytes: 0 when the BAR is not there (or is the upper half of a 64-bit one)
 * @flags: enum vfiowc_bar_flags
 */
struct vfiowc_bar {
	uint64_t size_bytes;
	uint32_t flags;
	uint32_t reserved;
};

/**
 * struct vfiowc_device_attr - what vfiowc_query_device() tells
 * @comp_mask: 0 today
 * @pci_address: "dddd:bb:dd.f", or "" when a device fd came without it
 * @driver: name of the kernel driver, or "" when it cannot be told from a device fd alone
 * @bars: BAR 0 to 5
 * @caps: enum vfiowc_cap
 * @source: enum vfiowc_source of @caps
 * @uapi_major, @uapi_minor: of vfiowc_pci; 0 with another source
 * @tph_completer: enum vfiowc_completer, as read from the device
 * @tph_override: 0, or the enum vfiowc_completer that a parameter of vfiowc_pci puts in its place
 */
struct vfiowc_device_attr {
	uint64_t comp_mask;
	char pci_address[16];
	char driver[32];
	struct vfiowc_bar bars[VFIOWC_NUM_BARS];
	uint64_t caps;
	uint32_t source;
	uint16_t uapi_major;
	uint16_t uapi_minor;
	uint32_t tph_completer;
	uint32_t tph_override;
};

/**
 * vfiowc_query_device - driver, BARs, capabilities and TPH completer of a device
 * @dev: the device
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Return: 0; EINVAL @inlen too small; EIO the configuration space cannot be read.
 */
int vfiowc_query_device(struct vfiowc_device *dev, struct vfiowc_device_attr *attr, uint32_t inlen);

/**
 * vfiowc_explain_cap - why a capability is missing, and since which kernel it exists
 * @dev: the device
 * @cap: one capability
 *
 * Return: a sentence for people (static, English), or NULL when @dev has @cap or @cap is not one.
 */
const char *vfiowc_explain_cap(const struct vfiowc_device *dev, enum vfiowc_cap cap);

/* ---- dma-buf --------------------------------------------------------------------------------- */

/* Memory type asked for CPU mappings. What a mapping really got: vfiowc_query_map(). */
enum vfiowc_mem_type {
	VFIOWC_MEM_NC		= 0, /* not cached, not combined: registers, doorbells */
	VFIOWC_MEM_WC		= 1, /* write-combined: bulk data */
	VFIOWC_MEM_NATURAL	= 2, /* what the device's driver gives unasked: vfio-pci NC */
	VFIOWC_MEM_UNKNOWN	= 0xff, /* an imported dma-buf without its device; never an input */
};

enum vfiowc_export_flags {
	VFIOWC_EXPORT_LOCK_TAGS	= 1 << 0, /* importers must not override the tags set here */
};

/**
 * struct vfiowc_range - a part of a BAR
 * @offset: page-aligned, bytes into the BAR
 * @length: page-aligned, bytes, not 0
 */
struct vfiowc_range {
	uint64_t offset;
	uint64_t length;
};

/**
 * struct vfiowc_export_attr - what to export
 * @comp_mask: 0
 * @bar: 0 to 5
 * @flags: enum vfiowc_export_flags
 * @offset, @length: the slice, as in struct vfiowc_range; both 0 when @num_ranges is not
 * @ranges, @num_ranges: a slice of several parts, in this order; or NULL, 0
 * @types, @num_types: memory types from most to least wanted, the first that works is taken;
 *	NULL, 0 means NC
 */
struct vfiowc_export_attr {
	uint64_t comp_mask;
	uint32_t bar;
	uint32_t flags;
	uint64_t offset;
	uint64_t length;
	const struct vfiowc_range *ranges;
	const enum vfiowc_mem_type *types;
	uint32_t num_ranges;
	uint32_t num_types;
};

/**
 * vfiowc_export - export a slice of a BAR as a dma-buf
 * @dev: the device
 * @attr: the slice, and how it wants to be mapped
 * @inlen: sizeof(*attr)
 *
 * One system call for each memory type that is tried. The library keeps the one fd of the dma-buf
 * (O_CLOEXEC), so that the owner can always revoke it.
 *
 * Return: the dma-buf, or NULL with errno: EINVAL @attr is malformed, the slice is not page-aligned
 * or goes past the end of the BAR; ENODEV the device has no such BAR, or is gone; EOPNOTSUPP none
 * of the types can be had, the BAR is not mappable, or @dev lacks VFIOWC_CAP_EXPORT (or, for
 * VFIOWC_EXPORT_LOCK_TAGS, is not driven by vfiowc_pci); ENOMEM; what the kernel's export says.
 */
struct vfiowc_buf *vfiowc_export(struct vfiowc_device *dev, const struct vfiowc_export_attr *attr,
				 uint32_t inlen);

/**
 * vfiowc_import - make the same object of a dma-buf fd from elsewhere
 * @dmabuf_fd: a dma-buf of any exporter, for example received over a Unix socket; stays the
 *	caller's, the object has a duplicate of its own (O_CLOEXEC)
 * @dev: the device that exported it, to command it as its owner does; or NULL: such an object can
 *	be mapped, registered and destroyed, all else is EOPNOTSUPP
 *
 * Return: the dma-buf, or NULL with errno: EBADF; EINVAL not a dma-buf; ENODEV not exported by
 * @dev; EOPNOTSUPP @dev lacks VFIOWC_CAP_QUERY, so that cannot be told; EMFILE; ENOMEM.
 */
struct vfiowc_buf *vfiowc_import(int dmabuf_fd, struct vfiowc_device *dev);

/**
 * vfiowc_destroy_buf - close the object's dma-buf fd and free the object
 * @buf: the dma-buf
 *
 * This is no revoke: MRs registered from @buf, and holders of other fds of it, keep it alive in
 * the kernel.
 *
 * Return: 0; EBUSY while a vfiowc_mapping of @buf exists (nothing changed).
 */
int vfiowc_destroy_buf(struct vfiowc_buf *buf);

/**
 * vfiowc_buf_fd - the dma-buf fd, for passing on; it stays the object's, do not close it
 */
int vfiowc_buf_fd(const struct vfiowc_buf *buf);

enum vfiowc_buf_state {
	VFIOWC_BUF_LIVE		= 0,
	VFIOWC_BUF_REVOKED_TEMP	= 1, /* reset, D3, memory decode off: heals by itself */
	VFIOWC_BUF_REVOKED	= 2, /* by request, or the device was closed */
};

/* comp_mask of struct vfiowc_buf_attr, set by the library: the fields below it are observed. */
#define VFIOWC_BUF_ATTR_KERNEL (1ULL << 0)

/**
 * struct vfiowc_buf_attr - what vfiowc_query_buf() tells
 * @comp_mask: VFIOWC_BUF_ATTR_KERNEL when the kernel could be asked about @state and what follows
 * @size_bytes: size of the dma-buf
 * @mem_type: enum vfiowc_mem_type that future mappings ask for
 * @imported: 1 when the object was made by vfiowc_import()
 * @bar: BAR it was exported from
 * @num_ranges: parts of that BAR
 * @state: enum vfiowc_buf_state
 * @num_importers: attachments of importers, of all processes
 * @num_mappings: CPU mappings, of all processes
 * @reserved: 0
 */
struct vfiowc_buf_attr {
	uint64_t comp_mask;
	uint64_t size_bytes;
	uint32_t mem_type;
	uint32_t imported;
	uint32_t bar;
	uint32_t num_ranges;
	uint32_t state;
	uint32_t num_importers;
	uint32_t num_mappings;
	uint32_t reserved;
};

/**
 * vfiowc_query_buf - size, type and state of a dma-buf; works on revoked ones
 * @buf: the dma-buf
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Return: 0; EINVAL @inlen too small; ENODEV the device is gone.
 */
int vfiowc_query_buf(struct vfiowc_buf *buf, struct vfiowc_buf_attr *attr, uint32_t inlen);

/**
 * vfiowc_set_memattr - memory type of future mappings, by anyone, of this dma-buf
 * @buf: the dma-buf
 * @type: present mappings keep theirs (O11)
 *
 * Return: 0; EOPNOTSUPP unknown type, or without VFIOWC_CAP_MEM_TYPE WC; EBADFD
 * revoked for good; ENODEV the device is gone.
 */
int vfiowc_set_memattr(struct vfiowc_buf *buf, enum vfiowc_mem_type type);

/**
 * vfiowc_get_memattr - memory type that future mappings ask for
 * @buf: the dma-buf
 * @type: receives it
 *
 * From the kernel where it tells, else what was set through this object.
 *
 * Return: 0; EOPNOTSUPP imported without its device; ENODEV the device is gone.
 */
int vfiowc_get_memattr(struct vfiowc_buf *buf, enum vfiowc_mem_type *type);

/* The two namespaces of steering tags; a tag of one means nothing in the other. */
enum vfiowc_tph_flags {
	VFIOWC_TAG_ST		= 1 << 0, /* vfiowc_tph.st is valid */
	VFIOWC_TAG_ST_EXT	= 1 << 1, /* vfiowc_tph.st_ext is valid */
};

/**
 * struct vfiowc_tph - TPH tags published on a dma-buf
 * @flags: enum vfiowc_tph_flags
 * @st_ext: 16-bit extended steering tag
 * @st: 8-bit steering tag
 * @ph: processing hint, 0 to 3
 */
struct vfiowc_tph {
	uint32_t flags;
	uint16_t st_ext;
	uint8_t st;
	uint8_t ph;
};

/**
 * vfiowc_set_tph - publish steering tags for the importers of a dma-buf
 * @buf: the dma-buf
 * @tph: replaces everything set before
 *
 * Importers read the tags when they register: live MRs keep what they read. That a tag was
 * accepted does not mean that a NIC sends it; see vfiowc_query_mr_tph(). Tags never change order
 * (O8).
 *
 * Return: 0; EINVAL no flag, an unknown flag, @ph over 3, or a tag whose flag is not set;
 * EOPNOTSUPP without VFIOWC_CAP_TPH, the device is no TPH completer, or no extended one for
 * ST_EXT; EBADFD revoked for good; ENODEV the device is gone.
 */
int vfiowc_set_tph(struct vfiowc_buf *buf, const struct vfiowc_tph *tph);

/**
 * vfiowc_clear_tph - withdraw the steering tags
 * @buf: the dma-buf
 *
 * Return: as vfiowc_set_tph().
 */
int vfiowc_clear_tph(struct vfiowc_buf *buf);

/**
 * vfiowc_get_tph - the tags published now; flags 0 when there are none
 * @buf: the dma-buf
 * @tph: receives them
 *
 * From the kernel where it tells, else what was set through this object.
 *
 * Return: 0; EOPNOTSUPP without VFIOWC_CAP_TPH, or the device is no TPH completer; EBADFD revoked
 * for good; ENODEV the device is gone.
 */
int vfiowc_get_tph(struct vfiowc_buf *buf, struct vfiowc_tph *tph);

/**
 * vfiowc_revoke - take a dma-buf away from everyone, for good
 * @buf: the dma-buf
 *
 * When it returns 0, what O9 says holds: CPU mappings in every process give SIGBUS and their
 * stores are delivered; importers use the memory no more. Waits for importers, so it may block:
 * call it from a thread that can. Export again to go on.
 *
 * Return: 0; EBADFD it was revoked already (and is drained); EOPNOTSUPP without VFIOWC_CAP_REVOKE;
 * ETIMEDOUT somebody's fence did not signal (mappings are gone all the same); EINTR a signal came
 * before anything changed; ENODEV the device is gone.
 */
int vfiowc_revoke(struct vfiowc_buf *buf);

/* ---- CPU mapping ----------------------------------------------------------------------------- */

enum vfiowc_map_flags {
	VFIOWC_MAP_READ_ONLY	= 1 << 0, /* stores give SIGSEGV */
	VFIOWC_MAP_MIXED	= 1 << 1, /* allow an overlap with a mapping of another type (O11) */
	VFIOWC_MAP_CHECKED	= 1 << 2, /* find missing flushes, see vfiowc_map_checked(7) */
};

/**
 * struct vfiowc_unflushed - a line of a checked map that was stored to and never flushed
 * @comp_mask: 0 today
 * @pci_address: of the device, or ""
 * @bar: where the line is: BAR, or UINT32_MAX when only its place in the dma-buf is known
 * @bytes: how many of its 64 bytes have not arrived
 * @offset: of the line in @bar, or in the dma-buf
 * @caller: return address of the vfiowc_map() call
 * @seed: of the order in which flushed lines arrived, for VFIOWC_MAP_CHECKED_SEED
 * @thread: who stored first
 * @reserved: 0
 */
struct vfiowc_unflushed {
	uint64_t comp_mask;
	char pci_address[16];
	uint32_t bar;
	uint32_t bytes;
	uint64_t offset;
	const void *caller;
	uint64_t seed;
	int32_t thread;
	uint32_t reserved;
};

/**
 * vfiowc_set_check_report - take the reports of checked maps
 * @function: called for each line when its mapping ends, or at exit; must not use the library. NULL:
 *	they are printed on stderr again
 * @context: handed to it
 */
void vfiowc_set_check_report(void (*function)(const struct vfiowc_unflushed *line, void *context),
			     void *context);

/**
 * vfiowc_map - map a part of a dma-buf into this process
 * @buf: the dma-buf
 * @offset: bytes into the dma-buf, any alignment
 * @length: bytes, not 0; the pages around [offset, offset + length) become accessible
 * @flags: enum vfiowc_map_flags
 *
 * The mapping has the dma-buf's memory type of this moment. The same bytes under two types at once
 * are refused unless VFIOWC_MAP_MIXED says so; seen are the mappings made through one
 * vfiowc_device of what it exported, and those of one vfiowc_buf otherwise. After a revoke an
 * access gives SIGBUS; after a temporary cause the same mapping works again.
 *
 * With VFIOWC_MAP_CHECKED, or VFIOWC_MAP_CHECKED=1 in the environment, a WC mapping that can be
 * stored to holds back what is not flushed (O2) and tells when it ends what never was. It
 * has no effect on NC and read-only mappings.
 *
 * Return: the mapping, or NULL with errno: EINVAL @offset, @length or @flags; EBUSY it would
 * overlap a mapping of another type; EACCES or EPERM a checked map could not put its traps into
 * the code; EOPNOTSUPP this exporter's dma-bufs cannot be mapped (stock vfio-pci's cannot;
 * vfiowc_explain_cap() says what can); ENODEV revoked; ENOMEM.
 */
struct vfiowc_mapping *vfiowc_map(struct vfiowc_buf *buf, uint64_t offset, uint64_t length,
				  uint32_t flags);

/**
 * vfiowc_map_addr - address of the byte at the offset that was mapped
 */
void *vfiowc_map_addr(const struct vfiowc_mapping *map);

/**
 * struct vfiowc_region_attr - a part of a BAR, to be mapped through the device fd
 * @comp_mask: 0
 * @bar: 0 to 5
 * @num_types, @types: memory types from most to least wanted, the first that works is taken; NULL, 0
 *	means NC
 * @offset, @length: as in struct vfiowc_range
 */
struct vfiowc_region_attr {
	uint64_t comp_mask;
	uint32_t bar;
	uint32_t num_types;
	uint64_t offset;
	uint64_t length;
	const enum vfiowc_mem_type *types;
};

/**
 * vfiowc_region_offset - where mmap() of the device fd gives a part of a BAR with a memory type
 * @dev: the device
 * @attr: the part, and the types
 * @inlen: sizeof(*attr)
 * @mmap_offset: receives the offset, opaque, for mmap() of vfiowc_device_fd(); good until the device is
 *	closed, for any part of what was asked for
 * @type: receives the type that was taken; may be NULL
 *
 * For programs that map the device fd themselves, and for each request: VFIO's regions stay as they are,
 * and so do the mappings made at their offsets. No dma-buf is made that could be handed on. Mappings
 * made this way are not known to the library: it does not refuse to mix their types (O11).
 *
 * Return: 0; EINVAL @attr is malformed, or not whole pages inside the BAR; ENODEV the device has no such
 * BAR, or is gone; EOPNOTSUPP none of the types can be had (without VFIOWC_CAP_REGION_TYPE, WC only after vfiowc_open_device_wc()),
 * or the BAR is not mappable; ENOMEM, or too many different requests; what the driver says.
 */
int vfiowc_region_offset(struct vfiowc_device *dev, const struct vfiowc_region_attr *attr, uint32_t inlen,
			 uint64_t *mmap_offset, enum vfiowc_mem_type *type);

/**
 * vfiowc_map_region - map a part of a BAR through the device fd
 * @dev: the device
 * @attr: the part, and the types
 * @inlen: sizeof(*attr)
 * @flags: enum vfiowc_map_flags
 *
 * For memory that only its owner reaches: no dma-buf, and so nothing to register, to hand on or to
 * revoke. The mapping is used, queried and ended as any other; it is taken away by what takes all of
 * the device's memory away (SIGBUS), and with vfiowc_pci it comes back when the cause is over. On stock
 * vfio-pci this is the CPU's only way to the memory: NC, or WC after vfiowc_open_device_wc().
 *
 * Return: the mapping, or NULL with errno: as vfiowc_region_offset() and vfiowc_map().
 */
struct vfiowc_mapping *vfiowc_map_region(struct vfiowc_device *dev, const struct vfiowc_region_attr *attr,
					 uint32_t inlen, uint32_t flags);

/* Memory type in the page table. An MTRR or a hypervisor may still override it. */
enum vfiowc_effective_type {
	VFIOWC_EFFECTIVE_OTHER		= 0,
	VFIOWC_EFFECTIVE_UC_MINUS	= 1, /* x86 UC-; arm64 Device-nGnRnE: what NC becomes */
	VFIOWC_EFFECTIVE_WC		= 2, /* x86 WC; arm64 Normal-NC */
	VFIOWC_EFFECTIVE_UC		= 3,
	VFIOWC_EFFECTIVE_WB		= 4,
};

/**
 * struct vfiowc_map_attr - what vfiowc_query_map() tells
 * @comp_mask: 0 today
 * @length: as mapped
 * @page_bytes: size of the page behind the first byte; 0 when that cannot be told
 * @requested: enum vfiowc_mem_type
 * @effective: enum vfiowc_effective_type, read back from the page table; of a mapping by
 *	vfiowc_map_region() without VFIOWC_CAP_MAP_QUERY: what the kernel's list of types says
 */
struct vfiowc_map_attr {
	uint64_t comp_mask;
	uint64_t length;
	uint64_t page_bytes;
	uint32_t requested;
	uint32_t effective;
};

/**
 * vfiowc_query_map - memory type asked for, and the one in the page table
 * @map: the mapping
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Looks at the page of the first mapped byte and does not touch it (a load may have side effects
 * in a device): load or store there first.
 *
 * Return: 0; EINVAL @inlen too small; ENODATA the page was not touched yet, or is revoked now;
 * EOPNOTSUPP imported without its device, or the device lacks VFIOWC_CAP_MAP_QUERY (and nor is there a
 * list); EACCES the list is root's; ENODEV the device is gone.
 */
int vfiowc_query_map(struct vfiowc_mapping *map, struct vfiowc_map_attr *attr, uint32_t inlen);

/**
 * vfiowc_unmap - end a mapping
 * @map: the mapping; its addresses are invalid afterwards
 *
 * WC stores not flushed before are posted at some later time (O2).
 *
 * Return: 0.
 */
int vfiowc_unmap(struct vfiowc_mapping *map);

/* ---- memory region --------------------------------------------------------------------------- */

/**
 * vfiowc_reg_mr - register a part of a dma-buf with any RDMA device
 * @buf: the dma-buf
 * @pd: a PD of any provider
 * @offset: bytes into the dma-buf, any alignment
 * @length: bytes, not 0
 * @iova: address of the first byte in work requests; same offset within a page as @offset
 * @access: enum ibv_access_flags
 *
 * ibv_reg_dmabuf_mr() with fd, offset, length and iova checked against each other. The MR is an
 * ordinary one: ibv_dereg_mr() ends it, before or after vfiowc_destroy_buf(). An MR whose dma-buf
 * was revoked, even for a time, completes work with errors until it is registered again.
 *
 * Return: the MR, or NULL with errno: EINVAL the part is not inside the dma-buf, @iova does not
 * match @offset or wraps, or remote write or atomic access without local write; EOPNOTSUPP the
 * provider cannot register dma-bufs, or the NIC cannot follow revocation; ENODEV revoked; EBUSY
 * (vfiowc_rdma) the BAR was mapped write-combined when its device was opened; what
 * ibv_reg_dmabuf_mr() says.
 */
struct ibv_mr *vfiowc_reg_mr(struct vfiowc_buf *buf, struct ibv_pd *pd, uint64_t offset,
			     uint64_t length, uint64_t iova, int access);

enum vfiowc_tag_namespace {
	VFIOWC_NS_NONE		= 0,
	VFIOWC_NS_ST		= 1,
	VFIOWC_NS_ST_EXT	= 2,
};

enum vfiowc_mr_tph_state {
	VFIOWC_MR_STATE_LIVE		= 0,
	VFIOWC_MR_STATE_INVALIDATED	= 1, /* register again */
};

/**
 * struct vfiowc_mr_tph - what vfiowc_query_mr_tph() tells
 * @comp_mask: 0 today
 * @valid: 1 when the MR has a tag
 * @ns: enum vfiowc_tag_namespace of @st
 * @st: steering tag that the importer read at registration
 * @ph: processing hint
 * @state: enum vfiowc_mr_tph_state
 * @reserved: 0
 */
struct vfiowc_mr_tph {
	uint64_t comp_mask;
	uint32_t valid;
	uint32_t ns;
	uint32_t st;
	uint32_t ph;
	uint32_t state;
	uint32_t reserved;
};

/**
 * vfiowc_query_mr_tph - the tags that the importer of an MR holds
 * @mr: an MR, from vfiowc_reg_mr() or not
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Return: 0; EINVAL @inlen too small; EOPNOTSUPP the RDMA device's driver cannot tell (only
 * vfiowc_rdma can today); EIO the RDMA device is gone.
 */
int vfiowc_query_mr_tph(struct ibv_mr *mr, struct vfiowc_mr_tph *attr, uint32_t inlen);

#ifdef __cplusplus
}
#endif

#endif /* INFINIBAND_VFIOWC_H */
