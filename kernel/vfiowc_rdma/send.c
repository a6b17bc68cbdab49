// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that consume a receive: SEND, with immediate data or an invalidation, and
 * WRITE_WITH_IMM.
 *
 * The receive is looked for first: a request that has to be repeated must not have
 * touched the target (single-access rule).
 */
#include "wr.h"

/**
 * vfiowc_wr_recv_iter - the memory of the receive that peer->rq.wqe holds
 * @wr: the request
 *
 * The keys are those of the protection domain of the queue the receive came from.
 *
 * Return: an iterator over its pieces.
 */
struct vfiowc_iter vfiowc_wr_recv_iter(const struct wr *wr)
{
	return (struct vfiowc_iter){
		.dev = wr->peer->dev,
		.pd = vfiowc_rq_pd(wr->peer),
		.sge = (void *)(wr->peer->rq.wqe + 1),
		.nr = wr->peer->rq.wqe->num_sge,
		.access = IB_ACCESS_LOCAL_WRITE,
		.remote = true,
	};
}

/* Complete the peer's receive; a peer whose CQ is full is in error. */
static void complete_recv(struct wr *wr, struct vfiowc_cqe *cqe)
{
	bool solicited = wr->wqe->flags & VFIOWC_SEND_SOLICITED;

	if (!vfiowc_rq_complete(wr->peer, cqe, solicited))
		vfiowc_qp_error_event(wr->peer, IB_EVENT_QP_FATAL);
}

/**
 * vfiowc_wr_recv_succeeds - complete the receive
 * @wr: the request
 * @cqe: what the service adds; the rest is filled in here
 */
void vfiowc_wr_recv_succeeds(struct wr *wr, struct vfiowc_cqe *cqe)
{
	cqe->status = IB_WC_SUCCESS;
	cqe->opcode = wr->op->peer_access ? IB_WC_RECV_RDMA_WITH_IMM :
					    IB_WC_RECV;
	cqe->byte_len += wr->length;
	cqe->src_qp = wr->qp->ibqp.qp_num;
	if (wr->op->immediate) {
		cqe->wc_flags |= IB_WC_WITH_IMM;
		cqe->imm_data = wr->wqe->imm_data;
	}
	if (wr->op->invalidates) {
		cqe->wc_flags |= VFIOWC_WC_WITH_INV;
		cqe->invalidated_rkey = wr->wqe->invalidate_rkey;
	}
	complete_recv(wr, cqe);
}

/* The receive is at fault: both ends complete with errors. */
static enum verdict recv_fails(struct wr *wr, enum ib_wc_status recv_status,
			       enum ib_wc_status status,
			       enum vfiowc_vendor_err vendor)
{
	struct vfiowc_cqe cqe = {
		.status = recv_status,
		.opcode = IB_WC_RECV,
		.vendor_err = vendor,
	};

	complete_recv(wr, &cqe);
	vfiowc_qp_error(wr->peer);
	return wr_is_reliable(wr) ? fail(wr, status, vendor) : drop(wr);
}

/**
 * vfiowc_wr_peek - is there a receive?
 * @wr: the request
 *
 * Return: COMPLETE: yes, unless wr->dropped or wr->status say that it is over.
 */
enum verdict vfiowc_wr_peek(struct wr *wr)
{
	enum verdict verdict = COMPLETE;

	switch (vfiowc_rq_peek(wr->peer)) {
	case VFIOWC_RQ_EMPTY:
		verdict = WAIT_RNR;
		break;
	case VFIOWC_RQ_BROKEN:
		vfiowc_qp_error_event(wr->peer, IB_EVENT_QP_FATAL);
		fail(wr, IB_WC_REM_OP_ERR, VFIOWC_VENDOR_BAD_WQE);
		break;
	default:
		return COMPLETE;
	}
	return wr_is_reliable(wr) ? verdict : drop(wr);
}

/**
 * vfiowc_wr_received - the transfer into a receive is over
 * @wr: the request
 * @end: how
 *
 * Return: what is to become of the request.
 */
enum verdict vfiowc_wr_received(struct wr *wr, enum vfiowc_xfer_end end)
{
	switch (end) {
	case VFIOWC_XFER_OK:
		return COMPLETE;
	case VFIOWC_XFER_STOPPED:
		return vfiowc_wr_stopped(wr);
	case VFIOWC_XFER_FROM_FAILED:
		return fail(wr, IB_WC_LOC_PROT_ERR, wr->xfer.vendor);
	default:
		return recv_fails(wr, IB_WC_LOC_PROT_ERR, IB_WC_REM_OP_ERR,
				  wr->xfer.vendor);
	}
}

static bool went_well(const struct wr *wr, enum verdict verdict)
{
	return verdict == COMPLETE && !wr->dropped &&
	       wr->status == IB_WC_SUCCESS;
}

/*
 * The key is looked at before a byte is moved, and the window is invalidated when all
 * are: rq.lock keeps both LOCAL_INV and other peers out in between.  Should the window
 * be deallocated meanwhile, it is gone all the same.
 */
static enum vfiowc_vendor_err invalidate(struct wr *wr, bool now)
{
	return wr->op->invalidates ?
	       vfiowc_mw_find(wr->peer, wr->wqe->invalidate_rkey, now) :
	       VFIOWC_VENDOR_NONE;
}

static enum verdict run_send(struct wr *wr, struct vfiowc_iter *local)
{
	struct vfiowc_iter recv = vfiowc_wr_recv_iter(wr);
	enum vfiowc_vendor_err vendor = invalidate(wr, false);
	enum verdict verdict;

	if (vendor)
		return wr_is_reliable(wr) ?
		       recv_fails(wr, IB_WC_REM_INV_REQ_ERR,
				  IB_WC_REM_ACCESS_ERR, vendor) : drop(wr);
	if (vfiowc_iter_length(&recv) < wr->length) {
		/* an unreliable service keeps the receive for what fits */
		if (!wr_is_reliable(wr))
			return drop(wr);
		return recv_fails(wr, IB_WC_LOC_LEN_ERR,
				  IB_WC_REM_INV_REQ_ERR, VFIOWC_VENDOR_BOUNDS);
	}
	wr->xfer.from = local;
	wr->xfer.to = &recv;
	verdict = vfiowc_wr_received(wr, vfiowc_xfer_run(&wr->xfer,
							 wr->length));
	if (went_well(wr, verdict))
		invalidate(wr, true);
	return verdict;
}

static enum verdict run_receiving(struct wr *wr, struct vfiowc_iter *local,
				  enum verdict (*run)(struct wr *wr,
						      struct vfiowc_iter *local))
{
	struct vfiowc_cqe cqe = {};
	enum verdict verdict = vfiowc_wr_peek(wr);

	if (!went_well(wr, verdict))
		return verdict;
	verdict = run(wr, local);
	if (went_well(wr, verdict))
		vfiowc_wr_recv_succeeds(wr, &cqe);
	return verdict;
}

/**
 * vfiowc_wr_send - SEND on a connection
 * @wr: the request
 * @local: the initiator's memory
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_send(struct wr *wr, struct vfiowc_iter *local)
{
	return run_receiving(wr, local, run_send);
}

/**
 * vfiowc_wr_write_imm - WRITE_WITH_IMM
 * @wr: the request
 * @local: the initiator's memory
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_write_imm(struct wr *wr, struct vfiowc_iter *local)
{
	return run_receiving(wr, local, vfiowc_wr_rdma);
}
