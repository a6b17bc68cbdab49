// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Registration: fd, offset, length, iova and access as one object; the query of an MR's tags. */
#include <rdma/ib_user_ioctl_verbs.h>
#include "fake.h"

#define RW (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)

static struct vfiowc_device *dev;
static struct vfiowc_buf *buf;

static int setup(void **state)
{
	fake_setup(state);
	dev = fake_open();
	buf = fake_export(dev, 0, 4 * FAKE_PAGE, VFIOWC_MEM_WC);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_destroy_buf(buf), 0);
	return vfiowc_close_device(dev);
}

static void registration_hands_on_exactly_what_was_asked(void **state)
{
	(void)state;
	assert_non_null(vfiowc_reg_mr(buf, &fake_pd, FAKE_PAGE + 8, 100, 0x7000000000008, RW));
	assert_int_equal(fake.mr_args.fd, vfiowc_buf_fd(buf));
	assert_int_equal(fake.mr_args.offset, FAKE_PAGE + 8);
	assert_int_equal(fake.mr_args.length, 100);
	assert_int_equal(fake.mr_args.iova, 0x7000000000008);
	assert_int_equal(fake.mr_args.access, RW);
}

static const struct {
	uint64_t offset, length, iova;
	int access;
} bad_mr[] = {
	{ 0, 0, 0, RW },
	{ 0, 4 * FAKE_PAGE + 1, 0, RW },
	{ 4 * FAKE_PAGE, 1, 0, RW },
	{ 1, 4 * FAKE_PAGE, 1, RW },
	{ FAKE_PAGE, UINT64_MAX, 0, RW },
	{ UINT64_MAX, 2, UINT64_MAX, RW },
	{ 8, 8, 0, RW }, /* iova elsewhere in its page */
	{ 0, 8, 8, RW },
	{ 0, 2 * FAKE_PAGE, UINT64_MAX - FAKE_PAGE + 1, RW }, /* iova wraps */
	{ 0, 8, 0, IBV_ACCESS_REMOTE_WRITE },
	{ 0, 8, 0, IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_REMOTE_READ },
};

static void contradictions_are_refused_before_the_provider_sees_them(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad_mr) / sizeof(bad_mr[0]); i++)
		assert_null_errno(vfiowc_reg_mr(buf, &fake_pd, bad_mr[i].offset, bad_mr[i].length,
						bad_mr[i].iova, bad_mr[i].access), EINVAL);
	assert_int_equal(fake.mr_args.length, 0);
}

static void the_last_byte_can_be_registered_and_read_only(void **state)
{
	(void)state;
	assert_non_null(vfiowc_reg_mr(buf, &fake_pd, 4 * FAKE_PAGE - 1, 1, UINT64_MAX,
				      IBV_ACCESS_REMOTE_READ));
	assert_int_equal(fake.mr_args.iova, UINT64_MAX);
}

static void the_providers_errno_is_passed_on(void **state)
{
	(void)state;
	fake.fail[FAKE_REG_DMABUF_MR] = EOPNOTSUPP;
	assert_null_errno(vfiowc_reg_mr(buf, &fake_pd, 0, 8, 0, RW), EOPNOTSUPP);
}

static struct ibv_mr mr = { .context = &fake_ctx, .handle = 42 };

static void query_tells_what_the_importer_read(void **state)
{
	struct {
		struct vfiowc_mr_tph attr;
		uint64_t future;
	} longer = { .future = 1 };

	(void)state;
	fake.mr_answer = (struct vfiowc_mr_query){ .valid = 1, .ns = VFIOWC_TPH_NS_ST_EXT, .st = 0x321,
						   .ph = 2, .state = VFIOWC_MR_INVALIDATED };
	assert_int_equal(vfiowc_query_mr_tph(&mr, &longer.attr, sizeof(longer)), 0);
	assert_int_equal(longer.future, 0);
	assert_int_equal(longer.attr.valid, 1);
	assert_int_equal(longer.attr.ns, VFIOWC_NS_ST_EXT);
	assert_int_equal(longer.attr.st, 0x321);
	assert_int_equal(longer.attr.ph, 2);
	assert_int_equal(longer.attr.state, VFIOWC_MR_STATE_INVALIDATED);
	assert_int_equal(vfiowc_query_mr_tph(&mr, &longer.attr, sizeof(longer.attr) - 1), EINVAL);
}

static void devices_that_cannot_tell_give_eopnotsupp(void **state)
{
	static const int errors[] = { EINVAL, ENOTTY, EPROTONOSUPPORT, EOPNOTSUPP };
	struct vfiowc_mr_tph attr;
	size_t i;

	(void)state;
	fake.rdma_driver = RDMA_DRIVER_MLX5;
	assert_int_equal(vfiowc_query_mr_tph(&mr, &attr, sizeof(attr)), EOPNOTSUPP);
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake.fail[FAKE_RDMA_IOCTL] = errors[i];
		assert_int_equal(vfiowc_query_mr_tph(&mr, &attr, sizeof(attr)), EOPNOTSUPP);
	}
	fake.fail[FAKE_RDMA_IOCTL] = EIO;
	assert_int_equal(vfiowc_query_mr_tph(&mr, &attr, sizeof(attr)), EIO);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(registration_hands_on_exactly_what_was_asked),
		test(contradictions_are_refused_before_the_provider_sees_them),
		test(the_last_byte_can_be_registered_and_read_only),
		test(the_providers_errno_is_passed_on),
		test(query_tells_what_the_importer_read),
		test(devices_that_cannot_tell_give_eopnotsupp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
