/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O13: no order among the bytes of one WRITE. A flag is an operation of its own; polling the last
 * byte is right only if ibv_query_qp_data_in_order() says so for this QP and opcode, and then for
 * CPU reads within the one WR. Here the first and the last byte of a WRITE to H; or, on a QP that
 * places out of order, of two WRITEs, each of which is in order.
 *
 * @check usage x86-64,arm64 "the flag is a WRITE of its own" FLAG_OF_ITS_OWN | FORBIDDEN_last_byte_as_flag refuted
 * @check invariant x86-64,arm64 "the QP reports data in order" DATA_IN_ORDER | MUTATE_BYTES_IN_ANY_ORDER refuted
 * @check usage x86-64,arm64 "the QP reports data in order: within the one WR" DATA_IN_ORDER | FORBIDDEN_last_byte_of_another_wr refuted
 */
#include "machine.pml"

#if defined(DATA_IN_ORDER) && !defined(MUTATE_BYTES_IN_ANY_ORDER) && \
	!defined(FORBIDDEN_last_byte_of_another_wr)
#define ASCENDING
#endif
#if defined(FLAG_OF_ITS_OWN) && !defined(FORBIDDEN_last_byte_as_flag)
#define TWO_WRITES
#endif

inline issue_first()
{
	atomic { printf("@N issues the first byte #%d=1\n", H_DATA); n_write(H_DATA, 1, STRICT, 0) }
}

inline issue_last()
{
	atomic { printf("@N issues the last byte #%d=1\n", H_FLAG); n_write(H_FLAG, 1, STRICT, 0) }
}

proctype N()
{
#if defined(ASCENDING) || defined(TWO_WRITES)
	issue_first();
	issue_last()
#else
	if
	:: issue_first(); issue_last()
	:: issue_last(); issue_first()
	fi
#endif
}

proctype C(byte me)
{
	atomic { mem[H_FLAG] == 1 -> printf("@C%d sees #%d\n", me, H_FLAG) }
	vfiowc_acquire();
	ld_wb(H_DATA);
	use();
	OBSERVED("@C0 uses what it loaded\n");
	assert(loaded[me] == 1)
}

init { atomic { start_machine(); run N(); run C(0) } }
