// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Telling `vfiowc run`, and people, what was redirected. See preload.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload.h"

/* One write(2) a line: lines of two processes do not mix, and no stdio state of the program is used. */
static void write_line(int fd, const char *line, size_t len)
{
	while (write(fd, line, len) < 0 && errno == EINTR)
		;
}

static void report_line(const char *word, const char *fmt, va_list args)
{
	static const char prefix[] = "vfiowc-preload: ";
	const char *fd = getenv(HANDOVER_REPORT);
	char line[1024];
	int saved = errno, used, len;

	used = snprintf(line, sizeof(line), "%s%s pid=%d program=%s ", prefix, word, getpid(),
			program_invocation_short_name);
	len = vsnprintf(line + used, sizeof(line) - 1 - used, fmt, args);
	used += len < (int)sizeof(line) - 2 - used ? len : (int)sizeof(line) - 2 - used;
	line[used++] = '\n';
	write_line(STDERR_FILENO, line, used);
	if (fd)
		write_line(atoi(fd), line + sizeof(prefix) - 1, used - (sizeof(prefix) - 1));
	errno = saved;
}

void report(const char *word, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_line(word, fmt, args);
	va_end(args);
}

void refuse(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	report_line("refused", fmt, args);
	va_end(args);
}
