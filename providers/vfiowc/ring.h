/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The rings shared with the kernel: mapping them, and the two indices.
 *
 * An index is a free-running 32-bit counter with one writer. We write the producer of send and
 * receive queues and the consumer of completion queues, and keep a private copy of what we wrote:
 * the shared word is never read back. The producer of a completion queue is read only when the last
 * value seen says "empty", so that its cache line does not travel for nothing; the consumer of
 * send and receive queues is not read at all, because completions say more (done.h).
 *
 * Ordering. The "device" at the other end is the kernel on another CPU (or on this one, in the
 * doorbell call), reading and writing ordinary write-back memory: what two threads need, release
 * and acquire, is exactly what is needed here. The names of util/udma_barrier.h are not used
 * because they promise less where it matters and more where it does not: on x86 they are made for
 * stores that a bus master observes, on arm64 they are outer-shareable barriers.
 *
 *	publish (release)	our stores into the slots, and the application's stores into the
 *				memory that the request names, come before the index that shows them
 *				to the kernel (the host-memory half of rule O3; the doorbell that
 *				follows is a system call, and no later store can pass it)
 *	peek (acquire)		the kernel's index comes before our loads from the slots it covers,
 *				and before the application's loads from memory that a completion
 *				says was written
 *	release		our loads from completion slots are over before the kernel may overwrite
 *				them
 *
 * On x86 each of the three is a compiler barrier, which holds for ordinary stores only.
 * Non-temporal and write-combined stores of the application are its own to fence before it posts,
 * as the verbs API has always required there (rules O3 and O4).
 */
#ifndef VFIOWC_RING_H
#define VFIOWC_RING_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <rdma/vfiowc-abi.h>

struct vfiowc_ring {
	struct vfiowc_ring_header *header; /* NULL: there is no such ring */
	uint8_t *slots;
	size_t mmap_bytes;
	uint32_t entries;
	uint32_t stride_bytes;
	uint32_t index; /* ours: the next slot to fill, or to read */
	uint32_t peer; /* CQ: the kernel's index when last read */
};

/*
 * 0 or a positive errno. A ring that the kernel did not make is left empty: always full, never
 * ready.
 */
static inline int vfiowc_ring_map(struct vfiowc_ring *ring, int cmd_fd,
				  const struct vfiowc_ring_info *info)
{
	void *start;

	if (!info->mmap_size)
		return 0;
	start = mmap(NULL, info->mmap_size, PROT_READ | PROT_WRITE, MAP_SHARED, cmd_fd,
		     (off_t)info->mmap_offset);
	if (start == MAP_FAILED)
		return errno;
	ring->header = start;
	ring->slots = (uint8_t *)start + VFIOWC_RING_HEADER_BYTES;
	ring->mmap_bytes = info->mmap_size;
	ring->entries = info->entries;
	ring->stride_bytes = info->stride;
	return 0;
}

static inline void vfiowc_ring_unmap(struct vfiowc_ring *ring)
{
	if (ring->header)
		munmap(ring->header, ring->mmap_bytes);
}

/* The slot at our index; entries is a power of two. */
static inline void *vfiowc_ring_slot(const struct vfiowc_ring *ring)
{
	return ring->slots + (size_t)(ring->index & (ring->entries - 1)) * ring->stride_bytes;
}

/* Producer: show the kernel every slot filled so far. */
static inline void vfiowc_ring_publish(struct vfiowc_ring *ring)
{
	__atomic_store_n(&ring->header->producer, ring->index, __ATOMIC_RELEASE);
}

/* Consumer: is there no slot to read? */
static inline bool vfiowc_ring_empty(struct vfiowc_ring *ring)
{
	if (ring->index != ring->peer)
		return false;
	ring->peer = __atomic_load_n(&ring->header->producer, __ATOMIC_ACQUIRE);
	return ring->index == ring->peer;
}

/* Consumer: give the kernel back every slot read so far. */
static inline void vfiowc_ring_release(struct vfiowc_ring *ring)
{
	__atomic_store_n(&ring->header->consumer, ring->index, __ATOMIC_RELEASE);
}

/*
 * Producer of a receive queue, after publishing: does the kernel want to be told? It does while
 * the queue pair is in error. It sets the flag, fences, reads the producer; we store the
 * producer, fence, read the flag: one of the two sees the other. A release alone would let our
 * load pass our store.
 */
static inline bool vfiowc_ring_wants_kick(const struct vfiowc_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&ring->header->flags, __ATOMIC_RELAXED) & VFIOWC_RING_KICK;
}

#endif
