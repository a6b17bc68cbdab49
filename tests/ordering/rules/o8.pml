/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O8: steering tags and hints never add or remove order. N writes strict data, then a strict flag,
 * each with or without a hint: the flag never passes (no order removed). And relaxed writes with
 * hints still overtake (no order added): both arrival orders of two such writes must be seen.
 *
 * @check invariant x86-64,arm64 "hints remove no order" | MUTATE_TPH_OVERTAKES refuted
 * @check invariant x86-64,arm64 "hints add no order" WRITES_RELAXED | MUTATE_TPH_HOLDS_BACK unreached
 */
#define RELAXED_WRITES
#include "machine.pml"

#ifdef WRITES_RELAXED
#define ATTRIBUTE	RELAXED
#else
#define ATTRIBUTE	STRICT
#endif

inline choose_hint()
{
	if
#ifndef WRITES_RELAXED
	:: hint = 0
#endif
	:: hint = 1
	fi
}

proctype N()
{
	bit hint;

	choose_hint();
	atomic { printf("@N issues #%d=1, hint %d\n", B_DATA, hint); n_write(B_DATA, 1, ATTRIBUTE, hint) }
	choose_hint();
	atomic { printf("@N issues #%d=1, hint %d\n", B_FLAG, hint); n_write(B_FLAG, 1, ATTRIBUTE, hint) }
}

proctype D()
{
	mem[B_FLAG] == 1;
	OBSERVED("@D sees the flag\n");
#ifdef WRITES_RELAXED
	if
	:: mem[B_DATA] == 0 -> OBSERVED("@D ... before the data\n")
	:: mem[B_DATA] == 1 -> OBSERVED("@D ... after the data\n")
	fi
#else
	assert(mem[B_DATA] == 1)
#endif
}

init { atomic { start_machine(); run N(); run D() } }
