// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Importing, querying, revoking, destroying; memory type and steering tags of a dma-buf. */
#include <fcntl.h>
#include <unistd.h>
#include "fake.h"

static struct vfiowc_device *dev;
static struct vfiowc_buf *buf;

static int setup(void **state)
{
	fake_setup(state);
	dev = fake_open();
	buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_NC);
	fake.feature_calls = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	return vfiowc_close_device(dev);
}

/* The same dma-buf through the same device, driven by something else. */
static void use_driver(enum fake_driver driver)
{
	vfiowc_destroy_buf(buf);
	vfiowc_close_device(dev);
	fake.driver = driver;
	dev = fake_open();
	buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_NC);
	fake.feature_calls = 0;
}

static void fail_feature(uint32_t number, int err)
{
	fake.fail_feature = number;
	fake.feature_errno = err;
}

static void import_duplicates_the_fd_and_destroy_closes_the_duplicate(void **state)
{
	int fd = fake_make_dma_buf(3 * FAKE_PAGE, true);
	struct vfiowc_buf *imported = vfiowc_import(fd, NULL);
	struct vfiowc_buf_attr attr;

	(void)state;
	assert_non_null(imported);
	assert_int_not_equal(vfiowc_buf_fd(imported), fd);
	assert_true(fcntl(vfiowc_buf_fd(imported), F_GETFD) & FD_CLOEXEC);
	assert_int_equal(vfiowc_query_buf(imported, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.size_bytes, 3 * FAKE_PAGE);
	assert_int_equal(attr.imported, 1);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_UNKNOWN);
	assert_int_equal(attr.comp_mask, 0);
	assert_int_equal(vfiowc_destroy_buf(imported), 0);
	assert_int_equal(fake.dma_bufs_closed, 1);
	assert_true(fcntl(fd, F_GETFD) >= 0);
	close(fd);
}

static void fd_0_is_a_valid_dma_buf(void **state)
{
	int saved = dup(0), fd = fake_make_dma_buf(FAKE_PAGE, true);
	struct vfiowc_buf *imported;

	(void)state;
	assert_int_equal(dup2(fd, 0), 0);
	close(fd);
	imported = vfiowc_import(0, NULL);
	assert_non_null(imported);
	vfiowc_destroy_buf(imported);
	assert_true(fcntl(0, F_GETFD) >= 0); /* the caller's fd is still open */
	close(0);
	imported = vfiowc_import(vfiowc_buf_fd(buf), dev); /* its duplicate becomes fd 0 */
	assert_non_null(imported);
	assert_int_equal(vfiowc_buf_fd(imported), 0);
	assert_int_equal(vfiowc_destroy_buf(imported), 0);
	assert_int_equal(fcntl(0, F_GETFD), -1);
	if (saved >= 0) {
		dup2(saved, 0);
		close(saved);
	}
}

static void import_by_the_owner_gives_the_owners_rights(void **state)
{
	struct vfiowc_buf *imported = vfiowc_import(vfiowc_buf_fd(buf), dev);
	struct vfiowc_buf_attr attr;

	(void)state;
	assert_non_null(imported);
	assert_int_equal(vfiowc_set_memattr(imported, VFIOWC_MEM_WC), 0);
	assert_int_equal(vfiowc_query_buf(imported, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.comp_mask, VFIOWC_BUF_ATTR_KERNEL);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_WC);
	assert_int_equal(attr.num_importers, 3);
	assert_int_equal(attr.num_mappings, 5);
	assert_int_equal(vfiowc_close_device(dev), EBUSY);
	assert_int_equal(vfiowc_revoke(imported), 0);
	assert_int_equal(vfiowc_query_buf(buf, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.state, VFIOWC_BUF_REVOKED);
	vfiowc_destroy_buf(imported);
}

static void import_refuses_what_is_no_dma_buf(void **state)
{
	int pipe_fd[2];

	(void)state;
	assert_null_errno(vfiowc_import(-1, NULL), EBADF);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_null_errno(vfiowc_import(pipe_fd[0], NULL), EINVAL);
	assert_null_errno(vfiowc_import(pipe_fd[0], dev), EINVAL);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void import_refuses_another_devices_dma_buf(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, true);

	(void)state;
	assert_null_errno(vfiowc_import(fd, dev), ENODEV);
	assert_int_equal(fake.dma_bufs_closed, 1); /* the duplicate */
	close(fd);
}

static void import_with_a_device_that_cannot_tell_gives_eopnotsupp(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, false);

	(void)state;
	use_driver(FAKE_STOCK);
	assert_null_errno(vfiowc_import(fd, dev), EOPNOTSUPP);
	close(fd);
}

static void import_failures_leak_nothing(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, true);

	(void)state;
	fake.fail[FAKE_CALLOC] = ENOMEM;
	assert_null_errno(vfiowc_import(fd, NULL), ENOMEM);
	fake.fail[FAKE_CALLOC] = 0;
	fake.fail[FAKE_FCNTL] = EMFILE;
	assert_null_errno(vfiowc_import(fd, NULL), EMFILE);
	fake.fail[FAKE_FCNTL] = 0;
	fake.fail[FAKE_LSEEK] = EINVAL;
	assert_null_errno(vfiowc_import(fd, NULL), EINVAL);
	assert_int_equal(fake.dma_bufs_closed, 1); /* the duplicate of the last try */
	fake.fail[FAKE_FSTATFS] = EIO;
	assert_null_errno(vfiowc_import(fd, NULL), EIO);
	close(fd);
}

static void import_without_device_has_no_owners_rights(void **state)
{
	int fd = fake_make_dma_buf(FAKE_PAGE, false);
	struct vfiowc_buf *imported = vfiowc_import(fd, NULL);
	struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST };
	enum vfiowc_mem_type type;

	(void)state;
	assert_int_equal(vfiowc_set_memattr(imported, VFIOWC_MEM_NC), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_memattr(imported, &type), EOPNOTSUPP);
	assert_int_equal(vfiowc_set_tph(imported, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_tph(imported, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_clear_tph(imported), EOPNOTSUPP);
	assert_int_equal(vfiowc_revoke(imported), EOPNOTSUPP);
	assert_int_equal(fake.feature_calls, 0);
	vfiowc_destroy_buf(imported);
	close(fd);
}

static void query_tells_what_the_kernel_knows(void **state)
{
	struct {
		struct vfiowc_buf_attr attr;
		uint64_t future;
	} longer = { .future = 1 };

	(void)state;
	assert_int_equal(vfiowc_query_buf(buf, &longer.attr, sizeof(longer)), 0);
	assert_int_equal(longer.future, 0);
	assert_int_equal(longer.attr.size_bytes, 4 * FAKE_PAGE);
	assert_int_equal(longer.attr.bar, FAKE_MEM_BAR);
	assert_int_equal(longer.attr.imported, 0);
	assert_int_equal(longer.attr.state, VFIOWC_BUF_LIVE);
	assert_int_equal(vfiowc_query_buf(buf, &longer.attr, sizeof(longer.attr) - 1), EINVAL);
	fail_feature(VFIOWC_FEATURE_DMA_BUF_QUERY, ENODEV);
	assert_int_equal(vfiowc_query_buf(buf, &longer.attr, sizeof(longer.attr)), ENODEV);
}

static void query_on_stock_vfio_says_that_the_kernel_was_not_asked(void **state)
{
	struct vfiowc_buf_attr attr;

	(void)state;
	use_driver(FAKE_STOCK);
	assert_int_equal(vfiowc_query_buf(buf, &attr, sizeof(attr)), 0);
	assert_int_equal(attr.comp_mask, 0);
	assert_int_equal(attr.size_bytes, 4 * FAKE_PAGE);
	assert_int_equal(attr.num_ranges, 1);
	assert_int_equal(attr.mem_type, VFIOWC_MEM_NC);
}

static void revoke_is_permanent_and_passes_errors_on(void **state)
{
	(void)state;
	fail_feature(VFIOWC_FEATURE_DMA_BUF_REVOKE, ETIMEDOUT);
	assert_int_equal(vfiowc_revoke(buf), ETIMEDOUT);
	fail_feature(0, 0);
	assert_int_equal(vfiowc_revoke(buf), 0);
	assert_int_equal(vfiowc_revoke(buf), EBADFD);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), EBADFD);
	use_driver(FAKE_STOCK);
	assert_int_equal(vfiowc_revoke(buf), EOPNOTSUPP);
}

static void memory_type_is_set_and_read_in_the_kernel(void **state)
{
	struct vfiowc_buf *other = vfiowc_import(vfiowc_buf_fd(buf), dev);
	enum vfiowc_mem_type type;

	(void)state;
	assert_int_equal(vfiowc_set_memattr(other, VFIOWC_MEM_WC), 0);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_WC);
	fake.feature_calls = 0;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_NC), 0);
	assert_int_equal(fake.feature_calls, 1);
	vfiowc_destroy_buf(other);
}

static void memory_type_errors(void **state)
{
	enum vfiowc_mem_type type = VFIOWC_MEM_UNKNOWN;

	(void)state;
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_UNKNOWN), EOPNOTSUPP);
	assert_int_equal(fake.feature_calls, 0);
	assert_int_equal(vfiowc_set_memattr(buf, (enum vfiowc_mem_type)3), EOPNOTSUPP);
	fail_feature(VFIOWC_FEATURE_DMA_BUF_MEMATTR, ENODEV);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), ENODEV);
	assert_int_equal(vfiowc_get_memattr(buf, &type), ENODEV);
	assert_int_equal(type, VFIOWC_MEM_UNKNOWN);
}

static void stock_memory_type_is_nc_for_good(void **state)
{
	enum vfiowc_mem_type type;

	(void)state;
	use_driver(FAKE_STOCK);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_NC), 0);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_WC), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NC);
	assert_int_equal(vfiowc_set_memattr(buf, VFIOWC_MEM_NATURAL), 0);
	assert_int_equal(vfiowc_get_memattr(buf, &type), 0);
	assert_int_equal(type, VFIOWC_MEM_NATURAL);
	assert_int_equal(fake.feature_calls, 0);
}

static void tags_reach_the_kernel_each_in_its_namespace(void **state)
{
	struct vfiowc_tph tph = { VFIOWC_TAG_ST | VFIOWC_TAG_ST_EXT, 0x1234, 0x56, 3 }, seen;
	const struct vfiowc_feature_tph *kernel = &fake_find_dma_buf(vfiowc_buf_fd(buf))->tph;

	(void)state;
	assert_int_equal(vfiowc_set_tph(buf, &tph), 0);
	assert_int_equal(kernel->flags, VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT);
	assert_int_equal(kernel->steering_tag_ext, 0x1234);
	assert_int_equal(kernel->steering_tag, 0x56);
	assert_int_equal(kernel->ph, 3);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_memory_equal(&seen, &tph, sizeof(tph));
	assert_int_equal(vfiowc_clear_tph(buf), 0);
	assert_int_equal(kernel->flags, 0);
	assert_int_equal(vfiowc_get_tph(buf, &seen), 0);
	assert_int_equal(seen.flags, 0);
}

static void tags_that_contradict_their_flags_are_refused(void **state)
{
	static const struct vfiowc_tph bad[] = {
		{ .flags = 0 },
		{ .flags = 1 << 2 },
		{ .flags = VFIOWC_TAG_ST, .ph = 4 },
		{ .flags = VFIOWC_TAG_ST, .st_ext = 1 },
		{ .flags = VFIOWC_TAG_ST_EXT, .st = 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(vfiowc_set_tph(buf, &bad[i]), EINVAL);
	assert_int_equal(fake.feature_calls, 0);
}

static void tag_errors_are_passed_on(void **state)
{
	struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 1 };

	(void)state;
	fail_feature(VFIOWC_FEATURE_DMA_BUF_TPH, EOPNOTSUPP);
	assert_int_equal(vfiowc_set_tph(buf, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_tph(buf, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_clear_tph(buf), EOPNOTSUPP);
	use_driver(FAKE_STOCK);
	assert_int_equal(vfiowc_set_tph(buf, &tph), EOPNOTSUPP);
	assert_int_equal(vfiowc_get_tph(buf, &tph), EOPNOTSUPP);
}

static void destroy_is_no_revoke(void **state)
{
	int fd = dup(vfiowc_buf_fd(buf));

	(void)state;
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	assert_int_equal(fake.dma_bufs_closed, 1);
	assert_false(fake_find_dma_buf(fd)->revoked);
	close(fd);
	buf = fake_export(dev, 0, FAKE_PAGE, VFIOWC_MEM_NC);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(import_duplicates_the_fd_and_destroy_closes_the_duplicate),
		test(fd_0_is_a_valid_dma_buf),
		test(import_by_the_owner_gives_the_owners_rights),
		test(import_refuses_what_is_no_dma_buf),
		test(import_refuses_another_devices_dma_buf),
		test(import_with_a_device_that_cannot_tell_gives_eopnotsupp),
		test(import_failures_leak_nothing),
		test(import_without_device_has_no_owners_rights),
		test(query_tells_what_the_kernel_knows),
		test(query_on_stock_vfio_says_that_the_kernel_was_not_asked),
		test(revoke_is_permanent_and_passes_errors_on),
		test(memory_type_is_set_and_read_in_the_kernel),
		test(memory_type_errors),
		test(stock_memory_type_is_nc_for_good),
		test(tags_reach_the_kernel_each_in_its_namespace),
		test(tags_that_contradict_their_flags_are_refused),
		test(tag_errors_are_passed_on),
		test(destroy_is_no_revoke),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
