/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What differs between the private ABIs of libibverbs that this plug-in builds against: 34 (34.0 to
 * 56.x) and 65. Everything else is the same source.
 */
#ifndef VFIOWC_COMPAT_H
#define VFIOWC_COMPAT_H

#include <infiniband/driver.h>

/* Since 57 (v57) the kernel may be handed fds to put into the new context; we have none. */
static inline int compat_cmd_get_context(struct verbs_context *vctx, struct ibv_get_context *cmd,
					 size_t cmd_size, struct ib_uverbs_get_context_resp *resp,
					 size_t resp_size)
{
#if IBVERBS_PABI_VERSION < 57
	return ibv_cmd_get_context(vctx, cmd, cmd_size, resp, resp_size);
#else
	return ibv_cmd_get_context(vctx, cmd, cmd_size, NULL, resp, resp_size);
#endif
}

#endif
