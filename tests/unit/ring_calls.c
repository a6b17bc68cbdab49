// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * One function for each ordered access to a ring, compiled and disassembled by ring_calls.sh. Never run.
 */
#include "ring.h"

void call_publish(struct vfiowc_ring *ring);
bool call_empty(struct vfiowc_ring *ring);
void call_release(struct vfiowc_ring *ring);
bool call_wants_kick(const struct vfiowc_ring *ring);

void call_publish(struct vfiowc_ring *ring)
{
	vfiowc_ring_publish(ring);
}

bool call_empty(struct vfiowc_ring *ring)
{
	return vfiowc_ring_empty(ring);
}

void call_release(struct vfiowc_ring *ring)
{
	vfiowc_ring_release(ring);
}

bool call_wants_kick(const struct vfiowc_ring *ring)
{
	return vfiowc_ring_wants_kick(ring);
}
