// SPDX-License-Identifier: GPL-2.0
/*
 * Moving bytes between MRs: memory, and I/O memory of one or more ranges.
 *
 * A copy goes as far at a time as both sides are consecutive; where one of them is
 * I/O memory it ends on a word of the device, so that the way the other is cut into
 * ranges never splits an access (copy_io.c says which accesses there are).
 *
 * No locks: the caller holds the MRs by vfiowc_mr_get().  Nothing here sleeps.
 */
#include <linux/io.h>
#include <linux/unaligned.h>

#include "copy.h"
#include "vfiowc_rdma.h"

/* Below this a call costs more than a better routine saves. */
#define CHOICE_BYTES	256U

/* Consecutive addresses of one kind; @io decides which pointer is valid. */
struct segment {
	bool is_io;
	u32 len;
	void *mem;
	void __iomem *io;
};

static void segment_map_io(const struct vfiowc_span *span, u32 want,
			   struct segment *seg)
{
	const struct vfiowc_range *range = span->mr->ranges;
	u64 in_range;

	while (span->off - range->start >= range->len)
		range++;
	in_range = span->off - range->start;
	seg->is_io = true;
	seg->len = min_t(u64, want, range->len - in_range);
	seg->io = range->io + in_range;
}

static void segment_map(const struct vfiowc_span *span, u32 want,
			struct segment *seg)
{
	*seg = (struct segment){ .len = want };

	if (!span->mr)
		seg->mem = span->buf;
	else if (span->mr->kind == VFIOWC_MEM_BUF_IO)
		segment_map_io(span, want, seg);
	else
		seg->mem = span->mr->vaddr + span->off;
}

static void span_advance(struct vfiowc_span *span, u32 n)
{
	if (span->mr)
		span->off += n;
	else
		span->buf += n;
}

/* One load where the address allows it. */
#define load(type, from)						\
({									\
	const type *__from = (from);					\
									\
	IS_ALIGNED((unsigned long)__from, sizeof(*__from)) ?		\
		READ_ONCE(*__from) : get_unaligned(__from);		\
})

/*
 * An aligned word of 2, 4 or 8 bytes is one access: a flag, an atomic.  memcpy() moves
 * few bytes as it likes, one by one for example.  False: it is no such word.
 */
static bool word_move(void *to, const void *from, u32 n)
{
	switch (IS_ALIGNED((unsigned long)to, n) ? n : 0) {
	case 8:
		WRITE_ONCE(*(u64 *)to, load(u64, from));
		return true;
	case 4:
		WRITE_ONCE(*(u32 *)to, load(u32, from));
		return true;
	case 2:
		WRITE_ONCE(*(u16 *)to, load(u16, from));
		return true;
	default:
		return false;
	}
}

/* Memory on both sides. */
static void mem_move(void *to, const void *from, u32 n)
{
	if (n <= VFIOWC_IO_WORD && word_move(to, from, n))
		return;
	if (n < CHOICE_BYTES)
		memcpy(to, from, n);
	else
		static_call(vfiowc_mem_copy)(to, from, n);
}

static void segment_copy(const struct segment *to, const struct segment *from,
			 u32 n)
{
	if (to->is_io && from->is_io)
		vfiowc_io_move(to->io, from->io, n);
	else if (to->is_io)
		vfiowc_io_put(to->io, from->mem, n);
	else if (from->is_io)
		vfiowc_io_get(to->mem, from->io, n);
	else
		mem_move(to->mem, from->mem, n);
}

/**
 * vfiowc_io_trim - shorten a piece so that it ends on a word of the device
 * @address: address of its first byte in I/O memory (its low bits count)
 * @run: bytes of the piece
 * @left: bytes of the whole transfer from @address on, >= @run
 *
 * Return: bytes to copy now; 0: the piece lies inside one word, which must be
 * collected before it is accessed (8 - address % 8 bytes, or what is left).
 */
u32 vfiowc_io_trim(u64 address, u32 run, u64 left)
{
	u32 over = (address + run) % VFIOWC_IO_WORD;

	if (run == left || !over)
		return run;
	return over < run ? run - over : 0;
}

/*
 * Copy as far as both sides are consecutive and, if @trim, up to a word of the device;
 * advances both.  0: a word extends over the end of a range; *word: bytes of it.
 */
static u32 copy_run(struct vfiowc_span *to, struct vfiowc_span *from, u32 n,
		    bool trim, u32 *word)
{
	struct segment src, dst;
	const struct segment *io;
	u32 run;

	segment_map(from, n, &src);
	segment_map(to, src.len, &dst);
	run = dst.len;
	io = dst.is_io ? &dst : &src;
	if (trim && io->is_io) {
		unsigned long address = (unsigned long)io->io;

		*word = min_t(u32, n, VFIOWC_IO_WORD -
				      address % VFIOWC_IO_WORD);
		run = vfiowc_io_trim(address, run, n);
	}
	if (run)
		segment_copy(&dst, &src, run);
	span_advance(to, run);
	span_advance(from, run);
	return run;
}

static void copy_all(struct vfiowc_span *to, struct vfiowc_span *from, u32 n)
{
	while (n)
		n -= copy_run(to, from, n, false, NULL);
}

/* A word that is cut: collected, then accessed at once. */
static void copy_word(struct vfiowc_span *to, struct vfiowc_span *from, u32 n)
{
	u64 word;
	struct vfiowc_span put = { .buf = &word };
	struct vfiowc_span get = { .buf = &word };

	copy_all(&put, from, n);
	copy_all(to, &get, n);
}

static void copy_runs(const struct vfiowc_span *to,
		      const struct vfiowc_span *from, u32 length)
{
	struct vfiowc_span dst = *to, src = *from;

	while (length) {
		u32 word = 0, run = copy_run(&dst, &src, length, true, &word);

		if (!run) {
			run = word;
			copy_word(&dst, &src, run);
		}
		length -= run;
	}
}

/* Memory is consecutive from one end of an MR to the other; NULL: I/O memory. */
static void *span_memory(const struct vfiowc_span *span)
{
	if (!span->mr)
		return span->buf;
	return span->mr->kind == VFIOWC_MEM_BUF_IO ? NULL :
						     span->mr->vaddr + span->off;
}

/**
 * vfiowc_copy - copy bytes
 * @to: target, not overlapping @from
 * @from: source
 * @length: bytes; both sides are known to be that long
 *
 * Context: MRs held; does not sleep.
 */
void vfiowc_copy(const struct vfiowc_span *to, const struct vfiowc_span *from,
		 u32 length)
{
	const void *src = span_memory(from);
	void *dst = span_memory(to);

	if (dst && src)
		mem_move(dst, src, length);
	else
		copy_runs(to, from, length);
}
