// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Steering tags on a dma-buf: the completer gate, its override, and what SET and GET do. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "exporter.h"

static int tph(const struct exporter *exp, uint32_t op, struct vfiowc_feature_tph *tags)
{
	return exporter_feature(exp, op, VFIOWC_FEATURE_DMA_BUF_TPH, tags, sizeof(*tags));
}

static struct vfiowc_feature_tph get_tph(const struct exporter *exp, int fd)
{
	struct vfiowc_feature_tph tags = { .dmabuf_fd = fd };

	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_GET, &tags), 0);
	return tags;
}

static int teardown(void **state)
{
	exporter_param("tph_override", "0");
	return exporter_teardown(state);
}

#define tph_test(f) cmocka_unit_test_setup_teardown(f, exporter_setup_ivshmem, teardown)

static void function_without_completer_refuses_tags(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = { .dmabuf_fd = fd, .flags = VFIOWC_TPH_ST };

	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_PROBE, &tags), -EOPNOTSUPP);
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), -EOPNOTSUPP);
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_GET, &tags), -EOPNOTSUPP);
	close(fd);
}

static void plain_completer_refuses_extended_tags(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = { .dmabuf_fd = fd, .flags = VFIOWC_TPH_ST, .steering_tag = 7 };

	exporter_param("tph_override", "1");
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags.flags = VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT;
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), -EOPNOTSUPP);
	assert_int_equal(get_tph(exp, fd).flags, VFIOWC_TPH_ST);
	close(fd);
}

static void override_takes_only_values_of_devcap2(void **state)
{
	static const char parameter[] = "/sys/module/vfiowc_pci/parameters/tph_override";

	(void)state;
	assert_int_equal(guest_write_file(parameter, "2"), EINVAL);
	assert_int_equal(guest_write_file(parameter, "4"), EINVAL);
	assert_int_equal(guest_write_file(parameter, "x"), EINVAL);
	assert_int_equal(guest_write_file(parameter, "3"), 0);
}

static void new_dma_buf_has_no_tags(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags;

	exporter_param("tph_override", "3");
	tags = get_tph(exp, fd);
	assert_int_equal(tags.flags, 0);
	assert_int_equal(tags.ph, 0);
	close(fd);
}

static void both_namespaces_are_kept_apart(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = {
		.dmabuf_fd = fd,
		.flags = VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT,
		.steering_tag_ext = 0xbeef,
		.steering_tag = 0x5a,
		.ph = 2,
	};

	exporter_param("tph_override", "3");
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags = get_tph(exp, fd);
	assert_int_equal(tags.flags, VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT);
	assert_int_equal(tags.steering_tag_ext, 0xbeef);
	assert_int_equal(tags.steering_tag, 0x5a);
	assert_int_equal(tags.ph, 2);
	close(fd);
}

static void set_replaces_everything(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = {
		.dmabuf_fd = fd,
		.flags = VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT,
		.steering_tag_ext = 0xbeef,
		.steering_tag = 0x5a,
		.ph = 2,
	};

	exporter_param("tph_override", "3");
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags = (struct vfiowc_feature_tph){ .dmabuf_fd = fd, .flags = VFIOWC_TPH_ST, .steering_tag = 9 };
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags = get_tph(exp, fd);
	assert_int_equal(tags.flags, VFIOWC_TPH_ST);
	assert_int_equal(tags.steering_tag, 9);
	assert_int_equal(tags.steering_tag_ext, 0);
	assert_int_equal(tags.ph, 0);
	close(fd);
}

static void no_flags_clear_the_tags(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = {
		.dmabuf_fd = fd, .flags = VFIOWC_TPH_ST, .steering_tag = 0x5a, .ph = 3,
	};

	exporter_param("tph_override", "3");
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags.flags = 0;
	assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), 0);
	tags = get_tph(exp, fd);
	assert_int_equal(tags.flags, 0);
	assert_int_equal(tags.steering_tag, 0);
	assert_int_equal(tags.ph, 0);
	close(fd);
}

static void unknown_flags_and_hints_are_refused(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_tph tags = { .dmabuf_fd = fd };

	exporter_param("tph_override", "3");
	for (unsigned int bit = 2; bit < 32; bit++) {
		tags.flags = 1U << bit;
		assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), -EINVAL);
	}
	tags.flags = VFIOWC_TPH_ST;
	for (unsigned int ph = 4; ph < 256; ph++) {
		tags.ph = (uint8_t)ph;
		assert_int_equal(tph(exp, VFIO_DEVICE_FEATURE_SET, &tags), -EINVAL);
	}
	assert_int_equal(get_tph(exp, fd).flags, 0);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tph_test(function_without_completer_refuses_tags),
		tph_test(plain_completer_refuses_extended_tags),
		tph_test(override_takes_only_values_of_devcap2),
		tph_test(new_dma_buf_has_no_tags),
		tph_test(both_namespaces_are_kept_apart),
		tph_test(set_replaces_everything),
		tph_test(no_flags_clear_the_tags),
		tph_test(unknown_flags_and_hints_are_refused),
	};

	return cmocka_run_group_tests_name("exporter_tph", tests, NULL, NULL);
}
