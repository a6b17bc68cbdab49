// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What others find between two stores of the plug-in. The page of the second one is read-only, so that
 * it traps: the signal handler is then the other thread, or the kernel, that runs just before it.
 */
#include <signal.h>

#include "provider_fixture.h"

#define PAGE_BYTES 4096

static struct {
	void *page;
	void (*meanwhile)(void);
	bool happened;
	struct sigaction before;
} stop;

static struct ibv_cq *polled;
static int gave; /* what was done meanwhile */

static void *page_of(const void *address)
{
	return (void *)((uintptr_t)address / PAGE_BYTES * PAGE_BYTES);
}

static void on_segv(int signo, siginfo_t *info, void *ucontext)
{
	(void)ucontext;
	if (stop.happened || page_of(info->si_addr) != stop.page) {
		signal(signo, SIG_DFL); /* it is none of ours, and comes again */
		return;
	}
	mprotect(stop.page, PAGE_BYTES, PROT_READ | PROT_WRITE);
	stop.happened = true;
	stop.meanwhile();
}

/* Just before the next store to the page of @address, @meanwhile runs. */
static void stop_at(const void *address, void (*meanwhile)(void))
{
	struct sigaction action = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };

	stop.page = page_of(address);
	stop.meanwhile = meanwhile;
	stop.happened = false;
	assert_int_equal(sigaction(SIGSEGV, &action, &stop.before), 0);
	assert_int_equal(mprotect(stop.page, PAGE_BYTES, PROT_READ), 0);
}

/* Has it run? */
static bool stop_end(void)
{
	assert_int_equal(mprotect(stop.page, PAGE_BYTES, PROT_READ | PROT_WRITE), 0);
	assert_int_equal(sigaction(SIGSEGV, &stop.before, NULL), 0);
	return stop.happened;
}

static int post(void)
{
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_SEND };

	return ibv_post_send(qp, &wr, &bad);
}

/* All slots of the send queue are used. */
static void fill_queue(void)
{
	for (int i = 0; i < FAKE_ENTRIES; i++)
		assert_int_equal(post(), 0);
	assert_int_equal(post(), ENOMEM);
}

static void complete(enum ibv_wc_opcode opcode, uint32_t wqe_index)
{
	uint32_t index = fake.ring[FAKE_CQ]->producer++;

	*(struct vfiowc_cqe *)fake_slot(FAKE_CQ, index) = (struct vfiowc_cqe){
		.wr_id = index,
		.opcode = opcode,
		.qp_num = qp->qp_num,
		.wqe_index = wqe_index,
	};
}

/* The slots that are the kernel's with the store that comes now, it may overwrite. */
static void post_and_overwrite(void)
{
	gave = post();
	for (uint32_t i = fake.ring[FAKE_CQ]->consumer; i != to_vfiowc_cq(polled)->ring.index; i++)
		memset(fake_slot(FAKE_CQ, i), 0xee, sizeof(struct vfiowc_cqe));
}

static void poll_all(int count)
{
	struct ibv_wc wc[FAKE_ENTRIES];
	bool stopped;
	int n;

	polled = cq;
	gave = -1;
	stop_at(&fake.ring[FAKE_CQ]->consumer, post_and_overwrite);
	n = ibv_poll_cq(cq, count, wc);
	stopped = stop_end();
	assert_int_equal(n, count);
	assert_true(stopped);
	assert_int_equal(gave, ENOMEM);
	for (int i = 0; i < n; i++)
		assert_int_equal(wc[i].wr_id, i);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, n);
	assert_int_equal(post(), 0);
}

/* What is posted needs a slot of the completion queue, which may have no more than were in use. */
static void request_is_over_when_its_slot_is_free_and_not_before(void **state)
{
	(void)state;
	fill_queue();
	for (uint32_t i = 0; i < FAKE_ENTRIES; i++)
		complete(IBV_WC_SEND, i + 1);
	poll_all(FAKE_ENTRIES);
}

/* Those of one queue are given back before the next queue's are read. */
static void requests_of_two_queues_are_over_when_their_slots_are_free(void **state)
{
	(void)state;
	fill_queue();
	for (uint32_t i = 0; i < FAKE_ENTRIES / 2; i++) {
		complete(IBV_WC_SEND, i + 1);
		complete(IBV_WC_RECV, i + 1);
	}
	poll_all(FAKE_ENTRIES);
	for (int i = 1; i < FAKE_ENTRIES / 2; i++)
		assert_int_equal(post(), 0);
	assert_int_equal(post(), ENOMEM);
}

/* An application posts the next request before it ends the poll. */
static void polled_request_makes_room_before_the_poll_ends(void **state)
{
	struct ibv_cq_init_attr_ex init = { .cqe = 1, .wc_flags = IBV_WC_STANDARD_FLAGS };
	struct ibv_cq_ex *cq_ex = vfiowc_create_cq_ex(context, &init);
	struct ibv_poll_cq_attr attr = {};
	bool stopped;
	int err;

	(void)state;
	assert_non_null(cq_ex);
	polled = ibv_cq_ex_to_cq(cq_ex);
	verbs_init_cq(polled, context, NULL, NULL);
	fill_queue();
	for (uint32_t i = 0; i < FAKE_ENTRIES; i++)
		complete(IBV_WC_SEND, i + 1);
	gave = -1;
	stop_at(&fake.ring[FAKE_CQ]->consumer, post_and_overwrite);
	err = ibv_start_poll(cq_ex, &attr);
	stopped = stop_end();
	assert_int_equal(err, 0);
	assert_true(stopped);
	assert_int_equal(gave, ENOMEM);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, 1);
	assert_int_equal(post(), 0);
	assert_int_equal(post(), ENOMEM);
	assert_int_equal(ibv_next_poll(cq_ex), 0);
	assert_int_equal(cq_ex->wr_id, 1);
	assert_int_equal(fake.ring[FAKE_CQ]->consumer, 2);
	assert_int_equal(post(), 0);
	ibv_end_poll(cq_ex);
	assert_int_equal(ibv_destroy_cq(polled), 0);
}

/* The counters of done.h get pages of their own: what lies beside them may be stored to. */
static void move_counters(void)
{
	struct vfiowc_done **leaf = &to_vfiowc_context(context)->done.leaves[qp->qp_num >> VFIOWC_DONE_BITS];
	const size_t bytes = sizeof(**leaf) << VFIOWC_DONE_BITS;
	struct vfiowc_done *moved = aligned_alloc(PAGE_BYTES, bytes);

	assert_non_null(moved);
	memcpy(moved, *leaf, bytes);
	free(*leaf);
	*leaf = moved;
	moved += qp->qp_num & VFIOWC_DONE_MASK;
	to_vfiowc_qp(qp)->sq.done = &moved->sq;
	to_vfiowc_qp(qp)->rq.done = &moved->rq;
}

static void reset(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };

	gave = ibv_modify_qp(qp, &attr, IBV_QP_STATE);
}

/* All of before a reset is over, also when another thread takes a completion of before just then. */
static void reset_is_not_undone_by_who_polls(void **state)
{
	struct ibv_wc wc;
	bool stopped;
	int n;

	(void)state;
	move_counters();
	fill_queue();
	complete(IBV_WC_SEND, 1);
	gave = -1;
	stop_at(to_vfiowc_qp(qp)->sq.done, reset);
	n = ibv_poll_cq(cq, 1, &wc);
	stopped = stop_end();
	assert_int_equal(n, 1);
	assert_true(stopped);
	assert_int_equal(gave, 0);
	qp->state = IBV_QPS_RTS;
	fill_queue();
}

#define with_setup(test) cmocka_unit_test_setup_teardown(test, provider_setup, provider_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_setup(request_is_over_when_its_slot_is_free_and_not_before),
		with_setup(requests_of_two_queues_are_over_when_their_slots_are_free),
		with_setup(polled_request_makes_room_before_the_poll_ends),
		with_setup(reset_is_not_undone_by_who_polls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
