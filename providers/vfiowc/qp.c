// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Queue pairs: their rings and states. Posting is in post.c and wr.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
#include "vfiowc.h"

/* No creation flag exists here, but saying "none" is allowed. */
#define SUPPORTED_ATTRS                                                                            \
	(IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_CREATE_FLAGS | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)

/* What the ibv_wr_*() of each type can do. */
static uint64_t send_ops(enum ibv_qp_type type)
{
	const uint64_t ud = IBV_QP_EX_WITH_SEND | IBV_QP_EX_WITH_SEND_WITH_IMM;
	const uint64_t uc = ud | IBV_QP_EX_WITH_RDMA_WRITE | IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM |
			    IBV_QP_EX_WITH_SEND_WITH_INV | IBV_QP_EX_WITH_LOCAL_INV |
			    IBV_QP_EX_WITH_BIND_MW;
	const uint64_t rc = uc | IBV_QP_EX_WITH_RDMA_READ | IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP |
			    IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD | IBV_QP_EX_WITH_FLUSH |
			    IBV_QP_EX_WITH_ATOMIC_WRITE;

	switch (type) {
	case IBV_QPT_RC:
		return rc;
	case IBV_QPT_UC:
		return uc;
	case IBV_QPT_UD:
		return ud;
	default:
		return 0;
	}
}

static int check_attr(const struct ibv_qp_init_attr_ex *attr)
{
	if (attr->comp_mask & ~SUPPORTED_ATTRS)
		return EOPNOTSUPP;
	if ((attr->comp_mask & IBV_QP_INIT_ATTR_CREATE_FLAGS) && attr->create_flags)
		return EOPNOTSUPP;
	if (!(attr->comp_mask & IBV_QP_INIT_ATTR_PD))
		return EINVAL;
	if ((attr->comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS) &&
	    (attr->send_ops_flags & ~send_ops(attr->qp_type)))
		return EOPNOTSUPP;
	return 0;
}

struct ibv_qp *vfiowc_create_qp_ex(struct ibv_context *ibctx, struct ibv_qp_init_attr_ex *attr)
{
	struct vfiowc_cmd_create_qp_resp resp = {};
	struct vfiowc_cmd_create_qp cmd = {};
	struct ibv_qp_init_attr_ex passed = *attr;
	struct vfiowc_done *done;
	struct vfiowc_qp *qp;
	int err;

	err = check_attr(attr);
	if (err)
		goto err_out;
	qp = calloc(1, sizeof(*qp));
	if (!qp)
		return NULL;

	/* This command does not know of flags, not even of none. */
	passed.comp_mask &= ~(uint32_t)IBV_QP_INIT_ATTR_CREATE_FLAGS;
	err = ibv_cmd_create_qp_ex(ibctx, &qp->vqp, &passed, &cmd.ibv_cmd, sizeof(cmd),
				   &resp.ibv_resp, sizeof(resp));
	if (err)
		goto err_free;
	attr->cap = passed.cap; /* what was really allocated */

	done = vfiowc_done_add(&to_vfiowc_context(ibctx)->done, qp->vqp.qp.qp_num);
	if (!done) {
		err = ENOMEM;
		goto err_destroy;
	}

	err = vfiowc_wq_init(&qp->sq, ibctx->cmd_fd, &resp.drv_payload.sq, &done->sq,
			     attr->cap.max_send_sge);
	if (err)
		goto err_destroy;

	err = vfiowc_wq_init(&qp->rq, ibctx->cmd_fd, &resp.drv_payload.rq, &done->rq,
			     attr->cap.max_recv_sge);
	if (err)
		goto err_fini_sq;

	qp->max_inline_bytes = resp.drv_payload.max_inline;
	qp->sq_sig_all = attr->sq_sig_all;
	if (attr->comp_mask & IBV_QP_INIT_ATTR_SEND_OPS_FLAGS)
		vfiowc_wr_init(qp);
	return &qp->vqp.qp;

err_fini_sq:
	vfiowc_wq_fini(&qp->sq);
err_destroy:
	ibv_cmd_destroy_qp(&qp->vqp.qp);
err_free:
	free(qp);
err_out:
	errno = err;
	return NULL;
}

struct ibv_qp *vfiowc_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	struct ibv_qp_init_attr_ex attr_ex = {
		.qp_context = attr->qp_context,
		.send_cq = attr->send_cq,
		.recv_cq = attr->recv_cq,
		.srq = attr->srq,
		.cap = attr->cap,
		.qp_type = attr->qp_type,
		.sq_sig_all = attr->sq_sig_all,
		.comp_mask = IBV_QP_INIT_ATTR_PD,
		.pd = pd,
	};
	struct ibv_qp *qp = vfiowc_create_qp_ex(pd->context, &attr_ex);

	if (qp)
		attr->cap = attr_ex.cap;
	return qp;
}

int vfiowc_destroy_qp(struct ibv_qp *ibqp)
{
	struct vfiowc_qp *qp = to_vfiowc_qp(ibqp);
	int err;

	err = ibv_cmd_destroy_qp(ibqp);
	if (err)
		return err;

	vfiowc_wq_fini(&qp->rq);
	vfiowc_wq_fini(&qp->sq);
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
