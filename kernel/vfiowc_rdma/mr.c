// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions: keys, checks, and the life cycle all kinds share.  MRs of host
 * memory are in mr_host.c, those of dma-bufs in mr_dmabuf.c, windows in mw.c.
 *
 * A key is looked up under RCU and the MR is then held by a reference in @users
 * for at most one chunk.  @users counts one for the MR being usable; taking that
 * one away and waiting for zero (vfiowc_mr_drain) cuts the MR off: whoever looks
 * it up later finds @revoked.  Readers never block, so the engine may hold source
 * and target at once in any order.
 */
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "vfiowc_rdma.h"

#define MR_ACCESS_SUPPORTED \
	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE | \
	 IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_ATOMIC | \
	 IB_ACCESS_MW_BIND | \
	 IB_ACCESS_FLUSH_GLOBAL | IB_ACCESS_OPTIONAL)

/*
 * xa_load() without its own pair of rcu_read_lock(): each request comes here twice.  A
 * reserved index (vfiowc_key_alloc()) holds a zero entry.
 */
static struct vfiowc_mr *mr_find(struct vfiowc_dev *dev, u32 key)
{
	XA_STATE(xas, &dev->mrs, key >> 8);
	void *entry;

	RCU_LOCKDEP_WARN(!rcu_read_lock_held(), "regions are found under RCU");

	do {
		entry = xas_load(&xas);
		if (xa_is_zero(entry))
			return NULL;
	} while (xas_retry(&xas, entry));
	return entry;
}

static enum vfiowc_vendor_err mr_check(const struct vfiowc_mr *mr,
				       const struct ib_pd *pd, u64 address,
				       u64 length, int access)
{
	u64 offset = address - mr->iova;

	if (mr->pd != pd)
		return VFIOWC_VENDOR_WRONG_PD;
	if (address < mr->iova || offset > mr->length ||
	    length > mr->length - offset)
		return VFIOWC_VENDOR_BOUNDS;
	if ((mr->access & access) != access)
		return VFIOWC_VENDOR_ACCESS;
	return VFIOWC_VENDOR_NONE;
}

/* A local key, or that of somebody else's window: @qp is the QP it came through. */
static enum vfiowc_vendor_err window_check(const struct vfiowc_mr *mr,
					   const struct vfiowc_qp *qp)
{
	if (!qp)
		return VFIOWC_VENDOR_NO_MR;
	return mr->window_qp == qp ? VFIOWC_VENDOR_NONE :
				     VFIOWC_VENDOR_WRONG_QP;
}

/**
 * vfiowc_mr_get - find the MR of an SGE, check it, and hold it
 * @dev: device that issued the key
 * @pd: PD of the QP that uses it
 * @qp: the responder's QP, through which windows may be used; NULL: a local key
 * @sge: key and address
 * @offset: first byte within @sge
 * @length: bytes from there on
 * @access: IB_ACCESS_* that the use needs
 * @mrp: out: the MR, or that under a window, for vfiowc_mr_put() within
 *	VFIOWC_CHUNK_BYTES of copying; NULL: only check
 *
 * Return: VFIOWC_VENDOR_NONE, or why not.
 */
enum vfiowc_vendor_err vfiowc_mr_get(struct vfiowc_dev *dev, struct ib_pd *pd,
				     const struct vfiowc_qp *qp,
				     const struct vfiowc_sge *sge, u32 offset,
				     u32 length, int access,
				     struct vfiowc_mr **mrp)
{
	enum vfiowc_vendor_err err = VFIOWC_VENDOR_NO_MR;
	struct vfiowc_mr *mr;

	rcu_read_lock();
	mr = mr_find(dev, sge->lkey);
	if (!mr || mr->key != sge->lkey)
		goto out;
	err = VFIOWC_VENDOR_BOUNDS;
	if (sge->addr + offset < sge->addr)
		goto out;
	err = mr_check(mr, pd, sge->addr + offset, length, access);
	if (!err && mr->parent) {
		err = window_check(mr, qp);
		mr = mr->parent;
	}
	if (err)
		goto out;
	/* @revoked first: users that come later must not keep a drain waiting */
	if (READ_ONCE(mr->revoked) ||
	    (mrp && !refcount_inc_not_zero(&mr->users)))
		err = VFIOWC_VENDOR_INVALIDATED;
out:
	rcu_read_unlock();
	if (!err && mrp)
		*mrp = mr;
	return err;
}

/**
 * vfiowc_mr_get_all - as vfiowc_mr_get(), of all of an MR
 * @dev: device that issued the key
 * @pd: PD of the QP that uses it
 * @qp: as for vfiowc_mr_get()
 * @sge: in: key; out: address and length of the MR, as far as the length goes
 * @access: IB_ACCESS_* that the use needs
 * @mrp: out: the MR, for vfiowc_mr_put()
 *
 * Return: VFIOWC_VENDOR_NONE, or why not.
 */
enum vfiowc_vendor_err vfiowc_mr_get_all(struct vfiowc_dev *dev,
					 struct ib_pd *pd,
					 const struct vfiowc_qp *qp,
					 struct vfiowc_sge *sge, int access,
					 struct vfiowc_mr **mrp)
{
	struct vfiowc_mr *mr;

	rcu_read_lock();
	mr = mr_find(dev, sge->lkey);
	if (mr) {
		sge->addr = mr->iova;
		sge->length = min_t(u64, mr->length, U32_MAX);
	}
	rcu_read_unlock();
	/* looked up once more: a key says which MR it is, and is not reused soon */
	return vfiowc_mr_get(dev, pd, qp, sge, 0, sge->length, access, mrp);
}

/**
 * vfiowc_mr_drain - cut an MR off for good and wait until no engine is inside
 * @mr: called once for each MR
 *
 * The wait is bounded by the copying of a chunk (O9: when a revoke returns,
 * nothing is delivered any more).
 */
void vfiowc_mr_drain(struct vfiowc_mr *mr)
{
	WRITE_ONCE(mr->revoked, true);
	vfiowc_mr_put(mr);
	wait_for_completion(&mr->drained);
}

/**
 * vfiowc_mr_add_window - find and check the MR that a window is to be bound to
 * @dev: device that issued the key
 * @window: its pd, iova, length and access; parent is set here
 * @parent_key: lkey of the MR
 *
 * Return: VFIOWC_VENDOR_NONE: the MR is not deregistered before its nr_windows is one less;
 * or why not.
 */
enum vfiowc_vendor_err vfiowc_mr_add_window(struct vfiowc_dev *dev,
					    struct vfiowc_mr *window,
					    u32 parent_key)
{
	const int writes = IB_ACCESS_REMOTE_WRITE | IB_ACCESS_REMOTE_ATOMIC;
	enum vfiowc_vendor_err err = VFIOWC_VENDOR_NO_MR;
	int access = IB_ACCESS_MW_BIND;
	struct vfiowc_mr *mr;

	lockdep_assert_held(&dev->mw_lock);

	/* IBA C10-74: no window may write what its MR does not let be written */
	if (window->access & writes)
		access |= IB_ACCESS_LOCAL_WRITE;
	rcu_read_lock();
	mr = mr_find(dev, parent_key);
	if (!mr || mr->key != parent_key || mr->parent)
		goto out;
	err = mr_check(mr, window->pd, window->iova, window->length, access);
	if (!err && (READ_ONCE(mr->revoked) || mr->nr_windows < 0))
		err = VFIOWC_VENDOR_INVALIDATED;
	if (err)
		goto out;
	mr->nr_windows++;
	window->parent = mr;
out:
	rcu_read_unlock();
	return err;
}

#define KEY_BYTE_STEP	157	/* odd: all 256 values come */

/**
 * vfiowc_key_alloc - reserve a key
 * @dev: device
 * @key: out: index << 8 | a byte, not yet found by engines
 *
 * A key of before must not name the MR that gets its index: the indices go round, and
 * the byte is another one in each round, so that keys repeat after 256 rounds only.  The
 * byte of a window is its user's once it is bound, and mostly the next one
 * (ibv_inc_rkey()): a step of 1 would give its key to the next round's region.
 *
 * Return: 0 or -ENOMEM.
 */
int vfiowc_key_alloc(struct vfiowc_dev *dev, u32 *key)
{
	u32 index, next;
	int err;

	xa_lock(&dev->mrs);
	next = dev->last_index + 1;
	err = __xa_alloc_cyclic(&dev->mrs, &index, NULL,
				XA_LIMIT(1, VFIOWC_MAX_MR), &next, GFP_KERNEL);
	if (err >= 0) {
		/* a new round; or others came in while memory was allocated */
		if (index <= dev->last_index)
			dev->key_byte += KEY_BYTE_STEP;
		dev->last_index = index;
		*key = index << 8 | dev->key_byte;
	}
	xa_unlock(&dev->mrs);
	return err < 0 ? -ENOMEM : 0;
}

/**
 * vfiowc_mr_alloc - a new MR with a reserved key, not yet visible to engines
 * @pd: its PD
 * @length: bytes, not 0
 * @iova: address of the first byte
 * @access: IB_ACCESS_*
 *
 * Return: the MR; -EINVAL length or address range; -EOPNOTSUPP access flags;
 * -ENOMEM.
 */
struct vfiowc_mr *vfiowc_mr_alloc(struct ib_pd *pd, u64 length, u64 iova,
				  int access)
{
	struct vfiowc_dev *dev = to_vdev(pd->device);
	struct vfiowc_mr *mr;
	int err;

	if (access & ~MR_ACCESS_SUPPORTED)
		return ERR_PTR(-EOPNOTSUPP);
	if (!length || length > VFIOWC_MAX_MR_BYTES || iova + length < iova)
		return ERR_PTR(-EINVAL);

	mr = kzalloc_obj(*mr);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	err = vfiowc_key_alloc(dev, &mr->key);
	if (err) {
		kfree(mr);
		return ERR_PTR(err);
	}

	mr->dev = dev;
	mr->pd = pd;
	mr->iova = iova;
	mr->length = length;
	mr->access = access;
	refcount_set(&mr->users, 1);
	init_completion(&mr->drained);
	mr->tag.ro = !!(access & IB_ACCESS_RELAXED_ORDERING);
	mr->ibmr.lkey = mr->key;
	mr->ibmr.rkey = mr->key;
	mr->ibmr.iova = iova;
	mr->ibmr.length = length;
	return mr;
}

/**
 * vfiowc_mr_publish - let engines find an MR
 * @mr: complete in all members
 *
 * Return: 0 or -ENOMEM.
 */
int vfiowc_mr_publish(struct vfiowc_mr *mr)
{
	return xa_err(xa_store(&mr->dev->mrs, mr->key >> 8, mr, GFP_KERNEL));
}

/**
 * vfiowc_mr_withdraw - end of an MR, published or not
 * @mr: drained, or never published; freed after a grace period
 */
void vfiowc_mr_withdraw(struct vfiowc_mr *mr)
{
	xa_erase(&mr->dev->mrs, mr->key >> 8);
	kfree_rcu(mr, rcu);
}

/* From now on no window is bound to it; false: one is. */
static bool refuse_windows(struct vfiowc_mr *mr)
{
	bool none;

	mutex_lock(&mr->dev->mw_lock);
	none = !mr->nr_windows;
	if (none)
		mr->nr_windows = -1;
	mutex_unlock(&mr->dev->mw_lock);
	return none;
}

/**
 * vfiowc_dereg_mr - end of an MR, whatever its state; see ib_device_ops
 * @ibmr: the MR
 * @udata: no driver data
 *
 * Return: 0; -EBUSY windows are bound to it.
 */
int vfiowc_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct vfiowc_mr *mr = to_vmr(ibmr);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;
	if (!refuse_windows(mr))
		return -EBUSY;

	if (mr->kind == VFIOWC_MEM_HOST)
		vfiowc_mr_host_release(mr);
	else
		vfiowc_mr_dmabuf_release(mr);
	vfiowc_mr_withdraw(mr);
	return 0;
}

/**
 * vfiowc_mr_query - what the device knows of an MR
 * @mr: the MR
 * @query: out
 */
void vfiowc_mr_query(struct vfiowc_mr *mr, struct vfiowc_mr_query *query)
{
	*query = (struct vfiowc_mr_query){
		.valid = mr->tag.ns != VFIOWC_TPH_NS_NONE,
		.ns = mr->tag.ns,
		.st = mr->tag.st,
		.ph = mr->tag.ph,
		.state = READ_ONCE(mr->revoked) ? VFIOWC_MR_INVALIDATED :
						  VFIOWC_MR_LIVE,
	};
}
