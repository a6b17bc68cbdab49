// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Random verbs through the plug-in. See random.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

static int alloc_pd(struct world *w)
{
	struct ibv_pd **place = random_pick(w, w->pd);

	RANDOM_REPLACE(place, ibv_dealloc_pd, ibv_alloc_pd(w->context));
}

static int create_cq(struct world *w)
{
	struct ibv_cq **place = random_pick(w, w->cq);
	int cqe = random_chance(w, 90) ? 1 + random_below(w, 256) : random_edge(w, 1 << 18);

	RANDOM_REPLACE(place, ibv_destroy_cq, ibv_create_cq(w->context, cqe, NULL, NULL, 0));
}

static uint32_t random_cap(struct world *w, uint32_t usual, uint32_t limit)
{
	return random_chance(w, 95) ? random_below(w, usual) : random_edge(w, limit);
}

static int create_qp(struct world *w)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = *random_pick(w, w->cq),
		.recv_cq = *random_pick(w, w->cq),
		.cap = {
			.max_send_wr = random_cap(w, 64, 16384),
			.max_recv_wr = random_cap(w, 64, 16384),
			.max_send_sge = random_cap(w, 5, 32),
			.max_recv_sge = random_cap(w, 5, 32),
			.max_inline_data = random_cap(w, 65, 512),
		},
		.srq = random_chance(w, 20) ? *random_pick(w, w->srq) : NULL,
		.qp_type = random_chance(w, 75) ? IBV_QPT_RC : random_chance(w, 80) ? IBV_QPT_UD : random_below(w, 12),
		.sq_sig_all = random_chance(w, 50),
	};
	struct ibv_qp **place = random_pick(w, w->qp);
	struct ibv_pd *pd = *random_pick(w, w->pd);

	random_scribble_stop();
	if (!pd || !attr.send_cq || !attr.recv_cq)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_destroy_qp, ibv_create_qp(pd, &attr));
}

static int ready_ud(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = RANDOM_QKEY };
	int err = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY);

	attr.qp_state = IBV_QPS_RTR;
	err = err ? err : ibv_modify_qp(qp, &attr, IBV_QP_STATE);
	attr.qp_state = IBV_QPS_RTS;
	return err ? err : ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN);
}

/* All the way, to itself or to another of ours. */
static int connect_qp(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp), *peer = *random_pick(w, w->qp);
	struct ibv_qp_attr reset = { .qp_state = IBV_QPS_RESET };
	uint8_t retries = random_chance(w, 20) ? 7 : random_below(w, 2);
	int err;

	if (!qp || !peer)
		return ENOENT;
	err = ibv_modify_qp(qp, &reset, IBV_QP_STATE);
	if (!err && qp->qp_type == IBV_QPT_UD)
		return ready_ud(qp);
	if (!err)
		err = rdma_qp_init(qp, RANDOM_ACCESS);
	if (!err)
		err = rdma_qp_rtr(qp, &w->gid, peer->qp_num);
	if (!err)
		err = rdma_qp_rts(qp, retries);
	return err;
}

/* Any attribute, any value. */
static int modify_qp(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_qp_attr attr;
	int mask;

	random_bytes(w, &attr, sizeof(attr));
	attr.qp_state = random_below(w, 8);
	attr.cur_qp_state = random_below(w, 8);
	mask = IBV_QP_STATE | random_below(w, 1 << 21);
	if (random_chance(w, 50))
		mask = IBV_QP_STATE;
	return qp ? ibv_modify_qp(qp, &attr, mask) : ENOENT;
}

static int query_qp(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;

	return qp ? ibv_query_qp(qp, &attr, IBV_QP_STATE, &init) : ENOENT;
}

static int destroy_qp(struct world *w)
{
	struct ibv_qp **place = random_pick(w, w->qp);

	random_scribble_stop();
	if (!*place)
		return ENOENT;
	if (ibv_destroy_qp(*place))
		return EBUSY;
	*place = NULL;
	return 0;
}

static int random_access_flags(struct world *w)
{
	return random_chance(w, 90) ? RANDOM_ACCESS : (int)random_below(w, 1 << 10);
}

/* Only the arena, and what is no memory at all: anything else would be this program's own. */
static int reg_mr(struct world *w)
{
	struct ibv_mr **place = random_pick(w, w->mr);
	struct ibv_pd *pd = *random_pick(w, w->pd);
	int access = random_access_flags(w) | (random_chance(w, 50) ? IBV_ACCESS_MW_BIND : 0);
	uint8_t *from = w->arena + random_below(w, RANDOM_ARENA);
	size_t len = 1 + random_below(w, w->arena + RANDOM_ARENA - from);

	if (random_chance(w, 5))
		from = (uint8_t *)(random_chance(w, 50) ? 0 : ~0xffffffUL);
	if (!pd)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_dereg_mr, ibv_reg_mr(pd, from, len, access));
}

static int reg_dmabuf_mr(struct world *w)
{
	struct ibv_mr **place = random_pick(w, w->mr);
	struct ibv_pd *pd = *random_pick(w, w->pd);
	uint64_t offset = random_chance(w, 80) ? 0 : random_edge(w, RANDOM_SLICE);
	uint64_t length = random_chance(w, 80) ? PAGE : random_edge(w, RANDOM_SLICE);
	uint64_t iova = offset + (random_chance(w, 90) ? 16 * MIB : random_edge(w, PAGE));
	int fd = *random_pick(w, w->dmabuf);

	if (!pd)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_dereg_mr, ibv_reg_dmabuf_mr(pd, offset, length, iova, fd, random_access_flags(w)));
}

static int dereg_mr(struct world *w)
{
	struct ibv_mr **place = random_pick(w, w->mr);
	int err;

	if (!*place)
		return ENOENT;
	err = ibv_dereg_mr(*place);
	if (!err)
		*place = NULL;
	return err;
}

/* A piece of one of our MRs, or of none. libibverbs keeps no iova: dma-bufs have theirs at 16 MiB. */
struct ibv_sge random_sge(struct world *w)
{
	const struct ibv_mr *mr = *random_pick(w, w->mr);
	struct ibv_sge sge = { .length = random_chance(w, 50) ? random_below(w, 9) : random_below(w, PAGE) };

	if (mr) {
		sge.addr = mr->addr ? (uintptr_t)mr->addr : 16 * MIB;
		sge.lkey = mr->lkey;
	}
	if (random_chance(w, 10))
		sge.addr += random_edge(w, PAGE);
	if (random_chance(w, 5))
		sge.length = random_edge(w, 1UL << 31);
	if (random_chance(w, 5))
		sge.lkey = random_below(w, UINT32_MAX);
	return sge;
}

static int post_send(struct world *w)
{
	struct ibv_sge sges[4], remote = random_sge(w);
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_send_wr *bad, wr = {
		.opcode = random_chance(w, 90) ? random_below(w, 5) : random_below(w, 16),
		.send_flags = random_chance(w, 90) ? IBV_SEND_SIGNALED : random_below(w, 32),
		.num_sge = random_below(w, 5),
		.sg_list = sges,
		.wr.rdma = { .remote_addr = remote.addr, .rkey = remote.lkey },
	};

	for (int i = 0; i < 4; i++)
		sges[i] = random_sge(w);
	/* what is bound and invalidated: random_objects.c */
	if (wr.opcode == IBV_WR_BIND_MW)
		return ENOENT;
	/* The plug-in reads inline data itself: from the arena, and no more than may be copied. */
	for (int i = 0; i < 4 && wr.send_flags & IBV_SEND_INLINE; i++)
		sges[i].addr = (uintptr_t)w->arena;
	/* of a datagram the plug-in would take the remote address for an address handle: random_objects.c */
	return qp && qp->qp_type != IBV_QPT_UD ? ibv_post_send(qp, &wr, &bad) : ENOENT;
}

static int post_recv(struct world *w)
{
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_sge sges[4];
	struct ibv_recv_wr *bad, wr = { .num_sge = random_below(w, 5), .sg_list = sges };

	for (int i = 0; i < 4; i++)
		sges[i] = random_sge(w);
	return qp ? ibv_post_recv(qp, &wr, &bad) : ENOENT;
}

static int poll_cq(struct world *w)
{
	struct ibv_cq *cq = *random_pick(w, w->cq);
	struct ibv_wc wc[16];

	if (!cq)
		return ENOENT;
	return ibv_poll_cq(cq, 16, wc) < 0 ? EIO : 0;
}

static int arm_cq(struct world *w)
{
	struct ibv_cq *cq = *random_pick(w, w->cq);

	return cq ? ibv_req_notify_cq(cq, random_chance(w, 50)) : ENOENT;
}

void random_verbs_start(struct world *w)
{
	struct rdma_node node = { .context = w->context, .gid = w->gid };

	for (int i = 0; i < 2; i++)
		node.pd = w->pd[i] = ibv_alloc_pd(w->context);
	for (int i = 0; i < 3; i++)
		node.cq = w->cq[i] = ibv_create_cq(w->context, 256, NULL, NULL, 0);
	if (!node.pd || !node.cq)
		_exit(2);
	rdma_qp_pair(&node, &w->qp[0]);
	rdma_qp_pair(&node, &w->qp[2]);
	w->mr[0] = ibv_reg_mr(node.pd, w->arena, RANDOM_ARENA, RANDOM_ACCESS | IBV_ACCESS_MW_BIND);
}

static const struct operation ops[] = {
	{ "alloc_pd", 1, alloc_pd },
	{ "create_cq", 2, create_cq },
	{ "create_qp", 3, create_qp },
	{ "connect_qp", 12, connect_qp },
	{ "modify_qp", 4, modify_qp },
	{ "query_qp", 2, query_qp },
	{ "destroy_qp", 1, destroy_qp },
	{ "reg_mr", 3, reg_mr },
	{ "reg_dmabuf_mr", 4, reg_dmabuf_mr },
	{ "dereg_mr", 1, dereg_mr },
	{ "post_send", 16, post_send },
	{ "post_recv", 8, post_recv },
	{ "poll_cq", 6, poll_cq },
	{ "arm_cq", 2, arm_cq },
};

const struct operations random_rdma = OPERATIONS(ops);
