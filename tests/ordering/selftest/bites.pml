/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The call is said to be a no-op in this cell, and is needed.
 *
 * @check call x86-64 "said to be a no-op, but" | DELETE_wc_flush no-op "a wrong note"
 */
#include "machine.pml"

proctype C(byte me)
{
	st_wc(B_DATA, 1);
#ifndef DELETE_wc_flush
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
