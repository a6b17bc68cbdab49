// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Many queue pairs, memory regions and processes: all of them work, and none waits for the others. What one
 * operation costs among many is measured by `lab perf`.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rdma_fixture.h"

#define QPS 1000
#define MRS 2000
#define PAGE 4096
#define PROCESSES 32
#define RUN_MS 2000
#define LONG_BYTES (32u << 20)

static struct rdma_node node;

static void every_one_of_a_thousand_queue_pairs_reaches_its_regions(void **state)
{
	struct ibv_qp **qps = calloc(QPS, sizeof(*qps));
	struct rdma_buf *bufs = calloc(MRS, sizeof(*bufs));

	(void)state;
	rdma_node_open(&node);
	for (int i = 0; i < QPS; i += 2)
		rdma_qp_pair(&node, &qps[i]);
	for (int i = 0; i < MRS; i++) {
		bufs[i] = rdma_buf_alloc(node.pd, PAGE, RDMA_REMOTE);
		rdma_pattern(bufs[i].addr, PAGE, i);
	}
	for (int i = 0; i < QPS; i++) {
		/* from one of the first thousand to one of the second, not in the same order */
		struct rdma_buf *from = &bufs[i], *to = &bufs[QPS + (i * 7) % QPS];
		struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, from, to, PAGE);

		assert_wc(rdma_do(qps[i], &wr), IBV_WC_SUCCESS);
	}
	for (int i = 0; i < QPS; i++)
		assert_memory_equal(bufs[QPS + (i * 7) % QPS].addr, bufs[i].addr, PAGE);
	for (int i = 0; i < MRS; i++)
		rdma_buf_free(&bufs[i]);
	for (int i = 0; i < QPS; i += 2)
		rdma_qp_unpair(&qps[i]);
	rdma_node_close(&node);
	free(bufs);
	free(qps);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* 8-byte WRITEs, one after the other, for some time; how many. */
static unsigned long short_writes(struct rdma_node *own, unsigned int ms)
{
	struct rdma_buf from = rdma_buf_alloc(own->pd, PAGE, RDMA_LOCAL);
	struct rdma_buf to = rdma_buf_alloc(own->pd, PAGE, RDMA_REMOTE);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &from, &to, 8);
	unsigned long done = 0;
	struct ibv_qp *qp[2];
	uint64_t end;

	rdma_qp_pair(own, qp);
	end = now_ms() + guest_ms(ms);
	for (; now_ms() < end; done++) {
		struct ibv_wc wc;

		assert_int_equal(rdma_post(qp[0], &wr), 0);
		while (!ibv_poll_cq(own->cq, 1, &wc))
			;
		assert_wc(wc.status, IBV_WC_SUCCESS);
	}
	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	return done;
}

struct crowd {
	int ready; /* processes that are set up */
	int go;
	unsigned long done[PROCESSES];
};

static void child(struct crowd *crowd, unsigned int number)
{
	struct rdma_node own;

	rdma_node_open(&own);
	__atomic_fetch_add(&crowd->ready, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&crowd->go, __ATOMIC_SEQ_CST))
		usleep(1000);
	crowd->done[number] = short_writes(&own, RUN_MS);
	_exit(0);
}

static int by_size(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return (x > y) - (x < y);
}

static bool all_ready(void *arg)
{
	struct crowd *crowd = arg;

	return __atomic_load_n(&crowd->ready, __ATOMIC_SEQ_CST) == PROCESSES;
}

/* The scheduler shares out two processors; a tenth of the median is far from any fairness of its own. */
static void none_of_many_processes_starves(void **state)
{
	struct crowd *crowd = mmap(NULL, sizeof(*crowd), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned long median;
	int status;

	(void)state;
	assert_ptr_not_equal(crowd, MAP_FAILED);
	for (unsigned int i = 0; i < PROCESSES; i++)
		if (!fork())
			child(crowd, i);
	assert_true(guest_wait_for(all_ready, crowd, 60000));
	__atomic_store_n(&crowd->go, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	qsort(crowd->done, PROCESSES, sizeof(crowd->done[0]), by_size);
	median = crowd->done[PROCESSES / 2];
	print_message("%d processes, WRITEs each: least %lu, median %lu, most %lu\n", PROCESSES,
		      crowd->done[0], median, crowd->done[PROCESSES - 1]);
	assert_true(crowd->done[0] >= median / 10 && crowd->done[0] > 0);
	munmap(crowd, sizeof(*crowd));
}

static int stop_long;

static void *long_writes(void *arg)
{
	struct rdma_node *own = arg;
	struct rdma_buf from = rdma_buf_alloc(own->pd, LONG_BYTES, RDMA_LOCAL);
	struct rdma_buf to = rdma_buf_alloc(own->pd, LONG_BYTES, RDMA_REMOTE);
	struct rdma_wr wr = rdma_wr(IBV_WR_RDMA_WRITE, &from, &to, LONG_BYTES);
	struct ibv_qp *qp[2];

	rdma_qp_pair(own, qp);
	while (!__atomic_load_n(&stop_long, __ATOMIC_RELAXED))
		assert_wc(rdma_do(qp[0], &wr), IBV_WC_SUCCESS);
	rdma_qp_unpair(qp);
	rdma_buf_free(&to);
	rdma_buf_free(&from);
	return NULL;
}

/* A long WRITE takes tens of milliseconds: whoever had to wait for one would do a hundred in this time. */
static void short_writes_do_not_wait_for_long_ones(void **state)
{
	unsigned long alone, beside;
	struct rdma_node other;
	pthread_t thread;

	(void)state;
	rdma_node_open(&node);
	rdma_node_open(&other);
	alone = short_writes(&node, RUN_MS);
	stop_long = 0;
	assert_int_equal(pthread_create(&thread, NULL, long_writes, &other), 0);
	usleep(200000); /* until the memory is registered */
	beside = short_writes(&node, RUN_MS);
	__atomic_store_n(&stop_long, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	print_message("short WRITEs: %lu alone, %lu beside long ones\n", alone, beside);
	assert_true(beside >= alone / 10);
	rdma_node_close(&other);
	rdma_node_close(&node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		guest_test(every_one_of_a_thousand_queue_pairs_reaches_its_regions),
		guest_test(none_of_many_processes_starves),
		guest_test(short_writes_do_not_wait_for_long_ones),
	};

	return cmocka_run_group_tests(tests, rdma_device_up, rdma_device_down);
}
