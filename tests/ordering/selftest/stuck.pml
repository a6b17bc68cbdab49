/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * C waits for a CQE that never comes: a stuck state, not a proof.
 *
 * @check call x86-64 "invalid end state" | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
	poll_cqe(H_CQE);
	OBSERVED("@C0 done\n")
}

init { atomic { start_machine(); run C(0) } }
