// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The library compiled with a <linux/vfio.h> that names upstream's features (upstream_names.h). */
#include "fake.h"
#include "upstream_names.h"

static struct vfiowc_device *dev;

static int setup(void **state)
{
	fake_setup(state);
	fake.driver = FAKE_UPSTREAM;
	dev = fake_open();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return vfiowc_close_device(dev);
}

static void named_features_are_used_and_said_to_be_upstreams(void **state)
{
	struct vfiowc_device_attr attr;

	(void)state;
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.source, VFIOWC_SOURCE_UPSTREAM);
	assert_int_equal(attr.caps, VFIOWC_CAP_EXPORT | VFIOWC_CAP_MAP | VFIOWC_CAP_MEM_TYPE |
				    VFIOWC_CAP_TPH | VFIOWC_CAP_REVOKE);
}

static void names_without_the_feature_behind_them_are_not_used(void **state)
{
	struct vfiowc_device_attr attr;

	(void)state;
	vfiowc_close_device(dev);
	fake.driver = FAKE_STOCK;
	dev = fake_open();
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.source, VFIOWC_SOURCE_STOCK);
	assert_int_equal(attr.caps, VFIOWC_CAP_EXPORT);
}

/* The numbers were claimed several times over; what can be read is not what is proposed. */
static void a_feature_that_can_be_read_is_another_one(void **state)
{
	struct vfiowc_device_attr attr;

	(void)state;
	vfiowc_close_device(dev);
	fake.readable = true;
	dev = fake_open();
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.source, VFIOWC_SOURCE_STOCK);
	assert_int_equal(attr.caps, VFIOWC_CAP_EXPORT);
}

static void our_driver_is_preferred(void **state)
{
	struct vfiowc_device_attr attr;

	(void)state;
	vfiowc_close_device(dev);
	fake.driver = FAKE_VFIOWC_PCI;
	dev = fake_open();
	assert_int_equal(vfiowc_query_device(dev, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.source, VFIOWC_SOURCE_VFIOWC_PCI);
}

static void export_is_followed_by_memattr(void **state)
{
	static const enum vfiowc_mem_type types[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	struct vfiowc_export_attr attr = { .bar = FAKE_MEM_BAR, .length = FAKE_PAGE, .types = types,
					   .num_types = 2 };
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_WC);
	enum vfiowc_mem_type type;

	(void)state;
	assert_int_equal(fake.last_number, FAKE_UPSTREAM_MEMATTR);
	assert_int_equal(fake_find_dma_buf(vfiowc_buf_fd(buf))->memattr, VFIOWC_MEMATTR_WC);
	vfiowc_destroy_buf(buf);
	fake.wc_unsupported = true;
	fake.dma_bufs_closed = 0;
	buf = vfiowc_export(dev, &attr, sizeof(attr));
	assert_non_null(buf);
	assert_int_equal(fake.dma_bufs_closed, 1); /* the one that could not become WC */
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NC);
	vfiowc_destroy_buf(buf);
}

static void unknown_type_is_one_errno_whatever_the_version(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);

	(void)state;
	assert_int_equal(vfiowc_set_memattr(buf, (enum vfiowc_mem_type)2), EOPNOTSUPP); /* ENOENT */
	fake.fail_feature = FAKE_UPSTREAM_MEMATTR;
	fake.feature_errno = 524;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), EOPNOTSUPP);
	fake.feature_errno = ENODEV;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), ENODEV);
	vfiowc_destroy_buf(buf);
}

static void what_upstream_cannot_tell_is_remembered(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_tph tph = { VFIOWC_TAG_ST, 0, 0x42, 1 }, seen;
	enum vfiowc_mem_type type;

	(void)state;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), 0);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_WC);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_int_equal(seen.flags, 0);
	assert_int_equal(vfiowc_set_tph(buf, &tph), 0);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_memory_equal(&seen, &tph, sizeof(tph));
	fake.fail_feature = FAKE_UPSTREAM_TPH;
	fake.feature_errno = EOPNOTSUPP;
	assert_int_equal(vfiowc_clear_tph(buf), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_int_equal(seen.st, 0x42); /* a refused SET is not remembered */
	vfiowc_destroy_buf(buf);
}

static void revoke_uses_upstreams_number(void **state)
{
	struct vfiowc_buf *buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);
	struct vfiowc_buf_attr attr;

	(void)state;
	assert_int_equal(vfiowc_revoke(buf), 0);
	assert_int_equal(fake.last_number, FAKE_UPSTREAM_REVOKE);
	assert_int_equal(vfiowc_revoke(buf), EBADFD);
	assert_int_equal(vfiowc_query_buf(buf, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.comp_mask, 0); /* no query upstream: the state is not claimed */
	vfiowc_destroy_buf(buf);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(named_features_are_used_and_said_to_be_upstreams),
		test(names_without_the_feature_behind_them_are_not_used),
		test(a_feature_that_can_be_read_is_another_one),
		test(our_driver_is_preferred),
		test(export_is_followed_by_memattr),
		test(unknown_type_is_one_errno_whatever_the_version),
		test(what_upstream_cannot_tell_is_remembered),
		test(revoke_uses_upstreams_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
