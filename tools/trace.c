// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/* Reading the tracepoint vfiowc:dma. See trace.h. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pci.h"
#include "trace.h"

/* And the number of the process. */
#define INSTANCE "vfiowc-"

static const char *const tracefs[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };

/*
 * The fields, in the order in which the kernel prints them. Events come by the ten thousand a second: a line is
 * gone through once, and each word is looked for first where it is expected.
 */
static const struct field {
	const char *name;
	size_t offset; /* in struct trace_row */
	size_t room; /* 0: a number, a uint64_t */
} fields[] = {
#define NUMBER(name) { #name, offsetof(struct trace_row, name), 0 }
#define WORD(name) { #name, offsetof(struct trace_row, name), sizeof(((struct trace_row *)0)->name) }
	WORD(dev), NUMBER(qpn), NUMBER(wr_id), WORD(op), NUMBER(remote), NUMBER(target), NUMBER(key),
	NUMBER(address), NUMBER(length), NUMBER(ro), WORD(ns), NUMBER(st), NUMBER(ph),
#undef NUMBER
#undef WORD
};

#define NUM_FIELDS (sizeof(fields) / sizeof(fields[0]))
#define ALL_FIELDS ((1u << NUM_FIELDS) - 1)

/* Number of the field that a word "name=value" is, or NUM_FIELDS: none that this tool knows. */
static size_t find_field(const char *word, size_t name_len, size_t expected)
{
	for (size_t i = 0; i < NUM_FIELDS; i++) {
		size_t at = (expected + i) % NUM_FIELDS;

		if (!strncmp(fields[at].name, word, name_len) && !fields[at].name[name_len])
			return at;
	}
	return NUM_FIELDS;
}

static int parse_value(const char *value, size_t len, const struct field *field, struct trace_row *row)
{
	char *to = (char *)row + field->offset, *end;
	uint64_t number;

	if (field->room) {
		if (!len || len >= field->room)
			return EPROTO;
		memcpy(to, value, len);
		to[len] = '\0';
		return 0;
	}
	if (*value < '0' || *value > '9')
		return EPROTO;
	number = strtoull(value, &end, 0);
	memcpy(to, &number, sizeof(number));
	return end == value + len ? 0 : EPROTO;
}

int trace_parse(const char *line, struct trace_row *row)
{
	static const char event[] = ": dma:";
	const char *at = line[0] == '#' ? NULL : strstr(line, event);
	unsigned int seen = 0;
	size_t expected = 0;

	if (!at || at[strlen(event)] != ' ')
		return ENOMSG;
	memset(row, 0, sizeof(*row));
	for (at += strlen(event); *at == ' ';) {
		const char *word = at + 1;
		size_t len = strcspn(word, " \n"), name_len = strcspn(word, "= \n");
		size_t found = name_len < len ? find_field(word, name_len, expected) : NUM_FIELDS;

		at = word + len;
		if (found == NUM_FIELDS || seen & 1u << found)
			continue;
		if (parse_value(word + name_len + 1, len - name_len - 1, &fields[found], row))
			return EPROTO;
		seen |= 1u << found;
		expected = found + 1;
	}
	return seen == ALL_FIELDS ? 0 : EPROTO;
}

/*
 * Remove what a process that was killed has left: the device would go on recording into it. One that is in use
 * after all (a process of another PID namespace) is open and stays.
 */
static void remove_orphans(const char *instances)
{
	struct dirent *entry;
	DIR *dir = opendir(instances);
	char path[300];
	int pid;

	while (dir && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, INSTANCE "%d", &pid) != 1 || !kill(pid, 0) || errno != ESRCH)
			continue;
		snprintf(path, sizeof(path), "%s/%s", instances, entry->d_name);
		rmdir(path);
	}
	if (dir)
		closedir(dir);
}

static int make_instance(struct trace *trace)
{
	int err = ENOENT;

	for (size_t i = 0; err == ENOENT && i < sizeof(tracefs) / sizeof(tracefs[0]); i++) {
		snprintf(trace->path, sizeof(trace->path), "%s/instances", tracefs[i]);
		remove_orphans(trace->path);
		snprintf(trace->path, sizeof(trace->path), "%s/instances/" INSTANCE "%d", tracefs[i], getpid());
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
	err = trace_record(trace, true);
	if (err)
		trace_stop(trace);
	return err;
}

int trace_record(const struct trace *trace, bool on)
{
	return sysfs_write(on ? "1" : "0", "%s/events/vfiowc/dma/enable", trace->path);
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
