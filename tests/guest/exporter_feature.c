// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The exporter's features: who answers PROBE, what a wrong argsz, flag, fd or address gives. The errno
 * are those that kernel-headers/linux/vfio_dmabuf.h promises.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"

#define GET VFIO_DEVICE_FEATURE_GET
#define SET VFIO_DEVICE_FEATURE_SET
#define PROBE VFIO_DEVICE_FEATURE_PROBE

/* Fits each payload. */
union payload {
	struct vfiowc_feature_id id;
	struct vfiowc_feature_export export;
	struct vfiowc_feature_memattr memattr;
	struct vfiowc_feature_tph tph;
	struct vfiowc_feature_revoke revoke;
	struct vfiowc_feature_query query;
	struct vfiowc_feature_map_query map_query;
	struct vfiowc_feature_region_mmap region_mmap;
};

static const struct feature {
	const char *name;
	uint32_t nr;
	uint32_t ops;
	uint32_t len;
} features[] = {
	{ "ID", VFIOWC_FEATURE_ID, GET, sizeof(struct vfiowc_feature_id) },
	{ "EXPORT", VFIOWC_FEATURE_EXPORT, GET, sizeof(struct vfiowc_feature_export) },
	{ "MEMATTR", VFIOWC_FEATURE_DMA_BUF_MEMATTR, GET | SET, sizeof(struct vfiowc_feature_memattr) },
	{ "TPH", VFIOWC_FEATURE_DMA_BUF_TPH, GET | SET, sizeof(struct vfiowc_feature_tph) },
	{ "REVOKE", VFIOWC_FEATURE_DMA_BUF_REVOKE, SET, sizeof(struct vfiowc_feature_revoke) },
	{ "QUERY", VFIOWC_FEATURE_DMA_BUF_QUERY, GET, sizeof(struct vfiowc_feature_query) },
	{ "MAP_QUERY", VFIOWC_FEATURE_MAP_QUERY, GET, sizeof(struct vfiowc_feature_map_query) },
	{ "REGION_MMAP", VFIOWC_FEATURE_REGION_MMAP, GET, sizeof(struct vfiowc_feature_region_mmap) },
	{ "DMA_BUF", VFIO_DEVICE_FEATURE_DMA_BUF, GET, sizeof(struct vfio_device_feature_dma_buf) },
};

#define NR_FEATURES (sizeof(features) / sizeof(features[0]))

/* TPH answers only where the function completes TPH; emulated ones do not. */
static int setup_tph(void **state)
{
	int err = exporter_setup_ivshmem(state);

	if (!err)
		exporter_param("tph_override", "3");
	return err;
}

static int teardown_tph(void **state)
{
	exporter_param("tph_override", "0");
	return exporter_teardown(state);
}

#define tph_test(f) cmocka_unit_test_setup_teardown(f, setup_tph, teardown_tph)

static void id_proves_the_driver(void **state)
{
	struct vfiowc_feature_id id = {};

	assert_int_equal(exporter_feature(*state, GET, VFIOWC_FEATURE_ID, &id, sizeof(id)), 0);
	assert_int_equal(id.magic, VFIOWC_MAGIC);
	assert_int_equal(id.major, VFIOWC_UAPI_MAJOR);
	assert_int_equal(id.tph_completer, VFIOWC_TPH_COMPLETER_NONE);
	assert_int_equal(id.tph_override, 3);
}

static void id_lists_exactly_what_probe_finds(void **state)
{
	struct vfiowc_feature_id id = {};

	assert_int_equal(exporter_feature(*state, GET, VFIOWC_FEATURE_ID, &id, sizeof(id)), 0);
	for (uint32_t nr = VFIOWC_FEATURE_ID; nr < VFIOWC_FEATURE_ID + 64; nr++) {
		bool listed = id.features & VFIOWC_FEATURE_BIT(nr);
		int ret = exporter_feature(*state, PROBE, nr, NULL, 0);

		if (ret != (listed ? 0 : -ENOTTY))
			fail_msg("feature 0x%x: listed %d, PROBE %d", nr, listed, ret);
	}
}

static void probe_tells_which_operations_exist(void **state)
{
	static const uint32_t ops[] = { 0, GET, SET, GET | SET };

	for (unsigned int i = 0; i < NR_FEATURES; i++) {
		for (unsigned int j = 0; j < 4; j++) {
			int want = ops[j] & ~features[i].ops ? -EINVAL : 0;
			int ret = exporter_feature(*state, PROBE | ops[j], features[i].nr, NULL, 0);

			if (ret != want)
				fail_msg("PROBE of %s, op 0x%x: %d, not %d", features[i].name,
					 ops[j], ret, want);
		}
	}
}

static void operation_that_does_not_exist_is_refused(void **state)
{
	union payload payload;

	for (unsigned int i = 0; i < NR_FEATURES; i++) {
		for (uint32_t op = SET; op; op = op == SET ? GET : 0) {
			int ret;

			if (op & features[i].ops)
				continue;
			memset(&payload, 0xff, sizeof(payload));
			ret = exporter_feature(*state, op, features[i].nr, &payload, features[i].len);
			if (ret != -EINVAL)
				fail_msg("%s, op 0x%x: %d", features[i].name, op, ret);
		}
	}
}

static void no_operation_at_all_is_refused(void **state)
{
	union payload payload;

	memset(&payload, 0xff, sizeof(payload));
	for (unsigned int i = 0; i < NR_FEATURES; i++)
		assert_int_equal(exporter_feature(*state, 0, features[i].nr, &payload, features[i].len),
				 -EINVAL);
}

static void short_argsz_is_refused(void **state)
{
	union payload payload;

	memset(&payload, 0xff, sizeof(payload)); /* fd -1: a payload that is looked at gives EBADF */
	for (unsigned int i = 0; i < NR_FEATURES; i++) {
		uint32_t argsz = sizeof(struct vfio_device_feature) + features[i].len - 1;
		uint32_t op = features[i].ops & GET ? GET : SET;
		int ret = exporter_feature_argsz(*state, op, features[i].nr, &payload,
						 sizeof(payload), argsz);

		if (ret != -EINVAL)
			fail_msg("%s with argsz %u: %d", features[i].name, argsz, ret);
	}
}

static void longer_argsz_is_accepted(void **state)
{
	char payload[256] = {};

	assert_int_equal(exporter_feature(*state, GET, VFIOWC_FEATURE_ID, payload, sizeof(payload)), 0);
}

/* The header of the feature is readable, its payload is not. */
static void unreadable_payload_is_reported(void **state)
{
	struct exporter *exp = *state;
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct vfio_device_feature *feature;

	assert_true(pages != MAP_FAILED);
	munmap(pages + PAGE, PAGE);
	feature = (void *)(pages + PAGE - sizeof(*feature));
	for (unsigned int i = 0; i < NR_FEATURES; i++) {
		feature->argsz = sizeof(*feature) + features[i].len;
		feature->flags = features[i].nr | (features[i].ops & GET ? GET : SET);
		assert_int_equal(ioctl(exp->vfio.device, VFIO_DEVICE_FEATURE, feature), -1);
		if (errno != EFAULT)
			fail_msg("%s: %s", features[i].name, strerror(errno));
	}
	munmap(pages, PAGE);
}

/* A dma-buf of somebody else: of the udmabuf driver. */
static int udmabuf_fd(void)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = PAGE };
	int dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd;

	if (dev < 0)
		guest_skip("no /dev/udmabuf");
	create.memfd = (uint32_t)memfd_create("exporter", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	assert_int_equal(ftruncate((int)create.memfd, PAGE), 0);
	assert_int_equal(fcntl((int)create.memfd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	fd = ioctl(dev, UDMABUF_CREATE, &create);
	assert_return_code(fd, errno);
	close((int)create.memfd);
	close(dev);
	return fd;
}

/* What each feature that names a dma-buf says to this fd. */
static void assert_fd_gives(const struct exporter *exp, int fd, int want)
{
	union payload payload;

	for (unsigned int i = 0; i < NR_FEATURES; i++) {
		if (features[i].nr < VFIOWC_FEATURE_DMA_BUF_MEMATTR ||
		    features[i].nr > VFIOWC_FEATURE_DMA_BUF_QUERY)
			continue;
		for (uint32_t op = SET; op; op = op == SET ? GET : 0) {
			int ret;

			if (!(op & features[i].ops))
				continue;
			memset(&payload, 0, sizeof(payload));
			payload.revoke.dmabuf_fd = fd; /* first member of each */
			ret = exporter_feature(exp, op, features[i].nr, &payload, features[i].len);
			if (ret != want)
				fail_msg("%s, op 0x%x, fd %d: %d, not %d", features[i].name, op, fd,
					 ret, want);
		}
	}
}

static void fd_that_is_not_open_is_reported(void **state)
{
	assert_fd_gives(*state, -1, -EBADF);
	assert_fd_gives(*state, 1000000, -EBADF);
}

static void fd_that_is_no_dma_buf_is_reported(void **state)
{
	struct exporter *exp = *state;

	assert_fd_gives(exp, exp->vfio.device, -EINVAL);
}

static void dma_buf_of_another_exporter_is_not_ours(void **state)
{
	int fd = udmabuf_fd();

	assert_fd_gives(*state, fd, -ENODEV);
	close(fd);
}

static void dma_buf_of_another_device_is_not_ours(void **state)
{
	struct exporter other;
	int fd;

	exporter_open(&other, GUEST_NVME_PMR, EXPORTER_DRIVER);
	fd = exporter_export(&other, VFIOWC_MEMATTR_NC, 0, PAGE);
	assert_fd_gives(*state, fd, -ENODEV);
	assert_int_equal(exporter_state(&other, fd), VFIOWC_DMA_BUF_LIVE);
	close(fd);
	exporter_close(&other);
}

static void memory_type_is_set_and_read_back(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, PAGE);
	struct vfiowc_feature_memattr attr = { .dmabuf_fd = fd };

	assert_int_equal(exporter_feature(exp, GET, VFIOWC_FEATURE_DMA_BUF_MEMATTR, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.memattr, VFIOWC_MEMATTR_WC);
	assert_int_equal(exporter_set_memattr(exp, fd, VFIOWC_MEMATTR_NC), 0);
	assert_int_equal(exporter_feature(exp, GET, VFIOWC_FEATURE_DMA_BUF_MEMATTR, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.memattr, VFIOWC_MEMATTR_NC);
	close(fd);
}

static void unknown_memory_type_is_not_supported(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range range = { 0, PAGE };
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);

	assert_int_equal(exporter_set_memattr(exp, fd, 3), -EOPNOTSUPP);
	assert_int_equal(exporter_set_memattr(exp, fd, UINT32_MAX), -EOPNOTSUPP);
	assert_int_equal(exporter_export_ranges(exp, 3, O_RDWR, 1, &range), -EOPNOTSUPP);
	close(fd);
}

static int export_with_flags(const struct exporter *exp, uint32_t flags)
{
	struct vfiowc_feature_export head = {
		.flags = flags,
		.dma_buf = { .region_index = exp->bar, .nr_ranges = 1 },
	};
	struct vfio_region_dma_range range = { 0, PAGE };
	char request[sizeof(head) + sizeof(range)];

	memcpy(request, &head, sizeof(head));
	memcpy(request + sizeof(head), &range, sizeof(range));
	return exporter_feature(exp, GET, VFIOWC_FEATURE_EXPORT, request, sizeof(request));
}

static void export_refuses_unknown_flags(void **state)
{
	int fd;

	for (unsigned int bit = 1; bit < 32; bit++)
		assert_int_equal(export_with_flags(*state, 1U << bit), -EINVAL);
	fd = export_with_flags(*state, VFIOWC_EXPORT_TPH_LOCKED);
	assert_return_code(fd, -fd);
	close(fd);
}

static void query_reports_what_was_exported(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range ranges[] = { { MIB, MIB }, { 0, PAGE }, { 8 * PAGE, 2 * PAGE } };
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_WC, O_RDWR, 3, ranges);
	struct vfiowc_feature_query query;

	assert_return_code(fd, -fd);
	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.size, MIB + 3 * PAGE);
	assert_int_equal(query.bar, exp->bar);
	assert_int_equal(query.nr_ranges, 3);
	assert_int_equal(query.memattr, VFIOWC_MEMATTR_WC);
	assert_int_equal(query.state, VFIOWC_DMA_BUF_LIVE);
	assert_int_equal(query.nr_importers, 0);
	assert_int_equal(query.nr_mappings, 0);
	close(fd);
}

static void query_wants_its_pad_zero(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	struct vfiowc_feature_query query = { .dmabuf_fd = fd, .pad = 1 };

	assert_int_equal(exporter_feature(exp, GET, VFIOWC_FEATURE_DMA_BUF_QUERY, &query, sizeof(query)),
			 -EINVAL);
	close(fd);
}

static void open_flags_reach_the_fd(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range range = { 0, PAGE };
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDWR, 1, &range);

	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	close(fd);
	fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 1, &range);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_RDONLY | O_NONBLOCK);
	close(fd);
}

static void debugfs_has_one_line_for_each_dma_buf(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_WC, 0, 3 * PAGE);
	volatile uint8_t *map = exporter_mmap(fd, 3 * PAGE);
	char text[4096], want[256];

	snprintf(want, sizeof(want), "%s bar=%u size=%llu ranges=1 memattr=WC state=live tph_flags=0 "
		 "importers=0 mappings=1 tph_locked=0", exp->bdf, exp->bar, 3 * PAGE);
	assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)), 0);
	assert_string_equal(text, want);
	munmap((void *)map, 3 * PAGE);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)), 0);
	assert_non_null(strstr(text, "state=revoked "));
	close(fd);
}

static bool debugfs_is_empty(void *arg)
{
	char text[4096] = "";

	(void)arg;
	return !guest_read_file("/sys/kernel/debug/vfiowc_pci/dma_bufs", text, sizeof(text)) &&
	       !text[0];
}

static void closed_dma_buf_leaves_nothing_behind(void **state)
{
	close(exporter_export(*state, VFIOWC_MEMATTR_WC, 0, 3 * PAGE));
	assert_true(guest_wait_for(debugfs_is_empty, NULL, 5000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		tph_test(id_proves_the_driver),
		tph_test(id_lists_exactly_what_probe_finds),
		tph_test(probe_tells_which_operations_exist),
		tph_test(operation_that_does_not_exist_is_refused),
		tph_test(no_operation_at_all_is_refused),
		tph_test(short_argsz_is_refused),
		exporter_test(longer_argsz_is_accepted),
		tph_test(unreadable_payload_is_reported),
		tph_test(fd_that_is_not_open_is_reported),
		tph_test(fd_that_is_no_dma_buf_is_reported),
		tph_test(dma_buf_of_another_exporter_is_not_ours),
		tph_test(dma_buf_of_another_device_is_not_ours),
		exporter_test(memory_type_is_set_and_read_back),
		exporter_test(unknown_memory_type_is_not_supported),
		exporter_test(export_refuses_unknown_flags),
		exporter_test(query_reports_what_was_exported),
		exporter_test(query_wants_its_pad_zero),
		exporter_test(open_flags_reach_the_fd),
		exporter_test(debugfs_has_one_line_for_each_dma_buf),
		exporter_test(closed_dma_buf_leaves_nothing_behind),
	};

	return cmocka_run_group_tests_name("exporter_feature", tests, NULL, NULL);
}
