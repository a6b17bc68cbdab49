// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Completion queues. The kernel fills the ring, vfiowc_poll_cq() empties it without a system call.
 * vfiowc_cq.lock serialises pollers; arming for an event is the kernel's command and takes no lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
#include "vfiowc.h"

struct ibv_cq *vfiowc_create_cq(struct ibv_context *ibctx, int cqe,
				struct ibv_comp_channel *channel, int comp_vector)
{
	struct vfiowc_cmd_create_cq_resp resp = {};
	struct vfiowc_cmd_create_cq cmd = {};
	struct vfiowc_cq *cq;
	int err;

	cq = calloc(1, sizeof(*cq));
	if (!cq)
		return NULL;

	err = ibv_cmd_create_cq(ibctx, cqe, channel, comp_vector, &cq->vcq.cq, &cmd.ibv_cmd,
				sizeof(cmd), &resp.ibv_resp, sizeof(resp));
	if (err)
		goto err_free;

	err = vfiowc_ring_map(&cq->ring, ibctx->cmd_fd, &resp.drv_payload.cq);
	if (err)
		goto err_destroy;

	pthread_spin_init(&cq->lock, PTHREAD_PROCESS_PRIVATE);
	return &cq->vcq.cq;

err_destroy:
	ibv_cmd_destroy_cq(&cq->vcq.cq);
err_free:
	free(cq);
	errno = err;
	return NULL;
}

int vfiowc_destroy_cq(struct ibv_cq *ibcq)
{
	struct vfiowc_cq *cq = to_vfiowc_cq(ibcq);
	int err;

	err = ibv_cmd_destroy_cq(ibcq);
	if (err)
		return err;

	vfiowc_ring_unmap(&cq->ring);
	pthread_spin_destroy(&cq->lock);
	free(cq);
	return 0;
}

static void copy_cqe(struct ibv_wc *wc, const struct vfiowc_cqe *cqe)
{
	*wc = (struct ibv_wc){
		.wr_id = cqe->wr_id,
		.status = cqe->status,
		.opcode = cqe->opcode,
		.vendor_err = cqe->vendor_err,
		.byte_len = cqe->byte_len,
		.imm_data = cqe->imm_data,
		.qp_num = cqe->qp_num,
		.src_qp = cqe->src_qp,
		.wc_flags = cqe->wc_flags,
		.sl = cqe->sl,
	};
}

/*
 * Gives the kernel back every slot read so far. Only then are the requests over, up to that of @last, the
 * last one read: whoever sees it may post, and the kernel needs a free slot for what is posted.
 * @last may lie in its slot.
 */
void vfiowc_cq_give_back(struct vfiowc_cq *cq, const struct vfiowc_cqe *last)
{
	uint32_t qpn = last->qp_num, index = last->wqe_index;
	bool receive = last->opcode & IBV_WC_RECV;

	vfiowc_ring_release(&cq->ring);
	vfiowc_done_note(&to_vfiowc_context(cq->vcq.cq.context)->done, qpn, receive, index);
}

static bool same_queue(const struct vfiowc_cqe *a, const struct vfiowc_cqe *b)
{
	return a->qp_num == b->qp_num && !((a->opcode ^ b->opcode) & IBV_WC_RECV);
}

/* Of completions of one queue in a row, the last one stands for all: it is given back with them. */
int vfiowc_poll_cq(struct ibv_cq *ibcq, int num_entries, struct ibv_wc *wc)
{
	const struct vfiowc_cqe *cqe, *last = NULL;
	struct vfiowc_cq *cq = to_vfiowc_cq(ibcq);
	int n;

	pthread_spin_lock(&cq->lock);
	for (n = 0; n < num_entries && !vfiowc_ring_empty(&cq->ring); n++) {
		cqe = vfiowc_ring_slot(&cq->ring);
		if (last && !same_queue(last, cqe))
			vfiowc_cq_give_back(cq, last);
		cq->ring.index++;
		copy_cqe(&wc[n], cqe);
		last = cqe;
	}
	if (last)
		vfiowc_cq_give_back(cq, last);
	pthread_spin_unlock(&cq->lock);
	return n;
}

int vfiowc_req_notify_cq(struct ibv_cq *ibcq, int solicited_only)
{
	return ibv_cmd_req_notify_cq(ibcq, solicited_only);
}
