/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O5t: a peer wrote B, C has seen the receive CQE in H and wants to load from B. The CQE came by
 * another path: a READ through the loopback QP of the same function, its CQE, vfiowc_acquire(), and
 * only then the load. The data may be relaxed: a read passes no posted write. Where the data lies in
 * H (DATA_IN_H), its path is the CQE's, and the CQE alone is a signal.
 *
 * @check call x86-64,arm64 "C loads B through NC" | DELETE_local_delivery_read refuted
 * @check call x86-64,arm64 "C loads B through WC" LOAD_WC | DELETE_local_delivery_read refuted
 * @check call x86-64,arm64 "C loads B through WC" LOAD_WC | DELETE_acquire refuted
 * @check call x86-64 "C loads B through NC" | DELETE_acquire no-op "UC- loads are not speculated and start after older loads"
 * @check call arm64 "C loads B through NC" | DELETE_acquire no-op "Device loads are not speculated: they start after the poll's branch; kept because only a barrier is a promise"
 * @check usage x86-64,arm64 "the READ is posted after the CQE was seen" | FORBIDDEN_read_before_cqe refuted
 * @check usage x86-64,arm64 "WRITE_WITH_IMM to H: its CQE is a signal" DATA_IN_H | FORBIDDEN_data_in_b refuted
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

#if defined(DATA_IN_H) && !defined(FORBIDDEN_data_in_b)
#define DATA	H_DATA
#else
#define DATA	B_DATA
#endif

proctype N()
{
#ifdef MUTATE_CQE_BEFORE_DATA
	n_cqe(H_CQE, 1);
#endif
	if
	:: atomic { printf("@N issues #%d=1, strict\n", DATA); n_write(DATA, 1, STRICT, 0) }
	:: atomic { printf("@N issues #%d=1, relaxed\n", DATA); n_write(DATA, 1, RELAXED, 0) }
	fi;
#ifndef MUTATE_CQE_BEFORE_DATA
	n_cqe(H_CQE, 1)
#endif
}

proctype C(byte me)
{
#ifdef FORBIDDEN_read_before_cqe
	vfiowc_local_delivery_read(B_DATA);
	poll_cqe(H_CQE);
#else
	poll_cqe(H_CQE);
#ifndef DATA_IN_H
#ifndef DELETE_local_delivery_read
	vfiowc_local_delivery_read(B_DATA);
#endif
#endif
#endif
#ifndef DELETE_acquire
	vfiowc_acquire();
#endif
#ifdef LOAD_WC
	ld_wc(B_DATA);
#elif defined(DATA_IN_H) && !defined(FORBIDDEN_data_in_b)
	ld_wb(H_DATA);
#else
	ld_nc(B_DATA);
#endif
	use();
	OBSERVED("@C0 uses what it loaded\n");
	assert(loaded[me] == 1)
}

init { atomic { start_machine(); run N_loopback(); run N(); run C(0) } }
