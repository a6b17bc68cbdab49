/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* `vfiowc run`: the programs from their start to their end. */
#ifndef VFIOWC_TOOL_RUN_LOOP_H
#define VFIOWC_TOOL_RUN_LOOP_H

#include "run.h"
#include "run_proof.h"

/**
 * run_programs() - start the program (or the server, then its client), and wait for the end
 * @run: with its targets open
 * @proof: collects what the programs do; or NULL
 * @to_stderr: stdout of the programs goes to stderr
 * @status: receives the exit status as a shell has it: the client's, or the server's when the
 *	client succeeded; 128 + N for signal N
 *
 * SIGINT, SIGTERM and SIGHUP are passed on to the programs.
 */
int run_programs(const struct run *run, struct run_proof *proof, bool to_stderr, int *status);

#endif
