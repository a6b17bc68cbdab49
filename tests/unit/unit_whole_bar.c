// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Whole BARs of stock vfio-pci write-combined: asked for explicitly, checked by the kernel's list each time. */
#include "fake.h"

#define BAR (1U << FAKE_MEM_BAR)
/* The BAR is [0x80000000, 0x84000000). */
#define ENTRY(first, end, type) "PAT: [mem 0x00000000" first "-0x00000000" end "] " type "\n"
#define ALL_WC ENTRY("7f000000", "80000000", "write-back") ENTRY("80000000", "84000000", "write-combining")

static const enum vfiowc_mem_type wc[] = { VFIOWC_MEM_WC };
static const struct vfiowc_region_attr part = { .bar = FAKE_MEM_BAR, .offset = FAKE_PAGE, .length = FAKE_PAGE,
						.types = wc, .num_types = 1 };

static int setup(void **state)
{
	fake_setup(state);
	fake.driver = FAKE_STOCK;
	fake.memtype_list = ALL_WC;
	return 0;
}

static void region_of_such_a_bar_is_wc_and_nothing_else(void **state)
{
	static const enum vfiowc_mem_type others[] = { VFIOWC_MEM_NC, VFIOWC_MEM_NATURAL };
	struct vfiowc_device *dev = vfiowc_open_device_wc(FAKE_BDF, BAR);
	struct vfiowc_region_attr nc = part;
	struct vfiowc_map_attr attr;
	struct vfiowc_mapping *map;

	(void)state;
	assert_non_null(dev);
	map = vfiowc_map_region(dev, &part, sizeof(part), 0);
	assert_non_null(map);
	assert_int_equal(fake.last_mmap_offset, ((uint64_t)FAKE_MEM_BAR << 40) + FAKE_PAGE);
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_WC);
	assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_WC);
	assert_int_equal(attr.length, FAKE_PAGE);
	/* What the list says later is another answer; what was asked for stays. */
	fake.memtype_list = ENTRY("80000000", "84000000", "uncached-minus");
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_WC);
	assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_UC_MINUS);
	vfiowc_unmap(map);
	assert_null_errno(vfiowc_map_region(dev, &part, sizeof(part), 0), EOPNOTSUPP);
	nc.types = others;
	nc.num_types = 2;
	assert_null_errno(vfiowc_map_region(dev, &nc, sizeof(nc), 0), EOPNOTSUPP);
	assert_int_equal(vfiowc_close_device(dev), 0);
}

static void open_fails_unless_all_of_the_bar_is_wc(void **state)
{
	static const char *const lists[] = {
		"",
		ENTRY("80000000", "84000000", "uncached-minus"),
		ENTRY("80000000", "83fff000", "write-combining"),
		ENTRY("80001000", "84000000", "write-combining"),
		ENTRY("80000000", "82000000", "write-combining") ENTRY("82000000", "84000000", "uncached-minus"),
		ENTRY("80000000", "82000000", "write-combining") ENTRY("82001000", "84000000", "write-combining"),
		"PAT: [mem 0x80000000-0x84000000]\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		fake.memtype_list = lists[i];
		assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, BAR), EOPNOTSUPP);
	}
	fake.memtype_list = NULL;
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, BAR), EOPNOTSUPP);
	assert_memory_equal(fake.opened, fake.closed, sizeof(fake.opened));
	assert_int_equal(fake.allocations, 0);
}

/* Entries may be small, overlap, and stand in any order. */
static void pieces_make_up_a_bar(void **state)
{
	struct vfiowc_device *dev;

	(void)state;
	fake.memtype_list = ENTRY("82000000", "90000000", "write-combining")
			    ENTRY("80000000", "80001000", "write-combining")
			    ENTRY("80000000", "82000000", "write-combining")
			    ENTRY("81000000", "81001000", "write-combining");
	dev = vfiowc_open_device_wc(FAKE_BDF, BAR);
	assert_non_null(dev);
	vfiowc_close_device(dev);
}

static void what_cannot_be_is_refused(void **state)
{
	(void)state;
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, 0), EINVAL);
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, 1U << VFIOWC_NUM_BARS), EINVAL);
	assert_null_errno(vfiowc_open_device_wc("nonsense", BAR), EINVAL);
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, 1U << 4), EOPNOTSUPP); /* has no such file */
	fake.fail[FAKE_OPEN_SYSFS] = EACCES;
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, BAR), EACCES);
	fake.fail[FAKE_OPEN_SYSFS] = 0;
	fake.driver = FAKE_VFIOWC_PCI;
	assert_null_errno(vfiowc_open_device_wc(FAKE_BDF, BAR), EINVAL);
	assert_memory_equal(fake.opened, fake.closed, sizeof(fake.opened));
	assert_int_equal(fake.allocations, 0);
}

/* Nobody asked: the list may say what it will, the type is the driver's. */
static void plain_open_takes_no_notice_of_it(void **state)
{
	struct vfiowc_device *dev = vfiowc_open_device(FAKE_BDF);
	struct vfiowc_region_attr nc = part;
	struct vfiowc_map_attr attr;
	struct vfiowc_mapping *map;

	(void)state;
	assert_null_errno(vfiowc_map_region(dev, &part, sizeof(part), 0), EOPNOTSUPP);
	nc.num_types = 0;
	map = vfiowc_map_region(dev, &nc, sizeof(nc), 0);
	assert_non_null(map);
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.requested, VFIOWC_MEM_NC);
	assert_int_equal(attr.effective, VFIOWC_EFFECTIVE_WC);
	fake.memtype_list = NULL;
	assert_int_equal(vfiowc_query_map(map, &attr, sizeof(attr)), EOPNOTSUPP);
	vfiowc_unmap(map);
	vfiowc_close_device(dev);
}

#define bar_test(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		bar_test(region_of_such_a_bar_is_wc_and_nothing_else),
		bar_test(open_fails_unless_all_of_the_bar_is_wc),
		bar_test(pieces_make_up_a_bar),
		bar_test(what_cannot_be_is_refused),
		bar_test(plain_open_takes_no_notice_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
