// SPDX-License-Identifier: GPL-2.0
/*
 * Memory windows of type 2B: a key of its own to a part of an MR, with rights of its own,
 * for the peer of one QP.  BIND_MW makes it valid, LOCAL_INV and the peer's
 * SEND_WITH_INV end that.
 *
 * A bound window is an entry of dev->mrs that does not change and goes away as a whole;
 * whoever finds it holds the MR underneath, so that a revocation of that one (O9) covers
 * its windows.  A free window has no entry: nobody finds it.
 *
 * Nothing is delivered through a window whose invalidation is complete: it is used
 * through the QP it is bound to only, under rq.lock of that QP, and the entry is
 * removed with the same lock held.  dealloc_mw and destroy_qp take that lock, too; only
 * a dealloc_mw that is killed does not wait for it.
 *
 * What IBA leaves open: a window stays bound when its QP goes to RESET or ERR, and is
 * free when the QP is destroyed.
 *
 * The core of 7.3 registers no dma-buf with IB_ACCESS_MW_BIND, so that windows are
 * bound to host memory there; nothing here depends on it.
 */
#include <linux/slab.h>

#include "wr.h"

/* LOCAL_WRITE says nothing of a window, but is usually asked for. */
#define MW_ACCESS_SUPPORTED \
	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE | \
	 IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_ATOMIC)

/**
 * vfiowc_alloc_mw - see ib_device_ops
 * @ibmw: window; the core has set pd and type
 * @udata: no driver data
 *
 * Return: 0; -EOPNOTSUPP type 1; -ENOMEM.
 */
int vfiowc_alloc_mw(struct ib_mw *ibmw, struct ib_udata *udata)
{
	struct vfiowc_dev *dev = to_vdev(ibmw->device);
	struct vfiowc_mw *mw = to_vmw(ibmw);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	if (ibmw->type != IB_MW_TYPE_2)
		return -EOPNOTSUPP;
	if (!atomic_add_unless(&dev->nr_mws, 1, VFIOWC_MAX_MW))
		return -ENOMEM;
	err = vfiowc_key_alloc(dev, &ibmw->rkey);
	if (err)
		goto err_count;
	mw->index = ibmw->rkey >> 8;

	mutex_lock(&dev->mw_lock);
	err = xa_err(xa_store(&dev->mws, mw->index, mw, GFP_KERNEL));
	mutex_unlock(&dev->mw_lock);
	if (err)
		goto err_key;
	return 0;

err_key:
	xa_erase(&dev->mrs, mw->index);
err_count:
	atomic_dec(&dev->nr_mws);
	return err;
}

/* The window is free; its key stays reserved. */
static void unbind(struct vfiowc_dev *dev, struct vfiowc_mw *mw,
		   struct vfiowc_qp *qp)
{
	struct vfiowc_mr *window = mw->bound;

	lockdep_assert_held(&dev->mw_lock);

	/* NULL keeps the index in an allocating array: nothing to fail */
	xa_store(&dev->mrs, mw->index, NULL, GFP_KERNEL);
	mw->bound = NULL;
	window->parent->nr_windows--;
	qp->nr_windows--;
	kfree_rcu(window, rcu);
}

/* Free the window; returns the QP it was bound to, held, or NULL. */
static struct vfiowc_qp *mw_unbind(struct vfiowc_dev *dev, struct vfiowc_mw *mw)
{
	struct vfiowc_qp *qp = NULL;

	mutex_lock(&dev->mw_lock);
	/* found: vfiowc_mw_qp_ends() comes before the QP's number is withdrawn */
	if (mw->bound)
		qp = vfiowc_qp_find(mw->bound->window_qp->ibqp.qp_num);
	if (qp)
		unbind(dev, mw, qp);
	xa_erase(&dev->mws, mw->index);
	mutex_unlock(&dev->mw_lock);
	return qp;
}

/**
 * vfiowc_dealloc_mw - end of a window, bound or not; see ib_device_ops
 * @ibmw: the window
 *
 * Return: 0.
 */
int vfiowc_dealloc_mw(struct ib_mw *ibmw)
{
	struct vfiowc_dev *dev = to_vdev(ibmw->device);
	struct vfiowc_mw *mw = to_vmw(ibmw);
	struct vfiowc_qp *qp = mw_unbind(dev, mw);

	if (qp) {
		/*
		 * Who found the window before has left it then.  A caller that is
		 * killed is not told so; they leave at the next chunk.
		 */
		if (!mutex_lock_killable(&qp->rq.lock))
			mutex_unlock(&qp->rq.lock);
		vfiowc_qp_put(qp);
	}
	xa_erase(&dev->mrs, mw->index);
	atomic_dec(&dev->nr_mws);
	return 0;
}

/**
 * vfiowc_mw_qp_ends - free the windows of a QP that is being destroyed
 * @qp: in RESET, so that it binds none any more; peers still find it
 */
void vfiowc_mw_qp_ends(struct vfiowc_qp *qp)
{
	struct vfiowc_dev *dev = qp->dev;
	struct vfiowc_mw *mw;
	unsigned long index;

	/* nobody is inside a window then, nor comes in: the QP receives nothing */
	mutex_lock(&qp->rq.lock);
	mutex_lock(&dev->mw_lock);
	if (qp->nr_windows)
		xa_for_each(&dev->mws, index, mw)
			if (mw->bound && mw->bound->window_qp == qp)
				unbind(dev, mw, qp);
	mutex_unlock(&dev->mw_lock);
	mutex_unlock(&qp->rq.lock);
}

static enum vfiowc_vendor_err mw_check(const struct vfiowc_mw *mw,
				       const struct vfiowc_qp *qp, u32 rkey)
{
	if (!mw || !mw->bound || mw->bound->key != rkey)
		return VFIOWC_VENDOR_NO_MR;
	if (mw->ibmw.pd != qp->ibqp.pd)
		return VFIOWC_VENDOR_WRONG_PD;
	return mw->bound->window_qp == qp ? VFIOWC_VENDOR_NONE :
					    VFIOWC_VENDOR_WRONG_QP;
}

/**
 * vfiowc_mw_find - may a window be invalidated through a QP?
 * @qp: the QP; rq.lock held
 * @rkey: key of the window
 * @invalidate: do it
 *
 * Return: VFIOWC_VENDOR_NONE, or why not.
 */
enum vfiowc_vendor_err vfiowc_mw_find(struct vfiowc_qp *qp, u32 rkey,
				      bool invalidate)
{
	struct vfiowc_dev *dev = qp->dev;
	enum vfiowc_vendor_err err;
	struct vfiowc_mw *mw;

	lockdep_assert_held(&qp->rq.lock);

	mutex_lock(&dev->mw_lock);
	mw = xa_load(&dev->mws, rkey >> 8);
	err = mw_check(mw, qp, rkey);
	if (!err && invalidate)
		unbind(dev, mw, qp);
	mutex_unlock(&dev->mw_lock);
	return err;
}

/**
 * vfiowc_wr_local_inv - LOCAL_INV
 * @wr: the request
 * @local: none
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_local_inv(struct wr *wr, struct vfiowc_iter *local)
{
	enum vfiowc_vendor_err vendor;

	vendor = vfiowc_mw_find(wr->qp, wr->wqe->invalidate_rkey, true);
	return vendor ? fail(wr, IB_WC_LOC_QP_OP_ERR, vendor) : COMPLETE;
}

/* Is it a window that this request may bind? */
static enum vfiowc_vendor_err bind_check(const struct vfiowc_mw *mw,
					 const struct wr *wr)
{
	const struct vfiowc_send_wqe *wqe = wr->wqe;

	if (!mw || wqe->bind.new_rkey >> 8 != mw->index)
		return VFIOWC_VENDOR_NO_MR;
	if (mw->ibmw.pd != wr->qp->ibqp.pd)
		return VFIOWC_VENDOR_WRONG_PD;
	if (mw->bound)
		return VFIOWC_VENDOR_BOUND;
	if (!wqe->bind.length)
		return VFIOWC_VENDOR_BOUNDS;
	if (wqe->bind.access & ~MW_ACCESS_SUPPORTED)
		return VFIOWC_VENDOR_ACCESS;
	return VFIOWC_VENDOR_NONE;
}

static enum vfiowc_vendor_err bind(struct wr *wr, struct vfiowc_mr *window)
{
	struct vfiowc_dev *dev = wr->qp->dev;
	enum vfiowc_vendor_err err;
	struct vfiowc_mw *mw;

	lockdep_assert_held(&dev->mw_lock);

	mw = xa_load(&dev->mws, wr->wqe->rkey >> 8);
	err = bind_check(mw, wr);
	if (!err)
		err = vfiowc_mr_add_window(dev, window, wr->wqe->bind.mr_lkey);
	if (err)
		return err;
	mw->bound = window;
	wr->qp->nr_windows++;
	/* the index is there: nothing to fail */
	xa_store(&dev->mrs, mw->index, window, GFP_KERNEL);
	return VFIOWC_VENDOR_NONE;
}

static enum verdict bind_if_rts(struct wr *wr, struct vfiowc_mr *window)
{
	enum vfiowc_vendor_err vendor;

	/* under the lock: vfiowc_mw_qp_ends() comes later, or has been */
	if (vfiowc_qp_state(wr->qp) != IB_QPS_RTS)
		return STOP;
	vendor = bind(wr, window);
	return vendor ? fail(wr, IB_WC_MW_BIND_ERR, vendor) : COMPLETE;
}

/**
 * vfiowc_wr_bind_mw - BIND_MW
 * @wr: the request
 * @local: none
 *
 * The lowest byte of the key is the user's; that of a free window is not looked at.
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_bind_mw(struct wr *wr, struct vfiowc_iter *local)
{
	struct vfiowc_dev *dev = wr->qp->dev;
	struct vfiowc_mr *window = kzalloc_obj(*window);
	enum verdict verdict;

	if (!window)
		return fail(wr, IB_WC_MW_BIND_ERR, VFIOWC_VENDOR_NONE);
	window->pd = wr->qp->ibqp.pd;
	window->key = wr->wqe->bind.new_rkey;
	window->iova = wr->wqe->bind.addr;
	window->length = wr->wqe->bind.length;
	window->access = wr->wqe->bind.access;
	window->window_qp = wr->qp;

	mutex_lock(&dev->mw_lock);
	verdict = bind_if_rts(wr, window);
	mutex_unlock(&dev->mw_lock);
	if (verdict != COMPLETE || wr->status != IB_WC_SUCCESS)
		kfree(window);
	return verdict;
}
