/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The deletion takes away more than the call.
 *
 * @check call x86-64 "deletes more than one line" | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
#ifndef DELETE_wc_flush
	st_wc(B_DATA, 1);
	vfiowc_wc_flush();
#endif
	st_nc(B_BELL, 1)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
