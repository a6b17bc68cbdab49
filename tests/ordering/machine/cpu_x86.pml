/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * x86-64: loads and stores to WB memory follow TSO; UC- accesses stay in program order among
 * themselves; WC and non-temporal stores are weakly ordered, WC loads may be speculated. A load has
 * its value before any later store leaves (use() has nothing to wait for).
 */
inline st_nc(place, value)
{
	atomic { printf("@C%d store #%d=%d (NC)\n", me, place, value); issue(NC, place, value) }
}

inline st_wc(place, value)
{
	atomic { printf("@C%d store #%d=%d (WC)\n", me, place, value); issue_combining(place, value) }
}

/* A non-temporal store to host memory uses the combining buffers as well. */
inline st_nt(place, value)
{
	atomic { printf("@C%d store #%d=%d (non-temporal)\n", me, place, value); issue_combining(place, value) }
}

#ifdef COMPILER_REORDERS
/* Plain stores in C: until a compiler barrier (every fence is one) the compiler may sink them. */
inline st_wb(place, value)
{
	atomic { printf("@C%d store #%d=%d (plain)\n", me, place, value); issue_combining(place, value) }
}

inline compiler_barrier()
{
	atomic { printf("@C%d compiler barrier\n", me); sb[me]!FENCE,0,0 }
}
#else
inline st_wb(place, value)
{
	atomic { printf("@C%d store #%d=%d (WB)\n", me, place, value); issue(WB, place, value) }
}

inline compiler_barrier()
{
	printf("@C%d compiler barrier\n", me)
}
#endif

inline sfence()
{
	atomic { printf("@C%d sfence\n", me); sb[me]!FENCE,0,0 }
#ifdef SFENCE_BLOCKS
	empty(sb[me])
#endif
}

inline mfence()
{
	atomic { printf("@C%d mfence\n", me); sb[me]!FENCE,0,0 }
	atomic { empty(sb[me]) -> DISOWN_GUESSES(me) }
}

inline lfence()
{
	atomic { printf("@C%d lfence\n", me); DISOWN_GUESSES(me) }
}

inline ld_nc(place)
{
	atomic {
		NC_LOAD_MAY_START(me) ->
		printf("@C%d load #%d (NC)\n", me, place);
		request(C_TO_D, place, FOR_C + me)
	}
	atomic { completion[FOR_C + me]?loaded[me] -> printf("@C%d   has #%d: %d\n", me, place, loaded[me]) }
}

#ifdef WC_LOADS
inline ld_wc(place)
{
	if
	:: atomic { guess[SLOT(me, place)] == GUESSED -> take_guess(me, place) }
	:: atomic {
		printf("@C%d load #%d (WC)\n", me, place);
		request(C_TO_D, place, FOR_C + me)
	   }
	   atomic { completion[FOR_C + me]?loaded[me] -> printf("@C%d   has #%d: %d\n", me, place, loaded[me]) }
	fi
}
#endif

inline ld_wb(place)
{
	atomic { loaded[me] = mem[place]; printf("@C%d load #%d: %d\n", me, place, loaded[me]) }
}

inline use()
{
	skip
}

inline start_cpu(t)
{
	run store_buffer(t);
	run combining_buffers(t);
#ifdef WC_LOADS
	run speculation(t, B_DATA);
	run speculation(t, B_FLAG);
	run speculation(t, B_WORD)
#endif
}
