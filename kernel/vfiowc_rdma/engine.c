// SPDX-License-Identifier: GPL-2.0
/*
 * The engine: executes the work requests of one send queue, in order, in the
 * context of the doorbell call.  A hand-over to a kernel thread would cost several
 * times the latency of the request itself; only what has to wait (RNR, no peer
 * yet) or would hold up a signalled caller goes to the QP's worker.
 *
 * Locks: sq.lock of the initiator for the whole run; inside it rq.lock of the peer
 * for one request that consumes a receive.  See vfiowc_rdma.h.
 *
 * A failed request completes with an error, puts its QP into the error state, and
 * everything behind it is flushed.  Remote errors put the responder into the error
 * state too, as an InfiniBand responder does after a NAK of class C.
 *
 * IBV_SEND_FENCE needs no action: a request begins when the one before it is
 * complete (O5i: writes that depend on a READ come after it).
 */
#include <linux/sched/signal.h>

#include "xfer.h"
#include "trace.h"

#define SEND_FLAGS (VFIOWC_SEND_FENCE | VFIOWC_SEND_SIGNALED | \
		    VFIOWC_SEND_SOLICITED | VFIOWC_SEND_INLINE)

/* Without a local ACK timeout a real device would wait for ever; look again. */
#define NO_TIMEOUT_POLL_MS	100

/* What is to become of the request at the head of the queue. */
enum verdict {
	COMPLETE,	/* it is over; wr.status says how */
	WAIT_RNR,	/* the peer has posted no receive */
	WAIT_PEER,	/* nobody answers at the destination */
	HAND_OVER,	/* the caller is being killed: the worker begins it */
	STOP,		/* the QP left RTS: nothing completes here */
};

/**
 * struct wr - the request being executed
 * @wqe: private copy in qp->sq.wqe
 * @remote: remote memory of WRITE and READ as a piece
 * @length: bytes of the message
 * @status: for the completion
 * @vendor: for the completion
 */
struct wr {
	struct vfiowc_qp *qp;
	struct vfiowc_qp *peer;
	const struct vfiowc_send_wqe *wqe;
	struct vfiowc_sge remote;
	struct vfiowc_xfer xfer;
	u32 length;
	enum ib_wc_status status;
	enum vfiowc_vendor_err vendor;
};

/* By opcode; what is missing here is not supported. */
static const struct {
	enum ib_wc_opcode wc_opcode;
	u8 trace_op;
	bool supported;
	bool receives;
	bool immediate;
	int peer_access;
} wr_ops[] = {
	[IB_WR_RDMA_WRITE] = {
		IB_WC_RDMA_WRITE, VFIOWC_TRACE_WRITE, true,
		.peer_access = IB_ACCESS_REMOTE_WRITE,
	},
	[IB_WR_RDMA_WRITE_WITH_IMM] = {
		IB_WC_RDMA_WRITE, VFIOWC_TRACE_WRITE_IMM, true,
		.receives = true, .immediate = true,
		.peer_access = IB_ACCESS_REMOTE_WRITE,
	},
	[IB_WR_SEND] = {
		IB_WC_SEND, VFIOWC_TRACE_SEND, true, .receives = true,
	},
	[IB_WR_SEND_WITH_IMM] = {
		IB_WC_SEND, VFIOWC_TRACE_SEND_IMM, true,
		.receives = true, .immediate = true,
	},
	[IB_WR_RDMA_READ] = {
		IB_WC_RDMA_READ, VFIOWC_TRACE_READ, true,
		.peer_access = IB_ACCESS_REMOTE_READ,
	},
};

static enum verdict fail(struct wr *wr, enum ib_wc_status status,
			 enum vfiowc_vendor_err vendor)
{
	wr->status = status;
	wr->vendor = vendor;
	return COMPLETE;
}

/* The responder's half of a remote error. */
static enum verdict fail_remote(struct wr *wr, enum ib_wc_status status,
				enum vfiowc_vendor_err vendor,
				enum ib_event_type event)
{
	vfiowc_qp_error_event(wr->peer, event);
	return fail(wr, status, vendor);
}

static bool wqe_valid(const struct vfiowc_qp *qp,
		      const struct vfiowc_send_wqe *wqe)
{
	if (wqe->opcode >= ARRAY_SIZE(wr_ops) || !wr_ops[wqe->opcode].supported)
		return false;
	if (wqe->flags & ~SEND_FLAGS)
		return false;
	if (wqe->flags & VFIOWC_SEND_INLINE)
		return wqe->opcode != IB_WR_RDMA_READ && !wqe->num_sge &&
		       wqe->inline_length <= qp->sq.max_inline;
	return !wqe->inline_length && wqe->num_sge <= qp->sq.max_sge;
}

/* Copy the header of the head of the queue, once; returns its slot. */
static const struct vfiowc_send_wqe *wqe_copy_header(struct vfiowc_qp *qp)
{
	const struct vfiowc_send_wqe *slot;

	slot = vfiowc_ring_slot(qp->sq.ring, qp->sq.ring->own);
	memcpy(qp->sq.wqe, slot, sizeof(*slot));
	/* The user writes the slot at any time: checks see the copy only. */
	barrier();
	return slot;
}

/* Load the head of the queue; false: it makes no sense. */
static bool wqe_load(struct vfiowc_qp *qp)
{
	const struct vfiowc_send_wqe *slot = wqe_copy_header(qp);
	struct vfiowc_send_wqe *wqe = qp->sq.wqe;

	if (!wqe_valid(qp, wqe))
		return false;
	memcpy(wqe + 1, slot + 1, wqe->inline_length +
	       wqe->num_sge * sizeof(struct vfiowc_sge));
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
		.access = wr->wqe->opcode == IB_WR_RDMA_READ ?
				  IB_ACCESS_LOCAL_WRITE : 0,
	};
}

/* The responder's memory that WRITE and READ name by rkey. */
static struct vfiowc_iter remote_iter(struct wr *wr)
{
	wr->remote = (struct vfiowc_sge){
		.addr = wr->wqe->remote_addr,
		.length = wr->length,
		.lkey = wr->wqe->rkey,
	};
	return (struct vfiowc_iter){
		.dev = wr->peer->dev,
		.pd = wr->peer->ibqp.pd,
		.sge = &wr->remote,
		.nr = 1,
		.access = wr_ops[wr->wqe->opcode].peer_access,
		.remote = true,
	};
}

/* The receive that peer->rq.wqe holds. */
static struct vfiowc_iter recv_iter(const struct wr *wr)
{
	return (struct vfiowc_iter){
		.dev = wr->peer->dev,
		.pd = wr->peer->ibqp.pd,
		.sge = (void *)(wr->peer->rq.wqe + 1),
		.nr = wr->peer->rq.wqe->num_sge,
		.access = IB_ACCESS_LOCAL_WRITE,
		.remote = true,
	};
}

/*
 * A transfer was stopped: by whom?  What has moved bytes already is not repeated:
 * each byte goes to the target once, which may be a FIFO behind a BAR.
 */
static enum verdict stopped(struct wr *wr)
{
	bool killed = fatal_signal_pending(current);

	if (vfiowc_qp_state(wr->qp) != IB_QPS_RTS)
		return STOP;
	if (wr->xfer.moved)
		return fail(wr, killed ? IB_WC_WR_FLUSH_ERR :
					 IB_WC_RETRY_EXC_ERR,
			    VFIOWC_VENDOR_NO_PEER);
	return killed ? HAND_OVER : WAIT_PEER;
}

static enum verdict run_rdma(struct wr *wr, struct vfiowc_iter *local)
{
	const bool is_read = wr->wqe->opcode == IB_WR_RDMA_READ;
	const enum vfiowc_xfer_end remote_failed =
		is_read ? VFIOWC_XFER_FROM_FAILED : VFIOWC_XFER_TO_FAILED;
	struct vfiowc_xfer *xfer = &wr->xfer;
	struct vfiowc_iter remote = remote_iter(wr);
	enum vfiowc_xfer_end end;
	enum vfiowc_vendor_err vendor;

	vendor = vfiowc_iter_check(&remote);
	if (vendor)
		return fail_remote(wr, IB_WC_REM_ACCESS_ERR, vendor,
				   IB_EVENT_QP_ACCESS_ERR);
	xfer->from = is_read ? remote : *local;
	xfer->to = is_read ? *local : remote;
	end = vfiowc_xfer_run(xfer, wr->length);
	if (end == VFIOWC_XFER_OK)
		return COMPLETE;
	if (end == VFIOWC_XFER_STOPPED)
		return stopped(wr);
	if (end == remote_failed)
		return fail_remote(wr, IB_WC_REM_ACCESS_ERR, xfer->vendor,
				   IB_EVENT_QP_ACCESS_ERR);
	return fail(wr, IB_WC_LOC_PROT_ERR, xfer->vendor);
}

/* Complete the peer's receive; a peer whose CQ is full is in error. */
static void complete_recv(struct wr *wr, struct vfiowc_cqe *cqe)
{
	bool solicited = wr->wqe->flags & VFIOWC_SEND_SOLICITED;

	if (!vfiowc_rq_complete(wr->peer, cqe, solicited))
		vfiowc_qp_error_event(wr->peer, IB_EVENT_QP_FATAL);
}

static void recv_succeeds(struct wr *wr)
{
	struct vfiowc_cqe cqe = {
		.status = IB_WC_SUCCESS,
		.opcode = wr_ops[wr->wqe->opcode].peer_access ?
				  IB_WC_RECV_RDMA_WITH_IMM : IB_WC_RECV,
		.byte_len = wr->length,
		.src_qp = wr->qp->ibqp.qp_num,
	};

	if (wr_ops[wr->wqe->opcode].immediate) {
		cqe.wc_flags = IB_WC_WITH_IMM;
		cqe.imm_data = wr->wqe->imm_data;
	}
	complete_recv(wr, &cqe);
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
	return fail(wr, status, vendor);
}

static enum verdict run_send(struct wr *wr, struct vfiowc_iter *local)
{
	struct vfiowc_iter recv = recv_iter(wr);
	enum vfiowc_xfer_end end;

	if (vfiowc_iter_length(&recv) < wr->length)
		return recv_fails(wr, IB_WC_LOC_LEN_ERR,
				  IB_WC_REM_INV_REQ_ERR, VFIOWC_VENDOR_BOUNDS);
	wr->xfer.from = *local;
	wr->xfer.to = recv;
	end = vfiowc_xfer_run(&wr->xfer, wr->length);
	switch (end) {
	case VFIOWC_XFER_OK:
		return COMPLETE;
	case VFIOWC_XFER_STOPPED:
		return stopped(wr);
	case VFIOWC_XFER_FROM_FAILED:
		return fail(wr, IB_WC_LOC_PROT_ERR, wr->xfer.vendor);
	default:
		return recv_fails(wr, IB_WC_LOC_PROT_ERR, IB_WC_REM_OP_ERR,
				  wr->xfer.vendor);
	}
}

/*
 * SEND and WRITE_WITH_IMM.  The receive is looked for first: a request that has
 * to be repeated must not have touched the target (single-access rule).
 */
static enum verdict run_receiving(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict verdict;

	switch (vfiowc_rq_peek(wr->peer)) {
	case VFIOWC_RQ_EMPTY:
		verdict = WAIT_RNR;
		break;
	case VFIOWC_RQ_BROKEN:
		verdict = fail_remote(wr, IB_WC_REM_OP_ERR,
				      VFIOWC_VENDOR_BAD_WQE, IB_EVENT_QP_FATAL);
		break;
	default:
		if (wr_ops[wr->wqe->opcode].peer_access)
			verdict = run_rdma(wr, local);
		else
			verdict = run_send(wr, local);
		if (verdict == COMPLETE && wr->status == IB_WC_SUCCESS)
			recv_succeeds(wr);
	}
	return verdict;
}

/* Does the responder's QP take this kind of request at all? */
static bool peer_accepts(const struct wr *wr)
{
	int access = wr_ops[wr->wqe->opcode].peer_access;
	const struct ib_qp_attr *attr = &wr->peer->attr;

	/* modify_qp of the peer changes them without our locks */
	if ((READ_ONCE(attr->qp_access_flags) & access) != access)
		return false;
	return wr->wqe->opcode != IB_WR_RDMA_READ ||
	       READ_ONCE(attr->max_dest_rd_atomic);
}

static enum verdict run_connected(struct wr *wr, struct vfiowc_iter *local)
{
	lockdep_assert_held(&wr->peer->rq.lock);

	if (!vfiowc_qp_connected(wr->qp, wr->peer))
		return WAIT_PEER;
	if (!peer_accepts(wr))
		return fail_remote(wr, IB_WC_REM_INV_REQ_ERR,
				   VFIOWC_VENDOR_ACCESS, IB_EVENT_QP_REQ_ERR);
	if (wr_ops[wr->wqe->opcode].receives)
		return run_receiving(wr, local);
	return run_rdma(wr, local);
}

/*
 * Whatever the operation, the responder's rq.lock is held: who takes a QP to
 * RESET or ERR waits for it, so that nothing is delivered through the QP any more
 * when modify_qp returns, and a QP connected anew gets nothing from an old peer.
 */
static enum verdict run_on_peer(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict verdict;

	mutex_lock(&wr->peer->rq.lock);
	verdict = run_connected(wr, local);
	mutex_unlock(&wr->peer->rq.lock);
	return verdict;
}

/* The initiator's own checks, which need no peer. */
static bool check_local(struct wr *wr, const struct vfiowc_iter *local)
{
	bool is_inline = local->inline_data;
	u64 length = is_inline ? wr->wqe->inline_length :
				 vfiowc_iter_length(local);
	enum vfiowc_vendor_err vendor;

	if (wr->wqe->opcode == IB_WR_RDMA_READ && !wr->qp->attr.max_rd_atomic) {
		fail(wr, IB_WC_LOC_QP_OP_ERR, VFIOWC_VENDOR_ACCESS);
		return false;
	}
	vendor = is_inline ? VFIOWC_VENDOR_NONE : vfiowc_iter_check(local);
	if (vendor) {
		fail(wr, IB_WC_LOC_PROT_ERR, vendor);
		return false;
	}
	if (length > VFIOWC_MAX_MSG_BYTES) {
		fail(wr, IB_WC_LOC_LEN_ERR, VFIOWC_VENDOR_BOUNDS);
		return false;
	}
	wr->length = length;
	return true;
}

static enum verdict wr_execute(struct wr *wr)
{
	struct vfiowc_qp *qp = wr->qp;
	struct vfiowc_iter local;

	if (!wqe_load(qp))
		return fail(wr, IB_WC_LOC_QP_OP_ERR, VFIOWC_VENDOR_BAD_WQE);
	local = local_iter(wr);
	if (!check_local(wr, &local))
		return COMPLETE;
	wr->peer = vfiowc_qp_find_peer(qp);
	if (!wr->peer)
		return WAIT_PEER;
	wr->xfer.qp = qp;
	wr->xfer.peer = wr->peer;
	wr->xfer.wr_id = wr->wqe->wr_id;
	wr->xfer.trace_op = wr_ops[wr->wqe->opcode].trace_op;
	return run_on_peer(wr, &local);
}

/* InfiniBand's table of RNR timers (IBA 9.7.5.2.8), in units of 10 us. */
static unsigned long rnr_delay(u8 timer)
{
	static const u32 rnr_10us[32] = {
		65536, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192,
		256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192,
		12288, 16384, 24576, 32768, 49152,
	};

	return usecs_to_jiffies(rnr_10us[timer & 31] * 10U);
}

/* Local ACK timeout: 4.096 us * 2^timeout; at least a tick. */
static unsigned long ack_delay(u8 timeout)
{
	if (!timeout)
		return msecs_to_jiffies(NO_TIMEOUT_POLL_MS);
	return nsecs_to_jiffies(4096ULL << (timeout & 31)) + 1;
}

static void sq_wait(struct vfiowc_qp *qp, unsigned long delay)
{
	qp->sq.waiting = true;
	/* mod: a timer of before a RESET may still be pending */
	mod_delayed_work(vfiowc_wq, &qp->work, max(delay, 1UL));
}

/* RNR NAK: try again after the receiver's timer, unless out of retries. */
static enum verdict wait_rnr(struct wr *wr)
{
	struct vfiowc_qp *qp = wr->qp;

	if (qp->attr.rnr_retry != 7 && !qp->sq.rnr_left--)
		return fail(wr, IB_WC_RNR_RETRY_EXC_ERR, VFIOWC_VENDOR_NONE);
	sq_wait(qp, rnr_delay(READ_ONCE(wr->peer->attr.min_rnr_timer)));
	return WAIT_RNR;
}

/* Nobody acknowledges: try again after the timeout, unless out of retries. */
static enum verdict wait_peer(struct wr *wr)
{
	struct vfiowc_qp *qp = wr->qp;

	if (qp->attr.timeout && !qp->sq.retry_left--)
		return fail(wr, IB_WC_RETRY_EXC_ERR, VFIOWC_VENDOR_NO_PEER);
	sq_wait(qp, ack_delay(qp->attr.timeout));
	return WAIT_PEER;
}

static void sq_complete(struct vfiowc_qp *qp, const struct wr *wr)
{
	const struct vfiowc_send_wqe *wqe = qp->sq.wqe;
	struct vfiowc_cqe cqe = {
		.wr_id = wqe->wr_id,
		.status = wr->status,
		.vendor_err = wr->vendor,
		.byte_len = wr->length,
		.qp_num = qp->ibqp.qp_num,
	};
	bool wanted = qp->sq.signal_all || wr->status != IB_WC_SUCCESS ||
		      (wqe->flags & VFIOWC_SEND_SIGNALED);

	if (wqe->opcode < ARRAY_SIZE(wr_ops))
		cqe.opcode = wr_ops[wqe->opcode].wc_opcode;
	vfiowc_ring_consume(qp->sq.ring);
	cqe.wqe_index = qp->sq.ring->own;
	qp->sq.rnr_left = qp->attr.rnr_retry;
	qp->sq.retry_left = qp->attr.retry_cnt;
	if (wr->status != IB_WC_SUCCESS)
		vfiowc_qp_error(qp);
	if (wanted && !vfiowc_cq_push(to_vcq(qp->ibqp.send_cq), &cqe, false))
		vfiowc_qp_error_event(qp, IB_EVENT_QP_FATAL);
}

/* The head of the queue; false: it stays there for now. */
static bool sq_step(struct vfiowc_qp *qp, u64 *bytes)
{
	struct wr wr = { .qp = qp, .wqe = qp->sq.wqe };
	enum verdict verdict = wr_execute(&wr);

	if (verdict == WAIT_RNR)
		verdict = wait_rnr(&wr);
	if (verdict == WAIT_PEER)
		verdict = wait_peer(&wr);
	if (verdict == HAND_OVER)
		mod_delayed_work(vfiowc_wq, &qp->work, 0);
	if (wr.peer)
		vfiowc_qp_put(wr.peer);
	if (verdict != COMPLETE)
		return false;
	sq_complete(qp, &wr);
	*bytes += wr.length;
	return true;
}

/* The user's index is beyond the ring: nothing in it can be believed. */
static int sq_broken(struct vfiowc_qp *qp)
{
	vfiowc_ring_discard(qp->sq.ring);
	vfiowc_qp_error_event(qp, IB_EVENT_QP_FATAL);
	return -EINVAL;
}

/**
 * vfiowc_sq_flush - complete all posted sends with WR_FLUSH_ERR
 * @qp: in the error state; sq.lock held
 */
void vfiowc_sq_flush(struct vfiowc_qp *qp)
{
	struct vfiowc_ring *ring = qp->sq.ring;
	u32 pending;

	lockdep_assert_held(&qp->sq.lock);

	qp->sq.waiting = false;
	pending = vfiowc_ring_pending(ring);
	if (pending > ring->entries) {
		sq_broken(qp);
		return;
	}
	for (; pending; pending--) {
		struct wr wr = {
			.qp = qp,
			.wqe = qp->sq.wqe,
			.status = IB_WC_WR_FLUSH_ERR,
		};

		wqe_copy_header(qp);
		sq_complete(qp, &wr);
	}
}

/*
 * Execute what was published when the run began; more brings its own doorbell.
 * A caller with a signal, or after a long time, leaves the rest to the worker, so
 * that nobody waits for sq.lock (or unregistration for a call) without bound.
 */
static int sq_run(struct vfiowc_qp *qp)
{
	u32 pending = vfiowc_ring_pending(qp->sq.ring);
	u64 bytes = 0;

	if (pending > qp->sq.ring->entries)
		return sq_broken(qp);
	for (; pending && vfiowc_qp_state(qp) == IB_QPS_RTS; pending--) {
		if (!sq_step(qp, &bytes))
			return 0;
		if (pending > 1 && (signal_pending(current) ||
				    bytes > VFIOWC_RUN_BUDGET_BYTES)) {
			mod_delayed_work(vfiowc_wq, &qp->work, 0);
			return 0;
		}
		cond_resched();
	}
	return 0;
}

/* What the state allows: execute, flush, or nothing. */
static int sq_kick(struct vfiowc_qp *qp)
{
	int err = 0;

	lockdep_assert_held(&qp->sq.lock);

	if (vfiowc_qp_state(qp) == IB_QPS_RTS && !qp->sq.waiting)
		err = sq_run(qp);
	if (vfiowc_qp_state(qp) == IB_QPS_ERR) {
		vfiowc_sq_flush(qp);
		vfiowc_rq_flush(qp);
	}
	return err;
}

/**
 * vfiowc_post_send - the doorbell; see rdma/vfiowc-abi.h
 * @ibqp: the QP
 * @wr: NULL: requests are in the ring
 * @bad_wr: out, if @wr is not NULL
 *
 * Return: 0; -EINVAL state, malformed producer index, or @wr; -EINTR.
 */
int vfiowc_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		     const struct ib_send_wr **bad_wr)
{
	struct vfiowc_qp *qp = to_vqp(ibqp);
	enum ib_qp_state state = vfiowc_qp_state(qp);
	int err;

	if (wr) {
		*bad_wr = wr;
		return -EINVAL;
	}
	if (state != IB_QPS_RTS && state != IB_QPS_ERR)
		return -EINVAL;
	if (mutex_lock_killable(&qp->sq.lock))
		return -EINTR;
	err = sq_kick(qp);
	mutex_unlock(&qp->sq.lock);
	return err;
}

/**
 * vfiowc_qp_work - the worker of a QP: retries, remainders, flushes
 * @work: qp->work
 */
void vfiowc_qp_work(struct work_struct *work)
{
	struct vfiowc_qp *qp = container_of(to_delayed_work(work),
					    struct vfiowc_qp, work);

	mutex_lock(&qp->sq.lock);
	qp->sq.waiting = false;
	sq_kick(qp);
	mutex_unlock(&qp->sq.lock);
}
