// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Which routine copies and rings (O1, O2, O3): the first in the table that the CPU has, unless the
 * environment or the program asks for another. The choice is made on first use; two threads that
 * make it at once make the same, and what the program asks for meanwhile stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "routine.h"

/* The library's only state here: what is in use (NULL: not chosen yet), and what was asked for. */
static const struct vfiowc_routine *in_use[NUM_OPS];
static const char *asked[NUM_OPS]; /* by vfiowc_set_routine(), a name of the table; or NULL */

static const char *const variables[NUM_OPS] = {
	[VFIOWC_OP_COPY_TO] = "VFIOWC_COPY_TO",
	[VFIOWC_OP_COPY_FROM] = "VFIOWC_COPY_FROM",
	[VFIOWC_OP_RING_LINE] = "VFIOWC_RING_LINE",
};

static bool valid(enum vfiowc_op op)
{
	return (unsigned int)op < NUM_OPS;
}

static const struct vfiowc_routine *find(enum vfiowc_op op, const char *name)
{
	const struct vfiowc_routine *r;

	for (r = vfiowc_routines[op]; r->name; r++)
		if (!strcmp(r->name, name))
			return r;
	return NULL;
}

static const struct vfiowc_routine *choose(enum vfiowc_op op)
{
	const char *name = getenv(variables[op]);
	const struct vfiowc_routine *r = name ? find(op, name) : NULL;

	if (r && r->supported())
		return r;
	for (r = vfiowc_routines[op]; r->asked_only || !r->supported(); r++)
		; /* the last of each table needs nothing */
	return r;
}

static const struct vfiowc_routine *routine(enum vfiowc_op op)
{
	const struct vfiowc_routine *r = __atomic_load_n(&in_use[op], __ATOMIC_ACQUIRE), *chosen;

	if (__builtin_expect(!r, 0)) {
		chosen = choose(op);
		if (__atomic_compare_exchange_n(&in_use[op], &r, chosen, false, __ATOMIC_RELEASE,
						__ATOMIC_ACQUIRE))
			r = chosen;
	}
	return r;
}

void vfiowc_copy_to(volatile void *to, const void *from, size_t bytes)
{
	routine(VFIOWC_OP_COPY_TO)->copy_to(to, from, bytes);
}

void vfiowc_copy_from(void *to, const volatile void *from, size_t bytes)
{
	routine(VFIOWC_OP_COPY_FROM)->copy_from(to, from, bytes);
}

void vfiowc_ring_line(volatile void *bell, const void *line)
{
	const struct vfiowc_routine *r = routine(VFIOWC_OP_RING_LINE);

	vfiowc_wc_flush();
	r->put_line(bell, line);
	vfiowc_wc_flush();
}

const char *vfiowc_routine_name(enum vfiowc_op op, unsigned int index)
{
	const struct vfiowc_routine *r;

	if (!valid(op))
		return NULL;
	for (r = vfiowc_routines[op]; r->name && index; r++)
		index--;
	return r->name;
}

static const char *requested(enum vfiowc_op op)
{
	const char *name = __atomic_load_n(&asked[op], __ATOMIC_ACQUIRE);

	if (!name)
		name = getenv(variables[op]);
	return name ? name : "";
}

int vfiowc_query_routine(enum vfiowc_op op, const char *name, struct vfiowc_routine_attr *attr,
			 uint32_t inlen)
{
	const struct vfiowc_routine *r;

	if (inlen < sizeof(*attr) || !valid(op))
		return EINVAL;
	r = name ? find(op, name) : routine(op);
	if (!r)
		return ENOENT;
	memset(attr, 0, inlen);
	attr->name = r->name;
	attr->requested = requested(op);
	attr->needs = r->needs;
	attr->supported = r->supported();
	attr->automatic = !r->asked_only;
	attr->one_transaction = r->one_transaction;
	return 0;
}

int vfiowc_set_routine(enum vfiowc_op op, const char *name)
{
	const struct vfiowc_routine *r;

	if (!valid(op))
		return EINVAL;
	r = name ? find(op, name) : choose(op);
	if (!r)
		return ENOENT;
	if (!r->supported())
		return EOPNOTSUPP;
	__atomic_store_n(&asked[op], name ? r->name : NULL, __ATOMIC_RELEASE);
	__atomic_store_n(&in_use[op], r, __ATOMIC_RELEASE);
	return 0;
}
