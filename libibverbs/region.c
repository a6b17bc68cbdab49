// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Parts of a BAR through the device fd, for who owns the device and needs no dma-buf: REGION_MMAP of
 * vfiowc_pci gives each a type of its own; elsewhere there is what the driver's own mapping gives
 * (whole_bar.c for write-combining).
 *
 * A part is a vfiowc_buf without an fd that belongs to its one mapping: so overlaps of types are
 * refused (O11), and WC mappings checked, as with dma-bufs.
 */
#include <errno.h>
#include "vfiowc_int.h"

static int check_attr(const struct vfiowc_region_attr *attr, uint32_t inlen)
{
	if (!vfiowc_input_known(attr, sizeof(*attr), inlen) || attr->comp_mask || attr->bar >= VFIOWC_NUM_BARS)
		return EINVAL;
	return vfiowc_types_valid(attr->types, attr->num_types) ? 0 : EINVAL;
}

static int ask_kernel(struct vfiowc_buf *region, enum vfiowc_mem_type type)
{
	struct vfiowc_feature_region_mmap request = {
		.region_index = VFIO_PCI_BAR0_REGION_INDEX + region->bar,
		.memattr = type,
		.offset = region->ranges->offset,
		.length = region->ranges->length,
	};
	int err = vfiowc_feature_call(region->dev->fd, VFIO_DEVICE_FEATURE_GET,
				      region->dev->feature[FEATURE_REGION_MMAP], &request, sizeof(request));

	region->map_offset = request.mmap_offset;
	return err;
}

/* vfio-pci's own mapping of the device fd is NC, or WC if the whole BAR is: one of them, in any case. */
static int take_drivers(struct vfiowc_buf *region, enum vfiowc_mem_type type)
{
	bool wc = region->dev->wc_bars & 1U << region->bar;
	uint64_t bar_offset;
	int err;

	if (wc ? type != VFIOWC_MEM_WC : type != VFIOWC_MEM_NC && type != VFIOWC_MEM_NATURAL)
		return EOPNOTSUPP;
	err = vfiowc_bar_offset(region->dev->fd, region->bar, &bar_offset);
	if (!err && wc)
		err = vfiowc_check_wc(region->dev, region->bar, region->ranges->offset, region->size);
	region->map_offset = bar_offset + region->ranges->offset;
	return err;
}

/* From most to least wanted; any error but "not this type" is final. */
static int find_first(struct vfiowc_buf *region, const struct vfiowc_region_attr *attr)
{
	static const enum vfiowc_mem_type nc = VFIOWC_MEM_NC;
	const enum vfiowc_mem_type *types = attr->num_types ? attr->types : &nc;
	uint32_t i, num = attr->num_types ? attr->num_types : 1;
	int err = EOPNOTSUPP;

	for (i = 0; i < num && err == EOPNOTSUPP; i++) {
		region->type = types[i];
		err = vfiowc_has(region->dev, FEATURE_REGION_MMAP) ? ask_kernel(region, types[i]) :
								     take_drivers(region, types[i]);
	}
	return err;
}

static struct vfiowc_buf *find_region(struct vfiowc_device *dev, const struct vfiowc_region_attr *attr,
				      uint32_t inlen)
{
	struct vfiowc_buf *region;
	int err = check_attr(attr, inlen);

	if (err)
		goto err;
	region = vfiowc_alloc_buf(dev);
	if (!region)
		return NULL;
	region->region = true;
	err = vfiowc_place_buf(region, attr->bar,
			       &(struct vfiowc_range){ attr->offset, attr->length }, 1);
	if (!err)
		err = find_first(region, attr);
	if (err)
		goto err_free;
	return region;

err_free:
	vfiowc_free_buf(region);
err:
	errno = err;
	return NULL;
}

int vfiowc_region_offset(struct vfiowc_device *dev, const struct vfiowc_region_attr *attr, uint32_t inlen,
			 uint64_t *mmap_offset, enum vfiowc_mem_type *type)
{
	struct vfiowc_buf *region = find_region(dev, attr, inlen);

	if (!region)
		return errno;
	*mmap_offset = region->map_offset;
	if (type)
		*type = region->type;
	vfiowc_free_buf(region);
	return 0;
}

struct vfiowc_mapping *vfiowc_map_region(struct vfiowc_device *dev, const struct vfiowc_region_attr *attr,
					 uint32_t inlen, uint32_t flags)
{
	struct vfiowc_buf *region = find_region(dev, attr, inlen);
	struct vfiowc_mapping *map;
	int err;

	if (!region)
		return NULL;
	map = vfiowc_map_for(region, 0, region->size, flags, __builtin_return_address(0));
	if (map)
		return map;
	err = errno;
	vfiowc_free_buf(region);
	errno = err;
	return NULL;
}
