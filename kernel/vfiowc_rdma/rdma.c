// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA WRITE and READ: bytes between the initiator's pieces and one piece of the
 * responder's memory that the request names by its rkey.
 */
#include "wr.h"

/**
 * vfiowc_wr_remote - the responder's memory that a request names by rkey
 * @wr: the request; wr->remote is set here
 * @access: IB_ACCESS_* that the MR must allow
 *
 * Return: an iterator over wr->remote.
 */
struct vfiowc_iter vfiowc_wr_remote(struct wr *wr, int access)
{
	wr->remote = (struct vfiowc_sge){
		.addr = wr->wqe->remote_addr,
		.length = wr->length,
		.lkey = wr->wqe->rkey,
	};
	return (struct vfiowc_iter){
		.dev = wr->peer->dev,
		.pd = wr->peer->ibqp.pd,
		.qp = wr->peer,
		.sge = &wr->remote,
		.nr = 1,
		.access = access,
		.remote = true,
	};
}

/*
 * The bytes are here already and go in one chunk: what holds the target for it has
 * checked all of it, and nothing can fail after the first byte.
 */
static bool checked_by_transfer(const struct wr *wr,
				const struct vfiowc_iter *local)
{
	return local->inline_data && wr->length <= VFIOWC_CHUNK_BYTES;
}

static enum verdict remote_fails(struct wr *wr, enum vfiowc_vendor_err vendor)
{
	return fail_remote(wr, IB_WC_REM_ACCESS_ERR, vendor,
			   IB_EVENT_QP_ACCESS_ERR);
}

/**
 * vfiowc_wr_rdma - WRITE or READ
 * @wr: the request
 * @local: the initiator's memory
 *
 * Return: what is to become of it.
 */
enum verdict vfiowc_wr_rdma(struct wr *wr, struct vfiowc_iter *local)
{
	const bool is_read = wr->wqe->opcode == IB_WR_RDMA_READ;
	const enum vfiowc_xfer_end remote_failed =
		is_read ? VFIOWC_XFER_FROM_FAILED : VFIOWC_XFER_TO_FAILED;
	struct vfiowc_xfer *xfer = &wr->xfer;
	struct vfiowc_iter remote = vfiowc_wr_remote(wr, wr->op->peer_access);
	enum vfiowc_xfer_end end;
	enum vfiowc_vendor_err vendor;

	xfer->to = is_read ? local : &remote;
	xfer->from = is_read ? &remote : local;
	vendor = checked_by_transfer(wr, local) ? VFIOWC_VENDOR_NONE :
						  vfiowc_iter_check(&remote);
	if (vendor)
		return remote_fails(wr, vendor);
	end = vfiowc_xfer_run(xfer, wr->length);
	if (end == VFIOWC_XFER_OK)
		return COMPLETE;
	if (end == VFIOWC_XFER_STOPPED)
		return vfiowc_wr_stopped(wr);
	if (end == remote_failed)
		return remote_fails(wr, xfer->vendor);
	return fail(wr, IB_WC_LOC_PROT_ERR, xfer->vendor);
}
