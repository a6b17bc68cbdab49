/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * O9: revoke. Thread 0 writes B until its mapping is gone; thread 1 revokes: zap the mappings, a
 * store fence on every CPU, a read-back. When revoke has returned nothing of thread 0 arrives any
 * more. NIC: the writer is vfiowc_rdma's engine (a CPU that copies under the MR's lock); revoke
 * ends the MR first, and needs the fence and the read-back just the same. ANOTHER_NIC: no new
 * transaction after revoke; what is on its way is the business of its driver, which has to drain.
 *
 * @check call x86-64,arm64 "a process writes through WC" variants | DELETE_zap refuted
 * @check call x86-64,arm64 "a process writes through WC" variants | DELETE_store_fence_on_every_cpu refuted
 * @check call x86-64,arm64 "a process writes through WC" variants | DELETE_read_back refuted
 * @check call x86-64,arm64 "vfiowc_rdma writes" NIC | DELETE_end_mr refuted
 * @check call arm64 "vfiowc_rdma writes" NIC | DELETE_store_fence_on_every_cpu refuted
 * @check call x86-64 "vfiowc_rdma writes" NIC | DELETE_store_fence_on_every_cpu no-op "the engine's NC stores are posted before its release of the MR is visible"
 * @check call x86-64,arm64 "vfiowc_rdma writes" NIC | DELETE_read_back refuted
 * @check call x86-64,arm64 "another NIC writes, its driver drains" ANOTHER_NIC | DELETE_drain refuted
 */
#define THREADS	2
#define ON_ARRIVAL(place, value)	assert(!revoked)

bit mapped = 1;		/* page-table entries of thread 0; or: the MR is live */
bit revoked;
bit stopped;

#include "machine.pml"

#ifdef ANOTHER_NIC
proctype N()
{
	if
	:: atomic { mapped -> printf("@N issues #%d=1\n", B_DATA); n_write(B_DATA, 1, STRICT, 0) }
	:: atomic { !mapped -> printf("@N ends the request with an error\n") }
	fi;
	stopped = 1
}
#elif defined(NIC)
proctype Engine(byte me)
{
	atomic { mem[H_LOCK] == 0 -> mem[H_LOCK] = 1 }
	if
	:: mapped -> st_nc(B_DATA, 1)
	:: else -> printf("@C0 engine: error completion\n")
	fi;
	st_wb(H_LOCK, 0);	/* orders stores to H only (weakest) */
	stopped = 1
}
#else
proctype Writer(byte me)
{
	if
	:: atomic { mapped -> st_wc(B_DATA, 1) }
	:: atomic { !mapped -> printf("@C0 SIGBUS\n") }
	fi;
	stopped = 1
}
#endif

/* Zap: no later store translates. What has been issued is not touched by it. */
inline zap()
{
	atomic { printf("@C%d zaps the mappings\n", me); mapped = 0 }
}

inline end_mr()
{
	atomic { mem[H_LOCK] == 0 -> printf("@C%d ends the MR\n", me); mapped = 0 }
}

/* Interrupts thread 0's CPU; its handler fences and answers by a store to H. */
inline store_fence_on_every_cpu()
{
	atomic { printf("@C%d interrupts every CPU\n", me); sb[0]!FENCE,0,0; sb[0]!WB,H_FLAG,1 }
	atomic { mem[H_FLAG] == 1 -> printf("@C%d has every CPU's answer\n", me) }
}

inline read_back()
{
	ld_nc(B_WORD);
	use()
}

/* The other NIC's driver: no request is under way, and a read followed the last write. */
inline drain()
{
	atomic { printf("@N drains\n"); request(N_TO_D, B_WORD, FOR_QP) }
	completion[FOR_QP]?_
}

proctype Revoker(byte me)
{
#ifdef NIC
#ifndef DELETE_end_mr
	end_mr();
#endif
#else
#ifndef DELETE_zap
	zap();
#endif
#endif
#ifdef ANOTHER_NIC
#ifndef DELETE_drain
	drain();
#endif
#else
#ifndef DELETE_store_fence_on_every_cpu
	store_fence_on_every_cpu();
#endif
#ifndef DELETE_read_back
	read_back();
#endif
#endif
	atomic { OBSERVED("@C1 revoke returns\n"); revoked = 1 }
}

/* Both ends of the race must occur. */
proctype Races()
{
end:	if
	:: atomic { mem[B_DATA] == 1 && !revoked -> OBSERVED("@D the write came before revoke returned\n") }
	:: atomic { revoked && mem[B_DATA] == 0 && stopped -> OBSERVED("@D the write came too late\n") }
	fi
}

init {
	atomic {
		start_machine();
#ifdef ANOTHER_NIC
		run N();
#elif defined(NIC)
		run Engine(0);
#else
		run Writer(0);
#endif
		run Revoker(1);
		run Races()
	}
}
