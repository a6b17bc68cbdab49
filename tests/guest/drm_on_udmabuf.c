// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * For rdma-core's tests of dma-buf MRs (conformance/run_pyverbs.py --dmabuf): they take their dma-bufs from the
 * render node of an i915 or amdgpu, by its private ioctls, and from nothing else. Preloaded, this library answers
 * in the name of an i915 with dma-bufs of ordinary pages. A file of such a node is one of /dev/udmabuf, so that
 * nothing has to be kept for it; a buffer's handle is its place in a table, and the offset to map it at is as
 * many pages. One thread at a time, as Python has it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <drm.h>
#include <i915_drm.h>

#define NODE "/dev/dri/renderD128"
#define UDMABUF "/dev/udmabuf"
#define MAX_BUFFERS 256
#define PAGE UINT64_C(4096)

/* dma-bufs by handle; 0: free. Handle 0 is none. */
static int buffers[MAX_BUFFERS];

typedef int (*open_fn)(const char *, int, ...);
typedef int (*ioctl_fn)(int, unsigned long, ...);
typedef void *(*mmap_fn)(void *, size_t, int, int, int, off64_t);

#define NEXT(type, name) ((type)dlsym(RTLD_NEXT, #name))

int open(const char *path, int flags, ...)
{
	mode_t mode = 0;
	va_list args;

	va_start(args, flags);
	if (flags & (O_CREAT | __O_TMPFILE))
		mode = va_arg(args, mode_t);
	va_end(args);
	return NEXT(open_fn, open)(strcmp(path, NODE) ? path : UDMABUF, flags, mode);
}

static int is_node(int fd)
{
	struct stat file, node;

	return !fstat(fd, &file) && S_ISCHR(file.st_mode) && !stat(UDMABUF, &node) && file.st_rdev == node.st_rdev;
}

static int version(struct drm_version *arg)
{
	static const char name[] = "i915";

	if (arg->name_len >= sizeof(name))
		memcpy(arg->name, name, sizeof(name));
	arg->name_len = strlen(name);
	return 0;
}

static int make_dmabuf(int node, uint64_t bytes)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = (bytes + PAGE - 1) / PAGE * PAGE };
	int fd = -1;

	create.memfd = memfd_create("drm", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	if ((int)create.memfd < 0)
		return -1;
	if (!ftruncate(create.memfd, create.size) && !fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = NEXT(ioctl_fn, ioctl)(node, UDMABUF_CREATE, &create);
	close(create.memfd);
	return fd;
}

static int gem_create(int node, struct drm_i915_gem_create *arg)
{
	for (arg->handle = 1; arg->handle < MAX_BUFFERS; arg->handle++) {
		if (buffers[arg->handle])
			continue;
		buffers[arg->handle] = make_dmabuf(node, arg->size);
		if (buffers[arg->handle] >= 0)
			return 0;
		buffers[arg->handle] = 0;
		return -1;
	}
	errno = ENOSPC;
	return -1;
}

/* The dma-buf of a handle, or -1. */
static int find(uint64_t handle)
{
	if (handle < MAX_BUFFERS && buffers[handle])
		return buffers[handle];
	errno = ENOENT;
	return -1;
}

static int gem_close(const struct drm_gem_close *arg)
{
	int fd = find(arg->handle);

	if (fd < 0)
		return -1;
	buffers[arg->handle] = 0;
	return close(fd);
}

static int mmap_offset(struct drm_i915_gem_mmap_gtt *arg)
{
	arg->offset = arg->handle * PAGE;
	return find(arg->handle) < 0 ? -1 : 0;
}

static int handle_to_fd(struct drm_prime_handle *arg)
{
	int fd = find(arg->handle);

	arg->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return arg->fd < 0 ? -1 : 0;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	if (_IOC_TYPE(request) != DRM_IOCTL_BASE || !is_node(fd))
		return NEXT(ioctl_fn, ioctl)(fd, request, arg);
	switch (request) {
	case DRM_IOCTL_VERSION:
		return version(arg);
	case DRM_IOCTL_I915_GEM_CREATE:
		return gem_create(fd, arg);
	case DRM_IOCTL_I915_GEM_MMAP_GTT:
		return mmap_offset(arg);
	case DRM_IOCTL_PRIME_HANDLE_TO_FD:
		return handle_to_fd(arg);
	case DRM_IOCTL_GEM_CLOSE:
		return gem_close(arg);
	default:
		errno = ENOTTY;
		return -1;
	}
}

void *mmap64(void *hint, size_t length, int prot, int flags, int fd, off64_t offset)
{
	if (flags & MAP_ANONYMOUS || !is_node(fd))
		return NEXT(mmap_fn, mmap64)(hint, length, prot, flags, fd, offset);
	fd = find(offset / PAGE);
	return fd < 0 ? MAP_FAILED : NEXT(mmap_fn, mmap64)(hint, length, prot, flags, fd, 0);
}
