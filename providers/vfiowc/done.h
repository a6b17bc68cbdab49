/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * How far each queue's completions were polled.
 *
 * The kernel gives a slot back as soon as it has copied it, but verbs counts a request as
 * outstanding until its completion, or that of a later one of the same queue, was polled:
 * applications rely on ENOMEM to keep their CQ from overflowing. So polling notes the queue's index
 * behind the request, once the completion's slot is free again, and posting compares.
 *
 * The counters live in a table of their own, by queue pair number, and not in the queue pair: a
 * completion may be polled after its queue pair was destroyed. Leaves are made when a queue pair
 * is and stay until the context ends, so that polling takes no lock.
 */
#ifndef VFIOWC_DONE_H
#define VFIOWC_DONE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define VFIOWC_DONE_BITS 12 /* queue pair numbers have 24 */
#define VFIOWC_DONE_MASK ((1U << VFIOWC_DONE_BITS) - 1)

/* Indices behind the last request that is known to be over. */
struct vfiowc_done {
	uint32_t sq;
	uint32_t rq;
};

struct vfiowc_done_table {
	pthread_mutex_t lock; /* making leaves */
	struct vfiowc_done *leaves[1U << VFIOWC_DONE_BITS];
};

void vfiowc_done_init(struct vfiowc_done_table *table);
void vfiowc_done_fini(struct vfiowc_done_table *table);

/* The counters of a new queue pair, both 0; NULL with errno set. */
struct vfiowc_done *vfiowc_done_add(struct vfiowc_done_table *table, uint32_t qpn);

/*
 * A completion with @index was polled. Never backwards: after a RESET, even one that another thread
 * does just now, old ones may still come.
 * Release: the caller's acquire of the CQ's producer reaches whoever posts next (wq_full()).
 */
static inline void vfiowc_done_note(struct vfiowc_done_table *table, uint32_t qpn, bool receive,
				    uint32_t index)
{
	struct vfiowc_done *leaf, *done;
	uint32_t *counter, now;

	leaf = __atomic_load_n(&table->leaves[(qpn >> VFIOWC_DONE_BITS) & VFIOWC_DONE_MASK],
			       __ATOMIC_ACQUIRE);
	if (!leaf)
		return;
	done = &leaf[qpn & VFIOWC_DONE_MASK];
	counter = receive ? &done->rq : &done->sq;
	now = __atomic_load_n(counter, __ATOMIC_RELAXED);
	while ((int32_t)(index - now) > 0 &&
	       !__atomic_compare_exchange_n(counter, &now, index, true, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED))
		; /* now is what it has become */
}

#endif
