/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The ordering calls on x86-64: exactly the instructions of <infiniband/vfiowc_order.h>. `run`
 * disassembles the header's functions and compares them with these bodies.
 */

inline vfiowc_wc_flush()
{
	sfence()
}

/* NC doorbell. */
inline vfiowc_ring32(place, value)
{
#ifndef DELETE_ring_barrier
	compiler_barrier();
#endif
	st_nc(place, value)
}

/* WC doorbell. */
inline vfiowc_ring32_wc(place, value)
{
#ifndef DELETE_ring_wc_fence_before
	sfence();
#endif
	st_wc(place, value);
#ifndef DELETE_ring_wc_fence_after
	sfence();
#endif
}

inline vfiowc_deliver()
{
#ifndef DELETE_deliver_fence
#ifdef MUTATE_deliver_sfence
	sfence();
#else
	mfence();
#endif
#endif
#ifndef DELETE_deliver_load
	ld_nc(B_WORD);
#endif
}

#ifdef WC_LOADS
/* Not a call: what O4 forbids, the read-back through WC. */
inline vfiowc_deliver_through_wc()
{
	mfence();
	ld_wc(B_WORD)
}
#endif

inline vfiowc_acquire()
{
	lfence()
}

inline vfiowc_done_reading()
{
	compiler_barrier()
}
