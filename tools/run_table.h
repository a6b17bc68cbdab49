/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* What a perftest program says it moved: the rows of the table on its stdout, and its options. */
#ifndef VFIOWC_TOOL_RUN_TABLE_H
#define VFIOWC_TOOL_RUN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct run_table {
	uint64_t rows;
	uint64_t messages; /* sum of the column #iterations */
	uint64_t bytes; /* sum of #bytes times #iterations */
	char line[256]; /* of which the end has not come yet */
	size_t used;
};

/** run_table_feed() - the next piece of stdout, cut anywhere */
void run_table_feed(struct run_table *table, const char *text, size_t len);

/* How the table counts. */
struct run_counting {
	unsigned int directions; /* 2: the table counts one of two that are alike (-b with -n, and latency) */
	bool at_least; /* -D and --run_infinitely: the table leaves out what came before and after */
};

/**
 * run_counting() - how a perftest program counts
 * @argv: its command line; -b and -D as words of their own
 */
struct run_counting run_counting(char *const argv[]);

#endif
