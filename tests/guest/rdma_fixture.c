// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* The RDMA device of the guest and the smallest tools to drive it: see rdma_fixture.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "rdma_fixture.h"

#define PORT 1
#define CQ_DEPTH 256
#define WAIT_MS 10000
#define LINK_UP_MS 30000

/*
 * Has the netdev an address that can be used? Its link-local one is tentative (0x40) for a second
 * or two after the link has come up, and until then no path to it is found.
 */
static bool has_address(void *netdev)
{
	char text[4096], name[32], *line;
	unsigned int flags;

	if (guest_read_file("/proc/net/if_inet6", text, sizeof(text)))
		return false;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (sscanf(line, "%*s %*x %*x %*x %x %31s", &flags, name) == 2 &&
		    !strcmp(name, netdev) && !(flags & IFA_F_TENTATIVE))
			return true;
	return false;
}

int rdma_netdev_up(const char *netdev)
{
	if (!guest_run("ip link set %s up", netdev) &&
	    guest_wait_for(has_address, (void *)netdev, LINK_UP_MS))
		return 0;
	print_error("%s does not come up\n", netdev);
	return -1;
}

int rdma_device_up(void **state)
{
	char bdf[GUEST_BDF_LEN], netdev[32];
	struct ibv_context *context;

	(void)state;
	if (guest_find_pci(GUEST_E1000E, bdf) || guest_modprobe("e1000e") ||
	    guest_modprobe("vfiowc_rdma") || guest_find_netdev(bdf, netdev, sizeof(netdev))) {
		print_error("no e1000e netdev to add " RDMA_DEVICE " to\n");
		return -1;
	}
	if (rdma_netdev_up(netdev))
		return -1;
	context = rdma_open();
	if (context)
		return ibv_close_device(context);
	return guest_run("rdma link add " RDMA_DEVICE " type vfiowc netdev %s", netdev) ? -1 : 0;
}

int rdma_device_down(void **state)
{
	(void)state;
	return guest_run("rdma link delete " RDMA_DEVICE) ? -1 : 0;
}

struct ibv_context *rdma_open_name(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;
	int err = ENODEV;

	for (int i = 0; list && list[i]; i++) {
		if (strcmp(ibv_get_device_name(list[i]), name))
			continue;
		context = ibv_open_device(list[i]);
		err = context ? 0 : errno;
	}
	if (list)
		ibv_free_device_list(list);
	errno = err;
	return context;
}

struct ibv_context *rdma_open(void)
{
	return rdma_open_name(RDMA_DEVICE);
}

void rdma_node_on(struct rdma_node *node, struct ibv_context *context)
{
	assert_non_null(context);
	node->context = context;
	node->pd = ibv_alloc_pd(node->context);
	assert_non_null(node->pd);
	node->cq = ibv_create_cq(node->context, CQ_DEPTH, NULL, NULL, 0);
	assert_non_null(node->cq);
	assert_int_equal(ibv_query_gid(node->context, PORT, 0, &node->gid), 0);
}

void rdma_node_open(struct rdma_node *node)
{
	rdma_node_on(node, rdma_open());
}

void rdma_node_close(struct rdma_node *node)
{
	assert_int_equal(ibv_destroy_cq(node->cq), 0);
	assert_int_equal(ibv_dealloc_pd(node->pd), 0);
	assert_int_equal(ibv_close_device(node->context), 0);
}

struct ibv_qp *rdma_qp_create(struct rdma_node *node)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = node->cq,
		.recv_cq = node->cq,
		.cap = {
			.max_send_wr = RDMA_DEPTH,
			.max_recv_wr = RDMA_DEPTH,
			.max_send_sge = RDMA_SGES,
			.max_recv_sge = RDMA_SGES,
			.max_inline_data = RDMA_INLINE,
		},
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *qp = ibv_create_qp(node->pd, &attr);

	assert_non_null(qp);
	return qp;
}

struct ibv_qp *rdma_ud_create(struct rdma_node *node)
{
	struct ibv_qp_init_attr init = {
		.send_cq = node->cq,
		.recv_cq = node->cq,
		.cap = { 1, 1, 1, 1, 0 },
		.qp_type = IBV_QPT_UD,
	};
	struct ibv_qp *qp = ibv_create_qp(node->pd, &init);
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_INIT, .port_num = 1, .qkey = RDMA_QKEY };

	assert_non_null(qp);
	assert_int_equal(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_QKEY), 0);
	attr.qp_state = IBV_QPS_RTR;
	assert_int_equal(ibv_modify_qp(qp, &attr, IBV_QP_STATE), 0);
	attr.qp_state = IBV_QPS_RTS;
	assert_int_equal(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN), 0);
	return qp;
}

int rdma_qp_init(struct ibv_qp *qp, int access)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = PORT,
		.qp_access_flags = (unsigned int)access,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
						IBV_QP_ACCESS_FLAGS);
}

int rdma_qp_rtr(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = peer_qpn,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 1,
		.ah_attr = {
			.grh = { .dgid = *gid, .hop_limit = 1 },
			.is_global = 1,
			.port_num = PORT,
		},
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
						IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
						IBV_QP_MAX_DEST_RD_ATOMIC |
						IBV_QP_MIN_RNR_TIMER);
}

int rdma_qp_rts(struct ibv_qp *qp, uint8_t rnr_retry)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = rnr_retry,
		.max_rd_atomic = 1,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
						IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
						IBV_QP_MAX_QP_RD_ATOMIC);
}

void rdma_qp_connect(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn)
{
	assert_int_equal(rdma_qp_init(qp, RDMA_REMOTE), 0);
	assert_int_equal(rdma_qp_rtr(qp, gid, peer_qpn), 0);
	assert_int_equal(rdma_qp_rts(qp, 7), 0);
}

void rdma_uc_connect(struct ibv_qp *qp, const union ibv_gid *gid, uint32_t peer_qpn)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = peer_qpn,
		.ah_attr = {
			.grh = { .dgid = *gid, .hop_limit = 1 },
			.is_global = 1,
			.port_num = PORT,
		},
	};

	assert_int_equal(rdma_qp_init(qp, IBV_ACCESS_REMOTE_WRITE), 0);
	assert_int_equal(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
							  IBV_QP_DEST_QPN | IBV_QP_RQ_PSN),
			 0);
	attr.qp_state = IBV_QPS_RTS;
	assert_int_equal(ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_SQ_PSN), 0);
}

void rdma_qp_pair(struct rdma_node *node, struct ibv_qp *qp[static 2])
{
	qp[0] = rdma_qp_create(node);
	qp[1] = rdma_qp_create(node);
	rdma_qp_connect(qp[0], &node->gid, qp[1]->qp_num);
	rdma_qp_connect(qp[1], &node->gid, qp[0]->qp_num);
}

void rdma_qp_unpair(struct ibv_qp *qp[static 2])
{
	assert_int_equal(ibv_destroy_qp(qp[0]), 0);
	assert_int_equal(ibv_destroy_qp(qp[1]), 0);
}

enum ibv_qp_state rdma_qp_state(struct ibv_qp *qp)
{
	struct ibv_qp_init_attr init_attr;
	struct ibv_qp_attr attr;

	assert_int_equal(ibv_query_qp(qp, &attr, IBV_QP_STATE, &init_attr), 0);
	return attr.qp_state;
}

struct rdma_buf rdma_buf_alloc(struct ibv_pd *pd, size_t len, int access)
{
	struct rdma_buf buf = { .len = len };

	buf.addr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(buf.addr, MAP_FAILED);
	buf.mr = ibv_reg_mr(pd, buf.addr, len, access);
	assert_non_null(buf.mr);
	return buf;
}

void rdma_buf_free(struct rdma_buf *buf)
{
	assert_int_equal(ibv_dereg_mr(buf->mr), 0);
	munmap(buf->addr, buf->len);
}

void rdma_pattern(void *addr, size_t len, uint32_t seed)
{
	uint8_t *byte = addr;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525 + 1013904223;
		byte[i] = seed >> 24;
	}
}

struct rdma_wr rdma_wr(enum ibv_wr_opcode opcode, const struct rdma_buf *local,
		       const struct rdma_buf *remote, uint32_t len)
{
	struct rdma_wr wr = {
		.wr_id = 1,
		.opcode = opcode,
		.local = (uintptr_t)local->addr,
		.len = len,
		.lkey = local->mr->lkey,
	};

	if (remote) {
		wr.remote = (uintptr_t)remote->addr;
		wr.rkey = remote->mr->rkey;
	}
	return wr;
}

int rdma_post(struct ibv_qp *qp, const struct rdma_wr *wr)
{
	struct ibv_sge sge = { .addr = wr->local, .length = wr->len, .lkey = wr->lkey };
	struct ibv_send_wr *bad, send = {
		.wr_id = wr->wr_id,
		.sg_list = &sge,
		.num_sge = wr->len ? 1 : 0,
		.opcode = wr->opcode,
		.send_flags = wr->flags | IBV_SEND_SIGNALED,
		.imm_data = htonl(wr->imm),
		.wr.rdma = { .remote_addr = wr->remote, .rkey = wr->rkey },
	};

	return ibv_post_send(qp, &send, &bad);
}

int rdma_post_recv(struct ibv_qp *qp, uint64_t wr_id, const struct rdma_buf *buf, uint32_t len)
{
	struct ibv_recv_wr *bad, recv = { .wr_id = wr_id };
	struct ibv_sge sge;

	if (buf) {
		sge = (struct ibv_sge){ (uintptr_t)buf->addr, len, buf->mr->lkey };
		recv.sg_list = &sge;
		recv.num_sge = 1;
	}
	return ibv_post_recv(qp, &recv, &bad);
}

struct poll_args {
	struct ibv_cq *cq;
	struct ibv_wc *wc;
};

static bool poll_once(void *arg)
{
	struct poll_args *args = arg;
	int n = ibv_poll_cq(args->cq, 1, args->wc);

	assert_true(n >= 0);
	return n == 1;
}

bool rdma_poll(struct ibv_cq *cq, struct ibv_wc *wc, unsigned int timeout_ms)
{
	struct poll_args args = { cq, wc };

	return guest_wait_for(poll_once, &args, timeout_ms);
}

struct ibv_wc rdma_wait(struct ibv_cq *cq)
{
	struct ibv_wc wc;

	if (!rdma_poll(cq, &wc, WAIT_MS))
		fail_msg("no completion within %d ms", WAIT_MS);
	return wc;
}

enum ibv_wc_status rdma_do(struct ibv_qp *qp, const struct rdma_wr *wr)
{
	struct ibv_wc wc;

	assert_int_equal(rdma_post(qp, wr), 0);
	wc = rdma_wait(qp->send_cq);
	assert_int_equal(wc.wr_id, wr->wr_id);
	return wc.status;
}

void _assert_wc(enum ibv_wc_status status, enum ibv_wc_status expected, const char *file, int line)
{
	if (status == expected)
		return;
	print_error("completion says \"%s\" (%d), expected \"%s\" (%d)\n",
		    ibv_wc_status_str(status), status, ibv_wc_status_str(expected), expected);
	_fail(file, line);
}
