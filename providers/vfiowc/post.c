// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Posting lists of work requests: ibv_post_send(), ibv_post_recv(), ibv_post_srq_recv().
 *
 * vfiowc_wq.lock, one for each direction, covers the slots and our index of that ring. The
 * doorbell is rung after it is released: the kernel executes work requests inside the call, which
 * may be long, and serialises the callers itself.
 */
#include <errno.h>
#include <string.h>

#include "vfiowc.h"

static int copy_inline(struct vfiowc_send_wqe *wqe, const struct ibv_send_wr *wr,
		       uint32_t max_inline_bytes)
{
	uint8_t *to = (uint8_t *)(wqe + 1);
	uint32_t length = 0;

	for (int i = 0; i < wr->num_sge; i++) {
		const struct ibv_sge *sge = &wr->sg_list[i];

		if (sge->length > max_inline_bytes - length)
			return EINVAL;
		if (sge->length)
			memcpy(to + length, (const void *)(uintptr_t)sge->addr, sge->length);
		length += sge->length;
	}
	wqe->inline_length = length;
	return 0;
}

enum wr_traits {
	WR_SUPPORTED = 1 << 0,
	WR_REMOTE = 1 << 1, /* names remote memory */
	WR_IMM = 1 << 2,
	WR_MAY_INLINE = 1 << 3,
	WR_ATOMIC = 1 << 4,
	WR_UC = 1 << 5, /* beside RC */
	WR_UD = 1 << 6,
	WR_INV = 1 << 7,
	WR_BIND = 1 << 8,
	WR_LOCAL = 1 << 9, /* names no memory of this side but a window's */
};

static const uint16_t wr_traits[] = {
	[IBV_WR_RDMA_READ] = WR_SUPPORTED | WR_REMOTE,
	[IBV_WR_RDMA_WRITE] = WR_SUPPORTED | WR_UC | WR_REMOTE | WR_MAY_INLINE,
	[IBV_WR_RDMA_WRITE_WITH_IMM] = WR_SUPPORTED | WR_UC | WR_REMOTE | WR_MAY_INLINE | WR_IMM,
	[IBV_WR_SEND] = WR_SUPPORTED | WR_UC | WR_UD | WR_MAY_INLINE,
	[IBV_WR_SEND_WITH_IMM] = WR_SUPPORTED | WR_UC | WR_UD | WR_MAY_INLINE | WR_IMM,
	[IBV_WR_SEND_WITH_INV] = WR_SUPPORTED | WR_UC | WR_MAY_INLINE | WR_INV,
	[IBV_WR_LOCAL_INV] = WR_SUPPORTED | WR_UC | WR_LOCAL | WR_INV,
	[IBV_WR_BIND_MW] = WR_SUPPORTED | WR_UC | WR_LOCAL | WR_BIND,
	[IBV_WR_ATOMIC_CMP_AND_SWP] = WR_SUPPORTED | WR_ATOMIC,
	[IBV_WR_ATOMIC_FETCH_AND_ADD] = WR_SUPPORTED | WR_ATOMIC,
};

static uint16_t wanted_traits(enum ibv_qp_type type)
{
	if (type == IBV_QPT_UD)
		return WR_SUPPORTED | WR_UD;
	return type == IBV_QPT_UC ? WR_SUPPORTED | WR_UC : WR_SUPPORTED;
}

static uint16_t wr_traits_of(enum ibv_wr_opcode opcode)
{
	return opcode < sizeof(wr_traits) / sizeof(wr_traits[0]) ? wr_traits[opcode] : 0;
}

/* What this opcode uses goes into the slot, everything else there is zero. */
static int set_opcode(enum ibv_qp_type type, struct vfiowc_send_wqe *wqe,
		      const struct ibv_send_wr *wr)
{
	uint16_t traits = wr_traits_of(wr->opcode);
	uint16_t wanted = wanted_traits(type);

	if ((traits & wanted) != wanted)
		return EOPNOTSUPP;
	if ((wr->send_flags & IBV_SEND_INLINE) && !(traits & WR_MAY_INLINE))
		return EINVAL;

	wqe->opcode = wr->opcode;
	if (traits & WR_IMM)
		wqe->imm_data = wr->imm_data;
	if (traits & WR_INV)
		wqe->invalidate_rkey = wr->invalidate_rkey;
	if (traits & WR_REMOTE) {
		wqe->remote_addr = wr->wr.rdma.remote_addr;
		wqe->rkey = wr->wr.rdma.rkey;
	}
	if (traits & WR_ATOMIC) {
		wqe->remote_addr = wr->wr.atomic.remote_addr;
		wqe->rkey = wr->wr.atomic.rkey;
		wqe->atomic.compare_add = wr->wr.atomic.compare_add;
		wqe->atomic.swap = wr->wr.atomic.swap;
	}
	if (traits & WR_BIND)
		return vfiowc_set_bind(wqe, wr->bind_mw.mw, wr->bind_mw.rkey,
				       &wr->bind_mw.bind_info);
	if (type == IBV_QPT_UD) {
		wqe->ud.ahn = to_vfiowc_ah(wr->wr.ud.ah)->ahn;
		wqe->ud.remote_qpn = wr->wr.ud.remote_qpn;
		wqe->ud.remote_qkey = wr->wr.ud.remote_qkey;
	}
	return 0;
}

static int fill_send(struct vfiowc_qp *qp, struct vfiowc_send_wqe *wqe,
		     const struct ibv_send_wr *wr)
{
	int err;

	*wqe = (struct vfiowc_send_wqe){
		.wr_id = wr->wr_id,
		.flags = wr->send_flags | (qp->sq_sig_all ? VFIOWC_SEND_SIGNALED : 0),
	};
	err = set_opcode(qp->vqp.qp.qp_type, wqe, wr);
	if (err)
		return err;
	if (wr->send_flags & IBV_SEND_INLINE)
		return copy_inline(wqe, wr, qp->max_inline_bytes);
	/* sg_list of these is not looked at, as other devices have it */
	if (wr_traits_of(wr->opcode) & WR_LOCAL)
		return 0;
	wqe->num_sge = wr->num_sge;
	return vfiowc_copy_sges(wqe + 1, wr->sg_list, (size_t)wr->num_sge, qp->sq.max_sge);
}

static int fill_recv(struct vfiowc_wq *wq, struct vfiowc_recv_wqe *wqe,
		     const struct ibv_recv_wr *wr)
{
	*wqe = (struct vfiowc_recv_wqe){ .wr_id = wr->wr_id, .num_sge = wr->num_sge };
	return vfiowc_copy_sges(wqe + 1, wr->sg_list, (size_t)wr->num_sge, wq->max_sge);
}

/*
 * A bad request ends the list; those before it are posted. The whole list is published by one
 * store and rung by one doorbell, whose cost is that of a system call.
 */
int vfiowc_post_send(struct ibv_qp *ibqp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	struct vfiowc_ring *ring = &qp->sq.ring;
	struct ibv_send_wr *first = wr;
	int err = 0, bell;

	if (ibqp->state < IBV_QPS_RTS) {
		*bad_wr = wr;
		return EINVAL;
	}

	pthread_spin_lock(&qp->sq.lock);
	for (; wr; wr = wr->next) {
		err = vfiowc_wq_full(&qp->sq) ? ENOMEM : fill_send(qp, vfiowc_ring_slot(ring), wr);
		if (err)
			break;
		ring->index++;
	}
	if (wr != first)
		vfiowc_ring_publish(ring);
	pthread_spin_unlock(&qp->sq.lock);

	if (err)
		*bad_wr = wr;
	if (wr == first)
		return err;

	/* A doorbell fails when the device is gone: no request of this list will ever complete. */
	bell = vfiowc_doorbell_ring(ibqp);
	if (bell)
		*bad_wr = first;
	return bell ? bell : err;
}

/* Returns what ibv_post_recv() does; kick: the kernel wants to be told. */
static int post_receives(struct vfiowc_wq *wq, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr,
			 bool *kick)
{
	struct vfiowc_ring *ring = &wq->ring;
	struct ibv_recv_wr *first = wr;
	int err = 0;

	pthread_spin_lock(&wq->lock);
	for (; wr; wr = wr->next) {
		err = vfiowc_wq_full(wq) ? ENOMEM : fill_recv(wq, vfiowc_ring_slot(ring), wr);
		if (err)
			break;
		ring->index++;
	}
	if (wr != first) {
		vfiowc_ring_publish(ring);
		*kick = vfiowc_ring_wants_kick(ring);
	}
	pthread_spin_unlock(&wq->lock);

	if (err)
		*bad_wr = wr;
	return err;
}

int vfiowc_post_recv(struct ibv_qp *ibqp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	bool kick = false;
	int err;

	if (ibqp->state == IBV_QPS_RESET || ibqp->srq) {
		*bad_wr = wr;
		return EINVAL;
	}

	err = post_receives(&qp->rq, wr, bad_wr, &kick);
	/*
	 * The receives are posted whatever the doorbell says; without it they are flushed a
	 * little later.
	 */
	if (kick)
		vfiowc_doorbell_ring(ibqp);
	return err;
}

int vfiowc_post_srq_recv(struct ibv_srq *ibsrq, struct ibv_recv_wr *wr,
			 struct ibv_recv_wr **bad_wr)
{
	bool kick;

	return post_receives(&to_vfiowc_srq(ibsrq)->wq, wr, bad_wr, &kick);
}
