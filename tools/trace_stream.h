/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
/*
 * Events of vfiowc:dma as they come (trace.h reads what has been recorded), and their sums. Events
 * that the kernel had no room for are counted, never passed over.
 */
#ifndef VFIOWC_TOOL_TRACE_STREAM_H
#define VFIOWC_TOOL_TRACE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

struct trace_stream {
	struct trace trace;
	int fd; /* poll(2) it for POLLIN */
	uint64_t lost; /* events that the kernel said it had overwritten */
	size_t start; /* of what is not given out yet, in the buffer */
	size_t used; /* end of it */
	char buffer[65536];
};

/**
 * trace_stream_start() - record from now on
 * @stream: ended by trace_stream_stop(), whatever this returns
 * @buffer_kb: room of each processor's buffer
 *
 * Return: 0; as trace_start().
 */
int trace_stream_start(struct trace_stream *stream, unsigned int buffer_kb);

/**
 * trace_stream_next() - the oldest event not yet given out
 * @row: receives it
 *
 * Return: 0; EAGAIN there is none now; EPROTO an event lacks a field this tool knows; what
 * tracefs says. The device may be faster than its reader, and others may use it without end: who waits for EAGAIN
 * stops the recording first (trace_record()), who has other things to do takes a number of events at a time.
 */
int trace_stream_next(struct trace_stream *stream, struct trace_row *row);

/** trace_stream_stop() - end the recording and remove it; does nothing the second time */
void trace_stream_stop(struct trace_stream *stream);

/* Transfers that are alike but for address and work request. */
struct trace_sum {
	struct trace_row like; /* dev, op, remote, target, key, ro, ns, st and ph */
	uint64_t qpn_first, qpn_last; /* lowest and highest queue pair number */
	uint64_t count;
	uint64_t bytes;
};

struct trace_tally {
	struct trace_sum *sums;
	size_t num;
};

/** trace_tally_add() - count one transfer; 0 or ENOMEM */
int trace_tally_add(struct trace_tally *tally, const struct trace_row *row);
void trace_tally_free(struct trace_tally *tally);

#endif
