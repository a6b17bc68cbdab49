// SPDX-License-Identifier: GPL-2.0
/*
 * Completion queues: a ring that the kernel fills and the provider empties.
 *
 * cq->lock serialises the QPs that complete into one CQ; it is the only lock two
 * QPs may share on the path of a work request.
 */

#include "vfiowc_rdma.h"

static int cq_respond(struct vfiowc_cq *cq, const struct vfiowc_ring_info *info,
		      struct ib_udata *udata)
{
	struct vfiowc_create_cq_resp resp = { .cqn = cq->cqn, .cq = *info };

	return ib_respond_udata(udata, resp);
}

/**
 * vfiowc_create_cq - see ib_device_ops
 * @ibcq: the CQ
 * @attr: cqe: at least that many entries
 * @attrs: no request, struct vfiowc_create_cq_resp
 *
 * Return: 0; -EINVAL too many entries, or no room for the response;
 * -EOPNOTSUPP flags; -ENOMEM; -EFAULT.
 */
int vfiowc_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		     struct uverbs_attr_bundle *attrs)
{
	struct ib_udata *udata = &attrs->driver_udata;
	struct vfiowc_ucontext *uc =
		rdma_udata_to_drv_context(udata, struct vfiowc_ucontext, ibuc);
	struct vfiowc_dev *dev = to_vdev(ibcq->device);
	struct vfiowc_cq *cq = to_vcq(ibcq);
	struct vfiowc_ring_info info;
	int err;

	if (attr->flags)
		return -EOPNOTSUPP;
	err = ib_is_udata_in_empty(udata);
	if (err)
		return err;
	if (!attr->cqe || attr->cqe > VFIOWC_MAX_CQE ||
	    udata->outlen < sizeof(struct vfiowc_create_cq_resp))
		return -EINVAL;

	spin_lock_init(&cq->lock);
	err = ida_alloc_range(&dev->cqns, 1, VFIOWC_MAX_CQ, GFP_KERNEL);
	if (err < 0)
		return err == -ENOSPC ? -ENOMEM : err;
	cq->cqn = err;
	err = vfiowc_ring_create(&cq->ring, &uc->ibuc, attr->cqe,
				 sizeof(struct vfiowc_cqe), &info);
	if (err)
		goto err_cqn;
	ibcq->cqe = cq->ring.entries;
	err = cq_respond(cq, &info, udata);
	if (err)
		goto err_ring;
	return 0;

err_ring:
	vfiowc_ring_destroy(&cq->ring);
err_cqn:
	ida_free(&dev->cqns, cq->cqn);
	return err;
}

/**
 * vfiowc_destroy_cq - see ib_device_ops; the core has seen that no QP uses it
 * @ibcq: the CQ
 * @udata: no driver data
 *
 * Return: 0 or a negative errno.
 */
int vfiowc_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata)
{
	struct vfiowc_cq *cq = to_vcq(ibcq);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	vfiowc_ring_destroy(&cq->ring);
	ida_free(&to_vdev(ibcq->device)->cqns, cq->cqn);
	return 0;
}

/**
 * vfiowc_req_notify_cq - arm: one event for the next (solicited) entry
 * @ibcq: the CQ
 * @flags: IB_CQ_SOLICITED or IB_CQ_NEXT_COMP
 *
 * Return: 0.
 */
int vfiowc_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags)
{
	struct vfiowc_cq *cq = to_vcq(ibcq);
	u8 want = flags & IB_CQ_SOLICITED_MASK;

	spin_lock(&cq->lock);
	/* "next" is the wider request and is not narrowed by a later one */
	if (cq->notify != IB_CQ_NEXT_COMP)
		cq->notify = want;
	spin_unlock(&cq->lock);
	return 0;
}

static bool cq_take_event(struct vfiowc_cq *cq, bool solicited)
{
	lockdep_assert_held(&cq->lock);

	if (!cq->notify || (cq->notify == IB_CQ_SOLICITED && !solicited))
		return false;
	cq->notify = 0;
	return true;
}

/* The user's consumer index only matters modulo a full ring: junk looks full. */
static bool cq_full(const struct vfiowc_ring *ring)
{
	/* pairs with the provider's release: its loads from the slot are over */
	u32 consumer = smp_load_acquire(&ring->header->consumer);
	u32 used = ring->own - consumer;

	return used >= ring->entries;
}

static void cq_overflow(struct vfiowc_cq *cq)
{
	struct ib_event event = {
		.device = cq->ibcq.device,
		.event = IB_EVENT_CQ_ERR,
		.element.cq = &cq->ibcq,
	};

	if (cq->ibcq.event_handler)
		cq->ibcq.event_handler(&event, cq->ibcq.cq_context);
}

/**
 * vfiowc_cq_push - add a completion
 * @cq: the CQ
 * @cqe: the entry
 * @solicited: wakes up who waits for solicited events; errors always do
 *
 * Return: false if the entry is lost because the CQ is full; the caller puts its
 * QP into the error state.
 */
bool vfiowc_cq_push(struct vfiowc_cq *cq, const struct vfiowc_cqe *cqe,
		    bool solicited)
{
	struct vfiowc_ring *ring = &cq->ring;
	bool first_loss, wake;

	spin_lock(&cq->lock);
	if (cq_full(ring)) {
		first_loss = !cq->overflowed;
		cq->overflowed = true;
		spin_unlock(&cq->lock);
		vfiowc_count(to_vdev(cq->ibcq.device), VFIOWC_CNT_CQ_OVERFLOWS,
			     1);
		if (first_loss)
			cq_overflow(cq);
		return false;
	}
	memcpy(vfiowc_ring_slot(ring, ring->own), cqe, sizeof(*cqe));
	ring->own++;
	/* entry, and all memory the request wrote, before the index (poll_cq) */
	smp_store_release(&ring->header->producer, ring->own);
	wake = cq_take_event(cq, solicited || cqe->status != IB_WC_SUCCESS);
	spin_unlock(&cq->lock);

	if (wake)
		cq->ibcq.comp_handler(&cq->ibcq, cq->ibcq.cq_context);
	return true;
}
