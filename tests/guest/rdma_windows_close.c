// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory windows of type 2B: how they are closed: by LOCAL_INV, by the peer's SEND_WITH_INV, by the end
 * of the window or of its queue pair; and that nothing arrives through them afterwards.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "rdma_window.h"

static void invalidated_window_is_closed_until_bound_anew(void **state)
{
	uint32_t old;

	(void)state;
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	old = win.key;
	assert_wc(window_write(), IBV_WC_SUCCESS);
	assert_wc(window_local_inv(win.qp[1], win.key), IBV_WC_SUCCESS);
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR);
	window_renew_pair();

	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(old >> 8, win.key >> 8);
	assert_wc(window_local_inv(win.qp[1], old), IBV_WC_LOC_QP_OP_ERR);
	window_renew_pair();
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_wc(window_local_inv(win.qp[0], win.key), IBV_WC_LOC_QP_OP_ERR); /* not its own */
	window_untouched();
	window_renew_pair();
	assert_wc(window_local_inv(win.qp[1], win.dst.mr->rkey), IBV_WC_LOC_QP_OP_ERR); /* a region */
	window_renew_pair();

	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_wc(window_write(), IBV_WC_SUCCESS);
	old = win.key;
	assert_wc(window_local_inv(win.qp[1], win.key), IBV_WC_SUCCESS);
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_wc(window_write(), IBV_WC_SUCCESS);
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	win.key = old; /* the byte of before */
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR);
	window_untouched();
}

static void message_closes_the_window_of_its_receiver(void **state)
{
	struct ibv_wc wc;

	(void)state;
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(rdma_post_recv(win.qp[1], 7, &win.dst, 64), 0);
	assert_wc(window_send_inv(win.qp[0], win.key, 64), IBV_WC_SUCCESS);
	wc = rdma_wait(win.qp[1]->recv_cq);
	assert_wc(wc.status, IBV_WC_SUCCESS);
	assert_int_equal(wc.opcode, IBV_WC_RECV);
	assert_int_equal(wc.byte_len, 64);
	assert_true(wc.wc_flags & IBV_WC_WITH_INV);
	assert_false(wc.wc_flags & IBV_WC_WITH_IMM);
	assert_int_equal(wc.invalidated_rkey, win.key);
	assert_memory_equal(win.dst.addr, win.src.addr, 64);
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR);
	window_untouched();
}

/* Both sides learn of it, and neither the message nor the invalidation takes place. */
static void assert_message_refused(struct ibv_qp *pair[static 2], uint32_t rkey)
{
	struct ibv_wc wc;

	assert_int_equal(rdma_post_recv(pair[1], 7, &win.dst, 64), 0);
	assert_wc(window_send_inv(pair[0], rkey, 64), IBV_WC_REM_ACCESS_ERR);
	wc = rdma_wait(pair[1]->recv_cq);
	assert_wc(wc.status, IBV_WC_REM_INV_REQ_ERR);
	assert_int_equal(wc.wr_id, 7);
	assert_int_equal(rdma_qp_state(pair[1]), IBV_QPS_ERR);
	window_untouched();
}

static void message_closes_no_window_but_its_receivers(void **state)
{
	struct ibv_qp *other[2];

	(void)state;
	window_pair(other);
	assert_message_refused(win.qp, win.dst.mr->rkey);
	window_renew_pair();
	assert_message_refused(win.qp, win.mw->rkey); /* free */
	window_renew_pair();
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_message_refused(other, win.key);
	assert_wc(window_write(), IBV_WC_SUCCESS); /* still open to its own */
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_message_refused(win.qp, win.key ^ 1);
	rdma_qp_unpair(other);
}

static void unreliable_connection_drops_a_wrong_invalidation(void **state)
{
	struct ibv_qp *uc[2];
	struct ibv_wc wc;

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct ibv_qp_init_attr attr = {
			.send_cq = i ? win.owner_node.cq : win.node.cq,
			.recv_cq = i ? win.owner_node.cq : win.node.cq,
			.cap = { RDMA_DEPTH, RDMA_DEPTH, RDMA_SGES, RDMA_SGES, RDMA_INLINE },
			.qp_type = IBV_QPT_UC,
		};

		uc[i] = ibv_create_qp(win.node.pd, &attr);
		assert_non_null(uc[i]);
	}
	rdma_uc_connect(uc[0], &win.node.gid, uc[1]->qp_num);
	rdma_uc_connect(uc[1], &win.node.gid, uc[0]->qp_num);
	assert_int_equal(rdma_post_recv(uc[1], 7, &win.dst, 64), 0);
	win.key = ibv_inc_rkey(win.key);
	assert_wc(window_bind(uc[1], win.key, window_info(IBV_ACCESS_REMOTE_WRITE)), IBV_WC_SUCCESS);
	assert_wc(window_send_inv(uc[0], win.key ^ 1, 64), IBV_WC_SUCCESS);
	assert_false(rdma_poll(win.owner_node.cq, &wc, 200));
	window_untouched();
	assert_wc(window_transfer(uc[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET, 64), IBV_WC_SUCCESS);
	assert_memory_equal(win.dst.addr + WINDOW_OFFSET, win.src.addr, 64);

	assert_wc(window_send_inv(uc[0], win.key, 64), IBV_WC_SUCCESS);
	wc = rdma_wait(win.owner_node.cq);
	assert_wc(wc.status, IBV_WC_SUCCESS);
	assert_int_equal(wc.invalidated_rkey, win.key);
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_wc(window_transfer(uc[0], IBV_WR_RDMA_WRITE, WINDOW_OFFSET, 64), IBV_WC_SUCCESS);
	window_untouched();
	rdma_qp_unpair(uc);
}

static void region_outlives_its_windows(void **state)
{
	(void)state;
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(ibv_dereg_mr(win.dst.mr), EBUSY);
	assert_wc(window_write(), IBV_WC_SUCCESS); /* nothing has changed */
	assert_wc(window_local_inv(win.qp[1], win.key), IBV_WC_SUCCESS);
	assert_int_equal(ibv_dereg_mr(win.dst.mr), 0);

	win.dst.mr = ibv_reg_mr(win.node.pd, win.dst.addr, WINDOW_BUF_LEN, WINDOW_BINDABLE);
	assert_non_null(win.dst.mr);
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(ibv_dereg_mr(win.dst.mr), EBUSY);
	window_renew_pair(); /* a window's queue pair is destroyed */
	assert_int_equal(ibv_dereg_mr(win.dst.mr), 0);

	win.dst.mr = ibv_reg_mr(win.node.pd, win.dst.addr, WINDOW_BUF_LEN, WINDOW_BINDABLE);
	assert_non_null(win.dst.mr);
	window_open(window_info(IBV_ACCESS_REMOTE_WRITE));
	assert_int_equal(ibv_dealloc_mw(win.mw), 0);
	win.mw = NULL;
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_wc(window_write(), IBV_WC_REM_ACCESS_ERR);
	window_untouched();
	/* teardown deregisters dst */
}

struct writer {
	pthread_t thread;
	enum ibv_wc_status last;
	unsigned long written;
};

static void *write_until_error(void *arg)
{
	struct writer *writer = arg;

	while (!writer->last) {
		writer->last = window_transfer(win.qp[0], IBV_WR_RDMA_WRITE, 0, WINDOW_BUF_LEN);
		__atomic_fetch_add(&writer->written, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static bool is_busy(void *arg)
{
	struct writer *writer = arg;

	return __atomic_load_n(&writer->written, __ATOMIC_RELAXED) > 20;
}

/* The moment @close_it returns, no store of a stream of writes still arrives. */
static void assert_closes_under_writes(void (*close_it)(void))
{
	struct ibv_mw_bind_info all = window_info(IBV_ACCESS_REMOTE_WRITE);
	struct writer writer = {};

	all.addr = (uintptr_t)win.dst.addr;
	all.length = WINDOW_BUF_LEN;
	window_open(all);
	assert_int_equal(pthread_create(&writer.thread, NULL, write_until_error, &writer), 0);
	assert_true(guest_wait_for(is_busy, &writer, 10000));
	close_it();
	memset(win.dst.addr, WINDOW_GUARD, WINDOW_BUF_LEN);
	assert_int_equal(pthread_join(writer.thread, NULL), 0);
	print_message("%lu writes, then: %s\n", writer.written, ibv_wc_status_str(writer.last));
	assert_wc(writer.last, IBV_WC_REM_ACCESS_ERR);
	window_untouched();
}

static void close_by_local_inv(void)
{
	assert_wc(window_local_inv(win.qp[1], win.key), IBV_WC_SUCCESS);
}

static void close_by_dealloc(void)
{
	assert_int_equal(ibv_dealloc_mw(win.mw), 0);
	win.mw = NULL;
}

static void local_inv_under_a_stream_of_writes_ends_it(void **state)
{
	(void)state;
	assert_closes_under_writes(close_by_local_inv);
}

static void dealloc_under_a_stream_of_writes_ends_it(void **state)
{
	(void)state;
	assert_closes_under_writes(close_by_dealloc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define window_test(f) cmocka_unit_test_setup_teardown(f, window_setup, window_teardown)
		window_test(invalidated_window_is_closed_until_bound_anew),
		window_test(message_closes_the_window_of_its_receiver),
		window_test(message_closes_no_window_but_its_receivers),
		window_test(unreliable_connection_drops_a_wrong_invalidation),
		window_test(region_outlives_its_windows),
		window_test(local_inv_under_a_stream_of_writes_ends_it),
		window_test(dealloc_under_a_stream_of_writes_ends_it),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
