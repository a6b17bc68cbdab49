// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Which devices are ours, and what happens when one is opened: the match rule, the context, the
 * table of operations. No locks here.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "compat.h"
#include "vfiowc.h"

static void vfiowc_free_context(struct ibv_context *ibctx);

static int vfiowc_query_device_ex(struct ibv_context *ibctx,
				  const struct ibv_query_device_ex_input *input,
				  struct ibv_device_attr_ex *attr, size_t attr_size)
{
	struct ib_uverbs_ex_query_device_resp resp;
	size_t resp_size = sizeof(resp);
	uint64_t fw_ver;
	int err;

	err = ibv_cmd_query_device_any(ibctx, input, attr, attr_size, &resp, &resp_size);
	if (err)
		return err;

	/* The kernel packs major, minor, patch into 16 bits each. */
	fw_ver = resp.base.fw_ver;
	snprintf(attr->orig_attr.fw_ver, sizeof(attr->orig_attr.fw_ver), "%u.%u.%u",
		 (unsigned int)(fw_ver >> 32) & 0xffff, (unsigned int)(fw_ver >> 16) & 0xffff,
		 (unsigned int)fw_ver & 0xffff);
	return 0;
}

static int vfiowc_query_port(struct ibv_context *ibctx, uint8_t port, struct ibv_port_attr *attr)
{
	struct ibv_query_port cmd = {};

	return ibv_cmd_query_port(ibctx, port, attr, &cmd, sizeof(cmd));
}

static const struct verbs_context_ops vfiowc_ctx_ops = {
	.alloc_mw = vfiowc_alloc_mw,
	.alloc_pd = vfiowc_alloc_pd,
	.create_ah = vfiowc_create_ah,
	.create_cq = vfiowc_create_cq,
	.create_cq_ex = vfiowc_create_cq_ex,
	.create_qp = vfiowc_create_qp,
	.create_qp_ex = vfiowc_create_qp_ex,
	.create_srq = vfiowc_create_srq,
	.create_srq_ex = vfiowc_create_srq_ex,
	.dealloc_mw = vfiowc_dealloc_mw,
	.dealloc_pd = vfiowc_dealloc_pd,
	.dereg_mr = vfiowc_dereg_mr,
	.destroy_ah = vfiowc_destroy_ah,
	.destroy_cq = vfiowc_destroy_cq,
	.destroy_qp = vfiowc_destroy_qp,
	.destroy_srq = vfiowc_destroy_srq,
	.free_context = vfiowc_free_context,
	.modify_qp = vfiowc_modify_qp,
	.modify_srq = vfiowc_modify_srq,
	.poll_cq = vfiowc_poll_cq,
	.post_recv = vfiowc_post_recv,
	.post_send = vfiowc_post_send,
	.post_srq_recv = vfiowc_post_srq_recv,
	.query_device_ex = vfiowc_query_device_ex,
	.query_port = vfiowc_query_port,
	.query_qp = vfiowc_query_qp,
	.query_srq = vfiowc_query_srq,
	.reg_dmabuf_mr = vfiowc_reg_dmabuf_mr,
	.reg_mr = vfiowc_reg_mr,
	.req_notify_cq = vfiowc_req_notify_cq,
};

#if IBVERBS_PABI_VERSION >= 59
static const struct verbs_context_ops vfiowc_dmah_ops = {
	.alloc_dmah = vfiowc_alloc_dmah,
	.dealloc_dmah = vfiowc_dealloc_dmah,
	.reg_mr_ex = vfiowc_reg_mr_ex,
};
#endif

static struct verbs_context *vfiowc_alloc_context(struct ibv_device *ibdev, int cmd_fd,
						  void *private_data)
{
	struct vfiowc_cmd_get_context_resp resp = {};
	struct vfiowc_cmd_get_context cmd = {};
	struct vfiowc_context *ctx;
	int err;

	(void)private_data;
	ctx = verbs_init_and_alloc_context(ibdev, cmd_fd, ctx, vctx, RDMA_DRIVER_UNKNOWN);
	if (!ctx)
		return NULL;

	err = compat_cmd_get_context(&ctx->vctx, &cmd.ibv_cmd, sizeof(cmd), &resp.ibv_resp,
				     sizeof(resp));
	if (err)
		goto err_uninit_context;
	err = vfiowc_doorbell_open(ctx);
	if (err)
		goto err_uninit_context;

	vfiowc_done_init(&ctx->done);
	verbs_set_ops(&ctx->vctx, &vfiowc_ctx_ops);
#if IBVERBS_PABI_VERSION >= 59
	verbs_set_ops(&ctx->vctx, &vfiowc_dmah_ops);
#endif
	return &ctx->vctx;

err_uninit_context:
	verbs_uninit_context(&ctx->vctx);
	free(ctx);
	errno = err;
	return NULL;
}

static void vfiowc_free_context(struct ibv_context *ibctx)
{
	struct vfiowc_context *ctx = to_vfiowc_context(ibctx);

	vfiowc_doorbell_close(ctx);
	verbs_uninit_context(&ctx->vctx);
	vfiowc_done_fini(&ctx->done);
	free(ctx);
}

/*
 * The kernel has no driver id for an out-of-tree device and the user chooses its name, so neither
 * can say that a device is ours. Its node description can: the module sets it and offers no way
 * to change it. A device that has a driver id (rxe, mlx5) belongs to the provider of that id,
 * whatever its description, which an administrator may have edited.
 */
static bool vfiowc_match_device(struct verbs_sysfs_dev *sysfs_dev)
{
	char node_desc[64];

	if (sysfs_dev->driver_id != RDMA_DRIVER_UNKNOWN)
		return false;
	if (ibv_read_ibdev_sysfs_file(node_desc, sizeof(node_desc), sysfs_dev, "node_desc") <= 0)
		return false;
	return !strcmp(node_desc, VFIOWC_NODE_DESC);
}

static struct verbs_device *vfiowc_alloc_device(struct verbs_sysfs_dev *sysfs_dev)
{
	(void)sysfs_dev;
	return calloc(1, sizeof(struct verbs_device));
}

static void vfiowc_uninit_device(struct verbs_device *vdev)
{
	free(vdev);
}

/* Nothing matches by id or name, but libibverbs walks the table for every device that has an id. */
static const struct verbs_match_ent vfiowc_table[] = { {} };

static const struct verbs_device_ops vfiowc_dev_ops = {
	.name = "vfiowc",
	.match_min_abi_version = VFIOWC_UVERBS_ABI_VERSION,
	.match_max_abi_version = VFIOWC_UVERBS_ABI_VERSION,
	.match_table = vfiowc_table,
	.match_device = vfiowc_match_device,
	.alloc_device = vfiowc_alloc_device,
	.uninit_device = vfiowc_uninit_device,
	.alloc_context = vfiowc_alloc_context,
};

bool is_vfiowc_dev(struct ibv_device *device)
{
	return verbs_get_device(device)->ops == &vfiowc_dev_ops;
}

PROVIDER_DRIVER(vfiowcdv, vfiowc_dev_ops);
