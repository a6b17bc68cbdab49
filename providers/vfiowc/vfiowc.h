/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The plug-in's objects, each with the libibverbs object it extends first, and the ops that
 * vfiowc.c enters into the table.
 *
 * Locks: vfiowc_cq.lock, vfiowc_qp.sq.lock and vfiowc_qp.rq.lock are independent spin locks; none
 * is taken while another is held.
 */
#ifndef VFIOWC_H
#define VFIOWC_H

#include <pthread.h>
#include <infiniband/driver.h>

#include "done.h"
#include "ring.h"

struct ibv_dmah;
struct ibv_dmah_init_attr;
struct ibv_mr_init_attr;

struct vfiowc_context {
	struct verbs_context vctx;
	struct vfiowc_done_table done;
};

struct vfiowc_cq {
	struct verbs_cq vcq;
	pthread_spinlock_t lock; /* the consumer side of ring */
	struct vfiowc_ring ring;
};

/* One direction of a queue pair: the producer side of a ring of work requests. */
struct vfiowc_wq {
	pthread_spinlock_t lock;
	struct vfiowc_ring ring;
	uint32_t *done; /* index behind the last request whose completion was polled */
	uint32_t max_sge;
};

struct vfiowc_qp {
	struct verbs_qp vqp;
	struct vfiowc_wq sq;
	struct vfiowc_wq rq;
	uint32_t max_inline_bytes;
	bool sq_sig_all;
};

static inline struct vfiowc_context *to_vfiowc_context(struct ibv_context *ibctx)
{
	return container_of(ibctx, struct vfiowc_context, vctx.context);
}

static inline struct vfiowc_cq *to_vfiowc_cq(struct ibv_cq *ibcq)
{
	return container_of(ibcq, struct vfiowc_cq, vcq.cq);
}

static inline struct vfiowc_qp *to_vfiowc_qp(struct ibv_qp *ibqp)
{
	return container_of(ibqp, struct vfiowc_qp, vqp.qp);
}

bool is_vfiowc_dev(struct ibv_device *device);

/* pd_mr.c */
struct ibv_pd *vfiowc_alloc_pd(struct ibv_context *ibctx);
int vfiowc_dealloc_pd(struct ibv_pd *pd);
struct ibv_mr *vfiowc_reg_mr(struct ibv_pd *pd, void *addr, size_t length, uint64_t hca_va,
			     int access);
struct ibv_mr *vfiowc_reg_dmabuf_mr(struct ibv_pd *pd, uint64_t offset, size_t length,
				    uint64_t iova, int fd, int access);
int vfiowc_dereg_mr(struct verbs_mr *vmr);

/* dmah.c, with a private ABI of 59 or newer */
struct ibv_dmah *vfiowc_alloc_dmah(struct ibv_context *ibctx, struct ibv_dmah_init_attr *attr);
int vfiowc_dealloc_dmah(struct ibv_dmah *dmah);
struct ibv_mr *vfiowc_reg_mr_ex(struct ibv_pd *pd, struct ibv_mr_init_attr *attr);

/* cq.c */
struct ibv_cq *vfiowc_create_cq(struct ibv_context *ibctx, int cqe,
				struct ibv_comp_channel *channel, int comp_vector);
int vfiowc_destroy_cq(struct ibv_cq *ibcq);
int vfiowc_poll_cq(struct ibv_cq *ibcq, int num_entries, struct ibv_wc *wc);
int vfiowc_req_notify_cq(struct ibv_cq *ibcq, int solicited_only);

/* qp.c */
struct ibv_qp *vfiowc_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr);
int vfiowc_destroy_qp(struct ibv_qp *ibqp);
int vfiowc_modify_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask);
int vfiowc_query_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask,
		    struct ibv_qp_init_attr *init_attr);
int vfiowc_post_send(struct ibv_qp *ibqp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr);
int vfiowc_post_recv(struct ibv_qp *ibqp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr);

#endif
