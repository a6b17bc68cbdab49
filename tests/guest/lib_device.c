// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* libvfiowc's devices: by address and borrowed, with vfiowc_pci and with stock vfio-pci. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lib_fixture.h"

static void query_tells_what_the_kernel_drives(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_device_attr attr;

	assert_int_equal(vfiowc_query_device(lib->dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.pci_address, lib->bdf);
	assert_string_equal(attr.driver, EXPORTER_DRIVER);
	assert_int_equal(attr.source, VFIOWC_SOURCE_VFIOWC_PCI);
	assert_int_equal(attr.uapi_major, VFIOWC_UAPI_MAJOR);
	assert_true(attr.caps & VFIOWC_CAP_EXPORT);
	assert_true(attr.caps & VFIOWC_CAP_MAP);
	assert_true(attr.caps & VFIOWC_CAP_MEM_TYPE);
	assert_true(attr.caps & VFIOWC_CAP_TPH);
	assert_true(attr.caps & VFIOWC_CAP_REVOKE);
	assert_true(attr.caps & VFIOWC_CAP_QUERY);
	assert_true(attr.caps & VFIOWC_CAP_MAP_QUERY);
	assert_true(attr.caps & VFIOWC_CAP_REGION_TYPE);
	assert_int_equal(attr.bars[LIB_BAR].size_bytes, LIB_BAR_BYTES);
	assert_int_equal(attr.bars[LIB_BAR].flags,
			 VFIOWC_BAR_MAPPABLE | VFIOWC_BAR_PREFETCHABLE | VFIOWC_BAR_64BIT);
	assert_int_equal(attr.bars[3].size_bytes, 0); /* upper half */
}

static void completer_is_told_as_read_and_as_overridden(void **state)
{
	const struct lib_device *lib = *state;
	struct vfiowc_device_attr attr;

	assert_int_equal(vfiowc_query_device(lib->dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.tph_completer, VFIOWC_COMPLETER_NONE);
	assert_int_equal(attr.tph_override, VFIOWC_COMPLETER_ST_EXT);
	exporter_param("tph_override", "0");
	assert_int_equal(vfiowc_query_device(lib->dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.tph_override, 0);
}

static void a_second_open_says_busy(void **state)
{
	const struct lib_device *lib = *state;

	assert_fails(vfiowc_open_device(lib->bdf), EBUSY);
}

static void a_function_that_does_not_exist_gives_enodev(void **state)
{
	(void)state;
	assert_fails(vfiowc_open_device("0000:7f:1f.7"), ENODEV);
}

static void an_unbound_function_is_refused(void **state)
{
	char bdf[GUEST_BDF_LEN];

	(void)state;
	lib_bind(bdf, EXPORTER_DRIVER);
	assert_int_equal(guest_bind(bdf, NULL), 0);
	assert_fails(vfiowc_open_device(bdf), ENOENT);
}

/* A device that the test, as an application, has opened itself. */
static struct guest_vfio vfio;
static char vfio_bdf[GUEST_BDF_LEN];

static int open_vfio(void **state)
{
	guest_setup(state);
	lib_bind(vfio_bdf, EXPORTER_DRIVER);
	return guest_vfio_open(vfio_bdf, &vfio);
}

static int close_vfio(void **state)
{
	guest_vfio_close(&vfio);
	guest_bind(vfio_bdf, NULL);
	return guest_teardown(state);
}

static void borrowed_fd_works_and_stays_open(void **state)
{
	struct vfiowc_device_attr attr;
	struct vfiowc_device *dev;
	struct vfiowc_buf *buf;

	(void)state;
	dev = vfiowc_open_device_fd(vfio.device, NULL);
	assert_non_null(dev);
	assert_int_equal(vfiowc_device_fd(dev), vfio.device);
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_string_equal(attr.driver, EXPORTER_DRIVER);
	buf = lib_export(dev, 0, PAGE, VFIOWC_MEM_WC);
	assert_int_equal(vfiowc_close_device(dev), EBUSY);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_int_equal(vfiowc_close_device(dev), 0);
	assert_true(fcntl(vfio.device, F_GETFD) >= 0);
	/* Never duplicated: closing the application's fd closes the device. */
	guest_vfio_close(&vfio);
	assert_int_equal(guest_vfio_open(vfio_bdf, &vfio), 0);
}

static void what_is_no_device_fd_is_refused(void **state)
{
	(void)state;
	assert_fails(vfiowc_open_device_fd(vfio.group, NULL), ENOTTY);
	assert_fails(vfiowc_open_device_fd(-1, NULL), EBADF);
}

/* Export and register, and every other call says what is missing. */
static void stock_vfio_is_used_as_far_as_it_goes(void **state)
{
	struct lib_device *lib = *state;
	static const enum vfiowc_mem_type types[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	struct vfiowc_export_attr attr = { .bar = LIB_BAR, .length = PAGE, .types = types,
					   .num_types = 2 };
	struct vfiowc_device *dev = lib->dev;
	struct vfiowc_device_attr seen;
	struct vfiowc_buf_attr buf_attr;
	struct vfiowc_buf *buf;

	assert_int_equal(vfiowc_query_device(dev, &seen, sizeof(seen)), 0);
	assert_string_equal(seen.driver, "vfio-pci");
	assert_int_equal(seen.source, VFIOWC_SOURCE_STOCK);
	assert_int_equal(seen.caps, VFIOWC_CAP_EXPORT);
	buf = vfiowc_export(dev, &attr, sizeof(attr));
	assert_non_null(buf);
	assert_int_equal(vfiowc_query_buf(buf, &buf_attr, sizeof(buf_attr)), 0);
	assert_int_equal(buf_attr.mem_type, VFIOWC_MEM_NC);
	assert_int_equal(buf_attr.comp_mask, 0);
	assert_fails(vfiowc_map(buf, 0, PAGE, 0), EOPNOTSUPP);
	assert_non_null(strstr(vfiowc_explain_cap(dev, VFIOWC_CAP_MAP), "vfiowc_pci"));
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), EOPNOTSUPP);
	assert_int_equal(vfiowc_revoke(buf), EOPNOTSUPP);
	attr.num_types = 1;
	assert_fails(vfiowc_export(dev, &attr, sizeof(attr)), EOPNOTSUPP);
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
}

#define vfio_test(f) cmocka_unit_test_setup_teardown(f, open_vfio, close_vfio)

int main(void)
{
	const struct CMUnitTest tests[] = {
		lib_test(query_tells_what_the_kernel_drives),
		lib_test(completer_is_told_as_read_and_as_overridden),
		lib_test(a_second_open_says_busy),
		guest_test(a_function_that_does_not_exist_gives_enodev),
		guest_test(an_unbound_function_is_refused),
		vfio_test(borrowed_fd_works_and_stays_open),
		vfio_test(what_is_no_device_fd_is_refused),
		cmocka_unit_test_setup_teardown(stock_vfio_is_used_as_far_as_it_goes, lib_setup_stock,
						lib_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
