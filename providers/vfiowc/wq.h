/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Queues of work requests: the producer side of a ring, its lock, and when it is full.
 *
 * vfiowc_wq.lock covers the slots and our index of the ring.
 */
#ifndef VFIOWC_WQ_H
#define VFIOWC_WQ_H

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <infiniband/verbs.h>

#include "ring.h"

/* One direction of a queue pair, or a shared receive queue. */
struct vfiowc_wq {
	pthread_spinlock_t lock;
	struct vfiowc_ring ring;
	uint32_t *done; /* index behind the last request whose completion was polled; NULL: SRQ */
	uint32_t max_sge;
};

static inline int vfiowc_wq_init(struct vfiowc_wq *wq, int cmd_fd,
				 const struct vfiowc_ring_info *info, uint32_t *done,
				 uint32_t max_sge)
{
	int err = vfiowc_ring_map(&wq->ring, cmd_fd, info);

	if (err)
		return err;
	pthread_spin_init(&wq->lock, PTHREAD_PROCESS_PRIVATE);
	wq->done = done;
	wq->max_sge = max_sge;
	return 0;
}

static inline void vfiowc_wq_fini(struct vfiowc_wq *wq)
{
	pthread_spin_destroy(&wq->lock);
	vfiowc_ring_unmap(&wq->ring);
}

/*
 * Are as many requests outstanding as there are slots? That is the rule of verbs: what was not
 * polled yet may still need room in the CQ. The kernel has given a slot back before it completes.
 * Of a shared queue nobody knows which QP completes what: there the kernel's index counts.
 */
static inline bool vfiowc_wq_full(const struct vfiowc_wq *wq)
{
	const uint32_t *done = wq->done;

	if (!wq->ring.header)
		return true;
	if (!done)
		done = &wq->ring.header->consumer;
	/* acquire: with vfiowc_done_note(), the kernel's loads from the slot are over */
	return wq->ring.index - __atomic_load_n(done, __ATOMIC_ACQUIRE) >= wq->ring.entries;
}

_Static_assert(sizeof(struct ibv_sge) == sizeof(struct vfiowc_sge) &&
		       offsetof(struct ibv_sge, length) == offsetof(struct vfiowc_sge, length) &&
		       offsetof(struct ibv_sge, lkey) == offsetof(struct vfiowc_sge, lkey),
	       "SGEs are copied as they are");

static inline int vfiowc_copy_sges(void *to, const struct ibv_sge *sg_list, size_t num_sge,
				   uint32_t max_sge)
{
	if (num_sge > max_sge)
		return EINVAL;
	if (num_sge)
		memcpy(to, sg_list, num_sge * sizeof(*sg_list));
	return 0;
}

#endif
