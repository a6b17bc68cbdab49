/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O5i: Ni WRITEs to a peer's B and wants to know that it is delivered. The WRITE's CQE does not say
 * so; the CQE of a READ of at least one byte of that slice on the same QP does. A later write that
 * depends on it (here: a flag in the target's H, by another completer) carries IBV_SEND_FENCE.
 *
 * @check call x86-64,arm64 "Ci waits for the last CQE" | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "WRITE data to B, READ, fenced WRITE of a flag to H" FLAG_IN_H | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "WRITE data to B, READ, fenced WRITE of a flag to H" FLAG_IN_H | DELETE_send_fence refuted
 * @check usage x86-64,arm64 "READ on the same QP" | FORBIDDEN_read_on_another_qp refuted
 * @check mutation x86-64,arm64 "a READ of length 0 is answered without reading" | MUTATE_EMPTY_READ refuted
 */
#define RC_PAIR
#define RELAXED_WRITES
#include "machine.pml"

#ifdef FORBIDDEN_read_on_another_qp
#define READ_QP	1
#else
#define READ_QP	0
#endif

proctype C(byte me)
{
	post_write(0, B_DATA, 1, RELAXED);
#ifndef DELETE_delivery_read
	vfiowc_post_delivery_read(READ_QP, B_DATA);
#endif
#ifdef FLAG_IN_H
#ifndef DELETE_send_fence
	set_send_fence();
#endif
	post_write(0, H_FLAG, 1, STRICT)
#else
	wait_for_last_cqe();
	OBSERVED("@C0 believes that the data is delivered\n");
	assert(mem[B_DATA] == 1)
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
#ifdef FORBIDDEN_read_on_another_qp
		start_rc_pair(1);
#endif
#ifdef FLAG_IN_H
		run Target();
#endif
		run C(0)
	}
}
