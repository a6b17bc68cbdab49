// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues, as the sender's engine uses them.
 *
 * qp->rq.lock is held from the look at the head to its completion, so that the
 * head stays what it was; the slot is given back only when the receive completes,
 * and a sender that fails for reasons of its own leaves it untouched.
 */
#include <linux/lockdep.h>

#include "vfiowc_rdma.h"

static bool rq_wqe_valid(const struct vfiowc_rq *rq)
{
	return rq->wqe->num_sge <= rq->max_sge && !rq->wqe->reserved;
}

/**
 * vfiowc_rq_peek - copy the oldest posted receive into qp->rq.wqe
 * @qp: QP whose receive queue it is; rq.lock held
 *
 * Return: VFIOWC_RQ_BROKEN when what the user posted makes no sense.
 */
enum vfiowc_rq_peek vfiowc_rq_peek(struct vfiowc_qp *qp)
{
	struct vfiowc_rq *rq = &qp->rq;
	const struct vfiowc_recv_wqe *slot;
	u32 pending;

	lockdep_assert_held(&rq->lock);

	if (!rq->ring)
		return VFIOWC_RQ_EMPTY;
	pending = vfiowc_ring_pending(rq->ring);
	if (!pending)
		return VFIOWC_RQ_EMPTY;
	if (pending > rq->ring->entries)
		return VFIOWC_RQ_BROKEN;

	/* copied once, checked afterwards: the user may change it meanwhile */
	slot = vfiowc_ring_slot(rq->ring, rq->ring->own);
	memcpy(rq->wqe, slot, rq->ring->stride);
	barrier();
	return rq_wqe_valid(rq) ? VFIOWC_RQ_READY : VFIOWC_RQ_BROKEN;
}

/**
 * vfiowc_rq_complete - the receive in qp->rq.wqe is over
 * @qp: QP whose receive queue it is; rq.lock held
 * @cqe: status and what was received; wr_id and qp_num are filled in here
 * @solicited: the sender asked for an event
 *
 * Return: false if the CQ is full; the caller puts @qp into the error state.
 */
bool vfiowc_rq_complete(struct vfiowc_qp *qp, struct vfiowc_cqe *cqe,
			bool solicited)
{
	lockdep_assert_held(&qp->rq.lock);

	cqe->wr_id = qp->rq.wqe->wr_id;
	cqe->qp_num = qp->ibqp.qp_num;
	vfiowc_ring_consume(qp->rq.ring);
	cqe->wqe_index = qp->rq.ring->own;
	return vfiowc_cq_push(to_vcq(qp->ibqp.recv_cq), cqe, solicited);
}

/**
 * vfiowc_rq_flush - complete all posted receives with WR_FLUSH_ERR
 * @qp: in the error state; takes rq.lock
 *
 * At most one ring's worth; from now on the provider rings after posting
 * (VFIOWC_RING_KICK).
 */
void vfiowc_rq_flush(struct vfiowc_qp *qp)
{
	struct vfiowc_rq *rq = &qp->rq;
	u32 left;

	mutex_lock(&rq->lock);
	if (!rq->ring || vfiowc_qp_state(qp) != IB_QPS_ERR)
		goto out;
	WRITE_ONCE(rq->ring->header->flags, VFIOWC_RING_KICK);
	/* pairs with the provider's fence between producer and flags */
	smp_mb();
	for (left = rq->ring->entries; left; left--) {
		struct vfiowc_cqe cqe = {
			.status = IB_WC_WR_FLUSH_ERR,
			.opcode = IB_WC_RECV,
		};

		if (vfiowc_rq_peek(qp) == VFIOWC_RQ_EMPTY)
			break;
		if (vfiowc_ring_pending(rq->ring) > rq->ring->entries) {
			vfiowc_ring_discard(rq->ring);
			break;
		}
		if (!vfiowc_rq_complete(qp, &cqe, false))
			break;
	}
out:
	mutex_unlock(&rq->lock);
}
