/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* Commands that carry data of ours behind the core's response, in libibverbs' notation. */
#ifndef VFIOWC_ABI_H
#define VFIOWC_ABI_H

#include <infiniband/kern-abi.h>
#include <rdma/vfiowc-abi.h>
#include <kernel-abi/vfiowc-abi.h>

DECLARE_DRV_CMD(vfiowc_cmd_get_context, IB_USER_VERBS_CMD_GET_CONTEXT, empty,
		vfiowc_alloc_ucontext_resp);
DECLARE_DRV_CMD(vfiowc_cmd_create_cq, IB_USER_VERBS_CMD_CREATE_CQ, empty, vfiowc_create_cq_resp);
DECLARE_DRV_CMD(vfiowc_cmd_create_qp, IB_USER_VERBS_CMD_CREATE_QP, empty, vfiowc_create_qp_resp);
DECLARE_DRV_CMD(vfiowc_cmd_create_srq, IB_USER_VERBS_CMD_CREATE_SRQ, empty, vfiowc_create_srq_resp);
DECLARE_DRV_CMD(vfiowc_cmd_create_srq_ex, IB_USER_VERBS_CMD_CREATE_XSRQ, empty,
		vfiowc_create_srq_resp);
DECLARE_DRV_CMD(vfiowc_cmd_modify_srq, IB_USER_VERBS_CMD_MODIFY_SRQ, vfiowc_modify_srq, empty);
DECLARE_DRV_CMD(vfiowc_cmd_create_ah, IB_USER_VERBS_CMD_CREATE_AH, empty, vfiowc_create_ah_resp);

#endif
