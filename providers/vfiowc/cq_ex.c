// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Extended completion queues: ibv_start_poll(), ibv_next_poll(), ibv_end_poll(), ibv_wc_read_*().
 *
 * A completion is copied and its slot given back at once, so that the application may post in its
 * place before ibv_end_poll(). vfiowc_cq.lock is held from ibv_start_poll() to ibv_end_poll(),
 * unless the CQ was created for one thread.
 */
#include <errno.h>

#include "vfiowc.h"

#define SUPPORTED_FLAGS IBV_CREATE_CQ_ATTR_SINGLE_THREADED

static struct vfiowc_cq *from_ex(struct ibv_cq_ex *cq)
{
	return to_vfiowc_cq(ibv_cq_ex_to_cq(cq));
}

static void take(struct vfiowc_cq *cq)
{
	memcpy(&cq->cqe, vfiowc_ring_slot(&cq->ring), sizeof(cq->cqe));
	cq->ring.index++;
	vfiowc_cq_give_back(cq, &cq->cqe);
	cq->vcq.cq_ex.status = cq->cqe.status;
	cq->vcq.cq_ex.wr_id = cq->cqe.wr_id;
}

static void end_poll(struct ibv_cq_ex *ibcq)
{
	struct vfiowc_cq *cq = from_ex(ibcq);

	if (!cq->single_threaded)
		pthread_spin_unlock(&cq->lock);
}

static int start_poll(struct ibv_cq_ex *ibcq, struct ibv_poll_cq_attr *attr)
{
	struct vfiowc_cq *cq = from_ex(ibcq);

	if (attr->comp_mask)
		return EINVAL;
	if (!cq->single_threaded)
		pthread_spin_lock(&cq->lock);
	if (!vfiowc_ring_empty(&cq->ring)) {
		take(cq);
		return 0;
	}
	if (!cq->single_threaded)
		pthread_spin_unlock(&cq->lock);
	return ENOENT;
}

static int next_poll(struct ibv_cq_ex *ibcq)
{
	struct vfiowc_cq *cq = from_ex(ibcq);

	if (vfiowc_ring_empty(&cq->ring))
		return ENOENT;
	take(cq);
	return 0;
}

static enum ibv_wc_opcode read_opcode(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.opcode;
}

static uint32_t read_vendor_err(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.vendor_err;
}

static uint32_t read_byte_len(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.byte_len;
}

static __be32 read_imm_data(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.imm_data;
}

static uint32_t read_qp_num(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.qp_num;
}

static uint32_t read_src_qp(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.src_qp;
}

static unsigned int read_wc_flags(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.wc_flags;
}

/* An Ethernet port has no LID. */
static uint32_t read_slid(struct ibv_cq_ex *ibcq)
{
	(void)ibcq;
	return 0;
}

static uint8_t read_sl(struct ibv_cq_ex *ibcq)
{
	return from_ex(ibcq)->cqe.sl;
}

static uint8_t read_dlid_path_bits(struct ibv_cq_ex *ibcq)
{
	(void)ibcq;
	return 0;
}

static void set_functions(struct ibv_cq_ex *cq)
{
	cq->start_poll = start_poll;
	cq->next_poll = next_poll;
	cq->end_poll = end_poll;
	cq->read_opcode = read_opcode;
	cq->read_vendor_err = read_vendor_err;
	cq->read_byte_len = read_byte_len;
	cq->read_imm_data = read_imm_data;
	cq->read_qp_num = read_qp_num;
	cq->read_src_qp = read_src_qp;
	cq->read_wc_flags = read_wc_flags;
	cq->read_slid = read_slid;
	cq->read_sl = read_sl;
	cq->read_dlid_path_bits = read_dlid_path_bits;
}

/* No timestamps, VLANs, flow tags, tag matching; no queue that may be overrun. */
struct ibv_cq_ex *vfiowc_create_cq_ex(struct ibv_context *ibctx, struct ibv_cq_init_attr_ex *attr)
{
	uint32_t flags = attr->comp_mask & IBV_CQ_INIT_ATTR_MASK_FLAGS ? attr->flags : 0;
	struct vfiowc_cq *cq;
	struct ibv_cq *ibcq;

	if ((attr->comp_mask & ~(uint32_t)IBV_CQ_INIT_ATTR_MASK_FLAGS) ||
	    (attr->wc_flags & ~(uint64_t)IBV_WC_STANDARD_FLAGS) || (flags & ~SUPPORTED_FLAGS)) {
		errno = EOPNOTSUPP;
		return NULL;
	}

	ibcq = vfiowc_create_cq(ibctx, (int)attr->cqe, attr->channel, (int)attr->comp_vector);
	if (!ibcq)
		return NULL;
	cq = to_vfiowc_cq(ibcq);
	cq->single_threaded = flags & IBV_CREATE_CQ_ATTR_SINGLE_THREADED;
	set_functions(&cq->vcq.cq_ex);
	return &cq->vcq.cq_ex;
}
