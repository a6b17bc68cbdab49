/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O11: the same bytes mapped NC and WC by one process. No order between the two views without a
 * call: vfiowc_wc_flush() between a WC store and an NC store; vfiowc_deliver() between a store
 * through one view and a load through the other (a flush orders no loads).
 *
 * @check usage x86-64,arm64 "WC store, flush, NC store" CASE_WC_ST_NC_ST | FORBIDDEN_no_flush refuted
 * @check usage x86-64,arm64 "WC store, deliver, NC load" CASE_WC_ST_NC_LD | FORBIDDEN_no_deliver refuted
 * @check usage x86-64 "WC store, deliver (not flush), NC load" CASE_WC_ST_NC_LD | FORBIDDEN_flush_only refuted
 * @check usage arm64 "WC store, deliver (not flush), NC load" CASE_WC_ST_NC_LD | FORBIDDEN_flush_only no-op "dsb st holds later loads back as well; do not rely on it: x86-64 differs"
 * @check usage x86-64,arm64 "NC store, deliver, WC load" CASE_NC_ST_WC_LD,WC_LOADS | FORBIDDEN_no_deliver refuted
 * @check usage x86-64,arm64 "NC store, deliver (not flush), WC load" CASE_NC_ST_WC_LD,WC_LOADS | FORBIDDEN_flush_only refuted
 */
#include "machine.pml"

inline between()
{
#if defined(FORBIDDEN_no_flush) || defined(FORBIDDEN_no_deliver)
	skip
#elif defined(CASE_WC_ST_NC_ST) || defined(FORBIDDEN_flush_only)
	vfiowc_wc_flush()
#else
	vfiowc_deliver()
#endif
}

proctype C(byte me)
{
#ifdef CASE_NC_ST_WC_LD
	st_nc(B_DATA, 1);
	between();
	ld_wc(B_DATA);
#endif
#ifdef CASE_WC_ST_NC_LD
	st_wc(B_DATA, 1);
	between();
	ld_nc(B_DATA);
#endif
#ifdef CASE_WC_ST_NC_ST
	st_wc(B_DATA, 1);
	between();
	st_nc(B_DATA, 2);
	vfiowc_deliver();
	OBSERVED("@C0 asks what D holds in the end\n");
	assert(mem[B_DATA] == 2)
#else
	use();
	OBSERVED("@C0 uses what it loaded\n");
	assert(loaded[me] == 1)
#endif
}

init { atomic { start_machine(); run C(0) } }
