/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Moving bytes between host memory and a mapped slice, and doorbells of a whole line. Unlike libc's
 * memcpy() these touch each byte of the slice exactly once, in accesses that any memory type
 * allows. The instructions are picked at run time for the CPU; which, can be asked and overridden.
 *
 * <infiniband/vfiowc_order.h> includes this file and has the vocabulary (C, N, D, H, B; posted).
 */
#ifndef INFINIBAND_VFIOWC_COPY_H
#define INFINIBAND_VFIOWC_COPY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VFIOWC_LINE_BYTES 64

/**
 * vfiowc_copy_to - copy host memory into a slice, NC or WC (O1, O2)
 * @to: in a mapping of the slice, any alignment
 * @from: host memory, any alignment, not a device's
 * @bytes: any number, 0 included
 *
 * Observers: C and D. Each byte of @to is written by exactly one naturally aligned store, so
 * 1, 2, 4 or 8 naturally aligned bytes are one store of that size. Inside one copy there is no
 * order. Through NC its stores are posted between C's earlier and later ones (O1); through WC they
 * are not posted at all before a flush (O2).
 *
 * Instructions: those of vfiowc_query_routine(VFIOWC_OP_COPY_TO); no fence that C may rely on.
 * Before: nothing. After: through WC vfiowc_wc_flush() and the doorbell, or vfiowc_deliver().
 *
 *	vfiowc_copy_to(wc_data, request, sizeof(request));
 *	vfiowc_wc_flush();
 *	vfiowc_ring32(nc_bell, 1);
 */
void vfiowc_copy_to(volatile void *to, const void *from, size_t bytes);

/**
 * vfiowc_copy_from - copy a slice, NC or WC, into host memory (O5t, O16, O17)
 * @to: host memory, any alignment, not a device's
 * @from: in a mapping of the slice, any alignment
 * @bytes: any number, 0 included
 *
 * Observers: C, and D or N which wrote the slice. Each byte of @from is read by exactly one
 * naturally aligned load, so 1, 2, 4 or 8 naturally aligned bytes are one load of that size (the
 * processor may read WC memory early or more than once all the same: what a read changes belongs
 * behind NC). Bytes this thread stored before are seen, through WC too. Streaming loads, where the
 * routine uses them, stand between two mfence.
 *
 * Instructions: those of vfiowc_query_routine(VFIOWC_OP_COPY_FROM).
 * Before: what proves that the data is there (O5t, O16), and vfiowc_acquire(). After:
 * vfiowc_done_reading() before N is allowed to overwrite it (O17).
 *
 *	vfiowc_acquire();
 *	vfiowc_copy_from(reply, wc_data, sizeof(reply));
 */
void vfiowc_copy_from(void *to, const volatile void *from, size_t bytes);

/**
 * vfiowc_ring_line - ring a doorbell that is a whole line of 64 bytes (O3)
 * @bell: aligned to 64 bytes, in a WC or an NC mapping
 * @line: 64 bytes of host memory, any alignment
 *
 * Observers: C, and D or N which reads H because of the doorbell. Earlier stores to H, and to B
 * through WC, are visible to it; the line is posted when the call returns, and the lines of one
 * thread keep their order. With a routine whose vfiowc_routine_attr.one_transaction is 1 the line
 * leaves as one write of 64 bytes; with the others (aligned stores of the whole line, then the
 * flush) a WC mapping makes that likely and nothing makes it sure: D must not act before it has
 * the last byte, or must accept the pieces.
 *
 * Instructions: x86-64 sfence, the line, sfence; arm64 dsb st, the line, dsb st.
 * Before: the stores that the line announces. After: nothing.
 */
void vfiowc_ring_line(volatile void *bell, const void *line);

/* What has routines to choose from. */
enum vfiowc_op {
	VFIOWC_OP_COPY_TO	= 0, /* environment variable VFIOWC_COPY_TO */
	VFIOWC_OP_COPY_FROM	= 1, /* VFIOWC_COPY_FROM */
	VFIOWC_OP_RING_LINE	= 2, /* VFIOWC_RING_LINE */
};

/**
 * struct vfiowc_routine_attr - what vfiowc_query_routine() tells
 * @comp_mask: 0 today
 * @name: of the routine
 * @requested: what was asked for by the environment or vfiowc_set_routine(), or ""; when the
 *	routine in use is another one, @name is the effective one
 * @needs: what the CPU must have for it
 * @supported: 1 when it has
 * @automatic: 1 when it may be picked without being asked for
 * @one_transaction: 1 when 64 aligned bytes are one write, promised by the architecture
 * @reserved: 0
 */
struct vfiowc_routine_attr {
	uint64_t comp_mask;
	const char *name;
	const char *requested;
	const char *needs;
	uint32_t supported;
	uint32_t automatic;
	uint32_t one_transaction;
	uint32_t reserved;
};

/**
 * vfiowc_routine_name - the routines there are for an operation on this architecture
 * @op: the operation
 * @index: from 0; the most wanted first
 *
 * Return: the name (static), or NULL past the last one.
 */
const char *vfiowc_routine_name(enum vfiowc_op op, unsigned int index);

/**
 * vfiowc_query_routine - what a routine is, or which one is in use
 * @op: the operation
 * @name: of the routine; NULL asks about the one in use
 * @attr: receives the answer
 * @inlen: sizeof(*attr)
 *
 * Return: 0; EINVAL @inlen too small or no such operation; ENOENT no such routine.
 */
int vfiowc_query_routine(enum vfiowc_op op, const char *name, struct vfiowc_routine_attr *attr,
			 uint32_t inlen);

/**
 * vfiowc_set_routine - use this routine from now on, in all threads
 * @op: the operation
 * @name: of the routine; NULL goes back to the choice made without this call
 *
 * st64b and ld64b (arm64) are never picked by themselves: whether a device takes 64-byte accesses only
 * its driver knows, and where it does not they end in a bus error.
 *
 * Return: 0; EINVAL no such operation; ENOENT no such routine; EOPNOTSUPP the CPU lacks what it
 * needs (vfiowc_query_routine() names it); nothing has changed then.
 */
int vfiowc_set_routine(enum vfiowc_op op, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* INFINIBAND_VFIOWC_COPY_H */
