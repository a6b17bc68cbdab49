// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Litmus tests of what the RDMA device writes and reads: O5i, O5t, O6, O8, O12, O13, O16. */
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "litmus.h"

#define ROUNDS 100
#define BYTES (4 * KIB) /* of a message: several TLPs, and pages of the target */
#define FLAG BYTES /* offset of the flag, in the slice and in host memory */
#define INTO (BYTES + PAGE) /* where delivery reads go, in host memory */
#define FILE_EVERY 32

/* ---- O5i ------------------------------------------------------------------------------------- */

/* WRITE, unsignalled; the READ behind it; its CQE. Then the initiator believes. */
void o5i_write_then_delivery_read(void **state)
{
	struct litmus *l = *state;
	struct ibv_sge into = { (uintptr_t)l->peer.host.addr + INTO, 1, l->peer.host.mr->lkey };

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		litmus_fill(&l->peer, BYTES, i);
		assert_int_equal(litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, 0, 0, 0, BYTES), 0);
		assert_int_equal(vfiowc_post_delivery_read(l->peer.qp, i, &into, LITMUS_IOVA,
							   l->mr->rkey), 0);
		assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
		litmus_check(l, i % FILE_EVERY ? 0 : BYTES, i);
		vfiowc_acquire();
		litmus_look(l, i, l->wc + BYTES / 8 - LITMUS_WORDS);
	}
	litmus_nothing_wrong(l);
}

/*
 * FLUSH would do as well as the READ, but the core of Linux 7.3 lets no dma-buf be registered for it
 * (drivers/infiniband/core/uverbs_std_types_mr.c), whatever the device. When this fails, say in
 * ordering.md that it is to be had, and run the test above with a FLUSH.
 */
void o5i_no_slice_is_registered_for_flush(void **state)
{
	struct litmus *l = *state;

	assert_null(vfiowc_reg_mr(l->data, l->mine.node.pd, 0, LITMUS_SLICE, LITMUS_IOVA,
				  RDMA_REMOTE | IBV_ACCESS_FLUSH_GLOBAL));
	assert_int_equal(errno, EINVAL);
}

/* ---- O5t ------------------------------------------------------------------------------------- */

/* The peer's side: at each turn a WRITE_WITH_IMM. */
static void *peer_writes_with_imm(void *arg)
{
	struct litmus *l = arg;
	enum ibv_wc_status status;
	int err;

	for (uint64_t i = 1; litmus_await(l, i); i++) {
		litmus_fill(&l->peer, BYTES, i);
		err = litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE_WITH_IMM, IBV_SEND_SIGNALED, 0, 0,
				  BYTES);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
	}
	return NULL;
}

void o5t_receive_cqe_then_local_delivery_read(void **state)
{
	struct litmus *l = *state;

	litmus_peer(l, peer_writes_with_imm);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		assert_int_equal(rdma_post_recv(l->mine.qp, i, NULL, 0), 0);
		litmus_give(l, i);
		assert_wc(litmus_cqe(&l->mine), IBV_WC_SUCCESS);
		assert_int_equal(vfiowc_local_delivery(l->mr, LITMUS_IOVA + BYTES - 1, NULL), 0);
		for (size_t word = 0; word < BYTES / 8; word += LITMUS_WORDS)
			litmus_look(l, i, l->wc + word);
		if (i % FILE_EVERY == 0)
			litmus_check(l, BYTES, i);
	}
	litmus_joined(l);
	litmus_nothing_wrong(l);
}

/* ---- O6, O8, O16 ----------------------------------------------------------------------------- */

/* Data, then the flag: two WRITEs of one list on one QP, both strict. The number is in both. */
static void *peer_writes_data_and_flag(void *arg)
{
	struct litmus *l = arg;
	enum ibv_wc_status status;
	int err;

	for (uint64_t i = 1; !litmus_stopped(l); i++) {
		litmus_fill(&l->peer, BYTES + 8, i);
		err = litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, 0, 0, 0, BYTES);
		if (!err)
			err = litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, IBV_SEND_SIGNALED, FLAG,
					  FLAG, 8);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
	}
	return NULL;
}

static uint64_t last;
static unsigned int looks;

/* D: whoever reads the flag has the data; the last and the first line of it. */
static void look_at_data_after_flag(struct litmus *l)
{
	uint64_t flag, line[LITMUS_WORDS];

	if (++looks % FILE_EVERY == 0 && litmus_file_read(l, FLAG, &flag, 8) &&
	    litmus_file_read(l, BYTES - LITMUS_LINE, line, LITMUS_LINE)) {
		l->report->file_looks++;
		litmus_look(l, flag, line);
	}
	flag = l->nc[FLAG / 8];
	if (flag == last)
		return;
	last = flag;
	l->report->looks++;
	litmus_look(l, flag, l->nc + BYTES / 8 - LITMUS_WORDS);
	litmus_look(l, flag, l->nc);
}

static void data_then_flag(struct litmus *l)
{
	uint64_t start = 0;

	litmus_watch(l, look_at_data_after_flag);
	litmus_peer(l, peer_writes_data_and_flag);
	while (litmus_running(l, &start))
		sched_yield();
	litmus_joined(l);
	litmus_watched(l);
}

void o6_data_then_flag_by_nic(void **state)
{
	data_then_flag(*state);
}

/* The same with tags in the MR: they take no order away. That they add none is the model's. */
void o8_data_then_flag_with_steering_tags(void **state)
{
	struct vfiowc_tph tph = { .flags = VFIOWC_TAG_ST, .st = 0x2a, .ph = 2 };
	struct litmus *l = *state;
	struct vfiowc_mr_tph held;

	assert_int_equal(ibv_dereg_mr(l->mr), 0);
	assert_int_equal(vfiowc_set_tph(l->data, &tph), 0);
	l->mr = vfiowc_reg_mr(l->data, l->mine.node.pd, 0, LITMUS_SLICE, LITMUS_IOVA, RDMA_REMOTE);
	assert_non_null(l->mr);
	assert_int_equal(vfiowc_query_mr_tph(l->mr, &held, sizeof(held)), 0);
	assert_int_equal(held.valid, 1);
	assert_int_equal(held.st, 0x2a);
	data_then_flag(l);
}

/* C polls, first through NC, then through WC, and loads through WC. */
void o16_nic_flag_polled_by_cpu(void **state)
{
	struct litmus *l = *state;
	uint64_t start = 0, seen = 0;

	litmus_peer(l, peer_writes_data_and_flag);
	for (unsigned int i = 0; litmus_running(l, &start); i++) {
		uint64_t flag = i % 2 ? l->wc[FLAG / 8] : l->nc[FLAG / 8];

		if (flag == seen)
			continue;
		seen = flag;
		l->report->looks++;
		vfiowc_acquire();
		litmus_look(l, flag, l->wc + BYTES / 8 - LITMUS_WORDS);
		litmus_look(l, flag, l->wc);
	}
	litmus_joined(l);
	litmus_nothing_wrong(l);
	assert_true(l->report->looks >= LITMUS_LOOKS);
}

/* ---- O12 ------------------------------------------------------------------------------------- */

static int post_add(struct litmus *l, struct litmus_end *end)
{
	struct ibv_sge sge = { (uintptr_t)end->host.addr, 8, end->host.mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &sge, .num_sge = 1,
					.opcode = IBV_WR_ATOMIC_FETCH_AND_ADD,
					.send_flags = IBV_SEND_SIGNALED,
					.wr.atomic = { .remote_addr = LITMUS_IOVA, .compare_add = 1,
						       .rkey = l->mr->rkey } };

	return ibv_post_send(end->qp, &wr, &bad);
}

static void *peer_adds(void *arg)
{
	struct litmus *l = arg;
	enum ibv_wc_status status;
	int err;

	for (int i = 0; i < ROUNDS; i++) {
		err = post_add(l, &l->peer);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
	}
	litmus_give(l, 1);
	return NULL;
}

/* A queue pair of the target's own, connected to itself: the slice's MR is of the target's PD. */
static struct ibv_qp *connect_to_itself(struct litmus_end *end, int access)
{
	struct ibv_qp *qp = rdma_qp_create(&end->node);

	assert_int_equal(rdma_qp_init(qp, access), 0);
	assert_int_equal(rdma_qp_rtr(qp, &end->node.gid, qp->qp_num), 0);
	assert_int_equal(rdma_qp_rts(qp, 7), 0);
	return qp;
}

/* A device that does atomics does them one after the other; one that does not must refuse. */
void o12_atomics_of_two_queue_pairs(void **state)
{
	const int access = RDMA_REMOTE | IBV_ACCESS_REMOTE_ATOMIC;
	struct litmus *l = *state;
	struct litmus_end own = l->mine;
	struct ibv_qp_attr right = { .qp_access_flags = access };
	struct ibv_device_attr attr;

	assert_int_equal(ibv_query_device(l->mine.node.context, &attr), 0);
	if (attr.atomic_cap == IBV_ATOMIC_NONE) {
		print_message("the device has no atomics: that it refuses them is all to be seen\n");
		assert_int_not_equal(post_add(l, &l->peer), 0);
		return;
	}
	assert_int_equal(ibv_dereg_mr(l->mr), 0);
	l->mr = vfiowc_reg_mr(l->data, l->mine.node.pd, 0, LITMUS_SLICE, LITMUS_IOVA, access);
	assert_non_null(l->mr);
	assert_int_equal(ibv_modify_qp(l->mine.qp, &right, IBV_QP_ACCESS_FLAGS), 0);
	own.qp = connect_to_itself(&own, access);
	litmus_peer(l, peer_adds);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(post_add(l, &own), 0);
		assert_wc(litmus_cqe(&own), IBV_WC_SUCCESS);
	}
	assert_true(litmus_await(l, 1));
	litmus_joined(l);
	litmus_check(l, 8, 2 * ROUNDS);
	assert_int_equal(ibv_destroy_qp(own.qp), 0);
}

/* ---- O13 ------------------------------------------------------------------------------------- */

/* The peer's side: data and a flag of its own to host memory of the target. */
static void *peer_writes_to_host(void *arg)
{
	struct litmus *l = arg;
	uint64_t to = (uintptr_t)l->mine.host.addr;
	struct ibv_sge sge[2] = { { (uintptr_t)l->peer.host.addr, BYTES, l->peer.host.mr->lkey },
				  { (uintptr_t)l->peer.host.addr + FLAG, 8, l->peer.host.mr->lkey } };
	struct ibv_send_wr *bad, wr[2] = {};
	enum ibv_wc_status status;
	int err;

	for (int i = 0; i < 2; i++)
		wr[i] = (struct ibv_send_wr){ .next = i ? NULL : &wr[1], .sg_list = &sge[i],
					      .num_sge = 1, .opcode = IBV_WR_RDMA_WRITE,
					      .send_flags = i ? IBV_SEND_SIGNALED : 0,
					      .wr.rdma = { to + i * FLAG, l->mine.host.mr->rkey } };
	for (uint64_t i = 1; !litmus_stopped(l); i++) {
		litmus_fill(&l->peer, BYTES + 8, i);
		err = ibv_post_send(l->peer.qp, wr, &bad);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
	}
	return NULL;
}

/* The device promises no order inside a WRITE, and what the rule offers instead works. */
void o13_flag_of_its_own_not_the_last_byte(void **state)
{
	struct litmus *l = *state;
	volatile uint64_t *host = (void *)l->mine.host.addr;
	uint64_t start = 0, seen = 0;

	assert_int_equal(ibv_query_qp_data_in_order(l->peer.qp, IBV_WR_RDMA_WRITE, 0), 0);
	litmus_peer(l, peer_writes_to_host);
	while (litmus_running(l, &start)) {
		uint64_t flag = host[FLAG / 8];

		if (flag == seen)
			continue;
		seen = flag;
		l->report->looks++;
		vfiowc_acquire();
		for (size_t word = 0; word < BYTES / 8; word += LITMUS_WORDS)
			litmus_look(l, flag, host + word);
	}
	litmus_joined(l);
	litmus_nothing_wrong(l);
	assert_true(l->report->looks >= LITMUS_LOOKS);
}
