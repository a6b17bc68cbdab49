// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Parts of a BAR through the device fd: what is asked of the kernel, the list of types, errors, rule O11. */
#include <sys/mman.h>
#include "fake.h"

static const enum vfiowc_mem_type wc_then_natural[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NATURAL };
static struct vfiowc_device *dev;

static int setup(void **state)
{
	fake_setup(state);
	dev = fake_open();
	return 0;
}

static int setup_stock(void **state)
{
	fake_setup(state);
	fake.driver = FAKE_STOCK;
	dev = fake_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return vfiowc_close_device(dev);
}

static struct vfiowc_region_attr part(const enum vfiowc_mem_type *types, uint32_t num_types)
{
	return (struct vfiowc_region_attr){ .bar = FAKE_MEM_BAR, .offset = 3 * FAKE_PAGE,
					    .length = 2 * FAKE_PAGE, .types = types,
					    .num_types = num_types };
}

static void part_is_asked_for_and_mapped_at_its_offset(void **state)
{
	struct vfiowc_region_attr attr = part(wc_then_natural, 2);
	struct vfiowc_mapping *map = vfiowc_map_region(dev, &attr, sizeof(attr), 0);

	(void)state;
	assert_non_null(map);
	assert_int_equal(fake.feature_calls, 1);
	assert_int_equal(fake.last_part.region_index, FAKE_MEM_BAR);
	assert_int_equal(fake.last_part.memattr, VFIOWC_MEMATTR_WC);
	assert_int_equal(fake.last_part.offset, 3 * FAKE_PAGE);
	assert_int_equal(fake.last_part.length, 2 * FAKE_PAGE);
	assert_int_equal(fake.last_mmap_offset, FAKE_PART_OFFSET);
	assert_int_equal(fake.last_mmap_length, 2 * FAKE_PAGE);
	assert_int_equal(fake.last_mmap_prot, PROT_READ | PROT_WRITE);
	((char *)vfiowc_map_addr(map))[2 * FAKE_PAGE - 1] = 1;
	assert_int_equal(vfiowc_close_device(dev), EBUSY);
	assert_int_equal(vfiowc_unmap(map), 0);
	map = vfiowc_map_region(dev, &attr, sizeof(attr), VFIOWC_MAP_READ_ONLY);
	assert_int_equal(fake.last_mmap_prot, PROT_READ);
	vfiowc_unmap(map);
}

static void first_type_that_works_is_taken(void **state)
{
	struct vfiowc_region_attr attr = part(wc_then_natural, 2);
	enum vfiowc_mem_type type;
	uint64_t offset = 0;

	(void)state;
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(offset, FAKE_PART_OFFSET);
	assert_int_equal(type, VFIOWC_MEM_WC);
	fake.wc_unsupported = true;
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NATURAL);
	assert_int_equal(fake.last_part.memattr, VFIOWC_MEMATTR_NATURAL);
	attr.num_types = 1;
	offset = 7;
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, NULL), EOPNOTSUPP);
	assert_int_equal(offset, 7);
	/* Another error is final: what comes behind in the list is not tried. */
	attr.num_types = 2;
	fake.wc_unsupported = false;
	fake.fail_feature = VFIOWC_FEATURE_REGION_MMAP;
	fake.feature_errno = ENOMEM;
	assert_null_errno(vfiowc_map_region(dev, &attr, sizeof(attr), 0), ENOMEM);
	assert_int_equal(fake.feature_failures, 1);
}

static void no_list_means_nc(void **state)
{
	struct vfiowc_region_attr attr = part(NULL, 0);
	enum vfiowc_mem_type type = VFIOWC_MEM_UNKNOWN;
	uint64_t offset;

	(void)state;
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NC);
}

static void malformed_requests_are_refused(void **state)
{
	static const enum vfiowc_mem_type unknown[] = { VFIOWC_MEM_UNKNOWN };
	const struct {
		struct vfiowc_region_attr attr;
		int err;
	} cases[] = {
		{ { .comp_mask = 1, .bar = FAKE_MEM_BAR, .length = FAKE_PAGE }, EINVAL },
		{ { .bar = VFIOWC_NUM_BARS, .length = FAKE_PAGE }, EINVAL },
		{ { .bar = 1, .length = FAKE_PAGE }, ENODEV },
		{ { .bar = FAKE_MEM_BAR }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .length = 100 }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .offset = 100, .length = FAKE_PAGE }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .offset = FAKE_BAR_BYTES, .length = FAKE_PAGE }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .offset = -FAKE_PAGE, .length = 2 * FAKE_PAGE }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .length = FAKE_PAGE, .num_types = 1 }, EINVAL },
		{ { .bar = FAKE_MEM_BAR, .length = FAKE_PAGE, .num_types = 1, .types = unknown }, EINVAL },
	};
	struct {
		struct vfiowc_region_attr attr;
		uint32_t newer;
	} larger = { .attr = part(NULL, 0), .newer = 1 };
	uint64_t offset;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_null_errno(vfiowc_map_region(dev, &cases[i].attr, sizeof(cases[i].attr), 0),
				  cases[i].err);
	assert_null_errno(vfiowc_map_region(dev, &larger.attr, sizeof(larger.attr) - 1, 0), EINVAL);
	assert_null_errno(vfiowc_map_region(dev, &larger.attr, sizeof(larger), 0), EINVAL);
	assert_null_errno(vfiowc_map_region(dev, &larger.attr, sizeof(larger.attr), 1 << 3), EINVAL);
	larger.newer = 0;
	assert_int_equal(vfiowc_region_offset(dev, &larger.attr, sizeof(larger), &offset, NULL), 0);
}

/* A slice of the same bytes counts, and the other way round. */
static void mixed_types_are_refused(void **state)
{
	struct vfiowc_buf *nc = fake_export(dev, 4 * FAKE_PAGE, FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_region_attr attr = part(wc_then_natural, 1);
	struct vfiowc_mapping *region = vfiowc_map_region(dev, &attr, sizeof(attr), 0);

	(void)state;
	assert_non_null(region);
	assert_null_errno(vfiowc_map(nc, 0, 1, 0), EBUSY);
	assert_null_errno(vfiowc_map_region(dev, &(struct vfiowc_region_attr){ .bar = FAKE_MEM_BAR,
			  .offset = 4 * FAKE_PAGE, .length = FAKE_PAGE }, sizeof(attr), 0), EBUSY);
	vfiowc_unmap(region);
	region = vfiowc_map(nc, 0, 1, 0);
	assert_non_null(region);
	assert_null_errno(vfiowc_map_region(dev, &attr, sizeof(attr), 0), EBUSY);
	vfiowc_unmap(region);
	vfiowc_destroy_buf(nc);
}

/* vfio-pci's own mapping of the device fd: at the region's offset, NC, and that is its natural type. */
static void stock_gives_its_own_type(void **state)
{
	struct vfiowc_region_attr attr = part(wc_then_natural, 2);
	struct vfiowc_mapping *map = vfiowc_map_region(dev, &attr, sizeof(attr), 0);
	enum vfiowc_mem_type type;
	uint64_t offset;

	(void)state;
	assert_non_null(map);
	assert_int_equal(fake.last_mmap_offset, ((uint64_t)FAKE_MEM_BAR << 40) + 3 * FAKE_PAGE);
	vfiowc_unmap(map);
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NATURAL);
	attr = part(NULL, 0);
	assert_int_equal(vfiowc_region_offset(dev, &attr, sizeof(attr), &offset, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NC);
	attr = part(wc_then_natural, 1);
	assert_null_errno(vfiowc_map_region(dev, &attr, sizeof(attr), 0), EOPNOTSUPP);
	attr = (struct vfiowc_region_attr){ .bar = 4, .length = FAKE_PAGE };
	assert_null_errno(vfiowc_map_region(dev, &attr, sizeof(attr), 0), EOPNOTSUPP);
	assert_int_equal(fake.feature_calls, 0);
}

#define region_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		region_test(part_is_asked_for_and_mapped_at_its_offset),
		region_test(first_type_that_works_is_taken),
		region_test(no_list_means_nc),
		region_test(malformed_requests_are_refused),
		region_test(mixed_types_are_refused),
		cmocka_unit_test_setup_teardown(stock_gives_its_own_type, setup_stock, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
