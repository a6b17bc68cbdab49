// SPDX-License-Identifier: GPL-2.0
/*
 * FLUSH: what this QP wrote to the responder's memory is delivered when the
 * completion is there (O5i).
 *
 * Global visibility only: there is no persistent memory here.  Host memory is
 * coherent, a barrier suffices.  Writes to a BAR are posted; a read of the same
 * function follows them and returns when they have arrived.  It reads one byte,
 * the first one to be flushed: the initiator chose that address.  Nothing is read
 * for zero bytes, which flush nothing.
 *
 * The core of 7.3 registers no dma-buf with IB_ACCESS_FLUSH_*, so that the read is
 * not reached there; a kernel that does finds it right.
 */
#include "wr.h"

#define FLUSH_TYPES	(IB_FLUSH_GLOBAL | IB_FLUSH_PERSISTENT)

/**
 * vfiowc_wr_flush_valid - do the operands make sense?
 * @wqe: a FLUSH
 *
 * Return: whether they do.
 */
bool vfiowc_wr_flush_valid(const struct vfiowc_send_wqe *wqe)
{
	return wqe->flush.type && !(wqe->flush.type & ~FLUSH_TYPES) &&
	       wqe->flush.level <= IB_FLUSH_MR;
}

/**
 * vfiowc_wr_flush_access - access that a FLUSH of this type needs
 * @wqe: a valid FLUSH
 *
 * Return: IB_ACCESS_FLUSH_*, for QP and MR; no MR allows the persistent one.
 */
int vfiowc_wr_flush_access(const struct vfiowc_send_wqe *wqe)
{
	int access = 0;

	if (wqe->flush.type & IB_FLUSH_GLOBAL)
		access |= IB_ACCESS_FLUSH_GLOBAL;
	if (wqe->flush.type & IB_FLUSH_PERSISTENT)
		access |= IB_ACCESS_FLUSH_PERSISTENT;
	return access;
}

static void flush_memory(struct vfiowc_mr *mr, u64 off)
{
	const struct vfiowc_span first = { .mr = mr, .off = off };
	u8 byte;
	const struct vfiowc_span to = { .buf = &byte };

	if (mr->kind == VFIOWC_MEM_BUF_IO)
		vfiowc_copy(&to, &first, sizeof(byte));
	else
		smp_mb(); /* what was written, before the completion is seen */
}

/**
 * vfiowc_wr_flush - FLUSH
 * @wr: the request
 * @local: none
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_flush(struct wr *wr, struct vfiowc_iter *local)
{
	int access = vfiowc_wr_flush_access(wr->wqe);
	struct vfiowc_iter remote = vfiowc_wr_remote(wr, access);
	enum vfiowc_vendor_err vendor;
	struct vfiowc_mr *mr;

	if (wr->wqe->flush.level == IB_FLUSH_MR) {
		vendor = vfiowc_mr_get_all(remote.dev, remote.pd, remote.qp,
					   &wr->remote, access, &mr);
	} else {
		wr->remote.length = wr->wqe->flush.length;
		vendor = vfiowc_mr_get(remote.dev, remote.pd, remote.qp,
				       &wr->remote, 0, wr->remote.length,
				       access, &mr);
	}
	if (vendor)
		return fail_remote(wr, IB_WC_REM_ACCESS_ERR, vendor,
				   IB_EVENT_QP_ACCESS_ERR);
	if (wr->remote.length) {
		flush_memory(mr, wr->remote.addr - mr->iova);
		vfiowc_xfer_trace(&wr->xfer, &wr->remote, wr->remote.length,
				  &mr->tag);
	}
	vfiowc_mr_put(mr);
	return COMPLETE;
}
