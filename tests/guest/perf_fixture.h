/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * What the tests of `vfiowc run` and `vfiowc trace` share: the exporter bound and a TPH completer, the
 * RDMA device up, and running stock perftest on slices. Functions without a return value fail the
 * running test.
 */
#ifndef VFIOWC_TESTS_PERF_FIXTURE_H
#define VFIOWC_TESTS_PERF_FIXTURE_H

#include "demo_fixture.h"
#include "rdma_fixture.h"

/* RAM-backed BAR of GUEST_IVSHMEM. */
#define PERF_BAR 2
/* Options every perftest command here has. */
#define PERF_ARGS " -d " RDMA_DEVICE " -x 0 -F "

/*
 * In a shell: wait until a line that begins so is on stderr of the command that runs there as $pid (a row of
 * perftest's table, with --json), until it has ended, or until rows must have come that nobody kept back.
 */
#define PERF_LINE(start) \
	GUEST_TIMEOUT(40) "tail -n +1 -f -s 0.1 --pid=$pid " DEMO_STDERR " | grep -q -m 1 \"^" start "\""

/* Group setup and teardown: vfiowc_pci has the exporter, TPH is overridden to extended. */
int perf_up(void **state);
int perf_down(void **state);

/** perf_bdf() - address of the exporter */
const char *perf_bdf(void);

/** perf_device_tph() - what the RDMA device emits: off, st or st_ext */
void perf_device_tph(const char *mode);

/**
 * perf_run() - `vfiowc run --json --prove`, its object
 * @fmt: what stands behind it
 */
json_object *perf_run(int *status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** perf_number() - a number of the object's proof */
uint64_t perf_number(json_object *root, const char *key);
const char *perf_text(json_object *root, const char *key);

/** perf_fails() - a command ends with @status, and its stderr has @text */
void perf_fails(int status, const char *text, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
