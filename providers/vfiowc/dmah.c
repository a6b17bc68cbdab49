// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * DMA handles: tags that the kernel looks up for a processor (libibverbs since 59). All of it is asked of
 * the kernel, which alone knows whether it can look one up. There are no locks here.
 */
#include <errno.h>
#include <stdlib.h>

#include "vfiowc.h"

struct ibv_dmah *vfiowc_alloc_dmah(struct ibv_context *ibctx, struct ibv_dmah_init_attr *attr)
{
	struct verbs_dmah *dmah;
	int err;

	dmah = calloc(1, sizeof(*dmah));
	if (!dmah)
		return NULL;

	err = ibv_cmd_alloc_dmah(ibctx, dmah, attr);
	if (err)
		goto err_free;
	return &dmah->dmah;

err_free:
	free(dmah);
	/* What a kernel says that has no such object, for any device or for this one. */
	errno = err == EPROTONOSUPPORT || err == ENOTTY ? EOPNOTSUPP : err;
	return NULL;
}

int vfiowc_dealloc_dmah(struct ibv_dmah *dmah)
{
	int err = ibv_cmd_free_dmah(verbs_get_dmah(dmah));

	if (!err)
		free(verbs_get_dmah(dmah));
	return err;
}

struct ibv_mr *vfiowc_reg_mr_ex(struct ibv_pd *pd, struct ibv_mr_init_attr *attr)
{
	const uint64_t known = IBV_REG_MR_MASK_IOVA | IBV_REG_MR_MASK_ADDR | IBV_REG_MR_MASK_FD |
			       IBV_REG_MR_MASK_FD_OFFSET | IBV_REG_MR_MASK_DMAH;
	struct verbs_mr *vmr;
	int err;

	if (!check_comp_mask(attr->comp_mask, known)) {
		errno = EOPNOTSUPP;
		return NULL;
	}
	vmr = calloc(1, sizeof(*vmr));
	if (!vmr)
		return NULL;

	err = ibv_cmd_reg_mr_ex(pd, vmr, attr);
	if (err)
		goto err_free;
	return &vmr->ibv_mr;

err_free:
	free(vmr);
	errno = err;
	return NULL;
}
