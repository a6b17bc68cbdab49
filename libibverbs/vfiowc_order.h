/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Ordering between CPU stores to a BAR, an RDMA device's reads and writes of it, and the device
 * behind it. Each call names the rule of the ordering contract (vfiowc_order(7)) that it carries
 * out; code that moves data and calls none of them has to say which rule makes that right.
 *
 * Agents: C, a CPU thread; N, an RDMA function (Ni executes its own posted work, Nt a peer's
 * request); D, the PCI function that owns the BAR. Places: H, host memory; B, the slice of the BAR.
 *
 * Posted: has left its issuer, nothing of the same issuer on the same path passes it any more.
 * Delivered: has arrived at D; every later read by anyone sees it. Posted is not delivered.
 *
 * The CPU calls are inline and thread-safe in that they order the calling thread only.
 */
#ifndef INFINIBAND_VFIOWC_ORDER_H
#define INFINIBAND_VFIOWC_ORDER_H

#include <stdint.h>
#include <infiniband/verbs.h>
#include "vfiowc_copy.h"

#ifdef __cplusplus
extern "C" {
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#error "vfiowc_order.h knows the ordering of x86-64 and arm64 only"
#endif

/* Internal: nothing moves across it in the compiler. No instruction. */
#define vfiowc_compiler_barrier() __asm__ __volatile__("" ::: "memory")

/*
 * Internal: the instruction, and an ELF note of where it is. Checked maps (vfiowc_map_checked(7))
 * find the notes and put a trap in the instruction's place for as long as they need to know of it;
 * without them the note costs nothing. In the note: the distance to the instruction, and which call
 * it is.
 */
#ifdef __x86_64__
#define VFIOWC_NOTE "@note"
#else
#define VFIOWC_NOTE "%%note"
#endif
#define VFIOWC_SITE(instruction, call)								   \
	"990:\n\t" instruction "\n"								   \
	"\t.pushsection .note.vfiowc, \"a?\", " VFIOWC_NOTE "\n"					   \
	"\t.balign 4\n\t.long 7, 8, " call "\n\t.asciz \"vfiowc\"\n\t.balign 4\n"			   \
	"\t.long 990b - ., 0\n\t.popsection\n"
#define VFIOWC_SITE_FLUSH	"1" /* WC stores of this thread are posted */
#define VFIOWC_SITE_LOCK	"2" /* a lock around a WC line was taken */

/**
 * vfiowc_wc_flush - post all earlier WC stores of this thread (O2)
 *
 * Observers: the storing thread C and D. WC stores may merge, split, reorder and wait without
 * limit; after this call all earlier ones are posted before any later *store* of this thread. A
 * later load may still pass, and nothing is delivered yet: vfiowc_deliver() for that.
 *
 * Instructions: x86-64 sfence; arm64 dsb st.
 * Before: the WC (or non-temporal) stores. After: an NC doorbell to the same D, or an unlock.
 *
 *	vfiowc_copy_to(wc_data, request, sizeof(request));
 *	vfiowc_wc_flush();
 *	vfiowc_ring32(nc_bell, 1);
 */
static inline void vfiowc_wc_flush(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__(VFIOWC_SITE("sfence", VFIOWC_SITE_FLUSH) : : : "memory");
#else
	__asm__ __volatile__(VFIOWC_SITE("dsb st", VFIOWC_SITE_FLUSH) : : : "memory");
#endif
}

/* Internal: stores to H before an NC doorbell (O3). x86-64 orders UC- stores after WB stores. */
static inline void vfiowc_order_before_bell(void)
{
#if defined(__x86_64__)
	vfiowc_compiler_barrier();
#else
	__asm__ __volatile__("dmb oshst" ::: "memory");
#endif
}

/* Internal: stores to H before a WC doorbell (O3). */
static inline void vfiowc_order_before_wc_bell(void)
{
#if defined(__x86_64__)
	vfiowc_wc_flush();
#else
	__asm__ __volatile__("dmb oshst" ::: "memory");
#endif
}

/* Internal: exactly one naturally aligned store (O1). */
static inline void vfiowc_store32(volatile void *bell, uint32_t value)
{
#if defined(__x86_64__)
	__asm__ __volatile__("movl %1, %0" : "=m"(*(volatile uint32_t *)bell) : "r"(value) : "memory");
#else
	__asm__ __volatile__("str %w1, %0" : "=Q"(*(volatile uint32_t *)bell) : "rZ"(value) : "memory");
#endif
}

static inline void vfiowc_store64(volatile void *bell, uint64_t value)
{
#if defined(__x86_64__)
	__asm__ __volatile__("movq %1, %0" : "=m"(*(volatile uint64_t *)bell) : "r"(value) : "memory");
#else
	__asm__ __volatile__("str %x1, %0" : "=Q"(*(volatile uint64_t *)bell) : "rZ"(value) : "memory");
#endif
}

/**
 * vfiowc_ring32 - ring a 32-bit doorbell in an NC mapping (O1, O3)
 * @bell: naturally aligned word in an NC mapping
 * @value: in the byte order of the CPU
 *
 * Observers: C, and D or N which reads H because of the doorbell. Earlier stores to H are visible
 * to it; the doorbell is exactly one store, and the doorbells of one thread keep their order.
 *
 * Instructions: x86-64 a compiler barrier and mov; arm64 dmb oshst, str.
 * Before: ordinary stores to H. If WC stores (to the same D) or non-temporal stores came before,
 * vfiowc_wc_flush() must stand between them and this call. After: nothing.
 */
static inline void vfiowc_ring32(volatile void *bell, uint32_t value)
{
	vfiowc_order_before_bell();
	vfiowc_store32(bell, value);
}

/** vfiowc_ring64 - vfiowc_ring32() for a 64-bit doorbell */
static inline void vfiowc_ring64(volatile void *bell, uint64_t value)
{
	vfiowc_order_before_bell();
	vfiowc_store64(bell, value);
}

/**
 * vfiowc_ring32_wc - ring a 32-bit doorbell in a WC mapping (O3)
 * @bell: naturally aligned word in a WC mapping
 * @value: in the byte order of the CPU
 *
 * As vfiowc_ring32(), and the doorbell is posted before any later store: neither earlier WC stores
 * nor a next doorbell can merge with it.
 *
 * Instructions: x86-64 sfence, mov, sfence; arm64 dmb oshst, str, dsb st.
 * Before: stores to H, or to B through WC on x86-64; on arm64 WC stores need vfiowc_wc_flush().
 */
static inline void vfiowc_ring32_wc(volatile void *bell, uint32_t value)
{
	vfiowc_order_before_wc_bell();
	vfiowc_store32(bell, value);
	vfiowc_wc_flush();
}

/** vfiowc_ring64_wc - vfiowc_ring32_wc() for a 64-bit doorbell */
static inline void vfiowc_ring64_wc(volatile void *bell, uint64_t value)
{
	vfiowc_order_before_wc_bell();
	vfiowc_store64(bell, value);
	vfiowc_wc_flush();
}

/**
 * vfiowc_deliver - deliver all earlier stores of this thread to a PCI function (O4)
 * @nc_word: 4-byte aligned word of the *same function*, in an **NC** mapping; it is read once, so
 *	choose one whose read has no side effect. Through a WC mapping the read may be answered early
 *	and prove nothing.
 *
 * Observers: C, and N which will read B (an SGE in B, or a peer's READ). Posted is not enough for
 * that, N comes by another path; after this call every earlier store of this thread to that
 * function, NC or WC, is delivered.
 *
 * Instructions: x86-64 mfence, mov; arm64 dsb st, ldr, dmb ld. The mfence is needed: after a mere
 * sfence the load may pass on a processor where uncached accesses do not drain WC buffers.
 * Before: the stores. After: ibv_post_send(), or the message that makes the peer READ.
 *
 *	vfiowc_copy_to(wc_data, request, sizeof(request));
 *	vfiowc_deliver(nc_word);
 *	ibv_post_send(qp, &send_from_slice, &bad);
 *
 * Return: the value read.
 */
static inline uint32_t vfiowc_deliver(const volatile void *nc_word)
{
	uint32_t value;

#if defined(__x86_64__)
	__asm__ __volatile__(VFIOWC_SITE("mfence", VFIOWC_SITE_FLUSH) "\tmovl %1, %0"
			     : "=r"(value) : "m"(*(const volatile uint32_t *)nc_word) : "memory");
#else
	__asm__ __volatile__(VFIOWC_SITE("dsb st", VFIOWC_SITE_FLUSH) "\tldr %w0, %1\n\tdmb ld"
			     : "=r"(value) : "Q"(*(const volatile uint32_t *)nc_word) : "memory");
#endif
	return value;
}

/**
 * vfiowc_acquire - later loads see what an observed completion proved (O5t, O16)
 *
 * Observers: C, and N which wrote B. WC loads may have been made early, before the CQE (or the
 * flag) was seen; loads after this call are made after it.
 *
 * Instructions: x86-64 lfence; arm64 dmb ld. (On x86-64 NC loads would not need it.)
 * Before: the CQE of vfiowc_post_local_delivery_read(), or of vfiowc_post_delivery_read() when C is
 * at the initiator. After: loads from B.
 */
static inline void vfiowc_acquire(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("lfence" ::: "memory");
#else
	__asm__ __volatile__("dmb ld" ::: "memory");
#endif
}

/**
 * vfiowc_done_reading - loads are over before others may overwrite what they read (O17)
 *
 * Observers: C, and N which will overwrite B or H because of what C does next (a receive posted, a
 * credit sent, a doorbell rung). Loads before this call have their values before any later store.
 *
 * Instructions: x86-64 a compiler barrier, loads are not passed by later stores; arm64 dmb ld.
 * Before: the loads. After: ibv_post_recv(), ibv_post_send() or vfiowc_ring32().
 *
 *	vfiowc_copy_from(copy, slice, size);
 *	vfiowc_done_reading();
 *	ibv_post_recv(qp, &wr, &bad);
 */
static inline void vfiowc_done_reading(void)
{
#if defined(__x86_64__)
	vfiowc_compiler_barrier();
#else
	__asm__ __volatile__("dmb ld" ::: "memory");
#endif
}

/* A lock around a WC line or a doorbell page; {} is one that nobody holds. */
struct vfiowc_line_lock {
	uint32_t taken;
};

/**
 * vfiowc_wc_lock - become the only one who writes a WC line or doorbell page (O10)
 * @lock: one for each line or page, in memory that the threads share
 *
 * Observers: two threads C, and D. Between two threads that store to one line there is no order:
 * D may see their stores mixed. Holders of the lock follow each other, because
 * vfiowc_wc_unlock() posts what its holder stored.
 *
 * Spins, as a holder is about to leave. Instructions: x86-64 xchg; arm64 ldaxr, stxr (or swpa).
 * Before: nothing of this line unflushed. After: the stores, then vfiowc_wc_unlock().
 *
 *	vfiowc_wc_lock(&page->lock);
 *	vfiowc_copy_to(page->wc_line, command, sizeof(command));
 *	vfiowc_wc_unlock(&page->lock);
 */
static inline void vfiowc_wc_lock(struct vfiowc_line_lock *lock)
{
	while (__atomic_exchange_n(&lock->taken, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(&lock->taken, __ATOMIC_RELAXED))
#if defined(__x86_64__)
			__asm__ __volatile__("pause");
#else
			__asm__ __volatile__("yield");
#endif
	__asm__ __volatile__(VFIOWC_SITE("nop", VFIOWC_SITE_LOCK) : : : "memory");
}

/**
 * vfiowc_wc_unlock - post the holder's stores, then release the lock (O10)
 * @lock: held by this thread
 *
 * Observers: as vfiowc_wc_lock(). A release alone is an ordinary store: it waits for no combining
 * buffer, so any other lock needs vfiowc_wc_flush() before it is released.
 *
 * Instructions: x86-64 sfence, mov; arm64 dsb st, stlr.
 * Before: the stores. After: nothing.
 */
static inline void vfiowc_wc_unlock(struct vfiowc_line_lock *lock)
{
	vfiowc_wc_flush();
	__atomic_store_n(&lock->taken, 0, __ATOMIC_RELEASE);
}

/**
 * vfiowc_post_delivery_read - initiator: prove that earlier WRITEs are delivered (O5i)
 * @qp: the RC QP that the WRITEs were posted on
 * @wr_id: of the READ's completion
 * @into: where the bytes read go: registered host memory, at least 1 byte (a READ of length 0 is
 *	no flush); 1 byte is enough
 * @remote_addr, @rkey: inside the slice that was written
 *
 * Observers: Ni and D. A WRITE's CQE does not say that the bytes are delivered. When this READ's
 * CQE is successful, all WRITEs posted before it on @qp to that slice are. The READ is signalled.
 * Later WRITEs that depend on it carry IBV_SEND_FENCE or are posted after the CQE.
 *
 * Thread-safe as ibv_post_send() is. The peer's MR needs IBV_ACCESS_REMOTE_READ, the QP
 * max_rd_atomic > 0.
 *
 * Return: 0; EINVAL @into has length 0, or @qp is no RC QP; what ibv_post_send() says.
 */
int vfiowc_post_delivery_read(struct ibv_qp *qp, uint64_t wr_id, struct ibv_sge *into,
			      uint64_t remote_addr, uint32_t rkey);

/* A QP connected to itself, on the function and port whose peers write the slice. */
struct vfiowc_loopback;

/**
 * vfiowc_create_loopback - make what a target needs for delivery reads (O5t)
 * @pd: PD of the MR that peers write through; same RDMA function
 * @port_num: the port they come in by
 * @gid_index: GID to address oneself by (RoCE and the software device need it; InfiniBand uses the
 *	LID unless the port demands a GRH)
 *
 * Owns a CQ, an RC QP and 8 bytes of registered host memory.
 *
 * Return: the loopback, or NULL with errno: EINVAL no such port or GID; ENETDOWN the port is not
 * active; EOPNOTSUPP the device cannot READ (max_qp_rd_atom is 0); ENOMEM; what the verbs say.
 */
struct vfiowc_loopback *vfiowc_create_loopback(struct ibv_pd *pd, uint8_t port_num, int gid_index);

/**
 * vfiowc_destroy_loopback - end it, outstanding reads included
 * @loopback: the loopback
 *
 * Return: 0, or what ibv_destroy_qp() says (nothing changed).
 */
int vfiowc_destroy_loopback(struct vfiowc_loopback *loopback);

/**
 * vfiowc_post_local_delivery_read - target: prove that a peer's WRITE is delivered (O5t)
 * @loopback: on the same RDMA function as @mr
 * @mr: the MR that the peer wrote through, with IBV_ACCESS_REMOTE_READ
 * @addr: an address in it as used in work requests (from its iova on)
 *
 * Observers: Nt, D, and C which wants to read B or to ring D (O7). A receive CQE lies in H and
 * proves nothing about B. When vfiowc_poll_local_delivery() returns 0, what N wrote before that
 * CQE is delivered. One read at a time per loopback. Assumes, as NICs do, that N issues the data
 * before the CQE.
 *
 *	... the CQE of IBV_WC_RECV_RDMA_WITH_IMM was polled ...
 *	vfiowc_post_local_delivery_read(loopback, mr, iova);
 *	while ((err = vfiowc_poll_local_delivery(loopback, NULL)) == EAGAIN)
 *		;
 *	vfiowc_acquire();
 *	value = *wc_data;
 *
 * Return: 0; EBUSY one is outstanding; EINVAL @mr is of another RDMA device; EIO an earlier one
 * failed (make a new loopback); what ibv_post_send() says.
 */
int vfiowc_post_local_delivery_read(struct vfiowc_loopback *loopback, struct ibv_mr *mr,
				    uint64_t addr);

/**
 * vfiowc_poll_local_delivery - is the delivery read over?
 * @loopback: the loopback
 * @status: receives the work completion's status when there is one; or NULL
 *
 * C that goes on to load from B calls vfiowc_acquire() first; C that rings D needs no fence (O7).
 *
 * Return: 0 delivered; EAGAIN not yet; EIO it failed, *status says how (MR revoked, no remote read
 * access, address outside the MR), and the loopback must be made anew; ENOENT none is outstanding.
 */
int vfiowc_poll_local_delivery(struct vfiowc_loopback *loopback, enum ibv_wc_status *status);

/**
 * vfiowc_local_delivery - target: wait until what a peer wrote is delivered (O5t, O7)
 * @mr: the MR that the peer wrote through, with IBV_ACCESS_REMOTE_READ
 * @addr: an address in it as used in work requests (from its iova on)
 * @status: receives the status of the READ's completion when there is one; or NULL
 *
 * vfiowc_post_local_delivery_read() and all around it in one call: the loopback is the library's,
 * one for each PD, made on first use; the call waits for the READ and ends with
 * vfiowc_acquire(), so C may load from B at once, or ring D (O7). A failed READ costs the
 * loopback; the next call makes a new one. Thread-safe; calls on one PD wait for each other.
 *
 * Instructions: ibv_post_send() and ibv_poll_cq(), then x86-64 lfence; arm64 dmb ld.
 * Before: the receive CQE. After: loads from B, or the doorbell.
 *
 *	... the CQE of IBV_WC_RECV_RDMA_WITH_IMM was polled ...
 *	err = vfiowc_local_delivery(mr, iova, NULL);
 *	if (!err)
 *		vfiowc_copy_from(reply, wc_data, sizeof(reply));
 *
 * Return: 0 delivered; EOPNOTSUPP what O5t needs is not there: the device cannot READ, @mr has no
 * IBV_ACCESS_REMOTE_READ, or peer-to-peer reads do not work here; ENODEV @mr was invalidated (a
 * revoke) or no port is active; EIO it failed otherwise, or the provider cannot tell why; ENOMEM;
 * what the verbs say.
 */
int vfiowc_local_delivery(struct ibv_mr *mr, uint64_t addr, enum ibv_wc_status *status);

/**
 * vfiowc_end_local_delivery - destroy the loopback that the library keeps for a PD
 * @pd: the PD
 *
 * Until then ibv_dealloc_pd() says EBUSY. Must be called before the device is closed when
 * vfiowc_local_delivery() was used; later use makes a new loopback.
 *
 * Return: 0, also when there is none; EBUSY a vfiowc_local_delivery() is in progress; what
 * ibv_destroy_qp() says (nothing changed).
 */
int vfiowc_end_local_delivery(struct ibv_pd *pd);

#ifdef __cplusplus
}
#endif

#endif /* INFINIBAND_VFIOWC_ORDER_H */
