// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Real DMA through the scatter list that PCI importers get: the engine of the emulated edu device, behind the
 * IOMMU, moves bytes into slices and out of them. Witness is the host's file behind the BAR, read through the
 * share of this run, not the guest's memory. Each case once with a dynamic importer (as mlx5) and once with a
 * pinned one (as irdma).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "importer.h"
#include "modules/vfiowc_test_edu.h"

#define WITNESS "/lab/run/bars/ivshmem"
#define EDU_DRIVER "vfiowc_test_edu"

static char edu[GUEST_BDF_LEN];
static int engine;

static int setup(void **state)
{
	if (guest_find_pci(GUEST_EDU, edu) || guest_modprobe("vfiowc_test_edu") ||
	    guest_bind(edu, EDU_DRIVER))
		return -1;
	engine = open("/dev/vfiowc_test_edu", O_RDWR | O_CLOEXEC);
	if (engine < 0)
		return -1;
	return exporter_setup_ivshmem(state);
}

static int teardown(void **state)
{
	close(engine);
	return importer_teardown(state);
}

static int transfer(unsigned long direction, uint64_t dma, void *data, uint32_t bytes)
{
	struct edu_dma request = { .dma = dma, .data = (uintptr_t)data, .bytes = bytes };

	return ioctl(engine, direction, &request) ? -errno : 0;
}

static void read_witness(uint64_t offset, void *data, size_t bytes)
{
	int fd = open(WITNESS, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		guest_skip("the host's file behind the BAR is not shared with this guest");
	assert_int_equal(pread(fd, data, bytes, (off_t)offset), bytes);
	close(fd);
}

static void pattern(uint8_t *data, size_t bytes, unsigned int seed)
{
	for (size_t i = 0; i < bytes; i++)
		data[i] = (uint8_t)(i * 7 + seed);
}

static int import(int dmabuf, enum importer_kind kind)
{
	int importer = importer_open();

	assert_int_equal(importer_attach(importer, dmabuf, edu, kind), 0);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
	return importer;
}

/* Several ranges, not in the BAR's order, so that a wrong translation would show. */
static void engine_writes_and_reads(const struct exporter *exp, enum importer_kind kind)
{
	const struct exporter_range ranges[] = { { 9 * MIB, PAGE }, { 3 * MIB, 2 * PAGE }, { 6 * MIB, PAGE } };
	uint8_t data[PAGE], seen[PAGE];
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_WC, O_RDWR | O_CLOEXEC, 3, ranges);
	int importer;

	assert_return_code(fd, -fd);
	importer = import(fd, kind);
	assert_int_equal(importer_info(importer).nr_segments, 3);
	for (unsigned int i = 0; i < 3; i++) {
		struct importer_segment seg = importer_segment(importer, i);
		uint64_t last = seg.length - PAGE;

		pattern(data, PAGE, 31 * kind + i);
		assert_int_equal(transfer(EDU_WRITE, seg.dma + last, data, PAGE), 0);
		read_witness(ranges[i].offset + last, seen, PAGE);
		assert_memory_equal(seen, data, PAGE);
		memset(seen, 0, PAGE);
		assert_int_equal(transfer(EDU_READ, seg.dma + last, seen, PAGE), 0);
		assert_memory_equal(seen, data, PAGE);
	}
	importer_close(importer);
	close(fd);
}

static void dynamic_importers_engine_reaches_the_slice(void **state)
{
	engine_writes_and_reads(*state, IMPORTER_DYNAMIC);
}

static void pinned_importers_engine_reaches_the_slice(void **state)
{
	engine_writes_and_reads(*state, IMPORTER_PINNED);
}

/* A request that was on its way with the old address finds the IOMMU closed. */
static void revoke_closes_the_iommu(const struct exporter *exp, enum importer_kind kind)
{
	uint8_t before[PAGE], stray[PAGE], seen[PAGE];
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 5 * MIB, PAGE);
	int importer = import(fd, kind);
	uint64_t dma = importer_segment(importer, 0).dma;

	pattern(before, PAGE, 101);
	assert_int_equal(transfer(EDU_WRITE, dma, before, PAGE), 0);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(importer_info(importer).nr_invalidates, 1);
	assert_false(importer_info(importer).mapped);
	pattern(stray, PAGE, 202);
	transfer(EDU_WRITE, dma, stray, PAGE); /* the engine does not learn that it failed */
	read_witness(5 * MIB, seen, PAGE);
	assert_memory_equal(seen, before, PAGE);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), -ENODEV);
	importer_close(importer);
	close(fd);
}

static void revoke_closes_the_iommu_to_a_dynamic_importer(void **state)
{
	revoke_closes_the_iommu(*state, IMPORTER_DYNAMIC);
}

static void revoke_closes_the_iommu_to_a_pinned_importer(void **state)
{
	revoke_closes_the_iommu(*state, IMPORTER_PINNED);
}

/* Pinned is no promise against the device's owner. */
static void pinned_importer_loses_and_regains_memory(void **state)
{
	struct exporter *exp = *state;
	uint8_t data[PAGE], seen[PAGE];
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 7 * MIB, PAGE);
	int importer = import(fd, IMPORTER_PINNED);

	exporter_decode(exp, false);
	assert_false(importer_info(importer).mapped);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), -ENODEV);
	exporter_decode(exp, true);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
	pattern(data, PAGE, 77);
	assert_int_equal(transfer(EDU_WRITE, importer_segment(importer, 0).dma, data, PAGE), 0);
	read_witness(7 * MIB, seen, PAGE);
	assert_memory_equal(seen, data, PAGE);
	importer_close(importer);
	close(fd);
}

/* What the CPU stored through a slice is what the engine reads, and the other way round. */
static void cpu_and_engine_see_each_others_bytes(void **state)
{
	struct exporter *exp = *state;
	uint8_t data[PAGE], seen[PAGE];
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 8 * MIB, PAGE);
	volatile uint8_t *map = exporter_mmap(fd, PAGE);
	int importer = import(fd, IMPORTER_DYNAMIC);
	uint64_t dma = importer_segment(importer, 0).dma;

	for (unsigned int i = 0; i < PAGE; i++)
		map[i] = (uint8_t)(i ^ 0x5a);
	__sync_synchronize();
	assert_int_equal(transfer(EDU_READ, dma, seen, PAGE), 0);
	for (unsigned int i = 0; i < PAGE; i++)
		assert_int_equal(seen[i], (uint8_t)(i ^ 0x5a));
	pattern(data, PAGE, 55);
	assert_int_equal(transfer(EDU_WRITE, dma, data, PAGE), 0);
	for (unsigned int i = 0; i < PAGE; i++)
		assert_int_equal(map[i], data[i]);
	munmap((void *)map, PAGE);
	importer_close(importer);
	close(fd);
}

static int group_teardown(void **state)
{
	(void)state;
	return edu[0] ? guest_bind(edu, NULL) : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define dma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		dma_test(dynamic_importers_engine_reaches_the_slice),
		dma_test(pinned_importers_engine_reaches_the_slice),
		dma_test(revoke_closes_the_iommu_to_a_dynamic_importer),
		dma_test(revoke_closes_the_iommu_to_a_pinned_importer),
		dma_test(pinned_importer_loses_and_regains_memory),
		dma_test(cpu_and_engine_see_each_others_bytes),
	};

	return cmocka_run_group_tests_name("exporter_dma", tests, NULL, group_teardown);
}
