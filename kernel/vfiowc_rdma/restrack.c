// SPDX-License-Identifier: GPL-2.0
/*
 * What `rdma -dd resource show qp|cq|mr|srq` prints beside the core's words.
 *
 * The core holds a reference of the object, which its destruction waits for.  The
 * values are those of a moment; no lock is taken for them.
 */
#include <rdma/restrack.h>

#include "vfiowc_rdma.h"

static u32 posted(const struct vfiowc_ring *ring)
{
	return READ_ONCE(ring->header->producer) - READ_ONCE(ring->own);
}

static bool put_queue(struct sk_buff *msg, const char *entries_name,
		      const char *posted_name, const struct vfiowc_ring *ring)
{
	if (!ring->memory)
		return false;
	return rdma_nl_put_driver_u32(msg, entries_name, ring->entries) ||
	       rdma_nl_put_driver_u32(msg, posted_name, posted(ring));
}

/* The driver's values stand in a table of their own. */
static int finish(struct sk_buff *msg, struct nlattr *table, bool failed)
{
	if (failed) {
		nla_nest_cancel(msg, table);
		return -EMSGSIZE;
	}
	nla_nest_end(msg, table);
	return 0;
}

/**
 * vfiowc_fill_res_qp_entry - see ib_device_ops
 * @msg: message
 * @ibqp: the QP
 *
 * Return: 0 or -EMSGSIZE.
 */
int vfiowc_fill_res_qp_entry(struct sk_buff *msg, struct ib_qp *ibqp)
{
	struct nlattr *table = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	const struct vfiowc_qp *qp = to_vqp(ibqp);
	bool failed;

	if (!table)
		return -EMSGSIZE;
	failed = put_queue(msg, "sq_entries", "sq_posted", &qp->sq.ring) ||
		 put_queue(msg, "rq_entries", "rq_posted", &qp->rq.ring) ||
		 rdma_nl_put_driver_u32(msg, "sq_waits",
					READ_ONCE(qp->sq.waiting));
	return finish(msg, table, failed);
}

/**
 * vfiowc_fill_res_cq_entry - see ib_device_ops
 * @msg: message
 * @ibcq: the CQ
 *
 * Return: 0 or -EMSGSIZE.
 */
int vfiowc_fill_res_cq_entry(struct sk_buff *msg, struct ib_cq *ibcq)
{
	struct nlattr *table = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	const struct vfiowc_cq *cq = to_vcq(ibcq);
	u32 unpolled;
	bool failed;

	if (!table)
		return -EMSGSIZE;
	unpolled = READ_ONCE(cq->ring.own) -
		   READ_ONCE(cq->ring.header->consumer);
	failed = rdma_nl_put_driver_u32(msg, "unpolled", unpolled) ||
		 rdma_nl_put_driver_u32(msg, "armed", READ_ONCE(cq->notify)) ||
		 rdma_nl_put_driver_u32(msg, "overflowed",
					READ_ONCE(cq->overflowed));
	return finish(msg, table, failed);
}

static const char *memory(const struct vfiowc_mr *mr)
{
	switch (mr->kind) {
	case VFIOWC_MEM_BUF_IO:
		return "dma-buf-io";
	case VFIOWC_MEM_BUF_RAM:
		return "dma-buf";
	default:
		return "host";
	}
}

/**
 * vfiowc_fill_res_mr_entry - see ib_device_ops
 * @msg: message
 * @ibmr: the MR
 *
 * Return: 0 or -EMSGSIZE.
 */
int vfiowc_fill_res_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr)
{
	struct nlattr *table = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	struct vfiowc_mr *mr = to_vmr(ibmr);
	struct vfiowc_mr_query query;
	bool failed;

	if (!table)
		return -EMSGSIZE;
	vfiowc_mr_query(mr, &query);
	failed = rdma_nl_put_driver_string(msg, "memory", memory(mr)) ||
		 rdma_nl_put_driver_u32_hex(msg, "access", mr->access) ||
		 rdma_nl_put_driver_u32(msg, "invalidated",
					query.state == VFIOWC_MR_INVALIDATED) ||
		 (query.valid &&
		  (rdma_nl_put_driver_u32(msg, "tph_ns", query.ns) ||
		   rdma_nl_put_driver_u32(msg, "st", query.st) ||
		   rdma_nl_put_driver_u32(msg, "ph", query.ph)));
	return finish(msg, table, failed);
}

/**
 * vfiowc_fill_res_srq_entry - see ib_device_ops
 * @msg: message
 * @ibsrq: the SRQ
 *
 * Return: 0 or -EMSGSIZE.
 */
int vfiowc_fill_res_srq_entry(struct sk_buff *msg, struct ib_srq *ibsrq)
{
	struct nlattr *table = nla_nest_start(msg, RDMA_NLDEV_ATTR_DRIVER);
	struct vfiowc_srq *srq = to_vsrq(ibsrq);
	bool failed;

	if (!table)
		return -EMSGSIZE;
	/* the ring may be exchanged */
	mutex_lock(&srq->lock);
	failed = put_queue(msg, "entries", "posted", &srq->ring) ||
		 rdma_nl_put_driver_u32(msg, "limit", srq->limit);
	mutex_unlock(&srq->lock);
	return finish(msg, table, failed);
}
