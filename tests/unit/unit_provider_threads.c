// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The plug-in's rings with a thread at each end: one posts, one is the device, one polls. Each slot is read as it
 * was written, in its order. Under ThreadSanitizer a release or an acquire that is missing is a data race, on
 * whatever processor.
 */
#include "provider_fixture.h"

#include <pthread.h>
#include <sched.h>

#define REQUESTS 5000u
#define POLLED (FAKE_ENTRIES * 100000u)

static struct vfiowc_ring_header *sq, *completions;
static uint64_t wrong; /* wr_ids that the device or the poller did not expect */

static uint32_t acquire(const uint32_t *index)
{
	return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void release(uint32_t *index, uint32_t value)
{
	__atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static void expect(uint64_t wr_id, uint32_t wanted)
{
	if (wr_id != wanted)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

/* Takes one request at a time and completes it. */
static void *be_the_device(void *arg)
{
	(void)arg;
	for (uint32_t i = 0; i < REQUESTS; i++) {
		struct vfiowc_cqe cqe = { .qp_num = qp->qp_num, .opcode = IBV_WC_SEND, .wqe_index = i + 1 };
		const struct vfiowc_send_wqe *wqe = fake_slot(FAKE_SQ, i);

		while (acquire(&sq->producer) == i)
			sched_yield();
		cqe.wr_id = wqe->wr_id;
		expect(cqe.wr_id, i);
		release(&sq->consumer, i + 1);
		while (i - acquire(&completions->consumer) == FAKE_ENTRIES)
			sched_yield();
		memcpy(fake_slot(FAKE_CQ, i), &cqe, sizeof(cqe));
		release(&completions->producer, i + 1);
	}
	return NULL;
}

static void *poll_all(void *arg)
{
	struct ibv_wc wc;

	(void)arg;
	for (uint32_t i = 0; i < REQUESTS;) {
		if (ibv_poll_cq(cq, 1, &wc) == 1)
			expect(wc.wr_id, i++);
		else
			sched_yield();
	}
	return NULL;
}

static void posting_completing_and_polling_do_not_race(void **state)
{
	pthread_t device, poller;

	(void)state;
	sq = fake.ring[FAKE_SQ];
	completions = fake.ring[FAKE_CQ];
	wrong = 0;
	assert_int_equal(pthread_create(&device, NULL, be_the_device, NULL), 0);
	assert_int_equal(pthread_create(&poller, NULL, poll_all, NULL), 0);
	for (uint32_t i = 0; i < REQUESTS;) {
		struct ibv_send_wr *bad, wr = { .wr_id = i, .opcode = IBV_WR_SEND };
		int err = ibv_post_send(qp, &wr, &bad);

		if (err == ENOMEM) {
			sched_yield();
			continue;
		}
		assert_int_equal(err, 0);
		i++;
	}
	pthread_join(device, NULL);
	pthread_join(poller, NULL);
	assert_int_equal(wrong, 0);
}

/* How often the completion in each slot was taken, by both threads. */
static uint32_t times[FAKE_ENTRIES];
static pthread_barrier_t both;

static void *poll_until_empty(void *arg)
{
	struct ibv_wc wc;

	(void)arg;
	pthread_barrier_wait(&both);
	for (uint32_t i = 0; i < POLLED && ibv_poll_cq(cq, 1, &wc) == 1; i++)
		__atomic_fetch_add(&times[wc.wr_id % FAKE_ENTRIES], 1, __ATOMIC_RELAXED);
	return NULL;
}

/* So that none has to wait, the device seems to have filled its slots many times over. */
static void two_that_poll_take_each_completion_once(void **state)
{
	pthread_t other;

	(void)state;
	memset(times, 0, sizeof(times));
	for (uint32_t i = 0; i < FAKE_ENTRIES; i++)
		*(struct vfiowc_cqe *)fake_slot(FAKE_CQ, i) =
			(struct vfiowc_cqe){ .wr_id = i, .qp_num = qp->qp_num, .opcode = IBV_WC_SEND };
	release(&fake.ring[FAKE_CQ]->producer, POLLED);
	assert_int_equal(pthread_barrier_init(&both, NULL, 2), 0);
	assert_int_equal(pthread_create(&other, NULL, poll_until_empty, NULL), 0);
	poll_until_empty(NULL);
	pthread_join(other, NULL);
	pthread_barrier_destroy(&both);
	for (int i = 0; i < FAKE_ENTRIES; i++)
		assert_int_equal(times[i], POLLED / FAKE_ENTRIES);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, POLLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(posting_completing_and_polling_do_not_race, provider_setup,
						provider_teardown),
		cmocka_unit_test_setup_teardown(two_that_poll_take_each_completion_once, provider_setup,
						provider_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
