// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Delivery at the target in one blocking call (O5t, O7). The loopback is kept here, one for each
 * PD: verbs lets a QP reach only MRs of its own PD, and a device may have several.
 *
 * Locks: the list's lock, then nothing; an entry's lock is held across the whole READ, with the
 * list's lock not held. An entry that somebody uses is not freed.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "vfiowc.h"
#include "vfiowc_order.h"

#define SPINS_BEFORE_YIELD 200

struct kept_loopback {
	struct kept_loopback *next; /* kept_lock */
	struct ibv_pd *pd;
	unsigned int users; /* kept_lock */
	pthread_mutex_t lock;
	struct vfiowc_loopback *loopback; /* lock; NULL: not made yet, or the last READ broke it */
};

/* The library's only state here. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept_loopback *kept;

static struct kept_loopback **find_locked(struct ibv_pd *pd)
{
	struct kept_loopback **link = &kept;

	while (*link && (*link)->pd != pd)
		link = &(*link)->next;
	return link;
}

static struct kept_loopback *get(struct ibv_pd *pd)
{
	struct kept_loopback **link, *entry;

	pthread_mutex_lock(&kept_lock);
	link = find_locked(pd);
	entry = *link;
	if (!entry) {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			goto out;
		entry->pd = pd;
		pthread_mutex_init(&entry->lock, NULL);
		*link = entry;
	}
	entry->users++;
out:
	pthread_mutex_unlock(&kept_lock);
	return entry;
}

static void put(struct kept_loopback *entry)
{
	pthread_mutex_lock(&kept_lock);
	entry->users--;
	pthread_mutex_unlock(&kept_lock);
}

/* Any GID of the port will do to address oneself by: the first that is set. */
static int choose_gid(struct ibv_context *ctx, uint8_t port_num, const struct ibv_port_attr *port)
{
	static const union ibv_gid unset;
	union ibv_gid gid;
	int i;

	for (i = 0; i < port->gid_tbl_len; i++)
		if (!ibv_query_gid(ctx, port_num, i, &gid) && memcmp(&gid, &unset, sizeof(gid)))
			return i;
	return 0;
}

/* Every port of a function reaches memory by the same path: the first active one. */
static struct vfiowc_loopback *make_loopback(struct ibv_pd *pd)
{
	struct ibv_device_attr device;
	struct ibv_port_attr port;
	unsigned int i;
	int err;

	err = ibv_query_device(pd->context, &device);
	for (i = 1; !err && i <= device.phys_port_cnt; i++) {
		err = ibv_query_port(pd->context, i, &port);
		if (!err && port.state == IBV_PORT_ACTIVE)
			return vfiowc_create_loopback(pd, i, choose_gid(pd->context, i, &port));
	}
	errno = err ? err : ENODEV;
	return NULL;
}

static int wait_for(struct vfiowc_loopback *loopback, enum ibv_wc_status *status)
{
	unsigned int spins = 0;
	int err;

	/* Ends: the QP has a timeout and a number of retries. */
	while ((err = vfiowc_poll_local_delivery(loopback, status)) == EAGAIN)
		if (++spins > SPINS_BEFORE_YIELD)
			sched_yield();
	return err;
}

/* What a failed READ says about @mr. */
static int explain(struct ibv_mr *mr, enum ibv_wc_status status)
{
	struct vfiowc_mr_tph attr;

	switch (status) {
	case IBV_WC_REM_OP_ERR:
	case IBV_WC_REM_INV_REQ_ERR:
		return EOPNOTSUPP;
	case IBV_WC_REM_ACCESS_ERR:
		if (vfiowc_query_mr_tph(mr, &attr, sizeof(attr)))
			return EIO;
		return attr.state == VFIOWC_MR_STATE_INVALIDATED ? ENODEV : EOPNOTSUPP;
	default:
		return EIO;
	}
}

static int deliver_locked(struct kept_loopback *entry, struct ibv_mr *mr, uint64_t addr,
			  enum ibv_wc_status *status)
{
	enum ibv_wc_status found;
	int err;

	if (!entry->loopback)
		entry->loopback = make_loopback(entry->pd);
	if (!entry->loopback)
		return errno;
	err = vfiowc_post_local_delivery_read(entry->loopback, mr, addr);
	if (err)
		return err;
	err = wait_for(entry->loopback, &found);
	if (status)
		*status = found;
	if (err) {
		/* Its QP is in the error state. If it cannot be destroyed now, it is at the end. */
		if (!vfiowc_destroy_loopback(entry->loopback))
			entry->loopback = NULL;
		return explain(mr, found);
	}
	vfiowc_acquire();
	return 0;
}

int vfiowc_local_delivery(struct ibv_mr *mr, uint64_t addr, enum ibv_wc_status *status)
{
	struct kept_loopback *entry = get(mr->pd);
	int err;

	if (!entry)
		return ENOMEM;
	pthread_mutex_lock(&entry->lock);
	err = deliver_locked(entry, mr, addr, status);
	pthread_mutex_unlock(&entry->lock);
	put(entry);
	return err;
}

int vfiowc_end_local_delivery(struct ibv_pd *pd)
{
	struct kept_loopback **link, *entry;
	int err = 0;

	pthread_mutex_lock(&kept_lock);
	link = find_locked(pd);
	entry = *link;
	if (!entry)
		goto out;
	err = entry->users ? EBUSY : 0;
	if (!err && entry->loopback)
		err = vfiowc_destroy_loopback(entry->loopback);
	if (err)
		goto out;
	*link = entry->next;
	pthread_mutex_destroy(&entry->lock);
	free(entry);
out:
	pthread_mutex_unlock(&kept_lock);
	return err;
}
