// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* What the subcommands share: error lines, numbers, running another program. See vfiowc.h. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vfiowc.h"

extern char **environ;

static void print_error(const char *object, const char *fmt, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "vfiowc: ");
	if (object)
		fprintf(stderr, "%s: ", object);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

void tool_error(const char *object, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(object, fmt, args);
	va_end(args);
}

int tool_usage(const char *command, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(command, fmt, args);
	va_end(args);
	fprintf(stderr, "Try 'vfiowc%s%s --help'.\n", command ? " " : "", command ? command : "");
	return TOOL_USAGE;
}

int tool_parse_u64(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	/* strtoull() takes a sign and leading blanks, and wraps negative numbers. */
	if (text[0] < '0' || text[0] > '9')
		return EINVAL;
	errno = 0;
	*value = strtoull(text, &end, text[1] == 'x' || text[1] == 'X' ? 16 : 10);
	if (*end)
		return EINVAL;
	return errno || *value > max ? ERANGE : 0;
}

/* Everything the program writes, of which the first @len - 1 bytes are kept. */
static void drain(int fd, char *out, size_t len)
{
	size_t used = 0;
	char rest[512];
	ssize_t n;

	for (;;) {
		if (used < len - 1)
			n = read(fd, out + used, len - 1 - used);
		else
			n = read(fd, rest, sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (used < len - 1)
			used += n;
	}
	if (used && out[used - 1] == '\n')
		used--;
	out[used] = '\0';
}

static int spawn(char *const argv[], int out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return err;
	err = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
	if (!err)
		err = posix_spawn_file_actions_adddup2(&actions, out, STDERR_FILENO);
	if (!err)
		err = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return err;
}

int tool_run(char *const argv[], char *out, size_t len)
{
	int pipes[2], status, err;
	pid_t pid;

	out[0] = '\0';
	if (pipe2(pipes, O_CLOEXEC))
		return 127;
	err = spawn(argv, pipes[1], &pid);
	close(pipes[1]);
	if (!err)
		drain(pipes[0], out, len);
	close(pipes[0]);
	if (err) {
		snprintf(out, len, "%s: %s", argv[0], strerror(err));
		return 127;
	}
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 127;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
