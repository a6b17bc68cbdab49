// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* An RDMA device with a pair of connected RC QPs of this process. See nic.h. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "nic.h"

/* Generous: an emulated guest on a busy host is slow. */
#define COMPLETION_TIMEOUT_S 30
#define PORT_TIMEOUT_S 15
#define QUEUE_DEPTH 16

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static struct ibv_context *open_by_name(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context = NULL;

	errno = ENODEV;
	for (int i = 0; list && list[i] && !context; i++) {
		if (!strcmp(ibv_get_device_name(list[i]), name))
			context = ibv_open_device(list[i]);
	}
	if (list)
		ibv_free_device_list(list);
	return context;
}

/* The interface was perhaps brought up just now: its carrier takes a moment. */
static int wait_port(struct nic *nic)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t end = now_ms() + PORT_TIMEOUT_S * INT64_C(1000);
	int err;

	for (;;) {
		err = ibv_query_port(nic->context, NIC_PORT, &nic->port);
		if (err || nic->port.state == IBV_PORT_ACTIVE)
			return err;
		if (now_ms() > end || *nic->stop)
			return *nic->stop ? EINTR : ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

/* The first GID that is there; InfiniBand would do without, Ethernet would not. */
static int find_gid(struct nic *nic)
{
	static const union ibv_gid none;
	int err;

	for (int i = 0; i < nic->port.gid_tbl_len; i++) {
		err = ibv_query_gid(nic->context, NIC_PORT, i, &nic->gid);
		if (!err && memcmp(&nic->gid, &none, sizeof(none))) {
			nic->gid_index = i;
			return 0;
		}
	}
	return ENXIO;
}

static int to_init(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = NIC_PORT,
		.qp_access_flags = IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE,
	};

	return ibv_modify_qp(qp, &attr,
			     IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
}

static int to_ready(const struct nic *nic, struct ibv_qp *qp, uint32_t peer)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = nic->port.active_mtu,
		.dest_qp_num = peer,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.grh = { .dgid = nic->gid, .sgid_index = nic->gid_index, .hop_limit = 1 },
			.dlid = nic->port.lid,
			.port_num = NIC_PORT,
		},
	};
	int err;

	err = ibv_modify_qp(qp, &attr,
			    IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
				    IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
				    IBV_QP_MIN_RNR_TIMER);
	if (err)
		return err;
	attr = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 14,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	return ibv_modify_qp(qp, &attr,
			     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
				     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

static struct ibv_qp *create_qp(struct nic *nic)
{
	struct ibv_qp_init_attr attr = {
		.send_cq = nic->cq,
		.recv_cq = nic->cq,
		.cap = {
			.max_send_wr = QUEUE_DEPTH,
			.max_recv_wr = 1,
			.max_send_sge = 1,
			.max_recv_sge = 1,
		},
		.qp_type = IBV_QPT_RC,
	};

	return ibv_create_qp(nic->pd, &attr);
}

static void disconnect(struct nic *nic)
{
	if (nic->initiator)
		ibv_destroy_qp(nic->initiator);
	if (nic->target)
		ibv_destroy_qp(nic->target);
	nic->initiator = NULL;
	nic->target = NULL;
}

int nic_reconnect(struct nic *nic, const char **what)
{
	int err;

	disconnect(nic);
	*what = "ibv_create_qp";
	nic->initiator = create_qp(nic);
	if (!nic->initiator)
		return errno;
	nic->target = create_qp(nic);
	if (!nic->target)
		return errno;
	*what = "ibv_modify_qp";
	err = to_init(nic->initiator);
	if (!err)
		err = to_init(nic->target);
	if (!err)
		err = to_ready(nic, nic->target, nic->initiator->qp_num);
	if (!err)
		err = to_ready(nic, nic->initiator, nic->target->qp_num);
	return err;
}

/*
 * RoCE v2 resolves addresses by the IP stack, which does not use the link-local address of an
 * interface that came up just now until duplicate address detection is over.
 */
static int connect_patiently(struct nic *nic, const char **what)
{
	int64_t end = now_ms() + PORT_TIMEOUT_S * INT64_C(1000);
	int err;

	do {
		err = nic_reconnect(nic, what);
	} while ((err == ETIMEDOUT || err == EHOSTUNREACH || err == ENETUNREACH) &&
		 now_ms() < end && !*nic->stop);
	return err;
}

static int make_buffers(struct nic *nic)
{
	size_t bytes = 2 * (size_t)NIC_BUFFER_BYTES;

	nic->out = aligned_alloc(sysconf(_SC_PAGESIZE), bytes);
	if (!nic->out)
		return ENOMEM;
	memset(nic->out, 0, bytes);
	nic->in = nic->out + NIC_BUFFER_BYTES;
	nic->mr = ibv_reg_mr(nic->pd, nic->out, bytes, IBV_ACCESS_LOCAL_WRITE);
	return nic->mr ? 0 : errno;
}

int nic_open(const char *name, struct nic *nic, const char **what)
{
	int err;

	*what = "ibv_open_device";
	nic->context = open_by_name(name);
	if (!nic->context)
		return errno;
	*what = "waiting for an active port";
	err = wait_port(nic);
	if (err)
		return err;
	*what = "looking for a GID";
	err = find_gid(nic);
	if (err)
		return err;
	*what = "ibv_alloc_pd";
	nic->pd = ibv_alloc_pd(nic->context);
	if (!nic->pd)
		return errno;
	*what = "ibv_create_cq";
	nic->cq = ibv_create_cq(nic->context, 2 * QUEUE_DEPTH, NULL, NULL, 0);
	if (!nic->cq)
		return errno;
	*what = "ibv_reg_mr of host memory";
	err = make_buffers(nic);
	if (err)
		return err;
	return connect_patiently(nic, what);
}

void nic_close(struct nic *nic)
{
	disconnect(nic);
	if (nic->mr)
		ibv_dereg_mr(nic->mr);
	free(nic->out);
	if (nic->cq)
		ibv_destroy_cq(nic->cq);
	if (nic->pd)
		ibv_dealloc_pd(nic->pd);
	if (nic->context)
		ibv_close_device(nic->context);
	*nic = (struct nic){ .stop = nic->stop };
}

static int wait_completion(struct nic *nic, uint64_t wr_id, enum ibv_wc_status *status)
{
	int64_t end = now_ms() + COMPLETION_TIMEOUT_S * INT64_C(1000);
	struct ibv_wc wc;
	int n;

	for (;;) {
		n = ibv_poll_cq(nic->cq, 1, &wc);
		if (n < 0)
			return EIO;
		if (n > 0)
			break;
		if (now_ms() > end || *nic->stop)
			return *nic->stop ? EINTR : ETIMEDOUT;
		sched_yield();
	}
	*status = wc.status;
	return wc.wr_id == wr_id ? 0 : EPROTO;
}

int nic_transfer(struct nic *nic, uint64_t wr_id, enum ibv_wr_opcode opcode, void *host,
		 uint32_t bytes, uint64_t address, uint32_t rkey, enum ibv_wc_status *status)
{
	struct ibv_sge sge = { .addr = (uintptr_t)host, .length = bytes, .lkey = nic->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.wr_id = wr_id,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = opcode,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = address, .rkey = rkey },
	};
	int err = ibv_post_send(nic->initiator, &wr, &bad);

	return err ? err : wait_completion(nic, wr_id, status);
}
