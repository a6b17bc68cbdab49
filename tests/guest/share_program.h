/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Programs that run beside a test, with which it talks by lines: brokers and clients. Functions without a
 * return value fail the running test.
 */
#ifndef VFIOWC_TESTS_SHARE_PROGRAM_H
#define VFIOWC_TESTS_SHARE_PROGRAM_H

#include <sys/types.h>

#include "guest.h"

struct program {
	pid_t pid; /* 0: not running */
	int in, out; /* its stdin and its stdout with stderr */
	char text[8192]; /* what it said and nobody expected yet */
	size_t used;
};

/** program_start() - run argv[0] with its stdin and output to us; @keep_fd is handed down, or -1. */
void program_start(struct program *program, char *const argv[], int keep_fd);

/**
 * program_expect() - wait for a line that contains @wanted, dropping all up to it
 * @line: receives the line, or NULL
 *
 * Fails the test when the program ends first, or says nothing of the kind within 30 s.
 */
void program_expect(struct program *program, const char *wanted, char line[static 256]);

/** program_tell() - a line to its stdin. */
void program_tell(struct program *program, const char *line);

/** program_end() - close its stdin, wait; the exit status, 128 + N for signal N. */
int program_end(struct program *program);

/** program_kill() - SIGKILL, and wait; nothing when it does not run. */
void program_kill(struct program *program);

#endif
