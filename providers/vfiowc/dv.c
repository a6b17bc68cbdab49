// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Direct verbs: see vfiowcdv.h. No locks. */
#include <errno.h>
#include <string.h>
#include <infiniband/cmd_ioctl.h>

#include "vfiowc.h"
#include "vfiowcdv.h"

_Static_assert((int)VFIOWCDV_TPH_ST == (int)VFIOWC_TPH_NS_ST &&
		       (int)VFIOWCDV_TPH_ST_EXT == (int)VFIOWC_TPH_NS_ST_EXT &&
		       (int)VFIOWCDV_MR_INVALIDATED == (int)VFIOWC_MR_INVALIDATED,
	       "the kernel's values are passed through");

bool vfiowcdv_is_supported(struct ibv_device *device)
{
	return is_vfiowc_dev(device);
}

int vfiowcdv_query_mr(struct ibv_mr *mr, struct vfiowcdv_mr_attr *attr, uint32_t inlen)
{
	DECLARE_COMMAND_BUFFER(cmd, UVERBS_OBJECT_MR, VFIOWC_IB_METHOD_MR_QUERY, 2);
	struct vfiowc_mr_query answer = {};
	int err;

	if (!is_vfiowc_dev(mr->context->device))
		return EOPNOTSUPP;
	if (!vext_field_avail(struct vfiowcdv_mr_attr, state, inlen))
		return EINVAL;

	fill_attr_in_obj(cmd, VFIOWC_IB_ATTR_MR_QUERY_HANDLE, mr->handle);
	fill_attr_out_ptr(cmd, VFIOWC_IB_ATTR_MR_QUERY_RESP, &answer);
	err = execute_ioctl(mr->context, cmd);
	if (err)
		/* uverbs' word for a method that a module does not have */
		return err == EPROTONOSUPPORT ? EOPNOTSUPP : err;

	memset(attr, 0, inlen);
	attr->tph_valid = answer.valid;
	attr->tph_ns = answer.ns;
	attr->steering_tag = answer.st;
	attr->ph = answer.ph;
	attr->state = answer.state;
	return 0;
}
