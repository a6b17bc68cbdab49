// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* hello_p2p BDF BAR RDMADEV: the NIC writes a slice of a BAR, the CPU reads it, and back again. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <infiniband/vfiowc.h>
#include <infiniband/vfiowc_order.h>

#define SLICE 65536 /* bytes: the data slice, then one NC page to read back through */
#define PAGE 4096

static void ok(const char *what, int err)
{
	if (err)
		errx(1, "%s: %s", what, strerror(err));
}

static void *got(const char *what, void *object)
{
	ok(what, object ? 0 : errno);
	return object;
}

static struct ibv_context *open_rdma(const char *name)
{
	struct ibv_device **list = got("ibv_get_device_list", ibv_get_device_list(NULL));

	while (*list && strcmp(ibv_get_device_name(*list), name))
		list++;
	ok(name, *list ? 0 : ENODEV);
	return got(name, ibv_open_device(*list));
}

static void step(struct ibv_qp *qp, struct ibv_qp_attr *attr, enum ibv_qp_state state, int mask)
{
	attr->qp_state = state;
	ok("ibv_modify_qp", ibv_modify_qp(qp, attr, IBV_QP_STATE | mask));
}

static void connect_qp(struct ibv_qp *qp, struct ibv_qp *peer)
{
	struct ibv_qp_attr attr = {
		.qp_access_flags = IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ,
		.port_num = 1, .path_mtu = IBV_MTU_1024, .dest_qp_num = peer->qp_num,
		.max_dest_rd_atomic = 1, .max_rd_atomic = 1, .timeout = 14, .retry_cnt = 7,
		.rnr_retry = 7, .ah_attr = { .is_global = 1, .port_num = 1 } };

	ok("GID", ibv_query_gid(qp->context, 1, 0, &attr.ah_attr.grh.dgid));
	step(qp, &attr, IBV_QPS_INIT, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	step(qp, &attr, IBV_QPS_RTR, IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
	     IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	step(qp, &attr, IBV_QPS_RTS, IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
	     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

static void post(struct ibv_qp *qp, int op, struct ibv_sge *sge, struct ibv_mr *to, int flags)
{
	struct ibv_send_wr *bad, wr = { .opcode = op, .sg_list = sge, .num_sge = 1,
					.send_flags = flags, .wr.rdma.rkey = to->rkey };

	ok("ibv_post_send", ibv_post_send(qp, &wr, &bad)); /* remote_addr 0: the MR's iova */
}

static void wait_for(struct ibv_cq *cq)
{
	struct ibv_wc wc;

	while (!ibv_poll_cq(cq, 1, &wc))
		;
	ok(ibv_wc_status_str(wc.status), wc.status ? EIO : 0);
}

int main(int argc, char **argv)
{
	const enum vfiowc_mem_type wc_first[] = { VFIOWC_MEM_WC, VFIOWC_MEM_NC };
	int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ;
	char host[PAGE] = "hello from the NIC";

	ok("usage: hello_p2p BDF BAR RDMADEV", argc == 4 ? 0 : EINVAL);
	struct vfiowc_export_attr attr = { .bar = atoi(argv[2]), .length = SLICE,
					   .types = wc_first, .num_types = 2 };
	struct vfiowc_export_attr nc_attr = { .bar = attr.bar, .offset = SLICE, .length = PAGE };
	struct vfiowc_device *dev = got(argv[1], vfiowc_open_device(argv[1]));
	struct vfiowc_buf *slice = got("export", vfiowc_export(dev, &attr, sizeof(attr)));
	struct vfiowc_buf *nc_page = got("export", vfiowc_export(dev, &nc_attr, sizeof(nc_attr)));
	int err = vfiowc_set_tph(slice, &(struct vfiowc_tph){ .flags = VFIOWC_TAG_ST, .st = 0x2a });
	ok("TPH", err == EOPNOTSUPP ? 0 : err); /* most devices are no TPH completers */
	char *wc = vfiowc_map_addr(got("map", vfiowc_map(slice, 0, SLICE, 0)));
	void *nc = vfiowc_map_addr(got("map", vfiowc_map(nc_page, 0, 4, VFIOWC_MAP_READ_ONLY)));
	struct ibv_context *ctx = open_rdma(argv[3]);
	struct ibv_pd *pd = got("PD", ibv_alloc_pd(ctx));
	struct ibv_cq *cq = got("CQ", ibv_create_cq(ctx, 8, NULL, NULL, 0));
	struct ibv_mr *mr = got("MR", vfiowc_reg_mr(slice, pd, 0, SLICE, 0, access));
	struct ibv_mr *host_mr = got("host MR", ibv_reg_mr(pd, host, sizeof(host), access));
	struct ibv_qp_init_attr init = { .send_cq = cq, .recv_cq = cq, .qp_type = IBV_QPT_RC,
					 .cap = { .max_send_wr = 4, .max_send_sge = 1 } };
	struct ibv_qp *a = got("QP", ibv_create_qp(pd, &init)), *b = got("QP", ibv_create_qp(pd, &init));
	struct ibv_sge text = { (uintptr_t)host, 64, host_mr->lkey };
	struct ibv_sge spare = { (uintptr_t)host + 64, 1, host_mr->lkey };

	connect_qp(a, b);
	connect_qp(b, a);
	post(a, IBV_WR_RDMA_WRITE, &text, mr, 0);
	ok("delivery read", vfiowc_post_delivery_read(a, 0, &spare, 0, mr->rkey)); /* O5i */
	wait_for(cq);
	vfiowc_acquire(); /* O5i: loads from the slice come after that CQE */
	ok("the CPU reads what the NIC wrote", strcmp(wc, host) ? EIO : 0);
	strcpy(wc, "hello from the CPU");
	vfiowc_deliver(nc); /* O4: flushed and arrived before the NIC comes by its own path */
	post(a, IBV_WR_RDMA_READ, &text, mr, IBV_SEND_SIGNALED);
	wait_for(cq);
	ok("the NIC reads what the CPU wrote", strcmp(host, "hello from the CPU") ? EIO : 0);

	ok("revoke", vfiowc_revoke(slice)); /* O9: nobody reaches the slice any more */
	puts("hello_p2p: ok");
	return 0; /* the kernel takes back the rest */
}
