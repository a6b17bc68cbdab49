// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Steering tags published on a dma-buf for importers to read, in two namespaces that are never
 * converted into each other. They add and remove no order (O8). Upstream's feature cannot be read:
 * there the object remembers.
 */
#include <errno.h>
#include "vfiowc_int.h"

_Static_assert((int)VFIOWC_TAG_ST == (int)VFIOWC_TPH_ST &&
	       (int)VFIOWC_TAG_ST_EXT == (int)VFIOWC_TPH_ST_EXT, "tag flags");

#define PH_MAX 3
#define ALL_TAGS (VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT)

static int set_in_kernel(struct vfiowc_buf *buf, const struct vfiowc_tph *tph)
{
	struct vfiowc_feature_tph feature = {
		.flags = tph->flags,
		.steering_tag_ext = tph->st_ext,
		.steering_tag = tph->st,
		.ph = tph->ph,
	};
	int err = vfiowc_owner_call(buf, FEATURE_TPH, VFIO_DEVICE_FEATURE_SET, &feature,
				    sizeof(feature));

	if (err)
		return err;
	pthread_mutex_lock(&buf->scope->lock);
	buf->tph = *tph;
	pthread_mutex_unlock(&buf->scope->lock);
	return 0;
}

int vfiowc_check_tph(const struct vfiowc_tph *tph)
{
	if (!tph->flags || (tph->flags & ~(uint32_t)ALL_TAGS) || tph->ph > PH_MAX)
		return EINVAL;
	/* A tag in the namespace that is not announced: the caller took one for the other. */
	if ((tph->st && !(tph->flags & VFIOWC_TAG_ST)) ||
	    (tph->st_ext && !(tph->flags & VFIOWC_TAG_ST_EXT)))
		return EINVAL;
	return 0;
}

int vfiowc_set_tph(struct vfiowc_buf *buf, const struct vfiowc_tph *tph)
{
	int err = vfiowc_check_tph(tph);

	return err ? err : set_in_kernel(buf, tph);
}

int vfiowc_clear_tph(struct vfiowc_buf *buf)
{
	static const struct vfiowc_tph none;

	return set_in_kernel(buf, &none);
}

int vfiowc_get_tph(struct vfiowc_buf *buf, struct vfiowc_tph *tph)
{
	struct vfiowc_feature_tph feature = {};
	int err;

	if (!vfiowc_has(buf->dev, FEATURE_TPH))
		return EOPNOTSUPP;
	if (buf->dev->source == VFIOWC_SOURCE_UPSTREAM) {
		pthread_mutex_lock(&buf->scope->lock);
		*tph = buf->tph;
		pthread_mutex_unlock(&buf->scope->lock);
		return 0;
	}
	err = vfiowc_owner_call(buf, FEATURE_TPH, VFIO_DEVICE_FEATURE_GET, &feature,
				sizeof(feature));
	if (err)
		return err;
	*tph = (struct vfiowc_tph){
		.flags = feature.flags,
		.st_ext = feature.steering_tag_ext,
		.st = feature.steering_tag,
		.ph = feature.ph,
	};
	return 0;
}
