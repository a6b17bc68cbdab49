// SPDX-License-Identifier: GPL-2.0
/*
 * I/O memory has no struct page and side effects, so it is touched with I/O accessors
 * only, each byte once, in ascending order, with the widest naturally aligned access
 * that fits: a naturally aligned transfer of 1, 2, 4 or 8 bytes is exactly one access
 * of that size, and longer ones use 8-byte accesses wherever the device address is
 * aligned.  The accessors are the __raw ones: bytes are moved, not numbers, and the
 * mapping (UC- on x86, Device-nGnRE on arm64) keeps them in program order (O1).
 *
 * An 8-byte loop unrolled eight times is what moves fastest to a BAR of an emulated
 * machine; memcpy_toio() is 2.7 times slower there, and may use other accesses.
 */
#include <linux/io.h>
#include <linux/io-64-nonatomic-lo-hi.h>
#include <linux/log2.h>
#include <linux/unaligned.h>

#include "copy.h"

/* Between two devices bytes rest here: some cache lines, on the stack. */
#define BOUNCE_BYTES	256U

/* The widest naturally aligned access at @address within @n bytes. */
static u32 io_unit(const void __iomem *address, u32 n)
{
	u32 unit = 1U << __ffs((unsigned long)address | VFIOWC_IO_WORD);

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

	for (; left >= 8 * VFIOWC_IO_WORD; left -= 8 * VFIOWC_IO_WORD) {
		__raw_writeq(get_unaligned(src + 0), to + 0);
		__raw_writeq(get_unaligned(src + 1), to + 8);
		__raw_writeq(get_unaligned(src + 2), to + 16);
		__raw_writeq(get_unaligned(src + 3), to + 24);
		__raw_writeq(get_unaligned(src + 4), to + 32);
		__raw_writeq(get_unaligned(src + 5), to + 40);
		__raw_writeq(get_unaligned(src + 6), to + 48);
		__raw_writeq(get_unaligned(src + 7), to + 56);
		src += 8;
		to += 8 * VFIOWC_IO_WORD;
	}
	return n - left;
}

/* @from is 8-byte aligned; returns the bytes moved, a multiple of 64. */
static u32 io_get_blocks(void *to, const void __iomem *from, u32 n)
{
	u64 *dst = to;
	u32 left = n;

	for (; left >= 8 * VFIOWC_IO_WORD; left -= 8 * VFIOWC_IO_WORD) {
		put_unaligned(__raw_readq(from + 0), dst + 0);
		put_unaligned(__raw_readq(from + 8), dst + 1);
		put_unaligned(__raw_readq(from + 16), dst + 2);
		put_unaligned(__raw_readq(from + 24), dst + 3);
		put_unaligned(__raw_readq(from + 32), dst + 4);
		put_unaligned(__raw_readq(from + 40), dst + 5);
		put_unaligned(__raw_readq(from + 48), dst + 6);
		put_unaligned(__raw_readq(from + 56), dst + 7);
		dst += 8;
		from += 8 * VFIOWC_IO_WORD;
	}
	return n - left;
}

/**
 * vfiowc_io_put - memory to I/O memory
 * @to: target
 * @from: source
 * @n: bytes
 */
void vfiowc_io_put(void __iomem *to, const void *from, u32 n)
{
	while (n) {
		u32 unit = io_unit(to, n);

		if (unit == VFIOWC_IO_WORD && n >= 8 * VFIOWC_IO_WORD)
			unit = io_put_blocks(to, from, n);
		else
			io_put_unit(to, from, unit);
		to += unit;
		from += unit;
		n -= unit;
	}
}

/**
 * vfiowc_io_get - I/O memory to memory
 * @to: target
 * @from: source
 * @n: bytes
 */
void vfiowc_io_get(void *to, const void __iomem *from, u32 n)
{
	while (n) {
		u32 unit = io_unit(from, n);

		if (unit == VFIOWC_IO_WORD && n >= 8 * VFIOWC_IO_WORD)
			unit = io_get_blocks(to, from, n);
		else
			io_get_unit(to, from, unit);
		to += unit;
		from += unit;
		n -= unit;
	}
}

/**
 * vfiowc_io_move - I/O memory to I/O memory
 * @to: target; decides where a long transfer is cut
 * @from: source
 * @n: bytes
 */
void vfiowc_io_move(void __iomem *to, const void __iomem *from, u32 n)
{
	u64 bounce[BOUNCE_BYTES / sizeof(u64)];

	while (n) {
		u32 over = (unsigned long)to % VFIOWC_IO_WORD;
		u32 run = min(n, BOUNCE_BYTES - over);

		vfiowc_io_get(bounce, from, run);
		vfiowc_io_put(to, bounce, run);
		to += run;
		from += run;
		n -= run;
	}
}
