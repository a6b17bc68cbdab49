// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Memory regions: fd, offset, length and iova checked as one object before any provider sees them,
 * and the query of what an importer read, asked of the RDMA device's kernel driver directly (the
 * public libibverbs API has no way to reach a driver method).
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <rdma/vfiowc-abi.h>
#include "vfiowc_int.h"

_Static_assert((int)VFIOWC_NS_NONE == (int)VFIOWC_TPH_NS_NONE &&
	       (int)VFIOWC_NS_ST == (int)VFIOWC_TPH_NS_ST &&
	       (int)VFIOWC_NS_ST_EXT == (int)VFIOWC_TPH_NS_ST_EXT, "tag namespace");
_Static_assert((int)VFIOWC_MR_STATE_LIVE == (int)VFIOWC_MR_LIVE &&
	       (int)VFIOWC_MR_STATE_INVALIDATED == (int)VFIOWC_MR_INVALIDATED, "MR state");

static bool access_ok(int access)
{
	int needs_local = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC;

	return !(access & needs_local) || (access & IBV_ACCESS_LOCAL_WRITE);
}

struct ibv_mr *vfiowc_reg_mr(struct vfiowc_buf *buf, struct ibv_pd *pd, uint64_t offset,
			     uint64_t length, uint64_t iova, int access)
{
	uint64_t page = sysconf(_SC_PAGESIZE), last;

	/* The kernel maps whole pages: an iova at another place in the page would address wrong bytes. */
	if (!vfiowc_inside(offset, length, buf->size) || (iova ^ offset) % page ||
	    __builtin_add_overflow(iova, length - 1, &last) || !access_ok(access)) {
		errno = EINVAL;
		return NULL;
	}
	return ibv_reg_dmabuf_mr(pd, offset, length, iova, buf->fd, access);
}

/* A request with two attributes: the MR, and where the answer goes. */
#define QUERY_ATTRS 2

union query_command {
	struct ib_uverbs_ioctl_hdr hdr;
	uint64_t bytes[(sizeof(struct ib_uverbs_ioctl_hdr) +
			QUERY_ATTRS * sizeof(struct ib_uverbs_attr)) / sizeof(uint64_t)];
};

static void fill_command(union query_command *cmd, uint32_t handle, struct vfiowc_mr_query *answer)
{
	struct ib_uverbs_attr *attrs = cmd->hdr.attrs;

	memset(cmd, 0, sizeof(*cmd));
	cmd->hdr.length = sizeof(*cmd);
	cmd->hdr.object_id = UVERBS_OBJECT_MR;
	cmd->hdr.method_id = VFIOWC_IB_METHOD_MR_QUERY;
	cmd->hdr.num_attrs = QUERY_ATTRS;
	/* The kernel refuses a request whose driver is not the device's: nobody else is asked. */
	cmd->hdr.driver_id = RDMA_DRIVER_UNKNOWN;
	attrs[0].attr_id = VFIOWC_IB_ATTR_MR_QUERY_HANDLE;
	attrs[0].flags = UVERBS_ATTR_F_MANDATORY;
	attrs[0].data = handle;
	attrs[1].attr_id = VFIOWC_IB_ATTR_MR_QUERY_RESP;
	attrs[1].len = sizeof(*answer);
	attrs[1].flags = UVERBS_ATTR_F_MANDATORY;
	attrs[1].data = (uintptr_t)answer;
}

/* How kernels say that a driver lacks the method, is another one, or has no ioctl at all. */
static int without_method(int err)
{
	switch (err) {
	case EINVAL:
	case ENOTTY:
	case EPROTONOSUPPORT:
		return EOPNOTSUPP;
	default:
		return err;
	}
}

int vfiowc_query_mr_tph(struct ibv_mr *mr, struct vfiowc_mr_tph *attr, uint32_t inlen)
{
	struct vfiowc_mr_query answer = {};
	union query_command cmd;

	if (inlen < sizeof(*attr))
		return EINVAL;
	fill_command(&cmd, mr->handle, &answer);
	if (ioctl(mr->context->cmd_fd, RDMA_VERBS_IOCTL, &cmd))
		return without_method(errno);
	memset(attr, 0, inlen);
	attr->valid = answer.valid;
	attr->ns = answer.ns;
	attr->st = answer.st;
	attr->ph = answer.ph;
	attr->state = answer.state;
	return 0;
}
