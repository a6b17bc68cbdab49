// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Random operations on the VFIO device fd and its dma-bufs. See random.h. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "random.h"

static int keep_dmabuf(struct world *w, int fd)
{
	int *place = random_pick(w, w->dmabuf);

	if (fd < 0)
		return -fd;
	if (*place >= 0)
		close(*place);
	*place = fd;
	return 0;
}

/* Mostly whole pages inside the BAR, sometimes not. */
static void random_range(struct world *w, struct exporter_range *range)
{
	range->offset = random_below(w, w->exp->bar_bytes / RANDOM_SLICE) * RANDOM_SLICE;
	range->length = (1 + random_below(w, RANDOM_SLICE / PAGE)) * PAGE;
	if (random_chance(w, 10))
		range->offset = random_edge(w, w->exp->bar_bytes);
	if (random_chance(w, 10))
		range->length = random_edge(w, RANDOM_SLICE);
}

static uint32_t random_open_flags(struct world *w)
{
	return random_chance(w, 95) ? O_RDWR | O_CLOEXEC : random_below(w, UINT32_MAX);
}

static int export(struct world *w)
{
	struct exporter_range ranges[3];
	uint32_t nr = random_chance(w, 80) ? 1 : random_below(w, 4);
	uint32_t memattr = random_chance(w, 95) ? random_below(w, 2) : random_below(w, 5);

	for (uint32_t i = 0; i < 3; i++)
		random_range(w, &ranges[i]);
	return keep_dmabuf(w, exporter_export_ranges(w->exp, memattr, random_open_flags(w), nr, ranges));
}

static int export_stock(struct world *w)
{
	struct exporter_range range;
	uint32_t bar = random_chance(w, 90) ? w->exp->bar : random_below(w, 12);

	random_range(w, &range);
	return keep_dmabuf(w, exporter_stock(w->exp, bar, random_open_flags(w), random_chance(w, 5), 1, &range));
}

/* Any of our features, with any header, on any payload. */
static int feature(struct world *w)
{
	uint8_t payload[64];
	uint32_t nr = random_chance(w, 10) ? VFIO_DEVICE_FEATURE_DMA_BUF :
					     VFIOWC_FEATURE_ID - 1 + random_below(w, 10);
	uint32_t op = (1 + random_below(w, 7)) << 16;
	size_t len = random_below(w, sizeof(payload) + 1);
	uint32_t argsz = sizeof(struct vfio_device_feature) + len;
	int32_t fd = *random_pick(w, w->dmabuf);
	int ret;

	random_bytes(w, payload, sizeof(payload));
	if (random_chance(w, 70))
		memcpy(payload, &fd, sizeof(fd));
	if (random_chance(w, 20))
		argsz = random_edge(w, argsz);
	ret = exporter_feature_argsz(w->exp, op, nr, payload, sizeof(payload), argsz);
	/* an export that worked by chance */
	return ret > 0 ? keep_dmabuf(w, ret) : -ret;
}

static int query(struct world *w)
{
	struct vfiowc_feature_query answer;

	return -exporter_query(w->exp, *random_pick(w, w->dmabuf), &answer);
}

static int set_memattr(struct world *w)
{
	return -exporter_set_memattr(w->exp, *random_pick(w, w->dmabuf), random_below(w, 3));
}

static int set_tph(struct world *w)
{
	struct vfiowc_feature_tph tph = {
		.dmabuf_fd = *random_pick(w, w->dmabuf),
		.flags = random_below(w, 5),
		.steering_tag_ext = random_below(w, 65536),
		.steering_tag = random_below(w, 256),
		.ph = random_below(w, 5),
	};

	return -exporter_feature(w->exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_TPH, &tph,
				 sizeof(tph));
}

static int revoke_dmabuf(struct world *w)
{
	return -exporter_revoke(w->exp, *random_pick(w, w->dmabuf));
}

static int map_query(struct world *w)
{
	struct vfiowc_feature_map_query answer;
	uint8_t *at = random_pick(w, w->map)->at;

	return -exporter_map_query(w->exp, at + random_edge(w, RANDOM_SLICE), &answer);
}

static int close_dmabuf(struct world *w)
{
	int *fd = random_pick(w, w->dmabuf), err = close(*fd) ? errno : 0;

	*fd = -1;
	return err;
}

static int map_dmabuf(struct world *w)
{
	uint64_t pages = random_chance(w, 80) ? RANDOM_SLICE / 4 / PAGE : random_edge(w, RANDOM_SLICE / PAGE);
	size_t len = (1 + pages % 1024) * PAGE;
	off_t offset = random_chance(w, 80) ? 0 : random_below(w, RANDOM_SLICE / PAGE) * PAGE;
	int prot = random_chance(w, 80) ? PROT_READ | PROT_WRITE : random_below(w, 8);
	int flags = random_chance(w, 95) ? MAP_SHARED : MAP_PRIVATE;
	typeof(w->map[0]) *place = random_pick(w, w->map);
	void *at = mmap(NULL, len, prot, flags, *random_pick(w, w->dmabuf), offset);

	if (at == MAP_FAILED)
		return errno;
	if (place->at)
		munmap(place->at, place->len);
	place->at = at;
	place->len = len;
	return 0;
}

/*
 * Whole, or a page in it. That page is kept by other memory: what another mapping found room for there would
 * be touched later.
 */
static int unmap(struct world *w)
{
	typeof(w->map[0]) *map = random_pick(w, w->map);
	bool whole = random_chance(w, 70);
	uint64_t draw = random_below(w, UINT32_MAX);

	if (!map->at)
		return ENOENT;
	if (!whole)
		return mmap(map->at + draw % (map->len / PAGE) * PAGE, PAGE, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? errno : 0;
	munmap(map->at, map->len);
	map->at = NULL;
	return 0;
}

static int touch(struct world *w)
{
	typeof(w->map[0]) *map = random_pick(w, w->map);
	bool store = random_chance(w, 50);
	uint64_t draw = random_below(w, UINT32_MAX);

	return map->at ? random_touch(map->at + draw % map->len, store) : ENOENT;
}

static int change_map(struct world *w)
{
	static const int advice[] = { MADV_DONTNEED, MADV_DONTFORK, MADV_DOFORK, MADV_WILLNEED, MADV_HUGEPAGE,
				      MADV_COLD };
	typeof(w->map[0]) *map = random_pick(w, w->map);
	int protection = random_below(w, 8), hint = *random_pick(w, advice);
	bool protect = random_chance(w, 50);
	uint64_t draw = random_below(w, UINT32_MAX);

	if (!map->at)
		return ENOENT;
	if (protect)
		return mprotect(map->at, (1 + draw % (map->len / PAGE)) * PAGE, protection) ? errno : 0;
	return madvise(map->at, map->len, hint) ? errno : 0;
}

/* What everybody who holds a dma-buf may do. */
static int use_dmabuf(struct world *w)
{
	struct dma_buf_sync sync = { .flags = random_below(w, 8) };
	struct dma_buf_export_sync_file fence = { .flags = random_below(w, 4), .fd = -1 };
	int fd = *random_pick(w, w->dmabuf);
	struct pollfd poll_one = { .fd = fd, .events = POLLIN | POLLOUT };
	int err;

	switch (random_below(w, 5)) {
	case 0:
		return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) ? errno : 0;
	case 1:
		return ioctl(fd, DMA_BUF_SET_NAME_B, "random") ? errno : 0;
	case 2:
		err = ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &fence) ? errno : 0;
		if (!err)
			close(fence.fd);
		return err;
	case 3:
		return poll(&poll_one, 1, 0) < 0 ? errno : 0;
	default:
		return lseek(fd, 0, SEEK_END) < 0 ? errno : 0;
	}
}

/* PCI_COMMAND by itself, so that two processes can do it at once. */
static int toggle_decode(struct world *w)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t off = PCI_COMMAND_MASTER, on = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	off_t at;

	if (ioctl(w->exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info))
		return errno;
	at = info.offset + PCI_COMMAND;
	if (random_chance(w, 50) && pwrite(w->exp->vfio.device, &off, sizeof(off), at) < 0)
		return errno;
	return pwrite(w->exp->vfio.device, &on, sizeof(on), at) < 0 ? errno : 0;
}

/* Takes a second of everybody's time. */
static int reset(struct world *w)
{
	if (!random_chance(w, 3))
		return EAGAIN;
	return ioctl(w->exp->vfio.device, VFIO_DEVICE_RESET) ? errno : 0;
}

static const struct operation ops[] = {
	{ "export", 6, export },
	{ "export_stock", 2, export_stock },
	{ "feature", 10, feature },
	{ "query", 4, query },
	{ "set_memattr", 2, set_memattr },
	{ "set_tph", 2, set_tph },
	{ "revoke_dmabuf", 2, revoke_dmabuf },
	{ "map_query", 4, map_query },
	{ "close_dmabuf", 1, close_dmabuf },
	{ "map_dmabuf", 6, map_dmabuf },
	{ "unmap", 2, unmap },
	{ "touch", 12, touch },
	{ "change_map", 3, change_map },
	{ "use_dmabuf", 3, use_dmabuf },
	{ "toggle_decode", 1, toggle_decode },
	{ "reset", 1, reset },
};

const struct operations random_exporter = OPERATIONS(ops);
