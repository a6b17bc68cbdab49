// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Exporting slices: what is refused, what is asked of the kernel, and the order of memory types. */
#include <fcntl.h>
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

/* Opens the device again, driven by something else. */
static void use_driver(enum fake_driver driver)
{
	vfiowc_close_device(dev);
	fake.driver = driver;
	dev = fake_open();
}

static struct vfiowc_export_attr one_page(void)
{
	return (struct vfiowc_export_attr){ .bar = FAKE_MEM_BAR, .length = FAKE_PAGE };
}

static void refused(const struct vfiowc_export_attr *attr, int err)
{
	assert_null_errno(vfiowc_export(dev, attr, sizeof(*attr)), err);
	assert_int_equal(fake.feature_calls, 0); /* the kernel was not even asked */
}

static void malformed_requests_are_refused(void **state)
{
	struct vfiowc_export_attr attr = one_page();
	enum vfiowc_mem_type unknown = VFIOWC_MEM_UNKNOWN;

	(void)state;
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr) - 1), EINVAL);
	attr.comp_mask = 1;
	refused(&attr, EINVAL);
	attr = one_page();
	attr.bar = VFIOWC_NUM_BARS;
	refused(&attr, EINVAL);
	attr = one_page();
	attr.flags = 1 << 1;
	refused(&attr, EINVAL);
	attr = one_page();
	attr.num_types = 1;
	refused(&attr, EINVAL);
	attr.types = &unknown;
	refused(&attr, EINVAL);
}

static void bytes_of_a_newer_caller_must_be_zero(void **state)
{
	struct {
		struct vfiowc_export_attr attr;
		uint64_t future;
	} longer = { .attr = one_page() };
	struct vfiowc_buf *buf = vfiowc_export(dev, &longer.attr, sizeof(longer));

	(void)state;
	assert_non_null(buf);
	vfiowc_destroy_buf(buf);
	longer.future = 1ULL << 63;
	assert_null_errno(vfiowc_export(dev, &longer.attr, sizeof(longer)), EINVAL);
}

static void slices_outside_the_bar_or_not_page_aligned_are_refused(void **state)
{
	static const struct vfiowc_range bad[] = {
		{ 0, 0 },
		{ 1, FAKE_PAGE },
		{ 0, FAKE_PAGE - 1 },
		{ 0, FAKE_BAR_BYTES + FAKE_PAGE },
		{ FAKE_BAR_BYTES, FAKE_PAGE },
		{ FAKE_BAR_BYTES - FAKE_PAGE, 2 * FAKE_PAGE },
		{ FAKE_PAGE, -FAKE_PAGE },
		{ -FAKE_PAGE, FAKE_PAGE },
		{ -FAKE_PAGE, 2 * FAKE_PAGE },
	};
	struct vfiowc_export_attr attr = one_page();
	struct vfiowc_range pair[2] = { { 0, FAKE_PAGE } };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		attr = one_page();
		attr.offset = bad[i].offset;
		attr.length = bad[i].length;
		refused(&attr, EINVAL);
		attr = (struct vfiowc_export_attr){ .bar = FAKE_MEM_BAR, .ranges = pair, .num_ranges = 2 };
		pair[1] = bad[i];
		refused(&attr, EINVAL);
	}
}

static void ranges_and_a_single_slice_exclude_each_other(void **state)
{
	struct vfiowc_range range = { 0, FAKE_PAGE };
	struct vfiowc_export_attr attr = one_page();

	(void)state;
	attr.num_ranges = 1;
	refused(&attr, EINVAL); /* no array */
	attr.ranges = &range;
	refused(&attr, EINVAL); /* length beside it */
	attr.length = 0;
	attr.offset = FAKE_PAGE;
	refused(&attr, EINVAL); /* offset beside it */
	attr.offset = 0;
	attr.num_ranges = 65537;
	refused(&attr, EINVAL);
}

static void a_bar_that_is_not_there_gives_enodev(void **state)
{
	struct vfiowc_export_attr attr = one_page();

	(void)state;
	attr.bar = 5;
	refused(&attr, ENODEV);
	fake.fail[FAKE_GET_REGION_INFO] = EIO;
	refused(&attr, EIO);
}

static void export_is_one_system_call_with_the_type_in_it(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, FAKE_PAGE, 2 * FAKE_PAGE, VFIOWC_MEM_WC);
	enum vfiowc_mem_type type;

	(void)state;
	assert_int_equal(fake.feature_calls, 1);
	assert_int_equal(fake.last_number, VFIOWC_FEATURE_EXPORT);
	assert_int_equal(fake.last_region, FAKE_MEM_BAR);
	assert_int_equal(fake.last_flags, 0);
	assert_true(fake.last_open_flags & O_CLOEXEC);
	assert_int_equal(fake.last_open_flags & O_ACCMODE, O_RDWR);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_WC);
	vfiowc_destroy_buf(buf);
}

static void many_ranges_make_one_dma_buf(void **state)
{
	struct vfiowc_range range[3] = { { 8 * FAKE_PAGE, FAKE_PAGE }, { 0, 2 * FAKE_PAGE },
					 { 4 * FAKE_PAGE, FAKE_PAGE } };
	struct vfiowc_export_attr attr = { .bar = FAKE_MEM_BAR, .ranges = range, .num_ranges = 3 };
	struct vfiowc_buf *buf = vfiowc_export(dev, &attr, sizeof(attr));
	struct vfiowc_buf_attr seen;

	(void)state;
	assert_non_null(buf);
	assert_int_equal(vfiowc_query_buf(buf, &seen, sizeof(seen)), 0);
	assert_int_equal(seen.size_bytes, 4 * FAKE_PAGE);
	assert_int_equal(seen.num_ranges, 3);
	assert_int_equal(fake_find_dma_buf(vfiowc_buf_fd(buf))->nr_ranges, 3);
	vfiowc_destroy_buf(buf);
}

static enum vfiowc_mem_type exported_type(const enum vfiowc_mem_type *types, uint32_t num)
{
	struct vfiowc_export_attr attr = one_page();
	struct vfiowc_buf_attr seen;
	struct vfiowc_buf *buf;

	attr.types = types;
	attr.num_types = num;
	buf = vfiowc_export(dev, &attr, sizeof(attr));
	assert_non_null(buf);
	assert_int_equal(vfiowc_query_buf(buf, &seen, sizeof(seen)), 0);
	vfiowc_destroy_buf(buf);
	return seen.mem_type;
}

static void first_type_of_the_list_that_works_is_taken(void **state)
{
	static const enum vfiowc_mem_type wc_nc[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	static const enum vfiowc_mem_type nc_wc[] = { VFIOWC_MEM_NC, VFIOWC_MEM_WC };
	static const enum vfiowc_mem_type odd[] = { (enum vfiowc_mem_type)9, VFIOWC_MEM_WC };

	(void)state;
	assert_int_equal(exported_type(NULL, 0), VFIOWC_MEM_NC);
	assert_int_equal(exported_type(wc_nc, 2), VFIOWC_MEM_WC);
	assert_int_equal(exported_type(nc_wc, 2), VFIOWC_MEM_NC);
	assert_int_equal(exported_type(odd, 2), VFIOWC_MEM_WC); /* a type of a later kernel */
	fake.wc_unsupported = true;
	assert_int_equal(exported_type(wc_nc, 2), VFIOWC_MEM_NC);
}

static void only_an_unsupported_type_leads_to_the_next(void **state)
{
	static const enum vfiowc_mem_type types[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	struct vfiowc_export_attr attr = one_page();

	(void)state;
	attr.types = types;
	attr.num_types = 1;
	fake.wc_unsupported = true;
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr)), EOPNOTSUPP);
	fake.wc_unsupported = false;
	attr.num_types = 2;
	fake.fail_feature = VFIOWC_FEATURE_EXPORT;
	fake.feature_errno = ENODEV;
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr)), ENODEV);
	assert_int_equal(fake.feature_failures, 1);
	assert_int_equal(fake.num_bufs, 0);
}

static void lock_tags_reaches_the_kernel(void **state)
{
	struct vfiowc_export_attr attr = one_page();
	struct vfiowc_buf *buf;

	(void)state;
	attr.flags = VFIOWC_EXPORT_LOCK_TAGS;
	buf = vfiowc_export(dev, &attr, sizeof(attr));
	assert_non_null(buf);
	assert_int_equal(fake.last_flags, VFIOWC_EXPORT_TPH_LOCKED);
	vfiowc_destroy_buf(buf);
	use_driver(FAKE_STOCK);
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr)), EOPNOTSUPP);
}

static void stock_vfio_exports_nc_and_nothing_else(void **state)
{
	static const enum vfiowc_mem_type wc_nc[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	struct vfiowc_export_attr attr = one_page();

	(void)state;
	use_driver(FAKE_STOCK);
	assert_int_equal(exported_type(wc_nc, 2), VFIOWC_MEM_NC);
	assert_int_equal(fake.last_number, VFIO_DEVICE_FEATURE_DMA_BUF);
	attr.types = wc_nc;
	attr.num_types = 1;
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr)), EOPNOTSUPP);
	fake.fail_feature = VFIO_DEVICE_FEATURE_DMA_BUF;
	fake.feature_errno = EINVAL;
	attr.num_types = 0;
	attr.types = NULL;
	assert_null_errno(vfiowc_export(dev, &attr, sizeof(attr)), EINVAL);
}

static void a_driver_without_dma_bufs_gives_eopnotsupp(void **state)
{
	struct vfiowc_export_attr attr = one_page();

	(void)state;
	use_driver(FAKE_NO_DMA_BUF);
	refused(&attr, EOPNOTSUPP);
}

/* The object, its ranges and the request are allocated, in this order. */
static void running_out_of_memory_leaks_nothing(void **state)
{
	struct vfiowc_export_attr attr = one_page();
	int at;

	(void)state;
	for (at = 0; at < 3; at++) {
		fake.fail[FAKE_CALLOC] = ENOMEM;
		fake.fail_at[FAKE_CALLOC] = at;
		refused(&attr, ENOMEM);
	}
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(malformed_requests_are_refused),
		test(bytes_of_a_newer_caller_must_be_zero),
		test(slices_outside_the_bar_or_not_page_aligned_are_refused),
		test(ranges_and_a_single_slice_exclude_each_other),
		test(a_bar_that_is_not_there_gives_enodev),
		test(export_is_one_system_call_with_the_type_in_it),
		test(many_ranges_make_one_dma_buf),
		test(first_type_of_the_list_that_works_is_taken),
		test(only_an_unsupported_type_leads_to_the_next),
		test(lock_tags_reaches_the_kernel),
		test(stock_vfio_exports_nc_and_nothing_else),
		test(a_driver_without_dma_bufs_gives_eopnotsupp),
		test(running_out_of_memory_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
