// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The bare copy, by this process and by the kernel: see perf.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <infiniband/vfiowc_order.h>

#include "perf.h"
#include "vfiowc_test_copy.h"

#define DEVICE "/dev/vfiowc_test_copy"

static void copy(volatile uint64_t *to, const volatile uint64_t *from, size_t bytes)
{
	for (size_t words = bytes / 8; words; words -= 8, to += 8, from += 8) {
		uint64_t a = from[0], b = from[1], c = from[2], d = from[3];
		uint64_t e = from[4], f = from[5], g = from[6], h = from[7];

		to[0] = a, to[1] = b, to[2] = c, to[3] = d;
		to[4] = e, to[5] = f, to[6] = g, to[7] = h;
	}
}

double copy_by_cpu(void *to, const void *from, size_t bytes, unsigned int count)
{
	uint64_t start = now_ns();

	for (unsigned int i = 0; i < count; i++) {
		copy(to, from, bytes);
		vfiowc_wc_flush();
	}
	return (double)(now_ns() - start) / count;
}

double copy_by_kernel(void *to, const void *from, size_t bytes, unsigned int count)
{
	static int fd = -1;
	struct copy_request req = {
		.to = (uintptr_t)to,
		.from = (uintptr_t)from,
		.bytes = bytes,
		.times = count,
	};

	if (fd < 0)
		fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	check(DEVICE, fd < 0 || ioctl(fd, COPY_MEASURE, &req) ? errno : 0);
	return (double)req.ns / count;
}
