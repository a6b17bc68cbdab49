// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The memory type that future mappings of a dma-buf ask for (O11). What a mapping got is
 * vfiowc_query_map()'s to say. Upstream's feature cannot be read: there the object remembers.
 */
#include <errno.h>
#include "vfiowc_int.h"

_Static_assert((int)VFIOWC_MEM_NC == (int)VFIOWC_MEMATTR_NC &&
	       (int)VFIOWC_MEM_WC == (int)VFIOWC_MEMATTR_WC &&
	       (int)VFIOWC_MEM_NATURAL == (int)VFIOWC_MEMATTR_NATURAL, "memory type");

/* errno of the v2 proposal for an unknown type; internal to the kernel, it should not get out. */
#define KERNEL_ENOTSUPP 524

/*
 * Both calls into the kernel are made with the scope's lock held: a mapping made between the call
 * and our taking note of it would have a type that nobody knows.
 */
static int set_in_kernel(struct vfiowc_buf *buf, enum vfiowc_mem_type type)
{
	struct vfiowc_feature_memattr memattr = { .memattr = type };
	int err;

	/* Stock's dma-bufs have one type: NC by name, and natural, since nobody can ask for another. */
	if (!vfiowc_has(buf->dev, FEATURE_MEMATTR))
		return type == VFIOWC_MEM_NC || type == VFIOWC_MEM_NATURAL ? 0 : EOPNOTSUPP;
	err = vfiowc_owner_call(buf, FEATURE_MEMATTR, VFIO_DEVICE_FEATURE_SET, &memattr, sizeof(memattr));
	if (buf->dev->source == VFIOWC_SOURCE_UPSTREAM && (err == ENOENT || err == KERNEL_ENOTSUPP))
		return EOPNOTSUPP;
	return err;
}

int vfiowc_set_memattr(struct vfiowc_buf *buf, enum vfiowc_mem_type type)
{
	int err;

	if (!buf->dev || type == VFIOWC_MEM_UNKNOWN)
		return EOPNOTSUPP;
	pthread_mutex_lock(&buf->scope->lock);
	err = set_in_kernel(buf, type);
	if (!err)
		buf->type = type;
	pthread_mutex_unlock(&buf->scope->lock);
	return err;
}

/* Upstream's feature cannot be read, stock's type cannot be changed: there, what we know holds. */
static int read_from_kernel(struct vfiowc_buf *buf)
{
	struct vfiowc_feature_memattr memattr = {};
	int err;

	if (buf->dev->source != VFIOWC_SOURCE_VFIOWC_PCI)
		return 0;
	err = vfiowc_owner_call(buf, FEATURE_MEMATTR, VFIO_DEVICE_FEATURE_GET, &memattr,
				sizeof(memattr));
	if (!err)
		buf->type = memattr.memattr;
	return err;
}

int vfiowc_get_memattr(struct vfiowc_buf *buf, enum vfiowc_mem_type *type)
{
	int err;

	if (!buf->dev)
		return EOPNOTSUPP;
	pthread_mutex_lock(&buf->scope->lock);
	err = read_from_kernel(buf);
	if (!err)
		*type = buf->type;
	pthread_mutex_unlock(&buf->scope->lock);
	return err;
}
