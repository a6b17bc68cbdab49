// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The table of done.h: making and freeing it.
 */
#include <stdlib.h>

#include "done.h"

void vfiowc_done_init(struct vfiowc_done_table *table)
{
	pthread_mutex_init(&table->lock, NULL);
}

void vfiowc_done_fini(struct vfiowc_done_table *table)
{
	for (size_t i = 0; i <= VFIOWC_DONE_MASK; i++)
		free(table->leaves[i]);
	pthread_mutex_destroy(&table->lock);
}

struct vfiowc_done *vfiowc_done_add(struct vfiowc_done_table *table, uint32_t qpn)
{
	struct vfiowc_done **slot = &table->leaves[(qpn >> VFIOWC_DONE_BITS) & VFIOWC_DONE_MASK];
	struct vfiowc_done *leaf;

	pthread_mutex_lock(&table->lock);
	leaf = *slot;
	if (!leaf) {
		leaf = calloc(1U << VFIOWC_DONE_BITS, sizeof(*leaf));
		/* release: pollers see zeroed counters */
		__atomic_store_n(slot, leaf, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&table->lock);
	if (!leaf)
		return NULL;

	leaf += qpn & VFIOWC_DONE_MASK;
	__atomic_store_n(&leaf->sq, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&leaf->rq, 0, __ATOMIC_RELAXED);
	return leaf;
}
