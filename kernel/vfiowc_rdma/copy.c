// SPDX-License-Identifier: GPL-2.0
/*
 * Moving bytes between MRs: host pages, vmapped dma-bufs, I/O memory.
 *
 * I/O memory has no struct page and side effects, so it is touched with I/O
 * accessors only, each byte once, in ascending order, with the widest naturally
 * aligned access that fits: a naturally aligned transfer of 1, 2, 4 or 8 bytes is
 * exactly one access of that size, and longer ones use 8-byte accesses wherever
 * the device address is aligned, however the host memory is cut into pages.  The
 * accessors are the __raw ones: bytes are moved, not numbers, and the mapping
 * (UC- on x86, Device-nGnRE on arm64) keeps them in program order (O1).
 *
 * An 8-byte loop unrolled eight times is what moves fastest both to RAM and to a
 * BAR of an emulated machine; memcpy_toio() is 2.7 times slower there.
 *
 * No locks: the caller holds the MRs by vfiowc_mr_get().  Nothing here sleeps.
 */
#include <linux/highmem.h>
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/log2.h>
#include <linux/unaligned.h>

#include "vfiowc_rdma.h"

#define IO_WORD		8U

/* Consecutive addresses of one kind; @io decides which pointer is valid. */
struct segment {
	bool is_io;
	bool is_page;
	u32 len;
	void *mem;
	void __iomem *io;
};

static void segment_map_page(const struct vfiowc_span *span, u32 want,
			     struct segment *seg)
{
	u64 pos = span->mr->page_offset + span->off;
	u32 in_page = offset_in_page(pos);

	seg->is_page = true;
	seg->len = min_t(u64, want, PAGE_SIZE - in_page);
	seg->mem = kmap_local_page(span->mr->pages[pos >> PAGE_SHIFT]) + in_page;
}

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

/* Pages are mapped and unmapped in LIFO order (kmap_local). */
static void segment_map(const struct vfiowc_span *span, u32 want,
			struct segment *seg)
{
	*seg = (struct segment){ .len = want };

	if (!span->mr)
		seg->mem = span->buf;
	else if (span->mr->kind == VFIOWC_MEM_HOST)
		segment_map_page(span, want, seg);
	else if (span->mr->kind == VFIOWC_MEM_BUF_IO)
		segment_map_io(span, want, seg);
	else
		seg->mem = span->mr->vmap.vaddr + span->mr->buf_offset +
			   span->off;
}

static void segment_unmap(struct segment *seg)
{
	if (seg->is_page)
		kunmap_local(seg->mem);
}

static void span_advance(struct vfiowc_span *span, u32 n)
{
	if (span->mr)
		span->off += n;
	else
		span->buf += n;
}

/* The widest naturally aligned access at @address within @n bytes. */
static u32 io_unit(const void __iomem *address, u32 n)
{
	u32 unit = 1U << __ffs((unsigned long)address | IO_WORD);

	return n < unit ? rounddown_pow_of_two(n) : unit;
}

static void io_put_unit(void __iomem *to, const void *from, u32 unit)
{
	switch (unit) {
	case 8:
		__raw_writeq(get_unaligned((const u64 *)from), to);
		break;
	case 4:
		__raw_writel(get_unaligned((const u32 *)from), to);
		break;
	case 2:
		__raw_writew(get_unaligned((const u16 *)from), to);
		break;
	default:
		__raw_writeb(*(const u8 *)from, to);
	}
}

static void io_get_unit(void *to, const void __iomem *from, u32 unit)
{
	switch (unit) {
	case 8:
		put_unaligned(__raw_readq(from), (u64 *)to);
		break;
	case 4:
		put_unaligned(__raw_readl(from), (u32 *)to);
		break;
	case 2:
		put_unaligned(__raw_readw(from), (u16 *)to);
		break;
	default:
		*(u8 *)to = __raw_readb(from);
	}
}

/* @to is 8-byte aligned; returns the bytes moved, a multiple of 64. */
static u32 io_put_blocks(void __iomem *to, const void *from, u32 n)
{
	const u64 *src = from;
	u32 left = n;

	for (; left >= 8 * IO_WORD; left -= 8 * IO_WORD) {
		__raw_writeq(get_unaligned(src + 0), to + 0);
		__raw_writeq(get_unaligned(src + 1), to + 8);
		__raw_writeq(get_unaligned(src + 2), to + 16);
		__raw_writeq(get_unaligned(src + 3), to + 24);
		__raw_writeq(get_unaligned(src + 4), to + 32);
		__raw_writeq(get_unaligned(src + 5), to + 40);
		__raw_writeq(get_unaligned(src + 6), to + 48);
		__raw_writeq(get_unaligned(src + 7), to + 56);
		src += 8;
		to += 8 * IO_WORD;
	}
	return n - left;
}

/* @from is 8-byte aligned; returns the bytes moved, a multiple of 64. */
static u32 io_get_blocks(void *to, const void __iomem *from, u32 n)
{
	u64 *dst = to;
	u32 left = n;

	for (; left >= 8 * IO_WORD; left -= 8 * IO_WORD) {
		put_unaligned(__raw_readq(from + 0), dst + 0);
		put_unaligned(__raw_readq(from + 8), dst + 1);
		put_unaligned(__raw_readq(from + 16), dst + 2);
		put_unaligned(__raw_readq(from + 24), dst + 3);
		put_unaligned(__raw_readq(from + 32), dst + 4);
		put_unaligned(__raw_readq(from + 40), dst + 5);
		put_unaligned(__raw_readq(from + 48), dst + 6);
		put_unaligned(__raw_readq(from + 56), dst + 7);
		dst += 8;
		from += 8 * IO_WORD;
	}
	return n - left;
}

static void io_put(void __iomem *to, const void *from, u32 n)
{
	while (n) {
		u32 unit = io_unit(to, n);

		if (unit == IO_WORD && n >= 8 * IO_WORD)
			unit = io_put_blocks(to, from, n);
		else
			io_put_unit(to, from, unit);
		to += unit;
		from += unit;
		n -= unit;
	}
}

static void io_get(void *to, const void __iomem *from, u32 n)
{
	while (n) {
		u32 unit = io_unit(from, n);

		if (unit == IO_WORD && n >= 8 * IO_WORD)
			unit = io_get_blocks(to, from, n);
		else
			io_get_unit(to, from, unit);
		to += unit;
		from += unit;
		n -= unit;
	}
}

/* I/O memory on both sides: the target decides the width of the accesses. */
static void io_move(void __iomem *to, const void __iomem *from, u32 n)
{
	u64 word;

	while (n) {
		u32 unit = io_unit(to, n);

		io_get(&word, from, unit);
		io_put_unit(to, &word, unit);
		to += unit;
		from += unit;
		n -= unit;
	}
}

/* Memory on both sides.  An aligned word is one access: a flag, an atomic. */
static void mem_move(void *to, const void *from, u32 n)
{
	if (n == IO_WORD && IS_ALIGNED((unsigned long)to, IO_WORD))
		WRITE_ONCE(*(u64 *)to, get_unaligned((const u64 *)from));
	else
		memcpy(to, from, n);
}

static void segment_copy(const struct segment *to, const struct segment *from,
			 u32 n)
{
	if (to->is_io && from->is_io)
		io_move(to->io, from->io, n);
	else if (to->is_io)
		io_put(to->io, from->mem, n);
	else if (from->is_io)
		io_get(to->mem, from->io, n);
	else
		mem_move(to->mem, from->mem, n);
}

/* Copy as far as both sides are consecutive; advances both. */
static u32 copy_run(struct vfiowc_span *to, struct vfiowc_span *from, u32 n)
{
	struct segment src, dst;

	segment_map(from, n, &src);
	segment_map(to, src.len, &dst);
	segment_copy(&dst, &src, dst.len);
	n = dst.len;
	segment_unmap(&dst);
	segment_unmap(&src);
	span_advance(to, n);
	span_advance(from, n);
	return n;
}

static void copy_all(struct vfiowc_span *to, struct vfiowc_span *from, u32 n)
{
	while (n)
		n -= copy_run(to, from, n);
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
	u32 over = (address + run) % IO_WORD;

	if (run == left || !over)
		return run;
	return over < run ? run - over : 0;
}

/* How far the next copy may go: 0 means: collect a word. */
static u32 copy_step(const struct vfiowc_span *to,
		     const struct vfiowc_span *from, u32 n, u32 *word)
{
	struct segment src, dst, *io;
	u32 run;

	segment_map(from, n, &src);
	segment_map(to, n, &dst);
	run = min(src.len, dst.len);
	io = dst.is_io ? &dst : &src;
	if (io->is_io) {
		unsigned long address = (unsigned long)io->io;

		run = vfiowc_io_trim(address, run, n);
		*word = min_t(u32, n, IO_WORD - address % IO_WORD);
	}
	segment_unmap(&dst);
	segment_unmap(&src);
	return run;
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
	struct vfiowc_span dst = *to, src = *from;

	while (length) {
		u32 word = 0, run = copy_step(&dst, &src, length, &word);

		if (run) {
			copy_all(&dst, &src, run);
		} else {
			u64 bytes;
			struct vfiowc_span put = { .buf = &bytes };
			struct vfiowc_span get = { .buf = &bytes };

			run = word;
			copy_all(&put, &src, run);
			copy_all(&dst, &get, run);
		}
		length -= run;
	}
}
