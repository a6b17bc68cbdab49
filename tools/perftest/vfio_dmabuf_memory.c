// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * A back-end of perftest's struct memory_ctx: buffers in a slice of a VFIO device's BAR, through
 * libvfiowc. perftest registers them by ibv_reg_dmabuf_mr() itself; the CPU's mapping is
 * write-combined, and each copy towards it ends with a flush (O2).
 *
 * A VFIO group opens only once: two ends on one machine need two functions, or `vfiowc run`.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_order.h>

#include "perftest_parameters.h"
#include "vfio_dmabuf_memory.h"

#define MAX_BUFFERS 64

struct buffer {
	struct vfiowc_buf *buf;
	struct vfiowc_mapping *map;
};

struct vfio_dmabuf_ctx {
	struct memory_ctx base;
	const char *option;
	struct vfiowc_device *dev;
	unsigned int bar;
	uint64_t next; /* offset of the next buffer in the BAR */
	struct buffer buffers[MAX_BUFFERS];
};

static struct vfio_dmabuf_ctx *context_of(struct memory_ctx *ctx)
{
	return container_of(ctx, struct vfio_dmabuf_ctx, base);
}

static int failed(const struct vfio_dmabuf_ctx *ctx, const char *what)
{
	fprintf(stderr, "--use_vfio_dmabuf=%s: %s: %s\n", ctx->option, what, strerror(errno));
	return FAILURE;
}

/* BDF:BAR[+OFFSET]; the BDF has colons of its own, and a dot before the last of them that matters. */
static int parse(struct vfio_dmabuf_ctx *ctx, char bdf[static 16])
{
	const char *dot = strchr(ctx->option, '.'), *colon = dot ? strchr(dot, ':') : NULL;
	char *end = NULL;

	errno = EINVAL;
	if (!colon || colon - ctx->option >= 16)
		return failed(ctx, "it is not BDF:BAR[+OFFSET]");
	snprintf(bdf, 16, "%.*s", (int)(colon - ctx->option), ctx->option);
	ctx->bar = strtoul(colon + 1, &end, 10);
	if (end != colon + 2 || ctx->bar > 5)
		return failed(ctx, "the BAR is not a digit from 0 to 5");
	ctx->next = *end == '+' ? strtoull(end + 1, &end, 0) : 0;
	if (*end || ctx->next % sysconf(_SC_PAGESIZE))
		return failed(ctx, "OFFSET is not a multiple of the page size");
	return SUCCESS;
}

static int init(struct memory_ctx *base)
{
	struct vfio_dmabuf_ctx *ctx = context_of(base);
	char bdf[16];

	if (parse(ctx, bdf))
		return FAILURE;
	ctx->dev = vfiowc_open_device(bdf);
	return ctx->dev ? SUCCESS : failed(ctx, "open");
}

static int destroy(struct memory_ctx *base)
{
	struct vfio_dmabuf_ctx *ctx = context_of(base);

	if (ctx->dev)
		vfiowc_close_device(ctx->dev);
	free(ctx);
	return SUCCESS;
}

static struct buffer *free_slot(struct vfio_dmabuf_ctx *ctx)
{
	for (int i = 0; i < MAX_BUFFERS; i++) {
		if (!ctx->buffers[i].buf)
			return &ctx->buffers[i];
	}
	errno = ENOSPC;
	return NULL;
}

static void release(struct buffer *buffer)
{
	if (buffer->map)
		vfiowc_unmap(buffer->map);
	if (buffer->buf)
		vfiowc_destroy_buf(buffer->buf);
	memset(buffer, 0, sizeof(*buffer));
}

static int allocate(struct memory_ctx *base, int alignment, uint64_t size, int *dmabuf_fd,
		    uint64_t *dmabuf_offset, void **addr, bool *can_init)
{
	struct vfio_dmabuf_ctx *ctx = context_of(base);
	uint64_t page = sysconf(_SC_PAGESIZE), length = (size + page - 1) / page * page;
	const enum vfiowc_mem_type type = VFIOWC_MEM_WC;
	struct vfiowc_export_attr attr = { .bar = ctx->bar, .offset = ctx->next, .length = length,
					   .types = &type, .num_types = 1 };
	struct buffer *buffer = free_slot(ctx);

	(void)alignment; /* at most a page, which every mapping has */
	if (!buffer)
		return failed(ctx, "more buffers than this back-end keeps");
	buffer->buf = vfiowc_export(ctx->dev, &attr, sizeof(attr));
	if (!buffer->buf)
		return failed(ctx, "export (is the BAR large enough for all buffers?)");
	buffer->map = vfiowc_map(buffer->buf, 0, length, 0);
	/* perftest closes the fd it is given once it has registered; the library keeps its own. */
	*dmabuf_fd = buffer->map ? fcntl(vfiowc_buf_fd(buffer->buf), F_DUPFD_CLOEXEC, 3) : -1;
	if (*dmabuf_fd < 0) {
		failed(ctx, buffer->map ? "dup" : "map");
		release(buffer);
		return FAILURE;
	}
	ctx->next += length;
	*dmabuf_offset = 0;
	*addr = vfiowc_map_addr(buffer->map);
	*can_init = true;
	printf("allocated %" PRIu64 " bytes of %s at %p, dma-buf fd %d\n", length, ctx->option, *addr, *dmabuf_fd);
	return SUCCESS;
}

static int free_buffer(struct memory_ctx *base, int dmabuf_fd, void *addr, uint64_t size)
{
	struct vfio_dmabuf_ctx *ctx = context_of(base);

	(void)dmabuf_fd;
	(void)size;
	for (int i = 0; i < MAX_BUFFERS; i++) {
		if (ctx->buffers[i].map && vfiowc_map_addr(ctx->buffers[i].map) == addr)
			release(&ctx->buffers[i]);
	}
	return SUCCESS;
}

/* O2: what was copied is on its way before anybody is told of it. */
static void *copy_to_buffer(void *to, const void *from, size_t size)
{
	memcpy(to, from, size);
	vfiowc_wc_flush();
	return to;
}

struct memory_ctx *vfio_dmabuf_memory_create(struct perftest_parameters *params)
{
	struct vfio_dmabuf_ctx *ctx;

	ALLOCATE(ctx, struct vfio_dmabuf_ctx, 1);
	memset(ctx, 0, sizeof(*ctx));
	ctx->base = (struct memory_ctx) {
		.init = init,
		.destroy = destroy,
		.allocate_buffer = allocate,
		.free_buffer = free_buffer,
		.copy_host_to_buffer = copy_to_buffer,
		.copy_buffer_to_host = memcpy,
		.copy_buffer_to_buffer = copy_to_buffer,
	};
	ctx->option = params->vfio_dmabuf;
	return &ctx->base;
}
