/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The symbol that should delete the call is nowhere used: both models are the same.
 *
 * @check call x86-64 "changes nothing in the model" | DELETE_wc_flsh refuted
 */
#include "machine.pml"

proctype C(byte me)
{
	st_wc(B_DATA, 1);
	vfiowc_wc_flush();
	st_nc(B_BELL, 1)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
