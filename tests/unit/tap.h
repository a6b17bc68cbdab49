/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * TAP for tests that are also compiled for another architecture, for which there is no cmocka. Names
 * may be made at run time; a skipped test says why.
 */
#ifndef VFIOWC_TESTS_TAP_H
#define VFIOWC_TESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int tap_count, tap_failures;

/* The test @name has passed, or failed for the reason that format and arguments give. */
__attribute__((format(printf, 3, 4)))
static inline void tap_result(bool passed, const char *name, const char *reason, ...)
{
	va_list ap;

	printf("%s %d - %s\n", passed ? "ok" : "not ok", ++tap_count, name);
	if (!passed) {
		tap_failures++;
		printf("# ");
		va_start(ap, reason);
		vprintf(reason, ap);
		va_end(ap);
		printf("\n");
	}
	fflush(stdout);
}

static inline void tap_skip(const char *name, const char *reason)
{
	printf("skipped: %s\nok %d # SKIP %s\n", reason, ++tap_count, name);
	fflush(stdout);
}

/* The exit status of the program. */
static inline int tap_end(void)
{
	printf("1..%d\n", tap_count);
	return tap_failures != 0;
}

#endif
