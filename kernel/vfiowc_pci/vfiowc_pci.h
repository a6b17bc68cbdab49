/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the exporter, and who may touch what.
 *
 * A dma-buf that a user holds is the *outer* one, ours.  It stands on an
 * *inner* one that vfio-pci-core made for the same request and that no user
 * ever sees.  We import the inner with a revocable attachment, the *canary*:
 * while the canary is mapped, the memory may be used; when core invalidates
 * it, we cut everybody off and unmap it, and core waits for that.
 *
 * Lock order, outermost first:
 *
 *	device_lock, dev_set->lock		(PCI and VFIO core)
 *	mmap_lock
 *	vfiowc_device.regions_lock		(the list; a leaf)
 *	vfio_pci_core_device.memory_lock	(core calls the canary with it held)
 *	vfiowc_bufs_lock			(the list; never held while waiting)
 *	dma_resv of the inner, shared by the outer
 *	i_mmap_rwsem, page table locks		(zap, PTE install)
 *
 * The canary's callback runs with memory_lock (write) and resv held: it takes
 * neither.  reset_prepare runs with memory_lock held or not, depending on who
 * resets: it only tries it.  It and error_detected only try resv, too, until
 * their time is up: core may hold it as long as a client's fence does not
 * signal.
 */
#ifndef _VFIOWC_PCI_H
#define _VFIOWC_PCI_H

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/vfio_pci_core.h>
#include <linux/wait.h>

#include <linux/vfio_dmabuf.h>

/* Bits of vfiowc_device.blocked: why nothing may be granted just now. */
enum vfiowc_block {
	VFIOWC_BLOCK_RESET,
	VFIOWC_BLOCK_AER,
};

/* Bits of vfiowc_buf.flags. */
enum vfiowc_buf_flag {
	VFIOWC_BUF_REVOKED,	/* by request; never cleared */
	VFIOWC_BUF_DIRTY,	/* CPUs may have stored since the last drain */
};

/**
 * struct vfiowc_device - one PCI function
 * @core: must be first (vfio_alloc_device)
 * @blocked: enum vfiowc_block
 * @nr_lazy: dma-bufs exported with memory decode off, still without a canary
 * @tph_completer: DEVCAP2 13:12, reserved encoding folded to none
 * @regions: what offsets of REGION_MMAP stand for, under @regions_lock
 * @regions_lock: see region.c
 * @nr_regions: how many there were since the device was opened
 */
struct vfiowc_device {
	struct vfio_pci_core_device core;
	unsigned long blocked;
	atomic_t nr_lazy;
	u32 tph_completer;
	struct list_head regions;
	struct mutex regions_lock;	/* the list, see region.c */
	u32 nr_regions;
};

/**
 * struct vfiowc_view - what a VMA was made with
 * @buf: the dma-buf; the VMA's file keeps it
 * @memattr: type requested at mmap time
 */
struct vfiowc_view {
	struct vfiowc_buf *buf;
	u32 memattr;
};

/**
 * struct vfiowc_buf - one exported dma-buf
 *
 * Constant after creation:
 * @ref: one for the outer dma-buf, one for each walker of the list
 * @inode: the outer's, with a reference of our own: its mapping stays valid
 *	even when somebody keeps the dma-buf alive through an O_PATH fd after
 *	its file is gone, so callbacks never look at dmabuf->file
 * @inner: core's dma-buf; owns @resv
 * @resv: shared by inner and outer
 * @pdev: the function, with a reference
 * @provider: PCI peer-to-peer provider; devres of @pdev, use only while armed
 * @phys: the ranges, in the dma-buf's order
 * @size: bytes
 * @nr_ranges: ranges in @phys
 * @bar: region index
 * @export_flags: VFIOWC_EXPORT_*
 * @mappable: the BAR can be mapped by the CPU
 * @views: per memory type, for vm_private_data
 *
 * Under @resv:
 * @dmabuf: the outer; NULL once its release began
 * @vdev: the device; NULL once it was closed.  Stable without @resv in an
 *	ioctl or write of that device, which keep it open
 * @canary: our attachment to @inner; NULL if decode was off at export, and
 *	once release began; read also without, to see whether it is there
 * @canary_sgt: non-NULL while the canary is mapped
 * @armed: access may be granted; implies @canary_sgt and not revoked
 * @nr_maps: importers' live mappings; read also without
 * @memattr: type of future mmaps; read also without
 * @tph: published tags; flags read also without
 *
 * Without a lock:
 * @flags: enum vfiowc_buf_flag, atomic bit operations
 * @nr_importers: attachments
 * @nr_mappings: VMAs
 * @idle: woken when @nr_maps drops to 0
 * @node: in the list of all, under vfiowc_bufs_lock
 */
struct vfiowc_buf {
	struct kref ref;
	struct inode *inode;
	struct dma_buf *inner;
	struct dma_resv *resv;
	struct pci_dev *pdev;
	struct p2pdma_provider *provider;
	struct phys_vec *phys;
	size_t size;
	u32 nr_ranges;
	u32 bar;
	u32 export_flags;
	bool mappable;
	struct vfiowc_view views[VFIOWC_MEMATTR_NATURAL + 1];

	struct dma_buf *dmabuf;
	struct vfiowc_device *vdev;
	struct dma_buf_attachment *canary;
	struct sg_table *canary_sgt;
	bool armed;
	u32 nr_maps;
	u32 memattr;
	struct {
		u32 flags;
		u16 st_ext;
		u8 st;
		u8 ph;
	} tph;

	unsigned long flags;
	atomic_t nr_importers;
	atomic_t nr_mappings;
	wait_queue_head_t idle;
	struct list_head node;
};

/**
 * struct vfiowc_grant - what core granted for one DMA_BUF GET
 * @inner: core's dma-buf, a reference
 * @provider: see struct vfiowc_buf
 * @phys: the ranges as core computed them; kfree
 * @nr_ranges: entries of @phys
 * @bar: region index
 * @cloexec: the user asked for O_CLOEXEC
 */
struct vfiowc_grant {
	struct dma_buf *inner;
	struct p2pdma_provider *provider;
	struct phys_vec *phys;
	u32 nr_ranges;
	u32 bar;
	bool cloexec;
};

static inline struct vfiowc_device *
vfiowc_from_core(struct vfio_pci_core_device *core)
{
	return container_of(core, struct vfiowc_device, core);
}

static inline struct vfiowc_device *vfiowc_from_vfio(struct vfio_device *vfio)
{
	return container_of(vfio, struct vfiowc_device, core.vdev);
}

static inline bool vfiowc_buf_revoked(const struct vfiowc_buf *buf)
{
	return test_bit(VFIOWC_BUF_REVOKED, &buf->flags);
}

/* The only two ways to change nr_maps; who reads it without resv polls it. */
static inline void vfiowc_buf_maps_inc(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	WRITE_ONCE(buf->nr_maps, buf->nr_maps + 1);
}

static inline u32 vfiowc_buf_maps_dec(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	WRITE_ONCE(buf->nr_maps, buf->nr_maps - 1);
	return buf->nr_maps;
}

static inline bool vfiowc_memattr_known(u32 memattr)
{
	return memattr <= VFIOWC_MEMATTR_NATURAL;
}

/* feature.c */
int vfiowc_device_feature(struct vfio_device *vfio, u32 flags,
			  void __user *arg, size_t argsz);

/* export.c */
extern const struct vfio_pci_device_ops vfiowc_dev_ops;
int vfiowc_core_get(struct vfiowc_device *vdev, void __user *arg, size_t argsz,
		    struct vfiowc_grant *grant);
void vfiowc_grant_drop(struct vfiowc_grant *grant);
int vfiowc_feature_dma_buf(struct vfiowc_device *vdev, u32 flags,
			   void __user *arg, size_t argsz);
int vfiowc_feature_export(struct vfiowc_device *vdev, u32 flags,
			  void __user *arg, size_t argsz);

/* dmabuf.c */
struct vfiowc_buf *vfiowc_buf_create(struct vfiowc_device *vdev,
				     struct vfiowc_grant *grant,
				     u32 memattr, u32 export_flags);
struct vfiowc_buf *vfiowc_buf_of(struct dma_buf *dmabuf);
struct vfiowc_buf *vfiowc_buf_next(struct vfiowc_device *vdev,
				   struct vfiowc_buf *prev);
void vfiowc_buf_may_walk(void);
void vfiowc_buf_put(struct vfiowc_buf *buf);

/* revoke.c */
int vfiowc_buf_arm(struct vfiowc_buf *buf);
int vfiowc_buf_attach_canary(struct vfiowc_buf *buf);
void vfiowc_buf_settle(struct vfiowc_buf *buf);
void vfiowc_buf_drain_late(struct vfiowc_buf *buf);
int vfiowc_buf_revoke(struct vfiowc_buf *buf);
int vfiowc_buf_state(struct vfiowc_buf *buf, u32 *state);
void vfiowc_block(struct vfiowc_device *vdev, enum vfiowc_block why,
		  bool reachable);
void vfiowc_unblock(struct vfiowc_device *vdev, enum vfiowc_block why);
void vfiowc_attach_missing(struct vfiowc_device *vdev);
void vfiowc_disown(struct vfiowc_device *vdev);

/* mmap.c */
int vfiowc_dma_buf_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma);
struct vfiowc_view *vfiowc_vma_view(struct vm_area_struct *vma);

/* region.c */
void vfiowc_regions_init(struct vfiowc_device *vdev);
void vfiowc_regions_close(struct vfiowc_device *vdev);
int vfiowc_region_get(struct vfiowc_device *vdev,
		      struct vfiowc_feature_region_mmap *req,
		      void __user *arg);
bool vfiowc_is_region(struct vm_area_struct *vma);
int vfiowc_region_mmap(struct vfiowc_device *vdev, struct vm_area_struct *vma);

/* map_query.c */
int vfiowc_map_query(struct vfiowc_device *vdev,
		     struct vfiowc_feature_map_query *query);

/* tph.c */
u32 vfiowc_tph_override(void);
u32 vfiowc_tph_effective(struct vfiowc_device *vdev);
u32 vfiowc_tph_read_completer(struct pci_dev *pdev);
int vfiowc_tph_check(struct vfiowc_device *vdev,
		     const struct vfiowc_feature_tph *tph);
void vfiowc_buf_set_tph(struct vfiowc_buf *buf,
			const struct vfiowc_feature_tph *tph);
void vfiowc_buf_get_tph(struct vfiowc_buf *buf, struct vfiowc_feature_tph *tph);

/* debugfs.c */
void vfiowc_debugfs_init(void);
void vfiowc_debugfs_exit(void);

#endif /* _VFIOWC_PCI_H */
