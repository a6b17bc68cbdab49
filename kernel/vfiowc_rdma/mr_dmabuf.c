// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions in dma-bufs: the importer.
 *
 * The device attaches as a revocable importer and reaches the memory by the CPU:
 *  - dma-bufs of vfiowc_pci through its private function, which lends the mapping
 *    that vfio-pci-core made of the BAR when the device was opened, so that a region
 *    costs the same whatever its length;
 *  - exporters of system memory (udmabuf, heaps, DRM) through dma_buf_vmap();
 *  - stock vfio-pci through a scatter list, where one makes sense (mr_sgt.c);
 *  - others: EOPNOTSUPP.
 *
 * Invalidated, for a time or for good, means cut off until the application
 * registers again (uapi.md): the mapping is given back inside the callback and
 * never renewed.  The steering tag is read once, at registration, in the
 * namespace the device can emit; tags are never converted.
 *
 * dmabuf->resv protects mr->mapped and everything it stands for (ranges, vmap).
 * Order: attach (takes resv itself), resv { map, tag, wait for the exporter, publish };
 * the other way round resv { drain, unmap }, detach, put.  The callback runs with resv held
 * and waits for engines, which never take resv (O9).
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_io.h"
#include "vfiowc_rdma.h"

MODULE_IMPORT_NS("DMA_BUF");

/* Moving memory takes as long as copying it does; an exporter that hangs is given up. */
#define EXPORTER_WAIT_MS	10000

#ifdef HAVE_DMA_BUF_GET_PCI_TPH
/* The kernel asks whichever exporter it is. */
static int get_tag(struct dma_buf *dmabuf, bool extended, u16 *st, u8 *ph)
{
	return dma_buf_get_pci_tph(dmabuf, extended, st, ph);
}
#else
/* Ours is the only exporter that has tags; it says of others' dma-bufs that they have none. */
static int get_tag(struct dma_buf *dmabuf, bool extended, u16 *st, u8 *ph)
{
	typeof(vfiowc_dma_buf_get_tph) *get_tph;
	int err;

	get_tph = symbol_get(vfiowc_dma_buf_get_tph);
	if (!get_tph)
		return -EOPNOTSUPP;
	err = get_tph(dmabuf, extended, st, ph);
	symbol_put(vfiowc_dma_buf_get_tph);
	return err;
}
#endif

static void read_tag(struct vfiowc_mr *mr)
{
	u8 ns = READ_ONCE(mr->dev->tph_emit);
	u16 st;
	u8 ph;

	if (ns == VFIOWC_TPH_NS_NONE)
		return;
	if (!get_tag(mr->dmabuf, ns == VFIOWC_TPH_NS_ST_EXT, &st, &ph)) {
		mr->tag.ns = ns;
		mr->tag.st = st;
		mr->tag.ph = ph;
	}
}

/* -EOPNOTSUPP: not a dma-buf of vfiowc_pci. */
static int map_vfiowc_pci(struct vfiowc_mr *mr)
{
	typeof(vfiowc_dma_buf_cpu_map) *cpu_map;
	struct vfiowc_cpu_range *lent;
	int err;
	u32 nr;

	cpu_map = symbol_get(vfiowc_dma_buf_cpu_map);
	if (!cpu_map)
		return -EOPNOTSUPP;
	mr->cpu_unmap = symbol_get(vfiowc_dma_buf_cpu_unmap);
	err = mr->cpu_unmap ? cpu_map(mr->attach, &lent, &nr) : -EOPNOTSUPP;
	symbol_put(vfiowc_dma_buf_cpu_map);
	if (err)
		goto err_symbol;

	mr->kind = VFIOWC_MEM_BUF_IO;
	err = vfiowc_mr_ranges_set(mr, lent, nr);
	kfree(lent);
	if (err)
		goto err_unmap;
	return 0;

err_unmap:
	mr->cpu_unmap(mr->attach);
err_symbol:
	if (mr->cpu_unmap)
		symbol_put(vfiowc_dma_buf_cpu_unmap);
	mr->cpu_unmap = NULL;
	return err;
}

/* The exporter decided how it is mapped; what is said of range_add() holds here, too. */
static int vmap_io(struct vfiowc_mr *mr)
{
	if (!vfiowc_io_uncached(mr->vmap.vaddr_iomem))
		return -EBUSY;
	mr->kind = VFIOWC_MEM_BUF_IO;
	mr->ranges = kzalloc_obj(*mr->ranges);
	if (!mr->ranges)
		return -ENOMEM;
	mr->ranges->len = mr->length;
	mr->ranges->io = mr->vmap.vaddr_iomem + mr->buf_offset;
	return 0;
}

static int map_vmap(struct vfiowc_mr *mr)
{
	int err;

	if (!mr->dmabuf->ops->vmap)
		return -EOPNOTSUPP;
	err = dma_buf_vmap(mr->dmabuf, &mr->vmap);
	if (err)
		return err;
	if (mr->vmap.is_iomem) {
		err = vmap_io(mr);
		if (err)
			dma_buf_vunmap(mr->dmabuf, &mr->vmap);
		return err;
	}
	mr->kind = VFIOWC_MEM_BUF_RAM;
	mr->vaddr = mr->vmap.vaddr + mr->buf_offset;
	return 0;
}

static int map_sgt(struct vfiowc_mr *mr)
{
	struct vfiowc_cpu_range *ranges;
	int err;
	u32 nr;

	err = vfiowc_mr_sgt_map(mr, &ranges, &nr);
	if (err)
		return err;
	mr->kind = VFIOWC_MEM_BUF_IO;
	err = vfiowc_mr_ranges_set(mr, ranges, nr);
	kfree(ranges);
	if (!err)
		return 0;
	vfiowc_mr_ranges_unmap(mr);
	vfiowc_mr_sgt_unmap(mr);
	return err;
}

/* Attached as itself the device is given memory in one way, as its function in another. */
static int map_any(struct vfiowc_mr *mr)
{
	int err;

	if (mr->dma_dev)
		return map_sgt(mr);
	err = map_vfiowc_pci(mr);
	return err == -EOPNOTSUPP ? map_vmap(mr) : err;
}

static int mr_map(struct vfiowc_mr *mr)
{
	int err;

	dma_resv_assert_held(mr->dmabuf->resv);

	err = map_any(mr);
	if (err)
		return err;
	read_tag(mr);
	mr->tag.target = mr->kind;
	mr->mapped = true;
	return 0;
}

/* Cut the MR off and give the memory back; nothing is delivered afterwards. */
static void mr_unmap(struct vfiowc_mr *mr)
{
	dma_resv_assert_held(mr->dmabuf->resv);

	if (!mr->mapped)
		return;
	mr->mapped = false;
	vfiowc_mr_drain(mr);
	if (mr->sgt) {
		vfiowc_mr_ranges_unmap(mr);
		vfiowc_mr_sgt_unmap(mr);
	} else if (mr->cpu_unmap) {
		mr->cpu_unmap(mr->attach);
	} else {
		dma_buf_vunmap(mr->dmabuf, &mr->vmap);
	}
}

static void mr_invalidate(struct dma_buf_attachment *attach)
{
	struct vfiowc_mr *mr = attach->importer_priv;

	if (mr->mapped)
		vfiowc_count(mr->dev, VFIOWC_CNT_INVALIDATIONS, 1);
	mr_unmap(mr);
}

static const struct dma_buf_attach_ops mr_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = mr_invalidate,
};

/*
 * The mapping is there; its bytes may still be on their way (a migration), until the
 * kernel's own fences have signalled, for which nobody needs resv.
 */
static int wait_for_exporter(struct vfiowc_mr *mr)
{
	long left;

	left = dma_resv_wait_timeout(mr->dmabuf->resv, DMA_RESV_USAGE_KERNEL,
				     true, msecs_to_jiffies(EXPORTER_WAIT_MS));
	if (left < 0)
		return left;
	return left ? 0 : -ETIMEDOUT;
}

static int mr_map_and_publish(struct vfiowc_mr *mr)
{
	struct dma_resv *resv = mr->dmabuf->resv;
	int err;

	err = dma_resv_lock_interruptible(resv, NULL);
	if (err)
		return err;
	err = mr_map(mr);
	if (err)
		goto out;
	err = wait_for_exporter(mr);
	if (!err)
		err = vfiowc_mr_publish(mr);
	if (err)
		mr_unmap(mr);
out:
	dma_resv_unlock(resv);
	return err;
}

static void mr_detach(struct vfiowc_mr *mr)
{
	dma_buf_detach(mr->dmabuf, mr->attach);
	if (mr->cpu_unmap)
		symbol_put(vfiowc_dma_buf_cpu_unmap);
	kfree(mr->ranges);
	mr->ranges = NULL;
	put_device(mr->dma_dev);
	mr->dma_dev = NULL;
}

/* Attached as @mr->dma_dev, or as the device itself; mapped, and found by engines. */
static int mr_attach(struct vfiowc_mr *mr)
{
	struct device *as = mr->dma_dev ?: &mr->dev->ibdev.dev;
	int err;

	mr->attach = dma_buf_dynamic_attach(mr->dmabuf, as, &mr_attach_ops, mr);
	if (IS_ERR(mr->attach)) {
		put_device(mr->dma_dev);
		return PTR_ERR(mr->attach);
	}
	err = mr_map_and_publish(mr);
	if (err)
		mr_detach(mr);
	return err;
}

/* The ways to memory that need no DMA addresses come first. */
static int mr_import(struct vfiowc_mr *mr, u64 offset)
{
	u64 size = mr->dmabuf->size;
	int err;

	if (offset > size || mr->length > size - offset)
		return -EINVAL;
	mr->buf_offset = offset;
	err = mr_attach(mr);
	if (err != -EOPNOTSUPP)
		return err;
	mr->dma_dev = vfiowc_dma_identity(mr->dev);
	return mr->dma_dev ? mr_attach(mr) : -EOPNOTSUPP;
}

/**
 * vfiowc_reg_user_mr_dmabuf - register part of a dma-buf; see ib_device_ops
 * @pd: PD
 * @offset: first byte in the dma-buf
 * @length: bytes
 * @iova: address used in work requests; agrees with @offset within a page (core)
 * @fd: dma-buf; not kept
 * @access: IB_ACCESS_*; REMOTE_WRITE without LOCAL_WRITE was refused by the core
 * @dmah: not supported: the exporter's tag is the only one, locked or not
 * @attrs: no driver attributes
 *
 * Return: the MR or an error pointer: -EINVAL not a dma-buf, outside of it;
 * -EBADF; -EBUSY I/O memory that the kernel can map write-combined only, or that its
 * exporter maps so; -ENODEV revoked; -EOPNOTSUPP access flags, or an exporter that
 * offers no way to reach its memory by the CPU; -EINTR; -ETIMEDOUT the exporter does not
 * come to an end of moving it; -ENOMEM; what the exporter says.
 */
struct ib_mr *vfiowc_reg_user_mr_dmabuf(struct ib_pd *pd, u64 offset,
					u64 length, u64 iova, int fd, int access,
					struct ib_dmah *dmah,
					struct uverbs_attr_bundle *attrs)
{
	struct vfiowc_mr *mr;
	int err;

	if (dmah)
		return ERR_PTR(-EOPNOTSUPP);
	mr = vfiowc_mr_alloc(pd, length, iova, access);
	if (IS_ERR(mr))
		return ERR_CAST(mr);

	mr->dmabuf = dma_buf_get(fd);
	if (IS_ERR(mr->dmabuf)) {
		err = PTR_ERR(mr->dmabuf);
		goto err_withdraw;
	}
	err = mr_import(mr, offset);
	if (err)
		goto err_put;
	return &mr->ibmr;

err_put:
	dma_buf_put(mr->dmabuf);
err_withdraw:
	vfiowc_mr_withdraw(mr);
	return ERR_PTR(err);
}

/**
 * vfiowc_mr_dmabuf_release - give back everything an MR holds of its dma-buf
 * @mr: live or invalidated; unusable afterwards
 */
void vfiowc_mr_dmabuf_release(struct vfiowc_mr *mr)
{
	dma_resv_lock(mr->dmabuf->resv, NULL);
	mr_unmap(mr);
	dma_resv_unlock(mr->dmabuf->resv);
	mr_detach(mr);
	dma_buf_put(mr->dmabuf);
}
