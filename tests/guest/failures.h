/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Every allocation and user copy of the modules fails once, by the kernel's fault injection
 * (Documentation/fault-injection of the kernel): for each call n = 1, 2, ... until none fails any
 * more. A new call is one line in a table (failures_exporter.c, failures_rdma.c).
 */
#ifndef VFIOWC_TESTS_FAILURES_H
#define VFIOWC_TESTS_FAILURES_H

#include "guest.h"

#define FAILURES_ERRNOS 4

/**
 * struct failing_call - a call and what it may say when an allocation or user copy below it fails
 * @name: for people
 * @call: 0 or a positive errno; it alone runs with a failure
 * @before: makes what the call needs, each time; may be NULL
 * @undo: takes back what the call has done when it succeeded, each time; may be NULL
 * @after: takes back what @before has done, each time; may be NULL
 * @check: what must hold when the call has failed, and when it has succeeded; may be NULL
 * @errnos: allowed besides ENOMEM and EFAULT
 * @absorbs: a failure may go unnoticed: what was wanted comes about in another way. What the allocator
 *	itself does without (failures_log.c) may go unnoticed in any call.
 * @depth: only what fails within so many functions of ours, the injection's own few included; 0: anything below
 *	them. For calls that make others allocate without end.
 * @spares: a function of the kernel that does not get over a failure below it: nothing fails there; may be NULL
 * @kthread: works in a kernel thread too, which is reached by another way
 */
struct failing_call {
	const char *name;
	int (*call)(void);
	void (*before)(void);
	void (*undo)(void);
	void (*after)(void);
	void (*check)(int err);
	int errnos[FAILURES_ERRNOS];
	const char *spares;
	unsigned int depth;
	bool absorbs;
	bool kthread;
};

#define FAILING(f, ...) { .name = #f, .call = f, __VA_ARGS__ }

/**
 * failures_setup() - only where @module is on the stack may something fail from now on
 *
 * Skips the test where the kernel cannot inject failures.
 */
void failures_setup(const char *module);

/**
 * failures_run() - all calls of a table; prints how many failures each of them had, and where
 *
 * With FAILURES_OF=NAME in the environment, those whose names begin with it; with FAILURES_FROM=N and FAILURES_TO=M, of
 * each the N-th to M-th failure in the calling task: a slow call can be run in pieces.
 */
void failures_run(const struct failing_call *calls, size_t count);

/** failures_log_begin() - the kernel's log is looked at from here */
void failures_log_begin(void);

/**
 * failures_log_end() - notes the place of the failure since failures_log_begin()
 * @survived: the call has succeeded all the same
 *
 * Return: true when what has failed is nothing that was asked for, but the allocator's own.
 */
bool failures_log_end(bool survived);

/** failures_log_stack() - where the failure was that failures_log_end() has looked at */
const char *failures_log_stack(void);

/** failures_log_sites() - print all places */
void failures_log_sites(void);

#endif
