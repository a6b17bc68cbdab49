// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* `vfiowc trace`: the first line is the filter's tag, the rest the text of the tracepoint. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "trace_filter.h"

static const struct tlp_limits limits = { .payload_bytes = 256, .read_bytes = 512 };

static void look_at(const struct trace_filter *filter, struct trace_tally *tally,
		    const struct trace_row *row)
{
	json_object *object;

	must(fuzz_ended(row->dev, sizeof(row->dev)) && fuzz_ended(row->op, sizeof(row->op)) &&
	     fuzz_ended(row->ns, sizeof(row->ns)));
	if (!trace_filter_wants(filter, row))
		return;
	must(!trace_tally_add(tally, row));
	object = trace_row_json(row, &limits);
	must(object);
	json_object_put(object);
}

static int text_fd(const char *text)
{
	int fd = memfd_create("trace", MFD_CLOEXEC);
	size_t len = strlen(text);

	must(fd >= 0 && write(fd, text, len) == (ssize_t)len && !lseek(fd, 0, SEEK_SET));
	return fd;
}

static void read_stream(const char *text, const struct trace_filter *filter)
{
	static struct trace_stream stream;
	struct trace_tally tally = {};
	struct trace_row row;
	int err;

	stream = (struct trace_stream){ .fd = text_fd(text) };
	do {
		err = trace_stream_next(&stream, &row);
		must(stream.used <= sizeof(stream.buffer));
		if (!err)
			look_at(filter, &tally, &row);
	} while (!err || err == EPROTO);
	must(err == EAGAIN);
	json_object_put(trace_summary_json(&tally));
	trace_tally_free(&tally);
	close(stream.fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_string(data, size), *end = strchr(text, '\n');
	struct trace_filter filter = {};

	if (end)
		*end = '\0';
	if (trace_filter_tag(&filter, text))
		filter = (struct trace_filter){};
	if (end)
		read_stream(end + 1, &filter);
	free(text);
	return 0;
}
