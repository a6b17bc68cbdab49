/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O2: C stores data through WC, then rings D. vfiowc_wc_flush() between them: when the bell has
 * arrived, so has the data. The same before a later WC store.
 *
 * @check call x86-64,arm64 "WC data, then an NC doorbell" variants | DELETE_wc_flush refuted
 * @check call x86-64,arm64 "WC data, then a WC flag" FLAG_WC variants | DELETE_wc_flush refuted
 */
#include "machine.pml"

proctype C(byte me)
{
	st_wc(B_DATA, 1);
	st_wc(B_DATA2, 1);
	st_wc(B_DATA, 2);	/* may merge with the first */
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
#ifdef FLAG_WC
	st_wc(B_BELL, 1)
#else
	st_nc(B_BELL, 1)
#endif
}

proctype D()
{
	mem[B_BELL] == 1;
	OBSERVED("@D takes the bell and uses the data\n");
	assert(mem[B_DATA] == 2 && mem[B_DATA2] == 1)
}

init { atomic { start_machine(); run C(0); run D() } }
