// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Two queue pairs that complete into one queue at the very same time. Flushes are made for that: no byte is moved,
 * the engine does nothing but write completions.
 */
#include <pthread.h>
#include <string.h>

#include "rdma_fixture.h"

#define DEPTH 1000
#define ROUNDS 20

static struct rdma_node node;
static struct ibv_cq *cq;

struct flusher {
	pthread_t thread;
	pthread_barrier_t *start;
	struct ibv_qp *qp;
	uint64_t first; /* number of its first request */
	int err;
};

static struct ibv_qp *create_broken_qp(void)
{
	struct ibv_qp_init_attr init = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = { .max_send_wr = DEPTH, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp = ibv_create_qp(node.pd, &init);
	struct ibv_qp_attr error = { .qp_state = IBV_QPS_ERR };

	assert_non_null(qp);
	rdma_qp_connect(qp, &node.gid, qp->qp_num);
	assert_int_equal(ibv_modify_qp(qp, &error, IBV_QP_STATE), 0);
	return qp;
}

/* One list, one doorbell: the engine flushes all of it in one go. */
static void *flush(void *arg)
{
	struct ibv_send_wr *bad, send[DEPTH] = {};
	struct flusher *flusher = arg;

	for (unsigned int i = 0; i < DEPTH; i++)
		send[i] = (struct ibv_send_wr){
			.wr_id = flusher->first + i,
			.next = i + 1 < DEPTH ? &send[i + 1] : NULL,
			.opcode = IBV_WR_SEND,
		};
	pthread_barrier_wait(flusher->start);
	flusher->err = ibv_post_send(flusher->qp, send, &bad);
	return NULL;
}

/* All completions are there when the posts have returned. */
static void take_each_once(void)
{
	bool seen[2 * DEPTH] = {};
	struct ibv_wc wc;
	unsigned int n;

	for (n = 0; ibv_poll_cq(cq, 1, &wc) == 1; n++) {
		assert_wc(wc.status, IBV_WC_WR_FLUSH_ERR);
		assert_true(wc.wr_id < 2 * DEPTH);
		assert_false(seen[wc.wr_id]);
		seen[wc.wr_id] = true;
	}
	assert_int_equal(n, 2 * DEPTH);
}

static void queues_that_are_flushed_together_lose_no_completion(void **state)
{
	struct flusher flushers[2] = {};
	pthread_barrier_t start;

	(void)state;
	rdma_node_open(&node);
	cq = ibv_create_cq(node.context, 2 * DEPTH, NULL, NULL, 0);
	assert_non_null(cq);
	assert_int_equal(pthread_barrier_init(&start, NULL, 2), 0);
	for (int i = 0; i < 2; i++)
		flushers[i].qp = create_broken_qp();
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 2; i++) {
			flushers[i].start = &start;
			flushers[i].first = (uint64_t)i * DEPTH;
			assert_int_equal(pthread_create(&flushers[i].thread, NULL, flush, &flushers[i]), 0);
		}
		for (int i = 0; i < 2; i++) {
			pthread_join(flushers[i].thread, NULL);
			assert_int_equal(flushers[i].err, 0);
		}
		take_each_once();
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(ibv_destroy_qp(flushers[i].qp), 0);
	pthread_barrier_destroy(&start);
	assert_int_equal(ibv_destroy_cq(cq), 0);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(queues_that_are_flushed_together_lose_no_completion),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
