// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Shared receive queues: one ring of receives for many queue pairs. Posting to them is in post.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
#include "vfiowc.h"

static struct ibv_srq *map_srq(struct vfiowc_srq *srq, const struct vfiowc_create_srq_resp *resp,
			       int cmd_fd, uint32_t max_sge)
{
	int err = vfiowc_wq_init(&srq->wq, cmd_fd, &resp->srq, NULL, max_sge);

	if (err)
		goto err_destroy;
	return &srq->vsrq.srq;

err_destroy:
	ibv_cmd_destroy_srq(&srq->vsrq.srq);
	free(srq);
	errno = err;
	return NULL;
}

struct ibv_srq *vfiowc_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr)
{
	struct vfiowc_cmd_create_srq_resp resp = {};
	struct vfiowc_cmd_create_srq cmd = {};
	struct vfiowc_srq *srq;
	int err;

	srq = calloc(1, sizeof(*srq));
	if (!srq)
		return NULL;

	/* Puts what was really allocated into attr->attr. */
	err = ibv_cmd_create_srq(pd, &srq->vsrq.srq, attr, &cmd.ibv_cmd, sizeof(cmd),
				 &resp.ibv_resp, sizeof(resp));
	if (err)
		goto err_free;
	return map_srq(srq, &resp.drv_payload, pd->context->cmd_fd, attr->attr.max_sge);

err_free:
	free(srq);
	errno = err;
	return NULL;
}

/* The kernel refuses every type but the basic one. */
struct ibv_srq *vfiowc_create_srq_ex(struct ibv_context *ibctx, struct ibv_srq_init_attr_ex *attr)
{
	struct vfiowc_cmd_create_srq_ex_resp resp = {};
	struct vfiowc_cmd_create_srq_ex cmd = {};
	struct vfiowc_srq *srq;
	int err;

	srq = calloc(1, sizeof(*srq));
	if (!srq)
		return NULL;

	err = ibv_cmd_create_srq_ex(ibctx, &srq->vsrq, attr, &cmd.ibv_cmd, sizeof(cmd),
				    &resp.ibv_resp, sizeof(resp));
	if (err)
		goto err_free;
	return map_srq(srq, &resp.drv_payload, ibctx->cmd_fd, attr->attr.max_sge);

err_free:
	free(srq);
	errno = err;
	return NULL;
}

int vfiowc_destroy_srq(struct ibv_srq *ibsrq)
{
	struct vfiowc_srq *srq = to_vfiowc_srq(ibsrq);
	int err;

	err = ibv_cmd_destroy_srq(ibsrq);
	if (err)
		return err;

	vfiowc_wq_fini(&srq->wq);
	free(srq);
	return 0;
}

/* The new ring goes on where the old one ends: our index stays. */
static int remap(struct vfiowc_wq *wq, int cmd_fd, const struct vfiowc_ring_info *info)
{
	struct vfiowc_ring ring = { .index = wq->ring.index };
	int err = vfiowc_ring_map(&ring, cmd_fd, info);

	/* Unmapped all the same: nobody reads the old one any more. */
	vfiowc_ring_unmap(&wq->ring);
	wq->ring = ring;
	return err;
}

int vfiowc_modify_srq(struct ibv_srq *ibsrq, struct ibv_srq_attr *attr, int attr_mask)
{
	struct vfiowc_wq *wq = &to_vfiowc_srq(ibsrq)->wq;
	struct vfiowc_ring_info info = {};
	struct vfiowc_cmd_modify_srq cmd = {
		.drv_payload.ring_info_addr = (uintptr_t)&info,
	};
	int err;

	pthread_spin_lock(&wq->lock);
	err = ibv_cmd_modify_srq(ibsrq, attr, attr_mask, &cmd.ibv_cmd, sizeof(cmd));
	if (!err && (attr_mask & IBV_SRQ_MAX_WR))
		err = remap(wq, ibsrq->context->cmd_fd, &info);
	pthread_spin_unlock(&wq->lock);
	return err;
}

int vfiowc_query_srq(struct ibv_srq *ibsrq, struct ibv_srq_attr *attr)
{
	struct ibv_query_srq cmd = {};

	return ibv_cmd_query_srq(ibsrq, attr, &cmd, sizeof(cmd));
}
