/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O5i: Ni WRITEs to a peer's B and wants to know that it is delivered. The WRITE's CQE does not say
 * so; the CQE of a READ of at least one byte of that slice on the same QP does. A later write that
 * depends on it (here: a flag in the target's H, by another completer) carries IBV_SEND_FENCE. An
 * initiator on the target's host that loads from B afterwards needs vfiowc_acquire(), as in O5t;
 * its loads alone, without the READ, push nothing of N's. A FLUSH in the READ's place, where both
 * ends have it, says the same.
 *
 * @check call x86-64,arm64 "Ci waits for the last CQE" | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "WRITE data to B, READ, fenced WRITE of a flag to H" FLAG_IN_H | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "WRITE data to B, READ, fenced WRITE of a flag to H" FLAG_IN_H | DELETE_send_fence refuted
 * @check usage x86-64,arm64 "READ on the same QP" | FORBIDDEN_read_on_another_qp refuted
 * @check usage x86-64,arm64 "a READ by N, not a load by C" | FORBIDDEN_cpu_read_instead refuted
 * @check call x86-64,arm64 "the initiator's C then loads B through WC" LOAD_WC | DELETE_acquire refuted
 * @check call x86-64 "the initiator's C then loads B through NC" LOAD_NC | DELETE_acquire no-op "UC- loads are not speculated and start after older loads"
 * @check call arm64 "the initiator's C then loads B through NC" LOAD_NC | DELETE_acquire no-op "Device loads are not speculated: they start after the poll's branch; kept because only a barrier is a promise"
 * @check call x86-64,arm64 "Ci waits for the CQE of a FLUSH" BY_FLUSH | DELETE_flush refuted
 * @check usage x86-64,arm64 "FLUSH on the same QP" BY_FLUSH | FORBIDDEN_flush_on_another_qp refuted
 * @check mutation x86-64,arm64 "a FLUSH is answered before its read has come back" BY_FLUSH | MUTATE_FLUSH_ANSWERED_EARLY refuted
 * @check mutation x86-64,arm64 "a READ of length 0 is answered without reading" | MUTATE_EMPTY_READ refuted
 */
#define RC_PAIR
#ifdef LOAD_WC
#define WC_LOADS
#endif
#define RELAXED_WRITES
#include "machine.pml"

#if defined(FORBIDDEN_read_on_another_qp) || defined(FORBIDDEN_flush_on_another_qp)
#define READ_QP	1
#else
#define READ_QP	0
#endif

proctype C(byte me)
{
	post_write(0, B_DATA, 1, RELAXED);
#ifdef BY_FLUSH
#ifndef DELETE_flush
	post_flush(READ_QP, B_DATA);
#endif
#elif !defined(FORBIDDEN_cpu_read_instead)
#ifndef DELETE_delivery_read
	vfiowc_post_delivery_read(READ_QP, B_DATA);
#endif
#endif
#ifdef FLAG_IN_H
#ifndef DELETE_send_fence
	set_send_fence();
#endif
	post_write(0, H_FLAG, 1, STRICT)
#else
	wait_for_last_cqe();
#ifdef FORBIDDEN_cpu_read_instead
	vfiowc_deliver();	/* C's path: pushes nothing of N's */
#endif
#if defined(LOAD_WC) || defined(LOAD_NC)
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
#else
	OBSERVED("@C0 believes that the data is delivered\n");
	assert(mem[B_DATA] == 1)
#endif
#endif
}

#ifdef FLAG_IN_H
proctype Target()
{
	mem[H_FLAG] == 1;
	OBSERVED("@H the target sees the flag\n");
	assert(mem[B_DATA] == 1)
}
#endif

init {
	atomic {
		start_machine();
		start_rc_pair(0);
#if READ_QP == 1
		start_rc_pair(1);
#endif
#ifdef FLAG_IN_H
		run Target();
#endif
		run C(0)
	}
}
