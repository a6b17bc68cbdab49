// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * struct vfiowc_buf: one dma-buf, from export.c or imported here; its query, its revoke (O9), its
 * end. The object holds exactly one fd of the dma-buf, so that the owner can always revoke it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "vfiowc_int.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142 /* "DMAB"; <linux/magic.h> has it */
#endif

_Static_assert((int)VFIOWC_BUF_LIVE == (int)VFIOWC_DMA_BUF_LIVE &&
	       (int)VFIOWC_BUF_REVOKED_TEMP == (int)VFIOWC_DMA_BUF_REVOKED_TEMP &&
	       (int)VFIOWC_BUF_REVOKED == (int)VFIOWC_DMA_BUF_REVOKED, "dma-buf state");

struct vfiowc_buf *vfiowc_alloc_buf(struct vfiowc_device *dev)
{
	struct vfiowc_buf *buf = calloc(1, sizeof(*buf));

	if (!buf)
		return NULL;
	buf->fd = -1;
	buf->dev = dev;
	buf->type = dev ? VFIOWC_MEM_NC : VFIOWC_MEM_UNKNOWN;
	pthread_mutex_init(&buf->own_scope.lock, NULL);
	buf->scope = dev ? &dev->scope : &buf->own_scope;
	if (dev) {
		pthread_mutex_lock(&dev->scope.lock);
		dev->num_bufs++;
		pthread_mutex_unlock(&dev->scope.lock);
	}
	return buf;
}

/* Undoes vfiowc_alloc_buf() and whatever has been put into the object since. */
void vfiowc_free_buf(struct vfiowc_buf *buf)
{
	if (buf->dev) {
		pthread_mutex_lock(&buf->dev->scope.lock);
		buf->dev->num_bufs--;
		pthread_mutex_unlock(&buf->dev->scope.lock);
	}
	if (buf->fd >= 0)
		close(buf->fd);
	pthread_mutex_destroy(&buf->own_scope.lock);
	free(buf->ranges);
	free(buf);
}

/* A feature call by the owner of the dma-buf; @payload begins with its fd. */
int vfiowc_owner_call(struct vfiowc_buf *buf, enum vfiowc_feature feature, uint32_t op,
		      void *payload, size_t len)
{
	__s32 fd = buf->fd;

	if (!vfiowc_has(buf->dev, feature))
		return EOPNOTSUPP;
	memcpy(payload, &fd, sizeof(fd));
	return vfiowc_feature_call(buf->dev->fd, op, buf->dev->feature[feature], payload, len);
}

static int query_kernel(struct vfiowc_buf *buf, struct vfiowc_feature_query *query)
{
	memset(query, 0, sizeof(*query));
	return vfiowc_owner_call(buf, FEATURE_QUERY, VFIO_DEVICE_FEATURE_GET, query, sizeof(*query));
}

/* By the file system it lives in: no dma-buf ioctl is free of side effects with every exporter. */
static int check_dma_buf(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs))
		return errno;
	return fs.f_type == DMA_BUF_MAGIC ? 0 : EINVAL;
}

static int adopt_foreign(struct vfiowc_buf *buf)
{
	off_t size = lseek(buf->fd, 0, SEEK_END);

	if (size < 0)
		return errno;
	buf->size = size;
	return 0;
}

/* Its answer also proves that buf->dev exported it. */
static int adopt_own(struct vfiowc_buf *buf)
{
	struct vfiowc_feature_query query;
	int err = query_kernel(buf, &query);

	if (err)
		return err;
	buf->size = query.size;
	buf->bar = query.bar;
	buf->num_ranges = query.nr_ranges;
	buf->type = query.memattr;
	return 0;
}

struct vfiowc_buf *vfiowc_import(int dmabuf_fd, struct vfiowc_device *dev)
{
	struct vfiowc_buf *buf;
	int err;

	err = check_dma_buf(dmabuf_fd);
	if (err)
		goto err;
	buf = vfiowc_alloc_buf(dev);
	if (!buf)
		return NULL;
	buf->imported = true;
	buf->fd = fcntl(dmabuf_fd, F_DUPFD_CLOEXEC, 0);
	if (buf->fd < 0)
		err = errno;
	else
		err = dev ? adopt_own(buf) : adopt_foreign(buf);
	if (err)
		goto err_free;
	return buf;

err_free:
	vfiowc_free_buf(buf);
err:
	errno = err;
	return NULL;
}

int vfiowc_destroy_buf(struct vfiowc_buf *buf)
{
	unsigned int num_maps;

	pthread_mutex_lock(&buf->scope->lock);
	num_maps = buf->num_maps;
	pthread_mutex_unlock(&buf->scope->lock);
	if (num_maps)
		return EBUSY;
	vfiowc_free_buf(buf);
	return 0;
}

int vfiowc_buf_fd(const struct vfiowc_buf *buf)
{
	return buf->fd;
}

static void query_own(struct vfiowc_buf *buf, struct vfiowc_buf_attr *attr)
{
	attr->size_bytes = buf->size;
	attr->imported = buf->imported;
	attr->bar = buf->bar;
	attr->num_ranges = buf->num_ranges;
	pthread_mutex_lock(&buf->scope->lock);
	attr->mem_type = buf->type;
	pthread_mutex_unlock(&buf->scope->lock);
}

int vfiowc_query_buf(struct vfiowc_buf *buf, struct vfiowc_buf_attr *attr, uint32_t inlen)
{
	struct vfiowc_feature_query query;
	int err;

	if (inlen < sizeof(*attr))
		return EINVAL;
	memset(attr, 0, inlen);
	query_own(buf, attr);
	err = query_kernel(buf, &query);
	if (err)
		return err == EOPNOTSUPP ? 0 : err;
	attr->comp_mask = VFIOWC_BUF_ATTR_KERNEL;
	attr->mem_type = query.memattr;
	attr->state = query.state;
	attr->num_importers = query.nr_importers;
	attr->num_mappings = query.nr_mappings;
	return 0;
}

int vfiowc_revoke(struct vfiowc_buf *buf)
{
	struct vfiowc_feature_revoke revoke = {};

	return vfiowc_owner_call(buf, FEATURE_REVOKE, VFIO_DEVICE_FEATURE_SET, &revoke,
				 sizeof(revoke));
}
