// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The replaced functions of libc: open() in its forms gives the dma-buf for "vfiowc:N" (it has no
 * path of its own to open), mmap() and munmap() are noted when the file is a target's. mmap() of a VFIO
 * device fd is left as it is, but for the parts that are to be write-combined (region.c).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "preload.h"

#define NEXT(name) ((typeof(&(name)))dlsym(RTLD_NEXT, #name))

/* Also found by programs that were compiled with _FORTIFY_SOURCE. */
/* NOLINTBEGIN(bugprone-reserved-identifier): libc's names, which are to be found here first */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
/* NOLINTEND(bugprone-reserved-identifier) */

static bool is_ours(const char *path)
{
	return path && !strncmp(path, HANDOVER_PREFIX, strlen(HANDOVER_PREFIX));
}

static int open_target(const char *path, int flags)
{
	int number = targets_find_path(path), fd;

	if (number < 0)
		return -1;
	if (targets_find_fd(targets_get(number)->dmabuf_fd) != number) {
		refuse("path=%s reason=\"fd %d is not the dma-buf any more: a program between 'vfiowc run' "
		       "and this one closed it\"", path, targets_get(number)->dmabuf_fd);
		errno = EBADF;
		return -1;
	}
	fd = fcntl(targets_get(number)->dmabuf_fd, flags & O_CLOEXEC ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
	if (fd < 0)
		refuse("path=%s reason=\"%s\"", path, strerror(errno));
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

#define REPLACE_OPEN(name)                                                  \
	PRELOAD_EXPORT int name(const char *path, int flags, ...)           \
	{                                                                   \
		va_list args;                                               \
		mode_t mode;                                                \
									    \
		va_start(args, flags);                                      \
		mode = mode_of(flags, args);                                \
		va_end(args);                                               \
		if (is_ours(path))                                          \
			return open_target(path, flags);                    \
		return NEXT(name)(path, flags, mode);                       \
	}

#define REPLACE_OPENAT(name)                                                \
	PRELOAD_EXPORT int name(int dir, const char *path, int flags, ...)  \
	{                                                                   \
		va_list args;                                               \
		mode_t mode;                                                \
									    \
		va_start(args, flags);                                      \
		mode = mode_of(flags, args);                                \
		va_end(args);                                               \
		if (is_ours(path))                                          \
			return open_target(path, flags);                    \
		return NEXT(name)(dir, path, flags, mode);                  \
	}

#define REPLACE_OPEN_2(name)                                                \
	PRELOAD_EXPORT int name(const char *path, int flags)                \
	{                                                                   \
		if (is_ours(path))                                          \
			return open_target(path, flags);                    \
		return NEXT(name)(path, flags);                             \
	}

REPLACE_OPEN(open)
REPLACE_OPEN(open64)
REPLACE_OPENAT(openat)
REPLACE_OPENAT(openat64)
REPLACE_OPEN_2(__open_2)
REPLACE_OPEN_2(__open64_2)

/* The kernel's errno does not say which of its reasons it was. */
static void explain_mmap(int number, size_t length, int flags, off_t offset)
{
	const struct handover *target = targets_get(number);
	long page = sysconf(_SC_PAGESIZE);
	int err = errno;

	if (offset % page)
		refuse("target=%d offset=%jd reason=\"the offset must be a multiple of %ld\"", number,
		       (intmax_t)offset, page);
	else if (offset < 0 || (uint64_t)offset > target->bytes || length > target->bytes - offset)
		refuse("target=%d offset=%jd length=%zu reason=\"the target is too small: it has %" PRIu64
		       " bytes; give it a larger LENGTH or the program a smaller buffer\"", number,
		       (intmax_t)offset, length, target->bytes);
	else if ((flags & MAP_TYPE) == MAP_PRIVATE)
		refuse("target=%d reason=\"device memory can only be mapped MAP_SHARED\"", number);
	else if (err == ENODEV)
		refuse("target=%d reason=\"it was revoked (the device was reset, powered down or closed)\"",
		       number);
	else
		refuse("target=%d offset=%jd length=%zu reason=\"%s\"", number, (intmax_t)offset, length,
		       strerror(err));
	errno = err;
}

static void note_mmap(int number, void *address, size_t length, int prot, off_t offset)
{
	const struct handover *target = targets_get(number);
	const char *pte = prot & PROT_READ ? observe_pte(target->device_fd, address) : "not-observed";

	maps_add(address, length, number, offset);
	report("map", "target=%d address=%p offset=0x%jx length=%zu requested=%s pte=%s", number, address,
	       (intmax_t)offset, length, handover_type_name(target->type), pte);
}

#define REPLACE_MMAP(name)                                                                      \
	PRELOAD_EXPORT void *name(void *hint, size_t length, int prot, int flags, int fd,       \
				  off_t offset)                                                 \
	{                                                                                       \
		int number = flags & MAP_ANONYMOUS || fd < 0 ? -1 : targets_find_fd(fd);        \
		void *address = NEXT(name)(hint, length, prot, flags, fd, offset);              \
												\
		if (address == MAP_FAILED) {                                                    \
			if (number >= 0)                                                        \
				explain_mmap(number, length, flags, offset);                    \
			return address;                                                         \
		}                                                                               \
		/* MAP_FIXED may have replaced a part of a target's mapping. */                 \
		maps_remove(address, length);                                                   \
		if (number >= 0)                                                                \
			note_mmap(number, address, length, prot, offset);                       \
		else if (!region_combine(address, length, prot, flags, fd, offset)) {           \
			int err = errno;                                                        \
												\
			NEXT(munmap)(address, length);                                          \
			errno = err;                                                            \
			return MAP_FAILED;                                                      \
		}                                                                               \
		return address;                                                                 \
	}

REPLACE_MMAP(mmap)
REPLACE_MMAP(mmap64)

/* Forgotten first: once they are unmapped, another thread's mmap() may have these addresses, and be noted. */
PRELOAD_EXPORT int munmap(void *address, size_t length)
{
	struct map *taken = maps_take(address, length);
	int status = NEXT(munmap)(address, length);

	if (status)
		maps_put_back(taken);
	else
		maps_free(taken);
	return status;
}
