// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Queue pairs that are stopped in the middle of a transfer and live on: what was stopped stays
 * stopped and is not done twice, and nothing of a former life reaches into the next one.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "rdma_fixture.h"

#define BIG_LEN (96u << 20) /* long enough to be met in the middle, on any machine */
#define START_LEN (1u << 20) /* then it is reset */
#define RESETS 20
#define NOBODY 0xfffff0 /* a queue pair number that nobody has */
#define TIMEOUT_HOURS 31 /* local ACK timeout of 2.4 hours */

/* A message without a byte. */
static const struct rdma_wr nothing = { .wr_id = 1, .opcode = IBV_WR_SEND };

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static int setup_big(void **state)
{
	setup(state);
	src = rdma_buf_alloc(node.pd, BIG_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, BIG_LEN, RDMA_REMOTE);
	memset(src.addr, 0x5a, BIG_LEN);
	return 0;
}

static int teardown_big(void **state)
{
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	return teardown(state);
}

static void reset(struct ibv_qp *which)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };

	assert_int_equal(ibv_modify_qp(which, &attr, IBV_QP_STATE), 0);
}

/* The post executes the WRITE, so it needs a thread of its own. */
static void *write_all(void *unused)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, BIG_LEN);

	(void)unused;
	return (void *)(intptr_t)rdma_post(qp[0], &wr);
}

/* Returns when it has got to byte @at. */
static pthread_t begin_write(size_t at)
{
	volatile uint8_t *byte = dst.addr + at;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_all, NULL), 0);
	while (*byte != 0x5a)
		;
	return thread;
}

/* By a few looks, so that a write that goes on is met where it is. */
static size_t bytes_written(void)
{
	volatile const uint8_t *bytes = dst.addr;
	size_t written = 0, not_written = BIG_LEN;

	while (written < not_written) {
		size_t middle = written + (not_written - written) / 2;

		if (bytes[middle] == 0x5a)
			written = middle + 1;
		else
			not_written = middle;
	}
	return written;
}

static void end_write(pthread_t thread)
{
	void *result;

	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, NULL);
}

static void connect_again(void)
{
	for (int i = 0; i < 2; i++)
		reset(qp[i]);
	for (int i = 0; i < 2; i++)
		rdma_qp_connect(qp[i], &node.gid, qp[!i]->qp_num);
}

/* The engine would leave at the next chunk anyhow; often enough, it is met within one. */
static void reset_of_the_responder_ends_the_write_before_it_returns(void **state)
{
	(void)state;
	for (size_t round = 0; round < RESETS; round++) {
		pthread_t thread = begin_write(START_LEN + round * 4096);
		size_t at_reset;

		reset(qp[1]);
		at_reset = bytes_written();
		end_write(thread);
		print_message("reset after %zu of %u bytes\n", at_reset, BIG_LEN);
		assert_in_range(at_reset, 1, BIG_LEN - 1);
		assert_wc(rdma_wait(node.cq).status, IBV_WC_RETRY_EXC_ERR);
		assert_int_equal(bytes_written(), at_reset);
		memset(dst.addr, 0, at_reset);
		connect_again();
	}
}

/* Before the initiator notices, the responder is connected to it again. */
static void write_that_was_interrupted_is_not_repeated(void **state)
{
	pthread_t thread;

	(void)state;
	thread = begin_write(START_LEN);
	reset(qp[1]);
	rdma_qp_connect(qp[1], &node.gid, qp[0]->qp_num);
	end_write(thread);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_RETRY_EXC_ERR);
	assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_ERR);
	assert_in_range(bytes_written(), 1, BIG_LEN - 1);
}

/* Connect to nobody, with a retry timer that does not fire while anyone looks. */
static void wait_for_nobody(struct ibv_qp *which)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = TIMEOUT_HOURS,
		.retry_cnt = 7,
		.max_rd_atomic = 1,
	};

	assert_int_equal(rdma_qp_init(which, RDMA_REMOTE), 0);
	assert_int_equal(rdma_qp_rtr(which, &node.gid, NOBODY), 0);
	assert_int_equal(ibv_modify_qp(which, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT |
					       IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
					       IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC), 0);
	assert_int_equal(rdma_post(which, &nothing), 0);
}

static void retry_timer_of_before_a_reset_delays_nothing(void **state)
{
	(void)state;
	reset(qp[0]);
	wait_for_nobody(qp[0]);
	reset(qp[0]);
	rdma_qp_connect(qp[0], &node.gid, qp[1]->qp_num);
	assert_int_equal(rdma_post(qp[0], &nothing), 0);
	assert_int_equal(rdma_post_recv(qp[1], 1, NULL, 0), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
}

static void key_of_a_dead_region_names_no_other_for_long(void **state)
{
	struct rdma_buf buf = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	uint32_t first = buf.mr->lkey;

	(void)state;
	for (int i = 0; i < 600; i++) {
		assert_int_equal(ibv_dereg_mr(buf.mr), 0);
		buf.mr = ibv_reg_mr(node.pd, buf.addr, buf.len, RDMA_LOCAL);
		assert_non_null(buf.mr);
		assert_int_not_equal(buf.mr->lkey, first);
	}
	rdma_buf_free(&buf);
}

/* Completions not polled may still need their room in the CQ, so verbs counts them as posted. */
static void request_is_outstanding_until_its_completion_was_polled(void **state)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	struct ibv_wc wc;
	uint32_t depth;

	(void)state;
	assert_int_equal(ibv_query_qp(qp[0], &attr, IBV_QP_CAP, &init), 0);
	depth = init.cap.max_send_wr;
	for (uint32_t i = 0; i < depth; i++)
		assert_int_equal(rdma_post_recv(qp[1], i, NULL, 0), 0);
	assert_int_equal(rdma_post_recv(qp[1], 0, NULL, 0), ENOMEM);
	for (uint32_t i = 0; i < depth; i++)
		assert_int_equal(rdma_post(qp[0], &nothing), 0);
	assert_int_equal(rdma_post(qp[0], &nothing), ENOMEM);
	assert_int_equal(rdma_post_recv(qp[1], 0, NULL, 0), ENOMEM);
	for (uint32_t i = 0; i < 2 * depth; i++)
		assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_false(rdma_poll(node.cq, &wc, 0));
	assert_int_equal(rdma_post_recv(qp[1], 0, NULL, 0), 0);
	assert_int_equal(rdma_post(qp[0], &nothing), 0);
	reset(qp[0]);
	rdma_qp_connect(qp[0], &node.gid, qp[1]->qp_num);
	for (uint32_t i = 0; i < depth; i++)
		assert_int_equal(rdma_post_recv(qp[0], i, NULL, 0), 0);
}

static bool poll_begins(void *cq)
{
	struct ibv_poll_cq_attr attr = {};

	return !ibv_start_poll(cq, &attr);
}

/* Each request makes room for the next before its poll ends, in a CQ with no slot to spare. */
static void completion_queue_of_the_queues_depth_never_overflows(void **state)
{
	struct ibv_cq_init_attr_ex cq_init = { .cqe = RDMA_DEPTH, .wc_flags = IBV_WC_STANDARD_FLAGS };
	struct ibv_cq_ex *cq = ibv_create_cq_ex(node.context, &cq_init);
	struct ibv_qp_init_attr init = {
		.cap = { RDMA_DEPTH, 1, 1, 1, 0 },
		.qp_type = IBV_QPT_RC,
		.recv_cq = node.cq,
	};
	const struct rdma_wr write = { .opcode = IBV_WR_RDMA_WRITE };
	struct ibv_qp *full;

	(void)state;
	assert_non_null(cq);
	init.send_cq = ibv_cq_ex_to_cq(cq);
	full = ibv_create_qp(node.pd, &init);
	assert_non_null(full);
	assert_int_equal(init.cap.max_send_wr, init.send_cq->cqe);
	rdma_qp_connect(full, &node.gid, qp[1]->qp_num);
	reset(qp[1]);
	rdma_qp_connect(qp[1], &node.gid, full->qp_num);
	for (uint32_t i = 0; i < init.cap.max_send_wr; i++)
		assert_int_equal(rdma_post(full, &write), 0);
	for (uint32_t i = 0; i < 2 * init.cap.max_send_wr; i++) {
		int err = rdma_post(full, &write);

		assert_int_equal(err, ENOMEM);
		assert_true(guest_wait_for(poll_begins, cq, 10000));
		assert_wc(cq->status, IBV_WC_SUCCESS);
		err = rdma_post(full, &write);
		ibv_end_poll(cq);
		assert_int_equal(err, 0);
	}
	assert_int_equal(rdma_qp_state(full), IBV_QPS_RTS);
	assert_int_equal(ibv_destroy_qp(full), 0);
	assert_int_equal(ibv_destroy_cq(init.send_cq), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define big_test(f) cmocka_unit_test_setup_teardown(f, setup_big, teardown_big)
#define small_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		big_test(reset_of_the_responder_ends_the_write_before_it_returns),
		big_test(write_that_was_interrupted_is_not_repeated),
		small_test(retry_timer_of_before_a_reset_delays_nothing),
		small_test(key_of_a_dead_region_names_no_other_for_long),
		small_test(request_is_outstanding_until_its_completion_was_polled),
		small_test(completion_queue_of_the_queues_depth_never_overflows),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
