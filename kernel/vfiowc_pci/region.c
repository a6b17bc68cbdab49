// SPDX-License-Identifier: GPL-2.0
/*
 * REGION_MMAP: parts of a BAR that programs map through the *device fd*, as
 * DPDK does, with a memory type of their choice.  Each is a dma-buf like any
 * other whose fd nobody gets: so it has the same page tables, is revoked by the
 * same causes and is drained (O9) in the same way.  It lives until the device is
 * closed; mmap of the device fd at its offset maps it.
 *
 * Locks: regions_lock guards the list only, and is taken inside mmap_lock: it
 * is not held while user memory may be touched, nor while core works.
 */
#include <linux/dma-buf-mapping.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfiowc_pci.h"

/*
 * Offsets of the device fd: core has the region's index in the bits from
 * VFIO_PCI_OFFSET_SHIFT on, and few regions.  Ours begin far above them.
 */
#define REGION_FIRST	0x100000ULL
#define REGION_SHIFT	(VFIO_PCI_OFFSET_SHIFT - PAGE_SHIFT)
/* Nobody's limit on file descriptors holds for them. */
#define REGION_MAX	256

/**
 * struct vfiowc_region - what one offset stands for
 * @node: in vfiowc_device.regions
 * @dmabuf: a reference
 * @nr: which; never used again while the device is open
 * @req: as asked for, with the answer
 */
struct vfiowc_region {
	struct list_head node;
	struct dma_buf *dmabuf;
	u32 nr;
	struct vfiowc_feature_region_mmap req;
};

void vfiowc_regions_init(struct vfiowc_device *vdev)
{
	INIT_LIST_HEAD(&vdev->regions);
	mutex_init(&vdev->regions_lock);
	vdev->nr_regions = 0;
}

/* The device was closed, and what is mapped was revoked by that. */
void vfiowc_regions_close(struct vfiowc_device *vdev)
{
	struct vfiowc_region *region, *next;

	list_for_each_entry_safe(region, next, &vdev->regions, node) {
		list_del(&region->node);
		dma_buf_put(region->dmabuf);
		kfree(region);
	}
	vdev->nr_regions = 0;
}

static int check(struct vfiowc_device *vdev,
		 const struct vfiowc_feature_region_mmap *req)
{
	u64 size;

	if (req->region_index > VFIO_PCI_BAR5_REGION_INDEX)
		return -EINVAL;
	if (!vfiowc_memattr_known(req->memattr) ||
	    !vdev->core.bar_mmap_supported[req->region_index])
		return -EOPNOTSUPP;
	size = pci_resource_len(vdev->core.pdev, req->region_index);
	if (!req->length || !PAGE_ALIGNED(req->offset | req->length) ||
	    req->offset > size || req->length > size - req->offset)
		return -EINVAL;
	return 0;
}

static bool same(const struct vfiowc_feature_region_mmap *a,
		 const struct vfiowc_feature_region_mmap *b)
{
	return a->region_index == b->region_index && a->memattr == b->memattr &&
	       a->offset == b->offset && a->length == b->length;
}

static struct vfiowc_region *
find_same(struct vfiowc_device *vdev,
	  const struct vfiowc_feature_region_mmap *req)
{
	struct vfiowc_region *region;

	lockdep_assert_held(&vdev->regions_lock);
	list_for_each_entry(region, &vdev->regions, node)
		if (same(&region->req, req))
			return region;
	return NULL;
}

/*
 * Core reads its request from user memory only.  It is as large as ours, so it
 * takes the place of the caller's payload; what core made of it is compared with
 * what was asked for, because the caller may write there, too.
 */
static struct dma_buf *make_dma_buf(struct vfiowc_device *vdev,
				    const struct vfiowc_feature_region_mmap *req,
				    void __user *arg)
{
	DEFINE_RAW_FLEX(struct vfio_device_feature_dma_buf, stock, dma_ranges,
			1);
	resource_size_t start = pci_resource_start(vdev->core.pdev,
						   req->region_index);
	struct vfiowc_grant grant;
	struct vfiowc_buf *buf;
	int ret;

	static_assert(struct_size_t(struct vfio_device_feature_dma_buf,
				    dma_ranges, 1) == sizeof(*req));
	stock->region_index = req->region_index;
	stock->open_flags = O_RDWR | O_CLOEXEC;
	stock->nr_ranges = 1;
	stock->dma_ranges[0].offset = req->offset;
	stock->dma_ranges[0].length = req->length;
	if (copy_to_user(arg, stock, sizeof(*req)))
		return ERR_PTR(-EFAULT);
	ret = vfiowc_core_get(vdev, arg, sizeof(*req), &grant);
	if (ret)
		return ERR_PTR(ret);
	if (grant.bar != req->region_index || grant.nr_ranges != 1 ||
	    grant.phys[0].paddr != start + req->offset ||
	    grant.phys[0].len != req->length)
		buf = ERR_PTR(-EFAULT);
	else
		buf = vfiowc_buf_create(vdev, &grant, req->memattr, 0);
	vfiowc_grant_drop(&grant);
	return IS_ERR(buf) ? ERR_CAST(buf) : buf->dmabuf;
}

/* Another thread may have been first with the same request: its region then. */
static int add(struct vfiowc_device *vdev,
	       struct vfiowc_feature_region_mmap *req, struct dma_buf *dmabuf)
{
	struct vfiowc_region *region, *first;
	int ret = 0;

	region = kzalloc_obj(*region);
	if (!region)
		return -ENOMEM;
	mutex_lock(&vdev->regions_lock);
	first = find_same(vdev, req);
	if (first) {
		*req = first->req;
		ret = -EEXIST;
	} else if (vdev->nr_regions == REGION_MAX) {
		ret = -ENOMEM;
	} else {
		region->nr = vdev->nr_regions++;
		req->mmap_offset = (REGION_FIRST + region->nr) <<
				   VFIO_PCI_OFFSET_SHIFT;
		region->req = *req;
		region->dmabuf = dmabuf;
		list_add_tail(&region->node, &vdev->regions);
	}
	mutex_unlock(&vdev->regions_lock);
	if (ret)
		kfree(region);
	return ret;
}

/**
 * vfiowc_region_get - REGION_MMAP: an offset for a part of a region
 * @vdev: the device, open
 * @req: the request; filled in
 * @arg: where the caller's payload is: overwritten, also by a failure
 *
 * Return: 0; -EINVAL, -EOPNOTSUPP, -ENOMEM, -EFAULT, or core's.
 */
int vfiowc_region_get(struct vfiowc_device *vdev,
		      struct vfiowc_feature_region_mmap *req, void __user *arg)
{
	struct vfiowc_region *region;
	struct dma_buf *dmabuf;
	int ret;

	ret = check(vdev, req);
	if (ret)
		return ret;
	mutex_lock(&vdev->regions_lock);
	region = find_same(vdev, req);
	if (region)
		*req = region->req;
	mutex_unlock(&vdev->regions_lock);
	if (region)
		return 0;
	dmabuf = make_dma_buf(vdev, req, arg);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = add(vdev, req, dmabuf);
	if (ret)
		dma_buf_put(dmabuf);
	return ret == -EEXIST ? 0 : ret;
}

/* Is this mmap of the device fd one of ours?  Else it is core's. */
bool vfiowc_is_region(struct vm_area_struct *vma)
{
	return vma->vm_pgoff >> REGION_SHIFT >= REGION_FIRST;
}

int vfiowc_region_mmap(struct vfiowc_device *vdev, struct vm_area_struct *vma)
{
	unsigned long pgoff = vma->vm_pgoff & (BIT(REGION_SHIFT) - 1);
	u64 nr = (vma->vm_pgoff >> REGION_SHIFT) - REGION_FIRST;
	struct vfiowc_region *region;
	struct dma_buf *dmabuf = NULL;
	int ret;

	mutex_lock(&vdev->regions_lock);
	list_for_each_entry(region, &vdev->regions, node) {
		if (region->nr == nr) {
			dmabuf = region->dmabuf;
			get_dma_buf(dmabuf);
			break;
		}
	}
	mutex_unlock(&vdev->regions_lock);
	if (!dmabuf)
		return -EINVAL;
	/* From here on the area's file is the dma-buf's. */
	ret = dma_buf_mmap(dmabuf, vma, pgoff);
	dma_buf_put(dmabuf);
	return ret;
}
