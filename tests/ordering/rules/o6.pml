/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O6: N writes data to B, then a flag to B. Both strict on one in-order QP: D never sees the flag
 * without the data. Relaxed data before a strict flag holds on PCIe (verbs does not promise it). A
 * relaxed flag, another QP, or a QP that places out of order: nothing holds, unless a delivery read
 * stands between; for an out-of-order QP that is after the WRITE's CQE, and only where the
 * responder acknowledges after issuing.
 *
 * @check usage x86-64,arm64 "data strict, flag strict, one QP" | FORBIDDEN_flag_relaxed refuted
 * @check usage x86-64,arm64 "data relaxed, flag strict, one QP" DATA_RELAXED | FORBIDDEN_flag_relaxed refuted
 * @check usage x86-64,arm64 "data strict, flag strict, one QP" | FORBIDDEN_flag_on_another_qp refuted
 * @check usage x86-64,arm64 "an in-order QP" | OUT_OF_ORDER_QP refuted
 * @check call x86-64,arm64 "relaxed flag, delivery read between" FLAG_RELAXED,READ_BETWEEN | DELETE_delivery_read refuted
 * @check call x86-64,arm64 "out-of-order QP: CQE, delivery read, its CQE, flag" OUT_OF_ORDER_QP,ACK_AFTER_ISSUE,WAIT_FOR_WRITE,READ_BETWEEN | DELETE_wait_for_write refuted
 * @check call x86-64,arm64 "out-of-order QP: CQE, delivery read, its CQE, flag" OUT_OF_ORDER_QP,ACK_AFTER_ISSUE,WAIT_FOR_WRITE,READ_BETWEEN | DELETE_delivery_read no-op "the data is issued before its acknowledgement, and the flag is strict on the same path; the read is for a relaxed flag, or a flag elsewhere"
 * @check call x86-64,arm64 "out-of-order QP: CQE, delivery read, its CQE, relaxed flag" OUT_OF_ORDER_QP,ACK_AFTER_ISSUE,WAIT_FOR_WRITE,READ_BETWEEN,FLAG_RELAXED | DELETE_delivery_read refuted
 * @check usage x86-64,arm64 "out-of-order QP whose responder acknowledges after issuing" OUT_OF_ORDER_QP,ACK_AFTER_ISSUE,WAIT_FOR_WRITE,READ_BETWEEN | UNDEF_ACK_AFTER_ISSUE refuted
 */
#define RC_PAIR
#define RELAXED_WRITES
#ifdef UNDEF_ACK_AFTER_ISSUE
#undef ACK_AFTER_ISSUE
#endif
#include "machine.pml"

#if defined(FLAG_RELAXED) || defined(FORBIDDEN_flag_relaxed)
#define FLAG	RELAXED
#else
#define FLAG	STRICT
#endif
#ifdef DATA_RELAXED
#define DATA	RELAXED
#else
#define DATA	STRICT
#endif
#ifdef FORBIDDEN_flag_on_another_qp
#define FLAG_QP	1
#else
#define FLAG_QP	0
#endif

proctype C(byte me)
{
	post_write(0, B_DATA, 1, DATA);
#ifdef WAIT_FOR_WRITE
#ifndef DELETE_wait_for_write
	wait_for_last_cqe();
#endif
#endif
#ifdef READ_BETWEEN
#ifndef DELETE_delivery_read
	vfiowc_post_delivery_read(0, B_DATA);
#endif
	wait_for_last_cqe();
#endif
	post_write(FLAG_QP, B_FLAG, 1, FLAG)
}

proctype D()
{
	mem[B_FLAG] == 1;
	OBSERVED("@D sees the flag and uses the data\n");
	assert(mem[B_DATA] == 1)
}

init {
	atomic {
		start_machine();
		start_rc_pair(0);
#ifdef FORBIDDEN_flag_on_another_qp
		start_rc_pair(1);
#endif
		run C(0);
		run D()
	}
}
