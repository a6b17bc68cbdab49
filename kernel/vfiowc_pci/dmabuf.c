// SPDX-License-Identifier: GPL-2.0
/*
 * The outer dma-buf: its life, the list of all of them, and what importers do
 * with it (attach, map to a scatter list, borrow the physical ranges).
 *
 * Locks: see vfiowc_pci.h.  attach takes resv; map, unmap and the exported
 * functions are called with it held; release takes bufs_lock and resv, one
 * after the other.
 */
#include <linux/dma-buf-mapping.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include "vfiowc_dma_buf.h"
#include "vfiowc_pci.h"

/* Every dma-buf of every device; the lock guards the links and last puts. */
static LIST_HEAD(vfiowc_bufs);
static DEFINE_MUTEX(vfiowc_bufs_lock);

/* The sg_table given to an importer, and core's tables it was put together from. */
struct vfiowc_sg {
	struct sg_table sgt;
	u32 nr;
	struct sg_table *part[] __counted_by(nr);
};

static void buf_free(struct kref *ref)
{
	struct vfiowc_buf *buf = container_of(ref, struct vfiowc_buf, ref);

	lockdep_assert_held(&vfiowc_bufs_lock);
	list_del(&buf->node);
	mutex_unlock(&vfiowc_bufs_lock);

	iput(buf->inode);
	dma_buf_put(buf->inner);
	pci_dev_put(buf->pdev);
	kfree(buf->phys);
	kfree(buf);
}

void vfiowc_buf_put(struct vfiowc_buf *buf)
{
	might_lock(&vfiowc_bufs_lock);
	kref_put_mutex(&buf->ref, buf_free, &vfiowc_bufs_lock);
}

/* For who walks the list only sometimes: lockdep then knows of it each time. */
void vfiowc_buf_may_walk(void)
{
	might_lock(&vfiowc_bufs_lock);
}

/**
 * vfiowc_buf_next - walk the list of dma-bufs
 * @vdev: only this device's; NULL: of any device
 * @prev: the one before; its reference is dropped.  NULL: begin
 *
 * @prev stays in the list while it is referenced, so the walk holds no lock
 * between two steps.
 *
 * Return: the next one, with a reference, or NULL.
 */
struct vfiowc_buf *vfiowc_buf_next(struct vfiowc_device *vdev,
				   struct vfiowc_buf *prev)
{
	struct vfiowc_buf *buf, *found = NULL;

	mutex_lock(&vfiowc_bufs_lock);
	buf = list_prepare_entry(prev, &vfiowc_bufs, node);
	list_for_each_entry_continue(buf, &vfiowc_bufs, node) {
		if (vdev && READ_ONCE(buf->vdev) != vdev)
			continue;
		if (kref_get_unless_zero(&buf->ref)) {
			found = buf;
			break;
		}
	}
	mutex_unlock(&vfiowc_bufs_lock);
	if (prev)
		vfiowc_buf_put(prev);
	return found;
}

static int buf_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attach)
{
	struct vfiowc_buf *buf = dmabuf->priv;
	int ret;

	if (!attach->peer2peer)
		return -EOPNOTSUPP;
	ret = dma_resv_lock_interruptible(buf->resv, NULL);
	if (ret)
		return ret;
	ret = vfiowc_buf_arm(buf);
	dma_resv_unlock(buf->resv);
	if (ret)
		return ret;
	/* Who cannot be told to let go would make every revoke wait forever. */
	if (!dma_buf_attach_revocable(attach))
		return -EOPNOTSUPP;
	atomic_inc(&buf->nr_importers);
	return 0;
}

static void buf_detach(struct dma_buf *dmabuf,
		       struct dma_buf_attachment *attach)
{
	struct vfiowc_buf *buf = dmabuf->priv;

	atomic_dec(&buf->nr_importers);
}

static void map_put(struct vfiowc_buf *buf)
{
	dma_resv_assert_held(buf->resv);
	if (WARN_ON_ONCE(!buf->nr_maps))
		return;
	if (buf->nr_maps == 1)
		vfiowc_buf_drain_late(buf);
	if (vfiowc_buf_maps_dec(buf))
		return;
	vfiowc_buf_settle(buf);
	wake_up_all(&buf->idle);
}

static void sg_release(struct dma_buf_attachment *attach, struct vfiowc_sg *sg,
		       enum dma_data_direction dir)
{
	u32 i;

	for (i = 0; i < sg->nr && sg->part[i]; i++) {
		/*
		 * Up to 7.3 dma_buf_free_sgt() frees by orig_nents, which
		 * dma_buf_phys_vec_to_sgt() left 0, and so leaks the list.
		 */
		sg->part[i]->orig_nents = sg->part[i]->nents;
		dma_buf_free_sgt(attach, sg->part[i], dir);
	}
	sg->sgt.orig_nents = sg->sgt.nents;
	sg_free_table(&sg->sgt);
	kfree(sg);
}

/* One list out of the parts; as core's, it has DMA addresses and no pages. */
static int sg_join(struct vfiowc_sg *sg)
{
	struct scatterlist *from, *to;
	unsigned int nents = 0;
	u32 i, j;
	int ret;

	for (i = 0; i < sg->nr; i++)
		if (check_add_overflow(nents, sg->part[i]->nents, &nents))
			return -EINVAL;
	ret = sg_alloc_table(&sg->sgt, nents, GFP_KERNEL);
	if (ret)
		return ret;
	to = sg->sgt.sgl;
	for (i = 0; i < sg->nr; i++) {
		for_each_sgtable_dma_sg(sg->part[i], from, j) {
			sg_set_page(to, NULL, 0, 0);
			sg_dma_address(to) = sg_dma_address(from);
			sg_dma_len(to) = sg_dma_len(from);
			to = sg_next(to);
		}
	}
	sg->sgt.orig_nents = 0;
	return 0;
}

/*
 * Each range is mapped by a call of its own: up to 7.3 a call with several
 * ranges links all of them at IOVA offset 0 and fails with -EADDRINUSE where
 * an IOMMU translates.
 */
static struct sg_table *sg_map(struct vfiowc_buf *buf,
			       struct dma_buf_attachment *attach,
			       enum dma_data_direction dir)
{
	struct vfiowc_sg *sg;
	u32 i;
	int ret;

	sg = kzalloc_flex(*sg, part, buf->nr_ranges);
	if (!sg)
		return ERR_PTR(-ENOMEM);
	sg->nr = buf->nr_ranges;
	for (i = 0; i < sg->nr; i++) {
		struct phys_vec *phys = &buf->phys[i];
		struct sg_table *part;

		part = dma_buf_phys_vec_to_sgt(attach, buf->provider, phys, 1,
					       phys->len, dir);
		if (IS_ERR(part)) {
			ret = PTR_ERR(part);
			goto err_release;
		}
		sg->part[i] = part;
	}
	ret = sg_join(sg);
	if (ret)
		goto err_release;
	return &sg->sgt;

err_release:
	sg_release(attach, sg, dir);
	return ERR_PTR(ret);
}

static struct sg_table *buf_map(struct dma_buf_attachment *attach,
				enum dma_data_direction dir)
{
	struct vfiowc_buf *buf = attach->dmabuf->priv;
	struct sg_table *sgt;
	int ret;

	ret = vfiowc_buf_arm(buf);
	if (ret)
		return ERR_PTR(ret);
	sgt = sg_map(buf, attach, dir);
	if (!IS_ERR(sgt))
		vfiowc_buf_maps_inc(buf);
	return sgt;
}

static void buf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
		      enum dma_data_direction dir)
{
	sg_release(attach, container_of(sgt, struct vfiowc_sg, sgt), dir);
	map_put(attach->dmabuf->priv);
}

static void buf_release(struct dma_buf *dmabuf)
{
	struct vfiowc_buf *buf = dmabuf->priv;
	struct dma_buf_attachment *canary;

	dma_resv_lock(buf->resv, NULL);
	buf->dmabuf = NULL;
	buf->armed = false;
	vfiowc_buf_settle(buf);
	canary = buf->canary;
	if (!canary && buf->vdev)
		atomic_dec(&buf->vdev->nr_lazy);
	/* A walker of the list may still come by: nothing to arm any more. */
	WRITE_ONCE(buf->canary, NULL);
	dma_resv_unlock(buf->resv);

	/* Waits for a callback that still runs: it holds resv. */
	if (canary)
		dma_buf_detach(buf->inner, canary);
	vfiowc_buf_put(buf);
}

static const struct dma_buf_ops vfiowc_dma_buf_ops = {
	.attach = buf_attach,
	.detach = buf_detach,
#ifdef HAVE_DMA_BUF_GET_PCI_TPH
	.get_pci_tph = vfiowc_dma_buf_get_tph,
#endif
	.map_dma_buf = buf_map,
	.mmap = vfiowc_dma_buf_mmap,
	.release = buf_release,
	.unmap_dma_buf = buf_unmap,
};

/* Our object behind @dmabuf, or NULL. */
struct vfiowc_buf *vfiowc_buf_of(struct dma_buf *dmabuf)
{
	return dmabuf->ops == &vfiowc_dma_buf_ops ? dmabuf->priv : NULL;
}

static struct vfiowc_buf *buf_alloc(struct vfiowc_device *vdev,
				    struct vfiowc_grant *grant)
{
	struct vfiowc_buf *buf = kzalloc_obj(*buf);
	u32 i;

	if (!buf)
		return NULL;
	kref_init(&buf->ref);
	init_waitqueue_head(&buf->idle);
	buf->vdev = vdev;
	buf->pdev = vdev->core.pdev;
	buf->resv = grant->inner->resv;
	buf->size = grant->inner->size;
	buf->provider = grant->provider;
	buf->nr_ranges = grant->nr_ranges;
	buf->bar = grant->bar;
	buf->mappable = vdev->core.bar_mmap_supported[grant->bar];
	for (i = 0; i < ARRAY_SIZE(buf->views); i++)
		buf->views[i] = (struct vfiowc_view){ buf, i };
	return buf;
}

/* First use of a new dma-buf: the canary must be able to do its work. */
static int buf_start(struct vfiowc_buf *buf)
{
	int ret;

	ret = vfiowc_buf_attach_canary(buf);
	if (ret == -ENODEV) {
		/* Decode is off.  Stock returns an fd; so do we. */
		return 0;
	}
	if (ret)
		return ret;
	dma_resv_lock(buf->resv, NULL);
	ret = vfiowc_buf_arm(buf);
	dma_resv_unlock(buf->resv);
	if (ret == -ENODEV)
		return 0;
	if (ret == -EINVAL) {
		pci_warn_once(buf->pdev, "cannot be its own peer (ACS redirect?), so its dma-bufs could not be revoked\n");
		return -EOPNOTSUPP;
	}
	return ret;
}

/**
 * vfiowc_buf_create - make the outer dma-buf for what core granted
 * @vdev: the device; open, and kept so by the caller's ioctl
 * @grant: inner and ranges; taken over on success
 * @memattr: enum vfiowc_memattr of future mmaps
 * @export_flags: VFIOWC_EXPORT_*
 *
 * Return: the object, whose ->dmabuf the caller now owns, or an ERR_PTR().
 */
struct vfiowc_buf *vfiowc_buf_create(struct vfiowc_device *vdev,
				     struct vfiowc_grant *grant,
				     u32 memattr, u32 export_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(exp_info);
	struct vfiowc_buf *buf;
	struct dma_buf *dmabuf;
	int ret;

	if (memattr == VFIOWC_MEMATTR_WC &&
	    !vdev->core.bar_mmap_supported[grant->bar])
		return ERR_PTR(-EOPNOTSUPP);
	buf = buf_alloc(vdev, grant);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	buf->memattr = memattr;
	buf->export_flags = export_flags;

	exp_info.ops = &vfiowc_dma_buf_ops;
	exp_info.size = buf->size;
	/* What the user asked for, as core read it. */
	exp_info.flags = grant->inner->file->f_flags & (O_ACCMODE | O_NONBLOCK);
	exp_info.resv = buf->resv;
	exp_info.priv = buf;
	dmabuf = dma_buf_export(&exp_info);
	if (IS_ERR(dmabuf)) {
		kfree(buf);
		return ERR_CAST(dmabuf);
	}

	/* From here on all is undone by release. */
	buf->dmabuf = dmabuf;
	buf->inode = file_inode(dmabuf->file);
	ihold(buf->inode);
	pci_dev_get(buf->pdev);
	buf->inner = grant->inner;
	buf->phys = grant->phys;
	grant->inner = NULL;
	grant->phys = NULL;
	atomic_inc(&vdev->nr_lazy);
	mutex_lock(&vfiowc_bufs_lock);
	list_add_tail(&buf->node, &vfiowc_bufs);
	mutex_unlock(&vfiowc_bufs_lock);

	ret = buf_start(buf);
	if (ret) {
		dma_buf_put(dmabuf);
		return ERR_PTR(ret);
	}
	return buf;
}

/* @bar: the kernel's mapping of the whole BAR */
static struct vfiowc_cpu_range *cpu_ranges(const struct vfiowc_buf *buf,
					   void __iomem *bar)
{
	resource_size_t start = pci_resource_start(buf->pdev, buf->bar);
	struct vfiowc_cpu_range *ranges;
	u32 i;

	ranges = kmalloc_objs(*ranges, buf->nr_ranges);
	if (!ranges)
		return NULL;
	for (i = 0; i < buf->nr_ranges; i++)
		ranges[i] = (struct vfiowc_cpu_range){
			.io = bar + (buf->phys[i].paddr - start),
			.phys = buf->phys[i].paddr,
			.len = buf->phys[i].len,
		};
	return ranges;
}

int vfiowc_dma_buf_cpu_map(struct dma_buf_attachment *attach,
			   struct vfiowc_cpu_range **ranges, u32 *nr)
{
	struct vfiowc_buf *buf = vfiowc_buf_of(attach->dmabuf);
	void __iomem *bar;
	int ret;

	if (!buf)
		return -EOPNOTSUPP;
	dma_resv_assert_held(buf->resv);
	ret = vfiowc_buf_arm(buf);
	if (ret)
		return ret;
	/* There from opening to closing the device, which revokes first. */
	bar = buf->vdev->core.barmap[buf->bar];
	*ranges = IS_ERR_OR_NULL(bar) ? NULL : cpu_ranges(buf, bar);
	if (!*ranges)
		return -ENOMEM;
	*nr = buf->nr_ranges;
	/* The importer's CPU stores are posted writes like any other (O9). */
	set_bit(VFIOWC_BUF_DIRTY, &buf->flags);
	vfiowc_buf_maps_inc(buf);
	return 0;
}
EXPORT_SYMBOL_GPL(vfiowc_dma_buf_cpu_map);

void vfiowc_dma_buf_cpu_unmap(struct dma_buf_attachment *attach)
{
	struct vfiowc_buf *buf = vfiowc_buf_of(attach->dmabuf);

	if (!WARN_ON_ONCE(!buf))
		map_put(buf);
}
EXPORT_SYMBOL_GPL(vfiowc_dma_buf_cpu_unmap);

MODULE_IMPORT_NS("DMA_BUF");
