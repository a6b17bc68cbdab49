/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * The ways in which perftest can be run, each a test: bandwidth and latency of write, read and send, both
 * ends in memory of a target; for a number of messages, for a time, until it is told to stop, in both
 * directions, with inline data. A run has passed when its proof is complete: the device moved as much as
 * perftest says, and every transfer carries what was asked for.
 */
#ifndef VFIOWC_TESTS_PERF_MODES_H
#define VFIOWC_TESTS_PERF_MODES_H

#include "perf_fixture.h"

/* The targets, as options of `vfiowc run`. */
struct perf_target {
	char options[128];
	bool slice; /* of a BAR: tags are asked for */
};

struct perf_target perf_slices(void);
struct perf_target perf_udmabuf(void);
/** perf_drm() - a buffer of vgem, which is loaded */
struct perf_target perf_drm(void);

#define PERF_BANDWIDTH 1u
#define PERF_LATENCY 2u

enum perf_part {
	PERF_COUNTED, /* of a number of messages: what CI has the time for */
	PERF_WAYS, /* all others: what CI has the time for */
	PERF_LONG, /* the rest */
	PERF_ALL,
};

/**
 * perf_modes_run() - run the tests, for the main() of a program
 * @target: the target of all of them; called when the exporter is there
 * @programs: PERF_BANDWIDTH, PERF_LATENCY or both
 */
int perf_modes_run(struct perf_target (*target)(void), unsigned int programs, enum perf_part part);

#endif
