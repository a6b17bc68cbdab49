/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O10: two threads write commands of two words each into one WC line. With vfiowc_wc_lock() and
 * vfiowc_wc_unlock() (flush, then release) D gets them whole and in the order of the lock. Without
 * the lock, or without its flush, they mix.
 *
 * @check call x86-64,arm64 "two threads, one WC line" variants | DELETE_wc_lock refuted
 * @check call x86-64,arm64 "two threads, one WC line: the flush in unlock" variants | DELETE_unlock_flush refuted
 */
#define THREADS	2
#define ON_ARRIVAL(place, value)	command_word(value)

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
#ifndef DELETE_wc_lock
	vfiowc_wc_lock();
#endif
	st_wc(B_DATA, me + 1);
	st_wc(B_DATA2, me + 1);
	vfiowc_wc_unlock()
}

proctype D()
{
	commands == 2;
	OBSERVED("@D has both commands\n")
}

init { atomic { start_machine(); run C(0); run C(1); run D() } }
