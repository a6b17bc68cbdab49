/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/* `vfiowc trace`: which transfers are wanted, and how one is shown. */
#ifndef VFIOWC_TOOL_TRACE_FILTER_H
#define VFIOWC_TOOL_TRACE_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include <json-c/json.h>

#include "tlp.h"
#include "trace_stream.h"

/* Everything that is set must hold. */
struct trace_filter {
	const char *dev; /* NULL: any */
	bool has_qp, has_key, has_st;
	uint64_t qp;
	uint64_t key;
	const char *ns; /* none, st, st_ext; "any": one of the latter two; NULL: no matter */
	uint64_t st;
};

/**
 * trace_filter_tag() - none, any, st, st:N, st_ext or st_ext:N
 * Return: 0 or EINVAL. Prints nothing.
 */
int trace_filter_tag(struct trace_filter *filter, const char *text);

bool trace_filter_wants(const struct trace_filter *filter, const struct trace_row *row);

/** trace_print_head() - the names of the columns */
void trace_print_head(void);
void trace_print_row(const struct trace_row *row);

/** trace_print_tlps() - the requests that a PCIe requester would emit for a transfer */
void trace_print_tlps(const struct trace_row *row, const struct tlp_limits *limits);

/** trace_row_json() - all fields; with @limits also the requests, under "would_emit" */
json_object *trace_row_json(const struct trace_row *row, const struct tlp_limits *limits);

void trace_print_summary(const struct trace_tally *tally);
json_object *trace_summary_json(const struct trace_tally *tally);

#endif
