/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The PCIe fabric: per path a queue of posted writes and read requests.
 *
 *  - A posted write passes no earlier one, unless it has RO; a read request passes no posted write,
 *    whatever the attributes (IDO is not modelled: no agent here sets it).
 *  - Nothing orders two paths: each is a process of its own.
 *  - A read returns what the completer holds when the request arrives; its completion travels
 *    without delay (a slower one adds no outcome: only the requester waits for it).
 *  - TPH rides along and decides nothing (O8).
 */
mtype = { WR, RD };

chan path[PATHS] = [6] of { mtype, byte, byte, bit, bit };	/* what, place, value | reader, RO, TPH */
chan completion[READERS] = [1] of { byte };

/* A full queue would hide outcomes: the bounds must never be felt. */
#define NOT_FULL(queue)	assert(nfull(queue))

inline post(p, place, value, relaxed, hint)
{
	NOT_FULL(path[p]);
	path[p]!WR,place,value,relaxed,hint
}

inline request(p, place, reader)
{
	NOT_FULL(path[p]);
	path[p]!RD,place,reader,0,0
}
