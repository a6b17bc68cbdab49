// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Exporting slices of a BAR. One system call for each memory type tried: EXPORT of vfiowc_pci takes
 * the type with the slice. Upstream's way is the stock export followed by MEMATTR.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "vfiowc_int.h"

/* Far above any use; keeps the size of a request well inside its 32-bit argsz. */
#define MAX_RANGES 65536

bool vfiowc_types_valid(const enum vfiowc_mem_type *types, uint32_t num)
{
	uint32_t i;

	if (num && !types)
		return false;
	for (i = 0; i < num; i++)
		if (types[i] == VFIOWC_MEM_UNKNOWN)
			return false;
	return true;
}

static int check_attr(const struct vfiowc_export_attr *attr, uint32_t inlen)
{
	if (!vfiowc_input_known(attr, sizeof(*attr), inlen))
		return EINVAL;
	if (attr->comp_mask || attr->bar >= VFIOWC_NUM_BARS ||
	    (attr->flags & ~(uint32_t)VFIOWC_EXPORT_LOCK_TAGS))
		return EINVAL;
	if (attr->num_ranges &&
	    (!attr->ranges || attr->num_ranges > MAX_RANGES || attr->offset || attr->length))
		return EINVAL;
	return vfiowc_types_valid(attr->types, attr->num_types) ? 0 : EINVAL;
}

int vfiowc_place_buf(struct vfiowc_buf *buf, uint32_t bar, const struct vfiowc_range *ranges, uint32_t num)
{
	uint64_t page = sysconf(_SC_PAGESIZE), bar_size;
	uint32_t i;
	int err;

	buf->num_ranges = num;
	buf->ranges = calloc(num, sizeof(*buf->ranges));
	if (!buf->ranges)
		return ENOMEM;
	err = vfiowc_bar_size(buf->dev, bar, &bar_size);
	if (err)
		return err;
	if (!bar_size)
		return ENODEV;
	for (i = 0; i < num; i++) {
		if ((ranges[i].offset | ranges[i].length) % page ||
		    !vfiowc_inside(ranges[i].offset, ranges[i].length, bar_size) ||
		    __builtin_add_overflow(buf->size, ranges[i].length, &buf->size))
			return EINVAL;
		buf->ranges[i] = ranges[i];
	}
	buf->bar = bar;
	return 0;
}

static int copy_ranges(struct vfiowc_buf *buf, const struct vfiowc_export_attr *attr)
{
	const struct vfiowc_range single = { attr->offset, attr->length };

	if (attr->num_ranges)
		return vfiowc_place_buf(buf, attr->bar, attr->ranges, attr->num_ranges);
	return vfiowc_place_buf(buf, attr->bar, &single, 1);
}

/* The request of both exports: ours is the stock struct with a type and flags before it. */
struct request {
	struct vfio_device_feature *header;
	struct vfiowc_feature_export *typed; /* NULL in the stock request */
};

static void fill_stock(struct vfio_device_feature_dma_buf *stock, const struct vfiowc_buf *buf)
{
	uint32_t i;

	stock->region_index = VFIO_PCI_BAR0_REGION_INDEX + buf->bar;
	stock->open_flags = O_RDWR | O_CLOEXEC;
	stock->nr_ranges = buf->num_ranges;
	for (i = 0; i < buf->num_ranges; i++) {
		stock->dma_ranges[i].offset = buf->ranges[i].offset;
		stock->dma_ranges[i].length = buf->ranges[i].length;
	}
}

static int make_request(struct request *request, const struct vfiowc_buf *buf)
{
	bool typed = vfiowc_has(buf->dev, FEATURE_EXPORT);
	enum vfiowc_feature feature = typed ? FEATURE_EXPORT : FEATURE_DMA_BUF;
	size_t len = sizeof(*request->header) +
		     (typed ? offsetof(struct vfiowc_feature_export, dma_buf) : 0) +
		     sizeof(struct vfio_device_feature_dma_buf) +
		     buf->num_ranges * sizeof(struct vfio_region_dma_range);

	request->header = calloc(1, len);
	if (!request->header)
		return ENOMEM;
	request->header->argsz = len;
	request->header->flags = VFIO_DEVICE_FEATURE_GET | buf->dev->feature[feature];
	request->typed = typed ? (void *)request->header->data : NULL;
	fill_stock(typed ? &request->typed->dma_buf : (void *)request->header->data, buf);
	return 0;
}

static int export_typed(struct vfiowc_buf *buf, struct request *request, enum vfiowc_mem_type type,
			uint32_t flags)
{
	request->typed->memattr = type;
	request->typed->flags = flags & VFIOWC_EXPORT_LOCK_TAGS ? VFIOWC_EXPORT_TPH_LOCKED : 0;
	return vfiowc_feature_ioctl(buf->dev->fd, request->header, &buf->fd);
}

/* What a dma-buf has without anybody asking: vfio-pci's are NC. */
static bool is_born_with(enum vfiowc_mem_type type)
{
	return type == VFIOWC_MEM_NC || type == VFIOWC_MEM_NATURAL;
}

/* Another type needs upstream's MEMATTR. */
static int export_stock(struct vfiowc_buf *buf, struct request *request, enum vfiowc_mem_type type)
{
	int err;

	if (!is_born_with(type) && !vfiowc_has(buf->dev, FEATURE_MEMATTR))
		return EOPNOTSUPP;
	err = vfiowc_feature_ioctl(buf->dev->fd, request->header, &buf->fd);
	if (err || is_born_with(type))
		return err;
	err = vfiowc_set_memattr(buf, type);
	if (err) {
		close(buf->fd);
		buf->fd = -1;
	}
	return err;
}

/* From most to least wanted; any error but "not this type" is final. */
static int export_first(struct vfiowc_buf *buf, const struct vfiowc_export_attr *attr,
			struct request *request)
{
	static const enum vfiowc_mem_type nc = VFIOWC_MEM_NC;
	const enum vfiowc_mem_type *types = attr->num_types ? attr->types : &nc;
	uint32_t i, num = attr->num_types ? attr->num_types : 1;
	int err = EOPNOTSUPP;

	for (i = 0; i < num && err == EOPNOTSUPP; i++) {
		if (request->typed)
			err = export_typed(buf, request, types[i], attr->flags);
		else
			err = export_stock(buf, request, types[i]);
		if (!err)
			buf->type = types[i];
	}
	return err;
}

struct vfiowc_buf *vfiowc_export(struct vfiowc_device *dev, const struct vfiowc_export_attr *attr,
				 uint32_t inlen)
{
	struct request request;
	struct vfiowc_buf *buf;
	int err;

	err = check_attr(attr, inlen);
	if (!err && (!vfiowc_has(dev, FEATURE_DMA_BUF) ||
		     (attr->flags && !vfiowc_has(dev, FEATURE_EXPORT))))
		err = EOPNOTSUPP;
	if (err)
		goto err;
	buf = vfiowc_alloc_buf(dev);
	if (!buf)
		return NULL;
	err = copy_ranges(buf, attr);
	if (err)
		goto err_free;
	err = make_request(&request, buf);
	if (err)
		goto err_free;
	err = export_first(buf, attr, &request);
	free(request.header);
	if (err)
		goto err_free;
	return buf;

err_free:
	vfiowc_free_buf(buf);
err:
	errno = err;
	return NULL;
}
