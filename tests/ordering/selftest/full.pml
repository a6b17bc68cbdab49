/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Without the call a queue of the machine runs full. That hides outcomes; it is no counterexample.
 *
 * @check call x86-64 "no counterexample without it (assertion violated (!q_full" | DELETE_deliver refuted
 */
#include "machine.pml"

proctype C(byte me)
{
	st_nc(B_DATA, 1);
	st_nc(B_DATA2, 1);
	st_nc(B_FLAG, 1);
	st_nc(B_DATA2, 2);
#ifndef DELETE_deliver
	vfiowc_deliver();
#endif
	st_nc(B_FLAG, 2);
	st_nc(B_DATA2, 3);
	st_nc(B_FLAG, 3);
	st_nc(B_BELL, 1)
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell\n");
	assert(mem[B_DATA] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
