// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The kernel's fault injection, driven. See failures.h.
 *
 * fail-nth of a task counts what could fail in that task, of all kinds together. A kernel thread has a
 * fail-nth of its own that nobody can set in time; there, `space` does: it lets so many bytes of allocations
 * pass before one fails. Without a failure, what is missing of it afterwards is all that the call allocates; the
 * one that fails leaves what was too little for it, and where that one begins the one before it ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failures.h"

#define DEBUGFS "/sys/kernel/debug"
#define FAIL_NTH "/proc/thread-self/fail-nth"
/* More than any call has; ends a loop that should have ended by itself. */
#define MAX_POINTS 2000
/* Of a stack that the kernel looks at. */
#define MAX_DEPTH 32
/* More than any call allocates. */
#define ALL_SPACE (1L << 30)

static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

static void set(const char *kind, const char *name, const char *value)
{
	char path[128];
	int err;

	snprintf(path, sizeof(path), DEBUGFS "/%s/%s", kind, name);
	err = guest_write_file(path, value);
	/* not every kind has every file */
	if (err && err != ENOENT)
		fail_msg("%s: %s", path, strerror(err));
}

static void set_number(const char *kind, const char *name, unsigned long value)
{
	char text[32];

	snprintf(text, sizeof(text), "%lu", value);
	set(kind, name, text);
}

struct symbol {
	unsigned long address;
	char name[256];
	char owner[64]; /* the module; the kernel itself: empty */
};

/* The next function; false at the end of the table, which is not sorted. */
static bool next_function(FILE *symbols, struct symbol *s)
{
	char line[512], type;

	while (fgets(line, sizeof(line), symbols)) {
		s->owner[0] = '\0';
		if (sscanf(line, "%lx %c %255s [%63[^]]", &s->address, &type, s->name, s->owner) >= 3 &&
		    (type == 't' || type == 'T'))
			return true;
	}
	return false;
}

static FILE *open_symbols(void)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");

	assert_non_null(symbols);
	return symbols;
}

/* Where the module's code lies. Its last function ends in the page it begins in, or is not found. */
static void code_of(const char *module, unsigned long *start, unsigned long *end)
{
	FILE *symbols = open_symbols();
	struct symbol s;

	*start = ~0UL;
	*end = 0;
	while (next_function(symbols, &s)) {
		if (strcmp(s.owner, module))
			continue;
		*start = s.address < *start ? s.address : *start;
		*end = s.address > *end ? s.address : *end;
	}
	fclose(symbols);
	assert_true(*start < *end);
	*end |= 4095;
}

/* From where @function begins to where the next one does. */
static void code_of_function(const char *function, unsigned long *start, unsigned long *end)
{
	FILE *symbols = open_symbols();
	struct symbol s;

	*start = 0;
	*end = ~0UL;
	while (next_function(symbols, &s))
		if (!strcmp(s.name, function))
			*start = s.address;
	rewind(symbols);
	while (next_function(symbols, &s))
		if (s.address > *start && s.address < *end)
			*end = s.address;
	fclose(symbols);
	if (!*start)
		fail_msg("this kernel has no function %s", function);
}

void failures_setup(const char *module)
{
	unsigned long start, end;

	if (access(FAIL_NTH, F_OK) || access(DEBUGFS "/failslab", F_OK))
		guest_skip("this kernel has no fault injection; `./lab test --debug-kernel` builds one that has");
	code_of(module, &start, &end);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set(kinds[i], "probability", "0");
		set(kinds[i], "verbose", "2");
		set(kinds[i], "verbose_ratelimit_interval_ms", "0");
		set(kinds[i], "ignore-gfp-wait", "N");
		set(kinds[i], "min-order", "0");
		set(kinds[i], "interval", "1");
		set(kinds[i], "task-filter", "N");
		set_number(kinds[i], "require-start", start);
		set_number(kinds[i], "require-end", end);
	}
}

static int fail_nth_fd = -1;

static void set_fail_nth(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (fail_nth_fd < 0)
		fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	assert_int_equal(pwrite(fail_nth_fd, text, len, 0), len);
}

/* What is left to count; 0: it has failed. */
static unsigned int left_of_nth(void)
{
	char text[16] = "";

	assert_true(pread(fail_nth_fd, text, sizeof(text) - 1, 0) > 0);
	return strtoul(text, NULL, 10);
}

static bool allowed(const struct failing_call *c, int err)
{
	if (err == ENOMEM || err == EFAULT)
		return true;
	for (size_t i = 0; i < FAILURES_ERRNOS; i++)
		if (err && c->errnos[i] == err)
			return true;
	return !err && c->absorbs;
}

static unsigned int unexpected;

static void begin(const struct failing_call *c)
{
	if (c->before)
		c->before();
	failures_log_begin();
}

/* Goes on with the next one: a list of all is worth more than the first. */
static void complain(const struct failing_call *c, const char *kind, unsigned long n, bool failed, int err)
{
	print_error("%s: failure %lu%s of kind %s gives %s\n%s", c->name, n, failed ? "" : " (which none was)",
		    kind, err ? strerror(err) : "success", failures_log_stack());
	unexpected++;
}

/* The call is over, with @err: look, take back, and see that it works now. */
static void end(const struct failing_call *c, const char *kind, unsigned long n, bool failed, int err)
{
	bool spare = failures_log_end(!err);

	if (failed ? !allowed(c, err) && !(spare && !err) : err)
		complain(c, kind, n, failed, err);
	if (c->check)
		c->check(err);
	if (!err && c->undo)
		c->undo();
	if (err) {
		err = c->call();
		if (err)
			fail_msg("%s after failure %lu of kind %s, without one: %s\n%s", c->name, n, kind,
				 strerror(err), failures_log_stack());
		if (c->check)
			c->check(0);
		if (c->undo)
			c->undo();
	}
	if (c->after)
		c->after();
}

/* True while the n-th failure happens: there may be more. */
static bool fail_nth(const struct failing_call *c, unsigned int n)
{
	bool failed;
	int err;

	begin(c);
	set_fail_nth(n);
	err = c->call();
	failed = !left_of_nth();
	set_fail_nth(0);
	end(c, "any", n, failed, err);
	return failed;
}

/* The same for all tasks, after *@space bytes, pages or copies; sets it to what is left of them. */
static bool fail_after(const struct failing_call *c, const char *kind, long *space)
{
	const unsigned long given = *space;
	char path[128], text[32];
	bool failed;
	int err;

	begin(c);
	set(kind, "times", "1");
	set_number(kind, "space", given);
	set(kind, "probability", "100");
	err = c->call();
	set(kind, "probability", "0");
	snprintf(path, sizeof(path), DEBUGFS "/%s/space", kind);
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	*space = strtol(text, NULL, 10);
	snprintf(path, sizeof(path), DEBUGFS "/%s/times", kind);
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	failed = !strcmp(text, "0");
	end(c, kind, given, failed, err);
	return failed;
}

/* From the last allocation to the first. */
static unsigned int run_kthread(const struct failing_call *c)
{
	unsigned int total = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		long at = ALL_SPACE, left = at;

		assert_false(fail_after(c, kinds[i], &left));
		for (at -= left; at > 0; at -= left ? left : 1) {
			left = at;
			if (fail_after(c, kinds[i], &left))
				total++;
			else
				left = 1; /* less was allocated than the first time */
			assert_true(total < MAX_POINTS);
		}
	}
	return total;
}

/* Stacks go to the log; on the serial line of an emulated machine they would take their time. */
static const char *console_level(const char *levels)
{
	static const char path[] = "/proc/sys/kernel/printk";
	static char was[64];

	assert_int_equal(guest_read_file(path, was, sizeof(was)), 0);
	assert_int_equal(guest_write_file(path, levels), 0);
	return was;
}

static void set_stack(const struct failing_call *c)
{
	unsigned long start = 0, end = 0;

	if (c->spares)
		code_of_function(c->spares, &start, &end);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set_number(kinds[i], "stacktrace-depth", c->depth ? c->depth : MAX_DEPTH);
		set_number(kinds[i], "reject-start", start);
		set_number(kinds[i], "reject-end", end);
	}
}

static unsigned int number_from(const char *variable, unsigned int otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoul(text, NULL, 10) : otherwise;
}

void failures_run(const struct failing_call *calls, size_t count)
{
	const char *was = console_level("4 4 1 7"), *only = getenv("FAILURES_OF");
	const unsigned int first = number_from("FAILURES_FROM", 1), last = number_from("FAILURES_TO", MAX_POINTS);
	unsigned int total = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned int n = 0, more = 0;

		if (only && strncmp(only, calls[i].name, strlen(only)))
			continue;
		set_stack(&calls[i]);
		while (first + n <= last && fail_nth(&calls[i], first + n))
			assert_true(first + ++n <= MAX_POINTS);
		if (calls[i].kthread)
			more = run_kthread(&calls[i]);
		print_message("%-24s %3u failures", calls[i].name, n);
		print_message(more ? ", %u with the kernel thread\n" : "\n", more);
		/* for the case that the next one hangs */
		fflush(stdout);
		total += n + more;
	}
	failures_log_sites();
	print_message("%u failures of %zu calls\n", total, count);
	console_level(was);
	assert_int_equal(unexpected, 0);
	assert_true(total > 0);
}
