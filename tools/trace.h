/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Reading the tracepoint vfiowc:dma, one event for each transfer that vfiowc_rdma makes, through a
 * tracefs instance of one's own: other users of tracing neither see nor disturb it.
 */
#ifndef VFIOWC_TOOL_TRACE_H
#define VFIOWC_TOOL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The fields of one event, named as in the kernel. */
struct trace_row {
	char dev[64];
	char op[16]; /* write, write_imm, read, send, send_imm */
	char ns[8]; /* none, st, st_ext */
	uint64_t wr_id;
	uint64_t key; /* rkey when remote, else lkey */
	uint64_t address;
	uint64_t length;
	uint64_t qpn;
	uint64_t remote;
	uint64_t target; /* 0 host memory, 1 I/O memory of a dma-buf, 2 system memory of a dma-buf */
	uint64_t ro;
	uint64_t st;
	uint64_t ph;
};

struct trace {
	char path[256]; /* of the instance, "" when there is none */
};

/**
 * trace_start() - make an instance and record vfiowc:dma in it
 * @trace: receives the instance, ended by trace_stop()
 *
 * Return: 0; ENOENT no tracefs, or vfiowc_rdma is not loaded; EACCES; what tracefs says.
 */
int trace_start(struct trace *trace);

/**
 * trace_record() - stop recording, or go on with it; what was recorded stays to be read
 * Return: 0; what tracefs says.
 */
int trace_record(const struct trace *trace, bool on);

/**
 * trace_read() - what was recorded so far, oldest first
 * @trace: the instance; recording goes on, and a later read gives the same rows again
 * @rows: receives the rows
 * @max: room at @rows
 * @count: receives how many there are, which may be more than @max
 *
 * Return: 0; EPROTO an event lacks a field this tool knows; what tracefs says.
 */
int trace_read(const struct trace *trace, struct trace_row *rows, size_t max, size_t *count);

/** trace_stop() - remove the instance; does nothing when there is none */
void trace_stop(struct trace *trace);

/**
 * trace_parse() - one line of a trace file
 * @line: "vfiowc-70 [001] ..... 12.3: dma: dev=vfiowc0 qpn=17 wr_id=1 op=write ..."
 * @row: receives the fields
 *
 * Return: 0; ENOMSG the line is a comment or another event; EPROTO a field is missing or malformed.
 */
int trace_parse(const char *line, struct trace_row *row);

#endif
