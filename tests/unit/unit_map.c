// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* CPU mappings: bounds, types, the refusal of mixed types (rule O11), two threads. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fake.h"

static struct vfiowc_device *dev;

static int setup(void **state)
{
	fake_setup(state);
	dev = fake_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return vfiowc_close_device(dev);
}

static void mapped_bytes_are_those_of_the_dma_buf(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_WC);
	struct vfiowc_mapping *map = vfiowc_map(buf, FAKE_PAGE + 5, FAKE_PAGE, 0);
	char *bytes;

	(void)state;
	assert_non_null(map);
	assert_int_equal(fake.last_mmap_offset, FAKE_PAGE);
	assert_int_equal(fake.last_mmap_length, 2 * FAKE_PAGE);
	assert_int_equal(fake.last_mmap_prot, PROT_READ | PROT_WRITE);
	bytes = vfiowc_map_addr(map);
	assert_int_equal((uintptr_t)bytes % FAKE_PAGE, 5);
	assert_int_equal(pwrite(vfiowc_buf_fd(buf), "x", 1, FAKE_PAGE + 5), 1);
	assert_int_equal(bytes[0], 'x');
	assert_int_equal(vfiowc_unmap(map), 0);
	map = vfiowc_map(buf, 0, 4, VFIOWC_MAP_READ_ONLY);
	assert_int_equal(fake.last_mmap_prot, PROT_READ);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

static void map_refuses_what_is_not_inside(void **state)
{
	static const struct vfiowc_range bad[] = {
		{ 0, 0 },
		{ 0, 4 * FAKE_PAGE + 1 },
		{ 4 * FAKE_PAGE, 1 },
		{ 1, 4 * FAKE_PAGE },
		{ FAKE_PAGE, UINT64_MAX },
		{ UINT64_MAX, 2 },
	};
	struct vfiowc_buf *buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_NC);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_null_errno(vfiowc_map(buf, bad[i].offset, bad[i].length, 0), EINVAL);
	assert_null_errno(vfiowc_map(buf, 0, 1, 1 << 3), EINVAL);
	assert_int_equal(fake.last_mmap_length, 0);
	vfiowc_destroy_buf(buf);
}

static volatile unsigned int unflushed;

static void count(const struct vfiowc_unflushed *line, void *context)
{
	unflushed += line->bar == FAKE_MEM_BAR && line->offset == 3 * FAKE_PAGE && context == dev;
}

/* Stores once into a mapping made so; how many lines were reported when it ended. */
static unsigned int unflushed_lines(enum vfiowc_mem_type type, uint32_t flags)
{
	struct vfiowc_buf *buf = fake_export(dev, 2 * FAKE_PAGE, 4 * FAKE_PAGE, type);
	struct vfiowc_mapping *map = vfiowc_map(buf, FAKE_PAGE + 5, 8, flags);

	assert_non_null(map);
	unflushed = 0;
	if (!(flags & VFIOWC_MAP_READ_ONLY))
		*(volatile char *)vfiowc_map_addr(map) = 1;
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	return unflushed;
}

static void wc_mappings_are_checked_when_asked_for(void **state)
{
	(void)state;
	vfiowc_set_check_report(count, dev);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_WC, 0), 0);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_WC, VFIOWC_MAP_CHECKED), 1);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_NC, VFIOWC_MAP_CHECKED), 0);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_WC, VFIOWC_MAP_CHECKED | VFIOWC_MAP_READ_ONLY), 0);
	setenv("VFIOWC_MAP_CHECKED", "1", 1);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_WC, 0), 1);
	setenv("VFIOWC_MAP_CHECKED", "0", 1);
	assert_int_equal(unflushed_lines(VFIOWC_MEM_WC, 0), 0);
	unsetenv("VFIOWC_MAP_CHECKED");
	vfiowc_set_check_report(NULL, NULL);
}

static void map_failures_are_told_apart(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);
	int i;

	(void)state;
	fake.fail[FAKE_MMAP] = EINVAL; /* dma-buf core: the exporter has no mmap */
	assert_null_errno(vfiowc_map(buf, 0, 1, 0), EOPNOTSUPP);
	fake.fail[FAKE_MMAP] = ENODEV;
	assert_null_errno(vfiowc_map(buf, 0, 1, 0), ENODEV);
	fake.fail[FAKE_CALLOC] = ENOMEM;
	assert_null_errno(vfiowc_map(buf, 0, 1, 0), ENOMEM);
	/* A checked map has two mappings of the dma-buf and memory of its own. */
	fake.fail[FAKE_CALLOC] = 0;
	fake.fail[FAKE_MMAP] = ENODEV;
	vfiowc_set_memattr(buf, VFIOWC_MEM_WC);
	for (i = 0; i < 2; i++) {
		fake.fail_at[FAKE_MMAP] = i;
		assert_null_errno(vfiowc_map(buf, 0, 1, VFIOWC_MAP_CHECKED), ENODEV);
	}
	fake.fail[FAKE_MMAP] = 0;
	vfiowc_destroy_buf(buf);
}

static void destroy_is_refused_while_a_mapping_exists(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *map = vfiowc_map(buf, 0, 1, 0);

	(void)state;
	assert_int_equal(vfiowc_destroy_buf(buf), EBUSY);
	*(volatile char *)vfiowc_map_addr(map) = 1; /* still mapped */
	vfiowc_unmap(map);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
}

static void same_bytes_under_two_types_need_the_flag(void **state)
{
	struct vfiowc_buf *wc = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_WC);
	struct vfiowc_buf *nc = fake_export(dev, 3 * FAKE_PAGE, 4 * FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *map = vfiowc_map(wc, 0, 4 * FAKE_PAGE, 0), *other;

	(void)state;
	assert_null_errno(vfiowc_map(nc, 0, 1, 0), EBUSY); /* BAR page 3, through another dma-buf */
	other = vfiowc_map(nc, FAKE_PAGE, 1, 0); /* BAR page 4: nobody else's */
	assert_non_null(other);
	vfiowc_unmap(other);
	other = vfiowc_map(nc, 0, 1, VFIOWC_MAP_MIXED);
	assert_non_null(other);
	vfiowc_unmap(other);
	vfiowc_unmap(map);
	other = vfiowc_map(nc, 0, 1, 0); /* nothing to mix with any more */
	assert_non_null(other);
	vfiowc_unmap(other);
	vfiowc_destroy_buf(nc);
	vfiowc_destroy_buf(wc);
}

static void same_type_twice_is_fine(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	struct vfiowc_mapping *one = vfiowc_map(buf, 0, 8, 0), *two = vfiowc_map(buf, 0, FAKE_PAGE, 0);

	(void)state;
	assert_non_null(one);
	assert_non_null(two);
	vfiowc_unmap(one); /* the older one, further down the list */
	vfiowc_unmap(two);
	vfiowc_destroy_buf(buf);
}

static void type_changed_between_two_mappings_is_noticed(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, 2 * FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *map = vfiowc_map(buf, 0, FAKE_PAGE, 0), *other;

	(void)state;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), 0);
	assert_null_errno(vfiowc_map(buf, FAKE_PAGE - 1, 2, 0), EBUSY);
	other = vfiowc_map(buf, FAKE_PAGE, 1, 0);
	assert_non_null(other);
	vfiowc_unmap(other);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

static void overlap_is_found_across_several_ranges(void **state)
{
	enum vfiowc_mem_type wc = VFIOWC_MEM_WC;
	struct vfiowc_range range[2] = { { 8 * FAKE_PAGE, 2 * FAKE_PAGE }, { 0, 2 * FAKE_PAGE } };
	struct vfiowc_export_attr attr = { .bar = FAKE_MEM_BAR, .ranges = range, .num_ranges = 2,
					   .types = &wc, .num_types = 1 };
	struct vfiowc_buf *split = vfiowc_export(dev, &attr, sizeof(attr));
	struct vfiowc_buf *nc = fake_export(dev, 0, 16 * FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *map = vfiowc_map(split, FAKE_PAGE, 2 * FAKE_PAGE, 0), *other;

	(void)state;
	assert_non_null(map); /* BAR pages 9 and 0 */
	assert_null_errno(vfiowc_map(nc, 0, 1, 0), EBUSY);
	assert_null_errno(vfiowc_map(nc, 9 * FAKE_PAGE, 1, 0), EBUSY);
	other = vfiowc_map(nc, FAKE_PAGE, 8 * FAKE_PAGE, 0); /* BAR pages 1 to 8 */
	assert_non_null(other);
	vfiowc_unmap(other);
	vfiowc_unmap(map);
	other = vfiowc_map(nc, 0, 1, 0); /* the other way round */
	assert_null_errno(vfiowc_map(split, FAKE_PAGE, 2 * FAKE_PAGE, 0), EBUSY);
	vfiowc_unmap(other);
	vfiowc_destroy_buf(nc);
	vfiowc_destroy_buf(split);
}

static void imported_dma_bufs_are_compared_with_themselves_only(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, true);
	struct vfiowc_buf *one = vfiowc_import(fd, NULL);
	struct vfiowc_buf *own = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	struct vfiowc_buf *again = vfiowc_import(vfiowc_buf_fd(own), dev);
	struct vfiowc_mapping *a = vfiowc_map(own, 0, 1, 0), *b, *c = vfiowc_map(one, 0, 1, 0);

	(void)state;
	assert_int_equal(vfiowc_set_memattr(again, VFIOWC_MEM_NC), 0);
	b = vfiowc_map(again, 0, 1, 0); /* its place in the BAR is not known */
	assert_non_null(b);
	assert_non_null(c);
	vfiowc_unmap(a);
	vfiowc_unmap(b);
	vfiowc_unmap(c);
	vfiowc_destroy_buf(again);
	vfiowc_destroy_buf(own);
	vfiowc_destroy_buf(one);
	close(fd);
}

static void query_tells_requested_and_effective_type(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	struct vfiowc_mapping *map = vfiowc_map(buf, 16, 32, 0);
	struct {
		struct vfiowc_map_attr attr;
		uint64_t future;
	} longer = { .future = 1 };

	(void)state;
	assert_int_equal(vfiowc_query_map(map, &longer.attr, sizeof(longer)), 0);
	assert_int_equal(longer.future, 0);
	assert_int_equal(longer.attr.length, 32);
	assert_int_equal(longer.attr.page_bytes, FAKE_PAGE);
	assert_int_equal(longer.attr.requested, VFIOWC_MEM_WC);
	assert_int_equal(longer.attr.effective, VFIOWC_EFFECTIVE_UC_MINUS);
	assert_int_equal(vfiowc_query_map(map, &longer.attr, sizeof(longer.attr) - 1), EINVAL);
	fake.fail_feature = VFIOWC_FEATURE_MAP_QUERY;
	fake.feature_errno = ENODATA;
	assert_int_equal(vfiowc_query_map(map, &longer.attr, sizeof(longer.attr)), ENODATA);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

static void query_without_the_device_gives_eopnotsupp(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, true);
	struct vfiowc_buf *buf = vfiowc_import(fd, NULL);
	struct vfiowc_mapping *map = vfiowc_map(buf, 0, 1, 0);
	struct vfiowc_map_attr attr;

	(void)state;
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), EOPNOTSUPP);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
	close(fd);
}

static void *map_and_unmap(void *arg)
{
	unsigned int i;

	for (i = 0; i < 2000; i++) {
		struct vfiowc_mapping *map = vfiowc_map(arg, 0, FAKE_PAGE, 0);

		if (!map || vfiowc_unmap(map))
			return arg;
	}
	return NULL;
}

static void two_threads_map_one_dma_buf(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	pthread_t thread;
	void *failed;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, map_and_unmap, buf), 0);
	assert_null(map_and_unmap(buf));
	assert_int_equal(pthread_join(thread, &failed), 0);
	assert_null(failed);
	assert_int_equal(vfiowc_destroy_buf(buf), 0); /* no mapping was lost count of */
}

static struct vfiowc_buf *retried;

static void retry_destroy(void)
{
	assert_int_equal(vfiowc_destroy_buf(retried), 0);
}

/* By a thread that tries again until the last mapping is gone. */
static void dma_buf_may_go_as_soon_as_it_has_no_mapping(void **state)
{
	struct vfiowc_mapping *map;
	int allocations;

	(void)state;
	retried = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	map = vfiowc_map(retried, 0, FAKE_PAGE, 0);
	assert_non_null(map);
	assert_int_equal(vfiowc_destroy_buf(retried), EBUSY);
	allocations = fake.allocations;
	fake.meanwhile = retry_destroy;
	assert_int_equal(vfiowc_unmap(map), 0);
	assert_null(fake.meanwhile);
	assert_int_equal(fake.allocations, allocations - 3); /* it, its ranges and the mapping */
	assert_int_equal(fake.dma_bufs_closed, 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(mapped_bytes_are_those_of_the_dma_buf),
		test(map_refuses_what_is_not_inside),
		test(map_failures_are_told_apart),
		test(wc_mappings_are_checked_when_asked_for),
		test(destroy_is_refused_while_a_mapping_exists),
		test(same_bytes_under_two_types_need_the_flag),
		test(same_type_twice_is_fine),
		test(type_changed_between_two_mappings_is_noticed),
		test(overlap_is_found_across_several_ranges),
		test(imported_dma_bufs_are_compared_with_themselves_only),
		test(query_tells_requested_and_effective_type),
		test(query_without_the_device_gives_eopnotsupp),
		test(two_threads_map_one_dma_buf),
		test(dma_buf_may_go_as_soon_as_it_has_no_mapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
