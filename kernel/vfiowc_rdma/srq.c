// SPDX-License-Identifier: GPL-2.0
/*
 * Shared receive queues.
 *
 * The ring is one like that of a receive queue; the QPs that take receives out of
 * it are serialised by srq->lock, held for the copy of one slot, or of all of them
 * when the size changes.  It is taken inside rq.lock, and nothing inside it.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "vfiowc_rdma.h"

static void send_event(struct vfiowc_srq *srq, enum ib_event_type type)
{
	struct ib_event event = {
		.device = srq->ibsrq.device,
		.event = type,
		.element.srq = &srq->ibsrq,
	};

	if (srq->ibsrq.event_handler)
		srq->ibsrq.event_handler(&event, srq->ibsrq.srq_context);
}

/**
 * vfiowc_create_srq - see ib_device_ops
 * @ibsrq: the SRQ
 * @init: basic type; attr is changed to what was allocated
 * @udata: no request, struct vfiowc_create_srq_resp
 *
 * Return: 0; -EOPNOTSUPP type; -EINVAL beyond the limits, or no room for the
 * response; -ENOMEM, also for VFIOWC_MAX_SRQ; -EFAULT.
 */
int vfiowc_create_srq(struct ib_srq *ibsrq, struct ib_srq_init_attr *init,
		      struct ib_udata *udata)
{
	struct vfiowc_ucontext *uc =
		rdma_udata_to_drv_context(udata, struct vfiowc_ucontext, ibuc);
	struct vfiowc_dev *dev = to_vdev(ibsrq->device);
	struct vfiowc_create_srq_resp resp = {};
	struct vfiowc_srq *srq = to_vsrq(ibsrq);
	struct ib_srq_attr *attr = &init->attr;
	int err;

	if (init->srq_type != IB_SRQT_BASIC)
		return -EOPNOTSUPP;
	err = ib_is_udata_in_empty(udata);
	if (err)
		return err;
	if (!attr->max_wr || attr->max_wr > VFIOWC_MAX_SRQ_WR ||
	    attr->max_sge > VFIOWC_MAX_SGE || udata->outlen < sizeof(resp))
		return -EINVAL;

	if (!atomic_add_unless(&dev->nr_srqs, 1, VFIOWC_MAX_SRQ))
		return -ENOMEM;
	mutex_init(&srq->lock);
	srq->max_sge = max(attr->max_sge, 1U);
	err = vfiowc_ring_create(&srq->ring, &uc->ibuc, attr->max_wr,
				 vfiowc_recv_stride(srq->max_sge), &resp.srq);
	if (err)
		goto err_count;
	attr->max_wr = srq->ring.entries;
	attr->max_sge = srq->max_sge;
	err = ib_respond_udata(udata, resp);
	if (err)
		goto err_ring;
	return 0;

err_ring:
	vfiowc_ring_destroy(&srq->ring);
err_count:
	atomic_dec(&dev->nr_srqs);
	return err;
}

/**
 * vfiowc_destroy_srq - see ib_device_ops; the core has seen that no QP uses it
 * @ibsrq: the SRQ
 * @udata: no driver data
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata)
{
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	vfiowc_ring_destroy(&to_vsrq(ibsrq)->ring);
	atomic_dec(&to_vdev(ibsrq->device)->nr_srqs);
	return 0;
}

/* What is posted moves to the new ring, with its indices. */
static int move_receives(const struct vfiowc_ring *from, struct vfiowc_ring *to)
{
	u32 pending = vfiowc_ring_pending(from);
	u32 i;

	if (pending > from->entries || pending > to->entries)
		return -EINVAL;
	for (i = from->own; i != from->own + pending; i++)
		memcpy(vfiowc_ring_slot(to, i), vfiowc_ring_slot(from, i),
		       from->stride);
	to->own = from->own;
	WRITE_ONCE(to->header->consumer, to->own);
	WRITE_ONCE(to->header->producer, to->own + pending);
	return 0;
}

static int resize(struct vfiowc_srq *srq, u32 max_wr, struct ib_udata *udata)
{
	struct vfiowc_ucontext *uc =
		rdma_udata_to_drv_context(udata, struct vfiowc_ucontext, ibuc);
	struct vfiowc_ring ring, old;
	struct vfiowc_modify_srq req;
	struct vfiowc_ring_info info;
	int err;

	err = ib_copy_validate_udata_in(udata, req, ring_info_addr);
	if (err)
		return err;
	if (!max_wr || max_wr > VFIOWC_MAX_SRQ_WR)
		return -EINVAL;
	err = vfiowc_ring_create(&ring, &uc->ibuc, max_wr,
				 vfiowc_recv_stride(srq->max_sge), &info);
	if (err)
		return err;
	if (copy_to_user(u64_to_user_ptr(req.ring_info_addr), &info,
			 sizeof(info))) {
		err = -EFAULT;
		goto err_ring;
	}

	mutex_lock(&srq->lock);
	old = srq->ring;
	err = move_receives(&old, &ring);
	if (!err)
		srq->ring = ring;
	mutex_unlock(&srq->lock);
	if (err)
		goto err_ring;
	vfiowc_ring_destroy(&old);
	return 0;

err_ring:
	vfiowc_ring_destroy(&ring);
	return err;
}

static int set_limit(struct vfiowc_srq *srq, u32 limit)
{
	int err = 0;

	mutex_lock(&srq->lock);
	if (limit <= srq->ring.entries)
		srq->limit = limit;
	else
		err = -EINVAL;
	mutex_unlock(&srq->lock);
	return err;
}

/**
 * vfiowc_modify_srq - arm the limit event, change the size; see ib_device_ops
 * @ibsrq: the SRQ
 * @attr: max_wr, srq_limit
 * @mask: IB_SRQ_MAX_WR: the provider posts nothing meanwhile; IB_SRQ_LIMIT
 * @udata: struct vfiowc_modify_srq with IB_SRQ_MAX_WR
 *
 * Return: 0; -EINVAL size beyond the limits or less than what is posted, limit
 * beyond the size; -ENOMEM; -EFAULT.
 */
int vfiowc_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
		      enum ib_srq_attr_mask mask, struct ib_udata *udata)
{
	struct vfiowc_srq *srq = to_vsrq(ibsrq);
	int err = 0;

	if (mask & ~(IB_SRQ_LIMIT | IB_SRQ_MAX_WR))
		return -EOPNOTSUPP;
	if (mask & IB_SRQ_MAX_WR)
		err = resize(srq, attr->max_wr, udata);
	if (!err && (mask & IB_SRQ_LIMIT))
		err = set_limit(srq, attr->srq_limit);
	return err;
}

/**
 * vfiowc_query_srq - see ib_device_ops
 * @ibsrq: the SRQ
 * @attr: out
 *
 * Return: 0.
 */
int vfiowc_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr)
{
	struct vfiowc_srq *srq = to_vsrq(ibsrq);

	mutex_lock(&srq->lock);
	attr->max_wr = srq->ring.entries;
	attr->srq_limit = srq->limit;
	mutex_unlock(&srq->lock);
	attr->max_sge = srq->max_sge;
	return 0;
}

/* Under srq->lock; sets the event to be sent, if any. */
static enum vfiowc_rq_peek take(struct vfiowc_srq *srq,
				struct vfiowc_recv_wqe *wqe, int *event)
{
	struct vfiowc_ring *ring = &srq->ring;
	u32 pending = vfiowc_ring_pending(ring);

	lockdep_assert_held(&srq->lock);

	if (!pending)
		return VFIOWC_RQ_EMPTY;
	if (pending > ring->entries) {
		if (!srq->broken)
			*event = IB_EVENT_SRQ_ERR;
		srq->broken = true;
		return VFIOWC_RQ_BROKEN;
	}
	/* copied once, checked afterwards: the user may change it meanwhile */
	memcpy(wqe, vfiowc_ring_slot(ring, ring->own), ring->stride);
	barrier();
	vfiowc_ring_consume(ring);
	if (pending - 1 < srq->limit) {
		srq->limit = 0;
		*event = IB_EVENT_SRQ_LIMIT_REACHED;
	}
	return vfiowc_recv_wqe_valid(wqe, srq->max_sge) ? VFIOWC_RQ_READY :
							  VFIOWC_RQ_BROKEN;
}

/**
 * vfiowc_srq_take - take the oldest receive out of a shared queue
 * @srq: the SRQ
 * @wqe: out: a copy of it
 *
 * Return: VFIOWC_RQ_BROKEN when what the user posted makes no sense.
 */
enum vfiowc_rq_peek vfiowc_srq_take(struct vfiowc_srq *srq,
				    struct vfiowc_recv_wqe *wqe)
{
	enum vfiowc_rq_peek result;
	int event = -1;

	mutex_lock(&srq->lock);
	result = take(srq, wqe, &event);
	mutex_unlock(&srq->lock);
	if (event >= 0)
		send_event(srq, event);
	return result;
}
