// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions: keys, checks, and the life cycle all kinds share.  MRs of host
 * memory are in mr_host.c, those of dma-bufs in mr_dmabuf.c.
 *
 * A key is looked up under RCU and the MR is then held by a reference in @users
 * for at most one chunk.  @users counts one for the MR being usable; taking that
 * one away and waiting for zero (vfiowc_mr_drain) cuts the MR off: whoever looks
 * it up later finds @revoked.  Readers never block, so the engine may hold source
 * and target at once in any order.
 */
#include <linux/slab.h>

#include "vfiowc_rdma.h"

#define MR_ACCESS_SUPPORTED \
	(IB_ACCESS_LOCAL_WRITE | IB_ACCESS_REMOTE_WRITE | \
	 IB_ACCESS_REMOTE_READ | IB_ACCESS_REMOTE_ATOMIC | \
	 IB_ACCESS_FLUSH_GLOBAL | IB_ACCESS_OPTIONAL)

static enum vfiowc_vendor_err mr_check(const struct vfiowc_mr *mr,
				       const struct ib_pd *pd, u64 address,
				       u32 length, int access)
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

/**
 * vfiowc_mr_get - find the MR of an SGE, check it, and hold it
 * @dev: device that issued the key
 * @pd: PD of the QP that uses it
 * @sge: key and address
 * @offset: first byte within @sge
 * @length: bytes from there on
 * @access: IB_ACCESS_* that the use needs
 * @mrp: out: the MR, for vfiowc_mr_put() within VFIOWC_CHUNK_BYTES of copying;
 *	NULL: only check
 *
 * Return: VFIOWC_VENDOR_NONE, or why not.
 */
enum vfiowc_vendor_err vfiowc_mr_get(struct vfiowc_dev *dev, struct ib_pd *pd,
				     const struct vfiowc_sge *sge, u32 offset,
				     u32 length, int access,
				     struct vfiowc_mr **mrp)
{
	enum vfiowc_vendor_err err = VFIOWC_VENDOR_NO_MR;
	struct vfiowc_mr *mr;

	rcu_read_lock();
	mr = xa_load(&dev->mrs, sge->lkey >> 8);
	if (!mr || mr->key != sge->lkey)
		goto out;
	err = VFIOWC_VENDOR_BOUNDS;
	if (sge->addr + offset < sge->addr)
		goto out;
	err = mr_check(mr, pd, sge->addr + offset, length, access);
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
 * @sge: in: key; out: address and length of the MR, as far as the length goes
 * @access: IB_ACCESS_* that the use needs
 * @mrp: out: the MR, for vfiowc_mr_put()
 *
 * Return: VFIOWC_VENDOR_NONE, or why not.
 */
enum vfiowc_vendor_err vfiowc_mr_get_all(struct vfiowc_dev *dev,
					 struct ib_pd *pd,
					 struct vfiowc_sge *sge, int access,
					 struct vfiowc_mr **mrp)
{
	struct vfiowc_mr *mr;

	rcu_read_lock();
	mr = xa_load(&dev->mrs, sge->lkey >> 8);
	if (mr) {
		sge->addr = mr->iova;
		sge->length = min_t(u64, mr->length, U32_MAX);
	}
	rcu_read_unlock();
	/* looked up once more: a key says which MR it is, and is not reused soon */
	return vfiowc_mr_get(dev, pd, sge, 0, sge->length, access, mrp);
}

/**
 * vfiowc_mr_put - let go of an MR
 * @mr: from vfiowc_mr_get()
 */
void vfiowc_mr_put(struct vfiowc_mr *mr)
{
	if (refcount_dec_and_test(&mr->users))
		complete(&mr->drained);
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
	u32 index;
	int err;

	if (access & ~MR_ACCESS_SUPPORTED)
		return ERR_PTR(-EOPNOTSUPP);
	if (!length || length > VFIOWC_MAX_MR_BYTES || iova + length < iova)
		return ERR_PTR(-EINVAL);

	mr = kzalloc_obj(*mr);
	if (!mr)
		return ERR_PTR(-ENOMEM);
	err = xa_alloc_cyclic(&dev->mrs, &index, NULL,
			      XA_LIMIT(1, VFIOWC_MAX_MR), &dev->next_mr,
			      GFP_KERNEL);
	if (err < 0) {
		kfree(mr);
		return ERR_PTR(err == -EBUSY ? -ENOMEM : err);
	}

	mr->dev = dev;
	mr->pd = pd;
	/* a key of before must not name the MR that got its index */
	mr->key = index << 8 | (atomic_inc_return(&dev->key_byte) & 0xff);
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

/**
 * vfiowc_dereg_mr - end of an MR, whatever its state; see ib_device_ops
 * @ibmr: the MR
 * @udata: no driver data
 *
 * Return: 0.
 */
int vfiowc_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata)
{
	struct vfiowc_mr *mr = to_vmr(ibmr);
	int err;

	err = ib_no_udata_io(udata);
	if (err)
		return err;

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
