// SPDX-License-Identifier: GPL-2.0
/*
 * Queue pairs: creation, query, destruction.  The state machine is in qp_state.c.
 */
#include <linux/slab.h>

#include "vfiowc_rdma.h"

static int qp_check_init(const struct ib_qp_init_attr *init)
{
	const struct ib_qp_cap *cap = &init->cap;

	if (init->create_flags ||
	    (init->qp_type != IB_QPT_RC && init->qp_type != IB_QPT_UC &&
	     init->qp_type != IB_QPT_UD))
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
	int err;

	static_assert(VFIOWC_MAX_SGE * sizeof(struct vfiowc_sge) <=
		      VFIOWC_MAX_INLINE);
	mutex_init(&sq->lock);
	err = vfiowc_ring_create(&sq->ring, uc, max(init->cap.max_send_wr, 1U),
				 stride, info);
	if (err)
		return err;
	sq->signal_all = init->sq_sig_type == IB_SIGNAL_ALL_WR;
	sq->max_sge = max(init->cap.max_send_sge, 1U);
	sq->max_inline = stride - sizeof(struct vfiowc_send_wqe);
	sq->max_inline = min_t(u32, sq->max_inline, VFIOWC_MAX_INLINE);
	init->cap.max_send_wr = sq->ring.entries;
	init->cap.max_send_sge = sq->max_sge;
	init->cap.max_inline_data = sq->max_inline;
	return 0;
}

/* Receives come from an SRQ: there is room for one of them. */
static int rq_create_shared(struct vfiowc_qp *qp, struct ib_qp_init_attr *init)
{
	struct vfiowc_srq *srq = to_vsrq(init->srq);

	qp->rq.wqe = kzalloc(vfiowc_recv_stride(srq->max_sge), GFP_KERNEL);
	if (!qp->rq.wqe)
		return -ENOMEM;
	qp->rq.srq = srq;
	qp->rq.max_sge = srq->max_sge;
	init->cap.max_recv_wr = 0;
	init->cap.max_recv_sge = 0;
	return 0;
}

static int rq_create(struct vfiowc_qp *qp, struct ib_ucontext *uc,
		     struct ib_qp_init_attr *init,
		     struct vfiowc_ring_info *info)
{
	struct vfiowc_rq *rq = &qp->rq;
	u32 max_sge = max(init->cap.max_recv_sge, 1U);
	u32 stride = vfiowc_recv_stride(max_sge);
	int err;

	mutex_init(&rq->lock);
	if (init->srq)
		return rq_create_shared(qp, init);
	if (!init->cap.max_recv_wr)
		return 0;
	rq->wqe = kzalloc(stride, GFP_KERNEL);
	if (!rq->wqe)
		return -ENOMEM;
	err = vfiowc_ring_create(&rq->ring, uc, init->cap.max_recv_wr, stride,
				 info);
	if (err) {
		kfree(rq->wqe);
		return err;
	}
	rq->max_sge = max_sge;
	init->cap.max_recv_wr = rq->ring.entries;
	init->cap.max_recv_sge = max_sge;
	return 0;
}

static void rq_destroy(struct vfiowc_qp *qp)
{
	if (qp->rq.ring.memory)
		vfiowc_ring_destroy(&qp->rq.ring);
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
 * @init: RC, UC or UD; cap is changed to what was allocated
 * @udata: no request, struct vfiowc_create_qp_resp
 *
 * Return: 0; -EOPNOTSUPP type, flags; -EINVAL beyond the limits, or no room
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
	qp->owner = uc->id;
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
	vfiowc_ring_destroy(&qp->sq.ring);
err_count:
	atomic_dec(&dev->nr_qps);
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
 * Waits for the peer's engine and for doorbell calls to leave (a chunk) and for the own
 * worker.
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
	vfiowc_qp_end(qp);
	vfiowc_mw_qp_ends(qp);
	vfiowc_qp_withdraw(qp);
	disable_delayed_work_sync(&qp->work);
	rq_destroy(qp);
	vfiowc_ring_destroy(&qp->sq.ring);
	atomic_dec(&qp->dev->nr_qps);
	return 0;
}
