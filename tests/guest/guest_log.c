// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The kernel log around a test. /dev/kmsg gives one record per read, "priority,sequence,time,flags;text",
 * so a mark is a sequence number, and the log since then can be read as often as a test likes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define RECORD_MAX 8192

static const char *const splats[] = {
#include "splats.inc"
};

struct record {
	unsigned long sequence;
	char text[RECORD_MAX];
};

static unsigned long mark;

/*
 * An allocation that has failed, or was made to fail by a test (failures.c), is no report, though its stack is
 * told: what comes of it is. run-tests has the same words.
 */
static bool is_injected(const char *text)
{
	static bool inside;
	bool was = inside;

	if (strstr(text, "FAULT_INJECTION: forcing a failure") || strstr(text, "page allocation failure") ||
	    strstr(text, "vmalloc error"))
		inside = true;
	else if (strstr(text, "</TASK>"))
		inside = false;
	return inside || was;
}

/* False at the end of the log. A record that was overwritten before it was read (EPIPE) is passed over. */
static bool next_record(int fd, struct record *record)
{
	char raw[RECORD_MAX], *field;
	ssize_t n;

	do {
		n = read(fd, raw, sizeof(raw) - 1);
		raw[n > 0 ? n : 0] = '\0';
	} while (n < 0 ? errno == EPIPE || errno == EINTR : n && is_injected(raw));
	if (n <= 0)
		return false;
	field = strchr(raw, ',');
	record->sequence = field ? strtoul(field + 1, NULL, 10) : 0;
	field = strchr(raw, ';');
	strcpy(record->text, field ? field + 1 : raw);
	return true;
}

static int open_log(void)
{
	return open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

void guest_log_mark(void)
{
	struct record record = { .sequence = 0 };
	int fd = open_log();

	while (next_record(fd, &record))
		;
	mark = record.sequence + 1;
	close(fd);
}

static bool is_splat(const char *text)
{
	for (size_t i = 0; i < sizeof(splats) / sizeof(splats[0]); i++) {
		if (strstr(text, splats[i]))
			return true;
	}
	return false;
}

bool guest_log_clean(void)
{
	struct record record;
	int fd = open_log();
	bool clean = fd >= 0;

	while (next_record(fd, &record)) {
		if (record.sequence < mark || !is_splat(record.text))
			continue;
		print_error("kernel log: %s", record.text);
		clean = false;
	}
	close(fd);
	return clean;
}

unsigned int guest_log_count(const char *wanted)
{
	struct record record;
	unsigned int count = 0;
	int fd = open_log();

	while (next_record(fd, &record)) {
		if (record.sequence >= mark && strstr(record.text, wanted))
			count++;
	}
	close(fd);
	return count;
}

/*
 * GUEST_TEST names the one test to run: a mutant is killed by the test it names, and the others of its
 * program may be led astray by it. Here, because every program has guest_setup() linked in.
 */
__attribute__((constructor)) static void choose_test(void)
{
	const char *name = getenv("GUEST_TEST");

	/* Those that run-tests itself adds concern all of a program. */
	if (name && *name && strcmp(name, "leaves_nothing_behind") && strcmp(name, "kernel_log") &&
	    strcmp(name, "no_object_is_left"))
		cmocka_set_test_filter(name);
}

int guest_setup(void **state)
{
	(void)state;
	guest_log_mark();
	return 0;
}

int guest_teardown(void **state)
{
	(void)state;
	return guest_log_clean() ? 0 : -1;
}
