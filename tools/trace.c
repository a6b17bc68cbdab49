// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Reading the tracepoint vfiowc:dma. See trace.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci.h"
#include "trace.h"

static const char *const tracefs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/* The text after " name=", or NULL. Names are whole words: "st=" is not found in "last=". */
static const char *find_field(const char *text, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = text; (at = strstr(at, name)); at++) {
		if (at > text && at[-1] == ' ' && at[len] == '=')
			return at + len + 1;
	}
	return NULL;
}

static int parse_number(const char *text, const char *name, uint64_t *value)
{
	const char *field = find_field(text, name);
	char *end;

	if (!field || *field < '0' || *field > '9')
		return EPROTO;
	*value = strtoull(field, &end, 0);
	return *end == ' ' || *end == '\n' || !*end ? 0 : EPROTO;
}

static int parse_word(const char *text, const char *name, char *word, size_t len)
{
	const char *field = find_field(text, name);
	size_t n = field ? strcspn(field, " \n") : 0;

	if (!n || n >= len)
		return EPROTO;
	memcpy(word, field, n);
	word[n] = '\0';
	return 0;
}

int trace_parse(const char *line, struct trace_row *row)
{
	const char *text = line[0] == '#' ? NULL : strstr(line, ": dma: ");
	int err;

	if (!text)
		return ENOMSG;
	memset(row, 0, sizeof(*row));
	err = parse_word(text, "dev", row->dev, sizeof(row->dev));
	if (!err)
		err = parse_word(text, "op", row->op, sizeof(row->op));
	if (!err)
		err = parse_word(text, "ns", row->ns, sizeof(row->ns));
	if (!err)
		err = parse_number(text, "qpn", &row->qpn);
	if (!err)
		err = parse_number(text, "wr_id", &row->wr_id);
	if (!err)
		err = parse_number(text, "remote", &row->remote);
	if (!err)
		err = parse_number(text, "target", &row->target);
	if (!err)
		err = parse_number(text, "key", &row->key);
	if (!err)
		err = parse_number(text, "ro", &row->ro);
	if (!err)
		err = parse_number(text, "address", &row->address);
	if (!err)
		err = parse_number(text, "length", &row->length);
	if (!err)
		err = parse_number(text, "st", &row->st);
	if (!err)
		err = parse_number(text, "ph", &row->ph);
	return err;
}

static int make_instance(struct trace *trace)
{
	int err = ENOENT;

	for (size_t i = 0; err == ENOENT && i < sizeof(tracefs) / sizeof(tracefs[0]); i++) {
		snprintf(trace->path, sizeof(trace->path), "%s/instances/vfiowc-%d", tracefs[i], getpid());
		err = mkdir(trace->path, 0700) ? errno : 0;
	}
	if (err)
		trace->path[0] = '\0';
	return err;
}

int trace_start(struct trace *trace)
{
	int err = make_instance(trace);

	if (err)
		return err;
	err = sysfs_write("1", "%s/events/vfiowc/dma/enable", trace->path);
	if (err)
		trace_stop(trace);
	return err;
}

int trace_read(const struct trace *trace, struct trace_row *rows, size_t max, size_t *count)
{
	struct trace_row row;
	char path[512], line[1024];
	int err = 0;
	FILE *file;

	*count = 0;
	snprintf(path, sizeof(path), "%s/trace", trace->path);
	file = fopen(path, "re");
	if (!file)
		return errno;
	while (!err && fgets(line, sizeof(line), file)) {
		err = trace_parse(line, &row);
		if (err == ENOMSG) {
			err = 0;
			continue;
		}
		if (!err && (*count)++ < max)
			rows[*count - 1] = row;
	}
	fclose(file);
	return err;
}

void trace_stop(struct trace *trace)
{
	if (trace->path[0])
		rmdir(trace->path);
	trace->path[0] = '\0';
}
