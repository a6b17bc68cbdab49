/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O1: NC stores of one thread to one device arrive in program order, one access each. An invariant
 * of the accessors and the mapping, no call. Mutations: the mapping combines (it is WC in truth:
 * the silent opposite of the usual trap), and the accessor writes in two halves.
 *
 * @check invariant x86-64,arm64 "three NC stores: order and number" | MUTATE_NC_COMBINES refuted
 * @check invariant x86-64,arm64 "three NC stores: order and number" | MUTATE_SPLIT_ACCESS refuted
 */
#define ON_ARRIVAL(place, value)	arrivals++

byte arrivals;

#include "machine.pml"

#ifdef MUTATE_NC_COMBINES
#define ACCESS(place, value)	st_wc(place, value)
#else
#define ACCESS(place, value)	st_nc(place, value)
#endif

proctype C(byte me)
{
	ACCESS(B_DATA, 1);
	ACCESS(B_BELL, 1);
#ifdef MUTATE_SPLIT_ACCESS
	ACCESS(B_BELL, 1);
#endif
	ACCESS(B_BELL, 2)
}

proctype D()
{
	mem[B_BELL] >= 1;
	OBSERVED("@D sees the first bell\n");
	assert(mem[B_DATA] == 1);
	atomic { mem[B_BELL] == 2 -> OBSERVED("@D sees the second bell\n"); assert(arrivals == 3) }
}

init { atomic { start_machine(); run C(0); run D() } }
