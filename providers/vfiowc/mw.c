// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory windows of type 2. What one is bound to is the kernel's; binding and invalidating are work
 * requests (post.c, wr.c). There are no locks here.
 */
#include <errno.h>
#include <stdlib.h>

#include "vfiowc.h"

/* Of type 1 the kernel says EOPNOTSUPP; so there is no bind_mw among the operations. */
struct ibv_mw *vfiowc_alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type)
{
	struct ib_uverbs_alloc_mw_resp resp = {};
	struct ibv_alloc_mw cmd = {};
	struct ibv_mw *mw;
	int err;

	mw = calloc(1, sizeof(*mw));
	if (!mw)
		return NULL;

	err = ibv_cmd_alloc_mw(pd, type, mw, &cmd, sizeof(cmd), &resp, sizeof(resp));
	if (err)
		goto err_free;
	return mw;

err_free:
	free(mw);
	errno = err;
	return NULL;
}

int vfiowc_dealloc_mw(struct ibv_mw *mw)
{
	int err = ibv_cmd_dealloc_mw(mw);

	if (!err)
		free(mw);
	return err;
}

/* The kernel tells windows by the index in their keys: mw->rkey may be any that it has had. */
int vfiowc_set_bind(struct vfiowc_send_wqe *wqe, const struct ibv_mw *mw, uint32_t rkey,
		    const struct ibv_mw_bind_info *info)
{
	if (!info->mr)
		return EINVAL;
	wqe->rkey = mw->rkey;
	wqe->bind.addr = info->addr;
	wqe->bind.length = info->length;
	wqe->bind.mr_lkey = info->mr->lkey;
	wqe->bind.new_rkey = rkey;
	wqe->bind.access = info->mw_access_flags;
	return 0;
}
