// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * CPU mappings of dma-bufs: requested type at mmap(), effective type read back from the page table,
 * and the refusal of the same bytes under two types in one process (O11).
 *
 * Two dma-bufs of one device may show the same bytes. Where the library exported both it knows
 * their place in the BAR and compares there; otherwise it compares mappings of the same dma-buf
 * object.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"
#include "memtype.h"

_Static_assert((int)VFIOWC_EFFECTIVE_OTHER == (int)VFIOWC_PTE_OTHER &&
	       (int)VFIOWC_EFFECTIVE_UC_MINUS == (int)VFIOWC_PTE_UC_MINUS &&
	       (int)VFIOWC_EFFECTIVE_WC == (int)VFIOWC_PTE_WC &&
	       (int)VFIOWC_EFFECTIVE_UC == (int)VFIOWC_PTE_UC &&
	       (int)VFIOWC_EFFECTIVE_WB == (int)VFIOWC_PTE_WB, "PTE type");

#define MAP_FLAGS (VFIOWC_MAP_READ_ONLY | VFIOWC_MAP_MIXED | VFIOWC_MAP_CHECKED)

static bool overlap(uint64_t a, uint64_t a_bytes, uint64_t b, uint64_t b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

/*
 * The part of @map that lies in range @i of its dma-buf, in BAR offsets; 0 bytes when none does.
 * @begin: where the range begins in the dma-buf.
 */
static struct vfiowc_range in_bar(const struct vfiowc_mapping *map, uint32_t i, uint64_t begin)
{
	const struct vfiowc_range *range = &map->buf->ranges[i];
	uint64_t from = map->first > begin ? map->first : begin;
	uint64_t map_end = map->first + map->bytes;
	uint64_t end = begin + range->length < map_end ? begin + range->length : map_end;
	struct vfiowc_range part = {};

	if (from < end) {
		part.offset = range->offset + (from - begin);
		part.length = end - from;
	}
	return part;
}

/* Does a piece of @map cover some of @part of the BAR? */
static bool touches(const struct vfiowc_mapping *map, const struct vfiowc_range *part)
{
	uint64_t begin = 0;
	uint32_t i;

	for (i = 0; i < map->buf->num_ranges; i++) {
		struct vfiowc_range own = in_bar(map, i, begin);

		if (own.length && overlap(own.offset, own.length, part->offset, part->length))
			return true;
		begin += map->buf->ranges[i].length;
	}
	return false;
}

static bool same_bytes(const struct vfiowc_mapping *a, const struct vfiowc_mapping *b)
{
	uint64_t begin = 0;
	uint32_t i;

	if (a->buf == b->buf && overlap(a->first, a->bytes, b->first, b->bytes))
		return true;
	if (!a->buf->ranges || !b->buf->ranges || a->buf->bar != b->buf->bar)
		return false;
	for (i = 0; i < a->buf->num_ranges; i++) {
		struct vfiowc_range part = in_bar(a, i, begin);

		if (part.length && touches(b, &part))
			return true;
		begin += a->buf->ranges[i].length;
	}
	return false;
}

/* Called with the scope's lock held. */
static bool mixes_types(const struct vfiowc_mapping *map)
{
	const struct vfiowc_mapping *other;

	for (other = map->buf->scope->maps; other; other = other->next)
		if (other->type != map->type && same_bytes(other, map))
			return true;
	return false;
}

/* NC stores need no check: they do not wait for a flush. */
static bool is_checked(const struct vfiowc_mapping *map, uint32_t flags)
{
	return map->type == VFIOWC_MEM_WC && !(flags & VFIOWC_MAP_READ_ONLY) &&
	       ((flags & VFIOWC_MAP_CHECKED) || vfiowc_check_wanted());
}

/* Called with the scope's lock held, so that the type is that of the moment of mmap(). */
static int map_locked(struct vfiowc_mapping *map, uint32_t flags, const void *caller)
{
	struct vfiowc_buf *buf = map->buf;
	bool checked;
	int prot, err;

	map->type = buf->type;
	if (!(flags & VFIOWC_MAP_MIXED) && mixes_types(map))
		return EBUSY;
	checked = is_checked(map, flags);
	prot = PROT_READ | ((flags & VFIOWC_MAP_READ_ONLY) || checked ? 0 : PROT_WRITE);
	map->base = vfiowc_mmap_part(map, NULL, prot, map->first, map->bytes);
	if (map->base == MAP_FAILED)
		/* All arguments were checked: the exporter has no mmap, or the BAR cannot be mapped. */
		return errno == EINVAL ? EOPNOTSUPP : errno;
	err = checked ? vfiowc_check_begin(map, caller) : 0;
	if (err) {
		munmap(map->base, map->bytes);
		return err;
	}
	map->next = buf->scope->maps;
	buf->scope->maps = map;
	buf->num_maps++;
	return 0;
}

static struct vfiowc_mapping *alloc_map(struct vfiowc_buf *buf, uint64_t offset, uint64_t length)
{
	struct vfiowc_mapping *map = calloc(1, sizeof(*map));
	uint64_t page = sysconf(_SC_PAGESIZE);

	if (!map)
		return NULL;
	map->buf = buf;
	map->offset = offset;
	map->length = length;
	map->first = offset / page * page;
	map->bytes = (offset - map->first + length + page - 1) / page * page;
	return map;
}

struct vfiowc_mapping *vfiowc_map_for(struct vfiowc_buf *buf, uint64_t offset, uint64_t length,
				      uint32_t flags, const void *caller)
{
	struct vfiowc_mapping *map;
	int err;

	if ((flags & ~(uint32_t)MAP_FLAGS) || !vfiowc_inside(offset, length, buf->size)) {
		errno = EINVAL;
		return NULL;
	}
	map = alloc_map(buf, offset, length);
	if (!map)
		return NULL;
	pthread_mutex_lock(&buf->scope->lock);
	err = map_locked(map, flags, caller);
	pthread_mutex_unlock(&buf->scope->lock);
	if (err)
		goto err_free;
	return map;

err_free:
	free(map);
	errno = err;
	return NULL;
}

struct vfiowc_mapping *vfiowc_map(struct vfiowc_buf *buf, uint64_t offset, uint64_t length,
				  uint32_t flags)
{
	return vfiowc_map_for(buf, offset, length, flags, __builtin_return_address(0));
}

void *vfiowc_map_addr(const struct vfiowc_mapping *map)
{
	return (char *)map->base + (map->offset - map->first);
}

/* Where a checked map has a shadow, the device's own page is elsewhere. */
static const void *device_address(const struct vfiowc_mapping *map)
{
	return map->check ? map->check->real + (map->offset - map->first) : vfiowc_map_addr(map);
}

/* Nobody reads the page table; but what vfio-pci maps follows the kernel's list of types. */
static int query_list(const struct vfiowc_mapping *map, struct vfiowc_map_attr *attr, uint32_t inlen)
{
	const struct vfiowc_buf *buf = map->buf;
	enum vfiowc_effective_type type;
	int err;

	if (!buf->region || !buf->dev->pci_address[0])
		return EOPNOTSUPP;
	err = vfiowc_bar_memtype(buf->dev->pci_address, buf->bar, buf->ranges->offset + map->first, map->bytes,
				 &type);
	if (err)
		return err;
	memset(attr, 0, inlen);
	attr->length = map->length;
	attr->requested = map->type;
	attr->effective = type;
	return 0;
}

int vfiowc_query_map(struct vfiowc_mapping *map, struct vfiowc_map_attr *attr, uint32_t inlen)
{
	struct vfiowc_feature_map_query query = { .address = (uintptr_t)device_address(map) };
	struct vfiowc_device *dev = map->buf->dev;
	int err;

	if (inlen < sizeof(*attr))
		return EINVAL;
	if (!vfiowc_has(dev, FEATURE_MAP_QUERY))
		return query_list(map, attr, inlen);
	err = vfiowc_feature_call(dev->fd, VFIO_DEVICE_FEATURE_GET, dev->feature[FEATURE_MAP_QUERY],
				  &query, sizeof(query));
	if (err)
		return err;
	memset(attr, 0, inlen);
	attr->length = map->length;
	attr->page_bytes = query.page_bytes;
	attr->requested = query.requested;
	attr->effective = query.pte_type;
	return 0;
}

static void unlink_locked(struct vfiowc_mapping *map)
{
	struct vfiowc_mapping **link = &map->buf->scope->maps;

	while (*link != map)
		link = &(*link)->next;
	*link = map->next;
	map->buf->num_maps--;
}

int vfiowc_unmap(struct vfiowc_mapping *map)
{
	struct vfiowc_buf *buf = map->buf;
	struct vfiowc_scope *scope = buf->scope;
	bool own = buf->region; /* else it may be destroyed as soon as it has no mapping */

	pthread_mutex_lock(&scope->lock);
	if (map->check)
		vfiowc_check_end(map);
	munmap(map->base, map->bytes);
	unlink_locked(map);
	pthread_mutex_unlock(&scope->lock);
	if (own)
		vfiowc_free_buf(buf);
	free(map);
	return 0;
}
