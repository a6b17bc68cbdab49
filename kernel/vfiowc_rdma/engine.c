// SPDX-License-Identifier: GPL-2.0
/*
 * The engine: executes the work requests of one send queue, in order, in the
 * context of the doorbell call.  A hand-over to a kernel thread would cost several
 * times the latency of the request itself; only what has to wait (RNR, no peer
 * yet) or would hold up a signalled caller goes to the QP's worker.
 *
 * Locks: sq.lock of the initiator for the whole run; inside it rq.lock of the peer
 * for one request.  See vfiowc_rdma.h.
 *
 * A failed request completes with an error and everything behind it is flushed.
 * The QP of a reliable connection goes to the error state; that of an unreliable
 * service to SQE: it still receives, and modify_qp brings it back to RTS.
 *
 * IBV_SEND_FENCE needs no action: a request begins when the one before it is
 * complete (O5i: writes that depend on a READ come after it).
 */
#include <linux/sched/signal.h>

#include "wr.h"

/* Without a local ACK timeout a real device would wait for ever; look again. */
#define NO_TIMEOUT_POLL_MS	100

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
	vfiowc_count(qp->dev, VFIOWC_CNT_RNR_WAITS, 1);
	sq_wait(qp, rnr_delay(READ_ONCE(wr->peer->attr.min_rnr_timer)));
	return WAIT_RNR;
}

/* Nobody acknowledges: try again after the timeout, unless out of retries. */
static enum verdict wait_peer(struct wr *wr)
{
	struct vfiowc_qp *qp = wr->qp;

	if (qp->attr.timeout && !qp->sq.retry_left--)
		return fail(wr, IB_WC_RETRY_EXC_ERR, VFIOWC_VENDOR_NO_PEER);
	vfiowc_count(qp->dev, VFIOWC_CNT_PEER_WAITS, 1);
	sq_wait(qp, ack_delay(qp->attr.timeout));
	return WAIT_PEER;
}

/* The completion of the request that was consumed last. */
static bool sq_push(struct vfiowc_qp *qp, const struct wr *wr)
{
	struct vfiowc_cqe cqe = {
		.wr_id = qp->sq.wqe.wr_id,
		.status = wr->status,
		.vendor_err = wr->vendor,
		.byte_len = wr->length,
		.qp_num = qp->ibqp.qp_num,
		.wqe_index = qp->sq.ring.own,
	};

	if (wr->op)
		cqe.opcode = wr->op->wc_opcode;
	return vfiowc_cq_push(to_vcq(qp->ibqp.send_cq), &cqe, false);
}

static void sq_complete(struct vfiowc_qp *qp, const struct wr *wr)
{
	bool failed = wr->status != IB_WC_SUCCESS;
	bool wanted = failed || qp->sq.signal_all ||
		      (qp->sq.wqe.flags & VFIOWC_SEND_SIGNALED);

	vfiowc_ring_consume(&qp->sq.ring);
	qp->sq.rnr_left = qp->attr.rnr_retry;
	qp->sq.retry_left = qp->attr.retry_cnt;
	if (failed)
		vfiowc_qp_send_error(qp);
	if (wanted && !sq_push(qp, wr))
		vfiowc_qp_error_event(qp, IB_EVENT_QP_FATAL);
}

/*
 * The peer of a connection that answered stays held for the next request of the run,
 * which looks again whether it is connected.  Others are let go of, also by a request
 * that has no peer and so would not look: who is being destroyed waits for one request
 * at most.
 */
static void sq_put_peer(struct wr *wr, bool complete, struct vfiowc_qp **peer)
{
	bool keep = complete && wr->status == IB_WC_SUCCESS && !wr->dropped &&
		    wr->qp->ibqp.qp_type != IB_QPT_UD && !wr->op->local;

	*peer = keep ? wr->peer : NULL;
	if (wr->peer && !keep)
		vfiowc_qp_put(wr->peer);
}

/* The head of the queue; false: it stays there for now. */
static bool sq_step(struct vfiowc_qp *qp, struct vfiowc_qp **peer, u64 *bytes)
{
	struct wr wr = { .qp = qp, .wqe = &qp->sq.wqe, .peer = *peer };
	enum verdict verdict = vfiowc_wr_execute(&wr);

	if (verdict == WAIT_RNR)
		verdict = wait_rnr(&wr);
	if (verdict == WAIT_PEER)
		verdict = wait_peer(&wr);
	if (verdict == HAND_OVER)
		mod_delayed_work(vfiowc_wq, &qp->work, 0);
	sq_put_peer(&wr, verdict == COMPLETE, peer);
	if (verdict != COMPLETE)
		return false;
	sq_complete(qp, &wr);
	*bytes += wr.length;
	vfiowc_count(qp->dev, VFIOWC_CNT_REQUESTS, 1);
	vfiowc_count(qp->dev, VFIOWC_CNT_BYTES, wr.length);
	return true;
}

/* The user's index is beyond the ring: nothing in it can be believed. */
static int sq_broken(struct vfiowc_qp *qp)
{
	vfiowc_ring_discard(&qp->sq.ring);
	vfiowc_qp_error_event(qp, IB_EVENT_QP_FATAL);
	return -EINVAL;
}

/**
 * vfiowc_sq_flush - complete all posted sends with WR_FLUSH_ERR
 * @qp: in ERR or SQE; sq.lock held
 */
void vfiowc_sq_flush(struct vfiowc_qp *qp)
{
	struct vfiowc_ring *ring = &qp->sq.ring;
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
			.wqe = &qp->sq.wqe,
			.status = IB_WC_WR_FLUSH_ERR,
		};

		vfiowc_wr_copy_header(&wr);
		sq_complete(qp, &wr);
	}
}

/*
 * Execute what was published when the run began; more brings its own doorbell.
 * A caller with a signal, or after a long time, leaves the rest to the worker, so
 * that nobody waits for sq.lock (or unregistration for a call) without bound.
 */
static void sq_execute(struct vfiowc_qp *qp, u32 pending)
{
	struct vfiowc_qp *peer = NULL;
	u64 bytes = 0;

	for (; pending && vfiowc_qp_state(qp) == IB_QPS_RTS; pending--) {
		if (!sq_step(qp, &peer, &bytes))
			break;
		if (pending > 1 && (signal_pending(current) ||
				    bytes > VFIOWC_RUN_BUDGET_BYTES)) {
			mod_delayed_work(vfiowc_wq, &qp->work, 0);
			break;
		}
		cond_resched();
	}
	if (peer)
		vfiowc_qp_put(peer);
}

static int sq_run(struct vfiowc_qp *qp)
{
	u32 pending = vfiowc_ring_pending(&qp->sq.ring);

	if (pending > qp->sq.ring.entries)
		return sq_broken(qp);
	sq_execute(qp, pending);
	return 0;
}

/* What the state allows: execute, flush, or nothing. */
static int sq_kick(struct vfiowc_qp *qp)
{
	enum ib_qp_state state;
	int err = 0;

	lockdep_assert_held(&qp->sq.lock);

	if (vfiowc_qp_state(qp) == IB_QPS_RTS && !qp->sq.waiting)
		err = sq_run(qp);
	state = vfiowc_qp_state(qp);
	if (state == IB_QPS_ERR || state == IB_QPS_SQE)
		vfiowc_sq_flush(qp);
	if (state == IB_QPS_ERR)
		vfiowc_rq_flush(qp);
	return err;
}

/**
 * vfiowc_sq_ring - the doorbell; see rdma/vfiowc-abi.h
 * @qp: held
 *
 * Return: 0; -EINVAL state, or malformed producer index; -EINTR.
 */
int vfiowc_sq_ring(struct vfiowc_qp *qp)
{
	enum ib_qp_state state = vfiowc_qp_state(qp);
	int err;

	if (state == IB_QPS_RESET || state == IB_QPS_INIT ||
	    state == IB_QPS_RTR)
		return -EINVAL;
	if (mutex_lock_killable(&qp->sq.lock))
		return -EINTR;
	err = sq_kick(qp);
	mutex_unlock(&qp->sq.lock);
	return err;
}

/**
 * vfiowc_post_send - the doorbell as a command of verbs
 * @ibqp: the QP
 * @wr: NULL: requests are in the ring
 * @bad_wr: out, if @wr is not NULL
 *
 * Return: as vfiowc_sq_ring(); -EINVAL @wr.
 */
int vfiowc_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		     const struct ib_send_wr **bad_wr)
{
	if (wr) {
		*bad_wr = wr;
		return -EINVAL;
	}
	return vfiowc_sq_ring(to_vqp(ibqp));
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
