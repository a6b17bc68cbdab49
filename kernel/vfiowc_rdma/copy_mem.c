// SPDX-License-Identifier: GPL-2.0
/*
 * Copying memory to memory: which routine is fastest depends on the machine.  String
 * instructions win on processors with fast ones and lose by a factor of ten where
 * they are emulated; loops of moves are the other way round.  Flags of the processor
 * say nothing of an emulator, so each routine is timed when the module is loaded.
 *
 * The parameter "copy" names the one in use; given at load time it names the one to
 * take.  I/O memory is not concerned: its accesses are prescribed (copy_io.c).
 */
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/unaligned.h>

#include "copy.h"

#define PROBE_BYTES	((size_t)SZ_64K)
/* Source and target a little apart from a power of two, as buffers mostly are. */
#define PROBE_APART	(PROBE_BYTES + 3 * SZ_4K)
#define PROBE_ROUNDS	9

static char *copy;
module_param(copy, charp, 0444);
MODULE_PARM_DESC(copy, "Routine that copies memory: memcpy, words or rep; default: the fastest");

/**
 * vfiowc_copy_memcpy - the kernel's own choice
 * @to: target
 * @from: source
 * @n: bytes
 */
void vfiowc_copy_memcpy(void *to, const void *from, size_t n)
{
	memcpy(to, from, n);
}

/* Moves of 8 bytes, eight in a row. */
static void copy_words(void *to, const void *from, size_t n)
{
	const u64 *src = from;
	u64 *dst = to;

	for (; n >= 64; n -= 64, src += 8, dst += 8) {
		u64 a = get_unaligned(src + 0), b = get_unaligned(src + 1);
		u64 c = get_unaligned(src + 2), d = get_unaligned(src + 3);

		put_unaligned(a, dst + 0);
		put_unaligned(b, dst + 1);
		put_unaligned(c, dst + 2);
		put_unaligned(d, dst + 3);
		a = get_unaligned(src + 4);
		b = get_unaligned(src + 5);
		c = get_unaligned(src + 6);
		d = get_unaligned(src + 7);
		put_unaligned(a, dst + 4);
		put_unaligned(b, dst + 5);
		put_unaligned(c, dst + 6);
		put_unaligned(d, dst + 7);
	}
	memcpy(dst, src, n);
}

#ifdef CONFIG_X86_64
static void copy_rep(void *to, const void *from, size_t n)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}
#endif

static const struct routine {
	char *name;
	void (*copy)(void *to, const void *from, size_t n);
} routines[] = {
	{ "memcpy", vfiowc_copy_memcpy },
	{ "words", copy_words },
#ifdef CONFIG_X86_64
	{ "rep", copy_rep },
#endif
};

DEFINE_STATIC_CALL(vfiowc_mem_copy, vfiowc_copy_memcpy);

static u64 probe_once(const struct routine *routine, u8 *buf)
{
	u64 start = ktime_get_ns();

	routine->copy(buf + PROBE_APART, buf, PROBE_BYTES);
	return ktime_get_ns() - start;
}

/* The best of several rounds counts: whatever disturbs a round makes it longer. */
static const struct routine *probe_all(u8 *buf)
{
	u64 best[ARRAY_SIZE(routines)];
	u32 round, i, fastest = 0;

	memset(best, 0xff, sizeof(best));
	for (round = 0; round < PROBE_ROUNDS; round++)
		for (i = 0; i < ARRAY_SIZE(routines); i++)
			best[i] = min(best[i], probe_once(&routines[i], buf));
	for (i = 1; i < ARRAY_SIZE(routines); i++)
		if (best[i] < best[fastest])
			fastest = i;
	return &routines[fastest];
}

static const struct routine *probe(void)
{
	u8 *buf = kvzalloc(PROBE_APART + PROBE_BYTES, GFP_KERNEL);
	const struct routine *routine;

	if (!buf)
		return &routines[0];
	routine = probe_all(buf);
	kvfree(buf);
	return routine;
}

static const struct routine *named(const char *name)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(routines); i++)
		if (!strcmp(name, routines[i].name))
			return &routines[i];
	return NULL;
}

/**
 * vfiowc_copy_choose - decide how memory is copied
 *
 * Context: module load, before there is a device.
 *
 * Return: 0; -EINVAL the parameter names no routine.
 */
int vfiowc_copy_choose(void)
{
	const struct routine *routine = copy ? named(copy) : probe();

	if (!routine) {
		pr_err("vfiowc_rdma: copy=%s: no such routine; memcpy, words or rep (x86-64) is\n",
		       copy);
		return -EINVAL;
	}
	if (!copy)
		copy = routine->name;
	static_call_update(vfiowc_mem_copy, routine->copy);
	return 0;
}
