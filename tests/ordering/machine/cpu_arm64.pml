/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * arm64: NC is Device-nGnRnE (in order towards one device, never speculated), WC is Normal-NC, host
 * memory Normal-WB. Normal stores leave in any order: they use the combining buffers. A load may be
 * early (guessed, Normal memory only) or late (its value binds after later stores have left); use()
 * and the barriers that order loads wait for it.
 */
bit load_pending[THREADS];
chan load_queue[THREADS] = [1] of { mtype, byte };

proctype load_unit(byte t)
{
	mtype kind;
	byte place;

end:	do
	:: atomic {
		load_queue[t]?kind,place ->
		if
		:: kind != NC && guess[SLOT(t, place)] == GUESSED ->
			take_guess(t, place);
			load_pending[t] = 0
		:: IS_D(place) ->
			request(C_TO_D, place, FOR_C + t)
		:: IS_H(place) ->
			loaded[t] = mem[place];
			printf("@C%d   has #%d: %d\n", t, place, loaded[t]);
			load_pending[t] = 0
		fi;
		kind = 0; place = 0
	   }
	:: atomic {
		completion[FOR_C + t]?loaded[t] ->
		printf("@C%d   load returns %d\n", t, loaded[t]);
		load_pending[t] = 0
	   }
	od
}

inline st_nc(place, value)
{
	atomic { printf("@C%d store #%d=%d (NC)\n", me, place, value); issue(NC, place, value) }
}

inline st_wc(place, value)
{
	atomic { printf("@C%d store #%d=%d (WC)\n", me, place, value); issue_combining(place, value) }
}

inline st_nt(place, value)
{
	st_wc(place, value)
}

inline st_wb(place, value)
{
	atomic { printf("@C%d store #%d=%d (WB)\n", me, place, value); issue_combining(place, value) }
}

/* dmb oshst: later stores leave after earlier ones; nothing waits for it. */
inline dmb_oshst()
{
	atomic { printf("@C%d dmb oshst\n", me); sb[me]!FENCE,0,0 }
}

/* dsb st: nothing later starts before every earlier store has left. It orders no loads. */
inline dsb_st()
{
	atomic { printf("@C%d dsb st\n", me); sb[me]!FENCE,0,0 }
	empty(sb[me])
}

inline dmb_ld()
{
	atomic { !load_pending[me] -> printf("@C%d dmb ld\n", me); DISOWN_GUESSES(me) }
}

inline start_load(kind, place)
{
	load_pending[me] = 1;
	load_queue[me]!kind,place
}

inline ld_nc(place)
{
	atomic {
		!load_pending[me] && NC_LOAD_MAY_START(me) ->
		printf("@C%d load #%d (NC)\n", me, place);
		start_load(NC, place)
	}
}

#ifdef WC_LOADS
inline ld_wc(place)
{
	atomic { !load_pending[me] -> printf("@C%d load #%d (WC)\n", me, place); start_load(WC, place) }
}
#endif

inline ld_wb(place)
{
	atomic { !load_pending[me] -> printf("@C%d load #%d (WB)\n", me, place); start_load(WB, place) }
}

inline use()
{
	!load_pending[me]
}

inline start_cpu(t)
{
	run store_buffer(t);
	run combining_buffers(t);
	run load_unit(t);
	run speculation(t, H_DATA);
#ifdef WC_LOADS
	run speculation(t, B_DATA);
	run speculation(t, B_FLAG);
	run speculation(t, B_WORD)
#endif
}
