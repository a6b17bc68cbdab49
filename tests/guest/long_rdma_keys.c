// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What a key names when all others have been given out since: a million of them, which takes minutes. rdma_restart
 * looks at some hundred.
 */
#include "rdma_fixture.h"

static struct rdma_node node;
static struct ibv_qp *qp[2];

/* Windows take their keys from where regions do, and cost less. */
static uint32_t take_a_key(void)
{
	struct ibv_mw *mw = ibv_alloc_mw(node.pd, IBV_MW_TYPE_2);
	uint32_t key;

	assert_non_null(mw);
	key = mw->rkey;
	assert_int_equal(ibv_dealloc_mw(mw), 0);
	return key;
}

static void dead_key_names_no_region_when_all_indices_went_round(void **state)
{
	struct ibv_device_attr limits;
	struct rdma_buf src, dst;
	struct rdma_wr wr;
	uint32_t before;

	(void)state;
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	assert_int_equal(ibv_query_device(node.context, &limits), 0);
	src = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	before = take_a_key();
	dst = rdma_buf_alloc(node.pd, 4096, RDMA_REMOTE);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 8);
	assert_int_equal(ibv_dereg_mr(dst.mr), 0);
	for (int i = 0; take_a_key() >> 8 != before >> 8; i++)
		assert_true(i < limits.max_mr);
	dst.mr = ibv_reg_mr(node.pd, dst.addr, dst.len, RDMA_REMOTE);
	assert_non_null(dst.mr);
	assert_int_equal(dst.mr->rkey >> 8, wr.rkey >> 8); /* it can only be the byte that tells */
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_REM_ACCESS_ERR);
	rdma_buf_free(&dst);
	rdma_buf_free(&src);
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(dead_key_names_no_region_when_all_indices_went_round),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
