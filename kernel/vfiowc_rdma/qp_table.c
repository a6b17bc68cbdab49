// SPDX-License-Identifier: GPL-2.0
/*
 * QP numbers of all devices of this host, and how a QP finds its peer.
 *
 * The look-up is lock-free (RCU, then a reference of the handle), since it is on
 * the path of every work request.  Withdrawing a QP waits for its last user; an
 * engine keeps a peer for one work request and leaves early when the peer's state
 * says so.
 */
#include <linux/slab.h>

#include "vfiowc_rdma.h"

/* 0 and 1 are special QPs, 0xffffff is multicast. */
#define QPN_LIMIT	XA_LIMIT(0x10, 0xfffffe)

static DEFINE_XARRAY_ALLOC(qp_table);
static u32 qpn_next;	/* numbers are not reused soon; under the xarray's lock */

/**
 * vfiowc_qp_publish - give a QP its number and let peers find it
 * @qp: initialised, in RESET
 *
 * Return: 0 or -ENOMEM.
 */
int vfiowc_qp_publish(struct vfiowc_qp *qp)
{
	struct vfiowc_qp_handle *handle;
	u32 qpn;
	int err;

	handle = kzalloc_obj(*handle);
	if (!handle)
		return -ENOMEM;
	refcount_set(&handle->users, 1);
	init_completion(&handle->released);
	handle->qp = qp;
	qp->handle = handle;

	err = xa_alloc_cyclic(&qp_table, &qpn, NULL, QPN_LIMIT, &qpn_next,
			      GFP_KERNEL);
	if (err < 0) {
		kfree(handle);
		return -ENOMEM;
	}
	/* number first: who finds the QP may read it */
	qp->ibqp.qp_num = qpn;
	xa_store(&qp_table, qpn, handle, GFP_KERNEL);
	return 0;
}

/**
 * vfiowc_qp_withdraw - nobody finds the QP any more, and nobody uses it
 * @qp: in RESET, so that its users leave
 */
void vfiowc_qp_withdraw(struct vfiowc_qp *qp)
{
	struct vfiowc_qp_handle *handle = qp->handle;

	/* Whom it waits for may hold one of them, or wait for it. */
	lockdep_assert_not_held(&qp->sq.lock);
	lockdep_assert_not_held(&qp->rq.lock);

	xa_erase(&qp_table, qp->ibqp.qp_num);
	vfiowc_qp_put(qp);
	wait_for_completion(&handle->released);
	kfree_rcu(handle, rcu);
}

/**
 * vfiowc_qp_find - the QP of a number
 * @qpn: number
 *
 * Return: the QP, of any device, type and state, for vfiowc_qp_put(); or NULL.
 */
struct vfiowc_qp *vfiowc_qp_find(u32 qpn)
{
	struct vfiowc_qp_handle *handle;
	struct vfiowc_qp *qp = NULL;

	rcu_read_lock();
	handle = xa_load(&qp_table, qpn);
	if (handle && refcount_inc_not_zero(&handle->users))
		qp = handle->qp;
	rcu_read_unlock();
	return qp;
}

/**
 * vfiowc_qp_find_peer - the QP at the other end of a connection
 * @qp: in RTS
 *
 * Return: the peer, connected to @qp and able to receive, for vfiowc_qp_put();
 * NULL if there is none (now).
 */
struct vfiowc_qp *vfiowc_qp_find_peer(struct vfiowc_qp *qp)
{
	struct vfiowc_qp *peer;

	lockdep_assert_held(&qp->sq.lock);
	peer = vfiowc_qp_find(qp->attr.dest_qp_num);

	if (peer && !vfiowc_qp_connected(qp, peer)) {
		vfiowc_qp_put(peer);
		peer = NULL;
	}
	return peer;
}

/**
 * vfiowc_qp_put - let go of a peer
 * @qp: from vfiowc_qp_find()
 */
void vfiowc_qp_put(struct vfiowc_qp *qp)
{
	struct vfiowc_qp_handle *handle = qp->handle;

	if (refcount_dec_and_test(&handle->users))
		complete(&handle->released);
}

/**
 * vfiowc_qp_table_exit - free the empty table
 */
void vfiowc_qp_table_exit(void)
{
	WARN_ON(!xa_empty(&qp_table));
	xa_destroy(&qp_table);
}
