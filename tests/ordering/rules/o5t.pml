/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O5t: a peer wrote B, C has seen the receive CQE in H and wants to load from B. The CQE came by
 * another path: a READ through the loopback QP of the same function, its CQE, vfiowc_acquire(), and
 * only then the load. The data may be relaxed: a read passes no posted write.
 *
 * @check call x86-64,arm64 "C loads B through NC" | DELETE_local_delivery_read refuted
 * @check call x86-64,arm64 "C loads B through WC" LOAD_WC | DELETE_local_delivery_read refuted
 * @check call x86-64,arm64 "C loads B through WC" LOAD_WC | DELETE_acquire refuted
 * @check call x86-64 "C loads B through NC" | DELETE_acquire no-op "UC- loads are not speculated and start after older loads"
 * @check call arm64 "C loads B through NC" | DELETE_acquire no-op "Device loads are not speculated: they start after the poll's branch; kept because only a barrier is a promise"
 * @check mutation x86-64,arm64 "N issues the CQE before the data" | MUTATE_CQE_BEFORE_DATA refuted
 * @check mutation x86-64,arm64 "the loopback READ takes another path" | MUTATE_READ_ON_ANOTHER_PATH refuted
 * @check mutation x86-64 "a fence does not stop the speculation of WC loads" LOAD_WC | MUTATE_WC_ANSWERED_EARLY refuted
 */
#define LOOPBACK
#define RELAXED_WRITES
#ifdef LOAD_WC
#define WC_LOADS
#endif
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
#ifndef DELETE_local_delivery_read
	vfiowc_local_delivery_read(B_DATA);
#endif
#ifndef DELETE_acquire
	vfiowc_acquire();
#endif
#ifdef LOAD_WC
	ld_wc(B_DATA);
#else
	ld_nc(B_DATA);
#endif
	use();
	OBSERVED("@C0 uses what it loaded\n");
	assert(loaded[me] == 1)
}

init { atomic { start_machine(); run N_loopback(); run N(); run C(0) } }
