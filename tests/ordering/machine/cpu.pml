/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * A CPU thread's way to memory, the same for both architectures. A store is issued, waits in the
 * store buffer (a FIFO with fence markers), and then
 *
 *  - WB leaves in order: it is visible in H;
 *  - NC leaves in order: it is posted on the path to its device;
 *  - WC (and non-temporal stores, and on arm64 every store to Normal memory) goes on to the
 *    combining buffers: a later store to the same place replaces it, and buffers are evicted one by
 *    one, in any order, at any time or never.
 *
 * A fence marker lets nothing behind it leave before the combining buffers are empty. A WC store
 * that no marker holds back enters its buffer at once, so it may overtake older stores.
 *
 * Variants of x86-64, default weakest: UC_DRAINS_WC (uncached accesses wait for the combining
 * buffers), SFENCE_BLOCKS (no later instruction starts before the buffers are empty), WC_IN_ORDER
 * (a WC store enters its buffer only after older stores have left).
 */
mtype = { WB, NC, WC, FENCE };

chan sb[THREADS] = [6] of { mtype, byte, byte };
short buffered[THREADS];			/* set of places, one bit each */
byte wc_value[THREADS * PLACES];

#define IN_BUFFER(t, place)	(buffered[t] & (1 << (place)))
#define BUFFERS_EMPTY(t)	(buffered[t] == 0)
#define HELD_BACK(t)		(sb[t]??[FENCE,_,_] || sb[t]??[WC,_,_])

#ifdef UC_DRAINS_WC
#define NC_STORE_MAY_LEAVE(t)	BUFFERS_EMPTY(t)
#define NC_LOAD_MAY_START(t)	(empty(sb[t]) && BUFFERS_EMPTY(t))
#else
#define NC_STORE_MAY_LEAVE(t)	true
#define NC_LOAD_MAY_START(t)	(!sb[t]??[NC,_,_])
#endif

inline leave(t, place, value)
{
	was_posted[place] = 1;
	if
	:: IS_D(place) ->
		printf("@C%d   posts #%d=%d\n", t, place, value);
		post(C_TO_D, place, value, STRICT, 0)
	:: IS_N(place) ->
		printf("@C%d   posts #%d=%d\n", t, place, value);
		post(C_TO_N, place, value, STRICT, 0)
	:: else ->
		printf("@C%d   #%d=%d visible in H\n", t, place, value);
		mem[place] = value
	fi
}

inline combine(t, place, value)
{
	wc_value[SLOT(t, place)] = value;
	buffered[t] = buffered[t] | (1 << (place))
}

proctype store_buffer(byte t)
{
	byte place, value;

end:	do
	:: atomic { sb[t]?WB,place,value -> leave(t, place, value); place = 0; value = 0 }
	:: atomic {
		NC_STORE_MAY_LEAVE(t) && sb[t]?[NC,_,_] ->
		sb[t]?NC,place,value;
		leave(t, place, value); place = 0; value = 0
	   }
	:: atomic { sb[t]?WC,place,value -> combine(t, place, value); place = 0; value = 0 }
	:: atomic { BUFFERS_EMPTY(t) && sb[t]?[FENCE,_,_] -> sb[t]?FENCE,_,_ }
	od
}

/* Any buffered place may be the next to go. */
proctype combining_buffers(byte t)
{
	byte place;

end:	do
	:: atomic {
		!BUFFERS_EMPTY(t) ->
		if
		:: IN_BUFFER(t, B_DATA) -> place = B_DATA
		:: IN_BUFFER(t, B_DATA2) -> place = B_DATA2
		:: IN_BUFFER(t, B_FLAG) -> place = B_FLAG
		:: IN_BUFFER(t, B_BELL) -> place = B_BELL
		:: IN_BUFFER(t, N_BELL) -> place = N_BELL
		:: IN_BUFFER(t, H_DATA) -> place = H_DATA
		:: IN_BUFFER(t, H_FLAG) -> place = H_FLAG
		:: IN_BUFFER(t, H_LOCK) -> place = H_LOCK
		fi;
		buffered[t] = buffered[t] & ~(1 << place);
		leave(t, place, wc_value[SLOT(t, place)]);
		wc_value[SLOT(t, place)] = 0;
		place = 0
	   }
	od
}

/* Stores: issue only. */
inline issue(kind, place, value)
{
	was_posted[place] = 0;
	NOT_FULL(sb[me]);
	sb[me]!kind,place,value
}

inline issue_combining(place, value)
{
	was_posted[place] = 0;
	if
#ifndef WC_IN_ORDER
	:: !HELD_BACK(me) -> combine(me, place, value)
	:: HELD_BACK(me) -> sb[me]!WC,place,value
#else
	:: true -> sb[me]!WC,place,value
#endif
	fi
}
