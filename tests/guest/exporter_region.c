// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * REGION_MMAP: programs that map the device fd get a part of a BAR with a memory type of its own, while the
 * regions stay what they are; and it is taken away from them as a slice is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "importer.h"

#define PART_OFFSET (4 * MIB)
#define PART_BYTES MIB

/* Cache attributes of a 4 KiB page on x86. */
#define PTE_PWT (1ULL << 3)
#define PTE_PCD (1ULL << 4)
#define PTE_PAT (1ULL << 7)

static int region_mmap(const struct exporter *exp, struct vfiowc_feature_region_mmap *req)
{
	return exporter_feature(exp, VFIO_DEVICE_FEATURE_GET, VFIOWC_FEATURE_REGION_MMAP, req, sizeof(*req));
}

static uint64_t offset_of(const struct exporter *exp, uint32_t memattr, uint64_t offset, uint64_t length)
{
	struct vfiowc_feature_region_mmap req = {
		.region_index = exp->bar, .memattr = memattr, .offset = offset, .length = length,
	};

	assert_int_equal(region_mmap(exp, &req), 0);
	assert_int_equal(req.offset, offset);
	assert_int_equal(req.length, length);
	return req.mmap_offset;
}

static void *map_at(const struct exporter *exp, uint64_t mmap_offset, uint64_t length)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, exp->vfio.device, (off_t)mmap_offset);
}

static volatile uint8_t *map_part(const struct exporter *exp, uint32_t memattr)
{
	void *map = map_at(exp, offset_of(exp, memattr, PART_OFFSET, PART_BYTES), PART_BYTES);

	if (map == MAP_FAILED)
		fail_msg("mmap of the device fd: %s", strerror(errno));
	return map;
}

static volatile uint8_t *map_whole_bar(const struct exporter *exp)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = exp->bar };
	void *map;

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), errno);
	map = map_at(exp, info.offset, info.size);
	assert_true(map != MAP_FAILED);
	return map;
}

static void part_is_write_combining_and_the_rest_is_not(void **state)
{
	struct exporter *exp = *state;
	volatile uint8_t *bar = map_whole_bar(exp), *wc = map_part(exp, VFIOWC_MEMATTR_WC);
	volatile uint8_t *nc = map_part(exp, VFIOWC_MEMATTR_NC);
	struct vfiowc_feature_map_query query;

	wc[5] = 1;
	wc[PART_BYTES - 1] = 2;
	nc[6] = 3;
	assert_int_equal(bar[PART_OFFSET + 5], 1);
	assert_int_equal(bar[PART_OFFSET + PART_BYTES - 1], 2);
	assert_int_equal(wc[6], 3);
	assert_int_equal(exporter_pte_type(exp, wc), VFIOWC_PTE_WC);
	assert_int_equal(exporter_pte_type(exp, wc + PART_BYTES - 1), VFIOWC_PTE_WC);
	assert_int_equal(exporter_pte_type(exp, nc), VFIOWC_PTE_UC_MINUS);
	assert_int_equal(exporter_pte_type(exp, bar + PART_OFFSET), VFIOWC_PTE_UC_MINUS);
	assert_int_equal(exporter_map_query(exp, (void *)wc, &query), 0);
	assert_int_equal(query.requested, VFIOWC_MEMATTR_WC);
	munmap((void *)wc, PART_BYTES);
	munmap((void *)nc, PART_BYTES);
	munmap((void *)bar, exp->bar_bytes);
}

/* Not by the exporter's own word: another module reads the page table, and the kernel its memtype list. */
static void page_table_has_it_against_the_memtype_list(void **state)
{
	struct exporter *exp = *state;
	volatile uint8_t *wc = map_part(exp, VFIOWC_MEMATTR_WC);
	struct importer_pte pte = { .address = (uintptr_t)wc };
	int importer = importer_open();
	char out[256];

	wc[0] = 1;
	assert_return_code(ioctl(importer, IMPORTER_PTE, &pte), errno);
	assert_int_equal(pte.pfn, (exp->bar_phys + PART_OFFSET) / PAGE);
	assert_int_equal(pte.bits & (PTE_PWT | PTE_PCD | PTE_PAT), PTE_PWT); /* type 1: WC */
	assert_int_equal(guest_capture(out, sizeof(out),
				       "grep '\\[mem 0x%016llx-' /sys/kernel/debug/x86/pat_memtype_list",
				       (unsigned long long)exp->bar_phys), 0);
	assert_non_null(strstr(out, "uncached-minus"));
	importer_close(importer);
	munmap((void *)wc, PART_BYTES);
}

static void regions_stay_as_they_are(void **state)
{
	struct exporter *exp = *state;
	struct vfio_device_info before = { .argsz = sizeof(before) }, after = { .argsz = sizeof(after) };
	struct vfio_region_info info = { .argsz = sizeof(info), .index = exp->bar }, again;
	volatile uint8_t *wc;

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_INFO, &before), errno);
	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), errno);
	wc = map_part(exp, VFIOWC_MEMATTR_WC);
	again = (struct vfio_region_info){ .argsz = sizeof(again), .index = exp->bar };
	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_INFO, &after), errno);
	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &again), errno);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_memory_equal(&info, &again, sizeof(info));
	munmap((void *)wc, PART_BYTES);
}

static void same_request_has_the_same_offset(void **state)
{
	struct exporter *exp = *state;
	uint64_t first = offset_of(exp, VFIOWC_MEMATTR_WC, 0, PAGE);

	assert_int_equal(offset_of(exp, VFIOWC_MEMATTR_WC, 0, PAGE), first);
	assert_int_not_equal(offset_of(exp, VFIOWC_MEMATTR_NC, 0, PAGE), first);
	assert_int_not_equal(offset_of(exp, VFIOWC_MEMATTR_WC, PAGE, PAGE), first);
	assert_int_not_equal(offset_of(exp, VFIOWC_MEMATTR_WC, 0, 2 * PAGE), first);
}

static void assert_map_fails(const struct exporter *exp, uint64_t mmap_offset, uint64_t length, int flags,
			     int err)
{
	void *map = mmap(NULL, length, PROT_READ, flags, exp->vfio.device, (off_t)mmap_offset);

	assert_true(map == MAP_FAILED);
	assert_int_equal(errno, err);
}

static void only_what_was_asked_for_can_be_mapped(void **state)
{
	struct exporter *exp = *state;
	uint64_t at = offset_of(exp, VFIOWC_MEMATTR_WC, PART_OFFSET, 4 * PAGE);
	volatile uint8_t *bar = map_whole_bar(exp), *part;

	assert_map_fails(exp, at, 5 * PAGE, MAP_SHARED, EINVAL);
	assert_map_fails(exp, at + 4 * PAGE, PAGE, MAP_SHARED, EINVAL);
	assert_map_fails(exp, at, PAGE, MAP_PRIVATE, EINVAL);
	assert_map_fails(exp, at + (1ULL << 40), PAGE, MAP_SHARED, EINVAL); /* nobody's */
	part = map_at(exp, at + 3 * PAGE, PAGE);
	assert_true(part != MAP_FAILED);
	part[0] = 0x77;
	assert_int_equal(bar[PART_OFFSET + 3 * PAGE], 0x77);
	munmap((void *)part, PAGE);
	munmap((void *)bar, exp->bar_bytes);
}

static void bad_requests_are_refused(void **state)
{
	struct exporter *exp = *state;
	const struct {
		struct vfiowc_feature_region_mmap req;
		int err;
	} cases[] = {
		{ { VFIO_PCI_CONFIG_REGION_INDEX, VFIOWC_MEMATTR_WC, 0, PAGE, 0 }, -EINVAL },
		{ { 1000, VFIOWC_MEMATTR_WC, 0, PAGE, 0 }, -EINVAL },
		{ { exp->bar, 77, 0, PAGE, 0 }, -EOPNOTSUPP },
		{ { 5, VFIOWC_MEMATTR_WC, 0, PAGE, 0 }, -EOPNOTSUPP }, /* an empty BAR */
		{ { exp->bar, VFIOWC_MEMATTR_WC, 0, 0, 0 }, -EINVAL },
		{ { exp->bar, VFIOWC_MEMATTR_WC, 100, PAGE, 0 }, -EINVAL },
		{ { exp->bar, VFIOWC_MEMATTR_WC, 0, 100, 0 }, -EINVAL },
		{ { exp->bar, VFIOWC_MEMATTR_WC, exp->bar_bytes, PAGE, 0 }, -EINVAL },
		{ { exp->bar, VFIOWC_MEMATTR_WC, PAGE, exp->bar_bytes, 0 }, -EINVAL },
		{ { exp->bar, VFIOWC_MEMATTR_WC, -PAGE, 2 * PAGE, 0 }, -EINVAL },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vfiowc_feature_region_mmap req = cases[i].req;
		int ret = region_mmap(exp, &req);

		if (ret != cases[i].err)
			fail_msg("case %u: %d, expected %d", i, ret, cases[i].err);
	}
}

static void decode_off_takes_it_away_and_it_heals(void **state)
{
	struct exporter *exp = *state;
	volatile uint8_t *wc = map_part(exp, VFIOWC_MEMATTR_WC);
	pid_t child;
	int status;

	wc[0] = 9;
	exporter_decode(exp, false);
	assert_true(guest_sigbus_read8(wc));
	child = fork();
	if (!child)
		_exit(guest_sigbus_read8(wc) ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_map_fails(exp, offset_of(exp, VFIOWC_MEMATTR_WC, PART_OFFSET, PART_BYTES), PART_BYTES,
			 MAP_SHARED, ENODEV);
	exporter_decode(exp, true);
	assert_int_equal(wc[0], 9);
	assert_int_equal(exporter_pte_type(exp, wc), VFIOWC_PTE_WC);
	munmap((void *)wc, PART_BYTES);
}

/* Stock's mappings of the device fd do not even notice this one. */
static void sysfs_reset_takes_it_away_and_it_heals(void **state)
{
	struct exporter *exp = *state;
	volatile uint8_t *wc = map_part(exp, VFIOWC_MEMATTR_WC);
	struct vfiowc_feature_map_query query;
	char path[128];

	wc[0] = 9;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", exp->bdf);
	assert_int_equal(guest_write_file(path, "1"), 0);
	assert_int_equal(exporter_map_query(exp, (void *)wc, &query), -ENODATA);
	wc[1] = 8;
	assert_int_equal(wc[1], 8);
	assert_int_equal(exporter_pte_type(exp, wc), VFIOWC_PTE_WC);
	munmap((void *)wc, PART_BYTES);
}

static void close_takes_it_away_for_good(void **state)
{
	struct exporter *exp = *state;
	uint64_t at = offset_of(exp, VFIOWC_MEMATTR_WC, PART_OFFSET, PART_BYTES);
	volatile uint8_t *wc = map_at(exp, at, PART_BYTES);

	assert_true(wc != MAP_FAILED);
	wc[0] = 9;
	exporter_close(exp);
	assert_true(guest_sigbus_read8(wc));
	exporter_open(exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
	assert_true(guest_sigbus_read8(wc));
	assert_map_fails(exp, at, PART_BYTES, MAP_SHARED, EINVAL);
	munmap((void *)wc, PART_BYTES);
	exporter_close(exp);
	assert_true(guest_wait_for(exporter_no_dma_buf_left, NULL, 10000));
	exporter_open(exp, GUEST_IVSHMEM, EXPORTER_DRIVER);
}

/* Each is kernel memory that no limit of the process counts. */
static void number_of_parts_has_a_limit(void **state)
{
	struct exporter *exp = *state;
	struct vfiowc_feature_region_mmap req, asked;
	unsigned int got = 0;
	int ret;

	do {
		req = (struct vfiowc_feature_region_mmap){
			.region_index = exp->bar, .offset = got * PAGE, .length = PAGE,
		};
		asked = req;
		ret = region_mmap(exp, &req);
		got += !ret;
	} while (!ret && got <= 1000);
	print_message("%u parts\n", got);
	assert_int_equal(ret, -ENOMEM);
	assert_true(got >= 64);
	assert_memory_equal(&req, &asked, sizeof(req)); /* to be tried again */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(part_is_write_combining_and_the_rest_is_not),
		importer_test(page_table_has_it_against_the_memtype_list),
		importer_test(regions_stay_as_they_are),
		importer_test(same_request_has_the_same_offset),
		importer_test(only_what_was_asked_for_can_be_mapped),
		importer_test(bad_requests_are_refused),
		importer_test(decode_off_takes_it_away_and_it_heals),
		importer_test(sysfs_reset_takes_it_away_and_it_heals),
		importer_test(close_takes_it_away_for_good),
		importer_test(number_of_parts_has_a_limit),
	};

	return cmocka_run_group_tests_name("exporter_region", tests, NULL, NULL);
}
