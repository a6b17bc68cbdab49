// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Telling `vfiowc run`, and people, what was redirected. See preload.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "preload.h"

/* One write(2) a line: lines of two processes do not mix, and no stdio state of the program is used. */
static void write_line(int fd, const char *line, size_t len)
{
	while (write(fd, line, len) < 0 && errno == EINTR)
		;
}

/* -1: the number is no file any more, or another one's. Looked at each time: programs close fds as they run. */
static int find_report(const char *text)
{
	struct handover_report report;
	struct stat st;

	if (handover_report_parse(text, &report) || fstat(report.fd, &st) || st.st_dev != report.device ||
	    st.st_ino != report.inode)
		return -1;
	return report.fd;
}

static void write_report(const char *text, const char *line, size_t len)
{
	static const char lost[] = "vfiowc-preload: the fd of the report was closed, by a program between "
				   "'vfiowc run' and this one or by this one: 'vfiowc run' does not learn of this\n";
	static atomic_flag said = ATOMIC_FLAG_INIT;
	int fd = find_report(text);

	if (fd >= 0)
		write_line(fd, line, len);
	else if (!atomic_flag_test_and_set(&said))
		write_line(STDERR_FILENO, lost, strlen(lost));
}

static void report_line(const char *word, const char *fmt, va_list args)
{
	static const char prefix[] = "vfiowc-preload: ";
	const char *file = getenv(HANDOVER_REPORT);
	char line[1024];
	int saved = errno, used, len;

	used = snprintf(line, sizeof(line), "%s%s pid=%d program=%s ", prefix, word, getpid(),
			program_invocation_short_name);
	len = vsnprintf(line + used, sizeof(line) - 1 - used, fmt, args);
	used += len < (int)sizeof(line) - 2 - used ? len : (int)sizeof(line) - 2 - used;
	line[used++] = '\n';
	write_line(STDERR_FILENO, line, used);
	if (file)
		write_report(file, line + sizeof(prefix) - 1, used - (sizeof(prefix) - 1));
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
