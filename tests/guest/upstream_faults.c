// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The faults of the stock kernel that the exporter works around, shown with stock vfio-pci and nothing of ours
 * but the test importer (Documentation/upstream/). A kernel that has mended one skips its test: then the
 * work-around can go.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "importer.h"

static int open_stock(void **state, struct exporter *exp, char peer[static GUEST_BDF_LEN])
{
	int err = guest_setup(state);

	if (err)
		return err;
	if (guest_find_pci(GUEST_E1000E, peer))
		return ENODEV;
	exporter_open(exp, GUEST_IVSHMEM, "vfio-pci");
	return 0;
}

static void close_stock(struct exporter *exp)
{
	exporter_close(exp);
	assert_int_equal(guest_bind(exp->bdf, NULL), 0);
}

/* dma_buf_phys_vec_to_sgt() links every range at offset 0 of the IOVA. */
static void second_range_is_refused_behind_an_iommu(void **state)
{
	const struct exporter_range ranges[] = { { 0, PAGE }, { MIB, PAGE } };
	char peer[GUEST_BDF_LEN];
	struct exporter exp;
	int fd, importer, ret;

	assert_int_equal(open_stock(state, &exp, peer), 0);
	fd = exporter_stock(&exp, exp.bar, O_RDWR | O_CLOEXEC, 0, 2, ranges);
	assert_return_code(fd, -fd);
	importer = importer_open();
	assert_int_equal(importer_attach(importer, fd, peer, IMPORTER_DYNAMIC), 0);
	ret = importer_do(importer, IMPORTER_MAP);
	importer_close(importer);
	close(fd);
	close_stock(&exp);
	if (!ret)
		guest_skip("mended in this kernel");
	assert_int_equal(ret, -EADDRINUSE);
}

#define ROUNDS 10000
/* One entry of a scatter list; 128 bytes where the slab allocator keeps who allocated it (slab_debug=U). */
#define LEAK_KIB (ROUNDS * 32 / 1024)
#define TRACKED_KIB (ROUNDS * 128 / 1024)

/* dma_buf_free_sgt() frees by orig_nents, which is 0. */
static void scatter_list_leaks_at_unmap(void **state)
{
	const struct exporter_range range = { 0, PAGE };
	char peer[GUEST_BDF_LEN];
	struct exporter exp;
	int fd, importer;
	long grown;

	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		guest_skip("kmemleak would take what this loses for a loss of ours");
	assert_int_equal(open_stock(state, &exp, peer), 0);
	fd = exporter_stock(&exp, exp.bar, O_RDWR | O_CLOEXEC, 0, 1, &range);
	assert_return_code(fd, -fd);
	importer = importer_open();
	assert_int_equal(importer_attach(importer, fd, peer, IMPORTER_DYNAMIC), 0);
	grown = -importer_slab_kib();
	for (unsigned int i = 0; i < ROUNDS; i++) {
		assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
		assert_int_equal(importer_do(importer, IMPORTER_UNMAP), 0);
	}
	grown += importer_slab_kib();
	importer_close(importer);
	close(fd);
	close_stock(&exp);
	print_message("%d times mapped and unmapped: %+ld KiB\n", ROUNDS, grown);
	if (grown < LEAK_KIB / 4)
		guest_skip("mended in this kernel");
	assert_true(grown < 2 * TRACKED_KIB); /* more than that is another leak */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(second_range_is_refused_behind_an_iommu),
		guest_test(scatter_list_leaks_at_unmap),
	};

	return cmocka_run_group_tests_name("upstream_faults", tests, NULL, NULL);
}
