/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the subcommands of the vfiowc tool share: exit statuses, the one way to report an error, and
 * running another program. The tool is single-threaded; nothing here is thread-safe.
 */
#ifndef VFIOWC_TOOL_H
#define VFIOWC_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tool_exit {
	TOOL_OK = 0,
	TOOL_FAILED = 1,
	TOOL_USAGE = 2,
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/**
 * tool_error() - one line on stderr: "vfiowc: OBJECT: what happened; try what"
 * @object: what it happened to (a PCI address, an RDMA device, a path), or NULL
 * @fmt: printf format of the rest, without a newline
 */
void tool_error(const char *object, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * tool_usage() - tool_error(NULL, ...), followed by where help is found
 * @command: the subcommand, or NULL
 * @fmt: printf format
 *
 * Return: TOOL_USAGE, so that `return tool_usage(...)` leaves the subcommand.
 */
int tool_usage(const char *command, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * tool_parse_u64() - a whole argument as a number, decimal or 0x...
 * @text: the argument
 * @max: largest value allowed
 * @value: receives the number
 *
 * Return: 0, EINVAL when @text is no such number, ERANGE when it is above @max.
 */
int tool_parse_u64(const char *text, uint64_t max, uint64_t *value);

/**
 * tool_run() - run a program found on PATH and wait for it
 * @argv: program and arguments, NULL at the end; no shell is involved
 * @out: receives stdout and stderr as a string without its last newline, cut at @len
 * @len: bytes at @out, at least 1
 *
 * Return: the program's exit status, 127 when it could not be run, 128 + N when signal N ended it.
 */
int tool_run(char *const argv[], char *out, size_t len);

/* The subcommands; argv[0] is the subcommand's name. Return: enum tool_exit. */
int cmd_bind(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_demo(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_trace(int argc, char **argv);
int cmd_unbind(int argc, char **argv);

#endif
