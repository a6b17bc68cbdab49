// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Opening, borrowing, querying and closing a device: device.c, pci.c and feature.c. */
#include <linux/pci_regs.h>
#include "fake.h"

static void open_owns_container_group_and_device(void **state)
{
	struct vfiowc_device *dev = fake_open();

	(void)state;
	assert_int_equal(vfiowc_device_fd(dev), FAKE_DEVICE);
	assert_int_equal(vfiowc_close_device(dev), 0);
	assert_int_equal(fake.closed[0], 1);
	assert_int_equal(fake.closed[1], 1);
	assert_int_equal(fake.closed[2], 1);
}

static void open_takes_short_and_upper_case_addresses(void **state)
{
	struct vfiowc_device *dev = vfiowc_open_device("02:00.0");
	struct vfiowc_device_attr attr;

	(void)state;
	assert_non_null(dev);
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.pci_address, FAKE_BDF);
	vfiowc_close_device(dev);
	dev = vfiowc_open_device_fd(FAKE_DEVICE, "00AB:0C:1f.7");
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.pci_address, "00ab:0c:1f.7");
	vfiowc_close_device(dev);
}

static void open_refuses_what_is_no_address(void **state)
{
	static const char *const bad[] = { "", "2:0.0", "0000:02:00.0x", "0000:02:00.", "../../02:00.0",
					   "0000:02:00/0", "0000:0g:00.0", "0000:02:00.0\n", "02:00.00" };
	size_t i;

	(void)state;
	assert_null_errno(vfiowc_open_device(NULL), EINVAL);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null_errno(vfiowc_open_device(bad[i]), EINVAL);
		assert_null_errno(vfiowc_open_device_fd(FAKE_DEVICE, bad[i]), EINVAL);
	}
}

/* What fails while opening, with which errno, and what must have been closed again. */
static const struct {
	enum fake_call call;
	int err;
	int expected;
	unsigned int closed[3];
} open_failures[] = {
	{ FAKE_CALLOC, ENOMEM, ENOMEM, { 0, 0, 0 } },
	{ FAKE_READLINK, ENOENT, ENODEV, { 0, 0, 0 } },
	{ FAKE_READLINK, EACCES, EACCES, { 0, 0, 0 } },
	{ FAKE_OPEN_GROUP, ENOENT, ENOENT, { 0, 0, 0 } },
	{ FAKE_OPEN_GROUP, EBUSY, EBUSY, { 0, 0, 0 } },
	{ FAKE_OPEN_GROUP, EACCES, EACCES, { 0, 0, 0 } },
	{ FAKE_OPEN_CONTAINER, EACCES, EACCES, { 0, 1, 0 } },
	{ FAKE_GET_API_VERSION, EIO, ENOTSUP, { 1, 1, 0 } },
	{ FAKE_CHECK_EXTENSION, EIO, ENOTSUP, { 1, 1, 0 } },
	{ FAKE_SET_CONTAINER, EPERM, EPERM, { 1, 1, 0 } },
	{ FAKE_SET_IOMMU, EPERM, EPERM, { 1, 1, 0 } },
	{ FAKE_GET_DEVICE_FD, ENODEV, ENODEV, { 1, 1, 0 } },
};

static void open_failures_close_everything_and_set_errno(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(open_failures) / sizeof(open_failures[0]); i++) {
		fake_setup(state);
		fake.fail[open_failures[i].call] = open_failures[i].err;
		assert_null_errno(vfiowc_open_device(FAKE_BDF), open_failures[i].expected);
		assert_memory_equal(fake.closed, open_failures[i].closed,
				    sizeof(open_failures[i].closed));
	}
}

static void borrowed_fd_is_never_closed(void **state)
{
	struct vfiowc_device *dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);

	(void)state;
	assert_non_null(dev);
	assert_int_equal(vfiowc_device_fd(dev), FAKE_DEVICE);
	assert_int_equal(vfiowc_close_device(dev), 0);
	assert_int_equal(fake.closed[2], 0);
}

static void borrowing_refuses_what_is_no_pci_device(void **state)
{
	(void)state;
	fake.fail[FAKE_GET_INFO] = ENOTTY;
	assert_null_errno(vfiowc_open_device_fd(FAKE_DEVICE, NULL), ENOTTY);
	fake.fail[FAKE_GET_INFO] = 0;
	fake.device_flags = VFIO_DEVICE_FLAGS_PLATFORM;
	assert_null_errno(vfiowc_open_device_fd(FAKE_DEVICE, NULL), EINVAL);
	assert_null_errno(vfiowc_open_device_fd(-1, NULL), EBADF);
	fake.fail[FAKE_CALLOC] = ENOMEM;
	assert_null_errno(vfiowc_open_device_fd(FAKE_DEVICE, NULL), ENOMEM);
	assert_int_equal(fake.closed[2], 0);
}

static void close_is_refused_while_a_buf_exists(void **state)
{
	struct vfiowc_device *dev = fake_open();
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);

	(void)state;
	assert_int_equal(vfiowc_close_device(dev), EBUSY);
	assert_int_equal(fake.closed[2], 0);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_int_equal(vfiowc_close_device(dev), 0);
}

static void query_tells_driver_bars_and_completer(void **state)
{
	struct vfiowc_device *dev = fake_open();
	struct vfiowc_device_attr attr;

	(void)state;
	fake.id.tph_completer = VFIOWC_TPH_COMPLETER_TPH;
	fake.id.tph_override = VFIOWC_TPH_COMPLETER_EXT;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.driver, "vfiowc_pci");
	assert_int_equal(attr.source, VFIOWC_SOURCE_VFIOWC_PCI);
	assert_int_equal(attr.uapi_major, VFIOWC_UAPI_MAJOR);
	assert_int_equal(attr.uapi_minor, 7);
	assert_int_equal(attr.tph_completer, VFIOWC_COMPLETER_ST);
	assert_int_equal(attr.tph_override, VFIOWC_COMPLETER_ST_EXT);
	assert_int_equal(attr.caps, 0xff);
	assert_int_equal(attr.bars[0].flags, VFIOWC_BAR_IO);
	assert_int_equal(attr.bars[1].size_bytes, 0);
	assert_int_equal(attr.bars[2].size_bytes, FAKE_BAR_BYTES);
	assert_int_equal(attr.bars[2].flags,
			 VFIOWC_BAR_MAPPABLE | VFIOWC_BAR_PREFETCHABLE | VFIOWC_BAR_64BIT);
	assert_int_equal(attr.bars[3].flags, 0);
	assert_int_equal(attr.bars[4].flags, 0);
	vfiowc_close_device(dev);
}

static void query_names_the_driver_of_a_bare_fd_only_when_it_is_ours(void **state)
{
	struct vfiowc_device *dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	struct vfiowc_device_attr attr;

	(void)state;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.driver, "vfiowc_pci");
	assert_string_equal(attr.pci_address, "");
	vfiowc_close_device(dev);
	fake.driver = FAKE_STOCK;
	dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.driver, "");
	vfiowc_close_device(dev);
}

static void query_zeroes_what_a_longer_struct_has_more(void **state)
{
	struct vfiowc_device *dev = fake_open();
	struct {
		struct vfiowc_device_attr attr;
		uint64_t future;
	} longer = { .future = 0x55 };

	(void)state;
	assert_int_equal(vfiowc_query_device(dev, &longer.attr, sizeof(longer)), 0);
	assert_int_equal(longer.future, 0);
	assert_int_equal(vfiowc_query_device(dev, &longer.attr, sizeof(longer.attr) - 1), EINVAL);
	assert_int_equal(vfiowc_query_device(dev, &longer.attr, 0), EINVAL);
	vfiowc_close_device(dev);
}

static void query_passes_on_what_cannot_be_read(void **state)
{
	struct vfiowc_device *dev = fake_open();
	struct vfiowc_device_attr attr;

	(void)state;
	fake.fail[FAKE_GET_REGION_INFO] = EIO;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EIO);
	fake.fail_at[FAKE_GET_REGION_INFO] = 3;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EIO);
	fake.fail[FAKE_GET_REGION_INFO] = 0;
	fake.fail[FAKE_PREAD] = EPERM;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EPERM);
	fake.fail[FAKE_PREAD] = ENODATA; /* a short read */
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EIO);
	fake.fail[FAKE_PREAD] = 0;
	fake.fail_feature = VFIOWC_FEATURE_ID;
	fake.feature_errno = ENODEV;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), ENODEV);
	vfiowc_close_device(dev);
}

static uint32_t completer_of_stock_device(void)
{
	struct vfiowc_device *dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	struct vfiowc_device_attr attr;

	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	vfiowc_close_device(dev);
	return attr.tph_completer;
}

static void stock_completer_comes_from_configuration_space(void **state)
{
	static const uint32_t expected[] = { VFIOWC_COMPLETER_NONE, VFIOWC_COMPLETER_ST,
					     VFIOWC_COMPLETER_NONE, VFIOWC_COMPLETER_ST_EXT };
	uint32_t bits;

	(void)state;
	fake.driver = FAKE_STOCK;
	for (bits = 0; bits < 4; bits++) {
		fake.config[0x60 + PCI_EXP_DEVCAP2 + 1] = bits << 4;
		assert_int_equal(completer_of_stock_device(), expected[bits]);
	}
	fake.config[0x60 + PCI_EXP_FLAGS] = 1; /* version 1 has no DEVCAP2 */
	assert_int_equal(completer_of_stock_device(), VFIOWC_COMPLETER_NONE);
}

static void stock_completer_survives_odd_capability_lists(void **state)
{
	(void)state;
	fake.driver = FAKE_STOCK;
	fake.config[0x60] = PCI_CAP_ID_VNDR; /* no PCI Express capability */
	assert_int_equal(completer_of_stock_device(), VFIOWC_COMPLETER_NONE);
	fake.config[0x61] = 0x40; /* a loop */
	assert_int_equal(completer_of_stock_device(), VFIOWC_COMPLETER_NONE);
	fake.config[PCI_STATUS] = 0; /* no list */
	assert_int_equal(completer_of_stock_device(), VFIOWC_COMPLETER_NONE);
}

/* A stock query reads BAR 0, 2 and 4, then status, list, two headers, flags and DEVCAP2. */
static void stock_completer_read_errors_are_passed_on(void **state)
{
	struct vfiowc_device_attr attr;
	struct vfiowc_device *dev;
	int at;

	(void)state;
	fake.driver = FAKE_STOCK;
	dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	for (at = 0; at < 9; at++) {
		fake.fail[FAKE_PREAD] = EPERM;
		fake.fail_at[FAKE_PREAD] = at;
		assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EPERM);
	}
	fake.fail_at[FAKE_PREAD] = 9;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	fake.fail[FAKE_PREAD] = 0;
	fake.fail[FAKE_GET_REGION_INFO] = EIO;
	fake.fail_at[FAKE_GET_REGION_INFO] = 7; /* configuration space and six BARs before */
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), EIO);
	vfiowc_close_device(dev);
}

static struct vfiowc_device_attr query_driver(enum fake_driver driver)
{
	struct vfiowc_device_attr attr;
	struct vfiowc_device *dev;

	fake.driver = driver;
	dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	vfiowc_close_device(dev);
	return attr;
}

static void source_and_capabilities_follow_the_driver(void **state)
{
	struct vfiowc_device_attr attr;

	(void)state;
	attr = query_driver(FAKE_NO_DMA_BUF);
	assert_int_equal(attr.source, VFIOWC_SOURCE_NONE);
	assert_int_equal(attr.caps, 0);
	attr = query_driver(FAKE_STOCK);
	assert_int_equal(attr.source, VFIOWC_SOURCE_STOCK);
	assert_int_equal(attr.caps, VFIOWC_CAP_EXPORT);
	/* A later vfiowc_pci with less to offer: what it does not announce is not used. */
	fake.id.features = VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_ID) |
			   VFIOWC_FEATURE_BIT(VFIOWC_FEATURE_DMA_BUF_REVOKE);
	attr = query_driver(FAKE_VFIOWC_PCI);
	assert_int_equal(attr.source, VFIOWC_SOURCE_VFIOWC_PCI);
	assert_int_equal(attr.caps, VFIOWC_CAP_EXPORT | VFIOWC_CAP_MAP | VFIOWC_CAP_REVOKE);
}

/* Another driver may use the same private number for something else. */
static void private_numbers_are_used_only_after_the_magic(void **state)
{
	(void)state;
	fake.id.magic++;
	assert_int_equal(query_driver(FAKE_VFIOWC_PCI).source, VFIOWC_SOURCE_STOCK);
	fake_setup(state);
	fake.id.major++;
	assert_int_equal(query_driver(FAKE_VFIOWC_PCI).source, VFIOWC_SOURCE_STOCK);
}

/* The installed header names none of upstream's features, so their numbers are not tried. */
static void unnamed_upstream_numbers_are_not_used(void **state)
{
	(void)state;
	assert_int_equal(query_driver(FAKE_UPSTREAM).source, VFIOWC_SOURCE_STOCK);
}

static void missing_capabilities_are_explained(void **state)
{
	struct vfiowc_device *dev;
	unsigned int bit;

	(void)state;
	fake.driver = FAKE_NO_DMA_BUF;
	dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	for (bit = 0; bit < 8; bit++)
		assert_non_null(vfiowc_explain_cap(dev, 1 << bit));
	assert_non_null(strstr(vfiowc_explain_cap(dev, VFIOWC_CAP_EXPORT), "6.19"));
	assert_null(vfiowc_explain_cap(dev, (enum vfiowc_cap)(1 << 30)));
	vfiowc_close_device(dev);
	fake.driver = FAKE_VFIOWC_PCI;
	dev = vfiowc_open_device_fd(FAKE_DEVICE, NULL);
	assert_null(vfiowc_explain_cap(dev, VFIOWC_CAP_MAP));
	vfiowc_close_device(dev);
}

static void version_is_told(void **state)
{
	(void)state;
	assert_string_equal(vfiowc_version(), VFIOWC_VERSION);
}

#define test(f) cmocka_unit_test_setup(f, fake_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(open_owns_container_group_and_device),
		test(open_takes_short_and_upper_case_addresses),
		test(open_refuses_what_is_no_address),
		test(open_failures_close_everything_and_set_errno),
		test(borrowed_fd_is_never_closed),
		test(borrowing_refuses_what_is_no_pci_device),
		test(close_is_refused_while_a_buf_exists),
		test(query_tells_driver_bars_and_completer),
		test(query_names_the_driver_of_a_bare_fd_only_when_it_is_ours),
		test(query_zeroes_what_a_longer_struct_has_more),
		test(query_passes_on_what_cannot_be_read),
		test(stock_completer_comes_from_configuration_space),
		test(stock_completer_survives_odd_capability_lists),
		test(stock_completer_read_errors_are_passed_on),
		test(source_and_capabilities_follow_the_driver),
		test(private_numbers_are_used_only_after_the_magic),
		test(unnamed_upstream_numbers_are_not_used),
		test(missing_capabilities_are_explained),
		test(version_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
