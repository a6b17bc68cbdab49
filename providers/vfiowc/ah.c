// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Address handles: the kernel's number for each goes into the requests. No locks. */
#include <errno.h>
#include <stdlib.h>

#include "abi.h"
#include "vfiowc.h"

struct ibv_ah *vfiowc_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr)
{
	struct vfiowc_cmd_create_ah_resp resp = {};
	struct vfiowc_ah *ah;
	int err;

	ah = calloc(1, sizeof(*ah));
	if (!ah)
		return NULL;

	err = ibv_cmd_create_ah(pd, &ah->ah, attr, &resp.ibv_resp, sizeof(resp));
	if (err)
		goto err_free;
	ah->ahn = resp.drv_payload.ahn;
	return &ah->ah;

err_free:
	free(ah);
	errno = err;
	return NULL;
}

int vfiowc_destroy_ah(struct ibv_ah *ibah)
{
	int err = ibv_cmd_destroy_ah(ibah);

	if (!err)
		free(to_vfiowc_ah(ibah));
	return err;
}
