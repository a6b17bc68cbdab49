/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The observer waits for a bell that nobody rings: no violation, and yet it must not pass.
 *
 * @check call x86-64 "never reached: takes the bell" | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
	st_wc(B_DATA, 1);
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
}

proctype D()
{
end:	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
