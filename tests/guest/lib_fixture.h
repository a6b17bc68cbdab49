/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the tests of libvfiowc share: the exporter, opened through the library by its address, and
 * slices of its RAM-backed BAR. Functions without a return value fail the running test.
 */
#ifndef VFIOWC_TESTS_LIB_FIXTURE_H
#define VFIOWC_TESTS_LIB_FIXTURE_H

#include <errno.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_order.h>

#include "exporter.h"

/* The RAM-backed BAR of GUEST_IVSHMEM. */
#define LIB_BAR 2
#define LIB_BAR_BYTES (64 * MIB)

struct lib_device {
	char bdf[GUEST_BDF_LEN];
	struct vfiowc_device *dev;
};

/* Setup and teardown: vfiowc_pci bound, 16-bit TPH by override (no emulated device has it). */
int lib_setup(void **state);
int lib_teardown(void **state);
/* The same with stock vfio-pci. */
int lib_setup_stock(void **state);
#define lib_test(f) cmocka_unit_test_setup_teardown(f, lib_setup, lib_teardown)

/** lib_bind() - find the exporter's function and bind it to @driver; bdf is filled in. */
void lib_bind(char bdf[static GUEST_BDF_LEN], const char *driver);

/** lib_export() - one range of the BAR with one type. */
struct vfiowc_buf *lib_export(struct vfiowc_device *dev, uint64_t offset, uint64_t length,
			      enum vfiowc_mem_type type);

/** lib_map() - map all of a dma-buf, fail the test otherwise. */
struct vfiowc_mapping *lib_map(struct vfiowc_buf *buf, uint64_t length);

/** lib_effective() - touch the mapping, then ask for its effective type. */
enum vfiowc_effective_type lib_effective(struct vfiowc_mapping *map);

/** lib_state() - enum vfiowc_buf_state as the kernel tells it. */
uint32_t lib_state(struct vfiowc_buf *buf);

/** assert_fails() - a pointer function gave NULL and this errno. */
#define assert_fails(call, code)                                                                   \
	do {                                                                                       \
		errno = 0;                                                                         \
		assert_null(call);                                                                 \
		assert_int_equal(errno, code);                                                     \
	} while (0)

#endif
