/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The deleted call was not needed: claiming that its deletion is refuted must fail.
 *
 * @check call x86-64 "no counterexample" | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
	st_nc(B_DATA, 1);
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
