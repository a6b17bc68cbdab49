// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Random verbs on shared receive queues, datagrams, atomics and memory windows. See random.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "random.h"

static uint32_t random_size(struct world *w)
{
	return random_chance(w, 90) ? 1 + random_below(w, 64) : random_edge(w, 32768);
}

static int create_srq(struct world *w)
{
	struct ibv_srq_init_attr attr = {
		.attr = { .max_wr = random_size(w), .max_sge = random_below(w, 6), .srq_limit = random_below(w, 4) },
	};
	struct ibv_srq **place = random_pick(w, w->srq);
	struct ibv_pd *pd = *random_pick(w, w->pd);

	random_scribble_stop();
	if (!pd)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_destroy_srq, ibv_create_srq(pd, &attr));
}

/* Its size, its limit, both, or what there is not. The old ring goes away. */
static int modify_srq(struct world *w)
{
	struct ibv_srq_attr attr = { .max_wr = random_size(w), .srq_limit = random_below(w, 80) };
	struct ibv_srq *srq = *random_pick(w, w->srq);
	int mask = 1 + random_below(w, random_chance(w, 95) ? 3 : 15);

	random_scribble_stop();
	return srq ? ibv_modify_srq(srq, &attr, mask) : ENOENT;
}

static int query_srq(struct world *w)
{
	struct ibv_srq *srq = *random_pick(w, w->srq);
	struct ibv_srq_attr attr;

	return srq ? ibv_query_srq(srq, &attr) : ENOENT;
}

static int post_srq_recv(struct world *w)
{
	struct ibv_sge sges[4] = { random_sge(w), random_sge(w), random_sge(w), random_sge(w) };
	struct ibv_recv_wr *bad, wr = { .num_sge = random_below(w, 5), .sg_list = sges };
	struct ibv_srq *srq = *random_pick(w, w->srq);

	return srq ? ibv_post_srq_recv(srq, &wr, &bad) : ENOENT;
}

static int create_ah(struct world *w)
{
	struct ibv_ah_attr attr = {
		.port_num = random_chance(w, 95) ? 1 : random_below(w, 4),
		.is_global = random_chance(w, 95),
		.sl = random_below(w, 16),
		.grh = { .dgid = w->gid, .hop_limit = random_below(w, 256), .flow_label = random_below(w, 1 << 20) },
	};
	struct ibv_pd *pd = *random_pick(w, w->pd);
	struct ibv_ah **place = random_pick(w, w->ah);

	if (random_chance(w, 10))
		random_bytes(w, &attr.grh.dgid, sizeof(attr.grh.dgid));
	if (!pd)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_destroy_ah, ibv_create_ah(pd, &attr));
}

static int destroy_ah(struct world *w)
{
	struct ibv_ah **place = random_pick(w, w->ah);

	if (!*place)
		return ENOENT;
	if (ibv_destroy_ah(*place))
		return EBUSY;
	*place = NULL;
	return 0;
}

static int send_datagram(struct world *w)
{
	struct ibv_sge sges[2] = { random_sge(w), random_sge(w) };
	struct ibv_qp *qp = *random_pick(w, w->qp), *peer = *random_pick(w, w->qp);
	struct ibv_ah *ah = *random_pick(w, w->ah);
	struct ibv_send_wr *bad, wr = {
		.sg_list = sges,
		.num_sge = random_below(w, 3),
		.opcode = random_chance(w, 95) ? IBV_WR_SEND : random_below(w, 16),
		.send_flags = IBV_SEND_SIGNALED,
		.wr.ud = {
			.ah = ah,
			.remote_qpn = random_chance(w, 90) && peer ? peer->qp_num : random_below(w, 1 << 24),
			.remote_qkey = random_chance(w, 95) ? RANDOM_QKEY : random_below(w, UINT32_MAX),
		},
	};

	return qp && ah && qp->qp_type == IBV_QPT_UD ? ibv_post_send(qp, &wr, &bad) : ENOENT;
}

static int post_atomic(struct world *w)
{
	struct ibv_sge sge = random_sge(w), remote = random_sge(w);
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = random_chance(w, 50) ? IBV_WR_ATOMIC_FETCH_AND_ADD : IBV_WR_ATOMIC_CMP_AND_SWP,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.atomic = { .remote_addr = remote.addr, .rkey = remote.lkey },
	};

	if (random_chance(w, 90)) {
		sge.length = 8;
		wr.wr.atomic.remote_addr &= ~7ULL;
	}
	wr.wr.atomic.compare_add = random_below(w, 3);
	wr.wr.atomic.swap = random_below(w, 3);
	return qp && qp->qp_type != IBV_QPT_UD ? ibv_post_send(qp, &wr, &bad) : ENOENT;
}

static int alloc_mw(struct world *w)
{
	enum ibv_mw_type type = random_chance(w, 95) ? IBV_MW_TYPE_2 : random_below(w, 4);
	struct ibv_pd *pd = *random_pick(w, w->pd);
	struct ibv_mw **place = random_pick(w, w->mw);

	if (!pd)
		return ENOENT;
	RANDOM_REPLACE(place, ibv_dealloc_mw, ibv_alloc_mw(pd, type));
}

/* One of a few keys, so that a window is named by the right one now and then. */
static uint32_t random_window_key(struct world *w, const struct ibv_mw *mw)
{
	uint32_t key = (mw->rkey & ~0xffU) | random_below(w, 2);

	return random_chance(w, 95) ? key : key + random_below(w, 1 << 12);
}

static int bind_mw(struct world *w)
{
	struct ibv_sge part = random_sge(w);
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_mw *mw = *random_pick(w, w->mw);
	struct ibv_mr *mr = *random_pick(w, w->mr);
	struct ibv_send_wr *bad, wr = { .opcode = IBV_WR_BIND_MW, .send_flags = IBV_SEND_SIGNALED };

	if (!qp || !mw || !mr)
		return ENOENT;
	wr.bind_mw.mw = mw;
	wr.bind_mw.rkey = random_window_key(w, mw);
	wr.bind_mw.bind_info = (struct ibv_mw_bind_info){
		.mr = mr,
		.addr = random_chance(w, 80) ? (uintptr_t)mr->addr : part.addr,
		.length = part.length,
		.mw_access_flags = random_chance(w, 90) ? RDMA_REMOTE : random_below(w, 1 << 8),
	};
	return ibv_post_send(qp, &wr, &bad);
}

/* By this side, by a message to the other, or used. */
static int name_mw(struct world *w)
{
	static const enum ibv_wr_opcode opcodes[] = { IBV_WR_LOCAL_INV, IBV_WR_SEND_WITH_INV, IBV_WR_RDMA_WRITE };
	struct ibv_sge sge = random_sge(w), remote = random_sge(w);
	struct ibv_qp *qp = *random_pick(w, w->qp);
	struct ibv_mw *mw = *random_pick(w, w->mw);
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = *random_pick(w, opcodes),
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = remote.addr },
	};

	if (!qp || !mw || qp->qp_type == IBV_QPT_UD)
		return ENOENT;
	wr.wr.rdma.rkey = random_window_key(w, mw);
	wr.invalidate_rkey = wr.wr.rdma.rkey;
	return ibv_post_send(qp, &wr, &bad);
}

static const struct operation ops[] = {
	{ "create_srq", 2, create_srq },
	{ "modify_srq", 3, modify_srq },
	{ "query_srq", 1, query_srq },
	{ "post_srq_recv", 5, post_srq_recv },
	{ "create_ah", 2, create_ah },
	{ "destroy_ah", 1, destroy_ah },
	{ "send_datagram", 5, send_datagram },
	{ "post_atomic", 4, post_atomic },
	{ "alloc_mw", 2, alloc_mw },
	{ "bind_mw", 5, bind_mw },
	{ "name_mw", 6, name_mw },
};

const struct operations random_objects = OPERATIONS(ops);
