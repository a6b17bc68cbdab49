// SPDX-License-Identifier: GPL-2.0
/*
 * The device's own uverbs method: what the device knows of an MR.
 *
 * Works on MRs of every kind and in every state.
 */
#include <rdma/uverbs_std_types.h>

#define UVERBS_MODULE_NAME vfiowc
#include <rdma/uverbs_named_ioctl.h>

#include "vfiowc_rdma.h"

static int UVERBS_HANDLER(VFIOWC_IB_METHOD_MR_QUERY)(struct uverbs_attr_bundle *attrs)
{
	struct ib_mr *ibmr = uverbs_attr_get_obj(attrs,
						 VFIOWC_IB_ATTR_MR_QUERY_HANDLE);
	struct vfiowc_mr_query query;

	if (IS_ERR(ibmr))
		return PTR_ERR(ibmr);
	vfiowc_mr_query(to_vmr(ibmr), &query);
	return uverbs_copy_to_struct_or_zero(attrs,
					     VFIOWC_IB_ATTR_MR_QUERY_RESP,
					     &query, sizeof(query));
}

DECLARE_UVERBS_NAMED_METHOD(VFIOWC_IB_METHOD_MR_QUERY,
			    UVERBS_ATTR_IDR(VFIOWC_IB_ATTR_MR_QUERY_HANDLE,
					    UVERBS_OBJECT_MR,
					    UVERBS_ACCESS_READ,
					    UA_MANDATORY),
			    UVERBS_ATTR_PTR_OUT(VFIOWC_IB_ATTR_MR_QUERY_RESP,
						UVERBS_ATTR_STRUCT(struct vfiowc_mr_query,
								   reserved),
						UA_MANDATORY));

ADD_UVERBS_METHODS(vfiowc_mr, UVERBS_OBJECT_MR,
		   &UVERBS_METHOD(VFIOWC_IB_METHOD_MR_QUERY));

const struct uapi_definition vfiowc_uapi_defs[] = {
	UAPI_DEF_CHAIN_OBJ_TREE(UVERBS_OBJECT_MR, &vfiowc_mr),
	UAPI_DEF_CHAIN(vfiowc_doorbell_defs),
	{},
};
