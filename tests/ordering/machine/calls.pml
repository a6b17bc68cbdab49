/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The calls that are more than CPU instructions (work requests, locks), and what C polls with.
 * `me` is the thread: every proctype that uses these takes it as its parameter.
 */

/* Observers print this when they have seen what they were waiting for: `run` fails a model in which
 * that never happens. */
#define OBSERVED(text)	printf(text)

/* C polls its CQ (host memory) and branches on what it saw. */
inline poll_cqe(place)
{
	atomic { mem[place] == 1 -> printf("@C%d sees CQE #%d\n", me, place) }
}

inline poll_nc(place, value)
{
	do
	:: ld_nc(place);
	   use();
	   if
	   :: loaded[me] == value -> break
	   :: else
	   fi
	od
}

#ifdef WC_LOADS
inline poll_wc(place, value)
{
	do
	:: ld_wc(place);
	   use();
	   if
	   :: loaded[me] == value -> break
	   :: else
	   fi
	od
}
#endif

#ifdef RC_PAIR
/* ibv_post_send() and friends: how the WQE reaches N is rule O3's subject, not repeated here. */
byte last_cqe;
bit send_fence;

inline set_send_fence()
{
	send_fence = 1
}

inline post_write(qp, place, value, relaxed)
{
	atomic {
		printf("@C%d posts WRITE #%d=%d (RO %d, fence %d)\n", me, place, value, relaxed, send_fence);
		send_queue[qp]!WRITE,place,value,relaxed,send_fence;
		send_fence = 0;
		last_cqe = H_CQE
	}
}

inline vfiowc_post_delivery_read(qp, place)
{
	atomic {
		printf("@C%d posts delivery READ of #%d\n", me, place);
		send_queue[qp]!READ,place,0,STRICT,0;
		last_cqe = H_CQE2
	}
}

inline post_flush(qp, place)
{
	atomic {
		printf("@C%d posts FLUSH of #%d\n", me, place);
		send_queue[qp]!FLUSH,place,0,STRICT,0;
		last_cqe = H_CQE2
	}
}

inline wait_for_last_cqe()
{
	poll_cqe(last_cqe)
}
#endif

#ifdef LOOPBACK
/* Post and wait: vfiowc_post_local_delivery_read(), then vfiowc_poll_local_delivery() until 0. */
inline vfiowc_local_delivery_read(place)
{
	atomic { printf("@C%d posts loopback READ of #%d\n", me, place); loopback_queue!place }
	poll_cqe(H_CQE2)
}
#endif
