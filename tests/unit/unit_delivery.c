// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* vfiowc_local_delivery(): the loopback that the library keeps (rules O5t, O7). */
#include <pthread.h>
#include "fake.h"

static struct ibv_mr mr;

static int setup(void **state)
{
	fake_setup(state);
	mr = (struct ibv_mr){ .context = &fake_ctx, .pd = &fake_pd, .handle = 42, .rkey = 0x99 };
	fake.port_attr.gid_tbl_len = 4;
	fake.wc_always = true;
	fake.wc = (struct ibv_wc){ .status = IBV_WC_SUCCESS };
	return 0;
}

/* Whatever a test has left kept ends here, and nothing of it leaks. */
static int teardown(void **state)
{
	(void)state;
	fake.fail[FAKE_DESTROY_QP] = 0;
	if (vfiowc_end_local_delivery(&fake_pd))
		return -1;
	return fake.live_verbs;
}

static void one_loopback_serves_all_calls(void **state)
{
	enum ibv_wc_status status = IBV_WC_GENERAL_ERR;

	(void)state;
	assert_int_equal(vfiowc_local_delivery(&mr, 0x8000, &status), 0);
	assert_int_equal(status, IBV_WC_SUCCESS);
	assert_int_equal(fake.posted.opcode, IBV_WR_RDMA_READ);
	assert_int_equal(fake.posted.wr.rdma.rkey, mr.rkey);
	assert_int_equal(fake.posted.wr.rdma.remote_addr, 0x8000);
	assert_true(fake.posted_sge.length >= 1);
	assert_int_equal(vfiowc_local_delivery(&mr, 0x8001, NULL), 0);
	assert_int_equal(fake.posts, 2);
	assert_int_equal(fake.modify_calls, 3); /* one QP */
	assert_int_equal(fake.live_verbs, 3); /* its CQ, MR and QP */
}

static void the_first_gid_that_is_set_is_used(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
	assert_int_equal(fake.qp_attr.ah_attr.grh.sgid_index, 1); /* the fake's GID 0 is all zero */
}

static void end_destroys_and_later_use_makes_anew(void **state)
{
	(void)state;
	assert_int_equal(vfiowc_end_local_delivery(&fake_pd), 0); /* there is none */
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
	fake.fail[FAKE_DESTROY_QP] = EBUSY;
	assert_int_equal(vfiowc_end_local_delivery(&fake_pd), EBUSY);
	fake.fail[FAKE_DESTROY_QP] = 0;
	assert_int_equal(vfiowc_end_local_delivery(&fake_pd), 0);
	assert_int_equal(fake.live_verbs, 0);
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
	assert_int_equal(fake.modify_calls, 6);
}

static const struct {
	enum ibv_wc_status status;
	bool tells; /* the provider tells the MR's state ... */
	uint32_t mr_state; /* ... which is this */
	int err;
} failures[] = {
	{ IBV_WC_REM_ACCESS_ERR, true, VFIOWC_MR_LIVE, EOPNOTSUPP }, /* no IBV_ACCESS_REMOTE_READ */
	{ IBV_WC_REM_ACCESS_ERR, true, VFIOWC_MR_INVALIDATED, ENODEV },
	{ IBV_WC_REM_ACCESS_ERR, false, 0, EIO },
	{ IBV_WC_REM_OP_ERR, true, VFIOWC_MR_LIVE, EOPNOTSUPP }, /* this NIC cannot read the peer */
	{ IBV_WC_REM_INV_REQ_ERR, true, VFIOWC_MR_LIVE, EOPNOTSUPP },
	{ IBV_WC_RETRY_EXC_ERR, true, VFIOWC_MR_LIVE, EIO },
};

static void a_failed_read_says_why_and_the_next_call_works(void **state)
{
	enum ibv_wc_status status;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		fake.wc.status = failures[i].status;
		fake.mr_answer.state = failures[i].mr_state;
		fake.fail[FAKE_RDMA_IOCTL] = failures[i].tells ? 0 : EINVAL;
		assert_int_equal(vfiowc_local_delivery(&mr, 0, &status), failures[i].err);
		assert_int_equal(status, failures[i].status);
		assert_int_equal(fake.live_verbs, 0); /* a broken QP is not kept */
		fake.wc.status = IBV_WC_SUCCESS;
		assert_int_equal(vfiowc_local_delivery(&mr, 0, &status), 0);
		assert_int_equal(status, IBV_WC_SUCCESS);
		assert_int_equal(vfiowc_end_local_delivery(&fake_pd), 0);
	}
}

static void unmet_needs_are_told(void **state)
{
	(void)state;
	fake.device_attr.max_qp_rd_atom = 0;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), EOPNOTSUPP);
	fake.device_attr.max_qp_rd_atom = 1;
	fake.port_attr.state = IBV_PORT_DOWN;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), ENODEV);
	fake.port_attr.state = IBV_PORT_ACTIVE;
	fake.fail[FAKE_CREATE_QP] = EPERM;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), EPERM);
	fake.fail[FAKE_CREATE_QP] = 0;
	fake.fail[FAKE_QUERY_DEVICE] = EIO;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), EIO);
	fake.fail[FAKE_QUERY_DEVICE] = 0;
	fake.fail[FAKE_POST_SEND] = ENOMEM;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), ENOMEM);
	fake.fail[FAKE_POST_SEND] = 0;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
	vfiowc_end_local_delivery(&fake_pd);
	fake.fail[FAKE_CALLOC] = ENOMEM;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), ENOMEM);
}

#define THREADS 4
#define CALLS 200

static void *calls_often(void *failed)
{
	for (int i = 0; i < CALLS; i++)
		if (vfiowc_local_delivery(&mr, i, NULL))
			__atomic_fetch_add((int *)failed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void threads_share_the_loopback(void **state)
{
	pthread_t thread[THREADS];
	int failed = 0, i;

	(void)state;
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, calls_often, &failed), 0);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(failed, 0);
	assert_int_equal(fake.posts, THREADS * CALLS);
	assert_int_equal(fake.modify_calls, 3); /* still one QP, made once */
}

static void pds_have_loopbacks_of_their_own(void **state)
{
	struct ibv_pd other_pd = { .context = &fake_ctx };
	struct ibv_mr other_mr = { .context = &fake_ctx, .pd = &other_pd, .rkey = 0x77 };

	(void)state;
	fake.any_pd = true;
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
	assert_int_equal(vfiowc_local_delivery(&other_mr, 0, NULL), 0);
	assert_int_equal(fake.live_verbs, 6);
	assert_int_equal(vfiowc_end_local_delivery(&other_pd), 0);
	assert_int_equal(fake.live_verbs, 3);
	assert_int_equal(vfiowc_local_delivery(&mr, 0, NULL), 0);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(one_loopback_serves_all_calls),
		test(the_first_gid_that_is_set_is_used),
		test(end_destroys_and_later_use_makes_anew),
		test(a_failed_read_says_why_and_the_next_call_works),
		test(unmet_needs_are_told),
		test(threads_share_the_loopback),
		test(pds_have_loopbacks_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
