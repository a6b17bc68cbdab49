/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR Linux-OpenIB */
/*
 * The ABI between vfiowc_rdma (software RDMA device) and its rdma-core provider.
 *
 * The device has RDMA_DRIVER_UNKNOWN and is recognised by the ABI version range
 * and node_desc (VFIOWC_NODE_DESC).  All queues are rings in memory shared by
 * mmap; the kernel executes work requests inside the doorbell call of the
 * posting thread.  The kernel trusts nothing in a ring: it copies an index or an
 * entry once and then checks the copy.
 *
 * What the provider does, in short
 * --------------------------------
 * alloc_ucontext   no request, struct vfiowc_alloc_ucontext_resp.
 * create_cq        no request, struct vfiowc_create_cq_resp; mmap(cq).
 * create_qp        no request, struct vfiowc_create_qp_resp; mmap(sq), mmap(rq).
 *		    init_attr.cap comes back with what was really allocated.
 * mmap             mmap(NULL, ring.mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED,
 *		    cmd_fd, ring.mmap_offset); munmap before or after destroy.
 * post_send        fill WQEs, publish the producer, doorbell once per call.
 * post_recv        fill WQEs, publish the producer, then look at ring.flags.
 * poll_cq          no system call; req_notify_cq is the stock command
 *		    (ibv_cmd_req_notify_cq): one event for the next (solicited)
 *		    entry added after the call, so poll once more after arming.
 * create_srq       no request, struct vfiowc_create_srq_resp; mmap(srq).
 * modify_srq       struct vfiowc_modify_srq with IBV_SRQ_MAX_WR; mmap() again.
 * create_ah        no request, struct vfiowc_create_ah_resp.
 * modify_qp        stock command, nothing extra: indices of a ring never move
 *		    backwards, not even on RESET (see below).
 * reg_mr, reg_dmabuf_mr, dereg_mr, alloc_mw, alloc_pd, ...: stock commands, no driver
 *		    data.
 *
 * Ring indices
 * ------------
 * An index is a free-running 32-bit counter; entry i lies in slot
 * i & (entries - 1), and entries is a power of two.
 *	empty: producer == consumer		full: producer - consumer == entries
 * Each index has one writer.  Writers keep a private copy of their own index and
 * never read it back from the ring.
 *
 *	ring	producer written by	consumer written by
 *	SQ	provider		kernel
 *	RQ	provider		kernel
 *	SRQ	provider		kernel
 *	CQ	kernel			provider
 *
 * The producer fills slots, then publishes its index with store-release; the
 * consumer reads it with load-acquire before it reads the slots.  The consumer
 * publishes its index with store-release after its last read of the slot; the
 * producer reads it with load-acquire before it overwrites the slot.  (C11
 * atomics or GCC __atomic builtins on the __u32; never plain accesses.)
 *
 * A producer index more than `entries` ahead is malformed: the doorbell fails
 * with EINVAL, the QP goes to the error state with IBV_EVENT_QP_FATAL.  A CQ that
 * is full when an entry must be added: the entry is lost, IBV_EVENT_CQ_ERR once,
 * and the QP that wanted to complete goes to the error state.
 *
 * A send slot may be overwritten as soon as the kernel has advanced the consumer:
 * inline data and SGE lists are copied.  Verbs, however, counts a request as
 * outstanding until its completion, or a later one of the same queue, was polled;
 * applications rely on ENOMEM from ibv_post_send() to keep their CQ from
 * overflowing.  For that, vfiowc_cqe.wqe_index of a send completion is the SQ index
 * behind its request: with that completion all requests before it are over.
 *
 * A slot of an SRQ may be overwritten as soon as the kernel has advanced the
 * consumer, which it does when a QP takes the receive.  A malformed SRQ producer:
 * IBV_EVENT_SRQ_ERR once, and QPs that need a receive go to the error state.
 *
 * On the transition to RESET the kernel discards what is posted by moving its
 * consumer up to the producer; the provider resets nothing.
 *
 * Doorbell
 * --------
 * ioctl(VFIOWC_IOCTL_DOORBELL) of a doorbell file (enum vfiowc_objects), with the number
 * of a QP of the context that made the file.  It executes what is published in
 * the send queue (and, in the error state, flushes both queues).  Ring it after
 * the producer is published and outside the provider's lock: calls of several
 * threads are serialised by the kernel.  One doorbell for a list of WRs.
 * In SQD nothing is executed; modify_qp to RTS goes on.  In SQE (UC, UD) the send
 * queue is flushed.
 * Returns 0 also when a WR failed (that is said by its completion), EINVAL in
 * the states RESET, INIT, RTR (nothing is consumed; a provider answers
 * ibv_post_send there with EINVAL before it touches the ring) and for a number that is
 * no QP of the context, EIO when the device is gone, EINTR when the caller is killed.
 * A doorbell interrupted by a signal returns 0; a kernel worker carries on.
 *
 * The IB_USER_VERBS_CMD_POST_SEND write command with wr_count = 0, sge_count = 0,
 * wqe_size = sizeof(struct ib_uverbs_send_wr) does the same, at several times the cost.
 *
 * Receives need no system call: a sender that finds no receive retries by the
 * RNR timer (min_rnr_timer of the receiver, rnr_retry of the sender).  Only when
 * the kernel has set VFIOWC_RING_KICK in ring.flags (QP in error: posted receives
 * must be flushed) the provider rings the doorbell after posting:
 *	store-release producer; full barrier (seq_cst fence); load flags; if KICK
 * The kernel sets the flag, executes a full barrier, and reads the producer, so
 * one of the two sees the other.
 */
#ifndef _UAPI_RDMA_VFIOWC_ABI_H
#define _UAPI_RDMA_VFIOWC_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <rdma/ib_user_ioctl_cmds.h>

/* Grows when an older provider could no longer work. */
#define VFIOWC_UVERBS_ABI_VERSION	1

/* ib_device.node_desc begins with this; sysfs infiniband/NAME/node_desc. */
#define VFIOWC_NODE_DESC		"vfiowc software RDMA device"

/* Entries lie this many bytes behind the start of a mapped ring. */
#define VFIOWC_RING_HEADER_BYTES	128

/**
 * enum vfiowc_ring_flags - written by the kernel, read by the provider
 * @VFIOWC_RING_KICK: RQ only: ring the doorbell after posting
 */
enum vfiowc_ring_flags {
	VFIOWC_RING_KICK	= 1 << 0,
};

/**
 * struct vfiowc_ring_header - at offset 0 of every mapped ring
 * @producer: index behind the last published entry
 * @consumer: index of the oldest entry still in use
 * @flags: enum vfiowc_ring_flags; shares the line of @consumer, which the kernel
 *	writes too where flags are used
 *
 * The two indices lie on cache lines of their own: each has another writer.
 */
struct vfiowc_ring_header {
	__u32 producer;
	__u32 reserved_04[15];
	__u32 consumer;
	__u32 flags;
	__u32 reserved_48[14];
};

/**
 * struct vfiowc_ring_info - where a ring is and how it is laid out
 * @mmap_offset: offset for mmap() of the command fd
 * @mmap_size: length for mmap(), in bytes; 0: there is no such ring
 * @entries: number of slots, a power of two
 * @stride: distance of two slots, in bytes
 */
struct vfiowc_ring_info {
	__aligned_u64 mmap_offset;
	__aligned_u64 mmap_size;
	__u32 entries;
	__u32 stride;
};

/**
 * struct vfiowc_alloc_ucontext_resp - response of alloc_ucontext
 * @comp_mask: 0; later: which members behind the first version are valid
 * @max_inline: largest inline data of a QP, in bytes
 */
struct vfiowc_alloc_ucontext_resp {
	__u32 comp_mask;
	__u32 max_inline;
};

/**
 * struct vfiowc_create_cq_resp - response of create_cq
 * @comp_mask: 0
 * @cqn: number of the CQ
 * @cq: ring of struct vfiowc_cqe
 */
struct vfiowc_create_cq_resp {
	__u32 comp_mask;
	__u32 cqn;
	struct vfiowc_ring_info cq;
};

/**
 * struct vfiowc_create_qp_resp - response of create_qp
 * @comp_mask: 0
 * @max_inline: bytes of inline data that fit a slot of this QP
 * @sq: ring of struct vfiowc_send_wqe, each followed by SGEs or inline data
 * @rq: ring of struct vfiowc_recv_wqe, each followed by SGEs; mmap_size 0 when
 *	the QP has no receive queue of its own (max_recv_wr 0, or an SRQ)
 */
struct vfiowc_create_qp_resp {
	__u32 comp_mask;
	__u32 max_inline;
	struct vfiowc_ring_info sq;
	struct vfiowc_ring_info rq;
};

/**
 * struct vfiowc_create_srq_resp - response of create_srq
 * @comp_mask: 0
 * @reserved: 0
 * @srq: ring of struct vfiowc_recv_wqe, each followed by SGEs
 */
struct vfiowc_create_srq_resp {
	__u32 comp_mask;
	__u32 reserved;
	struct vfiowc_ring_info srq;
};

/**
 * struct vfiowc_modify_srq - request of modify_srq with IBV_SRQ_MAX_WR
 * @ring_info_addr: address of a struct vfiowc_ring_info, which the kernel fills in:
 *	the ring that takes the place of the old one, with what is posted and
 *	the same indices; the provider posts nothing during the command
 */
struct vfiowc_modify_srq {
	__aligned_u64 ring_info_addr;
};

/**
 * struct vfiowc_create_ah_resp - response of create_ah
 * @comp_mask: 0
 * @ahn: number of the address handle, for vfiowc_send_wqe.ud
 */
struct vfiowc_create_ah_resp {
	__u32 comp_mask;
	__u32 ahn;
};

/**
 * struct vfiowc_sge - one scatter/gather element; laid out as struct ibv_sge
 * @addr: iova of the first byte
 * @length: bytes, may be 0
 * @lkey: key of the MR
 */
struct vfiowc_sge {
	__aligned_u64 addr;
	__u32 length;
	__u32 lkey;
};

/* Equal to enum ibv_send_flags: pass ibv_send_wr.send_flags through. */
enum vfiowc_send_flags {
	VFIOWC_SEND_FENCE	= 1 << 0,
	VFIOWC_SEND_SIGNALED	= 1 << 1,
	VFIOWC_SEND_SOLICITED	= 1 << 2,
	VFIOWC_SEND_INLINE	= 1 << 3,
};

/**
 * struct vfiowc_send_wqe - one send work request, head of an SQ slot
 * @wr_id: returned in the completion
 * @opcode: enum ib_uverbs_wr_opcode (equal to enum ibv_wr_opcode)
 * @flags: enum vfiowc_send_flags; an unknown bit is an error (LOC_QP_OP_ERR)
 * @num_sge: elements of struct vfiowc_sge behind this header; 0 when inline, 0
 *	for FLUSH, LOCAL_INV and BIND_MW; 8 bytes in all for atomics, which
 *	receive the old value there, and for ATOMIC_WRITE
 * @inline_length: bytes of data behind this header when
 *	VFIOWC_SEND_INLINE is set, else 0
 * @imm_data: immediate data (__be32, as in ibv_send_wr)
 * @invalidate_rkey: of SEND_WITH_INV: key of a window that is bound to the receiver's QP;
 *	of LOCAL_INV: of one that is bound to this QP
 * @rkey: key of the remote MR or window of WRITE, READ, atomics; of BIND_MW: any key
 *	that the window has had
 * @remote_addr: iova in the remote MR
 * @atomic: operands of CMP_AND_SWP (compare, swap) and FETCH_AND_ADD (add)
 * @ud: destination of UD; @ud.ahn is the number of the address handle, a
 *	@ud.remote_qkey with its highest bit set means that of the QP
 * @flush: operands of FLUSH: bytes from @remote_addr on, enum ib_placement_type,
 *	enum ib_selectivity_level
 * @bind: operands of BIND_MW: @bind.new_rkey is @rkey with the lowest byte that the user
 *	chose; @bind.access any of IB_UVERBS_ACCESS_REMOTE_{READ,WRITE,ATOMIC},
 *	and LOCAL_WRITE, which says nothing there
 * @reserved: fills the header to 64 bytes; what an opcode does not use is 0
 */
struct vfiowc_send_wqe {
	__aligned_u64 wr_id;
	__u8 opcode;
	__u8 flags;
	__u16 num_sge;
	__u32 inline_length;
	union {
		__be32 imm_data;
		__u32 invalidate_rkey;
	};
	__u32 rkey;
	__aligned_u64 remote_addr;
	union {
		struct {
			__aligned_u64 compare_add;
			__aligned_u64 swap;
		} atomic;
		struct {
			__u32 ahn;
			__u32 remote_qpn;
			__u32 remote_qkey;
		} ud;
		struct {
			__u32 length;
			__u8 type;
			__u8 level;
		} flush;
		struct {
			__aligned_u64 addr;
			__aligned_u64 length;
			__u32 mr_lkey;
			__u32 new_rkey;
			__u32 access;
		} bind;
		__u32 reserved[8];
	};
};

/**
 * struct vfiowc_recv_wqe - one receive work request, head of an RQ slot
 * @wr_id: returned in the completion
 * @num_sge: elements of struct vfiowc_sge behind this header
 * @reserved: 0
 */
struct vfiowc_recv_wqe {
	__aligned_u64 wr_id;
	__u32 num_sge;
	__u32 reserved;
};

/**
 * enum vfiowc_vendor_err - why, behind the status of a completion
 * @VFIOWC_VENDOR_NONE: nothing to add
 * @VFIOWC_VENDOR_BAD_WQE: reserved bits, opcode, num_sge or lengths
 * @VFIOWC_VENDOR_NO_MR: no MR, and no bound window that may be named here, has this key
 * @VFIOWC_VENDOR_WRONG_PD: the MR belongs to another PD than the QP
 * @VFIOWC_VENDOR_ACCESS: the MR (or the peer QP) does not allow this access
 * @VFIOWC_VENDOR_BOUNDS: outside the MR
 * @VFIOWC_VENDOR_INVALIDATED: the MR's dma-buf was invalidated or revoked
 *	(reset, decode off, REVOKE, close): register it again
 * @VFIOWC_VENDOR_NO_PEER: no connected QP answers at the destination
 * @VFIOWC_VENDOR_CQ_FULL: a completion found its CQ full
 * @VFIOWC_VENDOR_ALIGNMENT: the remote address of an atomic is not 8-byte aligned
 * @VFIOWC_VENDOR_NO_AH: no address handle of the QP's PD has this number
 * @VFIOWC_VENDOR_WRONG_QP: the window is bound to another QP
 * @VFIOWC_VENDOR_BOUND: the window is bound already: invalidate it first
 */
enum vfiowc_vendor_err {
	VFIOWC_VENDOR_NONE		= 0,
	VFIOWC_VENDOR_BAD_WQE		= 1,
	VFIOWC_VENDOR_NO_MR		= 2,
	VFIOWC_VENDOR_WRONG_PD		= 3,
	VFIOWC_VENDOR_ACCESS		= 4,
	VFIOWC_VENDOR_BOUNDS		= 5,
	VFIOWC_VENDOR_INVALIDATED	= 6,
	VFIOWC_VENDOR_NO_PEER		= 7,
	VFIOWC_VENDOR_CQ_FULL		= 8,
	VFIOWC_VENDOR_ALIGNMENT		= 9,
	VFIOWC_VENDOR_NO_AH		= 10,
	VFIOWC_VENDOR_WRONG_QP		= 11,
	VFIOWC_VENDOR_BOUND		= 12,
};

/* Of enum ibv_wc_flags, where it differs from the kernel's enum ib_wc_flags. */
#define VFIOWC_WC_WITH_INV		(1U << 3)

/**
 * struct vfiowc_cqe - one completion; maps one to one to struct ibv_wc
 * @wr_id: of the work request
 * @status: enum ibv_wc_status
 * @opcode: enum ibv_wc_opcode; valid like @byte_len and below only on success
 *	(on errors only @wr_id, @status, @vendor_err, @qp_num, @wqe_index and the bit
 *	IBV_WC_RECV of @opcode are)
 * @vendor_err: enum vfiowc_vendor_err
 * @byte_len: bytes received, or read
 * @imm_data: immediate data (__be32) if @wc_flags says so
 * @invalidated_rkey: of the window that SEND_WITH_INV invalidated, if @wc_flags says so
 * @qp_num: QP this completion belongs to
 * @src_qp: QP that sent (receive completions)
 * @wc_flags: enum ibv_wc_flags
 * @timestamp: reserved for completion timestamps, 0
 * @wqe_index: send completions: SQ index behind the request, valid on errors too;
 *	receive completions: the same of the RQ; 0 if the receive came from an SRQ
 * @sl: service level (UD)
 * @reserved: 0
 */
struct vfiowc_cqe {
	__aligned_u64 wr_id;
	__u32 status;
	__u32 opcode;
	__u32 vendor_err;
	__u32 byte_len;
	union {
		__be32 imm_data;
		__u32 invalidated_rkey;
	};
	__u32 qp_num;
	__u32 src_qp;
	__u32 wc_flags;
	__aligned_u64 timestamp;
	__u32 wqe_index;
	__u8 sl;
	__u8 reserved[11];
};

/**
 * enum vfiowc_objects - the device's own objects
 * @VFIOWC_IB_OBJECT_DOORBELL: a file that rings the doorbells of a context's QPs; while
 *	it is open the kernel module cannot be unloaded
 */
enum vfiowc_objects {
	VFIOWC_IB_OBJECT_DOORBELL = (1U << UVERBS_ID_NS_SHIFT),
};

/* Methods of VFIOWC_IB_OBJECT_DOORBELL; closing the file is its end. */
enum vfiowc_doorbell_methods {
	VFIOWC_IB_METHOD_DOORBELL_ALLOC = (1U << UVERBS_ID_NS_SHIFT),
};

/**
 * enum vfiowc_doorbell_alloc_attrs - attributes of VFIOWC_IB_METHOD_DOORBELL_ALLOC
 * @VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE: out, the file, close-on-exec; mandatory
 */
enum vfiowc_doorbell_alloc_attrs {
	VFIOWC_IB_ATTR_DOORBELL_ALLOC_HANDLE = (1U << UVERBS_ID_NS_SHIFT),
};

/* Of a doorbell file; the argument is a QP number.  A letter that uverbs uses, too. */
#define VFIOWC_IOCTL_DOORBELL	_IO(0x1b, 0xd0)

/* Driver methods of UVERBS_OBJECT_MR. */
enum vfiowc_mr_methods {
	VFIOWC_IB_METHOD_MR_QUERY = (1U << UVERBS_ID_NS_SHIFT),
};

/**
 * enum vfiowc_mr_query_attrs - attributes of VFIOWC_IB_METHOD_MR_QUERY
 * @VFIOWC_IB_ATTR_MR_QUERY_HANDLE: in, IDR of the MR, mandatory
 * @VFIOWC_IB_ATTR_MR_QUERY_RESP: out, struct vfiowc_mr_query, mandatory; a longer
 *	buffer is zero-filled, a shorter one than the first version is EINVAL
 */
enum vfiowc_mr_query_attrs {
	VFIOWC_IB_ATTR_MR_QUERY_HANDLE = (1U << UVERBS_ID_NS_SHIFT),
	VFIOWC_IB_ATTR_MR_QUERY_RESP,
};

/**
 * enum vfiowc_tph_ns - namespace of a steering tag
 * @VFIOWC_TPH_NS_NONE: no tag
 * @VFIOWC_TPH_NS_ST: 8-bit ST
 * @VFIOWC_TPH_NS_ST_EXT: 16-bit extended ST
 */
enum vfiowc_tph_ns {
	VFIOWC_TPH_NS_NONE	= 0,
	VFIOWC_TPH_NS_ST	= 1,
	VFIOWC_TPH_NS_ST_EXT	= 2,
};

/**
 * enum vfiowc_mr_state - whether an MR can be used
 * @VFIOWC_MR_LIVE: yes
 * @VFIOWC_MR_INVALIDATED: its dma-buf was invalidated after registration; every
 *	use ends in an error completion until it is registered again
 */
enum vfiowc_mr_state {
	VFIOWC_MR_LIVE		= 0,
	VFIOWC_MR_INVALIDATED	= 1,
};

/**
 * struct vfiowc_mr_query - what the device knows of an MR, live
 * @valid: 1 if requests to this MR carry a steering tag; then @ns, @st, @ph hold
 * @ns: enum vfiowc_tph_ns the tag was read in, at registration
 * @st: the tag
 * @ph: processing hint, 0..3
 * @state: enum vfiowc_mr_state
 * @reserved: 0
 */
struct vfiowc_mr_query {
	__u32 valid;
	__u32 ns;
	__u32 st;
	__u32 ph;
	__u32 state;
	__u32 reserved;
};

#ifdef __KERNEL__
#include <linux/build_bug.h>
#define VFIOWC_ABI_ASSERT(expr)	static_assert(expr)
#elif defined(__cplusplus)
#define VFIOWC_ABI_ASSERT(expr)	static_assert(expr, #expr)
#else
#define VFIOWC_ABI_ASSERT(expr)	_Static_assert(expr, #expr)
#endif

VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_ring_header) == VFIOWC_RING_HEADER_BYTES);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_ring_header, consumer) == 64);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_ring_header, flags) == 68);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_ring_info) == 24);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_alloc_ucontext_resp) == 8);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_create_cq_resp) == 32);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_create_qp_resp) == 56);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_create_srq_resp) == 32);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_modify_srq) == 8);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_create_ah_resp) == 8);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_sge) == 16);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_send_wqe) == 64);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, inline_length) == 12);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, rkey) == 20);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, remote_addr) == 24);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, atomic) == 32);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, flush.type) == 36);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_send_wqe, bind.access) == 56);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_recv_wqe) == 16);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_cqe) == 64);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_cqe, imm_data) == 24);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_cqe, timestamp) == 40);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_cqe, wqe_index) == 48);
VFIOWC_ABI_ASSERT(__builtin_offsetof(struct vfiowc_cqe, sl) == 52);
VFIOWC_ABI_ASSERT(sizeof(struct vfiowc_mr_query) == 24);

#endif /* _UAPI_RDMA_VFIOWC_ABI_H */
