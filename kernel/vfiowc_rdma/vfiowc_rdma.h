/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vfiowc_rdma: a software RDMA device that moves bytes by the CPU between the
 * memory regions of one host, dma-buf slices of PCI BARs included.
 *
 * Path of a work request: the doorbell (post_send of zero WRs) runs the QP's send
 * queue in the caller's context (engine.c); each request is checked and its
 * responder found (request.c) and its operation executed (rdma.c, send.c,
 * atomic.c, flush.c, ud.c, mw.c); a transfer walks source and target
 * (xfer.c), each write to a target passes the order stage (order.c), which lets
 * it through to the copy routines (copy.c).  Receives are taken by the sender
 * from the peer's receive queue (rq.c), its own or a shared one (srq.c).
 *
 * Lock order, outermost first:
 *	qp->modify_lock		state changes asked for by the user
 *	qp->sq.lock		execution of one send queue (the initiator's)
 *	qp->rq.lock		execution on the responder's side, its receive queue
 *	srq->lock		a shared receive queue
 *	dev->mw_lock		what memory windows are bound to
 *	devs_lock (netdev.c)		list of devices
 *	atomic.c: words[]		spinlocks; nothing is taken inside
 *	qp->state_lock, cq->lock	spinlocks, leaves
 * An engine holds one sq.lock and at most one rq.lock, never a second sq.lock:
 * two QPs connected to each other, or a QP to itself, cannot deadlock.  What it
 * has to do to a peer's send queue it leaves to the peer's worker.
 *
 * dma_resv is taken by registration and deregistration only, never by the engine.
 * invalidate_mappings() (dma_resv held) waits for the engine to leave an MR; the
 * engine stays in one for at most VFIOWC_CHUNK_BYTES and neither sleeps nor
 * touches user addresses in between.
 */
#ifndef _VFIOWC_RDMA_H
#define _VFIOWC_RDMA_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <rdma/ib_verbs.h>
#include <rdma/uverbs_ioctl.h>
#include <rdma/vfiowc-abi.h>

/* An OUI that nobody has, as other software devices use: none was assigned to us. */
#define VFIOWC_VENDOR_ID		0xffffff

/* Limits: what query_device advertises and the code enforces. */
#define VFIOWC_MAX_QP			65536
#define VFIOWC_MAX_CQ			65536
#define VFIOWC_MAX_MR			SZ_1M
#define VFIOWC_MAX_MW			SZ_64K
#define VFIOWC_MAX_PD			65536
#define VFIOWC_MAX_QP_WR		16384
#define VFIOWC_MAX_SGE			32
#define VFIOWC_MAX_INLINE		512	/* and all SGEs fit */
#define VFIOWC_MAX_CQE			SZ_256K
#define VFIOWC_MAX_RD_ATOMIC		128
#define VFIOWC_MAX_SRQ			65536
#define VFIOWC_MAX_SRQ_WR		VFIOWC_MAX_QP_WR
#define VFIOWC_MAX_AH			SZ_1M
#define VFIOWC_MAX_MSG_BYTES		SZ_1G
#define VFIOWC_UD_MTU_BYTES		4096
#define VFIOWC_MAX_MR_BYTES		(256ULL * SZ_1G)
#define VFIOWC_GID_TABLE_LEN		1024
#define VFIOWC_PORT			1

/* The engine leaves an MR at least this often: bounds the wait of a revocation. */
#define VFIOWC_CHUNK_BYTES		((u32)SZ_256K)
/* After this much a run of a send queue hands what is left to the worker. */
#define VFIOWC_RUN_BUDGET_BYTES		SZ_256M

/* What `rdma statistic` shows; names in counters.c. */
enum vfiowc_counter {
	VFIOWC_CNT_REQUESTS,
	VFIOWC_CNT_BYTES,
	VFIOWC_CNT_RNR_WAITS,
	VFIOWC_CNT_PEER_WAITS,
	VFIOWC_CNT_DROPPED,
	VFIOWC_CNT_QP_ERRORS,
	VFIOWC_CNT_CQ_OVERFLOWS,
	VFIOWC_CNT_INVALIDATIONS,
	VFIOWC_NR_COUNTERS
};

struct vfiowc_counters {
	u64 value[VFIOWC_NR_COUNTERS];
};

/**
 * struct vfiowc_dev - one RDMA device, one port, on one netdev
 * @ibdev: the verbs device; must be first for the core's allocation
 * @link: in the list of devices (netdev.c), which holds a reference of the
 *	struct device; protected by that list's mutex
 * @ndev: for comparison only; the core holds the reference
 * @id: never reused; tells a QP which device its peer lives on
 * @dead: deallocated by the core, waits to leave the list
 * @mrs: MRs and bound windows by key >> 8; read under RCU
 * @mws: windows by key >> 8; under @mw_lock
 * @mw_lock: protects what windows are bound to, and the counts of them in MRs and QPs
 * @last_index: of the key that was allocated last, the next one is tried first; under
 *	the lock of @mrs
 * @key_byte: low byte of keys, for this round of their indices; as @last_index
 * @cqns: numbers of CQs
 * @avs: what address handles stand for, by their number; read under RCU
 * @counters: one set for each CPU
 * @nr_mws: existing windows, at most VFIOWC_MAX_MW
 * @nr_pds: existing PDs, at most VFIOWC_MAX_PD
 * @nr_qps: existing QPs, at most VFIOWC_MAX_QP
 * @nr_srqs: existing SRQs, at most VFIOWC_MAX_SRQ
 * @tph_emit: enum vfiowc_tph_ns: which tags the device can put on the wire
 */
struct vfiowc_dev {
	struct ib_device ibdev;
	struct list_head link;
	struct net_device *ndev;
	u32 id;
	bool dead;
	struct xarray mrs;
	u32 last_index;
	u8 key_byte;
	struct xarray mws;
	struct mutex mw_lock;		/* see above */
	struct ida cqns;
	struct xarray avs;
	struct vfiowc_counters __percpu *counters;
	atomic_t nr_mws;
	atomic_t nr_pds;
	atomic_t nr_qps;
	atomic_t nr_srqs;
	u8 tph_emit;
};

/**
 * struct vfiowc_ring_memory - the memory of a ring, shared with one process
 * @entry: handle for mmap; its last reference frees the memory
 * @header: vmalloc_user() memory, the user writes it at any time
 * @size: bytes of it
 */
struct vfiowc_ring_memory {
	struct rdma_user_mmap_entry entry;
	struct vfiowc_ring_header *header;
	size_t size;
};

/**
 * struct vfiowc_ring - a ring as its queue uses it, and a part of it
 * @memory: NULL: the queue has no ring
 * @header: that of @memory
 * @entries: slots, a power of two
 * @stride: bytes between slots
 * @own: the kernel's own index: consumer of SQ and RQ, producer of a CQ
 */
struct vfiowc_ring {
	struct vfiowc_ring_memory *memory;
	struct vfiowc_ring_header *header;
	u32 entries;
	u32 stride;
	u32 own;
};

/**
 * struct vfiowc_ucontext - what one open of the device made
 * @id: never reused
 */
struct vfiowc_ucontext {
	struct ib_ucontext ibuc;
	u64 id;
};

struct vfiowc_pd {
	struct ib_pd ibpd;
};

/**
 * struct vfiowc_cq - completion queue
 * @lock: protects @ring's producer side, @notify and @overflowed
 * @notify: what was asked for by req_notify_cq: 0, or IB_CQ_SOLICITED_MASK bits
 * @overflowed: an entry was lost; IB_EVENT_CQ_ERR was sent
 */
struct vfiowc_cq {
	struct ib_cq ibcq;
	struct vfiowc_ring ring;
	u32 cqn;
	spinlock_t lock;		/* see above */
	u8 notify;
	bool overflowed;
};

/**
 * struct vfiowc_srq - shared receive queue
 * @lock: protects @ring and its consumer side, @limit and @broken
 * @ring: as that of a receive queue
 * @max_sge: SGEs that fit a slot
 * @limit: fewer receives than this: IB_EVENT_SRQ_LIMIT_REACHED, once; 0: no event
 * @broken: IB_EVENT_SRQ_ERR was sent
 */
struct vfiowc_srq {
	struct ib_srq ibsrq;
	struct mutex lock;		/* see above */
	struct vfiowc_ring ring;
	u32 max_sge;
	u32 limit;
	bool broken;
};

/**
 * struct vfiowc_av - address vector: what an address handle stands for
 * @pd: PD of the handle; QPs of others must not use it
 * @dest_dev: id of the device that owns @dgid
 * @sgid: of the sender
 * @dgid: of the destination
 * @is_ipv4: both are IPv4 addresses
 * @traffic_class: for the header
 * @hop_limit: for the header
 * @flow_label: for the header
 * @sl: service level
 */
struct vfiowc_av {
	struct ib_pd *pd;
	u32 dest_dev;
	union ib_gid sgid;
	union ib_gid dgid;
	bool is_ipv4;
	u8 traffic_class;
	u8 hop_limit;
	u32 flow_label;
	u8 sl;
	struct rcu_head rcu;
};

struct vfiowc_ah {
	struct ib_ah ibah;
	struct vfiowc_av *av;
	u32 ahn;
};

/**
 * struct vfiowc_qp_handle - how others find a QP
 * @users: one for the QP, one for each engine that works with it
 * @released: completed with the last user
 * @qp: valid while a reference is held
 *
 * Apart from the QP, whose memory belongs to the core and goes away right after
 * destroy_qp, so that a lock-free look-up never touches freed memory.
 */
struct vfiowc_qp_handle {
	refcount_t users;
	struct completion released;
	struct vfiowc_qp *qp;
	struct rcu_head rcu;
};

/**
 * struct vfiowc_sq - send queue
 * @lock: execution; protects all of this
 * @wqe: private copy of the slot being executed
 * @room: @wqe and what is behind it
 * @max_sge: SGEs that fit a slot
 * @max_inline: inline bytes that fit a slot
 * @signal_all: sq_sig_type was IB_SIGNAL_ALL_WR
 * @waiting: the head waits for a timer (RNR or no peer); only the worker goes on
 * @rnr_left: RNR retries left for the head
 * @retry_left: transport retries left for the head
 */
struct vfiowc_sq {
	struct mutex lock;		/* see above */
	struct vfiowc_ring ring;
	union {
		struct vfiowc_send_wqe wqe;
		u8 room[sizeof(struct vfiowc_send_wqe) + VFIOWC_MAX_INLINE];
	};
	u32 max_sge;
	u32 max_inline;
	bool signal_all;
	bool waiting;
	u8 rnr_left;
	u8 retry_left;
};

/**
 * struct vfiowc_rq - receive queue
 * @lock: consumption; protects all of this
 * @ring: without memory: no receives, or @srq
 * @srq: shared receive queue, or NULL
 * @wqe: private copy of the slot being filled
 * @max_sge: SGEs that fit a slot
 * @taken: @wqe was taken out of @srq and waits for a message
 * @flushed: IB_EVENT_QP_LAST_WQE_REACHED was sent
 */
struct vfiowc_rq {
	struct mutex lock;		/* see above */
	struct vfiowc_ring ring;
	struct vfiowc_srq *srq;
	struct vfiowc_recv_wqe *wqe;
	u32 max_sge;
	bool taken;
	bool flushed;
};

/**
 * struct vfiowc_qp - queue pair
 * @handle: see there
 * @owner: id of the context that made it
 * @state_lock: protects changes of @state, which engines read without it
 * @attr: what modify_qp set; changed under modify_lock and sq.lock, and what the
 *	peer's engine needs of it (dest_qp_num, access, receiver limits) read without
 * @init: what create_qp was given, for query_qp
 * @dest_dev: id of the device that owns attr's dgid; as @attr
 * @modify_lock: serialises modify_qp
 * @work: runs the send queue outside a doorbell call, flushes after an error
 * @nr_windows: bound to the QP; under dev->mw_lock
 */
struct vfiowc_qp {
	struct ib_qp ibqp;
	struct vfiowc_dev *dev;
	struct vfiowc_qp_handle *handle;
	u64 owner;
	spinlock_t state_lock;		/* see above */
	enum ib_qp_state state;
	struct ib_qp_attr attr;
	struct ib_qp_init_attr init;
	u32 dest_dev;
	struct mutex modify_lock;	/* see above */
	struct vfiowc_sq sq;
	struct vfiowc_rq rq;
	struct delayed_work work;
	u32 nr_windows;
};

#include "mr.h"

static inline struct vfiowc_dev *to_vdev(struct ib_device *ibdev)
{
	return container_of(ibdev, struct vfiowc_dev, ibdev);
}

static inline struct vfiowc_cq *to_vcq(struct ib_cq *ibcq)
{
	return container_of(ibcq, struct vfiowc_cq, ibcq);
}

static inline struct vfiowc_qp *to_vqp(struct ib_qp *ibqp)
{
	return container_of(ibqp, struct vfiowc_qp, ibqp);
}

static inline struct vfiowc_srq *to_vsrq(struct ib_srq *ibsrq)
{
	return container_of(ibsrq, struct vfiowc_srq, ibsrq);
}

static inline struct vfiowc_ah *to_vah(struct ib_ah *ibah)
{
	return container_of(ibah, struct vfiowc_ah, ibah);
}

static inline enum ib_qp_state vfiowc_qp_state(const struct vfiowc_qp *qp)
{
	/* pairs with the release in qp_set_state(): attributes were set before */
	return smp_load_acquire(&qp->state);
}

/* A QP that is not sending may still be a responder. */
static inline bool vfiowc_qp_receives(const struct vfiowc_qp *qp)
{
	enum ib_qp_state state = vfiowc_qp_state(qp);

	return state == IB_QPS_RTR || state == IB_QPS_RTS ||
	       state == IB_QPS_SQD || state == IB_QPS_SQE;
}

/**
 * vfiowc_qp_connected - is a QP connected to the other, and able to receive?
 * @qp: in RTS, sq.lock held
 * @to: held; the answer is stable while its rq.lock is held
 */
static inline bool vfiowc_qp_connected(const struct vfiowc_qp *qp,
				       const struct vfiowc_qp *to)
{
	return vfiowc_qp_receives(to) &&
	       qp->ibqp.qp_type == to->ibqp.qp_type &&
	       qp->dest_dev == to->dev->id &&
	       READ_ONCE(to->dest_dev) == qp->dev->id &&
	       READ_ONCE(to->attr.dest_qp_num) == qp->ibqp.qp_num;
}

static inline void vfiowc_count(struct vfiowc_dev *dev,
				enum vfiowc_counter which, u64 n)
{
	this_cpu_add(dev->counters->value[which], n);
}

extern struct workqueue_struct *vfiowc_wq;

/* netdev.c */
int vfiowc_newlink(const char *name, struct net_device *ndev);
int vfiowc_query_port(struct ib_device *ibdev, u32 port,
		      struct ib_port_attr *attr);
int vfiowc_get_port_immutable(struct ib_device *ibdev, u32 port,
			      struct ib_port_immutable *immutable);
int vfiowc_dev_by_gid(struct vfiowc_dev *likely, const union ib_gid *gid,
		      u32 *id);
int vfiowc_netdev_init(void);
void vfiowc_netdev_exit(void);

/* device.c */
struct vfiowc_dev *vfiowc_dev_alloc(struct net_device *ndev);

/* ucontext.c */
int vfiowc_alloc_ucontext(struct ib_ucontext *ibuc, struct ib_udata *udata);
void vfiowc_dealloc_ucontext(struct ib_ucontext *ibuc);
void vfiowc_disassociate_ucontext(struct ib_ucontext *ibuc);
int vfiowc_mmap(struct ib_ucontext *ibuc, struct vm_area_struct *vma);
void vfiowc_mmap_free(struct rdma_user_mmap_entry *entry);
int vfiowc_alloc_pd(struct ib_pd *ibpd, struct ib_udata *udata);
int vfiowc_dealloc_pd(struct ib_pd *ibpd, struct ib_udata *udata);
int vfiowc_ring_create(struct vfiowc_ring *ring, struct ib_ucontext *ibuc,
		       u32 entries, u32 stride, struct vfiowc_ring_info *info);
void vfiowc_ring_destroy(const struct vfiowc_ring *ring);

static inline void *vfiowc_ring_slot(const struct vfiowc_ring *ring, u32 index)
{
	return (u8 *)ring->header + VFIOWC_RING_HEADER_BYTES +
	       (size_t)(index & (ring->entries - 1)) * ring->stride;
}

/* Published, not consumed entries; more than ring->entries: malformed. */
static inline u32 vfiowc_ring_pending(const struct vfiowc_ring *ring)
{
	/* pairs with the provider's release: the slots are filled */
	return smp_load_acquire(&ring->header->producer) - ring->own;
}

/* Give the slot just consumed back to the user. */
static inline void vfiowc_ring_consume(struct vfiowc_ring *ring)
{
	ring->own++;
	/* pairs with the provider's acquire: our loads from the slot are over */
	smp_store_release(&ring->header->consumer, ring->own);
}

/* Distance of two receives. */
static inline u32 vfiowc_recv_stride(u32 max_sge)
{
	return sizeof(struct vfiowc_recv_wqe) +
	       max_sge * sizeof(struct vfiowc_sge);
}

void vfiowc_ring_discard(struct vfiowc_ring *ring);

/* cq.c */
int vfiowc_create_cq(struct ib_cq *ibcq, const struct ib_cq_init_attr *attr,
		     struct uverbs_attr_bundle *attrs);
int vfiowc_destroy_cq(struct ib_cq *ibcq, struct ib_udata *udata);
int vfiowc_req_notify_cq(struct ib_cq *ibcq, enum ib_cq_notify_flags flags);
bool vfiowc_cq_push(struct vfiowc_cq *cq, const struct vfiowc_cqe *cqe,
		    bool solicited);

/* qp.c */
int vfiowc_create_qp(struct ib_qp *ibqp, struct ib_qp_init_attr *init,
		     struct ib_udata *udata);
int vfiowc_query_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		    struct ib_qp_init_attr *init);
int vfiowc_destroy_qp(struct ib_qp *ibqp, struct ib_udata *udata);

/* qp_state.c */
int vfiowc_modify_qp(struct ib_qp *ibqp, struct ib_qp_attr *attr, int mask,
		     struct ib_udata *udata);
void vfiowc_qp_end(struct vfiowc_qp *qp);
bool vfiowc_qp_error(struct vfiowc_qp *qp);
void vfiowc_qp_send_error(struct vfiowc_qp *qp);
void vfiowc_qp_error_event(struct vfiowc_qp *qp, enum ib_event_type type);

/* qp_table.c */
int vfiowc_qp_publish(struct vfiowc_qp *qp);
void vfiowc_qp_withdraw(struct vfiowc_qp *qp);
struct vfiowc_qp *vfiowc_qp_find(u32 qpn);
struct vfiowc_qp *vfiowc_qp_find_peer(struct vfiowc_qp *qp);
void vfiowc_qp_put(struct vfiowc_qp *qp);
void vfiowc_qp_table_exit(void);

/* engine.c */
int vfiowc_sq_ring(struct vfiowc_qp *qp);
int vfiowc_post_send(struct ib_qp *ibqp, const struct ib_send_wr *wr,
		     const struct ib_send_wr **bad_wr);
void vfiowc_qp_work(struct work_struct *work);
void vfiowc_sq_flush(struct vfiowc_qp *qp);

/* doorbell.c */
extern const struct uapi_definition vfiowc_doorbell_defs[];

/* rq.c */
enum vfiowc_rq_peek {
	VFIOWC_RQ_READY,
	VFIOWC_RQ_EMPTY,
	VFIOWC_RQ_BROKEN,
};

enum vfiowc_rq_peek vfiowc_rq_peek(struct vfiowc_qp *qp);
bool vfiowc_rq_complete(struct vfiowc_qp *qp, struct vfiowc_cqe *cqe,
			bool solicited);
void vfiowc_rq_flush(struct vfiowc_qp *qp);
void vfiowc_rq_reset(struct vfiowc_qp *qp);
struct ib_pd *vfiowc_rq_pd(const struct vfiowc_qp *qp);
bool vfiowc_recv_wqe_valid(const struct vfiowc_recv_wqe *wqe, u32 max_sge);

/* srq.c */
int vfiowc_create_srq(struct ib_srq *ibsrq, struct ib_srq_init_attr *init,
		      struct ib_udata *udata);
int vfiowc_modify_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr,
		      enum ib_srq_attr_mask mask, struct ib_udata *udata);
int vfiowc_query_srq(struct ib_srq *ibsrq, struct ib_srq_attr *attr);
int vfiowc_destroy_srq(struct ib_srq *ibsrq, struct ib_udata *udata);
enum vfiowc_rq_peek vfiowc_srq_take(struct vfiowc_srq *srq,
				    struct vfiowc_recv_wqe *wqe);

/* ah.c */
int vfiowc_create_ah(struct ib_ah *ibah, struct rdma_ah_init_attr *init,
		     struct ib_udata *udata);
int vfiowc_query_ah(struct ib_ah *ibah, struct rdma_ah_attr *attr);
int vfiowc_destroy_ah(struct ib_ah *ibah, u32 flags);
bool vfiowc_av_get(struct vfiowc_dev *dev, struct ib_pd *pd, u32 ahn,
		   struct vfiowc_av *av);

/* restrack.c */
int vfiowc_fill_res_cq_entry(struct sk_buff *msg, struct ib_cq *ibcq);
int vfiowc_fill_res_mr_entry(struct sk_buff *msg, struct ib_mr *ibmr);
int vfiowc_fill_res_qp_entry(struct sk_buff *msg, struct ib_qp *ibqp);
int vfiowc_fill_res_srq_entry(struct sk_buff *msg, struct ib_srq *ibsrq);

/* counters.c */
struct rdma_hw_stats *vfiowc_alloc_hw_port_stats(struct ib_device *ibdev,
						 u32 port);
int vfiowc_get_hw_stats(struct ib_device *ibdev, struct rdma_hw_stats *stats,
			u32 port, int index);

/* order.c */
void vfiowc_order_write(const struct vfiowc_span *to,
			const struct vfiowc_span *from, u32 length);

/* copy.c */
void vfiowc_copy(const struct vfiowc_span *to, const struct vfiowc_span *from,
		 u32 length);
u32 vfiowc_io_trim(u64 address, u32 run, u64 left);

/* uverbs.c */
extern const struct uapi_definition vfiowc_uapi_defs[];

#endif /* _VFIOWC_RDMA_H */
