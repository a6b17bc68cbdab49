// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Delivery reads (rules O5i and O5t) and the loopback QP. */
#include "fake.h"

static struct ibv_mr mr = { .context = &fake_ctx, .rkey = 0x99 };

static struct vfiowc_loopback *make_loopback(void)
{
	struct vfiowc_loopback *loopback = vfiowc_create_loopback(&fake_pd, 1, 3);

	assert_non_null(loopback);
	return loopback;
}

static void complete(enum ibv_wc_status status)
{
	fake.wc = (struct ibv_wc){ .status = status };
	fake.wc_ready = 1;
}

static void delivery_read_is_a_signalled_read_of_the_slice(void **state)
{
	struct ibv_sge into = { 0x1000, 1, 0x22 };

	(void)state;
	assert_int_equal(vfiowc_post_delivery_read(&fake_qp, 7, &into, 0x5000, 0x99), 0);
	assert_int_equal(fake.posted.opcode, IBV_WR_RDMA_READ);
	assert_int_equal(fake.posted.send_flags, IBV_SEND_SIGNALED);
	assert_int_equal(fake.posted.wr_id, 7);
	assert_int_equal(fake.posted.wr.rdma.remote_addr, 0x5000);
	assert_int_equal(fake.posted.wr.rdma.rkey, 0x99);
	assert_int_equal(fake.posted_sge.addr, 0x1000);
	assert_int_equal(fake.posted_sge.lkey, 0x22);
}

static void a_read_of_no_bytes_is_no_flush(void **state)
{
	struct ibv_sge into = { 0x1000, 0, 0x22 };

	(void)state;
	assert_int_equal(vfiowc_post_delivery_read(&fake_qp, 7, &into, 0, 0x99), EINVAL);
	into.length = 1;
	fake_qp.qp_type = IBV_QPT_UC; /* has no READ */
	assert_int_equal(vfiowc_post_delivery_read(&fake_qp, 7, &into, 0, 0x99), EINVAL);
	assert_int_equal(fake.posts, 0);
	fake_qp.qp_type = IBV_QPT_RC;
	fake.fail[FAKE_POST_SEND] = ENOMEM;
	assert_int_equal(vfiowc_post_delivery_read(&fake_qp, 7, &into, 0, 0x99), ENOMEM);
}

static void loopback_is_connected_to_itself(void **state)
{
	struct vfiowc_loopback *loopback = make_loopback();

	(void)state;
	assert_int_equal(fake.modify_calls, 3);
	assert_int_equal(fake.qp_attr.dest_qp_num, fake_qp.qp_num);
	assert_int_equal(fake.qp_attr.ah_attr.is_global, 1);
	assert_int_equal(fake.qp_attr.ah_attr.grh.sgid_index, 3);
	assert_int_equal(fake.qp_attr.ah_attr.grh.dgid.raw[0], 3);
	assert_int_equal(vfiowc_destroy_loopback(loopback), 0);
	assert_int_equal(fake.live_verbs, 0);
}

static void loopback_on_infiniband_uses_the_lid(void **state)
{
	struct vfiowc_loopback *loopback;

	(void)state;
	fake.port_attr.link_layer = IBV_LINK_LAYER_INFINIBAND;
	fake.port_attr.lid = 12;
	fake.fail[FAKE_QUERY_GID] = EIO; /* must not matter */
	loopback = make_loopback();
	assert_int_equal(fake.qp_attr.ah_attr.is_global, 0);
	assert_int_equal(fake.qp_attr.ah_attr.dlid, 12);
	vfiowc_destroy_loopback(loopback);
}

static const struct {
	enum fake_call call;
	int at, err, expected;
} create_failures[] = {
	{ FAKE_CALLOC, 0, ENOMEM, ENOMEM },
	{ FAKE_CREATE_CQ, 0, EPERM, EPERM },
	{ FAKE_REG_MR, 0, ENOMEM, ENOMEM },
	{ FAKE_QUERY_DEVICE, 0, EIO, EIO },
	{ FAKE_QUERY_PORT, 0, EIO, EIO },
	{ FAKE_CREATE_QP, 0, EOPNOTSUPP, EOPNOTSUPP },
	{ FAKE_MODIFY_QP, 0, ENETUNREACH, ENETUNREACH },
	{ FAKE_MODIFY_QP, 1, ETIMEDOUT, ETIMEDOUT },
	{ FAKE_MODIFY_QP, 2, EINVAL, EINVAL },
	{ FAKE_QUERY_GID, 0, EIO, EINVAL },
};

static void create_failures_undo_everything(void **state)
{
	size_t i;

	for (i = 0; i < sizeof(create_failures) / sizeof(create_failures[0]); i++) {
		fake_setup(state);
		fake.fail[create_failures[i].call] = create_failures[i].err;
		fake.fail_at[create_failures[i].call] = create_failures[i].at;
		assert_null_errno(vfiowc_create_loopback(&fake_pd, 1, 0), create_failures[i].expected);
		assert_int_equal(fake.live_verbs, 0);
	}
}

static void create_refuses_ports_and_devices_that_cannot_read(void **state)
{
	(void)state;
	assert_null_errno(vfiowc_create_loopback(&fake_pd, 0, 0), EINVAL);
	assert_null_errno(vfiowc_create_loopback(&fake_pd, 2, 0), EINVAL);
	fake.port_attr.state = IBV_PORT_DOWN;
	assert_null_errno(vfiowc_create_loopback(&fake_pd, 1, 0), ENETDOWN);
	fake.device_attr.max_qp_rd_atom = 0;
	assert_null_errno(vfiowc_create_loopback(&fake_pd, 1, 0), EOPNOTSUPP);
	assert_int_equal(fake.live_verbs, 0);
}

static void local_delivery_read_goes_through_the_same_mr(void **state)
{
	struct vfiowc_loopback *loopback = make_loopback();
	enum ibv_wc_status status = IBV_WC_GENERAL_ERR;

	(void)state;
	assert_int_equal(vfiowc_poll_local_delivery(loopback, &status), ENOENT);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0x8000), 0);
	assert_int_equal(fake.posted.opcode, IBV_WR_RDMA_READ);
	assert_int_equal(fake.posted.wr.rdma.rkey, mr.rkey);
	assert_int_equal(fake.posted.wr.rdma.remote_addr, 0x8000);
	assert_true(fake.posted_sge.length >= 1);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0x8000), EBUSY);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), EAGAIN);
	complete(IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, &status), 0);
	assert_int_equal(status, IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0x8000), 0);
	complete(IBV_WC_SUCCESS);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), 0);
	vfiowc_destroy_loopback(loopback);
}

static void a_failed_read_breaks_the_loopback_for_good(void **state)
{
	struct vfiowc_loopback *loopback = make_loopback();
	enum ibv_wc_status status;

	(void)state;
	vfiowc_post_local_delivery_read(loopback, &mr, 0);
	complete(IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, &status), EIO);
	assert_int_equal(status, IBV_WC_REM_ACCESS_ERR);
	assert_int_equal(vfiowc_poll_local_delivery(loopback, NULL), EIO);
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0), EIO);
	vfiowc_destroy_loopback(loopback);
}

static void local_delivery_errors(void **state)
{
	struct ibv_device other_device;
	struct ibv_context other_ctx = { .device = &other_device };
	struct ibv_mr other_mr = { .context = &other_ctx };
	struct vfiowc_loopback *loopback = make_loopback();
	enum ibv_wc_status status;

	(void)state;
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &other_mr, 0), EINVAL);
	fake.fail[FAKE_POST_SEND] = EINVAL;
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0), EINVAL);
	fake.fail[FAKE_POST_SEND] = 0;
	assert_int_equal(vfiowc_post_local_delivery_read(loopback, &mr, 0), 0); /* not broken by that */
	fake.fail[FAKE_POLL_CQ] = EIO;
	assert_int_equal(vfiowc_poll_local_delivery(loopback, &status), EIO);
	assert_int_equal(status, IBV_WC_GENERAL_ERR);
	fake.fail[FAKE_DESTROY_QP] = EBUSY;
	assert_int_equal(vfiowc_destroy_loopback(loopback), EBUSY);
	fake.fail[FAKE_DESTROY_QP] = 0;
	assert_int_equal(vfiowc_destroy_loopback(loopback), 0);
}

#define test(f) cmocka_unit_test_setup(f, fake_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(delivery_read_is_a_signalled_read_of_the_slice),
		test(a_read_of_no_bytes_is_no_flush),
		test(loopback_is_connected_to_itself),
		test(loopback_on_infiniband_uses_the_lid),
		test(create_failures_undo_everything),
		test(create_refuses_ports_and_devices_that_cannot_read),
		test(local_delivery_read_goes_through_the_same_mr),
		test(a_failed_read_breaks_the_loopback_for_good),
		test(local_delivery_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
