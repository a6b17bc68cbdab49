// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run`: dma-bufs of system memory, to tell what the BAR costs from what the dma-buf costs:
 * pages of this process (udmabuf), and dumb buffers of a DRM device.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "run.h"
#include "vfiowc.h"

/* A dumb buffer is an image: rows of this many bytes, at 32 bits a pixel. */
#define DRM_ROW_BYTES 4096u
#define DRM_BITS 32u

static const char *may_open(int err)
{
	return err == EACCES ? "; run as its owner or as root" : "";
}

static int sealed_memory(const char *what, uint64_t bytes, int *memfd)
{
	*memfd = memfd_create("vfiowc-run", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if (*memfd < 0 || ftruncate(*memfd, bytes) || fcntl(*memfd, F_ADD_SEALS, F_SEAL_SHRINK)) {
		int err = errno;

		tool_error(what, "0x%" PRIx64 " bytes of memory: %s", bytes, strerror(err));
		return err;
	}
	return 0;
}

static int create_udmabuf(const struct run_target *target, struct run_buffer *buffer)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = target->length };
	int memfd = -1, device, err = sealed_memory(target->text, target->length, &memfd);

	if (err)
		goto err_memfd;
	device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		err = errno;
		tool_error("/dev/udmabuf", "%s%s", strerror(err), err == ENOENT ?
			   "; the kernel needs CONFIG_UDMABUF" : may_open(err));
		goto err_memfd;
	}
	create.memfd = memfd;
	buffer->fd = ioctl(device, UDMABUF_CREATE, &create);
	buffer->bytes = target->length;
	if (buffer->fd < 0) {
		err = errno;
		tool_error(target->text, "no dma-buf: %s; BYTES must be a multiple of the page size, and the "
			   "module's parameter size_limit_mb limits it", strerror(err));
	}
	close(device);
err_memfd:
	if (memfd >= 0)
		close(memfd);
	return err;
}

static int create_dumb(const struct run_target *target, int card, struct run_buffer *buffer)
{
	uint32_t rows = (target->length + DRM_ROW_BYTES - 1) / DRM_ROW_BYTES, handle, pitch;
	uint64_t bytes;
	int err = 0;

	if (target->length > (uint64_t)UINT32_MAX ||
	    drmModeCreateDumbBuffer(card, DRM_ROW_BYTES / (DRM_BITS / 8), rows, DRM_BITS, 0, &handle,
				    &pitch, &bytes)) {
		err = target->length > UINT32_MAX ? E2BIG : errno;
		tool_error(target->path, "no dumb buffer of 0x%" PRIx64 " bytes: %s", target->length,
			   strerror(err));
		return err;
	}
	if (drmPrimeHandleToFD(card, handle, DRM_CLOEXEC | DRM_RDWR, &buffer->fd)) {
		err = errno;
		buffer->fd = -1;
		tool_error(target->path, "its buffer cannot be exported as a dma-buf: %s", strerror(err));
	}
	buffer->bytes = bytes;
	/* The dma-buf keeps the memory. */
	drmModeDestroyDumbBuffer(card, handle);
	return err;
}

static int create_drm(const struct run_target *target, struct run_buffer *buffer)
{
	int card = open(target->path, O_RDWR | O_CLOEXEC), err;

	if (card < 0) {
		err = errno;
		tool_error(target->path, "%s%s", strerror(err), err == ENOENT ?
			   "; `modprobe vgem` gives one without hardware" : may_open(err));
		return err;
	}
	err = create_dumb(target, card, buffer);
	close(card);
	return err;
}

int run_system_buffer(const struct run_target *target, struct run_buffer *buffer)
{
	return target->kind == RUN_DRM ? create_drm(target, buffer) : create_udmabuf(target, buffer);
}
