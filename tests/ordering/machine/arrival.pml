/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The far end of the paths: what may arrive next, and what an arrival does. The rules of passing
 * are those stated in path.pml.
 */
/* A rule file may watch arrivals at D. */
#ifndef ON_ARRIVAL
#define ON_ARRIVAL(place, value)	skip
#endif

inline arrive(what, place, x)
{
	if
	:: what == WR && IS_D(place) ->
		printf("@D #%d=%d arrives\n", place, x);
		mem[place] = x;
		ON_ARRIVAL(place, x)
	:: what == WR && IS_N(place) ->
		printf("@N #%d=%d arrives\n", place, x);
		mem[place] = x
	:: what == WR && IS_H(place) ->
		printf("@H #%d=%d visible\n", place, x);
		mem[place] = x
	:: what == RD && x >= FOR_GUESS ->
		guess_arrives(x - FOR_GUESS, place)
	:: what == RD && x < FOR_GUESS ->
		if
		:: IS_D(place) -> printf("@D read of #%d answered: %d\n", place, mem[place])
		:: else -> printf("@H read of #%d answered: %d\n", place, mem[place])
		fi;
		completion[x]!mem[place]
	fi
}

#ifdef MUTATE_TPH_HOLDS_BACK
#define MAY_CARRY	0	/* a hint keeps a relaxed write in its place */
#else
#define MAY_CARRY	_
#endif

/* A relaxed write to `target` overtakes whatever was posted before it. */
#define OVERTAKES(target)							\
	atomic { path[p]??WR,target,value,RELAXED,MAY_CARRY ->			\
		printf("@D relaxed write overtakes on its path\n");		\
		arrive(WR, target, value); value = 0 }

proctype posted_path(byte p)
{
	mtype what;
	byte place, value;
	bit relaxed, hint;

end:	do
	:: atomic {
		path[p]?what,place,value,relaxed,hint ->
		arrive(what, place, value);
		what = 0; place = 0; value = 0; relaxed = 0; hint = 0
	   }
#ifdef RELAXED_WRITES
	:: OVERTAKES(B_DATA)
	:: OVERTAKES(B_FLAG)
#endif
#ifdef MUTATE_TPH_OVERTAKES
	:: atomic {
		path[p]??WR,B_FLAG,value,relaxed,1 ->
		printf("@D write with a hint overtakes on its path\n");
		arrive(WR, B_FLAG, value); value = 0; relaxed = 0
	   }
#endif
	od
}
