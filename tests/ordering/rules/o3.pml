/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O3: C stores to H, then rings N (or D: BELL_OF_D), which reads H because of it. The ring contains what orders them;
 * its parts are deleted one by one. After a WC bell, the bell itself is posted before any later
 * store. On x86-64 the NC ring holds a compiler barrier only: no instruction to delete, and what
 * it holds back is the compiler (COMPILER_REORDERS).
 *
 * @check call x86-64 "WB data, NC bell" | DELETE_ring_barrier no-op "x86-64 posts UC- stores after older WB stores; no instruction is needed"
 * @check call x86-64 "WB data, NC bell, as compiled" COMPILER_REORDERS | DELETE_ring_barrier refuted
 * @check call arm64 "WB data, NC bell" | DELETE_ring_barrier refuted
 * @check call x86-64 "WB data, NC bell of D" BELL_OF_D | DELETE_ring_barrier no-op "x86-64 posts UC- stores after older WB stores; no instruction is needed"
 * @check call arm64 "WB data, NC bell of D" BELL_OF_D | DELETE_ring_barrier refuted
 * @check call x86-64,arm64 "WB data, WC bell of D" BELL_OF_D,BELL_WC variants | DELETE_ring_wc_fence_before refuted
 * @check call x86-64 "non-temporal data, NC bell" NON_TEMPORAL variants | DELETE_wc_flush refuted
 * @check call arm64 "non-temporal data, NC bell" NON_TEMPORAL | DELETE_wc_flush no-op "the ring's dmb oshst orders them"
 * @check call x86-64,arm64 "WB data, WC bell" BELL_WC variants | DELETE_ring_wc_fence_before refuted
 * @check call x86-64,arm64 "WB data, WC bell, then a later store" BELL_WC variants | DELETE_ring_wc_fence_after refuted
 */
#include "machine.pml"

#ifdef BELL_OF_D
#define BELL	B_BELL
#else
#define BELL	N_BELL
#endif

proctype C(byte me)
{
#ifdef NON_TEMPORAL
	st_nt(H_DATA, 1);
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
#else
	st_wb(H_DATA, 1);
#endif
#ifdef BELL_WC
	vfiowc_ring32_wc(BELL, 1);
#else
	vfiowc_ring32(BELL, 1);
#endif
	st_wb(H_FLAG, 1)
}

#ifdef BELL_OF_D
/* D reads H by a path on which nothing of its own is under way. */
proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D uses what it reads from H\n");
	assert(mem[H_DATA] == 1)
}
#else
proctype N()
{
	byte value;

	mem[N_BELL] == 1;
	n_read(H_DATA, 0, value);
	OBSERVED("@N uses what it read from H\n");
	assert(value == 1)
}
#endif

#ifdef BELL_WC
/* Whoever sees the later store may rely on the bell being on its way. */
proctype Other()
{
	mem[H_FLAG] == 1;
	OBSERVED("@H the later store is visible\n");
	assert(was_posted[BELL])
}
#endif

init {
	atomic {
		start_machine();
		run C(0);
#ifdef BELL_WC
		run Other();
#endif
#ifdef BELL_OF_D
		run D()
#else
		run N()
#endif
	}
}
