/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the files of libvfiowc share.
 *
 * Locks: a scope's lock is a leaf, nothing else is taken under it. It protects the scope's list of
 * mappings and, in every vfiowc_buf that belongs to the scope, what the struct names. It is held
 * across mmap() and the calls that set or read the memory type; revoke, tags and queries run
 * without it, since they may wait for others.
 */
#ifndef VFIOWC_INT_H
#define VFIOWC_INT_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <linux/vfio.h>
#include <linux/vfio_dmabuf.h>
#include "vfiowc.h"

/* Kernel features the library uses; index of vfiowc_device.feature. */
enum vfiowc_feature {
	FEATURE_DMA_BUF, /* the stock export */
	FEATURE_EXPORT, /* export with a memory type */
	FEATURE_MEMATTR,
	FEATURE_TPH,
	FEATURE_REVOKE,
	FEATURE_QUERY,
	FEATURE_MAP_QUERY,
	FEATURE_REGION_MMAP,
	FEATURE_COUNT,
};

#define FEATURE_ABSENT UINT32_MAX

/* The mappings among which overlaps of different types are refused (O11). */
struct vfiowc_scope {
	pthread_mutex_t lock;
	struct vfiowc_mapping *maps;
};

struct vfiowc_device {
	int container; /* -1 when the device fd is borrowed */
	int group; /* -1 when the device fd is borrowed */
	int fd;
	char pci_address[16]; /* "" when not told */
	enum vfiowc_source source;
	uint32_t wc_bars; /* bit N: all of BAR N is write-combined, see whole_bar.c */
	uint32_t feature[FEATURE_COUNT]; /* number, or FEATURE_ABSENT */
	struct vfiowc_scope scope;
	uint64_t bar_bytes[VFIOWC_NUM_BARS]; /* scope.lock; 0: not asked yet, or not there */
	unsigned int num_bufs; /* scope.lock */
};

struct vfiowc_buf {
	int fd; /* of the dma-buf; -1 when it is a region */
	bool region; /* a part of a BAR behind the device fd: belongs to its one mapping */
	uint64_t map_offset; /* of the first byte, in what mmap() is given; 0 unless a region */
	uint64_t size;
	struct vfiowc_device *dev; /* NULL: imported without its device */
	struct vfiowc_scope *scope; /* the device's, else own_scope */
	struct vfiowc_scope own_scope;
	bool imported;
	uint32_t bar;
	struct vfiowc_range *ranges; /* in the BAR; NULL when imported: not known */
	uint32_t num_ranges;
	enum vfiowc_mem_type type; /* scope.lock; last one set or read through this object */
	struct vfiowc_tph tph; /* scope.lock; last one set through this object */
	unsigned int num_maps; /* scope.lock */
};

struct vfiowc_mapping {
	struct vfiowc_mapping *next; /* scope.lock */
	struct vfiowc_buf *buf;
	enum vfiowc_mem_type type; /* of the moment of mmap() */
	uint64_t offset; /* of the caller */
	uint64_t length; /* of the caller */
	uint64_t first; /* page that contains offset */
	uint64_t bytes; /* whole pages */
	void *base;
	struct checked_map *check; /* NULL: not a checked one */
};

/* feature.c */
int vfiowc_feature_call(int fd, uint32_t op, uint32_t number, void *payload, size_t len);
int vfiowc_feature_ioctl(int fd, struct vfio_device_feature *request, int *result);
int vfiowc_read_id(int fd, struct vfiowc_feature_id *id);
int vfiowc_find_features(struct vfiowc_device *dev);
uint64_t vfiowc_caps(const struct vfiowc_device *dev);

static inline bool vfiowc_has(const struct vfiowc_device *dev, enum vfiowc_feature feature)
{
	return dev && dev->feature[feature] != FEATURE_ABSENT;
}

/* pci.c: what VFIO shows of the function's BARs and configuration space. */
int vfiowc_read_bars(int fd, struct vfiowc_bar bars[VFIOWC_NUM_BARS]);
int vfiowc_read_completer(int fd, uint32_t *completer);
int vfiowc_bar_size(struct vfiowc_device *dev, uint32_t bar, uint64_t *size);
int vfiowc_bar_offset(int fd, uint32_t bar, uint64_t *offset);
/* @address: receives "dddd:bb:dd.f"; EINVAL for anything else. */
int vfiowc_parse_address(const char *text, char address[static 16]);

/* whole_bar.c */
int vfiowc_hold_bars(const char *pci_address, uint32_t bars, void *held[VFIOWC_NUM_BARS]);
void vfiowc_release_bars(void *held[VFIOWC_NUM_BARS]);
int vfiowc_check_bars(struct vfiowc_device *dev);
int vfiowc_check_wc(const struct vfiowc_device *dev, unsigned int bar, uint64_t offset, uint64_t length);

/* buf.c */
struct vfiowc_buf *vfiowc_alloc_buf(struct vfiowc_device *dev);
void vfiowc_free_buf(struct vfiowc_buf *buf);
int vfiowc_owner_call(struct vfiowc_buf *buf, enum vfiowc_feature feature, uint32_t op,
		      void *payload, size_t len);

/* tph.c: 0, or EINVAL when no device could publish such tags. */
int vfiowc_check_tph(const struct vfiowc_tph *tph);

/* An extensible input struct of @inlen bytes: is all that this version does not know zero? */
static inline bool vfiowc_input_known(const void *input, size_t known, uint32_t inlen)
{
	const unsigned char *bytes = input;
	size_t i;

	for (i = known; i < inlen && !bytes[i]; i++)
		;
	return i == inlen;
}

/* export.c: the parts of a BAR that @buf is, checked: whole pages inside the BAR, and a sum that does not wrap. */
int vfiowc_place_buf(struct vfiowc_buf *buf, uint32_t bar, const struct vfiowc_range *ranges, uint32_t num);
bool vfiowc_types_valid(const enum vfiowc_mem_type *types, uint32_t num);

/* map.c: vfiowc_map() on behalf of @caller. */
struct vfiowc_mapping *vfiowc_map_for(struct vfiowc_buf *buf, uint64_t offset, uint64_t length,
				      uint32_t flags, const void *caller);

/* mmap() of [from, from + bytes) of what is behind a mapping; @at: NULL, or where. */
static inline void *vfiowc_mmap_part(const struct vfiowc_mapping *map, void *at, int prot, uint64_t from,
				     uint64_t bytes)
{
	const struct vfiowc_buf *buf = map->buf;

	return mmap(at, bytes, prot, MAP_SHARED | (at ? MAP_FIXED : 0), buf->region ? buf->dev->fd : buf->fd,
		    buf->map_offset + from);
}

/* Is [offset, offset + length) a non-empty part of [0, size)? */
static inline bool vfiowc_inside(uint64_t offset, uint64_t length, uint64_t size)
{
	return length && offset < size && length <= size - offset;
}

#endif
