/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Early loads. Memory that may be speculated (WC; on arm64 all Normal memory) can be guessed: a read
 * is sent before the program asks, and its value kept for a later load. A fence that orders loads
 * throws guesses away, those under way too.
 */
mtype = { NO_GUESS, ASKED, DISOWNED, GUESSED };

byte loaded[THREADS];			/* the value of the thread's last load */
mtype guess[THREADS * PLACES] = NO_GUESS;
byte guessed[THREADS * PLACES];

#define SLOT(t, place)	((t) * PLACES + (place))

/* A speculated read travels like any other: behind C's posted writes. */
proctype speculation(byte t; byte place)
{
end:	do
	:: atomic {
		guess[SLOT(t, place)] == NO_GUESS ->
		if
		:: IS_D(place) ->
			printf("@C%d   speculates a load of #%d\n", t, place);
			guess[SLOT(t, place)] = ASKED;
			request(C_TO_D, place, FOR_GUESS + t)
		:: else ->
			printf("@C%d   speculates a load of #%d: %d\n", t, place, mem[place]);
			guess[SLOT(t, place)] = GUESSED;
			guessed[SLOT(t, place)] = mem[place]
		fi
	   }
	od
}

inline guess_arrives(t, place)
{
	if
	:: guess[SLOT(t, place)] == ASKED ->
		printf("@D speculated read of #%d answered: %d\n", place, mem[place]);
		guess[SLOT(t, place)] = GUESSED;
		guessed[SLOT(t, place)] = mem[place]
	:: else ->
		guess[SLOT(t, place)] = NO_GUESS
	fi
}

inline take_guess(t, place)
{
	loaded[t] = guessed[SLOT(t, place)];
	guess[SLOT(t, place)] = NO_GUESS;
	guessed[SLOT(t, place)] = 0;
	printf("@C%d load #%d takes the speculated value %d\n", t, place, loaded[t])
}

inline disown(t, place)
{
	if
	:: guess[SLOT(t, place)] == ASKED -> guess[SLOT(t, place)] = DISOWNED
	:: guess[SLOT(t, place)] == GUESSED ->
		guess[SLOT(t, place)] = NO_GUESS;
		guessed[SLOT(t, place)] = 0
	:: else
	fi
}

/* What a fence that orders loads does to speculation. */
#ifdef MUTATE_WC_ANSWERED_EARLY
#define DISOWN_GUESSES(t)	skip	/* a buffer that no fence empties answers the load */
#else
#define DISOWN_GUESSES(t)	disown(t, B_DATA); disown(t, B_FLAG); disown(t, B_WORD); disown(t, H_DATA)
#endif
