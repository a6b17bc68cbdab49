/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O16: N writes data, then a flag, both strict, to B; C polls the flag in B. Once C has read the
 * flag the data is delivered: vfiowc_acquire() before loading it. Strict flag, in-order QP (O6).
 *
 * @check call x86-64,arm64 "flag and data through WC" WC_LOADS,FLAG_WC,DATA_WC | DELETE_acquire refuted
 * @check call x86-64,arm64 "flag through NC, data through WC" WC_LOADS,DATA_WC | DELETE_acquire refuted
 * @check call x86-64 "flag through WC, data through NC" WC_LOADS,FLAG_WC | DELETE_acquire no-op "the UC- load starts after the flag's load; kept: which of the two is WC is easily got wrong"
 * @check call arm64 "flag through WC, data through NC" WC_LOADS,FLAG_WC | DELETE_acquire no-op "the Device load is not speculated past the poll's branch; kept because only a barrier is a promise"
 * @check call x86-64,arm64 "flag and data through NC" | DELETE_acquire no-op "loads through NC keep program order; a compiler barrier suffices"
 * @check usage x86-64,arm64 "flag strict" RELAXED_WRITES | FORBIDDEN_flag_relaxed refuted
 */
#include "machine.pml"

#ifdef FORBIDDEN_flag_relaxed
#define FLAG	RELAXED
#else
#define FLAG	STRICT
#endif

proctype N()
{
	atomic { printf("@N issues #%d=1\n", B_DATA); n_write(B_DATA, 1, STRICT, 0) }
	atomic { printf("@N issues #%d=1 (RO %d)\n", B_FLAG, FLAG); n_write(B_FLAG, 1, FLAG, 0) }
}

proctype C(byte me)
{
#ifdef FLAG_WC
	poll_wc(B_FLAG, 1);
#else
	poll_nc(B_FLAG, 1);
#endif
#ifndef DELETE_acquire
	vfiowc_acquire();
#endif
#ifdef DATA_WC
	ld_wc(B_DATA);
#else
	ld_nc(B_DATA);
#endif
	use();
	OBSERVED("@C0 has seen the flag and uses the data\n");
	assert(loaded[me] == 1)
}

init { atomic { start_machine(); run N(); run C(0) } }
