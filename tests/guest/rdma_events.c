// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Completion channels: a sleeper is woken when it asked to be, once, and not otherwise. */
#include <poll.h>
#include <string.h>

#include "rdma_fixture.h"

#define BUF_LEN 4096

static struct rdma_node node;
static struct ibv_comp_channel *channel;
static struct ibv_qp *qp[2];
static struct rdma_buf buf;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	channel = ibv_create_comp_channel(node.context);
	assert_non_null(channel);
	assert_int_equal(ibv_destroy_cq(node.cq), 0);
	node.cq = ibv_create_cq(node.context, 64, &node, channel, 0);
	assert_non_null(node.cq);
	rdma_qp_pair(&node, qp);
	buf = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&buf);
	assert_int_equal(ibv_destroy_cq(node.cq), 0);
	assert_int_equal(ibv_destroy_comp_channel(channel), 0);
	node.cq = ibv_create_cq(node.context, 1, NULL, NULL, 0);
	rdma_node_close(&node);
	return guest_teardown(state);
}

static bool event_waits(int timeout_ms)
{
	struct pollfd pollfd = { .fd = channel->fd, .events = POLLIN };

	return poll(&pollfd, 1, timeout_ms) == 1;
}

static void take_event(void)
{
	struct ibv_cq *cq;
	void *cq_context;

	assert_int_equal(ibv_get_cq_event(channel, &cq, &cq_context), 0);
	assert_ptr_equal(cq, node.cq);
	assert_ptr_equal(cq_context, &node);
	ibv_ack_cq_events(cq, 1);
}

static void write_once(void)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &buf, &buf, 8);

	wr.remote += 100;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
}

static void armed_queue_wakes_the_sleeper_once(void **state)
{
	(void)state;
	assert_int_equal(ibv_req_notify_cq(node.cq, 0), 0);
	assert_false(event_waits(20));
	write_once();
	assert_true(event_waits(10000));
	take_event();
	write_once();
	assert_false(event_waits(20));
}

static void queue_that_is_not_armed_is_silent(void **state)
{
	(void)state;
	write_once();
	assert_false(event_waits(20));
}

static void send_message(unsigned int flags)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &buf, NULL, 8);

	wr.flags = flags;
	assert_int_equal(rdma_post_recv(qp[1], 1, &buf, BUF_LEN), 0);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
}

static void solicited_only_waits_for_a_solicited_message(void **state)
{
	(void)state;
	assert_int_equal(ibv_req_notify_cq(node.cq, 1), 0);
	send_message(0);
	assert_false(event_waits(20));
	send_message(IBV_SEND_SOLICITED);
	assert_true(event_waits(10000));
	take_event();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(armed_queue_wakes_the_sleeper_once),
		rdma_test(queue_that_is_not_armed_is_silent),
		rdma_test(solicited_only_waits_for_a_solicited_message),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
