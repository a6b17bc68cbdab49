/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Running perftest with our back-end for dma-bufs (tools/perftest). `./lab test` builds the programs. Of a
 * slice is the server's buffer only: a VFIO group opens once.
 */
#ifndef VFIOWC_TESTS_PERF_BACKEND_H
#define VFIOWC_TESTS_PERF_BACKEND_H

#include "perf_fixture.h"

#define PERF_BACKEND "/usr/libexec/vfiowc/perftest/"

/** perf_backend_needed() - skips the test where the programs were not built */
void perf_backend_needed(void);

/**
 * perf_backend_pair() - a server and, once it listens, its client (`localhost` is added)
 * @out: receives what the client writes, and the server where it failed
 * @wrapper: stands before the shell that runs both, "" for nothing
 *
 * Return: the client's status; 9: the server did not come up, 8: it failed.
 */
int perf_backend_pair(char *out, size_t len, const char *wrapper, const char *server, const char *client);

#endif
