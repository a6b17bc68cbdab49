// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Events of vfiowc:dma as they come, and their sums. See trace_stream.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pci.h"
#include "trace_stream.h"

int trace_stream_start(struct trace_stream *stream, unsigned int buffer_kb)
{
	char path[300], size[16];
	int err;

	memset(stream, 0, sizeof(*stream));
	stream->fd = -1;
	err = trace_start(&stream->trace);
	if (err)
		return err;
	snprintf(size, sizeof(size), "%u", buffer_kb);
	err = sysfs_write(size, "%s/buffer_size_kb", stream->trace.path);
	/* Else poll(2) sleeps until half of the buffer is full. Kernels before 5.0 have no such file. */
	if (!err)
		sysfs_write("0", "%s/buffer_percent", stream->trace.path);
	if (err)
		return err;
	snprintf(path, sizeof(path), "%s/trace_pipe", stream->trace.path);
	stream->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	return stream->fd < 0 ? errno : 0;
}

/* Only a piece of a line is left: it moves to the front. */
static int fill(struct trace_stream *stream)
{
	ssize_t n;

	stream->used -= stream->start;
	memmove(stream->buffer, stream->buffer + stream->start, stream->used);
	stream->start = 0;
	/* No event of ours is that long: such a line is not one. */
	if (stream->used == sizeof(stream->buffer))
		stream->used = 0;
	n = read(stream->fd, stream->buffer + stream->used, sizeof(stream->buffer) - stream->used);
	if (n < 0)
		return errno == EINTR ? EAGAIN : errno;
	if (!n)
		return EAGAIN;
	stream->used += n;
	return 0;
}

/* "CPU:1 [LOST 12 EVENTS]" */
static void count_lost(struct trace_stream *stream, const char *line)
{
	const char *lost = strstr(line, "[LOST ");
	uint64_t events;

	if (lost && !strncmp(line, "CPU:", 4) && sscanf(lost, "[LOST %" SCNu64 " EVENTS]", &events) == 1)
		stream->lost += events;
}

int trace_stream_next(struct trace_stream *stream, struct trace_row *row)
{
	for (;;) {
		char *line = stream->buffer + stream->start;
		char *end = memchr(line, '\n', stream->used - stream->start);
		int err;

		if (!end) {
			err = fill(stream);
			if (err)
				return err;
			continue;
		}
		*end = '\0';
		stream->start += end + 1 - line;
		count_lost(stream, line);
		err = trace_parse(line, row);
		if (err != ENOMSG)
			return err;
	}
}

void trace_stream_stop(struct trace_stream *stream)
{
	if (stream->fd >= 0)
		close(stream->fd);
	stream->fd = -1;
	trace_stop(&stream->trace);
}

static bool alike(const struct trace_row *a, const struct trace_row *b)
{
	return a->key == b->key && a->st == b->st && a->ph == b->ph && a->remote == b->remote &&
	       a->target == b->target && a->ro == b->ro && !strcmp(a->op, b->op) &&
	       !strcmp(a->ns, b->ns) && !strcmp(a->dev, b->dev);
}

static struct trace_sum *find_sum(struct trace_tally *tally, const struct trace_row *row)
{
	struct trace_sum *more;

	for (size_t i = 0; i < tally->num; i++) {
		if (alike(&tally->sums[i].like, row))
			return &tally->sums[i];
	}
	more = reallocarray(tally->sums, tally->num + 1, sizeof(*more));
	if (!more)
		return NULL;
	tally->sums = more;
	more[tally->num] = (struct trace_sum) { .like = *row, .qpn_first = row->qpn, .qpn_last = row->qpn };
	return &more[tally->num++];
}

int trace_tally_add(struct trace_tally *tally, const struct trace_row *row)
{
	struct trace_sum *sum = find_sum(tally, row);

	if (!sum)
		return ENOMEM;
	if (row->qpn < sum->qpn_first)
		sum->qpn_first = row->qpn;
	if (row->qpn > sum->qpn_last)
		sum->qpn_last = row->qpn;
	sum->count++;
	sum->bytes += row->length;
	return 0;
}

void trace_tally_free(struct trace_tally *tally)
{
	free(tally->sums);
	tally->sums = NULL;
	tally->num = 0;
}
