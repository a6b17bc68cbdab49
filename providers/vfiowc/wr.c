// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Posting by calls: ibv_wr_start(), ibv_wr_*(), ibv_wr_complete().
 *
 * Requests are written straight into their slots. The first error is remembered, everything after
 * it is ignored, and ibv_wr_complete() takes all back: nothing of a list with an error is posted.
 * sq.lock is held from ibv_wr_start() to ibv_wr_complete() or ibv_wr_abort(); the doorbell is rung
 * after it is released, as in post.c.
 */
#include <errno.h>
#include <string.h>

#include "vfiowc.h"

#define PASSED_FLAGS (IBV_SEND_FENCE | IBV_SEND_SIGNALED | IBV_SEND_SOLICITED)

static struct vfiowc_qp *from_ex(struct ibv_qp_ex *qp)
{
	return to_vfiowc_qp(&qp->qp_base);
}

static void wr_start(struct ibv_qp_ex *ibqp)
{
	struct vfiowc_qp *qp = from_ex(ibqp);

	pthread_spin_lock(&qp->sq.lock);
	qp->build.first = qp->sq.ring.index;
	qp->build.wqe = NULL;
	qp->build.err = ibqp->qp_base.state < IBV_QPS_RTS ? EINVAL : 0;
}

static void wr_abort(struct ibv_qp_ex *ibqp)
{
	struct vfiowc_qp *qp = from_ex(ibqp);

	qp->sq.ring.index = qp->build.first;
	pthread_spin_unlock(&qp->sq.lock);
}

static int wr_complete(struct ibv_qp_ex *ibqp)
{
	struct vfiowc_qp *qp = from_ex(ibqp);
	int err = qp->build.err;

	if (err || qp->sq.ring.index == qp->build.first) {
		wr_abort(ibqp);
		return err;
	}
	vfiowc_ring_publish(&qp->sq.ring);
	pthread_spin_unlock(&qp->sq.lock);
	return vfiowc_doorbell_ring(&ibqp->qp_base);
}

static void set_error(struct vfiowc_qp *qp, int err)
{
	if (!qp->build.err)
		qp->build.err = err;
}

/* The next slot, with everything zero that the caller does not set; NULL: an error happened. */
static struct vfiowc_send_wqe *begin(struct ibv_qp_ex *ibqp, enum ibv_wr_opcode opcode)
{
	struct vfiowc_qp *qp = from_ex(ibqp);

	if (vfiowc_wq_full(&qp->sq))
		set_error(qp, ENOMEM);
	if (qp->build.err)
		return NULL;
	qp->build.wqe = vfiowc_ring_slot(&qp->sq.ring);
	*qp->build.wqe = (struct vfiowc_send_wqe){
		.wr_id = ibqp->wr_id,
		.opcode = opcode,
		.flags = (ibqp->wr_flags & PASSED_FLAGS) |
			 (qp->sq_sig_all ? VFIOWC_SEND_SIGNALED : 0),
	};
	qp->sq.ring.index++;
	return qp->build.wqe;
}

/* The slot begun last, for the calls that add to it; NULL: none, or an error happened. */
static struct vfiowc_send_wqe *current(struct vfiowc_qp *qp)
{
	if (!qp->build.wqe)
		set_error(qp, EINVAL);
	return qp->build.err ? NULL : qp->build.wqe;
}

static struct vfiowc_send_wqe *begin_remote(struct ibv_qp_ex *ibqp, enum ibv_wr_opcode opcode,
					    uint32_t rkey, uint64_t remote_addr)
{
	struct vfiowc_send_wqe *wqe = begin(ibqp, opcode);

	if (wqe) {
		wqe->rkey = rkey;
		wqe->remote_addr = remote_addr;
	}
	return wqe;
}

static void wr_send(struct ibv_qp_ex *ibqp)
{
	begin(ibqp, IBV_WR_SEND);
}

static void wr_send_imm(struct ibv_qp_ex *ibqp, __be32 imm_data)
{
	struct vfiowc_send_wqe *wqe = begin(ibqp, IBV_WR_SEND_WITH_IMM);

	if (wqe)
		wqe->imm_data = imm_data;
}

static void begin_invalidation(struct ibv_qp_ex *ibqp, enum ibv_wr_opcode opcode, uint32_t rkey)
{
	struct vfiowc_send_wqe *wqe = begin(ibqp, opcode);

	if (wqe)
		wqe->invalidate_rkey = rkey;
}

static void wr_send_inv(struct ibv_qp_ex *ibqp, uint32_t invalidate_rkey)
{
	begin_invalidation(ibqp, IBV_WR_SEND_WITH_INV, invalidate_rkey);
}

static void wr_local_inv(struct ibv_qp_ex *ibqp, uint32_t invalidate_rkey)
{
	begin_invalidation(ibqp, IBV_WR_LOCAL_INV, invalidate_rkey);
}

static void wr_bind_mw(struct ibv_qp_ex *ibqp, struct ibv_mw *mw, uint32_t rkey,
		       const struct ibv_mw_bind_info *bind_info)
{
	struct vfiowc_send_wqe *wqe = begin(ibqp, IBV_WR_BIND_MW);
	int err = wqe ? vfiowc_set_bind(wqe, mw, rkey, bind_info) : 0;

	if (err)
		set_error(from_ex(ibqp), err);
}

static void wr_rdma_write(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr)
{
	begin_remote(ibqp, IBV_WR_RDMA_WRITE, rkey, remote_addr);
}

static void wr_rdma_write_imm(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr,
			      __be32 imm_data)
{
	struct vfiowc_send_wqe *wqe =
		begin_remote(ibqp, IBV_WR_RDMA_WRITE_WITH_IMM, rkey, remote_addr);

	if (wqe)
		wqe->imm_data = imm_data;
}

static void wr_rdma_read(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr)
{
	begin_remote(ibqp, IBV_WR_RDMA_READ, rkey, remote_addr);
}

static void wr_atomic_cmp_swp(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr,
			      uint64_t compare, uint64_t swap)
{
	struct vfiowc_send_wqe *wqe =
		begin_remote(ibqp, IBV_WR_ATOMIC_CMP_AND_SWP, rkey, remote_addr);

	if (wqe) {
		wqe->atomic.compare_add = compare;
		wqe->atomic.swap = swap;
	}
}

static void wr_atomic_fetch_add(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr,
				uint64_t add)
{
	struct vfiowc_send_wqe *wqe =
		begin_remote(ibqp, IBV_WR_ATOMIC_FETCH_AND_ADD, rkey, remote_addr);

	if (wqe)
		wqe->atomic.compare_add = add;
}

static void wr_atomic_write(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr,
			    const void *atomic_wr)
{
	struct vfiowc_send_wqe *wqe = begin_remote(ibqp, IBV_WR_ATOMIC_WRITE, rkey, remote_addr);

	if (wqe) {
		wqe->flags |= VFIOWC_SEND_INLINE;
		wqe->inline_length = sizeof(uint64_t);
		memcpy(wqe + 1, atomic_wr, sizeof(uint64_t));
	}
}

static void wr_flush(struct ibv_qp_ex *ibqp, uint32_t rkey, uint64_t remote_addr, size_t len,
		     uint8_t type, uint8_t level)
{
	struct vfiowc_send_wqe *wqe = begin_remote(ibqp, IBV_WR_FLUSH, rkey, remote_addr);

	if (!wqe)
		return;
	/* the length counts for a range only */
	if (level == IBV_FLUSH_RANGE && len > UINT32_MAX)
		set_error(from_ex(ibqp), EINVAL);
	wqe->flush.length = (uint32_t)len;
	wqe->flush.type = type;
	wqe->flush.level = level;
}

static void wr_set_ud_addr(struct ibv_qp_ex *ibqp, struct ibv_ah *ah, uint32_t remote_qpn,
			   uint32_t remote_qkey)
{
	struct vfiowc_send_wqe *wqe = current(from_ex(ibqp));

	if (wqe) {
		wqe->ud.ahn = to_vfiowc_ah(ah)->ahn;
		wqe->ud.remote_qpn = remote_qpn;
		wqe->ud.remote_qkey = remote_qkey;
	}
}

static void wr_set_sge_list(struct ibv_qp_ex *ibqp, size_t num_sge, const struct ibv_sge *sg_list)
{
	struct vfiowc_qp *qp = from_ex(ibqp);
	struct vfiowc_send_wqe *wqe = current(qp);
	int err;

	if (!wqe)
		return;
	err = vfiowc_copy_sges(wqe + 1, sg_list, num_sge, qp->sq.max_sge);
	if (err)
		set_error(qp, err);
	else
		wqe->num_sge = (uint16_t)num_sge;
}

static void wr_set_sge(struct ibv_qp_ex *ibqp, uint32_t lkey, uint64_t addr, uint32_t length)
{
	const struct ibv_sge sge = { .addr = addr, .length = length, .lkey = lkey };

	wr_set_sge_list(ibqp, 1, &sge);
}

static void wr_set_inline_data_list(struct ibv_qp_ex *ibqp, size_t num_buf,
				    const struct ibv_data_buf *buf_list)
{
	struct vfiowc_qp *qp = from_ex(ibqp);
	struct vfiowc_send_wqe *wqe = current(qp);
	uint32_t length = 0;

	if (!wqe)
		return;
	for (size_t i = 0; i < num_buf; i++) {
		if (buf_list[i].length > qp->max_inline_bytes - length) {
			set_error(qp, EINVAL);
			return;
		}
		if (buf_list[i].length)
			memcpy((uint8_t *)(wqe + 1) + length, buf_list[i].addr, buf_list[i].length);
		length += (uint32_t)buf_list[i].length;
	}
	wqe->flags |= VFIOWC_SEND_INLINE;
	wqe->inline_length = length;
}

static void wr_set_inline_data(struct ibv_qp_ex *ibqp, void *addr, size_t length)
{
	const struct ibv_data_buf buf = { .addr = addr, .length = length };

	wr_set_inline_data_list(ibqp, 1, &buf);
}

/* Which of them a QP of its type may use, vfiowc_create_qp_ex() has checked. */
void vfiowc_wr_init(struct vfiowc_qp *qp)
{
	struct ibv_qp_ex *ex = &qp->vqp.qp_ex;

	ex->wr_abort = wr_abort;
	ex->wr_atomic_cmp_swp = wr_atomic_cmp_swp;
	ex->wr_atomic_fetch_add = wr_atomic_fetch_add;
	ex->wr_atomic_write = wr_atomic_write;
	ex->wr_bind_mw = wr_bind_mw;
	ex->wr_complete = wr_complete;
	ex->wr_flush = wr_flush;
	ex->wr_local_inv = wr_local_inv;
	ex->wr_rdma_read = wr_rdma_read;
	ex->wr_rdma_write = wr_rdma_write;
	ex->wr_rdma_write_imm = wr_rdma_write_imm;
	ex->wr_send = wr_send;
	ex->wr_send_imm = wr_send_imm;
	ex->wr_send_inv = wr_send_inv;
	ex->wr_set_inline_data = wr_set_inline_data;
	ex->wr_set_inline_data_list = wr_set_inline_data_list;
	ex->wr_set_sge = wr_set_sge;
	ex->wr_set_sge_list = wr_set_sge_list;
	ex->wr_set_ud_addr = wr_set_ud_addr;
	ex->wr_start = wr_start;
	qp->vqp.comp_mask |= VERBS_QP_EX;
}
