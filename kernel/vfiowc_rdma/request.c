// SPDX-License-Identifier: GPL-2.0
/*
 * One request: what its opcode is, whether it makes sense, who answers it.
 *
 * The slot is copied once; every check is made of the copy.  The initiator's own
 * checks come first, then those of the responder, and only then a byte is moved:
 * a request that fails has no effect, unless it fails in the middle.
 */
#include <linux/sched/signal.h>

#include "wr.h"
#include "trace.h"

#define SEND_FLAGS (VFIOWC_SEND_FENCE | VFIOWC_SEND_SIGNALED | \
		    VFIOWC_SEND_SOLICITED | VFIOWC_SEND_INLINE)

/* What is copied of a slot before it is known how much there is. */
#define COPIED_BYTES \
	(sizeof(struct vfiowc_send_wqe) + sizeof(struct vfiowc_sge))

#define QPT_RC		BIT(IB_QPT_RC)
#define QPT_CONNECTED	(BIT(IB_QPT_RC) | BIT(IB_QPT_UC))
#define QPT_ALL		(QPT_CONNECTED | BIT(IB_QPT_UD))

/* By opcode; what is missing here is not supported. */
static const struct wr_op wr_ops[] = {
	[IB_WR_RDMA_WRITE] = {
		IB_WC_RDMA_WRITE, VFIOWC_TRACE_WRITE, QPT_CONNECTED,
		.peer_access = IB_ACCESS_REMOTE_WRITE,
		.run = vfiowc_wr_rdma,
	},
	[IB_WR_RDMA_WRITE_WITH_IMM] = {
		IB_WC_RDMA_WRITE, VFIOWC_TRACE_WRITE_IMM, QPT_CONNECTED,
		.receives = true, .immediate = true,
		.peer_access = IB_ACCESS_REMOTE_WRITE,
		.run = vfiowc_wr_write_imm,
	},
	[IB_WR_SEND] = {
		IB_WC_SEND, VFIOWC_TRACE_SEND, QPT_ALL, .receives = true,
		.run = vfiowc_wr_send,
	},
	[IB_WR_SEND_WITH_IMM] = {
		IB_WC_SEND, VFIOWC_TRACE_SEND_IMM, QPT_ALL,
		.receives = true, .immediate = true,
		.run = vfiowc_wr_send,
	},
	[IB_WR_SEND_WITH_INV] = {
		IB_WC_SEND, VFIOWC_TRACE_SEND_INV, QPT_CONNECTED,
		.receives = true, .invalidates = true,
		.run = vfiowc_wr_send,
	},
	[IB_WR_RDMA_READ] = {
		IB_WC_RDMA_READ, VFIOWC_TRACE_READ, QPT_RC, .responds = true,
		.peer_access = IB_ACCESS_REMOTE_READ,
		.run = vfiowc_wr_rdma,
	},
	[IB_WR_ATOMIC_CMP_AND_SWP] = {
		IB_WC_COMP_SWAP, VFIOWC_TRACE_CMP_SWP, QPT_RC,
		.responds = true, .bytes = sizeof(u64),
		.peer_access = IB_ACCESS_REMOTE_ATOMIC,
		.run = vfiowc_wr_atomic,
	},
	[IB_WR_ATOMIC_FETCH_AND_ADD] = {
		IB_WC_FETCH_ADD, VFIOWC_TRACE_FETCH_ADD, QPT_RC,
		.responds = true, .bytes = sizeof(u64),
		.peer_access = IB_ACCESS_REMOTE_ATOMIC,
		.run = vfiowc_wr_atomic,
	},
	[IB_WR_FLUSH] = {
		IB_WC_FLUSH, VFIOWC_TRACE_FLUSH, QPT_RC, .no_data = true,
		.run = vfiowc_wr_flush,
	},
	[IB_WR_LOCAL_INV] = {
		IB_WC_LOCAL_INV, 0, QPT_CONNECTED, .no_data = true, .local = true,
		.run = vfiowc_wr_local_inv,
	},
	[IB_WR_BIND_MW] = {
		IB_WC_BIND_MW, 0, QPT_CONNECTED, .no_data = true, .local = true,
		.run = vfiowc_wr_bind_mw,
	},
	[IB_WR_ATOMIC_WRITE] = {
		IB_WC_ATOMIC_WRITE, VFIOWC_TRACE_ATOMIC_WRITE, QPT_RC,
		.bytes = sizeof(u64),
		.peer_access = IB_ACCESS_REMOTE_WRITE,
		.run = vfiowc_wr_atomic_write,
	},
};

static bool wqe_valid(const struct wr *wr)
{
	const struct vfiowc_send_wqe *wqe = wr->wqe;
	const struct vfiowc_sq *sq = &wr->qp->sq;

	if (!wr->op || !(wr->op->qp_types & BIT(wr->qp->ibqp.qp_type)))
		return false;
	if (wqe->flags & ~SEND_FLAGS)
		return false;
	if (wr->op->no_data)
		return !(wqe->flags & VFIOWC_SEND_INLINE) && !wqe->num_sge &&
		       !wqe->inline_length &&
		       (wr->op->local || vfiowc_wr_flush_valid(wqe));
	if (wqe->flags & VFIOWC_SEND_INLINE)
		return !wr->op->responds && !wqe->num_sge &&
		       wqe->inline_length <= sq->max_inline;
	return !wqe->inline_length && wqe->num_sge <= sq->max_sge;
}

/**
 * vfiowc_wr_copy_header - copy the head of the queue, once: its header and one piece
 * @wr: qp and wqe are set; op is set here
 *
 * Every slot has room for a piece (sq_create()); most requests have no more.
 *
 * Return: the slot.
 */
const struct vfiowc_send_wqe *vfiowc_wr_copy_header(struct wr *wr)
{
	struct vfiowc_qp *qp = wr->qp;
	const struct vfiowc_send_wqe *slot;
	u8 opcode;

	slot = vfiowc_ring_slot(&qp->sq.ring, qp->sq.ring.own);
	memcpy(qp->sq.room, slot, COPIED_BYTES);
	/* The user writes the slot at any time: checks see the copy only. */
	barrier();
	opcode = wr->wqe->opcode;
	if (opcode < ARRAY_SIZE(wr_ops) && wr_ops[opcode].qp_types)
		wr->op = &wr_ops[opcode];
	return slot;
}

/* Load the head of the queue; false: it makes no sense. */
static bool wqe_load(struct wr *wr)
{
	const struct vfiowc_send_wqe *slot = vfiowc_wr_copy_header(wr);
	struct vfiowc_sq *sq = &wr->qp->sq;
	const struct vfiowc_send_wqe *wqe = &sq->wqe;
	size_t bytes;

	if (!wqe_valid(wr))
		return false;
	bytes = sizeof(*wqe) + wqe->inline_length +
		wqe->num_sge * sizeof(struct vfiowc_sge);
	if (bytes > COPIED_BYTES)
		memcpy(sq->room + COPIED_BYTES, (u8 *)slot + COPIED_BYTES,
		       bytes - COPIED_BYTES);
	return true;
}

/* The initiator's memory: pieces or inline data behind the WQE. */
static struct vfiowc_iter local_iter(const struct wr *wr)
{
	bool is_inline = wr->wqe->flags & VFIOWC_SEND_INLINE;
	void *behind = (void *)(wr->wqe + 1);

	return (struct vfiowc_iter){
		.dev = wr->qp->dev,
		.pd = wr->qp->ibqp.pd,
		.sge = is_inline ? NULL : behind,
		.inline_data = is_inline ? behind : NULL,
		.nr = wr->wqe->num_sge,
		.access = wr->op->responds ? IB_ACCESS_LOCAL_WRITE : 0,
	};
}

/**
 * vfiowc_wr_stopped - a transfer was stopped: by whom?
 * @wr: the request
 *
 * What has moved bytes already is not repeated: each byte goes to the target
 * once, which may be a FIFO behind a BAR.
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_stopped(struct wr *wr)
{
	bool killed = fatal_signal_pending(current);

	if (vfiowc_qp_state(wr->qp) != IB_QPS_RTS)
		return STOP;
	if (wr->xfer.moved && (killed || wr_is_reliable(wr)))
		return fail(wr, killed ? IB_WC_WR_FLUSH_ERR :
					 IB_WC_RETRY_EXC_ERR,
			    VFIOWC_VENDOR_NO_PEER);
	if (killed)
		return HAND_OVER;
	return wr_is_reliable(wr) ? WAIT_PEER : drop(wr);
}

/* Does the responder's QP take this kind of request at all? */
static bool peer_accepts(const struct wr *wr)
{
	int access = wr->op->no_data ? vfiowc_wr_flush_access(wr->wqe) :
				       wr->op->peer_access;
	const struct ib_qp_attr *attr = &wr->peer->attr;

	/* modify_qp of the peer changes them without our locks */
	if ((READ_ONCE(attr->qp_access_flags) & access) != access)
		return false;
	return !wr->op->responds || READ_ONCE(attr->max_dest_rd_atomic);
}

static enum verdict peer_is_gone(struct wr *wr)
{
	return wr_is_reliable(wr) ? WAIT_PEER : drop(wr);
}

static enum verdict run_connected(struct wr *wr, struct vfiowc_iter *local)
{
	lockdep_assert_held(&wr->peer->rq.lock);

	if (!vfiowc_qp_connected(wr->qp, wr->peer))
		return peer_is_gone(wr);
	if (!peer_accepts(wr))
		return fail_remote(wr, IB_WC_REM_INV_REQ_ERR,
				   VFIOWC_VENDOR_ACCESS, IB_EVENT_QP_REQ_ERR);
	return wr->op->run(wr, local);
}

/*
 * Whatever the operation, the responder's rq.lock is held: who takes a QP to
 * RESET or ERR waits for it, so that nothing is delivered through the QP any more
 * when modify_qp returns, and a QP connected anew gets nothing from an old peer.
 * A responder that has found another peer may be in the middle of a long transfer:
 * it is not waited for.
 */
static enum verdict run_on_peer(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict verdict;

	if (!vfiowc_qp_connected(wr->qp, wr->peer))
		return peer_is_gone(wr);
	if (mutex_lock_killable(&wr->peer->rq.lock))
		return HAND_OVER;
	verdict = run_connected(wr, local);
	mutex_unlock(&wr->peer->rq.lock);
	return verdict;
}

/*
 * What is used through this QP is used under its rq.lock: a window that was invalidated
 * with it held delivers nothing any more.  A transfer of the peer may hold it
 * for long, as above.
 */
static enum verdict run_locally(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict verdict;

	if (mutex_lock_killable(&wr->qp->rq.lock))
		return HAND_OVER;
	verdict = wr->op->run(wr, local);
	mutex_unlock(&wr->qp->rq.lock);
	return verdict;
}

static bool length_allowed(const struct wr *wr, u64 length)
{
	if (wr->op->bytes)
		return length == wr->op->bytes;
	if (wr->qp->ibqp.qp_type == IB_QPT_UD)
		return length <= VFIOWC_UD_MTU_BYTES;
	return length <= VFIOWC_MAX_MSG_BYTES;
}

/* Its own memory: accessible now, and fetched if it is a word that goes out. */
static enum vfiowc_vendor_err check_pieces(struct wr *wr,
					   struct vfiowc_iter *local,
					   u64 length)
{
	if (length && length <= VFIOWC_WORD_BYTES && local->nr == 1 &&
	    !wr->op->responds)
		return vfiowc_iter_fetch(local, &wr->word);
	return vfiowc_iter_check(local);
}

/* The initiator's own checks, which need no peer. */
static bool check_local(struct wr *wr, struct vfiowc_iter *local)
{
	bool is_inline = local->inline_data;
	u64 length = is_inline ? wr->wqe->inline_length :
				 vfiowc_iter_length(local);
	enum vfiowc_vendor_err vendor;

	if (wr->op->responds && !wr->qp->attr.max_rd_atomic) {
		fail(wr, IB_WC_LOC_QP_OP_ERR, VFIOWC_VENDOR_ACCESS);
		return false;
	}
	vendor = is_inline ? VFIOWC_VENDOR_NONE :
			     check_pieces(wr, local, length);
	if (vendor) {
		fail(wr, IB_WC_LOC_PROT_ERR, vendor);
		return false;
	}
	if (!length_allowed(wr, length)) {
		fail(wr, IB_WC_LOC_LEN_ERR, VFIOWC_VENDOR_BOUNDS);
		return false;
	}
	wr->length = length;
	return true;
}

/* The request makes sense by itself: does it with its memory and its responder? */
static enum verdict execute(struct wr *wr)
{
	struct vfiowc_iter local = local_iter(wr);
	struct vfiowc_qp *qp = wr->qp;

	if (!check_local(wr, &local))
		return COMPLETE;
	wr->xfer.qp = qp;
	wr->xfer.wr_id = wr->wqe->wr_id;
	wr->xfer.trace_op = wr->op->trace_op;
	if (wr->op->local)
		return run_locally(wr, &local);
	if (qp->ibqp.qp_type == IB_QPT_UD)
		return vfiowc_wr_ud(wr, &local);
	if (!wr->peer)
		wr->peer = vfiowc_qp_find_peer(qp);
	if (!wr->peer)
		return wr_is_reliable(wr) ? WAIT_PEER : drop(wr);
	wr->xfer.peer = wr->peer;
	return run_on_peer(wr, &local);
}

/**
 * vfiowc_wr_execute - execute the head of the send queue
 * @wr: qp and wqe are set, and peer, if the request before it went to the same one; the
 *	rest is zero.  peer is to be put afterwards
 *
 * Context: sq.lock held, QP in RTS.
 *
 * Return: what is to become of it; with COMPLETE status and vendor are set.
 */
enum verdict vfiowc_wr_execute(struct wr *wr)
{
	return wqe_load(wr) ? execute(wr) :
			      fail(wr, IB_WC_LOC_QP_OP_ERR, VFIOWC_VENDOR_BAD_WQE);
}
