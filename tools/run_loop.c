// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * `vfiowc run`: the programs from their start to their end. One loop waits for everything: the end
 * of a program, its stdout where that is read, and the device's events. See run_loop.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run_loop.h"
#include "vfiowc.h"

#define LOOK_MS 50
#define LISTEN_MS 60000
/* An end whose peer has failed may wait for it for ever. */
#define PEER_MS 15000

struct loop {
	const struct run *run;
	struct run_proof *proof;
	struct run_child children[RUN_ENDS];
	int to; /* where the client's stdout goes */
	int out; /* read end of its pipe, -1: it writes there itself */
	int server_out; /* a memfd: shown if the server fails */
	uint64_t ended_ms; /* when the first end ended; 0: not yet */
	bool interrupted; /* the client was told to end, and its server by it */
	bool killed;
};

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
	caught = number;
}

static void catch_signals(void)
{
	const struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ull + now.tv_nsec / 1000000;
}

static void signal_children(struct loop *loop, int number)
{
	for (int end = 0; end < RUN_ENDS; end++) {
		if (!run_child_ended(&loop->children[end]))
			kill(loop->children[end].pid, number);
	}
}

/*
 * Ctrl-C is how a benchmark that runs for ever (--run_infinitely) is ended. Its client then takes leave of
 * its server, which must be alive for that: so only the client hears the first one.
 */
static void pass_signal_on(struct loop *loop)
{
	struct run_child *client = &loop->children[RUN_CLIENT];
	int number = caught;

	caught = 0;
	if (number == SIGINT && loop->run->num_ends > 1 && !loop->interrupted && !run_child_ended(client)) {
		loop->interrupted = true;
		kill(client->pid, number);
	} else if (number) {
		signal_children(loop, number);
	}
	/* A client that knows no leave-taking has died of it. */
	if (loop->interrupted && !loop->killed && run_child_ended(client) && WIFSIGNALED(client->status)) {
		loop->killed = true;
		signal_children(loop, SIGINT);
	}
}

static void write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			len -= n;
		}
	}
}

/* Pass the client's stdout on; false at its end. */
static bool pump(struct loop *loop)
{
	char text[4096];
	ssize_t n = read(loop->out, text, sizeof(text));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	if (!n) {
		/* The last row of a program that was interrupted has no end. */
		if (loop->proof)
			run_table_feed(&loop->proof->table, "\n", 1);
		return false;
	}
	write_all(loop->to, text, n);
	if (loop->proof)
		run_table_feed(&loop->proof->table, text, n);
	return true;
}

/* One wait for anything to happen, and everything that has happened dealt with. */
static int step(struct loop *loop)
{
	struct pollfd fds[4];
	nfds_t num = 0;

	for (int end = 0; end < RUN_ENDS; end++) {
		if (!run_child_ended(&loop->children[end]))
			fds[num++] = (struct pollfd){ .fd = loop->children[end].pidfd, .events = POLLIN };
	}
	if (loop->out >= 0)
		fds[num++] = (struct pollfd){ .fd = loop->out, .events = POLLIN };
	if (loop->proof)
		fds[num++] = (struct pollfd){ .fd = loop->proof->stream.fd, .events = POLLIN };
	poll(fds, num, LOOK_MS);
	pass_signal_on(loop);
	if (loop->out >= 0) {
		struct pollfd out = { .fd = loop->out, .events = POLLIN };

		while (poll(&out, 1, 0) > 0 && loop->out >= 0) {
			if (!pump(loop)) {
				close(loop->out);
				loop->out = -1;
			}
		}
	}
	return loop->proof ? run_proof_collect(loop->proof) : 0;
}

/* An end that has succeeded, or failed, gives its peer some time, not for ever. */
static void limit_peer(struct loop *loop)
{
	bool client = run_child_ended(&loop->children[RUN_CLIENT]);
	bool server = run_child_ended(&loop->children[RUN_SERVER]);

	if (loop->run->num_ends == 1 || client == server)
		return;
	if (!loop->ended_ms)
		loop->ended_ms = now_ms();
	if (loop->killed || now_ms() - loop->ended_ms < PEER_MS)
		return;
	tool_error(NULL, "the %s has ended, and its peer waits: it is stopped", client ? "client" : "server");
	signal_children(loop, SIGTERM);
	loop->killed = true;
}

static int start_server(struct loop *loop)
{
	struct run_child *server = &loop->children[RUN_SERVER];
	uint64_t start = now_ms();
	int err;

	loop->server_out = memfd_create("vfiowc-server", MFD_CLOEXEC);
	if (loop->server_out < 0)
		return errno;
	err = run_spawn(loop->run, RUN_SERVER, loop->run->argv, loop->server_out, server);
	while (!err && !run_child_listens(server)) {
		err = step(loop);
		if (!err && run_child_ended(server)) {
			tool_error(loop->run->argv[0], "the server has ended before it listened");
			return 0;
		}
		if (!err && now_ms() - start > LISTEN_MS) {
			tool_error(loop->run->argv[0], "the server does not listen; --pair is for programs whose "
				   "client is the same command with a host name behind it");
			err = ETIMEDOUT;
		}
	}
	return err;
}

static int start_client(struct loop *loop)
{
	char **argv = loop->run->argv, **more = NULL;
	int pipes[2] = { -1, -1 }, err = 0, argc = 0;
	bool piped = false;

	if (loop->run->num_ends > 1) {
		while (argv[argc])
			argc++;
		more = calloc(argc + 2, sizeof(*more));
		if (!more)
			return ENOMEM;
		memcpy(more, argv, argc * sizeof(*more));
		more[argc] = "localhost";
		argv = more;
	}
	if (loop->proof) {
		piped = !pipe2(pipes, O_CLOEXEC);
		err = piped ? 0 : errno;
	}
	loop->out = pipes[0];
	if (!err)
		err = run_spawn(loop->run, RUN_CLIENT, argv, piped ? pipes[1] : loop->to,
				&loop->children[RUN_CLIENT]);
	if (piped)
		close(pipes[1]);
	free(more);
	return err;
}

static int shell_status(const struct run_child *child)
{
	if (!child->pid)
		return 0;
	return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}

static void show_server(const struct loop *loop)
{
	char text[4096];
	ssize_t n;

	tool_error(loop->run->argv[0], "the server ended with status %d; it said:",
		   shell_status(&loop->children[RUN_SERVER]));
	lseek(loop->server_out, 0, SEEK_SET);
	while ((n = read(loop->server_out, text, sizeof(text))) > 0)
		write_all(STDERR_FILENO, text, n);
}

/* Until both ends are gone and nothing of their output is left. */
static int wait_for_all(struct loop *loop)
{
	int err = 0;

	while (!run_child_ended(&loop->children[RUN_CLIENT]) ||
	       !run_child_ended(&loop->children[RUN_SERVER])) {
		err = err ? err : step(loop);
		if (err)
			signal_children(loop, SIGTERM);
		limit_peer(loop);
	}
	if (!err)
		err = step(loop);
	return err || !loop->proof ? err : run_proof_end(loop->proof);
}

int run_programs(const struct run *run, struct run_proof *proof, bool to_stderr, int *status)
{
	struct loop loop = {
		.run = run,
		.proof = proof,
		.to = to_stderr ? STDERR_FILENO : STDOUT_FILENO,
		.out = -1,
		.server_out = -1,
	};
	int err = 0, last;

	catch_signals();
	if (run->num_ends > 1)
		err = start_server(&loop);
	if (!err && !(run->num_ends > 1 && run_child_ended(&loop.children[RUN_SERVER])))
		err = start_client(&loop);
	if (err)
		signal_children(&loop, SIGTERM);
	last = wait_for_all(&loop);
	*status = shell_status(&loop.children[RUN_CLIENT]);
	if (run->num_ends > 1 && shell_status(&loop.children[RUN_SERVER]) &&
	    !(loop.interrupted && WIFSIGNALED(loop.children[RUN_CLIENT].status))) {
		show_server(&loop);
		if (!*status)
			*status = shell_status(&loop.children[RUN_SERVER]);
	}
	if (loop.out >= 0)
		close(loop.out);
	if (loop.server_out >= 0)
		close(loop.server_out);
	return err ? err : last;
}
