// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues, as the sender's engine uses them.
 *
 * qp->rq.lock is held from the look at the head to its completion, so that the
 * head stays what it was; the slot is given back only when the receive completes,
 * and a sender that fails for reasons of its own leaves it untouched.
 *
 * A receive from a shared queue is taken out when the QP begins to need it and
 * belongs to that QP from then on: it waits in rq.wqe for the next message if
 * this one fails, is flushed with the QP, and is lost when the QP is reset or
 * destroyed, as it may be with any device.
 */
#include <linux/lockdep.h>

#include "vfiowc_rdma.h"

/**
 * vfiowc_recv_wqe_valid - does a posted receive make sense?
 * @wqe: private copy
 * @max_sge: of the queue
 *
 * Return: whether it does.
 */
bool vfiowc_recv_wqe_valid(const struct vfiowc_recv_wqe *wqe, u32 max_sge)
{
	return wqe->num_sge <= max_sge && !wqe->reserved;
}

/**
 * vfiowc_rq_pd - protection domain of the receives of a QP
 * @qp: the QP
 *
 * Return: that of the shared queue, if there is one.
 */
struct ib_pd *vfiowc_rq_pd(const struct vfiowc_qp *qp)
{
	return qp->rq.srq ? qp->rq.srq->ibsrq.pd : qp->ibqp.pd;
}

static enum vfiowc_rq_peek peek_shared(struct vfiowc_rq *rq)
{
	enum vfiowc_rq_peek result;

	if (rq->taken)
		return VFIOWC_RQ_READY;
	result = vfiowc_srq_take(rq->srq, rq->wqe);
	rq->taken = result == VFIOWC_RQ_READY;
	return result;
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

	if (rq->srq)
		return peek_shared(rq);
	if (!rq->ring.memory)
		return VFIOWC_RQ_EMPTY;
	pending = vfiowc_ring_pending(&rq->ring);
	if (!pending)
		return VFIOWC_RQ_EMPTY;
	if (pending > rq->ring.entries)
		return VFIOWC_RQ_BROKEN;

	/* copied once, checked afterwards: the user may change it meanwhile */
	slot = vfiowc_ring_slot(&rq->ring, rq->ring.own);
	memcpy(rq->wqe, slot, rq->ring.stride);
	barrier();
	return vfiowc_recv_wqe_valid(rq->wqe, rq->max_sge) ? VFIOWC_RQ_READY :
							     VFIOWC_RQ_BROKEN;
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
	if (qp->rq.srq) {
		qp->rq.taken = false;
	} else {
		vfiowc_ring_consume(&qp->rq.ring);
		cqe->wqe_index = qp->rq.ring.own;
	}
	return vfiowc_cq_push(to_vcq(qp->ibqp.recv_cq), cqe, solicited);
}

/* What the QP has taken out of its SRQ is flushed; nothing more will be. */
static void flush_shared(struct vfiowc_qp *qp)
{
	struct vfiowc_cqe cqe = {
		.status = IB_WC_WR_FLUSH_ERR,
		.opcode = IB_WC_RECV,
	};
	struct ib_event event = {
		.device = qp->ibqp.device,
		.event = IB_EVENT_QP_LAST_WQE_REACHED,
		.element.qp = &qp->ibqp,
	};

	lockdep_assert_held(&qp->rq.lock);

	if (qp->rq.taken)
		vfiowc_rq_complete(qp, &cqe, false);
	if (!qp->rq.flushed && qp->ibqp.event_handler)
		qp->ibqp.event_handler(&event, qp->ibqp.qp_context);
	qp->rq.flushed = true;
}

/**
 * vfiowc_rq_reset - drop what is posted; takes rq.lock
 * @qp: in RESET
 */
void vfiowc_rq_reset(struct vfiowc_qp *qp)
{
	struct vfiowc_ring *ring = &qp->rq.ring;

	mutex_lock(&qp->rq.lock);
	qp->rq.taken = false;
	qp->rq.flushed = false;
	if (ring->memory) {
		vfiowc_ring_discard(ring);
		WRITE_ONCE(ring->header->flags, 0);
	}
	mutex_unlock(&qp->rq.lock);
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
	if (vfiowc_qp_state(qp) != IB_QPS_ERR)
		goto out;
	if (rq->srq)
		flush_shared(qp);
	if (!rq->ring.memory)
		goto out;
	WRITE_ONCE(rq->ring.header->flags, VFIOWC_RING_KICK);
	/* pairs with the provider's fence between producer and flags */
	smp_mb();
	for (left = rq->ring.entries; left; left--) {
		struct vfiowc_cqe cqe = {
			.status = IB_WC_WR_FLUSH_ERR,
			.opcode = IB_WC_RECV,
		};

		if (vfiowc_rq_peek(qp) == VFIOWC_RQ_EMPTY)
			break;
		if (vfiowc_ring_pending(&rq->ring) > rq->ring.entries) {
			vfiowc_ring_discard(&rq->ring);
			break;
		}
		if (!vfiowc_rq_complete(qp, &cqe, false))
			break;
	}
out:
	mutex_unlock(&rq->lock);
}
