/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O14: N writes H, then rings D in B, and D reads H. Two completers: a delivery read of H first, and
 * the bell carries IBV_SEND_FENCE or is posted after the READ's CQE.
 *
 * @check call x86-64,arm64 "WRITE to H, READ of H, fenced bell" | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "WRITE to H, READ of H, fenced bell" | DELETE_send_fence refuted
 * @check call x86-64,arm64 "WRITE to H, READ of H, its CQE, bell" WAIT_FOR_CQE | DELETE_wait_for_cqe refuted
 */
#define RC_PAIR
#include "machine.pml"

proctype C(byte me)
{
	post_write(0, H_DATA, 1, STRICT);
#ifndef DELETE_delivery_read
	vfiowc_post_delivery_read(0, H_DATA);
#endif
#ifdef WAIT_FOR_CQE
#ifndef DELETE_wait_for_cqe
	wait_for_last_cqe();
#endif
#else
#ifndef DELETE_send_fence
	set_send_fence();
#endif
#endif
	post_write(0, B_BELL, 1, STRICT)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell and reads H\n");
	assert(mem[H_DATA] == 1)
}

init { atomic { start_machine(); start_rc_pair(0); run C(0); run D() } }
