// SPDX-License-Identifier: GPL-2.0
/*
 * The state machine of queue pairs.
 *
 * A state change asked for by the user holds modify_lock; changes to
 * ERR and RESET are made visible first and then wait for the engine, which leaves
 * at the next chunk, by taking sq.lock and rq.lock; the others hold sq.lock while
 * attributes change.  vfiowc_qp_error() may come from any engine at any time and
 * needs the spinlock only.
 *
 * SQD: the engine runs under sq.lock, so a queue is drained as soon as that is
 * taken; a request that waits for its peer has not begun and stays.
 * SQE (UC, UD): an error of a send flushes the send queue only.
 */
#include <rdma/ib_cache.h>

#include "vfiowc_rdma.h"

/* Alternate paths, rate limits and the like do not exist here. */
#define QP_ATTR_SUPPORTED \
	(IB_QP_STATE | IB_QP_CUR_STATE | IB_QP_ACCESS_FLAGS | \
	 IB_QP_PKEY_INDEX | IB_QP_PORT | IB_QP_AV | IB_QP_PATH_MTU | \
	 IB_QP_TIMEOUT | IB_QP_RETRY_CNT | IB_QP_RNR_RETRY | IB_QP_RQ_PSN | \
	 IB_QP_MAX_QP_RD_ATOMIC | IB_QP_MIN_RNR_TIMER | IB_QP_SQ_PSN | \
	 IB_QP_MAX_DEST_RD_ATOMIC | IB_QP_DEST_QPN | IB_QP_QKEY | \
	 IB_QP_EN_SQD_ASYNC_NOTIFY)

/* Release: who sees the state sees the attributes that belong to it. */
static void qp_set_state(struct vfiowc_qp *qp, enum ib_qp_state state)
{
	lockdep_assert_held(&qp->state_lock);
	/* pairs with the acquire in vfiowc_qp_state() */
	smp_store_release(&qp->state, state);
}

/**
 * vfiowc_qp_error - a QP goes to the error state because of a request
 * @qp: any QP that the caller holds; its queues are flushed by its worker
 *
 * Return: false if it is there already, or not connected.
 */
bool vfiowc_qp_error(struct vfiowc_qp *qp)
{
	bool changed;

	spin_lock(&qp->state_lock);
	changed = vfiowc_qp_receives(qp);
	if (changed)
		qp_set_state(qp, IB_QPS_ERR);
	spin_unlock(&qp->state_lock);
	if (changed) {
		vfiowc_count(qp->dev, VFIOWC_CNT_QP_ERRORS, 1);
		mod_delayed_work(vfiowc_wq, &qp->work, 0);
	}
	return changed;
}

/**
 * vfiowc_qp_send_error - a request of the own send queue has failed
 * @qp: sq.lock held; the caller flushes the send queue
 */
void vfiowc_qp_send_error(struct vfiowc_qp *qp)
{
	lockdep_assert_held(&qp->sq.lock);

	if (qp->ibqp.qp_type == IB_QPT_RC) {
		vfiowc_qp_error(qp);
		return;
	}
	spin_lock(&qp->state_lock);
	if (qp->state == IB_QPS_RTS)
		qp_set_state(qp, IB_QPS_SQE);
	spin_unlock(&qp->state_lock);
}

static void send_event(struct vfiowc_qp *qp, enum ib_event_type type)
{
	struct ib_event event = {
		.device = qp->ibqp.device,
		.event = type,
		.element.qp = &qp->ibqp,
	};

	if (qp->ibqp.event_handler)
		qp->ibqp.event_handler(&event, qp->ibqp.qp_context);
}

/**
 * vfiowc_qp_error_event - as vfiowc_qp_error(), and tell the application
 * @qp: any QP that the caller holds
 * @type: what happened; sent once, however many requests find it out
 */
void vfiowc_qp_error_event(struct vfiowc_qp *qp, enum ib_event_type type)
{
	if (vfiowc_qp_error(qp))
		send_event(qp, type);
}

static bool attr_in_range(const struct ib_qp_attr *attr, int mask)
{
	if ((mask & IB_QP_PORT) && attr->port_num != VFIOWC_PORT)
		return false;
	if ((mask & IB_QP_PKEY_INDEX) && attr->pkey_index)
		return false;
	if ((mask & IB_QP_PATH_MTU) &&
	    (attr->path_mtu < IB_MTU_256 || attr->path_mtu > IB_MTU_4096))
		return false;
	if ((mask & IB_QP_MAX_QP_RD_ATOMIC) &&
	    attr->max_rd_atomic > VFIOWC_MAX_RD_ATOMIC)
		return false;
	if ((mask & IB_QP_MAX_DEST_RD_ATOMIC) &&
	    attr->max_dest_rd_atomic > VFIOWC_MAX_RD_ATOMIC)
		return false;
	if ((mask & IB_QP_TIMEOUT) && attr->timeout > 31)
		return false;
	if ((mask & IB_QP_RETRY_CNT) && attr->retry_cnt > 7)
		return false;
	if ((mask & IB_QP_RNR_RETRY) && attr->rnr_retry > 7)
		return false;
	return !(mask & IB_QP_MIN_RNR_TIMER) || attr->min_rnr_timer <= 31;
}

/*
 * Loopback: the destination must be a port of ours.  Two devices may have the GID;
 * that of the peer is meant, if it is there already.
 */
static int qp_resolve(struct vfiowc_qp *qp, const struct ib_qp_attr *attr,
		      int mask)
{
	const struct ib_global_route *grh = rdma_ah_read_grh(&attr->ah_attr);
	struct vfiowc_qp *peer;
	u32 id;
	int err;

	if (!(rdma_ah_get_ah_flags(&attr->ah_attr) & IB_AH_GRH))
		return -EINVAL;
	peer = vfiowc_qp_find(mask & IB_QP_DEST_QPN ? attr->dest_qp_num :
						      qp->attr.dest_qp_num);
	err = vfiowc_dev_by_gid(peer ? peer->dev : qp->dev, &grh->dgid, &id);
	if (peer)
		vfiowc_qp_put(peer);
	if (!err)
		WRITE_ONCE(qp->dest_dev, id);
	return err;
}

static void qp_store_path(struct vfiowc_qp *qp, const struct ib_qp_attr *attr,
			  int mask)
{
	struct ib_qp_attr *own = &qp->attr;

	if (mask & IB_QP_AV)
		own->ah_attr = attr->ah_attr;
	if (mask & IB_QP_PATH_MTU)
		own->path_mtu = attr->path_mtu;
	if (mask & IB_QP_DEST_QPN)
		WRITE_ONCE(own->dest_qp_num, attr->dest_qp_num);
	if (mask & IB_QP_PORT)
		own->port_num = attr->port_num;
	if (mask & IB_QP_PKEY_INDEX)
		own->pkey_index = attr->pkey_index;
	if (mask & IB_QP_RQ_PSN)
		own->rq_psn = attr->rq_psn;
	if (mask & IB_QP_SQ_PSN)
		own->sq_psn = attr->sq_psn;
	if (mask & IB_QP_QKEY)
		WRITE_ONCE(own->qkey, attr->qkey);
}

static void qp_store_limits(struct vfiowc_qp *qp, const struct ib_qp_attr *attr,
			    int mask)
{
	struct ib_qp_attr *own = &qp->attr;

	if (mask & IB_QP_ACCESS_FLAGS)
		WRITE_ONCE(own->qp_access_flags, attr->qp_access_flags);
	if (mask & IB_QP_MAX_QP_RD_ATOMIC)
		own->max_rd_atomic = attr->max_rd_atomic;
	if (mask & IB_QP_MAX_DEST_RD_ATOMIC)
		WRITE_ONCE(own->max_dest_rd_atomic, attr->max_dest_rd_atomic);
	if (mask & IB_QP_MIN_RNR_TIMER)
		WRITE_ONCE(own->min_rnr_timer, attr->min_rnr_timer);
	if (mask & IB_QP_TIMEOUT)
		own->timeout = attr->timeout;
	if (mask & IB_QP_RETRY_CNT)
		own->retry_cnt = attr->retry_cnt;
	if (mask & IB_QP_RNR_RETRY)
		own->rnr_retry = attr->rnr_retry;
	qp->sq.retry_left = own->retry_cnt;
	qp->sq.rnr_left = own->rnr_retry;
}

static enum ib_qp_state next_state(const struct ib_qp_attr *attr, int mask,
				   enum ib_qp_state now)
{
	return mask & IB_QP_STATE ? attr->qp_state : now;
}

/* To RESET and ERR: at once, so that engines leave; then empty the queues. */
static int qp_stop(struct vfiowc_qp *qp, const struct ib_qp_attr *attr, int mask)
{
	enum ib_qp_state to = attr->qp_state;
	bool ok;

	lockdep_assert_held(&qp->modify_lock);

	spin_lock(&qp->state_lock);
	ok = ib_modify_qp_is_ok(qp->state, to, qp->ibqp.qp_type, mask);
	if (ok)
		qp_set_state(qp, to);
	spin_unlock(&qp->state_lock);
	if (!ok)
		return -EINVAL;

	mutex_lock(&qp->sq.lock);
	qp->sq.waiting = false;
	if (to == IB_QPS_ERR) {
		vfiowc_sq_flush(qp);
		vfiowc_rq_flush(qp);
	} else {
		cancel_delayed_work(&qp->work);
		vfiowc_ring_discard(&qp->sq.ring);
		vfiowc_rq_reset(qp);
	}
	mutex_unlock(&qp->sq.lock);
	return 0;
}

/* Everything else: attributes first, then the state that makes them valid. */
static int qp_advance(struct vfiowc_qp *qp, const struct ib_qp_attr *attr,
		      int mask)
{
	enum ib_qp_state now = vfiowc_qp_state(qp);
	enum ib_qp_state to = next_state(attr, mask, now);
	int err = 0;

	lockdep_assert_held(&qp->modify_lock);
	lockdep_assert_held(&qp->sq.lock);

	if (!ib_modify_qp_is_ok(now, to, qp->ibqp.qp_type, mask) ||
	    !attr_in_range(attr, mask))
		return -EINVAL;
	if (mask & IB_QP_AV)
		err = qp_resolve(qp, attr, mask);
	if (err)
		return err;
	qp_store_path(qp, attr, mask);
	qp_store_limits(qp, attr, mask);

	spin_lock(&qp->state_lock);
	/* an engine may have put it into the error state meanwhile */
	if (qp->state == now)
		qp_set_state(qp, to);
	else
		err = -EINVAL;
	spin_unlock(&qp->state_lock);
	if (err)
		return err;
	if (to == IB_QPS_SQD && now == IB_QPS_RTS &&
	    (mask & IB_QP_EN_SQD_ASYNC_NOTIFY) && attr->en_sqd_async_notify)
		send_event(qp, IB_EVENT_SQ_DRAINED);
	/* what was posted meanwhile */
	if (to == IB_QPS_RTS && (now == IB_QPS_SQD || now == IB_QPS_SQE))
		mod_delayed_work(vfiowc_wq, &qp->work, 0);
	return 0;
}

/**
 * vfiowc_qp_end - the QP is being destroyed: engines leave
 * @qp: the QP
 */
void vfiowc_qp_end(struct vfiowc_qp *qp)
{
	spin_lock(&qp->state_lock);
	qp_set_state(qp, IB_QPS_RESET);
	spin_unlock(&qp->state_lock);
}

/**
 * vfiowc_modify_qp - see ib_device_ops
 * @ibqp: the QP
 * @attr: new values
 * @mask: which of them
 * @udata: no driver data
 *
 * Return: 0; -EINVAL transition, attributes; -EOPNOTSUPP attributes or states
 * that do not exist here; -EHOSTUNREACH the destination GID is no port of ours;
 * -EINTR killed while the send queue was running.
 */
int vfiowc_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		     struct ib_udata *udata)
{
	struct vfiowc_qp *qp = to_vqp(ibqp);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	if (mask & ~QP_ATTR_SUPPORTED)
		return -EOPNOTSUPP;

	if (mutex_lock_killable(&qp->modify_lock))
		return -EINTR;
	if ((mask & IB_QP_CUR_STATE) &&
	    attr->cur_qp_state != vfiowc_qp_state(qp)) {
		err = -EINVAL;
	} else if ((mask & IB_QP_STATE) && (attr->qp_state == IB_QPS_RESET ||
					    attr->qp_state == IB_QPS_ERR)) {
		err = qp_stop(qp, attr, mask);
	} else {
		/* a long run of the send queue may hold it */
		err = mutex_lock_killable(&qp->sq.lock);
		if (!err) {
			err = qp_advance(qp, attr, mask);
			mutex_unlock(&qp->sq.lock);
		}
	}
	mutex_unlock(&qp->modify_lock);
	return err;
}
