// SPDX-License-Identifier: GPL-2.0
/*
 * Atomics on 8 aligned bytes: CMP_AND_SWP, FETCH_AND_ADD and ATOMIC_WRITE.
 *
 * O12, IBV_ATOMIC_HCA: an atomic is atomic against the other atomics of vfiowc
 * devices of this host, whichever device, QP, MR or dma-buf they come through, and
 * against nothing else: not against a WRITE, a CPU, or the device behind a BAR.
 * To a BAR it is one 8-byte read (ATOMIC_WRITE: none) and, if there is something to
 * store, one 8-byte write; a device sees two transactions.  PCIe AtomicOps are not used.
 *
 * Locks: one of @words by the address within a page, which is the same for
 * every MR of these bytes (iova and memory agree within a page).
 */
#include <linux/spinlock.h>

#include "wr.h"

#define WORD_BYTES	sizeof(u64)
#define NR_LOCKS	64

static struct {
	spinlock_t lock;	/* read, modify, write of the words it stands for */
} ____cacheline_aligned_in_smp words[NR_LOCKS] = {
	[0 ... NR_LOCKS - 1] = { __SPIN_LOCK_UNLOCKED(words.lock) },
};

static bool is_aligned(const struct wr *wr)
{
	return IS_ALIGNED(wr->wqe->remote_addr, WORD_BYTES);
}

static enum verdict fail_misaligned(struct wr *wr)
{
	return fail_remote(wr, IB_WC_REM_INV_REQ_ERR, VFIOWC_VENDOR_ALIGNMENT,
			   IB_EVENT_QP_REQ_ERR);
}

/* False: there is nothing to store. */
static bool compute(const struct vfiowc_send_wqe *wqe, u64 old, u64 *new)
{
	if (wqe->opcode == IB_WR_ATOMIC_FETCH_AND_ADD) {
		*new = old + wqe->atomic.compare_add;
		return true;
	}
	*new = wqe->atomic.swap;
	return old == wqe->atomic.compare_add;
}

static spinlock_t *lock_of(const struct wr *wr)
{
	return &words[wr->remote.addr / WORD_BYTES % NR_LOCKS].lock;
}

static struct vfiowc_span word_of(const struct wr *wr, struct vfiowc_mr *mr)
{
	return (struct vfiowc_span){
		.mr = mr,
		.off = wr->remote.addr - mr->iova,
	};
}

/* The MR is held.  Returns what was there. */
static u64 execute(const struct wr *wr, struct vfiowc_mr *mr)
{
	const struct vfiowc_span word = word_of(wr, mr);
	u64 old, new;
	const struct vfiowc_span get = { .buf = &old }, put = { .buf = &new };

	spin_lock(lock_of(wr));
	vfiowc_copy(&get, &word, WORD_BYTES);
	if (compute(wr->wqe, old, &new))
		vfiowc_order_write(&word, &put, WORD_BYTES);
	spin_unlock(lock_of(wr));
	return old;
}

/* The MR is held.  One access by itself; the lock keeps it out of execute(). */
static void store(const struct wr *wr, struct vfiowc_mr *mr, u64 new)
{
	const struct vfiowc_span word = word_of(wr, mr), put = { .buf = &new };

	spin_lock(lock_of(wr));
	vfiowc_order_write(&word, &put, WORD_BYTES);
	spin_unlock(lock_of(wr));
}

/*
 * Find the responder's MR and hold it.  NULL: @failed is what becomes of the
 * request.
 */
static struct vfiowc_mr *hold(struct wr *wr, enum verdict *failed)
{
	struct vfiowc_iter remote = vfiowc_wr_remote(wr, wr->op->peer_access);
	enum vfiowc_vendor_err vendor;
	struct vfiowc_mr *mr;

	if (!is_aligned(wr)) {
		*failed = fail_misaligned(wr);
		return NULL;
	}
	vendor = vfiowc_mr_get(remote.dev, remote.pd, remote.qp, &wr->remote, 0,
			       WORD_BYTES, remote.access, &mr);
	if (!vendor)
		return mr;
	*failed = fail_remote(wr, IB_WC_REM_ACCESS_ERR, vendor,
			      IB_EVENT_QP_ACCESS_ERR);
	return NULL;
}

/**
 * vfiowc_wr_atomic - CMP_AND_SWP or FETCH_AND_ADD
 * @wr: the request
 * @local: receives the old value
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_atomic(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict failed;
	struct vfiowc_mr *mr;
	u64 old;
	struct vfiowc_iter got = { .inline_data = &old };

	mr = hold(wr, &failed);
	if (!mr)
		return failed;
	old = execute(wr, mr);
	vfiowc_xfer_trace(&wr->xfer, &wr->remote, WORD_BYTES, &mr->tag);
	vfiowc_mr_put(mr);

	wr->xfer.from = &got;
	wr->xfer.to = local;
	if (vfiowc_xfer_run(&wr->xfer, WORD_BYTES) != VFIOWC_XFER_OK)
		return fail(wr, IB_WC_LOC_PROT_ERR, wr->xfer.vendor);
	return COMPLETE;
}

/**
 * vfiowc_wr_atomic_write - ATOMIC_WRITE
 * @wr: the request, 8 bytes
 * @local: what to write
 *
 * A WRITE of 8 aligned bytes is one access already (xfer.c); this one is atomic
 * against the other atomics, too: it never comes between the read and the write of one,
 * which would undo it.
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_atomic_write(struct wr *wr, struct vfiowc_iter *local)
{
	enum verdict failed;
	struct vfiowc_mr *mr;
	u64 new;
	struct vfiowc_iter payload = { .inline_data = &new };

	mr = hold(wr, &failed);
	if (!mr)
		return failed;
	wr->xfer.from = local;
	wr->xfer.to = &payload;
	if (vfiowc_xfer_run(&wr->xfer, WORD_BYTES) == VFIOWC_XFER_OK) {
		store(wr, mr, new);
		vfiowc_xfer_trace(&wr->xfer, &wr->remote, WORD_BYTES, &mr->tag);
	} else {
		fail(wr, IB_WC_LOC_PROT_ERR, wr->xfer.vendor);
	}
	vfiowc_mr_put(mr);
	return COMPLETE;
}
