/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vfiowc:dma - what a NIC would put on the wire: one event for the target side of
 * each work request, and one for each local SGE in a dma-buf, emitted after the
 * bytes were copied and from the values used there.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vfiowc

#if !defined(_VFIOWC_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _VFIOWC_TRACE_H

#include <linux/tracepoint.h>

#ifndef VFIOWC_TRACE_OPS
#define VFIOWC_TRACE_OPS
enum vfiowc_trace_op {
	VFIOWC_TRACE_WRITE	= 0,
	VFIOWC_TRACE_WRITE_IMM	= 1,
	VFIOWC_TRACE_READ	= 2,
	VFIOWC_TRACE_SEND	= 3,
	VFIOWC_TRACE_SEND_IMM	= 4,
	VFIOWC_TRACE_CMP_SWP	= 5,
	VFIOWC_TRACE_FETCH_ADD	= 6,
	VFIOWC_TRACE_FLUSH	= 7,
	VFIOWC_TRACE_ATOMIC_WRITE = 8,
	VFIOWC_TRACE_SEND_INV	= 9,
};
#endif

struct vfiowc_tag;

TRACE_EVENT(dma,
	    TP_PROTO(const struct ib_device *ibdev, u32 qpn, u64 wr_id, u8 op,
		     u8 remote, const struct vfiowc_sge *sge, u32 length,
		     const struct vfiowc_tag *tag),

	    TP_ARGS(ibdev, qpn, wr_id, op, remote, sge, length, tag),

	    TP_STRUCT__entry(__string(dev, dev_name(&ibdev->dev))
			     __field(u32, qpn)
			     __field(u64, wr_id)
			     __field(u8, op)
			     __field(u8, remote)
			     __field(u8, target)
			     __field(u32, key)
			     __field(u64, address)
			     __field(u32, length)
			     __field(u8, ro)
			     __field(u8, ns)
			     __field(u16, st)
			     __field(u8, ph)
	    ),

	    TP_fast_assign(__assign_str(dev);
			   __entry->qpn = qpn;
			   __entry->wr_id = wr_id;
			   __entry->op = op;
			   __entry->remote = remote;
			   __entry->target = tag->target;
			   __entry->key = sge->lkey;
			   __entry->address = sge->addr;
			   __entry->length = length;
			   __entry->ro = tag->ro;
			   __entry->ns = tag->ns;
			   __entry->st = tag->st;
			   __entry->ph = tag->ph;
	    ),

	    TP_printk("dev=%s qpn=%u wr_id=%llu op=%s remote=%u target=%u key=0x%x address=0x%llx length=%u ro=%u ns=%s st=%u ph=%u",
		      __get_str(dev), __entry->qpn, __entry->wr_id,
		      __print_symbolic(__entry->op,
				       { VFIOWC_TRACE_WRITE, "write" },
				       { VFIOWC_TRACE_WRITE_IMM, "write_imm" },
				       { VFIOWC_TRACE_READ, "read" },
				       { VFIOWC_TRACE_SEND, "send" },
				       { VFIOWC_TRACE_SEND_IMM, "send_imm" },
				       { VFIOWC_TRACE_CMP_SWP, "cmp_swp" },
				       { VFIOWC_TRACE_FETCH_ADD, "fetch_add" },
				       { VFIOWC_TRACE_FLUSH, "flush" },
				       { VFIOWC_TRACE_ATOMIC_WRITE,
					 "atomic_write" },
				       { VFIOWC_TRACE_SEND_INV, "send_inv" }),
		      __entry->remote, __entry->target, __entry->key,
		      __entry->address, __entry->length, __entry->ro,
		      __print_symbolic(__entry->ns,
				       { VFIOWC_TPH_NS_NONE, "none" },
				       { VFIOWC_TPH_NS_ST, "st" },
				       { VFIOWC_TPH_NS_ST_EXT, "st_ext" }),
		      __entry->st, __entry->ph)
);

#endif /* _VFIOWC_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
