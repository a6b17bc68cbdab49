/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O2: C stores data through WC, then rings D. vfiowc_wc_flush() between them: when the bell has
 * arrived, so has the data. The same before a later WC store, and before the line is used again
 * (LINE_REUSED): what has not left its buffer is replaced, and D never sees it. A flush before the
 * data is no flush of the data: it arrives when the processor likes, often a millisecond later.
 *
 * @check call x86-64,arm64 "WC data, then an NC doorbell" variants | DELETE_wc_flush refuted
 * @check call x86-64,arm64 "WC data, then a WC flag" FLAG_WC variants | DELETE_wc_flush refuted
 * @check call x86-64,arm64 "one WC line used for two commands" LINE_REUSED variants | DELETE_wc_flush refuted
 * @check usage x86-64,arm64 "the flush stands behind the data" variants | FORBIDDEN_flush_before_data refuted
 */
#ifdef LINE_REUSED
#define ON_ARRIVAL(place, value)	line_arrives(value)
#endif

bit had_first;

inline line_arrives(value)
{
	if
	:: value == 1 -> had_first = 1
	:: else -> assert(had_first)
	fi
}

#include "machine.pml"

#ifdef LINE_REUSED
proctype C(byte me)
{
	st_wc(B_DATA, 1);
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
	st_wc(B_DATA, 2)
}

proctype D()
{
	mem[B_DATA] == 2;
	OBSERVED("@D has the second command\n")
}
#else
proctype C(byte me)
{
#ifdef FORBIDDEN_flush_before_data
	vfiowc_wc_flush();
#endif
	st_wc(B_DATA, 1);
	st_wc(B_DATA2, 1);
	st_wc(B_DATA, 2);	/* may merge with the first */
#ifndef FORBIDDEN_flush_before_data
#ifndef DELETE_wc_flush
	vfiowc_wc_flush();
#endif
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
#endif

init { atomic { start_machine(); run C(0); run D() } }
