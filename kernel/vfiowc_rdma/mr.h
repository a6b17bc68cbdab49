/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory regions and windows: what they are made of, and what mr.c, mw.c, mr_host.c, mr_dmabuf.c,
 * mr_ranges.c and mr_sgt.c offer.  Locks and limits are in vfiowc_rdma.h, which includes this.
 */
#ifndef _VFIOWC_MR_H
#define _VFIOWC_MR_H

#include <linux/cache.h>
#include <linux/completion.h>
#include <linux/iosys-map.h>
#include <linux/refcount.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <rdma/ib_verbs.h>
#include <rdma/vfiowc-abi.h>

struct dma_buf;
struct dma_buf_attachment;
struct ib_umem;
struct page;
struct sg_table;
struct vfiowc_cpu_range;
struct vfiowc_dev;
struct vfiowc_qp;

/* Where a transfer's bytes lie; the values of the tracepoint's field "target". */
enum vfiowc_mem_kind {
	VFIOWC_MEM_HOST		= 0,
	VFIOWC_MEM_BUF_IO	= 1,	/* dma-buf, I/O memory: I/O accessors only */
	VFIOWC_MEM_BUF_RAM	= 2,	/* dma-buf, system memory */
};

/**
 * struct vfiowc_range - a piece of a dma-buf mapped for CPU access
 * @start: its offset in the MR
 * @len: bytes
 * @io: mapped address
 */
struct vfiowc_range {
	u64 start;
	u64 len;
	void __iomem *io;
};

/**
 * struct vfiowc_mr - memory region, or what a memory window is bound to
 * @pd: of registration (ibmr.pd is set by the core only after publication)
 * @key: lkey and rkey: index << 8 | a byte (vfiowc_key_alloc())
 * @iova: address of the first byte
 * @length: bytes
 * @access: IB_ACCESS_*
 * @kind: selects which of the following members are used
 * @users: engines inside, plus one while the MR is usable
 * @drained: completed when @users reached zero
 * @revoked: no new users
 * @nr_windows: windows bound to it; -1: being deregistered; under dev->mw_lock
 * @parent: NULL: an MR.  Else a bound window: only @pd, @key, @iova, @length, @access and
 *	@window_qp are used, none of which changes; users hold @parent
 * @window_qp: the QP the window is bound to
 * @vaddr: HOST and BUF_RAM: kernel address of the first byte
 * @umem: HOST: pinned pages
 * @dmabuf: BUF_*: own reference
 * @attach: BUF_*: revocable attachment
 * @cpu_unmap: our exporter's function (a symbol_get() reference), else NULL
 * @dma_dev: BUF_IO of an exporter that has a scatter list only: the PCI function that
 *	is attached, own reference; else NULL
 * @sgt: the scatter list, while it is mapped; protected by dmabuf->resv
 * @mapped: BUF_*: exporter mapping held; protected by dmabuf->resv
 * @ranges: BUF_IO
 * @nr_ranges: BUF_IO
 * @vmap: BUF_RAM (of the whole dma-buf), and BUF_IO of exporters whose vmap is I/O memory
 * @buf_offset: BUF_*: offset of the MR in the dma-buf
 * @tag: tag read at registration and what else a transfer shows on the wire
 */
struct vfiowc_mr {
	struct ib_mr ibmr;

	/* from here to @revoked: what each request looks at, in one cache line */
	struct ib_pd *pd ____cacheline_aligned;
	u64 iova;
	u64 length;
	void *vaddr;
	struct vfiowc_mr *parent;
	u32 key;
	int access;
	enum vfiowc_mem_kind kind;
	refcount_t users;
	struct vfiowc_tag {
		u8 target;	/* enum vfiowc_mem_kind */
		u8 ro;
		u8 ns;		/* enum vfiowc_tph_ns */
		u8 ph;
		u16 st;
	} tag;
	bool revoked;

	struct vfiowc_dev *dev;
	struct completion drained;
	int nr_windows;
	const struct vfiowc_qp *window_qp;
	struct rcu_head rcu;

	struct ib_umem *umem;

	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	void (*cpu_unmap)(struct dma_buf_attachment *attach);
	struct device *dma_dev;
	struct sg_table *sgt;
	bool mapped;
	struct vfiowc_range *ranges;
	u32 nr_ranges;
	struct iosys_map vmap;
	u64 buf_offset;
};

static_assert(offsetofend(struct vfiowc_mr, revoked) -
	      offsetof(struct vfiowc_mr, pd) <= L1_CACHE_BYTES);

/**
 * struct vfiowc_mw - memory window of type 2B
 * @index: of its keys
 * @bound: in dev->mrs; NULL: the window is free; under dev->mw_lock
 */
struct vfiowc_mw {
	struct ib_mw ibmw;
	u32 index;
	struct vfiowc_mr *bound;
};

/**
 * struct vfiowc_span - consecutive bytes in an MR or in a kernel buffer
 * @mr: held with vfiowc_mr_get(); NULL for a kernel buffer
 * @off: offset in @mr
 * @buf: the kernel buffer
 */
struct vfiowc_span {
	struct vfiowc_mr *mr;
	u64 off;
	void *buf;
};

static inline struct vfiowc_mw *to_vmw(struct ib_mw *ibmw)
{
	return container_of(ibmw, struct vfiowc_mw, ibmw);
}

static inline struct vfiowc_mr *to_vmr(struct ib_mr *ibmr)
{
	return container_of(ibmr, struct vfiowc_mr, ibmr);
}

/**
 * vfiowc_mr_put - let go of an MR
 * @mr: from vfiowc_mr_get()
 */
static inline void vfiowc_mr_put(struct vfiowc_mr *mr)
{
	if (refcount_dec_and_test(&mr->users))
		complete(&mr->drained);
}

/* mr.c */
int vfiowc_dereg_mr(struct ib_mr *ibmr, struct ib_udata *udata);
struct vfiowc_mr *vfiowc_mr_alloc(struct ib_pd *pd, u64 length, u64 iova,
				  int access);
int vfiowc_key_alloc(struct vfiowc_dev *dev, u32 *key);
int vfiowc_mr_publish(struct vfiowc_mr *mr);
void vfiowc_mr_withdraw(struct vfiowc_mr *mr);
void vfiowc_mr_drain(struct vfiowc_mr *mr);
enum vfiowc_vendor_err vfiowc_mr_get(struct vfiowc_dev *dev, struct ib_pd *pd,
				     const struct vfiowc_qp *qp,
				     const struct vfiowc_sge *sge, u32 offset,
				     u32 length, int access,
				     struct vfiowc_mr **mrp);
enum vfiowc_vendor_err vfiowc_mr_get_all(struct vfiowc_dev *dev,
					 struct ib_pd *pd,
					 const struct vfiowc_qp *qp,
					 struct vfiowc_sge *sge, int access,
					 struct vfiowc_mr **mrp);
void vfiowc_mr_query(struct vfiowc_mr *mr, struct vfiowc_mr_query *query);
enum vfiowc_vendor_err vfiowc_mr_add_window(struct vfiowc_dev *dev,
					    struct vfiowc_mr *window,
					    u32 parent_key);

/* mw.c */
int vfiowc_alloc_mw(struct ib_mw *ibmw, struct ib_udata *udata);
int vfiowc_dealloc_mw(struct ib_mw *ibmw);
enum vfiowc_vendor_err vfiowc_mw_find(struct vfiowc_qp *qp, u32 rkey,
				      bool invalidate);
void vfiowc_mw_qp_ends(struct vfiowc_qp *qp);

/* mr_host.c */
struct ib_mr *vfiowc_reg_user_mr(struct ib_pd *pd, u64 start, u64 length,
				 u64 iova, int access, struct ib_dmah *dmah,
				 struct ib_udata *udata);
void vfiowc_mr_host_release(struct vfiowc_mr *mr);

/* mr_dmabuf.c */
struct ib_mr *vfiowc_reg_user_mr_dmabuf(struct ib_pd *pd, u64 offset,
					u64 length, u64 iova, int fd, int access,
					struct ib_dmah *dmah,
					struct uverbs_attr_bundle *attrs);
void vfiowc_mr_dmabuf_release(struct vfiowc_mr *mr);

/* mr_ranges.c */
int vfiowc_mr_ranges_set(struct vfiowc_mr *mr,
			 const struct vfiowc_cpu_range *given, u32 nr);
void vfiowc_mr_ranges_unmap(struct vfiowc_mr *mr);

/* mr_sgt.c */
struct device *vfiowc_dma_identity(struct vfiowc_dev *dev);
int vfiowc_mr_sgt_map(struct vfiowc_mr *mr, struct vfiowc_cpu_range **ranges,
		      u32 *nr);
void vfiowc_mr_sgt_unmap(struct vfiowc_mr *mr);

#endif /* _VFIOWC_MR_H */
