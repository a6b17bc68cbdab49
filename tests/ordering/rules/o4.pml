/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O4: C writes B, then makes N read B (an SGE in B, or a peer's READ). N comes by another path, so
 * posted is not enough: vfiowc_deliver() before the post. Its instructions are deleted one by one
 * too. A read-back through WC may be answered early, and then proves nothing.
 *
 * @check call x86-64,arm64 "WC data, N reads B" variants | DELETE_deliver refuted
 * @check call x86-64,arm64 "NC data, N reads B" DATA_NC | DELETE_deliver refuted
 * @check call x86-64,arm64 "WC data: the store fence in deliver" variants | DELETE_deliver_fence refuted
 * @check call x86-64,arm64 "WC data: the read-back in deliver" variants | DELETE_deliver_load refuted
 * @check call arm64 "WC data: the load barrier in deliver" | DELETE_deliver_load_barrier refuted
 * @check usage x86-64,arm64 "WC data: deliver, not flush, before the post" variants | FORBIDDEN_flush_only refuted
 * @check call x86-64 "WC data: sfence instead of mfence" variants | MUTATE_deliver_sfence refuted
 * @check usage arm64 "WC data: read back through NC" WC_LOADS | FORBIDDEN_readback_through_wc refuted
 * @check usage x86-64 "WC data: read back through NC" WC_LOADS | FORBIDDEN_readback_through_wc no-op "on a processor whose mfence empties every buffer that could answer; see the mutation"
 * @check mutation x86-64 "answered early through WC" WC_LOADS | FORBIDDEN_readback_through_wc,MUTATE_WC_ANSWERED_EARLY refuted
 */
#include "machine.pml"

proctype C(byte me)
{
#ifdef DATA_NC
	st_nc(B_DATA, 1);
#else
	st_wc(B_DATA2, 1);
	st_wc(B_DATA, 1);
#endif
#ifdef FORBIDDEN_readback_through_wc
	vfiowc_deliver_through_wc();
#elif defined(FORBIDDEN_flush_only)
	vfiowc_wc_flush();
#else
#ifndef DELETE_deliver
	vfiowc_deliver();
#endif
#endif
	vfiowc_ring32(N_BELL, 1)
}

proctype N()
{
	byte value;

	mem[N_BELL] == 1;
	n_read(B_DATA, 0, value);
	OBSERVED("@N uses what it read from B\n");
	assert(value == 1)
}

init { atomic { start_machine(); run C(0); run N() } }
