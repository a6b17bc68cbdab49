/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The ordering calls on arm64: exactly the instructions of <infiniband/vfiowc_order.h>. `run`
 * disassembles the header's functions and compares them with these bodies.
 */

inline vfiowc_wc_flush()
{
	dsb_st()
}

/* NC doorbell. */
inline vfiowc_ring32(place, value)
{
#ifndef DELETE_ring_barrier
	dmb_oshst();
#endif
	st_nc(place, value)
}

/* WC doorbell. */
inline vfiowc_ring32_wc(place, value)
{
#ifndef DELETE_ring_wc_fence_before
	dmb_oshst();
#endif
	st_wc(place, value);
#ifndef DELETE_ring_wc_fence_after
	dsb_st();
#endif
}

inline vfiowc_deliver()
{
#ifndef DELETE_deliver_fence
	dsb_st();
#endif
#ifndef DELETE_deliver_load
	ld_nc(B_WORD);
#endif
#ifndef DELETE_deliver_load_barrier
	dmb_ld();
#endif
}

#ifdef WC_LOADS
/* Not a call: what O4 forbids, the read-back through WC. */
inline vfiowc_deliver_through_wc()
{
	dsb_st();
	ld_wc(B_WORD);
	dmb_ld()
}
#endif

inline vfiowc_acquire()
{
	dmb_ld()
}

inline vfiowc_done_reading()
{
	dmb_ld()
}
