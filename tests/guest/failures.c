// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The kernel's fault injection, driven. See failures.h.
 *
 * fail-nth of a task counts what could fail in that task, of all kinds together. A kernel thread has a
 * fail-nth of its own that nobody can set; there, `space` does: it lets so many bytes of allocations
 * pass before one fails, so that going up in steps of the smallest object fails each in turn.
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
#define SMALLEST_OBJECT 8
#define MAX_SPACE 65536

/* Each with the unit of its `space`. */
static const struct {
	const char *name;
	unsigned int step;
} kinds[] = {
	{ "failslab", SMALLEST_OBJECT },
	{ "fail_page_alloc", 1 },
	{ "fail_usercopy", 1 },
};

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

void failures_setup(void)
{
	if (access(FAIL_NTH, F_OK) || access(DEBUGFS "/failslab", F_OK))
		guest_skip("this kernel has no fault injection; `./lab test --debug-kernel` builds one that has");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set(kinds[i].name, "probability", "0");
		set(kinds[i].name, "verbose", "0"); /* its stack dumps look like splats */
		set(kinds[i].name, "ignore-gfp-wait", "N");
		set(kinds[i].name, "min-order", "0");
		set(kinds[i].name, "stacktrace-depth", "32");
		set(kinds[i].name, "interval", "1");
		set(kinds[i].name, "task-filter", "N");
	}
}

/* Where the module's code lies; /proc/modules has size and start of all its memory. */
static void code_of(const char *module, unsigned long *start, unsigned long *end)
{
	char path[128], text[32];

	snprintf(path, sizeof(path), "/sys/module/%s/sections/.text", module);
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	*start = strtoul(text, NULL, 16);
	snprintf(path, sizeof(path), "/sys/module/%s/coresize", module);
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	*end = *start + strtoul(text, NULL, 10);
	assert_true(*start);
}

void failures_of(const char *module)
{
	unsigned long start, end;

	code_of(module, &start, &end);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set_number(kinds[i].name, "require-start", start);
		set_number(kinds[i].name, "require-end", end);
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

static void begin(const struct failing_call *c)
{
	if (c->before)
		c->before();
}

/* The call is over, with @err: look, take back, and see that it works now. */
static void end(const struct failing_call *c, const char *kind, unsigned long n, bool failed, int err)
{
	if (failed ? !allowed(c, err) : err)
		fail_msg("%s: failure %lu%s of kind %s gives %s", c->name, n, failed ? "" : " (which none was)",
			 kind, err ? strerror(err) : "success");
	if (c->check)
		c->check(err);
	if (!err && c->undo)
		c->undo();
	if (err) {
		err = c->call();
		if (err)
			fail_msg("%s after failure %lu of kind %s, without one: %s", c->name, n, kind,
				 strerror(err));
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

/* The same for all tasks, after @space bytes, pages or copies. */
static bool fail_after(const struct failing_call *c, const char *kind, unsigned long space)
{
	char path[128], text[16];
	bool failed;
	int err;

	snprintf(path, sizeof(path), DEBUGFS "/%s/times", kind);
	begin(c);
	set(kind, "times", "1");
	set_number(kind, "space", space);
	set(kind, "probability", "100");
	err = c->call();
	set(kind, "probability", "0");
	assert_int_equal(guest_read_file(path, text, sizeof(text)), 0);
	failed = !strcmp(text, "0");
	end(c, kind, space, failed, err);
	return failed;
}

static unsigned int run_kthread(const struct failing_call *c)
{
	unsigned int total = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		unsigned long space = 0;

		while (fail_after(c, kinds[i].name, space)) {
			space += kinds[i].step;
			assert_true(space < MAX_SPACE);
			total++;
		}
	}
	return total;
}

void failures_run(const struct failing_call *calls, size_t count)
{
	unsigned int total = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned int n = 0, more = 0;

		while (fail_nth(&calls[i], n + 1))
			assert_true(++n < MAX_POINTS);
		if (calls[i].kthread)
			more = run_kthread(&calls[i]);
		print_message("%-24s %3u failures", calls[i].name, n);
		print_message(more ? ", %u tries with the kernel thread\n" : "\n", more);
		total += n;
	}
	print_message("%u failures of %zu calls\n", total, count);
	assert_true(total > 0);
}
