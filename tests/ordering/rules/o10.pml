/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O10: two threads write commands of two words each into one WC line. With vfiowc_wc_lock() and
 * vfiowc_wc_unlock() (flush, then release) D gets them whole and in the order of the lock. Without
 * the lock, or without its flush, they mix. One doorbell page (BELLS): each thread takes the next
 * number and rings it; without the lock, or on arm64 without its flush, the bells arrive inverted.
 *
 * @check call x86-64,arm64 "two threads, one WC line" variants | DELETE_wc_lock refuted
 * @check call x86-64,arm64 "two threads, one WC line: the flush in unlock" variants | DELETE_unlock_flush refuted
 * @check call x86-64,arm64 "two threads, one NC doorbell" BELLS | DELETE_wc_lock refuted
 * @check call arm64 "two threads, one NC doorbell: the flush in unlock" BELLS | DELETE_unlock_flush refuted
 * @check call x86-64 "two threads, one NC doorbell: the flush in unlock" BELLS | DELETE_unlock_flush no-op "x86-64 posts a UC- store before the release of the lock is visible"
 * @check call x86-64,arm64 "two threads, one WC doorbell: the flush in unlock" BELLS,BELL_WC | DELETE_unlock_flush no-op "vfiowc_ring32_wc() has flushed already"
 */
#define THREADS	2
#ifdef BELLS
#define ON_ARRIVAL(place, value)	assert(value == last_bell + 1); last_bell = value
#else
#define ON_ARRIVAL(place, value)	command_word(value)
#endif

byte producer;		/* index of the ring behind the doorbell */
byte last_bell;		/* that D took */

byte in_progress;	/* the thread (+1) whose command D is receiving */
byte words;		/* how many of its words have come */
byte commands;
byte lock_order[2];
byte locked;

inline command_word(writer)
{
	assert(words == 0 || in_progress == writer);
	in_progress = writer;
	words++;
	if
	:: words == 2 ->
		assert(locked == 0 || lock_order[commands] == writer);
		words = 0; in_progress = 0; commands++
	:: else
	fi
}

#include "machine.pml"

/* The locked instruction waits for the store buffer, not (weakest) for the combining buffers. */
inline vfiowc_wc_lock()
{
	atomic {
		mem[H_LOCK] == 0 && empty(sb[me]) ->
		printf("@C%d takes the lock\n", me);
		mem[H_LOCK] = 1;
		lock_order[locked] = me + 1;
		locked++
	}
}

inline vfiowc_wc_unlock()
{
#ifndef DELETE_unlock_flush
	vfiowc_wc_flush();
#endif
	st_wb(H_LOCK, 0)
}

proctype C(byte me)
{
	byte mine;

#ifndef DELETE_wc_lock
	vfiowc_wc_lock();
#endif
#ifdef BELLS
	atomic { producer++; mine = producer; printf("@C%d takes number %d\n", me, mine) }
#ifdef BELL_WC
	vfiowc_ring32_wc(B_BELL, mine);
#else
	vfiowc_ring32(B_BELL, mine);
#endif
#else
	st_wc(B_DATA, me + 1);
	st_wc(B_DATA2, me + 1);
#endif
	vfiowc_wc_unlock()
}

proctype D()
{
#ifdef BELLS
	mem[B_BELL] == 2;
	OBSERVED("@D has both bells\n")
#else
	commands == 2;
	OBSERVED("@D has both commands\n")
#endif
}

init { atomic { start_machine(); run C(0); run C(1); run D() } }
