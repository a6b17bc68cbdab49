// SPDX-License-Identifier: GPL-2.0
/*
 * VFIO device features: dispatch, checks of what users pass, and the errno that
 * Documentation promises.  Everything a user passes is copied once and checked
 * once.  Only the device fd commands; a dma-buf fd in a payload just names one
 * of this device's dma-bufs.
 *
 * Locks: handlers that look at a dma-buf take its resv, interruptibly.
 */
#include <linux/build_bug.h>
#include <linux/fs.h>
#include <linux/uaccess.h>

#include "vfiowc_pci.h"

#define VFIOWC_FEATURES	(VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_ID) |		\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_EXPORT) |		\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_DMA_BUF_MEMATTR) |	\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_DMA_BUF_TPH) |	\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_DMA_BUF_REVOKE) |	\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_DMA_BUF_QUERY) |	\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_MAP_QUERY) |		\
			 VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_REGION_MMAP))

#define ASSERT_FIELD(type, field, offset)				\
	static_assert(offsetof(struct type, field) == (offset))

static_assert(sizeof(struct vfiowc_feature_id) == 24);
ASSERT_FIELD(vfiowc_feature_id, magic, 0);
ASSERT_FIELD(vfiowc_feature_id, major, 4);
ASSERT_FIELD(vfiowc_feature_id, minor, 6);
ASSERT_FIELD(vfiowc_feature_id, features, 8);
ASSERT_FIELD(vfiowc_feature_id, tph_completer, 16);
ASSERT_FIELD(vfiowc_feature_id, tph_override, 20);
static_assert(sizeof(struct vfiowc_feature_export) == 24);
ASSERT_FIELD(vfiowc_feature_export, memattr, 0);
ASSERT_FIELD(vfiowc_feature_export, flags, 4);
ASSERT_FIELD(vfiowc_feature_export, dma_buf, 8);
static_assert(sizeof(struct vfiowc_feature_memattr) == 8);
ASSERT_FIELD(vfiowc_feature_memattr, dmabuf_fd, 0);
ASSERT_FIELD(vfiowc_feature_memattr, memattr, 4);
static_assert(sizeof(struct vfiowc_feature_tph) == 12);
ASSERT_FIELD(vfiowc_feature_tph, dmabuf_fd, 0);
ASSERT_FIELD(vfiowc_feature_tph, flags, 4);
ASSERT_FIELD(vfiowc_feature_tph, steering_tag_ext, 8);
ASSERT_FIELD(vfiowc_feature_tph, steering_tag, 10);
ASSERT_FIELD(vfiowc_feature_tph, ph, 11);
static_assert(sizeof(struct vfiowc_feature_revoke) == 4);
ASSERT_FIELD(vfiowc_feature_revoke, dmabuf_fd, 0);
static_assert(sizeof(struct vfiowc_feature_query) == 40);
ASSERT_FIELD(vfiowc_feature_query, dmabuf_fd, 0);
ASSERT_FIELD(vfiowc_feature_query, pad, 4);
ASSERT_FIELD(vfiowc_feature_query, size, 8);
ASSERT_FIELD(vfiowc_feature_query, bar, 16);
ASSERT_FIELD(vfiowc_feature_query, nr_ranges, 20);
ASSERT_FIELD(vfiowc_feature_query, memattr, 24);
ASSERT_FIELD(vfiowc_feature_query, state, 28);
ASSERT_FIELD(vfiowc_feature_query, nr_importers, 32);
ASSERT_FIELD(vfiowc_feature_query, nr_mappings, 36);
static_assert(sizeof(struct vfiowc_feature_map_query) == 24);
ASSERT_FIELD(vfiowc_feature_map_query, address, 0);
ASSERT_FIELD(vfiowc_feature_map_query, requested, 8);
ASSERT_FIELD(vfiowc_feature_map_query, pte_type, 12);
ASSERT_FIELD(vfiowc_feature_map_query, page_bytes, 16);
static_assert(sizeof(struct vfiowc_feature_region_mmap) == 32);
ASSERT_FIELD(vfiowc_feature_region_mmap, region_index, 0);
ASSERT_FIELD(vfiowc_feature_region_mmap, memattr, 4);
ASSERT_FIELD(vfiowc_feature_region_mmap, offset, 8);
ASSERT_FIELD(vfiowc_feature_region_mmap, length, 16);
ASSERT_FIELD(vfiowc_feature_region_mmap, mmap_offset, 24);

/*
 * Check flags and argsz, then copy the payload in.  1: go on; else the answer,
 * as vfio_check_feature().
 */
static int payload_in(u32 flags, u32 ops, void *payload, size_t size,
		      void __user *arg, size_t argsz)
{
	int ret;

	ret = vfio_check_feature(flags, argsz, ops, size);
	if (ret == 1 && copy_from_user(payload, arg, size))
		return -EFAULT;
	return ret;
}

static int payload_out(void __user *arg, const void *payload, size_t size)
{
	return copy_to_user(arg, payload, size) ? -EFAULT : 0;
}

/* A dma-buf of this device by fd; end with own_put(). */
static struct vfiowc_buf *own_get(struct vfiowc_device *vdev, int fd)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	struct vfiowc_buf *buf;

	if (IS_ERR(dmabuf))
		return ERR_CAST(dmabuf);
	buf = vfiowc_buf_of(dmabuf);
	/* One of an earlier open of the device may still be asked about. */
	if (!buf || buf->pdev != vdev->core.pdev) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-ENODEV);
	}
	return buf;
}

static void own_put(struct vfiowc_buf *buf)
{
	dma_buf_put(buf->dmabuf);
}

/* The same, not revoked for good, and its resv locked; end with live_put(). */
static struct vfiowc_buf *live_get(struct vfiowc_device *vdev, int fd)
{
	struct vfiowc_buf *buf = own_get(vdev, fd);
	int ret;

	if (IS_ERR(buf))
		return buf;
	ret = dma_resv_lock_interruptible(buf->resv, NULL);
	if (ret)
		goto err_put;
	ret = !buf->vdev ? -ENODEV : vfiowc_buf_revoked(buf) ? -EBADFD : 0;
	if (ret)
		goto err_unlock;
	return buf;

err_unlock:
	dma_resv_unlock(buf->resv);
err_put:
	own_put(buf);
	return ERR_PTR(ret);
}

static void live_put(struct vfiowc_buf *buf)
{
	dma_resv_unlock(buf->resv);
	own_put(buf);
}

static int feature_id(struct vfiowc_device *vdev, u32 flags,
		      void __user *arg, size_t argsz)
{
	struct vfiowc_feature_id id = {
		.magic = VFIOWC_MAGIC,
		.major = VFIOWC_UAPI_MAJOR,
		.minor = VFIOWC_UAPI_MINOR,
		.features = VFIOWC_FEATURES,
		.tph_completer = vdev->tph_completer,
		.tph_override = vfiowc_tph_override(),
	};
	int ret;

	ret = vfio_check_feature(flags, argsz, VFIO_DEVICE_FEATURE_GET,
				 sizeof(id));
	if (ret != 1)
		return ret;
	return payload_out(arg, &id, sizeof(id));
}

static int feature_memattr(struct vfiowc_device *vdev, u32 flags,
			   void __user *arg, size_t argsz)
{
	struct vfiowc_feature_memattr attr;
	bool set = flags & VFIO_DEVICE_FEATURE_SET;
	struct vfiowc_buf *buf;
	int ret;

	ret = payload_in(flags,
			 VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
			 &attr, sizeof(attr), arg, argsz);
	if (ret != 1)
		return ret;
	if (set && !vfiowc_memattr_known(attr.memattr))
		return -EOPNOTSUPP;
	buf = live_get(vdev, attr.dmabuf_fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = 0;
	if (!set)
		attr.memattr = buf->memattr;
	else if (buf->mappable || attr.memattr != VFIOWC_MEMATTR_WC)
		WRITE_ONCE(buf->memattr, attr.memattr);
	else
		ret = -EOPNOTSUPP;
	live_put(buf);
	return ret || set ? ret : payload_out(arg, &attr, sizeof(attr));
}

static int feature_tph(struct vfiowc_device *vdev, u32 flags,
		       void __user *arg, size_t argsz)
{
	struct vfiowc_feature_tph tph;
	bool set = flags & VFIO_DEVICE_FEATURE_SET;
	struct vfiowc_buf *buf;
	int ret;

	/* Before all else, as upstream has it: PROBE then tells. */
	if (vfiowc_tph_effective(vdev) == VFIOWC_TPH_COMPLETER_NONE)
		return -EOPNOTSUPP;
	ret = payload_in(flags,
			 VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET,
			 &tph, sizeof(tph), arg, argsz);
	if (ret != 1)
		return ret;
	ret = set ? vfiowc_tph_check(vdev, &tph) : 0;
	if (ret)
		return ret;
	buf = live_get(vdev, tph.dmabuf_fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	if (set)
		vfiowc_buf_set_tph(buf, &tph);
	else
		vfiowc_buf_get_tph(buf, &tph);
	live_put(buf);
	return set ? 0 : payload_out(arg, &tph, sizeof(tph));
}

static int feature_revoke(struct vfiowc_device *vdev, u32 flags,
			  void __user *arg, size_t argsz)
{
	struct vfiowc_feature_revoke revoke;
	struct vfiowc_buf *buf;
	int ret;

	ret = payload_in(flags, VFIO_DEVICE_FEATURE_SET, &revoke,
			 sizeof(revoke), arg, argsz);
	if (ret != 1)
		return ret;
	buf = own_get(vdev, revoke.dmabuf_fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = buf->vdev ? vfiowc_buf_revoke(buf) : -ENODEV;
	own_put(buf);
	return ret;
}

static int feature_query(struct vfiowc_device *vdev, u32 flags,
			 void __user *arg, size_t argsz)
{
	struct vfiowc_feature_query query;
	struct vfiowc_buf *buf;
	int ret;

	ret = payload_in(flags, VFIO_DEVICE_FEATURE_GET, &query,
			 sizeof(query), arg, argsz);
	if (ret != 1)
		return ret;
	if (query.pad)
		return -EINVAL;
	buf = own_get(vdev, query.dmabuf_fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = dma_resv_lock_interruptible(buf->resv, NULL);
	if (ret)
		goto out_put;
	ret = vfiowc_buf_state(buf, &query.state);
	query.memattr = buf->memattr;
	dma_resv_unlock(buf->resv);
	if (ret)
		goto out_put;
	query.size = buf->size;
	query.bar = buf->bar;
	query.nr_ranges = buf->nr_ranges;
	query.nr_importers = atomic_read(&buf->nr_importers);
	query.nr_mappings = atomic_read(&buf->nr_mappings);
	ret = payload_out(arg, &query, sizeof(query));
out_put:
	own_put(buf);
	return ret;
}

static int feature_map_query(struct vfiowc_device *vdev, u32 flags,
			     void __user *arg, size_t argsz)
{
	struct vfiowc_feature_map_query query;
	int ret;

	ret = payload_in(flags, VFIO_DEVICE_FEATURE_GET, &query,
			 sizeof(query), arg, argsz);
	if (ret != 1)
		return ret;
	ret = vfiowc_map_query(vdev, &query);
	return ret ?: payload_out(arg, &query, sizeof(query));
}

static int feature_region_mmap(struct vfiowc_device *vdev, u32 flags,
			       void __user *arg, size_t argsz)
{
	struct vfiowc_feature_region_mmap req;
	int ret, fault;

	ret = payload_in(flags, VFIO_DEVICE_FEATURE_GET, &req, sizeof(req),
			 arg, argsz);
	if (ret != 1)
		return ret;
	ret = vfiowc_region_get(vdev, &req, arg);
	/* Core's request stands there now: a failed call leaves the caller's. */
	fault = payload_out(arg, &req, sizeof(req));
	return ret ?: fault;
}

int vfiowc_device_feature(struct vfio_device *vfio, u32 flags,
			  void __user *arg, size_t argsz)
{
	struct vfiowc_device *vdev = vfiowc_from_vfio(vfio);
	int ret;

	/* What found no memory when decode was switched on gets it now. */
	vfiowc_attach_missing(vdev);
	switch (flags & VFIO_DEVICE_FEATURE_MASK) {
	case VFIO_DEVICE_FEATURE_DMA_BUF:
		return vfiowc_feature_dma_buf(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_ID:
		return feature_id(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_EXPORT:
		return vfiowc_feature_export(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_DMA_BUF_MEMATTR:
		return feature_memattr(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_DMA_BUF_TPH:
		return feature_tph(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_DMA_BUF_REVOKE:
		return feature_revoke(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_DMA_BUF_QUERY:
		return feature_query(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_MAP_QUERY:
		return feature_map_query(vdev, flags, arg, argsz);
	case VFIOWC_FEATURE_REGION_MMAP:
		return feature_region_mmap(vdev, flags, arg, argsz);
	default:
		ret = vfio_pci_core_ioctl_feature(vfio, flags, arg, argsz);
		/* Leaving low power is another way to get decode back. */
		vfiowc_attach_missing(vdev);
		return ret;
	}
}
