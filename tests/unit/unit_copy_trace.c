// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What the processor does to the device's bytes in a copy, seen from outside: a child copies into
 * shared memory, its parent lets it go one instruction at a time and looks what has changed. Each
 * byte that was written is set back at once, so a second write of it shows. x86-64 only; without
 * ptrace() it is skipped.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include "copy_check.h"

#define STEPS_MAX 20000

static unsigned char *device; /* shared with the child, all 0 before a copy */
static unsigned char host[FIELD_BYTES];
static char why[160];

struct footprint {
	unsigned int times[FIELD_BYTES]; /* each byte was written */
	unsigned int stores;
	bool odd; /* a store that was not naturally aligned */
	size_t last_bytes; /* of the last store */
};

/* The bytes that one instruction has written: one store, or the tracer does not understand it. */
static void look(struct footprint *seen)
{
	size_t first = 0, end;

	while (first < FIELD_BYTES && !device[first])
		first++;
	if (first == FIELD_BYTES)
		return;
	for (end = first; end < FIELD_BYTES && device[end]; end++)
		seen->times[end]++;
	memset(device + first, 0, end - first);
	seen->stores++;
	seen->last_bytes = end - first;
	seen->odd |= (seen->last_bytes & (seen->last_bytes - 1)) || first % seen->last_bytes;
	look(seen);
}

/* The child stops itself before and after the copy. */
static void child_copies(void (*copy)(void *, const void *, size_t), size_t shift, size_t count)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	__asm__ __volatile__("int3" ::: "memory");
	copy(device + GUARD_BYTES + shift, host, count);
	__asm__ __volatile__("int3" ::: "memory");
	_exit(0);
}

static bool at_breakpoint(pid_t child)
{
	siginfo_t info;

	return !ptrace(PTRACE_GETSIGINFO, child, NULL, &info) && info.si_code != TRAP_TRACE;
}

static bool trace(pid_t child, struct footprint *seen)
{
	int status;

	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return false;
	for (int i = 0; i < STEPS_MAX; i++) {
		if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) || waitpid(child, &status, 0) != child ||
		    !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return false;
		look(seen);
		if (at_breakpoint(child))
			return true;
	}
	return false;
}

static bool footprint(void (*copy)(void *, const void *, size_t), size_t shift, size_t count,
		      struct footprint *seen)
{
	pid_t child = fork();
	bool done;

	if (!child)
		child_copies(copy, shift, count);
	memset(seen, 0, sizeof(*seen));
	memset(device, 0, FIELD_BYTES);
	done = child > 0 && trace(child, seen);
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (!done)
		snprintf(why, sizeof(why), "the copy of %zu bytes could not be traced", count);
	return done;
}

static bool once_each(const struct footprint *seen, size_t shift, size_t count)
{
	for (size_t i = 0; i < FIELD_BYTES; i++) {
		bool inside = i >= GUARD_BYTES + shift && i < GUARD_BYTES + shift + count;

		if (seen->times[i] != inside)
			return false;
	}
	return true;
}

static bool right(const struct footprint *seen, size_t shift, size_t count)
{
	bool one = count && count <= 8 && !(count & (count - 1)) && !(shift % count);

	if (!once_each(seen, shift, count))
		snprintf(why, sizeof(why), "%zu bytes at %zu: not each byte once", count, shift);
	else if (seen->odd)
		snprintf(why, sizeof(why), "%zu bytes at %zu: a store is not aligned", count, shift);
	else if (one && (seen->stores != 1 || seen->last_bytes != count))
		snprintf(why, sizeof(why), "%zu bytes at %zu: %u stores", count, shift, seen->stores);
	else
		return true;
	return false;
}

static void copy_to(void *to, const void *from, size_t count)
{
	vfiowc_copy_to(to, from, count);
}

static void ring_line(void *to, const void *from, size_t count)
{
	(void)count;
	vfiowc_ring_line(to, from);
}

static bool copies_are_right(void)
{
	static const size_t shifts[] = { 0, 1, 4, 24, 63 };
	static const size_t counts[] = { 0, 1, 2, 3, 4, 8, 16, 65, 100, MAX_BYTES };
	struct footprint seen;

	for (size_t i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++)
		for (size_t j = 0; j < sizeof(counts) / sizeof(counts[0]); j++)
			if (!footprint(copy_to, shifts[i], counts[j], &seen) ||
			    !right(&seen, shifts[i], counts[j]))
				return false;
	return true;
}

/* Why copies have calls of their own; and that this tracer sees a byte written twice. */
static void libc_memcpy_writes_bytes_twice(void)
{
	void *(*volatile libc)(void *, const void *, size_t) = memcpy;
	struct footprint seen;
	bool twice = false;

	for (size_t count = 1; count < 64 && !twice; count++) {
		if (!footprint((void (*)(void *, const void *, size_t))(void (*)(void))libc, 0, count, &seen))
			break;
		for (size_t i = 0; i < FIELD_BYTES; i++)
			twice |= seen.times[i] > 1;
	}
	tap_result(twice, "libc_memcpy_writes_bytes_twice", "no length below 64 showed it; %s", why);
}

static void check_routines(enum vfiowc_op op)
{
	const char *routine;

	for (unsigned int i = 0; (routine = vfiowc_routine_name(op, i)); i++) {
		struct vfiowc_routine_attr attr;
		struct footprint seen;
		char name[80], lacks[80];
		bool ok;

		snprintf(name, sizeof(name), "%s_by_%s_stores_each_byte_once", op_names[op], routine);
		if (vfiowc_set_routine(op, routine)) {
			vfiowc_query_routine(op, routine, &attr, sizeof(attr));
			snprintf(lacks, sizeof(lacks), "this CPU has no %s, so %s by %s cannot run", attr.needs,
				 op_names[op], routine);
			tap_skip(name, lacks);
			continue;
		}
		if (op == VFIOWC_OP_COPY_TO)
			ok = copies_are_right();
		else
			ok = footprint(ring_line, 0, VFIOWC_LINE_BYTES, &seen) &&
			     right(&seen, 0, VFIOWC_LINE_BYTES);
		tap_result(ok, name, "%s", why);
	}
}

static bool can_trace(void)
{
	struct footprint seen;

	return footprint(copy_to, 0, 8, &seen);
}

int main(void)
{
	device = mmap(NULL, FIELD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (device == MAP_FAILED)
		return 1;
	fill_pattern(host, sizeof(host));
	vfiowc_copy_to(device, host, 8); /* chooses, so that children need not */
	if (!can_trace()) {
		printf("skipped: ptrace() does not single-step here\n");
		return 77;
	}
	libc_memcpy_writes_bytes_twice();
	check_routines(VFIOWC_OP_COPY_TO);
	check_routines(VFIOWC_OP_RING_LINE);
	return tap_end();
}
