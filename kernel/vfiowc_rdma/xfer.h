/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A transfer: bytes of one list of memory pieces into another, for one work
 * request.  Used by the operations (wr.h), implemented in xfer.c.
 */
#ifndef _VFIOWC_XFER_H
#define _VFIOWC_XFER_H

#include "vfiowc_rdma.h"

/* Transfers up to this length are one access to their target. */
#define VFIOWC_WORD_BYTES	8U

/**
 * struct vfiowc_iter - a position in a list of memory pieces
 * @dev: device that issued the keys
 * @pd: PD the MRs must belong to
 * @qp: the QP that an rkey is used through; NULL: @sge has local keys
 * @sge: the pieces (remote memory is one piece, its key in lkey)
 * @nr: pieces from @sge on
 * @done: bytes of the first piece already moved
 * @access: IB_ACCESS_* that the MRs must allow
 * @inline_data: instead of pieces: bytes that came with the WQE
 * @remote: the target side of the work request, for the tracepoint
 * @tag: of the MR last used
 */
struct vfiowc_iter {
	struct vfiowc_dev *dev;
	struct ib_pd *pd;
	const struct vfiowc_qp *qp;
	const struct vfiowc_sge *sge;
	u32 nr;
	u32 done;
	int access;
	void *inline_data;
	bool remote;
	struct vfiowc_tag tag;
};

enum vfiowc_xfer_end {
	VFIOWC_XFER_OK,
	VFIOWC_XFER_FROM_FAILED,	/* vendor says why */
	VFIOWC_XFER_TO_FAILED,		/* vendor says why */
	VFIOWC_XFER_STOPPED,		/* a QP's state, or the caller is killed */
};

/**
 * struct vfiowc_xfer - a transfer
 * @qp: initiator; must stay in RTS
 * @peer: responder; must stay in RTR or RTS
 * @wr_id: for the tracepoint
 * @trace_op: for the tracepoint
 * @to: target, advanced
 * @from: source, advanced
 * @moved: out: bytes moved before it was stopped or failed, in whole chunks
 * @vendor: out: why it failed
 */
struct vfiowc_xfer {
	struct vfiowc_qp *qp;
	struct vfiowc_qp *peer;
	u64 wr_id;
	u8 trace_op;
	struct vfiowc_iter *to;
	struct vfiowc_iter *from;
	u32 moved;
	enum vfiowc_vendor_err vendor;
};

enum vfiowc_vendor_err vfiowc_iter_check(const struct vfiowc_iter *iter);
enum vfiowc_vendor_err vfiowc_iter_fetch(struct vfiowc_iter *iter, u64 *word);
u64 vfiowc_iter_length(const struct vfiowc_iter *iter);
void vfiowc_xfer_trace(const struct vfiowc_xfer *xfer,
		       const struct vfiowc_sge *sge, u32 length,
		       const struct vfiowc_tag *tag);
enum vfiowc_xfer_end vfiowc_xfer_begin(struct vfiowc_xfer *xfer, u32 length);
enum vfiowc_xfer_end vfiowc_xfer_run(struct vfiowc_xfer *xfer, u32 length);

#endif /* _VFIOWC_XFER_H */
