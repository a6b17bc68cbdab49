/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One send work request while it is executed: what the engine's parts share.
 * engine.c runs a queue of them, request.c checks one and finds its responder,
 * the operations are in rdma.c, send.c, atomic.c, flush.c, mw.c and ud.c.
 */
#ifndef _VFIOWC_WR_H
#define _VFIOWC_WR_H

#include "xfer.h"

/* What is to become of the request at the head of the queue. */
enum verdict {
	COMPLETE,	/* it is over; wr.status says how */
	WAIT_RNR,	/* the peer has posted no receive */
	WAIT_PEER,	/* nobody answers at the destination */
	HAND_OVER,	/* the caller is being killed: the worker begins it */
	STOP,		/* the QP left RTS: nothing completes here */
};

/**
 * struct wr - the request being executed
 * @qp: initiator; sq.lock held
 * @peer: responder, held; NULL: not found (yet)
 * @op: row of its opcode; NULL: unknown opcode
 * @wqe: private copy in qp->sq.wqe
 * @remote: remote memory of WRITE, READ, atomics, FLUSH as a piece
 * @xfer: the bytes
 * @word: payload that was fetched
 * @length: bytes of the message
 * @dropped: UC, UD: the responder saw nothing of it
 * @status: for the completion
 * @vendor: for the completion
 */
struct wr {
	struct vfiowc_qp *qp;
	struct vfiowc_qp *peer;
	const struct wr_op *op;
	const struct vfiowc_send_wqe *wqe;
	struct vfiowc_sge remote;
	struct vfiowc_xfer xfer;
	u64 word;
	u32 length;
	bool dropped;
	enum ib_wc_status status;
	enum vfiowc_vendor_err vendor;
};

/**
 * struct wr_op - what an opcode is
 * @wc_opcode: for the completion
 * @trace_op: for the tracepoint
 * @qp_types: BIT(IB_QPT_*) that take it; 0: not supported
 * @receives: consumes a receive
 * @immediate: carries immediate data
 * @responds: bytes come back: counts against max_rd_atomic and max_dest_rd_atomic
 * @invalidates: invalidates a window of the responder
 * @no_data: names no local memory
 * @local: has no responder
 * @bytes: the only length there is; 0: any
 * @peer_access: IB_ACCESS_* that the responder's QP and MR must allow
 * @run: with the responder's rq.lock held; @local: with that of the QP itself
 */
struct wr_op {
	enum ib_wc_opcode wc_opcode;
	u8 trace_op;
	u8 qp_types;
	bool receives;
	bool immediate;
	bool responds;
	bool invalidates;
	bool no_data;
	bool local;
	u8 bytes;
	int peer_access;
	enum verdict (*run)(struct wr *wr, struct vfiowc_iter *local);
};

static inline bool wr_is_reliable(const struct wr *wr)
{
	return wr->qp->ibqp.qp_type == IB_QPT_RC;
}

static inline enum verdict fail(struct wr *wr, enum ib_wc_status status,
				enum vfiowc_vendor_err vendor)
{
	wr->status = status;
	wr->vendor = vendor;
	return COMPLETE;
}

/* Unreliable service: the initiator never learns of it. */
static inline enum verdict drop(struct wr *wr)
{
	vfiowc_count(wr->qp->dev, VFIOWC_CNT_DROPPED, 1);
	wr->dropped = true;
	return fail(wr, IB_WC_SUCCESS, VFIOWC_VENDOR_NONE);
}

/*
 * The request is at fault and the responder saw it first: both ends of a reliable
 * connection are in error; an unreliable responder drops it and carries on.
 */
static inline enum verdict fail_remote(struct wr *wr, enum ib_wc_status status,
				       enum vfiowc_vendor_err vendor,
				       enum ib_event_type event)
{
	if (!wr_is_reliable(wr))
		return drop(wr);
	vfiowc_qp_error_event(wr->peer, event);
	return fail(wr, status, vendor);
}

/* request.c */
const struct vfiowc_send_wqe *vfiowc_wr_copy_header(struct wr *wr);
enum verdict vfiowc_wr_execute(struct wr *wr);
enum verdict vfiowc_wr_stopped(struct wr *wr);

/* rdma.c */
struct vfiowc_iter vfiowc_wr_remote(struct wr *wr, int access);
enum verdict vfiowc_wr_rdma(struct wr *wr, struct vfiowc_iter *local);

/* send.c */
struct vfiowc_iter vfiowc_wr_recv_iter(const struct wr *wr);
enum verdict vfiowc_wr_peek(struct wr *wr);
enum verdict vfiowc_wr_received(struct wr *wr, enum vfiowc_xfer_end end);
void vfiowc_wr_recv_succeeds(struct wr *wr, struct vfiowc_cqe *cqe);
enum verdict vfiowc_wr_send(struct wr *wr, struct vfiowc_iter *local);
enum verdict vfiowc_wr_write_imm(struct wr *wr, struct vfiowc_iter *local);

/* atomic.c */
enum verdict vfiowc_wr_atomic(struct wr *wr, struct vfiowc_iter *local);
enum verdict vfiowc_wr_atomic_write(struct wr *wr, struct vfiowc_iter *local);

/* flush.c */
bool vfiowc_wr_flush_valid(const struct vfiowc_send_wqe *wqe);
int vfiowc_wr_flush_access(const struct vfiowc_send_wqe *wqe);
enum verdict vfiowc_wr_flush(struct wr *wr, struct vfiowc_iter *local);

/* mw.c */
enum verdict vfiowc_wr_bind_mw(struct wr *wr, struct vfiowc_iter *local);
enum verdict vfiowc_wr_local_inv(struct wr *wr, struct vfiowc_iter *local);

/* ud.c */
enum verdict vfiowc_wr_ud(struct wr *wr, struct vfiowc_iter *local);

#endif /* _VFIOWC_WR_H */
