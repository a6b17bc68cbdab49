/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* The routines of copies and line doorbells, one table for each operation; routine.c chooses. */
#ifndef VFIOWC_ROUTINE_H
#define VFIOWC_ROUTINE_H

#include <stdbool.h>
#include "vfiowc_order.h"

#define NUM_OPS (VFIOWC_OP_RING_LINE + 1)

struct vfiowc_routine {
	const char *name; /* NULL ends a table */
	const char *needs;
	bool (*supported)(void);
	bool asked_only; /* never picked without being asked for */
	bool one_transaction; /* 64 aligned bytes are one write */
	union {
		void (*copy_to)(volatile char *to, const char *from, size_t bytes);
		void (*copy_from)(char *to, const volatile char *from, size_t bytes);
		void (*put_line)(volatile char *to, const char *from);
	};
};

/* Of this architecture, indexed by enum vfiowc_op; in a table the most wanted first. */
extern const struct vfiowc_routine *const vfiowc_routines[NUM_OPS];

#endif
