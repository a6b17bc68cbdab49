// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What a device sees of a copy, for every routine, also those that this CPU lacks: the routines are
 * compiled over counting_access.h, which notes each access. That each of these is one instruction
 * of that size in the library, copy_routines.sh reads from the disassembly.
 */
#include "counting_access.h"
#include "copy_check.h"

struct access accesses[MAX_ACCESSES];
unsigned int num_accesses;

static _Alignas(VFIOWC_LINE_BYTES) unsigned char device[VFIOWC_LINE_BYTES + MAX_BYTES];
static _Alignas(VFIOWC_LINE_BYTES) unsigned char host[MAX_BYTES];
static char why[160];

static bool fails(const char *what, size_t shift, size_t count)
{
	snprintf(why, sizeof(why), "%s: %zu bytes at alignment %zu", what, count, shift);
	return false;
}

/* Each byte of [shift, shift + count) in exactly one access, each access naturally aligned. */
static bool once_each(size_t shift, size_t count)
{
	unsigned char seen[sizeof(device)] = {};

	if (num_accesses > MAX_ACCESSES)
		return fails("more accesses than bytes", shift, count);
	for (unsigned int i = 0; i < num_accesses; i++) {
		const struct access *a = &accesses[i];
		size_t at = a->device - (uintptr_t)device;

		if (!a->bytes)
			continue;
		if (a->device % a->bytes)
			return fails("an access is not aligned", shift, count);
		if (a->device < (uintptr_t)device || at + a->bytes > sizeof(device))
			return fails("an access outside", shift, count);
		for (size_t byte = at; byte < at + a->bytes; byte++)
			seen[byte]++;
	}
	for (size_t byte = 0; byte < sizeof(device); byte++)
		if (seen[byte] != (byte >= shift && byte < shift + count))
			return fails(seen[byte] ? "a byte touched twice or beside the copy" : "a byte left out",
				     shift, count);
	return true;
}

/* 1, 2, 4 or 8 naturally aligned bytes are one access, and nothing else. */
static bool single(size_t shift, size_t count)
{
	if (!count || count > 8 || (count & (count - 1)) || shift % count)
		return true;
	return (num_accesses == 1 && accesses[0].bytes == count) || fails("not one access", shift, count);
}

/* Fences come in pairs, outside them words only, between them whole lines only. */
static bool bracketed(size_t shift, size_t count)
{
	unsigned int fences = 0;

	for (unsigned int i = 0; i < num_accesses; i++) {
		if (!accesses[i].bytes)
			fences++;
		else if (accesses[i].bytes > 8 && fences != 1)
			return fails("a wide access outside the fences", shift, count);
	}
	return fences == 2 || !fences || fails("an odd number of fences", shift, count);
}

static void run(enum vfiowc_op op, const struct vfiowc_routine *r, size_t shift, size_t count)
{
	num_accesses = 0;
	switch (op) {
	case VFIOWC_OP_COPY_TO:
		r->copy_to((volatile char *)device + shift, (char *)host, count);
		break;
	case VFIOWC_OP_COPY_FROM:
		r->copy_from((char *)host, (volatile char *)device + shift, count);
		break;
	default:
		r->put_line((volatile char *)device, (char *)host);
	}
}

/* movdir64b is weakly ordered even on NC; streaming loads must find their buffers empty. */
static bool needs_fences(enum vfiowc_op op, const struct vfiowc_routine *r)
{
	if (op == VFIOWC_OP_COPY_TO)
		return !strcmp(r->name, "movdir64b");
	return op == VFIOWC_OP_COPY_FROM && (!strcmp(r->name, "avx2") || !strcmp(r->name, "sse4.1"));
}

static bool accesses_are_right(enum vfiowc_op op, const struct vfiowc_routine *r)
{
	size_t shifts = op == VFIOWC_OP_RING_LINE ? 1 : VFIOWC_LINE_BYTES;
	size_t first = op == VFIOWC_OP_RING_LINE ? VFIOWC_LINE_BYTES : 0;
	size_t last = op == VFIOWC_OP_RING_LINE ? VFIOWC_LINE_BYTES : MAX_BYTES;
	bool fences = needs_fences(op, r);

	for (size_t shift = 0; shift < shifts; shift++)
		for (size_t count = first; count <= last; count++) {
			run(op, r, shift, count);
			if (!once_each(shift, count) || !single(shift, count) ||
			    (fences && !bracketed(shift, count)))
				return false;
		}
	return true;
}

/* A whole line in one write where the table says so; then a line is exactly one access. */
static bool transactions_are_as_promised(enum vfiowc_op op, const struct vfiowc_routine *r)
{
	unsigned int wide = 0;

	run(op, r, 0, VFIOWC_LINE_BYTES);
	for (unsigned int i = 0; i < num_accesses; i++)
		wide += accesses[i].bytes == VFIOWC_LINE_BYTES;
	return wide == r->one_transaction || fails("a line is not what is promised", 0, VFIOWC_LINE_BYTES);
}

int main(void)
{
	fill_pattern(host, sizeof(host));
	for (int op = 0; op < NUM_OPS; op++)
		for (const struct vfiowc_routine *r = vfiowc_routines[op]; r->name; r++) {
			char name[80];

			snprintf(name, sizeof(name), "%s_by_%s_touches_each_byte_once", op_names[op], r->name);
			tap_result(accesses_are_right(op, r) && transactions_are_as_promised(op, r), name,
				   "%s", why);
		}
	return tap_end();
}
