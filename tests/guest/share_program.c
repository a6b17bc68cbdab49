// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Programs that run beside a test. See share_program.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "share_program.h"

#define PATIENCE_MS 30000

void program_start(struct program *program, char *const argv[], int keep_fd)
{
	int in[2], out[2];

	memset(program, 0, sizeof(*program));
	assert_return_code(pipe2(in, O_CLOEXEC), errno);
	assert_return_code(pipe2(out, O_CLOEXEC), errno);
	program->pid = fork();
	if (!program->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		if (keep_fd >= 0)
			fcntl(keep_fd, F_SETFD, 0);
		execv(argv[0], argv);
		_exit(127);
	}
	assert_return_code(program->pid, errno);
	close(in[0]);
	close(out[1]);
	program->in = in[1];
	program->out = out[0];
}

/* The first line said, taken out; false when there is no whole one. */
static bool next_line(struct program *program, char line[static 256])
{
	char *end = memchr(program->text, '\n', program->used);
	size_t len;

	if (!end)
		return false;
	len = end - program->text;
	snprintf(line, 256, "%.*s", (int)len, program->text);
	program->used -= len + 1;
	memmove(program->text, end + 1, program->used);
	return true;
}

void program_expect(struct program *program, const char *wanted, char line[static 256])
{
	for (;;) {
		struct pollfd ready = { .fd = program->out, .events = POLLIN };
		ssize_t n;

		while (next_line(program, line)) {
			print_message("%d: %s\n", program->pid, line);
			if (strstr(line, wanted))
				return;
		}
		if (poll(&ready, 1, PATIENCE_MS) != 1)
			fail_msg("process %d did not say '%s'", program->pid, wanted);
		n = read(program->out, program->text + program->used,
			 sizeof(program->text) - program->used);
		if (n <= 0)
			fail_msg("process %d ended without saying '%s'", program->pid, wanted);
		program->used += n;
	}
}

void program_tell(struct program *program, const char *line)
{
	assert_int_equal(dprintf(program->in, "%s\n", line), strlen(line) + 1);
}

static int collect(struct program *program)
{
	int status;

	assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
	close(program->out);
	program->pid = 0;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int program_end(struct program *program)
{
	close(program->in);
	return collect(program);
}

void program_kill(struct program *program)
{
	if (!program->pid)
		return;
	kill(program->pid, SIGKILL);
	program_end(program);
}
