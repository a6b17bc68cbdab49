/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O7: N wrote B, C saw the CQE and rings D. The bell comes by another path than the data: without
 * the loopback READ D may see the bell first. Waiting for the READ's CQE orders the bell; no
 * further fence (the ring's own barrier is deleted here to show that). A load of B by C pushes C's own
 * writes, not N's.
 *
 * @check call x86-64,arm64 "C rings D through NC" | DELETE_local_delivery_read refuted
 * @check call x86-64,arm64 "C rings D through NC" | DELETE_ring_barrier no-op "a store cannot leave before the poll's branch is decided"
 * @check usage x86-64,arm64 "a READ by N, not a load by C" | FORBIDDEN_cpu_read_instead refuted
 * @check mutation x86-64,arm64 "N issues the CQE before the data" | MUTATE_CQE_BEFORE_DATA refuted
 * @check mutation x86-64,arm64 "the loopback READ takes another path" | MUTATE_READ_ON_ANOTHER_PATH refuted
 */
#define LOOPBACK
#define RELAXED_WRITES
#include "machine.pml"

proctype N()
{
#ifdef MUTATE_CQE_BEFORE_DATA
	n_cqe(H_CQE, 1);
#endif
	if
	:: atomic { printf("@N issues #%d=1, strict\n", B_DATA); n_write(B_DATA, 1, STRICT, 0) }
	:: atomic { printf("@N issues #%d=1, relaxed\n", B_DATA); n_write(B_DATA, 1, RELAXED, 0) }
	fi;
#ifndef MUTATE_CQE_BEFORE_DATA
	n_cqe(H_CQE, 1)
#endif
}

proctype C(byte me)
{
	poll_cqe(H_CQE);
#ifdef FORBIDDEN_cpu_read_instead
	vfiowc_deliver();	/* C's path: pushes nothing of N's */
#else
#ifndef DELETE_local_delivery_read
	vfiowc_local_delivery_read(B_DATA);
#endif
#endif
	vfiowc_ring32(B_BELL, 1)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell and uses the data\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run N_loopback(); run N(); run C(0); run D() } }
