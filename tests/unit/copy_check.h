/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What the tests of copies share: walking all routines, all alignments, all lengths. */
#ifndef VFIOWC_TESTS_COPY_CHECK_H
#define VFIOWC_TESTS_COPY_CHECK_H

#include <string.h>
#include "routine.h"
#include "tap.h"

#define MAX_BYTES 200 /* three lines and what is around them */
#define GUARD_BYTES 64
#define FIELD_BYTES (GUARD_BYTES + VFIOWC_LINE_BYTES + MAX_BYTES + GUARD_BYTES)

static const char *const op_names[NUM_OPS] = { "copy_to", "copy_from", "ring_line" };

/* No byte is like its neighbours, and none is 0. */
static inline void fill_pattern(unsigned char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = 1 + i % 251;
}

#endif
