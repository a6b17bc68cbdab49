/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O12: atomics by N on B are atomic against N's own atomics, of any QP (IBV_ATOMIC_HCA). Not
 * against C (nor D): a CPU read-modify-write of the same word is lost.
 *
 * @check invariant x86-64,arm64 "two QPs add to one word" | MUTATE_NO_SERIALISATION refuted
 * @check usage x86-64,arm64 "only N changes the word" | FORBIDDEN_cpu_adds_too refuted
 * @check usage x86-64,arm64 "only N changes the word" | FORBIDDEN_device_adds_too refuted
 */
#include "machine.pml"

bit adding;
byte done;

proctype N(byte qp)
{
	byte value;

#ifndef MUTATE_NO_SERIALISATION
	atomic { !adding -> adding = 1 }
#endif
	n_read(B_DATA, qp, value);
	atomic { printf("@N QP %d issues #%d=%d\n", qp, B_DATA, value + 1); n_write(B_DATA, value + 1, STRICT, 0) }
	adding = 0;
	done++
}

#ifdef FORBIDDEN_cpu_adds_too
#define ADDERS	3
proctype C(byte me)
{
	ld_nc(B_DATA);
	use();
	st_nc(B_DATA, loaded[me] + 1);
	vfiowc_deliver();
	done++
}
#elif defined(FORBIDDEN_device_adds_too)
#define ADDERS	3
proctype Firmware()
{
	byte value;

	atomic { value = mem[B_DATA]; printf("@D reads its word: %d\n", value) }
	atomic { mem[B_DATA] = value + 1; printf("@D writes %d\n", value + 1) }
	done++
}
#else
#define ADDERS	2
#endif

/* Everybody is done and everything posted has arrived. */
proctype D()
{
	done == ADDERS && empty(path[N_TO_D]) && empty(path[C_TO_D]);
	OBSERVED("@D reads the sum\n");
	assert(mem[B_DATA] == ADDERS)
}

init {
	atomic {
		start_machine();
		run N(0);
		run N(1);
#ifdef FORBIDDEN_cpu_adds_too
		run C(0);
#endif
#ifdef FORBIDDEN_device_adds_too
		run Firmware();
#endif
		run D()
	}
}
