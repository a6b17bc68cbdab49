/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The RDMA device N. A rule file scripts the target side with n_write() and n_read(), or runs the
 * pair Ni, Nt below when work requests of an initiator matter.
 *
 *  - N writes to B and to H by different paths; a CQE is a write to H.
 *  - Ni executes the work requests of a QP in order; one with IBV_SEND_FENCE waits for the READs
 *    before it. The fabric keeps the order of a reliable connection.
 *  - Nt issues in the order of arrival, waits for nothing, and may acknowledge a WRITE before it
 *    has issued it (unless ACK_AFTER_ISSUE): an acknowledgement says that the data will not be
 *    lost, not where it is. An OUT_OF_ORDER_QP has two such engines side by side.
 *  - A FLUSH moves nothing to Ni, but PCIe has no other means of knowing where a posted write is
 *    than a read behind it: Nt issues one, and answers when it has come back. Whether a fence waits
 *    for a FLUSH no rule asks.
 */
#define QPS	2

/* Issue one write; N's choice of path is by completer. */
inline n_write(place, value, relaxed, hint)
{
	if
	:: IS_D(place) -> post(N_TO_D, place, value, relaxed, hint)
	:: IS_H(place) -> post(N_TO_H, place, value, relaxed, hint)
	fi
}

inline n_request(place, qp)
{
	if
	:: IS_D(place) -> request(N_TO_D, place, FOR_QP + qp)
	:: IS_H(place) -> request(N_TO_H, place, FOR_QP + qp)
	fi
}

/* Read and wait for the completion. */
inline n_read(place, qp, value)
{
	atomic { printf("@N reads #%d\n", place); n_request(place, qp) }
	atomic { completion[FOR_QP + qp]?value -> printf("@N has #%d: %d\n", place, value) }
}

inline n_cqe(place, value)
{
	atomic { printf("@N issues CQE #%d\n", place); n_write(place, value, STRICT, 0) }
}

#ifdef RC_PAIR
mtype = { WRITE, READ, FLUSH };

chan send_queue[QPS] = [4] of { mtype, byte, byte, bit, bit };	/* op, place, value, RO, fence */
chan wire[QPS] = [4] of { mtype, byte, byte, bit };
chan response[QPS] = [4] of { mtype };
byte reads_outstanding[QPS];
bit flushing[QPS];	/* the completion is a FLUSH's; no rule mixes it with READs on one QP */

/* Initiator: CQEs go to its own host memory; #8 for a WRITE, #9 for a READ or a FLUSH. */
proctype Ni(byte qp)
{
	mtype op;
	byte place, value;
	bit relaxed, fence;

end:	do
	:: atomic {
		send_queue[qp]?[_,_,_,_,0] ||
		(send_queue[qp]?[_,_,_,_,1] && reads_outstanding[qp] == 0) ->
		send_queue[qp]?op,place,value,relaxed,fence ->
		if
		:: op == READ ->
			reads_outstanding[qp]++;
			printf("@Ni sends READ of #%d\n", place)
		:: op == FLUSH ->
			printf("@Ni sends FLUSH of #%d\n", place)
		:: else ->
			printf("@Ni sends WRITE #%d=%d\n", place, value)
		fi;
		wire[qp]!op,place,value,relaxed;
		op = 0; place = 0; value = 0; relaxed = 0; fence = 0
	   }
	:: atomic {
		response[qp]?op ->
		if
		:: op == READ ->
			reads_outstanding[qp]--;
			printf("@Ni issues the READ's CQE\n");
			post(I_TO_H, H_CQE2, 1, STRICT, 0)
		:: op == FLUSH ->
			printf("@Ni issues the FLUSH's CQE\n");
			post(I_TO_H, H_CQE2, 1, STRICT, 0)
		:: else ->
			printf("@Ni issues the WRITE's CQE\n");
			post(I_TO_H, H_CQE, 1, STRICT, 0)
		fi;
		op = 0
	   }
	od
}

proctype Nt(byte qp)
{
	mtype op;
	byte place, value;
	bit relaxed;

end:	do
	:: wire[qp]?op,place,value,relaxed;
	   if
	   :: op == WRITE ->
		if
#ifndef ACK_AFTER_ISSUE
		:: atomic { printf("@Nt acknowledges WRITE #%d\n", place); response[qp]!WRITE }
		   atomic { printf("@Nt issues #%d=%d\n", place, value); n_write(place, value, relaxed, 0) }
#endif
		:: atomic { printf("@Nt issues #%d=%d\n", place, value); n_write(place, value, relaxed, 0) }
		   atomic { printf("@Nt acknowledges WRITE #%d\n", place); response[qp]!WRITE }
		fi
	   :: op == READ ->
#ifdef MUTATE_EMPTY_READ
		atomic { printf("@Nt answers a READ of no bytes\n"); response[qp]!READ }
#else
		atomic { printf("@Nt issues read of #%d\n", place); n_request(place, qp) }
#endif
	   :: op == FLUSH ->
#ifdef MUTATE_FLUSH_ANSWERED_EARLY
		atomic { printf("@Nt answers the FLUSH\n"); response[qp]!FLUSH }
#else
		atomic { printf("@Nt issues read of #%d\n", place); flushing[qp] = 1; n_request(place, qp) }
#endif
	   fi;
	   atomic { op = 0; place = 0; value = 0; relaxed = 0 }
	od
}

/* Read completions return on their own: Nt does not wait for them before the next request. */
proctype Nt_responses(byte qp)
{
end:	do
	:: atomic {
		completion[FOR_QP + qp]?_ ->
		if
		:: flushing[qp] -> printf("@Nt answers the FLUSH\n"); flushing[qp] = 0; response[qp]!FLUSH
		:: else -> printf("@Nt answers the READ\n"); response[qp]!READ
		fi
	   }
	od
}

inline start_rc_pair(qp)
{
	run Ni(qp);
	run Nt(qp);
#ifdef OUT_OF_ORDER_QP
	run Nt(qp);
#endif
	run Nt_responses(qp)
}
#endif

#ifdef LOOPBACK
/* The QP that C connected to itself on the target's N: same function, same path, same MR. */
chan loopback_queue = [1] of { byte };

proctype N_loopback()
{
	byte place, value;

end:	do
	:: loopback_queue?place;
#ifdef MUTATE_READ_ON_ANOTHER_PATH
	   atomic { printf("@N loopback reads #%d by another path\n", place); request(N2_TO_D, place, FOR_QP + 1) }
	   atomic { completion[FOR_QP + 1]?value -> printf("@N has #%d: %d\n", place, value) }
#else
	   n_read(place, 1, value);
#endif
	   n_cqe(H_CQE2, 1);
	   atomic { place = 0; value = 0 }
	od
}
#endif
