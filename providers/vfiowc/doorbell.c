// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The doorbell file of a context: tells the kernel that there are requests in a ring. The kernel
 * executes them inside the call, and serialises the callers itself: there are no locks here.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <infiniband/cmd_ioctl.h>

#include "vfiowc.h"

int vfiowc_doorbell_open(struct vfiowc_context *ctx)
{
	DECLARE_COMMAND_BUFFER(cmd, VFIOWC_IB_OBJECT_DOORBELL, VFIOWC_IB_METHOD_DOORBELL_ALLOC, 1);
	struct ib_uverbs_attr *handle =
		fill_attr_out_fd(cmd, VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE, 0);
	int err = execute_ioctl(&ctx->vctx.context, cmd);

	if (!err)
		ctx->doorbell_fd = read_attr_fd(VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE, handle);
	return err;
}

void vfiowc_doorbell_close(struct vfiowc_context *ctx)
{
	close(ctx->doorbell_fd);
}

int vfiowc_doorbell_ring(struct ibv_qp *ibqp)
{
	int fd = to_vfiowc_context(ibqp->context)->doorbell_fd;

	return ioctl(fd, VFIOWC_IOCTL_DOORBELL, (unsigned long)ibqp->qp_num) ? errno : 0;
}
