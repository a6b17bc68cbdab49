// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The RDMA device's side of fake.h. */
#include <stdlib.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <rdma/vfiowc-abi.h>
#include "fake_verbs.h"

struct ibv_device fake_ibv_device;
struct ibv_context fake_ctx;
struct ibv_pd fake_pd;
struct ibv_qp fake_qp;

static struct ibv_cq cq;
static struct ibv_mr host_mr;
static struct ibv_mr dmabuf_mr;

static int post_send(struct ibv_qp *qp, struct ibv_send_wr *wr, struct ibv_send_wr **bad)
{
	(void)qp;
	if (fake_fails(FAKE_POST_SEND)) {
		*bad = wr;
		return errno;
	}
	assert_int_equal(wr->num_sge, 1);
	fake.posted = *wr;
	fake.posted_sge = *wr->sg_list;
	fake.posts++;
	return 0;
}

static int poll_cq(struct ibv_cq *which, int n, struct ibv_wc *wc)
{
	assert_ptr_equal(which, &cq);
	assert_int_equal(n, 1);
	if (fake_fails(FAKE_POLL_CQ))
		return -1;
	if (!fake.wc_ready && !fake.wc_always)
		return 0;
	fake.wc_ready = 0;
	*wc = fake.wc;
	return 1;
}

void fake_verbs_setup(void)
{
	fake_ctx = (struct ibv_context){ .device = &fake_ibv_device, .cmd_fd = FAKE_RDMA };
	fake_ctx.ops.post_send = post_send;
	fake_ctx.ops.poll_cq = poll_cq;
	fake_pd = (struct ibv_pd){ .context = &fake_ctx };
	fake_qp = (struct ibv_qp){ .context = &fake_ctx, .qp_type = IBV_QPT_RC, .qp_num = 77 };
	cq = (struct ibv_cq){ .context = &fake_ctx };
	fake.rdma_driver = RDMA_DRIVER_UNKNOWN;
	fake.device_attr = (struct ibv_device_attr){ .phys_port_cnt = 1, .max_qp_rd_atom = 16,
						     .max_qp_init_rd_atom = 16 };
	fake.port_attr = (struct ibv_port_attr){ .state = IBV_PORT_ACTIVE, .active_mtu = IBV_MTU_1024,
						 .link_layer = IBV_LINK_LAYER_ETHERNET };
}

int fake_rdma_ioctl(unsigned long request, void *arg)
{
	struct ib_uverbs_ioctl_hdr *hdr = arg;

	assert_int_equal(request, RDMA_VERBS_IOCTL);
	if (fake_fails(FAKE_RDMA_IOCTL))
		return -1;
	assert_int_equal(hdr->length, sizeof(*hdr) + hdr->num_attrs * sizeof(hdr->attrs[0]));
	assert_int_equal(hdr->object_id, UVERBS_OBJECT_MR);
	if (hdr->driver_id != fake.rdma_driver) {
		errno = EINVAL;
		return -1;
	}
	assert_int_equal(hdr->method_id, VFIOWC_IB_METHOD_MR_QUERY);
	assert_int_equal(hdr->attrs[0].attr_id, VFIOWC_IB_ATTR_MR_QUERY_HANDLE);
	assert_int_equal(hdr->attrs[0].data, 42);
	assert_int_equal(hdr->attrs[1].attr_id, VFIOWC_IB_ATTR_MR_QUERY_RESP);
	assert_int_equal(hdr->attrs[1].len, sizeof(fake.mr_answer));
	memcpy((void *)(uintptr_t)hdr->attrs[1].data, &fake.mr_answer, sizeof(fake.mr_answer));
	return 0;
}

struct ibv_mr *__wrap_ibv_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length,
					uint64_t iova, int fd, int access)
{
	if (fake_fails(FAKE_REG_DMABUF_MR))
		return NULL;
	assert_ptr_equal(pd, &fake_pd);
	fake.mr_args = (struct fake_mr_args){ offset, length, iova, fd, access };
	return &dmabuf_mr;
}

int __wrap_ibv_query_device(struct ibv_context *ctx, struct ibv_device_attr *attr)
{
	(void)ctx;
	if (fake_fails(FAKE_QUERY_DEVICE))
		return errno;
	*attr = fake.device_attr;
	return 0;
}

/* The inline wrapper in verbs.h passes a whole struct under the compatibility type. */
int __wrap_ibv_query_port(struct ibv_context *ctx, uint8_t port, struct _compat_ibv_port_attr *attr)
{
	(void)ctx;
	assert_int_equal(port, 1);
	if (fake_fails(FAKE_QUERY_PORT))
		return errno;
	memcpy(attr, &fake.port_attr, sizeof(fake.port_attr));
	return 0;
}

int __wrap_ibv_query_gid(struct ibv_context *ctx, uint8_t port, int index, union ibv_gid *gid)
{
	(void)ctx;
	assert_int_equal(port, 1);
	if (fake_fails(FAKE_QUERY_GID))
		return -1;
	memset(gid, index, sizeof(*gid));
	return 0;
}

struct ibv_cq *__wrap_ibv_create_cq(struct ibv_context *ctx, int cqe, void *cq_context,
				    struct ibv_comp_channel *channel, int vector)
{
	(void)cqe, (void)cq_context, (void)channel, (void)vector;
	assert_ptr_equal(ctx, &fake_ctx);
	if (fake_fails(FAKE_CREATE_CQ))
		return NULL;
	fake.live_verbs++;
	return &cq;
}

struct ibv_mr *__wrap_ibv_reg_mr(struct ibv_pd *pd, void *address, size_t length, int access)
{
	assert_true(pd == &fake_pd || fake.any_pd);
	assert_int_equal(access, IBV_ACCESS_LOCAL_WRITE);
	if (fake_fails(FAKE_REG_MR))
		return NULL;
	host_mr = (struct ibv_mr){ .addr = address, .length = length, .lkey = 0x11 };
	fake.live_verbs++;
	return &host_mr;
}

struct ibv_qp *__wrap_ibv_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *init)
{
	assert_true(pd == &fake_pd || fake.any_pd);
	assert_int_equal(init->qp_type, IBV_QPT_RC);
	if (fake_fails(FAKE_CREATE_QP))
		return NULL;
	fake.live_verbs++;
	return &fake_qp;
}

int __wrap_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	assert_ptr_equal(qp, &fake_qp);
	assert_true(mask & IBV_QP_STATE);
	if (fake_fails(FAKE_MODIFY_QP))
		return errno;
	if (attr->qp_state == IBV_QPS_RTR)
		fake.qp_attr = *attr;
	fake.modify_calls++;
	return 0;
}

int __wrap_ibv_destroy_qp(struct ibv_qp *qp)
{
	(void)qp;
	if (fake_fails(FAKE_DESTROY_QP))
		return errno;
	fake.live_verbs--;
	return 0;
}

int __wrap_ibv_dereg_mr(struct ibv_mr *mr)
{
	(void)mr;
	fake.live_verbs--;
	return 0;
}

int __wrap_ibv_destroy_cq(struct ibv_cq *which)
{
	(void)which;
	fake.live_verbs--;
	return 0;
}
