// SPDX-License-Identifier: GPL-2.0
/*
 * Queue pairs: creation, the state machine, destruction.
 *
 * Only RC.  A state change asked for by the user holds modify_lock; changes to
 * ERR and RESET are made visible first and then wait for the engine, which leaves
 * at the next chunk, by taking sq.lock and rq.lock; the others hold sq.lock while
 * attributes change.  vfiowc_qp_error() may come from any engine at any time and
 * needs the spinlock only.
 */
#include <linux/slab.h>
#include <rdma/ib_cache.h>

#include "vfiowc_rdma.h"

/* Alternate paths, rate limits and the like do not exist here. */
#define QP_ATTR_SUPPORTED \
	(IB_QP_STATE | IB_QP_CUR_STATE | IB_QP_ACCESS_FLAGS | \
	 IB_QP_PKEY_INDEX | IB_QP_PORT | IB_QP_AV | IB_QP_PATH_MTU | \
	 IB_QP_TIMEOUT | IB_QP_RETRY_CNT | IB_QP_RNR_RETRY | IB_QP_RQ_PSN | \
	 IB_QP_MAX_QP_RD_ATOMIC | IB_QP_MIN_RNR_TIMER | IB_QP_SQ_PSN | \
	 IB_QP_MAX_DEST_RD_ATOMIC | IB_QP_DEST_QPN)

static int qp_check_init(const struct ib_qp_init_attr *init)
{
	const struct ib_qp_cap *cap = &init->cap;

	if (init->qp_type != IB_QPT_RC || init->create_flags || init->srq)
		return -EOPNOTSUPP;
	if (!init->send_cq || !init->recv_cq)
		return -EINVAL;
	if (cap->max_send_wr > VFIOWC_MAX_QP_WR ||
	    cap->max_recv_wr > VFIOWC_MAX_QP_WR ||
	    cap->max_send_sge > VFIOWC_MAX_SGE ||
	    cap->max_recv_sge > VFIOWC_MAX_SGE ||
	    cap->max_inline_data > VFIOWC_MAX_INLINE)
		return -EINVAL;
	return 0;
}

static int sq_create(struct vfiowc_qp *qp, struct ib_ucontext *uc,
		     struct ib_qp_init_attr *init,
		     struct vfiowc_ring_info *info)
{
	struct vfiowc_sq *sq = &qp->sq;
	u32 behind = max_t(u32, init->cap.max_inline_data,
			   max(init->cap.max_send_sge, 1U) *
				   sizeof(struct vfiowc_sge));
	u32 stride = ALIGN(sizeof(struct vfiowc_send_wqe) + behind, 64);

	mutex_init(&sq->lock);
	sq->wqe = kzalloc(stride, GFP_KERNEL);
	if (!sq->wqe)
		return -ENOMEM;
	sq->ring = vfiowc_ring_create(uc, max(init->cap.max_send_wr, 1U),
				      stride, info);
	if (IS_ERR(sq->ring)) {
		kfree(sq->wqe);
		return PTR_ERR(sq->ring);
	}
	sq->signal_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	sq->max_sge = max(init->cap.max_send_sge, 1U);
	sq->max_inline = stride - sizeof(struct vfiowc_send_wqe);
	sq->max_inline = min_t(u32, sq->max_inline, VFIOWC_MAX_INLINE);
	init->cap.max_send_wr = sq->ring->entries;
	init->cap.max_send_sge = sq->max_sge;
	init->cap.max_inline_data = sq->max_inline;
	return 0;
}

static void sq_destroy(struct vfiowc_qp *qp)
{
	vfiowc_ring_destroy(qp->sq.ring);
	kfree(qp->sq.wqe);
}

static int rq_create(struct vfiowc_qp *qp, struct ib_ucontext *uc,
		     struct ib_qp_init_attr *init,
		     struct vfiowc_ring_info *info)
{
	struct vfiowc_rq *rq = &qp->rq;
	u32 max_sge = max(init->cap.max_recv_sge, 1U);
	u32 stride = sizeof(struct vfiowc_recv_wqe) +
		     max_sge * sizeof(struct vfiowc_sge);

	mutex_init(&rq->lock);
	if (!init->cap.max_recv_wr)
		return 0;
	rq->wqe = kzalloc(stride, GFP_KERNEL);
	if (!rq->wqe)
		return -ENOMEM;
	rq->ring = vfiowc_ring_create(uc, init->cap.max_recv_wr, stride, info);
	if (IS_ERR(rq->ring)) {
		kfree(rq->wqe);
		return PTR_ERR(rq->ring);
	}
	rq->max_sge = max_sge;
	init->cap.max_recv_wr = rq->ring->entries;
	init->cap.max_recv_sge = max_sge;
	return 0;
}

static void rq_destroy(struct vfiowc_qp *qp)
{
	if (!qp->rq.ring)
		return;
	vfiowc_ring_destroy(qp->rq.ring);
	kfree(qp->rq.wqe);
}

static void qp_init(struct vfiowc_qp *qp, struct ib_qp_init_attr *init)
{
	qp->dev = to_vdev(qp->ibqp.device);
	qp->state = IB_QPS_RESET;
	spin_lock_init(&qp->state_lock);
	mutex_init(&qp->modify_lock);
	INIT_DELAYED_WORK(&qp->work, vfiowc_qp_work);
	qp->init = *init;
}

/**
 * vfiowc_create_qp - see ib_device_ops
 * @ibqp: the QP
 * @init: RC, no SRQ; cap is changed to what was allocated
 * @udata: no request, struct vfiowc_create_qp_resp
 *
 * Return: 0; -EOPNOTSUPP type, flags, SRQ; -EINVAL beyond the limits, or no room
 * for the response; -ENOMEM, also for VFIOWC_MAX_QP; -EFAULT.
 */
int vfiowc_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init,
		     struct ib_udata *udata)
{
	struct vfiowc_ucontext *uc =
		rdma_udata_to_drv_context(udata, struct vfiowc_ucontext, ibuc);
	struct vfiowc_dev *dev = to_vdev(ibqp->device);
	struct vfiowc_create_qp_resp resp = {};
	struct vfiowc_qp *qp = to_vqp(ibqp);
	int err;

	err = ib_is_udata_in_empty(udata);
	if (err)
		return err;
	if (udata->outlen < sizeof(resp))
		return -EINVAL;
	err = qp_check_init(init);
	if (err)
		return err;

	if (!atomic_add_unless(&dev->nr_qps, 1, VFIOWC_MAX_QP))
		return -ENOMEM;
	err = sq_create(qp, &uc->ibuc, init, &resp.sq);
	if (err)
		goto err_count;
	err = rq_create(qp, &uc->ibuc, init, &resp.rq);
	if (err)
		goto err_sq;
	qp_init(qp, init);
	err = vfiowc_qp_publish(qp);
	if (err)
		goto err_rq;
	resp.max_inline = qp->sq.max_inline;
	err = ib_respond_udata(udata, resp);
	if (err)
		goto err_withdraw;
	return 0;

err_withdraw:
	vfiowc_qp_withdraw(qp);
err_rq:
	rq_destroy(qp);
err_sq:
	sq_destroy(qp);
err_count:
	atomic_dec(&dev->nr_qps);
	return err;
}

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
	changed = qp->state == IB_QPS_RTR || qp->state == IB_QPS_RTS;
	if (changed)
		qp_set_state(qp, IB_QPS_ERR);
	spin_unlock(&qp->state_lock);
	if (changed)
		mod_delayed_work(vfiowc_wq, &qp->work, 0);
	return changed;
}

/**
 * vfiowc_qp_error_event - as vfiowc_qp_error(), and tell the application
 * @qp: any QP that the caller holds
 * @type: what happened; sent once, however many requests find it out
 */
void vfiowc_qp_error_event(struct vfiowc_qp *qp, enum ib_event_type type)
{
	struct ib_event event = {
		.device = qp->ibqp.device,
		.event = type,
		.element.qp = &qp->ibqp,
	};

	if (vfiowc_qp_error(qp) && qp->ibqp.event_handler)
		qp->ibqp.event_handler(&event, qp->ibqp.qp_context);
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

/* Loopback: the destination must be a port of ours. */
static int qp_resolve(struct vfiowc_qp *qp, const struct ib_qp_attr *attr)
{
	const struct ib_global_route *grh = rdma_ah_read_grh(&attr->ah_attr);
	u32 id;
	int err;

	if (!(rdma_ah_get_ah_flags(&attr->ah_attr) & IB_AH_GRH))
		return -EINVAL;
	err = vfiowc_dev_by_gid(&grh->dgid, &id);
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

static void rq_reset(struct vfiowc_qp *qp)
{
	struct vfiowc_ring *ring = qp->rq.ring;

	mutex_lock(&qp->rq.lock);
	if (ring) {
		vfiowc_ring_discard(ring);
		WRITE_ONCE(ring->header->flags, 0);
	}
	mutex_unlock(&qp->rq.lock);
}

/* To RESET and ERR: at once, so that engines leave; then empty the queues. */
static int qp_stop(struct vfiowc_qp *qp, const struct ib_qp_attr *attr, int mask)
{
	enum ib_qp_state to = attr->qp_state;
	bool ok;

	lockdep_assert_held(&qp->modify_lock);

	spin_lock(&qp->state_lock);
	ok = ib_modify_qp_is_ok(qp->state, to, IB_QPT_RC, mask);
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
		vfiowc_ring_discard(qp->sq.ring);
		rq_reset(qp);
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

	if (to == IB_QPS_SQD || to == IB_QPS_SQE)
		return -EOPNOTSUPP;
	if (!ib_modify_qp_is_ok(now, to, IB_QPT_RC, mask) ||
	    !attr_in_range(attr, mask))
		return -EINVAL;
	if (mask & IB_QP_AV)
		err = qp_resolve(qp, attr);
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
	return err;
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

/**
 * vfiowc_query_qp - see ib_device_ops
 * @ibqp: the QP
 * @attr: out
 * @mask: all is filled in
 * @init: out
 *
 * Return: 0.
 */
int vfiowc_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		    struct ib_qp_init_attr *init)
{
	struct vfiowc_qp *qp = to_vqp(ibqp);

	mutex_lock(&qp->modify_lock);
	*attr = qp->attr;
	*init = qp->init;
	mutex_unlock(&qp->modify_lock);
	attr->qp_state = vfiowc_qp_state(qp);
	attr->cur_qp_state = attr->qp_state;
	attr->cap = init->cap;
	return 0;
}

/**
 * vfiowc_destroy_qp - see ib_device_ops
 * @ibqp: the QP
 * @udata: no driver data
 *
 * Waits for the peer's engine to leave (a chunk) and for the own worker.
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata)
{
	struct vfiowc_qp *qp = to_vqp(ibqp);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	spin_lock(&qp->state_lock);
	qp_set_state(qp, IB_QPS_RESET);
	spin_unlock(&qp->state_lock);
	vfiowc_qp_withdraw(qp);
	disable_delayed_work_sync(&qp->work);
	rq_destroy(qp);
	sq_destroy(qp);
	atomic_dec(&qp->dev->nr_qps);
	return 0;
}
