/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What vfiowc_test_copy offers in /dev/vfiowc_test_copy: the kernel's own copy between
 * two pieces of the caller's memory, measured inside the kernel.
 */
#ifndef VFIOWC_TEST_COPY_H
#define VFIOWC_TEST_COPY_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* One copy and all repetitions of it. */
#define COPY_BYTES_MAX		(8U << 20)
#define COPY_TIMES_MAX		1024U

/**
 * struct copy_request - measure
 * @to: user address, page aligned
 * @from: user address, page aligned
 * @bytes: of one copy, at most COPY_BYTES_MAX
 * @times: repetitions, at most COPY_TIMES_MAX
 * @ns: out: nanoseconds of all of them
 */
struct copy_request {
	__aligned_u64 to;
	__aligned_u64 from;
	__u32 bytes;
	__u32 times;
	__aligned_u64 ns;
};

#define COPY_MEASURE	_IOWR('c', 1, struct copy_request)

#endif /* VFIOWC_TEST_COPY_H */
