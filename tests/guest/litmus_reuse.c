// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Litmus tests of memory that is taken away or used again: O9, O15, O17. */
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "litmus.h"

#define ROUNDS 100
#define BYTES (4 * KIB)

/* ---- O9 -------------------------------------------------------------------------------------- */

#define REVOKES 5
#define AT (2 * LITMUS_SLICE) /* of the slice that is revoked again and again */

/* What is revoked, and who writes it. */
static struct {
	volatile uint64_t *wc;
	struct ibv_mr *mr;
	uint32_t sigbus; /* the storing thread met it */
	uint32_t refused; /* and the NIC's requests ended in errors */
} victim;

static void store_without_end(void *arg)
{
	for (uint64_t i = 1; !litmus_stopped(arg); i++) {
		victim.wc[i % LITMUS_WORDS] = i;
		if (i % 64 == 0)
			vfiowc_wc_flush();
	}
}

static void *storer(void *l)
{
	if (guest_sigbus(store_without_end, l))
		__atomic_store_n(&victim.sigbus, 1, __ATOMIC_RELEASE);
	return NULL;
}

/* Words behind the storing thread's; ends with the first request that does not succeed. */
static void *nic_writer(void *arg)
{
	struct litmus *l = arg;
	struct ibv_sge sge = { (uintptr_t)l->peer.host.addr, LITMUS_LINE, l->peer.host.mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &sge, .num_sge = 1,
					.opcode = IBV_WR_RDMA_WRITE,
					.send_flags = IBV_SEND_SIGNALED,
					.wr.rdma = { LITMUS_LINE, victim.mr->rkey } };
	enum ibv_wc_status status = IBV_WC_SUCCESS;

	for (uint64_t i = 1; !status && !litmus_stopped(l); i++) {
		litmus_fill(&l->peer, LITMUS_LINE, i);
		if (ibv_post_send(l->peer.qp, &wr, &bad))
			break;
		status = litmus_cqe(&l->peer);
	}
	__atomic_store_n(&victim.refused, status == IBV_WC_REM_ACCESS_ERR, __ATOMIC_RELEASE);
	return NULL;
}

/* What the BAR holds, by the host's file, or where there is none by a new slice of the same bytes. */
static void bar_now(struct litmus *l, uint64_t now[2 * LITMUS_WORDS])
{
	struct vfiowc_buf *buf;
	struct vfiowc_mapping *map;

	if (litmus_file_read(l, AT, now, 2 * LITMUS_LINE))
		return;
	buf = lib_export(l->dev, AT, PAGE, VFIOWC_MEM_NC);
	map = lib_map(buf, PAGE);
	for (int i = 0; i < 2 * LITMUS_WORDS; i++)
		now[i] = ((volatile uint64_t *)vfiowc_map_addr(map))[i];
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

static bool written(void *arg)
{
	uint64_t now[2 * LITMUS_WORDS];

	bar_now(arg, now);
	return now[0] && now[LITMUS_WORDS];
}

static void clear(struct litmus *l)
{
	struct vfiowc_buf *buf = lib_export(l->dev, AT, PAGE, VFIOWC_MEM_NC);
	struct vfiowc_mapping *map = lib_map(buf, PAGE);

	memset(vfiowc_map_addr(map), 0, 2 * LITMUS_LINE);
	vfiowc_deliver(vfiowc_map_addr(map));
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

/* One revoke while a thread and the NIC write: what the BAR held when it returned stays. */
static void revoke_once(struct litmus *l)
{
	uint64_t at_return[2 * LITMUS_WORDS], later[2 * LITMUS_WORDS];
	struct vfiowc_buf *buf;
	struct vfiowc_mapping *map;
	pthread_t nic;

	clear(l);
	buf = lib_export(l->dev, AT, PAGE, VFIOWC_MEM_WC);
	map = lib_map(buf, PAGE);
	memset(&victim, 0, sizeof(victim));
	victim.wc = vfiowc_map_addr(map);
	victim.mr = vfiowc_reg_mr(buf, l->mine.node.pd, 0, PAGE, 0, RDMA_REMOTE);
	assert_non_null(victim.mr);
	litmus_peer(l, storer);
	assert_int_equal(pthread_create(&nic, NULL, nic_writer, l), 0);
	assert_true(guest_wait_for(written, l, 10000));
	assert_int_equal(vfiowc_revoke(buf), 0);
	bar_now(l, at_return);
	usleep(2000);
	bar_now(l, later);
	pthread_join(nic, NULL);
	litmus_joined(l);
	l->report->stop = 0;
	assert_memory_equal(at_return, later, sizeof(later));
	assert_int_equal(victim.sigbus, 1);
	assert_int_equal(victim.refused, 1);
	ibv_dereg_mr(victim.mr);
	vfiowc_unmap(map);
	vfiowc_destroy_buf(buf);
}

/* The error completion has ended both queue pairs. */
static void connect_again(struct litmus *l)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_RESET };
	struct ibv_wc wc;

	assert_int_equal(ibv_modify_qp(l->mine.qp, &attr, IBV_QP_STATE), 0);
	assert_int_equal(ibv_modify_qp(l->peer.qp, &attr, IBV_QP_STATE), 0);
	while (ibv_poll_cq(l->mine.node.cq, 1, &wc) > 0 || ibv_poll_cq(l->peer.node.cq, 1, &wc) > 0)
		;
	rdma_qp_connect(l->mine.qp, &l->peer.node.gid, l->peer.qp->qp_num);
	rdma_qp_connect(l->peer.qp, &l->mine.node.gid, l->mine.qp->qp_num);
}

void o9_revoke_under_stores_and_writes(void **state)
{
	struct litmus *l = *state;

	for (int i = 0; i < REVOKES; i++) {
		revoke_once(l);
		connect_again(l);
	}
}

/* ---- O15 ------------------------------------------------------------------------------------- */

/* The source is in host memory: two WRITEs, the first unsignalled; the CQE of the second is both's. */
static void source_in_host_memory(struct litmus *l, uint64_t value)
{
	litmus_fill(&l->peer, 2 * BYTES, value);
	assert_int_equal(litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, 0, 0, 0, BYTES), 0);
	assert_int_equal(litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE, IBV_SEND_SIGNALED, BYTES, BYTES,
				     BYTES), 0);
	assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
	litmus_fill(&l->peer, 2 * BYTES, 0);
	for (size_t word = 0; word < 2 * BYTES / 8; word += LITMUS_WORDS)
		litmus_look(l, value, l->nc + word);
}

/* The source is in the slice: stored through WC, delivered (O4), sent, overwritten after the CQE. */
static void source_in_slice(struct litmus *l, uint64_t value)
{
	struct ibv_sge sge = { LITMUS_IOVA, LITMUS_LINE, l->mr->lkey };
	struct ibv_send_wr *bad, wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND,
					.send_flags = IBV_SEND_SIGNALED };

	assert_int_equal(rdma_post_recv(l->peer.qp, 1, &l->peer.host, LITMUS_LINE), 0);
	litmus_store_line(l->wc, value);
	vfiowc_deliver(l->bell);
	assert_int_equal(ibv_post_send(l->mine.qp, &wr, &bad), 0);
	assert_wc(litmus_cqe(&l->mine), IBV_WC_SUCCESS);
	litmus_store_line(l->wc, 0);
	vfiowc_wc_flush();
	assert_wc(litmus_cqe(&l->peer), IBV_WC_SUCCESS);
	litmus_look(l, value, (uint64_t *)l->peer.host.addr);
}

void o15_source_reused_after_cqe(void **state)
{
	struct litmus *l = *state;

	for (uint64_t i = 1; i <= ROUNDS; i++) {
		source_in_host_memory(l, i);
		source_in_slice(l, i);
	}
	litmus_nothing_wrong(l);
}

/* ---- O17 ------------------------------------------------------------------------------------- */

/* The peer overwrites the slice as soon as it has the credit. */
static void *peer_overwrites(void *arg)
{
	struct litmus *l = arg;
	enum ibv_wc_status status;
	int err;

	for (uint64_t i = 2;; i++) {
		litmus_fill(&l->peer, BYTES, i);
		if (!litmus_await(l, i - 1))
			return NULL;
		err = litmus_post(l, &l->peer, IBV_WR_RDMA_WRITE_WITH_IMM, IBV_SEND_SIGNALED, 0, 0,
				  BYTES);
		if (err)
			return litmus_fail_thread(l, err);
		status = litmus_cqe(&l->peer);
		if (status)
			return litmus_fail_thread(l, status);
	}
}

/* C copies what is there, then gives the credit: a receive, and a word that the peer waits for. */
void o17_credit_after_loads(void **state)
{
	struct litmus *l = *state;
	uint64_t copy[BYTES / 8];

	for (size_t word = 0; word < BYTES / 8; word++)
		l->wc[word] = 1;
	vfiowc_deliver(l->bell);
	litmus_peer(l, peer_overwrites);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		for (size_t word = 0; word < BYTES / 8; word++)
			copy[word] = l->wc[word];
		vfiowc_done_reading();
		assert_int_equal(rdma_post_recv(l->mine.qp, i, NULL, 0), 0);
		litmus_give(l, i);
		for (size_t word = 0; word < BYTES / 8; word++)
			if (copy[word] != i)
				litmus_wrong(l, i, copy[word]);
		assert_wc(litmus_cqe(&l->mine), IBV_WC_SUCCESS);
		assert_int_equal(vfiowc_local_delivery(l->mr, LITMUS_IOVA, NULL), 0); /* O5t */
	}
	litmus_joined(l);
	litmus_nothing_wrong(l);
}
