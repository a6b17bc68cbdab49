// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Copies and line doorbells as a program calls them, by every routine this CPU has: byte-exact for
 * every alignment and length, nothing beside them touched; and the choice of the routine. A routine
 * that the CPU lacks is skipped, by name.
 */
#include <errno.h>
#include <stdlib.h>
#include "copy_check.h"

static _Alignas(VFIOWC_LINE_BYTES) unsigned char to_field[FIELD_BYTES];
static _Alignas(VFIOWC_LINE_BYTES) unsigned char from_field[FIELD_BYTES];

static void (*meanwhile)(void); /* once, while the library makes its first choice */

char *__real_getenv(const char *name);
char *__wrap_getenv(const char *name);
char *__wrap_getenv(const char *name)
{
	void (*other_thread)(void) = meanwhile;

	meanwhile = NULL;
	if (other_thread)
		other_thread();
	return __real_getenv(name);
}

static bool all_are(const unsigned char *bytes, size_t count, unsigned char value)
{
	while (count--)
		if (*bytes++ != value)
			return false;
	return true;
}

/* Are exactly @count bytes at @at of to_field those of @source, and all others 0? */
static bool exactly(size_t at, const unsigned char *source, size_t count)
{
	return all_are(to_field, at, 0) && !memcmp(to_field + at, source, count) &&
	       all_are(to_field + at + count, FIELD_BYTES - at - count, 0);
}

static void copy(enum vfiowc_op op, void *to, const void *from, size_t count)
{
	if (op == VFIOWC_OP_COPY_TO)
		vfiowc_copy_to(to, from, count);
	else
		vfiowc_copy_from(to, from, count);
}

/* @device_shift: alignment of the device's side, each; the host's side has a few. */
static bool copies_at(enum vfiowc_op op, size_t device_shift, size_t host_shift, char *why)
{
	size_t to_shift = op == VFIOWC_OP_COPY_TO ? device_shift : host_shift;
	size_t from_shift = op == VFIOWC_OP_COPY_TO ? host_shift : device_shift;

	for (size_t count = 0; count <= MAX_BYTES; count++) {
		memset(to_field, 0, sizeof(to_field));
		copy(op, to_field + GUARD_BYTES + to_shift, from_field + from_shift, count);
		if (exactly(GUARD_BYTES + to_shift, from_field + from_shift, count))
			continue;
		sprintf(why, "%zu bytes to alignment %zu, from alignment %zu", count, to_shift, from_shift);
		return false;
	}
	return true;
}

static bool rings(char *why)
{
	for (size_t shift = 0; shift < VFIOWC_LINE_BYTES; shift++) {
		memset(to_field, 0, sizeof(to_field));
		vfiowc_ring_line(to_field + GUARD_BYTES, from_field + shift);
		if (exactly(GUARD_BYTES, from_field + shift, VFIOWC_LINE_BYTES))
			continue;
		sprintf(why, "a line from alignment %zu", shift);
		return false;
	}
	return true;
}

static bool works(enum vfiowc_op op, char *why)
{
	static const size_t host_shifts[] = { 0, 1, 3, 4, 8, 31 };

	if (op == VFIOWC_OP_RING_LINE)
		return rings(why);
	for (size_t device = 0; device < VFIOWC_LINE_BYTES; device++)
		for (size_t i = 0; i < sizeof(host_shifts) / sizeof(host_shifts[0]); i++)
			if (!copies_at(op, device, host_shifts[i], why))
				return false;
	return true;
}

static void check_routine(enum vfiowc_op op, const char *routine)
{
	char name[64], why[128] = "set_routine refused it";
	struct vfiowc_routine_attr attr, now;
	int err;

	snprintf(name, sizeof(name), "%s_by_%s_moves_exactly_its_bytes", op_names[op], routine);
	if (vfiowc_query_routine(op, routine, &attr, sizeof(attr)) || strcmp(attr.name, routine)) {
		tap_result(false, name, "query_routine does not know it");
		return;
	}
	err = vfiowc_set_routine(op, routine);
	if (!attr.supported) {
		snprintf(why, sizeof(why), "this CPU has no %s, so %s by %s cannot run", attr.needs,
			 op_names[op], routine);
		if (err == EOPNOTSUPP)
			tap_skip(name, why);
		else
			tap_result(false, name, "set_routine: %d, although the CPU lacks it", err);
		return;
	}
	vfiowc_query_routine(op, NULL, &now, sizeof(now));
	tap_result(!err && !strcmp(now.name, routine) && !strcmp(now.requested, routine) && works(op, why),
		   name, "%s", why);
	vfiowc_set_routine(op, NULL);
}

static void check_choice(enum vfiowc_op op, const char *variable)
{
	struct vfiowc_routine_attr first, attr;
	char name[64];

	/* The first that the CPU has and that need not be asked for. */
	for (unsigned int i = 0;; i++) {
		vfiowc_query_routine(op, vfiowc_routine_name(op, i), &first, sizeof(first));
		if (first.supported && first.automatic)
			break;
	}
	vfiowc_set_routine(op, NULL);
	vfiowc_query_routine(op, NULL, &attr, sizeof(attr));
	snprintf(name, sizeof(name), "%s_takes_the_best_the_cpu_has", op_names[op]);
	tap_result(!strcmp(attr.name, first.name) && !*attr.requested, name, "it is %s, not %s", attr.name,
		   first.name);

	setenv(variable, "words", 1);
	vfiowc_set_routine(op, NULL);
	vfiowc_query_routine(op, NULL, &attr, sizeof(attr));
	snprintf(name, sizeof(name), "%s_takes_what_the_environment_names", op_names[op]);
	tap_result(!strcmp(attr.name, "words") && !strcmp(attr.requested, "words"), name,
		   "it is %s, requested %s", attr.name, attr.requested);

	setenv(variable, "no-such-routine", 1);
	vfiowc_set_routine(op, NULL);
	vfiowc_query_routine(op, NULL, &attr, sizeof(attr));
	snprintf(name, sizeof(name), "%s_tells_requested_and_effective_apart", op_names[op]);
	tap_result(!strcmp(attr.name, first.name) && !strcmp(attr.requested, "no-such-routine"), name,
		   "it is %s, requested %s", attr.name, attr.requested);
	unsetenv(variable);
	vfiowc_set_routine(op, NULL);
}

static void check_errors(void)
{
	enum vfiowc_op bad = (enum vfiowc_op)NUM_OPS;
	struct vfiowc_routine_attr attr;

	tap_result(vfiowc_set_routine(VFIOWC_OP_COPY_TO, "no-such-routine") == ENOENT &&
		   vfiowc_query_routine(VFIOWC_OP_COPY_TO, "no-such-routine", &attr, sizeof(attr)) == ENOENT &&
		   vfiowc_set_routine(bad, NULL) == EINVAL &&
		   vfiowc_query_routine(bad, NULL, &attr, sizeof(attr)) == EINVAL &&
		   vfiowc_query_routine(VFIOWC_OP_COPY_TO, NULL, &attr, sizeof(attr) - 1) == EINVAL &&
		   !vfiowc_routine_name(bad, 0) && !vfiowc_routine_name(VFIOWC_OP_COPY_TO, 99),
		   "wrong_names_and_operations_are_refused", "one of them was not");
}

/* What the header says of them, whatever the CPU. */
static void check_promises(void)
{
	static const char *const single[] = { "movdir64b", "st64b", "ld64b" };
	bool as_said = true;

	for (int op = 0; op < NUM_OPS; op++) {
		const char *routine;

		for (unsigned int i = 0; (routine = vfiowc_routine_name(op, i)); i++) {
			struct vfiowc_routine_attr attr;
			bool expected = false;

			vfiowc_query_routine(op, routine, &attr, sizeof(attr));
			for (size_t j = 0; j < sizeof(single) / sizeof(single[0]); j++)
				expected |= !strcmp(routine, single[j]);
			as_said &= attr.one_transaction == expected;
			/* A device may not take an arm64 access of 64 bytes, so somebody must ask. */
			as_said &= attr.automatic == !(expected && strcmp(routine, "movdir64b"));
		}
	}
	tap_result(as_said, "only_single_instructions_promise_one_transaction", "one claims otherwise");
}

static void ask_for_words(void)
{
	vfiowc_set_routine(VFIOWC_OP_COPY_TO, "words");
}

/* Before anything else here: a choice is made once. */
static void check_first_choice(void)
{
	struct vfiowc_routine_attr attr;

	meanwhile = ask_for_words;
	vfiowc_copy_to(to_field, from_field, 1);
	vfiowc_query_routine(VFIOWC_OP_COPY_TO, NULL, &attr, sizeof(attr));
	tap_result(!meanwhile && !strcmp(attr.name, "words"), "first_use_does_not_undo_what_was_asked_for_meanwhile",
		   "it is %s", attr.name);
}

int main(void)
{
	static const char *const variables[] = { "VFIOWC_COPY_TO", "VFIOWC_COPY_FROM", "VFIOWC_RING_LINE" };

	fill_pattern(from_field, sizeof(from_field));
	check_first_choice();
	for (int op = 0; op < NUM_OPS; op++) {
		const char *routine;

		unsetenv(variables[op]);
		for (unsigned int i = 0; (routine = vfiowc_routine_name(op, i)); i++)
			check_routine(op, routine);
		check_choice(op, variables[op]);
	}
	check_errors();
	check_promises();
	return tap_end();
}
