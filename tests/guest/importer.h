/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* The test importer module (tests/guest/modules) from a test's side. Functions return 0 or a negative errno. */
#ifndef VFIOWC_TESTS_IMPORTER_H
#define VFIOWC_TESTS_IMPORTER_H

#include "exporter.h"
#include "modules/vfiowc_test_importer.h"

/** importer_open() - a new importer; loads the module; fails the test when that does not work. */
int importer_open(void);
void importer_close(int fd);

/*
 * A test with importers: its teardown closes those that a failed test left open before it closes the device,
 * which would wait for them. Not for threads that open importers: they close what they open.
 */
int importer_teardown(void **state);
/* The first half of it, for tests with another state. */
void importer_close_all(void);
#define importer_test(f) cmocka_unit_test_setup_teardown(f, exporter_setup_ivshmem, importer_teardown)
#define importer_test_nvme(f)                                                                      \
	cmocka_unit_test_setup_teardown(f, exporter_setup_nvme, importer_teardown)

/**
 * importer_attach() - attach to a dma-buf
 * @fd: of importer_open()
 * @bdf: the PCI function to attach as, NULL for a bare device
 */
int importer_attach(int fd, int dmabuf, const char *bdf, enum importer_kind kind);
/* The same, and what to do when the exporter takes the memory away. */
int importer_attach_policy(int fd, int dmabuf, const char *bdf, enum importer_policy policy,
			   unsigned int delay_ms);
/* One of the requests that take no argument, IMPORTER_DETACH for example. */
int importer_do(int fd, unsigned long request);
struct importer_info importer_info(int fd);
struct importer_segment importer_segment(int fd, unsigned int index);

/** importer_slab_kib() - memory of the slab allocator that cannot be reclaimed, in KiB: what leaks shows here. */
long importer_slab_kib(void);

#endif
