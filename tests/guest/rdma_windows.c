// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory windows of type 2B: what is opened by binding one, and to whom; which bindings are refused.
 * How they are closed again is in rdma_windows_close.c.
 */
#include <errno.h>
#include <string.h>

#include "rdma_window.h"

static void device_says_what_it_has(void **state)
{
	struct ibv_device_attr attr;

	(void)state;
	assert_int_equal(ibv_query_device(win.node.context, &attr), 0);
	assert_true(attr.device_cap_flags & IBV_DEVICE_MEM_WINDOW_TYPE_2B);
	assert_false(attr.device_cap_flags &
		     (IBV_DEVICE_MEM_WINDOW | IBV_DEVICE_MEM_WINDOW_TYPE_2A));
	assert_true(attr.max_mw > 0);
	errno = 0;
	assert_null(ibv_alloc_mw(win.node.pd, IBV_MW_TYPE_1));
	assert_int_equal(errno, EOPNOTSUPP);
}

static void window_opens_its_bytes_and_no_others(void **state)
{
	static const struct { int offset; uint32_t len; } outside[] = {
		{ -1, 2 }, { -64, 64 }, { WINDOW_BYTES - 63, 64 }, { WINDOW_BYTES, 1 }, { 0, WINDOW_BYTES + 1 },
	};
	struct rdma_wr by_region = rdma_wr(IBV_WR_RDMA_WRITE, &win.src, &win.dst, 64);

	(void)state;
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
		assert_wc(window_transfer(win.qp[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET + (size_t)outside[i].offset,
				   outside[i].len),
			  IBV_WC_REM_ACCESS_ERR);
		window_renew_pair();
	}
	assert_wc(rdma_do(win.qp[0], &by_region), IBV_WC_REM_ACCESS_ERR); /* closed to others as before */
	window_renew_pair();
	window_untouched();

	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_wc(window_transfer(win.qp[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET, WINDOW_BYTES), IBV_WC_SUCCESS);
	assert_memory_equal(win.dst.addr + WINDOW_OFFSET, win.src.addr, WINDOW_BYTES);
	memset(win.dst.addr + WINDOW_OFFSET, WINDOW_GUARD, WINDOW_BYTES);
	window_untouched();
}

static void window_grants_its_own_rights(void **state)
{
	(void)state;
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_wc(window_transfer(win.qp[0], IBV_WR_RDMA_READ, WINDOW_OFFSET, 64), IBV_WC_REM_ACCESS_ERR);
	window_renew_pair();
	window_open(window_info(IBV_ACCESS_REMOTE_READ));
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR);
	window_untouched();
	window_renew_pair();
	window_open(window_info(IBV_ACCESS_REMOTE_READ));
	assert_wc(window_transfer(win.qp[0], IBV_WR_RDMA_READ, WINDOW_OFFSET, 64), IBV_WC_SUCCESS);
	assert_int_equal(win.src.addr[63], WINDOW_GUARD);
}

static void window_serves_the_peer_of_its_queue_pair_only(void **state)
{
	struct rdma_wr as_local = rdma_wr(IBV_WR_SEND, &win.dst, NULL, 64);
	struct ibv_qp *other[2];

	(void)state;
	window_pair(other);
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR); /* not bound yet */
	window_renew_pair();
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ));
	assert_wc(window_transfer(other[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET, 64), IBV_WC_REM_ACCESS_ERR);
	window_untouched();
	as_local.local += WINDOW_OFFSET;
	as_local.lkey = win.key; /* remote keys are no local ones */
	assert_wc(rdma_do(win.qp[1], &as_local), IBV_WC_LOC_PROT_ERR);
	rdma_qp_unpair(other);
}

static void assert_not_bound(uint32_t rkey, struct ibv_mw_bind_info to)
{
	assert_wc(window_bind(win.qp[1], rkey, to), IBV_WC_MW_BIND_ERR);
	assert_int_equal(rdma_qp_state(win.qp[1]), IBV_QPS_ERR);
	window_renew_pair();
}

static void wrong_bindings_are_refused(void **state)
{
	const struct ibv_mw_bind_info good = window_info(IBV_ACCESS_REMOTE_WRITE);
	struct ibv_pd *other_pd = ibv_alloc_pd(win.node.context);
	struct ibv_mr *mrs[] = {
		ibv_reg_mr(win.node.pd, win.dst.addr, WINDOW_BUF_LEN, RDMA_REMOTE), /* without MW_BIND */
		ibv_reg_mr(win.node.pd, win.dst.addr, WINDOW_BUF_LEN, IBV_ACCESS_MW_BIND), /* not to be written */
		ibv_reg_mr(other_pd, win.dst.addr, WINDOW_BUF_LEN, WINDOW_BINDABLE),
	};
	struct ibv_mr no_mr = { .lkey = win.mw->rkey };
	struct ibv_mw_bind_info to;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_non_null(mrs[i]);
		to = good;
		to.mr = mrs[i];
		assert_not_bound(win.key, to);
	}
	to.mr = mrs[1];
	to.mw_access_flags = IBV_ACCESS_REMOTE_ATOMIC;
	assert_not_bound(win.key, to);
	to.mr = &no_mr;
	assert_not_bound(win.key, to);
	to = good;
	to.length = 0;
	assert_not_bound(win.key, to);
	to = good;
	to.addr = (uintptr_t)win.dst.addr - 1;
	assert_not_bound(win.key, to);
	to = good;
	to.length = WINDOW_BUF_LEN - WINDOW_OFFSET + 1;
	assert_not_bound(win.key, to);
	to.length = UINT64_MAX;
	assert_not_bound(win.key, to);
	assert_not_bound(win.key, window_info(IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_ZERO_BASED));
	assert_not_bound(win.key ^ 0x100, good);

	to = window_info(IBV_ACCESS_REMOTE_READ); /* which the unwritable one does grant */
	to.mr = mrs[1];
	window_open(to);
	assert_wc(window_transfer(win.qp[0], IBV_WR_RDMA_READ, WINDOW_OFFSET, 64), IBV_WC_SUCCESS);
	assert_not_bound(win.key, good); /* bound already */

	for (size_t i = 0; i < 3; i++)
		assert_int_equal(ibv_dereg_mr(mrs[i]), 0);
	assert_int_equal(ibv_dealloc_pd(other_pd), 0);
}

static void window_of_another_domain_is_refused(void **state)
{
	struct ibv_pd *other_pd = ibv_alloc_pd(win.node.context);
	struct ibv_mw *ours = win.mw;

	(void)state;
	win.mw = ibv_alloc_mw(other_pd, IBV_MW_TYPE_2);
	assert_non_null(win.mw);
	assert_not_bound(win.mw->rkey, window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(ibv_dealloc_mw(win.mw), 0);
	assert_int_equal(ibv_dealloc_pd(other_pd), 0);
	win.mw = ours;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define window_test(f) cmocka_unit_test_setup_teardown(f, window_setup, window_teardown)
		window_test(device_says_what_it_has),
		window_test(window_opens_its_bytes_and_no_others),
		window_test(window_grants_its_own_rights),
		window_test(window_serves_the_peer_of_its_queue_pair_only),
		window_test(wrong_bindings_are_refused),
		window_test(window_of_another_domain_is_refused),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
