// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* CPU mappings of the exporter's dma-bufs: memory types, bounds, who may map what, fork. */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exporter.h"

static void nc_mapping_has_uncached_ptes(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	struct vfiowc_feature_map_query query;

	map[0] = 1;
	assert_int_equal(exporter_map_query(exp, (void *)map, &query), 0);
	assert_int_equal(query.requested, VFIOWC_MEMATTR_NC);
	assert_int_equal(query.pte_type, VFIOWC_PTE_UC_MINUS);
	assert_int_equal(query.page_bytes, PAGE);
	munmap((void *)map, MIB);
	close(fd);
}

static void wc_mapping_has_write_combining_ptes(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, exp->bar_bytes);
	volatile uint8_t *map = exporter_mmap(fd, exp->bar_bytes);
	struct vfiowc_feature_map_query query;

	map[0] = 1;
	map[exp->bar_bytes - 1] = 2;
	assert_int_equal(exporter_map_query(exp, (void *)map, &query), 0);
	assert_int_equal(query.requested, VFIOWC_MEMATTR_WC);
	assert_int_equal(query.pte_type, VFIOWC_PTE_WC);
	assert_int_equal(exporter_pte_type(exp, map + exp->bar_bytes - 1), VFIOWC_PTE_WC);
	munmap((void *)map, exp->bar_bytes);
	close(fd);
}

/* The kernel's own list says the BAR is UC-, which vmf_insert_pfn() would have followed. */
static void wc_mapping_is_not_what_the_memtype_list_says(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, PAGE);
	volatile uint8_t *map = exporter_mmap(fd, PAGE);
	char out[256];

	map[0] = 1;
	if (guest_capture(out, sizeof(out),
			  "grep '\\[mem 0x%016llx-' /sys/kernel/debug/x86/pat_memtype_list",
			  (unsigned long long)exp->bar_phys))
		guest_skip("the kernel shows no memtype for the BAR");
	print_message("%s\n", out);
	assert_non_null(strstr(out, "uncached-minus"));
	assert_int_equal(exporter_pte_type(exp, map), VFIOWC_PTE_WC);
	munmap((void *)map, PAGE);
	close(fd);
}

static void device_fd_mapping_is_reported_as_uncached(void **state)
{
	struct exporter *exp = *state;
	struct vfio_region_info info = { .argsz = sizeof(info), .index = exp->bar };
	struct vfiowc_feature_map_query query;
	volatile uint8_t *map;

	assert_return_code(ioctl(exp->vfio.device, VFIO_DEVICE_GET_REGION_INFO, &info), errno);
	map = mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, exp->vfio.device,
		   (off_t)info.offset);
	assert_true(map != MAP_FAILED);
	map[0] = 1;
	assert_int_equal(exporter_map_query(exp, (void *)map, &query), 0);
	assert_int_equal(query.requested, VFIOWC_MEMATTR_NC);
	assert_int_equal(query.pte_type, VFIOWC_PTE_UC_MINUS);
	print_message("device fd: %llu bytes a page\n", (unsigned long long)query.page_bytes);
	munmap((void *)map, info.size);
}

static void nc_and_wc_views_show_the_same_bytes(void **state)
{
	struct exporter *exp = *state;
	int nc = exporter_export(exp, VFIOWC_MEMATTR_NC, MIB, MIB);
	int wc = exporter_export(exp, VFIOWC_MEMATTR_WC, MIB, MIB);
	volatile uint32_t *a = exporter_mmap(nc, MIB), *b = exporter_mmap(wc, MIB);

	for (uint32_t i = 0; i < MIB / 4; i += 1021)
		a[i] = i * 2654435761u;
	for (uint32_t i = 0; i < MIB / 4; i += 1021)
		assert_int_equal(b[i], i * 2654435761u);
	munmap((void *)a, MIB);
	munmap((void *)b, MIB);
	close(nc);
	close(wc);
}

static void new_memory_type_holds_for_later_mappings_only(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, 4 * MIB);
	volatile uint8_t *before = exporter_mmap(fd, 4 * MIB), *after;

	before[0] = 1;
	assert_int_equal(exporter_set_memattr(exp, fd, VFIOWC_MEMATTR_WC), 0);
	after = exporter_mmap(fd, 4 * MIB);
	after[0] = 1;
	before[3 * MIB] = 1; /* a PTE made after the change, in a mapping made before */
	assert_int_equal(exporter_pte_type(exp, after), VFIOWC_PTE_WC);
	assert_int_equal(exporter_pte_type(exp, before), VFIOWC_PTE_UC_MINUS);
	assert_int_equal(exporter_pte_type(exp, before + 3 * MIB), VFIOWC_PTE_UC_MINUS);
	munmap((void *)before, 4 * MIB);
	munmap((void *)after, 4 * MIB);
	close(fd);
}

static void ranges_appear_one_behind_the_other(void **state)
{
	struct exporter *exp = *state;
	/* Out of order and with a gap: only the order of the request counts. */
	struct exporter_range ranges[] = { { 8 * MIB + PAGE, 3 * PAGE }, { MIB, 2 * PAGE } };
	int whole = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, exp->bar_bytes);
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_WC, O_RDWR | O_CLOEXEC, 2, ranges);
	volatile uint32_t *bar = exporter_mmap(whole, exp->bar_bytes), *map;

	assert_return_code(fd, -fd);
	assert_int_equal(lseek(fd, 0, SEEK_END), 5 * PAGE);
	map = exporter_mmap(fd, 5 * PAGE);
	for (unsigned int page = 0; page < 2; page++)
		bar[(MIB + page * PAGE) / 4] = 0; /* an earlier run left its values */
	for (unsigned int page = 0; page < 5; page++)
		map[page * PAGE / 4] = 0xabc0 + page;
	for (unsigned int page = 0; page < 5; page++)
		assert_int_equal(map[page * PAGE / 4], 0xabc0 + page);
	for (unsigned int page = 0; page < 3; page++)
		assert_int_equal(bar[(8 * MIB + (1 + page) * PAGE) / 4], 0xabc0 + page);
	for (unsigned int page = 0; page < 2; page++)
		assert_int_equal(bar[(MIB + page * PAGE) / 4], 0xabc3 + page);
	munmap((void *)map, 5 * PAGE);
	munmap((void *)bar, exp->bar_bytes);
	close(fd);
	close(whole);
}

static void mapping_may_begin_where_a_range_does(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range ranges[] = { { 8 * MIB, 2 * PAGE }, { MIB, 2 * PAGE } };
	int whole = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, exp->bar_bytes);
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDWR | O_CLOEXEC, 2, ranges);
	volatile uint32_t *bar = exporter_mmap(whole, exp->bar_bytes), *map;

	assert_return_code(fd, -fd);
	map = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	assert_true(map != MAP_FAILED);
	for (unsigned int page = 0; page < 2; page++) {
		bar[(MIB + page * PAGE) / 4] = 0xcba0 + page;
		assert_int_equal(map[page * PAGE / 4], 0xcba0 + page);
	}
	munmap((void *)map, 2 * PAGE);
	munmap((void *)bar, exp->bar_bytes);
	close(fd);
	close(whole);
}

/* A fault fills more than its page, but what lies beside the mapping is another's. */
static void fault_fills_its_mapping_and_nothing_beside_it(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, MIB);
	volatile uint32_t *slice = exporter_mmap(fd, MIB), *memory, *map;

	for (unsigned int page = 0; page < 3; page++)
		slice[page * PAGE / 4] = 0xdad0 + page;
	memory = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(memory != MAP_FAILED);
	map = mmap((void *)(memory + PAGE / 4), PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, PAGE);
	assert_ptr_equal(map, memory + PAGE / 4);
	assert_int_equal(*map, 0xdad1);
	assert_int_equal(memory[0], 0);
	assert_int_equal(memory[2 * PAGE / 4], 0);
	munmap((void *)memory, 3 * PAGE);
	munmap((void *)slice, MIB);
	close(fd);
}

static void offset_of_the_mapping_counts_from_the_slice(void **state)
{
	struct exporter *exp = *state;
	int whole = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, exp->bar_bytes);
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 3 * MIB, MIB);
	volatile uint32_t *bar = exporter_mmap(whole, exp->bar_bytes);
	volatile uint32_t *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 7 * PAGE);

	assert_true(map != MAP_FAILED);
	bar[(3 * MIB + 7 * PAGE) / 4] = 0; /* an earlier run left its value */
	*map = 0x5a5a1234;
	assert_int_equal(bar[(3 * MIB + 7 * PAGE) / 4], 0x5a5a1234);
	munmap((void *)map, PAGE);
	munmap((void *)bar, exp->bar_bytes);
	close(fd);
	close(whole);
}

static void touching_64_mib_takes_at_most_64_faults(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, 64 * MIB);
	volatile uint8_t *map = exporter_mmap(fd, 64 * MIB);
	struct rusage before, after;

	map[0] = 0; /* the test's own code and stack are faulted in by now */
	getrusage(RUSAGE_SELF, &before);
	for (uint64_t off = 0; off < 64 * MIB; off += PAGE)
		map[off] = 1;
	getrusage(RUSAGE_SELF, &after);
	print_message("%ld faults for 64 MiB\n", after.ru_minflt - before.ru_minflt + 1);
	assert_in_range(after.ru_minflt - before.ru_minflt + 1, 1, 64);
	munmap((void *)map, 64 * MIB);
	close(fd);
}

static void assert_no_mmap(int fd, uint64_t length, int prot, int flags, off_t offset, int err)
{
	void *map = mmap(NULL, length, prot, flags, fd, offset);

	if (map != MAP_FAILED)
		fail_msg("mmap of %llu bytes at %lld worked", (unsigned long long)length,
			 (long long)offset);
	assert_int_equal(errno, err);
}

static void private_mapping_is_refused(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);

	assert_no_mmap(fd, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0, EINVAL);
	assert_no_mmap(fd, MIB, PROT_READ, MAP_PRIVATE, 0, EINVAL);
	close(fd);
}

static void mapping_past_the_end_is_refused(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);

	assert_no_mmap(fd, MIB + PAGE, PROT_READ, MAP_SHARED, 0, EINVAL);
	assert_no_mmap(fd, MIB, PROT_READ, MAP_SHARED, PAGE, EINVAL);
	assert_no_mmap(fd, PAGE, PROT_READ, MAP_SHARED, MIB, EINVAL);
	close(fd);
}

static void read_only_fd_gives_read_only_mappings(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range range = { 0, PAGE };
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_WC, O_RDONLY | O_CLOEXEC, 1, &range);
	volatile uint8_t *map;

	assert_return_code(fd, -fd);
	assert_no_mmap(fd, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, 0, EACCES);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_true(map != MAP_FAILED);
	(void)*map;
	assert_int_equal(exporter_pte_type(exp, map), VFIOWC_PTE_WC);
	assert_int_equal(mprotect((void *)map, PAGE, PROT_READ | PROT_WRITE), -1);
	assert_int_equal(errno, EACCES);
	munmap((void *)map, PAGE);
	close(fd);
}

static void mprotect_keeps_the_memory_type(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED);
	(void)map[0];
	assert_int_equal(mprotect((void *)map, MIB, PROT_READ | PROT_WRITE), 0);
	map[0] = 1;
	map[MIB - 1] = 1;
	assert_int_equal(exporter_pte_type(exp, map), VFIOWC_PTE_WC);
	assert_int_equal(exporter_pte_type(exp, map + MIB - 1), VFIOWC_PTE_WC);
	munmap((void *)map, MIB);
	close(fd);
}

/* Its translation would outlive a revoke: type1 must not be able to follow the mapping. */
static void iommu_mapping_of_a_slices_address_is_refused(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)map,
		.iova = 1ULL << 30,
		.size = MIB,
	};

	map[0] = 1;
	assert_int_equal(ioctl(exp->vfio.container, VFIO_IOMMU_MAP_DMA, &request), -1);
	assert_int_equal(errno, EFAULT);
	munmap((void *)map, MIB);
	close(fd);
}

static void moved_mapping_keeps_its_bytes_and_type(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	void *target = mmap(NULL, MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	map[5] = 77;
	map = mremap((void *)map, MIB, MIB, MREMAP_MAYMOVE | MREMAP_FIXED, target);
	assert_true(map == target);
	assert_int_equal(map[5], 77);
	assert_int_equal(exporter_pte_type(exp, map), VFIOWC_PTE_WC);
	munmap((void *)map, MIB);
	close(fd);
}

/* What the child saw, as its exit status; SIGBUS would show as 128. */
static int child_status(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void forked_child_shares_the_mapping(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, 4 * MIB);
	volatile uint8_t *map = exporter_mmap(fd, 4 * MIB);
	pid_t child;

	map[0] = 11;
	child = fork();
	if (!child) {
		map[1] = (uint8_t)(map[0] + 1); /* inherited PTE */
		map[3 * MIB] = 13; /* one of its own */
		_exit(exporter_pte_type(exp, map) == VFIOWC_PTE_WC ? 0 : 1);
	}
	assert_int_equal(child_status(child), 0);
	assert_int_equal(map[1], 12);
	assert_int_equal(map[3 * MIB], 13);
	munmap((void *)map, 4 * MIB);
	close(fd);
}

static void query_counts_every_vma(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	char *a = exporter_mmap(fd, MIB), *b = exporter_mmap(fd, MIB);
	struct vfiowc_feature_query query;

	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.nr_mappings, 2);
	munmap(a + 4 * PAGE, PAGE); /* a hole makes two of one */
	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.nr_mappings, 3);
	munmap(a, MIB);
	munmap(b, MIB);
	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.nr_mappings, 0);
	close(fd);
}

static void map_query_refuses_what_is_not_this_devices(void **state)
{
	struct exporter *exp = *state;
	struct vfiowc_feature_map_query query;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, MIB);
	volatile uint8_t *map = exporter_mmap(fd, MIB);
	int local = 0;

	assert_int_equal(exporter_map_query(exp, &local, &query), -EINVAL);
	assert_int_equal(exporter_map_query(exp, NULL, &query), -EINVAL);
	assert_int_equal(exporter_map_query(exp, (void *)-PAGE, &query), -EINVAL);
	assert_int_equal(exporter_map_query(exp, (void *)map, &query), -ENODATA);
	map[0] = 1;
	assert_int_equal(exporter_map_query(exp, (void *)map, &query), 0);
	munmap((void *)map, MIB);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		exporter_test(nc_mapping_has_uncached_ptes),
		exporter_test(wc_mapping_has_write_combining_ptes),
		exporter_test_nvme(wc_mapping_has_write_combining_ptes),
		exporter_test(wc_mapping_is_not_what_the_memtype_list_says),
		exporter_test(device_fd_mapping_is_reported_as_uncached),
		exporter_test(nc_and_wc_views_show_the_same_bytes),
		exporter_test(new_memory_type_holds_for_later_mappings_only),
		exporter_test(ranges_appear_one_behind_the_other),
		exporter_test(mapping_may_begin_where_a_range_does),
		exporter_test(fault_fills_its_mapping_and_nothing_beside_it),
		exporter_test(offset_of_the_mapping_counts_from_the_slice),
		exporter_test(touching_64_mib_takes_at_most_64_faults),
		exporter_test(private_mapping_is_refused),
		exporter_test(mapping_past_the_end_is_refused),
		exporter_test(read_only_fd_gives_read_only_mappings),
		exporter_test(mprotect_keeps_the_memory_type),
		exporter_test(iommu_mapping_of_a_slices_address_is_refused),
		exporter_test(moved_mapping_keeps_its_bytes_and_type),
		exporter_test(forked_child_shares_the_mapping),
		exporter_test(query_counts_every_vma),
		exporter_test(map_query_refuses_what_is_not_this_devices),
	};

	return cmocka_run_group_tests_name("exporter_mmap", tests, NULL, NULL);
}
