/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Places (one value each, all start at 0), who completes accesses to them, and the paths that lead
 * there. A place stands for one naturally aligned write of at most 8 bytes: a flag is such a place.
 */

#ifndef KEEP_NAMES	/* `run` prints differences with the names in them */
/* Behind D's BAR: the slice (data, flag), D's doorbell register, the delivery word. */
#define B_DATA		0
#define B_DATA2		1
#define B_FLAG		2
#define B_BELL		3
#define B_WORD		4
/* N's doorbell register. */
#define N_BELL		5
/* Host memory: data, a flag, completion queue entries, a lock word. */
#define H_DATA		6
#define H_FLAG		7
#define H_CQE		8
#define H_CQE2		9
#define H_LOCK		10
#define PLACES		11
#endif

#define IS_D(place)	((place) <= B_WORD)
#define IS_N(place)	((place) == N_BELL)
#define IS_H(place)	((place) >= H_DATA)

/* One path per requester and completer (one traffic class). */
#define C_TO_D		0
#define C_TO_N		1
#define N_TO_D		2
#define N_TO_H		3
#define N2_TO_D		4	/* another function of N, or another traffic class */
#define I_TO_H		5	/* the initiator's N to the initiator's host memory */
#define PATHS		6

/* Whom a read completion goes to. */
#define FOR_C		0	/* + thread */
#define FOR_QP		2	/* + QP */
#define FOR_GUESS	4	/* + thread: a load that C speculated */
#define READERS		4

#define STRICT		0
#define RELAXED		1	/* the TLP's relaxed-ordering attribute */

#ifndef THREADS
#define THREADS	1
#endif

byte mem[PLACES];	/* what a read that arrives now returns: delivered */
bit was_posted[PLACES];	/* the CPU's last store to this place has been posted */
