/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The rule does not hold even with its call: the flush stands on the wrong side of the data.
 *
 * @check call x86-64 "does not hold as it stands" | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
	st_wc(B_DATA, 1);
	st_nc(B_BELL, 1)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
