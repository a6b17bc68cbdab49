/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O15: N reads a send source in H or B; C may overwrite it after that WR's CQE. N may read it more
 * than once until then (retransmission). Unsignalled: after a later signalled CQE of the same QP;
 * a CQE of another QP says nothing.
 *
 * @check usage x86-64,arm64 "source in H" | FORBIDDEN_overwrite_without_cqe refuted
 * @check usage x86-64,arm64 "source in B" SOURCE_B | FORBIDDEN_overwrite_without_cqe refuted
 * @check usage x86-64,arm64 "unsignalled, then a later signalled CQE of the QP" UNSIGNALLED | FORBIDDEN_cqe_of_another_qp refuted
 */
#include "machine.pml"

#ifdef SOURCE_B
#define SOURCE	B_DATA
#else
#define SOURCE	H_DATA
#endif

proctype C(byte me)
{
#ifdef SOURCE_B
	st_wc(SOURCE, 1);
	vfiowc_deliver();
#else
	st_wb(SOURCE, 1);
#endif
	vfiowc_ring32(N_BELL, 1);
#ifndef FORBIDDEN_overwrite_without_cqe
#ifdef FORBIDDEN_cqe_of_another_qp
	poll_cqe(H_CQE2);
#else
	poll_cqe(H_CQE);
#endif
#endif
#ifdef SOURCE_B
	st_wc(SOURCE, 2)
#else
	st_wb(SOURCE, 2)
#endif
}

inline gather()
{
	n_read(SOURCE, 0, value);
	OBSERVED("@N sends what it read\n");
	assert(value == 1)
}

proctype N()
{
	byte value;

	mem[N_BELL] == 1;
	gather();
	if
	:: gather()	/* retransmission */
	:: true
	fi;
#ifdef UNSIGNALLED
	printf("@N executes the next, signalled WR\n");
#endif
	n_cqe(H_CQE, 1)
}

/* Another QP of the same N completes something of its own. */
proctype N_other_qp()
{
	n_cqe(H_CQE2, 1)
}

init { atomic { start_machine(); run C(0); run N(); run N_other_qp() } }
