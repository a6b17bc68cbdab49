// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Delivery reads: what an RDMA device wrote to a BAR is proven delivered by a READ that follows it
 * on the same path. At the initiator (O5i) that is a READ on the same QP; at the target (O5t) a
 * READ through a QP of the same function that is connected to itself.
 *
 * Locks: a loopback's lock is a leaf; it protects its state and is held across post and poll, which
 * do not block.
 */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "vfiowc_order.h"

/* Retries of a request to oneself: the link is inside the device, so a loss is a fault. */
#define RETRY_COUNT 7
#define ACK_TIMEOUT 14 /* 4.096 us * 2^14 = 67 ms, verbs' encoding */
#define HOP_LIMIT 1

enum loopback_state {
	LOOPBACK_IDLE,
	LOOPBACK_READING,
	LOOPBACK_BROKEN, /* the QP is in the error state */
};

struct vfiowc_loopback {
	pthread_mutex_t lock;
	enum loopback_state state; /* lock */
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *mr;
	uint64_t landing; /* where READs put their byte */
};

static int post_read(struct ibv_qp *qp, uint64_t wr_id, struct ibv_sge *into, uint64_t remote_addr,
		     uint32_t rkey)
{
	struct ibv_send_wr wr = {
		.wr_id = wr_id,
		.sg_list = into,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_READ,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = remote_addr, .rkey = rkey },
	};
	struct ibv_send_wr *bad;

	return ibv_post_send(qp, &wr, &bad);
}

int vfiowc_post_delivery_read(struct ibv_qp *qp, uint64_t wr_id, struct ibv_sge *into,
			      uint64_t remote_addr, uint32_t rkey)
{
	/* A READ of no bytes need not reach the memory, so it would flush nothing. */
	if (!into->length || qp->qp_type != IBV_QPT_RC)
		return EINVAL;
	return post_read(qp, wr_id, into, remote_addr, rkey);
}

static int check_port(struct ibv_pd *pd, uint8_t port_num, struct ibv_port_attr *port)
{
	struct ibv_device_attr device;
	int err;

	err = ibv_query_device(pd->context, &device);
	if (err)
		return err;
	if (!device.max_qp_rd_atom || !device.max_qp_init_rd_atom)
		return EOPNOTSUPP;
	if (!port_num || port_num > device.phys_port_cnt)
		return EINVAL;
	err = ibv_query_port(pd->context, port_num, port);
	if (err)
		return err;
	return port->state == IBV_PORT_ACTIVE ? 0 : ENETDOWN;
}

static int to_init(struct ibv_qp *qp, uint8_t port_num)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_INIT,
		.port_num = port_num,
		.qp_access_flags = IBV_ACCESS_REMOTE_READ,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
			     IBV_QP_ACCESS_FLAGS);
}

static int to_rtr(struct ibv_qp *qp, uint8_t port_num, int gid_index,
		  const struct ibv_port_attr *port)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTR,
		.path_mtu = port->active_mtu,
		.dest_qp_num = qp->qp_num,
		.max_dest_rd_atomic = 1,
		.ah_attr = { .dlid = port->lid, .port_num = port_num },
	};

	if (port->link_layer == IBV_LINK_LAYER_ETHERNET || (port->flags & IBV_QPF_GRH_REQUIRED)) {
		attr.ah_attr.is_global = 1;
		attr.ah_attr.grh.sgid_index = gid_index;
		attr.ah_attr.grh.hop_limit = HOP_LIMIT;
		if (ibv_query_gid(qp->context, port_num, gid_index, &attr.ah_attr.grh.dgid))
			return EINVAL;
	}
	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU |
			     IBV_QP_DEST_QPN | IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC |
			     IBV_QP_MIN_RNR_TIMER);
}

static int to_rts(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {
		.qp_state = IBV_QPS_RTS,
		.timeout = ACK_TIMEOUT,
		.retry_cnt = RETRY_COUNT,
		.rnr_retry = RETRY_COUNT,
		.max_rd_atomic = 1,
	};

	return ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
			     IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

static int create_qp(struct vfiowc_loopback *lb)
{
	struct ibv_qp_init_attr init = {
		.send_cq = lb->cq,
		.recv_cq = lb->cq,
		.cap = { .max_send_wr = 1, .max_send_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	lb->qp = ibv_create_qp(lb->pd, &init);
	return lb->qp ? 0 : errno;
}

static int connect_to_itself(struct vfiowc_loopback *lb, uint8_t port_num, int gid_index)
{
	struct ibv_port_attr port;
	int err;

	err = check_port(lb->pd, port_num, &port);
	if (!err)
		err = create_qp(lb);
	if (!err)
		err = to_init(lb->qp, port_num);
	if (!err)
		err = to_rtr(lb->qp, port_num, gid_index, &port);
	if (!err)
		err = to_rts(lb->qp);
	return err;
}

struct vfiowc_loopback *vfiowc_create_loopback(struct ibv_pd *pd, uint8_t port_num, int gid_index)
{
	struct vfiowc_loopback *lb = calloc(1, sizeof(*lb));
	int err;

	if (!lb)
		return NULL;
	lb->pd = pd;
	lb->cq = ibv_create_cq(pd->context, 1, NULL, NULL, 0);
	if (!lb->cq) {
		err = errno;
		goto err_free;
	}
	lb->mr = ibv_reg_mr(pd, &lb->landing, sizeof(lb->landing), IBV_ACCESS_LOCAL_WRITE);
	if (!lb->mr) {
		err = errno;
		goto err_cq;
	}
	err = connect_to_itself(lb, port_num, gid_index);
	if (err)
		goto err_qp;
	pthread_mutex_init(&lb->lock, NULL);
	return lb;

err_qp:
	if (lb->qp)
		ibv_destroy_qp(lb->qp);
	ibv_dereg_mr(lb->mr);
err_cq:
	ibv_destroy_cq(lb->cq);
err_free:
	free(lb);
	errno = err;
	return NULL;
}

int vfiowc_destroy_loopback(struct vfiowc_loopback *lb)
{
	int err = ibv_destroy_qp(lb->qp);

	if (err)
		return err;
	/* Nothing uses the landing bytes or the CQ any more. */
	ibv_dereg_mr(lb->mr);
	ibv_destroy_cq(lb->cq);
	pthread_mutex_destroy(&lb->lock);
	free(lb);
	return 0;
}

static int post_locked(struct vfiowc_loopback *lb, uint32_t rkey, uint64_t addr)
{
	struct ibv_sge into = { (uintptr_t)&lb->landing, 1, lb->mr->lkey };
	int err;

	if (lb->state != LOOPBACK_IDLE)
		return lb->state == LOOPBACK_READING ? EBUSY : EIO;
	err = post_read(lb->qp, 0, &into, addr, rkey);
	if (!err)
		lb->state = LOOPBACK_READING;
	return err;
}

int vfiowc_post_local_delivery_read(struct vfiowc_loopback *lb, struct ibv_mr *mr, uint64_t addr)
{
	int err;

	/* Another function's path proves nothing about this one's writes. */
	if (mr->context->device != lb->pd->context->device)
		return EINVAL;
	pthread_mutex_lock(&lb->lock);
	err = post_locked(lb, mr->rkey, addr);
	pthread_mutex_unlock(&lb->lock);
	return err;
}

static int poll_locked(struct vfiowc_loopback *lb, enum ibv_wc_status *status)
{
	struct ibv_wc wc;
	int n;

	if (lb->state != LOOPBACK_READING)
		return lb->state == LOOPBACK_BROKEN ? EIO : ENOENT;
	n = ibv_poll_cq(lb->cq, 1, &wc);
	if (!n)
		return EAGAIN;
	if (n < 0)
		wc.status = IBV_WC_GENERAL_ERR;
	if (status)
		*status = wc.status;
	lb->state = wc.status == IBV_WC_SUCCESS ? LOOPBACK_IDLE : LOOPBACK_BROKEN;
	return lb->state == LOOPBACK_IDLE ? 0 : EIO;
}

int vfiowc_poll_local_delivery(struct vfiowc_loopback *lb, enum ibv_wc_status *status)
{
	int err;

	pthread_mutex_lock(&lb->lock);
	err = poll_locked(lb, status);
	pthread_mutex_unlock(&lb->lock);
	return err;
}
