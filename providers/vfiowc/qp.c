// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Queue pairs: their rings, and posting to them.
 *
 * vfiowc_wq.lock, one for each direction, covers the slots and our index of that ring. The
 * doorbell is rung after it is released: the kernel executes work requests inside the call, which
 * may be long, and serialises the callers itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi.h"
#include "vfiowc.h"

static int wq_init(struct vfiowc_wq *wq, int cmd_fd, const struct vfiowc_ring_info *info,
		   uint32_t *done, uint32_t max_sge)
{
	int err = vfiowc_ring_map(&wq->ring, cmd_fd, info);

	if (err)
		return err;
	pthread_spin_init(&wq->lock, PTHREAD_PROCESS_PRIVATE);
	wq->done = done;
	wq->max_sge = max_sge;
	return 0;
}

/*
 * Are as many requests outstanding as there are slots? That is the rule of verbs: what was not
 * polled yet may still need room in the CQ. The kernel has given a slot back before it completes.
 */
static bool wq_full(const struct vfiowc_wq *wq)
{
	/* acquire: with vfiowc_done_note(), the kernel's loads from the slot are over */
	uint32_t done = __atomic_load_n(wq->done, __ATOMIC_ACQUIRE);

	return wq->ring.index - done >= wq->ring.entries;
}

static void wq_fini(struct vfiowc_wq *wq)
{
	pthread_spin_destroy(&wq->lock);
	vfiowc_ring_unmap(&wq->ring);
}

struct ibv_qp *vfiowc_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct vfiowc_cmd_create_qp_resp resp = {};
	struct vfiowc_cmd_create_qp cmd = {};
	int cmd_fd = pd->context->cmd_fd;
	struct vfiowc_done *done;
	struct vfiowc_qp *qp;
	int err;

	qp = calloc(1, sizeof(*qp));
	if (!qp)
		return NULL;

	/* Puts what was really allocated into attr->cap. */
	err = ibv_cmd_create_qp(pd, &qp->vqp.qp, attr, &cmd.ibv_cmd, sizeof(cmd), &resp.ibv_resp,
				sizeof(resp));
	if (err)
		goto err_free;

	done = vfiowc_done_add(&to_vfiowc_context(pd->context)->done, qp->vqp.qp.qp_num);
	if (!done) {
		err = ENOMEM;
		goto err_destroy;
	}

	err = wq_init(&qp->sq, cmd_fd, &resp.drv_payload.sq, &done->sq, attr->cap.max_send_sge);
	if (err)
		goto err_destroy;

	err = wq_init(&qp->rq, cmd_fd, &resp.drv_payload.rq, &done->rq, attr->cap.max_recv_sge);
	if (err)
		goto err_fini_sq;

	qp->max_inline_bytes = resp.drv_payload.max_inline;
	qp->sq_sig_all = attr->sq_sig_all;
	return &qp->vqp.qp;

err_fini_sq:
	wq_fini(&qp->sq);
err_destroy:
	ibv_cmd_destroy_qp(&qp->vqp.qp);
err_free:
	free(qp);
	errno = err;
	return NULL;
}

int vfiowc_destroy_qp(struct ibv_qp *ibqp)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	int err;

	err = ibv_cmd_destroy_qp(ibqp);
	if (err)
		return err;

	wq_fini(&qp->rq);
	wq_fini(&qp->sq);
	free(qp);
	return 0;
}

/* Nothing of before a RESET is outstanding after it. */
static void wq_reset(struct vfiowc_wq *wq)
{
	pthread_spin_lock(&wq->lock);
	__atomic_store_n(wq->done, wq->ring.index, __ATOMIC_RELEASE);
	pthread_spin_unlock(&wq->lock);
}

/*
 * Our indices need no care on RESET: the kernel discards what is posted by moving its own up to
 * them.
 */
int vfiowc_modify_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	struct ibv_modify_qp cmd = {};
	int err;

	err = ibv_cmd_modify_qp(ibqp, attr, attr_mask, &cmd, sizeof(cmd));
	if (!err && (attr_mask & IBV_QP_STATE) && attr->qp_state == IBV_QPS_RESET) {
		wq_reset(&qp->sq);
		wq_reset(&qp->rq);
	}
	return err;
}

int vfiowc_query_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask,
		    struct ibv_qp_init_attr *init_attr)
{
	struct ibv_query_qp cmd;

	return ibv_cmd_query_qp(ibqp, attr, attr_mask, init_attr, &cmd, sizeof(cmd));
}

/* The stock POST_SEND command without a work request: they are all in the ring. */
static int ring_doorbell(struct ibv_qp *ibqp)
{
	struct ib_uverbs_post_send_resp resp;
	struct ibv_post_send cmd = {
		.hdr = {
			.command = IB_USER_VERBS_CMD_POST_SEND,
			.in_words = sizeof(cmd) / 4,
			.out_words = sizeof(resp) / 4,
		},
		.response = (uintptr_t)&resp,
		.qp_handle = ibqp->handle,
		.wqe_size = sizeof(struct ib_uverbs_send_wr),
	};

	return write(ibqp->context->cmd_fd, &cmd, sizeof(cmd)) == sizeof(cmd) ? 0 : errno;
}

static int copy_inline(struct vfiowc_send_wqe *wqe, const struct ibv_send_wr *wr,
		       uint32_t max_inline_bytes)
{
	uint8_t *to = (uint8_t *)(wqe + 1);
	uint32_t length = 0;

	for (int i = 0; i < wr->num_sge; i++) {
		const struct ibv_sge *sge = &wr->sg_list[i];

		if (sge->length > max_inline_bytes - length)
			return EINVAL;
		if (sge->length)
			memcpy(to + length, (const void *)(uintptr_t)sge->addr, sge->length);
		length += sge->length;
	}
	wqe->inline_length = length;
	return 0;
}

_Static_assert(sizeof(struct ibv_sge) == sizeof(struct vfiowc_sge) &&
		       offsetof(struct ibv_sge, length) == offsetof(struct vfiowc_sge, length) &&
		       offsetof(struct ibv_sge, lkey) == offsetof(struct vfiowc_sge, lkey),
	       "SGEs are copied as they are");

static int copy_sges(void *to, const struct ibv_sge *sg_list, int num_sge, uint32_t max_sge)
{
	if (num_sge < 0 || (uint32_t)num_sge > max_sge)
		return EINVAL;
	if (num_sge)
		memcpy(to, sg_list, (size_t)num_sge * sizeof(*sg_list));
	return 0;
}

enum wr_traits {
	WR_SUPPORTED = 1 << 0,
	WR_REMOTE = 1 << 1, /* names remote memory */
	WR_IMM = 1 << 2,
	WR_MAY_INLINE = 1 << 3,
};

static const uint8_t wr_traits[] = {
	[IBV_WR_RDMA_READ] = WR_SUPPORTED | WR_REMOTE,
	[IBV_WR_RDMA_WRITE] = WR_SUPPORTED | WR_REMOTE | WR_MAY_INLINE,
	[IBV_WR_RDMA_WRITE_WITH_IMM] = WR_SUPPORTED | WR_REMOTE | WR_MAY_INLINE | WR_IMM,
	[IBV_WR_SEND] = WR_SUPPORTED | WR_MAY_INLINE,
	[IBV_WR_SEND_WITH_IMM] = WR_SUPPORTED | WR_MAY_INLINE | WR_IMM,
};

/* What this opcode uses goes into the slot, everything else there is zero. */
static int set_opcode(struct vfiowc_send_wqe *wqe, const struct ibv_send_wr *wr)
{
	uint8_t traits = wr->opcode < sizeof(wr_traits) ? wr_traits[wr->opcode] : 0;

	if (!(traits & WR_SUPPORTED))
		return EOPNOTSUPP;
	if ((wr->send_flags & IBV_SEND_INLINE) && !(traits & WR_MAY_INLINE))
		return EINVAL;

	wqe->opcode = wr->opcode;
	if (traits & WR_IMM)
		wqe->imm_data = wr->imm_data;
	if (traits & WR_REMOTE) {
		wqe->remote_addr = wr->wr.rdma.remote_addr;
		wqe->rkey = wr->wr.rdma.rkey;
	}
	return 0;
}

static int fill_send(struct vfiowc_qp *qp, struct vfiowc_send_wqe *wqe,
		     const struct ibv_send_wr *wr)
{
	int err;

	*wqe = (struct vfiowc_send_wqe){
		.wr_id = wr->wr_id,
		.flags = wr->send_flags | (qp->sq_sig_all ? VFIOWC_SEND_SIGNALED : 0),
	};
	err = set_opcode(wqe, wr);
	if (err)
		return err;
	if (wr->send_flags & IBV_SEND_INLINE)
		return copy_inline(wqe, wr, qp->max_inline_bytes);
	wqe->num_sge = wr->num_sge;
	return copy_sges(wqe + 1, wr->sg_list, wr->num_sge, qp->sq.max_sge);
}

static int fill_recv(struct vfiowc_qp *qp, struct vfiowc_recv_wqe *wqe,
		     const struct ibv_recv_wr *wr)
{
	*wqe = (struct vfiowc_recv_wqe){ .wr_id = wr->wr_id, .num_sge = wr->num_sge };
	return copy_sges(wqe + 1, wr->sg_list, wr->num_sge, qp->rq.max_sge);
}

/*
 * A bad request ends the list; those before it are posted. The whole list is published by one
 * store and rung by one doorbell, whose cost is that of a system call.
 */
int vfiowc_post_send(struct ibv_qp *ibqp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	struct vfiowc_ring *ring = &qp->sq.ring;
	struct ibv_send_wr *first = wr;
	int err = 0, bell;

	if (ibqp->state < IBV_QPS_RTS) {
		*bad_wr = wr;
		return EINVAL;
	}

	pthread_spin_lock(&qp->sq.lock);
	for (; wr; wr = wr->next) {
		err = wq_full(&qp->sq) ? ENOMEM : fill_send(qp, vfiowc_ring_slot(ring), wr);
		if (err)
			break;
		ring->index++;
	}
	if (wr != first)
		vfiowc_ring_publish(ring);
	pthread_spin_unlock(&qp->sq.lock);

	if (err)
		*bad_wr = wr;
	if (wr == first)
		return err;

	/* A doorbell fails when the device is gone: no request of this list will ever complete. */
	bell = ring_doorbell(ibqp);
	if (bell)
		*bad_wr = first;
	return bell ? bell : err;
}

int vfiowc_post_recv(struct ibv_qp *ibqp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	struct vfiowc_ring *ring = &qp->rq.ring;
	struct ibv_recv_wr *first = wr;
	bool kick = false;
	int err = 0;

	if (ibqp->state == IBV_QPS_RESET) {
		*bad_wr = wr;
		return EINVAL;
	}

	pthread_spin_lock(&qp->rq.lock);
	for (; wr; wr = wr->next) {
		err = wq_full(&qp->rq) ? ENOMEM : fill_recv(qp, vfiowc_ring_slot(ring), wr);
		if (err)
			break;
		ring->index++;
	}
	if (wr != first) {
		vfiowc_ring_publish(ring);
		kick = vfiowc_ring_wants_kick(ring);
	}
	pthread_spin_unlock(&qp->rq.lock);

	if (err)
		*bad_wr = wr;
	/*
	 * The receives are posted whatever the doorbell says; without it they are flushed a
	 * little later.
	 */
	if (kick)
		ring_doorbell(ibqp);
	return err;
}
