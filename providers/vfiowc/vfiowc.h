/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The plug-in's objects, each with the libibverbs object it extends first, and the ops that
 * vfiowc.c enters into the table.
 *
 * Locks: vfiowc_cq.lock and the vfiowc_wq.lock of each queue are independent spin locks. The
 * plug-in takes none while it holds another; an application may, between ibv_wr_start() and
 * ibv_wr_complete() or ibv_start_poll() and ibv_end_poll().
 */
#ifndef VFIOWC_H
#define VFIOWC_H

#include <pthread.h>
#include <string.h>
#include <infiniband/driver.h>

#include "done.h"
#include "ring.h"
#include "wq.h"

struct ibv_dmah;
struct ibv_dmah_init_attr;
struct ibv_mr_init_attr;

struct vfiowc_context {
	struct verbs_context vctx;
	struct vfiowc_done_table done;
	int doorbell_fd;
};

struct vfiowc_cq {
	struct verbs_cq vcq;
	pthread_spinlock_t lock; /* the consumer side of ring, cqe */
	struct vfiowc_ring ring;
	bool single_threaded; /* lock is not used */
	struct vfiowc_cqe cqe; /* what the ibv_wc_read_*() read */
};

struct vfiowc_srq {
	struct verbs_srq vsrq;
	struct vfiowc_wq wq;
};

struct vfiowc_ah {
	struct ibv_ah ah;
	uint32_t ahn;
};

/* Between ibv_wr_start() and its end; under sq.lock. */
struct vfiowc_builder {
	struct vfiowc_send_wqe *wqe; /* the last one begun; NULL: none */
	uint32_t first; /* index of the first one */
	int err; /* the first that happened */
};

struct vfiowc_qp {
	struct verbs_qp vqp;
	struct vfiowc_wq sq;
	struct vfiowc_wq rq;
	uint32_t max_inline_bytes;
	bool sq_sig_all;
	struct vfiowc_builder build;
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

static inline struct vfiowc_srq *to_vfiowc_srq(struct ibv_srq *ibsrq)
{
	return container_of(ibsrq, struct vfiowc_srq, vsrq.srq);
}

static inline struct vfiowc_ah *to_vfiowc_ah(struct ibv_ah *ibah)
{
	return container_of(ibah, struct vfiowc_ah, ah);
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

/* mw.c */
struct ibv_mw *vfiowc_alloc_mw(struct ibv_pd *pd, enum ibv_mw_type type);
int vfiowc_dealloc_mw(struct ibv_mw *mw);
/* vfiowc_set_bind() - the operands of BIND_MW; @rkey is the new one. */
int vfiowc_set_bind(struct vfiowc_send_wqe *wqe, const struct ibv_mw *mw, uint32_t rkey,
		    const struct ibv_mw_bind_info *info);

/* dmah.c, with a private ABI of 59 or newer */
struct ibv_dmah *vfiowc_alloc_dmah(struct ibv_context *ibctx, struct ibv_dmah_init_attr *attr);
int vfiowc_dealloc_dmah(struct ibv_dmah *dmah);
struct ibv_mr *vfiowc_reg_mr_ex(struct ibv_pd *pd, struct ibv_mr_init_attr *attr);

/* cq.c */
struct ibv_cq *vfiowc_create_cq(struct ibv_context *ibctx, int cqe,
				struct ibv_comp_channel *channel, int comp_vector);
int vfiowc_destroy_cq(struct ibv_cq *ibcq);
void vfiowc_cq_give_back(struct vfiowc_cq *cq, const struct vfiowc_cqe *last);
int vfiowc_poll_cq(struct ibv_cq *ibcq, int num_entries, struct ibv_wc *wc);
int vfiowc_req_notify_cq(struct ibv_cq *ibcq, int solicited_only);

/* cq_ex.c */
struct ibv_cq_ex *vfiowc_create_cq_ex(struct ibv_context *ibctx, struct ibv_cq_init_attr_ex *attr);

/* srq.c */
struct ibv_srq *vfiowc_create_srq(struct ibv_pd *pd, struct ibv_srq_init_attr *attr);
struct ibv_srq *vfiowc_create_srq_ex(struct ibv_context *ibctx, struct ibv_srq_init_attr_ex *attr);
int vfiowc_destroy_srq(struct ibv_srq *ibsrq);
int vfiowc_modify_srq(struct ibv_srq *ibsrq, struct ibv_srq_attr *attr, int attr_mask);
int vfiowc_query_srq(struct ibv_srq *ibsrq, struct ibv_srq_attr *attr);

/* ah.c */
struct ibv_ah *vfiowc_create_ah(struct ibv_pd *pd, struct ibv_ah_attr *attr);
int vfiowc_destroy_ah(struct ibv_ah *ibah);

/* qp.c */
struct ibv_qp *vfiowc_create_qp_ex(struct ibv_context *ibctx, struct ibv_qp_init_attr_ex *attr);
struct ibv_qp *vfiowc_create_qp(struct ibv_pd *pd, struct ibv_qp_init_attr *attr);
int vfiowc_destroy_qp(struct ibv_qp *ibqp);
int vfiowc_modify_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask);
int vfiowc_query_qp(struct ibv_qp *ibqp, struct ibv_qp_attr *attr, int attr_mask,
		    struct ibv_qp_init_attr *init_attr);

/* doorbell.c */
int vfiowc_doorbell_open(struct vfiowc_context *ctx);
void vfiowc_doorbell_close(struct vfiowc_context *ctx);
/* vfiowc_doorbell_ring() - execute what is published in the rings of @ibqp. */
int vfiowc_doorbell_ring(struct ibv_qp *ibqp);

/* post.c */
int vfiowc_post_send(struct ibv_qp *ibqp, struct ibv_send_wr *wr, struct ibv_send_wr **bad_wr);
int vfiowc_post_recv(struct ibv_qp *ibqp, struct ibv_recv_wr *wr, struct ibv_recv_wr **bad_wr);
int vfiowc_post_srq_recv(struct ibv_srq *ibsrq, struct ibv_recv_wr *wr,
			 struct ibv_recv_wr **bad_wr);

/* wr.c */
void vfiowc_wr_init(struct vfiowc_qp *qp);

#endif
