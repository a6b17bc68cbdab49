// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What RC queue pairs of the software device do when nothing goes wrong: each operation moves the
 * bytes it was told to, all of them and no others, and says so in the completion. Host memory,
 * one process; rdma_process.c has two. Errors are in rdma_errors.c.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "rdma_fixture.h"

#define BUF_LEN 65536
#define GUARD 0xa5

static struct rdma_node node;
static struct ibv_qp *qp[2];
static struct rdma_buf src, dst;

static int setup(void **state)
{
	guest_setup(state);
	rdma_node_open(&node);
	rdma_qp_pair(&node, qp);
	src = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	dst = rdma_buf_alloc(node.pd, BUF_LEN, RDMA_REMOTE);
	rdma_pattern(src.addr, BUF_LEN, 1);
	memset(dst.addr, GUARD, BUF_LEN);
	return 0;
}

static int teardown(void **state)
{
	rdma_qp_unpair(qp);
	rdma_buf_free(&src);
	rdma_buf_free(&dst);
	rdma_node_close(&node);
	return guest_teardown(state);
}

/* Bytes @offset ... @offset + @len of @dst are those of @from; all others are untouched. */
static void assert_dst(const void *from, size_t offset, size_t len)
{
	assert_memory_equal(dst.addr + offset, from, len);
	for (size_t i = 0; i < BUF_LEN; i++)
		if ((i < offset || i >= offset + len) && dst.addr[i] != GUARD)
			fail_msg("byte %zu was touched", i);
}

static void write_moves_exactly_its_bytes(void **state)
{
	static const struct { uint32_t from, to, len; } cases[] = {
		{ 0, 0, 1 }, { 1, 2, 3 }, { 7, 8, 8 }, { 3, 5, 17 }, { 0, 4095, 2 },
		{ 4090, 4, 4096 }, { 13, 4099, 50001 }, { 0, 0, BUF_LEN },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, cases[i].len);

		memset(dst.addr, GUARD, BUF_LEN);
		wr.local += cases[i].from;
		wr.remote += cases[i].to;
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
		assert_dst(src.addr + cases[i].from, cases[i].to, cases[i].len);
	}
}

static void read_moves_exactly_its_bytes(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_READ, &dst, &src, 5000);
	struct ibv_wc wc;

	(void)state;
	wr.local += 11;
	wr.remote += 4093;
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	wc = rdma_wait(node.cq);
	assert_wc(wc.status, IBV_WC_SUCCESS);
	assert_int_equal(wc.opcode, IBV_WC_RDMA_READ);
	assert_int_equal(wc.byte_len, 5000);
	assert_dst(src.addr + 4093, 11, 5000);
}

/* Both completions of a message, in either order: [0] the sender's, [1] the receiver's. */
static void wait_both(struct ibv_wc wc[2])
{
	for (int i = 0; i < 2; i++) {
		struct ibv_wc one = rdma_wait(node.cq);

		assert_wc(one.status, IBV_WC_SUCCESS);
		wc[one.qp_num == qp[1]->qp_num] = one;
	}
	assert_int_equal(wc[0].qp_num, qp[0]->qp_num);
	assert_int_equal(wc[1].qp_num, qp[1]->qp_num);
}

static void send_fills_the_posted_receive(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, 3000);
	struct ibv_wc wc[2] = {};

	(void)state;
	assert_int_equal(rdma_post_recv(qp[1], 77, &dst, BUF_LEN), 0);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	wait_both(wc);
	assert_int_equal(wc[0].opcode, IBV_WC_SEND);
	assert_int_equal(wc[1].opcode, IBV_WC_RECV);
	assert_int_equal(wc[1].wr_id, 77);
	assert_int_equal(wc[1].byte_len, 3000);
	assert_int_equal(wc[1].wc_flags & IBV_WC_WITH_IMM, 0);
	assert_dst(src.addr, 0, 3000);
}

static void send_with_imm_carries_the_immediate(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND_WITH_IMM, &src, NULL, 100);
	struct ibv_wc wc[2] = {};

	(void)state;
	wr.imm = 0x12345678;
	assert_int_equal(rdma_post_recv(qp[1], 5, &dst, BUF_LEN), 0);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	wait_both(wc);
	assert_int_equal(wc[1].opcode, IBV_WC_RECV);
	assert_int_equal(wc[1].wc_flags & IBV_WC_WITH_IMM, IBV_WC_WITH_IMM);
	assert_int_equal(be32toh(wc[1].imm_data), 0x12345678);
	assert_dst(src.addr, 0, 100);
}

static void write_with_imm_consumes_a_receive_and_leaves_its_buffer(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE_WITH_IMM, &src, &dst, 200);
	struct ibv_wc wc[2] = {};

	(void)state;
	wr.imm = 0xcafe;
	wr.remote += 1000;
	assert_int_equal(rdma_post_recv(qp[1], 6, &dst, 100), 0);
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	wait_both(wc);
	assert_int_equal(wc[0].opcode, IBV_WC_RDMA_WRITE);
	assert_int_equal(wc[1].opcode, IBV_WC_RECV_RDMA_WITH_IMM);
	assert_int_equal(wc[1].wr_id, 6);
	assert_int_equal(wc[1].byte_len, 200);
	assert_int_equal(be32toh(wc[1].imm_data), 0xcafe);
	assert_dst(src.addr, 1000, 200);
}

static void scatter_gather_lists_join_in_order(void **state)
{
	struct ibv_sge gather[3] = {
		{ (uintptr_t)src.addr + 100, 10, src.mr->lkey },
		{ (uintptr_t)src.addr, 1, src.mr->lkey },
		{ (uintptr_t)src.addr + 5000, 4100, src.mr->lkey },
	};
	struct ibv_sge scatter[2] = {
		{ (uintptr_t)dst.addr + 20000, 5, dst.mr->lkey },
		{ (uintptr_t)dst.addr + 1, 8000, dst.mr->lkey },
	};
	struct ibv_recv_wr *bad_recv, recv = { .sg_list = scatter, .num_sge = 2 };
	struct ibv_send_wr *bad_send, send = {
		.sg_list = gather,
		.num_sge = 3,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	};
	struct ibv_wc wc[2] = {};
	uint8_t message[4111];

	(void)state;
	memcpy(message, src.addr + 100, 10);
	memcpy(message + 10, src.addr, 1);
	memcpy(message + 11, src.addr + 5000, 4100);
	assert_int_equal(ibv_post_recv(qp[1], &recv, &bad_recv), 0);
	assert_int_equal(ibv_post_send(qp[0], &send, &bad_send), 0);
	wait_both(wc);
	assert_int_equal(wc[1].byte_len, sizeof(message));
	assert_memory_equal(dst.addr + 20000, message, 5);
	memset(dst.addr + 20000, GUARD, 5);
	assert_dst(message + 5, 1, sizeof(message) - 5);
}

static void inline_data_is_taken_when_posted(void **state)
{
	uint8_t data[RDMA_INLINE], sent[RDMA_INLINE];
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, sizeof(data));

	(void)state;
	rdma_pattern(data, sizeof(data), 9);
	memcpy(sent, data, sizeof(data));
	wr.local = (uintptr_t)data;
	wr.lkey = 0; /* not registered at all */
	wr.flags = IBV_SEND_INLINE;
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	memset(data, 0, sizeof(data));
	assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	assert_dst(sent, 0, sizeof(sent));
}

static void zero_length_write_touches_nothing(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 0);

	(void)state;
	wr.rkey = 0;
	assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	assert_dst(src.addr, 0, 0);
}

/* More requests than the queue has places, so that ring indices wrap many times. */
static void queues_wrap_and_keep_their_order(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &src, &dst, 4);
	unsigned int posted = 0, done = 0;

	(void)state;
	while (done < 10 * RDMA_DEPTH) {
		struct ibv_wc wc;

		while (posted < 10 * RDMA_DEPTH && posted - done < RDMA_DEPTH) {
			wr.wr_id = posted++;
			assert_int_equal(rdma_post(qp[0], &wr), 0);
		}
		wc = rdma_wait(node.cq);
		assert_wc(wc.status, IBV_WC_SUCCESS);
		assert_int_equal(wc.wr_id, done++);
	}
}

/* One that has been emptied takes as many once more. */
static void full_send_queue_refuses_with_enomem_and_names_the_request(void **state)
{
	struct ibv_send_wr send[2 * RDMA_DEPTH] = {}, *bad = NULL;
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;

	(void)state;
	assert_int_equal(ibv_query_qp(qp[0], &attr, IBV_QP_CAP, &init_attr), 0);
	assert_in_range(init_attr.cap.max_send_wr, RDMA_DEPTH, 2 * RDMA_DEPTH - 1);
	for (int i = 0; i < 2 * RDMA_DEPTH; i++) {
		send[i].opcode = IBV_WR_RDMA_WRITE;
		send[i].send_flags = IBV_SEND_SIGNALED;
		send[i].next = i + 1 < 2 * RDMA_DEPTH ? &send[i + 1] : NULL;
	}
	for (int round = 0; round < 2; round++) {
		assert_int_equal(ibv_post_send(qp[0], send, &bad), ENOMEM);
		assert_ptr_equal(bad, &send[init_attr.cap.max_send_wr]);
		for (uint32_t i = 0; i < init_attr.cap.max_send_wr; i++)
			assert_wc(rdma_wait(node.cq).status, IBV_WC_SUCCESS);
	}
}

static void unsignalled_requests_complete_silently(void **state)
{
	struct ibv_sge sge = { (uintptr_t)src.addr, 8, src.mr->lkey };
	struct ibv_send_wr *bad, send[3] = {};
	struct ibv_wc wc;

	(void)state;
	for (int i = 0; i < 3; i++) {
		send[i] = (struct ibv_send_wr){
			.wr_id = i,
			.next = i < 2 ? &send[i + 1] : NULL,
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_WRITE,
			.send_flags = i == 2 ? IBV_SEND_SIGNALED : 0,
			.wr.rdma = { (uintptr_t)dst.addr + 8 * i, dst.mr->rkey },
		};
	}
	assert_int_equal(ibv_post_send(qp[0], send, &bad), 0);
	wc = rdma_wait(node.cq);
	assert_wc(wc.status, IBV_WC_SUCCESS);
	assert_int_equal(wc.wr_id, 2);
	assert_false(rdma_poll(node.cq, &wc, 100));
	for (int i = 0; i < 3; i++)
		assert_memory_equal(dst.addr + 8 * i, src.addr, 8);
}

/* Filled again after each message. */
static void receive_queue_full_to_the_last_slot_works(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, 8);
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;
	unsigned int room;

	(void)state;
	assert_int_equal(ibv_query_qp(qp[1], &attr, IBV_QP_CAP, &init_attr), 0);
	room = init_attr.cap.max_recv_wr;
	for (unsigned int i = 0; i < room; i++)
		assert_int_equal(rdma_post_recv(qp[1], i, &dst, 8), 0);
	assert_int_equal(rdma_post_recv(qp[1], room, &dst, 8), ENOMEM);
	for (unsigned int i = 0; i < 2 * room; i++) {
		struct ibv_wc wc[2] = {};

		assert_int_equal(rdma_post(qp[0], &wr), 0);
		wait_both(wc);
		assert_int_equal(wc[1].wr_id, i);
		assert_int_equal(rdma_post_recv(qp[1], room + i, &dst, 8), 0);
	}
}

/* The receiver posts late: the sender waits for it instead of failing. */
static void send_waits_for_a_late_receive(void **state)
{
	struct rdma_wr wr = rdma_wr(IBV_WR_SEND, &src, NULL, 64);
	struct ibv_wc wc[2] = {};

	(void)state;
	assert_int_equal(rdma_post(qp[0], &wr), 0);
	assert_false(rdma_poll(node.cq, &wc[0], 50));
	assert_int_equal(rdma_post_recv(qp[1], 1, &dst, 64), 0);
	wait_both(wc);
	assert_dst(src.addr, 0, 64);
}

#define THREADS 4
#define LISTS 200 /* of each thread */
#define LIST_LEN 8
#define POSTS (THREADS * LISTS * LIST_LEN)

/*
 * Requests that may still be posted before a completion is taken: the completion queue never
 * overflows.
 */
static atomic_int credits;
static atomic_bool stop;
static uint32_t posting_qps; /* the threads take turns at them */

struct poster {
	pthread_t thread;
	uint32_t index;
	int err;
};

/* One list of inline writes; wr_id counts all requests of all threads. */
static int post_list(uint32_t thread, uint32_t list)
{
	struct ibv_sge sge = { (uintptr_t)src.addr + 64 * thread, RDMA_INLINE, 0 };
	struct ibv_send_wr *bad, send[LIST_LEN] = {};

	for (uint32_t i = 0; i < LIST_LEN; i++)
		send[i] = (struct ibv_send_wr){
			.wr_id = (thread * LISTS + list) * LIST_LEN + i,
			.next = i + 1 < LIST_LEN ? &send[i + 1] : NULL,
			.sg_list = &sge,
			.num_sge = 1,
			.opcode = IBV_WR_RDMA_WRITE,
			.send_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE,
			.wr.rdma = { (uintptr_t)dst.addr + 64 * thread, dst.mr->rkey },
		};
	return ibv_post_send(qp[thread % posting_qps], send, &bad);
}

static void *post_many(void *arg)
{
	struct poster *poster = arg;

	for (uint32_t list = 0; list < LISTS && !poster->err; list++) {
		while (!stop && atomic_fetch_sub(&credits, LIST_LEN) < LIST_LEN) {
			atomic_fetch_add(&credits, LIST_LEN);
			sched_yield();
		}
		if (stop)
			break;
		poster->err = post_list(poster->index, list);
	}
	return NULL;
}

/* Takes completions until all have come, or one is wrong or missing; number of good ones. */
static unsigned int take_all(void)
{
	static bool seen[POSTS];
	struct ibv_wc wc;

	memset(seen, 0, sizeof(seen));
	for (unsigned int n = 0; n < POSTS; n++) {
		if (!rdma_poll(node.cq, &wc, 10000) || wc.status || wc.wr_id >= POSTS ||
		    seen[wc.wr_id])
			return n;
		seen[wc.wr_id] = true;
		credits++;
	}
	return POSTS;
}

static void post_from_threads(uint32_t qps)
{
	struct poster posters[THREADS] = {};
	unsigned int taken;

	posting_qps = qps;
	credits = RDMA_DEPTH;
	stop = false;
	for (uint32_t i = 0; i < THREADS; i++) {
		posters[i].index = i;
		assert_int_equal(pthread_create(&posters[i].thread, NULL, post_many, &posters[i]),
				 0);
	}
	taken = take_all();
	stop = true;
	for (int i = 0; i < THREADS; i++)
		pthread_join(posters[i].thread, NULL);
	assert_int_equal(taken, POSTS);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(posters[i].err, 0);
	assert_dst(src.addr, 0, 64 * THREADS);
}

/* ibv_post_send() and ibv_poll_cq() are thread-safe: nothing is lost, nothing comes twice. */
static void threads_share_a_queue_pair(void **state)
{
	(void)state;
	post_from_threads(1);
}

/* Two engines fill one completion queue at the same time. */
static void queue_pairs_share_a_completion_queue(void **state)
{
	(void)state;
	post_from_threads(2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define rdma_test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
		rdma_test(write_moves_exactly_its_bytes),
		rdma_test(read_moves_exactly_its_bytes),
		rdma_test(send_fills_the_posted_receive),
		rdma_test(send_with_imm_carries_the_immediate),
		rdma_test(write_with_imm_consumes_a_receive_and_leaves_its_buffer),
		rdma_test(scatter_gather_lists_join_in_order),
		rdma_test(inline_data_is_taken_when_posted),
		rdma_test(zero_length_write_touches_nothing),
		rdma_test(queues_wrap_and_keep_their_order),
		rdma_test(full_send_queue_refuses_with_enomem_and_names_the_request),
		rdma_test(unsignalled_requests_complete_silently),
		rdma_test(receive_queue_full_to_the_last_slot_works),
		rdma_test(send_waits_for_a_late_receive),
		rdma_test(threads_share_a_queue_pair),
		rdma_test(queue_pairs_share_a_completion_queue),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
