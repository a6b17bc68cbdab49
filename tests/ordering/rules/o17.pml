/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O17: C loads from B or H, then posts, so that N may overwrite what was loaded. The load must be
 * over first: vfiowc_done_reading(). Nothing to do on x86-64, where a load has its value before a
 * later store leaves.
 *
 * @check call arm64 "C loads from H" | DELETE_done_reading refuted
 * @check call arm64 "C loads from B through NC" FROM_NC | DELETE_done_reading refuted
 * @check call arm64 "C loads from B through WC" FROM_WC | DELETE_done_reading refuted
 * @check call x86-64 "C loads from H" | DELETE_done_reading no-op "a load is over before a later store leaves; a compiler barrier"
 * @check call x86-64 "C loads from B through NC" FROM_NC | DELETE_done_reading no-op "a load is over before a later store leaves; a compiler barrier"
 * @check call x86-64 "C loads from B through WC" FROM_WC | DELETE_done_reading no-op "a load is over before a later store leaves; a compiler barrier"
 */
#ifdef FROM_WC
#define WC_LOADS
#endif
#include "machine.pml"

#if defined(FROM_NC) || defined(FROM_WC)
#define SOURCE	B_DATA
#else
#define SOURCE	H_DATA
#endif

proctype C(byte me)
{
#if defined(FROM_WC)
	ld_wc(SOURCE);
#elif defined(FROM_NC)
	ld_nc(SOURCE);
#else
	ld_wb(SOURCE);
#endif
#ifndef DELETE_done_reading
	vfiowc_done_reading();
#endif
	vfiowc_ring32(N_BELL, 1);
	use();
	OBSERVED("@C0 uses what it loaded\n");
	assert(loaded[me] == 0)
}

proctype N()
{
	mem[N_BELL] == 1;
	atomic { printf("@N overwrites #%d=1\n", SOURCE); n_write(SOURCE, 1, STRICT, 0) }
	mem[SOURCE] == 1;
	OBSERVED("@N has overwritten it\n")
}

init { atomic { start_machine(); run C(0); run N() } }
