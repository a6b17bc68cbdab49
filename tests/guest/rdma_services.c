// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Unreliable services and shared receive queues: what is delivered, what is dropped without a word,
 * and which events an application gets.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "rdma_fixture.h"

#define QKEY 0x11111111
#define GRH_BYTES 40
#define TRAFFIC_CLASS 0x28
#define FLOW_LABEL 0xabcde
#define QUIET_MS 200
#define EVENT_MS 10000

static struct rdma_node node;
static struct ibv_cq *received;

static void open_node(void)
{
	rdma_node_open(&node);
	received = ibv_create_cq(node.context, 64, NULL, NULL, 0);
	assert_non_null(received);
}

static void close_node(void)
{
	assert_int_equal(ibv_destroy_cq(received), 0);
	rdma_node_close(&node);
}

static struct ibv_qp *make_qp(enum ibv_qp_type type, struct ibv_srq *srq)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = node.cq,
		.recv_cq = received,
		.srq = srq,
		.cap = { RDMA_DEPTH, srq ? 0 : RDMA_DEPTH, RDMA_SGES, RDMA_SGES, RDMA_INLINE },
		.qp_type = type,
	};
	struct ibv_qp *qp = ibv_create_qp(node.pd, &attr);

	assert_non_null(qp);
	return qp;
}

static void modify(struct ibv_qp *qp, struct ibv_qp_attr attr, int mask)
{
	assert_int_equal(ibv_modify_qp(qp, &attr, mask | IBV_QP_STATE), 0);
}

static void bring_up_ud(struct ibv_qp *qp)
{
	modify(qp, (struct ibv_qp_attr){ .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = QKEY },
	       IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY);
	modify(qp, (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTR }, 0);
	modify(qp, (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTS }, IBV_QP_SQ_PSN);
}

static struct ibv_ah *make_ah(void)
{
	struct ibv_ah_attr attr = {
		.grh = { .dgid = node.gid, .traffic_class = TRAFFIC_CLASS, .flow_label = FLOW_LABEL },
		.is_global = 1,
		.port_num = 1,
	};
	struct ibv_ah *ah = ibv_create_ah(node.pd, &attr);

	assert_non_null(ah);
	return ah;
}

static enum ibv_wc_status send_ud(struct ibv_qp *qp, struct ibv_ah *ah, uint32_t qpn,
				  uint32_t qkey, const struct rdma_buf *buf, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)buf->addr, len, buf->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = 1,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = { ah, qpn, qkey },
	};

	assert_int_equal(ibv_post_send(qp, &wr, &bad), 0);
	return rdma_wait(qp->send_cq).status;
}

static void datagram_arrives_behind_its_header(void **state)
{
	struct rdma_buf from, to;
	struct ibv_qp *qp[2];
	struct ibv_ah *ah;
	struct ibv_wc wc;

	(void)state;
	open_node();
	qp[0] = make_qp(IBV_QPT_UD, NULL);
	qp[1] = make_qp(IBV_QPT_UD, NULL);
	bring_up_ud(qp[0]);
	bring_up_ud(qp[1]);
	ah = make_ah();
	from = rdma_buf_alloc(node.pd, 8192, RDMA_LOCAL);
	to = rdma_buf_alloc(node.pd, 8192, RDMA_LOCAL);
	rdma_pattern(from.addr, 4096, 9);

	assert_int_equal(rdma_post_recv(qp[1], 2, &to, 8192), 0);
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 4096), IBV_WC_SUCCESS);
	wc = rdma_wait(received);
	assert_int_equal(wc.opcode, IBV_WC_RECV);
	assert_int_equal(wc.byte_len, GRH_BYTES + 4096);
	assert_int_equal(wc.src_qp, qp[0]->qp_num);
	assert_true(wc.wc_flags & IBV_WC_GRH);
	assert_memory_equal(to.addr + GRH_BYTES, from.addr, 4096);
	assert_int_equal(to.addr[0], 0x60 | TRAFFIC_CLASS >> 4);
	assert_int_equal(to.addr[1], (TRAFFIC_CLASS & 0xf) << 4 | FLOW_LABEL >> 16);
	assert_int_equal(to.addr[2] << 8 | to.addr[3], FLOW_LABEL & 0xffff);
	assert_int_not_equal(to.addr[7], 0); /* hop limit: the route's, not ours: the core resolves it */
	assert_memory_equal(to.addr + 24, &node.gid, 16);

	assert_int_equal(ibv_destroy_ah(ah), 0);
	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	close_node();
}

static void datagrams_for_nobody_are_dropped_and_both_sides_carry_on(void **state)
{
	struct rdma_buf from, to;
	struct ibv_qp *qp[2];
	struct ibv_ah *ah;
	struct ibv_wc wc;

	(void)state;
	open_node();
	qp[0] = make_qp(IBV_QPT_UD, NULL);
	qp[1] = make_qp(IBV_QPT_UD, NULL);
	bring_up_ud(qp[0]);
	bring_up_ud(qp[1]);
	ah = make_ah();
	from = rdma_buf_alloc(node.pd, 8192, RDMA_LOCAL);
	to = rdma_buf_alloc(node.pd, 8192, RDMA_LOCAL);

	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 8), IBV_WC_SUCCESS); /* no receive */
	assert_int_equal(rdma_post_recv(qp[1], 2, &to, GRH_BYTES + 8), 0);
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY + 1, &from, 8), IBV_WC_SUCCESS);
	assert_wc(send_ud(qp[0], ah, 0xabcdef, QKEY, &from, 8), IBV_WC_SUCCESS);
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 9), IBV_WC_SUCCESS); /* too long */
	assert_false(rdma_poll(received, &wc, QUIET_MS));
	assert_int_equal(rdma_qp_state(qp[1]), IBV_QPS_RTS);
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 8), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).byte_len, GRH_BYTES + 8);

	/* an error of its own stops the send queue only, and RTS brings it back */
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 4097), IBV_WC_LOC_LEN_ERR);
	assert_int_equal(rdma_qp_state(qp[0]), IBV_QPS_SQE);
	modify(qp[0], (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTS }, 0);
	assert_int_equal(rdma_post_recv(qp[1], 3, &to, 100), 0);
	assert_wc(send_ud(qp[0], ah, qp[1]->qp_num, QKEY, &from, 8), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).wr_id, 3);

	assert_int_equal(ibv_destroy_ah(ah), 0);
	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	close_node();
}

static void unreliable_connection_writes_and_drops(void **state)
{
	struct rdma_buf from, to;
	struct ibv_qp *qp[2];
	struct rdma_wr wr;
	struct ibv_wc wc;

	(void)state;
	open_node();
	qp[0] = make_qp(IBV_QPT_UC, NULL);
	qp[1] = make_qp(IBV_QPT_UC, NULL);
	rdma_uc_connect(qp[0], &node.gid, qp[1]->qp_num);
	rdma_uc_connect(qp[1], &node.gid, qp[0]->qp_num);
	from = rdma_buf_alloc(node.pd, 8192, RDMA_LOCAL);
	to = rdma_buf_alloc(node.pd, 8192, RDMA_REMOTE);
	rdma_pattern(from.addr, 8192, 3);

	wr = rdma_wr(IBV_WR_RDMA_WRITE, &from, &to, 8192);
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_memory_equal(to.addr, from.addr, 8192);
	memset(to.addr, 0, 8192);
	wr.rkey ^= 1; /* a wrong key */
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(to.addr[0], 0);
	assert_int_equal(rdma_qp_state(qp[1]), IBV_QPS_RTS);
	wr = rdma_wr(IBV_WR_SEND, &from, NULL, 8); /* no receive */
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(rdma_post_recv(qp[1], 4, &to, 8), 0);
	assert_false(rdma_poll(received, &wc, QUIET_MS));
	wr = rdma_wr(IBV_WR_RDMA_READ, &from, &to, 8);
	assert_int_equal(rdma_post(qp[0], &wr), EOPNOTSUPP);

	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	close_node();
}

/* One that does not come within ten seconds fails the test instead of hanging it. */
static enum ibv_event_type next_event(struct ibv_context *context)
{
	struct pollfd ready = { .fd = context->async_fd, .events = POLLIN };
	struct ibv_async_event event;
	enum ibv_event_type type;

	assert_int_equal(poll(&ready, 1, EVENT_MS), 1);
	assert_int_equal(ibv_get_async_event(context, &event), 0);
	type = event.event_type;
	ibv_ack_async_event(&event);
	return type;
}

static void post_srq(struct ibv_srq *srq, uint64_t wr_id, const struct rdma_buf *buf)
{
	struct ibv_sge sge = { (uintptr_t)buf->addr, 64, buf->mr->lkey };
	struct ibv_recv_wr *bad, wr = { .wr_id = wr_id, .sg_list = &sge, .num_sge = 1 };

	assert_int_equal(ibv_post_srq_recv(srq, &wr, &bad), 0);
}

static void shared_queue_serves_two_and_says_when_it_runs_low(void **state)
{
	struct ibv_srq_init_attr init = { .attr = { .max_wr = 4, .max_sge = 1 } };
	struct ibv_srq_attr attr = { .srq_limit = 2 };
	struct ibv_qp *a[2], *b[2];
	struct rdma_buf from, to;
	struct rdma_wr wr;
	struct ibv_srq *srq;

	(void)state;
	open_node();
	srq = ibv_create_srq(node.pd, &init);
	assert_non_null(srq);
	from = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	to = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	a[0] = make_qp(IBV_QPT_RC, NULL);
	a[1] = make_qp(IBV_QPT_RC, srq);
	b[0] = make_qp(IBV_QPT_RC, NULL);
	b[1] = make_qp(IBV_QPT_RC, srq);
	for (int i = 0; i < 2; i++) {
		rdma_qp_connect(a[i], &node.gid, a[!i]->qp_num);
		rdma_qp_connect(b[i], &node.gid, b[!i]->qp_num);
	}
	post_srq(srq, 10, &to);
	post_srq(srq, 11, &to);
	/* its size may change under posted receives, but not below them */
	assert_int_equal(ibv_modify_srq(srq, &(struct ibv_srq_attr){ .max_wr = 1 }, IBV_SRQ_MAX_WR),
			 EINVAL);
	assert_int_equal(ibv_modify_srq(srq, &(struct ibv_srq_attr){ .max_wr = 16 }, IBV_SRQ_MAX_WR),
			 0);
	wr = rdma_wr(IBV_WR_SEND, &from, NULL, 8);
	wr.flags = 0;
	assert_wc(rdma_do(a[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).wr_id, 10);

	post_srq(srq, 12, &to);
	post_srq(srq, 13, &to);
	assert_int_equal(ibv_modify_srq(srq, &attr, IBV_SRQ_LIMIT), 0);
	assert_wc(rdma_do(a[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).wr_id, 11);
	assert_wc(rdma_do(b[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).wr_id, 12);
	assert_int_equal(next_event(node.context), IBV_EVENT_SRQ_LIMIT_REACHED);
	assert_int_equal(ibv_query_srq(srq, &attr), 0);
	assert_int_equal(attr.srq_limit, 0); /* once */
	assert_int_equal(attr.max_wr, 16);

	assert_int_equal(ibv_modify_qp(a[1], &(struct ibv_qp_attr){ .qp_state = IBV_QPS_ERR },
				       IBV_QP_STATE),
			 0);
	assert_int_equal(next_event(node.context), IBV_EVENT_QP_LAST_WQE_REACHED);
	/* what is left belongs to the other one */
	assert_wc(rdma_do(b[0], &wr), IBV_WC_SUCCESS);
	assert_int_equal(rdma_wait(received).wr_id, 13);

	rdma_qp_unpair(a);
	rdma_qp_unpair(b);
	assert_int_equal(ibv_destroy_srq(srq), 0);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	close_node();
}

static void drained_queue_holds_requests_until_it_sends_again(void **state)
{
	struct ibv_qp_attr sqd = { .qp_state = IBV_QPS_SQD, .en_sqd_async_notify = 1 };
	struct rdma_buf from, to;
	struct ibv_qp *qp[2];
	struct rdma_wr wr;
	struct ibv_wc wc;

	(void)state;
	open_node();
	rdma_qp_pair(&node, qp);
	from = rdma_buf_alloc(node.pd, 4096, RDMA_LOCAL);
	to = rdma_buf_alloc(node.pd, 4096, RDMA_REMOTE);
	from.addr[0] = 0x5a;

	modify(qp[0], sqd, IBV_QP_EN_SQD_ASYNC_NOTIFY);
	assert_int_equal(next_event(node.context), IBV_EVENT_SQ_DRAINED);
	wr = rdma_wr(IBV_WR_RDMA_WRITE, &from, &to, 1);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	assert_false(rdma_poll(node.cq, &wc, QUIET_MS));
	assert_int_equal(to.addr[0], 0);
	modify(qp[0], (struct ibv_qp_attr){ .qp_state = IBV_QPS_RTS }, 0);
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_int_equal(to.addr[0], 0x5a);

	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	close_node();
}

static void tools_show_resources_and_counters(void **state)
{
	char out[16384];
	struct ibv_qp *qp[2];

	(void)state;
	open_node();
	rdma_qp_pair(&node, qp);
	assert_int_equal(guest_capture(out, sizeof(out), "rdma -dd resource show qp"), 0);
	assert_non_null(strstr(out, "sq_entries 64"));
	assert_int_equal(guest_capture(out, sizeof(out), "rdma -dd resource show cq"), 0);
	assert_non_null(strstr(out, "unpolled 0"));
	assert_int_equal(guest_capture(out, sizeof(out),
				       "rdma statistic show link " RDMA_DEVICE "/1"), 0);
	assert_non_null(strstr(out, "dropped_messages"));
	rdma_qp_unpair(qp);
	close_node();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(datagram_arrives_behind_its_header),
		guest_test(datagrams_for_nobody_are_dropped_and_both_sides_carry_on),
		guest_test(unreliable_connection_writes_and_drops),
		guest_test(shared_queue_serves_two_and_says_when_it_runs_low),
		guest_test(drained_queue_holds_requests_until_it_sends_again),
		guest_test(tools_show_resources_and_counters),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
